"""Rows with their answers -> what is worth finding out, what is missing and what to check, as Arrow columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from secondline.asof import Calendar
from secondline.columns.asking import Asking, Found, Told
from secondline.columns.bits import bools
from secondline.columns.cells import ESR1, STATED, Cells
from secondline.columns.kleene import Kleene
from secondline.columns.learnt import Pieces
from secondline.columns.marks import Layout, Marks
from secondline.columns.parts import HER2, IHC, Machine, Numbers, Patterns
from secondline.columns.respond import JURISDICTIONS, Rows
from secondline.diagram import NEVER, TooManyNodes
from secondline.entail import Facts
from secondline.facts import catalogue, main_of
from secondline.patient import MENOPAUSE, SEX
from secondline.refusals import CONTRADICTABLE
from secondline.worlds import Undecidable

if TYPE_CHECKING:
    from secondline.rulebase import RuleBase


_TEXTS = pa.list_(pa.string())
_MOST_EPOCHS = 512
_MOST_VALUES = 31  # of one variable: a bit of a number each
_RECEPTORS = ("disease.er", "disease.pr")
_MOST_LEARNT = 400_000  # nodes with which what was learnt is let go


class Advice(NamedTuple):
    """Three columns, and the rows that have to be asked one by one."""

    tests: pa.Array
    missing: pa.Array
    checks: pa.Array
    undecided: NDArray[np.bool_]


class Advisor:
    """A rule base ready to say of any number of rows what is worth finding out.

    Raises on construction:
        TooManyNodes, Undecidable: it cannot be said for a whole table; of each case it can.
    """

    def __init__(self, base: RuleBase) -> None:
        self.base = base
        self.calendar = Calendar(base)
        self._begin()

    def _begin(self) -> None:
        """Start with nothing learnt."""
        self.cells = Cells(self.base)
        self.cells.prepare()
        if not _fits(self.cells):
            raise Undecidable
        self.patterns = Patterns(self.cells, Layout(self.cells))
        self.pieces = Pieces(self.patterns)
        mains = dict.fromkeys((ESR1, *(case.of for d in self.base.voiding for case in d.cases if case.of)))
        self._voids = {main: Machine(self.patterns, [self.cells.void(main)]) for main in mains}
        self._asking: dict[tuple[object, ...], Asking] = {}
        self._days: dict[int, Asking] = {}

    def _on(self, key: int) -> Asking:
        """The rules of a day and jurisdiction; days on which the same rules count share what is made of them."""
        if key not in self._days:
            ordinal, place = divmod(key, len(JURISDICTIONS))
            view = self.calendar.on(date.fromordinal(ordinal), JURISDICTIONS[place] if place < 2 else None)
            rules = frozenset(rule.id for rule in view.rules())
            shares = tuple((rule.id, p.result, p.share) for rule in view.tests for p in view.prevalence(rule))
            if (rules, shares) not in self._asking:
                if len(self._asking) >= _MOST_EPOCHS:
                    self._asking.clear()
                    self._days.clear()
                self._asking[rules, shares] = Asking(view, self.pieces)
            self._days[key] = self._asking[rules, shares]
        return self._days[key]

    def advise(self, rows: Rows, batch: pa.RecordBatch) -> Advice:
        """What is to be said of rows, by what a table answers of them."""
        try:
            if len(self.cells.diagrams.variable) > _MOST_LEARNT:
                self._begin()
            return self._advised(rows, batch)
        except (TooManyNodes, Undecidable):
            self._begin()
            nothing = pa.nulls(batch.num_rows, pa.list_(_TEXTS))
            texts = pa.nulls(batch.num_rows, _TEXTS)
            return Advice(texts, nothing, texts, np.ones(batch.num_rows, dtype=bool))

    def _advised(self, rows: Rows, batch: pa.RecordBatch) -> Advice:
        count = len(rows.ids)
        said = self.patterns.of(rows.bits, count)
        links: dict[int, Numbers] = {}
        for machine in self.pieces.links:
            states = links[id(machine)] = machine.of(said, {})
            if any(self.cells.variables[at].fact in CONTRADICTABLE for at in machine.variables):
                for variable in machine.variables:
                    said[variable] = self.patterns.within(variable, said[variable], states, machine.states)
                links[id(machine)] = machine.of(said, {})
        verdicts = batch.column("verdict")
        names = verdicts.dictionary.to_pylist()
        codes = verdicts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        scope = codes >= 0
        if "out-of-scope" in names:
            scope &= codes != names.index("out-of-scope")
        decided = _Decided(batch.column("decided_by"))
        directed = batch.column("direction").is_valid().to_numpy(zero_copy_only=False)
        asked = rows.days * len(JURISDICTIONS) + rows.jurisdictions
        marks = Marks(self.patterns.layout, rows.bits, count)
        kleene = Kleene(self.base, self.cells, marks)
        groups: dict[int, tuple[Asking, list[int]]] = {}
        for key in np.unique(asked[scope]).tolist():
            asking = self._on(key)
            groups.setdefault(id(asking), (asking, []))[1].append(key)
        columns = _Columns(count, list(self.pieces.bit))
        columns.undecided |= self._voided(said, links) & scope
        for asking, keys in groups.values():
            at = np.flatnonzero(scope & np.isin(asked, keys))
            has = {rule: decided.any_of({rule}) & directed for rule in asking.rules if rule in decided.names}
            told = Told(
                [one[at] for one in said],
                {name: one[at] for name, one in links.items()},
                names,
                codes[at],
                decided.any_of(asking.closing)[at],
                {rule: np.flatnonzero(where[at]) for rule, where in has.items()},
                self._asked(asking, kleene, marks, at),
                {fact: self._open(fact, said)[at] for fact in asking.facts},
            )
            columns.put(at, asking.answer(told))
        return columns.advice()

    def _voided(self, said: Sequence[Numbers], links: Mapping[int, Numbers]) -> NDArray[np.bool_]:
        """Where a biomarker that is stated counts as absent, or may."""
        odd = np.zeros(len(said[0]), dtype=bool)
        for main, machine in self._voids.items():
            states = machine.of(said, links)
            voided = np.array([one.nodes[0] != NEVER for one in machine.states.things])[states]
            odd |= voided & ~self._not_stated(main, said)
        return odd

    def _not_stated(self, main: str, said: Sequence[Numbers]) -> NDArray[np.bool_]:
        at = self.cells.variable_of(main)
        held = self.cells.variables[at].values
        absent = [held[pattern[0]].states[main] is None for pattern in self.patterns.held[at].things]
        return np.array(absent)[said[at]]

    def _open(self, fact: str, said: Sequence[Numbers]) -> NDArray[np.bool_]:
        """Where a fact can be unknown."""
        found = np.zeros(len(said[0]), dtype=bool)
        names = {HER2 if fact == IHC else fact, *([SEX] if fact == MENOPAUSE else [])}
        for at, variable in enumerate(self.cells.variables):
            if variable.fact in names and not variable.about.startswith(STATED):
                found |= np.array([len(pattern) > 1 for pattern in self.patterns.held[at].things])[said[at]]
        if (
            fact.startswith("biomarkers.")
            and main_of(fact) == fact
            and any(v.about == f"{STATED}{fact}" for v in self.cells.variables)
        ):
            found &= self._not_stated(fact, said)
        return found

    def _asked(
        self, asking: Asking, kleene: Kleene, marks: Marks, at: NDArray[np.int64]
    ) -> dict[tuple[str, str], NDArray[np.bool_]]:
        """For each test rule and a fact that it asks for in these rows where it does."""
        found: dict[tuple[str, str], NDArray[np.bool_]] = {}
        for rule in asking.view.tests:
            main = main_of(rule.fact)
            wanted = ~kleene.rails(rule.when).false
            first = wanted & ~marks.known(main)
            found[rule.id, main] = bools(first, marks.rows)[at]
            if main != rule.fact:
                found[rule.id, rule.fact] = bools(wanted & marks.known(main) & ~marks.known(rule.fact), marks.rows)[at]
        return found


def _fits(cells: Cells) -> bool:
    """Whether values fit into a number, no test is asked for a set, and no rule reads a score beside its status."""
    base, scores = cells.base, (path for main in _RECEPTORS for path in catalogue().parts[main])
    return (
        all(len(variable.values) <= _MOST_VALUES for variable in cells.variables)
        and not any(catalogue()[rule.fact].kind == "set" for rule in base.tests)
        and not any(path in base.tests_on for path in scores)
    )


class _Decided:
    """A column of the rules that decide, as bits."""

    def __init__(self, column: pa.Array) -> None:
        flat = column.flatten()
        self.names: list[str] = flat.dictionary.to_pylist()
        self._places = flat.indices.to_numpy()
        self._rows = np.repeat(
            np.arange(len(column)), column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        )
        self._count = len(column)

    def any_of(self, names: Collection[str]) -> NDArray[np.bool_]:
        found = np.zeros(self._count, dtype=bool)
        wanted = np.array([name in names for name in self.names], dtype=bool)
        if wanted.any():
            found[self._rows[wanted[self._places]]] = True
        return found


class _Columns:
    """The columns of all rows, put in group by group. `facts` are named in the order of their bits."""

    def __init__(self, rows: int, facts: Sequence[str]) -> None:
        self._rows, self._facts = rows, facts
        self._tests: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._checks: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._missing: list[tuple[Facts, ...]] = [()]
        self._which = np.zeros(rows, dtype=np.int32)
        self.undecided = np.zeros(rows, dtype=bool)

    def put(self, at: NDArray[np.int64], found: Found) -> None:
        every = np.arange(len(at))
        self._tests.append((at[found.rows], found.facts))
        for place, fact in enumerate(self._facts):
            here = at[found.checks.has(fact, every)]
            if len(here):
                self._checks.append((here, np.full(len(here), place)))
        self._which[at] = found.which + len(self._missing)
        self._missing += found.missing
        self.undecided[at] |= found.undecided

    def advice(self) -> Advice:
        sets = pa.array([[list(facts) for facts in one] for one in self._missing], pa.list_(_TEXTS))
        tests, checks = self._lists(self._tests), self._lists(self._checks)
        return Advice(tests, sets.take(pa.array(self._which)), checks, self.undecided)

    def _lists(self, parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> pa.Array:
        """A list for each row of the facts that parts name with it, in their order."""
        rows = np.concatenate([np.arange(0), *(rows for rows, _ in parts)])
        places = np.concatenate([np.arange(0), *(places for _, places in parts)])
        order = np.argsort(rows, kind="stable")
        offsets = np.zeros(self._rows + 1, dtype=np.int32)
        np.cumsum(np.bincount(rows, minlength=self._rows), out=offsets[1:])
        named = pa.array(self._facts, pa.string()).take(pa.array(places[order]))
        return pa.ListArray.from_arrays(pa.array(offsets), named)
