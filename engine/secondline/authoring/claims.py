"""What is claimed of a rule base: each claim with its sentence and every rule and definition that it depends on.

A claim is data, and so is what became of it. What it depends on is all that goes into its proof: a proof counts until
one of these changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from secondline.authoring.conclusions import SCOPE
from secondline.condition import ANSWER, AnyOf, Condition, Not, Test, tests_in
from secondline.facts import main_of
from secondline.forms.rules import Gate, OptionRule, TestRule, VerdictRule
from secondline.rulebase import RuleBase, Window, closes, produces, values
from secondline.vocabulary import INHIBITOR

if TYPE_CHECKING:
    from secondline.forms.rules import Definition, Law, Rule
    from secondline.forms.vocabulary import NotUsed

KINDS = {
    "answered": "every patient of whom all is known gets a verdict, or is told by a rule why not",
    "agreed": "no two live verdict rules disagree",
    "decided": "a definition has a value once all is known",
    "law": "every law holds, of patients known whole or in part",
    "closes": "a gate closes what it applies to, and never opens anything",
    "told": "what is known never makes a rule true or false that turns out otherwise",
    "unused": "nothing depends on a fact that is not to be used",
    "used": "every rule changes the answer to some patient",
    "bounded": "no rule holds for everybody",
    "reached": "every case of a definition is some patient's",
    "branch": "every alternative in a condition is needed",
    "apart": "no rule follows from others that conclude the same",
}


class Claim(NamedTuple):
    """One thing claimed: its kind, what it is about, a sentence, and what goes into its proof.

    `part` is the place of a case, or the path of an alternative. `days` are those on which it says anything.
    """

    kind: str
    about: str
    says: str
    rules: tuple[str, ...]
    days: Window = Window(None, None)
    part: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What it goes by: its kind, what it is about, and the number of the part from 1."""
        return " ".join(
            [self.kind, *([self.about] if self.about else []), *(".".join(str(n + 1) for n in self.part),)]
        ).strip()


Status = Literal["proved", "refuted", "open"]


class Proof(NamedTuple):
    """What became of a claim.

    `rules` are those that a proof needs, or that a refutation is about. `says` is what was found, `cases` are the
    patients who show it, and `answer` is what to look for in the answers to them. `confirmed` says that decision
    diagrams find the same of patients known whole.
    """

    status: Status
    rules: tuple[str, ...] = ()
    says: str = ""
    cases: tuple[Mapping[str, Any], ...] = ()
    answer: str = ""
    confirmed: bool = False


