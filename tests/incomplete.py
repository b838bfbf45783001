"""Whole patients, fact by fact, and the same with facts hidden: what an answer does as more becomes known."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from random import Random
from typing import Any

from brute import Plain
from secondline.facts import catalogue, main_of
from secondline.rulebase import RuleBase
from test_exact import INHIBITORS, REST, WHOLE, values

USUAL = 0.75  # the share of facts that are as in most patients


class Incomplete:
    """Patients of whom everything a rule reads is known, drawn fact by fact, and what is left when facts are hidden."""

    def __init__(self, base: RuleBase, seed: int) -> None:
        self.random = Random(seed)
        self.read = tuple(sorted({main_of(fact) for fact in base.tests_on if fact in catalogue()}))
        self.values = {
            fact: values(base, fact) for fact in self.read if fact in WHOLE or catalogue()[fact].kind != "set"
        }

    def whole(self) -> Plain:
        """A patient as a case file has it; no two facts contradict each other."""
        profile: Plain = copy.deepcopy(REST)
        for fact, possible in self.values.items():
            if self.random.random() > USUAL:
                put(profile, fact, self.random.choice(possible))
        prior, patient = profile["prior_cdk46"], profile["patient"]
        agents = [agent for agent in self.random.choice(INHIBITORS) if agent != prior["agent"]]
        prior["agents"] = [] if prior["agent"] == "none" else [*agents[:1], prior["agent"]]
        if prior["agent"] == "none":
            profile["prior_cdk46"] = {"agent": "none", "agents": []}
        if patient["sex"] == "male":
            for name in ("menopausal_status", "ovarian_suppression", "pregnant"):
                patient.pop(name)
        elif patient["menopausal_status"] == "postmenopausal":
            patient.pop("ovarian_suppression")
            patient.pop("pregnant")
        if profile["progression"]["status"] == "molecular":
            profile["biomarkers"]["esr1"] = "mutated"
        if profile["progression"]["status"] in ("none", "molecular"):
            profile["progression"].pop("extent")
        return profile

    def hidden(self, whole: Plain, number: int) -> tuple[Plain, list[str]]:
        """The patient with so many facts hidden, and which."""
        known = [fact for fact in self.read if value(whole, fact) is not None]
        gone = self.random.sample(known, min(number, len(known)))
        return without(whole, gone), gone


def value(profile: Plain, fact: str) -> Any:
    group, _, name = fact.partition(".")
    return profile.get(group, {}).get(name)


def put(profile: Plain, fact: str, given: Any) -> None:
    group, _, name = fact.partition(".")
    profile.setdefault(group, {})[name] = given


def without(profile: Plain, gone: Iterable[str]) -> Plain:
    found = copy.deepcopy(profile)
    for fact in gone:
        group, _, name = fact.partition(".")
        found.get(group, {}).pop(name, None)
    return found


def revealed(profile: Plain, whole: Plain, facts: Iterable[str]) -> Plain:
    """A patient with some facts known as they are."""
    found = copy.deepcopy(profile)
    for fact in facts:
        if value(whole, fact) is not None:
            put(found, fact, copy.deepcopy(value(whole, fact)))
    return found
