"""Rules of every kind, and the rule base that holds them: checked, cross-referenced, ready to be asked for a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import DEFINED, Condition, Test, conjuncts, sentence, tests_in
from secondline.evidence import Source
from secondline.facts import main_of
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence
    from secondline.forms.rules import (
        Caution,
        DefinedValue,
        Definition,
        Gate,
        Law,
        OptionRule,
        Rule,
        TestRule,
        VerdictRule,
    )


def produces(definition: Definition) -> str:
    """The fact that a definition gives: its own, or `definition:ID` for a yes/no definition."""
    return definition.fact or f"{DEFINED}{definition.id}"


def values(definition: Definition) -> tuple[DefinedValue | None, ...]:
    """The value of each case and of `otherwise`, in order; None is unknown."""
    return (*(None if case.of else case.value for case in definition.cases), definition.otherwise)


def closes(gate: Gate) -> bool:
    """Whether a gate takes an inhibitor in use out of use."""
    return gate.then.tier in ("avoid", "contraindicated")


class Window(NamedTuple):
    """The days on which a rule counts, both included; None is no limit."""

    since: date | None
    until: date | None

    @property
    def empty(self) -> bool:
        return self.since is not None and self.until is not None and self.until < self.since

    def has(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(eq=False)
class RuleBase:
    """A checked rule base.

    Definitions come in order of dependence, verdict rules with every rule before those it overrides; the other rules
    in order of id.
    """

    version: str
    knowledge_until: date
    vocabulary: Vocabulary
    evidence: Mapping[str, Evidence]
    sources: Mapping[str, Source]
    definitions: tuple[Definition, ...]
    verdicts: tuple[VerdictRule, ...]
    options: tuple[OptionRule, ...]
    gates: tuple[Gate, ...]
    tests: tuple[TestRule, ...]
    cautions: tuple[Caution, ...]
    overriders: dict[str, tuple[str, ...]]
    rules_hash: str
    evidence_hash: str

    @cached_property
    def defined(self) -> dict[str, Definition]:
        """The definition behind each fact that one produces."""
        return {produces(definition): definition for definition in self.definitions}

    @cached_property
    def voiding(self) -> tuple[Definition, ...]:
        """The definitions that can make a fact count as absent."""
        return tuple(d for d in self.definitions if any(case.of for case in d.cases))

    def prepare(self) -> None:
        """Work out what is worked out once: before a snapshot is written, so that no reader of it has to."""
        _ = (self.defined, self.voiding, self.tests_on, self.reads, self.criteria, self.public, self.reports)

    def rules(self) -> Iterable[Rule]:
        """Every rule that has a condition, definitions apart."""
        return (*self.verdicts, *self.options, *self.gates, *self.tests, *self.cautions)

    @cached_property
    def tested(self) -> dict[str, tuple[str, ...]]:
        """For each rule and each defined fact, the facts that its own conditions test."""

        def facts(conditions: Iterable[Condition]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(test.fact for condition in conditions for test in tests_in(condition)))

        defined = {produces(d): facts(case.when for case in d.cases) for d in self.definitions}
        return {**defined, **{rule.id: facts([rule.when]) for rule in self.rules()}}

    @cached_property
    def tests_on(self) -> dict[str, tuple[Test, ...]]:
        """Every test that a definition or rule makes of each fact, each once."""
        whens = (*(case.when for d in self.definitions for case in d.cases), *(rule.when for rule in self.rules()))
        found: dict[str, dict[Test, None]] = {}
        for test in (test for when in whens for test in tests_in(when)):
            found.setdefault(test.fact, {})[test] = None
        return {fact: tuple(tests) for fact, tests in found.items()}

    @cached_property
    def reads(self) -> dict[str, frozenset[str]]:
        """For each rule and each defined fact, the facts it depends on, through definitions; parts by main name."""
        found: dict[str, frozenset[str]] = {}
        for name, facts in self.tested.items():
            found[name] = frozenset().union(*(found.get(fact, frozenset({main_of(fact)})) for fact in facts))
        return found

    @cached_property
    def criteria(self) -> Mapping[str, tuple[Criterion, ...]]:
        """The parts that all have to hold, in words: of each rule's condition, and of each trial's eligibility."""

        def name(fact: str) -> str:
            return f"{self.defined[fact].id} holds" if fact.startswith(DEFINED) else fact

        made: dict[Condition, Criterion] = {}  # of one condition there is one criterion, so that it is judged once

        def worded(part: Condition) -> Criterion:
            if part not in made:
                made[part] = criterion(sentence(part, name), part)
            return made[part]

        found = {rule.id: tuple(map(worded, conjuncts(rule.when))) for rule in self.rules()}
        for item in self.evidence.values():
            if item.eligibility:
                found[item.id] = tuple(criterion(each.says, each.when) for each in item.eligibility.criteria)
        return found

    @cached_property
    def public(self) -> dict[str, date]:
        """The first day on which each cite gives anything."""
        return {cite: source.public_from for cite, source in self.sources.items()}

    @cached_property
    def reports(self) -> frozenset[str]:
        """The names of all evidence and all its reports."""
        return frozenset(name for item in self.evidence.values() for name in (item.id, *(r.id for r in item.reports)))

    def in_effect(self, rule: Rule | Law, day: date) -> bool:
        """Whether a rule or law counts on a day: within its days, and one of its cites public."""
        return self.window(rule).has(day)

    def window(self, rule: Rule | Law) -> Window:
        """The days on which a rule or law counts: its own, and not before one of its cites is public."""
        own = rule.effective
        public = min((self.public[cite] for cite in rule.cites), default=None)
        since = max((day for day in (own and own.since, public) if day), default=None)
        return Window(since, own.until if own else None)

    def turns(self, rules: Iterable[Rule | Law]) -> set[date]:
        """The days on which one of these rules begins to count, or has ended the day before."""
        windows = [self.window(rule) for rule in rules]
        begins = {window.since for window in windows if window.since}
        return begins | {window.until + timedelta(days=1) for window in windows if window.until}

    def agents_of(self, regimen: str) -> tuple[str, ...]:
        known = self.vocabulary.regimens.get(regimen)
        return known.agents if known else ()

    def applies(self, gate: Gate, regimen: str, agents: tuple[str, ...]) -> bool:
        """Whether a gate applies to a regimen, by its name, its drugs or their classes."""
        applies = gate.applies_to
        return (
            regimen in applies.regimens
            or any(agent in applies.agents for agent in agents)
            or any(name in (self.vocabulary.classes_of(agent) or ()) for agent in agents for name in applies.classes)
        )


class Criterion(NamedTuple):
    """A condition in words, with the fact it reads where it reads just one."""

    says: str
    when: Condition
    fact: str | None


def criterion(says: str, when: Condition) -> Criterion:
    alone = isinstance(when, Test) and not when.fact.startswith(DEFINED)
    return Criterion(says, when, when.fact if isinstance(when, Test) and alone else None)
