"""Answers to files: Parquet, JSON Lines or CSV, whole or not at all; a folder gets one part a piece of work."""

from __future__ import annotations

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from secondline.batch.inputs import COMPRESSIONS
from secondline.batch.tables import Reject
from secondline.columns.plain import NO_MEMBER
from secondline.errors import OutputError, UsageError, one_of

if TYPE_CHECKING:
    pass

FORMS = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
REJECTS = ("file", "row", "line", "id", "fact", "reason")
_OPTIONS = "options."
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
        self.writer = pq.ParquetWriter(
            stream, schema, compression="zstd", compression_level=1, store_schema=False, write_statistics=_STATISTICS,
            use_dictionary=[name for name in schema.names if name != "id"],  # each id is another
        )  # fmt: skip

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self.writer.write_table(pa.Table.from_batches([batch]), row_group_size=max(batch.num_rows, 1))

    def end(self) -> None:
        self.writer.close()


class _Csv(Sink):
    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self.stream = stream
        self._rows([schema.names])

    def write(self, batch: pa.RecordBatch) -> None:
        self._rows(zip(*map(_cells, batch.columns), strict=True))

    def _rows(self, rows: Iterable[Sequence[str | None]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self.stream.write(text.getvalue().encode())

    def end(self) -> None:
        self.stream.flush()


class _Lines(Sink):
    def __init__(self, stream: IO[bytes], _schema: pa.Schema) -> None:
        self.stream = stream

    def write(self, batch: pa.RecordBatch) -> None:
        names = [name for name in batch.schema.names if not name.startswith(_OPTIONS)]
        regimens = [name for name in batch.schema.names if name.startswith(_OPTIONS)]
        held = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        lines = []
        for row in range(batch.num_rows):
            answer: dict[str, Any] = {name: held[name][row] for name in names}
            tiers = ((name.removeprefix(_OPTIONS), held[name][row]) for name in regimens)
            answer["options"] = {regimen: tier for regimen, tier in tiers if tier is not None}
            lines.append(json.dumps(answer, ensure_ascii=False, sort_keys=True) + "\n")
        self.stream.write("".join(lines).encode())

    def end(self) -> None:
        self.stream.flush()


_SINKS: dict[str, Callable[[IO[bytes], pa.Schema], Sink]] = {"parquet": _Parquet, "csv": _Csv, "jsonl": _Lines}


def _cells(column: pa.Array) -> list[str | None]:
    """A column as the cells of a text table: a list joined (`a+b;c` where it is one of sets), an empty one `none`."""
    values = column.to_pylist()
    if pa.types.is_list(column.type):
        if pa.types.is_list(column.type.value_type):
            values = [["+".join(inner) for inner in value] for value in values]
        return [";".join(value) or NO_MEMBER for value in values]
    return [str(value).lower() for value in values] if pa.types.is_boolean(column.type) else values


def remove_abandoned(folder: Path, name: str = "*") -> None:
    """Remove what a run that was killed has left half-written; of a run that goes on nothing."""
    for partial in folder.glob(f".{name}.*.partial"):
        pid = partial.name.split(".")[-2]
        if pid.isdigit() and not _alive(int(pid)):
            with suppress(OSError):
                partial.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        remove_abandoned(path.parent, path.name)
        with _worded(path):
            opened = os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb", buffering=0)
        with opened as file:
            yield cast("IO[bytes]", _Told(file, path))  # all that is asked of it is to write
            with _worded(path):
                file.flush()
                os.fsync(file.fileno())
        with _worded(path):
            partial.replace(path)
    finally:
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
