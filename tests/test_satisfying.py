"""Facts found by search make of a rule what was wanted; patients drawn with a seed are the same for it everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from attainable import Atlas, facts_of, profile_of
from conftest import RULES
from helpers import case, node
from satisfying import Node, Search
from secondline.cases import CaseReader
from secondline.errors import InputError
from secondline.inference.reference import Findings, infer
from secondline.patient import know
from secondline.profile import Profile
from secondline.refusals import refusals
from secondline.store import Ready
from strategies import Patients, atlas

DRAWN = """
import json, sys
from pathlib import Path
from random import Random
sys.path.insert(0, sys.argv[1])
from secondline.rulefiles import rule_files
from secondline.store import made_ready
from strategies import Patients
base = made_ready(rule_files(Path(sys.argv[2]))).base
drawn = [Patients(Random(seed), base).profile() for seed in range(60)]
print(json.dumps(drawn, default=str))
"""


def found(made: Atlas, seed: int, goal: Node) -> tuple[dict[str, Any], Findings] | None:
    """Facts for a goal, and what the reference finds on them; None where there are none."""
    search = Search(made.space, Random(seed))
    if not search.require(goal):
        return None
    made.finish(search)
    facts = facts_of(search)
    profile = Profile.model_validate(node(profile_of(facts)).plain())
    assert not list(refusals(profile, date(2026, 11, 22), made.base.vocabulary)), facts
    return facts, infer(made.base, know(profile, date(2026, 11, 22), made.base.vocabulary).facts)


@pytest.mark.parametrize("wanted", [True, False])
def test_facts_are_found_that_make_each_rule_true_or_false(ready: Ready, *, wanted: bool) -> None:
    """Each rule can be met and missed, by a profile that is not refused; the search and the reference agree."""
    made = atlas(ready.base)
    for rule in ready.base.rules():
        for seed in range(3):
            result = found(made, seed, (made.holds if wanted else made.fails)[rule.id])
            assert result, rule.id
            facts, findings = result
            assert findings.fires(rule.id) is wanted, (rule.id, facts)


def test_facts_are_found_for_each_value_of_a_definition(ready: Ready) -> None:
    made = atlas(ready.base)
    for definition in ready.base.definitions:
        for at in range(len(definition.cases) + 1):
            result = found(made, at, made.space.case(definition.id, at))
            assert result, (definition.id, at)
            facts, findings = result
            assert findings.inference.definitions[definition.id] == {at}, (definition.id, at, facts)


def test_what_excludes_one_another_is_not_found(ready: Ready) -> None:
    made = atlas(ready.base)
    for rule in ready.base.rules():
        search = Search(made.space, Random(0))
        before = list(search.domains)
        assert not search.require(made.holds[rule.id], made.fails[rule.id])
        assert search.domains == before  # nothing is kept of what was tried


def test_tiers_are_found_for_every_regimen_that_a_rule_offers(ready: Ready) -> None:
    """Each option rule's own tier at the least, unless a rule of a higher tier always holds with it."""
    recipes = atlas(ready.base).recipes
    tiers = Counter(regimen for regimen, _ in recipes)
    for regimen in {rule.regimen for rule in ready.base.options}:
        own = {rule.then.tier for rule in ready.base.options if rule.regimen == regimen}
        assert own & {tier for name, tier in recipes if name == regimen}, regimen
        assert tiers[regimen] >= 3, regimen  # offered or not, closed, undetermined


def test_a_seed_gives_the_same_patient_for_any_hash_seed(ready: Ready) -> None:
    here = json.dumps([Patients(Random(seed), ready.base).profile() for seed in range(60)], default=str)
    command = [sys.executable, "-c", DRAWN, str(Path(__file__).parent), str(RULES)]
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            command, check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": hash_seed, "PATH": ""}
        )
        assert ran.stdout.strip() == here


def test_patients_are_seldom_refused_and_seldom_alike(ready: Ready, reader: CaseReader) -> None:
    profiles: set[str] = set()
    refused = missed = 0
    for seed in range(300):
        drawn = Patients(Random(seed), ready.base).profile()
        profiles.add(json.dumps(drawn.profile, sort_keys=True))
        missed += drawn.aim == "missed"
        try:
            case(reader, drawn.profile, as_of=drawn.day.isoformat())
        except InputError:
            refused += 1
    assert len(profiles) == 300
    assert refused < 6
    assert missed < 15
