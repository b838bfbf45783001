"""The time line: nothing is preferred before its approval, and no report is cited before it was public."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest

from conftest import RULES, TODAY
from helpers import answer
from secondline.cases import CaseReader
from secondline.evidence import public_from
from secondline.loading import load
from secondline.recommend import Adviser
from secondline.recommendation import CautionShown, Option, Reason
from secondline.rulefiles import rule_files
from secondline.scales import Jurisdiction
from worked import PATIENT, TIERS, WORKED

DAY = timedelta(days=1)


class Approval(NamedTuple):
    """A dated approval: `day` is the first on which it counts."""

    regimen: str
    jurisdiction: Jurisdiction
    day: date


@cache
def approvals() -> list[Approval]:
    """Of every regimen, by the labels of its drugs: the last of their days."""
    base = load(rule_files(RULES)).base
    found = []
    jurisdictions: tuple[Jurisdiction, ...] = ("us", "eu")
    for regimen, known in base.vocabulary.regimens.items():
        for jurisdiction in jurisdictions:
            days = []
            for label in known.labels:
                dated = base.evidence[label].approvals
                approved = getattr(dated.regimens.get(regimen, dated), jurisdiction) if dated else None
                days.append(approved.over if approved else None)
            if days and all(days):
                found.append(Approval(regimen, jurisdiction, max(day for day in days if day)))
    return found


def changes(regimen: str) -> list[dict[str, Any]]:
    """The patients of the worked result for a regimen."""
    return [{**PATIENT, **change} for name, change, _, _ in WORKED if name == regimen]


def preferred_today(regimen: str, jurisdiction: str) -> bool:
    cells = [us if jurisdiction == "us" else eu for name, _, us, eu in WORKED if name == regimen]
    return any(TIERS[cell.split()[0]] == "preferred" for cell in cells)


@pytest.mark.parametrize("approval", approvals(), ids=lambda a: f"{a.regimen}-{a.jurisdiction}-{a.day}")
def test_approval(approval: Approval, adviser: Adviser, reader: CaseReader) -> None:
    """Not preferred the day before, in that jurisdiction; then offered, and preferred once the reports carry it."""

    def tiers(day: date) -> set[str]:
        answers = [
            answer(adviser, reader, profile, day, approval.jurisdiction) for profile in changes(approval.regimen)
        ]
        return {o.tier for found in answers for o in found.options if o.regimen == approval.regimen}

    assert "preferred" not in tiers(approval.day - DAY)
    if preferred_today(approval.regimen, approval.jurisdiction):
        assert {"preferred", "alternative"} & tiers(approval.day)
        assert "preferred" in tiers(TODAY)


def test_each_jurisdiction_has_dated_approvals() -> None:
    found = approvals()
    assert len({a.regimen for a in found}) >= 15
    assert {a.jurisdiction for a in found} == {"us", "eu"}


@cache
def report_days() -> list[tuple[date, frozenset[tuple[str, str]]]]:
    """Each day on which reports begin to count, with these."""
    base = load(rule_files(RULES)).base
    days: dict[date, set[tuple[str, str]]] = {}
    for item in base.evidence.values():
        for report in item.reports:
            days.setdefault(public_from(report, base.knowledge_until), set()).add((item.id, report.id))
    return [(day, frozenset(found)) for day, found in sorted(days.items()) if day <= TODAY]


PATIENTS = [{**PATIENT, **change} for _, change, _, _ in WORKED[:: max(1, len(WORKED) // 12)]]


@pytest.mark.parametrize(
    ("day", "reports"), report_days(), ids=lambda value: str(value) if isinstance(value, date) else ""
)
def test_report(day: date, reports: frozenset[tuple[str, str]], adviser: Adviser, reader: CaseReader) -> None:
    """The day before, no answer cites it, in any place."""
    for profile in PATIENTS:
        found = answer(adviser, reader, profile, day - DAY, "none")
        shown: list[Reason | Option | CautionShown] = [*found.reasons, *found.options, *found.cautions]
        cited = {(item.id, item.report) for one in shown for item in one.evidence}
        assert not cited & reports
