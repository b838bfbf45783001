"""`secondline docs`: the rule base as an HTML site."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.guard import in_hand
from secondline.cli.shared import AsOf, Rules, day, folder, verb, write
from secondline.cli.test import ENDINGS, case_files
from secondline.errors import InputError, Problem, UsageError, counted

if TYPE_CHECKING:
    from secondline.cases import CaseFile, CaseReader

CASES = Path("cases")


@verb
def command(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the site goes; an earlier one is replaced.")
    ],
    rules: Rules = None,
    as_of: AsOf = None,
    cases: Annotated[
        Path | None,
        typer.Option("--cases", metavar="FOLDER", help="Cases to show beside the rules; `cases` where there is one."),
    ] = None,
) -> None:
    """Write the rule base as a readable HTML site: rules, evidence with forest plots, cases, a decision map."""
    asked = day(as_of)
    if find_spec("jinja2") is None:
        raise UsageError("`docs` needs jinja2; install secondline[authors]")
    from secondline.cases import CaseReader, Days
    from secondline.loading import load_laws
    from secondline.recommend import Adviser
    from secondline.rulefiles import rule_files
    from secondline.site.edition import Edition
    from secondline.site.folder import check_free, write_site
    from secondline.site.render import site
    from secondline.site.seen import seen
    from secondline.store import ready_of

    check_free(output)
    files = rule_files(folder(rules))
    held = ready_of(files)
    laws = load_laws(files)
    if asked is not None and asked > held.base.knowledge_until:
        until = f"the evidence was last read on {held.base.knowledge_until}, before {asked}"
        print(f"secondline: {until}; what came later is not shown", file=sys.stderr)
    found = _cases(cases, CaseReader(held.base, held.case_schema, Days()))
    adviser = Adviser(held.base, held.program)
    answered = []
    for case in found:
        in_hand(case.id)
        answered.append(seen(case, adviser, laws))
    count = write_site(output, site(Edition(held.base, laws, answered, asked)))
    write(f"{counted(count, 'page')} in {output}; begin with {output / 'index.html'}\n")


def _cases(folder: Path | None, reader: CaseReader) -> list[CaseFile]:
    """The cases of a folder; of the default one, those that are valid for these rules.

    Raises:
        InputError: with every problem of every file of a folder that was named.
    """
    from secondline.source import read_bytes

    if folder is None and not any(path.suffix in ENDINGS for path in CASES.rglob("*")):
        return []
    found: list[CaseFile] = []
    problems: list[Problem] = []
    for path in case_files([folder or CASES]):
        try:
            some, wrong = reader.read(read_bytes(path, str(path)), str(path))
        except InputError as error:
            problems += error.problems
            continue
        found += some
        problems += wrong
    if problems and folder is not None:
        raise InputError(problems)
    if problems:
        count = len({(problem.place.file, problem.place.line) for problem in problems})
        places = f"{counted(count, 'place')} {'is' if count == 1 else 'are'}"
        print(f"secondline: in `{CASES}` {places} not valid for these rules, and left out", file=sys.stderr)
    return found
