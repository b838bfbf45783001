"""The command as its users meet it: whole outputs beside `snapshots/`, exit codes, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import helpers as profiles
from conftest import ROOT
from secondline.cli.app import app

SNAPSHOTS = ROOT / "tests" / "snapshots"
TYPICAL = "cases/typical.yaml"
COMMAND = [sys.executable, "-c", "from secondline.cli import main; main()"]
Run = Callable[..., "Ran"]

WHOLE = {
    "typical.txt": ["advise", TYPICAL],
    "typical.md": ["advise", TYPICAL, "--format", "markdown"],
    "typical.json": ["advise", TYPICAL, "--format", "json", "--explain"],
    "typical-explained.txt": ["advise", TYPICAL, "--explain"],
    "typical-2023-06-30.txt": ["advise", TYPICAL, "--as-of", "2023-06-30"],
    "typical-2021-01-01.txt": ["advise", TYPICAL, "--as-of", "2021-01-01"],
    "whatif.txt": ["whatif", TYPICAL],
    "whatif.md": ["whatif", TYPICAL, "--format", "markdown"],
    "whatif-set.txt": ["whatif", TYPICAL, "--set", "biomarkers.esr1=mutated", "--set", "prior_cdk46.months=5"],
    "evidence-list.txt": ["evidence", "list", "--as-of", "2026-11-22"],
    "evidence-list-2023-06-30.txt": ["evidence", "list", "--as-of", "2023-06-30"],
    "evidence-palmira.txt": ["evidence", "show", "PALMIRA", "--as-of", "2026-11-22"],
    "evidence-palmira.json": ["evidence", "show", "PALMIRA", "--as-of", "2026-11-22", "--format", "json"],
    "check.txt": ["check", "rules"],
    "help.txt": ["--help"],
    "advise-help.txt": ["advise", "--help"],
}


class Ran:
    """What a command printed and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in err + out


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in this process."""
    monkeypatch.chdir(ROOT)

    def call(*args: str, stdin: str | bytes | None = None) -> Ran:
        found = CliRunner().invoke(app, list(args), input=stdin, prog_name="secondline", env={"COLUMNS": "80"})
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return Ran(found.exit_code, found.stdout, found.stderr)

    return call


def alone(*args: str, stdin: bytes = b"", cwd: Path = ROOT, **env: str) -> Ran:
    """A command as a whole process of its own, guard and all."""
    found = subprocess.run(
        [*COMMAND, *args],
        check=False,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine"), **env},
    )
    return Ran(found.returncode, found.stdout.decode(), found.stderr.decode())


@pytest.mark.parametrize("name", WHOLE)
def test_whole_outputs(name: str, run: Run, rewrite: bool) -> None:
    ran = run(*WHOLE[name])
    assert (ran.code, ran.err) == (0, "")
    path = SNAPSHOTS / name
    if rewrite:
        path.write_text(ran.out)
    assert ran.out == path.read_text()
    if name.endswith(".txt") and "help" not in name:
        assert max(map(len, ran.out.splitlines())) <= 80
        assert "\x1b" not in ran.out


def test_the_typical_case_today(run: Run) -> None:
    found = json.loads(run("advise", TYPICAL, "--format", "json").out)
    assert (found["verdict"], found["direction"], found["settled"]) == ("do-not-continue", "against", True)
    figures = {(e["report"], e["endpoint"]): e["figures"] for reason in found["reasons"] for e in reason["evidence"]}
    assert figures["PALMIRA-JCO-2025", "pfs"] == "median 4.9 v 3.6 months; HR 0.84 (95% CI 0.66-1.07), p=0.149"
    assert figures["PALMIRA-JCO-2025", "grade3plus_ae"] == "47.4 v 10.0 %"


def test_the_typical_case_when_only_the_abstract_was_public(run: Run) -> None:
    found = run("advise", TYPICAL, "--format", "json", "--as-of", "2023-06-30").out
    cited = [e for reason in json.loads(found)["reasons"] for e in reason["evidence"]]
    palmira = {e["endpoint"]: e["figures"] for e in cited if e["report"] == "PALMIRA-ASCO-2023"}
    assert palmira["pfs"].startswith("median 4.2 v 3.6 months")
    assert palmira["pfs_rate_6m"] == "40.9 v 28.6 %"
    assert palmira["grade3_4_ae"] == "45.2 v 8.3 %"
    assert "PALMIRA-JCO-2025" not in found


def test_the_typical_case_before_any_trial(run: Run) -> None:
    found = run("advise", TYPICAL, "--as-of", "2021-01-01", "--explain", "--format", "json").out
    assert not any(name in found for name in ("PALMIRA", "PACE", "MAINTAIN", "POSTMONARCH"))
    assert json.loads(found)["verdict"] == "individualise"


# --- one case and several ---------------------------------------------------------------------------------


def test_several_cases_in_each_form(run: Run) -> None:
    several = ("advise", "cases/typical.yaml", "cases/scope.yaml")
    found = json.loads(run(*several, "--format", "json").out)
    assert isinstance(found, list)
    assert [json.loads(line) for line in run(*several, "--format", "jsonl").out.splitlines()] == found
    assert run(*several).out.count("\n" + "-" * 80 + "\n") == len(found) - 1
    assert run(*several, "--format", "markdown").out.count("\n---\n") == len(found) - 1
    assert isinstance(json.loads(run("advise", TYPICAL, "--format", "json").out), dict)


def test_standard_input_and_json(run: Run) -> None:
    text = (ROOT / TYPICAL).read_text()
    by_file = run("advise", TYPICAL, "--format", "json").out
    assert run("advise", "-", "--format", "json", stdin=text).out == by_file
    profile = {"patient": {"sex": "female"}}
    ran = run("advise", "-", "--format", "jsonl", stdin=f"{json.dumps({'profile': profile})}\n" * 2)
    assert [json.loads(line)["case"]["id"] for line in ran.out.splitlines()] == ["stdin-1", "stdin-2"]


def test_one_bad_case_does_not_silence_the_good_one(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text("- profile: {patient: {sex: female}}\n- profile: {patient: {sex: femal}}\n")
    ran = run("advise", str(path), "--format", "jsonl")
    assert ran.code == 3
    assert len(ran.out.splitlines()) == 1
    assert ran.err == (
        f"{path}:2:28: at `profile.patient.sex`: expected `female` or `male`, got `femal`; did you mean `female`?\n"
    )


@pytest.mark.long
def test_a_broken_line_costs_that_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    good = json.dumps({"profile": {}})
    path.write_text(f"{good}\n{good[:-4]}\n\n{good}\ngarbage\n{good}\n")
    ran = run("advise", str(path), "--format", "jsonl")
    assert (ran.code, len(ran.out.splitlines())) == (3, 3)
    assert [line.split(": ")[0].removeprefix(f"{path}:").split(":")[0] for line in ran.err.splitlines()] == ["2", "5"]
    ids = [json.loads(line)["case"]["id"] for line in ran.out.splitlines()]
    assert ids == ["many-1", "many-3", "many-5"], "a broken line keeps its place"
    unnamed = path.read_text().replace("garbage", good[:-1])
    assert run("advise", "-", "--format", "jsonl", stdin=unnamed).out.count("\n") == 3
    path.write_text(json.dumps({"profile": {}}, indent=2))
    assert "no line of this file is JSON; write each case on a line" in run("advise", str(path)).err
    yaml = f"{good}\n---\n{good}\n"
    assert run("advise", "-", "--format", "jsonl", stdin=yaml).code == 0


def test_the_shape_of_json_follows_what_was_asked(run: Run, tmp_path: Path) -> None:
    """One case is an object; of several an array stays one, however many were valid."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("profile: {}")
    bad.write_text("profile: {patient: {ecog: 9}}")
    assert isinstance(json.loads(run("advise", str(good), "--format", "json").out), dict)
    assert len(json.loads(run("advise", str(good), str(bad), "--format", "json").out)) == 1
    assert json.loads(run("advise", str(bad), str(bad), "--format", "json").out) == []
    assert run("advise", str(bad), "--format", "json").out == ""


