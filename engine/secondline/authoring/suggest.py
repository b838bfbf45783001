"""A case for each gap that cases leave, made from all patients as diagrams; or the proof that no patient closes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from secondline.asof import AsOf
from secondline.authoring.coverage import (
    DECISION,
    FALSE,
    NOT_FIRED,
    OF_ANSWERS,
    Counter,
    Target,
    beside,
    in_words,
    part_at,
    part_of,
)
from secondline.authoring.everybody import Everybody, prepared
from secondline.authoring.everywhere import PLACES, last_days, on_regimen, whole
from secondline.authoring.patients import Asked, Clinic, Facts, Plain, case_of, least
from secondline.authoring.plausible import coherent, patient
from secondline.authoring.written import Steps
from secondline.columns.cells import Cells
from secondline.condition import ANSWER, DEFINED, AnyOf, Condition, Not, Test, holds, sentence
from secondline.diagram import NEVER, Node
from secondline.forms.rules import Caution, Definition, Gate, Law, OptionRule, Rule, TestRule
from secondline.recommendation import Recommendation
from secondline.rulebase import RuleBase, values
from secondline.scales import OFFERED
from secondline.states import State
from secondline.tiers import CLOSED


class Suggested(NamedTuple):
    """A case that closes gaps, as a case file has it."""

    case: Plain
    closes: tuple[Target, ...]


class Gaps(NamedTuple):
    """What becomes of gaps: cases that close them, those that no patient closes, those for which none was found."""

    suggested: tuple[Suggested, ...]
    impossible: tuple[Target, ...]
    left: tuple[Target, ...]


class _AsStated(Cells):
    """Conditions on biomarkers as they are stated, whether or not a result counts as absent."""

    def void(self, main: str) -> Node:
        return NEVER

    def _passes(self, test: Test, value: State, node: Node) -> bool:
        return value is not None and bool(holds(test, value))


class Suggester:
    """Closes the gaps of a rule base."""

    def __init__(self, base: RuleBase, laws: Sequence[Law]) -> None:
        self.base, self.counter = base, Counter(base, laws)
        self.rules: dict[str, Rule] = {rule.id: rule for rule in base.rules()}
        self.definitions = {definition.id: definition for definition in base.definitions}
        self.laws = {law.id: law for law in laws}
        self.cells = prepared(base)
        self.diagrams = self.cells.diagrams
        self.everybody = Everybody(AsOf(base, base.knowledge_until, None), self.cells)
        self._coherent = coherent(self.cells)

    @cached_property
    def clinic(self) -> Clinic:
        return Clinic(self.base)

    def gaps(self, missed: Sequence[Target], *, cases: bool) -> Gaps:
        """What becomes of gaps; without `cases` only which of them no patient closes."""
        impossible = [target for target in missed if not any(self._ways(target))]
        closable = [target for target in missed if target not in impossible]
        if not cases:
            return Gaps((), tuple(impossible), ())
        made = list(self._closing(closable))
        closed = {target for _, _, some in made for target in some}
        suggested = [self._suggested(number, *one) for number, one in enumerate(made, start=1)]
        left = [target for target in closable if target not in closed]
        return Gaps(tuple(suggested), tuple(impossible), tuple(left))

    def _closing(self, gaps: Sequence[Target]) -> Iterator[tuple[Facts, Asked, list[Target]]]:
        """Patients who close gaps, each with those that none before it closes."""
        left = dict.fromkeys(gaps)
        for target in gaps:
            if target not in left:
                continue
            for asked, node in self._ways(target):
                facts = patient(self.everybody, node, self._coherent)
                case = self.clinic.case(facts, asked) if facts else None
                hits = self.counter.hits(case) if case else set()
                if facts and target in hits:
                    closed = [other for other in left if other in hits]
                    for other in closed:
                        del left[other]
                    yield self._least(facts, asked, closed), asked, closed
                    break

    def _least(self, facts: Facts, asked: Asked, closed: Sequence[Target]) -> Facts:
        def still(fewer: Facts) -> bool:
            case = self.clinic.case(fewer, asked)
            return case is not None and self.counter.hits(case, closed).issuperset(closed)

        return least(facts, still)

    # --- where a gap is closed ----------------------------------------------------------------------------

    def _ways(self, target: Target) -> Iterator[tuple[Asked, Node]]:
        """Where a target is exercised, by days and jurisdictions, the newest first; nothing where it cannot be."""
        for asked, node, known in self._anywhere(target):
            here = self.diagrams.both(node, known)
            if here != NEVER:
                yield asked, here

    def _anywhere(self, target: Target) -> Iterator[tuple[Asked, Node, Node]]:
        if target.kind in OF_ANSWERS:
            yield from self._in_answers(target)
        elif target.name in self.definitions:
            yield self._in_definition(self.definitions[target.name], target)
        else:
            rule = self.rules[target.name]
            asked = self._asked(rule)
            if asked is not None:
                yield asked, self._in_decision(self.cells, rule.when, ("when",), target), self._known

    def _asked(self, rule: Rule) -> Asked | None:
        """The last day on which a rule counts, in its jurisdiction; None where it never does."""
        window = self.base.window(rule)
        place = rule.jurisdiction if isinstance(rule, (OptionRule, Gate)) else None
        for day in last_days(self.base, [rule]):
            if window.has(day):
                return Asked(day, place or PLACES[0])
        return None

    @cached_property
    def _known(self) -> Node:
        return whole(self.everybody, self.cells)

    @cached_property
    def _stated(self) -> Cells:
        return _AsStated(self.cells.base, beside=self.cells)

    def _in_decision(self, cells: Cells, condition: Condition, path: Steps, target: Target) -> Node:
        """Where a part of a decision has its outcome; of MC/DC, where it alone decides."""
        part = part_at(condition, path, target.path) if target.path else condition
        nodes = [cells.where(part)]
        if target.outcome in (FALSE, NOT_FIRED):
            nodes = [self.diagrams.negation(nodes[0])]
        if target.kind == DECISION:
            for other, wanted in beside(condition, path, target.path):
                node = cells.where(other)
                nodes.append(node if wanted else self.diagrams.negation(node))
        return self.diagrams.all_of(nodes)

    def _in_definition(self, definition: Definition, target: Target) -> tuple[Asked, Node, Node]:
        dd, asked = self.diagrams, Asked(self.base.knowledge_until, PLACES[0])
        voiding = definition in self.base.voiding
        cells, known = (self._stated, self.everybody.valid) if voiding else (self.cells, self._known)
        left: list[Node] = []
        branches: list[Node] = []
        for case in definition.cases:
            here = cells.where(case.when)
            branches.append(dd.all_of([*left, here]))
            left.append(dd.negation(here))
        branches.append(dd.all_of(left))
        if target.kind == "value":
            every = zip(values(definition), branches, strict=True)
            return asked, dd.any_of(node for value, node in every if in_words(value) == target.outcome), known
        index = target.path[1] if len(target.path) > 1 else len(definition.cases)
        assert isinstance(index, int)
        if target.kind == "branch":
            return asked, branches[index], known
        when = self._in_decision(cells, definition.cases[index].when, ("cases", index, "when"), target)
        return asked, dd.all_of([*left[:index], when]), known

    def _in_answers(self, target: Target) -> Iterator[tuple[Asked, Node, Node]]:
        """Where a verdict comes out, a regimen has a tier, or a law applies; on every day on which that may differ."""
        rules = list(self.base.rules())
        if target.kind == "tier":
            rules = [*self.base.verdicts, *on_regimen(self.base, target.name)]
        names, seen = {rule.id for rule in rules}, set[frozenset[str]]()
        for day in last_days(self.base, rules):
            for place in PLACES:
                view = AsOf(self.base, day, None if place == "none" else place)
                counting = frozenset(rule.id for rule in view.rules() if rule.id in names)
                if target.kind != "law" and counting in seen:
                    continue
                seen.add(counting)
                one = Everybody(view, self.cells)
                if target.kind == "verdict":
                    node = one.verdicts.get(target.outcome, NEVER)
                elif target.kind == "tier":
                    node = one.tiers(target.name).get(target.outcome, NEVER) if target.name in view.options else NEVER
                else:
                    law = self.laws[target.name]
                    node = self._answers(one, law.when) if self.base.in_effect(law, day) else NEVER
                yield Asked(day, place), node, self._known

    def _answers(self, one: Everybody, condition: Condition) -> Node:
        """Where a condition holds that may read the answer, as laws do."""
        dd = self.diagrams
        if isinstance(condition, Not):
            return dd.negation(self._answers(one, condition.part))
        if not isinstance(condition, Test):
            parts = [self._answers(one, part) for part in condition.parts]
            return dd.any_of(parts) if isinstance(condition, AnyOf) else dd.all_of(parts)
        if condition.fact not in ANSWER:
            return one.where(condition)
        if condition.fact == "verdict":
            return dd.any_of(node for verdict, node in one.verdicts.items() if holds(condition, verdict))
        return dd.all_of(self._offered(one, condition.fact, check.op, check.values) for check in condition.checks)

    def _offered(self, one: Everybody, fact: str, op: str, members: Iterable[object]) -> Node:
        dd, vocabulary = self.diagrams, self.base.vocabulary

        def belongs(regimen: str, member: object) -> bool:
            agents = vocabulary.regimens[regimen].agents
            classes = {name for agent in agents for name in vocabulary.classes_of(agent) or ()}
            return member in {"offered": {regimen}, "offered_agents": set(agents)}.get(fact, classes)

        held = [
            dd.any_of(
                node
                for regimen in one.view.options
                if belongs(regimen, member)
                for tier, node in one.tiers(regimen).items()
                if tier in OFFERED
            )
            for member in members
        ]
        if op == "has_all":
            return dd.all_of(held)
        return dd.negation(dd.any_of(held)) if op == "has_none" else dd.any_of(held)

    # --- the case -----------------------------------------------------------------------------------------

    def _suggested(self, number: int, facts: Facts, asked: Asked, closes: Sequence[Target]) -> Suggested:
        answer = self.clinic.answer(facts, asked)
        assert answer is not None
        title = self.title(closes[0])
        expect = self._expected(answer, closes)
        return Suggested(case_of(facts, asked, f"suggested-{number}", title, expect), tuple(closes))

    def title(self, target: Target) -> str:
        """What a case for a target is about, in a sentence."""
        if target.kind in ("verdict", "tier"):
            return f"{target.name or 'the verdict'} is {target.outcome}"
        held: dict[str, Any] = {**self.laws} if target.kind == "law" else {**self.rules, **self.definitions}
        about = held[target.name].title or target.name
        if target.kind in ("condition", "group", DECISION):
            alone = " alone decides" if target.kind == DECISION else ""
            met = "is not met" if target.outcome == FALSE else "is met"
            part = sentence(part_of(self.base, target), lambda fact: fact.removeprefix(DEFINED))
            return f"{about}: {part} {met}{' and' if alone else ''}{alone}"
        return f"{about}: {target.outcome}"

    def _expected(self, answer: Recommendation, closes: Iterable[Target]) -> dict[str, Any]:
        """The verdict, and what the answer says of what a case is about."""
        found: dict[str, Any] = {"verdict": answer.verdict, "decided_by": list(answer.decided_by)}
        tiers = {option.regimen: option.tier for option in answer.options}
        shown = {caution.rule for caution in answer.cautions}
        asked = [test.fact for test in answer.tests]
        for target in closes:
            rule = None if target.kind in OF_ANSWERS else self.rules.get(target.name)
            if target.kind == "tier" or isinstance(rule, OptionRule):
                regimen = rule.regimen if isinstance(rule, OptionRule) else target.name
                found.setdefault("options", {})[regimen] = tiers.get(regimen, CLOSED)
            elif isinstance(rule, (Gate, Caution)):
                key = "cautions" if rule.id in shown else "not_cautions"
                found[key] = sorted({*found.get(key, ()), rule.id})
            elif isinstance(rule, TestRule):
                key = "tests" if rule.fact in asked else "not_tests"
                found[key] = sorted({*found.get(key, ()), rule.fact})
        return found
