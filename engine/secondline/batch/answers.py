"""A piece of work -> its answers as an Arrow record batch, and what was rejected: the same for the same piece."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from secondline.batch.inputs import STDIN, Source, opened, unreadable
from secondline.batch.interpret import Interpreter
from secondline.batch.mapping import ColumnMap
from secondline.batch.pieces import Cells, Files, Lines, Piece, RowGroups
from secondline.batch.rows import named
from secondline.batch.tables import Reject, Table, flat, of_cells, of_row_groups, of_rows, parquet_file
from secondline.cases import CaseFile, Days
from secondline.columns.respond import Responder, Rows
from secondline.errors import InputError, Problem
from secondline.shapes import path_text
from secondline.source import MAX_BYTES, Node, json_line, path_to
from secondline.store import ready

if TYPE_CHECKING:
    import pyarrow.parquet as pq


class Settings(NamedTuple):
    """What is asked of every row; the same in every process."""

    rules: Path
    asked: date | None
    today: date
    columns: ColumnMap


class Answered(NamedTuple):
    """The answers to a piece, in the order of its rows, how many rows it had, and what was rejected."""

    batch: pa.RecordBatch
    rows: int
    rejects: list[Reject]


class Worker:
    """A rule base ready to answer pieces of work, in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        held = ready(settings.rules)
        self.responder = Responder(held.base)
        self.interpreter = Interpreter(held, Days(settings.asked, settings.today), self.responder.layout)
        self._file: tuple[str, pq.ParquetFile] | None = None

    @property
    def schema(self) -> pa.Schema:
        return self.responder.schema

    def answer(self, piece: Piece) -> Answered:
        """The answers to a piece.

        Raises:
            InputError: a table cannot be read on.
        """
        if isinstance(piece, RowGroups):
            return self.table(of_row_groups(piece, self._opened(piece.source), self.settings.columns))
        if isinstance(piece, Cells):
            broken = [Reject(piece.name, number, line, "", reason) for number, line, reason in piece.broken]
            return self.table(of_cells(piece, self.settings.columns), broken)
        if isinstance(piece, Lines):
            return self._lines(piece)
        return self._cases(list(self._of_files(piece)))

    def table(self, table: Table, broken: Sequence[Reject] = ()) -> Answered:
        """The answers to the rows of a table; `broken` are rows that are none."""
        read = self.interpreter.table(table)
        batch = self._responded(read.rows)
        if not read.kept.all():
            batch = batch.filter(pa.array(read.kept))
        return Answered(batch, table.rows + len(broken), _ordered([*read.rejects, *broken]))

    def _responded(self, rows: Rows) -> pa.RecordBatch:
        if not len(rows.ids):
            return pa.RecordBatch.from_pylist([], self.schema)
        return self.responder.respond(rows)

    def _opened(self, source: Source) -> pq.ParquetFile:
        if self._file is None or self._file[0] != source.name:
            self._file = (source.name, parquet_file(source))
        return self._file[1]

    # --- cases --------------------------------------------------------------------------------------------

    def _lines(self, piece: Lines) -> Answered:
        """Lines of JSON: rows of a table, cases, or both."""
        rows = [flat(line) if isinstance(line, bytes) else None for _, line in piece.lines]
        if None not in rows:
            held = [row for row in rows if row is not None]
            return self.table(of_rows(piece.name, held, [number for number, _ in piece.lines], self.settings.columns))
        found: list[CaseFile | list[Reject]] = []
        for (number, line), row in zip(piece.lines, rows, strict=True):
            if isinstance(line, str):
                found.append([Reject(piece.name, number, number, "", line)])
            elif row is not None:
                one = of_rows(piece.name, [row], [number], self.settings.columns)
                found += self.interpreter.each_case(one, _first())
            else:
                found.append(self._case_on(piece.name, number, line))
        return self._cases(found)

    def _case_on(self, name: str, number: int, line: bytes) -> CaseFile | list[Reject]:
        node: Node | None = None
        try:
            node = json_line(line, name, number)
            return self.interpreter.reader.case(node, named(name, number))
        except InputError as error:
            return [_rejected(name, number, node, problem) for problem in error.problems]

    def _of_files(self, piece: Files) -> Iterator[CaseFile | list[Reject]]:
        for source in piece.sources:
            name = "<stdin>" if source.name == STDIN else source.name
            try:
                data = piece.data
                if data is None:
                    stream = opened(source, sys.stdin.buffer).stream
                    with stream:
                        data = stream.read(MAX_BYTES + 1)
                inner = name.removesuffix(".gz").removesuffix(".zst") if source.compression else name
                for number, (node, read) in enumerate(self.interpreter.reader.each(data, inner), start=1):
                    if isinstance(read, CaseFile):
                        yield read
                    else:
                        yield [_rejected(name, number, node, problem) for problem in read.problems]
            except InputError as error:
                yield [_rejected(name, 0, None, problem) for problem in error.problems]
            except (OSError, EOFError) as error:
                yield [_rejected(name, 0, None, problem) for problem in unreadable(name, error).problems]

    def _cases(self, found: Sequence[CaseFile | list[Reject]]) -> Answered:
        cases = [one for one in found if isinstance(one, CaseFile)]
        rejects = [reject for one in found if not isinstance(one, CaseFile) for reject in one]
        rows = self.interpreter.cases(cases)
        return Answered(self._responded(rows), len(found), rejects)


def _first() -> Any:
    import numpy as np

    return np.zeros(1, dtype=np.int64)


def _ordered(rejects: list[Reject]) -> list[Reject]:
    return sorted(rejects, key=lambda reject: (reject.row, reject.fact, reject.reason))


def _rejected(name: str, row: int, node: Node | None, problem: Problem) -> Reject:
    """What is wrong with a case, at the fact it is about."""
    path = path_to(node, problem.place) if node is not None else ()
    steps = path[1:] if path[:1] == ("profile",) else path
    return Reject(name, row, problem.place.line or None, path_text(steps), problem.message)
