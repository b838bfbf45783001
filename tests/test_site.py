"""The site of `secondline docs`: whole, linked, escaped, the same each time, drawn as the evidence files have it."""

from __future__ import annotations

import math
import posixpath
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree as Xml

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from conftest import ROOT, RULES, TODAY
from secondline.cases import CaseFile
from secondline.cli.docs import command
from secondline.condition import All, AnyOf, Check, Not
from secondline.condition import Test as OneTest
from secondline.errors import OutputError
from secondline.evidence import public_from
from secondline.loading import Loaded, load, load_laws
from secondline.recommend import Adviser
from secondline.rulefiles import rule_files
from secondline.site.decisions import decisions
from secondline.site.edition import Edition
from secondline.site.folder import MARK, write_site
from secondline.site.forest import Mark, forests
from secondline.site.names import safe, upper
from secondline.site.phrases import flat, phrase
from secondline.site.render import TEMPLATES, site
from secondline.site.seen import Seen, seen
from secondline.store import Ready

BASE = ROOT / "tests" / "files" / "base"
FILES = ("typical.yaml", "beyond-progression.yaml", "without-progression.yaml", "tumour-board.yaml")
EARLIER = date(2023, 6, 30)
Pages = dict[str, Xml.Element]


def parsed(files: dict[str, str]) -> Pages:
    """Every page, read as XML is: a page that is not well-formed is an error."""
    return {name: Xml.fromstring(text) for name, text in files.items() if name.endswith(".html")}


@pytest.fixture(scope="session")
def cases(ready: Ready, adviser: Adviser, shipped: list[CaseFile]) -> list[Seen]:
    laws = load_laws(rule_files(RULES))
    return [seen(case, adviser, laws) for case in shipped if case.node.place.file in FILES]


@pytest.fixture(scope="session")
def edition(ready: Ready, cases: list[Seen]) -> Edition:
    return Edition(ready.base, load_laws(rule_files(RULES)), cases)


@pytest.fixture(scope="session")
def files(edition: Edition) -> dict[str, str]:
    return dict(site(edition))


@pytest.fixture(scope="session")
def pages(files: dict[str, str]) -> Pages:
    return parsed(files)


@pytest.fixture(scope="session")
def earlier(ready: Ready, edition: Edition, cases: list[Seen]) -> tuple[Edition, Pages]:
    """The site of one day."""
    of_day = Edition(ready.base, load_laws(rule_files(RULES)), cases, EARLIER)
    return of_day, parsed(dict(site(of_day)))


def text(element: Xml.Element | None) -> str:
    assert element is not None
    return " ".join(" ".join(element.itertext()).split())


# --- every page ---------------------------------------------------------------------------------------------


def test_every_page_says_what_it_is(pages: Pages, ready: Ready) -> None:
    base = ready.base
    for name, page in pages.items():
        assert page.get("lang") == "en", name
        assert len(page.findall(".//h1")) == len(page.findall(".//main")) == 1, name
        assert text(page.find(".//title")).startswith(text(page.find(".//h1"))) or name in ("index.html", "map.html")
        foot = text(page.find(".//footer"))
        assert "Not a medical device. For the clinician who decides" in foot
        for said in (base.version, base.knowledge_until.isoformat(), base.rules_hash, base.evidence_hash):
            assert said in foot, name


def test_every_page_can_be_read_by_ear_and_keyboard(pages: Pages) -> None:
    for name, page in pages.items():
        ids = Counter(element.get("id") for element in page.iter() if element.get("id"))
        assert max(ids.values()) == 1, (name, ids.most_common(1))
        for table in page.findall(".//table"):
            assert all(cell.get("scope") for cell in table.findall(".//th")), name
        for box in page.findall(".//*[@class='scroll']"):
            assert box.get("tabindex") == "0", name
            assert box.get("aria-label"), name
        for drawing in page.findall(".//svg"):
            named = (drawing.get("aria-labelledby") or "").split()
            assert len(named) == 2, name
            assert set(named) <= set(ids), name
        levels = [int(element.tag[1]) for element in page.iter() if re.fullmatch("h[1-6]", element.tag)]
        assert all(b - a <= 1 for a, b in pairwise(levels)), (name, levels)