class Claims:
    """The claims of one rule base with its laws, and with the facts that are marked as not to be used.

    With `day` they are claimed of that day alone.
    """

    def __init__(
        self, base: RuleBase, laws: Sequence[Law], unused: Sequence[NotUsed] = (), day: date | None = None
    ) -> None:
        self.base, self.laws, self.unused, self.day = base, laws, unused, day
        self.rules: dict[str, Rule] = {rule.id: rule for rule in base.rules()}
        self.defined: dict[str, Definition] = {d.id: d for d in base.definitions}
        self._within: dict[str, tuple[str, ...]] = {}

    def every(self) -> list[Claim]:
        """Every claim that says anything, in the order of KINDS."""
        return [claim for claim in self._every() if self.day is None or claim.days.has(self.day)]

    def _every(self) -> Iterator[Claim]:
        yield from self._verdicts()
        yield from map(self._law, self.laws)
        yield from (self._closes(gate) for gate in self.base.gates)
        yield from (
            self._plain("told", rule, "is never true or false by what is known and otherwise in the end")
            for rule in self.base.rules()
        )
        yield from map(self._unused, self.unused)
        yield from map(self._used, self.base.rules())
        yield from (self._plain("bounded", rule, "does not hold for everybody") for rule in self.base.rules())
        yield from self._reached()
        yield from self._branches()
        yield from self._apart()

    # --- what goes into a proof -----------------------------------------------------------------------------

    def definitions_of(self, facts: Iterable[str]) -> tuple[str, ...]:
        """The definitions behind these facts, those behind them, and those by which a result counts as absent."""
        found: dict[str, None] = {}
        todo = list(facts)
        while todo:
            fact = todo.pop()
            voiding = [d for d in self.base.voiding if any(case.of == main_of(fact) for case in d.cases)]
            for definition in (self.base.defined.get(fact), *voiding):
                if definition is not None and definition.id not in found:
                    found[definition.id] = None
                    todo += self.base.tested[produces(definition)]
        return tuple(sorted(found))

    def of_rule(self, name: str) -> tuple[str, ...]:
        """A rule with the definitions that it reads."""
        if name not in self._within:
            self._within[name] = (name, *self.definitions_of(self.base.tested[name]))
        return self._within[name]

    def of_rules(self, names: Iterable[str]) -> tuple[str, ...]:
        """Rules first, then the definitions that they read."""
        names = list(dict.fromkeys(names))
        definitions = sorted({inner for name in names for inner in self.of_rule(name)[1:]})
        return (*names, *definitions)

    @cached_property
    def verdict_rules(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.base.verdicts)

    @cached_property
    def scope_rules(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.base.verdicts if rule.then.verdict == SCOPE)

    def with_overriders(self, name: str) -> tuple[str, ...]:
        """A verdict rule with those that override it, and those that override them."""
        found: dict[str, None] = {}
        todo = [name]
        while todo:
            one = todo.pop()
            if one not in found:
                found[one] = None
                todo += self.base.overriders[one]
        return (name, *sorted(found.keys() - {name}))

    @cached_property
    def closing(self) -> tuple[str, ...]:
        """The gates that can take an inhibitor out of use."""
        drugs = ("palbociclib", "ribociclib", "abemaciclib", INHIBITOR)
        return tuple(
            g.id for g in self.base.gates if closes(g) and any(self.base.applies(g, "", (drug,)) for drug in drugs)
        )

    @cached_property
    def regimens(self) -> dict[str, tuple[str, ...]]:
        """For each regimen of an option rule its rules and the gates on it."""
        found: dict[str, list[str]] = {}
        for option in self.base.options:
            found.setdefault(option.regimen, []).append(option.id)
        for regimen, names in found.items():
            agents = self.base.agents_of(regimen)
            names += [gate.id for gate in self.base.gates if self.base.applies(gate, regimen, agents)]
        return {regimen: tuple(names) for regimen, names in found.items()}

    def goes_with_one_in_use(self, regimen: str) -> bool:
        """Whether a regimen is given beside the inhibitor in use."""
        return INHIBITOR in self.base.agents_of(regimen)

    def regimens_under(self, gate: Gate) -> list[str]:
        """The regimens that a gate closes or lowers: those it applies to, and those beside an inhibitor it closes."""
        return [
            regimen
            for regimen, names in self.regimens.items()
            if gate.id in names or (gate.id in self.closing and self.goes_with_one_in_use(regimen))
        ]

    # --- the claims -----------------------------------------------------------------------------------------

    def title(self, name: str) -> str:
        """A rule or definition in its author's words."""
        held = self.rules.get(name) or self.defined.get(name)
        title = getattr(held, "title", None)
        return f"`{name}` ({title})" if title else f"`{name}`"

    def _plain(self, kind: str, rule: Rule, says: str) -> Claim:
        return Claim(kind, rule.id, f"{self.title(rule.id)} {says}", self.of_rule(rule.id), self.base.window(rule))

    def _verdicts(self) -> Iterator[Claim]:
        rules = self.of_rules(self.verdict_rules)
        begins = [days.since for rule in self.base.verdicts if not (days := self.base.window(rule)).empty]
        since = None if None in begins else min((day for day in begins if day), default=None)
        days = Window(since, None)
        yield Claim("answered", "", KINDS["answered"], rules, days)
        if not self.base.verdicts:
            return
        yield Claim("agreed", "", KINDS["agreed"], rules, days)
        for definition in self.base.voiding:
            says = f"{self.title(definition.id)} has a value once all is known"
            yield Claim("decided", definition.id, says, self.definitions_of([produces(definition)]))

    def _law(self, law: Law) -> Claim:
        read = {test.fact: None for condition in (law.when, law.then) for test in tests_in(condition)}
        rules: list[str] = []
        if "verdict" in read:
            rules += [*self.verdict_rules, *self.closing]
        regimens = self.regimens_of(law)
        if regimens:
            rules += [*self.scope_rules, *(name for regimen in regimens for name in self.regimens[regimen])]
        names = self.of_rules(rules)
        own = self.definitions_of(read)
        involved = (*dict.fromkeys((*names, *own)),)
        return Claim("law", law.id, law.title or f"the law `{law.id}` holds", involved, self.base.window(law))

    def law(self, name: str) -> Law:
        return next(law for law in self.laws if law.id == name)

    def facts_of(self, law: Law) -> frozenset[str]:
        """The facts that a law's `when` reads, through definitions too."""
        read = {test.fact for test in tests_in(law.when)} - {*ANSWER}
        return frozenset().union(*(self.base.reads.get(fact, frozenset({main_of(fact)})) for fact in read))

    def regimens_of(self, law: Law) -> list[str]:
        """The regimens that a law speaks of, by name, drug or class."""
        found: dict[str, None] = {}
        for test in (test for condition in (law.when, law.then) for test in tests_in(condition)):
            if test.fact in ANSWER[1:]:
                for value in (str(v) for check in test.checks for v in check.values):
                    found |= dict.fromkeys(self.regimens_named(test.fact, value))
        return list(found)

    def regimens_named(self, fact: str, value: str) -> list[str]:
        """The regimens that have a member of the sets `offered`, `offered_agents` and `offered_classes`."""
        base = self.base
        if fact == "offered":
            return [value] if value in self.regimens else []
        if fact == "offered_agents":
            return [regimen for regimen in self.regimens if value in base.agents_of(regimen)]
        of = base.vocabulary.classes_of
        return [r for r in self.regimens if any(value in (of(agent) or ()) for agent in base.agents_of(r))]

    def _closes(self, gate: Gate) -> Claim:
        regimens = self.regimens_under(gate)
        rules = [gate.id, *self.scope_rules, *(name for regimen in regimens for name in self.regimens[regimen])]
        if gate.id in self.closing:
            rules += [*self.verdict_rules, *self.closing]
        says = "closes what it applies to" if closes(gate) else "never makes more of what it applies to"
        return Claim("closes", gate.id, f"{self.title(gate.id)} {says}", self.of_rules(rules), self.base.window(gate))

    def _unused(self, mark: NotUsed) -> Claim:
        but = f" but through {', '.join(f'`{name}`' for name in mark.clinical_in)}" if mark.clinical_in else ""
        says = f"no verdict and no tier depends on `{mark.fact}`{but}"
        rules = [*self.verdict_rules, *(name for names in self.regimens.values() for name in names), *self.closing]
        return Claim("unused", mark.fact, says, (*dict.fromkeys((*self.of_rules(rules), *mark.clinical_in)),))

    def _used(self, rule: Rule) -> Claim:
        days, title = self.base.window(rule), self.title(rule.id)
        rules: Iterable[str] = [rule.id]
        if isinstance(rule, VerdictRule):
            says, rules = "is live for some patient", self.with_overriders(rule.id)
        elif isinstance(rule, OptionRule):
            says = f"decides on the tier of {rule.regimen}, its strength or certainty for some patient"
            same = (option.id for option in self.base.options if option.regimen == rule.regimen)
            rules = [rule.id, *self.scope_rules, *same]
        elif isinstance(rule, Gate):
            says = "changes an option, or closes the inhibitor in use, for some patient"
            rules = [
                rule.id,
                *self.scope_rules,
                *(name for r in self.regimens_under(rule) for name in self.regimens[r]),
            ]
            rules = [*rules, *self.verdict_rules] if rule.id in self.closing else rules
        elif isinstance(rule, TestRule):
            says = f"asks for {rule.fact} in some patient"
        else:
            says = "holds for some patient"
        return Claim("used", rule.id, f"{title} {says}", self.of_rules(rules), days)

    def _reached(self) -> Iterator[Claim]:
        for definition in self.base.definitions:
            rules = self.definitions_of([produces(definition)])
            given = values(definition)
            for at, value in enumerate(given):
                of = definition.cases[at].of if at < len(definition.cases) else None
                what = (
                    f"`{value}`"
                    if not isinstance(value, bool) and value
                    else f"`{str(value).lower()}`"
                    if of is None
                    else f"that {of} counts as absent"
                )
                which = f"case {at + 1}" if at < len(definition.cases) else "`otherwise`"
                says = f"{self.title(definition.id)}: {which}, {what}, is some patient's"
                yield Claim("reached", definition.id, says, rules, part=(at,))

    def _branches(self) -> Iterator[Claim]:
        for rule in self.base.rules():
            for path in branches(rule.when):
                says = f"{self.title(rule.id)}: alternative {_numbered(path)} is needed"
                yield Claim("branch", rule.id, says, self.of_rule(rule.id), self.base.window(rule), path)
        for definition in self.base.definitions:
            for at, case in enumerate(definition.cases):
                for path in branches(case.when):
                    says = f"{self.title(definition.id)}, case {at + 1}: alternative {_numbered(path)} is needed"
                    yield Claim(
                        "branch", definition.id, says, self.definitions_of([produces(definition)]), part=(at, *path)
                    )

    def _apart(self) -> Iterator[Claim]:
        for rule in self.base.rules():
            others = same_conclusion(rule, self.rules.values())
            if others:
                says = f"{self.title(rule.id)} does not follow from rules that conclude the same"
                yield Claim("apart", rule.id, says, self.of_rules([rule.id, *others]), self.base.window(rule))

    # --- what a proof rests on, as a digest ------------------------------------------------------------------

    def key(self, claim: Claim) -> str:
        """A digest of all that goes into the proof of a claim."""
        voiding = self.definitions_of(produces(d) for d in self.base.voiding)
        held = [self._content(name) for name in (*claim.rules, *voiding)]
        law = next((repr(law) for law in self.laws if law.id == claim.about), "") if claim.kind == "law" else ""
        mark = (
            next((repr(mark) for mark in self.unused if mark.fact == claim.about), "") if claim.kind == "unused" else ""
        )
        told = [str(self.base.knowledge_until), repr(self.base.vocabulary)]
        facts = [str(self.day), claim.name, str(claim.days), claim.says, law, mark, *told, *held]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _content(self, name: str) -> str:
        if name not in self._contents:
            definition = self.defined.get(name)
            if definition is not None:
                held: Any = (name, definition.fact, definition.cases, definition.otherwise)
            else:
                rule = self.rules[name]
                held = (
                    name,
                    rule.when,
                    getattr(rule, "then", None),
                    getattr(rule, "fact", None),
                    getattr(rule, "jurisdiction", None),
                    self.base.window(rule),
                )
                if isinstance(rule, VerdictRule):
                    held += (self.base.overriders[name], rule.overrides)
                if isinstance(rule, OptionRule):
                    held += (rule.regimen,)
                if isinstance(rule, Gate):
                    held += (rule.applies_to, self.regimens_under(rule), name in self.closing)
            self._contents[name] = hashlib.sha256(repr(held).encode()).hexdigest()
        return self._contents[name]

    @cached_property
    def _contents(self) -> dict[str, str]:
        return {}


