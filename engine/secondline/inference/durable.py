"""The same rules through durable_rules: alone in knowing its extension, driven only in the way that proved sound.

One session at a time, no host, no thread, no callback; every code that is not success is an exception. A canary rule
has to fire in every session: it shows that numbers are still read as numbers (a foreign LC_NUMERIC), that the session
is open and that the agenda runs; the first one also initialises memory that the engine frees later.
"""

from __future__ import annotations

from typing import Any

from secondline.condition import Truth
from secondline.errors import EngineError, EngineMissing
from secondline.facts import Fact, catalogue
from secondline.inference.rails import BLOCK, MAX_NUMBER, NOT_APPLICABLE_TEXT, Encoding, Program, encode, text_of
from secondline.inference.reference import Inference
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, limits

VERSION = "2.0.28"
_FAR = 1.0e300  # beyond every limit that a rule can type
_CANARY = -1
_HOW_TO_MEND = (
    "the extension of durable_rules is not usable on this Python ({reason}); with a C compiler and the Python headers "
    "run: CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject "
    "pip install --force-reinstall --no-cache-dir durable-rules==2.0.28"
)


class Engine:
    """The rulesets of a program in the engine's memory, asked one case at a time. Not for several threads."""

    def __init__(self, program: Program) -> None:
        """Open the rulesets.

        Raises:
            EngineMissing: the extension cannot be imported.
            EngineError: one of them does not pass its self-test.
        """
        try:
            import durable_rules_engine
        except ImportError as error:
            raise EngineMissing(_HOW_TO_MEND.format(reason=str(error).split(":")[-1].strip())) from None
        self._engine: Any = durable_rules_engine
        self._program = program
        self._rules = {"C": _CANARY} | {f"R{number}": number for number in range(BLOCK)}
        self._open()

    def _open(self) -> None:
        self._handles = [self._engine.create_ruleset("secondline", block.text) for block in self._program.blocks]
        self._derive({})

    def close(self) -> None:
        """Give the memory of the rulesets back; the engine answers no more."""
        for handle in self._handles:
            self._engine.delete_ruleset(handle)

    def infer(self, facts: dict[str, State]) -> Inference:
        """Judge every definition and rule on the states of a patient's facts.

        Raises:
            EngineError: the engine failed; there is no partial answer.
        """
        try:
            derived = self._derive(self._fields(facts))
        except EngineError:
            self._open()  # no ruleset is used again after an error
            raise
        except Exception as error:
            self._open()
            raise EngineError(f"durable_rules failed: {error}") from None
        return self._read(derived)

    def _read(self, derived: set[int]) -> Inference:
        rules: dict[str, Truth] = {}
        for rule, true, false in self._program.rules:
            if true in derived:
                if false in derived:
                    raise EngineError(f"durable_rules found `{rule}` both true and false")
                rules[rule] = True
            else:
                rules[rule] = False if false in derived else None
        definitions = {
            definition: frozenset(index for index, out in enumerate(cases) if out not in derived)
            for definition, cases in self._program.definitions
        }
        return Inference(rules, definitions)

    def _fields(self, facts: dict[str, State]) -> dict[str, str]:
        """The fields of a case, encoded."""
        fields: dict[str, str] = {}
        for path, encoding in self._program.encodings:
            state = facts.get(path)
            if state is not None:
                _ENCODERS[encoding.kind](encoding, state, catalogue()[path], fields)
        return fields

    def _derive(self, fields: dict[str, str]) -> set[int]:
        """Ask block by block; the names derived, by number."""
        derived: set[int] = set()
        for handle, block in zip(self._handles, self._program.blocks, strict=True):
            held = [f',"{field}":{fields[field]}' for field in block.fields if field in fields]
            names = [f',"d{name}":"yes"' for name in block.reads if name in derived]
            for rule in self._session(handle, f'{{"id":"c","canary":1.5{"".join(held)}{"".join(names)}}}'):
                derived.update(block.concludes[rule])
        return derived

    def _session(self, handle: int, fact: str) -> set[int]:
        """Assert one fact, run all that follows from it to the end and delete it; the rules fired, by number."""
        engine = self._engine
        code, offset = engine.assert_fact(handle, fact)
        if code not in (0, 1):
            raise EngineError(f"durable_rules did not take a fact (code {code})")
        fired: set[int] = set()
        started = engine.start_action_for_state(handle, offset)
        message = started[1] if started else None
        while message:
            rule = self._rules.get(message[2 : message.find('"', 2)])  # `{"R12":{...}}`
            if rule is None:
                raise EngineError("durable_rules fired a rule that is not in the rule base")
            if rule in fired:
                raise EngineError("durable_rules fired a rule twice")
            fired.add(rule)
            message = engine.complete_and_start_action(handle, offset)
        engine.delete_state(handle, "0")
        if _CANARY not in fired:
            raise EngineError("durable_rules did not pass its self-test; is LC_NUMERIC set to another language?")
        fired.discard(_CANARY)
        return fired


def _encode_choice(encoding: Encoding, state: State, fact: Fact, fields: dict[str, str]) -> None:
    if isinstance(state, OneOf) and fact.partly:
        fields[f"{encoding.field}p"] = '"yes"'
        held = {text_of(value, fact) for value in state.values}
        for index, value in enumerate(encoding.values):
            if value not in held:
                fields[f"{encoding.field}x{index}"] = '"no"'
    elif state is NOT_APPLICABLE:
        fields[encoding.field] = encode(NOT_APPLICABLE_TEXT)
    elif isinstance(state, (str, bool)):
        fields[encoding.field] = encode(text_of(state, fact))
    else:
        raise EngineError(f"`{fact.path}` holds what is no single value")


def _encode_number(encoding: Encoding, state: State, fact: Fact, fields: dict[str, str]) -> None:
    field = encoding.field
    if state is NOT_APPLICABLE:
        fields[f"{field}fl"], fields[f"{field}fh"] = encode(_FAR), encode(-_FAR)
        return
    low, high = limits(state)
    if (low, high) == (None, None) or any(v is not None and not abs(v) <= MAX_NUMBER for v in (low, high)):
        raise EngineError(f"`{fact.path}` holds what is no number within 2^53")
    if low is not None:
        fields[f"{field}tl"] = fields[f"{field}fl"] = encode(low)
    if high is not None:
        fields[f"{field}th"] = fields[f"{field}fh"] = encode(high)


def _encode_set(encoding: Encoding, state: State, fact: Fact, fields: dict[str, str]) -> None:
    if not isinstance(state, Members):
        raise EngineError(f"`{fact.path}` holds what is no set")
    for index, member in enumerate(encoding.values):
        if member in state.sure:
            fields[f"{encoding.field}m{index}"] = '"yes"'
        elif not state.may_have(member):
            fields[f"{encoding.field}m{index}"] = '"no"'


_ENCODERS = {"choice": _encode_choice, "number": _encode_number, "set": _encode_set}
