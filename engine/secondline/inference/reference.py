"""The reference: plain three-valued evaluation of every definition and rule. It defines what a condition means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import Condition, Not, Test, Truth, truth
from secondline.facts import main_of
from secondline.rulebase import RuleBase, produces, values
from secondline.states import State, one_of

if TYPE_CHECKING:
    from secondline.forms.rules import Definition, Rule


class Inference(NamedTuple):
    """What an engine found: for each rule whether it fires; for each definition the cases still possible, by index.

    A definition's `otherwise` is its last case.
    """

    rules: dict[str, Truth]
    definitions: dict[str, frozenset[int]]


class Findings(NamedTuple):
    """An inference with the states of all facts, defined ones included, and the facts that count as absent."""

    inference: Inference
    facts: dict[str, State]
    voided: frozenset[str]

    def fires(self, rule: str) -> Truth:
        return self.inference.rules[rule]


def infer(base: RuleBase, known: dict[str, State]) -> Findings:
    """Judge every definition and rule on the states of a patient's facts."""
    facts = dict(known)
    possible = {definition.id: _define(definition, facts) for definition in base.definitions}
    rules = {rule.id: truth(rule.when, facts) for rule in base.rules()}
    return Findings(Inference(rules, possible), facts, _voided(base, possible))


def rejudge(base: RuleBase, before: Findings, changes: Mapping[str, State], rules: Iterable[Rule]) -> Findings:
    """The findings on these rules once some facts have changed (None: become unknown); the rest is kept."""
    facts = dict(before.facts)
    for path, state in changes.items():
        facts[path] = state
    moved = {main_of(path) for path in changes}
    possible = dict(before.inference.definitions)
    for definition in base.definitions:
        if not moved.isdisjoint(base.reads[produces(definition)]):
            possible[definition.id] = _define(definition, facts)
    found = {
        rule.id: before.fires(rule.id) if moved.isdisjoint(base.reads[rule.id]) else truth(rule.when, facts)
        for rule in rules
    }
    return Findings(Inference(found, possible), facts, _voided(base, possible))


def _define(definition: Definition, facts: dict[str, State]) -> frozenset[int]:
    """Put the fact that a definition produces among the facts, and give its possible cases."""
    cases = possible_cases(definition, facts)
    facts[produces(definition)] = _state(definition, cases)
    return frozenset(cases)


def _voided(base: RuleBase, possible: dict[str, frozenset[int]]) -> frozenset[str]:
    """The facts that count as absent: only the case that says so is possible."""
    return frozenset(
        definition.cases[index].of or ""
        for definition in base.voiding
        for index in possible[definition.id]
        if len(possible[definition.id]) == 1 and index < len(definition.cases) and definition.cases[index].of
    )


def possible_cases(definition: Definition, facts: dict[str, State]) -> list[int]:
    """The cases that can still be the first true one; the index after the last stands for `otherwise`."""
    cases: list[int] = []
    for index, case in enumerate(definition.cases):
        met = truth(case.when, facts)
        if met is not False:
            cases.append(index)
        if met:
            return cases
    return [*cases, len(definition.cases)]


def _state(definition: Definition, cases: list[int]) -> State:
    """The value on which the possible cases agree, else the candidates; unknown if a case says so."""
    every = values(definition)
    found = {every[index] for index in cases}
    if None in found:
        return None
    state = one_of(value for value in found if value is not None)
    return None if definition.fact is None and not isinstance(state, bool) else state


def open_facts(base: RuleBase, condition: Condition, findings: Findings) -> set[str]:
    """The unknown facts that keep an undetermined condition from being true or false; none if it is either.

    The main name stands for its parts while it is unknown, and a fact that a definition lets count as absent for
    whatever it was found to be.
    """
    found: set[str] = set()
    for test in _undetermined(condition, findings.facts):
        found |= _open(base, test, findings)
    return found


def _undetermined(condition: Condition, facts: dict[str, State]) -> Iterator[Test]:
    if truth(condition, facts) is not None:
        return
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, Not):
        yield from _undetermined(condition.part, facts)
    else:
        for part in condition.parts:
            yield from _undetermined(part, facts)


def _open(base: RuleBase, test: Test, findings: Findings) -> set[str]:
    definition = base.defined.get(test.fact)
    if definition is None:
        main = main_of(test.fact)
        return {main if findings.facts.get(main) is None else test.fact}
    found: set[str] = set()
    for index in findings.inference.definitions[definition.id]:
        if index < len(definition.cases):
            case = definition.cases[index]
            found |= open_facts(base, case.when, findings)
            found |= {case.of} if case.of and case.of in findings.voided else set()
    return found