def branches(condition: Condition, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The path of each alternative in a condition, by the places of the parts that lead to it."""
    if isinstance(condition, Test):
        return
    if isinstance(condition, Not):
        yield from branches(condition.part, (*path, 0))
        return
    for at, part in enumerate(condition.parts):
        if isinstance(condition, AnyOf) and len(condition.parts) > 1:
            yield (*path, at)
        yield from branches(part, (*path, at))


def _numbered(path: tuple[int, ...]) -> str:
    return ".".join(str(at + 1) for at in path)


def same_conclusion(rule: Rule, among: Collection[Rule]) -> list[str]:
    """The other rules that conclude the same wherever this rule counts."""
    mine = _conclusion(rule)
    place = getattr(rule, "jurisdiction", None)
    return [
        other.id
        for other in among
        if other.id != rule.id and _conclusion(other) == mine and getattr(other, "jurisdiction", None) in (None, place)
    ]


def _conclusion(rule: Rule) -> tuple[Any, ...]:
    if isinstance(rule, VerdictRule):
        return ("verdict", rule.then, frozenset(rule.overrides))
    if isinstance(rule, OptionRule):
        return ("option", rule.regimen, rule.then)
    if isinstance(rule, Gate):
        return ("gate", rule.applies_to, rule.then)
    if isinstance(rule, TestRule):
        return ("test", rule.fact)
    return (type(rule).__name__, rule.says)
