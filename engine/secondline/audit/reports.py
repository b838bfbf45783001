"""Checks between the reports of one evidence: dates, citations, follow-up, and what supersedes what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from secondline.audit.ledger import NUMBER, Ledger, Path, Spot, intervals_of
from secondline.audit.numbers import rounded
from secondline.audit.subgroups import same_group
from secondline.dates import months_between

if TYPE_CHECKING:
    from secondline.evidence import Sourced
    from secondline.forms.evidence import Arm, Report, Result

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_PMID = re.compile(r"\d{7,8}")
_REGISTRY = re.compile(
    r"NCT\d{8}|ISRCTN\d{8}|EUCTR\d{4}-\d{6}-\d{2}|\d{4}-\d{6}-\d{2}(?:-\d{2})?|jRCT\w{10}|UMIN\d{9}|ChiCTR\d{10}|ACTRN\d{14}"
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_JOURNALS = {  # the prefix under which a journal's papers stand
    "N Engl J Med": "10.1056",
    "New England": "10.1056",
    "J Clin Oncol": "10.1200",
    "Journal of Clinical Oncology": "10.1200",
    "Clin Cancer Res": "10.1158",
    "Clinical Cancer Research": "10.1158",
    "Cancer Discov": "10.1158",
    "Lancet": "10.1016",
    "Ann Oncol": "10.1016",
    "Annals of Oncology": "10.1016",
    "ESMO Open": "10.1016",
    "Nat ": "10.1038",
    "Nature": "10.1038",
    "Cancers": "10.3390",
    "JAMA": "10.1001",
    "Breast Cancer Res Treat": "10.1007",
    "J Hematol Oncol": "10.1186",
}
_DOI_YEAR = re.compile(r"(?:NEJMoa|JCO[.-](?:20)?|jco\.(?:20)?|CCR-|CD-)(\d\d)(?!\d{3}\.)")
_DOI_FULL_YEAR = re.compile(r"/j\.[a-z]+\.20(\d\d)\.")
_DOI_SPRINGER_YEAR = re.compile(r"/s\d{5}-0(\d\d)-\d{5}-")
_ISSN = re.compile(r"/(\d{4})-(\d{3})([\dX])\.")
_MDPI = re.compile(r"10\.3390/[a-z]+(\d\d?)(\d\d)(\d{4})")
_MDPI_VENUE = re.compile(r"(\d+)\((\d+)\):(\d+)")
# How far figures of one question move from report to report: medians and limits by a factor, percentages by points.
_MOVED, _MOVED_LIMIT, _MOVED_POINTS = 1.4, 1.45, 8


# Volumes of journals: the volume of a year is (year - first) times the volumes a year has, up to that many less one.
_VOLUMES = {
    "N Engl J Med": (1829, 2),
    "J Clin Oncol": (1982, 1),
    "Journal of Clinical Oncology": (1982, 1),
    "Clin Cancer Res": (1994, 1),
    "Clinical Cancer Research": (1994, 1),
    "Cancers": (2008, 1),
    "Lancet Oncol": (1999, 1),
    "The Oncologist": (1995, 1),
    "Ann Oncol": (1989, 1),
    "Arch Pathol Lab Med": (1876, 1),
    "J Hematol Oncol": (2007, 1),
    "JAMA Oncol": (2014, 1),
}
_VOLUME = re.compile(r"(?:20\d\d;|[a-z] )(\d{1,3})(?:\(|:)")
_PAGES = re.compile(r":[a-z]?(\d+)-[a-z]?(\d+)")
_MEETINGS = {  # the months in which a meeting is held, or its abstracts come out
    "ASCO": (5, 6),
    "San Antonio": (12, 12),
    "SABCS": (12, 12),
    "ESMO Breast": (5, 5),
    "ESMO Congress": (9, 10),
    "Miami Breast": (3, 3),
}


def check_reports(ledger: Ledger, knowledge_until: date) -> None:
    registry = ledger.evidence.registry
    if registry is not None:
        ledger.reads("registry", ("registry",))
        if not _REGISTRY.fullmatch(registry):
            ledger.finds("registry", None, ("registry",), f"`{registry}` is no number of a registry")
    for i, report in enumerate(ledger.evidence.reports):
        _citation(ledger, report, ("reports", i))
        _venue(ledger, report, ("reports", i))
        if report.first_public:
            ledger.reads("future", ("reports", i, "first_public"))
            if report.first_public.first > knowledge_until:
                message = f"first public {report.first_public}, but the rule base ends on {knowledge_until}"
                ledger.finds("future", report, ("reports", i, "first_public"), message)
    _order(ledger)
    _twice(ledger)
    for lineage in ledger.lineages:
        for before, after in pairwise(lineage):
            _succession(ledger, before, after)


def _citation(ledger: Ledger, report: Report, path: Path) -> None:
    cited, public = report.citation, report.first_public
    if cited.doi is not None:
        ledger.reads("doi", (*path, "citation", "doi"))
        if not _DOI.fullmatch(cited.doi):
            ledger.finds("doi", report, (*path, "citation", "doi"), f"`{cited.doi}` is no DOI; expected 10.NNNN/...")
        for problem in _inside_doi(cited.doi, cited.venue):
            ledger.finds("doi", report, (*path, "citation", "doi"), f"DOI `{cited.doi}`: {problem}")
        for journal, prefix in _JOURNALS.items():
            if journal in cited.venue and _DOI.fullmatch(cited.doi) and not cited.doi.startswith(prefix + "/"):
                message = f"DOI `{cited.doi}` for {cited.venue}, whose papers stand under {prefix}"
                ledger.finds("doi", report, (*path, "citation", "doi"), message)
                break
    if cited.pmid is not None:
        ledger.reads("pmid", (*path, "citation", "pmid"))
        if not _PMID.fullmatch(cited.pmid):
            ledger.finds(
                "pmid", report, (*path, "citation", "pmid"), f"`{cited.pmid}` is no PMID; expected 7 or 8 digits"
            )
    if cited.year is None:
        return
    years = list(_said_years(report))
    if years or public:
        ledger.reads("citation-year", (*path, "citation", "year"))
    if public:
        ledger.reads("citation-year", (*path, "first_public"))
        later = cited.year if ledger.evidence.kind == "label" else public.first.year + 1  # a text is revised for years
        if not public.first.year <= cited.year <= later:
            message = f"first public {public}, cited with the year {cited.year}"
            ledger.finds("citation-year", report, (*path, "citation", "year"), message)
    for what, year in years:
        if abs(year - cited.year) > (1 if what == "DOI" else 0):
            message = f"its {what} names {year}, the citation has the year {cited.year}"
            ledger.finds("citation-year", report, (*path, "citation", "year"), message)


def _inside_doi(doi: str, venue: str) -> Iterator[str]:
    """What a DOI holds beside its registrant: an ISSN with its check digit, volume, issue and article."""
    found = _ISSN.search(doi)
    if found:
        weighted = sum(int(digit) * weight for digit, weight in zip(found[1] + found[2], range(8, 1, -1), strict=True))
        check = -weighted % 11
        if found[3] != ("X" if check == 10 else str(check)):
            yield f"{found[0][1:-1]} is no ISSN, its check digit differs"
    article, printed = _MDPI.fullmatch(doi), _MDPI_VENUE.search(venue)
    if article and printed and [int(part) for part in article.groups()] != [int(part) for part in printed.groups()]:
        yield f"it names volume, issue and article {'/'.join(article.groups())}, the venue {printed[0]}"


def _venue(ledger: Ledger, report: Report, path: Path) -> None:
    """Volume and pages of a journal, month of a meeting."""
    venue, year, public = report.citation.venue, report.citation.year, report.first_public
    numbers = [found.start() for found in NUMBER.finditer(venue)]

    def reads(*positions: int) -> None:
        ledger.reads("venue", *((*path, "citation", "venue", numbers.index(p)) for p in positions if p in numbers))

    pages = _PAGES.search(venue)
    if pages:
        reads(pages.start(1), pages.start(2))
        first, last = int(pages[1]), int(pages[2])
        if not first <= last <= first + 40:
            ledger.finds("venue", report, (*path, "citation", "venue"), f"pages from {first} to {last}")
    volume = _VOLUME.search(venue)
    journal = next((name for name in _VOLUMES if name in venue), None)
    if volume and journal and year is not None:
        first_year, a_year = _VOLUMES[journal]
        expected = [(year - first_year) * a_year + i for i in range(a_year)]
        reads(volume.start(1))
        ledger.reads("venue", (*path, "citation", "year"))
        if int(volume[1]) not in expected:
            message = f"volume {volume[1]} of {journal} is not of {year}, whose volume is {expected[0]}"
            ledger.finds("venue", report, (*path, "citation", "venue"), message)
    meeting = next((name for name in _MEETINGS if name in venue), None)
    if meeting and public and public.first.month == public.last.month and report.kind == "conference-abstract":
        first, last = _MEETINGS[meeting]
        ledger.reads("venue", (*path, "first_public"))
        if not first <= public.first.month <= last:
            message = f"public {public}, a month in which {meeting} has no meeting"
            ledger.finds("venue", report, (*path, "first_public"), message)


def _said_years(report: Report) -> Iterator[tuple[str, int]]:
    """Years that an id, a venue or a DOI names."""
    named = _YEAR.findall(report.id)
    if named:
        yield "id", int(named[-1])
    printed = re.search(r"(?<!\d)((?:19|20)\d\d)[;,: ]\s*\d+\s*[(:]", report.citation.venue)
    if printed:
        yield "venue", int(printed[1])
    found = _DOI_YEAR.search(report.citation.doi or "")
    if found:
        yield "DOI", 2000 + int(found[1])
    for pattern in (_DOI_FULL_YEAR, _DOI_SPRINGER_YEAR):
        found = pattern.search(report.citation.doi or "")
        if found:
            yield "DOI", 2000 + int(found[1])


def _order(ledger: Ledger) -> None:
    """Reports oldest first; follow-up grows, and no faster than time passes."""
    if ledger.evidence.independent or ledger.evidence.kind in ("label", "guideline"):
        return
    dated = [(i, r) for i, r in enumerate(ledger.evidence.reports) if r.first_public is not None]
    for (i, before), (j, after) in pairwise(dated):
        assert before.first_public is not None
        assert after.first_public is not None
        ledger.reads("report-order", ("reports", i, "first_public"), ("reports", j, "first_public"))
        if after.first_public.last < before.first_public.first:
            message = (
                f"public {after.first_public}, after a report of {before.first_public}; reports stand oldest first"
            )
            ledger.finds("report-order", after, ("reports", j, "first_public"), message)
    followed = [(i, r) for i, r in dated if r.median_follow_up_months is not None]
    for (i, before), (j, after) in pairwise(followed):
        assert before.first_public is not None
        assert after.first_public is not None
        one, two = before.median_follow_up_months, after.median_follow_up_months
        if one is None or two is None:
            continue
        path = ("reports", j, "median_follow_up_months")
        ledger.reads("follow-up", ("reports", i, "median_follow_up_months"), path)
        first, last = before.first_public.first, after.first_public.last
        passed = months_between(first, last) if first < last else 0.0
        if two < one:
            ledger.finds("follow-up", after, path, f"a median follow-up of {two} months after one of {one}")
        elif float(two - one) > passed + 8:
            message = f"follow-up grew from {one} to {two} months within {passed:.0f} months"
            ledger.finds("follow-up", after, path, message)
    for i, report in enumerate(ledger.evidence.reports):
        _follow_up(ledger, report, ("reports", i, "median_follow_up_months"))


def _follow_up(ledger: Ledger, report: Report, path: Path) -> None:
    """A median can be read off a curve only where about half were followed so long."""
    follow_up = report.median_follow_up_months
    if follow_up is None:
        return
    longest = max(
        (a.median_months for r in report.results if r.subgroup is None for a in r.arms.values() if a.median_months),
        default=None,
    )
    if longest is not None:
        ledger.reads("follow-up", path)
        if not longest / 3 <= follow_up <= 90:
            message = f"a median of {longest} months with a median follow-up of {follow_up}"
            ledger.finds("follow-up", report, path, message)


# --- superseding ------------------------------------------------------------------------------------------


def _twice(ledger: Ledger) -> None:
    """One question answered twice in a report, or again in a later one under other words."""
    for i, one in enumerate(ledger.spots):
        for other in ledger.spots[i + 1 :]:
            a, b = one.result, other.result
            if a.endpoint != b.endpoint or a.role == "statement" or b.role == "statement":
                continue
            if not _may_be_one(a.comparison, b.comparison) or not _may_be_one(a.assessor, b.assessor):
                continue
            if one.report is other.report and a.subgroup == b.subgroup:
                ledger.finds(
                    "twice", other, other.path, "the same endpoint and patients as another result of this report"
                )
            elif a.subgroup != b.subgroup and same_group(a.subgroup, b.subgroup) and not ledger.evidence.independent:
                message = f"`{a.subgroup}` of {one.report.id} in other words, so it supersedes nothing"
                ledger.finds("subgroup-words", other, other.at("subgroup"), message)


def _may_be_one(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _succession(ledger: Ledger, before: Sourced, after: Sourced) -> None:
    """A later figure of the same question: near the earlier one; and the same where it is the same analysis."""
    spots = {id(spot.result): spot for spot in ledger.spots}
    earlier, later = spots[id(before.result)], spots[id(after.result)]
    if earlier.report is later.report:
        return
    compare(ledger, later, earlier)
    for path, (new, old) in shared(later.result, earlier.result):
        ledger.reads("succession", later.at(*path), earlier.at(*path))
        problem = _move(path, new, old, later)
        if problem:
            ledger.finds("succession", later, later.at(*path), f"{new}, after {old} in {earlier.report.id}; {problem}")
    effect = earlier.result.effect
    new_effect = later.result.effect
    if effect and new_effect and effect.value is not None and new_effect.value is not None:
        for _, _, (low, high) in intervals_of(effect):
            outside = (low is not None and new_effect.value < low) or (high is not None and new_effect.value > high)
            if outside:
                message = f"{new_effect.value} lies outside the earlier interval {low}-{high} of {earlier.report.id}"
                ledger.finds("succession", later, later.at("effect", "value"), message)


def _move(path: Path, new: Any, old: Any, later: Spot) -> str | None:
    field = path[-1]
    if field in ("events", "count") and later.result.endpoint in ("pfs", "os", "pfs2") and new < old:
        return "events can only grow in number"
    if field == "median_months" and old and not 1 / _MOVED <= float(new) / float(old) <= _MOVED:
        return "a median moves less with longer follow-up"
    of_median = path[0] == "arms" and field in (0, 1) and later.result.arms[str(path[1])].median_months
    if of_median and old > 0 and not 1 / _MOVED_LIMIT <= float(new) / float(old) <= _MOVED_LIMIT:
        return "a limit moves less with longer follow-up"
    if field == "percent" and abs(float(new) - float(old)) > _MOVED_POINTS:
        return "a percentage moves less with longer follow-up"
    return None


def shared(one: Result, other: Result) -> Iterator[tuple[Path, tuple[Any, Any]]]:
    """Each figure that two results both have, with its path in a result."""
    for name, arm in one.arms.items():
        if name in other.arms:
            for path, pair in _both(arm, other.arms[name], ("n", "events", "count", "percent", "median_months")):
                yield ("arms", name, *path), pair
    if one.effect and other.effect and one.effect.measure == other.effect.measure:
        for path, pair in _both(one.effect, other.effect, ("value", "p")):
            yield ("effect", *path), pair


def _both(one: Arm | Any, other: Arm | Any, names: tuple[str, ...]) -> Iterator[tuple[Path, tuple[Any, Any]]]:
    for name in names:
        a, b = getattr(one, name), getattr(other, name)
        if a is not None and b is not None:
            yield (name,), (a, b)
    for level in ("ci95", "ci90", "ci80"):
        pairs = zip(getattr(one, level, None) or (), getattr(other, level, None) or (), strict=False)
        for i, (a, b) in enumerate(pairs):
            if a is not None and b is not None:
                yield (level, i), (a, b)


def compare(ledger: Ledger, mine: Spot, theirs: Spot) -> None:
    """Two statements of what reads as one analysis: where most figures are the same, the others have to be."""
    follow_up = {mine.report.median_follow_up_months, theirs.report.median_follow_up_months} - {None}
    if len(follow_up) > 1:
        return  # another analysis, of which some figures have stayed the same
    telling = {path: pair for path, pair in shared(mine.result, theirs.result) if path[-1] != "n"}
    same = [path for path, (a, b) in telling.items() if _agree(a, b)]
    other = [path for path in telling if path not in same]
    ledger.reads("same-analysis", *(mine.at(*path) for path in telling))
    if len(same) >= 2 and len(same) >= 2 * len(other):
        alike = f"{len(same)} of the {len(telling)} figures that both give are the same"
        for path in other:
            one, two = telling[path]
            message = f"{one}, but {theirs.report.id} has {two}; {alike}"
            ledger.finds("same-analysis", mine, mine.at(*path), message)


def _agree(a: Any, b: Any) -> bool:
    """Whether two printed figures can be one: equal, or one rounded from the other."""
    if isinstance(a, str) or isinstance(b, str):
        return str(a) == str(b) or isinstance(a, str) != isinstance(b, str)
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    return rounded(a).meets(rounded(b))
