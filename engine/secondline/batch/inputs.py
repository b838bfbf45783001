"""What there is to read: files, folders, patterns and standard input, each with its form and compression."""

from __future__ import annotations

import glob
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from secondline.errors import InputError, Place, Problem, UsageError, one_of

STDIN = "-"
PARQUET, CSV, LINES, CASES = "parquet", "csv", "jsonl", "cases"
FORMS = {
    ".parquet": PARQUET, ".csv": CSV, ".tsv": CSV, ".jsonl": LINES, ".ndjson": LINES,
    ".yaml": CASES, ".yml": CASES, ".json": CASES,
}  # fmt: skip
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_START = 4096
_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"


class Source(NamedTuple):
    """One file, or standard input, and how it is read; `name` is what messages call it."""

    name: str
    form: str
    compression: str | None = None

    @property
    def path(self) -> Path | None:
        return None if self.name == STDIN else Path(self.name)


class Found(NamedTuple):
    """The sources in the order in which they are read, and the files of folders that are none."""

    sources: list[Source]
    passed_over: list[str]


def find(inputs: Sequence[str], form: str | None = None) -> Found:
    """The sources that some inputs name: a file, a folder with all in it, a pattern, or `-`.

    `form` is how standard input and files of no known ending are read.

    Raises:
        InputError: an input is not there, or its form is not known.
    """
    found: list[Source] = []
    passed_over: list[str] = []
    problems: list[Problem] = []
    for name in inputs:
        if name == STDIN:
            found.append(Source(STDIN, form or "", None))
            continue
        paths = [name] if _is_there(name) else sorted(glob.glob(name, recursive=True))
        if not paths:
            what = "no file fits this pattern" if glob.has_magic(name) else "no such file or folder"
            problems.append(Problem(Place(name), what))
        for path in paths:
            if Path(path).is_dir():
                inside, others = _folder(Path(path))
                found += inside
                passed_over += others
                if not inside:
                    problems.append(Problem(Place(path), f"no case files or tables in this folder; {_ENDINGS}"))
            else:
                source = _source(path, form)
                if source is None:
                    problems.append(
                        Problem(Place(path), f"its name does not say what it is; {_ENDINGS}, or say `--from`")
                    )
                else:
                    found.append(source)
    if problems:
        raise InputError(problems)
    names = [str(Path(source.name).resolve()) if source.path else STDIN for source in found]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise UsageError(f"{one_of(twice)} is given twice")
    return Found(found, passed_over)


def _is_there(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()
    except (OSError, ValueError):
        return False


_ENDINGS = f"expected a name with {one_of(FORMS)}, perhaps with {one_of(COMPRESSIONS)} after it"


def _folder(folder: Path) -> tuple[list[Source], list[str]]:
    """The sources in a folder and in those within it, in the order of their names; what is hidden is not looked at."""
    found: list[Source] = []
    others: list[str] = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in inner.parts):
            source = _source(str(path), None)
            if source is None:
                others.append(str(path))
            else:
                found.append(source)
    return found, others


def _source(name: str, form: str | None) -> Source | None:
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    known = FORMS.get(suffixes[-1], form) if suffixes else form
    return Source(name, known, compression) if known else None


class Opened(NamedTuple):
    """The bytes of a source, decompressed; its form; and how many of the bytes on disk have been read."""

    stream: IO[bytes]
    form: str
    position: Callable[[], int]


def opened(source: Source, stdin: IO[bytes]) -> Opened:
    """A source, opened; its first bytes tell its compression, and its form where its name does not.

    Raises:
        InputError: it cannot be opened, or nothing tells its form.
    """
    import pyarrow as pa

    try:
        raw = io.BufferedReader(
            cast("io.RawIOBase", stdin if source.path is None else source.path.open("rb", buffering=0))
        )
        start = raw.peek(_START)[:_START]
        compression = "gzip" if start[:2] == _GZIP else "zstd" if start[:4] == _ZSTD else None
        stream = raw
        if compression:
            stream = io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, "r"), compression))
            start = stream.peek(_START)[:_START]
    except (OSError, EOFError, ValueError) as error:
        raise unreadable(source.name, error) from None
    position = raw.tell if source.path is not None and raw.seekable() else int
    return Opened(stream, source.form or _sniffed(start), position)


def _sniffed(start: bytes) -> str:
    """The form that the first bytes of standard input have."""
    if start[:4] == _PARQUET:
        raise InputError([Problem(Place("<stdin>"), "Parquet is not read from standard input; write it to a file")])
    text = start.decode("utf-8-sig", "replace").lstrip()
    first = text.partition("\n")[0]
    if first[:1] == "{" and (first.rstrip()[-1:] == "}" or "\n" not in text):
        return LINES
    if first[:1] in ("{", "["):
        return CASES
    named = [part.strip().strip('"') for part in first.replace(";", ",").replace("\t", ",").split(",")]
    return CSV if len(named) > 1 and ":" not in first else CASES


def unreadable(name: str, error: Exception) -> InputError:
    """What stopped the reading of a file, in words."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
    return InputError([Problem(Place(name), f"cannot be read: {reason[:1].lower()}{reason[1:]}")])
