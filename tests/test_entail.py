"""What unknown facts can turn out to be, and what then holds: single patients; `test_exact` tries every completion."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from helpers import TYPICAL, answer, case, refusal
from secondline.asof import AsOf
from secondline.cases import CaseReader
from secondline.condition import All, Check, Condition, Not
from secondline.condition import Test as OneTest
from secondline.diagram import ALWAYS, NEVER
from secondline.entail import Entailment
from secondline.forms.rules import Caution, Definition, DefinitionCase
from secondline.inference.reference import infer
from secondline.patient import know
from secondline.recommend import Adviser, recommend
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, Members, State
from secondline.store import Ready
from secondline.worlds import Undecidable, Worlds
from strategies import rule_base

DAY = date(2026, 11, 22)


def is_(fact: str, *values: Any) -> OneTest:
    return OneTest(fact, (Check("is", values),))


def limit(fact: str, op: Any, value: float) -> OneTest:
    return OneTest(fact, (Check(op, (value,)),))


def worlds(reader: CaseReader, ready: Ready, conditions: list[Condition], profile: Any) -> Worlds:
    """The worlds of a profile under a rule base of these conditions."""
    rules = [
        Caution.model_construct(id=f"rule-{n}", when=when, says="x", cites=(), effective=None)
        for n, when in enumerate(conditions)
    ]
    return over(reader, replace(rule_base([], rules), vocabulary=ready.base.vocabulary), ready, profile)


def over(reader: CaseReader, base: RuleBase, ready: Ready, profile: Any) -> Worlds:
    known = know(case(reader, profile).case.profile, DAY, ready.base.vocabulary)
    return Worlds(base, infer(base, known.facts), known)


def possible(held: Worlds, fact: str, values: list[Any]) -> list[Any]:
    """The values that a fact can have."""
    return [value for value in values if held.possible(held.where(is_(fact, value)))]


STATUSES = ["none", "molecular", "radiological", "clinical"]
WILD = {"result": "wild-type", "sample": "plasma", "taken": "at-progression"}


@pytest.mark.parametrize(
    ("profile", "fact", "values", "expected"),
    [
        ({"disease": {"her2": "negative"}}, "disease.her2.ihc", ["0", "ultralow", "1+", "2+", "3+"],
         ["0", "ultralow", "1+", "2+"]),
        ({"disease": {"her2": "negative"}}, "disease.her2.ish", ["amplified", "not-amplified"], ["not-amplified"]),
        ({"disease": {"her2": {"ihc": "2+"}}}, "disease.her2.ihc", ["0", "1+", "2+"], ["2+"]),
        ({"disease": {"her2": {"ihc": "2+"}}}, "disease.her2", ["positive", "negative"], ["positive", "negative"]),
        ({"disease": {"er": {"percent": 5}}}, "disease.er", ["positive", "low", "negative"], ["low"]),
        ({"patient": {"pregnant": True}}, "patient.sex", ["female", "male"], ["female"]),
        ({"patient": {"sex": "male"}}, "patient.menopausal_status", ["premenopausal", "postmenopausal"], []),
        ({"progression": {"status": "molecular"}}, "biomarkers.esr1", ["mutated", "wild-type"], ["mutated"]),
        ({"biomarkers": {"esr1": WILD}}, "progression.status", STATUSES, ["none", "radiological", "clinical"]),
        ({"biomarkers": {"esr1": {**WILD, "sample": "tissue"}}}, "progression.status", STATUSES, STATUSES),
        ({"prior_cdk46": {"agents": ["palbociclib", "ribociclib"]}}, "prior_cdk46.agent",
         ["palbociclib", "ribociclib", "abemaciclib", "other", "none"], ["palbociclib", "ribociclib"]),
    ],
)  # fmt: skip
def test_what_a_fact_can_turn_out_to_be(
    reader: CaseReader, ready: Ready, profile: Any, fact: str, values: list[str], expected: list[str]
) -> None:
    held = worlds(reader, ready, [is_(fact, value) for value in values], profile)
    assert possible(held, fact, values) == expected


def test_a_number_is_cut_at_the_limits_of_the_rules(reader: CaseReader, ready: Ready) -> None:
    rules: list[Condition] = [limit("safety.qtcf_ms", "at_least", 450), limit("safety.qtcf_ms", "above", 480)]
    held = worlds(reader, ready, rules, {})
    first, second = map(held.where, rules)
    assert len(held.variables[0].values) == 3
    assert [value.stretch and value.stretch.low for value in held.variables[0].values] == [200, 450, 480]
    assert not held.possible(held.diagrams.without(second, first))
    assert held.possible(held.diagrams.without(first, second))


def test_a_range_leaves_out_what_lies_outside_it(reader: CaseReader, ready: Ready) -> None:
    therapies = [{"setting": "metastatic", "agents": ["palbociclib"], "months": {"at_least": 4, "below": 8}}]
    rules: list[Condition] = [limit("prior_cdk46.months", "at_least", n) for n in (3, 6, 8)]
    held = worlds(reader, ready, rules, {"therapies": therapies})
    assert [held.certain(held.where(r)) for r in rules] == [True, False, False]
    assert [held.possible(held.where(r)) for r in rules] == [True, True, False]


def test_no_man_has_a_menopausal_status(reader: CaseReader, ready: Ready) -> None:
    """With one the sex is told; without one a man may be meant, and then there is none."""
    pre, man = is_("patient.menopausal_status", "premenopausal"), is_("patient.sex", "male")
    stated = worlds(reader, ready, [pre, man], {"patient": {"menopausal_status": "premenopausal"}})
    assert stated.facts["patient.sex"] == "female"
    assert stated.where(pre) == ALWAYS
    assert stated.where(man) == NEVER
    neither = worlds(reader, ready, [pre, man], {})
    assert neither.possible(neither.where(man))
    assert not neither.possible(neither.where(All((pre, man))))


def test_what_is_stated_may_still_not_apply(reader: CaseReader, ready: Ready) -> None:
    """An extent that is stated beside a progression that is not: there may be none."""
    limited = is_("progression.extent", "limited")
    held = worlds(reader, ready, [limited, is_("progression.status", "none")], {"progression": {"extent": "limited"}})
    assert held.shaken() == {"progression.extent"}
    assert held.possible(held.where(limited))
    assert not held.certain(held.where(limited))


def test_a_pregnancy_that_is_stated_stands_whatever_else_is_found(reader: CaseReader, ready: Ready) -> None:
    """Found out anew it stands too; left unknown it cannot be after menopause."""
    pregnant, post = is_("patient.pregnant", True), is_("patient.menopausal_status", "postmenopausal")
    held = worlds(reader, ready, [pregnant, post], {"patient": {"sex": "female"}})
    both = held.where(All((pregnant, post)))
    assert not held.possible(both)
    assert held.stating(["patient.pregnant"], both) != NEVER


def test_an_absent_biomarker_becomes_a_bare_result(reader: CaseReader, ready: Ready) -> None:
    earlier, mutated = is_("biomarkers.esr1.taken", "earlier"), is_("biomarkers.esr1", "mutated")
    held = worlds(reader, ready, [earlier, mutated], {"biomarkers": {"esr1": {"sample": "tissue"}}})
    assert held.where(earlier) == NEVER
    assert held.possible(held.where(mutated))
    assert held.facts_of(held.where(mutated)) == ("biomarkers.esr1",)


def test_a_result_that_counts_as_absent_is_found_out_again(reader: CaseReader, ready: Ready) -> None:
    """A wild-type of unknown time may be an earlier one, which excludes nothing; then a new result decides."""
    esr1 = {"result": "wild-type", "sample": "plasma", "tumour_fraction_percent": 20}
    now = [is_("biomarkers.esr1_now", "mutated"), is_("biomarkers.esr1_now", "wild-type")]
    held = over(reader, ready.base, ready, {"biomarkers": {"esr1": esr1}})
    assert held.shaken() == {"biomarkers.esr1"}
    assert [held.possible(held.where(test)) for test in now] == [True, True]
    recent = over(reader, ready.base, ready, {"biomarkers": {"esr1": {**esr1, "taken": "at-progression"}}})
    assert [recent.possible(recent.where(test)) for test in now] == [False, True]
    old = over(reader, ready.base, ready, {"biomarkers": {"esr1": {**esr1, "taken": "earlier"}}})
    assert [old.possible(old.where(test)) for test in now] == [True, True]
    assert old.facts_of(old.where(now[0])) == ("biomarkers.esr1",)


def test_a_definition_that_stays_unknown_is_not_guessed(reader: CaseReader, ready: Ready) -> None:
    voids = DefinitionCase.model_construct(
        when=is_("disease.visceral_crisis", True), value="unknown", of="patient.ecog"
    )
    definition = Definition.model_construct(
        id="made", fact="disease.made", cases=(voids,), otherwise="low", cites=()
    )  # fmt: skip
    rule = Caution.model_construct(id="rule", when=is_("disease.made", "low"), says="x", cites=(), effective=None)
    base = rule_base([definition], [rule])
    held = over(reader, base, ready, {})
    with pytest.raises(Undecidable):
        held.where(rule.when)


def test_drugs_tell_their_classes(reader: CaseReader, ready: Ready) -> None:
    drug = OneTest("history.agents", (Check("has_all", ("fulvestrant",)),))
    known = OneTest("history.classes", (Check("has_all", ("endocrine-therapy",)),))
    held = worlds(reader, ready, [drug, known], {})
    assert held.possible(held.where(All((drug, known))))
    assert not held.possible(held.where(All((drug, Not(known)))))


# --- least sets and what is shown of them -----------------------------------------------------------------


def advised(adviser: Adviser, reader: CaseReader, **changes: Any) -> Any:
    return answer(adviser, reader, {**TYPICAL, **changes})


def without(*gone: str) -> dict[str, Any]:
    return {name: value for name, value in TYPICAL["disease"].items() if name not in gone}


def test_the_least_sets_leave_out_what_does_not_matter(adviser: Adviser, reader: CaseReader) -> None:
    assert advised(adviser, reader, disease=without("her2", "visceral_crisis")).missing == (("disease.her2",),)
    assert advised(adviser, reader, disease=without("her2", "extent")).missing == (("disease.extent", "disease.her2"),)
    assert advised(adviser, reader).missing == ()


def test_a_number_that_is_missing_is_named_alone(adviser: Adviser, reader: CaseReader) -> None:
    adjuvant = [{"setting": "adjuvant", "agents": ["ribociclib"], "stopped_for": "completion"}]
    found = advised(adviser, reader, therapies=adjuvant).missing
    assert found == (("prior_cdk46.months_from_stop_to_progression",),)


def test_linked_facts_give_several_least_sets(adviser: Adviser, reader: CaseReader) -> None:
    """The last inhibitor, or all of them, says whether there was one."""
    found = advised(adviser, reader, therapies=None, progression={"status": "radiological"}).missing
    assert len(found) > 1
    assert all(facts not in [set(other) for other in found if other != facts] for facts in found)


def test_a_known_score_is_kept_where_the_status_is_found_out(adviser: Adviser, reader: CaseReader) -> None:
    """With an IHC of 2+ in situ hybridisation decides on HER2; negative is low then, never ultralow or none."""
    found = advised(adviser, reader, disease={**without("her2"), "her2": {"ihc": "2+"}})
    assert found.missing == (("disease.her2",),)
    (test,) = [test for test in found.tests if test.fact == "disease.her2"]
    assert "trastuzumab-deruxtecan" in test.would_change
    assert test.rules == ("her2-in-situ-hybridisation", "her2-low-or-ultralow")


def test_more_than_can_be_tried_is_said_and_not_guessed(
    adviser: Adviser, reader: CaseReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondline.worlds.MOST_NODES", 8)
    monkeypatch.setattr(Worlds.__init__, "__defaults__", (8,))
    found = advised(adviser, reader, disease=without("her2", "extent"))
    assert found.verdict == "undetermined"
    assert {"disease.her2", "disease.extent"} <= set(found.missing[0])
    assert found.cautions[0].rule == "data-not-exhaustive"


@pytest.mark.long
def test_an_answer_is_freed_once_nobody_holds_it(adviser: Adviser, reader: CaseReader) -> None:
    """Without the collector: in a batch it would take as long as an answer."""
    held = case(reader, {"disease": {"extent": "metastatic"}})
    recommend(held.case.profile, adviser, held.question())
    gc.collect()
    gc.disable()
    try:
        recommend(held.case.profile, adviser, held.question())
        assert gc.collect() < 100
    finally:
        gc.enable()


def test_the_answer_says_what_three_valued_logic_cannot(adviser: Adviser, reader: CaseReader, ready: Ready) -> None:
    """One of two rules holds whatever is found: settled, with both behind it."""
    profile = {**TYPICAL, "disease": without("visceral_crisis", "sites", "symptomatic_cns")}
    known = know(case(reader, profile).case.profile, DAY, ready.base.vocabulary)
    view: AsOf = adviser.calendar.on(DAY, "us")
    found = Entailment(view, infer(ready.base, known.facts), known).decide()
    assert found.verdict == "do-not-continue"
    assert {"visceral-crisis", "palbociclib-beyond-palbociclib"} <= {rule.id for rule in found.decided_by}


def test_a_state_that_cannot_be_stays_so(reader: CaseReader, ready: Ready) -> None:
    held: State = know(
        case(reader, {"patient": {"sex": "male", "menopausal_status": "postmenopausal"}}).case.profile,
        DAY,
        ready.base.vocabulary,
    ).facts["patient.menopausal_status"]
    assert held is NOT_APPLICABLE


# --- found in review --------------------------------------------------------------------------------------

IN_USE: dict[str, Any] = {
    "prior_cdk46": {"agents": ["palbociclib", "ribociclib"], "setting": "metastatic", "stopped_for": "ongoing"}
    | {"in_last_line": True},
    "progression": {"status": "none"},
    "therapies": None,
}


def test_every_inhibitor_that_may_be_in_use_is_closed_by_a_gate_of_its_own(
    adviser: Adviser, reader: CaseReader
) -> None:
    """Which inhibitor is in use is not known; either one is closed, so nothing goes on."""
    found = advised(adviser, reader, **IN_USE, safety={"strong_cyp3a_inducer": True})
    assert found.verdict == "individualise"
    assert {"palbociclib-strong-cyp3a-inducer", "ribociclib-strong-cyp3a-inducer"} <= set(found.decided_by)
    for agent in ("palbociclib", "ribociclib"):
        prior = {**IN_USE["prior_cdk46"], "agent": agent}
        known = advised(adviser, reader, **{**IN_USE, "prior_cdk46": prior}, safety={"strong_cyp3a_inducer": True})
        assert known.verdict == "individualise"


def test_a_gate_on_one_of_two_inhibitors_says_what_would_tell(adviser: Adviser, reader: CaseReader) -> None:
    """QTcF alone closes nothing while palbociclib may be the one in use; with the inhibitor known it can."""
    safety = {
        "qt_prolonging_drug": True,
        "qtcf_ms": 431,
        "strong_cyp3a_inhibitor": False,
        "strong_cyp3a_inducer": False,
    }
    found = advised(adviser, reader, **IN_USE, safety={**safety, "tamoxifen_current": False, "ild": False})
    assert found.verdict == "continue"
    assert "prior_cdk46.agent" in {test.fact for test in found.tests if test.verdict}


def test_any_member_of_a_set_can_close_an_option(adviser: Adviser, reader: CaseReader) -> None:
    """Of an incomplete list of treatments: each class that a rule asks for can turn up, however many there are."""
    found = advised(adviser, reader, therapies_complete=False, biomarkers={"esr1": "mutated"})
    (classes,) = [test for test in found.tests if test.fact == "history.classes"]
    assert {"vepdegestrant", "imlunestrant+abemaciclib", "elacestrant", "imlunestrant"} <= set(classes.would_change)


def test_stated_drugs_tell_their_classes_beside_an_incomplete_list(adviser: Adviser, reader: CaseReader) -> None:
    history = {"agents": ["palbociclib", "letrozole", "elacestrant"]}
    found = advised(adviser, reader, therapies_complete=False, history=history, biomarkers={"esr1": "mutated"})
    tiers = {option.regimen: option.tier for option in found.options}
    assert tiers["elacestrant"] == tiers["vepdegestrant"] == "avoid"


def test_a_class_among_stated_drugs_is_one_that_nobody_named(reader: CaseReader, ready: Ready) -> None:
    profile = {"history": {"agents": ["palbociclib", "aromatase-inhibitor"]}}
    known = know(case(reader, profile).case.profile, DAY, ready.base.vocabulary).facts
    agents, classes = known["history.agents"], known["history.classes"]
    assert isinstance(agents, Members)
    assert isinstance(classes, Members)
    assert agents.sure == {"palbociclib"}
    assert agents.may_have("exemestane")
    assert not agents.may_have("fulvestrant")
    assert "aromatase-inhibitor" in classes.sure
    assert not classes.may_have("oral-serd")


def test_no_inhibitor_beside_one_that_nobody_named_is_refused(reader: CaseReader) -> None:
    therapies = [{"setting": "metastatic", "agents": ["cdk46-inhibitor", "letrozole"], "months": 19}]
    (problem,) = refusal(reader, {"therapies": therapies, "prior_cdk46": {"agents": []}})
    assert "disagrees with the therapies" in str(problem)


def test_the_last_of_the_inhibitors_given_is_one_of_them(reader: CaseReader, ready: Ready) -> None:
    therapies = [{"setting": "metastatic", "agents": ["cdk46-inhibitor", "letrozole"], "months": 19}]
    profile = {"therapies": therapies, "prior_cdk46": {"agents": ["palbociclib"]}}
    known = know(case(reader, profile).case.profile, DAY, ready.base.vocabulary).facts
    assert known["prior_cdk46.agent"] == "palbociclib"


def test_a_drug_of_unknown_class_leaves_the_classes_to_be_told(adviser: Adviser, reader: CaseReader) -> None:
    """Knowing every drug does not tell every class: one of them may be of a class that nobody knows."""
    history = {"line": 2, "chemotherapy_lines": 1, "endocrine_lines": 1, "endocrine_lines_without_benefit": 0}
    prior = {"agent": "palbociclib", "setting": "metastatic", "months": 19, "stopped_for": "progression"}
    found = advised(
        adviser, reader, therapies=None, prior_cdk46={**prior, "in_last_line": True}, history=history,
        biomarkers={"akt1": "mutated"},
    )  # fmt: skip
    needs = {option.regimen: option.needs for option in found.options}["capivasertib+fulvestrant"]
    assert all("history.classes" in facts for facts in needs)
