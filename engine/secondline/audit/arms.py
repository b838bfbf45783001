"""Checks on what was seen in the arms: counts, percentages, medians, rates and their intervals, and numbers."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from decimal import Decimal
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from secondline.audit.ledger import Ledger, Path, Spot, intervals_of
from secondline.audit.numbers import Span, counts_behind, intervals, places, rounded, short, standard_error, wald
from secondline.audit.subgroups import complementary, same_group

if TYPE_CHECKING:
    from secondline.forms.evidence import Arm

_RATE = re.compile(r"(?P<of>\w+)_rate_(?P<months>\d+)m")
_PRINTED_SO = 3  # figures that tell how many decimals a report prints
_TELLING = 0.7  # a percentage tells its count only if fewer than this share of percentages fit some count
_MEDIANS = {"pfs": (1.0, 45), "os": (5.0, 90), "pfs2": (3.0, 60)}  # months that a median can be meant to be
_ANY_MEDIAN = (0.5, 90)
_RATE_BAND = 10.0  # points between a rate and what its median gives at a steady hazard
# How much wider or narrower than by 95 of 100 exponential times the interval of a median may be.
_NARROWER, _WIDER = 0.5, 2.6
# What of the randomised were treated, and what had disease that could be measured, at least.
_TREATED, _MEASURABLE = 0.87, 0.5


def check_arms(ledger: Ledger) -> None:
    for spot in ledger.spots:
        _decimals(ledger, spot)
        for where, arm in spot.armed():
            _bounds(ledger, where, arm)
            _count_of_n(ledger, where, arm)
            _percent_interval(ledger, where, arm)
            _median_interval(ledger, where, arm)
        _rate(ledger, spot)
    _decimals_of_report(ledger)
    _rates_fall(ledger)
    _denominators(ledger)
    _numbers(ledger)
    _same_arm(ledger)
    _parts(ledger)
    _orders(ledger)


def _bounds(ledger: Ledger, where: Spot, arm: Arm) -> None:
    """What no arm can have."""

    def refuse(message: str, *names: str | int) -> None:
        ledger.finds("arm-bounds", where, where.at(*names), message)

    for name in ("events", "count"):
        value = getattr(arm, name)
        if value is not None and arm.n is not None:
            ledger.reads("arm-bounds", where.at(name), where.at("n"))
            if value > arm.n:
                refuse(f"{name} {value} of n {arm.n}", name)
    if arm.percent is not None:
        ledger.reads("arm-bounds", where.at("percent"))
        if not 0 <= arm.percent <= 100:
            refuse(f"{arm.percent} % is outside 0 to 100", "percent")
    if arm.median_months is not None:
        ledger.reads("arm-bounds", where.at("median_months"))
        least, most = _MEDIANS.get(where.result.endpoint, _ANY_MEDIAN)
        if not least <= arm.median_months <= most:
            refuse(f"a median of {arm.median_months} months cannot be meant", "median_months")
    if arm.n == 0:
        refuse("an arm of 0 patients", "n")
    value = arm.percent if arm.percent is not None else arm.median_months
    for _, name, (low, high) in intervals_of(arm):
        ledger.reads("arm-bounds", *(where.at(name, i) for i, limit in enumerate((low, high)) if limit is not None))
        if low is not None and high is not None and low >= high:
            refuse(f"the interval runs from {low} to {high}", name)
        elif value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            refuse(f"{value} lies outside its interval {low}-{high}", name)
        elif arm.percent is not None and any(x is not None and not 0 <= x <= 100 for x in (low, high)):
            refuse(f"an interval of {low}-{high} for a percentage", name)
        elif low is not None and low <= 0 and arm.median_months is not None:
            refuse(f"an interval of {low}-{high} for a time", name)
        elif value is None:
            refuse("an interval without the percentage or median it belongs to", name)


def _decimals(ledger: Ledger, spot: Spot) -> None:
    """Figures of one row are printed to the same decimal."""
    effect = spot.result.effect
    rows: list[list[tuple[Path, Decimal]]] = [[], []]
    for where, arm in spot.armed():
        for value, name in ((arm.median_months, "median_months"), (arm.percent, "percent")):
            if value is not None:
                rows[0].append((where.at(name), value))
        rows[0] += _limits(where, arm)
    if effect is not None:
        if effect.value is not None:
            rows[1].append((spot.at("effect", "value"), effect.value))
        for _, name, limits in intervals_of(effect):
            rows[1] += [(spot.at("effect", name, i), limit) for i, limit in enumerate(limits) if limit is not None]
    for row in rows:
        telling = [(path, value) for path, value in row if value not in (0, 100)]
        if len(telling) < 2:
            continue
        ledger.reads("decimals", *(path for path, _ in telling))
        typed = [places(value) for _, value in telling]
        usual = max(set(typed), key=lambda each: (typed.count(each), each))
        for (path, value), decimals in zip(telling, typed, strict=True):
            if decimals != usual:
                message = f"{value} has {decimals} decimals beside figures with {usual}"
                ledger.finds("decimals", spot, path, message)


def _decimals_of_report(ledger: Ledger) -> None:
    """Of one kind of figure a report prints as many decimals throughout."""
    for field in ("percent", "median_months"):
        rows: defaultdict[str, list[tuple[Spot, Decimal]]] = defaultdict(list)
        for spot in ledger.spots:
            for where, arm in spot.armed():
                value = getattr(arm, field)
                if value is not None and value not in (0, 100):
                    rows[spot.report.id].append((where, value))
        for row in rows.values():
            typed = [places(value) for _, value in row]
            usual = max(set(typed), key=typed.count)
            if typed.count(usual) < _PRINTED_SO:
                continue
            ledger.reads("decimals", *(where.at(field) for where, _ in row))
            for (where, value), decimals in zip(row, typed, strict=True):
                if decimals != usual:
                    message = f"{value} has {decimals} decimals in a report that prints {usual}"
                    ledger.finds("decimals", where, where.at(field), message)


def _limits(where: Spot, arm: Arm) -> list[tuple[Path, Decimal]]:
    return [
        (where.at(name, i), limit)
        for _, name, limits in intervals_of(arm)
        for i, limit in enumerate(limits)
        if limit is not None
    ]


# --- percentages ------------------------------------------------------------------------------------------


def _is_share(spot: Spot) -> bool:
    """Whether a percentage is a share of patients counted, not one read off a curve."""
    return not _RATE.fullmatch(spot.result.endpoint)


def _count_of_n(ledger: Ledger, where: Spot, arm: Arm) -> None:
    """A percentage against its count and number; without a count, whether any count gives it."""
    if arm.percent is None or not arm.n or not _is_share(where):
        return
    if arm.count is not None:
        ledger.reads("percent-count", where.at("percent"), where.at("count"), where.at("n"))
        if arm.count not in counts_behind(arm.percent, arm.n):
            message = f"{arm.count} of {arm.n} are {short(100 * arm.count / arm.n)} %, not {arm.percent} %"
            ledger.finds("percent-count", where, where.at("percent"), message)
    elif arm.n * 10 ** -places(arm.percent) / 100 < _TELLING:
        ledger.reads("percent-count", where.at("percent"), where.at("n"))
        if not counts_behind(arm.percent, arm.n):
            k = float(arm.percent) * arm.n / 100
            near = " and ".join(f"{i} is {100 * i / arm.n:.2f} %" for i in (math.floor(k), math.ceil(k)))
            message = f"no count of {arm.n} gives {arm.percent} % ({near})"
            ledger.finds("percent-count", where, where.at("percent"), message)


def _percent_interval(ledger: Ledger, where: Spot, arm: Arm) -> None:
    """The interval of a percentage by one of the usual methods; where n is not known, for some n."""
    if arm.percent is None:
        return
    for level, name, (low, high) in intervals_of(arm):
        if low is None or high is None or low >= high:
            continue
        sized = ledger.size(where._replace(arm=None, path=where.path[:4]), where.arm or "")
        spans = (rounded(low), rounded(high))
        ledger.reads("percent-interval", where.at("percent"), where.at(name, 0), where.at(name, 1))
        if not _is_share(where):
            _rate_interval(ledger, where, arm, level, name, sized[0] if sized else None)
            continue
        most = sized[0] if sized else 2000
        known = [arm.n] if arm.n else range(3, most + 1)
        if arm.n:
            ledger.reads("percent-interval", where.at("n"))
        slack = 0.06 if places(low) else 0.2
        fits = any(
            spans[0].holds(found.low, slack) and spans[1].holds(found.high, slack)
            for n in known
            if abs(float(arm.percent) - 50) <= 50
            and n is not None
            and spans[0].meets(Span(wald(float(arm.percent) * n / 100, n, level).low * 100 - 12, 100.0))
            for count in counts_behind(arm.percent, n)
            for found in intervals(count, n, level)
        )
        if not fits:
            of = f"of {arm.n}" if arm.n else f"of any number up to {most}" if sized else "of any number"
            message = f"no usual {level}% interval of {arm.percent} % {of} runs from {low} to {high}"
            ledger.finds("percent-interval", where, where.at(name), message)


def _rate_interval(ledger: Ledger, where: Spot, arm: Arm, level: int, name: str, n: int | None) -> None:
    """The interval of a rate read off a curve: no narrower than if every patient had been followed."""
    low, high = getattr(arm, name)
    assert arm.percent is not None
    if n:
        least = wald(float(arm.percent) * n / 100, n, level)
        widths = Span(rounded(high).low - rounded(low).high, rounded(high).high - rounded(low).low)
        if widths.high < 85 * (least.high - least.low) or widths.low > 200 * (least.high - least.low):
            message = f"an interval of {low}-{high} around {arm.percent} % is not that of {n} patients"
            ledger.finds("percent-interval", where, where.at(name), message)
    centre = (float(low) + float(high)) / 2
    if abs(centre - float(arm.percent)) > 0.2 * float(high - low):
        message = f"an interval of {low}-{high} lies unevenly around {arm.percent} %"
        ledger.finds("percent-interval", where, where.at(name), message)


def _denominators(ledger: Ledger) -> None:
    """Percentages of one arm and report, where n is not given: some number of patients has to give them all."""
    groups: defaultdict[tuple[str, str, str | None, bool], list[tuple[Spot, Decimal]]] = defaultdict(list)
    for spot in ledger.spots:
        if not _is_share(spot):
            continue
        for where, arm in spot.armed():
            if arm.percent is not None and arm.n is None and arm.percent > 0:
                safety = spot.result.role == "safety"
                groups[spot.report.id, where.arm or "", spot.result.subgroup, safety].append((where, arm.percent))
    for (_, name, subgroup, safety), members in groups.items():
        sized = ledger.size(members[0][0]._replace(path=members[0][0].path[:4]), name) if not safety else None
        n = sized[0] if sized else ledger.whole(members[0][0].report, name) if subgroup is None else None
        if n is None:
            continue
        measured = any(where.result.endpoint in ("orr", "dcr") for where, _ in members)
        least = math.ceil(n * (_TREATED if safety else _MEASURABLE if measured else 1))
        tries = range(least, n + 1)
        chance = math.prod(min(1.0, n * 10 ** -places(percent) / 100) for _, percent in members) * len(tries)
        if chance > _TELLING:
            continue
        ledger.reads("percent-denominator", *(where.at("percent") for where, _ in members))
        if not any(all(counts_behind(percent, each) for _, percent in members) for each in tries):
            listed = ", ".join(f"{percent} %" for _, percent in members)
            of = f"{n}" if least == n else f"{least} to {n}"
            message = f"no number of patients ({of}) gives {listed}"
            ledger.finds("percent-denominator", members[0][0], members[0][0].at("percent"), message)


# --- medians and rates ------------------------------------------------------------------------------------


def _median_interval(ledger: Ledger, where: Spot, arm: Arm) -> None:
    """The interval of a median: as wide as the number of patients lets it be, and not absurdly lopsided."""
    if arm.median_months is None or arm.median_months <= 0 or arm.percent is not None:
        return
    for level, name, (low, high) in intervals_of(arm):
        if low is None or high is None or not 0 < low < high:
            continue
        paths = [where.at("median_months"), where.at(name, 0), where.at(name, 1)]
        ledger.reads("median-interval", *paths)
        up, down = math.log(high / arm.median_months), math.log(arm.median_months / low)
        sized = ledger.size(where._replace(arm=None, path=where.path[:4]), where.arm or "")
        if max(up, down) > math.log(2.7):
            message = f"an interval of {low}-{high} around a median of {arm.median_months} is out of proportion"
            ledger.finds("median-interval", where, where.at(name), message)
        elif sized:
            ledger.reads("median-interval", sized[1])
            error = standard_error(Span(math.log(low), math.log(low)), Span(math.log(high), math.log(high)), level).low
            times = error * math.sqrt(sized[0])
            if not _NARROWER <= times <= _WIDER:
                size = "narrow" if times < 1 else "wide"
                message = f"an interval of {low}-{high} around {arm.median_months} is {size} for {sized[0]} patients"
                ledger.finds("median-interval", where, where.at(name), message)


def _rate(ledger: Ledger, spot: Spot) -> None:
    """The share free of an event at a time against the median, and two such shares against the hazard ratio."""
    found = _RATE.fullmatch(spot.result.endpoint)
    if not found:
        return
    months = int(found["months"])
    for where, arm in spot.armed():
        median = ledger.median(spot, where.arm or "", found["of"])
        if arm.percent is None or median is None or median[0] <= 0:
            continue
        value, path = median
        ledger.reads("rate-median", where.at("percent"), path)
        steady = 100 * 0.5 ** (months / float(value))
        wrong_side = (rounded(value).high < months and arm.percent > 52) or (
            rounded(value).low > months and arm.percent < 48
        )
        if wrong_side or abs(steady - float(arm.percent)) > _RATE_BAND:
            message = (
                f"{arm.percent} % at {months} months with a median of {value}; a steady hazard gives {steady:.0f} %"
            )
            ledger.finds("rate-median", where, where.at("percent"), message)
    _rate_ratio(ledger, spot, found["of"])


def _rate_ratio(ledger: Ledger, spot: Spot, endpoint: str) -> None:
    arms = list(spot.armed())
    shares = [arm.percent for _, arm in arms if arm.percent is not None and 0 < arm.percent < 100]
    if len(arms) != 2 or len(shares) != 2:
        return
    for other in ledger.spots:
        effect = other.result.effect
        if (
            other.report is spot.report
            and other.result.endpoint == endpoint
            and other.result.subgroup == spot.result.subgroup
            and list(other.result.arms) == list(spot.result.arms)
            and effect is not None
            and effect.measure == "hazard_ratio"
            and effect.value
        ):
            paths = [where.at("percent") for where, _ in arms]
            ledger.reads("rate-ratio", *paths, other.at("effect", "value"))
            expected = math.log(shares[0] / 100) / math.log(shares[1] / 100)
            if not 1 / 1.35 <= expected / float(effect.value) <= 1.35:
                message = f"{shares[0]} v {shares[1]} % give a hazard ratio near {short(expected)}, not {effect.value}"
                ledger.finds("rate-ratio", spot, paths[0], message)


def _rates_fall(ledger: Ledger) -> None:
    """The share free of an event falls with time."""
    held: defaultdict[tuple[object, ...], list[tuple[int, Decimal, Spot]]] = defaultdict(list)
    for spot in ledger.spots:
        found = _RATE.fullmatch(spot.result.endpoint)
        for where, arm in spot.armed() if found else ():
            if arm.percent is not None and found:
                group = (spot.report.id, found["of"], spot.result.subgroup, spot.result.comparison, where.arm)
                held[group].append((int(found["months"]), arm.percent, where))
    for rates in held.values():
        ordered = sorted(rates, key=lambda rate: rate[0])
        for (early, before, at), (late, after, where) in pairwise(ordered):
            ledger.reads("rate-order", at.at("percent"), where.at("percent"))
            if after > before:
                message = f"{after} % at {late} months after {before} % at {early} months"
                ledger.finds("rate-order", where, where.at("percent"), message)


# --- numbers of patients ----------------------------------------------------------------------------------


def _numbers(ledger: Ledger) -> None:
    """The numbers of arms against the design, the allocation and one another."""
    design = ledger.evidence.design
    if design and design.allocation and any(not 1 <= part <= 3 for part in _parts_of(design.allocation)):
        message = f"an allocation of {design.allocation} cannot be meant"
        ledger.finds("arm-allocation", None, ("design", "allocation"), message)
    first: dict[tuple[object, ...], tuple[int, Spot]] = {}
    for spot in ledger.spots:
        sizes = {name: arm.n for name, arm in spot.result.arms.items() if arm.n is not None}
        paths = [spot.at("arms", name, "n") for name in sizes]
        randomised = design is not None and design.randomized and ledger.evidence.kind == "trial"
        whole = spot.result.subgroup is None and spot.result.role != "safety"
        every = [name for name in ledger.evidence.arms if name != "all"]
        if randomised and design and design.n is not None and sizes:
            ledger.reads("arm-numbers", *paths, ("design", "n"))
            total = sum(n for name, n in sizes.items() if name != "all")
            if whole and set(every) <= set(sizes) and total != design.n:
                listed = " + ".join(str(n) for name, n in sizes.items() if name != "all")
                message = f"the arms hold {listed} = {total}, the design has {design.n}"
                ledger.finds("arm-numbers", spot, paths[0], message)
            elif total > design.n and spot.result.role != "safety":
                ledger.finds("arm-numbers", spot, paths[0], f"{total} patients of the {design.n} of the design")
        if randomised:
            _allocation(ledger, spot, sizes, every)
        for where, arm in spot.armed():
            if arm.n is None:
                continue
            of = spot.report.id if ledger.evidence.independent else None
            key = (of, where.arm, spot.result.subgroup, spot.result.role == "safety", _measured(spot))
            n, earlier = first.setdefault(key, (arm.n, where))
            if earlier is not where:
                ledger.reads("arm-numbers", where.at("n"), earlier.at("n"))
            if n != arm.n:
                message = f"n {arm.n}; {earlier.name} has {n} for the same patients"
                ledger.finds("arm-numbers", where, where.at("n"), message)
            most = ledger.whole(where.report, where.arm or "")
            if most is not None and (spot.result.subgroup or spot.result.role == "safety"):
                ledger.reads("arm-of-whole", where.at("n"))
                if arm.n > most:
                    message = f"n {arm.n} of an arm of {most}"
                    ledger.finds("arm-of-whole", where, where.at("n"), message)
        _text_total(ledger, spot, sizes)


def _measured(spot: Spot) -> str:
    """Endpoints of one report that may leave out patients each have numbers of their own."""
    return "" if spot.result.endpoint in ("pfs", "os", "pfs2") else f"{spot.report.id}/{spot.result.endpoint}"


def _parts_of(allocation: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", allocation.split("(", maxsplit=1)[0])]


def _allocation(ledger: Ledger, spot: Spot, sizes: dict[str, int], every: list[str]) -> None:
    design = ledger.evidence.design
    parts = _parts_of(design.allocation or "") if design else []
    if len(sizes) != 2 or not parts or 0 in parts or spot.result.role == "safety":
        return
    of_arm = dict(zip(every, parts, strict=True)) if len(parts) == len(every) else {}
    if len(set(parts)) == 1:
        of_arm = dict.fromkeys(sizes, 1)
    if not set(sizes) <= set(of_arm):
        return
    expected = of_arm[next(iter(sizes))] / sum(of_arm[name] for name in sizes)
    (one, n), (_, m) = sizes.items()
    ledger.reads("arm-allocation", *(spot.at("arms", name, "n") for name in sizes), ("design", "allocation"))
    deviation = 2.6 * math.sqrt((n + m) * expected * (1 - expected))
    most = max(3.0, deviation / 3) if spot.result.subgroup is None else max(3.0, deviation)
    if abs(n - expected * (n + m)) > most:
        message = f"{n} v {m} patients in an allocation of {design.allocation if design else ''}"
        ledger.finds("arm-allocation", spot, spot.at("arms", one, "n"), message)


_TOTAL = re.compile(r"\b(?:n ?= ?|of )?(\d+)(?: patients| adults| women|\))")


def _text_total(ledger: Ledger, spot: Spot, sizes: dict[str, int]) -> None:
    """The number that a subgroup's text gives, against the arms and the design."""
    found = _TOTAL.search(spot.result.subgroup or "")
    if not found:
        return
    total, path, design = int(found[1]), spot.at("subgroup"), ledger.evidence.design
    word = len(
        re.findall(r"(?<![\w.,/-])\d+(?:\.\d+)?(?![\w/]|[.,]\d)", (spot.result.subgroup or "")[: found.start(1)])
    )
    if len(sizes) == len(spot.result.arms) == 2:
        ledger.reads("arm-numbers", (*path, word), *(spot.at("arms", name, "n") for name in sizes))
        if sum(sizes.values()) != total:
            listed = " + ".join(map(str, sizes.values()))
            ledger.finds("arm-numbers", spot, path, f"the subgroup's text says {total}, the arms hold {listed}")
    elif design and design.n is not None:
        ledger.reads("arm-numbers", (*path, word))
        if total > design.n:
            ledger.finds("arm-numbers", spot, path, f"the subgroup's text says {total} of {design.n} patients")


