"""Figures that a clinician asks for and no report gives: computed from reported ones, and always said to be.

A difference in percentages with its interval after Newcombe (Wilson's intervals of the two proportions put together),
or, where the report gives an interval for each arm, put together from those; the number needed to treat or to harm
where that interval excludes no difference; and the gain in median months.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from secondline.audit.numbers import Span, square_and_add, wilson

if TYPE_CHECKING:
    from secondline.forms.evidence import Arm, Evidence, Report, Result

_RATE = re.compile(r"\w+_rate_\d+m")
_GOOD = ("orr", "cbr", "dcr")


class Computed(NamedTuple):
    """One computed figure: what of, the value, its interval where it can be had, how, and a remark."""

    what: str
    value: float
    unit: str
    interval: Span | None
    method: str
    remark: str | None = None

    def says(self) -> str:
        """The figure in words."""
        value = f"{self.value:+.1f}" if self.unit else f"{self.value:.0f}"
        words = f"{self.what} {value}{f' {self.unit}' if self.unit else ''}"
        if self.interval:
            low, high = (_limit(limit) if self.unit else f"{limit:.0f}" for limit in self.interval)
            words += f" (95% CI {low} to {high})"
        return f"{words}{f', {self.remark}' if self.remark else ''} [{self.method}]"


def _limit(limit: float) -> str:
    """A limit to one decimal; to two where one would hide on which side of 0 it lies."""
    return f"{limit:.1f}" if abs(limit) >= 0.05 else f"{limit:.2f}"


def computed(evidence: Evidence, report: Report, result: Result) -> Iterator[Computed]:
    """What can be computed from a result of two arms, the first against the second."""
    if len(result.arms) != 2:
        return
    (one, first), (two, second) = result.arms.items()
    if first.median_months is not None and second.median_months is not None:
        gain = float(first.median_months) - float(second.median_months)
        yield Computed("difference in medians", gain, "months", None, "one median less the other; no interval")
    if first.percent is None or second.percent is None:
        return
    difference = float(first.percent) - float(second.percent)
    what = "difference in percentages"
    interval, method = _interval(evidence, report, result, (one, first), (two, second))
    remark: str | None
    if interval is None:
        remark = "no interval can be had"
    else:
        remark = "so no number needed to treat" if interval.low <= 0 <= interval.high else None
    yield Computed(what, difference, "points", interval, method, remark)
    if interval and remark is None:
        yield from _number_needed(result, difference, interval)


def _interval(
    evidence: Evidence, report: Report, result: Result, one: tuple[str, Arm], two: tuple[str, Arm]
) -> tuple[Span | None, str]:
    (_, first), (_, second) = one, two
    a, b = float(first.percent or 0), float(second.percent or 0)
    stated = [_stated(arm) for arm in (first, second)]
    if stated[0] and stated[1]:
        return square_and_add(a, stated[0], b, stated[1]), "from the arms' reported intervals, squared and added"
    if _RATE.fullmatch(result.endpoint):
        return None, "one rate less the other"
    sized, other_sized = (_size(evidence, report, result, *arm) for arm in (one, two))
    if sized is None or other_sized is None:
        return None, "one percentage less the other"
    (n, own), (m, other) = sized, other_sized
    spans = [_percent(wilson(round(p * size / 100), size)) for p, size in ((a, n), (b, m))]
    of = "" if own and other else ", with the numbers randomised"
    return square_and_add(a, spans[0], b, spans[1]), f"Newcombe's interval, {n} v {m} patients{of}"


def _stated(arm: Arm) -> Span | None:
    if arm.ci95 is None or arm.ci95[0] is None or arm.ci95[1] is None:
        return None
    return Span(float(arm.ci95[0]), float(arm.ci95[1]))


def _percent(span: Span) -> Span:
    return Span(100 * span.low, 100 * span.high)


def _size(evidence: Evidence, report: Report, result: Result, name: str, arm: Arm) -> tuple[int, bool] | None:
    """How many an arm has, and whether the result itself says so; in safety only the result can."""
    if arm.n:
        return arm.n, True
    if result.role == "safety":
        return None
    for other in (report, *evidence.reports):
        for held in other.results:
            if held.subgroup == result.subgroup and held.role != "safety" and held.comparison == result.comparison:
                same = held.arms.get(name)
                if same and same.n:
                    return same.n, False
    return None


def _number_needed(result: Result, difference: float, interval: Span) -> Iterator[Computed]:
    """How many to treat for one more, or one fewer, of what is counted; only where the difference is beyond chance."""
    good = bool(_RATE.fullmatch(result.endpoint)) or result.endpoint in _GOOD
    if not good and result.role != "safety":
        return
    helped = (difference > 0) is good
    limits = sorted(100 / abs(limit) for limit in interval)
    what = f"number needed to {'treat' if helped else 'harm'}"
    span = Span(float(math.ceil(limits[0])), float(math.ceil(limits[1])))
    yield Computed(what, float(math.ceil(100 / abs(difference))), "", span, "100 by the difference, rounded up")
