"""Evidence: trials, labels and guidelines with their reports and figures; what a given day could know of them.

A figure keeps the digits it was typed with. A report counts once its first public day is over as far as it is known:
a month or a year counts when it has passed. A later result supersedes, whole, an earlier one of the same endpoint,
subgroup, comparison and assessor, unless only the earlier one has an effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.errors import did_you_mean

if TYPE_CHECKING:
    from secondline.forms.evidence import Arm, Effect, Evidence, Report, Result
    from secondline.forms.rules import ResultShare


def public_from(report: Report, knowledge_until: date) -> date:
    """The first day on which a report counts."""
    if report.first_public is not None:
        return report.first_public.over
    if report.citation.year is not None:
        return date(report.citation.year + 1, 1, 1)
    return knowledge_until


# --- citing -----------------------------------------------------------------------------------------------

CITE_KEYS = ("subgroup", "comparison", "assessor", "report")
_CITE = re.compile(r"(?P<id>[A-Z0-9]+(?:-[A-Z0-9]+)*)(?:/(?P<endpoint>[a-z0-9_]+)(?:\[(?P<keys>[^\]]*)\])?)?")
_KEY = re.compile(rf"({'|'.join(CITE_KEYS)})=(.*?)(?=,(?:{'|'.join(CITE_KEYS)})=|$)")


class Cite(NamedTuple):
    """`ID/endpoint[key=value,...]`, or a bare ID for a label or guideline."""

    text: str
    id: str
    endpoint: str | None = None
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def report(self) -> str | None:
        return dict(self.keys).get("report")


def parse_cite(text: str) -> Cite | None:
    """The cite that a text is; None if it is none."""
    found = _CITE.fullmatch(text.strip())
    if not found:
        return None
    keys: list[tuple[str, str]] = []
    rest = found["keys"]
    if rest is not None:
        keys = [(key, value.strip()) for key, value in _KEY.findall(rest)]
        if not keys or ",".join(f"{key}={value}" for key, value in keys) != re.sub(
            r"\s*,\s*(?=\w+=)", ",", rest.strip()
        ):
            return None
    return Cite(text.strip(), found["id"], found["endpoint"], tuple(keys))


class Sourced(NamedTuple):
    """A result with the report it stands in."""

    report: Report
    result: Result


class Shown(NamedTuple):
    """What a cite gives on a day: a report, the result in it, and the reports it superseded."""

    evidence: Evidence
    report: Report
    result: Result | None
    superseded: tuple[str, ...] = ()


def lineages(evidence: Evidence) -> list[list[Sourced]]:
    """The results of one evidence, grouped into those that can supersede one another, oldest first.

    Raises:
        ValueError: naming the result that could belong to two groups.
    """
    groups: list[list[Sourced]] = []
    for report in evidence.reports:
        for result in report.results:
            sourced = Sourced(report, result)
            fitting = [] if evidence.independent else [group for group in groups if _continues(sourced, group)]
            if len(fitting) > 1:
                raise ValueError(f"{report.id}/{result.endpoint}")
            if fitting:
                fitting[0].append(sourced)
            else:
                groups.append([sourced])
    return groups


def _continues(later: Sourced, group: Sequence[Sourced]) -> bool:
    for earlier in group:
        if earlier.report is later.report and earlier.result.endpoint == later.result.endpoint:
            continue
        named = f"{earlier.report.id}/{earlier.result.endpoint}" in later.result.replaces
        if named or (earlier.result.endpoint == later.result.endpoint and _same_question(earlier.result, later.result)):
            return True
    return False


def _same_question(a: Result, b: Result) -> bool:
    return (
        a.subgroup == b.subgroup
        and (a.comparison is None or b.comparison is None or a.comparison == b.comparison)
        and (a.assessor is None or b.assessor is None or a.assessor == b.assessor)
    )


def candidates(cite: Cite, evidence: Evidence) -> list[list[Sourced]]:
    """The groups of results that a cite could mean; exactly one where the cite is good."""
    wanted = dict(cite.keys)

    def fits(sourced: Sourced) -> bool:
        result = sourced.result
        return (
            result.endpoint == cite.endpoint
            and all(wanted.get(key) in (None, getattr(result, key)) for key in ("subgroup", "comparison"))
            and (wanted.get("assessor") in (None, result.assessor) or result.assessor is None)
            and wanted.get("report") in (None, sourced.report.id)
        )

    found = [group for group in lineages(evidence) if any(map(fits, group))]
    if "subgroup" not in wanted:
        whole = [group for group in found if any(fits(s) and s.result.subgroup is None for s in group)]
        found = whole or found
    return found


class Source(NamedTuple):
    """A good cite with what it can give: for a bare ID the reports, else the results of one group, by public day."""

    cite: Cite
    evidence: Evidence
    reports: tuple[tuple[date, Report, Result | None], ...]

    @property
    def public_from(self) -> date:
        """The first day on which it gives anything."""
        return self.reports[0][0]

    def on(self, day: date, jurisdiction: str | None = None) -> tuple[Shown, ...]:
        """What it gives on a day: nothing before it is public; one result; or a label's reports of a jurisdiction."""
        public = [(report, result) for since, report, result in self.reports if since <= day]
        if self.cite.endpoint is None:
            local = [r for r, _ in public if jurisdiction is None or r.jurisdiction in (None, jurisdiction)]
            return tuple(Shown(self.evidence, report, None) for report in local or [r for r, _ in public])
        current: tuple[Report, Result | None] | None = None
        superseded: list[str] = []
        for report, result in public:
            if current is None or _has_effect(result) or not _has_effect(current[1]):
                superseded += [current[0].id] if current else []
                current = (report, result)
        if current is None:
            return ()
        return (Shown(self.evidence, *current, tuple(dict.fromkeys(superseded))),)


