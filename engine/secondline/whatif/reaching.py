"""The least sets of facts with which something is reached: another verdict, an option opened or closed.

Of known facts: how few would have to be otherwise, as a shortest way through a diagram. Of unknown facts: how few have
to be known, and with which values, so that the answer follows whatever the rest turns out to be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from secondline.condition import Check, Test
from secondline.diagram import ALWAYS, NEVER, Diagrams, Node
from secondline.entail import Entailment, GatedBy, after, closed_by, gates_together
from secondline.history import ANY_INHIBITOR
from secondline.patient import MENOPAUSE, PROGRESSED, SEX
from secondline.scales import TIERS, lowest
from secondline.tiers import CLOSED
from secondline.whatif.changes import AGENT, AGENTS, CLASSES, DRUGS, EXTENT, STATUS
from secondline.whatif.otherwise import CHANGE, Otherwise
from secondline.worlds import Worlds

if TYPE_CHECKING:
    from secondline.forms.rules import Gate

MOST_FACTS = 3  # unknown facts found out together
MOST_STEPS = 3_000  # combinations of results tried for one target; beyond it there is no answer for it
MOST_SETS = 5_000  # least sets of one target
Names = frozenset[str]
Way = tuple[tuple[int, int], ...]  # values of variables by their numbers; of all others it does not matter
Why = Literal["", "nothing does", "more than that", "too much"]
_FAR = 1 << 20


class TooFar(Exception):
    """More would have to be tried than is allowed."""


class Least(NamedTuple):
    """The least sets of facts that reach something, all of one size, with where they do; else why there is none."""

    sets: tuple[Names, ...] = ()
    why: Why = ""


class Outcomes(NamedTuple):
    """How something turns out before gates, and where each gate on it holds; `gated_by` gives what comes of both.

    `can_become` says whether more gates can make one outcome another.
    """

    nodes: Mapping[str, Node]
    gates: Sequence[tuple[Gate, Node]]
    gated_by: GatedBy
    can_become: Callable[[str, str], bool]


def verdicts(entailment: Entailment) -> Outcomes:
    """The verdict, with the gates that close the inhibitor in use, as one: it is closed where one of them does."""
    nodes = {verdict: node for verdict, node in entailment.verdicts.items() if verdict != "conflict"}
    closing = entailment.closing()
    closed = entailment.worlds.diagrams.any_of(node for _, node in closing)
    return Outcomes(nodes, [(gate, closed) for gate, _ in closing[:1]], closed_by, lambda *of: of == _CLOSED)


def tiers(entailment: Entailment, regimen: str) -> Outcomes | None:
    """A regimen's tier, with the gates on it; None where that is too much to say."""
    ways = entailment.ways(regimen)
    if ways is None:
        return None
    nodes = {tier: entailment.worlds.diagrams.any_of(found) for tier, found in ways.tiers().items()}
    gates = [(gate, entailment.where(gate)) for gate in entailment.view.gates_on[regimen]]
    return Outcomes(nodes, gates, after, _lowers)


_CLOSED = ("continue", "individualise")
# Facts, each with a test on another one that a contradiction or a definition links with it.
_LINKED = (
    ("patient.pregnant", Test(SEX, (Check("is", ("male",)),))),
    (SEX, Test("patient.pregnant", (Check("is", (True,)),))),
    ("biomarkers.esr1", Test(STATUS, (Check("is", ("molecular",)),))),
    (STATUS, Test("biomarkers.esr1", (Check("is", ("wild-type",)),))),
    (SEX, Test(MENOPAUSE, (Check("is", ("postmenopausal",)),))),
    (AGENTS, Test(AGENT, (Check("is", ("none",)),))),
    (AGENT, Test(AGENTS, (Check("has_any", tuple(sorted(ANY_INHIBITOR))),))),
)


def _lowers(tier: str, other: str) -> bool:
    """Whether gates can lower one tier to another."""
    return CLOSED not in (tier, other) and TIERS.index(tier) < TIERS.index(other)


