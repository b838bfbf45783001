"""What a table says is worth finding out, is missing and is to be checked is what each of its cases says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from registry import registry

from conftest import COUNTS, TODAY
from helpers import case
from secondline import condition
from secondline.batch.each import Asked, Each, Told
from secondline.batch.interpret import Interpreter
from secondline.batch.tables import of_arrow
from secondline.cases import CaseFile, CaseReader, Days
from secondline.columns.advice import Advice, Advisor
from secondline.columns.respond import Responder, Rows
from secondline.recommend import Adviser
from secondline.store import Ready
from secondline.worlds import Undecidable
from strategies import Patients, drawn_cases

pytestmark = pytest.mark.long
Row = dict[str, Any]


class Tables(NamedTuple):
    """What answers tables, and what answers each case."""

    responder: Responder
    advisor: Advisor
    interpreter: Interpreter
    each: Each

    def differences(self, cases: Sequence[CaseFile], rows: Rows) -> Iterator[str]:
        """Where a table says otherwise than its cases; rows that have to be asked one by one say nothing."""
        advice = self.advisor.advise(rows, self.responder.respond(rows))
        counts = COUNTS.setdefault("what is worth finding out, in tables", Counter())
        for held, found, undecided in zip(cases, _rows(advice), advice.undecided.tolist(), strict=True):
            counts["rows"] += 1
            counts["of them asked one by one"] += undecided
            if undecided:
                continue
            told = self.each.one(held)
            assert isinstance(told, Told)
            for name, value in told.fields.items():
                counts[f"with {name}"] += bool(value)
                if value != found[name]:
                    yield f"{held.id}: {name} is {value} by itself, {found[name]} in a table"


def _rows(advice: Advice) -> list[Row]:
    found: list[Row] = pa.table(
        [advice.tests, advice.missing, advice.checks], ["tests", "missing", "checks"]
    ).to_pylist()
    return found


@pytest.fixture(scope="module")
def tables(ready: Ready, adviser: Adviser) -> Tables:
    responder = Responder(ready.base)
    interpreter = Interpreter(ready, Days(today=TODAY), responder.layout)
    return Tables(responder, Advisor(ready.base), interpreter, Each(adviser, Asked(tests=True), responder.regimens))


def first(differences: Iterable[str]) -> list[str]:
    return list(differences)[:5]


def test_every_shipped_case(tables: Tables, shipped: list[CaseFile]) -> None:
    assert not first(tables.differences(shipped, tables.interpreter.cases(shipped)))


@pytest.mark.parametrize("seed", [0, 1])
def test_generated_patients(
    tables: Tables, adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest, seed: int
) -> None:
    """Aimed at rules, tiers, limits and definitions, on many days."""
    patients = Patients(Random(20261127 + seed), adviser.base)
    wanted = request.config.getoption("--rows") // 4
    cases = [held for _, held in islice(drawn_cases(patients, reader), wanted)]
    assert not first(tables.differences(cases, tables.interpreter.cases(cases)))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_registry(tables: Tables, request: pytest.FixtureRequest, seed: int) -> None:
    """Rows of which any quarter of the facts is unknown."""
    count = request.config.getoption("--rows") // 4
    table = of_arrow("registry", registry(count, seed), {}, 1)
    cases = [read for read in tables.interpreter.each_case(table, np.arange(count)) if isinstance(read, CaseFile)]
    assert len(cases) == count
    assert not first(tables.differences(cases, tables.interpreter.table(table).rows))


def test_rows_are_told_the_same_in_any_company(tables: Tables, ready: Ready) -> None:
    """What was learnt from other rows changes nothing."""
    table = of_arrow("registry", registry(400, 7), {}, 1)
    rows = tables.interpreter.table(table).rows
    batch = tables.responder.respond(rows)
    assert _rows(tables.advisor.advise(rows, batch)) == _rows(Advisor(ready.base).advise(rows, batch))


@pytest.mark.parametrize("changed", ["a test of a set", "more values than fit a number", "a receptor's score"])
def test_a_rule_base_that_does_not_fit_is_asked_case_by_case(changed: str, ready: Ready) -> None:
    """Of such a one tables give no advice, and so its cases do."""
    base = ready.base
    if changed == "a test of a set":
        test = base.tests[0].model_copy(update={"fact": "disease.sites"})
        base = replace(base, tests=(test, *base.tests[1:]))
    else:
        months = tuple(range(2, 42)) if "values" in changed else ()
        fact, values = ("prior_cdk46.months", months) if months else ("disease.er.percent", (5,))
        when = condition.Test(fact, (condition.Check("is", values),))
        base = replace(base, gates=(base.gates[0].model_copy(update={"when": when}), *base.gates[1:]))
    with pytest.raises(Undecidable):
        Advisor(base)


def test_what_rules_do_not_tell_apart_of_a_receptor_is_one_result(tables: Tables, reader: CaseReader) -> None:
    profiles: list[dict[str, Any]] = [
        {"disease": {"er": er, "pr": pr, "her2": her2, "extent": extent}, "prior_cdk46": {"agent": "palbociclib"}}
        for er in ("positive", "low", "negative", None)
        for pr in ("positive", "negative", None)
        for her2 in ("negative", "positive", None)
        for extent in ("metastatic", None)
    ]
    cases = [
        case(reader, _stated(profile), as_of="2026-01-01")._replace(id=str(at)) for at, profile in enumerate(profiles)
    ]
    assert not first(tables.differences(cases, tables.interpreter.cases(cases)))


def _stated(profile: dict[str, Any]) -> dict[str, Any]:
    return {
        group: {name: value for name, value in facts.items() if value is not None} for group, facts in profile.items()
    }
