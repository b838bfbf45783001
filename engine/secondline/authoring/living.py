"""What living evidence did between two days, or two states of the evidence files: reports, figures, approvals, rules.

A cite that shows another result moved the figures in texts. A report is new where it was not public before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from secondline.asof import AsOf
from secondline.evidence import citation, figures, public_from
from secondline.rulebase import RuleBase

if TYPE_CHECKING:
    from secondline.evidence import Shown
    from secondline.forms.evidence import Evidence, Report
    from secondline.forms.rules import Rule


class Said(NamedTuple):
    """What one report gives for one endpoint; `public` is the first day on which it counts."""

    report: str
    kind: str
    citation: str
    public: date
    figures: str


class Superseded(NamedTuple):
    """A result that is shown in place of an earlier one, with the rules in effect that cite it, verdict rules first."""

    evidence: str
    endpoint: str
    about: str
    before: Said
    after: Said
    rules: tuple[str, ...]
    verdicts: bool


class Came(NamedTuple):
    """A report that was not public before. `first` says that nothing of this trial, label or guideline was."""

    evidence: str
    kind: str
    report: str
    citation: str
    public: date
    first: bool


class Approved(NamedTuple):
    """The first approval of a regimen in a jurisdiction, as far as it was read."""

    regimen: str
    jurisdiction: str
    on: str


class InEffect(NamedTuple):
    """A rule that counts on one of both days alone, and from or until when."""

    id: str
    folder: str
    title: str
    since: date | None
    until: date | None


class Living(NamedTuple):
    """All of it: what is shown otherwise, new reports by day, approvals, rules that came and rules that went."""

    superseded: tuple[Superseded, ...]
    reports: tuple[Came, ...]
    approvals: tuple[Approved, ...]
    came: tuple[InEffect, ...]
    went: tuple[InEffect, ...]


def living(old: AsOf, new: AsOf) -> Living:
    """What differs between two views; neither has a jurisdiction."""
    before, after = ({rule.id: rule for rule in view.rules()} for view in (old, new))
    return Living(
        tuple(_superseded(old, new)),
        tuple(sorted(_reports(old, new), key=lambda came: (came.public, came.evidence, came.report))),
        tuple(_approvals(old, new)),
        tuple(_in_effect(new, rule) for name, rule in sorted(after.items()) if name not in before),
        tuple(_in_effect(old, rule) for name, rule in sorted(before.items()) if name not in after),
    )


# --- figures ----------------------------------------------------------------------------------------------


def _superseded(old: AsOf, new: AsOf) -> Iterator[Superseded]:
    """Each result that is shown otherwise, once, that verdict rules cite first."""
    found: dict[tuple[str, str, str, str], Superseded] = {}
    verdicts = {rule.id for view in (old, new) for rule in view.verdicts}
    for cite in dict.fromkeys((*old.base.sources, *new.base.sources)):
        one, other = (view.shown(cite) if cite in view.base.sources else () for view in (old, new))
        if len(one) != 1 or len(other) != 1 or None in (one[0].result, other[0].result):
            continue
        before, after = _said(old, one[0]), _said(new, other[0])
        if (before.report, before.figures) == (after.report, after.figures):
            continue
        rules = {rule.id for view in (old, new) for rule in view.rules() if cite in rule.cites}
        result = other[0].result
        about = [part for part in (result.comparison, result.subgroup) if part] if result else []
        endpoint = new.base.vocabulary.endpoints.get(result.endpoint, result.endpoint) if result else ""
        key = (other[0].evidence.id, before.report, before.figures, after.figures)
        kept = found.get(key)
        rules |= set(kept.rules) if kept else set()
        ordered = tuple(sorted(rules, key=lambda name: (name not in verdicts, name)))
        found[key] = Superseded(
            other[0].evidence.id, endpoint, ", ".join(about), before, after, ordered, bool(rules & verdicts)
        )
    yield from sorted(found.values(), key=lambda one: (not one.verdicts, -len(one.rules), one.evidence, one.endpoint))


def _said(view: AsOf, shown: Shown) -> Said:
    report, result = shown.report, shown.result
    words = figures(result) if result else ""
    return Said(report.id, report.kind, citation(shown.evidence, report), _public(view.base, report), words)


def _public(base: RuleBase, report: Report) -> date:
    return public_from(report, base.knowledge_until)


# --- reports and approvals --------------------------------------------------------------------------------


def _reports(old: AsOf, new: AsOf) -> Iterator[Came]:
    for name, evidence in new.base.evidence.items():
        before = _known(old, old.base.evidence.get(name))
        for report in _known(new, evidence).values():
            if report.id not in before:
                day = _public(new.base, report)
                yield Came(name, evidence.kind, report.id, citation(evidence, report), day, not before)


def _known(view: AsOf, evidence: Evidence | None) -> dict[str, Report]:
    reports = evidence.reports if evidence else ()
    return {report.id: report for report in reports if _public(view.base, report) <= view.day}


def _approvals(old: AsOf, new: AsOf) -> Iterator[Approved]:
    for regimen in sorted(new.base.vocabulary.regimens):
        before = old.availability(regimen) if regimen in old.base.vocabulary.regimens else {}
        for jurisdiction, on in new.availability(regimen).items():
            if on and before.get(jurisdiction) != on:
                yield Approved(regimen, jurisdiction, on)


# --- rules ------------------------------------------------------------------------------------------------


def _in_effect(view: AsOf, rule: Rule) -> InEffect:
    window = rule.effective
    public = [view.base.public[cite] for cite in rule.cites]
    since = [day for day in (window.since if window else None, min(public, default=None)) if day]
    return InEffect(
        rule.id, _folder(view, rule), rule.title or "", max(since, default=None), window.until if window else None
    )


def _folder(view: AsOf, rule: Rule) -> str:
    if rule in view.verdicts:
        return "verdicts"
    if rule in view.gates:
        return "safety"
    return "tests" if rule in view.tests else "cautions" if rule in view.cautions else "options"
