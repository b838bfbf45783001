"""Figures of evidence files, changed one at a time as a slip of the pen would change them, and who notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

from conftest import ROOT, RULES
from secondline.audit.across import check_across
from secondline.audit.ledger import NUMBER, Figure, Ledger, figures
from secondline.audit.run import opened, settle
from secondline.cases import CaseFile, CaseReader, Days, compare
from secondline.cli.check import findings
from secondline.errors import InputError
from secondline.forms.evidence import Evidence
from secondline.loading import _Loader, load
from secondline.recommend import Adviser, recommend
from secondline.rulefiles import RuleFiles, rule_files
from secondline.source import Node, parse
from secondline.store import made_ready

COUNTS = ("n", "events", "count")


class Place(NamedTuple):
    """A figure in the text of a file: from where to where, and what group of figures it belongs to."""

    file: str
    figure: Figure
    start: int
    end: int

    @property
    def in_words(self) -> bool:
        return self.figure.word is not None

    @property
    def group(self) -> str:
        names = [step for step in self.figure.path if isinstance(step, str)]
        if self.in_words:
            return f"in words: {'notes' if names[0] == 'notes' else names[-1] if names[-1] == 'finding' else 'other'}"
        holder = "arm" if "arms" in names else "effect" if "effect" in names else "criterion" if "when" in names else ""
        return f"{holder} {names[-1]}".strip() if holder else names[0] if names[0] == "approvals" else names[-1]


class Corruption(NamedTuple):
    place: Place
    kind: str
    before: str
    after: str
    data: bytes

    def __str__(self) -> str:
        path = ".".join(map(str, self.place.figure.path))
        return f"{self.place.file}: {path}: {self.before} -> {self.after} ({self.kind})"


class Bench:
    """The shipped rules with one evidence file changed at a time; only what the change can reach is made anew."""

    def __init__(self) -> None:
        self.files = rule_files(RULES)
        self.loaded = load(self.files)
        self.until = self.loaded.base.knowledge_until
        self.texts = {name: data.decode() for name, data in self.files.contents.items() if name.startswith("evidence/")}
        self.loader = _Loader(self.files)
        self.loader.parse_files()
        self.loader.terms = self.loader.defined_terms(self.loader.vocabulary())
        self.of_file = {name: self.node(name).value["id"].text for name in self.texts}
        self.evidence = {name: self.loaded.base.evidence[self.of_file[name]] for name in self.texts}
        self.ledgers = {name: opened(item, self.until) for name, item in self.evidence.items()}
        self.alone = {name: list(ledger.findings) for name, ledger in self.ledgers.items()}

    def node(self, name: str) -> Node:
        return self.loader.nodes["evidence"][name]

    def places(self) -> Iterator[Place]:
        for name, item in self.evidence.items():
            node, text = self.node(name), self.texts[name]
            lines = [0, *(found.end() for found in re.finditer("\n", text))]
            criteria = [figure for figure in figures(item) if figure.path[-1] == "when"]
            for figure in figures(item):
                held, walked = node.at(figure.path)
                if figure in criteria or walked != figure.path:
                    continue
                start = lines[held.place.line - 1] + held.place.column - 1
                start += text[start] in "\"'"
                if text[start : start + len(held.text)] != held.text:
                    continue
                if figure.word is None:
                    yield Place(name, figure, start, start + len(held.text))
                else:
                    found = list(NUMBER.finditer(held.text))[figure.word]
                    yield Place(name, figure, start + found.start(), start + found.end())
            for i, _ in enumerate(item.eligibility.criteria if item.eligibility else ()):
                path = ("eligibility", "criteria", i, "when")
                for leaf in _numbers(node.at(path)[0]):
                    start = lines[leaf.place.line - 1] + leaf.place.column - 1
                    yield Place(name, Figure(path, leaf.text), start, start + len(leaf.text))

    # --- corrupting ---------------------------------------------------------------------------------------

    def corrupt(self, place: Place, random: Random) -> Corruption | None:
        """A change that the file's reader has to notice; None if the kind drawn cannot be done here."""
        text = self.texts[place.file]
        before = text[place.start : place.end]
        kind = random.choice(["digit", "digit", "swap", "decimal", "limits", "sign", "off"])
        after, start, end = before, place.start, place.end
        digits = [i for i, char in enumerate(before) if char.isdigit()]
        field = place.figure.path[-1]
        number = re.fullmatch(r"\d+(\.\d+)?", before) is not None
        if kind == "digit":
            at = random.choice(digits)
            after = before[:at] + random.choice([d for d in "0123456789" if d != before[at]]) + before[at + 1 :]
        elif kind == "swap":
            pairs = [(a, b) for a, b in pairwise(digits) if before[a] != before[b] and b - a <= 2]
            if pairs:
                a, b = random.choice(pairs)
                after = before[:a] + before[b] + before[a + 1 : b] + before[a] + before[b + 1 :]
        elif kind == "decimal" and "." in before and number:
            whole, fraction = before.split(".")
            up = f"{whole}{fraction[0]}" + (f".{fraction[1:]}" if fraction[1:] else "")
            down = f"{whole[:-1] or '0'}.{whole[-1]}{fraction}"
            after = random.choice([up.lstrip("0") or "0", down])
            after = f"0{after}" if after.startswith(".") else after
        elif kind == "limits" and field in (0, 1) and number:
            found = re.compile(r"\[([\d.]+), ([\d.]+)\]").search(text, max(0, place.start - 12))
            if found and found.start() < place.start < found.end():
                start, end = found.span()
                before, after = found[0], f"[{found[2]}, {found[1]}]"
        elif kind == "sign" and number:
            percent = field == "percent" or ("arms" in place.figure.path and field in (0, 1))
            after = random.choice([f"-{before}", f"{float(before) / 100:g}"] if percent else [f"-{before}"])
        elif kind == "off" and field in COUNTS and number:
            after = str(max(0, int(before) + random.choice([-10, -3, -2, -1, 1, 2, 3, 10])))
        if after == before or (number and field not in (0, 1) and _same(before, after)):
            return None
        return Corruption(place, kind, before, after, (text[:start] + after + text[end:]).encode())

    def draw(self, places: list[Place], count: int, random: Random) -> list[Corruption]:
        found: list[Corruption] = []
        while len(found) < count:
            corruption = self.corrupt(random.choice(places), random)
            if corruption:
                found.append(corruption)
        return found

    # --- noticing -----------------------------------------------------------------------------------------

    def read(self, corruption: Corruption) -> tuple[Evidence | None, bool]:
        """The changed file as a model, None if it is no file of that form; and whether loading refuses it."""
        self.loader.problems, self.loader.ids = [], {}
        try:
            nodes = parse(corruption.data, corruption.place.file)
        except InputError:
            return None, True
        kept = self.loader.nodes["evidence"]
        self.loader.nodes["evidence"] = {corruption.place.file: nodes[0]}
        found = self.loader.evidence()
        self.loader.nodes["evidence"] = kept
        return next(iter(found.values()), None), bool(self.loader.problems)

    def audited(self, name: str, item: Evidence) -> bool:
        """Whether the audit finds anything, with this file in place of the shipped one."""
        ledgers: list[Ledger] = []
        for other, ledger in self.ledgers.items():
            if other == name:
                ledgers.append(opened(item, self.until))
            else:
                ledger.findings = list(self.alone[other])
                ledgers.append(ledger)
        check_across(ledgers, self.until)
        return any(settle(ledger)[0] for ledger in ledgers)

    def changed_beyond_figures(self, name: str, item: Evidence) -> bool:
        """Whether anything but the digits that texts show is different: what `check` and cases can depend on."""
        return _skeleton(item) != _skeleton(self.evidence[name])

    def changed(self, corruption: Corruption) -> RuleFiles:
        return self.files._replace(contents={**self.files.contents, corruption.place.file: corruption.data})


