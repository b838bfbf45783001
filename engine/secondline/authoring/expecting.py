"""What one answer says and another does not, as a case would expect it: an `expect` that only the one fulfils."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from secondline.evidence import CITE_KEYS, parse_cite
from secondline.expectations import Answered, is_cited, texts_of
from secondline.recommendation import EvidenceItem
from secondline.rulebase import RuleBase
from secondline.tiers import CLOSED

_BEFORE, _AFTER = 15, 25  # characters of a text shown around where it differs


class Expected(NamedTuple):
    """One expectation: a key of `expect`, what it is about where the key goes by that, and its value."""

    key: str
    about: str
    value: Any


def as_expect(expected: Iterable[Expected]) -> dict[str, Any]:
    """These expectations as a case has them."""
    found: dict[str, Any] = {}
    for key, about, value in expected:
        if key in ("grading", "prevalence"):
            found.setdefault(key, {}).setdefault(about, {}).update(value)
        elif key in ("evidence", "says"):
            found.setdefault(key, {}).setdefault(about, []).append(value)
        elif about:
            found.setdefault(key, {})[about] = value
        elif key in ("cautions", "not_cautions", "tests", "not_tests"):
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    return found


def telling(one: Answered, other: Answered, base: RuleBase) -> Iterator[Expected]:
    """What holds of one answer and not of the other, the plainest first."""
    if one.verdict != other.verdict:
        yield Expected("verdict", "", one.verdict)
    if one.missing != other.missing:
        yield Expected("missing", "", [list(facts) for facts in one.missing])
    if sorted(one.decided_by) != sorted(other.decided_by):
        yield Expected("decided_by", "", sorted(one.decided_by))
    for key in ("strength", "certainty"):
        if getattr(one, key) != getattr(other, key) and getattr(one, key) is not None:
            yield Expected(key, "", getattr(one, key))
    yield from _options(one, other)
    shown, others = ({caution.rule for caution in answer.cautions} for answer in (one, other))
    rules = {rule.id for rule in (*base.gates, *base.cautions)}
    yield from (Expected("cautions", "", rule) for rule in sorted((shown - others) & rules))
    yield from (Expected("not_cautions", "", rule) for rule in sorted((others - shown) & rules))
    yield from _tests(one, other)
    yield from _evidence(one, other, base)
    yield from _texts(one, other)


def _options(one: Answered, other: Answered) -> Iterator[Expected]:
    held, others = ({option.regimen: option for option in answer.options} for answer in (one, other))
    for regimen in sorted({*held, *others}):
        mine, its = held.get(regimen), others.get(regimen)
        if (mine and mine.tier) != (its and its.tier):
            yield Expected("options", regimen, mine.tier if mine else CLOSED)
        for key in ("strength", "certainty"):
            if mine and getattr(mine, key) != getattr(its, key, None) and getattr(mine, key) is not None:
                yield Expected("grading", regimen, {key: getattr(mine, key)})
        if mine and its and sorted(mine.rules) != sorted(its.rules):
            yield Expected("rules", regimen, sorted(mine.rules))


def _tests(one: Answered, other: Answered) -> Iterator[Expected]:
    others = {test.fact: test for test in other.tests}
    asked = {test.fact for test in one.tests}
    yield from (Expected("not_tests", "", fact) for fact in others if fact not in asked)
    for test in one.tests:
        its = others.get(test.fact)
        if its is None:
            yield Expected("tests", "", test.fact)
            continue
        theirs = {share.result: share.evidence.report for share in its.prevalence}
        for share in test.prevalence:
            if theirs.get(share.result) != share.evidence.report:
                yield Expected("prevalence", test.fact, {share.result: share.evidence.report})


def _evidence(one: Answered, other: Answered, base: RuleBase) -> Iterator[Expected]:
    held, others = (dict(_shown(answer)) for answer in (one, other))
    for name, items in held.items():
        gone = [item for item in items if item not in others.get(name, ())] if name in others else []
        for item in gone:
            cite = _cite_of(item, others[name], base)
            if cite is not None:
                yield Expected("evidence", name, cite)


def _texts(one: Answered, other: Answered) -> Iterator[Expected]:
    """Words of what is said, by one answer alone, at the same rule, regimen or fact."""
    names = [reason.rule for reason in one.reasons] + [option.regimen for option in one.options]
    names += [caution.rule for caution in one.cautions] + [test.fact for test in one.tests]
    for name in dict.fromkeys(names):
        said, others = texts_of(name, one), texts_of(name, other)
        for text in said if others else ():
            if not any(text in its for its in others):
                yield Expected("says", name, _words(text, others))


def _words(text: str, others: Sequence[str]) -> str:
    """Words of a text that none of some others has: from shortly before where it parts from the first of them."""
    parts = next((at for at, pair in enumerate(zip(text, others[0], strict=False)) if len({*pair}) > 1), len(others[0]))
    start = text.rfind(" ", 0, max(parts - _BEFORE, 0)) + 1
    end = text.find(" ", parts + _AFTER)
    words = text[start:end] if end > 0 else text[start:]
    return text if any(words in other for other in others) else words


def _shown(answer: Answered) -> Iterator[tuple[str, tuple[EvidenceItem, ...]]]:
    yield from ((reason.rule, reason.evidence) for reason in answer.reasons)
    yield from ((option.regimen, option.evidence) for option in answer.options)
    yield from ((caution.rule, caution.evidence) for caution in answer.cautions)


def _cite_of(item: EvidenceItem, others: Sequence[EvidenceItem], base: RuleBase) -> str | None:
    """The shortest cite that means a result, and none of some others."""

    def alone(text: str) -> bool:
        cite = parse_cite(text)
        return is_cited(cite, item) and not any(is_cited(cite, other) for other in others)

    written = sorted(filter(alone, base.sources), key=lambda text: (len(text), text))
    return next(iter((*written, *filter(alone, _cites(item)))), None)


def _cites(item: EvidenceItem) -> Iterator[str]:
    """Cites for a result that no rule cites by its own name."""
    named = {**item.result, "report": item.report}
    keys = [f"{key}={named[key]}" for key in CITE_KEYS if named.get(key)]
    for some in ([], *([key] for key in keys), keys):
        yield f"{item.id}/{item.endpoint}" + (f"[{','.join(some)}]" if some else "")
