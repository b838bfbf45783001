"""The interview at a terminal: a line a question, commands between answers, and the case saved at the end.

Questions go to stderr, so that stdout holds the answer alone. The answers are held in memory until they are saved; the
file is readable by its owner alone, and stands there whole or not at all.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from types import FrameType
from typing import Any, NamedTuple

from secondline.cases import CaseFile, CaseReader
from secondline.cli.guard import in_hand
from secondline.errors import InputError, OutputError, UsageError, one_of
from secondline.interview.answers import Refused, shown
from secondline.interview.questions import Prompt
from secondline.interview.readings import Reading
from secondline.interview.state import (
    Assessor,
    Interview,
    answered,
    as_yaml,
    begun,
    command,
    ending,
    listing,
    question_number,
    reopened,
    why,
)
from secondline.recommend import Adviser, recommend
from secondline.recommendation import Recommendation
from secondline.report.document import Entry, document

DEFAULT = Path("case.yaml")
ENDINGS = (".yaml", ".yml")
NARROWEST, WIDEST = 60, 100
_WAIT_SECONDS = 0.5
_SHORT = ("At a glance", "Open")
_INTRO = (
    "Questions on one patient, asked for {day}. Enter alone: not known. `?` explains a question, `so far` or `s` shows "
    "the answer as it stands, `back` takes the last answer back, `again` asks once more what was not known, `stop` "
    "ends. Nothing is stored before the end."
)


class Asked(NamedTuple):
    """What is asked of an interview: the day, which the case will hold; the rule folder, if one was named.

    `save` is the file to write, if one was named; `file` the one that the case was read from, which is written over
    only if the user says so.
    """

    day: str
    rules: Path | None = None
    save: Path | None = None
    file: Path | None = None


class Finished(NamedTuple):
    """An interview that has ended: the case as it is asked again from its file, and where that is."""

    case: CaseFile
    farewell: str


class EndOfInput(Exception):
    """The terminal gives no more lines."""


def tell(text: str) -> None:
    """Text on the terminal as it is; a character that it cannot show is written as its escape."""
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stderr.flush()


def say(text: str = "", indent: int = 0, hanging: int = 0) -> None:
    """One paragraph on the terminal, in lines that fit."""
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    first, after = " " * indent, " " * (indent + hanging)
    lines = wrap(text, width, initial_indent=first, subsequent_indent=after, break_on_hyphens=False) or [""]
    tell("\n".join(lines).replace("\N{NO-BREAK SPACE}", " ") + "\n")


def refuse(why: str) -> None:
    say(why if why.endswith("?") else f"{why}.", 2)


def typed() -> str:
    """One line from the terminal.

    Raises:
        EndOfInput: there is none.
    """
    tell("> ")
    with suppress(OSError, ValueError):  # where a terminal cannot be waited for
        # In short waits: a signal that comes just before one would else be heard only after the next line.
        while not select.select([sys.stdin], [], [], _WAIT_SECONDS)[0]:
            pass
    line = sys.stdin.buffer.readline()
    if not line:
        tell("\n")
        raise EndOfInput
    return line.decode(errors="replace").strip()


class Session:
    """An interview being held."""

    def __init__(self, state: Interview, reader: CaseReader, adviser: Adviser, target: Path) -> None:
        self.start = self.state = state
        self.reader, self.adviser, self.target = reader, adviser, target
        self.assessor = Assessor(self.assess)
        self.heading = self.farewell = ""
        self.options: list[str] = []  # of the command that asks the case again
        self.over = False  # the input has ended

    # --- what is known --------------------------------------------------------------------------------------

    def read(self, case: Mapping[str, Any], name: Path) -> CaseFile:
        """A case as it would be read from its file.

        Raises:
            InputError: it is refused.
        """
        found, problems = self.reader.read(as_yaml(case).encode(), str(name))
        if problems:
            raise InputError(problems)
        return found[0]

    def assess(self, case: Mapping[str, Any]) -> Recommendation:
        """The recommendation for a case.

        Raises:
            InputError: the case is refused.
        """
        found = self.read(case, self.target)
        in_hand("interview")
        return recommend(found.case.profile, self.adviser, found.question())

    @property
    def result(self) -> Recommendation:
        return self.assessor.result(self.state)

    @property
    def changed(self) -> bool:
        return self.state.case != self.start.case

    # --- asking ---------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Ask until there is nothing more to ask, or the user stops or ends the input."""
        say(_INTRO.format(day=self.state.case["as_of"]))
        try:
            while (prompt := self.next()) is not None:
                self.put(prompt)
                if not self.settle(prompt):
                    return
        except EndOfInput:
            self.over = True
            return
        say()
        say(ending(self.assessor.left(self.state)))

    def next(self) -> Prompt | None:
        return self.assessor.next(self.state, self.adviser.base.vocabulary)

    def put(self, prompt: Prompt) -> None:
        """A question with what can be answered, under its heading where it begins."""
        number = question_number(self.state, prompt)
        heading = f"{number}. {prompt.title}"
        if heading != self.heading:
            self.heading = heading
            say()
            say(heading)
        say(prompt.ask, 2)
        say(f"({prompt.hint})", 2, 1)

    def settle(self, prompt: Prompt) -> bool:
        """Take lines until one moves the interview on; False where the user stops."""
        while True:
            line = typed()
            asked = command(line)
            if asked == "stop":
                return False
            if asked == "back":
                if self.state.before is None:
                    say("There is no answer to take back.", 2)
                    continue
                self.state = self.state.before
                return True
            if asked == "again":
                self.state = reopened(self.state)
                return True
            if asked == "so far":
                self.show_so_far()
                self.put(prompt)
            elif asked == "help":
                self.explain(prompt)
            else:
                reading = prompt.unknown if asked == "unknown" else prompt.read(line)
                if isinstance(reading, Refused):
                    refuse(reading.why)
                elif self.accept(prompt, reading):
                    return True

    def accept(self, prompt: Prompt, reading: Reading) -> bool:
        """Put an answer into the case, unless the case would be refused with it."""
        state = answered(self.state, prompt, reading)
        try:
            if listing(state) and state.case != self.state.case:
                self.read(state.case, self.target)  # it is judged once the list is complete
            result = self.assessor.result(state)
        except InputError as error:
            for problem in error.problems:
                refuse(f"{problem.message}; or take an earlier answer back with `back`")
            return False
        before, self.state = self.state, state
        say(f"= {reading.says}", 2, 2)
        known = self.assessor.known(before)
        for warning in sorted(_oddities(result) - _oddities(known or result)):
            say(f"! {warning}", 2, 2)
        settled = self.assessor.decided(state) and not (known and self.assessor.decided(before))
        if settled and self.next() is not None:
            self.announce(result)
        return True

    def announce(self, result: Recommendation) -> None:
        """The verdict, once it is settled, and what is still asked."""
        say()
        say(f"The verdict is settled: {result.verdict}. {result.headline}")
        about = "whether the inhibitor in use is safe, and about the options" if result.checks else "the options"
        say(f"What follows is about {about}; `stop` ends here.")
        self.heading = ""

    def explain(self, prompt: Prompt) -> None:
        for text in (prompt.help, why(prompt, self.result)):
            if text:
                say(text, 2)
        say(f"Answer: {prompt.hint}. Enter alone: not known. Commands: so far, back, again, stop.", 2)

    def show_so_far(self) -> None:
        """The answer as it stands: the verdict, every regimen by its tier, what is open."""
        page = document(self.result)
        say()
        if listing(self.state):
            say("The treatments count once their list is complete.", 2)
        say(page.answer, 2)
        say(f"{page.verdict}: {page.grading}", 2)
        for section in page.sections:
            if section.title in _SHORT:
                for block in section.blocks:
                    if isinstance(block, Entry):
                        say(block.head, 4, 2)
        say()

    # --- saving ---------------------------------------------------------------------------------------------

    def save(self, *, over: Path | None = None) -> Path:
        """Write the case to the first free name, or over a file; of a case without an answer there is nothing to save.

        Raises:
            OutputError: it cannot be written; the case has been printed.
        """
        if not self.changed:
            self.farewell = "No answer was given, so nothing is saved."
            return self.target
        text = as_yaml(self.state.case)
        try:
            saved = replaced(over, text) if over else written(self.target, text)
        except OSError as error:
            tell(f"\n{text}")
            message = f"`{over or self.target}` cannot be written ({error.strerror}); the case stands above"
            raise OutputError(message) from None
        how = f"Saved over {saved}." if over else f"Saved as {saved}, readable by you alone."
        if listing(self.state):
            how += " The list of treatments is not finished, and the file says so."
        if self.state.entry is not None:
            how += " The treatment typed last is not in it: a treatment needs its setting and its drugs."
        self.farewell = f"{how} To ask it again: {shlex.join(['secondline', 'advise', str(saved), *self.options])}"
        return saved


