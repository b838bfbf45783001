"""What cases exercise: rules that fire in one, that one misses by a single condition, limits met on both sides."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from secondline.cases import CaseFile
from secondline.condition import LIMITS, All, AnyOf, Check, Condition, Not, Test, conjuncts, holds, truth
from secondline.forms.rules import Definition, Gate, OptionRule, Rule
from secondline.inference.reference import Findings, infer
from secondline.lint.kinds import NEVER_FIRES, NO_NEAR_MISS, UNTESTED, Path, Raised
from secondline.patient import know
from secondline.rulebase import RuleBase


class Tried(NamedTuple):
    """A case with what was found of its patient."""

    case: CaseFile
    findings: Findings


def tried(base: RuleBase, cases: Sequence[CaseFile]) -> list[Tried]:
    return [Tried(case, infer(base, know(case.case.profile, case.day, base.vocabulary).facts)) for case in cases]


def counting(rule: Rule, base: RuleBase, made: Sequence[Tried]) -> list[Tried]:
    """The cases in which a rule counts: on their day, and in their jurisdiction."""
    where = rule.jurisdiction if isinstance(rule, (OptionRule, Gate)) else None
    return [
        one
        for one in made
        if base.in_effect(rule, one.case.day) and (where is None or one.case.case.jurisdiction in ("none", where))
    ]


def fires(rule: Rule, made: Sequence[Tried]) -> bool:
    """Whether a rule fires in one of these cases."""
    return any(one.findings.fires(rule.id) for one in made)


def nearly_fires(rule: Rule, made: Sequence[Tried]) -> bool:
    """Whether one of these cases is a near miss: all the conditions of a rule hold but one, which does not."""
    parts = conjuncts(rule.when)
    for one in made:
        if one.findings.fires(rule.id) is False:
            met = [truth(part, one.findings.facts) for part in parts]
            if met.count(False) == 1 and met.count(True) == len(parts) - 1:
                return True
    return False


def exercised(rule: Rule, made: Sequence[Tried]) -> Iterator[Raised]:
    """What is wanting of a rule, its limits among it; `made` are the cases in which it counts."""
    if not fires(rule, made):
        yield NEVER_FIRES, ("id",), f"no case makes `{rule.id}` fire; add one"
    if not nearly_fires(rule, made):
        message = f"no case misses `{rule.id}` by one condition alone; add one"
        yield NO_NEAR_MISS, ("id",), message
    yield from _limits(rule.when, ("when",), made)


def limits_met(definition: Definition, made: Sequence[Tried]) -> Iterator[Raised]:
    """The limits of a definition that no case tests."""
    for index, case in enumerate(definition.cases):
        yield from _limits(case.when, ("cases", index, "when"), made)


def _limits(condition: Condition, path: Path, made: Sequence[Tried]) -> Iterator[Raised]:
    for place, test in _tests(condition, path):
        for check in test.checks:
            if check.op in LIMITS:
                wanting = _untested(test.fact, check, made)
                if wanting:
                    yield UNTESTED, (*place, test.fact, check.op), wanting


def _tests(condition: Condition, path: Path) -> Iterator[tuple[Path, Test]]:
    """Every test of a condition with the place where it stands in the file."""
    if isinstance(condition, Test):
        yield path, condition
    elif isinstance(condition, Not):
        yield from _tests(condition.part, (*path, "not"))
    else:
        key = "all" if isinstance(condition, All) else "any"
        assert isinstance(condition, (All, AnyOf))
        for index, part in enumerate(condition.parts):
            yield from _tests(part, (*path, key, index))


def _untested(fact: str, check: Check, made: Sequence[Tried]) -> str | None:
    """What is wanting for a limit to be tested: a case with just this number, and one on its other side."""
    limit = check.values[0]
    assert isinstance(limit, (int, float))
    states = (one.findings.facts.get(fact) for one in made)
    values = sorted({state for state in states if isinstance(state, (int, float)) and not isinstance(state, bool)})
    says = f"`{check.op}: {limit:g}` is never tested"
    if limit not in values:
        at = bisect_left(values, limit)
        near = " and ".join(f"{value:g}" for value in values[max(at - 1, 0) : at + 1])
        return f"{says}: no case has `{fact}` at {limit:g}; {f'the nearest have {near}' if near else 'add one'}"
    if len({holds(Test(fact, (check,)), value) for value in values}) == 1:
        side = "above" if check.op in ("above", "at_most") else "below"
        return f"{says}: no case has `{fact}` {side} {limit:g}; add one"
    return None
