"""Changed rules: which there are, which a case notices, which mean the same; on a small rule base exactly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from conftest import COUNTS, RULES, TODAY
from secondline.asof import AsOf
from secondline.authoring.altered import altered
from secondline.authoring.everywhere import last_days
from secondline.authoring.mutants import Mutant, Mutants
from secondline.authoring.mutation import Judgement, Run, Settings, merged
from secondline.authoring.told import told
from secondline.authoring.written import Edit, Written, changed
from secondline.cases import CaseFile, CaseReader, Days, compare
from secondline.cli import mutate
from secondline.cli.app import app
from secondline.errors import InputError
from secondline.forms.cases import Case
from secondline.forms.rules import Definition, Rule
from secondline.loading import Loaded, load
from secondline.recommend import Adviser, Outcome, outcome, recommend
from secondline.rulebase import RuleBase
from secondline.rulefiles import RuleFiles, rule_files
from secondline.source import parse
from secondline.store import made_ready
from strategies import Patients, drawn_cases

BASE = Path(__file__).parent / "files" / "base"
TWO = """
- title: progression with a QTcF of 430 ms
  as_of: 2026-11-22
  profile: {disease: {er: positive}, progression: {status: radiological}, safety: {qtcf_ms: 430}}
  expect: {verdict: do-not-continue, options: {ribociclib+fulvestrant: alternative}}
- title: progression with a QTcF of 460 ms
  as_of: 2026-11-22
  profile: {disease: {er: negative}, progression: {status: clinical}, safety: {qtcf_ms: 460}}
  expect: {verdict: individualise, options: {ribociclib+fulvestrant: contraindicated}}
