"""The files of the site, and the links between its pages: relative, so that they work from a disk or a server."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

_ODD = re.compile(r"[^a-z0-9.+_-]")


class Link(NamedTuple):
    """A page, or a place on one, by its path from the top of the site; a title to show, and perhaps an id beside it."""

    path: str
    title: str
    about: str = ""

    @property
    def href(self) -> str:
        """The path as a URL has it."""
        return quote(self.path, safe="/#~")


def safe(name: str) -> str:
    """A name as a file or an anchor can have it on every system; two names never become one.

    Small letters, digits, `.`, `+`, `_` and `-` stay; any other character becomes its number between tildes. Names of
    evidence are in capitals alone, so they can be made small before.
    """
    return _ODD.sub(lambda found: f"~{ord(found[0]):x}~", name)


def page(folder: str, name: str) -> str:
    """The path of the page of one rule, regimen or the like."""
    return f"{folder}/{safe(name)}.html"


def upper(words: str) -> str:
    """A title with a capital, unless its first word has capitals of its own, as in `mTOR`."""
    first = re.split(r"\W", words, maxsplit=1)[0]
    return words[:1].upper() + words[1:] if first.islower() else words
