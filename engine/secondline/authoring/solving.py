"""A rule base put before z3: what can hold of some patient, which rules a proof needs, a patient made of a model.

What is answered is settled in a fixed order, so that the same question has the same answer whatever was asked before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import z3

from secondline.authoring.conclusions import CONCLUSIONS, DAY, EU, US, Conclusions
from secondline.authoring.formulas import (
    NO_ADJUVANT,
    NO_PARTNER,
    Formula,
    Patient,
    Symbol,
    every,
    exactly,
    some,
    without,
)
from secondline.authoring.partly import Known
from secondline.authoring.patients import Asked, Facts, typical
from secondline.condition import tests_in
from secondline.facts import catalogue, main_of
from secondline.forms.rules import Law
from secondline.patient import cannot_be
from secondline.rulebase import RuleBase
from secondline.scales import Jurisdiction

Outcome = Literal["possible", "impossible", "unknown"]
MOST_MILLISECONDS = 20_000  # for one question
MOST_TRIED = 50  # rules of which a least set is looked for
PLACES: dict[Jurisdiction, Formula] = {"none": z3.Not(z3.Or(US, EU)), "us": US, "eu": EU}
_UNNAMED = "not named"
_STEPS = (Fraction(1), Fraction(1, 2), Fraction(1, 10), Fraction(1, 100))  # beside a limit; of whole numbers the first


def days_of_change(base: RuleBase, laws: Sequence[Law]) -> list[date]:
    """The days on which the set of rules and laws in effect is another than the day before, and the last one known."""
    return sorted({base.knowledge_until, *base.turns([*base.rules(), *laws])})


class Model(NamedTuple):
    """A patient as z3 gives it: for whom and when it is asked, the value of each symbol and flag."""

    asked: Asked
    values: Mapping[str, Any]
    flags: Mapping[str, Any]


class Session:
    """One rule base before z3."""

    def __init__(self, base: RuleBase, laws: Sequence[Law], day: date | None = None) -> None:
        self.base, self.laws = base, laws
        self.patient = Patient(base)
        self.known = Known(self.patient)
        self.steady = Known(self.patient, self.known)
        self.conclusions = Conclusions(self.patient)
        self.days = [day] if day else days_of_change(base, laws)
        self.solver = z3.Solver()
        self.solver.set("timeout", MOST_MILLISECONDS)
        self._said: set[str] = set()
        self._given: set[tuple[int, str]] = set()
        self._trackers: dict[str, Formula] = {}
        self._together: tuple[int, Formula] = (-1, None)
        self._meant: dict[str, tuple[int, Formula]] = {}
        for rule in base.rules():
            self.patient.fires(rule)
            self.known.fires(rule)
        for rule in (*base.gates, *base.verdicts):
            self.steady.fires(rule)
        for verdict in base.verdicts:
            self.conclusions.live(verdict)
        first, last = self.days[0].toordinal() - (day is None), self.days[-1].toordinal()
        self.possible = every([first <= DAY, last >= DAY, z3.Not(z3.And(US, EU))])
        self.solver.add(self.possible)

    @cached_property
    def settled(self) -> Mapping[str, Formula]:
        """Where three-valued logic settles each verdict, before the gates on the inhibitor in use (as `decide`)."""
        fires: list[Formula] = []
        live: dict[str, tuple[Formula, Formula]] = {}  # where a rule is surely live, and where it surely is not
        for rule in self.base.verdicts:
            counts, (true, false) = self.conclusions.counts(rule), self.steady.fires(rule)
            above = [live[name] for name in self.base.overriders[rule.id] if name in live]
            fires.append(every([counts, true]))
            never = some([without(counts), false, *(over for over, _ in above)])
            live[rule.id] = every([counts, true, *(not_over for _, not_over in above)]), never
        others = {v: [live[rule.id][1] for rule in self.base.verdicts if rule.then.verdict != v] for v in CONCLUSIONS}
        return {verdict: every([some(fires), *others[verdict]]) for verdict in CONCLUSIONS}

    # --- asking -------------------------------------------------------------------------------------------

    def _always(self) -> Formula:
        """What holds of every patient."""
        held = (*self.patient.always.values(), *self.conclusions.always.values())
        if len(held) != self._together[0]:
            self._together = (len(held), every(held))
        return self._together[1]

    def _meaning(self, name: str) -> Formula:
        """What a rule or definition means, as far as it is in words, where its symbol holds."""
        meant = [term for means in self.meanings() for term in means.get(name, ())]
        found = self._meant.get(name)
        if found is None or found[0] != len(meant):
            found = self._meant[name] = (len(meant), z3.Implies(self.tracker(name), every(meant)))
        return found[1]

    def tracker(self, name: str) -> Formula:
        """The symbol without which a rule or definition means nothing."""
        found = self._trackers.get(name)
        if found is None:
            found = self._trackers[name] = z3.Bool(f"by {name}")
        return found

    def meanings(self) -> tuple[Mapping[str, list[Formula]], ...]:
        return self.patient.means, self.conclusions.means, self.known.means, self.steady.means

    def _sync(self) -> None:
        """Tell the solver what was put into words since."""
        for name, fact in (*self.patient.always.items(), *self.conclusions.always.items()):
            if name not in self._said:
                self._said.add(name)
                self.solver.add(fact)
        for kind, means in enumerate(self.meanings()):
            for name, meant in means.items():
                if (kind, name) not in self._given:
                    self._given.add((kind, name))
                    self.solver.add(z3.Implies(self.tracker(name), every(meant)))

    @contextmanager
    def asking(self, *formulas: Formula) -> Iterator[None]:
        """Take these to hold for a while."""
        self._sync()
        self.solver.push()
        try:
            self.solver.add(*formulas)
            yield
        finally:
            self.solver.pop()

    def check(self, rules: Iterable[str], *more: Formula) -> Outcome:
        """Whether there is such a patient, with these rules and definitions meaning what they say."""
        found = self.solver.check(*map(self.tracker, rules), *more)
        return "possible" if found == z3.sat else "impossible" if found == z3.unsat else "unknown"

    def ask(self, formula: Formula, rules: Iterable[str]) -> Outcome:
        with self.asking(formula):
            return self.check(rules)

    def needed(self, formula: Formula, rules: Sequence[str]) -> tuple[str, ...]:
        """A least set of these rules and definitions with which something cannot hold; with all it cannot.

        Of those that z3 names the least are found in their order, unless many (Junker, QuickXplain, AAAI 2004).
        """
        solver = z3.Solver()  # new, so that what was asked before has no part in what it names
        solver.add(self.possible, self._always(), formula, *map(self._meaning, rules))

        def impossible(held: Sequence[str]) -> bool:
            return bool(solver.check(*map(self.tracker, held)) == z3.unsat)

        def needed(held: Sequence[str], among: Sequence[str], *, grown: bool) -> Sequence[str]:
            if not among or (grown and impossible(held)):
                return []
            if len(among) == 1:
                return among
            first, second = among[: len(among) // 2], among[len(among) // 2 :]
            late = needed([*held, *first], second, grown=True)
            return [*needed([*held, *late], first, grown=bool(late)), *late]

        if not impossible(rules):
            return tuple(rules)
        core = {str(term) for term in solver.unsat_core()}
        named = [name for name in rules if str(self.tracker(name)) in core]
        return tuple(needed([], named, grown=True) if len(named) <= MOST_TRIED else named)

    # --- a patient of a model -----------------------------------------------------------------------------

    def model(self, formula: Formula, rules: Sequence[str], facts: Collection[str]) -> Model | None:
        """A patient for whom something holds, near the typical one in these facts, and stated in them before others."""
        trackers = [self.tracker(name) for name in rules]
        with self.asking(formula, *trackers):
            if self.solver.check() != z3.sat:
                return None
            settling = Settling(self.solver)
            days = (self.base.knowledge_until, *reversed(self.days), self.days[0] - timedelta(days=1))
            settling.one_of(day.toordinal() == DAY for day in days)
            settling.one_of(PLACES.values())
            for fact in facts:
                self.patient.stated(fact)  # so that there is a flag for each, whether or not a rule reads it
            for name, flag in self.patient.flags.items():
                if z3.is_bool(flag):
                    kind, _, fact = name.partition(" ")
                    wanted = kind == "stated" and fact in facts
                    settling.prefer(flag if wanted else z3.Not(flag))
            for symbol in self.patient.symbols.values():
                if symbol.fact in facts:
                    self.settle(settling, symbol)
            return self.read(settling.model)

    def settle(self, settling: Settling, symbol: Symbol) -> None:
        """Give a symbol the typical value where that can be, a number the nearest."""
        if catalogue()[symbol.fact].numeric:
            settling.one_of(symbol.term == exactly(number) for number in self.numbers(symbol.fact))
        else:
            settling.prefer(symbol.term if self.usual(symbol) else z3.Not(symbol.term))

    def usual(self, symbol: Symbol) -> bool | Fraction:
        """What a symbol is of the typical patient."""
        held, value = catalogue()[symbol.fact], typical(symbol.fact)
        if held.numeric:
            return Fraction(str(self.numbers(symbol.fact)[0]))
        if held.kind == "set":
            return symbol.about in (value or ())
        if not symbol.about:
            return bool(value)
        return symbol.about == (value if value is not None else next(iter(self.patient.choice(symbol.fact))))

    def numbers(self, fact: str) -> list[float]:
        """Numbers that a fact can be, one wherever a rule or law may tell it from others; the most typical first."""
        held, usual = catalogue()[fact], typical(fact)
        asked = [*self.base.tests_on.get(fact, ())]
        asked += [t for law in self.laws for c in (law.when, law.then) for t in tests_in(c) if t.fact == fact]
        low = Fraction(str(held.low if held.low is not None else 0))
        high = Fraction(str(held.high if held.high is not None else 1000))
        start = low if usual is None else Fraction(str(usual))
        cuts = {low, high, *(Fraction(str(value)) for test in asked for c in test.checks for value in c.values)}
        steps = _STEPS[:1] if held.kind == "integer" else _STEPS
        near = {cut + sign * step for cut in cuts for step in steps for sign in (1, -1)}
        if held.kind != "integer":
            near |= {(one + other) / 2 for one, other in pairwise(sorted(cuts))}  # however close two limits are
        inside = (point for point in cuts | near if low <= point <= high)
        ordered = sorted(inside, key=lambda point: (abs(point - start), point))
        return [plain(point) for point in dict.fromkeys((start, *ordered))]

    def read(self, model: z3.ModelRef) -> Model:
        """A model of z3 as a patient."""

        place: Jurisdiction = "us" if _value(model, US) else "eu" if _value(model, EU) else "none"
        return Model(
            Asked(date.fromordinal(int(_value(model, DAY))), place),
            {name: _value(model, symbol.term) for name, symbol in self.patient.symbols.items()},
            {name: _value(model, flag) for name, flag in self.patient.flags.items()},
        )

    def values(
        self, formula: Formula, rules: Sequence[str], model: Model, others: Mapping[str, Formula]
    ) -> dict[str, Any]:
        """The values of other symbols where something holds for a patient as found, in the order of the symbols."""
        same = [model.asked.day.toordinal() == DAY, PLACES[model.asked.jurisdiction]]
        same += [
            symbol.term == constant(symbol.term, model.values[name]) for name, symbol in self.patient.symbols.items()
        ]
        with self.asking(formula, *map(self.tracker, rules), *same):
            assert self.solver.check() == z3.sat
            settling = Settling(self.solver)
            for name, term in others.items():
                settling.prefer(term == constant(term, self.usual(self.patient.symbols[name])))
            return {name: _value(settling.model, term) for name, term in others.items()}

    def facts_of(self, model: Model, facts: Collection[str], *, whole: bool = False) -> Facts:
        """What a case states of a patient: of these facts those that are stated, or all, and that can be."""
        found: Facts = {}
        for path in catalogue():
            if path in facts and (whole or self._is_stated(path, model)):
                value = self._value(path, model)
                if value is not None:
                    found[path] = value
            elif path in facts and f"least {path}" in model.flags and model.flags[f"partly {path}"]:
                least, most = (plain(model.flags[f"{end} {path}"]) for end in ("least", "most"))
                found[path] = {"at_least": least, "below": most}
        for rule in cannot_be():
            if found.get(rule.other) in rule.values and rule.stated:
                found.pop(rule.fact, None)
        for main in [path for path in found if path.startswith("biomarkers.") and main_of(path) == path]:
            parts = catalogue().parts.get(main, ())
            if not model.flags.get(f"bare {main}", True) and not any(part in found for part in parts):
                found[f"{main}.variant"] = _UNNAMED  # a result that is no bare one, of which nothing else is said
        return _by_therapies(found, model) if any(map(model.flags.get, (NO_PARTNER, NO_ADJUVANT))) else found

    def _is_stated(self, path: str, model: Model) -> bool:
        main = main_of(path)
        if main != path and main.startswith("biomarkers.") and model.flags.get(f"bare {main}"):
            return False
        return bool(model.flags.get(f"stated {path}"))

    def _value(self, path: str, model: Model) -> Any:
        held = catalogue()[path]
        mine = [
            (s.about, model.values[name]) for name, s in self.patient.symbols.items() if s.fact == path and not s.bare
        ]
        if held.kind == "set":
            return sorted(about for about, inside in mine if inside)
        if held.numeric:
            return plain(mine[0][1]) if mine else None
        if held.kind == "boolean":
            return mine[0][1] if mine else None
        return next((about for about, chosen in mine if chosen), None)


def _value(model: z3.ModelRef, term: Formula) -> Any:
    """What a model has of a symbol."""
    found = model.eval(term, model_completion=True)
    return z3.is_true(found) if z3.is_bool(found) else Fraction(str(found))


def constant(term: Formula, value: object) -> Formula:
    """A value as z3 has it, of the kind of a symbol."""
    if z3.is_bool(term):
        return z3.BoolVal(bool(value))
    return z3.IntVal(int(str(value))) if z3.is_int(term) else exactly(str(value))


def plain(number: Fraction) -> float:
    return int(number) if number.denominator == 1 else float(number)


class Settling:
    """Adds to what is asked, one wish after another, whatever can still hold."""

    def __init__(self, solver: z3.Solver) -> None:
        self.solver = solver
        self.model = solver.model()

    def prefer(self, wish: Formula) -> bool:
        if not z3.is_true(self.model.eval(wish, model_completion=True)):
            if self.solver.check(wish) != z3.sat:
                return False
            self.model = self.solver.model()
        self.solver.add(wish)
        return True

    def one_of(self, wishes: Iterable[Formula]) -> None:
        for wish in wishes:
            if self.prefer(wish):
                return


def _by_therapies(facts: Facts, model: Model) -> Facts:
    """The same patient with the inhibitor as the one therapy: only therapies tell that something was not given."""
    agent = facts.get("prior_cdk46.agent") or next(iter(facts.get("prior_cdk46.agents", ())), None)
    if agent is None:
        return facts
    entry = {"setting": facts.get("prior_cdk46.setting", "metastatic")}
    entry["agents"] = [agent] if model.flags.get(NO_PARTNER) else [agent, "letrozole"]
    for name in ("months", "best_response", "stopped_for"):
        if f"prior_cdk46.{name}" in facts:
            entry[name] = facts[f"prior_cdk46.{name}"]
    others = {path: value for path, value in facts.items() if not path.startswith(("prior_cdk46.", "history."))}
    return {**others, "therapies": [entry]}
