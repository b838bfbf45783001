"""Days known to the day, the month or the year, and the spans between them.

A span is whole calendar months plus the remaining days over the length of the month they fall in.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

_SHAPE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


class PartialDate(NamedTuple):
    """Some day from `first` to `last`; the two are equal where the day is known."""

    text: str
    first: date
    last: date

    def __str__(self) -> str:
        return self.text

    @property
    def over(self) -> date:
        """The first day on which it has certainly come: a month or a year counts once it is over."""
        return self.last if self.first == self.last else self.last + timedelta(days=1)


def parse_date(text: str) -> PartialDate:
    """Read YYYY-MM-DD, YYYY-MM or YYYY, from the year 1900 on; ValueError otherwise."""
    found = _SHAPE.fullmatch(text)
    if not found or not 1900 <= int(found[1]) <= 2199:
        raise ValueError(f"no date: {text}")
    year, month, day = int(found[1]), found[2], found[3]
    first = date(year, int(month or 1), int(day or 1))
    if day:
        return PartialDate(text, first, first)
    last_month = int(month or 12)
    return PartialDate(text, first, date(year, last_month, monthrange(year, last_month)[1]))


def on_day(day: date) -> PartialDate:
    return PartialDate(day.isoformat(), day, day)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_between(start: date, end: date) -> float:
    """The span from `start` to `end`, which is not earlier, in months."""
    whole = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, whole) > end:
        whole -= 1
    anchor = add_months(start, whole)
    return whole + (end - anchor).days / (add_months(start, whole + 1) - anchor).days


class Span(NamedTuple):
    """A length of time, in months and, where days are known, in days; None is no upper limit."""

    low: float
    high: float | None
    low_days: int | None = None
    high_days: int | None = None


def span(start: PartialDate, end: PartialDate, *, in_order: bool = False) -> Span | None:
    """The time from one date to another; None where the end may lie before the start.

    `in_order` says that it cannot: of days that are partly known only those in order are meant.
    """
    if end.last < start.first or (end.first < start.last and not in_order):
        return None
    shortest_end = max(end.first, start.last)
    low = months_between(start.last, shortest_end)
    high = months_between(start.first, end.last)
    return Span(low, max(low, high), (shortest_end - start.last).days, (end.last - start.first).days)
