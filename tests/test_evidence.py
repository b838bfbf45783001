"""What a day could know: public days, superseding, cites, and figures with the digits typed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from helpers import node
from secondline.evidence import (
    Cite,
    citation,
    figures,
    lineages,
    parse_cite,
    plain,
    population,
    public_from,
    source,
)
from secondline.forms.evidence import Evidence, Result
from secondline.shapes import read
from secondline.store import Ready

UNTIL = date(2026, 11, 22)


def evidence(*reports: Any, **more: Any) -> Evidence:
    given = {"id": "T", "kind": "trial", "name": "T", "reports": list(reports), **more}
    return read(node(given), Evidence, exact=True)


def report(name: str, day: Any, *results: Any, **more: Any) -> dict[str, Any]:
    venue = {"venue": "A Journal", **({"year": more.pop("year")} if "year" in more else {})}
    return {
        "id": name,
        "kind": "journal-article",
        "citation": venue,
        "first_public": day,
        "results": list(results),
        **more,
    }


def pfs(value: Any = None, endpoint: str = "pfs", **more: Any) -> dict[str, Any]:
    effect = {"effect": {"measure": "hazard_ratio", "value": value}} if value is not None else {}
    return {"endpoint": endpoint, "role": "primary", **effect, **more}


def cite(text: str) -> Cite:
    found = parse_cite(text)
    assert found is not None
    return found


def on(item: Evidence, text: str, day: str) -> tuple[str, tuple[str, ...]] | None:
    shown = source(cite(text), item, UNTIL).on(date.fromisoformat(day))
    return (shown[0].report.id, shown[0].superseded) if shown else None


@pytest.mark.parametrize(
    ("first_public", "year", "expected"),
    [
        ("2025-05-03", None, date(2025, 5, 3)),
        ("2025-05", None, date(2025, 6, 1)),
        (2017, None, date(2018, 1, 1)),
        (None, 2024, date(2025, 1, 1)),
        (None, None, UNTIL),
    ],
)
def test_a_report_counts_once_its_day_is_over(first_public: Any, year: int | None, expected: date) -> None:
    given = report("R", first_public, **({"year": year} if year else {}))
    assert public_from(evidence(given).reports[0], UNTIL) == expected


def test_a_later_result_supersedes_an_earlier_one_whole() -> None:
    item = evidence(report("A", "2023-06-04", pfs(0.8)), report("B", "2025-05", pfs(0.84)))
    assert on(item, "T/pfs", "2023-06-03") is None
    assert on(item, "T/pfs", "2023-06-04") == ("A", ())
    assert on(item, "T/pfs", "2025-05-31") == ("A", ())
    assert on(item, "T/pfs", "2025-06-01") == ("B", ("A",))


def test_a_result_without_its_effect_erases_nothing() -> None:
    item = evidence(report("A", "2023", pfs(0.8)), report("B", "2024", pfs()), report("C", "2025", pfs(0.7)))
    assert on(item, "T/pfs", "2025-01-01") == ("A", ())
    assert on(item, "T/pfs", "2026-01-01") == ("C", ("A",))
    both_without = evidence(report("A", "2023", pfs()), report("B", "2024", pfs()))
    assert on(both_without, "T/pfs", "2025-01-01") == ("B", ("A",))


def test_subgroups_comparisons_and_assessors_are_kept_apart() -> None:
    item = evidence(
        report("A", "2023", pfs(0.8, comparison="x v y", assessor="investigator"), pfs(0.7, comparison="z v y")),
        report("B", "2024", pfs(0.9, comparison="x v y", assessor="bicr"), pfs(0.5, subgroup="S")),
    )
    assert len(lineages(item)) == 4
    with pytest.raises(ValueError, match=r"3 results fit; add comparison or assessor in brackets"):
        source(cite("T/pfs"), item, UNTIL)
    assert on(item, "T/pfs[comparison=x v y,assessor=bicr]", "2026-01-01") == ("B", ())
    assert on(item, "T/pfs[subgroup=S]", "2026-01-01") == ("B", ())


def test_an_absent_assessor_matches_where_one_result_only_could_be_meant() -> None:
    item = evidence(report("A", "2023", pfs(0.8, assessor="investigator")), report("B", "2024", pfs(0.9)))
    assert on(item, "T/pfs", "2026-01-01") == ("B", ("A",))
    assert on(item, "T/pfs[assessor=investigator]", "2026-01-01") == ("B", ("A",))
    unclear = evidence(
        report("A", "2023", pfs(0.8, assessor="investigator"), pfs(0.7, assessor="bicr")), report("B", "2024", pfs(0.9))
    )
    with pytest.raises(ValueError, match="B/pfs"):
        lineages(unclear)


def test_without_a_subgroup_the_whole_population_is_meant() -> None:
    item = evidence(report("A", "2023", pfs(0.8), pfs(0.5, subgroup="S"), pfs(0.9, endpoint="os", subgroup="S")))
    assert on(item, "T/pfs", "2026-01-01") == ("A", ())
    assert on(item, "T/os", "2026-01-01") == ("A", ())


def test_one_measure_under_two_names() -> None:
    later = pfs(endpoint="grade3plus_ae", arms={"a": {"percent": 47.4}}, replaces=["A/grade3_4_ae"])
    item = evidence(
        report("A", "2023-06-04", pfs(endpoint="grade3_4_ae", arms={"a": {"percent": 45.2}})),
        report("B", "2025-05", later),
    )
    for text in ("T/grade3_4_ae", "T/grade3plus_ae"):
        (shown,) = source(cite(text), item, UNTIL).on(date(2024, 1, 1))
        assert shown.result is not None
        assert (shown.report.id, shown.result.endpoint) == ("A", "grade3_4_ae")
        (shown,) = source(cite(text), item, UNTIL).on(date(2026, 1, 1))
        assert shown.result is not None
        assert (shown.report.id, shown.result.endpoint) == ("B", "grade3plus_ae")


def test_independent_reports_never_replace_one_another() -> None:
    item = evidence(
        report("A", "2023", pfs(0.8)), report("B", "2024", pfs(0.9)), independent=True, kind="meta-analysis"
    )
    with pytest.raises(ValueError, match="name one with"):
        source(cite("T/pfs"), item, UNTIL)
    assert on(item, "T/pfs[report=A]", "2026-01-01") == ("A", ())


def test_a_bare_label_gives_its_reports_of_the_jurisdiction() -> None:
    us = report("US", 2017, jurisdiction="us")
    eu = report("EU", 2018, jurisdiction="eu")
    item = evidence(us, eu, kind="label", independent=True)
    found = source(cite("T"), item, UNTIL)
    assert found.public_from == date(2018, 1, 1)
    assert [s.report.id for s in found.on(date(2026, 1, 1))] == ["US", "EU"]
    assert [s.report.id for s in found.on(date(2026, 1, 1), "eu")] == ["EU"]
    assert [s.report.id for s in found.on(date(2018, 6, 1), "eu")] == ["US"]
    assert found.on(date(2017, 6, 1)) == ()


@pytest.mark.parametrize("text", ["t/pfs", "T/PFS", "T/pfs[", "T/pfs[size=1]", "T/pfs[]", "T pfs", ""])
def test_what_is_no_cite(text: str) -> None:
    assert parse_cite(text) is None


def test_a_cite_may_hold_commas() -> None:
    found = parse_cite("T/pfs[subgroup=PIK3CA, AKT1 or PTEN alteration,report=A]")
    assert found is not None
    assert dict(found.keys) == {"subgroup": "PIK3CA, AKT1 or PTEN alteration", "report": "A"}


def test_a_cite_of_nothing_says_what_there_is() -> None:
    item = evidence(report("A", "2023", pfs(0.8)))
    with pytest.raises(ValueError, match="did you mean `pfs`"):
        source(cite("T/pfz"), item, UNTIL)
    with pytest.raises(ValueError, match="it has pfs"):
        source(cite("T/mortality"), item, UNTIL)
    with pytest.raises(ValueError, match="evidence show"):
        source(cite("T/pfs[subgroup=X]"), item, UNTIL)
    with pytest.raises(ValueError, match="as in `T/pfs`"):
        source(cite("T"), item, UNTIL)
    with pytest.raises(ValueError, match="it has no results"):
        source(cite("T/pfs"), evidence(report("A", "2023")), UNTIL)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            {
                "arms": {"a": {"median_months": 4.9}, "b": {"median_months": 3.6}},
                "effect": {"measure": "hazard_ratio", "value": "0.84", "ci95": ["0.66", "1.07"], "p": "0.149"},
            },
            "median 4.9 v 3.6 months; HR 0.84 (95% CI 0.66-1.07), p=0.149",
        ),
        ({"arms": {"a": {"percent": "47.4"}, "b": {"percent": "10.0"}}}, "47.4 v 10.0 %"),
        ({"arms": {"a": {"count": 0}, "b": {"count": 0}}}, "0 v 0 patients"),
        ({"arms": {"a": {"median_months": 4.9}, "b": {"n": 3}}}, "median 4.9 v not given months"),
        (
            {"effect": {"measure": "hazard_ratio", "value": "1.11", "ci90": ["0.79", "1.55"]}},
            "HR 1.11 (90% CI 0.79-1.55)",
        ),
        (
            {"effect": {"measure": "hazard_ratio", "value": "0.5", "ci95": ["0.3", None]}},
            "HR 0.5 (95% CI 0.3-not reached)",
        ),
        ({"effect": {"measure": "difference_in_proportions", "p": "0.044", "p_kind": "nominal"}}, "p=0.044 (nominal)"),
        ({"effect": {"measure": "difference_in_proportions", "value": "2.5"}}, "difference 2.5"),
        ({"effect": {"measure": "hazard_ratio"}}, "no figures given"),
        ({"finding": "consistent"}, "consistent"),
    ],
)
def test_figures_in_words(result: Any, expected: str) -> None:
    from decimal import Decimal

    def exact(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: exact(v) for k, v in value.items()}
        if isinstance(value, list):
            return tuple(map(exact, value))
        if (isinstance(value, str) and value.replace(".", "").isdigit()) or isinstance(value, int | float):
            return Decimal(str(value))
        return value

    assert figures(Result.model_validate({"endpoint": "x", "role": "primary", **exact(result)})) == expected


def test_p_values_as_text_keep_their_sign() -> None:
    given = Result.model_validate(
        {"endpoint": "x", "role": "primary", "effect": {"measure": "hazard_ratio", "p": "<0.001"}}
    )
    assert figures(given) == "p<0.001"


def test_citations_and_populations(ready: Ready) -> None:
    palmira = ready.base.evidence["PALMIRA"]
    paper = palmira.reports[1]
    assert (
        citation(palmira, paper)
        == "Journal of Clinical Oncology 2025, doi:10.1200/JCO-24-01865, PMID 40294349, NCT03809988"
    )
    assert population(palmira, paper.results[0]) == "all randomised"
    emerald = ready.base.evidence["EMERALD"]
    quoted = next(r for r in emerald.reports if r.read_as)
    assert "read second-hand" in citation(emerald, quoted)
    assert population(emerald, quoted.results[0]) == "no ESR1 mutation detected"


def test_plain_figures_are_numbers(ready: Ready) -> None:
    result = ready.base.evidence["PALMIRA"].reports[1].results[0]
    found = plain(result)
    assert found["arms"]["palbociclib+et"] == {"n": 136, "median_months": 4.9, "ci95": [3.6, 6.1]}
    assert found["significant"] is False
    assert plain(ready.base.evidence["LABEL-PALBOCICLIB"].approvals) == {"us": "2015"}