"""
EVERY = {
    "progressed": [
        "`{progression.status: [radiological, clinical]}` negated",
        "`radiological` dropped",
        "`radiological` replaced by `none`",
        "`clinical` dropped",
        "`clinical` replaced by `none`",
        "`true` made `false`",
        "otherwise `false` made `true`",
    ],
    "qtcf": [
        "applies to `letrozole` instead of `ribociclib`",
        "`{safety.qtcf_ms: {at_least: 450}}` negated",
        "`at_least` made `above`",
        "`at_least: 450` moved to 449",
        "`at_least: 450` moved to 451",
        "tier `contraindicated` made `avoid`",
        "`LABEL-A` replaced by `TRIAL-A/pfs`",
    ],
    "receptors": [
        "`{disease.er: [positive, low]}` negated",
        "`positive` dropped",
        "`positive` replaced by `negative`",
        "`low` dropped",
        "`low` replaced by `negative`",
        "`positive` made `negative`",
        "otherwise `negative` made `positive`",
    ],
    "stop": [
        "`{all: [{definition: progressed}, {disease.hr: positive}]}` negated",
        "`all` made `any`",
        "`{definition: progressed}` left out",
        "`{definition: progressed}` negated",
        "`{disease.hr: positive}` left out",
        "`{disease.hr: positive}` negated",
        "`positive` replaced by `negative`",
        "`do-not-continue` made `continue`",
        "`do-not-continue` made `individualise`",
        "`do-not-continue` made `out-of-scope`",
        "strength `strong` made `conditional`",
        "certainty `moderate` made `high`",
        "certainty `moderate` made `low`",
        "`TRIAL-A/pfs` replaced by `LABEL-A`",
    ],
    "switch": [
        "`{definition: progressed}` negated",
        "tier `alternative` made `preferred`",
        "tier `alternative` made `consider`",
        "strength `conditional` made `strong`",
        "certainty `low` made `moderate`",
        "certainty `low` made `very-low`",
        "`LABEL-A` left out",
    ],
}
SURVIVING = {
    ("progressed", "otherwise `false` made `true`"),
    ("qtcf", "`at_least` made `above`"),
    ("qtcf", "`at_least: 450` moved to 449"),
    ("qtcf", "`at_least: 450` moved to 451"),
    ("qtcf", "`LABEL-A` replaced by `TRIAL-A/pfs`"),
    ("receptors", "`low` dropped"),
    ("stop", "`{definition: progressed}` left out"),
    ("stop", "strength `strong` made `conditional`"),
    ("stop", "certainty `moderate` made `high`"),
    ("stop", "certainty `moderate` made `low`"),
    ("stop", "`TRIAL-A/pfs` replaced by `LABEL-A`"),
    ("switch", "strength `conditional` made `strong`"),
    ("switch", "certainty `low` made `moderate`"),
    ("switch", "certainty `low` made `very-low`"),
    ("switch", "`LABEL-A` left out"),
}


def cases(loaded: Loaded, text: str) -> tuple[CaseFile, ...]:
    Case.model_rebuild()
    found, problems = CaseReader(loaded.base, Case.__pydantic_core_schema__, Days()).read(text.encode(), "cases.yaml")
    assert not problems
    return tuple(found)


def judged(files: RuleFiles, text: str) -> Iterator[tuple[Mutant, Judgement]]:
    run = Run(Settings(files, cases(load(files), text)))
    for name in run.mutants.by_name:
        yield from ((mutant, run.judge(number, mutant)) for number, mutant in enumerate(run.mutants.of(name)))


def folder(tmp_path: Path, **files: str) -> RuleFiles:
    """The small rule base with files replaced or added."""
    shutil.copytree(BASE, tmp_path / "rules")
    for name, text in files.items():
        path = tmp_path / "rules" / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return rule_files(tmp_path / "rules")


def with_text(files: RuleFiles, mutants: Mutants, mutant: Mutant) -> RuleFiles:
    """The files with a mutant's text in the place of its rule's."""
    name = mutants.nodes[mutant.name].place.file.removeprefix(f"{files.folder}/")
    text = mutants.written(mutant.name).edited(mutant.change.edits)
    return files._replace(contents={**files.contents, name: text.encode()})


def named(base: RuleBase, name: str) -> Rule | Definition:
    every: list[Rule | Definition] = [*base.rules(), *base.definitions]
    return next(one for one in every if one.id == name)


# --- texts with parts changed -------------------------------------------------------------------------------

TEXT = """\
id: x  # a comment
when:
  all:
    - {a: 1}
    - any:
        - {b: [1, 2]}
        - {c: "x, y"}
    - not: {d: 4}
then: {e: 5, f: 6}
says: >-
  Of {A/pfs[x=y z]} and once more {A/pfs[x=y
  z]}.
cites:
  - "A/pfs[x=y z]"
  - B
