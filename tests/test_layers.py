"""Each module imports only modules above it in the map of engine/README.md."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGE = ROOT / "engine" / "secondline"


def mapped() -> list[str]:
    """The modules of the map, as dotted names in its order."""
    text = (ROOT / "engine" / "README.md").read_text()
    block = text.split("## The map")[1].split("```")[1]
    found, folder = [], ""
    for line in block.strip().splitlines():
        if re.fullmatch(r"\w+/", line):
            folder = line.replace("/", ".")
            continue
        if not line.startswith(" "):
            folder = ""
        found += [f"{folder}{name}" for name in re.findall(r"(\w+)\.py\b", line)]
    return found


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.read_text().count("\n") > 1 and path != PACKAGE / "__init__.py"
    }


def imported(tree: ast.AST, names: dict[str, Path]) -> Iterator[str]:
    """What a module imports of this package when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("secondline"):
            base = (node.module or "").removeprefix("secondline").removeprefix(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                yield full if full in names else base
        yield from imported(node, names)


def test_the_map_names_every_module_once() -> None:
    order = mapped()
    assert sorted(order) == sorted(modules())


@pytest.mark.parametrize("name", modules())
def test_imports_go_up_the_map(name: str) -> None:
    order, names = mapped(), modules()
    above = order[: order.index(name)]
    for other in imported(ast.parse(names[name].read_text()), names):
        if other and other != name:
            assert other in above, f"{name} imports {other}"


def test_only_one_module_knows_durable() -> None:
    knowing = [name for name, path in modules().items() if "durable_rules_engine" in path.read_text()]
    assert knowing == ["inference.durable"]


def test_nothing_reads_the_clock_but_the_command() -> None:
    asking = {
        name for name, path in modules().items() if re.search(r"date\.today|datetime\.now|time\.time", path.read_text())
    }
    assert asking == {"cli.advise", "cli.batch", "cli.evidence", "cli.whatif"}


def test_the_table_of_contents_imports_no_more_than_the_commands() -> None:
    """What a command works with it imports when it is called, so that none makes another one wait."""
    code = (
        "import secondline.cli.app, sys; print(*sorted(name for name in sys.modules if name.startswith('secondline.')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )
    others = [name for name in found.stdout.split() if not name.startswith("secondline.cli")]
    assert others == ["secondline.dates", "secondline.errors"]


def test_advise_imports_only_what_it_uses(tmp_path: Path) -> None:
    """With a snapshot there, answering needs neither pydantic's Python part nor what only authors use."""
    code = """
import sys
sys.argv = ["secondline", "advise", "cases/typical.yaml", "--format", "json"]
from secondline.cli.app import app
try:
    app()
except SystemExit:
    pass
print(sorted(name for name in sys.modules), file=sys.stderr)
"""
    for _ in range(2):  # the first makes the snapshot
        found = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": "engine", "XDG_CACHE_HOME": str(tmp_path)},
        )
    unused = ("loading", "lint", "schemas", "interview", "cli.interview", "whatif", "columns", "authoring", "site")
    for name in (
        "pydantic",
        "hypothesis",
        "numpy",
        "pyarrow",
        "z3",
        "jinja2",
        *(f"secondline.{module}" for module in unused),
    ):
        assert f"'{name}'" not in found.stderr
