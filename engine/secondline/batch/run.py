"""A batch from beginning to end: pieces to workers, answers back in order, counts that add up."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import multiprocessing
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa

from secondline import __version__
from secondline.batch.answers import Answered, Settings, Worker
from secondline.batch.inputs import STDIN, Source
from secondline.batch.outputs import rejects_text, remove_abandoned, sink, written
from secondline.batch.pieces import Piece, RowGroups, cut
from secondline.batch.summary import Summary
from secondline.batch.tables import Reject
from secondline.errors import EngineError, InputError, OutputError, Problem, UsageError

_WATCH_SECONDS = 0.5
_ATTEMPTS = 6
SUMMARY, ABOUT = "summary.json", "about.json"
OURS = r"part-[0-9]{6}\..*|summary\.json|about\.json"  # the names in a folder of parts
Seen = Callable[[Piece, int, Sequence[Reject]], None]


class Target(NamedTuple):
    """Where answers go: a file, a folder of parts (`form` of each), or standard output; and where rejects go."""

    name: str
    form: str
    compression: str | None
    folder: bool
    rejects: Path | None = None
    explained: Path | None = None


class Failed(NamedTuple):
    """What a worker could not go on from; errors of this program do not travel between processes as they are."""

    problems: tuple[Problem, ...]


def run(
    sources: Sequence[Source], target: Target, settings: Settings, stdin: IO[bytes], stdout: IO[bytes], workers: int,
    seen: Seen, *, resume: bool = False,
) -> Summary:  # fmt: skip
    """Answer every row of every source.

    Args:
        seen: called with each piece that is done, its number of rows and what of them was rejected.
        resume: go on with a folder that an earlier run left.

    Raises:
        InputError: a source cannot be read on; no file has been left under the target's name.
        OutputError: an answer cannot be written.
        EngineError: the counts do not add up, or a worker ended.
    """
    pieces = cut(sources, stdin, settings.columns, settings.each.sizes)
    if target.folder:
        about = _about(sources, target, settings)
        folder = Path(target.name)
        with _usable(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(folder):
            done = _begun(folder, about, resume=resume)
            return _into_folder(pieces, target, settings, workers, seen, done)
    summary = Summary()
    with ExitStack() as stack:
        rejects = stack.enter_context(written(target.rejects)) if target.rejects else None
        if rejects:
            rejects.write(rejects_text((), header=True))
        explained = stack.enter_context(written(target.explained)) if target.explained else None
        file = stdout if target.name == STDIN else stack.enter_context(written(Path(target.name)))
        held = None
        for piece, found in _answers(pieces, settings, workers):
            if held is None:
                held = stack.enter_context(sink(file, target.form, target.compression, found.batch.schema))
            held.write(found.batch)
            if rejects and found.rejects:
                rejects.write(rejects_text(found.rejects, header=False))
            if explained:
                explained.write(_explained(found))
            _count(summary, piece, found)
            seen(piece, found.rows, found.rejects)
        if held is None:
            stack.enter_context(sink(file, target.form, target.compression, Worker(settings).schema))
    return summary


def _count(summary: Summary, piece: Piece, found: Answered) -> None:
    """Add the counts of a piece, once they add up."""
    rejected = len({(reject.file, reject.row) for reject in found.rejects})
    promised = piece.rows if isinstance(piece, RowGroups) else found.rows
    if not found.rows == promised == found.batch.num_rows + rejected:
        message = (
            f"{promised} rows were read, {found.batch.num_rows} answered and {rejected} rejected: that does not add up"
        )
        raise EngineError(message)
    summary.add(found)


# --- a folder of parts ------------------------------------------------------------------------------------


def _into_folder(
    pieces: Iterator[Piece], target: Target, settings: Settings, workers: int, seen: Seen, done: frozenset[int]
) -> Summary:
    folder = Path(target.name)
    summary, left = Summary(), deque[tuple[int, Piece]]()

    def undone() -> Iterator[Piece]:
        for number, piece in enumerate(pieces, start=1):
            part = _kept(folder, number, piece, target) if number in done else None
            if part is not None:
                summary.merge(part)
                seen(piece, part.rows, ())
            else:
                left.append((number, piece))
                yield piece

    for piece, found in _answers(undone(), settings, workers):
        number, _ = left.popleft()
        one = Summary()
        _count(one, piece, found)
        name = _part(number)
        rejects = rejects_text(found.rejects, header=True)
        with written(folder / f"{name}.rejects.csv") as file:
            file.write(rejects)
        if settings.each.explain:
            with written(folder / f"{name}.explained.jsonl") as file:
                file.write(_explained(found))
        part = io.BytesIO()
        with sink(part, target.form, None, found.batch.schema) as held:
            held.write(found.batch)
        with written(folder / f"{name}.counts.json") as file:
            file.write(_json({**one.as_dict(), "part": _digest_of(part.getvalue()), "rejected": _digest_of(rejects)}))
        with written(folder / f"{name}.{target.form}") as file:
            file.write(part.getvalue())
        summary.merge(one)
        seen(piece, found.rows, found.rejects)
    with written(folder / SUMMARY) as file:
        file.write(_json(summary.as_dict()))
    return summary


def _kept(folder: Path, number: int, piece: Piece, target: Target) -> Summary | None:
    """The counts of a part that is as it was written, of this very piece; None where it has to be written anew."""
    name = _part(number)
    try:
        counts = json.loads((folder / f"{name}.counts.json").read_bytes())
        whole = counts["part"] == _digest(folder / f"{name}.{target.form}")
        if not whole or counts["rejected"] != _digest(folder / f"{name}.rejects.csv"):
            return None
        found = Summary.of_dict(counts)
    except (OSError, ValueError, KeyError):
        return None
    return None if isinstance(piece, RowGroups) and found.rows != piece.rows else found


def _explained(found: Answered) -> bytes:
    return "".join(f"{line}\n" for line in found.explained).encode()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """While no other run writes into a folder; the workers of one that was killed end within a moment.

    Raises:
        UsageError: another run does.
    """
    with _usable(folder):
        lock = os.open(folder, os.O_RDONLY)
    try:
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if attempt == _ATTEMPTS - 1:
                    raise UsageError(f"another run is writing into {folder}; wait for it, or name another") from None
                time.sleep(_WATCH_SECONDS)
        yield
    finally:
        os.close(lock)


def _digest(path: Path) -> str:
    """What a file holds, as a short text; of a file that cannot be read that it cannot."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError:
        return "unreadable"


