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
    lines = [f"# {_plain(page.about)}", ""]
    for warning in page.warnings:
        lines += [f"> **{_plain(warning)}**", ""]
    lines += [f"**{_plain(page.answer)}**", "", f"{page.verdict}: {page.grading}", ""]
    for section in page.sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += _block(block)
        lines.append("")
    return "\n".join([*lines, f"*{_plain(page.notice)}*"]) + "\n"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Entry):
        yield f"- {_plain(block.head)}"
        for detail in block.details:
            yield f"  - {_plain(detail)}"
    else:
        yield f"| {' | '.join(block.header)} |"
        yield f"|{' --- |' * len(block.header)}"
        for row in block.rows:
            yield f"| {' | '.join(map(_plain, row))} |"
        yield ""


def _plain(text: str) -> str:
    """Text in which nothing is taken for Markdown; a number and a full stop at the start make no list."""
    return re.sub(r"^(\d+)\.", r"\1\\.", _SPECIAL.sub(r"\\\1", text))
