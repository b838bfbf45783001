"""The values that an unknown fact can have, as far as rules tell them apart: finitely many.

A number is cut at the limits of the rules, a receptor or HER2 takes its scores along, an absent biomarker becomes a
bare result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import NamedTuple

from secondline.condition import Test, holds
from secondline.facts import Fact, bare_parts, catalogue, main_of
from secondline.history import BENEFIT_MONTHS
from secondline.patient import follow
from secondline.refusals import CONTRADICTABLE, contradictory, receptor_status
from secondline.rulebase import RuleBase
from secondline.states import OneOf, Range, State, limits

UNBOUNDED = (-1e18, 1e18)  # limits of a number that has none
_RECEPTORS = ("disease.er", "disease.pr")
_LINKED_LIMITS = {"prior_cdk46.months": (BENEFIT_MONTHS,)}  # of stable disease that is benefit


class Value(NamedTuple):
    """One value that a variable can have: the states of its facts; of a number, the stretch that they stand for."""

    states: Mapping[str, State]
    stretch: Stretch | None = None


class Stretch(NamedTuple):
    """Numbers between two limits, each in it or not."""

    low: float
    high: float
    low_open: bool
    high_open: bool


class Domains:
    """The values of each fact, beside what is known of one patient."""

    def __init__(self, base: RuleBase, facts: Mapping[str, State]) -> None:
        self.base, self.facts = base, facts

    def asked(self, *facts: str) -> list[Test]:
        """The tests of the rules on these facts."""
        return [test for fact in facts for test in self.base.tests_on.get(fact, ())]

    def open(self, path: str, state: State) -> tuple[Value, ...]:
        """The values that an unknown or partly known fact can have beside what is known."""
        held = self.of(path, state)
        limited = main_of(path) in CONTRADICTABLE
        return tuple([v for v in held if not (limited and contradictory({**self.facts, **v.states}))] or held)

    def bare(self, main: str) -> tuple[Value, ...]:
        """The values of an unknown main fact with its parts: a bare result, or a status with its scores."""
        facts = dict(self.facts)
        if main.startswith("biomarkers."):
            found = [Value({main: value, **bare_parts(main)}) for value in catalogue()[main].values]
            facts |= dict.fromkeys(catalogue().parts[main])
        else:
            found = list(self._with_scores(main))
        if main in CONTRADICTABLE:
            found = [v for v in found if not contradictory({**facts, **v.states})] or found
        return tuple(found)

    def of(self, path: str, state: State) -> list[Value]:
        """The values that a fact can have, by what is known of it."""
        fact = catalogue()[path]
        if isinstance(state, OneOf):
            return [Value({path: value}) for value in sorted(state.values, key=str)]
        if fact.numeric:
            return list(self._stretches(fact, state))
        if fact.kind == "boolean":
            return [Value({path: True}), Value({path: False})]
        if fact.kind == "choice":
            return [Value({path: value}) for value in fact.values]
        asked = {str(v) for test in self.asked(path) for check in test.checks for v in check.values}
        return [Value({path: text}) for text in (*sorted(asked), "".join(sorted(asked)) + "~")]

    def _with_scores(self, main: str) -> Iterator[Value]:
        """The statuses of a receptor or of HER2 with the scores that go with them, those that are known kept."""
        parts = catalogue().parts[main]
        scores = [[Value({part: self.facts[part]})] if part in self.facts else self.of(part, None) for part in parts]
        seen: set[tuple[bool, ...]] = set()
        for combination in product(*scores):
            states = {path: state for value in combination for path, state in value.states.items()}
            for status in catalogue()[main].values:
                whole = {main: status, **states}
                followed = dict(whole)
                follow(followed)
                if followed[main] != status or contradictory({**self.facts, **whole}):
                    continue
                signature = tuple(holds(test, whole[test.fact]) is True for test in self.asked(main, *parts))
                if signature not in seen:
                    seen.add(signature)
                    yield Value({path: whole[path] for path in (main, *parts)})

    def _stretches(self, fact: Fact, state: State) -> Iterator[Value]:
        """A number cut at the limits that rules set: neighbours that no rule tells apart are one value."""
        low, high = self._bounds(fact, state)
        cuts = [float(v) for test in self.asked(fact.path) for c in test.checks for v in c.values]
        cuts += _LINKED_LIMITS.get(fact.path, ())
        status = self.facts.get(fact.main) if fact.main in _RECEPTORS else None
        if fact.main in _RECEPTORS:
            cuts += [1.0, 10.0]
        held: list[tuple[tuple[bool, ...], State, Stretch]] = []
        for number, stretch in _pieces(sorted({cut for cut in cuts if low < cut < high}), low, high, fact.kind):
            if status is not None and receptor_status(number) != status:
                continue
            signature = (*(holds(test, number) is True for test in self.asked(fact.path)),)
            signature += tuple(number >= cut for cut in _LINKED_LIMITS.get(fact.path, ()))
            if fact.main in _RECEPTORS:
                signature += tuple(receptor_status(number) == name for name in ("negative", "low"))
            if held and held[-1][0] == signature:
                first = held[-1][2]
                held[-1] = (signature, held[-1][1], Stretch(first.low, stretch.high, first.low_open, stretch.high_open))
            else:
                held.append((signature, number, stretch))
        for _, one, stretch in held:
            yield Value({fact.path: one}, stretch)

    def _bounds(self, fact: Fact, state: State) -> tuple[float, float]:
        least, most = limits(state) if isinstance(state, Range) else (None, None)
        low = fact.low if least is None else least
        high = fact.high if most is None else most
        return (UNBOUNDED[0] if low is None else low), (UNBOUNDED[1] if high is None else high)


def _pieces(cuts: Sequence[float], low: float, high: float, kind: str) -> Iterator[tuple[float, Stretch]]:
    """The ends, the cuts and what lies between, each with one number in it, in rising order."""
    points = [low, *cuts, high]
    for point, after in pairwise(points):
        yield _number(point, kind), Stretch(point, point, False, False)
        if kind == "integer":
            for whole in range(int(point) + 1, min(int(point) + 2, int(after) + (after != int(after)))):
                yield whole, Stretch(point, after, True, True)
        elif after > point:
            yield (point + after) / 2, Stretch(point, after, True, True)
    yield _number(high, kind), Stretch(high, high, False, False)


def _number(value: float, kind: str) -> float:
    return int(value) if kind == "integer" and value == int(value) else value
