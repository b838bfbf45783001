"""A piece of work -> its answers as an Arrow record batch, and what was rejected: the same for the same piece."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from secondline.batch.each import Asked, Each, Lost, Told
from secondline.batch.inputs import STDIN, Source, opened, unreadable
from secondline.batch.interpret import Interpreter
from secondline.batch.mapping import ColumnMap
from secondline.batch.pieces import Cells, Files, Lines, Piece, RowGroups
from secondline.batch.rows import named
from secondline.batch.tables import Reject, Table, flat, of_cells, of_row_groups, of_rows, parquet_file
from secondline.cases import CaseFile, Days
from secondline.columns.respond import Responder, Rows
from secondline.diagram import TooManyNodes
from secondline.errors import EngineError, InputError, Problem
from secondline.recommend import Adviser
from secondline.source import MAX_BYTES, Node, json_line, path_text, path_to
from secondline.store import Ready, ready
from secondline.worlds import Undecidable

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from secondline.columns.advice import Advisor


_TEXTS = pa.list_(pa.string())
CONTRADICTORY = "its facts contradict one another: whatever is unknown, no patient can have them together"
TESTS = {"tests": _TEXTS, "missing": pa.list_(_TEXTS), "checks": _TEXTS}


class Settings(NamedTuple):
    """What is asked of every row; the same in every process."""

    rules: Path
    asked: date | None
    today: date
    columns: ColumnMap
    each: Asked = Asked()


class Spot(NamedTuple):
    """Where a row or case stands: its file, its number there, and the line on which it begins."""

    file: str
    row: int
    line: int | None = None


class Answered(NamedTuple):
    """The answers to a piece, in the order of its rows, how many rows it had, and what was rejected.

    `explained` are whole recommendations as lines of JSON; `lost` counts the rejects that an engine is to blame for.
    `places` says which row of the piece each answer is of, where it was answered in this process.
    """

    batch: pa.RecordBatch
    rows: int
    rejects: list[Reject]
    explained: tuple[str, ...] = ()
    lost: int = 0
    places: NDArray[np.int64] | None = None


class Worker:
    """A rule base ready to answer pieces of work, in this process."""

    def __init__(self, settings: Settings, held: Ready | None = None) -> None:
        self.settings = settings
        held = held or ready(settings.rules)
        self.responder = Responder(held.base)
        self.interpreter = Interpreter(held, Days(settings.asked, settings.today), self.responder.layout)
        self._held = held
        self._file: tuple[str, pq.ParquetFile] | None = None

    @cached_property
    def each(self) -> Each:
        """What answers case by case; both engines are made ready only where that is asked for."""
        return Each(Adviser(self._held.base, self._held.program), self.settings.each, self.responder.regimens)

    @cached_property
    def advisor(self) -> Advisor | None:
        """What says of whole tables what is worth finding out; None where it is asked case by case."""
        asked = self.settings.each
        if not asked.tests or asked.one_by_one:
            return None
        from secondline.columns.advice import Advisor

        try:
            return Advisor(self._held.base)
        except (TooManyNodes, Undecidable):
            return None

    @property
    def schema(self) -> pa.Schema:
        held = self.responder.schema
        for name, kind in TESTS.items() if self.settings.each.tests else ():
            held = held.append(pa.field(name, kind))
        return held

    def answer(self, piece: Piece) -> Answered:
        """The answers to a piece.

        Raises:
            InputError: a table cannot be read on.
        """
        if isinstance(piece, RowGroups):
            return self.table(of_row_groups(piece, self._opened(piece.source), self.settings.columns))
        if isinstance(piece, Cells):
            broken = [Reject(piece.name, number, line, "", "", reason) for number, line, reason in piece.broken]
            return self.table(of_cells(piece, self.settings.columns), broken)
        if isinstance(piece, Lines):
            return self._lines(piece)
        return self._cases(self._of_files(piece))

    def table(self, table: Table, broken: Sequence[Reject] = ()) -> Answered:
        """The answers to the rows of a table; `broken` are rows that are none."""
        if self.settings.each and self.advisor is None:
            lines: Sequence[int | None] = table.lines or [None] * table.rows
            spots = (Spot(table.file, number, line) for number, line in zip(table.numbers, lines, strict=True))
            every = zip(spots, self.interpreter.each_case(table, np.arange(table.rows)), strict=True)
            return self._cases([*every, *((Spot(*reject[:3]), [reject]) for reject in broken)])
        read = self.interpreter.table(table)
        batch = self._responded(read.rows)
        kept = read.kept & batch.column("verdict").is_valid().to_numpy(zero_copy_only=False)
        unanswered = dict.fromkeys(np.flatnonzero(read.kept & ~kept).tolist(), CONTRADICTORY)
        lost: dict[int, str] = {}
        if self.advisor is not None:
            batch, lost = self._advised(read.rows, batch, kept, partial(self._cases_of, table))
            kept[list(lost)] = False
        rejects = [*read.rejects, *broken]
        for place, reason in {**unanswered, **lost}.items():
            line = table.lines[place] if table.lines else None
            rejects.append(
                Reject(table.file, table.numbers[place], line, batch.column("id")[place].as_py(), "", reason)
            )
        batch = batch if kept.all() else batch.filter(pa.array(kept))
        places = np.flatnonzero(kept)
        return Answered(batch, table.rows + len(broken), _ordered(rejects), lost=len(lost), places=places)

    def _cases_of(self, table: Table, places: NDArray[np.int64]) -> list[CaseFile]:
        return [read for read in self.interpreter.each_case(table, places) if isinstance(read, CaseFile)]

    def _advised(
        self,
        rows: Rows,
        batch: pa.RecordBatch,
        kept: NDArray[np.bool_],
        cases: Callable[[NDArray[np.int64]], list[CaseFile]],
    ) -> tuple[pa.RecordBatch, dict[int, str]]:
        """The answers with what is worth finding out of each row, and why some have none, by their place.

        `kept` are the rows that are wanted; `cases` gives some of them as cases, to be asked one by one.
        """
        assert self.advisor is not None
        if not batch.num_rows:
            return pa.RecordBatch.from_pylist([], self.schema), {}
        held = self.advisor.advise(rows, batch)
        at = np.flatnonzero(held.undecided & kept)
        columns = {"tests": held.tests, "missing": held.missing, "checks": held.checks}
        told = [self.each.one(case) for case in cases(at)] if len(at) else []
        if len(told) != len(at):
            raise EngineError(f"{len(at)} rows were to be asked one by one, {len(told)} were")
        places = np.arange(batch.num_rows)
        places[at] = batch.num_rows + np.arange(len(at))
        for name, kind in TESTS.items():
            column = columns[name].cast(kind)
            if told:
                more = pa.array([one.fields[name] if isinstance(one, Told) else None for one in told], kind)
                column = pa.concat_arrays([column, more]).take(pa.array(places))
            batch = batch.append_column(pa.field(name, kind), column)
        return batch, {place: one.reason for place, one in zip(at.tolist(), told, strict=True) if isinstance(one, Lost)}

    def _responded(self, rows: Rows) -> pa.RecordBatch:
        if not len(rows.ids):
            return pa.RecordBatch.from_pylist([], self.responder.schema)
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
        return self._cases(
            (Spot(piece.name, number, number), self._on_line(piece.name, number, line, row))
            for (number, line), row in zip(piece.lines, rows, strict=True)
        )

    def _on_line(
        self, name: str, number: int, line: bytes | str, row: dict[str, Any] | None
    ) -> CaseFile | list[Reject]:
        """The case on a line, or what is wrong with it; `row` is what stands there as a row of a table."""
        if isinstance(line, str):
            return [Reject(name, number, number, "", "", line)]
        if row is not None:
            table = of_rows(name, [row], [number], self.settings.columns)
            (case,) = self.interpreter.each_case(table, np.zeros(1, dtype=np.int64))
            return case
        node: Node | None = None
        try:
            node = json_line(line, name, number)
            if isinstance(node.value, list):
                return [Reject(name, number, number, "", "", "a list of cases; write each case on a line of its own")]
            return self.interpreter.reader.case(node, named(name, number))
        except InputError as error:
            return [_rejected(name, number, node, problem) for problem in error.problems]

    def _of_files(self, piece: Files) -> Iterator[tuple[Spot, CaseFile | list[Reject]]]:
        for source in piece.sources:
            name = "<stdin>" if source.name == STDIN else source.name
            try:
                data = piece.data
                if data is None:
                    with opened(source, sys.stdin.buffer).stream as stream:
                        data = stream.read(MAX_BYTES + 1)
                inner = name.removesuffix(".gz").removesuffix(".zst") if source.compression else name
                for number, (node, read) in enumerate(self.interpreter.reader.each(data, inner), start=1):
                    if isinstance(read, CaseFile):
                        yield Spot(name, number, read.node.place.line), read
                    else:
                        yield Spot(name, number), [_rejected(name, number, node, problem) for problem in read.problems]
            except (InputError, OSError, EOFError) as error:
                problems = error.problems if isinstance(error, InputError) else unreadable(name, error).problems
                yield Spot(name, 0), [_rejected(name, 0, None, problem) for problem in problems]

    def _cases(self, read: Iterable[tuple[Spot, CaseFile | list[Reject]]]) -> Answered:
        """The answers to cases that could be read; the others are rejected."""
        found = list(read)
        cases = [case for _, case in found if isinstance(case, CaseFile)]
        at = np.array([place for place, (_, held) in enumerate(found) if isinstance(held, CaseFile)], dtype=np.int64)
        rows = self.interpreter.cases(cases)
        batch = self._responded(rows)
        if batch.column("verdict").null_count:
            raise EngineError("a case that was read has no verdict: its facts contradict one another")
        lost: dict[int, str] = {}
        kept = np.ones(len(cases), dtype=bool)
        if self.advisor is not None:
            batch, lost = self._advised(rows, batch, kept, lambda places: [cases[place] for place in places.tolist()])
            kept[list(lost)] = False
        if not self.settings.each or self.advisor is not None:
            spots = [spot for spot, held in found if isinstance(held, CaseFile)]
            rejects = [one for _, held in found if isinstance(held, list) for one in held]
            rejects += [Reject(*spots[place], cases[place].id, "", reason) for place, reason in lost.items()]
            batch = batch.filter(pa.array(kept)) if lost else batch
            return Answered(batch, len(found), rejects, lost=len(lost), places=at[kept])
        told = self._told(cases, batch)
        answers = [one for one in told if isinstance(one, Told)]
        kept = np.array([isinstance(one, Told) for one in told], dtype=bool)
        batch = batch.filter(pa.array(kept))
        for name, kind in TESTS.items() if self.settings.each.tests else ():
            batch = batch.append_column(name, pa.array([one.fields[name] for one in answers], kind))
        rejects = []
        each = iter(told)
        for spot, held in found:
            if isinstance(held, list):
                rejects += held
            elif isinstance(one := next(each), Lost):
                rejects.append(Reject(*spot, held.id, "", one.reason))
        explained = tuple(one.explained for one in answers if one.explained is not None)
        return Answered(batch, len(found), rejects, explained, len(told) - len(answers), at[kept])

    def _told(self, cases: Sequence[CaseFile], batch: pa.RecordBatch) -> list[Told | Lost]:
        """What each case answers; with both engines, a case that the table answers otherwise has no answer."""
        told = self.each.tell(cases)
        if not self.settings.each.durable:
            return told
        return [_compared(one, row) for one, row in zip(told, batch.to_pylist(), strict=True)]


def _compared(told: Told | Lost, row: dict[str, Any]) -> Told | Lost:
    if isinstance(told, Told):
        for name, value in told.fields.items():
            if name in row and row[name] != value:
                return Lost(f"the engines of `advise` and the one of tables disagree on `{name}`: {value}, {row[name]}")
    return told


def _ordered(rejects: list[Reject]) -> list[Reject]:
    return sorted(rejects, key=lambda reject: (reject.row, reject.fact, reject.reason))


def _rejected(name: str, row: int, node: Node | None, problem: Problem) -> Reject:
    """What is wrong with a case, at the fact it is about."""
    path = path_to(node, problem.place) if node is not None else ()
    steps = path[1:] if path[:1] == ("profile",) else path
    held = node.value.get("id") if node is not None and isinstance(node.value, dict) else None
    return Reject(name, row, problem.place.line or None, held.text if held else "", path_text(steps), problem.message)
