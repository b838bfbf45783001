"""The names of one rule folder that its files can use: editors complete them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from secondline.citable import BARE, citable
from secondline.condition import of_answers
from secondline.facts import Fact, catalogue, main_of
from secondline.rulebase import RuleBase, values


class Names(NamedTuple):
    """What there is to name.

    `facts` are those that definitions give, `answers` those of an answer, `voided` those that a rule reads through a
    definition only. `cites` are the shortest ones; `cited` are patterns of every cite, one for each evidence.
    """

    regimens: tuple[str, ...]
    drugs: tuple[str, ...]
    classes: tuple[str, ...]
    endpoints: tuple[str, ...]
    labels: tuple[str, ...]
    definitions: tuple[str, ...]
    facts: tuple[Fact, ...]
    answers: tuple[Fact, ...]
    voided: frozenset[str]
    verdicts: tuple[str, ...]
    overridable: tuple[str, ...]
    gates: tuple[str, ...]
    cautions: tuple[str, ...]
    reports: tuple[str, ...]
    cites: tuple[str, ...]
    cited: tuple[str, ...]


def names_in(base: RuleBase) -> Names:
    """The names of a rule base."""
    vocabulary = base.vocabulary
    voided = {case.of for definition in base.voiding for case in definition.cases if case.of}
    return Names(
        regimens=tuple(vocabulary.regimens),
        drugs=tuple(vocabulary.drugs),
        classes=tuple(vocabulary.classes),
        endpoints=tuple(sorted(vocabulary.endpoints)),
        labels=tuple(sorted(item.id for item in base.evidence.values() if item.kind == "label")),
        definitions=tuple(sorted(d.id for d in base.definitions if d.fact is None)),
        facts=tuple(_defined(base)),
        answers=tuple(of_answers(vocabulary).values()),
        voided=frozenset(path for path in catalogue() if main_of(path) in voided),
        verdicts=tuple(sorted(rule.id for rule in base.verdicts)),
        overridable=tuple(sorted(r.id for r in base.verdicts if r.then.verdict != "out-of-scope")),
        gates=tuple(sorted(gate.id for gate in base.gates)),
        cautions=tuple(sorted(rule.id for rule in (*base.gates, *base.cautions))),  # what an answer shows as one
        reports=tuple(sorted(base.reports)),
        cites=tuple(cite for item in base.evidence.values() for cite in citable(item, base.knowledge_until)),
        cited=tuple(_patterns(base)),
    )


def _defined(base: RuleBase) -> Iterator[Fact]:
    for definition in base.definitions:
        if definition.fact is not None:
            given = tuple(dict.fromkeys(str(value) for value in values(definition) if value is not None))
            yield Fact(definition.fact, "choice", definition.title or definition.fact, values=given)


def _patterns(base: RuleBase) -> Iterator[str]:
    for item in base.evidence.values():
        endpoints = sorted({result.endpoint for report in item.reports for result in report.results})
        ending = f"/({'|'.join(map(re.escape, endpoints))})(\\[.+\\])?"
        if endpoints:
            yield f"{item.id}({ending})?" if item.kind in BARE else f"{item.id}{ending}"
        elif item.kind in BARE:
            yield item.id
