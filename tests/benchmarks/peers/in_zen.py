"""zen-engine: the rules as one JSON Decision Model, in which an expression node works every name out in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from peers.formula import Fields, Language, Rules, in_words, write

LANGUAGE = Language(" and ", " or ", "$.{}".format, in_words)
AT_ONCE = 200  # a batch is a little faster than cases one by one


def written(rules: Rules) -> tuple[dict[str, Any], list[str]]:
    """The model, and the names that it finds."""
    expressions = [{"id": name, "key": name, "value": write(one, LANGUAGE)} for name, one in rules.formulas.items()]
    nodes = [
        {"id": "asked", "name": "asked", "type": "inputNode"},
        {"id": "rules", "name": "rules", "type": "expressionNode", "content": {"expressions": expressions}},
        {"id": "found", "name": "found", "type": "outputNode"},
    ]
    edges = [
        {"id": f"{source}-{target}", "type": "edge", "sourceId": source, "targetId": target}
        for source, target in (("asked", "rules"), ("rules", "found"))
    ]
    return {"nodes": nodes, "edges": edges}, list(rules.formulas)


def prepare(
    model: tuple[dict[str, Any], list[str]], cases: Sequence[Fields], rows: int
) -> Callable[[], Iterator[list[list[bool]]]]:
    import zen

    content, names = model
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"rules": content}}})
    asked = [{"key": "rules", "context": case} for case in cases[:rows]]

    def answer() -> Iterator[list[list[bool]]]:
        for first in range(0, rows, AT_ONCE):
            results = [one["data"]["result"] for one in engine.evaluate_batch(asked[first : first + AT_ONCE])]
            yield [[result[name] for name in names] for result in results]

    return answer
