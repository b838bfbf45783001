"""Compares two rule bases, or two days of one: moves with regions and examples, rules, evidence, and the proof.

Every example is a patient whom both engines of both sides answered so.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from secondline.asof import AsOf
from secondline.authoring.comparison import Absence, Base, Comparison, Detail, File, OnDays, Proof, Unsettled
from secondline.authoring.living import living
from secondline.authoring.moves import AGREE, DISAGREE, VERDICT, Loose, Move, Moves, View, apart
from secondline.authoring.paired import Pair, Region
from secondline.authoring.patients import Asked, Clinic, Facts
from secondline.authoring.rulechanges import FAILS, HOLDS, RuleChange, RuleChanges, Shift, as_data
from secondline.authoring.witnesses import Witnesses
from secondline.columns.cells import DRUGS
from secondline.condition import Truth, holds
from secondline.diagram import NEVER, Node
from secondline.inference.agree import agreed
from secondline.patient import know
from secondline.recommend import Answer
from secondline.rulebase import RuleBase, produces
from secondline.scales import Jurisdiction
from secondline.states import in_words
from secondline.tiers import CLOSED, Outcome
from secondline.vocabulary import INHIBITOR

if TYPE_CHECKING:
    from secondline.cases import CaseFile

MOST_ASKED = 12  # patients with a fact unknown, to find one who is answered otherwise


def compare(old: Base, new: Base, jurisdictions: Sequence[Jurisdiction], detail: Detail) -> Comparison:
    """Compare two sides.

    Raises:
        EngineError: the regions found are not all there is.
        TooManyNodes, Undecidable: a rule base cannot be read as functions of all patients.
    """
    return _Comparer(old, new, tuple(jurisdictions), detail).comparison()


def examples(found: Comparison, side: Base) -> Iterator[dict[str, Any]]:
    """Every example patient as a case that one side passes.

    A side that cannot name what becomes another, as a regimen that it does not know, is asked for the verdict.
    """
    clinic = Clinic(side.ready.base, side.ready.program)
    for on in found.on:
        for move in on.moves:
            case = found.case(move, on, side)
            if case is not None and move.example is not None and "expect" not in case:
                place = move.jurisdictions[0]
                asked = Asked(on.old if side is found.old else on.new, place)
                view = AsOf(side.ready.base, asked.day, None if place == "none" else place)
                read = clinic.case(move.example, asked)
                case = read and {**case, "expect": {VERDICT: _said(clinic, read, view, VERDICT, VERDICT)}}
            if case is not None:
                yield case


class _Comparer:
    def __init__(self, old: Base, new: Base, jurisdictions: tuple[Jurisdiction, ...], detail: Detail) -> None:
        self.sides, self.jurisdictions, self.detail = (old, new), jurisdictions, detail
        self.pair = Pair(old.ready.base, new.ready.base, (*old.laws, *new.laws))
        self.clinics = [Clinic(side.ready.base, side.ready.program) for side in self.sides]

    def comparison(self) -> Comparison:
        old, new = self.sides
        on = tuple(self._on(*days) for days in zip(old.days, new.days, strict=True))
        rules = () if old.ready is new.ready else tuple(map(self._with_examples, self._rules()))
        views = [AsOf(side.ready.base, side.days[-1], None) for side in self.sides]
        proof = Proof(
            self.pair.patients.kinds(),
            len(self.pair.cells[0].variables),
            len(self.pair.diagrams.variable),
            sum(each.compared for each in on),
            tuple(self._unproved()),
        )
        files = () if old.ready is new.ready else tuple(_files(old.ready.base, new.ready.base))
        return Comparison(old, new, self.jurisdictions, rules, on, living(*views), files, proof)

    def _unproved(self) -> Iterator[str]:
        """How therapies are read otherwise than before: what facts they give, while facts alone are compared."""
        one, other = (side.ready.base.vocabulary for side in self.sides)
        gone = [name for name in one.names() if other.classes_of(name) is None]
        both = [name for name in one.names() if name not in gone]
        moved = [name for name in both if one.classes_of(name) != other.classes_of(name)]
        unnamed = [name for name in both if name in one.classes and self._reading(0, name) != self._reading(1, name)]
        if moved:
            yield f"therapies are read otherwise ({', '.join(moved)} changed class), and facts alone were compared"
        if gone:
            yield f"cases that name {', '.join(gone)} are read no longer"
        left = [name for name in unnamed if name not in moved]
        if left:
            yield f"a drug given as {', '.join(left)} without its name is read otherwise, as it can be of other classes"

    def _reading(self, side: int, name: str) -> list[Truth]:
        """What a treatment with an unnamed drug of a class says to each test of either side; which drug it is apart.

        Which it is only rules for that drug ask, and of these the facts tell all.
        """
        agents = [INHIBITOR, *([] if name == INHIBITOR else [name])]
        therapy = {"setting": "metastatic", "agents": agents, "months": 6, "stopped_for": "progression"}
        asked = Asked(self.sides[side].days[-1])
        case = self.clinics[side].case({"therapies": [therapy]}, asked)
        known = know(case.case.profile, asked.day, self.sides[side].ready.base.vocabulary).facts if case else {}
        tests = dict.fromkeys(test for one in self.sides for held in one.ready.base.tests_on.values() for test in held)
        return [holds(test, known.get(test.fact)) for test in tests if test.fact != DRUGS]

    # --- on one day ---------------------------------------------------------------------------------------

    def _on(self, old: date, new: date) -> OnDays:
        views = [self._view(jurisdiction, old, new) for jurisdiction in self.jurisdictions]
        moves = Moves(self.pair, views)
        worded = tuple(self._with_example_each(moves.worded(self.detail.regions), views))
        loose = {one: view for view, one in reversed(moves.loose)}  # each in the first place where it is
        wanted = loose if self.detail.unknown else {}
        unsettled = [found for one, view in wanted.items() for found in self._unsettled(one, view)]
        absences = tuple(self._absences(views))
        return OnDays(old, new, worded, not moves.loose, tuple(unsettled), absences, moves.best(), moves.compared)

    def _view(self, jurisdiction: Jurisdiction, old: date, new: date) -> View:
        place = None if jurisdiction == "none" else jurisdiction
        both = zip(self.sides, (old, new), strict=True)
        return View(
            jurisdiction, *(self.pair.everybody(i, AsOf(s.ready.base, day, place)) for i, (s, day) in enumerate(both))
        )

    def _with_example_each(self, moves: Sequence[Move], views: Sequence[View]) -> Iterator[Move]:
        """Moves with a patient for each, or for the first of each kind of each regimen."""
        places, seen = {view.jurisdiction: view for view in views}, set[tuple[str, str]]()
        for move in moves:
            wanted = (
                move.what in (VERDICT, "conflict", "grading")
                or self.detail.every_example
                or (move.what, move.about) not in seen
            )
            seen.add((move.what, move.about))
            if wanted and move.what in self.detail.regions:
                yield move._replace(example=self._example(move, places[move.jurisdictions[0]]))
            else:
                yield move

    def _example(self, move: Move, view: View) -> Facts | None:
        def claim(facts: Facts) -> bool:
            before = self._answer(0, move.what, move.about, facts, view) == move.before
            return before and self._answer(1, move.what, move.about, facts, view) == move.after

        return Witnesses(self.pair, view.new).example(move.node, claim)

    def _answer(self, side: int, what: str, about: str, facts: Facts, view: View) -> str:
        """What a side answers of what a move is about; empty where it refuses the patient."""
        clinic, asked = self.clinics[side], Asked(view.both[side].view.day, view.jurisdiction)
        case = clinic.case(facts, asked)
        return _said(clinic, case, view.both[side].view, what, about) if case else ""

    def _otherwise(self, about: str, facts: Facts, view: View) -> tuple[str, str] | None:
        """What both sides answer, where they differ and neither refuses the patient."""
        what = VERDICT if about == VERDICT else "tier"
        before, after = (self._answer(side, what, about, facts, view) for side in (0, 1))
        return (before, after) if before and after and before != after else None

    # --- what is unknown ----------------------------------------------------------------------------------

    def _unsettled(self, loose: Loose, view: View) -> Iterator[Unsettled]:
        """A patient of whom one fact is unknown who is answered otherwise all the same; nothing where none is found."""
        witnesses, tried = Witnesses(self.pair, view.new), 0
        facts = view.new.patient(self.pair.patients.freed(loose.node)) or {}
        for fewer, possible in witnesses.without_one(facts):
            if tried < MOST_ASKED and not self.pair.diagrams.overlap(possible, loose.moved):
                tried += 1
                said = self._otherwise(loose.about, fewer, view)
                if said:
                    yield Unsettled(loose.about, *said, view.jurisdiction, fewer)
                    return

    def _absences(self, views: Sequence[View]) -> Iterator[Absence]:
        dd = self.pair.diagrams
        for fact, node in self.pair.absences():
            voids = [cells.void(fact) for cells in self.pair.cells]
            for anew, where in ((True, dd.without(node, voids[0])), (False, dd.without(node, voids[1]))):
                if where == NEVER:
                    continue
                condition = self.pair.as_stated.condition(where)
                region = Region("all", where == self.pair.patients.stated, condition, self.pair.as_stated.facts(where))
                yield Absence(fact, anew, region, tuple(self._changes(where, views)))

    def _changes(self, where: Node, views: Sequence[View]) -> Iterator[tuple[str, str, str, Jurisdiction, Facts]]:
        """What is answered otherwise of patients whose result counts as absent in one rule base alone."""
        dd, unstated = self.pair.diagrams, self.pair.cells[0].turning_out()
        for view in views:
            for about in (VERDICT, *view.regimens):
                differs = dd.some(dd.both(apart(self.pair, view, about), where), unstated)
                facts = view.new.patient(self.pair.patients.freed(differs))
                said = self._otherwise(about, facts, view) if facts else None
                if facts and said:
                    yield about, *said, view.jurisdiction, facts

    # --- rules --------------------------------------------------------------------------------------------

    def _rules(self) -> list[RuleChange]:
        return RuleChanges(self.pair, (self.sides[0].laws, self.sides[1].laws)).found()

    def _with_examples(self, change: RuleChange) -> RuleChange:
        return change._replace(shifts=tuple(self._with_example(change, shift) for shift in change.shifts))

    def _with_example(self, change: RuleChange, shift: Shift) -> Shift:
        if change.folder == "laws":
            return shift

        def claim(facts: Facts) -> bool:
            asked = Asked(self.sides[1].days[-1])
            return [_holds(clinic, change, facts, asked) for clinic in self.clinics] == [shift.before, shift.after]

        everybody = self.pair.everybody(1, AsOf(self.sides[1].ready.base, self.sides[1].days[-1], None))
        return shift._replace(example=Witnesses(self.pair, everybody).example(shift.node, claim))


def _said(clinic: Clinic, case: CaseFile, view: AsOf, what: str, about: str) -> str:
    """The verdict or the tier of one regimen as `advise` has it, or how it is graded; no other regimen is asked for."""
    alone = copy.copy(view)
    alone.options = {about: view.options[about]} if about in view.options else {}
    known = know(case.case.profile, view.day, clinic.adviser.base.vocabulary)
    findings = agreed(clinic.adviser.base, clinic.adviser.engine, known.facts)
    answer = Answer(case.case.profile, alone, known, findings, case.question())
    if what == VERDICT:
        return answer.verdict
    if what == "conflict":
        live = {rule.then.verdict for rule in view.verdicts if answer.decision.live[rule.id]}
        return DISAGREE if len(live) > 1 else AGREE
    if what == "grading":
        return f"{answer.decision.strength}, {answer.decision.certainty}" if answer.verdict == about else ""
    found = answer.judged[0].outcome if answer.judged else Outcome(CLOSED)
    return found.tier if what == "tier" else f"{found.strength}, {found.certainty}"


def _holds(clinic: Clinic, change: RuleChange, facts: Facts, asked: Asked) -> str:
    """Whether a rule holds, or which value a definition has, as both engines have it."""
    case = clinic.case(facts, asked)
    if case is None:
        return ""
    base = clinic.adviser.base
    found = agreed(base, clinic.adviser.engine, know(case.case.profile, asked.day, base.vocabulary).facts)
    if change.folder == "definitions":
        definition = next(held for held in base.definitions if held.id == change.id)
        return in_words(found.facts.get(produces(definition)))
    fires = found.fires(change.id)
    return HOLDS if fires else FAILS if fires is False else ""


def _files(old: RuleBase, new: RuleBase) -> Iterator[File]:
    """The head of the rule base, evidence and vocabulary that differ."""
    for name in ("version", "knowledge_until"):
        if getattr(old, name) != getattr(new, name):
            yield File("rulebase.yaml", f"{name} {getattr(old, name)} to {getattr(new, name)}", "changed")
    kinds: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {"evidence": (old.evidence, new.evidence)}
    for name in ("drugs", "classes", "regimens", "endpoints"):
        kinds[name] = getattr(old.vocabulary, name), getattr(new.vocabulary, name)
    for kind, (before, after) in kinds.items():
        for name in sorted({*before, *after}):
            if name not in before or name not in after:
                yield File(kind, name, "added" if name not in before else "removed")
            elif as_data(before[name]) != as_data(after[name]):
                yield File(kind, name, "changed")
