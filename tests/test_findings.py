"""What machines read of findings: SARIF as GitHub's code scanning takes it, JUnit as servers show it, JSON."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from conftest import ROOT
from secondline.cli.app import app
from secondline.errors import Place, Problem
from secondline.lint.kinds import KINDS, Finding
from secondline.report.findings import Checked, as_json, as_junit, as_sarif
from test_cli import Ran

FIGURE = Finding(Place("rules/verdicts/x.yaml", 3, 7), "figure `4` is typed", "SL101")
AGAIN = Finding(Place("rules/verdicts/x.yaml", 9, 7), "figure `4` is typed", "SL101")
WHOLE = Finding(Place("rules/a b/é.txt"), "is not read", "SL004")
CHECKED = [Checked("rules/verdicts/x.yaml", (FIGURE, AGAIN)), Checked("rules/a b/é.txt", (WHOLE,)), Checked("fine")]

_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_SHOWN = {**_TEXT, "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 1024}}}
_LEVEL = {"enum": ["error", "warning", "note"]}
# What GitHub's documentation, "SARIF support for code scanning", requires and what it allows of what is used here.
GITHUB: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {"$ref": "#/$defs/tool"},
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                },
            },
        },
    },
    "$defs": {
        "tool": {
            "required": ["driver"],
            "properties": {
                "driver": {
                    "required": ["name", "rules"],
                    "properties": {"rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}}},
                }
            },
        },
        "rule": {
            "required": ["id", "shortDescription", "fullDescription", "help"],
            "properties": {
                "id": {"type": "string", "minLength": 1},
                "name": {"type": "string", "maxLength": 255},
                "shortDescription": _SHOWN,
                "fullDescription": _SHOWN,
                "help": _TEXT,
                "defaultConfiguration": {"properties": {"level": _LEVEL}},
            },
        },
        "result": {
            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
            "properties": {
                "level": _LEVEL,
                "message": _TEXT,
                "locations": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 10,
                    "items": {
                        "required": ["physicalLocation"],
                        "properties": {
                            "physicalLocation": {
                                "required": ["artifactLocation", "region"],
                                "properties": {
                                    "artifactLocation": {
                                        "required": ["uri"],
                                        "properties": {"uri": {"type": "string", "pattern": r"^[!-~]+$"}},
                                    },
                                    "region": {
                                        "required": ["startLine", "startColumn"],
                                        "additionalProperties": {"type": "integer", "minimum": 1},
                                    },
                                },
                            }
                        },
                    },
                },
                "partialFingerprints": {"required": ["primaryLocationLineHash"]},
            },
        },
    },
}


def taken(text: str) -> dict[str, Any]:
    """A log that GitHub takes, each result of a rule that stands at its index."""
    log: dict[str, Any] = json.loads(text)
    assert not [error.message for error in Draft202012Validator(GITHUB).iter_errors(log)]
    (one,) = log["runs"]
    rules = one["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in one["results"]]
    assert len(set(prints)) == len(prints)
    return dict(one)


def place(result: dict[str, Any]) -> dict[str, Any]:
    return dict(result["locations"][0]["physicalLocation"])


def test_a_code_is_the_rule_of_its_results() -> None:
    one = taken(as_sarif(CHECKED, KINDS.values()))
    assert [rule["id"] for rule in one["tool"]["driver"]["rules"]] == list(KINDS), "the same whatever is found"
    assert [result["ruleId"] for result in one["results"]] == ["SL101", "SL101", "SL004"]
    first, _, whole = one["results"]
    assert place(first) == {
        "artifactLocation": {"uri": "rules/verdicts/x.yaml"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert place(whole) == {
        "artifactLocation": {"uri": "rules/a%20b/%C3%A9.txt"},
        "region": {"startLine": 1, "startColumn": 1},
    }


def test_a_fingerprint_stays_when_lines_are_put_before_it() -> None:
    moved = FIGURE._replace(place=FIGURE.place._replace(line=30))
    one, other = (taken(as_sarif([Checked("x", (held,))], KINDS.values()))["results"][0] for held in (FIGURE, moved))
    assert one["partialFingerprints"] == other["partialFingerprints"]


def test_what_has_no_code_goes_by_the_name_of_its_check() -> None:
    checked = [Checked("a sentence, 'quoted'", (Problem(Place("cases/x.yaml", 2, 1), "expected"),)), Checked("fine")]
    one = taken(as_sarif(checked))
    assert [rule["id"] for rule in one["tool"]["driver"]["rules"]] == ["a sentence, 'quoted'"]


def test_a_file_is_named_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file, uri in {
        str(tmp_path / "rules" / "x.yaml"): "rules/x.yaml",
        "./rules/x.yaml": "rules/x.yaml",
        "../rules/x.yaml": "../rules/x.yaml",
        "/elsewhere/x y.yaml": "file:///elsewhere/x%20y.yaml",
        "<stdin>": "%3Cstdin%3E",
    }.items():
        found = [Checked("x", (Problem(Place(file, 1, 1), "wrong"),))]
        assert place(taken(as_sarif(found))["results"][0])["artifactLocation"]["uri"] == uri


def test_junit_counts_what_was_checked_and_types_what_failed() -> None:
    suite = ET.fromstring(as_junit(CHECKED, "rules"))
    assert suite.tag == "testsuite"
    assert suite.attrib == {"name": "rules", "tests": "3", "failures": "2", "errors": "0", "skipped": "0"}
    assert [case.get("name") for case in suite] == [item.name for item in CHECKED]
    assert {case.get("classname") for case in suite} == {"rules"}
    first, second = suite.iter("failure")
    assert (first.get("type"), first.get("message")) == ("SL101", "figure `4` is typed")
    assert (first.text or "").splitlines() == [str(FIGURE), str(AGAIN)]
    assert second.get("type") == "SL004"


def test_json_has_the_code_with_its_name_and_level() -> None:
    found = json.loads(as_json(CHECKED))
    assert (found["checked"], found["failed"]) == (3, 2)
    assert found["problems"][0] == {
        "check": "rules/verdicts/x.yaml",
        "file": "rules/verdicts/x.yaml",
        "line": 3,
        "column": 7,
        "message": "figure `4` is typed",
        "code": "SL101",
        "name": "typed-figure",
        "level": "error",
    }
    plain = json.loads(as_json([Checked("x", (Problem(Place("x", 1, 1), "wrong"),))]))["problems"]
    assert "code" not in plain[0]


def call(*args: str, command: typer.Typer = app) -> Ran:
    """A command in this process."""
    found = CliRunner().invoke(command, list(args), prog_name="secondline", env={"COLUMNS": "80"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Ran(found.exit_code, found.stdout, found.stderr)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with rules that have two findings, and a case that fails; the command runs there."""
    shutil.copytree(ROOT / "tests" / "files" / "base", tmp_path / "rules")
    path = tmp_path / "rules" / "verdicts" / "stop.yaml"
    path.write_text(path.read_text().replace("title: no gain", "title: no gain in 12 weeks\nreview_by: 2020-01-01"))
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "x.yaml").write_text(
        "{title: nobody, as_of: 2026-11-22, profile: {}, expect: {settled: true}}"
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("args", "ids"),
    [(["check", "rules"], ["SL101", "SL203"]), (["test", "cases", "--rules", "rules"], ["nobody"])],
)
@pytest.mark.usefixtures("broken")
def test_commands_write_all_forms(args: list[str], ids: list[str]) -> None:
    texts = {form: call(*args, "--format", form) for form in ("text", "json", "junit", "sarif")}
    assert {ran.code for ran in texts.values()} == {1}
    assert {ran.err for ran in texts.values()} == {""}
    one = taken(texts["sarif"].out)
    assert [result["ruleId"] for result in one["results"]] == ids
    assert all(re.match(r"(rules|cases)/", place(r)["artifactLocation"]["uri"]) for r in one["results"])
    suite = ET.fromstring(texts["junit"].out)
    assert int(suite.get("tests", "")) == len(suite)
    assert suite.get("failures") == "1" == str(len([*suite.iter("failure")]))
    assert len(json.loads(texts["json"].out)["problems"]) == len(ids)


