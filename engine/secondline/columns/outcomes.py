"""What the rules in effect answer, as nodes asked of a whole table, and the bits that come back as answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secondline.asof import AsOf
from secondline.columns.bits import Bits, bools, packed
from secondline.columns.cells import Cells
from secondline.columns.kleene import Kleene
from secondline.condition import Truth
from secondline.diagram import Node
from secondline.entail import Entailment
from secondline.scales import TIERS
from secondline.tiers import UNDETERMINED

if TYPE_CHECKING:
    from secondline.forms.rules import Rule

Codes = NDArray[np.uint8]
TIER_CODES = (*TIERS, UNDETERMINED)
_AVOID = TIERS.index("avoid")
_CLOSED_AT = len(TIERS)  # as a level after all tiers


class Everyone(Entailment):
    """The rules of one day and jurisdiction over all patients: nothing is told before a patient is looked at."""

    def __init__(self, view: AsOf, cells: Cells) -> None:
        super().__init__(view, cells.findings, cells.known)
        self.__dict__["worlds"] = cells  # in place of one patient's

    def told(self, rule: Rule) -> Truth:
        return None

    def root(self, node: Node) -> Node:
        """Where something holds in a valid completion."""
        return self.worlds.diagrams.both(node, self.worlds.valid(node))

    def root_of_not(self, node: Node) -> Node:
        return self.root(self.worlds.diagrams.negation(node))


class Answers(NamedTuple):
    """The answers to some rows, as bits: for each verdict, each rule that decides, each caution.

    Of a regimen's tier there are six rows of bits: where it is at least the second of TIERS, the third and so on, where
    it is closed, and where it is undetermined. `unanswered` are rows of which no completion is valid.
    """

    rows: int
    verdicts: dict[str, Bits]
    deciding: dict[str, Bits]
    tiers: dict[str, Bits]
    cautions: dict[str, Bits]
    unanswered: Bits

    def codes(self, regimen: str) -> Codes:
        """The places of a regimen's tiers in TIER_CODES; where it is closed it is any."""
        *levels, undetermined = self.tiers[regimen]
        codes = np.zeros(self.rows, dtype=np.uint8)
        for bits in levels:
            codes += bools(bits, self.rows)
        if undetermined.any():
            np.maximum(codes, bools(undetermined, self.rows) * np.uint8(_CLOSED_AT), out=codes)
        return codes

    def closed(self, regimen: str) -> Bits:
        """Where a regimen is no option."""
        bits: Bits = self.tiers[regimen][_CLOSED_AT - 1]
        return bits