def _has_effect(result: Result | None) -> bool:
    return result is not None and result.effect is not None


def source(cite: Cite, evidence: Evidence, knowledge_until: date) -> Source:
    """The source that a cite names.

    Raises:
        ValueError: saying why it names none, or more than one.
    """
    found: list[tuple[Report, Result | None]]
    if cite.endpoint is None:
        if evidence.kind not in ("label", "guideline"):
            raise ValueError(
                f"a {evidence.kind} is cited with an endpoint, as in `{cite.id}/{_first_endpoint(evidence)}`"
            )
        found = [(report, None) for report in evidence.reports]
    else:
        if evidence.independent and cite.report is None:
            raise ValueError("its reports are independent of one another; name one with `[report=...]`")
        groups = candidates(cite, evidence)
        if not groups:
            raise ValueError(f"no result of `{cite.id}` fits{_nearest(cite, evidence)}")
        if len(groups) > 1:
            raise ValueError(f"{len(groups)} results fit; add {_distinguishing(groups)} in brackets")
        found = [(s.report, s.result) for s in groups[0] if cite.report in (None, s.report.id)]
    dated = [(public_from(report, knowledge_until), report, result) for report, result in found]
    return Source(cite, evidence, tuple(sorted(dated, key=lambda item: item[0])))


def _first_endpoint(evidence: Evidence) -> str:
    return next((result.endpoint for report in evidence.reports for result in report.results), "pfs")


def _nearest(cite: Cite, evidence: Evidence) -> str:
    endpoints = sorted({result.endpoint for report in evidence.reports for result in report.results})
    if cite.endpoint not in endpoints:
        return did_you_mean(str(cite.endpoint), endpoints) or f"; it has {', '.join(endpoints) or 'no results'}"
    fitting = [(report, r) for report in evidence.reports for r in report.results if r.endpoint == cite.endpoint]
    for key, value in cite.keys:
        valid = {report.id if key == "report" else getattr(result, key) for report, result in fitting} - {None}
        if value not in valid and (near := did_you_mean(value, sorted(valid))):
            return near
    return "; see `secondline evidence show` for its subgroups, comparisons and assessors"


def _distinguishing(groups: Sequence[Sequence[Sourced]]) -> str:
    names = ("subgroup", "comparison", "assessor")
    return " or ".join(n for n in names if len({getattr(g[0].result, n) for g in groups}) > 1) or "report"


# --- shares of patients -----------------------------------------------------------------------------------


class Share(NamedTuple):
    """The share of patients, 0 to 1, with one result of a test: as `shown`, or that share of those `of` shows."""

    result: str
    share: float
    shown: Shown
    of: Shown | None = None


