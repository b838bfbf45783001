"""`secondline check`: parses, types, cross-references and lints a rule folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.shared import AsOf, Rules, chosen, day, folder, verb, write
from secondline.errors import InputError, Place, Problem, UsageError, counted, did_you_mean

if TYPE_CHECKING:
    from secondline.cases import CaseFile
    from secondline.forms.rules import Law, Rule
    from secondline.lint.kinds import Finding, Kind
    from secondline.loading import Loaded
    from secondline.rulebase import RuleBase
    from secondline.rulefiles import RuleFiles

FORMATS = ("text", "json", "junit", "sarif")


@verb
def command(
    positional: Annotated[Path | None, typer.Argument(metavar="RULES", help="The rule folder.")] = None,
    rules: Rules = None,
    cases: Annotated[
        list[Path] | None,
        typer.Option("--cases", metavar="CASES", help="Cases: what no case tests is a finding then. May be repeated."),
    ] = None,
    as_of: AsOf = None,
    form: Annotated[str, typer.Option("--format", help="text, json, junit or sarif.")] = "text",
    code: Annotated[str | None, typer.Option("--explain", metavar="CODE", help="Say what a code means.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List every code.")] = False,
) -> None:
    """Check a rule folder: every file, every name, every cite, every text."""
    chosen(form, FORMATS)
    asked = day(as_of)
    from secondline.lint.kinds import KINDS
    from secondline.report.findings import Checked, as_json, as_junit, as_sarif, explained, kinds_listed
    from secondline.rulefiles import rule_files

    if code is not None or listing:
        write(kinds_listed(KINDS.values()) if code is None else explained(kind_of(code)))
        return
    if positional is not None and rules is not None:
        raise UsageError(f"the rule folder is given twice, `{positional}` and `--rules {rules}`; leave one out")
    files = rule_files(positional or folder(rules))
    found, summary = findings(files, asked, cases)
    by_file: dict[str, list[Finding]] = {f"{files.folder}/{name}": [] for name in files.contents}
    for finding in found:
        by_file.setdefault(finding.place.file, []).append(finding)
    checked = [Checked(name, tuple(held)) for name, held in sorted(by_file.items())]
    if form == "text":
        write("".join(f"{finding}\n" for finding in found) + summary + "\n")
    elif form == "json":
        write(as_json(checked) + "\n")
    else:
        write((as_junit(checked, "rules") if form == "junit" else as_sarif(checked, KINDS.values())) + "\n")
    if found:
        raise typer.Exit(1)


def kind_of(code: str) -> Kind:
    """The kind of finding that a code or a name means."""
    from secondline.lint.kinds import KINDS

    named = {kind.name: kind for kind in KINDS.values()} | KINDS
    found = named.get(code.upper()) or named.get(code.lower())
    if found is None:
        near = did_you_mean(code, named) or "; `secondline check --list` names them"
        raise UsageError(f"no finding has the code `{code}`{near}")
    return found


def findings(files: RuleFiles, asked: date | None, cases: list[Path] | None) -> tuple[list[Finding], str]:
    """Every finding in a rule folder, and a line that says what was checked."""
    from secondline.inference.durable import Engine
    from secondline.inference.rails import compile_program
    from secondline.lint.kinds import INVALID, REFUSED, UNREAD, UNREADABLE, Finding
    from secondline.lint.run import lint
    from secondline.loading import load

    unread = [
        Finding(Place(f"{files.folder}/{name}"), "is not read; the files of a rule folder end in `.yaml`", UNREAD)
        for name in files.unread
    ]
    code = INVALID
    try:
        loaded = load(files)
        code = REFUSED
        Engine(compile_program(loaded.base, {name: node.place for name, node in loaded.nodes.items()}))
    except InputError as error:
        broken = unreadable(files) if code == INVALID else set()
        found = [Finding(*problem, UNREADABLE if problem in broken else code) for problem in error.problems]
        found = sorted([*found, *unread])
        summary = f"{counted(len(files.contents), 'file')}, {_findings(len(found))}"
        return found, summary + (f"; {_follows(len(found))}" if error.follow else "")
    tried = read_cases(cases, loaded.base) if cases else None
    linted = lint(loaded, asked, tried)
    found = sorted([*linted.findings, *unread])
    return found, f"{_held(loaded)}, {_findings(len(found))}" + _beside(loaded, asked, len(linted.accepted), tried)


def unreadable(files: RuleFiles) -> set[Problem]:
    """The problems of files that are not YAML at all."""
    from secondline.source import parse

    found: set[Problem] = set()
    for name, data in files.contents.items():
        try:
            parse(data, f"{files.folder}/{name}")
        except InputError as error:
            found |= set(error.problems)
    return found


def read_cases(paths: list[Path], base: RuleBase) -> Sequence[CaseFile]:
    """The cases of some files and folders that expect something."""
    from secondline.cases import CaseReader, Days
    from secondline.cli.test import case_files, read_tested
    from secondline.forms.cases import Case

    Case.model_rebuild()
    return read_tested(case_files(paths), CaseReader(base, Case.__pydantic_core_schema__, Days()))


def _held(loaded: Loaded) -> str:
    base = loaded.base
    rules, laws = len(list(base.rules())), len(loaded.laws)
    said = [
        counted(rules, "rule"),
        counted(len(base.definitions), "definition"),
        counted(laws, "law") if laws else "no laws (`laws.yaml` is not there)",
        counted(len(base.evidence), "evidence file"),
    ]
    return ", ".join(said)


def _beside(loaded: Loaded, asked: date | None, accepted: int, tried: Sequence[CaseFile] | None) -> str:
    """What the last line says beside the number of findings, where there is something to say."""
    from secondline.lint.days import not_yet

    last = asked or loaded.base.knowledge_until
    held: list[Rule | Law] = [*loaded.base.rules(), *loaded.laws]
    waiting = sum(not_yet(one, last) for one in held)
    said = [
        counted(len(tried), "case") if tried is not None else "",
        f"{accepted} accepted" if accepted else "",
        f"{waiting} not yet in effect" if waiting else "",
    ]
    return "".join(f"; {words}" for words in said if words)


def _follows(causes: int) -> str:
    it, mended = ("it", "it is") if causes == 1 else ("these", "they are")
    return f"what follows from {it} is not shown until {mended} mended"


def _findings(number: int) -> str:
    return "clean" if number == 0 else counted(number, "finding")
