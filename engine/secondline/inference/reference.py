"""The reference: plain three-valued evaluation of every definition and rule. It defines what a condition means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import Truth, truth
from secondline.rulebase import RuleBase, produces, values
from secondline.states import State, one_of

if TYPE_CHECKING:
    from secondline.forms.rules import Definition


class Inference(NamedTuple):
    """What an engine found: for each rule whether it fires; for each definition the cases still possible, by index.

    A definition's `otherwise` is its last case.
    """

    rules: dict[str, Truth]
    definitions: dict[str, frozenset[int]]


@dataclass(eq=False)
class Findings:
    """An inference with the states of all facts, defined ones included.

    `voiding` are the definitions that can make a fact count as absent.
    """

    inference: Inference
    facts: dict[str, State]
    voiding: Sequence[Definition] = ()

    def fires(self, rule: str) -> Truth:
        return self.inference.rules[rule]

    @cached_property
    def voided(self) -> frozenset[str]:
        """The facts that count as absent: only the case that says so is possible."""
        found: set[str] = set()
        for definition in self.voiding:
            cases = self.inference.definitions[definition.id]
            (index,) = cases if len(cases) == 1 else (len(definition.cases),)
            if index < len(definition.cases):
                found.add(definition.cases[index].of or "")
        return frozenset(found - {""})


def infer(base: RuleBase, known: dict[str, State]) -> Findings:
    """Judge every definition and rule on the states of a patient's facts."""
    facts = dict(known)
    possible: dict[str, frozenset[int]] = {}
    for definition in base.definitions:
        possible[definition.id], facts[produces(definition)] = _defined(definition, facts)
    rules = {rule.id: truth(rule.when, facts) for rule in base.rules()}
    return Findings(Inference(rules, possible), facts, base.voiding)


def _defined(definition: Definition, facts: dict[str, State]) -> tuple[frozenset[int], State]:
    """The possible cases of a definition, and the state of the fact that it produces."""
    cases = possible_cases(definition, facts)
    return frozenset(cases), _state(definition, cases)


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
