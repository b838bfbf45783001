"""Conditions -> formulas for true and for false, and states -> the fields that these read; all of it by code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from peers.formula import Atom, Fields, Formula, Name, Op, Rules, every, parts_of, some

from secondline.asof import AsOf
from secondline.condition import AnyOf, Check, Condition, Not, Test
from secondline.facts import Fact, catalogue
from secondline.forms.rules import Definition
from secondline.inference.rails import NOT_APPLICABLE_TEXT, text_of
from secondline.inference.reference import Inference
from secondline.rulebase import RuleBase, values
from secondline.states import NOT_APPLICABLE, Members, OneOf, State, limits

HIGH, STATE, COULD = "__high", "__state", "__could"
_OPPOSITE: dict[str, Op] = {"at_least": "<", "above": "<=", "at_most": ">", "below": ">="}
_SIGN: dict[str, Op] = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}


def on(base: RuleBase, day: date, jurisdiction: str | None) -> RuleBase:
    """The rule base with only the rules that count on a day in a jurisdiction."""
    view = AsOf(base, day, jurisdiction)
    options = {rule.id for rules in view.options.values() for rule in rules}
    return replace(
        base,
        verdicts=tuple(view.verdicts),
        options=tuple(rule for rule in base.options if rule.id in options),
        gates=tuple(view.gates),
        tests=tuple(view.tests),
        cautions=tuple(view.cautions),
    )


# --- rules ------------------------------------------------------------------------------------------------


def out(definition: str, case: int) -> str:
    """The name for: this case of a definition (the last is `otherwise`) can no longer be the first true one."""
    return f"out_{_word(definition)}_{case}"


def fires(rule: str, wanted: bool) -> str:
    return f"{'true' if wanted else 'false'}_{_word(rule)}"


def exported(base: RuleBase) -> Rules:
    """Every definition and rule of a rule base, by level."""
    found: dict[str, Formula] = {}
    for definition in base.definitions:
        before: list[Formula] = []
        for index, case in enumerate(definition.cases):
            found[out(definition.id, index)] = some([rail(case.when, base, False), *before])
            before.append(rail(case.when, base, True))
        found[out(definition.id, len(definition.cases))] = some(before)
    for rule in base.rules():
        for wanted in (True, False):
            found[fires(rule.id, wanted)] = rail(rule.when, base, wanted)
    depths: dict[str, int] = {}
    for name, formula in found.items():
        read = (depths[part.name] + 1 for part in parts_of(formula) if isinstance(part, Name))
        depths[name] = max(read, default=0)
    levels = range(max(depths.values()) + 1)
    return Rules(tuple({name: found[name] for name, depth in depths.items() if depth == level} for level in levels))


def rail(condition: Condition, base: RuleBase, wanted: bool) -> Formula:
    """When a condition is true, or, not wanted, when it is false."""
    if isinstance(condition, Not):
        return rail(condition.part, base, not wanted)
    if not isinstance(condition, Test):
        join = some if isinstance(condition, AnyOf) is wanted else every
        return join(rail(part, base, wanted) for part in condition.parts)
    definition = base.defined.get(condition.fact)
    checks = (
        _defined(definition, check, wanted) if definition else _checked(catalogue()[condition.fact], check, wanted)
        for check in condition.checks
    )
    return every(checks) if wanted else some(checks)


def _defined(definition: Definition, check: Check, wanted: bool) -> Formula:
    """Every case of a definition with another value is out."""
    passing = (check.op == "is") is wanted
    return every(
        Name(out(definition.id, index))
        for index, value in enumerate(values(definition))
        if value is None or (value in check.values) is not passing
    )


def _checked(fact: Fact, check: Check, wanted: bool) -> Formula:
    if fact.kind == "set":
        return _set(fact, check, wanted)
    return _number(fact, check, wanted) if fact.numeric else _choice(fact, check, wanted)


def _choice(fact: Fact, check: Check, wanted: bool) -> Formula:
    """A value, or where candidates can be known all that it could be; where it does not apply every test is false."""
    among = tuple(text_of(value, fact) for value in check.values)
    inside = (check.op == "is") is wanted
    gone = (NOT_APPLICABLE_TEXT,) if fact.may_not_apply and inside is not wanted else ()
    known = Atom(field(fact), "in" if inside else "out", (*among, *gone))
    if not fact.partly:
        return known
    excluded = [text for text in fact.values if text not in among] if inside else among
    return some([known, Atom(field(fact, COULD), "none", tuple(excluded))])


def _number(fact: Fact, check: Check, wanted: bool) -> Formula:
    """A number lies between a lower and an upper limit, the same where it is known."""
    low, high = field(fact), field(fact, HIGH)
    if check.op in ("is", "not"):
        found = _numbers(fact, check, wanted)
    elif wanted:
        found = Atom(low if check.op in ("at_least", "above") else high, _SIGN[check.op], check.values)
    else:
        found = Atom(high if check.op in ("at_least", "above") else low, _OPPOSITE[check.op], check.values)
    if wanted or not fact.may_not_apply:
        return found
    return some([found, Atom(field(fact, STATE), "in", (NOT_APPLICABLE_TEXT,))])


def _numbers(fact: Fact, check: Check, wanted: bool) -> Formula:
    """Listed numbers as stretches: whole numbers that follow one another are one."""
    low, high = field(fact), field(fact, HIGH)
    stretches: list[tuple[float, float]] = []
    for value in sorted(value for value in check.values if isinstance(value, (int, float))):
        follows = fact.kind == "integer" and stretches and value == stretches[-1][1] + 1
        stretches.append((stretches.pop()[0] if follows else value, value))
    if (check.op == "is") is wanted:
        return some(every([Atom(low, ">=", (a,)), Atom(high, "<=", (b,))]) for a, b in stretches)
    return every(some([Atom(high, "<", (a,)), Atom(low, ">", (b,))]) for a, b in stretches)


def _set(fact: Fact, check: Check, wanted: bool) -> Formula:
    """What is surely in a set, and what could be."""
    members = tuple(map(str, check.values))
    if check.op == "has_all":
        if wanted:
            return Atom(field(fact), "all", members)
        return some(Atom(field(fact, COULD), "none", (member,)) for member in members)
    if (check.op == "has_any") is wanted:
        return Atom(field(fact), "any", members)
    return Atom(field(fact, COULD), "none", members)


def field(fact: Fact, part: str = "") -> str:
    return f"{_word(fact.path)}{part}"


def _word(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")


# --- cases ------------------------------------------------------------------------------------------------


def fields_read(rules: Rules) -> list[str]:
    return sorted({atom.field for atom in rules.atoms})


def case(states: Mapping[str, State], read: Iterable[str]) -> Fields:
    """The fields of a case: those that the rules read, each null where its fact is unknown."""
    given: Fields = {}
    for path, state in states.items():
        fact = catalogue().get(path)
        if fact is None or state is None:
            continue
        if state is NOT_APPLICABLE:
            given[field(fact, STATE if fact.numeric else "")] = NOT_APPLICABLE_TEXT
        elif isinstance(state, Members):
            given[field(fact)] = sorted(state.sure)
            given[field(fact, COULD)] = None if state.maybe is None else sorted(state.sure | state.maybe)
        elif isinstance(state, OneOf):
            given[field(fact, COULD)] = sorted(text_of(value, fact) for value in state.values)
        elif fact.numeric:
            given[field(fact)], given[field(fact, HIGH)] = limits(state)
        else:
            assert isinstance(state, (str, bool, int, float))
            given[field(fact)] = text_of(state, fact)
    return {name: given.get(name) for name in read}


# --- answers ----------------------------------------------------------------------------------------------


def named(inference: Inference, base: RuleBase) -> dict[str, bool]:
    """What an engine of ours found, under the names of the formulas."""
    rules = {fires(rule, way): truth is way for rule, truth in inference.rules.items() for way in (True, False)}
    cases = {
        out(definition.id, index): index not in inference.definitions[definition.id]
        for definition in base.definitions
        for index in range(len(definition.cases) + 1)
    }
    return rules | cases


def outcomes(base: RuleBase) -> dict[str, list[str]]:
    """The names that together say what came of each definition and rule."""
    definitions = {d.id: [out(d.id, index) for index in range(len(d.cases) + 1)] for d in base.definitions}
    return definitions | {rule.id: [fires(rule.id, True), fires(rule.id, False)] for rule in base.rules()}
