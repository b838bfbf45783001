"""Laws of patients of whom not all is known: an answer holds in every way in which the unknown can turn out.

A patient who breaks a law is looked for as what is known beside some ways in which the rest turns out, and what the
answer says has to hold in each of them. So where none is found the law is proved. One that is found is put to the
engine; if the law holds for that patient after all, the way in which the assumed answer fails is added to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import z3

from secondline.authoring.claims import Claim
from secondline.authoring.conclusions import CONCLUSIONS, DAY
from secondline.authoring.formulas import (
    AGENT,
    AGENTS,
    BENEFIT,
    CLASSES,
    DRUGS,
    ESR1,
    FALSE,
    HER2,
    RECEPTORS,
    TRUE,
    Formula,
    Symbol,
    every,
    exactly,
    some,
    without,
)
from secondline.authoring.partly import Rails
from secondline.authoring.patients import Asked, Facts
from secondline.authoring.questions import Questions, given_by
from secondline.authoring.solving import PLACES, Model, Outcome, Settling, constant
from secondline.condition import ANSWER, AnyOf, Condition, Not, Test
from secondline.facts import catalogue, main_of
from secondline.scales import OFFERED
from secondline.tiers import UNDETERMINED

if TYPE_CHECKING:
    from secondline.forms.rules import Gate

MOST_ROUNDS = 60
FEW_GATES = 12  # for each of which a way is made in which it does not hold, before any is asked for
_EXCLUDING_NOTHING = {f"{ESR1}.sample": "tissue", f"{ESR1}.taken": "earlier"}  # as a negative result
Breaks = Callable[[Facts, Asked], bool]
Pairs = list[tuple[Formula, Formula]]


class Found(NamedTuple):
    """Whether a law can be broken, and by whom: the patient confirmed, or the last one that was not."""

    outcome: Outcome
    facts: Facts
    asked: Asked | None = None


class Unsettled:
    """One law, of patients known in part."""

    def __init__(self, questions: Questions, claim: Claim) -> None:
        self.questions, self.claim, self.session = questions, claim, questions.session
        self.conclusions, self.patient, self.known = questions.conclusions, questions.patient, questions.session.known
        self.law, self.facts = questions.claims.law(claim.about), questions.facts(claim)
        regimens = questions.claims.regimens_of(self.law)
        self.tiers = {r: {tier: z3.Bool(f"{r} is {tier}") for tier in OFFERED} for r in regimens}
        self.verdict = {v: z3.Bool(f"verdict is {v}") for v in (*CONCLUSIONS, UNDETERMINED)}
        self.gates: dict[str, Gate] = {g.id: g for r in regimens for g in self.conclusions.gates_on(r)}
        self.surely = {name: z3.Bool(f"{name} holds in any case") for name in self.gates}
        self.reads_verdict = False
        self.not_offered: dict[str, None] = {}  # regimens that may have to be not offered for the law to break
        self.broken = self._broken()
        self.ways = 0

    # --- what breaks it -------------------------------------------------------------------------------------

    def _broken(self) -> Formula:
        """Where the law is broken by what is known and by the answer, whatever that is."""
        when, then = self._rails(self.law.when, wanted=True), self._rails(self.law.then, wanted=False)
        named = list(self.verdict.values())
        one = [some(named), *(z3.Or(z3.Not(a), z3.Not(b)) for at, a in enumerate(named) for b in named[:at])]
        sure = [z3.Implies(self._is_surely(gate), self.surely[name]) for name, gate in self.gates.items()]
        return every([self.conclusions.in_effect(self.law), when[0], then[1], *one, *sure])

    def _is_surely(self, gate: Gate) -> Formula:
        return every([self.conclusions.counts(gate), self.session.steady.fires(gate)[0]])

    def _rails(self, condition: Condition, *, wanted: bool) -> Rails:
        if isinstance(condition, Test):
            if condition.fact not in ANSWER:
                return self.known.rails(condition)
            true = self._of_answer(condition, wanted=wanted)
            return true, without(true)
        if isinstance(condition, Not):
            true, false = self._rails(condition.part, wanted=not wanted)
            return false, true
        trues, falses = zip(*(self._rails(part, wanted=wanted) for part in condition.parts), strict=True)
        return (some(trues), every(falses)) if isinstance(condition, AnyOf) else (every(trues), some(falses))

    def _of_answer(self, test: Test, *, wanted: bool) -> Formula:
        """A test on the answer, of which all is always known."""
        found = []
        for check in test.checks:
            if test.fact == "verdict":
                self.reads_verdict = True
                named = some(self.verdict[str(value)] for value in check.values)
                found.append(named if check.op == "is" else without(named))
                continue
            regimens = [self.questions.claims.regimens_named(test.fact, str(value)) for value in check.values]
            members = [some(map(self._offered, named)) for named in regimens]
            inside = every(members) if check.op == "has_all" else some(members)
            found.append(without(inside) if check.op == "has_none" else inside)
            if (check.op == "has_none") is wanted:
                self.not_offered |= dict.fromkeys(regimen for named in regimens for regimen in named)
        return every(found)

    def _offered(self, regimen: str) -> Formula:
        return some(self.tiers[regimen].values())

    # --- what an answer says of every way ---------------------------------------------------------------------

    @cached_property
    def everywhere(self) -> Formula:
        """What an answer says of each way in which the unknown can turn out."""
        said = [z3.Implies(self.surely[name], self.conclusions.holds(gate)) for name, gate in self.gates.items()]
        for regimen, tiers in self.tiers.items():
            after = self._after(regimen)
            said += [z3.Implies(tiers[tier], after[tier]) for tier in OFFERED]
        if self.reads_verdict:
            before, closed = self.conclusions.before_gates, self.conclusions.closed_in_use
            for verdict in CONCLUSIONS:
                here = before[verdict]
                if verdict == "individualise":
                    here = some([here, every([before["continue"], closed])])
                said.append(z3.Implies(self.verdict[verdict], here))
        return every(said)

    def _after(self, regimen: str) -> Mapping[str, Formula]:
        """The tiers of a regimen after the gates that hold in any case."""
        return self.conclusions.after(regimen, lambda gate: self.surely[gate.id])

    def _at_once(self) -> Iterator[Formula]:
        """What the answer cannot be by what is known for sure; what has to hold in some way does in the first."""
        yield z3.Implies(some(map(self._offered, self.tiers)), self.conclusions.in_scope)
        if not self.reads_verdict:
            return
        yield z3.Implies(self.verdict["continue"], without(self.conclusions.closed_in_use))
        settled = self.session.settled
        yield z3.Implies(self.verdict[UNDETERMINED], without(some(settled[verdict] for verdict in CONCLUSIONS)))

    # --- ways -------------------------------------------------------------------------------------------------

    @cached_property
    def _mine(self) -> Mapping[str, Symbol]:
        """The symbols of the facts on which anything here depends."""
        return {name: symbol for name, symbol in self.patient.symbols.items() if symbol.fact in self.facts}

    @cached_property
    def _terms(self) -> Formula:
        """What rules and definitions mean, and what holds of any patient: as much as concerns a way."""
        kinds = (self.patient.means, self.conclusions.means)
        meant = [
            z3.Implies(self.session.tracker(name), every(means[name]))
            for means in kinds
            for name in self.claim.rules
            if name in means
        ]
        return every([*meant, *self.conclusions.always.values()])

    @cached_property
    def _valid(self) -> Formula:
        return every(self.patient.always.values())

    def _renamed(self) -> Pairs:
        """What rules and definitions give, as symbols of another way."""
        self.ways += 1
        mine = {*self.claim.rules}
        named = [(name, term) for name, term in self.patient.named.items() if given_by(name) in mine]
        return [(term, z3.Bool(f"{name} ({self.ways})")) for name, term in named]

    def _another(self, *also: Formula) -> None:
        """Some other way, for which these hold as well."""
        pairs = self._renamed()
        for name, symbol in self._mine.items():
            other = z3.Const(f"{name} ({self.ways})", symbol.term.sort())
            pairs.append((symbol.term, other))
            self.session.solver.add(z3.Implies(self._is_known(symbol), symbol.term == other))
        whole = z3.And(self._terms, self._valid, self.everywhere, *also)
        self.session.solver.add(z3.substitute(whole, *pairs))

    def _way(self, values: Pairs) -> None:
        """A way in which what is not known has these values, wherever that can be."""
        whole = z3.And(self._terms, z3.Implies(self._valid, self.everywhere))
        self.session.solver.add(z3.substitute(whole, *self._renamed(), *values))

    def _found(self, values: Mapping[str, Any]) -> None:
        """A way that was found for one patient: the values of what it has otherwise than the first way."""
        pairs = []
        for name, value in values.items():
            symbol = self.patient.symbols[name]
            chosen = [s.about for n, s in self._mine.items() if s.fact == symbol.fact and values.get(n) is True]
            given = self._unless_partly(symbol, constant(symbol.term, value), chosen)
            pairs.append((symbol.term, z3.If(self._is_known(symbol), symbol.term, given)))
        self._way(pairs)

    def _as_usual(self, agent: str, but: Mapping[str, Any] | None = None) -> None:
        """A way in which what is not known is as in a typical patient but for some values, with this last inhibitor."""
        p, known = self.patient, self.known
        elsewhere = z3.And(known.partly(AGENT), z3.Not(known.candidates(AGENT)[agent]))
        kept = z3.Or(known.known(AGENT), elsewhere)
        last = {name: z3.If(kept, term, z3.BoolVal(name == agent)) for name, term in p.choice(AGENT).items()}
        values: Pairs = []
        for name, symbol in self._mine.items():
            if main_of(symbol.fact) in (HER2, *RECEPTORS) or symbol.fact == BENEFIT:
                continue  # the first way has what goes with what is known of them
            if but and name in but:
                value = constant(symbol.term, but[name])
            elif symbol.fact in (AGENT, AGENTS):
                value = last[symbol.about]
            elif symbol.fact in (DRUGS, CLASSES):
                value = FALSE
            elif symbol.fact == ESR1:
                value = z3.BoolVal(symbol.about == "mutated")  # as any progression allows
            elif symbol.fact in _EXCLUDING_NOTHING:
                value = z3.BoolVal(symbol.about == _EXCLUDING_NOTHING[symbol.fact])
            else:
                value = self._unless_partly(symbol, constant(symbol.term, self.session.usual(symbol)), [])
            values.append((symbol.term, z3.If(self._is_known(symbol), symbol.term, value)))
        if BENEFIT in self.facts:
            benefit = z3.If(known.known(BENEFIT), p.yes(BENEFIT), z3.substitute(known.benefit(), *values))
            values.append((p.yes(BENEFIT), benefit))
        self._way(values)

    def _unless_partly(self, symbol: Symbol, value: Formula, chosen: list[str]) -> Formula:
        """A value, but one that limits or candidates allow where only these are known."""
        partly = self.patient.flags.get(f"partly {symbol.fact}")
        if partly is None:
            return value
        if catalogue()[symbol.fact].numeric:
            least, most = self.known.limits(symbol.fact)
            return z3.If(z3.And(partly, z3.Not(z3.And(value >= least, value < most))), least, value)
        may = self.known.candidates(symbol.fact)
        return z3.If(z3.And(partly, z3.Not(some(may[name] for name in chosen))), symbol.term, value)

    def _is_known(self, symbol: Symbol) -> Formula:
        """Where a value is known, so that it is the same in every way."""
        p, fact, main = self.patient, symbol.fact, main_of(symbol.fact)
        if symbol.bare:
            return FALSE
        if catalogue()[fact].kind == "set":
            return some([self.known.known(fact), p.sure(fact, symbol.about)])
        if main.startswith("biomarkers.") and fact != main:
            return every([p.stated(main), without(p.bare(main)), p.stated(fact)])
        return self.known.known(fact)

    # --- searching ----------------------------------------------------------------------------------------------

    def search(self, breaks: Breaks) -> Found:
        """Whether a patient known in part breaks the law; each that may is put to the engine."""
        everywhere = self.everywhere
        for symbol in list(self.patient.symbols.values()):
            self._is_known(symbol)  # so that there is a flag for whatever can be known
        beside = [without(flag) for name, flag in self.patient.flags.items() if self._is_beside(name)]
        with self.session.asking(self.broken, everywhere, *self._at_once(), *beside):
            if self.session.check(self.claim.rules) == "impossible":
                return Found("impossible", {})
            found = self._among(TRUE, lambda facts, asked: False)
            if found.outcome == "impossible":
                return found
            shown = self._among(self.questions.plain(), breaks)
            return shown if shown.outcome != "impossible" else found

    def _is_beside(self, flag: str) -> bool:
        """Whether a flag says that something is known of a fact on which nothing here depends."""
        how, _, fact = flag.partition(" ")
        return how in ("stated", "partly") and fact in catalogue() and fact not in self.facts

    def _among(self, patients: Formula, breaks: Breaks) -> Found:
        """The same among some patients, with ways added until none is left or one breaks the law."""
        facts: Facts = {}
        asked: Asked | None = None
        with self.session.asking(patients, *self._few_numbers()):
            may_fail = set(self._first_ways())
            for _ in range(MOST_ROUNDS):
                found = self.session.check(self.claim.rules)
                if found != "possible":
                    return Found(found, facts, asked)
                choice = self.session.solver.model()
                model = self.session.read(choice)
                facts, asked = self.session.facts_of(model, self.facts), model.asked
                if breaks(facts, asked):
                    return Found("possible", facts, asked)
                if not self._refine(model, choice, may_fail):
                    break
        return Found("unknown", facts, asked)

    def _few_numbers(self) -> Iterator[Formula]:
        """Numbers as one of few, from which no rule or law tells any other apart."""
        for symbol in self.patient.symbols.values():
            if catalogue()[symbol.fact].numeric:
                few = [exactly(number) for number in self.session.numbers(symbol.fact)]
                partly = f"partly {symbol.fact}" in self.patient.flags
                for term in (symbol.term, *(self.known.limits(symbol.fact) if partly else ())):
                    yield some(term == number for number in few)

    def _first_ways(self) -> Iterator[str]:
        """Ways that any patient has, and those that an answer needs; the gates that now fail in some way."""
        for agent in self.patient.choice(AGENT):
            self._as_usual(agent)
        if self.reads_verdict:  # one that is undetermined is another one in two ways
            before = self.conclusions.before_gates
            there = {verdict: z3.Bool(f"{verdict} in another way") for verdict in CONCLUSIONS}
            self._another(*(there[verdict] == before[verdict] for verdict in CONCLUSIONS))
            differ = some(before[verdict] != there[verdict] for verdict in CONCLUSIONS)
            self.session.solver.add(z3.Implies(self.verdict[UNDETERMINED], differ))
        for regimen in self.not_offered:  # in some way it is not, or it has another tier in two
            after = self._after(regimen)
            two = {tier: (z3.Bool(f"{regimen} {tier} here"), z3.Bool(f"{regimen} {tier} there")) for tier in OFFERED}
            for at in range(2):
                self._another(*(both[at] == after[tier] for tier, both in two.items()))
            alike = some(every(both) for both in two.values())
            self.session.solver.add(z3.Or(self._offered(regimen), without(alike)))
        for name in self.gates if len(self.gates) <= FEW_GATES else ():
            self._may_fail(name)
            yield name

    def _may_fail(self, name: str) -> None:
        """A gate that does not hold in every way does not hold in some."""
        self._another(z3.Or(self.surely[name], without(self.conclusions.holds(self.gates[name]))))

    def _refine(self, model: Model, choice: z3.ModelRef, may_fail: set[str]) -> bool:
        """Learn from a patient who does not break the law: gates that hold in any case, or a way in which it fails."""

        def chosen(term: Formula) -> bool:
            return bool(z3.is_true(choice.eval(term, model_completion=True)))

        aside = z3.Solver()
        for means in self.session.meanings():
            aside.add(*(every(means[name]) for name in self.claim.rules if name in means))
        aside.add(*self.patient.always.values(), *self.conclusions.always.values(), self._is_patient(model))
        holding = [
            name
            for name, gate in self.gates.items()
            if name not in may_fail
            and not chosen(self.surely[name])
            and aside.check(without(self.conclusions.holds(gate))) == z3.unsat
        ]
        for name in holding:
            may_fail.add(name)
            self._may_fail(name)
        if holding:
            return True
        answer = [
            *self.verdict.values(),
            *self.surely.values(),
            *(t for some_ in self.tiers.values() for t in some_.values()),
        ]
        aside.add(*(term if chosen(term) else z3.Not(term) for term in answer), without(self.everywhere))
        aside.add(*self._few_numbers())
        if aside.check() != z3.sat:
            return False
        near, symbols = Settling(aside), self._mine
        for name, symbol in symbols.items():
            near.prefer(symbol.term == constant(symbol.term, model.values[name]))
        way = self.session.read(near.model).values
        other = {symbols[name].fact for name in symbols if way[name] != model.values[name]}
        other_values = {name: way[name] for name, symbol in symbols.items() if symbol.fact in other}
        self._found(other_values)
        last = next(name for name in self.patient.choice(AGENT) if way[f"{AGENT}: {name}"])
        self._as_usual(last, other_values)
        return True

    def _is_patient(self, model: Model) -> Formula:
        """What is known is what one patient has."""
        p = self.patient
        flags = [flag == constant(flag, model.flags[name]) for name, flag in p.flags.items()]
        known = [
            z3.Implies(self._is_known(symbol), symbol.term == constant(symbol.term, model.values[name]))
            for name, symbol in p.symbols.items()
        ]
        day = model.asked.day.toordinal() == DAY
        return every([day, PLACES[model.asked.jurisdiction], *flags, *known])