def unresolved(pages: Pages) -> Iterator[tuple[str, str]]:
    """Every link that leads to no page of the site, or to no place on one."""
    ids = {name: {element.get("id") for element in page.iter()} for name, page in pages.items()}
    for name, page in pages.items():
        for element in page.iter():
            for address in (element.get(key) for key in ("href", "action", "src")):
                if address is None or address in ("data:,",):
                    continue
                path, fragment = map(unquote, urldefrag(address))
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
                if target != "style.css" and (target not in pages or (fragment and fragment not in ids[target])):
                    yield name, address


def test_every_link_leads_somewhere(pages: Pages, earlier: tuple[Edition, Pages]) -> None:
    assert list(unresolved(pages)) == []
    assert list(unresolved(earlier[1])) == []


def test_nothing_comes_from_the_network(files: dict[str, str]) -> None:
    for name, held in files.items():
        assert "//" not in re.sub(r"/\*.*?\*/", "", held), name  # neither `https://` nor `//host`
        assert "url(" not in held.replace("url(#tip)", ""), name
    assert "@import" not in files["style.css"]


def test_one_page_has_a_script_and_needs_none(pages: Pages) -> None:
    scripted = [name for name, page in pages.items() if page.find(".//script") is not None]
    assert scripted == ["find.html"]
    listed = {unquote(link.get("href", "")).partition("#")[0] for link in pages["find.html"].findall(".//ul/li/a")}
    folders = {name for name in pages if "/" in name and not name.startswith("cases/")}
    assert folders <= listed


# --- what has a page ----------------------------------------------------------------------------------------


def test_everything_has_its_page(pages: Pages, ready: Ready, edition: Edition) -> None:
    base = ready.base
    held: dict[str, Sequence[Any]] = {
        "verdicts": base.verdicts,
        "options": base.options,
        "safety": base.gates,
        "tests": base.tests,
        "cautions": base.cautions,
        "definitions": base.definitions,
        "laws": load_laws(rule_files(RULES)),
    }
    expected = {f"{folder}/{rule.id}.html" for folder, rules in held.items() for rule in rules}
    expected |= {f"evidence/{name.lower()}.html" for name in base.evidence}
    expected |= {f"regimens/{name}.html" for name in base.vocabulary.regimens}
    expected |= {f"cases/{name}.html" for name in FILES}
    assert {name for name in pages if "/" in name} == expected
    for folder, rules in held.items():
        for rule in rules:
            page = pages[f"{folder}/{rule.id}.html"]
            assert text(page.find(".//h1")) == upper(rule.title or rule.id)
            assert rule.id in text(page)


def test_a_rule_page_has_the_rule(pages: Pages) -> None:
    page = text(pages["verdicts/palbociclib-beyond-palbociclib.html"].find(".//main"))
    for said in (
        "do not continue strong, moderate certainty",
        "All of these hold: progression on the inhibitor given for advanced disease last CDK4/6 inhibitor is",
        "PALMIRA, PFS: median 4.9 v 3.6 months; HR 0.84 (95% CI 0.66-1.07), p=0.149",
        "from 2024-03-21",
        "Review by 2027-06-30",
        "Overridden by",
        "Visceral crisis is life-threatening",
        "doi:10.1200/JCO-24-01865, PMID 40294349, NCT03809988",
        "supersedes PALMIRA-ASCO-2023",
        "graded I: the intervals still hold a small gain",
    ):
        assert said in page


def test_a_report_that_does_not_count_yet_is_shown_as_such(pages: Pages, ready: Ready) -> None:
    until = ready.base.knowledge_until
    for item in ready.base.evidence.values():
        page = text(pages[f"evidence/{item.id.lower()}.html"].find(".//main"))
        waiting = [report for report in item.reports if public_from(report, until) > until]
        assert page.count(f", not yet on {until}") == len(waiting), item.id


