"""What can be known of any patient, as variables, and conditions as diagrams over them: one set for a whole table.

`worlds` makes variables of what is unknown of one patient. Here every fact is a variable, whatever is known of it: a
patient says which of its values are possible, one where it is known, several where it is not. Of a fact that what is
stated keeps where what follows would change it, each value is there twice: as stated, and as it can turn out to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from secondline.condition import Check, Test, tests_in
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.domains import Domains, Value
from secondline.facts import catalogue, main_of
from secondline.history import ANY_INHIBITOR
from secondline.inference.reference import Findings, Inference
from secondline.patient import Known, cannot_be, follow, stated_benefit
from secondline.refusals import contradictory
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, State
from secondline.worlds import Undecidable, Variable, Worlds

if TYPE_CHECKING:
    from secondline.forms.rules import Caution, TestRule

MOST_NODES = 2_000_000  # of the diagrams of a rule base
STATUS, EXTENT = "progression.status", "progression.extent"
AGENT, AGENTS = "prior_cdk46.agent", "prior_cdk46.agents"
DRUGS, CLASSES = "history.agents", "history.classes"
RESPONSE, MONTHS, BENEFIT = "prior_cdk46.best_response", "prior_cdk46.months", "prior_cdk46.clinical_benefit"
ESR1 = "biomarkers.esr1"
FOLLOWING = "history.classes follow history.agents"  # the variable that says that nothing is stated of either
_BARE = "bare:"
STATED = "stated:"  # before the name of a biomarker: its result as stated, or none
_LINKED = (
    (AGENT, AGENTS),
    (BENEFIT, RESPONSE, MONTHS),
    ("patient.pregnant", "patient.sex", "patient.menopausal_status"),
)
_TWICE = ("patient.ovarian_suppression", "patient.pregnant", AGENT, BENEFIT)


class Cells(Worlds):
    """Diagrams over the facts of any patient.

    Raises from its methods:
        TooManyNodes: the rule base is too much for one set of diagrams.
        Undecidable: a definition leaves its fact unknown even where everything is known, or voids what is no biomarker.
    """

    def __init__(self, base: RuleBase, beside: Cells | None = None) -> None:
        """`beside` are the cells of a rule base that asks the same of every fact: both then have the same variables."""
        self._restricted: dict[tuple[Node, int, tuple[int, ...]], Node] = {}
        every = {d.id: frozenset(range(len(d.cases) + 1)) for d in base.voiding}
        super().__init__(base, Findings(Inference({}, every), {}, base.voiding), Known({}, {}), MOST_NODES)
        if beside is not None:
            self.diagrams, self.variables, self._index = beside.diagrams, beside.variables, beside._index
        for group in _LINKED:  # what is linked stands together, or every diagram would keep it in mind
            for fact in group if group[0] in base.tests_on else ():
                if fact == AGENTS:
                    self._member_variable(AGENTS, "other")
                else:
                    self._variable(fact)
        for fact in (STATUS, f"{ESR1}.sample", f"{ESR1}.taken"):
            self._variable(fact)
        if any(case.of and not case.of.startswith("biomarkers.") for d in base.voiding for case in d.cases):
            raise Undecidable
        for main in dict.fromkeys((ESR1, *(case.of for d in base.voiding for case in d.cases if case.of))):
            self.void(main)

    def prepare(self) -> None:
        """Make every variable that a rule of any day can ask for."""
        for rule in self.base.rules():
            self.where(rule.when)
        self._variable(AGENT)  # which gates on the inhibitor in use read
        self.valid_among(frozenset())

    # --- what a row leaves open ---------------------------------------------------------------------------

    def links(self) -> list[Node]:
        """What links facts, no two of them the same fact."""
        return [link for _, link in self._components()]

    def restricted(self, node: Node, variable: int, possible: tuple[int, ...]) -> Node:
        """A function of which only some values of a variable count: any other is taken as the first of these."""
        asked = self.diagrams.variable[node]
        if asked > variable:
            return node
        key = (node, variable, possible)
        found = self._restricted.get(key)
        if found is None:
            branches = self.diagrams.branches[node]
            if asked == variable:
                found = self.diagrams.choose(
                    variable, tuple([b if at in possible else branches[possible[0]] for at, b in enumerate(branches)])
                )
            else:
                found = self.diagrams.choose(
                    asked, tuple([self.restricted(branch, variable, possible) for branch in branches])
                )
            self._restricted[key] = found
        return found

    def as_found(self, node: Node, variable: int, *, stated: bool) -> Node:
        """A function of which a fact that is there twice has what it has as stated, or as it turns out, in both."""
        asked = self.diagrams.variable[node]
        if asked > variable:
            return node
        key = (node, variable, (-1, int(stated)))
        found = self._restricted.get(key)
        if found is None:
            branches = self.diagrams.branches[node]
            if asked == variable:
                first = self.twice(self.variables[variable].fact)
                half = branches[:first] if stated else branches[first : 2 * first]
                found = self.diagrams.choose(variable, (*half, *half, *(half[0] for _ in branches[2 * first :])))
            else:
                found = self.diagrams.choose(
                    asked, tuple([self.as_found(branch, variable, stated=stated) for branch in branches])
                )
            self._restricted[key] = found
        return found

    # --- variables ----------------------------------------------------------------------------------------

    def twice(self, fact: str) -> int:
        """How many values stand first as stated; those that a fact can turn out to have follow. 0: no such fact."""
        return len(Domains(self.base, {}).of(fact, None)) if fact in _TWICE else 0

    def facts_in_three_values(self) -> list[str]:
        """The facts that cautions and tests read, through definitions too: of these three values are asked for."""
        rules: list[Caution | TestRule] = [*self.base.cautions, *self.base.tests]
        todo = [test.fact for rule in rules for test in tests_in(rule.when)]
        todo += [path for rule in self.base.tests for path in (rule.fact, main_of(rule.fact))]
        found: dict[str, None] = {}
        while todo:
            fact = todo.pop()
            if fact not in found:
                found[fact] = None
                todo += self.base.tested.get(fact, ())
        return sorted(found.keys() - self.base.defined.keys())

    def variable_of(self, fact: str) -> int:
        """The variable that says what is stated of a fact that a rule reads."""
        main = main_of(fact)
        apart = main.startswith("biomarkers.") or main not in catalogue().parts
        return self._index[
            fact if fact != main and apart else STATED + main if main.startswith("biomarkers.") else main
        ]

    def member_of(self, fact: str, member: str) -> int:
        """The variable that says whether a set that a rule reads has a member."""
        return self._index[f"{fact}:{member}"]

    def _variable(self, fact: str) -> int:
        """The variable of a fact; of a receptor or HER2 it is one with its scores."""
        main = main_of(fact)
        if main in catalogue().parts and not main.startswith("biomarkers."):
            return self._made(main, lambda: Variable(main, main, tuple(self._joint(main))))
        return self._made(fact, lambda: Variable(fact, fact, tuple(self._single(fact))))

    def _single(self, fact: str) -> Iterator[Value]:
        held = Domains(self.base, {}).of(fact, None)
        yield from held
        if fact in _TWICE:
            yield from held
        if catalogue()[fact].may_not_apply:
            yield Value({fact: NOT_APPLICABLE})

    def _joint(self, main: str) -> Iterator[Value]:
        """The statuses of a receptor or of HER2 with every score that goes with them."""
        domains = Domains(self.base, {})
        scores = [domains.of(part, None) for part in catalogue().parts[main]]
        for status in catalogue()[main].values:
            for scored in product(*scores):
                states: dict[str, State] = {main: status}
                for value in scored:
                    states |= value.states
                followed = dict(states)
                follow(followed)
                if followed[main] == status and not contradictory(states):
                    yield Value(states, next((value.stretch for value in scored if value.stretch), None))

    def _stated_result(self, main: str) -> int:
        key = f"{STATED}{main}"
        results = (None, *catalogue()[main].values)
        return self._made(key, lambda: Variable(main, key, tuple(Value({main: result}) for result in results)))

    def _flag(self) -> int:
        return self._made(FOLLOWING, lambda: Variable("", FOLLOWING, (Value({}), Value({}))))

    def turning_out(self) -> frozenset[int]:
        """The variables of what biomarkers turn out to be that count as absent: nothing that a row states."""
        return frozenset(i for key, i in self._index.items() if key.startswith(_BARE))

    # --- tests --------------------------------------------------------------------------------------------

    def _plain_test(self, test: Test) -> Node:
        fact = test.fact
        if fact.startswith("biomarkers."):
            return self._literal(self._stated_result(fact) if main_of(fact) == fact else self._variable(fact), test)
        return self.diagrams.both(self.applies(fact), self._literal(self._variable(fact), test))

    def applies(self, fact: str) -> Node:
        found = self._applies.get(fact)
        if found is None:
            dd, found = self.diagrams, ALWAYS
            for rule in cannot_be():
                if rule.fact == fact:
                    excluded = self.where(Test(rule.other, (Check("is", rule.values),)))
                    if not rule.stated:
                        excluded = dd.without(excluded, self._as_stated(fact))
                    found = dd.without(found, excluded)
            self._applies[fact] = found
        return found

    def _as_stated(self, fact: str) -> Node:
        variable, first = self._variable(fact), self.twice(fact)
        values = self.variables[variable].values
        return self.diagrams.literal(variable, [place < first for place in range(len(values))])

    def _turning_out(self, fact: str, value: State) -> Node:
        """Where a fact that is not stated has a value."""
        variable, first = self._variable(fact), self.twice(fact)
        values = self.variables[variable].values
        truths = [place >= first and held.states[fact] == value for place, held in enumerate(values)]
        return self.diagrams.literal(variable, truths)

    def void(self, main: str) -> Node:
        """Where a biomarker is not stated, or counts as absent."""
        if not main.startswith("biomarkers."):
            return NEVER
        if main not in self._voids:
            self._voids[main] = NEVER  # a definition that voids a fact is judged on the fact as stated
            stated = self._stated_result(main)
            absent = self.diagrams.literal(stated, [v.states[main] is None for v in self.variables[stated].values])
            found = self.diagrams.either(absent, self._voided(main))
            self._conditions.clear()
            self._tests.clear()
            self._defined.clear()
            self._voids[main] = found
        return self._voids[main]

    # --- what can be together -----------------------------------------------------------------------------

    def _links(self) -> Iterator[Node]:
        dd, index = self.diagrams, self._index
        if {"patient.sex", "patient.pregnant"} <= index.keys():
            yield self._fits([index["patient.sex"], index["patient.pregnant"]])
        yield self._fits([index[name] for name in (STATUS, STATED + ESR1, f"{ESR1}.sample", f"{ESR1}.taken")])
        bare = index.get(_BARE + ESR1)
        if bare is not None:
            yield dd.either(dd.negation(self.void(ESR1)), self._fits([index[STATUS], bare]))
        if AGENT in index and any(variable.fact == AGENTS for variable in self.variables):
            for agent in sorted(ANY_INHIBITOR):
                given = self._raw_member(AGENTS, agent)
                yield dd.either(dd.negation(self._turning_out(AGENT, agent)), given)
                yield dd.negation(dd.both(self._turning_out(AGENT, "none"), given))
        if BENEFIT in index:
            yield from self._benefit()
        drugs = [variable for variable in self.variables if variable.fact == DRUGS]
        if drugs and any(variable.fact == CLASSES for variable in self.variables):
            stated = dd.literal(self._flag(), (True, False))
            yield from (dd.either(stated, link) for link in self._classes_of_drugs())

    def _benefit(self) -> Iterator[Node]:
        """A benefit that is not stated is what a response and months tell."""
        dd, response, months = self.diagrams, self._variable(RESPONSE), self._variable(MONTHS)
        for one, other in product(enumerate(self.variables[response].values), enumerate(self.variables[months].values)):
            told = stated_benefit(one[1].states[RESPONSE], other[1].states[MONTHS])
            if told is not None:
                here = dd.both(self._only(response, one[0]), self._only(months, other[0]))
                yield dd.negation(dd.both(here, self._turning_out(BENEFIT, not told)))

    def _only(self, variable: int, place: int) -> Node:
        return self.diagrams.literal(variable, [at == place for at in range(len(self.variables[variable].values))])
