"""Drugs that a text names: those a rule is about, those its cites speak of, and others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from secondline.condition import Condition, tests_in
from secondline.evidence import Source
from secondline.facts import catalogue
from secondline.forms.rules import Gate, OptionRule, Rule, TestRule
from secondline.lint.kinds import OTHER_DRUG, Raised
from secondline.lint.texts import plain_text
from secondline.rulebase import RuleBase


class Drugs:
    """The drugs of a rule base, found in conditions and in texts.

    A drug is foreign to a text if neither the rule (condition, regimen, what it applies to; a class stands for its
    drugs) nor the evidence that it cites names it. A rule that names no drug at all, and a test rule, which names what
    a result opens, are left alone. What a text of an option begins with is what it speaks of: there no drug stands but
    one of its regimen, whatever its condition excludes and its cites compare it with.
    """

    def __init__(self, base: RuleBase) -> None:
        self.base = base
        self._cited: dict[str, frozenset[str]] = {}

    def foreign(self, rule: Rule) -> Iterator[Raised]:
        own = frozenset() if isinstance(rule, TestRule) else self.own(rule)
        if not own:
            return
        known = own.union(*(self.cited(cite) for cite in rule.cites))
        for key, words in (("title", rule.title or ""), ("says", plain_text(rule.says))):
            for drug in sorted(self.named(words) - known):
                spoken = "of which neither the rule nor a cite speaks"
                yield OTHER_DRUG, (key,), f"`{key}` names {drug}, {spoken}; correct it or cite what does"
            if isinstance(rule, OptionRule):
                for drug in sorted(self._drugs.begun(words) & known - self._of({*self.base.agents_of(rule.regimen)})):
                    message = f"`{key}` begins with {drug}, and the rule is about {rule.regimen}"
                    yield OTHER_DRUG, (key,), f"{message}; correct it or word it otherwise"

    def own(self, rule: Rule) -> frozenset[str]:
        """The drugs that a rule is about."""
        found = set(self._tested(rule.when))
        if isinstance(rule, OptionRule):
            found |= set(self.base.agents_of(rule.regimen))
        if isinstance(rule, Gate):
            applies = rule.applies_to
            found |= {*applies.agents, *applies.classes}
            found |= {agent for regimen in applies.regimens for agent in self.base.agents_of(regimen)}
        return self._of(found)

    def _tested(self, condition: Condition) -> Iterator[str]:
        """Values that tests compare with, through definitions; a fact may have a drug in its own name."""
        waiting, seen = [condition], set[str]()
        while waiting:
            for test in tests_in(waiting.pop()):
                yield from (drug for drug in self.base.vocabulary.drugs if drug in test.fact)
                fact = catalogue().get(test.fact)
                for check in test.checks:
                    yield from (str(value) for value in check.values)
                    if check.op in ("not", "has_none") and fact:
                        yield from fact.values  # what is excluded leaves the others
                definition = self.base.defined.get(test.fact)
                if definition and definition.id not in seen:
                    seen.add(definition.id)
                    waiting += [case.when for case in definition.cases]

    def _of(self, names: set[str]) -> frozenset[str]:
        """The drugs among some names, and those of the classes among them."""
        vocabulary = self.base.vocabulary
        members = (vocabulary.members(name) for name in names & vocabulary.classes.keys())
        return frozenset(names & vocabulary.drugs.keys()).union(*members)

    def named(self, words: str) -> frozenset[str]:
        """The drugs that a text names."""
        return self._drugs.found(words)

    def cited(self, cite: str) -> frozenset[str]:
        """The drugs of which the evidence behind a cite speaks; a class that it names stands for its drugs."""
        if cite not in self._cited:
            words = " . ".join(_words(self.base.sources[cite]))
            self._cited[cite] = self.named(words) | self._of(set(self._classes.found(words)))
        return self._cited[cite]

    @cached_property
    def _drugs(self) -> _Names:
        drugs = self.base.vocabulary.drugs
        spelt = {spelling: drug for drug in drugs for spelling in (drug, drug.replace("-", " "))}
        return _Names({**self.base.vocabulary.other_names, **spelt})

    @cached_property
    def _classes(self) -> _Names:
        classes = self.base.vocabulary.classes.items()
        return _Names({name: key for key, held in classes for name in (key, key.replace("-", " "), held.title.lower())})


class _Names:
    """Names in small letters with what each stands for, found as whole words, a plural too."""

    def __init__(self, meant: dict[str, str]) -> None:
        self.meant = meant
        longest_first = sorted(map(re.escape, meant), key=lambda name: (-len(name), name))
        self.pattern = re.compile(rf"(?<![\w-])({'|'.join(longest_first)})s?(?![\w-])")

    def begun(self, words: str) -> frozenset[str]:
        """What the name stands for with which a text begins, if it does with one."""
        begin = self.pattern.match(words.lower().lstrip())
        return self.found(begin[0]) if begin else frozenset()

    def found(self, words: str) -> frozenset[str]:
        return (
            frozenset(self.meant[name] for name in self.pattern.findall(words.lower())) if self.meant else frozenset()
        )


def _words(source: Source) -> Iterator[str]:
    """What an evidence says of itself, and what the cited results are about."""
    evidence = source.evidence
    yield from (
        evidence.name,
        evidence.id.lower().replace("-", " "),
        *evidence.arms,
        *evidence.arms.values(),
        *evidence.population,
    )
    yield evidence.question or ""
    if evidence.eligibility:
        yield from (criterion.says for criterion in evidence.eligibility.criteria)
        yield from evidence.eligibility.not_judged
    for _, _, result in source.reports:
        if result:
            yield from (result.comparison or "", result.subgroup or "", result.finding or "", *result.arms)