def settled(dd: Diagrams, outcomes: Outcomes, left: Callable[[Node], Node]) -> dict[str, Node]:
    """Where each outcome is the answer: the one that can still come out, after the gates that hold for certain.

    `left` gives where something can still hold.
    """
    reached = {outcome: left(node) for outcome, node in outcomes.nodes.items()}
    found: dict[str, Node] = {}
    fails = [(gate, left(dd.negation(node))) for gate, node in outcomes.gates]
    for gates, here in gates_together(dd, [(gate, dd.negation(fail), fail) for gate, fail in fails], _weight):
        by: dict[str, list[Node]] = {}
        for outcome, node in reached.items():
            by.setdefault(outcomes.gated_by(outcome, gates), []).append(node)
        merged = {outcome: dd.both(here, dd.any_of(nodes)) for outcome, nodes in by.items()}
        for outcome, node in merged.items():
            others = dd.any_of(other for name, other in merged.items() if name != outcome)
            found[outcome] = dd.either(found.get(outcome, NEVER), dd.without(node, others))
    return found


def _weight(gates: Sequence[Gate]) -> object:
    """What gates come to: whether there are any, how far they lower, and the strictest tier."""
    lower = min(sum(gate.then.lower or 0 for gate in gates), len(TIERS))
    return bool(gates), lower, lowest(TIERS, [gate.then.tier for gate in gates if gate.then.tier])


def ways(dd: Diagrams, node: Node) -> Iterator[Way]:
    """The ways through a diagram to where it holds."""
    if node == ALWAYS:
        yield ()
    elif node != NEVER:
        for value, branch in enumerate(dd.branches[node]):
            for rest in ways(dd, branch):
                yield ((dd.variable[node], value), *rest)


# --- known facts, otherwise -------------------------------------------------------------------------------


class ByChange:
    """What changes of known facts reach, all else as it is and what is unknown still unknown."""

    def __init__(self, otherwise: Otherwise) -> None:
        self.otherwise, self.worlds = otherwise, otherwise.worlds
        self.diagrams = self.worlds.diagrams

    def settled(self, outcomes: Outcomes) -> dict[str, Node]:
        """Where each outcome is the answer, as functions of the choices alone."""
        return settled(self.diagrams, outcomes, self.left)

    def left(self, node: Node) -> Node:
        """The choices with which something can still hold."""
        return self.otherwise.reached(self.otherwise.choosing, node)

    def possible(self, node: Node) -> Node:
        """Something that is a function of choices, where a patient can have those."""
        dd = self.diagrams
        valid = self.worlds.stating((), self.worlds.valid(node))
        return dd.both(node, dd.some(valid, dd.support(valid) - self._choosing()))

    def _choosing(self) -> frozenset[int]:
        return frozenset(i for i, variable in enumerate(self.worlds.variables) if variable.fact.startswith(CHANGE))

    def least(self, node: Node) -> Least:
        """The least sets of facts that would have to be otherwise for something that does not hold now."""
        search = _Shortest(self.diagrams, [variable.fact for variable in self.worlds.variables])
        found = search.sets(node, frozenset())
        if not found:
            return Least(why="nothing does")
        return Least(tuple(sorted((frozenset(map(unnamed, some)) for some in found), key=sorted)))

    def among(self, node: Node, facts: Names) -> Node:
        """Something where all other facts are as they are."""
        dd = self.diagrams
        others = {i: 0 for i in dd.support(node) if unnamed(self.worlds.variables[i].fact) not in facts}
        return dd.fixed(node, others)


def unnamed(choice: str) -> str:
    """The fact of a choice."""
    return choice.removeprefix(CHANGE)


class _Shortest:
    """The fewest facts whose variables leave their first value on a way to where a diagram holds."""

    def __init__(self, dd: Diagrams, facts: Sequence[str]) -> None:
        self.diagrams, self.facts = dd, facts
        self._size: dict[tuple[Node, Names], int] = {}
        self._sets: dict[tuple[Node, Names], frozenset[Names]] = {}

    def _key(self, node: Node, paid: Names) -> tuple[Node, Names]:
        return node, paid & {self.facts[i] for i in self.diagrams.support(node)} if paid else paid

    def _branches(self, node: Node, paid: Names) -> Iterator[tuple[Node, Names, Names]]:
        """Where each branch leads, with what is paid then, and what is paid for it."""
        fact = self.facts[self.diagrams.variable[node]]
        for value, branch in enumerate(self.diagrams.branches[node]):
            price: Names = frozenset({fact} if value and fact not in paid else ())
            if branch != NEVER:
                yield branch, paid | price, price

    def size(self, node: Node, paid: Names) -> int:
        if node <= ALWAYS:
            return 0 if node == ALWAYS else _FAR
        key = self._key(node, paid)
        if key not in self._size:
            steps = (len(price) + self.size(branch, then) for branch, then, price in self._branches(*key))
            self._size[key] = min(steps, default=_FAR)
        return self._size[key]

    def sets(self, node: Node, paid: Names) -> frozenset[Names]:
        if node <= ALWAYS:
            return frozenset({frozenset()} if node == ALWAYS else ())
        key = self._key(node, paid)
        if key not in self._sets:
            least = self.size(*key)
            steps = (
                (price | some for some in self.sets(branch, then))
                for branch, then, price in self._branches(*key)
                if len(price) + self.size(branch, then) == least
            )
            self._sets[key] = frozenset(chain.from_iterable(steps))
            if len(self._sets[key]) > MOST_SETS:
                raise TooFar
        return self._sets[key]


