"""The words of an answer: verdicts, tiers, strength, certainty (GRADE), jurisdictions; scales list the best first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

Conclusion = Literal["continue", "do-not-continue", "individualise", "out-of-scope"]  # what a rule can say
Verdict = Literal[Conclusion, "undetermined"]
Direction = Literal["for", "against"]
Strength = Literal["strong", "conditional"]
Certainty = Literal["high", "moderate", "low", "very-low"]
Tier = Literal["preferred", "alternative", "consider", "avoid", "contraindicated"]
Jurisdiction = Literal["us", "eu", "none"]

VERDICTS: tuple[str, ...] = (*get_args(Conclusion), "undetermined")
STRENGTHS: tuple[Strength, ...] = get_args(Strength)
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
TIERS: tuple[Tier, ...] = get_args(Tier)
OFFERED: tuple[Tier, ...] = ("preferred", "alternative", "consider")


def lowest(scale: tuple[str, ...], values: Iterable[str]) -> Any:
    """The lowest of these on a scale; None of nothing."""
    return max(values, key=scale.index, default=None)


def step_down(scale: tuple[str, ...], value: str, steps: int, floor: str) -> str:
    """A value some steps lower on a scale, never past the floor, and never raised to it."""
    at = scale.index(value)
    return scale[max(at, min(at + steps, scale.index(floor)))]
