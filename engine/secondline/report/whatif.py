"""What would change an answer, as sections that become text or Markdown: what to find out, what can change, limits.

ESR1 mutated
    opens elacestrant, imlunestrant
QTcF 431 ms: 19 below the limit of 450 (ribociclib+exemestane, ribociclib+fulvestrant; ribociclib-qtcf)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from secondline.explain import fact_label, fact_labels
from secondline.facts import catalogue
from secondline.recommendation import Recommendation
from secondline.report.document import Block, Document, Entry, Section, Table, document
from secondline.states import in_words
from secondline.whatif.distances import Distance, Stable
from secondline.whatif.run import Found, Reach, Target, WhatIf
from secondline.whatif.sidebyside import Changed, differences, essentials
from secondline.whatif.values import digits, either, plain_span

MOST_SETS = 6  # of facts that reach a target only together
MOST_NAMED = 4  # regimens or rules behind a limit
_GROUPS = {
    "unknown": "What can be found out",
    "changeable": "What can change",
    "unchangeable": "What cannot change",
}
_BY = {
    "unknown": "once it is found out",
    "changeable": "by what can change",
    "unchangeable": "by what cannot change",
    "known": "by several of these together",
}


# --- what would change it ---------------------------------------------------------------------------------


def whatif_page(found: WhatIf) -> Document:
    """What would change an answer: the verdict first, then options by what reaches them, then numbers."""
    options = [target for target in found.targets if target.about != "verdict"]
    sections = (
        Section("What would change the verdict", tuple(_verdicts(found))),
        *(Section(title, tuple(_options(options, group))) for group, title in _GROUPS.items()),
        Section("Distance to every limit", tuple(map(_distance, found.limits))),
        Section("How far the verdict stays", tuple(map(_stays, found.stable))),
    )
    return _page(found.answer, sections)


def _page(answer: Recommendation, sections: Iterable[Section]) -> Document:
    page = document(answer)
    return page._replace(sections=tuple(section for section in sections if section.blocks))


def _verdicts(found: WhatIf) -> Iterator[Block]:
    """Every other verdict with what reaches it; those that nothing reaches in a line each."""
    targets = [target for target in found.targets if target.about == "verdict"]
    for target in targets:
        details = [f"{_BY[group]}: {_sets(reach)}" for group, reach in target.by.items() if reach.why != "nothing does"]
        if details:
            yield Entry(target.to, tuple(details))
    for group, says in (("unknown", "No unknown fact makes it"), ("changeable", "Nothing that can change makes it")):
        never = [t.to for t in targets if group in t.by and t.by[group].why == "nothing does"]
        if never:
            yield Entry(f"{says} {either(never)}")
    for fact in found.answer.assumed:
        yield Entry(f"Not recorded and taken as systemic, until it is changed: {fact_label(fact)}")
    never = [t.to for t in targets if all(reach.why == "nothing does" for reach in t.by.values())]
    if never:  # both together were not tried
        yield Entry(f"Neither what is found out alone nor what is changed alone makes it {either(never)}")


def _sets(reach: Reach) -> str:
    """Least sets in a line."""
    if reach.why:
        return {"more than that": "takes more than three facts", "too much": "too much is open to say"}[reach.why]
    shown = "; or ".join(map(_way, reach.sets[:MOST_SETS]))
    more = len(reach.sets) - MOST_SETS + reach.more
    return f"{shown}; or {more} more such {'set' if more == 1 else 'sets'} of facts" if more > 0 else shown


def _way(found: Found) -> str:
    """One least set with its values."""
    return " or ".join(" and ".join(values.says for values in row) for row in found.ways)


def _options(targets: Sequence[Target], group: str) -> Iterator[Block]:
    """What opens or closes options among some facts: single facts with all that they do, then facts together."""
    alone: dict[str, dict[str, list[str]]] = {}
    for target in targets:
        for found in target.by[group].sets:
            if len(found.facts) == 1:
                alone.setdefault(_way(found), {}).setdefault(target.to, []).append(target.about)
    by_effect: dict[tuple[str, ...], list[str]] = {}
    for way, effects in alone.items():
        by_effect.setdefault(
            tuple(f"{to} {', '.join(effects[to])}" for to in sorted(effects, reverse=True)), []
        ).append(way)
    for told, ways in by_effect.items():
        yield Entry("; or ".join(ways), told)
    for target in targets:
        reach = target.by[group]
        if reach.sets and len(reach.sets[0].facts) > 1:
            yield Entry(f"{target.to} {target.about}: {_sets(reach)}")
    for why, says in (
        ("more than that", "It takes more than three facts to"),
        ("too much", "Too much is open to say what would"),
        ("nothing does", "Nothing here would"),
    ):
        these = {to: [t.about for t in targets if t.to == to and t.by[group].why == why] for to in ("opens", "closes")}
        parts = [f"{to.removesuffix('s')} {either(names)}" for to, names in these.items() if names]
        if parts:
            yield Entry(f"{says} {', or '.join(parts)}")


# --- numbers ----------------------------------------------------------------------------------------------


def _number(fact: str, words: str) -> str:
    known = catalogue()[fact]
    return f"{known.label} {words} {known.unit}".rstrip()


def _distance(distance: Distance) -> Entry:
    """How far a number is from a limit, and what hangs on it."""
    limit, (least, most) = digits(distance.limit), distance.by
    if distance.side == "on either side of":
        away = f"the limit of {limit} lies within it"
    elif distance.side == "at":
        away = f"at the limit of {limit}"
    else:
        far = (
            digits(least or 0)
            if least == most
            else f"{digits(least or 0)} {f'to {digits(most)}' if most else 'or more'}"
        )
        away = f"{far} {distance.side} the limit of {limit}"
    hangs = [
        *([f"the verdict by {_few(distance.verdicts)}"] if distance.verdicts else []),
        *([_few(distance.regimens, "regimens")] if distance.regimens else []),
        _few(
            [name for name in dict.fromkeys(t.within for t in distance.tests) if name not in distance.verdicts], "rules"
        ),
    ]
    return Entry(f"{_number(distance.fact, in_words(distance.value))}: {away} ({'; '.join(filter(None, hangs))})")


def _few(names: Sequence[str], what: str = "rules") -> str:
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} {what}"


def _stays(stable: Stable) -> Entry:
    """`the verdict is the same for any time on the inhibitor from 6 months up`."""
    fact = catalogue()[stable.fact]
    limits = {name: f"{digits(value)} {fact.unit}".rstrip() for name, value in plain_span(stable.stretch, fact).items()}
    words = {"at_least": "from {}", "above": "above {}", "at_most": "up to {}", "below": "below {}"}
    span = " and ".join(words[name].format(value) for name, value in limits.items())
    if limits.keys() == {"at_least"}:
        span += " up"
    now = _number(stable.fact, in_words(stable.value))
    return Entry(f"{now}: the verdict is the same for any {fact.label} {span}".rstrip())


# --- side by side -----------------------------------------------------------------------------------------


def set_page(changed: Changed) -> Document:
    """A case as it is and with facts set, what differs in two columns."""
    said = " and ".join(f"{fact_label(path)}: {in_words(state)}" for path, state in changed.states.items())
    before, after = essentials(changed.original), essentials(changed.changed)
    found = differences(before, after)
    rows = (("verdict", before["verdict"], after["verdict"]), *_rows(before, after, found))
    notes = [Entry(f"{fact_label(path)} is set on top of what the therapies give") for path in changed.over_therapies]
    lists = tuple(_lists(before, after, found)) if found else (Entry("Nothing in the answer differs"),)
    return _page(
        changed.original,
        (
            Section("With", (Entry(said, (changed.changed.headline,)), *notes)),
            Section("Side by side", (Table(("", "as it is", "so changed"), rows), *lists)),
        ),
    )


def _rows(
    before: Mapping[str, Any], after: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """What differs, the grading first, then what is missing and the regimens."""
    if {"strength", "certainty"} & found.keys():
        yield "grading", _grading(before), _grading(after)
    if "missing" in found:
        yield "depends on", _sets_of_facts(before["missing"]), _sets_of_facts(after["missing"])
    if "checks" in found:
        yield "open checks", _facts(before["checks"]), _facts(after["checks"])
    for regimen, both in found.get("regimens", {}).items():
        yield regimen, _tier(both["original"]), _tier(both["changed"])


def _lists(before: Mapping[str, Any], after: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Entry]:
    """What opens and closes, and what stands on one side only."""
    for name, says in (("opened", "opens"), ("closed", "closes")):
        if found.get(name):
            yield Entry(f"{says} {', '.join(found[name])}")
    for name, title in (("decided_by", "rules behind the verdict"), ("tests", "tests"), ("cautions", "cautions")):
        for one, other, side in ((before, after, "as it is"), (after, before, "so changed")):
            alone = [item for item in one[name] if item not in other[name]]
            if name in found and alone:
                yield Entry(f"{title} only {side}: {_facts(alone) if name == 'tests' else ', '.join(alone)}")


def _grading(answer: Mapping[str, Any]) -> str:
    return f"{answer['strength']}, {answer['certainty']} certainty" if answer["strength"] else "none"


def _facts(facts: Sequence[str]) -> str:
    return fact_labels(facts) if facts else "none"


def _sets_of_facts(sets: Sequence[Sequence[str]]) -> str:
    return ", or ".join(map(fact_labels, sets)) or "nothing"


def _tier(option: Mapping[str, Any] | None) -> str:
    """A tier with all that has to be known beside it."""
    if option is None:
        return "no option"
    graded = f" ({option['strength']}, {option['certainty']} certainty)" if option.get("strength") else ""
    needed = f" until {_sets_of_facts(option['needs'])} known" if option.get("needs") else ""
    open_checks = f"; open: {_facts(option['checks'])}" if option.get("checks") else ""
    return f"{option['tier']}{needed}{graded}{open_checks}"
