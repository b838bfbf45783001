"""Comparing rule bases: regions against brute force, the proof against random patients, days, revisions, cohorts."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from conftest import ROOT, RULES
from helpers import TYPICAL, case
from helpers import node as node_of
from secondline import condition as conditions
from secondline.asof import AsOf
from secondline.authoring.comparing import compare
from secondline.authoring.comparison import Base, Comparison, Detail, suggested
from secondline.authoring.everybody import Everybody
from secondline.authoring.moves import VERDICT, Move
from secondline.authoring.paired import Pair
from secondline.authoring.patients import Asked, Clinic, Facts, profile_of
from secondline.authoring.revisions import of_revision, side
from secondline.authoring.rulechanges import FAILS, HOLDS
from secondline.authoring.saying import as_plain, words
from secondline.cli import diff
from secondline.cli.app import app
from secondline.condition import All, AnyOf, Condition, Not, Terms, parse, truth
from secondline.diagram import NEVER
from secondline.errors import InputError, Problem
from secondline.facts import catalogue, main_of
from secondline.inference.reference import infer
from secondline.loading import load_laws
from secondline.patient import cannot_be, know
from secondline.recommend import outcome
from secondline.report.comparing import as_text, page
from secondline.rulefiles import RuleFiles, rule_files
from secondline.scales import Jurisdiction
from secondline.states import State
from secondline.store import made_ready
from secondline.tiers import CLOSED
from strategies import Patients

SMALL = ROOT / "tests" / "files" / "base"
SNAPSHOTS = ROOT / "tests" / "snapshots"
TODAY = date(2026, 11, 22)
Edits = Mapping[str, Any]  # file -> its text, a pair of texts where one replaces the other, or None where it goes


def edited(files: RuleFiles, edits: Edits) -> RuleFiles:
    """Rule files with some of them changed."""
    contents = dict(files.contents)
    for name, edit in edits.items():
        if edit is None:
            del contents[name]
        elif isinstance(edit, str):
            contents[name] = edit.encode()
        else:
            text = contents[name].decode()
            assert edit[0] in text, name
            contents[name] = text.replace(*edit).encode()
    return files._replace(contents=contents)


def base(name: str, files: RuleFiles, day: date = TODAY) -> Base:
    return Base(name, made_ready(files), load_laws(files), (day,))


def compared(
    folder: Path,
    edits: Edits,
    places: tuple[Jurisdiction, ...] = ("none",),
    detail: Detail | None = None,
    first: Edits | None = None,
) -> Comparison:
    """What changes in a rule folder do; `first` are made on both sides."""
    files = edited(rule_files(folder), first or {})
    old, new = base("old", files), base("new", edited(files, edits))
    return compare(old, new, places, detail or Detail())


def small(edits: Edits, **more: Any) -> Comparison:
    return compared(SMALL, edits, **more)


def moves(found: Comparison, what: str = VERDICT) -> dict[tuple[str, str, str], Move]:
    return {(move.about, move.before, move.after): move for on in found.on for move in on.moves if move.what == what}


def said(found: Comparison, move: Move) -> tuple[str, str]:
    """Among whom, and the condition in words, or that it is all of them."""
    region = move.region
    return region.among, "all" if region.whole else words(
        region.condition, found.new.ready.base
    ) if region.condition else ""


def clinics(found: Comparison) -> tuple[Clinic, Clinic]:
    return Clinic(found.old.ready.base, found.old.ready.program), Clinic(found.new.ready.base, found.new.ready.program)


FRAIL = """id: frail
title: ECOG 3 or more
when: {all: [{definition: progressed}, {patient.ecog: {at_least: 3}}]}
then: {verdict: individualise}
says: Frail.
cites: [LABEL-A]
overrides: [stop]
"""
ESR1 = """id: esr1-now
fact: biomarkers.esr1_now
cases:
  - {when: {biomarkers.esr1: mutated}, value: mutated}
  - {when: {biomarkers.esr1.taken: earlier}, value: unknown, of: biomarkers.esr1}
