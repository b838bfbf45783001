"""Every patient at once: what a rule base answers on one day in one jurisdiction, as decision diagrams over all facts.

The diagrams are those that tables are answered with (`columns.cells`). Here a tier is after its gates, and a patient
can be made of any function: a whole and plausible one, as near to a typical one as the function allows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from secondline.asof import AsOf
from secondline.authoring.patients import Facts, typical
from secondline.columns.cells import AGENT, AGENTS, CLASSES, DRUGS, FOLLOWING, STATED, Cells
from secondline.columns.outcomes import Everyone
from secondline.condition import Condition
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.domains import Stretch, Value
from secondline.facts import Fact, catalogue, main_of
from secondline.patient import TO_PROGRESSION, cannot_be
from secondline.rulebase import RuleBase
from secondline.scales import TIERS, lowest, step_down
from secondline.states import NOT_APPLICABLE
from secondline.tiers import CLOSED
from secondline.vocabulary import INHIBITOR
from secondline.worlds import Variable

CONFLICT, NONE_LIVE = "conflict", "none live"  # beside the verdicts
_ONLY_BY_THERAPIES = ("prior_cdk46.partner_class", TO_PROGRESSION)  # that tell that there was none
_OTHERWISE, _AS_STATED, _APART = 10, 1, 5  # what a value costs that is not the typical patient's


def prepared(base: RuleBase) -> Cells:
    """The variables of a rule base, with every one that a rule of any day asks for."""
    cells = Cells(base)
    cells.prepare()
    return cells


def pair(old: RuleBase, new: RuleBase) -> tuple[Cells, Cells]:
    """Two rule bases over the same variables: numbers are cut at the limits of both."""
    tests = {
        fact: tuple(dict.fromkeys((*old.tests_on.get(fact, ()), *new.tests_on.get(fact, ()))))
        for fact in (*old.tests_on, *(fact for fact in new.tests_on if fact not in old.tests_on))
    }
    both = [copy.copy(base) for base in (old, new)]
    for base in both:
        base.__dict__["tests_on"] = tests
    first = Cells(both[0])
    second = Cells(both[1], beside=first)
    for cells in (first, second):
        cells.prepare()
    return first, second


class Everybody:
    """What every patient is answered on one day in one jurisdiction."""

    def __init__(self, view: AsOf, cells: Cells | None = None) -> None:
        self.view = view
        self.cells = cells if cells is not None else prepared(view.base)
        self.diagrams = self.cells.diagrams
        self.every = Everyone(view, self.cells)
        self._tiers: dict[str, dict[str, Node]] = {}
        self._cost_of: list[list[int | None]] = []

    def where(self, condition: Condition) -> Node:
        """Where a condition holds."""
        return self.cells.where(condition)

    @property
    def valid(self) -> Node:
        """Where no contradiction stands, what can be is known to be, and of each biomarker a result is known."""
        cells = self.cells
        linked = cells.valid_among(frozenset(range(len(cells.variables))))
        return self.diagrams.all_of([linked, *self._applying(), *self._results()])

    def possible(self, node: Node) -> bool:
        """Whether there is a patient for whom it holds."""
        return self.diagrams.overlap(node, self.valid)

    @cached_property
    def verdicts(self) -> dict[str, Node]:
        """Where each verdict comes out, after the gates on the inhibitor in use; CONFLICT, and where NONE_LIVE."""
        dd, found = self.diagrams, dict(self.every.verdicts)
        closed = dd.any_of(node for _, node in self.every.closing())
        goes_on = found.get("continue", NEVER)
        found["continue"] = dd.without(goes_on, closed)
        found["individualise"] = dd.either(found["individualise"], dd.both(goes_on, closed))
        return {**found, NONE_LIVE: dd.negation(dd.any_of(self.every.live.values()))}

    def tiers(self, regimen: str) -> dict[str, Node]:
        """Where a regimen has each tier after its gates, and where it is closed or the patient out of scope."""
        if regimen not in self._tiers:
            self._tiers[regimen] = self._after_gates(regimen)
        return self._tiers[regimen]

    def _after_gates(self, regimen: str) -> dict[str, Node]:
        dd = self.diagrams
        in_scope = dd.negation(self.verdicts.get("out-of-scope", NEVER))
        before = {tier: dd.any_of(nodes) for tier, nodes in self.every.all_ways(regimen).tiers().items()}
        steps, caps = {0: ALWAYS}, {TIERS[0]: ALWAYS}
        for gate in self.view.gates_on[regimen]:
            here = self.every.where(gate) if gate.then.lower or gate.then.tier else NEVER
            if gate.then.lower:
                by = gate.then.lower
                steps = self._moved(steps, here, lambda step, by=by: min(step + by, len(TIERS)))
            if gate.then.tier:
                most = gate.then.tier
                caps = self._moved(caps, here, lambda cap, most=most: lowest(TIERS, [cap, most]) or cap)
        found: dict[str, Node] = {}
        for tier, node in before.items():
            inside = dd.both(node, in_scope)
            for step, stepped in steps.items() if tier != CLOSED else ():
                lowered = dd.both(inside, stepped)
                for cap, capped in caps.items() if lowered != NEVER else ():
                    after = lowest(TIERS, [step_down(TIERS, tier, step, "avoid"), cap]) or cap
                    found[after] = dd.either(found.get(after, NEVER), dd.both(lowered, capped))
        found[CLOSED] = dd.either(before[CLOSED], dd.negation(in_scope))
        return {tier: node for tier, node in found.items() if node != NEVER}

    def _moved(self, held: Mapping[Any, Node], here: Node, moved: Any) -> dict[Any, Node]:
        """What is held by steps or limits, once a gate moves it where it holds."""
        dd = self.diagrams
        found: dict[Any, Node] = {}
        for key, node in held.items():
            for after, part in ((key, dd.without(node, here)), (moved(key), dd.both(node, here))):
                if part != NEVER:
                    found[after] = dd.either(found.get(after, NEVER), part)
        return found

    # --- a patient ----------------------------------------------------------------------------------------

    def patient(self, node: Node) -> Facts | None:
        """A whole patient for whom a function holds, near the typical one; None where none can be.

        Facts that no rule reads are left out. None too where it takes a history that only therapies can state.
        """
        root = self.diagrams.both(node, self.valid)
        if root == NEVER:
            return None
        chosen = self._cheapest(root, self._costs())
        return None if chosen is None else self._facts(chosen)

    def _applying(self) -> Iterator[Node]:
        """Of what does not apply just where another fact says so, nothing else says so."""
        told = {rule.fact for rule in cannot_be()} - {*_ONLY_BY_THERAPIES}
        for variable, held in enumerate(self.cells.variables):
            if held.about in told:
                applies = [value.states[held.about] is not NOT_APPLICABLE for value in held.values]
                yield self.diagrams.literal(variable, applies)

    def _results(self) -> Iterator[Node]:
        """Of each biomarker a result is known; all its parts are, or it is a bare result."""
        dd = self.diagrams
        for variable, held in enumerate(self.cells.variables):
            if held.about.startswith(STATED):
                yield dd.literal(variable, [value.states[held.fact] is not None for value in held.values])
                bare, full = [], []
                for other, part in enumerate(self.cells.variables):
                    if part.about in catalogue() and main_of(part.about) == held.fact != part.about:
                        states = [value.states[part.about] for value in part.values]
                        full.append(dd.literal(other, [state is not NOT_APPLICABLE for state in states]))
                        as_bare = "at-progression" if part.about.endswith(".taken") else NOT_APPLICABLE
                        bare.append(dd.literal(other, [state == as_bare for state in states]))
                yield dd.either(dd.all_of(full), dd.all_of(bare))

    def _costs(self) -> list[list[int | None]]:
        """What each value of each variable costs; None where no patient made up here has it."""
        unstated = self.cells.turning_out()
        for variable in range(len(self._cost_of), len(self.cells.variables)):
            held = self.cells.variables[variable]
            self._cost_of.append([0] * len(held.values) if variable in unstated else self._cost(held))
        return self._cost_of

    def _cost(self, held: Variable) -> list[int | None]:
        if held.about == FOLLOWING:
            return [_APART, 0]
        first = self.cells.twice(held.fact)
        found: list[int | None] = []
        for place, value in enumerate(held.values):
            if held.about in catalogue() and _cannot_be_stated(held.about, value):
                found.append(None)
            else:
                found.append(
                    (0 if all(_is_typical(path, value) for path in value.states) else _OTHERWISE)
                    + (_AS_STATED if place < first else 0)
                )
        least = min((cost for cost in found if cost is not None), default=0)
        return [None if cost is None else cost - least for cost in found]

    def _cheapest(self, root: Node, costs: list[list[int | None]]) -> list[int] | None:
        """The values that cost the least among those with which a function holds, one for each variable."""
        dd = self.diagrams
        best: dict[Node, tuple[int, int] | None] = {ALWAYS: (0, 0), NEVER: None}
        todo = [root]
        while todo:
            node = todo[-1]
            ahead = [branch for branch in dd.branches[node] if branch not in best] if node not in best else []
            if ahead:
                todo += ahead
                continue
            todo.pop()
            if node not in best:
                ways = [
                    (cost + after[0], value)
                    for value, branch in enumerate(dd.branches[node])
                    if (after := best[branch]) is not None and (cost := costs[dd.variable[node]][value]) is not None
                ]
                best[node] = min(ways, default=None)
        chosen = [held.index(0) for held in costs]
        node = root
        while node > ALWAYS:
            way = best[node]
            if way is None:
                return None
            chosen[dd.variable[node]] = way[1]
            node = dd.branches[node][way[1]]
        return chosen

    def _facts(self, chosen: list[int]) -> Facts:
        found: Facts = {}
        asked: dict[str, dict[str, bool]] = {}
        stated: set[str] = set()
        bare: set[str] = set()
        unstated = self.cells.turning_out()
        for variable, (held, place) in enumerate(zip(self.cells.variables, chosen, strict=True)):
            value = held.values[place]
            if variable in unstated or held.about == FOLLOWING:
                continue
            if place < self.cells.twice(held.fact):
                stated.add(held.fact)
            for path, state in value.states.items():
                if path not in catalogue():  # a member of a set
                    asked.setdefault(held.fact, {})[path.removeprefix(f"{held.fact}:")] = bool(state)
                elif state is NOT_APPLICABLE:
                    bare.add(main_of(path))
                elif catalogue()[path].numeric and value.stretch is not None:
                    found[path] = plausible(value.stretch, catalogue()[path])
                elif state is not None:
                    found[path] = state
        for path, members in asked.items():
            found[path] = sorted(self._members(path, members, found))
        for path in [path for path in found if main_of(path) != path and main_of(path) in bare]:
            del found[path]
        for rule in cannot_be():
            if found.get(rule.other) in rule.values and (rule.stated or rule.fact not in stated):
                found.pop(rule.fact, None)
        return {path: found[path] for path in catalogue() if path in found}

    def _members(self, path: str, asked: Mapping[str, bool], found: Facts) -> set[str]:
        """A set with the members that rules ask for as chosen, and others as they go with the rest."""
        inside = {member for member, held in asked.items() if held}
        others = set(typical(path) or ())
        if path == DRUGS:
            others = {drug for drug in others if INHIBITOR not in (self.view.base.vocabulary.classes_of(drug) or ())}
            others |= {found[AGENT]} if found.get(AGENT) not in (None, "none", "other") else set()
        if path == AGENTS:
            others = set()
        if path == CLASSES and found.get(AGENT) == "none":
            others -= {INHIBITOR}
        return inside | (others - asked.keys())


def _cannot_be_stated(path: str, value: Value) -> bool:
    """Whether a value says that a fact does not apply, which no case states; of a part a bare result says so."""
    return main_of(path) == path and NOT_APPLICABLE in value.states.values()


def _is_typical(path: str, value: Value) -> bool:
    state = value.states[path]
    if path not in catalogue():
        fact, _, member = path.partition(":")
        return bool(state) is (member in (typical(fact) or ()))
    if main_of(path) != path and path.startswith("biomarkers."):
        return state is NOT_APPLICABLE or (path.endswith(".taken") and state == "at-progression")
    usual = typical(path)
    if value.stretch is not None and catalogue()[path].numeric:
        return usual is not None and _holds(value.stretch, usual)
    return bool(state == usual)


def _holds(stretch: Stretch, number: float) -> bool:
    above = number > stretch.low or (number == stretch.low and not stretch.low_open)
    return above and (number < stretch.high or (number == stretch.high and not stretch.high_open))


def plausible(stretch: Stretch, fact: Fact) -> float:
    """The number of a stretch that is nearest to the typical one, at least half a step from an open end."""
    usual = typical(fact.path)
    usual = usual if usual is not None else stretch.low
    if _holds(stretch, usual):
        return float(usual) if not float(usual).is_integer() else int(usual)
    upward = usual <= stretch.low
    end, is_open = (stretch.low, stretch.low_open) if upward else (stretch.high, stretch.high_open)
    room = stretch.high - stretch.low
    step = 0.0 if not is_open else 1.0 if fact.kind == "integer" else next(s for s in _steps(room) if s < room)
    number = round(end + step if upward else end - step, 6)
    return int(number) if float(number).is_integer() else number


def _steps(room: float) -> Iterator[float]:
    yield from (1.0, 0.5, 0.1, 0.01)
    yield room / 2
