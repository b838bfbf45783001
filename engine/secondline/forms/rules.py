"""Rule files: verdicts, options, gates, tests, cautions and definitions, one a file; and the one file of laws."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from secondline.forms.evidence import ConditionField, Jurisdiction, Statement
from secondline.scales import Certainty, Conclusion, Strength, Tier
from secondline.shapes import OWN_WORDS, Day, Strict

RuleId = Annotated[
    str,
    Field(
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=120,
        json_schema_extra={"expected": "an id in small letters, digits and hyphens"},
    ),
]
FactName = Annotated[
    str,
    Field(
        pattern="^[a-z0-9_]+(\\.[a-z0-9_]+)+$",
        max_length=120,
        json_schema_extra={"expected": "a fact's name as `group.name` in small letters"},
    ),
]
Cites = Annotated[tuple[Statement, ...], Field(min_length=1)]


class Effective(Strict):
    """The days on which a rule counts, both included; null is no limit."""

    since: Day | None = Field(default=None, alias="from")
    until: Day | None = None


class Rule(Strict):
    """What every rule has."""

    id: RuleId
    title: str | None = None
    effective: Effective | None = None
    review_by: Day | None = None
    authors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    when: ConditionField
    says: Statement
    cites: tuple[Statement, ...] = ()


class VerdictThen(Strict):
    verdict: Conclusion
    strength: Strength | None = None
    certainty: Certainty | None = None

    @model_validator(mode="after")
    def _graded(self) -> VerdictThen:
        directed = self.verdict in ("continue", "do-not-continue")
        if directed and (self.strength is None or self.certainty is None):
            raise PydanticCustomError(
                OWN_WORDS, "`{verdict}` needs `strength` and `certainty`; add them", {"verdict": self.verdict}
            )
        if not directed and (self.strength or self.certainty):
            message = "`{verdict}` claims nothing and has no `strength` or `certainty`; remove them"
            raise PydanticCustomError(OWN_WORDS, message, {"verdict": self.verdict})
        return self


class VerdictRule(Rule):
    cites: Cites
    then: VerdictThen
    overrides: tuple[RuleId, ...] = ()


class OptionThen(Strict):
    tier: Tier
    strength: Strength
    certainty: Certainty


class Grading(Strict):
    """What an option rule's tier, strength and certainty follow from; `check` works them out again and compares.

    `start` is what kind of evidence carries the claim and `down` the letters that lower it, P as often as it applies.
    `gain` cites the result whose figures show a relevant gain. `wording` says what the label of that jurisdiction and
    day says of this patient. `limits` are reasons against `preferred`; `row` names a row of the table that no figure
    decides; `adjusted` the adjustments made after it.
    """

    start: Literal["randomised", "label", "cohort", "consensus", "response", "time-to-event", "none"]
    down: tuple[Literal["R", "N", "P", "C", "S", "I", "U", "B"], ...] = ()
    phase: Literal["2", "3"] | None = None
    setting: Literal["within", "outside"] | None = None
    primary: Literal["met", "missed"] | None = None
    gain: Statement | None = None
    wording: Literal["covers", "second-hand", "unread", "outside", "not-approved"]
    limits: tuple[Literal["accelerated", "exploratory-label", "outside-the-trial"], ...] = ()
    row: Literal["T3", "T4", "T10", "T11", "T12", "consensus"] | None = None
    adjusted: tuple[Literal["A2", "A3", "A5", "A6"], ...] = ()
    boxed_warning: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Grading:
        if self.start == "randomised" and self.row is None and None in (self.phase, self.setting, self.primary):
            message = "of a randomised trial the tier follows from `phase`, `setting` and `primary`; give all three"
            raise PydanticCustomError(OWN_WORDS, message)
        twice = sorted({letter for letter in self.down if letter != "P" and self.down.count(letter) > 1})
        if twice:
            message = "`down` has `{letter}` twice; remove one, as only P can count more than once"
            raise PydanticCustomError(OWN_WORDS, message, {"letter": twice[0]})
        return self


class OptionRule(Rule):
    cites: Cites
    regimen: Statement
    jurisdiction: Jurisdiction | None = None
    then: OptionThen
    grading: Grading | None = None


class AppliesTo(Strict):
    regimens: tuple[Statement, ...] = ()
    agents: tuple[Statement, ...] = ()
    classes: tuple[Statement, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> AppliesTo:
        if not (self.regimens or self.agents or self.classes):
            raise PydanticCustomError(OWN_WORDS, "it applies to nothing; name regimens, agents or classes")
        return self


class GateThen(Strict):
    """`tier` and `certainty` are upper limits; `lower` and `lower_certainty` go down by that many steps."""

    tier: Tier | None = None
    lower: Annotated[int, Field(ge=1, le=3)] | None = None
    certainty: Certainty | None = None
    lower_certainty: Annotated[int, Field(ge=1, le=3)] | None = None
    strength: Strength | None = None

    @model_validator(mode="after")
    def _something(self) -> GateThen:
        if not (self.tier or self.lower or self.certainty or self.lower_certainty):
            raise PydanticCustomError(
                OWN_WORDS, "it changes nothing; give a `tier`, `lower`, `certainty` or `lower_certainty`"
            )
        if self.tier == "preferred" or self.certainty == "high":
            raise PydanticCustomError(
                OWN_WORDS, "an upper limit at the top of the scale changes nothing; give a lower one"
            )
        return self


class Gate(Rule):
    cites: Cites
    applies_to: AppliesTo
    jurisdiction: Jurisdiction | None = None
    then: GateThen


class ResultShare(Strict):
    """What share of patients has one result of a test: the share that `cite` gives.

    Where that is a share of some patients only, `of` gives the share that these are of all, in the same trial.
    """

    result: Statement
    cite: Statement
    of: Statement | None = None


class TestRule(Rule):
    """`prevalence` gives shares of patients; of several for one result the first counts that is public on the day."""

    __test__ = False  # not one of pytest's
    fact: Statement
    prevalence: tuple[ResultShare, ...] = ()


class Caution(Rule):
    pass


DefinedValue = bool | Statement


class DefinitionCase(Strict):
    """One case of a definition; `value: unknown` with `of` makes that fact count as absent."""

    when: ConditionField
    value: DefinedValue
    of: Statement | None = None


class Definition(Strict):
    """A fact worked out from others: the value of the first true case once all earlier ones are false."""

    id: RuleId
    title: str | None = None
    fact: FactName | None = None
    cases: Annotated[tuple[DefinitionCase, ...], Field(min_length=1)]
    otherwise: DefinedValue
    authors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cites: tuple[Statement, ...] = ()


class Law(Strict):
    """What holds for every patient: where `when` is true of facts and answer, `then` is not false.

    As a rule it counts on its days only, and once one of its cites is public: no day is held to what came later.
    """

    id: RuleId
    title: str | None = None
    effective: Effective | None = None
    when: ConditionField
    then: ConditionField
    authors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cites: tuple[Statement, ...] = ()


class LawsFile(Strict):
    laws: Annotated[tuple[Law, ...], Field(min_length=1)]
