"""The same rules and cases through every engine, each in a process of its own: speed, memory, and answers compared."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import registry
from peers import export
from peers.child import Asked, Told

from secondline.batch.rows import case_node
from secondline.cases import CaseReader, Days
from secondline.inference.reference import Inference, infer
from secondline.patient import know
from secondline.rulebase import RuleBase
from secondline.states import State
from secondline.store import Ready, ready, shipped_rules

JURISDICTION = "us"
DISTINCT = 2_000  # cases that differ; an engine that answers tables gets them over and over
SECONDS = 300  # after which an engine is said to hang
PACKAGES = ("zen-engine", "common-expression-language", "rule-engine", "durable-rules", "duckdb", "numpy", "pyarrow")
BATCH = "secondline batch"
ADVISE = "secondline advise, in process"


class Engine(NamedTuple):
    """A module beside this one, what it is given of a case, how many cases at most (None: as many as asked for)."""

    module: str
    given: str = "fields"
    most: int | None = DISTINCT


ENGINES = {
    "NumPy by hand, the limit": Engine("in_numpy", most=None),
    "DuckDB SQL": Engine("in_sql", most=None),
    "CEL (common-expression-language)": Engine("in_cel"),
    "zen-engine": Engine("in_zen"),
    "rule-engine": Engine("in_rule_engine", most=500),
    "durable_rules by its manual": Engine("in_durable", most=200),
    "durable_rules by its manual, in parts": Engine("in_durable_parts", most=200),
    "durable_rules as we drive it": Engine("in_durable_driven", given="states"),
    ADVISE: Engine("in_advise", given="rows", most=500),
}


class Cases(NamedTuple):
    """The same cases as each engine is given them, and what the reference finds."""

    base: RuleBase
    rows: list[dict[str, Any]]
    states: list[dict[str, State]]
    fields: list[Any]
    inferences: list[Inference]


@dataclass
class Result:
    """What became of one engine: figures and how many outcomes of those compared differ, or why it `failed`."""

    cases: int = 0
    per_second: float | None = None
    peak_mib: float | None = None
    first_seconds: float | None = None
    outcomes: int = 0
    differing: int = 0
    most_differing: tuple[tuple[str, int], ...] = ()
    failed: str | None = None


# --- cases ------------------------------------------------------------------------------------------------


def made(held: Ready, rows: Iterable[dict[str, Any]]) -> Cases:
    """Rows as each engine is given them; what follows from a row is worked out here, outside of what is timed."""
    day = held.base.knowledge_until
    reader = CaseReader(held.base, held.case_schema, Days(asked=day))
    base = export.on(held.base, day, JURISDICTION)
    read = export.fields_read(export.exported(base))
    known = list(rows)
    profiles = [reader.case(case_node(row, "registry", at), row["id"]).case.profile for at, row in enumerate(known)]
    states = [know(profile, day, base.vocabulary).facts for profile in profiles]
    return Cases(
        base, known, states, [export.case(one, read) for one in states], [infer(base, one).inference for one in states]
    )


def drawn(rows: int) -> Any:
    """The registry with every row asked for the one jurisdiction."""
    table = registry.registry(rows, 1)
    place = table.column_names.index("jurisdiction")
    return table.set_column(place, "jurisdiction", [[JURISDICTION] * rows])


# --- engines ----------------------------------------------------------------------------------------------


def asked(engine: Engine, cases: Cases, rows: int) -> Asked:
    """What a child is asked: the first of the cases, again and again where more rows are wanted."""
    rules = export.exported(cases.base) if engine.given == "fields" else cases.base
    written = import_module(f"peers.{engine.module}").written(rules)
    wanted = rows if engine.most is None else min(rows, engine.most)
    return Asked(written, getattr(cases, engine.given)[:wanted], wanted)


def told(engine: Engine, question: Asked, folder: Path) -> Told | str:
    """What a child tells, its first answer in seconds from its start; or how it ended without."""
    asked_file, told_file = folder / "asked", folder / "told"
    asked_file.write_bytes(pickle.dumps(question))
    told_file.unlink(missing_ok=True)
    paths = (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "peers.child", engine.module, str(asked_file), str(told_file)]
    start = monotonic()
    try:
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer in {SECONDS} s"
    if ended.returncode < 0:
        return f"ended by signal {-ended.returncode}"
    if ended.returncode or not told_file.exists():
        return (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
    found = Told(*pickle.loads(told_file.read_bytes()))
    return found._replace(first_at=found.first_at - start)


def measured(engine: Engine, cases: Cases, rows: int, runs: int, folder: Path) -> tuple[Result, list[Any]]:
    """The medians of some runs, and the answers of the last one."""
    question = asked(engine, cases, rows)
    tells: list[Told] = []
    firsts: list[Told] = []
    for _ in range(runs):
        for wanted, kept in ((question._replace(cases=question.cases[:1], rows=1), firsts), (question, tells)):
            tell = told(engine, wanted, folder)
            if isinstance(tell, str):
                return Result(failed=tell), []
            kept.append(tell)
    result = Result(
        question.rows,
        question.rows / median(tell.seconds for tell in tells),
        max(tell.peak_mib for tell in tells),
        median(tell.first_at for tell in firsts),
    )
    return result, tells[-1].answers


def compared(answers: Sequence[Any], cases: Cases, result: Result) -> None:
    """Put into a result how many outcomes differ from those of the reference, and of which rules."""
    names = list(export.exported(cases.base).formulas)
    outcomes = export.outcomes(cases.base)
    differing: Counter[str] = Counter()
    wanted = min(result.cases, len(cases.inferences))
    if len(answers) != wanted and not result.failed:
        result.failed = f"{len(answers)} answers to {wanted} cases"
    for answer, inference in zip(answers, cases.inferences, strict=False):
        right = export.named(inference, cases.base)
        found = (
            export.named(answer, cases.base)
            if isinstance(answer, Inference)
            else dict(zip(names, map(bool, answer), strict=True))
        )
        differing.update(
            rule for rule, parts in outcomes.items() if any(found[part] is not right[part] for part in parts)
        )
    result.outcomes = len(answers) * len(outcomes)
    result.differing = differing.total()
    result.most_differing = tuple(differing.most_common(5))


# --- ours, as a command -----------------------------------------------------------------------------------


COMMAND = """
import resource, subprocess, sys
ours = "import sys; from secondline.cli import main; sys.argv[0] = 'secondline'; main()"
subprocess.run([sys.executable, "-c", ours, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def batch(source: Path, target: Path, day: str) -> tuple[float, float]:
    """Seconds and peak memory of `secondline batch` as a whole; of its processes the largest."""
    command = [sys.executable, "-S", "-c", COMMAND, "batch", str(source), "-o", str(target), "--as-of", day]
    start = monotonic()
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return monotonic() - start, float(ended.stdout)


def batches(rows: int, day: str, runs: int, folder: Path, advised: Sequence[dict[str, Any]]) -> Result:
    """`secondline batch`, Parquet to Parquet; its rows are compared with what `advise` answers."""
    source, one, target = folder / "registry.parquet", folder / "one.parquet", folder / "answers.parquet"
    table = drawn(rows)
    pq.write_table(table, source, compression="zstd", compression_level=1, row_group_size=registry.ROW_GROUP)
    pq.write_table(table.slice(0, 1), one)
    batch(one, target, day)  # warm
    firsts = [batch(one, target, day) for _ in range(runs)]
    whole = [batch(source, target, day) for _ in range(runs)]
    result = Result(
        rows,
        rows / median(seconds for seconds, _ in whole),
        max(peak for _, peak in whole),
        median(seconds for seconds, _ in firsts),
    )
    answers = pq.read_table(target).slice(0, len(advised)).to_pylist()
    for row, answer in zip(answers, advised, strict=True):
        options = {name: None for name in row if name.startswith("options.")}
        right = options | answer
        result.outcomes += len(right)
        result.differing += sum(row[name] != value for name, value in right.items())
    return result


# --- as a whole -------------------------------------------------------------------------------------------


def run(rows: int, runs: int) -> dict[str, Result]:
    held = ready(shipped_rules())
    day = held.base.knowledge_until.isoformat()
    cases = made(held, drawn(rows).slice(0, min(rows, DISTINCT)).to_pylist())
    results: dict[str, Result] = {}
    with TemporaryDirectory() as folder:
        advised: list[Any] = []
        for title, engine in ENGINES.items():
            results[title], answers = measured(engine, cases, rows, runs, Path(folder))
            if engine.given == "rows":
                advised = answers
            else:
                compared(answers, cases, results[title])
            print(f"{title}: {results[title].failed or 'done'}", file=sys.stderr)
        results[BATCH] = batches(rows, day, runs, Path(folder), advised)
    return results


def machine() -> dict[str, Any]:
    """What the figures were made on."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processors": len(os.sched_getaffinity(0)),
        "processor": names[0] if names else platform.machine(),
        "python": platform.python_version(),
        **{name: found for name in PACKAGES if (found := _version(name))},
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def markdown(results: dict[str, Result]) -> Iterator[str]:
    """A table, the fastest first, and what differs."""
    yield "| engine | cases | cases/s | peak MiB | first answer, ms | answers that differ |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for title, one in sorted(results.items(), key=lambda pair: -(pair[1].per_second or 0)):
        if one.failed:
            yield f"| {title} | | | | | none: {one.failed} |"
            continue
        assert one.per_second is not None
        assert one.peak_mib is not None
        assert one.first_seconds is not None
        differing = f"{one.differing:,} of {one.outcomes:,}" if one.outcomes else "not compared"
        if title == ADVISE:
            differing = "its two engines agree"
        first = f"{one.first_seconds * 1000:,.0f}"
        yield f"| {title} | {one.cases:,} | {one.per_second:,.0f} | {one.peak_mib:,.0f} | {first} | {differing} |"
    for title, one in results.items():
        if one.most_differing:
            yield f"\n{title} differs most in {', '.join(f'{rule} ({count})' for rule, count in one.most_differing)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="patients; slow engines answer the first of them")
    parser.add_argument("--runs", type=int, default=3, help="of which medians are shown")
    parser.add_argument("--json", type=Path, help="where figures and machine are written as well")
    given = parser.parse_args()
    results = run(given.rows, given.runs)
    print("\n".join(markdown(results)))
    about = machine()
    print(f"\nMade on {', '.join(f'{name} {value}' for name, value in about.items())}.")
    if given.json:
        kept = {"machine": about, "rows": given.rows, "results": {name: asdict(one) for name, one in results.items()}}
        given.json.write_text(json.dumps(kept, indent=2) + "\n")
