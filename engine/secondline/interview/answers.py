"""Typed answers -> plain values, or a refusal in words: what was expected, what was found, what is nearest."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from secondline.dates import parse_date
from secondline.errors import did_you_mean, one_of
from secondline.facts import Fact

DATES = "2024-08-31, 2024-08 or 2024"
NONE = ("none", "no")
_SHOWN = 60
_UNITS = {  # other spellings of a unit, without spaces and with a multiplication sign as x
    "percent": ("%",),
    "years": ("year", "y"),
    "times the upper limit of normal": ("x", "times", "uln", "xuln", "timesuln"),
    "10e9/L": ("10^9/l", "x10^9/l", "109/l", "x109/l", "x10e9/l"),
}


class Refused(NamedTuple):
    """Why a text is no answer."""

    why: str


def shown(text: str) -> str:
    """A text as typed, shortened, with what cannot be printed as its escape."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text.strip())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def folded(text: str) -> str:
    """A text as names are spelt: lower case, hyphens between words."""
    return re.sub(r"[\s_-]+", "-", unicodedata.normalize("NFKC", text).strip().strip(".").casefold()).strip("-")


def parts(text: str) -> list[str]:
    """The members of a list as people write it."""
    return [part.strip() for part in re.split(r"[,;]|\sand\s", text) if part.strip()]


def numbered(values: Sequence[str]) -> bool:
    """Whether these are offered by number: not where a figure could be meant for a value."""
    return len(values) > 2 and not any(char.isdigit() for value in values for char in value)


def pick(text: str, names: Sequence[str], *, numbers: bool) -> int | Refused:
    """Which of these names is meant: the name in any case, the start of one only, or its number."""
    word = folded(text)
    words = [folded(name) for name in names]
    if word in words:
        return words.index(word)
    if numbers and word.isdecimal():
        if 1 <= int(word) <= len(names):
            return int(word) - 1
        return Refused(f"expected a number from 1 to {len(names)}, got `{shown(text)}`")
    near = [index for index, name in enumerate(words) if word and name.startswith(word)]
    if len(near) == 1:
        return near[0]
    if near:
        return Refused(f"`{shown(text)}` can be {one_of(names[index] for index in near)}; write more of it")
    return Refused(f"expected {one_of(names)}, got `{shown(text)}`{did_you_mean(word, names)}")


def choice(text: str, values: Sequence[str]) -> str | Refused:
    """One of these values."""
    found = pick(text, values, numbers=numbered(values))
    return found if isinstance(found, Refused) else values[found]


def yes_no(text: str) -> bool | Refused:
    found = pick(text, ("yes", "true", "no", "none", "false"), numbers=False)
    if isinstance(found, Refused) and folded(text) != "n":
        return Refused(f"expected `yes` or `no`, got `{shown(text)}`")
    return found in (0, 1)


def several(text: str, values: Sequence[str]) -> list[str] | Refused:
    """Those of these values that are named, in their own order; `none` is none of them."""
    if folded(text) in NONE:
        return []
    found: set[str] = set()
    for part in parts(text):
        one = choice(part, values)
        if isinstance(one, Refused):
            return one
        found.add(one)
    return [value for value in values if value in found] or Refused("expected at least one, or `none`")


def span(fact: Fact) -> str:
    """What a number has to be, as in `a number in ms, 200 to 800`."""
    what = "a whole number" if fact.kind == "integer" else "a number"
    unit = f" {'of' if fact.unit.startswith('times') else 'in'} {fact.unit}" if fact.unit else ""
    return what + unit + (f", {fact.low:g} to {fact.high:g}" if fact.low is not None and fact.high is not None else "")


def number(text: str, fact: Fact) -> float | int | Refused:
    """A number in the fact's unit and range; the unit can stand behind it, another one is refused."""
    found = re.fullmatch(r"([-+]?\d[\d.,]*)\s*(.*)", unicodedata.normalize("NFKC", text).strip())
    if not found:
        return Refused(f"expected {span(fact)}, got `{shown(text)}`")
    value = decimal(found[1])
    if isinstance(value, Refused):
        return value
    unit = _unit(found[2])
    if unit and unit not in (_unit(fact.unit), *_UNITS.get(fact.unit, ())):
        return Refused(f"expected {span(fact)}, got `{shown(text)}`; another unit has to be converted first")
    low = value if fact.low is None else fact.low
    high = value if fact.high is None else fact.high
    if not low <= value <= high or (fact.kind == "integer" and value != int(value)):
        return Refused(f"expected {span(fact)}, got `{shown(text)}`")
    return value


def _unit(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold().replace("\N{MULTIPLICATION SIGN}", "x")


def decimal(text: str) -> float | int | Refused:
    """A number as written. A comma is the decimal point, but before three digits it could be a thousand: refused."""
    if re.fullmatch(r"[-+]?\d+,\d{3}", text):
        whole, _, rest = text.partition(",")
        return Refused(f"`{shown(text)}` can be {whole}{rest} or {whole}.{rest}; write it without the comma")
    if not re.fullmatch(r"[-+]?\d{1,12}([.,]\d{1,12})?", text):
        return Refused(f"expected one number, got `{shown(text)}`")
    value = float(text.replace(",", "."))
    return int(value) if value.is_integer() else value


def date(text: str) -> str | Refused:
    """A full or partial date as it stands in a case file."""
    try:
        return str(parse_date(text.strip()))
    except ValueError:
        return Refused(f"expected a date as {DATES}, got `{shown(text)}`")


def words(text: str) -> str | Refused:
    """A few words in one line."""
    text = text.strip()
    return (
        text if text.isprintable() and 0 < len(text) <= 200 else Refused(f"expected a few words, got `{shown(text)}`")
    )
