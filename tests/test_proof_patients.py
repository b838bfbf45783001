"""Whoever a case can describe is a patient of the proofs, and is known there as the engine has it.

Proofs put what is known of a patient into formulas; this puts drawn patients, and those of the shipped cases, into
the same formulas: all that holds of any patient has to allow each, and each rule has to be as true as the engine says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random

import pytest
import z3

from secondline.authoring.formulas import FALSE, THERAPIES, TRUE, Formula, every, exactly, without
from secondline.authoring.solving import Session
from secondline.cases import CaseFile, CaseReader
from secondline.facts import catalogue, main_of
from secondline.inference.reference import infer
from secondline.patient import TO_PROGRESSION, know
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, Members, OneOf, Range, State
from secondline.store import Ready
from strategies import Patients, drawn_cases

pytestmark = pytest.mark.long

MOST = 10**6  # where a number has no highest


class Told:
    """What is known of patients, in the terms of proofs."""

    def __init__(self, base: RuleBase) -> None:
        self.base, self.session = base, Session(base, ())
        self.patient, self.known = self.session.patient, self.session.known
        self.asked = [path for path in base.tests_on if path in catalogue()]  # and not what definitions produce
        self.meant = [*(rule.id for rule in base.rules()), *(definition.id for definition in base.definitions)]

    def unlike(self, case: CaseFile) -> list[str]:
        """What of a patient proofs leave out, or have otherwise than the engine."""
        known = know(case.case.profile, case.day, self.base.vocabulary)
        findings = infer(self.base, known.facts)
        said = dict(self._facts(known.facts, therapies=known.therapies))
        for rule in self.base.rules():
            true, false = self.known.fires(rule)
            fires = findings.fires(rule.id)
            said[f"{rule.id} is {fires}"] = z3.And(true == (fires is True), false == (fires is False))
        because = {z3.Bool(f"because {name}"): term for name, term in said.items()}
        with self.session.asking(*(z3.Implies(why, term) for why, term in because.items())):
            found = self.session.check(self.meant, *because)
            if found == "possible":
                return []
            core = map(str, self.session.solver.unsat_core())
            return sorted(name for name in core if name.startswith("because ")) or [found]

    def _facts(self, facts: Mapping[str, State], *, therapies: bool) -> Iterator[tuple[str, Formula]]:
        yield THERAPIES, self.patient.stated(THERAPIES) == therapies
        for path in self.asked:
            main = main_of(path)
            part = main.startswith("biomarkers.") and path != main
            yield path, self._of_part(path, main, facts) if part else self._of(path, facts.get(path))

    def _of_part(self, path: str, main: str, facts: Mapping[str, State]) -> Formula:
        """How a biomarker was found: of a bare result nothing is said but that it counts now."""
        p, state = self.patient, facts.get(path)
        if facts.get(main) is None:
            return TRUE
        if facts.get(f"{main}.sample") is NOT_APPLICABLE:
            return p.bare(main)
        return every([without(p.bare(main)), p.stated(path) == (state is not None), self._is(path, state)])

    def _of(self, path: str, state: State) -> Formula:
        """A fact is known, known in part, not known, or cannot be."""
        known, never = self.known.known(path), self.known.never(path)
        if path == TO_PROGRESSION and state is None:
            return without(z3.And(without(never), known))  # nor where there was no inhibitor
        if state is NOT_APPLICABLE:
            return never
        partly = self.patient.flags.get(f"partly {path}", FALSE)
        if catalogue()[path].kind == "set":
            return every([without(never), self._set(path, state)])
        if state is None:
            return every([without(never), without(known), without(partly)])
        if isinstance(state, Range):
            return every([without(never), without(known), self.known.partly(path), self._between(path, state)])
        if isinstance(state, OneOf):
            may = self.known.candidates(path)
            each = [held if value in state.values else without(held) for value, held in may.items()]
            return every([without(never), without(known), self.known.partly(path), *each])
        return every([without(never), known, self._is(path, state)])

    def _is(self, path: str, state: State) -> Formula:
        p, held = self.patient, catalogue()[path]
        if state is None:
            return TRUE
        if held.kind == "boolean":
            return p.yes(path) if state else without(p.yes(path))
        if held.numeric:
            return p.number(path) == exactly(str(state))
        symbols = p.choice(path)
        return symbols.get(str(state), list(symbols.values())[-1])  # the last is any text that no rule asks for

    def _between(self, path: str, state: Range) -> Formula:
        held, (least, most) = catalogue()[path], self.known.limits(path)
        low = state.low if state.low is not None else held.low or 0
        high = state.high if state.high is not None else held.high if held.high is not None else MOST
        ends = [least == exactly(str(low)), most == exactly(str(high))]
        return every(ends if held.kind == "integer" else [*ends, self.patient.flag(f"up to and with {path}")])

    def _set(self, path: str, state: State) -> Formula:
        known, parts = self.known.known(path), []
        members = {str(v) for test in self.base.tests_on[path] for check in test.checks for v in check.values}
        for member in sorted(members):
            held, sure = self.patient.has(path, member), z3.Or(known, self.patient.sure(path, member))
            if isinstance(state, Members) and member in state.sure:
                parts.append(z3.And(sure, held))
            elif isinstance(state, Members) and not state.may_have(member):
                parts.append(z3.And(sure, without(held)))
            else:
                parts.append(without(sure))
        return every(parts)


@pytest.fixture(scope="module")
def told(ready: Ready) -> Told:
    return Told(ready.base)


def test_shipped_cases_are_patients_of_proofs(told: Told, shipped: list[CaseFile]) -> None:
    for case in shipped[::5]:
        assert told.unlike(case) == [], case.name


def test_drawn_patients_are_patients_of_proofs(told: Told, reader: CaseReader, ready: Ready) -> None:
    for drawn, case in islice(drawn_cases(Patients(Random(6), ready.base), reader), 150):
        assert told.unlike(case) == [], drawn.profile