otherwise: wild-type
"""
STOP = (SMALL / "verdicts" / "stop.yaml").read_text()
SWITCH = "ribociclib+fulvestrant"


# --- what changed -----------------------------------------------------------------------------------------


def test_a_changed_limit() -> None:
    found = small({"safety/qtcf.yaml": ("at_least: 450", "at_least: 480")})
    (rule,) = found.rules
    (shift,) = rule.shifts
    assert (rule.id, rule.what, shift.before, shift.after) == ("qtcf", "meaning", HOLDS, FAILS)
    assert shift.region.condition is not None
    assert as_plain(shift.region.condition) == {"safety.qtcf_ms": {"at_least": 450, "below": 480}}
    assert shift.example == {"safety.qtcf_ms": 450}
    (move,) = moves(found, "tier").values()
    assert (move.about, move.before, move.after) == (SWITCH, "contraindicated", "alternative")
    assert said(found, move) == ("before", "QTcF below 480 ms")
    assert (found.change, found.version.suggested) == ("minor", "1.1")
    assert found.why(SWITCH, "contraindicated", "alternative") == ("qtcf",)
    assert found.why(SWITCH, "undetermined", "alternative") == ("qtcf",)  # no move has it; the rules behind any


def test_text_alone_changes_nobody() -> None:
    found = small({"verdicts/stop.yaml": ("title: no gain", "title: nothing gained")})
    ((rule),) = found.rules
    assert (rule.id, rule.what, [part.name for part in rule.parts]) == ("stop", "text", ["title"])
    assert found.change == "none"
    assert not any(on.moves for on in found.on)
    assert all(on.tied for on in found.on)
    assert found.version.suggested == "1.0.1"


def test_a_condition_written_otherwise_is_no_change() -> None:
    edit = ("{progression.status: [radiological, clinical]}", "{not: {progression.status: [none, molecular]}}")
    found = small({"definitions/progressed.yaml": edit})
    assert [(rule.id, rule.what) for rule in found.rules] == [("progressed", "rewritten")]
    assert (found.change, found.on[0].tied) == ("none", True)


def test_a_changed_definition_changes_what_reads_it() -> None:
    found = small({"definitions/progressed.yaml": ("[radiological, clinical]", "radiological")})
    told = {rule.id: (rule.what, rule.through) for rule in found.rules}
    meaning = ("meaning", ("progressed",))
    assert told == {"stop": meaning, "switch": meaning, "progressed": ("meaning", ())}
    move = moves(found)[VERDICT, "do-not-continue", "individualise"]
    assert said(found, move) == ("before", "progression clinical")
    assert (move.old, move.new) == (("stop",), ())
    assert found.why(*move[1:4]) == ("progressed", "stop")
    assert found.change == "breaking"


def test_an_added_verdict_rule() -> None:
    found = small({"verdicts/frail.yaml": FRAIL})
    move = moves(found)[VERDICT, "do-not-continue", "individualise"]
    assert said(found, move) == ("before", "ECOG 3 or more")
    assert (move.old, move.new) == (("stop",), ("frail",))
    assert move.example == {"patient.ecog": 3, "disease.er": "positive", "progression.status": "radiological"}
    assert (found.change, found.version.suggested) == ("breaking", "2")


def test_an_override_that_goes_leaves_rules_that_disagree() -> None:
    first = {"verdicts/frail.yaml": FRAIL}
    found = small({"verdicts/frail.yaml": ("overrides: [stop]\n", "")}, first=first)
    assert found.change == "none"  # the verdict stays individualise
    assert "overrides: now without stop" in as_text(page(found))
    assert "proved: no patient changes verdict or option." in as_text(page(found))
    ((_, before, after), move) = next(iter(moves(found, "conflict").items()))
    assert (before, after) == ("rules agree", "rules disagree")
    assert said(found, move) == ("after", "all")
    for clinic, disagree in zip(clinics(found), (False, True), strict=True):
        answer = clinic.answer(move.example or {}, Asked(TODAY))
        assert answer is not None
        assert bool(answer.conflicts) is disagree


def test_a_gate_and_an_option_that_go() -> None:
    gate = moves(small({"safety/qtcf.yaml": None}), "tier")
    assert [*gate] == [(SWITCH, "contraindicated", "alternative")]
    option = moves(small({"options/switch.yaml": None}), "tier")
    assert {key[1:] for key in option} == {("alternative", CLOSED), ("contraindicated", CLOSED)}


def test_a_renamed_rule_is_known_again() -> None:
    found = small({"verdicts/stop.yaml": None, "verdicts/halt.yaml": STOP.replace("id: stop", "id: halt")})
    assert [(rule.id, rule.what, rule.was) for rule in found.rules] == [("halt", "renamed", "stop")]
    assert (found.change, found.on[0].tied) == ("none", True)


def test_grading_alone() -> None:
    found = small({"verdicts/stop.yaml": ("certainty: moderate", "certainty: low")})
    assert [*moves(found, "grading")] == [("do-not-continue", "strong, moderate", "strong, low")]
    assert found.change == "none"
    found = small({"options/switch.yaml": ("certainty: low", "certainty: very-low")})
    graded = moves(found, "option grading")  # after a gate that contraindicates it is strong
    assert {key[1:] for key in graded} == {(f"{how}, low", f"{how}, very-low") for how in ("conditional", "strong")}


def test_days_of_a_rule() -> None:
    found = small({"verdicts/stop.yaml": ("cites:", "effective: {until: 2026-01-31}\ncites:")})
    (rule,) = found.rules
    assert [(part.name, part.before, part.after) for part in rule.parts] == [
        ("effective", {"from": "2022-05-01"}, {"from": "2022-05-01", "until": "2026-01-31"})
    ]
    assert (VERDICT, "do-not-continue", "individualise") in moves(found)


def test_a_drug_of_another_class_is_not_proved_to_change_nobody() -> None:
    found = small({"vocabulary/drugs.yaml": ("fulvestrant: [endocrine-therapy]", "fulvestrant: [oral-serd]")})
    assert [(file.kind, file.name, file.what) for file in found.files] == [("drugs", "fulvestrant", "changed")]
    assert found.change == "breaking"
    assert "fulvestrant" in found.proof.unproved[0]


NEW_DRUG = ("palbociclib:", "newdrug: [oral-serd, chemotherapy]\n  palbociclib:")


@pytest.mark.parametrize(("read", "covered"), [("chemotherapy", False), ("bone-agent", True)])
def test_a_drug_added_to_a_class_is_one_that_nobody_named(read: str, covered: bool) -> None:
    """An unnamed oral SERD may be that drug, and so of what it is besides; where a rule reads that, it is said."""
    first = {"options/switch.yaml": ("when: {definition: progressed}", f"when: {{history.classes: {{has: {read}}}}}")}
    found = small({"vocabulary/drugs.yaml": NEW_DRUG}, first=first)
    therapy = {"setting": "metastatic", "agents": ["oral-serd"], "months": 6, "stopped_for": "progression"}
    profile = {**TYPICAL, "therapies": [therapy]}
    tiers = []
    for clinic in clinics(found):
        held = case(clinic.reader, profile, as_of=TODAY.isoformat())
        known = know(held.case.profile, TODAY, clinic.adviser.base.vocabulary)
        findings = infer(clinic.adviser.base, known.facts)
        view = clinic.adviser.calendar.on(TODAY, None)
        tiers.append(outcome(held.case.profile, view, known, findings, held.question()).tiers)
    assert (tiers[0] == tiers[1]) is covered
    assert (not found.proof.unproved) is covered
    told = " ".join(as_text(page(found)).split())
    assert ("proved where facts are unknown too: everybody has the same" in told) is covered
    says = "not covered: a drug given as endocrine-therapy, oral-serd without its name is read otherwise"
    assert (says in told) is not covered
    assert ("proved of whoever has the same facts on both sides: no patient changes" in told) is not covered


def test_a_drug_that_goes_is_said() -> None:
    found = small({"vocabulary/drugs.yaml": ("  letrozole: [aromatase-inhibitor]\n", "")})
    assert found.proof.unproved[0] == "cases that name letrozole are read no longer"


def test_a_law_that_changes() -> None:
    then = "{offered_agents: {has_none: [ribociclib]}}"
    laws = f"laws:\n  - {{id: never, when: {{safety.qtcf_ms: {{at_least: 450}}}}, then: {then}}}\n"
    found = small({"laws.yaml": ("450", "440")}, first={"laws.yaml": laws})
    (rule,) = found.rules
    assert (rule.folder, rule.what) == ("laws", "meaning")
    assert [as_plain(shift.region.condition) for shift in rule.shifts if shift.region.condition] == [
        {"safety.qtcf_ms": {"at_least": 440, "below": 450}}
    ]


def test_a_result_that_counts_as_absent() -> None:
    switch = ("when: {definition: progressed}", "when: {biomarkers.esr1_now: mutated}")
    first = {"definitions/esr1-now.yaml": ESR1, "options/switch.yaml": switch}
    found = small({"definitions/esr1-now.yaml": ("taken: earlier", "sample: tissue")}, first=first)
    assert [(rule.id, rule.what) for rule in found.rules if rule.id == "esr1-now"] == [("esr1-now", "meaning")]
    told = {absence.anew: absence for absence in found.on[0].absences}
    assert told.keys() == {False, True}
    assert {change[:3] for change in told[True].changes} == {(SWITCH, CLOSED, "undetermined")}
    assert {change[:3] for change in told[False].changes} == {(SWITCH, "undetermined", CLOSED)}
    assert found.change == "minor"


def test_who_changes_only_while_something_is_unknown() -> None:
    """A gate closes the inhibitor in use; a rule that says the same leaves no verdict while QTcF is not known."""
    go_on = """id: go-on
