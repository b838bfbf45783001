"""What the commands of authors have in common: nothing overwritten, names told apart, Ctrl-C in words."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import z3
from typer.testing import CliRunner

from conftest import ROOT
from secondline.authoring import proofs
from secondline.authoring.claims import Claim, Claims
from secondline.authoring.proofs import Proved, prove_all
from secondline.authoring.prove import Prover
from secondline.cli.app import app
from secondline.loading import Loaded, load
from secondline.rulefiles import rule_files

BASE = ROOT / "tests" / "files" / "base"
LAW = (
    "laws:\n  - {id: no-ribociclib-at-450, title: no ribociclib at QTcF 450, when: {safety.qtcf_ms: {at_least: 450}}, "
    "then: {offered_agents: {has_none: [ribociclib]}}}\n"
)
CASES = """
- title: fits
  as_of: 2026-11-22
  profile: {disease: {er: positive}, progression: {status: radiological}, safety: {qtcf_ms: 430}}
  expect: {verdict: do-not-continue}
- title: is wrong
  as_of: 2026-11-22
  profile: {disease: {er: negative}, progression: {status: clinical}, safety: {qtcf_ms: 460}}
  expect: {verdict: continue}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in a folder with small rules, the same with a change, and two cases, one of them wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("rules", "changed"):
        shutil.copytree(BASE, name)
        Path(name, "laws.yaml").write_text(LAW)
    gate = Path("changed", "safety", "qtcf.yaml")
    gate.write_text(gate.read_text().replace("at_least: 450", "at_least: 480"))
    Path("cases.yaml").write_text(CASES)
    Path("fits.yaml").write_text(CASES.rpartition("\n- ")[0] + "\n")

    def call(*args: str) -> tuple[int, str, str]:
        found = CliRunner().invoke(app, list(args), prog_name="secondline", env={"COLUMNS": "80"})
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, found.stdout, found.stderr

    return call


# --- what is written --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ["cover", "nowhere.yaml", "-o", "kept/file"],
        ["cover", "nowhere.yaml", "--suggest", "kept/file"],
        ["mutate", "nowhere.yaml", "--write", "kept/file"],
        ["diff", "rules", "nowhere", "--examples", "kept/file"],
        ["diff", "rules", "nowhere", "--examples-before", "kept/file"],
    ],
    ids=" ".join,
)
def test_no_file_is_overwritten(args: list[str], run: Run) -> None:
    """It is said before anything is read, so before the work begins."""
    kept = Path("kept", "file")
    kept.parent.mkdir()
    kept.write_text("by hand")
    says = "secondline: kept/file is there already; nothing is overwritten, choose another name\n"
    assert run(*args) == (2, "", says)
    assert kept.read_text() == "by hand"
    kept.unlink()
    kept.symlink_to("elsewhere")
    assert run(*args) == (2, "", says)
    kept.unlink()
    kept.mkdir()
    assert run(*args) == (2, "", says)
    kept.rmdir()
    kept.parent.rmdir()
    Path("kept").write_text("no folder")
    code, out, err = run(*args)
    assert (code, out) == (3, "")
    assert err.startswith("secondline: kept/file cannot be written: ")


def test_two_files_of_one_name_are_refused(run: Run) -> None:
    says = "secondline: x.yaml is named for two files; give each a name of its own\n"
    assert run("cover", "cases.yaml", "-o", "x.yaml", "--suggest", "x.yaml") == (2, "", says)


def test_a_device_takes_what_is_written(run: Run) -> None:
    """Nothing is there that could be lost: a terminal, a pipe, the null device."""
    assert run("cover", "fits.yaml", "--rules", "rules", "-o", "/dev/null")[:2] == (0, "")
    assert run("schema", "gate", "--rules", "rules", "-o", "/dev/null")[:2] == (0, "")
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True) as reading:
        assert run("diff", "rules", "changed", "--examples", "pipe")[0] == 0
        assert reading.communicate()[0].startswith("- id: ribociclib-fulvestrant-")
    assert run("prove", "rules", "--counterexamples", "/dev/null") == (
        2,
        "",
        "secondline: /dev/null is no folder; name a folder\n",
    )


def test_a_folder_for_a_file_is_made(run: Run) -> None:
    assert run("cover", "fits.yaml", "--rules", "rules", "--suggest", "new/cases.yaml")[0] == 0
    assert Path("new", "cases.yaml").is_file()


