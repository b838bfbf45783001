"""Every shipped case, named by its sentence; and the reading of case files."""

from __future__ import annotations

from functools import cache

import pytest

from conftest import ROOT, RULES, TODAY
from secondline import facts
from secondline.cases import CaseFile, CaseReader, Days, compare
from secondline.errors import InputError
from secondline.recommend import Adviser, recommend
from secondline.rulefiles import rule_files
from secondline.store import Ready, made_ready


@cache
def by_name() -> dict[str, CaseFile]:
    held = made_ready(rule_files(RULES))
    facts.keep(held.facts)
    reader = CaseReader(held.base, held.case_schema, Days(today=TODAY))
    found = {}
    for path in sorted((ROOT / "cases").glob("*.yaml")):
        cases, problems = reader.read(path.read_bytes(), f"cases/{path.name}")
        assert not problems
        for case in cases:
            name = f"{path.stem}: {case.name}"
            assert name not in found, "two cases of one name"
            found[name] = case
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", by_name())
def test_case(name: str, adviser: Adviser) -> None:
    case = by_name()[name]
    assert case.case.as_of is not None
    assert case.case.expect is not None
    assert not compare(case, recommend(case.case.profile, adviser, case.question()))


def test_there_are_enough_and_they_look_behind_the_verdict() -> None:
    expecting = [case.case.expect for case in by_name().values()]
    assert len(expecting) >= 50
    of_options = ("options", "not_options", "grading", "rules")
    of_tests = ("missing", "tests", "not_tests", "prevalence")
    behind = ("decided_by", *of_options, *of_tests, "cautions", "not_cautions", "cites", "evidence", "says")
    deep = [e for e in expecting if any(getattr(e, key) for key in behind)]
    assert len(deep) / len(expecting) > 0.95


# --- reading ----------------------------------------------------------------------------------------------


def read(reader: CaseReader, text: str, name: str = "x.yaml") -> tuple[list[CaseFile], list[str]]:
    cases, problems = reader.read(text.encode(), name)
    return cases, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "name", "ids"),
    [
        ("{id: a, profile: {}}", "x.yaml", ["a"]),
        ("{profile: {}}", "folder/patient-7.yaml", ["patient-7"]),
        ("[{profile: {}}, {id: b, profile: {}}]", "x.yaml", ["x-1", "b"]),
        ("profile: {}\n---\nprofile: {}\n", "x.yaml", ["x-1", "x-2"]),
        ('{"profile": {}}', "x.json", ["x"]),
        ('[{"profile": {}}, {"profile": {}}]', "x.json", ["x-1", "x-2"]),
        ('{"profile": {}}\n\n{"id": "b", "profile": {}}\n', "x.jsonl", ["x-1", "b"]),
    ],
)
def test_forms_of_case_files(text: str, name: str, ids: list[str], reader: CaseReader) -> None:
    cases, problems = read(reader, text, name)
    assert not problems
    assert [case.id for case in cases] == ids


def test_an_empty_file_holds_no_case(reader: CaseReader) -> None:
    for text in ("", "# nothing\n", "[]"):
        with pytest.raises(InputError, match=r"x\.yaml:1:1: no case in this file; add one"):
            read(reader, text)


@pytest.mark.parametrize("name", ["cases.csv", "cases.parquet", "Cases.XLSX"])
def test_a_table_is_told_from_a_broken_case(name: str, reader: CaseReader) -> None:
    with pytest.raises(InputError, match=r"is not read here; write the cases as YAML, JSON or JSON Lines"):
        reader.read(b"id,ecog\np1,1\n\xff", name)


def test_the_option_wins_over_the_case_and_the_case_over_today(ready: Ready, reader: CaseReader) -> None:
    text = "[{as_of: 2024-01-01, profile: {}}, {profile: {}}]"
    assert [case.day.isoformat() for case in read(reader, text)[0]] == ["2024-01-01", "2026-11-22"]
    asked = CaseReader(ready.base, ready.case_schema, Days(asked=TODAY.replace(year=2023), today=TODAY))
    assert {case.day.isoformat() for case in read(asked, text)[0]} == {"2023-11-22"}