def _same_arm(ledger: Ledger) -> None:
    """An arm compared with two others has the same figures in both comparisons."""
    first: dict[tuple[object, ...], tuple[Spot, Arm]] = {}
    for spot in ledger.spots:
        for where, arm in spot.armed():
            result = spot.result
            key = (
                spot.report.id,
                result.endpoint,
                result.subgroup,
                result.assessor,
                result.role == "safety",
                where.arm,
            )
            other, held = first.setdefault(key, (where, arm))
            if other is where or other.result.comparison == result.comparison:
                continue
            for name in ("n", "events", "count", "percent", "median_months", "ci95", "ci90"):
                mine, theirs = getattr(arm, name), getattr(held, name)
                if mine is None or theirs is None:
                    continue
                if isinstance(mine, tuple):
                    ledger.reads("same-arm", *(spot.at(name, i) for spot in (where, other) for i in (0, 1)))
                else:
                    ledger.reads("same-arm", where.at(name), other.at(name))
                if mine != theirs:
                    told = [
                        " to ".join(map(str, value)) if isinstance(value, tuple) else value for value in (mine, theirs)
                    ]
                    message = f"{name} {told[0]}, but {told[1]} in the comparison {other.result.comparison}"
                    ledger.finds("same-arm", where, where.at(name), message)


