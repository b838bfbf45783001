"""Case files -> cases, each checked against facts and vocabulary; answers -> comparison with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.errors import InputError, Place, Problem, did_you_mean, one_of
from secondline.facts import catalogue
from secondline.recommend import Question
from secondline.recommendation import Recommendation
from secondline.refusals import refusals
from secondline.rulebase import RuleBase
from secondline.scales import OFFERED
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
        wrong += _unknown_expectations(node, case, self._base)
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


def _unknown_expectations(node: Node, case: Case, base: RuleBase) -> Iterator[Problem]:
    """Names under `expect` that no rule, regimen, fact or report has."""
    expect = case.expect
    if expect is None:
        return
    rules = {rule.id for rule in (*base.verdicts, *base.gates)}
    facts = set(catalogue())
    reports = set(base.reports)
    regimens = set(base.vocabulary.regimens)
    named: list[tuple[tuple[str | int, ...], str, set[str], str]] = [
        *((("decided_by", i), name, rules, "verdict rule or gate") for i, name in enumerate(expect.decided_by or ())),
        *((("options", name), name, regimens, "regimen") for name in expect.options),
        *((("not_options", i), name, regimens, "regimen") for i, name in enumerate(expect.not_options)),
        *((("tests", i), name, facts, "fact") for i, name in enumerate(expect.tests)),
        *((("cites", i), name, reports, "evidence or report") for i, name in enumerate(expect.cites)),
    ]
    for i, group in enumerate(expect.missing or ()):
        named += [(("missing", i, j), name, facts, "fact") for j, name in enumerate(group)]
    for path, name, valid, what in named:
        if name not in valid:
            yield problem_at(node, ("expect", *path), f"no {what} `{name}`{did_you_mean(name, valid)}")


def compare(case: CaseFile, answer: Recommendation) -> list[Difference]:
    """What an answer does not have as the case expects it; empty if nothing."""
    expect = case.case.expect
    if expect is None:
        return []
    found: list[Difference] = []

    def differs(key: str, expected: str, got: str, *path: str | int) -> None:
        found.append(Difference(problem_at(case.node, ("expect", key, *path), "").place, f"`{key}`", expected, got))

    if expect.verdict is not None and expect.verdict != answer.verdict:
        differs("verdict", f"`{expect.verdict}`", f"`{answer.verdict}`")
    if expect.settled is not None and expect.settled is not answer.settled:
        differs("settled", str(expect.settled).lower(), str(answer.settled).lower())
    if expect.decided_by is not None and sorted(expect.decided_by) != sorted(answer.decided_by):
        differs("decided_by", _listed(expect.decided_by), _listed(answer.decided_by))
    if expect.missing is not None and _sets(expect.missing) != _sets(answer.missing):
        differs("missing", _sets_text(expect.missing), _sets_text(answer.missing))
    tiers = {option.regimen: option.tier for option in answer.options}
    for regimen, tier in expect.options.items():
        if tiers.get(regimen) != tier:
            differs("options", f"`{regimen}` {tier}", tiers.get(regimen, _unlisted(regimen, answer)), regimen)
    for i, regimen in enumerate(expect.not_options):
        if tiers.get(regimen) in OFFERED:
            differs("not_options", f"`{regimen}` not offered", tiers[regimen], i)
    asked = [test.fact for test in answer.tests]
    for i, fact in enumerate(expect.tests):
        if fact not in asked:
            differs("tests", f"`{fact}`", _listed(asked), i)
    reports = answer.reports()
    for i, cite in enumerate(expect.cites):
        if cite not in reports:
            differs("cites", f"`{cite}`", _listed(sorted(reports)), i)
    return found


def _sets(groups: Iterable[Iterable[str]]) -> list[list[str]]:
    return sorted(sorted(group) for group in groups)


def _sets_text(groups: Iterable[Iterable[str]]) -> str:
    inner = (", ".join(group) for group in _sets(groups))
    return "[" + ", ".join(f"[{names}]" for names in inner) + "]"


def _listed(names: Sequence[str]) -> str:
    return one_of(names).replace(" or ", " and ") if names else "none"


def _unlisted(regimen: str, answer: Recommendation) -> str:
    return "closed" if any(shut.regimen == regimen for shut in answer.closed) else "no option"
