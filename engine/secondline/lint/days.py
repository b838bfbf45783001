"""Days that cannot be as they stand, a review that is overdue, and cites that a newer report supersedes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from secondline.evidence import Source, Sourced, lineages, public_from
from secondline.forms.rules import Definition, Effective, Law, Rule
from secondline.lint.kinds import OVERDUE, REVERSED, SUPERSEDED, TOO_EARLY, Raised
from secondline.rulebase import RuleBase


def window(holder: Rule | Law | Definition) -> Effective | None:
    """The days on which something counts; None is every day."""
    return None if isinstance(holder, Definition) else holder.effective


def not_yet(holder: Rule | Law, day: date) -> bool:
    """Whether a rule or law comes into effect after a day: it is being written, or waits for its day."""
    return holder.effective is not None and holder.effective.since is not None and holder.effective.since > day


def days(rule: Rule, base: RuleBase) -> Iterator[Raised]:
    """A rule in effect before any of its cites was public, or for no day at all."""
    counts = rule.effective
    if counts is None or not rule.cites:
        return
    first = min(base.sources[cite].public_from for cite in rule.cites)
    if counts.since and counts.since < first:
        message = f"in effect from {counts.since}, before its first cite is public on {first}; begin it then"
        yield TOO_EARLY, ("effective", "from"), message
    if counts.since and counts.until and counts.until < counts.since:
        message = f"in effect until {counts.until}, before it begins on {counts.since}"
        yield REVERSED, ("effective", "until"), message


def review(rule: Rule, day: date) -> Iterator[Raised]:
    """A rule in effect whose review was to be done before the day."""
    ended = rule.effective is not None and rule.effective.until is not None and rule.effective.until < day
    if rule.review_by is not None and rule.review_by < day and not ended:
        message = f"to be reviewed by {rule.review_by}, which is past on {day}; review it and set the next day"
        yield OVERDUE, ("review_by",), message


def superseded(holder: Rule | Law | Definition, base: RuleBase, day: date) -> Iterator[Raised]:
    """A cite that names an older report or name, while the holder counts on days on which a newer one is public."""
    counts = window(holder)
    last = min(day, counts.until) if counts and counts.until else day
    for index, cite in enumerate(holder.cites):
        newer = _newer(base.sources[cite], base.knowledge_until, last)
        if newer is not None:
            yield SUPERSEDED, ("cites", index), f"`{cite}` is superseded by {newer}"


def _newer(source: Source, knowledge_until: date, last: date) -> str | None:
    """What supersedes a cite by a day, and how to cite it; None where nothing does."""
    cite, evidence = source.cite, source.evidence
    if cite.endpoint is None or evidence.independent:
        return None

    def public(sourced: Sourced) -> date:
        return public_from(sourced.report, knowledge_until)

    (group,) = (held for held in lineages(evidence) if any(s.result is source.reports[0][2] for s in held))
    named = [s for s in group if s.result.endpoint == cite.endpoint and cite.report in (None, s.report.id)]
    current = None
    for sourced in sorted(group, key=public):
        if public(sourced) <= last and (current is None or sourced.result.effect or not current.result.effect):
            current = sourced
    if current is None or public(current) <= max(map(public, named)):
        return None
    fix = f"cite `{cite.id}/{current.result.endpoint}`"
    if cite.report is not None:
        fix = "leave `report=` out, or end the rule the day before"
    return f"`{current.report.id}/{current.result.endpoint}`; {fix}"
