"""Bytes, YAML and JSON that nobody meant: an answer or a message with a place, never a traceback and never a hang."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from helpers import TYPICAL
from secondline.cases import CaseReader
from secondline.errors import InputError, Problem
from secondline.patient import canonical
from secondline.recommend import Adviser, Question, recommend
from secondline.rulefiles import RuleFiles, rule_files
from secondline.store import made_ready

NAMES = ("x.yaml", "x.json", "x.jsonl")
WORDS = [
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\n",
        "  ",
        "'",
        '"',
        "#",
        "&a",
        "*a",
        "!!x",
        "|",
        ">",
        "?",
        "---",
        "\t",
        "\0",
        ",",
    ),
    *("true", "null", "profile", "patient", "ecog", "1", "-1", "1e9", ".5", "2026-11-22", "\ufeff", "é", "%YAML 1.1"),
]
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

ANSWERED: set[tuple[str, Question]] = set()


def tried(reader: CaseReader, adviser: Adviser, data: bytes, name: str) -> None:
    """Reading gives cases that can be answered, and problems that say where."""
    try:
        cases, problems = reader.read(data, name)
    except InputError as error:
        problems = list(error.problems)
        assert problems
    else:
        for case in cases:
            asked = (json.dumps(canonical(case.case.profile), sort_keys=True), case.question())
            if asked not in ANSWERED:  # most of what is tried leaves the same few patients
                ANSWERED.add(asked)
                recommend(case.case.profile, adviser, case.question())
    for problem in problems:
        assert problem.place.file == name
        assert problem.message


@settings(max_examples=1000)
@given(st.binary(max_size=200), st.sampled_from(NAMES))
def test_bytes(adviser: Adviser, reader: CaseReader, data: bytes, name: str) -> None:
    tried(reader, adviser, data, name)


@pytest.mark.long
@settings(max_examples=1500)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join), st.sampled_from(NAMES))
def test_text_that_looks_like_a_case(adviser: Adviser, reader: CaseReader, text: str, name: str) -> None:
    tried(reader, adviser, text.encode(), name)


@pytest.mark.long
@settings(max_examples=200)
@given(JSON, st.sampled_from(["", "profile", "disease", "therapies", "her2", "months", "as_of", "expect", "id"]))
def test_any_value_in_any_place(adviser: Adviser, reader: CaseReader, value: Any, where: str) -> None:
    profile = json.loads(json.dumps(TYPICAL))
    held: Any = {"profile": profile}
    if where == "":
        held = value
    elif where in ("profile", "as_of", "expect", "id"):
        held[where] = value
    elif where == "her2":
        profile["disease"]["her2"] = value
    elif where == "months":
        profile["therapies"][0]["months"] = value
    else:
        profile[where] = value
    for name in ("x.json", "x.yaml"):
        tried(reader, adviser, json.dumps(held).encode(), name)


@pytest.mark.parametrize("path", sorted((ROOT / "cases").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_cases_with_bytes_changed(path: Path, adviser: Adviser, reader: CaseReader) -> None:
    chance = random.Random(path.name)
    data = path.read_bytes()[:6000]
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randint(0, 3)] = chance.choice(string.printable).encode()
        tried(reader, adviser, bytes(changed), "x.yaml")


@pytest.mark.long
def test_rule_folders_with_bytes_changed() -> None:
    """A harmed rule folder loads or is refused with places; nothing else comes out."""
    sound = rule_files(ROOT / "tests" / "files" / "base")
    chance = random.Random(7)
    refused = 0
    for _ in range(400):
        name = chance.choice(list(sound.contents))
        changed = bytearray(sound.contents[name])
        at = chance.randrange(len(changed))
        changed[at : at + chance.randint(0, 3)] = chance.choice(string.printable).encode()
        problems: tuple[Problem, ...] = ()
        try:
            made_ready(RuleFiles("rules", {**sound.contents, name: bytes(changed)}))
        except InputError as error:
            problems = error.problems
        refused += bool(problems)
        assert all(problem.place.file.startswith("rules") and problem.message for problem in problems)
    assert refused > 100


@pytest.mark.long
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"{a: " * 50_000,
        b"- " * 100_000,
        b'{"a":' * 100_000,
        b"a: &x [1]\n" + b"b: *x\n" * 10,
        b"9" * 1_000_000,
        b"? " * 20_000,
        b"\xff\xfe" + "profile: {}".encode("utf-16-le"),
        b"a: |\n" + b"  x\n" * 200_000,
    ],
    ids=["lists", "mappings", "dashes", "json", "aliases", "digits", "keys", "utf-16", "block"],
)
@pytest.mark.parametrize("name", NAMES)
def test_inputs_made_to_hurt(data: bytes, name: str, adviser: Adviser, reader: CaseReader) -> None:
    with pytest.raises(InputError):
        raise InputError(reader.read(data, name)[1])
