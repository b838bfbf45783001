"""What stands on the page of a regimen, and in the overview of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from secondline.facts import main_of
from secondline.scales import TIERS
from secondline.site.badges import Badge, of_tier
from secondline.site.cited import Cited, cited, forest
from secondline.site.edition import Edition
from secondline.site.forest import Forest
from secondline.site.names import Link
from secondline.site.ruled import RuleRow, rule_row
from secondline.site.words import PLACES

if TYPE_CHECKING:
    from secondline.forms.rules import OptionRule

JURISDICTIONS = ("us", "eu")


class Label(NamedTuple):
    """A label with the first approvals that it records for this regimen."""

    link: Link
    us: str
    eu: str


class Group(NamedTuple):
    """The option rules that count in one place."""

    title: str
    rules: tuple[RuleRow, ...]


class RegimenPage(NamedTuple):
    link: Link
    drugs: tuple[tuple[str, str], ...]
    labels: tuple[Label, ...]
    available: tuple[tuple[str, str], ...]
    dosing: tuple[str, ...]
    groups: tuple[Group, ...]
    gates: tuple[RuleRow, ...]
    reads: tuple[Link, ...]
    cited: tuple[Cited, ...]
    forests: tuple[Forest, ...]


class RegimenRow(NamedTuple):
    """A regimen in the overview: the tiers that rules in effect give it, best first, and how many gates are on it."""

    link: Link
    us: tuple[Badge, ...]
    eu: tuple[Badge, ...]
    approved: tuple[str, ...]
    gates: int


def regimen_page(edition: Edition, name: str) -> RegimenPage:
    base = edition.base
    options = [rule for rule in _options(edition) if rule.regimen == name]
    agents = base.agents_of(name)
    gates = [gate for gate in base.gates if gate.id in edition.by_id and base.applies(gate, name, agents)]
    view = edition.calendar.on(edition.day, None)
    groups = (
        Group(title, tuple(rule_row(edition, rule) for rule in options if rule.jurisdiction == place))
        for place, title in PLACES.items()
    )
    facts = {main_of(fact): None for rule in options for fact in sorted(base.reads[rule.id])}
    current = [rule for rule in options if edition.in_effect(rule)]
    return RegimenPage(
        link=edition.regimen_link(name),
        drugs=tuple((agent, _classes(edition, agent)) for agent in agents),
        labels=tuple(_labels(edition, name)),
        available=tuple((PLACES[place], view.availability(name)[place] or "no date read") for place in JURISDICTIONS),
        dosing=view.dosing(name),
        groups=tuple(group for group in groups if group.rules),
        gates=tuple(rule_row(edition, gate) for gate in gates),
        reads=tuple(edition.fact_link(fact) for fact in sorted(facts)),
        cited=cited(edition, current),
        forests=forest(edition, current, "cited", f"cited by the rules in effect of {name}"),
    )


def regimen_row(edition: Edition, name: str) -> RegimenRow:
    base = edition.base
    view = edition.calendar.on(edition.day, None)
    rules = view.options.get(name, [])
    gates = [gate for gate in view.gates if base.applies(gate, name, base.agents_of(name))]
    us, eu = (tuple(_tiers(rule for rule in rules if rule.jurisdiction in (None, place))) for place in JURISDICTIONS)
    approved = tuple(view.availability(name)[place] or "" for place in JURISDICTIONS)
    return RegimenRow(edition.regimen_link(name), us, eu, approved, len(gates))


def _options(edition: Edition) -> list[OptionRule]:
    shown = edition.by_id
    return [rule for rule in edition.base.options if rule.id in shown]


def _tiers(rules: Iterable[OptionRule]) -> Iterator[Badge]:
    return map(of_tier, sorted({rule.then.tier for rule in rules}, key=TIERS.index))


def _classes(edition: Edition, agent: str) -> str:
    classes = sorted(edition.base.vocabulary.classes_of(agent) or ())
    return ", ".join(edition.names.drug_class(name) for name in classes)


def _labels(edition: Edition, name: str) -> Iterator[Label]:
    for label in edition.base.vocabulary.regimens[name].labels:
        item = edition.evidence.get(label)
        if item is not None:
            dated = item.approvals.regimens.get(name, item.approvals) if item.approvals else None
            days = [getattr(dated, place) if dated else None for place in JURISDICTIONS]
            us, eu = (str(day) if day is not None and day.over <= edition.day else "" for day in days)
            yield Label(edition.evidence_link(item), us, eu)