def test_a_rule_that_has_ended_says_what_it_said(pages: Pages) -> None:
    page = text(pages["verdicts/palbociclib-beyond-palbociclib-2023.html"].find(".//main"))
    assert "median 4.2 v 3.6 months; HR 0.8 (95% CI 0.6-1.1)" in page
    assert "4.9 v 3.6" not in page
    assert "With the figures public on 2024-03-20, its last day" in page
    assert "not in effect on 2026-11-22" in page


def test_rules_overridden_are_those_that_say_so(pages: Pages, edition: Edition) -> None:
    for rule in edition.base.verdicts:
        page = pages[f"verdicts/{rule.id}.html"]
        terms = {text(term.find("dt")): term for term in page.findall(".//aside//dl/div")}
        over = [other for other in edition.base.verdicts if rule.id in other.overrides]
        for title, expected in (("Overrides", len(rule.overrides)), ("Overridden by", len(over))):
            links = terms[title].findall(".//a") if title in terms else []
            assert len(links) == expected, (rule.id, title)


def test_cases_stand_with_the_rules_they_exercise(pages: Pages, cases: list[Seen], edition: Edition) -> None:
    for rule in (*edition.base.verdicts, *edition.base.gates):
        page = pages[f"{edition.kind[rule.id]}/{rule.id}.html"]
        found = [row for row in page.findall(".//table[@class='cases']//tbody/tr") if "not so" not in text(row)]
        found = [row for row in found if "not known" not in text(row)]
        expected = [case for case in cases if rule.id in {*case.fires, *case.decided_by}]
        assert len(found) == min(len(expected), 50), rule.id
    decided = pages["verdicts/palbociclib-beyond-palbociclib.html"].find(".//table[@class='cases']//tbody/tr")
    assert text(decided).endswith("do not continue decides")


def test_a_case_gets_the_answer_it_expects(cases: list[Seen]) -> None:
    for case in cases:
        expect = case.case.case.expect
        if expect and expect.verdict:
            assert case.verdict == expect.verdict
        if expect and expect.decided_by is not None:
            assert sorted(case.decided_by) == sorted(expect.decided_by)


def test_a_near_miss_is_one_fact_away(edition: Edition, cases: list[Seen]) -> None:
    near = {name for case in cases for name in case.near}
    assert {"palbociclib-beyond-palbociclib", "limited-progression", "third-line"} <= near
    for case in cases:
        assert not set(case.near) & set(case.fires)


# --- forest plots -------------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """A row of a plot as it reads: its report and figures in words, and the numbers at which its marks stand."""

    report: str
    figures: str
    value: float
    low: float
    high: float
    beyond: tuple[bool, bool]
    level: int
    superseded: bool


def drawn(drawing: Xml.Element) -> Iterator[Drawn]:
    """Read a forest plot: from the places of its marks back to numbers, by the ticks of its axis."""

    def number(element: Xml.Element, name: str) -> float:
        return float(element.get(name, ""))

    def lines(element: Xml.Element, name: str) -> list[Xml.Element]:
        return [found for found in element.iter() if name in (found.get("class") or "").split()]

    ticks = [
        (number(tick[0], "x1"), float(text(tick.find("text")).replace("\u2212", "-")))
        for tick in lines(drawing, "tick")
    ]
    (start, least), (end, most) = ticks[0], ticks[-1]
    ratio = least > 0

    def value(x: float) -> float:
        share = (x - start) / (end - start)
        return least * (most / least) ** share if ratio else least + (most - least) * share

    for x, shown in ticks:
        assert math.isclose(value(x), shown, rel_tol=1e-3, abs_tol=1e-3)
    (none,) = lines(drawing, "none")
    assert math.isclose(value(number(none, "x1")), 1 if ratio else 0, abs_tol=1e-3)
    for row in lines(drawing, "row"):
        (square,), (interval,) = lines(row, "estimate"), lines(row, "interval")
        arrows = [float(re.findall(r"M([\d.]+)", arrow.get("d", ""))[0]) for arrow in lines(row, "arrow")]
        ends = [number(interval, "x1"), number(interval, "x2")]
        figures = next(found for found in lines(row, "figure") if "report" not in found.get("class", ""))
        level = re.findall(r"(\d+) % interval", text(row.find("title")))
        yield Drawn(
            row.get("data-report", ""),
            text(figures),
            value(number(square, "x") + number(square, "width") / 2),
            value(ends[0]),
            value(ends[1]),
            (ends[0] in arrows, ends[1] in arrows),
            int(level[0]),
            "superseded" in row.get("class", ""),
        )


