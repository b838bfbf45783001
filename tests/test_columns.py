"""A table is answered as `advise` answers each of its patients: every field that both give."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from conftest import COUNTS, TODAY
from secondline.batch.interpret import Interpreter
from secondline.batch.tables import of_arrow, of_rows
from secondline.cases import CaseFile, CaseReader, Days
from secondline.columns.respond import Responder
from secondline.facts import catalogue
from secondline.inference.reference import infer
from secondline.patient import know
from secondline.recommend import Adviser, Answer, recommend
from secondline.recommendation import Recommendation
from secondline.store import Ready
from strategies import Patients, drawn_cases

pytestmark = pytest.mark.long
Row = dict[str, Any]
OF_ONE_CASE = {"data-not-exhaustive", "data-sets-shortened"}  # said of least sets, which a table does not list


class Tables(NamedTuple):
    """What answers tables."""

    responder: Responder
    interpreter: Interpreter

    def cases(self, cases: list[CaseFile]) -> list[Row]:
        found: list[Row] = self.responder.respond(self.interpreter.cases(cases)).to_pylist()
        return found

    def rows(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        read = self.interpreter.table(of_rows("made-up", rows, range(1, len(rows) + 1), {}))
        answers = self.responder.respond(read.rows).filter(pa.array(read.kept))
        return answers.to_pylist(), [reject.reason for reject in read.rejects]


@pytest.fixture(scope="module")
def tables(ready: Ready) -> Tables:
    responder = Responder(ready.base)
    return Tables(responder, Interpreter(ready, Days(today=TODAY), responder.layout))


def of_advise(answer: Recommendation, regimens: Iterable[str]) -> Row:
    """The fields of a table, as `advise` gives them."""
    tiers = {option.regimen: option.tier for option in answer.options}
    return {
        "id": answer.case.id,
        **{name: getattr(answer, name) for name in ("verdict", "settled", "direction", "strength", "certainty")},
        "decided_by": list(answer.decided_by),
        **{f"options.{regimen}": tiers.get(regimen) for regimen in regimens},
        "cautions": sorted({caution.rule for caution in answer.cautions} - OF_ONE_CASE),
        "reports": sorted({item.report for reason in answer.reasons for item in reason.evidence}),
    }


def by_reference(held: CaseFile, adviser: Adviser, regimens: Iterable[str]) -> Row:
    """The same by the reference alone, without what takes long and a table does not have."""
    known = know(held.case.profile, held.day, adviser.base.vocabulary)
    local = None if held.case.jurisdiction == "none" else held.case.jurisdiction
    view = adviser.calendar.on(held.day, local)
    answer = Answer(held.case.profile, view, known, infer(adviser.base, known.facts), held.question())
    tiers = {judged.regimen: judged.outcome.tier for judged in answer.judged}
    graded = answer.decision if not answer.closing else None
    return {
        "id": held.id,
        "verdict": answer.verdict,
        "settled": answer.verdict != "undetermined",
        "direction": graded and graded.direction,
        "strength": graded and graded.strength,
        "certainty": graded and graded.certainty,
        "decided_by": [rule.id for rule in answer.deciding()],
        **{f"options.{r}": None if tiers.get(r) == "closed" else tiers.get(r) for r in regimens},
        "cautions": sorted({caution.rule for caution in answer.cautions()} - OF_ONE_CASE),
        "reports": sorted({item.report for item in view.evidence(answer.deciding())}),
    }


def differences(expected: Iterable[Row], found: Iterable[Row]) -> Iterator[str]:
    for one, other in zip(expected, found, strict=True):
        for name in one:
            if one[name] != other[name]:
                yield f"{one['id']}: {name} is {one[name]} with advise, {other[name]} in a table"


def flat(profile: dict[str, Any]) -> Row | None:
    """A profile as a row of a table; None where a table has no column for what it holds."""
    row: Row = {}
    for group, facts in profile.items():
        if not isinstance(facts, dict):
            return None
        for name, value in facts.items():
            path = f"{group}.{name}"
            if isinstance(value, dict):
                if path not in catalogue().parts or set(value) == {"result"}:
                    return None  # a result of which nothing else is known; a cell holds a bare result, a valid test
                row |= {path if key in ("status", "result") else f"{path}.{key}": held for key, held in value.items()}
            else:
                row[path] = value
    return row


def test_every_shipped_case(tables: Tables, shipped: list[CaseFile], answers: list[Recommendation]) -> None:
    expected = [of_advise(answer, tables.responder.regimens) for answer in answers]
    assert not list(differences(expected, tables.cases(shipped)))


@pytest.mark.parametrize("seed", [0, 1])
def test_generated_patients(
    tables: Tables, adviser: Adviser, reader: CaseReader, request: pytest.FixtureRequest, seed: int
) -> None:
    """Aimed at rules, tiers, limits and definitions, on many days: as cases, and as rows where a row can hold them."""
    patients = Patients(Random(20261127 + seed), adviser.base)
    wanted = request.config.getoption("--rows") // 2
    counts = COUNTS.setdefault("tables against advise", Counter())
    cases: list[CaseFile] = []
    rows: list[Row] = []
    for drawn, held in islice(drawn_cases(patients, reader), wanted):
        cases.append(held)
        row = flat(drawn.profile)
        if row is not None:
            rows.append({"id": held.id, "as_of": held.day.isoformat(), "jurisdiction": drawn.jurisdiction, **row})
    expected = {held.id: by_reference(held, adviser, tables.responder.regimens) for held in cases}
    assert not list(differences(expected.values(), tables.cases(cases)))
    found, rejects = tables.rows(rows)
    assert not rejects
    assert not list(differences([expected[row["id"]] for row in rows], found))
    counts["patients"] += len(cases)
    counts["of them as rows of a table too"] += len(rows)
    counts["days"] += len({held.day for held in cases})
    counts.update(f"verdict {row['verdict']}" for row in expected.values())


NODES = """
from secondline import store
from secondline.columns.cells import Cells
cells = Cells(store.ready(store.shipped_rules()).base)
cells.prepare()
print(len(cells.diagrams.variable), hash(tuple(cells.diagrams.branches)))
"""


def test_a_rule_base_from_the_cache_makes_the_same_diagrams(tmp_path: Path) -> None:
    """There equal texts are not the same object; the first process makes the cache, the second reads it."""
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    made, kept = (
        subprocess.run([sys.executable, "-c", NODES], env=env, capture_output=True, check=True).stdout for _ in range(2)
    )
    assert kept == made


def test_both_engines_say_the_same(tables: Tables, adviser: Adviser, reader: CaseReader) -> None:
    """With `recommend` as a whole, on a few."""
    patients = Patients(Random(7), adviser.base)
    cases = [held for _, held in islice(drawn_cases(patients, reader), 40)]
    regimens = tables.responder.regimens
    expected = [of_advise(recommend(held.case.profile, adviser, held.question()), regimens) for held in cases]
    assert not list(differences(expected, tables.cases(cases)))


def test_a_column_of_each_arrow_type_is_read_alike(tables: Tables) -> None:
    """Text, large text and dictionaries; 32 and 64 bits; what a case refuses is refused of each."""
    rows = [
        {
            "id": "a",
            "patient.age_years": 61,
            "disease.er": "positive",
            "disease.sites": ["bone"],
            "safety.qtcf_ms": 451.0,
        },
        {"id": "b", "patient.age_years": None, "disease.er": "not-tested", "disease.sites": [], "safety.qtcf_ms": None},
    ]
    plain = pa.Table.from_pylist(rows)
    text = pa.large_string()
    other = pa.table(
        {
            "id": plain["id"].cast(text),
            "patient.age_years": plain["patient.age_years"].cast(pa.float32()),
            "disease.er": plain["disease.er"].dictionary_encode(),
            "disease.sites": plain["disease.sites"].cast(pa.large_list(text)),
            "safety.qtcf_ms": plain["safety.qtcf_ms"].cast(pa.decimal128(6, 1)),
        }
    )
    found = []
    for table in (plain, other):
        read = tables.interpreter.table(of_arrow("t", table, {}, 1))
        assert not read.rejects
        found.append(tables.responder.respond(read.rows).to_pylist())
    assert found[0] == found[1]


def test_a_column_of_nothing_says_nothing(tables: Tables) -> None:
    """Some programs write a column without a value as one without a type."""
    table = pa.table(
        {"id": ["a", "b"], "patient.age_years": pa.nulls(2), "disease.sites": pa.nulls(2), "disease.er": pa.nulls(2)}
    )
    said, odd = tables.interpreter.plain.said({name: table[name].chunk(0) for name in table.column_names[1:]}, 2)
    assert not odd.any()
    assert (said[:, 0] & 3 == tables.interpreter.plain.unknown[:, 0] & 3).all()


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("patient.age_years", [61.5, -1, 121, float("nan"), float("inf")]),
        ("patient.sex", ["Female", "", "not-tested"]),
        ("disease.sites", [["bone", "toe"], ["bone", None]]),
        ("history.agents", [["asprin"]]),
        ("patient.pregnant", ["true"]),
        ("as_of", ["2026-02-30", "yesterday", "2026-11"]),
        ("jurisdiction", ["uk"]),
        ("id", [""]),
    ],
)
def test_what_a_case_refuses_a_table_refuses(tables: Tables, path: str, values: list[Any]) -> None:
    table = pa.table({"disease.extent": ["metastatic"] * len(values), path: values})
    read = tables.interpreter.table(of_arrow("t", table, {}, 1))
    assert [(reject.row, reject.fact) for reject in read.rejects] == [(n, path) for n in range(1, len(values) + 1)]
