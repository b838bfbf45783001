"""The same batch on more than one machine: Spark's `mapInArrow` around `Worker.table`, and nothing else.

Spark reads Parquet and hands record batches to its Python workers; each answers them as on one machine. Answers and
rejects are one dataset, apart by `kind`, so that one pass writes both and every row is in one of them.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from secondline.batch.answers import Settings, Worker
from secondline.batch.inputs import PARQUET, Source
from secondline.batch.mapping import headed
from secondline.batch.summary import OPTIONS, Summary, reason_of
from secondline.batch.tables import Reject, of_arrow, parquet_file
from secondline.errors import EngineError, OutputError, UsageError
from secondline.rulefiles import rule_files
from secondline.scales import TIERS, VERDICTS
from secondline.store import ready_of
from secondline.tiers import UNDETERMINED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ANSWER, REJECT = "answer", "reject"
_FILE, _ROW = "secondline_file", "secondline_row"  # columns that Spark adds: where a row stands
_BESIDE = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("fact", pa.string()),
        ("reason", pa.string()),
        ("kind", pa.string()),
    ]
)
_workers: dict[bytes, Worker] = {}


def run_on_spark(sources: Sequence[Source], output: str, settings: Settings, master: str) -> Summary:
    """Answer every row of some Parquet files on a Spark cluster, into a folder of Parquet.

    Raises:
        UsageError: pyspark is not installed, or an input is no Parquet file.
        OutputError: the folder is there already, or cannot be written.
        EngineError: the counts do not add up.
    """
    others = sorted(source.name for source in sources if source.form != PARQUET)
    if others:
        raise UsageError(f"`--spark` reads Parquet alone; `{others[0]}` is none")
    if Path(output).exists():
        raise OutputError(f"{output} is there already; name another folder")
    files = [(source, parquet_file(source)) for source in sources]
    for source, file in files:
        headed(source.name, file.schema_arrow.names, settings.columns)
    spark = session(master)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        table = spark.read.option("mergeSchema", "true").parquet(
            *(str(Path(source.name).resolve()) for source in sources)
        )
        answers(spark, table, settings).write.partitionBy("kind").parquet(output)
        rows = sum(file.metadata.num_rows for _, file in files)
        return summarised(spark.read.parquet(output), rows)
    except (PySparkException, Py4JError) as error:
        shutil.rmtree(output, ignore_errors=True)
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise EngineError(f"Spark did not finish: {reason[:300]}") from None
    finally:
        spark.stop()


def session(master: str) -> SparkSession:
    """A session on a cluster, which gives each Python worker the packages of this one."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        message = f"`--spark` needs pyspark and pandas: {sys.executable} -m pip install 'pyspark>=4' 'pandas>=2.2,<3'"
        raise UsageError(message) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # each worker runs the Python that has this program
    builder = SparkSession.builder.master(master).appName("secondline")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        "spark.sql.parquet.compression.codec": "zstd",
    }.items():
        builder = builder.config(key, value)
    found: SparkSession = builder.getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    return found


def answers(spark: SparkSession, table: DataFrame, settings: Settings) -> DataFrame:
    """The answers and rejects of a table that Spark holds: what an existing cluster's own program calls.

    `table` has to be read from Parquet files: where a row stands is taken from them.
    """
    shipped = spark.sparkContext.broadcast(pickle.dumps((settings, rule_files(settings.rules))))
    placed = table.selectExpr("*", f"_metadata.file_path as {_FILE}", f"_metadata.row_index as {_ROW}")
    names = placed.columns
    numbered = placed.toDF(*(f"c{place}" for place in range(len(names))))  # Spark takes a dot for what is inside
    held = Worker(settings)
    return numbered.mapInArrow(answering(shipped, names), _ddl([*plain(held.schema), *_BESIDE]))


