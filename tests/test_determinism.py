"""The same case, rules and day give the same bytes: for any hash seed, order of files and keys, and on every Python."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest

from conftest import ROOT, RULES
from helpers import node
from secondline.cases import CaseReader, Days
from secondline.recommend import Adviser, recommend
from secondline.rulefiles import RuleFiles, rule_files
from secondline.source import Node, parse
from secondline.store import Ready, made_ready

pytestmark = pytest.mark.long  # every shipped case, many times over

DIGEST = ROOT / "tests" / "snapshots" / "answers.sha256"
CASES = sorted((ROOT / "cases").glob("*.yaml"))


UNNAMED = ROOT / "tests" / "files" / "unnamed-inhibitor.yaml"  # no shipped case has one in use


def printed(seed: str) -> bytes:
    """Every shipped case as JSON lines, by the command in a process of its own, made from the files."""
    found = subprocess.run(
        [sys.executable, "-c", "from secondline.cli import main; main()", "advise"]
        + [str(path.relative_to(ROOT)) for path in (*CASES, UNNAMED)]
        + ["--explain", "--format", "jsonl"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": "engine", "PYTHONHASHSEED": seed, "XDG_CACHE_HOME": ""},
    )
    return found.stdout


def test_the_same_bytes_for_every_hash_seed_and_python(rewrite: bool) -> None:
    """The digest is kept with the tests, so each Python that runs them is held to the same bytes."""
    outputs = {printed(seed) for seed in ("0", "1", "4242")}
    assert len(outputs) == 1
    digest = hashlib.sha256(outputs.pop()).hexdigest() + "\n"
    if rewrite:
        DIGEST.write_text(digest)
    assert digest == DIGEST.read_text()


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list | tuple) else value


def answers(held: Ready, cases: list[Node]) -> list[str]:
    reader, adviser = CaseReader(held.base, held.case_schema, Days()), Adviser(held.base, held.program)
    found = [reader.case(case, "case") for case in cases]
    return [
        json.dumps(recommend(c.case.profile, adviser, c.question(explain=True)).as_dict(), sort_keys=True)
        for c in found
    ]


def test_the_order_of_keys_and_files_changes_nothing(ready: Ready) -> None:
    chance = random.Random(1)
    plain = [
        case.plain()
        for path in CASES
        for top in parse(path.read_bytes(), path.name)
        for case in (top.value if isinstance(top.value, list) else [top])
    ][::3]
    expected = answers(ready, [node(case) for case in plain])
    assert answers(ready, [node(shuffled(case, chance)) for case in plain]) == expected
    files = rule_files(RULES)
    names = list(files.contents)
    chance.shuffle(names)
    other = made_ready(RuleFiles(files.folder, {name: files.contents[name] for name in names}))
    assert answers(other, [node(case) for case in plain]) == expected


def test_the_order_of_keys_in_rule_files_changes_nothing() -> None:
    """Rewritten as JSON, which is YAML, as they are and with every mapping in another order."""
    chance = random.Random(3)
    files = rule_files(RULES)
    ordered, disordered = dict(files.contents), dict(files.contents)
    for name, data in files.contents.items():
        if not name.startswith("evidence/"):  # arms are shown in the order of their file
            (document,) = parse(data, name)
            ordered[name] = json.dumps(document.plain()).encode()
            disordered[name] = json.dumps(shuffled(document.plain(), chance)).encode()
    one, other = (made_ready(RuleFiles(files.folder, contents)) for contents in (ordered, disordered))
    assert one.base.rules_hash == other.base.rules_hash
    cases = [node(case.plain()) for path in CASES[:3] for case in parse(path.read_bytes(), path.name)[0].value]
    assert answers(one, cases) == answers(other, cases)
