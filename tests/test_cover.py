"""What cases exercise: counted exactly on a small rule base; the shipped cases leave nothing out that can be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import RULES
from secondline.authoring.coverage import DECISION, Counter, Coverage, Target
from secondline.authoring.patients import as_yaml
from secondline.authoring.suggest import Suggester
from secondline.cases import CaseFile, CaseReader, Days
from secondline.cli.app import app
from secondline.forms.cases import Case
from secondline.loading import Loaded, load, load_laws
from secondline.rulefiles import rule_files
from secondline.store import Ready

BASE = Path(__file__).parent / "files" / "base"
TWO = """
- title: progression with a QTcF of 430 ms
  as_of: 2026-11-22
  profile: {disease: {er: positive}, progression: {status: radiological}, safety: {qtcf_ms: 430}}
  expect: {verdict: do-not-continue}
- title: progression with a QTcF of 460 ms
  as_of: 2026-11-22
  profile: {disease: {er: negative}, progression: {status: clinical}, safety: {qtcf_ms: 460}}
  expect: {verdict: individualise}
"""
PROGRESSED = "progression.status is radiological or clinical"
# What those two cases leave open in `files/base`: nobody is without progression.
OPEN = {
    Target("tier", "ribociclib+fulvestrant", (), "closed"),
    Target("rule", "switch", (), "not fired"),
    Target("branch", "progressed", ("otherwise",), "taken"),
    Target("value", "progressed", (), "false"),
    Target("condition", "progressed", ("cases", 0, "when"), "false"),
    Target("condition", "stop", ("when", "all", 0), "false"),
    Target("condition", "switch", ("when",), "false"),
    Target(DECISION, "progressed", ("cases", 0, "when"), "false"),
    Target(DECISION, "stop", ("when", "all", 0), "false"),
    Target(DECISION, "switch", ("when",), "false"),
}
IMPOSSIBLE = {
    *(Target("verdict", "", (), verdict) for verdict in ("continue", "out-of-scope")),
    *(Target("tier", "ribociclib+fulvestrant", (), tier) for tier in ("preferred", "consider", "avoid")),
}


def cases(loaded: Loaded, text: str) -> list[CaseFile]:
    Case.model_rebuild()
    found, problems = CaseReader(loaded.base, Case.__pydantic_core_schema__, Days()).read(text.encode(), "cases.yaml")
    assert not problems
    return found


def counted(loaded: Loaded, text: str) -> Coverage:
    return Counter(loaded.base, loaded.laws).coverage(cases(loaded, text))


@pytest.fixture(scope="module")
def small() -> Loaded:
    return load(rule_files(BASE))


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Loaded]:
    """The small rule base with files replaced or added."""

    def make(**files: str) -> Loaded:
        folder = tmp_path / "rules"
        shutil.copytree(BASE, folder)
        for name, text in files.items():
            path = folder / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return load(rule_files(folder))

    return make


# --- counting -----------------------------------------------------------------------------------------------


def test_what_two_cases_leave_open(small: Loaded) -> None:
    found = counted(small, TWO)
    assert set(found.missed()) == OPEN | IMPOSSIBLE
    assert set(found.hits) <= set(found.targets)
    stop = found.hits[Target("rule", "stop", (), "fired")]
    assert stop == (1, "progression with a QTcF of 430 ms")


def test_what_is_unknown_exercises_nothing(small: Loaded) -> None:
    found = counted(small, "{as_of: 2026-11-22, profile: {safety: {qtcf_ms: 460}}, expect: {}}")
    assert {target.name for target in found.hits} == {"qtcf"}
    assert found.undetermined == {"stop": 1, "switch": 1}


def test_a_rule_counts_only_on_its_days_and_in_its_jurisdiction(changed: Callable[..., Loaded]) -> None:
    switch = (BASE / "options" / "switch.yaml").read_text() + "jurisdiction: us\neffective: {from: 2024-01-01}\n"
    loaded = changed(options__switch=switch)
    case = "{{as_of: {}, jurisdiction: {}, profile: {{progression: {{status: clinical}}}}, expect: {{}}}}"
    fired = Target("rule", "switch", (), "fired")
    for day, place, counts in (
        ("2024-01-01", "us", True),
        ("2024-01-01", "none", True),
        ("2024-01-01", "eu", False),
        ("2023-12-31", "us", False),
    ):
        assert (fired in counted(loaded, case.format(day, place)).hits) is counts


def test_a_case_of_a_definition_is_looked_at_once_those_before_it_are_false(changed: Callable[..., Loaded]) -> None:
    text = """
