"""`secondline diff`: who is answered otherwise by another rule base or on another day, why, and that nobody else is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.shared import Rules, chosen, day, folder, interruptible, save, verb, writable, write
from secondline.errors import EngineError, UsageError, counted

if TYPE_CHECKING:
    from secondline.authoring.cohort import Cohort
    from secondline.authoring.comparison import Base, Comparison
    from secondline.authoring.revisions import Side
    from secondline.scales import Jurisdiction

PLACES: tuple[Jurisdiction, ...] = ("us", "eu", "none")
FORMATS = ("text", "json", "markdown")
NARROWEST, WIDEST = 80, 120


@verb
def command(
    old: Annotated[
        str | None, typer.Argument(metavar="OLD", help="A rule folder, a revision (REV or REV:path), or a day.")
    ] = None,
    new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="The same; without it the rule folder of `--rules`.")
    ] = None,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="DAY", help="Given twice: compare one rule base on two days."),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="DAY", help="The day two rule bases are asked for; the newest known by default."),
    ] = None,
    jurisdiction: Annotated[
        list[str] | None, typer.Option("--jurisdiction", help="us, eu or none; all three by default.")
    ] = None,
    cohort: Annotated[
        list[str] | None,
        typer.Option("--cohort", metavar="FILE", help="Case files, folders or tables: which of them change, and why."),
    ] = None,
    columns: Annotated[
        Path | None, typer.Option("--columns", metavar="FILE", help="A column map for the tables of `--cohort`.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show what is known of those of `--cohort` who change, not only their ids.")
    ] = False,
    examples: Annotated[
        Path | None,
        typer.Option("--examples", metavar="FILE", help="Write every example patient as a case that NEW passes."),
    ] = None,
    examples_before: Annotated[
        Path | None,
        typer.Option("--examples-before", metavar="FILE", help="The same patients as cases that OLD passes."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 if anything differs.")] = False,
    rules: Rules = None,
    form: Annotated[str, typer.Option("--format", help="text, json or markdown.")] = "text",
) -> None:
    """Say which patients change between two rule bases or two days, why, and prove that nobody else does."""
    chosen(form, FORMATS)
    writable(examples, examples_before)
    named = {chosen(name, PLACES, "--jurisdiction") for name in jurisdiction or PLACES}
    places = [place for place in PLACES if place in named]
    sides = _sides(old, new, as_of, rules)
    days = [asked for text in on or () if (asked := day(text, "--on"))]
    glance = sides[0].day is not None and form == "text" and not full
    bases = _bases(sides, days, rules)
    with interruptible(lambda: "while the two sides were compared"):
        found = _compared(bases, places, full=full, glance=glance)
    with interruptible(lambda: "while the cohort was asked, after the two sides were compared"):
        answered = _asked(found, cohort, columns, show=show, every=full or form != "text") if cohort else None
    for path, base in ((examples_before, found.old), (examples, found.new)):
        if path is not None:
            _write_examples(found, base, path)
    _show(found, answered, form, full=full)
    if exit_code and found.differs:
        raise typer.Exit(1)


def _sides(old: str | None, new: str | None, as_of: list[str] | None, rules: Path | None) -> tuple[Side, Side]:
    """What is compared with what."""
    from secondline.authoring.revisions import Side, side
    from secondline.rulefiles import rule_files

    if as_of:
        if old is not None:
            what = "`--as-of` compares one rule base on two days and takes no OLD and NEW"
            raise UsageError(f"{what}; the day two rule bases are asked for is `--on`")
        if len(as_of) != 2:
            times = "once" if len(as_of) == 1 else f"{len(as_of)} times"
            raise UsageError(f"`--as-of` is given {times}; give it twice, for the two days to be compared")
        one, other = Side(as_of[0], None, day(as_of[0])), Side(as_of[1], None, day(as_of[1]))
    elif old is None:
        raise UsageError("`diff` needs OLD and NEW, or `--as-of` twice: two rule folders, revisions or days")
    else:
        one = side(old)
        held = folder(rules)
        other = side(new) if new is not None else Side(str(held), rule_files(held))
    if (one.day is None) is not (other.day is None):
        named, dated = (one, other) if one.day is None else (other, one)
        raise UsageError(f"`{dated.name}` is a day and `{named.name}` is none; give two days of one rule base, or none")
    return one, other


def _compared(bases: tuple[Base, Base], places: list[Jurisdiction], *, full: bool, glance: bool) -> Comparison:
    """Compare; at a glance, each regimen is a line and nothing is said of whom its tier changes for."""
    from secondline.authoring.comparing import compare
    from secondline.authoring.comparison import Detail
    from secondline.diagram import TooManyNodes
    from secondline.worlds import Undecidable

    kinds = {"verdict", "conflict", "grading"} | (set() if glance else {"tier"})
    try:
        return compare(*bases, places, Detail(frozenset(kinds), every_example=full, unknown=full or not glance))
    except TooManyNodes:
        raise EngineError("these rule bases are too much to compare as functions of all patients") from None
    except Undecidable:
        unknown = "a definition leaves its fact unknown even where everything is known"
        raise EngineError(f"{unknown}; `secondline check` of both rule folders says which") from None


def _bases(sides: tuple[Side, Side], on: list[date], rules: Path | None) -> tuple[Base, Base]:
    """Both sides made ready, with the days on which they are asked."""
    from secondline.authoring.comparison import Base
    from secondline.loading import load_laws
    from secondline.store import ready, ready_of

    one, other = sides
    if one.day is not None and other.day is not None:
        if on:
            raise UsageError("`--on` is the day two rule bases are asked for; two days are given already")
        held = ready(folder(rules))
        return Base(one.name, held, (), (one.day,)), Base(other.name, held, (), (other.day,))
    files = [side.files for side in sides if side.files is not None]
    made = [ready_of(found) for found in files]
    days = tuple(dict.fromkeys(on)) or (max(held.base.knowledge_until for held in made),)
    old, new = (
        Base(side.name, held, load_laws(found), days) for side, held, found in zip(sides, made, files, strict=True)
    )
    return old, new


# --- a cohort ---------------------------------------------------------------------------------------------


def _asked(found: Comparison, names: list[str], columns: Path | None, *, show: bool, every: bool) -> Cohort:
    """The patients of a cohort, asked for the last of the days."""
    from secondline.authoring.cohort import MOST_SHOWN, Asked, compare_cohort, shown
    from secondline.batch.inputs import STDIN, find
    from secondline.batch.mapping import read_map
    from secondline.batch.run import leave_pandas_out
    from secondline.diagram import TooManyNodes
    from secondline.worlds import Undecidable

    if show and STDIN in names:
        raise UsageError("`--show` reads a cohort twice, which standard input cannot be; name a file")
    leave_pandas_out()
    sides = (Asked(found.old.ready, found.old.days[-1]), Asked(found.new.ready, found.new.days[-1]))
    held = find(names)
    if held.passed_over:
        files = counted(len(held.passed_over), "file")
        print(f"secondline: passed over, as no cases or tables: {files}", file=sys.stderr)
    mapped = read_map(columns) if columns else {}
    try:
        cohort = compare_cohort(held.sources, sides, mapped, sys.stdin.buffer, found.why, every=every)
    except (TooManyNodes, Undecidable):
        raise EngineError("a rule base is too much to answer for whole tables; compare case files one by one") from None
    if show:
        wanted = {name for switch in cohort.switches for name in switch.ids[:MOST_SHOWN]}
        cohort = cohort._replace(values=shown(held.sources, sides[1], mapped, sys.stdin.buffer, wanted))
        several = sorted(wanted - cohort.values.keys())
        if several:
            listed = ", ".join(several)
            print(f"secondline: nothing is shown of ids that several patients have: {listed}", file=sys.stderr)
    return cohort


# --- output -----------------------------------------------------------------------------------------------


def _write_examples(found: Comparison, base: Base, path: Path) -> None:
    """Write the examples as one side answers them."""
    from secondline.authoring.comparing import examples
    from secondline.authoring.patients import as_yaml

    cases = list(examples(found, base))
    save(path, as_yaml(cases) if cases else "[]\n")
    print(f"secondline: {counted(len(cases), 'example patient')} in {path}", file=sys.stderr)


def _show(found: Comparison, cohort: Cohort | None, form: str, *, full: bool) -> None:
    from secondline.report.comparing import SCREEN, as_markdown, as_text, page

    if form == "json":
        held = found.as_dict() | ({"cohort": cohort.as_dict()} if cohort else {})
        write(json.dumps(held, sort_keys=True, ensure_ascii=False, indent=2) + "\n")
        return
    shown = page(found, cohort, full=full or form == "markdown")
    if form == "markdown":
        write(as_markdown(shown))
        return
    terminal = sys.stdout.isatty()
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST) if terminal else SCREEN
    write(as_text(shown, width=width, colour=terminal and "NO_COLOR" not in os.environ))
