"""Every file of `rules/`, one test each: ids, dates, cites, a case where it fires and a near miss."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from conftest import RULES
from secondline.cases import CaseFile
from secondline.evidence import public_from
from secondline.forms.rules import Rule
from secondline.lint.run import lint
from secondline.lint.tested import Tried, counting, fires, nearly_fires, tried
from secondline.loading import load
from secondline.recommendation import CautionShown, Option, Reason, Recommendation
from secondline.rulefiles import rule_files
from secondline.source import parse
from secondline.store import Ready, made_ready
from secondline.wording import cites_in

FOLDERS = ("verdicts", "options", "safety", "tests", "cautions")
FILES = {path.stem: path for folder in FOLDERS for path in sorted((RULES / folder).glob("*.yaml"))}
SECOND_HAND = re.compile(r"https?://|www\.")


@pytest.fixture(scope="module")
def made(shipped: list[CaseFile], ready: Ready) -> list[Tried]:
    return tried(ready.base, shipped)


@pytest.fixture(scope="module")
def rules(ready: Ready) -> dict[str, Rule]:
    return {rule.id: rule for rule in ready.base.rules()}


@pytest.mark.parametrize("name", FILES)
def test_rule(name: str, ready: Ready, rules: dict[str, Rule], made: list[Tried]) -> None:
    (document,) = parse(FILES[name].read_bytes(), name)
    held = document.plain()
    assert held["id"] == name
    here = counting(rules[name], ready.base, made)
    assert fires(rules[name], here), "no case where it fires"
    assert nearly_fires(rules[name], here), "no near miss"
    shown = {cite for cite, _ in cites_in(held.get("says", ""))}
    assert shown <= set(held.get("cites", ())), "a text shows what the rule does not cite"


@pytest.mark.parametrize("path", sorted(RULES.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_file_cites_a_web_address(path: Path) -> None:
    assert not SECOND_HAND.search(path.read_text())


def test_the_shipped_rules_are_clean() -> None:
    assert not lint(load(rule_files(RULES))).findings


def test_each_verdict_is_reached_from_several_sides(answers: list[Recommendation]) -> None:
    sides = defaultdict(set)
    for answer in answers:
        sides[answer.verdict].add(answer.decided_by)
    assert set(sides) == set(get_args(get_type_hints(Recommendation)["verdict"]))
    open_on = {missing for answer in answers for missing in answer.missing}
    assert all(len(rules) >= 2 for verdict, rules in sides.items() if verdict != "undetermined")
    assert len(open_on) >= 5


def test_nothing_is_cited_before_it_was_public(answers: list[Recommendation]) -> None:
    held = made_ready(rule_files(RULES)).base
    reports = {(item.id, report.id): report for item in held.evidence.values() for report in item.reports}
    for answer in answers:
        shown: list[Reason | Option | CautionShown] = [*answer.reasons, *answer.options, *answer.cautions]
        for item in (item for one in shown for item in one.evidence):
            public = public_from(reports[(item.id, item.report)], held.knowledge_until)
            assert public.isoformat() <= answer.case.as_of, item.report


@pytest.mark.long
def test_every_figure_shown_stands_in_the_report_it_names(answers: list[Recommendation]) -> None:
    """Digits are shown as typed: each number of a line of figures is in the text of the evidence file."""
    held = made_ready(rule_files(RULES)).base
    texts = {item.id: (RULES / "evidence" / f"{item.id.lower()}.yaml").read_text() for item in held.evidence.values()}
    seen = 0
    for answer in answers:
        shown: list[Reason | Option] = [*answer.reasons, *answer.options]
        for item in (item for one in shown for item in one.evidence):
            for number in re.findall(r"\d+(?:\.\d+)?", item.figures):
                seen += 1
                assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.]*\d)", texts[item.id]), (item.id, number)
    assert seen > 1000
