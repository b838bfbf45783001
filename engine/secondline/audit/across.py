"""Checks between evidence files: the same figure quoted in two, and identifiers that grow with time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import combinations

from secondline.audit.ledger import Ledger, Path, Spot
from secondline.audit.reports import compare, shared
from secondline.audit.subgroups import same_group
from secondline.audit.words import check_quotations, texts

_DOSE = re.compile(r"(?<![\w.,/-])(\d+(?:\.\d+)?)(?: (?:and|or|to|,) (\d+(?:\.\d+)?))? mg")
_PMID_DAYS = 330  # how far a PMID may lie, in days, from where its neighbours put it
_SHORTEST_NAME = 5


def check_across(ledgers: Sequence[Ledger]) -> None:
    """Everything that needs more than one file; each finding goes into the ledger of its own file."""
    _same_results(ledgers)
    for ledger in ledgers:
        for path, text in texts(ledger):
            check_quotations(ledger, [ledger, *(o for o in ledgers if o is not ledger and _names(o, text))], path, text)
    _pmids(ledgers)
    _doses(ledgers)


def _names(ledger: Ledger, text: str) -> bool:
    """Whether a text names an evidence, by its id or its name."""
    name = ledger.evidence.name.split(" (")[0]
    return ledger.evidence.id in text or (len(name) >= _SHORTEST_NAME and name in text)


def _same_results(ledgers: Sequence[Ledger]) -> None:
    """A result that two files have: where most of it is the same, all of it has to be."""
    by_question: dict[tuple[str, frozenset[str]], list[tuple[Ledger, Spot]]] = {}
    for ledger in ledgers:
        for spot in ledger.spots:
            if len(spot.result.arms) > 1:
                by_question.setdefault((spot.result.endpoint, frozenset(spot.result.arms)), []).append((ledger, spot))
    for group in by_question.values():
        for (one, first), (two, second) in combinations(group, 2):
            if one is not two and same_group(first.result.subgroup, second.result.subgroup):
                compare(one, first, dict(shared(first.result, second.result)), second.report.id)
                two.reads("same-analysis", *(second.at(*path) for path, _ in shared(first.result, second.result)))


def _pmids(ledgers: Sequence[Ledger]) -> None:
    """PMIDs are given out in order of time: each lies near the line between its neighbours in time."""
    found: list[tuple[date, int, Ledger, int]] = []
    for ledger in ledgers:
        for i, report in enumerate(ledger.evidence.reports):
            pmid, public = report.citation.pmid, report.first_public
            if pmid and pmid.isdigit() and public and public.first.month == public.last.month:
                found.append((public.first, int(pmid), ledger, i))
    found.sort(key=lambda each: (each[0], each[1]))
    for index, (day, pmid, ledger, i) in enumerate(found):
        others = [each for each in found if each[1] != pmid or each[0] != day]
        before = [each for each in others if each[0] <= day][-3:]
        after = [each for each in others if each[0] > day][:3]
        if len(before) < 2 or len(after) < 2:
            continue
        path: Path = ("reports", i, "citation", "pmid")
        ledger.reads("pmid-order", path, ("reports", i, "first_public"))
        left, right = sorted(before, key=lambda each: each[1])[len(before) // 2], sorted(
            after, key=lambda each: each[1]
        )[len(after) // 2]
        days = max(1, (right[0] - left[0]).days)
        a_day = (right[1] - left[1]) / days
        if a_day <= 0:
            continue
        expected = left[1] + a_day * (day - left[0]).days
        if abs(pmid - expected) > _PMID_DAYS * 4500:
            report = ledger.evidence.reports[i]
            message = f"PMID {pmid} for a paper of {report.first_public}; those of its time are near {expected:.0f}"
            ledger.finds("pmid-order", report, path, message)


def _doses(ledgers: Sequence[Ledger]) -> None:
    """A dose in a trial's arms is one that the drug's label names."""
    labels = {
        ledger.evidence.id.removeprefix("LABEL-").lower().replace("-", " "): ledger
        for ledger in ledgers
        if ledger.evidence.kind == "label"
    }
    for ledger in ledgers:
        if ledger.evidence.kind == "label":
            continue
        for name, says in ledger.evidence.arms.items():
            for drug, label in labels.items():
                found = re.search(rf"\b{re.escape(drug)} (\d+(?:\.\d+)?) mg(?!/)", says)
                if not found:
                    continue
                known = {
                    dose
                    for path, text in texts(label)
                    for match in _DOSE.finditer(text)
                    for dose in match.groups()
                    if dose and path[0] == "reports"
                }
                if not known:
                    continue
                ledger.reads("dose", ("arms", name, 0))
                if found[1] not in known:
                    message = f"{drug} {found[1]} mg is no dose that {label.evidence.id} names"
                    ledger.finds("dose", None, ("arms", name), message)
