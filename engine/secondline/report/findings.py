"""What was checked and what was found, for people and for the tools of continuous integration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from secondline import __version__
from secondline.errors import Problem


class Checked(NamedTuple):
    """One thing that was checked, under a name, with the problems found in it."""

    name: str
    problems: tuple[Problem, ...] = ()


def as_json(checked: Sequence[Checked]) -> str:
    problems = [
        {
            "check": item.name,
            "file": problem.place.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "message": problem.message,
        }
        for item in checked
        for problem in item.problems
    ]
    failed = sum(bool(item.problems) for item in checked)
    summary = {"checked": len(checked), "failed": failed, "problems": problems}
    return json.dumps(summary, sort_keys=True, indent=2, ensure_ascii=False)


def as_junit(checked: Sequence[Checked], suite: str) -> str:
    from xml.etree import ElementTree as Xml

    failed = sum(bool(item.problems) for item in checked)
    root = Xml.Element("testsuite", name=suite, tests=str(len(checked)), failures=str(failed))
    for item in checked:
        case = Xml.SubElement(root, "testcase", name=item.name, classname=suite)
        if item.problems:
            failure = Xml.SubElement(case, "failure", message=item.problems[0].message)
            failure.text = "\n".join(map(str, item.problems))
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True)


def as_sarif(checked: Sequence[Checked]) -> str:
    results = [
        {
            "ruleId": item.name,
            "level": "error",
            "message": {"text": problem.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": problem.place.file},
                        "region": {
                            "startLine": max(problem.place.line, 1),
                            "startColumn": max(problem.place.column, 1),
                        },
                    }
                }
            ],
        }
        for item in checked
        for problem in item.problems
    ]
    rules = [{"id": name} for name in sorted({str(result["ruleId"]) for result in results})]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": {"name": "secondline", "version": __version__, "rules": rules}}, "results": results}
        ],
    }
    return json.dumps(log, sort_keys=True, indent=2, ensure_ascii=False)
