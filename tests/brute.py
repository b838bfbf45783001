"""An answer over all completions by trying every one of them: slow, plain, and worked out nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from random import Random
from typing import Any, NamedTuple

from helpers import node
from secondline.asof import AsOf
from secondline.cases import CaseReader
from secondline.errors import InputError
from secondline.inference.reference import infer
from secondline.patient import MENOPAUSE, PROGRESSED, SEX, cannot_be, know, stated_benefit
from secondline.profile import Profile
from secondline.states import Members, State
from secondline.tiers import CLOSED, UNDETERMINED, Outcome, gated, judge
from secondline.verdict import decide

Plain = dict[str, Any]
Partial = tuple[int | None, ...]  # for each fact of a catalogue the value it has, by position; None is unknown


class Whole(NamedTuple):
    """What follows for one patient of whom all is known."""

    verdict: str
    live: frozenset[str]
    in_use: frozenset[str]
    tiers: dict[str, str]
    gates: frozenset[str]
    behind: dict[str, frozenset[str]]


class Catalogue(NamedTuple):
    """Facts by the names that outputs have, each with the values it is tried with; the rest of the profile stays."""

    facts: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    rest: Plain


class Brute:
    """Every completion of profiles over a reduced catalogue."""

    def __init__(self, view: AsOf, reader: CaseReader, catalogue: Catalogue) -> None:
        self.view, self.base, self.reader, self.catalogue = view, view.base, reader, catalogue
        self._whole: dict[Partial, Whole | None] = {}
        self._every: dict[Partial, list[Whole]] = {}
        self.extent = next((i for i, f in enumerate(catalogue.facts) if f == "progression.extent"), None)

    def plain(self, partial: Partial) -> Plain:
        """The profile as a case file has it."""
        profile: Plain = {group: dict(v) if isinstance(v, dict) else v for group, v in self.catalogue.rest.items()}
        for fact, values, index in zip(self.catalogue.facts, self.catalogue.values, partial, strict=True):
            if index is not None and values[index] is not None:
                group, _, name = fact.partition(".")
                main, _, part = name.partition(".")
                if part:
                    held = profile.setdefault(group, {}).setdefault(main, {})
                    held[part] = values[index]
                else:
                    profile.setdefault(group, {})[main] = values[index]
        return profile

    def profile(self, partial: Partial) -> Profile | None:
        """The profile; None if it is refused."""
        plain = {"profile": self.plain(partial), "as_of": self.view.day.isoformat()}
        try:
            return self.reader.case(node(plain), "case").case.profile
        except InputError:
            return None

    def whole(self, full: Partial) -> Whole | None:
        """What follows for a full profile; None if no patient can have it."""
        if full not in self._whole:
            self._whole[full] = self._judge(full)
        return self._whole[full]

    def _judge(self, full: Partial) -> Whole | None:
        profile = self.profile(full)
        known = know(profile, self.view.day, self.base.vocabulary) if profile else None
        if known is None or not consistent(known.given):
            return None
        findings = infer(self.base, known.facts)
        view = self.view
        decision = decide(view.verdicts, findings.inference.rules, self.base.overriders)
        assert decision.settled, (self.plain(full), decision)
        agent = findings.facts.get("prior_cdk46.agent")
        closing = view.gates_closing("cdk46-inhibitor" if agent == "other" else str(agent))
        tiers, behind = {}, {}
        for regimen, rules in view.options.items():
            told = judge(regimen, rules, (), (), findings)
            assert told.outcome.tier != UNDETERMINED
            tiers[regimen], behind[regimen] = told.outcome.tier, frozenset(rule.id for rule in told.rules)
        return Whole(
            decision.verdict,
            frozenset(name for name, live in decision.live.items() if live),
            frozenset(gate.id for gate in closing if findings.fires(gate.id)),
            tiers,
            frozenset(gate.id for gate in view.gates if findings.fires(gate.id)),
            behind,
        )

    def completions(self, partial: Partial) -> list[Whole]:
        """What can follow; of an extent that is not recorded beside a progression one is assumed."""
        if partial not in self._every:
            self._every[partial] = list(self._completions(partial))
        return self._every[partial]

    def _completions(self, partial: Partial) -> Iterator[Whole]:
        facts = self.catalogue.facts
        choices: list[Sequence[int | None]] = [
            [index] if index is not None else range(len(values))
            for index, values in zip(partial, self.catalogue.values, strict=True)
        ]
        progressed = self.value(partial, "progression.status") in PROGRESSED
        if self.extent is not None and partial[self.extent] is None and progressed:
            choices[self.extent] = [self.catalogue.values[self.extent].index("systemic")]
        open_facts = {fact: i for i, fact in enumerate(facts) if partial[i] is None}
        seen: set[Partial] = set()
        for full in product(*choices):
            held = list(full)
            for rule in cannot_be():  # what cannot be is not filled in
                if rule.fact in open_facts and self.value(tuple(held), rule.other) in rule.values:
                    held[open_facts[rule.fact]] = None
            fits = self._benefits(tuple(held), open_facts) and self._applies(partial, tuple(held))
            found = self.whole(tuple(held)) if fits and tuple(held) not in seen else None
            seen.add(tuple(held))
            if found is not None:
                yield found

    def _applies(self, partial: Partial, filled: Partial) -> bool:
        """Whether nobody with a menopausal status is filled in as a man."""
        told = self.value(partial, MENOPAUSE) is not None and self.value(partial, SEX) is None
        return not (told and self.value(filled, SEX) == "male")

    def _benefits(self, full: Partial, filled: Iterable[str]) -> bool:
        """Whether a benefit that is filled in is what the response and the months give."""
        if "prior_cdk46.clinical_benefit" not in filled or self.value(full, "prior_cdk46.agent") == "none":
            return True
        told = [self.value(full, f"prior_cdk46.{name}") for name in ("best_response", "months", "clinical_benefit")]
        given = stated_benefit(told[0], told[1])
        return given is None or told[2] is None or told[2] is given

    def cannot_be(self, partial: Partial, at: int) -> bool:
        """Whether a fact that is left out cannot be, or is told, by what is known."""
        fact = self.catalogue.facts[at]
        if fact == SEX and self.value(partial, MENOPAUSE) is not None:
            return True  # it is told
        return any(r.fact == fact and self.value(partial, r.other) in r.values for r in cannot_be())

    def value(self, partial: Partial, fact: str) -> Any:
        """What a profile says of a fact."""
        if fact in self.catalogue.facts:
            at = self.catalogue.facts.index(fact)
            index = partial[at]
            return None if index is None else self.catalogue.values[at][index]
        group, _, name = fact.partition(".")
        return self.catalogue.rest.get(group, {}).get(name)

    # --- verdict ------------------------------------------------------------------------------------------

    def verdict(self, partial: Partial) -> tuple[str, frozenset[str]]:
        """The verdict, `undetermined` where completions differ, and the rules and gates behind it."""
        every = self.completions(partial)
        assert every
        closing = frozenset.intersection(*(whole.in_use for whole in every))
        if not closing and all(whole.in_use for whole in every):
            closing = frozenset[str]().union(*(whole.in_use for whole in every))
        verdicts = {"individualise" if whole.verdict == "continue" and closing else whole.verdict for whole in every}
        if len(verdicts) > 1:
            return UNDETERMINED, frozenset()
        goes_on = any(whole.verdict == "continue" for whole in every) and bool(closing)
        live = frozenset[str]().union(*(whole.live for whole in every if not goes_on or whole.verdict != "continue"))
        return verdicts.pop(), closing | live if goes_on else live

    def tiers(self, partial: Partial, regimens: Iterable[str]) -> dict[str, str]:
        """The tiers of regimens after the gates that hold in every completion."""
        every = self.completions(partial)
        certain = frozenset.intersection(*(whole.gates for whole in every))
        found = {}
        for regimen in regimens:
            holding = [gate for gate in self.view.gates_on[regimen] if gate.id in certain]
            after = {
                tier if tier == CLOSED else gated(Outcome(tier, "strong", "high"), holding).tier
                for tier in {whole.tiers[regimen] for whole in every}
            }
            found[regimen] = after.pop() if len(after) == 1 else UNDETERMINED
        return found

    def open_gates(self, partial: Partial) -> frozenset[str]:
        """The gates that hold in some completions and not in others."""
        every = [whole.gates for whole in self.completions(partial)]
        return frozenset.union(*every) - frozenset.intersection(*every)

    # --- least sets ---------------------------------------------------------------------------------------

    def filled(self, partial: Partial, some: Iterable[int]) -> Iterator[Partial]:
        """The profile with some facts filled in, for every combination of values that no contradiction excludes."""
        some = list(some)
        for values in product(*(range(len(self.catalogue.values[i])) for i in some)):
            held = list(partial)
            for index, value in zip(some, values, strict=True):
                held[index] = value
            if self._applies(partial, tuple(held)) and self.completions(tuple(held)):
                yield tuple(held)

    def least(self, partial: Partial, settled: Any) -> list[tuple[str, ...]]:
        """The least sets of unknown facts that settle something for every value, in order."""
        unknown = [i for i, index in enumerate(partial) if index is None and not self.cannot_be(partial, i)]
        if self.extent in unknown:
            unknown.remove(self.extent)  # beside a progression it is assumed
        settling: list[frozenset[int]] = []
        for size in range(len(unknown) + 1):
            for some in map(frozenset, combinations(unknown, size)):
                if not any(least <= some for least in settling) and all(map(settled, self.filled(partial, some))):
                    settling.append(some)
        return sorted(
            (tuple(sorted(self.catalogue.facts[i] for i in some)) for some in settling), key=lambda f: (len(f), f)
        )


def consistent(given: Mapping[str, State]) -> bool:
    """Whether facts of the history that are given one by one agree; no contradiction of the contract says so."""
    agent, agents = given.get("prior_cdk46.agent"), given.get("prior_cdk46.agents")
    if isinstance(agents, Members) and isinstance(agent, str):
        return not agents.sure if agent == "none" else agents.may_have(agent)
    return True


def partials(catalogue: Catalogue, random: Random, most: int) -> Partial:
    """A profile over a catalogue with at most so many facts unknown."""
    gone = set(random.sample(range(len(catalogue.facts)), random.randint(0, min(most, len(catalogue.facts)))))
    return tuple(None if i in gone else random.randrange(len(v)) for i, v in enumerate(catalogue.values))


def as_mapping(catalogue: Catalogue, partial: Partial) -> Mapping[str, Any]:
    """A profile for a message."""
    return {
        fact: "unknown" if index is None else values[index]
        for fact, values, index in zip(catalogue.facts, catalogue.values, partial, strict=True)
    }
