"""The README says what is so: its case and output are real, its commands run, its files are there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from conftest import ROOT
from test_cli import COMMAND, alone

README = ROOT / "README.md"
_BLOCK = r"<!-- {kind}: (.+?) -->\n(?:\n```\w*\n.*?```\n)?"


def filled(text: str) -> str:
    """The README with the case and the outputs it shows put in; of an output the case and the sections it names."""

    def case(found: re.Match[str]) -> str:
        body = (ROOT / found[1]).read_text().partition("expect:")[0]
        return f"<!-- case: {found[1]} -->\n\n```yaml\n{body}```\n"

    def output(found: re.Match[str]) -> str:
        command, name, sections = (part.strip() for part in found[1].split("|"))
        ran = alone(*shlex.split(command)[1:])
        assert (ran.code, ran.err) == (0, "")
        (shown,) = [page for page in re.split(r"\n-+\n\n", ran.out) if page.startswith(f"{name}, ")]
        head, *rest = re.split(r"\n\n(?=[A-Z])", shown.rstrip())
        wanted = sections.split(", ")
        kept = [part for part in rest if part.partition("\n")[0] in wanted]
        assert [part.partition("\n")[0] for part in kept] == wanted
        body = "\n\n".join([head, rest[0], *kept])
        return f"<!-- output: {found[1]} -->\n\n```\n{body}\n```\n"

    text = re.sub(_BLOCK.format(kind="case"), case, text, flags=re.DOTALL)
    return re.sub(_BLOCK.format(kind="output"), output, text, flags=re.DOTALL)


def test_the_case_and_the_output_shown_are_real(rewrite: bool) -> None:
    if rewrite:
        README.write_text(filled(README.read_text()))
    assert filled(README.read_text()) == README.read_text()


def commands() -> list[str]:
    """Every `secondline` command of the README, without its comment."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(".venv/bin/secondline ")]


def registry(folder: Path) -> None:
    """The tables that the README's commands read, and a column map that they need not have."""
    rows = [{"id": "p1", "disease.er": "positive", "disease.her2": "negative", "prior_cdk46.agent": "palbociclib"}]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "registry.parquet")
    csv.write_csv(table, folder / "registry.csv")
    (folder / "columns.yaml").write_text("columns:\n  id: id\n")


@pytest.mark.long
@pytest.mark.parametrize("line", commands())
def test_commands_run(line: str, tmp_path: Path) -> None:
    for name in ("mine.yaml", "a.yaml", "b.yaml"):
        (tmp_path / name).write_text((ROOT / "cases" / "typical.yaml").read_text())
    (tmp_path / "cases").symlink_to(ROOT / "cases")
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    if "my-rules/" in line:
        shutil.copytree(ROOT / "rules", tmp_path / "my-rules")
    registry(tmp_path)
    words = shlex.split(line.removeprefix(".venv/bin/secondline "))
    stdin = b""
    if "<" in words:
        stdin = (tmp_path / words[-1]).read_bytes()
        words = words[: words.index("<")]
    words = words[: words.index(">")] if ">" in words else words
    ran = alone(*words, cwd=tmp_path, stdin=stdin)
    assert ran.code == (11 if "--exit-code" in words else 0), ran.err
    assert ran.out


def test_steps_of_the_authors_guide_are_of_the_authors_folder() -> None:
    """Without `--rules` a command takes the shipped rules, in which nothing was changed."""
    text = (ROOT / "rules" / "README.md").read_text()
    steps = text.partition("## From a report to a rule")[2].partition("## Conditions")[0]
    asked = re.findall(r"`secondline (?:check|test|diff|evidence|mutate|cover) [^`]*`", steps)
    assert len(asked) >= 6
    assert [one for one in asked if "my-rules" not in one] == []


def test_docs_of_a_day_after_the_last_reading_say_so(tmp_path: Path) -> None:
    base = str(ROOT / "tests" / "files" / "base")
    ran = alone("docs", "--rules", base, "-o", "late", "--as-of", "2099-01-01", cwd=tmp_path)
    says = "the evidence was last read on 2026-11-22, before 2099-01-01; what came later is not shown"
    assert (ran.code, ran.err) == (0, f"secondline: {says}\n")
    assert alone("docs", "--rules", base, "-o", "then", "--as-of", "2026-11-22", cwd=tmp_path).err == ""


def test_the_two_commands_are_those_of_the_repository() -> None:
    text = README.read_text()
    assert "sh .ci/setup && .venv/bin/secondline advise cases/typical.yaml" in text
    assert "\nsh .ci/test\n" in text
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec sh .ci/test")
    assert COMMAND


@pytest.mark.parametrize(
    "path", ["README.md", *(f"{name}/README.md" for name in ("engine", "rules", "cases", "tests"))]
)
def test_links_and_files_named_are_there(path: str) -> None:
    text = (ROOT / path).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / path).parent.joinpath(target).exists(), target
    for name in re.findall(r"`((?:test_\w+\.py|[\w-]+\.yaml)|(?:cases|rules|tests|engine)/[\w/.-]*)`", text):
        places = [ROOT, (ROOT / path).parent, ROOT / "tests"]
        if name not in ("verdicts/my-rule.yaml", "stop.yaml", "case.yaml"):
            assert any((place / name).exists() for place in places), name


def test_every_case_file_is_listed() -> None:
    text = (ROOT / "cases" / "README.md").read_text()
    for file in (ROOT / "cases").glob("*.yaml"):
        assert f"`{file.name}`" in text


@pytest.mark.long
def test_the_example_of_the_authors_guide_passes_check(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    example = re.findall(r"```yaml\n(id: my-rule.*?)```", (ROOT / "rules" / "README.md").read_text(), re.DOTALL)[0]
    (rules / "verdicts" / "my-rule.yaml").write_text(example)
    ran = alone("check", str(rules))
    assert (ran.code, ", clean" in ran.out) == (0, True), ran.out
