"""Decision diagrams against truth tables: every function is written out over all values of its variables."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondline.diagram import ALWAYS, NEVER, Diagrams, Node, TooManyNodes

SIZES = (2, 3, 2, 3)  # values of each variable
WORLDS = tuple(product(*map(range, SIZES)))
Table = frozenset[tuple[int, ...]]
tables = st.frozensets(st.sampled_from(WORLDS))
shared = st.frozensets(st.sampled_from(range(len(SIZES))))
fixed = st.dictionaries(st.sampled_from(range(len(SIZES))), st.integers(0, 1), max_size=3)


def drawn(dd: Diagrams, table: Table, at: int = 0, world: tuple[int, ...] = ()) -> Node:
    """The diagram of a function that holds in these worlds."""
    if at == len(SIZES):
        return ALWAYS if world in table else NEVER
    return dd.choose(at, tuple(drawn(dd, table, at + 1, (*world, value)) for value in range(SIZES[at])))


def fits(world: tuple[int, ...], values: dict[int, int]) -> bool:
    return all(world[variable] == value for variable, value in values.items())


@given(tables, tables)
def test_equal_functions_are_one_node(one: Table, other: Table) -> None:
    dd = Diagrams(1000)
    a, b = drawn(dd, one), drawn(dd, other)
    assert dd.both(a, b) == drawn(dd, one & other)
    assert dd.either(a, b) == drawn(dd, one | other)
    assert dd.without(a, b) == drawn(dd, one - other)
    assert dd.negation(a) == drawn(dd, frozenset(WORLDS) - one)
    assert dd.overlap(a, b) == bool(one & other)


@given(tables, shared)
def test_what_holds_for_some_values(table: Table, left_out: frozenset[int]) -> None:
    dd = Diagrams(1000)
    node = drawn(dd, table)
    stays = [i for i in range(len(SIZES)) if i not in left_out]
    held = {tuple(world[i] for i in stays) for world in table}
    whole = frozenset(world for world in WORLDS if tuple(world[i] for i in stays) in held)
    assert dd.some(node, left_out) == drawn(dd, whole)
    assert dd.support(drawn(dd, whole)).isdisjoint(left_out)


@given(tables, tables, shared)
def test_two_functions_agree_on_what_they_share(one: Table, other: Table, same: frozenset[int]) -> None:
    dd = Diagrams(1000)
    truth = any(all(a[i] == b[i] for i in same) for a in one for b in other)
    assert dd.agree(drawn(dd, one), drawn(dd, other), same) == truth


@given(tables, fixed)
def test_what_can_hold_once_values_are_known(table: Table, values: dict[int, int]) -> None:
    dd = Diagrams(1000)
    node = drawn(dd, table)
    assert dd.can_hold(node, values) == any(fits(world, values) for world in table)
    for variable, size in enumerate(SIZES):
        for value in range(size):
            assert dd.can_hold(node, {variable: value}) == any(world[variable] == value for world in table)


def test_more_nodes_than_allowed() -> None:
    dd = Diagrams(3)
    dd.literal(0, (True, False))
    dd.literal(1, (True, False))
    with pytest.raises(TooManyNodes):
        dd.literal(2, (True, False))
