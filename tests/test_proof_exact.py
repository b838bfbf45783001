"""Proofs against exhaustive enumeration: every claim of small rule bases, tried on every patient of a few facts.

The enumeration knows nothing of z3 or of diagrams: it answers each patient as the engine does, known whole or in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import count as count_up
from itertools import product
from math import prod
from random import Random
from typing import Any, NamedTuple

import pytest

from conftest import COUNTS
from secondline import condition as conditions
from secondline.authoring.claims import Claim, Claims, same_conclusion
from secondline.authoring.patients import Asked, Facts
from secondline.authoring.prove import Prover
from secondline.authoring.showing import Answered, Showing
from secondline.condition import Condition, truth
from secondline.errors import InputError
from secondline.facts import catalogue, main_of
from secondline.forms.rules import (
    AppliesTo,
    Caution,
    Definition,
    DefinitionCase,
    Effective,
    Gate,
    GateThen,
    Law,
    OptionRule,
    OptionThen,
    Rule,
    TestRule,
    VerdictRule,
    VerdictThen,
)
from secondline.forms.vocabulary import NotUsed
from secondline.inference.rails import Program, compile_program
from secondline.inference.reference import Findings
from secondline.laws import answered, held
from secondline.recommend import Adviser
from secondline.rulebase import RuleBase
from secondline.scales import Jurisdiction
from secondline.tiers import Outcome, best, gated
from secondline.vocabulary import INHIBITOR

pytestmark = pytest.mark.long

DAYS = (date(2025, 1, 1), date(2025, 7, 1))  # the second is the one on which what begins has begun
PLACES: tuple[Jurisdiction, ...] = ("us", "eu", "none")
REGIMENS = ("fulvestrant", "exemestane")
PALBOCICLIB = "palbociclib+fulvestrant"
BESIDE = "camizestrant+cdk46"  # goes with the inhibitor in use
VERDICTS = ("continue", "do-not-continue", "individualise", "out-of-scope")
Option = Mapping[str, Any]


ESR1, AGENT, STATUS = "biomarkers.esr1", "prior_cdk46.agent", "progression.status"


def _each(fact: str, *values: Any) -> dict[str, list[Option]]:
    """What can be stated of a fact: these values, or all that it can have."""
    held = catalogue()[fact]
    return {fact: [{fact: value} for value in values or held.values or (True, False)]}


_PART = f"{ESR1}.sample"
_RESULTS = ("mutated", "wild-type")
# Facts that belong together, each with what can be stated of it; of each fact it can be nothing too.
GROUPS: tuple[Mapping[str, Sequence[Option]], ...] = (
    _each("patient.sex") | _each("patient.menopausal_status") | _each("patient.pregnant"),
    _each(STATUS) | _each("progression.extent"),
    _each(STATUS) | {ESR1: [{ESR1: r} | ({_PART: s} if s else {}) for r in _RESULTS for s in ("", "plasma", "tissue")]},
    _each(AGENT) | _each("prior_cdk46.in_last_line"),
    _each(AGENT),
    _each("disease.her2") | _each("disease.her2.ihc"),
    _each("safety.qtcf_ms", 430, 440, 445, 450, 460),
    _each("disease.visceral_crisis"),
    _each("history.line", 1, 2, 3),
    _each("safety.cdk46_intolerance", [], ["palbociclib"], ["ribociclib"], ["palbociclib", "ribociclib"]),
)
MOST_WAYS = 120  # in which the facts of one rule base can be known
LIMITS = {"safety.qtcf_ms": (440, 450), "history.line": (2,)}


def ways(options: Mapping[str, Sequence[Option]]) -> int:
    """How many patients there are, known whole or in part."""
    return prod(len(some) + 1 for some in options.values())


class Small:
    """One small rule base: definitions, rules of every kind, laws and a mark, on a few facts."""

    def __init__(self, seed: int, shipped: RuleBase) -> None:
        self.random = Random(seed)
        self.options: dict[str, Sequence[Option]] = dict(self.random.choice(GROUPS))
        while len(self.options) < 2 or (len(self.options) < 4 and ways(self.options) < MOST_WAYS):
            more = {**self.options, **self.random.choice(GROUPS)}
            if len(self.options) >= 2 and ways(more) > MOST_WAYS:
                break
            self.options = more
        self.facts = list(self.options)
        self.definitions = self._definitions()
        self.base = self._base(shipped)
        self.laws = tuple(self._law(at) for at in range(self.random.randint(2, 4)))
        marked = self.random.choice(self.facts)
        clinical = [rule.id for rule in self.base.verdicts if self.random.random() < 0.3]
        main = catalogue()[marked].main or marked
        self.marks = (NotUsed.model_construct(fact=main, clinical_in=tuple(clinical), because="x"),)

    def _test(self) -> conditions.Test:
        defined = [f"{conditions.DEFINED}{d.id}" for d in self._so_far if d.fact is None]
        valued = [d.fact for d in self._so_far if d.fact]
        fact = self.random.choice([*self.facts, *self.facts, *defined, *valued])
        if fact in defined:
            return conditions.Test(fact, (conditions.Check("is", (True,)),))
        if fact in valued:
            return conditions.Test(fact, (conditions.Check("is", (self.random.choice(("low", "high")),)),))
        if fact == ESR1 and any(case.of for d in self._so_far for case in d.cases):
            fact = self.random.choice([f for f in self.facts if f != ESR1])  # it is read through its definition
        held = catalogue()[fact]
        if held.kind == "set":
            sets: tuple[conditions.Op, ...] = ("has_all", "has_any", "has_none")
            member = self.random.choice(("palbociclib", "ribociclib"))
            return conditions.Test(fact, (conditions.Check(self.random.choice(sets), (member,)),))
        if held.numeric:
            limits: tuple[conditions.Op, ...] = (*conditions.LIMITS, "is")
            limit = self.random.choice(LIMITS[fact])
            return conditions.Test(fact, (conditions.Check(self.random.choice(limits), (limit,)),))
        every = sorted({option[fact] for option in self.options[fact]}, key=str)
        some = tuple(self.random.sample(every, self.random.randint(1, max(1, len(every) - 1))))
        return conditions.Test(fact, (conditions.Check(self.random.choice(("is", "is", "not")), some),))

    def _condition(self, depth: int = 2) -> Condition:
        kind = self.random.choice(("test", "all", "any", "not")) if depth else "test"
        if kind == "test":
            return self._test()
        if kind == "not":
            return conditions.Not(self._condition(depth - 1))
        parts = tuple(self._condition(depth - 1) for _ in range(2))
        return conditions.All(parts) if kind == "all" else conditions.AnyOf(parts)

    def _definitions(self) -> list[Definition]:
        self._so_far: list[Definition] = []
        for at in range(self.random.randint(0, 2)):
            fact = self.random.choice((None, f"disease.made_{at}"))
            values: Sequence[Any] = (True, False) if fact is None else ("low", "high")
            cases = [
                DefinitionCase.model_construct(when=self._condition(1), value=self.random.choice(values), of=None)
                for _ in range(self.random.randint(1, 2))
            ]
            if at == 0 and ESR1 in self.facts and self.random.random() < 0.6:  # one is enough: none is read by another
                tissue = conditions.Test(_PART, (conditions.Check("is", ("tissue",)),))
                cases.append(DefinitionCase.model_construct(when=tissue, value="unknown", of=ESR1))
            self._so_far.append(
                Definition.model_construct(
                    id=f"made-{at}", title=None, fact=fact, cases=tuple(cases), cites=(),
                    otherwise=self.random.choice(values),
                )
            )  # fmt: skip
        return self._so_far

    def _common(self) -> dict[str, Any]:
        window = Effective.model_construct(since=DAYS[1], until=None) if self.random.random() < 0.15 else None
        return {"says": "x", "cites": (), "effective": window, "title": None, "review_by": None}

    def _base(self, shipped: RuleBase) -> RuleBase:
        random = self.random
        verdicts = [
            VerdictRule.model_construct(
                id=f"v{at}", when=self._condition(), overrides=(),
                then=VerdictThen.model_construct(verdict=random.choice(VERDICTS), strength="strong", certainty="low"),
                **self._common(),
            )
            for at in range(random.randint(2, 5))
        ]  # fmt: skip
        scope = [rule.id for rule in verdicts if rule.then.verdict == "out-of-scope"]
        ordered = sorted(verdicts, key=lambda rule: rule.then.verdict != "out-of-scope")
        overriders: dict[str, tuple[str, ...]] = {}
        for at, rule in enumerate(ordered):
            own = [other.id for other in ordered[:at] if other.id not in scope and random.random() < 0.4]
            overriders[rule.id] = () if rule.id in scope else tuple(sorted({*scope, *own}))
        options = [
            OptionRule.model_construct(
                id=f"o{at}", regimen=random.choice((*REGIMENS, PALBOCICLIB, BESIDE)), when=self._condition(),
                jurisdiction=random.choice((None, None, "us", "eu")), grading=None,
                then=OptionThen.model_construct(
                    tier=random.choice(("preferred", "alternative", "consider", "avoid")),
                    strength=random.choice(("strong", "conditional")), certainty=random.choice(("moderate", "low")),
                ),
                **self._common(),
            )
            for at in range(random.randint(2, 5))
        ]  # fmt: skip
        gates = [self._gate(at) for at in range(random.randint(1, 3))]
        tests = [
            TestRule.model_construct(
                id="t0", fact=random.choice(self.facts), when=self._condition(1), prevalence=(), **self._common()
            )
        ]  # fmt: skip
        cautions = [Caution.model_construct(id="c0", when=self._condition(1), **self._common())]
        return replace(
            shipped, definitions=tuple(self.definitions), verdicts=tuple(ordered), options=tuple(options),
            gates=tuple(gates), tests=tuple(tests), cautions=tuple(cautions), overriders=overriders,
            knowledge_until=DAYS[1],
        )  # fmt: skip

    def _gate(self, at: int) -> Gate:
        targets: list[dict[str, tuple[str, ...]]] = [{"regimens": REGIMENS[:1]}, {"regimens": (BESIDE,)}]
        if AGENT in self.options:  # else nobody would know which inhibitor is in use
            targets += [{"agents": ("palbociclib", "exemestane")}, {"classes": (INHIBITOR,)}]
        applies = self.random.choice(targets)
        tier, lower = self.random.choice(
            ((None, 1), ("avoid", None), ("contraindicated", None), (None, 2), ("consider", 1))
        )
        then = GateThen.model_construct(tier=tier, lower=lower, certainty=None, lower_certainty=None, strength=None)
        whole: Any = {"regimens": (), "agents": (), "classes": (), **applies}
        return Gate.model_construct(
            id=f"g{at}", applies_to=AppliesTo.model_construct(**whole), when=self._condition(), then=then,
            jurisdiction=self.random.choice((None, None, "us")), **self._common(),
        )  # fmt: skip

    def _law(self, at: int) -> Law:
        random = self.random
        verdict = conditions.Test(
            "verdict", (conditions.Check(random.choice(("is", "not")), (random.choice((*VERDICTS, "undetermined")),)),)
        )
        regimens = sorted({option.regimen for option in self.base.options})
        offered = conditions.Test(
            "offered",
            (conditions.Check(random.choice(("has_none", "has_none", "has_any")), (random.choice(regimens),)),),
        )
        when = random.choice((self._condition(1), self._condition(1), verdict, conditions.All((self._test(), verdict))))
        then = random.choice((verdict, offered, offered))
        return Law.model_construct(id=f"l{at}", title=None, effective=None, when=when, then=then, cites=())


class Tried(NamedTuple):
    """One patient on one day in one jurisdiction, with the answer; `whole` if all is known of the patient."""

    facts: Facts
    asked: Asked
    answered: Answered
    whole: bool


class Enumerated:
    """Every patient of a small rule base."""

    def __init__(self, small: Small, claims: Claims, showing: Showing) -> None:
        self.small, self.claims, self.base, self.showing = small, claims, small.base, showing
        rules = [*small.base.rules()]
        self.days = DAYS if any(rule.effective for rule in rules) else DAYS[1:]
        self.places = PLACES if any(getattr(rule, "jurisdiction", None) for rule in rules) else PLACES[2:]
        self.every = list(self._every())
        self.whole = [tried for tried in self.every if tried.whole]

    def _every(self) -> Iterator[Tried]:
        choices = [({}, *some) for some in self.small.options.values()]
        for chosen in product(*choices):
            facts: Facts = {path: value for option in chosen for path, value in option.items()}
            for day, place in product(self.days, self.places):
                asked = Asked(day, place)
                found = self.showing.answered(facts, asked)
                if found is not None:
                    yield Tried(facts, asked, found, self._is_whole(facts, found.findings))

    def _is_whole(self, facts: Facts, findings: Findings) -> bool:
        """Whether of every fact a value is known, or that it cannot be, and no result counts as absent."""
        known = all(findings.facts.get(fact) is not None for fact in self.small.facts)
        asked = {f for f in self.base.tests_on if f.startswith(f"{ESR1}.")}
        parts = all(findings.facts.get(part) is not None for part in asked) or ESR1 not in self.small.facts
        return known and parts and not findings.voided

    # --- claims -------------------------------------------------------------------------------------------------

    def against(self, claim: Claim) -> bool:
        """Whether some patient speaks against a claim, or none for it where one has to."""
        return {
            "answered": self.unanswered,
            "agreed": lambda claim: any(tried.answered.conflict for tried in self.whole),
            "decided": lambda claim: any(self.undecided(claim, tried) for tried in self.every),
            "law": self.broken,
            "closes": self.let_through,
            "told": self.turned,
            "unused": self.differ,
            "used": lambda claim: not self.used(claim),
            "bounded": lambda claim: all(self.fires(claim.about, tried) for tried in self.whole),
            "reached": lambda claim: not any(self.case(claim, tried) for tried in self.every),
            "branch": lambda claim: not any(self.alone(claim, tried) for tried in self.every),
            "apart": self.implied,
        }[claim.kind](claim)

    def rule(self, name: str) -> Rule:
        return self.claims.rules[name]

    def fires(self, name: str, tried: Tried) -> bool:
        return tried.answered.findings.fires(name) is True

    def counts(self, name: str, tried: Tried) -> bool:
        place = getattr(self.rule(name), "jurisdiction", None)
        here = tried.asked.jurisdiction in ("none", place) or place is None
        return here and self.base.in_effect(self.rule(name), tried.asked.day)

    def holds(self, name: str, tried: Tried) -> bool:
        return self.counts(name, tried) and self.fires(name, tried)

    def unanswered(self, claim: Claim) -> bool:
        begun = claim.days.since
        return any(
            not any(tried.answered.answer.decision.live.values())
            for tried in self.whole
            if begun is None or tried.asked.day >= begun
        )

    def undecided(self, claim: Claim, tried: Tried) -> bool:
        """A definition that says that a bare result counts as absent."""
        definition = self.claims.defined[claim.about]
        findings = tried.answered.findings
        bare = _PART not in tried.facts and ESR1 in tried.facts
        possible = findings.inference.definitions[definition.id]
        return bare and tried.whole and any(definition.cases[at].of for at in possible if at < len(definition.cases))

    def broken(self, claim: Claim) -> bool:
        return any(self.is_broken(claim, tried.answered) for tried in self.every)

    def breaks(self, claim: Claim, case: Mapping[str, Any]) -> bool:
        """Whether the patient of a case breaks a law."""
        asked = Asked(date.fromisoformat(case["as_of"]), case.get("jurisdiction", "none"))
        facts = {f"{group}.{name}": value for group, held_ in case["profile"].items() for name, value in held_.items()}
        found = self.showing.answered(facts, asked)
        return found is not None and self.is_broken(claim, found)

    def is_broken(self, claim: Claim, found: Answered) -> bool:
        facts = {**found.findings.facts, **answered(found.answer.outcome(), self.base.vocabulary)}
        return held(self.claims.law(claim.about), facts).broken

    def closing(self, gate: Gate, tried: Tried) -> bool:
        """Whether a gate closes the inhibitor that this patient has in use."""
        agent = tried.answered.findings.facts.get(AGENT)
        shuts = gate.then.tier in ("avoid", "contraindicated")
        drug = INHIBITOR if agent == "other" else str(agent)
        return shuts and agent not in (None, "none") and self.base.applies(gate, "", (drug,))

    def let_through(self, claim: Claim) -> bool:
        gate = self.rule(claim.about)
        assert isinstance(gate, Gate)
        for tried in self.whole:
            if not self.holds(gate.id, tried):
                continue
            closing, shuts = self.closing(gate, tried), gate.then.tier in ("avoid", "contraindicated")
            if closing and tried.answered.answer.verdict == "continue":
                return True
            for regimen in tried.answered.offered if shuts else ():
                agents = self.base.agents_of(regimen)
                if self.base.applies(gate, regimen, agents) or (closing and INHIBITOR in agents):
                    return True
        return False

    def turned(self, claim: Claim) -> bool:
        """A rule that the engine takes as told, and that turns out otherwise in a completion."""
        for tried in self.every:
            fires = tried.answered.findings.fires(claim.about)
            told = tried.answered.answer.entailment.told(self.rule(claim.about))
            if fires is None or told is None:
                continue
            for other in self.whole:
                otherwise = other.answered.findings.fires(claim.about) is not fires
                if otherwise and other.asked == tried.asked and self.completes(tried, other):
                    return True
        return False

    def completes(self, tried: Tried, other: Tried) -> bool:
        """Whether a whole patient is what one known in part can turn out to be."""
        known, whole = tried.answered.findings.facts, other.answered.findings.facts
        shaken = tried.answered.answer.entailment.shaken
        told = (fact for fact in self.small.facts if fact not in shaken and known.get(fact) is not None)
        return tried.facts.items() <= other.facts.items() and all(whole[fact] == known[fact] for fact in told)

    def used(self, claim: Claim) -> bool:
        rule = self.rule(claim.about)
        if isinstance(rule, VerdictRule):
            return any(tried.answered.answer.decision.live.get(rule.id) for tried in self.whole)
        if isinstance(rule, OptionRule):
            return any(self.holds(rule.id, tried) and self.decides(rule, tried) for tried in self.whole)
        if isinstance(rule, Gate):
            return any(self.holds(rule.id, tried) and self.changes(rule, tried) for tried in self.whole)
        if isinstance(rule, TestRule):
            return any(
                self.counts(rule.id, tried)
                and tried.answered.findings.fires(rule.id) is not False
                and None in map(tried.answered.findings.facts.get, (rule.fact, main_of(rule.fact)))
                for tried in self.every
            )  # fmt: skip
        return any(self.holds(rule.id, tried) for tried in self.whole)

    def of_regimen(self, regimen: str, tried: Tried) -> list[OptionRule]:
        return [o for o in self.base.options if o.regimen == regimen and self.holds(o.id, tried)]

    def in_scope(self, tried: Tried) -> bool:
        return tried.answered.answer.verdict != "out-of-scope"

    def decides(self, rule: OptionRule, tried: Tried) -> bool:
        """Whether without it its regimen had another tier, strength or certainty."""

        def graded(rules: list[OptionRule]) -> tuple[Any, ...]:
            tops = [option.then for option in best(rules)]
            strengths = {then.strength for then in tops}
            certainties = {then.certainty for then in tops}
            strength = "conditional" if "conditional" in strengths else "strong" if strengths else None
            certainty = "low" if "low" in certainties else "moderate" if certainties else None
            return {then.tier for then in tops}, strength, certainty

        rules = self.of_regimen(rule.regimen, tried)
        without = [option for option in rules if option.id != rule.id]
        return self.in_scope(tried) and graded(rules) != graded(without)

    def changes(self, gate: Gate, tried: Tried) -> bool:
        """Whether a gate takes a tier further down than any other one, or the inhibitor out of use."""
        decision = tried.answered.answer.decision
        if self.in_scope(tried) and decision.verdict == "continue" and self.closing(gate, tried):
            return True
        for regimen in {option.regimen for option in self.base.options} if self.in_scope(tried) else ():
            agents = self.base.agents_of(regimen)
            rules = self.of_regimen(regimen, tried)
            if not rules or not self.base.applies(gate, regimen, agents):
                continue
            before = best(rules)[0].then.tier
            alone = gated(Outcome(before, "strong", "high"), (gate,)).tier
            others = [
                gated(Outcome(before, "strong", "high"), (other,)).tier
                for other in self.base.gates
                if other.id != gate.id and self.base.applies(other, regimen, agents) and self.holds(other.id, tried)
            ]
            order = ("preferred", "alternative", "consider", "avoid", "contraindicated")
            if alone != before and all(order.index(tier) < order.index(alone) for tier in others):
                return True
        return False

    def implied(self, claim: Claim) -> bool:
        others = same_conclusion(self.rule(claim.about), self.claims.rules.values())
        return not any(
            self.holds(claim.about, tried) and not any(self.holds(other, tried) for other in others)
            for tried in self.whole
        )

    def case(self, claim: Claim, tried: Tried) -> bool:
        """Whether a case is the first true one."""
        definition, at = self.claims.defined[claim.about], claim.part[0]
        voids = at < len(definition.cases) and definition.cases[at].of is not None
        possible = tried.answered.findings.inference.definitions[definition.id]
        return possible == frozenset({at}) and (tried.whole or voids)

    def alone(self, claim: Claim, tried: Tried) -> bool:
        """Whether of several alternatives just one holds, with all that has to hold beside them."""
        definition = self.claims.defined.get(claim.about)
        facts = tried.answered.findings.facts
        if definition is None:
            return (
                tried.whole
                and self.counts(claim.about, tried)
                and _alone(self.rule(claim.about).when, claim.part, facts)
            )
        at, *path = claim.part
        earlier = [truth(case.when, facts) for case in definition.cases[:at]]
        fits = tried.whole or definition.cases[at].of is not None
        return fits and not any(met is not False for met in earlier) and _alone(definition.cases[at].when, path, facts)

    def differ(self, claim: Claim) -> bool:
        """Two patients who differ in one fact, with another verdict or tier, and the same where it may count."""
        (mark,) = self.small.marks
        parts = {path for path in self.small.facts if (catalogue()[path].main or path) == mark.fact}
        seen: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
        for tried in self.whole:
            rest = tuple(
                sorted(
                    (p, str(v))
                    for p, v in tried.facts.items()
                    if p not in parts and (catalogue()[p].main or p) != mark.fact
                )
            )
            clinical = tuple(self.fires(name, tried) for name in mark.clinical_in)
            outcome = tried.answered.answer.outcome()
            tiers = tuple(sorted(tried.answered.tiers.items()))
            stated = not parts.isdisjoint(tried.facts)
            seen.setdefault((rest, stated, clinical, tried.asked), set()).add((outcome.verdict, tiers))
        return any(len(found) > 1 for found in seen.values())


def _alone(condition: Condition, path: Sequence[int], facts: Mapping[str, Any]) -> bool:
    for place, at in enumerate(path):
        if isinstance(condition, conditions.Not):
            return _alone(condition.part, path[place + 1 :], facts)
        assert not isinstance(condition, conditions.Test)
        for other, part in enumerate(condition.parts):
            wanted = not isinstance(condition, conditions.AnyOf)
            if other != at and truth(part, facts) is not wanted:
                return False
        condition = condition.parts[at]
    return truth(condition, facts) is True


BY_PATIENT = ("answered", "agreed", "decided", "law", "closes", "unused")


def bases(shipped: RuleBase, count: int) -> Iterator[tuple[int, Small, Program]]:
    """Small rule bases that an engine can run, each with its seed."""
    for seed in count_up():
        small = Small(seed, shipped)
        with suppress(InputError):  # a condition that is always true as it is written
            yield seed, small, compile_program(small.base, {})
            count -= 1
        if not count:
            return


def test_every_claim_of_small_rule_bases(adviser: Adviser, request: pytest.FixtureRequest) -> None:
    counts = COUNTS.setdefault("claims of small rule bases, proved and tried on every patient", Counter())
    for seed, small, program in bases(adviser.base, request.config.getoption("--proofs", 10)):
        claims = Claims(small.base, small.laws, small.marks)
        prover = Prover(claims, program)
        enumerated = Enumerated(small, claims, prover.showing)
        counts["rule bases"] += 1
        counts["patients"] += len(enumerated.every)
        for claim in claims.every():
            proofs = prover.prove(claim)
            status = {proof.status for proof in proofs}
            against = enumerated.against(claim)
            told = (seed, claim.name, proofs)
            counts[f"{claim.kind} {'refuted' if against else 'proved'}"] += 1
            assert status <= {"proved", "refuted"}, told
            if claim.kind == "law" and not against and "refuted" in status:
                against = all(enumerated.breaks(claim, case) for proof in proofs for case in proof.cases)
                counts["laws refuted by a patient of whom more is known than was tried"] += 1
            assert ("refuted" in status) is against, told
            if against and claim.kind in BY_PATIENT:
                assert all(proof.cases for proof in proofs), told
