"""Registries of growing size through `secondline batch`, whole processes: seconds, memory, cost per case as a picture.

    python tests/benchmarks/scale.py [--most 10000000] [--runs 3] [--svg tests/benchmarks/cost.svg]

Then a million with `--tests`, a folder of 20,000 YAML files, and, where Java and pyspark are, Spark's local cluster.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NamedTuple

import registry
import yaml

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MILLION = 1_000_000
FILES = 20_000
SECONDLINE = str(Path(sys.executable).with_name("secondline"))
EVERY = 0.05  # seconds between two looks at memory
BESIDE = ("id", "as_of", "jurisdiction")
PLAIN = "Parquet to Parquet"


class Run(NamedTuple):
    """A whole command: how long it took, and the most memory that its processes held together."""

    seconds: float
    mib: float


class Measured(NamedTuple):
    """What a number of cases took: the median of some runs, the most memory of any."""

    cases: int
    seconds: float
    mib: float

    @property
    def rate(self) -> float:
        return self.cases / self.seconds


# --- measuring --------------------------------------------------------------------------------------------


def run(*command: str) -> Run:
    """Run a command and look at its processes while it runs; what they share is counted once."""
    start = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    most = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            most[0] = max(most[0], sum(map(held_mib, family(process.pid))))
            sleep(EVERY)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, errors = process.communicate()
    seconds = perf_counter() - start
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{errors}")
    return Run(seconds, most[0])


def family(pid: int) -> Iterator[int]:
    """A process and all that come of it."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = " ".join((task / "children").read_text() for task in tasks).split()
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def held_mib(pid: int) -> float:
    """The memory of a process, of what it shares with others its share."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def measured(cases: int, runs: int, *command: str) -> Measured:
    found = [run(*command) for _ in range(runs)]
    return Measured(cases, median(one.seconds for one in found), max(one.mib for one in found))


# --- what is measured -------------------------------------------------------------------------------------


def folder_of_cases(folder: Path, files: int) -> None:
    """Case files as a hospital would have them, one a patient."""
    folder.mkdir()
    for row in registry.registry(files, 2).to_pylist():
        profile: dict[str, Any] = {}
        for path, value in row.items():
            if value is None or path in BESIDE:
                continue
            group, name, *part = path.split(".")
            held = profile.setdefault(group, {})
            if part:
                main = held.get(name)
                if main is None:
                    continue  # a part without its result
                if not isinstance(main, dict):
                    held[name] = {"result" if group == "biomarkers" else "status": main}
                held[name][part[0]] = value
            else:
                held[name] = value
        case = {"id": row["id"], "jurisdiction": row["jurisdiction"] or "none", "profile": profile}
        text = yaml.dump(case, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
        (folder / f"{row['id']}.yaml").write_text(text)


def answers(folder: Path, most: int, runs: int) -> Iterator[tuple[str, Measured]]:
    """Every size, then what takes longer, each with its name; what takes long runs once."""
    target = str(folder / "answers.parquet")
    sizes = [size for size in SIZES if size <= most] or [most]
    for cases in sizes:
        source = folder / f"{cases}.parquet"
        registry.write(source, cases)
        yield PLAIN, measured(cases, runs if cases <= MILLION else 1, SECONDLINE, "batch", str(source), "-o", target)
    cases = min(MILLION, sizes[-1])
    source = folder / f"{cases}.parquet"
    yield "polars copies that file", measured(cases, runs, sys.executable, "-c", registry.copying(source, Path(target)))
    yield "... with `--tests`", measured(cases, 1, SECONDLINE, "batch", str(source), "-o", target, "--tests")
    if find_spec("pyspark") and shutil.which("java"):
        spark = (SECONDLINE, "batch", str(source), "-o", str(folder / "spark"), "--spark", "local-cluster[2,1,1024]")
        yield "... by Spark's local cluster of two workers, with its start", measured(cases, 1, *spark)
    cases = min(100_000, most)
    rows = folder / "registry.csv"
    registry.write_csv(rows, cases)
    yield "CSV to CSV", measured(cases, runs, SECONDLINE, "batch", str(rows), "-o", str(folder / "answers.csv"))
    files = min(FILES, most)
    folder_of_cases(folder / "cases", files)
    yield "a folder of YAML case files", measured(files, 1, SECONDLINE, "batch", str(folder / "cases"), "-o", target)


def table(found: Sequence[tuple[str, Measured]]) -> Iterator[str]:
    yield "| what | cases | seconds | cases/s | MiB, all processes |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, one in found:
        yield f"| {name} | {one.cases:,} | {one.seconds:,.2f} | {one.rate:,.0f} | {one.mib:,.0f} |"


# --- a picture --------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 300, 70, 50, 40


def picture(found: Sequence[Measured], start: float) -> str:
    """Microseconds a case by the number of cases, both in powers of ten: as a whole, and without the start."""
    whole = [(one.cases, 1e6 * one.seconds / one.cases) for one in found]
    beyond = [(one.cases, 1e6 * (one.seconds - start) / one.cases) for one in found]
    least, most = math.log10(found[0].cases), math.log10(found[-1].cases)
    top = math.ceil(math.log10(max(cost for _, cost in whole)))

    def at(cases: float, cost: float) -> tuple[float, float]:
        across = LEFT + (math.log10(cases) - least) / ((most - least) or 1) * (WIDTH - LEFT - 30)
        return across, HEIGHT - BOTTOM - math.log10(max(cost, 1)) / top * (HEIGHT - BOTTOM - TOP)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">microseconds a case, by the number of cases</text>',
    ]
    for power in range(top + 1):
        _, y = at(found[0].cases, 10**power)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 30}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    for one in found:
        x, _ = at(one.cases, 1)
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{one.cases:,}</text>')
    for points, colour, dash, name, height in (
        (whole, "#1f5f99", "", "the whole command", -10),
        (beyond, "#b3541e", ' stroke-dasharray="5 4"', f"without its start, {start:.2f} s", 18),
    ):
        places = [at(*point) for point in points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        lines.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        for number, ((x, y), (_, cost)) in enumerate(zip(places, points, strict=True)):
            anchor, aside = ("start", 8) if number == 0 else ("end", 0) if number == len(points) - 1 else ("middle", 0)
            place = f'x="{x + aside:.1f}" y="{y + height:.1f}" text-anchor="{anchor}"'
            lines.append(f'<text {place} fill="{colour}">{cost:.1f}</text>')
        lines.append(f'<text x="{WIDTH - 30}" y="{54 if dash else 38}" text-anchor="end" fill="{colour}">{name}</text>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="cases of the largest table")
    parser.add_argument("--runs", type=int, default=3, help="of which medians are shown; what takes long runs once")
    parser.add_argument("--svg", type=Path, help="where the picture is written")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        one = folder / "one.parquet"
        registry.write(one, 1)
        command = (SECONDLINE, "batch", str(one), "-o", str(folder / "answers.parquet"))
        run(*command)
        start = measured(1, given.runs, *command)
        found = []
        for title, held in answers(folder, given.most, given.runs):
            found.append((title, held))
            print(title, held, file=sys.stderr)
    print("\n".join(table(found)))
    print(f"\nA table of one row takes {start.seconds:.2f} s; {len(os.sched_getaffinity(0))} processors.")
    if given.svg:
        sizes = [held for title, held in found if title == PLAIN]
        given.svg.write_text(picture(sizes, start.seconds))


if __name__ == "__main__":
    main()
