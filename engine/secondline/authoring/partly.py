"""What is known of a patient, as formulas beside what is true of it: where a condition is true, and where it is false.

Each condition has two rails, as for the engines: where what is known makes it true, and where it makes it false;
elsewhere it is neither. So nothing has to be said of every way in which the unknown can turn out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import z3

from secondline.authoring.formulas import (
    AGENT,
    AGENTS,
    BENEFIT,
    BEYOND,
    CLASSES,
    DRUGS,
    EXTENT,
    HER2,
    MONTHS,
    RECEPTORS,
    RESPONSE,
    STATUS,
    THERAPIES,
    TOLD_ABSENT,
    TRUE,
    Formula,
    Patient,
    every,
    exactly,
    passes,
    passes_bare,
    some,
    without,
)
from secondline.condition import LIMITS, AnyOf, Check, Condition, Not, Test, Value
from secondline.facts import Fact, catalogue, main_of
from secondline.history import ANY_INHIBITOR, BENEFIT_MONTHS
from secondline.patient import MENOPAUSE, PROGRESSED, SEX, cannot_be
from secondline.rulebase import values

if TYPE_CHECKING:
    from secondline.forms.rules import Definition, Rule

Rails = tuple[Formula, Formula]  # where it is true, where it is false
_OPPOSITE = {"at_least": "below", "above": "at_most", "at_most": "above", "below": "at_least"}


class Known:
    """What is known of one patient. With `steady` what an unknown fact could still take away counts as not known."""

    def __init__(self, patient: Patient, steady: Known | None = None) -> None:
        self.patient, self.base, self.steady = patient, patient.base, steady
        self.means: dict[str, list[Formula]] = {}
        self._known: dict[str, Formula] = {}
        self._never: dict[str, Formula] = {}
        self._shaken: dict[str, Formula] = {}
        self._tests: dict[Test, Rails] = {}
        self._conditions: dict[int, tuple[Condition, Rails]] = {}
        self._possible: dict[str, list[Formula]] = {}
        if steady is None:
            self._complete()

    def _complete(self) -> None:
        """What follows at once from what is stated."""
        p, say = self.patient, self.patient.always
        told_sex = z3.And(p.stated(MENOPAUSE), z3.Not(p.stated(SEX)))
        say["who has a menopausal status is a woman"] = z3.Implies(told_sex, p.choice(SEX)["female"])
        assumed = z3.And(z3.Not(p.stated(EXTENT)), self._progressed())
        say["an extent that is not recorded is systemic"] = z3.Implies(assumed, p.choice(EXTENT)["systemic"])

    def _progressed(self) -> Formula:
        return z3.And(self.known(STATUS), some(self.patient.choice(STATUS)[value] for value in PROGRESSED))

    # --- facts --------------------------------------------------------------------------------------------

    def known(self, fact: str) -> Formula:
        """Where the value of a fact is known, were it to apply."""
        found = self._known.get(fact)
        if found is None:
            found = self._known[fact] = self._is_known(fact)
        return found

    def _is_known(self, fact: str) -> Formula:
        p, stated = self.patient, self.patient.stated(fact)
        if fact in RECEPTORS and f"{fact}.percent" in self.base.tests_on:
            return z3.Or(stated, p.stated(f"{fact}.percent"))
        if fact == HER2:
            ihc, ish = p.stated(f"{HER2}.ihc"), p.stated(f"{HER2}.ish")
            alone = z3.And(ihc, z3.Not(p.choice(f"{HER2}.ihc")["2+"]))
            return z3.Or(stated, alone, z3.And(ish, p.choice(f"{HER2}.ish")["amplified"]), z3.And(ihc, ish))
        if fact == SEX:
            return z3.Or(stated, p.stated(MENOPAUSE))
        if fact == EXTENT:
            return z3.Or(stated, self._progressed())
        if fact == AGENT:
            given = [p.member(AGENTS, name) for name in sorted(ANY_INHIBITOR)]
            several = some(z3.And(one, other) for one, other in combinations(given, 2))
            return z3.Or(stated, z3.And(self.agents_tell(), z3.Not(several)))
        if fact == BENEFIT:
            response = p.choice(RESPONSE)
            told = some(response[value] for value in ("complete", "partial", "progressive"))
            lasting = z3.And(response["stable"], p.stated(MONTHS))
            return z3.Or(stated, z3.And(z3.Not(p.stated(THERAPIES)), p.stated(RESPONSE), z3.Or(told, lasting)))
        if fact == CLASSES:
            return z3.Or(stated, p.stated(DRUGS))
        return stated

    def benefit(self) -> Formula:
        """The benefit that response and months tell; there was none where they tell nothing."""
        p = self.patient
        response = p.choice(RESPONSE)
        lasting = z3.And(response["stable"], p.number(MONTHS) >= exactly(BENEFIT_MONTHS))
        return z3.Or(response["complete"], response["partial"], lasting)

    def agents_tell(self) -> Formula:
        """Where the inhibitors that are stated tell the last one, or leave some of them."""
        p = self.patient
        return z3.And(p.stated(AGENTS), z3.Not(p.stated(AGENT)))

    def partly(self, fact: str) -> Formula:
        """Where of a fact only candidates, or limits, are known."""
        return self.patient.flag(f"partly {fact}")

    def candidates(self, fact: str) -> Mapping[str, Formula]:
        """The candidates of a choice of which only these are known."""
        p = self.patient
        found = {value: p.flag(f"may be {fact}: {value}") for value in p.choice(fact)}
        if (candidates := f"{fact} is one of its candidates") not in p.always:
            held = [z3.Implies(symbol, found[value]) for value, symbol in p.choice(fact).items()]
            several = some(z3.And(one, other) for one, other in combinations(found.values(), 2))
            p.always[candidates] = z3.Implies(self.partly(fact), every([*held, several]))
            if fact == AGENT:
                self._link_last(found)
        return found

    def _link_last(self, may: Mapping[str, Formula]) -> None:
        """What is known of the inhibitors that were given and of the last one go together."""
        p, partly = self.patient, self.partly(AGENT)
        given = {value: (p.member(AGENTS, value), p.sure(AGENTS, value)) for value in sorted(ANY_INHIBITOR)}
        told = every([partly, z3.Not(may["none"]), *(may[value] == held for value, (held, _) in given.items())])
        p.always["the last inhibitor can be any of those given"] = z3.Implies(
            z3.And(self.agents_tell(), z3.Not(self.known(AGENT))), told
        )
        for value, (held, sure) in given.items():
            told = z3.And(z3.Or(self.known(AGENT), partly), z3.Implies(z3.And(partly, may[value]), held))
            p.always[f"where it is known if it was given: {value}"] = z3.Implies(sure, told)

    def limits(self, fact: str) -> tuple[Formula, Formula]:
        """The limits of a number of which only these are known; the upper one of months need not be included."""
        p, whole = self.patient, catalogue()[fact].kind == "integer"
        low, high = (p.flag(f"{end} {fact}", z3.Int if whole else z3.Real) for end in ("least", "most"))
        if (between := f"{fact} is between its limits") not in p.always:
            number, held = p.number(fact), catalogue()[fact]
            inside = [low <= number, number <= high, z3.Or(number < high, self._includes_most(fact))]
            inside += [low >= exactly(held.low)] if held.low is not None else []
            inside += [high <= exactly(held.high)] if held.high is not None else []
            p.always[between] = z3.Implies(self.partly(fact), every(inside))
        return low, high

    def _includes_most(self, fact: str) -> Formula:
        """Whether a number can be the upper one of its limits."""
        return TRUE if catalogue()[fact].kind == "integer" else self.patient.flag(f"up to and with {fact}")

    def never(self, fact: str) -> Formula:
        """Where it is known that a fact cannot be."""
        found = self._never.get(fact)
        if found is None:
            parts = []
            for rule in cannot_be():
                if rule.fact == fact:
                    here = some(self.patient.choice(rule.other)[str(value)] for value in rule.values)
                    excluded = every([without(self.never(rule.other)), self.known(rule.other), here])
                    unless = [] if rule.stated else [z3.Not(self.patient.stated(fact))]
                    parts.append(every([*unless, excluded]))
            if fact in TOLD_ABSENT:
                parts.append(self.patient.absent(fact))
            found = self._never[fact] = some(parts)
        return found

    def shaken(self, main: str) -> Formula:
        """Where a fact is known and an unknown one may still take it away (as `Worlds.shaken`)."""
        found = self._shaken.get(main)
        if found is None:
            p, parts = self.patient, []
            for rule in cannot_be():
                if rule.stated and main_of(rule.fact) == main:
                    given = self.known(rule.fact) if rule.fact == BENEFIT else p.stated(rule.fact)
                    if catalogue()[rule.fact].numeric or catalogue()[rule.fact].partly:
                        given = z3.Or(given, self.partly(rule.fact))
                    open_ = every([without(self.never(rule.other)), z3.Not(self.known(rule.other))])
                    parts.append(every([given, without(self.never(rule.fact)), open_]))
            for definition in self.base.voiding:
                for at, case in enumerate(definition.cases):
                    if case.of == main:
                        parts.append(z3.And(self.known(main), self.possible(definition)[at]))
            found = self._shaken[main] = some(parts)
        return found

    # --- conditions ---------------------------------------------------------------------------------------

    def rails(self, condition: Condition) -> Rails:
        """Where a condition is true, and where it is false."""
        if isinstance(condition, Test):
            found = self._tests.get(condition)
            if found is None:
                found = self._tests[condition] = self._test(condition)
            return found
        held = self._conditions.get(id(condition))
        if held is None:
            if isinstance(condition, Not):
                true, false = self.rails(condition.part)
                found = (false, true)
            else:
                trues, falses = zip(*map(self.rails, condition.parts), strict=True)
                one, other = (some, every) if isinstance(condition, AnyOf) else (every, some)
                found = (one(trues), other(falses))
            held = self._conditions[id(condition)] = (condition, found)
        return held[1]

    def _test(self, test: Test) -> Rails:
        definition = self.base.defined.get(test.fact)
        if definition is not None:
            return self._of_definition(test, definition)
        fact, main = catalogue()[test.fact], main_of(test.fact)
        if fact.kind == "set":
            return self._of_set(test)
        if main.startswith("biomarkers.") and main != test.fact:
            return self._of_part(test, main)
        true, false = self._value(test, fact)
        steady = without(self.steady.shaken(main)) if self.steady else TRUE
        never = self.never(test.fact)
        return every([without(never), steady, true]), some([never, every([steady, false])])

    def _value(self, test: Test, fact: Fact) -> Rails:
        """A test on a fact that is known to apply or may."""
        path, plain = test.fact, self.patient.plain(test)
        known = self.known(path)
        trues, falses = [every([known, plain])], [every([known, without(plain)])]
        if fact.numeric and (path.startswith(("prior_cdk46.", "history."))):
            partly = every([self.partly(path), without(known)])
            inside, outside = zip(*(self._between(fact, check) for check in test.checks), strict=True)
            trues.append(every([partly, *inside]))
            falses.append(every([partly, some(outside)]))
        elif fact.partly:
            may = self.candidates(path)
            partly = every([self.partly(path), without(known)])
            good = {value for value in may if passes(test, value)}
            trues.append(every([partly, *(z3.Not(may[value]) for value in may if value not in good)]))
            falses.append(every([partly, *(z3.Not(may[value]) for value in may if value in good)]))
        return some(trues), some(falses)

    def _between(self, fact: Fact, check: Check) -> Rails:
        """A check on a number that lies between two limits."""
        least, most = self.limits(fact.path)
        open_end = without(self._includes_most(fact.path))
        if check.op in LIMITS:
            limit = exactly(check.values[0])
            low = check.op in ("at_least", "above")  # what is true of the lower limit is true of all
            up_to = _OPPOSITE[check.op] if low else check.op
            at_most = z3.Or(BEYOND[up_to](most, limit), z3.And(open_end, most == limit))
            at_least = BEYOND[check.op if low else _OPPOSITE[check.op]](least, limit)
            return (at_least, at_most) if low else (at_most, at_least)
        runs = _runs(check.values) if fact.kind == "integer" else ()  # no list holds every number of a stretch
        inside = some(z3.And(least >= first, most <= last) for first, last in runs)
        numbers = [exactly(value) for value in check.values]
        outside = every(some([least > one, most < one, z3.And(open_end, most == one)]) for one in numbers)
        return (inside, outside) if check.op == "is" else (outside, inside)

    def _of_part(self, test: Test, main: str) -> Rails:
        """A test on how a biomarker was found."""
        p = self.patient
        plain, bare = p.plain(test), z3.And(p.stated(main), p.bare(main))
        told = every([p.stated(main), without(p.bare(main)), p.stated(test.fact)])
        if self.steady:
            steady = without(self.steady.shaken(main))
            told, bare = every([told, steady]), every([bare, steady])
        true, false = every([told, plain]), every([told, without(plain)])
        return (some([true, bare]), false) if passes_bare(test) else (true, some([false, bare]))

    def _of_set(self, test: Test) -> Rails:
        trues: list[Formula] = []
        falses: list[Formula] = []
        for check in test.checks:
            inside, outside = zip(*(self._has(test.fact, str(value)) for value in check.values), strict=True)
            if check.op == "has_all":
                true, false = every(inside), some(outside)
            else:
                true, false = some(inside), every(outside)
            trues.append(false if check.op == "has_none" else true)
            falses.append(true if check.op == "has_none" else false)
        return every(trues), some(falses)

    def _has(self, fact: str, member: str) -> Rails:
        """Whether a set has a member for sure, and whether it has it not."""
        p = self.patient
        held, known = p.has(fact, member), z3.Or(self.known(fact), p.sure(fact, member))
        inside, outside = z3.And(known, held), z3.And(known, z3.Not(held))
        if fact == AGENTS:
            agent, last = p.choice(AGENT), z3.And(self.known(AGENT), z3.Not(p.stated(AGENTS)))
            return z3.Or(inside, z3.And(last, agent[member])), z3.Or(outside, z3.And(last, agent["none"]))
        return inside, outside

    def _of_definition(self, test: Test, definition: Definition) -> Rails:
        """A test on what a definition gives: on the values of the cases that are still possible."""
        good: list[Formula] = []
        bad: list[Formula] = []
        nothing: list[Formula] = []
        for value, possible in zip(values(definition), self.possible(definition), strict=True):
            (nothing if value is None else good if passes(test, value) else bad).append(z3.Not(possible))
        return every([*nothing, *bad]), every([*nothing, *good])

    # --- definitions and rules ----------------------------------------------------------------------------

    def possible(self, definition: Definition) -> list[Formula]:
        """Where each case of a definition can still be the first true one, `otherwise` last."""
        found = self._possible.get(definition.id)
        if found is None:
            meant: list[Formula] = []
            earlier: list[Formula] = []
            for case in definition.cases:
                true, false = self.rails(case.when)
                meant.append(every([*earlier, without(false)]))
                earlier.append(without(true))
            meant.append(every(earlier))
            how = "surely " if self.steady else ""
            found = [self.patient.name(f"{how}possible {definition.id} {at}") for at in range(len(meant))]
            self.means[definition.id] = [one == other for one, other in zip(found, meant, strict=True)]
            self._possible[definition.id] = found
        return found

    def fires(self, rule: Rule) -> Rails:
        """Where a rule is true, and where it is false."""
        how = "surely " if self.steady else ""
        true, false = (self.patient.name(f"{how}{what} {rule.id}") for what in ("true", "false"))
        if rule.id not in self.means:
            meant = self.rails(rule.when)
            self.means[rule.id] = [true == meant[0], false == meant[1]]
        return true, false

    def told(self, rule: Rule) -> Rails:
        """Where the engine takes a rule as true, or false, from what is known alone (as `Entailment.told`)."""
        shaken = some(self.shaken(main) for main in sorted(self.base.reads[rule.id]))
        true, false = self.fires(rule)
        return every([without(shaken), true]), every([without(shaken), false])


def _runs(numbers: Sequence[Value]) -> list[tuple[int, int]]:
    """Whole numbers as runs without a gap."""
    found: list[tuple[int, int]] = []
    for one in sorted({int(number) for number in numbers}):
        if found and found[-1][1] == one - 1:
            found[-1] = (found[-1][0], one)
        else:
            found.append((one, one))
    return found
