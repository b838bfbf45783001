"""The cases, file by file: where each stands, the answer it gets, and which rules it exercises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secondline.authoring.patients import as_yaml
from secondline.scales import OFFERED
from secondline.site.badges import Badge, of_tier, of_verdict
from secondline.site.edition import Edition
from secondline.site.names import Link, page, safe, upper
from secondline.site.seen import Seen
from secondline.tiers import UNDETERMINED


class CasePlace(NamedTuple):
    """A case by its title, with the day and jurisdiction it is asked for."""

    link: Link
    day: str
    jurisdiction: str


class CaseShown(NamedTuple):
    """A case in full; `fires` are the rules that fire in it, by kind, with what each does."""

    place: CasePlace
    anchor: str
    verdict: Badge
    decided_by: tuple[Link, ...]
    tiers: tuple[tuple[Badge, tuple[Link, ...]], ...]
    fires: tuple[Link, ...]
    text: str


class CasesPage(NamedTuple):
    """The cases of one file."""

    link: Link
    cases: tuple[CaseShown, ...]


def cases_pages(edition: Edition) -> Iterator[CasesPage]:
    """A page for each case file."""
    files: dict[str, list[Seen]] = {}
    for case in edition.cases:
        files.setdefault(case.case.node.place.file, []).append(case)
    for file, cases in sorted(files.items()):
        name = edition.case_file(file)
        yield CasesPage(Link(page("cases", name), name), tuple(_shown(edition, case) for case in cases))


def place(edition: Edition, case: Seen) -> CasePlace:
    """Where a case stands."""
    file = page("cases", edition.case_file(case.case.node.place.file))
    jurisdiction = case.case.case.jurisdiction
    link = Link(f"{file}#{_anchor(case)}", upper(case.case.name), case.case.id)
    return CasePlace(link, case.day.isoformat(), "" if jurisdiction == "none" else jurisdiction.upper())


def _anchor(case: Seen) -> str:
    at = case.case.node.place
    return safe(f"case-{at.line}-{at.column}")


def _shown(edition: Edition, case: Seen) -> CaseShown:
    shown = [name for name in case.fires if name in edition.by_id and edition.kind[name] != "laws"]
    return CaseShown(
        place=place(edition, case),
        anchor=_anchor(case),
        verdict=of_verdict(case.verdict),
        decided_by=edition.links(case.decided_by),
        tiers=tuple(_tiers(edition, case)),
        fires=edition.links(name for name in shown if edition.kind[name] != "definitions"),
        text=as_yaml([_written(case)]),
    )


def _tiers(edition: Edition, case: Seen) -> Iterator[tuple[Badge, tuple[Link, ...]]]:
    for tier in (*OFFERED, UNDETERMINED):
        names = [name for name in edition.regimens if case.tiers.get(name) == tier]
        if names:
            yield of_tier(tier), tuple(edition.regimen_link(name) for name in names)


def _written(case: Seen) -> dict[str, Any]:
    """A case as its file has it, without the title, which stands above it."""
    plain = _lists(case.case.node.plain())
    return {name: value for name, value in plain.items() if name != "title"}


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(inner) for key, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, tuple) else value
