"""The JSON Schemas that editors use accept every shipped file and answer, and refuse the plain mistakes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import ROOT, RULES
from secondline.recommendation import Recommendation
from secondline.schemas import SUBJECTS, schema
from secondline.source import parse

KINDS = ("verdicts", "options", "safety", "tests", "cautions", "definitions")


def validator(subject: Any) -> Draft202012Validator:
    found = schema(subject)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def plain(path: Any) -> list[Any]:
    return [as_read(document.plain()) for document in parse(path.read_bytes(), path.name)]


def as_read(value: Any) -> Any:
    """A value as a reader of its JSON gets it."""
    return json.loads(json.dumps(value))


def test_every_subject_has_one() -> None:
    for subject in SUBJECTS:
        validator(subject)


def test_shipped_files_are_valid() -> None:
    for subject, paths in {
        "case": [*(ROOT / "cases").glob("*.yaml")],
        "rule": [RULES / "laws.yaml", *(path for kind in KINDS for path in (RULES / kind).glob("*.yaml"))],
        "evidence": [*(RULES / "evidence").glob("*.yaml")],
    }.items():
        assert paths
        holds = validator(subject)
        for path in paths:
            for document in plain(path):
                assert not [error.message for error in holds.iter_errors(document)], path.name


@pytest.mark.parametrize("step", [50, pytest.param(1, marks=pytest.mark.long)])
def test_answers_are_valid(answers: list[Recommendation], step: int) -> None:
    holds = validator("recommendation")
    for answer in answers[::step]:
        assert not [error.message for error in holds.iter_errors(as_read(answer.as_dict()))], answer.case.id


@pytest.mark.parametrize(
    ("subject", "wrong"),
    [
        ("case", "{profile: {patient: {sex: femal}}}"),
        ("case", "{profile: {patient: {age: 6}}}"),
        ("case", "{profile: {patient: {age_years: -1}}}"),
        ("case", "{profil: {}}"),
        ("rule", "{id: x, when: {patient.ecog: 1}}"),
        ("evidence", "{id: X}"),
    ],
)
def test_plain_mistakes_are_refused(subject: str, wrong: str) -> None:
    assert [*validator(subject).iter_errors(yaml.safe_load(wrong))]


def test_the_schema_does_not_depend_on_the_day() -> None:
    assert str(date.today()) not in str([validator(subject).schema for subject in SUBJECTS])
