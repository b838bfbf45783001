"""Therapies and dates -> the facts `prior_cdk46.*` and `history.*`.

Whatever the entries leave open stays open: a partial date gives a range, an unnamed drug gives candidates, an unknown
reason for stopping leaves the count of lines between two numbers. The count of lines is worked out twice, with every
open boundary between two entries taken as none and as one; a fact is what both have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from secondline import vocabulary as words
from secondline.dates import PartialDate, Span, on_day, span
from secondline.facts import between
from secondline.states import NOT_APPLICABLE, Members, State, limits, number, one_of
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.profile import Profile, Progression, Therapy

BENEFIT_DAYS = 168  # 24 weeks
BENEFIT_MONTHS = 5.52  # 24 weeks, where only months are given
NAMED_INHIBITORS = ("palbociclib", "ribociclib", "abemaciclib")
ANY_INHIBITOR = frozenset((*NAMED_INHIBITORS, "other"))
_RESPONSES = ("complete", "partial")
_PRIOR = (
    "setting", "months", "stopped_for", "best_response", "partner_class", "months_since_stop",
    "months_from_stop_to_progression", "clinical_benefit", "in_last_line",
)  # fmt: skip


class Entry:
    """One therapy with the classes of its drugs, seen on one day."""

    def __init__(self, therapy: Therapy, vocabulary: Vocabulary, progression: Progression, as_of: date) -> None:
        self.therapy, self.vocabulary, self.progression, self.as_of = therapy, vocabulary, progression, as_of

    @cached_property
    def classes(self) -> frozenset[str]:
        known = (self.vocabulary.classes_of(agent) for agent in self.therapy.agents)
        return frozenset().union(*(found for found in known if found))

    @cached_property
    def unclassed(self) -> bool:
        """Whether a drug of unknown class is among the agents."""
        return any(self.vocabulary.classes_of(agent) is None for agent in self.therapy.agents)

    @cached_property
    def named(self) -> frozenset[str]:
        """The CDK4/6 inhibitors among the agents, by name."""
        drugs = (a for a in self.therapy.agents if a != words.INHIBITOR)
        held = (a for a in drugs if words.INHIBITOR in (self.vocabulary.classes_of(a) or ()))
        return frozenset(a if a in NAMED_INHIBITORS else "other" for a in held)

    @property
    def inhibitors(self) -> frozenset[str]:
        """The CDK4/6 inhibitors that could be meant; empty if there is none among the agents of known class."""
        return ANY_INHIBITOR if words.INHIBITOR in self.therapy.agents else self.named

    @property
    def counts(self) -> bool:
        """Whether it can make a line: more than LHRH agonists and bone agents."""
        return any(
            not (self.vocabulary.classes_of(agent) or frozenset()) & set(words.NO_LINE) for agent in self.therapy.agents
        )

    @property
    def metastatic(self) -> bool:
        return self.therapy.setting == "metastatic"

    @property
    def progressed(self) -> bool | None:
        """Whether it ended in progression, so that what follows is a new line."""
        if self.therapy.stopped_for == "progression" or self.therapy.progressed_on is not None:
            return True
        return None if self.therapy.stopped_for is None else False

    @property
    def stop(self) -> PartialDate | None:
        """The day it ended; an ongoing therapy runs to the progression, else to the day asked."""
        if self.therapy.stopped:
            return self.therapy.stopped
        if self.therapy.stopped_for == "ongoing":
            return self.progression.on or on_day(self.as_of)
        return None

    @cached_property
    def duration(self) -> Span:
        """How long it was given; months as given come before dates."""
        months = self.therapy.months
        if months is not None:
            low, high = limits(months if isinstance(months, (int, float)) else between(months))
            return Span(low or 0.0, high)
        started, stop = self.therapy.started, self.stop
        if started is None:
            return Span(0.0, None)
        if stop is not None:
            own = self.therapy.stopped is not None  # an end before its start is refused
            return span(started, stop, in_order=own) or Span(0.0, None)
        latest = span(started, on_day(self.as_of))
        earliest = span(started, self.therapy.progressed_on) if self.therapy.progressed_on and self.progressed else None
        low = earliest.low if earliest else 0.0
        if latest is None or latest.high is None or latest.high < low:
            return Span(low, None)
        return Span(low, latest.high, earliest.low_days if earliest else 0, latest.high_days)


def derive(profile: Profile, as_of: date, vocabulary: Vocabulary) -> dict[str, State]:
    """Every `prior_cdk46.*` and `history.*` fact that `therapies` gives; nothing without `therapies`."""
    if profile.therapies is None:
        return {}
    entries = [Entry(therapy, vocabulary, profile.progression, as_of) for therapy in profile.therapies]
    facts: dict[str, State] = {}
    for path, state in (*_prior(entries), *_history(entries, complete=profile.therapies_complete)):
        if state is not None:
            facts[path] = state
    return facts


# --- lines ------------------------------------------------------------------------------------------------


def _lines(entries: Sequence[Entry], *, split: bool) -> list[list[Entry]]:
    """The lines for advanced disease, oldest first; `split` decides the boundaries that are not known."""
    lines: list[list[Entry]] = []
    for entry in entries:
        if not (entry.metastatic and entry.counts):
            continue
        before = lines[-1][-1].progressed if lines else True
        if split if before is None else before:
            lines.append([entry])
        else:
            lines[-1].append(entry)
    return lines


def _count(lines: Iterable[Sequence[Entry]], role: str, *, generous: bool) -> int:
    return sum(any(role in e.classes or (generous and e.unclassed) for e in line) for line in lines)


def _benefit(entries: Sequence[Entry]) -> bool | None:
    """Response, or stable disease for 24 weeks or more, on these entries together."""
    responses = [entry.therapy.best_response for entry in entries]
    if any(response in _RESPONSES for response in responses):
        return True
    if any(response is None or response == "not-evaluated" for response in responses):
        return None
    return lasting(_total(entries)) if "stable" in responses else False


def lasting(length: Span) -> bool | None:
    """Whether a length of time is 24 weeks or more."""
    if length.low_days is not None:
        if length.low_days >= BENEFIT_DAYS:
            return True
    elif length.low >= BENEFIT_MONTHS:
        return True
    if length.high_days is not None:
        return False if length.high_days < BENEFIT_DAYS else None
    return False if length.high is not None and length.high < BENEFIT_MONTHS else None


def _total(entries: Sequence[Entry]) -> Span:
    """The lengths of several entries added up."""
    spans = [entry.duration for entry in entries]
    high = [s.high for s in spans if s.high is not None]
    low_days = [s.low_days for s in spans if s.low_days is not None]
    high_days = [s.high_days for s in spans if s.high_days is not None]
    return Span(
        sum(s.low for s in spans),
        sum(high) if len(high) == len(spans) else None,
        sum(low_days) if len(low_days) == len(spans) else None,
        sum(high_days) if len(high_days) == len(spans) else None,
    )


def _hull(*spans: Span) -> State:
    """The state of a length of time that is one of these."""
    low = min(s.low for s in spans)
    if any(s.high is None for s in spans):
        return number(low, None) if low else None
    return number(low, max(s.high or 0.0 for s in spans))


# --- the last inhibitor -----------------------------------------------------------------------------------


def _prior(entries: Sequence[Entry]) -> Iterator[tuple[str, State]]:
    named = frozenset().union(*(e.named for e in entries))
    could = frozenset().union(*(e.inhibitors for e in entries))
    if any(e.unclassed for e in entries):
        could |= {"other"}
    yield "prior_cdk46.agents", Members(named, could - named)

    last = max((i for i, e in enumerate(entries) if e.inhibitors), default=-1)
    later = any(e.unclassed for e in entries[last + 1 :])
    if last < 0:
        yield "prior_cdk46.agent", one_of({"none", "other"} if later else {"none"})
        for name in () if later else _PRIOR:
            yield f"prior_cdk46.{name}", NOT_APPLICABLE
        return
    entry = entries[last]
    yield "prior_cdk46.agent", one_of(entry.inhibitors | {"other"} if later else entry.inhibitors)
    if later:
        return  # a drug of unknown class came after it and may have been an inhibitor too
    runs = [_run(entries, last, split=split, loose=loose) for split in (False, True) for loose in (False, True)]
    longest = max(runs, key=len)
    yield "prior_cdk46.setting", entry.therapy.setting
    yield "prior_cdk46.months", _hull(*map(_total, runs))
    yield "prior_cdk46.stopped_for", entry.therapy.stopped_for
    yield "prior_cdk46.best_response", _best(longest) if all(run == longest for run in runs) else None
    yield "prior_cdk46.partner_class", _partner(entry)
    yield "prior_cdk46.months_since_stop", _between(entry.stop, on_day(entry.as_of))
    yield "prior_cdk46.months_from_stop_to_progression", _to_progression(entry)
    benefits = {_benefit(run) for run in runs}
    yield "prior_cdk46.clinical_benefit", benefits.pop() if len(benefits) == 1 else None
    yield "prior_cdk46.in_last_line", _in_last_line(entries)


def _run(entries: Sequence[Entry], last: int, *, split: bool, loose: bool) -> list[Entry]:
    """The entries with the same inhibitor, unbroken by another line; `loose`: an unnamed inhibitor is the same."""
    meant = entries[last].inhibitors

    def same(entry: Entry) -> bool:
        return bool(entry.inhibitors & meant) if loose else entry.inhibitors == meant and len(meant) == 1

    if not entries[last].metastatic:
        return [e for e in entries[: last + 1] if not e.metastatic and (same(e) or e is entries[last])]
    run: list[Entry] = []
    for line in reversed(_lines(entries[: last + 1], split=split)):
        kept = [e for e in line if same(e) or e is entries[last]]
        if not kept:
            break
        run = kept + run
    return run


def _best(run: Sequence[Entry]) -> State:
    order = ("complete", "partial", "stable", "progressive", "not-evaluated")
    given = [entry.therapy.best_response for entry in run]
    if None in given:
        return "complete" if "complete" in given else None
    return min((response for response in given if response), key=order.index)


def _partner(entry: Entry) -> State:
    """The class of the endocrine partner; not applicable where the inhibitor was given alone."""
    endocrine: set[str] = set()
    others = False
    for agent in entry.therapy.agents:
        classes = entry.vocabulary.classes_of(agent)
        if classes is None:
            return None
        if words.INHIBITOR in classes or classes & set(words.NO_LINE):
            continue
        if words.ENDOCRINE in classes:
            members = entry.vocabulary.members(agent) if agent in entry.vocabulary.classes else {agent}
            endocrine |= {_partner_class(member, entry.vocabulary) for member in members or {agent}}
        else:
            others = True
    if endocrine:
        return one_of(endocrine)
    return "other" if others else NOT_APPLICABLE


def _partner_class(drug: str, vocabulary: Vocabulary) -> str:
    classes = vocabulary.classes_of(drug) or frozenset()
    if drug in ("fulvestrant", "tamoxifen"):
        return drug
    return next((name for name in (words.AROMATASE, words.ORAL_SERD) if name in classes), "other")


def _between(start: PartialDate | None, end: PartialDate | None) -> State:
    length = span(start, end) if start and end else None
    return number(length.low, length.high) if length else None


def _to_progression(entry: Entry) -> State:
    if entry.progression.status == "none":
        return NOT_APPLICABLE
    if entry.therapy.stopped_for == "ongoing" and not entry.therapy.stopped:
        return 0.0
    return _between(entry.stop, entry.progression.on)


def _in_last_line(entries: Sequence[Entry]) -> bool | None:
    """Whether the newest line held the inhibitor, or it was adjuvant and there has been no line since."""
    answers: set[bool | None] = set()
    for split in (False, True):
        lines = _lines(entries, split=split)
        if not lines:
            return True
        held = any(entry.inhibitors for entry in lines[-1])
        answers.add(True if held else None if any(entry.unclassed for entry in lines[-1]) else False)
    return answers.pop() if len(answers) == 1 else None


# --- the whole history ------------------------------------------------------------------------------------


def _history(entries: Sequence[Entry], *, complete: bool) -> Iterator[tuple[str, State]]:
    merged, split = _lines(entries, split=False), _lines(entries, split=True)

    def counted(low: int, high: int) -> State:
        return number(low, high if complete else None) if complete or low else None

    yield "history.line", counted(1 + len(merged), 1 + len(split))
    for name, role in (("chemotherapy_lines", words.CHEMOTHERAPY), ("endocrine_lines", words.ENDOCRINE)):
        low, high = _count(merged, role, generous=False), _count(split, role, generous=True)
        yield f"history.{name}", counted(low, high)
    bounds = [_without_benefit(lines) for lines in (merged, split)]
    without = counted(min(low for low, _ in bounds), max(high for _, high in bounds))
    yield "history.endocrine_lines_without_benefit", without
    yield "history.agents", _agents(entries, complete=complete)
    yield "history.classes", _classes(entries, complete=complete)
    yield from _adjuvant(entries)


def _without_benefit(lines: Sequence[Sequence[Entry]]) -> tuple[int, int]:
    """How many of the newest endocrine lines, unbroken, brought no benefit: the least and the most it can be."""
    low = high = 0
    sure = True
    for line in reversed(lines):
        endocrine = any(words.ENDOCRINE in entry.classes for entry in line)
        if not endocrine and not any(entry.unclassed for entry in line):
            continue
        benefit = _benefit(line)
        if benefit and endocrine:
            break
        sure = sure and endocrine and benefit is False
        low, high = low + sure, high + (benefit is not True)
    return low, high


def _agents(entries: Sequence[Entry], *, complete: bool) -> Members:
    sure: set[str] = set()
    maybe: set[str] = set()
    for entry in entries:
        for agent in entry.therapy.agents:
            if agent in entry.vocabulary.classes:
                maybe |= entry.vocabulary.members(agent)
            else:
                sure.add(agent)
    return Members(frozenset(sure), frozenset(maybe - sure) if complete else None)


def _classes(entries: Sequence[Entry], *, complete: bool) -> Members:
    sure: set[str] = set()
    maybe: set[str] = set()
    for entry in entries:
        sure |= entry.classes
        for agent in entry.therapy.agents:
            for member in entry.vocabulary.members(agent) if agent in entry.vocabulary.classes else ():
                maybe |= entry.vocabulary.classes_of(member) or set()
    open_ended = not complete or any(entry.unclassed for entry in entries)
    return Members(frozenset(sure), None if open_ended else frozenset(maybe - sure))


def _adjuvant(entries: Sequence[Entry]) -> Iterator[tuple[str, State]]:
    """The facts on adjuvant endocrine therapy; not applicable where there was none."""
    adjuvant = [e for e in entries if e.therapy.setting == "adjuvant"]
    endocrine = [e for e in adjuvant if words.ENDOCRINE in e.classes]
    on, relapse = "history.months_on_adjuvant_endocrine", "history.months_from_adjuvant_endocrine_to_relapse"
    if not endocrine:
        if not any(e.unclassed for e in adjuvant):
            yield on, NOT_APPLICABLE
            yield relapse, NOT_APPLICABLE
        return
    yield on, _hull(_total(endocrine))
    last = endocrine[-1]
    if last.therapy.stopped_for == "progression" and not last.therapy.stopped:
        yield relapse, 0.0  # the relapse ended it
        return
    back = last.therapy.progressed_on
    if back is None and not any(e.metastatic for e in entries):
        back = last.progression.on
    yield relapse, _between(last.stop, back)


# --- what is odd, but does not refuse a case --------------------------------------------------------------


def oddities(profile: Profile, as_of: date) -> Iterator[tuple[str, str]]:
    """Contradictions in dates that a reader should see: an id and a sentence."""
    entries = profile.therapies or ()
    seen = profile.progression.on
    for index, therapy in enumerate(entries):
        where = f"therapies[{index}]"
        before = entries[index - 1].started if index else None
        if before and therapy.started and therapy.started.last < before.first:
            yield "data-order-of-therapies", f"{where} started before the entry above it; the list is read oldest first"
        if therapy.stopped_for == "ongoing" and therapy.stopped:
            yield "data-ongoing-and-stopped", f"{where} is ongoing and has a day on which it stopped; that day is used"
        if therapy.stopped_for == "ongoing" and any(later.setting == "metastatic" for later in entries[index + 1 :]):
            yield (
                "data-ongoing-and-followed",
                f"{where} is ongoing and another therapy follows; say when and why it ended",
            )
        if therapy.setting != "metastatic" and any(before.setting == "metastatic" for before in entries[:index]):
            yield "data-order-of-therapies", f"{where} is {therapy.setting} and follows therapy for advanced disease"
        if seen and therapy.started and therapy.setting == "metastatic" and seen.last < therapy.started.first:
            yield "data-progression-before-start", f"progression.on lies before the start of {where}"
        if therapy.progressed_on and therapy.started and therapy.progressed_on.last < therapy.started.first:
            yield "data-progression-before-start", f"{where} has a progression before it started"
        if isinstance(therapy.months, (int, float)) and therapy.started and therapy.stopped:
            dated = span(therapy.started, therapy.stopped, in_order=True)
            if dated and not dated.low - 1 < therapy.months < (dated.high or 0) + 1:
                yield "data-months-and-dates", f"{where} gives months that its dates do not; the months are used"
        for name in ("started", "stopped", "progressed_on"):
            day = getattr(therapy, name)
            if day and day.first > as_of:
                yield "data-after-the-day-asked", f"{where}.{name} lies after the day asked"
    if profile.progression.on and profile.progression.on.first > as_of:
        yield "data-after-the-day-asked", "progression.on lies after the day asked"
