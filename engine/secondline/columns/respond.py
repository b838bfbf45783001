"""What rows say -> their answers, as an Arrow record batch: the same for a table, for case files and for Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from secondline.asof import AsOf, Calendar
from secondline.columns.bits import Bits, Program, bools, packed
from secondline.columns.cells import Cells
from secondline.columns.kleene import Kleene
from secondline.columns.marks import Layout, Marks
from secondline.columns.outcomes import TIER_CODES, Answers, Outcomes, joined, merged
from secondline.scales import CERTAINTIES, STRENGTHS, VERDICTS, lowest
from secondline.verdict import DIRECTIONS

if TYPE_CHECKING:
    from secondline.forms.rules import Rule
    from secondline.rulebase import RuleBase
    from secondline.scales import Verdict

JURISDICTIONS = ("us", "eu", "none")
KNOWLEDGE_UNTIL, REVIEW_BY = "knowledge-until", "review-by"
_TEXT, _TIER = pa.dictionary(pa.int16(), pa.string()), pa.dictionary(pa.int8(), pa.string())
_TEXTS = pa.list_(_TEXT)
FEW = 8  # sets of rules in effect of which each is asked of every row
_MOST_EPOCHS = 512
BLOCK = 16_384  # rows of which lists are made at once: what is in the cache is quick


class Rows(NamedTuple):
    """Some patients as they are asked about: ids, days as ordinals, places in JURISDICTIONS, and what is said of each.

    `bits` has a row for each thing that can be said; `oddities` names what is odd in the record of some, by place.
    """

    ids: pa.Array
    days: NDArray[np.int64]
    jurisdictions: NDArray[np.int64]
    bits: Bits
    oddities: Mapping[int, Sequence[str]] = {}


class Responder:
    """A rule base ready to answer any number of rows.

    Raises on construction or from `respond`:
        TooManyNodes, Undecidable: the rule base cannot be answered for a whole table; each case can.
    """

    def __init__(self, base: RuleBase) -> None:
        self.base = base
        self.calendar = Calendar(base)
        self.cells = Cells(base)
        self.cells.prepare()
        self.layout = Layout(self.cells)
        self._by_id: dict[str, Rule] = {rule.id: rule for rule in base.rules()}
        self._verdicts = {rule.id: rule for rule in base.verdicts}
        names = (*sorted(gate.id for gate in base.gates), *sorted(rule.id for rule in base.verdicts))
        self._order = {name: place for place, name in enumerate(names)}  # gates come before what they close
        self.regimens = sorted({rule.regimen for rule in base.options})
        self.schema = schema(self.regimens)
        self._views: dict[int, tuple[AsOf, Outcomes]] = {}
        self._reported: dict[tuple[int | str, ...], list[str]] = {}
        self._programs: dict[tuple[int, ...], Program] = {}
        self._outcomes: dict[tuple[frozenset[str], frozenset[str], str | None], Outcomes] = {}

    def respond(self, rows: Rows) -> pa.RecordBatch:
        """The answers, in the order of the rows; without a verdict where a row contradicts itself."""
        asked = rows.days * len(JURISDICTIONS) + rows.jurisdictions
        alike: dict[int, list[int]] = {}
        for key in np.unique(asked).tolist():
            alike.setdefault(id(self._on(key)[1]), []).append(key)
        return self._worded(self._judged(rows, asked, list(alike.values())), rows, asked)

    def _judged(self, rows: Rows, asked: NDArray[np.int64], alike: Sequence[Sequence[int]]) -> Answers:
        """The answers by the rules of each row's day; `alike` are the days and places on which the same rules count."""
        if len(alike) > FEW:
            return self._apart(rows, asked, alike)
        found = self._answers(rows.bits, len(asked), [self._on(keys[0])[1] for keys in alike])
        if len(found) == 1:
            return found[0]
        return merged(found, [np.isin(asked, keys) for keys in alike])

    def _answers(self, bits: Bits, rows: int, outcomes: Sequence[Outcomes]) -> list[Answers]:
        """The answers of several sets of rules to the same rows; what they share is worked out once."""
        key = tuple(map(id, outcomes))
        program = self._programs.get(key)
        if program is None:
            roots = [root for one in outcomes for root in one.roots()]
            program = self._programs[key] = Program(self.cells.diagrams, roots)
        marks = Marks(self.layout, bits, rows)
        held = program.run(marks.value, marks.words)
        kleene = Kleene(self.base, self.cells, marks)
        return [one.answers(held, kleene) for one in outcomes]

    def _apart(self, rows: Rows, asked: NDArray[np.int64], alike: Sequence[Sequence[int]]) -> Answers:
        """The same where there are many: the rows of each are judged for themselves."""
        group = {key: place for place, keys in enumerate(alike) for key in keys}
        keys, inverse = np.unique(asked, return_inverse=True)
        groups = np.array([group[key] for key in keys.tolist()])[inverse]
        order = np.argsort(groups, kind="stable")
        said = np.take(bools(rows.bits, len(asked)), order, axis=1)
        ends = np.cumsum(np.bincount(groups, minlength=len(alike))).tolist()
        parts = [
            self._answers(packed(said[:, start:end]), end - start, [self._on(some[0])[1]])[0]
            for some, start, end in zip(alike, [0, *ends], ends, strict=False)
        ]
        return joined(parts, order)

    # --- days ---------------------------------------------------------------------------------------------

    def _on(self, key: int) -> tuple[AsOf, Outcomes]:
        """The rules of a day and jurisdiction; days on which the same rules count share what is made of them."""
        held = self._views.get(key)
        if held is None:
            ordinal, place = divmod(key, len(JURISDICTIONS))
            day, local = date.fromordinal(ordinal), JURISDICTIONS[place] if place < 2 else None
            view = AsOf(self.base, day, local)
            late = frozenset(rule.id for rule in view.rules() if rule.review_by and rule.review_by < day)
            rules = frozenset(rule.id for rule in view.rules())
            outcomes = self._outcomes.get((rules, late, local))
            if outcomes is None:
                if len(self._outcomes) >= _MOST_EPOCHS:
                    self._outcomes.clear()
                    self._programs.clear()
                outcomes = self._outcomes[rules, late, local] = Outcomes(view, self.cells, late)
            if len(self._views) >= _MOST_EPOCHS * 16:
                self._views.clear()
                self._reported.clear()
            held = self._views[key] = (view, outcomes)
        return held

    # --- answers ------------------------------------------------------------------------------------------

    def _worded(self, answers: Answers, rows: Rows, asked: NDArray[np.int64]) -> pa.RecordBatch:
        """Answers as columns."""
        deciding = sorted((n for n, bits in answers.deciding.items() if bits.any()), key=self._order.__getitem__)
        count = answers.rows
        said = [name for name in VERDICTS if name in answers.verdicts]
        which, first = _distinct(
            [*_words_of(answers.verdicts, said, count), *_words_of(answers.deciding, deciding, count)]
        )
        decided = _holding(answers.deciding, deciding, first)
        verdicts = [cast("Verdict", (*names, None)[0]) for names in _holding(answers.verdicts, said, first)]
        columns: dict[str, pa.Array] = {"id": rows.ids.cast(pa.string())}
        decisions = [self._decision(verdict, names) for verdict, names in zip(verdicts, decided, strict=True)]
        columns["verdict"] = _spread(verdicts, which)
        columns["settled"] = pa.array([verdict != "undetermined" for verdict in verdicts]).take(pa.array(which))
        columns["direction"] = _spread([DIRECTIONS.get(verdict) for verdict in verdicts], which)
        columns["strength"] = _spread([strength for strength, _ in decisions], which)
        columns["certainty"] = _spread([certainty for _, certainty in decisions], which)
        columns["decided_by"] = _spread_lists(decided, which)
        for regimen in self.regimens:
            columns[f"options.{regimen}"] = _tiers(answers, regimen)
        columns["cautions"] = self._cautions(answers, rows)
        columns["reports"] = self._reports(decided, which, asked)
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def _decision(self, verdict: Verdict, names: Sequence[str]) -> tuple[str | None, str | None]:
        """Strength and certainty of a verdict: the lowest among the rules that decide."""
        graded = [self._verdicts[name].then for name in names] if verdict in DIRECTIONS else []
        return (
            lowest(STRENGTHS, (then.strength for then in graded if then.strength)),
            lowest(CERTAINTIES, (then.certainty for then in graded if then.certainty)),
        )

    def _cautions(self, answers: Answers, rows: Rows) -> pa.Array:
        """The ids of what is to be heeded, by name."""
        count = answers.rows
        held = {name: bits for name, bits in answers.cautions.items() if bits.any()}
        after = rows.days > self.base.knowledge_until.toordinal()
        if after.any():
            held[KNOWLEDGE_UNTIL] = packed(after)
        odd: dict[str, list[int]] = {}
        for place, names in rows.oddities.items():
            for name in names:
                odd.setdefault(name, []).append(place)
        for name, places in odd.items():
            held[name] = held.get(name, np.uint64(0)) | packed(np.isin(np.arange(count), places))
        return _lists(held, count)

    def _reports(
        self, decided: Sequence[Sequence[str]], which: NDArray[np.int64], asked: NDArray[np.int64]
    ) -> pa.Array:
        """The ids of the reports behind the reasons, by name."""
        both, first = _distinct([which, asked])
        lists = []
        for row in first.tolist():
            view, names = self._on(int(asked[row]))[0], decided[which[row]]
            key = (id(view), *names)
            if key not in self._reported:
                items = view.evidence([self._by_id[name] for name in names])
                self._reported[key] = sorted({item.report for item in items})
            lists.append(self._reported[key])
        return _spread_lists(lists, both)


