"""What can be asked to learn a fact: the question, what can be answered, how it is read. Nothing is printed here.

Values, units and ranges are those of the catalogue. What is worked out from `therapies` is asked as treatments, a line
each; a detail of one is asked alone only where its line left it out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from secondline.errors import one_of
from secondline.facts import Fact, catalogue, main_of
from secondline.interview.answers import (
    DATES,
    NONE,
    Refused,
    choice,
    folded,
    numbered,
    span,
)
from secondline.interview.entries import EXAMPLE, NEEDED, entry_says, in_order, read_drugs, read_entry
from secondline.interview.readings import (
    Path,
    Reading,
    biomarker,
    checklist,
    dated,
    given,
    her2,
    inherited,
    lasted,
    named,
    picked,
    plain,
    receptor,
)
from secondline.interview.topics import ASK, HELP, TOPIC, TOPICS, WORKED_OUT
from secondline.vocabulary import ENDOCRINE, INHIBITOR, OTHER, Vocabulary

THERAPIES = "therapies"
JURISDICTION = "jurisdiction"
PROGRESSED_ON = "progression.on"
_COMPLETE = ("profile", "therapies_complete")
_KEPT = "\N{NO-BREAK SPACE}"

Reader = Callable[[str], Reading | Refused]


class Prompt(NamedTuple):
    """One thing to ask. `covers` is what has been asked with it; `topic` is the question that it belongs to.

    `hint` says what can be answered, `help` what the words mean; `unknown` is what follows from not knowing.
    """

    key: str
    topic: str
    title: str
    ask: str
    hint: str
    read: Reader
    help: str = ""
    covers: tuple[str, ...] = ()
    unknown: Reading = Reading(says="not known")


_ENTRY_HINT = f"setting, drugs, months or dates, best response and why it ended, as in `{EXAMPLE}`"
_ENTRY_HELP = (
    "Setting: neoadjuvant, adjuvant, or metastatic for any treatment of advanced disease. Drugs: by international "
    "names; by class (`aromatase-inhibitor`, `cdk46-inhibitor`, `chemotherapy`) where nobody knows the name; or "
    "`other:NAME`. Time: `19 months`, `at least 6 months`, `2023-01 to 2024-08`, `since 2024-03`. Best response: "
    "complete, partial, stable, progressive or not-evaluated. Why it ended: progression, toxicity, completion, "
    "preference, other, or ongoing. What is left out is not known, and asked for only if it matters."
)


# --- what is asked ----------------------------------------------------------------------------------------


def about_place() -> Prompt:
    """The one thing asked that is no fact of the patient."""
    values = ("us", "eu", "none")
    ask = "In which jurisdiction will the patient be treated?"
    hint = f"{one_of(values)} of these"
    meaning = "It decides what counts as approved: us, United States; eu, European Union. With `none` either counts."
    read = partial(picked, (JURISDICTION,), values)
    return Prompt(JURISDICTION, JURISDICTION, "Place", ask, hint, read, meaning, (JURISDICTION,))


def asking(fact: str, case: Mapping[str, Any], wanted: Collection[str], vocabulary: Vocabulary) -> Iterator[Prompt]:
    """What can be asked to learn a fact, in order; `wanted` are all the facts that are wanted and not asked yet."""
    known = catalogue().get(fact)
    if known is None:
        return
    topic = TOPIC.get(fact)
    listed = [other for other in topic.facts if other in wanted] if topic and topic.ask else []
    if fact.startswith(WORKED_OUT):
        yield from _about_treatment(fact, case, vocabulary)
    elif fact == "disease.her2":
        yield _about_her2(case)
    elif topic and len(listed) > 1:
        yield _prompt(tuple(listed), topic.ask, _items(listed), partial(checklist, listed))
    elif fact in ("disease.er", "disease.pr"):
        hint = f"{one_of(known.values)}, or the percentage of stained cells"
        yield _prompt((fact, f"{fact}.percent"), ASK[fact], hint, partial(receptor, fact))
    elif topic and fact.startswith("biomarkers."):
        yield _prompt((fact,), ASK[fact], _result_hint(known), partial(biomarker, fact))
    else:
        hint = _expected(known)
        if fact == "patient.pregnant" and given(case, "patient", "menopausal_status") is None:
            hint += "; no for a man and after the menopause"
        yield _prompt((fact,), _sentence(known), hint, partial(plain, known, case))


def _prompt(facts: tuple[str, ...], ask: str, hint: str, read: Reader) -> Prompt:
    topic = TOPIC[main_of(facts[0])]
    meaning = " ".join(dict.fromkeys(HELP[fact] for fact in facts if fact in HELP))
    return Prompt(facts[0], topic.title, topic.title, ask, hint, read, meaning, facts)


def _sentence(fact: Fact) -> str:
    """The question for one fact; one that stands in a list as a question of its own, a part by its main fact."""
    ask = ASK.get(fact.path)
    if ask is None:
        return f"{catalogue()[main_of(fact.path)].label}: {ASK[fact.path.rpartition('.')[2]]}"
    return ask if ask.endswith("?") else f"Is there {ask}?" if fact.path.startswith("disease.") else f"Any {ask}?"


def _expected(fact: Fact) -> str:
    """What can be answered, in words: choices, or unit and range."""
    if fact.kind == "boolean":
        return "yes or no"
    if fact.kind == "set":
        return f"{_listed(fact.values)}; several with commas; or `none`"
    return _listed(fact.values) if fact.values else span(fact) if fact.numeric else "a few words"


def _listed(values: Sequence[str]) -> str:
    if not numbered(values):
        return one_of(values)
    return ", ".join(f"{count}{_KEPT}{value}" for count, value in enumerate(values, start=1))


def _items(facts: Sequence[str]) -> str:
    names = "; ".join(f"{count}{_KEPT}{ASK[fact]}" for count, fact in enumerate(facts, start=1))
    return f"{names}. Numbers with commas, or `none`; what is not named is taken as no, with a `?` behind as not known"


def _result_hint(fact: Fact) -> str:
    if inherited(fact.path):
        return one_of(fact.values)
    where = "with `plasma` or `tissue`, and `earlier`, where it matters; alone it is a valid test at this progression"
    return f"{one_of(fact.values)}, {where}"


def _about_her2(case: Mapping[str, Any]) -> Prompt:
    """The score first; in situ hybridisation only where the score leaves the status open."""
    scores = catalogue()["disease.her2.ihc"].values
    if given(case, "disease", "her2", "ihc") in scores:
        known = catalogue()["disease.her2.ish"]
        return _prompt((known.path,), ASK[known.path], _expected(known), partial(plain, known, case))
    hint = f"{one_of(scores)}; or `positive` or `negative` where only that is known"
    return _prompt(("disease.her2", "disease.her2.ihc"), ASK["disease.her2"], hint, partial(her2, case))


# --- treatments -------------------------------------------------------------------------------------------


def about_entry(index: int, vocabulary: Vocabulary) -> Prompt:
    """One treatment, in a line."""
    ask = "What has the patient been given for breast cancer? One treatment a line, the oldest first."
    hint = f"{_ENTRY_HINT}; `none` if nothing was given"
    unknown = Reading((), "the treatments are not known", (THERAPIES,))
    if index:
        ask, hint = f"What was given next, as treatment {index + 1}?", "a line like that; `none` if there was no other"
        unknown = Reading(((_COMPLETE, False),), "there may have been other treatments", (THERAPIES,))

    def read(text: str) -> Reading | Refused:
        if folded(text) in NONE:
            nothing: tuple[tuple[Path, Any], ...] = () if index else ((("profile", THERAPIES), []),)
            says = "no other treatment" if index else "no treatment"
            return Reading((*nothing, (_COMPLETE, None)), says, (THERAPIES,))
        entry = read_entry(text, vocabulary)
        return entry if isinstance(entry, Refused) else _entry_reading(index, entry)

    return _entry_prompt(f"{THERAPIES}[{index}]", ask, hint, read, unknown)


def about_rest(index: int, entry: Mapping[str, Any], vocabulary: Vocabulary) -> Prompt:
    """What a treatment cannot be recorded without, where its line left that out."""
    field = next(name for name in NEEDED if name not in entry)
    settings = catalogue()["prior_cdk46.setting"].values

    def read(text: str) -> Reading | Refused:
        found = choice(text, settings) if field == "setting" else read_drugs(text, vocabulary)
        return found if isinstance(found, Refused) else _entry_reading(index, {**entry, field: found})

    key = f"{THERAPIES}[{index}].{field}"
    if field == "agents":
        unnamed = _entry_reading(index, {**entry, field: [f"{OTHER}unknown"]})
        return _entry_prompt(key, "Which drugs were given?", "names or classes, with commas", read, unnamed)
    incomplete = ((_COMPLETE, False),) if index else ()
    dropped = Reading(incomplete, "a treatment cannot be recorded without its setting; it is left out", (THERAPIES,))
    return _entry_prompt(key, "In which setting was it given?", _listed(settings), read, dropped)


def _entry_prompt(key: str, ask: str, hint: str, read: Reader, unknown: Reading) -> Prompt:
    return Prompt(key, THERAPIES, TOPICS[0].title, ask, hint, read, _ENTRY_HELP, (key,), unknown)


def _entry_reading(index: int, entry: Mapping[str, Any]) -> Reading:
    """A treatment of a list that is incomplete until it is said to be complete."""
    return Reading(((("profile", THERAPIES, index), in_order(entry)), (_COMPLETE, False)), entry_says(entry))


# Which treatments a fact is worked out from, and which of their fields.
_INHIBITORS, _LAST, _ADJUVANT, _LAST_ADJUVANT, _ADVANCED, _ALL = range(6)
_RELAPSE = "history.months_from_adjuvant_endocrine_to_relapse"
_LINES = (_ADVANCED, ("stopped_for",))
_DETAILS: dict[str, tuple[tuple[int, tuple[str, ...]], ...]] = {
    "prior_cdk46.agents": ((_INHIBITORS, ("agents",)),),
    "prior_cdk46.agent": ((_LAST, ("agents",)),),
    "prior_cdk46.months": ((_INHIBITORS, ("months",)), _LINES),
    "prior_cdk46.stopped_for": ((_LAST, ("stopped_for",)),),
    "prior_cdk46.best_response": ((_INHIBITORS, ("best_response",)),),
    "prior_cdk46.partner_class": ((_LAST, ("agents",)),),
    "prior_cdk46.months_since_stop": ((_LAST, ("stopped",)),),
    "prior_cdk46.months_from_stop_to_progression": ((_LAST, ("stopped_for", "stopped")),),
    "prior_cdk46.clinical_benefit": ((_INHIBITORS, ("best_response", "months")),),
    "prior_cdk46.in_last_line": (_LINES,),
    "history.line": (_LINES,),
    "history.chemotherapy_lines": (_LINES,),
    "history.endocrine_lines": (_LINES,),
    "history.endocrine_lines_without_benefit": ((_ADVANCED, ("stopped_for", "best_response", "months")),),
    "history.agents": ((_ALL, ("agents",)),),
    "history.classes": ((_ALL, ("agents",)),),
    "history.months_on_adjuvant_endocrine": ((_ADJUVANT, ("months",)),),
    _RELAPSE: ((_LAST_ADJUVANT, ("stopped_for", "stopped", "progressed_on")),),
}
_TO_PROGRESSION = tuple(fact for fact in _DETAILS if "_to_" in fact)


def _about_treatment(fact: str, case: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[Prompt]:
    """The treatments as a list; once there is one, the details that leave this fact open, newest treatment first."""
    entries = given(case, THERAPIES)
    if entries is None:
        yield about_entry(0, vocabulary)
        return
    # A relapse before any treatment of advanced disease is this progression: its day is asked once, as that.
    is_this = fact in _TO_PROGRESSION and not (fact == _RELAPSE and _chosen(_ADVANCED, entries, vocabulary))
    for which, fields in _DETAILS.get(fact, ()):
        for index in _chosen(which, entries, vocabulary):
            for field in fields:
                if field == "progressed_on" and is_this:
                    continue
                for prompt in _about_detail(index, field, entries[index], vocabulary):
                    yield prompt._replace(covers=(prompt.key, fact))
    if is_this and entries and given(case, "progression", "on") is None:
        read = partial(dated, ("profile", "progression", "on"))
        prompt = _prompt((PROGRESSED_ON,), ASK[PROGRESSED_ON], f"a date as {DATES}", read)
        yield prompt._replace(covers=(PROGRESSED_ON, fact))
    if given(case, "therapies_complete") is False:
        yield about_entry(len(entries), vocabulary)


def _chosen(which: int, entries: Sequence[Mapping[str, Any]], vocabulary: Vocabulary) -> list[int]:
    def having(role: str) -> list[int]:
        return [i for i in newest if any(role in (vocabulary.classes_of(a) or ()) for a in entries[i]["agents"])]

    newest = list(reversed(range(len(entries))))
    if which in (_INHIBITORS, _LAST):
        return having(INHIBITOR)[: 1 if which == _LAST else None]
    if which in (_ADJUVANT, _LAST_ADJUVANT):
        adjuvant = [index for index in having(ENDOCRINE) if entries[index]["setting"] == "adjuvant"]
        return adjuvant[: 1 if which == _LAST_ADJUVANT else None]
    return [index for index in newest if which == _ALL or entries[index]["setting"] == "metastatic"]


def _about_detail(index: int, field: str, entry: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[Prompt]:
    """One field of one treatment, where it is not given."""
    path: Path = ("profile", THERAPIES, index, field)
    name = f"{THERAPIES}[{index}]"
    title = f"Treatment {index + 1}: {entry_says(entry)}"

    def prompt(ask: str, hint: str, read: Reader, key: str = f"{name}.{field}") -> Prompt:
        return Prompt(key, name, title, ask, hint, read, _ENTRY_HELP)

    if field == "agents":
        for position, agent in enumerate(entry["agents"]):
            drugs = sorted(vocabulary.members(agent)) if agent in vocabulary.classes else []
            if drugs:
                ask = f"Which {vocabulary.classes[agent].title} was it?"
                read = partial(named, (*path, position), drugs, vocabulary)
                yield prompt(ask, f"{one_of(drugs)}, or `{OTHER}NAME`", read, f"{name}.agents[{position}]")
    elif entry.get(field) is not None:
        return
    elif field in ("best_response", "stopped_for"):
        values = catalogue()[f"prior_cdk46.{field}"].values
        ask = "What was the best response?" if field == "best_response" else "Why did it end?"
        yield prompt(ask, _listed(values), partial(picked, path, values))
    elif field == "months":
        ends = entry.get("stopped") or entry.get("stopped_for") == "ongoing"
        if not (entry.get("started") and ends):
            hint = "as `19 months`, `at least 6 months`, or `2023-01 to 2024-08`"
            yield prompt("How long was it given?", hint, partial(lasted, path[:-1], vocabulary))
    elif field == "progressed_on":
        yield prompt("When did the disease come back after it?", f"a date as {DATES}", partial(dated, path))
    elif entry.get("stopped_for") != "ongoing":
        yield prompt("When did it end?", f"a date as {DATES}", partial(dated, path))
