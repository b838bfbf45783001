"""Evidence files: a trial, label or guideline with its reports and their figures. A figure keeps the digits typed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, InstanceOf, WithJsonSchema

from secondline.condition import All, AnyOf, Not, Test
from secondline.shapes import AnyDate, Plain, Strict

Jurisdiction = Literal["us", "eu"]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


Figure = Annotated[Decimal, WithJsonSchema({"type": "number"})]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Interval = tuple[Figure | None, Figure | None]
Statement = Annotated[str, Field(min_length=1)]


class Citation(Strict):
    """How the report itself is found; never a mirror."""

    venue: Statement
    year: Count | None = None
    number: str | None = None
    doi: str | None = None
    pmid: str | None = None
    url: str | None = None


class Arm(Strict):
    """What was seen in one arm; percentages and counts as reported."""

    n: Count | None = None
    events: Count | None = None
    count: Count | None = None
    percent: Figure | None = None
    median_months: Figure | None = None
    ci95: Interval | None = None
    ci90: Interval | None = None
    ci80: Interval | None = None
    note: str | None = None


class Effect(Strict):
    """One arm against the other, or against a fixed value. `p` is a number, or text such as `<0.001`."""

    measure: Literal["hazard_ratio", "difference_in_proportions", "log_rank", "test_against_null"]
    adjusted: bool = False
    value: Figure | None = None
    ci95: Interval | None = None
    ci90: Interval | None = None
    p: Figure | Statement | None = None
    p_kind: Literal["nominal", "one-sided"] | None = None


class Result(Strict):
    """The figures of one report for one endpoint in one population, or a finding in words."""

    endpoint: Statement
    role: Literal["primary", "key-secondary", "secondary", "exploratory", "safety", "statement"]
    assessor: Literal["investigator", "bicr"] | None = None
    subgroup: str | None = None
    comparison: str | None = None
    arms: dict[str, Arm] = Field(default={})
    effect: Effect | None = None
    interaction_p: Figure | None = None
    significant: bool | None = None
    maturity: str | None = None
    multiplicity: str | None = None
    finding: str | None = None
    replaces: tuple[str, ...] = ()


class Report(Strict):
    """One publication. `read_as` says that it was read second-hand, and through what."""

    id: Statement
    kind: Literal["conference-abstract", "journal-article", "regulatory", "guideline", "news"]
    citation: Citation
    first_public: AnyDate | None = None
    read_as: str | None = None
    jurisdiction: Jurisdiction | None = None
    median_follow_up_months: Figure | None = None
    events: dict[str, Count] = Field(default={})
    results: tuple[Result, ...] = ()


ConditionField = Annotated[
    InstanceOf[Test] | InstanceOf[All] | InstanceOf[AnyOf] | InstanceOf[Not],
    WithJsonSchema({"type": "object", "expected": "a condition"}),
]


class Criterion(Strict):
    """One eligibility criterion of a trial, in words and as a condition."""

    says: Statement
    when: ConditionField


class Eligibility(Strict):
    """Who could enter a trial: criteria a profile can answer, those it cannot, and those that were not read."""

    criteria: tuple[Criterion, ...] = ()
    not_judged: tuple[Statement, ...] = ()
    not_read: tuple[Statement, ...] = ()


class Design(Strict):
    randomized: bool
    masking: Literal["open-label", "single-blind", "double-blind"] | None = None
    allocation: str | None = None
    n: Count | None = None


class ApprovedIn(Strict):
    """The first approval in each jurisdiction, as far as it was read."""

    us: AnyDate | None = None
    eu: AnyDate | None = None


class Approvals(ApprovedIn):
    """The first approval of a drug for this disease; `regimens` has that of a combination approved on its own day."""

    regimens: dict[str, ApprovedIn] = Field(default={})


# What `secondline evidence audit` can find; `engine/secondline/audit/` finds it, rules/README.md explains it.
FindingCode = Literal[
    "approval",
    "arm-allocation",
    "arm-bounds",
    "arm-numbers",
    "arm-of-whole",
    "citation-year",
    "criterion",
    "day-in-words",
    "decimals",
    "doi",
    "dose",
    "effect-bounds",
    "effect-direction",
    "follow-up",
    "future",
    "identifier",
    "interaction-p",
    "interval-centre",
    "interval-in-words",
    "interval-width",
    "median-interval",
    "median-ratio",
    "number-in-words",
    "order",
    "p-form",
    "p-interval",
    "p-proportions",
    "parts-of-whole",
    "percent-count",
    "percent-denominator",
    "percent-interval",
    "pmid",
    "pmid-order",
    "quotation",
    "rate-median",
    "rate-order",
    "rate-ratio",
    "registry",
    "report-order",
    "same-analysis",
    "same-arm",
    "share-in-words",
    "significance",
    "significance-role",
    "subgroup-width",
    "subgroup-words",
    "succession",
    "twice",
    "venue",
]


class Acceptance(Strict):
    """A finding of the audit that is right as read, and why; the keys say which, in as few as tell it from others."""

    finding: FindingCode
    report: str | None = None
    endpoint: str | None = None
    subgroup: str | None = None
    comparison: str | None = None
    arm: str | None = None
    reason: Plain


class Evidence(Strict):
    """A trial, label or guideline with all its reports, oldest first."""

    id: Annotated[str, Field(pattern="^[A-Z0-9]+(-[A-Z0-9]+)*$")]
    kind: Literal["trial", "label", "guideline", "meta-analysis", "cohort"]
    name: Statement
    registry: str | None = None
    phase: str | None = None
    design: Design | None = None
    question: str | None = None
    population: tuple[Statement, ...] = ()
    arms: dict[str, Statement] = Field(default={})
    eligibility: Eligibility | None = None
    independent: bool = False
    approvals: Approvals | None = None
    reports: Annotated[tuple[Report, ...], Field(min_length=1)]
    notes: tuple[Statement, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
