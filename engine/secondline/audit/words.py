"""Checks on figures in words: shares and counts, intervals, quoted pairs, days, and criteria beside conditions."""

from __future__ import annotations

import math
import re
from calendar import month_name
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise

from secondline.audit.ledger import NUMBER, Ledger, Path
from secondline.audit.numbers import Span, counts_behind, log_span, rounded, short
from secondline.condition import DEFINED, Condition, Test, holds, tests_in
from secondline.facts import catalogue

_N = r"(?<![\w.,/-])(\d+(?:\.\d+)?)"
_OF = re.compile(_N + r" of " + _N)
_SHARE_AFTER = re.compile(_N + r" of " + _N + r"(?: [a-z]+)? \(" + r"(\d+(?:\.\d+)?) ?%")
_SHARE_BEFORE = re.compile(_N + r" ?% \((\d+) of (\d+)\b")
_COUNT_SHARE = re.compile(r"\b(?:in|of|all) (\d+) (?:patients )?\((\d+(?:\.\d+)?) ?%\)")
_INTERVAL = re.compile(r"(\d\.\d+) \((?:(?:95|90) ?% CI )?(\d\.\d+) ?(?:-|to) ?(\d+\.\d+)[),]")
_PAIR = re.compile(_N + r"(?: %| months)? (?:v|against|and) " + r"(\d+(?:\.\d+)?) (months|%)")
_BELOW_ZERO = re.compile(r"(?:^|[(\[]|(?<!,)(?<!and) )-\d+(?:\.\d+)?")  # but `MONALEESA-2, -3 and -7`
_LEADING_ZERO = re.compile(r"(?<![\w.,/-])0\d+(?![\d-])")
_PERCENT = re.compile(_N + r" ?%")
_RANGE = re.compile(r"(?<!card )" + _N + r"-(\d+(?:\.\d+)?)(?![\w-])")
_SPELT = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "no": 0}
_ORDINAL = {"first": 1, "second": 2, "third": 3}
_TYPE = re.compile(r"\btype \d")
_WITH_LIMITS = ("prior_cdk46.clinical_benefit",)  # facts that hold a limit themselves
_WEEKS_A_MONTH = 4.345
_MOST_LISTED = 4  # the highest limit of a scale or a count whose values words list one by one

Text = tuple[Path, str]


def texts(ledger: Ledger) -> Iterator[Text]:
    """Every text of a file that may hold figures."""
    evidence = ledger.evidence
    for i, says in enumerate(evidence.population):
        yield ("population", i), says
    for name, says in evidence.arms.items():
        yield ("arms", name), says
    for spot in ledger.spots:
        for field in ("finding", "subgroup", "maturity", "multiplicity"):
            says = getattr(spot.result, field)
            if says:
                yield spot.at(field), says
        for where, arm in spot.armed():
            if arm.note:
                yield where.at("note"), arm.note
    for i, says in enumerate(evidence.notes):
        yield ("notes", i), says


def words_at(text: str, *positions: int) -> list[int]:
    """Which of the numbers of a text begin at these positions."""
    starts = [found.start() for found in NUMBER.finditer(text)]
    return [starts.index(position) for position in positions if position in starts]


def reads(ledger: Ledger, code: str, path: Path, text: str, *positions: int) -> None:
    ledger.reads(code, *((*path, word) for word in words_at(text, *positions)))


def check_words(ledger: Ledger) -> None:
    for path, text in texts(ledger):
        _forms(ledger, path, text)
        _shares(ledger, path, text)
        _intervals(ledger, path, text)
        _numbers_told(ledger, path, text)
    _criteria(ledger)
    _days_told(ledger)


