"""A row of a table -> a case, with the place of each cell: what a reader of cases then judges and words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import PurePath
from typing import Any

from secondline.batch.inputs import COMPRESSIONS, FORMS
from secondline.columns.plain import split
from secondline.errors import InputError, Place, Problem
from secondline.facts import catalogue
from secondline.source import Node, scalar

ASKED = ("id", "as_of", "jurisdiction")  # what a case holds beside its profile
THERAPIES, COMPLETE, PROGRESSED_ON = "therapies", "therapies_complete", "progression.on"
BESIDE = (*ASKED, THERAPIES, COMPLETE, PROGRESSED_ON)  # columns that are no facts


def paths() -> frozenset[str]:
    """Every name that a column can have."""
    return frozenset((*BESIDE, *catalogue(), *catalogue().aliases))


@cache
def groups() -> dict[str, str]:
    """The groups in which a profile has its facts, each with its first fact."""
    return {path.partition(".")[0]: path for path in reversed(tuple(catalogue()))}


def named(file: str, row: int) -> str:
    """The id of a row that gives none."""
    stem = "stdin" if file == "-" else PurePath(file).name
    for ending in (*COMPRESSIONS, *FORMS):
        stem = stem.removesuffix(ending)
    return f"{stem}-{row}"


def case_node(cells: Mapping[str, Any], file: str, row: int, text: Collection[str] = ()) -> Node:
    """The case that a row gives, by the paths of its columns; a cell stands at its row and the place of its column.

    `text` names the columns of which a cell is text, to be read as its fact's type.

    Raises:
        InputError: facts stand in groups, as in a case, and no `profile` holds them.
    """
    group = next((path for path, value in cells.items() if path in groups() and value is not None), None)
    if group is not None:
        within = [f"{group}.{key}" for key in cells[group]] if isinstance(cells[group], Mapping) else []
        example = next((path for path in within if path in paths()), groups()[group])
        says = f"a case without `profile`; put these facts under `profile`, or name columns by path, as `{example}`"
        raise InputError([Problem(Place(file, row), says)])
    top = _mapping(Place(file, row))
    profile = _mapping(Place(file, row))
    _put(top, "profile", profile)
    parts = {
        fact.main
        for path, value in cells.items()
        if value is not None and (fact := catalogue().get(path)) and fact.main
    }
    for column, (path, value) in enumerate(cells.items(), start=1):
        if value is None:
            continue
        typed = read(path, value) if path in text else str(value) if path == "id" and isinstance(value, int) else value
        held = _value(typed, Place(file, row, column))
        if path in ASKED:
            _put(top, path, held)
        elif path in (THERAPIES, COMPLETE):
            _put(profile, path, held)
        else:
            main = catalogue()[path].main if path in catalogue() else None
            group, _, name = (main or path).partition(".")
            holder = _within(profile, group)
            if main or path in parts:
                whole = _within(holder, name)
                _put(whole, path.rpartition(".")[2] if main else "status" if group == "disease" else "result", held)
            else:
                _put(holder, name, held)
    return top


def read(path: str, text: str) -> Any:
    """A cell of text as its column's type; text that is no such value stays text, for a reader of cases to refuse."""
    fact = catalogue().get(path)
    if fact is None:
        return scalar(text) if path == COMPLETE else text
    if fact.kind == "set":
        return split(text)
    return scalar(text) if fact.numeric or fact.kind == "boolean" else text


def _mapping(place: Place) -> Node:
    return Node({}, "a mapping", place)


def _put(holder: Node, key: str, value: Node) -> None:
    holder.value[key] = value
    holder.keys[key] = value.place


def _within(holder: Node, key: str) -> Node:
    if key not in holder.value:
        _put(holder, key, _mapping(holder.place))
    inner: Node = holder.value[key]
    return inner


def _value(value: Any, place: Place) -> Node:
    """A value of a cell as a node; a place in a struct that holds nothing is not given."""
    if isinstance(value, Mapping):
        node = _mapping(place)
        for key, item in value.items():
            if item is not None:
                _put(node, str(key), _value(item, place))
        return node
    if isinstance(value, (list, tuple)):
        return Node([_value(item, place) for item in value], "a list", place)
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, Decimal):
        value = float(value)
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    plain = value is None or isinstance(value, (str, int, float, bool))
    return Node(value if plain else [], text, place)  # what a case cannot hold is refused as a list would be
