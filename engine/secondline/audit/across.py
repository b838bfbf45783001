"""Checks between evidence files: the same figure quoted in two, and identifiers that grow with time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from secondline.audit.ledger import Ledger, Path, Spot
from secondline.audit.reports import compare, shared
from secondline.audit.subgroups import same_group
from secondline.audit.words import check_quotations, reads, texts

_DOSE = re.compile(
    r"(?:(?<![\w.,/-])(\d+(?:\.\d+)?), )?(?:(?<![\w.,/-])(\d+(?:\.\d+)?) (?:and|or|to) )?"
    r"(?<![\w.,/-])(\d+(?:\.\d+)?) mg(?!/)"
)
_LOWERING = re.compile(r"reductions|cyp3a.*inhibitors|hepatic|renal")
_PMID_DAYS, _PMIDS_A_DAY = 240, 4500  # how far a PMID may lie from where its neighbours put it
_SHORTEST_NAME = 5
_ABOUT = 45  # days within which two days of an approval are meant to be one

if TYPE_CHECKING:
    from secondline.dates import PartialDate
    from secondline.forms.evidence import ApprovedIn


def check_across(ledgers: Sequence[Ledger], knowledge_until: date) -> None:
    """Everything that needs more than one file; each finding goes into the ledger of its own file."""
    for ledger in ledgers:
        for place, _, day in _approved(ledger):
            ledger.reads("future", place)
            if day.first > knowledge_until:
                ledger.finds("future", None, place, f"approved {day}, but the rule base ends on {knowledge_until}")
    _identifiers(ledgers)
    _same_results(ledgers)
    for ledger in ledgers:
        for path, text in texts(ledger):
            check_quotations(ledger, [ledger, *(o for o in ledgers if o is not ledger and _names(o, text))], path, text)
    _pmids(ledgers)
    _doses(ledgers)
    _approvals(ledgers)


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
                compare(one, first, second)
                two.reads("same-analysis", *(second.at(*path) for path, _ in shared(first.result, second.result)))


def _pmids(ledgers: Sequence[Ledger]) -> None:
    """PMIDs are given out in order of time: each lies near the line between its neighbours in time."""
    found: list[tuple[date, int, Ledger, int]] = []
    for ledger in ledgers:
        for i, report in enumerate(ledger.evidence.reports):
            number, public = report.citation.pmid, report.first_public
            if number and number.isdigit() and public and public.first.month == public.last.month:
                found.append((public.first, int(number), ledger, i))
    found.sort(key=lambda each: (each[0], each[1]))
    for day, pmid, ledger, i in found:
        others = [each for each in found if (each[0], each[1]) != (day, pmid)]
        before = sorted(each[1::-1] for each in [each for each in others if each[0] <= day][-3:])
        after = sorted(each[1::-1] for each in [each for each in others if each[0] > day][:3])
        if len(before) < 2 or len(after) < 2:
            continue
        path: Path = ("reports", i, "citation", "pmid")
        ledger.reads("pmid-order", path, ("reports", i, "first_public"))
        (low, early), (high, late) = before[len(before) // 2], after[len(after) // 2]
        a_day = (high - low) / max(1, (late - early).days)
        expected = low + a_day * (day - early).days
        if a_day > 0 and abs(pmid - expected) > _PMID_DAYS * _PMIDS_A_DAY:
            paper = ledger.evidence.reports[i]
            message = f"PMID {pmid} for a paper of {paper.first_public}; those of its time are near {expected:.0f}"
            ledger.finds("pmid-order", paper, path, message)


def _identifiers(ledgers: Sequence[Ledger]) -> None:
    """Two DOIs, PMIDs or registry numbers that are one but for a digit."""
    held: list[tuple[str, str, Ledger, Path]] = []
    for ledger in ledgers:
        if ledger.evidence.registry:
            held.append(("registry", ledger.evidence.registry, ledger, ("registry",)))
        for i, report in enumerate(ledger.evidence.reports):
            for name in ("doi", "pmid"):
                value = getattr(report.citation, name)
                if value:
                    held.append((name, value, ledger, ("reports", i, "citation", name)))
    for (kind, one, ledger, path), (other_kind, other, second, other_path) in combinations(held, 2):
        if kind == other_kind and len(one) == len(other):
            apart = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
            if not apart:
                ledger.reads("identifier", path)
                second.reads("identifier", other_path)
            elif len(apart) == 1 or (len(apart) == 2 and apart[0] == apart[1][::-1]):
                message = f"`{one}` and `{other}` of {second.evidence.id} are one but for a digit"
                ledger.finds("identifier", None, path, message)


def _doses(ledgers: Sequence[Ledger]) -> None:
    """A dose that a text gives of a drug is one that the drug's label names; a label lowers doses to steps it lists."""
    labels = [ledger for ledger in ledgers if ledger.evidence.kind == "label"]
    for label in labels:
        known = _label_doses(label)
        drug = _drug(label).replace("-", " ")
        _lowered(label, known)
        pattern = re.compile(rf"\b{re.escape(drug)} (\d+(?:\.\d+)?) mg(?!/)")
        every = {dose for doses in known.values() for dose in doses}
        for ledger in ledgers if every else ():
            for path, text in texts(ledger):
                for found in pattern.finditer(text):
                    reads(ledger, "dose", path, text, found.start(1))
                    if Decimal(found[1]) not in every:
                        message = f"{drug} {found[1]} mg is no dose that {label.evidence.id} names"
                        ledger.finds("dose", None, path, message, about=".".join(map(str, path)))


