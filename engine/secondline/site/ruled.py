"""What stands on the page of a rule of any kind, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from secondline.site.asked import CasePlace, place
from secondline.site.badges import Badge, of_tier, of_verdict
from secondline.site.cited import Cited, cited, forest
from secondline.site.edition import Edition
from secondline.site.forest import Forest
from secondline.site.names import Link
from secondline.site.phrases import Phrase, flat, phrase
from secondline.site.seen import Seen
from secondline.site.words import (
    ADJUSTED,
    KINDS,
    LETTERS,
    LIMITS,
    PLACES,
    ROWS,
    START,
    WORDING,
    Kind,
    plain,
)

if TYPE_CHECKING:
    from secondline.forms.rules import Definition, Gate, GateThen, Grading, Law, OptionRule, Rule, TestRule, VerdictRule
    from secondline.site.edition import Entry


class Block(NamedTuple):
    """A condition under its heading."""

    title: str
    phrase: Phrase | None
    after: str = ""


class CaseRow(NamedTuple):
    """A case with the answer it gets, and what the rule does in it."""

    case: CasePlace
    verdict: Badge
    note: str


class RulePage(NamedTuple):
    link: Link
    kind: Kind
    badges: tuple[Badge, ...]
    facts: tuple[tuple[str, str], ...]
    regimens: tuple[Link, ...]
    about: Link | None
    blocks: tuple[Block, ...]
    says: str
    said_on: str
    shares: tuple[str, ...]
    overrides: tuple[Link, ...]
    overridden_by: tuple[Link, ...]
    cited: tuple[Cited, ...]
    forests: tuple[Forest, ...]
    grading: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    users: tuple[Link, ...]
    firing: tuple[CaseRow, ...]
    near: tuple[CaseRow, ...]
    fires_in: int
    near_in: int


class RuleRow(NamedTuple):
    """A rule in a list: what it concludes, when it counts, and its condition in one line."""

    link: Link
    badges: tuple[Badge, ...]
    effective: str
    counts: bool
    review_by: str
    condition: tuple[str, ...]  # a line for each part that has to hold


MOST_FIRING, MOST_NEAR = 50, 12  # cases listed on a page; case pages say of each case which rules fire


def rule_page(edition: Edition, rule: Entry) -> RulePage:
    """The page of one rule, definition or law."""
    kind = edition.kind[rule.id]
    view = edition.view(rule)
    ruled = kind not in ("definitions", "laws")
    return RulePage(
        link=edition.link(rule),
        kind=KINDS[kind],
        badges=badges(edition, rule),
        facts=tuple(_facts(edition, rule)),
        regimens=tuple(map(edition.regimen_link, regimens(edition, rule))),
        about=edition.fact_link(cast("TestRule", rule).fact) if kind == "tests" else None,
        blocks=tuple(blocks(edition, rule)),
        says=view.text(cast("Rule", rule)) if ruled else "",
        said_on=view.day.isoformat() if ruled and view.day != edition.day else "",
        shares=tuple(_shares(edition, cast("TestRule", rule))) if kind == "tests" else (),
        overrides=edition.links(getattr(rule, "overrides", ())),
        overridden_by=edition.links(_overriders(edition, rule)),
        cited=cited(edition, [rule]),
        forests=forest(edition, [rule], "cited", "cited by this rule"),
        grading=tuple(_grading(cast("OptionRule", rule).grading)) if kind == "options" else (),
        notes=tuple(rule.notes),
        users=edition.links(edition.users(cast("Definition", rule))) if kind == "definitions" else (),
        firing=tuple(_firing(edition, rule))[:MOST_FIRING],
        near=tuple(_near(edition, rule))[:MOST_NEAR],
        fires_in=len(edition.firing.get(rule.id, ())),
        near_in=len(edition.near.get(rule.id, ())),
    )


def rule_row(edition: Edition, rule: Entry) -> RuleRow:
    """The row of one rule in a list."""
    review = getattr(rule, "review_by", None)
    return RuleRow(
        edition.link(rule),
        badges(edition, rule),
        effective(edition, rule),
        edition.in_effect(rule),
        review.isoformat() if review else "",
        tuple(_lines(edition, rule)),
    )


def _lines(edition: Edition, rule: Entry) -> Iterator[str]:
    """The condition of a rule, a line for each part that has to hold; where there are several, each is named."""
    held = [(block.title, block.phrase) for block in blocks(edition, rule) if block.phrase]
    for title, whole in held:
        if len(held) > 1:
            yield f"{title}: {flat(whole)}"
        else:
            yield from map(flat, whole.parts if whole.joint == "all" else [whole])


def _overriders(edition: Edition, rule: Entry) -> list[str]:
    """The rules that say they override this one; that scope comes first goes without saying."""
    names = edition.base.overriders.get(rule.id, ())
    return [name for name in names if rule.id in getattr(edition.by_id.get(name), "overrides", ())]


# --- what it concludes --------------------------------------------------------------------------------------


def badges(edition: Edition, rule: Entry) -> tuple[Badge, ...]:
    """What a rule concludes."""
    kind = edition.kind[rule.id]
    if kind == "verdicts":
        then = cast("VerdictRule", rule).then
        return (of_verdict(then.verdict, _graded(then)),)
    if kind == "options":
        option = cast("OptionRule", rule)
        return (of_tier(option.then.tier, _graded(option.then)),)
    if kind == "safety":
        return tuple(_gate(cast("Gate", rule).then))
    if kind == "tests":
        return (Badge("test", "worth finding out"),)
    if kind == "definitions":
        definition = cast("Definition", rule)
        return (Badge("defines", "a fact", definition.fact) if definition.fact else Badge("defines", "yes or no"),)
    return (
        Badge("caution", "shown with the answer") if kind == "cautions" else Badge("law", "holds for every answer"),
    )


def _graded(then: Any) -> str:
    return f"{then.strength}, {plain(then.certainty)} certainty" if then.strength and then.certainty else ""


def _gate(then: GateThen) -> Iterator[Badge]:
    strength = then.strength or ""
    if then.tier:
        yield Badge(then.tier, then.tier if then.tier == "contraindicated" else f"at most {then.tier}", strength)
    if then.lower:
        yield Badge("lower", f"{then.lower} tier{'s' if then.lower > 1 else ''} lower", strength)
    if then.certainty:
        yield Badge("lower", f"certainty at most {plain(then.certainty)}")
    if then.lower_certainty:
        yield Badge("lower", f"certainty {then.lower_certainty} level{'s' if then.lower_certainty > 1 else ''} lower")


def regimens(edition: Edition, rule: Entry) -> list[str]:
    """The regimens that an option rule or a gate is about."""
    kind = edition.kind[rule.id]
    if kind == "options":
        return [cast("OptionRule", rule).regimen]
    if kind == "safety":
        base = edition.base
        gate = cast("Gate", rule)
        return [name for name in edition.regimens if base.applies(gate, name, base.agents_of(name))]
    return []


# --- the rest of a page -------------------------------------------------------------------------------------


def effective(edition: Edition, rule: Entry) -> str:
    """The days on which a rule counts: its own, and not before one of its cites is public."""
    if edition.kind[rule.id] == "definitions":
        return ""
    first, until = edition.base.window(cast("Rule", rule))
    if until is None:
        return f"from {first}" if first else ""
    return f"{first} to {until}" if first else f"until {until}"


def _facts(edition: Edition, rule: Entry) -> Iterator[tuple[str, str]]:
    kind = edition.kind[rule.id]
    if kind != "definitions":
        counts = "" if edition.in_effect(rule) else f" (not in effect on {edition.day})"
        yield "In effect", f"{effective(edition, rule) or 'on every day'}{counts}"
    review = getattr(rule, "review_by", None)
    if review:
        yield "Review by", f"{review}{', overdue' if review < edition.day else ''}"
    if kind in ("options", "safety"):
        yield "Counts in", PLACES[cast("OptionRule | Gate", rule).jurisdiction]
    if kind == "safety":
        applies = cast("Gate", rule).applies_to
        classes = [edition.names.drug_class(name) for name in applies.classes]
        for title, names in (("Regimens", applies.regimens), ("Drugs", applies.agents), ("Classes", classes)):
            if names:
                yield f"{title} named", ", ".join(names)
    if rule.authors:
        yield "Authors", ", ".join(rule.authors)


def blocks(edition: Edition, rule: Entry) -> Iterator[Block]:
    """The conditions of a rule, each under a heading."""
    kind, names = edition.kind[rule.id], edition.names
    if kind == "laws":
        law = cast("Law", rule)
        yield Block("Where", phrase(law.when, names))
        yield Block("There, always", phrase(law.then, names))
    elif kind == "definitions":
        definition = cast("Definition", rule)
        for number, case in enumerate(definition.cases):
            value = f"{edition.fact_link(case.of).title} counts as absent" if case.of else _value(case.value)
            yield Block(
                f"{upper_first(value)}{'' if number == 0 else ', failing that,'} where", phrase(case.when, names)
            )
        yield Block(f"Otherwise {_value(definition.otherwise)}", None)
    else:
        yield Block("When", phrase(cast("Rule", rule).when, names))


def upper_first(words: str) -> str:
    return words[:1].upper() + words[1:]


def _value(value: bool | str) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _shares(edition: Edition, rule: TestRule) -> Iterator[str]:
    """How often each result is found, as the reports say it."""
    for found in edition.view(rule).prevalence(rule):
        of = f", among {found.of.figures} ({found.of.report})" if found.of else ""
        yield f"{found.result}: {found.evidence.figures} ({found.evidence.report}){of}"


def _grading(grading: Grading | None) -> Iterator[tuple[str, str]]:
    if grading is None:
        return
    yield "Starts at", START[grading.start]
    for letter in grading.down:
        yield f"Down a level: {letter}", LETTERS[letter]
    if grading.phase:
        yield "Phase", grading.phase
    if grading.setting:
        yield "Trial", f"{grading.setting} this setting"
    if grading.primary:
        yield "Primary endpoint", grading.primary
    if grading.gain:
        yield "Relevant gain judged on", grading.gain
    yield "Wording of the label", WORDING[grading.wording]
    for limit in grading.limits:
        yield "Against preferred", LIMITS[limit]
    if grading.row:
        yield f"Row {grading.row}", ROWS[grading.row]
    for name in grading.adjusted:
        yield f"Adjusted: {name}", ADJUSTED[name]
    if grading.boxed_warning:
        yield "Boxed warning", "yes"


# --- its cases ----------------------------------------------------------------------------------------------


def _firing(edition: Edition, rule: Entry) -> Iterator[CaseRow]:
    """The cases that a rule decides, then the others in which it fires."""
    cases = edition.firing.get(rule.id, ())
    for case in sorted(cases, key=lambda case: rule.id not in case.decided_by):
        yield CaseRow(place(edition, case), of_verdict(case.verdict), _does(edition, rule, case))


def _does(edition: Edition, rule: Entry, case: Seen) -> str:
    kind = edition.kind[rule.id]
    if rule.id in case.decided_by:
        return "decides"
    if rule.id in case.overridden:
        return "fires, overridden"
    if kind == "options":
        return f"the regimen is {case.tiers.get(cast('OptionRule', rule).regimen, 'closed')}"
    return case.fires.get(rule.id) or {"definitions": "holds", "laws": "holds"}.get(kind, "fires")


def _near(edition: Edition, rule: Entry) -> Iterator[CaseRow]:
    """The cases in which one part alone keeps a rule from firing, those that call themselves a near miss first."""
    cases: Sequence[Seen] = edition.near.get(rule.id, ())
    for case in sorted(cases, key=lambda case: "near miss" not in case.case.name):
        near = case.near[rule.id]
        words = flat(phrase(near.part, edition.names))
        note = f"{'not so' if near.known else 'not known'}: {words}"
        yield CaseRow(place(edition, case), of_verdict(case.verdict), note)
