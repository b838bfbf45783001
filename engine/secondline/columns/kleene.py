"""Conditions on a whole table in three values: bits for true and bits for false, and neither is unknown.

The same tree and the same meaning as `condition.truth`; `bits` says what holds in every completion, which is more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from secondline.columns.bits import Bits
from secondline.columns.cells import Cells
from secondline.columns.marks import Marks
from secondline.condition import AnyOf, Check, Condition, Not, Test, holds
from secondline.facts import catalogue
from secondline.rulebase import RuleBase, values
from secondline.states import State

if TYPE_CHECKING:
    from secondline.forms.rules import Definition


class Rails(NamedTuple):
    """Where a condition is true, and where it is false."""

    true: Bits
    false: Bits


class Kleene:
    """Conditions of a rule base on the marks of one table; each is judged once."""

    def __init__(self, base: RuleBase, cells: Cells, marks: Marks) -> None:
        self.base, self.cells, self.marks = base, cells, marks
        self._held: dict[int, tuple[Condition, Rails]] = {}
        self._cases: dict[str, list[tuple[State, Bits]]] = {}

    def rails(self, condition: Condition) -> Rails:
        held = self._held.get(id(condition))
        if held is None:
            held = self._held[id(condition)] = (condition, self._judged(condition))
        return held[1]

    def _judged(self, condition: Condition) -> Rails:
        if isinstance(condition, Test):
            return _all([self._check(condition.fact, check) for check in condition.checks])
        if isinstance(condition, Not):
            true, false = self.rails(condition.part)
            return Rails(false, true)
        parts = [self.rails(part) for part in condition.parts]
        return _any(parts) if isinstance(condition, AnyOf) else _all(parts)

    def _check(self, fact: str, check: Check) -> Rails:
        never = self.marks.never
        definition = self.base.defined.get(fact)
        if definition is not None:
            judged = [
                (held, value is None, value is not None and bool(holds(Test(fact, (check,)), value)))
                for value, held in self.cases(definition)
            ]
            return Rails(
                ~_or([held for held, unknown, passes in judged if unknown or not passes], never),
                ~_or([held for held, unknown, passes in judged if unknown or passes], never),
            )
        if catalogue()[fact].kind == "set":
            return self._members(fact, check)
        known, cannot = self.marks.known(fact), self.marks.cannot_be(fact)
        variable = self.cells.variable_of(fact)
        passing: list[Bits] = []
        failing: list[Bits] = []
        for place, value in enumerate(self.cells.variables[variable].values):
            passes = holds(Test(fact, (check,)), value.states[fact])
            (passing if passes else failing).append(self.marks.value(variable, place))
        return Rails(known & ~cannot & ~_or(failing, never), known & (cannot | ~_or(passing, never)))

    def _members(self, fact: str, check: Check) -> Rails:
        found = []
        for member in map(str, check.values):
            variable = self.cells.member_of(fact, member)
            without, having = (self.marks.value(variable, place) for place in (0, 1))
            found.append(Rails(~without, ~having))
        if check.op == "has_all":
            return _all(found)
        some = _any(found)
        return some if check.op == "has_any" else Rails(some.false, some.true)

    def cases(self, definition: Definition) -> list[tuple[State, Bits]]:
        """The values of a definition, each with where the case that gives it is possible."""
        found = self._cases.get(definition.id)
        if found is None:
            found, left = [], ~self.marks.never
            for value, case in zip(values(definition), (*definition.cases, None), strict=True):
                if case is None:
                    found.append((value, left))
                else:
                    met = self.rails(case.when)
                    found.append((value, left & ~met.false))
                    left = left & ~met.true
            self._cases[definition.id] = found
        return found


def _all(parts: Sequence[Rails]) -> Rails:
    true, false = parts[0]
    for part in parts[1:]:
        true, false = true & part.true, false | part.false
    return Rails(true, false)


def _any(parts: Sequence[Rails]) -> Rails:
    true, false = parts[0]
    for part in parts[1:]:
        true, false = true | part.true, false & part.false
    return Rails(true, false)


def _or(rows: Sequence[Bits], never: Bits) -> Bits:
    found = never
    for row in rows:
        found = found | row
    return found
