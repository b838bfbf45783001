"""The pages of a site: the path, the template and the content of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secondline.rulebase import RuleBase
from secondline.site.asked import cases_pages
from secondline.site.catalogue import fact_groups
from secondline.site.decisions import decisions
from secondline.site.edition import Edition
from secondline.site.evidenced import evidence_page, evidence_row
from secondline.site.names import Link
from secondline.site.regimens import regimen_page, regimen_row
from secondline.site.ruled import RuleRow, rule_page, rule_row
from secondline.site.words import ADJUSTED, EVIDENCE, GLOSSARY, KINDS, LETTERS, ROWS, VERDICTS

NEWEST = 8  # reports on the first page
SECTIONS = (
    Link("map.html", "Map"),
    Link("verdicts.html", "Verdicts"),
    Link("regimens.html", "Options"),
    Link("safety.html", "Safety"),
    Link("tests.html", "Tests"),
    Link("cautions.html", "Cautions"),
    Link("definitions.html", "Definitions"),
    Link("laws.html", "Laws"),
    Link("evidence.html", "Evidence"),
    Link("facts.html", "Facts"),
    Link("cases.html", "Cases"),
)


class Page(NamedTuple):
    """A page: where it stands, which template lays it out, its title, the section it belongs to, and its content."""

    path: str
    template: str
    title: str
    section: str
    content: dict[str, Any]

    @property
    def root(self) -> str:
        """The way from this page to the top of the site."""
        return "../" * self.path.count("/")


class Section(NamedTuple):
    """Rows under a heading."""

    title: str
    rows: tuple[Any, ...]


class Found(NamedTuple):
    """A page as the list of all pages has it."""

    kind: str
    link: Link


def pages(edition: Edition) -> Iterator[Page]:
    """Every page, the first one first."""
    yield _home(edition)
    yield Page("map.html", "map.html", "Decision map", "map.html", {"map": decisions(edition)})
    yield from _lists(edition)
    yield Page("facts.html", "facts.html", "Facts and words", "facts.html", _facts(edition))
    yield Page("find.html", "find.html", "All pages", "", {"found": tuple(_found(edition))})
    yield from _ruled(edition)
    yield from _evidence(edition)
    yield from _regimens(edition)
    yield from _cases(edition)


def _home(edition: Edition) -> Page:
    newest = sorted((evidence_row(edition, item) for item in edition.evidence.values()), key=lambda row: row.id)
    newest.sort(key=lambda row: row.since, reverse=True)
    verdicts = [rule_row(edition, rule) for rule in edition.rules["verdicts"] if edition.in_effect(rule)]
    reviews: dict[str, int] = {}
    for rule in edition.each_rule():
        if rule.review_by and edition.in_effect(rule):
            reviews[rule.review_by.isoformat()] = reviews.get(rule.review_by.isoformat(), 0) + 1
    content = {
        "counts": {
            **{folder: len(rules) for folder, rules in edition.kinds.items()},
            "evidence": len(edition.evidence),
            "regimens": len(edition.regimens),
            "cases": len(edition.cases),
        },
        "kinds": KINDS,
        "verdicts": tuple(_by_verdict(verdicts)),
        "newest": tuple(newest[:NEWEST]),
        "reviews": tuple(sorted(reviews.items())),
    }
    return Page("index.html", "home.html", "The rule base", "", content)


def _by_verdict(rows: list[RuleRow]) -> Iterator[Section]:
    for verdict, title in VERDICTS.items():
        some = tuple(row for row in rows if row.badges[0].tone == verdict)
        if some:
            yield Section(title, some)


# --- lists --------------------------------------------------------------------------------------------------


def _lists(edition: Edition) -> Iterator[Page]:
    for kind in KINDS.values():
        rows = [rule_row(edition, rule) for rule in edition.kinds[kind.folder]]
        sections = (
            Section("In effect", tuple(row for row in rows if row.counts)),
            Section(f"Not in effect on {edition.day}", tuple(row for row in rows if not row.counts)),
        )
        section = "regimens.html" if kind.folder == "options" else f"{kind.folder}.html"
        content = {"kind": kind, "sections": tuple(held for held in sections if held.rows)}
        yield Page(f"{kind.folder}.html", "rules.html", kind.title, section, content)
    evidence = tuple(
        Section(title, tuple(evidence_row(edition, item) for item in edition.evidence.values() if item.kind == kind))
        for kind, title in EVIDENCE.items()
    )
    content = {"sections": tuple(section for section in evidence if section.rows)}
    yield Page("evidence.html", "evidences.html", "Evidence", "evidence.html", content)
    regimens = tuple(regimen_row(edition, name) for name in edition.regimens)
    yield Page("regimens.html", "regimens.html", "Regimens", "regimens.html", {"regimens": regimens})


def _facts(edition: Edition) -> dict[str, Any]:
    letters = {**LETTERS, **ROWS, **ADJUSTED}
    return {"groups": tuple(fact_groups(edition)), "glossary": GLOSSARY, "letters": letters}


def _found(edition: Edition) -> Iterator[Found]:
    """Every page of a rule, a regimen or an evidence, every report and every fact."""
    for kind in KINDS.values():
        for rule in edition.kinds[kind.folder]:
            yield Found(kind.one, edition.link(rule))
    for name in edition.regimens:
        yield Found("regimen", edition.regimen_link(name))
    for item in edition.evidence.values():
        yield Found(item.kind, edition.evidence_link(item))
        for report in edition.reports(item):
            link = edition.evidence_link(item, report)
            yield Found("report", link._replace(about=item.id))
    for path, fact in edition.facts.items():
        yield Found("fact", edition.fact_link(path)._replace(title=fact.label))


# --- pages in folders ---------------------------------------------------------------------------------------


def _ruled(edition: Edition) -> Iterator[Page]:
    for kind in KINDS.values():
        section = "regimens.html" if kind.folder == "options" else f"{kind.folder}.html"
        for rule in edition.kinds[kind.folder]:
            held = rule_page(edition, rule)
            yield Page(held.link.path, "rule.html", held.link.title, section, {"rule": held})


def _evidence(edition: Edition) -> Iterator[Page]:
    for item in edition.evidence.values():
        held = evidence_page(edition, item)
        yield Page(held.link.path, "evidence.html", held.link.title, "evidence.html", {"evidence": held})


def _regimens(edition: Edition) -> Iterator[Page]:
    for name in edition.regimens:
        held = regimen_page(edition, name)
        yield Page(held.link.path, "regimen.html", held.link.title, "regimens.html", {"regimen": held})


def _cases(edition: Edition) -> Iterator[Page]:
    files = tuple(cases_pages(edition))
    yield Page("cases.html", "cases.html", "Cases", "cases.html", {"files": files})
    for held in files:
        yield Page(held.link.path, "casefile.html", f"Cases in {held.link.title}", "cases.html", {"file": held})


def about(base: RuleBase) -> tuple[tuple[str, str], ...]:
    """What every page says of the rule base it shows."""
    return (
        ("Rule base", base.version),
        ("Evidence read until", base.knowledge_until.isoformat()),
        ("Rules", base.rules_hash),
        ("Evidence", base.evidence_hash),
    )
