"""A snapshot answers as the files do, is never stale, and is not trusted when another could have written it."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, RULES, TODAY
from secondline import records, store
from secondline.cases import CaseReader, Days
from secondline.recommend import Adviser, recommend
from secondline.recommendation import Recommendation
from secondline.rulefiles import rule_files
from secondline.store import made_ready


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "secondline"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A small sound rule folder of its own."""
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "tests" / "files" / "base", folder)
    return folder


def held(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.rules"))


@pytest.mark.long
def test_a_snapshot_answers_every_case_as_the_files_do(cache: Path, answers: list[Recommendation]) -> None:
    first, second = store.ready(RULES), store.ready(RULES)
    assert len(held(cache)) == 1
    assert isinstance(second.base.verdicts[0], records.Record)
    for one in (first, second):
        reader = CaseReader(one.base, one.case_schema, Days(today=TODAY))
        adviser = Adviser(one.base, one.program)
        expected = iter(answers)
        for path in sorted((ROOT / "cases").glob("*.yaml")):
            cases, problems = reader.read(path.read_bytes(), path.name)
            assert not problems
            for case in cases:
                assert recommend(case.case.profile, adviser, case.question(explain=True)) == next(expected), case.name
        assert next(expected, None) is None


def test_of_the_evidence_only_what_is_shown_is_unpacked(cache: Path) -> None:
    store.ready(RULES)
    kept = store.ready(RULES).base
    assert isinstance(kept.evidence, store.Shelf)
    parts = kept.evidence.parts
    assert not parts.unpacked
    assert kept.sources["PALMIRA/pfs"].evidence is kept.evidence["PALMIRA"]
    assert set(parts.unpacked) == {"PALMIRA"}
    assert kept.criteria[kept.verdicts[0].id]
    assert set(parts.unpacked) == {"PALMIRA", "rules"}
    assert "NO-SUCH-TRIAL" not in kept.evidence
    assert len(kept.evidence) == len(parts.packed) - 1


def test_a_changed_byte_is_another_snapshot(cache: Path, rules: Path) -> None:
    before = store.ready(rules)
    path = rules / "rulebase.yaml"
    path.write_text(path.read_text().replace("version: ", "version: next-", 1))
    after = store.ready(rules)
    assert before.base.version != after.base.version
    assert len(held(cache)) == 2


def test_another_program_or_version_is_another_snapshot(
    rules: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.ready(rules)
    monkeypatch.setattr(store, "VERSION", "3")
    store.ready(rules)
    assert len(held(cache)) == 2


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "writable", "directory", "foreign"])
def test_a_harmed_snapshot_is_made_anew(harm: str, cache: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ready(rules)
    (path,) = held(cache)
    data = path.read_bytes()
    if harm == "cut":
        path.write_bytes(data[:-10])
    elif harm == "flipped":
        path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "writable":
        path.chmod(0o666)
    elif harm == "directory":
        path.unlink()
        path.mkdir()
    else:
        monkeypatch.setattr(os, "getuid", lambda: 4321)
    assert store._read(path) is None
    assert store.ready(rules).base.version == made_ready(rule_files(rules)).base.version


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("secondline.facts", "types.FunctionType"),
        ("secondline.store", "Path"),
        ("secondline.store", "made_ready"),
        ("secondline.cli.shared", "os.system"),
        ("builtins", "eval"),
        ("os", "system"),
    ],
)
def test_no_name_leads_out_of_the_package(module: str, name: str) -> None:
    """A dotted name reaches through a module; a plain one may be what the module only imports."""
    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        store._Reader(io.BytesIO(b"")).find_class(module, name)


def test_what_a_killed_run_left_is_removed(cache: Path, rules: Path) -> None:
    cache.mkdir(parents=True)
    old, new = cache / "abc.123", cache / "abc.456"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    store.ready(rules)
    assert (old.exists(), new.exists()) == (False, True)


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


@pytest.mark.parametrize("value", [_Harm(), Path("x"), hashlib.sha256, b"plain", {"a": 1}])
def test_a_snapshot_builds_nothing_but_our_types(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.rules"
    body = pickle.dumps(value)
    path.write_bytes(hashlib.sha256(body).digest() + body)
    path.chmod(0o600)
    assert store._read(path) is None


def test_a_part_builds_nothing_but_our_types_either() -> None:
    with pytest.raises(pickle.UnpicklingError, match="system"):
        store.Parts({"x": pickle.dumps(_Harm())}).part("x")


@pytest.mark.parametrize("home", ["", "relative/folder", "/dev/null/nowhere", "/proc/1"])
def test_without_a_place_to_write_it_answers_all_the_same(
    home: str, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.delenv("HOME", raising=False)
    assert store.ready(rules).base.version


def test_only_the_newest_snapshots_are_kept(cache: Path, rules: Path) -> None:
    path = rules / "rulebase.yaml"
    text = path.read_text()
    for number in range(store.KEPT + 3):
        path.write_text(text.replace("version: ", f"version: n{number}-", 1))
        store.ready(rules)
    assert len(held(cache)) == store.KEPT
    assert not [p for p in cache.iterdir() if p.suffix != ".rules"]
    assert {p.stat().st_mode & 0o077 for p in held(cache)} == {0}


def test_a_snapshot_holds_nothing_of_a_patient(cache: Path) -> None:
    held_ready = store.ready(RULES)
    reader = CaseReader(held_ready.base, held_ready.case_schema, Days(today=TODAY))
    (case,), _ = reader.read(b"{id: someone-known, profile: {patient: {age_years: 87}}}", "x.yaml")
    recommend(case.case.profile, Adviser(held_ready.base, held_ready.program), case.question())
    assert [path.suffix for path in cache.iterdir()] == [".rules"]
    assert b"someone-known" not in held(cache)[0].read_bytes()
