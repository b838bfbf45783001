"""Proves what is claimed of a rule base, or refutes it: by a patient, or by the rules for which there is none."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import z3

from secondline.authoring.claims import Claim, Claims, Proof
from secondline.authoring.formulas import Formula, every, without
from secondline.authoring.questions import Question, Questions
from secondline.authoring.secondway import KINDS as CONFIRMED
from secondline.authoring.secondway import SecondWay
from secondline.authoring.showing import Showing, Shown, Shows
from secondline.authoring.solving import Model, Session
from secondline.authoring.unsettled import Unsettled
from secondline.diagram import TooManyNodes
from secondline.errors import EngineError
from secondline.facts import catalogue
from secondline.forms.rules import Gate, OptionRule, VerdictRule
from secondline.worlds import Undecidable

if TYPE_CHECKING:
    from secondline.authoring.patients import Asked, Facts
    from secondline.forms.rules import Rule
    from secondline.inference.rails import Program

MOST_PAIRS = 12  # of rules that disagree, each with a patient
UNANSWERED = "z3 gave no answer in the time allowed"
UNCONFIRMED = "z3 refutes it and the engine does not answer so: a fault of the proof, not of the rules"
TWO_WAYS = "z3 proves it and decision diagrams find a patient against it: a fault of one of them, not of the rules"
BY_HALVES = "neither proved nor shown: it may be broken where a history is known by halves, which no case file shows"


class Prover:
    """Proves the claims of one rule base, one after another."""

    def __init__(self, claims: Claims, program: Program | None = None) -> None:
        z3.set_param("ctrl_c", False)  # z3 would take Ctrl-C for itself, and the claim asked of would be left open
        self.claims = claims
        self.session = Session(claims.base, claims.laws, claims.day)
        self.questions = Questions(self.session, claims)
        self.showing = Showing(claims, program)

    @cached_property
    def second_way(self) -> SecondWay | None:
        """Decision diagrams of the same rules; None where they cannot hold them."""
        try:
            return SecondWay(self.claims, self.session.days)
        except (TooManyNodes, Undecidable):
            return None

    def prove(self, claim: Claim) -> list[Proof]:
        """What became of a claim: one proof, or every way found in which it is refuted."""
        try:
            found = self._prove(claim)
        except EngineError as error:
            return [Proof("open", says=f"the engine has no answer to a patient against it: {error}")]
        if found[0].status != "proved" or claim.kind not in CONFIRMED:
            return found
        agrees = self.second_way.agrees(claim) if self.second_way else None
        return [Proof("open", says=TWO_WAYS) if agrees is False else found[0]._replace(confirmed=bool(agrees))]

    def _prove(self, claim: Claim) -> list[Proof]:
        question = self.questions.of(claim)
        found = self.session.ask(question.formula, claim.rules)
        if found == "unknown":
            return [Proof("open", says=UNANSWERED)]
        if question.possible:
            return [Proof("proved", (claim.about,)) if found == "possible" else self._never(claim, question)]
        if found == "possible":
            return self._disagreements(claim, question) if claim.kind == "agreed" else [self._refuted(claim, question)]
        if claim.kind == "law":
            return [self._law(claim, question)]
        return [Proof("proved", (claim.about,) if claim.kind == "told" else self._needed(claim, question.formula))]

    def _needed(self, claim: Claim, formula: Formula) -> tuple[str, ...]:
        return self.session.needed(formula, claim.rules)

    # --- by a patient -------------------------------------------------------------------------------------------

    def _refuted(self, claim: Claim, question: Question) -> Proof:
        model = self._patient(claim, question.formula)
        if model is None:
            return Proof("open", says=UNANSWERED)
        facts, asked = self.questions.facts(claim), model.asked
        stated = self.session.facts_of(model, facts)
        if claim.kind == "told":
            found = self.showing.turned(claim, (stated, self.session.facts_of(model, facts, whole=True)), asked)
        elif claim.kind == "unused":
            other = self.session.facts_of(self._twin(claim, question.formula, model), facts)
            found = self.showing.twins(claim, (stated, other), asked)
        else:
            found = self.showing.shown(claim, self.showing.of(claim), stated, asked)
        return refuted(found)

    def _patient(self, claim: Claim, formula: Formula) -> Model | None:
        """A patient for whom something holds, one whose facts agree with one another where there is such a one."""
        facts = self.questions.facts(claim)
        likely = self.session.model(every([self.questions.agreeing(), formula]), claim.rules, facts)
        return likely or self.session.model(formula, claim.rules, facts)

    def _twin(self, claim: Claim, formula: Formula, model: Model) -> Model:
        """The other of two patients: with another value of the one fact."""
        values = self.session.values(formula, claim.rules, model, self.questions.twins(claim).others)
        return model._replace(values={**model.values, **values})

    def _disagreements(self, claim: Claim, question: Question) -> list[Proof]:
        """Each pair of rules that disagree, with a patient."""
        proofs: list[Proof] = []
        formula = question.formula
        while len(proofs) < MOST_PAIRS:
            model = self._patient(claim, formula)
            if model is None:
                break
            stated = self.session.facts_of(model, self.questions.facts(claim))
            proofs.append(refuted(self.showing.disagreement(claim, stated, model.asked)))
            pair = [rule for rule in self.claims.base.verdicts if rule.id in proofs[-1].rules]
            if not pair:
                break
            formula = every([formula, without(every(map(self.session.conclusions.live, pair)))])
        return proofs

    def _law(self, claim: Claim, question: Question) -> Proof:
        """A law that holds of patients known whole: of those known in part."""
        shows = self.showing.of(claim)
        found = Unsettled(self.questions, claim).search(
            lambda facts, asked: self.showing.seen(shows, facts, asked) is not None
        )
        if found.outcome == "impossible":
            return Proof("proved", self._needed(claim, question.formula))
        if found.outcome == "possible" and found.asked is not None:
            facts = self._with_usual_numbers(shows, found.facts, found.asked)
            return refuted(self.showing.shown(claim, shows, facts, found.asked))
        return Proof("open", (claim.about,), BY_HALVES)

    def _with_usual_numbers(self, shows: Shows, facts: Facts, asked: Asked) -> Facts:
        """The same patient with each number the most typical one that still shows it."""
        numbers = [path for path, value in facts.items() if path in catalogue() and isinstance(value, (int, float))]
        for fact in [path for path in numbers if catalogue()[path].numeric]:
            others = ({**facts, fact: number} for number in self.session.numbers(fact))
            facts = next((other for other in others if self.showing.seen(shows, other, asked)), facts)
        return facts

    # --- where there is no patient ------------------------------------------------------------------------------

    def _never(self, claim: Claim, question: Question) -> Proof:
        """Why what should be some patient's is nobody's, with the rules that make it so."""
        about, rule = claim.about, self.claims.rules.get(claim.about)
        needed = tuple(name for name in self._needed(claim, question.formula) if name != about)
        others = self._titles(needed)
        if claim.kind == "used" and rule is not None:
            return self._of_no_use(claim, rule, needed)
        if claim.kind == "bounded":
            says = "it holds for everybody"
        elif claim.kind == "apart":
            says = f"wherever it holds, so does {others}"
        else:
            what = "it is never reached" if claim.kind == "reached" else "it is never the only one that holds"
            says = f"{what}{f', because of {others}' if needed else ''}"
        return Proof("refuted", (about, *needed), says)

    def _of_no_use(self, claim: Claim, rule: Rule, needed: tuple[str, ...]) -> Proof:
        if claim.days.empty:
            return Proof("refuted", (rule.id,), "it is in effect on no day")
        holds = every([self.questions.likely(), self.session.conclusions.holds(rule)])
        if self.session.ask(holds, claim.rules) == "impossible":
            inner = tuple(name for name in self._needed(claim, holds) if name != rule.id)
            because = f", because of {self._titles(inner)}" if inner else ""
            return Proof("refuted", (rule.id, *inner), f"its condition holds for nobody{because}")
        others = self._titles(needed) or "what it is about"
        if isinstance(rule, VerdictRule):
            says = f"wherever it holds, it is overridden: {others}"
        elif isinstance(rule, OptionRule):
            says = (
                f"wherever it holds, {rule.regimen} has that tier and grading, or a higher tier, without it: {others}"
            )
        elif isinstance(rule, Gate):
            says = f"wherever it holds, nothing is any lower for it: {others}"
        else:
            says = f"wherever it holds, its fact is known: {others}"
        return Proof("refuted", (rule.id, *needed), says)

    def _titles(self, names: tuple[str, ...]) -> str:
        return ", ".join(map(self.claims.title, names))


def refuted(found: Shown | None) -> Proof:
    """A refutation that the engine confirms; what it does not confirm is neither found nor proved."""
    if found is None:
        return Proof("open", says=UNCONFIRMED)
    return Proof("refuted", found.seen.rules, found.seen.says, found.cases, found.seen.answer)
