"""What a comparison found: who is answered otherwise and why, how much of a change that is, and what to call it.

As JSON (`"schema": "secondline/diff/1"`):

    old, new       what is compared: name, version, knowledge_until, digest of the rules
    change         `breaking` (somebody's verdict), `minor` (somebody's options) or `none`; version: what to call it
    rules          every rule, definition and law that differs: what of it, and where its outcome does
    on             for each pair of days asked: moves (the verdict, its grading, tiers), loose ends, absences
    evidence       results superseded with their figures, new reports, approvals, rules that came into effect or went
    files          evidence and vocabulary that differ
    proof          how many kinds of patients and outcomes were compared, and what is not proved
    cohort         where one was given: how many of it change, and which

A region is `{"among": a, "whole": w, "when": c, "facts": f}`: of all patients, or of those with the outcome before or
after, all (`whole`), or those for whom condition `c` holds; without either it is too long to say, and depends on `f`.
A move holds for patients of whom everything is known; its example is a case that `advise` answers so.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from secondline.authoring.living import Living
from secondline.authoring.moves import DISAGREE, VERDICT, Move
from secondline.authoring.paired import Region
from secondline.authoring.patients import Asked, Facts, case_of
from secondline.authoring.rulechanges import RuleChange
from secondline.rulebase import RuleBase
from secondline.scales import Jurisdiction
from secondline.store import Ready
from secondline.tiers import CLOSED

if TYPE_CHECKING:
    from secondline.forms.rules import Law

SCHEMA = "secondline/diff/1"
JURISDICTIONS: tuple[Jurisdiction, ...] = ("us", "eu", "none")
_FIRST_YEAR = 1900  # from here on the first number of a version is a year
_NUMBERED = re.compile(r"[0-9]+(\.[0-9]+)*")
Change = Literal["breaking", "minor", "none"]
_PLACES: tuple[Change, ...] = ("breaking", "minor", "none")  # by the number of a version that each raises


class Detail(NamedTuple):
    """How much is worked out: for which moves a region in words, an example of each or one of a regimen.

    `unknown` says whether patients of whom something is unknown are looked for, where it is not proved what they get.
    """

    regions: frozenset[str] = frozenset({VERDICT, "conflict", "grading", "tier"})
    every_example: bool = False
    unknown: bool = True


class Base(NamedTuple):
    """One side: what it is called, its rules made ready, its laws, and the days on which it is asked."""

    name: str
    ready: Ready
    laws: tuple[Law, ...]
    days: tuple[date, ...]


class Absence(NamedTuple):
    """Patients whose result of a test counts as absent in one rule base alone; `anew` says in the new one.

    `changes` are what may differ for them, each with an example: about, before, after.
    """

    fact: str
    anew: bool
    region: Region
    changes: tuple[tuple[str, str, str, Jurisdiction, Facts], ...]


class Unsettled(NamedTuple):
    """A patient of whom something is unknown who is answered otherwise, and cannot turn out to be where a move is."""

    about: str
    before: str
    after: str
    jurisdiction: Jurisdiction
    facts: Facts


class OnDays(NamedTuple):
    """What moves between two days, or between two rule bases on one.

    `tied` says that what answers are made of differs nowhere else, so that nobody of whom something is unknown is
    answered otherwise either; where it is not, such patients were looked for, and `unsettled` were found. `best` are
    the highest tiers before and after of each regimen whose tier moves.
    """

    old: date
    new: date
    moves: tuple[Move, ...]
    tied: bool
    unsettled: tuple[Unsettled, ...]
    absences: tuple[Absence, ...]
    best: dict[str, dict[Jurisdiction, tuple[str, str]]]
    compared: int


class File(NamedTuple):
    """A trial, label or guideline, or a word of the vocabulary, that differs."""

    kind: str
    name: str
    what: Literal["added", "removed", "changed"]


class Proof(NamedTuple):
    """What was compared; `unproved` says what a proof about facts does not cover."""

    kinds: int
    variables: int
    nodes: int
    outcomes: int
    unproved: tuple[str, ...]


class Comparison(NamedTuple):
    """Everything that differs between an old and a new side."""

    old: Base
    new: Base
    jurisdictions: tuple[Jurisdiction, ...]
    rules: tuple[RuleChange, ...]
    on: tuple[OnDays, ...]
    living: Living
    files: tuple[File, ...]
    proof: Proof

    @property
    def days_apart(self) -> bool:
        """Whether one rule base is compared on two days."""
        return self.old.ready is self.new.ready

    @property
    def change(self) -> Change:
        if self.proof.unproved:
            return "breaking"  # which cannot be excluded
        found = {move.about for on in self.on for move in on.moves if move.what in (VERDICT, "tier")}
        found |= {one.about for on in self.on for one in on.unsettled}
        found |= {change[0] for on in self.on for absence in on.absences for change in absence.changes}
        return "breaking" if VERDICT in found else "minor" if found else "none"

    @property
    def differs(self) -> bool:
        """Whether anything does."""
        on = any(each.moves or each.unsettled or each.absences for each in self.on)
        return bool(self.rules or on or self.files or any(self.living))

    def why(self, about: str, before: str, after: str) -> tuple[str, ...]:
        """The rules and definitions that changed and are behind a verdict or tier that became another.

        Of an outcome that no move has, as one that is open, those behind any move of the same regimen.
        """
        moves = [move for on in self.on for move in on.moves if move.about == about]
        exact = [move for move in moves if (move.before, move.after) == (before, after)]
        named = {name for move in exact or moves for name in (*move.old, *move.new)}
        apart = {name for move in exact or moves for name in {*move.old} ^ {*move.new}}
        changed = {one.id: one for one in self.rules if one.what not in ("text", "rewritten")}
        lived = {one.id for one in (*self.living.came, *self.living.went)}
        found = {name for name in named if name in changed or name in lived}
        found |= {definition for name in found if name in changed for definition in changed[name].through}
        return tuple(sorted(found or apart))

    @property
    def version(self) -> Version:
        """What to call the new rule base."""
        return suggested(self.old.ready.base, self.new.ready.base, self.change)

    def as_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "old": _side(self.old),
            "new": _side(self.new),
            "jurisdictions": list(self.jurisdictions),
            "change": {"is": self.change, **({} if self.days_apart else self.version._asdict())},
            "rules": [_rule(change) for change in self.rules],
            "on": [self._on(each) for each in self.on],
            "evidence": _plain(self.living),
            "files": _plain(self.files),
            "proof": self.proof._asdict(),
        }

    def _on(self, on: OnDays) -> dict[str, Any]:
        return {
            "old": on.old.isoformat(),
            "new": on.new.isoformat(),
            "moves": [
                {
                    **{name: _plain(getattr(move, name)) for name in Move._fields[:7]},
                    "region": move.region.as_dict(),
                    "example": move.example and self.case(move, on, self.new),
                }
                for move in on.moves
            ],
            "best": {regimen: {place: list(tiers) for place, tiers in by.items()} for regimen, by in on.best.items()},
            "tied": on.tied,
            "unsettled": _plain(on.unsettled),
            "absences": [
                {
                    "fact": absence.fact,
                    "counts_as_absent": "now" if absence.anew else "before",
                    "region": absence.region.as_dict(),
                    "changes": _plain(absence.changes),
                }
                for absence in on.absences
            ],
        }

    def case(self, move: Move, on: OnDays, side: Base) -> dict[str, Any] | None:
        """The example of a move as a case of one side, which is a test of it."""
        if move.example is None:
            return None
        outcome, asked = (move.before, on.old) if side is self.old else (move.after, on.new)
        expect: dict[str, Any] = {VERDICT: outcome if move.what == VERDICT else move.about}
        if move.what == "conflict":
            expect = {VERDICT: "individualise"} if outcome == DISAGREE else {}
        if move.what == "tier":
            known = move.about in side.ready.base.vocabulary.regimens  # or no case of that side can name it
            closed = {"not_options": [move.about]} if known else {}
            expect = closed if outcome == CLOSED else {"options": {move.about: outcome}}
        title = f"{move.about if move.about != VERDICT else 'it'}: {move.before} becomes {move.after}"
        name = re.sub("[^a-z0-9]+", "-", f"{move.about} {move.before} {move.after}".lower()).strip("-")
        return case_of(move.example, Asked(asked, move.jurisdictions[0]), name, title, expect)


def _side(base: Base) -> dict[str, Any]:
    held = base.ready.base
    return {
        "name": base.name,
        "version": held.version,
        "knowledge_until": held.knowledge_until.isoformat(),
        "rules": held.rules_hash,
        "evidence": held.evidence_hash,
        "days": [day.isoformat() for day in base.days],
    }


def _rule(change: RuleChange) -> dict[str, Any]:
    return {
        "folder": change.folder,
        "id": change.id,
        "what": change.what,
        "was": change.was or None,
        "through": list(change.through),
        "parts": {part.name: {"before": part.before, "after": part.after} for part in change.parts},
        "shifts": [
            {
                "before": shift.before,
                "after": shift.after,
                "region": shift.region.as_dict(),
                "example": shift.example,
            }
            for shift in change.shifts
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


# --- what to call it --------------------------------------------------------------------------------------


class Version(NamedTuple):
    """The versions that `rulebase.yaml` has and had, and the one that the change calls for; None where none does."""

    old: str
    new: str
    suggested: str | None


def suggested(old: RuleBase, new: RuleBase, change: Change) -> Version:
    """A version of which the first, second or third number is raised as the change is breaking, minor or none.

    Of one that begins with year and month these follow `knowledge_until`, and the numbers stand behind them.
    """
    same = (old.rules_hash, old.evidence_hash) == (new.rules_hash, new.evidence_hash)
    written = [int(part) for part in old.version.split(".")] if _NUMBERED.fullmatch(old.version) else []
    dated = len(written) > 1 and written[0] >= _FIRST_YEAR
    month, numbers = (written[:2], written[2:]) if dated else ([], written)
    if same or not written or len(numbers) > len(_PLACES):
        return Version(old.version, new.version, None)
    place = _PLACES.index(change)
    padded = [*numbers, 0, 0, 0]
    raised = [*padded[:place], padded[place] + 1, 0, 0][: max(place + 1, len(numbers))]
    known = new.knowledge_until
    head = ["{}.{:02}".format(*max(month, [known.year, known.month]))] if dated else []
    return Version(old.version, new.version, ".".join([*head, *map(str, raised)]))
