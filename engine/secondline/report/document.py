"""A recommendation as a document: sections of entries and tables, before it becomes text or Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from secondline.explain import fact_label, fact_labels
from secondline.facts import catalogue
from secondline.recommendation import (
    Applicability,
    EvidenceItem,
    OpenCheck,
    Option,
    Prevalence,
    Recommendation,
    TraceEntry,
)
from secondline.scales import OFFERED, TIERS
from secondline.tiers import UNDETERMINED

_GLANCE = {UNDETERMINED: "open until tested or recorded", "avoid": "advised against"}
_FIRST = ("knowledge-until", "review-by", "data-")  # old knowledge and contradictory records come before the answer


MOST_CLOSED = 10  # regimens named at a glance
MOST_NAMED = 5  # facts that an option needs
FIRST_NAMED = 3  # of more


class Entry(NamedTuple):
    """One item of a list with what belongs to it."""

    head: str
    details: tuple[str, ...] = ()


class Table(NamedTuple):
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Entry | Table


class Section(NamedTuple):
    title: str
    blocks: tuple[Block, ...]


class Document(NamedTuple):
    """Warnings come before everything else, then the answer in one sentence, then the sections."""

    about: str
    warnings: tuple[str, ...]
    answer: str
    verdict: str
    grading: str
    sections: tuple[Section, ...]
    notice: str


def document(answer: Recommendation) -> Document:
    """Arrange a recommendation as a clinician reads it; sections with nothing in them are left out."""
    where = "no jurisdiction" if answer.case.jurisdiction == "none" else answer.case.jurisdiction
    sections = (
        Section("At a glance", tuple(_glance(answer))),
        Section("Why", tuple(_reasons(answer))),
        Section("Open", tuple(_open(answer))),
        Section("Options" if answer.verdict == "continue" else "What instead", tuple(_options(answer, OFFERED))),
        Section("Not known yet", tuple(_options(answer, (UNDETERMINED,)))),
        Section("Tests worth doing", tuple(_tests(answer))),
        Section("Also worth finding out", tuple(_besides(answer))),
        Section("Cautions", tuple(_cautions(answer))),
        Section("Advised against", tuple(_against(answer))),
        Section("Closed", tuple(_closed(answer))),
        Section("Evidence", tuple(_evidence(answer))),
        Section("How well the trials fit", tuple(_fit(trial) for trial in answer.applicability)),
        Section("Trace", tuple(_trace(entry) for entry in answer.trace or ())),
    )
    return Document(
        about=f"{answer.case.id or 'case'}, asked for {answer.case.as_of}, {where}",
        warnings=tuple(_sentence(caution.says) for caution in answer.cautions if caution.rule.startswith(_FIRST)),
        answer=answer.headline,
        verdict=answer.verdict,
        grading=_grading(answer),
        sections=tuple(section for section in sections if section.blocks),
        notice=answer.provenance.notice,
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _grading(answer: Recommendation) -> str:
    graded = f"{answer.strength}, {answer.certainty} certainty; " if answer.strength else ""
    settled = "no unknown fact can change it" if answer.settled else "open until more is known"
    besides = ", apart from what stands open" if answer.settled and (answer.checks or answer.assumed) else ""
    return f"{graded}{settled}{besides}"


def _glance(answer: Recommendation) -> Iterator[Block]:
    """Every regimen by its tier, and the test to do first, in a line each."""
    for name in (*OFFERED, UNDETERMINED, *(name for name in TIERS if name not in OFFERED)):
        regimens = [
            f"{o.regimen}*" if o.checks and name in OFFERED else o.regimen for o in answer.options if o.tier == name
        ]
        if regimens:
            yield Entry(f"{_GLANCE.get(name, name)}: {', '.join(regimens)}")
    if answer.closed:
        few = len(answer.closed) <= MOST_CLOSED
        shut = ", ".join(one.regimen for one in answer.closed) if few else f"{len(answer.closed)} regimens"
        yield Entry(f"closed, with the reasons below: {shut}")
    first = [fact_label(test.fact) for test in answer.tests if test.would_change and test.rules]
    if first:
        yield Entry(f"tests that open or close one of them: {', '.join(first)}")
    if any(option.checks and option.tier in OFFERED for option in answer.options):
        yield Entry("* once the safety facts named below are known")


def _reasons(answer: Recommendation) -> Iterator[Block]:
    for reason in answer.reasons:
        holds = f", if it applies: {fact_labels(reason.depends_on)} not known" if reason.depends_on else ""
        yield Entry(reason.says, (f"rule {reason.rule}{holds}",))
    for conflict in answer.conflicts:
        yield Entry(f"These rules disagree ({', '.join(conflict.verdicts)}): {', '.join(conflict.rules)}")


def _open(answer: Recommendation) -> Iterator[Block]:
    for number, facts in enumerate(answer.missing):
        yield Entry(f"{'Or it' if number else 'The answer'} depends on {fact_labels(facts)}")
    for fact in answer.assumed:
        yield Entry(f"Assumed, as it is not recorded: {fact_label(fact)} is systemic")
    for check in answer.checks:
        yield Entry(f"The verdict stands {once([check])}", (check.says,))


def _options(answer: Recommendation, tiers: Sequence[str]) -> Iterator[Block]:
    for option in answer.options:
        if option.tier in tiers:
            details = (*_option_details(option), *_held_against(answer, option))
            yield Entry(f"{option.regimen}: {tier(option)}", details)


def _held_against(answer: Recommendation, option: Option) -> list[str]:
    says = {caution.rule: caution.says for caution in answer.cautions}
    return [f"against: {says[rule]}" for rule in option.cautions if rule in says]


def _against(answer: Recommendation) -> Iterator[Block]:
    """What the evidence or a gate speaks against: why, and no more."""
    for option in answer.options:
        if option.tier not in OFFERED and option.tier != UNDETERMINED:
            yield Entry(f"{option.regimen}: {tier(option)}", (option.says, *_held_against(answer, option)))


def _closed(answer: Recommendation) -> Iterator[Block]:
    """Regimens closed for the same reason stand together."""
    reasons: dict[str, list[str]] = {}
    for shut in answer.closed:
        reasons.setdefault(shut.says, []).append(shut.regimen)
    for says, regimens in reasons.items():
        yield Entry(f"{', '.join(regimens)}: {says}")


def tier(option: Option) -> str:
    """An option's tier with its grading and what has to be known beside it."""
    graded = f" ({option.strength}, {option.certainty} certainty)" if option.strength and option.certainty else ""
    unchecked = f"; not known: {fact_labels(_checked(option.checks))}" if option.checks else ""
    if option.needs:
        perhaps = f", then perhaps an option{graded}" if graded else ""
        be = "is" if len(option.needs[0]) == 1 else "are"
        return f"{option.tier} until {needed(option.needs)} {be} known{perhaps}{unchecked}"
    if option.checks and option.tier in OFFERED:
        return f"{option.tier}, {once(option.checks)}{graded}"
    return f"{option.tier}{graded}{unchecked}"


