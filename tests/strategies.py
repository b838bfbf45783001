"""Generated patients and rule bases.

A patient is the plain data of a case file's `profile`. Patients are stratified: each is made with a verdict in view,
then disturbed, so that every verdict, every tier and both sides of every limit are met often enough to mean something.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Any

from hypothesis import strategies as st

from secondline import condition as conditions
from secondline.facts import catalogue
from secondline.forms.rules import Caution, Definition, DefinitionCase
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, number
from secondline.vocabulary import Vocabulary

Plain = dict[str, Any]
AIMS = ("continue", "do-not-continue", "individualise", "undetermined", "out-of-scope")
INHIBITORS = ("palbociclib", "ribociclib", "abemaciclib")
DAYS = tuple(
    date.fromisoformat(day)
    for day in (
        "2017-12-31", "2021-01-01", "2022-12-31", "2023-01-01", "2023-06-30", "2023-11-16", "2024-03-20", "2024-03-21",
        "2024-07-01", "2024-12-18", "2025-05-31", "2025-06-01", "2026-02-01", *["2026-11-22"] * 9, "2027-02-01",
    )
)  # fmt: skip


def near(*limits: float) -> st.SearchStrategy[float]:
    """Numbers on, just under and just over these limits."""
    return st.sampled_from([value for limit in limits for value in (limit, limit - 0.1, limit + 0.1)])


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def often(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly known, at times absent."""
    return st.one_of(strategy, strategy, strategy, st.none())


def tested(present: str, absent: str) -> st.SearchStrategy[Any]:
    parts = {
        "sample": some("plasma", "tissue", "germline"),
        "taken": some("at-progression", "earlier"),
        "tumour_fraction_percent": near(1).map(abs),
        "variant": some("Y537S", "n/a", "E545K"),
    }
    full = st.fixed_dictionaries({"result": some(present, absent, "indeterminate")}, optional=parts)
    return st.one_of(some(present, absent), some(present, absent, "not-tested"), full)


DATES = some("2024-11", "2025-01-10", "2025-06", "2025-12-31", "2026-01-10", "2026-03-10", "2026-03-15", 2025)
BIOMARKERS = st.fixed_dictionaries(
    {},
    optional={
        "esr1": st.one_of(st.just("mutated"), tested("mutated", "wild-type")),
        "pik3ca": tested("mutated", "wild-type"),
        "akt1": tested("mutated", "wild-type"),
        "pten": tested("altered", "intact"),
        "gbrca": tested("pathogenic", "none"),
    },
)
SAFETY = st.fixed_dictionaries(
    {},
    optional={
        "qtcf_ms": near(450),
        "creatinine_clearance_ml_min": near(15, 30),
        "hba1c_percent": near(8.0),
        "child_pugh": some("A", "A", "B", "C"),
        "diabetes": some("none", "none", "type-1", "type-2"),
        "insulin": some(False, False, True),
        "ild": some(False, False, True),
        "vte": some(False, False, True),
        "strong_cyp3a_inhibitor": some(False, False, False, True),
        "moderate_cyp3a_inhibitor": some(False, False, False, True),
        "strong_cyp3a_inducer": some(False, False, False, True),
        "moderate_cyp3a_inducer": some(False, False, False, True),
        "qt_prolonging_drug": some(False, False, False, True),
        "tamoxifen_current": some(False, False, False, True),
        "cdk46_intolerance": some([], [], [], ["palbociclib"], ["ribociclib", "abemaciclib"]),
    },
)
PARTNERS = some(["letrozole"], ["letrozole"], ["anastrozole"], ["fulvestrant"], ["tamoxifen"], ["aromatase-inhibitor"],
                ["letrozole", "goserelin"], [], ["elacestrant"], ["other:partner"])  # fmt: skip
LENGTHS = st.one_of(
    near(6, 5.52, 12), some(3, 9, 19, 26), some({"at_least": 6, "below": 12}, {"at_least": 2}, {"below": 6})
)
LATER = some(
    ["fulvestrant"], ["letrozole"], ["tamoxifen"], ["exemestane", "everolimus"], ["paclitaxel"], ["capecitabine"],
    ["alpelisib", "fulvestrant"], ["imlunestrant"], ["denosumab"], ["goserelin"], ["other:trial-drug"],
)  # fmt: skip
RESPONSES = some("complete", "partial", "stable", "stable", "progressive", "not-evaluated")


