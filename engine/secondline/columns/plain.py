"""The columns of a table -> what its rows say, for many rows at once.

Each cell becomes a small number: which of the values that rules tell apart it holds. What a combination of numbers
says is asked of `know`, once, with a patient of whom nothing else is known; so nothing is worked out here that is
worked out there. Facts that bear on one another are asked about together (`groups`). A row that is not plain (a value
that cannot be, a therapy, a drug of unknown class) is left to the reader of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from secondline.columns.bits import Bits, packed
from secondline.columns.cells import AGENT, AGENTS, BENEFIT, CLASSES, DRUGS, EXTENT, FOLLOWING, MONTHS, RESPONSE, STATUS
from secondline.columns.marks import Layout
from secondline.domains import Domains, Value
from secondline.facts import NOT_KNOWN, Fact, catalogue
from secondline.patient import TO_PROGRESSION, Known
from secondline.source import scalar
from secondline.states import NOT_APPLICABLE
from secondline.vocabulary import OTHER

if TYPE_CHECKING:
    from secondline.rulebase import RuleBase

Codes = NDArray[np.int8]
Whole = np.signedinteger[Any]
ALL = np.uint64(np.iinfo(np.uint64).max)
NO_MEMBER = "none"  # in a cell of text: the empty set
NO_INHIBITOR = "no inhibitor"  # among what a group reads: that the last inhibitor is known to be none
NO_ROWS = np.zeros(0, dtype=np.uint64)
SMALL = 48  # combinations that occur, at most, to be compared one by one
ODD = -1  # in place of a code: for the reader of cases to judge
Judge = Callable[[Mapping[str, Any]], "Known | None"]  # facts, by path -> what is known; None: refused, or odd


class Group(NamedTuple):
    """Facts that are judged together, and those of them that this settles."""

    read: tuple[str, ...]
    settled: tuple[str, ...]


def groups() -> tuple[Group, ...]:
    """Every fact but open sets, in the group that settles it."""
    patient = ("patient.sex", "patient.menopausal_status", "patient.ovarian_suppression", "patient.pregnant")
    held = [
        Group(patient, patient),
        Group((STATUS, EXTENT), (STATUS, EXTENT)),
        Group((AGENTS, AGENT), (AGENTS, AGENT)),
        Group((NO_INHIBITOR, RESPONSE, MONTHS, BENEFIT), (BENEFIT,)),
        Group((NO_INHIBITOR, STATUS, TO_PROGRESSION), (TO_PROGRESSION,)),
        Group((STATUS, *_whole("biomarkers.esr1")[:3]), ()),  # which can contradict one another
    ]
    done = {fact for group in held for fact in group.settled}
    for path, fact in catalogue().items():
        if path in done or fact.main or fact.kind == "set":
            continue
        whole = _whole(path)
        held.append(Group((NO_INHIBITOR, path) if path.startswith("prior_cdk46.") else whole, whole))
    return tuple(held)


def _whole(main: str) -> tuple[str, ...]:
    return (main, *catalogue().parts.get(main, ()))


class Plain:
    """What the cells of a table say, for one rule base; what combinations say is kept for the next table."""

    def __init__(self, base: RuleBase, layout: Layout, judge: Judge) -> None:
        self.base, self.layout, self.judge = base, layout, judge
        self.unknown = np.where(layout.said(Known({}, {})), ALL, np.uint64(0))[:, None]
        domains = Domains(base, {})
        self.values = {
            path: _values(fact, domains) for path, fact in catalogue().items() if fact.kind != "set" or path == AGENTS
        }
        self.open_sets = frozenset(p for p, fact in catalogue().items() if fact.kind == "set" and p != AGENTS)
        self.stretches = {
            path: [value.stretch for value in domains.of(path, None) if value.stretch]
            for path, fact in catalogue().items()
            if fact.numeric
        }
        self.tables = [_Table(group, self) for group in groups()]

    def said(
        self, columns: Mapping[str, pa.Array], rows: int, text: Collection[str] = ()
    ) -> tuple[Bits, NDArray[np.bool_]]:
        """What each row says, and which rows are odd; `columns` by the path of their fact.

        The cells of facts in `text` are text, to be read as what their fact is.
        """
        odd = np.zeros(rows, dtype=bool)
        said = np.repeat(self.unknown, -(-rows // 64), axis=1)
        codes: dict[str, Codes] = {}
        for path, column in columns.items():
            if path in self.values:
                codes[path] = self._codes(catalogue()[path], column, typed=path not in text)
                np.logical_or(odd, codes[path] == ODD, out=odd)
        for held in codes.values():
            np.maximum(held, 0, out=held)
        for table in self.tables:
            table.put(codes, said, odd)
            if table.settles_agent:
                codes[NO_INHIBITOR] = table.without_inhibitor(codes, rows)
        self._sets({p: _split(c) if p in text else c for p, c in columns.items() if p in self.open_sets}, said, odd)
        return said, odd

    # --- cells -> codes -----------------------------------------------------------------------------------

    def _codes(self, fact: Fact, column: pa.Array, *, typed: bool) -> Codes:
        """0 where nothing is known, the place of the value from 1 on, ODD where it is none."""
        if fact.kind == "set":
            return self._few_members(fact, column if typed else _split(column))
        if not typed and (fact.numeric or fact.kind == "boolean"):
            return looked_up(column, lambda text: self._code_of_value(fact, scalar(text)))
        if fact.numeric:
            return self._numbers(fact, column)
        if pa.types.is_boolean(column.type) and fact.kind == "boolean":
            return self._booleans(fact, column)
        if fact.kind in ("choice", "text") and is_text(column.type):
            return looked_up(column, lambda text: self._code_of(fact, text))
        return np.where(valid(column), ODD, 0).astype(np.int8)

    def _booleans(self, fact: Fact, column: pa.Array) -> Codes:
        first = column.offset % 8
        bits = np.frombuffer(column.buffers()[1], np.uint8)[column.offset // 8 :]
        held = np.unpackbits(bits, count=first + len(column), bitorder="little")[first:].view(np.int8)
        no, yes = (np.int8(self.values[fact.path].index(one) + 1) for one in (False, True))
        return valid(column).view(np.int8) * (no + held * (yes - no))

    def _code_of(self, fact: Fact, text: str) -> int:
        values = self.values[fact.path]
        if text in values:
            return values.index(text) + 1
        if fact.kind == "text":
            return len(values) if self.judge({fact.path: text}) else ODD
        return 0 if text in NOT_KNOWN and self.judge({fact.path: text}) else ODD

    def _code_of_value(self, fact: Fact, value: object) -> int:
        if fact.kind == "boolean":
            return self.values[fact.path].index(value) + 1 if isinstance(value, bool) else ODD
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return ODD
        return int(self._numbers(fact, pa.array([float(value)]))[0])

    def _numbers(self, fact: Fact, column: pa.Array) -> Codes:
        given = valid(column)
        if not (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
        ):
            return np.where(given, ODD, 0).astype(np.int8)
        held = column.cast(pa.float64(), safe=False)
        numbers = np.frombuffer(held.buffers()[1], np.float64)[held.offset : held.offset + len(held)]
        if column.null_count:
            numbers = np.where(given, numbers, fact.low or 0.0)
        found = np.zeros(len(column), dtype=np.int8)
        with np.errstate(invalid="ignore"):
            for stretch in self.stretches[fact.path]:
                np.add(found, numbers > stretch.low if stretch.low_open else numbers >= stretch.low, out=found)
            least, most = (numbers.min(), numbers.max()) if len(numbers) else (0, 0)
            low, high = -np.inf if fact.low is None else fact.low, np.inf if fact.high is None else fact.high
            if not low <= least <= most <= high or np.isinf(least) or np.isinf(most):
                found[~np.isfinite(numbers) | (numbers < low) | (numbers > high)] = ODD
            if fact.kind == "integer" and not pa.types.is_integer(column.type):
                found[np.isfinite(numbers) & (numbers != np.floor(numbers))] = ODD
        return found * given

    def _few_members(self, fact: Fact, column: pa.Array) -> Codes:
        """A set with few possible members, as 1 and a bit for each of them."""
        members = _Members.of(column)
        if members is None:
            return np.where(valid(column), ODD, 0).astype(np.int8)
        found = np.ones(len(column), dtype=np.int8)
        for place, name in enumerate(fact.values):
            found += members.has([name]).astype(np.int8) << np.int8(place)
        found[members.has_other(fact.values)] = ODD
        found[~members.given] = 0
        return found

    # --- open sets ----------------------------------------------------------------------------------------

    def _sets(self, columns: Mapping[str, pa.Array], said: Bits, odd: NDArray[np.bool_]) -> None:
        held: dict[str, _Members] = {}
        for path, column in columns.items():
            members = _Members.of(column)
            if members is None:
                np.logical_or(odd, valid(column), out=odd)
                continue
            held[path] = members
            np.logical_or(odd, members.unfit(partial(self._fits, path)), out=odd)
        told = {path: packed(members.given) for path, members in held.items()}
        none = np.zeros(said.shape[1], dtype=np.uint64)
        vocabulary = self.base.vocabulary
        for place, variable in enumerate(self.layout.variables):
            at, member = self.layout.first[place], variable.about.partition(":")[2]
            if variable.about == FOLLOWING:
                said[at] = told.get(DRUGS, none) | told.get(CLASSES, none)
                said[at + 1] = ~said[at]
            elif variable.fact in held or (variable.fact == CLASSES and DRUGS in held):
                given = having = none
                if variable.fact in held:
                    given, having = told[variable.fact], packed(held[variable.fact].has({member}))
                if variable.fact == CLASSES and DRUGS in held:  # drugs tell their classes, unless these are stated
                    follows = told[DRUGS] & ~given
                    having = having | (follows & packed(held[DRUGS].has(vocabulary.members(member))))
                    given = given | follows
                said[at], said[at + 1] = ~having, having | ~given

    def _fits(self, path: str, name: str) -> bool:
        if path == DRUGS:
            return name in self.base.vocabulary.drugs and not name.startswith(OTHER)
        if path == CLASSES:
            return name in self.base.vocabulary.classes
        return name in catalogue()[path].values


class _Table:
    """What every combination of the codes of a group says, worked out once it is seen."""

    def __init__(self, group: Group, plain: Plain) -> None:
        self.group, self.plain = group, plain
        layout = plain.layout
        self.sizes = [self._size(path) for path in group.read]
        self.variables = [at for at, variable in enumerate(layout.variables) if variable.fact in group.settled]
        self.facts = [fact for fact in group.settled if fact in layout.known]
        self.rows = list(self._rows(layout))
        size = prod(self.sizes)
        self.kind: type[Whole] = np.int8 if size <= 127 else np.int16 if size <= 32_767 else np.int32  # small is quick
        self.said = np.zeros((len(self.rows), size), dtype=bool)
        self.seen = np.zeros(size, dtype=bool)
        self.odd = np.zeros(size, dtype=bool)
        self.none = np.zeros(size, dtype=bool)  # where the last inhibitor is known to be none
        self.settles_agent = AGENT in group.settled

    def _size(self, path: str) -> int:
        if path == NO_INHIBITOR:
            return 2
        return 1 + (1 << len(catalogue()[path].values) if path == AGENTS else len(self.plain.values[path]))

    def _rows(self, layout: Layout) -> Iterator[int]:
        """The rows of bits that a group settles."""
        for place in self.variables:
            yield from range(layout.first[place], layout.first[place] + len(layout.variables[place].values))
        for fact in self.facts:
            yield from (layout.known[fact], layout.cannot_be[fact])

    def put(self, codes: Mapping[str, Codes], said: Bits, odd: NDArray[np.bool_]) -> None:
        """Put in what the combination of each row says."""
        if not any(path in codes for path in self.group.read):
            return
        combined = self._combined(codes, len(odd))
        few = self._few(combined)
        for combination in few:
            if not self.seen[combination]:
                self._learn(combination)
        if len(few) <= SMALL:
            for row, learnt in zip(self.rows, self.said, strict=True):
                said[row] = 0
                for at, rows in few.items():
                    if learnt[at]:
                        np.bitwise_or(said[row], rows, out=said[row])
        else:
            for row, learnt in zip(self.rows, self.said, strict=True):
                said[row] = packed(np.take(learnt, combined, mode="clip"))
        if any(self.odd[at] for at in few):
            np.logical_or(odd, self.odd[combined], out=odd)

    def _few(self, combined: NDArray[Whole]) -> dict[int, Bits]:
        """The combinations that there are; if few, each with its rows, by comparing, quicker than looking up."""
        present: Sequence[int] = range(len(self.seen))
        if len(self.seen) > SMALL:
            flags = np.zeros(len(self.seen), dtype=bool)
            flags[combined] = True
            present = np.flatnonzero(flags).tolist()
        if len(present) > SMALL:
            return dict.fromkeys(present, NO_ROWS)
        held = ((at, packed(combined == at)) for at in present)
        return {at: rows for at, rows in held if rows.any()}

    def _combined(self, codes: Mapping[str, Codes], rows: int) -> NDArray[Whole]:
        """The combination of each row, as one number."""
        if len(self.group.read) == 1:
            return codes[self.group.read[0]]
        combined: NDArray[Whole] = np.zeros(rows, dtype=self.kind)
        for path, size in zip(self.group.read, self.sizes, strict=True):
            combined *= self.kind(size)
            if path in codes:
                combined += codes[path]
        return combined

    def without_inhibitor(self, codes: Mapping[str, Codes], rows: int) -> Codes:
        """Where it is known that there was no inhibitor, as a code; once `put` has been asked."""
        found: Codes = self.none[self._combined(codes, rows)].astype(np.int8)
        return found

    def _learn(self, combination: int) -> None:
        facts: dict[str, Any] = {}
        left = combination
        for path, size in reversed(list(zip(self.group.read, self.sizes, strict=True))):
            left, code = divmod(left, size)
            if code:
                facts[AGENT if path == NO_INHIBITOR else path] = self._value(path, code)
        known = self.plain.judge(facts)
        self.seen[combination] = True
        self.odd[combination] = known is None
        if known is not None:
            self.none[combination] = known.facts.get(AGENT) == "none"
            self.said[:, combination] = self._said(known)

    def _said(self, known: Known) -> list[bool]:
        """What is said in the rows of bits that a group settles, in their order."""
        layout = self.plain.layout
        found = [bit for place in self.variables for bit in layout.values(place, known)]
        for state in map(known.facts.get, self.facts):
            found += [state is not None, state is NOT_APPLICABLE]
        return found

    def _value(self, path: str, code: int) -> Any:
        if path == NO_INHIBITOR:
            return "none"
        if path == AGENTS:
            return [name for place, name in enumerate(catalogue()[path].values) if (code - 1) >> place & 1]
        return self.plain.values[path][code - 1]


def _values(fact: Fact, domains: Domains) -> list[Any]:
    """A value of each sort that rules tell apart, as a case gives it."""
    if fact.kind == "set":
        return list(fact.values)
    held: list[Value] = domains.of(fact.path, None)
    return [value.states[fact.path] for value in held]


def split(text: str) -> list[str]:
    """A cell of text as the members of a set."""
    return [] if text == NO_MEMBER else [part.strip() for part in text.split(";")]


def _split(column: pa.Array) -> pa.Array:
    """A column of text as sets."""
    encoded = column.dictionary_encode()
    lists = [None if text is None else split(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(lists, pa.list_(pa.string())).take(encoded.indices)


def is_text(held: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    held = held.value_type if pa.types.is_dictionary(held) else held
    return bool(pa.types.is_string(held) or pa.types.is_large_string(held) or pa.types.is_string_view(held))


def looked_up(column: pa.Array, code_of: Callable[[str], int], unknown: int = 0) -> Codes:
    """The code of each text of a column; each different text is asked for once."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    codes = np.array([*(unknown if text is None else code_of(text) for text in texts), unknown], np.int8)
    found: Codes = np.take(codes, _places(encoded.indices, len(texts)), mode="clip")
    return found


