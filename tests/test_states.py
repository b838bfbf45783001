"""The states of facts, as JSON and in words."""

from __future__ import annotations

import math

import pytest

from secondline.states import (
    NOT_APPLICABLE,
    Members,
    OneOf,
    Range,
    State,
    as_json,
    below,
    in_words,
    limits,
    number,
    one_of,
)


@pytest.mark.parametrize(
    ("state", "json", "words"),
    [
        (None, None, "not known"),
        (True, True, "yes"),
        (False, False, "no"),
        ("x", "x", "x"),
        (1.5, 1.5, "1.5"),
        (Range(6, None), {"at_least": 6}, "6 or more"),
        (Range(None, 6), {"at_most": 6}, "6 or less"),
        (Range(1, 2), {"at_least": 1, "at_most": 2}, "between 1 and 2"),
        (OneOf(frozenset({"b", "a"})), {"one_of": ["a", "b"]}, "a or b"),
        (Members(frozenset({"b", "a"})), ["a", "b"], "a, b"),
        (Members(frozenset()), [], "none"),
        (Members(frozenset({"a"}), None), {"has": ["a"], "may_have": "any"}, "a and perhaps more"),
        (Members(frozenset(), frozenset({"a"})), {"has": [], "may_have": ["a"]}, "none and perhaps more"),
        (NOT_APPLICABLE, "not-applicable", "not applicable"),
    ],
)
def test_shown(state: State, json: object, words: str) -> None:
    assert as_json(state) == json
    assert in_words(state) == words


def test_numbers_between_limits() -> None:
    assert number(None, None) is None
    assert number(3, 3) == 3
    assert number(3, 4) == Range(3, 4)
    assert limits(Range(1, None)) == (1, None)
    assert limits(True) == (None, None)
    assert below(12) < 12
    assert math.nextafter(below(12), 99) == 12


def test_candidates() -> None:
    assert one_of({"a"}) == "a"
    assert one_of({"a", "b"}) == OneOf(frozenset({"a", "b"}))