title: no progression
when: {all: [{progression.status: none}, {prior_cdk46.stopped_for: ongoing}, {prior_cdk46.agent: ribociclib}]}
then: {verdict: continue, strength: strong, certainty: moderate}
says: It goes on.
cites: [LABEL-A]
"""
    long_qt = """id: long-qt
title: QTcF of 450 ms or more
when:
  all:
    - {progression.status: none}
    - {prior_cdk46.agent: ribociclib}
    - {prior_cdk46.stopped_for: ongoing}
    - {safety.qtcf_ms: {at_least: 450}}
then: {verdict: individualise}
overrides: [go-on]
says: QTcF of 450 ms or more.
cites: [LABEL-A]
"""
    found = small({"verdicts/long-qt.yaml": long_qt}, first={"verdicts/go-on.yaml": go_on})
    (on,) = found.on
    assert not moves(found)
    assert not on.tied
    (one,) = on.unsettled
    assert (one.about, one.before, one.after) == (VERDICT, "continue", "undetermined")
    assert "safety.qtcf_ms" not in one.facts
    assert found.change == "breaking"


@pytest.mark.parametrize(
    ("old", "change", "name"),
    [
        ("1.4.2", "breaking", "2.0.0"),
        ("1.4.2", "minor", "1.5.0"),
        ("1.4", "minor", "1.5"),
        ("1.4", "none", "1.4.1"),
        ("1.4.2.1", "minor", None),
        ("2026.09", "breaking", "2026.11.1"),
        ("2026.09.1.3", "minor", "2026.11.1.4"),
        ("2026.11", "breaking", "2026.11.1"),
        ("2026.11", "minor", "2026.11.0.1"),
        ("2026.11.1.2", "breaking", "2026.11.2.0"),
        ("2026.11.1", "none", "2026.11.1.0.1"),
        ("spring", "none", None),
    ],
)
def test_what_to_call_it(old: str, change: Any, name: str | None) -> None:
    files = rule_files(SMALL)
    one = made_ready(edited(files, {"rulebase.yaml": ('"1"', f'"{old}"')})).base
    assert suggested(one, made_ready(edited(files, {"rulebase.yaml": ('"1"', '"0"')})).base, change).suggested == name


# --- against the engines ----------------------------------------------------------------------------------


class Engines:
    """What both sides of a comparison answer by their engines, held against what the comparison says."""

    def __init__(self, found: Comparison) -> None:
        (on,) = found.on
        self.moves = [move for move in on.moves if move.what in (VERDICT, "tier")]
        self.absences = [absence.region.condition for absence in on.absences if absence.region.condition]
        self.old, self.new = clinics(found)
        self.agreed = self.changed = 0

    def hold(self, profile: Any, *, whole: bool) -> None:
        """A profile is answered otherwise where it can be in a region; one that is whole just where it is."""
        try:
            held = case(self.new.reader, profile, as_of=TODAY.isoformat())
        except InputError:
            return
        question, base = held.question(), self.new.adviser.base
        known = know(held.case.profile, TODAY, base.vocabulary)
        found = infer(base, known.facts)
        states, absent = found.facts, any(truth(one, found.facts) is not False for one in self.absences)
        before, after = (
            outcome(
                held.case.profile,
                clinic.adviser.calendar.on(TODAY, None),
                known,
                infer(clinic.adviser.base, known.facts),
                question,
            )
            for clinic in (self.old, self.new)
        )
        for about in (VERDICT, *sorted({*before.tiers, *after.tiers})):
            was = before.verdict if about == VERDICT else before.tiers.get(about, CLOSED)
            now = after.verdict if about == VERDICT else after.tiers.get(about, CLOSED)
            possible = [move for move in self.moves if move.about == about and _possible(move, states)]
            if whole and not found.voided and not absent:
                here = [move for move in possible if _among(move, was, now)]
                assert [(move.before, move.after) for move in here] == ([(was, now)] if was != now else []), about
            else:
                assert possible or absent or was == now, about
            self.changed += was != now
            self.agreed += 1


def _possible(move: Move, states: Mapping[str, State]) -> bool:
    """Whether a patient can be in the region of a move, as far as its condition says."""
    return move.region.condition is None or truth(move.region.condition, states) is not False


def _among(move: Move, was: str, now: str) -> bool:
    """Whether a patient with these outcomes is among those of whom a region is said."""
    return {"all": True, "before": move.before == was, "after": move.after == now}[move.region.among]


def whole_patients(found: Comparison, random: Random, number: int) -> Iterator[Facts]:
    """Patients of whom everything is known, drawn from all there are."""
    pair = Pair(found.old.ready.base, found.new.ready.base)
    everybody = Everybody(AsOf(found.new.ready.base, TODAY, None), pair.cells[1])
    dd = pair.diagrams
    for _ in range(number):
        node = everybody.valid
        for variable in random.sample(range(len(pair.cells[1].variables)), len(pair.cells[1].variables)):
            values = len(pair.cells[1].variables[variable].values)
            here = dd.both(node, dd.literal(variable, [at == random.randrange(values) for at in range(values)]))
            node = node if here == NEVER else here
        facts = everybody.patient(node)
        if facts is not None:
            yield facts


SMALL_CHANGES: dict[str, Edits] = {
    "a limit": {"safety/qtcf.yaml": ("at_least: 450", "above: 470")},
    "a definition": {"definitions/progressed.yaml": ("[radiological, clinical]", "radiological")},
    "a defined fact": {"definitions/receptors.yaml": ("[positive, low]", "positive")},
    "a verdict rule": {"verdicts/frail.yaml": FRAIL},
    "an option that goes": {"options/switch.yaml": None},
    "a gate that goes": {"safety/qtcf.yaml": None},
    "a gate that lowers": {"safety/qtcf.yaml": ("then: {tier: contraindicated}", "then: {lower: 1}")},
    "a condition": {
        "options/switch.yaml": (
            "when: {definition: progressed}",
            "when: {any: [{patient.sex: male}, {prior_cdk46.months: {at_least: 6}}]}",
        )
    },
}


@pytest.mark.parametrize("name", SMALL_CHANGES)
def test_nobody_else_changes_in_a_small_rule_base(name: str) -> None:
    found = small(SMALL_CHANGES[name])
    engines, random = Engines(found), Random(7)
    for facts in whole_patients(found, random, 150):
        engines.hold(profile_of(facts), whole=True)
        telling = {rule.other for rule in cannot_be()}  # what is stated can be taken away where they are unknown
        for _ in range(2):
            known = {main for main in map(main_of, facts) if main in telling or random.random() < 0.6}
            engines.hold(profile_of({path: facts[path] for path in facts if main_of(path) in known}), whole=False)
    assert engines.changed > 20
    assert engines.agreed > 400


SHIPPED_CHANGES: dict[str, Edits] = {
    "a limit": {"safety/ribociclib-qtcf.yaml": ("at_least: 450", "at_least: 480")},
    "a definition": {"definitions/early-benefit-only.yaml": ("at_most: 6", "at_most: 9")},
    "an override": {"verdicts/limited-progression.yaml": ("  - palbociclib-beyond-palbociclib\n", "")},
    "a gate that goes": {"safety/ribociclib-qt-prolonging-drug.yaml": None},
    "an option that goes": {"options/imlunestrant-off-label.yaml": None},
    "a verdict rule": {
        "verdicts/frail.yaml": FRAIL.replace("[LABEL-A]", "[LABEL-PALBOCICLIB]").replace("overrides: [stop]\n", "")
    },
    "a result that counts as absent": {"definitions/esr1-now.yaml": ("{below: 1}", "{below: 3}")},
}


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED_CHANGES)
def test_nobody_else_changes_in_the_shipped_rules(name: str, request: pytest.FixtureRequest) -> None:
    found = compared(RULES, SHIPPED_CHANGES[name], detail=Detail(unknown=False))
    engines, random = Engines(found), Random(11)
    for facts in whole_patients(found, random, 100):
        engines.hold(profile_of(facts), whole=True)
    patients = Patients(random, found.new.ready.base)
    for _ in range(max(300, request.config.getoption("--brute"))):
        engines.hold(patients.profile().profile, whole=False)
    assert engines.agreed > 5_000


@pytest.fixture(scope="module")
def limit() -> Comparison:
    """The limit of ribociclib's QTcF raised in the shipped rules."""
    return compared(RULES, SHIPPED_CHANGES["a limit"], detail=Detail(unknown=False))


