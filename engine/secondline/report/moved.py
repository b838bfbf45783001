"""What moved, in words: for whom, by which rules, and an example of one patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from secondline.authoring.comparison import Comparison, OnDays
from secondline.authoring.living import Said, Superseded
from secondline.authoring.moves import VERDICT, Move
from secondline.authoring.paired import Region
from secondline.authoring.patients import Facts
from secondline.authoring.saying import words
from secondline.explain import fact_labels
from secondline.facts import catalogue
from secondline.report.document import Entry
from secondline.rulebase import RuleBase
from secondline.scales import OFFERED, TIERS, Jurisdiction
from secondline.states import in_words
from secondline.tiers import CLOSED
from secondline.whatif.values import digits, either, named

MOST_NAMED, MOST_FACTS = 6, 9
ARROW = "->"
_NOUNS = {VERDICT: "verdict", "conflict": "state"}


class Words:
    """Words for one comparison; `full` leaves nothing out."""

    def __init__(self, found: Comparison, *, full: bool) -> None:
        self.found, self.full = found, full
        self.base: RuleBase = found.new.ready.base

    # --- verdict ------------------------------------------------------------------------------------------

    def verdict(self, on: OnDays) -> Iterator[Entry]:
        """How the verdict moves, and how it is graded."""
        moves = [move for move in on.moves if move.what in (VERDICT, "conflict", "grading")]
        for at, move in enumerate(moves):
            graded = f"{move.about}: " if move.what == "grading" else ""
            head = f"{graded}{move.before} {ARROW} {move.after}{self.places(move.jurisdictions)}"
            shown = self.full or move.what == VERDICT or at == 0
            rules = f"by {self.rules(move.old)} {ARROW} {self.rules(move.new)}{self._through(move)}"
            whom = self.whom(move.region, _NOUNS.get(move.what, "grading"))
            yield Entry(f"{head}: {whom}", (rules, *self.example(move.example if shown else None)))
        if not moves:
            yield Entry("the same verdict, strength and certainty for every patient")

    def _through(self, move: Move) -> str:
        named_already = {*move.old, *move.new}
        changed = [name for name in self.found.why(move.about, move.before, move.after) if name not in named_already]
        return f", as {listed(changed)} changed" if changed else ""

    # --- options ------------------------------------------------------------------------------------------

    def options(self, on: OnDays) -> Iterator[Entry]:
        """Each regimen with its moves, those of the same patients in one line."""
        by_regimen: dict[str, list[Move]] = {}
        for move in on.moves:
            if move.what in ("tier", "option grading"):
                by_regimen.setdefault(move.about, []).append(move)
        for regimen, moves in by_regimen.items():
            lines = [*self._moves([move for move in moves if move.what == "tier"])]
            graded = dict.fromkeys(f"{m.before} {ARROW} {m.after}" for m in moves if m.what == "option grading")
            lines += [f"graded otherwise for some: {'; '.join(graded)}"] if graded else []
            why = {name for move in moves for name in self.found.why(regimen, move.before, move.after)}
            lines += [f"by {self.rules(sorted(why))}"] if why else []
            example = next((move.example for move in moves if move.example), None)
            yield Entry(regimen, (*lines, *self.example(example)))

    def _moves(self, moves: Sequence[Move]) -> Iterator[str]:
        """Moves from one tier that are said alike in one line."""
        places: dict[tuple[str, str, str], list[Jurisdiction]] = {}
        for move in moves:
            key = (shut(move.before), shut(move.after), self.whom(move.region, "tier"))
            places.setdefault(key, []).extend(move.jurisdictions)
        lines: dict[tuple[str, str, tuple[Jurisdiction, ...]], list[str]] = {}
        for (before, after, whom), some in places.items():
            lines.setdefault((before, whom, tuple(some)), []).append(after)
        for (before, whom, where), tiers in lines.items():
            yield f"{before} {ARROW} {either(tiers)}{self.places(where)}: {whom}"

    # --- for whom, by what, for example -------------------------------------------------------------------

    def whom(self, region: Region, what: str) -> str:
        """For whom an outcome became another, beside words that say which; `what` is a verdict, a tier."""
        lead = {"all": "", "before": f"those with the old {what}", "after": f"those with the new {what}"}[region.among]
        if region.whole:
            return f"all {lead}" if lead else "every patient"
        if region.condition is None:
            return f"some, by {fact_labels(region.facts)}"
        return f"{f'of {lead}, ' if lead else ''}{words(region.condition, self.base)}"

    def places(self, places: Sequence[Jurisdiction]) -> str:
        """The jurisdictions, where they are not all that were asked for."""
        if len(set(places)) == len(self.found.jurisdictions):
            return ""
        return f" ({', '.join('none' if place == 'none' else place.upper() for place in places)})"

    def rules(self, names: Sequence[str]) -> str:
        if not names:
            return "no rule"
        more = 0 if self.full else len(names) - MOST_NAMED
        return f"{', '.join(names[:MOST_NAMED])} and {more} more" if more > 1 else listed(names)

    def example(self, facts: Facts | None) -> Iterator[str]:
        if facts:
            said = [fact_words(path, value) for path, value in facts.items()]
            more = 0 if self.full else len(said) - MOST_FACTS
            yield f"e.g. {', '.join([*said[:MOST_FACTS], f'and {more} more facts'] if more > 1 else said)}"

    # --- figures ------------------------------------------------------------------------------------------

    def superseded(self, found: Sequence[Superseded]) -> Iterator[Entry]:
        """What a later report shows in place of an earlier one: the trial of which most figures moved first."""
        by_trial: dict[tuple[str, str, str], list[Superseded]] = {}
        for one in found:
            by_trial.setdefault((one.evidence, one.before.report, one.after.report), []).append(one)
        for (evidence, _, _), moved in sorted(by_trial.items(), key=lambda item: -len(item[1])):
            name = self.base.evidence[evidence].name
            head = f"{name}: {_report(moved[0].before)} {ARROW} {_report(moved[0].after)}"
            yield Entry(head, tuple(map(_figures, moved)))


def kinds(on: OnDays) -> dict[str, list[str]]:
    """The regimens whose tier moves, by what happens to the best that they can be."""
    found: dict[str, list[str]] = {"new": [], "higher": [], "for some": [], "lower": [], "gone": []}
    scale = (*TIERS, CLOSED)
    for regimen, by_place in on.best.items():
        offered = [[tiers[side] in OFFERED for tiers in by_place.values()] for side in (0, 1)]
        steps = [scale.index(before) - scale.index(after) for before, after in by_place.values()]
        if any(offered[0]) is not any(offered[1]):
            found["new" if any(offered[1]) else "gone"].append(regimen)
        else:
            found["higher" if max(steps) > 0 else "lower" if min(steps) < 0 else "for some"].append(regimen)
    return found


def shut(outcome: str) -> str:
    return "no option" if outcome == CLOSED else outcome


def listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else ""


def fact_words(path: str, value: Any) -> str:
    """A fact of a made-up patient: `QTcF 450 ms`, `sites of disease: bone, liver`."""
    fact = catalogue()[path]
    if isinstance(value, list):
        return f"{fact.label}: {', '.join(value) or 'none'}"
    if fact.numeric:
        return named(fact, f"{digits(value)} {fact.unit}".rstrip())
    return named(fact, in_words(value))


def _report(said: Said) -> str:
    return f"{said.report} ({said.kind.replace('-', ' ')}, {said.public})"


def _figures(moved: Superseded) -> str:
    about = f", {moved.about}" if moved.about else ""
    return f"{moved.endpoint}{about}: {moved.before.figures} {ARROW} {moved.after.figures}"
