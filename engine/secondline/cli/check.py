"""`secondline check`: parses, types, cross-references and lints a rule folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.shared import Rules, chosen, folder, verb, write
from secondline.errors import InputError, Place, Problem

if TYPE_CHECKING:
    from secondline.rulefiles import RuleFiles

FORMATS = ("text", "json", "junit", "sarif")


@verb
def command(
    positional: Annotated[Path | None, typer.Argument(metavar="RULES", help="The rule folder.")] = None,
    rules: Rules = None,
    form: Annotated[str, typer.Option("--format", help="text, json, junit or sarif.")] = "text",
) -> None:
    """Check a rule folder: every file, every name, every cite, every text."""
    chosen(form, FORMATS)
    from secondline.report.findings import Checked, as_json, as_junit, as_sarif
    from secondline.rulefiles import rule_files

    files = rule_files(positional or folder(rules))
    problems, summary = findings(files)
    by_file: dict[str, list[Problem]] = {f"{files.folder}/{name}": [] for name in files.contents}
    for problem in problems:
        by_file.setdefault(problem.place.file, []).append(problem)
    checked = [Checked(name, tuple(found)) for name, found in sorted(by_file.items())]
    if form == "text":
        write("".join(f"{problem}\n" for problem in problems) + summary + "\n")
    else:
        write({"json": as_json(checked), "junit": as_junit(checked, "rules"), "sarif": as_sarif(checked)}[form] + "\n")
    if problems:
        raise typer.Exit(1)


def findings(files: RuleFiles) -> tuple[list[Problem], str]:
    """Every problem of a rule folder, and a line that says what was checked."""
    from secondline.inference.durable import Engine
    from secondline.inference.rails import compile_program
    from secondline.lint import lint
    from secondline.loading import load

    try:
        loaded = load(files)
        places = {name: node.place for name, node in loaded.nodes.items()}
        Engine(compile_program(loaded.base, places))
    except InputError as error:
        found = sorted(error.problems)
        return found, f"{len(files.contents)} files, {_counted(len(found))}"
    base = loaded.base
    unread = [
        Problem(Place(f"{files.folder}/{name}"), "is not read; the files of a rule folder end in `.yaml`")
        for name in files.unread
    ]
    found = sorted([*lint(loaded), *unread])
    rules = len(list(base.rules()))
    laws = len(loaded.laws)
    what = f"{rules} rules, {len(base.definitions)} definitions, {laws} laws, {len(base.evidence)} evidence files"
    return found, f"{what}, {_counted(len(found))}"


def _counted(number: int) -> str:
    return "clean" if number == 0 else f"{number} finding{'s' if number > 1 else ''}"
