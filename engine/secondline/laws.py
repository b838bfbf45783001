"""Laws: what must hold for every patient. Which of them an answer breaks, and on which facts.

A law is broken where its `when` is true of the patient and the answer and its `then` is false: where either is unknown,
nothing is broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import ANSWER, DEFINED, Condition, Not, Terms, Test, Truth, of_answers, sentence, truth
from secondline.facts import Fact
from secondline.inference.reference import Findings
from secondline.recommend import Outcome
from secondline.rulebase import RuleBase, values
from secondline.scales import OFFERED
from secondline.states import Members, State, in_words
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.forms.rules import Law


def terms(base: RuleBase) -> Terms:
    """What a condition may speak of that is asked of patients and their answers."""
    defined = {
        d.fact: Fact(d.fact, "choice", d.fact, values=tuple(dict.fromkeys(str(v) for v in values(d) if v is not None)))
        for d in base.definitions
        if d.fact
    }
    yes_no = frozenset(d.id for d in base.definitions if not d.fact)
    return Terms(base.vocabulary, {**defined, **of_answers(base.vocabulary)}, yes_no)


class Held(NamedTuple):
    """What the two conditions of a law are for one patient and answer."""

    when: Truth
    then: Truth

    @property
    def broken(self) -> bool:
        return self.when is True and self.then is False


def answered(outcome: Outcome, vocabulary: Vocabulary) -> dict[str, State]:
    """The facts of an answer, as laws read them. A regimen whose tier is undetermined is not offered."""
    offered = [regimen for regimen, tier in outcome.tiers.items() if tier in OFFERED]
    agents = {agent for regimen in offered for agent in vocabulary.regimens[regimen].agents}
    classes = {name for agent in agents for name in vocabulary.classes_of(agent) or ()}
    sets = (frozenset(offered), frozenset(agents), frozenset(classes))
    return {"verdict": outcome.verdict, **dict(zip(ANSWER[1:], map(Members, sets), strict=True))}


def held(law: Law, facts: Mapping[str, State]) -> Held:
    """Judge a law on the facts of a patient and of the answer."""
    return Held(truth(law.when, facts), truth(law.then, facts))


def broken(
    laws: Iterable[Law], base: RuleBase, day: date, findings: Findings, outcome: Outcome
) -> Iterator[tuple[Law, str]]:
    """Each law in effect that an answer breaks, with a sentence that names the law, the facts and their values."""
    facts = {**findings.facts, **answered(outcome, base.vocabulary)}
    for law in laws:
        if base.in_effect(law, day) and held(law, facts).broken:
            when = "; ".join(dict.fromkeys(_because(base, law.when, facts, wanted=True)))
            then = "; ".join(dict.fromkeys(_because(base, law.then, facts, wanted=False)))
            yield law, f"law `{law.id}` is broken: {_says(law, base)}; here {when}, and {then}"


def _says(law: Law, base: RuleBase) -> str:
    """A law in words: its own, or those of its conditions."""
    if law.title:
        return law.title

    def name(fact: str) -> str:
        return f"{base.defined[fact].id} holds" if fact.startswith(DEFINED) else fact

    return f"where {sentence(law.when, name)}, {sentence(law.then, name)}"


def _because(base: RuleBase, condition: Condition, facts: Mapping[str, State], *, wanted: bool) -> Iterator[str]:
    """The facts that make a condition what it is, with their values, through yes/no definitions."""
    if truth(condition, facts) is not wanted:
        return
    if isinstance(condition, Not):
        yield from _because(base, condition.part, facts, wanted=not wanted)
    elif not isinstance(condition, Test):
        for part in condition.parts:
            yield from _because(base, part, facts, wanted=wanted)
    elif condition.fact.startswith(DEFINED):
        definition = base.defined[condition.fact]
        for case in definition.cases:
            decides = truth(case.when, facts)
            yield from _because(base, case.when, facts, wanted=bool(decides))
            if decides:
                return
    else:
        yield f"`{condition.fact}` is {in_words(facts.get(condition.fact))}"
