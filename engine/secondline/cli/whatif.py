"""`secondline whatif`: what would change the answer to a case, or that answer beside the one with facts set."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import date
from typing import Annotated

import typer

from secondline.cli.advise import NARROWEST, WIDEST, read_all
from secondline.cli.guard import in_hand
from secondline.cli.shared import AsOf, Rules, chosen, day, folder, verb, write
from secondline.errors import InputError, UsageError

FORMATS = ("text", "json", "markdown")


@verb
def command(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case file with one case; - reads standard input.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FACT=VALUE", help="Set a fact, and show the answer beside the one as it is."),
    ] = None,
    rules: Rules = None,
    as_of: AsOf = None,
    form: Annotated[str, typer.Option("--format", help="text, json or markdown.")] = "text",
) -> None:
    """Say what would change an answer, exactly: the least changes of facts, and the distance to every limit."""
    chosen(form, FORMATS)
    asked = day(as_of)
    from secondline.cases import CaseReader, Days
    from secondline.recommend import Adviser
    from secondline.report.markdown import as_markdown
    from secondline.report.text import as_text
    from secondline.report.whatif import set_page, whatif_page
    from secondline.store import ready
    from secondline.whatif.run import what_if
    from secondline.whatif.sidebyside import Changed, compare, setting

    held = ready(folder(rules))
    reader = CaseReader(held.base, held.case_schema, Days(asked, date.today()))
    changes = [setting(one) for one in settings or ()]
    found, problems = read_all([case], reader, rules)
    if problems:
        raise InputError(problems)
    if len(found) != 1:
        raise UsageError(f"`whatif` needs exactly one case, got {len(found)}")
    (one,) = found
    adviser = Adviser(held.base, held.program)
    in_hand(one.id)
    result = compare(one, changes, reader, adviser) if changes else what_if(one.case.profile, adviser, one.question())
    if form == "json":
        write(json.dumps(result.as_dict(), sort_keys=True, ensure_ascii=False, indent=2) + "\n")
        return
    page = set_page(result) if isinstance(result, Changed) else whatif_page(result)
    if form == "markdown":
        write(as_markdown(page))
        return
    terminal = sys.stdout.isatty()
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST) if terminal else 80
    write(as_text(page, width=width, colour=terminal and "NO_COLOR" not in os.environ))
