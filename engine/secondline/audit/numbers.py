"""Arithmetic on figures as printed: what a rounded figure can stand for, and what follows from several of them.

Everything works on spans, the lowest and the highest value that rounding allows, so that two figures disagree only
where no unrounded values behind them could agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

Z = {95: 1.959964, 90: 1.644854, 80: 1.281552}
_TINY = 1e-9


class Span(NamedTuple):
    """From the lowest to the highest value that a figure can stand for."""

    low: float
    high: float

    def meets(self, other: Span, slack: float = 0.0) -> bool:
        return self.low <= other.high + slack + _TINY and other.low <= self.high + slack + _TINY

    def holds(self, value: float, slack: float = 0.0) -> bool:
        return self.low - slack - _TINY <= value <= self.high + slack + _TINY

    def scaled(self, factor: float) -> Span:
        """Both ends moved apart by a factor; for spans above zero."""
        return Span(self.low / factor, self.high * factor)

    def __str__(self) -> str:
        return short(self.low) if short(self.low) == short(self.high) else f"{short(self.low)} to {short(self.high)}"


def short(value: float) -> str:
    """A computed value in at most three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) < 0.0001:
        return f"{value:.0e}".replace("e-0", "e-")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def places(figure: Decimal) -> int:
    """How many decimals were typed."""
    exponent = figure.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def rounded(figure: Decimal) -> Span:
    """What a printed figure can stand for."""
    half = 0.5 * 10.0 ** -places(figure)
    return Span(float(figure) - half, float(figure) + half)


# --- tests and intervals of effects -----------------------------------------------------------------------


def tail(z: float) -> float:
    """The two-sided p of a normal deviate."""
    return math.erfc(abs(z) / math.sqrt(2))


def deviate(p: float) -> float:
    """The normal deviate whose two-sided p this is."""
    low, high = 0.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > p else (low, middle)
    return low


def log_span(span: Span) -> Span:
    return Span(math.log(max(span.low, _TINY)), math.log(max(span.high, _TINY)))


def standard_error(low: Span, high: Span, level: int) -> Span:
    """The standard error behind an interval of this level, its limits on the scale on which it is symmetric."""
    width = 2 * Z[level]
    return Span(max(high.low - low.high, _TINY) / width, max(high.high - low.low, _TINY) / width)


def deviates(estimate: Span, error: Span) -> Span:
    """The least and greatest distance from no effect (0), in standard errors."""
    least = 0.0 if estimate.low <= 0 <= estimate.high else min(abs(estimate.low), abs(estimate.high))
    return Span(least / error.high, max(abs(estimate.low), abs(estimate.high)) / error.low)


_P_TEXT = re.compile(r"\s*(<|≤|<=|=|>)?\s*([0-9]*\.[0-9]+)\s*")


class StatedP(NamedTuple):
    """A p as printed: a span, and whether it is only an upper limit."""

    span: Span
    below: bool


def stated_p(p: Decimal | str) -> StatedP | None:
    """A p as printed; None if the text is none."""
    if isinstance(p, Decimal):
        return StatedP(rounded(p), below=False) if 0 <= p <= 1 else None
    found = _P_TEXT.fullmatch(p)
    if not found or float(found[2]) > 1:
        return None
    figure = Decimal(found[2])
    if found[1] in ("<", "≤", "<="):
        return StatedP(Span(0.0, float(figure)), below=True)
    return StatedP(Span(float(figure), 1.0) if found[1] == ">" else rounded(figure), below=False)


# --- proportions ------------------------------------------------------------------------------------------


def counts_behind(percent: Decimal, n: int) -> range:
    """The counts of n that round to a percentage."""
    span = rounded(percent)
    return range(max(0, math.ceil(span.low * n / 100 - 1e-6)), min(n, math.floor(span.high * n / 100 + 1e-6)) + 1)


def wilson(count: float, n: int, level: int = 95) -> Span:
    """Wilson's interval for a proportion, as a fraction."""
    z, p = Z[level], count / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(max(0.0, p * (1 - p)) / n + z * z / (4 * n * n))
    return Span((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n))


def wald(count: float, n: int, level: int = 95) -> Span:
    """The simple interval for a proportion, as a fraction."""
    p = count / n
    half = Z[level] * math.sqrt(max(0.0, p * (1 - p)) / n)
    return Span(max(0.0, p - half), min(1.0, p + half))


def clopper_pearson(count: int, n: int, level: int = 95) -> Span:
    """The exact interval for a proportion, as a fraction."""
    half = (1 - level / 100) / 2
    low = 0.0 if count == 0 else _solve(lambda p: _at_least(count, n, p) - half)
    high = 1.0 if count == n else _solve(lambda p: half - _at_least(n - count, n, 1 - p))
    return Span(low, high)


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _at_least(count: int, n: int, p: float) -> float:
    """The chance of `count` or more of n."""
    if p <= 0 or p >= 1:
        return float(p >= 1)
    first = math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
    term = math.exp(first + count * math.log(p) + (n - count) * math.log(1 - p))
    total, odds = 0.0, p / (1 - p)
    for k in range(count, n + 1):
        total += term
        term *= (n - k) / (k + 1) * odds
        if term < total * 1e-15:
            break
    return min(1.0, total)


def intervals(count: int, n: int, level: int = 95) -> Iterator[Span]:
    """The usual intervals for a proportion, in percent."""
    for found in (clopper_pearson(count, n, level), wilson(count, n, level), wald(count, n, level)):
        yield Span(100 * found.low, 100 * found.high)


def square_and_add(first: float, of_first: Span, second: float, of_second: Span) -> Span:
    """The interval of a difference from the intervals of its two parts, put together as Newcombe does."""
    difference = first - second
    below = math.hypot(first - of_first.low, of_second.high - second)
    above = math.hypot(of_first.high - first, second - of_second.low)
    return Span(difference - below, difference + above)


def two_proportions(first: tuple[int, int], second: tuple[int, int]) -> Span:
    """The p of two proportions by the usual tests: with and without a correction for continuity, and Fisher's."""
    (a, n), (b, m) = first, second
    pooled = (a + b) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    if error == 0:
        return Span(1.0, 1.0)
    gap = abs(a / n - b / m)
    corrected = max(0.0, gap - (1 / n + 1 / m) / 2)
    found = (tail(gap / error), tail(corrected / error), _fisher(a, n, b, m))
    return Span(min(found), max(found))


def _fisher(a: int, n: int, b: int, m: int) -> float:
    whole = a + b

    def weight(k: int) -> float:
        return _choose(n, k) + _choose(m, whole - k) - _choose(n + m, whole)

    here = weight(a)
    every = (weight(k) for k in range(max(0, whole - m), min(n, whole) + 1))
    return min(1.0, sum(math.exp(each) for each in every if each <= here + 1e-9))


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
