"""The contradictions that refuse a case, and limit what unknown facts can turn out to be. There are no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from secondline.errors import did_you_mean
from secondline.facts import NOT_KNOWN, catalogue, stated
from secondline.history import derive
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, in_words, limits, number
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.profile import Profile

# The facts that contradictions between single facts are about.
CONTRADICTABLE = ("disease.her2", "patient.sex", "patient.pregnant", "progression.status", "biomarkers.esr1")
ROUNDING_MONTHS = 0.5  # a stated length of time may be rounded to whole months
Refusal = tuple[tuple[str | int, ...], str]


def refusals(profile: Profile, as_of: date, vocabulary: Vocabulary) -> Iterator[Refusal]:
    """The path and the reason of everything that refuses a profile beyond its shape."""
    yield from _contradictions(profile)
    yield from _unknown_drugs(profile, vocabulary)
    given = stated(profile)
    derived = derive(profile, as_of, vocabulary)
    for path, state in derived.items():
        wrong = path in given and agreed(given[path], state, path) is None
        if wrong or (path == "prior_cdk46.agents" and _without_the_last(given.get(path), derived)):
            stated_as, worked_out = in_words(given[path]), in_words(state)
            message = f"`{stated_as}` disagrees with the therapies, which give `{worked_out}`; leave one out"
            yield tuple(path.split(".")), message


def _without_the_last(agents: State, derived: Mapping[str, State]) -> bool:
    """Whether the inhibitors that are stated leave out the last one, whichever it was."""
    last = derived.get("prior_cdk46.agent")
    possible = last.values if isinstance(last, OneOf) else {last}
    return isinstance(agents, Members) and not possible & {*agents.sure, "none", None}


def _contradictions(profile: Profile) -> Iterator[Refusal]:
    her2 = profile.disease.her2
    if her2 is not None and not isinstance(her2, str):
        yield from _her2(her2.status, her2.ihc, her2.ish)
    for name in ("er", "pr"):
        receptor = getattr(profile.disease, name)
        if receptor is not None and not isinstance(receptor, str):
            yield from _receptor(name, receptor.status, receptor.percent)
    if profile.patient.sex == "male" and profile.patient.pregnant:
        yield ("patient", "pregnant"), "`pregnant: true` contradicts `sex: male`; correct one of them"
    if profile.progression.status == "molecular" and _esr1_excluded(profile.biomarkers.esr1):
        message = (
            "`molecular` means an emergent ESR1 mutation, but ESR1 is wild-type in plasma at progression; correct one"
        )
        yield ("progression", "status"), message
    for index, therapy in enumerate(profile.therapies or ()):
        if therapy.started and therapy.stopped and therapy.stopped.last < therapy.started.first:
            message = f"stopped {therapy.stopped} before it started {therapy.started}; correct one of the dates"
            yield ("therapies", index, "stopped"), message
        low, high = getattr(therapy.months, "at_least", None), getattr(therapy.months, "below", None)
        if low is not None and high is not None and high <= low:
            yield ("therapies", index, "months"), "`below` is not above `at_least`; correct one of them"


def contradictory(facts: Mapping[str, State]) -> bool:
    """Whether no patient can have these facts together, where a receptor's status already follows its percent."""
    status, ihc, ish = (facts.get(f"disease.her2{part}") for part in ("", ".ihc", ".ish"))
    esr1, sample, taken = (facts.get(f"biomarkers.esr1{part}") for part in ("", ".sample", ".taken"))
    valid = taken == "at-progression" and sample in ("plasma", NOT_APPLICABLE)  # of a bare result no sample is said
    return (
        any(_her2(status, ihc, ish))
        or (facts.get("patient.sex") == "male" and facts.get("patient.pregnant") is True)
        or (facts.get("progression.status") == "molecular" and esr1 == "wild-type" and valid)
    )


