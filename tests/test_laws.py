"""Laws: how they are read, what breaks one, what `secondline test` says of it, and that the shipped rules keep them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from conftest import COUNTS, RULES
from helpers import case
from secondline.cases import CaseFile, CaseReader
from secondline.cli.app import app
from secondline.errors import InputError
from secondline.forms.rules import Law
from secondline.inference.reference import Findings, infer
from secondline.laws import Held, answered, broken, held
from secondline.loading import Loaded, load, load_laws
from secondline.patient import know
from secondline.recommend import Adviser, Outcome, Question, outcome, recommend
from secondline.rulebase import RuleBase
from secondline.rulefiles import rule_files
from secondline.scales import OFFERED
from secondline.states import Members, Range, State
from secondline.store import Ready
from strategies import Drawn, Patients

BASE = Path(__file__).parent / "files" / "base"
LAWS = load_laws(rule_files(RULES))
QTCF = "no-ribociclib-at-qtcf-450"
GIVEN = Outcome("do-not-continue", {"ribociclib+fulvestrant": "consider", "elacestrant": "undetermined"})
WITHHELD = Outcome("do-not-continue", {"ribociclib+fulvestrant": "contraindicated"})


def law(name: str) -> Law:
    return next(law for law in LAWS if law.id == name)


def small(folder: Path, laws: str, **files: str) -> Loaded:
    """A small sound rule folder with these laws."""
    shutil.copytree(BASE, folder)
    (folder / "laws.yaml").write_text(laws)
    for name, text in files.items():
        (folder / f"{name.replace('__', '/')}.yaml").write_text(text)
    return load(rule_files(folder))


# --- reading (the broken files lie in `files/rules/`) -------------------------------------------------------


def test_there_are_enough_each_in_words() -> None:
    assert len(LAWS) >= 45
    assert all(law.title for law in LAWS)


def test_they_are_read_alike_with_and_without_the_rules() -> None:
    assert load(rule_files(RULES)).laws == LAWS


def test_they_count_for_the_digest_of_the_rules_but_are_no_part_of_what_answers(tmp_path: Path, ready: Ready) -> None:
    one, other = (
        small(tmp_path / name, f"laws: [{{id: a, when: {{disease.her2: positive}}, then: {{verdict: {verdict}}}}}]")
        for name, verdict in (("one", "out-of-scope"), ("other", "individualise"))
    )
    assert one.base.rules_hash != other.base.rules_hash
    assert one.base.evidence_hash == other.base.evidence_hash
    assert not [name for name in vars(ready.base) if "law" in name]


def test_a_folder_without_laws_is_sound() -> None:
    found = load(rule_files(BASE))
    assert found.laws == ()
    assert load_laws(rule_files(BASE)) == ()


def test_a_second_file_of_laws_is_refused(tmp_path: Path) -> None:
    text = "laws: [{id: a, when: {disease.her2: positive}, then: {verdict: out-of-scope}}]"
    small(tmp_path / "rules", text)
    (tmp_path / "rules" / "laws.yml").write_text(text)
    with pytest.raises(InputError, match=r"laws\.yml:1:1: `\S+laws\.yaml` holds the laws already; keep one of the two"):
        load(rule_files(tmp_path / "rules"))


@pytest.mark.parametrize(("key", "column"), [("when", 13), ("then", 45)])
def test_what_can_count_as_absent_is_read_through_its_definition(tmp_path: Path, key: str, column: int) -> None:
    now = (
        "id: esr1-now\nfact: biomarkers.esr1_now\ncases:\n"
        "  - {when: {biomarkers.esr1.taken: earlier}, value: unknown, of: biomarkers.esr1}\notherwise: wild-type\n"
    )
    raw, fine = "{biomarkers.esr1: mutated}", "{verdict: individualise}"
    when, then = (raw, fine) if key == "when" else (fine, raw)
    with pytest.raises(InputError) as caught:
        small(tmp_path / "r", f"laws:\n  - {{id: a, when: {when}, then: {then}}}\n", definitions__esr1_now=now)
    (problem,) = caught.value.problems
    read = "`a` reads `biomarkers.esr1`, whose result can count as absent; read `biomarkers.esr1_now` instead"
    assert (*problem.place[1:], problem.message) == (2, column, read)


def test_every_problem_has_its_own_place(tmp_path: Path) -> None:
    text = (
        "laws:\n"
        "  - {id: a, when: {disease.her3: positive}, then: {verdict: out-of-scope}}\n"
        "  - {id: b, when: {disease.her2: positive}, then: {offred: {has: fulvestrant}}}\n"
    )
    with pytest.raises(InputError) as caught:
        small(tmp_path / "rules", text)
    assert [(p.place.line, p.place.column, p.message) for p in caught.value.problems] == [
        (2, 20, "no fact `disease.her3`; did you mean `disease.her2`?"),
        (3, 52, "no fact `offred`; did you mean `offered`?"),
    ]


# --- what breaks a law --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qtcf", "outcome", "expected"),
    [
        (450, GIVEN, Held(True, False)),
        (449.9, GIVEN, Held(False, False)),
        (None, GIVEN, Held(None, False)),
        (Range(440, 460), GIVEN, Held(None, False)),
        (Range(450, None), GIVEN, Held(True, False)),
        (450, WITHHELD, Held(True, True)),
    ],
)
def test_only_what_is_known_breaks_a_law(qtcf: State, outcome: Outcome, expected: Held, ready: Ready) -> None:
    facts = {"safety.qtcf_ms": qtcf, **answered(outcome, ready.base.vocabulary)}
    assert held(law(QTCF), facts) == expected
    assert held(law(QTCF), facts).broken is (expected == (True, False))


def test_an_unknown_then_breaks_nothing(ready: Ready) -> None:
    reasons = law("out-of-scope-has-a-reason")
    facts = answered(Outcome("out-of-scope", {}), ready.base.vocabulary)
    assert held(reasons, facts) == (True, None)
    known = {"disease.her2": "negative", "disease.hr": "positive", "disease.extent": "metastatic"}
    assert held(reasons, {**facts, **known}) == (True, None)
    assert held(reasons, {**facts, **known, "prior_cdk46.agent": "palbociclib"}).broken


def test_offered_are_three_tiers_with_their_drugs_and_classes(ready: Ready) -> None:
    facts = answered(
        Outcome(
            "individualise",
            {
                "imlunestrant+abemaciclib": "alternative",
                "chemotherapy": "preferred",
                "everolimus+exemestane": "avoid",
                "elacestrant": "undetermined",
                "fulvestrant": "closed",
                "olaparib": "contraindicated",
            },
        ),
        ready.base.vocabulary,
    )
    assert facts == {
        "verdict": "individualise",
        "offered": Members(frozenset({"imlunestrant+abemaciclib", "chemotherapy"})),
        "offered_agents": Members(frozenset({"imlunestrant", "abemaciclib", "chemotherapy"})),
        "offered_classes": Members(frozenset({"oral-serd", "endocrine-therapy", "cdk46-inhibitor", "chemotherapy"})),
    }


@pytest.mark.parametrize(
    "name", ["out-of-scope-offers-nothing", "nothing-in-pregnancy", "nothing-changes-without-progression"]
)
def test_nothing_means_no_regimen_of_the_vocabulary(name: str, ready: Ready) -> None:
    for regimen in ready.base.vocabulary.regimens:
        facts = answered(Outcome("individualise", {regimen: "consider"}), ready.base.vocabulary)
        assert held(law(name), facts).then is False, regimen
    assert held(law(name), answered(Outcome("individualise", {}), ready.base.vocabulary)).then


def test_at_molecular_progression_two_regimens_are_left(ready: Ready) -> None:
    left = [
        regimen
        for regimen in ready.base.vocabulary.regimens
        if held(
            law("only-the-partner-changes-at-molecular-progression"),
            answered(Outcome("continue", {regimen: "consider"}), ready.base.vocabulary),
        ).then
    ]
    assert sorted(left) == ["camizestrant+cdk46", "palbociclib+fulvestrant"]


def said(ready: Ready, facts: dict[str, State], outcome: Outcome, day: date = date(2026, 11, 22)) -> list[str]:
    return [says for _, says in broken(LAWS, ready.base, day, infer(ready.base, facts), outcome)]


def test_the_author_is_told_the_law_the_facts_and_their_values(ready: Ready) -> None:
    assert said(ready, {"safety.qtcf_ms": 460}, GIVEN) == [
        "law `no-ribociclib-at-qtcf-450` is broken: no regimen with ribociclib is offered at QTcF of 450 ms or more; "
        "here `safety.qtcf_ms` is 460, and `offered_agents` is fulvestrant, ribociclib"
    ]


def test_a_definition_is_told_by_its_facts(ready: Ready) -> None:
    facts: dict[str, State] = {"progression.status": "clinical", "prior_cdk46.in_last_line": True}
    assert said(ready, {**facts, "prior_cdk46.stopped_for": "toxicity"}, Outcome("do-not-continue", {})) == [
        "law `toxicity-before-progression-has-no-trial` is broken: progression after an inhibitor that stopped for "
        "toxicity borrows no answer from PALMIRA; here `progression.status` is clinical; `prior_cdk46.in_last_line` is "
        "yes; `prior_cdk46.stopped_for` is toxicity, and `verdict` is do-not-continue"
    ]


def test_a_law_without_a_title_is_told_by_its_conditions(tmp_path: Path) -> None:
    text = "laws: [{id: a, when: {definition: progressed}, then: {not: {offered: {has: ribociclib+fulvestrant}}}}]"
    found = small(tmp_path / "rules", text)
    findings = infer(found.base, {"progression.status": "clinical"})
    ((_, says),) = broken(found.laws, found.base, date(2026, 1, 1), findings, GIVEN)
    assert says == (
        "law `a` is broken: where progressed holds, not: offered has ribociclib+fulvestrant; "
        "here `progression.status` is clinical, and `offered` is ribociclib+fulvestrant"
    )


def test_no_day_is_held_to_a_label_that_came_later(ready: Ready) -> None:
    facts: dict[str, State] = {"safety.child_pugh": "C"}
    outcome = Outcome("do-not-continue", {"elacestrant": "consider"})
    assert not said(ready, facts, outcome, date(2022, 12, 1))
    assert len(said(ready, facts, outcome, date(2024, 1, 1))) == 1


def test_an_outcome_is_that_of_the_recommendation(adviser: Adviser, shipped: list[CaseFile]) -> None:
    """Without the texts, and with the reference alone."""
    for found in shipped[::7]:
        known = know(found.case.profile, found.day, adviser.base.vocabulary)
        place = found.case.jurisdiction
        view = adviser.calendar.on(found.day, None if place == "none" else place)
        short = outcome(found.case.profile, view, known, infer(adviser.base, known.facts), found.question())
        whole = recommend(found.case.profile, adviser, found.question())
        assert short.verdict == whole.verdict
        tiers = {name: tier for name, tier in short.tiers.items() if tier != "closed"}
        assert tiers == {option.regimen: option.tier for option in whole.options}


# --- the commands -------------------------------------------------------------------------------------------

CASE = """
title: QTcF is {qtcf}
as_of: 2026-01-01
profile: {{progression: {{status: clinical}}, safety: {{qtcf_ms: {qtcf}}}}}
expect: {{verdict: undetermined}}
"""
LOWER = """
laws:
  - id: a
    title: no ribociclib
    when: {safety.qtcf_ms: {at_least: 430}}
    then: {offered_agents: {has_none: [ribociclib]}}
