"""How each fact is asked in clinical words, and what an answer puts into the case. Nothing is printed here.

Values, units and ranges are those of the catalogue. What is worked out from `therapies` is asked as treatments, a line
each; a detail of one is asked alone only where its line left it out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from re import split, sub
from typing import Any, NamedTuple

from secondline.errors import did_you_mean, one_of
from secondline.facts import NOT_KNOWN, Fact, catalogue, main_of
from secondline.interview.answers import (
    DATES,
    NONE,
    Refused,
    choice,
    date,
    folded,
    number,
    numbered,
    parts,
    pick,
    several,
    shown,
    span,
    words,
    yes_no,
)
from secondline.interview.entries import EXAMPLE, NEEDED, entry_says, in_order, read_drugs, read_entry, read_time
from secondline.refusals import receptor_status
from secondline.vocabulary import ENDOCRINE, INHIBITOR, OTHER, Vocabulary

Path = tuple[str | int, ...]  # where something stands in a case
THERAPIES = "therapies"
JURISDICTION = "jurisdiction"
PROGRESSED_ON = "progression.on"
_COMPLETE = ("profile", "therapies_complete")
_KEPT = "\N{NO-BREAK SPACE}"
WORKED_OUT = ("prior_cdk46.", "history.")


class Reading(NamedTuple):
    """What an answer puts into the case (None takes out), how it was understood, what need not be asked any more."""

    values: tuple[tuple[Path, Any], ...] = ()
    says: str = ""
    closes: tuple[str, ...] = ()


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


class Topic(NamedTuple):
    """One question: the facts asked in it, in this order; with `ask`, as one list of those that are so."""

    title: str
    facts: tuple[str, ...]
    ask: str = ""


def _of(group: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{group}.{name}" for name in names)


# In the order of a consultation; among facts that matter alike the first is asked first.
TOPICS = (
    Topic("Treatment so far", ()),
    Topic("Progression", _of("progression", "status", "on", "extent")),
    Topic("Receptors of the tumour", _of("disease", "er", "pr", "her2")),
    Topic("Extent of the disease", _of("disease", "extent", "sites")),
    Topic(
        "Symptoms and organs",
        _of("disease", "visceral_crisis", "symptomatic_visceral", "symptomatic_cns"),
        "Which of these are present?",
    ),
    Topic(
        "The patient",
        _of("patient", "sex", "menopausal_status", "ovarian_suppression", "pregnant", "ecog", "age_years"),
    ),
    Topic("ESR1", _of("biomarkers", "esr1")),
    Topic("PIK3CA, AKT1 and PTEN", _of("biomarkers", "pik3ca", "akt1", "pten")),
    Topic("BRCA and PALB2", _of("biomarkers", "gbrca", "gpalb2", "sbrca")),
    Topic("ERBB2", _of("biomarkers", "erbb2")),
    Topic("CDK4/6 inhibitors not tolerated", _of("safety", "cdk46_intolerance")),
    Topic(
        "Other illness",
        _of("safety", "ild", "vte", "active_infection", "severe_skin_reaction"),
        "Which of these apply?",
    ),
    Topic(
        "Other drugs",
        _of("safety", "strong_cyp3a_inhibitor", "moderate_cyp3a_inhibitor", "strong_cyp3a_inducer")
        + _of("safety", "moderate_cyp3a_inducer", "qt_prolonging_drug", "tamoxifen_current"),
        "Which of these does the patient take now?",
    ),
    Topic("Heart and electrolytes", _of("safety", "qtcf_ms", "potassium_mmol_l", "lvef_percent")),
    Topic("Liver", _of("safety", "alt_x_uln", "bilirubin_x_uln", "child_pugh")),
    Topic(
        "Blood count and kidneys",
        _of("safety", "neutrophils_10e9_per_l", "platelets_10e9_per_l", "haemoglobin_g_per_dl")
        + _of("safety", "creatinine_clearance_ml_min"),
    ),
    Topic("Glucose", _of("safety", "diabetes", "insulin", "hba1c_percent", "fasting_glucose_mmol_l")),
)
_TOPIC = {fact: topic for topic in TOPICS for fact in topic.facts}
_PLACE = {fact: place for place, fact in enumerate(_TOPIC)}

# How a fact is asked; in a list, what stands there.
ASK = {
    "patient.age_years": "How old is the patient?",
    "patient.sex": "What is the patient's sex?",
    "patient.menopausal_status": "What is the menopausal status?",
    "patient.ovarian_suppression": "Is the function of the ovaries suppressed or ablated?",
    "patient.ecog": "What is the performance status of the Eastern Cooperative Oncology Group (ECOG)?",
    "patient.pregnant": "Is the patient pregnant?",
    "disease.extent": "How far has the disease spread?",
    "disease.er": "What is the status of the oestrogen receptor (ER)?",
    "disease.er.percent": "What percentage of cells stains for the oestrogen receptor (ER)?",
    "disease.pr": "What is the status of the progesterone receptor (PR)?",
    "disease.pr.percent": "What percentage of cells stains for the progesterone receptor (PR)?",
    "disease.her2": "What does immunohistochemistry of HER2 show?",
    "disease.her2.ihc": "What is the score of HER2 by immunohistochemistry?",
    "disease.her2.ish": "What does in situ hybridisation of HER2 show?",
    "disease.sites": "Where is there disease now?",
    "disease.visceral_crisis": "visceral crisis",
    "disease.symptomatic_visceral": "symptoms from disease in internal organs",
    "disease.symptomatic_cns": "symptoms from disease in the brain or its membranes",
    "biomarkers.esr1": "What does the test of ESR1 show?",
    "biomarkers.pik3ca": "What does the test of PIK3CA show?",
    "biomarkers.akt1": "What does the test of AKT1 show?",
    "biomarkers.erbb2": "What does the test of ERBB2, the gene of HER2, show?",
    "biomarkers.pten": "What does the test of PTEN show?",
    "biomarkers.gbrca": "Is there a pathogenic germline variant of BRCA1 or BRCA2?",
    "biomarkers.gpalb2": "Is there a pathogenic germline variant of PALB2?",
    "biomarkers.sbrca": "Is there a pathogenic somatic variant of BRCA1 or BRCA2?",
    "progression.status": "What shows progression now?",
    "progression.on": "When was this progression found?",
    "progression.extent": "Is the progression limited or systemic?",
    "safety.qtcf_ms": "What is the QT interval corrected after Fridericia (QTcF)?",
    "safety.neutrophils_10e9_per_l": "What is the neutrophil count?",
    "safety.platelets_10e9_per_l": "What is the platelet count?",
    "safety.alt_x_uln": "What is the alanine aminotransferase (ALT)?",
    "safety.bilirubin_x_uln": "What is the bilirubin?",
    "safety.creatinine_clearance_ml_min": "What is the creatinine clearance?",
    "safety.hba1c_percent": "What is the glycated haemoglobin (HbA1c)?",
    "safety.fasting_glucose_mmol_l": "What is the fasting glucose?",
    "safety.potassium_mmol_l": "What is the potassium?",
    "safety.lvef_percent": "What is the ejection fraction of the left ventricle (LVEF)?",
    "safety.haemoglobin_g_per_dl": "What is the haemoglobin?",
    "safety.diabetes": "Is there diabetes?",
    "safety.insulin": "Is there treatment with insulin?",
    "safety.child_pugh": "What is the Child-Pugh class of the liver?",
    "safety.cdk46_intolerance": "Which CDK4/6 inhibitors were not tolerated?",
    "safety.ild": "interstitial lung disease or pneumonitis, now or earlier",
    "safety.vte": "venous thromboembolism, now or earlier",
    "safety.active_infection": "active infection",
    "safety.severe_skin_reaction": "severe skin reaction to a drug, ever",
    "safety.strong_cyp3a_inhibitor": "strong CYP3A inhibitor",
    "safety.moderate_cyp3a_inhibitor": "moderate CYP3A inhibitor",
    "safety.strong_cyp3a_inducer": "strong CYP3A inducer",
    "safety.moderate_cyp3a_inducer": "moderate CYP3A inducer",
    "safety.qt_prolonging_drug": "drug that prolongs the QT interval",
    "safety.tamoxifen_current": "tamoxifen",
    "sample": "where was the result found?",
    "taken": "when was the sample taken?",
    "tumour_fraction_percent": "what was the tumour fraction in the sample?",
    "variant": "which variant was found?",
}
# What the words of a question mean.
_NEWEST = "Of the newest sample that was tested."
_IN_TISSUE = "A negative in plasma is confirmed in tissue."
_UPPER_LIMIT = "The value divided by the laboratory's upper limit of normal."
_CYP3A = "CYP3A is an enzyme that breaks drugs down; strong and moderate are meant as in the drugs' labels."
_NOT_FOUND = "`none`: tested, and no pathogenic variant found."
HELP = {
    "patient.menopausal_status": "Under ovarian suppression: the status without it.",
    "patient.ovarian_suppression": "By an LHRH agonist (a hormone that silences the ovaries), surgery or radiotherapy.",
    "disease.extent": "`locally-advanced`: not amenable to curative treatment; `early`: amenable to it.",
    "disease.er": _NEWEST,
    "disease.pr": _NEWEST,
    "disease.her2": f"{_NEWEST} HER2-low is a score of 1+, or of 2+ without amplification; `ultralow` is staining of "
    "less than 1+.",
    "disease.her2.ish": "A score of 2+ alone leaves HER2 open.",
    "disease.sites": "Every known site: those not named are taken as free.",
    "disease.visceral_crisis": "Visceral crisis: severe organ dysfunction with rapid progression, shown by symptoms, "
    "signs and laboratory tests; not the mere presence of metastases.",
    "biomarkers.esr1": "A negative in tissue or in an earlier sample excludes nothing.",
    "biomarkers.pik3ca": _IN_TISSUE,
    "biomarkers.akt1": _IN_TISSUE,
    "biomarkers.pten": _IN_TISSUE,
    "biomarkers.gbrca": _NOT_FOUND,
    "biomarkers.gpalb2": _NOT_FOUND,
    "biomarkers.sbrca": _NOT_FOUND,
    "progression.status": "`molecular`: a new ESR1 mutation in plasma without clinical or radiological progression.",
    "progression.extent": "`limited`: few sites, open to local treatment. Not known is taken as systemic.",
    "safety.alt_x_uln": _UPPER_LIMIT,
    "safety.bilirubin_x_uln": _UPPER_LIMIT,
    "safety.diabetes": "`none` also says that there is no treatment with insulin.",
    "safety.cdk46_intolerance": "Those that had to be ended, or cannot be given, because of what they did.",
    "safety.strong_cyp3a_inhibitor": _CYP3A,
    "safety.moderate_cyp3a_inhibitor": _CYP3A,
    "safety.strong_cyp3a_inducer": _CYP3A,
    "safety.moderate_cyp3a_inducer": _CYP3A,
}
_ENTRY_HINT = f"setting, drugs, months or dates, best response and why it ended, as in `{EXAMPLE}`"
_ENTRY_HELP = (
    "Setting: neoadjuvant, adjuvant, or metastatic for any treatment of advanced disease. Drugs: by international "
    "names; by class (`aromatase-inhibitor`, `cdk46-inhibitor`, `chemotherapy`) where nobody knows the name; or "
    "`other:NAME`. Time: `19 months`, `at least 6 months`, `2023-01 to 2024-08`, `since 2024-03`. Best response: "
    "complete, partial, stable, progressive or not-evaluated. Why it ended: progression, toxicity, completion, "
    "preference, other, or ongoing. What is left out is not known, and asked for only if it matters."
)


def place(fact: str) -> int:
    """Where a fact comes in a consultation; what is worked out from treatments comes first."""
    return -1 if fact.startswith(WORKED_OUT) else _PLACE.get(main_of(fact), len(_PLACE))


def given(case: Mapping[str, Any], *path: str | int) -> Any:
    """What a profile holds at a path; None if nothing."""
    value: Any = case.get("profile")
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


# --- what is asked ----------------------------------------------------------------------------------------


def about_place() -> Prompt:
    """The one thing asked that is no fact of the patient."""
    values = ("us", "eu", "none")
    ask = "In which jurisdiction will the patient be treated?"
    hint = f"{one_of(values)} of these"
    meaning = "It decides what counts as approved: us, United States; eu, European Union. With `none` either counts."
    read = partial(_picked, (JURISDICTION,), values)
    return Prompt(JURISDICTION, JURISDICTION, "Place", ask, hint, read, meaning, (JURISDICTION,))


def asking(fact: str, case: Mapping[str, Any], wanted: Collection[str], vocabulary: Vocabulary) -> Iterator[Prompt]:
    """What can be asked to learn a fact, in order; `wanted` are all the facts that are wanted and not asked yet."""
    known = catalogue().get(fact)
    if known is None:
        return
    topic = _TOPIC.get(fact)
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
        yield _prompt((fact,), _sentence(known), hint, partial(_plain, known, case))


def _prompt(facts: tuple[str, ...], ask: str, hint: str, read: Reader) -> Prompt:
    topic = _TOPIC[main_of(facts[0])]
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
    if _inherited(fact.path):
        return one_of(fact.values)
    where = "with `plasma` or `tissue`, and `earlier`, where it matters; alone it is a valid test at this progression"
    return f"{one_of(fact.values)}, {where}"


def _inherited(path: str) -> bool:
    """Whether a biomarker is the same in every sample at every time."""
    return path in ("biomarkers.gbrca", "biomarkers.gpalb2")


def _about_her2(case: Mapping[str, Any]) -> Prompt:
    """The score first; in situ hybridisation only where the score leaves the status open."""
    scores = catalogue()["disease.her2.ihc"].values
    if given(case, "disease", "her2", "ihc") in scores:
        known = catalogue()["disease.her2.ish"]
        return _prompt((known.path,), ASK[known.path], _expected(known), partial(_plain, known, case))
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
        read = partial(_dated, ("profile", "progression", "on"))
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
                read = partial(_named, (*path, position), drugs, vocabulary)
                yield prompt(ask, f"{one_of(drugs)}, or `{OTHER}NAME`", read, f"{name}.agents[{position}]")
    elif entry.get(field) is not None:
        return
    elif field in ("best_response", "stopped_for"):
        values = catalogue()[f"prior_cdk46.{field}"].values
        ask = "What was the best response?" if field == "best_response" else "Why did it end?"
        yield prompt(ask, _listed(values), partial(_picked, path, values))
    elif field == "months":
        ends = entry.get("stopped") or entry.get("stopped_for") == "ongoing"
        if not (entry.get("started") and ends):
            hint = "as `19 months`, `at least 6 months`, or `2023-01 to 2024-08`"
            yield prompt("How long was it given?", hint, partial(_lasted, path[:-1], vocabulary))
    elif field == "progressed_on":
        yield prompt("When did the disease come back after it?", f"a date as {DATES}", partial(_dated, path))
    elif entry.get("stopped_for") != "ongoing":
        yield prompt("When did it end?", f"a date as {DATES}", partial(_dated, path))


# --- what an answer puts into the case --------------------------------------------------------------------


def _at(fact: str) -> Path:
    return ("profile", *fact.split("."))


def _plain(fact: Fact, case: Mapping[str, Any], text: str) -> Reading | Refused:
    """A fact by its kind; a part is put beside what is known of its main fact."""
    value: Any
    if fact.kind == "boolean":
        value = yes_no(text)
    elif fact.kind == "set":
        value = several(text, fact.values)
    elif fact.numeric:
        value = number(text, fact)
    else:
        value = choice(text, fact.values) if fact.values else words(text)
    if isinstance(value, Refused):
        return value
    if fact.main:
        return Reading(((_at(fact.main), _beside(fact, case, value)),), _says(value, fact))
    if fact.path == "safety.diabetes" and value == "none":
        return Reading(((_at(fact.path), value), (_at("safety.insulin"), False)), "no diabetes, no insulin")
    return Reading(((_at(fact.path), value),), _says(value, fact))


def _says(value: Any, fact: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{value:g} {fact.unit}".strip() if isinstance(value, (int, float)) else str(value)


def _beside(part: Fact, case: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """A main fact as a mapping with one part more."""
    group, name, last = part.path.split(".")
    known = given(case, group, name)
    whole = known if isinstance(known, Mapping) else {"status" if group == "disease" else "result": known}
    kept = {key: item for key, item in whole.items() if item is not None and item not in NOT_KNOWN}
    return {**kept, last: value}


def checklist(facts: Sequence[str], text: str) -> Reading | Refused:
    """Several yes/no facts at once: those named are so, those with a question mark not known, the others not."""
    named = [] if folded(text) in NONE else parts(text)
    if not named and folded(text) not in NONE:
        return Refused("expected at least one, or `none`")
    answers: dict[str, bool | None] = dict.fromkeys(facts, False)
    for part in named:
        found = pick(part.rstrip("? "), [ASK[fact] for fact in facts], numbers=True)
        if isinstance(found, Refused):
            return found
        answers[facts[found]] = None if part.endswith("?") else True
    said = {"yes": True, "no": False, "not known": None}
    groups = ((word, [ASK[fact] for fact in facts if answers[fact] is value]) for word, value in said.items())
    says = "; ".join(f"{word}: {', '.join(group)}" for word, group in groups if group)
    return Reading(tuple((_at(fact), value) for fact, value in answers.items() if value is not None), says)


def receptor(path: str, text: str) -> Reading | Refused:
    """A receptor's status, or the percentage that gives it."""
    if any(char.isdigit() for char in text):
        percent = number(text, catalogue()[f"{path}.percent"])
        if isinstance(percent, Refused):
            return percent
        status = receptor_status(percent)
        return Reading(((_at(path), {"status": status, "percent": percent}),), f"{status}, {percent:g} percent")
    found = choice(text, catalogue()[path].values)
    if isinstance(found, Refused):
        return Refused(f"{found.why}; or give the percentage of stained cells")
    return Reading(((_at(path), found),), found)


