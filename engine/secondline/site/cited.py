"""What a rule cites, row by row, and the effects among it as a forest plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from secondline.evidence import Shown, figures
from secondline.site.edition import Edition
from secondline.site.figures import citation, endpoint, mark, whom
from secondline.site.forest import Forest, Mark, forests
from secondline.site.names import Link, upper

if TYPE_CHECKING:
    from secondline.site.edition import Entry


class Cited(NamedTuple):
    """One report that a cite shows, with its figures or finding; without a report, the day from which it counts."""

    cite: str
    evidence: Link
    report: Link | None = None
    endpoint: str = ""
    whom: str = ""
    figures: str = ""
    citation: str = ""
    superseded: tuple[str, ...] = ()
    since: str = ""


def cited(edition: Edition, rules: Iterable[Entry]) -> tuple[Cited, ...]:
    """What these rules cite, each report and endpoint once, in the order cited."""
    return tuple(dict.fromkeys(row for rule in rules for row in _rows(edition, rule)))


def _rows(edition: Edition, rule: Entry) -> Iterator[Cited]:
    for cite, shown in edition.cited(rule):
        source = edition.base.sources[cite]
        if not shown:
            link = edition.evidence_link(source.evidence)
            yield Cited(cite, link, since=source.public_from.isoformat())
        for one in shown:
            yield _row(edition, cite, one)


def _row(edition: Edition, cite: str, shown: Shown) -> Cited:
    item, report, result = shown.evidence, shown.report, shown.result
    statement = result is not None and result.role == "statement"
    return Cited(
        cite,
        edition.evidence_link(item),
        edition.evidence_link(item, report),
        upper(endpoint(result.endpoint, edition.base.vocabulary)) if result else "",
        whom(item, result) if result and not statement else "",
        (result.finding or "" if statement else figures(result)) if result else "",
        citation(item, report),
        shown.superseded,
    )


def forest(edition: Edition, rules: Iterable[Entry], name: str, about: str) -> tuple[Forest, ...]:
    """The effects that these rules cite, each once, under the endpoint's name."""
    drawn: dict[tuple[str, int], Mark | None] = {}
    for shown in (one for rule in rules for _, some in edition.cited(rule) for one in some):
        item, report, result = shown.evidence, shown.report, shown.result
        if result is not None:
            heading = upper(endpoint(result.endpoint, edition.base.vocabulary))
            drawn[report.id, id(result)] = mark(shown, heading, f"{item.name}, {whom(item, result)}")
    return forests([one for one in drawn.values() if one is not None], name, about)
