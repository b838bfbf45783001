"""The audit of the evidence for a reader, for other programs and for continuous integration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from secondline.audit.ledger import Figure, Finding
from secondline.audit.run import Audited
from secondline.errors import Place, Problem, counted
from secondline.report.findings import Checked
from secondline.source import Node, path_text, problem_at

Nodes = Mapping[str, Node]


def audit_text(audited: Audited, nodes: Nodes, *, unchecked: bool = False) -> str:
    """Findings, what is accepted with its reason, which check read how many figures, and one line for all."""
    return "\n".join(_lines(audited, nodes, unchecked=unchecked)) + "\n"


def _lines(audited: Audited, nodes: Nodes, *, unchecked: bool) -> Iterator[str]:
    yield from map(str, _placed(audited.findings, nodes))
    if audited.accepted:
        yield from ("", "Accepted") if audited.findings else ("Accepted",)
        for finding, reason in audited.accepted:
            place = _place(finding, nodes)
            yield f"{place}: {finding.code}: {finding.message}"
            yield f"    {reason}"
    if unchecked:
        yield from ("", "Figures that no check reads")
        for evidence, figure in audited.unread:
            yield f"{_figure_place(evidence, figure, nodes)}: {figure.text} in `{path_text(figure.path)}`"
    yield from ("", "Figures read by each check")
    found = Counter(finding.code for finding in audited.findings)
    accepted = Counter(finding.code for finding, _ in audited.accepted)
    width = max(map(len, (*audited.read, *found)), default=0)
    for code in sorted({*audited.read, *found}):
        notes = [f"{n} {word}" for n, word in ((found[code], "open"), (accepted[code], "accepted")) if n]
        yield f"  {code:{width}}  {audited.read.get(code, 0):5d}  {', '.join(notes)}".rstrip()
    yield ""
    read = audited.figures - len(audited.unread)
    files, figures = counted(audited.evidence, "evidence file"), counted(audited.figures, "figure")
    what = f"{files}, {figures}, {read:,} read by a check"
    yield f"{what}; {counted(len(audited.findings), 'open finding')}, {len(audited.accepted)} accepted"


def audit_json(audited: Audited, nodes: Nodes) -> dict[str, Any]:
    return {
        "evidence": audited.evidence,
        "figures": audited.figures,
        "checks": audited.read,
        "findings": [_plain(finding, nodes) for finding in audited.findings],
        "accepted": [{**_plain(finding, nodes), "reason": reason} for finding, reason in audited.accepted],
        "unchecked": [
            {
                "evidence": evidence,
                "path": path_text(figure.path),
                "figure": figure.text,
                "line": _figure_place(evidence, figure, nodes).line,
            }
            for evidence, figure in audited.unread
        ],
    }


def as_checked(audited: Audited, nodes: Nodes) -> list[Checked]:
    """Each check with its open findings, for the formats that `check` writes."""
    problems: dict[str, list[Problem]] = {code: [] for code in audited.read}
    for finding in audited.findings:
        problems.setdefault(finding.code, []).append(Problem(_place(finding, nodes), finding.message))
    return [Checked(code, tuple(sorted(found))) for code, found in sorted(problems.items())]


def _plain(finding: Finding, nodes: Nodes) -> dict[str, Any]:
    place = _place(finding, nodes)
    about = {name: getattr(finding, name) for name in ("report", "endpoint", "subgroup", "comparison", "arm")}
    return {
        "check": finding.code,
        "evidence": finding.evidence,
        **{name: value for name, value in about.items() if value is not None},
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": finding.message,
    }


def _place(finding: Finding, nodes: Nodes) -> Place:
    return problem_at(nodes[finding.evidence], finding.path, "").place


def _figure_place(evidence: str, figure: Figure, nodes: Nodes) -> Place:
    return problem_at(nodes[evidence], figure.path, "").place


def _placed(findings: tuple[Finding, ...], nodes: Nodes) -> list[Problem]:
    return sorted(Problem(_place(f, nodes), f"{f.code}: {f.message}") for f in findings)
