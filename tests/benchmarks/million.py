"""Many generated cases through both engines in one process: cases a second, and memory, which has to stay flat.

    python tests/benchmarks/million.py [--cases 1000000] [--whole]

With `--whole` each case gets its whole recommendation; without it the findings of both engines, compared.

Each is a shipped case with measurements of its own, some unknown, so that no two are alike.
"""

from __future__ import annotations

import argparse
import resource
from datetime import date
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from secondline.cases import CaseReader, Days
from secondline.inference.agree import agreed
from secondline.patient import know
from secondline.recommend import Adviser, recommend
from secondline.records import Record
from secondline.rulefiles import rule_files
from secondline.store import made_ready

ROOT = Path(__file__).parents[2]
PAGE = resource.getpagesize()
STEPS = 20
MEASURED = (
    ("qtcf_ms", 380, 520),
    ("hba1c_percent", 4, 12),
    ("creatinine_clearance_ml_min", 8, 120),
    ("lvef_percent", 30, 70),
)


def resident_mib() -> float:
    """Memory held now, not the most ever held."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    wanted: int = asked.cases
    held = made_ready(rule_files(ROOT / "rules"))
    reader = CaseReader(held.base, held.case_schema, Days(today=date(2026, 11, 22)))
    adviser = Adviser(held.base, held.program)
    cases = [
        case
        for path in sorted((ROOT / "cases").glob("*.yaml"))
        for case in reader.read(path.read_bytes(), path.name)[0]
    ]
    chance = Random(1)
    step = max(wanted // STEPS, 1)
    start = perf_counter()
    print("    cases  cases/s  MiB held")
    for done in range(1, wanted + 1):
        case = chance.choice(cases)
        profile, question = changed(case.case.profile, chance), case.question()
        if asked.whole:
            recommend(profile, adviser, question)
        else:
            agreed(adviser.base, adviser.engine, know(profile, question.as_of, adviser.base.vocabulary).facts)
        if done % step == 0:
            print(f"{done:9d} {done / (perf_counter() - start):8.0f} {resident_mib():9.1f}", flush=True)


def changed(profile: Any, chance: Random) -> Any:
    """The profile with measurements of its own, some unknown: no two alike, so that nothing can be kept for reuse."""
    safety = Record()
    safety.__dict__.update(profile.safety.__dict__)
    for name, low, high in MEASURED:
        setattr(safety, name, None if chance.random() < 0.3 else round(chance.uniform(low, high), 3))
    found = Record()
    found.__dict__.update(profile.__dict__, safety=safety)
    return found


if __name__ == "__main__":
    main()
