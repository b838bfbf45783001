"""What the verbs share: options, the reading of days, and errors as messages with their exit codes."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from secondline.dates import parse_date
from secondline.errors import InputError, Interrupted, OutputError, SecondlineError, UsageError, did_you_mean, one_of

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


def folder(rules: Path | None) -> Path:
    from secondline.store import shipped_rules

    return rules if rules is not None else shipped_rules()


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
