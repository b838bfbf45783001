"""`secondline batch`: every form in and out, nothing lost, and nothing half-written."""

from __future__ import annotations

import csv
import fcntl
import gzip
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from secondline.batch.each import Each, Lost
from secondline.batch.outputs import sink
from secondline.cases import CaseFile
from secondline.cli.app import app
from secondline.columns.advice import Advice, Advisor
from secondline.columns.respond import Rows, schema
from secondline.errors import EngineError
from test_columns import OF_ONE_CASE

pytestmark = pytest.mark.long
COMMAND = [sys.executable, "-c", "from secondline.cli import main; main()"]
DAY = "2026-11-22"
ROWS: list[dict[str, Any]] = [
    {
        "id": f"p{number}",
        "jurisdiction": ("us", "eu", "none")[number % 3],
        "disease.extent": "metastatic",
        "disease.er": "positive",
        "disease.her2.ihc": "1+",
        "disease.sites": [[], ["bone"], ["bone", "liver"]][number % 3],
        "patient.age_years": 40 + number % 40,
        "patient.ecog": number % 4,
        "prior_cdk46.agent": ("palbociclib", "ribociclib", "abemaciclib", None)[number % 4],
        "prior_cdk46.months": 2.5 * (number % 12),
        "prior_cdk46.in_last_line": True,
        "progression.status": ("radiological", "none")[number % 7 == 0],
        "biomarkers.esr1": ("mutated", "not-tested", None)[number % 3],
        "safety.qtcf_ms": None if number % 5 else 430.0 + number % 60,
    }
    for number in range(500)
]
WRONG = {17: ("patient.ecog", 9), 230: ("patient.age_years", 400), 231: ("disease.er", "posittive")}


def as_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    def cell(value: Any) -> Any:
        if isinstance(value, list):
            return ";".join(value) or "none"
        return str(value).lower() if isinstance(value, bool) else value

    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0])
        writer.writerows([cell(value) for value in row.values()] for row in rows)


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=90)


def as_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in rows))


def nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a case."""
    case: dict[str, Any] = {"id": row["id"], "jurisdiction": row["jurisdiction"], "profile": {}}
    for path, value in row.items():
        group, _, name = path.partition(".")
        if name and value is not None:
            held = case["profile"].setdefault(group, {})
            held.update({"her2": {"ihc": value}} if name == "her2.ihc" else {name: value})
    return case


def as_folder(path: Path, rows: list[dict[str, Any]]) -> None:
    path.mkdir()
    for row in rows:
        (path / f"{row['id'][1:]:0>4}.yaml").write_text(yaml.safe_dump(nested(row)))


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def batch(*words: str | Path, code: int | tuple[int, ...] = 0, given: bytes | None = None) -> Ran:
    """The command in this process, asked on DAY."""
    return command("batch", *words, "--as-of", DAY, code=code, given=given)


def command(*words: str | Path, code: int | tuple[int, ...] = 0, given: bytes | None = None) -> Ran:
    found = CliRunner().invoke(app, list(map(str, words)), input=given, prog_name="secondline")
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code in (code if isinstance(code, tuple) else (code,)), found.stderr
    assert "Traceback" not in found.stderr
    assert "an error of this program itself" not in found.stderr
    return Ran(found.exit_code, found.stdout, found.stderr)


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The answers to ROWS, as `advise` gives them."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "cases.json").write_text(json.dumps([nested(row) for row in ROWS[:40]]))
    found = command("advise", folder / "cases.json", "--format", "jsonl", "--as-of", DAY)
    held = []
    for line in found.out.splitlines():
        answer = json.loads(line)
        held.append(
            {
                "id": answer["case"]["id"],
                **{name: answer[name] for name in ("verdict", "settled", "direction", "strength", "certainty")},
                "decided_by": answer["decided_by"],
                "options": {option["regimen"]: option["tier"] for option in answer["options"]},
                "cautions": sorted({caution["rule"] for caution in answer["cautions"]} - OF_ONE_CASE),
                "reports": sorted({e["report"] for reason in answer["reasons"] for e in reason["evidence"]}),
            }
        )
    return held


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "folder", "csv.gz", "jsonl.zst", "stdin"])
def test_every_form_in(form: str, tmp_path: Path, expected: list[dict[str, Any]]) -> None:
    made = tmp_path / "made"
    writers = {"csv": as_csv, "parquet": as_parquet, "jsonl": as_lines, "folder": as_folder}
    kind, _, compression = form.partition(".")
    rows = ROWS[:120] if form == "folder" else ROWS
    writers[kind if kind != "stdin" else "csv"](made, rows)
    source = tmp_path / f"registry.{form}"
    if kind == "folder":
        source = made
    elif compression == "gz":
        source.write_bytes(gzip.compress(made.read_bytes()))
    elif compression == "zst":
        with pa.CompressedOutputStream(str(source), "zstd") as stream:
            stream.write(made.read_bytes())
    elif kind != "stdin":
        made.rename(source)
    out = tmp_path / "out.jsonl"
    if kind == "stdin":
        batch("-", "-o", out, given=made.read_bytes())
    else:
        batch(source, "-o", out)
    assert [row["id"] for row in answers(out)] == [row["id"] for row in rows]
    assert answers(out)[:40] == expected


def test_every_form_out(tmp_path: Path) -> None:
    as_parquet(tmp_path / "in.parquet", ROWS)
    for form in ("jsonl", "parquet", "csv", "csv.gz"):
        batch(tmp_path / "in.parquet", "-o", tmp_path / f"out.{form}")
        assert (tmp_path / f"out.{form}").stat().st_mode & 0o777 == 0o600
    held = answers(tmp_path / "out.jsonl")
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    with (tmp_path / "out.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == (tmp_path / "out.csv").read_bytes()
    for answer, row, line in zip(held, table, cells, strict=True):
        tiers = {
            name.removeprefix("options."): tier for name, tier in row.items() if name.startswith("options.") and tier
        }
        assert tiers == answer.pop("options")
        assert {name: value for name, value in row.items() if not name.startswith("options.")} == answer
        assert line["verdict"] == answer["verdict"]
        assert line["settled"] == str(answer["settled"]).lower()
        assert line["cautions"] == (";".join(answer["cautions"]) or "none")


def test_ids_that_text_has_to_quote_come_out_as_they_went_in(tmp_path: Path) -> None:
    ids = ['a,"b"', "c;d", "Zoë", "e'f", "\\g", "{}"]
    as_parquet(tmp_path / "in.parquet", [dict(row, id=name) for row, name in zip(ROWS, ids, strict=False)])
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl", "--tests")
    held = answers(tmp_path / "out.jsonl")
    assert [row["id"] for row in held] == ids
    assert (tmp_path / "out.jsonl").read_text() == "".join(
        json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in held
    )
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out.csv", "--tests")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ids
    assert [row["missing"] for row in rows] == [";".join(map("+".join, row["missing"])) or "none" for row in held]


def test_a_decimal_comma_is_told_how_a_decimal_is_written(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;safety.hba1c_percent\na;6,5\n")
    batch(tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert "got `6,5`; a decimal takes a point" in (tmp_path / "out.rejects.csv").read_text()


def test_a_draft_of_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Else codes on those lines would be missing from it without a word."""
    (tmp_path / "in.csv").write_bytes("id,ER\na,positiv\nb,Größe\n".encode("latin-1"))
    found = command("batch", tmp_path / "in.csv", "--draft-columns", code=3)
    assert "in.csv:3:1: byte 0xf6 is not UTF-8" in found.err
    assert "there is no folder" in batch(tmp_path / "in.csv", "-o", tmp_path / "none" / "x.csv", code=2).err


