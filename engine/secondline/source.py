"""Text files -> trees of values that remember where they stand: YAML, JSON and JSON Lines.

The reader accepts only plain data. Anchors, aliases, tags, keys given twice, text that is not UTF-8, files over
`MAX_BYTES` and nesting over `MAX_DEPTH` are refused. Scalars follow YAML 1.2: `true` and `false` are the only
booleans, `on` and `yes` are text, a bare date is text, and a number keeps the digits it was written with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from secondline.errors import InputError, Place, Problem

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 48
_CHUNK = 64 * 1024
_TABLES = (".csv", ".tsv", ".parquet", ".xls", ".xlsx")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_JSON_SPACE = re.compile(r"[ \t\r\n]*")
_LONGEST_NUMBER = 40

Scalar = str | int | float | bool | None


class Node:
    """One value of a file: a scalar, a list of nodes or a mapping from text to nodes, with its text as written."""

    __slots__ = ("keys", "place", "text", "value")

    def __init__(self, value: Any, text: str, place: Place) -> None:
        self.value, self.text, self.place = value, text, place
        self.keys: dict[str, Place] = {}

    def plain(self, *, exact: bool = False) -> Any:
        """The value without places: lists as tuples, 61.0 as 61; with `exact`, numbers with the digits typed."""
        if isinstance(self.value, dict):
            return {key: node.plain(exact=exact) for key, node in self.value.items()}
        if isinstance(self.value, list):
            return tuple(node.plain(exact=exact) for node in self.value)
        if exact and isinstance(self.value, (int, float)) and not isinstance(self.value, bool):
            from decimal import Decimal

            return Decimal(self.text)
        if isinstance(self.value, float) and self.value.is_integer():
            return int(self.value)
        return self.value

    def at(self, path: tuple[str | int, ...]) -> tuple[Node, tuple[str | int, ...]]:
        """The deepest node on `path`, and how much of the path that is."""
        node, walked = self, 0
        for step in path:
            held = node.value
            inside = isinstance(step, int) and step < len(held) if isinstance(held, list) else None
            if inside or (isinstance(held, dict) and step in held):
                node = held[step]
                walked += 1
            else:
                break
        return node, path[:walked]


def problem_at(node: Node, path: tuple[str | int, ...], message: str) -> Problem:
    """A problem at the deepest place in the file that `path` reaches."""
    held, walked = node.at(path)
    place = held.place
    if len(walked) == len(path) and path and isinstance(path[-1], str):
        holder, _ = node.at(path[:-1])
        place = holder.keys.get(path[-1], place)
    return Problem(place, message)


def read_bytes(path: Path, name: str) -> bytes:
    """The bytes of a file, at most MAX_BYTES of them."""
    data = b""
    try:
        with path.open("rb", buffering=0) as file:
            while len(data) <= MAX_BYTES and (more := file.read(_CHUNK)):  # a rule folder has hundreds of small files
                data += more
    except IsADirectoryError:
        raise InputError([Problem(Place(name), "expected a file, found a folder")]) from None
    except FileNotFoundError:
        raise InputError([Problem(Place(name), "no such file")]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError([Problem(Place(name), f"cannot be read: {reason.lower()}")]) from None
    return data[: MAX_BYTES + 1]


def parse(data: bytes, name: str) -> list[Node]:
    """The documents of a file, by its name's ending; a file of another name is JSON if it reads as JSON."""
    return _documents(_decode(data, name), name)


def parse_each(data: bytes, name: str) -> list[Node | InputError]:
    """The documents of a file; of JSON Lines each line is read for itself, and a broken one stands as its error."""
    suffix = Path(name).suffix.lower()
    if suffix in _TABLES:
        message = f"a table (`{suffix}`) is not read here; write the cases as YAML, JSON or JSON Lines"
        raise InputError([Problem(Place(name, 1, 1), message)])
    text = _decode(data, name)
    if suffix in (".jsonl", ".ndjson"):
        return _lines(text, name)
    try:
        return list(_documents(text, name))
    except InputError:
        begins = [line[:1] for line in text.splitlines() if line.strip()]
        if suffix in (".json", ".yaml", ".yml") or len(begins) < 2 or set(begins) != {"{"}:
            raise
        return _lines(text, name)


def json_line(line: bytes, name: str, number: int) -> Node:
    """The one value on a line of JSON Lines.

    Raises:
        InputError: it is not UTF-8, not JSON, or more than one value.
    """
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        before = line[: error.start].decode("utf-8", "replace")
        message = f"byte 0x{line[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError([Problem(Place(name, number, len(before) + 1), message)]) from None
    found = list(_Json(text, name, number - 1).documents())
    if len(found) != 1:
        raise InputError([Problem(Place(name, number, 1), f"expected one value on the line, got {len(found)}")])
    return found[0]


def path_to(node: Node, place: Place) -> tuple[str | int, ...]:
    """The way from a node to what stands at a place, the deepest; nothing if nothing stands there."""
    if isinstance(node.value, dict):
        inner: list[tuple[str | int, Node, Place]] = [
            (step, held, node.keys[step]) for step, held in node.value.items()
        ]
    else:
        listed = node.value if isinstance(node.value, list) else []
        inner = [(step, held, held.place) for step, held in enumerate(listed)]
    for step, held, key in inner:
        below = path_to(held, place)
        if below or place in (held.place, key):
            return (step, *below)
    return ()


