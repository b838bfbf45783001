"""Why a condition is true or false for a patient, in the patient's own facts and in clinical words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from secondline.condition import Condition, Not, Test, label, truth
from secondline.facts import catalogue
from secondline.inference.reference import Findings
from secondline.recommendation import CriterionShown
from secondline.rulebase import Criterion, RuleBase
from secondline.states import as_json, in_words


def judged(
    criteria: Iterable[Criterion], findings: Findings, shown: dict[int, CriterionShown]
) -> tuple[CriterionShown, ...]:
    """Each criterion with the value of the fact it reads, and whether it is met.

    `shown` keeps what was judged for this answer: many rules share a criterion, as one object.
    """
    facts = findings.facts
    found: list[CriterionShown] = []
    for criterion in criteria:
        one = shown.get(id(criterion))
        if one is None:
            says, when, fact = criterion
            one = CriterionShown(says, fact, as_json(facts.get(fact)) if fact else None, truth(when, facts))
            shown[id(criterion)] = one
        found.append(one)
    return tuple(found)


def why_not(base: RuleBase, condition: Condition, findings: Findings) -> tuple[str, ...]:
    """The facts that make a condition false, as in `PIK3CA is wild-type`."""
    return tuple(dict.fromkeys(_because(base, condition, findings, wanted=False)))


def _because(base: RuleBase, condition: Condition, findings: Findings, *, wanted: bool) -> Iterator[str]:
    """The tests that make a condition what it is: all that are needed where all are, the decisive ones elsewhere."""
    if truth(condition, findings.facts) is not wanted:
        return
    if isinstance(condition, Test):
        yield from _test_because(base, condition, findings)
    elif isinstance(condition, Not):
        yield from _because(base, condition.part, findings, wanted=not wanted)
    else:
        for part in condition.parts:
            yield from _because(base, part, findings, wanted=wanted)


def _test_because(base: RuleBase, test: Test, findings: Findings) -> Iterator[str]:
    definition = base.defined.get(test.fact)
    if definition is None or definition.fact is not None:
        yield f"{_label(base, test.fact)} is {in_words(findings.facts.get(test.fact))}"
        return
    for index, case in enumerate(definition.cases):
        if index in findings.inference.definitions[definition.id]:
            yield from _because(base, case.when, findings, wanted=True)
        else:
            yield from _because(base, case.when, findings, wanted=False)


def _label(base: RuleBase, fact: str) -> str:
    definition = base.defined.get(fact)
    return definition.title or definition.id if definition else label(fact)


def fact_label(fact: str) -> str:
    """How a clinician calls a fact: `QTcF`, with its unit where it is measured in one."""
    known = catalogue().get(fact)
    return f"{known.label} ({known.unit})" if known and known.unit else label(fact)


def fact_labels(facts: Sequence[str]) -> str:
    """Several facts as a sentence has them: `QTcF (ms), ER and sex`."""
    named = [fact_label(fact) for fact in facts]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
