"""Which column of a table is which fact: by its own name, or by a column map for foreign names and codes.

columns:
  PAT_ID: id
  ER: {fact: disease.er, values: {"1": positive, "0": negative, "9": null}}
  FREE_TEXT: null          # not read
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from secondline.batch.rows import paths
from secondline.columns.plain import split
from secondline.errors import InputError, Place, Problem, did_you_mean, one_of
from secondline.facts import NOT_KNOWN, canonical, catalogue
from secondline.source import Node, parse, read_bytes, scalar

MOST_CODES = 12  # of a column that a draft lists
TO_SAY = "WHAT"  # in a draft, for what a code means; it is refused until it is replaced
_LIKE = 0.85  # how alike the names of a column and a fact have to be for a guess
_READ_OTHERWISE = ("null", "true", "false", "yes", "no", "on", "off")
_KEYS = ("fact", "values")


class Column(NamedTuple):
    """What a column holds: a fact by its path (None: it is not read), and what its codes mean (None: unknown)."""

    path: str | None
    values: Mapping[str, str | None] | None = None


ColumnMap = Mapping[str, Column]


def read_map(path: Path) -> ColumnMap:
    """A column map from its file.

    Raises:
        InputError: it cannot be read, or names a fact that is none.
    """
    documents = parse(read_bytes(path, str(path)), str(path))
    problems: list[Problem] = []
    top = documents[0] if documents else Node(None, "", Place(str(path), 1, 1))
    held = top.value.get("columns") if isinstance(top.value, dict) else None
    if held is None or not isinstance(held.value, dict) or len(documents) > 1:
        raise InputError([Problem(top.place, "expected `columns:` with the name of each column and its fact")])
    problems += [
        Problem(top.keys[key], f"no key `{key}` here; expected `columns`") for key in top.value if key != "columns"
    ]
    found = {name: _column(name, node, problems) for name, node in held.value.items()}
    if problems:
        raise InputError(problems)
    return found


def _column(name: str, node: Node, problems: list[Problem]) -> Column:
    if node.value is None:
        return Column(None)
    fact, codes = node, None
    if isinstance(node.value, dict):
        problems += [
            Problem(node.keys[key], f"no key `{key}` for a column{did_you_mean(key, _KEYS)}")
            for key in node.value
            if key not in _KEYS
        ]
        if "fact" not in node.value:
            problems.append(Problem(node.place, f"`fact` is missing for column `{name}`; add it"))
            return Column(None)
        fact, codes = node.value["fact"], node.value.get("values")
    if not isinstance(fact.value, str) or fact.value not in paths():
        problems.append(Problem(fact.place, f"no fact `{fact.text}`{did_you_mean(fact.text, paths())}"))
        return Column(None)
    if codes is None:
        return Column(fact.value)
    if not isinstance(codes.value, dict):
        problems.append(Problem(codes.place, f"expected what each code of `{name}` means, got {codes.text}"))
        return Column(fact.value)
    values: dict[str, str | None] = {}
    for code, meant in codes.value.items():
        if isinstance(meant.value, (dict, list)):
            problems.append(Problem(meant.place, f"expected one value for code `{code}`, got {meant.text}"))
        elif meant.value is not None and not _can_be(fact.value, meant.text):
            near = did_you_mean(meant.text, _values(fact.value)) or f"; expected {one_of(_values(fact.value))}"
            problems.append(Problem(meant.place, f"`{fact.value}` cannot be `{meant.text}`{near}"))
        else:
            values[code] = None if meant.value is None else meant.text
    return Column(fact.value, values)


def _can_be(path: str, text: str) -> bool:
    """Whether a fact can have what a code is said to mean; of numbers and names the reader of cases judges."""
    values, fact = _values(path), catalogue().get(canonical(path))
    parts = split(text) if fact is not None and fact.kind == "set" else [text]
    return not values or all(part in (*values, *NOT_KNOWN) for part in parts)


def headed(file: str, names: Sequence[str], columns: ColumnMap) -> dict[str, Column]:
    """What each column of a table holds that is read, by its name.

    Raises:
        InputError: a column is no fact, or two hold the same.
    """
    problems: list[Problem] = []
    found: dict[str, Column] = {}
    by_path: dict[str, str] = {}
    valid = paths()
    for place, name in enumerate(names, start=1):
        where = Place(file, 1, place)
        column = columns.get(name)
        if column is None:
            if name not in valid:
                hint = did_you_mean(name, valid) or "; name its fact in a column map, or leave it out there with `null`"
                problems.append(Problem(where, f"no fact `{name}`{hint}" if name else "a column without a name"))
                continue
            column = Column(name)
        if column.path is None:
            continue
        path = canonical(column.path)
        if path in by_path:
            problems.append(Problem(where, f"`{name}` and `{by_path[path]}` are both `{path}`; keep one"))
        by_path[path] = name
        found[name] = column._replace(path=path)
    problems += [
        Problem(Place(file), f"the column map names `{name}`, which is no column here{did_you_mean(name, names)}")
        for name in columns
        if name not in names
    ]
    if problems and not found and len(names) > 1:
        raise InputError(_without_facts(file, names))
    if problems:
        raise InputError(problems)
    return found


def _without_facts(file: str, names: Sequence[str]) -> list[Problem]:
    """What to do where no column is a fact: the names that are nearly one, else how a map is drafted."""
    folded = {path.lower(): path for path in sorted(paths(), reverse=True)}
    near = [(place, name, get_close_matches(name.lower(), folded, 1, _LIKE)) for place, name in enumerate(names, 1)]
    headless = "; a" if any(like for *_, like in near) else "; is the header missing? A"
    drafts = f"`secondline batch {shlex.quote(file)} --draft-columns` drafts one"
    says = f"no column of the first line is a fact{headless} column map says what each column is, and {drafts}"
    return [
        Problem(Place(file, 1, 1), says),
        *(
            Problem(Place(file, 1, place), f"no fact `{name}`; did you mean `{folded[like[0]]}`?")
            for place, name, like in near
            if like
        ),
    ]


# --- drafts -----------------------------------------------------------------------------------------------


def draft(names: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A column map to complete, from the names of columns and some cells of each."""
    lines = [
        "# Which column is which fact. Correct each line; a column that is `null` is not read.",
        f"# `{TO_SAY}` stands where a code's meaning is to be said: a value listed at the end of the line, or null.",
        '# Give codes that are not a fact\'s own values as in `{fact: disease.er, values: {"1": positive}}`.',
        "columns:",
    ]
    for name, some in zip(names, cells, strict=True):
        path, sure = _likely(name)
        codes = sorted({cell for cell in some if cell})
        valid = _values(path) if path else ()
        foreign = [code for code in codes if code not in valid] if valid and len(codes) <= MOST_CODES else []
        guess = "" if sure else "  # a guess by the name: check it" if path else "  # no fact has a name like it"
        if foreign:
            meant = ", ".join(f"{_quoted(code)}: {TO_SAY}" for code in foreign)
            lines.append(f"  {_quoted(name)}: {{fact: {path}, values: {{{meant}}}}}{guess}  # {', '.join(valid)}")
        else:
            lines.append(f"  {_quoted(name)}: {path or 'null'}{guess}")
    return "\n".join(lines) + "\n"