class Outcomes:
    """One set of rules in effect, ready for tables."""

    def __init__(self, view: AsOf, cells: Cells, late: Collection[str] = ()) -> None:
        """`late` names the rules that were due for review before the day asked."""
        self.view, self.late = view, late
        every = Everyone(view, cells)
        dd = cells.diagrams
        self.verdicts = {v: every.root(node) for v, node in every.verdicts.items() if v != "conflict"}
        self.live = {rule.id: every.root(every.live[rule.id]) for rule in sorted(view.verdicts, key=lambda r: r.id)}
        individual = every.verdicts["individualise"]
        self.live_apart = {rule.id: every.root(dd.both(every.live[rule.id], individual)) for rule in view.verdicts}
        closing = every.closing()
        self.closing = {gate.id: (every.root(node), every.root_of_not(node)) for gate, node in closing}
        self.not_closed = every.root_of_not(dd.any_of(node for _, node in closing))
        self.tiers: dict[str, dict[str, Node]] = {}
        self.overdue: list[Node] = []
        for regimen in sorted(view.options):
            ways = every.all_ways(regimen)
            self.overdue += [every.root(node) for rule, node in ways.rules if rule.id in late]
            self.tiers[regimen] = {tier: every.root(dd.any_of(nodes)) for tier, nodes in ways.tiers().items()}
        self.gates_on = {regimen: view.gates_on[regimen] for regimen in self.tiers}
        self.regimens_of: dict[str, list[str]] = {}
        for regimen, some in self.gates_on.items():
            for gate in some:
                self.regimens_of.setdefault(gate.id, []).append(regimen)
        gates = {gate.id: gate for gates in self.gates_on.values() for gate in gates}
        self.gates = {name: every.root_of_not(every.where(gate)) for name, gate in sorted(gates.items())}
        for rule in view.cautions:
            every.where(rule)  # so that there is a variable for each fact it reads

    def roots(self) -> Iterable[Node]:
        """The nodes that an answer is made of."""
        yield from (*self.verdicts.values(), *self.live.values(), *self.live_apart.values(), self.not_closed)
        for one, other in self.closing.values():
            yield from (one, other)
        for tiers in self.tiers.values():
            yield from tiers.values()
        yield from (*self.gates.values(), *self.overdue)

    def answers(self, held: dict[Node, Bits], kleene: Kleene) -> Answers:
        """The answers to a table, by where each of the nodes is possible in it."""
        rows = kleene.marks.rows
        possible = {verdict: held[node] for verdict, node in self.verdicts.items()}
        some, several = _one_and_two(list(possible.values()))
        settled = {verdict: bits & ~several for verdict, bits in possible.items()}
        never = np.zeros_like(some)
        others = _any([bits for v, bits in possible.items() if v not in ("continue", "individualise")], never)
        either = possible.get("continue", never) & possible["individualise"] & ~others
        in_use = settled.get("continue", never) | either
        closing = self._closing(held, in_use, never)
        closed = _any(list(closing.values()), never)
        kept = {v: bits & ~closed if v == "continue" else bits for v, bits in settled.items()}
        by_rule = _any(list(kept.values()), never)
        deciding = dict(closing)
        for rule, node in self.live.items():
            deciding[rule] = (held[node] & by_rule & ~closed) | (held[self.live_apart[rule]] & either & closed)
        kept["individualise"] = kept["individualise"] | closed
        kept["undetermined"] = several & ~closed
        in_scope = ~kept.get("out-of-scope", never)
        surely = {name: ~held[node] for name, node in self.gates.items()}
        tiers = {regimen: self._levels(regimen, held, surely, in_scope) for regimen in self.tiers}
        cautions = {rule.id: kleene.rails(rule.when).true for rule in self.view.cautions}
        for gate, bits in surely.items():
            cautions[gate] = bits & _any([~tiers[regimen][_CLOSED_AT - 1] for regimen in self.regimens_of[gate]], never)
        overdue = _any([held[node] for node in self.overdue], never) & in_scope
        cautions["review-by"] = overdue | _any([bits for rule, bits in deciding.items() if rule in self.late], never)
        return Answers(rows, kept, deciding, tiers, cautions, ~some)

    def _closing(self, held: dict[Node, Bits], in_use: Bits, never: Bits) -> dict[str, Bits]:
        """Where each gate closes the inhibitor in use for sure, or is one of several of which one does."""
        closing = {gate: in_use & ~held[fails] for gate, (_, fails) in self.closing.items()}
        surely = _any(list(closing.values()), never)
        may = {gate: held[holds] for gate, (holds, _) in self.closing.items()}
        together = in_use & ~surely & ~held[self.not_closed] & _one_and_two([*may.values(), never, never])[1]
        return {gate: bits | (together & may[gate]) for gate, bits in closing.items()}

    def _levels(self, regimen: str, held: dict[Node, Bits], surely: dict[str, Bits], in_scope: Bits) -> Bits:
        """The bits of a regimen's tier: what its rules can give, after the gates that hold."""
        never, always = in_scope & ~in_scope, in_scope | ~in_scope
        lowered = [always, *[never] * _CLOSED_AT]  # by at least so many steps
        limited = [always, *[never] * _CLOSED_AT]  # to at best this tier
        for gate in self.gates_on[regimen]:
            bits = surely[gate.id]
            if (gate.then.lower or gate.then.tier) and bits.any():
                step = gate.then.lower or 0
                for at in range(_CLOSED_AT, 0, -1) if step else ():
                    lowered[at] = lowered[at] | (bits & lowered[max(at - step, 0)])
                for at in range(1, TIERS.index(gate.then.tier) + 1) if gate.then.tier else ():
                    limited[at] = limited[at] | bits
        every, some = [never] * (_CLOSED_AT + 1), [never] * (_CLOSED_AT + 1)
        for tier, node in self.tiers[regimen].items():
            bits = held[node]
            if not bits.any():
                continue
            at = TIERS.index(tier) if tier in TIERS else _CLOSED_AT
            for level in range(1, _CLOSED_AT + 1):
                if level <= at:
                    some[level] = some[level] | bits
                elif level == _CLOSED_AT:
                    every[level] = every[level] | bits
                else:
                    reached = limited[level] | lowered[level - at] if level <= _AVOID else limited[level]
                    some[level] = some[level] | (bits & reached)
                    every[level] = every[level] | (bits & ~reached)
        found = np.empty((_CLOSED_AT + 1, len(in_scope)), dtype=np.uint64)
        for level in range(1, _CLOSED_AT + 1):
            found[level - 1] = ~every[level] | ~in_scope
        found[_CLOSED_AT] = in_scope & _any([some[level] & every[level] for level in range(1, _CLOSED_AT + 1)], never)
        return found


