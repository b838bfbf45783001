"""The reference: plain three-valued evaluation of every definition and rule. It defines what a condition means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
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


@dataclass(eq=False)
class Findings:
    """An inference with the states of all facts, defined ones included.

    `voiding` are the definitions that can make a fact count as absent; `opened` keeps what `open_facts` found.
    """

    inference: Inference
    facts: dict[str, State]
    voiding: Sequence[Definition] = ()
    opened: dict[str, frozenset[str]] = field(default_factory=dict)

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


class Memo(NamedTuple):
    """What was judged for one answer, by the states of the facts that a condition tests: it is judged once on each."""

    definitions: dict[tuple[object, ...], tuple[frozenset[int], State]]
    rules: dict[tuple[object, ...], Truth]


class Retrial:
    """Some rules, to be judged again with facts changed, many times: only what reads a changed fact is judged."""

    def __init__(self, base: RuleBase, before: Findings, rules: Sequence[Rule], memo: Memo) -> None:
        self.base, self.before, self.rules, self.memo = base, before, rules, memo
        self._kept = {rule.id: before.fires(rule.id) for rule in rules}
        self._reading: dict[tuple[str, ...], _Reading] = {}

    def judge(self, changes: Mapping[str, State]) -> Findings:
        """The findings on these rules once some facts have changed (None: become unknown); the rest is kept."""
        moved = tuple(changes)
        if moved not in self._reading:
            self._reading[moved] = self._read_by(frozenset(map(main_of, moved)))
        facts = {**self.before.facts, **changes}
        possible = dict(self.before.inference.definitions)
        defined, fired = self.memo
        for definition, name, tested in self._reading[moved].definitions:
            key = (name, *map(facts.get, tested))
            if key not in defined:
                defined[key] = _defined(definition, facts)
            possible[definition.id], facts[name] = defined[key]
        found = dict(self._kept)
        for rule, tested in self._reading[moved].rules:
            key = (rule.id, *map(facts.get, tested))
            if key not in fired:
                fired[key] = truth(rule.when, facts)
            found[rule.id] = fired[key]
        return Findings(Inference(found, possible), facts, self.before.voiding)

    def _read_by(self, moved: frozenset[str]) -> _Reading:
        base = self.base
        rules = [rule for rule in self.rules if not moved.isdisjoint(base.reads[rule.id])]
        used = frozenset().union(*(base.uses[rule.id] for rule in rules))
        names = [name for name in base.defined if name in used and not moved.isdisjoint(base.reads[name])]
        return _Reading(
            [(base.defined[name], name, base.tested[name]) for name in names],
            [(rule, base.tested[rule.id]) for rule in rules],
        )


class _Reading(NamedTuple):
    """The rules that read certain facts, and the definitions through which they do, with the facts each tests."""

    definitions: list[tuple[Definition, str, tuple[str, ...]]]
    rules: list[tuple[Rule, tuple[str, ...]]]


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


def open_facts(base: RuleBase, condition: Condition, findings: Findings) -> set[str]:
    """The unknown facts that keep an undetermined condition from being true or false; none if it is either.

    The main name stands for its parts while it is unknown, and a fact that a definition lets count as absent for
    whatever it was found to be.
    """
    found: set[str] = set()
    for test in _undetermined(condition, findings.facts):
        if test.fact not in findings.opened:
            findings.opened[test.fact] = _open(base, test.fact, findings)
        found |= findings.opened[test.fact]
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


def _open(base: RuleBase, fact: str, findings: Findings) -> frozenset[str]:
    definition = base.defined.get(fact)
    if definition is None:
        main = main_of(fact)
        return frozenset({main if findings.facts.get(main) is None else fact})
    found: set[str] = set()
    for index in findings.inference.definitions[definition.id]:
        if index < len(definition.cases):
            case = definition.cases[index]
            found |= open_facts(base, case.when, findings)
            found |= {case.of} if case.of and case.of in findings.voided else set()
    return frozenset(found)
