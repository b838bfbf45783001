"""Whether figures that do not agree are found, each by its own check, and how many slips of the pen are noticed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from random import Random
from typing import Any, get_args
from xml.etree import ElementTree as Xml

import pytest
from typer.testing import CliRunner

from conftest import COUNTS, ROOT, RULES
from corruption import Bench, Cases, judge
from helpers import node
from secondline import condition
from secondline.audit.ledger import figures
from secondline.audit.numbers import (
    Span,
    clopper_pearson,
    counts_behind,
    deviate,
    rounded,
    short,
    square_and_add,
    stated_p,
    tail,
    two_proportions,
    wilson,
)
from secondline.audit.run import UNUSED, Audited, audit
from secondline.audit.subgroups import complementary, same_group
from secondline.cli.app import app
from secondline.derived import computed
from secondline.errors import InputError
from secondline.forms.evidence import Evidence, FindingCode
from secondline.shapes import read
from secondline.store import Ready

UNTIL = date(2026, 11, 22)
SEED = 20261122
# Of 300 corrupted figures, the least share that has to be noticed. 1,200 draws that nobody had tuned on gave 72 % for
# the audit and 81 % with `check` and cases; the floors stand some two standard errors below, as new evidence draws
# others.
FLOOR_AUDIT, FLOOR_ALL, FLOOR_WORDS = 0.67, 0.76, 0.34


# --- arithmetic -------------------------------------------------------------------------------------------


def test_intervals_of_proportions_are_those_of_the_textbooks() -> None:
    """Newcombe 1998: 56 of 70 against 48 of 80, and the exact interval of 10 of 100."""
    one, two = wilson(56, 70), wilson(48, 80)
    assert square_and_add(56 / 70, one, 48 / 80, two) == pytest.approx((0.0524, 0.3339), abs=0.0001)
    assert clopper_pearson(10, 100) == pytest.approx((0.0490, 0.1762), abs=0.0001)
    assert clopper_pearson(0, 20) == pytest.approx((0.0, 0.1684), abs=0.0001)
    assert clopper_pearson(20, 20) == pytest.approx((0.8316, 1.0), abs=0.0001)


def test_p_and_deviate_are_each_others_inverse() -> None:
    assert tail(1.959964) == pytest.approx(0.05, abs=1e-6)
    assert deviate(0.05) == pytest.approx(1.959964, abs=1e-5)
    assert two_proportions((57, 136), (17, 62)) == pytest.approx((0.0506, 0.0724), abs=0.002)
    assert two_proportions((0, 10), (0, 10)) == Span(1.0, 1.0)


def test_rounding_gives_a_span() -> None:
    from decimal import Decimal

    assert rounded(Decimal("0.84")) == pytest.approx((0.835, 0.845))
    assert list(counts_behind(Decimal("41.9"), 136)) == [57]
    assert list(counts_behind(Decimal("42.4"), 136)) == []
    assert stated_p("<0.001") == (Span(0.0, 0.001), True)
    assert stated_p("about nothing") is None
    assert [short(x) for x in (0.0, 123.4, 0.03579, 4.9, 0.0000012)] == ["0", "123", "0.0358", "4.90", "1e-6"]


@pytest.mark.parametrize(
    ("one", "other", "same", "rest"),
    [
        ("ESR1 mutation detected", "no ESR1 mutation detected", False, True),
        ("PIK3CA mutation", "PIK3CA wild-type", False, True),
        ("an inhibitor for 12 months or longer", "an inhibitor for less than 12 months", False, True),
        ("bone-only disease", "not bone-only disease", False, True),
        ("ESR1 mutation, liver metastases", "liver metastases; ESR1 mutation", True, False),
        ("liver metastases", "lung metastases", False, False),
        (None, "lung metastases", False, False),
    ],
)
def test_what_two_subgroups_are_to_one_another(one: str | None, other: str, same: bool, rest: bool) -> None:
    assert same_group(one, other) is same
    assert complementary(one, other) is rest
    assert complementary(other, one) is rest


# --- one finding each -------------------------------------------------------------------------------------

ARMS: dict[str, Any] = {
    "new": {"n": 136, "median_months": "4.9", "ci95": ["3.6", "6.1"]},
    "old": {"n": 62, "median_months": "3.6", "ci95": ["2.5", "4.2"]},
}
EFFECT: dict[str, Any] = {"measure": "hazard_ratio", "value": "0.73", "ci95": ["0.53", "1.01"], "p": "0.057"}


def exact(plain: Any) -> Any:
    """Numbers typed as text become figures with their digits."""
    from decimal import Decimal

    if isinstance(plain, dict):
        return {key: exact(value) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [exact(value) for value in plain]
    if isinstance(plain, str) and plain.replace(".", "", 1).lstrip("-").isdigit() and not plain.isdigit():
        return Decimal(plain)
    return plain


def pfs(**more: Any) -> dict[str, Any]:
    given = {"endpoint": "pfs", "role": "primary", "assessor": "investigator", "arms": ARMS, "effect": EFFECT, **more}
    return {key: value for key, value in given.items() if value is not None}


def arms(new: dict[str, Any], old: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"endpoint": "cbr", "role": "secondary", "arms": {"new": new, "old": old}, **more}


def changed(**effect: Any) -> dict[str, Any]:
    return pfs(effect={**EFFECT, **effect})


def report(*results: Any, name: str = "R-2023", day: Any = "2023-06-04", **more: Any) -> dict[str, Any]:
    citation = {"venue": "A Journal", "year": 2023, **more.pop("citation", {})}
    kind = {"kind": "journal-article"}
    return {"id": name, **kind, "citation": citation, "first_public": day, "results": list(results), **more}


def trial(*reports: Any, **more: Any) -> dict[str, Any]:
    design = {"randomized": True, "allocation": "2:1", "n": 198, **more.pop("design", {})}
    given = {"id": "T", "kind": "trial", "name": "T", "arms": {"new": "the new", "old": "the old"}, "design": design}
    return {**given, "reports": list(reports), **more}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def built(plain: dict[str, Any]) -> Evidence:
    given = exact(plain)
    return read(node(given), Evidence, _tuples(given))


def audited(*plain: dict[str, Any]) -> Audited:
    return audit([built(each) for each in plain], UNTIL)


def rate(months: int, new: str, old: str, **more: Any) -> dict[str, Any]:
    given = {"endpoint": f"pfs_rate_{months}m", "assessor": "investigator"}
    return arms({"percent": new}, {"percent": old}, **given, **more)


def safety(endpoint: str, new: str, old: str, **more: Any) -> dict[str, Any]:
    return arms({"percent": new, **more}, {"percent": old}, endpoint=endpoint, role="safety")


def test_figures_that_agree_bring_no_finding() -> None:
    found = audited(trial(report(pfs(), rate(6, "42.1", "29.1"), rate(12, "20.4", "12.3"))))
    assert found.findings == ()
    assert {"p-interval", "interval-centre", "interval-width", "median-interval", "rate-ratio"} <= set(found.read)


LABEL = {"id": "LABEL-X", "kind": "label", "name": "X label", "independent": True}


def label(*results: Any, day: Any = "2023-06-04", **more: Any) -> dict[str, Any]:
    stated = [{"endpoint": name, "role": "statement", "finding": text} for name, text in results]
    return {**LABEL, "reports": [report(*stated, name="LABEL-X-US", day=day, kind="regulatory")], **more}


def criterion(value: int) -> dict[str, Any]:
    test = condition.Test("patient.age_years", (condition.Check("at_least", (value,)),))
    return {"criteria": [{"says": "18 years or older", "when": test}]}


PAPERS = [
    ("2022-01-10", "35000000"),
    ("2022-06-10", "35600000"),
    ("2022-12-10", "86400000"),
    ("2023-03-10", "36900000"),
    ("2023-06-10", "37300000"),
]
LIVER = pfs(subgroup="liver metastases", interaction_p="0.40")
CASES: list[tuple[str, list[dict[str, Any]], str]] = [
    ("approval", [label(day="2023-06-04", approvals={"us": "2023-06-14"})], "approved 2023-06-14"),
    ("arm-allocation", [trial(report(pfs()), design={"allocation": "1:1"})], "136 v 62 patients"),
    ("arm-bounds", [trial(report(arms({"n": 50, "count": 51}, {"n": 50})))], "count 51 of n 50"),
    ("arm-numbers", [trial(report(pfs()), design={"n": 189})], "136 + 62 = 198, the design has 189"),
    (
        "arm-of-whole",
        [trial(report(pfs(), safety("grade3plus_ae", "40.2", "10.0", n=163)))],
        "n 163 of an arm of 136",
    ),
    ("citation-year", [trial(report(pfs(), name="R-2025"))], "its id names 2025, the citation has the year 2023"),
    ("criterion", [trial(report(pfs()), eligibility=criterion(81))], "does not name 81"),
    ("day-in-words", [trial(report(pfs()), notes=["Public on 4 June 2028."])], "`4 June 2028` differs by a digit"),
    ("decimals", [trial(report(changed(ci95=["0.53", "1.1"], value="0.76")))], "1.1 has 1 decimals beside figures"),
    ("doi", [trial(report(pfs(), citation={"doi": "10.1158/1078-0433.CCR-23-1073"}))], "1078-0433 is no ISSN"),
    (
        "dose",
        [label(("dose", "125 mg once daily"), ("reductions", "reduce to 100 and 750 mg"))],
        "750 mg beside 100, 125, 750 mg",
    ),
    ("effect-bounds", [trial(report(changed(ci95=["0.83", "1.01"])))], "0.73 lies outside its interval 0.83-1.01"),
    (
        "effect-direction",
        [trial(report(pfs(arms={"new": {"median_months": "3.6"}, "old": {"median_months": "4.1"}})))],
        "points the other way",
    ),
    (
        "follow-up",
        [trial(report(pfs(), median_follow_up_months="0.8"))],
        "a median of 4.9 months with a median follow-up of 0.8",
    ),
    ("future", [trial(report(pfs(), day="2027-06-04", name="R", citation={"year": 2027}))], "the rule base ends on"),
    (
        "identifier",
        [
            trial(report(pfs()), registry="NCT03809988"),
            {**trial(report(pfs())), "id": "U", "registry": "NCT03809989"},
        ],
        "are one but for a digit",
    ),
    (
        "interaction-p",
        [trial(report({**LIVER, "interaction_p": "0.04"}, pfs(subgroup="no liver metastases")))],
        "interaction p=0.04, but the two hazard ratios give",
    ),
    (
        "interval-centre",
        [trial(report(changed(value="0.78")))],
        "0.53-1.01 is centred on 0.7",
    ),
    (
        "interval-in-words",
        [trial(report(pfs()), notes=["A hazard ratio of 0.78 (95 % CI 0.53-1.01) was told."])],
        "`0.78 (95 % CI 0.53-1.01)` is centred on",
    ),
    (
        "interval-width",
        [trial(report(changed(value="0.84", ci95=["0.76", "0.93"], p=None)))],
        "there were 198 patients",
    ),
    (
        "median-interval",
        [trial(report(pfs(arms={**ARMS, "new": {**ARMS["new"], "ci95": ["3.6", "9.1"]}})))],
        "an interval of 3.6-9.1 around 4.9 is wide for 136 patients",
    ),
    (
        "median-ratio",
        [trial(report(pfs(arms={"new": {"median_months": "9.4"}, "old": {"median_months": "3.6"}})))],
        "medians of 9.4 v 3.6 months are in the ratio 0.383",
    ),
    (
        "number-in-words",
        [trial(report(pfs()), population=["198 women, 136 on the new and 82 on the old"])],
        "`82` beside 136 and 198; R-2023 pfs has 62",
    ),
    (
        "order",
        [trial(report(safety("rash_any_grade", "12.4", "8.1"), safety("rash_grade3plus", "21.4", "0.7")))],
        "21.4 %, but rash_any_grade 12.4 %",
    ),
    ("p-form", [trial(report(changed(p="<0.007")))], "p <0.007 is no usual limit"),
    ("p-interval", [trial(report(changed(p="0.507")))], "p=0.507, but hazard ratio and interval give p from"),
    (
        "p-proportions",
        [
            trial(
                report(
                    pfs(),
                    arms(
                        {"percent": "41.9"},
                        {"percent": "27.4"},
                        effect={"measure": "difference_in_proportions", "p": "0.004"},
                    ),
                )
            )
        ],
        "57 of 136 and 17 of 62 give p from",
    ),
    (
        "parts-of-whole",
        [
            trial(
                report(
                    pfs(),
                    LIVER | {"arms": {"new": {"n": 86}, "old": {"n": 30}}, "interaction_p": None, "effect": None},
                    pfs(subgroup="no liver metastases", arms={"new": {"n": 80}, "old": {"n": 32}}, effect=None),
                )
            )
        ],
        "86 + 80 = 166 patients of 136",
    ),
    (
        "percent-count",
        [trial(report(arms({"n": 136, "percent": "49.1"}, {"n": 62, "percent": "27.4"})))],
        "no count of 136 gives 49.1 %",
    ),
    (
        "percent-denominator",
        [trial(report(pfs(), arms({"percent": "41.9"}, {"percent": "24.7"})))],
        "no number of patients (62) gives 24.7 %",
    ),
    (
        "percent-interval",
        [trial(report(arms({"n": 136, "percent": "41.9", "ci95": ["33.5", "57.0"]}, {"n": 62, "percent": "27.4"})))],
        "no usual 95% interval of 41.9 % of 136 runs from 33.5 to 57.0",
    ),
    ("pmid", [trial(report(pfs(), citation={"pmid": "4029434"})), trial(report(citation={"pmid": "4029"}))], "`4029`"),
    (
        "pmid-order",
        [trial(*(report(name=f"R{i}", day=day, citation={"pmid": pmid}) for i, (day, pmid) in enumerate(PAPERS)))],
        "PMID 86400000 for a paper of 2022-12-10",
    ),
    ("quotation", [trial(report(pfs()), notes=["It gained little: 4.9 v 8.6 months."])], "T has 4.9 v 3.6 months"),
    ("rate-median", [trial(report(pfs(), rate(6, "62.1", "29.1")))], "62.1 % at 6 months with a median of 4.9"),
    (
        "rate-order",
        [trial(report(rate(6, "42.1", "29.1"), rate(12, "12.4", "39.3")))],
        "39.3 % at 12 months after 29.1",
    ),
    ("rate-ratio", [trial(report(pfs(), rate(12, "12.4", "20.3")))], "give a hazard ratio near 1.31, not 0.73"),
    ("registry", [trial(report(pfs()), registry="NCT0380998")], "`NCT0380998` is no number of a registry"),
    ("report-order", [trial(report(pfs()), report(name="S", day="2023-01-04"))], "reports stand oldest first"),
    (
        "same-analysis",
        [
            trial(
                report(pfs()),
                report(pfs(arms={**ARMS, "old": {**ARMS["old"], "ci95": ["2.5", "4.4"]}}), name="S", day="2023-07-04"),
            )
        ],
        "4.4, but R-2023 has 4.2",
    ),
    (
        "same-arm",
        [
            trial(
                report(pfs(comparison="new v old"), pfs(comparison="old v new", arms={"old": {**ARMS["old"], "n": 26}}))
            )
        ],
        "n 26, but 62 in the comparison new v old",
    ),
    (
        "share-in-words",
        [trial(report(pfs()), notes=["It was seen in 14 of 87 (61.1 %)."])],
        "14 of 87 are 16.1 %, the text says 61.1 %",
    ),
    ("significance", [trial(report(pfs(significant=True)))], "`significant: true` with p 0.057"),
    ("significance-role", [trial(report(pfs(role="exploratory", significant=True)))], "for an endpoint of role explor"),
    (
        "subgroup-width",
        [
            trial(
                report(
                    pfs(),
                    changed(ci95=["0.66", "0.81"], p=None) | {"subgroup": "liver metastases", "arms": {}},
                )
            )
        ],
        "narrower than that of the whole population",
    ),
    (
        "subgroup-words",
        [trial(report(pfs(subgroup="ESR1, mutated")), report(pfs(subgroup="mutated ESR1"), name="S", day="2023-07"))],
        "`ESR1, mutated` of R-2023 in other words",
    ),
    (
        "succession",
        [trial(report(pfs()), report(changed(value="1.30", ci95=["1.02", "1.65"], p=None), name="S", day="2024-05"))],
        "1.30 lies outside the earlier interval",
    ),
    ("twice", [trial(report(pfs(), pfs()))], "the same endpoint and patients as another result"),
    ("venue", [trial(report(citation={"venue": "N Engl J Med 2023;338:2058-2070"}))], "volume 338 of N Engl J Med"),
]


@pytest.mark.parametrize(("code", "plain", "message"), CASES, ids=[code for code, _, _ in CASES])
def test_a_finding(code: str, plain: list[dict[str, Any]], message: str) -> None:
    found = audited(*plain)
    assert any(finding.code == code and message in finding.message for finding in found.findings), found.findings
    assert all(finding.path for finding in found.findings)


def test_every_kind_of_finding_is_shown_once() -> None:
    assert sorted(code for code, _, _ in CASES) == sorted(get_args(FindingCode))


# --- accepting --------------------------------------------------------------------------------------------


def messages(*plain: dict[str, Any]) -> list[str]:
    return [finding.message for finding in audited(*plain).findings]


def test_figures_of_what_reads_as_one_analysis() -> None:
    """What differs is said beside how many are the same; after a longer follow-up it is another analysis."""
    later = pfs(arms={**ARMS, "old": {**ARMS["old"], "ci95": ["2.5", "4.4"]}})
    for before, after in ((None, None), ("8.7", None), ("8.7", "8.7")):
        one = report(pfs(), median_follow_up_months=before)
        other = report(later, name="S", day="2023-07-04", median_follow_up_months=after)
        told = "S pfs: 4.4, but R-2023 has 4.2; 9 of the 10 figures that both give are the same"
        assert messages(trial(one, other)) == [told]
    one = report(pfs(), median_follow_up_months="8.7")
    other = report(later, name="S", day="2023-07-04", median_follow_up_months="9.5")
    assert messages(trial(one, other)) == []


@pytest.mark.parametrize(
    ("says", "fact", "check", "found"),
    [
        ("ECOG 0 or 1", "patient.ecog", ("at_most", 1), []),
        ("ECOG 0, 1 or 2", "patient.ecog", ("at_most", 2), []),
        ("ECOG 0 or 1", "patient.ecog", ("below", 2), []),
        ("ECOG 0 or 2", "patient.ecog", ("at_most", 1), ["does not name 1,", "names 2, which its condition does not"]),
        ("no line of chemotherapy, or 1", "history.chemotherapy_lines", ("at_most", 1), []),
        ("18 years or older, not 19", "patient.age_years", ("at_least", 18), ["names 19, which its condition"]),
        ("QTcF below 450 ms, 430 at best", "safety.qtcf_ms", ("below", 450), ["names 430, which its condition"]),
    ],
)
def test_numbers_of_a_criterion(says: str, fact: str, check: tuple[Any, int], found: list[str]) -> None:
    """A short list up to a limit names what the condition lets pass."""
    test = condition.Test(fact, (condition.Check(check[0], (check[1],)),))
    told = messages(trial(report(pfs()), eligibility={"criteria": [{"says": says, "when": test}]}))
    assert len(told) == len(found)
    assert all(part in message for part, message in zip(found, told, strict=True))


def test_a_known_finding_is_accepted_with_its_reason() -> None:
    known = {"finding": "p-interval", "report": "R-2023", "endpoint": "pfs", "reason": "printed so"}
    found = audited(trial(report(changed(p="0.507")), accepted=[known]))
    assert found.findings == ()
    assert [(finding.code, reason) for finding, reason in found.accepted] == [("p-interval", "printed so")]


def test_an_acceptance_of_nothing_is_a_finding() -> None:
    other = {"finding": "p-interval", "report": "R-2022", "reason": "printed so"}
    found = audited(trial(report(changed(p="0.507")), accepted=[other]))
    assert sorted(finding.code for finding in found.findings) == [UNUSED, "p-interval"]


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    plain = trial(report(pfs()), accepted=[{"finding": "p-intervall", "reason": "printed so"}])
    with pytest.raises(InputError, match="did you mean `p-interval`"):
        built(plain)


# --- the shipped evidence ---------------------------------------------------------------------------------


def test_the_shipped_evidence_is_clean(ready: Ready) -> None:
    found = audit(list(ready.base.evidence.values()), ready.base.knowledge_until)
    assert [f"{finding.evidence}: {finding.code}: {finding.message}" for finding in found.findings] == []
    assert set(found.read) <= set(get_args(FindingCode))
    assert all(reason.strip() for _, reason in found.accepted)


def test_every_figure_has_one_place(ready: Ready) -> None:
    for item in ready.base.evidence.values():
        fields = [figure.key for figure in figures(item) if figure.path[-1] != "when"]
        assert len(fields) == len(set(fields))


def run(*args: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["evidence", "audit", *args], prog_name="secondline", env={"COLUMNS": "80"})
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.exit_code, found.output


def test_the_command(tmp_path: Any) -> None:
    import shutil

    code, text = run("PALMIRA")
    assert code == 0
    assert "Accepted" in text
    assert "1 evidence file, " in text
    assert run("PALMIRRA")[0] == 2
    assert "did you mean `PALMIRA`?" in run("PALMIRRA")[1]
    code, text = run("--unchecked")
    assert code == 0
    assert "Figures that no check reads" in text
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    path = rules / "evidence" / "palmira.yaml"
    path.write_text(path.read_text().replace("p: 0.149", "p: 0.419"))
    code, text = run("--rules", str(rules))
    assert code == 1
    (line,) = [line for line in text.splitlines() if "p=0.419" in line]
    number = next(i for i, each in enumerate(path.read_text().splitlines(), start=1) if "0.419" in each)
    assert line.startswith(f"{path}:{number}:")
    code, text = run("PALMIRA", "--rules", str(rules), "--format", "json")
    assert code == 1
    (finding,) = json.loads(text)["findings"]
    assert finding["check"] == "p-interval"
    assert finding["report"] == "PALMIRA-JCO-2025"
    code, text = run("--rules", str(rules), "--format", "junit")
    assert Xml.fromstring(text.encode()).get("failures") == "1"
    code, text = run("--rules", str(rules), "--format", "sarif")
    assert json.loads(text)["runs"][0]["results"][0]["ruleId"] == "p-interval"


# --- computed figures -------------------------------------------------------------------------------------


def says(result: dict[str, Any], *more: Any) -> list[str]:
    item = built(trial(report(result, *more)))
    return [found.says() for found in computed(item, item.reports[0], item.reports[0].results[0])]


def test_computed_figures_say_how() -> None:
    assert says(pfs()) == ["difference in medians +1.3 months [one median less the other; no interval]"]
    (difference,) = says(arms({"n": 136, "percent": "41.9"}, {"n": 62, "percent": "27.4"}))
    assert difference.startswith("difference in percentages +14.5 points (95% CI -0.1 to 27.2), so no number needed")
    difference, needed = says(
        arms({"n": 208, "percent": "48.6"}, {"n": 327, "percent": "17.1"}, role="safety", endpoint="grade3plus_ae")
    )
    assert "Newcombe's interval, 208 v 327 patients" in difference
    assert needed == "number needed to harm 4 (95% CI 3 to 5) [100 by the difference, rounded up]"
    stated = arms(
        {"percent": "24.6", "ci95": ["12.5", "36.7"]},
        {"percent": "7.4", "ci95": ["0.4", "14.3"]},
        endpoint="pfs_rate_12m",
    )
    assert says(stated)[1].startswith("number needed to treat 6 (95% CI 4 to 31)")
    assert "no interval can be had" in says(rate(6, "42.1", "29.1"), pfs())[0]
    assert "with the numbers randomised" in says(arms({"percent": "41.9"}, {"percent": "27.4"}), pfs())[0]
    assert says({"endpoint": "pfs", "role": "primary", "arms": {"new": {"median_months": "4.9"}}}) == []


def test_computed_figures_stand_apart(ready: Ready) -> None:
    from secondline.report.evidence import show_text, shown

    item = shown(ready.base.evidence["MAINTAIN"], UNTIL, ready.base.knowledge_until)
    assert item["computed"]
    assert all("computed" not in result for each in item["reports"] for result in each["results"])
    assert not any("number needed" in result["figures"] for each in item["reports"] for result in each["results"])
    assert "Computed by this program" in show_text(item)
    early = shown(ready.base.evidence["MAINTAIN"], date(2022, 12, 1), ready.base.knowledge_until)
    assert {row["report"] for row in early["computed"]} == {"MAINTAIN-ASCO-2022"}


# --- slips of the pen -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.mark.long
def test_whatever_is_typed_the_audit_answers(bench: Bench) -> None:
    """It finds something or nothing, and never fails."""
    noticed = 0
    for corruption in bench.draw(list(bench.places()), 60, Random(SEED + 1)):
        item, refused = bench.read(corruption)
        noticed += refused or (item is not None and bench.audited(corruption.place.file, item))
    assert noticed > 20


@pytest.mark.long
@pytest.mark.parametrize("words", [False, True], ids=["fields", "words"])
def test_corrupted_figures_are_noticed(bench: Bench, words: bool, request: pytest.FixtureRequest) -> None:
    """Figures changed one at a time: in fields of their own, and, apart, in words."""
    wanted = request.config.getoption("--figures")
    places = [place for place in bench.places() if place.in_words is words]
    cases = Cases(bench.files)
    caught = [judge(bench, corruption, cases) for corruption in bench.draw(places, wanted, Random(SEED))]
    by = Counter(each.by or "nobody" for each in caught)
    what = "words" if words else "fields"
    counts = COUNTS.setdefault(f"{wanted} corrupted figures in {what}, noticed by", Counter())
    counts.update(by)
    for each in caught:
        counts[f"    {each.corruption.place.group}: {'noticed' if each.by else 'not'}"] += 1
    alone, together = by["audit"] / wanted, 1 - by["nobody"] / wanted
    print(f"{what}: audit {alone:.1%}, audit with check and cases {together:.1%}; {dict(by)}")
    assert together >= (FLOOR_WORDS if words else FLOOR_ALL)
    assert words or alone >= FLOOR_AUDIT


@pytest.mark.long
def test_figures_that_nothing_can_check_are_counted(ready: Ready) -> None:
    found = audit(list(ready.base.evidence.values()), ready.base.knowledge_until)
    fields = [figure for _, figure in found.unread if figure.word is None]
    counts = COUNTS.setdefault("figures that no check reads", Counter())
    counts["in fields"] += len(fields)
    counts["in words"] += len(found.unread) - len(fields)
    counts["all figures"] += found.figures
    assert len(fields) / found.figures < 0.02
    assert ROOT.is_dir()