def path_text(path: tuple[str | int, ...]) -> str:
    """A path as people write it: `therapies[0].months`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _lines(text: str, name: str) -> list[Node | InputError]:
    found: list[Node | InputError] = []
    for number, line in enumerate(text.split("\n")):
        try:
            found += list(_Json(line, name, number).documents())
        except InputError as error:
            found.append(error)
    broken = [error for error in found if isinstance(error, InputError)]
    if len(broken) == len(found) > 1:
        place = broken[0].problems[0].place
        raise InputError(
            [Problem(place, "no line of this file is JSON; write each case on a line, or name it `.json`")]
        )
    return found


def _documents(text: str, name: str) -> list[Node]:
    suffix = Path(name).suffix.lower()
    if suffix in (".json", ".jsonl", ".ndjson"):
        return list(_Json(text, name).documents())
    if suffix not in (".yaml", ".yml") and text.lstrip()[:1] in ("{", "["):
        try:
            return list(_Json(text, name).documents())
        except InputError as json_error:
            try:
                return list(_yaml_documents(text, name))
            except InputError:
                raise json_error from None
    return list(_yaml_documents(text, name))


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1024 // 1024} MiB"
        raise InputError([Problem(Place(name, 1, 1), f"the file is larger than {limit}; split it into smaller files")])
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError([Problem(Place(name, 1, 1), "the file is UTF-16; save it as UTF-8")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError([Problem(_place_after(before, name), message)]) from None
    return text


def _place_after(before: str, name: str) -> Place:
    return Place(name, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _number(text: str) -> Scalar:
    """A number as written, or the text itself where it is too long or too large to be one."""
    if len(text) > _LONGEST_NUMBER:
        return text
    if text.lstrip("+-").isdigit():
        return int(text)
    value = float(text)
    return value if abs(value) != float("inf") else text


# --- YAML -------------------------------------------------------------------------------------------------

_HINTS = (
    ("mapping values are not allowed", "put text that holds a colon in quotes"),
    ("cannot start any token", "indent with spaces, and put text that begins with a special character in quotes"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("did not find expected ',' or ']'", "close the list with `]`, and put text that holds a bracket in quotes"),
    ("did not find expected ',' or '}'", "close the mapping with `}`"),
    ("unexpected end of stream", "close the quote"),
    ("did not find expected key", "align this line with the keys it belongs to"),
    ("did not find expected '-' indicator", "align this line with the list it belongs to"),
    ("control characters", "remove the control character"),
    ("unknown escape", "use single quotes around text with backslashes"),
    ("undefined alias", "write the value out"),
)


def _yaml_documents(text: str, name: str) -> Iterator[Node]:
    import yaml

    # The first character that YAML forbids; libyaml would name it without a line. (Listed, as a range of all that is
    # allowed takes milliseconds to compile.)
    forbidden = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]", text)
    if forbidden:
        message = f"character U+{ord(forbidden[0]):04X} is not allowed in YAML; remove it"
        raise InputError([Problem(_place_after(text[: forbidden.start()], name), message)])
    events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                node = _yaml_node(next(events), events, name, 0)
                if node.value is not None or node.text:
                    yield node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1, 1)
        tab = _tab(text, place)
        if tab:
            message = "not readable as YAML: a tab, where only spaces can indent; put spaces in its place"
            raise InputError([Problem(tab, message)]) from None
        problem = error.problem or error.context or "not YAML"
        hint = _hint(problem, _line(text, place), place.column - 1)
        raise InputError([Problem(place, f"not readable as YAML: {problem}; {hint}")]) from None


def _line(text: str, place: Place) -> str:
    return next(islice(text.split("\n"), place.line - 1, None), "")


def _hint(problem: str, line: str, at: int) -> str:
    """How to mend a line in which reading stopped at a character."""
    if "mapping values are not allowed" in problem and re.fullmatch(r"\s*[\w.-]+\s*", line[:at]):
        return "align this key with those above it, or complete the line above"
    if "did not find expected ','" in problem and line[at : at + 1] in ("[", "{"):
        return "put text that holds a bracket in quotes"
    return next((hint for key, hint in _HINTS if key in problem), "see the lines just above")


def _tab(text: str, place: Place) -> Place | None:
    """The tab that indents a line, or stands just where reading stopped."""
    line = _line(text, place)
    at = line.find("\t", 0, len(line) - len(line.lstrip()))
    at = place.column - 1 if at < 0 and line[place.column - 1 : place.column] == "\t" else at
    return None if at < 0 else place._replace(column=at + 1)


def _yaml_node(event: Any, events: Iterator[Any], name: str, depth: int) -> Node:
    import yaml

    place = Place(name, event.start_mark.line + 1, event.start_mark.column + 1)

    def refuse(message: str) -> InputError:
        return InputError([Problem(place, message)])

    if isinstance(event, yaml.AliasEvent):
        raise refuse(f"alias `*{event.anchor}` is not read here; write the value out")
    if event.anchor:
        raise refuse(f"anchor `&{event.anchor}` is not read here; remove it and write each value out")
    if event.tag:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        raise refuse(f"tag `{tag}` is not read here; remove it")
    if depth > MAX_DEPTH:
        raise refuse(f"nested more than {MAX_DEPTH} deep; no file here needs that")
    if isinstance(event, yaml.ScalarEvent):
        value = scalar(event.value) if event.implicit[0] else event.value
        return Node(value, event.value, place)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_yaml_node(event, events, name, depth + 1))
        return Node(items, "a list", place)
    node = Node({}, "a mapping", place)
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _yaml_node(event, events, name, depth + 1)
        if not isinstance(key.value, str):
            hint = "; a decimal takes a point, as in 1.5" if isinstance(key.value, int) else ""
            raise InputError(
                [Problem(key.place, f"expected a name before the colon, got `{key.text}`; quote it{hint}")]
            )
        _add(node, key.value, key.place, _yaml_node(next(events), events, name, depth + 1))
    return node


def _add(mapping: Node, key: str, place: Place, value: Node) -> None:
    if key in mapping.value:
        first = mapping.keys[key]
        message = f"`{key}` is given twice, first on line {first.line}; keep one"
        raise InputError([Problem(place, message)])
    mapping.value[key] = value
    mapping.keys[key] = place


def scalar(text: str) -> Scalar:
    """A plain scalar by YAML 1.2: null, a boolean, a number, or text."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "false"):
        return text == "true"
    return _number(text) if _NUMBER.fullmatch(text) else text