@st.composite
def therapy(draw: st.DrawFn, agents: Any, setting: Any, stopped_for: Any) -> Plain:
    """One entry; its time is given as months, as dates, or not at all."""
    found: Plain = {"setting": draw(setting), "agents": draw(agents)}
    reason = draw(stopped_for)
    if reason is not None:
        found["stopped_for"] = reason
    how = draw(some("months", "months", "dates", "start", "none"))
    if how == "months":
        found["months"] = draw(LENGTHS)
    if how in ("dates", "start"):
        found["started"] = draw(some("2022-06-30", "2023-01", 2023, "2023-11-30"))
    if how == "dates" and reason != "ongoing":
        found["stopped"] = draw(DATES)
    response = draw(often(RESPONSES))
    if response:
        found["best_response"] = response
    return found


@st.composite
def therapies(draw: st.DrawFn, inhibitor: Any, setting: Any, reason: Any) -> list[Plain]:
    """The inhibitor with what may have come before and after it."""
    agents = st.builds(lambda drug, partner: [drug, *partner], inhibitor, PARTNERS)
    earlier = therapy(LATER, some("metastatic", "adjuvant"), often(some("progression", "progression", "toxicity")))
    found = [draw(earlier) for _ in range(draw(some(0, 0, 0, 0, 1, 2, 3)))]
    found.append(draw(therapy(agents, setting, reason)))
    after = draw(some(*[0] * 9, 1, 2))
    for _ in range(after):
        found.append(draw(therapy(LATER, st.just("metastatic"), often(some("progression", "progression", "toxicity")))))
    return found


@st.composite
def adjuvant(draw: st.DrawFn) -> Plain:
    """An adjuvant inhibitor that ended a year before relapse, or a day more or less."""
    return {
        "setting": "adjuvant",
        "agents": [draw(some(*INHIBITORS)), "letrozole"],
        "started": "2023-01-10",
        "stopped": "2025-01-10",
        "stopped_for": draw(some("completion", "preference", "other", "toxicity")),
    }


OUTSIDE = {
    "her2": st.builds(dict, her2=some("positive", {"ihc": "3+"}, {"ihc": "2+", "ish": "amplified"})),
    "receptors": st.builds(dict, er=st.just("negative"), pr=some("negative", {"percent": 0})),
    "early": st.just({"extent": "early"}),
    "never": st.just({}),
}


@st.composite
def _disease(draw: st.DrawFn) -> Plain:
    found: Plain = {
        "extent": draw(some("metastatic", "metastatic", "locally-advanced")),
        "er": draw(some("positive", "positive", "low", {"percent": 10}, {"percent": 90}, "negative")),
        "pr": draw(some("positive", "low", {"percent": 1})),
        "her2": draw(
            some("negative", {"ihc": 0}, {"ihc": "1+"}, {"ihc": "2+", "ish": "not-amplified"}, {"ihc": "ultralow"})
        ),
        "sites": draw(
            st.lists(some("bone", "liver", "lung", "brain", "leptomeninges", "skin"), max_size=3, unique=True)
        ),
    }
    for name in ("visceral_crisis", "symptomatic_visceral", "symptomatic_cns"):
        value = draw(often(some(False, False, True)))
        if value is not None:
            found[name] = value
    return found


@st.composite
def _patient(draw: st.DrawFn) -> Plain:
    found: Plain = {"ecog": draw(some(0, 1, 1, 2, 3)), "sex": draw(some("female", "female", "female", "male"))}
    if found["sex"] == "female":
        found["menopausal_status"] = draw(some("postmenopausal", "postmenopausal", "premenopausal", "perimenopausal"))
        for name in ("ovarian_suppression", "pregnant"):
            value = draw(often(some(False, True, name == "ovarian_suppression")))
            if value is not None:
                found[name] = value
    return found


