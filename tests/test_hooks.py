"""The hooks for pre-commit are what its documentation asks for, and their commands run."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from test_findings import call

HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
# The keys of a hook, as pre-commit's documentation has them under "Creating new hooks".
KEYS = {
    "id", "name", "entry", "language", "files", "exclude", "types", "types_or", "exclude_types", "always_run",
    "fail_fast", "verbose", "pass_filenames", "require_serial", "description", "language_version",
    "minimum_pre_commit_version", "args", "stages",
}  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped rules with one of the shipped cases."""
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    (tmp_path / "cases").mkdir()
    shutil.copy(ROOT / "cases" / "typical.yaml", tmp_path / "cases")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_is_one_for_the_rules_and_one_for_the_cases() -> None:
    assert [hook["id"] for hook in HOOKS] == ["secondline-check", "secondline-test"]


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_its_keys_are_pre_commit_s(hook: dict[str, Any]) -> None:
    assert {"id", "name", "entry", "language"} <= hook.keys() <= KEYS
    assert hook["language"] == "python"  # installed from this repository, whose command `entry` then is
    assert hook["entry"].split()[0] == "secondline"
    assert hook["pass_filenames"] is False


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_it_runs_when_a_file_that_it_reads_is_changed(hook: dict[str, Any]) -> None:
    paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / "rules").rglob("*.yaml")]
    paths += [path.relative_to(ROOT).as_posix() for path in (ROOT / "cases").glob("*.yaml")] * ("test" in hook["id"])
    assert all(re.search(hook["files"], path) for path in paths)
    assert not any(re.search(hook["files"], path) for path in ("README.md", "engine/secondline/errors.py"))


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
@pytest.mark.usefixtures("repository")
def test_its_command_passes_on_what_is_sound(hook: dict[str, Any]) -> None:
    ran = call(*shlex.split(hook["entry"])[1:], *hook["args"])
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("name", "path", "old", "new"),
    [
        ("secondline-check", "rules/verdicts/stop.yaml", "title: no gain", "title: no gain in 12 weeks"),
        ("secondline-test", "cases/x.yaml", "settled: false", "settled: true"),
    ],
)
def test_its_command_fails_on_what_is_not(
    name: str, path: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "tests" / "files" / "base", "rules")
    Path("cases").mkdir()
    Path("cases/x.yaml").write_text("{as_of: 2026-11-22, profile: {}, expect: {settled: false}}")
    (hook,) = [hook for hook in HOOKS if hook["id"] == name]
    command = (*shlex.split(hook["entry"])[1:], *hook["args"])
    assert call(*command).code == 0
    Path(path).write_text(Path(path).read_text().replace(old, new))
    assert call(*command).code == 1
