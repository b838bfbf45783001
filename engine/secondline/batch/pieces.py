"""Sources cut into pieces of work, each small enough to hold and whole enough to be answered for itself."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, NamedTuple

from secondline.batch.inputs import CASES, CSV, LINES, PARQUET, Source, opened, unreadable
from secondline.batch.mapping import ColumnMap, headed
from secondline.errors import InputError, Place, Problem

ROWS = 131_072  # of a Parquet file in one piece, at most
TEXT_ROWS = 16_384  # of a file of text
FILES = 64
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


def cut(sources: Sequence[Source], stdin: IO[bytes], columns: ColumnMap) -> Iterator[Piece]:
    """The pieces of all sources, in order.

    Raises:
        InputError: a source cannot be read on; what came before it has been given.
    """
    files: list[Source] = []
    for source in sources:
        if source.form == CASES and source.path is not None:
            files.append(source)
            if len(files) == FILES:
                yield Files(files)
                files = []
            continue
        if files:
            yield Files(files)
            files = []
        yield from _cut(source, stdin, columns)
    if files:
        yield Files(files)


def _cut(source: Source, stdin: IO[bytes], columns: ColumnMap) -> Iterator[Piece]:
    if source.form == PARQUET:
        yield from _row_groups(source, columns)
        return
    stream, form, position = opened(source, stdin)
    try:
        if form == CSV:
            yield from _cells(source.name, stream, position, columns)
        elif form == LINES:
            yield from _lines(source.name, stream, position)
        else:
            from secondline.source import MAX_BYTES

            yield Files([source], stream.read(MAX_BYTES + 1))
    except (OSError, EOFError) as error:
        raise unreadable(source.name, error) from None
    finally:
        if source.path is not None:
            stream.close()


def _row_groups(source: Source, columns: ColumnMap) -> Iterator[Piece]:
    from secondline.batch.tables import parquet_file

    file = parquet_file(source)
    headed(source.name, file.schema_arrow.names, columns)
    first, held = 1, list[tuple[int, int, int]]()

    def piece() -> RowGroups:
        nonlocal first, held
        rows = sum(count for _, _, count in held)
        found = RowGroups(source, first, tuple(held), rows / file.metadata.num_rows)
        first, held = first + rows, []
        return found

    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if held and sum(count for _, _, count in held) + rows > ROWS:
            yield piece()
        for start in range(0, rows, ROWS):
            held.append((group, start, min(ROWS, rows - start)))
            if start + ROWS < rows:
                yield piece()
    if held:
        yield piece()


def _lines(name: str, stream: IO[bytes], position: Callable[[], int]) -> Iterator[Piece]:
    held: list[tuple[int, bytes | str]] = []
    size = before = 0
    for number, line in enumerate(_each_line(stream), start=1):
        if isinstance(line, str) or line.strip():
            held.append((number, line))
            size += len(line)
        if len(held) >= TEXT_ROWS or size >= _TEXT_BYTES:
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


def _cells(name: str, stream: IO[bytes], position: Callable[[], int], columns: ColumnMap) -> Iterator[Piece]:
    csv.field_size_limit(MOST_BYTES)
    lines = _decoded(name, stream)
    first = next(lines, None)
    if first is None or not first.strip():
        raise InputError([Problem(Place(name, 1, 1), "no header; the first line names the column of each fact")])
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(_put_back(first, lines), delimiter=delimiter, strict=True)
    header = _header(name, reader)
    headed(name, header, columns)
    rows: list[list[str]] = []
    numbers: list[int] = []
    begun: list[int] = []
    broken: list[tuple[int, int, str]] = []
    number = before = 0

    def piece() -> Piece:
        held: list[list[str | None]] = [[cell.strip() or None for cell in column] for column in zip(*rows, strict=True)]
        return Cells(name, header, held or [[] for _ in header], numbers, begun, broken, position() - before)

    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            number += 1
            until = f" to {reader.line_num}" if reader.line_num > line else ""
            broken.append((number, line, f"line {line}{until} cannot be read as CSV: {str(error)[:100]}"))
            continue
        if not row:
            continue
        number += 1
        wrong = _wrong(row, header)
        if wrong:
            broken.append((number, line, wrong))
        else:
            rows.append(row)
            numbers.append(number)
            begun.append(line)
        if len(rows) + len(broken) >= TEXT_ROWS:
            yield piece()
            rows, numbers, begun, broken, before = [], [], [], [], position()
    if rows or broken:
        yield piece()


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
    if row and row[0].startswith(TOO_LONG):
        return ",".join(row).removeprefix(TOO_LONG)
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
    stream, form, _ = opened(source, stdin)
    if form != CSV:
        raise InputError([Problem(Place(source.name), "expected a table with a header, CSV or Parquet")])
    with stream:
        lines = _decoded(source.name, stream)
        first = next(lines, "")
        reader = csv.reader(_put_back(first, lines), delimiter=max(",;\t", key=first.count))
        names = _header(source.name, reader)
        held = [row for row in islice(reader, rows) if len(row) == len(names)]
    return names, [[row[place].strip() for row in held] for place in range(len(names))]


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)


def _put_back(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
