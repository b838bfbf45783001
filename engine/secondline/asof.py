"""The rule base as it stood on one day in one jurisdiction: what was in effect, and what the texts said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from secondline.evidence import CITE_KEYS, Shown, citation, figures, plain, population, public_from, shares
from secondline.recommendation import EvidenceItem, Prevalence
from secondline.rulebase import RuleBase, closes
from secondline.wording import render

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence
    from secondline.forms.rules import Gate, OptionRule, Rule, TestRule

DOSING = ("dose", "monitoring")  # endpoints of label files
MAX_DAYS = 64  # how many days are kept; a batch asks for few


class AsOf:
    """A view of a rule base. `jurisdiction` is None where none was given: then every rule counts."""

    def __init__(self, base: RuleBase, day: date, jurisdiction: str | None) -> None:
        self.base, self.day, self.jurisdiction = base, day, jurisdiction
        self._texts: dict[str, str] = {}
        self._dosing: dict[str, tuple[str, ...]] = {}
        self._trials: dict[str, frozenset[str]] = {}
        self._evidence: dict[str, tuple[EvidenceItem, ...]] = {}
        self.verdicts = [rule for rule in base.verdicts if base.in_effect(rule, day)]
        self.gates = [gate for gate in base.gates if self._counts(gate)]
        self.tests = [rule for rule in base.tests if base.in_effect(rule, day)]
        self.cautions = [rule for rule in base.cautions if base.in_effect(rule, day)]
        self.options: dict[str, list[OptionRule]] = {}
        for option in base.options:
            if self._counts(option):
                self.options.setdefault(option.regimen, []).append(option)

    def _counts(self, rule: OptionRule | Gate) -> bool:
        local = self.jurisdiction is None or rule.jurisdiction in (None, self.jurisdiction)
        return local and self.base.in_effect(rule, self.day)

    def rules(self) -> Iterable[Rule]:
        """Every rule in effect."""
        options = (rule for rules in self.options.values() for rule in rules)
        return (*self.verdicts, *options, *self.gates, *self.tests, *self.cautions)

    @cached_property
    def gates_on(self) -> dict[str, list[Gate]]:
        """The gates that apply to each regimen: by its name, its drugs or their classes."""
        agents = {regimen: self.base.agents_of(regimen) for regimen in self.options}
        return {
            regimen: [g for g in self.gates if self.base.applies(g, regimen, agents[regimen])] for regimen in agents
        }

    def gates_closing(self, drug: str) -> list[Gate]:
        """The gates that can take one drug out of use."""
        return [gate for gate in self.gates if closes(gate) and self.base.applies(gate, "", (drug,))]

    def shown(self, cite: str) -> tuple[Shown, ...]:
        return self.base.sources[cite].on(self.day, self.jurisdiction)

    def text(self, rule: Rule) -> str:
        """What a rule says on the day, with the figures of the day."""
        if rule.id not in self._texts:
            self._texts[rule.id] = render(rule.says, self.shown, self.base.vocabulary.endpoints)
        return self._texts[rule.id]

    def evidence(self, rules: Iterable[Rule]) -> tuple[EvidenceItem, ...]:
        """What the cites of these rules show on the day, each result once."""
        items = (item for rule in rules for item in self._rule_evidence(rule))
        return tuple({(i.report, i.endpoint, *map(i.result.get, CITE_KEYS)): i for i in items}.values())

    def _rule_evidence(self, rule: Rule) -> tuple[EvidenceItem, ...]:
        if rule.id not in self._evidence:
            self._evidence[rule.id] = tuple(_item(shown) for cite in rule.cites for shown in self.shown(cite))
        return self._evidence[rule.id]

    def prevalence(self, rule: TestRule) -> tuple[Prevalence, ...]:
        """What share of patients has which result of a test, by the reports of the day; nothing where none gives it."""
        return tuple(
            Prevalence(found.result, found.share, _item(found.shown), _item(found.of) if found.of else None)
            for found in shares(rule.prevalence, self.base.sources, self.day)
        )

    def trials(self, rule: Rule) -> frozenset[str]:
        """The trials that a rule's cites show on the day."""
        if rule.id not in self._trials:
            shown = (one.evidence for cite in rule.cites for one in self.shown(cite))
            self._trials[rule.id] = frozenset(evidence.id for evidence in shown if evidence.kind == "trial")
        return self._trials[rule.id]

    def dosing(self, regimen: str) -> tuple[str, ...]:
        """What the labels of a regimen say of the start dose and of monitoring; of this jurisdiction where one does."""
        if regimen not in self._dosing:
            labels = [self.base.evidence[name] for name in self.base.vocabulary.regimens[regimen].labels]
            self._dosing[regimen] = tuple(line for label in labels for line in self._doses(label))
        return self._dosing[regimen]

    def _doses(self, label: Evidence) -> Iterator[str]:
        public = [r for r in label.reports if public_from(r, self.base.knowledge_until) <= self.day]
        for endpoint in DOSING:
            stated = [(r, result) for r in public for result in r.results if result.endpoint == endpoint]
            local = [(r, result) for r, result in stated if r.jurisdiction in (None, self.jurisdiction)]
            for report, result in (local or stated)[:1]:
                where = f" ({report.jurisdiction.upper()})" if report.jurisdiction else ""
                second_hand = " (read second-hand)" if report.read_as else ""
                yield f"{endpoint}, {label.name}{where}: {result.finding}{second_hand}"

    def availability(self, regimen: str) -> dict[str, str | None]:
        """The first approval by jurisdiction; None where none was read, or none had come by the day."""
        known: dict[str, str | None] = {"us": None, "eu": None}
        for name in known:
            dates = [self._approval(label, name, regimen) for label in self.base.vocabulary.regimens[regimen].labels]
            if dates and all(dates):
                known[name] = max(text for text in dates if text)
        return known

    def _approval(self, label: str, jurisdiction: str, regimen: str) -> str | None:
        approvals = self.base.evidence[label].approvals
        if approvals is None:
            return None
        approved = getattr(approvals.regimens.get(regimen, approvals), jurisdiction)
        return str(approved) if approved is not None and approved.over <= self.day else None


def _item(shown: Shown) -> EvidenceItem:
    evidence, report, result = shown.evidence, shown.report, shown.result
    return EvidenceItem(
        id=evidence.id,
        report=report.id,
        endpoint=result.endpoint if result else None,
        population=population(evidence, result) if result and result.role != "statement" else None,
        figures=figures(result) if result else "",
        result=plain(result) if result else {},
        citation=citation(evidence, report),
        superseded=shown.superseded,
    )


class Calendar:
    """The views of one rule base, kept for the days asked last."""

    def __init__(self, base: RuleBase) -> None:
        self.base = base
        self._views: dict[tuple[date, str | None], AsOf] = {}

    def on(self, day: date, jurisdiction: str | None) -> AsOf:
        key = (day, jurisdiction)
        if key not in self._views:
            if len(self._views) >= MAX_DAYS:
                self._views.pop(next(iter(self._views)))
            self._views[key] = AsOf(self.base, day, jurisdiction)
        return self._views[key]
