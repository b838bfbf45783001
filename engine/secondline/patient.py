"""Profile, day and vocabulary -> the state of every fact: what is stated, what follows from it, what is assumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from secondline.facts import bare_parts, catalogue, main_of, stated
from secondline.history import BENEFIT_MONTHS, derive, oddities
from secondline.refusals import agreed, receptor_status
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, limits, one_of
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.profile import Profile


class Known(NamedTuple):
    """The state of each fact that is not unknown, the facts that were assumed, and what is odd in the record.

    `given` is what is stated or worked out before anything follows from it: a fact stands there even where it may turn
    out not to apply. `therapies` says whether a history was worked out from them.
    """

    facts: dict[str, State]
    given: dict[str, State]
    therapies: bool = False
    assumed: tuple[str, ...] = ()
    oddities: tuple[tuple[str, str], ...] = ()


class CannotBe(NamedTuple):
    """A fact does not apply where another one has one of these values; `stated`: not even if it is stated."""

    fact: str
    other: str
    values: tuple[str, ...]
    stated: bool


SEX, MENOPAUSE = "patient.sex", "patient.menopausal_status"
TO_PROGRESSION = "prior_cdk46.months_from_stop_to_progression"
PROGRESSED = ("radiological", "clinical")  # then an extent that is not recorded is taken as systemic


@cache
def cannot_be() -> tuple[CannotBe, ...]:
    """What excludes what, a fact that excludes before those it excludes."""
    inhibitors = (path for path, f in catalogue().items() if path.startswith("prior_cdk46.") and f.may_not_apply)
    return (
        *(CannotBe(path, "prior_cdk46.agent", ("none",), stated=True) for path in inhibitors),
        CannotBe("patient.menopausal_status", "patient.sex", ("male",), stated=True),
        CannotBe("patient.ovarian_suppression", "patient.sex", ("male",), stated=True),
        CannotBe("patient.pregnant", "patient.sex", ("male",), stated=False),
        CannotBe("patient.ovarian_suppression", "patient.menopausal_status", ("postmenopausal",), stated=False),
        CannotBe("patient.pregnant", "patient.menopausal_status", ("postmenopausal",), stated=False),
        CannotBe("progression.extent", "progression.status", ("none", "molecular"), stated=True),
        CannotBe(TO_PROGRESSION, "progression.status", ("none",), stated=True),
    )


def know(profile: Profile, as_of: date, vocabulary: Vocabulary) -> Known:
    """Work out all that is known of a patient on a day. The profile holds no contradiction (`refusals.refusals`)."""
    facts = stated(profile)
    own = frozenset(facts)
    odd = list(oddities(profile, as_of))
    if facts.get("patient.sex") == "male" and "patient.menopausal_status" in facts:
        odd.append(("data-menopausal-status-of-a-man", "a menopausal status is given for a man; it is not used"))
    odd += _last_is_none_of_those_given(facts)
    assumed = ("progression.extent",) if _extent_is_assumed(facts) else ()
    for path, state in derive(profile, as_of, vocabulary).items():
        both = agreed(facts.get(path), state, path)
        facts[path] = state if both is None else both
    if facts.get(SEX) is None and facts.get(MENOPAUSE) is not None:
        facts[SEX] = "female"  # no man has a menopausal status
    _complete_agent(facts)
    if profile.therapies is None:
        _complete_prior(facts)
    if "history.agents" in own:
        _complete_drugs(facts, vocabulary, "history.classes" in own)
    for name, result in vars(profile.biomarkers).items():
        if isinstance(result, str) and f"biomarkers.{name}" in facts:
            facts |= bare_parts(f"biomarkers.{name}")
    given: dict[str, State] = {path: state for path, state in facts.items() if state is not None}
    for path in [path for path in facts if path.startswith("biomarkers.") and facts.get(main_of(path)) is None]:
        del facts[path]  # how a result was found that is not known: the one to come is another
    follow(facts)
    if facts.get("progression.status") is None and TO_PROGRESSION not in own:
        facts.pop(TO_PROGRESSION, None)  # without progression it cannot be
    known: dict[str, State] = {path: state for path, state in facts.items() if state is not None}
    return Known(known, given, profile.therapies is not None, assumed, tuple(dict.fromkeys(odd)))


def _last_is_none_of_those_given(facts: Mapping[str, State]) -> Iterator[tuple[str, str]]:
    """What is odd where the last inhibitor and those that were given are both stated."""
    last, given = facts.get("prior_cdk46.agent"), facts.get("prior_cdk46.agents")
    if (
        isinstance(last, str)
        and isinstance(given, Members)
        and (given.sure if last == "none" else last not in given.sure)
    ):
        named = ", ".join(sorted(given.sure)) or "none"
        says = f"the last CDK4/6 inhibitor is given as {last}, and the inhibitors so far as {named}; check both"
        yield "data-last-inhibitor-not-among-those-given", says


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
    for fact, other, values, stated_too in cannot_be():
        if facts.get(other) in values and (stated_too or facts.get(fact) is None):
            facts[fact] = NOT_APPLICABLE
    if _extent_is_assumed(facts):
        facts["progression.extent"] = "systemic"


def _extent_is_assumed(facts: dict[str, State]) -> bool:
    return facts.get("progression.status") in PROGRESSED and facts.get("progression.extent") is None


def _her2(ihc: State, ish: State) -> State:
    """HER2 from its scores: 3+ or amplified is positive; 2+ needs in situ hybridisation (ASCO/CAP 2018)."""
    if ihc == "3+" or ish == "amplified":
        return "positive"
    if ihc in ("0", "ultralow", "1+") or (ihc == "2+" and ish == "not-amplified"):
        return "negative"
    return None


def _complete_agent(facts: dict[str, State]) -> None:
    """The last inhibitor is one of those that were given, where all of them are known."""
    agent, agents = facts.get("prior_cdk46.agent"), facts.get("prior_cdk46.agents")
    if isinstance(agent, OneOf) and isinstance(agents, Members) and agents.complete and agents.sure & agent.values:
        facts["prior_cdk46.agent"] = one_of(agents.sure & agent.values)


def _complete_prior(facts: dict[str, State]) -> None:
    """What the facts on the last inhibitor say of one another, where they are given without therapies."""
    agent, agents = facts.get("prior_cdk46.agent"), facts.get("prior_cdk46.agents")
    if agent is None and isinstance(agents, Members):
        facts["prior_cdk46.agent"] = one_of(agents.sure) if agents.sure else "none"
    elif isinstance(agent, str) and agents is None:
        facts["prior_cdk46.agents"] = Members(frozenset({agent}), None)
    if facts.get("prior_cdk46.clinical_benefit") is None:
        facts["prior_cdk46.clinical_benefit"] = stated_benefit(
            facts.get("prior_cdk46.best_response"), facts.get("prior_cdk46.months")
        )


def _complete_drugs(facts: dict[str, State], vocabulary: Vocabulary, classes_stated: bool) -> None:
    """What stated drugs tell: a class among them is one drug of it that nobody named, and a drug tells its classes."""
    agents = facts.get("history.agents")
    if not isinstance(agents, Members):
        return
    unnamed = agents.sure & vocabulary.classes.keys()
    could = frozenset[str]().union(*(vocabulary.members(name) for name in unnamed))
    named = agents.sure - unnamed
    facts["history.agents"] = Members(named, None if agents.maybe is None else (agents.maybe | could) - named)
    if classes_stated:
        return
    held = [vocabulary.classes_of(agent) for agent in agents.sure]
    known = facts.get("history.classes")
    sure = frozenset[str]().union(*(classes or () for classes in held))
    sure |= known.sure if isinstance(known, Members) else frozenset()
    maybe = frozenset[str]().union(*(vocabulary.classes_of(drug) or () for drug in could))
    facts["history.classes"] = Members(sure, None if None in held or not agents.complete else maybe - sure)


def stated_benefit(response: State, months: State) -> bool | None:
    """Benefit as the contract has it, from a response and months that are given without therapies."""
    if response in ("complete", "partial"):
        return True
    if response == "progressive":
        return False
    low, high = limits(months)
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
