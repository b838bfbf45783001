"""What rows leave open of a few functions: rows of which the same is open are in the same state, worked out once.

The diagrams of `cells` hold for any patient. What a row says of one variable restricts them; variable by variable,
each row comes to a state: the functions as they are restricted, and the values that open variables can have. A `Part`
is such a state as the worlds of a patient, so that what is asked of one patient can be asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from secondline.asof import AsOf
from secondline.columns.bits import Bits, bools
from secondline.columns.cells import AGENT, Cells
from secondline.columns.marks import Layout
from secondline.condition import Condition, holds
from secondline.diagram import ALWAYS, Node
from secondline.entail import Entailment
from secondline.facts import catalogue
from secondline.patient import Known, cannot_be
from secondline.states import State
from secondline.worlds import Worlds

Numbers = NDArray[np.int32]
Pattern = tuple[int, ...]  # the values of a variable that are possible
Thing = TypeVar("Thing")
_LARGEST = 1 << 20  # pairs of numbers that are looked up by their place; of more, only those seen are kept
_NONE = frozenset[int]()
HER2, IHC = "disease.her2", "disease.her2.ihc"


class Pairs:
    """What two numbers of a row lead to: each pair is worked out once, and looked up after that."""

    def __init__(self, work: Callable[[int, int], int], largest: int = _LARGEST) -> None:
        """`largest` is of how many pairs a place is kept for each."""
        self._work, self._largest = work, largest
        self._held = np.full((1, 1), -1, dtype=np.int32)
        self._seen: dict[int, int] = {}

    def of(self, one: Numbers, other: Numbers) -> Numbers:
        if not len(one):
            return one
        height, width = int(one.max()) + 1, int(other.max()) + 1
        if height > self._held.shape[0] or width > self._held.shape[1]:
            self._grow(height, width)
        if self._held.size == 0:
            return self._of_many(one, other)
        places = one * np.int32(self._held.shape[1]) + other
        flat = self._held.ravel()
        found = np.take(flat, places, mode="clip")
        if found.min() < 0:
            for place in np.unique(places[found < 0]).tolist():
                flat[place] = self._work(*divmod(place, self._held.shape[1]))
            found = np.take(flat, places, mode="clip")
        return found

    def _worked(self, pair: int) -> int:
        held = self._seen.get(pair)
        if held is None:
            held = self._seen[pair] = self._work(pair >> 32, pair & 0xFFFFFFFF)
        return held

    def _grow(self, height: int, width: int) -> None:
        rows, columns = self._held.shape
        rows, columns = max(rows, height + height // 2), max(columns, width + width // 2)
        if not self._held.size or rows * columns > self._largest:
            for one, other in np.argwhere(self._held >= 0).tolist():
                self._seen[one << 32 | other] = int(self._held[one, other])
            self._held = np.empty((0, 0), dtype=np.int32)
            return
        grown = np.full((rows, columns), -1, dtype=np.int32)
        grown[: self._held.shape[0], : self._held.shape[1]] = self._held
        self._held = grown

    def _of_many(self, one: Numbers, other: Numbers) -> Numbers:
        pairs = pa.array(one.astype(np.int64) << 32 | other).dictionary_encode()
        worked = [self._worked(pair) for pair in pairs.dictionary.to_pylist()]
        found: Numbers = np.array(worked, dtype=np.int32)[pairs.indices.to_numpy()]
        return found


class Numbered(Generic[Thing]):
    """Things by the order in which they came up, equal ones once."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self._places: dict[Thing, int] = {}

    def __len__(self) -> int:
        return len(self.things)

    def of(self, thing: Thing) -> int:
        place = self._places.get(thing)
        if place is None:
            place = self._places[thing] = len(self.things)
            self.things.append(thing)
        return place


class Open(NamedTuple):
    """Functions as a row restricts them, the links that concern them, and the values of the variables left open."""

    nodes: tuple[Node, ...]
    links: tuple[Node, ...] = ()
    values: tuple[tuple[int, Pattern], ...] = ()

    def beside(self, others: Iterable[Open]) -> Open:
        """These functions and those of other states of the same row."""
        nodes, links, values = list(self.nodes), dict.fromkeys(self.links), dict(self.values)
        for other in others:
            nodes += other.nodes
            links |= dict.fromkeys(other.links)
            values |= dict(other.values)
        return Open(tuple(nodes), tuple(links), tuple(sorted(values.items())))


