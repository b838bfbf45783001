"""Every fact is asked in words, with unit and range; an answer is read as what it says or refused with the reason."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import helpers
from secondline.cases import CaseReader
from secondline.facts import Catalogue, Fact, catalogue
from secondline.interview.answers import Refused, choice, date, decimal, number, numbered, several, shown, words, yes_no
from secondline.interview.entries import EXAMPLE, entry_says, read_drugs, read_entry, read_time
from secondline.interview.questions import (
    Prompt,
    about_entry,
    about_place,
    asking,
)
from secondline.interview.readings import Reading
from secondline.interview.state import answered, begun
from secondline.interview.topics import ASK, HELP, TOPICS, WORKED_OUT, place
from secondline.store import Ready
from secondline.vocabulary import Vocabulary

Case = dict[str, Any]


@pytest.fixture(scope="module")
def facts(ready: Ready) -> Catalogue:
    return catalogue()


@pytest.fixture(scope="module")
def vocabulary(ready: Ready) -> Vocabulary:
    return ready.base.vocabulary


def prompt(fact: str, vocabulary: Vocabulary, case: Case | None = None, *others: str) -> Prompt:
    """The first thing asked for a fact; `others` are wanted too."""
    return next(asking(fact, case or {"profile": {}}, (fact, *others), vocabulary))


def read(fact: str, text: str, vocabulary: Vocabulary, case: Case | None = None) -> Case | str:
    """What an answer makes of a profile, or why it is refused."""
    asked = prompt(fact, vocabulary, case)
    reading = asked.read(text)
    if isinstance(reading, Refused):
        return reading.why
    profile: Case = answered(begun(case or {}), asked, reading).case["profile"]
    return profile


def refused(found: object) -> str:
    assert isinstance(found, Refused)
    assert found.why
    assert not found.why.endswith(".")
    return found.why


# --- what is asked ----------------------------------------------------------------------------------------


def test_every_fact_is_asked_and_an_answer_makes_it_known(
    facts: Catalogue, vocabulary: Vocabulary, reader: CaseReader
) -> None:
    """All but what is worked out from treatments; the value stands in the case as the models want it."""
    for path, fact in facts.items():
        if path.startswith(WORKED_OUT):
            continue
        main = {fact.main: {"ihc": "2+"} if "her2" in path else facts[fact.main].values[0]} if fact.main else {}
        case: Case = {"profile": {}}
        for name, value in main.items():
            group, _, last = name.partition(".")
            case["profile"] = {group: {last: value}}
        asked = prompt(path, vocabulary, case)
        assert asked.ask.endswith("?"), path
        assert asked.title
        text = {"boolean": "yes", "text": "Y537S"}.get(fact.kind) or (
            fact.values[-1] if fact.values else f"{fact.high:g}"
        )
        reading = asked.read(text)
        assert isinstance(reading, Reading), (path, reading)
        assert reading.says
        done = answered(begun(case), asked, reading).case
        assert helpers.refusal(reader, done["profile"]) == [], path


def test_ranges_and_units_are_those_of_the_models(facts: Catalogue, vocabulary: Vocabulary, reader: CaseReader) -> None:
    for path, fact in facts.items():
        if not fact.numeric or path.startswith(WORKED_OUT):
            continue
        group, name = path.split(".")[:2]
        assert fact.low is not None
        assert fact.high is not None
        if not fact.main:
            assert helpers.refusal(reader, {group: {name: fact.low}}) == []
            assert helpers.refusal(reader, {group: {name: fact.high + 1}})
        asked = prompt(
            path, vocabulary, {"profile": {group: {name: facts[fact.main].values[0]}}} if fact.main else None
        )
        assert fact.unit in asked.hint
        for wrong in (fact.high + 1, fact.low - 1):
            why = refused(asked.read(f"{wrong:g}"))
            assert f"{fact.low:g} to {fact.high:g}" in why
            assert f"{wrong:g}" in why


def test_no_word_of_a_question_is_a_field_or_short_without_its_meaning(facts: Catalogue) -> None:
    known = {
        "DNA",
        "CDK4/6",
        "HER2",
        "ERBB2",
        "ESR1",
        "PIK3CA",
        "AKT1",
        "PTEN",
        "BRCA1",
        "BRCA2",
        "PALB2",
        "CYP3A",
        "QT",
    }
    for text in (*ASK.values(), *HELP.values(), *(topic.title for topic in TOPICS), *(topic.ask for topic in TOPICS)):
        assert "_" not in text
        for word in re.findall(r"\b[A-Z][A-Za-z0-9/]*[A-Z0-9][A-Za-z0-9/]*\b", text):
            explained = f"({word})" in text or f"{word} agonist (" in text
            assert word in known or explained or word in ("BRCA",), (word, text)
    asked = {fact for topic in TOPICS for fact in topic.facts}
    assert asked | set(facts) >= set(HELP)


def test_facts_of_one_kind_are_one_list(vocabulary: Vocabulary) -> None:
    asked = prompt("safety.ild", vocabulary, None, "safety.vte", "safety.active_infection")
    assert asked.covers == ("safety.ild", "safety.vte", "safety.active_infection")
    found = asked.read("2, active?")
    assert isinstance(found, Reading)
    assert found.values == ((("profile", "safety", "ild"), False), (("profile", "safety", "vte"), True))
    assert found.says.startswith("yes: venous thromboembolism")
    assert found.says.endswith("not known: active infection")
    assert isinstance(none := asked.read("none"), Reading)
    assert [value for _, value in none.values] == [False, False, False]
    assert "expected" in refused(asked.read("diabetes"))
    assert "number from 1 to 3" in refused(asked.read("4"))
    refused(asked.read(" , "))
    assert prompt("safety.ild", vocabulary).hint == "yes or no"
    assert prompt("disease.visceral_crisis", vocabulary).ask == "Is there visceral crisis?"


# --- values -----------------------------------------------------------------------------------------------

SITES = ("bone", "liver", "lymph-node", "lung")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Bone", "bone"),
        ("2", "liver"),
        ("lymph node", "lymph-node"),
        ("LYMPH_NODE", "lymph-node"),
        ("ly", "lymph-node"),
    ],
)
def test_a_choice(text: str, value: str) -> None:
    assert choice(text, SITES) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("l", "`l` can be `liver`, `lymph-node` or `lung`; write more of it"),
        ("5", "expected a number from 1 to 4, got `5`"),
        ("0", "expected a number from 1 to 4, got `0`"),
        ("bown", "expected `bone`, `liver`, `lymph-node` or `lung`, got `bown`; did you mean `bone`?"),
        ("\x1b[A", "expected `bone`, `liver`, `lymph-node` or `lung`, got `\\x1b[A`"),
    ],
)
def test_no_choice(text: str, why: str) -> None:
    assert refused(choice(text, SITES)) == why


def test_a_figure_is_never_taken_for_the_number_of_a_choice() -> None:
    """`2` for diabetes of type 2 would be the second choice, type 1."""
    types = ("none", "type-1", "type-2")
    assert not numbered(types)
    refused(choice("2", types))
    assert choice("type 2", types) == "type-2"
    assert choice("no", types) == "none"
    assert choice("1", ("0", "ultralow", "1+", "2+")) == "1+"


def test_yes_and_no() -> None:
    assert [yes_no(text) for text in ("y", "Yes", "TRUE", "n", "no", "none", "false")] == [True] * 3 + [False] * 4
    for text in ("1", "0", "maybe", ""):
        assert refused(yes_no(text)) == f"expected `yes` or `no`, got `{text}`"


def test_a_set() -> None:
    assert several("lung, 1 and liver", SITES) == ["bone", "liver", "lung"]
    assert several("none", SITES) == []
    refused(several("bone, none", SITES))
    refused(several(",", SITES))


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("safety.qtcf_ms", "431", 431),
        ("safety.qtcf_ms", " 431.5 MS ", 431.5),
        ("safety.hba1c_percent", "7,5 %", 7.5),
        ("safety.hba1c_percent", "7,25", 7.25),
        ("safety.alt_x_uln", "1.5 x ULN", 1.5),
        ("safety.alt_x_uln", "2x", 2),
        ("safety.platelets_10e9_per_l", "210 x 10^9/L", 210),
        ("safety.platelets_10e9_per_l", "210 \N{MULTIPLICATION SIGN}10\N{SUPERSCRIPT NINE}/l", 210),
        ("safety.haemoglobin_g_per_dl", "12,4 g/dl", 12.4),
        ("patient.age_years", "61.0 years", 61),
        ("patient.ecog", "0", 0),
    ],
)
def test_a_number(path: str, text: str, value: float, facts: Catalogue) -> None:
    found = number(text, facts[path])
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("safety.qtcf_ms", "0.43", "expected a number in ms, 200 to 800, got `0.43`"),
        ("safety.qtcf_ms", "0.43 s", "another unit has to be converted first"),
        ("safety.hba1c_percent", "58 mmol/mol", "expected a number in percent, 2 to 25, got `58 mmol/mol`; another"),
        ("safety.haemoglobin_g_per_dl", "124 g/L", "another unit"),
        ("safety.haemoglobin_g_per_dl", "124", "0 to 30, got `124`"),
        ("safety.platelets_10e9_per_l", "1,500", "`1,500` can be 1500 or 1.500; write it without the comma"),
        ("safety.platelets_10e9_per_l", "1.500,5", "expected one number"),
        ("safety.platelets_10e9_per_l", "-5", "0 to 3000, got `-5`"),
        ("safety.potassium_mmol_l", "about 4", "expected a number in mmol/L, 0.5 to 12, got `about 4`"),
        ("safety.potassium_mmol_l", "<4", "got `<4`"),
        ("patient.ecog", "1.5", "expected a whole number, 0 to 4, got `1.5`"),
        ("patient.ecog", "5", "expected a whole number, 0 to 4, got `5`"),
        ("patient.age_years", "9" * 80, "expected one number"),
    ],
)
def test_no_number(path: str, text: str, why: str, facts: Catalogue) -> None:
    assert why in refused(number(text, facts[path]))


def test_dates_and_words() -> None:
    assert [date(text) for text in ("2024-08-31", " 2024-08", "2024")] == ["2024-08-31", "2024-08", "2024"]
    for text in ("31.8.2024", "08/2024", "2024-02-30", "2024-13", "last May", "1066"):
        assert refused(date(text)) == f"expected a date as 2024-08-31, 2024-08 or 2024, got `{text}`"
    assert words(" p.Y537S ") == "p.Y537S"
    refused(words("a\tb"))
    refused(words("x" * 201))
    assert shown("x" * 80) == "x" * 57 + "..."
    assert isinstance(decimal("1,5"), float)


# --- facts with a reading of their own --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("90", {"status": "positive", "percent": 90}),
        ("90 %", {"status": "positive", "percent": 90}),
        ("10", {"status": "low", "percent": 10}),
        ("1", {"status": "low", "percent": 1}),
        ("0,5", {"status": "negative", "percent": 0.5}),
        ("pos", "positive"),
        ("low", "low"),
    ],
)
def test_a_receptor(text: str, held: object, vocabulary: Vocabulary) -> None:
    assert read("disease.er", text, vocabulary) == {"disease": {"er": held}}


def test_no_receptor(vocabulary: Vocabulary) -> None:
    assert "0 to 100, got `150`" in read("disease.er", "150", vocabulary)
    assert read("disease.er", "strong", vocabulary) == (
        "expected `positive`, `low` or `negative`, got `strong`; or give the percentage of stained cells"
    )


def test_her2_is_asked_by_its_score_and_then_in_situ(vocabulary: Vocabulary) -> None:
    assert read("disease.her2", "0", vocabulary) == {"disease": {"her2": {"ihc": "0"}}}
    assert read("disease.her2", "1", vocabulary) == {"disease": {"her2": {"ihc": "1+"}}}
    assert read("disease.her2", "neg", vocabulary) == {"disease": {"her2": "negative"}}
    assert "give the score" in read("disease.her2", "low", vocabulary)
    assert "expected `0`" in read("disease.her2", "4+", vocabulary)
    equivocal: Case = {"profile": {"disease": {"her2": {"ihc": "2+"}}}}
    assert prompt("disease.her2", vocabulary, equivocal).key == "disease.her2.ish"
    both = {"disease": {"her2": {"ihc": "2+", "ish": "not-amplified"}}}
    assert read("disease.her2", "not amplified", vocabulary, equivocal) == both
    status: Case = {"profile": {"disease": {"her2": "negative"}}}
    both = {"disease": {"her2": {"status": "negative", "ihc": "ultralow"}}}
    assert read("disease.her2.ihc", "ultra", vocabulary, status) == both
    in_situ: Case = {"profile": {"disease": {"her2": {"ish": "not-amplified"}}}}
    assert read("disease.her2", "2+", vocabulary, in_situ) == {
        "disease": {"her2": {"ihc": "2+", "ish": "not-amplified"}}
    }


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("mutated", "mutated"),
        ("wild type", "wild-type"),
        ("WT", "wild-type"),
        ("negative", "wild-type"),
        ("mut, plasma", {"result": "mutated", "sample": "plasma", "taken": "at-progression"}),
        ("wild-type in tissue, earlier", {"result": "wild-type", "sample": "tissue", "taken": "earlier"}),
        ("archival tissue: mutated".replace(":", ","), {"result": "mutated", "sample": "tissue", "taken": "earlier"}),
        ("ctDNA mutated at progression", {"result": "mutated", "sample": "plasma", "taken": "at-progression"}),
        ("mutated earlier", {"result": "mutated", "taken": "earlier"}),
    ],
)
def test_a_biomarker(text: str, held: object, vocabulary: Vocabulary) -> None:
    assert read("biomarkers.esr1", text, vocabulary) == {"biomarkers": {"esr1": held}}


@pytest.mark.parametrize("text", ["plasma", "maybe", "mutated wild-type", "mutated plasma tissue", "3"])
def test_no_biomarker(text: str, vocabulary: Vocabulary) -> None:
    assert isinstance(read("biomarkers.esr1", text, vocabulary), str)


def test_results_of_each_biomarker(vocabulary: Vocabulary) -> None:
    assert read("biomarkers.pten", "intact", vocabulary) == {"biomarkers": {"pten": "intact"}}
    assert read("biomarkers.gbrca", "no", vocabulary) == {"biomarkers": {"gbrca": "none"}}
    assert read("biomarkers.gbrca", "positive", vocabulary) == {"biomarkers": {"gbrca": "pathogenic"}}
    assert "expected `altered` or `intact`" in read("biomarkers.pten", "wt", vocabulary)


def test_a_part_stands_beside_what_is_known(vocabulary: Vocabulary) -> None:
    case: Case = {"profile": {"biomarkers": {"esr1": {"result": "wild-type", "sample": "plasma", "taken": None}}}}
    found = read("biomarkers.esr1.tumour_fraction_percent", "12 %", vocabulary, case)
    assert found == {"biomarkers": {"esr1": {"result": "wild-type", "sample": "plasma", "tumour_fraction_percent": 12}}}
    case = {"profile": {"disease": {"er": "positive"}}}
    assert read("disease.er.percent", "50", vocabulary, case) == {
        "disease": {"er": {"status": "positive", "percent": 50}}
    }


def test_no_diabetes_is_no_insulin(vocabulary: Vocabulary) -> None:
    assert read("safety.diabetes", "none", vocabulary) == {"safety": {"diabetes": "none", "insulin": False}}
    assert read("safety.diabetes", "type 2", vocabulary) == {"safety": {"diabetes": "type-2"}}


def test_a_germline_result_is_not_of_a_day(vocabulary: Vocabulary) -> None:
    asked = prompt("biomarkers.gbrca", vocabulary)
    assert asked.hint == "`pathogenic` or `none`"
    found = asked.read("none")
    assert isinstance(found, Reading)
    assert found.says == "none"


def test_the_place() -> None:
    found = about_place().read("EU")
    assert isinstance(found, Reading)
    assert found.values == ((("jurisdiction",), "eu"),)
    refused(about_place().read("uk"))


# --- treatments -------------------------------------------------------------------------------------------

FIRST = {
    "setting": "metastatic",
    "agents": ["palbociclib", "letrozole"],
    "months": 19,
    "best_response": "stable",
    "stopped_for": "progression",
}


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "metastatic palbociclib and letrozole 19 months stable progression",
        "Palbo/letro; 19 mo; stable disease; stopped for progression; metastatic",
        "advanced, Ibrance with Femara for 19 months, best response stable disease, progressed",
        "meta, palbociclib, letrozole, 19m, stab, progression",
    ],
)
def test_one_treatment_in_many_ways(text: str, vocabulary: Vocabulary) -> None:
    assert read_entry(text, vocabulary) == FIRST


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (
            "adjuvant tamoxifen 2015-03 to 2020",
            {"setting": "adjuvant", "agents": ["tamoxifen"], "started": "2015-03", "stopped": "2020"},
        ),
        ("tamoxifen 2015\N{EN DASH}2020-06-30", {"agents": ["tamoxifen"], "started": "2015", "stopped": "2020-06-30"}),
        ("2015-03-01 - 2020-06", {"started": "2015-03-01", "stopped": "2020-06"}),
        ("since 2024-03, ongoing", {"started": "2024-03", "stopped_for": "ongoing"}),
        ("toxicity 2024-03", {"stopped": "2024-03", "stopped_for": "toxicity"}),
        (
            "progression on 2024-03, started 2023",
            {"started": "2023", "stopped_for": "progression", "progressed_on": "2024-03"},
        ),
        ("until 2024-03, progression", {"stopped": "2024-03", "stopped_for": "progression"}),
        ("19,5 months", {"months": 19.5}),
        ("1.5 years", {"months": 18}),
        ("at least 6 months", {"months": {"at_least": 6}}),
        ("6+ months", {"months": {"at_least": 6}}),
        (">= 6 months, under 12 months", {"months": {"at_least": 6, "below": 12}}),
        ("complete response, completed", {"best_response": "complete", "stopped_for": "completion"}),
        ("progressive disease, progression", {"best_response": "progressive", "stopped_for": "progression"}),
        ("not evaluated, other", {"best_response": "not-evaluated", "stopped_for": "other"}),
        ("CDK4/6 inhibitor + aromatase inhibitor", {"agents": ["cdk46-inhibitor", "aromatase-inhibitor"]}),
        ("trastuzumab deruxtecan", {"agents": ["trastuzumab-deruxtecan"]}),
        ("other:lasofoxifene", {"agents": ["other:lasofoxifene"]}),
        ("other:Ibrance, metastatic", {"setting": "metastatic", "agents": ["palbociclib"]}),
        ("paclitaxel, unknown, ?", {"agents": ["paclitaxel"]}),
    ],
)  # fmt: skip
def test_parts_of_a_treatment(text: str, held: Case, vocabulary: Vocabulary) -> None:
    assert read_entry(text, vocabulary) == held


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("palbocilib", "`palbocilib` is no setting, drug, response or reason; did you mean `palbociclib`?"),
        ("xyz", "a drug that is not listed is written `other:NAME`"),
        ("prog", "`prog` can be `progestin`, `progressed`, `progression` or `progressive`; write more of it"),
        ("met", "can be `metastatic` or `methotrexate`"),
        ("pa", "`pa` is no setting"),
        ("palbociclib 19", "`19` needs months or years behind it"),
        ("24 weeks", "`24` needs months or years"),
        ("letrozole 1,500 months", "write it without the comma"),
        ("letrozole 03/2021", "expected a date as 2024-08-31, 2024-08 or 2024, got `03/2021`"),
        ("letrozole 2021-13", "expected a date"),
        ("adjuvant metastatic tamoxifen", "`adjuvant` and `metastatic` cannot both be; give each treatment a line"),
        ("19 months, 20 months", "`19 months` and `20 months` cannot both be"),
        ("months", "a unit of time needs its number"),
        ("other:", "expected a name behind `other:`"),
        ("letrozole = 5", "`=` is not read in a treatment"),
        (", ,", "expected a treatment, as in"),
    ],
)
def test_no_treatment(text: str, why: str, vocabulary: Vocabulary) -> None:
    assert why in refused(read_entry(text, vocabulary))


def test_parts_that_are_asked_alone(vocabulary: Vocabulary) -> None:
    assert read_drugs("letrozole, palbo", vocabulary) == ["letrozole", "palbociclib"]
    assert "expected names of drugs" in refused(read_drugs("letrozole 5 months", vocabulary))
    refused(read_drugs("letrozol-e", vocabulary))
    assert read_time("2 years", vocabulary) == {"months": 24}
    assert "expected months or dates" in refused(read_time("letrozole", vocabulary))
    refused(read_time("5", vocabulary))


def test_a_treatment_in_words() -> None:
    dated = {"agents": ["tamoxifen"], "started": "2015", "stopped": "2020", "stopped_for": "toxicity"}
    assert entry_says(dated) == "tamoxifen, from 2015, until 2020, ended for toxicity"
    assert entry_says({"months": {"at_least": 6, "below": 9.5}}) == "at least 6 and below 9.5 months"
    assert entry_says(FIRST).startswith("metastatic, palbociclib with letrozole, 19 months, best response stable")


def test_the_list_of_treatments(vocabulary: Vocabulary) -> None:
    first, second = about_entry(0, vocabulary), about_entry(1, vocabulary)
    nothing, no_more = first.read("None"), second.read("no")
    assert isinstance(nothing, Reading)
    assert isinstance(no_more, Reading)
    assert nothing.values[0] == (("profile", "therapies"), [])
    assert (no_more.values, no_more.closes) == (((("profile", "therapies_complete"), None),), ("therapies",))
    assert second.unknown.values == ((("profile", "therapies_complete"), False),)
    refused(first.read("nothing much"))


DETAILS = [
    ("prior_cdk46.agent", {"agents": ["cdk46-inhibitor", "letrozole"]}, "ribo", ("agents", 0), "ribociclib"),
    ("prior_cdk46.partner_class", {"agents": ["abemaciclib", "endocrine-therapy"]}, "exe", ("agents", 1), "exemestane"),
    ("history.agents", {"agents": ["taxane"]}, "docetaxel", ("agents", 0), "docetaxel"),
    ("prior_cdk46.stopped_for", {}, "1", ("stopped_for",), "progression"),
    ("prior_cdk46.best_response", {}, "stable", ("best_response",), "stable"),
    ("prior_cdk46.months", {}, "9 months", ("months",), 9),
    ("prior_cdk46.months_since_stop", {"stopped_for": "toxicity"}, "2024-08", ("stopped",), "2024-08"),
    ("history.months_on_adjuvant_endocrine", {"setting": "adjuvant"}, "60 months", ("months",), 60),
    (
        "history.months_from_adjuvant_endocrine_to_relapse",
        {"setting": "adjuvant", "stopped_for": "completion"},
        "2020-08",
        ("stopped",),
        "2020-08",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "entry", "text", "path", "value"), DETAILS)
def test_a_detail_is_asked_of_its_treatment(
    fact: str, entry: Case, text: str, path: tuple[str | int, ...], value: object, vocabulary: Vocabulary
) -> None:
    whole = {"setting": "metastatic", "agents": ["palbociclib", "letrozole"], **entry}
    case: Case = {"profile": {"therapies": [whole]}}
    asked = prompt(fact, vocabulary, case)
    assert asked.title.startswith("Treatment 1: ")
    assert fact in asked.covers
    found = read(fact, text, vocabulary, case)
    assert isinstance(found, dict)
    held: Any = found["therapies"][0]
    for step in path:
        held = held[step]
    assert held == value
    assert isinstance(read(fact, "no such thing", vocabulary, case), str)


def test_the_day_of_a_relapse_is_asked_once(vocabulary: Vocabulary) -> None:
    """As that of this progression, unless treatment of advanced disease has come between."""
    relapse = "history.months_from_adjuvant_endocrine_to_relapse"
    first = {"setting": "adjuvant", "agents": ["letrozole"], "stopped_for": "completion", "stopped": "2020"}
    earlier = {**first, "agents": ["tamoxifen"], "stopped": None}
    case: Case = {"profile": {"therapies": [earlier, first]}}
    assert [asked.key for asked in asking(relapse, case, (relapse,), vocabulary)] == ["progression.on"]
    case = {"profile": {"therapies": [first, {"setting": "metastatic", "agents": ["palbociclib"]}]}}
    assert [asked.key for asked in asking(relapse, case, (relapse,), vocabulary)] == ["therapies[0].progressed_on"]


def test_details_that_are_known_are_not_asked(vocabulary: Vocabulary) -> None:
    case: Case = {"profile": {"therapies": [FIRST, {**FIRST, "agents": ["paclitaxel"]}]}}
    for fact in ("prior_cdk46.agent", "prior_cdk46.stopped_for", "prior_cdk46.clinical_benefit", "history.line"):
        assert list(asking(fact, case, (fact,), vocabulary)) == []
    ongoing = {"setting": "metastatic", "agents": ["palbociclib"], "started": "2024", "stopped_for": "ongoing"}
    case = {"profile": {"therapies": [ongoing]}}
    for fact in ("prior_cdk46.months", "prior_cdk46.months_since_stop"):
        assert list(asking(fact, case, (fact,), vocabulary)) == []


def test_the_day_of_progression_is_asked_where_a_time_runs_to_it(vocabulary: Vocabulary) -> None:
    case: Case = {"profile": {"therapies": [{**FIRST, "stopped": "2024-08"}]}}
    fact = "prior_cdk46.months_from_stop_to_progression"
    (asked,) = asking(fact, case, (fact,), vocabulary)
    assert (asked.key, asked.topic) == ("progression.on", "Progression")
    assert read(fact, "2024-10", vocabulary, case) == {**case["profile"], "progression": {"on": "2024-10"}}
    case["profile"]["progression"] = {"on": "2024-10"}
    assert list(asking(fact, case, (fact,), vocabulary)) == []


def test_what_is_no_fact_is_not_asked(vocabulary: Vocabulary) -> None:
    assert list(asking("disease.hr", {}, ("disease.hr",), vocabulary)) == []
    assert place("prior_cdk46.agent") < place("progression.status") < place("disease.hr")


# --- anything typed ---------------------------------------------------------------------------------------

_TYPED = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                *EXAMPLE.replace(",", " ,").split(),
                "2024",
                "2023-08",
                "-",
                "to",
                "6",
                "at",
                "least",
                "+",
                ">",
                "none",
                "?",
            ]
        ),
        max_size=8,
    ).map(" ".join),
)


@settings(max_examples=400)
@given(text=_TYPED)
def test_any_text_is_an_answer_or_refused_in_words(text: str, ready: Ready, reader: CaseReader) -> None:
    vocabulary = ready.base.vocabulary
    asked = ["disease.er", "disease.her2", "disease.sites", "biomarkers.esr1", "safety.qtcf_ms", "patient.sex"]
    for item in (*(prompt(fact, vocabulary) for fact in asked), about_entry(0, vocabulary)):
        reading = item.read(text)
        if isinstance(reading, Refused):
            assert reading.why.isprintable()
            continue
        state = answered(begun({}), item, reading)
        if state.entry is None:
            assert helpers.refusal(reader, state.case["profile"]) == [], (text, state.case)


def test_a_fact_without_bounds_has_no_range() -> None:
    assert number("7", Fact("x.y", "number", "y")) == 7
