"""Live rules, overriding, agreement and conflict, in three values."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secondline.condition import Truth
from secondline.forms.rules import VerdictRule, VerdictThen
from secondline.scales import lowest, step_down
from secondline.verdict import Decision, decide

GRADED = {"strength": "conditional", "certainty": "low"}


def rule(name: str, verdict: str, **graded: str) -> VerdictRule:
    directed = verdict in ("continue", "do-not-continue")
    then = VerdictThen.model_construct(
        verdict=verdict, **({**GRADED, **graded} if directed else {"strength": None, "certainty": None})
    )
    return VerdictRule.model_construct(id=name, then=then)


def judged(fired: dict[str, Truth], rules: dict[str, str], over: dict[str, tuple[str, ...]] | None = None) -> Decision:
    overriders: dict[str, tuple[str, ...]] = {name: (over or {}).get(name, ()) for name in rules}
    return decide([rule(name, verdict) for name, verdict in rules.items()], fired, overriders)


def test_the_verdict_on_which_the_live_rules_agree() -> None:
    decision = judged({"a": True, "b": False}, {"a": "do-not-continue", "b": "continue"})
    assert (decision.verdict, decision.settled, decision.direction) == ("do-not-continue", True, "against")
    assert [r.id for r in decision.decided_by] == ["a"]


def test_none_live_is_individual() -> None:
    decision = judged({"a": False}, {"a": "continue"})
    assert (decision.verdict, decision.settled, decision.decided_by) == ("individualise", True, ())


def test_live_rules_that_disagree_are_a_conflict() -> None:
    decision = judged({"a": True, "b": True, "c": None}, {"a": "continue", "b": "do-not-continue", "c": "continue"})
    assert decision.verdict == "individualise"
    assert [r.id for r in decision.conflict] == ["a", "b"]
    assert decision.strength is None


def test_a_live_rule_silences_the_one_it_overrides() -> None:
    decision = judged({"a": True, "b": True}, {"a": "individualise", "b": "continue"}, {"b": ("a",)})
    assert decision.verdict == "individualise"
    assert decision.live == {"a": True, "b": False}


def test_an_undetermined_overrider_of_another_verdict_leaves_it_open() -> None:
    decision = judged({"a": None, "b": True}, {"a": "individualise", "b": "continue"}, {"b": ("a",)})
    assert (decision.verdict, decision.settled) == ("undetermined", False)
    assert decision.live == {"a": None, "b": None}


def test_an_undetermined_overrider_of_the_same_verdict_unsettles_nothing() -> None:
    decision = judged({"a": None, "b": True}, {"a": "do-not-continue", "b": "do-not-continue"}, {"b": ("a",)})
    assert (decision.verdict, decision.settled) == ("do-not-continue", True)
    assert [r.id for r in decision.decided_by] == ["a", "b"]


def test_possible_rules_alone_do_not_settle() -> None:
    decision = judged({"a": None}, {"a": "continue"})
    assert decision.verdict == "undetermined"


def test_strength_and_certainty_are_the_lowest() -> None:
    rules = [
        rule("a", "continue", strength="strong", certainty="moderate"),
        rule("b", "continue", strength="conditional", certainty="high"),
    ]
    decision = decide(rules, {"a": True, "b": True}, {"a": (), "b": ()})
    assert (decision.strength, decision.certainty, decision.direction) == ("conditional", "moderate", "for")
    scale = ("high", "moderate", "low", "very-low")
    assert lowest(scale, []) is None
    assert step_down(scale, "high", 2, "very-low") == "low"
    assert step_down(scale, "low", 5, "very-low") == "very-low"
    assert step_down(scale, "very-low", 1, "moderate") == "very-low"


VERDICTS = ("continue", "do-not-continue", "individualise", "out-of-scope")


@given(st.data())
def test_settled_means_every_completion_agrees(data: Any) -> None:
    """Against brute force: every way in which undetermined rules can turn out, each rule on its own."""
    names = [f"r{n}" for n in range(data.draw(st.integers(1, 5)))]
    rules = {name: data.draw(st.sampled_from(VERDICTS)) for name in names}
    fired: dict[str, Truth] = {name: data.draw(st.sampled_from([True, False, None])) for name in names}
    over = {name: tuple(n for n in names[:i] if data.draw(st.booleans())) for i, name in enumerate(names)}
    decision = judged(fired, rules, over)
    unknown = [name for name in names if fired[name] is None]
    verdicts = set()
    for values in product((True, False), repeat=len(unknown)):
        known = {**fired, **dict(zip(unknown, values, strict=True))}
        complete = judged(known, rules, over)
        assert complete.settled
        verdicts.add(complete.verdict)
        if decision.settled and not decision.conflict:
            assert {r.id for r in complete.decided_by} <= {r.id for r in decision.decided_by} or complete.conflict
    if decision.settled:
        assert verdicts == {decision.verdict}
