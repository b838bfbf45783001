"""The wheel holds the package and the rules, the licence, and nothing else; the pins are whole and name no host."""

from __future__ import annotations

import os
import re
import tomllib
import zipfile
from fnmatch import fnmatch
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
        **{
            str(path.relative_to(ROOT / "engine")): path
            for path in (ROOT / "engine" / "secondline").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        },
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


def project_files(root: Path) -> list[Path]:
    """All that would be committed; a run beside this one writes and removes files of its own, coverage data for one."""
    patterns = [".git", *(line.rstrip("/") for line in (root / ".gitignore").read_text().split())]

    def kept(names: list[str]) -> list[str]:
        return [name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)]

    found: list[Path] = []
    for folder, inner, names in os.walk(root):
        inner[:] = kept(inner)
        found.extend(Path(folder) / name for name in kept(names))
    return found


def test_the_project_names_no_path_of_a_machine() -> None:
    """Nor the host of a package registry; every text file of the project is looked at."""
    word = re.compile(r"/(?:home|root|Users|work)/|\bpypi" + r"\.org|pythonhosted")
    files = project_files(ROOT)
    assert {ROOT / "README.md", ROOT / ".ci" / "test", Path(__file__)} <= set(files)
    for path in files:
        if path != Path(__file__):
            text = path.read_bytes().decode(errors="replace")
            assert not word.search(text), path


def test_files_of_a_run_are_not_the_project(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    for name in (".coverage.host.pid7.X", "README.md", ".git/config", "engine/x.py", "engine/__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    held = sorted(str(path.relative_to(tmp_path)) for path in project_files(tmp_path))
    assert held == [".gitignore", "README.md", "engine/x.py"]
