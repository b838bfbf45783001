"""DuckDB: a table of cases, and a query in which each level of the rules selects from the one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from peers.formula import Atom, Fields, Language, Rules, listed, write

AT_ONCE = 65_536


def atom(test: Atom) -> str:
    """A test of what is null is null in SQL; as nothing negates it, that is false once a name is given to it."""
    field, values = test.field, listed(test.values)
    if test.op in ("in", "out"):
        return f"{field} {'in' if test.op == 'in' else 'not in'} ({values})"
    if test.op not in ("any", "all", "none"):
        return f"{field} {test.op} {test.values[0]}"
    function = "list_has_all" if test.op == "all" else "list_has_any"
    return f"{'not ' if test.op == 'none' else ''}{function}({field}, [{values}])"


LANGUAGE = Language(" and ", " or ", str, atom)


def written(rules: Rules) -> tuple[str, dict[str, str]]:
    """The query, and what kind of field each is."""
    query = "cases"
    for level in rules.levels:
        columns = ", ".join(f"coalesce({write(formula, LANGUAGE)}, false) as {name}" for name, formula in level.items())
        query = f"(select *, {columns} from {query})"
    kinds = {"in": "text", "out": "text", "any": "list", "all": "list", "none": "list"}
    fields = {test.field: kinds.get(test.op, "number") for test in rules.atoms}
    return f"select {', '.join(rules.formulas)} from {query}", fields


def prepare(
    model: tuple[str, dict[str, str]], cases: Sequence[Fields], rows: int
) -> Callable[[], Iterator[pa.RecordBatch]]:
    import duckdb

    query, fields = model
    types = {"text": pa.string(), "number": pa.float64(), "list": pa.list_(pa.string())}
    columns = {name: pa.array([case[name] for case in cases], types[kind]) for name, kind in fields.items()}
    some = pa.table(columns)
    table = pa.concat_tables([some] * -(-rows // len(cases))).slice(0, rows)
    database = duckdb.connect()
    database.register("given", table)
    database.execute("create table cases as select * from given")
    database.unregister("given")

    def answer() -> Iterator[pa.RecordBatch]:
        yield from database.sql(query).to_arrow_reader(AT_ONCE)

    return answer


def found(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    columns: list[Any] = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
    return np.column_stack(columns)
