"""A treatment in a line -> an entry of `therapies`, its parts in any order; and an entry back in words.

Every word has to have a meaning: a setting, a drug or class, a length of time, a date, a response, a reason. What the
line leaves out is not in the entry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from secondline.errors import did_you_mean, one_of
from secondline.facts import catalogue
from secondline.interview.answers import DATES, Refused, date, decimal, shown
from secondline.vocabulary import OTHER, Vocabulary

Entry = dict[str, Any]
FIELDS = ("setting", "agents", "started", "stopped", "months", "best_response", "stopped_for", "progressed_on")
NEEDED = ("setting", "agents")  # without these a treatment cannot be recorded
CHOSEN = ("setting", "best_response", "stopped_for")
EXAMPLE = "metastatic, palbociclib + letrozole, 19 months, stable, progression"
_LONGEST = 4  # words of one name
_SHORTEST = 3  # letters that can stand for a name

_TOKEN = re.compile(
    r"(?P<odd>\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}[./](?:19|20|21)\d\d)"
    r"|(?P<date>\d{4}-\d{2}-\d{2}(?![\w-])|\d{4}-\d{2}(?![\w-])|(?:19|20|21)\d\d(?!\d))"
    r"|(?P<number>\d+(?:[.,]\d+)?)"
    r"|(?P<word>[^\W\d_][\w:'-]*)"
    r"|(?P<mark>>=|[<>,;+/&()?.-])"
    r"|(?P<other>\S)"
)
_Meaning = tuple[str, str]  # a field of an entry or a role in the line, and a value
_ROLES: dict[str, _Meaning] = {
    **dict.fromkeys(("month", "months", "mo", "mos", "m"), ("unit", "1")),
    **dict.fromkeys(("year", "years", "yr", "yrs", "y"), ("unit", "12")),
    **dict.fromkeys(("week", "weeks", "day", "days"), ("unit", "")),
    **dict.fromkeys(("at-least", "more-than", "over"), ("limit", "at_least")),
    **dict.fromkeys(("below", "under", "less-than"), ("limit", "below")),
    **dict.fromkeys(("since", "from", "started"), ("mode", "started")),
    **dict.fromkeys(("to", "until", "till", "stopped", "ended"), ("mode", "stopped")),
    "advanced": ("setting", "metastatic"),
    "progressed": ("stopped_for", "progression"),
    "completed": ("stopped_for", "completion"),
    **dict.fromkeys(
        ("and", "with", "then", "for", "because", "of", "in", "on", "the", "setting", "best", "response", "disease",
         "therapy", "treatment", "about", "unknown"),
        ("skip", ""),
    ),
}  # fmt: skip
_SAYS = {
    "started": "from {}",
    "stopped": "until {}",
    "best_response": "best response {}",
    "stopped_for": "ended for {}",
    "progressed_on": "progression on {}",
}


def read_entry(text: str, vocabulary: Vocabulary) -> Entry | Refused:
    """A treatment from one line."""
    return _Line(text, vocabulary).read()


def read_drugs(text: str, vocabulary: Vocabulary) -> list[str] | Refused:
    """The drugs or classes that a line names, and nothing else."""
    found = read_entry(text, vocabulary)
    if isinstance(found, Refused):
        return found
    if set(found) != {"agents"}:
        return Refused(f"expected names of drugs, got `{shown(text)}`")
    drugs: list[str] = found["agents"]
    return drugs


def read_time(text: str, vocabulary: Vocabulary) -> Entry | Refused:
    """How long a treatment was given, in months or by its dates, and nothing else."""
    found = read_entry(text, vocabulary)
    if isinstance(found, Refused) or not found.keys() - {"months", "started", "stopped"}:
        return found
    return Refused(f"expected months or dates, as `19 months` or `2023-01 to 2024-08`, got `{shown(text)}`")


def in_order(entry: Mapping[str, Any]) -> Entry:
    return {field: entry[field] for field in FIELDS if field in entry}


def entry_says(entry: Mapping[str, Any]) -> str:
    """An entry in words, to see how its line was understood."""
    said = [str(entry["setting"])] if "setting" in entry else []
    if entry.get("agents"):
        said.append(" with ".join(entry["agents"]))
    months = entry.get("months")
    if isinstance(months, Mapping):
        said.append(" and ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in months.items()) + " months")
    elif months is not None:
        said.append(f"{months:g} months")
    for field, says in _SAYS.items():
        value = entry.get(field)
        if value is not None:
            said.append(value if value == "ongoing" else says.format(value))
    return ", ".join(said)


def _lexicon(vocabulary: Vocabulary) -> dict[str, _Meaning]:
    """Every word of a line with its meaning."""
    found: dict[str, _Meaning] = {name: ("agents", name) for name in vocabulary.names()}
    found |= {name: ("agents", drug) for name, drug in vocabulary.other_names.items()}
    for field in CHOSEN:
        found |= {value: (field, value) for value in catalogue()[f"prior_cdk46.{field}"].values}
    return found | _ROLES


class _Line:
    """A line read word by word into an entry."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.lexicon = text, _lexicon(vocabulary)
        self.names = sorted(word for word, (kind, _) in self.lexicon.items() if kind in FIELDS)
        line = unicodedata.normalize("NFKC", text).casefold().replace("cdk4/6", "cdk46")
        line = line.replace("\N{GREATER-THAN OR EQUAL TO}", ">")
        line = re.sub("[\N{EN DASH}\N{EM DASH}]", " - ", line)
        self.tokens = [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(line)]
        self.entry: Entry = {}
        self.mode = self.limit = ""

    def read(self) -> Entry | Refused:
        at = 0
        while at < len(self.tokens):
            taken = self.step(at)
            if isinstance(taken, Refused):
                return taken
            at += taken
        if not self.entry:
            return Refused(f"expected a treatment, as in `{EXAMPLE}`, got `{shown(self.text)}`")
        return in_order(self.entry)

    def step(self, at: int) -> int | Refused:
        """How many tokens the next part takes, once it has been put down."""
        kind, token = self.tokens[at]
        if kind == "odd":
            return Refused(f"expected a date as {DATES}, got `{token}`")
        if kind == "date" and self.unit(at + 1) is None:
            return self.put_date(token)
        if kind in ("number", "date"):
            return self.put_length(at)
        if kind == "word":
            return self.put_word(at)
        if kind == "other":
            return Refused(f"`{shown(token)}` is not read in a treatment; expected one as in `{EXAMPLE}`")
        self.limit = {"<": "below", ">": "at_least", ">=": "at_least"}.get(token, "")
        self.mode = "stopped" if token == "-" else ""
        return 1

    def put_date(self, token: str) -> int | Refused:
        found = date(token)
        if isinstance(found, Refused):
            return found
        field = self.mode or ("stopped" if "started" in self.entry else "started")
        self.mode = ""
        return self.put(field, found) or 1

    def unit(self, at: int) -> str | None:
        """The months in the unit of time that stands here, empty for one that is not read; None if there is none."""
        kind, token = self.tokens[at] if at < len(self.tokens) else ("", "")
        role, value = self.lexicon.get(token, ("", "")) if kind == "word" else ("", "")
        return value if role == "unit" else None

    def put_length(self, at: int) -> int | Refused:
        """A number with its unit of time; `6+ months` is at least that."""
        token = self.tokens[at][1]
        value = decimal(token)
        if isinstance(value, Refused):
            return value
        more = self.tokens[at + 1 : at + 2] == [("mark", "+")]
        unit = self.unit(at + 1 + more)
        if not unit:
            return Refused(f"`{token}` needs months or years behind it, as in `19 months`; a date is {DATES}")
        months = round(value * int(unit), 2)
        limit = "at_least" if more else self.limit
        self.limit = ""
        before = self.entry.get("months")
        if limit and isinstance(before, dict) and limit not in before:
            before[limit] = months
            return 2 + more
        return self.put("months", {limit: months} if limit else months) or 2 + more

    def put_word(self, at: int) -> int | Refused:
        """The longest run of words that is a name; else a word that only one name begins with."""
        run = []
        for kind, token in self.tokens[at : at + _LONGEST]:
            if kind != "word":
                break
            run.append(token.strip("-"))
        for length in range(len(run), 0, -1):
            meaning = self.lexicon.get("-".join(run[:length]))
            if meaning:
                return self.put_meaning(*meaning) or length
        word = run[0]
        if word.startswith(OTHER):
            known = self.lexicon.get(word.removeprefix(OTHER))
            if known and known[0] == "agents":
                return self.put("agents", known[1]) or 1
            return (self.put("agents", word) or 1) if word != OTHER else Refused("expected a name behind `other:`")
        near = [name for name in self.names if len(word) >= _SHORTEST and name.startswith(word)]
        meant = {self.lexicon[name] for name in near}
        if len(meant) == 1:
            return self.put_meaning(*meant.pop()) or 1
        if meant:
            return Refused(f"`{shown(word)}` can be {one_of(near)}; write more of it")
        close = did_you_mean(word, self.names) or f"; a drug that is not listed is written `{OTHER}NAME`"
        return Refused(f"`{shown(word)}` is no setting, drug, response or reason{close}")

    def put_meaning(self, kind: str, value: str) -> Refused | None:
        if kind == "mode":
            self.mode = value
        elif kind == "limit":
            self.limit = value
        elif kind == "unit":
            return Refused("a unit of time needs its number before it, as in `19 months`")
        elif kind != "skip":
            if kind == "stopped_for":
                self.mode = "progressed_on" if value == "progression" else "stopped"
            return self.put(kind, value)
        return None

    def put(self, field: str, value: Any) -> Refused | None:
        """Note a field; a second value for one is another treatment."""
        if field == "agents":
            drugs = self.entry.setdefault("agents", [])
            drugs += [value] if value not in drugs else []
        elif self.entry.setdefault(field, value) != value:
            both = " and ".join(f"`{entry_says({field: one})}`" for one in (self.entry[field], value))
            return Refused(f"{both} cannot both be; give each treatment a line of its own")
        return None
