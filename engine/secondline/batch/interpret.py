"""Rows of tables and cases of files -> what they say, row by row, and what could not be read of which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from secondline.batch.rows import BESIDE, COMPLETE, PROGRESSED_ON, THERAPIES, case_node, named
from secondline.batch.tables import Reject, Table
from secondline.cases import CaseFile, CaseReader, Days
from secondline.columns.bits import Bits, packed
from secondline.columns.marks import Layout
from secondline.columns.plain import ODD, Plain, is_text, looked_up, valid
from secondline.columns.respond import JURISDICTIONS, Rows
from secondline.errors import InputError
from secondline.patient import Known, know
from secondline.refusals import refusals

if TYPE_CHECKING:
    from secondline.store import Ready

MOST_OF_ID = 200  # characters
_NONE = JURISDICTIONS.index("none")


class Read(NamedTuple):
    """What the rows of a table say, which of them could be read, and what was rejected."""

    rows: Rows
    kept: NDArray[np.bool_]
    rejects: list[Reject]


class Interpreter:
    """Reads rows for one rule base; `days` says which day a row is asked for."""

    def __init__(self, ready: Ready, days: Days, layout: Layout) -> None:
        self.base, self.days, self.layout = ready.base, days, layout
        self.reader = CaseReader(ready.base, ready.case_schema, days)
        self.nothing = layout.said(Known({}, {}))
        self.plain = Plain(ready.base, layout, self._judged)

    # --- tables -------------------------------------------------------------------------------------------

    def table(self, table: Table) -> Read:
        facts = {path: column for path, column in table.columns.items() if path not in BESIDE}
        said, odd = self.plain.said(facts, table.rows, table.text)
        odd |= table.odd if table.odd is not None else False
        days, wrong = self._days(table)
        odd |= wrong
        jurisdictions, wrong = _jurisdictions(table.columns.get("jurisdiction"), table.rows)
        odd |= wrong
        ids, wrong = _ids(table)
        odd |= wrong
        for path in (THERAPIES, COMPLETE):
            if path in table.columns:
                odd |= valid(table.columns[path])
        if PROGRESSED_ON in table.columns:
            odd |= ~_in_time(table.columns[PROGRESSED_ON], days)
        return self._with_odd(table, Rows(ids, days, jurisdictions, said), odd)

    def _with_odd(self, table: Table, rows: Rows, odd: NDArray[np.bool_]) -> Read:
        """The rows with those that are not plain read as cases."""
        rejects: list[Reject] = []
        oddities: dict[int, tuple[str, ...]] = {}
        kept = np.ones(table.rows, dtype=bool)
        names: dict[int, str] = {}
        said: dict[int, list[bool]] = {}
        where = np.flatnonzero(odd)
        for place, read in zip(where.tolist(), self.each_case(table, where), strict=True):
            if not isinstance(read, CaseFile):
                kept[place] = False
                said[place] = self.nothing  # its answer is dropped; what it says may have no answer
                rows.days[place] = self.base.knowledge_until.toordinal()
                rejects += read
                continue
            known = self._known(read)
            said[place] = self.layout.said(known)
            rows.days[place] = read.day.toordinal()
            rows.jurisdictions[place] = JURISDICTIONS.index(read.case.jurisdiction)
            names[place] = read.id
            if known.oddities:
                oddities[place] = tuple(name for name, _ in known.oddities)
        if said:
            put_columns(rows.bits, np.array(list(said)), np.array(list(said.values()), dtype=bool), table.rows)
            held = rows.ids.to_pylist()
            for place, name in names.items():
                held[place] = name
            rows = rows._replace(ids=pa.array(held, pa.string()))
        return Read(rows._replace(oddities=oddities), kept, rejects)

    def each_case(self, table: Table, places: NDArray[np.int64]) -> Iterator[CaseFile | list[Reject]]:
        """Some rows of a table as cases, or what is wrong with them."""
        for place, cells in zip(places.tolist(), table.cells(places), strict=True):
            try:
                node = case_node(cells, table.file, table.numbers[place], table.text)
                yield self.reader.case(node, named(table.file, table.numbers[place]))
            except InputError as error:
                yield [table.reject(place, problem, cells) for problem in error.problems]

    def _days(self, table: Table) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The day of each row as an ordinal, and the rows of which it is not plain."""
        usual = self.days.asked or self.days.today
        days = np.full(table.rows, usual.toordinal() if usual else 0, dtype=np.int64)
        column = table.columns.get("as_of")
        if column is None:
            return days, np.full(table.rows, usual is None)
        given = valid(column)
        read, fits = _ordinals(column)
        if self.days.asked is None:
            days = np.where(given, read, days)
        return days, (given & ~fits) | (~given & (usual is None))

    # --- cases --------------------------------------------------------------------------------------------

    def cases(self, cases: Sequence[CaseFile]) -> Rows:
        """What cases say."""
        known = [self._known(case) for case in cases]
        said = np.array([self.layout.said(one) for one in known], dtype=bool).reshape(len(cases), self.layout.size)
        return Rows(
            pa.array([case.id for case in cases], pa.string()),
            np.array([case.day.toordinal() for case in cases], dtype=np.int64),
            np.array([JURISDICTIONS.index(case.case.jurisdiction) for case in cases], dtype=np.int64),
            packed(np.ascontiguousarray(said.T)),
            {at: tuple(name for name, _ in one.oddities) for at, one in enumerate(known) if one.oddities},
        )

    def _known(self, case: CaseFile) -> Known:
        return know(case.case.profile, case.day, self.base.vocabulary)

    def _judged(self, facts: Mapping[str, Any]) -> Known | None:
        """What a patient of whom just these facts are given is known to be; None where that is refused or odd."""
        day = self.days.asked or self.days.today or self.base.knowledge_until
        try:
            case = self.reader.shaped(case_node(facts, "", 0))
        except InputError:
            return None
        if any(True for _ in refusals(case.profile, day, self.base.vocabulary)):
            return None
        known = know(case.profile, day, self.base.vocabulary)
        return None if known.oddities else known


