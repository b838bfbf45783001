"""The figures of a result in full, each with the digits typed in its file, and the citation of a report."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from secondline.evidence import Shown, population
from secondline.evidence import citation as cited_as
from secondline.site.forest import Mark, drawable
from secondline.site.words import spelt
from secondline.vocabulary import Vocabulary

if TYPE_CHECKING:
    from secondline.forms.evidence import Arm, Effect, Evidence, Report, Result

_Interval = tuple[Decimal | None, Decimal | None]
_MEASURES = {
    "hazard_ratio": "HR",
    "difference_in_proportions": "difference in proportions",
    "log_rank": "log-rank test",
    "test_against_null": "test against a fixed value",
}


def endpoint(name: str, vocabulary: Vocabulary) -> str:
    """What an endpoint is called."""
    return vocabulary.endpoints.get(name) or spelt(name)


def arm(held: Arm) -> str:
    """Everything of one arm."""
    return "; ".join(_arm(held))


def _arm(held: Arm) -> Iterator[str]:
    if held.n is not None:
        yield f"n {held.n}"
    if held.events is not None:
        yield f"{held.events} events"
    if held.count is not None:
        yield f"{held.count} patients"
    percent = None if held.percent is None else f"{held.percent} %"
    median = None if held.median_months is None else f"median {held.median_months} months"
    values = [words for words in (percent, median) if words]
    if interval := _limits(held):
        values[-1:] = [f"{values[-1]} ({interval})" if values else interval]
    yield from values
    if held.note:
        yield held.note


def _limits(held: Arm | Effect) -> str:
    """The interval that is given, in words."""
    levels = ("ci95", "ci90", "ci80")
    given = [(level, found) for level in levels if (found := getattr(held, level, None))]
    return "; ".join(f"{level.removeprefix('ci')} % interval {interval(found)}" for level, found in given)


def interval(limits: _Interval) -> str:
    return " to ".join("not reached" if limit is None else str(limit) for limit in limits)


def effect(held: Effect) -> str:
    """An effect with its interval and p."""
    parts = []
    if held.value is not None:
        parts.append(f"{'adjusted ' if held.adjusted else ''}{_MEASURES[held.measure]} {held.value}")
    elif held.measure != "hazard_ratio":
        parts.append(_MEASURES[held.measure])
    if limits := _limits(held):
        parts.append(limits)
    if held.p is not None:
        sign = "" if str(held.p)[:1] in "<>=" else "="
        parts.append(f"p{sign}{held.p}{f' ({held.p_kind})' if held.p_kind else ''}")
    return ", ".join(parts)


def remarks(result: Result) -> Iterator[str]:
    """What else is recorded of a result."""
    if result.significant is not None:
        yield "significant" if result.significant else "not significant"
    if result.interaction_p is not None:
        yield f"p for interaction {result.interaction_p}"
    if result.maturity:
        yield result.maturity
    if result.multiplicity:
        yield result.multiplicity
    if result.finding and result.role != "statement":
        yield result.finding
    if result.replaces:
        yield f"replaces {', '.join(result.replaces)}"


def citation(item: Evidence, report: Report) -> str:
    """The report as one finds it by its own name and numbers; the address of a copy is left out."""
    words, address = cited_as(item, report), report.citation.url
    return words.replace(f", {address}", "") if address else words


def mark(shown: Shown, heading: str, label: str, *, superseded: bool = False) -> Mark | None:
    """A result for a forest plot; None where it has no effect with an interval."""
    result = shown.result
    if result is None or result.effect is None or not drawable(result.effect):
        return None
    held = result.effect
    level, limits = (95, held.ci95) if held.ci95 else (90, held.ci90)
    assert held.value is not None
    assert limits is not None
    low, high = limits
    arms = tuple(result.arms)
    return Mark(heading, label, shown.report.id, held.measure, held.value, low, high, level, arms, superseded)


def whom(item: Evidence, result: Result) -> str:
    """Whom a result is about: subgroup or population, what was compared, and who read the images."""
    assessor = {"bicr": "by blinded central review", "investigator": "by the investigator"}
    parts = (
        population(item, result),
        result.comparison,
        assessor.get(result.assessor) if result.assessor else None,
    )
    return "; ".join(part for part in parts if part)