# --- unknown facts, found out -----------------------------------------------------------------------------


class ByKnowing:
    """What is reached once unknown facts are known, whatever the others turn out to be."""

    def __init__(self, entailment: Entailment) -> None:
        self.entailment, self.worlds = entailment, entailment.worlds
        self.diagrams = self.worlds.diagrams

    def settled(self, outcomes: Outcomes, facts: Names) -> dict[str, Node]:
        """Where each outcome is the answer, as functions of the facts found out."""
        return settled(self.diagrams, outcomes, partial(self.entailment.reached, tuple(sorted(facts))))

    def least(self, outcomes: Outcomes, targets: Collection[str], never: Node = NEVER) -> Least:
        """The least sets of unknown facts with values that make one of the targets the answer.

        `never` is what must not hold for certain beside it.
        """
        self._name_what_is_linked()
        if not self._possible(self._ever(outcomes, targets)):
            return Least(why="nothing does")
        found = self._sets(outcomes, targets, never, range(1, MOST_FACTS + 1))
        if found:
            return Least(tuple(sorted(found, key=sorted)))
        if self._reachable(outcomes, targets, never):
            return Least(why="more than that")
        # What all facts together do not reach, some of them may: gates count only once they hold for certain.
        found = self._sets(outcomes, targets, never, (len(self._every(outcomes)),))
        return Least(why="more than that" if found else "nothing does")

    def _sets(self, outcomes: Outcomes, targets: Collection[str], never: Node, sizes: Iterable[int]) -> set[Names]:
        for most in sizes:
            search = _Search(self.entailment, outcomes, frozenset(targets), never, most)
            search.visit((), frozenset())
            if search.found:
                return search.found
        return set()

    def _every(self, outcomes: Outcomes) -> Names:
        """The facts that bear on outcomes or gates."""
        worlds = self.worlds
        read = worlds.linked(frozenset[int]().union(*map(self.diagrams.support, nodes_of(outcomes))))
        named = (worlds.variables[i] for i in read)
        return frozenset(variable.fact or variable.about.partition(":")[2] for variable in named)

    def _possible(self, node: Node) -> bool:
        """Whether something holds in some completion, whatever is stated anew."""
        return self.diagrams.overlap(node, self.worlds.valid(node))

    def _ever(self, outcomes: Outcomes, targets: Collection[str]) -> Node:
        """Where a target can be the answer, whichever of the gates that hold there are known to hold."""
        dd = self.diagrams
        ways = [
            (gate, node, NEVER if not self._possible(dd.negation(node)) else ALWAYS) for gate, node in outcomes.gates
        ]
        return dd.any_of(
            dd.both(here, node)
            for gates, here in gates_together(dd, ways, _weight)
            for outcome, node in outcomes.nodes.items()
            if outcomes.gated_by(outcome, gates) in targets
        )

    def _name_what_is_linked(self) -> None:
        """Make variables of unknown facts that no rule may ask for, but that bear on one that is asked for."""
        for fact, test in _LINKED:
            if self.worlds.of_fact((fact,)):
                self.worlds.where(test)

    def _reachable(self, outcomes: Outcomes, targets: Collection[str], never: Node) -> bool:
        """Whether a target can be the answer once all is known."""
        dd = self.diagrams
        found = settled(dd, outcomes, lambda node: node)
        return self._possible(dd.without(dd.any_of(found.get(target, NEVER) for target in targets), never))