id: score
fact: disease.score
cases:
  - {when: {disease.her2.ihc: 1+}, value: low}
  - {when: {disease.her2: negative}, value: none}
otherwise: positive
"""
    loaded = changed(definitions__score=text)
    second = ("cases", 1, "when")
    for profile, hit in (
        ("{disease: {her2: {ihc: 1+}}}", set()),
        ('{disease: {her2: {ihc: "0"}}}', {"true"}),
        ("{disease: {her2: {ihc: 3+}}}", {"false"}),
        ("{disease: {her2: negative}}", set()),  # the score is not known, so the first case may be true
    ):
        found = counted(loaded, f"{{as_of: 2026-11-22, profile: {profile}, expect: {{}}}}").hits
        assert {t.outcome for t in found if t.kind == "condition" and (t.name, t.path) == ("score", second)} == hit


@pytest.mark.parametrize(
    ("er", "pr", "decides"),
    [
        ("positive", "negative", {(("when", "any", 0), "true")}),
        ("positive", "positive", set()),
        ("negative", "negative", {(("when", "any", 0), "false"), (("when", "any", 1), "false")}),
        ("negative", None, set()),  # nobody knows whether PR decides
        ("positive", None, set()),
    ],
)
def test_a_condition_decides_where_the_others_do_not(
    er: str, pr: str | None, decides: set[tuple[object, str]], changed: Callable[..., Loaded]
) -> None:
    loaded = changed(cautions__er="id: er\nwhen: {any: [{disease.er: positive}, {disease.pr: positive}]}\nsays: x\n")
    stated = f"er: {er}" + (f", pr: {pr}" if pr else "")
    found = counted(loaded, f"{{as_of: 2026-11-22, profile: {{disease: {{{stated}}}}}, expect: {{}}}}").hits
    assert {(t.path, t.outcome) for t in found if t.kind == DECISION and t.name == "er"} == decides


def test_figures_leave_out_what_cannot_be(small: Loaded) -> None:
    found = counted(small, TWO)
    assert found.figures(()).get("verdict") == (2, 4)
    assert found.figures(IMPOSSIBLE).get("verdict") == (2, 2)
    assert found.mcdc(()) == (3, 6)
    assert found.mcdc({Target(DECISION, "switch", ("when",), "false")}) == (3, 5)


# --- a case for each gap ------------------------------------------------------------------------------------


def test_gaps_are_closed_or_proved_impossible(small: Loaded) -> None:
    suggester = Suggester(small.base, small.laws)
    gaps = suggester.gaps(counted(small, TWO).missed(), cases=True)
    assert set(gaps.impossible) == IMPOSSIBLE
    assert not gaps.left
    assert {target for one in gaps.suggested for target in one.closes} == OPEN
    again = counted(small, TWO + as_yaml([one.case for one in gaps.suggested]))
    assert set(again.missed()) == IMPOSSIBLE
    assert as_yaml([one.case for one in gaps.suggested]) == (
        "- id: suggested-1\n"
        "  title: 'no gain: progressed is not met'\n"
        "  as_of: 2026-11-22\n"
        "  jurisdiction: us\n"
        "  profile:\n"
        "    disease: {er: positive}\n"
        "    progression: {status: none}\n"
        "  expect:\n"
        "    verdict: individualise\n"
        "    decided_by: []\n"
        "    options: {ribociclib+fulvestrant: closed}\n"
    )


def test_conditions_on_results_that_count_as_absent_are_exercised_as_stated(changed: Callable[..., Loaded]) -> None:
    now = """