def _forms(ledger: Ledger, path: Path, text: str) -> None:
    """Numbers that cannot be meant: below zero, begun with a zero, more than all, from more to less."""

    def refuse(what: str) -> None:
        ledger.finds("number-in-words", None, path, f"`{what}` cannot be meant", about=".".join(map(str, path)))

    for found in (*_BELOW_ZERO.finditer(text), *_LEADING_ZERO.finditer(text)):
        refuse(found[0].strip(" (["))
    for found in _PERCENT.finditer(text):
        if float(found[1]) > 100:
            refuse(found[0])
    for found in _RANGE.finditer(text):
        reads(ledger, "number-in-words", path, text, found.start(1))
        if float(found[1]) >= float(found[2]):
            refuse(found[0])


def _shares(ledger: Ledger, path: Path, text: str) -> None:
    """`14 of 87 (16.1 %)`, `0.4 % (3 of 788)`, `289 (41 %)`."""

    def check(count: str, of: str, percent: str, *positions: int) -> None:
        reads(ledger, "share-in-words", path, text, *positions)
        if int(count) not in counts_behind(Decimal(percent), int(of)):
            told = short(100 * int(count) / int(of))
            ledger.finds("share-in-words", None, path, f"{count} of {of} are {told} %, the text says {percent} %")

    for found in _OF.finditer(text):
        if "." in found[1] + found[2]:
            continue
        reads(ledger, "share-in-words", path, text, found.start(1), found.start(2))
        if int(found[1]) > int(found[2]):
            ledger.finds("share-in-words", None, path, f"{found[1]} of {found[2]} in `{found[0]}`")
    for found in _SHARE_AFTER.finditer(text):
        if "." not in found[1] + found[2]:
            check(found[1], found[2], found[3], found.start(1), found.start(2), found.start(3))
    for found in _SHARE_BEFORE.finditer(text):
        check(found[2], found[3], found[1], *(found.start(i) for i in (1, 2, 3)))
    design = ledger.evidence.design
    for found in _COUNT_SHARE.finditer(text):
        if design and design.n is not None and " of " not in text[max(0, found.start() - 8) : found.end(1)]:
            ledger.reads("share-in-words", ("design", "n"))
            check(found[1], str(design.n), found[2], found.start(1), found.start(2))


def _intervals(ledger: Ledger, path: Path, text: str) -> None:
    """A ratio with its interval in words lies in the middle of it on the log scale."""
    for found in _INTERVAL.finditer(text):
        value, low, high = (log_span(rounded(Decimal(found[i]))) for i in (1, 2, 3))
        reads(ledger, "interval-in-words", path, text, *(found.start(i) for i in (1, 2, 3)))
        centre = Span((low.low + high.low) / 2, (low.high + high.high) / 2)
        if not centre.meets(value):
            middle = short(math.exp((centre.low + centre.high) / 2))
            ledger.finds("interval-in-words", None, path, f"`{found[0]}` is centred on {middle}")


def _numbers_told(ledger: Ledger, path: Path, text: str) -> None:
    """A text that repeats the numbers of two arms has both as the result has them, and their sum."""
    told = {found[0]: found.start() for found in NUMBER.finditer(text) if "." not in found[0] and int(found[0]) >= 30}
    for spot in ledger.spots:
        sizes = [(arm.n, where.at("n")) for where, arm in spot.armed() if arm.n is not None]
        if len(sizes) != 2:
            continue
        (n, of_n), (m, of_m) = sizes
        both = {str(n), str(m), str(n + m)} & told.keys()
        if len(both) < 2 or (path[0] == "reports" and path[:2] != spot.path[:2]):
            continue
        ledger.reads("number-in-words", of_n, of_m)
        reads(ledger, "number-in-words", path, text, *(told[number] for number in both))
        for number in told.keys() - {str(n), str(m), str(n + m)}:
            for right in {str(n), str(m), str(n + m)} - told.keys():
                if sorted(right) == sorted(number) or _digits_apart(right, number) == 1:
                    message = f"`{number}` beside {' and '.join(sorted(both))}; {spot.name} has {right}"
                    ledger.finds("number-in-words", None, path, message)


# --- criteria ---------------------------------------------------------------------------------------------