def _places(indices: pa.Array, none: int) -> NDArray[np.int32]:
    """The places that a dictionary's indices name; `none` where there is none."""
    held = indices if indices.type == pa.int32() else indices.cast(pa.int32())
    places = np.frombuffer(held.buffers()[1], np.int32)[held.offset : held.offset + len(held)]
    return np.where(valid(held), places, np.int32(none)) if held.null_count else places


def valid(column: pa.Array) -> NDArray[np.bool_]:
    """Which cells hold something."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=bool)
    bits = column.buffers()[0]
    if bits is None or not column.null_count:
        return np.ones(len(column), dtype=bool)
    first = column.offset % 8
    packed = np.frombuffer(bits, np.uint8)[column.offset // 8 :]
    return np.unpackbits(packed, count=first + len(column), bitorder="little")[first:].view(np.bool_)


class _Members:
    """A column of sets: which rows give one, and which have which member."""

    def __init__(self, column: pa.Array) -> None:
        self.given = valid(column)
        flat = column.flatten()
        encoded = flat if pa.types.is_dictionary(flat.type) else flat.dictionary_encode()
        self.names = [*encoded.dictionary.to_pylist(), None]
        places = _places(encoded.indices, len(self.names) - 1)
        lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        filled = np.flatnonzero(lengths)
        starts = (np.cumsum(lengths) - lengths)[filled]
        self.words: list[Bits] = []  # of each row a bit for each name that it has, 64 names a word
        for first in range(0, len(self.names) if len(starts) else 0, 64):
            word = np.zeros(len(column), dtype=np.uint64)
            word[filled] = np.bitwise_or.reduceat(_bits_of(len(self.names), first)[places], starts)
            self.words.append(word)

    @classmethod
    def of(cls, column: pa.Array) -> _Members | None:
        """None where the column holds no lists of text."""
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            return None
        inner = column.type.value_type
        return cls(column) if is_text(inner) or pa.types.is_null(inner) else None

    def _where(self, wanted: Sequence[bool]) -> NDArray[np.bool_]:
        found = np.zeros(len(self.given), dtype=bool)
        for at, word in enumerate(self.words):
            mask = sum(1 << place for place, want in enumerate(wanted[at * 64 : at * 64 + 64]) if want)
            if mask:
                found |= (word & np.uint64(mask)) != 0
        return found

    def has(self, names: Collection[str]) -> NDArray[np.bool_]:
        """Where one of these is a member."""
        return self._where([name in names for name in self.names])

    def unfit(self, fits: Callable[[str], bool]) -> NDArray[np.bool_]:
        """The rows with a member that is none; an empty place in a list is none either."""
        return self._where([name is None or not fits(name) for name in self.names])

    def has_other(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        return self.unfit(lambda name: name in names)


def _bits_of(names: int, first: int) -> NDArray[np.uint64]:
    """For each name its bit in the word that begins with the name `first`; 0 if it has none there."""
    bits = np.zeros(names, dtype=np.uint64)
    inside = np.arange(first, min(first + 64, names))
    bits[inside] = np.uint64(1) << (inside - first).astype(np.uint64)
    return bits