def _parts(ledger: Ledger) -> None:
    """Two subgroups that are each other's rest hold no more than the whole; its median lies between theirs."""
    for one, other in combinations(ledger.spots, 2):
        if (
            one.report is not other.report
            or one.result.endpoint != other.result.endpoint
            or one.result.comparison != other.result.comparison
            or not complementary(one.result.subgroup, other.result.subgroup)
        ):
            continue
        for name, arm in one.result.arms.items():
            rest, whole = other.result.arms.get(name), ledger.whole(one.report, name)
            if rest and arm.n is not None and rest.n is not None and whole is not None:
                ledger.reads("parts-of-whole", one.at("arms", name, "n"), other.at("arms", name, "n"))
                both = arm.n + rest.n
                if both > whole or whole * 0.93 < both < whole:
                    message = f"with `{other.result.subgroup}` {arm.n} + {rest.n} = {both} patients of {whole}"
                    ledger.finds("parts-of-whole", one.of(name), one.at("arms", name, "n"), message)
            if rest and arm.median_months and rest.median_months:
                _median_between(ledger, one, other, name)


def _median_between(ledger: Ledger, one: Spot, other: Spot, name: str) -> None:
    for whole in ledger.spots:
        held = whole.result.arms.get(name)
        if (
            held is None
            or not held.median_months
            or whole.result.subgroup is not None
            or whole.result.endpoint != one.result.endpoint
            or whole.result.comparison != one.result.comparison
            or whole.result.assessor != one.result.assessor
        ):
            continue
        halves = sorted(rounded(m) for s in (one, other) if (m := s.result.arms[name].median_months) is not None)
        ledger.reads("parts-of-whole", *(spot.at("arms", name, "median_months") for spot in (one, other, whole)))
        if not halves[0].low * 0.97 <= float(held.median_months) <= halves[1].high * 1.03:
            medians = " and ".join(str(s.result.arms[name].median_months) for s in (one, other))
            message = f"parts with medians of {medians} months; the whole has {held.median_months} in {whole.report.id}"
            ledger.finds("parts-of-whole", one.of(name), one.at("arms", name, "median_months"), message)


