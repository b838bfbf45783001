"""What `check` finds beyond what loading refuses: each finding where it stands, with its fix."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import ROOT
from secondline.lint import lint
from secondline.loading import load
from secondline.rulefiles import rule_files

STOP = "verdicts/stop.yaml"
SWITCH = "options/switch.yaml"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "tests" / "files" / "base", folder)
    return folder


def found(rules: Path) -> list[str]:
    return [str(problem).removeprefix(f"{rules}/") for problem in sorted(lint(load(rule_files(rules))))]


def test_the_small_folder_is_clean(rules: Path) -> None:
    assert found(rules) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        (STOP, "says: ", "says: A gain of 4.9 months. ", "figure `4.9` is typed in `says`; cite the evidence"),
        (STOP, "title: ", "title: after 12 weeks, ", "figure `12` is typed in `title`; cite the evidence"),
        (
            STOP,
            "when: ",
            "effective: {from: 2023-01-01, until: 2022-06-01}\nwhen: ",
            "in effect until 2022-06-01, before it",
        ),
        (STOP, "title: no gain\n", "", "`stop` has no `title`; headlines are made of it"),
        (SWITCH, "regimen: ", "effective: {from: 2001-01-01}\nregimen: ", "before its first cite is public on"),
    ],
)
def test_a_finding(rules: Path, name: str, old: str, new: str, finding: str) -> None:
    path = rules / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    (message,) = found(rules)
    assert message.startswith(f"{name}:")
    assert finding in message


def test_a_limit_of_the_condition_may_be_named(rules: Path) -> None:
    path = rules / "safety/qtcf.yaml"
    path.write_text(path.read_text().replace("title: ", "title: from 450 on, grade 3, ", 1))
    assert found(rules) == []


def test_a_file_has_the_name_of_its_id(rules: Path) -> None:
    (rules / STOP).rename(rules / "verdicts" / "halt.yaml")
    assert found(rules) == ["verdicts/halt.yaml:1:1: `stop` stands in `halt.yaml`; name the file `stop.yaml`"]


def test_a_gate_that_applies_to_nothing(rules: Path) -> None:
    path = rules / "safety/qtcf.yaml"
    path.write_text(path.read_text().replace("{agents: [ribociclib]}", "{classes: [lhrh-agonist]}", 1))
    assert found(rules) == ["safety/qtcf.yaml:3:1: `qtcf` applies to no regimen and no inhibitor"]


def test_an_endpoint_that_no_evidence_has(rules: Path) -> None:
    path = rules / "vocabulary/endpoints.yaml"
    path.write_text(path.read_text().replace("pfs:", "pfss:", 1))
    assert "no evidence has endpoint `pfss`; did you mean `pfs`?" in "\n".join(found(rules))