def schema(regimens: Sequence[str]) -> pa.Schema:
    """The columns of an answer."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("verdict", _TEXT),
            ("settled", pa.bool_()),
            ("direction", _TEXT),
            ("strength", _TEXT),
            ("certainty", _TEXT),
            ("decided_by", _TEXTS),
            *((f"options.{regimen}", _TIER) for regimen in regimens),
            ("cautions", _TEXTS),
            ("reports", _TEXTS),
        ]
    )


# --- arrays -----------------------------------------------------------------------------------------------


def _words_of(bits: Mapping[str, Bits], names: Sequence[str], rows: int) -> list[NDArray[np.uint64]]:
    """Bits by name as one number or more for each row."""
    words: list[NDArray[np.uint64]] = []
    for place, name in enumerate(names):
        if place % 64 == 0:
            words.append(np.zeros(rows, dtype=np.uint64))
        words[-1] |= bools(bits[name], rows).astype(np.uint64) << np.uint64(place % 64)
    return words


def _distinct(arrays: Sequence[NDArray[np.generic]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row which combination of values it has, and the first row with each."""
    which: NDArray[np.int64] | None = None
    for array in arrays:
        encoded = pa.array(array).dictionary_encode()
        places = encoded.indices.to_numpy().astype(np.int64)
        which = places if which is None else which * len(encoded.dictionary) + places
    assert which is not None
    encoded = pa.array(which).dictionary_encode()
    found = encoded.indices.to_numpy().astype(np.int64)
    first = np.empty(len(encoded.dictionary), dtype=np.int64)
    first[found[::-1]] = np.arange(len(found) - 1, -1, -1)
    return found, first


