"""The whole answer, as the contract's JSON has it. Built by `recommend`, worded by `report`."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from secondline.scales import Certainty, Direction, Jurisdiction, Strength, Verdict

SCHEMA = "secondline/recommendation/1"
Fit = Literal["inside", "outside", "unknown"]
Status = Literal["fired", "not-fired", "undetermined", "overridden"]


class CaseRef(NamedTuple):
    id: str
    as_of: str
    jurisdiction: Jurisdiction


class EvidenceItem(NamedTuple):
    """One report behind a statement: its figures for an endpoint, and the reports that it superseded."""

    id: str
    report: str
    endpoint: str | None
    population: str | None
    figures: str
    result: dict[str, Any]
    citation: str
    superseded: tuple[str, ...]


class Prevalence(NamedTuple):
    """The share of patients, 0 to 1, with a result of a test, and the report that gives it.

    Where that report's figure is a share of some patients only, `of` is what gives the share that these are of all;
    `share` is the product of the two.
    """

    result: str
    share: float
    evidence: EvidenceItem
    of: EvidenceItem | None = None


class Reason(NamedTuple):
    """A deciding rule; `depends_on` are the unknown facts that could still take it away, none where it fires."""

    rule: str
    says: str
    depends_on: tuple[str, ...]
    evidence: tuple[EvidenceItem, ...]


class OpenCheck(NamedTuple):
    """A gate that cannot be judged until these facts are known."""

    rule: str
    facts: tuple[str, ...]
    says: str


class Option(NamedTuple):
    """One regimen with its tier; `dosing` are the start dose and monitoring that its labels state."""

    regimen: str
    agents: tuple[str, ...]
    tier: str
    strength: str | None
    certainty: str | None
    rules: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    checks: tuple[OpenCheck, ...]
    availability: dict[str, str | None]
    cautions: tuple[str, ...]
    says: str
    dosing: tuple[str, ...]
    evidence: tuple[EvidenceItem, ...]


class Closed(NamedTuple):
    regimen: str
    rules: tuple[str, ...]
    says: str


class AdvisedTest(NamedTuple):
    """A fact worth finding out, and the regimens that a single result could open or close.

    `verdict` says whether a single result could settle or change the verdict; `rules` are the test rules that ask for
    it in this patient in any case; `prevalence` the stated shares of results.
    """

    fact: str
    why: str
    would_change: tuple[str, ...]
    order: int
    verdict: bool = False
    rules: tuple[str, ...] = ()
    prevalence: tuple[Prevalence, ...] = ()


class CautionShown(NamedTuple):
    rule: str
    says: str
    applies_to: tuple[str, ...]
    evidence: tuple[EvidenceItem, ...]


class CriterionShown(NamedTuple):
    says: str
    fact: str | None
    value: Any
    met: bool | None


class Applicability(NamedTuple):
    """How well a trial fits: inside if every criterion that can be judged is met, outside if one is not."""

    id: str
    fit: Fit
    criteria: tuple[CriterionShown, ...]


class Conflict(NamedTuple):
    """Live rules that give different verdicts."""

    rules: tuple[str, ...]
    verdicts: tuple[str, ...]


class TraceEntry(NamedTuple):
    rule: str
    status: Status
    conditions: tuple[CriterionShown, ...]


class Provenance(NamedTuple):
    secondline: str
    rules: str
    evidence: str
    profile: str
    knowledge_until: str
    engines: tuple[str, ...]
    notice: str


class Recommendation(NamedTuple):
    """One recommendation; `trace` is None unless it was asked for."""

    schema: str
    case: CaseRef
    verdict: Verdict
    direction: Direction | None
    strength: Strength | None
    certainty: Certainty | None
    settled: bool
    headline: str
    decided_by: tuple[str, ...]
    reasons: tuple[Reason, ...]
    options: tuple[Option, ...]
    closed: tuple[Closed, ...]
    tests: tuple[AdvisedTest, ...]
    cautions: tuple[CautionShown, ...]
    applicability: tuple[Applicability, ...]
    missing: tuple[tuple[str, ...], ...]
    assumed: tuple[str, ...]
    checks: tuple[OpenCheck, ...]
    conflicts: tuple[Conflict, ...]
    provenance: Provenance
    trace: tuple[TraceEntry, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data; without `trace` where there is none."""
        plain: dict[str, Any] = _plain(self)
        if self.trace is None:
            del plain["trace"]
        return plain

    def reports(self) -> set[str]:
        """The ids of every report and evidence cited anywhere in the answer."""
        items = [
            *(item for reason in self.reasons for item in reason.evidence),
            *(item for option in self.options for item in option.evidence),
            *(item for caution in self.cautions for item in caution.evidence),
        ]
        return {name for item in items for name in (item.id, item.report)}


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", None)
        return dict(zip(names, map(_plain, value), strict=True)) if names else [_plain(item) for item in value]
    return value
