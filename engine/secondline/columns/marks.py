"""What the rows of a table say: a bit for each value that a fact can have, one for known, one for cannot be.

A row of bits stands for one thing said of every patient. `Layout` says which row is what; `say` puts in one patient by
what is known of it, whatever that is. `plain` puts in many at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from secondline.columns.bits import Bits
from secondline.columns.cells import AGENTS, BENEFIT, CLASSES, DRUGS, EXTENT, FOLLOWING, STATED, Cells
from secondline.domains import Stretch, Value
from secondline.facts import catalogue
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, limits

if TYPE_CHECKING:
    from secondline.patient import Known
    from secondline.worlds import Variable


class Layout:
    """Which row of a table of bits stands for what. Every variable that is asked for has to be there before."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.variables = tuple(cells.variables)
        self.first: list[int] = []
        at = 0
        for variable in self.variables:
            self.first.append(at)
            at += len(variable.values)
        self.facts = tuple(fact for fact in cells.facts_in_three_values() if catalogue()[fact].kind != "set")
        self.known = {fact: at + place for place, fact in enumerate(self.facts)}
        self.cannot_be = {fact: at + len(self.facts) + place for place, fact in enumerate(self.facts)}
        self.size = at + 2 * len(self.facts)
        self._said: dict[tuple[int, Hashable], tuple[bool, ...]] = {}

    def said(self, known: Known) -> list[bool]:
        """Everything that what is known of one patient says."""
        found = [bit for place in range(len(self.variables)) for bit in self.values(place, known)]
        states = list(map(known.facts.get, self.facts))
        found += [state is not None for state in states]
        found += [state is NOT_APPLICABLE for state in states]
        return found

    def values(self, place: int, known: Known) -> tuple[bool, ...]:
        """Which values of a variable one patient can have."""
        variable = self.variables[place]
        key = (place, _key(variable, known))
        found = self._said.get(key)
        if found is None:
            found = tuple(map(bool, _possible(self.cells, variable, known)))
            if len(self._said) > MOST_KEPT:
                self._said.clear()
            self._said[key] = found
        return found


MOST_KEPT = 100_000


class Marks:
    """The bits of some patients: a row for each thing that can be said."""

    def __init__(self, layout: Layout, bits: Bits, rows: int) -> None:
        self.layout, self.rows, self._bits = layout, rows, bits
        self.words = bits.shape[1]
        self.never = np.zeros(self.words, dtype=np.uint64)

    def value(self, variable: int, place: int) -> Bits:
        bits: Bits = self._bits[self.layout.first[variable] + place]
        return bits

    def known(self, fact: str) -> Bits:
        bits: Bits = self._bits[self.layout.known[fact]]
        return bits

    def cannot_be(self, fact: str) -> Bits:
        bits: Bits = self._bits[self.layout.cannot_be[fact]]
        return bits


# --- what one patient says of one variable ----------------------------------------------------------------


def _key(variable: Variable, known: Known) -> Hashable:
    """What the values that a variable can have depend on."""
    fact, given = variable.fact, known.given.get
    if variable.about == FOLLOWING:
        return known.therapies, given(DRUGS) is None, given(CLASSES) is None
    if fact in catalogue().parts and not fact.startswith("biomarkers."):
        return tuple(map(known.facts.get, (fact, *catalogue().parts[fact])))
    return given(fact), known.facts.get(fact) if fact in (EXTENT, AGENTS) else None, fact == BENEFIT and known.therapies


def _possible(cells: Cells, variable: Variable, known: Known) -> Sequence[bool]:
    """Which values of a variable one patient can have."""
    fact, about, values, given = variable.fact, variable.about, variable.values, known.given
    if about == FOLLOWING:
        free = not known.therapies and given.get(DRUGS) is None and given.get(CLASSES) is None
        return (not free, free)
    if about.startswith(STATED):
        return [value.states[fact] == given.get(fact) for value in values]
    if catalogue()[fact].kind == "set":
        return _member((known.facts if fact == AGENTS else given).get(fact), about.partition(":")[2])
    if fact in catalogue().parts:
        if fact.startswith("biomarkers."):
            return [True] * len(values)  # how a result that is not stated, or no longer counts, turns out
        return [_fits_scores(value, fact, known.facts) for value in values]
    return _single(cells, fact, values, known)


def _member(state: State, member: str) -> Sequence[bool]:
    if not isinstance(state, Members):
        return (True, True)
    return (member not in state.sure, state.may_have(member))


def _fits_scores(value: Value, main: str, facts: dict[str, State]) -> bool:
    return all(_may_be(facts.get(path), value, path) for path in (main, *catalogue().parts[main]))


def _single(cells: Cells, fact: str, values: Sequence[Value], known: Known) -> Sequence[bool]:
    state = known.given.get(fact)
    if state is None and fact == EXTENT and known.facts.get(fact) == "systemic":
        state = "systemic"  # as it is taken to be
    if state is NOT_APPLICABLE:
        return [value.states[fact] is NOT_APPLICABLE for value in values]
    if catalogue()[fact].kind == "text" and state is not None:
        named = [value.states[fact] for value in values]
        state = state if state in named else named[-1]  # any other text
    first = cells.twice(fact)
    stated = isinstance(state, (str, bool)) or (fact == BENEFIT and known.therapies)
    return [
        value.states[fact] is not NOT_APPLICABLE
        and _may_be(state, value, fact)
        and (not first or (place < first) is stated)
        for place, value in enumerate(values)
    ]


def _may_be(state: State, value: Value, path: str) -> bool:
    """Whether what is known of a fact leaves it a value."""
    held = value.states[path]
    if state is None:
        return True
    if isinstance(state, OneOf):
        return held in state.values
    if value.stretch is not None and isinstance(held, (int, float)) and not isinstance(held, bool):
        return meets(value.stretch, *limits(state))
    return held == state


def meets(stretch: Stretch, low: float | None, high: float | None) -> bool:
    """Whether a stretch of numbers has one between two limits, both included."""
    above = high is None or high > stretch.low or (high == stretch.low and not stretch.low_open)
    below = low is None or low < stretch.high or (low == stretch.high and not stretch.high_open)
    return above and below
