"""`secondline schema`: the JSON Schema of a file or an answer."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secondline.cli.shared import Rules, chosen, folder, for_files, save, verb, writable, write
from secondline.errors import UsageError

if TYPE_CHECKING:
    from secondline.schemas.names import Names

EVERY = "all"


@verb
def command(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="case, rule, evidence or recommendation; a kind of rule, as verdict, option, gate, test, caution or "
            "definition; laws, rulebase, classes, drugs, regimens or endpoints; all, with -o.",
        ),
    ],
    rules: Rules = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="A file; of `all` a folder, one file a kind.")
    ] = None,
) -> None:
    """Print a JSON Schema, so that editors complete and check files.

    It knows the names of the rule folder. `all -o my-rules/.schemas` writes one for each kind of file and prints the
    setting that tells editors.
    """
    from secondline.schemas.subjects import SUBJECTS, schema

    chosen(subject, (*SUBJECTS, EVERY), "SUBJECT")
    if subject == EVERY:
        if output is None:
            raise UsageError("`schema all` writes files; name a folder, as in `-o my-rules/.schemas`")
        write(as_json(written(output, folder(rules))))
        return
    writable(output)
    found = as_json(schema(subject, None if subject == "recommendation" else names(folder(rules))))
    if output is None:
        write(found)
    else:
        save(output, found)


def names(rules: Path) -> Names:
    from secondline.schemas.names import names_in
    from secondline.store import ready

    return names_in(ready(rules).base)


def written(output: Path, rules: Path) -> dict[str, Any]:
    """Write a schema for each kind of file, in place of an earlier one; the setting that says which files each is for.

    Raises:
        UsageError: a file of another kind has the name of a schema.
    """
    from secondline.schemas.subjects import FILES, schema

    for_files(output)
    paths = {subject: output / f"{subject}.json" for subject in (*FILES, "case")}
    for subject, path in paths.items():
        if (path.exists() or path.is_symlink()) and not is_schema(path, subject):
            raise UsageError(f"{path} is there already and no schema of a {subject}; nothing is overwritten")
    known = names(rules)
    for subject, path in paths.items():
        path.unlink(missing_ok=True)
        save(path, as_json(schema(subject, known)))
    print(f"secondline: {len(FILES) + 1} schemas written to {output}", file=sys.stderr)
    here, there = (os.path.relpath(path).replace(os.sep, "/") for path in (output, rules))
    here = here if here.startswith("..") else f"./{here}"  # else an editor may take its first folder for a workspace
    matched = {f"{here}/{subject}.json": f"{there}/{files}" for subject, files in FILES.items()}
    return {"yaml.schemas": {**matched, f"{here}/case.json": "cases/**/*.yaml"}}


def is_schema(path: Path, subject: str) -> bool:
    """Whether a file is what `schema all` wrote for a subject, perhaps for other names."""
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and held.get("title") == f"secondline {subject}"


def as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
