"""Each claim as a question for z3: a formula of which some patient has to be found, or none may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import z3

from secondline.authoring.claims import Claim, Claims, same_conclusion
from secondline.authoring.conclusions import DAY
from secondline.authoring.formulas import (
    AGENT,
    AGENTS,
    BENEFIT,
    CLASSES,
    DRUGS,
    ESR1,
    FALSE,
    MONTHS,
    RESPONSE,
    STATUS,
    THERAPIES,
    TRUE,
    Formula,
    every,
    some,
    without,
)
from secondline.authoring.solving import Session
from secondline.condition import ANSWER, DEFINED, AnyOf, Condition, Not, Test, tests_in
from secondline.facts import catalogue, main_of
from secondline.forms.rules import Gate, OptionRule, TestRule, VerdictRule
from secondline.patient import MENOPAUSE, SEX, cannot_be
from secondline.rulebase import closes, produces
from secondline.scales import CERTAINTIES, OFFERED, STRENGTHS, TIERS, lowest, step_down

if TYPE_CHECKING:
    from secondline.authoring.partly import Rails
    from secondline.forms.rules import Rule


# The facts that tell something of another one, or stand in its place.
_TELLING = {
    AGENT: (AGENTS,),
    AGENTS: (AGENT,),
    BENEFIT: (RESPONSE, MONTHS),
    CLASSES: (DRUGS,),
    DRUGS: (CLASSES,),
    ESR1: (STATUS,),
    STATUS: (ESR1,),
    SEX: (MENOPAUSE, "patient.pregnant"),
}


# The facts that cannot stay as they are where another one is another; a benefit can where it is stated.
_GOES_WITH = {
    AGENT: (AGENTS,),
    AGENTS: (AGENT,),
    CLASSES: (DRUGS,),
    DRUGS: (CLASSES,),
    MONTHS: (BENEFIT,),
    RESPONSE: (BENEFIT,),
}


class Question(NamedTuple):
    """A formula of patients: for a claim to hold one has to be `possible`, or none may be."""

    formula: Formula
    possible: bool


class Twins(NamedTuple):
    """A question about two patients; `others` are the symbols of the second one's fact by those of the first one's."""

    question: Question
    others: Mapping[str, Formula]


class Questions:
    """The claims of a rule base as questions."""

    def __init__(self, session: Session, claims: Claims) -> None:
        self.session, self.claims, self.base = session, claims, session.base
        self.patient, self.conclusions = session.patient, session.conclusions
        self.asked: dict[str, Callable[[Claim], Question]] = {
            "answered": self._answered,
            "agreed": self._agreed,
            "decided": self._decided,
            "law": self._law,
            "closes": self._closes,
            "told": self._told,
            "unused": lambda claim: self.twins(claim).question,
            "used": self._used,
            "bounded": self._bounded,
            "reached": self._reached,
            "branch": self._branch,
            "apart": self._apart,
        }

    def of(self, claim: Claim) -> Question:
        return self.asked[claim.kind](claim)

    def facts(self, claim: Claim) -> list[str]:
        """The facts that a proof depends on, main facts with their parts."""
        read = {fact for name in claim.rules for fact in self._read(name)}
        if claim.kind == "law":
            law = self.claims.law(claim.about)
            read |= {test.fact for condition in (law.when, law.then) for test in tests_in(condition)}
        if claim.kind == "unused":
            read.add(claim.about)
        if claim.kind in ("law", "closes", "unused"):
            read.add(AGENT)  # the inhibitor in use
        todo = [main_of(fact) for fact in read if fact in catalogue()]
        mains: set[str] = set()
        while todo:
            fact = todo.pop()
            if fact not in mains:
                mains.add(fact)
                todo += [rule.other for rule in cannot_be() if rule.fact == fact]
                todo += _TELLING.get(fact, ())
        return [path for path in catalogue() if main_of(path) in mains and self._asked(path)]

    def _asked(self, path: str) -> bool:
        """Whether a fact is one that formulas speak of: of the parts of main facts only some are."""
        return main_of(path) == path or any(symbol.fact == path for symbol in self.patient.symbols.values())

    def _read(self, name: str) -> Sequence[str]:
        definition = self.claims.defined.get(name)
        return self.base.tested[produces(definition) if definition else name]

    # --- which patients -------------------------------------------------------------------------------------

    def whole(self) -> Formula:
        """Of a patient all is known: every biomarker has a result that counts, sets and last inhibitor are stated."""
        p = self.patient
        mains = [path for path in catalogue() if path.startswith("biomarkers.") and main_of(path) == path]
        results = [every([p.stated(main), without(p.void(main))]) for main in mains]
        stated = [p.stated(fact) for fact in (AGENT, AGENTS, DRUGS, CLASSES)]
        for fact in {rule.fact: None for rule in cannot_be() if not rule.stated}:
            others = [p.is_one(rule.other, rule.values) for rule in cannot_be() if rule.fact == fact]
            stated.append(some([p.stated(fact), *others]))  # or it cannot be
        return every([*results, *stated, self.plain()])

    def plain(self) -> Formula:
        """All that is known can be stated fact by fact: limits of months can, and several inhibitors the last is of."""
        p, known = self.patient, self.session.known
        halves = [flag for name, flag in p.flags.items() if name.startswith(("partly ", "sure "))]
        months = [
            p.flags[f"partly {path}"] for path in catalogue() if f"partly {path}" in p.flags and can_be_between(path)
        ]
        others = [flag for flag in halves if not any(flag.eq(one) for one in (*months, known.partly(AGENT)))]
        by_agents = z3.Or(without(known.partly(AGENT)), known.agents_tell())
        return every([without(p.stated(THERAPIES)), by_agents, *map(without, others)])

    def agreeing(self) -> Formula:
        """Facts that could contradict one another agree: a benefit is what response and months tell."""
        return every([without(self.patient.stated(BENEFIT)), without(self.patient.stated(THERAPIES))])

    def likely(self) -> Formula:
        """A whole patient whose facts agree, as those are to whom a rule has to be of use."""
        return every([self.whole(), self.agreeing()])

    # --- verdicts -------------------------------------------------------------------------------------------

    def _answered(self, claim: Claim) -> Question:
        begun = claim.days.since.toordinal() <= DAY if claim.days.since else TRUE
        none = every(without(self.conclusions.live(rule)) for rule in self.base.verdicts)
        return Question(every([self.whole(), begun, none]), possible=False)

    def _agreed(self, claim: Claim) -> Question:
        return Question(every([self.whole(), self.conclusions.conflict]), possible=False)

    def _decided(self, claim: Claim) -> Question:
        definition = self.claims.defined[claim.about]
        here = zip(definition.cases, self.patient.cases(definition), strict=False)
        return Question(every([self.plain(), some(case for held, case in here if held.of)]), possible=False)

    # --- laws -----------------------------------------------------------------------------------------------

    def _law(self, claim: Claim) -> Question:
        law = self.claims.law(claim.about)
        broken = every([self.holds(law.when), without(self.holds(law.then))])
        return Question(every([self.whole(), self.conclusions.in_effect(law), broken]), possible=False)

    def holds(self, condition: Condition) -> Formula:
        """Where a law's condition holds of a patient of whom all is known, and of the answer."""
        if isinstance(condition, Test):
            return self._of_answer(condition) if condition.fact in ANSWER else self.patient.holds(condition)
        if isinstance(condition, Not):
            return without(self.holds(condition.part))
        parts = [self.holds(part) for part in condition.parts]
        return some(parts) if isinstance(condition, AnyOf) else every(parts)

    def _of_answer(self, test: Test) -> Formula:
        found = []
        for check in test.checks:
            if test.fact == "verdict":
                named = some(self.conclusions.verdicts.get(str(value), FALSE) for value in check.values)
                found.append(named if check.op == "is" else without(named))
                continue
            members = [
                some(self.conclusions.offered(regimen) for regimen in self.claims.regimens_named(test.fact, str(value)))
                for value in check.values
            ]
            one = every(members) if check.op == "has_all" else some(members)
            found.append(without(one) if check.op == "has_none" else one)
        return every(found)

    # --- gates ----------------------------------------------------------------------------------------------

    def _closes(self, claim: Claim) -> Question:
        gate = cast("Gate", self.claims.rules[claim.about])
        return Question(every([self.whole(), some(self._let_through(gate))]), possible=False)

    def _let_through(self, gate: Gate) -> Iterator[Formula]:
        """Where a gate holds and what it applies to is offered all the same, or higher than without any gate."""
        holds, shut = self.conclusions.holds(gate), closes(gate)
        meant = {held.id: where for held, where in self.conclusions.closing}
        for regimen in self.claims.regimens_under(gate):
            applies = self.base.applies(gate, regimen, self.base.agents_of(regimen))
            where = holds if applies else every([holds, meant[gate.id]])
            if shut:
                yield every([where, self.conclusions.offered(regimen)])
                continue
            best = self.conclusions.best(regimen)
            after = self.conclusions.tiers(regimen)
            for at, tier in enumerate(OFFERED):
                lower = some(best[other] for other in TIERS[at + 1 :])
                yield every([where, after[tier], lower])
        if shut and gate.id in meant:
            yield every([holds, meant[gate.id], self.conclusions.verdicts["continue"]])

    # --- what is known ----------------------------------------------------------------------------------------

    def _told(self, claim: Claim) -> Question:
        rule = self.claims.rules[claim.about]
        true, false = self.session.known.told(rule)
        fires = self.patient.fires(rule)
        return Question(some([every([true, without(fires)]), every([false, fires])]), possible=False)

    # --- facts that are not to be used ------------------------------------------------------------------------

    def twins(self, claim: Claim) -> Twins:
        """Two patients who differ in one fact alone, and in what follows from it, with another verdict or tier."""
        mark = next(mark for mark in self.claims.unused if mark.fact == claim.about)
        p, conclusions = self.patient, self.conclusions
        facts = (claim.about, *_GOES_WITH.get(claim.about, ()))
        mine = {name: s.term for name, s in p.symbols.items() if main_of(s.fact) in facts}
        moved = self._moved_by(claim.about) - {*mark.clinical_in}
        named = {name: term for name, term in p.named.items() if self._is_of(name, moved)}
        pairs = [
            (term, z3.Const(f"{name} of the other", term.sort())) for name, term in (*mine.items(), *named.items())
        ]

        def other(formula: Formula) -> Formula:
            return z3.substitute(formula, *pairs) if pairs else formula

        given = [*conclusions.verdicts.values()]
        for regimen in conclusions.options:
            given += [every([conclusions.in_scope, where]) for where in conclusions.tiers(regimen).values()]
        differ = some(one != two for one, two in ((one, other(one)) for one in given) if not one.eq(two))
        meant = [every(means[name]) for means in (p.means, conclusions.means) for name in claim.rules if name in means]
        valid = other(every([*p.always.values(), *conclusions.always.values(), self.whole()]))
        benefit = p.yes(BENEFIT)
        same = TRUE if claim.about == BENEFIT else some([without(p.stated(BENEFIT)), benefit == other(benefit)])
        question = Question(every([self.whole(), valid, same, *map(other, meant), differ]), possible=False)
        return Twins(question, {name: other(term) for name, term in mine.items()})

    def _moved_by(self, fact: str) -> set[str]:
        """The definitions and rules that read a fact, or one that applies by it, or that such a rule overrides."""
        facts = {fact, *_GOES_WITH.get(fact, ())}
        for rule in cannot_be():  # what excludes comes before what it excludes
            facts |= {rule.fact} if rule.other in facts else set()
        ids = [(d.id, produces(d)) for d in self.base.definitions] + [(rule.id, rule.id) for rule in self.base.rules()]
        return {name for name, made in ids if not facts.isdisjoint(self.base.reads[made])}

    def _is_of(self, symbol: str, moved: set[str]) -> bool:
        """Whether a symbol is given its meaning by one of these, or says which rule is live beside one of them."""
        name = given_by(symbol)
        if symbol.startswith("live "):
            return not moved.isdisjoint(self.claims.with_overriders(name))
        return name in moved

    # --- every rule of use --------------------------------------------------------------------------------------

    def _used(self, claim: Claim) -> Question:
        rule = self.claims.rules[claim.about]
        among = self.plain() if isinstance(rule, TestRule) else self.likely()
        return Question(every([among, self._of_use(rule)]), possible=True)

    def _of_use(self, rule: Rule) -> Formula:
        if isinstance(rule, VerdictRule):
            return self.conclusions.live(rule)
        if isinstance(rule, OptionRule):
            return self._decides(rule)
        if isinstance(rule, Gate):
            return every([self.conclusions.in_scope, self.conclusions.holds(rule), some(self._changed(rule))])
        if isinstance(rule, TestRule):
            known = self.session.known
            unknown = without(every([known.known(main_of(rule.fact)), known.known(rule.fact)]))
            false = known.fires(rule)[1]
            return every([self.conclusions.counts(rule), unknown, without(false)])
        return self.conclusions.holds(rule)

    def _decides(self, rule: OptionRule) -> Formula:
        """Where without an option rule its regimen had another tier, strength or certainty."""
        others = [other for other in self.conclusions.options[rule.regimen] if other.id != rule.id]
        higher = [o for o in others if TIERS.index(o.then.tier) < TIERS.index(rule.then.tier)]
        equal = [o for o in others if o.then.tier == rule.then.tier]
        holds = self.conclusions.holds
        ways = [every(without(holds(other)) for other in equal)]
        for scale, name in ((STRENGTHS, "strength"), (CERTAINTIES, "certainty")):
            mine = scale.index(getattr(rule.then, name))
            as_low = [o for o in equal if scale.index(getattr(o.then, name)) >= mine]
            if len(as_low) < len(equal):
                some_higher = some(holds(o) for o in equal if o not in as_low)
                ways.append(every([some_higher, *(without(holds(other)) for other in as_low)]))
        above = (without(holds(other)) for other in higher)
        return every([self.conclusions.in_scope, holds(rule), *above, some(ways)])

    def _changed(self, gate: Gate) -> Iterator[Formula]:
        """Where a gate that holds changes a tier or its grading, or takes the inhibitor out of use."""
        for regimen in self.claims.regimens_under(gate):
            if self.base.applies(gate, regimen, self.base.agents_of(regimen)):
                for tier, where in self.conclusions.best(regimen).items():
                    if gate.then.certainty or gate.then.lower_certainty or lowered(gate, tier) != tier:
                        yield every([where, self._not_by_others(gate, regimen, tier)])
        meant = {held.id: where for held, where in self.conclusions.closing}
        if gate.id in meant:
            yield every([meant[gate.id], self.conclusions.before_gates["continue"]])

    def _not_by_others(self, gate: Gate, regimen: str, tier: str) -> Formula:
        """Where no single other gate takes a tier as far down as this one."""
        if gate.then.certainty or gate.then.lower_certainty:
            return TRUE
        down = TIERS.index(lowered(gate, tier))
        others = (g for g in self.conclusions.gates_on(regimen) if g.id != gate.id)
        return every(without(self.conclusions.holds(g)) for g in others if TIERS.index(lowered(g, tier)) >= down)

    def _bounded(self, claim: Claim) -> Question:
        return Question(
            every([self.likely(), without(self.patient.fires(self.claims.rules[claim.about]))]), possible=True
        )

    def _reached(self, claim: Claim) -> Question:
        definition = self.claims.defined[claim.about]
        at = claim.part[0]
        of = definition.cases[at].of if at < len(definition.cases) else None
        if of is None:
            return Question(every([self.likely(), self.patient.cases(definition)[at]]), possible=True)
        possible = self.session.known.possible(definition)  # of a result as it is stated, whatever counts as absent
        others = (without(case) for place, case in enumerate(possible) if place != at)
        return Question(every([self.plain(), self.patient.stated(of), possible[at], *others]), possible=True)

    def _branch(self, claim: Claim) -> Question:
        definition = self.claims.defined.get(claim.about)
        if definition is None:
            rule = self.claims.rules[claim.about]
            alone = [self.conclusions.counts(rule), *self._alone(rule.when, claim.part, self._both)]
            return Question(every([self.likely(), *alone]), possible=True)
        at, *path = claim.part
        of = definition.cases[at].of
        rails = self.session.known.rails if of else self._both  # a result is judged as it is stated
        among = every([self.plain(), self.patient.stated(of)]) if of else self.likely()
        earlier = [rails(case.when)[1] for case in definition.cases[:at]]
        alone = self._alone(definition.cases[at].when, path, rails)
        return Question(every([among, *earlier, *alone]), possible=True)

    def _both(self, condition: Condition) -> Rails:
        """Where a condition holds, and where it does not."""
        holds = self.patient.holds(condition)
        return holds, without(holds)

    def _alone(self, condition: Condition, path: Sequence[int], rails: Callable[[Condition], Rails]) -> list[Formula]:
        """Where of several alternatives just one holds, with all that has to hold beside them."""
        found: list[Formula] = []
        for at in path:
            if isinstance(condition, Not):
                found, condition = [], condition.part
                continue
            assert not isinstance(condition, Test)
            fails = isinstance(condition, AnyOf)  # as the others have to
            found += [rails(part)[fails] for place, part in enumerate(condition.parts) if place != at]
            condition = condition.parts[at]
        return [*found, rails(condition)[0]]

    def _apart(self, claim: Claim) -> Question:
        rule = self.claims.rules[claim.about]
        others = [self.claims.rules[name] for name in same_conclusion(rule, self.claims.rules.values())]
        alone = [without(self.conclusions.holds(other)) for other in others]
        return Question(every([self.likely(), self.conclusions.holds(rule), *alone]), possible=True)


def can_be_between(path: str) -> bool:
    """Whether a case can state limits of a fact: of months it can."""
    return catalogue()[path].kind == "number" and path.startswith(("prior_cdk46.", "history."))


def given_by(symbol: str) -> str:
    """The rule or definition that gives a symbol its meaning."""
    how, _, name = symbol.partition(" ")
    return name if how in ("fires", "live") else how.removeprefix(DEFINED)


def lowered(gate: Gate, tier: str) -> str:
    """A tier after a gate alone."""
    stepped = step_down(TIERS, tier, gate.then.lower or 0, "avoid")
    return str(lowest(TIERS, [stepped, *([gate.then.tier] if gate.then.tier else [])]))
