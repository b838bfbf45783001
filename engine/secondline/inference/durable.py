"""The same rules through durable_rules, driven only in the narrow way in which it proved sound.

Every node of a condition has two rails, true and false; neither derived means unknown. A rail is one or more
conjunctions of constant comparisons on the case's facts and of rails already derived, so the engine sees nothing but
that: no negation, disjunction, joins, events, arrays or batches, one session, no host, no thread, no callback.

What is known to break the engine is either compiled away or refused at load, naming the rule:

- fan-out: rules stand in blocks of `BLOCK` and of `MAX_FIELDS` fields; each reads its own copy of the case;
- a rail that many rules need is asserted in several copies, each needed by at most `READERS` rules;
- long conjunctions are chained, so that a rule joins at most `JOINS` facts and tests at most `TESTS` constants;
- numbers, texts, nesting, the number of rules and the 32-bit hashes of every name are checked;
- a canary rule has to fire in every session: it shows that numbers are still read as numbers (a foreign LC_NUMERIC),
  that the session is open and that the agenda runs; the first one also initialises memory that the engine frees later.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.condition import AnyOf, Check, Condition, Not, Test, Truth
from secondline.errors import EngineError, EngineMissing, InputError, Place, Problem
from secondline.facts import Fact, catalogue
from secondline.inference.reference import Inference
from secondline.rulebase import RuleBase, values
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, limits

if TYPE_CHECKING:
    from secondline.forms.rules import Definition

VERSION = "2.0.28"
BLOCK = 60  # 64 conditions true at once under one node is error 303
READERS = 250  # from 256 rules on one chain end an unrelated rule fires
JOINS = 12  # 17 facts joined is error 304
TESTS = 60  # constants in one conjunction
MAX_RULES = 4000  # 4,096 rules is error 106
MAX_FIELDS = 240  # 253 fields of one fact is error 302
MAX_TEXT = 1000  # texts over 65,535 bytes compare on their length modulo 65,536
MAX_NUMBER = 2**53  # integers beyond lose digits against doubles
MAX_DEPTH = 40  # nesting of a condition; the compiler here recurses
_FAR = 1.0e300  # beyond every limit that a rule can type
_RESERVED = ("id", "sid", "g", "d", "dg", "canary", "$s", "$forward")
_COMPARE = {"eq": "", "ne": "$neq", "ge": "$gte", "gt": "$gt", "le": "$lte", "lt": "$lt"}

Constant = tuple[str, str, str | int | float]  # field, comparison, value
Name = tuple[str, ...]  # a rail or an inner node: ("true", rule id), ("out", definition, case), ...


class Conjunction(NamedTuple):
    """Constants on the case's fields and names derived before, all of which hold."""

    constants: tuple[Constant, ...] = ()
    needs: tuple[Name, ...] = ()


Rail = tuple[Conjunction, ...]  # holds if any of these does; () never, (Conjunction(),) always


class Encoding(NamedTuple):
    """How the state of one fact becomes fields: its kind, its field's name, the values or members that rules test."""

    kind: str
    field: str
    values: tuple[str, ...] = ()


class Program(NamedTuple):
    """A rule base as the engine takes it; names that can be derived go by number.

    `text` is the ruleset; `concludes` the name each engine rule derives; `asserts` the facts to assert once a name is
    derived; `blocks` the fields each block reads; `rules` each rule's names for true and for false; `definitions` each
    definition's names for its cases being out.
    """

    text: str
    concludes: tuple[int, ...]
    asserts: tuple[tuple[str, ...], ...]
    blocks: tuple[tuple[str, ...], ...]
    encodings: tuple[tuple[str, Encoding], ...]
    rules: tuple[tuple[str, int, int], ...]
    definitions: tuple[tuple[str, tuple[int, ...]], ...]


# --- compiling --------------------------------------------------------------------------------------------


def compile_program(base: RuleBase, places: Mapping[str, Place]) -> Program:
    """Translate a rule base; `places` says where each rule stands.

    Raises:
        InputError: naming the rule that the engine could not be trusted with.
    """
    return _Compiler(base, places).program()


