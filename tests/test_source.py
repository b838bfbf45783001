"""YAML, JSON and JSON Lines with places; nothing in a file can be used against the reader."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from secondline.errors import InputError
from secondline.source import MAX_BYTES, parse, problem_at, read_bytes


def one(text: str, name: str = "x.yaml") -> object:
    (document,) = parse(text.encode(), name)
    return document.plain()


def message(text: str | bytes, name: str = "x.yaml") -> str:
    with pytest.raises(InputError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), name)
    return str(caught.value)


def test_scalars_follow_yaml_1_2() -> None:
    text = "{a: true, b: yes, c: on, d: 0o17, e: 1_000, f: 12:30, g: 2026-11-22, h: null, i: ~, j: , k: 1e3, l: .5}"
    assert one(text) == {
        "a": True, "b": "yes", "c": "on", "d": "0o17", "e": "1_000", "f": "12:30", "g": "2026-11-22",
        "h": None, "i": None, "j": None, "k": 1000, "l": 0.5,
    }  # fmt: skip


def test_a_number_keeps_its_digits() -> None:
    (document,) = parse(b"{a: 0.60, b: 10.0, c: 3}", "x.yaml")
    assert document.plain(exact=True) == {"a": Decimal("0.60"), "b": Decimal("10.0"), "c": Decimal("3")}
    assert str(document.plain(exact=True)["a"]) == "0.60"
    assert document.plain()["b"] == 10


def test_numbers_too_long_or_too_large_stay_text() -> None:
    assert one("{a: 1e999}") == {"a": "1e999"}
    assert one("{a: " + "9" * 60 + "}") == {"a": "9" * 60}


def test_places_count_from_one() -> None:
    (document,) = parse(b"a: 1\nb:\n  - x\n  - {c: 2}\n", "x.yaml")
    assert str(document.value["b"].value[1].value["c"].place) == "x.yaml:4:9"
    assert str(document.keys["b"]) == "x.yaml:2:1"
    assert str(problem_at(document, ("b", 1, "c"), "here").place) == "x.yaml:4:6"
    assert str(problem_at(document, ("b", 7), "here").place) == "x.yaml:3:3"


def test_several_documents_and_empty_ones() -> None:
    assert [node.plain() for node in parse(b"---\na: 1\n---\n---\nb: 2\n", "x.yaml")] == [{"a": 1}, {"b": 2}]
    assert parse(b"", "x.yaml") == []


def test_json_one_value_after_another() -> None:
    nodes = parse(b'{"a": [1, 2.5, "x\\n", true, null, {}]}\n\n{"b": -0.0}', "x.jsonl")
    assert [node.plain() for node in nodes] == [{"a": (1, 2.5, "x\n", True, None, {})}, {"b": 0}]


def test_a_stream_is_json_or_yaml_by_its_look() -> None:
    assert one('{"a": 1}', "<stdin>") == {"a": 1}
    assert one("{a: 1}", "<stdin>") == {"a": 1}
    assert one("a: 1", "<stdin>") == {"a": 1}
    assert "JSON" in message('{"a": 1', "<stdin>")


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ('{"a" 1}', "x.json", "expected a colon after `a`"),
        ('{"a": 1 "b": 2}', "x.json", "expected a comma or `}`"),
        ('{"a": 1, "a": 2}', "x.json", "`a` is given twice"),
        ('["x\ny"]', "x.json", "write a line break"),
        ('["\\ud800"]', "x.json", "surrogate"),
        ("[" * 60 + "]" * 60, "x.json", "nested more than"),
        ('["x', "x.json", "close the text"),
        ("[1,]", "x.json", "a comma before `]`"),
        ("", "x.json", None),
        ("[" * 60 + "]" * 60, "x.yaml", "nested more than"),
        ("a: *b", "x.yaml", "alias `*b` is not read here"),
        ("a: !x 1", "x.yaml", "tag `!x` is not read here"),
        ("? [a]\n: 1", "x.yaml", "expected a name before the colon"),
        ("a: 'x", "x.yaml", "close the quote"),
        ("a: {b: 1", "x.yaml", "close the mapping"),
        ("- a\nb: 1", "x.yaml", "align"),
        ("a: 1\n b: 2", "x.yaml", "align this key with those above it, or complete the line above"),
        ("a: b: 2", "x.yaml", "put text that holds a colon in quotes"),
        ("a: [A/b[c=d]]", "x.yaml", "expected ',' or ']'; put text that holds a bracket in quotes"),
        ("a: {b: A/b[c=d], e: f}", "x.yaml", "expected ',' or '}'; put text that holds a bracket in quotes"),
        ("a: \x00", "x.yaml", "U+0000 is not allowed"),
        ("\ufeffa: \x07", "x.yaml", "U+0007 is not allowed"),
        ('a: "\\q"', "x.yaml", "single quotes"),
    ],
)
def test_what_is_not_read(text: str, name: str, expected: str | None) -> None:
    if expected is None:
        assert parse(text.encode(), name) == []
    else:
        found = message(text, name)
        assert expected in found
        assert found.startswith(name + ":")


def test_encodings() -> None:
    assert one("\ufeffa: ä") == {"a": "ä"}
    assert "UTF-16" in message("a: 1".encode("utf-16"))
    assert "x.yaml:2:4: byte 0xe4" in message(b"a: 1\nb: \xe4")


def test_size_is_limited() -> None:
    assert "larger than 16 MiB" in message(b"a" * (MAX_BYTES + 1))


def test_reading_files(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "found a folder")):
        with pytest.raises(InputError, match=reason):
            read_bytes(path, str(path))
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(Path("a\0b"), "a")


def test_deep_and_repeated_structures_take_no_time() -> None:
    start = time.perf_counter()
    message("[" * 200_000)
    message("{a: " * 100_000)
    message("&a [" + "*a," * 50_000 + "]")
    message("[" * 200_000, "x.json")
    assert time.perf_counter() - start < 5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6, width=32) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return tuple(map(plain, value)) if isinstance(value, list) else value


@settings(max_examples=300)
@given(json_values)
def test_json_reads_as_the_standard_library_reads_it(value: object) -> None:
    text = json.dumps(value)
    if "\\ud" not in text:
        assert one(text, "x.json") == plain(json.loads(text))


yaml_text = st.text("abcé :{}[],'\"#-?&*!|>%@`\n", max_size=8)  # without what YAML 1.1 alone reads as numbers
yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6, width=32) | yaml_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(yaml_text, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(yaml_values.filter(lambda value: isinstance(value, dict | list)))
def test_yaml_reads_back_what_a_library_writes(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert one(text) == plain(value)