def _label_doses(label: Ledger) -> dict[Path, set[Decimal]]:
    """The doses in milligrams that each statement of a label names."""
    found: dict[Path, set[Decimal]] = {}
    for path, text in texts(label):
        if path[0] == "reports":
            found[path] = {Decimal(dose) for match in _DOSE.finditer(text) for dose in match.groups() if dose}
    return found


def _lowered(label: Ledger, known: dict[Path, set[Decimal]]) -> None:
    """Reduced doses: below the full one; and those for an organ or an interaction among those to reduce to."""
    by_endpoint = [(spot, known.get(spot.at("finding"), set())) for spot in label.spots]
    own = [(spot, doses) for spot, doses in by_endpoint if spot.result.endpoint in ("dose", "dose_early")]
    full = {dose for _, doses in own for dose in doses}
    steps = [spot.at("finding") for spot, doses in by_endpoint if spot.result.endpoint == "reductions" and doses]
    listed = {dose for path in steps for dose in known[path]}
    by_step = any(
        " by " in (spot.result.finding or "") for spot, _ in by_endpoint if spot.result.endpoint == "reductions"
    )
    for spot, doses in by_endpoint:
        if not full or not doses or not _LOWERING.search(spot.result.endpoint):
            continue
        path, text = spot.at("finding"), spot.result.finding or ""
        reads(label, "dose", path, text, *(at for found in _DOSE.finditer(text) for at in _starts(found)))
        for dose in sorted(doses):
            beyond = listed and not by_step and path not in steps and dose not in listed | full
            if not max(full) / 5 <= dose <= max(full) or beyond:
                message = f"{dose} mg beside {', '.join(map(str, sorted(full | listed)))} mg"
                label.finds("dose", spot, path, message)


def _starts(found: re.Match[str]) -> Iterator[int]:
    for group in (1, 2, 3):
        if found[group]:
            yield found.start(group)


def _approvals(ledgers: Sequence[Ledger]) -> None:
    """An approval is no later than the reports that can state it, and of the day of a regulator's report beside it."""
    regulatory = [
        (ledger, i, report, report.first_public)
        for ledger in ledgers
        for i, report in enumerate(ledger.evidence.reports)
        if report.kind == "regulatory" and report.first_public is not None
    ]
    for ledger in ledgers:
        drug = _drug(ledger)
        witnesses = [each for each in regulatory if each[0] is ledger or _is_about(each[0], drug)]
        for place, name, day in _approved(ledger):
            own = [each for each in witnesses if each[2].jurisdiction in (None, name)]
            same = [each for each in own if str(each[3]) == str(day)]
            for other, i, _, _ in same:
                other.reads("approval", ("reports", i, "first_public"))
            if own:
                ledger.reads("approval", place)
            if same or not own:
                continue
            if day.first > max(public.last for _, _, _, public in own):
                message = f"approved {day}, after every report that could state it"
                ledger.finds("approval", None, place, message, about=".".join(map(str, place)))
            for _, _, report, public in own:
                if (
                    day.first == day.last
                    and public.first == public.last
                    and abs((public.first - day.first).days) <= _ABOUT
                ):
                    message = f"approved {day}, but {report.id} is of {public}"
                    ledger.finds("approval", None, place, message, about=".".join(map(str, place)))


def _approved(ledger: Ledger) -> Iterator[tuple[Path, str, PartialDate]]:
    approvals = ledger.evidence.approvals
    if approvals is None:
        return
    held: dict[Path, ApprovedIn] = {(): approvals}
    held |= {("regimens", name): each for name, each in approvals.regimens.items()}
    for path, approved in held.items():
        for name, day in (("us", approved.us), ("eu", approved.eu)):
            if day is not None:
                yield ("approvals", *path, name), name, day


def _drug(ledger: Ledger) -> str:
    """The drug of a label, as arms name it."""
    return ledger.evidence.id.removeprefix("LABEL-").lower()


def _is_about(ledger: Ledger, drug: str) -> bool:
    """Whether a trial has an arm with a drug."""
    return any(drug in name.split("+") or drug.replace("-", " ") in says for name, says in ledger.evidence.arms.items())
