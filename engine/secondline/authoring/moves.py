"""Who is answered otherwise on one day: verdicts, how they are graded, tiers; and that nobody else is.

Everybody is asked twice, of an old and a new rule base or on two days. An outcome moves where it is one thing before
and another after: a function of patients of whom everything is known. Of others what is unknown can turn out in several
ways; whoever cannot turn out to be in one of these regions is answered as before, provided that the parts an answer is
made of agree everywhere else. They are compared as well; where they do not, that is a `Loose` end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from secondline.authoring.everybody import Everybody
from secondline.authoring.paired import Pair, Region
from secondline.authoring.patients import Facts
from secondline.diagram import ALWAYS, NEVER, Diagrams, Node
from secondline.entail import gates_together
from secondline.errors import EngineError
from secondline.scales import CERTAINTIES, OFFERED, STRENGTHS, TIERS, VERDICTS, Jurisdiction, lowest
from secondline.tiers import CLOSED, Outcome, gated
from secondline.verdict import DIRECTIONS

if TYPE_CHECKING:
    from secondline.forms.rules import Gate

What = Literal["verdict", "conflict", "grading", "tier", "option grading"]
AGREE, DISAGREE = "rules agree", "rules disagree"
VERDICT: Final = "verdict"
_SETTLED = tuple(verdict for verdict in VERDICTS if verdict != "undetermined")
Nodes = Mapping[str, Node]


class View(NamedTuple):
    """What everybody is answered before and after, in one jurisdiction."""

    jurisdiction: Jurisdiction
    old: Everybody
    new: Everybody

    @property
    def both(self) -> tuple[Everybody, Everybody]:
        return self.old, self.new

    @property
    def regimens(self) -> list[str]:
        return sorted({*self.old.view.options, *self.new.view.options})


class Move(NamedTuple):
    """One outcome that becomes another: the verdict, whether rules disagree on it, its grading, or a regimen's tier.

    `about` is then the regimen, or the verdict that is graded.

    `old` and `new` are the rules and gates that give it there, `node` is where.
    """

    what: What
    about: str
    before: str
    after: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    jurisdictions: tuple[Jurisdiction, ...]
    node: Node
    region: Region
    example: Facts | None = None

    @property
    def offered(self) -> tuple[bool, bool]:
        """Whether a regimen is offered before, and after."""
        return self.before in OFFERED, self.after in OFFERED


class Loose(NamedTuple):
    """Where what an answer is made of differs, and the answer does not, as everything is known there.

    Where something is unknown, `about` (the verdict, or a regimen) may then be another, for patients who cannot turn
    out to be where it moves.
    """

    about: str
    node: Node
    moved: Node


class _Moved(NamedTuple):
    """A move before it is worded; of all who have an outcome before, and of all who have one after."""

    what: What
    about: str
    before: str
    after: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    node: Node
    had: Node
    has: Node


class Moves:
    """Everything that moves between two answers to everybody."""

    def __init__(self, pair: Pair, views: Sequence[View]) -> None:
        self.pair, self.views, self.diagrams = pair, views, pair.diagrams
        self.compared = 0  # outcomes held against one another
        self._found: dict[_Moved, list[Jurisdiction]] = {}
        self.loose: list[tuple[View, Loose]] = []
        for view in views:
            for about, moved, parts in self._of(view):
                for move in moved:
                    self._found.setdefault(move, []).append(view.jurisdiction)
                self._tie(about, view, [m.node for m in moved if m.what in (VERDICT, "tier")], parts)

    def best(self) -> dict[str, dict[Jurisdiction, tuple[str, str]]]:
        """The highest tier that anybody has before and after, of each regimen whose tier moves, by jurisdiction."""
        regimens = sorted({move.about for move in self._found if move.what == "tier"})
        return {
            regimen: {
                v.jurisdiction: (self._highest(v.old, regimen), self._highest(v.new, regimen)) for v in self.views
            }
            for regimen in regimens
        }

    def worded(self, wanted: Collection[str]) -> list[Move]:
        """Every move, the verdict's first; those of the wanted kinds with their region as a condition."""
        return [
            Move(
                *found[:6],
                tuple(where),
                found.node,
                self.pair.region(found.node, found.had, found.has)
                if found.what in wanted
                else Region("all", False, None, self.pair.regions.facts(found.node)),
            )
            for found, where in sorted(self._found.items(), key=_order)
        ]

    def _of(self, view: View) -> Iterator[tuple[str, list[_Moved], Node]]:
        """The verdict and each regimen: how it moves, and where the parts it is made of differ."""
        self.compared += len(_SETTLED)
        yield VERDICT, [*self._verdicts(view)], self._apart(view, VERDICT)
        for regimen in view.regimens:
            differ = self._apart(view, regimen)
            self.compared += len(TIERS) + 1
            tiers = [*self._tiers(view, regimen)] if differ != NEVER else []
            yield regimen, [*tiers, *self._option_grading(view, regimen)], differ

    # --- verdict ------------------------------------------------------------------------------------------

    def _verdicts(self, view: View) -> Iterator[_Moved]:
        dd = self.diagrams
        old, new = ({v: one.verdicts.get(v, NEVER) for v in _SETTLED} for one in view.both)
        for before, after, node in self._between(old, new):
            rules = tuple(self._deciding(one, node) for one in view.both)
            yield _Moved(VERDICT, VERDICT, before, after, rules[0], rules[1], node, old[before], new[after])
        conflicts = [one.every.verdicts["conflict"] for one in view.both]
        old, new = ({DISAGREE: node, AGREE: dd.negation(node)} for node in conflicts)
        for before, after, node in self._between(old, new):
            rules = tuple(self._deciding(one, node) for one in view.both)
            yield _Moved("conflict", VERDICT, before, after, rules[0], rules[1], node, old[before], new[after])
        for verdict in DIRECTIONS:
            grades = [_verdict_grades(one, verdict) for one in view.both]
            for before, after, node in self._between(*grades):
                rules = tuple(self._deciding(one, node) for one in view.both)
                had, has = grades[0][before], grades[1][after]
                yield _Moved("grading", verdict, before, after, rules[0], rules[1], node, had, has)

    def _deciding(self, one: Everybody, among: Node) -> tuple[str, ...]:
        """The rules that decide somewhere among some patients, and the gates that close the inhibitor in use."""
        dd, every = self.diagrams, one.every
        goes_on = every.verdicts.get("continue", NEVER)
        closing = [(gate.id, dd.both(node, goes_on)) for gate, node in every.closing()]
        closed = dd.any_of(node for _, node in closing)
        live = ((name, dd.without(node, closed)) for name, node in every.live.items())
        return tuple(sorted(name for name, node in (*closing, *live) if dd.overlap(node, among)))

    # --- options ------------------------------------------------------------------------------------------

    def _tiers(self, view: View, regimen: str) -> Iterator[_Moved]:
        old, new = (_tiers_of(one, regimen) for one in view.both)
        for before, after, node in self._between(old, new):
            rules = self._giving(view, regimen, node)
            yield _Moved("tier", regimen, before, after, *rules, node, old[before], new[after])

    def _highest(self, one: Everybody, regimen: str) -> str:
        """The highest tier that a regimen has for anybody."""
        held = _tiers_of(one, regimen)
        return next((t for t in TIERS if self.diagrams.overlap(held.get(t, NEVER), self.pair.whole)), CLOSED)

    def _option_grading(self, view: View, regimen: str) -> Iterator[_Moved]:
        """How a tier that stays is graded otherwise."""
        if _graded_by(view.old, regimen) == _graded_by(view.new, regimen):
            return
        graded = [_option_grades(one, regimen) for one in view.both]
        for tier in TIERS:
            for before, after, node in self._between(graded[0].get(tier, {}), graded[1].get(tier, {})):
                rules = self._giving(view, regimen, node)
                had, has = graded[0][tier][before], graded[1][tier][after]
                yield _Moved("option grading", regimen, before, after, *rules, node, had, has)

    def _giving(self, view: View, regimen: str, among: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What gives a regimen its tier among some patients, before and after: its rules, and gates that differ."""
        dd = self.diagrams
        gates = [{gate.id: (gate, one.every.where(gate)) for gate in _gates_on(one, regimen)} for one in view.both]
        scope = [dd.both(one.verdicts.get("out-of-scope", NEVER), among) for one in view.both]
        found: list[tuple[str, ...]] = []
        for side, one in enumerate(view.both):
            inside = dd.without(among, scope[side])
            names = self._deciding(one, among) if scope[0] != scope[1] else ()
            if regimen in one.view.options:
                names += tuple(r.id for r, node in one.every.all_ways(regimen).rules if dd.overlap(node, inside))
            for name, (gate, node) in gates[side].items():
                other = gates[1 - side].get(name)
                same = (
                    other
                    and vars(other[0].then) == vars(gate.then)
                    and not dd.overlap(self.pair.differs(other[1], node), among)
                )
                names += () if same or not dd.overlap(node, inside) else (name,)
            found.append(tuple(sorted(names)))
        return found[0], found[1]

    # --- what an answer is made of ------------------------------------------------------------------------

    def _between(self, old: Nodes, new: Nodes) -> Iterator[tuple[str, str, Node]]:
        """Where one outcome becomes another, among patients of whom everything is known."""
        dd, whole = self.diagrams, self.pair.whole
        for before, had in old.items():
            for after, has in new.items():
                node = dd.all_of((had, has, whole)) if before != after else NEVER
                if node != NEVER:
                    yield before, after, node

    def _apart(self, view: View, about: str) -> Node:
        return self.diagrams.both(apart(self.pair, view, about), self.pair.whole)

    def _tie(self, about: str, view: View, moves: Sequence[Node], parts: Node) -> None:
        """Hold what moves against what the answers are made of.

        Raises:
            EngineError: an answer moves though nothing that it is made of differs.
        """
        dd, moved = self.diagrams, self.diagrams.any_of(moves)
        if dd.without(moved, parts) != NEVER:
            raise EngineError(f"`{about}` changes for patients for whom nothing that it follows from does")
        left = dd.without(parts, moved)
        if left != NEVER:
            self.loose.append((view, Loose(about, left, moved)))


def _order(item: tuple[_Moved, list[Jurisdiction]]) -> tuple[object, ...]:
    move, where = item
    about = (
        (0, "") if move.what == VERDICT else (1, move.what) if move.what in ("conflict", "grading") else (2, move.about)
    )
    scale = (*_SETTLED, *TIERS, CLOSED)
    places = [scale.index(word) if word in scale else len(scale) for word in (move.after, move.before)]
    return (about, move.what == "option grading", *places, move.before, move.after, where)


def apart(pair: Pair, view: View, about: str) -> Node:
    """Where what the verdict or a regimen's tier follows from differs, for anybody, whatever is known."""
    dd = pair.diagrams
    if about == VERDICT:
        old, new = map(_parts_of_verdict, view.both)
    else:
        old, new = (_parts_of_tier(one, about) for one in view.both)
    found = dd.any_of(pair.differs(old.get(name, NEVER), new.get(name, NEVER)) for name in {**old, **new})
    return found if about == VERDICT else dd.either(found, _gates_apart(pair, view, about))


def _gates_apart(pair: Pair, view: View, regimen: str) -> Node:
    """Where gates that do the same to a regimen differ: where something is unknown, each counts by itself."""
    dd, found = pair.diagrams, NEVER
    old, new = (_gates_by_kind(one, regimen) for one in view.both)
    for kind in {**old, **new}:
        one, other = Counter(old.get(kind, ())), Counter(new.get(kind, ()))
        gone, come = [*(one - other).elements()], [*(other - one).elements()]
        swapped = len(gone) == len(come) == 1
        found = dd.either(found, pair.differs(gone[0], come[0]) if swapped else dd.any_of((*gone, *come)))
    return found


def _parts_of_verdict(one: Everybody) -> Nodes:
    """What a verdict follows from: where rules give it, and where a gate closes the inhibitor in use."""
    return {**one.every.verdicts, "closed in use": one.diagrams.any_of(node for _, node in one.every.closing())}


def _parts_of_tier(one: Everybody, regimen: str) -> Nodes:
    """What a tier follows from beside gates: where rules give it, and where it is out of scope."""
    if regimen not in one.view.options:
        return {CLOSED: ALWAYS}
    tiers = {tier: one.diagrams.any_of(nodes) for tier, nodes in one.every.all_ways(regimen).tiers().items()}
    return {**tiers, "out-of-scope": one.verdicts.get("out-of-scope", NEVER)}


def _gates_on(one: Everybody, regimen: str) -> list[Gate]:
    """The gates that apply to a regimen, whether or not a rule offers it."""
    base = one.view.base
    return [gate for gate in one.view.gates if base.applies(gate, regimen, base.agents_of(regimen))]


def _gates_by_kind(one: Everybody, regimen: str) -> dict[tuple[str | None, int | None], list[Node]]:
    """Where the gates on a regimen hold, by what they do to its tier."""
    found: dict[tuple[str | None, int | None], list[Node]] = {}
    for gate in one.view.gates_on.get(regimen, ()):
        if gate.then.tier or gate.then.lower:
            found.setdefault((gate.then.tier, gate.then.lower), []).append(one.every.where(gate))
    return found


def _graded_by(one: Everybody, regimen: str) -> object:
    """All that tiers and grading of a regimen follow from."""
    rules = one.every.all_ways(regimen).rules if regimen in one.view.options else ()
    gates = [(vars(gate.then), one.every.where(gate)) for gate in one.view.gates_on.get(regimen, ())]
    return (
        sorted((*vars(rule.then).values(), node) for rule, node in rules),
        sorted((sorted((k, str(v)) for k, v in then.items()), node) for then, node in gates),
        one.verdicts.get("out-of-scope", NEVER),
    )


def _tiers_of(one: Everybody, regimen: str) -> Nodes:
    return one.tiers(regimen) if regimen in one.view.options else {CLOSED: ALWAYS}


# --- grading ----------------------------------------------------------------------------------------------


def _verdict_grades(one: Everybody, verdict: str) -> dict[str, Node]:
    """Where a verdict has each strength and certainty: the lowest among the rules that decide."""
    dd, among = one.diagrams, one.verdicts.get(verdict, NEVER)
    rules = [rule for rule in one.view.verdicts if rule.then.verdict == verdict]
    graded = [((str(r.then.strength), str(r.then.certainty)), dd.both(one.every.live[r.id], among)) for r in rules]
    return {_grade(*grade): node for grade, node in _lowest(dd, graded)}


def _option_grades(one: Everybody, regimen: str) -> dict[str, dict[str, Node]]:
    """Where a regimen has each strength and certainty, by its tier; all after its gates."""
    dd = one.diagrams
    found: dict[str, dict[str, Node]] = {}
    if regimen not in one.view.options:
        return found
    in_scope = dd.negation(one.verdicts.get("out-of-scope", NEVER))
    gates = [(some, dd.both(node, in_scope)) for some, node in _gates_together(one, regimen)]
    rules = one.every.all_ways(regimen).rules
    for tier in dict.fromkeys(rule.then.tier for rule, _ in rules):
        graded = [((rule.then.strength, rule.then.certainty), node) for rule, node in rules if rule.then.tier == tier]
        for (strength, certainty), node in _lowest(dd, graded):
            for some, held in gates:
                here = dd.both(node, held)
                if here != NEVER:
                    after = gated(Outcome(tier, strength, certainty), some)
                    by_grade = found.setdefault(after.tier, {})
                    name = _grade(str(after.strength), str(after.certainty))
                    by_grade[name] = dd.either(by_grade.get(name, NEVER), here)
    return found


def _grade(strength: str, certainty: str) -> str:
    return f"{strength}, {certainty}"


def _lowest(dd: Diagrams, graded: Sequence[tuple[tuple[str, str], Node]]) -> Iterator[tuple[tuple[str, str], Node]]:
    """Where each strength and certainty is the lowest among what holds."""
    scales: list[list[tuple[str, Node]]] = []
    for at, scale in enumerate((STRENGTHS, CERTAINTIES)):
        lower, found = NEVER, list[tuple[str, Node]]()
        for value in reversed(scale):
            here = dd.any_of(node for grade, node in graded if grade[at] == value)
            found.append((value, dd.without(here, lower)))
            lower = dd.either(lower, here)
        scales.append(found)
    for (strength, one), (certainty, other) in product(*scales):
        node = dd.both(one, other)
        if node != NEVER:
            yield (strength, certainty), node


def _gates_together(one: Everybody, regimen: str) -> list[tuple[tuple[Gate, ...], Node]]:
    """Gates that count together, those that come to the same as one, and where they do."""
    dd = one.diagrams
    wheres = [(gate, one.every.where(gate)) for gate in one.view.gates_on[regimen]]
    return gates_together(dd, [(gate, where, dd.negation(where)) for gate, where in wheres], _weight)


def _weight(gates: Sequence[Gate]) -> object:
    """What gates come to: how far they lower tier and certainty, the strictest of each, the strengths they name."""
    lower, lower_certainty = (sum(getattr(g.then, name) or 0 for g in gates) for name in ("lower", "lower_certainty"))
    tier = lowest(TIERS, [gate.then.tier for gate in gates if gate.then.tier])
    certainty = lowest(CERTAINTIES, [gate.then.certainty for gate in gates if gate.then.certainty])
    named = frozenset((g.then.tier, bool(g.then.lower), g.then.strength) for g in gates if g.then.strength)
    return min(lower, len(TIERS)), min(lower_certainty, len(CERTAINTIES)), tier, certainty, named
