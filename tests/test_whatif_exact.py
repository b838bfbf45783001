"""What would change an answer, against brute force: every change and every result on reduced catalogues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from itertools import count as count_up
from operator import ge, gt, le, lt
from random import Random
from typing import Any

import pytest

from brute import Brute, Catalogue, Partial, as_mapping, consistent, partials
from conftest import COUNTS
from secondline.asof import AsOf
from secondline.cases import CaseReader
from secondline.facts import catalogue, stated
from secondline.inference.reference import infer
from secondline.patient import know, stated_benefit
from secondline.recommend import Adviser, Answer, Question
from secondline.rulebase import RuleBase
from secondline.scales import OFFERED
from secondline.states import Members, State
from secondline.tiers import UNDETERMINED
from secondline.whatif.run import Reach, Would
from secondline.whatif.values import Values
from test_exact import DAY, REST, Made, drawn, values

AGENT, AGENTS = "prior_cdk46.agent", "prior_cdk46.agents"
BENEFIT = ("prior_cdk46.best_response", "prior_cdk46.months", "prior_cdk46.clinical_benefit")
EXTENT = "progression.extent"
Target = tuple[str, str]
Reached = dict[Target, dict[frozenset[str], list[Partial]]]

pytestmark = pytest.mark.long


def reduced(base: RuleBase, random: Random) -> Catalogue:
    """A reduced catalogue of five facts or so; of what the inhibitor brought either all facts are tried or none."""
    names = drawn(base, random, 5).facts
    if not set(BENEFIT).isdisjoint(names):
        others = [name for name in names if name not in (AGENT, AGENTS, *BENEFIT)]
        names = (*others[:3], *BENEFIT)
    rest = {
        group: {name: value for name, value in held.items() if f"{group}.{name}" not in names}
        for group, held in REST.items()
    }
    return Catalogue(names, tuple(values(base, fact) for fact in names), rest)


class Tried:
    """The answers to profiles over one catalogue, by brute force."""

    def __init__(self, brute: Brute) -> None:
        self.brute, self.facts = brute, brute.catalogue.facts
        self._told: dict[Partial, set[Target] | None] = {}

    def targets(self, partial: Partial) -> set[Target] | None:
        """The verdict and each regimen that is offered or not; None where no patient can be so."""
        if partial not in self._told:
            self._told[partial] = self._targets(partial)
        return self._told[partial]

    def _targets(self, partial: Partial) -> set[Target] | None:
        brute = self.brute
        if brute.profile(partial) is None or not brute.completions(partial):
            return None
        verdict, _ = brute.verdict(partial)
        found = {("verdict", verdict)}
        if verdict != "out-of-scope":
            for regimen, tier in brute.tiers(partial, brute.view.options).items():
                if tier != UNDETERMINED:
                    found.add((regimen, "opens" if tier in OFFERED else "closes"))
        return found

    def at(self, partial: Partial, fact: str) -> Any:
        return self.brute.value(partial, fact)

    def put(self, partial: Partial, fact: str, value: Any) -> Partial:
        """A profile with another value of a fact of the catalogue."""
        held, at = list(partial), self.facts.index(fact)
        held[at] = self.brute.catalogue.values[at].index(value)
        return tuple(held)

    def told(self, partial: Partial) -> bool | None:
        return stated_benefit(self.at(partial, BENEFIT[0]), self.at(partial, BENEFIT[1]))

    def changed(self, partial: Partial, other: Mapping[str, Any]) -> Partial | None:
        """A profile with facts otherwise and what follows from them; None where those do not go together."""
        held = partial
        if AGENT in self.facts and self.at(partial, AGENT) is None and not {AGENT, AGENTS}.isdisjoint(other):
            held = self.put(held, AGENT, self.present(partial, AGENT))  # as a fact, whatever it follows from
        if AGENT in other and self.at(partial, AGENTS) is not None:
            before, last = {*self.at(partial, AGENTS)} - {self.at(held, AGENT)}, other[AGENT]
            held = self.put(held, AGENTS, _inhibitors(set() if last == "none" else {*before, last}))
        for fact, value in other.items():
            if fact == AGENTS and value == self.at(held, AGENTS):
                return None  # it follows: no change of its own
            held = self.put(held, fact, value)
        if AGENTS in other:
            last, given = self.at(held, AGENT), self.at(held, AGENTS)
            if given if last == "none" else last not in given:
                return None
        if not {BENEFIT[0], BENEFIT[1]}.isdisjoint(other) and self.told(held) is not None:
            if BENEFIT[2] in other:
                return None
            if BENEFIT[2] in self.facts and self.at(held, BENEFIT[2]) is not None:
                held = self.put(held, BENEFIT[2], self.told(held))
        return held

    def present(self, partial: Partial, fact: str) -> Any:
        """What is known of a fact, if only because another one tells it."""
        value = self.at(partial, fact)
        if value is None and fact == EXTENT:
            return "systemic"
        if value is None and fact == AGENT:
            return (self.at(partial, AGENTS) or ["none"])[0]
        return self.told(partial) if value is None and fact == BENEFIT[2] else value

    def by_change(self, partial: Partial, facts: Collection[str]) -> Reached:
        """Every target with the least sets of known facts and all their values that reach it."""
        found: Reached = {}
        before = self.targets(partial) or set()
        for size in range(1, len(facts) + 1):
            now: Reached = {}
            for some in combinations(sorted(facts), size):
                for combination in product(*(self.others(partial, fact) for fact in some)):
                    changed = self.changed(partial, dict(zip(some, combination, strict=True)))
                    if changed is not None:
                        for target in (self.targets(changed) or set()) - before:
                            now.setdefault(target, {}).setdefault(frozenset(some), []).append(changed)
            found = {**now, **found}
        return found

    def others(self, partial: Partial, fact: str) -> list[Any]:
        return [v for v in self.brute.catalogue.values[self.facts.index(fact)] if v != self.present(partial, fact)]

    def by_knowing(self, partial: Partial, facts: Collection[str]) -> Reached:
        """Every target with the least sets of unknown facts and all their values that reach it."""
        found: Reached = {}
        before = self.targets(partial) or set()
        for size in range(1, len(facts) + 1):
            now: Reached = {}
            for some in combinations(sorted(facts), size):
                for filled in self.brute.filled(partial, [self.facts.index(fact) for fact in some]):
                    for target in (self.targets(filled) or set()) - before:
                        now.setdefault(target, {}).setdefault(frozenset(some), []).append(filled)
            found = {**now, **found}
        return found


def _inhibitors(given: Collection[str]) -> list[str]:
    return [name for name in ("palbociclib", "ribociclib", "abemaciclib", "other") if name in given]


def compared(brute: Brute, partial: Partial, counts: Counter[str]) -> None:
    """One profile: what would change its answer, worked out over diagrams, against every change and every result."""
    view, base, tried = brute.view, brute.base, Tried(brute)
    profile = brute.profile(partial)
    known = know(profile, view.day, base.vocabulary) if profile else None
    if profile is None or known is None or not consistent(known.given) or not brute.completions(partial):
        return
    answer = Answer(profile, view, known, infer(base, known.facts), Question(view.day, "us"))
    would = Would(answer, frozenset(stated(profile)), frozenset(brute.catalogue.facts))
    told = as_mapping(brute.catalogue, partial)
    unknown = {
        fact
        for at, fact in enumerate(brute.catalogue.facts)
        if partial[at] is None and not brute.cannot_be(partial, at) and known.facts.get(fact) != "systemic"
    }
    expected = {
        "unknown": tried.by_knowing(partial, unknown),
        "changeable": tried.by_change(partial, would.changeable.otherwise.chosen),
        "unchangeable": tried.by_change(partial, would.unchangeable.otherwise.chosen),
    }
    counts["profiles"] += 1
    for target in would.targets():
        for group, reach in target.by.items():
            if group in expected:
                least = expected[group].get((target.about, target.to), {})
                agrees(brute, least, reach, group, (told, target.about, target.to, group))
                counts[f"targets, {group}"] += 1
                counts[f"targets reached, {group}"] += bool(least)
                counts[f"targets that take several facts, {group}"] += bool(least) and len(next(iter(least))) > 1


def agrees(
    brute: Brute, least: Mapping[frozenset[str], Sequence[Partial]], reach: Reach, group: str, told: object
) -> None:
    """One target: the least sets and their values, against all that reach it."""
    size = len(next(iter(least), ()))
    if not least or (group == "unknown" and size > 3):
        assert reach.sets == (), (told, reach)
        assert reach.why == ("more than that" if least else "nothing does"), told
        return
    assert reach.why == "", told
    if not reach.more:
        assert {frozenset(found.facts) for found in reach.sets} == least.keys(), told
    for found in reach.sets:
        reaching = least[frozenset(found.facts)]
        seen = dict.fromkeys(range(len(found.ways)), False)
        for partial in reaching:
            profile = brute.profile(partial)
            assert profile is not None
            after = know(profile, brute.view.day, brute.base.vocabulary).facts
            fitting = [i for i, row in enumerate(found.ways) if all(fits(values, after) for values in row)]
            assert fitting, (told, found, as_mapping(brute.catalogue, partial))
            seen |= dict.fromkeys(fitting, True)
        assert all(seen.values()), (told, found)


def fits(values: Values, after: Mapping[str, State]) -> bool:
    """Whether a fact has one of the values shown."""
    fact, state = catalogue()[values.fact], after.get(values.fact)
    if isinstance(state, Members):
        return any(
            all(state.may_have(m) for m in held.get("with", ())) and state.sure.isdisjoint(held.get("without", ()))
            for held in values.plain
        )
    if fact.numeric:
        assert isinstance(state, (int, float))
        passes = {"at_least": ge, "above": gt, "at_most": le, "below": lt}
        return any(all(passes[op](state, limit) for op, limit in span.items()) for span in values.plain)
    for held in values.plain:
        if isinstance(held, dict):
            parts = {f"{values.fact}.{part}": of for part, of in held.items() if part not in ("status", "result")}
            main = held.get("status", held.get("result"))
            if state == main and all(after.get(part) in of for part, of in parts.items()):
                return True
        elif state == held:
            return True
    return False


def test_least_changes_on_reduced_catalogues_of_the_shipped_rules(
    adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest
) -> None:
    random, counts = Random(11), COUNTS.setdefault("least changes against brute force, shipped rules", Counter())
    wanted = request.config.getoption("--brute") // 4
    view = adviser.calendar.on(DAY, "us")
    while counts["profiles"] < wanted:
        brute = Brute(view, reader, reduced(adviser.base, random))
        for _ in range(10):
            compared(brute, partials(brute.catalogue, random, 3), counts)


def test_least_changes_on_made_up_rule_bases(
    adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest
) -> None:
    random, counts = Random(13), COUNTS.setdefault("least changes against brute force, made-up rules", Counter())
    wanted = request.config.getoption("--brute") // 2
    for seed in count_up(1000):
        made = Made(seed, adviser.base)
        base = made.base()
        brute = Brute(AsOf(base, DAY, "us"), reader, made.catalogue(base))
        for _ in range(10):
            compared(brute, partials(brute.catalogue, random, 4), counts)
        counts["rule bases"] += 1
        if counts["profiles"] >= wanted:
            break
    assert counts["targets that take several facts, unknown"] > wanted // 20


@pytest.mark.parametrize("seed", [1358])
def test_rule_bases_that_were_once_answered_otherwise(adviser: Adviser, reader: CaseReader, seed: int) -> None:
    """A menopausal status that is found out tells the sex."""
    random, made, counts = Random(seed), Made(seed, adviser.base), Counter[str]()
    base = made.base()
    brute = Brute(AsOf(base, DAY, "us"), reader, made.catalogue(base))
    for _ in range(60):
        compared(brute, partials(brute.catalogue, random, 4), counts)
    assert counts["targets reached, unknown"]