id: esr1-now
fact: biomarkers.esr1_now
cases:
  - {when: {biomarkers.esr1: mutated}, value: mutated}
  - {when: {biomarkers.esr1.taken: earlier}, value: unknown, of: biomarkers.esr1}
otherwise: wild-type
"""
    loaded = changed(definitions__esr1_now=now)
    missed = [t for t in Counter(loaded.base, ()).coverage([]).missed() if t.name == "esr1-now"]
    gaps = Suggester(loaded.base, ()).gaps(missed, cases=True)
    assert not gaps.impossible
    assert not gaps.left
    assert Target("value", "esr1-now", (), "unknown") in {t for one in gaps.suggested for t in one.closes}


def test_a_rule_that_never_counts_cannot_be_exercised(changed: Callable[..., Loaded]) -> None:
    late = "id: late\neffective: {from: 2024-01-01, until: 2023-01-01}\nwhen: {disease.er: positive}\nsays: x\n"
    loaded = changed(cautions__late=late)
    missed = [t for t in Counter(loaded.base, ()).coverage([]).missed() if t.name == "late"]
    assert Suggester(loaded.base, ()).gaps(missed, cases=True).impossible == tuple(missed)


def test_a_law_is_exercised_where_its_answer_is(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "rules")
    (tmp_path / "rules" / "laws.yaml").write_text(
        "laws:\n"
        "  - {id: a, when: {offered_agents: {has: ribociclib}}, then: {definition: progressed}}\n"
        "  - {id: b, when: {offered_classes: {has: oral-serd}}, then: {definition: progressed}}\n"
        "  - {id: c, when: {all: [{verdict: individualise}, {not: {offered: {has_none: [ribociclib+fulvestrant]}}}]},"
        " then: {definition: progressed}}\n"
    )
    loaded = load(rule_files(tmp_path / "rules"))
    missed = [t for t in Counter(loaded.base, loaded.laws).coverage([]).missed() if t.kind == "law"]
    gaps = Suggester(loaded.base, loaded.laws).gaps(missed, cases=True)
    assert [target.name for target in gaps.impossible] == ["b"]
    assert {target.name for one in gaps.suggested for target in one.closes} == {"a", "c"}


# --- the command --------------------------------------------------------------------------------------------


def run(folder: Path, *args: str) -> tuple[int, str, str]:
    (folder / "cases.yaml").write_text(TWO)
    shutil.copytree(BASE, folder / "rules", dirs_exist_ok=True)
    found = CliRunner().invoke(app, ["cover", "cases.yaml", "--rules", "rules", *args], prog_name="secondline")
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


def test_the_table_and_the_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path) == (
        0,
        """\
2 cases, 3 rules, 2 definitions, 0 laws

                                                exercised     of      %
verdicts                                                2      2    100
rules, fired and not fired                              5      6   83.3
branches of definitions                                 3      4   75.0
values of definitions                                   3      4   75.0
conditions, true and false                              9     12   75.0
all, any and not, true and false                        2      2    100
tiers of regimens                                       2      3   66.7
all of these                                           26     33   78.8
MC/DC: conditions that alone decide, both ways          3      6   50.0

Gaps
rules: `ribociclib+fulvestrant` is never closed
rules/definitions/progressed.yaml:1:1: `progressed` is never false
rules/definitions/progressed.yaml:3:6: `{progressed}` is never false, in `progressed`
rules/definitions/progressed.yaml:3:6: `{progressed}` never decides alone by being false, in `progressed`
rules/definitions/progressed.yaml:4:1: `otherwise` of `progressed` is never taken
rules/options/switch.yaml:1:1: `switch` never fails to fire
rules/options/switch.yaml:3:1: `progressed` is never false, in `switch`
rules/options/switch.yaml:3:1: `progressed` never decides alone by being false, in `switch`
rules/verdicts/stop.yaml:3:14: `progressed` is never false, in `stop`
rules/verdicts/stop.yaml:3:14: `progressed` never decides alone by being false, in `stop`

