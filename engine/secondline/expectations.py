"""What a case expects of its answer: names held against the rule base, and what an answer has otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from secondline.errors import did_you_mean, one_of
from secondline.evidence import Cite, parse_cite
from secondline.facts import catalogue
from secondline.recommendation import AdvisedTest, CautionShown, Closed, EvidenceItem, Reason
from secondline.rulebase import RuleBase
from secondline.scales import OFFERED
from secondline.tiers import CLOSED

if TYPE_CHECKING:
    from secondline.forms.cases import Expect

Path = tuple[str | int, ...]  # within `expect`
_HERE = " in these rules (`--rules` names others)"
_GRADES = ("strength", "certainty")


class OptionSeen(Protocol):
    """What is compared of an option."""

    @property
    def regimen(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def strength(self) -> str | None: ...
    @property
    def certainty(self) -> str | None: ...
    @property
    def rules(self) -> tuple[str, ...]: ...
    @property
    def says(self) -> str: ...
    @property
    def evidence(self) -> tuple[EvidenceItem, ...]: ...


class Answered(Protocol):
    """What is compared of an answer; a Recommendation has it."""

    @property
    def verdict(self) -> str: ...
    @property
    def strength(self) -> str | None: ...
    @property
    def certainty(self) -> str | None: ...
    @property
    def settled(self) -> bool: ...
    @property
    def decided_by(self) -> tuple[str, ...]: ...
    @property
    def missing(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def reasons(self) -> tuple[Reason, ...]: ...
    @property
    def options(self) -> Sequence[OptionSeen]: ...
    @property
    def closed(self) -> tuple[Closed, ...]: ...
    @property
    def tests(self) -> tuple[AdvisedTest, ...]: ...
    @property
    def cautions(self) -> tuple[CautionShown, ...]: ...
    def reports(self) -> set[str]: ...


class Mismatch(NamedTuple):
    """One thing that an answer does not have as expected, at its path within `expect`."""

    path: Path
    expected: str
    got: str


def unknown_names(expect: Expect, base: RuleBase) -> Iterator[tuple[Path, str]]:
    """The names that no rule, regimen, fact or report has, each with its path and a message."""
    for what, valid, paths in _named(expect, base):
        where = "" if what == "fact" else _HERE
        for path, name in paths:
            if name not in valid:
                yield path, f"no {what} `{name}`{where}{did_you_mean(name, valid)}"
    for holder, texts in expect.evidence.items():
        for i, text in enumerate(texts):
            cite = parse_cite(text)
            if cite is None or cite.id not in base.reports:
                near = (
                    did_you_mean(cite.id, base.reports) if cite else "; expected `ID` or `ID/endpoint[key=value,...]`"
                )
                yield ("evidence", holder, i), f"no evidence `{text}`{_HERE}{near}"


def _named(expect: Expect, base: RuleBase) -> Iterator[tuple[str, set[str], list[tuple[Path, str]]]]:
    """What kinds of names there are, which are valid, and those that stand here."""
    rules = {rule.id for rule in (*base.verdicts, *base.gates)}
    behind = {rule.id for rule in (*base.options, *base.gates)}
    cautions = {rule.id for rule in (*base.gates, *base.cautions)}
    facts, regimens = set(catalogue()), set(base.vocabulary.regimens)

    def keyed(*keys: str) -> list[tuple[Path, str]]:
        return [((key, name), name) for key in keys for name in getattr(expect, key)]

    def listed(*keys: str) -> list[tuple[Path, str]]:
        return [((key, i), name) for key in keys for i, name in enumerate(getattr(expect, key) or ())]

    yield "verdict rule or gate", rules, listed("decided_by")
    yield "regimen", regimens, [*keyed("options", "grading", "rules"), *listed("not_options")]
    behind_options = [(("rules", r, i), name) for r, names in expect.rules.items() for i, name in enumerate(names)]
    yield "option rule or gate", behind, list(behind_options)
    missing = [(("missing", i, j), n) for i, group in enumerate(expect.missing or ()) for j, n in enumerate(group)]
    yield "fact", facts, [*listed("tests", "not_tests"), *keyed("prevalence"), *missing]
    yield "gate or caution", cautions, listed("cautions", "not_cautions")
    yield "evidence or report", set(base.reports), listed("cites")
    showing = rules | regimens | cautions
    yield "regimen, verdict rule, gate or caution", showing, keyed("evidence")
    yield "regimen, rule or fact", showing | facts, keyed("says")


def mismatches(expect: Expect, answer: Answered) -> Iterator[Mismatch]:
    """What an answer does not have as expected; only what is expected is asked of it."""
    yield from _of_verdict(expect, answer)
    yield from _of_options(expect, answer)
    if expect.tests or expect.not_tests:
        asked = [test.fact for test in answer.tests]
        yield from _contained("tests", expect.tests, asked)
        yield from _absent("not_tests", expect.not_tests, asked)
    for fact, given in expect.prevalence.items():
        shares = {p.result: p.evidence.report for test in answer.tests if test.fact == fact for p in test.prevalence}
        for result, report in given.items():
            if shares.get(result) != report:
                got = shares.get(result, "none")
                yield Mismatch(("prevalence", fact, result), f"`{fact}` {result} by `{report}`", got)
    if expect.cautions or expect.not_cautions:
        shown = [caution.rule for caution in answer.cautions]
        yield from _contained("cautions", expect.cautions, shown)
        yield from _absent("not_cautions", expect.not_cautions, shown)
    if expect.cites:
        yield from _contained("cites", expect.cites, sorted(answer.reports()))
    yield from _of_texts(expect, answer)


def _of_verdict(expect: Expect, answer: Answered) -> Iterator[Mismatch]:
    for key in ("verdict", *_GRADES):
        wanted, got = getattr(expect, key), getattr(answer, key)
        if wanted not in (None, got):
            yield Mismatch((key,), f"`{wanted}`", f"`{got or 'none'}`")
    if expect.settled is not None and expect.settled is not answer.settled:
        yield Mismatch(("settled",), str(expect.settled).lower(), str(answer.settled).lower())
    if expect.decided_by is not None and sorted(expect.decided_by) != sorted(answer.decided_by):
        yield Mismatch(("decided_by",), _listed(expect.decided_by), _listed(answer.decided_by))
    if expect.missing is not None and _sets(expect.missing) != _sets(answer.missing):
        yield Mismatch(("missing",), _sets_text(expect.missing), _sets_text(answer.missing))


def _of_options(expect: Expect, answer: Answered) -> Iterator[Mismatch]:
    options: Mapping[str, OptionSeen] = {option.regimen: option for option in answer.options}
    for regimen, tier in expect.options.items():
        got = options[regimen].tier if regimen in options else CLOSED
        if got != tier:
            shown = _unlisted(regimen, answer) if regimen not in options else got
            yield Mismatch(("options", regimen), f"`{regimen}` {tier}", shown)
    for regimen, grades in expect.grading.items():
        for key in _GRADES:
            wanted, graded = getattr(grades, key), getattr(options.get(regimen), key, None)
            if wanted not in (None, graded):
                yield Mismatch(("grading", regimen, key), f"`{regimen}` {key} {wanted}", graded or "none")
    for regimen, names in expect.rules.items():
        rules = options[regimen].rules if regimen in options else ()
        if sorted(names) != sorted(rules):
            yield Mismatch(("rules", regimen), f"`{regimen}` by {_listed(names)}", _listed(rules))
    for i, regimen in enumerate(expect.not_options):
        if regimen in options and options[regimen].tier in OFFERED:
            yield Mismatch(("not_options", i), f"`{regimen}` not offered", options[regimen].tier)


def _contained(key: str, expected: Sequence[str], held: Sequence[str]) -> Iterator[Mismatch]:
    for i, name in enumerate(expected):
        if name not in held:
            yield Mismatch((key, i), f"`{name}`", _listed(held))


def _absent(key: str, expected: Sequence[str], held: Sequence[str]) -> Iterator[Mismatch]:
    for i, name in enumerate(expected):
        if name in held:
            yield Mismatch((key, i), f"no `{name}`", "it")


def _of_texts(expect: Expect, answer: Answered) -> Iterator[Mismatch]:
    for holder, cites in expect.evidence.items():
        items = evidence_of(holder, answer)
        for i, text in enumerate(cites):
            if not any(is_cited(parse_cite(text), item) for item in items):
                got = list(dict.fromkeys(f"{item.report}/{item.endpoint}" for item in items))
                yield Mismatch(("evidence", holder, i), f"`{text}` at `{holder}`", _listed(got))
    for holder, listed in expect.says.items():
        texts = texts_of(holder, answer)
        for i, words in enumerate(listed):
            if not any(words in text for text in texts):
                got_text = f"`{' '.join(texts)}`" if texts else "no text"
                yield Mismatch(("says", holder, i), f"`{words}` at `{holder}`", got_text)


def evidence_of(holder: str, answer: Answered) -> list[EvidenceItem]:
    """What a deciding rule, a regimen, a gate or a caution shows in an answer."""
    held = [
        *((reason.rule, reason.evidence) for reason in answer.reasons),
        *((option.regimen, option.evidence) for option in answer.options),
        *((caution.rule, caution.evidence) for caution in answer.cautions),
    ]
    return [item for name, items in held if name == holder for item in items]


def is_cited(cite: Cite | None, item: EvidenceItem) -> bool:
    """Whether a cite means a result that is shown: without a subgroup that of all patients.

    An assessor that the result does not name is no difference.
    """
    if cite is None or cite.id not in (item.id, item.report) or cite.endpoint != item.endpoint:
        return False
    keys, named = dict(cite.keys), {**item.result, "report": item.report}
    if keys.get("subgroup") != named.get("subgroup"):
        return False
    return all(named.get(key, value if key == "assessor" else None) == value for key, value in keys.items())


def texts_of(holder: str, answer: Answered) -> list[str]:
    """What an answer says of a deciding rule, a regimen, a gate, a caution or a test of a fact."""
    held = [
        *((reason.rule, reason.says) for reason in answer.reasons),
        *((option.regimen, option.says) for option in answer.options),
        *((caution.rule, caution.says) for caution in answer.cautions),
        *((test.fact, test.why) for test in answer.tests),
    ]
    return [text for name, text in held if name == holder]


def _sets(groups: Iterable[Iterable[str]]) -> list[list[str]]:
    return sorted(sorted(group) for group in groups)


def _sets_text(groups: Iterable[Iterable[str]]) -> str:
    inner = (", ".join(group) for group in _sets(groups))
    return "[" + ", ".join(f"[{names}]" for names in inner) + "]"


def _listed(names: Sequence[str]) -> str:
    return one_of(names).replace(" or ", " and ") if names else "none"


def _unlisted(regimen: str, answer: Answered) -> str:
    return CLOSED if any(shut.regimen == regimen for shut in answer.closed) else "no option"
