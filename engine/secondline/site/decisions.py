"""The decision map: who is in scope, which verdict rule overrides which, and what could be given instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from secondline.history import ANY_INHIBITOR
from secondline.scales import VERDICTS
from secondline.site.chart import Chart, chart
from secondline.site.edition import Edition
from secondline.site.names import Link
from secondline.site.regimens import RegimenRow, regimen_row
from secondline.site.ruled import RuleRow, rule_row

if TYPE_CHECKING:
    from secondline.forms.rules import VerdictRule
    from secondline.site.chart import Group


class Step(NamedTuple):
    """A verdict rule in the map's list, with what it overrides."""

    row: RuleRow
    overrides: tuple[Link, ...]


class Decisions(NamedTuple):
    chart: Chart
    scope: tuple[RuleRow, ...]
    steps: tuple[tuple[Step, ...], ...]  # column by column
    closing: tuple[RuleRow, ...]
    regimens: tuple[RegimenRow, ...]


def decisions(edition: Edition) -> Decisions:
    """The map of what is in effect on the edition's day."""
    view = edition.calendar.on(edition.day, None)
    scope = sorted((rule for rule in view.verdicts if rule.then.verdict == "out-of-scope"), key=lambda rule: rule.id)
    columns = _columns(edition, [rule for rule in view.verdicts if rule.then.verdict != "out-of-scope"])
    gates = {gate.id: gate for drug in ANY_INHIBITOR for gate in view.gates_closing(drug)}
    regimens = tuple(row for row in (regimen_row(edition, name) for name in edition.regimens) if row.us or row.eu)
    rules = [[rule for group in column for rule in group] for column in columns]
    return Decisions(
        chart=chart(edition, scope, columns, regimens),
        scope=tuple(rule_row(edition, rule) for rule in scope),
        steps=tuple(
            tuple(Step(rule_row(edition, rule), _overridden(edition, rule, rules)) for rule in column)
            for column in rules
        ),
        closing=tuple(rule_row(edition, gates[name]) for name in sorted(gates)),
        regimens=regimens,
    )


def _overridden(edition: Edition, rule: VerdictRule, columns: Sequence[Sequence[VerdictRule]]) -> tuple[Link, ...]:
    shown = {other.id for column in columns for other in column}
    return edition.links(name for name in rule.overrides if name in shown)


def _columns(edition: Edition, rules: Sequence[VerdictRule]) -> list[list[Group]]:
    """Rules by how many stand one behind another above them, and within that by their overriders."""
    shown = {rule.id for rule in rules}
    above = {rule.id: [n for n in edition.base.overriders[rule.id] if n in shown] for rule in rules}
    depth: dict[str, int] = {}
    for rule in rules:  # every rule comes before those it overrides
        depth[rule.id] = max((depth[name] + 1 for name in above[rule.id]), default=0)
    found: list[list[Group]] = []
    for level in range(max(depth.values(), default=-1) + 1):
        groups: dict[tuple[str, ...], Group] = {}
        for rule in sorted(rules, key=lambda rule: (VERDICTS.index(rule.then.verdict), rule.id)):
            if depth[rule.id] == level:
                groups.setdefault(tuple(above[rule.id]), []).append(rule)
        found.append(list(groups.values()))
    return found