def _criteria(ledger: Ledger) -> None:
    """The limits that a criterion's condition types are those that its words give."""
    eligibility = ledger.evidence.eligibility
    for i, criterion in enumerate(eligibility.criteria if eligibility else ()):
        said = set(_said(criterion.says))
        path: Path = ("eligibility", "criteria", i)
        typed = [
            (float(value), _other_words(test.fact, check.op, float(value)))
            for test in tests_in(criterion.when)
            for check in test.checks
            for value in check.values
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        ]
        if not typed:
            continue
        found = [(*path, "says", word) for word, _ in enumerate(NUMBER.finditer(criterion.says))]
        ledger.reads("criterion", *found, (*path, "when"))
        for value, meant in typed:
            if not any(abs(each - one) < 0.06 for each in said for one in meant):
                message = f"`{criterion.says}` does not name {value:g}, which its condition tests"
                ledger.finds("criterion", None, path, message)
        if any(test.fact.startswith(DEFINED) or test.fact in _WITH_LIMITS for test in tests_in(criterion.when)):
            continue
        for match in NUMBER.finditer(_TYPE.sub("", criterion.says)):
            unit = criterion.says[match.end() :].lstrip()
            number = float(match[0])
            near = {number} | ({number / _WEEKS_A_MONTH} if unit.startswith("week") else set())
            known = any(abs(one - each) < 0.2 for _, meant in typed for one in meant for each in near)
            if not known and unit[:1] != "%" and not _listed(number, criterion.when):
                message = f"`{criterion.says}` names {match[0]}, which its condition does not test"
                ledger.finds("criterion", None, path, message)


def _other_words(fact: str, op: str, limit: float) -> set[float]:
    """The numbers that words can have for a limit: after two lines comes the third, and below 2 is at most 1."""
    if fact.endswith("history.line"):
        return {limit, limit - 1}
    whole = fact in catalogue() and catalogue()[fact].kind == "integer"
    return {limit, limit + {"below": -1, "above": 1}.get(op, 0)} if whole else {limit}


def _listed(number: float, when: Condition) -> bool:
    """Whether words may list a number with others up to a limit: 0 in `ECOG 0 or 1`, where at most 1 is tested."""
    tests = (test for test in tests_in(when) if test.fact in catalogue() and catalogue()[test.fact].kind == "integer")
    return number.is_integer() and any(holds(test, int(number)) is True and _bounded(test) for test in tests)


def _bounded(test: Test) -> bool:
    """Whether a test lets few whole numbers pass, of a fact that begins at 0."""
    return any(check.op in ("at_most", "below") and float(check.values[0]) <= _MOST_LISTED for check in test.checks)


def _said(says: str) -> Iterator[float]:
    for found in NUMBER.finditer(says):
        yield float(found[0])
        if says[found.end() :].lstrip().startswith("week"):
            yield round(float(found[0]) / _WEEKS_A_MONTH, 1)
            yield float(round(float(found[0]) / _WEEKS_A_MONTH))
    for word in re.findall(r"[a-z]+", says.lower()):
        if word in ("initial", "only", "single"):
            yield 1.0
            yield 2.0
        if word in _SPELT:
            yield float(_SPELT[word])
        if word in _ORDINAL:
            yield float(_ORDINAL[word])
            yield float(_ORDINAL[word] - 1)


# --- quotations -------------------------------------------------------------------------------------------


def pairs(ledger: Ledger) -> Iterator[tuple[Decimal, Decimal, str, tuple[Path, ...]]]:
    """Every pair of figures of two arms, with its unit in words."""
    for spot in ledger.spots:
        arms = list(spot.armed())
        for (one, first), (two, second) in pairwise(arms):
            for field, unit in (("median_months", "months"), ("percent", "%")):
                a, b = getattr(first, field), getattr(second, field)
                if a is not None and b is not None:
                    yield a, b, unit, (one.at(field), two.at(field))