def _digest_of(data: bytes) -> str:
    return hashlib.blake2b(data).hexdigest()


def _part(number: int) -> str:
    return f"part-{number:06}"


def _json(held: Any) -> bytes:
    return (json.dumps(held, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _about(sources: Sequence[Source], target: Target, settings: Settings) -> dict[str, Any]:
    """What a folder of parts was made from: parts of another run are never taken for this one's."""
    from secondline.rulefiles import rule_files

    if any(source.name == STDIN for source in sources):
        raise UsageError("a folder of parts needs files to read, not standard input; write to a file, or read from one")
    files = [[source.name, _digest(Path(source.name))] for source in sources]
    columns = hashlib.sha256(repr(sorted(settings.columns.items())).encode()).hexdigest()
    return {
        "secondline": __version__,
        "rules": rule_files(settings.rules).digest,
        "as_of": (settings.asked or settings.today).isoformat(),
        "asked_for_all": settings.asked is not None,
        "columns": columns,
        "form": target.form,
        "options": hashlib.sha256(repr(settings.each).encode()).hexdigest(),
        "sizes": list(settings.each.sizes),
        "inputs": hashlib.sha256(_json(files)).hexdigest(),
    }


def begun(folder: Path) -> dict[str, Any]:
    """What a folder of parts says it was made from.

    Raises:
        UsageError: it does not say.
    """
    try:
        found: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
    except ValueError:
        raise UsageError(f"{folder / ABOUT} cannot be read; name another folder") from None
    return found


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """What keeps a folder from being used, in words."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder} cannot be used: {(error.strerror or str(error)).lower()}") from None


def _begun(folder: Path, about: dict[str, Any], *, resume: bool) -> frozenset[int]:
    """Begin or check the folder; the numbers of the parts that are whole."""
    with _usable(folder):
        remove_abandoned(folder, OURS)
        held = sorted(path.name for path in folder.iterdir())
    if held and not resume:
        raise UsageError(f"{folder} is not empty; say `--resume` to go on with it, or name another folder")
    if ABOUT in held:
        before = begun(folder)
        changed = sorted(key for key in about if before.get(key) != about[key])
        if changed:
            raise UsageError(f"{folder} was begun otherwise ({', '.join(changed)} changed); name another folder")
    elif held:
        raise UsageError(f"{folder} holds what no batch has written; name another folder")
    if ABOUT not in held:
        with written(folder / ABOUT) as file:
            file.write(_json(about))
    whole = re.compile(rf"part-([0-9]{{6}})\.{about['form']}")
    return frozenset(int(found[1]) for name in held if (found := whole.fullmatch(name)))


# --- workers ----------------------------------------------------------------------------------------------


def _answers(pieces: Iterable[Piece], settings: Settings, workers: int) -> Iterator[tuple[Piece, Answered]]:
    """Each piece with its answers, in order."""
    if workers == 1:
        worker = Worker(settings)
        for piece in pieces:
            yield piece, worker.answer(piece)
        return
    with _pool(settings, workers) as pool:
        asked: deque[tuple[Piece, Future[Any]]] = deque()
        try:
            for piece in pieces:
                asked.append((piece, pool.submit(_answer, piece)))
                if len(asked) > workers:
                    yield _result(*asked.popleft())
            while asked:
                yield _result(*asked.popleft())
        except BaseException:
            for _, future in asked:
                future.cancel()
            raise


def _pool(settings: Settings, workers: int) -> ProcessPoolExecutor:
    """Worker processes; forked where that is safe, before anything is read, so that they begin with the rules ready."""
    if sys.platform != "linux":
        return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (settings,))
    _worker[:] = [Worker(settings)]  # the forked have it
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin, (settings,))
    pool.submit(int).result()  # now, while this process has but one thread
    return pool


class _NoPandas(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("left out", name=fullname)


def leave_pandas_out() -> None:
    """Let pyarrow know once that it is given nothing of pandas; to find out, it would import it, 0.3 s a process."""
    if "pandas" not in sys.modules:
        finder = _NoPandas()
        sys.meta_path.insert(0, finder)
        try:
            pa.scalar(0)
        finally:
            sys.meta_path.remove(finder)


def end_with_parent() -> None:
    """End this process once the one that began it is gone, however that ended: nobody waits for its answers."""
    began = multiprocessing.parent_process()
    parent = began.pid if began else os.getppid()  # a worker's may be gone before this line is reached

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _result(piece: Piece, future: Future[Any]) -> tuple[Piece, Answered]:
    try:
        found = future.result()
    except BrokenProcessPool:
        raise EngineError("a worker process was ended from outside; there is no answer") from None
    if isinstance(found, Failed):
        raise InputError(found.problems)
    data, rows, rejects, explained, lost = found
    batch = pa.ipc.open_stream(data).read_next_batch()
    return piece, Answered(batch, rows, [Reject(*reject) for reject in rejects], explained, lost)


_worker: list[Worker] = []  # one a process


def _begin(settings: Settings) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to judge
    leave_pandas_out()
    end_with_parent()
    _worker[:] = _worker or [Worker(settings)]


def _answer(piece: Piece) -> Failed | tuple[bytes, int, list[tuple[Any, ...]], tuple[str, ...], int]:
    try:
        found = _worker[0].answer(piece)
    except InputError as error:
        return Failed(error.problems)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, found.batch.schema) as writer:
        writer.write_batch(found.batch)
    rejects = [tuple(reject) for reject in found.rejects]
    return stream.getvalue().to_pybytes(), found.rows, rejects, found.explained, found.lost


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
