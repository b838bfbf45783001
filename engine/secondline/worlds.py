"""The ways in which what is unknown of one patient can turn out, and conditions as functions of them.

Each unknown fact that a condition reads becomes a variable with the values of its domain, a set one for each member
that a rule asks for. A condition becomes a decision diagram over these variables. `valid` is where no contradiction
stands that refuses a case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import AnyOf, Check, Condition, Not, Test, holds
from secondline.diagram import ALWAYS, NEVER, Diagrams, Node
from secondline.domains import Domains, Value
from secondline.facts import catalogue, main_of
from secondline.history import ANY_INHIBITOR
from secondline.inference.reference import Findings
from secondline.patient import Known, cannot_be, stated_benefit
from secondline.refusals import contradictory
from secondline.rulebase import RuleBase, values
from secondline.states import NOT_APPLICABLE, Members, OneOf, Range, State

if TYPE_CHECKING:
    from secondline.forms.rules import Definition

MOST_NODES = 200_000  # of all diagrams of one answer
_HER2 = "disease.her2"
_AGENT, _AGENTS = "prior_cdk46.agent", "prior_cdk46.agents"
_RESPONSE, _MONTHS, _BENEFIT = "prior_cdk46.best_response", "prior_cdk46.months", "prior_cdk46.clinical_benefit"
_DRUGS, _CLASSES = "history.agents", "history.classes"
_STATUS, _EXTENT = "progression.status", "progression.extent"
# The facts of which a contradiction can stand between two, in groups.
TOGETHER = (
    ("patient.sex", "patient.pregnant"),
    (f"{_HER2}.ihc", f"{_HER2}.ish"),
    (_STATUS, "biomarkers.esr1", "biomarkers.esr1.sample", "biomarkers.esr1.taken"),
)


class Undecidable(Exception):
    """With everything known a definition would still be unknown."""


class Variable(NamedTuple):
    """What is unknown: the fact by the name that an output has for it, what it is about, its values."""

    fact: str
    about: str
    values: tuple[Value, ...]


def _member_of(fact: str, key: str) -> Variable:
    return Variable(fact, key, (Value({key: False}), Value({key: True})))


class Worlds:
    """Diagrams of one patient's unknown facts; a variable is made when a condition first asks for it.

    Raises from most methods:
        TooManyNodes: more is unknown than can be tried; there is no answer then, never a guess.
        Undecidable: a definition leaves its fact unknown even where everything is known.
    """

    def __init__(self, base: RuleBase, findings: Findings, known: Known, most: int = MOST_NODES) -> None:
        self.base, self.findings, self.known = base, findings, known
        self.facts = findings.facts
        self.diagrams = Diagrams(most)
        self.variables: list[Variable] = []
        self._index: dict[str, int] = {}
        self._conditions: dict[int, tuple[Condition, Node]] = {}
        self._tests: dict[Test, Node] = {}
        self._defined: dict[str, list[tuple[State, Node]]] = {}
        self._applies: dict[str, Node] = {}
        self._voids: dict[str, Node] = {}
        self._held: tuple[int, list[tuple[frozenset[int], Node]]] = (-1, [])
        self._valid: dict[frozenset[int], Node] = {}
        self._again_of: dict[int, str] = {}
        self.anew: set[str] = set()  # the facts that may be stated anew, whatever speaks against them now

    # --- what a plain evaluation cannot be trusted with ----------------------------------------------------

    def shaken(self) -> frozenset[str]:
        """The facts that are known and that an unknown one may still take away, by their main names."""
        given, facts = self.known.given, self.facts
        found = {
            main_of(rule.fact)
            for rule in cannot_be()
            if rule.stated and given.get(rule.fact) is not None and facts.get(rule.fact) is not NOT_APPLICABLE
            and self._may_be(rule.other, rule.values)
        }  # fmt: skip
        for definition in self.base.voiding:
            possible = self.findings.inference.definitions[definition.id]
            cases = (case for i, case in enumerate(definition.cases) if i in possible)
            found |= {case.of for case in cases if case.of and facts.get(case.of) is not None}
        return frozenset(found)

    def _may_be(self, fact: str, among: Sequence[str]) -> bool:
        state = self.facts.get(fact)
        return state is None or (isinstance(state, OneOf) and not state.values.isdisjoint(among))

    # --- conditions ---------------------------------------------------------------------------------------

    def where(self, condition: Condition) -> Node:
        """Where a condition holds."""
        if isinstance(condition, Test):
            found = self._tests.get(condition)
            if found is None:
                found = self._tests[condition] = self._test(condition)
            return found
        held = self._conditions.get(id(condition))  # their own hash would walk the whole tree
        if held is not None:
            return held[1]
        if isinstance(condition, Not):
            node = self.diagrams.negation(self.where(condition.part))
        elif isinstance(condition, AnyOf):
            node = self.diagrams.any_of(map(self.where, condition.parts))
        else:
            node = self.diagrams.all_of(map(self.where, condition.parts))
        self._conditions[id(condition)] = (condition, node)  # kept, so that no other comes by its number
        return node

    def _test(self, test: Test) -> Node:
        definition = self.base.defined.get(test.fact)
        if definition is not None:
            return self.diagrams.any_of(
                node for value, node in self.values_of(definition) if self._passes(test, value, node)
            )
        if catalogue()[test.fact].kind == "set":
            return self._set_test(test)
        node = self._plain_test(test)
        main = main_of(test.fact)
        void = self.void(main)
        if void != NEVER:
            bare = self._literal(self._bare(main), test)
            dd = self.diagrams
            node = dd.either(dd.both(void, bare), dd.without(node, void))
        return node

    def _passes(self, test: Test, value: State, node: Node) -> bool:
        if value is None and self.diagrams.overlap(node, self.valid(node)):
            raise Undecidable
        return value is not None and bool(holds(test, value))

    def _plain_test(self, test: Test) -> Node:
        """A test on a fact as it is stated, or once it is known."""
        main, state = main_of(test.fact), self._stated(test.fact)
        if state is NOT_APPLICABLE:
            return NEVER
        told = holds(test, state)
        if told is not None:
            node = ALWAYS if told else NEVER
        elif main in catalogue().parts and self.facts.get(main) is None:
            node = self._literal(self._bare(main), test)
        else:
            node = self._literal(self._variable(test.fact), test)
        return self.diagrams.both(self.applies(test.fact), node) if node != NEVER else NEVER

    def _stated(self, fact: str) -> State:
        """What is known of a fact, were it to apply."""
        state = self.facts.get(fact)
        if state is None and main_of(fact) == fact:
            state = self.known.given.get(fact)
        return None if state is None or self._absent(main_of(fact)) else state

    def _absent(self, main: str) -> bool:
        """Whether a main fact is unknown, so that its parts are tested anew with it, but for scores that stay."""
        return main.startswith("biomarkers.") and self.facts.get(main) is None

    def applies(self, fact: str) -> Node:
        """Where nothing excludes that a fact can be."""
        found = self._applies.get(fact)
        if found is None:
            found, dd = ALWAYS, self.diagrams
            stated = self.known.given.get(fact) is not None
            for rule in cannot_be():
                if rule.fact == fact and (rule.stated or not stated):
                    excluded = self.where(Test(rule.other, (Check("is", rule.values),)))
                    if not rule.stated and excluded != NEVER:
                        excluded = dd.both(excluded, dd.literal(self._again(fact), (True, False)))
                    found = dd.without(found, excluded)
            self._applies[fact] = found
        return found

    def _again(self, fact: str) -> int:
        """The variable that says whether a fact is stated from now on, whatever speaks against it."""
        found = self._made(f"again:{fact}", lambda: Variable("", f"again:{fact}", (Value({}), Value({}))))
        self._again_of[found] = fact
        self.anew.add(fact)
        return found

    # --- sets ---------------------------------------------------------------------------------------------

    def _set_test(self, test: Test) -> Node:
        return self.diagrams.all_of(self._set_check(test.fact, check) for check in test.checks)

    def _set_check(self, fact: str, check: Check) -> Node:
        members = [self._member(fact, str(value)) for value in check.values]
        node = self.diagrams.all_of(members) if check.op == "has_all" else self.diagrams.any_of(members)
        if check.op == "has_none":
            node = self.diagrams.negation(node)
        return node if self.facts.get(fact) is not NOT_APPLICABLE else NEVER

    def _member(self, fact: str, member: str) -> Node:
        """Where a set has a member; no inhibitor is in the set of those given where there was none."""
        node = self._raw_member(fact, member)
        if fact == _AGENTS and node not in (NEVER, ALWAYS):
            node = self.diagrams.without(node, self._no_inhibitor())
        return node

    def _raw_member(self, fact: str, member: str) -> Node:
        state = self.facts.get(fact)
        if isinstance(state, Members):
            if member in state.sure:
                return ALWAYS
            if not state.may_have(member):
                return NEVER
        return self.diagrams.literal(self._member_variable(fact, member), (False, True))

    def _member_variable(self, fact: str, member: str) -> int:
        """The variable of a member; all that rules ask for are made at once, in an order that nothing known changes."""
        asked = {str(v) for test in self.base.tests_on.get(fact, ()) for check in test.checks for v in check.values}
        state = self.facts.get(fact)
        for name in (*sorted(asked), member):
            if name == member or not isinstance(state, Members) or (name not in state.sure and state.may_have(name)):
                key = f"{fact}:{name}"
                self._made(key, partial(_member_of, fact, key))
        return self._index[f"{fact}:{member}"]

    def _no_inhibitor(self) -> Node:
        return self.where(Test(_AGENT, (Check("is", ("none",)),)))

    # --- definitions --------------------------------------------------------------------------------------

    def values_of(self, definition: Definition) -> list[tuple[State, Node]]:
        """Where a definition has each of its values; None is unknown."""
        found = self._defined.get(definition.id)
        if found is None:
            dd, left = self.diagrams, ALWAYS
            found = []
            whens = (*(case.when for case in definition.cases), None)
            for value, when in zip(values(definition), whens, strict=True):
                here = dd.both(left, self.where(when)) if when is not None else left
                left = dd.without(left, here)
                if here != NEVER:
                    found.append((value, here))
            self._defined[definition.id] = found
        return found

    def void(self, main: str) -> Node:
        """Where a stated fact counts as absent, or is found out again."""
        if main not in self._voids:
            self._voids[main] = NEVER  # a definition that voids a fact is judged on the fact as stated
            if self.facts.get(main) is not None and any(c.of == main for d in self.base.voiding for c in d.cases):
                try:
                    found = self._voided(main)
                except Exception:
                    del self._voids[main]  # it is not known, and so never taken for not voided
                    raise
                self._conditions.clear()  # what was judged on the fact as stated
                self._tests.clear()
                self._defined.clear()
                if found not in (NEVER, ALWAYS):
                    found = self.diagrams.either(found, self.diagrams.literal(self._again(main), (False, True)))
                self._voids[main] = found
        return self._voids[main]

    def _voided(self, main: str) -> Node:
        """Where a definition makes a stated fact count as absent."""
        dd, found = self.diagrams, NEVER
        for definition in self.base.voiding:
            possible = self.findings.inference.definitions[definition.id]
            if any(case.of == main and index in possible for index, case in enumerate(definition.cases)):
                left = ALWAYS
                for case in definition.cases:
                    here = dd.both(left, self.where(case.when))
                    left = dd.without(left, here)
                    if case.of == main:
                        found = dd.either(found, here)
        return found

    # --- variables ----------------------------------------------------------------------------------------

    @property
    def domains(self) -> Domains:
        """The values that facts can have beside what is known now: `whatif` looks at it otherwise for a while."""
        return Domains(self.base, self.facts)

    def _made(self, key: str, make: Callable[[], Variable]) -> int:
        if key not in self._index:
            variable = make()
            self._index[key] = len(self.variables)
            self.variables.append(variable)
        return self._index[key]

    def _literal(self, variable: int, test: Test) -> Node:
        passes = [bool(holds(test, value.states[test.fact])) for value in self.variables[variable].values]
        return self.diagrams.literal(variable, passes)

    def _variable(self, fact: str) -> int:
        """The variable of an unknown or partly known fact, or of an unknown part of a known one."""

        return self._made(fact, lambda: Variable(fact, fact, self.domains.open(fact, self._stated(fact))))

    def _bare(self, main: str) -> int:
        """The variable of an unknown main fact with its parts: a bare result, or a status with its scores."""

        return self._made(f"bare:{main}", lambda: Variable(main, main, self.domains.bare(main)))

    # --- what can be together -----------------------------------------------------------------------------

    def valid(self, *nodes: Node) -> Node:
        """Where no contradiction stands that concerns any of these functions."""
        return self.valid_among(frozenset[int]().union(*map(self.diagrams.support, nodes)))

    def valid_among(self, variables: frozenset[int]) -> Node:
        """Where no contradiction stands that concerns any of these variables."""
        components = self._components()
        found = self._valid.get(variables)
        if found is None:
            found = self.diagrams.all_of(link for held, link in components if not held.isdisjoint(variables))
            self._valid[variables] = found
        return found

    def free(self, *nodes: Node) -> bool:
        """Whether nothing links the facts that these functions depend on."""
        support = frozenset[int]().union(*map(self.diagrams.support, nodes))
        return self.valid_among(support) == ALWAYS and all(self.variables[i].fact for i in support)

    def linked(self, variables: frozenset[int]) -> frozenset[int]:
        """These variables and those that contradictions link with them."""
        return variables.union(*(held for held, _ in self._components() if not held.isdisjoint(variables)))

    def _components(self) -> list[tuple[frozenset[int], Node]]:
        """The contradictions among the variables made so far, those with a variable in common as one."""
        if self._held[0] != len(self.variables):
            while True:  # what links two facts may need a third
                made = len(self.variables)
                links = list(self._links())
                if made == len(self.variables):
                    break
            held: list[tuple[frozenset[int], Node]] = []
            for link in links:
                support, whole = self.diagrams.support(link), link
                for other in [one for one in held if one[0] & support]:
                    held.remove(other)
                    support, whole = support | other[0], self.diagrams.both(whole, other[1])
                if support:
                    held.append((support, whole))
            self._held = (made, held)
            self._valid.clear()
        return self._held[1]

    def _links(self) -> Iterator[Node]:
        dd = self.diagrams
        for group in TOGETHER:
            yield self._fits([self._index[fact] for fact in group if fact in self._index])
        esr1 = self._index.get("bare:biomarkers.esr1")
        if esr1 is not None and _STATUS in self._index:
            fits = self._fits([self._index[_STATUS], esr1], dict.fromkeys(catalogue().parts["biomarkers.esr1"]))
            void = self.void("biomarkers.esr1")
            yield fits if void == NEVER else dd.either(dd.negation(void), fits)
        if _AGENT in self._index and any(variable.fact == _AGENTS for variable in self.variables):
            yield from self._last_of_all()
        if not self.known.therapies:
            yield from self._stated_apart()

    def _fits(self, group: Sequence[int], without: Mapping[str, State] | None = None) -> Node:
        """Where these variables have values that can be together."""
        if len(group) < 2:
            return ALWAYS
        facts = {**self.facts, **(without or {})}
        return self._fit(sorted(group), facts, {})

    def _fit(self, group: Sequence[int], facts: Mapping[str, State], states: Mapping[str, State]) -> Node:
        if not group:
            return NEVER if contradictory({**facts, **states}) else ALWAYS
        first, *others = group
        held = self.variables[first].values
        return self.diagrams.choose(first, tuple(self._fit(others, facts, {**states, **v.states}) for v in held))

    def _stated_apart(self) -> Iterator[Node]:
        """What facts of the history that are given one by one, without therapies, say of one another."""
        yield from self._benefit_told()
        if self.facts.get(_DRUGS) is None and self.facts.get(_CLASSES) is None:
            yield from self._classes_of_drugs()

    def _benefit_told(self) -> Iterator[Node]:
        """Where a benefit that is not known is what a response and months tell."""
        state = self.facts.get
        if _BENEFIT in self._index and state(_RESPONSE) in (None, "stable"):
            response = self._variable(_RESPONSE) if state(_RESPONSE) is None else None
            months = self._variable(_MONTHS) if state(_MONTHS) is None or isinstance(state(_MONTHS), Range) else None
            stated = self.diagrams.literal(self._again(_BENEFIT), (False, True))  # then it says nothing of the others
            yield self.diagrams.either(stated, self._agreeing(response, months))

    def _last_of_all(self) -> Iterator[Node]:
        """The last inhibitor is one of those that were given; where there was none, none was."""
        dd = self.diagrams
        for agent in sorted(ANY_INHIBITOR):
            given = self._raw_member(_AGENTS, agent)
            last = self.where(Test(_AGENT, (Check("is", (agent,)),)))
            yield dd.either(dd.negation(last), given)
            yield dd.negation(dd.both(self._no_inhibitor(), given))

    def _agreeing(self, response: int | None, months: int | None) -> Node:
        """Where benefit is what a response and months give, if they give it."""
        dd, benefit = self.diagrams, self._index[_BENEFIT]
        node = ALWAYS
        answers = self.variables[response].values if response is not None else (Value({_RESPONSE: "stable"}),)
        lengths = self.variables[months].values if months is not None else (Value({_MONTHS: self.facts.get(_MONTHS)}),)
        for (i, answer), (j, length) in product(enumerate(answers), enumerate(lengths)):
            given = stated_benefit(answer.states[_RESPONSE], length.states[_MONTHS])
            if given is None:
                continue
            against = [value.states[_BENEFIT] is not given for value in self.variables[benefit].values]
            bad = dd.literal(benefit, against)
            for variable, at in ((response, i), (months, j)):
                if variable is not None:
                    bad = dd.both(
                        bad, dd.literal(variable, [k == at for k in range(len(self.variables[variable].values))])
                    )
            node = dd.without(node, bad)
        return node

    def _classes_of_drugs(self) -> Iterator[Node]:
        """A drug is of its classes."""
        dd = self.diagrams
        drugs = [v.about.partition(":")[2] for v in self.variables if v.fact == _DRUGS]
        classes = [v.about.partition(":")[2] for v in self.variables if v.fact == _CLASSES]
        for drug in drugs:
            held = self.base.vocabulary.classes_of(drug) or frozenset()
            of_it = dd.all_of(self._member(_CLASSES, name) for name in classes if name in held)
            yield dd.either(dd.negation(self._member(_DRUGS, drug)), of_it)

    # --- asking -------------------------------------------------------------------------------------------

    def possible(self, node: Node) -> bool:
        """Whether something holds in some valid completion."""
        if node == NEVER:
            return False
        return self.diagrams.overlap(self.stating((), node), self.stating((), self.valid(node)))

    def certain(self, node: Node) -> bool:
        """Whether it holds in every valid completion."""
        return node == ALWAYS or not self.possible(self.diagrams.negation(node))

    def stating(self, facts: Iterable[str], node: Node) -> Node:
        """A function where just these facts are stated anew, of those that may count as absent, or may not apply."""
        again = self._again_of.keys() & self.diagrams.support(node)
        if not again:
            return node
        named = frozenset(facts)
        return self.diagrams.fixed(node, {i: int(self._again_of[i] in named) for i in sorted(again)})

    def of_fact(self, facts: Iterable[str]) -> frozenset[int]:
        """The variables of some facts."""
        named = frozenset(facts)
        return frozenset(i for i, variable in enumerate(self.variables) if variable.fact in named)

    def facts_of(self, *nodes: Node) -> tuple[str, ...]:
        """The unknown facts that functions depend on, by the names that outputs have for them."""
        found = {self.variables[i].fact for node in nodes for i in self.diagrams.support(node)}
        return tuple(sorted(found - {""}))
