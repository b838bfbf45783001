"""Broken files, one mistake each, beside the message they have to bring. `--rewrite` writes the messages; read them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from secondline.cases import CaseReader, Days
from secondline.errors import InputError, Problem
from secondline.rulefiles import rule_files
from secondline.source import read_bytes
from secondline.store import Ready, made_ready

FILES = Path(__file__).parent / "files"
CASES = sorted(path for path in (FILES / "cases").iterdir() if path.suffix != ".message")
RULES = sorted((FILES / "rules").glob("*.yaml"))
PLACE = re.compile(r"^[^:\s]+:(\d+):(\d+): ")
# What tells the reader how to mend it.
FIX = re.compile(
    r"expected|did you mean|correct|remove|keep one|write|put|close|indent|align|save|add|give|split|leave one out|"
    r"list values|quote it|use `has|end it|rename|cite|choose|widen|test it with|name regimens|needs|"
    r"neither true nor false"
)


@pytest.fixture(scope="module")
def base() -> Ready:
    return made_ready(rule_files(FILES / "base"))


def test_there_are_enough() -> None:
    assert len(CASES) + len(RULES) >= 60


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_case(path: Path, base: Ready, rewrite: bool) -> None:
    reader = CaseReader(base.base, base.case_schema, Days())
    try:
        _, problems = reader.read(read_bytes(path, path.name), path.name)
    except InputError as error:
        problems = list(error.problems)
    matches(path, problems, rewrite)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rule(path: Path, tmp_path: Path, rewrite: bool) -> None:
    """The file joins a small sound rule folder, where its first line says."""
    folder = tmp_path / "rules"
    shutil.copytree(FILES / "base", folder)
    first = path.read_text().splitlines()[0]
    target = folder / first.removeprefix("# as ")
    target.parent.mkdir(exist_ok=True)
    shutil.copy(path, target)
    with pytest.raises(InputError) as caught:
        made_ready(rule_files(folder))
    matches(path, [moved(problem, path.name, str(folder)) for problem in caught.value.problems], rewrite)


def moved(problem: Problem, name: str, folder: str) -> Problem:
    """The problem as in the file itself, not in the folder it was put into."""
    return Problem(problem.place._replace(file=name), problem.message.replace(folder, "rules"))


def matches(path: Path, problems: list[Problem], rewrite: bool) -> None:
    message = "\n".join(map(str, sorted(problems))) + "\n"
    beside = path.with_suffix(path.suffix + ".message")
    if rewrite:
        beside.write_text(message)
    assert message == beside.read_text()
    assert len(problems) == 1, "one mistake, one message"
    assert PLACE.match(message), "file, line and column"
    assert FIX.search(message), "the message names the fix"
