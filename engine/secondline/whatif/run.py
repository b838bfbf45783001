"""What would change an answer: the least changes of facts, the distance to every limit, how far the verdict stays.

As JSON (`"schema": "secondline/whatif/1"`):

    case, now      whose answer, and what it is: verdict, grading, the tier of every regimen
    verdict        for every other verdict a reach by group of facts
    regimens       for every regimen its tier; under `opens` and `closes`, where it can, a reach by group of facts
    limits         every limit of a rule in effect that a known number has to a side (`distances.Distance`)
    stable         for known numbers that verdict rules read, the stretch in which the verdict stays the same
    notice         as in a recommendation

The groups are `unknown` (what can be found out), `changeable` and `unchangeable` (known facts), and `known` (both of
these) for a verdict that neither reaches alone. A reach is `{"sets": [...], "more": n, "why": w}`: the least sets of
facts, all of one size, each with `facts` and `ways`; a way gives for each fact the values of which any will do. `more`
counts sets left out; without sets `why` says whether nothing does it, it takes more facts than are tried together, or
it is too much to work out. Unknown facts reach something once they are known so, whatever the rest turns out to be;
known facts if they were so, all else as it is. A regimen opens once it is offered; it closes once it certainly is not,
in a patient whom the evidence is still about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from secondline.diagram import NEVER, Node, TooManyNodes
from secondline.entail import Entailment
from secondline.facts import stated
from secondline.inference.agree import agreed
from secondline.patient import know
from secondline.recommend import Adviser, Answer, Question
from secondline.recommendation import Recommendation
from secondline.scales import OFFERED, TIERS, VERDICTS
from secondline.tiers import CLOSED, UNDETERMINED
from secondline.whatif.changes import Choice, can_change, choices
from secondline.whatif.distances import Distance, Stable, distances, stable
from secondline.whatif.otherwise import Otherwise
from secondline.whatif.reaching import ByChange, ByKnowing, Outcomes, TooFar, Why, tiers, verdicts
from secondline.whatif.values import Reader, Row
from secondline.worlds import Undecidable

if TYPE_CHECKING:
    from secondline.profile import Profile

SCHEMA = "secondline/whatif/1"
_Got = TypeVar("_Got")
MOST_SHOWN = 12  # least sets of one target
SHUT = (*(tier for tier in TIERS if tier not in OFFERED), CLOSED)
"""Tiers at which a regimen is not offered."""


class Found(NamedTuple):
    """One least set of facts, with the values that reach the target: of each way any value of each fact will do."""

    facts: tuple[str, ...]
    ways: tuple[Row, ...]


class Reach(NamedTuple):
    """What reaches a target among some facts; `more` sets of the same size are left out."""

    sets: tuple[Found, ...] = ()
    more: int = 0
    why: Why = ""


class Target(NamedTuple):
    """A verdict, or a regimen opened or closed, with what reaches it in each group of facts."""

    about: str
    to: str
    by: dict[str, Reach]


class WhatIf(NamedTuple):
    """The answer as it is with all that would change it."""

    answer: Recommendation
    tiers: dict[str, str]
    targets: tuple[Target, ...]
    limits: tuple[Distance, ...]
    stable: tuple[Stable, ...]

    def as_dict(self) -> dict[str, Any]:
        answer = self.answer
        regimens: dict[str, dict[str, Any]] = {name: {"tier": tier} for name, tier in self.tiers.items()}
        found: dict[str, Any] = {}
        for target in self.targets:
            by = {group: _plain(reach) for group, reach in target.by.items()}
            (found if target.about == "verdict" else regimens[target.about])[target.to] = by
        return {
            "schema": SCHEMA,
            "case": answer.case._asdict(),
            "now": {
                "verdict": answer.verdict,
                "strength": answer.strength,
                "certainty": answer.certainty,
                "settled": answer.settled,
                "headline": answer.headline,
                "assumed": list(answer.assumed),
            },
            "verdict": found,
            "regimens": regimens,
            "limits": [distance.as_dict() for distance in self.limits],
            "stable": [number.as_dict() for number in self.stable],
            "notice": answer.provenance.notice,
        }


def _plain(reach: Reach) -> dict[str, Any]:
    sets = [
        {
            "facts": list(found.facts),
            "ways": [{values.fact: values.plain for values in row} for row in found.ways],
            "says": [" and ".join(values.says for values in row) for row in found.ways],
        }
        for found in reach.sets
    ]
    return {"sets": sets, "more": reach.more, "why": reach.why}


def what_if(profile: Profile, adviser: Adviser, question: Question) -> WhatIf:
    """Say what would change the answer to a case.

    Raises:
        EngineError: an engine failed, or the two engines disagree; there is no answer then.
    """
    known = know(profile, question.as_of, adviser.base.vocabulary)
    findings = agreed(adviser.base, adviser.engine, known.facts)
    view = adviser.calendar.on(question.as_of, None if question.jurisdiction == "none" else question.jurisdiction)
    answer = Answer(profile, view, known, findings, question)
    would = Would(answer, frozenset(stated(profile)))
    targets, numbers = tuple(would.targets()), tuple(would.stable())
    return WhatIf(answer.recommendation(), would.tiers, targets, distances(view, findings.facts), numbers)


class Would:
    """What would change one answer; `own` are the facts that the profile itself states.

    `only` are the known facts that may be otherwise, all of them where it is None.
    """

    def __init__(self, answer: Answer, own: Collection[str], only: Collection[str] | None = None) -> None:
        self.answer, self.own = answer, own
        self.tiers = dict.fromkeys(sorted(answer.view.options), CLOSED)
        self.tiers |= {judged.regimen: judged.outcome.tier for judged in answer.judged}
        every = choices(answer.view, answer.known, answer.findings)
        chosen = self.chosen = {fact: one for fact, one in every.items() if only is None or fact in only}
        self.unknown = _Unknown(answer.entailment)
        self.changeable = self._otherwise({fact: one for fact, one in chosen.items() if can_change(fact)})
        self.unchangeable = self._otherwise({fact: one for fact, one in chosen.items() if not can_change(fact)})

    def _otherwise(self, chosen: Mapping[str, Choice]) -> _Known:
        return _Known(Otherwise(self.answer.entailment, chosen, self.own))

    def targets(self) -> Iterator[Target]:
        """Every other verdict; every regimen opened that is not offered, and closed that is not closed."""
        for verdict in VERDICTS:
            if verdict != self.answer.verdict:
                yield Target("verdict", verdict, self._verdict(verdict))
        for regimen, tier in self.tiers.items():
            if tier not in OFFERED:
                yield Target(regimen, "opens", self._regimen(regimen, OFFERED))
            if tier not in SHUT:
                yield Target(regimen, "closes", self._regimen(regimen, SHUT))

    def _verdict(self, verdict: str) -> dict[str, Reach]:
        found = {"unknown": _within(lambda: self.unknown.verdict(verdict))} if verdict != UNDETERMINED else {}
        found["changeable"] = _within(lambda: self.changeable.verdict(verdict))
        found["unchangeable"] = _within(lambda: self.unchangeable.verdict(verdict))
        if found["changeable"].why == found["unchangeable"].why == "nothing does":
            found["known"] = _within(lambda: self._otherwise(self.chosen).verdict(verdict))
        return found

    def _regimen(self, regimen: str, wanted: Collection[str]) -> dict[str, Reach]:
        return {
            "unknown": _within(lambda: self.unknown.regimen(regimen, wanted)),
            "changeable": _within(lambda: self.changeable.regimen(regimen, wanted)),
            "unchangeable": _within(lambda: self.unchangeable.regimen(regimen, wanted)),
        }

    def stable(self) -> Iterator[Stable]:
        """How far each known number that a verdict rule reads can move."""
        view = self.answer.view
        read = frozenset[str]().union(*(view.base.reads[rule.id] for rule in view.verdicts))
        for fact, choice in self.chosen.items():
            if fact in read:
                group = self.changeable if can_change(fact) else self.unchangeable
                with_it = _attempt(partial(group.stable, choice, self.answer.verdict))
                if with_it is not None:
                    yield with_it


class _Unknown:
    """What finding out unknown facts reaches."""

    def __init__(self, entailment: Entailment) -> None:
        self.entailment, self.by = entailment, ByKnowing(entailment)

    def verdict(self, verdict: str) -> Reach:
        return self._reach(verdicts(self.entailment), (verdict,), NEVER)

    def regimen(self, regimen: str, wanted: Collection[str]) -> Reach:
        outcomes = tiers(self.entailment, regimen)
        if outcomes is None:
            return Reach(why="too much")
        return self._reach(outcomes, wanted, self.entailment.verdicts.get("out-of-scope", NEVER))

    def _reach(self, outcomes: Outcomes, wanted: Collection[str], never: Node) -> Reach:
        entailment, worlds = self.entailment, self.entailment.worlds
        dd, least = worlds.diagrams, self.by.least(outcomes, wanted, never)
        found: list[Found] = []
        for facts in least.sets[:MOST_SHOWN]:
            ordered, settled = tuple(sorted(facts)), self.by.settled(outcomes, facts)
            node = dd.any_of(settled.get(outcome, NEVER) for outcome in wanted)
            node = dd.both(node, entailment.reached(ordered, dd.negation(never)))
            node = entailment.reached(ordered, node)
            told = facts | {worlds.variables[i].fact for i in dd.support(node)}  # drugs that are known tell classes
            rows = Reader(worlds, {}).rows(node, told)
            found.append(Found(ordered, rows))
        return Reach(tuple(found), len(least.sets) - len(found), least.why)


class _Known:
    """What known facts would reach if they were otherwise."""

    def __init__(self, otherwise: Otherwise) -> None:
        self.otherwise = otherwise

    @cached_property
    def by(self) -> ByChange:
        return ByChange(self.otherwise)

    @cached_property
    def verdicts(self) -> dict[str, Node]:
        """Where each verdict is the answer."""
        dd, found = self.by.diagrams, self.by.settled(verdicts(self.otherwise))
        return {**found, UNDETERMINED: dd.negation(dd.any_of(found.values()))}

    def verdict(self, verdict: str) -> Reach:
        return self._reach(self.verdicts.get(verdict, NEVER))

    def regimen(self, regimen: str, wanted: Collection[str]) -> Reach:
        outcomes, dd = tiers(self.otherwise, regimen), self.by.diagrams
        if outcomes is None:
            return Reach(why="too much")
        settled = self.by.settled(outcomes)
        node = dd.any_of(settled.get(outcome, NEVER) for outcome in wanted)
        return self._reach(dd.without(node, self.verdicts.get("out-of-scope", NEVER)))

    def _reach(self, node: Node) -> Reach:
        node = self.by.possible(node)
        least = self.by.least(node)
        reader = Reader(self.by.worlds, self.otherwise.chosen)
        found = [
            Found(tuple(sorted(facts)), reader.rows(self.by.among(node, facts), facts))
            for facts in least.sets[:MOST_SHOWN]
        ]
        return Reach(tuple(found), len(least.sets) - len(found), least.why)

    def stable(self, choice: Choice, verdict: str) -> Stable | None:
        return stable(self.by.diagrams, self.by.among(self.verdicts[verdict], frozenset({choice.fact})), choice)


def _attempt(work: Callable[[], _Got]) -> _Got | None:
    """Something worked out; None where that takes more than is allowed."""
    try:
        return work()
    except (TooFar, TooManyNodes, Undecidable):
        return None


def _within(work: Callable[[], Reach]) -> Reach:
    return _attempt(work) or Reach(why="too much")
