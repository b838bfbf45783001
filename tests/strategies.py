"""Generated patients and rule bases, drawn from a `Random` alone: the same for the same seed on every Python.

A patient is the plain data of a case file's `profile`. Patients are stratified. Some are made with a verdict in view,
from therapies, and disturbed; most are made for the rule base itself: a rule is picked and facts are searched that
make it true, or miss it by one, so that the patients follow the rule base as it grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from attainable import JURISDICTIONS, Atlas, Plain, facts_of, profile_of
from helpers import case
from satisfying import NAMED, Search, pick
from secondline import condition as conditions
from secondline.cases import CaseFile, CaseReader
from secondline.errors import InputError
from secondline.facts import catalogue
from secondline.forms.rules import Caution, Definition, DefinitionCase
from secondline.rulebase import RuleBase
from secondline.scales import Jurisdiction
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, number
from secondline.vocabulary import Vocabulary
from treatments import DATES, RELAPSES, Course, adjuvant, free

if TYPE_CHECKING:
    from secondline.forms.rules import Law, Rule, VerdictRule

VERDICTS = ("continue", "do-not-continue", "individualise", "undetermined", "out-of-scope")


class Drawn(NamedTuple):
    """What was aimed at (a verdict, or a part of the rule base), a profile, and the day and place to ask for."""

    aim: str
    profile: Plain
    day: date
    jurisdiction: Jurisdiction


def atlas(base: RuleBase, laws: tuple[Law, ...] = ()) -> Atlas:
    """A rule base made ready for drawing patients, once."""
    return _atlas(base, laws)


@cache
def _atlas(base: RuleBase, laws: tuple[Law, ...]) -> Atlas:
    return Atlas(base, [condition for law in laws for condition in (law.when, law.then)])


class Patients:
    """Random patients of one rule base; with laws, some are made to meet a law's `when` and miss its `then`."""

    def __init__(self, random: Random, base: RuleBase, laws: tuple[Law, ...] = ()) -> None:
        self.random, self.base, self.laws = random, base, laws
        self.atlas = atlas(base, laws)

    def profile(self) -> Drawn:
        """One patient."""
        ways = [self._by_verdict, self._by_verdict, *[self._by_rule] * 4, self._by_tier, self._by_part]
        ways += [self._by_law] * 2 if self.laws else []
        return pick(self.random, ways)()

    def some(self, *values: Any) -> Any:
        return pick(self.random, values)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    # --- aimed at the rule base ---------------------------------------------------------------------------

    def _by_rule(self) -> Drawn:
        """A rule holds, or just does not; often a verdict is in view too, and a gate or another rule holds."""
        base = self.base
        if self.chance(0.38):
            wanted = [*["continue"] * 3, "do-not-continue", "individualise", "out-of-scope"]
            return self._by_verdict_rule(self._verdict_rule(*wanted))
        kinds: list[Sequence[Rule]] = [base.options, base.options, base.gates, base.cautions, base.tests]
        rule = pick(self.random, self.some(*(kind for kind in kinds if kind)))
        verdict, search = self._verdict_in_view()
        if self.chance(0.65):
            aim, held = "rule", search.require(self.atlas.holds[rule.id])
        else:
            aim, held = "near miss", search.require(self.atlas.space.near_miss(rule.when, self.random))
            held = held or search.require(self.atlas.fails[rule.id])
        rules = [rule, *self._decided(search, verdict)]
        regimen = next((option.regimen for option in base.options if option is rule), None)
        place = next((option.jurisdiction for option in base.options if option is rule), None)
        if self.chance(0.5):
            near: Sequence[Rule] = self.atlas.gates_on(regimen) if regimen else base.options
            other = pick(self.random, near or list(base.rules()))
            if search.require(self.atlas.holds[other.id]):
                rules.append(other)
        return self._made(aim if held else "missed", search, self._day(rules), place)

    def _by_verdict_rule(self, rule: VerdictRule) -> Drawn:
        """A verdict rule decides, or holds beside others, or just does not hold."""
        search = Search(self.atlas.space, self.random)
        chance = self.random.random()
        if chance < 0.3:
            held = search.require(self.atlas.space.near_miss(rule.when, self.random))
            return self._made("near miss" if held else "missed", search, self._day([rule]), None)
        held = bool(chance < 0.75 and self._decided(search, rule)) or search.require(self.atlas.holds[rule.id])
        if self.chance(0.5):
            search.require(self.atlas.holds[pick(self.random, self.base.options or self.base.verdicts).id])
        return self._made("rule" if held else "missed", search, self._day([rule]), None)

    def _verdict_rule(self, *verdicts: str) -> VerdictRule:
        """A rule that gives one of these verdicts, drawn first."""
        wanted = self.some(*verdicts)
        return pick(self.random, [r for r in self.base.verdicts if r.then.verdict == wanted] or self.base.verdicts)

    def _verdict_in_view(self) -> tuple[VerdictRule | None, Search]:
        """A verdict to have beside something else, and the search to begin with: mostly in scope unless that is it."""
        verdict = self._verdict_rule(*["continue"] * 4, *["do-not-continue"] * 4, "out-of-scope")
        search = Search(self.atlas.space, self.random)
        if self.chance(0.15):
            return None, search
        if verdict.then.verdict != "out-of-scope" and self.chance(0.95):
            search.require(self.atlas.in_scope)
        return verdict, search

    def _decided(self, search: Search, verdict: VerdictRule | None) -> list[Rule]:
        """The verdict rule that is now the one to decide, if it can be."""
        return [verdict] if verdict and search.require(*self.atlas.deciders[verdict.id]) else []

    def _by_tier(self) -> Drawn:
        """A regimen comes to one of the tiers that it can have."""
        recipe = pick(self.random, list(self.atlas.recipes.values()))
        search = Search(self.atlas.space, self.random)
        held = search.require(*recipe.goals)
        if self.chance(0.7):
            self._decided(search, self._verdict_rule("continue", "do-not-continue"))
        day = recipe.days[0] if self.chance(0.5) else pick(self.random, recipe.days)
        hidden = [recipe.unknown] if recipe.unknown else []
        return self._made("tier" if held else "missed", search, day, recipe.jurisdiction, hidden)

    def _by_part(self) -> Drawn:
        """A limit is met or just missed, or a definition has one of its values."""
        verdict, search = self._verdict_in_view()
        aim, held = self.some(self._limit, self._definition)(search)
        return self._made(aim if held else "missed", search, self._day(self._decided(search, verdict)), None)

    def _limit(self, search: Search) -> tuple[str, bool]:
        """On a limit, or on the nearest value under or over it."""
        space = self.atlas.space
        variables = [space.index[fact] for fact in space.limits if fact in space.index]
        if variables:
            variable = pick(self.random, variables)
            search.settle(variable, space.full[variable])
        return "limit", bool(variables)

    def _definition(self, search: Search) -> tuple[str, bool]:
        definition = pick(self.random, self.base.definitions)
        at = int(self.random.random() * (len(definition.cases) + 1))
        return "definition", search.require(self.atlas.space.case(definition.id, at))

    def _by_law(self) -> Drawn:
        """A law's `when` holds and as much of its `then` as is about the patient does not; what it names is offered."""
        law, search = pick(self.random, self.laws), Search(self.atlas.space, self.random)
        held = search.require(self.atlas.space.node(law.when, True))
        search.require(self.atlas.space.node(law.then, False))
        named = {
            value
            for condition in (law.when, law.then)
            for test in conditions.tests_in(condition)
            for check in test.checks
            for value in check.values
            if test.fact in conditions.ANSWER
        }
        rules: list[Rule] = []
        if self.chance(0.8):
            offering = [option for option in self.base.options if named & self.atlas.names[option.regimen]]
            option = pick(self.random, offering or self.base.options)
            rules += [option] if search.require(self.atlas.holds[option.id]) else []
        deciding = [rule for rule in self.base.verdicts if rule.then.verdict in named]
        if deciding:
            rules += self._decided(search, pick(self.random, deciding))
        return self._made("law" if held else "missed", search, self._day(rules), None)

    def _day(self, rules: Sequence[Rule]) -> date:
        """Mostly the usual day where the rules are in effect then; else a day on which they are, or any day."""
        possible = self.atlas.together(rules) if rules else self.atlas.days
        chance = self.random.random()
        if (not possible or self.atlas.usual in possible) and chance < 0.68:
            return self.atlas.usual
        return pick(self.random, possible if possible and chance < 0.93 else self.atlas.days)

    def _made(
        self,
        aim: str,
        search: Search,
        day: date,
        jurisdiction: str | None,
        hidden: Sequence[str] = (),
    ) -> Drawn:
        """The rest filled in, mostly with what speaks for no gate; therapies in place of what follows from them."""
        given = self._fill(search, 0.97 if aim == "tier" else 0.85)
        facts = facts_of(search, given)
        for _ in range(self.some(0, 0, 1, 1, 2, 3) if aim != "tier" else 0):
            deciding = [path for path in facts if path in self.atlas.decisive]
            facts.pop(pick(self.random, deciding if deciding and self.chance(0.6) else list(facts)), None)
        for path in hidden:
            facts.pop(path, None)
        worked_out = [path for path in facts if path.startswith(("prior_cdk46.", "history."))]
        profile = profile_of(facts)
        if worked_out and self.chance(0.3 if aim == "tier" else 0.7):
            course = Course(self.random, facts, self.base.vocabulary, day)
            profile["therapies"] = course.therapies()
            if profile.get("progression", {}).get("status") in ("radiological", "clinical"):
                profile["progression"]["on"] = course.day(course.seen)
            profile.pop("prior_cdk46", None)
            profile.pop("history", None)
            if self.chance(0.05):
                profile["therapies_complete"] = False
        place: Jurisdiction = (
            "eu" if jurisdiction == "eu" else "us" if jurisdiction == "us" else self.some(*JURISDICTIONS)
        )
        if aim != "tier" and self.chance(0.2):
            place = self.some(*JURISDICTIONS)
        return Drawn(aim, profile, day, place)

    def _fill(self, search: Search, usual: float) -> list[str]:
        """Settle more facts: mostly all that decide on a verdict, some of the others; which sets are now whole."""
        atlas, space = self.atlas, search.space
        shares = ((atlas.deciding, 1.0 if self.chance(0.7) else 0.9), (atlas.lesser, 0.6), (atlas.unheard, 0.05))
        for variables, share in shares:
            for variable in variables:
                if ":" in space.names[variable] or not self.chance(share) or search.settled(variable):
                    continue
                search.settle(variable, atlas.benign[variable] if self.chance(usual) else space.full[variable])
        atlas.finish(search)
        return [path for path, members in space.members.items() if self._members(search, members)]

    def _members(self, search: Search, members: Sequence[int]) -> bool:
        """Put a few members into a set that is known; mostly such as speak for no gate."""
        if self.chance(0.25) and not any(search.touched(member) for member in members):
            return False
        for _ in range(self.some(0, 0, 1, 1, 2) if members else 0):
            member = pick(self.random, members)
            inside = search.space.mask(search.space.names[member], [True])
            if self.atlas.benign[member] & inside or self.chance(0.1):
                search.narrow(member, inside)
        return True

    # --- with a verdict in view ---------------------------------------------------------------------------

    def _by_verdict(self) -> Drawn:
        """Therapies with their dates, and what speaks for a verdict; then gaps."""
        aim = self.some(*VERDICTS, "continue", "do-not-continue")  # those that disturbances turn into another
        disease, patient, biomarkers, safety = self._disease(), self._patient(), self._biomarkers(), self._safety()
        progression: Plain = {"status": self.some("radiological", "radiological", "clinical")}
        inhibitors: Sequence[str] = (*NAMED, "palbociclib", "dalpiciclib")
        settings = ("metastatic", "metastatic", "metastatic", "adjuvant", "neoadjuvant")
        reasons: Sequence[str | None] = ("progression", "progression", "ongoing")
        if aim == "continue":
            progression = {"status": self.some("none", "none", "molecular")}
            reasons = ("ongoing",)
            safety = {name: value for name, value in safety.items() if value is not True}
            patient.pop("pregnant", None)
            if progression["status"] == "molecular" and biomarkers.get("esr1") == "wild-type":
                biomarkers["esr1"] = "mutated"
        elif aim == "individualise":
            reasons = ("toxicity", "completion", "preference", "other", "progression")
            progression["extent"] = self.some("limited", "systemic")
        elif aim == "out-of-scope":
            which = self.some("her2", "receptors", "early", "never")
            disease.update(self._outside(which))
            inhibitors = ("letrozole", "fulvestrant") if which == "never" else inhibitors
        elif aim == "undetermined":
            reasons = (*reasons, None)
            inhibitors = (*NAMED, "cdk46-inhibitor", "other:inhibitor")
        if self.chance(0.67):
            progression["on"] = self.some(*DATES)
        therapies = free(self.random, inhibitors, settings, reasons)
        if aim in ("do-not-continue", "individualise") and self.chance(0.2):
            therapies, progression["on"] = adjuvant(self.random), self.some(*RELAPSES)
        profile: Plain = {"patient": patient, "disease": disease, "biomarkers": biomarkers, "therapies": therapies}
        profile |= {"progression": progression, "safety": safety}
        if self.chance(0.1):
            profile["therapies_complete"] = False
        for path in self._gaps(aim):
            group, _, name = path.partition(".")
            (profile[group] if name and group in profile else profile).pop(name or group, None)
        return Drawn(aim, profile, self._day(()), self.some(*JURISDICTIONS))

    def _disease(self) -> Plain:
        found: Plain = {
            "extent": self.some("metastatic", "metastatic", "locally-advanced"),
            "er": self.some("positive", "positive", "low", {"percent": 10}, {"percent": 90}, "negative"),
            "pr": self.some("positive", "low", {"percent": 1}),
            "her2": self.some(
                "negative", {"ihc": 0}, {"ihc": "1+"}, {"ihc": "2+", "ish": "not-amplified"}, {"ihc": "ultralow"}
            ),
        }
        sites = ("bone", "liver", "lung", "brain", "leptomeninges", "skin")
        found["sites"] = list(dict.fromkeys(self.some(*sites) for _ in range(self.some(0, 1, 2, 3))))
        for name in ("visceral_crisis", "symptomatic_visceral", "symptomatic_cns"):
            if self.chance(0.75):
                found[name] = self.chance(0.25)
        return found

    def _patient(self) -> Plain:
        found: Plain = {"ecog": self.some(0, 1, 1, 2, 3), "sex": self.some("female", "female", "female", "male")}
        if found["sex"] == "female":
            found["menopausal_status"] = self.some(
                "postmenopausal", "postmenopausal", "premenopausal", "perimenopausal"
            )
            for name, share in (("ovarian_suppression", 0.67), ("pregnant", 0.2)):
                if self.chance(0.75):
                    found[name] = self.chance(share)
        return found

    def _outside(self, which: str) -> Plain:
        if which == "her2":
            return {"her2": self.some("positive", {"ihc": "3+"}, {"ihc": "2+", "ish": "amplified"})}
        if which == "receptors":
            return {"er": "negative", "pr": self.some("negative", {"percent": 0})}
        return {"extent": "early"} if which == "early" else {}

    def _biomarkers(self) -> Plain:
        """Results bare, with sample and time, or not to be had."""
        found: Plain = {}
        for path, fact in catalogue().items():
            if path.startswith("biomarkers.") and fact.main is None and self.chance(0.5):
                result: Any = self.some(*fact.values, *fact.values, "not-tested", "indeterminate", "full", "full")
                if result == "full":
                    result = {"result": self.some(*fact.values, "indeterminate")}
                    for part in catalogue().parts[path]:
                        if self.chance(0.5):
                            values = [v for v in self._candidates(part) if v is not NOT_APPLICABLE]
                            result[part.rpartition(".")[2]] = self.some(*values)
                found[path.partition(".")[2]] = result
        return found

    def _safety(self) -> Plain:
        """Half of what can be measured: mostly harmless."""
        found: Plain = {}
        for path, fact in catalogue().items():
            if path.startswith("safety.") and self.chance(0.5):
                if fact.kind == "set":
                    found[path.partition(".")[2]] = self.some(
                        [], [], [], ["palbociclib"], ["ribociclib", "abemaciclib"]
                    )
                    continue
                values = self._candidates(path)
                mask = self.atlas.benign[self.atlas.space.index[path]] if self.chance(0.7) else -1
                found[path.partition(".")[2]] = self.some(*(v for at, v in enumerate(values) if mask >> at & 1))
        return found

    def _candidates(self, path: str) -> Sequence[Any]:
        return self.atlas.space.candidates[self.atlas.space.index[path]]

    def _gaps(self, aim: str) -> list[str]:
        """What nobody recorded: always something where an undetermined verdict is in view."""
        decisive = ["disease.her2", "disease.er", "disease.extent", "therapies", "progression.status"]
        lesser = ["patient.sex", "patient.ecog", "patient.menopausal_status", "disease.sites", "disease.pr"]
        if aim == "undetermined":
            return [self.some(*decisive, *lesser) for _ in range(self.some(1, 2, 3))]
        return [self.some(*lesser)] if self.chance(0.5) else []


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


def drawn_cases(patients: Patients, reader: CaseReader) -> Iterator[tuple[Drawn, CaseFile]]:
    """Patients that a case can be of, without end, each with its case on its day."""
    for place in count():
        drawn = patients.profile()
        with suppress(InputError):
            held = case(reader, drawn.profile, as_of=drawn.day.isoformat(), jurisdiction=drawn.jurisdiction)
            yield drawn, held._replace(id=f"case-{place}")
