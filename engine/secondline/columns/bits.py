"""Diagrams asked of many patients at once: a row of bits for each node, one bit a patient.

A node is possible where a value of its variable is possible that leads to a possible node. No way through a diagram
asks for a variable twice, and what one variable can be does not depend on another (`cells` holds what links them), so
one pass from the ends up is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from secondline.diagram import ALWAYS, NEVER, Diagrams, Node

Bits = NDArray[np.uint64]
Values = frozenset[int]


class Step(NamedTuple):
    """One node: where it leads by which values of its variable; a node `ALWAYS` adds the values alone."""

    node: Node
    ways: tuple[tuple[int, Node], ...]  # the place of a union of values, and the node it leads to
    done: tuple[Node, ...]  # nodes that nothing after it asks for


class Program:
    """The steps that answer for some nodes, each node once, in an order in which what a node leads to comes first."""

    def __init__(self, diagrams: Diagrams, roots: Sequence[Node]) -> None:
        self.roots = frozenset(roots) - {ALWAYS, NEVER}
        order = self._order(diagrams)
        self.unions: dict[tuple[int, Values], int] = {}
        last = {child: node for node in order for child in diagrams.branches[node]}
        self.steps: list[Step] = []
        for node in order:
            variable, branches = diagrams.variable[node], diagrams.branches[node]
            ways: dict[Node, set[int]] = {}
            for value, branch in enumerate(branches):
                if branch != NEVER:
                    ways.setdefault(branch, set()).add(value)
            done = {child for child in branches if child > ALWAYS and last[child] == node} - self.roots
            self.steps.append(
                Step(
                    node,
                    tuple((self._union(variable, frozenset(values)), branch) for branch, values in ways.items()),
                    tuple(done),
                )
            )

    def _order(self, diagrams: Diagrams) -> list[Node]:
        order: list[Node] = []
        seen: set[Node] = set()
        for root in sorted(self.roots):
            todo = [(root, False)]
            while todo:
                node, after = todo.pop()
                if after:
                    order.append(node)
                elif node > ALWAYS and node not in seen:
                    seen.add(node)
                    todo.append((node, True))
                    todo += [(branch, False) for branch in diagrams.branches[node]]
        return order

    def _union(self, variable: int, values: Values) -> int:
        return self.unions.setdefault((variable, values), len(self.unions))

    def run(self, value: Callable[[int, int], Bits], words: int) -> dict[Node, Bits]:
        """Where each root is possible. `value` gives the bits of a value of a variable."""
        unions: list[Bits] = []
        for variable, values in self.unions:
            first, *others = sorted(values)
            row = value(variable, first)
            if others:
                row = row.copy()
                for other in others:
                    np.bitwise_or(row, value(variable, other), out=row)
            unions.append(row)
        held: dict[Node, Bits] = {}
        free: list[Bits] = []
        spare = np.empty(words, dtype=np.uint64)
        both, either = np.bitwise_and, np.bitwise_or
        for node, ways, done in self.steps:
            row = free.pop() if free else np.empty(words, dtype=np.uint64)
            union, branch = ways[0]
            if branch == ALWAYS:
                np.copyto(row, unions[union])
            else:
                both(unions[union], held[branch], row)
            for union, branch in ways[1:]:
                if branch == ALWAYS:
                    either(row, unions[union], row)
                else:
                    both(unions[union], held[branch], spare)
                    either(row, spare, row)
            held[node] = row
            for child in done:
                free.append(held.pop(child))
        found = {node: held[node] for node in self.roots}
        found[ALWAYS] = np.full(words, np.iinfo(np.uint64).max, dtype=np.uint64)
        found[NEVER] = np.zeros(words, dtype=np.uint64)
        return found


def bools(bits: Bits, rows: int) -> NDArray[np.bool_]:
    """A row of bits as one truth value for each patient; of several rows, each."""
    return np.unpackbits(bits.view(np.uint8), axis=-1, count=rows, bitorder="little").view(np.bool_)


def packed(rows: NDArray[np.bool_]) -> Bits:
    """A truth value for each patient as a row of bits; of several rows, each."""
    bits = np.packbits(rows, axis=-1, bitorder="little")
    missing = -bits.shape[-1] % 8
    if missing:
        bits = np.concatenate([bits, np.zeros((*bits.shape[:-1], missing), dtype=np.uint8)], axis=-1)
    return bits.view(np.uint64)
