"""Case files -> cases, each checked against facts and vocabulary; answers -> comparison with what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.errors import InputError, Place, Problem
from secondline.expectations import Answered, mismatches, unknown_names
from secondline.recommend import Question
from secondline.refusals import refusals
from secondline.rulebase import RuleBase
from secondline.source import Node, parse_each, problem_at

if TYPE_CHECKING:
    from secondline.forms.cases import Case


class CaseFile(NamedTuple):
    """A case with the id it goes by, the day it is asked for and the node it was read from."""

    id: str
    case: Case
    day: date
    node: Node

    @property
    def name(self) -> str:
        return self.case.title or self.id

    def question(self, *, explain: bool = False) -> Question:
        return Question(self.day, self.case.jurisdiction, self.id, explain)


class Difference(NamedTuple):
    """One thing that an answer does not have as expected, at its place in the case file."""

    place: Place
    key: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.place}: expected {self.key} {self.expected}, got {self.got}"


class Days(NamedTuple):
    """Which day a case is asked for: the one asked for all, else its own, else today (None: it has to name one)."""

    asked: date | None = None
    today: date | None = None

    def of(self, case: Case) -> date | None:
        return self.asked or case.as_of or self.today


class CaseReader:
    """Reads case files for one rule base; `schema` is the core schema of `forms.cases.Case`."""

    def __init__(self, base: RuleBase, schema: Any, days: Days) -> None:
        from pydantic_core import SchemaValidator

        self._base, self._days = base, days
        self._validator = SchemaValidator(schema)

    def read(self, data: bytes, name: str) -> tuple[list[CaseFile], list[Problem]]:
        """The cases of a file that are valid, and every problem of those that are not.

        Raises:
            InputError: the file as a whole cannot be read.
        """
        found: list[CaseFile] = []
        problems: list[Problem] = []
        for _, read in self.each(data, name):
            if isinstance(read, InputError):
                problems += read.problems
            else:
                found.append(read)
        return found, problems

    def each(self, data: bytes, name: str) -> Iterator[tuple[Node | None, CaseFile | InputError]]:
        """Every case of a file, or why it is not valid, with the node it stands in; None where that cannot be read.

        Raises:
            InputError: the file as a whole cannot be read.
        """
        nodes: list[Node | InputError] = []
        for top in parse_each(data, name):
            nodes += top.value if isinstance(top, Node) and isinstance(top.value, list) else [top]
        if not nodes:
            raise InputError([Problem(Place(name, 1, 1), "no case in this file; add one, a mapping with a `profile`")])
        stem = "stdin" if name == "<stdin>" else Path(name).stem
        for position, node in enumerate(nodes, start=1):
            if isinstance(node, InputError):
                yield None, node
                continue
            try:
                yield node, self.case(node, stem if len(nodes) == 1 else f"{stem}-{position}")
            except InputError as error:
                yield node, error

    def case(self, node: Node, name: str) -> CaseFile:
        """The case that a node holds; `name` is its id where it gives none.

        Raises:
            InputError: it is not valid, with every problem.
        """
        case = self.shaped(node)
        day = self._days.of(case)
        if day is None:
            raise InputError([Problem(node.place, "`as_of` is missing; add the day it is asked for, as YYYY-MM-DD")])
        reasons = refusals(case.profile, day, self._base.vocabulary)
        wrong = [problem_at(node, ("profile", *path), message) for path, message in reasons]
        unknown = unknown_names(case.expect, self._base) if case.expect else ()
        wrong += [problem_at(node, ("expect", *path), message) for path, message in unknown]
        if wrong:
            raise InputError(wrong)
        return CaseFile(case.id or name, case, day, node)

    def shaped(self, node: Node) -> Case:
        """The case that a node holds; the models themselves are needed only to word what is wrong."""
        from pydantic_core import ValidationError

        try:
            case: Case = self._validator.validate_python(node.plain())
        except ValidationError as error:
            from secondline.forms.cases import Case as Model
            from secondline.shapes import problems_in

            raise InputError(problems_in(node, Model, error)) from None
        return case


def compare(case: CaseFile, answer: Answered) -> list[Difference]:
    """What an answer does not have as the case expects it; empty if nothing."""
    expect = case.case.expect
    return [
        Difference(problem_at(case.node, ("expect", *path), "").place, f"`{path[0]}`", expected, got)
        for path, expected, got in (mismatches(expect, answer) if expect else ())
    ]
