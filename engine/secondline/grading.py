"""The principles by which an option rule's tier, strength and certainty follow from what its `grading` records.

Certainty starts at the kind of evidence and drops a level for each letter. The tier is the first row of this table that
applies, then adjusted; strength follows from both. Limits of a relevant gain are those of ESMO-MCBS 1.1.

| row | if | tier |
| --- | --- | --- |
| T3 | the inhibitor the cancer progressed on, with endocrine therapy alone | avoid |
| T4 | outside the label and every positive trial by line or earlier treatment | avoid |
| T5 | phase 3 in this setting, primary met, relevant gain, certainty moderate or better, wording covers | preferred |
| T6 | as T5 but for the gain, the certainty, a second-hand or unread approval, or one of `limits` | alternative |
| T7 | phase 3 outside this setting, positive, wording covers | alternative |
| T8 | randomised phase 2 in this setting, primary met, relevant gain, wording covers | alternative |
| T9 | positive randomised trial, not approved there that day, or the wording does not cover | consider |
| T10 | off-label on a phase 2 outside this setting, a single arm, or an arm outside the formal test | consider |
| T11 | weak baseline: single-agent endocrine therapy | consider |
| T12 | none of these | avoid |
| consensus | chemotherapy where guidelines give it without a comparison | alternative |

T1 and T2 are gates, as are A1 (a class already used) and A4 (symptomatic visceral disease). A2: drug or partner in
under a quarter of the trial, one tier lower. A3: disease not endocrine-refractory, at most consider. A5: visceral
crisis, preferred. A6: no progression yet, at most alternative.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from secondline.scales import CERTAINTIES, TIERS, Tier, lowest, step_down

if TYPE_CHECKING:
    from secondline.forms.evidence import Result
    from secondline.forms.rules import Grading

_START = {
    **{"randomised": "high", "label": "moderate", "cohort": "low", "consensus": "low"},
    **{"response": "low", "time-to-event": "very-low", "none": "very-low"},
}
_NAMED: dict[str, Tier] = {
    **{"T3": "avoid", "T4": "avoid", "T10": "consider", "T11": "consider", "T12": "avoid", "consensus": "alternative"}
}
_MOST_INDIRECT = 2  # levels that the letter P takes at most
_LOWER_LIMIT = Decimal("0.65")  # of the hazard ratio's 95 % interval
_GAIN, _LONG_CONTROL, _GAIN_OVER_LONG = Decimal("1.5"), Decimal(6), Decimal(3)  # months


class Graded(NamedTuple):
    """What follows, and by which row."""

    tier: str
    strength: str
    certainty: str
    row: str


def relevant(result: Result | None) -> bool:
    """Whether a result shows a relevant gain; one whose interval or medians were not read does not."""
    if result is None or result.effect is None or result.effect.measure != "hazard_ratio" or not result.effect.ci95:
        return False
    lower = result.effect.ci95[0]
    medians = [arm.median_months for arm in result.arms.values()]
    if lower is None or lower > _LOWER_LIMIT or len(medians) != 2:
        return False
    treated, control = medians
    if treated is None or control is None:
        return False
    return treated - control >= (_GAIN if control <= _LONG_CONTROL else _GAIN_OVER_LONG)


def certainty(grading: Grading) -> str:
    letters = [letter for letter in grading.down if letter != "P"]
    steps = len(letters) + min(grading.down.count("P"), _MOST_INDIRECT)
    return step_down(CERTAINTIES, _START[grading.start], steps, "very-low")


def _row(grading: Grading, *, gain: bool, sure: bool) -> tuple[str, Tier]:
    if grading.row:
        return grading.row, _NAMED[grading.row]
    positive = grading.start == "randomised" and grading.primary == "met"
    covered = grading.wording in ("covers", "second-hand")
    within = grading.setting == "within"
    if positive and grading.phase == "3" and within and (covered or grading.wording == "unread"):
        if gain and sure and grading.wording == "covers" and not grading.limits:
            return "T5", "preferred"
        return "T6", "alternative"
    if positive and grading.phase == "3" and not within and covered:
        return "T7", "alternative"
    if positive and grading.phase == "2" and within and covered and gain:
        return "T8", "alternative"
    return ("T9", "consider") if positive else ("T12", "avoid")


def grade(grading: Grading, gain: Result | None) -> Graded:
    """Apply the principles; `gain` is the result that `grading.gain` cites, as known last."""
    level = certainty(grading)
    sure = CERTAINTIES.index(level) <= CERTAINTIES.index("moderate")
    row, named = _row(grading, gain=relevant(gain), sure=sure)
    tier: str = named
    if "A2" in grading.adjusted:
        tier = step_down(TIERS, tier, 1, "avoid")
    if "A3" in grading.adjusted:
        tier = lowest(TIERS, (tier, "consider"))
    if "A6" in grading.adjusted:
        tier = lowest(TIERS, (tier, "alternative"))
    if "A5" in grading.adjusted:
        return Graded("preferred", "strong", level, f"{row}, A5")
    strong = sure and ((tier == "preferred" and not grading.boxed_warning) or row == "T3")
    return Graded(tier, "strong" if strong else "conditional", level, ", ".join((row, *grading.adjusted)))
