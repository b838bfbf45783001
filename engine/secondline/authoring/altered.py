"""A rule base with one rule in place of another: what was worked out of all the others is kept."""

from __future__ import annotations

import copy
from graphlib import TopologicalSorter

from secondline.condition import tests_in
from secondline.forms.rules import Definition, Rule, VerdictRule
from secondline.rulebase import RuleBase

Mutated = Rule | Definition
_LISTS = ("definitions", "verdicts", "options", "gates", "tests", "cautions")


def altered(base: RuleBase, rule: Mutated) -> RuleBase:
    """The rule base with one rule or definition in place of the one of its id.

    Raises:
        ValueError: verdict rules then override one another in a circle, or override one that judges scope.
    """
    changed = copy.copy(base)
    for name in _LISTS:
        held = getattr(base, name)
        if any(one.id == rule.id for one in held):
            setattr(changed, name, tuple(rule if one.id == rule.id else one for one in held))
    for worked_out in ("defined", "voiding", "tested", "reads", "criteria"):
        vars(changed).pop(worked_out, None)
    whens = [case.when for case in rule.cases] if isinstance(rule, Definition) else [rule.when]
    asked = {fact: dict.fromkeys(tests) for fact, tests in base.tests_on.items()}
    for test in (test for when in whens for test in tests_in(when)):
        asked.setdefault(test.fact, {})[test] = None
    vars(changed)["tests_on"] = {fact: tuple(tests) for fact, tests in asked.items()}
    if isinstance(rule, VerdictRule):
        _order(changed)
    return changed


def _order(base: RuleBase) -> None:
    """Put verdict rules into the order that their overrides ask for."""
    rules = {rule.id: rule for rule in base.verdicts}
    scope = {rule.id for rule in base.verdicts if rule.then.verdict == "out-of-scope"}
    above = {
        name: {rule.id for rule in base.verdicts if name in rule.overrides} | (set() if name in scope else scope)
        for name in rules
    }
    if any(above[name] for name in scope):
        raise ValueError
    base.overriders = {name: tuple(sorted(over)) for name, over in above.items()}
    base.verdicts = tuple(rules[name] for name in TopologicalSorter(base.overriders).static_order())
