"""What cases exercise, for a reader: as text, as JSON, and as a page with the rules' own text coloured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from secondline.authoring.coverage import (
    DECISION,
    FIRED,
    NOT_FIRED,
    Coverage,
    Figure,
    Kind,
    Target,
    part_of,
    place_of,
)
from secondline.authoring.suggest import Gaps
from secondline.authoring.written import Span, Steps, Written
from secondline.condition import DEFINED, All, Test, sentence
from secondline.errors import Place, counted
from secondline.loading import Loaded
from secondline.rulebase import RuleBase

TEMPLATES = Path(__file__).parent / "templates"
_KINDS: Mapping[Kind, str] = {
    "verdict": "verdicts",
    "rule": "rules, fired and not fired",
    "branch": "branches of definitions",
    "value": "values of definitions",
    "condition": "conditions, true and false",
    "group": "all, any and not, true and false",
    "tier": "tiers of regimens",
    "law": "laws that apply",
}
_MCDC = "MC/DC: conditions that alone decide, both ways"


class Report(NamedTuple):
    """What was found, ready to be written down."""

    loaded: Loaded
    coverage: Coverage
    gaps: Gaps

    @property
    def total(self) -> Figure:
        """All that can be exercised, MC/DC apart."""
        figures = self.coverage.figures(self.gaps.impossible).values()
        return Figure(sum(figure.exercised for figure in figures), sum(figure.of for figure in figures))

    @property
    def open(self) -> list[Target]:
        """The gaps that a case could close."""
        return [target for target in self.coverage.missed() if target not in self.gaps.impossible]


def says(target: Target, base: RuleBase, *, ever: bool = False) -> str:
    """A gap in words, without its place; with `ever` that there is no patient for it."""
    never = "can never" if ever else "never"
    name, outcome = target.name, target.outcome
    if target.kind == "verdict":
        return f"no {'patient can be' if ever else 'case is'} answered `{outcome}`"
    if target.kind == "rule":
        wording = {(FIRED, False): "never fires", (FIRED, True): "can never fire"}
        return f"`{name}` {wording.get((outcome, ever), f'{never} fail to fire' if ever else 'never fails to fire')}"
    if target.kind == "branch":
        branch = "`otherwise`" if target.path == ("otherwise",) else f"case {int(target.path[1]) + 1}"
        return f"{branch} of `{name}` {'can never be' if ever else 'is never'} taken"
    if target.kind in ("value", "tier"):
        return f"`{name}` {'can never be' if ever else 'is never'} {outcome}"
    if target.kind == "law":
        return f"`{name}` {'can never apply' if ever else 'never applies'}"
    part = part_of(base, target)
    what = f"`{sentence(part, lambda fact: fact.removeprefix(DEFINED))}`"
    if not isinstance(part, Test) and hasattr(part, "parts"):
        what = f"`{'all' if isinstance(part, All) else 'any'}` of {len(part.parts)} conditions"
    if target.kind == DECISION:
        return f"{what} {'can never decide' if ever else 'never decides'} alone by being {outcome}, in `{name}`"
    return f"{what} {'can never be' if ever else 'is never'} {outcome}, in `{name}`"


# --- text -------------------------------------------------------------------------------------------------


def as_text(report: Report) -> str:
    """A table of figures, the gaps with their places, and what no patient can exercise."""
    coverage, base = report.coverage, report.loaded.base
    rows = [(_KINDS[kind], figure) for kind, figure in coverage.figures(report.gaps.impossible).items()]
    rows.append(("all of these", report.total))
    rows.append((_MCDC, coverage.mcdc(report.gaps.impossible)))
    rules = len(list(base.rules()))
    lines = [
        f"{counted(coverage.cases, 'case')}, {counted(rules, 'rule')}, "
        f"{counted(len(base.definitions), 'definition')}, {counted(len(report.loaded.laws), 'law')}"
    ]
    lines += ["", f"{'':46}  exercised     of      %"]
    lines += [f"{name:46}  {figure.exercised:9}  {figure.of:5}  {_percent(figure):>5}" for name, figure in rows]
    for title, targets, ever in (
        ("Gaps", report.open, False),
        ("Cannot be otherwise, whatever the patient; not counted", report.gaps.impossible, True),
    ):
        found = sorted((place_of(target, report.loaded), says(target, base, ever=ever)) for target in targets)
        if found:
            lines += ["", title, *(f"{place}: {words}" for place, words in found)]
    return "\n".join(lines) + "\n"


def _percent(figure: Figure) -> str:
    """A percentage that reads 100 only where nothing is left out."""
    return "100" if figure.exercised == figure.of else f"{min(figure.percent, 99.9):.1f}"


# --- JSON -------------------------------------------------------------------------------------------------


def as_json(report: Report) -> str:
    coverage, impossible = report.coverage, report.gaps.impossible

    def figure(one: Figure) -> dict[str, Any]:
        return {"exercised": one.exercised, "of": one.of, "percent": round(one.percent, 2)}

    def listed(targets: Iterable[Target], *, ever: bool) -> list[dict[str, Any]]:
        return [_as_dict(target, report.loaded, ever=ever) for target in targets]

    found = {
        "cases": coverage.cases,
        "figures": {kind: figure(one) for kind, one in coverage.figures(impossible).items()},
        "total": figure(report.total),
        "mcdc": figure(coverage.mcdc(impossible)),
        "rules": [_rule(name, coverage) for name in sorted(_names(coverage))],
        "gaps": listed(report.open, ever=False),
        "impossible": listed(impossible, ever=True),
    }
    return json.dumps(found, sort_keys=True, ensure_ascii=False, indent=2) + "\n"


def _as_dict(target: Target, loaded: Loaded, *, ever: bool) -> dict[str, Any]:
    place = place_of(target, loaded)
    return {
        "kind": target.kind,
        "name": target.name,
        "outcome": target.outcome,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "says": says(target, loaded.base, ever=ever),
    }


def _names(coverage: Coverage) -> set[str]:
    return {target.name for target in coverage.targets if target.kind == "rule"}


def _rule(name: str, coverage: Coverage) -> dict[str, Any]:
    """In how many cases a rule fires, does not, and is undetermined."""
    fired, not_fired = (_cases(Target("rule", name, (), outcome), coverage) for outcome in (FIRED, NOT_FIRED))
    open_in = coverage.undetermined.get(name, 0)
    return {"id": name, "fired": fired, "not_fired": not_fired, "undetermined": open_in}


def _cases(target: Target, coverage: Coverage) -> int:
    return coverage.hits[target].cases if target in coverage.hits else 0


# --- HTML -------------------------------------------------------------------------------------------------


class Piece(NamedTuple):
    """A run of a file's text; marked with how it is exercised, and in words."""

    text: str
    mark: str = ""
    says: str = ""


