"""The interview as its user meets it: the whole command on a terminal, by the keyboard alone."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pytest
from typer.testing import CliRunner

import helpers
from conftest import ROOT
from secondline.cases import CaseReader
from secondline.cli.app import app
from secondline.cli.interview import Session, free_names, replaced, written
from secondline.interview.state import begun
from secondline.recommend import Adviser, Question, recommend
from secondline.recommendation import Recommendation
from test_cli import alone

# The terminal becomes the one that controls the session, so that its keys send signals.
COMMAND = [
    sys.executable,
    "-c",
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from secondline.cli import main; main()",
    "advise",
]
DAY = "2026-11-22"
FIRST = "metastatic, palbociclib + letrozole, 19 months, stable, progression"
ANSWERS = {
    "In which jurisdiction": "us",
    "What has the patient been given": FIRST,
    "What was given next": "none",
    "What shows progression now?": "radiological",
    "Is the progression limited": "systemic",
    "oestrogen receptor (ER)?": "90",
    "immunohistochemistry of HER2": "1+",
    "How far has the disease spread?": "metastatic",
}
CTRL_C, CTRL_D, BACKSPACE = "\x03", "\x04", "\x7f"
PATIENCE = 60


class Terminal:
    """A command at a pseudo-terminal in canonical mode; its stdout can go elsewhere."""

    def __init__(self, args: tuple[str, ...], cwd: Path, out: IO[bytes] | None = None) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(self.master, (50, 80))
        env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [*COMMAND, "--as-of", DAY, *args],
            stdin=slave,
            stdout=out or slave,
            stderr=slave,
            start_new_session=True,
            cwd=cwd,
            env={**env, "PYTHONPATH": str(ROOT / "engine"), "NO_COLOR": "1"},
        )
        os.close(slave)
        self.shown = self.raw = self.last = ""

    def read(self) -> str:
        """All that is shown up to the next prompt, or to the end."""
        found = b""
        deadline = time.monotonic() + PATIENCE
        while not found.endswith(b"> "):
            assert time.monotonic() < deadline, found.decode()
            if not select.select([self.master], [], [], 0.2)[0]:
                continue
            try:
                more = os.read(self.master, 65536)
            except OSError:  # nobody holds the other end any more
                more = b""
            if not more:
                break
            found += more
        text = found.decode().replace("\r\n", "\n")
        self.raw += text
        text = " ".join(text.split())  # in lines of any width
        self.shown += f" {text}"
        self.last = text
        return text

    def keys(self, typed: str) -> str:
        """What is shown after these keys."""
        os.write(self.master, typed.encode())
        return self.read()

    def line(self, text: str) -> str:
        return self.keys(text + "\n")

    def until(self, sought: str) -> str:
        """Answer as `ANSWERS` has it, whatever is asked first, until this is shown."""
        shown = self.last
        for _ in range(60):
            if sought in shown:
                return shown
            shown = self.line(next((text for question, text in ANSWERS.items() if question in shown), ""))
        raise AssertionError(f"never shown: {sought}")

    def end(self) -> int:
        while self.process.poll() is None and self.read():
            pass
        return self.process.wait(PATIENCE)


@contextmanager
def terminal(cwd: Path, *args: str, out: IO[bytes] | None = None) -> Iterator[Terminal]:
    held = Terminal(args, cwd, out)
    try:
        held.read()
        yield held
        assert "Traceback" not in held.shown
        assert "an error of this program" not in held.shown
    finally:
        if held.process.poll() is None:
            os.killpg(held.process.pid, signal.SIGKILL)
        held.process.wait()
        os.close(held.master)


def advised(path: Path, *more: str) -> str:
    ran = alone("advise", path.name, "--as-of", DAY, *more, cwd=path.parent)
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def test_a_whole_interview_ends_in_the_answer_of_the_file(tmp_path: Path) -> None:
    with (tmp_path / "answer.json").open("wb") as out, terminal(tmp_path, "--format", "json", out=out) as held:
        assert "1. Place" in held.shown
        held.until("Is the progression limited")
        assert "The verdict is settled" not in held.shown
        shown = held.line("systemic")
        assert "The verdict is settled: do-not-continue." in shown
        assert "What follows is about the options; `stop` ends here. 7. ESR1" in shown
        held.line("stop")
        assert held.end() == 0
        assert "Saved as case.yaml, readable by you alone. To ask it again: secondline advise case.yaml" in held.shown
    path = tmp_path / "case.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["answer.json", "case.yaml"]
    answer = (tmp_path / "answer.json").read_text()
    assert answer == advised(path, "--format", "json")
    assert json.loads(answer)["verdict"] == "do-not-continue"
    assert path.read_text().splitlines()[1:] == [
        "as_of: 2026-11-22",
        "jurisdiction: us",
        "profile:",
        "  disease: {extent: metastatic, er: {status: positive, percent: 90}, her2: {ihc: 1+}}",
        "  therapies:",
        "    - {setting: metastatic, agents: [palbociclib, letrozole], months: 19, best_response: stable, "
        "stopped_for: progression}",
        "  progression: {status: radiological, extent: systemic}",
    ]


def test_the_keyboard_alone(tmp_path: Path) -> None:
    """Backspace, wrong answers, not known, help, the answer so far, an answer taken back, asked again."""
    with terminal(tmp_path) as held:
        assert "expected `us`, `eu` or `none`, got `uk`" in held.line("uk")
        assert "What has the patient been given" in held.keys(f"ux{BACKSPACE}s\n")
        assert "did you mean `palbociclib`?" in held.line("metastatic, palbocilib + letrozole")
        assert "= metastatic, palbociclib with letrozole" in held.line("metastatic, palbo + letro")
        shown = held.line("so far")
        assert "Not answerable yet" in shown
        assert "The treatments count once their list is complete." in shown
        held.line("stable, 19 months")
        held.line("back")
        held.line("back")
        assert "What was given next" in held.line(FIRST)
        held.until("What shows progression now?")
        assert "expected `none`, `molecular`, `radiological` or `clinical`, got `?x`" in held.line("?x")
        shown = held.line("?")
        assert "without clinical or radiological progression" in shown
        assert "The verdict hangs on it." in shown
        assert "expected a number from 1 to 4, got `9`" in held.line("9")
        assert "= radiological" in held.line("3")
        assert "What shows progression now?" in held.line("back")
        assert "= clinical" in held.line("clin")
        held.until("oestrogen receptor (ER)?")
        assert "\\x1b[A" in held.keys("\x1b[A\n")
        assert "0 to 100, got `900`" in held.line("900")
        shown = held.line("s")
        assert "open until tested or recorded:" in shown
        assert shown.count("status of the oestrogen receptor") == 1
        assert "= not known" in held.line("unknown")
        held.line("stop")
        assert held.end() == 0
        assert "Not answerable yet" in held.shown
    text = (tmp_path / "case.yaml").read_text()
    assert "status: clinical" in text
    assert "er:" not in text
    assert held.shown.rstrip().endswith("secondline advise case.yaml")


def test_nothing_can_be_taken_back_at_the_beginning(tmp_path: Path) -> None:
    with terminal(tmp_path) as held:
        assert "There is no answer to take back." in held.line("back")
        assert "In which jurisdiction" in held.line("again")
        held.line("stop")
        assert held.end() == 0
        assert "No answer was given, so nothing is saved." in held.shown
    assert os.listdir(tmp_path) == []


def test_ctrl_c_saves_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text("mine")
    with terminal(tmp_path) as held:
        held.line("us")
        held.line(FIRST)
        held.keys(CTRL_C)
        assert held.end() == 130
        assert "Saved as case-2.yaml, readable by you alone." in held.shown
        assert "To ask it again: secondline advise case-2.yaml" in held.shown
        assert "The list of treatments is not finished, and the file says so." in held.shown
    assert (tmp_path / "case.yaml").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["case-2.yaml", "case.yaml"]
    path = tmp_path / "case-2.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "therapies_complete: false" in path.read_text()
    assert "case-2, asked for" in advised(path)


def test_ctrl_c_keeps_every_answer(tmp_path: Path) -> None:
    """The file gives the answer that stood when the interview was broken off."""
    with terminal(tmp_path) as held:
        held.until("The verdict is settled: do-not-continue.")
        shown = held.line("so far")
        held.keys("mut" + CTRL_C)
        assert held.end() == 130
    answer = json.loads(advised(tmp_path / "case.yaml", "--format", "json"))
    assert answer["verdict"] == "do-not-continue"
    assert answer["headline"] in shown
    assert "esr1" not in (tmp_path / "case.yaml").read_text()


def test_ctrl_c_in_the_middle_of_a_line_and_without_answers(tmp_path: Path) -> None:
    with terminal(tmp_path) as held:
        held.keys("e" + CTRL_C)
        assert held.end() == 130
        assert "No answer was given, so nothing is saved." in held.shown
    assert os.listdir(tmp_path) == []


def test_the_end_of_input_saves_and_answers(tmp_path: Path) -> None:
    with (tmp_path / "answer.json").open("wb") as out:
        args = ("--save", "mine.yaml", "--rules", str(ROOT / "rules"), "--format", "json")
        with terminal(tmp_path, *args, out=out) as held:
            held.until("What shows progression now?")
            held.keys(CTRL_D)
            assert held.end() == 0
            assert f"secondline advise mine.yaml --rules {ROOT / 'rules'}" in held.shown
    assert sorted(os.listdir(tmp_path)) == ["answer.json", "mine.yaml"]
    answer = (tmp_path / "answer.json").read_text()
    assert answer == advised(tmp_path / "mine.yaml", "--format", "json")
    assert json.loads(answer)["verdict"] == "undetermined"


def test_an_inhibitor_that_goes_on_may_still_prove_unsafe(tmp_path: Path) -> None:
    with terminal(tmp_path) as held:
        held.line("us")
        held.line("metastatic, ribociclib + letrozole, 9 months, partial, ongoing")
        held.line("none")
        held.line("none")
        shown = held.until("The verdict is settled: continue.")
        assert "What follows is about whether the inhibitor in use is safe, and about the options" in shown
        shown = held.line("none")
        assert "Is the patient pregnant? (yes or no; no for a man and after the menopause)" in shown
        held.line("stop")
        assert held.end() == 0


def test_out_of_scope_ends_the_questions(tmp_path: Path) -> None:
    with terminal(tmp_path) as held:
        held.line("us")
        held.line("none")
        assert held.end() == 0
        assert "What follows" not in held.shown
        assert "Nothing that is still unknown can change the verdict or an option." in held.shown
        assert "out-of-scope" in held.shown


def test_a_prompt_costs_one_assessment_at_most(
    adviser: Adviser, reader: CaseReader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """None where the state has been judged before; one more where limited progression is tried before it is asked."""
    lines = ["?", "us", FIRST, "so far", "back", FIRST, "none", "?", "radiological", "back", "s", "radiological", "90"]
    lines += ["negative", "metastatic", "systemic", "", "again", "back", "back", "", "mutated", "stop"]
    before: list[int] = []
    calls: list[str] = []

    def typed() -> str:
        before.append(len(calls))
        return lines[len(before) - 1]

    def counting(profile: Any, held: Adviser, question: Question) -> Recommendation:
        calls.append(question.case_id)
        return recommend(profile, held, question)

    monkeypatch.setattr("secondline.cli.interview.typed", typed)
    monkeypatch.setattr("secondline.cli.interview.recommend", counting)
    Session(begun({"as_of": DAY}), reader, adviser, tmp_path / "case.yaml").hold()
    assert len(before) == len(lines)
    cost = [after - count for count, after in pairwise([*before, len(calls)])]
    new = dict.fromkeys(("?", "us", "none", "radiological", "90", "negative", "systemic", "mutated"), 1)
    new["metastatic"] = 2
    first = [line in new and line not in lines[:index] for index, line in enumerate(lines)]
    assert cost == [new[line] if is_first else 0 for line, is_first in zip(lines, first, strict=True)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_saves_too(number: signal.Signals, tmp_path: Path) -> None:
    with terminal(tmp_path) as held:
        held.line("us")
        os.kill(held.process.pid, number)
        assert held.end() == 128 + number
    assert os.listdir(tmp_path) == ["case.yaml"]


def test_an_answer_that_contradicts_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(
        f"profile:\n  biomarkers: {{esr1: wild-type}}\n  therapies: {json.dumps(helpers.TYPICAL['therapies'])}\n"
    )
    with terminal(tmp_path, "--ask", "case.yaml") as held:
        held.line("us")
        shown = held.line("molecular")
        assert "`molecular` means an emergent ESR1 mutation, but ESR1 is wild-type in plasma at progression" in shown
        assert "What shows" not in shown
        assert "= radiological" in held.line("radiological")
        held.line("stop")
        held.line("no")
        assert held.end() == 0
    assert sorted(os.listdir(tmp_path)) == ["case-2.yaml", "case.yaml"]


ODD = """# Kept by hand.
id: mine
title: half a case
as_of: 2026-01-31
jurisdiction: eu
profile:
  disease: {er: positive, her2: negative}