def needed(sets: Sequence[tuple[str, ...]]) -> str:
    """The least sets of facts in words: named where they are few, else what all have in common is counted."""
    if max(map(len, sets)) <= MOST_NAMED:
        return " or ".join(fact_labels(facts) for facts in sets)
    return f"{len(sets[0])} facts ({_some(sets[0])})"


def _some(facts: Sequence[str]) -> str:
    """Facts by their names, of many the first few."""
    if len(facts) <= MOST_NAMED:
        return fact_labels(facts)
    return f"{', '.join(map(fact_label, facts[:FIRST_NAMED]))} and {len(facts) - FIRST_NAMED} more"


def _checked(checks: Sequence[OpenCheck]) -> list[str]:
    return list(dict.fromkeys(fact for check in checks for fact in check.facts))


def once(checks: Sequence[OpenCheck]) -> str:
    """`once QTcF is measured and visceral crisis is known`."""
    facts = _checked(checks)
    measured = [fact for fact in facts if catalogue()[fact].numeric]
    known = [fact for fact in facts if not catalogue()[fact].numeric]
    parts = [
        f"{fact_labels(group)} {'is' if len(group) == 1 else 'are'} {word}"
        for group, word in ((measured, "measured"), (known, "known"))
        if group
    ]
    return f"once {' and '.join(parts)}"


def _option_details(option: Option) -> Iterator[str]:
    yield option.says
    yield from option.dosing if option.tier in OFFERED else ()
    approved = [
        f"{place} {day or 'no date read by this day'}"
        for place, day in sorted(option.availability.items(), reverse=True)
    ]
    yield f"approved: {', '.join(approved)}"


