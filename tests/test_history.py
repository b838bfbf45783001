"""Therapies and dates -> prior_cdk46.* and history.*, sentence by sentence of the contract."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from helpers import case, refusal
from secondline.cases import CaseReader
from secondline.history import oddities
from secondline.patient import Known, know
from secondline.states import NOT_APPLICABLE, Members, OneOf, Range
from secondline.store import Ready

DAY = date(2026, 11, 22)


@pytest.fixture
def known(ready: Ready, reader: CaseReader) -> Any:
    def work_out(therapies: Any, day: date = DAY, **more: Any) -> Known:
        held = case(reader, {"therapies": therapies, **more}, as_of=day.isoformat())
        return know(held.case.profile, day, ready.base.vocabulary)

    return work_out


def entry(*agents: str, setting: str = "metastatic", **more: Any) -> dict[str, Any]:
    return {"setting": setting, "agents": list(agents), **more}


PALBO = entry("palbociclib", "letrozole", months=19, best_response="stable", stopped_for="progression")


def test_the_typical_therapy(known: Any) -> None:
    facts = known([PALBO], progression={"status": "radiological"}).facts
    assert facts["prior_cdk46.agents"] == Members(frozenset({"palbociclib"}))
    assert facts["prior_cdk46.agent"] == "palbociclib"
    assert facts["prior_cdk46.setting"] == "metastatic"
    assert facts["prior_cdk46.months"] == 19
    assert facts["prior_cdk46.stopped_for"] == "progression"
    assert facts["prior_cdk46.best_response"] == "stable"
    assert facts["prior_cdk46.partner_class"] == "aromatase-inhibitor"
    assert facts["prior_cdk46.clinical_benefit"] is True
    assert facts["prior_cdk46.in_last_line"] is True
    assert "prior_cdk46.months_since_stop" not in facts
    assert facts["history.line"] == 2
    assert facts["history.endocrine_lines"] == 1
    assert facts["history.chemotherapy_lines"] == 0
    assert facts["history.endocrine_lines_without_benefit"] == 0
    assert facts["history.months_on_adjuvant_endocrine"] is NOT_APPLICABLE


def test_without_an_inhibitor_its_facts_cannot_be(known: Any) -> None:
    for therapies in ([], [entry("letrozole", months=9, stopped_for="progression")]):
        facts = known(therapies).facts
        assert facts["prior_cdk46.agents"] == Members(frozenset())
        assert facts["prior_cdk46.agent"] == "none"
        assert facts["prior_cdk46.months"] is NOT_APPLICABLE
        assert facts["prior_cdk46.clinical_benefit"] is NOT_APPLICABLE
    assert known([]).facts["history.line"] == 1


def test_no_therapies_recorded_is_not_none(known: Any) -> None:
    facts = known(None).facts
    assert "prior_cdk46.agent" not in facts
    assert "history.line" not in facts


def test_an_unnamed_inhibitor_is_unknown_but_not_none(known: Any) -> None:
    facts = known([entry("cdk46-inhibitor", "letrozole", months=9)]).facts
    assert facts["prior_cdk46.agent"] == OneOf(frozenset({"palbociclib", "ribociclib", "abemaciclib", "other"}))
    assert facts["prior_cdk46.months"] == 9
    assert not facts["prior_cdk46.agents"].sure


def test_a_drug_of_unknown_class_may_have_been_an_inhibitor(known: Any) -> None:
    facts = known([entry("other:trial-drug", months=3)]).facts
    assert facts["prior_cdk46.agent"] == OneOf(frozenset({"none", "other"}))
    assert "prior_cdk46.months" not in facts
    later = known([PALBO, entry("other:trial-drug")]).facts
    assert later["prior_cdk46.agent"] == OneOf(frozenset({"palbociclib", "other"}))
    assert "prior_cdk46.stopped_for" not in later
    before = known([entry("other:trial-drug"), PALBO]).facts
    assert before["prior_cdk46.agent"] == "palbociclib"
    assert before["prior_cdk46.agents"] == Members(frozenset({"palbociclib"}), frozenset({"other"}))
    assert before["history.chemotherapy_lines"] == Range(0, 1)
    assert before["history.classes"].maybe is None
    partner = known([entry("palbociclib", "other:partner")]).facts
    assert "prior_cdk46.partner_class" not in partner


def test_two_named_inhibitors_in_one_entry(known: Any) -> None:
    facts = known([entry("palbociclib", "ribociclib", "letrozole")]).facts
    assert facts["prior_cdk46.agents"] == Members(frozenset({"palbociclib", "ribociclib"}))
    assert facts["prior_cdk46.agent"] == OneOf(frozenset({"palbociclib", "ribociclib"}))


def test_an_inhibitor_outside_the_three_is_other(known: Any) -> None:
    assert known([entry("dalpiciclib", "fulvestrant")]).facts["prior_cdk46.agent"] == "other"


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        (["fulvestrant"], "fulvestrant"),
        (["tamoxifen"], "tamoxifen"),
        (["toremifene"], "other"),
        (["elacestrant"], "oral-serd"),
        (["letrozole", "goserelin", "denosumab"], "aromatase-inhibitor"),
        (["aromatase-inhibitor"], "aromatase-inhibitor"),
        (["serm"], OneOf(frozenset({"tamoxifen", "other"}))),
        (["inavolisib", "fulvestrant"], "fulvestrant"),
        (["avelumab"], "other"),
        (["goserelin"], NOT_APPLICABLE),
        ([], NOT_APPLICABLE),
    ],
)
def test_the_class_of_the_partner(known: Any, agents: list[str], expected: object) -> None:
    assert known([entry("palbociclib", *agents)]).facts["prior_cdk46.partner_class"] == expected


def test_lines_start_only_after_progression(known: Any) -> None:
    stopped = [entry("tamoxifen", stopped_for="toxicity"), PALBO]
    assert known(stopped).facts["history.line"] == 2
    progressed = [entry("tamoxifen", stopped_for="progression"), PALBO]
    assert known(progressed).facts["history.line"] == 3
    later = [entry("tamoxifen", stopped_for="completion", progressed_on="2024-01"), PALBO]
    assert known(later).facts["history.line"] == 3
    unknown = [entry("tamoxifen"), PALBO]
    assert known(unknown).facts["history.line"] == Range(2, 3)


def test_lhrh_agonists_and_bone_agents_make_no_line(known: Any) -> None:
    therapies = [entry("goserelin", stopped_for="progression"), entry("denosumab", stopped_for="progression"), PALBO]
    facts = known(therapies).facts
    assert facts["history.line"] == 2
    assert facts["prior_cdk46.in_last_line"] is True


def test_adjuvant_treatment_makes_no_line(known: Any) -> None:
    facts = known([entry("letrozole", setting="adjuvant", months=60, stopped_for="completion")]).facts
    assert facts["history.line"] == 1


def test_chemotherapy_lines(known: Any) -> None:
    therapies = [entry("paclitaxel", stopped_for="completion"), entry("letrozole", stopped_for="progression"), PALBO]
    facts = known(therapies).facts
    assert facts["history.chemotherapy_lines"] == 1
    assert facts["history.endocrine_lines"] == 2
    assert known([entry("trastuzumab-deruxtecan")]).facts["history.chemotherapy_lines"] == 0


def test_incomplete_lists_are_lower_bounds(known: Any) -> None:
    facts = known([PALBO], therapies_complete=False).facts
    assert facts["prior_cdk46.agent"] == "palbociclib"
    assert facts["history.line"] == Range(2, None)
    assert facts["history.endocrine_lines"] == Range(1, None)
    assert "history.chemotherapy_lines" not in facts
    assert facts["history.agents"] == Members(frozenset({"palbociclib", "letrozole"}), None)


def test_months_add_up_unbroken_by_another_line(known: Any) -> None:
    again = entry("palbociclib", "fulvestrant", months=4, best_response="progressive", stopped_for="progression")
    assert known([PALBO, again]).facts["prior_cdk46.months"] == 23
    between = entry("fulvestrant", months=3, stopped_for="progression")
    assert known([PALBO, between, again]).facts["prior_cdk46.months"] == 4
    same_line = entry("letrozole", months=3, stopped_for="toxicity")
    first = {**PALBO, "stopped_for": "toxicity"}
    assert known([first, same_line, again]).facts["prior_cdk46.months"] == 23
    open_boundary = {**between, "stopped_for": None}
    assert known([first, open_boundary, again]).facts["prior_cdk46.months"] == 23
    unclear = [entry("palbociclib", months=5), entry("fulvestrant", months=3), entry("palbociclib", months=4)]
    assert known(unclear).facts["prior_cdk46.months"] == Range(4, 9)
    other_drug = entry("ribociclib", "letrozole", months=2, stopped_for="toxicity")
    assert known([other_drug, PALBO]).facts["prior_cdk46.months"] == 19
    unnamed = entry("cdk46-inhibitor", months=2, stopped_for="progression")
    assert known([unnamed, PALBO]).facts["prior_cdk46.months"] == Range(19, 21)
    adjuvant = entry("palbociclib", "letrozole", setting="adjuvant", months=24, stopped_for="completion")
    assert known([adjuvant, PALBO]).facts["prior_cdk46.months"] == 19


def test_months_from_dates(known: Any) -> None:
    dated = entry("palbociclib", "letrozole", started="2023-01-10", stopped="2024-01-10", stopped_for="progression")
    assert known([dated]).facts["prior_cdk46.months"] == 12
    partial = {**dated, "stopped": "2024-01"}
    low, high = known([partial]).facts["prior_cdk46.months"]
    assert low < 12 < high
    ongoing = entry("palbociclib", started="2023-01-10", stopped_for="ongoing")
    assert known([ongoing], date(2023, 7, 10)).facts["prior_cdk46.months"] == 6
    stopped_by_progression = known([ongoing], progression={"status": "radiological", "on": "2023-04-10"}).facts
    assert stopped_by_progression["prior_cdk46.months"] == 3
    unknown_stop = entry("palbociclib", started="2023-01-10")
    assert known([unknown_stop], date(2023, 7, 10)).facts["prior_cdk46.months"] == Range(0, 6)
    until_progression = entry("palbociclib", started="2023-01-10", progressed_on="2023-04-10")
    assert known([until_progression], date(2023, 7, 10)).facts["prior_cdk46.months"] == Range(3, 6)
    assert "prior_cdk46.months" not in known([unknown_stop], date(2022, 1, 1)).facts


def test_months_given_as_limits(known: Any) -> None:
    low, high = known([{**PALBO, "months": {"at_least": 6, "below": 12}}]).facts["prior_cdk46.months"]
    assert low == 6
    assert 11.999 < high < 12
    assert known([{**PALBO, "months": {"at_least": 6}}]).facts["prior_cdk46.months"] == Range(6, None)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"months": 5.52, "best_response": "stable"}, True),
        ({"months": 5.51, "best_response": "stable"}, False),
        ({"months": {"at_least": 3, "below": 9}, "best_response": "stable"}, None),
        ({"months": 2, "best_response": "partial"}, True),
        ({"months": 20, "best_response": "progressive"}, False),
        ({"months": 20, "best_response": "not-evaluated"}, None),
        ({"months": 20}, None),
        ({"best_response": "stable"}, None),
        ({"started": "2024-01-01", "stopped": "2024-06-17", "best_response": "stable"}, True),  # 168 days
        ({"started": "2024-01-01", "stopped": "2024-06-16", "best_response": "stable"}, False),  # 167 days
        ({"started": "2024-01-01", "stopped": "2024-06", "best_response": "stable"}, None),
    ],
)
def test_benefit_is_response_or_24_weeks_of_stability(known: Any, more: dict[str, Any], expected: bool | None) -> None:
    facts = known([entry("palbociclib", "letrozole", stopped_for="progression", **more)]).facts
    assert facts.get("prior_cdk46.clinical_benefit") is expected


def test_benefit_over_several_entries(known: Any) -> None:
    first = entry("palbociclib", "letrozole", months=4, best_response="stable", stopped_for="toxicity")
    second = entry("palbociclib", "fulvestrant", months=3, best_response="stable", stopped_for="progression")
    assert known([first, second]).facts["prior_cdk46.clinical_benefit"] is True
    assert known([first, {**second, "best_response": "complete"}]).facts["prior_cdk46.best_response"] == "complete"
    assert "prior_cdk46.best_response" not in known([first, {**second, "best_response": None}]).facts


def test_time_since_the_stop(known: Any) -> None:
    dated = entry("palbociclib", started="2023-01-10", stopped="2024-01-10", stopped_for="toxicity")
    facts = known([dated], date(2024, 7, 10), progression={"status": "radiological", "on": "2024-04-10"}).facts
    assert facts["prior_cdk46.months_since_stop"] == 6
    assert facts["prior_cdk46.months_from_stop_to_progression"] == 3


def test_spans_made_negative_are_unknown(known: Any) -> None:
    dated = entry("palbociclib", stopped="2024-01-10", stopped_for="progression")
    facts = known([dated], date(2023, 1, 1), progression={"status": "radiological", "on": "2024-01-02"}).facts
    assert "prior_cdk46.months_since_stop" not in facts
    assert "prior_cdk46.months_from_stop_to_progression" not in facts


def test_progression_on_an_ongoing_inhibitor_comes_at_once(known: Any) -> None:
    ongoing = entry("palbociclib", started="2023-01-10", stopped_for="ongoing")
    facts = known([ongoing], progression={"status": "clinical"}).facts
    assert facts["prior_cdk46.months_from_stop_to_progression"] == 0
    none = known([ongoing], progression={"status": "none"}).facts
    assert none["prior_cdk46.months_from_stop_to_progression"] is NOT_APPLICABLE
    assert none["prior_cdk46.months_since_stop"] == 0


def test_the_inhibitor_in_the_newest_line(known: Any) -> None:
    later = entry("fulvestrant", months=3, stopped_for="progression")
    assert known([PALBO, later]).facts["prior_cdk46.in_last_line"] is False
    assert "prior_cdk46.in_last_line" not in known([{**PALBO, "stopped_for": None}, later]).facts
    adjuvant = entry("abemaciclib", "letrozole", setting="adjuvant", months=24)
    assert known([adjuvant]).facts["prior_cdk46.in_last_line"] is True
    assert known([adjuvant, later]).facts["prior_cdk46.in_last_line"] is False


def test_endocrine_lines_without_benefit(known: Any) -> None:
    def line(drug: str, response: str | None, months: float = 3) -> dict[str, Any]:
        return entry(drug, months=months, best_response=response, stopped_for="progression")

    fact = "history.endocrine_lines_without_benefit"
    assert known([line("letrozole", "progressive"), line("exemestane", "stable")]).facts[fact] == 2
    assert known([line("letrozole", "progressive"), line("exemestane", "stable", 9)]).facts[fact] == 0
    assert (
        known([line("letrozole", "partial"), line("paclitaxel", "partial"), line("exemestane", "stable")]).facts[fact]
        == 1
    )
    assert known([line("letrozole", None), line("exemestane", "progressive")]).facts[fact] == Range(1, 2)
    assert known([line("letrozole", "progressive"), line("other:x", "progressive")]).facts[fact] == Range(0, 2)


def test_adjuvant_endocrine_therapy(known: Any) -> None:
    on, relapse = "history.months_on_adjuvant_endocrine", "history.months_from_adjuvant_endocrine_to_relapse"
    adjuvant = entry(
        "letrozole", setting="adjuvant", started="2018-01-10", stopped="2023-01-10", stopped_for="completion"
    )
    facts = known([adjuvant], progression={"status": "radiological", "on": "2024-01-10"}).facts
    assert facts[on] == 60
    assert facts[relapse] == 12
    own_date = {**adjuvant, "progressed_on": "2023-07-10"}
    assert known([own_date, PALBO], progression={"status": "radiological", "on": "2026-01-10"}).facts[relapse] == 6
    assert relapse not in known([adjuvant, PALBO], progression={"status": "radiological", "on": "2026-01-10"}).facts
    ongoing = {k: v for k, v in adjuvant.items() if k != "stopped"} | {"stopped_for": "ongoing"}
    assert known([ongoing], progression={"status": "radiological", "on": "2024-01-10"}).facts[relapse] == 0
    on_treatment = {k: v for k, v in adjuvant.items() if k != "stopped"} | {"stopped_for": "progression"}
    assert known([on_treatment, PALBO], progression={"status": "radiological"}).facts[relapse] == 0
    assert on not in known([entry("other:x", setting="adjuvant")]).facts


def test_sets_of_drugs_and_classes(known: Any) -> None:
    facts = known([entry("palbociclib", "aromatase-inhibitor"), entry("chemotherapy"), entry("other:x")]).facts
    agents, classes = facts["history.agents"], facts["history.classes"]
    assert agents.sure == {"palbociclib", "other:x"}
    assert {"letrozole", "anastrozole", "exemestane", "paclitaxel"} <= agents.maybe
    assert not agents.may_have("fulvestrant")
    assert {"cdk46-inhibitor", "aromatase-inhibitor", "endocrine-therapy", "chemotherapy"} <= classes.sure
    assert classes.may_have("adc")
    without = known([entry("palbociclib", "letrozole")]).facts["history.classes"]
    assert not without.may_have("adc")
    unnamed = known([entry("chemotherapy")]).facts["history.classes"]
    assert unnamed.may_have("taxane")
    assert not unnamed.may_have("adc")


def test_stated_facts_stand_without_therapies(known: Any) -> None:
    given = {"agent": "palbociclib", "best_response": "stable", "months": 5.6}
    facts = known(None, prior_cdk46=given).facts
    assert facts["prior_cdk46.clinical_benefit"] is True
    assert facts["prior_cdk46.agents"] == Members(frozenset({"palbociclib"}), None)
    assert known(None, prior_cdk46={**given, "months": 5}).facts["prior_cdk46.clinical_benefit"] is False
    assert "prior_cdk46.clinical_benefit" not in known(None, prior_cdk46={"best_response": "stable"}).facts
    assert known(None, prior_cdk46={"best_response": "partial"}).facts["prior_cdk46.clinical_benefit"] is True
    assert known(None, prior_cdk46={"best_response": "progressive"}).facts["prior_cdk46.clinical_benefit"] is False
    assert known(None, prior_cdk46={"agents": []}).facts["prior_cdk46.agent"] == "none"
    assert known(None, prior_cdk46={"agents": ["ribociclib"]}).facts["prior_cdk46.agent"] == "ribociclib"
    none = known(None, prior_cdk46={"agent": "none", "months": 9}).facts
    assert none["prior_cdk46.months"] is NOT_APPLICABLE


def test_stated_facts_refine_the_therapies(known: Any, reader: CaseReader) -> None:
    unnamed = [entry("cdk46-inhibitor", "letrozole", months={"at_least": 6, "below": 12})]
    refined = known(unnamed, prior_cdk46={"agent": "ribociclib", "months": 9}).facts
    assert refined["prior_cdk46.agent"] == "ribociclib"
    assert refined["prior_cdk46.months"] == 9
    assert (
        known([PALBO], prior_cdk46={"months": 18.7}).facts["prior_cdk46.months"] == 19
    )  # rounded, the therapies count
    incomplete = known(
        [PALBO], therapies_complete=False, history={"line": 4, "agents": ["palbociclib", "letrozole", "olaparib"]}
    )
    assert incomplete.facts["history.line"] == 4
    assert incomplete.facts["history.agents"] == Members(frozenset({"palbociclib", "letrozole", "olaparib"}))
    wrong: dict[str, Any]
    for wrong in (
        {"prior_cdk46": {"agent": "ribociclib"}},
        {"prior_cdk46": {"months": 12}},
        {"prior_cdk46": {"clinical_benefit": False}},
        {"prior_cdk46": {"agents": []}},
        {"history": {"line": 3}},
        {"history": {"classes": ["cdk46-inhibitor"]}},
    ):
        (problem,) = refusal(reader, {"therapies": [PALBO], **wrong}, as_of="2026-11-22")
        assert "disagrees with the therapies" in problem.message


def test_unknown_names_in_stated_history(reader: CaseReader) -> None:
    problems = refusal(reader, {"history": {"agents": ["letrozol", "other:x"], "classes": ["adcs"]}})
    assert [problem.message for problem in problems] == [
        "no class `adcs`; did you mean `adc`?",
        "no drug `letrozol`; did you mean `letrozole`?",
    ]


def test_what_is_odd_is_said(reader: CaseReader) -> None:
    profile = {
        "therapies": [
            entry("letrozole", started="2024-05-01", stopped="2024-06-01", months=9, stopped_for="ongoing"),
            entry("palbociclib", started="2024-01-01", progressed_on="2023-12-01", stopped="2027-01-01"),
        ],
        "progression": {"status": "radiological", "on": "2027-02-01"},
    }
    held = case(reader, profile)
    assert {name for name, _ in oddities(held.case.profile, DAY)} == {
        "data-order-of-therapies",
        "data-ongoing-and-followed",
        "data-ongoing-and-stopped",
        "data-progression-before-start",
        "data-months-and-dates",
        "data-after-the-day-asked",
    }