# --- what is at most as large as something else -----------------------------------------------------------

_GRADES = re.compile(r"_?(any_grade|grade3plus|grade_?3_?(?:or)?_?4|grade3or4|grade3|grade5)_?")
_LATER = {"pfs": ("pfs2", "os", "chemotherapy_free_survival", "time_to_chemotherapy", "dor"), "pfs2": ("os",)}
_CONTAINED = {"orr": ("cbr",), "discontinuation_treatment_related_ae": ("discontinuation", "discontinuation_teae")}


def _orders(ledger: Ledger) -> None:
    """Time to progression before time to death, response within benefit, grade 3 within any grade."""
    for one in ledger.spots:
        for other in ledger.spots:
            if one is other or not same_group(one.result.subgroup, other.result.subgroup):
                continue
            if other.result.endpoint in _LATER.get(one.result.endpoint, ()):
                if one.result.comparison == other.result.comparison or None in (
                    one.result.comparison,
                    other.result.comparison,
                ):
                    _at_most(ledger, one, other, "median_months", " months")
            elif one.report is other.report and _within(one.result.endpoint, other.result.endpoint):
                _at_most(ledger, one, other, "percent", " %")


def _within(part: str, whole: str) -> bool:
    if whole in _CONTAINED.get(part, ()):
        return True
    part_grade, whole_grade = _GRADES.search(part), _GRADES.search(whole)
    if not part_grade:
        return False
    event = _GRADES.sub("", part)
    if whole_grade and whole_grade[1] == "any_grade" and part_grade[1] != "any_grade":
        return event == _GRADES.sub("", whole)
    all_events = whole_grade is not None and whole_grade[1] != "any_grade" and _GRADES.sub("", whole) == "ae"
    return all_events and part_grade[1] not in ("any_grade", "grade5") and event != "ae"


def _at_most(ledger: Ledger, part: Spot, whole: Spot, field: str, unit: str) -> None:
    for name, arm in part.result.arms.items():
        held = whole.result.arms.get(name)
        low, high = getattr(arm, field), getattr(held, field, None)
        if low is None or high is None:
            continue
        ledger.reads("order", part.at("arms", name, field), whole.at("arms", name, field))
        if low > high:
            message = f"{low}{unit}, but {whole.result.endpoint} {high}{unit} in {whole.report.id}"
            ledger.finds("order", part.of(name), part.at("arms", name, field), message)
