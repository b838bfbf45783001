"""The decision map as a picture: where each box stands, and the lines from rules to those that they override.

Rules stand in columns: those that nothing overrides first, then each behind all that override it. Rules with the same
overriders share a bracket, so that one line leads from each overrider to all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from secondline.scales import TIERS
from secondline.site.badges import Badge, of_tier
from secondline.site.edition import Edition
from secondline.site.names import Link
from secondline.site.regimens import RegimenRow
from secondline.site.ruled import badges

if TYPE_CHECKING:
    from secondline.forms.rules import VerdictRule

    Group = list[VerdictRule]

_WIDTH, _GAP, _TOP = 200.0, 48.0, 64.0  # of a box, between columns, above the first box
_PAD, _LINE, _BETWEEN, _APART = 9.0, 15.0, 8.0, 18.0  # in a box, of a line, between boxes, between brackets
_CHARACTERS = 29


class Box(NamedTuple):
    """A rule or regimen in its place, with its title in lines."""

    link: Link
    badge: Badge
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    small: bool = False


class Bracket(NamedTuple):
    """Boxes with the same overriders, and the way in for lines from those."""

    x: float
    y: float
    width: float
    height: float


class Column(NamedTuple):
    x: float
    width: float
    title: tuple[str, ...]


class Chart(NamedTuple):
    """The map as a picture."""

    width: float
    height: float
    columns: tuple[Column, ...]
    boxes: tuple[Box, ...]
    brackets: tuple[Bracket, ...]
    lines: tuple[str, ...]  # from an overrider to a bracket, as a path
    scope: Bracket
    first: Bracket  # all verdict rules that are no matter of scope
    last: Bracket  # the regimens


def chart(
    edition: Edition,
    scope: Sequence[VerdictRule],
    columns: Sequence[Sequence[Group]],
    regimens: Sequence[RegimenRow],
) -> Chart:
    """Draw the rules of scope, the columns of verdict rules, and the regimens.

    A column holds groups of rules with the same overriders; the first is of rules that nothing overrides.
    """
    boxes: list[Box] = []
    x = 8.0

    def stack(items: Iterable[tuple[Link, Badge]], x: float, top: float) -> float:
        """Boxes one below another; gives where the last one ends."""
        y = top
        for link, badge in items:
            lines = tuple(wrap(link.title, _CHARACTERS, break_on_hyphens=False))
            height = 2 * _PAD + _LINE * (len(lines) + (2 if badge.detail else 1))
            boxes.append(Box(link, badge, lines, x, y, _WIDTH, height))
            y += height + _BETWEEN
        return y - _BETWEEN

    def rows(rules: Iterable[VerdictRule]) -> Iterator[tuple[Link, Badge]]:
        for rule in rules:
            yield edition.link(rule), badges(edition, rule)[0]

    end = stack(rows(scope), x, _TOP)
    outer = Bracket(x - 8, _TOP - 8, _WIDTH + 16, end - _TOP + 16)
    heads = [Column(x, _WIDTH, ("1 Scope", "is the evidence about this patient?"))]
    brackets: list[Bracket] = []
    ins: dict[str, Bracket] = {}  # of each overridden rule
    bottom = end
    start = x + _WIDTH + _GAP
    for number, column in enumerate(columns):
        x += _WIDTH + _GAP
        y = _TOP
        for group in column:
            end = stack(rows(group), x, y)
            bracket = Bracket(x - 8, y - 8, _WIDTH + 16, end - y + 16)
            if number:
                brackets.append(bracket)
                ins.update({rule.id: bracket for rule in group})
            y = end + _APART + 8
            bottom = max(bottom, end)
    width = max(x - start + _WIDTH, _WIDTH)
    heads.append(Column(start, width, ("2 Verdict", "does the inhibitor go on? a line leads to what a rule overrides")))
    lines = tuple(_lines(columns, boxes, ins))
    x = start + width + _GAP
    end = _small(regimens, x, boxes)
    bottom = max(bottom, end)
    heads.append(Column(x, _WIDTH, ("3 Options", "what could be given?")))
    whole = Bracket(start - 8, _TOP - 8, width + 16, bottom - _TOP + 16)
    last = Bracket(x - 8, _TOP - 8, _WIDTH + 16, end - _TOP + 16)
    size = (x + _WIDTH + 10, bottom + 16)
    return Chart(*size, tuple(heads), tuple(boxes), tuple(brackets), lines, outer, whole, last)


def _small(regimens: Sequence[RegimenRow], x: float, boxes: list[Box]) -> float:
    """A box for each regimen with the best tier that a rule gives it; gives where the last one ends."""
    tiers: tuple[str, ...] = TIERS
    y = _TOP
    for row in regimens:
        best = of_tier(min((badge.tone for badge in (*row.us, *row.eu)), key=tiers.index))
        words = wrap(row.link.about.replace("+", "+ "), _CHARACTERS, break_on_hyphens=False)
        lines = tuple(line.replace("+ ", "+") for line in words)
        height = _LINE * len(lines) + _PAD
        boxes.append(Box(row.link, best, lines, x, y, _WIDTH, height, small=True))
        y += height + 4
    return y - 4


def _lines(columns: Sequence[Sequence[Group]], boxes: Sequence[Box], ins: dict[str, Bracket]) -> Iterator[str]:
    """A curve from each overrider to each bracket of rules that it overrides; below the columns that it passes."""
    places = {box.link.about: box for box in boxes}
    floors = [max(places[r.id].y + places[r.id].height for group in c for r in group) for c in columns]
    column_of = {rule.id: number for number, column in enumerate(columns) for group in column for rule in group}
    lanes = 0
    for rule in (rule for column in columns for group in column for rule in group):
        box = places[rule.id]
        into = {ins[name]: column_of[name] for name in rule.overrides if name in ins}
        for bracket, column in into.items():
            x, y = box.x + box.width, box.y + box.height / 2
            passed = range(column_of[rule.id] + 1, column)
            path = f"M{x:g} {y:g}"
            if passed:
                lanes += 1
                floor = max(floors[number] for number in passed) + _APART + 9 * lanes
                y, way = max(y, floor), y
                ends = [x + _GAP - 8, bracket.x - _GAP + 8 - 8]
                path += f"{_curve(x, way, ends[0], y)}H{ends[1]:g}"
                x = ends[1]
            end = min(max(y, bracket.y + 14), bracket.y + bracket.height - 14)
            yield path + _curve(x, y, bracket.x - 1, end)


def _curve(x: float, y: float, to: float, end: float) -> str:
    middle = (x + to) / 2
    return f"C{middle:g} {y:g} {middle:g} {end:g} {to:g} {end:g}"
