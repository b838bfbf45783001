"""Checks on an effect: its value, interval and p against one another, and against arms, events and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from secondline.audit.ledger import Ledger, Path, Spot, intervals_of
from secondline.audit.numbers import (
    Span,
    StatedP,
    counts_behind,
    deviates,
    log_span,
    rounded,
    short,
    standard_error,
    stated_p,
    tail,
    two_proportions,
)
from secondline.audit.subgroups import complementary

# A test stratified or by ranks, as trials report it, is not Wald's: how far its deviate may differ.
_TEST_FACTOR, _TEST_SLACK = 1.05, 0.06
# Medians compare with a hazard ratio only where hazards are in proportion and scans are frequent.
_RATIO_BAND = 1.5
_THRESHOLD = re.compile(r"[<≤] ?0?\.0+[15]")  # the limits under which a p is not printed
_SIGNIFICANT = 0.05
# Events behind an interval: what strata, weights and rounding may make of them.
_MORE_EVENTS, _FEWER_EVENTS = 1.15, 0.75


class Ratio(NamedTuple):
    """A hazard ratio with an interval, on the log scale."""

    estimate: Span
    low: Span
    high: Span
    level: int
    paths: tuple[Path, ...]

    @property
    def error(self) -> Span:
        return standard_error(self.low, self.high, self.level)

    @property
    def middle(self) -> float:
        return (self.estimate.low + self.estimate.high) / 2


def ratio(spot: Spot) -> Ratio | None:
    """The hazard ratio of a result, if it has both limits of an interval."""
    effect = spot.result.effect
    if effect is None or effect.measure != "hazard_ratio" or effect.value is None or effect.value <= 0:
        return None
    for level, name, (low, high) in intervals_of(effect):
        if low is not None and high is not None and 0 < low < high:
            paths = (spot.at("effect", "value"), *(spot.at("effect", name, i) for i in (0, 1)))
            return Ratio(log_span(rounded(effect.value)), log_span(rounded(low)), log_span(rounded(high)), level, paths)
    return None


def check_effects(ledger: Ledger) -> None:
    for spot in ledger.spots:
        interaction = spot.result.interaction_p
        if interaction is not None:
            ledger.reads("p-form", spot.at("interaction_p"))
            if not 0 <= interaction <= 1:
                ledger.finds("p-form", spot, spot.at("interaction_p"), f"`{interaction}` is no p")
        if spot.result.effect is not None:
            _bounds(ledger, spot)
            _centre(ledger, spot)
            _p(ledger, spot)
            _p_of_proportions(ledger, spot)
            _direction(ledger, spot)
            _width(ledger, spot)
        _significance(ledger, spot)
    _parts_of_the_whole(ledger)


def _bounds(ledger: Ledger, spot: Spot) -> None:
    """Limits in order, and around the estimate."""
    effect = spot.result.effect
    assert effect is not None
    value, is_ratio = effect.value, effect.measure == "hazard_ratio"
    if is_ratio and value is not None:
        ledger.reads("effect-bounds", spot.at("effect", "value"))
        if not Decimal("0.02") <= value <= 50:
            ledger.finds(
                "effect-bounds", spot, spot.at("effect", "value"), f"a hazard ratio of {value} cannot be meant"
            )
    for _, name, (low, high) in intervals_of(effect):
        where = spot.at("effect", name)
        limits = [limit for limit in (low, high) if limit is not None]
        ledger.reads("effect-bounds", *((*where, i) for i, limit in enumerate((low, high)) if limit is not None))
        if is_ratio and any(limit <= 0 for limit in limits):
            ledger.finds(
                "effect-bounds", spot, where, f"the interval {low}-{high} of a hazard ratio begins at 0 or below"
            )
        if low is not None and high is not None and low >= high:
            ledger.finds("effect-bounds", spot, where, f"the interval runs from {low} to {high}")
        elif value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            ledger.finds("effect-bounds", spot, where, f"the estimate {value} lies outside its interval {low}-{high}")


def _centre(ledger: Ledger, spot: Spot) -> None:
    """The estimate in the middle of its interval: on the log scale for a hazard ratio, else as it stands."""
    effect = spot.result.effect
    assert effect is not None
    found = ratio(spot)
    if found:
        ledger.reads("interval-centre", *found.paths)
        centre = Span((found.low.low + found.high.low) / 2, (found.low.high + found.high.high) / 2)
        if not centre.meets(found.estimate):
            (_, name, (low, high)), *_ = intervals_of(effect)
            computed = Span(math.exp(centre.low), math.exp(centre.high))
            message = f"the interval {low}-{high} is centred on {computed}, the hazard ratio is {effect.value}"
            ledger.finds("interval-centre", spot, spot.at("effect", name), message)
    elif effect.measure == "difference_in_proportions" and effect.value is not None:
        for _, name, (low, high) in intervals_of(effect):
            if low is None or high is None or low >= high:
                continue
            ledger.reads("interval-centre", spot.at("effect", "value"), *(spot.at("effect", name, i) for i in (0, 1)))
            centre = Span((rounded(low).low + rounded(high).low) / 2, (rounded(low).high + rounded(high).high) / 2)
            if not centre.meets(rounded(effect.value), slack=float(high - low) / 12):
                message = f"the interval {low} to {high} is centred on {centre}, the difference is {effect.value}"
                ledger.finds("interval-centre", spot, spot.at("effect", name), message)


def _stated(ledger: Ledger, spot: Spot) -> StatedP | None:
    effect = spot.result.effect
    if effect is None or effect.p is None:
        return None
    path = spot.at("effect", "p")
    ledger.reads("p-form", path)
    stated = stated_p(effect.p)
    if stated is None:
        ledger.finds("p-form", spot, path, f"`{effect.p}` is no p; expected a number up to 1, or one after `<`")
    elif stated.below and not _THRESHOLD.fullmatch(str(effect.p)):
        ledger.finds("p-form", spot, path, f"p {effect.p} is no usual limit; expected one such as <0.001")
    return stated


def _p(ledger: Ledger, spot: Spot) -> None:
    """The p that estimate and interval allow."""
    stated, found, effect = _stated(ledger, spot), ratio(spot), spot.result.effect
    assert effect is not None
    if stated is None or found is None:
        return
    ledger.reads("p-interval", spot.at("effect", "p"), *found.paths)
    z = deviates(found.estimate, found.error)
    sides = 0.5 if effect.p_kind == "one-sided" else 1.0
    computed = Span(sides * tail(z.high), sides * tail(z.low))
    wide = Span(
        sides * tail(z.high * _TEST_FACTOR + _TEST_SLACK), sides * tail(max(0.0, z.low / _TEST_FACTOR - _TEST_SLACK))
    )
    fits = wide.low < stated.span.high if stated.below else wide.meets(stated.span)
    if not fits:
        sign = "" if str(effect.p)[:1] in "<>≤" else "="
        given = f"{short(computed.low)} to {short(computed.high)}"
        message = f"p{sign}{effect.p}, but hazard ratio and interval give p from {given}"
        ledger.finds("p-interval", spot, spot.at("effect", "p"), message)


def _p_of_proportions(ledger: Ledger, spot: Spot) -> None:
    """The p of two percentages, by the usual tests on the counts behind them."""
    effect, arms = spot.result.effect, list(spot.armed())
    if effect is None or effect.measure != "difference_in_proportions" or len(arms) != 2:
        return
    stated = stated_p(effect.p) if effect.p is not None else None
    sides: list[tuple[range, int]] = []
    paths = [spot.at("effect", "p")]
    for where, arm in arms:
        size = ledger.size(spot, where.arm or "")
        if arm.percent is None or size is None:
            return
        sides.append((counts_behind(arm.percent, size[0]), size[0]))
        paths += [where.at("percent"), size[1]]
    (first, n), (second, m) = sides
    if stated is None or not first or not second:
        return
    ledger.reads("p-proportions", *paths)
    spans = [two_proportions((a, n), (b, m)) for a in {first[0], first[-1]} for b in {second[0], second[-1]}]
    computed = Span(min(span.low for span in spans), max(span.high for span in spans))
    wide = computed.scaled(1.1)
    if not (wide.low < stated.span.high if stated.below else wide.meets(stated.span)):
        message = f"p {effect.p}, but {first[0]} of {n} and {second[0]} of {m} give p from {computed}"
        ledger.finds("p-proportions", spot, spot.at("effect", "p"), message)


def _direction(ledger: Ledger, spot: Spot) -> None:
    """A hazard ratio and the medians of the two arms, the treated one first."""
    effect, arms = spot.result.effect, list(spot.armed())
    assert effect is not None
    if effect.measure != "hazard_ratio" or effect.value is None or effect.value <= 0 or len(arms) != 2:
        return
    (first, treated), (second, control) = arms
    if not (treated.median_months and control.median_months and min(treated.median_months, control.median_months) > 0):
        return
    paths = (spot.at("effect", "value"), first.at("median_months"), second.at("median_months"))
    ledger.reads("effect-direction", *paths)
    ledger.reads("median-ratio", *paths)
    value, gain = float(effect.value), float(treated.median_months - control.median_months)
    medians = f"{treated.median_months} v {control.median_months} months"
    if (value < 0.98 and gain < 0) or (value > 1.02 and gain > 0):
        message = f"a hazard ratio of {effect.value} with medians of {medians} points the other way"
        ledger.finds("effect-direction", spot, paths[0], message)
    expected = float(control.median_months / treated.median_months)
    if not 1 / _RATIO_BAND <= expected / value <= _RATIO_BAND:
        message = f"medians of {medians} are in the ratio {short(expected)}, the hazard ratio is {effect.value}"
        ledger.finds("median-ratio", spot, paths[1], message)


# --- how wide an interval can be --------------------------------------------------------------------------


def _shares(ledger: Ledger, sizes: list[int]) -> float:
    """The product of the shares of two arms: by their numbers, else by the allocation."""
    if len(sizes) == 2 and sizes[0] * sizes[1]:
        return sizes[0] * sizes[1] / (sizes[0] + sizes[1]) ** 2
    design = ledger.evidence.design
    parts = [int(part) for part in (design.allocation or "").split(":") if part.isdigit()] if design else []
    return parts[0] * parts[1] / (parts[0] + parts[1]) ** 2 if len(parts) == 2 and all(parts) else 0.25


def _width(ledger: Ledger, spot: Spot) -> None:
    """The events that an interval's width speaks for, against the events and patients there were."""
    found, result = ratio(spot), spot.result
    if found is None:
        return
    sized = [(name, ledger.size(spot, name)) for name in result.arms]
    sizes = [size for _, size in sized if size]
    whole = result.subgroup is None and result.comparison is None
    design = ledger.evidence.design
    patients, paths = None, list(found.paths)
    if len(sizes) == 2 == len(result.arms):
        patients = sum(n for n, _ in sizes)
        paths += [path for _, path in sizes]
    elif whole and design and design.n is not None:
        patients = design.n
        paths.append(("design", "n"))
    events, of_events = _events(spot, whole=whole)
    share = _shares(ledger, [n for n, _ in sizes])
    error = found.error
    behind = Span(1 / (error.high**2 * share), 1 / (error.low**2 * share))
    if patients is None and events is None:
        return
    ledger.reads("interval-width", *paths, *of_events)
    low, high = (
        (spot.result.effect.ci95 or spot.result.effect.ci90 or (None, None)) if spot.result.effect else (None,) * 2
    )
    said = f"an interval of {low}-{high} speaks for {short(behind.low)} to {short(behind.high)} events"
    path = spot.at("effect", f"ci{found.level}")
    if events is not None and not Span(events * _FEWER_EVENTS, events * _MORE_EVENTS).meets(behind):
        ledger.finds("interval-width", spot, path, f"{said}; there were {events}")
    elif patients is not None and behind.low > patients * _MORE_EVENTS:
        ledger.finds("interval-width", spot, path, f"{said}; there were {patients} patients")
    elif patients is not None and events is None and result.endpoint == "pfs" and behind.high < patients * 0.28:
        ledger.finds("interval-width", spot, path, f"{said}, few for {patients} patients")


