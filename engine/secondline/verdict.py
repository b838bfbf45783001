"""Fired rules -> the verdict: which rules are live, what they agree on, and whether that is settled.

A rule is live if it fires and no live rule overrides it. The verdict rules are judged in three values: a rule that may
or may not fire may or may not be live. If some rule certainly fires, some rule is certainly live: of the rules that
fire, one that no firing rule overrides. So a verdict is settled where a rule fires and all that may be live agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import Truth
from secondline.scales import CERTAINTIES, STRENGTHS, Certainty, Direction, Strength, Verdict, lowest

if TYPE_CHECKING:
    from secondline.forms.rules import VerdictRule

DIRECTIONS: dict[Verdict, Direction] = {"continue": "for", "do-not-continue": "against"}


class Decision(NamedTuple):
    """The verdict that verdict rules give, before the gates on the inhibitor in use.

    `live` says of each rule in effect whether it is live (None: it may be); `conflict` are live rules that disagree.
    """

    verdict: Verdict
    decided_by: tuple[VerdictRule, ...]
    live: dict[str, Truth]
    conflict: tuple[VerdictRule, ...] = ()

    @property
    def settled(self) -> bool:
        return self.verdict != "undetermined"

    @property
    def direction(self) -> Direction | None:
        return DIRECTIONS.get(self.verdict)

    @property
    def strength(self) -> Strength | None:
        return lowest(STRENGTHS, self._graded("strength")) if self.direction else None

    @property
    def certainty(self) -> Certainty | None:
        return lowest(CERTAINTIES, self._graded("certainty")) if self.direction else None

    def _graded(self, name: str) -> list[str]:
        return [getattr(rule.then, name) for rule in self.decided_by]


def decide(
    rules: Sequence[VerdictRule], fired: Mapping[str, Truth], overriders: Mapping[str, tuple[str, ...]]
) -> Decision:
    """Judge the verdict rules in effect, which come with every rule before those it overrides."""
    live: dict[str, Truth] = {}
    for rule in rules:
        live[rule.id] = _live(fired[rule.id], [live[name] for name in overriders[rule.id] if name in live])
    possible = [rule for rule in rules if live[rule.id] is not False]
    certain = [rule for rule in possible if live[rule.id]]
    conflict = {rule.then.verdict for rule in certain}
    if len(conflict) > 1:
        ordered = tuple(sorted(certain, key=lambda rule: rule.id))
        return Decision("individualise", ordered, live, conflict=ordered)
    if not possible:
        return Decision("individualise", (), live)
    verdicts = {rule.then.verdict for rule in possible}
    if len(verdicts) == 1 and any(fired[rule.id] for rule in possible):
        return Decision(verdicts.pop(), tuple(sorted(possible, key=lambda rule: rule.id)), live)
    return Decision("undetermined", (), live)


def _live(fires: Truth, above: Sequence[Truth]) -> Truth:
    if fires is False or True in above:
        return False
    return None if fires is None or None in above else True
