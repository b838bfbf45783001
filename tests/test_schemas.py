"""The JSON Schemas that editors use accept every shipped file and answer, and refuse what people mistype."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from conftest import ROOT, RULES
from secondline.errors import InputError
from secondline.recommendation import Recommendation
from secondline.rulefiles import rule_files
from secondline.schemas.names import Names, names_in
from secondline.schemas.subjects import FILES, SUBJECTS, schema
from secondline.source import parse
from secondline.store import made_ready

FILES_OF_TESTS = ROOT / "tests" / "files"


@cache
def names(folder: Path = RULES) -> Names:
    return names_in(made_ready(rule_files(folder)).base)


@cache
def validator(subject: str, folder: Path | None = RULES) -> Draft202012Validator:
    return Draft202012Validator(schema(subject, None if folder is None else names(folder)))


def subject_of(path: str) -> str | None:
    """The schema that an editor takes for a file of a rule folder; None where it knows none."""
    return next((subject for subject, files in FILES.items() if Path(path).match(files)), None)


def plain(text: bytes, name: str) -> list[Any]:
    """The documents of a file as a reader of its JSON gets them."""
    return [json.loads(json.dumps(document.plain())) for document in parse(text, name)]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_it_is_a_schema_of_the_draft_it_names(subject: str) -> None:
    Draft202012Validator.check_schema(schema(subject, names()))
    assert schema(subject, names())["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema(subject, names())["title"] == f"secondline {subject}"
    assert schema(subject, names()) == schema(subject, names())


def test_shipped_files_are_valid() -> None:
    seen = set()
    for path in (*RULES.rglob("*.yaml"), *(ROOT / "cases").glob("*.yaml")):
        inside = path.is_relative_to(RULES)
        subject = subject_of(str(path.relative_to(RULES))) if inside else "case"
        assert subject is not None
        seen.add(subject)
        general = ["rule"] if inside and subject not in ("evidence", "rulebase", *names_of_words()) else []
        for holds in (validator(subject), *(validator(name, None) for name in general)):
            for document in plain(path.read_bytes(), path.name):
                assert not [error.message for error in holds.iter_errors(document)], path.name
    assert seen == {*FILES, "case"}


def names_of_words() -> list[str]:
    return [subject for subject, files in FILES.items() if files.startswith("vocabulary/")]


@pytest.mark.parametrize("step", [50, pytest.param(7, marks=pytest.mark.long)])
def test_answers_are_valid(answers: list[Recommendation], step: int) -> None:
    holds = validator("recommendation", None)
    for answer in answers[::step]:
        document = json.loads(json.dumps(answer.as_dict()))
        assert not [error.message for error in holds.iter_errors(document)], answer.case.id


VERDICT = "verdicts/palbociclib-beyond-palbociclib.yaml"
OPTION = "options/elacestrant-us.yaml"
GATE = "safety/ribociclib-qtcf.yaml"
TEST = "tests/akt1.yaml"
DEFINITION = "definitions/visceral-disease.yaml"
EVIDENCE = "evidence/palmira.yaml"
CASE = "cases/typical.yaml"
TYPOS = [
    (VERDICT, "prior_cdk46.agent:", "prior_cdk46.agnet:"),  # a fact
    (VERDICT, "agent: palbociclib", "agent: palbociclb"),  # a value
    (VERDICT, "agent: palbociclib", "agent: [palbociclib, letrozole]"),  # a value of another fact
    (VERDICT, "agent: palbociclib", "agents: palbociclib"),  # a set tested like a value
    (VERDICT, "agent: palbociclib", "agent: {has: palbociclib}"),  # and the reverse
    (VERDICT, "kept-beyond-progression", "kept-beyond-progresion"),  # a definition
    (VERDICT, "  all:", "  every:"),
    (VERDICT, "verdict: do-not-continue", "verdict: stop"),
    (VERDICT, "strength: strong, ", ""),  # missing beside this verdict
    (VERDICT, "certainty: moderate", "certainty: medium"),
    (VERDICT, "from: 2024-03-21", "from: 2024-3-21"),
    (VERDICT, "review_by:", "review-by:"),
    (VERDICT, "cites:\n  - PALMIRA/pfs", "cites:\n  - PALMRIA/pfs"),
    (VERDICT, "- PALMIRA/os", "- PALMIRA/oss"),
    (OPTION, "regimen: elacestrant", "regimen: elacestrnat"),
    (OPTION, "jurisdiction: us", "jurisdiction: usa"),
    (OPTION, "tier: preferred", "tier: prefered"),
    (OPTION, "biomarkers.esr1_now: mutated", "biomarkers.esr1: mutated"),  # can count as absent
    (OPTION, "{at_most: 1}", "{at_most: one}"),
    (OPTION, "{at_most: 1}", "{atmost: 1}"),
    (OPTION, "{at_most: 1}", "{at_most: 1.5}"),  # lines are counted
    (OPTION, 'phase: "3"', "phase: 3"),
    (OPTION, "down: [S]", "down: [X]"),
    (OPTION, ", primary: met", ""),  # of a randomised trial
    (GATE, "{at_least: 450}", "{at_least: 45}"),  # no QTcF is below 200 ms
    (GATE, "agents: [ribociclib]", "agents: [ribociclb]"),
    (GATE, "{agents: [ribociclib]}", "{}"),
    (GATE, "tier: contraindicated", "tier: preferred"),
    (GATE, "{tier: contraindicated}", "{strength: strong}"),  # changes nothing
    (TEST, "fact: biomarkers.akt1", "fact: biomarkers.akt"),
    (TEST, "result: mutated, cite:", "result: mutated, cites:"),
    (DEFINITION, "{has_any: [liver, lung, pleura, peritoneum]}", "{has_any: liver}"),
    (DEFINITION, "{has_any: [liver, lung, pleura", "{has_any: [liver, lung, plura"),
    (DEFINITION, "otherwise: false", "otherwise: no"),
    (EVIDENCE, "randomized: true", "randomised: true"),
    (EVIDENCE, "kind: trial", "kind: study"),
    (EVIDENCE, 'phase: "2"', "phase: 2"),
    (EVIDENCE, "disease.her2: negative", "disease.her2: neg"),
    ("laws.yaml", "then: {verdict: out-of-scope}", "then: {verdct: out-of-scope}"),
    ("laws.yaml", "has_none: [endocrine-therapy,", "has_none: [hormone-therapy,"),
    ("vocabulary/regimens.yaml", "agents: [elacestrant]", "agents: [elacestrnat]"),
    ("vocabulary/classes.yaml", "within: endocrine-therapy", "within: endocrine"),
    (CASE, "sex: female", "sex: femal"),
    (CASE, "age_years: 61", "age: 61"),
    (CASE, "age_years: 61", "age_years: 161"),
    (CASE, "agents: [palbociclib, letrozole]", "agents: [palbociclib, letrozol]"),
    (CASE, "stopped_for: progression", "stopped_for: progress"),
    (CASE, "elacestrant: undetermined", "elacestrant: unknown"),
]


@pytest.mark.parametrize(("name", "old", "new"), TYPOS, ids=[f"{name}: {new or old}" for name, old, new in TYPOS])
def test_what_people_mistype_is_refused(name: str, old: str, new: str) -> None:
    path = ROOT / name if name == CASE else RULES / name
    text = path.read_text()
    assert old in text
    subject = "case" if name == CASE else subject_of(name)
    assert subject is not None
    (document,) = plain(text.replace(old, new, 1).encode(), path.name)
    assert [*validator(subject).iter_errors(document)]
    assert [*Draft7Validator(validator(subject).schema).iter_errors(document)], "editors know an older draft"


def test_there_are_enough() -> None:
    assert len(TYPOS) >= 30


# Mistakes that no schema of one file can see: what stands in another file, and what has to be worked out.
BEYOND = {
    "cite-in-text-only", "cite-of-a-misspelt-report", "clause-not-closed", "drug-with-a-capital",
    "grading-with-a-letter-twice", "id-used-already", "interval-reversed",
    "law-by-the-name-of-a-rule", "law-on-the-patient-alone", "law-twice", "limits-that-exclude-all",
    "replaces-no-result", "unknown-arm",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted((FILES_OF_TESTS / "rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_broken_files_are_refused_in_the_editor_too(path: Path) -> None:
    subject = subject_of(path.read_text().splitlines()[0].removeprefix("# as "))
    if subject is not None:
        holds = validator(subject, FILES_OF_TESTS / "base")
        try:
            documents = plain(path.read_bytes(), path.name)
        except InputError:
            return  # no YAML at all: an editor says so without a schema
        assert any([*holds.iter_errors(one)] for one in documents) is (path.stem not in BEYOND)


def test_every_key_says_what_it_is_for() -> None:
    for subject in (*FILES, "case"):
        assert not [*undescribed(schema(subject, names()), subject)]


def undescribed(value: Any, where: str) -> Iterator[str]:
    """The properties of a schema without a description; in what binds keys together they have it elsewhere."""
    if isinstance(value, list):
        for item in value:
            yield from undescribed(item, where)
    elif isinstance(value, dict):
        properties = value.get("properties")
        if isinstance(properties, dict):
            yield from (f"{where}.{key}" for key, held in properties.items() if not held.get("description"))
        for key, item in value.items():
            if key not in ("if", "then", "else", "not"):
                yield from undescribed(item, f"{where}.{key}")


def test_a_schema_does_not_depend_on_the_day() -> None:
    assert str(date.today()) not in str([schema(subject, names()) for subject in SUBJECTS])
