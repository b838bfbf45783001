"""Answers to files: Parquet, JSON Lines or CSV, whole or not at all; a folder gets one part a piece of work."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from secondline.batch.inputs import COMPRESSIONS
from secondline.batch.tables import Reject
from secondline.columns.plain import NO_MEMBER
from secondline.errors import OutputError, UsageError, one_of

FORMS = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
REJECTS = ("file", "row", "line", "id", "fact", "reason")
_OPTIONS = "options."
BLOCK = 8_192  # rows that are written as text at once
_STATISTICS = ["id", "verdict"]  # of other columns they cost more than they can save
_OWNER_ONLY = 0o600


def form_of(name: str) -> tuple[str | None, str | None]:
    """The form and compression that the name of an output says; None for a folder.

    Raises:
        UsageError: its ending is none that can be written.
    """
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    if not suffixes or name.endswith(os.sep):
        return None, None
    form = FORMS.get(suffixes[-1])
    if form is None or (form == "parquet" and compression):
        raise UsageError(f"`-o` expects a folder, or a name with {one_of(FORMS)}, got `{name}`")
    return form, compression


# --- one file ---------------------------------------------------------------------------------------------


class Sink(ABC):
    """A file being written under another name; it gets its own once it is whole."""

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None: ...

    @abstractmethod
    def end(self) -> None: ...


class _Parquet(Sink):
    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        repeated = [path for field in schema if field.name != "id" for path in _leaves(field.name, field.type)]
        self.writer = pq.ParquetWriter(
            stream,
            schema,
            compression="zstd",
            compression_level=1,
            store_schema=False,
            write_statistics=_STATISTICS,
            use_dictionary=repeated,  # each id is another
        )

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self.writer.write_table(pa.Table.from_batches([batch]), row_group_size=max(batch.num_rows, 1))

    def end(self) -> None:
        self.writer.close()


class _Csv(Sink):
    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self.stream = stream
        stream.write((",".join(map(_quoted, schema.names)) + "\n").encode())

    def write(self, batch: pa.RecordBatch) -> None:
        for some in _blocks(batch):
            self.stream.write(_lines([pc.fill_null(_cells(column), "") for column in some.columns], "", ",", "\n"))

    def end(self) -> None:
        self.stream.flush()


class _Lines(Sink):
    def __init__(self, stream: IO[bytes], _schema: pa.Schema) -> None:
        self.stream = stream

    def write(self, batch: pa.RecordBatch) -> None:
        for some in _blocks(batch):
            held = {name: _as_json(some.column(name)) for name in some.schema.names}
            tiers = [
                _named(n.removeprefix(_OPTIONS), held.pop(n), ", ") for n in sorted(held) if n.startswith(_OPTIONS)
            ]
            whole = {name: _named(name, pc.fill_null(texts, "null")) for name, texts in held.items()}
            if not tiers:
                whole["options"] = pa.array(['"options": {}'] * some.num_rows)
            else:
                inside = pc.binary_join_element_wise(*(pc.fill_null(tier, "") for tier in tiers), "")
                inside = pc.utf8_slice_codeunits(inside, len(", "))  # each begins with what stands between them
                whole["options"] = pc.binary_join_element_wise('"options": {', inside, "}", "")
            self.stream.write(_lines([whole[name] for name in sorted(whole)], "{", ", ", "}\n"))

    def end(self) -> None:
        self.stream.flush()


_SINKS: dict[str, Callable[[IO[bytes], pa.Schema], Sink]] = {"parquet": _Parquet, "csv": _Csv, "jsonl": _Lines}


def _leaves(path: str, kind: pa.DataType) -> list[str]:
    """How Parquet calls what holds the values of a column."""
    return _leaves(f"{path}.list.element", kind.value_type) if pa.types.is_list(kind) else [path]


# --- answers as text --------------------------------------------------------------------------------------


def _blocks(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in parts, each with lists of its own, so that the text of one stays small."""
    for start in range(0, batch.num_rows, BLOCK):
        yield batch.take(pa.array(range(start, min(start + BLOCK, batch.num_rows))))


def _lines(columns: Sequence[pa.Array], before: str, between: str, after: str) -> bytes:
    """The texts of each row as a line."""
    lines = pc.binary_join_element_wise(before, pc.binary_join_element_wise(*columns, between), after, "")
    _, ends, data = lines.buffers()
    return bytes(memoryview(data)[: np.frombuffer(ends, np.int32)[len(lines)]])