class Patterns:
    """What rows say of each variable, as numbers: which of its values are possible.

    Of a fact that would be judged otherwise were it stated, both are there, as long as it can be stated. Statuses and
    scores of a receptor or HER2 that no rule tells apart are one value, and values that what is known contradicts are
    none, as in `domains`.
    """

    def __init__(self, cells: Cells, layout: Layout) -> None:
        self.cells, self.layout = cells, layout
        self.held: list[Numbered[Pattern]] = [Numbered() for _ in cells.variables]
        self._plain = [Pairs(partial(self._number, at), 1 << 12) for at in range(len(cells.variables))]
        self._within = [Pairs(partial(self._limited, at)) for at in range(len(cells.variables))]
        self.anew = {
            at: first
            for at, variable in enumerate(cells.variables)
            if (first := cells.twice(variable.fact)) and variable.fact != AGENT and ":" not in variable.about
        }

    def of(self, bits: Bits, rows: int) -> list[Numbers]:
        """For each variable the number of what each row says of it."""
        none = np.zeros(rows, dtype=np.int32)
        codes: list[Numbers] = []
        for variable, first in zip(self.layout.variables, self.layout.first, strict=True):
            held = bools(bits[first : first + len(variable.values)], rows)
            code = np.zeros(rows, dtype=np.int32)
            for place, possible in enumerate(held):
                code |= possible.astype(np.int32) << place
            codes.append(code)
        for at in self.anew:
            codes[at] = codes[at] | self._stated_too(at, codes)
        return [pairs.of(code, none) for pairs, code in zip(self._plain, codes, strict=True)]

    def within(self, at: int, numbers: Numbers, links: Numbers, states: Numbered[Open]) -> Numbers:
        """The same without the values that a link between facts rules out."""
        self._states = states  # of the one link that a variable is in
        return self._within[at].of(numbers, links)

    def _stated_too(self, at: int, codes: Sequence[Numbers]) -> Numbers:
        """The values as stated of a fact that is unknown and that nothing known excludes."""
        fact, first = self.cells.variables[at].fact, self.anew[at]
        later = (1 << 2 * first) - (1 << first)
        free = (codes[at] & later) != 0
        for rule in cannot_be():
            if rule.fact == fact:
                other = self.cells.variable_of(rule.other)
                held = self.cells.variables[other].values
                allowed = sum(1 << at for at, value in enumerate(held) if value.states[rule.other] not in rule.values)
                free &= (codes[other] & allowed) != 0
        found: Numbers = np.where(free, (codes[at] & later) >> first, 0).astype(np.int32)
        return found

    def _number(self, at: int, code: int, _: int) -> int:
        values = self.cells.variables[at].values
        possible = [place for place in range(len(values)) if code >> place & 1]
        main = self.cells.variables[at].about
        if main in catalogue().parts and not main.startswith("biomarkers."):
            possible = self._told_apart(main, [(place, values[place].states) for place in possible])
        return self.held[at].of(tuple(possible))

    def _told_apart(self, main: str, possible: Sequence[tuple[int, Mapping[str, State]]]) -> list[int]:
        """The first of the statuses and scores that no rule tells apart; where the status is known, of each score."""
        paths = (main, *catalogue().parts[main])
        tests = [test for path in paths for test in self.cells.base.tests_on.get(path, ())]
        known = len({states[main] for _, states in possible}) == 1
        found: dict[object, int] = {}
        for place, states in possible:
            apart = states[paths[1]] if known else tuple(holds(test, states[test.fact]) for test in tests)
            found.setdefault(apart, place)
        return sorted(found.values())

    def _limited(self, at: int, number: int, state: int) -> int:
        pattern, link = self.held[at].things[number], self._states.things[state].nodes[0]
        can = self.cells.diagrams.limited(link).get(at) if link > ALWAYS else None
        return self.held[at].of(tuple(place for place in pattern if can is None or place in can) or pattern)


class Machine:
    """Brings each row to the state of some functions, variable by variable."""

    def __init__(self, patterns: Patterns, nodes: Sequence[Node], links: Sequence[Machine] = ()) -> None:
        """`links` are the machines of what links facts."""
        self.patterns, self.cells = patterns, patterns.cells
        dd = self.cells.diagrams
        self.variables = sorted(frozenset[int]().union(*map(dd.support, nodes)))
        self.links = [link for link in links if not frozenset(link.variables).isdisjoint(self.variables)]
        self._levels: list[tuple[int, Pairs]] = []
        states: Numbered[Open] = Numbered()
        states.of(Open(tuple(nodes)))
        for variable in self.variables:
            after: Numbered[Open] = Numbered()
            self._levels.append((variable, Pairs(partial(self._restricted, variable, states, after))))
            states = after
        self._linked: list[tuple[Machine, Pairs]] = []
        for link in self.links:
            after = Numbered()
            self._linked.append((link, Pairs(partial(self._joined, link, states, after))))
            states = after
        self.states = states

    def of(
        self, said: Sequence[Numbers], links: Mapping[int, Numbers], rows: NDArray[np.int64] | None = None
    ) -> Numbers:
        """The state of each row, or of some; `links` has those of the machines of links."""
        found = np.zeros(len(said[0]) if rows is None else len(rows), dtype=np.int32)
        for variable, pairs in self._levels:
            found = pairs.of(found, said[variable] if rows is None else said[variable][rows])
        for link, pairs in self._linked:
            found = pairs.of(found, links[id(link)] if rows is None else links[id(link)][rows])
        return found

    def _restricted(self, variable: int, before: Numbered[Open], after: Numbered[Open], state: int, number: int) -> int:
        held, pattern = before.things[state], self.patterns.held[variable].things[number]
        of = self.cells.diagrams.support
        if not any(variable in of(node) for node in held.nodes):
            return after.of(held)
        nodes = tuple([self.cells.restricted(node, variable, pattern) for node in held.nodes])
        values = held.values if len(pattern) == 1 else (*held.values, (variable, pattern))
        support = _NONE.union(*map(of, nodes))
        return after.of(Open(nodes, (), tuple([one for one in values if one[0] in support])))

    def _joined(self, link: Machine, before: Numbered[Open], after: Numbered[Open], state: int, other: int) -> int:
        held, linked = before.things[state], link.states.things[other]
        if {at for at, _ in held.values}.isdisjoint(at for at, _ in linked.values):
            return after.of(held)
        return after.of(Open(held.nodes, (*held.links, *linked.nodes), held.beside([linked]).values))


