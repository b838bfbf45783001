"""What holds in every way in which unknown facts can turn out, and the least sets of facts that settle something.

Three-valued logic comes first and decides most. Where it leaves something open, the open facts that have few values are
tried out: a yes/no, or a choice. Facts with many values (a number, a set) are not tried; then the answer stays open and
names every open fact, which is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING

from secondline.facts import bare_parts, catalogue, main_of
from secondline.inference.reference import Findings, Memo, Retrial, open_facts
from secondline.patient import follow, leads_on
from secondline.refusals import CONTRADICTABLE, contradictory
from secondline.rulebase import RuleBase
from secondline.states import OneOf, State

if TYPE_CHECKING:
    from secondline.forms.rules import Rule

MAX_COMPLETIONS = 64  # of one set of facts
MAX_TRIALS = 256  # over all subsets of the open facts, when looking for the least

Facts = tuple[str, ...]


def open_for(base: RuleBase, rules: Iterable[Rule], findings: Findings) -> Facts:
    """The unknown facts that keep any of these rules from being decided."""
    return tuple(sorted({fact for rule in rules for fact in open_facts(base, rule.when, findings)}))


def values_of(fact: str, known: Mapping[str, State]) -> tuple[State, ...]:
    """The values that an unknown fact can take; none listed where they are not few."""
    state = known.get(fact)
    if isinstance(state, OneOf):
        return tuple(sorted(state.values, key=str))
    kind = catalogue()[fact].kind
    return (True, False) if kind == "boolean" else catalogue()[fact].values if kind == "choice" else ()


def completions(facts: Facts, known: Mapping[str, State]) -> Iterator[dict[str, State]]:
    """What changes once these facts are known, for each combination of their values, with what follows at once.

    A biomarker becomes a bare result. What no patient can have together is left out.
    """
    bare: dict[str, State] = {part: None for fact in facts for part in catalogue().parts.get(fact, ()) if part in known}
    for fact in facts:
        bare |= bare_parts(fact)
    led_on = any(map(leads_on, facts))
    limited = any(main_of(fact) in CONTRADICTABLE for fact in facts)
    for values in product(*(values_of(fact, known) for fact in facts)):
        completed = {**bare, **dict(zip(facts, values, strict=True))}
        if led_on:
            completed = {**known, **completed}
            follow(completed)
        if limited and contradictory({**known, **completed}):
            continue
        yield {path: state for path, state in completed.items() if path not in known or known[path] != state}


def takes_back(fact: str, known: Mapping[str, State]) -> bool:
    """Whether knowing a fact can change another that was known, or bring in the default of one that was not."""
    changed = {path for changes in completions((fact,), known) for path in changes if path != fact}
    return "progression.extent" in changed or any(known.get(path) is not None for path in changed)


def countable(facts: Facts, known: Mapping[str, State]) -> bool:
    """Whether all completions of these facts can be tried."""
    return 0 < prod(len(values_of(fact, known)) for fact in facts) <= MAX_COMPLETIONS


def each_world(
    base: RuleBase, findings: Findings, rules: Sequence[Rule], memo: Memo
) -> Iterator[frozenset[str] | None]:
    """The rules that fire, for each completion of what keeps these rules open; None where that cannot be said."""
    unknown = open_for(base, [rule for rule in rules if findings.fires(rule.id) is None], findings)
    if not countable(unknown, findings.facts):
        yield None
        return
    retrial = Retrial(base, findings, rules, memo)
    for changes in completions(unknown, findings.facts):
        judged = retrial.judge(changes).inference.rules
        yield None if None in judged.values() else frozenset(name for name, fires in judged.items() if fires)


def fired_in_each(base: RuleBase, findings: Findings, rules: Sequence[Rule], memo: Memo) -> list[frozenset[str]] | None:
    """The rules that can fire together once what keeps them open is known; None where there is too much of that."""
    found: dict[frozenset[str], None] = {}
    for world in each_world(base, findings, rules, memo):
        if world is None:
            return None
        found[world] = None
    return list(found)


def least_sets(
    base: RuleBase,
    findings: Findings,
    rules: Sequence[Rule],
    settles: Callable[[Findings], bool],
    memo: Memo,
) -> tuple[Facts, ...]:
    """The least sets of open facts that settle something whatever their values; all of them where trying is too much.

    `settles` says whether findings on these rules settle it.
    """
    unknown = open_for(base, [rule for rule in rules if findings.fires(rule.id) is None], findings)
    if not unknown:
        return ()
    known = findings.facts
    if not countable(unknown, known) or prod(1 + len(values_of(fact, known)) for fact in unknown) > MAX_TRIALS:
        return (unknown,)
    retrial = Retrial(base, findings, rules, memo)

    def enough(facts: Facts) -> bool:
        return all(settles(retrial.judge(changes)) for changes in completions(facts, known))

    # Knowing more mostly unsettles nothing; then, what all other facts together do not settle, no set without this
    # fact does.
    adding = len(unknown) > 1 and not any(takes_back(fact, known) for fact in unknown)
    needed = [fact for fact in unknown if adding and not enough(tuple(f for f in unknown if f != fact))]
    others = [fact for fact in unknown if fact not in needed]
    found: list[Facts] = []
    for size in range(0 if needed else 1, len(others)):
        for some in combinations(others, size):
            subset = tuple(sorted((*needed, *some)))
            if not any(set(least) <= set(subset) for least in found) and enough(subset):
                found.append(subset)
    return tuple(sorted(found, key=lambda facts: (len(facts), facts))) or (unknown,)