def merged(answers: Sequence[Answers], where: Sequence[NDArray[np.bool_]]) -> Answers:
    """Of several answers to the same rows the one that each row asks for."""
    mine = [packed(rows) for rows in where]
    return _combined(answers, answers[0].rows, lambda place, bits: bits & mine[place])


def joined(answers: Sequence[Answers], order: NDArray[np.int64]) -> Answers:
    """Answers to parts of some rows as answers to all; `order` says which rows the parts are."""
    ends = np.cumsum([part.rows for part in answers]).tolist()

    def spread(place: int, bits: Bits) -> Bits:
        rows = answers[place].rows
        held = bools(bits, rows)
        whole = np.zeros((*bits.shape[:-1], len(order)), dtype=bool)
        whole[..., order[ends[place] - rows : ends[place]]] = held
        return packed(whole)

    return _combined(answers, len(order), spread)


def _combined(answers: Sequence[Answers], rows: int, placed: Callable[[int, Bits], Bits]) -> Answers:
    """One answer of several, each of which speaks for some rows; a regimen that one does not know is closed there."""
    never = np.zeros(-(-rows // 64), dtype=np.uint64)

    def together(held: Sequence[Mapping[str, Bits]]) -> dict[str, Bits]:
        found: dict[str, Bits] = {}
        for place, one in enumerate(held):
            for name, bits in one.items():
                if bits.any():
                    found[name] = found.get(name, never) | placed(place, bits)
        return found

    regimens = sorted({regimen for one in answers for regimen in one.tiers})
    return Answers(
        rows,
        together([one.verdicts for one in answers]),
        together([one.deciding for one in answers]),
        together(
            [{name: one.tiers[name] if name in one.tiers else _closed(one) for name in regimens} for one in answers]
        ),
        together([one.cautions for one in answers]),
        together([{"": one.unanswered} for one in answers]).get("", never),
    )


def _closed(answers: Answers) -> Bits:
    """The bits of a tier that is closed in every row."""
    found = np.full((_CLOSED_AT + 1, len(answers.unanswered)), np.iinfo(np.uint64).max, dtype=np.uint64)
    found[_CLOSED_AT] = 0
    return found


def _any(rows: Sequence[Bits], never: Bits) -> Bits:
    found = never
    for row in rows:
        found = found | row
    return found


def _one_and_two(rows: Sequence[Bits]) -> tuple[Bits, Bits]:
    """Where at least one of these holds, and where at least two do."""
    one, two = np.zeros_like(rows[0]), np.zeros_like(rows[0])
    for row in rows:
        two |= one & row
        one |= row
    return one, two
