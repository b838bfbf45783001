"""Two rule bases over the same patients: a condition of either is a diagram over the same variables."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from secondline.asof import AsOf
from secondline.authoring.everybody import Everybody, pair, prepared
from secondline.authoring.regions import MOST_TESTS, Regions, Whole
from secondline.authoring.saying import as_plain
from secondline.columns.cells import STATED, Cells
from secondline.condition import ANSWER, Condition, tests_in
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.facts import catalogue
from secondline.rulebase import RuleBase
from secondline.states import State

if TYPE_CHECKING:
    from secondline.forms.rules import Law

Among = Literal["all", "before", "after"]
MOST_NODES = 4_000_000  # of the diagrams of both rule bases
_FEW = 5  # tests of a condition that is looked for before a longer one is


class Region(NamedTuple):
    """Patients for whom a condition holds: among all of them, or among those with an outcome before, or after.

    Without a condition it is every one of them (`whole`), or it would be too long to say; `facts` it depends on.
    """

    among: Among
    whole: bool
    condition: Condition | None
    facts: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        when = None if self.condition is None else as_plain(self.condition)
        return {"among": self.among, "whole": self.whole, "when": when, "facts": list(self.facts)}


def reads_answer(condition: Condition) -> bool:
    """Whether a law's condition is about an answer, not about facts alone."""
    return any(test.fact in ANSWER for test in tests_in(condition))


def _reading(base: RuleBase, conditions: Sequence[Condition]) -> RuleBase:
    """A rule base that tells apart what these conditions do too."""
    tests = {fact: dict.fromkeys(held) for fact, held in base.tests_on.items()}
    for test in (test for condition in conditions for test in tests_in(condition)):
        tests.setdefault(test.fact, {})[test] = None
    found = copy.copy(base)
    found.__dict__["tests_on"] = {fact: tuple(held) for fact, held in tests.items()}
    return found


class Pair:
    """An old and a new rule base, or one twice; the patients are those of whom everything is known.

    Numbers are cut at the limits of laws too, so that what they ask of whom can be compared.
    """

    def __init__(self, old: RuleBase, new: RuleBase, laws: Sequence[Law] = ()) -> None:
        self.old, self.new = old, new
        asked = [part for law in laws for part in (law.when, law.then) if not reads_answer(part)]
        read = [_reading(base, asked) for base in (old, new)]
        self.cells: tuple[Cells, Cells] = (prepared(old),) * 2 if old is new else pair(*read)
        for cells in self.cells if old is not new else ():
            for part in asked:
                if all(test.fact in cells.base.defined or test.fact in catalogue() for test in tests_in(part)):
                    cells.where(part)
        self.diagrams = self.cells[0].diagrams
        self.diagrams.limit = MOST_NODES
        self.patients = Whole([Everybody(AsOf(c.base, c.base.knowledge_until, None), c) for c in self.cells])
        self.whole = self.patients.node

    def everybody(self, side: int, view: AsOf) -> Everybody:
        """What everybody is answered by the old (0) or the new (1) rule base."""
        return Everybody(view, self.cells[side])

    def differs(self, one: Node, other: Node) -> Node:
        """Where just one of two functions holds."""
        if one == other:
            return NEVER
        dd = self.diagrams
        return dd.either(dd.without(one, other), dd.without(other, one))

    # --- definitions --------------------------------------------------------------------------------------

    def values(self, side: int, name: str) -> dict[State, Node]:
        """Where a definition has each of its values, among patients of whom everything is known."""
        base, cells = self.cells[side].base, self.cells[side]
        definition = next(held for held in base.definitions if held.id == name)
        found: dict[State, Node] = {}
        for value, node in cells.values_of(definition):
            here = self.diagrams.both(node, self.whole)
            if here != NEVER:
                found[value] = self.diagrams.either(found.get(value, NEVER), here)
        return found

    @cached_property
    def alike(self) -> frozenset[str]:
        """The definitions of both that have the same value in the same patients."""
        names = [{definition.id: definition.fact for definition in base.definitions} for base in (self.old, self.new)]
        both = [name for name, fact in names[0].items() if names[1].get(name, 0) == fact]
        return frozenset(name for name in both if self.old is self.new or self.values(0, name) == self.values(1, name))

    # --- regions ------------------------------------------------------------------------------------------

    @cached_property
    def regions(self) -> Regions:
        return Regions(self.cells[1], self.whole, self.alike)

    @cached_property
    def as_stated(self) -> Regions:
        """Says functions of what is stated, whatever of it counts as absent."""
        return Regions(self.cells[1], self.patients.stated, ())

    def region(self, node: Node, before: Node, after: Node, *, alone: bool = False) -> Region:
        """The patients of a function, which lie among those with an outcome before and those with one after.

        With `alone` they are said among all patients, where that is not long; without it where they must be.
        """
        dd = self.diagrams
        node, before, after = (dd.both(one, self.whole) for one in (node, before, after))
        facts = self.regions.facts(node)
        if node == self.whole:
            return Region("all", True, None, facts)
        if node == before:
            return Region("before", True, None, facts)
        if node == after:
            return Region("after", True, None, facts)
        every: list[tuple[Among, Node]] = [("all", ALWAYS)]
        some: list[tuple[Among, Node]] = [("before", before), ("after", after)]
        for most in (_FEW, MOST_TESTS):
            for ways in (every, some) if alone else (some, every):
                found = list(self._said(node, ways, most))
                if found:
                    _, among, condition = min(found, key=lambda said: said[0])
                    return Region(among, False, condition, facts)
        return Region("all", False, None, facts)

    def _said(
        self, node: Node, ways: Sequence[tuple[Among, Node]], most: int
    ) -> Iterator[tuple[int, Among, Condition]]:
        """The conditions for a function that are found, with how many tests each has and among whom it is."""
        for among, some in ways:
            condition = self.regions.condition(node, some, most=most)
            if condition is not None:
                yield sum(1 for _ in tests_in(condition)), among, condition

    # --- results that count as absent ---------------------------------------------------------------------

    def absences(self) -> Iterator[tuple[str, Node]]:
        """The biomarkers that count as absent in one of both alone, with what is stated then."""
        for variable, held in enumerate(self.cells[0].variables):
            if held.about == f"{STATED}{held.fact}":
                one, other = (cells.void(held.fact) for cells in self.cells)
                node = self.diagrams.both(self.differs(one, other), self.patients.stated)
                if node != NEVER:
                    yield self.cells[0].variables[variable].fact, node