def _her2(status: State, ihc: State, ish: State) -> Iterator[Refusal]:
    path = ("disease", "her2", "status")
    if status == "negative" and (ihc == "3+" or ish == "amplified"):
        found = "IHC 3+" if ihc == "3+" else "an amplified ISH"
        yield path, f"HER2 `negative` contradicts {found}, which is positive; correct one of them"
    if status in (None, *NOT_KNOWN) and ihc in ("0", "ultralow", "1+") and ish == "amplified":
        message = f"IHC {ihc} is negative and an amplified ISH is positive; correct one, or give `status: positive`"
        yield ("disease", "her2", "ish"), message
    if status == "positive" and ish == "not-amplified" and ihc in ("0", "ultralow", "1+", "2+"):
        yield (
            path,
            f"HER2 `positive` contradicts IHC {ihc} without amplification, which is negative; correct one of them",
        )


def receptor_status(percent: float) -> str:
    """The status that a percentage of stained cells gives (ASCO/CAP 2020)."""
    return "negative" if percent < 1 else "low" if percent <= 10 else "positive"


def _receptor(name: str, status: str | None, percent: float | None) -> Iterator[Refusal]:
    if percent is None or status not in ("positive", "low", "negative"):
        return
    given = receptor_status(percent)
    if status != given and (status, given) != ("positive", "low"):
        message = f"`{status}` contradicts {percent:g} percent, which is `{given}`; correct one of them"
        yield ("disease", name, "status"), message


def _esr1_excluded(esr1: Any) -> bool:
    """Whether ESR1 was wild-type in plasma at this progression; a bare result is a valid test now."""
    if esr1 is None or isinstance(esr1, str):
        return esr1 == "wild-type"
    return (esr1.result, esr1.sample, esr1.taken) == ("wild-type", "plasma", "at-progression")


def _unknown_drugs(profile: Profile, vocabulary: Vocabulary) -> Iterator[Refusal]:
    for index, therapy in enumerate(profile.therapies or ()):
        for position, agent in enumerate(therapy.agents):
            inn = vocabulary.inn(agent)
            if inn:
                yield ("therapies", index, "agents", position), f"`{agent}` is `{inn}` here; write that"
            elif not vocabulary.knows(agent):
                near = (
                    did_you_mean(agent, vocabulary.names()) or "; write its INN, or `other:NAME` for a drug not listed"
                )
                yield ("therapies", index, "agents", position), f"no drug or class `{agent}`{near}"
    for agent in sorted(profile.history.agents or ()):
        if not vocabulary.knows(agent):
            yield ("history", "agents"), f"no drug `{agent}`{did_you_mean(agent, vocabulary.drugs)}"
    for name in sorted(profile.history.classes or ()):
        if name not in vocabulary.classes:
            yield ("history", "classes"), f"no class `{name}`{did_you_mean(name, vocabulary.classes)}"


# --- stated and worked out --------------------------------------------------------------------------------


def agreed(given: State, derived: State, path: str) -> State:
    """What a stated and a worked-out state say together; None if they disagree or nothing is stated."""
    if given is None:
        return None
    if isinstance(derived, Members) and isinstance(given, Members):
        fits = derived.sure <= given.sure and all(derived.may_have(member) for member in given.sure)
        return given if fits else None
    if isinstance(derived, OneOf):
        return given if given in derived.values else None
    fact = catalogue()[path]
    if fact.numeric and limits(derived) != (None, None):
        return _agreed_number(given, derived, ROUNDING_MONTHS if fact.kind == "number" else 0.0)
    return given if given == derived and type(given) is type(derived) else None


def _agreed_number(given: State, derived: State, rounding: float) -> State:
    (low, high), (least, most) = limits(given), limits(derived)
    both_low = max((v for v in (low, least) if v is not None), default=None)
    both_high = min((v for v in (high, most) if v is not None), default=None)
    if both_low is None or both_high is None or both_low <= both_high:
        return number(both_low, both_high)
    return derived if both_low - both_high <= rounding else None