class _Compiler:
    def __init__(self, base: RuleBase, places: Mapping[str, Place]) -> None:
        self.base, self.places = base, places
        self.origin = ""
        self.rules: list[tuple[Conjunction, Name, str]] = []  # what holds, what follows, whose rule it is
        self.inner: dict[tuple[Condition, bool], Name] = {}
        self.encodings: dict[str, Encoding] = {}

    def refuse(self, message: str) -> InputError:
        place = self.places.get(self.origin, Place("rules"))
        return InputError([Problem(place, f"rule `{self.origin}` cannot run on durable_rules: {message}")])

    def program(self) -> Program:
        for definition in self.base.definitions:
            self.origin = definition.id
            self.definition(definition)
        for rule in self.base.rules():
            self.origin = rule.id
            self.derive(("true", rule.id), self.rail(rule.when, True, 0))
            self.derive(("false", rule.id), self.rail(rule.when, False, 0))
        return self.assemble()

    def definition(self, definition: Definition) -> None:
        """`("out", id, n)`: case n can no longer be the first true one; `otherwise` is the last case."""
        before: list[Rail] = []
        for index, case in enumerate(definition.cases):
            self.derive(("out", definition.id, str(index)), self.rail(case.when, False, 0), *before)
            before.append(self.rail(case.when, True, 0))
        self.derive(("out", definition.id, str(len(definition.cases))), *before)

    def derive(self, name: Name, *rails: Rail) -> None:
        """One engine rule for each conjunction of these rails."""
        for conjunction in dict.fromkeys(part for rail in rails for part in rail):
            self.rules.append((self.chained(conjunction), name, self.origin))
            if len(self.rules) > MAX_RULES:
                raise self.refuse(f"the rule base needs more than {MAX_RULES} engine rules; split it")

    def chained(self, conjunction: Conjunction) -> Conjunction:
        """A conjunction short enough for one engine rule; what is too much is derived on its own before."""
        constants, needs = list(conjunction.constants), list(conjunction.needs)
        while len(constants) > TESTS or len(needs) > JOINS - 1:
            part = Conjunction(tuple(constants[:TESTS]), tuple(needs[: JOINS - 1]))
            name: Name = ("chain", str(len(self.rules)))
            self.rules.append((part, name, self.origin))
            constants, needs = constants[TESTS:], [name, *needs[JOINS - 1 :]]
        return Conjunction(tuple(constants), tuple(needs))

    # --- rails --------------------------------------------------------------------------------------------

    def rail(self, condition: Condition, wanted: bool, depth: int) -> Rail:
        """The conjunctions under which a condition is true (or, not wanted, false)."""
        if depth > MAX_DEPTH:
            raise self.refuse(f"its condition is nested more than {MAX_DEPTH} deep; split it into definitions")
        if isinstance(condition, Not):
            return self.rail(condition.part, not wanted, depth + 1)
        if isinstance(condition, Test):
            return self.test(condition, wanted)
        rails = [self.rail(part, wanted, depth + 1) for part in condition.parts]
        if isinstance(condition, AnyOf) is wanted:
            return tuple(dict.fromkeys(part for rail in rails for part in rail))
        return self.every(list(zip(condition.parts, rails, strict=True)), wanted)

    def every(self, parts: list[tuple[Condition, Rail]], wanted: bool) -> Rail:
        """All of several rails: a rail of several conjunctions is derived under a name of its own first."""
        return self.joined([rail if len(rail) <= 1 else self.named(part, wanted, rail) for part, rail in parts])

    @staticmethod
    def joined(rails: Sequence[Rail]) -> Rail:
        if any(not rail for rail in rails):
            return ()
        constants = dict.fromkeys(constant for rail in rails for constant in rail[0].constants)
        needs = dict.fromkeys(name for rail in rails for name in rail[0].needs)
        return (Conjunction(tuple(constants), tuple(needs)),)

    def named(self, condition: Condition, wanted: bool, rail: Rail) -> Rail:
        key = (condition, wanted)
        if key not in self.inner:
            name: Name = ("inner", str(len(self.inner)))
            self.inner[key] = name
            self.derive(name, rail)
        return (Conjunction(needs=(self.inner[key],)),)

    def test(self, test: Test, wanted: bool) -> Rail:
        definition = self.base.defined.get(test.fact)
        rails: list[Rail] = []
        for check in test.checks:
            alone = Test(test.fact, (check,))
            if definition is not None:
                rails.append(self.defined(definition, check, wanted))
            else:
                rail = self.atom(catalogue()[test.fact], check, wanted)
                several = wanted and len(test.checks) > 1 and len(rail) > 1
                rails.append(self.named(alone, wanted, rail) if several else rail)
        if wanted:
            return self.joined(rails) if len(rails) > 1 else rails[0]
        return tuple(dict.fromkeys(part for rail in rails for part in rail))

    def defined(self, definition: Definition, check: Check, wanted: bool) -> Rail:
        """A test on a definition's value: every case with another value is out."""
        passing = (check.op == "is") is wanted
        excluded = [
            ("out", definition.id, str(index))
            for index, value in enumerate(values(definition))
            if value is None or (value in check.values) is not passing
        ]
        return (Conjunction(needs=tuple(excluded)),)

    # --- tests on facts -----------------------------------------------------------------------------------

    def atom(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        for value in check.values:
            self.constant(value)
        if fact.kind == "set":
            return self.member_rail(fact, check, wanted)
        if fact.numeric:
            return self.number_rail(fact, check, wanted)
        return self.choice_rail(fact, check, wanted)

    def constant(self, value: str | int | float) -> None:
        if isinstance(value, str):
            if len(value.encode()) > MAX_TEXT or "\0" in value:
                raise self.refuse(f"a text of more than {MAX_TEXT} bytes or with a NUL in it; shorten it")
        elif not isinstance(value, bool) and (not math.isfinite(value) or abs(value) > MAX_NUMBER):
            raise self.refuse(f"the number {value}; it has to lie within 2^53")

    def encoding(self, fact: Fact, kind: str, values: Iterable[str] = ()) -> Encoding:
        old = self.encodings.get(fact.path)
        field = old.field if old else f"f{len(self.encodings)}"
        known = dict.fromkeys((*(old.values if old else ()), *values))
        self.encodings[fact.path] = Encoding(kind, field, tuple(known))
        return self.encodings[fact.path]

    def choice_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A single value is one text; where only candidates are known, each value that is out has a field."""
        values = [_text(value, fact) for value in check.values]
        domain = [_text(value, fact) for value in (fact.values or (True, False))] if fact.kind != "text" else []
        field = self.encoding(fact, "choice", domain if fact.partly else ()).field
        among: list[Conjunction] = [Conjunction(((field, "eq", value),)) for value in values]
        outside = [Conjunction(tuple((field, "ne", value) for value in values))]
        if fact.partly:
            partly: Constant = (f"{field}p", "eq", "yes")
            others = [value for value in domain if value not in values]
            among.append(Conjunction((partly, *((_part(field, v, domain), "eq", "no") for v in others))))
            outside.append(Conjunction((partly, *((_part(field, v, domain), "eq", "no") for v in values))))
        # Every test is false where the fact does not apply, `not` as well.
        if (check.op == "is") is wanted:
            gone = [Conjunction(((field, "eq", _NOT_APPLICABLE),))] if fact.may_not_apply and not wanted else []
            return (*among, *gone)
        if wanted and fact.may_not_apply:
            outside[0] = Conjunction((*outside[0].constants, (field, "ne", _NOT_APPLICABLE)))
        return tuple(outside)

    def number_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A number has a lower and an upper limit, once for what is true of it and once for what is false."""
        field = self.encoding(fact, "number").field
        low, high = (f"{field}tl", f"{field}th") if wanted else (f"{field}fl", f"{field}fh")
        if check.op in ("is", "not"):
            return self.listed_rail(fact, check, wanted, low, high)
        (limit,) = check.values
        lower = check.op in ("at_least", "above")
        closed = check.op in ("at_least", "at_most")
        if wanted:
            comparison = ("ge" if closed else "gt") if lower else ("le" if closed else "lt")
            return (Conjunction(((low if lower else high, comparison, limit),)),)
        comparison = ("lt" if closed else "le") if lower else ("gt" if closed else "ge")
        return (Conjunction(((high if lower else low, comparison, limit),)),)

    def listed_rail(self, fact: Fact, check: Check, wanted: bool, low: str, high: str) -> Rail:
        """Listed numbers as closed stretches; whole numbers that follow one another are one stretch."""
        stretches: list[tuple[int | float, int | float]] = []
        for value in sorted(v for v in check.values if isinstance(v, int | float)):
            if fact.kind == "integer" and stretches and value == stretches[-1][1] + 1:
                stretches[-1] = (stretches[-1][0], value)
            else:
                stretches.append((value, value))
        if (check.op == "is") is wanted:
            return tuple(Conjunction(((low, "ge", a), (high, "le", b))) for a, b in stretches)
        sides: list[Rail] = []
        for a, b in stretches:
            rail: Rail = (Conjunction(((high, "lt", a),)), Conjunction(((low, "gt", b),)))
            alone = Test(fact.path, (Check(check.op, (a, b, "stretch")),))
            sides.append(self.named(alone, wanted, rail) if len(stretches) > 1 else rail)
        return self.joined(sides) if len(sides) > 1 else sides[0]

    def member_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A set has one field for each member that rules ask for."""
        values = [str(value) for value in check.values]
        encoding = self.encoding(fact, "set", values)
        inside = {value: f"{encoding.field}m{encoding.values.index(value)}" for value in values}
        one_each = tuple(dict.fromkeys((inside[value], "eq", "yes") for value in values))
        none_each = tuple(dict.fromkeys((inside[value], "eq", "no") for value in values))
        rails = {
            ("has_all", True): (Conjunction(one_each),),
            ("has_all", False): tuple(Conjunction((c,)) for c in none_each),
            ("has_any", True): tuple(Conjunction((c,)) for c in one_each),
            ("has_any", False): (Conjunction(none_each),),
        }
        if check.op == "has_none":
            return rails[("has_any", not wanted)]
        return rails[(check.op, wanted)]

    # --- assembling ---------------------------------------------------------------------------------------

    def assemble(self) -> Program:
        copies: dict[Name, list[int]] = {}
        readers: dict[Name, int] = {}
        number = 0
        spec = ['"C":{"all":[{"p":{"$and":[{"g":-1},{"$gt":{"canary":1.25}}]}}],"pri":0}']
        blocks: list[set[str]] = []
        filled = BLOCK
        for index, (conjunction, _, origin) in enumerate(self.rules):
            self.origin = origin
            patterns: list[str] = []
            if conjunction.constants:
                fields = {field for field, _, _ in conjunction.constants}
                if filled == BLOCK or len(blocks[-1] | fields) > MAX_FIELDS:
                    blocks.append(set())
                    filled = 0
                filled += 1
                blocks[-1] |= fields
                tests = ",".join(_test_text(*constant) for constant in conjunction.constants)
                patterns.append(f'{{"p":{{"$and":[{{"g":{len(blocks) - 1}}},{tests}]}}}}')
            for position, name in enumerate(conjunction.needs):
                if readers.get(name, 0) % READERS == 0:
                    copies.setdefault(name, []).append(number)
                    number += 1
                readers[name] = readers.get(name, 0) + 1
                group, member = divmod(copies[name][-1], READERS)
                patterns.append(f'{{"d{position}":{{"$and":[{{"dg":{group}}},{{"d":{member}}}]}}}}')
            if not patterns:
                raise self.refuse("a condition that is always true; remove it")
            spec.append(f'"R{index}":{{"all":[{",".join(patterns)}],"pri":{index + 1}}}')
        check_names([*sorted(set().union(*blocks)), *_RESERVED], "field")
        check_names(["c", *(f"c{n}" for n in range(len(blocks))), *(f"d{n}" for n in range(number))], "fact")
        numbers: dict[Name, int] = {}
        for name in (name for _, name, _ in self.rules):
            numbers.setdefault(name, len(numbers))
        facts = {
            name: tuple(f'{{"id":"d{n}","dg":{n // READERS},"d":{n % READERS}}}' for n in copies.get(name, ()))
            for name in numbers
        }
        never = len(numbers)  # the number of a name that no engine rule derives
        return Program(
            text="{" + ",".join(spec) + "}",
            concludes=tuple(numbers[name] for _, name, _ in self.rules),
            asserts=tuple(facts[name] for name in numbers),
            blocks=tuple(tuple(sorted(block)) for block in blocks),
            encodings=tuple(self.encodings.items()),
            rules=tuple(
                (rule.id, numbers.get(("true", rule.id), never), numbers.get(("false", rule.id), never))
                for rule in self.base.rules()
            ),
            definitions=tuple(
                (d.id, tuple(numbers.get(("out", d.id, str(index)), never) for index in range(len(d.cases) + 1)))
                for d in self.base.definitions
            ),
        )


_NOT_APPLICABLE = "n/a"


def _text(value: str | bool | int | float, fact: Fact) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"={value}" if fact.kind == "text" else str(value)


def _part(field: str, value: str, domain: list[str]) -> str:
    return f"{field}x{domain.index(value)}"


def _test_text(field: str, comparison: str, value: str | int | float) -> str:
    operator = _COMPARE[comparison]
    plain = f"{{{json.dumps(field)}:{encode(value)}}}"
    return f'{{"{operator}":{plain}}}' if operator else plain


def encode(value: str | int | float) -> str:
    """A value as the engine's own JSON reader takes it: it refuses `1e-05` and reads `1.0e-05`."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def fnv32(text: str) -> int:
    """The hash by which the engine tells names apart, without ever comparing them."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def check_names(names: Sequence[str], what: str) -> None:
    """Refuse names that the engine would take for one another.

    Raises:
        EngineError: naming the two.
    """
    seen: dict[int, str] = {}
    for name in names:
        other = seen.setdefault(fnv32(name), name)
        if other != name:
            raise EngineError(f"durable_rules cannot tell {what} `{name}` from `{other}` (equal 32-bit hashes)")


# --- running ----------------------------------------------------------------------------------------------

_FIRED = re.compile(r'\{"(?:(C)|R([0-9]+))":')
_HOW_TO_MEND = (
    "the extension of durable_rules is not usable on this Python ({reason}); with a C compiler and the Python headers "
    "run: CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject "
    "pip install --force-reinstall --no-cache-dir durable-rules==2.0.28"
)


class Engine:
    """One ruleset in the engine's memory, asked one case at a time. Not for several threads."""

    def __init__(self, program: Program) -> None:
        """Open the ruleset.

        Raises:
            EngineMissing: the extension cannot be imported.
            EngineError: it does not pass its self-test.
        """
        try:
            import durable_rules_engine
        except ImportError as error:
            raise EngineMissing(_HOW_TO_MEND.format(reason=str(error).split(":")[-1].strip())) from None
        self._engine: Any = durable_rules_engine
        self._program = program
        self._open()

    def _open(self) -> None:
        self._handle = self._engine.create_ruleset("secondline", self._program.text)
        self._session({})

    def close(self) -> None:
        """Give the ruleset's memory back; the engine answers no more."""
        self._engine.delete_ruleset(self._handle)

    def infer(self, facts: dict[str, State]) -> Inference:
        """Judge every definition and rule on the states of a patient's facts.

        Raises:
            EngineError: the engine failed; there is no partial answer.
        """
        try:
            derived = self._session(self._fields(facts))
        except EngineError:
            self._open()  # a session is never used again after an error
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

    def _session(self, fields: dict[str, str]) -> set[int]:
        """Assert one case, run it to the end and delete it; the names derived, by number."""
        engine, handle, program = self._engine, self._handle, self._program
        offset = self._assert('{"id":"c","g":-1,"canary":1.5}')
        for number, block in enumerate(program.blocks):
            held = "".join([f',"{field}":{fields[field]}' for field in block if field in fields])
            if held:
                offset = self._assert(f'{{"id":"c{number}","g":{number}{held}}}')
        derived: set[int] = set()
        fired: set[int] = set()
        canary = 0
        started = engine.start_action_for_state(handle, offset)
        message = started[1] if started else None
        while message:
            found = _FIRED.match(message)
            if not found:
                raise EngineError("durable_rules fired a rule that is not in the rule base")
            if found[1]:
                canary += 1
            else:
                rule = int(found[2])
                if rule in fired:
                    raise EngineError("durable_rules fired a rule twice")
                fired.add(rule)
                name = program.concludes[rule]
                if name not in derived:
                    derived.add(name)
                    for fact in program.asserts[name]:
                        self._assert(fact)
            message = engine.complete_and_start_action(handle, offset)
        engine.delete_state(handle, "0")
        if canary != 1:
            raise EngineError("durable_rules did not pass its self-test; is LC_NUMERIC set to another language?")
        return derived

    def _assert(self, fact: str) -> int:
        code, offset = self._engine.assert_fact(self._handle, fact)
        if code not in (0, 1):
            raise EngineError(f"durable_rules did not take a fact (code {code})")
        return int(offset)


def _encode_choice(encoding: Encoding, state: State, fact: Fact, fields: dict[str, str]) -> None:
    if isinstance(state, OneOf) and fact.partly:
        fields[f"{encoding.field}p"] = '"yes"'
        held = {_text(value, fact) for value in state.values}
        for index, value in enumerate(encoding.values):
            if value not in held:
                fields[f"{encoding.field}x{index}"] = '"no"'
    elif state is NOT_APPLICABLE:
        fields[encoding.field] = encode(_NOT_APPLICABLE)
    elif isinstance(state, str | bool):
        fields[encoding.field] = encode(_text(state, fact))
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
