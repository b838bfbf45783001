"""Every finding in a loaded rule folder; those that a note gives a reason for are accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import NamedTuple

from secondline.cases import CaseFile
from secondline.errors import did_you_mean
from secondline.forms.evidence import Evidence
from secondline.forms.rules import Definition, Law, Rule
from secondline.lint.branches import unreachable
from secondline.lint.days import days, not_yet, review, superseded
from secondline.lint.drugs import Drugs
from secondline.lint.gradings import grading, wording
from secondline.lint.kinds import KINDS, UNNEEDED, WITH_CASES, Finding, Raised
from secondline.lint.names import endpoints, file_name, no_target, read_facts, unused, without_words
from secondline.lint.tested import counting, exercised, limits_met, tried
from secondline.lint.texts import clauses, figures, open_texts, titles
from secondline.loading import Loaded
from secondline.source import problem_at

Named = tuple[str, Raised]  # of what it is, by id
_ACCEPTING = re.compile(r"(SL\d{3}): ")


class Linted(NamedTuple):
    """What was found, sorted by place, and what a note accepts, with that note."""

    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, str], ...]


def lint(loaded: Loaded, day: date | None = None, cases: Sequence[CaseFile] | None = None) -> Linted:
    """Look at a rule folder as of a day, by default the last of its knowledge; with cases, at what they test too."""
    asked = day or loaded.base.knowledge_until
    found: dict[str, list[Finding]] = {}
    for name, (code, path, message) in _raised(loaded, asked, cases):
        place = problem_at(loaded.nodes[name], path, "").place
        found.setdefault(name, []).append(Finding(place, message, code))
    judged = KINDS.keys() - (() if cases is not None else WITH_CASES)
    base = loaded.base
    holders: list[Rule | Definition | Law | Evidence] = [*base.rules(), *base.definitions, *loaded.laws]
    findings, accepted = list(endpoints(loaded)), list[tuple[Finding, str]]()
    for holder in (*holders, *base.evidence.values()):
        of_one = found.get(holder.id, [])
        for index, note in enumerate(holder.notes):
            code = named[1] if (named := _ACCEPTING.match(note)) else ""
            meant = [finding for finding in of_one if finding.code == code]
            of_one = [finding for finding in of_one if finding.code != code]
            accepted += [(finding, note) for finding in meant]
            if code and not meant and (code in judged or code not in KINDS):
                near = "" if code in KINDS else did_you_mean(code, KINDS)
                message = f"the note accepts `{code}`, which is not found here{near or '; remove it'}"
                place = problem_at(loaded.nodes[holder.id], ("notes", index), "").place
                findings.append(Finding(place, message, UNNEEDED))
        findings += of_one
    return Linted(tuple(sorted(findings)), tuple(sorted(accepted)))


def _raised(loaded: Loaded, day: date, cases: Sequence[CaseFile] | None) -> Iterator[Named]:
    """What is found of each rule, definition, law and evidence, by its id."""
    base, nodes, drugs, read = loaded.base, loaded.nodes, Drugs(loaded.base), read_facts(loaded)
    for rule in base.rules():
        yield from _named(rule.id, figures(rule, base), clauses(rule, base), titles(rule, base), drugs.foreign(rule))
        yield from _named(rule.id, days(rule, base), review(rule, day), superseded(rule, base, day))
    for option in base.options:
        yield from _named(option.id, grading(option, base), wording(option, base))
    for gate in base.gates:
        yield from _named(gate.id, no_target(gate, base))
    for definition in base.definitions:
        yield from _named(definition.id, unused(definition, read), superseded(definition, base, day))
    for law in loaded.laws:
        yield from _named(law.id, superseded(law, base, day))
    dated: list[Rule | Law] = [*base.rules(), *loaded.laws]
    in_use = {holder.id for holder in dated if not not_yet(holder, day)}
    for name in sorted(in_use | {source.evidence.id for source in base.sources.values()}):
        yield from _named(name, open_texts(nodes[name]))
    for name in sorted(nodes.keys() - {law.id for law in loaded.laws}):  # one file holds all laws
        yield from _named(name, file_name(name, nodes[name]))
    for evidence in base.evidence.values():
        yield from _named(evidence.id, without_words(evidence, base))
    yield from unreachable(base, loaded.laws)
    if cases is not None:
        yield from _untested(loaded, day, cases)


def _named(name: str, *found: Iterable[Raised]) -> Iterator[Named]:
    for raised in chain(*found):
        yield name, raised


def _untested(loaded: Loaded, day: date, cases: Sequence[CaseFile]) -> Iterator[Named]:
    """What cases do not test; a rule that is not yet in effect has none."""
    made = tried(loaded.base, cases)
    for rule in loaded.base.rules():
        if not not_yet(rule, day):
            yield from _named(rule.id, exercised(rule, counting(rule, loaded.base, made)))
    for definition in loaded.base.definitions:
        yield from _named(definition.id, limits_met(definition, made))
