"""Pages -> HTML, by templates that escape whatever they are given; alone in knowing jinja2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from secondline import __version__
from secondline.site.edition import Edition
from secondline.site.pages import SECTIONS, about, pages

TEMPLATES = Path(__file__).parent / "templates"
STYLE = "style.css"
_TICKS = re.compile(r"`([^`]+)`")


def coded(text: str) -> Markup:
    """A text with what stands in backticks as code."""
    return Markup(_TICKS.sub(r"<code>\1</code>", str(escape(text))))


def breakable(text: str) -> Markup:
    """Names joined with `+`, which may go on in the next line after it."""
    return Markup(str(escape(text)).replace("+", "+<wbr/>"))


def site(edition: Edition) -> Iterator[tuple[str, str]]:
    """The path and the text of every file of a site."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(coded=coded, breakable=breakable)
    environment.globals.update(
        menu=SECTIONS, about=about(edition.base), program=__version__, day=edition.day, only=edition.only
    )
    yield STYLE, (TEMPLATES / STYLE).read_text(encoding="utf-8")
    for page in pages(edition):
        template = environment.get_template(page.template)
        yield page.path, template.render(page=page, root=page.root, **page.content)
