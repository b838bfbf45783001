"""The texts of rules: sentences with cites, and clauses that are shown only once all their cites are public.

    Palbociclib did not lengthen progression-free survival[[ ({PALMIRA/pfs})]].

`{cite}` becomes the figures of that day under their own name; `[[...]]` disappears while a cite in it is not public.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from secondline.evidence import Shown, figures

_TOKEN = re.compile(r"(\[\[|\]\]|\{[^{}]*\})")
_SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z])")


class Piece(NamedTuple):
    """A run of text with cites in it; `clause` says that it stands in double brackets."""

    parts: tuple[str, ...]  # text and cites in turn, text first
    clause: bool

    @property
    def cites(self) -> tuple[str, ...]:
        return self.parts[1::2]


def split(says: str) -> list[Piece]:
    """The pieces of a text.

    Raises:
        ValueError: saying what is wrong with its brackets.
    """
    pieces: list[Piece] = []
    parts: list[str] = [""]
    clause = False
    for token in _TOKEN.split(" ".join(says.split())):
        if token in ("[[", "]]"):
            if (token == "[[") is clause:
                raise ValueError("`[[` inside `[[`; close the first with `]]`" if clause else "`]]` without `[[`")
            pieces.append(Piece(tuple(parts), clause))
            parts, clause = [""], not clause
        elif token.startswith("{") and token.endswith("}"):
            parts += [token[1:-1].strip(), ""]
        elif "{" in token or "}" in token:
            raise ValueError("a single brace; a cite stands in a pair, as in `{PALMIRA/pfs}`")
        else:
            parts[-1] += token
    if clause:
        raise ValueError("`[[` is never closed; add `]]`")
    pieces.append(Piece(tuple(parts), False))
    return [piece for piece in pieces if piece.parts != ("",)]


def cites_in(says: str) -> Iterator[tuple[str, bool]]:
    """Every cite of a text, and whether it stands in a clause."""
    for piece in split(says):
        for cite in piece.cites:
            yield cite, piece.clause


def render(says: str, lookup: Callable[[str], tuple[Shown, ...]], titles: dict[str, str]) -> str:
    """The text of a day; `lookup` gives what a cite shows, `titles` the names of endpoints."""
    text = ""
    for piece in split(says):
        found = [lookup(cite) for cite in piece.cites]
        if piece.clause and not all(found):
            continue
        words = [*piece.parts]
        words[1::2] = ["; ".join(_named(shown, titles) for shown in each) for each in found]
        text += "".join(words)
    return " ".join(text.split())


def together(texts: Iterable[str]) -> str:
    """Several texts as one; a sentence that two of them share is said once."""
    return " ".join(dict.fromkeys(sentence for text in texts for sentence in _SENTENCE_END.split(text)))


def _named(shown: Shown, titles: dict[str, str]) -> str:
    """A result under its own name: `PALMIRA, PFS: median 4.9 v 3.6 months`."""
    result, report = shown.result, shown.report
    second_hand = " (read second-hand)" if report.read_as else ""
    local = f" ({report.jurisdiction.upper()})" if report.jurisdiction else ""
    if result is None:
        return f"{shown.evidence.name}{local}{second_hand}"
    if result.role == "statement":
        return f"{shown.evidence.name}{local}: {result.finding}{second_hand}"
    name = shown.evidence.name
    if shown.evidence.independent:  # several poolings or cohorts under one name
        name = f"{name} ({report.id})"
    about = [name, titles.get(result.endpoint, result.endpoint), result.comparison, result.subgroup]
    return f"{', '.join(part for part in about if part)}: {figures(result)}{second_hand}"
