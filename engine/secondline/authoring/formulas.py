"""Conditions as formulas of z3 over one patient: every fact a symbol, with what facts say of one another.

A patient here is a profile together with one way in which what it leaves open can turn out. So a fact has a value
whether it is stated or not; `stated` says which are, as far as that changes what follows. A number is a number of z3
between the limits of the catalogue, a choice one symbol for each value, a set one for each member that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

import z3

from secondline.condition import DEFINED, LIMITS, AnyOf, Check, Condition, Not, Test, Value, holds
from secondline.facts import Fact, catalogue, main_of
from secondline.history import ANY_INHIBITOR, BENEFIT_MONTHS
from secondline.patient import cannot_be
from secondline.refusals import contradictory
from secondline.rulebase import RuleBase, values
from secondline.states import State

if TYPE_CHECKING:
    from secondline.forms.rules import Definition, Rule

Formula = Any  # of z3, which says nothing of its types
TRUE, FALSE = z3.BoolVal(True), z3.BoolVal(False)
HER2, ESR1 = "disease.her2", "biomarkers.esr1"
RECEPTORS = ("disease.er", "disease.pr")
AGENT, AGENTS = "prior_cdk46.agent", "prior_cdk46.agents"
DRUGS, CLASSES = "history.agents", "history.classes"
RESPONSE, MONTHS, BENEFIT = "prior_cdk46.best_response", "prior_cdk46.months", "prior_cdk46.clinical_benefit"
STATUS, EXTENT = "progression.status", "progression.extent"
NO_PARTNER, NO_ADJUVANT = "absent partner", "absent adjuvant endocrine therapy"
TOLD_ABSENT = {  # by therapies alone: what there was not, by the facts that would be about it
    "prior_cdk46.partner_class": NO_PARTNER,
    "history.months_on_adjuvant_endocrine": NO_ADJUVANT,
    "history.months_from_adjuvant_endocrine_to_relapse": NO_ADJUVANT,
}
THERAPIES = "therapies"  # stated: the history is worked out from them
_OTHER_TEXT = "~"  # ends a text that no rule asks for


def every(parts: Iterable[Formula]) -> Formula:
    """Where all of these hold."""
    return _joined(z3.Z3_mk_and, [part for part in parts if part is not TRUE], TRUE)


def some(parts: Iterable[Formula]) -> Formula:
    """Where one of these holds."""
    return _joined(z3.Z3_mk_or, [part for part in parts if part is not FALSE], FALSE)


def _joined(make: Callable[..., Any], parts: Sequence[Formula], nothing: Formula) -> Formula:
    """Parts as one formula, by the function beneath `And` and `Or`, which look at each part for far longer."""
    if len(parts) < 2:
        return parts[0] if parts else nothing
    context = z3.main_ctx()
    terms = (z3.Ast * len(parts))(*[part.as_ast() for part in parts])
    return z3.BoolRef(make(context.ref(), len(parts), terms), context)


def without(part: Formula) -> Formula:
    return FALSE if part is TRUE else TRUE if part is FALSE else z3.Not(part)


def exactly(value: float | str) -> Formula:
    """A number as the decimal that it is written as."""
    exact = Fraction(str(value))
    return z3.Q(exact.numerator, exact.denominator)


def passes(test: Test, value: State) -> bool:
    """Whether a test passes on a value."""
    return holds(test, value) is True


class Symbol(NamedTuple):
    """A symbol that stands for a value: the fact, and the value or member that it is about ("" for a number, a yes/no).

    `bare` says that it is of the result that a biomarker turns out to have once the stated one counts as absent.
    """

    fact: str
    about: str
    bare: bool
    term: Formula


class Patient:
    """One patient as formulas over symbols.

    `symbols` are its values by name, `flags` what is said of how facts are stated; `always` is what holds of any
    patient, by what says so; `means` what the symbols of a rule or definition mean, by its id.
    """

    def __init__(self, base: RuleBase) -> None:
        self.base = base
        self.symbols: dict[str, Symbol] = {}
        self.flags: dict[str, Formula] = {}
        self.always: dict[str, Formula] = {}
        self.means: dict[str, list[Formula]] = {}
        self.named: dict[str, Formula] = {}
        self._choices: dict[tuple[str, bool], Mapping[str, Formula]] = {}
        self._tests: dict[Test, Formula] = {}
        self._conditions: dict[int, tuple[Condition, Formula]] = {}
        self._cases: dict[str, tuple[Formula, ...]] = {}
        self._applies: dict[str, Formula] = {}
        self._voids: dict[str, Formula] = {}
        self._stating = 0  # how many facts are being judged as stated
        self._link()

    # --- symbols ------------------------------------------------------------------------------------------

    def name(self, name: str) -> Formula:
        """A symbol that a rule or definition gives its meaning."""
        found = self.named.get(name)
        if found is None:
            found = self.named[name] = z3.Bool(name)
        return found

    def flag(self, name: str, make: Callable[[str], Formula] = z3.Bool) -> Formula:
        """A symbol for how something is stated."""
        found = self.flags.get(name)
        if found is None:
            found = self.flags[name] = make(name)
        return found

    def stated(self, fact: str) -> Formula:
        """Whether a fact is stated; of a biomarker, whether a result is."""
        return self.flag(f"stated {fact}")

    def bare(self, main: str) -> Formula:
        """Whether the result that is stated of a biomarker is a bare one."""
        return self.flag(f"bare {main}")

    def sure(self, fact: str, member: str) -> Formula:
        """Whether it is known if a set that is not known whole has a member."""
        return self.flag(f"sure {fact}: {member}")

    def _symbol(self, fact: str, about: str, make: Callable[[str], Formula], *, bare: bool = False) -> Formula:
        name = f"{'found anew ' if bare else ''}{fact}{': ' if about else ''}{about}"
        found = self.symbols.get(name)
        if found is None:
            found = self.symbols[name] = Symbol(fact, about, bare, make(name))
        return found.term

    def choice(self, fact: str, *, bare: bool = False) -> Mapping[str, Formula]:
        """A symbol for each value of a choice, of which one holds."""
        found = self._choices.get((fact, bare))
        if found is None:
            found = {value: self._symbol(fact, value, z3.Bool, bare=bare) for value in self._values(fact)}
            symbols = list(found.values())
            pairs = (z3.Or(z3.Not(one), z3.Not(other)) for one, other in combinations(symbols, 2))
            self.always[f"{fact} has one value{' found anew' if bare else ''}"] = z3.And(z3.Or(symbols), *pairs)
            self._choices[fact, bare] = found
        return found

    def _values(self, fact: str) -> Sequence[str]:
        held = catalogue()[fact]
        if held.values:
            return held.values
        asked = {str(v) for test in self.base.tests_on.get(fact, ()) for c in test.checks for v in c.values}
        return (*sorted(asked), "".join(sorted(asked)) + _OTHER_TEXT)

    def yes(self, fact: str) -> Formula:
        return self._symbol(fact, "", z3.Bool)

    def number(self, fact: str) -> Formula:
        held = catalogue()[fact]
        found = self._symbol(fact, "", z3.Int if held.kind == "integer" else z3.Real)
        if (limits := f"{fact} has its limits") not in self.always:
            bounds = [found >= exactly(held.low)] if held.low is not None else []
            bounds += [found <= exactly(held.high)] if held.high is not None else []
            self.always[limits] = every(bounds)
        return found

    def member(self, fact: str, member: str) -> Formula:
        """Whether a set has a member."""
        new = f"{fact}: {member}" not in self.symbols
        found = self._symbol(fact, member, z3.Bool)
        if new and fact in (DRUGS, CLASSES):
            self._link_classes(fact, member)
        return found

    # --- conditions ---------------------------------------------------------------------------------------

    def holds(self, condition: Condition) -> Formula:
        """Where a condition holds."""
        if isinstance(condition, Test):
            found = self._tests.get(condition)
            if found is None:
                found = self._tests[condition] = self._test(condition)
            return found
        held = self._conditions.get(id(condition))  # their own hash would walk the whole tree
        if held is None:
            if isinstance(condition, Not):
                found = without(self.holds(condition.part))
            else:
                parts = [self.holds(part) for part in condition.parts]
                found = some(parts) if isinstance(condition, AnyOf) else every(parts)
            held = self._conditions[id(condition)] = (condition, found)  # kept, so that no other comes by its number
        return held[1]

    def is_one(self, fact: str, among: Sequence[Value]) -> Formula:
        """Where a fact has one of these values."""
        return self.holds(Test(fact, (Check("is", tuple(among)),)))

    def _test(self, test: Test) -> Formula:
        definition = self.base.defined.get(test.fact)
        if definition is not None:
            here = zip(values(definition), self.cases(definition), strict=True)
            return some(case for value, case in here if value is not None and passes(test, value))
        main = main_of(test.fact)
        if main.startswith("biomarkers."):
            return self._of_biomarker(test, main)
        return every([self.applies(test.fact), self.plain(test)])

    def plain(self, test: Test, *, bare: bool = False) -> Formula:
        """A test on the value of a fact, were it to apply."""
        fact = catalogue()[test.fact]
        return every(self.check(fact, check, bare=bare) for check in test.checks)

    def check(self, fact: Fact, check: Check, *, bare: bool = False) -> Formula:
        """One check on the value of a fact, were it to apply."""
        path, op = fact.path, check.op
        if fact.kind == "set":
            members = [self.has(path, str(value)) for value in check.values]
            return every(members) if op == "has_all" else some(members) if op == "has_any" else without(some(members))
        if fact.numeric:
            number = self.number(path)
            if op in LIMITS:
                return BEYOND[op](number, exactly(check.values[0]))
            inside = some(number == exactly(value) for value in check.values)
        elif fact.kind == "boolean":
            inside = some(self.yes(path) if value else z3.Not(self.yes(path)) for value in check.values)
        else:
            symbols = self.choice(path, bare=bare)
            inside = some(symbols[str(value)] for value in check.values if str(value) in symbols)
        return inside if op == "is" else without(inside)

    def has(self, fact: str, member: str) -> Formula:
        """Whether a set counts as having a member: where there was no inhibitor none was given."""
        held = self.member(fact, member)
        return z3.And(held, z3.Not(self.choice(AGENT)["none"])) if fact == AGENTS else held

    def applies(self, fact: str) -> Formula:
        """Where nothing excludes that a fact can be."""
        found = self._applies.get(fact)
        if found is None:
            parts = []
            for rule in cannot_be():
                if rule.fact == fact:
                    fits = without(self.is_one(rule.other, rule.values))
                    parts.append(fits if rule.stated else z3.Or(self.stated(fact), fits))
            if fact in TOLD_ABSENT:
                parts.append(z3.Not(self.absent(fact)))
            found = self._applies[fact] = every(parts)
        return found

    def absent(self, fact: str) -> Formula:
        """Where therapies tell that there is nothing that a fact could be about."""
        return self.flag(TOLD_ABSENT[fact])

    # --- biomarkers ---------------------------------------------------------------------------------------

    def _of_biomarker(self, test: Test, main: str) -> Formula:
        """A test on a result, or on how it was found: of a bare result where none is stated or it counts as absent."""
        void = self.void(main)
        if test.fact == main:
            found = self.plain(test)
            return found if void is FALSE else z3.If(void, self.plain(test, bare=True), found)
        bare = some([z3.Not(self.stated(main)), self.bare(main), void])
        return z3.If(bare, z3.BoolVal(passes_bare(test)), self.plain(test))

    def void(self, main: str) -> Formula:
        """Where a stated result counts as absent."""
        found = self._voids.get(main)
        if found is None:
            parts: list[Formula] = []
            definitions = [d for d in self.base.voiding if any(case.of == main for case in d.cases)]
            if definitions:  # each is judged on the fact as stated
                with self.as_stated(main):
                    for definition in definitions:
                        here = zip(definition.cases, self._first(definition), strict=False)
                        parts += [where for case, where in here if case.of == main]
            found = self._voids[main] = every([self.stated(main), some(parts)]) if parts else FALSE
        return found

    @contextmanager
    def as_stated(self, main: str) -> Iterator[None]:
        """Judge conditions with a result taken as it is stated, even where it counts as absent."""
        kept = self._tests, self._conditions, self._cases, self._voids
        self._tests, self._conditions, self._cases = {}, {}, {}
        self._voids = {**self._voids, main: FALSE}
        self._stating += 1
        try:
            yield
        finally:
            self._stating -= 1
            self._tests, self._conditions, self._cases, self._voids = kept

    # --- definitions and rules ----------------------------------------------------------------------------

    def _first(self, definition: Definition) -> list[Formula]:
        """Where each case of a definition is the first true one, `otherwise` last."""
        found: list[Formula] = []
        earlier: list[Formula] = []
        for case in definition.cases:
            here = self.holds(case.when)
            found.append(every([*map(without, earlier), here]))
            earlier.append(here)
        return [*found, every(map(without, earlier))]

    def cases(self, definition: Definition) -> tuple[Formula, ...]:
        """Where each case of a definition counts, as symbols to which the definition gives their meaning."""
        found = self._cases.get(definition.id)
        if found is None:
            first = self._first(definition)
            if self._stating:
                found = tuple(first)
            elif len(first) == 2:
                symbol = self.name(f"{DEFINED}{definition.id}")
                self.means[definition.id] = [symbol == first[0]]
                found = (symbol, z3.Not(symbol))
            else:
                found = tuple(self.name(f"{DEFINED}{definition.id} {at}") for at in range(len(first)))
                self.means[definition.id] = [one == other for one, other in zip(found, first, strict=True)]
            self._cases[definition.id] = found
        return found

    def fires(self, rule: Rule) -> Formula:
        """Where a rule's condition holds, as a symbol to which the rule gives its meaning."""
        symbol = self.name(f"fires {rule.id}")
        if rule.id not in self.means:
            self.means[rule.id] = []
            self.means[rule.id].append(symbol == self.holds(rule.when))
        return symbol

    # --- what facts say of one another --------------------------------------------------------------------

    def _link(self) -> None:
        """What no case can say together, and what follows from what."""
        read, say = self.base.tests_on, self.always
        for main in RECEPTORS:
            if f"{main}.percent" in read:
                percent, status = self.number(f"{main}.percent"), self.choice(main)
                negative, positive = status["negative"] == (percent < 1), status["positive"] == (percent > 10)
                say[f"{main} follows its percent"] = z3.And(negative, positive)
        parts = [self.choice(f"{HER2}{part}") for part in ("", ".ihc", ".ish")]
        for of_her2, ihc, ish in product(*parts):
            if contradictory({HER2: of_her2, f"{HER2}.ihc": ihc, f"{HER2}.ish": ish}):
                together = (held[value] for held, value in zip(parts, (of_her2, ihc, ish), strict=True))
                say[f"{HER2} is not {of_her2} with {ihc} and {ish}"] = z3.Not(z3.And(*together))
        pregnant = z3.And(self.stated("patient.pregnant"), self.yes("patient.pregnant"))
        say["no man is pregnant"] = z3.Not(z3.And(self.choice("patient.sex")["male"], pregnant))
        self._link_esr1()
        agent = self.choice(AGENT)
        for name in sorted(ANY_INHIBITOR):
            given = self.member(AGENTS, name)
            told = z3.And(z3.Implies(agent[name], given), z3.Implies(agent["none"], z3.Not(given)))
            say[f"the last inhibitor is one of those given: {name}"] = told
        response, benefit = self.choice(RESPONSE), self.yes(BENEFIT)
        lasting = self.number(MONTHS) >= exactly(BENEFIT_MONTHS)
        told = z3.And(
            z3.Implies(z3.Or(response["complete"], response["partial"]), benefit),
            z3.Implies(response["progressive"], z3.Not(benefit)),
            z3.Implies(response["stable"], benefit == lasting),
        )
        say["benefit is what response and months tell"] = z3.Or(self.stated(BENEFIT), self.stated(THERAPIES), told)

    def _link_esr1(self) -> None:
        """Molecular progression is an ESR1 mutation in plasma now."""
        void, stated = self.void(ESR1), self.stated(ESR1)
        molecular, wild = self.choice(STATUS)["molecular"], self.choice(ESR1)["wild-type"]
        now, plasma = self.choice(f"{ESR1}.taken")["at-progression"], self.choice(f"{ESR1}.sample")["plasma"]
        valid = z3.Or(z3.Not(stated), self.bare(ESR1), z3.And(now, plasma))
        bad = [z3.And(molecular, wild, valid)]
        if void is not FALSE:
            bad.append(z3.And(molecular, void, self.choice(ESR1, bare=True)["wild-type"]))
        self.always["molecular progression is an ESR1 mutation"] = z3.Not(some(bad))

    def _link_classes(self, fact: str, member: str) -> None:
        """A drug is of its classes, unless classes are stated, which can leave one out, or it is not known of it."""
        of = self.base.vocabulary.classes_of
        others = [s.about for s in list(self.symbols.values()) if s.fact in (DRUGS, CLASSES) and s.fact != fact]
        for other in others:
            drug, name = (member, other) if fact == DRUGS else (other, member)
            if name in (of(drug) or ()):
                has, of_it = self.member(DRUGS, drug), self.member(CLASSES, name)
                classes, therapies = self.stated(CLASSES), self.stated(THERAPIES)
                known = z3.Or(self.stated(DRUGS), self.sure(DRUGS, drug))
                apart = z3.Or(every([classes, without(therapies)]), every([therapies, without(known)]))
                told = z3.Implies(self.sure(DRUGS, drug), z3.Implies(has, self.sure(CLASSES, name)))
                self.always[f"{drug} is of {name}"] = z3.And(z3.Or(apart, z3.Implies(has, of_it)), told)


def passes_bare(test: Test) -> bool:
    """Whether a test on how a biomarker was found passes on a bare result: one of a valid test at this progression."""
    return test.fact.endswith(".taken") and passes(test, "at-progression")


BEYOND: Mapping[str, Callable[[Any, Any], Formula]] = {
    "at_least": lambda number, limit: number >= limit,
    "above": lambda number, limit: number > limit,
    "at_most": lambda number, limit: number <= limit,
    "below": lambda number, limit: number < limit,
}
