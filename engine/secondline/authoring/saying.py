"""Conditions made of values, put more simply, put into words, and as a rule file has them.

They are about patients of whom everything is known: there `not` is the plain contrary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from secondline.columns.cells import STATED
from secondline.condition import DEFINED, LIMITS, All, AnyOf, Check, Condition, Not, Op, Test
from secondline.domains import UNBOUNDED, Stretch, Value
from secondline.facts import Fact, catalogue
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, State, in_words
from secondline.whatif.values import ANY, either, joined, named, plain_span, span_words

# --- rewriting --------------------------------------------------------------------------------------------


def negated(condition: Condition) -> Condition:
    """A condition that holds where this one does not, in a patient of whom everything is known."""
    if isinstance(condition, Not):
        return condition.part
    if isinstance(condition, All):
        return AnyOf(tuple(map(negated, condition.parts)))
    if isinstance(condition, AnyOf):
        return All(tuple(map(negated, condition.parts)))
    fact = catalogue().get(condition.fact)
    opposite = _opposite(condition) if fact and not fact.may_not_apply else None
    return opposite or Not(condition)


_FLIPPED: Mapping[Op, Op] = {"at_least": "below", "below": "at_least", "above": "at_most", "at_most": "above"}


def _opposite(test: Test) -> Test | None:
    """The test that passes where this one does not, of a fact that applies; None where that takes several."""
    fact, (check, *more) = catalogue().get(test.fact), test.checks
    if fact is None or more:
        return None
    if check.op in _FLIPPED:
        return Test(test.fact, (Check(_FLIPPED[check.op], check.values),))
    if check.op in ("has_any", "has_none") or (check.op == "has_all" and len(check.values) == 1):
        return Test(test.fact, (Check("has_any" if check.op == "has_none" else "has_none", check.values),))
    if check.op == "not":
        return Test(test.fact, (Check("is", check.values),))
    if check.op == "is" and fact.kind == "boolean":
        return Test(test.fact, (Check("is", (not check.values[0],)),))
    if check.op == "is" and fact.kind == "choice":
        rest = tuple(value for value in fact.values if value not in check.values)
        few = len(rest) <= len(check.values) + 1
        return Test(test.fact, (Check("is", rest) if few else Check("not", check.values),)) if rest else None
    return None


def simpler(condition: Condition) -> Iterator[Condition]:
    """The condition without one of its parts, or with a test the other way round in place of `not` and that test."""
    if isinstance(condition, Test):
        return
    if isinstance(condition, Not):
        opposite = _opposite(condition.part) if isinstance(condition.part, Test) else None
        yield from [opposite] if opposite else map(Not, simpler(condition.part))
        return
    kind, parts = type(condition), condition.parts
    for at, part in enumerate(parts):
        yield flat(kind, [*parts[:at], *parts[at + 1 :]])
        for other in simpler(part):
            yield flat(kind, [*parts[:at], other, *parts[at + 1 :]])


def flat(kind: type[All] | type[AnyOf], parts: Sequence[Condition]) -> Condition:
    """Conditions as one, without a level more than is needed."""
    found: list[Condition] = []
    for part in parts:
        found += part.parts if isinstance(part, kind) else [part]
    return found[0] if len(found) == 1 else kind(tuple(dict.fromkeys(found)))


def merged(condition: Condition) -> Condition:
    """Tests on one fact as one test, where it can say them all."""
    if isinstance(condition, Test):
        return condition
    if isinstance(condition, Not):
        return Not(merged(condition.part))
    together: dict[tuple[str, str], list[Test]] = {}
    found: list[Condition | tuple[str, str]] = []
    for part in map(merged, condition.parts):
        how = _joinable(part, any_of=isinstance(condition, AnyOf)) if isinstance(part, Test) else ""
        if isinstance(part, Test) and how:
            key = (part.fact, how)
            found += [] if key in together else [key]
            together.setdefault(key, []).append(part)
        else:
            found.append(part)
    return flat(type(condition), [_as_one(one[1], together[one]) if isinstance(one, tuple) else one for one in found])


def _joinable(test: Test, *, any_of: bool) -> str:
    """How a test can be put together with others on its fact; empty where it cannot."""
    check, *more = test.checks
    if more:
        return ""
    if any_of:
        alone = check.op == "has_all" and len(check.values) == 1
        return "has_any" if alone else check.op if check.op in ("is", "has_any") else ""
    return "limits" if check.op in LIMITS else check.op if check.op in ("not", "has_none") else ""


def _as_one(how: str, tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    checks = [test.checks[0] for test in tests]
    if how == "limits":
        return Test(tests[0].fact, tuple(sorted(checks, key=lambda check: LIMITS.index(check.op))))
    values = dict.fromkeys(value for check in checks for value in check.values)
    return Test(tests[0].fact, (Check(cast("Op", how), tuple(values)),))


# --- values of one variable -------------------------------------------------------------------------------


class Chosen(NamedTuple):
    """Some values of a variable, of those that are possible."""

    about: str
    values: Sequence[Value]
    some: frozenset[int]
    possible: frozenset[int]

    def condition(self) -> Condition:
        """What holds for just these."""
        about = self.about.removeprefix(STATED)
        if about not in catalogue():  # a member of a set
            fact, _, member = about.partition(":")
            inside = any(self.values[at].states[about] for at in self.some)
            return Test(fact, (Check("has_all" if inside else "has_none", (member,)),))
        if about in catalogue().parts and not about.startswith("biomarkers."):
            return self._whole(about)
        absent = frozenset(at for at in self.possible if self.values[at].states[about] is NOT_APPLICABLE)
        if absent & self.some:
            others = self.possible - self.some
            return Not(self._plain(about, others, self.possible - absent))
        return self._plain(about, self.some, self.possible - absent)

    def _plain(self, path: str, some: frozenset[int], possible: frozenset[int]) -> Condition:
        """Values of a fact that applies."""
        fact = catalogue()[path]
        if not some:
            return Not(self._applying(fact, possible))
        if fact.numeric:
            limited = [_limits(span, fact) for span in self._spans(fact, some, possible)]
            return _any_of([test if test.checks else self._applying(fact, possible) for test in limited])
        states = [self.values[at].states[path] for at in sorted(some)]
        others = [self.values[at].states[path] for at in sorted(possible - some)]
        beyond = any(isinstance(state, str) and state.endswith("~") for state in states)
        if beyond or (others and len(others) < len(states)):
            return Test(path, (Check("not", _plain_values(others)),))
        return Test(path, (Check("is", _plain_values(states)),))

    def _spans(self, fact: Fact, some: frozenset[int], possible: frozenset[int]) -> list[Stretch]:
        """The stretches of some values; what lies between and is not possible goes with them."""
        rows = [at for at, value in enumerate(self.values) if value.stretch]
        loose = [at for at in rows if at in some or at not in possible]
        spans = joined([s for at in loose if (s := self.values[at].stretch)], fact)
        wanted = [s for at in some if (s := self.values[at].stretch)]
        return [span for span in spans if any(_within(one, span, fact) for one in wanted)]

    def _applying(self, fact: Fact, possible: frozenset[int]) -> Condition:
        """That a fact has any value at all."""
        if fact.numeric:
            return Test(fact.path, (Check("at_least", (fact.low if fact.low is not None else -1e9,)),))
        return Test(
            fact.path, (Check("is", _plain_values([self.values[at].states[fact.path] for at in sorted(possible)])),)
        )

    def _whole(self, main: str) -> Condition:
        """A receptor or HER2 with its scores: by its status where that is all that matters."""
        found: list[Condition] = []
        whole: list[str] = []
        statuses = dict.fromkeys(self.values[at].states[main] for at in sorted(self.possible))
        for status in statuses:
            mine = frozenset(at for at in self.possible if self.values[at].states[main] == status)
            here = mine & self.some
            if here == mine:
                whole.append(str(status))
            elif here:
                alone = [Test(main, (Check("is", (str(status),)),))] if len(statuses) > 1 else []
                found.append(_all_of([*alone, self._scores(main, here, mine)]))
        if whole:
            found.insert(0, Test(main, (Check("is", tuple(whole)),)))
        return _any_of(found)

    def _scores(self, main: str, here: frozenset[int], mine: frozenset[int]) -> Condition:
        """The scores of some values of one status: part by part where they go together so, else one after another."""
        by_part: list[Condition] = []
        left = mine
        for part in catalogue().parts[main]:
            states = {self.values[at].states[part] for at in here}
            fitting = frozenset(at for at in mine if self.values[at].states[part] in states)
            if fitting != mine:
                by_part.append(self._plain(part, fitting, mine))
                left &= fitting
        if left == here:
            return _all_of(by_part)
        first = next(part for part in catalogue().parts[main] if len({self.values[at].states[part] for at in here}) > 1)
        found: list[Condition] = []
        for state in dict.fromkeys(self.values[at].states[first] for at in sorted(here)):
            inside, outside = (
                frozenset(at for at in some if self.values[at].states[first] == state) for some in (here, mine)
            )
            alone = self._plain(first, outside, mine)
            found.append(alone if inside == outside else _all_of([alone, self._scores(main, inside, outside)]))
        return _any_of(found)


def _all_of(parts: Sequence[Condition]) -> Condition:
    return flat(All, parts)


def _any_of(parts: Sequence[Condition]) -> Condition:
    return flat(AnyOf, parts)


def _plain_values(states: Iterable[State]) -> tuple[str | bool | int | float, ...]:
    found = (state for state in states if isinstance(state, (str, bool, int, float)))
    return tuple(dict.fromkeys(state for state in found if not (isinstance(state, str) and state.endswith("~"))))


def _limits(span: Stretch, fact: Fact) -> Test:
    limits = plain_span(span, fact)
    return Test(fact.path, tuple(Check(op, (limits[op],)) for op in LIMITS if op in limits))


def _within(one: Stretch, span: Stretch, fact: Fact) -> bool:
    (inner,) = joined([one], fact)
    low = inner.low > span.low or (inner.low == span.low and (inner.low_open or not span.low_open))
    high = inner.high < span.high or (inner.high == span.high and (inner.high_open or not span.high_open))
    return low and high


# --- in words ---------------------------------------------------------------------------------------------


def words(condition: Condition, base: RuleBase) -> str:
    """A condition as a clinician reads it: facts by their labels, definitions by their titles."""
    if isinstance(condition, Test):
        return _test_words(condition, base)
    if isinstance(condition, Not):
        return f"not {_grouped(condition.part, base)}"
    joiner = ", " if isinstance(condition, All) else " or "
    return joiner.join(_grouped(part, base) for part in condition.parts)


def _grouped(condition: Condition, base: RuleBase) -> str:
    said = words(condition, base)
    return said if isinstance(condition, (Not, Test)) else f"({said})"


def _test_words(test: Test, base: RuleBase) -> str:
    definition = base.defined.get(test.fact)
    if definition is not None and test.fact.startswith(DEFINED):
        return f'"{definition.title or definition.id}"'
    fact = catalogue().get(test.fact)
    if fact is None:  # what a definition gives
        label = (definition.title if definition else None) or test.fact
        fact = Fact(test.fact, "choice", label)
    if test.checks and test.checks[0].op in LIMITS:
        said = span_words(_stretch(test.checks), fact)
        return f"{fact.label}, where it applies" if said == ANY else named(fact, said)
    return "; ".join(_check_words(check, fact) for check in test.checks)


def _stretch(checks: Sequence[Check]) -> Stretch:
    low, high, low_open, high_open = *UNBOUNDED, False, False
    for check in checks:
        limit = float(check.values[0])
        if check.op in ("at_least", "above"):
            low, low_open = limit, check.op == "above"
        else:
            high, high_open = limit, check.op == "below"
    return Stretch(low, high, low_open, high_open)


def _check_words(check: Check, fact: Fact) -> str:
    listed = [in_words(value) for value in check.values]
    if check.op == "has_none":
        return f"{fact.label} without {either(listed)}"
    if check.op in ("has_any", "has_all"):
        return f"{fact.label} with {either(listed) if check.op == 'has_any' else ' and '.join(listed)}"
    return named(fact, f"not {either(listed)}" if check.op == "not" else either(listed))


def as_plain(condition: Condition) -> dict[str, Any]:
    """A condition as a rule file has it."""
    if isinstance(condition, Not):
        return {"not": as_plain(condition.part)}
    if isinstance(condition, (All, AnyOf)):
        return {"all" if isinstance(condition, All) else "any": [as_plain(part) for part in condition.parts]}
    if condition.fact.startswith(DEFINED):
        return {"definition": condition.fact.removeprefix(DEFINED)}
    (first, *more) = condition.checks
    if first.op == "is" and not more:
        return {condition.fact: first.values[0] if len(first.values) == 1 else list(first.values)}
    return {condition.fact: {check.op: _operand(check) for check in condition.checks}}


def _operand(check: Check) -> Any:
    alone = check.op in LIMITS or (check.op == "not" and len(check.values) == 1)
    return check.values[0] if alone else list(check.values)
