"""Sources cut into pieces of work, each small enough to hold and whole enough to be answered for itself."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, NamedTuple

from secondline.batch.inputs import CASES, CSV, LINES, PARQUET, Source, opened, unreadable
from secondline.batch.mapping import ColumnMap, headed
from secondline.batch.rows import THERAPIES
from secondline.errors import InputError, Place, Problem

MOST_LINES = 10  # of one row of text: more is a quote that nobody closed
MOST_BYTES = 1 << 20  # of one row of text
_TEXT_BYTES = 8 << 20
TOO_LONG = "\ud800"  # before what is said of a line that is too long; no text that is read holds it


class RowGroups(NamedTuple):
    """Rows of a Parquet file: of each row group in it from where on, and how many."""

    source: Source
    first: int
    parts: tuple[tuple[int, int, int], ...]
    of_all: float

    @property
    def rows(self) -> int:
        return sum(count for _, _, count in self.parts)

    def share(self, sizes: Mapping[str, int]) -> float:
        """The bytes of its file that this piece is."""
        return sizes.get(self.source.name, 0) * self.of_all


class Cells(NamedTuple):
    """Rows of a table of text: cells by column, the number and first line of each row, and rows that are none."""

    name: str
    header: tuple[str, ...]
    columns: list[list[str | None]]
    numbers: list[int]
    lines: list[int]
    broken: list[tuple[int, int, str]]
    read: int

    def share(self, _sizes: Mapping[str, int]) -> float:
        """The bytes that were read for this piece."""
        return self.read


class Lines(NamedTuple):
    """Lines of JSON: the number of each, and its bytes or what is wrong with it."""

    name: str
    lines: list[tuple[int, bytes | str]]
    read: int

    def share(self, _sizes: Mapping[str, int]) -> float:
        """The bytes that were read for this piece."""
        return self.read


class Files(NamedTuple):
    """Case files, or what standard input held."""

    sources: list[Source]
    data: bytes | None = None

    def share(self, sizes: Mapping[str, int]) -> float:
        """The bytes of all its files."""
        return sum(sizes.get(source.name, 0) for source in self.sources)


Piece = RowGroups | Cells | Lines | Files


class Sizes(NamedTuple):
    """How much is one piece, at most: rows of Parquet, rows of a file of text, case files."""

    rows: int
    text_rows: int
    files: int


SIZES = Sizes(131_072, 16_384, 256)
MIDDLE = Sizes(32_768, 8_192, 128)  # where some rows are asked one by one
SLOW = Sizes(8_192, 2_048, 64)  # where all are


def cut(sources: Sequence[Source], stdin: IO[bytes], columns: ColumnMap, sizes: Sizes = SIZES) -> Iterator[Piece]:
    """The pieces of all sources, in order.

    Raises:
        InputError: a source cannot be read on; what came before it has been given.
    """
    files: list[Source] = []
    for source in sources:
        if source.form == CASES and source.path is not None:
            files.append(source)
            if len(files) == sizes.files:
                yield Files(files)
                files = []
            continue
        if files:
            yield Files(files)
            files = []
        yield from _cut(source, stdin, columns, sizes)
    if files:
        yield Files(files)


def _cut(source: Source, stdin: IO[bytes], columns: ColumnMap, sizes: Sizes) -> Iterator[Piece]:
    if source.form == PARQUET:
        yield from _row_groups(source, columns, sizes.rows)
        return
    rows = sizes.text_rows
    stream, form, position = opened(source, stdin)
    try:
        if form == CSV:
            yield from _cells(source.name, stream, position, columns, rows)
        elif form == LINES:
            yield from _lines(source.name, stream, position, rows)
        else:
            from secondline.source import MAX_BYTES

            yield Files([source], stream.read(MAX_BYTES + 1))
    except (OSError, EOFError) as error:
        raise unreadable(source.name, error) from None
    finally:
        if source.path is not None:
            stream.close()


def _row_groups(source: Source, columns: ColumnMap, most: int) -> Iterator[Piece]:
    from secondline.batch.tables import parquet_file

    file = parquet_file(source)
    known = headed(source.name, file.schema_arrow.names, columns)
    if any(column.path == THERAPIES for column in known.values()):
        most = min(most, SLOW.rows)
    first, held = 1, list[tuple[int, int, int]]()

    def piece() -> RowGroups:
        nonlocal first, held
        rows = sum(count for _, _, count in held)
        found = RowGroups(source, first, tuple(held), rows / file.metadata.num_rows)
        first, held = first + rows, []
        return found

    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if held and sum(count for _, _, count in held) + rows > most:
            yield piece()
        for start in range(0, rows, most):
            held.append((group, start, min(most, rows - start)))
            if start + most < rows:
                yield piece()
    if held:
        yield piece()


def _lines(name: str, stream: IO[bytes], position: Callable[[], int], rows: int) -> Iterator[Piece]:
    held: list[tuple[int, bytes | str]] = []
    size = before = 0
    for number, line in enumerate(_each_line(stream), start=1):
        if isinstance(line, str) or line.strip():
            held.append((number, line))
            size += len(line)
        if len(held) >= rows or size >= _TEXT_BYTES:
            yield Lines(name, held, position() - before)
            held, size, before = [], 0, position()
    if held:
        yield Lines(name, held, position() - before)


def _each_line(stream: IO[bytes]) -> Iterator[bytes | str]:
    """Each line, or what is wrong with one that is too long."""
    while line := stream.readline(MOST_BYTES + 1):
        if len(line) <= MOST_BYTES or line.endswith(b"\n"):
            yield line
            continue
        length = len(line)
        while more := stream.readline(MOST_BYTES):
            length += len(more)
            if more.endswith(b"\n"):
                break
        yield f"this row is {length:,} bytes long; at most {MOST_BYTES:,} are read"


def _cells(name: str, stream: IO[bytes], position: Callable[[], int], columns: ColumnMap, most: int) -> Iterator[Piece]:
    csv.field_size_limit(MOST_BYTES)
    records = _Records(name, stream)
    headed(name, records.header, columns)
    rows: list[list[str]] = []
    numbers: list[int] = []
    begun: list[int] = []
    broken: list[tuple[int, int, str]] = []
    before = 0

    def piece() -> Piece:
        cells: list[list[str | None]] = [
            [cell.strip() or None for cell in column] for column in zip(*rows, strict=True)
        ]
        empty: list[list[str | None]] = [[] for _ in records.header]
        return Cells(name, records.header, cells or empty, numbers, begun, broken, position() - before)

    for number, (line, row) in enumerate(records, start=1):
        if isinstance(row, str):
            broken.append((number, line, row))
        else:
            rows.append(row)
            numbers.append(number)
            begun.append(line)
        if len(rows) + len(broken) >= most:
            yield piece()
            rows, numbers, begun, broken, before = [], [], [], [], position()
    if rows or broken:
        yield piece()


class _Records:
    """The records of a table of text, each with the line on which it begins, or what is wrong with it in words.

    A quote that nobody closes would take all that follows into one cell. So a record that is wrong costs its first
    line, and what follows is read again.
    """

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self._lines = _decoded(name, stream)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        first = next(self._lines, None)
        if first is None or not first.strip():
            raise InputError([Problem(Place(name, 1, 1), "no header; the first line names the column of each fact")])
        self._delimiter = max(",;\t", key=first.count)
        self._again.append(first)
        self._reader = self._begin()
        self.header = _header(name, self._reader)
        self._line = 1 + len(self._taken)

    def _begin(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            self._taken.append(line)
            yield line

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        while True:
            text = self._again.popleft() if self._again else next(self._lines, None)
            if text is None:
                return
            cells = self._plain(text)
            if cells is not None:
                yield self._line, cells
                self._line += 1
                continue
            self._again.appendleft(text)
            self._taken.clear()
            line, wrong = self._line, ""
            row: list[str] = []
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                wrong = f"cannot be read as CSV: {str(error)[:100]}"
            wrong = wrong or (_wrong(row, self.header) if row else "")
            if len(self._taken) > MOST_LINES and not wrong:
                wrong = f"a cell goes on for {len(self._taken)} lines"
            if wrong and len(self._taken) > 1:
                self._again.extendleft(reversed(self._taken[1:]))
                del self._taken[1:]
                self._reader = self._begin()
                wrong += "; a double quote is opened on this line that is not closed on it"
            self._line += len(self._taken)
            if wrong or row:
                yield line, wrong or row

    def _plain(self, text: str) -> list[str] | None:
        """The cells of a line without quotes that has as many as the header; of such a one `csv` says the same."""
        line = text.rstrip("\r\n")
        if not line or '"' in line or "\r" in line or not line.isascii():
            return None
        cells = line.split(self._delimiter)
        return cells if len(cells) == len(self.header) else None


def _header(name: str, reader: Iterator[list[str]]) -> tuple[str, ...]:
    """The names of the columns.

    Raises:
        InputError: the first line cannot be read.
    """
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise InputError(
            [Problem(Place(name, 1, 1), f"the header cannot be read as CSV: {str(error)[:100]}")]
        ) from None
    wrong = _wrong(names, names)
    if wrong:
        raise InputError([Problem(Place(name, 1, 1), wrong)])
    return tuple(cell.strip() for cell in names)


def _wrong(row: Sequence[str], header: Sequence[str]) -> str:
    """What keeps a row from being one, in words; nothing if it is one."""
    if any(TOO_LONG in cell for cell in row):
        return ",".join(row).partition(TOO_LONG)[2].partition("\n")[0]
    if len(row) != len(header):
        return f"expected {len(header)} cells, got {len(row)}; put text that holds the separator in double quotes"
    text = "".join(row)
    if not text.isascii():
        for char in text:
            if "\udc80" <= char <= "\udcff":
                return f"byte 0x{ord(char) - 0xDC00:02x} is not UTF-8; save the file as UTF-8"
    return ""


def _decoded(name: str, stream: IO[bytes]) -> Iterator[str]:
    """The lines as text; a byte that is not UTF-8 stays visible, for its row to be rejected."""
    for number, line in enumerate(_each_line(stream)):
        if isinstance(line, str):
            yield f"{TOO_LONG}{line}\n"
            continue
        if number == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError([Problem(Place(name, 1, 1), "the file is UTF-16; save it as UTF-8")])
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", "surrogateescape")


def sampled(source: Source, stdin: IO[bytes], rows: int) -> tuple[tuple[str, ...], list[list[str]]]:
    """The names of a table's columns, and the first cells of each, as text.

    Raises:
        InputError: it is no table, or cannot be read.
    """
    if source.form == PARQUET:
        from secondline.batch.tables import parquet_file

        file = parquet_file(source)
        batch = next(file.iter_batches(batch_size=rows), None)
        names = tuple(file.schema_arrow.names)
        return names, [[] if batch is None else [_text(cell) for cell in batch.column(n).to_pylist()] for n in names]
    csv.field_size_limit(MOST_BYTES)
    stream, form, _ = opened(source, stdin)
    if form != CSV:
        raise InputError([Problem(Place(source.name), "expected a table with a header, CSV or Parquet")])
    with stream:
        records = _Records(source.name, stream)
        read = list(islice(records, rows))
    for line, row in read:
        if isinstance(row, str):
            raise InputError([Problem(Place(source.name, line, 1), f"{row}; a draft needs lines that can be read")])
    held = [row for _, row in read if not isinstance(row, str)]
    return records.header, [[row[place].strip() for row in held] for place in range(len(records.header))]


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)
