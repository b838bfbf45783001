"""A rule folder made ready to answer, quickly: from a snapshot where the same files were made ready before.

A snapshot is named by the digest of everything that goes into it: every byte of the rule folder, of this program and
the versions under it. So it can be missing, never stale. It holds rules, evidence and the shape of a case, nothing of
any patient. It is read with a reader that builds this program's own types and plain values and nothing else, and only
if no one but this user could have written it. Every pydantic model has become a record with the same attributes.

One answer shows little of the evidence, so each trial, label or guideline is a part of its own within a snapshot, read
once it is asked for; so are the conditions of the rules in words, which only a trace shows.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import pickle
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from secondline import facts, records
from secondline.condition import All, AnyOf, Check, Not, Test
from secondline.facts import Fact
from secondline.inference.durable import VERSION
from secondline.inference.rails import Program
from secondline.rulebase import RuleBase
from secondline.rulefiles import RuleFiles, rule_files

KEPT = 8  # snapshots; older ones are removed when a new one is written
_DIGEST_BYTES = 32
_STALE_SECONDS = 3600
_PLAIN = (("builtins", "frozenset"), ("builtins", "set"), ("datetime", "date"), ("decimal", "Decimal"))


class Ready(NamedTuple):
    """A rule base with its program for durable_rules, the catalogue of facts and the core schema of a case."""

    base: RuleBase
    program: Program
    facts: dict[str, Fact]
    case_schema: Any


def shipped_rules() -> Path:
    """The shipped rules: inside the package when installed, beside the engine in a checkout."""
    inside = Path(__file__).parent / "rules"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "rules"


def ready(folder: Path) -> Ready:
    """The rule base of a folder.

    Raises:
        InputError: the folder is not there, or a file of it is not valid.
    """
    return ready_of(rule_files(folder))


def ready_of(found: RuleFiles) -> Ready:
    """The rule base of some files, wherever they come from.

    Raises:
        InputError: a file of them is not valid.
    """
    path = _snapshot_path(found)
    held = _read(path) if path else None
    if held is None:
        held = made_ready(found)
        if path:
            _write(path, held)
    facts.keep(held.facts)
    return held


def made_ready(found: RuleFiles) -> Ready:
    """Load and compile, without any snapshot."""
    from secondline.forms.cases import Case
    from secondline.inference.rails import compile_program
    from secondline.loading import load

    loaded = load(found)
    places = {name: node.place for name, node in loaded.nodes.items()}
    program = compile_program(loaded.base, places)
    Case.model_rebuild()
    return Ready(loaded.base, program, dict(facts.catalogue()), _lean(Case.__pydantic_core_schema__))


def _lean(schema: Any) -> Any:
    """A core schema that makes records in place of models; what only serializes or describes is left out."""
    if isinstance(schema, dict):
        kept = {key: _lean(value) for key, value in schema.items() if key not in ("metadata", "serialization")}
        if schema.get("type") == "model":
            kept["cls"] = records.Record
        if hasattr(schema.get("default"), "model_fields_set"):
            kept["default"] = None  # never used: `with_groups` gives every group
        return kept
    return type(schema)(map(_lean, schema)) if type(schema) in (list, tuple) else schema


# --- snapshots --------------------------------------------------------------------------------------------


def _snapshot_path(found: RuleFiles) -> Path | None:
    home = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("HOME") and str(Path(os.environ["HOME"]) / ".cache"))
    if not home or not Path(home).is_absolute():
        return None
    digest = hashlib.sha256(found.digest.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    pydantic = find_spec("pydantic")  # found, not imported
    if pydantic is None or pydantic.origin is None:
        return None
    digest.update(Path(pydantic.origin).with_name("version.py").read_bytes())
    yaml = find_spec("yaml")
    digest.update(Path(yaml.origin).read_bytes() if yaml and yaml.origin else b"")
    digest.update(f"{sys.version}|{VERSION}".encode())
    return Path(home) / "secondline" / f"{digest.hexdigest()}.rules"


class Parts:
    """What a snapshot holds in parts, each packed until it is asked for: for each kind of thing, things by name."""

    def __init__(self, packed: dict[str, bytes]) -> None:
        self.packed = packed
        self.unpacked: dict[str, dict[str, dict[str, Any]]] = {}

    def part(self, name: str) -> dict[str, dict[str, Any]]:
        if name not in self.unpacked:
            self.unpacked[name] = _Reader(io.BytesIO(self.packed[name])).load()
        return self.unpacked[name]


class Shelf(Mapping[str, Any]):
    """A mapping whose values stand in parts; `place` says in which part each key stands."""

    def __init__(self, kind: str, place: dict[str, str], parts: Parts) -> None:
        self.kind, self.place, self.parts = kind, place, parts

    def __getitem__(self, key: str) -> Any:
        return self.parts.part(self.place[key])[self.kind][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.place)

    def __len__(self) -> int:
        return len(self.place)


def in_parts(base: RuleBase) -> RuleBase:
    """The same rule base with its evidence, what is cited of it, and the conditions in words in packed parts."""
    evidence = {name: name for name in base.evidence}
    places = {
        "evidence": evidence,
        "sources": {cite: source.evidence.id for cite, source in base.sources.items()},
        "criteria": {name: evidence.get(name, "rules") for name in base.criteria},
    }
    parts: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, place in places.items():
        for key, name in place.items():
            parts.setdefault(name, {}).setdefault(kind, {})[key] = getattr(base, kind)[key]
    shared = Parts({name: _packed(part) for name, part in parts.items()})
    kept = copy.copy(base)
    vars(kept).update({kind: Shelf(kind, place, shared) for kind, place in places.items()})
    return kept


class _Reader(pickle.Unpickler):
    """Builds the types of this package, its functions on values, and plain values; refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        # A dotted name would reach through a module into what it imports, and so to anything.
        found = super().find_class(module, name) if module.startswith("secondline.") and "." not in name else None
        own = getattr(found, "__module__", None) == module
        if not own or not (isinstance(found, type) or module == records.__name__):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return found


class _Writer(pickle.Pickler):
    """Writes every model as a record with the same attributes, and a condition as its parts."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (Check, Test, All, AnyOf, Not)):  # dataclasses' own way back is several times slower
            return type(value), tuple(getattr(value, name) for name in value.__slots__)
        if hasattr(value, "model_fields_set") and not isinstance(value, type):
            return records.Record, (), dict(value.__dict__)
        return NotImplemented


def _packed(value: Any) -> bytes:
    body = io.BytesIO()
    _Writer(body, protocol=5).dump(value)
    return body.getvalue()


def _read(path: Path) -> Ready | None:
    """A snapshot, or None if there is none that is whole and written by this user alone."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            data = file.read()
        body = data[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != data[:_DIGEST_BYTES]:
            return None
        held = _Reader(io.BytesIO(body)).load()
    except (OSError, pickle.UnpicklingError, AttributeError, ImportError, EOFError, IndexError, TypeError, ValueError):
        return None
    return held if isinstance(held, Ready) else None


def _write(path: Path, held: Ready) -> None:
    """Write a snapshot whole or not at all; a folder that cannot be written is no error."""
    held.base.prepare()
    body = _packed(held._replace(base=in_parts(held.base)))
    passing = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in path.parent.glob("*.[0-9]*"):  # of a run that was killed here
            if left.stat().st_mtime < time() - _STALE_SECONDS:
                left.unlink()
        passing.unlink(missing_ok=True)
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
        passing.replace(path)
        others = sorted(path.parent.glob("*.rules"), key=lambda old: old.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            old.unlink()
