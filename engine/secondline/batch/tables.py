"""Pieces of work -> tables by the paths of facts, with where each cell stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from secondline.batch.inputs import Source, unreadable
from secondline.batch.mapping import Column, ColumnMap, headed, meant
from secondline.batch.rows import paths
from secondline.columns.plain import NO_MEMBER, is_text
from secondline.errors import Problem
from secondline.facts import canonical, catalogue

if TYPE_CHECKING:
    from secondline.batch.pieces import Cells, RowGroups


MOST = 2**53  # the greatest whole number that every reader takes for the same
_HALVES = re.compile("[\ud800-\udfff]")  # half a character, which no file can hold
_UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)


class Reject(NamedTuple):
    """A row that has no answer: its file, its number and line there, its id, which fact is wrong, and why."""

    file: str
    row: int
    line: int | None
    id: str
    fact: str
    reason: str

    def __str__(self) -> str:
        row = f"row {self.row}: " if self.row else ""  # the whole file otherwise
        return f"{self.file}: {row}{f'{self.fact}: ' if self.fact else ''}{self.reason}"


class Table(NamedTuple):
    """Some rows of a table: its columns by the path of their fact, in its order, and where each row stands.

    `names` are the columns as the table has them, `text` the facts whose cells are text to be read; `numbers` count
    the rows of the whole table from 1 on, `lines` say on which line of a file of text each begins. Of rows that hold
    what no column can, `odd` says which, and `raw` gives what they hold. `coded` are facts that a map has codes for.
    """

    file: str
    columns: dict[str, pa.Array]
    names: Mapping[str, str]
    text: frozenset[str]
    numbers: Sequence[int]
    lines: Sequence[int] = ()
    odd: NDArray[np.bool_] | None = None
    raw: Sequence[Mapping[str, Any]] = ()
    coded: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        return len(self.numbers)

    def cells(self, places: NDArray[np.int64]) -> Iterator[Mapping[str, Any]]:
        """Some rows, cell by cell."""
        if self.raw:
            yield from (self.raw[place] for place in places)
        elif len(places):
            where = pa.array(places)
            yield from pa.table({path: column.take(where) for path, column in self.columns.items()}).to_pylist()

    def reject(self, place: int, problem: Problem, cells: Mapping[str, Any]) -> Reject:
        """What is wrong with a row, at the column in which it stands."""
        path = list(cells)[problem.place.column - 1] if problem.place.column else ""
        line = self.lines[place] if self.lines else None
        name = "" if cells.get("id") is None else str(cells["id"])
        hint = "; the column map has no code for it" if path in self.coded else ""
        return Reject(self.file, self.numbers[place], line, name, self.names.get(path, path), problem.message + hint)


def parquet_file(source: Source) -> pq.ParquetFile:
    """A Parquet file, opened; text is read as the few different values it mostly has.

    Raises:
        InputError: it is no Parquet file, or not whole.
    """
    try:
        file = pq.ParquetFile(source.name)
        texts = [
            file.schema.column(place).path
            for place in range(len(file.schema))
            if file.schema.column(place).physical_type == "BYTE_ARRAY" and file.schema.column(place).path != "id"
        ]
        return pq.ParquetFile(source.name, read_dictionary=texts)
    except _UNREADABLE as error:
        raise unreadable(source.name, error) from None


def of_row_groups(piece: RowGroups, file: pq.ParquetFile, columns: ColumnMap) -> Table:
    """The rows of a piece of a Parquet file.

    Raises:
        InputError: its data cannot be read.
    """
    try:
        held = pa.concat_tables([_rows(file, *part) for part in piece.parts], promote_options="permissive")
        for name in held.column_names:
            for chunk in held[name].chunks:
                _check_text(chunk)
    except _UNREADABLE as error:
        raise unreadable(f"{piece.source.name}, rows {piece.first} to {piece.first + piece.rows - 1}", error) from None
    return of_arrow(piece.source.name, held, columns, piece.first)


def _check_text(column: pa.Array) -> None:
    """Refuse text that is not UTF-8, which would be met only when it is shown; of a dictionary each text once."""
    if pa.types.is_dictionary(column.type):
        column.dictionary.validate(full=True)
    elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        _check_text(column.values)
    elif pa.types.is_nested(column.type) or is_text(column.type):
        column.validate(full=True)


def _rows(file: pq.ParquetFile, group: int, start: int, count: int) -> pa.Table:
    if start == 0 and file.metadata.row_group(group).num_rows == count:
        return file.read_row_group(group, use_threads=False)
    found, at = [], 0
    for batch in file.iter_batches(batch_size=min(count, 1 << 16), row_groups=[group], use_threads=False):
        low, high = max(start - at, 0), min(start + count - at, len(batch))
        if low < high:
            found.append(batch.slice(low, high - low))
        at += len(batch)
        if at >= start + count:
            break
    return pa.Table.from_batches(found)


def of_arrow(name: str, held: pa.Table, columns: ColumnMap, first: int) -> Table:
    """An Arrow table by the paths of facts, with the names and codes of a column map."""
    known = headed(name, held.column_names, columns)
    arrays: dict[str, pa.Array] = {}
    for column, what in known.items():
        assert what.path is not None
        arrays[what.path] = _decoded(_usual(held.column(column)), what)
    text = frozenset(what.path or "" for what in known.values() if what.values is not None)
    return Table(name, arrays, _names(known), text, range(first, first + held.num_rows), coded=text)


def _usual(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, and of a type that everything here can read: days are days, views of text are text."""
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp(array.type.unit)).cast(pa.date32(), safe=False)
    if pa.types.is_string_view(array.type):
        return array.cast(pa.string())
    if pa.types.is_list(array.type) and pa.types.is_string_view(array.type.value_type):
        return array.cast(pa.list_(pa.string()))
    return array


