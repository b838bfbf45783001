"""`secondline schema`: the JSON Schema of a file or an answer."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from secondline.cli.shared import chosen, verb, write


@verb
def command(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="case, rule, evidence or recommendation.")],
) -> None:
    """Print a JSON Schema, so that editors complete and check files."""
    from secondline.schemas import SUBJECTS, schema

    chosen(subject, SUBJECTS, "SUBJECT")
    write(json.dumps(schema(subject), sort_keys=True, indent=2, ensure_ascii=False) + "\n")
