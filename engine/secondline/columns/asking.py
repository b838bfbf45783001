"""One set of rules in effect, asked of many rows: which facts are worth finding out, which settle the verdict.

An answer falls into parts that depend on few facts each: the verdict, the tiers of each regimen, each gate. Each row is
in one of few states of each part (`parts`), and what a state means is known (`learnt`). What is left is to look it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secondline.asof import AsOf
from secondline.columns.cells import AGENT, AGENTS
from secondline.columns.learnt import MOST_WORKED, Learnt, OfVerdict, Pieces, RuleState, VerdictState
from secondline.columns.outcomes import Everyone
from secondline.columns.parts import Numbered, Numbers, Pairs
from secondline.diagram import ALWAYS
from secondline.entail import Facts, after
from secondline.facts import main_of
from secondline.tiers import CLOSED, UNDETERMINED

if TYPE_CHECKING:
    from secondline.forms.rules import Gate

Bools = NDArray[np.bool_]
Places = NDArray[np.int64]
_GOES_ON = "continue"
_Key = tuple[tuple[str, int], ...]  # the state of a regimen's tiers, the gates that hold, states of gates that are open


class Told(NamedTuple):
    """What is known of some rows in scope: what they say, what links say, and what a table answers of them.

    `verdicts` are places in `names`; `closed` are rows in which a gate decides; `decided` names for each verdict rule
    the rows whose verdict has a direction and rests on it; `asked` has the rows in which a test rule asks for a fact,
    `open` those in which a fact can be unknown.
    """

    said: Sequence[Numbers]
    links: Mapping[int, Numbers]
    names: Sequence[str]
    verdicts: Numbers
    closed: Bools
    decided: Mapping[str, Places]
    asked: Mapping[tuple[str, str], Bools]
    open: Mapping[str, Bools]

    def with_verdict(self, name: str) -> Places:
        """The rows with a verdict."""
        return np.flatnonzero(self.verdicts == self.names.index(name)) if name in self.names else np.arange(0)


class Found(NamedTuple):
    """What was found out of some rows.

    `rows` and `facts` are pairs of a row and a fact worth finding out, the best of each row first, facts as their bits
    in `Pieces`; `missing` are least sets, and `which` says which of them a row has; `checks` has the bits of the facts
    to be checked; `undecided` are rows that have to be asked one by one.
    """

    rows: Places
    facts: Places
    missing: list[tuple[Facts, ...]]
    which: Numbers
    checks: FactBits
    undecided: Bools


class FactBits:
    """A bit of each row for each fact."""

    def __init__(self, pieces: Pieces, rows: int) -> None:
        self._bit, self._pieces = pieces.bit, pieces
        self._words = np.zeros((-(-len(pieces.bit) // 64), rows), dtype=np.uint64)

    def add(self, masks: Numbers, rows: Places | None = None) -> None:
        """Set for some rows, or for all, the bits of a mask for each."""
        where = slice(None) if rows is None else rows
        for word, every in enumerate(self._pieces.mask_words):
            self._words[word, where] |= every[masks]

    def put(self, fact: str, rows: Places) -> None:
        word, place = divmod(self._bit[fact], 64)
        self._words[word, rows] |= np.uint64(1 << place)

    def has(self, fact: str, rows: Places) -> Bools:
        word, place = divmod(self._bit[fact], 64)
        found: Bools = (self._words[word, rows] >> np.uint64(place) & np.uint64(1)).astype(bool)
        return found

    def among(self, sums: Sequence[int], which: Numbers, rows: Places) -> Numbers:
        """The masks of the facts that some rows have of a sum of bits."""
        words = [bits[rows].tolist() for bits in self._words]
        every = zip(which[rows].tolist(), *words, strict=True)
        masks = [sums[one] & sum(bits << 64 * word for word, bits in enumerate(held)) for one, *held in every]
        return np.array([self._pieces.masks.of(mask) for mask in masks], dtype=np.int32)

    def drop(self, others: FactBits) -> None:
        """Take away the bits that others have."""
        self._words &= ~others._words

    def meets(self, sums: Sequence[int], which: Numbers) -> Bools:
        """Where a row has one of the facts of a sum of bits."""
        found = np.zeros(self._words.shape[1], dtype=bool)
        for word, bits in enumerate(self._words):
            every = np.array([one >> 64 * word & (1 << 64) - 1 for one in sums], dtype=np.uint64)
            found |= (every[which] & bits) != 0
        return found


class _Regimen(NamedTuple):
    """Where each row stands with one regimen: the state of its tiers, the gates that hold, what they make of it."""

    state: Numbers
    holding: Numbers
    standing: Numbers
    undetermined: Bools


class _Gates(NamedTuple):
    """The state of each gate in each row, and where it is open."""

    states: dict[str, Numbers]
    open: dict[str, Bools]


class Asking:
    """The rules of one day and jurisdiction."""

    def __init__(self, view: AsOf, pieces: Pieces) -> None:
        self.view, self.pieces = view, pieces
        every = Everyone(view, pieces.cells)
        dd = pieces.cells.diagrams
        closing = every.closing()
        in_use = dd.any_of(node for _, node in closing)
        outcomes = {verdict: node for verdict, node in every.verdicts.items() if verdict != "conflict"}
        some_gate = closing[0][0] if closing else None
        self._by_verdict: dict[str, Learnt[VerdictState]] = {
            UNDETERMINED: pieces.verdict_of(list(outcomes), list(outcomes.values()), in_use, some_gate),
            _GOES_ON: pieces.going_on_of(in_use),
        }
        self.closing = {gate.id: pieces.rule_of(node) for gate, node in closing}
        self.rules = {rule.id: pieces.rule_of(every.where(rule)) for rule in view.verdicts}
        self._tiers: dict[str, tuple[list[str], Learnt[tuple[str, ...]]]] = {}
        for regimen in sorted(view.options):
            ways = every.all_ways(regimen).tiers()
            nodes = [dd.any_of(some) for some in ways.values()]
            self._tiers[regimen] = (list(ways), pieces.tiers_of(list(ways), nodes))
        self._gates_on = {regimen: view.gates_on[regimen] for regimen in self._tiers}
        self._gates = {
            gate.id: pieces.rule_of(every.where(gate)) for gates in self._gates_on.values() for gate in gates
        }
        self.facts = sorted(
            {fact for learnt in self._every_part() for fact in learnt.facts}
            | {path for rule in view.tests for path in (rule.fact, main_of(rule.fact))}
            | {AGENT, AGENTS}
        )
        self._standing = {regimen: Pairs(partial(self._stands, regimen)) for regimen in self._tiers}
        self._of_verdict = {fact: Pairs(partial(self._verdict_of, fact)) for fact in self.facts}
        self._prevalences: Numbered[tuple[tuple[str, float], ...]] = Numbered()
        self._now: Numbered[tuple[str, int]] = Numbered()

    def _every_part(self) -> Iterable[Learnt[Any]]:
        yield from self._by_verdict.values()
        yield from (learnt for _, learnt in self._tiers.values())
        yield from self._gates.values()

    def answer(self, told: Told) -> Found:
        """What is to be said of some rows."""
        rows = len(told.verdicts)
        needed, checks, undecided = FactBits(self.pieces, rows), FactBits(self.pieces, rows), np.zeros(rows, dtype=bool)
        gates, regimens = self._judged(told, checks)
        undecided |= told.open[AGENT] & told.open[AGENTS] & ~self._agents_read(gates, regimens)
        states, missing, which = self._verdicts(told, needed)
        self._in_use(told, checks, undecided)
        for rule, at in told.decided.items():
            if len(at):
                found = self.rules[rule].of(told.said, told.links, at)
                needed.add(self._reads(self.rules[rule])[found], at)
        order, facts = self._ordered(told, needed, states, gates, regimens)
        return Found(order, facts, missing, which, checks, undecided)

    def _reads(self, learnt: Learnt[RuleState]) -> Numbers:
        """The facts on which a rule depends in each state, as masks."""
        return np.array([self.pieces.mask(state.reads) for state in learnt.states], dtype=np.int32)

    # --- verdict, tiers and gates -------------------------------------------------------------------------

    def _judged(self, told: Told, checks: FactBits) -> tuple[_Gates, dict[str, _Regimen]]:
        """Each gate and regimen; the facts of open gates on what is offered are put in the checks."""
        gates, holds, regimens = _Gates({}, {}), dict[str, Numbers](), dict[str, _Regimen]()
        for name, learnt in self._gates.items():
            found = gates.states[name] = learnt.of(told.said, told.links)
            gates.open[name] = np.array([state.holds is None for state in learnt.states])[found]
            holds[name] = np.array([state.holds is True for state in learnt.states]).astype(np.int32)[found]
        shown = {name: np.zeros(len(told.verdicts), dtype=bool) for name in self._gates}
        for regimen, (_, learnt_tiers) in self._tiers.items():
            state = learnt_tiers.of(told.said, told.links)
            holding = np.zeros(len(state), dtype=np.int32)
            for gate in self._gates_on[regimen]:
                holding = self.pieces.holding(gate).of(holding, holds[gate.id])
            standing = self._standing[regimen].of(state, holding)
            tiers = [one.tier for one in self.pieces.standings.things]
            undetermined = np.array([tier == UNDETERMINED for tier in tiers])[standing]
            regimens[regimen] = _Regimen(state, holding, standing, undetermined)
            offered = np.array([tier != CLOSED for tier in tiers])[standing]
            for gate in self._gates_on[regimen]:
                shown[gate.id] |= offered
        for name, learnt in self._gates.items():
            at = np.flatnonzero(shown[name] & gates.open[name])
            checks.add(self._reads(learnt)[gates.states[name][at]], at)
        return gates, regimens

    def _agents_read(self, gates: _Gates, regimens: Mapping[str, _Regimen]) -> Bools:
        """Where a rule that is open reads which inhibitors were given; else a case leaves out what links them."""
        found: Bools = np.array(False)
        for name, learnt in self._gates.items():
            found = found | np.array(learnt.reads(AGENTS))[gates.states[name]]
        for regimen, (_, learnt_tiers) in self._tiers.items():
            found = found | np.array(learnt_tiers.reads(AGENTS))[regimens[regimen].state]
        return found

    def _stands(self, regimen: str, state: int, holding: int) -> int:
        return self.pieces.standing(self._tiers[regimen][1].states[state], holding)

    def _verdicts(self, told: Told, needed: FactBits) -> tuple[Numbers, list[tuple[Facts, ...]], Numbers]:
        """The state of each open verdict, from 1, and the least sets that settle it, which are put in the needed."""
        states, which = np.zeros((2, len(told.verdicts)), dtype=np.int32)
        for verdict, learnt in self._by_verdict.items():
            at = told.with_verdict(verdict)
            if len(at):
                states[at] = learnt.of(told.said, told.links, at) + 1
        at = told.with_verdict(UNDETERMINED)
        which[at] = states[at]
        missing = [(), *(state.missing for state in self._by_verdict[UNDETERMINED].states)]
        masks = [self.pieces.mask(fact for facts in sets for fact in facts) for sets in missing]
        needed.add(np.array(masks, dtype=np.int32)[which])
        return states, missing, which

    def _in_use(self, told: Told, checks: FactBits, undecided: Bools) -> None:
        """The gates that may close an inhibitor that goes on; where one of several closes it, more would be asked."""
        goes_on = np.flatnonzero(told.closed)
        at = np.union1d(told.with_verdict(_GOES_ON), goes_on)
        for learnt in self.closing.values() if len(at) else ():
            found = learnt.of(told.said, told.links, at)
            here = at[np.array([state.holds is None for state in learnt.states])[found]]
            undecided[here] |= told.closed[here]
            checks.add(self._reads(learnt)[found], at)

    # --- facts --------------------------------------------------------------------------------------------

    def _ordered(
        self, told: Told, needed: FactBits, states: Numbers, gates: _Gates, regimens: Mapping[str, _Regimen]
    ) -> tuple[Places, Places]:
        """The facts worth finding out as pairs of row and fact, the best of each row first."""
        held: list[tuple[Places, Numbers]] = []
        doubtful: list[tuple[str, Places, Numbers]] = []
        weak = FactBits(self.pieces, len(told.verdicts))
        for fact in self.facts:
            at = np.flatnonzero(told.open[fact])
            if not len(at):
                continue
            now, asked = self._now_of(fact, told, at)
            of_verdict = self._of_verdict[fact].of(states[at], now)
            rank = self.pieces.rank_of.of(self._summed(fact, at, gates, regimens), of_verdict)
            wanted = np.array(self.pieces.kept)[rank] | asked | needed.has(fact, at)
            held.append((at[wanted], rank[wanted]))
            doubtful.append((fact, at[~wanted], rank[~wanted]))
            weak.put(fact, at[~wanted])
        for regimen, stands in regimens.items():
            self._needs(regimen, stands, gates, weak, needed)
        for fact, at, rank in doubtful:
            wanted = needed.has(fact, at)
            held.append((at[wanted], rank[wanted]))
        return self._sorted(held)

    def _summed(self, fact: str, at: Places, gates: _Gates, regimens: Mapping[str, _Regimen]) -> Numbers:
        """What a fact does to all regimens, in some rows."""
        pieces, none = self.pieces, np.zeros(len(at), dtype=np.int32)
        sums = none
        for regimen, (_, learnt) in self._tiers.items():
            opening = none
            for gate in self._gates_on[regimen]:
                piece = (
                    self._gates[gate.id].piece(fact, gates.states[gate.id][at])
                    if self._reads_fact(gate, fact)
                    else None
                )
                if piece is not None:
                    opening = pieces.opening(gate).of(opening, piece)
            piece = learnt.piece(fact, regimens[regimen].state[at]) if fact in learnt.facts else None
            if piece is not None or opening.any():
                head = pieces.head_of.of(regimens[regimen].standing[at], none if piece is None else piece)
                sums = pieces.sum_of.of(sums, pieces.effect_of.of(head, opening))
        return sums

    def _reads_fact(self, gate: Gate, fact: str) -> bool:
        return fact in self._gates[gate.id].facts

    def _now_of(self, fact: str, told: Told, at: Places) -> tuple[Numbers, Bools]:
        """The verdict and the stated shares of a fact's results, by number, and where a rule asks for it."""
        rules = [rule for rule in self.view.tests if (rule.id, fact) in told.asked]
        which = np.zeros(len(at), dtype=np.int32)
        for place, rule in enumerate(rules):
            which |= told.asked[rule.id, fact][at].astype(np.int32) << place
        numbers = np.zeros((len(told.names), 1 << len(rules)), dtype=np.int32)
        for code in np.unique(which).tolist():
            shown = [p for at, rule in enumerate(rules) if code >> at & 1 for p in self.view.prevalence(rule)]
            shares = self._prevalences.of(tuple({p.result: p.share for p in shown}.items()))
            numbers[:, code] = [self._now.of((name, shares)) for name in told.names]
        return numbers[told.verdicts[at], which], which > 0

    def _verdict_of(self, fact: str, state: int, now: int) -> int:
        verdict, shares = self._now.things[now]
        piece, missing = None, False
        if state:
            learnt = self._by_verdict[verdict]
            missing = any(fact in facts for facts in learnt.states[state - 1].missing)
            found = learnt.piece(fact, np.array([state - 1], dtype=np.int32))
            piece = None if found is None else self.pieces.pieces.things[int(found[0])]
        changes = piece is not None and any(one != verdict for _, one in piece.told)
        return self.pieces.verdicts.of(
            OfVerdict(fact, verdict, piece, changes, missing, self._prevalences.things[shares])
        )

    def _sorted(self, held: Sequence[tuple[Places, Numbers]]) -> tuple[Places, Places]:
        ranks = self.pieces.ranks.things
        rows = np.concatenate([np.arange(0), *(rows for rows, _ in held)])
        rank = np.concatenate([np.arange(0), *(rank for _, rank in held)])
        used = sorted(np.unique(rank).tolist(), key=ranks.__getitem__)
        place, fact = np.zeros((2, len(ranks)), dtype=np.int64)
        place[used] = np.arange(len(used))
        fact[place[used]] = [self.pieces.bit[str(ranks[one][-1])] for one in used]
        both = np.sort(rows << 32 | place[rank])
        return both >> 32, fact[both & 0xFFFFFFFF]

    # --- least sets of facts that settle a tier -----------------------------------------------------------

    def _needs(self, regimen: str, stands: _Regimen, gates: _Gates, weak: FactBits, needed: FactBits) -> None:
        """Put in the facts of the least sets that settle a tier, where a fact that does nothing alone may be in one."""
        learnt, on = self._tiers[regimen][1], self._gates_on[regimen]
        weak.drop(needed)
        about = learnt.about(self.pieces.bit)
        near = weak.meets(about, stands.state)
        for gate in on:
            of_gate = self._gates[gate.id]
            firm = np.array([state.holds is None and not state.avoidable for state in of_gate.states])
            near |= firm[gates.states[gate.id]] if firm.any() else False
        at = np.flatnonzero(near & stands.undetermined)
        if not len(at):
            return
        which = (regimen, id(learnt), *((gate.id, id(self._gates[gate.id])) for gate in on))
        if which not in self.pieces.needed:
            keys: Numbered[_Key] = Numbered()
            self.pieces.needed[which] = (
                Pairs(lambda state, holding: keys.of((("", state), ("", holding)))),
                {gate.id: Pairs(partial(self._beside, regimen, keys, gate.id)) for gate in on},
                Pairs(lambda key, mask: self._needed(regimen, keys.things[key], mask), 0),
            )
        start, adding, asking = self.pieces.needed[which]
        key = start.of(stands.state[at], stands.holding[at])
        for gate in on:
            here = gates.open[gate.id][at]
            if here.any():
                key = adding[gate.id].of(key, np.where(here, gates.states[gate.id][at] + 1, 0).astype(np.int32))
        needed.add(asking.of(key, weak.among(about, stands.state, at)), at)
        self.pieces.cells.diagrams.forget(MOST_WORKED)

    def _beside(self, regimen: str, keys: Numbered[_Key], gate: str, key: int, state: int) -> int:
        """A key with an open gate, unless that has nothing to do with the tiers."""
        held, learnt, tiers = keys.things[key], self._gates[gate], self._tiers[regimen][1]
        if not state:
            return key
        mine = {at for at, _ in learnt.machine.states.things[state - 1].values}
        others = {at for at, _ in tiers.machine.states.things[held[0][1]].values}
        apart = mine.isdisjoint(others) and learnt.states[state - 1].avoidable
        return key if apart else keys.of((*held, (gate, state - 1)))

    def _needed(self, regimen: str, key: _Key, weak: int) -> int:
        """Which facts of a mask, or of gates that count, are in least sets that settle a tier, as a mask."""
        (_, state), (_, holding), *still = key
        names, learnt = self._tiers[regimen]
        every = {gate.id: gate for gate in self._gates_on[regimen]}
        opens = [(every[name], self._gates[name].machine.states.things[place]) for name, place in still]
        held = learnt.machine.states.things[state]
        sure = [(gate, ALWAYS) for gate in self.pieces.gates.things[holding].gates]
        within = self.pieces.within(held.beside([one for _, one in opens]))
        outcomes = dict(zip(names, held.nodes, strict=True))
        asked, bit = self.pieces.masks.things[weak], self.pieces.bit
        but = {fact for fact in learnt.told_of(state) if not asked >> bit[fact] & 1}
        return self.pieces.mask(
            within.in_least(outcomes, [*sure, *((gate, one.nodes[0]) for gate, one in opens)], after, but)
        )