def _tests(answer: Recommendation) -> Iterator[Block]:
    """What a rule asks for in this patient in any case, with its reason."""
    for test in answer.tests:
        if test.rules:
            waiting = [option.regimen for option in answer.options if any(test.fact in facts for facts in option.needs)]
            opens = "opens nothing on its own"
            if test.would_change or test.verdict:
                verdict = ["can settle or change the verdict"] if test.verdict else []
                options = [f"would open or close {', '.join(test.would_change)}"] if test.would_change else []
                opens = "; ".join([*verdict, *options])
            elif waiting:
                opens = f"one of the facts that {', '.join(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for"
            yield Entry(f"{test.order}. {fact_label(test.fact)}: {opens}", (test.why, *map(_share, test.prevalence)))


def _share(found: Prevalence) -> str:
    """How often a result is found, by the report that says so."""
    whole = f" of {found.of.figures}, together about {found.share:.0%}" if found.of else ""
    return f"how often {found.result}: {found.evidence.figures}{whole} ({found.evidence.report})"


def _besides(answer: Recommendation) -> Iterator[Block]:
    """What else is unknown and can change the answer, in a line each."""
    for test in answer.tests:
        if not test.rules:
            yield Entry(f"{test.order}. {fact_label(test.fact)}: {test.why}")


def _cautions(answer: Recommendation) -> Iterator[Block]:
    on_options = {rule for option in answer.options for rule in option.cautions}
    for caution in answer.cautions:
        if not caution.rule.startswith(_FIRST) and caution.rule not in on_options:
            yield Entry(caution.says)


def _distinct(items: Iterable[EvidenceItem]) -> list[EvidenceItem]:
    """Every piece of evidence once, in the order met."""
    found: dict[str, EvidenceItem] = {}
    for item in items:
        found.setdefault(f"{item.report}/{item.endpoint}/{item.population}/{item.figures}", item)
    return list(found.values())


def _evidence(answer: Recommendation) -> Iterator[Block]:
    """Figures behind the verdict and what is offered; the citation of every report that the answer names."""
    deciding = [item for reason in answer.reasons for item in reason.evidence]
    offered = [item for option in answer.options if option.tier in OFFERED for item in option.evidence]
    besides = [item for option in answer.options for item in option.evidence]
    besides += [item for caution in answer.cautions for item in caution.evidence]
    figured = [item for item in _distinct([*deciding, *offered]) if item.population is not None]
    if figured:
        alike = Counter((item.report, _endpoint(item)) for item in figured)
        rows = tuple(
            (item.report, _endpoint(item, apart=alike[item.report, _endpoint(item)] > 1), item.figures)
            for item in figured
        )
        yield Table(("report", "endpoint, population", "figures"), rows)
    items = _distinct([*deciding, *offered, *besides])
    citations = {item.report: item.citation for item in items}
    for report, citation in sorted(citations.items()):
        superseded = sorted({name for item in items if item.report == report for name in item.superseded})
        replaces = f"; supersedes {', '.join(superseded)}" if superseded else ""
        yield Entry(f"{report}: {citation}{replaces}")


def _endpoint(item: EvidenceItem, *, apart: bool = False) -> str:
    """What a result is of; `apart`: with what was compared, where the report has several such results."""
    compared = str(item.result.get("comparison") or "").replace("+", " + ") if apart else ""  # so that lines can break
    return f"{item.endpoint}, {item.population}{f', {compared}' if compared else ''}"


def _fit(trial: Applicability) -> Entry:
    """A trial in one line, with the criteria that are not met or not known; those never judged are counted."""
    met = sum(criterion.met is True for criterion in trial.criteria)
    aside = {
        kind: [c for c in trial.criteria if c.met is None and c.says.startswith(f"{kind}: ")]
        for kind in ("not judged", "not read")
    }
    counts = [f"{met} criteria met", *(f"{len(found)} {kind}" for kind, found in aside.items() if found)]
    skipped = [criterion for found in aside.values() for criterion in found]
    unmet = [c.says for c in trial.criteria if c.met is False]
    unknown = [c.says for c in trial.criteria if c.met is None and c not in skipped]
    details = [f"{word}: {' | '.join(found)}" for word, found in (("not met", unmet), ("unknown", unknown)) if found]
    return Entry(f"{trial.id}: {trial.fit}; {', '.join(counts)}", tuple(details))


def _trace(entry: TraceEntry) -> Entry:
    marks = {True: "yes", False: "no", None: "unknown"}
    return Entry(f"{entry.rule}: {entry.status}", tuple(f"{marks[c.met]}: {c.says}" for c in entry.conditions))
