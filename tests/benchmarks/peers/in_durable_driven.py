"""durable_rules as we drive it: `secondline.inference.rails` and `durable`, each case encoded within its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from secondline import facts
from secondline.facts import Fact
from secondline.inference.durable import Engine
from secondline.inference.rails import Program, compile_program
from secondline.inference.reference import Inference
from secondline.rulebase import RuleBase
from secondline.states import State


def written(base: RuleBase) -> tuple[Program, dict[str, Fact]]:
    return compile_program(base, {}), dict(facts.catalogue())


def prepare(
    made: tuple[Program, dict[str, Fact]], cases: Sequence[dict[str, State]], rows: int
) -> Callable[[], Iterator[list[Inference]]]:
    program, catalogue = made
    facts.keep(catalogue)
    engine = Engine(program)

    def answer() -> Iterator[list[Inference]]:
        for case in cases[:rows]:
            yield [engine.infer(case)]

    return answer
