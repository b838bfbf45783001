"""`secondline test`: every case that has `expect`, against the answer it gets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.guard import in_hand
from secondline.cli.shared import AsOf, Rules, chosen, complain, day, folder, verb, write
from secondline.errors import InputError, Place, Problem, counted

if TYPE_CHECKING:
    from secondline.cases import CaseFile, CaseReader
    from secondline.forms.rules import Law
    from secondline.recommendation import Recommendation
    from secondline.report.findings import Checked
    from secondline.rulebase import RuleBase

FORMATS = ("text", "json", "junit", "sarif")
ENDINGS = (".yaml", ".yml", ".json", ".jsonl", ".ndjson")


@verb
def command(
    cases: Annotated[
        list[Path] | None, typer.Argument(metavar="CASES...", help="Case files or folders; `cases` by default.")
    ] = None,
    rules: Rules = None,
    as_of: AsOf = None,
    form: Annotated[str, typer.Option("--format", help="text, json, junit or sarif.")] = "text",
) -> None:
    """Run every case that has `expect`, and every law on each."""
    chosen(form, FORMATS)
    asked = day(as_of)
    from secondline.cases import CaseReader, Days, compare
    from secondline.loading import load_laws
    from secondline.recommend import Adviser, recommend
    from secondline.report.findings import Checked, as_json, as_junit, as_sarif
    from secondline.rulefiles import rule_files
    from secondline.store import ready

    held = ready(folder(rules))
    laws = load_laws(rule_files(folder(rules)))
    files = case_files(cases or [Path("cases")])
    found, invalid = read_expecting(files, CaseReader(held.base, held.case_schema, Days(asked)))
    if invalid and not found:
        raise InputError(invalid)
    for says in twice(found):
        print(f"secondline: {says}", file=sys.stderr)
    adviser = Adviser(held.base, held.program)
    checked: list[Checked] = []
    for case in found:
        in_hand(case.id)
        answer = recommend(case.case.profile, adviser, case.question())
        problems = [Problem(d.place, f"expected {d.key} {d.expected}, got {d.got}") for d in compare(case, answer)]
        checked.append(Checked(case.name, (*problems, *broken_by(case, answer, laws, held.base))))
    failed = sum(bool(item.problems) for item in checked)
    if form == "text":
        write(in_words(checked, failed))
    else:
        unread = dict.fromkeys(problem.place.file for problem in invalid)
        checked += [Checked(file, tuple(p for p in invalid if p.place.file == file)) for file in unread]
        write({"json": as_json(checked), "junit": as_junit(checked, "cases"), "sarif": as_sarif(checked)}[form] + "\n")
    if invalid:
        complain(InputError(invalid))
        print(f"secondline: not all cases could be read; {counted(len(found), 'other case')} ran", file=sys.stderr)
        raise typer.Exit(InputError.exit_code)
    if failed:
        raise typer.Exit(1)


def broken_by(case: CaseFile, answer: Recommendation, laws: tuple[Law, ...], base: RuleBase) -> Iterator[Problem]:
    """Each law that the answer to a case breaks."""
    from secondline.inference.reference import infer
    from secondline.laws import broken
    from secondline.patient import know
    from secondline.recommend import Outcome

    findings = infer(base, know(case.case.profile, case.day, base.vocabulary).facts)
    outcome = Outcome(answer.verdict, {option.regimen: option.tier for option in answer.options})
    for _, says in broken(laws, base, case.day, findings, outcome):
        yield Problem(case.node.place, says)


def case_files(paths: list[Path]) -> list[Path]:
    """The case files among these paths, folders searched."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in ENDINGS and p.is_file() and not _hidden(p, path))
            if not inside:
                raise InputError([Problem(Place(str(path)), f"no case file in this folder ({', '.join(ENDINGS)})")])
            found += inside
        else:
            found.append(path)
    return found


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def read_tested(files: list[Path], reader: CaseReader) -> list[CaseFile]:
    """The cases that expect something, where all can be read.

    Raises:
        InputError: with every problem of every file, a case without a day among them.
    """
    found, problems = read_expecting(files, reader)
    if problems:
        raise InputError(problems)
    return found


def read_expecting(files: list[Path], reader: CaseReader) -> tuple[list[CaseFile], list[Problem]]:
    """The cases that expect something, and every problem of those that cannot be read."""
    from secondline.source import read_bytes

    found: list[CaseFile] = []
    problems: list[Problem] = []
    for path in files:
        try:
            some, wrong = reader.read(read_bytes(path, str(path)), str(path))
        except InputError as error:
            problems += error.problems
            continue
        found += [case for case in some if case.case.expect is not None]
        problems += wrong
    if not found and not problems:
        print("secondline: no case here has `expect`", file=sys.stderr)
    return found, problems


def twice(found: list[CaseFile]) -> Iterator[str]:
    """Each id that several cases give themselves, with where they stand; a file that is named twice has one place."""
    places: dict[str, set[Place]] = {}
    for case in found:
        if case.case.id is not None:
            places.setdefault(case.case.id, set()).add(case.node.place)
    for name, held in places.items():
        if len(held) > 1:
            yield f"`{name}` is the id of {len(held)} cases: {' and '.join(map(str, sorted(held)))}"


def in_words(checked: list[Checked], failed: int) -> str:
    lines = [line for item in checked if item.problems for line in (item.name, *(f"  {p}" for p in item.problems))]
    passed = len(checked) - failed
    return "\n".join([*lines, f"{counted(len(checked), 'case')}, {passed} as expected, {failed} not"]) + "\n"
