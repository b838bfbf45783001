"""Conditions as phrases that a clinician reads: nested lists of tests, each with its fact linked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from secondline.condition import All, Check, Condition, Not, Test, sentence
from secondline.facts import Fact
from secondline.site.names import Link

Joint = Literal["", "all", "any", "not-all", "none"]
LEADS: dict[Joint, str] = {
    "all": "All of these hold",
    "any": "At least one of these holds",
    "not-all": "Not all of these hold together",
    "none": "None of these holds",
}
_JOINERS: dict[Joint, str] = {"all": " and ", "any": " or ", "not-all": " and ", "none": " or "}
_SETS = {"has_any": ("include", " or "), "has_all": ("include", " and "), "has_none": ("do not include", " or ")}


class Names(NamedTuple):
    """What conditions speak of: the link of a fact or definition, a fact itself, and the title of a class of drugs."""

    link: Callable[[str], Link]
    fact: Callable[[str], Fact | None]
    drug_class: Callable[[str], str]


class Phrase(NamedTuple):
    """One test (`subject`, perhaps denied, and the `rest` of its sentence), or several phrases that are joined."""

    joint: Joint = ""
    parts: tuple[Phrase, ...] = ()
    denied: bool = False
    subject: Link | None = None
    rest: str = ""

    @property
    def lead(self) -> str:
        return LEADS[self.joint]


def phrase(condition: Condition, names: Names, *, denied: bool = False) -> Phrase:
    """A condition as a phrase."""
    if isinstance(condition, Not):
        return phrase(condition.part, names, denied=not denied)
    if isinstance(condition, Test):
        return Phrase(denied=denied, subject=names.link(condition.fact), rest=_rest(condition, names))
    if len(condition.parts) == 1:
        return phrase(condition.parts[0], names, denied=denied)
    joints: tuple[Joint, Joint] = ("all", "not-all") if isinstance(condition, All) else ("any", "none")
    return Phrase(joints[denied], tuple(phrase(part, names) for part in condition.parts))


def flat(held: Phrase) -> str:
    """A phrase in one line."""
    if not held.joint:
        subject = held.subject.title if held.subject else ""
        return f"{'not: ' if held.denied else ''}{subject}{held.rest}"
    inner = _JOINERS[held.joint].join(f"({flat(p)})" if p.joint else flat(p) for p in held.parts)
    return f"not: ({inner})" if held.joint in ("not-all", "none") else inner


def _rest(test: Test, names: Names) -> str:
    fact = names.fact(test.fact)
    if fact is None:  # a yes/no definition
        return ""
    first = test.checks[0]
    if fact.kind == "boolean" and len(first.values) == 1:
        return f": {'yes' if first.values[0] is (first.op == 'is') else 'no'}"
    if fact.kind == "set":
        return " and ".join(_members(test.fact, check, names) for check in test.checks)
    return sentence(test, lambda _: "")


def _members(path: str, check: Check, names: Names) -> str:
    verb, joiner = _SETS[check.op]
    name = names.drug_class if path.endswith("classes") else str
    return f" {verb} {joiner.join(name(str(value)) for value in check.values)}"
