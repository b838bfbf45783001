"""durable_rules as its manual shows it, in rulesets of few rules: what it takes for the engine to answer at all."""

from __future__ import annotations

from peers.formula import Formula, Rules
from peers.in_durable import prepare, ways

__all__ = ["prepare", "written"]
AT_MOST = 60  # 64 conditions that hold at once are too many


def written(rules: Rules) -> list[Rules]:
    parts: list[dict[str, Formula]] = []
    for level in rules.levels:
        parts.append({})
        size = 0
        for name, formula in level.items():
            size += len(ways(formula))
            if size > AT_MOST:
                parts.append({})
                size = len(ways(formula))
            parts[-1][name] = formula
    return [Rules((part,)) for part in parts]
