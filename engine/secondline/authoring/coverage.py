"""What cases exercise: every rule and branch, every condition both ways, every value, tier and law; and MC/DC.

A rule counts for a case only if it is in effect on the case's day and in its jurisdiction. A condition of a definition
counts where every earlier case of it is false; what is unknown is neither true nor false, and exercises nothing.

MC/DC (modified condition/decision coverage) is the masking form: a condition counts once it alone has made its decision
come out true in one case and false in another, which is where every part beside it, on the way up to the whole, is
true under `all` and false under `any`. A decision is a rule's `when`, or that of one case of a definition.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from secondline.asof import Calendar
from secondline.authoring.told import Told, alike, told
from secondline.authoring.written import Steps, spots
from secondline.cases import CaseFile
from secondline.condition import All, AnyOf, Condition, Not, Test, Truth, holds, truth
from secondline.errors import Place
from secondline.forms.rules import Definition, Law, Rule
from secondline.inference.reference import possible_cases
from secondline.laws import answered, held
from secondline.loading import Loaded
from secondline.recommend import Outcome, outcome
from secondline.rulebase import RuleBase, values
from secondline.scales import TIERS, VERDICTS
from secondline.source import problem_at
from secondline.states import State
from secondline.tiers import CLOSED, UNDETERMINED

Kind = Literal["verdict", "rule", "branch", "value", "condition", "group", "tier", "law", "decision"]
KINDS: tuple[Kind, ...] = ("verdict", "rule", "branch", "value", "condition", "group", "tier", "law", "decision")
DECISION: Kind = "decision"
OF_ANSWERS: tuple[Kind, ...] = ("verdict", "tier", "law")  # what takes an answer to be seen
FIRED, NOT_FIRED, APPLIES = "fired", "not fired", "applies"
TRUE, FALSE = "true", "false"
_FIRES = {True: FIRED, False: NOT_FIRED}


class Target(NamedTuple):
    """One thing to be exercised: of a rule, definition, law or regimen, at a path in its file, with its outcome."""

    kind: Kind
    name: str
    path: Steps
    outcome: str


class Hit(NamedTuple):
    """How many cases exercise a target, and which does first."""

    cases: int
    first: str


class Figure(NamedTuple):
    """How many of some things are exercised."""

    exercised: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.exercised / self.of if self.of else 100.0


class Coverage(NamedTuple):
    """What there is to exercise, what is, and how often each rule is left undetermined."""

    targets: tuple[Target, ...]
    hits: Mapping[Target, Hit]
    undetermined: Mapping[str, int]
    cases: int

    def missed(self) -> list[Target]:
        return [target for target in self.targets if target not in self.hits]

    def figures(self, impossible: Collection[Target]) -> dict[Kind, Figure]:
        """How much of each kind is exercised, MC/DC apart; what no patient can exercise is left out."""
        found: dict[Kind, Figure] = {}
        for kind in KINDS:
            possible = [t for t in self.targets if t.kind == kind != DECISION and t not in impossible]
            if possible:
                found[kind] = Figure(sum(target in self.hits for target in possible), len(possible))
        return found

    def mcdc(self, impossible: Collection[Target]) -> Figure:
        """How many conditions alone have made their decision come out both ways, of those that can."""
        ways: dict[tuple[str, Steps], list[Target]] = {}
        for target in self.targets:
            if target.kind == DECISION:
                ways.setdefault((target.name, target.path), []).append(target)
        possible = [both for both in ways.values() if not any(target in impossible for target in both)]
        return Figure(sum(all(target in self.hits for target in both) for both in possible), len(possible))


def targets(base: RuleBase, laws: Sequence[Law]) -> Iterator[Target]:
    """Everything that cases could exercise."""
    yield from (Target("verdict", "", (), verdict) for verdict in VERDICTS if verdict != "undetermined")
    for rule in sorted(base.rules(), key=lambda rule: rule.id):
        yield from (Target("rule", rule.id, (), outcome) for outcome in _FIRES.values())
        yield from _of_decision(rule.id, rule.when, ("when",))
    for definition in sorted(base.definitions, key=lambda definition: definition.id):
        for index, case in enumerate(definition.cases):
            yield Target("branch", definition.id, ("cases", index), "taken")
            yield from _of_decision(definition.id, case.when, ("cases", index, "when"))
        yield Target("branch", definition.id, ("otherwise",), "taken")
        for value in dict.fromkeys(map(in_words, values(definition))):
            yield Target("value", definition.id, (), value)
    for regimen in sorted({rule.regimen for rule in base.options}):
        yield from (Target("tier", regimen, (), tier) for tier in (*TIERS, CLOSED))
    yield from (Target("law", law.id, (), APPLIES) for law in laws)


def _of_decision(name: str, condition: Condition, path: Steps) -> Iterator[Target]:
    for spot, part in spots(condition, path):
        kind: Kind = "condition" if isinstance(part, Test) else "group"
        yield from (Target(kind, name, spot, outcome) for outcome in (TRUE, FALSE))
        if isinstance(part, Test):
            yield from (Target(DECISION, name, spot, outcome) for outcome in (TRUE, FALSE))


def in_words(value: bool | str | None) -> str:
    """A value of a definition as a target has it."""
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else value


# --- counting ---------------------------------------------------------------------------------------------


class Counter:
    """Counts what cases exercise."""

    def __init__(self, base: RuleBase, laws: Sequence[Law]) -> None:
        self.base, self.laws, self._calendar = base, laws, Calendar(base)

    def coverage(self, cases: Iterable[CaseFile]) -> Coverage:
        every = [told(self.base, case) for case in cases]
        counts: dict[Target, list[int]] = {}
        undetermined: dict[str, int] = {}
        for target, places in self._hit(every):
            counts.setdefault(target, []).extend(places)
        for rule in self.base.rules():
            open_in = [one for one in every if one.findings.fires(rule.id) is None and one.counts(self.base, rule)]
            if open_in:
                undetermined[rule.id] = len(open_in)
        hits = {target: Hit(len(set(places)), every[min(places)].case.name) for target, places in counts.items()}
        return Coverage(tuple(targets(self.base, self.laws)), hits, undetermined, len(every))

    def hits(self, case: CaseFile, among: Collection[Target] | None = None) -> set[Target]:
        """What one case exercises; with `among` only what concerns these targets is looked for."""
        return {target for target, _ in self._hit([told(self.base, case)], among)}

    def _hit(
        self, cases: Sequence[Told], among: Collection[Target] | None = None
    ) -> Iterator[tuple[Target, list[int]]]:
        names = None if among is None else {target.name for target in among if target.kind not in OF_ANSWERS}
        for rule in self.base.rules():
            if names is None or rule.id in names:
                yield from self._of_rule(rule, cases)
        for definition in self.base.definitions:
            if names is None or definition.id in names:
                yield from self._of_definition(definition, cases)
        if among is None or any(target.kind in OF_ANSWERS for target in among):
            for place, one in enumerate(cases):
                yield from ((target, [place]) for target in self._of_answer(one))

    def _of_rule(self, rule: Rule, cases: Sequence[Told]) -> Iterator[tuple[Target, list[int]]]:
        for places in alike(cases, [rule.when]):
            counted = [place for place in places if cases[place].counts(self.base, rule)]
            if counted:
                facts = cases[places[0]].findings.facts
                fires = truth(rule.when, facts)
                if fires is not None:
                    yield Target("rule", rule.id, (), _FIRES[fires]), counted
                yield from ((target, counted) for target in _exercised(rule.id, rule.when, ("when",), facts))

    def _of_definition(self, definition: Definition, cases: Sequence[Told]) -> Iterator[tuple[Target, list[int]]]:
        for places in alike(cases, [case.when for case in definition.cases]):
            facts = cases[places[0]].findings.facts
            possible = possible_cases(definition, facts)
            reached = possible[0]  # every case before it is false; what stands after it was not looked at for sure
            for index, case in enumerate(definition.cases[: reached + 1]):
                path: Steps = ("cases", index, "when")
                yield from ((target, places) for target in _exercised(definition.id, case.when, path, facts))
            if len(possible) == 1:
                branch: Steps = ("cases", reached) if reached < len(definition.cases) else ("otherwise",)
                yield Target("branch", definition.id, branch, "taken"), places
                yield Target("value", definition.id, (), in_words(values(definition)[reached])), places

    def _of_answer(self, one: Told) -> Iterator[Target]:
        case = one.case
        view = self._calendar.on(case.day, one.jurisdiction)
        found: Outcome = outcome(case.case.profile, view, one.known, one.findings, case.question())
        if found.verdict != "undetermined":
            yield Target("verdict", "", (), found.verdict)
        yield from (Target("tier", name, (), tier) for name, tier in found.tiers.items() if tier != UNDETERMINED)
        facts = {**one.findings.facts, **answered(found, self.base.vocabulary)}
        for law in self.laws:
            if self.base.in_effect(law, case.day) and held(law, facts).when:
                yield Target("law", law.id, (), APPLIES)


def _exercised(name: str, condition: Condition, path: Steps, facts: Mapping[str, State]) -> Iterator[Target]:
    """What facts exercise of a decision."""
    for spot, part in spots(condition, path):
        value = truth(part, facts)
        if value is not None:
            yield Target("condition" if isinstance(part, Test) else "group", name, spot, TRUE if value else FALSE)
    for spot, value in _deciding(condition, path, facts):
        yield Target(DECISION, name, spot, TRUE if value else FALSE)


def _deciding(condition: Condition, path: Steps, facts: Mapping[str, State]) -> Iterator[tuple[Steps, bool]]:
    """The tests that alone decide: with the other value of one and all else the same, the whole has its other value."""
    if isinstance(condition, Test):
        value = holds(condition, facts.get(condition.fact))
        if value is not None:
            yield path, value
    elif isinstance(condition, Not):
        yield from _deciding(condition.part, (*path, "not"), facts)
    else:
        neutral = isinstance(condition, All)
        truths: list[Truth] = [truth(part, facts) for part in condition.parts]
        for index, part in enumerate(condition.parts):
            if all(value is neutral for at, value in enumerate(truths) if at != index):
                yield from _deciding(part, (*path, "all" if neutral else "any", index), facts)


def beside(condition: Condition, path: Steps, spot: Steps) -> Iterator[tuple[Condition, bool]]:
    """What a part of a condition has to have beside it in order to decide alone, each with whether it is to hold."""
    if isinstance(condition, Not) and spot != path:
        yield from beside(condition.part, (*path, "not"), spot)
    elif isinstance(condition, (All, AnyOf)) and spot != path:
        key, index = spot[len(path) : len(path) + 2]
        for at, part in enumerate(condition.parts):
            if at != index:
                yield part, isinstance(condition, All)
            else:
                yield from beside(part, (*path, key, at), spot)


def part_of(base: RuleBase, target: Target) -> Condition:
    """The condition, or the part of one, that a target of a rule or definition is about."""
    rule = next((rule for rule in base.rules() if rule.id == target.name), None)
    if rule is not None:
        return part_at(rule.when, ("when",), target.path)
    definition = next(definition for definition in base.definitions if definition.id == target.name)
    index = target.path[1]
    assert isinstance(index, int)
    return part_at(definition.cases[index].when, target.path[:3], target.path)


def part_at(condition: Condition, path: Steps, spot: Steps) -> Condition:
    """The part of a condition at a path."""
    return next(part for at, part in spots(condition, path) if at == spot)


def place_of(target: Target, loaded: Loaded) -> Place:
    """Where a target stands; the folder for a verdict or a tier, which no single file gives."""
    if target.kind in ("verdict", "tier"):
        return Place(loaded.folder)
    return problem_at(loaded.nodes[target.name], target.path, "").place