def _values(path: str) -> tuple[str, ...]:
    fact = catalogue().get(canonical(path))
    return () if fact is None else ("true", "false") if fact.kind == "boolean" else fact.values


def _likely(name: str) -> tuple[str | None, bool]:
    """The fact that a column's name says, and whether it is surely that: by its path; else by a name much like it."""
    plain = _plain(name)
    known: dict[str, str] = {}
    for path in sorted(paths()):
        fact = catalogue().get(canonical(path))
        for text in (path, path.rpartition(".")[2], fact.label if fact else path):
            known.setdefault(_plain(text), canonical(path))
    if name in paths():
        return canonical(name), True
    near = get_close_matches(plain, list(known), n=1, cutoff=_LIKE)
    return (known[near[0]], False) if near else (None, False)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def _quoted(text: str) -> str:
    import json

    plain = text.isidentifier() and scalar(text) == text and text.lower() not in _READ_OTHERWISE
    return text if plain else json.dumps(text, ensure_ascii=False)


def meant(column: Column, text: Any) -> Any:
    """What a cell means by its column's codes; a cell that is none of them stands as it is."""
    if column.values is None or text in column.values:
        return text if column.values is None else column.values[text]
    if isinstance(text, str) and ";" in text:  # a set: each member by itself
        return ";".join(filter(None, (column.values.get(part, part) for part in split(text))))
    return text
