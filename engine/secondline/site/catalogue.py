"""The facts of a profile for a reader: what each is, which values it takes, and which rules read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from secondline.condition import ANSWER
from secondline.facts import Fact
from secondline.interview.topics import HELP
from secondline.site.edition import Edition
from secondline.site.names import Link, safe
from secondline.site.words import KINDS

GROUPS = {
    "patient": "The patient",
    "disease": "The disease",
    "biomarkers": "Biomarkers",
    "progression": "Progression",
    "prior_cdk46": "The CDK4/6 inhibitor so far",
    "history": "Treatment so far",
    "safety": "Safety",
    "answer": "The answer, which laws alone read",
}
_KINDS = {"boolean": "yes or no", "number": "a number", "integer": "a whole number", "text": "text"}


class FactRow(NamedTuple):
    """One fact; `readers` test it in a condition of their own, `through` counts the rules that read it in any way."""

    anchor: str
    label: str
    path: str
    part: bool
    values: str
    help: str
    readers: tuple[tuple[str, tuple[Link, ...]], ...]  # `2 verdict rules`, and which
    through: int


class FactGroup(NamedTuple):
    title: str
    rows: tuple[FactRow, ...]


def fact_groups(edition: Edition) -> Iterator[FactGroup]:
    """Every fact, in the groups of a profile."""
    held: dict[str, list[Fact]] = {group: [] for group in GROUPS}
    for path, fact in edition.facts.items():
        held["answer" if path in ANSWER else path.partition(".")[0]].append(fact)
    for group, facts in held.items():
        yield FactGroup(GROUPS[group], tuple(_row(edition, fact) for fact in facts))


def _row(edition: Edition, fact: Fact) -> FactRow:
    names = edition.readers.get(fact.path, ())
    readers = ((kind, edition.links(n for n in names if edition.kind[n] == kind.folder)) for kind in KINDS.values())
    counted = ((kind.one if len(links) == 1 else kind.title.lower(), links) for kind, links in readers if links)
    reads = edition.base.reads
    return FactRow(
        anchor=safe(fact.path),
        label=fact.label,
        path=fact.path,
        part=fact.main is not None,
        values=_values(fact, _members(edition, fact)),
        help=HELP.get(fact.path, ""),
        readers=tuple((f"{len(links)} {what}", links) for what, links in counted),
        through=sum(fact.path in reads[rule.id] for rule in edition.each_rule()),
    )


def _members(edition: Edition, fact: Fact) -> Sequence[str]:
    """The values of a choice or a set; of drugs and classes it is said where they are listed."""
    if fact.path == "history.agents":
        return ("drugs of the vocabulary",)
    if fact.path == "history.classes":
        return tuple(held.title for held in edition.base.vocabulary.classes.values())
    return fact.values


def _values(fact: Fact, members: Sequence[str]) -> str:
    if fact.numeric:
        ends = f" from {fact.low:g} to {fact.high:g}" if fact.low is not None and fact.high is not None else ""
        return f"{_KINDS[fact.kind]}{ends}{f', in {fact.unit}' if fact.unit else ''}"
    if fact.kind in ("choice", "set") and members:
        return f"{'any of ' if fact.kind == 'set' else ''}{', '.join(members)}"
    return _KINDS.get(fact.kind, "")
