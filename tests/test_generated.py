"""What holds for every patient and every rule base, on generated ones. Run apart from coverage; counts are printed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from itertools import count as count_up
from random import Random
from time import perf_counter
from typing import Any

import pytest
from hypothesis import Phase, assume, given, seed, settings
from hypothesis import strategies as st

from attainable import Plain
from conftest import COUNTS
from helpers import case
from satisfying import bounds, pick
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
from strategies import VERDICTS, Patients, RuleBases, atlas

pytestmark = pytest.mark.long
SHARDS = 4
SPARED = 0.55  # of the profiles that could be answered again with one more fact: the others say enough
SEEDS = st.integers(0, 2**24 - 1)  # no wider: of wider ones hypothesis draws the small numbers most


@pytest.mark.parametrize("shard", range(SHARDS))
def test_patients(shard: int, adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest) -> None:
    """Both engines agree, nothing raises, and knowing more never unsettles a settled verdict."""
    counts = COUNTS.setdefault("generated patients", Counter())

    # Hypothesis draws one number a patient, never the same twice, and names the one that fails; the patient is drawn
    # from it by `Random`: a hypothesis draw for each of its hundred facts takes longer than answering for it. A
    # smaller number is no simpler patient, so nothing is shrunk.
    @seed(shard)
    @settings(
        max_examples=request.config.getoption("--profiles") // SHARDS,
        derandomize=False,
        phases=(Phase.explicit, Phase.generate),
    )
    @given(SEEDS)
    def run(number: int) -> None:
        random = Random(number * SHARDS + shard)
        started = perf_counter()
        drawn = Patients(random, adviser.base).profile()
        counts["microseconds drawing"] += microseconds(started)
        question = Question(drawn.day, drawn.jurisdiction)
        started = perf_counter()
        try:
            held = case(reader, drawn.profile, as_of=drawn.day.isoformat())
        except InputError:
            counts["refused as contradictory (not counted as a profile)"] += 1
            assume(False)
        counts["microseconds reading the case"] += microseconds(started)
        started = perf_counter()
        result = recommend(held.case.profile, adviser, question)
        counts["microseconds answering"] += microseconds(started)
        facts = know(held.case.profile, drawn.day, adviser.base.vocabulary).facts
        count(counts, drawn.aim, result, facts, adviser.base)
        sound(result)
        if result.settled and not narrowed(adviser, reader, drawn.profile, result, question, random, counts):
            filled(adviser, reader, drawn.profile, result, facts, question, random, counts)

    run()


def microseconds(started: float) -> int:
    return round((perf_counter() - started) * 1e6)


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
def limits_of(base: RuleBase) -> frozenset[tuple[str, float]]:
    """Every limit that a rule or definition types, with its fact."""
    found = [rule.when for rule in base.rules()] + [c.when for d in base.definitions for c in d.cases]
    return frozenset(
        (test.fact, float(check.values[0]))
        for condition in found
        for test in conditions.tests_in(condition)
        for check in test.checks
        if check.op in conditions.LIMITS
    )


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
    facts: Mapping[str, State],
    question: Question,
    random: Random,
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
    if not unknown or random.random() < SPARED:
        return
    path = pick(random, unknown)
    more = with_fact(profile, path, random)
    try:
        held = case(reader, more, as_of=question.as_of.isoformat())
    except InputError:
        counts["fillings refused as contradictory"] += 1
        return
    after = recommend(held.case.profile, adviser, question)
    counts["fillings of a settled verdict"] += 1
    # An inhibitor in use can be closed by a gate that was open; any other settled verdict stays.
    assert after.verdict == result.verdict, (path, more)
    assert after.settled


def narrowed(
    adviser: Adviser,
    reader: CaseReader,
    profile: Plain,
    result: Recommendation,
    question: Question,
    random: Random,
    counts: Counter[str],
) -> bool:
    """A settled verdict stays once a day known by its month or year is known to the day; False if none is so known."""
    more = copy.deepcopy(profile)
    holders = [(t, n) for t in more.get("therapies", ()) for n in ("started", "stopped")]
    holders.append((more.get("progression", {}), "on"))
    partial = [(holder, name) for holder, name in holders if 4 <= len(str(holder.get(name, ""))) < 10]
    if not partial:
        return False
    holder, name = pick(random, partial)
    whole = parse_date(str(holder[name]))
    days = (whole.last - whole.first).days + 1
    holder[name] = (whole.first + timedelta(days=int(random.random() * days))).isoformat()
    try:
        held = case(reader, more, as_of=question.as_of.isoformat())
    except InputError:
        counts["days refused as contradictory"] += 1
        return True
    counts["partial days made whole"] += 1
    assert recommend(held.case.profile, adviser, question).verdict == result.verdict, (name, more)
    return True


def with_fact(profile: Plain, path: str, random: Random) -> Plain:
    more = copy.deepcopy(profile)
    parts = path.split(".")
    if parts[0] == "therapies":
        values = {
            "best_response": ["complete", "partial", "stable", "progressive", "not-evaluated"],
            "stopped_for": ["progression", "toxicity", "completion", "preference", "ongoing", "other"],
        }[parts[2]]
        more["therapies"][int(parts[1])][parts[2]] = pick(random, values)
        return more
    group = more.setdefault(parts[0], {})
    fact = catalogue()[path]
    if fact.kind == "set":
        value: Any = list(dict.fromkeys(pick(random, fact.values) for _ in range(pick(random, (0, 1, 2, 3)))))
    elif fact.kind == "boolean":
        value = random.random() < 0.5
    elif fact.kind == "choice":
        value = pick(random, fact.values)
    else:
        low, high = {"percent": (2, 25), "ms": (400, 500), "years": (18, 90)}.get(fact.unit, (1, 4))
        value = low + int(random.random() * (high - low + 1))
    if fact.main is None:
        group[parts[1]] = value
        return more
    key = "status" if parts[0] == "disease" else "result"
    held = group.get(parts[1])
    held = {key: held} if isinstance(held, str) else dict(held or {})
    group[parts[1]] = {**held, parts[2]: value}
    return more


def test_the_patients_were_varied_enough(ready: Ready, request: pytest.FixtureRequest) -> None:
    """Each verdict a tenth, each tier that a patient can have, both sides of each limit. Reads what was counted."""
    counts = COUNTS.get("generated patients", Counter())
    if not counts["profiles"]:
        pytest.fail("run together with test_patients, in one process")
    assert counts["profiles"] >= request.config.getoption("--profiles") // SHARDS * SHARDS
    for verdict in VERDICTS:
        assert counts[f"verdict {verdict}"] >= counts["profiles"] / 10, verdict
    tiers = [f"{regimen} {tier}" for regimen, tier in atlas(ready.base).recipes]
    assert not [tier for tier in tiers if not counts[f"tier {tier}"]]
    assert not [side for side in sides_of(ready.base) if not counts[f"limit {side}"]]


def sides_of(base: RuleBase) -> list[str]:
    """Each limit with the values at, under and over it that the profile takes; of a whole number the limit itself."""
    found: list[str] = []
    for fact, limit in sorted(limits_of(base)):
        low, high = bounds()[fact]
        fraction = catalogue()[fact].kind != "integer"
        sides = {"at": True, "under": fraction and limit > low, "over": fraction and limit < high}
        found += [f"{fact} {limit:g} {side}" for side, wanted in sides.items() if wanted]
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
