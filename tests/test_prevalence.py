"""What share of patients has which result of a test: refused at load where it is not so, and told for the day."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from conftest import TODAY
from secondline.asof import AsOf
from secondline.errors import InputError
from secondline.evidence import share, shares
from secondline.recommendation import Prevalence
from secondline.rulebase import RuleBase
from secondline.rulefiles import rule_files
from secondline.store import Ready, made_ready
from secondline.store import ready as stored

BASE = Path(__file__).parent / "files" / "base"
TRIAL = """
id: TRIAL-B
kind: trial
name: Trial B
design: {randomized: true, n: 100}
arms: {new: the new, old: the old, all: both}
reports:
  - id: TRIAL-B-2023
    kind: journal-article
    citation: {venue: A Journal, year: 2023}
    first_public: 2023-05-01
    results:
      - {endpoint: esr1, role: exploratory, arms: {all: {n: 100, count: 40, percent: 41}}}
      - {endpoint: wild_type, role: exploratory, arms: {all: {percent: 61}}}
      - {endpoint: within, role: exploratory, subgroup: some, arms: {all: {n: 40, events: 10}}}
      - {endpoint: by_arm, role: exploratory, arms: {new: {percent: 40}, old: {percent: 44}}}
      - {endpoint: beyond, role: exploratory, arms: {all: {percent: 140}}}
      - {endpoint: numbers, role: exploratory, arms: {all: {n: 100}}}
      - {endpoint: in_words, role: statement, finding: about half}
  - id: TRIAL-B-2024
    kind: journal-article
    citation: {venue: A Journal, year: 2024}
    first_public: 2024-05-01
    results:
      - {endpoint: esr1, role: exploratory, arms: {all: {n: 100, count: 30}}}
"""
OTHER = """
id: TRIAL-C
kind: trial
name: Trial C
reports:
  - id: TRIAL-C-2022
    kind: journal-article
    citation: {venue: A Journal, year: 2022}
    first_public: 2022-05-01
    results: [{endpoint: esr1, role: exploratory, arms: {all: {percent: 50}}}]
