"""What is known of a patient: statuses from scores, what cannot be, the one default, and what refuses a case."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from helpers import case, refusal
from secondline.cases import CaseReader
from secondline.patient import Known, canonical, know
from secondline.states import NOT_APPLICABLE, Members
from secondline.store import Ready


@pytest.fixture
def known(ready: Ready, reader: CaseReader) -> Any:
    def work_out(**profile: Any) -> Known:
        return know(case(reader, profile).case.profile, date(2026, 11, 22), ready.base.vocabulary)

    return work_out


@pytest.mark.parametrize(
    ("er", "status"),
    [
        ("positive", "positive"),
        ("low", "low"),
        ({"percent": 0.9}, "negative"),
        ({"percent": 1}, "low"),
        ({"percent": 10}, "low"),
        ({"percent": 10.1}, "positive"),
        ({"status": "positive", "percent": 5}, "low"),
        ({"status": "indeterminate", "percent": 5}, "low"),
        ("not-tested", None),
        ({"status": "not-tested"}, None),
        (None, None),
    ],
)
def test_percent_sets_status(known: Any, er: Any, status: str | None) -> None:
    facts = known(disease={"er": er}).facts
    assert facts.get("disease.er") == status
    assert facts.get("disease.er.percent") == (er.get("percent") if isinstance(er, dict) else None)


@pytest.mark.parametrize(
    ("her2", "status"),
    [
        ("negative", "negative"),
        ({"ihc": "3+"}, "positive"),
        ({"ihc": "3+", "ish": "not-amplified"}, "positive"),
        ({"ish": "amplified"}, "positive"),
        ({"ihc": "2+", "ish": "amplified"}, "positive"),
        ({"ihc": 0}, "negative"),
        ({"ihc": "0"}, "negative"),
        ({"ihc": "ultralow"}, "negative"),
        ({"ihc": "1+"}, "negative"),
        ({"ihc": "2+", "ish": "not-amplified"}, "negative"),
        ({"ihc": "2+"}, None),
        ({"ish": "not-amplified"}, None),
        ({"status": "negative", "ihc": "2+"}, "negative"),
        ({"status": "not-tested", "ihc": "indeterminate"}, None),
    ],
)
def test_her2_from_its_scores(known: Any, her2: Any, status: str | None) -> None:
    assert known(disease={"her2": her2}).facts.get("disease.her2") == status


def test_a_bare_biomarker_is_a_valid_test_now(known: Any) -> None:
    facts = known(
        biomarkers={"esr1": "wild-type", "pik3ca": {"result": "wild-type", "sample": "plasma"}, "pten": "not-tested"}
    ).facts
    assert facts["biomarkers.esr1.taken"] == "at-progression"
    assert facts["biomarkers.esr1.sample"] is NOT_APPLICABLE
    assert facts["biomarkers.pik3ca.sample"] == "plasma"
    assert "biomarkers.pik3ca.taken" not in facts
    assert "biomarkers.pten" not in facts
    assert "biomarkers.pten.taken" not in facts


def test_how_a_result_was_found_counts_with_the_result_alone(known: Any) -> None:
    of = "biomarkers.esr1.sample"
    assert known(biomarkers={"esr1": {"result": "mutated", "sample": "tissue"}}).facts[of] == "tissue"
    assert of not in known(biomarkers={"esr1": {"sample": "tissue"}}).facts  # the result to come is another


@pytest.mark.parametrize(
    ("last", "given", "says"),
    [
        (
            "ribociclib",
            ["palbociclib"],
            "the last CDK4/6 inhibitor is given as ribociclib, and the inhibitors so far ",
        ),
        ("ribociclib", [], "so far as none; check both"),
        ("none", ["palbociclib"], "the last CDK4/6 inhibitor is given as none, and "),
    ],
)
def test_a_last_inhibitor_that_is_none_of_those_given_is_odd(
    known: Any, last: str, given: list[str], says: str
) -> None:
    ((name, words),) = known(prior_cdk46={"agent": last, "agents": given}).oddities
    assert name == "data-last-inhibitor-not-among-those-given"
    assert says in words
    agreed = [] if last == "none" else [last]
    assert known(prior_cdk46={"agent": last, "agents": agreed}).oddities == ()


def test_what_cannot_be(known: Any) -> None:
    man = known(patient={"sex": "male", "menopausal_status": "postmenopausal"})
    assert man.facts["patient.menopausal_status"] is NOT_APPLICABLE
    assert man.facts["patient.pregnant"] is NOT_APPLICABLE
    assert [name for name, _ in man.oddities] == ["data-menopausal-status-of-a-man"]
    woman = known(patient={"sex": "female", "menopausal_status": "postmenopausal"}).facts
    assert woman["patient.pregnant"] is NOT_APPLICABLE
    assert woman["patient.ovarian_suppression"] is NOT_APPLICABLE
    stated = known(patient={"menopausal_status": "postmenopausal", "pregnant": True}).facts
    assert stated["patient.pregnant"] is True
    younger = known(patient={"menopausal_status": "premenopausal"}).facts
    assert "patient.pregnant" not in younger


@pytest.mark.parametrize(
    ("progression", "extent", "assumed"),
    [
        ({"status": "radiological"}, "systemic", ("progression.extent",)),
        ({"status": "clinical", "extent": None}, "systemic", ("progression.extent",)),
        ({"status": "radiological", "extent": "limited"}, "limited", ()),
        ({"status": "none"}, NOT_APPLICABLE, ()),
        ({"status": "molecular", "extent": "limited"}, NOT_APPLICABLE, ()),
        ({}, None, ()),
    ],
)
def test_the_one_default(known: Any, progression: Any, extent: object, assumed: tuple[str, ...]) -> None:
    found = known(progression=progression)
    assert found.facts.get("progression.extent") == extent
    assert found.assumed == assumed


def test_empty_groups_and_sets(known: Any) -> None:
    facts = known(disease={"sites": []}, safety=None).facts
    assert facts["disease.sites"] == Members(frozenset())


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"disease": {"her2": {"status": "negative", "ihc": "3+"}}}, "IHC 3+"),
        ({"disease": {"her2": {"status": "negative", "ish": "amplified"}}}, "amplified ISH"),
        ({"disease": {"her2": {"status": "positive", "ihc": "2+", "ish": "not-amplified"}}}, "without amplification"),
        ({"disease": {"her2": {"ihc": "1+", "ish": "amplified"}}}, "IHC 1+ is negative"),
        ({"disease": {"er": {"status": "negative", "percent": 1}}}, "1 percent, which is `low`"),
        ({"disease": {"pr": {"status": "low", "percent": 11}}}, "11 percent, which is `positive`"),
        ({"disease": {"pr": {"status": "positive", "percent": 0}}}, "0 percent, which is `negative`"),
        ({"patient": {"sex": "male", "pregnant": True}}, "contradicts `sex: male`"),
        ({"progression": {"status": "molecular"}, "biomarkers": {"esr1": "wild-type"}}, "emergent ESR1"),
        (
            {
                "progression": {"status": "molecular"},
                "biomarkers": {"esr1": {"result": "wild-type", "sample": "plasma", "taken": "at-progression"}},
            },
            "emergent ESR1",
        ),
    ],
)
def test_contradictions_refuse_a_case(reader: CaseReader, profile: Any, words: str) -> None:
    (problem,) = refusal(reader, profile)
    assert words in problem.message


@pytest.mark.parametrize(
    "profile",
    [
        {"disease": {"her2": {"status": "positive", "ihc": "3+", "ish": "not-amplified"}}},
        {"disease": {"her2": {"status": "positive", "ish": "not-amplified"}}},
        {"disease": {"her2": {"status": "positive", "ihc": "1+", "ish": "amplified"}}},
        {"patient": {"sex": "male", "pregnant": False}},
        {"progression": {"status": "molecular"}, "biomarkers": {"esr1": {"result": "wild-type", "sample": "tissue"}}},
        {"progression": {"status": "radiological"}, "biomarkers": {"esr1": "wild-type"}},
    ],
)
def test_other_oddities_do_not(reader: CaseReader, profile: Any) -> None:
    assert refusal(reader, profile) == []


def test_the_same_content_is_the_same_canonical_profile(reader: CaseReader) -> None:
    one = {"disease": {"sites": ["liver", "bone"], "er": "positive"}, "patient": {"ecog": 1, "sex": "female"}}
    other = {
        "patient": {"sex": "female", "ecog": 1.0, "pregnant": None},
        "disease": {"er": "positive", "sites": ["bone", "liver"]},
    }
    assert canonical(case(reader, one).case.profile) == canonical(case(reader, other).case.profile)
    with_date = {"progression": {"on": "2024-05"}, "therapies": [{"setting": "metastatic", "agents": ["letrozole"]}]}
    found = canonical(case(reader, with_date).case.profile)
    assert isinstance(found, dict)
    assert found["progression"] == {"on": "2024-05"}
    assert found["therapies"] == [{"setting": "metastatic", "agents": ["letrozole"]}]


@pytest.mark.parametrize(
    ("agents", "classes"),
    [
        (
            ["everolimus", "exemestane"],
            Members(frozenset({"mtor-inhibitor", "aromatase-inhibitor", "endocrine-therapy"})),
        ),
        ([], Members(frozenset())),
        (["everolimus", "other:trial-drug"], Members(frozenset({"mtor-inhibitor"}), None)),
        (["chemotherapy"], Members(frozenset({"chemotherapy"}), frozenset({"anthracycline", "taxane"}))),
    ],
)
def test_drugs_alone_tell_their_classes(known: Any, agents: list[str], classes: Members) -> None:
    assert known(history={"agents": agents}).facts["history.classes"] == classes
    assert known(history={"agents": agents, "classes": ["adc"]}).facts["history.classes"] == Members(frozenset({"adc"}))
