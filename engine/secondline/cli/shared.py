"""What the verbs share: options, the reading of days, and errors as messages with their exit codes."""

from __future__ import annotations

import functools
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from secondline.dates import parse_date
from secondline.errors import InputError, Interrupted, OutputError, SecondlineError, UsageError, did_you_mean, one_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from secondline.loading import Loaded

Rules = Annotated[
    Path | None, typer.Option("--rules", metavar="FOLDER", help="The rule folder; the shipped one by default.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DAY", help="The day asked, as YYYY-MM-DD.")]
_Options = ParamSpec("_Options")


def verb(command: Callable[_Options, None]) -> Callable[_Options, None]:
    """A command whose errors are messages on stderr and whose exit codes are the contract's."""

    @functools.wraps(command)
    def run(*args: _Options.args, **kwargs: _Options.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            complain(Interrupted("interrupted"))
            raise typer.Exit(Interrupted.exit_code) from None
        except SecondlineError as error:
            complain(error)
            raise typer.Exit(error.exit_code) from None
        except (typer.Exit, SystemExit):
            raise
        except Exception as error:  # a defect of this program: say where, never what the patient's values are
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            print(f"secondline: an error of this program itself ({type(error).__name__} at {where})", file=sys.stderr)
            raise typer.Exit(1) from None

    return run


@contextmanager
def interruptible(how_far: Callable[[], str]) -> Iterator[None]:
    """Work that takes long: where Ctrl-C ends it, how far it had come is said."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted {how_far()}") from None


def complain(error: SecondlineError) -> None:
    if isinstance(error, InputError):
        for problem in error.problems:
            print(problem, file=sys.stderr)
    else:
        print(f"secondline: {error}", file=sys.stderr)


def day(text: str | None, option: str = "--as-of") -> date | None:
    """A full day from an option's text."""
    if text is None:
        return None
    try:
        parsed = parse_date(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.first != parsed.last:
        raise UsageError(f"`{option}` expects a day as YYYY-MM-DD, got `{text}`")
    return parsed.first


def chosen(text: str, valid: tuple[str, ...], option: str = "--format") -> str:
    """One of the values that an option takes."""
    if text not in valid:
        raise UsageError(f"`{option}` expects {one_of(valid)}, got `{text}`{did_you_mean(text, valid)}")
    return text


def what_is(name: str, loaded: Loaded) -> str | None:
    """What a name is in a rule folder: a rule, a law, a fact, ...; None where it is nothing."""
    from secondline.facts import catalogue

    base, words = loaded.base, loaded.base.vocabulary
    names: dict[str, Collection[str]] = {
        "a rule": {rule.id for rule in base.rules()},
        "a definition": {definition.id for definition in base.definitions},
        "a law": {law.id for law in loaded.laws},
        "a fact": catalogue().keys() | base.defined.keys(),
        "a regimen": words.regimens,
        "a drug": words.drugs,
        "a class of drugs": words.classes,
        "an evidence": base.evidence,
    }
    return next((what for what, held in names.items() if name in held), None)


def folder(rules: Path | None) -> Path:
    from secondline.store import shipped_rules

    return rules if rules is not None else shipped_rules()


def with_rules(command: str, rules: Path | None) -> str:
    """A command as the next step: of the same rules, where these are not the shipped ones."""
    from secondline.store import shipped_rules

    if rules is None or rules.resolve() == shipped_rules().resolve():
        return f"`{command}`"
    return f"`{command} --rules {shlex.quote(str(rules))}`"


def write(text: str) -> None:
    """Print a result at once and whole, so that a run that is killed leaves whole answers.

    A character that the terminal cannot show is written as its escape.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror}") from None


# --- files that a command writes --------------------------------------------------------------------------


def absent(path: Path) -> None:
    """Refuse to write where something is already; a terminal or a pipe takes more."""
    if (path.exists() or path.is_symlink()) and not _flows(path):
        raise UsageError(f"{path} is there already; nothing is overwritten, choose another name")


def writable(*paths: Path | None) -> None:
    """Say before any work begins which of the files that are to be written cannot be.

    Raises:
        UsageError: one is there already, or named twice.
        OutputError: nothing can be written where one is to go.
    """
    named = [path for path in paths if path is not None]
    for path in named:
        absent(path)
        if not _flows(path):
            _within_reach(path)
    if len({path.resolve() for path in named}) < len(named):
        raise UsageError(f"{named[-1]} is named for two files; give each a name of its own")


def _flows(path: Path) -> bool:
    """Whether what is written there overwrites nothing: a terminal, a pipe, the null device."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _within_reach(path: Path) -> None:
    """Refuse a place for which no folder is there or can be made."""
    near = next(above for above in path.absolute().parents if above.exists())
    if not near.is_dir():
        raise OutputError(f"{path} cannot be written: {near} is no folder")
    if not os.access(near, os.W_OK):
        raise OutputError(f"{path} cannot be written: no permission to write in {near}")


def for_files(path: Path) -> None:
    """Say before any work begins that what is to be a folder of files cannot be one."""
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path} is a link to nothing; name a folder")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is {'a file' if path.is_file() else 'no folder'}; name a folder")
    _within_reach(path / "any")


def writable_folder(path: Path | None) -> None:
    """Say before any work begins that a folder for new files is none, or holds something."""
    if path is None:
        return
    for_files(path)
    if path.is_dir() and any(path.iterdir()):
        raise UsageError(f"{path} holds files already; nothing is overwritten, name a new or an empty folder")


def save(path: Path, text: str) -> None:
    """Write a new file, and the folder for it; never over a file that came meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if _flows(path) else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None
