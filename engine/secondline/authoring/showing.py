"""Patients who show that a claim does not hold: put to the engine, and made as small as it allows.

Nothing is shown that the engine does not answer so: what z3 finds and the engine does not confirm is no refutation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.authoring.claims import Claim, Claims
from secondline.authoring.patients import Asked, Clinic, Facts, case_of, least
from secondline.explain import why_not
from secondline.forms.rules import Gate
from secondline.inference.reference import Findings, infer
from secondline.laws import broken
from secondline.patient import know
from secondline.recommend import Answer
from secondline.scales import OFFERED
from secondline.states import in_words
from secondline.tiers import CLOSED, UNDETERMINED
from secondline.vocabulary import INHIBITOR

if TYPE_CHECKING:
    from datetime import date

    from secondline.forms.rules import Law
    from secondline.inference.rails import Program

AGENT = "prior_cdk46.agent"
NOT_EXHAUSTIVE = "data-not-exhaustive"  # the caution of an answer for which not every completion could be judged


class Seen(NamedTuple):
    """What an answer shows against a claim: a sentence, the rules that it is about, what to look for in the answer."""

    says: str
    rules: tuple[str, ...]
    answer: str


class Shown(NamedTuple):
    """A claim refuted: what was seen, and the cases that show it."""

    seen: Seen
    cases: tuple[Mapping[str, Any], ...]


class Answered(NamedTuple):
    """A patient's answer without its texts, which take longer than all the rest."""

    day: date
    answer: Answer
    findings: Findings

    @property
    def offered(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """The tier of each regimen offered, and the rules behind it."""
        held = (judged for judged in self.answer.judged if judged.outcome.tier in OFFERED)
        return {judged.regimen: (judged.outcome.tier, tuple(rule.id for rule in judged.rules)) for judged in held}

    @property
    def tiers(self) -> dict[str, str]:
        return {regimen: tier for regimen, tier in self.answer.outcome().tiers.items() if tier != CLOSED}

    @property
    def deciding(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.answer.deciding())

    @property
    def conflict(self) -> frozenset[str]:
        """The live rules that disagree."""
        return frozenset(rule.id for rule in self.answer.decision.conflict)


Shows = Callable[[Answered], Seen | None]


class Showing:
    """Refutations of the claims of one rule base by patients."""

    def __init__(self, claims: Claims, program: Program | None = None) -> None:
        self.claims, self.base, self._program = claims, claims.base, program

    @cached_property
    def clinic(self) -> Clinic:
        return Clinic(self.base, self._program)

    def answered(self, facts: Facts, asked: Asked) -> Answered | None:
        """The answer to one patient, by the reference alone; None where the case is refused."""
        case = self.clinic.case(facts, asked)
        if case is None:
            return None
        known = know(case.case.profile, asked.day, self.base.vocabulary)
        findings = infer(self.base, known.facts)
        local = None if asked.jurisdiction == "none" else asked.jurisdiction
        view = self.clinic.adviser.calendar.on(asked.day, local)
        return Answered(asked.day, Answer(case.case.profile, view, known, findings, case.question()), findings)

    def seen(self, shows: Shows, facts: Facts, asked: Asked) -> Seen | None:
        """What the answer to one patient shows; None where it shows nothing."""
        answered = self.answered(facts, asked)
        return shows(answered) if answered else None

    def agreed(self, facts: Facts, asked: Asked) -> bool:
        """Whether `advise`, which asks both engines, answers a patient the same."""
        answered, whole = self.answered(facts, asked), self.clinic.answer(facts, asked)
        if answered is None or whole is None:
            return False
        tiers = {option.regimen: option.tier for option in whole.options}
        return (whole.verdict, tiers) == (answered.answer.verdict, answered.tiers)

    def shown(self, claim: Claim, shows: Shows, facts: Facts, asked: Asked, name: str = "") -> Shown | None:
        """The least facts of a patient that still show it; None where the engine answers otherwise."""
        if self.seen(shows, facts, asked) is None:
            return None
        fewest = least(facts, lambda held: self.seen(shows, held, asked) is not None)
        seen = self.seen(shows, fewest, asked)
        if seen is None or not self.agreed(fewest, asked):
            return None
        return Shown(seen, (case_of(fewest, asked, name or file_name(claim), f"against: {claim.says}"),))

    def of(self, claim: Claim) -> Shows:
        """What an answer has to show against a claim."""
        if claim.kind == "answered":
            return self._unanswered
        if claim.kind == "decided":
            return lambda answered: self._undecided(claim, answered)
        if claim.kind == "law":
            law = self.claims.law(claim.about)
            return lambda answered: self._breaks(law, answered)
        gate = self.claims.rules[claim.about]
        assert isinstance(gate, Gate)
        return lambda answered: self._lets_through(gate, answered)

    # --- one answer ---------------------------------------------------------------------------------------------

    def _unanswered(self, answered: Answered) -> Seen | None:
        if answered.answer.verdict != "individualise" or answered.deciding:
            return None
        live = [rule for rule in self.base.verdicts if self.base.in_effect(rule, answered.day)]
        failing = {rule.id: why_not(self.base, rule.when, answered.findings) for rule in live}
        if not failing:
            return Seen("no verdict rule counts on that day", (), answered.answer.headline())
        nearest = min(failing, key=lambda name: (len(failing[name]), name))
        because = "; ".join(failing[nearest])
        says = f"no verdict rule is live; the nearest is {self.claims.title(nearest)}, but {because}"
        return Seen(says, (nearest,), answered.answer.headline())

    def _undecided(self, claim: Claim, answered: Answered) -> Seen | None:
        if not answered.answer.entailment.exhausted:
            return None
        says = f"{self.claims.title(claim.about)} stays unknown whatever is found"
        return Seen(says, (claim.about,), f"the caution {NOT_EXHAUSTIVE}")

    def _breaks(self, law: Law, answered: Answered) -> Seen | None:
        outcome = answered.answer.outcome()
        for _, says in broken([law], self.base, answered.day, answered.findings, outcome):
            named = self.claims.regimens_of(law)
            offered = {regimen: held for regimen, held in answered.offered.items() if regimen in named}
            rules = [*answered.deciding, *(name for _, behind in offered.values() for name in behind)]
            rules += self._near(law, list(offered))
            listed = [f"verdict {outcome.verdict}", *(f"{regimen} {tier}" for regimen, (tier, _) in offered.items())]
            return Seen(says.partition(": ")[2], tuple(dict.fromkeys(rules)), "; ".join(listed))
        return None

    def _near(self, law: Law, offered: Sequence[str]) -> Iterator[str]:
        """The gates on what is offered, or on the inhibitor in use, that read what the law speaks of."""
        read = self.claims.facts_of(law)
        for gate in self.base.gates:
            under = (
                gate.id in self.claims.closing if not offered else set(offered) & {*self.claims.regimens_under(gate)}
            )
            if under and not read.isdisjoint(self.base.reads[gate.id]):
                yield gate.id

    def _lets_through(self, gate: Gate, answered: Answered) -> Seen | None:
        if not answered.findings.fires(gate.id):
            return None
        agent = answered.findings.facts.get(AGENT)
        drug = INHIBITOR if agent == "other" else str(agent)
        in_use = self.base.applies(gate, "", (drug,))
        offered = {
            regimen: held
            for regimen, held in answered.offered.items()
            if self.base.applies(gate, regimen, self.base.agents_of(regimen))
            or (in_use and self.claims.goes_with_one_in_use(regimen))
        }
        goes_on = in_use and answered.answer.verdict == "continue"
        if not offered and not goes_on:
            return None
        listed = ["continue"] if goes_on else [f"{regimen} {tier}" for regimen, (tier, _) in offered.items()]
        rules = (gate.id, *(name for _, behind in offered.values() for name in behind))
        says = f"{self.claims.title(gate.id)} holds, and the answer is still {', '.join(listed)}"
        return Seen(says, tuple(dict.fromkeys(rules)), ", ".join(listed))

    # --- rules that disagree ------------------------------------------------------------------------------------

    def disagreement(self, claim: Claim, facts: Facts, asked: Asked) -> Shown | None:
        """Two live rules that disagree in one patient."""
        answered = self.answered(facts, asked)
        said = {rule.id: rule.then.verdict for rule in self.base.verdicts}
        live = sorted(answered.conflict) if answered else []
        pair = next(((a, b) for a in live for b in live if a < b and said[a] != said[b]), None)
        if pair is None:
            return None
        one, other = pair

        def shows(answered: Answered) -> Seen | None:
            if not {one, other} <= answered.conflict:
                return None
            says = f"{self.claims.title(one)} says {said[one]}, {self.claims.title(other)} {said[other]}"
            return Seen(f"{says}; neither overrides the other", (one, other), answered.answer.headline())

        return self.shown(claim, shows, facts, asked, f"{file_name(claim)}-{one}-{other}")

    # --- two patients -------------------------------------------------------------------------------------------

    def twins(self, claim: Claim, pair: tuple[Facts, Facts], asked: Asked) -> Shown | None:
        """Two patients who differ in one fact, and in their answers."""

        def both(held: Facts) -> tuple[Facts, Facts]:
            one, other = ({**held, **{fact: value for fact, value in own.items() if fact in apart}} for own in pair)
            return one, other

        apart = {fact for fact in {*pair[0], *pair[1]} if pair[0].get(fact) != pair[1].get(fact)}
        shared = {fact: value for fact, value in pair[0].items() if fact not in apart}
        if self._differ(claim, both(shared), asked) is None:
            return None
        fewest = both(least(shared, lambda held: self._differ(claim, both(held), asked) is not None))
        seen = self._differ(claim, fewest, asked)
        if seen is None or not all(self.agreed(facts, asked) for facts in fewest):
            return None
        names = (f"{file_name(claim)}-{at}" for at in (1, 2))
        cases = (case_of(one, asked, name, f"against: {claim.says}") for one, name in zip(fewest, names, strict=True))
        return Shown(seen, tuple(cases))

    def _differ(self, claim: Claim, pair: Sequence[Facts], asked: Asked) -> Seen | None:
        one, other = (self.answered(facts, asked) for facts in pair)
        parts = list(_unlike(one, other)) if one and other else []
        if not parts:
            return None
        reading = sorted(rule.id for rule in self.base.rules() if claim.about in self.base.reads[rule.id])
        firing = [rule for rule in reading if one and other and one.findings.fires(rule) != other.findings.fires(rule)]
        apart = sorted(fact for fact in {*pair[0], *pair[1]} if pair[0].get(fact) != pair[1].get(fact))
        values = ", ".join(f"{fact} {in_words(pair[0].get(fact))} or {in_words(pair[1].get(fact))}" for fact in apart)
        return Seen(f"with {values}: {'; '.join(parts)}", tuple(firing), "; ".join(parts))

    def turned(self, claim: Claim, pair: tuple[Facts, Facts], asked: Asked) -> Shown | None:
        """A rule that is true or false by what is known of one patient, and otherwise once all is known."""
        known, whole = (self.answered(facts, asked) for facts in pair)
        before, after = (held.findings.fires(claim.about) if held else None for held in (known, whole))
        if before is None or after is None or before is after:
            return None
        words = {True: "true", False: "false"}
        says = f"{self.claims.title(claim.about)} is {words[before]} by what is known, {words[after]} once all is known"
        names = (f"{file_name(claim)}-{what}" for what in ("known", "whole"))
        cases = [case_of(f, asked, n, f"against: {claim.says}") for f, n in zip(pair, names, strict=True)]
        return Shown(Seen(says, (claim.about,), "with --explain, the trace"), tuple(cases))


def file_name(claim: Claim) -> str:
    """What the case against a claim goes by."""
    return claim.name.replace(" ", "-").replace(".", "-").replace("_", "-")


def _unlike(one: Answered, other: Answered) -> Iterator[str]:
    """What two answers do not have in common, of verdict and tiers that are settled."""
    first, second = (answered.answer.verdict for answered in (one, other))
    if first != second and UNDETERMINED not in (first, second):
        yield f"the verdict is {first} or {second}"
    for regimen in sorted({*one.tiers, *other.tiers}):
        before, after = (answered.tiers.get(regimen, CLOSED) for answered in (one, other))
        if before != after and UNDETERMINED not in (before, after):
            yield f"{regimen} is {before} or {after}"
