"""The evidence files for a reader: a list, and one evidence whole with what supersedes what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from secondline.derived import computed
from secondline.evidence import citation, figures, lineages, plain, population, public_from

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence, Report, Result


def listed(evidence: Sequence[Evidence], day: date, knowledge_until: date) -> list[dict[str, Any]]:
    """One row an evidence: what it is and its newest report public on the day."""
    rows = []
    for item in evidence:
        public = [report for report in item.reports if public_from(report, knowledge_until) <= day]
        newest = max(public, key=lambda report: public_from(report, knowledge_until), default=None)
        rows.append(
            {
                "id": item.id,
                "kind": item.kind,
                "name": item.name,
                "reports": len(public),
                "newest": newest.id if newest else None,
                "public_from": public_from(newest, knowledge_until).isoformat() if newest else None,
            }
        )
    return rows


def list_text(rows: Sequence[dict[str, Any]], width: int = 80) -> str:
    """A table; a newest report that does not fit beside its evidence stands under it."""
    table = [("id", "kind", "counts from", "newest report")]
    table += [(row["id"], row["kind"], row["public_from"] or "", row["newest"] or "none yet") for row in rows]
    widths = [max(len(str(row[column])) for row in table) for column in range(3)]
    lines = []
    for *cells, newest in table:
        start = "  ".join(str(cell).ljust(most) for cell, most in zip(cells, widths, strict=True))
        beside = len(start) + 2 + len(newest) <= width
        lines += [f"{start}  {newest}".rstrip()] if beside else [start.rstrip(), f"    {newest}"]
    return "\n".join(lines)


def shown(item: Evidence, day: date, knowledge_until: date) -> dict[str, Any]:
    """One evidence with the reports public on the day, and for each result what superseded it."""
    later = _superseded_by(item, day, knowledge_until)
    reports = []
    public = [report for report in item.reports if public_from(report, knowledge_until) <= day]
    for report in public:
        results = [
            {
                **plain(result),
                "figures": figures(result),
                "population": population(item, result),
                "superseded_by": later.get((report.id, number)),
            }
            for number, result in enumerate(report.results)
        ]
        since = public_from(report, knowledge_until).isoformat()
        head = {"id": report.id, "kind": report.kind, "citation": citation(item, report), "public_from": since}
        reports.append({**head, "results": results})
    eligibility = item.eligibility
    return {
        "id": item.id,
        "kind": item.kind,
        "name": item.name,
        "registry": item.registry,
        "question": item.question,
        "population": list(item.population),
        "arms": dict(item.arms),
        "approvals": plain(item.approvals) if item.approvals else {},
        "criteria": [criterion.says for criterion in eligibility.criteria] if eligibility else [],
        "not_judged": list(eligibility.not_judged) if eligibility else [],
        "not_read": list(eligibility.not_read) if eligibility else [],
        "reports": reports,
        "computed": [row for report in public for row in _computed(item, report)],
        "notes": list(item.notes),
    }


def _computed(item: Evidence, report: Report) -> Iterator[dict[str, Any]]:
    """What is computed from the results of a report: never part of its own figures."""
    for result in report.results:
        for found in computed(item, report, result):
            about = {name: getattr(result, name) for name in ("endpoint", "subgroup", "comparison", "assessor")}
            yield {
                "report": report.id,
                **{name: value for name, value in about.items() if value is not None},
                "arms": list(result.arms),
                "what": found.what,
                "value": round(found.value, 2),
                "unit": found.unit or None,
                "ci95": [round(limit, 2) for limit in found.interval] if found.interval else None,
                "method": found.method,
                "says": found.says(),
            }


def _superseded_by(item: Evidence, day: date, knowledge_until: date) -> dict[tuple[str, int], str]:
    """For each superseded result, by report and position, the report that superseded it."""
    positions = {id(result): number for report in item.reports for number, result in enumerate(report.results)}
    found: dict[tuple[str, int], str] = {}
    for group in lineages(item):
        current: tuple[Report, Result] | None = None
        for sourced in sorted(group, key=lambda s: public_from(s.report, knowledge_until)):
            if public_from(sourced.report, knowledge_until) > day:
                break
            if current and (sourced.result.effect or not current[1].effect):
                found[(current[0].id, positions[id(current[1])])] = sourced.report.id
            if current is None or sourced.result.effect or not current[1].effect:
                current = (sourced.report, sourced.result)
    return found


def show_text(item: dict[str, Any], width: int = 80) -> str:
    return "\n".join(_show_lines(item, width))


def _show_lines(item: dict[str, Any], width: int) -> Iterator[str]:
    def wrapped(text: str, indent: int = 0) -> list[str]:
        return wrap(
            text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2), break_on_hyphens=False
        )

    registry = f", {item['registry']}" if item["registry"] else ""
    yield f"{item['id']}: {item['kind']}{registry}"
    if item["question"]:
        yield from wrapped(item["question"])
    for title, name in (
        ("Population", "population"),
        ("Criteria", "criteria"),
        ("Criteria that a profile cannot answer", "not_judged"),
        ("Not read", "not_read"),
    ):
        if item[name]:
            yield from ("", title)
            for text in item[name]:
                yield from wrapped(text, 2)
    if item["arms"]:
        yield from ("", "Arms")
        for name, says in item["arms"].items():
            yield from wrapped(f"{name}: {says}", 2)
    if item["approvals"]:
        approved = {"": {k: v for k, v in item["approvals"].items() if k != "regimens"}}
        approved |= item["approvals"].get("regimens", {})
        for regimen, days in approved.items():
            of = f" of {regimen}" if regimen else ""
            if days:
                yield from (
                    "",
                    f"First approval{of} as read: " + ", ".join(f"{k} {v}" for k, v in sorted(days.items())),
                )
    for report in item["reports"]:
        yield from ("", f"{report['id']} ({report['kind']}, counts from {report['public_from']})")
        yield from wrapped(report["citation"], 2)
        for result in report["results"]:
            about = ", ".join(result[k] for k in ("endpoint", "comparison", "assessor", "role") if result.get(k))
            later = f" [superseded by {result['superseded_by']}]" if result["superseded_by"] else ""
            whom = f", {result['population']}" if result["role"] != "statement" else ""
            yield from wrapped(f"{about}{whom}: {result['figures']}{later}", 4)
    if item["computed"]:
        yield from ("", "Computed by this program from the figures above; not reported by any source")
        heading = None
        for row in item["computed"]:
            if heading != (heading := f"{row['report']}, {' v '.join(row['arms'])}"):
                yield from wrapped(heading, 2)
            about = ", ".join(row[k] for k in ("endpoint", "subgroup", "assessor") if row.get(k))
            yield from wrapped(f"{about}: {row['says']}", 4)
    if item["notes"]:
        yield from ("", "Notes")
        for note in item["notes"]:
            yield from wrapped(note, 2)
