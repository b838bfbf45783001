"""Fired rules -> the tier of each option: its own rules first, then the gates that hold.

Of several live option rules the highest tier counts. Where it is not known which of them hold, there are several
outcomes; the gates that hold in any case are applied to each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from secondline.inference.reference import Findings
from secondline.scales import CERTAINTIES, OFFERED, STRENGTHS, TIERS, lowest, step_down

if TYPE_CHECKING:
    from secondline.forms.rules import Gate, OptionRule

CLOSED = "closed"
UNDETERMINED = "undetermined"


class Outcome(NamedTuple):
    """A tier with its grading; `closed` has none."""

    tier: str
    strength: str | None = None
    certainty: str | None = None


class Judged(NamedTuple):
    """One regimen: its tier, `undetermined` or `closed`; the rules and gates behind it; the gates still open."""

    regimen: str
    outcome: Outcome
    rules: tuple[OptionRule, ...]
    applied: tuple[Gate, ...]
    fired_gates: tuple[Gate, ...]
    open_gates: tuple[Gate, ...]


def judge(
    regimen: str,
    rules: Sequence[OptionRule],
    holding: Sequence[Gate],
    open_gates: Sequence[Gate],
    findings: Findings,
    worlds: Iterable[frozenset[str]] | None = None,
) -> Judged:
    """Judge one regimen by the option rules in effect for day and jurisdiction, the gates that hold, those that may.

    `worlds` are sets of rules, one for each way in which the tier can come about; without them, whatever may fire can.
    """
    chosen = _chosen(rules, findings, worlds)
    outcomes = {gated(_highest(holds), holding) for holds in chosen}
    tier = _common({outcome.tier for outcome in outcomes})
    graded = [o for o in outcomes if o.tier in OFFERED] if tier == UNDETERMINED else list(outcomes)
    behind = {rule.id: rule for holds in chosen for rule in best(holds)}
    ordered = tuple(rule for _, rule in sorted(behind.items()))
    return Judged(
        regimen=regimen,
        outcome=Outcome(
            tier,
            lowest(STRENGTHS, (o.strength for o in graded if o.strength)),
            lowest(CERTAINTIES, (o.certainty for o in graded if o.certainty)),
        ),
        rules=ordered,
        applied=tuple(gate for gate in holding if any(_changes(gate, rule) for rule in ordered)),
        fired_gates=tuple(holding),
        open_gates=tuple(open_gates),
    )


def _common(tiers: set[str]) -> str:
    return tiers.pop() if len(tiers) == 1 else UNDETERMINED


def _chosen(
    rules: Sequence[OptionRule], findings: Findings, worlds: Iterable[frozenset[str]] | None
) -> list[list[OptionRule]]:
    """The rules that hold together, for each way in which what is unknown can turn out."""
    return _any_tier(rules, findings) if worlds is None else [[r for r in rules if r.id in world] for world in worlds]


def _any_tier(rules: Sequence[OptionRule], findings: Findings) -> list[list[OptionRule]]:
    """What may hold together, for each tier that may come out: nothing more is sound where rules are open."""
    fired = [rule for rule in rules if findings.fires(rule.id)]
    unknown = [rule for rule in rules if findings.fires(rule.id) is None]
    tiers = {rule.then.tier for rule in unknown}
    return [fired, *([*fired, *(r for r in unknown if r.then.tier == tier)] for tier in sorted(tiers))]


def best(rules: Sequence[OptionRule]) -> list[OptionRule]:
    """The rules that give the highest tier."""
    tier = min((rule.then.tier for rule in rules), key=TIERS.index, default=None)
    return [rule for rule in rules if rule.then.tier == tier]


def _highest(rules: Sequence[OptionRule]) -> Outcome:
    """The highest tier of these rules, with the lowest grading among those that give it."""
    equal = [rule.then for rule in best(rules)]
    if not equal:
        return Outcome(CLOSED)
    return Outcome(
        equal[0].tier,
        lowest(STRENGTHS, (then.strength for then in equal)),
        lowest(CERTAINTIES, (then.certainty for then in equal)),
    )


def gated(outcome: Outcome, gates: Sequence[Gate]) -> Outcome:
    """An outcome after the gates that hold: every `lower` added up, then the strictest tier; the same for certainty."""
    if outcome.tier == CLOSED or not gates or outcome.strength is None or outcome.certainty is None:
        return outcome
    lowered = step_down(TIERS, outcome.tier, sum(gate.then.lower or 0 for gate in gates), "avoid")
    tier = lowest(TIERS, [lowered, *(gate.then.tier for gate in gates if gate.then.tier)])
    steps = sum(gate.then.lower_certainty or 0 for gate in gates)
    certainty = step_down(CERTAINTIES, outcome.certainty, steps, "very-low")
    certainty = lowest(CERTAINTIES, [certainty, *(gate.then.certainty for gate in gates if gate.then.certainty)])
    return Outcome(tier, _strength(outcome.tier, outcome.strength, tier, lowered, gates), certainty)


def _strength(before: str, strength: str, tier: str, lowered: str, gates: Sequence[Gate]) -> str:
    """A changed tier is conditional, `contraindicated` strong, unless the gate that changed it names a strength."""
    if tier == before:
        graded = [g.then.strength for g in gates if g.then.strength and not (g.then.tier or g.then.lower)]
        return str(lowest(STRENGTHS, [strength, *graded]))
    changing = [g for g in gates if (g.then.tier == tier if tier != lowered else g.then.lower)]
    named = [g.then.strength for g in changing if g.then.strength]
    return str(lowest(STRENGTHS, named)) if named else "strong" if tier == "contraindicated" else "conditional"


def _changes(gate: Gate, rule: OptionRule) -> bool:
    before = Outcome(rule.then.tier, rule.then.strength, rule.then.certainty)
    return gated(before, (gate,)) != before