def test_a_changed_limit_of_the_shipped_rules_against_brute_force(limit: Comparison) -> None:
    """On every QTcF around the limit, of a patient on each inhibitor, the engines differ just where the region says."""
    old, new = clinics(limit)
    move = moves(limit)[VERDICT, "individualise", "continue"]
    assert move.region.condition is not None
    assert move.region.among == "after"
    found: dict[str, list[int]] = {}
    for agent in ("palbociclib", "ribociclib", "abemaciclib"):
        therapy = {**TYPICAL["therapies"][0], "agents": [agent, "letrozole"], "stopped_for": "ongoing"}
        for qtcf in range(440, 491):
            profile = {
                **TYPICAL,
                "therapies": [therapy],
                "progression": {"status": "none"},
                "safety": {"qtcf_ms": qtcf},
            }
            held = case(new.reader, profile, as_of=TODAY.isoformat())
            states = infer(new.adviser.base, know(held.case.profile, TODAY, new.adviser.base.vocabulary).facts).facts
            before, after = (verdict_of(clinic, profile) for clinic in (old, new))
            inside = truth(move.region.condition, states) is True and after == move.after
            assert (before != after) is inside, (agent, qtcf)
            found.setdefault(agent, []).extend([qtcf] if before != after else [])
    assert found == {"palbociclib": [], "ribociclib": list(range(450, 480)), "abemaciclib": []}


