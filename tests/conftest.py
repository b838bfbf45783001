"""What the tests share: the shipped rules made ready once, options for long runs, and the counts printed at the end."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from secondline import facts
from secondline.cases import CaseFile, CaseReader, Days
from secondline.recommend import Adviser, recommend
from secondline.recommendation import Recommendation
from secondline.rulefiles import rule_files
from secondline.store import Ready, made_ready

ROOT = Path(__file__).parents[1]
RULES = ROOT / "rules"
TODAY = date(2026, 11, 22)

settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("project")

COUNTS: dict[str, Counter[str]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--profiles", type=int, default=3_000, help="generated profiles (a million for a long run)")
    parser.addoption("--law-profiles", type=int, default=5_000, help="generated profiles for laws (200,000)")
    parser.addoption("--rule-bases", type=int, default=3_000, help="generated rule bases")
    parser.addoption("--brute", type=int, default=200, help="profiles tried by brute force (20,000 for a long run)")
    parser.addoption("--fillings", type=int, default=1000, help="facts filled in at random (100,000 for a long run)")
    parser.addoption("--rows", type=int, default=1_000, help="patients answered in tables and alone (200,000)")
    parser.addoption("--kills", type=int, default=2, help="batches killed and resumed (50)")
    parser.addoption("--corrupted", type=int, default=40, help="inputs of batches with bytes changed (1,000)")
    parser.addoption(
        "--faults", type=int, default=6, help="faults seeded into the rules that `prove` has to find (100)"
    )
    parser.addoption("--figures", type=int, default=100, help="figures of the evidence changed for the audit (300)")
    parser.addoption("--proofs", type=int, default=10, help="generated rule bases proved and enumerated (500)")
    parser.addoption("--mutants", type=int, default=40, help="one in so many changes of the shipped rules (1: each)")
    parser.addoption("--timed", type=int, default=150, help="patients timed, with few facts known a fifth (2,000)")
    parser.addoption("--rewrite", action="store_true", help="rewrite snapshots and expected messages; read the diff")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, counts in COUNTS.items():
        terminalreporter.section(title)
        together: dict[str, list[str]] = {}
        for name, count in sorted(counts.items()):
            subject, _, what = name.rpartition(" ")
            if name.startswith(("tier ", "limit ")):  # of a regimen, of a limit: all in one line
                together.setdefault(subject, []).append(f"{count} {what}")
            else:
                terminalreporter.write_line(f"{count:9d}  {name}")
        for subject, these in together.items():
            terminalreporter.write_line(f"{subject}: {', '.join(these)}")


@pytest.fixture(scope="session")
def ready() -> Ready:
    held = made_ready(rule_files(RULES))
    held.base.prepare()
    facts.keep(held.facts)
    return held


@pytest.fixture(scope="session")
def adviser(ready: Ready) -> Adviser:
    return Adviser(ready.base, ready.program)


@pytest.fixture(scope="session")
def reader(ready: Ready) -> CaseReader:
    return CaseReader(ready.base, ready.case_schema, Days(today=TODAY))


@pytest.fixture(scope="session")
def shipped(reader: CaseReader) -> list[CaseFile]:
    """Every shipped case."""
    return [
        case
        for path in sorted((ROOT / "cases").glob("*.yaml"))
        for case in reader.read(path.read_bytes(), path.name)[0]
    ]


@pytest.fixture(scope="session")
def answers(shipped: list[CaseFile], adviser: Adviser) -> list[Recommendation]:
    """The answer to every shipped case, with its trace."""
    return [recommend(case.case.profile, adviser, case.question(explain=True)) for case in shipped]


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite"))