class Page(NamedTuple):
    """One file: its rule, how often it fires, its text in pieces, how many gaps it has."""

    name: str
    title: str
    file: str
    counts: str
    pieces: tuple[Piece, ...]
    gaps: int


def as_html(report: Report, texts: Mapping[str, str]) -> str:
    """A page that needs nothing beside itself; `texts` are the rule files by name."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    coverage, loaded = report.coverage, report.loaded
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [(_KINDS[kind], figure) for kind, figure in coverage.figures(report.gaps.impossible).items()]
    figures += [("all of these", report.total), (_MCDC, coverage.mcdc(report.gaps.impossible))]
    lists = [
        sorted((_inside(target, loaded), target.name, says(target, loaded.base, ever=ever)) for target in some)
        for some, ever in ((report.open, False), (report.gaps.impossible, True))
    ]
    return environment.get_template("coverage.html").render(
        cases=coverage.cases,
        figures=[(name, figure, _percent(figure)) for name, figure in figures],
        gaps=lists[0],
        impossible=lists[1],
        pages=list(_pages(report, texts)),
        version=loaded.base.version,
    )


def _inside(target: Target, loaded: Loaded) -> Place:
    """The place of a target within the rule folder."""
    place = place_of(target, loaded)
    return place._replace(file=place.file.removeprefix(f"{loaded.folder}/"))


def _pages(report: Report, texts: Mapping[str, str]) -> Iterator[Page]:
    loaded, coverage = report.loaded, report.coverage
    by_name: dict[str, list[Target]] = {}
    for target in coverage.targets:
        if target.kind in ("rule", "branch", "value", "condition", "group", DECISION):
            by_name.setdefault(target.name, []).append(target)
    titles = {rule.id: rule.title for rule in loaded.base.rules()}
    titles |= {definition.id: definition.title for definition in loaded.base.definitions}
    order = sorted(by_name, key=lambda name: loaded.nodes[name].place.file)
    for name in order:
        file = loaded.nodes[name].place.file
        written = Written(texts[file])
        missed = [t for t in by_name[name] if t not in coverage.hits and t not in report.gaps.impossible]
        yield Page(
            name,
            titles[name] or name,
            file.removeprefix(f"{loaded.folder}/"),
            _counts(name, coverage),
            tuple(_pieces(written, _marks(written, by_name[name], report))),
            len(missed),
        )


def _counts(name: str, coverage: Coverage) -> str:
    if name not in _names(coverage):
        return ""
    held = _rule(name, coverage)
    fired = counted(held["fired"], "case")
    return f"fires in {fired}, not in {held['not_fired']}, undetermined in {held['undetermined']}"


def _marks(written: Written, targets: Sequence[Target], report: Report) -> dict[Span, tuple[str, str]]:
    """How each part of a file that is a condition, a group or a branch is exercised."""
    by_path: dict[Steps, list[Target]] = {}
    for target in targets:
        if target.path:
            by_path.setdefault(target.path, []).append(target)
    found: dict[Span, tuple[str, str]] = {}
    for path, here in by_path.items():
        kind = here[0].kind
        if kind == "branch":
            span = written.span(path if path == ("otherwise",) else (*path, "value"))
        elif kind == "group":
            (key,) = written.keys(path)
            span = written.key(path, key)
        else:
            span = written.span(path)
        found[span] = _exercised([target for target in here if target.kind != DECISION], here, report)
    return found


def _exercised(outcomes: Sequence[Target], here: Sequence[Target], report: Report) -> tuple[str, str]:
    """`both`, `one`, `never` or `fixed` for what cannot be otherwise; and how often in words."""
    hits, impossible = report.coverage.hits, report.gaps.impossible
    seen = [target for target in outcomes if target in hits]
    possible = [target for target in outcomes if target not in impossible]
    mark = (
        "both" if len(seen) == len(outcomes) else "fixed" if len(seen) == len(possible) else "one" if seen else "never"
    )
    words = [f"{target.outcome} in {counted(_cases(target, report.coverage), 'case')}" for target in outcomes]
    alone = [target for target in here if target.kind == DECISION and target not in hits and target not in impossible]
    words += [f"never decides alone by being {target.outcome}" for target in alone]
    words += [f"can never be {target.outcome}" for target in outcomes if target in impossible]
    if alone and mark in ("both", "fixed"):
        mark = "alone"
    return mark, "; ".join(words)


def _pieces(written: Written, marks: Mapping[Span, tuple[str, str]]) -> Iterator[Piece]:
    at = 0
    for span, (mark, words) in sorted(marks.items()):
        yield Piece(written.text[at : span.start])
        yield Piece(written.text[span.start : span.end], mark, words)
        at = span.end
    yield Piece(written.text[at:])
