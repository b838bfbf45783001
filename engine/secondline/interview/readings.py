"""An answer typed to a question -> what it puts into the case, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from re import split, sub
from typing import Any, NamedTuple

from secondline.errors import did_you_mean, one_of
from secondline.facts import NOT_KNOWN, Fact, catalogue
from secondline.interview.answers import (
    NONE,
    Refused,
    choice,
    date,
    folded,
    number,
    parts,
    pick,
    several,
    shown,
    words,
    yes_no,
)
from secondline.interview.entries import entry_says, read_drugs, read_time
from secondline.interview.topics import ASK
from secondline.refusals import receptor_status
from secondline.vocabulary import OTHER, Vocabulary

Path = tuple[str | int, ...]  # where something stands in a case


class Reading(NamedTuple):
    """What an answer puts into the case (None takes out), how it was understood, what need not be asked any more."""

    values: tuple[tuple[Path, Any], ...] = ()
    says: str = ""
    closes: tuple[str, ...] = ()


def given(case: Mapping[str, Any], *path: str | int) -> Any:
    """What a profile holds at a path; None if nothing."""
    value: Any = case.get("profile")
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def inherited(path: str) -> bool:
    """Whether a biomarker is the same in every sample at every time."""
    return path in ("biomarkers.gbrca", "biomarkers.gpalb2")


def at(fact: str) -> Path:
    return ("profile", *fact.split("."))


def plain(fact: Fact, case: Mapping[str, Any], text: str) -> Reading | Refused:
    """A fact by its kind; a part is put beside what is known of its main fact."""
    value: Any
    if fact.kind == "boolean":
        value = yes_no(text)
    elif fact.kind == "set":
        value = several(text, fact.values)
    elif fact.numeric:
        value = number(text, fact)
    else:
        value = choice(text, fact.values) if fact.values else words(text)
    if isinstance(value, Refused):
        return value
    if fact.main:
        return Reading(((at(fact.main), _beside(fact, case, value)),), _says(value, fact))
    if fact.path == "safety.diabetes" and value == "none":
        return Reading(((at(fact.path), value), (at("safety.insulin"), False)), "no diabetes, no insulin")
    return Reading(((at(fact.path), value),), _says(value, fact))


def _says(value: Any, fact: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{value:g} {fact.unit}".strip() if isinstance(value, (int, float)) else str(value)


def _beside(part: Fact, case: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """A main fact as a mapping with one part more."""
    group, name, last = part.path.split(".")
    known = given(case, group, name)
    whole = known if isinstance(known, Mapping) else {"status" if group == "disease" else "result": known}
    kept = {key: item for key, item in whole.items() if item is not None and item not in NOT_KNOWN}
    return {**kept, last: value}


def checklist(facts: Sequence[str], text: str) -> Reading | Refused:
    """Several yes/no facts at once: those named are so, those with a question mark not known, the others not."""
    named = [] if folded(text) in NONE else parts(text)
    if not named and folded(text) not in NONE:
        return Refused("expected at least one, or `none`")
    answers: dict[str, bool | None] = dict.fromkeys(facts, False)
    for part in named:
        found = pick(part.rstrip("? "), [ASK[fact] for fact in facts], numbers=True)
        if isinstance(found, Refused):
            return found
        answers[facts[found]] = None if part.endswith("?") else True
    said = {"yes": True, "no": False, "not known": None}
    groups = ((word, [ASK[fact] for fact in facts if answers[fact] is value]) for word, value in said.items())
    says = "; ".join(f"{word}: {', '.join(group)}" for word, group in groups if group)
    return Reading(tuple((at(fact), value) for fact, value in answers.items() if value is not None), says)


def receptor(path: str, text: str) -> Reading | Refused:
    """A receptor's status, or the percentage that gives it."""
    if any(char.isdigit() for char in text):
        percent = number(text, catalogue()[f"{path}.percent"])
        if isinstance(percent, Refused):
            return percent
        status = receptor_status(percent)
        return Reading(((at(path), {"status": status, "percent": percent}),), f"{status}, {percent:g} percent")
    found = choice(text, catalogue()[path].values)
    if isinstance(found, Refused):
        return Refused(f"{found.why}; or give the percentage of stained cells")
    return Reading(((at(path), found),), found)


