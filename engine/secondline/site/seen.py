"""What the cases show of the rules: in which each fires or nearly does, and the answer they get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from secondline.cases import CaseFile
from secondline.condition import Condition, Truth, conjuncts, truth
from secondline.inference.agree import agreed
from secondline.laws import answered
from secondline.laws import held as judged
from secondline.patient import know
from secondline.recommend import Adviser, Answer
from secondline.rulebase import RuleBase, produces
from secondline.states import State, in_words

if TYPE_CHECKING:
    from secondline.forms.rules import Law, Rule


class Near(NamedTuple):
    """The one part of a condition that keeps a rule from firing: false, or not known."""

    part: Condition
    known: bool


class Seen(NamedTuple):
    """One case with its answer.

    `fires` are the rules, true definitions and laws that it is about, with what a definition of values gives;
    `overridden` those that fire and yield; `near` the rules that one part of their condition keeps from firing.
    """

    case: CaseFile
    verdict: str
    decided_by: tuple[str, ...]
    tiers: Mapping[str, str]
    fires: Mapping[str, str]
    overridden: frozenset[str]
    near: Mapping[str, Near]

    @property
    def day(self) -> date:
        return self.case.day


def seen(case: CaseFile, adviser: Adviser, laws: Sequence[Law]) -> Seen:
    """Answer a case, and say which rules it exercises.

    Raises:
        EngineError: an engine failed, or the two engines disagree.
    """
    base, question = adviser.base, case.question()
    known = know(case.case.profile, case.day, base.vocabulary)
    findings = agreed(base, adviser.engine, known.facts)
    view = adviser.calendar.on(case.day, None if question.jurisdiction == "none" else question.jurisdiction)
    answer = Answer(case.case.profile, view, known, findings, question)
    outcome = answer.outcome()
    facts = {**findings.facts, **answered(outcome, base.vocabulary)}
    fired = [rule.id for rule in view.rules() if findings.fires(rule.id)]
    return Seen(
        case=case,
        verdict=outcome.verdict,
        decided_by=tuple(rule.id for rule in answer.deciding()),
        tiers=outcome.tiers,
        fires={
            **dict.fromkeys(fired, ""),
            **dict(_defined(base, findings.facts)),
            **{law.id: "" for law in laws if base.in_effect(law, case.day) and judged(law, facts).when},
        },
        overridden=frozenset(rule for rule in fired if answer.decision.live.get(rule) is False),
        near=dict(_near(view.rules(), findings.inference.rules, findings.facts)),
    )


def _defined(base: RuleBase, facts: Mapping[str, State]) -> Iterator[tuple[str, str]]:
    """The yes/no definitions that hold, and the value of those that have values."""
    for definition in base.definitions:
        state = facts.get(produces(definition))
        if definition.fact is None and state is True:
            yield definition.id, ""
        elif definition.fact is not None and isinstance(state, str):
            yield definition.id, in_words(state)


def _near(rules: Iterable[Rule], fires: Mapping[str, Truth], facts: Mapping[str, State]) -> Iterator[tuple[str, Near]]:
    """Of rules with several parts, those of which all but one hold."""
    for rule in rules:
        parts = conjuncts(rule.when)
        if fires[rule.id] or len(parts) < 2:
            continue
        failing: list[Near] = []
        for part in parts:
            found = truth(part, facts)
            if not found:
                failing.append(Near(part, found is False))
                if len(failing) > 1:
                    break
        if len(failing) == 1:
            yield rule.id, failing[0]