@st.composite
def patients(draw: st.DrawFn) -> tuple[str, Plain]:
    """The verdict in view, and a profile."""
    aim = draw(some(*AIMS, "do-not-continue"))  # the one that most disturbances turn into another
    disease, patient = draw(_disease()), draw(_patient())
    biomarkers, safety = draw(BIOMARKERS), draw(SAFETY)
    progression: Plain = {"status": draw(some("radiological", "radiological", "clinical"))}
    inhibitor: Any = some(*INHIBITORS, "palbociclib", "dalpiciclib")
    setting: Any = some("metastatic", "metastatic", "metastatic", "adjuvant", "neoadjuvant")
    reason: Any = some("progression", "progression", "ongoing")
    if aim == "continue":
        progression = {"status": draw(some("none", "none", "molecular"))}
        reason = some("ongoing")
        safety = {k: v for k, v in safety.items() if v not in (True, ["palbociclib"])}
        patient.pop("pregnant", None)
        if progression["status"] == "molecular" and biomarkers.get("esr1") in ("wild-type",):
            biomarkers["esr1"] = "mutated"
    elif aim == "individualise":
        reason = some("toxicity", "completion", "preference", "other", "progression")
        progression["extent"] = draw(some("limited", "systemic"))
    elif aim == "out-of-scope":
        which = draw(some("her2", "receptors", "early", "never"))
        disease.update(draw(OUTSIDE[which]))
        if which == "never":
            inhibitor = some("letrozole", "fulvestrant")
    elif aim == "undetermined":
        reason = often(reason)
        inhibitor = some(*INHIBITORS, "cdk46-inhibitor", "other:inhibitor")
    if draw(some(True, True, False)):
        progression["on"] = draw(DATES)
    given = draw(therapies(inhibitor, setting, reason))
    if aim in ("do-not-continue", "individualise") and draw(some(*[False] * 4, True)):
        given = [draw(adjuvant())]
        progression["on"] = draw(some("2026-01-09", "2026-01-10", "2026-01-11", "2026-01", "2026-06-01"))
    profile: Plain = {
        "patient": patient,
        "disease": disease,
        "biomarkers": biomarkers,
        "therapies": given,
        "progression": progression,
        "safety": safety,
    }
    if draw(some(*[False] * 9, True)):
        profile["therapies_complete"] = False
    for path in draw(_gaps(aim)):
        group, _, name = path.partition(".")
        if name:
            profile[group].pop(name, None)
        else:
            profile.pop(group, None)
    return aim, profile


def _gaps(aim: str) -> st.SearchStrategy[list[str]]:
    """What nobody recorded: always something where an undetermined verdict is in view."""
    decisive = ["disease.her2", "disease.er", "disease.extent", "therapies", "progression.status"]
    lesser = ["patient.sex", "patient.ecog", "patient.menopausal_status", "disease.sites", "disease.pr"]
    if aim == "undetermined":
        return st.lists(some(*decisive, *lesser), min_size=1, max_size=3)
    return st.lists(some(*lesser), max_size=1)


# --- rule bases -------------------------------------------------------------------------------------------

STATED = {
    "patient.sex": ("female", "male"),
    "disease.her2": ("positive", "negative"),
    "disease.her2.ihc": ("0", "1+", "2+", "3+"),
    "patient.menopausal_status": ("premenopausal", "postmenopausal"),
    "prior_cdk46.agent": ("palbociclib", "ribociclib", "abemaciclib", "other", "none"),
    "prior_cdk46.stopped_for": ("progression", "toxicity", "completion", "preference", "ongoing", "other"),
    "biomarkers.esr1.variant": ("Y537S", "n/a", "", "5"),
}
BOOLEANS = ("disease.visceral_crisis", "prior_cdk46.in_last_line", "patient.pregnant")
NUMBERS = ("safety.qtcf_ms", "prior_cdk46.months", "biomarkers.esr1.tumour_fraction_percent")
WHOLE = ("patient.ecog", "history.line")
SET_TESTS: tuple[conditions.Op, ...] = ("has_any", "has_all", "has_none")
SETS = {"disease.sites": ("bone", "liver", "brain"), "history.agents": ("letrozole", "fulvestrant", "paclitaxel")}
EDGES = (0, 1, 2, 6, 450, 0.00001, 5.52, 449.9999999, 1e15)


