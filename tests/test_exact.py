"""Answers under the unknown against brute force: every completion of every profile tried, on reduced catalogues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import combinations, pairwise
from itertools import count as count_up
from random import Random
from typing import Any

import pytest

from brute import Brute, Catalogue, as_mapping, consistent, partials
from conftest import COUNTS
from secondline import condition as conditions
from secondline.asof import AsOf
from secondline.cases import CaseReader
from secondline.facts import catalogue
from secondline.forms.rules import (
    AppliesTo,
    Definition,
    DefinitionCase,
    Gate,
    GateThen,
    OptionRule,
    OptionThen,
    VerdictRule,
    VerdictThen,
)
from secondline.inference.reference import infer
from secondline.patient import know
from secondline.recommend import Adviser, Answer, Question
from secondline.rulebase import RuleBase
from secondline.scales import TIERS
from secondline.tiers import UNDETERMINED
from secondline.verdict import decide

pytestmark = pytest.mark.long

DAY = date(2026, 11, 22)
HER2 = (
    {"status": "positive", "ihc": "3+", "ish": "amplified"},
    {"status": "positive", "ihc": "2+", "ish": "amplified"},
    {"status": "positive", "ihc": "1+", "ish": "amplified"},
    *({"status": "negative", "ihc": ihc, "ish": "not-amplified"} for ihc in ("0", "ultralow", "1+", "2+")),
)
RECEPTOR = (
    {"status": "positive", "percent": 90},
    {"status": "low", "percent": 5},
    {"status": "negative", "percent": 0},
)
SITES = tuple(list(some) for size in range(4) for some in combinations(("liver", "brain", "leptomeninges"), size))
INHIBITORS = tuple(
    list(some)
    for size in range(5)
    for some in combinations(("palbociclib", "ribociclib", "abemaciclib", "other"), size)
)
WHOLE: dict[str, tuple[Any, ...]] = {
    "disease.her2": HER2,
    "disease.er": RECEPTOR,
    "disease.pr": RECEPTOR,
    "disease.sites": SITES,
    "prior_cdk46.agents": INHIBITORS,
    "safety.cdk46_intolerance": tuple(some for some in INHIBITORS if "other" not in some),
}
REST: dict[str, Any] = {
    "patient": {"age_years": 61, "sex": "female", "menopausal_status": "postmenopausal", "ovarian_suppression": False}
    | {"ecog": 1, "pregnant": False},
    "disease": {"extent": "metastatic", "er": RECEPTOR[0], "pr": RECEPTOR[2], "her2": HER2[5], "sites": ["liver"]}
    | {"visceral_crisis": False, "symptomatic_visceral": False, "symptomatic_cns": False},
    "biomarkers": {"esr1": "mutated", "pik3ca": "wild-type", "akt1": "wild-type", "pten": "intact"}
    | {"gbrca": "none", "gpalb2": "none", "sbrca": "none", "erbb2": "wild-type"},
    "prior_cdk46": {"agents": ["palbociclib"], "agent": "palbociclib", "setting": "metastatic", "months": 19}
    | {"stopped_for": "progression", "best_response": "stable", "partner_class": "aromatase-inhibitor"}
    | {"months_since_stop": 1, "months_from_stop_to_progression": 0, "in_last_line": True, "clinical_benefit": True},
    "history": {"line": 2, "chemotherapy_lines": 0, "endocrine_lines": 1, "endocrine_lines_without_benefit": 0}
    | {"agents": ["palbociclib", "letrozole"]}
    | {"classes": ["cdk46-inhibitor", "aromatase-inhibitor", "endocrine-therapy"]}
    | {"months_on_adjuvant_endocrine": 60, "months_from_adjuvant_endocrine_to_relapse": 30},
    "progression": {"status": "radiological", "extent": "systemic"},
    "safety": {"qtcf_ms": 431, "neutrophils_10e9_per_l": 3, "platelets_10e9_per_l": 200, "alt_x_uln": 1}
    | {"bilirubin_x_uln": 1, "creatinine_clearance_ml_min": 90, "hba1c_percent": 5.5, "fasting_glucose_mmol_l": 5}
    | {"potassium_mmol_l": 4, "lvef_percent": 60, "haemoglobin_g_per_dl": 13, "diabetes": "none", "insulin": False}
    | {"child_pugh": "A", "cdk46_intolerance": []}
    | dict.fromkeys(
        [
            *("ild", "vte", "strong_cyp3a_inhibitor", "strong_cyp3a_inducer", "moderate_cyp3a_inhibitor"),
            *("moderate_cyp3a_inducer", "qt_prolonging_drug", "tamoxifen_current", "active_infection"),
            "severe_skin_reaction",
        ],
        False,
    ),
}


def values(base: RuleBase, fact: str) -> tuple[Any, ...]:
    """Values with which no rule can tell a fact from any other value it could have."""
    held = catalogue()[fact]
    if fact in WHOLE:
        return WHOLE[fact]
    if held.kind == "boolean":
        return (True, False)
    if held.kind == "choice":
        return held.values
    cuts = {float(v) for test in base.tests_on.get(fact, ()) for check in test.checks for v in check.values}
    cuts |= {5.52} if fact == "prior_cdk46.months" else set()
    low, high = held.low or 0.0, held.high or 900.0
    points = sorted({low, high, *(cut for cut in cuts if low < cut < high)})
    if held.kind == "integer":
        return tuple(sorted({int(p) + step for p in points for step in (-1, 0, 1) if low <= int(p) + step <= high}))
    between = [(a + b) / 2 for a, b in pairwise(points)]
    return tuple(sorted({*points, *between}))


def drawn(base: RuleBase, random: Random, size: int) -> Catalogue:
    """A reduced catalogue: facts that verdicts read above all, and others; the rest is known."""
    decisive = sorted(frozenset().union(*(base.reads[rule.id] for rule in base.verdicts)))
    read = sorted(fact for fact in base.tests_on if fact in catalogue() and catalogue()[fact].main is None)
    read = [fact for fact in read if fact not in ("history.agents", "history.classes")]
    facts = dict.fromkeys(random.sample(decisive, size // 2))
    while len(facts) < size:
        facts[random.choice(read)] = None
    if "prior_cdk46.agent" in facts or "prior_cdk46.agents" in facts:
        facts = dict.fromkeys([*list(facts)[: size - 2], "prior_cdk46.agent", "prior_cdk46.agents"])
    if "prior_cdk46.clinical_benefit" in facts:
        facts |= dict.fromkeys(["prior_cdk46.best_response"])
    names = tuple(facts)
    rest = {
        group: {name: value for name, value in held.items() if f"{group}.{name}" not in facts}
        for group, held in REST.items()
    }
    return Catalogue(names, tuple(values(base, fact) for fact in names), rest)


def compared(brute: Brute, partial: tuple[int | None, ...], random: Random, counts: Counter[str]) -> None:
    """One profile: the answer, worked out over diagrams, against every completion."""
    view, base = brute.view, brute.base
    profile = brute.profile(partial)
    if profile is None or not brute.completions(partial):
        counts["profiles that no patient can have"] += 1
        return
    known = know(profile, view.day, base.vocabulary)
    if not consistent(known.given):
        counts["profiles that no patient can have"] += 1
        return
    findings = infer(base, known.facts)
    answer = Answer(profile, view, known, findings, Question(view.day, "us"))
    told = as_mapping(brute.catalogue, partial)
    verdict, behind = brute.verdict(partial)
    assert answer.verdict == verdict, told
    if verdict != UNDETERMINED:
        assert {rule.id for rule in answer.deciding()} == behind, told
    plain = decide(view.verdicts, findings.inference.rules, base.overriders)
    counts["profiles"] += 1
    counts["verdicts that three-valued logic settles"] += plain.settled
    counts["verdicts that only all completions together settle"] += verdict != UNDETERMINED and not plain.settled
    counts["verdicts left undetermined"] += verdict == UNDETERMINED
    if verdict == UNDETERMINED:
        least = brute.least(partial, lambda filled: brute.verdict(filled)[0] != UNDETERMINED)
        assert list(answer.missing) == least, told
        counts["verdicts with more than one least set"] += len(least) > 1
    if verdict == "out-of-scope":
        return
    tiers = brute.tiers(partial, view.options)
    assert {judged.regimen: judged.outcome.tier for judged in answer.judged} == tiers, told
    open_gates = brute.open_gates(partial)
    for judged in answer.judged:
        gates = {gate.id for gate in view.gates_on[judged.regimen]}
        assert {gate.id for gate in judged.open_gates} == open_gates & gates, (told, judged.regimen)
    undetermined = [regimen for regimen, tier in tiers.items() if tier == UNDETERMINED]
    for regimen in random.sample(undetermined, min(2, len(undetermined))):
        least = brute.least(
            partial,
            lambda filled, r=regimen: brute.tiers(filled, [r])[r] != UNDETERMINED,
        )
        assert list(answer.needs[regimen]) == least, (told, regimen)
        counts["undetermined tiers"] += 1
        counts["tiers with more than one least set"] += len(least) > 1
    assert not answer.entailment.exhausted


def tried(
    view: AsOf, reader: CaseReader, made: Iterator[Catalogue], wanted: int, random: Random, counts: Counter[str]
) -> None:
    while counts["profiles"] < wanted:
        brute = Brute(view, reader, next(made))
        for _ in range(200):
            compared(brute, partials(brute.catalogue, random, 4), random, counts)


def test_answers_on_reduced_catalogues_of_the_shipped_rules(
    adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest
) -> None:
    random, counts = Random(7), COUNTS.setdefault("answers against brute force, shipped rules", Counter())
    wanted = request.config.getoption("--brute")
    made = (drawn(adviser.base, random, 6) for _ in count_up())
    tried(adviser.calendar.on(DAY, "us"), reader, made, wanted, random, counts)
    assert counts["verdicts that only all completions together settle"] > wanted // 200


# --- rule bases that were made up -------------------------------------------------------------------------

MADE = (
    "patient.sex", "patient.menopausal_status", "patient.pregnant", "patient.ecog", "disease.her2",
    "disease.visceral_crisis", "progression.status", "progression.extent", "biomarkers.esr1", "safety.qtcf_ms",
    "prior_cdk46.in_last_line", "prior_cdk46.months", "history.line",
)  # fmt: skip
REGIMENS = ("fulvestrant", "exemestane")
CRISIS = ("disease.visceral_crisis", (True,))


class Made:
    """Small rule bases: verdict rules with exceptions, options and gates, on a few facts."""

    def __init__(self, seed: int, shipped: RuleBase) -> None:
        self.random, self.shipped = Random(seed), shipped
        self.facts = self.random.sample(MADE, 5)

    def test(self, defined: Sequence[str]) -> conditions.Test:
        fact = self.random.choice([*self.facts, *defined])
        if fact in defined:
            return conditions.Test(fact, (conditions.Check("is", (True,)),))
        held = catalogue()[fact]
        if held.numeric:
            limit = self.random.choice((1, 2, 3, 5.52, 450) if held.kind == "number" else (1, 2, 3))
            return conditions.Test(fact, (conditions.Check(self.random.choice((*conditions.LIMITS, "is")), (limit,)),))
        every: Sequence[conditions.Value] = held.values or (True, False)
        some = tuple(self.random.sample(every, self.random.randint(1, max(1, len(every) - 1))))
        return conditions.Test(fact, (conditions.Check(self.random.choice(("is", "not")), some),))

    def condition(self, defined: Sequence[str], depth: int = 2) -> conditions.Condition:
        kind = self.random.choice(("test", "all", "any", "not")) if depth else "test"
        if kind == "test":
            return self.test(defined)
        if kind == "not":
            return conditions.Not(self.condition(defined, depth - 1))
        parts = tuple(self.condition(defined, depth - 1) for _ in range(self.random.choice((2, 2, 3))))
        return conditions.All(parts) if kind == "all" else conditions.AnyOf(parts)

    def base(self) -> RuleBase:
        random = self.random
        definitions = []
        for n in range(random.randint(0, 2)):
            defined = [f"definition:made-{i}" for i in range(n)]
            case = DefinitionCase.model_construct(when=self.condition(defined), value=True, of=None)
            definitions.append(
                Definition.model_construct(id=f"made-{n}", fact=None, cases=(case,), otherwise=False, cites=())
            )
        defined = [f"definition:made-{i}" for i in range(len(definitions))]
        common: dict[str, Any] = {"says": "x", "cites": (), "effective": None, "title": None, "jurisdiction": None}
        verdicts = []
        overriders: dict[str, tuple[str, ...]] = {}
        for n in range(random.randint(2, 5)):
            then = VerdictThen.model_construct(
                verdict=random.choice(("continue", "do-not-continue", "individualise", "out-of-scope")),
                strength="strong", certainty="low",
            )  # fmt: skip
            overriders[f"v{n}"] = tuple(f"v{i}" for i in range(n) if random.random() < 0.3)
            verdicts.append(VerdictRule.model_construct(id=f"v{n}", when=self.condition(defined), then=then, **common))
        options = [
            OptionRule.model_construct(
                id=f"o{n}", regimen=random.choice(REGIMENS), when=self.condition(defined),
                then=OptionThen.model_construct(tier=random.choice(TIERS[:4]), strength="strong", certainty="low"),
                **common,
            )
            for n in range(random.randint(2, 5))
        ]  # fmt: skip
        gates = [self.gate(n, self.condition(defined), common) for n in range(random.randint(1, 4))]
        return replace(
            self.shipped, definitions=tuple(definitions), verdicts=tuple(verdicts), options=tuple(options),
            gates=tuple(gates), tests=(), cautions=(), overriders=overriders,
        )  # fmt: skip

    def gate(self, number: int, when: conditions.Condition, common: dict[str, Any]) -> Gate:
        on = self.random.choice(("regimens", "agents"))
        applies = AppliesTo.model_construct(
            regimens=REGIMENS[:1] if on == "regimens" else (),
            agents=("palbociclib", "exemestane") if on == "agents" else (), classes=(),
        )  # fmt: skip
        tier, lower = self.random.choice(((None, 1), ("avoid", None), ("contraindicated", None), (None, 2)))
        then = GateThen.model_construct(tier=tier, lower=lower, certainty=None, lower_certainty=None, strength=None)
        return Gate.model_construct(id=f"g{number}", applies_to=applies, when=when, then=then, **common)

    def catalogue(self, base: RuleBase) -> Catalogue:
        rest = {
            group: {name: value for name, value in held.items() if f"{group}.{name}" not in self.facts}
            for group, held in REST.items()
        }
        return Catalogue(tuple(self.facts), tuple(values(base, fact) for fact in self.facts), rest)


def test_answers_on_made_up_rule_bases(adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest) -> None:
    random, counts = Random(11), COUNTS.setdefault("answers against brute force, made-up rules", Counter())
    wanted = request.config.getoption("--brute") * 2
    for seed in count_up():
        made = Made(seed, adviser.base)
        base = made.base()
        brute = Brute(AsOf(base, DAY, "us"), reader, made.catalogue(base))
        for _ in range(20):
            compared(brute, partials(brute.catalogue, random, 4), random, counts)
        counts["rule bases"] += 1
        if counts["profiles"] >= wanted:
            break
    assert counts["verdicts that only all completions together settle"] > wanted // 50


@pytest.mark.parametrize("seed", [284])
def test_rule_bases_that_were_once_answered_otherwise(adviser: Adviser, reader: CaseReader, seed: int) -> None:
    """284: a menopausal status tells the sex, and so that a gate holds."""
    random, made = Random(seed), Made(seed, adviser.base)
    base = made.base()
    brute = Brute(AsOf(base, DAY, "us"), reader, made.catalogue(base))
    counts: Counter[str] = Counter()
    for _ in range(300):
        compared(brute, partials(brute.catalogue, random, 4), random, counts)
    assert counts["tiers with more than one least set"]


def test_what_menopause_rules_out_is_not_ruled_out_without_it(adviser: Adviser, reader: CaseReader) -> None:
    """Two gates that close a regimen for every man, one or the other: knowing the sex settles it too."""
    made = Made(0, adviser.base)
    made.facts = ["patient.sex", "patient.menopausal_status", "disease.visceral_crisis", "patient.ecog"]
    sex, crisis = (conditions.Test(f, (conditions.Check("is", v),)) for f, v in (("patient.sex", ("male",)), CRISIS))
    ill = conditions.Test("patient.ecog", (conditions.Check("at_least", (2,)),))
    common: dict[str, Any] = {"says": "x", "cites": (), "effective": None, "title": None, "jurisdiction": None}
    whens = (conditions.Not(sex), conditions.All((sex, ill)), conditions.All((sex, conditions.Not(ill))))
    options = tuple(
        OptionRule.model_construct(
            id=f"o{n}", regimen=REGIMENS[0], when=when,
            then=OptionThen.model_construct(tier=TIERS[n], strength="strong", certainty="low"), **common,
        )
        for n, when in enumerate(whens)
    )  # fmt: skip
    then = GateThen.model_construct(
        tier="contraindicated", lower=None, certainty=None, lower_certainty=None, strength=None
    )
    gates = tuple(
        Gate.model_construct(
            id=f"g{n}", applies_to=AppliesTo.model_construct(regimens=REGIMENS[:1], agents=(), classes=()), when=when,
            then=then, **common,
        )
        for n, when in enumerate((conditions.All((sex, crisis)), conditions.All((sex, conditions.Not(crisis)))))
    )  # fmt: skip
    base = replace(made.base(), options=options, gates=gates)
    brute = Brute(AsOf(base, DAY, "us"), reader, made.catalogue(base))
    counts: Counter[str] = Counter()
    compared(brute, (None,) * len(made.facts), Random(0), counts)
    assert counts["tiers with more than one least set"] == 1
