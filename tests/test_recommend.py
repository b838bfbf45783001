"""The answer as a whole: what each part of it says, on single patients."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from helpers import TYPICAL, answer
from secondline.cases import CaseReader
from secondline.recommend import Adviser
from secondline.recommendation import Option, Recommendation
from secondline.scales import OFFERED
from test_exact import values


@pytest.fixture
def ask(adviser: Adviser, reader: CaseReader) -> Any:
    def asked(
        day: str = "2026-11-22", jurisdiction: Any = "us", explain: bool = False, **changes: Any
    ) -> Recommendation:
        return answer(adviser, reader, {**TYPICAL, **changes}, date.fromisoformat(day), jurisdiction, explain=explain)

    return asked


def option(result: Recommendation, regimen: str) -> Option:
    return next(option for option in result.options if option.regimen == regimen)


def test_the_typical_patient(ask: Any) -> None:
    result = ask()
    assert (result.verdict, result.direction, result.strength, result.certainty) == (
        "do-not-continue",
        "against",
        "strong",
        "moderate",
    )
    assert result.settled
    assert result.decided_by == ("palbociclib-beyond-palbociclib",)
    (reason,) = result.reasons
    assert {item.report for item in reason.evidence} >= {"PALMIRA-JCO-2025", "PACE-JCO-2024"}
    first = reason.evidence[0]
    assert first.figures == "median 4.9 v 3.6 months; HR 0.84 (95% CI 0.66-1.07), p=0.149"
    assert first.superseded == ("PALMIRA-ASCO-2023",)
    assert first.result["effect"]["value"] == 0.84
    assert "47.4 v 10.0 %" in reason.says
    assert result.assumed == ("progression.extent",)
    assert result.missing == ()
    assert result.headline.startswith("Do not continue palbociclib: ")


def test_an_earlier_day_knows_less(ask: Any) -> None:
    then = ask("2023-06-30")
    says = then.reasons[0].says
    for figure in ("4.2 v 3.6 months", "40.9 v 28.6 %", "adverse events of grade 3-4: 45.2 v 8.3 %"):
        assert figure in says
    assert "PALMIRA-JCO-2025" not in then.reports()
    before = json.dumps(ask("2021-01-01").as_dict())
    for word in ("PALMIRA", "PACE", "4.9 v", "4.2 v", "did not lengthen"):
        assert word not in before


def test_open_tests_say_what_they_would_open(ask: Any) -> None:
    result = ask(biomarkers={"pik3ca": "wild-type"})
    opened = {test.fact: test.would_change for test in result.tests}
    assert [test.order for test in result.tests] == list(range(1, len(result.tests) + 1))
    assert result.tests[0].fact == "biomarkers.esr1"
    assert {"elacestrant", "imlunestrant", "vepdegestrant"} <= set(opened["biomarkers.esr1"])
    assert opened["biomarkers.akt1"] == opened["biomarkers.pten"] == ("capivasertib+fulvestrant",)
    assert opened["biomarkers.gbrca"] == ("olaparib", "talazoparib")
    assert option(result, "capivasertib+fulvestrant").needs == (("biomarkers.akt1", "biomarkers.pten"),)
    assert option(result, "capivasertib+fulvestrant").strength == "strong"
    assert option(result, "elacestrant").needs == (("biomarkers.esr1",),)
    assert option(result, "elacestrant").availability == {"us": "2023-01-27", "eu": "2023-09"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"biomarkers": {"esr1": "mutated", "pten": "intact"}},
        {"biomarkers": {"esr1": "wild-type", "pik3ca": "mutated"}},
        {"patient": {"ecog": 1}, "biomarkers": {"esr1": "mutated"}},
    ],
)
@pytest.mark.parametrize("jurisdiction", ["us", "eu", "none"])
def test_a_test_opens_or_closes_what_the_answer_with_a_result_does(
    ask: Any, adviser: Adviser, changes: dict[str, Any], jurisdiction: str
) -> None:
    """Answered again with each result that there can be, a regimen is offered or not where `would_change` names it."""

    def standing(result: Recommendation) -> dict[str, str]:
        tiers = {o.regimen: o.tier for o in result.options} | {shut.regimen: "closed" for shut in result.closed}
        return {name: "offered" if tier in OFFERED else tier for name, tier in tiers.items()}

    before = ask(jurisdiction=jurisdiction, **changes)
    assert before.tests
    for test in before.tests:
        group, name, *part = test.fact.split(".")
        held = {**TYPICAL, **changes}.get(group, {})
        results = values(adviser.base, test.fact)
        if part:
            found = [{**held, name: {"status": held[name], part[0]: result}} for result in results if result != "3+"]
        else:
            found = [{**held, name: result} for result in results]
        now = standing(before)
        differ = set()
        for one in found:
            after = standing(ask(jurisdiction=jurisdiction, **{**changes, group: one}))
            closed = {"undetermined", "offered"}
            for regimen, stood in now.items():
                stands = after.get(regimen, "closed")
                if stands != "undetermined" and (stands == "offered" or stood in closed) and stands != stood:
                    differ.add(regimen)
        assert set(test.would_change) == differ, test.fact


def test_what_an_option_needs_leaves_out_what_both_results_agree_on(ask: Any) -> None:
    """With either result of ESR1 this regimen comes out alike."""
    disease = {name: value for name, value in TYPICAL["disease"].items() if name != "her2"}
    assert option(ask(disease=disease), "giredestrant+everolimus").needs == (("disease.her2",),)


def test_a_test_that_settles_nothing_alone_stands_last(ask: Any) -> None:
    result = ask()
    opens = [bool(test.would_change) for test in result.tests]
    assert opens[0]
    assert opens == sorted(opens, reverse=True)


def test_closed_options_say_why(ask: Any) -> None:
    biomarkers = {"esr1": "wild-type", "pik3ca": "wild-type", "akt1": "wild-type", "pten": "intact"}
    result = ask(biomarkers=biomarkers)
    closed = {shut.regimen: shut.says for shut in result.closed}
    assert closed["elacestrant"] == "ESR1 is wild-type"
    assert closed["capivasertib+fulvestrant"] == "PIK3CA is wild-type; AKT1 is wild-type; PTEN is intact"
    none = ask(progression={"status": "none"}, therapies=[{**TYPICAL["therapies"][0], "stopped_for": "ongoing"}])
    assert {shut.says for shut in none.closed if shut.regimen.startswith("abema")} == {"progression is none"}


def test_unmeasured_gates_stand_beside_the_tier(ask: Any) -> None:
    ribociclib = option(ask(), "ribociclib+fulvestrant")
    assert ribociclib.tier == "alternative"
    assert ("safety.qtcf_ms",) in [check.facts for check in ribociclib.checks]


def test_a_gate_that_holds_lowers_and_says_why(ask: Any) -> None:
    result = ask(safety={"qtcf_ms": 460})
    ribociclib = option(result, "ribociclib+fulvestrant")
    assert (ribociclib.tier, ribociclib.strength) == ("contraindicated", "strong")
    assert ribociclib.cautions == ("ribociclib-qtcf",)
    assert "ribociclib-qtcf" in ribociclib.rules
    (caution,) = [caution for caution in result.cautions if caution.rule == "ribociclib-qtcf"]
    assert caution.applies_to == ("ribociclib",)
    assert caution.evidence[0].report == "LABEL-RIBOCICLIB-US"


def test_options_come_best_first(ask: Any) -> None:
    safety = {"qtcf_ms": 460, "child_pugh": "A"} | dict.fromkeys(
        ("strong_cyp3a_inhibitor", "moderate_cyp3a_inhibitor", "strong_cyp3a_inducer", "moderate_cyp3a_inducer"), False
    )
    result = ask(biomarkers={"esr1": "mutated"}, safety=safety)
    order = ("preferred", "alternative", "consider", "undetermined", "avoid", "contraindicated")
    shown = [(order.index(o.tier), o.regimen) for o in result.options]
    assert shown == sorted(shown)
    assert {o.tier for o in result.options} == set(order)


def test_jurisdictions(ask: Any) -> None:
    man = {"patient": {"sex": "male", "ecog": 1, "age_years": 61}}
    assert option(ask(jurisdiction="us", **man), "abemaciclib+fulvestrant").tier == "alternative"
    assert option(ask(jurisdiction="eu", **man), "abemaciclib+fulvestrant").tier == "consider"
    nowhere = ask(jurisdiction="none", **man)
    assert option(nowhere, "abemaciclib+fulvestrant").tier == "alternative"
    assert "availability was not judged" in nowhere.provenance.notice
    assert "availability" not in ask(jurisdiction="us").provenance.notice


def test_out_of_scope_has_no_options(ask: Any) -> None:
    result = ask(disease={**TYPICAL["disease"], "her2": "positive"})
    assert (result.verdict, result.options, result.closed, result.tests) == ("out-of-scope", (), (), ())
    assert result.headline.startswith("The evidence is not about this patient: HER2 is positive")


def test_an_undetermined_verdict_names_what_is_missing(ask: Any) -> None:
    result = ask(disease={k: v for k, v in TYPICAL["disease"].items() if k != "her2"})
    assert (result.verdict, result.settled, result.missing) == ("undetermined", False, (("disease.her2",),))
    assert result.headline == "Not answerable yet: it depends on HER2."
    assert result.decided_by == ()
    assert (result.direction, result.strength, result.certainty) == (None, None, None)


def test_a_rule_that_may_hold_beside_one_that_does(ask: Any) -> None:
    result = ask(disease={k: v for k, v in TYPICAL["disease"].items() if k != "visceral_crisis"})
    assert (result.verdict, result.settled) == ("do-not-continue", True)
    assert {reason.rule: reason.depends_on for reason in result.reasons} == {
        "palbociclib-beyond-palbociclib": (),
        "visceral-crisis": ("disease.visceral_crisis",),
    }
    assert "crisis" not in result.headline


ONGOING = [{**TYPICAL["therapies"][0], "stopped_for": "ongoing"}]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"progression": {"status": "none"}}, False),
        ({"disease": {**TYPICAL["disease"], "her2": "positive"}}, False),
        ({"disease": {**TYPICAL["disease"], "extent": "early"}}, False),
        ({"therapies": [{"setting": "metastatic", "agents": ["fulvestrant"], "stopped_for": "ongoing"}]}, False),
        ({"patient": {"sex": "female"}}, False),
    ],
)
def test_men_are_told_of_an_lhrh_agonist_where_a_partner_may_change(ask: Any, changes: Any, told: bool) -> None:
    man = {"patient": {"sex": "male"}, "progression": {"status": "molecular"}, "therapies": ONGOING}
    found = ask(**{**man, **changes})
    assert ("lhrh-agonist-in-men" in [caution.rule for caution in found.cautions]) is told


def test_a_record_that_says_both(ask: Any) -> None:
    result = ask(progression={"status": "none"})
    assert (result.verdict, result.settled) == ("individualise", True)
    assert result.decided_by == ("progression-not-established",)
    assert "progression-on-record-only" in [caution.rule for caution in result.cautions]


def test_continue_with_open_gates_on_the_inhibitor(ask: Any) -> None:
    result = ask(progression={"status": "none"}, therapies=ONGOING)
    assert (result.verdict, result.direction, result.strength) == ("continue", "for", "strong")
    assert {check.rule for check in result.checks} == {
        "lung-disease-on-the-inhibitor",
        "palbociclib-not-tolerated",
        "palbociclib-strong-cyp3a-inducer",
        "palbociclib-strong-cyp3a-inhibitor",
    }
    assert result.headline.startswith("Continue palbociclib: ")


def test_continue_never_stands_while_a_gate_closes_the_inhibitor(ask: Any) -> None:
    result = ask(progression={"status": "none"}, therapies=ONGOING, safety={"strong_cyp3a_inhibitor": True})
    assert (result.verdict, result.settled) == ("individualise", True)
    assert result.decided_by == ("palbociclib-strong-cyp3a-inhibitor",)
    assert (result.direction, result.strength, result.certainty) == (None, None, None)
    assert result.headline.startswith("Palbociclib would go on, but it is not safe")
    assert {check.rule for check in result.checks} == {
        "lung-disease-on-the-inhibitor",
        "palbociclib-not-tolerated",
        "palbociclib-strong-cyp3a-inducer",
    }


def test_gates_on_an_inhibitor_that_nobody_named_are_checks(ask: Any) -> None:
    unnamed = [{**ONGOING[0], "agents": ["cdk46-inhibitor", "letrozole"]}]
    result = ask(progression={"status": "none"}, therapies=unnamed, safety={"strong_cyp3a_inhibitor": True})
    assert result.verdict == "continue"
    held, *others = sorted(result.checks, key=lambda check: check.rule != "palbociclib-strong-cyp3a-inhibitor")
    assert len(others) >= 5
    names = [check.rule for check in result.checks]
    assert names == sorted(names)  # the inhibitors it can be are a set: their order is not the same in every process
    assert held.facts == ("prior_cdk46.agent",)
    pregnant = {"patient": {"sex": "female", "menopausal_status": "premenopausal", "ecog": 1, "pregnant": True}}
    closed = ask(progression={"status": "none"}, therapies=unnamed, **pregnant)
    assert closed.decided_by == ("pregnancy",)


def test_trial_fit(ask: Any) -> None:
    fits = {trial.id: trial for trial in ask().applicability}
    assert set(fits) >= {"PALMIRA", "PACE", "POSTMONARCH", "MAINTAIN"}
    assert fits["PALMIRA"].fit == "inside"
    assert any(c.says.startswith("not read: ") and c.met is None for c in fits["PALMIRA"].criteria)
    assert any(c.says.startswith("not judged: ") for c in fits["PALMIRA"].criteria)
    ecog = next(c for c in fits["PALMIRA"].criteria if c.fact == "patient.ecog")
    assert (ecog.value, ecog.met) == (1, True)
    outside = {t.id: t.fit for t in ask(patient={**TYPICAL["patient"], "ecog": 2}).applicability}
    assert outside["PALMIRA"] == "outside"
    unknown = {t.id: t.fit for t in ask(patient={"sex": "female", "ecog": 1}).applicability}
    assert unknown["PALMIRA"] == "unknown"


def test_the_trace_shows_every_rule_in_effect(ask: Any, adviser: Adviser) -> None:
    crisis = {"disease": {**TYPICAL["disease"], "visceral_crisis": True}}
    trace = {entry.rule: entry for entry in ask(explain=True, **crisis).trace}
    assert trace["visceral-crisis"].status == "fired"
    assert trace["palbociclib-beyond-palbociclib"].status == "overridden"
    assert trace["her2-positive"].status == "not-fired"
    assert trace["her2-positive"].conditions[0].says == "disease.her2 is positive"
    assert "before-the-trials" not in trace
    unknown = {"disease": {k: v for k, v in TYPICAL["disease"].items() if k != "visceral_crisis"}}
    trace = {entry.rule: entry.status for entry in ask(explain=True, **unknown).trace}
    assert (trace["visceral-crisis"], trace["palbociclib-beyond-palbociclib"]) == ("undetermined", "undetermined")
    assert ask().trace is None
    assert "trace" not in ask().as_dict()


def test_old_knowledge_comes_first(ask: Any) -> None:
    result = ask("2028-01-01")
    assert [caution.rule for caution in result.cautions][:2] == ["knowledge-until", "review-by"]
    assert "2026-11-22" in result.cautions[0].says
    assert "palbociclib-beyond-palbociclib" in result.cautions[1].says


def test_odd_records_are_shown(ask: Any) -> None:
    result = ask(patient={"sex": "male", "menopausal_status": "postmenopausal", "ecog": 1})
    assert "data-menopausal-status-of-a-man" in [caution.rule for caution in result.cautions]


def test_the_answer_says_what_it_is(ask: Any) -> None:
    provenance = ask().provenance
    assert provenance.engines == ("durable_rules 2.0.28", "reference")
    for digest in (provenance.rules, provenance.evidence, provenance.profile):
        assert digest.startswith("sha256:")
    assert "not a medical device" in provenance.notice


def test_conflicts_are_shown(adviser: Adviser, reader: CaseReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two live rules that disagree, as an author might write them."""
    monkeypatch.setattr(adviser.base, "overriders", dict.fromkeys(adviser.base.overriders, ()))
    limited = {**TYPICAL, "progression": {"status": "radiological", "extent": "limited"}}
    result = answer(adviser, reader, limited)
    assert result.verdict == "individualise"
    assert result.settled
    (conflict,) = result.conflicts
    assert conflict.verdicts == ("do-not-continue", "individualise")
    assert conflict.rules == result.decided_by == ("limited-progression", "palbociclib-beyond-palbociclib")
    assert result.headline.startswith("The rules disagree for this patient")


