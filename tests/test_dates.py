"""Days, months and years, and the spans between them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondline.dates import add_months, months_between, parse_date, span

days = st.dates(date(2000, 1, 1), date(2060, 1, 1))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2024-01-15", "2024-01-15", 0),
        ("2024-01-15", "2024-02-15", 1),
        ("2024-01-31", "2024-02-29", 1),
        ("2024-01-31", "2024-03-01", 1 + 1 / 31),
        ("2023-01-10", "2024-01-10", 12),
        ("2023-01-10", "2024-01-11", 12 + 1 / 31),
        ("2024-02-01", "2024-02-15", 14 / 29),
    ],
)
def test_whole_months_and_the_rest(start: str, end: str, months: float) -> None:
    assert months_between(date.fromisoformat(start), date.fromisoformat(end)) == pytest.approx(months)


@given(days, st.integers(0, 2000), st.integers(0, 40))
def test_a_later_end_is_a_longer_span(start: date, length: int, more: int) -> None:
    end = start + timedelta(days=length)
    assert months_between(start, end) <= months_between(start, end + timedelta(days=more))


@given(days, st.integers(0, 400))
def test_adding_whole_months_is_that_many_months(start: date, months: int) -> None:
    assert int(months_between(start, add_months(start, months))) in (months, months - 1)
    if start.day <= 28:
        assert months_between(start, add_months(start, months)) == months


def test_a_partial_date_is_every_day_of_it() -> None:
    assert parse_date("2024-02").first == date(2024, 2, 1)
    assert parse_date("2024-02").last == date(2024, 2, 29)
    assert parse_date("2024").last == date(2024, 12, 31)


def test_a_month_or_a_year_counts_once_it_is_over() -> None:
    assert parse_date("2025-05").over == date(2025, 6, 1)
    assert parse_date("2017").over == date(2018, 1, 1)
    assert parse_date("2025-05-03").over == date(2025, 5, 3)


@pytest.mark.parametrize("text", ["2024-13", "2024-02-30", "24-01-01", "2024-1-1", "1899", "2200", "x", ""])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"no date|month|day"):
        parse_date(text)


@given(days, days, st.sampled_from(["%Y-%m-%d", "%Y-%m", "%Y"]), st.sampled_from(["%Y-%m-%d", "%Y-%m", "%Y"]))
def test_the_span_of_partial_dates_holds_the_span_of_the_days(a: date, b: date, first: str, second: str) -> None:
    start, end = min(a, b), max(a, b)
    found = span(parse_date(start.strftime(first)), parse_date(end.strftime(second)), in_order=True)
    assert found is not None
    assert found.high is not None
    assert found.low - 1e-9 <= months_between(start, end) <= found.high + 1e-9
    assert found.low_days is not None
    assert found.low_days <= (end - start).days <= (found.high_days or 0)


def test_an_end_before_its_start_has_no_span() -> None:
    assert span(parse_date("2024-05"), parse_date("2024-04")) is None
    assert span(parse_date("2024-05"), parse_date("2024-05")) is None, "it may lie before it"
    overlapping = span(parse_date("2024-05"), parse_date("2024-05"), in_order=True)
    assert overlapping is not None
    assert overlapping.low == 0
