"""Cases with what is known of each, and what the rules say of that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from secondline.authoring.altered import Mutated
from secondline.cases import CaseFile
from secondline.condition import Condition, tests_in
from secondline.forms.rules import Definition, Gate, OptionRule
from secondline.inference.reference import Findings, infer
from secondline.patient import Known, know
from secondline.rulebase import RuleBase
from secondline.states import State


class Told(NamedTuple):
    """A case with what is known of it and what the rules say of that."""

    case: CaseFile
    known: Known
    findings: Findings
    jurisdiction: str | None

    def counts(self, base: RuleBase, rule: Mutated) -> bool:
        """Whether a rule counts for the case at all, by its days and its jurisdiction."""
        if isinstance(rule, Definition):
            return True
        place = rule.jurisdiction if isinstance(rule, (OptionRule, Gate)) else None
        return base.in_effect(rule, self.case.day) and self.jurisdiction in (None, place or self.jurisdiction)


def told(base: RuleBase, case: CaseFile) -> Told:
    known = know(case.case.profile, case.day, base.vocabulary)
    place = case.case.jurisdiction
    return Told(case, known, infer(base, known.facts), None if place == "none" else place)


def alike(cases: Sequence[Told], conditions: Iterable[Condition]) -> list[list[int]]:
    """The places of cases in groups of which each has the same of every fact that these conditions test."""
    tested = sorted({test.fact for condition in conditions for test in tests_in(condition)})
    groups: dict[tuple[State, ...], list[int]] = {}
    for place, one in enumerate(cases):
        groups.setdefault(tuple(one.findings.facts.get(fact) for fact in tested), []).append(place)
    return list(groups.values())