def put_columns(bits: Bits, places: NDArray[np.int64], said: NDArray[np.bool_], rows: int) -> None:
    """Put what some patients say, a row each, into the bits of all."""
    if len(places) * 64 < rows:
        for place, one in zip(places.tolist(), said, strict=True):
            bit = np.uint64(1) << np.uint64(place & 63)
            bits[:, place >> 6] = np.where(one, bits[:, place >> 6] | bit, bits[:, place >> 6] & ~bit)
        return
    mine, whole = np.zeros(rows, dtype=bool), np.zeros((len(bits), rows), dtype=bool)
    mine[places], whole[:, places] = True, said.T
    np.copyto(bits, (bits & ~packed(mine)) | packed(whole))


def _ids(table: Table) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The ids of the rows; odd where one may not be an id."""
    column = table.columns.get("id")
    if column is None:
        return pa.array([named(table.file, number) for number in table.numbers], pa.string()), np.zeros(
            table.rows, bool
        )
    given = valid(column)
    if not (is_text(column.type) or pa.types.is_integer(column.type)):
        return pa.nulls(table.rows, pa.string()), np.ones(table.rows, bool)
    text = column.cast(pa.string())
    if given.all() and _are_plain(text):
        return text, np.zeros(table.rows, bool)
    length = pc.utf8_length(text).fill_null(1).to_numpy(zero_copy_only=False)
    fits = (length > 0) & (length <= MOST_OF_ID)
    fits &= ~pc.match_substring_regex(text, "[\\x00-\\x1f\\x7f-\\x{9f}]").fill_null(False).to_numpy(
        zero_copy_only=False
    )
    return text, ~(fits & given)


def _are_plain(texts: pa.Array) -> bool:
    """Whether all of some texts, of which none is missing, are of printable ASCII and neither empty nor long."""
    _, ends, data = texts.buffers()
    bounds = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    chars = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    lengths = np.diff(bounds)
    return bool(((chars >= 0x20) & (chars < 0x7F)).all() and ((lengths > 0) & (lengths <= MOST_OF_ID)).all())


def _jurisdictions(column: pa.Array | None, rows: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if column is None:
        return np.full(rows, _NONE, dtype=np.int64), np.zeros(rows, dtype=bool)
    if not is_text(column.type):
        return np.full(rows, _NONE, dtype=np.int64), valid(column)
    places = looked_up(column, lambda text: JURISDICTIONS.index(text) if text in JURISDICTIONS else ODD, _NONE)
    return np.where(places < 0, _NONE, places).astype(np.int64), places == ODD


def _ordinals(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days as ordinals, and which cells are whole days."""
    held = column
    if is_text(column.type):
        text = column.cast(pa.string())
        shaped = pc.match_substring_regex(text, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$").fill_null(False)
        held = pc.strptime(pc.if_else(shaped, text, pa.scalar(None, pa.string())), "%Y-%m-%d", "s", error_is_null=True)
        back = pc.equal(pc.strftime(held, "%Y-%m-%d"), text).fill_null(False)
        held = pc.if_else(back, held.cast(pa.date32(), safe=False), pa.scalar(None, pa.date32()))
    elif pa.types.is_date(column.type):
        held = column.cast(pa.date32(), safe=False)
    else:
        return np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    numbers = held.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    ordinals = numbers + date(1970, 1, 1).toordinal()
    fits = valid(held) & (ordinals >= date(1900, 1, 1).toordinal()) & (ordinals <= date(2199, 12, 31).toordinal())
    return np.where(fits, ordinals, 0), fits


def _in_time(column: pa.Array, days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a day is not given, or is whole and no later than the day asked."""
    ordinals, fits = _ordinals(column)
    return ~valid(column) | (fits & (ordinals <= days))