class Caught(NamedTuple):
    """Who noticed a corruption first."""

    corruption: Corruption
    by: str | None  # `audit`, `check`, `cases` or nobody


def judge(bench: Bench, corruption: Corruption, cases: Cases | None) -> Caught:
    """Who notices: the audit alone; else `check`; else a case that passes on the shipped rules and then does not.

    What is no evidence file any more (a 13th month, a negative count) counts for `check`: the audit never sees it.
    """
    item, refused = bench.read(corruption)
    if item is not None and bench.audited(corruption.place.file, item):
        return Caught(corruption, "audit")
    if item is None or refused:
        return Caught(corruption, "check")
    if not bench.changed_beyond_figures(corruption.place.file, item):
        return Caught(corruption, None)
    files = bench.changed(corruption)
    if findings(files, None, None)[0]:
        return Caught(corruption, "check")
    if cases is not None and cases.notice(files):
        return Caught(corruption, "cases")
    return Caught(corruption, None)


class Cases:
    """One in five of the shipped cases, those that pass on the shipped rules."""

    def __init__(self, files: RuleFiles) -> None:
        self.files = files
        self.contents = {path: path.read_bytes() for path in sorted((ROOT / "cases").glob("*.yaml"))}

    @cached_property
    def passing(self) -> frozenset[tuple[Path, str]]:
        return self.failing_in(self.files, None)[1]

    def notice(self, files: RuleFiles) -> bool:
        return bool(self.failing_in(files, self.passing)[0])

    def failing_in(
        self, files: RuleFiles, among: frozenset[tuple[Path, str]] | None
    ) -> tuple[bool, frozenset[tuple[Path, str]]]:
        held = made_ready(files)
        held.base.prepare()
        adviser, reader = Adviser(held.base, held.program), CaseReader(held.base, held.case_schema, Days())
        passed: set[tuple[Path, str]] = set()
        for path, data in self.contents.items():
            cases, problems = reader.read(data, path.name)
            if problems and among is not None:
                return True, frozenset()
            for case in cases[::5]:
                if among is None or (path, case.id) in among:
                    if _passes(case, adviser):
                        passed.add((path, case.id))
                    elif among is not None:
                        return True, frozenset()
        return False, frozenset(passed)


def _passes(case: CaseFile, adviser: Adviser) -> bool:
    if case.case.expect is None:
        return False
    return not compare(case, recommend(case.case.profile, adviser, case.question()))


def _numbers(node: Node) -> Iterator[Node]:
    if isinstance(node.value, dict):
        for inner in node.value.values():
            yield from _numbers(inner)
    elif isinstance(node.value, list):
        for inner in node.value:
            yield from _numbers(inner)
    elif isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        yield node


def _same(before: str, after: str) -> bool:
    try:
        return float(before) == float(after)
    except ValueError:
        return False


def _skeleton(item: Evidence) -> object:
    """What an answer's verdict, options and cites, and the rules' cross-references, are made of."""
    return (
        item.id,
        item.kind,
        item.independent,
        item.approvals,
        [criterion.when for criterion in item.eligibility.criteria] if item.eligibility else [],
        [
            (
                report.id,
                report.first_public,
                report.citation.year,
                report.jurisdiction,
                [
                    (r.endpoint, r.subgroup, r.comparison, r.assessor, bool(r.effect), r.replaces)
                    for r in report.results
                ],
            )
            for report in item.reports
        ],
    )
