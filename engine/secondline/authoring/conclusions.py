"""What the rules conclude of one patient, as formulas: which verdict, which tier, on any day and in any jurisdiction.

Day and jurisdiction are symbols too, and a rule counts where it is in effect: what is proved is proved for every day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import z3

from secondline.authoring.formulas import AGENT, FALSE, TRUE, Formula, Patient, every, some, without
from secondline.history import ANY_INHIBITOR
from secondline.rulebase import closes
from secondline.scales import OFFERED, TIERS
from secondline.vocabulary import INHIBITOR

if TYPE_CHECKING:
    from secondline.forms.rules import Gate, Law, OptionRule, Rule, VerdictRule

DAY, US, EU = z3.Int("day"), z3.Bool("us"), z3.Bool("eu")
SCOPE = "out-of-scope"
CONCLUSIONS = ("continue", "do-not-continue", "individualise", SCOPE)
_AVOID = TIERS.index("avoid")
Holding = Callable[["Gate"], Formula]  # where a gate counts as holding


class Conclusions:
    """Verdict and tiers of one patient as formulas."""

    def __init__(self, patient: Patient) -> None:
        self.patient, self.base = patient, patient.base
        self.always: dict[str, Formula] = {}  # of rules that are live, whatever they mean
        self.means: dict[str, list[Formula]] = {}
        self._live: dict[str, Formula] = {}
        self._holds: dict[str, Formula] = {}
        self._tiers: dict[str, Mapping[str, Formula]] = {}
        self._best: dict[str, Mapping[str, Formula]] = {}
        self._offered: dict[str, Formula] = {}
        self.options: dict[str, list[OptionRule]] = {}
        for option in self.base.options:
            self.options.setdefault(option.regimen, []).append(option)

    @cached_property
    def _gates_on(self) -> Mapping[str, list[Gate]]:
        base = self.base
        return {r: [g for g in base.gates if base.applies(g, r, base.agents_of(r))] for r in self.options}

    def gates_on(self, regimen: str) -> list[Gate]:
        """The gates that apply to a regimen."""
        return self._gates_on[regimen]

    # --- when and where a rule counts -----------------------------------------------------------------------

    def in_effect(self, rule: Rule | Law) -> Formula:
        days = self.base.window(rule)
        if days.empty:
            return FALSE
        since = [days.since.toordinal() <= DAY] if days.since else []
        return every([*since, *([days.until.toordinal() >= DAY] if days.until else [])])

    def counts(self, rule: Rule) -> Formula:
        """Where a rule is in effect, and for its jurisdiction; where none is given both count."""
        place = getattr(rule, "jurisdiction", None)
        local = z3.Not(EU) if place == "us" else z3.Not(US) if place == "eu" else TRUE
        return every([self.in_effect(rule), local])

    def holds(self, rule: Rule) -> Formula:
        """Where a rule counts and its condition holds."""
        found = self._holds.get(rule.id)
        if found is None:
            found = self._holds[rule.id] = every([self.counts(rule), self.patient.fires(rule)])
        return found

    # --- verdict --------------------------------------------------------------------------------------------

    def live(self, rule: VerdictRule) -> Formula:
        """Where a verdict rule is live.

        That a live rule of scope overrides it holds of itself; any other override is what the overriding rule means.
        """
        found = self._live.get(rule.id)
        if found is None:
            found = self._live[rule.id] = self.patient.name(f"live {rule.id}")
            above = [other for other in self.base.verdicts if other.id in self.base.overriders[rule.id]]
            for other in above:
                over = z3.Implies(self.live(other), z3.Not(found))
                if other.then.verdict == SCOPE:
                    self.always[f"{other.id} overrides {rule.id}"] = over
                else:
                    self.means.setdefault(other.id, []).append(over)
            held = every([self.holds(rule), *(without(self.live(other)) for other in above)])
            self.means.setdefault(rule.id, []).append(found == held)
        return found

    def says(self, verdict: str) -> Formula:
        """Where a live rule says a verdict."""
        return some(self.live(rule) for rule in self.base.verdicts if rule.then.verdict == verdict)

    @cached_property
    def before_gates(self) -> Mapping[str, Formula]:
        """Where each verdict comes out, before the gates on the inhibitor in use."""
        says = {verdict: self.says(verdict) for verdict in CONCLUSIONS}
        found = {}
        for verdict in CONCLUSIONS:
            others = some(says[other] for other in CONCLUSIONS if other != verdict)
            found[verdict] = every([says[verdict], without(others)])
        found["individualise"] = every(without(found[v]) for v in CONCLUSIONS if v != "individualise")
        return found

    @cached_property
    def conflict(self) -> Formula:
        says = [self.says(verdict) for verdict in CONCLUSIONS]
        return some(every([one, other]) for one, other in combinations(says, 2))

    @cached_property
    def closing(self) -> Sequence[tuple[Gate, Formula]]:
        """The gates that take an inhibitor out of use, each with where that inhibitor is the one in use."""
        agent = self.patient.choice(AGENT)
        drugs = {name: INHIBITOR if name == "other" else name for name in sorted(ANY_INHIBITOR)}
        found = []
        for gate in self.base.gates:
            names = [name for name, drug in drugs.items() if closes(gate) and self.base.applies(gate, "", (drug,))]
            if names:
                found.append((gate, some(agent[name] for name in names)))
        return found

    @cached_property
    def closed_in_use(self) -> Formula:
        """Where a gate closes the inhibitor in use."""
        return some(every([self.holds(gate), meant]) for gate, meant in self.closing)

    @cached_property
    def verdicts(self) -> Mapping[str, Formula]:
        """Where each verdict comes out, for a patient of whom all is known."""
        before, closed = self.before_gates, self.closed_in_use
        kept = every([before["continue"], without(closed)])
        taken = every([before["continue"], closed])
        return {**before, "continue": kept, "individualise": some([before["individualise"], taken])}

    @cached_property
    def in_scope(self) -> Formula:
        """Where options are judged: no rule of scope holds, and nothing overrides one."""
        return without(some(self.holds(rule) for rule in self.base.verdicts if rule.then.verdict == SCOPE))

    # --- options --------------------------------------------------------------------------------------------

    def best(self, regimen: str) -> Mapping[str, Formula]:
        """Where each tier is the highest that the regimen's own rules give, whatever the scope."""
        if regimen not in self._best:
            self._best[regimen] = self._highest(regimen)
        return self._best[regimen]

    def _highest(self, regimen: str) -> Mapping[str, Formula]:
        found: dict[str, Formula] = {}
        higher: list[Formula] = []
        for tier in TIERS:
            here = some(self.holds(rule) for rule in self.options[regimen] if rule.then.tier == tier)
            found[tier] = every([*map(without, higher), here])
            higher.append(here)
        return found

    def after(self, regimen: str, holding: Holding) -> Mapping[str, Formula]:
        """Where a regimen has each tier after the gates that count as holding, whatever the scope."""
        best, gates = self.best(regimen), self.gates_on(regimen)
        lowered = [(holding(gate), gate.then.lower) for gate in gates if gate.then.lower]
        found: dict[str, Formula] = {}
        for at, tier in enumerate(TIERS):
            stricter = (without(holding(g)) for g in gates if g.then.tier and TIERS.index(g.then.tier) > at)
            capped = some(holding(gate) for gate in gates if gate.then.tier == tier)
            ways = []
            for before, higher in enumerate(TIERS[: at + 1]):
                reached = [TRUE if at == before else FALSE]
                fits: list[Formula] = []
                if lowered and at <= _AVOID:  # steps never lead past it
                    reached = [z3.PbGe(lowered, at - before)]
                    fits = [z3.PbLe(lowered, at - before)] if at < _AVOID else []
                ways.append(every([best[higher], *fits, some([capped, *reached])]))
            found[tier] = every([*stricter, some(ways)])
        return found

    def tiers(self, regimen: str) -> Mapping[str, Formula]:
        """Where a regimen has each tier in a patient of whom all is known, whatever the scope."""
        if regimen not in self._tiers:
            self._tiers[regimen] = self.after(regimen, self.holds)
        return self._tiers[regimen]

    def offered(self, regimen: str) -> Formula:
        """Where a regimen is offered to a patient of whom all is known."""
        if regimen not in self._offered:
            after = self.tiers(regimen)
            self._offered[regimen] = every([self.in_scope, some(after[tier] for tier in OFFERED)])
        return self._offered[regimen]