def verdict_of(clinic: Clinic, profile: Any) -> str:
    held = case(clinic.reader, profile, as_of=TODAY.isoformat())
    known = know(held.case.profile, TODAY, clinic.adviser.base.vocabulary)
    findings = infer(clinic.adviser.base, known.facts)
    return outcome(held.case.profile, clinic.adviser.calendar.on(TODAY, None), known, findings, held.question()).verdict


def test_examples_are_answered_as_they_say(limit: Comparison) -> None:
    old, new = clinics(limit)
    shown = [move for on in limit.on for move in on.moves if move.example]
    assert {move.about for move in shown} == {VERDICT, "ribociclib+exemestane", "ribociclib+fulvestrant"}
    for move in shown:
        for clinic, said_so in ((old, move.before), (new, move.after)):
            answer = clinic.answer(move.example or {}, Asked(TODAY))
            assert answer is not None
            tiers = {option.regimen: option.tier for option in answer.options}
            assert (answer.verdict if move.about == VERDICT else tiers[move.about]) == said_so


# --- the command ------------------------------------------------------------------------------------------

APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
APP.command("diff")(diff.command)


class Ran:
    """What the command printed, and its exit code."""

    def __init__(self, *args: str) -> None:
        found = CliRunner().invoke(APP, list(args), env={"COLUMNS": "80"})
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        self.code, self.out, self.err = found.exit_code, found.stdout, found.stderr


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """A small rule folder, and one in which a limit is another."""
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(SMALL, old)
    shutil.copytree(SMALL, new)
    gate = new / "safety" / "qtcf.yaml"
    gate.write_text(gate.read_text().replace("at_least: 450", "at_least: 480"))
    return str(old), str(new)


def test_two_folders_as_text(folders: tuple[str, str]) -> None:
    ran = Ran(*folders)
    assert (ran.code, ran.err) == (0, "")
    for line in (
        "Minor: nobody's verdict changes, somebody's options do.",
        "contraindicated -> alternative: of those with the old tier, QTcF below 480 ms",
        "safety/qtcf: means something else (when)",
        "holds no longer: QTcF 450 ms or more and below 480 ms",
        "proved: no other patient changes verdict or option.",
    ):
        assert line in ran.out
    assert max(map(len, ran.out.splitlines())) <= 118


def test_two_folders_as_json_and_markdown(folders: tuple[str, str]) -> None:
    ran = Ran(*folders, "--format", "json", "--jurisdiction", "us")
    found = json.loads(ran.out)
    assert found["schema"] == "secondline/diff/1"
    assert found["change"] == {"is": "minor", "old": "1", "new": "1", "suggested": "1.1"}
    ((move,),) = [on["moves"] for on in found["on"]]
    assert move["region"]["when"] == {"safety.qtcf_ms": {"below": 480}}
    assert move["jurisdictions"] == ["us"]
    assert move["example"]["expect"] == {"options": {SWITCH: "alternative"}}
    assert ran.out == Ran(*folders, "--format", "json", "--jurisdiction", "us").out
    assert "## Rules" in Ran(*folders, "--format", "markdown").out


def test_the_same_twice(folders: tuple[str, str]) -> None:
    ran = Ran(folders[0], folders[0], "--exit-code")
    assert ran.code == 0
    assert "Nothing differs." in ran.out
    assert "proved: no patient changes verdict or option." in ran.out
    assert Ran(*folders, "--exit-code").code == 1


