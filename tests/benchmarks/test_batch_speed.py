"""Speed of `batch` as ratios in one run: a made-up registry, Parquet to Parquet, beside polars copying that file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest
import registry

pytestmark = pytest.mark.benchmark
ROWS, RUNS = 1_000_000, 3
RATIO = 3.0


def seconds(command: list[str]) -> float:
    start = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def test_a_million_patients(tmp_path: Path) -> None:
    """Whole processes, medians of three, in turn; the same codec, level and row groups for both."""
    pytest.importorskip("polars", reason="polars is what it is measured against")
    source, answers = tmp_path / "registry.parquet", tmp_path / "answers.parquet"
    registry.write(source, ROWS)
    ours = [str(Path(sys.executable).with_name("secondline")), "batch", str(source), "-o", str(answers)]
    theirs = [sys.executable, "-c", registry.copying(source, tmp_path / "copy.parquet")]
    for command in (ours, theirs):
        seconds(command)  # warm
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(RUNS)]
    batch, copied = (median(times) for times in zip(*pairs, strict=True))
    print(
        f"\n{ROWS:,} patients on {len(os.sched_getaffinity(0))} processors: {batch:.2f} s, {ROWS / batch:,.0f}/s;"
        f" polars copies the file in {copied:.2f} s: {batch / copied:.2f} times"
    )
    assert batch <= RATIO * copied
