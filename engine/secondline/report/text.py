"""A recommendation as text for a terminal: the answer first, readable at 80 columns and without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from secondline.recommendation import Recommendation
from secondline.report.document import Block, Document, Entry, Table, document

_COLOURS = {"continue": 32, "do-not-continue": 31, "individualise": 33, "undetermined": 33, "out-of-scope": 36}
_GAP = 2


def text(answer: Recommendation, *, width: int = 80, colour: bool = False) -> str:
    """The whole answer, lines of at most `width` characters, with terminal colours if asked."""
    return as_text(document(answer), width=width, colour=colour)


def as_text(page: Document, *, width: int = 80, colour: bool = False) -> str:
    return "\n".join(line.rstrip() for line in _lines(page, width, colour)) + "\n"


def _lines(page: Document, width: int, colour: bool) -> Iterator[str]:
    def paint(line: str, code: int) -> str:
        return f"\x1b[{code}m{line}\x1b[0m" if colour else line

    yield from _wrapped(page.about, width)
    for warning in page.warnings:
        yield from (paint(line, 33) for line in _wrapped(f"! {warning}", width, 0, 2))
    yield ""
    for line in _wrapped(page.answer, width):
        yield paint(line, 1)
    yield from (paint(line, _COLOURS[page.verdict]) for line in _wrapped(f"{page.verdict}: {page.grading}", width))
    for section in page.sections:
        yield ""
        yield paint(section.title, 1)
        for block in section.blocks:
            yield from block_lines(block, width)
    yield ""
    yield from _wrapped(page.notice, width)


def block_lines(block: Block, width: int) -> Iterator[str]:
    if isinstance(block, Entry):
        yield from _wrapped(block.head, width, 2, 4)
        for detail in block.details:
            yield from _wrapped(detail, width, 6)
    else:
        yield from _table(block, width)


def _wrapped(line: str, width: int, indent: int = 0, hanging: int | None = None) -> list[str]:
    after = " " * (indent if hanging is None else hanging)
    return wrap(line, width, initial_indent=" " * indent, subsequent_indent=after, break_on_hyphens=False)


def _table(table: Table, width: int) -> Iterator[str]:
    """Columns as wide as their text where there is room; the rest is shared by what each needs."""
    rows = [table.header, *table.rows]
    widths = _widths(rows, width - 2)
    for row in rows:
        cells = [wrap(cell, size, break_on_hyphens=False) or [""] for cell, size in zip(row, widths, strict=True)]
        for at in range(max(map(len, cells))):
            parts = [(cell[at] if at < len(cell) else "").ljust(size) for cell, size in zip(cells, widths, strict=True)]
            yield "  " + (" " * _GAP).join(parts)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    natural = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    longest = [max(_longest_word(row[column]) for row in rows) for column in range(len(rows[0]))]
    room = width - _GAP * (len(natural) - 1)
    if sum(natural) <= room:
        return natural
    while sum(longest) > room:  # too narrow for whole words: the widest column breaks them
        longest[longest.index(max(longest))] -= 1
    spare = room - sum(longest)
    wanted = [n - m for n, m in zip(natural, longest, strict=True)]
    return [m + spare * w // max(sum(wanted), 1) for m, w in zip(longest, wanted, strict=True)]


def _longest_word(cell: str) -> int:
    return max((len(word) for word in cell.split()), default=1)


def between(texts: Iterable[str], width: int = 80) -> str:
    """Several answers one under another."""
    return f"\n{'-' * width}\n\n".join(texts)