def her2(case: Mapping[str, Any], text: str) -> Reading | Refused:
    """A score by immunohistochemistry, or the status where only that is known."""
    scores, statuses = catalogue()["disease.her2.ihc"].values, catalogue()["disease.her2"].values
    if folded(text) in ("low", "her2-low"):
        return Refused("`low` is a score of 1+, or of 2+ without amplification; give the score")
    found = choice(text, (*scores, *statuses))
    if isinstance(found, Refused):
        return found
    ish = given(case, "disease", "her2", "ish")
    beside = {} if ish is None else {"ish": ish}
    return Reading(((_at("disease.her2"), {"ihc": found, **beside} if found in scores else found),), found)


_SAMPLES = {"plasma": "plasma", "ctdna": "plasma", "tissue": "tissue", "biopsy": "tissue", "germline": "germline"}
_TAKEN = {"earlier": "earlier", "archival": "earlier", "now": "at-progression", "at-progression": "at-progression"}
_SKIPPED = ("", "in", "from", "on", "the", "a", "of", "sample")


def biomarker(path: str, text: str) -> Reading | Refused:
    """A result, with where and when it was found if that is said; alone it is a valid test at this progression."""
    values = catalogue()[path].values
    joined = sub(r"\b(wild|at)[\s_]+(type|progression)\b", r"\1-\2", text.casefold())
    whole: dict[str, str] = {}
    for part in split(r"[\s,;]+", joined):
        if part in _SKIPPED:
            continue
        field, known = next(((f, k) for f, k in (("sample", _SAMPLES), ("taken", _TAKEN)) if part in k), ("result", {}))
        value = known.get(part) or _result(part, values)
        if isinstance(value, Refused):
            near = did_you_mean(part, (*values, *_SAMPLES, *_TAKEN))
            return Refused(f"expected {one_of(values)} and perhaps its sample, got `{shown(text)}`{near}")
        if whole.setdefault(field, value) != value:
            return Refused(f"`{whole[field]}` and `{value}` cannot both be; give one test")
    if "result" not in whole:
        return Refused(f"expected {one_of(values)}, got `{shown(text)}`")
    if len(whole) == 1:
        how = "" if _inherited(path) else ", by a valid test at this progression"
        return Reading(((_at(path), whole["result"]),), whole["result"] + how)
    whole.setdefault("taken", "at-progression")
    kept = {field: whole[field] for field in ("result", "sample", "taken") if field in whole}
    when = "at this progression" if kept["taken"] == "at-progression" else "in an earlier sample"
    return Reading(((_at(path), kept),), " ".join(filter(None, (kept["result"], kept.get("sample"), when))))


