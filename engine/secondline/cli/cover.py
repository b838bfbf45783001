"""`secondline cover`: what the cases exercise of the rules, and a case for each gap."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.shared import Rules, chosen, folder, interruptible, save, verb, with_rules, writable, write
from secondline.cli.test import case_files, read_tested
from secondline.errors import UsageError, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secondline.cases import CaseFile

FORMATS = ("text", "json", "html")


@verb
def command(
    cases: Annotated[
        list[Path] | None, typer.Argument(metavar="CASES...", help="Case files or folders; `cases` by default.")
    ] = None,
    rules: Rules = None,
    form: Annotated[str, typer.Option("--format", help="text, json or html.")] = "text",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file, not to the terminal.")
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            "--fail-under",
            metavar="PERCENT",
            min=0,
            max=100,
            help="End with 1 if less is exercised of all that can be.",
        ),
    ] = None,
    suggest: Annotated[
        Path | None, typer.Option("--suggest", metavar="FILE", help="Write a case for each gap to this file.")
    ] = None,
) -> None:
    """Say what the cases exercise of the rules, each condition both ways, and MC/DC; suggest a case for each gap."""
    chosen(form, FORMATS)
    writable(output, suggest)
    if form == "html" and find_spec("jinja2") is None:
        raise UsageError("`cover --format html` needs jinja2; install secondline[authors]")
    from secondline.authoring.coverage import Counter
    from secondline.authoring.noticing import Bench
    from secondline.authoring.patients import as_yaml
    from secondline.authoring.suggest import Suggester
    from secondline.cases import CaseReader, Days
    from secondline.loading import load
    from secondline.report.coverage import Report, as_html, as_json, as_text
    from secondline.rulefiles import rule_files
    from secondline.store import ready_of

    files = rule_files(folder(rules))
    loaded, held = load(files), ready_of(files)
    named = cases or [Path("cases")]
    found = read_tested(case_files(named), CaseReader(loaded.base, held.case_schema, Days()))
    how_far = f"before {counted(len(found), 'case')} could be counted"
    with interruptible(lambda: how_far):
        test = with_rules(shlex.join(["secondline", "test", *map(str, named)]), rules)
        _warn(Bench(loaded.base, loaded.laws, found).failing(), len(found), test)
        coverage = Counter(loaded.base, loaded.laws).coverage(found)
        missed = coverage.missed()
        how_far = f"after {counted(len(found), 'case')}, with {counted(len(missed), 'gap')} still to be looked into"
        gaps = Suggester(loaded.base, loaded.laws).gaps(missed, cases=suggest is not None)
    report = Report(loaded, coverage, gaps)
    if form == "html":
        texts = {f"{files.folder}/{name}": data.decode("utf-8-sig") for name, data in files.contents.items()}
        text = as_html(report, texts)
    else:
        text = {"json": as_json, "text": as_text}[form](report)
    if output is not None:
        save(output, text)
    else:
        write(text)
    if suggest is not None and gaps.suggested:
        save(suggest, as_yaml([one.case for one in gaps.suggested]))
        closed = sum(len(one.closes) for one in gaps.suggested)
        many = len(gaps.suggested)
        close = f"{'closes' if many == 1 else 'close'} {counted(closed, 'gap')}"
        print(f"secondline: {counted(many, 'case')} in {suggest} {close}", file=sys.stderr)
    for target in gaps.left:
        print(f"secondline: no case was found for `{target.name}`, {target.outcome}", file=sys.stderr)
    if fail_under is not None and not report.total.percent >= fail_under:
        print(f"secondline: {report.total.percent:.1f} % is under {fail_under:g} %", file=sys.stderr)
        raise typer.Exit(1)


def _warn(failing: Sequence[tuple[CaseFile, Sequence[str]]], cases: int, test: str) -> None:
    """Say which cases are not as expected: they exercise the rules as the others do, and test nothing."""
    if failing:
        (first, _), are = failing[0], "is" if len(failing) == 1 else "are"
        says = f"{len(failing)} of {counted(cases, 'case')} {are} not as expected, `{first.name}` for one"
        print(f"secondline: {says}; counted all the same, {test} says why", file=sys.stderr)
