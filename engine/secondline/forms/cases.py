"""Case files: a profile, the day and place it is asked for, and perhaps the answer expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from secondline.profile import Profile
from secondline.scales import Certainty, Jurisdiction, Strength, Tier, Verdict
from secondline.shapes import Day, Plain, Strict

FactSet = Annotated[
    tuple[str, ...], Field(json_schema_extra={"expected": "a list of facts inside the list, as in `[[disease.her2]]`"})
]
ExpectedTier = Literal[Tier, "undetermined", "closed"]


class Graded(Strict):
    """The strength and certainty expected of an option; one that is absent is not compared."""

    strength: Strength | None = None
    certainty: Certainty | None = None


class Expect(Strict):
    """The answer expected of a case; a key that is absent is not compared.

    `grading` and `rules` go by regimen, and `rules` names every rule and gate behind it. `evidence` goes by what shows
    it, a deciding rule, a regimen, a gate or a caution, and lists cites as rules have them. `says` goes by the same, or
    by the fact of a test, and holds words of its text. `prevalence` goes by the fact of a test and its result, and
    names the report that gives the share.
    """

    verdict: Verdict | None = None
    strength: Strength | None = None
    certainty: Certainty | None = None
    settled: bool | None = None
    decided_by: tuple[str, ...] | None = None
    missing: tuple[FactSet, ...] | None = None
    options: dict[str, ExpectedTier] = Field(default={})
    grading: dict[str, Graded] = Field(default={})
    rules: dict[str, tuple[str, ...]] = Field(default={})
    not_options: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    not_tests: tuple[str, ...] = ()
    prevalence: dict[str, dict[str, str]] = Field(default={})
    cautions: tuple[str, ...] = ()
    not_cautions: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    evidence: dict[str, tuple[str, ...]] = Field(default={})
    says: dict[str, tuple[str, ...]] = Field(default={})


class Case(Strict):
    """A profile with the day and place it is asked for, and perhaps the answer expected."""

    id: Annotated[Plain, Field(min_length=1, max_length=200)] | None = None
    title: Plain | None = None
    as_of: Day | None = None
    jurisdiction: Jurisdiction = "none"
    profile: Profile
    expect: Expect | None = None
