"""Known facts as they could be otherwise: which of them can change, to what, and what follows once they have.

A change is of facts, not of the record behind them: a time on the inhibitor that therapies give can be another one.
With it changes only what it tells for certain: the last inhibitor tells the set of those given, response and time the
benefit, drugs their classes. All else stays as it is, and what is unknown stays unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from secondline.asof import AsOf
from secondline.condition import holds
from secondline.domains import Domains, Stretch, Value
from secondline.facts import bare_parts, catalogue
from secondline.inference.reference import Findings
from secondline.patient import PROGRESSED, TO_PROGRESSION, Known, cannot_be, follow, stated_benefit
from secondline.refusals import contradictory
from secondline.states import NOT_APPLICABLE, Members, State
from secondline.vocabulary import Vocabulary

AGENT, AGENTS = "prior_cdk46.agent", "prior_cdk46.agents"
RESPONSE, MONTHS, BENEFIT = "prior_cdk46.best_response", "prior_cdk46.months", "prior_cdk46.clinical_benefit"
DRUGS, CLASSES = "history.agents", "history.classes"
STATUS, EXTENT = "progression.status", "progression.extent"

_CAN_CHANGE = (
    "patient.ecog",
    "patient.ovarian_suppression",
    "patient.pregnant",
    "disease.visceral_crisis",
    "disease.symptomatic_visceral",
    "disease.symptomatic_cns",
    STATUS,
    EXTENT,
)
_STAYS = ("diabetes", "ild", "vte", "severe_skin_reaction", "cdk46_intolerance")  # of safety: what has been, has been


def can_change(fact: str) -> bool:
    """Whether a fact is one that treatment, drugs taken or the disease can change: no history, no biology."""
    group, _, name = fact.partition(".")
    return fact in _CAN_CHANGE or (group == "safety" and name not in _STAYS)


class Choice(NamedTuple):
    """A known fact: what it is, and what it could be instead.

    Of a set `members` are those that rules ask for: each can be in it or not. Of a number `stretch` holds the present
    value: no rule tells the numbers in it apart.
    """

    fact: str
    present: State
    others: tuple[Value, ...] = ()
    members: tuple[str, ...] = ()
    stretch: Stretch | None = None


# --- what can be otherwise --------------------------------------------------------------------------------


def choices(view: AsOf, known: Known, findings: Findings) -> dict[str, Choice]:
    """Every known fact that a verdict, an option or a gate reads, with what it could be instead.

    A fact known in part only, or one that counts as absent, is none of them: it can be found out.
    """
    rules = (*view.verdicts, *(rule for held in view.options.values() for rule in held), *view.gates)
    read = frozenset[str]().union(*(view.base.reads[rule.id] for rule in rules))
    maker = _Maker(view.base, {})
    found = (maker.choice(fact, known.facts) for fact in sorted(read - findings.voided) if fact in catalogue())
    return {choice.fact: choice for choice in found if choice is not None and (choice.others or choice.members)}


class _Maker(Domains):
    """Makes the choices of a patient of whom nothing else is known: the cuts are the rules', not the patient's."""

    def choice(self, fact: str, facts: Mapping[str, State]) -> Choice | None:
        state = facts.get(fact)
        if isinstance(state, Members):
            return self._set(fact, state, facts) if state.complete else None
        if not isinstance(state, (str, int, float)):
            return None
        if fact in catalogue().parts:
            return Choice(fact, state, tuple(self._whole(fact, facts)))
        if fact == BENEFIT and stated_benefit(facts.get(RESPONSE), facts.get(MONTHS)) is not None:
            return None  # it follows from what is a choice itself
        every = self.of(fact, None)
        if not catalogue()[fact].numeric:
            return Choice(fact, state, tuple(value for value in every if value.states[fact] != state))
        assert isinstance(state, (int, float))
        here = [value.stretch for value in every if value.stretch and within(state, value.stretch)]
        return Choice(fact, state, tuple(v for v in every if v.stretch not in here), stretch=here[0] if here else None)

    def _set(self, fact: str, state: Members, facts: Mapping[str, State]) -> Choice | None:
        asked = {str(v) for test in self.asked(fact) for check in test.checks for v in check.values}
        if fact == AGENTS and not isinstance(facts.get(AGENT), str):
            return None  # which was the last one depends on it
        return Choice(fact, state, members=tuple(sorted(asked)))

    def _whole(self, main: str, facts: Mapping[str, State]) -> Iterator[Value]:
        """A receptor, HER2 or biomarker that differs in what is known of it, as far as rules tell."""
        parts = catalogue().parts[main]
        tests = self.asked(main, *parts)
        told = [test for test in tests if facts.get(test.fact) is not None]
        present = [holds(test, facts[test.fact]) for test in told]
        seen: set[tuple[State | None, ...]] = set()
        for states in self._biomarker(main) if main.startswith("biomarkers.") else self._scored(main, parts):
            signature = (states[main], *(holds(test, states[test.fact]) for test in tests))
            if signature not in seen and [holds(test, states[test.fact]) for test in told] != present:
                seen.add(signature)
                yield Value(states)

    @staticmethod
    def _biomarker(main: str) -> Iterator[dict[str, State]]:
        for value in catalogue()[main].values:
            yield {main: value, **bare_parts(main)}

    def _scored(self, main: str, parts: tuple[str, ...]) -> Iterator[dict[str, State]]:
        """The statuses with the scores that rules ask for; what they do not ask for is left out."""
        scores = [self.of(part, None) if self.asked(part) else [Value({part: None})] for part in parts]
        for status, *combination in product(catalogue()[main].values, *scores):
            assert isinstance(status, str)
            states: dict[str, State] = {main: status}
            for value in combination:
                assert isinstance(value, Value)
                states |= value.states
            followed = dict(states)
            follow(followed)
            if followed[main] == status and not contradictory(states):
                yield states


def within(number: float, stretch: Stretch) -> bool:
    """Whether a number lies in a stretch."""
    above = number > stretch.low or (number == stretch.low and not stretch.low_open)
    return above and (number < stretch.high or (number == stretch.high and not stretch.high_open))


# --- what follows once they have changed ------------------------------------------------------------------


def touched(fact: str) -> frozenset[str]:
    """A fact with those that may change with it."""
    with_it = {AGENT: (AGENTS,), RESPONSE: (BENEFIT,), MONTHS: (BENEFIT,), DRUGS: (CLASSES,), STATUS: (EXTENT,)}
    excluded = (rule.fact for rule in cannot_be() if rule.other == fact)
    return frozenset({fact, *with_it.get(fact, ()), *excluded})


def as_stated(known: Known) -> dict[str, State]:
    """What is given of every fact, without that it cannot be where another one, which may change, says so."""
    return {
        path: state
        for path, state in known.given.items()
        if state is not NOT_APPLICABLE
        or not any(rule.fact == path and known.facts.get(rule.other) in rule.values for rule in cannot_be())
    }


def changed(known: Known, own: Collection[str], changes: Mapping[str, State], vocabulary: Vocabulary) -> Known:
    """What is known once some facts are otherwise (None: unknown); `own` are the facts that the profile itself states.

    A main fact comes with the parts that change with it.
    """
    given = {**as_stated(known), **changes}
    if AGENT in changes and AGENTS not in changes:
        given[AGENTS] = with_last(known.facts.get(AGENT), changes[AGENT], given.get(AGENTS))
    if (RESPONSE in changes or MONTHS in changes) and BENEFIT not in changes:
        told = stated_benefit(given.get(RESPONSE), given.get(MONTHS))
        before = stated_benefit(known.facts.get(RESPONSE), known.facts.get(MONTHS))
        if told is not None or (before is not None and BENEFIT not in own):
            given[BENEFIT] = told
    if DRUGS in changes and CLASSES not in changes:
        given[CLASSES] = _classes(known, own, changes[DRUGS], vocabulary)
    given = {path: state for path, state in given.items() if state is not None}
    facts = dict(given)
    follow(facts)
    if facts.get(STATUS) is None and TO_PROGRESSION not in (*own, *changes):
        facts.pop(TO_PROGRESSION, None)
    extent_assumed = given.get(STATUS) in PROGRESSED and EXTENT not in given
    found: dict[str, State] = {path: state for path, state in facts.items() if state is not None}
    assumed = (*(fact for fact in known.assumed if fact != EXTENT), *((EXTENT,) if extent_assumed else ()))
    return Known(found, given, known.therapies, assumed, known.oddities)


def with_last(before: State, last: State, agents: State) -> State:
    """The inhibitors given once the last one is another: it stands in the place of the last one before."""
    if last == "none":
        return Members(frozenset())
    if not isinstance(last, str) or not isinstance(agents, Members):
        return None
    return Members(agents.sure - {before} | {last}, agents.maybe)


def _classes(known: Known, own: Collection[str], drugs: State, vocabulary: Vocabulary) -> State:
    """The classes given once other drugs were: those of the new ones too, without those that only old ones told."""
    classes, before = known.facts.get(CLASSES), known.facts.get(DRUGS)
    if not isinstance(drugs, Members):
        return classes if CLASSES in own else None
    if not isinstance(classes, Members) or not isinstance(before, Members):
        return classes
    new = drugs.sure - before.sure
    told = classes_told(before.sure, vocabulary) if CLASSES not in own else frozenset()
    kept = classes.sure - told | classes_told(drugs.sure if CLASSES not in own else new, vocabulary)
    return Members(kept, classes.maybe)


def classes_told(drugs: Collection[str], vocabulary: Vocabulary) -> frozenset[str]:
    """The classes of some drugs."""
    return frozenset(name for drug in drugs for name in vocabulary.classes_of(drug) or ())
