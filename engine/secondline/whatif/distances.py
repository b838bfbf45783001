"""How far known numbers are from the limits of rules, and how far one can move before the verdict changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from secondline.asof import AsOf
from secondline.condition import LIMITS, Condition, Test, Truth, holds, tests_in
from secondline.diagram import NEVER, Diagrams, Node
from secondline.domains import Stretch
from secondline.facts import catalogue
from secondline.rulebase import RuleBase
from secondline.states import State, as_json, limits
from secondline.whatif.changes import Choice, within
from secondline.whatif.values import joined, plain_span

if TYPE_CHECKING:
    from secondline.forms.rules import Rule

Side = Literal["below", "at", "above", "on either side of"]


class Limited(NamedTuple):
    """One test of a limit: the rule or definition that it stands in, the operator, whether it passes."""

    within: str
    op: str
    met: Truth


class Distance(NamedTuple):
    """A known number beside one limit of the rules in effect, with what hangs on it.

    `by` is how far it is from it, the least and the most where it is known in part (None: it is not known). `verdicts`
    are the verdict rules that read the limit, through definitions too; `regimens` those that options or gates read it
    for; `others` the rules of other kinds.
    """

    fact: str
    value: State
    limit: float
    side: Side
    by: tuple[float | None, float | None]
    tests: tuple[Limited, ...]
    verdicts: tuple[str, ...]
    regimens: tuple[str, ...]
    others: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        low, high = self.by
        return {
            "fact": self.fact,
            "value": _plain(self.value),
            "limit": self.limit,
            "side": self.side,
            "by": low if low == high else {"at_least": low, "at_most": high},
            "tests": [{"in": test.within, "op": test.op, "met": test.met} for test in self.tests],
            "verdicts": list(self.verdicts),
            "regimens": list(self.regimens),
            "others": list(self.others),
        }


class _Read:
    """What reads one limit of one fact."""

    def __init__(self) -> None:
        self.tests: dict[tuple[str, str], Test] = {}
        self.rules: set[str] = set()


def distances(view: AsOf, facts: Mapping[str, State]) -> tuple[Distance, ...]:
    """Every limit of a rule in effect, or of a definition it uses, for numbers that are known, if only in part."""
    held: dict[tuple[str, float], _Read] = {}
    for rule in view.rules():
        for place, test in _limits(view.base, rule):
            if limits(facts.get(test.fact)) != (None, None):
                (check,) = test.checks
                read = held.setdefault((test.fact, _number(check.values[0])), _Read())
                read.tests[place, check.op] = test
                read.rules.add(rule.id)
    regimens: dict[str, tuple[str, ...]] = {}
    for regimen, rules in view.options.items():
        regimens |= {rule.id: (regimen,) for rule in rules}
    for gate in view.gates:
        regimens[gate.id] = tuple(regimen for regimen, gates in view.gates_on.items() if gate in gates)
    verdicts = {rule.id for rule in view.verdicts}
    return tuple(
        Distance(
            fact,
            facts[fact],
            limit,
            *_from(facts[fact], limit),
            tuple(Limited(*key, holds(test, facts[fact])) for key, test in sorted(read.tests.items())),
            tuple(sorted(read.rules & verdicts)),
            tuple(sorted({regimen for rule in read.rules for regimen in regimens.get(rule, ())})),
            tuple(sorted(read.rules - verdicts - regimens.keys())),
        )
        for (fact, limit), read in sorted(held.items())
    )


def _limits(base: RuleBase, rule: Rule) -> Iterator[tuple[str, Test]]:
    """Every test of one limit that a rule depends on, with the rule or definition that it stands in."""
    whens: list[tuple[str, Condition]] = [(rule.id, rule.when)]
    seen: set[str] = set()
    for place, when in whens:
        for test in tests_in(when):
            definition = base.defined.get(test.fact)
            if definition is None:
                yield from ((place, Test(test.fact, (check,))) for check in test.checks if check.op in LIMITS)
            elif definition.id not in seen:
                seen.add(definition.id)
                whens += [(definition.id, case.when) for case in definition.cases]


def _from(state: State, limit: float) -> tuple[Side, tuple[float | None, float | None]]:
    """On which side of a limit a number is, and how far from it."""
    low, high = limits(state)
    if low is not None and low > limit:
        return "above", (_number(low - limit), None if high is None else _number(high - limit))
    if high is not None and high < limit:
        return "below", (_number(limit - high), None if low is None else _number(limit - low))
    if low == high:
        return "at", (0, 0)
    return "on either side of", (None, None)


def _plain(state: State) -> Any:
    return _number(state) if isinstance(state, float) else as_json(state)


def _number(value: Any) -> float:
    """A number without what binary fractions add to a difference."""
    rounded = round(float(value), 6)
    return int(rounded) if rounded == int(rounded) else rounded


# --- how far the verdict stays ----------------------------------------------------------------------------


class Stable(NamedTuple):
    """The stretch around a known number in which the verdict stays what it is, all else the same."""

    fact: str
    value: State
    stretch: Stretch

    def as_dict(self) -> dict[str, Any]:
        span = plain_span(self.stretch, catalogue()[self.fact])
        return {"fact": self.fact, "value": _plain(self.value), "stretch": span}


def stable(dd: Diagrams, here: Node, choice: Choice) -> Stable | None:
    """How far a number can move; None where rules do not cut it.

    `here` is where the verdict is what it is now, as a function of the choice alone; it holds for the first value.
    """
    if choice.stretch is None:
        return None
    holds_at = dd.branches[here][1:] or (here,) * len(choice.others)
    held = zip(choice.others, holds_at, strict=True)
    same = [value.stretch for value, node in held if value.stretch is not None and node != NEVER]
    whole = joined(sorted([choice.stretch, *same]), catalogue()[choice.fact])
    return next(Stable(choice.fact, choice.present, span) for span in whole if within(_float(choice.present), span))


def _float(state: State) -> float:
    assert isinstance(state, (int, float))
    return state