class _Search:
    """Combinations of at most so many facts with values, each step one that what stands in the way does not survive."""

    def __init__(self, entailment: Entailment, outcomes: Outcomes, targets: Names, never: Node, most: int) -> None:
        self.entailment, self.worlds = entailment, entailment.worlds
        self.diagrams = entailment.worlds.diagrams
        self.outcomes, self.targets, self.never, self.most = outcomes, targets, never, most
        self.found: set[Names] = set()
        self._again = again_in(self.worlds, [*nodes_of(outcomes), never])
        self._tried: set[tuple[Way, Names]] = set()

    def visit(self, values: Way, facts: Names) -> None:
        if (values, facts) in self._tried or facts in self.found:
            return
        self._tried.add((values, facts))
        if len(self._tried) > MOST_STEPS:
            raise TooFar
        dd = self.diagrams
        valid = self.worlds.stating(facts, self.worlds.valid_among(frozenset(i for i, _ in values)))
        if dd.fixed(valid, dict(values)) == NEVER:
            return
        sure = self._possible(dd.negation(self.never), values, facts) == NEVER
        if sure and not self._pending(facts):
            return  # and so whatever else is known
        fails = {gate.id: self._possible(dd.negation(node), values, facts) for gate, node in self.outcomes.gates}
        gates = [gate for gate, _ in self.outcomes.gates if fails[gate.id] == NEVER]
        ways = {outcome: self._possible(node, values, facts) for outcome, node in self.outcomes.nodes.items()}
        now = {outcome: self.outcomes.gated_by(outcome, gates) for outcome, way in ways.items() if way != NEVER}
        if not sure and len(set(now.values())) == 1 and self.targets.issuperset(now.values()):
            self.found.add(facts)
            return
        for fact in sorted(self._pending(facts)) if len(facts) < self.most else ():
            self.visit(values, facts | {fact})
        for target in sorted(self.targets):
            if self._hopeless(target, now, values, facts):
                continue
            for way in self._in_the_way(target, now, ways, fails, facts):
                for then, known in self._without(way, values, facts):
                    if len(known) <= self.most:
                        self.visit(then, known)

    def _pending(self, facts: Names) -> Names:
        """The facts with which more can be than without: known, they are not what is taken of them unknown.

        One stated anew counts, or applies, whatever it is; an extent is no longer taken as systemic.
        """
        return (self._again | ({EXTENT} if STATUS in facts else set())) - facts

    def _lasting(self, target: str, now: Mapping[str, str], facts: Names) -> list[str]:
        """The outcomes that have to be out of the question for a target: no gates make them the target.

        The gates that hold now go on to hold, unless more can still be.
        """
        can_become, anew = self.outcomes.can_become, bool(self._pending(facts))
        starts = {outcome: outcome if anew else final for outcome, final in now.items()}
        return [outcome for outcome, start in starts.items() if start != target and not can_become(start, target)]

    def _hopeless(self, target: str, now: Mapping[str, str], values: Way, facts: Names) -> bool:
        """Whether it takes more facts than are left: ways to another outcome that have no fact in common need one each.

        What can be stated anew, and an extent that is taken as systemic, bear on many ways at once: only ways count
        that hold whatever those are.
        """
        lasting = self._lasting(target, now, facts)
        if len(lasting) == len(now) and not self._pending(facts):
            return True  # nothing would be left
        left = self.most - len(facts)
        return any(self._ways_apart(self.outcomes.nodes[one], values, facts, left + 1) > left for one in lasting)

    def _ways_apart(self, node: Node, values: Way, facts: Names, most: int) -> int:
        """How many ways to where something holds are found that no fact bears on together, at most so many."""
        dd, worlds = self.diagrams, self.worlds
        anew = frozenset(i for i in dd.support(node) if not worlds.variables[i].fact)
        node = dd.fixed(node, dict(values))
        used = anew | self._borne_on({*facts, *self._again, EXTENT})
        for count in range(most):
            node = _whatever(dd, node, worlds.linked(used))
            way = {variable: value for variable, value, _ in _shortest_way(dd, node)} if node != NEVER else {}
            possible = dd.fixed(worlds.valid_among(frozenset(way)), {**way, **dict(values)})
            if NEVER in (node, possible):
                return count
            used = self._borne_on({worlds.variables[i].fact for i in worlds.linked(frozenset(way))})
        return most

    def _borne_on(self, facts: set[str]) -> frozenset[int]:
        """The variables of facts, and of those that tell them: drugs their classes, a menopausal status the sex."""
        drugs = {DRUGS} if CLASSES in facts else set()
        told = {SEX, MENOPAUSE} if facts & {SEX, MENOPAUSE} else set()
        return self.worlds.of_fact(facts | drugs | told)

    def _in_the_way(
        self, target: str, now: Mapping[str, str], ways: Mapping[str, Node], fails: Mapping[str, Node], facts: Names
    ) -> list[Node]:
        """What cannot be for a target: one outcome that is another, unless gates make it the target."""
        others = [outcome for outcome, final in now.items() if final != target]
        lasting = self._lasting(target, now, facts)
        if lasting:
            shortest = min(lasting, key=lambda outcome: len(_shortest_way(self.diagrams, ways[outcome])))
            return [ways[shortest]]
        return [ways[others[0]], *(node for node in fails.values() if node != NEVER)] if others else []

    def _possible(self, node: Node, values: Way, facts: Names) -> Node:
        """Where something can still be once facts have these values."""
        return self.diagrams.fixed(self.entailment.once_known(tuple(sorted(facts)), node), dict(values))

    def _without(self, node: Node, values: Way, facts: Names) -> Iterator[tuple[Way, Names]]:
        """What to find out, and as what, so that one way in which something can be is gone."""
        dd, worlds = self.diagrams, self.worlds
        way = _shortest_way(dd, node)
        for variable, value, branch in way:
            for other, leads in enumerate(dd.branches[branch]):
                if leads != dd.branches[branch][value]:
                    for known in self._by_knowing(worlds.variables[variable].fact, facts):
                        yield _and(values, variable, other), known
        if any(worlds.variables[variable].fact == EXTENT for variable, _, _ in way) and EXTENT not in facts:
            for variable in worlds.of_fact((STATUS,)) if STATUS not in facts else ():
                for other, state in enumerate(worlds.variables[variable].values):
                    if state.states[STATUS] in PROGRESSED:  # then an extent that is not known is taken as systemic
                        yield _and(values, variable, other), facts | {STATUS}
        if any(worlds.variables[variable].values[value].states.get(SEX) == "male" for variable, value, _ in way):
            for variable in worlds.of_fact((MENOPAUSE,)) if MENOPAUSE not in facts else ():
                for other in range(len(worlds.variables[variable].values)):  # whichever it is, it is no man's
                    yield _and(values, variable, other), facts | {MENOPAUSE}

    def _by_knowing(self, fact: str, facts: Names) -> Iterator[Names]:
        yield facts | {fact}
        if fact == CLASSES and any(self.worlds.variables[i].fact == CLASSES for i in self.worlds.of_fact((DRUGS,))):
            yield facts | {DRUGS}  # all drugs tell all classes