def _oddities(result: Recommendation) -> set[str]:
    return {caution.says for caution in result.cautions if caution.rule.startswith("data-")}


# --- files ------------------------------------------------------------------------------------------------


def free_names(path: Path) -> Iterator[Path]:
    """The name itself, then `name-2`, `name-3` and so on."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def written(path: Path, text: str) -> Path:
    """Write a new file whole, under the first name that is free, for its owner alone to read."""
    passing = _passing(path, text, 0o600)
    names = free_names(path)
    try:
        while True:
            name = next(names)
            with suppress(FileExistsError):
                _claim(passing, name)
                return name
    finally:
        passing.unlink(missing_ok=True)


def _claim(passing: Path, name: Path) -> None:
    """Give a file a name that nothing has yet."""
    try:
        os.link(passing, name)
    except FileExistsError:
        raise
    except OSError:  # a disk without links: take the name first
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            passing.replace(name)
        except BaseException:
            name.unlink()
            raise


def replaced(path: Path, text: str) -> Path:
    """Write a file whole in place of the one that is there, for the same people to read."""
    real = path.resolve()
    passing = _passing(real, text, stat.S_IMODE(real.stat().st_mode))
    try:
        passing.replace(real)
    finally:
        passing.unlink(missing_ok=True)
    return path


def _passing(path: Path, text: str, mode: int) -> Path:
    """A file beside `path` with the text in it, safely on the disk."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        passing.chmod(mode)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise
    return passing