Cannot be otherwise, whatever the patient; not counted
rules: `ribociclib+fulvestrant` can never be avoid
rules: `ribociclib+fulvestrant` can never be consider
rules: `ribociclib+fulvestrant` can never be preferred
rules: no patient can be answered `continue`
rules: no patient can be answered `out-of-scope`
""".replace("{progressed}", PROGRESSED),
        "",
    )


@pytest.mark.parametrize(("percent", "code"), [("78", 0), ("79", 1)])
def test_too_little_fails(percent: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, "--fail-under", percent)[0] == code


def test_suggestions_are_written_as_cases_that_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(tmp_path, "--suggest", "more.yaml")
    assert (code, err) == (0, "secondline: 1 case in more.yaml closes 10 gaps\n")
    tested = CliRunner().invoke(app, ["test", "more.yaml", "--rules", "rules"], prog_name="secondline")
    assert tested.stdout == "1 case, 1 as expected, 0 not\n"
    again = CliRunner().invoke(
        app, ["cover", "cases.yaml", "more.yaml", "--rules", "rules", "--fail-under", "100"], prog_name="secondline"
    )
    assert again.exit_code == 0
    assert "Gaps" not in again.stdout


def test_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = json.loads(run(tmp_path, "--format", "json")[1])
    assert found["total"] == {"exercised": 26, "of": 33, "percent": 78.79}
    assert found["mcdc"] == {"exercised": 3, "of": 6, "percent": 50.0}
    assert {"id": "stop", "fired": 1, "not_fired": 1, "undetermined": 0} in found["rules"]
    assert len(found["gaps"]) == len(OPEN)
    assert {(gap["kind"], gap["name"]) for gap in found["impossible"]} == {(t.kind, t.name) for t in IMPOSSIBLE}
    switch = next(gap for gap in found["gaps"] if gap["kind"] == "rule")
    assert (switch["file"], switch["line"], switch["column"]) == ("rules/options/switch.yaml", 1, 1)


def test_the_page_colours_the_text_of_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, tmp_path / "rules")
    odd = tmp_path / "rules" / "cautions"
    odd.mkdir()
    (odd / "odd.yaml").write_text("id: odd\ntitle: a <b> & c\nwhen: {disease.er: low}\nsays: under < 10 & over 1 %\n")
    assert run(tmp_path, "--format", "html", "-o", "page.html")[:2] == (0, "")
    page = (tmp_path / "page.html").read_text()
    assert "a &lt;b&gt; &amp; c" in page
    assert "under &lt; 10 &amp; over 1 %" in page
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    marks = re.findall(r'<mark class="(\w+)" title="([^"]*)">([^<]*)</mark>', page)
    assert ("both", "true in 1 case; false in 1 case", "{disease.hr: positive}") in marks
    assert (
        "one",
        "true in 2 cases; false in 0 cases; never decides alone by being false",
        "{definition: progressed}",
    ) in marks
    assert ("never", "taken in 0 cases", "false") in marks
    assert ("one", "true in 0 cases; false in 2 cases; never decides alone by being true", "{disease.er: low}") in marks
    text = "".join(re.findall(r"<pre>(.*?)</pre>", page, re.S))
    whole = re.sub(r"<[^>]+>", "", text)
    assert "when: {all: [{definition: progressed}, {disease.hr: positive}]}" in whole


def test_a_wrong_format_is_a_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(tmp_path, "--format", "xml")
    assert (code, err) == (2, "secondline: `--format` expects `text`, `json` or `html`, got `xml`\n")


# --- the shipped rules --------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_shipped_cases_exercise_all_that_can_be(ready: Ready, shipped: list[CaseFile]) -> None:
    """Every rule, branch, condition, tier and law, and MC/DC whole."""
    laws = load_laws(rule_files(RULES))
    found = Counter(ready.base, laws).coverage(shipped)
    gaps = Suggester(ready.base, laws).gaps(found.missed(), cases=False)
    assert set(found.missed()) == set(gaps.impossible)
    assert found.mcdc(gaps.impossible).percent == 100
