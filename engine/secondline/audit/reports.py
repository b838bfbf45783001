"""Checks between the reports of one evidence: dates, citations, follow-up, and what supersedes what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from secondline.audit.ledger import Ledger, Path, Spot, intervals_of
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
_DOI_YEAR = re.compile(r"(?:NEJMoa|JCO[.-]|jco\.20|CCR-|CD-|jco\.)(\d\d)(?!\d{3}\.)")
_MOVED = 1.45


def check_reports(ledger: Ledger) -> None:
    registry = ledger.evidence.registry
    if registry is not None:
        ledger.reads("registry", ("registry",), ("registry", 0))
        if not _REGISTRY.fullmatch(registry):
            ledger.finds("registry", None, ("registry",), f"`{registry}` is no number of a registry")
    for i, report in enumerate(ledger.evidence.reports):
        _citation(ledger, report, ("reports", i))
    _order(ledger)
    _approvals(ledger)
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
        if abs(public.first.year - cited.year) > 1:
            message = f"first public {public}, cited with the year {cited.year}"
            ledger.finds("citation-year", report, (*path, "citation", "year"), message)
    for what, year in years:
        if abs(year - cited.year) > (0 if what == "venue" else 1):
            message = f"its {what} names {year}, the citation has the year {cited.year}"
            ledger.finds("citation-year", report, (*path, "citation", "year"), message)


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


def _approvals(ledger: Ledger) -> None:
    """An approval beside the report that states it: on its day, and never after it."""
    approvals = ledger.evidence.approvals
    if approvals is None:
        return
    held = [((), approvals), *((("regimens", name), each) for name, each in approvals.regimens.items())]
    for path, approved in held:
        for name in ("us", "eu"):
            day = getattr(approved, name)
            if day is None:
                continue
            place: Path = ("approvals", *path, name)
            reports = [
                (i, r)
                for i, r in enumerate(ledger.evidence.reports)
                if r.first_public is not None and r.jurisdiction in (None, name)
            ]
            if not reports:
                continue
            ledger.reads("approval", place, *(("reports", i, "first_public") for i, _ in reports))
            last = max(r.first_public.last for _, r in reports if r.first_public)
            if day.first > last:
                message = f"approved {day}, after every report that could state it (the last of {last})"
                ledger.finds("approval", None, place, message)
            near = [
                r
                for _, r in reports
                if r.first_public
                and r.first_public.first != day.first
                and r.kind == "regulatory"
                and r.first_public.first == r.first_public.last
                and abs((r.first_public.first - day.first).days) <= 45
                and day.first == day.last
            ]
            exact = any(r.first_public and r.first_public.first == day.first for _, r in reports)
            for report in near if not exact else ():
                message = f"approved {day}, but {report.id} is of {report.first_public}"
                ledger.finds("approval", None, place, message)


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
                message = f"its subgroup differs from `{a.subgroup}` of {one.report.id} in form only, so it supersedes nothing"
                ledger.finds("subgroup-words", other, other.at("subgroup"), message)


def _may_be_one(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _succession(ledger: Ledger, before: Sourced, after: Sourced) -> None:
    """A later figure of the same question: near the earlier one; and the same where it is the same analysis."""
    spots = {id(spot.result): spot for spot in ledger.spots}
    earlier, later = spots[id(before.result)], spots[id(after.result)]
    if earlier.report is later.report:
        return
    compare(ledger, later, dict(shared(later.result, earlier.result)), earlier.report.id)
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
    if field == "percent" and abs(float(new) - float(old)) > 10:
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


def compare(ledger: Ledger, spot: Spot, pairs: dict[Path, tuple[Any, Any]], where: str) -> None:
    """Two statements of one analysis: where most figures are the same, the others have to be."""
    telling = {path: pair for path, pair in pairs.items() if path[-1] != "n"}
    same = [path for path, (a, b) in telling.items() if _agree(a, b)]
    other = [path for path in telling if path not in same]
    ledger.reads("same-analysis", *(spot.at(*path) for path in telling))
    if len(same) >= 2 and len(same) >= 2 * len(other):
        for path in other:
            mine, theirs = telling[path]
            message = f"{mine}, but {where} has {theirs} beside the same other figures"
            ledger.finds("same-analysis", spot, spot.at(*path), message)


def _agree(a: Any, b: Any) -> bool:
    """Whether two printed figures can be one: equal, or one rounded from the other."""
    if isinstance(a, str) or isinstance(b, str):
        return str(a) == str(b) or isinstance(a, str) != isinstance(b, str)
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    return rounded(a).meets(rounded(b))
