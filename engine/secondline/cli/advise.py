"""`secondline advise`: one recommendation per case."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.guard import in_hand
from secondline.cli.shared import AsOf, Rules, chosen, complain, day, folder, verb, with_rules, write
from secondline.errors import InputError, Place, Problem, UsageError

if TYPE_CHECKING:
    from secondline.cases import CaseFile, CaseReader
    from secondline.recommend import Adviser
    from secondline.recommendation import Recommendation

FORMATS = ("text", "json", "jsonl", "markdown")
EXIT_CODES = {"continue": 10, "do-not-continue": 11, "individualise": 12, "undetermined": 13, "out-of-scope": 14}
WIDEST, NARROWEST = 100, 60
_OF_A_FOLDER = (("batch", " -o OUTPUT"), ("test", ""))


@verb
def command(
    cases: Annotated[
        list[str] | None,
        typer.Argument(metavar="CASE...", help="Case files; - reads standard input; none, on a terminal, asks."),
    ] = None,
    rules: Rules = None,
    as_of: AsOf = None,
    form: Annotated[str, typer.Option("--format", help="text, json, jsonl or markdown.")] = "text",
    explain: Annotated[
        bool, typer.Option("--explain", help="Add every rule in effect and why it fires or not.")
    ] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask what still matters to one case file.")] = False,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Where the answers given go; case.yaml by default.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With one case, exit by the verdict: 10 to 14.")
    ] = False,
) -> None:
    """Advise on one case or more: continue the CDK4/6 inhibitor, or what instead."""
    names = cases or []
    may_ask(names, ask=ask, save=save)
    chosen(form, FORMATS)
    asked = day(as_of)
    from secondline.cases import CaseReader, Days
    from secondline.recommend import Adviser
    from secondline.store import ready

    held, days = ready(folder(rules)), Days(asked, date.today())
    reader, adviser = CaseReader(held.base, held.case_schema, days), Adviser(held.base, held.program)
    found, problems = read_all(names, reader, rules)
    farewell = ""
    if ask or not names:
        if problems:
            raise InputError(problems)
        if ask and len(found) != 1:
            raise UsageError(f"`--ask` needs exactly one case, got {len(found)}")
        from secondline.cli.interview import Asked, interview

        start = found[0] if ask else None
        on = start.day if start else days.asked or date.today()
        about = Asked(on.isoformat(), rules, save, Path(names[0]) if ask else None)
        case, farewell = interview(start, about, reader, adviser)
        found = [case]
    if exit_code and not problems and len(found) != 1:
        raise UsageError(f"`--exit-code` needs exactly one case, got {len(found)}")
    several = len(found) > 1 or len(names) > 1 or bool(problems and found)
    verdicts = answer(found, adviser, form, explain=explain, several=several)
    if farewell:
        print(f"\n{farewell}", file=sys.stderr)
    if problems:
        complain(InputError(problems))
        raise typer.Exit(InputError.exit_code)
    if exit_code:
        raise typer.Exit(EXIT_CODES[verdicts[0]])


def may_ask(names: list[str], *, ask: bool, save: Path | None) -> None:
    """Refuse options that do not go together, and questions where nobody can answer them."""
    if ask and (len(names) != 1 or names[0] == "-"):
        raise UsageError("`--ask` needs one case file")
    if save is not None and names and not ask:
        raise UsageError("`--save` is for the answers to an interview; give no case file, or `--ask` with one")
    if (ask or not names) and not (sys.stdin and sys.stdin.isatty()):
        what = "`--ask` needs a terminal" if ask else "`advise` needs a case file, or `-` to read standard input"
        raise UsageError(what)


def read_all(names: list[str], reader: CaseReader, rules: Path | None) -> tuple[list[CaseFile], list[Problem]]:
    """The valid cases of all files, in order, and every problem of the others."""
    from secondline.source import MAX_BYTES, read_bytes

    found: list[CaseFile] = []
    problems: list[Problem] = []
    for name in names:
        if name != "-" and Path(name).is_dir():
            batch, test = (with_rules(f"secondline {verb} {shlex.quote(name)}{to}", rules) for verb, to in _OF_A_FOLDER)
            others = f"{batch} answers each case in it, {test} tests them"
            problems.append(Problem(Place(name), f"expected a case file, found a folder; {others}"))
            continue
        try:
            data = sys.stdin.buffer.read(MAX_BYTES + 1) if name == "-" else read_bytes(Path(name), name)
            some, wrong = reader.read(data, "<stdin>" if name == "-" else name)
        except InputError as error:
            problems += error.problems
            continue
        found += some
        problems += wrong
    return found, problems


def answer(found: list[CaseFile], adviser: Adviser, form: str, *, explain: bool, several: bool) -> list[str]:
    """Print the answers and give their verdicts. Each is whole before any of it is printed."""
    from secondline.recommend import recommend

    answers: list[Recommendation] = []
    for number, case in enumerate(found):
        in_hand(case.id)
        result = recommend(case.case.profile, adviser, case.question(explain=explain))
        answers.append(result)
        if form == "jsonl":
            write(json.dumps(result.as_dict(), sort_keys=True, ensure_ascii=False) + "\n")
        elif form != "json":
            write(page(result, form, first=number == 0))
    if form == "json" and (answers or several):
        plain = [result.as_dict() for result in answers]
        shown = plain if several else plain[0]
        write(json.dumps(shown, sort_keys=True, ensure_ascii=False, indent=2) + "\n")
    return [result.verdict for result in answers]


def page(result: Recommendation, form: str, *, first: bool) -> str:
    """One answer as text or Markdown, set apart from the one before it."""
    if form == "markdown":
        from secondline.report.markdown import markdown

        return markdown(result) if first else f"\n---\n\n{markdown(result)}"
    from secondline.report.text import text

    terminal = sys.stdout.isatty()
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST) if terminal else 80
    shown = text(result, width=width, colour=terminal and "NO_COLOR" not in os.environ)
    return shown if first else f"\n{'-' * width}\n\n{shown}"