def _result(part: str, values: Sequence[str]) -> str | Refused:
    """A result, by its name or as found or not found."""
    names = {"positive": values[0], "negative": values[1], "wt": "wild-type"}
    return names[part] if names.get(part) in values else choice(part, values)


def _picked(path: Path, values: Sequence[str], text: str) -> Reading | Refused:
    found = choice(text, values)
    return found if isinstance(found, Refused) else Reading(((path, found),), found)


def _dated(path: Path, text: str) -> Reading | Refused:
    found = date(text)
    return found if isinstance(found, Refused) else Reading(((path, found),), found)


def _named(path: Path, drugs: Sequence[str], vocabulary: Vocabulary, text: str) -> Reading | Refused:
    """The drug that a class stands for."""
    found = read_drugs(text, vocabulary)
    if isinstance(found, Refused):
        return found
    if len(found) != 1 or not (found[0] in drugs or found[0].startswith(OTHER)):
        return Refused(f"expected {one_of(drugs)} or `{OTHER}NAME`, got `{shown(text)}`")
    return Reading(((path, found[0]),), found[0])


def _lasted(path: Path, vocabulary: Vocabulary, text: str) -> Reading | Refused:
    """How long a treatment was given."""
    found = read_time(text, vocabulary)
    if isinstance(found, Refused):
        return found
    return Reading(tuple(((*path, field), value) for field, value in found.items()), entry_says(found))
