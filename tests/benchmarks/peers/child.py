"""One engine in a process of its own: `python -m peers.child MODULE ASKED TOLD`, both files pickled."""

from __future__ import annotations

import pickle
import re
import sys
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """The rules in the engine's form, cases as it is given them, and how many rows to answer, over and over."""

    rules: Any
    cases: list[Any]
    rows: int


class Told(NamedTuple):
    """When the first answer was there, how long all took, the most memory held, and what was found of each case."""

    first_at: float
    seconds: float
    peak_mib: float
    answers: list[Any]


def peak_mib() -> float:
    """The most memory that this program held; `getrusage` counts what its parent held when it started it as well."""
    (kib,) = re.findall(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(kib) / 1024


def main() -> None:
    module, asked_file, told_file = sys.argv[1:]
    asked: Asked = pickle.loads(Path(asked_file).read_bytes())
    engine: Any = import_module(f"peers.{module}")
    answer = engine.prepare(asked.rules, asked.cases, asked.rows)
    whole = hasattr(engine, "found")  # a block of many rows, of which the first holds every case
    blocks: list[Any] = []
    start = first_at = monotonic()
    for block in answer():
        if not blocks:
            first_at = monotonic()
        if not (whole and blocks):
            blocks.append(block)
    seconds = monotonic() - start
    peak = peak_mib()
    answers = [row for block in blocks for row in (engine.found(block) if whole else block)]
    told = Told(first_at, seconds, peak, answers[: len(asked.cases)])
    Path(told_file).write_bytes(pickle.dumps(tuple(told)))  # this module has another name in the parent


if __name__ == "__main__":
    main()