def plots(page: Xml.Element, size: str) -> list[Xml.Element]:
    return [drawing for drawing in page.findall(".//svg") if drawing.get("class") == f"forest {size}"]


@cache
def typed(name: str) -> dict[str, Any]:
    """An evidence file with every figure as the text that was typed."""
    held = yaml.load((RULES / "evidence" / f"{name}.yaml").read_text(), Loader=yaml.BaseLoader)
    assert isinstance(held, dict)
    return held


class Stated(NamedTuple):
    """An effect with its interval as an evidence file states it."""

    report: str
    value: str
    low: str
    high: str
    level: int


def stated(name: str) -> list[Stated]:
    found = []
    for report in typed(name)["reports"]:
        for result in report.get("results", ()):
            effect = result.get("effect", {})
            limits = effect.get("ci95") or effect.get("ci90")
            if limits and "value" in effect:
                low, high = limits
                found.append(Stated(report["id"], effect["value"], low, high, 95 if "ci95" in effect else 90))
    return found


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_forest_plots_read_as_the_evidence_files(pages: Pages, size: str) -> None:
    """Every effect with an interval of every file is drawn, where and with the digits that the file has."""
    rows = 0
    for path in sorted((RULES / "evidence").glob("*.yaml")):
        expected = stated(path.stem)
        found = [row for drawing in plots(pages[f"evidence/{path.stem}.html"], size) for row in drawn(drawing)]
        figures = Counter((effect.report, f"{effect.value} ({effect.low} to {effect.high})") for effect in expected)
        assert figures == Counter((row.report, row.figures) for row in found), path.stem
        by_figures = {(effect.report, f"{effect.value} ({effect.low} to {effect.high})"): effect for effect in expected}
        for row in found:
            effect = by_figures[row.report, row.figures]
            reads_as(row, effect)
        rows += len(found)
    assert rows > 100


def reads_as(row: Drawn, effect: Stated) -> None:
    assert math.isclose(row.value, float(effect.value), rel_tol=2e-3), (row, effect)
    assert row.level == effect.level
    for place, limit, beyond, outwards in (
        (row.low, effect.low, row.beyond[0], -1),
        (row.high, effect.high, row.beyond[1], 1),
    ):
        if beyond:  # the limit lies further out than the axis goes
            assert (float(limit) - place) * outwards > 0, (row, effect)
        else:
            assert math.isclose(place, float(limit), rel_tol=2e-3), (row, effect)


def test_effects_without_an_interval_are_listed(pages: Pages) -> None:
    assert "HR 1.11, p=0.62" in text(pages["evidence/pace.html"].find(".//ul[@class='notes']"))
    for path in sorted((RULES / "evidence").glob("*.yaml")):
        effects = [
            r["effect"] for report in typed(path.stem)["reports"] for r in report.get("results", ()) if "effect" in r
        ]
        bare = [effect for effect in effects if not ({"ci95", "ci90"} & set(effect) and "value" in effect)]
        page = pages[f"evidence/{path.stem}.html"]
        heading = [h for h in page.findall(".//h3") if text(h) == "Without an interval, so not drawn"]
        assert len(heading) == bool(bare), path.stem


def test_superseded_rows_are_paler(pages: Pages) -> None:
    found = {row.report: row.superseded for d in plots(pages["evidence/palmira.html"], "wide") for row in drawn(d)}
    assert found == {"PALMIRA-ASCO-2023": True, "PALMIRA-JCO-2025": False}