class RuleBases:
    """Random rule bases and random states of facts, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def some(self, values: Sequence[Any], least: int = 1) -> tuple[Any, ...]:
        return tuple(self.random.sample(values, self.random.randint(least, min(4, len(values)))))

    def check(self, fact: str, values: Sequence[Any]) -> conditions.Check:
        if fact in SETS:
            return conditions.Check(self.random.choice(SET_TESTS), self.some(SETS[fact]))
        if fact in NUMBERS or fact in WHOLE:
            edges = (0, 1, 2, 3, 4) if fact in WHOLE else EDGES
            if self.random.random() < 0.6:
                return conditions.Check(self.random.choice(conditions.LIMITS), (self.random.choice(edges),))
            return conditions.Check(self.random.choice(("is", "not")), self.some(edges))
        return conditions.Check(self.random.choice(("is", "not")), self.some(values))

    def test(self, defined: dict[str, Sequence[Any]]) -> conditions.Test:
        known = {**STATED, **dict.fromkeys(BOOLEANS, (True, False)), **defined}
        fact = self.random.choice([*known, *NUMBERS, *WHOLE, *SETS])
        if fact.startswith(conditions.DEFINED):
            return conditions.Test(fact, (conditions.Check("is", (True,)),))
        several = 1 if fact in defined else self.random.choice((1, 1, 1, 2, 3))
        return conditions.Test(fact, tuple(self.check(fact, known.get(fact, ())) for _ in range(several)))

    def condition(self, defined: dict[str, Sequence[Any]], depth: int = 3) -> conditions.Condition:
        kind = self.random.choice(("test", "test", "all", "any", "not")) if depth else "test"
        if kind == "test":
            return self.test(defined)
        if kind == "not":
            return conditions.Not(self.condition(defined, depth - 1))
        parts = tuple(self.condition(defined, depth - 1) for _ in range(self.random.choice((1, 2, 2, 3, 4))))
        return conditions.All(parts) if kind == "all" else conditions.AnyOf(parts)

    def base(self) -> RuleBase:
        """A few definitions, some with values and some that make a fact count as absent, and rules."""
        defined: dict[str, Sequence[Any]] = {}
        definitions = []
        for serial in range(self.random.choice((0, 1, 2, 4))):
            fact = self.random.choice((None, f"disease.made_{serial}"))
            values = (True, False) if fact is None else ("low", "high", "other")
            cases = []
            for _ in range(self.random.choice((1, 2, 3))):
                of = "biomarkers.esr1" if self.random.random() < 0.2 else None
                value = "unknown" if of else self.random.choice(values)
                cases.append(DefinitionCase.model_construct(when=self.condition(defined, 2), value=value, of=of))
            definitions.append(
                Definition.model_construct(
                    id=f"made-{serial}", fact=fact, cases=tuple(cases), otherwise=self.random.choice(values), cites=()
                )
            )
            defined[fact or f"{conditions.DEFINED}made-{serial}"] = values
        rules = [
            Caution.model_construct(id=f"rule-{n}", when=self.condition(defined), says="x", cites=(), effective=None)
            for n in range(self.random.choice((1, 3, 8, 25)))
        ]
        return rule_base(definitions, rules)

    def states(self) -> dict[str, State]:
        """What may be known of each fact: a value, some candidates, nothing, or that it does not apply."""
        found: dict[str, State] = {}
        for path in (*STATED, *BOOLEANS, *NUMBERS, *WHOLE, *SETS):
            value = self.state(path)
            if value is not None:
                found[path] = value
        return found

    def state(self, path: str) -> State:
        fact, chance = catalogue()[path], self.random.random()
        if chance < 0.2:
            return None
        if chance < 0.3 and fact.may_not_apply:
            return NOT_APPLICABLE
        if path in SETS:
            maybe = self.random.choice((frozenset(), None, frozenset(self.some(SETS[path], 0))))
            return Members(frozenset(self.some(SETS[path], 0)), maybe)
        if path in NUMBERS or path in WHOLE:
            edges = (0, 1, 2, 3, 4) if path in WHOLE else (*EDGES, 0.5, 100)
            low, high = sorted((self.random.choice(edges), self.random.choice(edges)))
            return low if chance < 0.7 else number(*self.random.choice(((low, high), (low, None), (None, high))))
        values: Sequence[Any] = STATED.get(path, (True, False))
        if fact.partly and chance > 0.8:
            return OneOf(frozenset(self.random.sample(values, self.random.randint(2, len(values)))))
        value: State = self.random.choice(values)
        return value


def rule_base(definitions: Sequence[Definition], rules: Sequence[Caution]) -> RuleBase:
    """A rule base of these alone."""
    return RuleBase(
        version="1", knowledge_until=date(2026, 1, 1), vocabulary=Vocabulary(), evidence={}, sources={},
        definitions=tuple(definitions), verdicts=(), options=(), gates=(), tests=(), cautions=tuple(rules),
        overriders={}, rules_hash="", evidence_hash="",
    )  # fmt: skip
