"""What the states of parts mean for each fact, and what several of them mean together: each worked out once.

What a state means is asked of what answers one patient (`entail`, `worth`), on the functions as they are restricted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from secondline.asof import AsOf
from secondline.columns.cells import AGENT, AGENTS
from secondline.columns.parts import HER2, IHC, Machine, Numbered, Numbers, Open, Pairs, Part, Patterns, Within
from secondline.condition import Truth
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.entail import Facts, after, closed_by
from secondline.facts import main_of
from secondline.patient import MENOPAUSE, SEX
from secondline.scales import TIERS
from secondline.tiers import CLOSED, UNDETERMINED
from secondline.worth import MOST_RESULTS, OnceKnown, common, opens_or_closes, ranked, shares_of, valid_values

if TYPE_CHECKING:
    from secondline.forms.rules import Gate
    from secondline.worlds import Worlds

Values = tuple[int, ...]
Gain = tuple[int, int]  # how many open regimens are settled, and the best place in TIERS of those that open or close
State = TypeVar("State")
Told = Callable[[OnceKnown, Mapping[int, int]], object]
_NONE = len(TIERS)
MOST_WORKED = 50_000  # answers of diagrams that are kept, for one question to help the next


class Piece(NamedTuple):
    """What each result of a fact gives, by the values of those of its variables that matter.

    `near` are all of them that are read, and `valid` their values that no contradiction excludes, where it does any.
    """

    variables: tuple[int, ...]
    told: tuple[tuple[Values, object], ...]
    near: tuple[int, ...]
    valid: tuple[Values, ...] = ()


class Gates(NamedTuple):
    """Gates that hold, by what they do to a tier together; `gates` are some that do just that."""

    lower: int
    limit: int
    gates: tuple[Gate, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gates) and (self.lower, self.limit) == (other.lower, other.limit)

    def __hash__(self) -> int:
        return hash((self.lower, self.limit))

    def and_(self, gate: Gate) -> Gates:
        limit = TIERS.index(gate.then.tier) if gate.then.tier else 0
        return self.with_all(Gates(gate.then.lower or 0, limit, (gate,)))

    def with_all(self, other: Gates) -> Gates:
        lower, limit = min(self.lower + other.lower, _NONE), max(self.limit, other.limit)
        if (lower, limit) == (self.lower, self.limit):
            return self
        return Gates(lower, limit, (*self.gates, *other.gates))


class Standing(NamedTuple):
    """Where a regimen stands: the tiers that it can have before gates, the gates that hold, the tier that is left."""

    possible: tuple[str, ...]
    holding: Gates
    tier: str


class Effect(NamedTuple):
    """What a fact does to one regimen; by result how many open regimens it settles and the place of the tier."""

    changes: bool
    moves: bool
    variables: tuple[int, ...]
    told: tuple[tuple[Values, Gain], ...]
    near: tuple[int, ...]
    valid: tuple[Values, ...]


class Sum(NamedTuple):
    """What a fact does to several regimens."""

    changes: int
    moves: int
    gains: tuple[tuple[tuple[int, ...], tuple[tuple[Values, Gain], ...]], ...]
    near: tuple[int, ...]
    valid: tuple[Values, ...]


class OfVerdict(NamedTuple):
    """What the state of the verdict means for one fact, beside what a table says of it."""

    fact: str
    verdict: str
    piece: Piece | None
    changes: bool
    missing: bool
    prevalence: tuple[tuple[str, float], ...]


class RuleState(NamedTuple):
    """Whether a rule fires, the facts it depends on, and whether it need not fire whatever else tells of its facts."""

    holds: Truth
    reads: Facts
    avoidable: bool


class VerdictState(NamedTuple):
    """What is left of a verdict: the least sets of facts that settle it."""

    missing: tuple[Facts, ...]


class Learnt(Generic[State]):
    """What the states of one machine mean: for each fact the number of a piece, and what else is to be known of it."""

    def __init__(
        self, machine: Machine, facts: Sequence[str], ask: Callable[[Open], tuple[State, Mapping[str, int]]]
    ) -> None:
        self.machine, self._ask = machine, ask
        self.facts = {fact: place for place, fact in enumerate(facts)}
        self.states: list[State] = []
        self._pieces = np.zeros((16, len(facts)), dtype=np.int32)

    def of(
        self, said: Sequence[Numbers], links: Mapping[int, Numbers], rows: NDArray[np.int64] | None = None
    ) -> Numbers:
        """The state of each row, or of some, once what it means is known."""
        found = self.machine.of(said, links, rows)
        every = self.machine.states.things
        if len(every) > len(self._pieces):
            grown = np.zeros((len(every) * 2, len(self.facts)), dtype=np.int32)
            grown[: len(self._pieces)] = self._pieces
            self._pieces = grown
        for place in range(len(self.states), len(every)):
            state, pieces = self._ask(every[place])
            self.states.append(state)
            for fact, piece in pieces.items():
                self._pieces[place, self.facts[fact]] = piece
        self.machine.cells.diagrams.forget(MOST_WORKED)
        return found

    def piece(self, fact: str, states: Numbers) -> Numbers | None:
        """For each row the number of what its state means for a fact; None where it means nothing to any row."""
        place = self.facts.get(fact)
        if place is None:
            return None
        found: Numbers = self._pieces[:, place][states]
        return found if found.any() else None

    def reads(self, fact: str) -> list[bool]:
        """For each state whether its functions depend on a fact, without what links that with another."""
        cells = self.machine.cells
        mine = frozenset(at for at, variable in enumerate(cells.variables) if variable.fact == fact)
        if mine.isdisjoint(self.machine.variables):
            return [False] * len(self.states)
        every = (support(cells.diagrams.support, held.nodes) for held in self.machine.states.things)
        return [not mine.isdisjoint(one) for one in every]

    def about(self, facts: Mapping[str, int]) -> list[int]:
        """For each state the facts that it is about, as a sum of their bits."""
        bits = [(place, 1 << facts[fact]) for fact, place in self.facts.items()]
        return [sum(bit for place, bit in bits if row[place]) for row in self._pieces[: len(self.states)].tolist()]

    def told_of(self, state: int) -> Iterator[str]:
        """The facts that a state is about."""
        return (fact for fact, place in self.facts.items() if self._pieces[state, place])


class _Alone(OnceKnown):
    """What stands once a fact is known that has one variable and tells nothing of others.

    `limits` has each function that can hold, with the values of variables with which it can.
    """

    def __init__(self, entailment: Within, fact: str, limits: Mapping[Node, Mapping[int, set[int]]]) -> None:
        super().__init__(entailment, fact)
        self._part, self._limits = entailment.part, limits

    def each(self, at: int, told: Told) -> Iterator[tuple[Values, object]]:
        """What each value of its variable gives."""
        found: dict[frozenset[Node], object] = {}
        any_of = {node for node, limit in self._limits.items() if at not in limit}
        held = [(node, limit[at]) for node, limit in self._limits.items() if at in limit]
        for value in self._part.can_be(at):
            self._can = frozenset(any_of.union(node for node, limit in held if value in limit))
            if self._can not in found:
                found[self._can] = told(self, {at: value})
            yield (value,), found[self._can]

    def possible(self, node: Node, fixed: Mapping[int, int]) -> bool:
        return node in self._can


class Pieces:
    """What parts mean, kept for all days and jurisdictions: functions that are the same are learnt once."""

    def __init__(self, patterns: Patterns) -> None:
        self.patterns, self.cells = patterns, patterns.cells
        self.links = [Machine(patterns, [link]) for link in self.cells.links()]
        tested = {path for rule in self.cells.base.tests for path in (rule.fact, main_of(rule.fact))}
        facts = {variable.fact for variable in self.cells.variables} | tested | {IHC, MENOPAUSE, AGENT, AGENTS}
        self.bit = {fact: place for place, fact in enumerate(sorted(facts - {""}))}
        self.masks: Numbered[int] = Numbered()
        self.masks.of(0)
        self._mask_words = np.zeros((-(-len(self.bit) // 64), 0), dtype=np.uint64)
        self.pieces: Numbered[Piece | None] = Numbered()
        self.pieces.of(None)
        self.standings: Numbered[Standing] = Numbered()
        self.gates: Numbered[Gates] = Numbered()
        self.gates.of(Gates(0, 0, ()))
        self.openings: Numbered[tuple[tuple[Gates, Piece], ...]] = Numbered()
        self.openings.of(())
        self.effects: Numbered[Effect | None] = Numbered()
        self.effects.of(None)
        self.sums: Numbered[Sum] = Numbered()
        self.sums.of(Sum(0, 0, (), (), ()))
        self.heads = Numbered[tuple[int, int]]()
        self.head_of = Pairs(lambda standing, piece: self.heads.of((standing, piece)))
        self.effect_of = Pairs(self._effect)
        self.sum_of = Pairs(self._sum)
        self.verdicts: Numbered[OfVerdict] = Numbered()
        self.ranks: Numbered[tuple[object, ...]] = Numbered()
        self.kept: list[bool] = []
        self.rank_of = Pairs(self._rank)
        self._afters: dict[tuple[str, int, int], str] = {}
        self.needed: dict[tuple[object, ...], tuple[Pairs, dict[str, Pairs], Pairs]] = {}
        self.view = AsOf(self.cells.base, self.cells.base.knowledge_until, None)  # any
        self._learnt: dict[tuple[object, ...], Learnt[Any]] = {}
        self._shares_of: dict[tuple[object, ...], list[float]] = {}
        self._hold: dict[str, Pairs] = {}
        self._open: dict[str, Pairs] = {}

    def verdict_of(
        self, outcomes: Sequence[str], nodes: Sequence[Node], in_use: Node, gate: Gate | None
    ) -> Learnt[VerdictState]:
        """Where no verdict is settled: of which `nodes` are the outcomes; `in_use` is where a gate closes it."""
        ask = partial(self._verdict, outcomes, [(gate, in_use)] if gate else [])
        return self._made(("verdict", *outcomes, *nodes, in_use), [*nodes, in_use], ask)

    def going_on_of(self, in_use: Node) -> Learnt[VerdictState]:
        """Where the verdict is to continue."""
        return self._made(("continue", in_use), [in_use], self._going_on)

    def tiers_of(self, tiers: Sequence[str], nodes: Sequence[Node]) -> Learnt[tuple[str, ...]]:
        return self._made((*tiers, *nodes), nodes, partial(self._tiers, tiers))

    def rule_of(self, node: Node) -> Learnt[RuleState]:
        return self._made(("rule", node), [node], self._rule)

    def _made(
        self,
        key: tuple[object, ...],
        nodes: Sequence[Node],
        ask: Callable[[Open], tuple[State, Mapping[str, int]]],
    ) -> Learnt[State]:
        if key not in self._learnt:
            machine = Machine(self.patterns, nodes, self.links)
            self._learnt[key] = Learnt(machine, self._facts(machine), ask)
        return self._learnt[key]

    def _facts(self, machine: Machine) -> list[str]:
        """The facts that a state of a machine can be about."""
        held = {*machine.variables, *(at for link in machine.links for at in link.variables)}
        found = {self.cells.variables[at].fact for at in held} - {""}
        found |= ({IHC} if HER2 in found else set()) | ({MENOPAUSE} if SEX in found else set())
        return sorted(found)

    # --- pieces -------------------------------------------------------------------------------------------

    def within(self, held: Open) -> Within:
        return Within(self.view, Part(self.patterns, held))

    def _pieces_of(self, entailment: Within, nodes: Sequence[Node], told: Told) -> dict[str, int]:
        """For each fact that functions depend on, or that is linked with one, what each result gives.

        `nodes` are what is asked whether it can still hold.
        """
        worlds, dd = entailment.part, entailment.worlds.diagrams
        near = worlds.linked(support(dd.support, nodes))
        facts = {worlds.variables[at].fact for at in near} - {""}
        found: dict[str, int] = {}
        limits = {node: dd.limited(one) for node in nodes if (one := entailment.once_known((), node)) != NEVER}
        for fact in sorted(facts | ({MENOPAUSE} if SEX in facts else set())):
            mine = worlds.of_fact((fact,)) & near
            if len(mine) == 1 and not entailment.telling((fact,)):
                (at,) = mine
                alone = tuple(_Alone(entailment, fact, limits).each(at, told))
                found[fact] = self.pieces.of(Piece((at,), alone, (at,)))
                continue
            known = OnceKnown(entailment, fact)
            read = mine if len(mine) < 2 else mine & support(dd.support, map(known.whole, nodes))
            every = [(tuple(fixed.values()), told(known, fixed)) for fixed in valid_values(worlds, read)]
            valid = self._valid(worlds, mine) if len(mine) > 1 else ()
            found[fact] = self.pieces.of(Piece(tuple(sorted(read)), tuple(every), tuple(sorted(mine)), valid))
        return found

    def _valid(self, worlds: Worlds, mine: frozenset[int]) -> tuple[Values, ...]:
        """The values of the members of a set that can be together; nothing where all can."""
        links = worlds.valid_among(mine)
        if self.cells.diagrams.some(links, self.cells.diagrams.support(links) - mine) == ALWAYS:
            return ()
        return tuple(tuple(fixed.values()) for fixed in valid_values(worlds, mine))

    def _verdict(
        self, names: Sequence[str], gates: Sequence[tuple[Gate, Node]], held: Open
    ) -> tuple[VerdictState, dict[str, int]]:
        entailment, (*nodes, in_use) = self.within(held), held.nodes
        outcomes = dict(zip(names, nodes, strict=True))
        missing = entailment.least_for(outcomes, [(gate, in_use) for gate, _ in gates], closed_by)
        asked = [*nodes, self.cells.diagrams.negation(in_use)]
        pieces = self._pieces_of(entailment, asked, lambda known, fixed: known.verdict(outcomes, in_use, fixed))
        return VerdictState(missing), pieces

    def _going_on(self, held: Open) -> tuple[VerdictState, dict[str, int]]:
        entailment, (in_use,) = self.within(held), held.nodes
        asked, outcomes = [ALWAYS, self.cells.diagrams.negation(in_use)], {"continue": ALWAYS}
        pieces = self._pieces_of(entailment, asked, lambda known, fixed: known.verdict(outcomes, in_use, fixed))
        return VerdictState(()), pieces

    def _tiers(self, names: Sequence[str], held: Open) -> tuple[tuple[str, ...], dict[str, int]]:
        """The tiers that are possible, and by fact those that each result leaves."""
        entailment = self.within(held)
        every = zip(names, held.nodes, strict=True)
        outcomes = {name: node for name, node in every if entailment.worlds.possible(node)}
        pieces = self._pieces_of(
            entailment, list(outcomes.values()), lambda known, fixed: tuple(known.possible_of(outcomes, fixed))
        )
        return tuple(outcomes), pieces

    def _rule(self, held: Open) -> tuple[RuleState, dict[str, int]]:
        """Whether a rule fires, and by fact whether each result makes it."""
        entailment, (node,) = self.within(held), held.nodes
        worlds = entailment.worlds
        if not worlds.possible(node):
            return RuleState(False, (), avoidable=True), {}
        if worlds.certain(node):
            return RuleState(True, (), avoidable=False), {}
        no = worlds.diagrams.negation(node)
        avoidable = all(entailment.once_known(facts, no) != NEVER for facts in entailment.tellings())
        state = RuleState(None, worlds.facts_of(node), avoidable)
        return state, self._pieces_of(entailment, [no], lambda known, fixed: known.certain(node, fixed))

    def mask(self, facts: Iterable[str]) -> int:
        """The number of a sum of the bits of facts."""
        return self.masks.of(sum(1 << self.bit[fact] for fact in set(facts)))

    @property
    def mask_words(self) -> NDArray[np.uint64]:
        """The sums of bits by number, as words of 64 bits."""
        every, known = self.masks.things, self._mask_words.shape[1]
        if known < len(every):
            places = range(0, len(self.bit), 64)
            more = [[mask >> place & (1 << 64) - 1 for mask in every[known:]] for place in places]
            self._mask_words = np.concatenate([self._mask_words, np.array(more, dtype=np.uint64)], axis=1)
        return self._mask_words

    # --- putting together ---------------------------------------------------------------------------------

    def holding(self, gate: Gate) -> Pairs:
        """From the gates that hold before to those with this one; the other number is 1 where it holds."""
        if gate.id not in self._hold:
            things = self.gates.things
            self._hold[gate.id] = Pairs(lambda held, holds: self.gates.of(things[held].and_(gate)) if holds else held)
        return self._hold[gate.id]

    def opening(self, gate: Gate) -> Pairs:
        """From what open gates do by results of a fact to the same with this one, of which a piece says it."""
        if gate.id not in self._open:
            alone = Gates(0, 0, ()).and_(gate)
            things, pieces = self.openings.things, self.pieces.things

            def work(held: int, piece: int) -> int:
                found = pieces[piece]
                return held if found is None else self.openings.of((*things[held], (alone, found)))

            self._open[gate.id] = Pairs(work)
        return self._open[gate.id]

    def standing(self, possible: tuple[str, ...], holding: int) -> int:
        gates = self.gates.things[holding]
        return self.standings.of(Standing(possible, gates, common(after(tier, gates.gates) for tier in possible)))

    def _effect(self, head: int, opening: int) -> int:
        standing, piece = self.heads.things[head]
        return self.effects.of(
            self._worked(self.standings.things[standing], self.pieces.things[piece], self.openings.things[opening])
        )

    def _worked(self, now: Standing, piece: Piece | None, openings: Sequence[tuple[Gates, Piece]]) -> Effect | None:
        """What a fact does to a regimen."""
        pieces = [*([piece] if piece else []), *(one for _, one in openings)]
        if not pieces:
            return None
        told: list[tuple[Values, Gain]] = []
        found: set[str] = set()
        variables, near = _both(one.variables for one in pieces), _both(one.near for one in pieces)
        possible_at = _reader(piece, variables) if piece else None
        holds_at = [(gate, _reader(one, variables)) for gate, one in openings]
        for fixed in _every(variables, pieces) if now.possible != (CLOSED,) else ():
            gates = now.holding
            for gate, read in holds_at:
                if read(fixed):
                    gates = gates.with_all(gate)
            possible = possible_at(fixed) if possible_at else now.possible
            tier = common(self._after(one, gates) for one in possible)
            found.add(tier)
            gain = int(tier != UNDETERMINED and now.tier == UNDETERMINED)
            told.append((fixed, (gain, TIERS.index(tier) if tier in TIERS else _NONE)))
        changes = any(opens_or_closes(now.tier, tier) for tier in found)
        moves = not changes and bool(found - {UNDETERMINED, now.tier})
        if not changes or len(near) <= 1:  # of a fact with one variable every result counts
            best = min((place for _, (_, place) in told), default=_NONE) if changes else _NONE
            told = [(fixed, (gain, best)) for fixed, (gain, _) in told]
        if not changes and not moves and not any(gain for _, (gain, _) in told):
            if not any(":" in self.cells.variables[at].about for at in near):
                return None  # of a set it counts which members are read
            variables, told = (), [((), (0, _NONE))]
        return Effect(changes, moves, variables, tuple(told), near, _of_any(pieces))

    def _after(self, tier: str, gates: Gates) -> str:
        key = (tier, gates.lower, gates.limit)
        found = self._afters.get(key)
        if found is None:
            found = self._afters[key] = after(tier, gates.gates)
        return found

    def _sum(self, held: int, effect: int) -> int:
        now, found = self.sums.things[held], self.effects.things[effect]
        if found is None:
            return held
        gains = dict(now.gains)
        had = dict(gains.get(found.variables, ()))
        gains[found.variables] = tuple([(fixed, _added(gain, had.get(fixed))) for fixed, gain in found.told])
        return self.sums.of(
            Sum(
                now.changes + found.changes,
                now.moves + found.moves,
                tuple(sorted(gains.items())),
                _both((now.near, found.near)),
                now.valid or found.valid,
            )
        )

    def _rank(self, sums: int, verdict: int) -> int:
        """The place of a fact in the order; an empty one where the order of its results would count."""
        gained, now = self.sums.things[sums], self.verdicts.things[verdict]
        pieces = [Piece(variables, told, gained.near, gained.valid) for variables, told in gained.gains]
        every = [*pieces, *([now.piece] if now.piece else [])]
        variables = _both([gained.near, *(one.near for one in every)])
        results = list(islice(_every(variables, every), MOST_RESULTS)) if every else []
        readers = [_reader(one, variables) for one in pieces]
        gains = [[read(fixed) for read in readers] for fixed in results]
        decided = [sum(gain for gain, _ in held) for held in gains]
        settles = [False] * len(results)
        if now.piece is not None and now.verdict == UNDETERMINED:
            read = _reader(now.piece, variables)
            settles = [read(fixed) != UNDETERMINED for fixed in results]
        rank = ranked(
            now.fact,
            self._shares(now.fact, variables, tuple(results), now.prevalence),
            settles,
            decided,
            missing=now.missing,
            changes_verdict=now.changes and now.verdict != UNDETERMINED,
            changes=gained.changes,
            opened=min((place for held in gains for _, place in held), default=_NONE),
            moves=gained.moves,
        )
        return self._ranked(rank, kept=bool(now.changes or gained.changes or gained.moves))

    def _shares(
        self, fact: str, variables: tuple[int, ...], results: tuple[Values, ...], stated: tuple[tuple[str, float], ...]
    ) -> list[float]:
        key = (fact, variables, results, stated)
        if key not in self._shares_of:
            held = [self.cells.variables[at].values for at in variables]
            states = [
                {k: v for values, at in zip(held, fixed, strict=True) for k, v in values[at].states.items()}
                for fixed in results
            ]
            self._shares_of[key] = shares_of(fact, states, dict(stated))
        return self._shares_of[key]

    def _ranked(self, rank: tuple[object, ...], *, kept: bool) -> int:
        place = self.ranks.of((*rank[:-1], kept, rank[-1]))
        if place == len(self.kept):
            self.kept.append(kept)
        return place


def support(of: Callable[[Node], frozenset[int]], nodes: Iterable[Node]) -> frozenset[int]:
    return frozenset[int]().union(*map(of, nodes))


def _both(several: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """All variables of several lists."""
    return tuple(sorted({at for one in several for at in one}))


@cache
def _added(one: Gain, other: Gain | None) -> Gain:
    return one if other is None else (one[0] + other[0], min(one[1], other[1]))


def _of_any(pieces: Sequence[Piece]) -> tuple[Values, ...]:
    """The values that can be together, which are the same for all pieces of a fact."""
    return next((piece.valid for piece in pieces if piece.valid), ())


def _every(variables: tuple[int, ...], pieces: Sequence[Piece]) -> Iterator[Values]:
    """Every combination of values of some variables of a fact that can be together."""
    if len(variables) == 1 and (told := next((one.told for one in pieces if one.variables), ())):
        yield from (fixed for fixed, _ in told)
        return
    whole = next((piece for piece in pieces if piece.valid), None)
    if whole is None:
        yield from product((0, 1), repeat=len(variables))
        return
    places = [whole.near.index(at) for at in variables]
    yield from sorted({tuple([fixed[at] for at in places]) for fixed in whole.valid})


def _reader(piece: Piece, variables: tuple[int, ...]) -> Callable[[Values], Any]:
    """What a piece says of values of these variables."""
    told = dict(piece.told)
    if piece.variables == variables:
        return told.__getitem__
    places = [variables.index(at) for at in piece.variables]
    return lambda fixed: told[tuple([fixed[at] for at in places])]