# --- the whole --------------------------------------------------------------------------------------------


def interview(start: CaseFile | None, asked: Asked, reader: CaseReader, adviser: Adviser) -> Finished:
    """Hold an interview to its end and save the case.

    Args:
        start: the case to complete; None for a new one.

    Raises:
        UsageError: the case could not be saved where it is to go.
        KeyboardInterrupt: Ctrl-C; what was answered has been saved.
    """
    target = asked.save or (asked.file.with_suffix(".yaml") if asked.file else DEFAULT)
    if target.suffix not in ENDINGS:
        raise UsageError(f"`--save` expects a file that ends in {one_of(ENDINGS)}, got `{target}`")
    if not target.parent.is_dir():
        raise UsageError(f"no folder `{target.parent}` to save `{target.name}` in")
    case: dict[str, Any] = start.node.plain() if start else {}
    session = Session(begun({**case, "as_of": asked.day}), reader, adviser, target)
    session.options = ["--rules", str(asked.rules)] if asked.rules else []
    _end_by_signals()
    try:
        session.hold()
        own = asked.file if asked.file and not asked.save and asked.file.suffix in ENDINGS else None
        over = own if own and _agreed(session, own) else None
        saved = session.save(over=over)
    except OutputError:
        raise
    except BaseException:
        if not session.farewell:
            session.save()
        with suppress(OSError):
            tell(f"\n{session.farewell}\n")
        raise
    return Finished(session.read(session.state.case, saved), session.farewell)


def _agreed(session: Session, file: Path) -> bool:
    """Whether the case may be written over the file that it came from."""
    if session.over or not session.changed:
        return False
    say()
    say(f"Write over `{file}`? Comments in it are lost. yes or no (Enter alone: no, a new file)")
    with suppress(EndOfInput):
        while True:
            line = typed().casefold()
            if line in ("", "n", "no"):
                return False
            if line in ("y", "yes"):
                return True
            refuse(f"expected `yes` or `no`, got `{shown(line)}`")
    return False


def _end_by_signals() -> None:
    """A closed terminal or a request to end is an end in order, with the case saved."""

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