def test_plots_of_rules_show_effects_of_the_evidence(pages: Pages, edition: Edition) -> None:
    names = [path.stem for path in (RULES / "evidence").glob("*.yaml")]
    every = {(e.report, f"{e.value} ({e.low} to {e.high})"): e for name in names for e in stated(name)}
    seen_in = 0
    for name, page in pages.items():
        if not name.startswith("evidence/"):
            for row in (row for drawing in plots(page, "wide") for row in drawn(drawing)):
                reads_as(row, every[row.report, row.figures])
                seen_in += 1
    assert seen_in > 100


def mark(value: str, low: str | None, high: str | None, measure: str = "hazard_ratio") -> Mark:
    least, most = (None if limit is None else Decimal(limit) for limit in (low, high))
    return Mark("PFS", "all", "X", measure, Decimal(value), least, most, level=95, arms=("new", "old"))


def test_an_interval_that_leaves_the_axis_ends_in_an_arrow() -> None:
    (held,) = forests([mark("0.8", "0.6", "9.5"), mark("1.19", None, "1.7"), mark("0.6", "0.3", "0.9")], "x", "x")
    assert [row.beyond for row in held.wide.rows] == [(False, True), (True, False), (False, False)]
    assert held.wide.rows[0].high == held.wide.layout.right
    assert held.wide.rows[1].low == held.wide.layout.left
    assert held.wide.rows[1].mark.figures == "1.19 (not reached to 1.7)"
    assert held.wide.towards == ("favours new", "favours old")


def test_differences_stand_on_a_plain_axis() -> None:
    marks = [mark("14.5", "0.2", "28.8", "difference_in_proportions"), mark("0.8", "0.6", "1.1")]
    ratios, differences = forests(marks, "x", "x")
    assert (ratios.wide.measure, differences.wide.measure) == ("hazard_ratio", "difference_in_proportions")
    ticks = [float(tick.text) for tick in differences.wide.ticks]
    assert ticks[0] <= 0
    assert ticks[-1] >= 28.8
    steps = {round(b.x - a.x, 1) for a, b in pairwise(differences.wide.ticks)}
    assert max(steps) - min(steps) < 0.2


# --- the day ------------------------------------------------------------------------------------------------


def test_a_site_of_one_day_has_nothing_later(earlier: tuple[Edition, Pages], ready: Ready) -> None:
    edition, pages = earlier
    base = ready.base
    for rule in base.rules():
        assert (rule.id in edition.by_id) == base.in_effect(rule, EARLIER), rule.id
    later = {
        report.id
        for item in base.evidence.values()
        for report in item.reports
        if public_from(report, base.knowledge_until) > EARLIER
    }
    assert "PALMIRA-JCO-2025" in later
    for name, page in pages.items():
        words = set(re.findall(r"[\w-]+", text(page.find(".//main"))))
        assert not words & later, name
        assert f"Shown as of: {EARLIER}" in text(page.find(".//footer")).replace("as of ", "as of: "), name
    assert "0.8 (0.6 to 1.1)" in text(pages["evidence/palmira.html"])


def test_the_map_has_every_verdict_rule_in_effect(edition: Edition, earlier: tuple[Edition, Pages]) -> None:
    for held in (edition, earlier[0]):
        found = decisions(held)
        shown = {row.link.about for row in found.scope} | {s.row.link.about for column in found.steps for s in column}
        assert shown == {rule.id for rule in held.base.verdicts if held.base.in_effect(rule, held.day)}
        order = [step.row.link.about for column in found.steps for step in column]
        for column in found.steps:
            for step in column:
                for link in step.overrides:
                    assert order.index(step.row.link.about) < order.index(link.about)
        boxes = found.chart.boxes
        for a in boxes:
            for b in boxes:
                if a is not b and a.x == b.x:
                    assert a.y + a.height <= b.y or b.y + b.height <= a.y


# --- words and names ----------------------------------------------------------------------------------------


