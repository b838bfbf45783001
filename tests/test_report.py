"""The answer in words: what leads, what is never left out, width, colour, and Markdown that cannot be broken."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conftest import ROOT
from helpers import TYPICAL, answer
from secondline.cases import CaseReader
from secondline.errors import Place, Problem
from secondline.explain import fact_label
from secondline.recommend import Adviser, recommend
from secondline.recommendation import Recommendation
from secondline.report.document import document
from secondline.report.findings import Checked, as_json, as_junit, as_sarif
from secondline.report.markdown import markdown
from secondline.report.text import text
from secondline.scales import OFFERED


def words(page: str) -> str:
    return " ".join(page.split())


def test_it_leads_with_the_answer(answers: list[Recommendation]) -> None:
    for one in answers:
        lines = text(one).splitlines()
        body = words("\n".join(lines[lines.index("") :]))
        assert body.startswith(words(one.headline))
        assert words(f"{one.verdict}: ") in body


@pytest.mark.long
@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_asked(width: int, answers: list[Recommendation]) -> None:
    for one in answers:
        for line in text(one, width=width).splitlines():
            assert len(line) <= width or " " not in line.strip()
            assert line == line.rstrip()


@pytest.mark.long
def test_nothing_that_matters_is_left_out(answers: list[Recommendation]) -> None:
    """Every option with its tier and checks, every closed one, test, caution and cited report is on the page."""
    for one in answers:
        for whole in (text(one, width=10_000), re.sub(r"\\(?=\W)", "", markdown(one)).replace("\\_", "_")):
            page, lines = words(whole), [words(line) for line in whole.splitlines()]
            for option in one.options:
                start = re.compile(rf"(?<![\w+-]){re.escape(option.regimen)}: {option.tier}\b")
                line = next(line for line in lines if start.search(line))  # in the trace a rule may be so called
                if option.checks:
                    offered = option.tier in OFFERED
                    assert (", once " if offered else "; not known: ") in line
                    assert all(fact_label(fact) in line for check in option.checks for fact in check.facts)
            for shut in one.closed:
                named = re.compile(rf"(?<![\w+-]){re.escape(shut.regimen)}(?![\w+])")
                assert any(line.endswith(f": {words(shut.says)}") and named.search(line) for line in lines)
            for test in one.tests:
                assert words(test.why) in page
            for reason in one.reasons:
                assert words(reason.says) in page
                for item in reason.evidence:
                    assert item.report in page
                    assert words(item.citation) in page
            for trial in one.applicability:
                assert f"{trial.id}: {trial.fit}" in page
            for entry in one.trace or ():
                assert f"{entry.rule}: {entry.status}" in page


def test_colour_only_where_it_is_asked(answers: list[Recommendation]) -> None:
    for one in answers[:20]:
        plain, coloured = text(one), text(one, colour=True)
        assert "\x1b" not in plain
        assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
        assert coloured != plain


def test_what_stands_open_is_said_beside_the_verdict(adviser: Adviser, reader: CaseReader) -> None:
    therapies = [{**TYPICAL["therapies"][0], "agents": ["ribociclib", "letrozole"], "stopped_for": "ongoing"}]
    one = answer(adviser, reader, {**TYPICAL, "therapies": therapies, "progression": {"status": "none"}})
    assert one.checks
    page = words(text(one))
    assert "apart from what stands open" in page
    assert "The verdict stands once QTcF (ms) is measured" in page


def test_old_knowledge_is_warned_of_at_the_top(adviser: Adviser, reader: CaseReader) -> None:
    from datetime import date

    late = answer(adviser, reader, TYPICAL, date(2030, 1, 1))
    page = document(late)
    assert page.warnings
    assert text(late).splitlines()[1].startswith("! ")
    assert not document(answer(adviser, reader, TYPICAL)).warnings


def test_markdown_shows_text_as_text(adviser: Adviser, reader: CaseReader) -> None:
    case: Any = {**TYPICAL, "therapies": [{**TYPICAL["therapies"][0], "agents": ["palbociclib", "other:a|b*c_d"]}]}
    page = markdown(answer(adviser, reader, case, explain=True))
    for line in page.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 4


def test_findings_in_machine_forms() -> None:
    place = Place("a<b>.yaml", 3, 4)
    checked = [Checked('x "&" y', (Problem(place, "wrong & <bad>"),)), Checked("fine", ())]
    import json
    import xml.etree.ElementTree as ET

    (suite,) = ET.fromstring(as_junit(checked, "cases")).iter("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    (failure,) = suite.iter("failure")
    assert "wrong & <bad>" in (failure.text or "") + (failure.get("message") or "")
    sarif = json.loads(as_sarif(checked))
    (result,) = sarif["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]
    assert location["region"] == {"startLine": 3, "startColumn": 4}
    plain = json.loads(as_json(checked))
    assert "wrong & <bad>" in json.dumps(plain)


def test_the_patients_of_a_tumour_board(adviser: Adviser, reader: CaseReader) -> None:
    """Each page leads with the answer, gives the deciding figures, names the first tests, says why what is closed."""
    file = ROOT / "cases" / "tumour-board.yaml"
    cases, broken = reader.read(file.read_bytes(), file.name)
    assert len(cases) == 10
    assert not broken
    for held in cases:
        one = recommend(held.case.profile, adviser, held.question(explain=False))
        page = text(one)
        parts = (one.headline, f"{one.verdict}: ", "At a glance", "Why" if one.reasons else "Open")
        order = [words(page).index(words(part)) for part in parts]
        assert order == sorted(order), held.id
        why = page.partition("\nWhy\n")[2].partition("\n\n")[0]
        if one.direction:
            assert all(reason.evidence for reason in one.reasons)
            assert re.search(r"\d", why), held.id
        first = [test for test in one.tests if test.would_change and test.rules]
        assert ("tests that open or close one of them: " in words(page)) is bool(first)
        for shut in one.closed:
            assert words(shut.says), shut.regimen