def _holding(bits: Mapping[str, Bits], names: Sequence[str], rows: NDArray[np.int64]) -> list[list[str]]:
    """For each of some rows the names whose bit is set, in order."""
    found: list[list[str]] = [[] for _ in rows]
    words, places = rows >> 6, (rows & 63).astype(np.uint64)
    for name in names:
        for at in np.flatnonzero(bits[name][words] >> places & np.uint64(1)).tolist():
            found[at].append(name)
    return found


def _spread(values: Sequence[str | None], which: NDArray[np.int64]) -> pa.Array:
    """A value for each combination -> one for each row."""
    names = sorted({value for value in values if value is not None})
    places = np.array([len(names) if value is None else names.index(value) for value in values], dtype=np.int16)[which]
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places == len(names)), pa.array(names, pa.string()))


def _tiers(answers: Answers, regimen: str) -> pa.Array:
    """A regimen's tiers; nothing where it is no option. Bits are kept as Arrow keeps what is valid."""
    if regimen not in answers.tiers:
        return pa.nulls(answers.rows, _TIER)
    valid = pa.py_buffer(~answers.closed(regimen))
    codes = pa.Array.from_buffers(pa.int8(), answers.rows, [valid, pa.py_buffer(answers.codes(regimen))])
    return pa.DictionaryArray.from_arrays(codes, pa.array(TIER_CODES), safe=False)


def _lists(held: Mapping[str, Bits], rows: int) -> pa.Array:
    """For each row the names that hold, in order."""
    names = sorted(held)
    octets = np.zeros((rows, -(-len(names) // 8)), dtype=np.uint8)  # of each row, a bit for each name
    for first in range(0, len(names), 8):
        octet = np.zeros(rows, dtype=np.uint8)
        for place, name in enumerate(names[first : first + 8]):
            octet |= bools(held[name], rows).view(np.uint8) << np.uint8(place)
        octets[:, first // 8] = octet
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.bitwise_count(octets).sum(axis=1, dtype=np.int32), out=offsets[1:])
    places = np.empty(offsets[-1], dtype=np.int16)
    width = np.uint32(max(octets.shape[1] * 8, 1))
    for start in range(0, rows, BLOCK):
        some = np.unpackbits(octets[start : start + BLOCK].reshape(-1), bitorder="little").view(np.bool_)
        where = np.flatnonzero(some).astype(np.uint32)
        places[offsets[start] : offsets[min(start + BLOCK, rows)]] = where - where // width * width
    return _of_places(names, offsets, places)


def _spread_lists(lists: Sequence[Sequence[str]], which: NDArray[np.int64]) -> pa.Array:
    """A list for each combination -> one for each row."""
    names = sorted({name for one in lists for name in one})
    at = {name: place for place, name in enumerate(names)}
    flat = np.array([at[name] for one in lists for name in one], dtype=np.int16)
    lengths = np.array([len(one) for one in lists], dtype=np.int32)
    starts = np.cumsum(lengths) - lengths
    counts = lengths[which]
    offsets = np.zeros(len(which) + 1, dtype=np.int32)
    np.cumsum(counts, out=offsets[1:])
    shifts = starts[which] - offsets[:-1]
    return _of_places(names, offsets, flat[np.arange(offsets[-1]) + np.repeat(shifts, counts)])


def _of_places(names: Sequence[str], offsets: NDArray[np.int32], places: NDArray[np.int16]) -> pa.Array:
    values = pa.DictionaryArray.from_arrays(pa.array(places), pa.array(names, pa.string()), safe=False)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