def _events(spot: Spot, *, whole: bool) -> tuple[int | None, list[Path]]:
    arms = list(spot.result.arms.values())
    if len(arms) == 2 and all(arm.events is not None for arm in arms):
        return sum(arm.events or 0 for arm in arms), [spot.at("arms", name, "events") for name in spot.result.arms]
    if whole and spot.result.endpoint in spot.report.events and spot.result.assessor != "bicr":
        i = spot.path[1]
        return spot.report.events[spot.result.endpoint], [("reports", i, "events", spot.result.endpoint)]
    return None, []


# --- claims -----------------------------------------------------------------------------------------------


def _significance(ledger: Ledger, spot: Spot) -> None:
    """A claim of significance against p, interval, role and the order of tests."""
    result, effect = spot.result, spot.result.effect
    if result.significant is None:
        return
    path = spot.at("significant")
    for problem, paths in _against_claim(spot):
        ledger.reads("significance", *paths)
        if problem:
            ledger.finds("significance", spot, path, problem)
    if not result.significant:
        return
    nominal = effect is not None and effect.p_kind == "nominal"
    if result.role in ("exploratory", "statement") or nominal:
        what = "a nominal p" if nominal else f"an endpoint of role {result.role}"
        ledger.finds("significance-role", spot, path, f"`significant: true` for {what}, which no test stands behind")
    if result.role == "key-secondary":
        failed = [
            other
            for other in ledger.spots
            if other.result.role == "primary"
            and other.result.significant is False
            and other.result.comparison == result.comparison
            and other.result.subgroup == result.subgroup
        ]
        for other in failed:
            message = f"`significant: true` for a key secondary endpoint after {other.name} was not met"
            ledger.finds("significance-role", spot, path, message)


