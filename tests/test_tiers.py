"""Option rules and gates -> tiers, as the contract's paragraph has it."""

from __future__ import annotations

from typing import Any

import pytest

from secondline.condition import Truth
from secondline.forms.rules import Gate, GateThen, OptionRule, OptionThen
from secondline.inference.reference import Findings, Inference
from secondline.tiers import Judged, Outcome, gated, judge


def option(name: str, tier: str, strength: str = "conditional", certainty: str = "low") -> OptionRule:
    return OptionRule.model_construct(
        id=name, then=OptionThen.model_construct(tier=tier, strength=strength, certainty=certainty)
    )


def gate(name: str, **then: Any) -> Gate:
    given = {"tier": None, "lower": None, "certainty": None, "lower_certainty": None, "strength": None, **then}
    return Gate.model_construct(id=name, then=GateThen.model_construct(**given))


def judged(
    rules: list[OptionRule], fired: dict[str, Truth], gates: list[Gate] | None = None, worlds: Any = None
) -> Judged:
    holding = [gate for gate in gates or () if fired[gate.id]]
    maybe = [gate for gate in gates or () if fired[gate.id] is None]
    return judge("x", rules, holding, maybe, Findings(Inference(fired, {}), {}), worlds)


def test_the_highest_tier_counts_with_the_lowest_grading_among_equals() -> None:
    rules = [
        option("a", "consider", "strong", "high"),
        option("b", "preferred", "strong", "moderate"),
        option("c", "preferred", "conditional", "high"),
    ]
    found = judged(rules, {"a": True, "b": True, "c": True})
    assert found.outcome == Outcome("preferred", "conditional", "moderate")
    assert [rule.id for rule in found.rules] == ["b", "c"]


def test_no_rule_that_holds_closes_a_regimen() -> None:
    assert judged([option("a", "preferred")], {"a": False}).outcome.tier == "closed"


def test_a_rule_that_may_hold_leaves_the_tier_open() -> None:
    found = judged([option("a", "preferred", "strong", "moderate"), option("b", "consider")], {"a": None, "b": True})
    assert found.outcome == Outcome("undetermined", "conditional", "low")
    same = judged([option("a", "consider", "strong", "high"), option("b", "consider")], {"a": None, "b": True})
    assert same.outcome == Outcome("consider", "conditional", "low")


def test_with_the_completions_known_only_what_can_come_out_counts() -> None:
    rules = [option("a", "preferred", "strong", "moderate"), option("b", "consider")]
    found = judged(rules, {"a": None, "b": None}, worlds=[frozenset({"a", "b"}), frozenset()])
    assert found.outcome == Outcome("undetermined", "strong", "moderate")
    assert [rule.id for rule in found.rules] == ["a"]


@pytest.mark.parametrize(
    ("before", "gates", "after"),
    [
        (("preferred", "strong", "moderate"), [gate("g", lower=1)], ("alternative", "conditional", "moderate")),
        (
            ("preferred", "strong", "moderate"),
            [gate("g", lower=1), gate("h", lower=2)],
            ("avoid", "conditional", "moderate"),
        ),
        (("consider", "conditional", "low"), [gate("g", lower=3)], ("avoid", "conditional", "low")),
        (("contraindicated", "strong", "low"), [gate("g", lower=1)], ("contraindicated", "strong", "low")),
        (
            ("alternative", "conditional", "low"),
            [gate("g", tier="contraindicated")],
            ("contraindicated", "strong", "low"),
        ),
        (
            ("alternative", "conditional", "low"),
            [gate("g", tier="avoid"), gate("h", tier="contraindicated")],
            ("contraindicated", "strong", "low"),
        ),
        (("avoid", "strong", "moderate"), [gate("g", tier="consider")], ("avoid", "strong", "moderate")),
        (("preferred", "strong", "high"), [gate("g", tier="avoid", strength="strong")], ("avoid", "strong", "high")),
        (("preferred", "strong", "high"), [gate("g", lower=1, strength="strong")], ("alternative", "strong", "high")),
        (("preferred", "strong", "high"), [gate("g", certainty="low")], ("preferred", "strong", "low")),
        (
            ("preferred", "strong", "high"),
            [gate("g", lower_certainty=1), gate("h", lower_certainty=1)],
            ("preferred", "strong", "low"),
        ),
        (
            ("preferred", "strong", "very-low"),
            [gate("g", lower_certainty=1, certainty="high")],
            ("preferred", "strong", "very-low"),
        ),
        (
            ("preferred", "strong", "high"),
            [gate("g", certainty="low", strength="conditional")],
            ("preferred", "conditional", "low"),
        ),
        (("closed", None, None), [gate("g", tier="avoid")], ("closed", None, None)),
        (("preferred", "strong", "high"), [], ("preferred", "strong", "high")),
    ],
)
def test_gates(before: Any, gates: list[Gate], after: Any) -> None:
    assert gated(Outcome(*before), gates) == Outcome(*after)


def test_a_gate_that_may_hold_changes_no_tier_and_stays_open() -> None:
    gates = [gate("g", tier="avoid"), gate("h", lower=1)]
    found = judged([option("a", "preferred", "strong", "moderate")], {"a": True, "g": None, "h": True}, gates)
    assert found.outcome == Outcome("alternative", "conditional", "moderate")
    assert [g.id for g in found.open_gates] == ["g"]
    assert [g.id for g in found.applied] == ["h"]


def test_an_undetermined_tier_that_no_completion_offers_has_no_grading() -> None:
    found = judged([option("a", "avoid")], {"a": None})
    assert found.outcome == Outcome("undetermined", None, None)