def test_examples_as_a_case_file(folders: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "examples.yaml"
    ran = Ran(*folders, "--examples", str(path))
    assert ran.err == f"secondline: 1 example patient in {path}\n"
    assert as_tests(path, folders[1]) == (0, "1 case, 1 as expected, 0 not\n")
    assert as_tests(path, folders[0])[0] == 1
    kept = path.read_bytes()
    again = Ran(*folders, "--examples", str(path))
    assert (again.code, again.out) == (2, "")
    assert again.err == f"secondline: {path} is there already; nothing is overwritten, choose another name\n"
    assert path.read_bytes() == kept


def as_tests(cases: Path, rules: str) -> tuple[int, str]:
    """What `secondline test` says of a case file under some rules."""
    found = CliRunner().invoke(app, ["test", str(cases), "--rules", rules], prog_name="secondline")
    return found.exit_code, found.stdout + found.stderr


def test_examples_of_a_regimen_that_one_side_does_not_know(folders: tuple[str, str], tmp_path: Path) -> None:
    """Each side can read its own file: what it does not know it is not asked for."""
    old = Path(folders[0])
    (old / "options" / "switch.yaml").unlink()
    regimens = old / "vocabulary" / "regimens.yaml"
    regimens.write_text("regimens: {}\n")
    for order in (folders, folders[::-1]):
        before, after = (tmp_path / f"{Path(order[0]).name}-{what}.yaml" for what in ("before", "after"))
        ran = Ran(*order, "--examples", str(after), "--examples-before", str(before))
        assert ran.code == 0
        for path, rules in ((before, order[0]), (after, order[1])):
            code, said_so = as_tests(path, rules)
            assert code == 0, said_so
            assert f"secondline: 1 example patient in {path}\n" in ran.err
            assert said_so == "1 case, 1 as expected, 0 not\n", "each case expects something"
        with_switch = (before, after)[order[1] == folders[1]]
        assert SWITCH in with_switch.read_text()
        code, said_so = as_tests(with_switch, str(old))
        assert code == 3
        assert f"no regimen `{SWITCH}` in these rules (`--rules` names others)" in said_so


def test_a_cohort(folders: tuple[str, str], tmp_path: Path) -> None:
    table, cases = tmp_path / "cohort.csv", tmp_path / "one.yaml"
    rows = [f"p{qtcf},radiological,{qtcf}" for qtcf in range(430, 500, 5)]
    table.write_text("\n".join(["id,progression.status,safety.qtcf_ms", *rows, "bad,sideways,450"]) + "\n")
    cases.write_text("{id: alone, profile: {progression: {status: clinical}, safety: {qtcf_ms: 479}}}\n")
    ran = Ran(*folders, "--cohort", str(table), "--cohort", str(cases), "--format", "json")
    found = json.loads(ran.out)["cohort"]
    assert (found["rows"], found["answered"], found["rejected"]) == (16, 15, 1)
    assert (found["verdict"], found["options"], found["same"]) == (0, 7, 8)
    (switch,) = found["switches"]
    assert switch["ids"] == ["p450", "p455", "p460", "p465", "p470", "p475", "alone"]
    assert switch["why"] == ["qtcf"]
    assert found["refused"]["old"] == found["refused"]["new"]
    assert found["refused"]["old"]["rows"] == 1
    text = Ran(*folders, "--cohort", str(table)).out
    assert f"1 row rejected by both sides; the first: {table}: row 15: progression.status: " in " ".join(text.split())
    assert "contraindicated -> alternative: 6, by qtcf" in text
    assert "p450, p455, p460, p465, p470 and 1 more" in text
    assert "431" not in text


def test_a_cohort_of_which_one_side_rejects_rows(folders: tuple[str, str], tmp_path: Path) -> None:
    """Rows are held against themselves: ids come again, and a drug is known to one side alone."""
    drugs = Path(folders[1]) / "vocabulary" / "drugs.yaml"
    drugs.write_text(drugs.read_text().replace(*NEW_DRUG))
    table, cases = tmp_path / "cohort.csv", tmp_path / "many.yaml"
    rows = ["p,newdrug,430", "p,letrozole,455", "p,letrozole,500", "q,letrozole,460", "bad,letrozole,lots"]
    lines = [f"{row},radiological" for row in rows]
    table.write_text("\n".join(["id,history.agents,safety.qtcf_ms,progression.status", *lines]) + "\n")
    status = "progression: {status: clinical}"
    cases.write_text(
        f"- {{id: r, profile: {{{status}, history: {{agents: [newdrug]}}, safety: {{qtcf_ms: 440}}}}}}\n"
        f"- {{id: r, profile: {{{status}, safety: {{qtcf_ms: 470}}}}}}\n"
    )
    args = (*folders, "--cohort", str(table), "--cohort", str(cases))
    found = json.loads(Ran(*args, "--format", "json").out)["cohort"]
    assert (found["rows"], found["answered"], found["rejected"], found["apart"]) == (7, 4, 1, 2)
    assert (found["verdict"], found["options"], found["same"]) == (0, 3, 1)
    (switch,) = found["switches"]
    assert sorted(switch["ids"]) == ["p", "q", "r"]
    assert [found["refused"][side]["rows"] for side in ("old", "new")] == [3, 1]
    ran = Ran(*args, "--show")
    told = " ".join(ran.out.split())
    assert f"3 rows rejected by {folders[0]}; the first: {table}: row 1: history.agents: " in told
    assert f"1 row rejected by {folders[1]}; the first: {table}: row 5: safety.qtcf_ms: " in told
    assert f"answered by {folders[1]} alone: 2 p, r" in told
    assert found["alone"] == {"old": [], "new": ["p", "r"]}
    assert "q: QTcF (ms): 460" in told
    assert "p: QTcF" not in told
    assert ran.err == "secondline: nothing is shown of ids that several patients have: p, r\n"
    whole = " ".join(Ran(*args, "--full").out.split())
    assert "the first:" not in whole
    for row, fact in ((1, "history.agents"), (5, "safety.qtcf_ms")):
        assert f"{table}: row {row}: {fact}: " in whole
    assert [len(found["refused"][side]["every"]) for side in ("old", "new")] == [3, 1]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "`diff` needs OLD and NEW"),
        (("--as-of", "2023-01-01"), 2, "`--as-of` is given once; give it twice"),
        (("--as-of", "2023-01-01") * 3, 2, "`--as-of` is given 3 times; give it twice"),
        ((str(SMALL), "--as-of", "2023-01-01"), 2, "`--as-of` compares one rule base on two days and takes no OLD"),
        (("2023-01-01", str(SMALL)), 2, "`2023-01-01` is a day"),
        (("2023-01-01", "2024-13-01"), 2, "there is no day `2024-13-01`"),
        (("2023-01-01", "2024-01-01", "--on", "2024-01-01"), 2, "two days are given already"),
        ((str(SMALL), "no-such-thing"), 3, "no-such-thing: no such folder of rules"),
        ((str(SMALL), str(SMALL), "--jurisdiction", "uk"), 2, "`--jurisdiction` expects"),
        ((str(SMALL), str(SMALL), "--cohort", "nowhere.csv"), 3, "no such file or folder"),
    ],
)
def test_what_cannot_be_compared(args: tuple[str, ...], code: int, message: str) -> None:
    ran = Ran(*args)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err


