"""An option rule's tier against what its grading records, and a label's wording against what is cited and approved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from secondline.forms.evidence import Jurisdiction
from secondline.forms.rules import OptionRule
from secondline.grading import grade
from secondline.lint.kinds import APPROVAL, GRADING, LABEL, Raised
from secondline.rulebase import RuleBase

JURISDICTIONS: tuple[Jurisdiction, ...] = ("us", "eu")


def grading(option: OptionRule, base: RuleBase) -> Iterator[Raised]:
    """A tier, strength or certainty that does not follow from what the rule's `grading` records."""
    if option.grading is None:
        return
    until = option.effective.until if option.effective else None
    source = base.sources.get(option.grading.gain or "")
    shown = source.on(until or base.knowledge_until) if source else ()
    found = grade(option.grading, shown[0].result if shown else None)
    for name in ("tier", "strength", "certainty"):
        typed, follows = getattr(option.then, name), getattr(found, name)
        if typed != follows:
            yield GRADING, ("then", name), f"`{name}` is `{typed}`; by its grading ({found.row}) it is `{follows}`"


def wording(option: OptionRule, base: RuleBase) -> Iterator[Raised]:
    """A wording said to cover the patient that no cite shows, or that counts before its label's approval there."""
    graded = option.grading
    if graded is None or graded.wording != "covers" or graded.row or option.regimen not in base.vocabulary.regimens:
        return
    labels = base.vocabulary.regimens[option.regimen].labels
    cited = {base.sources[cite].cite.id for cite in option.cites}
    if not cited & set(labels):
        named = f"one of its labels ({', '.join(labels)})" if labels else "a label; `regimens.yaml` gives it none"
        message = f"the wording is said to cover the patient, and the rule cites no label; cite {named}"
        yield LABEL, ("grading", "wording"), message
        return
    since = option.effective.since if option.effective else None
    for place in (option.jurisdiction,) if option.jurisdiction else JURISDICTIONS:
        approvals = [(label, day) for label in labels if (day := _approved(base, option.regimen, label, place))]
        for label, day in approvals if option.jurisdiction else ():
            if since is None or since < day:
                message = f"{label} is approved there from {day}; begin the rule then, or grade `not-approved`"
                yield APPROVAL, ("effective",), message
        if labels and not approvals:
            message = f"no label of `{option.regimen}` has a day of approval in `{place}`; grade `not-approved` there"
            yield APPROVAL, ("grading", "wording"), message


def _approved(base: RuleBase, regimen: str, label: str, jurisdiction: Jurisdiction) -> date | None:
    """From which day a regimen is approved by one of its labels."""
    dated = base.evidence[label].approvals
    known = dated.regimens.get(regimen, dated) if dated else None
    approved = getattr(known, jurisdiction) if known else None
    return approved.over if approved else None
