"""Which unknown facts are worth finding out: what each result could change, and in which order to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from secondline.diagram import ALWAYS, NEVER, Node
from secondline.entail import Entailment, Facts, after
from secondline.patient import MENOPAUSE, SEX
from secondline.scales import OFFERED, TIERS
from secondline.states import State
from secondline.tiers import CLOSED, UNDETERMINED

if TYPE_CHECKING:
    from secondline.forms.rules import Gate
    from secondline.worlds import Worlds

_Fixed = Mapping[int, int]  # values of variables, by their numbers
MOST_RESULTS = 32  # of one fact, that its place in the order rests on


class Result(NamedTuple):
    """One result of finding out a fact: its share where all results are alike, the verdict and the tiers it gives."""

    states: Mapping[str, State]
    share: float
    verdict: str
    tiers: dict[str, str]


class Worth(NamedTuple):
    """What finding out a fact can do: settle or change the verdict, open or close regimens, move a tier otherwise."""

    fact: str
    results: tuple[Result, ...]
    verdict: bool
    changes: tuple[str, ...]
    moves: tuple[str, ...]
    rank: tuple[float | str, ...]

    @classmethod
    def unknown(cls, fact: str) -> Worth:
        """Of a fact whose effect was too much to work out."""
        return cls(fact, (), verdict=False, changes=(), moves=(), rank=(fact,))


class Answered(NamedTuple):
    """What stands before anything is found out: the verdict, the facts that settle it, the tiers."""

    verdict: str
    missing: frozenset[str]
    tiers: Mapping[str, str]


class Appraisal:
    """The worth of each unknown fact for one answer."""

    def __init__(self, entailment: Entailment, now: Answered) -> None:
        self.entailment, self.now = entailment, now
        self.worlds = entailment.worlds
        self.outcomes: dict[str, Node] = {now.verdict: ALWAYS}
        if now.verdict == UNDETERMINED:
            self.outcomes = {v: n for v, n in entailment.verdicts.items() if v != "conflict"}
        gates = [gate for gate, _ in entailment.closing()] if "continue" in self.outcomes else []
        self.in_use = entailment.closed_in_use(gates)
        self.options = dict(self._options())
        self.deciding = self._support([*self.outcomes.values(), self.in_use])

    def _options(self) -> Iterator[tuple[str, _Open]]:
        """The regimens whose tier, or a gate on it, is open."""
        entailment, worlds = self.entailment, self.worlds
        for regimen in self.now.tiers:
            gates = entailment.view.gates_on[regimen]
            if all(entailment.told(rule) is not None for rule in (*entailment.view.options[regimen], *gates)):
                continue
            ways = entailment.ways(regimen)
            if ways is None:
                continue
            open_gates = [(gate, entailment.where(gate)) for gate in gates if entailment.holds(gate) is None]
            tiers = {tier: worlds.diagrams.any_of(nodes) for tier, nodes in ways.tiers().items()}
            tiers = {tier: node for tier, node in tiers.items() if worlds.possible(node)}
            deciding = self._support(tiers.values())
            concerned = deciding | self._support(node for _, node in open_gates)
            yield (
                regimen,
                _Open(
                    tiers,
                    tuple(tiers),
                    tuple(gate for gate in gates if entailment.holds(gate)),
                    open_gates,
                    worlds.linked(deciding),
                    concerned,
                    worlds.linked(concerned),
                ),
            )

    def _support(self, nodes: Iterable[Node]) -> frozenset[int]:
        return frozenset[int]().union(*map(self.worlds.diagrams.support, nodes))

    def facts(self) -> Facts:
        """The unknown facts on which the verdict, a tier or a gate depends, or which are linked with one of those."""
        worlds = self.worlds
        held = worlds.linked(self.deciding.union(*(held.concerned for held in self.options.values())))
        facts = {worlds.variables[i].fact for i in held} - {""}
        return tuple(sorted(facts | ({MENOPAUSE} if SEX in facts else set())))

    def of(self, fact: str, prevalence: Mapping[str, float]) -> Worth:
        """What a fact is worth; `prevalence` gives the stated share of patients with each of its results."""
        worlds, now = self.worlds, self.now
        mine = worlds.of_fact((fact,))
        known = OnceKnown(self.entailment, fact)
        regimens = [regimen for regimen, held in self.options.items() if held.concerned & known.near]
        tiers = {name: self._tiers(name, mine, known) for name in regimens}
        changes = tuple(
            sorted(n for n, some in tiers.items() if any(opens_or_closes(now.tiers[n], tier) for tier in some))
        )
        moves = tuple(
            sorted(n for n, some in tiers.items() if n not in changes and some - {UNDETERMINED, now.tiers[n]})
        )
        verdict = any(
            self._verdict(known, fixed) != now.verdict
            for fixed in valid_values(worlds, mine & worlds.linked(self.deciding))
        )
        results = tuple(self._results(fact, mine, known, regimens, prevalence))
        settles = [now.verdict == UNDETERMINED and result.verdict != UNDETERMINED for result in results]
        decided = [self._decided(result.tiers) for result in results]
        opened = [TIERS.index(t) for result in results for n, t in result.tiers.items() if t in TIERS and n in changes]
        rank = ranked(
            fact,
            [result.share for result in results],
            settles,
            decided,
            missing=fact in now.missing,
            changes_verdict=verdict and now.verdict != UNDETERMINED,
            changes=len(changes),
            opened=min(opened, default=len(TIERS)),
            moves=len(moves),
        )
        return Worth(fact, results, verdict, changes, moves, rank)

    def _tiers(self, regimen: str, mine: frozenset[int], known: OnceKnown) -> set[str]:
        """The tiers that results of a fact give a regimen."""
        return {
            self._tier(regimen, known, fixed) for fixed in valid_values(self.worlds, mine & self.options[regimen].near)
        }

    def _verdict(self, known: OnceKnown, fixed: _Fixed) -> str:
        return known.verdict(self.outcomes, self.in_use, fixed)

    def _tier(self, regimen: str, known: OnceKnown, fixed: _Fixed) -> str:
        """The tier once a fact is known; worked out once for all values that are alike to the regimen."""
        held = self.options[regimen]
        key = (regimen, tuple((i, value) for i, value in fixed.items() if i in held.near))
        if key not in known.tiers:
            holding = (*held.holding, *(gate for gate, node in held.gates if known.certain(node, fixed)))
            open_still = known.possible_of(held.tiers, fixed) if held.deciding & known.near else held.possible
            known.tiers[key] = common(after(tier, holding) for tier in open_still)
        return known.tiers[key]

    def _decided(self, tiers: Mapping[str, str]) -> int:
        """How many regimens that were open are settled."""
        return sum(tier != UNDETERMINED and self.now.tiers[name] == UNDETERMINED for name, tier in tiers.items())

    def _results(
        self,
        fact: str,
        mine: frozenset[int],
        known: OnceKnown,
        regimens: Sequence[str],
        prevalence: Mapping[str, float],
    ) -> Iterator[Result]:
        """What each result gives; of a set with many members the first ones, on which only its order rests."""
        worlds = self.worlds
        read = worlds.linked(self.deciding.union(*(self.options[name].concerned for name in regimens)))
        found = list(islice(valid_values(worlds, mine & read or mine), MOST_RESULTS))
        states = [
            {
                path: state
                for i, value in fixed.items()
                for path, state in worlds.variables[i].values[value].states.items()
            }
            for fixed in found
        ]
        for fixed, told, share in zip(found, states, shares_of(fact, states, prevalence), strict=True):
            tiers = {name: self._tier(name, known, fixed) for name in regimens}
            yield Result(told, share, self._verdict(known, fixed), tiers)


class OnceKnown:
    """What stands once one fact is known, by its value."""

    def __init__(self, entailment: Entailment, fact: str) -> None:
        self.worlds, self.entailment, self.fact = entailment.worlds, entailment, fact
        self.tiers: dict[tuple[str, tuple[tuple[int, int], ...]], str] = {}
        self._several = len(self.worlds.of_fact((fact,))) > 1
        self._whole: dict[Node, Node] = {}

    @cached_property
    def near(self) -> frozenset[int]:
        """The variables that it can bear on."""
        mine = self.worlds.of_fact((self.fact,))
        again = frozenset(i for i, v in enumerate(self.worlds.variables) if v.about == f"again:{self.fact}")
        told = self.worlds.of_fact((SEX,)) if self.fact == MENOPAUSE else frozenset[int]()  # no man has such a status
        return self.worlds.linked(mine | again | told)

    def verdict(self, outcomes: Mapping[str, Node], in_use: Node, fixed: _Fixed) -> str:
        """The verdict; `in_use` is where a gate closes the inhibitor in use."""
        possible = set(self.possible_of(outcomes, fixed))
        if "continue" in possible and self.certain(in_use, fixed):
            possible = possible - {"continue"} | {"individualise"}
        return common(possible)

    def possible_of(self, outcomes: Mapping[str, Node], fixed: _Fixed) -> list[str]:
        """The outcomes that can still be."""
        return [outcome for outcome, node in outcomes.items() if self.possible(node, fixed)]

    def whole(self, node: Node) -> Node:
        """Where something can still hold once the fact is known."""
        if node not in self._whole:
            asked = self.entailment.reached if self._several else self.entailment.once_known
            self._whole[node] = asked((self.fact,), node)
        return self._whole[node]

    def possible(self, node: Node, fixed: _Fixed) -> bool:
        """Whether something can still hold once the fact is known so."""
        return self.worlds.diagrams.can_hold(self.whole(node), fixed)

    def certain(self, node: Node, fixed: _Fixed) -> bool:
        """Whether something that was open now holds."""
        dd = self.worlds.diagrams
        return not dd.support(node).isdisjoint(self.near) and not self.possible(dd.negation(node), fixed)


class _Open(NamedTuple):
    """Where a regimen has each tier that it can have; the gates that hold in any case, and where the open ones hold.

    `deciding` are the variables of the tiers, `concerned` those of the gates too, `near` all that are linked with them.
    """

    tiers: dict[str, Node]
    possible: tuple[str, ...]
    holding: tuple[Gate, ...]
    gates: list[tuple[Gate, Node]]
    deciding: frozenset[int]
    concerned: frozenset[int]
    near: frozenset[int]


def valid_values(worlds: Worlds, variables: frozenset[int]) -> Iterator[_Fixed]:
    """Every combination of values of some variables that no contradiction excludes."""
    ordered = sorted(variables)
    links = worlds.valid_among(variables)
    for indexes in product(*(range(len(worlds.variables[i].values)) for i in ordered)):
        fixed: _Fixed = dict(zip(ordered, indexes, strict=True))
        if worlds.diagrams.fixed(links, fixed) != NEVER:
            yield fixed


def common(outcomes: Iterable[str]) -> str:
    """The one outcome that is left, if it is one."""
    found = set(outcomes)
    return found.pop() if len(found) == 1 else UNDETERMINED


def opens_or_closes(before: str, tier: str) -> bool:
    """Whether a regimen opens or closes: a move between tiers that are offered, or not offered, is neither."""
    return tier != UNDETERMINED and _standing(tier) != _standing(before)


def _standing(tier: str) -> str:
    return "offered" if tier in OFFERED else UNDETERMINED if tier == UNDETERMINED else CLOSED


def shares_of(fact: str, states: Sequence[Mapping[str, State]], prevalence: Mapping[str, float]) -> list[float]:
    """The share of each result: as stated, what is left going to the others; alike where nothing is stated."""
    mains = [str(known.get(fact)) for known in states]
    names = list(dict.fromkeys(mains))
    stated = {name: prevalence[name] for name in names if name in prevalence}
    others = len(names) - len(stated)
    left = max(0.0, 1.0 - sum(stated.values()))
    return [(stated[name] if name in stated else left / others) / mains.count(name) for name in mains]


def ranked(
    fact: str,
    shares: Sequence[float],
    settles: Sequence[bool],
    decided: Sequence[int],
    *,
    missing: bool,
    changes_verdict: bool,
    changes: int,
    opened: int,
    moves: int,
) -> tuple[float | str, ...]:
    """The place of a fact in the order, as what is compared.

    By result there are its share, whether it settles the verdict, and how many open regimens it settles; `opened` is
    the best place in TIERS of those that open or close.
    """
    return (
        -min(settles, default=0),
        -_mean(shares, settles),
        -missing,
        -changes_verdict,
        -min(decided, default=0),
        -_mean(shares, decided),
        -changes,
        opened,
        -moves,
        fact,
    )


def _mean(shares: Sequence[float], gains: Sequence[int]) -> float:
    whole = sum(shares)
    return round(sum(share * gain for share, gain in zip(shares, gains, strict=True)) / whole, 9) if whole else 0.0