def her2(case: Mapping[str, Any], text: str) -> Reading | Refused:
    """A score by immunohistochemistry, or the status where only that is known."""
    scores, statuses = catalogue()["disease.her2.ihc"].values, catalogue()["disease.her2"].values
    if folded(text) in ("low", "her2-low"):
        return Refused("`low` is a score of 1+, or of 2+ without amplification; give the score")
    found = choice(text, (*scores, *statuses))
    if isinstance(found, Refused):
        return found
    ish = given(case, "disease", "her2", "ish")
    beside = {} if ish is None else {"ish": ish}
    return Reading(((at("disease.her2"), {"ihc": found, **beside} if found in scores else found),), found)


_SAMPLES = {"plasma": "plasma", "ctdna": "plasma", "tissue": "tissue", "biopsy": "tissue", "germline": "germline"}
_TAKEN = {"earlier": "earlier", "archival": "earlier", "now": "at-progression", "at-progression": "at-progression"}
_SKIPPED = ("", "in", "from", "on", "the", "a", "of", "sample")


def biomarker(path: str, text: str) -> Reading | Refused:
    """A result, with where and when it was found if that is said; alone it is a valid test at this progression."""
    values = catalogue()[path].values
    joined = sub(r"\b(wild|at)[\s_]+(type|progression)\b", r"\1-\2", text.casefold())
    whole: dict[str, str] = {}
    for part in split(r"[\s,;]+", joined):
        if part in _SKIPPED:
            continue
        field, known = next(((f, k) for f, k in (("sample", _SAMPLES), ("taken", _TAKEN)) if part in k), ("result", {}))
        value = known.get(part) or _result(part, values)
        if isinstance(value, Refused):
            near = did_you_mean(part, (*values, *_SAMPLES, *_TAKEN))
            return Refused(f"expected {one_of(values)} and perhaps its sample, got `{shown(text)}`{near}")
        if whole.setdefault(field, value) != value:
            return Refused(f"`{whole[field]}` and `{value}` cannot both be; give one test")
    if "result" not in whole:
        return Refused(f"expected {one_of(values)}, got `{shown(text)}`")
    if len(whole) == 1:
        how = "" if inherited(path) else ", by a valid test at this progression"
        return Reading(((at(path), whole["result"]),), whole["result"] + how)
    whole.setdefault("taken", "at-progression")
    kept = {field: whole[field] for field in ("result", "sample", "taken") if field in whole}
    when = "at this progression" if kept["taken"] == "at-progression" else "in an earlier sample"
    return Reading(((at(path), kept),), " ".join(filter(None, (kept["result"], kept.get("sample"), when))))


def _result(part: str, values: Sequence[str]) -> str | Refused:
    """A result, by its name or as found or not found."""
    names = {"positive": values[0], "negative": values[1], "wt": "wild-type"}
    return names[part] if names.get(part) in values else choice(part, values)


def picked(path: Path, values: Sequence[str], text: str) -> Reading | Refused:
    found = choice(text, values)
    return found if isinstance(found, Refused) else Reading(((path, found),), found)


def dated(path: Path, text: str) -> Reading | Refused:
    found = date(text)
    return found if isinstance(found, Refused) else Reading(((path, found),), found)


def named(path: Path, drugs: Sequence[str], vocabulary: Vocabulary, text: str) -> Reading | Refused:
    """The drug that a class stands for."""
    found = read_drugs(text, vocabulary)
    if isinstance(found, Refused):
        return found
    if len(found) != 1 or not (found[0] in drugs or found[0].startswith(OTHER)):
        return Refused(f"expected {one_of(drugs)} or `{OTHER}NAME`, got `{shown(text)}`")
    return Reading(((path, found[0]),), found[0])


def lasted(path: Path, vocabulary: Vocabulary, text: str) -> Reading | Refused:
    """How long a treatment was given."""
    found = read_time(text, vocabulary)
    if isinstance(found, Refused):
        return found
    return Reading(tuple(((*path, field), value) for field, value in found.items()), entry_says(found))
