"""Answers as functions of what could be otherwise: known facts as choices, beside what is unknown.

Each known fact that can be another one becomes a variable: its first value is that it is as it is, the others are what
it could be instead. A condition becomes a diagram over these choices and over the unknown facts, so that what follows
from any number of changes can be read off: as the engine would answer, exact over what stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from secondline.condition import Check, Test, Truth, holds
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.domains import Value
from secondline.entail import Entailment
from secondline.facts import catalogue, main_of
from secondline.history import ANY_INHIBITOR
from secondline.inference.reference import Findings, infer
from secondline.patient import cannot_be, stated_benefit
from secondline.refusals import CONTRADICTABLE, contradictory
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, Members, State
from secondline.whatif.changes import (
    AGENT,
    AGENTS,
    BENEFIT,
    CLASSES,
    DRUGS,
    EXTENT,
    MONTHS,
    RESPONSE,
    STATUS,
    Choice,
    as_stated,
    classes_told,
    touched,
)
from secondline.worlds import MOST_NODES, TOGETHER, Variable, Worlds

if TYPE_CHECKING:
    from secondline.forms.rules import Rule
    from secondline.patient import Known

CHANGE = "change:"  # before the name of a fact: its choice
_ESR1 = "biomarkers.esr1"


class Choices(Worlds):
    """Diagrams of unknown facts and of choices; a choice becomes a variable when a condition first asks for it."""

    def __init__(
        self,
        base: RuleBase,
        known: Known,
        chosen: Mapping[str, Choice],
        own: Collection[str],
        most: int = MOST_NODES,
    ) -> None:
        self.chosen, self.own = chosen, own
        self.touched = frozenset[str]().union(*map(touched, chosen))
        open_facts = {path: state for path, state in known.facts.items() if main_of(path) not in self.touched}
        findings = Findings(infer(base, open_facts).inference, _as_it_is(known), base.voiding)
        super().__init__(base, findings, known._replace(given=as_stated(known)), most)

    # --- choices ------------------------------------------------------------------------------------------

    def _choice(self, fact: str) -> int:
        key = f"{CHANGE}{fact}"
        return self._made(key, lambda: Variable(key, key, (Value({}), *self.chosen[fact].others)))

    def at(self, fact: str, value: int) -> Node:
        """Where a fact has one of its values, by number; 0 is as it is."""
        if fact not in self.chosen:
            return NEVER if value else ALWAYS
        variable = self._choice(fact)
        count = len(self.variables[variable].values)
        return self.diagrams.literal(variable, [index == value for index in range(count)])

    def _values(self, fact: str) -> list[State]:
        """The states that a fact can have, by number."""
        found: list[State] = [self.facts.get(fact)]
        return found + [v.states[fact] for v in self.chosen[fact].others] if fact in self.chosen else found

    def _plain_test(self, test: Test) -> Node:
        node = super()._plain_test(test)
        main, dd = main_of(test.fact), self.diagrams
        if main in self.chosen:
            others = [bool(holds(test, v.states[test.fact])) for v in self.chosen[main].others]
            now = dd.literal(self._choice(main), [False, *others])
            node = dd.either(dd.both(self.at(main, 0), node), self._where_it_can_be(test.fact, now))
        if test.fact == BENEFIT and not {RESPONSE, MONTHS}.isdisjoint(self.chosen):
            return self._benefit(test, node)
        return node

    def _where_it_can_be(self, fact: str, node: Node) -> Node:
        """Something said of a fact that is stated, where nothing excludes that it can be."""
        for rule in cannot_be() if node != NEVER else ():
            if rule.fact == fact and rule.stated:
                node = self.diagrams.without(node, self.where(Test(rule.other, (Check("is", rule.values),))))
        return node

    def _benefit(self, test: Test, as_it_is: Node) -> Node:
        """A test on benefit, which is what response and time tell once one of them is another."""
        dd, found = self.diagrams, NEVER
        before = stated_benefit(self.facts.get(RESPONSE), self.facts.get(MONTHS))
        for here, response, months in self._responses():
            told = stated_benefit(response, months)
            if here == self._unchanged() or (told is None and (before is None or BENEFIT in self.own)):
                node = as_it_is
            elif told is None:
                node = self._where_it_can_be(BENEFIT, self._literal(self._variable(BENEFIT), test))
            else:
                node = self._where_it_can_be(BENEFIT, ALWAYS if holds(test, told) else NEVER)
            found = dd.either(found, dd.both(here, node))
        return found

    def _unchanged(self) -> Node:
        return self.diagrams.both(self.at(RESPONSE, 0), self.at(MONTHS, 0))

    def _responses(self) -> Iterator[tuple[Node, State, State]]:
        """Every response with every time on the inhibitor that can be chosen, and where they are."""
        for i, response in enumerate(self._values(RESPONSE)):
            for j, months in enumerate(self._values(MONTHS)):
                yield self.diagrams.both(self.at(RESPONSE, i), self.at(MONTHS, j)), response, months

    # --- sets ---------------------------------------------------------------------------------------------

    def _toggled(self, fact: str, member: str, *, now: bool) -> Node:
        """Where a set has a member that it can be otherwise in."""
        key = f"{CHANGE}{fact}:{member}"
        variable = self._made(key, lambda: Variable(f"{CHANGE}{fact}", key, (Value({}), Value({key: not now}))))
        return self.diagrams.literal(variable, (now, not now))

    def _raw_member(self, fact: str, member: str) -> Node:
        if fact == AGENTS and AGENT in self.chosen:
            return self._given_before(member)
        if fact == CLASSES and DRUGS in self.chosen:
            return self._class_given(member)
        return self._own_member(fact, member)

    def _own_member(self, fact: str, member: str, *, without: bool = False) -> Node:
        """A member as it is or is chosen to be; `without`: as if it were not in the set now."""
        state = self.facts.get(fact)
        if fact in self.chosen and member in self.chosen[fact].members and isinstance(state, Members):
            return self._toggled(fact, member, now=member in state.sure and not without)
        if without and isinstance(state, Members):
            open_ended = state.maybe is None
            return self.diagrams.literal(self._member_variable(fact, member), (False, True)) if open_ended else NEVER
        return super()._raw_member(fact, member)

    def _given_before(self, inhibitor: str) -> Node:
        """Where an inhibitor was given: the last one was, and those before it stay."""
        dd, found = self.diagrams, NEVER
        for i, last in enumerate(self._values(AGENT)):
            if last == inhibitor:
                node = ALWAYS
            elif last == "none":
                node = NEVER
            else:
                node = self._own_member(AGENTS, inhibitor, without=inhibitor == self.chosen[AGENT].present)
            found = dd.either(found, dd.both(self.at(AGENT, i), node))
        return found

    def _class_given(self, name: str) -> Node:
        """Where a drug of a class was given: a drug tells its classes, those that are chosen too."""
        classes, drugs = self.facts.get(CLASSES), self.facts.get(DRUGS)
        assert isinstance(drugs, Members)
        of_it = [drug for drug in self.chosen[DRUGS].members if name in classes_told((drug,), self.base.vocabulary)]
        derived = CLASSES not in self.own and isinstance(classes, Members)
        if derived and name in classes_told(drugs.sure - {*self.chosen[DRUGS].members}, self.base.vocabulary):
            return ALWAYS
        told = derived and name in classes_told(drugs.sure, self.base.vocabulary)
        members = [self._own_member(DRUGS, drug) for drug in of_it if derived or drug not in drugs.sure]
        return self.diagrams.any_of([self._own_member(CLASSES, name, without=told), *members])

    # --- what can be together -----------------------------------------------------------------------------

    def _made(self, key: str, make: Callable[[], Variable]) -> int:
        """A variable of an unknown fact is made as if nothing were known of what can be otherwise."""
        if key in self._index:
            return self._index[key]
        about, facts = key.partition("bare:")[2] or key, self.facts
        loose = {f for f in CONTRADICTABLE if f in self.chosen and f != main_of(about)}
        self.facts = {path: state for path, state in facts.items() if main_of(path) not in loose}
        try:
            return super()._made(key, make)
        finally:
            self.facts = facts

    def _links(self) -> Iterator[Node]:
        dd, state = self.diagrams, self.facts.get
        for group in TOGETHER:
            yield self._together(group)
        esr1 = self._index.get(f"bare:{_ESR1}")
        if esr1 is not None:
            fits, void = self._together((STATUS,), (esr1,), dict.fromkeys(catalogue().parts[_ESR1])), self.void(_ESR1)
            yield fits if void == NEVER else dd.either(dd.negation(void), fits)
        if AGENT in self._index and any(variable.fact == AGENTS for variable in self.variables):
            yield from self._last_of_all()
        if not self.known.therapies:
            yield from self._benefit_agrees()
            if state(DRUGS) is None and state(CLASSES) is None:
                yield from self._classes_of_drugs()

    def _together(
        self, group: Sequence[str], others: Sequence[int] = (), without: Mapping[str, State] | None = None
    ) -> Node:
        """Where facts that can contradict one another do not, known or not, as they are or otherwise."""
        mains = [main for fact in group if (main := main_of(fact)) in self.chosen]
        made = {self._index[key] for key in (*group, *(f"{CHANGE}{main}" for main in mains)) if key in self._index}
        if not made and not others:
            return ALWAYS
        ordered = sorted({*made, *others, *map(self._choice, mains)})  # what is chosen of one bears on the others
        facts = {**self.facts, **(without or {})}

        def branch(at: int, unknown: dict[str, State], chosen: dict[str, State]) -> Node:
            if at == len(ordered):
                return NEVER if contradictory({**facts, **unknown, **chosen}) else ALWAYS
            variable = self.variables[ordered[at]]
            branches = [
                branch(at + 1, unknown, {**chosen, **value.states})
                if variable.fact.startswith(CHANGE)
                else branch(at + 1, {**unknown, **value.states}, chosen)
                for value in variable.values
            ]
            return self.diagrams.choose(ordered[at], tuple(branches))

        return branch(0, {}, {})

    def _benefit_agrees(self) -> Iterator[Node]:
        """Where a benefit that is not known agrees with a response and a time, as they are or otherwise."""
        if BENEFIT not in self._index:
            return
        dd, facts = self.diagrams, self.facts
        for here, response, months in self._responses():
            self.facts = {**facts, RESPONSE: response, MONTHS: months}
            try:
                links = list(self._benefit_told())
            finally:
                self.facts = facts
            yield dd.either(dd.negation(here), dd.all_of(links))


def _as_it_is(known: Known) -> dict[str, State]:
    """What is known of every fact, without that it cannot be: where it cannot is worked out, as that may change."""
    facts, given = dict(known.facts), as_stated(known)
    for rule in cannot_be():
        if facts.get(rule.fact) is NOT_APPLICABLE and known.facts.get(rule.other) in rule.values:
            del facts[rule.fact]
            if given.get(rule.fact) is not None:
                facts[rule.fact] = given[rule.fact]
    if isinstance(facts.get(STATUS), str) and EXTENT not in given:
        facts[EXTENT] = "systemic"  # with a progression it is assumed; without one it cannot be
    return facts


class Otherwise(Entailment):
    """One patient's answer over every choice of known facts and every completion of what is unknown."""

    def __init__(
        self, answered: Entailment, chosen: Mapping[str, Choice], own: Collection[str], most: int = MOST_NODES
    ) -> None:
        super().__init__(answered.view, answered.findings, answered.known)
        self.answered, self.chosen, self.own, self.most = answered, chosen, own, most

    @cached_property
    def worlds(self) -> Choices:
        return Choices(self.base, self.known, self.chosen, self.own, self.most)

    def told(self, rule: Rule) -> Truth:
        """What the answer as it is tells of a rule, where the rule reads nothing that could be otherwise."""
        return self.answered.told(rule) if self.worlds.touched.isdisjoint(self.base.reads[rule.id]) else None

    def _agents(self) -> frozenset[str]:
        return ANY_INHIBITOR if AGENT in self.chosen else super()._agents()

    @property
    def choosing(self) -> tuple[str, ...]:
        """The names of all choices, as outputs of the worlds have them."""
        return tuple(f"{CHANGE}{fact}" for fact in sorted(self.chosen))
