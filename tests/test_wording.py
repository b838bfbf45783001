"""Texts with cites and clauses."""

from __future__ import annotations

from datetime import date

import pytest

from secondline.evidence import Shown, parse_cite, source
from secondline.store import Ready
from secondline.wording import cites_in, render, split


def test_pieces() -> None:
    assert list(cites_in("A {X/pfs} b[[ ({Y/os})]].[[ c]]")) == [("X/pfs", False), ("Y/os", True)]
    assert [piece.clause for piece in split("a[[b]]c")] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a [[b [[c]]", "inside"),
        ("a ]] b", "without"),
        ("a [[b", "never closed"),
        ("a {b", "single brace"),
        ("a }b", "single brace"),
    ],
)
def test_broken_brackets(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        split(text)


def test_a_clause_is_shown_once_all_its_cites_are_public(ready: Ready) -> None:
    text = "Kept[[ ({PALMIRA/pfs})]][[ and {PALMIRA/pfs} with {PALMIRA/os}]]."

    def lookup(day: date) -> str:
        def show(text: str) -> tuple[Shown, ...]:
            cite = parse_cite(text)
            assert cite is not None
            return source(cite, ready.base.evidence["PALMIRA"], ready.base.knowledge_until).on(day)

        return render(text, show, {"pfs": "PFS"})

    assert lookup(date(2021, 1, 1)) == "Kept."
    assert (
        lookup(date(2023, 6, 30)) == "Kept (PALMIRA, PFS: median 4.2 v 3.6 months; HR 0.8 (95% CI 0.6-1.1), p=0.206)."
    )
    assert "PALMIRA, os: median 28.3 v 28.8 months" in lookup(date(2026, 1, 1))


def test_labels_and_second_hand_reports_say_so(ready: Ready) -> None:
    def show(text: str) -> tuple[Shown, ...]:
        cite = parse_cite(text)
        assert cite is not None
        return source(cite, ready.base.evidence[cite.id], ready.base.knowledge_until).on(date(2026, 11, 22))

    label = render("{LABEL-RIBOCICLIB}", show, {})
    assert label == "Ribociclib label (US); Ribociclib label (EU)"
    crisis = render("{DEFINITIONS/visceral_crisis[report=ABC-CONSENSUS-DEFINITIONS]}", show, {})
    assert crisis.startswith("Definitions: severe organ dysfunction")
    assert crisis.endswith("(read second-hand)")