def _cells(column: pa.Array) -> pa.Array:
    """A column as the cells of a text table: a list joined (`a+b;c` where it is one of sets), an empty one `none`."""
    if pa.types.is_list(column.type):
        if pa.types.is_list(column.type.value_type):
            column = _listed(
                column, pc.binary_join(_listed(column.values, column.values.values.cast(pa.string())), "+")
            )
        joined = pc.binary_join(_listed(column, column.values.cast(pa.string())), ";")
        return _texts(pc.if_else(pc.equal(joined, ""), NO_MEMBER, joined), _quoted)
    return _texts(column, _quoted) if _is_text(column.type) else column.cast(pa.string())


def _as_json(column: pa.Array) -> pa.Array:
    """A column as JSON; null where it is."""
    if pa.types.is_list(column.type):
        inside = pc.binary_join(_listed(column, pc.fill_null(_as_json(column.values), "null")), ", ")
        return pc.binary_join_element_wise("[", inside, "]", "")
    return _texts(column, _quoted_json) if _is_text(column.type) else column.cast(pa.string())


def _texts(column: pa.Array, written: Callable[[str], str]) -> pa.Array:
    """Texts as they are written; each different one is worked out once."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    held = [written(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(held, pa.string()).take(encoded.indices)


def _listed(column: pa.Array, values: pa.Array) -> pa.Array:
    """The lists of a column with other values in the places of theirs."""
    return pa.ListArray.from_arrays(column.offsets, values, mask=column.is_null() if column.null_count else None)


def _named(name: str, texts: pa.Array, before: str = "") -> pa.Array:
    return pc.binary_join_element_wise(f"{before}{_quoted_json(name)}: ", texts, "")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind))


def _quoted(cell: str) -> str:
    """A cell of CSV."""
    return '"' + cell.replace('"', '""') + '"' if any(char in cell for char in ',"\r\n') else cell


def _quoted_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def remove_abandoned(folder: Path, names: str) -> None:
    """Remove what runs that were killed have left half-written of files whose names fit; who writes holds a lock."""
    for partial in folder.iterdir():
        if re.fullmatch(rf"\.({names})\.[0-9a-f]+\.partial", partial.name):
            with suppress(OSError):
                opened = os.open(partial, os.O_RDWR | os.O_NOFOLLOW)
                try:
                    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    partial.unlink()
                finally:
                    os.close(opened)


def _locked(path: Path) -> tuple[int, Path]:
    """A new file beside another, under a name that no other run takes, locked while it is open."""
    while True:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_EX)
        if partial.exists():
            return opened, partial
        os.close(opened)  # taken for abandoned in the moment before it was locked


@contextmanager
def _worded(path: Path) -> Iterator[None]:
    """What keeps a file from being written, in words."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path} cannot be written: {reason[:1].lower()}{reason[1:]}") from None


class _Told(io.RawIOBase):
    """A file of which it is said in words that it cannot be written."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view, written = memoryview(data).cast("B"), 0
        with _worded(self._path):
            while written < len(view):
                written += self._file.write(view[written:])
        return written


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is whole, readable by its owner only.

    Raises:
        OutputError: it cannot be written; then nothing is left of it.
    """
    partial: Path | None = None
    try:
        with _worded(path):
            remove_abandoned(path.parent, re.escape(path.name))
            opened, partial = _locked(path)
        with os.fdopen(opened, "wb", buffering=0) as file:
            yield cast("IO[bytes]", _Told(file, path))  # all that is asked of it is to write
            with _worded(path):
                file.flush()
                os.fsync(file.fileno())
                partial.replace(path)
    finally:
        if partial:
            with suppress(OSError):
                partial.unlink()


class _Kept(io.RawIOBase):
    """A file that stays open when what writes to it is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.file.write(data)


@contextmanager
def compressed(file: IO[bytes], compression: str | None) -> Iterator[IO[bytes]]:
    """A file whose bytes are compressed on the way."""
    if compression is None:
        yield file
        return
    with pa.CompressedOutputStream(pa.PythonFile(_Kept(file), "w"), compression) as stream:
        yield stream


@contextmanager
def sink(file: IO[bytes], form: str, compression: str | None, schema: pa.Schema) -> Iterator[Sink]:
    """Answers into a file that is open."""
    with compressed(file, compression) as stream:
        held = _SINKS[form](stream, schema)
        yield held
        held.end()


def rejects_text(rejects: Sequence[Reject], *, header: bool) -> bytes:
    """Rejects as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(REJECTS)
    writer.writerows(["" if value is None else value for value in reject] for reject in rejects)
    return text.getvalue().encode("utf-8", "backslashreplace")


def beside(output: str, ending: str) -> Path:
    """The file beside an output that has its name with another ending."""
    path = Path(output)
    stem = path.name
    for known in (*COMPRESSIONS, *FORMS):
        stem = stem.removesuffix(known)
    return path.with_name(f"{stem}.{ending}")