def check_quotations(ledger: Ledger, named: Iterable[Ledger], path: Path, text: str) -> None:
    """A pair such as `9.1 v 3.7 months` where half of it is a result of the file it may come from."""
    sources = [(source, pair) for source in named for pair in pairs(source)]
    for found in _PAIR.finditer(text):
        one, two, unit = Decimal(found[1]), Decimal(found[2]), found[3]
        alike = [(source, pair) for source, pair in sources if pair[2] == unit]
        whole = [(source, pair) for source, pair in alike if {pair[0], pair[1]} == {one, two}]
        half = [(source, pair) for source, pair in alike if {pair[0], pair[1]} & {one, two}]
        if half:
            reads(ledger, "quotation", path, text, found.start(1), found.start(2))
        for source, pair in whole:
            source.reads("quotation", *pair[3])
        if half and not whole:
            source, (a, b, _, _) = half[0]
            message = f"`{found[0]}` is quoted; {source.evidence.id} has {a} v {b} {unit}"
            ledger.finds("quotation", None, path, message)


_FINE = re.compile(r"(?<![\w.,/-])\d\.\d\d(?![\w%]|\.\d| ?%| months| cm| mmol| mg)")


def check_fine_figures(ledger: Ledger) -> None:
    """A ratio that a note repeats: where it is no result of the file, it must not be one with a digit changed."""
    held = {
        str(value): path
        for spot in ledger.spots
        if spot.result.effect
        for value, path in _effect_values(spot.result.effect, spot.at("effect"))
    }
    for path, text in texts(ledger):
        if path[0] != "notes":
            continue
        for found in _FINE.finditer(text):
            if found[0] in held:
                reads(ledger, "quotation", path, text, found.start())
                ledger.reads("quotation", held[found[0]])
            else:
                near = [each for each in held if len(each) == 4 and _digits_apart(each, found[0]) == 1]
                if near:
                    message = f"`{found[0]}` is no result of this file, and differs from {near[0]} by a digit"
                    ledger.finds("quotation", None, path, message)


def _effect_values(effect: object, path: Path) -> Iterator[tuple[Decimal, Path]]:
    for name in ("value", "p"):
        value = getattr(effect, name, None)
        if isinstance(value, Decimal):
            yield value, (*path, name)
    for level in ("ci95", "ci90"):
        for i, limit in enumerate(getattr(effect, level, None) or ()):
            if limit is not None:
                yield limit, (*path, level, i)


def _digits_apart(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else 9


# --- days -------------------------------------------------------------------------------------------------

_MONTHS = list(month_name)[1:]
_DAY = re.compile(rf"(?<!\d)(\d{{1,2}}) ({'|'.join(_MONTHS)}) (20\d\d)|(?<![\d-])(20\d\d)-(\d\d)-(\d\d)(?![\d-])")


def days_told(text: str) -> Iterator[tuple[str, str, int]]:
    """Each day that a text names: as an ISO date, as written, and where it begins."""
    for found in _DAY.finditer(text):
        if found[3]:
            yield f"{found[3]}-{_MONTHS.index(found[2]) + 1:02d}-{int(found[1]):02d}", found[0], found.start()
        else:
            yield f"{found[4]}-{found[5]}-{found[6]}", found[0], found.start()


def _days_told(ledger: Ledger) -> None:
    """A day in words that is a report's or approval's day with one digit changed."""
    dates = {str(report.first_public) for report in ledger.evidence.reports if report.first_public}
    approvals = ledger.evidence.approvals
    for approved in (approvals, *approvals.regimens.values()) if approvals else ():
        dates |= {str(day) for day in (approved.us, approved.eu) if day}
    for path, text in texts(ledger):
        for day, written, at in days_told(text):
            if day in dates:
                reads(ledger, "day-in-words", path, text, at)
            elif any(_digits_apart(day, each) == 1 for each in dates):
                near = next(each for each in sorted(dates) if _digits_apart(day, each) == 1)
                ledger.finds("day-in-words", None, path, f"`{written}` differs by a digit from {near} of this file")