"""


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (Edit(("when", "all", 0), None), "    - {a: 1}\n    - any:", "    - any:"),
        (Edit(("when", "all", 2), None), '{c: "x, y"}\n    - not: {d: 4}', '{c: "x, y"}'),
        (Edit(("when", "all", 1, "any", 0, "b", 0), None), "[1, 2]", "[2]"),
        (Edit(("when", "all", 1, "any", 0, "b", 1), None), "[1, 2]", "[1]"),
        (Edit(("when", "all", 1), "{g: 7}"), '- any:\n        - {b: [1, 2]}\n        - {c: "x, y"}', "- {g: 7}"),
        (Edit(("when", "all", 1, "any"), "all", key=True), "- any:", "- all:"),
        (Edit(("when", "all", 2, "not", "d"), "8"), "d: 4", "d: 8"),
        (Edit(("then", "f"), None), "{e: 5, f: 6}", "{e: 5}"),
        (Edit(("then", "e"), None), "{e: 5, f: 6}", "{f: 6}"),
        (Edit(("then",), None), "then: {e: 5, f: 6}\nsays", "says"),
        (Edit(("cites", 1), '"C, D"'), "- B", '- "C, D"'),
        (Edit(("cites", 0), None), '  - "A/pfs[x=y z]"\n  - B', "  - B"),
    ],
)
def test_an_edit_changes_text_and_values_alike(edit: Edit, before: str, after: str) -> None:
    assert TEXT.count(before) == 1
    text = Written(TEXT).edited([edit])
    assert text == TEXT.replace(before, after)
    (node,), (whole,) = parse(text.encode(), "x.yaml"), parse(TEXT.encode(), "x.yaml")
    assert changed(whole, [edit]).plain() == node.plain()


def test_words_of_a_text_are_replaced_across_lines() -> None:
    edit = Edit(("says",), "{B/os}", "{A/pfs[x=y z]}")
    text = Written(TEXT).edited([edit])
    assert "Of {B/os} and once more {B/os}." in text
    (node,), (whole,) = parse(text.encode(), "x.yaml"), parse(TEXT.encode(), "x.yaml")
    assert changed(whole, [edit]).plain()["says"] == node.plain()["says"].strip()


def test_a_block_becomes_one_line() -> None:
    assert Written(TEXT).flow(("when",)) == '{all: [{a: 1}, {any: [{b: [1, 2]}, {c: "x, y"}]}, {not: {d: 4}}]}'


# --- the mutants --------------------------------------------------------------------------------------------


def test_every_mutant_of_a_small_rule_base() -> None:
    files = rule_files(BASE)
    mutants = Mutants(load(files), files)
    assert {name: [m.change.says for m in mutants.of(name)] for name in mutants.by_name} == EVERY


def test_each_is_what_its_text_says_when_all_is_read_again() -> None:
    files = rule_files(BASE)
    mutants = Mutants(load(files), files)
    refused = []
    for mutant in (mutant for name in mutants.by_name for mutant in mutants.of(name)):
        try:
            base = load(with_text(files, mutants, mutant)).base
        except InputError:  # other rules test a value that is gone
            refused.append((mutant.name, mutant.change.says))
            continue
        assert named(base, mutant.name) == mutant.after, mutant.change.says
        held = altered(mutants.base, mutant.after)
        assert [r.id for r in held.verdicts] == [r.id for r in base.verdicts]
        assert held.overriders == base.overriders
    assert refused == [("receptors", "`positive` made `negative`")]


OTHERS = {
    "safety__gate": """
id: gate
title: a gate
applies_to: {agents: [ribociclib], classes: [cdk46-inhibitor]}
jurisdiction: eu
effective: {from: 2024-01-01, until: 2024-12-31}
when: {not: {any: [{history.agents: {has_any: [letrozole, fulvestrant]}}, {patient.ecog: {at_least: 1, at_most: 3}}]}}
then: {tier: avoid, lower: 1, strength: strong}
says: x
cites: [LABEL-A]
""",
    "tests__esr1": """
id: esr1
fact: biomarkers.esr1
when: {progression.status: {not: none}}
says: x
prevalence: [{result: mutated, cite: TRIAL-A/esr1}]
cites: [TRIAL-A/esr1]
""",
    "definitions__now": """
id: now
fact: biomarkers.esr1_now
cases:
  - {when: {biomarkers.esr1: mutated}, value: mutated}
  - {when: {safety.hba1c_percent: {above: 8.0}}, value: unknown, of: biomarkers.esr1}
otherwise: wild-type
""",
    "verdicts__late": """