"""


def test_a_broken_law_fails_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small(tmp_path / "rules", LOWER)
    Path("cases.yaml").write_text("---".join(CASE.format(qtcf=qtcf) for qtcf in (429, 430, 450)))
    found = CliRunner().invoke(app, ["test", "cases.yaml", "--rules", "rules"], prog_name="secondline")
    assert found.exit_code == 1
    assert found.stdout == (
        "QTcF is 430\n"
        "  cases.yaml:7:1: law `a` is broken: no ribociclib; "
        "here `safety.qtcf_ms` is 430, and `offered_agents` is fulvestrant, ribociclib\n"
        "3 cases, 2 as expected, 1 not\n"
    )
    as_json = CliRunner().invoke(app, ["test", "cases.yaml", "--rules", "rules", "--format", "json"])
    assert as_json.exit_code == 1
    (problem,) = json.loads(as_json.stdout)["problems"]
    assert (problem["check"], problem["line"]) == ("QTcF is 430", 7)


def test_cases_that_keep_the_laws_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small(tmp_path / "rules", LOWER)
    Path("cases.yaml").write_text(CASE.format(qtcf=429))
    found = CliRunner().invoke(app, ["test", "cases.yaml", "--rules", "rules"], prog_name="secondline")
    assert (found.exit_code, found.stdout) == (0, "1 case, 1 as expected, 0 not\n")


def test_check_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small(tmp_path / "rules", LOWER)
    found = CliRunner().invoke(app, ["check", "rules"], prog_name="secondline")
    assert ", 1 law, " in found.stdout


# --- the shipped rules keep them ------------------------------------------------------------------------------


class Asked(NamedTuple):
    """A case answered without texts: its findings, its outcome, and the facts that a law reads."""

    findings: Findings
    outcome: Outcome
    facts: dict[str, State]


class Court:
    """Answers profiles by the reference alone and holds them against the laws."""

    def __init__(self, base: RuleBase, adviser: Adviser, reader: CaseReader) -> None:
        self.base, self.calendar, self.reader = base, type(adviser.calendar)(base), reader

    def asked(self, drawn: Drawn) -> Asked:
        profile = case(self.reader, drawn.profile, as_of=drawn.day.isoformat()).case.profile
        known = know(profile, drawn.day, self.base.vocabulary)
        findings = infer(self.base, known.facts)
        view = self.calendar.on(drawn.day, None if drawn.jurisdiction == "none" else drawn.jurisdiction)
        found = outcome(profile, view, known, findings, Question(drawn.day, drawn.jurisdiction))
        return Asked(findings, found, {**findings.facts, **answered(found, self.base.vocabulary)})

    def breaks(self, drawn: Drawn, asked: Asked) -> Iterator[tuple[str, str]]:
        """Each law that this answer breaks, with what an author needs to see it again."""
        for one, says in broken(LAWS, self.base, drawn.day, asked.findings, asked.outcome):
            words = json.dumps(drawn.profile, ensure_ascii=False)
            yield one.id, f"{says}\n  as_of: {drawn.day}, jurisdiction: {drawn.jurisdiction}, profile: {words}"


@pytest.mark.long
def test_every_law_holds(adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest) -> None:
    """On generated patients, some made to meet a law and miss what it asks; and each law was put to the test."""
    court = Court(adviser.base, adviser, reader)
    patients = Patients(Random(20261122), adviser.base, LAWS)
    total, seen = Counter[str](), Counter[str]()
    when, then, elsewhere = Counter[str](), Counter[str](), Counter[str]()
    found: dict[str, list[str]] = {}
    for _ in range(request.config.getoption("--law-profiles")):
        drawn = patients.profile()
        try:
            asked = court.asked(drawn)
        except InputError:
            total["refused as contradictory (not counted as a profile)"] += 1
            continue
        total["profiles"] += 1
        total[f"jurisdiction {drawn.jurisdiction}"] += 1
        total[f"verdict {asked.outcome.verdict}"] += 1
        seen[drawn.day.isoformat()] += 1
        sound = True
        for one in LAWS:
            if adviser.base.in_effect(one, drawn.day):
                judged = held(one, asked.facts)
                when[one.id] += judged.when is True
                then[one.id] += judged.when is True and judged.then is True
                elsewhere[one.id] += judged.when is not True and judged.then is False
                sound &= not judged.broken
        for name, says in () if sound else court.breaks(drawn, asked):
            found.setdefault(name, []).append(says)
    total["days"] = len(seen)
    COUNTS["generated patients held against the laws"] = total
    COUNTS["laws: how often `when` was true, `then` with it, and `then` false for others"] = Counter(
        {f"{one.id}: kept {then[one.id]}, false for others {elsewhere[one.id]}": when[one.id] for one in LAWS}
    )
    assert not found, "\n".join(f"{len(says)} patients: {says[0]}" for says in found.values())
    assert not [one.id for one in LAWS if not when[one.id]], "laws that met no patient"
    opened: dict[str, str] = {
        rule.regimen: rule.then.tier for rule in adviser.base.options if rule.then.tier in OFFERED
    }
    everything = answered(Outcome("individualise", opened), adviser.base.vocabulary)
    idle = [one.id for one in LAWS if not elsewhere[one.id] and held(one, everything).then is False]
    assert not idle, "laws that forbid what no patient is offered"
    assert all(total[f"jurisdiction {place}"] for place in ("us", "eu", "none"))
    assert len(seen) > 5


@pytest.mark.parametrize(
    ("without", "law_broken"),
    [
        ("ribociclib-qtcf", QTCF),
        ("pregnancy", "nothing-in-pregnancy"),
        ("capivasertib-diabetes", "no-capivasertib-in-diabetes-on-insulin"),
        ("her2-positive", "her2-positive-is-never-in-scope"),
        ("limited-progression", "limited-progression-has-no-trial"),
    ],
)
def test_a_missing_rule_breaks_its_law(without: str, law_broken: str, adviser: Adviser, reader: CaseReader) -> None:
    base = adviser.base
    less = replace(
        base,
        gates=tuple(gate for gate in base.gates if gate.id != without),
        verdicts=tuple(rule for rule in base.verdicts if rule.id != without),
    )
    assert len(list(less.rules())) == len(list(base.rules())) - 1
    court, patients = Court(less, adviser, reader), Patients(Random(1), base, (law(law_broken),))
    for _ in range(4000):
        drawn = patients.profile()
        if law_broken in dict(court.breaks(drawn, court.asked(drawn))):
            return
    pytest.fail(f"no patient shows that `{without}` is missing")


def test_the_shipped_cases_keep_every_law(adviser: Adviser, reader: CaseReader, shipped: list[CaseFile]) -> None:
    court = Court(adviser.base, adviser, reader)
    for found in shipped:
        known = know(found.case.profile, found.day, adviser.base.vocabulary)
        findings = infer(adviser.base, known.facts)
        place = found.case.jurisdiction
        view = court.calendar.on(found.day, None if place == "none" else place)
        short = outcome(found.case.profile, view, known, findings, found.question())
        assert not list(broken(LAWS, adviser.base, found.day, findings, short)), found.name
