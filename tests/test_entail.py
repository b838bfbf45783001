"""Completions of what is unknown, and the least sets of facts that settle something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import TYPICAL, case
from secondline.cases import CaseReader
from secondline.condition import All, Check, Condition
from secondline.condition import Test as OneTest
from secondline.entail import Facts, completions, countable, fired_in_each, least_sets, open_for, values_of
from secondline.forms.rules import Caution, OptionRule, Rule
from secondline.inference.reference import Findings, Memo, Retrial, infer
from secondline.patient import know
from secondline.recommend import Adviser
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, OneOf, State
from secondline.store import Ready
from secondline.tiers import UNDETERMINED, tier_of
from secondline.verdict import decide
from strategies import rule_base

DAY = date(2026, 11, 22)


def findings(ready: Ready, reader: CaseReader, **changes: Any) -> Findings:
    profile = {**TYPICAL, **changes}
    return infer(ready.base, know(case(reader, profile).case.profile, DAY, ready.base.vocabulary).facts)


def test_values_of_unknown_facts() -> None:
    assert values_of("disease.visceral_crisis", {}) == (True, False)
    assert values_of("disease.her2", {}) == ("positive", "negative")
    assert values_of("prior_cdk46.agent", {"prior_cdk46.agent": OneOf(frozenset({"b", "a"}))}) == ("a", "b")
    assert values_of("safety.qtcf_ms", {}) == ()
    assert not countable(("safety.qtcf_ms",), {})
    assert not countable(("disease.extent",) * 4 + ("disease.er",), {})


def test_a_completed_biomarker_is_a_bare_result() -> None:
    found = list(completions(("biomarkers.esr1",), {"biomarkers.esr1.sample": "tissue"}))
    assert [changes["biomarkers.esr1"] for changes in found] == ["mutated", "wild-type"]
    assert found[0]["biomarkers.esr1.sample"] is NOT_APPLICABLE
    assert found[0]["biomarkers.esr1.taken"] == "at-progression"


def test_what_follows_at_once_is_completed_too() -> None:
    by_status = {c["progression.status"]: c["progression.extent"] for c in completions(("progression.status",), {})}
    assert by_status["radiological"] == "systemic"
    assert by_status["none"] is NOT_APPLICABLE
    assert {c["patient.sex"]: c.get("patient.pregnant") for c in completions(("patient.sex",), {})}[
        "male"
    ] is NOT_APPLICABLE


@pytest.mark.parametrize(
    ("known", "fact", "possible"),
    [
        ({"disease.her2": "negative"}, "disease.her2.ihc", ["0", "ultralow", "1+", "2+"]),
        ({"disease.her2": "negative"}, "disease.her2.ish", ["not-amplified"]),
        ({"disease.her2": "positive", "disease.her2.ihc": "2+"}, "disease.her2.ish", ["amplified"]),
        ({"patient.pregnant": True}, "patient.sex", ["female"]),
        ({"patient.sex": "male"}, "patient.pregnant", [False]),
        ({"progression.status": "molecular"}, "biomarkers.esr1", ["mutated"]),
        (
            {"biomarkers.esr1": "wild-type", "biomarkers.esr1.taken": "at-progression"}
            | {"biomarkers.esr1.sample": "plasma"},
            "progression.status",
            ["none", "radiological", "clinical"],
        ),
        (
            {"biomarkers.esr1": "wild-type", "biomarkers.esr1.taken": "earlier"},
            "progression.status",
            ["none", "molecular", "radiological", "clinical"],
        ),
    ],
)
def test_what_no_patient_can_have_together_is_no_completion(
    known: dict[str, State], fact: str, possible: list[State]
) -> None:
    """The contradictions that refuse a case limit the completions too."""
    assert [{**known, **changes}[fact] for changes in completions((fact,), known)] == possible


def test_rules_that_fire_in_each_completion(ready: Ready, reader: CaseReader) -> None:
    known = findings(ready, reader, biomarkers={"pik3ca": "wild-type", "akt1": "wild-type", "esr1": "mutated"})
    rules = [rule for rule in ready.base.options if rule.regimen == "capivasertib+fulvestrant"]
    worlds = fired_in_each(ready.base, known, rules, Memo({}, {}))
    assert worlds is not None
    assert sorted(map(len, worlds)) == [0, 5]
    no_age = findings(ready, reader, history={"agents": ["letrozole", "palbociclib"]}, therapies=None)
    assert fired_in_each(ready.base, no_age, rules, Memo({}, {})) is None


def test_an_open_part_is_named_only_where_the_main_value_is_known(ready: Ready, reader: CaseReader) -> None:
    rules = [rule for rule in ready.base.options if rule.regimen == "elacestrant"]
    without = findings(ready, reader)
    assert open_for(ready.base, rules, without) == ("biomarkers.esr1",)
    part = findings(
        ready, reader, biomarkers={"esr1": {"result": "wild-type", "sample": "plasma", "taken": "at-progression"}}
    )
    assert open_for(ready.base, rules, part) == ("biomarkers.esr1.tumour_fraction_percent",)
    archival = findings(
        ready, reader, biomarkers={"esr1": {"result": "wild-type", "sample": "tissue", "taken": "earlier"}}
    )
    assert open_for(ready.base, rules, archival) == ("biomarkers.esr1",)
    assert archival.voided == {"biomarkers.esr1"}


def least(adviser: Adviser, known: Findings) -> tuple[tuple[str, ...], ...]:
    view = adviser.calendar.on(DAY, None)
    base = adviser.base
    return least_sets(
        base,
        known,
        view.verdicts,
        lambda f: decide(view.verdicts, f.inference.rules, base.overriders).settled,
        Memo({}, {}),
    )


def test_the_least_sets_leave_out_what_does_not_matter(adviser: Adviser, ready: Ready, reader: CaseReader) -> None:
    disease = {k: v for k, v in TYPICAL["disease"].items() if k not in ("her2", "visceral_crisis")}
    assert least(adviser, findings(ready, reader, disease=disease)) == (("disease.her2",),)
    assert least(adviser, findings(ready, reader)) == ()


def test_several_facts_that_have_to_be_known_together(adviser: Adviser, ready: Ready, reader: CaseReader) -> None:
    disease = {k: v for k, v in TYPICAL["disease"].items() if k not in ("her2", "extent")}
    assert least(adviser, findings(ready, reader, disease=disease)) == (("disease.extent", "disease.her2"),)


def test_facts_with_many_values_are_named_whole(adviser: Adviser, ready: Ready, reader: CaseReader) -> None:
    adjuvant = [{"setting": "adjuvant", "agents": ["ribociclib"], "stopped_for": "completion"}]
    found = least(adviser, findings(ready, reader, therapies=adjuvant))
    assert found == (("prior_cdk46.months_from_stop_to_progression",),)


def test_a_default_brought_in_by_one_fact_leaves_another_out() -> None:
    """Progression of unknown extent is systemic; of known extent it may be limited, and then a crisis matters."""
    status = OneTest("progression.status", (Check("is", ("radiological", "clinical")),))
    limited = OneTest("progression.extent", (Check("is", ("limited",)),))
    crisis = OneTest("disease.visceral_crisis", (Check("is", (True,)),))
    rules = [rule(0, status), rule(1, All((limited, crisis)))]
    base = rule_base([], rules)

    def settles(judged: Findings) -> bool:
        return None not in judged.inference.rules.values()

    assert least_sets(base, infer(base, {}), rules, settles, Memo({}, {})) == (("progression.status",),)


def rule(number: int, when: Condition) -> Caution:
    return Caution.model_construct(id=f"rule-{number}", when=when, says="x", cites=(), effective=None)


def test_every_least_set_settles_and_no_smaller_one_does(adviser: Adviser, ready: Ready, reader: CaseReader) -> None:
    base, view = ready.base, adviser.calendar.on(DAY, None)

    @settings(max_examples=60)
    @given(
        st.sets(st.sampled_from(["extent", "er", "pr", "her2", "visceral_crisis", "symptomatic_visceral"]), max_size=3)
    )
    def run(gone: set[str]) -> None:
        disease = {name: value for name, value in TYPICAL["disease"].items() if name not in gone}
        known = findings(ready, reader, disease=disease)
        retrial = Retrial(base, known, view.verdicts, Memo({}, {}))

        def settles(facts: tuple[str, ...]) -> bool:
            return all(
                decide(view.verdicts, retrial.judge(c).inference.rules, base.overriders).settled
                for c in completions(facts, known.facts)
            )

        if not settles(()):
            assert least(adviser, known) == minimal(opened(base, view.verdicts, known), settles)

    run()


def opened(base: RuleBase, rules: Sequence[Rule], known: Findings) -> Facts:
    return open_for(base, [rule for rule in rules if known.fires(rule.id) is None], known)


def minimal(unknown: Facts, settles: Callable[[Facts], bool]) -> tuple[Facts, ...]:
    """The least settling sets by trying every set; all facts where no smaller set settles."""
    settling = [facts for size in range(1, len(unknown)) for facts in combinations(unknown, size) if settles(facts)]
    return tuple(f for f in settling if not any(set(other) < set(f) for other in settling)) or (unknown,)


def test_the_least_sets_of_each_regimen_are_all_that_there_are(
    adviser: Adviser, ready: Ready, reader: CaseReader
) -> None:
    base, view = ready.base, adviser.calendar.on(DAY, None)
    tried = 0

    @settings(max_examples=25)
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "esr1": st.sampled_from(["mutated", "wild-type"]),
                "pik3ca": st.sampled_from(["mutated", "wild-type"]),
                "akt1": st.just("wild-type"),
                "gbrca": st.sampled_from(["pathogenic", "none"]),
            },
        )
    )
    def run(biomarkers: dict[str, str]) -> None:
        nonlocal tried
        known = findings(ready, reader, biomarkers=biomarkers)
        for rules in view.options.values():
            unknown = opened(base, rules, known)
            if not unknown or len(unknown) > 4 or not countable(unknown, known.facts):
                continue
            retrial = Retrial(base, known, rules, Memo({}, {}))

            def told(judged: Findings, rules: Sequence[OptionRule] = rules) -> bool:
                return tier_of(rules, (), judged) != UNDETERMINED

            def settles(facts: Facts, told: Callable[[Findings], bool] = told, retrial: Retrial = retrial) -> bool:
                return all(told(retrial.judge(changes)) for changes in completions(facts, known.facts))

            if not settles(()):
                assert least_sets(base, known, rules, told, Memo({}, {})) == minimal(unknown, settles)
                tried += 1

    run()
    assert tried > 20
