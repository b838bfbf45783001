"""`secondline batch`: any number of cases, from files and tables to a file or a folder of parts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.guard import is_guarded
from secondline.cli.shared import AsOf, Rules, chosen, day, folder, verb, write
from secondline.errors import EngineError, InputError, UsageError, counted

if TYPE_CHECKING:
    from secondline.batch.inputs import Source
    from secondline.batch.pieces import Piece
    from secondline.batch.run import Seen, Target
    from secondline.batch.summary import Summary
    from secondline.batch.tables import Reject
    from secondline.condition import Condition
    from secondline.errors import Problem
    from secondline.rulebase import RuleBase

SHARED = 1 << 20  # bytes to read, from which on it is shared among processes
SAMPLE = 10_000  # rows that a draft of a column map looks at
NAMED = 3  # files that are passed over
EVERY_SECONDS = 10  # between two lines of progress where there is no terminal


@verb
def command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Files, folders, patterns; - reads standard input.")
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUTPUT", help="A .parquet, .csv or .jsonl file, a folder, or -."),
    ] = None,
    rules: Rules = None,
    as_of: AsOf = None,
    columns: Annotated[
        Path | None, typer.Option("--columns", metavar="FILE", help="A column map: foreign names and codes.")
    ] = None,
    draft_columns: Annotated[
        bool, typer.Option("--draft-columns", help="Print a column map for a table, to complete; answer nothing.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE", help="Where rejected rows are listed, as CSV.")
    ] = None,
    from_form: Annotated[
        str | None, typer.Option("--from", help="What standard input is: csv, jsonl or cases (YAML, JSON).")
    ] = None,
    to_form: Annotated[
        str | None, typer.Option("--to", help="For a folder or standard output: parquet, csv or jsonl.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a folder that an earlier run left.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if a row was rejected.")] = False,
    tests: Annotated[
        bool, typer.Option("--tests", help="Add tests worth doing, missing facts and open checks; slower by far.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Write whole recommendations beside the answers, as JSON Lines.")
    ] = False,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="CONDITION", help="Explain only those: a condition as rules have it."),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="columns, or durable: both engines of advise on every case, compared.")
    ] = "columns",
    spark: Annotated[
        str | None, typer.Option("--spark", metavar="MASTER", help="Run on a Spark cluster, Parquet to Parquet.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="How many processes; one for each processor by default.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="The summary as text or json.")] = "text",
) -> None:
    """Answer any number of cases: files and tables in, a table out, and nothing lost."""
    chosen(form, ("text", "json"))
    chosen(engine, ("columns", "durable"), "--engine")
    if where is not None and not explain:
        raise UsageError("`--where` says which cases `--explain` writes; add `--explain`")
    asked = day(as_of)
    if from_form is not None:
        chosen(from_form, ("csv", "jsonl", "cases"), "--from")
    from secondline.batch.inputs import find
    from secondline.store import ready

    rule_folder = folder(rules)
    base = ready(rule_folder).base  # what is wrong with the rules is said once, here
    found = find(inputs, from_form)
    if draft_columns:
        write(drafted(found.sources))
        return
    if output is None:
        raise UsageError("`-o` is missing: where the answers go; a file, a folder, or - for standard output")
    from secondline.batch.answers import Settings
    from secondline.batch.each import Asked
    from secondline.batch.mapping import read_map
    from secondline.batch.run import ABOUT, begun, end_with_parent, leave_pandas_out, processors, run

    if spark is not None:
        if tests or explain or engine != "columns" or resume or rejects or to_form:
            raise UsageError("`--spark` answers the columns of a table alone, into a folder of Parquet")
        from secondline.batch.spark import run_on_spark

        settings = Settings(rule_folder, asked, date.today(), read_map(columns) if columns else {})
        ended(
            run_on_spark(found.sources, output, settings, spark),
            output,
            f"kind=reject in {output}",
            form,
            strict=strict,
        )
        return
    target = targeted(output, to_form, rejects, found.sources, explain=explain)
    if resume and not target.folder:
        raise UsageError("`--resume` goes on with a folder of parts; a single file appears only when it is whole")
    today = date.today()
    if resume and asked is None and (Path(output) / ABOUT).is_file():
        today = date.fromisoformat(begun(Path(output))["as_of"])  # the day on which it was begun
    asked_each = Asked(tests, explain, condition(where, base) if where else None, engine == "durable")
    settings = Settings(rule_folder, asked, today, read_map(columns) if columns else {}, asked_each)
    if found.passed_over:
        listed = ", ".join(found.passed_over[:NAMED]) + (" ..." if len(found.passed_over) > NAMED else "")
        print(f"secondline: passed over, as no cases or tables: {listed}", file=sys.stderr)
    if is_guarded():  # a process of its own
        end_with_parent()
        leave_pandas_out()
    with progress(found.sources, rejects=target.rejects is None and not target.folder) as seen:
        summary = run(
            found.sources,
            target,
            settings,
            sys.stdin.buffer,
            sys.stdout.buffer,
            workers or (processors() if worth_sharing(found.sources) else 1),
            seen,
            resume=resume,
        )
    listed = str(target.rejects or (f"the *.rejects.csv of {output}" if target.folder else "above"))
    ended(summary, output, listed, form, strict=strict)


def ended(summary: Summary, output: str, listed: str, form: str, *, strict: bool) -> None:
    """Say what a batch came to, and exit by it."""
    plain = json.dumps(summary.as_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    shown = plain if form == "json" else summary.text()
    if output == "-":
        sys.stderr.write(shown)
    else:
        write(shown)
    if summary.rejects:
        rejected = f"{summary.rejects:,} of {counted(summary.rows, 'row')} {'was' if summary.rejects == 1 else 'were'}"
        print(f"secondline: {rejected} rejected; see {listed}", file=sys.stderr)
    if summary.lost:
        lost = f"{counted(summary.lost, 'case')} {'has' if summary.lost == 1 else 'have'} no answer"
        raise EngineError(f"{lost}, as an engine failed or disagreed; see the rejects")
    if summary.rejects and strict:
        raise typer.Exit(InputError.exit_code)


def condition(text: str, base: RuleBase) -> Condition:
    """A condition as rules have it, on facts and on `verdict`, `offered` and their like."""
    from secondline.condition import parse
    from secondline.laws import terms
    from secondline.source import parse as documents

    problems: list[Problem] = []
    try:
        nodes = documents(text.encode(), "--where")
    except InputError as error:
        raise UsageError(str(error)) from None
    found = parse(nodes[0], terms(base), problems) if len(nodes) == 1 else None
    if found is None:
        raise UsageError("; ".join(map(str, problems)) or f"`--where` expects one condition, got `{text}`")
    return found


def targeted(
    output: str, to_form: str | None, rejects: Path | None, sources: Sequence[Source], *, explain: bool
) -> Target:
    """Where answers and rejects go; never over what is read."""
    from secondline.batch.outputs import beside, form_of
    from secondline.batch.run import Target

    if to_form is not None:
        chosen(to_form, ("parquet", "csv", "jsonl"), "--to")
    if output == "-":
        if to_form == "parquet":
            raise UsageError("Parquet is not written to standard output; name a file")
        if explain:
            raise UsageError("`--explain` writes a file beside the answers; name a file or folder for them")
        return Target(output, to_form or "jsonl", None, False, rejects)
    form, compression = form_of(output)
    into_folder = form is None or Path(output).is_dir()
    if into_folder and rejects:
        raise UsageError("a folder of parts has the rejects of each part beside it; leave `--rejects` out")
    if not into_folder and to_form:
        raise UsageError("`--to` is for a folder or standard output; the name of a file says what it is")
    target = Target(
        output,
        form or to_form or "parquet",
        compression,
        into_folder,
        None if into_folder else rejects or beside(output, "rejects.csv"),
    )
    if explain and not into_folder:
        target = target._replace(explained=beside(output, "explained.jsonl"))
    read = {Path(source.name).resolve() for source in sources if source.name != "-"}
    if not into_folder and not Path(output).parent.is_dir():
        raise UsageError(f"there is no folder `{Path(output).parent}` for `{output}`; make it, or name another place")
    if target.rejects is not None and (target.rejects.is_dir() or not target.rejects.parent.is_dir()):
        raise UsageError(f"`--rejects` expects a file in a folder that is there, got `{target.rejects}`")
    if target.rejects is not None and target.rejects.resolve() == Path(output).resolve():
        raise UsageError("answers and rejects are two files; name another for `--rejects`")
    if not into_folder and Path(output).exists() and not Path(output).is_file():
        raise UsageError(f"`{output}` is no file that answers can replace; name another place")
    for path in (Path(output), target.rejects, target.explained):
        if path and (path.resolve() in read or (into_folder and any(path.resolve() in one.parents for one in read))):
            raise UsageError(f"{path} is among what is read; write to another place")
    return target


def worth_sharing(sources: Sequence[Source]) -> bool:
    """Whether there is enough to read for more than one process."""
    sizes = (Path(source.name).stat().st_size if source.name != "-" else SHARED for source in sources)
    return sum(sizes) >= SHARED


def drafted(sources: Sequence[Source]) -> str:
    """A column map for a table, with the codes of columns that have few different ones."""
    from secondline.batch.mapping import draft
    from secondline.batch.pieces import sampled

    if len(sources) != 1:
        raise UsageError(f"`--draft-columns` needs one table, got {len(sources)}")
    return draft(*sampled(sources[0], sys.stdin.buffer, SAMPLE))


@contextmanager
def progress(sources: Sequence[Source], *, rejects: bool) -> Iterator[Seen]:
    """How far it has come: a bar on a terminal, a line now and then elsewhere; rejects, where no file takes them."""
    sizes = {source.name: Path(source.name).stat().st_size for source in sources if source.name != "-"}
    if not sys.stderr.isatty():
        yield _lines(rejects=rejects)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = Progress(
        BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,.0f}/s"), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    total = sum(sizes.values()) if len(sizes) == len(sources) else None
    begun, rows = monotonic(), 0
    with shown:
        task = shown.add_task("", total=total, rows=0, rate=0.0)

        def seen(piece: Piece, count: int, rejected: Sequence[Reject]) -> None:
            nonlocal rows
            tell(rejected if rejects else ())
            rows += count
            rate = rows / max(monotonic() - begun, 1e-9)
            shown.update(task, advance=piece.share(sizes), rows=rows, rate=rate)

        yield seen


def tell(rejects: Sequence[Reject]) -> None:
    for reject in rejects:
        print(reject, file=sys.stderr)


def _lines(*, rejects: bool) -> Seen:
    begun = said = monotonic()
    rows = 0

    def seen(_piece: Piece, count: int, rejected: Sequence[Reject]) -> None:
        nonlocal rows, said
        tell(rejected if rejects else ())
        rows += count
        now = monotonic()
        if now - said >= EVERY_SECONDS:
            said = now
            print(f"{counted(rows, 'row')}, {rows / (now - begun):,.0f}/s", file=sys.stderr, flush=True)

    return seen
