"""What a rule base can answer at all: the days on which it changes, and for each regimen the tiers it can have.

A tier counts as attainable where facts were found by search that make an option rule hold, with at most two gates that
lower and one that caps, and where the reference gives that tier for a profile with these facts on a day on which all
of them are in effect. So a rule and a gate that exclude one another ask nothing of the generated patients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from helpers import node
from satisfying import Node, Search, Space, joined, literals
from secondline import condition as conditions
from secondline.asof import AsOf
from secondline.facts import catalogue
from secondline.inference.reference import infer
from secondline.patient import know
from secondline.profile import Profile
from secondline.refusals import refusals
from secondline.rulebase import RuleBase
from secondline.scales import TIERS, Jurisdiction
from secondline.states import NOT_APPLICABLE
from secondline.tiers import CLOSED, UNDETERMINED, Outcome, gated, judge

if TYPE_CHECKING:
    from secondline.forms.rules import Gate, OptionRule, Rule, VerdictRule

Plain = dict[str, Any]
IN = 1  # the mask of a member that is in its set
JURISDICTIONS: tuple[Jurisdiction, ...] = ("us", "eu", "none")
DAY = timedelta(days=1)


class Recipe(NamedTuple):
    """How a regimen comes to a tier: on these days, in this jurisdiction, where this holds and this fact is unknown."""

    regimen: str
    tier: str
    days: tuple[date, ...]
    jurisdiction: Jurisdiction
    goals: tuple[Node, ...]
    unknown: str | None = None


class Epoch(NamedTuple):
    """Days on which the same rules speak of a regimen."""

    jurisdiction: Jurisdiction
    days: list[date]
    rules: Sequence[OptionRule]
    gates: Sequence[Gate]


class Atlas:
    """A rule base as a generator sees it: worked out once, shared by every patient."""

    def __init__(self, base: RuleBase, more: Sequence[conditions.Condition] = ()) -> None:
        self.base = base
        self.space = Space(base, more)
        self.usual = base.knowledge_until
        self.days = tuple(_days(base))
        self.rules: dict[str, Rule] = {rule.id: rule for rule in base.rules()}
        self.effective = {
            name: tuple(day for day in self.days if base.in_effect(rule, day)) for name, rule in self.rules.items()
        }
        self.holds = {name: self.space.node(rule.when, True) for name, rule in self.rules.items()}
        self.fails = {name: self.space.node(rule.when, False) for name, rule in self.rules.items()}
        self.outside = tuple(rule.id for rule in base.verdicts if rule.then.verdict == "out-of-scope")
        self.in_scope = joined(tuple(self.fails[name] for name in self.outside), every=True)
        self.deciders = {rule.id: tuple(self._deciding(rule)) for rule in base.verdicts}
        self.moving = tuple(gate for gate in base.gates if gate.then.tier or gate.then.lower)
        deciding = {lit.variable for rule in base.verdicts for lit in literals(self.holds[rule.id])}
        spoken_of = {lit.variable for tree in self.holds.values() for lit in literals(tree)}
        self.deciding = tuple(sorted(deciding))
        self.decisive = frozenset(self.space.names[at].partition(":")[0] for at in deciding)
        self.lesser = tuple(sorted(spoken_of - deciding))
        self.unheard = tuple(at for at in range(len(self.space.names)) if at not in spoken_of)
        self.benign = self._benign()

    def _deciding(self, rule: VerdictRule) -> Iterator[Node]:
        """A verdict rule holds, and no rule in effect beside it that says something else and is not overridden."""
        yield self.holds[rule.id]
        for other in self.base.verdicts:
            apart = not set(self.effective[rule.id]) & set(self.effective[other.id])
            if other.then.verdict != rule.then.verdict and other.id not in rule.overrides and not apart:
                yield self.fails[other.id]

    def _benign(self) -> list[int]:
        """For each variable the candidates that speak for the fewest gates and ways out of scope."""
        against = [[0] * len(these) for these in self.space.candidates]
        for name in (*self.outside, *(gate.id for gate in self.moving)):
            for lit in dict.fromkeys(literals(self.holds[name])):
                for at in range(len(against[lit.variable])):
                    against[lit.variable][at] += lit.mask >> at & 1
        return [sum(1 << at for at, count in enumerate(counts) if count == min(counts)) for counts in against]

    @cached_property
    def names(self) -> dict[str, set[str]]:
        """All that a regimen can be spoken of by: itself, its drugs, their classes."""
        classes = self.base.vocabulary.classes_of
        return {
            regimen: {regimen, *agents, *(name for agent in agents for name in classes(agent) or ())}
            for regimen in self.base.vocabulary.regimens
            for agents in [self.base.agents_of(regimen)]
        }

    def gates_on(self, regimen: str) -> tuple[Gate, ...]:
        agents = self.base.agents_of(regimen)
        return tuple(gate for gate in self.moving if self.base.applies(gate, regimen, agents))

    def together(self, rules: Iterable[Rule]) -> tuple[date, ...]:
        """The days on which all of these are in effect."""
        every = [self.effective[rule.id] for rule in rules]
        return tuple(day for day in self.days if all(day in days for days in every))

    # --- tiers --------------------------------------------------------------------------------------------

    @cached_property
    def recipes(self) -> dict[tuple[str, str], Recipe]:
        """A recipe for every tier that a regimen can have."""
        found: dict[tuple[str, str], Recipe] = {}
        for regimen in sorted({rule.regimen for rule in self.base.options}):
            tried: dict[tuple[str, ...], bool] = {}
            for epoch in self._epochs(regimen):
                for recipe in self._recipes(regimen, epoch, found, tried):
                    found[regimen, recipe.tier] = recipe
        return found

    @cached_property
    def _views(self) -> list[tuple[Jurisdiction, date, AsOf]]:
        """The rule base on each day in each jurisdiction, newest first."""
        days = [day for day in reversed(self.days) if day <= self.usual]
        places: tuple[tuple[Jurisdiction, str | None], ...] = (("us", "us"), ("eu", "eu"), ("none", None))
        return [(name, day, AsOf(self.base, day, local)) for day in days for name, local in places]

    def _epochs(self, regimen: str) -> list[Epoch]:
        found: dict[tuple[str, ...], Epoch] = {}
        for jurisdiction, day, view in self._views:
            rules = view.options.get(regimen, [])
            gates = view.gates_on.get(regimen, [])
            moving = [gate for gate in gates if gate.then.tier or gate.then.lower]
            key = (jurisdiction, *(rule.id for rule in (*rules, *moving)))
            if rules:
                found.setdefault(key, Epoch(jurisdiction, [], rules, moving)).days.append(day)
        return list(found.values())

    def _recipes(
        self, regimen: str, epoch: Epoch, found: Mapping[tuple[str, str], Recipe], tried: dict[tuple[str, ...], bool]
    ) -> Iterator[Recipe]:
        ways: dict[str, list[tuple[OptionRule, tuple[Gate, ...]]]] = {}
        for rule in epoch.rules:
            for gates in _few(epoch.gates):
                outcome = gated(Outcome(rule.then.tier, rule.then.strength, rule.then.certainty), gates)
                ways.setdefault(outcome.tier, []).append((rule, gates))
        for tier, these in ways.items():
            if (regimen, tier) in found:
                continue
            for rule, gates in sorted(these, key=lambda way: len(way[1])):
                names = (rule.id, *(gate.id for gate in gates))
                if names not in tried:
                    both = [self.holds[name] for name in names]
                    tried[names] = self.search(0).require(*both, self.in_scope)
                recipe = (
                    self._confirmed(regimen, tier, epoch, self._goals(rule, gates, epoch)) if tried[names] else None
                )
                if recipe:
                    yield recipe
                    break
        if (regimen, CLOSED) not in found:
            goals = (*(self.fails[rule.id] for rule in epoch.rules), self.in_scope)
            recipe = self._confirmed(regimen, CLOSED, epoch, goals)
            yield from [recipe] if recipe else []
        if (regimen, UNDETERMINED) not in found:
            yield from self._open(regimen, epoch)

    def _goals(self, rule: OptionRule, gates: Sequence[Gate], epoch: Epoch) -> tuple[Node, ...]:
        """This rule and these gates hold, no rule of a higher tier and no other gate does."""
        named = {gate.id for gate in gates}
        higher = [other for other in epoch.rules if TIERS.index(other.then.tier) < TIERS.index(rule.then.tier)]
        return (
            self.holds[rule.id],
            *(self.holds[gate.id] for gate in gates),
            *(self.fails[other.id] for other in higher),
            *(self.fails[gate.id] for gate in epoch.gates if gate.id not in named),
            self.in_scope,
        )

    def _confirmed(self, regimen: str, tier: str, epoch: Epoch, goals: tuple[Node, ...]) -> Recipe | None:
        """The recipe, if facts are found for it and the reference gives this tier for them."""
        search = self.search(0)
        if not search.require(*goals):
            return None
        self.finish(search)
        if self.tier(facts_of(search), regimen, epoch) != tier:
            return None
        return Recipe(regimen, tier, tuple(epoch.days), epoch.jurisdiction, goals)

    def _open(self, regimen: str, epoch: Epoch) -> Iterator[Recipe]:
        """A rule that would hold, but for one fact that is not known."""
        for rule in epoch.rules:
            goals = self._goals(rule, (), epoch)
            search = self.search(0)
            if search.require(*goals):
                self.finish(search)
                facts = facts_of(search)
                for path in facts:
                    fewer = {name: value for name, value in facts.items() if name != path}
                    if self.tier(fewer, regimen, epoch) == UNDETERMINED:
                        yield Recipe(regimen, UNDETERMINED, tuple(epoch.days), epoch.jurisdiction, goals, path)
                        return

    def search(self, seed: int) -> Search:
        return Search(self.space, Random(seed), effort=300)

    def finish(self, search: Search) -> None:
        """Settle what has been narrowed and not settled."""
        for variable, mask in enumerate(self.benign):
            if search.touched(variable) and not search.settled(variable):
                search.settle(variable, mask)

    def tier(self, facts: Mapping[str, Any], regimen: str, epoch: Epoch) -> str | None:
        """The tier that the reference gives; None for a profile that is refused or out of scope."""
        day = epoch.days[0]
        profile = Profile.model_validate(node(profile_of(facts)).plain())
        if list(refusals(profile, day, self.base.vocabulary)):
            return None
        findings = infer(self.base, know(profile, day, self.base.vocabulary).facts)
        if any(findings.fires(name) for name in self.outside):
            return None
        holding = [gate for gate in epoch.gates if findings.fires(gate.id)]
        return judge(regimen, epoch.rules, holding, (), findings).outcome.tier


def _few(gates: Sequence[Gate]) -> Iterator[tuple[Gate, ...]]:
    """At most two gates that lower and at most one that caps."""
    lowering = [gate for gate in gates if gate.then.lower]
    capping = [gate for gate in gates if gate.then.tier and not gate.then.lower]
    for number in (0, 1, 2):
        for lower in combinations(lowering, number):
            yield lower
            yield from ((*lower, cap) for cap in capping)


def _days(base: RuleBase) -> Iterator[date]:
    """Every day on which the rule base changes, with the day before and, for rules, the day after."""
    found = {base.knowledge_until, base.knowledge_until + DAY}
    for rule in base.rules():
        window = rule.effective
        for day in (window.since, window.until) if window else ():
            found |= {day - DAY, day, day + DAY} if day else set()
    for source in base.sources.values():
        for day, _, _ in source.reports:
            found |= {day - DAY, day}
    yield from sorted(found)


# --- facts as a case gives them ---------------------------------------------------------------------------


def facts_of(search: Search, given: Iterable[str] = ()) -> Plain:
    """The facts that were settled, by path; sets are whole once any member was settled or they are among `given`."""
    space, found = search.space, cast("Plain", {})
    whole = list(given)
    for path in catalogue():
        members = space.members.get(path)
        if members is not None:
            if path in whole or any(search.touched(member) for member in members):
                names = [space.names[at] for at in members]
                inside = [name for at, name in zip(members, names, strict=True) if search.sure(at, IN)]
                found[path] = [name.partition(":")[2] for name in inside]
            continue
        variable = space.index[path]
        if search.touched(variable) and search.settled(variable):
            found[path] = search.value(variable)
    if found.get("disease.her2.ihc") == "2+" and "disease.her2" in found:
        found["disease.her2.ish"] = "amplified" if found["disease.her2"] == "positive" else "not-amplified"
    bare = [path.rpartition(".")[0] for path, value in found.items() if value is NOT_APPLICABLE]
    return {
        path: value
        for path, value in found.items()
        if value is not NOT_APPLICABLE and not (path.startswith("biomarkers.") and path.rpartition(".")[0] in bare)
    }


def profile_of(facts: Mapping[str, Any]) -> Plain:
    """The profile of a case that states these facts."""
    found: Plain = {}
    for path, value in facts.items():
        group, name, *part = path.split(".")
        held = found.setdefault(group, {})
        if part:
            key = "status" if group == "disease" else "result"
            main = held.get(name, {})
            held[name] = {**(main if isinstance(main, dict) else {key: main}), part[0]: value}
        else:
            held[name] = value
    return found
