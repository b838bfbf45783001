"""Which patients of a cohort are answered otherwise by a new side than by an old one; by tables, so that many are.

Both sides read the same rows, and a row is held against itself, whatever its id. Of patients only ids are kept. A row
that one side rejects and the other answers is counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from secondline.authoring.moves import VERDICT
from secondline.batch.answers import Answered, Settings, Worker
from secondline.batch.inputs import Source, opened
from secondline.batch.mapping import ColumnMap
from secondline.batch.pieces import Cells, Files, Piece, RowGroups, cut
from secondline.batch.tables import flat, of_cells, of_row_groups, of_rows, parquet_file
from secondline.cases import CaseFile
from secondline.patient import know
from secondline.states import State, as_json
from secondline.store import Ready
from secondline.tiers import CLOSED

OPTIONS = "options."
SIDES = ("old", "new")
MOST_SHOWN = 20  # patients of one switch whose facts are shown, where that is asked for
Why = Callable[[str, str, str], tuple[str, ...]]  # about, before, after -> the rules behind it
_Codes = NDArray[np.int32]
_Bools = NDArray[np.bool_]


class Switch(NamedTuple):
    """Patients for whom the verdict, or the tier of a regimen, is another, and the rules behind it."""

    about: str
    before: str
    after: str
    why: tuple[str, ...]
    ids: tuple[str, ...]


class Refused(NamedTuple):
    """How many rows a side rejects, and why: the first of them, or every one where that was asked for."""

    rows: int
    first: str
    every: tuple[str, ...] = ()


class Cohort(NamedTuple):
    """What a cohort came to; `rejected` are rows that both sides reject, `apart` those that one side alone answers.

    `refused` says of the old and the new side what each rejects, `alone` whom each alone answers. `values` holds what
    is known of a few of those who change, where that was asked for; nothing of anybody otherwise, nor of an id that
    several patients have.
    """

    rows: int
    answered: int
    rejected: int
    apart: int
    verdict: int
    options: int
    refused: tuple[Refused, Refused]
    alone: tuple[tuple[str, ...], tuple[str, ...]]
    switches: tuple[Switch, ...]
    values: Mapping[str, Mapping[str, State]] = {}

    @property
    def same(self) -> int:
        """How many are answered as before."""
        return self.answered - self.verdict - self.options

    def as_dict(self) -> dict[str, Any]:
        counts = self._asdict()
        counts["refused"] = {side: held._asdict() for side, held in zip(SIDES, self.refused, strict=True)}
        counts["alone"] = dict(zip(SIDES, map(list, self.alone), strict=True))
        counts["switches"] = [switch._asdict() | {"count": len(switch.ids)} for switch in self.switches]
        values = {name: {path: as_json(state) for path, state in held.items()} for name, held in self.values.items()}
        return counts | {"same": self.same, "values": values}


class Asked(NamedTuple):
    """One side as a cohort is answered by it."""

    ready: Ready
    day: date


def compare_cohort(
    sources: Sequence[Source],
    sides: tuple[Asked, Asked],
    columns: ColumnMap,
    stdin: IO[bytes],
    behind: Why,
    *,
    every: bool = False,
) -> Cohort:
    """Answer every patient twice. `behind` gives the rules behind a tier that became another; with `every`, each
    rejected row is kept, not only the first.

    Raises:
        InputError: a source cannot be read on.
        TooManyNodes, Undecidable: a rule base cannot be answered for whole tables.
    """
    workers = [Worker(Settings(Path(), side.day, side.day, columns), side.ready) for side in sides]
    found = _Counting(behind, every=every)
    for piece in cut(sources, stdin, columns):
        found.add(*(worker.answer(piece) for worker in workers))
    return found.cohort()


def shown(
    sources: Sequence[Source], side: Asked, columns: ColumnMap, stdin: IO[bytes], wanted: Collection[str]
) -> dict[str, dict[str, State]]:
    """What is known of some patients of a cohort, by ids that are theirs alone; the cohort is read again for it."""
    if not wanted:
        return {}
    worker = Worker(Settings(Path(), side.day, side.day, columns), side.ready)
    found: dict[str, dict[str, State]] = {}
    several = set[str]()
    for piece in cut(sources, stdin, columns):
        for case in _cases(worker, piece, columns, stdin, wanted):
            if case.id in found:
                several.add(case.id)
            elif case.id in wanted:
                found[case.id] = know(case.case.profile, side.day, side.ready.base.vocabulary).facts
    return {name: facts for name, facts in found.items() if name not in several}


def _cases(
    worker: Worker, piece: Piece, columns: ColumnMap, stdin: IO[bytes], wanted: Collection[str]
) -> Iterator[CaseFile]:
    """The patients of a piece that may be wanted, as cases."""
    if isinstance(piece, Files):
        for source in piece.sources:
            data = piece.data
            if data is None:
                with opened(source, stdin).stream as stream:
                    data = stream.read()
            read = (held for _, held in worker.interpreter.reader.each(data, source.name))
            yield from (held for held in read if isinstance(held, CaseFile))
        return
    if isinstance(piece, RowGroups):
        table = of_row_groups(piece, parquet_file(piece.source), columns)
    elif isinstance(piece, Cells):
        table = of_cells(piece, columns)
    else:
        lines = [(number, flat(line)) for number, line in piece.lines if isinstance(line, bytes)]
        rows = [(number, row) for number, row in lines if row is not None]
        table = of_rows(piece.name, [row for _, row in rows], [number for number, _ in rows], columns)
    places = np.arange(table.rows)
    if "id" in table.columns:  # without it a row is called by its number
        places = places[
            pc.is_in(table.columns["id"].cast(pa.string()), pa.array(sorted(wanted), pa.string())).to_numpy(False)
        ]
    read_rows = worker.interpreter.each_case(table, places)
    yield from (held for held in read_rows if isinstance(held, CaseFile))


class _Counting:
    """Counts piece by piece."""

    def __init__(self, behind: Why, *, every: bool) -> None:
        self.behind, self.every = behind, every
        self.rows = self.answered = self.rejected = self.apart = self.verdict = self.options = 0
        self.ids: dict[tuple[str, str, str], list[str]] = {}
        self.refused = [Refused(0, "")] * len(SIDES)
        self.alone: tuple[list[str], list[str]] = ([], [])

    def add(self, old: Answered, new: Answered) -> None:
        self.rows += old.rows
        one, other = _together(old, new)
        both = one.num_rows
        either = old.batch.num_rows + new.batch.num_rows - both
        self.answered += both
        self.apart += either - both
        self.rejected += old.rows - either
        for side, answered in enumerate((old, new)):
            rows, first, every = self.refused[side]
            first = first or (str(answered.rejects[0]) if answered.rejects else "")
            every = (*every, *map(str, answered.rejects)) if self.every else ()
            self.refused[side] = Refused(rows + answered.rows - answered.batch.num_rows, first, every)
        self.alone[0].extend(_alone(old, new))
        self.alone[1].extend(_alone(new, old))
        ids = one.column("id")
        verdicts, options = np.zeros(both, dtype=bool), np.zeros(both, dtype=bool)
        for name in dict.fromkeys((*one.schema.names, *other.schema.names)):
            if name == VERDICT or name.startswith(OPTIONS):
                names = [CLOSED]
                before, after = (_codes(batch, name, names) for batch in (one, other))
                changed = self._switched(name.removeprefix(OPTIONS), names, before, after, ids)
                (verdicts if name == VERDICT else options)[changed] = True
        self.verdict += int(verdicts.sum())
        self.options += int((options & ~verdicts).sum())

    def _switched(self, about: str, names: Sequence[str], before: _Codes, after: _Codes, ids: pa.Array) -> _Bools:
        """Where one place in a list of names became another; who is there is kept."""
        changed: _Bools = before != after
        together = before.astype(np.int64) * len(names) + after
        for key in np.unique(together[changed]).tolist():
            move = (about, names[key // len(names)], names[key % len(names)])
            these = ids.take(pa.array(np.flatnonzero(changed & (together == key)))).to_pylist()
            self.ids.setdefault(move, []).extend(these)
        return changed

    def cohort(self) -> Cohort:
        ordered = sorted(self.ids.items(), key=lambda item: (item[0][0] != VERDICT, item[0][0], -len(item[1]), item[0]))
        switches = tuple(Switch(*key, self.behind(*key), tuple(ids)) for key, ids in ordered)
        counts = (self.rows, self.answered, self.rejected, self.apart, self.verdict, self.options)
        alone = (tuple(self.alone[0]), tuple(self.alone[1]))
        return Cohort(*counts, (self.refused[0], self.refused[1]), alone, switches)


def _codes(batch: pa.RecordBatch, name: str, names: list[str]) -> _Codes:
    """The values of a column as places in a list of names, which grows; no value, or no column, is the first."""
    if name not in batch.schema.names:
        return np.zeros(batch.num_rows, dtype=np.int32)
    column = batch.column(name)
    known = column.dictionary.to_pylist()
    names += [value for value in known if value not in names]
    places = np.array([names.index(value) for value in known] or [0], dtype=np.int32)
    codes = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
    found: _Codes = places[codes]
    if column.null_count:
        found[column.is_null().to_numpy(zero_copy_only=False)] = 0
    return found


def _together(old: Answered, new: Answered) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The answers to the rows that both sides answer, row by row."""
    assert old.places is not None
    assert new.places is not None
    _, one, other = np.intersect1d(old.places, new.places, assume_unique=True, return_indices=True)
    return old.batch.take(pa.array(one)), new.batch.take(pa.array(other))


def _alone(one: Answered, other: Answered) -> list[str]:
    """The ids of the rows that only the first of two sides answers."""
    assert one.places is not None
    assert other.places is not None
    found: list[str] = one.batch.column("id").filter(pa.array(~np.isin(one.places, other.places))).to_pylist()
    return found
