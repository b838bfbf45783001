"""The same claims by decision diagrams instead of z3, day by day: what both find is not the fault of either.

The diagrams are those that patients are answered with, over the whole catalogue. They know a number only by the limits
of the rules, a day and a jurisdiction at a time, and have no formula in common with what z3 is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

from secondline.asof import AsOf
from secondline.authoring.claims import Claim, Claims
from secondline.authoring.everybody import CONFLICT, NONE_LIVE, Everybody, prepared
from secondline.columns.cells import AGENT, AGENTS, FOLLOWING
from secondline.condition import ANSWER, All, AnyOf, Check, Condition, Not, Test, tests_in
from secondline.diagram import NEVER, Node, TooManyNodes
from secondline.facts import catalogue, main_of
from secondline.history import ANY_INHIBITOR
from secondline.rulebase import closes
from secondline.scales import OFFERED
from secondline.states import NOT_APPLICABLE
from secondline.worlds import Undecidable

if TYPE_CHECKING:
    from secondline.forms.rules import Gate, Law

KINDS = ("answered", "agreed", "law", "closes")
PLACES = ("us", "eu", None)


class SecondWay:
    """Some claims of one rule base, of patients of whom all is known."""

    def __init__(self, claims: Claims, days: Sequence[date]) -> None:
        self.claims, self.base, self.days = claims, claims.base, days
        self.cells = prepared(claims.base)
        self.diagrams = self.cells.diagrams
        for law in claims.laws:
            for test in (test for condition in (law.when, law.then) for test in tests_in(condition)):
                if test.fact not in ANSWER:
                    self.cells.where(test)  # so that there is a variable for it
        self._views: dict[tuple[date, str | None], Everybody] = {}
        self._offered: dict[tuple[str, frozenset[str]], Node] = {}
        self._counts: dict[tuple[date, str | None], frozenset[str]] = {}

    def agrees(self, claim: Claim) -> bool | None:
        """Whether no patient speaks against a claim on any of its days; None where it is not for diagrams to say."""
        if claim.kind not in KINDS:
            return None
        try:
            return not any(self._against(claim, day, place) for day, place in self._asked(claim))
        except (TooManyNodes, Undecidable):
            return None

    def _asked(self, claim: Claim) -> Iterator[tuple[date, str | None]]:
        """One day and jurisdiction of those for which the same of the rules behind a claim count."""
        seen: set[frozenset[str]] = set()
        for day, place in product(self.days, PLACES):
            counting = self._counting(day, place).intersection(claim.rules)
            if claim.days.has(day) and counting not in seen:
                seen.add(counting)
                yield day, place

    def _counting(self, day: date, place: str | None) -> frozenset[str]:
        """The rules that count on a day in a jurisdiction."""
        if (day, place) not in self._counts:
            self._counts[day, place] = frozenset(rule.id for rule in AsOf(self.base, day, place).rules())
        return self._counts[day, place]

    def _against(self, claim: Claim, day: date, place: str | None) -> bool:
        every = self.view(day, place)
        if claim.kind == "answered":
            return self.possible(every.verdicts[NONE_LIVE])
        if claim.kind == "agreed":
            return self.possible(every.verdicts.get(CONFLICT, NEVER))
        if claim.kind == "law":
            return any(self.possible(node) for node in self._broken(self.claims.law(claim.about), day, place))
        gate = next((gate for gate in every.view.gates if gate.id == claim.about), None)
        return gate is not None and any(self.possible(node) for node in self._let_through(gate, day, place))

    def view(self, day: date, place: str | None) -> Everybody:
        if (day, place) not in self._views:
            self._views[day, place] = Everybody(AsOf(self.base, day, place), self.cells)
        return self._views[day, place]

    # --- patients -------------------------------------------------------------------------------------------

    @cached_property
    def _whole(self) -> list[Node]:
        """Parts that make a patient one of whom all is known, and whose record does not contradict itself."""
        cells, dd = self.cells, self.diagrams
        found = [self.view(self.days[-1], None).valid]
        for variable, held in enumerate(cells.variables):
            if held.about == FOLLOWING:
                found.append(dd.literal(variable, (False, True)))
            if held.about in catalogue() and main_of(held.about) == held.about:
                stated = [NOT_APPLICABLE not in value.states.values() for value in held.values]
                found.append(dd.literal(variable, stated))
        for agent in sorted(ANY_INHIBITOR) if AGENTS in self.base.tests_on else ():
            last = cells.where(Test(AGENT, (Check("is", (agent,)),)))
            given = cells.where(Test(AGENTS, (Check("has_all", (agent,)),)))
            found.append(dd.either(dd.negation(last), given))
        return [part for part in found if part not in (NEVER, 1)]

    def possible(self, node: Node) -> bool:
        """Whether it holds for some patient."""
        for part in self._whole:
            if node == NEVER:
                return False
            node = self.diagrams.both(node, part)
        return node != NEVER

    # --- laws and gates ---------------------------------------------------------------------------------------

    def offered(self, regimen: str, day: date, place: str | None) -> Node:
        """Where a regimen is offered."""
        behind = {*self.claims.regimens[regimen], *self.claims.scope_rules}
        key = (regimen, self._counting(day, place) & behind)
        if key not in self._offered:
            every = self.view(day, place)
            tiers = every.tiers(regimen) if regimen in every.view.options else {}
            self._offered[key] = self.diagrams.any_of(tiers.get(tier, NEVER) for tier in OFFERED)
        return self._offered[key]

    def _broken(self, law: Law, day: date, place: str | None) -> Iterator[Node]:
        """Where a law is broken, in parts: taken together they would be too much."""
        when = self._where(law.when, day, place)
        for fails in dict.fromkeys(self._fails(law.then, day, place)):
            yield self.diagrams.both(when, fails)

    def _fails(self, condition: Condition, day: date, place: str | None) -> Iterator[Node]:
        """Where a condition fails, in parts."""
        if isinstance(condition, All):
            for part in condition.parts:
                yield from self._fails(part, day, place)
        elif isinstance(condition, Test) and all(check.op == "has_none" for check in condition.checks):
            if condition.fact in ANSWER:
                for value in (str(value) for check in condition.checks for value in check.values):
                    for regimen in self.claims.regimens_named(condition.fact, value):
                        yield self.offered(regimen, day, place)
                return
            yield self.diagrams.negation(self._where(condition, day, place))
        else:
            yield self.diagrams.negation(self._where(condition, day, place))

    def _where(self, condition: Condition, day: date, place: str | None) -> Node:
        """Where a law's condition holds of patient and answer."""
        dd = self.diagrams
        if isinstance(condition, Test):
            if condition.fact not in ANSWER:
                return self.cells.where(condition)
            return dd.all_of(self._of_answer(condition.fact, check, day, place) for check in condition.checks)
        if isinstance(condition, Not):
            return dd.negation(self._where(condition.part, day, place))
        parts: Iterable[Node] = [self._where(part, day, place) for part in condition.parts]
        return dd.any_of(parts) if isinstance(condition, AnyOf) else dd.all_of(parts)

    def _of_answer(self, fact: str, check: Check, day: date, place: str | None) -> Node:
        dd, verdicts = self.diagrams, self.view(day, place).verdicts
        if fact == "verdict":
            said = dd.any_of(verdicts.get(str(value), NEVER) for value in check.values)
            return said if check.op == "is" else dd.negation(said)
        members = [
            dd.any_of(self.offered(r, day, place) for r in self.claims.regimens_named(fact, str(value)))
            for value in check.values
        ]
        one = dd.all_of(members) if check.op == "has_all" else dd.any_of(members)
        return dd.negation(one) if check.op == "has_none" else one

    def _let_through(self, gate: Gate, day: date, place: str | None) -> Iterator[Node]:
        """Where a closing gate holds and what it applies to is offered, or the inhibitor in use goes on."""
        if not closes(gate):
            return
        dd, every = self.diagrams, self.view(day, place)
        here = every.where(gate.when)
        closed = next((node for held, node in every.every.closing() if held.id == gate.id), NEVER)
        for regimen in self.claims.regimens_under(gate):
            applies = self.base.applies(gate, regimen, self.base.agents_of(regimen))
            yield dd.both(here if applies else closed, self.offered(regimen, day, place))
        yield dd.both(closed, every.verdicts.get("continue", NEVER))
