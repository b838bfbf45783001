"""What was checked and what was found, for people and for the tools of continuous integration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple
from urllib.parse import quote

from secondline import __version__
from secondline.errors import Problem
from secondline.lint.kinds import KINDS, Finding, Kind

_MOST = 1024  # characters that GitHub shows of a description


class Checked(NamedTuple):
    """One thing that was checked, under a name, with what was found in it; a finding has the code of its kind."""

    name: str
    problems: tuple[Problem | Finding, ...] = ()


def as_json(checked: Sequence[Checked]) -> str:
    problems = [
        {
            "check": item.name,
            "file": problem.place.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "message": problem.message,
            **_coded(problem),
        }
        for item in checked
        for problem in item.problems
    ]
    failed = sum(bool(item.problems) for item in checked)
    summary = {"checked": len(checked), "failed": failed, "problems": problems}
    return json.dumps(summary, sort_keys=True, indent=2, ensure_ascii=False)


def _coded(problem: Problem | Finding) -> dict[str, str]:
    if isinstance(problem, Problem):
        return {}
    return {"code": problem.code, "name": KINDS[problem.code].name, "level": KINDS[problem.code].level}


# --- JUnit ------------------------------------------------------------------------------------------------


def as_junit(checked: Sequence[Checked], suite: str) -> str:
    """One test case for each thing checked, failed with everything found in it; the first finding gives its type."""
    from xml.etree import ElementTree as Xml

    failed = sum(bool(item.problems) for item in checked)
    root = Xml.Element("testsuite", name=suite, tests=str(len(checked)), failures=str(failed), errors="0", skipped="0")
    for item in checked:
        case = Xml.SubElement(root, "testcase", name=item.name, classname=suite)
        if item.problems:
            first = item.problems[0]
            kind = first.code if isinstance(first, Finding) else suite
            failure = Xml.SubElement(case, "failure", message=first.message, type=kind)
            failure.text = "\n".join(map(str, item.problems))
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True)


# --- SARIF ------------------------------------------------------------------------------------------------


def as_sarif(checked: Sequence[Checked], kinds: Iterable[Kind] = ()) -> str:
    """SARIF 2.1.0, with all that GitHub's code scanning asks for.

    The rules are those `kinds`, and the name of each check with a problem that has no code.
    """
    rules = [_rule(kind) for kind in kinds]
    uncoded = {item.name for item in checked for problem in item.problems if isinstance(problem, Problem)}
    rules += [_named_rule(name) for name in sorted(uncoded)]
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    driver = {"name": "secondline", "version": __version__, "semanticVersion": __version__, "rules": rules}
    results = list(_results(checked, places))
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, sort_keys=True, indent=2, ensure_ascii=False)


def _rule(kind: Kind) -> dict[str, Any]:
    example = f"For example: {kind.example}"
    return {
        "id": kind.code,
        "name": kind.name,
        "shortDescription": {"text": _sentence(kind.says)},
        "fullDescription": {"text": kind.why},
        "help": {
            "text": f"{_sentence(kind.says)} {kind.why}\n{example}\n{kind.mend}",
            "markdown": f"{_sentence(kind.says)} {kind.why}\n\n```yaml\n{kind.example}\n```\n\n{kind.mend}",
        },
        "defaultConfiguration": {"level": kind.level},
        "properties": {"problem.severity": kind.level, "precision": "very-high"},
    }


def _named_rule(name: str) -> dict[str, Any]:
    said = {"text": name[:_MOST]}
    return {"id": name, "shortDescription": said, "fullDescription": said, "help": said}


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _results(checked: Sequence[Checked], places: dict[str, int]) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for item in checked:
        for problem in item.problems:
            rule = problem.code if isinstance(problem, Finding) else item.name
            uri = _uri(problem.place.file)
            print_of = sha256(f"{rule}\n{uri}\n{problem.message}".encode()).hexdigest()[:16]  # whatever its line
            seen[print_of] += 1
            region = {"startLine": max(problem.place.line, 1), "startColumn": max(problem.place.column, 1)}
            yield {
                "ruleId": rule,
                "ruleIndex": places[rule],
                "level": KINDS[problem.code].level if isinstance(problem, Finding) else "error",
                "message": {"text": problem.message},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
                "partialFingerprints": {"primaryLocationLineHash": f"{print_of}:{seen[print_of]}"},
            }


def _uri(file: str) -> str:
    """A file as a relative reference from where the command runs; one that lies elsewhere by its whole address."""
    path = Path(file)
    if not path.is_absolute():
        return quote(path.as_posix())
    return quote(path.relative_to(Path.cwd()).as_posix()) if path.is_relative_to(Path.cwd()) else path.as_uri()


# --- kinds ------------------------------------------------------------------------------------------------


def explained(kind: Kind, width: int = 80) -> str:
    """One kind of finding: what it means, an example, how it is mended."""
    head = f"{kind.code} {kind.name} ({kind.level}): {kind.says}"
    parts = (head, kind.why, f"For example: {kind.example}", kind.mend)
    return "\n\n".join("\n".join(wrap(part, width, break_on_hyphens=False)) for part in parts) + "\n"


def kinds_listed(kinds: Iterable[Kind], width: int = 80) -> str:
    """Every kind with its code, name and level."""
    held = [*kinds]
    widest = max(len(kind.name) for kind in held)
    starts = [f"{kind.code}  {kind.name:{widest}}  {kind.level:7}  " for kind in held]
    texts = [
        wrap(kind.says, width, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False)
        for kind, start in zip(held, starts, strict=True)
    ]
    return "".join(f"{line}\n" for lines in texts for line in lines)
