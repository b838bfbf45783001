"""CEL, as common-expression-language runs it: a level of the rules is one list of expressions.

What a level found, and others read, is put into the context as variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from peers.formula import Atom, Fields, Language, Rules, listed, quoted, write

Level = tuple[str, list[tuple[int, str]]]  # its expression; where in its list stands what others read, and its name


def atom(test: Atom) -> str:
    field, (value, *more) = test.field, test.values
    if test.op in ("in", "out"):
        known = f"{field} == {quoted(value)}" if not more else f"{field} in [{listed(test.values)}]"
        return known if test.op == "in" else f"({field} != null && !({known}))"
    if test.op not in ("any", "all", "none"):
        return f"({field} != null && {field} {test.op} {value})"
    held = (" && " if test.op == "all" else " || ").join(f"{quoted(member)} in {field}" for member in test.values)
    return f"({field} != null && {'!' if test.op == 'none' else ''}({held}))"


LANGUAGE = Language(" && ", " || ", str, atom)


def written(rules: Rules) -> list[Level]:
    read = rules.read
    return [
        (
            f"[{', '.join(write(formula, LANGUAGE) for formula in level.values())}]",
            [(place, name) for place, name in enumerate(level) if name in read],
        )
        for level in rules.levels
    ]


def prepare(levels: list[Level], cases: Sequence[Fields], rows: int) -> Callable[[], Iterator[list[list[bool]]]]:
    import cel

    programs = [(cel.compile(text), read) for text, read in levels]
    contexts: list[Any] = [cel.Context(case) for case in cases[:rows]]

    def answer() -> Iterator[list[list[bool]]]:
        for context in contexts:
            found: list[bool] = []
            for program, read in programs:
                level = program.execute(context)
                for place, name in read:
                    context.add_variable(name, level[place])
                found += level
            yield [found]

    return answer
