"""What becomes of an answer as more is known: settled stays settled, what is missing settles, the first test helps."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import product
from random import Random
from statistics import mean
from typing import Any

import pytest

from brute import Plain, consistent
from conftest import COUNTS
from helpers import case
from incomplete import Incomplete, put, revealed, value
from secondline.cases import CaseReader
from secondline.entail import Entailment
from secondline.errors import InputError
from secondline.facts import catalogue
from secondline.inference.reference import infer
from secondline.patient import know
from secondline.recommend import Adviser, Question, recommend
from secondline.rulebase import RuleBase
from secondline.scales import Verdict
from secondline.states import NOT_APPLICABLE
from secondline.tiers import UNDETERMINED
from strategies import Patients
from test_exact import WHOLE, values

pytestmark = pytest.mark.long

DAY = date(2026, 11, 22)


class Judge:
    """Verdicts of profiles, without the rest of an answer; None for a profile that is refused."""

    def __init__(self, adviser: Adviser, reader: CaseReader) -> None:
        self.adviser, self.reader, self.base = adviser, reader, adviser.base

    def __call__(self, profile: Plain, day: date = DAY) -> tuple[Verdict, Entailment, frozenset[str]] | None:
        """The verdict, what it was entailed by, and the facts that were assumed or stand open as checks."""
        try:
            held = case(self.reader, profile, as_of=day.isoformat()).case.profile
        except InputError:
            return None
        known = know(held, day, self.base.vocabulary)
        if not consistent(known.given):
            return None
        found = Entailment(self.adviser.calendar.on(day, "us"), infer(self.base, known.facts), known)
        decision, closing, maybe = found.with_gates(found.decide())
        spared = {*known.assumed, *(fact for gate in maybe for fact in found.facts_in_use(gate))}
        return "individualise" if closing else decision.verdict, found, frozenset(spared)


def possible(base: RuleBase, fact: str) -> tuple[Any, ...]:
    if catalogue()[fact].kind == "set" and fact not in WHOLE:
        return ([],)
    return values(base, fact)


def test_a_settled_verdict_stays_whatever_is_filled_in(
    adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest
) -> None:
    """Any number of facts filled in at once, at random, on patients drawn for the rules and on whole ones with gaps."""
    random, base, judged = Random(5), adviser.base, Judge(adviser, reader)
    wanted = request.config.getoption("--fillings")
    counts = COUNTS.setdefault("fillings of settled verdicts", Counter())
    drawn, gaps = Patients(random, base), Incomplete(base, 5)
    while counts["fillings"] < wanted:
        if random.random() < 0.5:
            one = drawn.profile()
            profile, day = one.profile, one.day
        else:
            profile, day = gaps.hidden(gaps.whole(), random.choice((3, 8, 15)))[0], DAY
        before = judged(profile, day)
        if before is None or before[0] == UNDETERMINED:
            counts["patients refused or undetermined"] += 1
            continue
        known = before[1].findings.facts
        facts = [f for f in gaps.read if f not in before[2] and value(profile, f) is None]
        facts = [fact for fact in facts if known.get(fact) is not NOT_APPLICABLE]
        for _ in range(5):
            more = revealed(profile, {}, ())
            for fact in random.sample(facts, random.randint(1, max(1, min(12, len(facts))))) if facts else ():
                put(more, fact, random.choice(possible(base, fact)))
            after = judged(more, day)
            if after is None:
                counts["fillings that no patient can have"] += 1
                continue
            assert after[0] == before[0], (profile, more)
            counts["fillings"] += 1


def test_what_is_missing_settles_it_and_nothing_less_does(
    adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest
) -> None:
    """Every value of every least set of a few facts; with one fact fewer some value leaves it open."""
    random, base, judged = Random(6), adviser.base, Judge(adviser, reader)
    wanted = request.config.getoption("--fillings") // 40
    counts = COUNTS.setdefault("least sets", Counter())
    gaps = Incomplete(base, 6)
    while counts["least sets"] < wanted:
        whole = gaps.whole()
        profile, _ = gaps.hidden(whole, random.choice((2, 3, 4, 6)))
        before = judged(profile)
        if before is None or before[0] != UNDETERMINED:
            continue
        for facts in before[1].missing:
            choices = [possible(base, fact) for fact in facts]
            if len(list(product(*choices))) > 300 or any(fact == "prior_cdk46.agents" for fact in facts):
                counts["sets with too many values to try"] += 1
                continue
            assert settled(judged, profile, facts, choices), (profile, facts)
            for fact in facts:
                fewer = [other for other in facts if other != fact]
                assert not settled(judged, profile, fewer, [possible(base, other) for other in fewer]), (profile, facts)
            counts["least sets"] += 1


def settled(judged: Judge, profile: Plain, facts: Any, choices: Any) -> bool:
    """Whether a verdict is settled with every combination of values of some facts."""
    for filled in product(*choices):
        more = revealed(profile, {}, ())
        for fact, given in zip(facts, filled, strict=True):
            put(more, fact, given)
        after = judged(more)
        if after is not None and after[0] == UNDETERMINED:
            return False
    return True


def test_the_first_test_settles_more_than_chance(
    adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest
) -> None:
    """One fact revealed: the one suggested first, a random one that some rule still reads, the best there is."""
    judged, gaps = Judge(adviser, reader), Incomplete(adviser.base, 8)
    wanted = request.config.getoption("--fillings") // 10
    suggested: list[bool] = []
    chance: list[float] = []
    best: list[bool] = []
    while len(best) < wanted:
        whole = gaps.whole()
        profile, gone = gaps.hidden(whole, gaps.random.choice((4, 8, 12)))
        before = judged(profile)
        if before is None or before[0] != UNDETERMINED:
            continue
        held = case(reader, profile, as_of=DAY.isoformat()).case.profile
        answer = recommend(held, adviser, Question(DAY, "us", "case"))
        read = {fact for rule in before[1].view.rules() for fact in adviser.base.reads[rule.id]}
        settles = {
            fact: (after := judged(revealed(profile, whole, [fact]))) is not None and after[0] != UNDETERMINED
            for fact in gone
            if fact in read
        }
        first = next((test.fact for test in answer.tests if test.fact in settles), None)
        suggested.append(settles[first] if first else False)
        chance.append(mean(settles.values()))
        best.append(any(settles.values()))
    shares = mean(suggested), mean(chance), mean(best)
    COUNTS["verdicts settled by one fact"] = Counter(
        {f"of {wanted} incomplete patients, in tenths of a per cent {name}": round(1000 * share)
         for name, share in zip(("by the first test", "by chance", "by the best"), shares, strict=True)}
    )  # fmt: skip
    assert shares[0] > 1.5 * shares[1]
    assert shares[0] > 0.9 * shares[2]
