"""Where two rule bases answer otherwise, one of which is the other with one rule changed: for any patient, on any day.

An answer is taken apart: the verdict with its grading and the rules that decide, each regimen's tier with its grading,
gates and cautions that are shown, tests that are asked for. Only those are compared that the changed rule bears on, on
the last day of each stretch of days on which the same rules count, in each jurisdiction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import NamedTuple

from secondline.asof import AsOf
from secondline.authoring.altered import Mutated, altered
from secondline.authoring.everybody import Everybody
from secondline.authoring.moves import _option_grades as option_grades
from secondline.authoring.moves import _verdict_grades as verdict_grades
from secondline.authoring.patients import Asked, Facts
from secondline.authoring.plausible import coherent, patient
from secondline.columns.cells import AGENT, AGENTS, STATED, Cells
from secondline.condition import Check, Test
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.evidence import CITE_KEYS
from secondline.forms.rules import Caution, Definition, Gate, OptionRule, Rule, TestRule, VerdictRule
from secondline.history import ANY_INHIBITOR
from secondline.recommendation import EvidenceItem
from secondline.rulebase import RuleBase, closes
from secondline.scales import Jurisdiction
from secondline.tiers import Outcome, gated
from secondline.verdict import DIRECTIONS
from secondline.vocabulary import INHIBITOR

PLACES: tuple[Jurisdiction, ...] = ("us", "eu", "none")
Parts = dict[tuple[str, ...], Node]  # what an answer is made of, by kind and name: where it is so
SCOPE = "out-of-scope"


def last_days(base: RuleBase, rules: Iterable[Rule]) -> list[date]:
    """The last day of each stretch of days on which the same of these rules count, the newest first.

    The newest is the day on which the evidence was read, or the first of the last stretch where that begins later.
    """
    begins = base.turns(rules)
    newest = max([base.knowledge_until, *begins])
    return sorted({newest, *(day - timedelta(days=1) for day in begins)}, reverse=True)


def ready_for(base: RuleBase, tests: Iterable[Test]) -> Cells:
    """The variables of a rule base, with numbers cut at the limits of further tests too."""
    every = {fact: dict.fromkeys(held) for fact, held in base.tests_on.items()}
    for test in tests:
        every.setdefault(test.fact, {})[test] = None
    finer = altered(base, next(iter(base.rules())))
    vars(finer)["tests_on"] = {fact: tuple(held) for fact, held in every.items()}
    cells = Cells(finer)
    cells.prepare()
    return cells


def whole(everybody: Everybody, cells: Cells) -> Node:
    """The patients of whom all is known: no result counts as absent, and the last inhibitor is one of those given."""
    dd, asked = cells.diagrams, cells.base.tests_on
    mains = [held.fact for held in cells.variables if held.about.startswith(STATED)]
    found = dd.without(everybody.valid, dd.any_of(map(cells.void, mains)))
    for agent in sorted(ANY_INHIBITOR) if AGENT in asked and AGENTS in asked else ():
        last = cells.where(Test(AGENT, (Check("is", (agent,)),)))
        given = cells.where(Test(AGENTS, (Check("has_any", (agent,)),)))
        found = dd.without(found, dd.without(last, given))
    return found


class Bearing(NamedTuple):
    """What changed rules bear on: the verdict, regimens, and the cautions and tests that they are."""

    verdict: bool
    regimens: frozenset[str]
    others: tuple[str, ...]


class Otherwise(NamedTuple):
    """Patients who are answered otherwise in one part of the answer, on a day in a jurisdiction."""

    asked: Asked
    part: tuple[str, ...]
    node: Node


class Everywhere:
    """Compares a rule base with others that have one rule changed."""

    def __init__(self, base: RuleBase, cells: Cells) -> None:
        self.base, self.cells, self.diagrams = base, cells, cells.diagrams
        self.everybody = Everybody(AsOf(base, base.knowledge_until, None), cells)
        self._known, self._coherent = whole(self.everybody, cells), coherent(cells)
        self._kept: dict[object, Parts] = {}

    def patient(self, node: Node) -> Facts | None:
        """A patient for whom a function holds, plausible where it can be; None where no facts can state one."""
        return patient(self.everybody, node, self._coherent)

    def otherwise(self, before: Mutated, after: Mutated) -> Iterator[Otherwise]:
        """Where the answer differs, the newest day first; nothing where it differs for nobody."""
        base = altered(self.base, after)
        if isinstance(before, Definition):
            cells = Cells(base, beside=self.cells)
            yield from self._absent(cells)
            known = self.diagrams.both(self._known, whole(self.everybody, cells))
            changed = [
                (rule, rule)
                for rule in base.rules()
                if self._differs(self.cells.where(rule.when), cells.where(rule.when), known) != NEVER
            ]
        else:
            assert not isinstance(after, Definition)
            cells, known, changed = self.cells, self._known, [(before, after)]
        if changed:
            yield from self._compared(base, cells, known, changed)

    def _absent(self, cells: Cells) -> Iterator[Otherwise]:
        """Where a stated result counts as absent in one of both alone."""
        asked = Asked(self.base.knowledge_until, PLACES[0])
        for held in self.cells.variables:
            if held.about.startswith(STATED):
                voids = self.cells.void(held.fact), cells.void(held.fact)
                node = self._differs(*voids, self.everybody.valid)
                if node != NEVER:
                    yield Otherwise(asked, ("absent", held.fact), node)

    def _compared(
        self, base: RuleBase, cells: Cells, known: Node, changed: Sequence[tuple[Rule, Rule]]
    ) -> Iterator[Otherwise]:
        bearing = self._bearing(list(chain.from_iterable(changed)))
        names = {rule.id for rule, _ in changed}
        relevant = [[*_relevant(one, bearing)] for one in (self.base, base)]
        seen: set[object] = set()
        for day in last_days(self.base, chain(*relevant)):
            for place in PLACES:
                views = [AsOf(one, day, None if place == "none" else place) for one in (self.base, base)]
                counted = [{rule.id for rule in view.rules()} for view in views]
                keys = tuple(
                    tuple(rule.id for rule in rules if rule.id in held)
                    for rules, held in zip(relevant, counted, strict=True)
                )
                if names.isdisjoint(counted[0] | counted[1]) or (keys, self._shown(views, names)) in seen:
                    continue
                seen.add((keys, self._shown(views, names)))
                old, new = Everybody(views[0], self.cells), Everybody(views[1], cells)
                one = self._before((bearing, keys[0], place, day), old, bearing)
                other = self._parts(new, bearing)
                for part in {**one, **other}:
                    node = self._differs(one.get(part, NEVER), other.get(part, NEVER), known)
                    if node != NEVER:
                        yield Otherwise(Asked(day, place), part, node)

    def _differs(self, one: Node, other: Node, among: Node) -> Node:
        """Where just one of two functions holds, among some patients."""
        dd = self.diagrams
        if one == other:
            return NEVER
        return dd.both(dd.either(dd.without(one, other), dd.without(other, one)), among)

    def _before(self, key: object, everybody: Everybody, bearing: Bearing) -> Parts:
        if key not in self._kept:
            self._kept[key] = self._parts(everybody, bearing)
        return self._kept[key]

    # --- what a rule bears on -----------------------------------------------------------------------------

    def _bearing(self, rules: Sequence[Rule]) -> Bearing:
        regimens: set[str] = set()
        verdict = False
        for rule in rules:
            if isinstance(rule, VerdictRule):
                verdict = True
                regimens |= set(self.base.vocabulary.regimens) if rule.then.verdict == SCOPE else set()
            elif isinstance(rule, OptionRule):
                regimens.add(rule.regimen)
            elif isinstance(rule, Gate):
                regimens |= {name for name in self.base.vocabulary.regimens if _applies(self.base, rule, name)}
                verdict |= _closes_one(self.base, rule)
        others = tuple(sorted({rule.id for rule in rules if isinstance(rule, (Caution, TestRule))}))
        return Bearing(verdict, frozenset(regimens), others)

    @staticmethod
    def _shown(views: Sequence[AsOf], names: Iterable[str]) -> tuple[str, ...]:
        """What changed rules show on a day, each in both."""
        rules = [(view, rule) for view in views for rule in view.rules() if rule.id in names]
        return tuple(item.report for view, rule in rules for item in view.evidence([rule]))

    # --- what an answer is made of ------------------------------------------------------------------------

    def _parts(self, everybody: Everybody, bearing: Bearing) -> Parts:
        found: Parts = {}
        if bearing.verdict:
            found |= self._of_verdict(everybody)
        options = everybody.view.options
        for regimen in sorted(bearing.regimens & options.keys()):
            found |= self._of_regimen(everybody, regimen)
        for gate in everybody.view.gates:
            regimens = [name for name in options if _applies(self.base, gate, name)]
            if not bearing.regimens.isdisjoint(regimens):
                node = self.diagrams.both(
                    everybody.every.where(gate), self.diagrams.any_of(self._open(everybody, name) for name in regimens)
                )
                found |= self._with_evidence(everybody.view, gate, ("caution", gate.id), node)
        for rule in (*everybody.view.cautions, *everybody.view.tests):
            if rule.id in bearing.others:
                node = everybody.every.where(rule)
                if isinstance(rule, TestRule):  # nothing is asked for out of scope
                    node = self.diagrams.without(node, everybody.verdicts.get(SCOPE, NEVER))
                found |= self._with_evidence(everybody.view, rule, ("caution", rule.id), node)
        return found

    def _of_verdict(self, everybody: Everybody) -> Parts:
        dd, every = self.diagrams, everybody.every
        found: Parts = {("verdict", verdict): node for verdict, node in everybody.verdicts.items()}
        goes_on = every.verdicts.get("continue", NEVER)
        closing = {gate: dd.both(node, goes_on) for gate, node in every.closing()}
        closed = dd.any_of(closing.values())
        live = {rule: dd.without(every.live[rule.id], closed) for rule in everybody.view.verdicts}
        for rule, node in (*closing.items(), *live.items()):
            found |= self._with_evidence(everybody.view, rule, ("decided_by", rule.id), node)
        for verdict in DIRECTIONS:
            for grade, node in verdict_grades(everybody, verdict).items():
                found["grading", verdict, grade] = node
        return found

    def _of_regimen(self, everybody: Everybody, regimen: str) -> Parts:
        dd, view = self.diagrams, everybody.view
        found: Parts = {("tier", regimen, tier): node for tier, node in everybody.tiers(regimen).items()}
        for tier, grades in option_grades(everybody, regimen).items():
            for grade, node in grades.items():
                found["option grading", regimen, tier, grade] = node
        in_scope = dd.negation(everybody.verdicts.get(SCOPE, NEVER))
        for rule, node in everybody.every.all_ways(regimen).rules:
            alone = Outcome(rule.then.tier, rule.then.strength, rule.then.certainty)
            applied = [gate for gate in view.gates_on[regimen] if gated(alone, (gate,)) != alone]
            for behind, where in ((rule, ALWAYS), *((gate, everybody.every.where(gate)) for gate in applied)):
                here = dd.all_of((node, in_scope, where))
                names = [("evidence", regimen, *_name(item)) for item in view.evidence([behind])]
                for part in (("rules", regimen, behind.id), *names):
                    found[part] = dd.either(found.get(part, NEVER), here)
        return found

    def _open(self, everybody: Everybody, regimen: str) -> Node:
        """Where a regimen is an option, at whichever tier."""
        dd = self.diagrams
        closed = everybody.every.all_ways(regimen).closed
        return dd.negation(dd.either(closed, everybody.verdicts.get(SCOPE, NEVER)))

    @staticmethod
    def _with_evidence(view: AsOf, rule: Rule, part: tuple[str, ...], node: Node) -> Parts:
        """Where a rule is shown, and where each result that it shows is."""
        shown = [_name(item) for item in view.evidence([rule])]
        if isinstance(rule, TestRule):
            shown = [(rule.fact, view.text(rule), repr(view.prevalence(rule)))]
        return {part: node, **{("evidence", rule.id, *name): node for name in shown}}


def _relevant(base: RuleBase, bearing: Bearing) -> Iterator[Rule]:
    """The rules that the parts of an answer follow from."""
    for rule in base.verdicts:
        if bearing.verdict or (bearing.regimens and rule.then.verdict == SCOPE):
            yield rule
    yield from (rule for rule in base.options if rule.regimen in bearing.regimens)
    for gate in base.gates:
        on = any(_applies(base, gate, name) for name in bearing.regimens)
        if on or (bearing.verdict and _closes_one(base, gate)):
            yield gate
    yield from (rule for rule in (*base.tests, *base.cautions) if rule.id in bearing.others)


def on_regimen(base: RuleBase, regimen: str) -> list[Rule]:
    """The option rules of a regimen, and the gates that apply to it."""
    options = (rule for rule in base.options if rule.regimen == regimen)
    return [*options, *(gate for gate in base.gates if _applies(base, gate, regimen))]


def _applies(base: RuleBase, gate: Gate, regimen: str) -> bool:
    return base.applies(gate, regimen, base.agents_of(regimen))


def _closes_one(base: RuleBase, gate: Gate) -> bool:
    """Whether a gate closes an inhibitor in use."""
    drugs = (INHIBITOR if agent == "other" else agent for agent in ANY_INHIBITOR)
    return closes(gate) and any(base.applies(gate, "", (drug,)) for drug in drugs)


def _name(item: EvidenceItem) -> tuple[str, ...]:
    """A result that is shown, by what tells it from others."""
    keys = (str(item.result.get(key, "")) for key in CITE_KEYS)
    return (item.report, item.endpoint or "", *keys)
