"""durable_rules as its manual shows it: one ruleset over facts, a session a case, what was found asserted as a fact.

Nothing is done here of what `secondline.inference.rails` does to stay within the limits of the engine.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import reduce
from itertools import product
from typing import Any

from peers.formula import Atom, Every, Fields, Formula, Name, Rules, every, parts_of, some

COMPARE = {
    "in": operator.eq,
    "out": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


def written(rules: Rules) -> list[Rules]:
    """All of them in one ruleset."""
    return [rules]


def prepare(parts: list[Rules], cases: Sequence[Fields], rows: int) -> Callable[[], Iterator[list[list[bool]]]]:
    from durable.engine import MessageNotHandledException
    from durable.lang import assert_fact, c, delete_state, m, ruleset, when_all

    found: dict[str, None] = {}
    names = [name for rules in parts for name in rules.formulas]
    read = [rules.read for rules in parts]

    def concludes(name: str, *, again: bool) -> Callable[[Any], None]:
        def action(context: Any) -> None:
            if name not in found:
                found[name] = None
                if again:
                    context.assert_fact({"found": name})

        return action

    for number, rules in enumerate(parts):
        with ruleset(f"rules-{number}"):
            for name, formula in rules.formulas.items():
                for facts, before in ways(formula):
                    tests = [expression(facts)] if facts != every(()) else []
                    tests += [m.found == one for one in before]
                    patterns = [getattr(c, f"fact{place}") << test for place, test in enumerate(tests)]
                    when_all(*patterns)(concludes(name, again=name in read[number]))

    def answer() -> Iterator[list[list[bool]]]:
        for number, case in enumerate(cases[:rows]):
            found.clear()
            session = {"sid": f"case-{number}"}
            fact = session | given(case)
            for part, needed in enumerate(read):
                for name in [name for name in found if name in needed]:
                    assert_fact(f"rules-{part}", session | {"found": name})
                with suppress(MessageNotHandledException):  # no rule asks for anything that this case has
                    assert_fact(f"rules-{part}", dict(fact))
                delete_state(f"rules-{part}", session["sid"])
            yield [[name in found for name in names]]

    return answer


def given(case: Fields) -> dict[str, Any]:
    """What is known of a case; `allItems` is not met by an empty list, so that each list has a member more."""
    known = ((name, value) for name, value in case.items() if value is not None)
    return {name: [*value, ""] if isinstance(value, list) else value for name, value in known}


def ways(formula: Formula) -> list[tuple[Formula, tuple[str, ...]]]:
    """The ways in which a formula can hold: what the case's own fact has to pass, and the names found before."""
    if isinstance(formula, Name):
        return [(every(()), (formula.name,))]
    if not any(isinstance(part, Name) for part in parts_of(formula)):
        return [(formula, ())]
    assert not isinstance(formula, Atom)
    inner = [ways(part) for part in formula.parts]
    if isinstance(formula, Every):
        return [
            (every(facts for facts, _ in each), tuple(dict.fromkeys(name for _, names in each for name in names)))
            for each in product(*inner)
        ]
    plain = [facts for each in inner for facts, names in each if not names]
    return [*([(some(plain), ())] if plain else []), *(way for each in inner for way in each if way[1])]


def expression(formula: Formula) -> Any:
    """A formula on the fields of one fact, as the manual writes it."""
    from durable.lang import item, m

    if not isinstance(formula, Atom):
        assert not isinstance(formula, Name)
        join = operator.and_ if isinstance(formula, Every) else operator.or_
        return reduce(join, map(expression, formula.parts))
    field = getattr(m, formula.field)
    if formula.op in COMPARE:
        tests = [COMPARE[formula.op](field, value) for value in formula.values]
        return reduce(operator.or_ if formula.op == "in" else operator.and_, tests)
    if formula.op == "none":
        return reduce(operator.and_, (field.allItems(item != value) for value in formula.values))
    return reduce(
        operator.and_ if formula.op == "all" else operator.or_,
        (field.anyItem(item == value) for value in formula.values),
    )
