"""What the audit keeps: every figure of an evidence file, which check read it, and every disagreement found."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.condition import tests_in
from secondline.evidence import lineages

if TYPE_CHECKING:
    from secondline.evidence import Sourced
    from secondline.forms.evidence import ApprovedIn, Arm, Effect, Evidence, Interval, Report, Result

Path = tuple[str | int, ...]

# A number in words, unless it is part of a name (HER2, CDK4/6, BREAST06) or of another number.
NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:\.\d+)?(?![\w/]|[.,]\d)")


class Spot(NamedTuple):
    """A result with where it stands; `arm` where one arm of it is meant."""

    report: Report
    result: Result
    path: Path
    arm: str | None = None

    def of(self, arm: str) -> Spot:
        return self._replace(arm=arm, path=(*self.path, "arms", arm))

    def armed(self) -> Iterator[tuple[Spot, Arm]]:
        """Each arm of the result, with its place."""
        for name, arm in self.result.arms.items():
            yield self.of(name), arm

    def at(self, *names: str | int) -> Path:
        return (*self.path, *names)

    @property
    def name(self) -> str:
        words = [self.result.endpoint, self.result.subgroup, self.result.comparison, self.arm]
        return f"{self.report.id} {', '.join(word for word in words if word)}"


class Finding(NamedTuple):
    """Two figures that do not agree, or one that cannot be."""

    code: str
    evidence: str
    path: Path
    message: str
    report: str | None = None
    endpoint: str | None = None
    subgroup: str | None = None
    comparison: str | None = None
    arm: str | None = None


class Ledger:
    """One evidence file under audit."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.findings: list[Finding] = []
        self.read: defaultdict[str, set[Path]] = defaultdict(set)
        self.spots = [
            Spot(report, result, ("reports", i, "results", j))
            for i, report in enumerate(evidence.reports)
            for j, result in enumerate(report.results)
        ]
        try:
            self.lineages: list[list[Sourced]] = lineages(evidence)
        except ValueError:  # `check` says it
            self.lineages = []

    def reads(self, code: str, *paths: Path) -> None:
        """Note that a check has read the figures at these places."""
        self.read[code].update(paths)

    def finds(self, code: str, where: Spot | Report | None, path: Path, message: str, about: str | None = None) -> None:
        """Note a finding; `about` tells it from others of a file where no result does."""
        found = Finding(code, self.evidence.id, path, message, endpoint=about)
        if where is None and path[0] == "reports":
            where = next((spot for spot in self.spots if path[: len(spot.path)] == spot.path), None)
        if isinstance(where, Spot):
            result = where.result
            found = found._replace(report=where.report.id, endpoint=result.endpoint, subgroup=result.subgroup)
            found = found._replace(comparison=result.comparison, arm=where.arm, message=f"{where.name}: {message}")
        elif where is not None:
            found = found._replace(report=where.id, message=f"{where.id}: {message}")
        self.findings.append(found)

    # --- what several checks ask for ----------------------------------------------------------------------

    def alike(self, report: Report) -> list[Spot]:
        """The results about the same patients as a report's: of all reports, unless they are independent."""
        return [spot for spot in self.spots if spot.report is report or not self.evidence.independent]

    def whole(self, report: Report, arm: str) -> int | None:
        """How many an arm has in the whole population, as first stated."""
        for spot in self.alike(report):
            held = spot.result.arms.get(arm)
            if held and held.n is not None and spot.result.subgroup is None and spot.result.role != "safety":
                return held.n
        return None

    def size(self, spot: Spot, arm: str) -> tuple[int, Path] | None:
        """How many an arm has in the population of a result: stated there, else in the same or another report."""
        held = spot.result.arms.get(arm)
        if held and held.n is not None:
            return held.n, spot.at("arms", arm, "n")
        same = [other for other in self.alike(spot.report) if population_of(other.result) == population_of(spot.result)]
        for other in sorted(same, key=lambda other: other.report is not spot.report):
            held = other.result.arms.get(arm)
            if held and held.n is not None and other.result.endpoint in (spot.result.endpoint, "pfs", "os"):
                return held.n, other.at("arms", arm, "n")
        return None

    def median(self, spot: Spot, arm: str, endpoint: str) -> tuple[Any, Path] | None:
        """The median of an endpoint for the arm and population of a result, in the same report."""
        for other in self.spots:
            held = other.result.arms.get(arm)
            if (
                held
                and held.median_months is not None
                and other.report is spot.report
                and other.result.endpoint == endpoint
                and other.result.subgroup == spot.result.subgroup
                and (spot.result.assessor is None or other.result.assessor in (None, spot.result.assessor))
            ):
                return held.median_months, other.at("arms", arm, "median_months")
        return None


