"""Rules as every peer can take them: formulas of tests on plain fields, and what a language has to say to write them.

A test on a field that is null is not met, whatever it asks; there is no negation. So two formulas, one for true and
one for false, say in two values what a condition says in three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Op = Literal["in", "out", ">=", ">", "<=", "<", "any", "all", "none"]  # of a text, of a number, of a list of texts
Value = str | int | float
Fields = dict[str, str | int | float | list[str] | None]  # a case as a peer is given it: every field, null if unknown


@dataclass(frozen=True, slots=True)
class Atom:
    """A test on one field; `out` is a known text that is none of the values, `none` a known list that has none."""

    field: str
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """What was found before under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple[Formula, ...]


Formula = Atom | Name | Every | Some


class Rules(NamedTuple):
    """Named formulas; each level reads only names of the levels before it."""

    levels: tuple[dict[str, Formula], ...]

    @property
    def formulas(self) -> dict[str, Formula]:
        return {name: formula for level in self.levels for name, formula in level.items()}

    @property
    def atoms(self) -> list[Atom]:
        """Every test, each once."""
        return list(dict.fromkeys(part for part in self._parts() if isinstance(part, Atom)))

    @property
    def read(self) -> set[str]:
        """The names that others read."""
        return {part.name for part in self._parts() if isinstance(part, Name)}

    def _parts(self) -> Iterator[Formula]:
        return (part for formula in self.formulas.values() for part in parts_of(formula))


def parts_of(formula: Formula) -> Iterator[Formula]:
    """A formula and all within it, the inner ones first."""
    if isinstance(formula, (Every, Some)):
        for part in formula.parts:
            yield from parts_of(part)
    yield formula


def every(parts: Iterable[Formula]) -> Formula:
    return _joined(Every, Some, parts)


def some(parts: Iterable[Formula]) -> Formula:
    return _joined(Some, Every, parts)


def _joined(kind: type[Every | Some], other: type[Every | Some], parts: Iterable[Formula]) -> Formula:
    """Flat and without repetition; a part that decides alone is all there is."""
    flat: dict[Formula, None] = {}
    for part in parts:
        if part == other(()):
            return part
        flat.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


class Language(NamedTuple):
    """How a language says `and` and `or`, a name found before, and a test."""

    both: str
    either: str
    name: Callable[[str], str]
    atom: Callable[[Atom], str]


def write(formula: Formula, language: Language) -> str:
    """A formula as text."""
    if isinstance(formula, Atom):
        return language.atom(formula)
    if isinstance(formula, Name):
        return language.name(formula.name)
    if not formula.parts:
        return "true" if isinstance(formula, Every) else "false"
    joiner = language.both if isinstance(formula, Every) else language.either
    return f"({joiner.join(write(part, language) for part in formula.parts)})"


def quoted(value: Value) -> str:
    """A text in single quotes, a number as it is; ids, drugs and codes hold neither quotes nor backslashes."""
    return f"'{value}'" if isinstance(value, str) else repr(value)


def listed(values: Iterable[Value]) -> str:
    return ", ".join(map(quoted, values))


def in_words(test: Atom) -> str:
    """A test as zen-engine and rule-engine both write it."""
    field, (value, *more) = test.field, test.values
    if test.op == "in":
        return f"{field} in [{listed(test.values)}]" if more else f"{field} == {quoted(value)}"
    if test.op == "out":
        return f"({field} != null and {field} not in [{listed(test.values)}])"
    if test.op not in ("any", "all", "none"):
        return f"({field} != null and {field} {test.op} {value})"
    held = (" and " if test.op == "all" else " or ").join(f"{quoted(member)} in {field}" for member in test.values)
    return f"({field} != null and {'not ' if test.op == 'none' else ''}({held}))"
