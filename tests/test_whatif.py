"""What would change an answer: the least changes, limits, stretches, one change side by side; and the command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

import helpers as profiles
from conftest import COUNTS, ROOT, TODAY
from secondline.cases import CaseFile, CaseReader
from secondline.cli.app import app
from secondline.errors import InputError, UsageError
from secondline.facts import catalogue, stated
from secondline.inference.reference import infer
from secondline.patient import Known, know
from secondline.recommend import Adviser, Answer, Question, outcome
from secondline.refusals import contradictory
from secondline.report.text import as_text as text
from secondline.report.whatif import set_page, whatif_page
from secondline.scales import OFFERED
from secondline.states import Members, State
from secondline.tiers import CLOSED
from secondline.whatif.changes import Choice, can_change, changed, classes_told
from secondline.whatif.run import SHUT, Reach, WhatIf, Would, what_if
from secondline.whatif.sidebyside import compare, setting
from secondline.whatif.values import Row, Values
from test_cases import by_name
from test_cli import TYPICAL, Ran, alone

QUESTION = Question(TODAY, "us", "case")
GROUPS = ("unknown", "changeable", "unchangeable")


def found(adviser: Adviser, reader: CaseReader, profile: Any) -> WhatIf:
    return what_if(profiles.case(reader, profile).case.profile, adviser, QUESTION)


def reach(answer: WhatIf, about: str, to: str, group: str) -> Reach:
    (target,) = (t for t in answer.targets if (t.about, t.to) == (about, to))
    return target.by[group]


def ways(reached: Reach) -> list[str]:
    """Each least set in words."""
    return [" or ".join(" and ".join(v.says for v in row) for row in some.ways) for some in reached.sets]


@pytest.fixture(scope="module")
def typical(adviser: Adviser, reader: CaseReader) -> WhatIf:
    return found(adviser, reader, {**profiles.TYPICAL, "safety": {"qtcf_ms": 431}})


# --- least changes ----------------------------------------------------------------------------------------


def test_what_would_change_the_verdict_of_a_typical_case(typical: WhatIf) -> None:
    assert [reach(typical, "verdict", "continue", group).why for group in GROUPS] == ["nothing does"] * 3
    together = ways(reach(typical, "verdict", "continue", "known"))
    assert together == ["reason the inhibitor stopped: ongoing and progression none or molecular"]
    assert ways(reach(typical, "verdict", "individualise", "changeable")) == [
        "extent of progression: limited",
        "progression none or molecular",
    ]
    assert ways(reach(typical, "verdict", "out-of-scope", "unchangeable")) == [
        "ER negative",
        "extent of disease: early",
        "HER2 positive",
        "last CDK4/6 inhibitor: none",
    ]
    assert {t.about for t in typical.targets if "known" in t.by} == {"verdict"}


def test_what_a_result_opens_and_closes(typical: WhatIf) -> None:
    assert ways(reach(typical, "elacestrant", "opens", "unknown")) == ["ESR1 mutated"]
    assert ways(reach(typical, "elacestrant", "closes", "unknown")) == ["ESR1 wild-type"]
    assert ways(reach(typical, "olaparib", "closes", "unknown")) == [
        "germline BRCA1/2: none and germline PALB2: none and somatic BRCA1/2: none"
    ]
    assert "QTcF 450 ms or more" in ways(reach(typical, "ribociclib+fulvestrant", "closes", "changeable"))
    for target in typical.targets:
        for some in target.by["changeable"].sets:
            assert all(map(can_change, some.facts))
        for some in target.by["unchangeable"].sets:
            assert not any(map(can_change, some.facts))


def test_an_extent_that_is_assumed_can_change(typical: WhatIf) -> None:
    assert typical.answer.assumed == ("progression.extent",)
    some = reach(typical, "verdict", "individualise", "changeable").sets[0]
    assert some.ways == ((Values("progression.extent", "extent of progression: limited", ["limited"]),),)


def test_what_is_known_in_part_is_found_out_and_not_changed(adviser: Adviser, reader: CaseReader) -> None:
    therapy = {**profiles.TYPICAL["therapies"][0], "months": {"at_least": 3, "below": 12}}
    answer = found(adviser, reader, {**profiles.TYPICAL, "therapies": [therapy]})
    assert ways(reach(answer, "chemotherapy", "opens", "unknown")) == ["time on the inhibitor 3 to 6 months"]
    assert "prior_cdk46.months" not in {
        fact for t in answer.targets for some in t.by["unchangeable"].sets for fact in some.facts
    }
    assert {limit.side for limit in answer.limits if limit.fact == "prior_cdk46.months"} == {"on either side of"}


def test_a_case_out_of_scope_and_how_options_open_once_it_is_not(adviser: Adviser, reader: CaseReader) -> None:
    disease = {**profiles.TYPICAL["disease"], "her2": "positive"}
    answer = found(adviser, reader, {**profiles.TYPICAL, "disease": disease})
    assert set(answer.tiers.values()) == {"closed"}
    assert {target.to for target in answer.targets if target.about != "verdict"} == {"opens"}
    assert ways(reach(answer, "verdict", "do-not-continue", "unchangeable")) == ["HER2 negative"]
    assert ways(reach(answer, "fulvestrant", "opens", "unchangeable")) == ["HER2 negative"]


def test_of_an_empty_profile_all_is_found_out_and_nothing_changed(adviser: Adviser, reader: CaseReader) -> None:
    answer = found(adviser, reader, {})
    assert ways(reach(answer, "verdict", "out-of-scope", "unknown")) == [
        "extent of disease: early",
        "HER2 positive",
        "last CDK4/6 inhibitor: none",
        "CDK4/6 inhibitors so far: abemaciclib, other, palbociclib and ribociclib not among them",
    ]
    assert reach(answer, "verdict", "do-not-continue", "unknown").why == "more than that"
    assert all(t.by[group].why == "nothing does" for t in answer.targets for group in GROUPS[1:])
    assert not answer.limits
    assert not answer.stable


def test_a_set_of_which_the_members_do_not_matter(adviser: Adviser, reader: CaseReader) -> None:
    """It is not known which inhibitors came before the last one; for some regimens any answer will do."""
    profile = {**adjuvant(8), "prior_cdk46": {**adjuvant(8)["prior_cdk46"], "agents": None}}
    answer = found(adviser, reader, profile)
    shown = [way for t in answer.targets for told in t.by.values() for way in ways(told)]
    assert any(way.startswith("CDK4/6 inhibitors so far: ") for way in shown)
    assert "CDK4/6 inhibitors so far: whatever they are" in " ".join(text(whatif_page(answer)).split())


def test_what_neither_findings_nor_changes_alone_reach_is_not_said_to_be_out_of_reach(
    adviser: Adviser, reader: CaseReader
) -> None:
    """Both together may reach it: a negative HER2, and an inhibitor that was stopped for toxicity."""
    profile = {**profiles.TYPICAL, "disease": {**profiles.TYPICAL["disease"], "her2": {"ihc": "2+"}}}
    page = " ".join(text(whatif_page(found(adviser, reader, profile))).split())
    assert "Neither what is found out alone nor what is changed alone makes it continue or individualise" in page
    both = {**profile, "disease": {**profile["disease"], "her2": "negative"}}
    both["therapies"] = [{**profile["therapies"][0], "stopped_for": "toxicity"}]
    assert found(adviser, reader, both).answer.verdict == "individualise"


def test_beyond_the_budget_it_says_so(adviser: Adviser, reader: CaseReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secondline.whatif.reaching.MOST_STEPS", 1)
    answer = found(adviser, reader, profiles.TYPICAL)
    assert reach(answer, "elacestrant", "opens", "unknown") == Reach(why="too much")
    assert "Too much is open to say what would opens" not in text(whatif_page(answer))
    assert "Too much is open to say what would open" in text(whatif_page(answer))


# --- numbers ----------------------------------------------------------------------------------------------


def test_the_distance_to_a_limit_and_what_hangs_on_it(typical: WhatIf) -> None:
    (qtcf,) = (limit for limit in typical.limits if limit.fact == "safety.qtcf_ms")
    assert (qtcf.limit, qtcf.side, qtcf.by) == (450, "below", (19, 19))
    assert {"ribociclib+exemestane", "ribociclib+fulvestrant"} <= {*qtcf.regimens}
    assert ("ribociclib-qtcf", "at_least", False) in qtcf.tests
    page = " ".join(text(whatif_page(typical)).split())
    assert "QTcF 431 ms: 19 below the limit of 450 (" in page
    assert "ECOG 1: 1 below the limit of 2 (the verdict by ecog-2-or-more)" in page


def test_only_limits_in_effect_count(adviser: Adviser, reader: CaseReader) -> None:
    profile = profiles.case(reader, profiles.TYPICAL).case.profile
    before = what_if(profile, adviser, QUESTION._replace(as_of=TODAY.replace(year=2021)))
    assert not any("ecog-2-or-more" in limit.verdicts for limit in before.limits)


def adjuvant(months: float) -> dict[str, Any]:
    """A relapse some months after adjuvant abemaciclib."""
    return {
        **{name: held for name, held in profiles.TYPICAL.items() if name != "therapies"},
        "prior_cdk46": {"agents": ["abemaciclib"], "agent": "abemaciclib", "setting": "adjuvant", "months": 24}
        | {"stopped_for": "completion", "partner_class": "aromatase-inhibitor", "in_last_line": True}
        | {"months_from_stop_to_progression": months},
        "history": {"line": 1, "agents": ["abemaciclib", "letrozole"]},
    }


@pytest.mark.parametrize(
    ("months", "stays"),
    [
        (8, "up to 12 months"),
        (12, "up to 12 months"),
        (12.5, "above 12 months"),
    ],
)
def test_how_far_a_number_can_move(adviser: Adviser, reader: CaseReader, months: float, stays: str) -> None:
    answer = found(adviser, reader, adjuvant(months))
    page = " ".join(text(whatif_page(answer)).split())
    assert f"the verdict is the same for any time from the inhibitor's stop to progression {stays}" in page
    other = found(adviser, reader, adjuvant(13 if months <= 12 else 12))
    assert other.answer.verdict != answer.answer.verdict


def test_a_number_on_which_nothing_hangs_can_be_any(typical: WhatIf) -> None:
    assert "time on the inhibitor 19 months: the verdict is the same for any time on the inhibitor" in " ".join(
        text(whatif_page(typical)).split()
    )


# --- what follows from a change ---------------------------------------------------------------------------


def facts_with(reader: CaseReader, adviser: Adviser, profile: Any, **changes: State) -> dict[str, State]:
    held = profiles.case(reader, profile).case.profile
    known = know(held, TODAY, adviser.base.vocabulary)
    to = {path.replace("__", "."): state for path, state in changes.items()}
    return changed(known, frozenset(stated(held)), to, adviser.base.vocabulary).facts


def test_the_last_inhibitor_stands_among_those_given(adviser: Adviser, reader: CaseReader) -> None:
    after = facts_with(reader, adviser, profiles.TYPICAL, prior_cdk46__agent="ribociclib")
    assert after["prior_cdk46.agents"] == Members(frozenset({"ribociclib"}))
    none = facts_with(reader, adviser, profiles.TYPICAL, prior_cdk46__agent="none")
    assert none["prior_cdk46.agents"] == Members(frozenset())
    assert "prior_cdk46.months" in none
    assert none["prior_cdk46.months"] is none["prior_cdk46.setting"]  # they cannot be


def test_time_and_response_tell_the_benefit(adviser: Adviser, reader: CaseReader) -> None:
    after = facts_with(reader, adviser, profiles.TYPICAL, prior_cdk46__months=5.0)
    assert after["prior_cdk46.clinical_benefit"] is False
    after = facts_with(reader, adviser, profiles.TYPICAL, prior_cdk46__best_response="not-evaluated")
    assert "prior_cdk46.clinical_benefit" not in after


def test_drugs_tell_their_classes(adviser: Adviser, reader: CaseReader) -> None:
    drugs = Members(frozenset({"palbociclib", "fulvestrant", "alpelisib"}))
    classes = facts_with(reader, adviser, profiles.TYPICAL, history__agents=drugs)["history.classes"]
    assert isinstance(classes, Members)
    assert "pi3k-inhibitor" in classes.sure
    assert "aromatase-inhibitor" not in classes.sure
    stated_ones = {**adjuvant(8), "history": {"agents": ["letrozole"], "classes": ["taxane"]}}
    classes = facts_with(reader, adviser, stated_ones, history__agents=drugs)["history.classes"]
    assert isinstance(classes, Members)
    assert {"taxane", "pi3k-inhibitor"} <= classes.sure


def test_what_could_not_be_comes_back_unknown(adviser: Adviser, reader: CaseReader) -> None:
    man = {**profiles.TYPICAL, "patient": {"sex": "male", "menopausal_status": "postmenopausal"}}
    assert facts_with(reader, adviser, man, patient__sex="female")["patient.menopausal_status"] == "postmenopausal"
    none = {**profiles.TYPICAL, "progression": {"status": "none"}}
    after = facts_with(reader, adviser, none, progression__status="clinical")
    assert after["progression.extent"] == "systemic"
    assert "prior_cdk46.months_from_stop_to_progression" not in after


# --- every single change of shipped cases -----------------------------------------------------------------


class Case:
    """A shipped case with what would change its answer, and its answers once facts are otherwise."""

    def __init__(self, adviser: Adviser, case: CaseFile) -> None:
        self.case, self.profile, self.base = case, case.case.profile, adviser.base
        self.question, self.own = case.question(), frozenset(stated(case.case.profile))
        local = None if self.question.jurisdiction == "none" else self.question.jurisdiction
        self.view = adviser.calendar.on(self.question.as_of, local)
        self.known = know(self.profile, self.question.as_of, self.base.vocabulary)
        answer = Answer(self.profile, self.view, self.known, infer(self.base, self.known.facts), self.question)
        self.would = Would(answer, self.own)
        self.targets = list(self.would.targets())

    def reached(self, changes: Mapping[str, State]) -> set[tuple[str, str]]:
        """The verdict and the standing of every regimen once facts are otherwise."""
        return self.of(changed(self.known, self.own, changes, self.base.vocabulary))

    def of(self, known: Known) -> set[tuple[str, str]]:
        if contradictory(known.facts):
            return set()
        told = outcome(self.profile, self.view, known, infer(self.base, known.facts), self.question)
        found: set[tuple[str, str]] = {("verdict", told.verdict)}
        for regimen in self.view.options if told.verdict != "out-of-scope" else ():
            tier = told.tiers.get(regimen, CLOSED)
            found |= {(regimen, to) for to, tiers in (("opens", OFFERED), ("closes", SHUT)) if tier in tiers}
        return found

    def others(self, choice: Choice) -> Iterator[dict[str, State]]:
        """Every way in which a fact could be otherwise; of a set each member in it or not, alone and by twos."""
        for value in choice.others:
            yield dict(value.states)
        if isinstance(choice.present, Members):
            for some in {frozenset(pair) for pair in product(choice.members, repeat=2)}:
                held = choice.present.sure ^ some
                if self.least(choice.fact) <= held:
                    yield {choice.fact: Members(held)}

    def least(self, fact: str) -> frozenset[str]:
        """What a set has for certain, by what else is known."""
        drugs = self.known.facts.get("history.agents")
        if fact == "prior_cdk46.agents":
            return frozenset({str(self.known.facts["prior_cdk46.agent"])})
        if fact == "history.classes" and fact not in self.own and isinstance(drugs, Members):
            return classes_told(drugs.sure, self.base.vocabulary)
        return frozenset()


@pytest.mark.long
def test_every_single_change_of_shipped_cases(adviser: Adviser, request: pytest.FixtureRequest) -> None:
    """Known facts one by one: what reaches a target is shown, and what is shown reaches it."""
    counts = COUNTS.setdefault("single changes of shipped cases", Counter())
    for case in drawn(request, 15):
        one = Case(adviser, case)
        for group in (one.would.changeable, one.would.unchangeable):
            name = "changeable" if group is one.would.changeable else "unchangeable"
            alone: dict[tuple[str, str], set[str]] = {}
            for choice in group.otherwise.chosen.values():
                for states in one.others(choice):
                    counts["changes"] += 1
                    for reached in one.reached(states):
                        alone.setdefault(reached, set()).add(choice.fact)
            for target in one.targets:
                told = target.by[name]
                single = {fact for some in told.sets if len(some.facts) == 1 for fact in some.facts}
                expected = alone.get((target.about, target.to), set())
                assert single == expected, (case.id, target.about, target.to, name)
                counts["targets"] += 1
                for some in told.sets if not expected else ():
                    counts["targets that take several facts"] += 1
                    for row in some.ways:
                        assert (target.about, target.to) in one.reached(states_of(one, row)), (
                            case.id,
                            target.about,
                            target.to,
                            row,
                        )


def test_every_pair_of_changes_of_a_few_shipped_cases(adviser: Adviser, request: pytest.FixtureRequest) -> None:
    """Where no single change reaches a target, pairs: each that does is shown."""
    for case in drawn(request, 1):
        one = Case(adviser, case)
        group = one.would.changeable.otherwise.chosen
        wanted = {(t.about, t.to): t.by["changeable"] for t in one.targets}
        wanted = {target: told for target, told in wanted.items() if not told.sets or len(told.sets[0].facts) > 1}
        pairs: dict[tuple[str, str], set[frozenset[str]]] = {}
        for first, second in product(group.values(), repeat=2):
            if first.fact < second.fact:
                for one_way, other in product(one.others(first), one.others(second)):
                    for target in one.reached({**one_way, **other}) & wanted.keys():
                        pairs.setdefault(target, set()).add(frozenset({first.fact, second.fact}))
        for target, told in wanted.items():
            expected = pairs.get(target, set())
            assert {frozenset(some.facts) for some in told.sets if len(some.facts) == 2} == expected, (case.id, target)


def drawn(request: pytest.FixtureRequest, share: int) -> Sequence[CaseFile]:
    """Some shipped cases: so many of 600 that brute force may try."""
    wanted = max(1, int(request.config.getoption("--brute")) * share // 600)
    every = list(by_name().values())
    return Random(5).sample(every, min(wanted, len(every)))


def states_of(case: Case, row: Row) -> dict[str, State]:
    """Facts with the first of the values shown."""
    found: dict[str, State] = {}
    for values in row:
        fact, first = catalogue()[values.fact], values.plain[0]
        if fact.kind == "set":
            held = case.known.facts[fact.path]
            assert isinstance(held, Members)
            found[fact.path] = Members(held.sure.union(first.get("with", ())).difference(first.get("without", ())))
        elif fact.numeric:
            found[fact.path] = inside(values)
        elif fact.path in catalogue().parts:
            others = case.would.chosen[fact.path].others
            found |= next(value.states for value in others if shown_as(value.states, fact.path, first))
        else:
            found[fact.path] = first
    return found


def shown_as(states: Mapping[str, State], path: str, shown: Any) -> bool:
    """Whether a receptor, HER2 or a biomarker is what is shown of it."""
    if not isinstance(shown, dict):
        return bool(states[path] == shown)
    main = shown.get("status", shown.get("result"))
    parts = {f"{path}.{part}": held for part, held in shown.items() if isinstance(held, list)}
    return bool(states[path] == main and all(states.get(part) in held for part, held in parts.items()))


def inside(values: Values) -> float:
    """A number in the first stretch shown."""
    fact, span = catalogue()[values.fact], values.plain[0]
    low: float = span.get("at_least", span.get("above", fact.low))
    high: float = span.get("at_most", span.get("below", fact.high))
    number = low if "at_least" in span else high if "at_most" in span else (low + high) / 2
    return int(number) if fact.kind == "integer" else float(number)


# --- one change side by side ------------------------------------------------------------------------------


def beside(adviser: Adviser, reader: CaseReader, profile: Any, *settings: str) -> dict[str, Any]:
    held = profiles.case(reader, profile, as_of=TODAY.isoformat(), jurisdiction="us")
    return compare(held, [setting(one) for one in settings], reader, adviser).as_dict()


def test_a_change_and_what_differs(adviser: Adviser, reader: CaseReader) -> None:
    plain = beside(adviser, reader, profiles.TYPICAL, "safety.qtcf_ms=480")
    assert plain["schema"] == "secondline/whatif/1"
    assert plain["set"] == [{"fact": "safety.qtcf_ms", "value": 480, "over_therapies": False}]
    assert plain["original"]["verdict"] == plain["changed"]["verdict"] == "do-not-continue"
    assert plain["differences"]["closed"] == ["ribociclib+exemestane", "ribociclib+fulvestrant"]
    (tiers,) = (
        {side: held["tier"] for side, held in both.items()}
        for both in [plain["differences"]["regimens"]["ribociclib+fulvestrant"]]
    )
    assert tiers == {"original": "alternative", "changed": "contraindicated"}
    assert "safety.qtcf_ms" in {*plain["original"]["tests"]} - {*plain["changed"]["tests"]}


def test_nothing_may_differ(adviser: Adviser, reader: CaseReader) -> None:
    held = profiles.case(reader, profiles.TYPICAL, as_of=TODAY.isoformat())
    same = compare(held, [setting("patient.age_years=62")], reader, adviser)
    assert same.as_dict()["differences"] == {}
    assert "Nothing in the answer differs" in text(set_page(same))


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("disease.her2=positive", "positive"),
        ("disease.her2.ihc=0", "0"),
        ("disease.er.percent=5", 5),
        ("disease.er.status=negative", "negative"),
        ("disease.sites=bone, brain", ["bone", "brain"]),
        ("disease.sites=[bone, brain]", ["bone", "brain"]),
        ("safety.cdk46_intolerance=none", []),
        ("biomarkers.esr1={result: mutated, sample: tissue, taken: earlier}", "mutated"),
        ("biomarkers.esr1.sample=tissue", "tissue"),
        ("disease.her2=unknown", None),
        ("disease.her2=not-tested", None),
        ("prior_cdk46.months=8", 8),
        ("prior_cdk46.months={at_least: 6}", {"at_least": 6}),
        ("prior_cdk46.agent=unknown", None),
        ("history.agents=fulvestrant;letrozole", ["fulvestrant", "letrozole"]),
    ],
)
def test_a_value_is_read_as_a_case_has_it(words: str, value: Any, adviser: Adviser, reader: CaseReader) -> None:
    (told,) = beside(adviser, reader, {**profiles.TYPICAL, "biomarkers": {"esr1": "mutated"}}, words)["set"]
    assert told["value"] == value
    assert told["fact"] == words.partition("=")[0].removesuffix(".status")


def test_a_part_is_set_beside_what_is_known(adviser: Adviser, reader: CaseReader) -> None:
    """A bare result is a valid test at this progression, and stays one once its sample is said."""
    after = beside(adviser, reader, profiles.TYPICAL, "biomarkers.esr1=mutated", "biomarkers.esr1.sample=plasma")
    assert after["changed"]["regimens"]["elacestrant"]["tier"] == "preferred"
    after = beside(adviser, reader, profiles.TYPICAL, "disease.er.percent=5")  # a status of positive is low then
    assert "er-low" in after["changed"]["cautions"]
    after = beside(adviser, reader, {"disease": {"her2": "not-tested"}}, "disease.her2.ihc=3+")
    assert after["changed"]["verdict"] == "out-of-scope"


def test_a_fact_that_therapies_give_is_set_on_top_of_them(adviser: Adviser, reader: CaseReader) -> None:
    held = profiles.case(reader, profiles.TYPICAL, as_of=TODAY.isoformat())
    shown = compare(held, [setting("prior_cdk46.months=5")], reader, adviser)
    assert shown.over_therapies == ("prior_cdk46.months",)
    assert "set on top of what the therapies give" in text(set_page(shown))
    assert "early-progression" in shown.changed.decided_by
    apart = beside(adviser, reader, adjuvant(8), "prior_cdk46.months_from_stop_to_progression=13")
    assert apart["set"][0]["over_therapies"] is False
    assert apart["changed"]["verdict"] == "individualise"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("safety.qtc_ms=480", "no fact `safety.qtc_ms`; did you mean `safety.qtcf_ms`?"),
        ("her2=negative", "no fact `her2`; did you mean `disease.her2`?"),
        ("qtcf=480", "no fact `qtcf`; did you mean `safety.qtcf_ms`?"),
        ("zzz=1", "no fact `zzz`; `secondline schema case` lists the facts"),
        ("safety.qtcf_ms", "expects `fact=value`, got `safety.qtcf_ms`"),
        ("safety.qtcf_ms=", "expects `fact=value`, got `safety.qtcf_ms=`"),
        ("safety.qtcf_ms=[1", "the value of `safety.qtcf_ms` cannot be read: `[1`"),
        ("safety.qtcf_ms=4800", "expected a number from 200 to 800, got `4800`"),
        ("safety.qtcf_ms=high", "expected a number from 200 to 800, got `high`"),
        ("patient.ecog=1.5", "expected a whole number from 0 to 4, got `1.5`"),
        ("safety.insulin=yes", "expected `true` or `false`, got `yes`"),
        ("biomarkers.esr1=mutant", "did you mean `mutated`?"),
        ("disease.sites=bones", "did you mean `bone`?"),
    ],
)
def test_what_cannot_be_set_is_said(words: str, says: str, adviser: Adviser, reader: CaseReader) -> None:
    with pytest.raises(UsageError) as error:
        beside(adviser, reader, profiles.TYPICAL, words)
    assert str(error.value).startswith("`--set`")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["disease.her2.ihc=3+"], "HER2 `negative` contradicts IHC 3+, which is positive; correct one of them"),
        (
            ["patient.sex=male", "patient.pregnant=true"],
            "`pregnant: true` contradicts `sex: male`; correct one of them",
        ),
        (["disease.er.percent=0"], "`positive` contradicts 0 percent, which is `negative`; correct one of them"),
        (["history.agents=fulvestrent"], "no drug `fulvestrent`; did you mean `fulvestrant`?"),
    ],
)
def test_contradictions_are_refused(words: list[str], says: str, adviser: Adviser, reader: CaseReader) -> None:
    with pytest.raises(InputError) as error:
        beside(adviser, reader, profiles.TYPICAL, *words)
    assert says in str(error.value)


def test_what_is_shown_to_reach_a_target_does_once_it_is_set(adviser: Adviser, reader: CaseReader) -> None:
    """Each least set of a typical case, put in through `--set` and answered by both engines."""
    profile = {**profiles.TYPICAL, "safety": {"qtcf_ms": 431}, "biomarkers": {"pik3ca": "wild-type"}}
    held = profiles.case(reader, profile, as_of=TODAY.isoformat(), jurisdiction="us")
    one = Case(adviser, held)
    tried: dict[tuple[str, ...], dict[str, Any]] = {}
    for target in one.targets:
        for group, told in target.by.items():
            for some in told.sets:
                words = tuple(as_set(one, values, group) for values in some.ways[0])
                if words not in tried:
                    tried[words] = compare(held, [setting(w) for w in words], reader, adviser).as_dict()["changed"]
                after = tried[words]
                if target.about == "verdict":
                    assert after["verdict"] == target.to, (words, target)
                else:
                    tiers = OFFERED if target.to == "opens" else SHUT
                    assert after["regimens"][target.about]["tier"] in tiers, (words, target)
    assert len(tried) > 40


def as_set(case: Case, values: Values, group: str) -> str:
    """A fact with the first of the values shown, as `--set` takes it."""
    first, fact = values.plain[0], catalogue()[values.fact]
    if fact.kind == "set":
        held = case.known.facts.get(fact.path) if group != "unknown" else Members(frozenset())
        assert isinstance(held, Members)
        members = held.sure.union(first.get("with", ())).difference(first.get("without", ()))
        return f"{fact.path}={','.join(sorted(members)) or 'none'}"
    if fact.numeric:
        return f"{fact.path}={inside(values)}"
    if isinstance(first, dict):
        parts = {part: held[0] if isinstance(held, list) else held for part, held in first.items()}
        return f"{fact.path}={json.dumps(parts)}"
    return f"{fact.path}={json.dumps(first)}"


# --- the command ------------------------------------------------------------------------------------------


def run(*args: str, stdin: str | None = None) -> Ran:
    """The command in this process."""
    ran = CliRunner().invoke(app, ["whatif", *args], input=stdin, prog_name="secondline", env={"COLUMNS": "80"})
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("here")
def test_the_shape_of_json() -> None:
    told = json.loads(run(TYPICAL, "--format", "json").out)
    assert set(told) == {"schema", "case", "now", "verdict", "regimens", "limits", "stable", "notice"}
    assert told["verdict"]["continue"]["known"]["sets"] == [
        {
            "facts": ["prior_cdk46.stopped_for", "progression.status"],
            "ways": [{"prior_cdk46.stopped_for": ["ongoing"], "progression.status": ["none", "molecular"]}],
            "says": ["reason the inhibitor stopped: ongoing and progression none or molecular"],
        }
    ]
    assert told["verdict"]["continue"]["unknown"] == {"sets": [], "more": 0, "why": "nothing does"}
    assert "unknown" not in told["verdict"]["undetermined"]
    elacestrant = told["regimens"]["elacestrant"]
    assert (elacestrant["tier"], {*elacestrant}) == ("undetermined", {"tier", "opens", "closes"})
    assert elacestrant["opens"]["unknown"]["sets"][0]["ways"] == [{"biomarkers.esr1": ["mutated"]}]
    (qtcf,) = (limit for limit in told["limits"] if limit["fact"] == "safety.qtcf_ms")
    assert (qtcf["value"], qtcf["limit"], qtcf["side"], qtcf["by"]) == (431, 450, "below", 19)
    assert {"fact": "patient.ecog", "value": 1, "stretch": {}} in told["stable"]
    set_on_top = json.loads(run(TYPICAL, "--set", "prior_cdk46.months=5", "--format", "json").out)
    assert set_on_top["set"] == [{"fact": "prior_cdk46.months", "value": 5, "over_therapies": True}]


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    outs = {alone("whatif", TYPICAL, "--format", "json", PYTHONHASHSEED=seed).out for seed in ("1", "2")}
    assert len(outs) == 1


@pytest.mark.usefixtures("here")
def test_standard_input_another_day_and_other_rules() -> None:
    plain = json.dumps({"id": "mine", "jurisdiction": "us", "profile": profiles.TYPICAL})
    ran = run("-", "--as-of", "2021-01-01", "--rules", "rules", "--format", "json", stdin=plain)
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert told["case"] == {"id": "mine", "as_of": "2021-01-01", "jurisdiction": "us"}
    assert told["now"]["verdict"] == "individualise"


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["cases/tumour-board.yaml"], 2, "`whatif` needs exactly one case, got"),
        (["cases/nowhere.yaml"], 3, "no such file"),
        ([TYPICAL, "--format", "html"], 2, "`--format` expects `text`, `json` or `markdown`"),
        ([TYPICAL, "--set", "safety.qtc_ms=1"], 2, "did you mean `safety.qtcf_ms`?"),
        ([TYPICAL, "--set", "disease.her2.ihc=3+", "--set", "disease.her2.status=negative"], 0, ""),
        ([TYPICAL, "--set", "disease.her2={status: negative, ihc: 3+}"], 3, "contradicts IHC 3+"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_wrong_is_said(args: list[str], code: int, says: str) -> None:
    ran = run(*args)
    assert ran.code == code
    assert says in ran.err
