"""What holds in every valid way in which unknown facts can turn out, and the least sets of facts that settle something.

Three-valued logic comes first and decides most; what it leaves open is judged exactly, as decision diagrams over the
unknown facts (`worlds`). Where that needs more than is allowed, the answer stays open and says so: it is never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from secondline.asof import AsOf
from secondline.condition import Check, Test, Truth
from secondline.diagram import ALWAYS, NEVER, Diagrams, Node, TooManyNodes
from secondline.history import ANY_INHIBITOR
from secondline.inference.reference import Findings
from secondline.patient import MENOPAUSE, PROGRESSED, SEX, Known
from secondline.scales import OFFERED, TIERS, VERDICTS
from secondline.states import OneOf
from secondline.tiers import CLOSED, UNDETERMINED, Outcome, gated
from secondline.verdict import Decision, decide
from secondline.vocabulary import INHIBITOR
from secondline.worlds import Undecidable, Worlds

if TYPE_CHECKING:
    from secondline.forms.rules import Gate, OptionRule, Rule, VerdictRule
    from secondline.scales import Verdict

FEW = 5  # facts of which every set is tried
MOST_SETS = 400  # sets of facts tried when the least ones are looked for
Facts = tuple[str, ...]
_EXTENT, _STATUS = "progression.extent", "progression.status"
_TELLING = {_STATUS: _EXTENT, MENOPAUSE: SEX}  # which once known tell something of another fact
_AGENT = "prior_cdk46.agent"
_Found = TypeVar("_Found")
GatedBy = Callable[[str, Sequence["Gate"]], str]


class Ways(NamedTuple):
    """How one regimen can turn out: where each of its rules gives the tier, and where none of them holds."""

    regimen: str
    rules: tuple[tuple[OptionRule, Node], ...]
    closed: Node

    def tiers(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for rule, node in self.rules:
            found.setdefault(rule.then.tier, []).append(node)
        return {**found, CLOSED: [self.closed]}


class Entailment:
    """One patient's answer over every valid completion of what is unknown.

    `exhausted` says that something needed more than is allowed, and was left to three-valued logic; `shortened` that
    not every least set was looked for.
    """

    def __init__(self, view: AsOf, findings: Findings, known: Known) -> None:
        self.view, self.base, self.findings = view, view.base, findings
        self.known = known
        self.exhausted = self.shortened = False
        self._ways: dict[str, Ways | None] = {}
        self._held: dict[str, Truth] = {}
        self._once_known: dict[tuple[Node, frozenset[str], int], Node] = {}

    @cached_property
    def worlds(self) -> Worlds:
        return Worlds(self.base, self.findings, self.known)

    @cached_property
    def shaken(self) -> frozenset[str]:
        return self.worlds.shaken()

    def attempt(self, exact: Callable[[], _Found]) -> _Found | None:
        """Something worked out over all completions; None where that is too much."""
        try:
            return exact()
        except (TooManyNodes, Undecidable):
            self.exhausted = True
            return None

    @cached_property
    def open(self) -> bool:
        """Whether an unknown fact can bear on any rule."""
        return bool(self.shaken) or None in self.findings.inference.rules.values()

    # --- rules --------------------------------------------------------------------------------------------

    def told(self, rule: Rule) -> Truth:
        """Whether a rule fires, where three-valued logic tells and no unknown fact can take that back."""
        if not self.shaken:
            return self.findings.inference.rules[rule.id]
        return self.findings.fires(rule.id) if self.shaken.isdisjoint(self.base.reads[rule.id]) else None

    def where(self, rule: Rule) -> Node:
        """Where a rule fires."""
        told = self.told(rule)
        return self.worlds.where(rule.when) if told is None else ALWAYS if told else NEVER

    def holds(self, rule: Rule) -> Truth:
        """Whether a rule fires in every completion, in none, or in some."""
        if rule.id not in self._held:
            told = self.told(rule)
            self._held[rule.id] = told if told is not None else self.attempt(lambda: self._holds(rule))
        return self._held[rule.id]

    def _holds(self, rule: Rule) -> Truth:
        return self._truth(self.where(rule))

    def _truth(self, node: Node) -> Truth:
        if not self.worlds.possible(node):
            return False
        return True if self.worlds.certain(node) else None

    def open_facts(self, rules: Sequence[Rule]) -> Facts:
        """The unknown facts that decide whether these rules fire."""
        rules = [rule for rule in rules if self.told(rule) is None]
        found = self.attempt(lambda: self.worlds.facts_of(*map(self.where, rules)))
        return self._unknown_of(rules) if found is None else found

    def _unknown_of(self, rules: Sequence[Rule]) -> Facts:
        """The facts that rules read and that are not known whole."""
        facts = self.findings.facts
        read = frozenset[str]().union(*(self.base.reads[rule.id] for rule in rules))
        return tuple(sorted(fact for fact in read if not isinstance(facts.get(fact), (str, int, float))))

    # --- verdict ------------------------------------------------------------------------------------------

    @cached_property
    def live(self) -> dict[str, Node]:
        """Where each verdict rule is live."""
        dd, found = self.worlds.diagrams, dict[str, Node]()
        for rule in self.view.verdicts:
            above = [found[name] for name in self.base.overriders[rule.id] if name in found]
            found[rule.id] = dd.without(self.where(rule), dd.any_of(above))
        return found

    @cached_property
    def verdicts(self) -> dict[str, Node]:
        """Where each verdict comes out, before the gates on the inhibitor in use, and where rules are in conflict."""
        dd = self.worlds.diagrams
        says: dict[str, Node] = {
            verdict: dd.any_of(self.live[rule.id] for rule in self.view.verdicts if rule.then.verdict == verdict)
            for verdict in dict.fromkeys(rule.then.verdict for rule in self.view.verdicts)
        }
        conflict = dd.any_of(dd.both(one, other) for one, other in combinations(says.values(), 2))
        found = {verdict: dd.without(node, conflict) for verdict, node in says.items() if verdict != "individualise"}
        found["individualise"] = dd.negation(dd.any_of(found.values()))
        return {**{verdict: found[verdict] for verdict in VERDICTS if verdict in found}, "conflict": conflict}

    def decide(self) -> Decision:
        """The verdict that every completion gives, with the rules that are live in any of them."""
        rules = self.view.verdicts
        found = decide(rules, self.findings.inference.rules, self.base.overriders)
        sure = found.settled and all(self.told(rule) is self.findings.fires(rule.id) for rule in rules)
        if sure and all(found.live[rule.id] is not None for rule in rules):
            return found
        return self.attempt(lambda: self._decide(found)) or (
            found if sure else Decision("undetermined", (), found.live)
        )

    def _decide(self, before: Decision) -> Decision:
        possible = self._verdicts()
        if len(possible) != 1:
            return Decision("undetermined", (), before.live)
        conflict = self._possible_live(self.verdicts["conflict"])
        return Decision(cast("Verdict", possible[0]), self._possible_live(), before.live, conflict=conflict)

    def _verdicts(self) -> list[str]:
        """The verdicts that some completion gives."""
        return [verdict for verdict in VERDICTS if self.worlds.possible(self.verdicts.get(verdict, NEVER))]

    def _possible_live(self, among: Node = ALWAYS) -> tuple[VerdictRule, ...]:
        """The verdict rules that are live in some completion."""
        dd = self.worlds.diagrams
        by_id = sorted(self.view.verdicts, key=lambda rule: rule.id)
        return tuple(rule for rule in by_id if self.worlds.possible(dd.both(self.live[rule.id], among)))

    def with_gates(self, decision: Decision) -> tuple[Decision, tuple[Gate, ...], tuple[Gate, ...]]:
        """A decision, the gates that close the inhibitor in use in every completion, and those that may close it.

        They count with `continue`; with no verdict yet too, where it can only be `continue` or `individualise`.
        """
        if decision.verdict == UNDETERMINED:
            found = self.attempt(self._verdicts)
            if found is None or set(found) != {"continue", "individualise"}:
                return decision, (), ()
        elif decision.verdict != "continue":
            return decision, (), ()
        closing, maybe = self._in_use()
        if decision.verdict == UNDETERMINED:
            maybe = ()
            if closing:
                decision = decision._replace(decided_by=self._possible_live(self.verdicts["individualise"]))
        return decision, closing, maybe

    def _in_use(self) -> tuple[tuple[Gate, ...], tuple[Gate, ...]]:
        """The gates that close the inhibitor in use, one in every completion if not each, and those that may."""
        closing: list[Gate] = []
        maybe: list[Gate] = []
        for gate, agents in self._gates_on_inhibitors():
            holds = self.holds(gate) if self._agents() <= agents else self._holds_with(gate, agents)
            if holds is not False:
                (closing if holds else maybe).append(gate)
        if not closing and len(maybe) > 1 and self.attempt(lambda: self.worlds.certain(self.closed_in_use(maybe))):
            return tuple(maybe), ()
        return tuple(closing), tuple(maybe)

    def closed_in_use(self, gates: Collection[Gate]) -> Node:
        """Where one of these gates closes the inhibitor in use."""
        names = {gate.id for gate in gates}
        return self.worlds.diagrams.any_of(node for gate, node in self.closing() if gate.id in names)

    def _agents(self) -> frozenset[str]:
        """The inhibitors that can be the one in use."""
        state = self.findings.facts.get(_AGENT)
        if isinstance(state, OneOf):
            return frozenset(map(str, state.values))
        return frozenset({state}) if isinstance(state, str) else ANY_INHIBITOR

    def _gates_on_inhibitors(self) -> list[tuple[Gate, frozenset[str]]]:
        """The gates that close an inhibitor, with those it closes; of one that is none of the three, by its class."""
        found: dict[str, tuple[Gate, set[str]]] = {}
        for agent in sorted(self._agents()):
            for gate in self.view.gates_closing(INHIBITOR if agent == "other" else agent):
                found.setdefault(gate.id, (gate, set()))[1].add(agent)
        return [(gate, frozenset(agents)) for _, (gate, agents) in sorted(found.items())]

    def facts_in_use(self, gate: Gate) -> Facts:
        """The unknown facts that decide whether a gate closes the inhibitor in use, that inhibitor among them."""
        (agents,) = (some for held, some in self._gates_on_inhibitors() if held.id == gate.id)
        found = self.attempt(lambda: self.worlds.facts_of(self._closes(gate, agents)))
        return found or self._unknown_of([gate]) or (_AGENT,)

    def _closes(self, gate: Gate, agents: frozenset[str]) -> Node:
        """Where a gate closes the inhibitor in use."""
        meant = Test(_AGENT, (Check("is", tuple(sorted(agents))),))
        return self.worlds.diagrams.both(self.where(gate), self.worlds.where(meant))

    def closing(self) -> list[tuple[Gate, Node]]:
        """The gates that close an inhibitor, each with where it closes the one in use."""
        return [(gate, self._closes(gate, agents)) for gate, agents in self._gates_on_inhibitors()]

    def _holds_with(self, gate: Gate, agents: frozenset[str]) -> Truth:
        return self.attempt(lambda: self._truth(self._closes(gate, agents)))

    @cached_property
    def missing(self) -> tuple[Facts, ...]:
        """The least sets of unknown facts that settle an undetermined verdict whatever their values."""

        def exact() -> tuple[Facts, ...]:
            outcomes = {verdict: node for verdict, node in self.verdicts.items() if verdict != "conflict"}
            gates = [gate for gate, _ in self.closing()]
            closed = [(gates[0], self.closed_in_use(gates))] if gates else []  # any of them counts for all
            return self.least_for(outcomes, closed, closed_by)

        return self.attempt(exact) or (self._unknown_of(self.view.verdicts),)

    # --- options ------------------------------------------------------------------------------------------

    def ways(self, regimen: str) -> Ways | None:
        """How a regimen can turn out; None where that is too much to say."""
        if regimen not in self._ways:
            self._ways[regimen] = self.attempt(lambda: self.all_ways(regimen))
        return self._ways[regimen]

    def all_ways(self, regimen: str) -> Ways:
        dd, left = self.worlds.diagrams, ALWAYS
        found: list[tuple[OptionRule, Node]] = []
        rules = self.view.options[regimen]
        for tier in TIERS:
            here = [(rule, self.where(rule)) for rule in rules if rule.then.tier == tier]
            found += [(rule, dd.both(left, node)) for rule, node in here]
            left = dd.without(left, dd.any_of(node for _, node in here))
        return Ways(regimen, tuple(found), left)

    def choices(self, regimen: str) -> list[frozenset[str]] | None:
        """The rules that can give the regimen its tier, one at a time, and none of them where it can be closed."""

        def exact() -> list[frozenset[str]] | None:
            ways = self.ways(regimen)
            if ways is None:
                return None
            rules = [frozenset({rule.id}) for rule, node in ways.rules if self.worlds.possible(node)]
            return [*rules, *([frozenset[str]()] if self.worlds.possible(ways.closed) else [])]

        return self.attempt(exact)

    def needs(self, regimen: str, gates: Sequence[Gate]) -> tuple[Facts, ...]:
        """The least sets of unknown facts that settle a regimen's tier whatever their values.

        `gates` apply to it: those that hold in every completion, and those that a value of these facts makes hold.
        """

        def exact() -> tuple[Facts, ...] | None:
            ways = self.ways(regimen)
            if ways is None:
                return None
            tiers = {tier: self.worlds.diagrams.any_of(nodes) for tier, nodes in ways.tiers().items()}
            return self.least_for(tiers, [(gate, self.where(gate)) for gate in gates], after)

        found = self.attempt(exact)
        return (self._unknown_of(self.view.options[regimen]),) if found is None else found

    # --- least sets ---------------------------------------------------------------------------------------

    def least_for(
        self, outcomes: Mapping[str, Node], gates: Sequence[tuple[Gate, Node]], gated_by: GatedBy
    ) -> tuple[Facts, ...]:
        """The least sets of facts that leave one outcome after the gates, where only those count that hold surely."""
        facts, settles, _ = self._to_settle(outcomes, gates, gated_by)
        return (facts,) if settles is None else self.least(facts, settles)

    def in_least(
        self, outcomes: Mapping[str, Node], gates: Sequence[tuple[Gate, Node]], gated_by: GatedBy, but: Collection[str]
    ) -> list[str]:
        """The facts that are in one of those sets, but for some that are not asked about.

        Mostly all others do not settle it: then a fact is in each set.
        """
        facts, settles, steady = self._to_settle(outcomes, gates, gated_by)
        asked = [fact for fact in facts if fact not in but]
        if settles is None:
            return asked
        settled, few = cache(settles), 0 if steady else FEW
        needed = [fact for fact in asked if len(facts) > few and not settled(_without(facts, fact))]
        if len(needed) < len(asked):
            least = self.least(facts, settled, few)
            needed = [fact for fact in asked if any(fact in some for some in least)]
        return needed

    def _to_settle(
        self, outcomes: Mapping[str, Node], gates: Sequence[tuple[Gate, Node]], gated_by: GatedBy
    ) -> tuple[Facts, Callable[[Facts], bool] | None, bool]:
        """The facts that settle something, whether some of them do, and whether one more never unsettles it.

        None in place of a function: whatever an outcome depends on has to be known.
        """
        dd = self.worlds.diagrams
        facts = self._concerned(list(outcomes.values()))
        fails = [self.reached(facts, dd.negation(node)) for _, node in gates]
        held = [gate for gate, fail in zip(gates, fails, strict=True) if fail != ALWAYS]
        if not self._avoidable([dd.both(node, fail) for (_, node), fail in zip(gates, fails, strict=True)], facts):
            held = list(gates)
            facts = self._concerned([*outcomes.values(), *(node for _, node in gates)])
        elif all(node == ALWAYS for _, node in held):
            holding, merged = [gate for gate, _ in held], dict[str, Node]()
            for outcome, node in outcomes.items():
                name = gated_by(outcome, holding)
                merged[name] = dd.either(merged.get(name, NEVER), node)
            outcomes, held = merged, []
            facts = self._concerned(list(outcomes.values()))
            if self.worlds.free(*outcomes.values()) and _STATUS not in facts and MENOPAUSE not in facts:
                return facts, None, True
        tiers = {gate.then.tier for gate, _ in held}  # what two limits and a step down do depends on their order
        steady = tiers.isdisjoint(OFFERED) or not any(gate.then.lower for gate, _ in held)
        steady &= not any(self.telling((fact,)) for fact in facts)
        return facts, lambda some: self.settles(outcomes, held, gated_by, some), steady

    def _avoidable(self, beyond: Sequence[Node], facts: Facts) -> bool:
        """Whether some values of what gates read besides these facts keep every gate from holding that need not.

        `beyond` is where each gate holds and these facts alone do not tell. Then no set is less for holding more. A
        status and a menopausal status rule out values of other facts once they are known, and may stay unknown.
        """
        dd, worlds = self.worlds.diagrams, self.worlds
        mine = frozenset(i for i, v in enumerate(worlds.variables) if v.fact in facts or not v.fact)
        some = dd.any_of(beyond)
        if some == NEVER:
            return True

        def avoided(telling: Facts) -> bool:
            fits, unfit = self.once_known(telling, dd.negation(some)), self.once_known(telling, some)
            return dd.without(dd.some(fits, mine), dd.some(unfit, mine)) != NEVER

        return all(map(avoided, self.tellings()))

    def telling(self, facts: Facts) -> Facts:
        """Of facts that are known those that tell something of another."""
        worlds = self.worlds
        return tuple(
            fact
            for fact in facts
            if fact in worlds.anew
            or (fact in _TELLING and _TELLING[fact] not in facts and worlds.of_fact((_TELLING[fact],)))
        )

    def tellings(self) -> list[Facts]:
        """Every way in which facts can be known that tell something of another and may stay unknown."""
        return [(), *_by_size(self.telling(tuple(_TELLING)))]

    def _concerned(self, outcomes: Sequence[Node]) -> Facts:
        """The unknown facts that outcomes depend on, and those linked with them.

        An extent of progression is none of them beside its status, with which it is assumed.
        """
        worlds = self.worlds
        held = worlds.linked(frozenset[int]().union(*map(worlds.diagrams.support, outcomes)))
        facts = {worlds.variables[i].fact or worlds.variables[i].about.partition(":")[2] for i in held}
        if SEX in facts:
            facts.add(MENOPAUSE)  # which is unknown too, and tells it
        return tuple(sorted(facts - ({_EXTENT} if _STATUS in facts else set())))

    def valid_once_known(self, facts: Facts, node: Node) -> Node:
        """Where a completion is valid, as far as a function asks, once facts are known; then an extent is assumed."""
        worlds, dd = self.worlds, self.worlds.diagrams
        valid = worlds.stating(facts, worlds.valid(node))
        extent = worlds.of_fact((_EXTENT,))
        if _STATUS in facts and _EXTENT not in facts and not extent.isdisjoint(dd.support(node) | dd.support(valid)):
            progressed = worlds.where(Test(_STATUS, (Check("is", PROGRESSED),)))
            systemic = worlds.where(Test(_EXTENT, (Check("is", ("systemic",)),)))
            valid = dd.without(valid, dd.without(progressed, systemic))
        if MENOPAUSE in facts and SEX not in facts and worlds.of_fact((SEX,)):  # no man has a menopausal status
            valid = dd.without(valid, worlds.where(Test(SEX, (Check("is", ("male",)),))))
        return valid

    def once_known(self, facts: Facts, node: Node) -> Node:
        """Where something holds in a valid completion, once these facts are known."""
        worlds = self.worlds
        asked = frozenset(self.telling(facts))
        key = (node, asked, len(worlds.variables))
        found = self._once_known.get(key)
        if found is None:
            found = worlds.diagrams.both(worlds.stating(facts, node), self.valid_once_known(facts, node))
            self._once_known[key] = found
        return found

    def reached(self, facts: Facts, node: Node) -> Node:
        """The values of facts with which something can still hold."""
        whole, dd = self.once_known(facts, node), self.worlds.diagrams
        return dd.some(whole, dd.support(whole) - self.worlds.of_fact(facts))

    def settles(
        self, outcomes: Mapping[str, Node], gates: Sequence[tuple[Gate, Node]], gated_by: GatedBy, facts: Facts
    ) -> bool:
        """Whether knowing these facts leaves one outcome, whatever their values."""
        dd, shared = self.worlds.diagrams, self.worlds.of_fact(facts)
        whole = {outcome: self.once_known(facts, node) for outcome, node in outcomes.items()}
        for one, other in combinations(outcomes, 2):
            if (gates or gated_by(one, ()) != gated_by(other, ())) and dd.agree(whole[one], whole[other], shared):
                if not gates:
                    return False
                here = dd.both(self.reached(facts, outcomes[one]), self.reached(facts, outcomes[other]))
                for holding in self._holding(here, gates, facts):
                    if gated_by(one, holding) != gated_by(other, holding):
                        return False
        return True

    def _holding(
        self, here: Node, gates: Sequence[tuple[Gate, Node]], facts: Facts, before: tuple[Gate, ...] = ()
    ) -> Iterator[tuple[Gate, ...]]:
        """The gates that hold surely somewhere here, once facts are known: every combination of them there is."""
        if here == NEVER:
            return
        if not gates:
            yield before
            return
        dd, ((gate, node), *others) = self.worlds.diagrams, gates
        fails = self.reached(facts, dd.negation(node))
        yield from self._holding(dd.both(here, fails), others, facts, before)
        yield from self._holding(dd.without(here, fails), others, facts, (*before, gate))

    def least(self, facts: Facts, settles: Callable[[Facts], bool], few: int = FEW) -> tuple[Facts, ...]:
        """The least sets of these facts that settle something; all of them settle it, and `sure` are in every set.

        Of few facts every set is tried. Of more it is taken that knowing another fact unsettles nothing: then a fact
        without which all the others do not settle it is in every set, and mostly these are enough.
        """
        needed: Facts = ()
        if len(facts) > few:
            needed = tuple(fact for fact in facts if not settles(_without(facts, fact)))
            if settles(needed):
                return (needed,) if needed else ()
        others = [fact for fact in facts if fact not in needed]
        found: list[Facts] = []
        tried = 0
        for some in _by_size(others):
            whole = tuple(sorted((*needed, *some)))
            if any(set(least) <= set(whole) for least in found):
                continue
            if tried == MOST_SETS:
                self.shortened = True
                break
            tried += 1
            if settles(whole):
                found.append(whole)
        return tuple(found) or (self._shrunk(facts, settles),)

    def _shrunk(self, facts: Facts, settles: Callable[[Facts], bool]) -> Facts:
        """One least set: each fact left out that the rest can do without."""
        for fact in facts:
            fewer = _without(facts, fact)
            if settles(fewer):
                return self._shrunk(fewer, settles)
        return facts


def closed_by(verdict: str, gates: Sequence[Gate]) -> str:
    """A verdict after the gates that close the inhibitor in use."""
    return "individualise" if verdict == "continue" and gates else verdict


def after(tier: str, gates: Sequence[Gate]) -> str:
    """A tier after the gates that hold; closed stays closed."""
    return tier if tier == CLOSED else gated(Outcome(tier, "strong", "high"), gates).tier


def _without(facts: Facts, fact: str) -> Facts:
    return tuple([other for other in facts if other != fact])


def _by_size(facts: Sequence[str]) -> Iterator[Facts]:
    for size in range(1, len(facts) + 1):
        yield from combinations(facts, size)


def gates_together(
    dd: Diagrams, gates: Iterable[tuple[Gate, Node, Node]], weight: Callable[[Sequence[Gate]], object]
) -> list[tuple[tuple[Gate, ...], Node]]:
    """Gates that count together, those that come to the same by their weight as one, and where they do.

    Each gate comes with where it may count and where it may not.
    """
    held: dict[object, tuple[tuple[Gate, ...], Node]] = {weight(()): ((), ALWAYS)}
    for gate, counting, not_counting in gates:
        then: dict[object, tuple[tuple[Gate, ...], Node]] = {}
        for some, here in held.values():
            for those, node in ((some, dd.both(here, not_counting)), ((*some, gate), dd.both(here, counting))):
                if node != NEVER:
                    kept, before = then.get(weight(those), (those, NEVER))
                    then[weight(those)] = (kept, dd.either(before, node))
        held = then
    return list(held.values())
