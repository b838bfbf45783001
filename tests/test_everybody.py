"""Every patient at once: what the diagrams say, held against what made-up patients are answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import combinations

import pytest

from secondline.asof import AsOf
from secondline.authoring.everybody import CONFLICT, NONE_LIVE, Everybody, pair, plausible, prepared
from secondline.authoring.patients import TYPICAL, Asked, Clinic, as_yaml, case_of, least, profile_of
from secondline.cases import CaseReader, Days
from secondline.columns.cells import Cells
from secondline.diagram import ALWAYS, NEVER
from secondline.domains import Stretch
from secondline.facts import catalogue
from secondline.rulebase import RuleBase
from secondline.scales import Jurisdiction
from secondline.store import Ready
from secondline.tiers import CLOSED

DAYS = (date(2023, 6, 30), date(2026, 11, 22))


@pytest.fixture(scope="module")
def base(ready: Ready) -> RuleBase:
    return ready.base


@pytest.fixture(scope="module")
def cells(base: RuleBase) -> Cells:
    return prepared(base)


@pytest.fixture(scope="module")
def clinic(base: RuleBase) -> Clinic:
    return Clinic(base)


def views(base: RuleBase, cells: Cells) -> Iterator[tuple[Asked, Everybody]]:
    places: tuple[tuple[Jurisdiction, str | None], ...] = (("us", "us"), ("eu", "eu"), ("none", None))
    for day in DAYS:
        for jurisdiction, local in places:
            yield Asked(day, jurisdiction), Everybody(AsOf(base, day, local), cells)


def test_a_patient_made_for_a_verdict_or_a_tier_is_answered_with_it(
    base: RuleBase, cells: Cells, clinic: Clinic
) -> None:
    tried = 0
    for asked, everybody in views(base, cells):
        for verdict, node in everybody.verdicts.items():
            facts = everybody.patient(node) if verdict not in (CONFLICT, NONE_LIVE) else None
            answer = facts and clinic.answer(facts, asked)
            assert not facts or (answer and answer.verdict == verdict), (asked, verdict, facts)
        for regimen in everybody.view.options:
            for tier, node in everybody.tiers(regimen).items():
                facts = everybody.patient(node)
                if facts is not None:
                    tried += 1
                    outcome = clinic.outcome(facts, asked)
                    assert outcome is not None, facts
                    assert outcome.tiers.get(regimen, CLOSED) == tier, (asked, regimen, facts)
    assert tried > 400


def test_a_patient_has_one_verdict_and_of_each_regimen_one_tier(base: RuleBase, cells: Cells) -> None:
    for _, everybody in views(base, cells):
        dd = everybody.diagrams
        verdicts = [n for v, n in everybody.verdicts.items() if v not in (CONFLICT, NONE_LIVE)]
        for nodes in (verdicts, *(list(everybody.tiers(r).values()) for r in everybody.view.options)):
            assert dd.any_of(nodes) == ALWAYS
            assert all(dd.both(one, other) == NEVER for one, other in combinations(nodes, 2))


def test_nothing_is_asked_of_a_patient_that_cannot_be(base: RuleBase, cells: Cells) -> None:
    everybody = Everybody(AsOf(base, DAYS[-1], "us"), cells)
    assert everybody.patient(NEVER) is None
    assert not everybody.possible(NEVER)
    assert everybody.possible(ALWAYS)


def test_whoever_is_made_without_a_wish_is_typical(base: RuleBase, cells: Cells) -> None:
    facts = Everybody(AsOf(base, DAYS[-1], "us"), cells).patient(ALWAYS)
    assert facts is not None
    assert {path: value for path, value in facts.items() if path in TYPICAL} == {
        path: value for path, value in TYPICAL.items() if path in facts
    }


def test_a_rule_base_beside_itself_is_the_same_functions(base: RuleBase) -> None:
    one, other = (Everybody(AsOf(base, DAYS[-1], "us"), cells) for cells in pair(base, base))
    assert one.verdicts == other.verdicts
    assert all(one.tiers(regimen) == other.tiers(regimen) for regimen in one.view.options)


def test_a_case_file_holds_what_was_put_in(ready: Ready, clinic: Clinic) -> None:
    asked = Asked(DAYS[-1], "us")
    facts = {**TYPICAL, "biomarkers.esr1": "mutated", "biomarkers.esr1.taken": "earlier"}
    held = clinic.case(facts, asked)
    title = "A title: with a colon, 'quotes' and # a hash"
    text = as_yaml([case_of(facts, asked, "one", title, {"verdict": "do-not-continue", "missing": []})] * 2)
    read, problems = CaseReader(ready.base, ready.case_schema, Days()).read(text.encode(), "made.yaml")
    assert not problems
    assert held is not None
    assert [case.id for case in read] == ["one", "one"]
    assert read[0].case.title == title
    assert read[0].node.plain()["profile"] == clinic_plain(profile_of(facts))
    assert read[0].day == asked.day
    assert read[0].case.jurisdiction == "us"


def clinic_plain(value: object) -> object:
    """Lists as tuples, as a file's nodes give them."""
    if isinstance(value, dict):
        return {key: clinic_plain(item) for key, item in value.items()}
    return tuple(map(clinic_plain, value)) if isinstance(value, list) else value


def test_what_is_left_is_least(base: RuleBase, clinic: Clinic) -> None:
    asked = Asked(DAYS[-1], "us")

    def still(facts: dict[str, object]) -> bool:
        outcome = clinic.outcome(facts, asked)
        return outcome is not None and outcome.verdict == "do-not-continue"

    facts = least(dict(TYPICAL), still)
    assert still(facts)
    assert len(facts) < 12
    assert not any(still({path: v for path, v in facts.items() if path != gone}) for gone in facts)


def test_what_is_contradictory_is_no_patient(clinic: Clinic) -> None:
    facts = {"patient.sex": "male", "patient.pregnant": True}
    assert clinic.case(facts, Asked(DAYS[-1])) is None
    assert clinic.answer(facts, Asked(DAYS[-1])) is None


@pytest.mark.parametrize(
    ("stretch", "number"),
    [
        (Stretch(0, 450, False, True), 431),
        (Stretch(450, 480, False, True), 450),
        (Stretch(480, 1000, True, False), 481),
        (Stretch(450, 450.5, True, True), 450.1),
        (Stretch(100, 300, False, False), 300),
        (Stretch(100, 300, False, True), 299),
    ],
)
def test_a_number_is_near_the_typical_one(stretch: Stretch, number: float) -> None:
    assert plausible(stretch, catalogue()["safety.qtcf_ms"]) == number
