"""Forest plots: where each effect with its interval stands, worked out to the hundredth of a pixel.

Ratios stand on a logarithmic axis, differences on a plain one. The axis holds every estimate; an interval that goes on
beyond it, or has a limit that was not reached, ends in an arrow. Figures keep the digits typed in the evidence file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from secondline.forms.evidence import Effect

_PLURALS = {"hazard_ratio": "hazard ratios", "difference_in_proportions": "differences in proportions"}
_LEAST, _MOST = 0.5, 2.0  # what every axis of ratios holds
_LINE, _SMALL, _GAP, _HEADING = 16.0, 14.0, 9.0, 30.0  # heights of a line, a small line, between rows, of a heading
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
NEUTRAL = ("lower hazard", "higher hazard")
_MOST_TICKS, _FEW_DOUBLINGS = 6, 3
_BETWEEN = (0.75, 1.5)  # ticks of ratios that are no powers of two


class Mark(NamedTuple):
    """One effect to be drawn: under which heading, of whom, from which report, whether a later one superseded it."""

    heading: str
    label: str
    report: str
    measure: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None
    level: int
    arms: tuple[str, ...] = ()
    superseded: bool = False

    @property
    def figures(self) -> str:
        limits = " to ".join("not reached" if limit is None else str(limit) for limit in (self.low, self.high))
        return f"{self.value} ({limits})"

    @property
    def says(self) -> str:
        """The row in words."""
        later = ", superseded" if self.superseded else ""
        return f"{self.heading}, {self.label} ({self.report}{later}): {self.figures}, {self.level} % interval"


class Layout(NamedTuple):
    """Where the columns of a plot stand. `stacked` has the label above its row, for a narrow screen."""

    width: float
    characters: int  # of a label's line
    left: float  # of the axis
    right: float
    figures: float
    stacked: bool


WIDE = Layout(width=880, characters=50, left=372, right=668, figures=690, stacked=False)
NARROW = Layout(width=352, characters=50, left=12, right=216, figures=230, stacked=True)


class Line(NamedTuple):
    y: float
    text: str


class Row(NamedTuple):
    """A mark in its place. `low` and `high` end its interval; `beyond` says at which of them the axis ends first."""

    mark: Mark
    top: float
    y: float
    label: tuple[Line, ...]
    report: Line
    value: float
    low: float
    high: float
    beyond: tuple[bool, bool]


class Tick(NamedTuple):
    x: float
    text: str


class Plot(NamedTuple):
    """One forest plot, ready to be drawn."""

    name: str
    title: str
    measure: str
    layout: Layout
    height: float
    axis: float  # its height
    none: float  # where no effect stands
    ticks: tuple[Tick, ...]
    headings: tuple[Line, ...]
    rows: tuple[Row, ...]
    towards: tuple[str, str]  # what lies on either side of no effect

    @property
    def ratio(self) -> bool:
        return self.measure == "hazard_ratio"

    @property
    def level(self) -> int:
        """The level of the intervals that are not said to be of another one."""
        levels = {row.mark.level for row in self.rows}
        return levels.pop() if len(levels) == 1 else 95

    @property
    def column(self) -> str:
        """The heading of the figures."""
        return f"{'HR' if self.ratio else 'Difference'} ({self.level} % interval)"

    @property
    def says(self) -> str:
        """The plot in words."""
        scale = "on a logarithmic axis" if self.ratio else "on a plain axis"
        ends = f"from {self.ticks[0].text} to {self.ticks[-1].text}"
        return f"{'. '.join(row.mark.says for row in self.rows)}. Drawn {scale} {ends}."


class Forest(NamedTuple):
    """The effects of one measure, laid out for wide and for narrow screens."""

    title: str
    wide: Plot
    narrow: Plot

    @property
    def superseded(self) -> bool:
        return any(row.mark.superseded for row in self.wide.rows)

    @property
    def neutral(self) -> bool:
        """Whether every row compares two arms, but not all of them the same, so that the sides have no names."""
        return self.wide.towards == NEUTRAL and all(len(row.mark.arms) == 2 for row in self.wide.rows)

    @property
    def other(self) -> bool:
        """Whether some interval is of another level than 95 %."""
        return any(row.mark.level != 95 for row in self.wide.rows)


def drawable(effect: Effect | None) -> bool:
    """Whether an effect can be drawn: a value with an interval, of a measure that has an axis."""
    if effect is None or effect.value is None or effect.measure not in _PLURALS:
        return False
    return bool(effect.ci95 or effect.ci90) and (effect.measure != "hazard_ratio" or effect.value > 0)


def forests(marks: Iterable[Mark], name: str, about: str) -> tuple[Forest, ...]:
    """A plot for each measure among these marks; marks with one heading stand together, in the order given."""
    held = list(marks)
    found = []
    for measure, title in _PLURALS.items():
        some = [mark for mark in held if mark.measure == measure]
        if some:
            order = list(dict.fromkeys(mark.heading for mark in some))
            some.sort(key=lambda mark: order.index(mark.heading))
            words = f"Forest plot of {title}, {about}"
            wide, narrow = (
                _plot(some, f"{name}-{measure.replace('_', '-')}-{size}", words, layout)
                for size, layout in (("wide", WIDE), ("narrow", NARROW))
            )
            found.append(Forest(words, wide, narrow))
    return tuple(found)


def _plot(marks: Sequence[Mark], name: str, title: str, layout: Layout) -> Plot:
    measure = marks[0].measure
    ratio = measure == "hazard_ratio"
    values = _ratio_ticks(marks) if ratio else _plain_ticks(marks)
    place = _scale(values[0], values[-1], layout, math.log if ratio else float)
    headings: list[Line] = []
    rows: list[Row] = []
    y = 0.0
    for heading, some in groupby(marks, key=lambda mark: mark.heading):
        headings.append(Line(y + _HEADING - 10, heading))
        y += _HEADING
        for mark in some:
            row, y = _row(mark, y, layout, place, (values[0], values[-1]))
            rows.append(row)
    axis = y + 6
    ticks = tuple(Tick(place(value), _number(value)) for value in values)
    none = place(1.0 if ratio else 0.0)
    return Plot(
        name, title, measure, layout, axis + 58, axis, none, ticks, tuple(headings), tuple(rows), _towards(marks)
    )


def _row(
    mark: Mark, top: float, layout: Layout, place: Callable[[float], float], ends: tuple[float, float]
) -> tuple[Row, float]:
    """A mark placed below `top`, and where the next one begins."""
    start = top + _GAP / 2
    lines = wrap(mark.label, layout.characters, break_on_hyphens=False) or [""]
    label = tuple(Line(start + _LINE * (number + 1) - 4, text) for number, text in enumerate(lines))
    below = start + _LINE * len(lines)
    report = Line(below + _SMALL - 4, f"{mark.report}, superseded" if mark.superseded else mark.report)
    below += _SMALL
    centre = below + _LINE / 2 + 1 if layout.stacked else (start + below) / 2
    if layout.stacked:
        below += _LINE + (_SMALL if mark.level != 95 else 4)
    below += _GAP / 2
    limits = [None if limit is None else float(limit) for limit in (mark.low, mark.high)]
    beyond = (limits[0] is None or limits[0] < ends[0], limits[1] is None or limits[1] > ends[1])
    low, high = (end if out else limit for limit, end, out in zip(limits, ends, beyond, strict=True))
    assert low is not None
    assert high is not None
    value = place(float(mark.value))
    return Row(mark, top, centre, label, report, value, place(low), place(high), beyond), below


def _scale(low: float, high: float, layout: Layout, straight: Callable[[float], float]) -> Callable[[float], float]:
    """From a value to its place on the axis; `straight` makes equal steps of it."""
    start, length = straight(low), straight(high) - straight(low)

    def place(value: float) -> float:
        return round(layout.left + (straight(value) - start) / length * (layout.right - layout.left), 2)

    return place


def _ratio_ticks(marks: Sequence[Mark]) -> list[float]:
    """Powers of two that hold every estimate, and a limit that lies no more than one step further."""
    low = _outer(_LEAST, 1 / 2, [float(mark.value) for mark in marks], [float(m.low) for m in marks if m.low])
    high = _outer(_MOST, 2.0, [float(mark.value) for mark in marks], [float(m.high) for m in marks if m.high])
    doublings = round(math.log2(high / low))
    if doublings <= _FEW_DOUBLINGS:
        return sorted({*(low * 2**step for step in range(doublings + 1)), *_BETWEEN})
    skipped = math.ceil(doublings / _MOST_TICKS)
    return [*(low * 2**step for step in range(0, doublings - skipped + 1, skipped)), high]


def _outer(start: float, step: float, values: Sequence[float], limits: Sequence[float]) -> float:
    """The end of an axis of ratios, upwards or downwards by `step`."""
    end = start

    def outside(value: float, end: float) -> bool:
        return value < end if step < 1 else value > end

    while any(outside(value, end) for value in values):
        end *= step
    near = any(outside(limit, end) and not outside(limit, end * step) for limit in limits)
    return end * step if near else end


def _plain_ticks(marks: Sequence[Mark]) -> list[float]:
    """Even steps that hold every estimate, every limit and no effect."""
    held = [0.0, *(float(v) for mark in marks for v in (mark.value, mark.low, mark.high) if v is not None)]
    low, high = min(held), max(held)
    rough = (high - low or 1.0) / _MOST_TICKS
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * part for part in _STEPS if size * part >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "\u2212")


def _towards(marks: Sequence[Mark]) -> tuple[str, str]:
    """What either side of no effect favours: the arms by name where all marks compare the same two."""
    arms = {mark.arms for mark in marks}
    ratio = marks[0].measure == "hazard_ratio"
    if len(arms) == 1 and len(first := next(iter(arms))) == 2 and ratio:
        return (f"favours {first[0]}", f"favours {first[1]}")
    return NEUTRAL if ratio else ("lower", "higher")
