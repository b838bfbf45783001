"""Conditions: three values, words, and reading with precise messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import node
from secondline.condition import (
    All,
    AnyOf,
    Check,
    Condition,
    Not,
    Terms,
    conjuncts,
    holds,
    label,
    parse,
    sentence,
    truth,
)
from secondline.condition import Test as OneTest
from secondline.errors import Problem
from secondline.facts import Fact, canonical, catalogue
from secondline.states import NOT_APPLICABLE, Members, OneOf, Range, State
from secondline.vocabulary import Vocabulary
from strategies import RuleBases

VOCABULARY = Vocabulary(drugs={"letrozole": ("x",)}, classes={"adc": node({"title": "x"})})  # type: ignore[dict-item]
TERMS = Terms(
    VOCABULARY,
    {"disease.hr": Fact("disease.hr", "choice", "HR", values=("positive", "negative"))},
    frozenset({"progressed"}),
)


def read(plain: Any) -> tuple[Condition | None, list[str]]:
    problems: list[Problem] = []
    return parse(node(plain), TERMS, problems), [problem.message for problem in problems]


def one_test(fact: str, test: Any) -> OneTest:
    found, problems = read({fact: test})
    assert not problems
    assert isinstance(found, OneTest)
    return found


@pytest.mark.parametrize(
    ("fact", "test", "state", "expected"),
    [
        ("disease.her2", "negative", "negative", True),
        ("disease.her2", "negative", "positive", False),
        ("disease.her2", "negative", None, None),
        ("disease.er.status", ["positive", "low"], "low", True),
        ("disease.her2.ihc", [0, "1+"], "0", True),
        ("disease.visceral_crisis", True, False, False),
        ("prior_cdk46.agent", {"not": "none"}, "palbociclib", True),
        ("prior_cdk46.agent", {"not": "none"}, OneOf(frozenset({"palbociclib", "other"})), True),
        ("prior_cdk46.agent", "palbociclib", OneOf(frozenset({"palbociclib", "other"})), None),
        ("prior_cdk46.agent", ["palbociclib", "other"], OneOf(frozenset({"palbociclib", "other"})), True),
        ("prior_cdk46.agent", "none", OneOf(frozenset({"palbociclib", "other"})), False),
        ("prior_cdk46.stopped_for", {"not": "toxicity"}, NOT_APPLICABLE, False),
        ("prior_cdk46.months", {"above": 6}, NOT_APPLICABLE, False),
        ("safety.qtcf_ms", {"at_least": 450}, 450, True),
        ("safety.qtcf_ms", {"above": 450}, 450, False),
        ("safety.qtcf_ms", {"at_most": 450}, 450, True),
        ("safety.qtcf_ms", {"below": 450}, 450, False),
        ("prior_cdk46.months", {"at_least": 6}, Range(6, 12), True),
        ("prior_cdk46.months", {"above": 6}, Range(6, 12), None),
        ("prior_cdk46.months", {"at_least": 13}, Range(6, 12), False),
        ("prior_cdk46.months", {"below": 6}, Range(6, None), False),
        ("prior_cdk46.months", {"below": 7}, Range(6, None), None),
        ("prior_cdk46.months", {"at_most": 12}, Range(None, 12), True),
        ("prior_cdk46.months", {"at_least": 6, "below": 12}, Range(7, 11), True),
        ("prior_cdk46.months", {"at_least": 6, "below": 12}, Range(12, 20), False),
        ("prior_cdk46.months", 6, Range(5, 7), None),
        ("prior_cdk46.months", [5, 6, 7], Range(5, 7), None),
        ("prior_cdk46.months", 6, Range(7, 8), False),
        ("history.line", [1, 2], Range(1, 2), True),
        ("history.line", [1, 3], Range(1, 3), None),
        ("history.line", {"not": [1, 2]}, Range(1, 2), False),
        ("history.line", {"at_least": 2}, Range(2, 4), True),
        ("history.line", {"at_least": 2}, Range(2, None), True),
        ("history.line", [2], Range(3, None), False),
        ("disease.sites", {"has": "bone"}, Members(frozenset({"bone"})), True),
        ("disease.sites", {"has": "bone"}, Members(frozenset(), None), None),
        ("disease.sites", {"has": "bone"}, Members(frozenset()), False),
        ("disease.sites", {"has_all": ["bone", "liver"]}, Members(frozenset({"bone"}), frozenset({"liver"})), None),
        ("disease.sites", {"has_all": ["bone", "liver"]}, Members(frozenset({"bone"})), False),
        ("disease.sites", {"has_any": ["bone", "liver"]}, Members(frozenset({"bone"})), True),
        ("disease.sites", {"has_none": ["bone"]}, Members(frozenset({"liver"})), True),
        ("disease.sites", {"has": "bone", "has_none": ["liver"]}, Members(frozenset({"bone", "liver"})), False),
        ("disease.sites", {"has": "bone", "has_none": ["liver"]}, Members(frozenset({"bone"}), None), None),
        ("history.classes", {"has": "adc"}, Members(frozenset({"adc"})), True),
        ("history.agents", {"has": "letrozole"}, Members(frozenset({"letrozole"})), True),
    ],
)
def test_one_test_on_one_state(fact: str, test: Any, state: State, expected: bool | None) -> None:
    assert holds(one_test(fact, test), state) is expected


def _judged(truths: list[bool | None]) -> tuple[dict[str, State], list[Condition]]:
    facts: dict[str, State] = {}
    tests: list[Condition] = []
    for number, value in enumerate(truths):
        fact = ("disease.visceral_crisis", "disease.symptomatic_cns", "safety.ild")[number]
        facts[fact] = value
        tests.append(OneTest(fact, (Check("is", (True,)),)))
    return facts, tests


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=3))
def test_kleene(truths: list[bool | None]) -> None:
    facts, tests = _judged(truths)
    everything = truth(All(tuple(tests)), facts)
    anything = truth(AnyOf(tuple(tests)), facts)
    assert everything is (False if False in truths else None if None in truths else True)
    assert anything is (True if True in truths else None if None in truths else False)
    assert truth(Not(tests[0]), facts) is (None if truths[0] is None else not truths[0])


@settings(max_examples=200)
@given(st.integers(0, 10**6))
def test_knowing_more_never_takes_an_answer_back(seed: int) -> None:
    """A condition that is decided stays as it is once an unknown fact becomes known."""
    made = RuleBases(seed)
    condition, facts = made.condition({}), made.states()
    before = truth(condition, facts)
    if before is not None:
        for path, state in made.states().items():
            if path not in facts:
                assert truth(condition, {**facts, path: state}) is before


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"disease.her2": "negative"}, "disease.her2 is negative"),
        ({"patient.ecog": [0, 1]}, "patient.ecog is 0 or 1"),
        ({"safety.qtcf_ms": {"at_least": 450}}, "safety.qtcf_ms is at least 450 ms"),
        (
            {"prior_cdk46.months": {"at_least": 5.52, "below": 12}},
            "prior_cdk46.months is at least 5.52 months and is below 12 months",
        ),
        ({"prior_cdk46.agent": {"not": "none"}}, "prior_cdk46.agent is not none"),
        ({"disease.sites": {"has": "bone"}}, "disease.sites has bone"),
        ({"disease.sites": {"has_all": ["bone", "liver"]}}, "disease.sites has bone and liver"),
        ({"disease.sites": {"has_any": ["bone", "liver"]}}, "disease.sites has bone or liver"),
        ({"disease.sites": {"has_none": ["bone"]}}, "disease.sites has no bone"),
        ({"disease.visceral_crisis": True}, "disease.visceral_crisis is true"),
        ({"definition": "progressed"}, "definition:progressed"),
        ({"not": {"disease.hr": "positive"}}, "not: disease.hr is positive"),
        (
            {"all": [{"disease.hr": "positive"}, {"any": [{"patient.ecog": 0}, {"patient.ecog": 1}]}]},
            "disease.hr is positive and (patient.ecog is 0 or patient.ecog is 1)",
        ),
    ],
)
def test_sentences(plain: Any, words: str) -> None:
    found, problems = read(plain)
    assert not problems
    assert found is not None
    assert sentence(found) == words


def test_parts_and_labels() -> None:
    found, _ = read({"all": [{"disease.hr": "positive"}, {"patient.ecog": 0}]})
    assert found is not None
    assert len(conjuncts(found)) == 2
    assert conjuncts(conjuncts(found)[0]) == (conjuncts(found)[0],)
    assert label("disease.her2") == "HER2"
    assert label("definition:a-b") == "a b"


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ("x", "expected a condition, got `x`"),
        ({}, "expected exactly one key in a condition, got nothing"),
        ({"all": []}, "`all` needs a list with at least one condition"),
        ({"any": {"patient.ecog": 1}}, "`any` needs a list"),
        ({"all": [{"patient.ecg": 1}, {"patient.sx": "male"}]}, "no fact `patient.ecg`; did you mean `patient.ecog`?"),
        ({"zzz": 1}, "no fact `zzz`; `secondline schema case` lists the facts"),
        ({"progression.on": "2024"}, "no fact `progression.on`"),
        ({"patient.ecog": {}}, "`patient.ecog` has no test"),
        ({"patient.ecog": []}, "an empty list tests nothing"),
        ({"patient.ecog": 1.5}, "expected a whole number"),
        ({"patient.ecog": True}, "expected a number"),
        ({"safety.qtcf_ms": 1e300}, "expected a number"),
        ({"patient.ecog": {"at_least": [1]}}, "expected a number"),
        ({"disease.visceral_crisis": "yes"}, "expected `true` or `false`, got `yes`"),
        ({"disease.her2": None}, "there is no test for being unknown"),
        ({"disease.her2": "zzz"}, "cannot be `zzz`; expected `positive` or `negative`"),
        ({"disease.her2": {"at_least": 1}}, "is a single value and has no operator `at_least`"),
        ({"disease.sites": {"has_any": "bone"}}, "`has_any` takes a list"),
        ({"disease.sites": ["bone"]}, "is a set; test it with"),
        ({"disease.sites": {"not": "bone"}}, "is a set and has no operator `not`"),
        ({"definition": "progresed"}, "no yes/no definition `progresed`; did you mean `progressed`?"),
        ({"definition": "zzz"}, "no yes/no definition `zzz`; expected `progressed`"),
        ({"prior_cdk46.months": {"above": 6, "at_most": 6}}, "no number lies between these limits"),
        ({"history.agents": {"has": "letrozol"}}, "did you mean `letrozole`?"),
    ],
)
def test_what_is_refused(plain: Any, words: str) -> None:
    found, problems = read(plain)
    assert found is None
    assert words in problems[0]


def test_every_mistake_of_a_list_is_named() -> None:
    _, problems = read({"all": [{"patient.ecg": 1}, {"patient.sx": "male"}]})
    assert len(problems) == 2


def test_without_definitions_the_reader_says_where_to_add_one() -> None:
    problems: list[Problem] = []
    assert parse(node({"definition": "x"}), Terms(VOCABULARY), problems) is None
    assert "add it under `definitions/`" in problems[0].message


def test_one_name_for_each_fact() -> None:
    assert canonical("disease.er.status") == "disease.er"
    assert canonical("biomarkers.esr1.result") == "biomarkers.esr1"
    assert canonical("patient.ecog") == "patient.ecog"
    assert one_test("disease.er.status", "positive").fact == "disease.er"
    assert catalogue()["disease.her2.ihc"].main == "disease.her2"
