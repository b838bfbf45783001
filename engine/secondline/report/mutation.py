"""Which changed rules the cases notice, for a reader: figures, and each survivor as a diff with a case for it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from secondline.authoring.mutants import KINDS, Mutant, Mutants
from secondline.authoring.mutation import Example, Judgement, Status
from secondline.authoring.patients import as_yaml, case_of
from secondline.errors import counted

_STATUSES: tuple[Status, ...] = ("noticed", "equivalent", "survived", "open")
_KINDS: Mapping[str, str] = {
    "condition": "conditions negated, left out, all and any",
    "limit": "limits moved",
    "value": "values and operators",
    "definition": "values and cases of definitions",
    "conclusion": "conclusions, and what they are for",
    "override": "overrides left out",
    "days": "days in effect",
    "citation": "citations",
}


class Judged(NamedTuple):
    """A mutant with what became of it."""

    mutant: Mutant
    found: Judgement


class Report(NamedTuple):
    """What was found, ready to be written down."""

    mutants: Mutants
    judged: Sequence[Judged]
    cases: int

    def of(self, *statuses: Status) -> list[Judged]:
        return [one for one in self.judged if one.found.status in statuses]


def as_text(report: Report, *, equivalent: bool = False) -> str:
    """A table of figures, then each survivor; with `equivalent` those that change nothing too."""
    rules = len({one.found.name for one in report.judged})
    those = "1 rule or definition" if rules == 1 else f"{rules} rules and definitions"
    lines = [f"{counted(len(report.judged), 'mutant')} of {those}, {counted(report.cases, 'case')}", ""]
    lines.append(f"{'':42}  mutants  noticed  equivalent  survived")
    counts = Counter((one.mutant.change.kind, one.found.status) for one in report.judged)
    for kind in (*KINDS, "all"):
        held = Counter[Status]()
        for (of_kind, status), count in counts.items():
            held[status] += count if kind in (of_kind, "all") else 0
        if held.total():
            left = held["survived"] + held["open"]
            name = _KINDS.get(kind, kind)
            lines.append(f"{name:42}  {held.total():7}  {held['noticed']:7}  {held['equivalent']:10}  {left:8}")
    for one in report.of("survived", "open"):
        lines += ["", *_survivor(one, report)]
    if equivalent and report.of("equivalent"):
        lines += ["", "Proved to change nothing for any patient of whom all is known, on any day, in any jurisdiction"]
        lines += [f"{one.mutant.place}: {one.mutant.change.says}" for one in report.of("equivalent")]
    return "\n".join(lines) + "\n"


def _survivor(one: Judged, report: Report) -> Iterator[str]:
    yield f"{one.mutant.place}: {one.mutant.change.says}: no case notices"
    yield diff(one, report)
    if one.found.example is None:
        yield "some patient is answered otherwise, but none was found whom a case can state"
    else:
        yield "a case that notices:"
        yield as_yaml([case([one.mutant], one.found.example)]).rstrip()


def diff(one: Judged, report: Report) -> str:
    """A mutant as a change of its author's file."""
    return report.mutants.written(one.mutant.name).diff(one.mutant.change.edits, one.mutant.place.file.lstrip("/"))


def case(mutants: Sequence[Mutant], example: Example) -> dict[str, Any]:
    """The case that notices mutants, as a case file has it, named for the first."""
    first, others = mutants[0], len(mutants) - 1
    more = f" and {others} other change{'s' if others > 1 else ''}" if others else ""
    title = f"{first.before.title or first.name}: notices {first.change.says}{more}"
    name = f"{first.name}-{first.place.line}-{first.place.column}"
    return case_of(example.facts, example.asked, name, title, example.expect)


def as_json(report: Report) -> str:
    counts = Counter(one.found.status for one in report.judged)
    found: dict[str, object] = {
        "mutants": len(report.judged),
        "cases": report.cases,
        **{status: counts[status] for status in _STATUSES},
        "judged": [_as_dict(one, report) for one in report.judged],
    }
    return json.dumps(found, sort_keys=True, ensure_ascii=False, indent=2) + "\n"


def _as_dict(one: Judged, report: Report) -> dict[str, Any]:
    mutant, found = one.mutant, one.found
    held = {
        "rule": mutant.name,
        "kind": mutant.change.kind,
        "says": mutant.change.says,
        "file": mutant.place.file,
        "line": mutant.place.line,
        "column": mutant.place.column,
        "status": found.status,
    }
    if found.by:
        held["by"] = found.by
    if found.status in ("survived", "open"):
        held["diff"] = diff(one, report)
    if found.example is not None:
        held["case"] = case([mutant], found.example)
    return held