def answering(shipped: Any, names: Sequence[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that Spark runs on each partition; the rules are made ready once in each Python worker."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        key = shipped.value
        if key not in _workers:
            settings, rules = pickle.loads(key)
            _workers[key] = Worker(settings, ready_of(rules))
        for batch in batches:
            if batch.num_rows:
                yield from answered(_workers[key], batch.rename_columns(names))

    return run


def answered(worker: Worker, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The answers to a record batch, and its rejects; a batch may hold rows of several files."""
    names = batch.column(_FILE).to_pylist()
    starts = [at for at, name in enumerate(names) if at == 0 or name != names[at - 1]]
    for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
        yield from _of_one_file(worker, pa.Table.from_batches([batch.slice(start, end - start)]))


def _of_one_file(worker: Worker, table: pa.Table) -> Iterator[pa.RecordBatch]:
    names = table[_FILE].to_pylist()
    numbers = (np.asarray(table[_ROW]) + 1).tolist()
    facts = table.drop_columns([_FILE, _ROW])
    columns = {name: column for name, column in worker.settings.columns.items() if name in facts.column_names}
    held = of_arrow(names[0], facts, columns, 1)._replace(numbers=numbers)
    found = worker.table(held)
    rejected = {reject.row for reject in found.rejects}
    kept = [place for place, number in enumerate(numbers) if number not in rejected]
    schema = pa.schema([*plain(worker.schema), *_BESIDE])
    whole = found.batch.cast(plain(worker.schema))
    yield _filled(schema, {name: whole[name] for name in whole.schema.names}, ANSWER, names, numbers, kept)
    if found.rejects:
        yield _of_rejects(schema, found.rejects)


def plain(held: pa.Schema) -> pa.Schema:
    """A schema without dictionaries, which Spark does not take."""

    def of(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_dictionary(kind):
            return kind.value_type
        return pa.list_(of(kind.value_type)) if pa.types.is_list(kind) else kind

    return pa.schema([(field.name, of(field.type)) for field in held])


def _filled(
    schema: pa.Schema, columns: dict[str, pa.Array], kind: str, names: list[str], numbers: list[int], kept: list[int]
) -> pa.RecordBatch:
    columns["file"] = pa.array([names[place] for place in kept], pa.string())
    columns["row"] = pa.array([numbers[place] for place in kept], pa.int64())
    columns["kind"] = pa.array([kind] * len(kept), pa.string())
    arrays = [columns.get(field.name, pa.nulls(len(kept), field.type)) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _of_rejects(schema: pa.Schema, rejects: Sequence[Reject]) -> pa.RecordBatch:
    """Rejected rows, each once, with all that is wrong with it."""
    by_row: dict[tuple[str, int], list[Reject]] = {}
    for reject in rejects:
        by_row.setdefault((reject.file, reject.row), []).append(reject)
    columns = {
        "id": pa.array([held[0].id for held in by_row.values()], pa.string()),
        "fact": pa.array([";".join(r.fact for r in held) for held in by_row.values()], pa.string()),
        "reason": pa.array(["; ".join(r.reason for r in held) for held in by_row.values()], pa.string()),
    }
    names, numbers = [file for file, _ in by_row], [row for _, row in by_row]
    return _filled(schema, columns, REJECT, names, numbers, list(range(len(by_row))))


def _ddl(fields: Iterable[pa.Field]) -> str:
    """A schema as Spark has it in words."""

    def of(kind: pa.DataType) -> str:
        if pa.types.is_list(kind):
            return f"array<{of(kind.value_type)}>"
        return "boolean" if pa.types.is_boolean(kind) else "bigint" if pa.types.is_integer(kind) else "string"

    return ", ".join(f"`{field.name}` {of(field.type)}" for field in fields)


def summarised(written: DataFrame, rows: int) -> Summary:
    """The counts of what was written, once they add up."""
    options = [name for name in written.columns if name.startswith(OPTIONS)]
    wanted = [("verdict", verdict) for verdict in VERDICTS]
    wanted += [(name, tier) for name in options for tier in (*TIERS, UNDETERMINED)]
    counts = written.selectExpr(*(f"count_if(`{name}` = '{value}')" for name, value in wanted)).collect()[0]
    summary = Summary(rows=rows)
    for (name, value), count in zip(wanted, counts, strict=True):
        if count and name == "verdict":
            summary.verdicts[value] = count
        elif count:
            summary.options.setdefault(name.removeprefix(OPTIONS), Counter())[value] = count
    summary.answered = summary.verdicts.total()
    for row in written.where(f"kind = '{REJECT}'").groupBy("fact", "reason").count().collect():
        reject = Reject("", 0, None, "", row["fact"], row["reason"])
        summary.rejected[reason_of(reject)] += row["count"]
    if summary.answered + summary.rejected.total() != rows:
        raise EngineError(f"{rows} rows were read, {summary.answered} answered: the counts do not add up")
    return summary
