"""What stands on the page of a trial, label or guideline: every figure as typed, and forest plots of its effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from secondline.evidence import Shown, public_from
from secondline.report.evidence import shown
from secondline.site.edition import Edition, report_anchor
from secondline.site.figures import arm, citation, effect, endpoint, mark, remarks, whom
from secondline.site.forest import Forest, Mark, drawable, forests
from secondline.site.names import Link, upper
from secondline.site.phrases import Phrase, phrase
from secondline.site.words import KINDS, ROLES

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence, Report, Result


class ResultRow(NamedTuple):
    """One result with figures: arm by arm, its effect, and what else is recorded of it."""

    endpoint: str
    role: str
    whom: str
    arms: tuple[tuple[str, str], ...]
    effect: str
    remarks: tuple[str, ...]
    superseded_by: Link | None


class Statement(NamedTuple):
    """A finding in words."""

    about: str
    finding: str
    superseded_by: Link | None


class ReportShown(NamedTuple):
    id: str
    anchor: str
    kind: str
    citation: str
    since: str
    counts: bool
    facts: tuple[tuple[str, str], ...]
    results: tuple[ResultRow, ...]
    statements: tuple[Statement, ...]


class Criterion(NamedTuple):
    says: str
    read: Phrase


class EvidencePage(NamedTuple):
    link: Link
    id: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    question: str
    population: tuple[str, ...]
    arms: tuple[tuple[str, str], ...]
    criteria: tuple[Criterion, ...]
    not_judged: tuple[str, ...]
    not_read: tuple[str, ...]
    forests: tuple[Forest, ...]
    undrawn: tuple[str, ...]
    reports: tuple[ReportShown, ...]
    notes: tuple[str, ...]
    accepted: tuple[tuple[str, str], ...]
    citing: tuple[tuple[str, tuple[Link, ...]], ...]


class EvidenceRow(NamedTuple):
    """One evidence in a list, with its newest report public by the day."""

    link: Link
    id: str
    newest: Link
    since: str
    question: str
    reports: int


def evidence_page(edition: Edition, item: Evidence) -> EvidencePage:
    eligibility = item.eligibility
    criteria = eligibility.criteria if eligibility else ()
    later = _later(edition, item)
    return EvidencePage(
        link=edition.evidence_link(item),
        id=item.id,
        kind=item.kind,
        facts=tuple(_facts(edition, item)),
        question=item.question or "",
        population=tuple(item.population),
        arms=tuple(item.arms.items()),
        criteria=tuple(Criterion(one.says, phrase(one.when, edition.names)) for one in criteria),
        not_judged=tuple(eligibility.not_judged) if eligibility else (),
        not_read=tuple(eligibility.not_read) if eligibility else (),
        forests=forests(_marks(edition, item, later), "effects", item.name),
        undrawn=tuple(_undrawn(edition, item, later)),
        reports=tuple(_report(edition, item, report, later) for report in edition.reports(item)),
        notes=tuple(item.notes),
        accepted=tuple(_accepted(edition, item)),
        citing=tuple(_citing(edition, item)),
    )


def evidence_row(edition: Edition, item: Evidence) -> EvidenceRow:
    until = edition.base.knowledge_until
    reports = edition.reports(item)
    newest = max(reports, key=lambda report: public_from(report, until))
    link = edition.evidence_link(item)
    since = public_from(newest, until).isoformat()
    return EvidenceRow(link, item.id, edition.evidence_link(item, newest), since, item.question or "", len(reports))


def _facts(edition: Edition, item: Evidence) -> Iterator[tuple[str, str]]:
    if item.registry:
        yield "Registry", item.registry
    if item.phase:
        yield "Phase", item.phase
    if item.design:
        design = item.design
        parts = (
            "randomised" if design.randomized else "not randomised",
            design.masking,
            design.allocation,
            f"{design.n} patients" if design.n is not None else None,
        )
        yield "Design", ", ".join(part for part in parts if part)
    if item.independent:
        yield "Succession", "its reports are independent of one another: none supersedes another"
    if item.approvals:
        for about, held in (("", item.approvals), *item.approvals.regimens.items()):
            days = [(place, getattr(held, place)) for place in ("us", "eu")]
            read = [f"{place.upper()} {day}" for place, day in days if day is not None and day.over <= edition.day]
            if read:
                yield f"First approval{f' of {about}' if about else ''}, as read", ", ".join(read)


# --- results ------------------------------------------------------------------------------------------------

_Later = dict[tuple[str, int], Link]


def _later(edition: Edition, item: Evidence) -> _Later:
    """For each superseded result, by report and position, the report that superseded it."""
    links = {report.id: edition.evidence_link(item, report) for report in edition.reports(item)}
    return {
        (report["id"], number): links[result["superseded_by"]]
        for report in shown(item, edition.day, edition.base.knowledge_until)["reports"]
        for number, result in enumerate(report["results"])
        if result["superseded_by"]
    }


def _report(edition: Edition, item: Evidence, report: Report, later: _Later) -> ReportShown:
    since = public_from(report, edition.base.knowledge_until)
    numbered = [(later.get((report.id, number)), result) for number, result in enumerate(report.results)]
    facts = []
    if report.jurisdiction:
        facts.append(("Jurisdiction", report.jurisdiction.upper()))
    if report.median_follow_up_months is not None:
        facts.append(("Median follow-up", f"{report.median_follow_up_months} months"))
    if report.events:
        vocabulary = edition.base.vocabulary
        counted = [f"{endpoint(name, vocabulary)} {count}" for name, count in report.events.items()]
        facts.append(("Events", ", ".join(counted)))
    return ReportShown(
        id=report.id,
        anchor=report_anchor(report),
        kind=report.kind.replace("-", " "),
        citation=citation(item, report),
        since=since.isoformat(),
        counts=since <= edition.day,
        facts=tuple(facts),
        results=tuple(_row(edition, item, result, by) for by, result in numbered if result.role != "statement"),
        statements=tuple(_statement(edition, result, by) for by, result in numbered if result.role == "statement"),
    )


def _row(edition: Edition, item: Evidence, result: Result, later: Link | None) -> ResultRow:
    return ResultRow(
        endpoint=upper(endpoint(result.endpoint, edition.base.vocabulary)),
        role=ROLES[result.role],
        whom=whom(item, result),
        arms=tuple((name, arm(held)) for name, held in result.arms.items()),
        effect=effect(result.effect) if result.effect else "",
        remarks=tuple(remarks(result)),
        superseded_by=later,
    )


def _statement(edition: Edition, result: Result, later: Link | None) -> Statement:
    about = (endpoint(result.endpoint, edition.base.vocabulary), result.subgroup, result.comparison)
    return Statement(upper(", ".join(part for part in about if part)), result.finding or "", later)


# --- forest plots -------------------------------------------------------------------------------------------


def _effects(edition: Edition, item: Evidence, later: _Later) -> Iterator[tuple[Report, Result, bool]]:
    """Every result with an effect, in the order of the file, and whether a later one superseded it."""
    for report in edition.reports(item):
        for number, result in enumerate(report.results):
            if result.effect is not None:
                yield report, result, (report.id, number) in later


def _marks(edition: Edition, item: Evidence, later: _Later) -> Iterator[Mark]:
    """What can be drawn: of one population and comparison together, oldest first."""
    found: dict[tuple[str | None, ...], list[Mark]] = {}
    for report, result, superseded in _effects(edition, item, later):
        heading = upper(endpoint(result.endpoint, edition.base.vocabulary))
        drawn = mark(Shown(item, report, result), heading, whom(item, result), superseded=superseded)
        if drawn:
            about = (result.endpoint, result.subgroup, result.comparison, result.assessor)
            found.setdefault(about, []).append(drawn)
    for marks in found.values():
        yield from marks


def _undrawn(edition: Edition, item: Evidence, later: _Later) -> Iterator[str]:
    """Effects without an interval, in words."""
    for report, result, superseded in _effects(edition, item, later):
        if result.effect and not drawable(result.effect):
            past = ", superseded" if superseded else ""
            about = f"{upper(endpoint(result.endpoint, edition.base.vocabulary))}, {whom(item, result)}"
            yield f"{about} ({report.id}{past}): {effect(result.effect)}"


# --- the rest -----------------------------------------------------------------------------------------------


def _accepted(edition: Edition, item: Evidence) -> Iterator[tuple[str, str]]:
    """What the audit found and the file accepts as printed."""
    public = {report.id for report in edition.reports(item)}
    for one in item.accepted:
        if one.report is None or one.report in public:
            about = (one.finding, one.report, one.endpoint, one.subgroup, one.comparison, one.arm)
            yield ", ".join(part for part in about if part), one.reason


def _citing(edition: Edition, item: Evidence) -> Iterator[tuple[str, tuple[Link, ...]]]:
    names = edition.citing.get(item.id, ())
    for kind in KINDS.values():
        links = edition.links(name for name in names if edition.kind[name] == kind.folder)
        if links:
            yield kind.title, links