def _against_claim(spot: Spot) -> Iterator[tuple[str | None, tuple[Path, ...]]]:
    result, effect = spot.result, spot.result.effect
    if effect is None:
        return
    stated = stated_p(effect.p) if effect.p is not None else None
    none = 1.0 if effect.measure == "hazard_ratio" else 0.0
    two_sided = effect.p_kind != "one-sided"
    if stated:
        paths: tuple[Path, ...] = (spot.at("effect", "p"),)
        limit = _SIGNIFICANT if two_sided else _SIGNIFICANT / 2
        above = stated.span.low >= limit
        below = stated.span.high <= limit
        if result.significant and above:
            yield f"`significant: true` with p {effect.p}", paths
        elif not result.significant and below and two_sided and result.role == "primary" and effect.p_kind is None:
            yield f"`significant: false` for a primary endpoint with p {effect.p}", paths
        else:
            yield None, paths
    if effect.ci95 and None not in effect.ci95:
        low, high = effect.ci95
        limits = (spot.at("effect", "ci95", 0), spot.at("effect", "ci95", 1))
        assert low is not None
        assert high is not None
        holds = float(low) < none < float(high)
        if result.significant and holds:
            yield f"`significant: true`, but the interval {low}-{high} holds no effect at all", limits
        elif (
            not result.significant and not holds and none not in (float(low), float(high)) and result.role == "primary"
        ):
            yield f"`significant: false` for a primary endpoint with an interval of {low}-{high}", limits
        else:
            yield None, limits