def test_conditions_read_as_sentences(edition: Edition) -> None:
    her2 = OneTest("disease.her2", (Check("is", ("negative",)),))
    crisis = OneTest("disease.visceral_crisis", (Check("is", (True,)),))
    sites = OneTest("disease.sites", (Check("has_any", ("brain", "liver")),))
    classes = OneTest("history.classes", (Check("has_none", ("oral-serd",)),))
    held = All((her2, Not(AnyOf((crisis, sites))), Not(classes), Not(Not(All((crisis,))))))
    assert flat(phrase(held, edition.names)) == (
        "HER2 is negative and (not: (visceral crisis: yes or sites of disease include brain or liver)) and "
        "not: classes of drugs given so far do not include oral selective oestrogen receptor degrader and "
        "visceral crisis: yes"
    )


def test_two_names_never_share_a_file() -> None:
    names = ["a", "A", "a b", "a/b", "../a", "a~2f~b", "index", "\u00e9"]
    assert len({safe(name) for name in names}) == len(names)
    assert all("/" not in safe(name) for name in names)


# --- a hostile rule base ------------------------------------------------------------------------------------

HOSTILE = "<script>alert('x')</script> & \"quoted\" <b> &amp;"


@pytest.fixture
def hostile(tmp_path: Path) -> Loaded:
    """A small rule base with markup wherever an author can write words."""
    rules = tmp_path / "rules"
    shutil.copytree(BASE, rules)
    for path in rules.rglob("*.yaml"):
        held = yaml.safe_load(path.read_text())
        if path.parent.name in ("verdicts", "options", "safety"):
            held |= {"title": HOSTILE, "notes": [HOSTILE], "authors": [HOSTILE], "says": f"{HOSTILE} {held['says']}"}
        if path.parent.name == "evidence":
            held |= {"name": HOSTILE, "question": HOSTILE, "notes": [HOSTILE], "population": [HOSTILE]}
        if path.name == "regimens.yaml":
            held["regimens"] = {
                "../up": {"title": HOSTILE, "agents": ["palbociclib"]},
                **held["regimens"],
            }
        path.write_text(yaml.safe_dump(held, sort_keys=False, allow_unicode=True))
    return load(rule_files(rules))


def test_whatever_an_author_writes_is_text(hostile: Loaded) -> None:
    files = dict(site(Edition(hostile.base, hostile.laws)))
    pages = parsed(files)
    assert [name for name, page in pages.items() if page.find(".//script") is not None] == ["find.html"]
    assert len(pages["find.html"].findall(".//script")) == 1
    assert HOSTILE in text(pages["verdicts/stop.html"].find(".//h1"))
    assert not [name for name in files if ".." in Path(name).parts]
    assert list(unresolved(pages)) == []


# --- on disk ------------------------------------------------------------------------------------------------


def test_a_site_replaces_only_an_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert write_site(folder, [("a.html", "one"), ("b/c.html", "two")]) == 2
    assert write_site(folder, [("a.html", "three")]) == 1
    assert sorted(path.name for path in folder.rglob("*")) == ["a.html", MARK]
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds `mine.txt`, which no `secondline docs` wrote"):
        write_site(folder, [("a.html", "four")])
    assert (folder / "a.html").read_text() == "three"
    other = tmp_path / "other"
    other.mkdir()
    write_site(other, [("a.html", "one")])
    (other / MARK).unlink()
    with pytest.raises(OutputError, match=r"holds other files, `a.html` for one; name a new or an empty folder"):
        write_site(other, [("a.html", "two")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "site"]


def test_a_site_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    write_site(folder, [("a.html", "one")])

    def broken() -> Iterator[tuple[str, str]]:
        yield "a.html", "two"
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"cannot be written: no space left on device"):
        write_site(folder, broken())
    assert (folder / "a.html").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_an_earlier_site_comes_back_where_the_new_one_cannot_be_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    write_site(folder, [("a.html", "one")])
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target == folder and not path.name.endswith(".old"):
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputError, match=r"cannot be written: permission denied"):
        write_site(folder, [("a.html", "two")])
    assert (folder / "a.html").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def run(*args: str) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, list(args), prog_name="docs")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases").mkdir()
    ran = run("-o", "site", "--rules", str(BASE))
    assert (ran.exit_code, ran.stderr) == (0, "")
    count = len(list((tmp_path / "site").rglob("*.html")))
    assert ran.stdout == f"{count} pages in site; begin with site/index.html\n"
    first = {path.name: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert run("-o", "site", "--rules", str(BASE)).exit_code == 0
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}