def test_no_control_character_reaches_the_terminal(run: Run) -> None:
    ran = run("advise", "-", stdin='{"id": "a\\u001b[31mRED", "profile": {}}')
    assert ran.code == 3
    assert "\x1b" not in ran.out + ran.err


# --- exit codes -------------------------------------------------------------------------------------------

ONGOING = {"therapies": [{**profiles.TYPICAL["therapies"][0], "stopped_for": "ongoing"}]}
VERDICTS: dict[str, tuple[int, dict[str, Any]]] = {
    "continue": (10, {**profiles.TYPICAL, **ONGOING, "progression": {"status": "none"}}),
    "do-not-continue": (11, profiles.TYPICAL),
    "individualise": (12, {**profiles.TYPICAL, "progression": {"status": "radiological", "extent": "limited"}}),
    "undetermined": (13, {}),
    "out-of-scope": (14, {**profiles.TYPICAL, "disease": {**profiles.TYPICAL["disease"], "her2": {"ihc": "3+"}}}),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_as_an_exit_code_and_as_a_page(verdict: str, run: Run, rewrite: bool) -> None:
    code, profile = VERDICTS[verdict]
    given = json.dumps({"id": verdict, "as_of": "2026-11-22", "profile": profile})
    ran = run("advise", "-", "--exit-code", "--format", "json", stdin=given)
    assert ran.code == code
    assert json.loads(ran.out)["verdict"] == verdict
    page = run("advise", "-", stdin=given)
    assert page.code == 0
    path = SNAPSHOTS / f"{verdict}.txt"
    if rewrite:
        path.write_text(page.out)
    assert page.out == path.read_text()


def test_an_invalid_case_is_named_before_its_exit_code_is_asked(run: Run) -> None:
    ran = run("advise", "-", "--exit-code", stdin="profile: {patient: {ecog: 9, sex: femal}}")
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, "", 2)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["advise"], 2, "`advise` needs a case file, or `-` to read standard input"),
        (
            ["advise", TYPICAL, "--format", "jsn"],
            2,
            "`--format` expects `text`, `json`, `jsonl` or `markdown`, got `jsn`; did you mean `json`?",
        ),
        (["advise", TYPICAL, "--as-of", "2026-02-30"], 2, "`--as-of` expects a day as YYYY-MM-DD, got `2026-02-30`"),
        (["advise", TYPICAL, "--as-of", "2026-11"], 2, "`--as-of` expects a day"),
        (["advise", TYPICAL, "cases/scope.yaml", "--exit-code"], 2, "needs exactly one case"),
        (["advise", "nowhere.yaml"], 3, "nowhere.yaml: "),
        (
            ["advise", "cases"],
            3,
            "cases: expected a case file, found a folder; `secondline batch cases -o OUTPUT` answers",
        ),
        (["whatif", "cases"], 3, "cases: expected a case file, found a folder; "),
        (["advise", TYPICAL, "--rules", "nowhere"], 3, "nowhere: "),
        (["test", "nowhere"], 3, "nowhere: "),
        (["test", "rules/vocabulary"], 3, "rules/vocabulary/"),
        (["check", "nowhere"], 3, "nowhere: "),
        (["schema", "cases"], 2, "did you mean `case`?"),
        (["evidence", "show", "PALMIR"], 2, "no evidence `PALMIR`; did you mean `PALMIRA`?"),
        (["evidence", "show", "X"], 2, "`secondline evidence list` names them"),
        (["evidence", "list", "--as-of", "yesterday"], 2, "`--as-of` expects a day"),
        (["advice"], 2, "advice"),
        (["advise", TYPICAL, "--formt", "json"], 2, "--formt"),
    ],
)
def test_what_is_wrong_is_said(args: list[str], code: int, says: str, run: Run) -> None:
    ran = run(*args)
    assert ran.code == code
    assert says in ran.err
    assert ran.out == ""


