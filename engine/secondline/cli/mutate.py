"""`secondline mutate`: which changes of the rules no case would notice, each with a case that would."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.shared import Rules, chosen, folder, interruptible, save, verb, what_is, writable, write
from secondline.cli.test import case_files, read_tested
from secondline.errors import UsageError, counted, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secondline.authoring.mutation import Run
    from secondline.authoring.noticing import Bench
    from secondline.cases import CaseReader
    from secondline.loading import Loaded
    from secondline.report.mutation import Judged, Report

FORMATS = ("text", "json")
EVERY_SECONDS = 5  # between two lines of progress


@verb
def command(
    cases: Annotated[
        list[Path] | None, typer.Argument(metavar="CASES...", help="Case files or folders; `cases` by default.")
    ] = None,
    rules: Rules = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="RULE", help="Change this rule or definition alone.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="How many processes.")] = 2,
    out: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write a case for each survivor to this file.")
    ] = None,
    equivalent: Annotated[
        bool, typer.Option("--equivalent", help="List those too that change nothing for any patient known whole.")
    ] = False,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Change each condition, limit, value, conclusion and citation of the rules, and see whether a case notices."""
    chosen(form, FORMATS)
    writable(out)
    from secondline.authoring.mutation import Run, Settings
    from secondline.authoring.mutation import judged as judged_by
    from secondline.cases import CaseReader, Days
    from secondline.loading import load
    from secondline.report.mutation import Judged, Report, as_json, as_text
    from secondline.rulefiles import rule_files
    from secondline.store import ready_of

    files = rule_files(folder(rules))
    loaded, held = load(files), ready_of(files)
    reader = CaseReader(loaded.base, held.case_schema, Days())
    found = read_tested(case_files(cases or [Path("cases")]), reader)
    settings = Settings(files, tuple(found))
    mine = Run(settings)
    mutants = mine.mutants
    names = _named(only or [], list(mutants.by_name), loaded)
    judged: list[Judged] = []
    total = sum(len(mutants.of(name)) for name in names)
    with interruptible(lambda: f"after {len(judged):,} of {counted(total, 'mutant')}, {_outcomes(judged)}"):
        said = _progress(f"{counted(len(found), 'case')} asked of the rules as they are")
        _pass(mine.bench)
        for one in judged_by(mine, names, max(1, min(jobs, len(names)))):
            judged.append(Judged(mutants.of(one.name)[one.number], one))
            if monotonic() - said >= EVERY_SECONDS:
                said = _progress(f"{len(judged):,} of {counted(total, 'mutant')} tried, {_outcomes(judged)}")
    report = Report(mutants, judged, len(found))
    write(as_json(report) if form == "json" else as_text(report, equivalent=equivalent))
    if out is not None and report.of("survived"):
        _write_cases(report, mine, out, reader)
    if report.of("survived", "open"):
        raise typer.Exit(1)


def _progress(says: str) -> float:
    """Say on a terminal how far it has come; when that was."""
    if sys.stderr.isatty():
        print(f"secondline: {says}", file=sys.stderr)
    return monotonic()


def _outcomes(judged: Sequence[Judged]) -> str:
    """How many of some mutants were noticed and how many not."""
    found = Counter(one.found.status for one in judged)
    return f"{found['noticed']:,} noticed, {found['survived'] + found['open']:,} survived"


def _named(only: list[str], names: list[str], loaded: Loaded) -> list[str]:
    for name in only:
        if name not in names:
            what = what_is(name, loaded)
            near = did_you_mean(name, names)
            if what is not None:
                changed = f"only rules and definitions are changed{near or ', each by its id'}"
                raise UsageError(f"`--only`: `{name}` is {what}, and {changed}")
            raise UsageError(f"no rule or definition `{name}`{near}")
    return only or names


def _pass(bench: Bench) -> None:
    """End where a case is not as expected by the rules as they are: then nothing could be noticed."""
    failing = bench.failing()
    for case, says in failing:
        print(f"{case.name}\n  {says[0]}", file=sys.stderr)
    if failing:
        are, them = ("is", "it") if len(failing) == 1 else ("are", "them")
        count = counted(len(failing), "case")
        print(f"secondline: {count} {are} not as expected; mend {them} first", file=sys.stderr)
        raise typer.Exit(1)


def _write_cases(report: Report, run: Run, out: Path, reader: CaseReader) -> None:
    """Write cases for the survivors, and count those that they notice once they are read back."""
    from secondline.authoring.mutation import together
    from secondline.authoring.noticing import Bench
    from secondline.authoring.patients import as_yaml
    from secondline.report.mutation import case

    survivors = [(one.mutant, one.found.example) for one in report.of("survived") if one.found.example]
    made = [case(mutants, example) for mutants, example in together(run, survivors)]
    names = Counter[str]()
    for one in made:
        names[one["id"]] += 1
        one["id"] += f"-{names[one['id']]}" if names[one["id"]] > 1 else ""
    text = as_yaml(made)
    save(out, text)
    cases, _ = reader.read(text.encode(), str(out))
    bench = Bench(run.base, run.loaded.laws, cases)
    _pass(bench)
    noticed = sum(
        any(bench.noticing(mutant, sure=sure) is not None for sure in (True, False)) for mutant, _ in survivors
    )
    notice = f"{'notices' if len(cases) == 1 else 'notice'} {noticed} of {counted(len(survivors), 'survivor')}"
    print(f"secondline: {counted(len(cases), 'case')} in {out} {notice}", file=sys.stderr)