CASE = """
as_of: 2026-01-01
profile: {disease: {er: positive, her2: negative}, therapies_complete: false, progression: {status: radiological}}
"""


def test_cases_beside_the_rules_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases" / "deep").mkdir(parents=True)
    (tmp_path / "cases" / "one.yaml").write_text(CASE)
    (tmp_path / "cases" / "deep" / "two.yaml").write_text(CASE)
    for given in ((), ("--cases", "cases")):
        assert run("-o", "site", "--rules", str(BASE), *given).exit_code == 0
        names = sorted(path.name for path in (tmp_path / "site" / "cases").iterdir())
        assert names == ["deep~2f~two.yaml.html", "one.yaml.html"]
    (tmp_path / "cases" / "one.yaml").write_bytes(b"\xff")
    assert run("-o", "site", "--rules", str(BASE)).stderr.startswith("secondline: in `cases` 1 place is not valid")


def test_the_command_refuses_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "cases").mkdir()
    shutil.copy(ROOT / "tests" / "files" / "cases" / "colon-in-text.yaml", tmp_path / "cases")
    for args, code, said in (
        (["-o", "full"], 3, "full holds other files, `x` for one"),
        (["-o", "full/x"], 3, "full/x is a file"),
        (["-o", "."], 3, ". is the folder you are in"),
        (["-o", "site", "--as-of", "2025"], 2, "`--as-of` expects a day"),
        (["-o", "site", "--cases", "cases"], 3, "cases/colon-in-text.yaml:"),
        (["-o", "site", "--cases", "nowhere"], 3, "nowhere"),
    ):
        ran = run(*args, "--rules", str(BASE))
        assert (ran.exit_code, said in ran.stderr) == (code, True), (args, ran.stderr)
    ran = run("-o", "site", "--rules", str(BASE))
    assert (ran.exit_code, ran.stderr) == (
        0,
        "secondline: in `cases` 1 place is not valid for these rules, and left out\n",
    )


def test_without_jinja2_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secondline.cli.docs.find_spec", lambda name: None if name == "jinja2" else find_spec(name))
    ran = run("-o", str(tmp_path / "site"))
    assert (ran.exit_code, ran.stderr) == (2, "secondline: `docs` needs jinja2; install secondline[authors]\n")


@pytest.mark.long
def test_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    code = "import typer; from secondline.cli.docs import command as c; a = typer.Typer(); a.command()(c); a()"
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, "-o", str(tmp_path / seed), "--cases", "cases/typical.yaml"],
            check=True,
            cwd=ROOT,
            env={"PYTHONPATH": "engine", "PYTHONHASHSEED": seed, "XDG_CACHE_HOME": str(tmp_path / f"cache{seed}")},
        )
    one, two = (
        {str(path.relative_to(tmp_path / seed)): path.read_bytes() for path in (tmp_path / seed).rglob("*.*")}
        for seed in ("1", "2")
    )
    assert one == two
    assert TODAY.isoformat() in one["index.html"].decode()


# --- how it looks -------------------------------------------------------------------------------------------


def test_text_stands_out_in_light_and_dark() -> None:
    """Contrast of at least 4.5 to 1, as WCAG asks of text, on both grounds and in both schemes."""
    sheet = (TEMPLATES / "style.css").read_text()
    schemes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{([^}]*)\}", sheet)
    ]
    light, dark = schemes[:2]
    for scheme in (light, {**light, **dark}):
        for ground in ("paper", "wash"):
            for name in ("ink", "soft", "link", "go", "stop", "weigh", "aside", "second", "third"):
                assert contrast(scheme[name], scheme[ground]) >= 4.5, (name, ground)


def contrast(a: str, b: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    bright, pale = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (pale + 0.05)