# --- JSON -------------------------------------------------------------------------------------------------


class _Json:
    """A reader of one JSON value after another that knows line and column of each; `above` lines stand before it."""

    def __init__(self, text: str, name: str, above: int = 0) -> None:
        self.text, self.name, self.above = text, name, above
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def documents(self) -> Iterator[Node]:
        at = self.skip(0)
        while at < len(self.text):
            node, at = self.value(at, 0)
            at = self.skip(at)
            yield node

    def place(self, at: int) -> Place:
        from bisect import bisect_right

        line = bisect_right(self.starts, at)
        return Place(self.name, self.above + line, at - self.starts[line - 1] + 1)

    def fail(self, at: int, message: str) -> InputError:
        return InputError([Problem(self.place(min(at, len(self.text))), f"not readable as JSON: {message}")])

    def skip(self, at: int) -> int:
        found = _JSON_SPACE.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        if depth > MAX_DEPTH:
            raise self.fail(at, f"nested more than {MAX_DEPTH} deep; no file here needs that")
        char = self.text[at : at + 1]
        if char == "{":
            return self.mapping(at, depth)
        if char == "[":
            return self.sequence(at, depth)
        if char == '"':
            value, end = self.string(at)
            return Node(value, value, self.place(at)), end
        for word, constant in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, at):
                return Node(constant, word, self.place(at)), at + len(word)
        found = _JSON_NUMBER.match(self.text, at)
        if not found:
            start = re.match(r"[\w.+-]{1,20}", self.text[at:])
            got = f"`{start[0] if start else char}`" if char else "the end of the file"
            raise self.fail(at, f"expected a value, got {got}; text needs double quotes")
        return Node(_number(found[0]), found[0], self.place(at)), found.end()

    def string(self, at: int) -> tuple[str, int]:
        from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner that json itself uses

        try:
            value, end = scanstring(self.text, at + 1, True)
        except ValueError as error:
            where = getattr(error, "pos", at)
            reason = str(error).split(":")[0].lower().removesuffix(" at").removesuffix(" starting")
            raise self.fail(where, f"{reason}; close the text with a double quote, write a line break as \\n") from None
        if re.search("[\ud800-\udfff]", value):
            raise self.fail(at, "half a surrogate pair in text; remove it")
        return value, end

    def sequence(self, at: int, depth: int) -> tuple[Node, int]:
        node = Node([], "a list", self.place(at))
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "]":
            item, at = self.value(at, depth + 1)
            node.value.append(item)
            at = self.separator(at, "]")
        return node, at + 1

    def mapping(self, at: int, depth: int) -> tuple[Node, int]:
        node = Node({}, "a mapping", self.place(at))
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "}":
            if self.text[at : at + 1] != '"':
                raise self.fail(at, "expected a name in double quotes")
            key_at = at
            key, at = self.string(at)
            at = self.skip(at)
            if self.text[at : at + 1] != ":":
                raise self.fail(at, f"expected a colon after `{key}`")
            item, at = self.value(self.skip(at + 1), depth + 1)
            _add(node, key, self.place(key_at), item)
            at = self.separator(at, "}")
        return node, at + 1

    def separator(self, at: int, end: str) -> int:
        at = self.skip(at)
        char = self.text[at : at + 1]
        if char == end:
            return at
        if char != ",":
            raise self.fail(at, f"expected a comma or `{end}`")
        at = self.skip(at + 1)
        if self.text[at : at + 1] == end:
            raise self.fail(at, f"a comma before `{end}`; remove it")
        return at
