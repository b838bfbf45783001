"""Case files: a profile, the day and place it is asked for, and perhaps the answer expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from secondline.profile import Profile
from secondline.scales import Jurisdiction, Tier, Verdict
from secondline.shapes import Day, Plain, Strict

FactSet = Annotated[
    tuple[str, ...], Field(json_schema_extra={"expected": "a list of facts inside the list, as in `[[disease.her2]]`"})
]
ExpectedTier = Literal[Tier, "undetermined"]


class Expect(Strict):
    """The answer expected of a case; a key that is absent is not compared."""

    verdict: Verdict | None = None
    settled: bool | None = None
    decided_by: tuple[str, ...] | None = None
    missing: tuple[FactSet, ...] | None = None
    options: dict[str, ExpectedTier] = Field(default={})
    not_options: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


class Case(Strict):
    """A profile with the day and place it is asked for, and perhaps the answer expected."""

    id: Annotated[Plain, Field(min_length=1, max_length=200)] | None = None
    title: Plain | None = None
    as_of: Day | None = None
    jurisdiction: Jurisdiction = "none"
    profile: Profile
    expect: Expect | None = None