def _whatever(dd: Diagrams, node: Node, variables: frozenset[int]) -> Node:
    """Where something holds for every combination of values of these variables."""
    return dd.negation(dd.some(dd.negation(node), variables))


def _and(values: Way, variable: int, value: int) -> Way:
    return tuple(sorted((*values, (variable, value))))


def nodes_of(outcomes: Outcomes) -> list[Node]:
    return [*outcomes.nodes.values(), *(node for _, node in outcomes.gates)]


def again_in(worlds: Worlds, nodes: Sequence[Node]) -> Names:
    """The facts that functions read and that can be stated anew, though they count as absent or cannot be."""
    read = worlds.linked(frozenset[int]().union(*map(worlds.diagrams.support, nodes)))
    return frozenset(worlds.variables[i].about.partition(":")[2] for i in read if not worlds.variables[i].fact)


def _shortest_way(dd: Diagrams, node: Node) -> list[tuple[int, int, Node]]:
    """A way to where a diagram holds that asks as little as can be: variables, their values, where each was asked."""
    lengths: dict[Node, int] = {ALWAYS: 0, NEVER: _FAR}

    def length(at: Node) -> int:
        if at not in lengths:
            lengths[at] = 1 + min(map(length, dd.branches[at]))
        return lengths[at]

    found: list[tuple[int, int, Node]] = []
    length(node)
    while node != ALWAYS:
        value = min(range(len(dd.branches[node])), key=lambda i: lengths[dd.branches[node][i]])
        found.append((dd.variable[node], value, node))
        node = dd.branches[node][value]
    return found
