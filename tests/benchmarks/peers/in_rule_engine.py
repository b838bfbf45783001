"""rule-engine: a rule for each name, asked in turn; what others read is put beside the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from peers.formula import Fields, Language, Rules, in_words, write

LANGUAGE = Language(" and ", " or ", str, in_words)


def written(rules: Rules) -> dict[str, str]:
    return {name: write(formula, LANGUAGE) for name, formula in rules.formulas.items()}


def prepare(texts: dict[str, str], cases: Sequence[Fields], rows: int) -> Callable[[], Iterator[list[list[bool]]]]:
    import rule_engine

    context = rule_engine.Context(resolver=rule_engine.resolve_item)
    rules = [(name, rule_engine.Rule(text, context=context)) for name, text in texts.items()]

    def answer() -> Iterator[list[list[bool]]]:
        for case in cases[:rows]:
            known: dict[str, object] = dict(case)
            for name, rule in rules:
                known[name] = rule.matches(known)
            yield [[bool(known[name]) for name, _ in rules]]

    return answer
