"""A recommendation as Markdown, with the same content and order as the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from secondline.recommendation import Recommendation
from secondline.report.document import Block, Document, Entry, document

_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


def markdown(answer: Recommendation) -> str:
    """The whole answer as one Markdown document."""
    return as_markdown(document(answer))


def as_markdown(page: Document) -> str:
    lines = [f"# {plain(page.about)}", ""]
    for warning in page.warnings:
        lines += [f"> **{plain(warning)}**", ""]
    lines += [f"**{plain(page.answer)}**", "", f"{page.verdict}: {page.grading}", ""]
    for section in page.sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += block_lines(block)
        lines.append("")
    return "\n".join([*lines, f"*{plain(page.notice)}*"]) + "\n"


def block_lines(block: Block) -> Iterator[str]:
    if isinstance(block, Entry):
        yield f"- {plain(block.head)}"
        for detail in block.details:
            yield f"  - {plain(detail)}"
    else:
        yield f"| {' | '.join(block.header)} |"
        yield f"|{' --- |' * len(block.header)}"
        for row in block.rows:
            yield f"| {' | '.join(map(plain, row))} |"
        yield ""


def plain(text: str) -> str:
    """Text in which nothing is taken for Markdown; a number and a full stop at the start make no list."""
    return re.sub(r"^(\d+)\.", r"\1\\.", _SPECIAL.sub(r"\\\1", text))
