"""NumPy, as one would write it by hand: tests on whole columns, packed to bits, and formulas on the bits.

The evaluator is written by hand for this; the formulas come from the same export as those of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from peers.formula import Atom, Every, Fields, Formula, Name, Rules, parts_of

AT_ONCE = 65_536  # a column of them stays in a processor's cache
COMPARE = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less}
Bits = NDArray[np.uint8]  # a bit a case


class Column(NamedTuple):
    """A field of all cases: numbers; codes of texts; or a row for each member. Code 0 is null, row 0 says known."""

    held: NDArray[Any]
    texts: list[str]


def written(rules: Rules) -> Rules:
    return rules


def prepare(rules: Rules, cases: Sequence[Fields], rows: int) -> Callable[[], Iterator[list[Bits]]]:
    formulas, atoms = rules.formulas, rules.atoms

    def meant(formula: Formula) -> Formula:
        return meant(formulas[formula.name]) if isinstance(formula, Name) else formula

    steps = list(dict.fromkeys(map(meant, (part for formula in formulas.values() for part in parts_of(formula)))))
    numbers = {step: number for number, step in enumerate(steps)}
    program = [(step, [numbers[meant(part)] for part in getattr(step, "parts", ())]) for step in steps]
    wanted = [numbers[meant(formula)] for formula in formulas.values()]
    places = np.arange(rows) % len(cases)
    columns = {name: column(name, atoms, cases, places) for name in {test.field for test in atoms}}

    def answer() -> Iterator[list[Bits]]:
        for first in range(0, rows, AT_ONCE):
            block = {name: Column(c.held[..., first : first + AT_ONCE], c.texts) for name, c in columns.items()}
            found: list[Bits] = []
            for step, parts in program:
                if isinstance(step, Atom):
                    found.append(np.packbits(judged(step, block[step.field])))
                else:
                    found.append(joined(np.bitwise_and if isinstance(step, Every) else np.bitwise_or, found, parts))
            yield [found[number] for number in wanted]

    return answer


def column(name: str, atoms: Sequence[Atom], cases: Sequence[Fields], places: NDArray[np.int64]) -> Column:
    tests = [test for test in atoms if test.field == name]
    cells = [case[name] for case in cases]
    if tests[0].op in COMPARE:
        return Column(np.array(cells, dtype=np.float64)[places], [])
    texts = list(dict.fromkeys(str(value) for test in tests for value in test.values))
    if tests[0].op in ("in", "out"):
        codes = {None: 0} | {text: code for code, text in enumerate(texts, start=1)}
        return Column(np.array([codes.get(cast("str", cell), len(codes)) for cell in cells], np.uint8)[places], texts)
    members = [[cell is not None, *(text in cast("list[str]", cell or []) for text in texts)] for cell in cells]
    return Column(np.array(members, dtype=bool).T[:, places], texts)


def judged(test: Atom, column: Column) -> NDArray[np.bool_]:
    held = column.held
    if test.op in COMPARE:
        met: NDArray[np.bool_] = COMPARE[test.op](held, test.values[0])  # null is NaN, which compares as false
        return met
    values = [column.texts.index(str(value)) + 1 for value in test.values]
    if test.op in ("in", "out"):
        inside: NDArray[np.bool_] = np.logical_or.reduce([held == value for value in values])
        return inside if test.op == "in" else (held != 0) & ~inside
    join = np.logical_and if test.op == "all" else np.logical_or
    having: NDArray[np.bool_] = join.reduce([held[value] for value in values])
    return having if test.op != "none" else held[0] & ~having


def joined(operation: np.ufunc, found: Sequence[Bits], parts: Sequence[int]) -> Bits:
    first, second, *rest = (found[part] for part in parts)
    together: Bits = operation(first, second)
    for other in rest:
        operation(together, other, out=together)
    return together


def found(block: list[Bits]) -> NDArray[np.uint8]:
    return np.unpackbits(np.array(block), axis=1).T
