"""Our own `advise`, in process: from a row to a whole recommendation, both engines compared, entailment and words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from secondline.batch.rows import case_node
from secondline.cases import CaseReader, Days
from secondline.recommend import Adviser, recommend
from secondline.rulebase import RuleBase
from secondline.store import ready, shipped_rules


def written(base: RuleBase) -> date:
    """Its rules are read as any start of it reads them; the day is all that is asked beside."""
    return base.knowledge_until


def prepare(day: date, cases: Sequence[dict[str, Any]], rows: int) -> Callable[[], Iterator[list[dict[str, Any]]]]:
    held = ready(shipped_rules())
    adviser = Adviser(held.base, held.program)
    reader = CaseReader(held.base, held.case_schema, Days(asked=day))

    def answer() -> Iterator[list[dict[str, Any]]]:
        for number, row in enumerate(cases[:rows]):
            case = reader.case(case_node(row, "registry", number), row["id"])
            found = recommend(case.case.profile, adviser, case.question())
            fields = {name: getattr(found, name) for name in ("verdict", "settled", "strength", "certainty")}
            tiers = {f"options.{option.regimen}": option.tier for option in found.options}
            yield [{**fields, "decided_by": list(found.decided_by), **tiers}]

    return answer
