"""Two days of one rule base as the story of the evidence, on one screen: the inhibitor, what moved it, the options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secondline.authoring.comparison import OnDays
from secondline.authoring.living import Came, InEffect
from secondline.authoring.rulechanges import FOLDERS
from secondline.errors import counted
from secondline.evidence import public_from
from secondline.report.document import Entry, Section, Table
from secondline.report.moved import ARROW, Words, kinds, shut
from secondline.scales import OFFERED, Jurisdiction
from secondline.tiers import CLOSED

_SAID = {
    "new": "new, at best",
    "higher": "higher, at best",
    "for some": "otherwise for some, at best",
    "lower": "lower, at best",
    "gone": "no longer, at best",
}


def story(words: Words) -> list[Section]:
    """The sections of the story; the proof goes with the last."""
    teller, (on,) = _Teller(words), words.found.on
    return [
        Section("The inhibitor", tuple(words.verdict(on))),
        Section("The evidence behind it", (*teller.moved(), *teller.beside(on))),
        Section("Options", tuple(teller.options(on))),
        *([Section("Options in full", tuple(words.options(on)))] if words.full else []),
        Section("Besides", tuple(teller.besides())),
    ]


class _Teller:
    def __init__(self, words: Words) -> None:
        self.words, self.found, self.base = words, words.found, words.base

    def moved(self) -> Iterator[Entry]:
        """What a later report shows in place of an earlier one: what verdict rules cite, then that others do."""
        found = self.found.living.superseded
        yield from self.words.superseded([one for one in found if one.verdicts or self.words.full])
        others = dict.fromkeys(one.evidence for one in found if not one.verdicts)
        if others and not self.words.full:
            yield Entry(f"superseded too, behind options alone: {', '.join(others)}")

    def beside(self, on: OnDays) -> Iterator[Entry]:
        """What verdict rules cite now of which nothing was public before."""
        found: dict[str, str] = {}
        for rule in self.base.verdicts:
            for cite in rule.cites if self.base.in_effect(rule, on.new) else ():
                source = self.base.sources[cite]
                days = [public_from(report, self.base.knowledge_until) for report in source.evidence.reports]
                if on.old < min(days) <= on.new:
                    found[source.evidence.id] = min(days).isoformat()
        if found:
            dated = (f"{name} ({day})" for name, day in sorted(found.items(), key=lambda item: (item[1], item[0])))
            yield Entry(f"first reports beside them: {', '.join(dated)}")

    # --- options ------------------------------------------------------------------------------------------

    def options(self, on: OnDays) -> Iterator[Table]:
        """Every regimen whose tier changes, in a line: the best that it can be, and since when it is approved."""
        asked = self.found.jurisdictions
        places = tuple(place for place in asked if place != "none") or asked
        for kind, regimens in kinds(on).items():
            rows = [
                (regimen, *(self._best(on, regimen, place, kind) for place in places), self._trial(on, regimen))
                for regimen in regimens
            ]
            if rows:
                yield Table((_SAID[kind], *(f"{_place(place)}, since" for place in places), "evidence"), tuple(rows))

    def _best(self, on: OnDays, regimen: str, place: Jurisdiction, kind: str) -> str:
        """`consider -> preferred 2023-11-16`, the day of the first approval if it came in between."""
        before, after = on.best[regimen].get(place, (CLOSED, CLOSED))
        tier = shut(after) if kind == "new" or before == after else f"{shut(before)} {ARROW} {shut(after)}"
        came = [f" {a.on}" for a in self.found.living.approvals if (a.regimen, a.jurisdiction) == (regimen, place)]
        return f"{tier}{''.join(came)}"

    def _trial(self, on: OnDays, regimen: str) -> str:
        """The trial behind the rules that offer a regimen now and did not before, one whose figures decide first."""
        moves = [move for move in on.moves if move.about == regimen and move.after in OFFERED]
        names = {name for move in moves for name in move.new} - {name for move in moves for name in move.old}
        rules = [rule for rule in self.base.options if rule.id in names]
        gains = [rule.grading.gain for rule in rules if rule.grading and rule.grading.gain]
        sources = [self.base.sources[cite] for cite in (*gains, *(cite for rule in rules for cite in rule.cites))]
        held = [source for source in sources if source.evidence.kind == "trial" and source.public_from <= on.new]
        newest = [source for source in held if source.public_from > on.old] or held
        return newest[0].evidence.id if newest else ""

    # --- the rest -----------------------------------------------------------------------------------------

    def besides(self) -> Iterator[Entry]:
        living, full = self.found.living, self.words.full
        trials = {came.evidence for came in living.reports if came.first and came.kind == "trial"}
        reports, firsts = counted(len(living.reports), "report"), counted(len(trials), "trial")
        public = f"{reports} became public{f', among them the first of {firsts}' if trials else ''}"
        came = f"{counted(len(living.came), 'rule')} came into effect{_folders(living.came)}"
        counts = f"{came}, {len(living.went)} went{_folders(living.went)}"
        yield Entry(f"{public}; {counts}" if not full else public, tuple(map(_report, living.reports)) if full else ())
        if full:
            yield Entry("rules that came into effect", tuple(map(_rule, living.came)))
            yield Entry("rules that went out of effect", tuple(map(_rule, living.went)))


def _folders(rules: Sequence[InEffect]) -> str:
    """How many rules of each folder, in brackets."""
    numbers = {folder: sum(1 for rule in rules if rule.folder == folder) for folder in FOLDERS}
    found = ", ".join(f"{number} {folder}" for folder, number in numbers.items() if number)
    return f" ({found})" if found else ""


def _report(came: Came) -> str:
    return f"{came.public} {came.report}: {came.citation}"


def _rule(rule: InEffect) -> str:
    days = f"{rule.since or 'ever'} to {rule.until}" if rule.until else f"from {rule.since}"
    return f"{rule.folder}/{rule.id}, {days}{f': {rule.title}' if rule.title else ''}"


def _place(place: Jurisdiction) -> str:
    return "none" if place == "none" else place.upper()