def _decoded(array: pa.Array, column: Column) -> pa.Array:
    """A column by what its codes mean, as text; of a set each member by itself."""
    if column.values is None:
        return array
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        sets = [None if one is None else [meant(column, _as_code(code)) for code in one] for one in array.to_pylist()]
        return pa.array(
            [None if one is None else ";".join(filter(None, one)) or NO_MEMBER for one in sets], pa.string()
        )
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values = [None if value is None else meant(column, _as_code(value)) for value in encoded.dictionary.to_pylist()]
    return pa.array(values, pa.string()).take(encoded.indices)


def _as_code(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def of_cells(piece: Cells, columns: ColumnMap) -> Table:
    """The rows of a piece of a table of text."""
    known = headed(piece.name, piece.header, columns)
    arrays: dict[str, pa.Array] = {}
    for name, cells in zip(piece.header, piece.columns, strict=True):
        if name in known:
            path = known[name].path
            assert path is not None
            arrays[path] = _decoded(pa.array(cells, pa.string()), known[name])
    coded = frozenset(what.path or "" for what in known.values() if what.values is not None)
    return Table(piece.name, arrays, _names(known), frozenset(arrays), piece.numbers, piece.lines, coded=coded)


def _names(known: Mapping[str, Column]) -> dict[str, str]:
    return {column.path or "": name for name, column in known.items()}


# --- lines of JSON ----------------------------------------------------------------------------------------


def flat(line: bytes) -> dict[str, Any] | None:
    """A line of JSON as a row of a table; None where it is a case, or is not read so."""
    try:
        held = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) and "profile" not in held else None


def of_rows(file: str, rows: Sequence[Mapping[str, Any]], numbers: Sequence[int], columns: ColumnMap) -> Table:
    """Rows of JSON without nesting as a table; what a column cannot hold stays with its row."""
    valid = paths()
    named = {name: what.path for name, what in columns.items()}
    read = [_by_path(row, columns, named) for row in rows]
    odd = np.zeros(len(rows), dtype=bool)
    arrays: dict[str, pa.Array] = {}
    for path in dict.fromkeys(path for row in read for path in row):
        if path not in valid:
            odd |= np.array([path in row for row in read])
            continue
        cells = [row.get(path) for row in read]
        fits = [cell is None or _fits(path, cell) for cell in cells]
        odd |= ~np.array(fits)
        arrays[path] = pa.array([cell if fit else None for cell, fit in zip(cells, fits, strict=True)], _type(path))
    names = {path: name for name, path in named.items() if path}
    text = frozenset(what.path for what in columns.values() if what.path and what.values is not None)
    return Table(file, arrays, names, text, numbers, numbers, odd, read, text)


def _by_path(row: Mapping[str, Any], columns: ColumnMap, named: Mapping[str, str | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, cell in row.items():
        path = canonical(named.get(name, name) or "")
        if path:
            what = columns.get(name)
            key = f"{name} (given twice)" if path in found else path
            found[key] = meant(what, _as_code(cell)) if what and what.values is not None and cell is not None else cell
    return found


def _fits(path: str, cell: Any) -> bool:
    """Whether a value of JSON is of the type of its column."""
    held = _type(path)
    if pa.types.is_boolean(held):
        return isinstance(cell, bool)
    if pa.types.is_floating(held):
        return isinstance(cell, (int, float)) and not isinstance(cell, bool) and abs(cell) <= MOST
    if pa.types.is_list(held):
        return isinstance(cell, list) and all(map(_is_words, cell))
    return _is_words(cell)


def _is_words(cell: Any) -> bool:
    return isinstance(cell, str) and not _HALVES.search(cell)


def _type(path: str) -> pa.DataType:
    fact = catalogue().get(path)
    if fact is None or fact.kind in ("choice", "text"):
        return pa.string()
    if fact.kind == "set":
        return pa.list_(pa.string())
    return pa.float64() if fact.numeric else pa.bool_()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError
    return held


def _no_number(_text: str) -> Any:
    raise ValueError
