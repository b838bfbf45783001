"""A rule file as its author wrote it: where each part stands in the text, and text and values with parts changed.

A part is named by its path, as in `("when", "all", 0)`. A change is one of the text, so that it can be shown, and at
the same time one of the values, so that nothing has to be read again but the rule that it is in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from secondline.condition import All, AnyOf, Condition, Not
from secondline.errors import Place
from secondline.source import Node, parse

Steps = tuple[str | int, ...]


class Edit(NamedTuple):
    """A part replaced by YAML in flow style, or taken away where there is none.

    With `words` it is these words of a text that are replaced, with `key` the name of the part and not what it holds.
    """

    path: Steps
    text: str | None
    words: str | None = None
    key: bool = False


class Span(NamedTuple):
    """Where a part begins and ends in a text, by characters."""

    start: int
    end: int


def spots(condition: Condition, path: Steps = ("when",)) -> Iterator[tuple[Steps, Condition]]:
    """Every part of a condition, itself first, with its path in the file."""
    yield path, condition
    if isinstance(condition, (All, AnyOf)):
        key = "all" if isinstance(condition, All) else "any"
        for index, part in enumerate(condition.parts):
            yield from spots(part, (*path, key, index))
    elif isinstance(condition, Not):
        yield from spots(condition.part, (*path, "not"))


class Written:
    """One YAML document with the place of each of its parts."""

    def __init__(self, text: str) -> None:
        import yaml

        self.text = text
        self._root: Any = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def span(self, path: Steps) -> Span:
        """Where the value at a path stands; what follows the last sign of a block is no part of it."""
        return self._trimmed(self._at(path))

    def keys(self, path: Steps) -> list[str]:
        """The names that the mapping at a path has."""
        return [key.value for key, _ in self._at(path).value]

    def key(self, path: Steps, name: str) -> Span:
        """Where a name of the mapping at a path stands."""
        key, _ = self._pair(self._at(path), name)
        return Span(key.start_mark.index, key.end_mark.index)

    def flow(self, path: Steps) -> str:
        """The value at a path in flow style, in one line."""
        return self._flow(self._at(path))

    def edited(self, edits: Sequence[Edit]) -> str:
        """The text with parts changed; no part lies within another."""
        text = self.text
        for span, new in sorted((self._change(edit) for edit in edits), reverse=True):
            text = text[: span.start] + new + text[span.end :]
        return text

    def diff(self, edits: Sequence[Edit], name: str) -> str:
        """What the changes are, as a unified diff of the file."""
        lines = (self.text.splitlines(), self.edited(edits).splitlines())
        return "\n".join(difflib.unified_diff(*lines, f"a/{name}", f"b/{name}", n=1, lineterm=""))

    # --- the tree -----------------------------------------------------------------------------------------

    def _at(self, path: Steps) -> Any:
        node = self._root
        for step in path:
            node = node.value[step] if isinstance(step, int) else self._pair(node, step)[1]
        return node

    @staticmethod
    def _pair(node: Any, key: str) -> tuple[Any, Any]:
        return next((k, v) for k, v in node.value if k.value == key)

    def _trimmed(self, node: Any) -> Span:
        start, end = node.start_mark.index, node.end_mark.index
        return Span(start, start + len(self.text[start:end].rstrip()))

    def _flow(self, node: Any) -> str:
        import yaml

        if isinstance(node, yaml.ScalarNode) or node.flow_style:
            return " ".join(self.text[slice(*self._trimmed(node))].split())
        if isinstance(node, yaml.SequenceNode):
            return f"[{', '.join(map(self._flow, node.value))}]"
        return "{" + ", ".join(f"{key.value}: {self._flow(value)}" for key, value in node.value) + "}"

    # --- changes ------------------------------------------------------------------------------------------

    def _change(self, edit: Edit) -> tuple[Span, str]:
        if edit.words is not None:
            return self._of_words(edit)
        if edit.key:
            return self.key(edit.path[:-1], str(edit.path[-1])), edit.text or ""
        return (self._taken_away(edit.path), "") if edit.text is None else (self.span(edit.path), edit.text)

    def _of_words(self, edit: Edit) -> tuple[Span, str]:
        """Words of a text, whose lines may be broken between any two of them, wherever they stand in it."""
        span = self.span(edit.path)
        pattern = r"\s+".join(map(re.escape, (edit.words or "").split()))
        return span, re.sub(pattern, lambda _: edit.text or "", self.text[slice(*span)])

    def _taken_away(self, path: Steps) -> Span:
        """An item of a list or a mapping, from where it begins to where the next one does, or from where one ends."""
        holder, step = self._at(path[:-1]), path[-1]
        parts = [(item, item) for item in holder.value] if isinstance(step, int) else holder.value
        index = step if isinstance(step, int) else [key.value for key, _ in parts].index(step)
        begins = [self._begin(key, dashed=isinstance(step, int) and not holder.flow_style) for key, _ in parts]
        if index + 1 < len(parts):
            return Span(begins[index], begins[index + 1])
        return Span(self._trimmed(parts[index - 1][1]).end, self._trimmed(parts[index][1]).end)

    def _begin(self, node: Any, *, dashed: bool) -> int:
        start: int = node.start_mark.index
        return self.text.rindex("-", 0, start) if dashed else start


def changed(node: Node, edits: Sequence[Edit]) -> Node:
    """The values of a file with parts changed."""
    for edit in sorted(edits, key=lambda edit: tuple(map(str, edit.path)), reverse=True):
        node = _changed(node, edit.path, edit)
    return node


def _changed(node: Node, path: Steps, edit: Edit) -> Node:
    if not path:
        if edit.words is not None:
            text = " ".join(node.text.split()).replace(edit.words, edit.text or "")
            return Node(text, text, node.place)
        return _read(edit.text or "", node.place)
    step, rest = path[0], path[1:]
    copy = Node(node.value.copy(), node.text, node.place)
    copy.keys = dict(node.keys)
    if not rest and edit.key:
        name = edit.text or ""
        copy.value = {name if key == step else key: held for key, held in node.value.items()}
        copy.keys = {name if key == step else key: place for key, place in node.keys.items()}
    elif not rest and edit.text is None:
        del copy.value[step]
    else:
        copy.value[step] = _changed(node.value[step], rest, edit)
    return copy


def _read(text: str, place: Place) -> Node:
    (node,) = parse(text.encode(), place.file)
    return _moved(node, place)


def _moved(node: Node, place: Place) -> Node:
    """A node all of whose parts stand at one place."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _moved(inner, place) for key, inner in value.items()}
    elif isinstance(value, list):
        value = [_moved(inner, place) for inner in value]
    moved = Node(value, node.text, place)
    moved.keys = dict.fromkeys(node.keys, place)
    return moved