expect: {verdict: undetermined}
"""


def test_a_case_is_completed_into_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "half.yaml").write_text(ODD)
    with terminal(tmp_path, "--ask", "half.yaml") as held:
        assert "What has the patient been given" in held.shown
        assert "asked for 2026-11-22" in held.shown
        assert "Write over `half.yaml`?" in held.line("none")
        held.line("")
        assert held.end() == 0
        assert "out-of-scope" in held.shown
        assert "Saved as half-2.yaml" in held.shown
    assert (tmp_path / "half.yaml").read_text() == ODD
    saved = (tmp_path / "half-2.yaml").read_text()
    for kept in (
        "id: mine",
        "title: half a case",
        "as_of: 2026-11-22",
        "jurisdiction: eu",
        "expect: {verdict: undeter",
    ):
        assert kept in saved
    assert "therapies: []" in saved


def test_a_case_is_written_over_only_if_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "half.yaml"
    path.write_text(ODD)
    path.chmod(0o640)
    with terminal(tmp_path, "--ask", "half.yaml") as held:
        shown = held.line("none")
        assert "Write over `half.yaml`? Comments in it are lost." in shown
        assert "expected `yes` or `no`" in held.line("perhaps")
        held.line("yes")
        assert held.end() == 0
        assert "Saved over half.yaml." in held.shown
    assert os.listdir(tmp_path) == ["half.yaml"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "therapies: []" in path.read_text()


def test_a_case_of_another_form_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"profile": {"therapies": []}}')
    with terminal(tmp_path, "--ask", "half.json") as held:
        held.line("eu")
        assert held.end() == 0
        assert "Write over" not in held.shown
        assert "Saved as half.yaml" in held.shown


def test_half_a_treatment_is_said_to_be_missing(tmp_path: Path) -> None:
    with terminal(tmp_path) as held:
        held.line("us")
        assert "In which setting was it given?" in held.line("palbociclib, 5 months")
        held.line("stop")
        assert held.end() == 0
        assert "The treatment typed last is not in it" in held.shown


def test_a_file_that_cannot_be_written_loses_nothing(tmp_path: Path) -> None:
    name = f"{'x' * 300}.yaml"  # longer than any file system takes
    with terminal(tmp_path, "--save", name) as held:
        held.line("us")
        held.line("stop")
        assert held.end() == 3
        assert "jurisdiction: us profile: {}" in held.shown
        assert "cannot be written (File name too long); the case stands above" in held.shown


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--save", "none/x.yaml"), "no folder `none` to save `x.yaml` in"),
        (("--save", "x.json"), "`--save` expects a file that ends in `.yaml` or `.yml`, got `x.json`"),
        (("--ask",), "`--ask` needs one case file"),
        (("--ask", "-"), "`--ask` needs one case file"),
        (("--save", "x.yaml", "two.yaml"), "`--save` is for the answers to an interview"),
        (("--ask", "two.yaml"), "`--ask` needs exactly one case, got 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_question(args: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text("- profile: {}\n- profile: {}\n")
    with terminal(tmp_path, *args) as held:
        assert held.end() == 2
        assert says in held.shown


def test_a_case_that_is_not_valid_is_not_asked_about(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("profile: {patient: {sex: f}}\n")
    with terminal(tmp_path, "--ask", "bad.yaml") as held:
        assert held.end() == 3
        assert "bad.yaml:1:26: at `profile.patient.sex`: expected `female` or `male`" in held.shown


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text("profile: {}\n")
    for args, says in (((), "needs a case file"), (("--ask", "one.yaml"), "`--ask` needs a terminal")):
        ran = CliRunner().invoke(app, ["advise", *args], prog_name="secondline")
        assert ran.exit_code == 2
        assert says in ran.stderr


# --- files ------------------------------------------------------------------------------------------------


def test_names_that_are_free() -> None:
    names = free_names(Path("a/case.yaml"))
    assert [str(next(names)) for _ in range(3)] == ["a/case.yaml", "a/case-2.yaml", "a/case-3.yaml"]


def test_a_disk_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert [written(tmp_path / "c.yaml", text).name for text in ("one", "two")] == ["c.yaml", "c-2.yaml"]
    assert (tmp_path / "c.yaml").read_text() == "one"
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(os.listdir(tmp_path)) == 2


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "c.yaml").write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    act: Callable[[Path, str], Path]
    for act in (written, replaced):
        with pytest.raises(OSError, match="No space"):
            act(tmp_path / "c.yaml", "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("c.yaml", "before")]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("before")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    replaced(tmp_path / "link.yaml", "after")
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "after"