@pytest.mark.usefixtures("broken")
def test_a_level_is_the_kind_s() -> None:
    results = taken(call("check", "rules", "--format", "sarif").out)["results"]
    assert [result["level"] for result in results] == ["error", "warning"]


def test_the_shipped_rules_as_github_takes_them() -> None:
    assert taken(call("check", "--format", "sarif").out)["results"] == []


def test_codes_are_listed_and_explained() -> None:
    listed = call("check", "--list")
    assert (listed.code, listed.err) == (0, "")
    for code in KINDS:
        assert re.search(rf"^{code}  ", listed.out, re.MULTILINE)
        ran = call("check", "--explain", code)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(code)
        assert max(map(len, ran.out.splitlines())) <= 80
    wrong = call("check", "--explain", "SL10")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no finding has the code `SL10`; did you mean `SL1" in wrong.err


@pytest.mark.usefixtures("broken")
def test_check_reads_cases_and_says_what_else_it_saw() -> None:
    ran = call("check", "rules", "--cases", "cases", "--as-of", "2019-12-31")
    assert ran.code == 1
    assert "[SL601]" in ran.out
    assert "[SL203]" not in ran.out, "not overdue yet"
    assert ran.out.splitlines()[-1].endswith("; 1 case")
    assert call("check", "rules", "--cases", "nowhere").code == 3