def share(result: Result | None) -> float:
    """The one share of patients that a result gives, 0 to 1: counted where number and count are given, else as printed.

    Raises:
        ValueError: saying why it gives none, or more than one.
    """
    given = [found for arm in (result.arms.values() if result else ()) if (found := _share(arm)) is not None]
    if not given:
        raise ValueError("it gives no share of patients; expected `n` with a `count`, or a `percent`, in one arm")
    if len(given) > 1:
        raise ValueError(f"it gives a share in {len(given)} arms; expected one, as of all patients")
    if not 0 <= given[0] <= 1:
        raise ValueError(f"a share of {100 * given[0]:g} % cannot be; correct it")
    return given[0]


def _share(arm: Arm) -> float | None:
    counted = arm.events if arm.count is None else arm.count
    if counted is not None and arm.n:
        return counted / arm.n
    return None if arm.percent is None else float(arm.percent / 100)


def shares(listed: Sequence[ResultShare], sources: Mapping[str, Source], day: date) -> tuple[Share, ...]:
    """The share of patients with each result of a test on a day; the first listed that is public by then counts."""
    found: dict[str, Share] = {}
    for given in listed:
        shown = sources[given.cite].on(day)
        whole = sources[given.of].on(day) if given.of else ()
        if given.result not in found and shown and (whole or not given.of):
            part = share(shown[0].result) * (share(whole[0].result) if whole else 1)
            found[given.result] = Share(given.result, part, shown[0], whole[0] if whole else None)
    return tuple(found.values())


# --- words ------------------------------------------------------------------------------------------------


def figures(result: Result) -> str:
    """The figures of a result in one line: `median 4.9 v 3.6 months; HR 0.84 (95% CI 0.66-1.07), p=0.149`."""
    parts = [*_arm_figures(result), *_effect_figures(result.effect)]
    return "; ".join(parts) or (result.finding or "no figures given")


def _arm_figures(result: Result) -> Iterator[str]:
    arms = list(result.arms.values())
    for name, before, after in (
        ("median_months", "median ", " months"),
        ("percent", "", " %"),
        ("count", "", " patients"),
    ):
        values = [_counted(arm) if name == "count" else getattr(arm, name) for arm in arms]
        if any(value is not None for value in values):
            listed = " v ".join("not given" if value is None else str(value) for value in values)
            yield f"{before}{listed}{after}"


def _counted(arm: Arm) -> str | None:
    """A count of patients, with their number where it is given: `270 of 624`."""
    return None if arm.count is None else str(arm.count) if arm.n is None else f"{arm.count} of {arm.n}"


def _effect_figures(effect: Effect | None) -> Iterator[str]:
    if effect is None:
        return
    words = ""
    if effect.value is not None:
        words = f"{'HR' if effect.measure == 'hazard_ratio' else 'difference'} {effect.value}"
        level, interval = (95, effect.ci95) if effect.ci95 else (90, effect.ci90)
        if interval:
            words += f" ({level}% CI {'-'.join('not reached' if v is None else str(v) for v in interval)})"
    if effect.p is not None:
        sign = "" if str(effect.p)[:1] in "<>=" else "="
        kind = f" ({effect.p_kind})" if effect.p_kind else ""
        words += f"{', ' if words else ''}p{sign}{effect.p}{kind}"
    if words:
        yield words


def population(evidence: Evidence, result: Result) -> str:
    """Whom a result is about."""
    if result.subgroup:
        return result.subgroup
    return "all randomised" if evidence.design and evidence.design.randomized and result.role != "safety" else "all"


def citation(evidence: Evidence, report: Report) -> str:
    """The report as one finds it: venue, year, number, DOI, PMID and registry number."""
    cited = report.citation
    venue = cited.venue if cited.year is None or str(cited.year) in cited.venue else f"{cited.venue} {cited.year}"
    parts = [
        venue,
        cited.number,
        f"doi:{cited.doi}" if cited.doi else None,
        f"PMID {cited.pmid}" if cited.pmid else None,
        evidence.registry,
        cited.url,
    ]
    second_hand = f" (read second-hand: {report.read_as})" if report.read_as else ""
    return ", ".join(part for part in parts if part) + second_hand


def plain(value: Any) -> Any:
    """A model of this module as plain JSON, absent fields left out."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list) or type(value) is tuple:
        return [plain(item) for item in value]
    if hasattr(value, "as_tuple"):  # a figure: a decimal with the digits typed
        return int(value) if "." not in str(value) else float(value)
    if hasattr(value, "__dict__"):
        return {name: plain(item) for name, item in vars(value).items() if item not in (None, (), {})}
    return str(value)
