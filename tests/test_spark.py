"""The same answers on Spark's own local cluster of two workers. Needs pyspark and Java, else it is skipped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from test_batch import DAY, ROWS, WRONG, batch, command

pytest.importorskip("pyspark", reason="needs pyspark")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, and there is none on the path"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning"),
]
BESIDE = ("file", "row", "fact", "reason", "kind")


def test_a_local_cluster_answers_as_one_machine(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [dict(row) for row in ROWS]
    for at, (fact, value) in WRONG.items():
        rows[at][fact] = value
    for number, some in enumerate((rows[:260], rows[260:])):
        pq.write_table(
            pa.Table.from_pylist(some, schema=pa.Table.from_pylist(rows).schema), tmp_path / f"in-{number}.parquet"
        )
    inputs = [tmp_path / "in-0.parquet", tmp_path / "in-1.parquet"]
    expected = json.loads(batch(*inputs, "-o", tmp_path / "one.parquet", "--format", "json").out)
    found = batch(*inputs, "-o", tmp_path / "many", "--spark", "local-cluster[2,1,1024]", "--format", "json")
    held = json.loads(found.out)
    for name in ("rows", "answered", "rejected", "verdicts", "options"):
        assert held[name] == expected[name]
    one = pq.read_table(tmp_path / "one.parquet").to_pylist()
    many = pq.read_table(tmp_path / "many").to_pylist()
    answers = sorted((row for row in many if row["kind"] == "answer"), key=lambda row: (row["file"], row["row"]))
    assert [{name: row[name] for name in row if name not in BESIDE} for row in answers] == one
    rejects = {(Path(row["file"]).name, row["row"]): row["fact"] for row in many if row["kind"] == "reject"}
    assert rejects == {("in-0.parquet", at + 1): fact for at, (fact, _) in WRONG.items()}
    assert "is there already" in batch(*inputs, "-o", tmp_path / "many", "--spark", "local", code=3).err
    again = command("batch", inputs[0], "-o", tmp_path / "m", "--spark", "local", "--tests", "--as-of", DAY, code=2)
    assert "answers the columns of a table alone" in again.err