# --- revisions --------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two revisions of the small rules, the last one tagged."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    top = tmp_path / "repository"
    shutil.copytree(SMALL, top / "rules")
    monkeypatch.chdir(top)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)

    def git(*words: str) -> None:
        told = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=")
        subprocess.run(["git", *told, *words], check=True, capture_output=True)

    git("init", "-q")
    (top / "rules" / ".hidden.yaml").write_text("x: 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    gate = top / "rules" / "safety" / "qtcf.yaml"
    gate.write_text(gate.read_text().replace("at_least: 450", "at_least: 480"))
    git("commit", "-q", "-a", "-m", "two")
    git("tag", "v2")
    return top


def test_revisions(repository: Path) -> None:
    assert of_revision("HEAD", repository).digest == rule_files(repository / "rules").digest
    assert of_revision("HEAD~1:rules", repository / "rules").digest == rule_files(SMALL).digest
    ran = Ran("HEAD~1", "v2:rules")
    assert ran.code == 0
    assert "holds no longer: QTcF 450 ms or more and below 480 ms" in ran.out
    assert "Nothing differs." in Ran("v2", "--rules", "rules").out
    (repository / "v2").mkdir()  # a folder wins
    assert side("v2").files == rule_files(Path("v2"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HEAD~9", "git knows no revision `HEAD~9` here"),
        ("HEAD:ruls", "holds no folder `ruls`; expected `rules`"),
        ("--all", "git knows no revision `--all` here"),
    ],
)
def test_revisions_that_are_not_there(repository: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        of_revision(name, repository)


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git is not installed"):
        of_revision("HEAD", tmp_path)


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="no repository of git"):
        of_revision("HEAD", tmp_path)


# --- days -------------------------------------------------------------------------------------------------


def test_what_living_evidence_did_on_one_screen(rewrite: bool) -> None:
    ran = Ran("2023-06-30", "2026-11-22", "--rules", str(RULES))
    assert (ran.code, ran.err) == (0, "")
    path = SNAPSHOTS / "diff-2023-06-30-2026-11-22.txt"
    if rewrite:
        path.write_text(ran.out)
    assert ran.out == path.read_text()
    lines = ran.out.splitlines()
    assert len(lines) <= 52
    assert max(map(len, lines)) <= 118
    told = " ".join(ran.out.split())
    for said_so in (
        "Nobody's verdict changes.",
        "do-not-continue: conditional, low -> strong, moderate",
        "PALMIRA-ASCO-2023 (conference abstract, 2023-06-04) -> PALMIRA-JCO-2025 (journal article, 2025-06-01)",
        "median 4.2 v 3.6 months; HR 0.8 (95% CI 0.6-1.1), p=0.206 ->",
        "-> median 4.9 v 3.6 months; HR 0.84 (95% CI 0.66-1.07), p=0.149",
        "40.9 v 28.6 % -> 42.1 v 29.1 %",
        "45.2 v 8.3 % -> 47.4 v 10.0 %",
        "imlunestrant preferred 2025-09-25 alternative 2026-01-09 EMBER-3-MONO",
        "proved: no other patient changes verdict or option.",
    ):
        assert said_so in told


def test_two_days_of_a_small_rule_base(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(SMALL, rules)
    (rules / "verdicts" / "frail.yaml").write_text(FRAIL.replace("cites:", "effective: {from: 2026-01-01}\ncites:"))
    ran = Ran("--as-of", "2025-12-31", "--as-of", "2026-01-01", "--rules", str(rules), "--full")
    assert ran.code == 0
    assert "do-not-continue -> individualise: of those with the old verdict, ECOG 3 or more" in ran.out
    assert "by stop -> frail" in ran.out
    assert "verdicts/frail, from 2026-01-01: ECOG 3 or more" in ran.out
    early = Ran("2022-04-30", "2022-05-01", "--rules", str(rules)).out  # the trial was not public
    assert (
        "1 report became public, among them the first of 1 trial; 1 rule came into effect (1 verdicts), 0 went\n"
        in early
    )


def test_a_cohort_whose_values_are_shown(folders: tuple[str, str], tmp_path: Path) -> None:
    table, cases = tmp_path / "cohort.csv", tmp_path / "one.yaml"
    table.write_text("id,progression.status,safety.qtcf_ms\np1,radiological,455\np2,radiological,500\n")
    cases.write_text("{id: alone, profile: {progression: {status: clinical}, safety: {qtcf_ms: 479}}}\n")
    ran = Ran(*folders, "--cohort", str(table), "--cohort", str(cases), "--show")
    assert "p1: QTcF (ms): 455" in ran.out
    assert "alone: QTcF (ms): 479" in ran.out
    assert "500" not in ran.out
    assert Ran(*folders, "--cohort", "-", "--show").code == 2


def test_a_cohort_of_which_nobody_changes(folders: tuple[str, str], tmp_path: Path) -> None:
    """Nobody is to be shown, of a table or of case files."""
    table = tmp_path / "cohort.csv"
    table.write_text("id,progression.status,safety.qtcf_ms\np1,radiological,430\n")
    cases = tmp_path / "one.yaml"
    cases.write_text("{id: p2, profile: {progression: {status: clinical}, safety: {qtcf_ms: 430}}}\n")
    says = "0 change verdict, 0 options alone, 1 neither"
    for name in (table, cases):
        ran = Ran(*folders, "--cohort", str(name), "--show")
        assert (ran.code, ran.err) == (0, "")
        assert says in ran.out
    days = ("--as-of", "2026-11-21", "--as-of", "2026-11-22", "--rules", folders[0])
    ran = Ran(*days, "--cohort", str(table), "--show")
    assert (ran.code, ran.err) == (0, "")


def test_a_table_of_which_nobody_changes_beside_somebody_who_does(folders: tuple[str, str], tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("id,progression.status,safety.qtcf_ms\np1,radiological,430\n")
    other.write_text("id,progression.status,safety.qtcf_ms\np2,radiological,460\n")
    ran = Ran(*folders, "--cohort", str(one), "--cohort", str(other), "--show")
    assert (ran.code, ran.err) == (0, "")
    assert "p2: QTcF (ms): 460" in ran.out


# --- regions as conditions --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped_pair() -> Pair:
    base = made_ready(rule_files(RULES)).base
    return Pair(base, base)


def some_condition(random: Random, tests: list[conditions.Test], depth: int) -> Condition:
    if depth == 0 or random.random() < 0.2:
        test = random.choice(tests)
        return Not(test) if random.random() < 0.3 else test
    parts = tuple(some_condition(random, tests, depth - 1) for _ in range(random.choice((2, 2, 3))))
    return All(parts) if random.random() < 0.5 else AnyOf(parts)


def test_a_region_is_said_exactly(shipped_pair: Pair) -> None:
    """What is said of a function holds for just its patients, can be read from a rule file, and has words."""
    pair, random = shipped_pair, Random(3)
    base, cells, dd = pair.new, pair.cells[1], pair.diagrams
    terms = Terms(base.vocabulary, {}, frozenset(d.id for d in base.definitions if d.fact is None))
    tests = [test for fact, held in base.tests_on.items() if fact in catalogue() for test in held]
    said_of = 0
    for _ in range(60):
        asked = some_condition(random, random.sample(tests, 8), 2)
        node = dd.both(cells.where(asked), pair.whole)
        found = pair.regions.condition(node)
        if found is None:
            continue
        said_of += 1
        assert dd.both(cells.where(found), pair.whole) == node
        assert words(found, base)
        assert sum(1 for _ in conditions.tests_in(found)) <= 2 * sum(1 for _ in conditions.tests_in(asked)) + 2
        problems: list[Problem] = []
        named = [
            test
            for test in conditions.tests_in(found)
            if test.fact in base.defined and not test.fact.startswith("definition:")
        ]
        again = None if named else parse(node_of(as_plain(found)), terms, problems)
        assert not problems
        assert named or dd.both(cells.where(again or found), pair.whole) == node
    assert said_of > 45


@pytest.mark.parametrize(
    ("plain", "said_so"),
    [
        ({"safety.qtcf_ms": {"at_least": 450, "below": 480}}, "QTcF 450 ms or more and below 480 ms"),
        ({"patient.ecog": [0, 1]}, "ECOG 0 or 1"),
        ({"disease.her2.ihc": {"not": ["0", "ultralow"]}}, "HER2 immunohistochemistry: not 0 or ultralow"),
        ({"disease.sites": {"has": "brain"}}, "sites of disease with brain"),
        ({"disease.sites": {"has_none": ["liver", "lung"]}}, "sites of disease without liver or lung"),
        ({"disease.sites": {"has_any": ["liver", "lung"]}}, "sites of disease with liver or lung"),
        ({"disease.sites": {"has_all": ["liver", "lung"]}}, "sites of disease with liver and lung"),
        ({"not": {"patient.pregnant": True}}, "not pregnancy: yes"),
        (
            {"all": [{"definition": "progressed"}, {"any": [{"patient.sex": "male"}, {"patient.ecog": {"above": 1}}]}]},
            '"clinical or radiological progression", (sex male or ECOG above 1)',
        ),
    ],
)
def test_words_of_a_region(shipped_pair: Pair, plain: Any, said_so: str) -> None:
    base = shipped_pair.new
    problems: list[Problem] = []
    found = parse(node_of(plain), Terms(base.vocabulary, {}, frozenset({"progressed"})), problems)
    assert found is not None
    assert words(found, base) == said_so
    read = parse(node_of(as_plain(found)), Terms(base.vocabulary, {}, frozenset({"progressed"})), problems)
    assert (read, problems) == (found, [])


def test_several_days_at_once(tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(SMALL, new)
    stop = new / "verdicts" / "stop.yaml"
    stop.write_text(STOP.replace("cites:", "effective: {until: 2026-01-31}\ncites:"))
    (new / "rulebase.yaml").write_text('version: "2"\nknowledge_until: 2026-11-22\n')
    ran = Ran(str(SMALL), str(new), "--on", "2026-01-31", "--on", "2026-02-01")
    told = " ".join(ran.out.split())
    for said_so in (
        "On 2026-01-31: nobody's verdict changes.",
        "On 2026-02-01: the verdict changes for some patients, do-not-continue -> individualise.",
        "effective: from 2022-05-01 -> from 2022-05-01, until 2026-01-31",
        "`rulebase.yaml` was raised from 1 to 2; the next version is 2.",
        "rulebase.yaml changed: version 1 to 2",
    ):
        assert said_so in told


def test_what_is_not_proved_is_said(tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(SMALL, new)
    drugs = new / "vocabulary" / "drugs.yaml"
    drugs.write_text(drugs.read_text().replace("fulvestrant: [endocrine-therapy]", "fulvestrant: [oral-serd]"))
    ran = Ran(str(SMALL), str(new))
    assert "Breaking cannot be excluded: therapies are read otherwise (fulvestrant changed class)" in " ".join(
        ran.out.split()
    )
    assert "not covered: therapies are read otherwise" in ran.out


def test_a_result_that_counts_as_absent_is_told(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, void in ((old, "taken: earlier"), (new, "sample: tissue")):
        shutil.copytree(SMALL, folder)
        (folder / "definitions" / "esr1-now.yaml").write_text(ESR1.replace("taken: earlier", void))
        switch = folder / "options" / "switch.yaml"
        switch.write_text(switch.read_text().replace("{definition: progressed}", "{biomarkers.esr1_now: mutated}"))
    ran = Ran(str(old), str(new))
    assert "ESR1 counts as absent now: " in ran.out
    assert f"{SWITCH}: no option -> undetermined" in ran.out
    assert "where facts are unknown, nobody else was found to change" in ran.out
