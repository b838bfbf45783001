"""The wheel holds the package and the rules, the licence, and nothing else; the pins are whole and name no host."""

from __future__ import annotations

import re
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from conftest import ROOT, RULES
from secondline import __version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(path) as held:
        return {name: held.read(name) for name in held.namelist()}


def test_the_wheel_holds_every_module_and_every_rule(wheel: dict[str, bytes]) -> None:
    expected = {
        **{f"secondline/rules/{path.relative_to(RULES)}": path for path in RULES.rglob("*") if path.is_file()},
        **{str(path.relative_to(ROOT / "engine")): path for path in (ROOT / "engine" / "secondline").rglob("*.py")},
    }
    held = {name: data for name, data in wheel.items() if ".dist-info/" not in name}
    assert sorted(held) == sorted(expected)
    for name, path in expected.items():
        assert held[name] == path.read_bytes()


def test_the_wheel_says_what_it_is(wheel: dict[str, bytes]) -> None:
    (about,) = [data.decode() for name, data in wheel.items() if name.endswith("METADATA")]
    assert f"Version: {__version__}" in about
    assert "License-Expression: Apache-2.0" in about
    (entry,) = [data.decode() for name, data in wheel.items() if name.endswith("entry_points.txt")]
    assert "secondline = secondline.cli:main" in entry


def pins() -> dict[str, str]:
    text = (ROOT / "constraints.txt").read_text()
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    }


def test_every_dependency_is_pinned_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    for requirement in wanted:
        name = re.split(r"[\[<>=~! ]", requirement)[0].lower()
        assert name in pins(), name
    text = (ROOT / "constraints.txt").read_text()
    for pin in re.split(r"\n(?=[^\s#])", text):
        if "==" in pin:
            assert "--hash=sha256:" in pin, pin.splitlines()[0]
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE), "an option of the installer"


@pytest.mark.parametrize(
    "name", ["pydantic", "pydantic-core", "typer", "pyyaml", "durable-rules", "hypothesis", "pytest"]
)
def test_the_tests_run_on_the_pinned_versions(name: str) -> None:
    assert metadata.version(name) == pins()[name]


def test_the_project_names_no_path_of_a_machine() -> None:
    """Nor the host of a package registry; every text file of the project is looked at."""
    word = re.compile(r"/(?:home|root|Users|work)/|\bpypi" + r"\.org|pythonhosted")
    skipped = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    for path in ROOT.rglob("*"):
        if path.is_file() and not skipped & set(path.relative_to(ROOT).parts) and path != Path(__file__):
            text = path.read_bytes().decode(errors="replace")
            assert not word.search(text), path
