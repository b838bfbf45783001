"""The principles of grading: each by itself, on every shipped option rule, and the whole table for one patient."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from conftest import RULES
from helpers import answer
from secondline.cases import CaseReader
from secondline.forms.evidence import Arm, Effect, Result
from secondline.forms.rules import Grading
from secondline.grading import certainty, grade, relevant
from secondline.lint.run import lint
from secondline.loading import Loaded, load
from secondline.recommend import Adviser
from secondline.rulefiles import RuleFiles, rule_files
from secondline.scales import OFFERED, Jurisdiction
from worked import MOLECULAR, PATIENT, STRENGTH, TIERS, WORKED, altered


def result(treated: str | None, control: str | None, interval: tuple[str, str] | None) -> Result:
    def months(text: str | None) -> Decimal | None:
        return Decimal(text) if text else None

    limits = (Decimal(interval[0]), Decimal(interval[1])) if interval else None
    effect = Effect(measure="hazard_ratio", value=Decimal("0.6"), ci95=limits)
    arms = {"treated": Arm(median_months=months(treated)), "control": Arm(median_months=months(control))}
    return Result(endpoint="pfs", role="primary", arms=arms, effect=effect)


@pytest.mark.parametrize(
    ("treated", "control", "interval", "expected"),
    [
        ("3.4", "1.9", ("0.65", "0.8"), True),
        ("3.4", "1.9", ("0.66", "0.8"), False),
        ("3.3", "1.9", ("0.4", "0.8"), False),
        ("7.5", "6.0", ("0.4", "0.8"), True),
        ("7.6", "6.1", ("0.4", "0.8"), False),
        ("9.1", "6.1", ("0.4", "0.8"), True),
        (None, "6.1", ("0.4", "0.8"), False),
        ("9.1", "6.1", None, False),
    ],
)
def test_relevant_gain(
    treated: str | None, control: str | None, interval: tuple[str, str] | None, expected: bool
) -> None:
    """Limits of ESMO-MCBS: 0.65 for the lower limit, 1.5 months, or 3 over a control of more than 6."""
    assert relevant(result(treated, control, interval)) is expected


GAIN = result("9.0", "5.0", ("0.4", "0.7"))
PLAIN: dict[str, Any] = {
    "start": "randomised", "down": ("S",), "phase": "3", "setting": "within", "primary": "met", "wording": "covers",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "gain", "expected"),
    [
        ({}, GAIN, ("preferred", "strong", "moderate", "T5")),
        ({"boxed_warning": True}, GAIN, ("preferred", "conditional", "moderate", "T5")),
        ({}, None, ("alternative", "conditional", "moderate", "T6")),
        ({"down": ("R", "S")}, GAIN, ("alternative", "conditional", "low", "T6")),
        ({"wording": "second-hand"}, GAIN, ("alternative", "conditional", "moderate", "T6")),
        ({"wording": "unread"}, GAIN, ("alternative", "conditional", "moderate", "T6")),
        ({"limits": ("accelerated",)}, GAIN, ("alternative", "conditional", "moderate", "T6")),
        ({"setting": "outside"}, GAIN, ("alternative", "conditional", "moderate", "T7")),
        ({"setting": "outside", "wording": "second-hand"}, GAIN, ("alternative", "conditional", "moderate", "T7")),
        ({"setting": "outside", "wording": "unread"}, GAIN, ("consider", "conditional", "moderate", "T9")),
        ({"phase": "2"}, GAIN, ("alternative", "conditional", "moderate", "T8")),
        ({"phase": "2", "wording": "unread"}, GAIN, ("consider", "conditional", "moderate", "T9")),
        ({"phase": "2", "setting": "outside"}, GAIN, ("consider", "conditional", "moderate", "T9")),
        ({"phase": "2"}, None, ("consider", "conditional", "moderate", "T9")),
        ({"wording": "not-approved"}, GAIN, ("consider", "conditional", "moderate", "T9")),
        ({"wording": "outside"}, GAIN, ("consider", "conditional", "moderate", "T9")),
        ({"primary": "missed"}, GAIN, ("avoid", "conditional", "moderate", "T12")),
        ({"row": "T3"}, None, ("avoid", "strong", "moderate", "T3")),
        ({"row": "T3", "down": ("I", "P")}, None, ("avoid", "conditional", "low", "T3")),
        ({"row": "T4"}, GAIN, ("avoid", "conditional", "moderate", "T4")),
        ({"adjusted": ("A2",), "wording": "unread"}, GAIN, ("consider", "conditional", "moderate", "T6, A2")),
        ({"adjusted": ("A3",)}, GAIN, ("consider", "conditional", "moderate", "T5, A3")),
        ({"adjusted": ("A6",)}, GAIN, ("alternative", "conditional", "moderate", "T5, A6")),
        (
            {"start": "consensus", "down": (), "row": "consensus"},
            None,
            ("alternative", "conditional", "low", "consensus"),
        ),
        (
            {"start": "consensus", "down": (), "row": "consensus", "adjusted": ("A5",)},
            None,
            ("preferred", "strong", "low", "consensus, A5"),
        ),
    ],
)
def test_rows(changes: dict[str, Any], gain: Result | None, expected: tuple[str, str, str, str]) -> None:
    assert grade(Grading(**{**PLAIN, **changes}), gain) == expected


@pytest.mark.parametrize(
    ("start", "down", "expected"),
    [
        ("randomised", (), "high"),
        ("randomised", ("R", "S", "C"), "very-low"),
        ("randomised", ("P", "P", "P"), "low"),
        ("label", (), "moderate"),
        ("response", (), "low"),
        ("time-to-event", (), "very-low"),
        ("cohort", ("I", "U", "B"), "very-low"),
    ],
)
def test_certainty(start: str, down: tuple[str, ...], expected: str) -> None:
    """A level for each letter, two at most for P, never below very-low."""
    assert certainty(Grading.model_validate({**PLAIN, "start": start, "down": down})) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"setting": None}, "of a randomised trial the tier follows from `phase`, `setting` and `primary`"),
        ({"primary": None}, "of a randomised trial the tier follows from `phase`, `setting` and `primary`"),
        ({"down": ("R", "S", "R")}, "`down` has `R` twice; remove one, as only P can count more than once"),
    ],
)
def test_a_grading_from_which_no_tier_follows_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        Grading.model_validate({**PLAIN, **changes})


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(rule_files(RULES))


def test_every_option_rule_records_what_its_tier_follows_from(loaded: Loaded) -> None:
    """That it follows is among the findings of `check`, of which the shipped rules have none."""
    assert [option.id for option in loaded.base.options if option.grading is None] == []


def test_check_names_a_tier_that_does_not_follow() -> None:
    name = "options/elacestrant-us.yaml"
    files = rule_files(RULES)
    text = files.contents[name].replace(b"certainty: moderate", b"certainty: high")
    found = lint(load(RuleFiles(files.folder, {**files.contents, name: text}))).findings
    (finding,) = found
    assert "`certainty` is `high`; by its grading (T5) it is `moderate`" in str(finding)
    assert f"{name}:" in str(finding)


# --- the worked result ------------------------------------------------------------------------------------


def refused(name: str, old: bytes, new: bytes) -> str:
    """What `check` finds in the shipped rules with this change."""
    files = rule_files(RULES)
    text = files.contents[name].replace(old, new)
    assert text != files.contents[name]
    return "\n".join(map(str, lint(load(RuleFiles(files.folder, {**files.contents, name: text}))).findings))


def test_a_wording_that_covers_is_cited_and_approved() -> None:
    label = b', "LABEL-ABEMACICLIB/indication[report=LABEL-ABEMACICLIB-US]"'
    uncited = refused("options/abemaciclib-fulvestrant-after-adjuvant-abemaciclib.yaml", label, b"")
    assert "the rule cites no label; cite one of its labels (LABEL-ABEMACICLIB)" in uncited
    early = refused("options/capivasertib-fulvestrant-us.yaml", b"from: 2023-11-16", b"from: 2023-11-15")
    assert "LABEL-CAPIVASERTIB is approved there from 2023-11-16; begin the rule then" in early


@pytest.mark.parametrize(
    ("regimen", "changes", "jurisdiction", "cell"),
    [
        pytest.param(regimen, changes, jurisdiction, cell, id=f"{number}-{regimen}-{jurisdiction}")
        for number, (regimen, changes, us, eu) in enumerate(WORKED)
        for jurisdiction, cell in (("us", us), ("eu", eu))
    ],
)
def test_the_worked_result(
    regimen: str, changes: dict[str, Any], jurisdiction: Jurisdiction, cell: str, adviser: Adviser, reader: CaseReader
) -> None:
    """Second line after 19 months of palbociclib and letrozole, on 2026-11-22, every fact known and no gate hit."""
    profile = {**PATIENT, **changes}
    found = answer(adviser, reader, profile, jurisdiction=jurisdiction)
    tier, strength, level = cell.split()
    shown = {option.regimen: (option.tier, option.strength, option.certainty) for option in found.options}
    assert shown.get(regimen) == (TIERS[tier], STRENGTH[strength], level)


@pytest.mark.parametrize(
    ("regimen", "changes"),
    [
        *((name, {}) for name in ("elacestrant", "imlunestrant", "vepdegestrant", "olaparib", "talazoparib")),
        *((name, {}) for name in ("capivasertib+fulvestrant", "alpelisib+fulvestrant", "trastuzumab-deruxtecan")),
        ("alpelisib+fulvestrant", altered(akt1="mutated")),
        ("everolimus+exemestane", MOLECULAR),
        ("fulvestrant", MOLECULAR),
    ],
)
def test_an_absent_biomarker_or_population_offers_nothing(
    regimen: str, changes: dict[str, Any], adviser: Adviser, reader: CaseReader
) -> None:
    jurisdictions: tuple[Jurisdiction, ...] = ("us", "eu", "none")
    for jurisdiction in jurisdictions:
        found = answer(adviser, reader, {**PATIENT, **changes}, jurisdiction=jurisdiction)
        assert regimen not in {option.regimen for option in found.options if option.tier in OFFERED}


@pytest.mark.parametrize("regimen", ["gedatolisib+fulvestrant", "gedatolisib+palbociclib+fulvestrant"])
def test_an_untested_gene_is_no_negative_test(regimen: str, adviser: Adviser, reader: CaseReader) -> None:
    """In the US, where the label asks for a test without a mutation; in the EU both results give the same tier."""
    untested = {**PATIENT, **altered(pik3ca="not-tested")}
    found = answer(adviser, reader, untested, jurisdiction="us")
    assert {option.tier for option in found.options if option.regimen == regimen} == {"undetermined"}
