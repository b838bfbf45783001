"""Decision diagrams: yes/no functions of variables that each have a few values, where equal functions are one node.

A node is a number: 0 is never, 1 is always; any other asks for the value of one variable and leads on by the answer.
Variables are numbered in the order in which they are asked. What is worked out is kept, so that asking again is quick.
Bryant, Graph-based algorithms for Boolean function manipulation, IEEE Transactions on Computers 1986;
many-valued as in Kam, Villa, Brayton and Sangiovanni-Vincentelli, Multi-valued decision diagrams, 1998.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

NEVER = 0
ALWAYS = 1
Node = int
_END = 1 << 30  # the variable that the two ends ask for: after all others


class TooManyNodes(Exception):
    """The functions asked for need more nodes than were allowed."""


class Diagrams:
    """Functions of the same variables. `limit` is the most nodes that may be made; beyond it, TooManyNodes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.variable: list[int] = [_END, _END]
        self.branches: list[tuple[Node, ...]] = [(), ()]
        self._unique: dict[tuple[int, tuple[Node, ...]], Node] = {}
        self._both: dict[tuple[Node, Node], Node] = {}
        self._overlap: dict[tuple[Node, Node], bool] = {}
        self._not: dict[Node, Node] = {NEVER: ALWAYS, ALWAYS: NEVER}
        self._some: dict[tuple[Node, frozenset[int]], Node] = {}
        self._fixed: dict[tuple[Node, int, int], Node] = {}
        self._support: dict[Node, frozenset[int]] = {NEVER: frozenset(), ALWAYS: frozenset()}
        self._limited: dict[Node, dict[int, set[int]]] = {ALWAYS: {}}

    def forget(self, most: int) -> None:
        """Let go of what was worked out, where that is more than so many answers; nodes stay."""
        if len(self._both) + len(self._some) + len(self._not) + len(self._support) > most:
            for worked in (self._both, self._overlap, self._some, self._fixed):
                worked.clear()
            self._not = {NEVER: ALWAYS, ALWAYS: NEVER}
            self._support = {NEVER: frozenset(), ALWAYS: frozenset()}
            self._limited = {ALWAYS: {}}

    def literal(self, variable: int, truths: Sequence[bool]) -> Node:
        """The function of one variable that holds for these of its values."""
        return self.choose(variable, tuple(ALWAYS if truth else NEVER for truth in truths))

    def choose(self, variable: int, branches: tuple[Node, ...]) -> Node:
        """The function that is one of these by the value of a variable, which each of them asks later or not at all."""
        first = branches[0]
        if all(branch == first for branch in branches):
            return first
        key = (variable, branches)
        found = self._unique.get(key)
        if found is None:
            found = len(self.variable)
            if found > self.limit:
                raise TooManyNodes
            self._unique[key] = found
            self.variable.append(variable)
            self.branches.append(branches)
        return found

    def negation(self, node: Node) -> Node:
        found = self._not.get(node)
        if found is None:
            found = self.choose(self.variable[node], tuple([self.negation(branch) for branch in self.branches[node]]))
            self._not[node] = found
            self._not[found] = node
        return found

    def both(self, one: Node, other: Node) -> Node:
        """Where both hold."""
        if other in (one, ALWAYS):
            return one
        if one == ALWAYS:
            return other
        if NEVER in (one, other):
            return NEVER
        key = (one, other) if one < other else (other, one)
        found = self._both.get(key)
        if found is None:
            a, b = self.variable[one], self.variable[other]
            if a == b:
                pairs = zip(self.branches[one], self.branches[other], strict=True)
                found = self.choose(a, tuple([self.both(x, y) for x, y in pairs]))
            elif a < b:
                found = self.choose(a, tuple([self.both(x, other) for x in self.branches[one]]))
            else:
                found = self.choose(b, tuple([self.both(one, y) for y in self.branches[other]]))
            self._both[key] = found
        return found

    def either(self, one: Node, other: Node) -> Node:
        """Where one of them holds."""
        return self.negation(self.both(self.negation(one), self.negation(other)))

    def all_of(self, nodes: Iterable[Node]) -> Node:
        found = ALWAYS
        for node in nodes:
            found = self.both(found, node)
            if found == NEVER:
                break
        return found

    def any_of(self, nodes: Iterable[Node]) -> Node:
        return self.negation(self.all_of(map(self.negation, nodes)))

    def without(self, node: Node, excluded: Node) -> Node:
        return self.both(node, self.negation(excluded))

    def fixed(self, node: Node, values: Mapping[int, int]) -> Node:
        """The function once some variables have a value."""
        for variable, value in values.items():
            node = self._fix(node, variable, value)
        return node

    def _fix(self, node: Node, variable: int, value: int) -> Node:
        asked = self.variable[node]
        if asked > variable:
            return node
        if asked == variable:
            return self.branches[node][value]
        key = (node, variable, value)
        found = self._fixed.get(key)
        if found is None:
            found = self.choose(asked, tuple([self._fix(branch, variable, value) for branch in self.branches[node]]))
            self._fixed[key] = found
        return found

    def some(self, node: Node, variables: frozenset[int]) -> Node:
        """Where it holds for at least one combination of values of these variables."""
        if node <= ALWAYS or self.support(node).isdisjoint(variables):
            return node
        key = (node, variables)
        found = self._some.get(key)
        if found is None:
            branches = [self.some(branch, variables) for branch in self.branches[node]]
            if self.variable[node] in variables:
                found = self.any_of(branches)
            else:
                found = self.choose(self.variable[node], tuple(branches))
            self._some[key] = found
        return found

    def support(self, node: Node) -> frozenset[int]:
        """The variables that a function depends on."""
        found = self._support.get(node)
        if found is None:
            found = frozenset({self.variable[node]}).union(*map(self.support, self.branches[node]))
            self._support[node] = found
        return found

    def overlap(self, one: Node, other: Node) -> bool:
        """Whether both can hold together."""
        if NEVER in (one, other):
            return False
        if ALWAYS in (one, other) or one == other:
            return True
        key = (one, other) if one < other else (other, one)
        if key in self._both:
            return self._both[key] != NEVER
        found = self._overlap.get(key)
        if found is None:
            a, b = self.variable[one], self.variable[other]
            if a == b:
                found = any(self.overlap(x, y) for x, y in zip(self.branches[one], self.branches[other], strict=True))
            elif a < b:
                found = any(self.overlap(x, other) for x in self.branches[one])
            else:
                found = any(self.overlap(one, y) for y in self.branches[other])
            self._overlap[key] = found
        return found

    def agree(self, one: Node, other: Node, shared: frozenset[int]) -> bool:
        """Whether each can hold where these variables have the same values for both, and any other its own for each.

        Raises:
            TooManyNodes: it takes more than as many pairs of nodes as nodes are allowed.
        """
        return self._agree(one, other, shared, set())

    def _agree(self, a: Node, b: Node, shared: frozenset[int], apart: set[tuple[Node, Node]]) -> bool:
        if NEVER in (a, b):
            return False
        if ALWAYS in (a, b) or a == b:
            return True
        key = (a, b) if a < b else (b, a)
        if key in apart:
            return False
        if self.variable[a] > self.variable[b]:
            a, b = b, a
        if self.variable[a] == self.variable[b] and self.variable[a] in shared:
            pairs = zip(self.branches[a], self.branches[b], strict=True)
            found = any(self._agree(x, y, shared, apart) for x, y in pairs)
        else:
            found = any(self._agree(x, b, shared, apart) for x in dict.fromkeys(self.branches[a]))
        if not found:
            apart.add(key)
            if len(apart) > self.limit:
                raise TooManyNodes
        return found

    def can_hold(self, node: Node, values: Mapping[int, int]) -> bool:
        """Whether a function can hold once some variables have a value."""
        if node == NEVER:
            return False
        if len(values) != 1:
            return self.fixed(node, values) != NEVER
        ((variable, value),) = values.items()
        limited = self.limited(node).get(variable)
        return limited is None or value in limited

    def limited(self, node: Node) -> Mapping[int, set[int]]:
        """The values that a variable can have where a function holds that can hold; of one not named it is any."""
        found = self._limited.get(node)
        if found is None:
            place = {variable: at for at, variable in enumerate(sorted(self.support(node)))}
            values: list[set[int]] = [set() for _ in place]
            skipped = [0] * (len(place) + 2)  # by how many ways more than before a variable is not asked
            seen, todo = {node}, [node]
            while todo:
                one = todo.pop()
                here = place[self.variable[one]]
                for value, branch in enumerate(self.branches[one]):
                    if branch != NEVER:
                        values[here].add(value)
                        skipped[here + 1] += 1
                        skipped[place.get(self.variable[branch], len(place))] -= 1
                        if branch != ALWAYS and branch not in seen:
                            seen.add(branch)
                            todo.append(branch)
            asked = (not past for past in accumulate(skipped))
            found = {v: some for (v, some, always) in zip(place, values, asked, strict=False) if always}
            self._limited[node] = found
        return found
