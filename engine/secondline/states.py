"""What can be known of one fact: its value, some of it, nothing, or that it cannot be.

A state is a plain value (known), `None` (unknown), `NOT_APPLICABLE`, or one of the partly known forms below.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, NamedTuple


class NotApplicable(Enum):
    """The type of NOT_APPLICABLE: a fact that cannot be; every test on it is false."""

    VALUE = "not-applicable"
    __hash__ = object.__hash__  # states are keys of what was judged before; Enum's own hash runs in Python


NOT_APPLICABLE: Final = NotApplicable.VALUE


class Range(NamedTuple):
    """A number of which only limits are known, both included; None is no limit on that side."""

    low: float | None
    high: float | None


class OneOf(NamedTuple):
    """A single value of which only the candidates are known, two or more of them."""

    values: frozenset[str | bool | int]


class Members(NamedTuple):
    """A set: `sure` are in it, `maybe` can be too (None: anything can); nothing else is."""

    sure: frozenset[str]
    maybe: frozenset[str] | None = frozenset()

    @property
    def complete(self) -> bool:
        return self.maybe is not None and not self.maybe - self.sure

    def may_have(self, member: str) -> bool:
        return member in self.sure or self.maybe is None or member in self.maybe


State = bool | int | float | str | Range | OneOf | Members | NotApplicable | None


def number(low: float | None, high: float | None) -> State:
    """The state of a number between two limits: the number itself, a range, or unknown."""
    if low is None and high is None:
        return None
    return low if low is not None and low == high else Range(low, high)


def below(limit: float) -> float:
    """The largest number under an excluded upper limit."""
    return math.nextafter(limit, -math.inf)


def one_of(values: Iterable[str | bool]) -> State:
    """The state of a single value with these candidates."""
    candidates = frozenset(values)
    return next(iter(candidates)) if len(candidates) == 1 else OneOf(candidates)


def limits(state: State) -> tuple[float | None, float | None]:
    """The limits of a known or partly known number; (None, None) for anything else."""
    if isinstance(state, Range):
        return state.low, state.high
    if isinstance(state, (int, float)) and not isinstance(state, bool):
        return state, state
    return None, None


def as_json(state: State) -> Any:
    """A state as plain JSON: a value, a list, `{"at_least": ...}`, `{"has": ...}`, or None for unknown."""
    if state is None or isinstance(state, (str, int, float)):
        return state
    if isinstance(state, Range):
        given = {"at_least": state.low, "at_most": state.high}
        return {key: value for key, value in given.items() if value is not None}
    if isinstance(state, OneOf):
        return {"one_of": sorted(state.values, key=str)}
    if isinstance(state, Members):
        if state.complete:
            return sorted(state.sure)
        return {"has": sorted(state.sure), "may_have": "any" if state.maybe is None else sorted(state.maybe)}
    return state.value


def in_words(state: State) -> str:
    """A state for a reader, as in `ECOG is 1` or `time on it is 6 or more`."""
    if state is None:
        return "not known"
    if isinstance(state, bool):
        return "yes" if state else "no"
    if isinstance(state, Range):
        low, high = state.low, state.high
        if low is None or high is None:
            return f"{_digits(low)} or more" if low is not None else f"{_digits(high)} or less"
        return f"between {_digits(low)} and {_digits(high)}"
    if isinstance(state, (int, float)):
        return _digits(state)
    if isinstance(state, OneOf):
        return " or ".join(sorted(map(str, state.values)))
    if isinstance(state, Members):
        words = ", ".join(sorted(state.sure)) or "none"
        return words if state.complete else f"{words} and perhaps more"
    return "not applicable" if isinstance(state, NotApplicable) else state


def _digits(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2):g}"