"""
CITES = (
    *(f"TRIAL-B/{name}" for name in ("esr1", "wild_type", "within", "by_arm", "beyond", "numbers", "in_words")),
    "TRIAL-C/esr1",
    "LABEL-A",
)


def made(folder: Path, *listed: str, fact: str = "biomarkers.esr1") -> RuleBase:
    """The small rule folder with two trials that give shares, and one test rule with these."""
    rules = folder / "rules"
    shutil.copytree(BASE, rules)
    (rules / "evidence" / "trial-b.yaml").write_text(TRIAL)
    (rules / "evidence" / "trial-c.yaml").write_text(OTHER)
    (rules / "tests").mkdir()
    lines = ["id: esr1", f"fact: {fact}", "when: {definition: progressed}", "says: x"]
    lines += [f"cites: [{', '.join(CITES)}]", "prevalence:", *(f"  - {each}" for each in listed)]
    (rules / "tests" / "esr1.yaml").write_text("\n".join(lines))
    return made_ready(rule_files(rules)).base


def told(base: RuleBase, day: date, fact: str = "biomarkers.esr1") -> tuple[Prevalence, ...]:
    (rule,) = (rule for rule in base.tests if rule.fact == fact)
    return AsOf(base, day, None).prevalence(rule)


@pytest.mark.parametrize(
    ("listed", "key", "message"),
    [
        (
            "{result: mutatd, cite: TRIAL-B/esr1}",
            "result",
            "`biomarkers.esr1` cannot be `mutatd`; did you mean `mutated`?",
        ),
        (
            "{result: high, cite: TRIAL-B/esr1}",
            "result",
            "`biomarkers.esr1` cannot be `high`; expected `mutated` or `wild-type`",
        ),
        (
            "{result: mutated, cite: TRIAL-B/esr}",
            "cite",
            "`prevalence` takes `TRIAL-B/esr`, which is not under `cites`; did you mean `TRIAL-B/esr1`?",
        ),
        (
            "{result: mutated, cite: TRIAL-B/within, of: PACE/pfs}",
            "of",
            "`prevalence` takes `PACE/pfs`, which is not under `cites`; add it",
        ),
        (
            "{result: mutated, cite: TRIAL-B/by_arm}",
            "cite",
            "`prevalence` takes `TRIAL-B/by_arm`, in TRIAL-B-2023: it gives a share in 2 arms; expected one, as of all "
            "patients",
        ),
        (
            "{result: mutated, cite: TRIAL-B/numbers}",
            "cite",
            "`prevalence` takes `TRIAL-B/numbers`, in TRIAL-B-2023: it gives no share of patients; expected `n` with a "
            "`count`, or a `percent`, in one arm",
        ),
        (
            "{result: mutated, cite: TRIAL-B/in_words}",
            "cite",
            "`prevalence` takes `TRIAL-B/in_words`, in TRIAL-B-2023: it gives no share of patients; expected `n` with "
            "a `count`, or a `percent`, in one arm",
        ),
        (
            "{result: mutated, cite: LABEL-A}",
            "cite",
            "`prevalence` takes `LABEL-A`, in LABEL-A-US: it gives no share of patients; expected `n` with a `count`, "
            "or a `percent`, in one arm",
        ),
        (
            "{result: mutated, cite: TRIAL-B/beyond}",
            "cite",
            "`prevalence` takes `TRIAL-B/beyond`, in TRIAL-B-2023: a share of 140 % cannot be; correct it",
        ),
        (
            "{result: mutated, cite: TRIAL-B/within, of: TRIAL-C/esr1}",
            "of",
            "a share in `TRIAL-B` is no share of those in `TRIAL-C`; give one of `TRIAL-B`",
        ),
        ("{result: mutated, cites: TRIAL-B/esr1}", "cites", "did you mean `cite`?"),
    ],
)
def test_what_is_no_share_of_a_result_is_refused(tmp_path: Path, listed: str, key: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        made(tmp_path, listed)
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.place.column) == (7, len("  - ") + listed.index(f"{key}:") + 1)


def test_a_fact_without_a_list_of_results_has_no_shares(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`patient\.ecog` has no list of results to have shares; remove it"):
        made(tmp_path, "{result: mutated, cite: TRIAL-B/esr1}", fact="patient.ecog")


def test_shares_of_more_than_all_patients_are_refused_with_the_day(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"on 2023-05-01 the shares add to 101 %, more than all patients; correct one"):
        made(tmp_path, "{result: mutated, cite: TRIAL-B/esr1}", "{result: wild-type, cite: TRIAL-B/wild_type}")


def test_a_share_of_a_broken_evidence_brings_no_second_message(tmp_path: Path) -> None:
    made(tmp_path / "sound", "{result: mutated, cite: TRIAL-B/within, of: TRIAL-B/esr1}")
    rules = tmp_path / "sound" / "rules"
    broken = rules / "evidence" / "trial-b.yaml"
    broken.write_text(broken.read_text().replace("kind: trial", "kind: trail"))
    with pytest.raises(InputError) as caught:
        made_ready(rule_files(rules))
    assert len(caught.value.problems) == 1


def test_the_share_is_counted_and_of_the_report_of_the_day(tmp_path: Path) -> None:
    base = made(tmp_path, "{result: mutated, cite: TRIAL-B/esr1}")
    assert told(base, date(2023, 4, 30)) == ()
    (first,) = told(base, date(2023, 5, 1))
    assert (first.result, first.share, first.evidence.report) == ("mutated", 0.4, "TRIAL-B-2023")
    assert (first.evidence.figures, first.of) == ("41 %; 40 of 100 patients", None)
    (later,) = told(base, date(2024, 5, 1))
    assert (later.share, later.evidence.report, later.evidence.superseded) == (0.3, "TRIAL-B-2024", ("TRIAL-B-2023",))


def test_of_several_for_one_result_the_first_public_counts(tmp_path: Path) -> None:
    base = made(tmp_path, "{result: mutated, cite: TRIAL-B/esr1}", "{result: mutated, cite: TRIAL-C/esr1}")
    assert [(found.share, found.evidence.id) for found in told(base, date(2022, 5, 1))] == [(0.5, "TRIAL-C")]
    assert [(found.share, found.evidence.id) for found in told(base, date(2023, 5, 1))] == [(0.4, "TRIAL-B")]


def test_a_share_of_some_patients_is_taken_of_the_share_these_are(tmp_path: Path) -> None:
    base = made(tmp_path, "{result: mutated, cite: TRIAL-B/within, of: TRIAL-B/esr1}")
    (found,) = told(base, date(2023, 5, 1))
    assert found.share == pytest.approx(0.25 * 0.4)
    assert found.of is not None
    assert (found.evidence.endpoint, found.evidence.population, found.of.endpoint) == ("within", "some", "esr1")


# --- the shipped rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "day", "expected", "report"),
    [
        ("biomarkers.esr1", date(2022, 12, 31), None, ""),
        ("biomarkers.esr1", date(2025, 5, 30), ("mutated", 228 / 478), "EMERALD-FDA-2023"),
        ("biomarkers.esr1", date(2025, 5, 31), ("mutated", 270 / 624), "VERITAC-2-NEJM-2025"),
        ("biomarkers.pik3ca", date(2023, 5, 31), None, ""),
        ("biomarkers.pik3ca", date(2023, 6, 1), ("mutated", 0.76 * 289 / 708), "CAPITELLO-291-NEJM-2023"),
        ("biomarkers.akt1", TODAY, ("mutated", 0.13 * 289 / 708), "CAPITELLO-291-NEJM-2023"),
        ("biomarkers.pten", TODAY, ("altered", 0.17 * 289 / 708), "CAPITELLO-291-NEJM-2023"),
        ("biomarkers.gbrca", TODAY, None, ""),
        ("biomarkers.gpalb2", TODAY, None, ""),
        ("biomarkers.sbrca", TODAY, None, ""),
        ("disease.her2.ihc", TODAY, None, ""),
    ],
)
def test_the_shipped_rules(ready: Ready, fact: str, day: date, expected: tuple[str, float] | None, report: str) -> None:
    found = told(ready.base, day, fact)
    assert [each.result for each in found] == ([expected[0]] if expected else [])
    assert [each.share for each in found] == pytest.approx([expected[1]] if expected else [])
    assert [each.evidence.report for each in found] == ([report] if report else [])


def test_every_share_shipped_stands_in_a_report(ready: Ready) -> None:
    for rule in ready.base.tests:
        for found in shares(rule.prevalence, ready.base.sources, TODAY):
            whole = share(found.of.result) if found.of else 1
            assert found.share == share(found.shown.result) * whole
            assert 0 < found.share < 1


def test_a_snapshot_tells_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "{result: mutated, cite: TRIAL-B/within, of: TRIAL-B/esr1}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    anew, kept = (told(stored(tmp_path / "rules").base, TODAY) for _ in range(2))
    assert list((tmp_path / "secondline").glob("*.rules"))
    assert anew == kept != ()
