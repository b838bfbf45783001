"""Profile, day and vocabulary -> the state of every fact: what is stated, what follows from it, what is assumed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from secondline.facts import bare_parts, catalogue, stated
from secondline.history import BENEFIT_MONTHS, derive, oddities
from secondline.refusals import agreed, receptor_status
from secondline.states import NOT_APPLICABLE, Members, State, limits
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.profile import Profile


class Known(NamedTuple):
    """The state of each fact that is not unknown, the facts that were assumed, and what is odd in the record."""

    facts: dict[str, State]
    assumed: tuple[str, ...] = ()
    oddities: tuple[tuple[str, str], ...] = ()


def know(profile: Profile, as_of: date, vocabulary: Vocabulary) -> Known:
    """Work out all that is known of a patient on a day. The profile holds no contradiction (`refusals.refusals`)."""
    facts = stated(profile)
    odd = list(oddities(profile, as_of))
    if facts.get("patient.sex") == "male" and "patient.menopausal_status" in facts:
        odd.append(("data-menopausal-status-of-a-man", "a menopausal status is given for a man; it is not used"))
    assumed = ("progression.extent",) if _extent_is_assumed(facts) else ()
    for path, state in derive(profile, as_of, vocabulary).items():
        both = agreed(facts.get(path), state, path)
        facts[path] = state if both is None else both
    if profile.therapies is None:
        _complete_prior(facts)
        _complete_classes(facts, vocabulary)
    for name, result in vars(profile.biomarkers).items():
        if isinstance(result, str) and f"biomarkers.{name}" in facts:
            facts |= bare_parts(f"biomarkers.{name}")
    follow(facts)
    known: dict[str, State] = {path: state for path, state in facts.items() if state is not None}
    return Known(known, assumed, tuple(dict.fromkeys(odd)))


def leads_on(fact: str) -> bool:
    """Whether anything follows at once from a fact; nothing does from a biomarker or a measurement for safety."""
    return not fact.startswith(("biomarkers.", "safety."))


def follow(facts: dict[str, State]) -> None:
    """Put in what follows from the facts at once: a status from its scores, what cannot be, the one default."""
    for path in ("disease.er", "disease.pr"):
        percent = facts.get(f"{path}.percent")
        if isinstance(percent, (int, float)):
            facts[path] = receptor_status(percent)
    if facts.get("disease.her2") is None:
        facts["disease.her2"] = _her2(facts.get("disease.her2.ihc"), facts.get("disease.her2.ish"))
    if facts.get("prior_cdk46.agent") == "none":
        facts["prior_cdk46.agents"] = Members(frozenset())
        for path, fact in catalogue().items():
            if path.startswith("prior_cdk46.") and fact.may_not_apply:
                facts[path] = NOT_APPLICABLE
    cannot_be: tuple[str, ...] = ()
    if facts.get("patient.sex") == "male":
        facts["patient.menopausal_status"] = facts["patient.ovarian_suppression"] = NOT_APPLICABLE
        cannot_be = ("patient.pregnant",)
    elif facts.get("patient.menopausal_status") == "postmenopausal":
        cannot_be = ("patient.pregnant", "patient.ovarian_suppression")
    for path in cannot_be:
        if facts.get(path) is None:
            facts[path] = NOT_APPLICABLE
    if facts.get("progression.status") in ("none", "molecular"):
        facts["progression.extent"] = NOT_APPLICABLE
    elif _extent_is_assumed(facts):
        facts["progression.extent"] = "systemic"


def _extent_is_assumed(facts: dict[str, State]) -> bool:
    progressed = facts.get("progression.status") in ("radiological", "clinical")
    return progressed and facts.get("progression.extent") is None


def _her2(ihc: State, ish: State) -> State:
    """HER2 from its scores: 3+ or amplified is positive; 2+ needs in situ hybridisation (ASCO/CAP 2018)."""
    if ihc == "3+" or ish == "amplified":
        return "positive"
    if ihc in ("0", "ultralow", "1+") or (ihc == "2+" and ish == "not-amplified"):
        return "negative"
    return None


def _complete_prior(facts: dict[str, State]) -> None:
    """What the facts on the last inhibitor say of one another, where they are given without therapies."""
    agent, agents = facts.get("prior_cdk46.agent"), facts.get("prior_cdk46.agents")
    if agent is None and isinstance(agents, Members) and len(agents.sure) <= 1:
        facts["prior_cdk46.agent"] = next(iter(agents.sure), "none")
    elif isinstance(agent, str) and agents is None:
        facts["prior_cdk46.agents"] = Members(frozenset({agent}), None)
    if facts.get("prior_cdk46.clinical_benefit") is None:
        facts["prior_cdk46.clinical_benefit"] = _stated_benefit(facts)


def _complete_classes(facts: dict[str, State], vocabulary: Vocabulary) -> None:
    """The classes of the drugs given so far, where only the drugs are stated: a drug tells its classes."""
    agents = facts.get("history.agents")
    if facts.get("history.classes") is not None or not isinstance(agents, Members):
        return
    held = {agent: vocabulary.classes_of(agent) for agent in agents.sure}
    unnamed = any(classes is None or agent in vocabulary.classes for agent, classes in held.items())
    sure = frozenset(name for classes in held.values() for name in classes or ())
    facts["history.classes"] = Members(sure, None if unnamed else frozenset())


def _stated_benefit(facts: dict[str, State]) -> bool | None:
    response = facts.get("prior_cdk46.best_response")
    if response in ("complete", "partial"):
        return True
    if response == "progressive":
        return False
    low, high = limits(facts.get("prior_cdk46.months"))
    if response == "stable":
        if low is not None and low >= BENEFIT_MONTHS:
            return True
        if high is not None and high < BENEFIT_MONTHS:
            return False
    return None


def canonical(value: object) -> object:
    """A profile as plain data that is the same for every order of the same content, what is not known left out."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if type(value) is tuple:
        return [canonical(item) for item in value]
    if hasattr(value, "__dict__"):
        given = ((name, canonical(item)) for name, item in vars(value).items())
        return {name: item for name, item in given if item not in (None, {})}
    return str(value)