def test_what_was_half_written_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    as_parquet(tmp_path / "in.parquet", [*ROWS[:20], dict(ROWS[20], **{"patient.age_years": 400.0})])
    abandoned = tmp_path / ".out.jsonl.0123abcd.partial"
    abandoned.write_bytes(b"half")
    with (tmp_path / ".out.jsonl.4567cdef.partial").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        batch(tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl", "--rejects", tmp_path / "out.jsonl.rejects.csv")
    assert len(answers(tmp_path / "out.jsonl")) == 20
    assert (tmp_path / "out.jsonl.rejects.csv").read_text().count("\n") == 2
    assert [path.name for path in tmp_path.glob(".*")] == [".out.jsonl.4567cdef.partial"]
    batch(tmp_path / "in.parquet", "-o", tmp_path / "parts")
    (tmp_path / "parts" / ".part-000001.parquet.0123abcd.partial").write_bytes(b"half")
    batch(tmp_path / "in.parquet", "-o", tmp_path / "parts", "--resume")
    assert not list((tmp_path / "parts").glob(".*"))


def test_a_folder_begun_with_pieces_of_another_size_is_refused(tmp_path: Path) -> None:
    as_parquet(tmp_path / "in.parquet", ROWS[:20])
    batch(tmp_path / "in.parquet", "-o", tmp_path / "parts")
    about = json.loads((tmp_path / "parts" / "about.json").read_text())
    (tmp_path / "parts" / "about.json").write_text(json.dumps({**about, "sizes": [8192, 2048, 64]}))
    found = batch(tmp_path / "in.parquet", "-o", tmp_path / "parts", "--resume", code=2)
    assert "begun otherwise (sizes changed)" in found.err


def test_a_part_of_which_rows_are_gone_is_written_anew(tmp_path: Path) -> None:
    as_parquet(tmp_path / "in.parquet", ROWS[:20])
    batch(tmp_path / "in.parquet", "-o", tmp_path / "parts")
    counts = tmp_path / "parts" / "part-000001.counts.json"
    whole = counts.read_bytes()
    counts.write_text(json.dumps(json.loads(whole) | {"rows": 19, "answered": 19}))
    batch(tmp_path / "in.parquet", "-o", tmp_path / "parts", "--resume")
    assert counts.read_bytes() == whole


@pytest.mark.parametrize("form", ["parquet", "jsonl", "folder"])
def test_a_row_of_which_nothing_can_be_said_costs_that_row(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rows that are asked one by one."""
    source = tmp_path / ("in" if form == "folder" else f"in.{form}")
    {"parquet": as_parquet, "jsonl": as_lines, "folder": as_folder}[form](source, ROWS[:8])
    asked: list[str] = []
    advise = Advisor.advise

    def unsure(advisor: Advisor, rows: Rows, answered: pa.RecordBatch) -> Advice:
        return advise(advisor, rows, answered)._replace(undecided=np.arange(len(rows.ids)) % 3 == 2)

    def fails(_each: Each, case: CaseFile) -> Lost:
        asked.append(case.id)
        return Lost("no answer")

    monkeypatch.setattr(Advisor, "advise", unsure)
    monkeypatch.setattr(Each, "one", fails)
    found = batch(source, "-o", tmp_path / "out.jsonl", "--tests", "--workers", "1", code=(0, 1))
    assert len(asked) == 2
    assert len(answers(tmp_path / "out.jsonl")) == 8 - len(asked)
    assert (tmp_path / "out.rejects.csv").read_text().count("no answer") == len(asked)
    assert f"{len(asked)} of 8 rows were rejected" in found.err


def test_pyarrow_does_not_go_looking_for_pandas(tmp_path: Path) -> None:
    made_big(tmp_path / "in.parquet", 100)
    env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    found = subprocess.run(
        [*COMMAND, "batch", str(tmp_path / "in.parquet"), "-o", str(tmp_path / "out.parquet")],
        env=env, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "pyarrow.lib" in found.stderr
    assert "pandas.core" not in found.stderr


def test_without_options_there_is_still_their_place() -> None:
    held = io.BytesIO()
    with sink(held, "jsonl", None, schema([])) as file:
        file.write(pa.RecordBatch.from_pylist([dict.fromkeys(schema([]).names) | {"id": "a"}], schema([])))
    assert json.loads(held.getvalue())["options"] == {}


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "folder"])
def test_what_is_rejected_is_named(form: str, tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS[:240]]
    for at, (fact, value) in WRONG.items():
        rows[at][fact] = value
    source = tmp_path / ("in" if form == "folder" else f"in.{form}")
    {"csv": as_csv, "parquet": as_parquet, "jsonl": as_lines, "folder": as_folder}[form](source, rows)
    found = batch(source, "-o", tmp_path / "out.jsonl")
    assert "3 of 240 rows were rejected" in found.err
    batch(source, "-o", tmp_path / "out.jsonl", "--strict", code=3)
    assert len(answers(tmp_path / "out.jsonl")) == 237
    with (tmp_path / "out.rejects.csv").open(newline="") as file:
        rejects = list(csv.DictReader(file))
    assert [reject["fact"] for reject in rejects] == [fact for fact, _ in WRONG.values()]
    if form != "folder":
        assert [int(reject["row"]) for reject in rejects] == [at + 1 for at in WRONG]
    else:
        assert [Path(reject["file"]).stem for reject in rejects] == [f"{at:04}" for at in WRONG]
    assert "did you mean `positive`" in rejects[-1]["reason"]


def test_the_summary(tmp_path: Path) -> None:
    as_csv(tmp_path / "in.csv", ROWS)
    held = json.loads(batch(tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--format", "json").out)
    assert held["rows"] == held["answered"] == sum(held["verdicts"].values()) == len(ROWS)
    text = batch(tmp_path / "in.csv", "-o", tmp_path / "out.csv").out
    assert text.startswith("500 rows: 500 answered, 0 rejected\n")
    found = batch(tmp_path / "in.csv", "-o", "-")
    assert [json.loads(line)["id"] for line in found.out.splitlines()] == [row["id"] for row in ROWS]
    assert "500 rows" in found.err


def test_a_column_map(tmp_path: Path) -> None:
    """Foreign names and codes; what the draft of it says is a map that reads."""
    (tmp_path / "in.csv").write_text("PATNR;ER_Status;AGE;NOTE\nx1;1;61;likes tea\nx2;0;70;\nx3;9;55;\n")
    batch(tmp_path / "in.csv", "-o", tmp_path / "o.jsonl", code=3)
    draft = batch(tmp_path / "in.csv", "--draft-columns").out
    assert "disease.er" in draft
    assert "likes tea" not in draft
    (tmp_path / "map.yaml").write_text(
        'columns:\n  PATNR: id\n  ER_Status: {fact: disease.er, values: {"1": positive, "0": negative, "9": null}}\n'
        "  AGE: patient.age_years\n  NOTE: null\n"
    )
    batch(tmp_path / "in.csv", "-o", tmp_path / "o.jsonl", "--columns", tmp_path / "map.yaml")
    assert [row["id"] for row in answers(tmp_path / "o.jsonl")] == ["x1", "x2", "x3"]
    (tmp_path / "map.yaml").write_text("columns:\n  PATNR: idd\n  ER: {fact: disease.er, valeus: {}}\n")
    found = batch(tmp_path / "in.csv", "-o", tmp_path / "o.jsonl", "--columns", tmp_path / "map.yaml", code=3)
    assert "map.yaml:2:10: no fact `idd`" in found.err
    assert "did you mean `values`" in found.err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "no header"),
        ("a.csv", b"id,disease.ers\n", "did you mean `disease.er`?"),
        ("a.csv", b"id,disease.er,disease.er.status\n", "are both `disease.er`"),
        ("a.csv", "id,disease.er\nx,positive\n".encode("utf-16"), "UTF-16"),
        ("a.parquet", b"PAR1 no more", "cannot be read"),
        ("a.csv.gz", gzip.compress(b"id,disease.er\nx,positive\n" * 999)[:60], "cannot be read"),
        ("a.txt", b"hello", "its name does not say what it is"),
    ],
)
def test_what_cannot_be_read_leaves_nothing(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = batch(tmp_path / name, "-o", tmp_path / "out.parquet", code=3)
    assert says in found.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_wrong_usage(tmp_path: Path) -> None:
    as_csv(tmp_path / "in.csv", ROWS[:3])
    for words, says in (
        ([], "`-o` is missing"),
        (["-o", tmp_path / "out.xlsx"], "expects a folder, or a name with"),
        (["-o", tmp_path / "in.csv"], "is among what is read"),
        (["-o", tmp_path / "out.csv", "--resume"], "`--resume` goes on with a folder"),
        (["-o", "-", "--to", "parquet"], "not written to standard output"),
        (["-o", tmp_path / "o.csv", "--to", "csv"], "`--to` is for a folder"),
    ):
        assert says in batch(tmp_path / "in.csv", *words, code=2).err
    assert "no such file" in batch(tmp_path / "none.csv", "-o", tmp_path / "o.csv", code=3).err
    assert "is given twice" in batch(tmp_path / "in.csv", tmp_path / "in.csv", "-o", tmp_path / "o.csv", code=2).err


def test_a_row_that_is_too_long(tmp_path: Path) -> None:
    long = "x" * (10 << 20)
    (tmp_path / "in.csv").write_text(f"id,disease.er\na,positive\nb,{long}\nc,negative\n")
    (tmp_path / "in.jsonl").write_text(f'{{"id":"a"}}\n{{"id":"{long}"}}\n{{"id":"c"}}\n')
    for name in ("in.csv", "in.jsonl"):
        batch(tmp_path / name, "-o", tmp_path / "out.jsonl")
        assert [row["id"] for row in answers(tmp_path / "out.jsonl")] == ["a", "c"]
        rejects = (tmp_path / "out.rejects.csv").read_text()
        assert rejects.count("\n") == 2
        assert "bytes long; at most" in rejects


# --- broken off, and broken -------------------------------------------------------------------------------


def made_big(path: Path, times: int = 400) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS * times), path, row_group_size=12_000)


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("times", [2, 50])
def test_killed_and_resumed(times: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same bytes as a run that nobody disturbed, wherever it was killed."""
    times = request.config.getoption("--kills") if times > 2 else times
    made_big(tmp_path / "in.parquet")
    started = time.monotonic()
    batch(tmp_path / "in.parquet", "-o", tmp_path / "whole")
    takes = time.monotonic() - started
    expected = parts(tmp_path / "whole")
    chance = random.Random(5)
    for number in range(times):
        folder = tmp_path / f"killed-{number}"
        words = ["batch", str(tmp_path / "in.parquet"), "-o", str(folder), "--as-of", DAY]
        running = subprocess.Popen(
            [*COMMAND, *words], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(takes * chance.random())
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        batch(tmp_path / "in.parquet", "-o", folder, "--resume")
        assert parts(folder) == expected


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    as_parquet(tmp_path / "in.parquet", ROWS)
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out")
    before = parts(tmp_path / "out")
    assert "is not empty" in batch(tmp_path / "in.parquet", "-o", tmp_path / "out", code=2).err
    found = batch(tmp_path / "in.parquet", "-o", tmp_path / "out", "--resume", "--to", "csv", code=2)
    assert "form changed" in found.err
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out", "--resume")
    assert parts(tmp_path / "out") == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with little room; where none can be mounted, files that cannot grow."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    made_big(tmp_path / "in.parquet", 60)
    for name in ("out.parquet", "out.jsonl", "out.csv", "parts"):
        found = batch(tmp_path / "in.parquet", "-o", small_disk / name, code=3)
        assert "cannot be written: no space left" in found.err
        left = [path.name for path in small_disk.iterdir()]
        assert name not in left or name == "parts"
        if name == "parts":
            whole = list((small_disk / name).glob("part-*.parquet"))
            assert all(pq.read_table(path).num_rows for path in whole)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    as_parquet(tmp_path / "in.parquet", ROWS)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    words = [*COMMAND, "batch", "in.parquet", "-o", "out.jsonl"]
    found = subprocess.run(words, cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True, check=False)
    assert found.returncode == 3
    assert "out.jsonl cannot be written: file too large" in found.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize("share", [20, 1000])
def test_corrupted_inputs(share: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Whatever bytes are changed: each row is answered or rejected with a reason, or the file is refused in words."""
    share = request.config.getoption("--corrupted") if share > 20 else share
    chance = random.Random(share)
    as_csv(tmp_path / "in.csv", ROWS[:30])
    as_lines(tmp_path / "in.jsonl", ROWS[:30])
    as_parquet(tmp_path / "in.parquet", ROWS[:30])
    (tmp_path / "in.yaml").write_text("---\n".join(yaml.safe_dump(nested(row)) for row in ROWS[:5]))
    sources = ["in.csv", "in.jsonl", "in.parquet", "in.yaml"]
    for number in range(share):
        name = sources[number % 4]
        data = bytearray((tmp_path / name).read_bytes())
        for _ in range(chance.choice((1, 1, 3, 20))):
            data[int(chance.random() * len(data))] = int(chance.random() * 256)
        if chance.random() < 0.2:
            del data[int(chance.random() * len(data)) :]
        broken = tmp_path / f"broken-{name}"
        broken.write_bytes(data)
        out = tmp_path / "out.jsonl"
        out.unlink(missing_ok=True)
        (tmp_path / "out.rejects.csv").unlink(missing_ok=True)
        found = batch(broken, "-o", out, "--format", "json", code=(0, 3))
        if found.code == 3:
            assert found.err.startswith(str(broken)), found.err
            assert not out.exists()
            continue
        held = json.loads(found.out)
        with (tmp_path / "out.rejects.csv").open(newline="") as file:
            rejects = list(csv.DictReader(file))
        assert all(reject["reason"] for reject in rejects)
        rejected = len({(reject["file"], reject["row"]) for reject in rejects})
        assert held["rows"] == len(answers(out)) + rejected
        if name == "in.jsonl":
            assert held["rows"] == sum(bool(line.strip()) for line in bytes(data).split(b"\n"))


# --- one by one -------------------------------------------------------------------------------------------


def test_tests_missing_and_checks_are_those_of_advise(tmp_path: Path) -> None:
    rows = ROWS[:8]
    as_parquet(tmp_path / "in.parquet", rows)
    (tmp_path / "cases.json").write_text(json.dumps([nested(row) for row in rows]))
    wanted = command("advise", tmp_path / "cases.json", "--format", "jsonl", "--as-of", DAY)
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl", "--tests")
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out.csv", "--tests")
    with (tmp_path / "out.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    for line, found, cell in zip(wanted.out.splitlines(), answers(tmp_path / "out.jsonl"), cells, strict=True):
        answer = json.loads(line)
        checks = [*answer["checks"], *(check for option in answer["options"] for check in option["checks"])]
        assert found["tests"] == [test["fact"] for test in answer["tests"]]
        assert found["missing"] == answer["missing"]
        assert found["checks"] == sorted({fact for check in checks for fact in check["facts"]})
        assert cell["missing"] == (";".join("+".join(facts) for facts in answer["missing"]) or "none")
    held = json.loads(batch(tmp_path / "in.parquet", "-o", tmp_path / "o.csv", "--tests", "--format", "json").out)
    missing = [answer["missing"] for answer in answers(tmp_path / "out.jsonl")]
    assert sum(held["settled_by_one_fact"].values()) == sum(len(facts) == 1 for sets in missing for facts in sets)
    assert held["verdicts"]["undetermined"] == sum(bool(sets) for sets in missing)


def test_whole_recommendations_of_a_part(tmp_path: Path) -> None:
    as_csv(tmp_path / "in.csv", ROWS[:30])
    where = "{all: [{verdict: undetermined}, {patient.ecog: {at_most: 1}}]}"
    batch(tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--explain", "--where", where)
    explained = answers(tmp_path / "out.explained.jsonl")
    with (tmp_path / "out.csv").open(newline="") as file:
        verdicts = {line["id"]: line["verdict"] for line in csv.DictReader(file)}
    low = [row["id"] for row in ROWS[:30] if row["patient.ecog"] <= 1 and verdicts[row["id"]] == "undetermined"]
    assert [answer["case"]["id"] for answer in explained] == low
    alone = command("advise", tmp_path / "one.json", "--format", "jsonl", "--as-of", DAY, code=(0, 3))
    assert alone.code == 3
    (tmp_path / "one.json").write_text(json.dumps(nested(next(row for row in ROWS if row["id"] == low[0]))))
    alone = command("advise", tmp_path / "one.json", "--format", "jsonl", "--as-of", DAY)
    assert json.loads(alone.out) == explained[0]
    found = batch(tmp_path / "in.csv", "-o", tmp_path / "o.csv", "--explain", "--where", "{verdct: x}", code=2)
    assert "did you mean `verdict`" in found.err
    assert "add `--explain`" in batch(tmp_path / "in.csv", "-o", tmp_path / "o.csv", "--where", where, code=2).err


def test_both_engines_on_every_case(tmp_path: Path) -> None:
    as_csv(tmp_path / "in.csv", ROWS[:16])
    batch(tmp_path / "in.csv", "-o", tmp_path / "a.jsonl")
    batch(tmp_path / "in.csv", "-o", tmp_path / "b.jsonl", "--engine", "durable")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_a_crash_costs_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from secondline import recommend as module
    from secondline.batch import each

    real = module.recommend

    def crashing(profile: Any, adviser: Any, question: Any) -> Any:
        if question.case_id in ("p3", "p4", "p11"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if question.case_id == "p7":
            raise EngineError("did not take a fact")
        return real(profile, adviser, question)

    monkeypatch.setattr(each, "recommend", crashing)
    as_csv(tmp_path / "in.csv", ROWS[:20])
    found = batch(tmp_path / "in.csv", "-o", tmp_path / "out.jsonl", "--engine", "durable", code=1)
    assert "4 cases have no answer" in found.err
    with (tmp_path / "out.rejects.csv").open(newline="") as file:
        rejects = {int(reject["row"]): reject["reason"] for reject in csv.DictReader(file)}
    assert sorted(rejects) == [4, 5, 8, 12]
    assert "signal 11" in rejects[4]
    assert rejects[8] == "did not take a fact"
    assert len(answers(tmp_path / "out.jsonl")) == 16


# --- what a first user met --------------------------------------------------------------------------------


def test_a_row_that_contradicts_itself_costs_that_row(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "id,disease.extent,disease.er,disease.her2,biomarkers.esr1,progression.status,prior_cdk46.agent\n"
        "x,metastatic,positive,negative,wild-type,molecular,palbociclib\n"
        "y,metastatic,positive,negative,mutated,molecular,palbociclib\n"
    )
    batch(tmp_path / "in.csv", "-o", tmp_path / "out.jsonl")
    assert [answer["id"] for answer in answers(tmp_path / "out.jsonl")] == ["y"]
    assert ",x,progression.status," in (tmp_path / "out.rejects.csv").read_text()


@pytest.mark.parametrize("name", ["z.csv", "z.yaml"])
def test_every_row_rejected(name: str, tmp_path: Path) -> None:
    text = "id,disease.er\nx,foo\n" if name == "z.csv" else "profile: {disease: {er: foo}}\n"
    (tmp_path / name).write_text(text)
    for form, more in (("jsonl", []), ("csv", ["--tests"]), ("parquet", ["--tests", "--explain"])):
        for words in (more, [*more, "--engine", "durable"]):
            assert "1 of 1 row was rejected" in batch(tmp_path / name, "-o", tmp_path / f"out.{form}", *words).err


def test_a_quote_that_nobody_closes_costs_its_line(tmp_path: Path) -> None:
    lines = ["id,disease.er,patient.age_years", *(f"r{number},positive,{40 + number % 40}" for number in range(300))]
    for at, line in ((5, '"r4,positive,44'), (200, 'r199,positive",50'), (250, '"r249\nr249",positive,50')):
        lines[at] = line
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    batch(tmp_path / "in.csv", "-o", tmp_path / "out.jsonl")
    assert len(answers(tmp_path / "out.jsonl")) == 297
    with (tmp_path / "out.rejects.csv").open(newline="") as file:
        assert [int(reject["line"]) for reject in csv.DictReader(file)] == [6, 201, 251]


def test_parts_that_were_changed_are_answered_again(tmp_path: Path) -> None:
    as_csv(tmp_path / "in.csv", ROWS)
    batch(tmp_path / "in.csv", "-o", tmp_path / "out")
    before = parts(tmp_path / "out")
    (part,) = (tmp_path / "out").glob("part-*.parquet")
    part.write_bytes(part.read_bytes()[:1000])
    batch(tmp_path / "in.csv", "-o", tmp_path / "out", "--resume")
    assert parts(tmp_path / "out") == before
    text = (tmp_path / "in.csv").read_text()
    (tmp_path / "in.csv").write_text(text.replace("p499", "p498"))
    found = batch(tmp_path / "in.csv", "-o", tmp_path / "out", "--resume", code=2)
    assert "inputs changed" in found.err


def test_rejects_are_told_where_no_file_takes_them(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,disease.er\nx,foo\ny,positive\n")
    found = batch(tmp_path / "in.csv", "-o", "-")
    assert "in.csv: row 1: disease.er: at" in found.err
    assert len(found.out.splitlines()) == 1


def test_whole_numbers_are_ids(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [7, 8], "patient.age_years": [50, 500]}), tmp_path / "in.parquet")
    batch(tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl")
    assert [answer["id"] for answer in answers(tmp_path / "out.jsonl")] == ["7"]
    assert "in.parquet,2,,8,patient.age_years" in (tmp_path / "out.rejects.csv").read_text()


def test_a_draft_is_refused_until_it_is_completed(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("Alter,disease.er\n61,pos\n70,neg\n")
    draft = batch(tmp_path / "in.csv", "--draft-columns").out
    assert "Alter: null" in draft
    (tmp_path / "map.yaml").write_text(draft)
    found = batch(tmp_path / "in.csv", "-o", tmp_path / "o.csv", "--columns", tmp_path / "map.yaml", code=3)
    assert "`disease.er` cannot be `WHAT`" in found.err
    (tmp_path / "map.yaml").write_text(
        "columns: {Alter: null, disease.er: {fact: disease.er, values: {pos: positive}}}\n"
    )
    batch(tmp_path / "in.csv", "-o", tmp_path / "o.csv", "--columns", tmp_path / "map.yaml")
    assert "the column map has no code for it" in (tmp_path / "o.rejects.csv").read_text()


# --- what a hostile reviewer met --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ('{"id":"b","disease.er":"\\ud800"}', ""),
        ('{"id":"b","safety.qtcf_ms":9007199254740993}', "safety.qtcf_ms"),
        ('{"id":"b","disease.er":"negative","disease.er.status":"positive"}', ""),
        ('{"id":"b","nonsense":1}', ""),
        ("[1, 2]", ""),
    ],
)
def test_a_bad_line_costs_itself(line: str, fact: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(f'{{"id":"a"}}\n{line}\n{{"id":"c"}}\n')
    batch(tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert [answer["id"] for answer in answers(tmp_path / "out.jsonl")] == ["a", "c"]
    with (tmp_path / "out.rejects.csv").open(newline="") as file:
        (reject,) = csv.DictReader(file)
    assert reject["row"] == "2"
    assert fact in reject["fact"]


def test_a_row_written_as_a_case_is_told_that_its_profile_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"id": "J1", "disease": {"er": "positive"}, "patient": {"ecog": 1}}\n{"id": "J2", "disease.er": "positive"}\n'
        '{"id": "J3", "safety": {"qtcf": 430}}\n{"id": "J4", "disease": "metastatic"}\n'
    )
    batch(path, "-o", tmp_path / "out.csv")
    rejects = {
        row["id"]: row["reason"] for row in csv.DictReader(io.StringIO((tmp_path / "out.rejects.csv").read_text()))
    }
    says = "a case without `profile`; put these facts under `profile`, or name columns by path, as "
    assert rejects["J1"] == f"{says}`disease.er`"
    assert rejects["J3"] == f"{says}`safety.qtcf_ms`"
    assert rejects["J4"] == f"{says}`disease.extent`"
    assert "J2" not in rejects


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("p1,positive", ["1:1: no column of the first line is a fact; is the header missing? A column map says "]),
        (
            "NAME,disease.HER2,WHAT,progresion.status",
            [
                "1:1: no column of the first line is a fact; a column map says ",
                "1:2: no fact `disease.HER2`; did you mean `disease.her2`?",
                "1:4: no fact `progresion.status`; did you mean `progression.status`?",
            ],
        ),
    ],
)
def test_a_header_without_facts(header: str, says: list[str], tmp_path: Path) -> None:
    path = tmp_path / "my table.csv"
    path.write_text(f"{header}\n{header}\n")
    ran = batch(path, "-o", tmp_path / "out.csv", code=3)
    for line, said in zip(ran.err.splitlines(), says, strict=True):
        assert line.startswith(f"{path}:{said}")
    assert f"and `secondline batch '{path}' --draft-columns` drafts one" in ran.err


def test_columns_of_types_that_are_no_facts(tmp_path: Path) -> None:
    """Each costs its rows, not the run; what can be meant is read."""
    plain = {"id": ["a", "b"], "disease.er": ["positive", "positive"]}
    for name, column, kept in (
        ("jurisdiction", pa.array([["us"], None]), ["b"]),
        ("as_of", pa.array([1, None], pa.timestamp("ns", "Europe/Berlin")), ["a", "b"]),
        ("as_of", pa.array([1_700_000_000, None], pa.timestamp("s")), ["a", "b"]),
        ("disease.pr", pa.array(["positive", None], pa.string_view()), ["a", "b"]),
        ("patient.pregnant", pa.array([0, None]), ["b"]),
        ("disease.her2.ihc", pa.array([0, None]), ["a", "b"]),
        ("id", pa.array([b"a", b"b"]), []),
    ):
        pq.write_table(pa.table({**plain, name: column}), tmp_path / "in.parquet")
        for more in ([], ["--tests"]):
            command("batch", tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl", *more)
            assert [answer["id"] for answer in answers(tmp_path / "out.jsonl")] == kept, name


def test_codes_of_sets_are_read_member_by_member(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("columns: {O: {fact: disease.sites, values: {K: bone, L: liver, X: null}}}\n")
    (tmp_path / "in.csv").write_text("id,O\na,K;L\nb,X\nc,L\n")
    pq.write_table(pa.table({"id": ["a", "b", "c"], "O": [["K", "L"], ["X"], ["L"]]}), tmp_path / "in.parquet")
    for name in ("in.csv", "in.parquet"):
        batch(tmp_path / name, "-o", tmp_path / "o.jsonl", "--columns", tmp_path / "map.yaml")
        assert len(answers(tmp_path / "o.jsonl")) == 3


def test_nothing_that_a_patient_is_reaches_the_summary(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,disease.er,history.agents\na,x` Erika Mustermann,letrozole\nb,,Erika, got 1\n")
    (tmp_path / "in.jsonl").write_text('{"id":"b","history.agents":["Erika, got `Mustermann` 1"]}\n')
    for name in ("in.csv", "in.jsonl"):
        found = batch(tmp_path / name, "-o", tmp_path / "out")
        shutil.rmtree(tmp_path / "out")
        assert "Erika" not in found.out + found.err
        assert "Mustermann" not in found.out + found.err
    (tmp_path / "in.csv").write_text("Erika Mustermann,61\nMax Muster,70\n")
    assert "Erika" not in batch(tmp_path / "in.csv", "-o", tmp_path / "o.csv", code=3).err


def test_a_run_of_today_can_be_resumed_tomorrow(tmp_path: Path) -> None:
    as_csv(tmp_path / "in.csv", ROWS[:20])
    command("batch", tmp_path / "in.csv", "-o", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    about["as_of"] = "2026-01-15"
    (tmp_path / "out" / "about.json").write_text(json.dumps(about))
    command("batch", tmp_path / "in.csv", "-o", tmp_path / "out", "--resume")
    (tmp_path / "out" / "about.json").write_text("{")
    assert "cannot be read" in command("batch", tmp_path / "in.csv", "-o", tmp_path / "out", "--resume", code=2).err