def test_counterexamples_go_into_a_folder_of_their_own(run: Run) -> None:
    name = "my shown"
    args = ("prove", "changed", "--only", "no-ribociclib-at-450", "--counterexamples", name)
    code, out, _ = run(*args)
    assert code == 1
    (line,) = [line.strip() for line in out.splitlines() if "secondline advise" in line]
    assert line == "secondline advise 'my shown/law-no-ribociclib-at-450.yaml' --rules changed"
    answered = subprocess.run(
        [sys.executable, "-c", "from secondline.cli import main; main()", *_words(line)[1:]],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (answered.returncode, answered.stderr) == (0, "")
    assert "ribociclib+fulvestrant" in answered.stdout
    says = f"secondline: {name} holds files already; nothing is overwritten, name a new or an empty folder\n"
    assert run(*args) == (2, "", says)
    assert run(*args[:-1], "cases.yaml") == (2, "", "secondline: cases.yaml is a file; name a folder\n")
    Path("broken").symlink_to("nowhere")
    assert run(*args[:-1], "broken") == (2, "", "secondline: broken is a link to nothing; name a folder\n")


def _words(line: str) -> list[str]:
    """A line as a shell takes it apart."""
    found = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], check=True, capture_output=True, text=True)
    return found.stdout.splitlines()


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("prove", "rules", "--only", "safety.qtcf_ms"), "`safety.qtcf_ms` is a fact, of which nothing is claimed; "),
        (("prove", "rules", "--only", "LABEL-A"), "`LABEL-A` is an evidence, of which nothing is claimed; expected a "),
        (("prove", "rules", "--only", "zzz"), "no claim `zzz`; expected a kind of claims (answered, agreed, "),
        (
            ("prove", "rules", "--only", "stop", "--as-of", "2001-01-01"),
            "`stop` is a rule, of which nothing is claimed on 2001-01-01; ",
        ),
        (
            ("mutate", "fits.yaml", "--rules", "rules", "--only", "no-ribociclib-at-450"),
            "`no-ribociclib-at-450` is a law, and only rules and definitions are changed, each by its id\n",
        ),
        (
            ("mutate", "fits.yaml", "--rules", "rules", "--only", "disease.hr"),
            "`disease.hr` is a fact, and only rules and definitions are changed",
        ),
    ],
)
def test_a_name_of_another_kind_is_said_to_be_one(args: tuple[str, ...], says: str, run: Run) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.startswith(f"secondline: `--only`: {says}")


# --- cases that fail --------------------------------------------------------------------------------------


def test_cover_says_which_cases_fail_and_counts_them(run: Run) -> None:
    code, out, err = run("cover", "cases.yaml", "--rules", "rules")
    assert (code, out.splitlines()[0]) == (0, "2 cases, 3 rules, 2 definitions, 1 law")
    says = "1 of 2 cases is not as expected, `is wrong` for one; counted all the same, "
    test = "secondline test cases.yaml --rules rules"
    assert err == f"secondline: {says}`{test}` says why\n"
    assert run(*test.split()[1:])[0] == 1
    assert run("cover", "fits.yaml", "--rules", "rules")[2] == ""


# --- laws -------------------------------------------------------------------------------------------------


def test_where_no_law_is_written_prove_says_so(run: Run) -> None:
    says = "NONE     law       no law is written; `laws.yaml` is where they stand\n"
    assert says not in run("prove", "rules")[1]
    Path("rules", "laws.yaml").unlink()
    assert says in run("prove", "rules")[1]


# --- Ctrl-C -----------------------------------------------------------------------------------------------


def stopped(*_args: Any, **_more: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "args", "says"),
    [
        ("loading.load", ("prove", "rules"), "interrupted"),
        ("authoring.proofs.prove_all", ("prove", "rules"), "interrupted after 0 claims proved or refuted anew, of "),
        (
            "authoring.mutation.judged",
            ("mutate", "fits.yaml"),
            "interrupted after 0 of 42 mutants, 0 noticed, 0 survived",
        ),
        ("authoring.coverage.Counter.coverage", ("cover", "fits.yaml"), "interrupted before 1 case could be counted"),
        (
            "authoring.suggest.Suggester.gaps",
            ("cover", "fits.yaml"),
            "interrupted after 1 case, with 29 gaps still to be looked into",
        ),
        ("authoring.comparing.compare", ("diff", "rules", "changed"), "interrupted while the two sides were compared"),
        (
            "authoring.cohort.compare_cohort",
            ("diff", "rules", "changed", "--cohort", "fits.yaml"),
            "interrupted while the cohort was asked, after the two sides were compared",
        ),
    ],
)
def test_ctrl_c_says_how_far_it_came(
    where: str, args: tuple[str, ...], says: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"secondline.{where}", stopped)
    code, out, err = run(*args, *(("--rules", "rules") if args[0] in ("cover", "mutate") else ()))
    assert (code, out, err.count("\n")) == (130, "", 1)
    assert err.startswith(f"secondline: {says}")


@pytest.fixture
def small() -> Loaded:
    return load(rule_files(BASE))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_proved_is_kept_when_ctrl_c_ends_it(
    workers: int, small: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(proofs, "FEW", 0)
    claims = Claims(small.base, small.laws, small.not_used)
    wanted = claims.every()
    seen: list[Claim] = []

    def step(claim: Claim) -> None:
        seen.append(claim)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove_all(claims, wanted, workers=workers, step=step)
    assert multiprocessing.active_children() == []
    again: list[Claim] = []
    proved: Sequence[Proved] = prove_all(claims, wanted, workers=workers, step=again.append)
    refuted = {one.claim for one in proved if one.status != "proved"}  # these are shown anew each time
    assert {*again} == {*wanted} - ({*seen} - refuted)
    assert len(again) < len(wanted)


def test_z3_leaves_ctrl_c_to_the_command(small: Loaded) -> None:
    z3.set_param("ctrl_c", True)
    Prover(Claims(small.base, small.laws))
    assert z3.get_param("ctrl_c") == "false"
