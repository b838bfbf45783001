"""Conditions: the tree that rules are written in, read from a file, judged in three values, and put into words.

    condition = {all: [...]} | {any: [...]} | {not: condition} | {definition: ID} | {FACT: test}

Kleene logic: a test on an unknown fact is neither true nor false; on a partly known fact it is true if every candidate
passes, false if none does; on a fact that does not apply it is false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from secondline.errors import Dangling, Place, Problem, did_you_mean, one_of
from secondline.facts import Fact, canonical, catalogue
from secondline.scales import VERDICTS
from secondline.source import Node
from secondline.states import NOT_APPLICABLE, Members, OneOf, Range, State
from secondline.vocabulary import Vocabulary

Op = Literal["is", "not", "at_least", "above", "at_most", "below", "has_any", "has_all", "has_none"]
Value = str | bool | int | float
Truth = bool | None
LIMITS: tuple[Op, ...] = ("at_least", "above", "at_most", "below")
SETS = ("has", "has_any", "has_all", "has_none")
_OPS = (*LIMITS, "not", *SETS)
DEFINED = "definition:"
ANSWER = ("verdict", "offered", "offered_agents", "offered_classes")  # what laws alone can read
# What stands for the keys of a condition elsewhere.
_KEYS_ELSEWHERE = {"and": "all", "every": "all", "or": "any", "some": "any", "none": "not", "nor": "not"}
_DEFINITIONS = ("definitions/",)  # where what a definition gives would stand
_SIGNS = {">=": "at_least", "≥": "at_least", ">": "above", "<=": "at_most", "≤": "at_most", "<": "below"}
_FEW = 50  # candidates
_WORDS = (str, bool)  # the types of single values that are no numbers


@dataclass(frozen=True, slots=True)
class Check:
    """One operator with its operands; a limit has one."""

    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """Checks on one fact, all of which hold. A yes/no definition is the fact `definition:ID`."""

    fact: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Condition = Test | All | AnyOf | Not


def tests_in(condition: Condition) -> Iterator[Test]:
    """Every test of a condition, in the order written."""
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, Not):
        yield from tests_in(condition.part)
    else:
        for part in condition.parts:
            yield from tests_in(part)


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """The parts that all have to hold."""
    return condition.parts if isinstance(condition, All) else (condition,)


# --- three values -----------------------------------------------------------------------------------------


def truth(condition: Condition, facts: Mapping[str, State]) -> Truth:
    """Whether a condition holds: True, False, or None where the known facts do not tell."""
    if isinstance(condition, Test):
        return holds(condition, facts.get(condition.fact))
    if isinstance(condition, Not):
        inner = truth(condition.part, facts)
        return None if inner is None else not inner
    decisive = isinstance(condition, AnyOf)
    answer: Truth = not decisive
    for part in condition.parts:
        inner = holds(part, facts.get(part.fact)) if isinstance(part, Test) else truth(part, facts)
        if inner is decisive:
            return decisive
        if inner is None:
            answer = None
    return answer


def holds(test: Test, state: State) -> Truth:
    """Whether a test passes on the state of its fact."""
    if state is None:
        return None
    if state.__class__ in _WORDS:  # first, as most facts are words
        for check in test.checks:  # noqa: SIM110  # a generator would take longer
            if (state in check.values) is (check.op == "not"):
                return False
        return True
    if state is NOT_APPLICABLE:
        return False
    if isinstance(state, Range) and catalogue()[test.fact].kind == "integer":
        state = _one_by_one(state)
    if len(test.checks) == 1:  # as most tests have; the rest only saves time
        (check,) = test.checks
        return _JUDGES[check.op](state, check.values)
    answer: Truth = True
    for check in test.checks:
        passed = _JUDGES[check.op](state, check.values)
        if passed is False:
            return False
        if passed is None:
            answer = None
    return answer


def _one_by_one(state: Range) -> State:
    """A range of whole numbers as its few candidates, so that listing them one by one can decide; else the range."""
    low, high = state.low, state.high
    if low is None or high is None or high - low > _FEW:
        return state
    return OneOf(frozenset(range(int(low), int(high) + 1)))


def _is(state: State, values: tuple[Value, ...]) -> Truth:
    if isinstance(state, OneOf):
        return _common(candidate in values for candidate in state.values)
    if isinstance(state, Range):  # no list of numbers holds every number of a stretch
        low, high = state
        return None if any(_within(value, low, high) for value in values) else False
    return state in values


def _within(value: Value, low: float | None, high: float | None) -> bool:
    assert isinstance(value, (int, float))
    return (low is None or value >= low) and (high is None or value <= high)


def _not(state: State, values: tuple[Value, ...]) -> Truth:
    inside = _is(state, values)
    return None if inside is None else not inside


def _common(answers: Iterator[bool]) -> Truth:
    """What every candidate answers, or None where they differ."""
    found = set(answers)
    return found.pop() if len(found) == 1 else None


def _limit(passes: Callable[[float, float], bool], *, lower: bool) -> Callable[[State, tuple[Value, ...]], Truth]:
    def judge(state: State, values: tuple[Value, ...]) -> Truth:
        limit = values[0]
        assert isinstance(limit, (int, float))
        if isinstance(state, OneOf):
            return _common(passes(float(candidate), limit) for candidate in state.values)
        if isinstance(state, Range):
            worst, best = (state.low, state.high) if lower else (state.high, state.low)
            if worst is not None and passes(worst, limit):
                return True
            return False if best is not None and not passes(best, limit) else None
        assert isinstance(state, (int, float))
        return passes(state, limit)

    return judge


def _has_any(state: State, values: tuple[Value, ...]) -> Truth:
    assert isinstance(state, Members)
    if any(value in state.sure for value in values):
        return True
    return None if any(state.may_have(str(value)) for value in values) else False


def _has_all(state: State, values: tuple[Value, ...]) -> Truth:
    assert isinstance(state, Members)
    if all(value in state.sure for value in values):
        return True
    return None if all(state.may_have(str(value)) for value in values) else False


def _has_none(state: State, values: tuple[Value, ...]) -> Truth:
    found = _has_any(state, values)
    return None if found is None else not found


_JUDGES: dict[Op, Callable[[State, tuple[Value, ...]], Truth]] = {
    "is": _is,
    "not": _not,
    "at_least": _limit(lambda a, b: a >= b, lower=True),
    "above": _limit(lambda a, b: a > b, lower=True),
    "at_most": _limit(lambda a, b: a <= b, lower=False),
    "below": _limit(lambda a, b: a < b, lower=False),
    "has_any": _has_any,
    "has_all": _has_all,
    "has_none": _has_none,
}


# --- words ------------------------------------------------------------------------------------------------

Naming = Callable[[str], str]


def sentence(condition: Condition, name: Naming = str) -> str:
    """A condition in words, as in `disease.her2 is negative`; `name` words the facts."""
    if isinstance(condition, Test):
        return _test_words(condition, name)
    if isinstance(condition, Not):
        return f"not: {_grouped(condition.part, name)}"
    joiner = " and " if isinstance(condition, All) else " or "
    return joiner.join(_grouped(part, name) for part in condition.parts)


def _grouped(condition: Condition, name: Naming) -> str:
    words = sentence(condition, name)
    return f"({words})" if isinstance(condition, (All, AnyOf)) and len(condition.parts) > 1 else words


def _test_words(test: Test, name: Naming) -> str:
    subject = name(test.fact)
    if test.fact.startswith(DEFINED):
        return subject
    fact = catalogue().get(test.fact)
    unit = f" {fact.unit}" if fact and fact.unit else ""
    return f"{subject} {' and '.join(_check_words(check, unit) for check in test.checks)}"


def _check_words(check: Check, unit: str) -> str:
    values = [
        str(v).lower() if isinstance(v, bool) else f"{v:g}" if isinstance(v, float) else str(v) for v in check.values
    ]
    either = " or ".join(values)
    wording = {
        "is": f"is {either}",
        "not": f"is not {either}",
        "has_any": f"has {either}",
        "has_all": f"has {' and '.join(values)}",
        "has_none": f"has no {either}",
    }
    return wording.get(check.op) or f"is {check.op.replace('_', ' ')} {values[0]}{unit}"


def label(fact: str) -> str:
    """The clinical label of a fact: `HER2` for `disease.her2`."""
    known = catalogue().get(fact)
    return known.label if known else fact.removeprefix(DEFINED).replace("-", " ")


# --- reading ----------------------------------------------------------------------------------------------


@dataclass
class Terms:
    """What a condition may speak of: the catalogue, the facts that definitions add, yes/no definitions, drugs."""

    vocabulary: Vocabulary
    defined_facts: dict[str, Fact] = field(default_factory=dict)
    definitions: frozenset[str] = frozenset()

    def fact(self, path: str) -> Fact | None:
        return self.defined_facts.get(path) or catalogue().get(canonical(path))

    def names(self) -> list[str]:
        return [*catalogue(), *self.defined_facts]

    def members(self, fact: Fact) -> tuple[str, ...]:
        """The members that a set can have."""
        if fact.path == "history.agents":
            return tuple(sorted(self.vocabulary.drugs))
        if fact.path == "history.classes":
            return tuple(sorted(self.vocabulary.classes))
        return fact.values


def of_answers(vocabulary: Vocabulary) -> dict[str, Fact]:
    """The facts of an answer, for laws: the verdict, and the regimens offered with their drugs and classes."""
    agents = sorted({agent for regimen in vocabulary.regimens.values() for agent in regimen.agents})
    return {
        "verdict": Fact("verdict", "choice", "verdict", values=VERDICTS),
        "offered": Fact("offered", "set", "regimens offered", values=tuple(vocabulary.regimens)),
        "offered_agents": Fact("offered_agents", "set", "drugs offered", values=tuple(agents)),
        "offered_classes": Fact("offered_classes", "set", "classes offered", values=tuple(vocabulary.classes)),
    }


class _RefusedError(Exception):
    """A part of a condition that cannot be read; its problem is already on the list."""


def parse(node: Node, terms: Terms, problems: list[Problem]) -> Condition | None:
    """Read a condition; what is wrong goes to `problems`, and the answer is None if anything was."""
    try:
        return _Reader(terms, problems).condition(node)
    except _RefusedError:
        return None


class _Reader:
    def __init__(self, terms: Terms, problems: list[Problem]) -> None:
        self.terms, self.problems = terms, problems

    def refuse(self, place: Place, message: str) -> _RefusedError:
        self.problems.append(Problem(place, message))
        return _RefusedError()

    def unknown(self, place: Place, message: str, name: str) -> _RefusedError:
        """Refuse a name that a definition could give."""
        self.problems.append(Dangling(place, message, name, _DEFINITIONS))
        return _RefusedError()

    def condition(self, node: Node) -> Condition:
        if not isinstance(node.value, dict):
            what = "a condition is a mapping such as `{all: [...]}` or `{FACT: test}`"
            raise self.refuse(node.place, f"expected a condition, got `{node.text}`; {what}")
        if len(node.value) != 1:
            names = " and ".join(f"`{key}`" for key in node.value) or "nothing"
            message = f"expected exactly one key in a condition, got {names}; put several under `all` or `any`"
            raise self.refuse(node.place, message)
        ((key, inner),) = node.value.items()
        if key in ("all", "any"):
            parts = self.each(inner, key)
            return All(parts) if key == "all" else AnyOf(parts)
        if key == "not":
            return Not(self.condition(inner))
        if key == "definition":
            return self.definition(inner)
        return self.test(key, node.keys[key], inner)

    def each(self, node: Node, key: str) -> tuple[Condition, ...]:
        if not isinstance(node.value, list) or not node.value:
            raise self.refuse(node.place, f"`{key}` needs a list with at least one condition, got `{node.text}`")
        read: list[Condition] = []
        failed = False
        for item in node.value:
            try:
                read.append(self.condition(item))
            except _RefusedError:
                failed = True
        if failed:
            raise _RefusedError
        return tuple(read)

    def definition(self, node: Node) -> Test:
        if node.value not in self.terms.definitions:
            near = did_you_mean(node.text, self.terms.definitions) or _listed(self.terms.definitions)
            raise self.unknown(node.place, f"no yes/no definition `{node.text}`{near}", node.text)
        return Test(f"{DEFINED}{node.value}", (Check("is", (True,)),))

    def test(self, path: str, place: Place, node: Node) -> Test:
        fact = self.terms.fact(path)
        if fact is None and path in ANSWER:
            message = "is known only once every rule is judged, so that laws alone can read it"
            raise self.refuse(place, f"`{path}` {message}; put this into `laws.yaml` or test a fact")
        if fact is None:
            keys = ("all", "any", "not", "definition")
            near = did_you_mean(_KEYS_ELSEWHERE.get(path.lower(), path), [*self.terms.names(), *keys])
            raise self.unknown(place, f"no fact `{path}`{near or '; `secondline schema case` lists the facts'}", path)
        if isinstance(node.value, dict):
            if not node.value:
                raise self.refuse(node.place, f"`{path}` has no test; expected a value or {one_of(_OPS)}")
            read = [self.check(fact, op, node.keys[op], operand) for op, operand in node.value.items()]
            checks = tuple(sorted(read, key=lambda check: _OPS.index(check.op)))
            self.limits(fact, checks, node)
        else:
            if fact.kind == "set":
                message = f"`{path}` is a set; test it with {one_of(SETS)}, not with `{node.text}`"
                raise self.refuse(node.place, message)
            checks = (Check("is", self.values(fact, node)),)
        return Test(fact.path, checks)

    def check(self, fact: Fact, op: str, place: Place, node: Node) -> Check:
        allowed = SETS if fact.kind == "set" else (*LIMITS, "not") if fact.numeric else ("not",)
        if op not in allowed:
            what = "a set" if fact.kind == "set" else "a number" if fact.numeric else "a single value"
            near = did_you_mean(op, allowed) or f"; expected {one_of(allowed)}"
            raise self.refuse(place, f"`{fact.path}` is {what} and has no operator `{op}`{near}")
        if op in LIMITS:
            return Check(op, (self.number(fact, node),))
        if op == "has":
            if isinstance(node.value, list):
                raise self.refuse(node.place, "`has` takes one value; use `has_any` or `has_all` for a list")
            return Check("has_all", self.values(fact, node))
        if op in SETS and not isinstance(node.value, list):
            raise self.refuse(node.place, f"`{op}` takes a list, got `{node.text}`; use `has` for one value")
        return Check(cast("Op", op), self.values(fact, node))

    def values(self, fact: Fact, node: Node) -> tuple[Value, ...]:
        nodes = node.value if isinstance(node.value, list) else [node]
        if not nodes:
            raise self.refuse(node.place, f"an empty list tests nothing; list values of `{fact.path}`")
        return tuple(dict.fromkeys(self.value(fact, item) for item in nodes))

    def value(self, fact: Fact, node: Node) -> Value:
        value = node.value
        if node.value is None or node.text in ("unknown", "not-tested", "indeterminate"):
            message = "there is no test for being unknown; a test on an unknown fact is neither true nor false"
            raise self.refuse(node.place, f"`{fact.path}`: {message}")
        if fact.numeric:
            return self.number(fact, node)
        if fact.kind == "boolean":
            if not isinstance(value, bool):
                raise self.refuse(node.place, f"`{fact.path}`: expected `true` or `false`, got `{node.text}`")
            return value
        if fact.path.endswith(".ihc") and value == 0 and not isinstance(value, bool):
            value = "0"
        members = self.terms.members(fact)
        if not isinstance(value, str) or (members and value not in members):
            message = f"`{fact.path}` cannot be `{node.text}`{self.nearest(node.text, members)}"
            if fact.path in self.terms.defined_facts:
                raise self.unknown(node.place, message, node.text)
            raise self.refuse(node.place, message)
        return value

    def nearest(self, text: str, members: tuple[str, ...]) -> str:
        """What was meant instead of a value that is none: several of them, the drug of another name, or the nearest."""
        several = [part.strip() for part in re.split(r" or |[,/|]", text)]
        if len(several) > 1 and set(several) <= set(members):
            return f"; for one of several write `[{', '.join(several)}]`"
        drug = self.terms.vocabulary.inn(text)
        if drug in members:
            return f"; did you mean `{drug}`?"
        return did_you_mean(text, members) or (f"; expected {one_of(members)}" if 0 < len(members) <= 8 else "")

    def number(self, fact: Fact, node: Node) -> int | float:
        value = node.value
        if not isinstance(value, (int, float)) or isinstance(value, bool) or abs(value) > 2**53:
            compared = re.fullmatch(r"(>=|<=|[≥≤<>])\s*([0-9]+(?:\.[0-9]+)?)", node.text)
            limit = f"; write `{{{_SIGNS[compared[1]]}: {compared[2]}}}`" if compared else ""
            raise self.refuse(node.place, f"`{fact.path}`: expected a number, got `{node.text}`{limit}")
        if fact.kind == "integer" and value != int(value):
            raise self.refuse(node.place, f"`{fact.path}`: expected a whole number, got `{node.text}`")
        return int(value) if value == int(value) else value

    def limits(self, fact: Fact, checks: tuple[Check, ...], node: Node) -> None:
        lows = [(c.values[0], c.op == "above") for c in checks if c.op in ("at_least", "above")]
        highs = [(c.values[0], c.op == "below") for c in checks if c.op in ("at_most", "below")]
        for low, low_open in lows:
            for high, high_open in highs:
                assert isinstance(low, (int, float))
                assert isinstance(high, (int, float))
                if low > high or (low == high and (low_open or high_open)):
                    raise self.refuse(node.place, f"`{fact.path}`: no number lies between these limits; widen them")


def _listed(names: frozenset[str]) -> str:
    return f"; expected {one_of(sorted(names))}" if 0 < len(names) <= 8 else "; add it under `definitions/`"