def test_a_rule_folder_with_a_fault_brings_no_advice(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    path = rules / "verdicts" / "third-line.yaml"
    path.write_text(path.read_text().replace("when:", "whem:", 1))
    ran = run("advise", TYPICAL, "--rules", str(rules))
    assert (ran.code, ran.out) == (3, "")
    assert "did you mean `when`?" in ran.err
    checked = run("check", str(rules))
    assert checked.code == 1
    assert "third-line.yaml:" in checked.out
    assert ", 1 finding" in checked.out.splitlines()[-1]


def test_a_file_that_is_not_read_is_a_finding(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    (rules / "safety" / "ribociclib-qtcf.yaml").rename(rules / "safety" / "ribociclib-qtcf.ymal")
    ran = run("check", str(rules))
    assert ran.code == 1
    assert f"{rules}/safety/ribociclib-qtcf.ymal: is not read; the files of a rule folder end in `.yaml`" in ran.out


def test_other_rules_are_used_and_their_hash_shown(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    path = rules / "rulebase.yaml"
    path.write_text(path.read_text().replace("version: ", "version: changed-", 1))
    one, other = (
        json.loads(run("advise", TYPICAL, "--format", "json", *more).out) for more in ((), ("--rules", str(rules)))
    )
    assert one["provenance"]["rules"] != other["provenance"]["rules"]
    assert one["provenance"]["profile"] == other["provenance"]["profile"]


# --- test and check ---------------------------------------------------------------------------------------


def test_a_case_that_expects_something_else_fails(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        (ROOT / TYPICAL)
        .read_text()
        .replace("verdict: do-not-continue", "verdict: continue")
        .replace("elacestrant: undetermined", "elacestrant: preferred")
    )
    ran = run("test", str(path))
    assert ran.code == 1
    assert f"{path}:22:3: expected `verdict` `continue`, got `do-not-continue`" in ran.out
    assert "expected `options` `elacestrant` preferred, got undetermined" in ran.out
    assert ran.out.endswith("1 case, 0 as expected, 1 not\n")
    for form in ("json", "junit", "sarif"):
        formed = run("test", str(path), "--format", form)
        assert formed.code == 1
        assert "expected `verdict` `continue`" in formed.out


GOOD = "- {id: a, as_of: 2026-11-22, profile: {}, expect: {verdict: undetermined}}\n"
BAD = GOOD.replace("id: a", "id: b").replace("profile: {}", "profile: {disease: {her2: positve}}")


def test_what_cannot_be_read_keeps_no_other_case_from_its_test(run: Run, tmp_path: Path) -> None:
    for name, text in (("good", GOOD), ("bad", GOOD.replace("id: a", "id: c") + BAD), ("none", ": :")):
        (tmp_path / f"{name}.yaml").write_text(text)
    ran = run("test", str(tmp_path))
    assert (ran.code, ran.out) == (3, "2 cases, 2 as expected, 0 not\n")
    lines = ran.err.splitlines()
    assert lines[0].startswith(f"{tmp_path}/bad.yaml:2:")
    assert lines[1].startswith(f"{tmp_path}/none.yaml:1:")
    assert lines[2:] == ["secondline: not all cases could be read; 2 other cases ran"]
    for form in ("json", "junit", "sarif"):
        formed = run("test", str(tmp_path), "--format", form)
        assert formed.code == 3
        assert "bad.yaml" in formed.out
        assert "none.yaml" in formed.out
    (tmp_path / "good.yaml").write_text(GOOD.replace("undetermined", "continue"))
    ran = run("test", str(tmp_path))
    assert (ran.code, ran.out.splitlines()[-1]) == (3, "2 cases, 1 as expected, 1 not")
    alone = run("test", str(tmp_path / "none.yaml"))
    assert (alone.code, alone.out, alone.err.count("\n")) == (3, "", 1)


def test_an_id_that_two_cases_have_is_said(run: Run, tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(GOOD)
    other.write_text(f"# another\n{GOOD}")
    ran = run("test", str(one), str(other))
    assert (ran.code, ran.err) == (0, f"secondline: `a` is the id of 2 cases: {one}:1:3 and {other}:2:3\n")
    assert run("test", str(one), str(one)).err == "", "a file that is named twice holds no other case"


def test_a_tested_case_needs_its_day(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "no-day.yaml"
    path.write_text((ROOT / TYPICAL).read_text().replace("as_of: 2026-11-22\n", ""))
    ran = run("test", str(path))
    assert ran.code == 3
    assert "as_of" in ran.err
    assert run("test", str(path), "--as-of", "2026-11-22").code == 0


def test_cases_without_expectations_are_said_to_be_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text('{"as_of": "2026-01-01", "profile": {}}')
    ran = run("test", str(path))
    assert (ran.code, ran.out) == (0, "0 cases, 0 as expected, 0 not\n")
    assert "no case here has `expect`" in ran.err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("test", str(empty)).code == 3


@pytest.mark.parametrize("form", ["json", "junit", "sarif"])
def test_machine_forms_of_a_clean_check(form: str, run: Run) -> None:
    ran = run("check", "rules", "--format", form)
    assert ran.code == 0
    if form == "junit":
        assert ran.out.startswith("<?xml")
        assert 'failures="0"' in ran.out
    else:
        json.loads(ran.out)


def test_schemas_are_printed(run: Run) -> None:
    for subject in ("case", "rule", "evidence", "recommendation"):
        assert json.loads(run("schema", subject).out)["$schema"].endswith("schema")


# --- as a whole process -----------------------------------------------------------------------------------


def test_the_whole_process_prints_the_same() -> None:
    ran = alone("advise", TYPICAL, COLUMNS="80")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (SNAPSHOTS / "typical.txt").read_text()


def test_from_another_folder_with_nothing_in_the_environment(tmp_path: Path) -> None:
    ran = alone("advise", str(ROOT / TYPICAL), cwd=tmp_path, LC_ALL="C", HOME=str(tmp_path), PYTHONUTF8="0")
    assert ran.code == 0
    assert ran.out == (SNAPSHOTS / "typical.txt").read_text()


def test_a_killed_run_leaves_only_whole_answers(tmp_path: Path) -> None:
    given, out = tmp_path / "many.jsonl", tmp_path / "out.jsonl"
    given.write_text((json.dumps({"profile": profiles.TYPICAL}) + "\n") * 3000)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "advise", str(given), "--format", "jsonl"],
            stdout=file,
            start_new_session=True,
            env={**env, "PYTHONPATH": str(ROOT / "engine")},
        )
        while out.stat().st_size < 1_000_000:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lines = out.read_bytes().splitlines(keepends=True)
    assert 1 < len(lines) < 3000
    for line in lines:
        assert json.loads(line)["verdict"] == "do-not-continue"
        assert line.endswith(b"\n")


def test_a_closed_pipe_is_no_error() -> None:
    shell = f"{sys.executable} -c 'from secondline.cli import main; main()' advise cases/*.yaml | head -1"
    found = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell}"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )
    assert found.stderr == b""
    assert found.returncode == 0


def test_a_full_disk_is_said() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [*COMMAND, "advise", TYPICAL],
            check=False,
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
        )
    assert found.returncode == 3
    assert found.stderr == b"secondline: the output cannot be written: No space left on device\n"
