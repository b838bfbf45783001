"""The audit as a whole: evidence in; findings, those accepted, and which figures were read by which check, out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from secondline.audit.across import check_across
from secondline.audit.arms import check_arms
from secondline.audit.effects import check_effects
from secondline.audit.ledger import Figure, Finding, Ledger, figures
from secondline.audit.reports import check_reports
from secondline.audit.words import check_fine_figures, check_words

if TYPE_CHECKING:
    from secondline.forms.evidence import Acceptance, Evidence

UNUSED = "acceptance-unused"


class Accepted(NamedTuple):
    """A finding that its evidence file accepts, with the reason given there."""

    finding: Finding
    reason: str


class Audited(NamedTuple):
    """What an audit found: open findings, accepted ones, and for each check how many figures it read."""

    evidence: int
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]
    read: dict[str, int]
    figures: int
    unread: tuple[tuple[str, Figure], ...]


def audit(evidence: Sequence[Evidence], knowledge_until: date, only: str | None = None) -> Audited:
    """Recompute what can be recomputed.

    Args:
        evidence: every file of the rule base, as each may quote another.
        knowledge_until: the day the rule base ends; nothing in it is of a later day.
        only: the id of the one evidence whose findings are wanted; None is all.
    """
    ledgers = [opened(item, knowledge_until) for item in evidence]
    check_across(ledgers, knowledge_until)
    return summed([ledger for ledger in ledgers if only in (None, ledger.evidence.id)])


def opened(item: Evidence, knowledge_until: date) -> Ledger:
    """The ledger of one evidence, with everything that its file alone can tell."""
    ledger = Ledger(item)
    check_effects(ledger)
    check_arms(ledger)
    check_reports(ledger, knowledge_until)
    check_words(ledger)
    check_fine_figures(ledger)
    return ledger


def summed(ledgers: Iterable[Ledger]) -> Audited:
    findings: list[Finding] = []
    accepted: list[Accepted] = []
    read: dict[str, int] = {}
    unread: list[tuple[str, Figure]] = []
    total = count = 0
    for ledger in ledgers:
        count += 1
        opened_findings, those = settle(ledger)
        findings += opened_findings
        accepted += those
        seen = set().union(*ledger.read.values()) if ledger.read else set()
        for figure in figures(ledger.evidence):
            total += 1
            if figure.key not in seen:
                unread.append((ledger.evidence.id, figure))
        for code, paths in ledger.read.items():
            read[code] = read.get(code, 0) + len(paths)
    return Audited(count, tuple(findings), tuple(accepted), dict(sorted(read.items())), total, tuple(unread))


def settle(ledger: Ledger) -> tuple[list[Finding], list[Accepted]]:
    """The findings still open in one file and those accepted there; an acceptance of nothing is a finding."""
    open_findings: list[Finding] = []
    accepted: list[Accepted] = []
    used: set[int] = set()
    for finding in dict.fromkeys(ledger.findings):
        for i, acceptance in enumerate(ledger.evidence.accepted):
            if _accepts(acceptance, finding):
                used.add(i)
                accepted.append(Accepted(finding, acceptance.reason))
                break
        else:
            open_findings.append(finding)
    for i, acceptance in enumerate(ledger.evidence.accepted):
        if i not in used:
            message = f"no finding `{acceptance.finding}` as it is accepted here; remove it"
            open_findings.append(Finding(UNUSED, ledger.evidence.id, ("accepted", i), message))
    return open_findings, accepted


def _accepts(acceptance: Acceptance, finding: Finding) -> bool:
    return acceptance.finding == finding.code and all(
        getattr(acceptance, name) in (None, getattr(finding, name))
        for name in ("report", "endpoint", "subgroup", "comparison", "arm")
    )
