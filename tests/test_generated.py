"""What holds for every patient and every rule base, on generated ones. Run apart from coverage; counts are printed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import date
from functools import cache
from itertools import count as count_up
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st

from conftest import COUNTS
from helpers import case
from secondline import condition as conditions
from secondline.cases import CaseReader
from secondline.dates import parse_date
from secondline.errors import InputError
from secondline.facts import catalogue
from secondline.inference.agree import agreed
from secondline.inference.durable import Engine
from secondline.inference.rails import compile_program
from secondline.patient import know
from secondline.recommend import Adviser, Question, recommend
from secondline.recommendation import Recommendation
from secondline.rulebase import RuleBase
from secondline.states import State
from secondline.store import Ready
from secondline.tiers import Outcome, gated
from strategies import AIMS, DAYS, Plain, RuleBases, patients

pytestmark = pytest.mark.long
SHARDS = 4
JURISDICTIONS = ("us", "eu", "none")


@pytest.mark.parametrize("shard", range(SHARDS))
def test_patients(shard: int, adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest) -> None:
    """Both engines agree, nothing raises, and knowing more never unsettles a settled verdict."""
    counts = COUNTS.setdefault("generated patients", Counter())

    @seed(shard)
    @settings(max_examples=request.config.getoption("--profiles") // SHARDS, derandomize=False)
    @given(patients(), st.sampled_from(DAYS), st.sampled_from(JURISDICTIONS), st.data())
    def run(patient: tuple[str, Plain], day: date, jurisdiction: Any, data: st.DataObject) -> None:
        aim, profile = patient
        try:
            held = case(reader, profile, as_of=day.isoformat())
        except InputError:
            counts["refused as contradictory (not counted as a profile)"] += 1
            assume(False)
        result = recommend(held.case.profile, adviser, Question(day, jurisdiction))
        facts = know(held.case.profile, day, adviser.base.vocabulary).facts
        count(counts, aim, result, facts, adviser.base)
        sound(result)
        if result.settled:
            if data.draw(st.booleans()):
                filled(adviser, reader, profile, result, facts, Question(day, jurisdiction), data, counts)
            else:
                narrowed(adviser, reader, profile, result, Question(day, jurisdiction), data, counts)

    run()


def count(counts: Counter[str], aim: str, result: Recommendation, facts: dict[str, State], base: RuleBase) -> None:
    counts["profiles"] += 1
    counts[f"aim {aim}"] += 1
    counts[f"verdict {result.verdict}"] += 1
    for option in result.options:
        counts[f"tier {option.regimen} {option.tier}"] += 1
    for shut in result.closed:
        counts[f"tier {shut.regimen} closed"] += 1
    for fact, limit in limits_of(base):
        value = facts.get(fact)
        if isinstance(value, int | float) and not isinstance(value, bool):
            side = "at" if value == limit else "under" if value < limit else "over"
            counts[f"limit {fact} {limit:g} {side}"] += 1


@cache
def limits_of(base: RuleBase) -> set[tuple[str, float]]:
    """Every limit that a rule or definition types, with its fact."""
    found = [rule.when for rule in base.rules()] + [c.when for d in base.definitions for c in d.cases]
    return {
        (test.fact, float(check.values[0]))
        for condition in found
        for test in conditions.tests_in(condition)
        for check in test.checks
        if check.op in conditions.LIMITS
    }


def sound(result: Recommendation) -> None:
    """What the contract says of every answer."""
    assert result.settled is (result.verdict != "undetermined")
    assert bool(result.missing) is (result.verdict == "undetermined")
    directed = result.verdict in ("continue", "do-not-continue")
    assert (result.direction is not None) is directed
    assert (result.strength is not None) is directed
    assert (result.certainty is not None) is directed
    for option in result.options:
        assert bool(option.needs) is (option.tier == "undetermined")
    if result.verdict == "out-of-scope":
        assert not result.options
    for reason in result.reasons:
        assert reason.evidence
    json.dumps(result.as_dict(), sort_keys=True, allow_nan=False)


def filled(
    adviser: Adviser,
    reader: CaseReader,
    profile: Plain,
    result: Recommendation,
    facts: dict[str, State],
    question: Question,
    data: st.DataObject,
    counts: Counter[str],
) -> None:
    """A settled verdict stays once one more fact is known; not one that was assumed or stands open as a check."""
    spared = {*result.assumed, *(fact for check in result.checks for fact in check.facts)}
    unknown = [
        path
        for path, fact in catalogue().items()
        if facts.get(path) is None
        and path not in spared
        and fact.kind != "text"
        and (fact.kind != "set" or fact.values)
    ]
    unknown += [
        f"therapies.{i}.{n}"
        for i, t in enumerate(profile.get("therapies", ()))
        for n in ("best_response", "stopped_for")
        if n not in t
    ]
    if not unknown:
        return
    path = data.draw(st.sampled_from(unknown))
    more = with_fact(profile, path, data)
    try:
        held = case(reader, more, as_of=question.as_of.isoformat())
    except InputError:
        counts["fillings refused as contradictory"] += 1
        return
    after = recommend(held.case.profile, adviser, question)
    counts["fillings of a settled verdict"] += 1
    # An inhibitor in use can be closed by a gate that was open; any other settled verdict stays.
    assert after.verdict == result.verdict, path
    assert after.settled


def narrowed(
    adviser: Adviser,
    reader: CaseReader,
    profile: Plain,
    result: Recommendation,
    question: Question,
    data: st.DataObject,
    counts: Counter[str],
) -> None:
    """A settled verdict stays once a day known by its month or year is known to the day."""
    more = copy.deepcopy(profile)
    holders = [(t, n) for t in more.get("therapies", ()) for n in ("started", "stopped")] + [
        (more["progression"], "on")
    ]
    partial = [(holder, name) for holder, name in holders if 4 <= len(str(holder.get(name, ""))) < 10]
    if not partial:
        return
    holder, name = data.draw(st.sampled_from(partial))
    whole = parse_date(str(holder[name]))
    holder[name] = data.draw(st.dates(whole.first, whole.last)).isoformat()
    try:
        held = case(reader, more, as_of=question.as_of.isoformat())
    except InputError:
        counts["days refused as contradictory"] += 1
        return
    counts["partial days made whole"] += 1
    assert recommend(held.case.profile, adviser, question).verdict == result.verdict, name


def with_fact(profile: Plain, path: str, data: st.DataObject) -> Plain:
    more = copy.deepcopy(profile)
    parts = path.split(".")
    if parts[0] == "therapies":
        values = {
            "best_response": ["complete", "partial", "stable", "progressive", "not-evaluated"],
            "stopped_for": ["progression", "toxicity", "completion", "preference", "ongoing", "other"],
        }[parts[2]]
        more["therapies"][int(parts[1])][parts[2]] = data.draw(st.sampled_from(values))
        return more
    group = more.setdefault(parts[0], {})
    fact = catalogue()[path]
    if fact.kind == "set":
        value: Any = data.draw(st.lists(st.sampled_from(fact.values), unique=True, max_size=3))
    elif fact.kind == "boolean":
        value = data.draw(st.booleans())
    elif fact.kind == "choice":
        value = data.draw(st.sampled_from(fact.values))
    else:
        low, high = {"percent": (2, 25), "ms": (400, 500), "years": (18, 90)}.get(fact.unit, (1, 4))
        value = data.draw(st.integers(low, high))
    if fact.main is None:
        group[parts[1]] = value
        return more
    key = "status" if parts[0] == "disease" else "result"
    held = group.get(parts[1])
    held = {key: held} if isinstance(held, str) else dict(held or {})
    group[parts[1]] = {**held, parts[2]: value}
    return more


def test_the_patients_were_varied_enough(ready: Ready, request: pytest.FixtureRequest) -> None:
    """Each verdict a tenth, each tier that the rules can give, both sides of each limit. Reads what was counted."""
    counts = COUNTS.get("generated patients", Counter())
    if not counts["profiles"]:
        pytest.fail("run together with test_patients, in one process")
    assert counts["profiles"] >= request.config.getoption("--profiles") // SHARDS * SHARDS
    for verdict in AIMS:
        assert counts[f"verdict {verdict}"] >= counts["profiles"] / 10, verdict
    for regimen, tier in possible_tiers(ready.base):
        assert counts[f"tier {regimen} {tier}"] > 0, (regimen, tier)
    for fact, limit in limits_of(ready.base):
        sides = ("at", "under", "over") if catalogue()[fact].kind != "integer" else ("at",)
        for side in sides:
            assert counts[f"limit {fact} {limit:g} {side}"] > 0, (fact, limit, side)


def possible_tiers(base: RuleBase) -> set[tuple[str, str]]:
    """Every tier that option rules and gates together can give a regimen."""
    found: set[tuple[str, str]] = set()
    regimens = {rule.regimen for rule in base.options}
    for regimen in regimens:
        gates = [gate for gate in base.gates if base.applies(gate, regimen, base.agents_of(regimen))]
        moving = [gate for gate in gates if gate.then.tier or gate.then.lower]
        steps = [gate for gate in moving if gate.then.lower]
        caps = [gate for gate in moving if gate.then.tier]
        for rule in base.options:
            if rule.regimen != regimen:
                continue
            start = Outcome(rule.then.tier, rule.then.strength, rule.then.certainty)
            for chosen in product((False, True), repeat=len(steps)):
                lowering = [gate for yes, gate in zip(chosen, steps, strict=True) if yes]
                found |= {(regimen, gated(start, [*lowering, *cap]).tier) for cap in ([], *([gate] for gate in caps))}
        found |= {(regimen, "undetermined"), (regimen, "closed")}
    return found


def test_rule_bases(request: pytest.FixtureRequest) -> None:
    """On any rule base that is not refused, both engines find the same, on every patient, and again on the first."""
    counts = COUNTS.setdefault("generated rule bases", Counter())
    wanted = request.config.getoption("--rule-bases")
    for number in count_up():
        made = RuleBases(number)
        base = made.base()
        try:
            engine = Engine(compile_program(base, {}))
        except InputError as error:
            counts["refused: " + error.problems[0].message.partition(": ")[2]] += 1
            continue
        patients = [made.states() for _ in range(3)]
        for facts in (*patients, patients[0]):
            found = agreed(base, engine, facts).inference
            counts["patients"] += 1
            for fires in found.rules.values():
                counts[{True: "fired", False: "not fired", None: "undetermined"}[fires]] += 1
        engine.close()
        counts["rule bases"] += 1
        if counts["rule bases"] == wanted:
            break
    for outcome in ("fired", "not fired", "undetermined"):
        assert counts[outcome] > counts["patients"] / 2