# --- parts and the whole ----------------------------------------------------------------------------------


def _parts_of_the_whole(ledger: Ledger) -> None:
    """Hazard ratios of parts against one another and against that of the whole."""
    held = [(spot, found) for spot in ledger.spots if (found := ratio(spot))]
    for spot, found in held:
        wholes = [
            (other, whole)
            for other, whole in held
            if spot.result.subgroup and other.result.subgroup is None and _alike(spot, other)
        ]
        if wholes:
            ledger.reads("subgroup-width", *found.paths, *(path for _, whole in wholes for path in whole.paths))
            most = max(1 / whole.error.low**2 for _, whole in wholes)
            if 1 / found.error.high**2 > most * 1.1:
                message = "its interval is narrower than that of the whole population"
                ledger.finds("subgroup-width", spot, spot.at("effect", f"ci{found.level}"), message)
    for (one, first), (two, second) in combinations(held, 2):
        if one.report is two.report and _alike(one, two) and complementary(one.result.subgroup, two.result.subgroup):
            _interaction(ledger, one, first, two, second)
            for whole, third in held:
                if whole.result.subgroup is None and _alike(one, whole):
                    _pooled(ledger, (one, first), (two, second), (whole, third))


def _alike(one: Spot, other: Spot) -> bool:
    a, b = one.result, other.result
    return (
        a.endpoint == b.endpoint
        and a.comparison == b.comparison
        and (a.assessor is None or b.assessor is None or a.assessor == b.assessor)
    )


def _interaction(ledger: Ledger, one: Spot, first: Ratio, two: Spot, second: Ratio) -> None:
    for spot in (one, two):
        stated = spot.result.interaction_p
        if stated is None:
            continue
        path = spot.at("interaction_p")
        ledger.reads("interaction-p", path, *first.paths, *second.paths)
        gap = Span(first.estimate.low - second.estimate.high, first.estimate.high - second.estimate.low)
        error = Span(math.hypot(first.error.low, second.error.low), math.hypot(first.error.high, second.error.high))
        z = deviates(gap, error)
        wide = Span(tail(z.high * 1.25 + 0.1), tail(max(0.0, z.low / 1.25 - 0.1)))
        if not wide.meets(rounded(stated)):
            message = (
                f"interaction p={stated}, but the two hazard ratios give {short(tail(z.high))} to {short(tail(z.low))}"
            )
            ledger.finds("interaction-p", spot, path, message)


def _pooled(ledger: Ledger, one: tuple[Spot, Ratio], two: tuple[Spot, Ratio], whole: tuple[Spot, Ratio]) -> None:
    """Two parts that make up the whole, weighted by their precision."""
    parts = [one[1], two[1]]
    weights = [1 / ((part.error.low + part.error.high) / 2) ** 2 for part in parts]
    pooled = sum(weight * part.middle for weight, part in zip(weights, parts, strict=True)) / sum(weights)
    ledger.reads("parts-of-whole", *one[1].paths, *two[1].paths, *whole[1].paths)
    if abs(pooled - whole[1].middle) > 0.6 * whole[1].error.high + 0.02:
        message = (
            f"with `{two[0].result.subgroup}` it pools to {short(math.exp(pooled))}; "
            f"{whole[0].report.id} has {short(math.exp(whole[1].middle))} for the whole"
        )
        ledger.finds("parts-of-whole", one[0], one[0].at("effect", "value"), message)
