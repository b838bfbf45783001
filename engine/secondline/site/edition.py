"""What one site shows of a rule base: all of it as last read, or what was in effect and public on one day."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, cast

from secondline.asof import AsOf, Calendar
from secondline.condition import DEFINED, Terms, of_answers, tests_in
from secondline.evidence import Shown, public_from
from secondline.facts import Fact, catalogue
from secondline.laws import terms
from secondline.rulebase import RuleBase, produces
from secondline.site.names import Link, page, safe, upper
from secondline.site.phrases import Names
from secondline.site.seen import Seen

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence, Report
    from secondline.forms.rules import Definition, Law, Rule

    Entry = Rule | Definition | Law


class Edition:
    """The rules, evidence and cases of a site, and where each of them has its page.

    `day` is the day as of which texts are shown; `only` says that nothing else but what counted that day is.
    """

    def __init__(
        self, base: RuleBase, laws: Sequence[Law] = (), cases: Sequence[Seen] = (), day: date | None = None
    ) -> None:
        self.base, self.only = base, day is not None
        self.day = day or base.knowledge_until
        self.calendar = Calendar(base)
        self.cases = [case for case in cases if not self.only or case.day <= self.day]
        self.laws = [law for law in laws if self._counts(law)]
        self.rules: dict[str, list[Rule]] = {
            "verdicts": sorted(self._counting(base.verdicts), key=lambda rule: rule.id),
            "options": self._counting(base.options),
            "safety": self._counting(base.gates),
            "tests": self._counting(base.tests),
            "cautions": self._counting(base.cautions),
        }
        self.evidence: dict[str, Evidence] = {
            name: item for name, item in sorted(base.evidence.items()) if self.reports(item)
        }
        self.definitions: list[Definition] = self._definitions()
        spoken = {rule.regimen for rule in base.options if self._counts(rule)}
        self.regimens = [name for name in base.vocabulary.regimens if name in spoken or not self.only]

    # --- what is shown ------------------------------------------------------------------------------------

    def _counts(self, rule: Rule | Law) -> bool:
        return not self.only or self.base.in_effect(rule, self.day)

    def _counting(self, rules: Iterable[Rule]) -> list[Rule]:
        return [rule for rule in rules if self._counts(rule)]

    def _definitions(self) -> list[Definition]:
        """All definitions; of one day those that a rule, law or trial of it reads, by way of others too."""
        if not self.only:
            return sorted(self.base.definitions, key=lambda definition: definition.id)
        waiting = [
            *(fact for rule in self.each_rule() for fact in self.base.tested[rule.id]),
            *(fact for law in self.laws for fact in tested_by(law)),
            *(fact for item in self.evidence.values() for fact in asked_by(item)),
        ]
        found: dict[str, Definition] = {}
        while waiting:
            definition = self.base.defined.get(waiting.pop())
            if definition and definition.id not in found:
                found[definition.id] = definition
                waiting += self.base.tested[produces(definition)]
        return [found[name] for name in sorted(found)]

    def each_rule(self) -> Iterator[Rule]:
        for rules in self.rules.values():
            yield from rules

    @cached_property
    def kinds(self) -> dict[str, Sequence[Entry]]:
        """Everything that has a condition, by the kind of it."""
        return {**self.rules, "definitions": self.definitions, "laws": self.laws}

    @cached_property
    def kind(self) -> dict[str, str]:
        """The kind of each rule, definition and law that is shown."""
        return {rule.id: kind for kind, rules in self.kinds.items() for rule in rules}

    def in_effect(self, rule: Entry) -> bool:
        """Whether something counts on the day; a definition always does."""
        timeless = self.kind[rule.id] == "definitions"
        return timeless or self.base.in_effect(cast("Rule | Law", rule), self.day)

    def reports(self, item: Evidence) -> list[Report]:
        """The reports of an evidence; on a site of one day those that were public."""
        until = self.base.knowledge_until
        return [report for report in item.reports if not self.only or public_from(report, until) <= self.day]

    # --- texts and figures --------------------------------------------------------------------------------

    def view(self, rule: Entry) -> AsOf:
        """The day as of which a rule is shown: for one that has ended its last day, so that it says what it said."""
        window = getattr(rule, "effective", None)
        last = window.until if window is not None else None
        day = last if last is not None and last < self.day else self.day
        return self.calendar.on(day, getattr(rule, "jurisdiction", None))

    def cited(self, rule: Entry) -> Iterator[tuple[str, tuple[Shown, ...]]]:
        """Each cite of a rule with what it shows; nothing where it is not public yet, on a site of one day left out."""
        view = self.view(rule)
        for cite in rule.cites:
            shown = view.shown(cite)
            if shown or not self.only:
                yield cite, shown

    # --- links --------------------------------------------------------------------------------------------

    def title(self, rule: Entry) -> str:
        return upper(rule.title) if rule.title else rule.id

    def link(self, rule: Entry) -> Link:
        return Link(page(self.kind[rule.id], rule.id), self.title(rule), rule.id)

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        return {rule.id: rule for rules in self.kinds.values() for rule in rules}

    def links(self, names: Iterable[str]) -> tuple[Link, ...]:
        """The links of rules, as far as they are shown."""
        return tuple(self.link(self.by_id[name]) for name in names if name in self.by_id)

    def evidence_link(self, item: Evidence, report: Report | None = None) -> Link:
        place = f"#{report_anchor(report)}" if report else ""
        return Link(page("evidence", item.id.lower()) + place, report.id if report else item.name, item.id)

    def regimen_link(self, name: str) -> Link:
        return Link(page("regimens", name), upper(self.base.vocabulary.regimens[name].title), name)

    def fact_link(self, path: str) -> Link:
        """The page of what produces a fact, or its place among all facts."""
        definition = self.base.defined.get(path)
        if definition is not None:
            title = definition.title or definition.id
            return Link(page("definitions", definition.id), title, definition.id)
        fact = self.facts.get(path)
        return Link(f"facts.html#{safe(path)}", fact.label if fact else path, path)

    @cached_property
    def facts(self) -> dict[str, Fact]:
        """Every fact of a profile, and those of an answer that laws read."""
        return {**catalogue(), **of_answers(self.base.vocabulary)}

    @cached_property
    def names(self) -> Names:
        """What conditions are worded with."""
        worded: Terms = terms(self.base)
        classes = self.base.vocabulary.classes

        def fact(path: str) -> Fact | None:
            return None if path.startswith(DEFINED) else worded.fact(path)

        return Names(self.fact_link, fact, lambda name: classes[name].title if name in classes else name)

    @cached_property
    def _cases_folder(self) -> str:
        return os.path.commonpath([os.path.dirname(case.case.node.place.file) for case in self.cases]) or "."

    def case_file(self, file: str) -> str:
        """A case file by its name within the folder that holds them all."""
        return os.path.relpath(file, self._cases_folder).replace(os.sep, "/")

    # --- who reads what -----------------------------------------------------------------------------------

    @cached_property
    def readers(self) -> Mapping[str, tuple[str, ...]]:
        """For each fact, what is shown that tests it in a condition of its own, by id."""
        tested: list[tuple[str, Iterable[str]]] = [
            *((rule.id, self.base.tested[rule.id]) for rule in self.each_rule()),
            *((definition.id, self.base.tested[produces(definition)]) for definition in self.definitions),
            *((law.id, tested_by(law)) for law in self.laws),
        ]
        found: dict[str, dict[str, None]] = {}
        for name, facts in tested:
            for fact in facts:
                found.setdefault(fact, {})[name] = None
        return {fact: tuple(ids) for fact, ids in found.items()}

    @cached_property
    def citing(self) -> Mapping[str, tuple[str, ...]]:
        """For each evidence, what is shown that cites it, by id."""
        found: dict[str, dict[str, None]] = {}
        for rules in self.kinds.values():
            for rule in rules:
                for cite, _ in self.cited(rule):
                    found.setdefault(self.base.sources[cite].evidence.id, {})[rule.id] = None
        return {name: tuple(ids) for name, ids in found.items()}

    def users(self, definition: Definition) -> tuple[str, ...]:
        """What reads a definition, by id."""
        return self.readers.get(produces(definition), ())

    @cached_property
    def firing(self) -> Mapping[str, tuple[Seen, ...]]:
        """For each rule, the cases in which it fires or that it decides."""
        found: dict[str, list[Seen]] = {}
        for case in self.cases:
            for name in dict.fromkeys((*case.decided_by, *case.fires)):
                found.setdefault(name, []).append(case)
        return {name: tuple(cases) for name, cases in found.items()}

    @cached_property
    def near(self) -> Mapping[str, tuple[Seen, ...]]:
        """For each rule, the cases in which one part of its condition keeps it from firing."""
        found: dict[str, list[Seen]] = {}
        for case in self.cases:
            for name in case.near:
                found.setdefault(name, []).append(case)
        return {name: tuple(cases) for name, cases in found.items()}


def report_anchor(report: Report) -> str:
    """The place of a report on the page of its evidence."""
    return safe(f"report-{report.id.lower()}")


def tested_by(law: Law) -> Iterator[str]:
    """The facts that a law reads in its own conditions."""
    return (test.fact for condition in (law.when, law.then) for test in tests_in(condition))


def asked_by(item: Evidence) -> Iterator[str]:
    """The facts that the entry criteria of a trial read."""
    criteria = item.eligibility.criteria if item.eligibility else ()
    return (test.fact for criterion in criteria for test in tests_in(criterion.when))