class Part(Worlds):
    """The worlds of what rows in one state leave open."""

    def __init__(self, patterns: Patterns, held: Open) -> None:
        cells = patterns.cells
        self.base, self.cells, self.diagrams = cells.base, cells, cells.diagrams
        self.left = dict(held.values)
        self.variables = cells.variables
        self._twofold = {at: first for at, first in patterns.anew.items() if len(self.left.get(at, ())) > first}
        self.anew = {self.variables[at].fact for at in self._twofold}
        at = cells.variable_of(HER2)
        known = {self.variables[at].values[place].states[HER2] for place in self.left.get(at, ())}
        if len(known) == 1:
            self.variables = [*self.variables]
            self.variables[at] = self.variables[at]._replace(fact=IHC)
        self._of_fact: dict[str, frozenset[int]] = {}
        for at in self.left:
            fact = self.variables[at].fact
            self._of_fact[fact] = self._of_fact.get(fact, _NONE) | {at}
        dd = self.diagrams
        self._parts = [(dd.support(link), link) for link in held.links if link != ALWAYS]

    def where(self, condition: Condition) -> Node:
        node = self.cells.where(condition)
        for variable, pattern in self.left.items():
            node = self.cells.restricted(node, variable, pattern)
        return node

    def stating(self, facts: Iterable[str], node: Node) -> Node:
        if not self._twofold:
            return node
        named = frozenset(facts)
        for at in sorted(self._twofold.keys() & self.diagrams.support(node)):
            node = self.cells.as_found(node, at, stated=self.variables[at].fact in named)
        return node

    def valid(self, *nodes: Node) -> Node:
        if not self._parts:
            return ALWAYS
        support = frozenset[int]().union(*map(self.diagrams.support, nodes))
        return self.diagrams.all_of(link for held, link in self._parts if not held.isdisjoint(support))

    def valid_among(self, variables: frozenset[int]) -> Node:
        dd = self.diagrams
        found = dd.all_of(link for held, link in self._parts if not held.isdisjoint(variables))
        found = dd.either(self.stating((), found), self.stating(self.anew, found))
        for at in sorted(variables & self.left.keys()):
            can = [place for place in self.left[at] if place >= self._twofold.get(at, 0)]
            found = dd.both(found, dd.literal(at, [p in can for p in range(len(self.variables[at].values))]))
        return found

    def linked(self, variables: frozenset[int]) -> frozenset[int]:
        return variables.union(*(held for held, _ in self._parts if not held.isdisjoint(variables)))

    def free(self, *nodes: Node) -> bool:
        support = frozenset[int]().union(*map(self.diagrams.support, nodes))
        return self.valid(*nodes) == ALWAYS and all(
            self.stating((), node) == self.stating(self.anew, node) for node in nodes if support & self._twofold.keys()
        )

    def of_fact(self, facts: Iterable[str]) -> frozenset[int]:
        return _NONE.union(*[self._of_fact[fact] for fact in facts if fact in self._of_fact])

    def can_be(self, at: int) -> Sequence[int]:
        """The values of a variable that no contradiction excludes, once it is known."""
        if any(at in held for held, _ in self._parts):
            can = self.diagrams.limited(self.valid_among(frozenset({at})))
            return sorted(can[at]) if at in can else range(len(self.variables[at].values))
        first = self._twofold.get(at, 0)
        return [place for place in self.left[at] if place >= first]


class Within(Entailment):
    """What is asked of one patient, asked of a part."""

    def __init__(self, view: AsOf, part: Part) -> None:
        super().__init__(view, part.cells.findings, Known({}, {}))
        self.part = self.__dict__["worlds"] = part  # in place of one patient's