def test_a_verdict_that_every_completion_gives_is_settled(ask: Any) -> None:
    """Nobody named the inhibitor; whichever it was, the rules say the same."""
    unnamed = [{**TYPICAL["therapies"][0], "agents": ["cdk46-inhibitor", "letrozole"]}]
    result = ask(therapies=unnamed)
    assert (result.verdict, result.settled, result.missing) == ("do-not-continue", True, ())
    assert (result.strength, result.certainty) == ("conditional", "low")
    assert [reason.depends_on for reason in result.reasons] == [("prior_cdk46.agent",)] * 2
    assert result.headline.startswith("Do not continue the CDK4/6 inhibitor: so say all rules that may apply")
    for drug in ("palbociclib", "ribociclib", "abemaciclib", "dalpiciclib"):
        named = [{**TYPICAL["therapies"][0], "agents": [drug, "letrozole"]}]
        assert ask(therapies=named).verdict == "do-not-continue"
    her2 = {name: value for name, value in TYPICAL["disease"].items() if name != "her2"}
    assert ask(therapies=unnamed, disease=her2).missing == (("disease.her2",),), "the name of the drug settles nothing"
    limited = ask(therapies=unnamed, progression={"status": "radiological", "extent": "limited"})
    assert limited.verdict == "individualise"
