"""Which patients a diagram holds for, as a condition that an author could have written: exact, and mostly short.

QTcF 450 ms or more and below 480 ms
HER2 negative, progression on the inhibitor given for advanced disease, and (brain among sites or symptomatic CNS: yes)

Patients are fully known here (`Whole`). A function is narrowed by what holds for all its patients: a set of values of
one fact, a definition that two rule bases share. What is left is said by what its complement has in common, and so on;
where neither has anything in common, it is split. Every condition is held against its diagram before it is given.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from math import prod
from typing import NamedTuple

from secondline.authoring.everybody import Everybody
from secondline.authoring.saying import Chosen, flat, merged, negated, simpler
from secondline.columns.cells import FOLLOWING, STATED, Cells
from secondline.condition import DEFINED, All, AnyOf, Check, Condition, Not, Op, Test, holds, tests_in
from secondline.diagram import ALWAYS, NEVER, Node, TooManyNodes
from secondline.facts import catalogue, main_of
from secondline.patient import cannot_be
from secondline.rulebase import values
from secondline.states import NOT_APPLICABLE

MOST_TESTS = 24  # of one condition
MOST_STEPS = 1_500  # looks at what rules patients out, for one condition
NODES_A_TEST = 600  # made on the way to one condition, for each test that it may have
MOST_NODES = 800_000  # ... to all conditions
_ALONE: tuple[Op, ...] = ("is", "not")
_TO_SPLIT = 6  # tests left where a split is tried
_FACTS_FIRST = 8  # tests on facts alone up to which definitions are not asked for


class TooLong(Exception):
    """A function takes more tests to say than are allowed."""


class _Said(NamedTuple):
    """A condition with where it holds; without one it is always, or never."""

    condition: Condition | None
    node: Node

    @property
    def tests(self) -> int:
        return sum(1 for _ in tests_in(self.condition)) if self.condition else 0


class Whole:
    """The patients of whom everything is known, for each of some rule bases that share their variables.

    `stated` are all of them, `node` those of whom no result counts as absent anywhere. A fact that does not apply has
    no other value.
    """

    def __init__(self, everybodies: Sequence[Everybody]) -> None:
        self.cells = everybodies[0].cells
        self.diagrams = dd = self.cells.diagrams
        self.stated = dd.all_of(part for one in everybodies for part in self._parts(one))
        self.node = dd.all_of([self.stated, *(dd.negation(void) for one in everybodies for void in self._voids(one))])

    def kinds(self) -> int:
        """How many such patients there are whom rules can tell apart."""
        dd, variables = self.diagrams, self.cells.variables
        unasked = self.cells.turning_out() | {v for v, held in enumerate(variables) if held.about == FOLLOWING}
        sizes = [1 if v in unasked else len(held.values) for v, held in enumerate(variables)]
        ways: dict[Node, int] = {NEVER: 0}

        def below(node: Node, first: int) -> int:
            """In how many ways a function holds by the values of this variable and all that follow."""
            if node == ALWAYS:
                return prod(sizes[first:])
            if node not in ways:
                at = dd.variable[node]
                ways[node] = sum(below(branch, at + 1) for branch in dd.branches[node])
            return ways[node] * prod(sizes[first : dd.variable[node]]) if node != NEVER else 0

        return below(self.node, 0)

    def freed(self, node: Node) -> Node:
        """A function of which a fact that does not apply may have any value, as `Everybody` has it."""
        dd = self.diagrams
        for variable, applies in self._told(self.cells):
            absent = self._absent(variable)
            here = dd.both(node, dd.without(absent, applies))
            node = dd.either(dd.without(node, absent), dd.some(here, frozenset({variable})))
        return node

    def _parts(self, one: Everybody) -> Iterator[Node]:
        dd, cells = self.diagrams, one.cells
        told = [*self._told(cells)]
        yield self._stated_apart(dd.some(one.valid, frozenset(variable for variable, _ in told)))
        yield self._stated_apart(cells.valid_among(frozenset(range(len(cells.variables)))))
        for variable, held in enumerate(cells.variables):
            first = cells.twice(held.fact) if held.about == held.fact else 0
            if first:
                yield dd.literal(variable, [not first <= at < 2 * first for at in range(len(held.values))])
        for variable, applies in told:
            yield dd.either(applies, self._absent(variable))

    @staticmethod
    def _told(cells: Cells) -> Iterator[tuple[int, Node]]:
        """The facts that do not apply where another fact says so, each with where it applies."""
        told = {rule.fact for rule in cannot_be()}
        for variable, held in enumerate(cells.variables):
            if held.about in told:
                yield variable, cells.applies(held.about)

    def _absent(self, variable: int) -> Node:
        held = self.cells.variables[variable]
        return self.diagrams.literal(variable, [v.states[held.about] is NOT_APPLICABLE for v in held.values])

    def _voids(self, one: Everybody) -> Iterator[Node]:
        return (one.cells.void(held.fact) for held in one.cells.variables if held.about.startswith(STATED))

    def _stated_apart(self, node: Node) -> Node:
        """Drugs and their classes may both be stated, and then say nothing of one another."""
        flag = frozenset(v for v, held in enumerate(self.cells.variables) if held.about == FOLLOWING)
        return self.diagrams.some(node, flag)


class Regions:
    """Says functions of whole patients as conditions.

    `cells` are those of a rule base whose definitions may be named; `alike` are the definitions that may be, which
    hold for the same patients wherever a condition will be read.
    """

    def __init__(self, cells: Cells, whole: Node, alike: Iterable[str]) -> None:
        self.cells, self.whole, self.base = cells, whole, cells.base
        self.diagrams = cells.diagrams
        self._alike = frozenset(alike)
        self._density: dict[Node, float] = {NEVER: 0.0, ALWAYS: 1.0}
        self._said: dict[tuple[Node, Node, int], Condition | None] = {}
        self._tests: dict[Test, Node] = {}
        self._steps = self._most_nodes = self._made = 0

    def condition(self, node: Node, among: Node = ALWAYS, *, most: int = MOST_TESTS) -> Condition | None:
        """The condition that, among some whole patients, holds for just those of a function.

        None where it would take more than `most` tests, and where the function holds for none of them or for all.
        """
        among = self.diagrams.both(among, self.whole)
        key = (self.diagrams.both(node, among), among, most)
        if key not in self._said:
            self._said[key] = self._shortest(*key)
        return self._said[key]

    def facts(self, *nodes: Node) -> tuple[str, ...]:
        """The facts that functions read, by their main names."""
        read = frozenset[int]().union(*map(self.diagrams.support, nodes))
        return tuple(sorted({main_of(self.cells.variables[v].fact) for v in read if self.cells.variables[v].fact}))

    def _shortest(self, here: Node, among: Node, most: int) -> Condition | None:
        if here in (NEVER, among):
            return None
        best: _Said | None = None
        for pool in ([], self.named):
            before = len(self.diagrams.variable)
            self._steps, self._most_nodes = 0, before + min(NODES_A_TEST * most, MOST_NODES - self._made)
            try:
                said = self._pruned(self._cover(here, among, pool, most), here, among)
            except (TooLong, TooManyNodes):
                continue
            finally:
                self._made += len(self.diagrams.variable) - before
            if self.diagrams.both(said.node, among) == here and (best is None or said.tests < best.tests):
                best = said
            if best is not None and best.tests <= _FACTS_FIRST:
                break
        return best.condition if best else None

    # --- what can be said ---------------------------------------------------------------------------------

    @cached_property
    def named(self) -> list[_Said]:
        """What definitions say, and that they do not."""
        found: list[_Said] = []
        for fact, definition in self.base.defined.items():
            if definition.id not in self._alike:
                continue
            if fact.startswith(DEFINED):
                holds = Test(fact, (Check("is", (True,)),))
                found += [self._of(holds), self._of(Not(holds))]
                continue
            for value in sorted({str(value) for value in values(definition) if value is not None}):
                found += [self._of(Test(fact, (Check(op, (value,)),))) for op in _ALONE]
        return [said for said in found if said.node not in (NEVER, ALWAYS)]

    def _of(self, condition: Condition) -> _Said:
        return _Said(condition, self._where(condition))

    def _where(self, condition: Condition) -> Node:
        """Where a condition holds, every fact taken as it is stated."""
        dd = self.diagrams
        if isinstance(condition, Not):
            return dd.negation(self._where(condition.part))
        if isinstance(condition, All):
            return dd.all_of(map(self._where, condition.parts))
        if isinstance(condition, AnyOf):
            return dd.any_of(map(self._where, condition.parts))
        if condition not in self._tests:
            self._tests[condition] = self._test(condition)
        return self._tests[condition]

    def _test(self, test: Test) -> Node:
        if test.fact in self.base.defined:
            return self.cells.where(test)
        if catalogue()[test.fact].kind == "set":
            return self.diagrams.all_of(self._members(test.fact, check) for check in test.checks)
        variable = self.cells.variable_of(test.fact)
        held = self.cells.variables[variable].values
        return self.diagrams.literal(variable, [holds(test, value.states[test.fact]) is True for value in held])

    def _members(self, fact: str, check: Check) -> Node:
        dd = self.diagrams
        inside = [dd.literal(self.cells.member_of(fact, str(value)), (False, True)) for value in check.values]
        node = dd.all_of(inside) if check.op == "has_all" else dd.any_of(inside)
        return dd.negation(node) if check.op == "has_none" else node

    # --- covering -----------------------------------------------------------------------------------------

    def _cover(self, node: Node, among: Node, pool: Sequence[_Said], most: int) -> _Said:
        """A condition that holds, among some patients, for just those of a function."""
        dd = self.diagrams
        if node == among:
            return _Said(None, ALWAYS)
        parts, here = self._common(node, among, pool)
        wrong = dd.without(here, node)
        most -= sum(part.tests for part in parts)
        if most <= 0:
            raise TooLong
        if wrong == NEVER:
            return self._all(parts)
        others, there = self._common(wrong, here, pool)
        if there == here:
            return self._all([*parts, self._split(node, here, pool, most)])
        most -= sum(part.tests for part in others)
        if most <= 0:
            raise TooLong
        left = dd.both(there, node)
        if left != NEVER:
            others = [*others, self._negated(self._cover(left, there, pool, most))]
        return self._all([*parts, self._negated(self._all(others))])

    def _common(self, node: Node, among: Node, pool: Sequence[_Said]) -> tuple[list[_Said], Node]:
        """What holds for all patients of a function and not for all of some others, the most telling first."""
        dd, wrong = self.diagrams, self.diagrams.without(among, node)
        possible = [*self._literals(node, among), *(said for said in pool if dd.without(node, said.node) == NEVER)]
        # What one rules out only shrinks as others rule out more: so most need not be looked at again.
        queue = [(-2.0, at) for at in range(len(possible))]
        chosen: list[_Said] = []
        while queue and wrong != NEVER:
            at = heapq.heappop(queue)[1]
            self._step()
            ruled_out = self._weight(dd.without(wrong, possible[at].node))
            if ruled_out == 0.0:
                continue
            if queue and (-ruled_out, at) > queue[0]:
                heapq.heappush(queue, (-ruled_out, at))
                continue
            chosen.append(possible[at])
            wrong = dd.both(wrong, possible[at].node)
        here = dd.either(node, wrong)
        for said in chosen[:-1]:
            others = [other for other in chosen if other is not said]
            if dd.both(among, dd.all_of(other.node for other in others)) == here:
                chosen = others
        return chosen, here

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS or len(self.diagrams.variable) > self._most_nodes:
            raise TooLong

    def _split(self, node: Node, among: Node, pool: Sequence[_Said], most: int) -> _Said:
        """By one fact or definition: what holds where it is so, and what where it is not."""
        dd = self.diagrams
        if most < _TO_SPLIT:
            raise TooLong
        best: tuple[int, int] | None = None
        ways = [said for said in (*self._cases(node, among), *pool) if dd.both(among, said.node) not in (NEVER, among)]
        for at, said in enumerate(ways):
            sizes = sum(len(dd.support(dd.both(node, part))) for part in (said.node, dd.negation(said.node)))
            best = min(best, (sizes, at)) if best else (sizes, at)
        if best is None:
            raise TooLong
        said = ways[best[1]]
        found: list[_Said] = []
        for way in (said, self._negated(said)):
            inside, part = dd.both(among, way.node), dd.both(node, way.node)
            if part != NEVER:
                found.append(self._all([way, self._cover(part, inside, pool, most - 1)]))
                most -= found[-1].tests
        return self._any(found)

    def _literals(self, node: Node, among: Node) -> Iterator[_Said]:
        """For each fact the values that patients of a function have, where others have more."""
        every = self.diagrams.limited(among)
        for variable, some in self.diagrams.limited(node).items():
            if self.cells.variables[variable].fact:
                possible = every.get(variable, set(range(len(self.cells.variables[variable].values))))
                if some != possible:
                    yield self._literal(variable, some, possible)

    def _cases(self, node: Node, among: Node) -> Iterator[_Said]:
        """For each fact that a function depends on, the values with which it comes to the same, and all others."""
        dd = self.diagrams
        every = dd.limited(among)
        for variable in sorted(dd.support(node)):
            held = self.cells.variables[variable]
            possible = every.get(variable, set(range(len(held.values))))
            together: dict[Node, set[int]] = {}
            for value in sorted(possible):
                together.setdefault(dd.fixed(node, {variable: value}), set()).add(value)
            if held.fact:
                for some in together.values():
                    if some != possible:
                        yield self._literal(variable, some, possible)

    def _literal(self, variable: int, some: set[int], possible: set[int]) -> _Said:
        held = self.cells.variables[variable]
        condition = Chosen(held.about, held.values, frozenset(some), frozenset(possible)).condition()
        return self._of(condition)

    def _weight(self, node: Node) -> float:
        """The share of all combinations of values for which a function holds."""
        found = self._density.get(node)
        if found is None:
            branches = self.diagrams.branches[node]
            found = self._density[node] = sum(map(self._weight, branches)) / len(branches)
        return found

    # --- conditions ---------------------------------------------------------------------------------------

    def _all(self, parts: Iterable[_Said]) -> _Said:
        held = [part for part in parts if part.node != ALWAYS]
        conditions = [part.condition for part in held if part.condition is not None]
        return _Said(flat(All, conditions), self.diagrams.all_of(part.node for part in held))

    def _any(self, parts: Iterable[_Said]) -> _Said:
        held = [part for part in parts if part.node != NEVER]
        conditions = [part.condition for part in held if part.condition is not None]
        node = self.diagrams.any_of(part.node for part in held)
        return _Said(None if len(conditions) < len(held) else flat(AnyOf, conditions), node)

    def _negated(self, said: _Said) -> _Said:
        condition = said.condition and negated(said.condition)
        return _Said(condition, self.diagrams.negation(said.node))

    def _pruned(self, said: _Said, here: Node, among: Node) -> _Said:
        """The same for some patients without the parts that none of them needs."""
        condition = said.condition
        changed = condition is not None
        while changed and condition is not None:
            changed = False
            for other in simpler(condition):
                self._step()
                if self.diagrams.both(self._where(other), among) == here:
                    condition, changed = other, True
                    break
        return said if condition is None else self._of(merged(condition))