def intervals_of(holder: Arm | Effect) -> Iterator[tuple[int, str, Interval]]:
    """The intervals of an arm or effect: level, name of the field, limits."""
    for level in (95, 90, 80):
        limits = getattr(holder, f"ci{level}", None)
        if limits is not None:
            yield level, f"ci{level}", limits


def population_of(result: Result) -> tuple[str | None, bool]:
    return result.subgroup, result.role == "safety"


# --- figures ----------------------------------------------------------------------------------------------


class Figure(NamedTuple):
    """A number of an evidence file: where it stands; `word` counts the numbers of a text."""

    path: Path
    text: str
    word: int | None = None

    @property
    def key(self) -> Path:
        return self.path if self.word is None else (*self.path, self.word)


def figures(evidence: Evidence) -> Iterator[Figure]:
    """Every figure: those in fields of their own, those in dates and citations, and those in words."""
    if evidence.registry is not None:
        yield Figure(("registry",), evidence.registry)
    for name in ("name", "question"):
        yield from _in_words((name,), getattr(evidence, name))
    design = evidence.design
    if design and design.n is not None:
        yield Figure(("design", "n"), str(design.n))
    if design and design.allocation:
        yield Figure(("design", "allocation"), design.allocation)
    yield from _texts(("population",), evidence.population)
    for name, says in evidence.arms.items():
        yield from _in_words(("arms", name), says)
    if evidence.eligibility:
        for i, criterion in enumerate(evidence.eligibility.criteria):
            yield from _in_words(("eligibility", "criteria", i, "says"), criterion.says)
            for test in tests_in(criterion.when):
                for value in (value for check in test.checks for value in check.values):
                    if isinstance(value, (int, float)) and not isinstance(value, bool):
                        yield Figure(("eligibility", "criteria", i, "when"), str(value))
        yield from _texts(("eligibility", "not_judged"), evidence.eligibility.not_judged)
    if evidence.approvals:
        held: dict[Path, ApprovedIn] = {(): evidence.approvals}
        held |= {("regimens", name): approved for name, approved in evidence.approvals.regimens.items()}
        for path, approved in held.items():
            for name in ("us", "eu"):
                if getattr(approved, name) is not None:
                    yield Figure(("approvals", *path, name), str(getattr(approved, name)))
    for i, report in enumerate(evidence.reports):
        yield from _report_figures(report, ("reports", i))
    yield from _texts(("notes",), evidence.notes)


def _report_figures(report: Report, path: Path) -> Iterator[Figure]:
    for name in ("year", "doi", "pmid"):
        value = getattr(report.citation, name)
        if value is not None:
            yield Figure((*path, "citation", name), str(value))
    for name in ("venue", "number"):
        yield from _in_words((*path, "citation", name), getattr(report.citation, name))
    if report.first_public is not None:
        yield Figure((*path, "first_public"), str(report.first_public))
    if report.median_follow_up_months is not None:
        yield Figure((*path, "median_follow_up_months"), str(report.median_follow_up_months))
    for endpoint, count in report.events.items():
        yield Figure((*path, "events", endpoint), str(count))
    for j, result in enumerate(report.results):
        yield from _result_figures(result, (*path, "results", j))


def _result_figures(result: Result, path: Path) -> Iterator[Figure]:
    for name, arm in result.arms.items():
        yield from _fields(arm, (*path, "arms", name), ("n", "events", "count", "percent", "median_months"))
        yield from _in_words((*path, "arms", name, "note"), arm.note)
    if result.effect:
        yield from _fields(result.effect, (*path, "effect"), ("value", "p"))
    yield from _fields(result, path, ("interaction_p",))
    for name in ("subgroup", "maturity", "multiplicity", "finding"):
        yield from _in_words((*path, name), getattr(result, name))


def _fields(holder: Any, path: Path, names: tuple[str, ...]) -> Iterator[Figure]:
    for name in names:
        if getattr(holder, name) is not None:
            yield Figure((*path, name), str(getattr(holder, name)))
    for name in ("ci95", "ci90", "ci80"):
        for i, limit in enumerate(getattr(holder, name, None) or ()):
            if limit is not None:
                yield Figure((*path, name, i), str(limit))


def _texts(path: Path, texts: tuple[str, ...]) -> Iterator[Figure]:
    for i, text in enumerate(texts):
        yield from _in_words((*path, i), text)


def _in_words(path: Path, text: str | None) -> Iterator[Figure]:
    for word, found in enumerate(NUMBER.finditer(text or "")):
        yield Figure(path, found[0], word)
