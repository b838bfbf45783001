"""Every peer finds what the reference finds: on made-up patients, shipped cases, and facts known in part."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from random import Random

import pytest
from peers import export
from peers.measure import ENGINES, Cases, Engine, Result, asked, compared, drawn, made, told

from secondline.cases import CaseFile
from secondline.facts import catalogue
from secondline.inference.reference import infer
from secondline.patient import know
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, Members, State, number, one_of
from secondline.store import Ready

pytestmark = pytest.mark.benchmark
ROWS, IN_PART = 60, 300
NEEDED = {"in_cel": "cel", "in_rule_engine": "rule_engine", "in_sql": "duckdb", "in_zen": "zen"}
IN_PROCESS = [engine for engine in ENGINES.values() if engine.module in (*NEEDED, "in_durable_driven", "in_numpy")]
BY_THE_MANUAL = [engine for engine in ENGINES.values() if engine.module in ("in_durable", "in_durable_parts")]


def in_part(chance: Random, base: RuleBase) -> dict[str, State]:
    """Facts known as candidates, ranges and parts of sets, as no made-up patient has them."""
    found: dict[str, State] = {}
    for path, tests in base.tests_on.items():
        fact = catalogue().get(path)
        values = sorted({value for test in tests for check in test.checks for value in check.values}, key=str)
        if fact is None or chance.random() < 0.3:
            continue
        if fact.may_not_apply and chance.random() < 0.2:
            found[path] = NOT_APPLICABLE
        elif fact.kind == "set":
            sure, maybe = (frozenset(chance.sample(values, chance.randint(0, len(values)))) for _ in range(2))
            found[path] = Members(frozenset(map(str, sure)), chance.choice([None, frozenset(map(str, maybe))]))
        elif fact.numeric:
            low, high = sorted(int(value) + chance.randint(-1, 1) for value in chance.choices(values, k=2))
            found[path] = number(chance.choice((low, None)), chance.choice((high, None)))
        elif fact.partly:
            found[path] = one_of(chance.sample(fact.values, chance.randint(1, min(3, len(fact.values)))))
        elif fact.kind != "text":
            found[path] = chance.choice(fact.values or (True, False))
    return found


@pytest.fixture(scope="module")
def cases(ready: Ready, shipped: list[CaseFile]) -> Cases:
    found = made(ready, drawn(ROWS).to_pylist())
    read = export.fields_read(export.exported(found.base))
    states = [know(case.case.profile, case.day, ready.base.vocabulary).facts for case in shipped]
    chance = Random(1)
    states += [in_part(chance, found.base) for _ in range(IN_PART)]
    return found._replace(
        states=found.states + states,
        fields=found.fields + [export.case(one, read) for one in states],
        inferences=found.inferences + [infer(found.base, one).inference for one in states],
    )


@pytest.mark.parametrize("engine", IN_PROCESS, ids=lambda engine: engine.module)
def test_a_peer_finds_the_same(cases: Cases, engine: Engine) -> None:
    pytest.importorskip(NEEDED.get(engine.module, "numpy"))
    module = import_module(f"peers.{engine.module}")
    question = asked(engine._replace(most=None), cases, len(cases.states))
    blocks = module.prepare(*question)()
    answers = [row for block in blocks for row in (module.found(block) if hasattr(module, "found") else block)]
    result = Result()
    compared(answers[: len(question.cases)], cases, result)
    assert result.outcomes == len(cases.states) * len(export.outcomes(cases.base))
    assert not result.differing, result.most_differing


@pytest.mark.parametrize("engine", BY_THE_MANUAL, ids=lambda engine: engine.module)
def test_durable_by_its_manual_fails_or_finds_the_same(cases: Cases, engine: Engine, tmp_path: Path) -> None:
    """In a process of its own, which it can take down; on made-up patients alone."""
    tell = told(engine, asked(engine, cases, ROWS), tmp_path)
    if isinstance(tell, str):
        assert "error code: 303" in tell or "signal" in tell
        return
    result = Result()
    compared(tell.answers, cases, result)
    assert not result.differing, result.most_differing