id: late
title: late
when: {prior_cdk46.agents: {has: palbociclib}}
then: {verdict: individualise}
overrides: [stop]
says: x
cites: [LABEL-A]
""",
}


def test_what_else_can_be_changed(tmp_path: Path) -> None:
    trial = (BASE / "evidence" / "trial-a.yaml").read_text()
    trial += "      - {endpoint: esr1, role: exploratory, arms: {all: {n: 100, count: 40, percent: 40}}}\n"
    files = folder(
        tmp_path,
        **OTHERS,
        evidence__trial_a=trial.replace("old: the old}", "old: the old, all: both}"),
        vocabulary__endpoints="endpoints: {pfs: PFS, esr1: ESR1}\n",
    )
    (tmp_path / "rules" / "evidence" / "trial-a.yaml").unlink()
    files = rule_files(tmp_path / "rules")
    mutants = Mutants(load(files), files)
    found = {name: {m.change.says for m in mutants.of(name)} for name in ("gate", "esr1", "now", "late")}
    assert found["gate"] >= {
        "`not` left out before `{any: [{history.agents: {has_any: [letrozole, fulvestrant]}}, "
        "{patient.ecog: {at_least: 1, at_most: 3}}]}`",
        "`has_any` made `has_all`",
        "`has_any` made `has_none`",
        "`at_least: 1` left out",
        "`at_least: 1` moved to 2",
        "`at_most: 3` moved to 2",
        "`ribociclib` left out of `agents`",
        "`cdk46-inhibitor` left out of `classes`",
        "jurisdiction `eu` left out",
        "jurisdiction `eu` made `us`",
        "from 2024-01-01 moved to 2023-12-31",
        "until 2024-12-31 moved to 2025-01-01",
        "tier `avoid` made `contraindicated`",
        "`tier` left out",
        "lower `1` made `2`",
        "`strength` left out",
    }
    assert not any("at_least` made" in says for says in found["gate"])  # of whole numbers it is the next one
    assert found["esr1"] == {
        "`{progression.status: {not: none}}` negated",
        "`not` left out of `progression.status`",
        "`none` replaced by `molecular`",
        "fact `biomarkers.esr1` made `biomarkers.pik3ca`",
        "`TRIAL-A/esr1` left out of `prevalence`",
        "`mutated` made `wild-type`",
    }
    assert found["now"] >= {
        "`unknown` made `wild-type`",
        "the case of `mutated` left out",
        "two cases in the other order",
        "`above` made `at_least`",
        "`above: 8.0` moved to 7.9",
    }
    assert {"`stop` left out of `overrides`", "`has` made `has_none`"} <= found["late"]
    for mutant in (mutant for name in found for mutant in mutants.of(name)):
        base = load(with_text(files, mutants, mutant)).base
        assert named(base, mutant.name) == mutant.after, mutant.change.says


@pytest.mark.parametrize("step", [pytest.param(23, id="some"), pytest.param(1, marks=pytest.mark.long, id="all")])
def test_the_shipped_mutants_read_as_they_are_written(step: int) -> None:
    files = rule_files(RULES)
    mutants = Mutants(load(files), files)
    every = [mutant for name in mutants.by_name for mutant in mutants.of(name)]
    COUNTS["mutants of the shipped rules"] = Counter({mutant.change.kind: 0 for mutant in every})
    COUNTS["mutants of the shipped rules"].update(mutant.change.kind for mutant in every)
    for mutant in every[::step]:
        (node,) = parse(mutants.written(mutant.name).edited(mutant.change.edits).encode(), "x.yaml")
        assert node.plain() == changed(mutants.nodes[mutant.name], mutant.change.edits).plain(), mutant.change


# --- which are noticed --------------------------------------------------------------------------------------


def test_what_two_cases_notice() -> None:
    found = list(judged(rule_files(BASE), TWO))
    assert {one.status for _, one in found} == {"noticed", "survived"}
    assert {(m.name, m.change.says) for m, one in found if one.status == "survived"} == SURVIVING


def test_a_mutant_is_noticed_just_where_its_whole_folder_fails_a_case() -> None:
    files = rule_files(BASE)
    loaded = load(files)
    mutants = Mutants(loaded, files)
    for mutant, one in judged(files, TWO):
        try:
            held = made_ready(with_text(files, mutants, mutant))
        except InputError:  # a value is gone, or a condition always true
            continue
        adviser = Adviser(held.base, held.program)
        failing = [
            case.name
            for case in cases(loaded, TWO)
            if compare(case, recommend(case.case.profile, adviser, case.question()))
        ]
        assert (one.by in failing) if one.status == "noticed" else not failing, mutant.change.says


def test_an_example_passes_by_the_rules_and_fails_by_the_mutant() -> None:
    files = rule_files(BASE)
    run = Run(Settings(files, ()))
    for mutant, one in judged(files, TWO):
        if one.example is not None:
            assert run.told(one.example.facts, one.example.asked, mutant)
            for fact in one.example.facts:  # least
                fewer = {name: value for name, value in one.example.facts.items() if name != fact}
                keys = {expected.key for expected in run.told(fewer, one.example.asked, mutant)}
                assert not keys >= one.example.expect.keys(), (mutant.change.says, fact)


def test_a_broken_law_notices(tmp_path: Path) -> None:
    law = "laws: [{id: a, when: {safety.qtcf_ms: {at_least: 450}}, then: {offered_agents: {has_none: [ribociclib]}}}]"
    files = folder(tmp_path, laws=law)
    text = TWO.replace(", options: {ribociclib+fulvestrant: contraindicated}", "")
    found = {m.change.says: one for m, one in judged(files, text) if m.name == "qtcf"}
    assert found["`{safety.qtcf_ms: {at_least: 450}}` negated"].status == "noticed"
    assert found["tier `contraindicated` made `avoid`"].status == "survived"
    assert found["`at_least: 450` moved to 451"].status == "survived"
    text = text.replace("460", "450")
    found = {m.change.says: one for m, one in judged(files, text) if m.name == "qtcf"}
    assert found["`at_least: 450` moved to 451"].by == "progression with a QTcF of 450 ms"


def test_what_changes_nothing_for_anybody_is_proved_equivalent(tmp_path: Path) -> None:
    plain = "title: x\nwhen: {all: [{definition: progressed}, {not: {progression.status: none}}]}\nsays: x\n"
    files = folder(
        tmp_path,
        verdicts__over=f"id: over\n{plain}then: {{verdict: individualise}}\noverrides: [stop]\ncites: [LABEL-A]\n",
    )
    text = TWO.replace("do-not-continue", "individualise")
    found = {(m.name, m.change.says): one.status for m, one in judged(files, text)}
    assert found["over", "`{not: {progression.status: none}}` left out"] == "equivalent"
    assert found["over", "`none` replaced by `molecular`"] == "equivalent"
    # `stop` is overridden wherever it holds, so that nobody sees how strong it is
    assert found["stop", "strength `strong` made `conditional`"] == "equivalent"
    assert found["stop", "`TRIAL-A/pfs` replaced by `LABEL-A`"] == "equivalent"


def test_days_before_the_first_report_are_equivalent(tmp_path: Path) -> None:
    early = (BASE / "verdicts" / "stop.yaml").read_text() + "effective: {from: 2022-05-01, until: 2022-12-31}\n"
    files = folder(tmp_path, verdicts__stop=early)
    text = TWO.replace("do-not-continue", "individualise")
    found = {m.change.says: one for m, one in judged(files, text) if m.change.kind == "days"}
    assert {says: one.status for says, one in found.items()} == {
        "from 2022-05-01 moved to 2022-04-30": "equivalent",
        "from 2022-05-01 moved to 2022-05-02": "survived",
        "until 2022-12-31 moved to 2022-12-30": "survived",
        "until 2022-12-31 moved to 2023-01-01": "survived",
    }
    example = found["until 2022-12-31 moved to 2023-01-01"].example
    assert example is not None
    assert example.asked.day.isoformat() == "2023-01-01"


def test_expectations_of_one_answer_go_together() -> None:
    one = {"verdict": "continue", "options": {"a": "avoid"}, "cautions": ["x"]}
    other = {"options": {"b": "closed"}, "cautions": ["x", "y"], "strength": "strong"}
    assert merged(one, other) == {
        "verdict": "continue",
        "options": {"a": "avoid", "b": "closed"},
        "cautions": ["x", "y"],
        "strength": "strong",
    }


# --- the command --------------------------------------------------------------------------------------------


def run(tmp_path: Path, *args: str, text: str = TWO) -> tuple[int, str, str]:
    (tmp_path / "cases.yaml").write_text(text)
    shutil.copytree(BASE, tmp_path / "rules", dirs_exist_ok=True)
    found = CliRunner().invoke(
        app, ["mutate", "cases.yaml", "--rules", "rules", "--jobs", "1", *args], prog_name="secondline"
    )
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


def test_survivors_are_shown_as_a_diff_with_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(tmp_path, "--only", "qtcf")
    assert code == 1
    assert out.startswith(
        "7 mutants of 1 rule or definition, 2 cases\n"
        "\n"
        "                                            mutants  noticed  equivalent  survived\n"
        "conditions negated, left out, all and any         1        1           0         0\n"
        "limits moved                                      3        0           0         3\n"
    )
    assert (
        "rules/safety/qtcf.yaml:4:25: `at_least` made `above`: no case notices\n"
        "--- a/rules/safety/qtcf.yaml\n"
        "+++ b/rules/safety/qtcf.yaml\n"
        "@@ -3,3 +3,3 @@\n"
        " applies_to: {agents: [ribociclib]}\n"
        "-when: {safety.qtcf_ms: {at_least: 450}}\n"
        "+when: {safety.qtcf_ms: {above: 450}}\n"
        " then: {tier: contraindicated}\n"
        "a case that notices:\n"
        "- id: qtcf-4-25\n"
        "  title: 'QTcF of 450 ms or more: notices `at_least` made `above`'\n"
        "  as_of: 2026-11-22\n"
        "  jurisdiction: us\n"
        "  profile:\n"
        "    progression: {status: radiological}\n"
        "    safety: {qtcf_ms: 450}\n"
        "  expect:\n"
        "    options: {ribociclib+fulvestrant: contraindicated}\n"
    ) in out


def test_written_cases_leave_no_survivor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(tmp_path, "--write", "more.yaml")
    assert (code, err) == (1, "secondline: 5 cases in more.yaml notice 15 of 15 survivors\n")
    more = Path("more.yaml").read_text()
    code, out, _ = run(tmp_path, text=TWO + more)
    assert code == 0
    assert out.splitlines()[-1].split() == ["all", "42", "42", "0", "0"]


def test_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(tmp_path, "--format", "json")
    found = json.loads(out)
    assert code == 1
    assert (found["mutants"], found["noticed"], found["survived"]) == (42, 27, 15)
    assert {(one["rule"], one["says"]) for one in found["judged"] if one["status"] == "survived"} == SURVIVING
    (moved,) = (one for one in found["judged"] if one["says"] == "`at_least: 450` moved to 449")
    assert (moved["file"], moved["line"], moved["column"]) == ("rules/safety/qtcf.yaml", 4, 25)
    assert moved["case"]["profile"]["safety"] == {"qtcf_ms": 449}
    assert "+when: {safety.qtcf_ms: {at_least: 449}}" in moved["diff"]


def test_two_processes_find_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path) == run(tmp_path, "--jobs", "2")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_how_far_it_came_is_said_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mutate, "EVERY_SECONDS", 0)
    assert run(tmp_path, "--only", "qtcf")[2] == ""
    terminal = Terminal()
    monkeypatch.setattr(mutate, "sys", SimpleNamespace(stderr=terminal))
    assert run(tmp_path, "--only", "qtcf")[0] == 1
    lines = terminal.getvalue().splitlines()
    assert lines[0] == "secondline: 2 cases asked of the rules as they are"
    assert lines[1] == "secondline: 1 of 7 mutants tried, 1 noticed, 0 survived"
    assert lines[-1] == "secondline: 7 of 7 mutants tried, 3 noticed, 4 survived"


def test_worker_processes_end_with_the_command(tmp_path: Path) -> None:
    """Told to end, it leaves nobody behind who works on for nobody."""
    (tmp_path / "cases.yaml").write_text(TWO)
    args = ["mutate", "cases.yaml", "--rules", str(BASE), "--jobs", "2"]
    slow = "import time; from secondline.authoring.mutation import Run; Run.judge = lambda *_: time.sleep(60); "
    with subprocess.Popen(
        [sys.executable, "-c", f"{slow}from secondline.cli import main; main()", *args],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    ) as running:
        until(lambda: len(session(running.pid)) >= 4)  # who watches, the command, two workers
        running.terminate()
        running.wait(10)
        until(lambda: not session(running.pid))


def until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end
        time.sleep(0.1)


def session(leader: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(leader)], check=False, capture_output=True, text=True)
    lines = [line.split() for line in found.stdout.splitlines()]
    return [int(pid) for pid, state in lines if not state.startswith("Z")]


def test_cases_that_fail_already_notice_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(tmp_path, text=TWO.replace("verdict: individualise", "verdict: continue"))
    assert (code, out) == (1, "")
    assert err.endswith("secondline: 1 case is not as expected; mend it first\n")


def test_a_rule_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(tmp_path, "--only", "qtfc")
    assert (code, err) == (2, "secondline: no rule or definition `qtfc`; did you mean `qtcf`?\n")


# --- the shipped rules --------------------------------------------------------------------------------------


def test_stretches_of_days_are_those_of_the_rules() -> None:
    """On the last day of each stretch, and on the day after, something else counts."""
    base = load(rule_files(RULES)).base
    days = last_days(base, base.rules())
    assert days[0] == TODAY
    counting = [frozenset(rule.id for rule in base.rules() if base.in_effect(rule, day)) for day in days]
    assert all(one != other for one, other in pairwise(counting))


@pytest.mark.long
def test_the_shipped_cases_leave_no_survivor(shipped: list[CaseFile], request: pytest.FixtureRequest) -> None:
    """Every nth mutant is noticed by a case or proved to mean the same; 1 takes all."""
    step = request.config.getoption("--mutants", default=40)
    run = Run(Settings(rule_files(RULES), tuple(shipped)))
    counts = COUNTS.setdefault("mutants judged", Counter())
    every = [(name, number) for name in run.mutants.by_name for number in range(len(run.mutants.of(name)))]
    for name, number in every[::step]:
        found = run.judge(number, run.mutants.of(name)[number])
        counts[found.status] += 1
        assert found.status in ("noticed", "equivalent"), run.mutants.of(name)[number].change


@pytest.mark.long
def test_equivalent_mutants_answer_drawn_patients_alike(reader: CaseReader) -> None:
    """Verdict and tiers, also of patients of whom little is known."""
    run = Run(Settings(rule_files(RULES), ()))
    cases = [case for _, case in islice(drawn_cases(Patients(Random(5), run.base), reader), 60)]
    mutants = [m for name in run.mutants.by_name for m in run.mutants.of(name) if m.change.kind != "days"]
    equivalent = 0
    for mutant in Random(7).sample(mutants, 120):
        if next(run.everywhere().otherwise(mutant.before, mutant.after), None) is None:
            equivalent += 1
            held = altered(run.base, mutant.after)
            for case in cases:
                assert answered(run.base, case) == answered(held, case), (mutant.change, case.node)
    assert equivalent


def answered(base: RuleBase, case: CaseFile) -> Outcome:
    one = told(base, case)
    view = AsOf(base, case.day, one.jurisdiction)
    return outcome(case.case.profile, view, one.known, one.findings, case.question())


def test_a_circle_of_overrides_is_no_mutant() -> None:
    base = load(rule_files(BASE)).base
    (stop,) = base.verdicts
    with pytest.raises(ValueError, match="stop"):
        altered(base, stop.model_copy(update={"overrides": ("stop",)}))
    with pytest.raises(InputError):
        load(rule_files(BASE)._replace(contents={}))
