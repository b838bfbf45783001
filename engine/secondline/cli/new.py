"""`secondline new`: a file that already passes `check`, with what each key is for."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from secondline.cli.shared import AsOf, Rules, absent, chosen, day, folder, save, verb, with_rules, write
from secondline.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    from secondline.loading import Loaded
    from secondline.scales import Jurisdiction

JURISDICTIONS = ("us", "eu")
Own = Annotated[
    Path | None, typer.Option("--rules", metavar="FOLDER", help="Your rule folder; `rules/` here by default.")
]
SCHEMAS = ".schemas"  # in the rule folder, where `schema all -o` is told to write

app = typer.Typer(help="A file that already passes `check`.", no_args_is_help=True, rich_markup_mode=None)


@app.command("rule")
@verb
def rule_command(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="verdict, option, gate, test, caution, definition or law.")
    ],
    name: Annotated[str, typer.Argument(metavar="ID", help="Small letters, digits and hyphens.")],
    rules: Own = None,
    regimens: Annotated[
        list[str] | None, typer.Option("--regimen", help="Of an option; of a gate, may be repeated.")
    ] = None,
    agents: Annotated[list[str] | None, typer.Option("--agent", help="A drug that a gate applies to.")] = None,
    classes: Annotated[list[str] | None, typer.Option("--class", help="A class that a gate applies to.")] = None,
    fact: Annotated[str | None, typer.Option("--fact", help="Of a test; of a definition, a new one.")] = None,
    jurisdiction: Annotated[str | None, typer.Option("--jurisdiction", help="Of an option or gate: us or eu.")] = None,
    cites: Annotated[list[str] | None, typer.Option("--cites", help="What it stands on. May be repeated.")] = None,
) -> None:
    """Write a rule, definition or law that is not in effect yet, with what each key is for."""
    from secondline.authoring.scaffold import KINDS, NewRule, rule_text
    from secondline.authoring.wanted import RULE_ID, fitting, known, unused, with_cites
    from secondline.schemas.subjects import FILES

    chosen(kind, (*KINDS, "law"), "KIND")
    if jurisdiction is not None:
        chosen(jurisdiction, JURISDICTIONS, "--jurisdiction")
    wanted = NewRule(
        kind,
        name,
        regimens=tuple(regimens or ()),
        agents=tuple(agents or ()),
        classes=tuple(classes or ()),
        fact=fact,
        jurisdiction=jurisdiction,
        cites=tuple(cites or ()),
    )
    fitting(wanted)
    loaded = own(rules)
    unused(name, RULE_ID, loaded)
    known(wanted, loaded.base)
    if kind == "law":
        append_law(loaded, name)
        return
    wanted = with_cites(wanted, loaded.base)
    path = Path(loaded.folder) / Path(FILES[kind]).parent / f"{name}.yaml"
    yes_no = min((d.id for d in loaded.base.definitions if d.fact is None), default=None)
    write_new(path, rule_text(wanted, yes_no, modeline(path, loaded.folder, kind)))
    if kind == "definition":
        said("read by nothing yet; once a rule reads it, take its note out")
    else:
        said("not in effect yet; fill it in, add two cases, and take `effective` out")


@app.command("evidence")
@verb
def evidence_command(
    name: Annotated[str, typer.Argument(metavar="ID", help="Capitals, digits and hyphens.")],
    rules: Own = None,
    kind: Annotated[str, typer.Option("--kind", help="trial, label, guideline, meta-analysis or cohort.")] = "trial",
) -> None:
    """Write an evidence file that no rule cites yet, with what each key is for."""
    from secondline.authoring.scaffold import evidence_text
    from secondline.authoring.wanted import EVIDENCE_ID, unused
    from secondline.forms.evidence import Evidence

    chosen(kind, get_args(Evidence.model_fields["kind"].annotation), "--kind")
    loaded = own(rules)
    unused(name, EVIDENCE_ID, loaded)
    path = Path(loaded.folder) / "evidence" / f"{name.lower()}.yaml"
    write_new(path, evidence_text(name, kind, modeline(path, loaded.folder, "evidence")))
    audit = with_rules(f"secondline evidence audit {name}", Path(loaded.folder))
    said(f"cited by nothing yet; fill it in, then {audit}")


@app.command("case")
@verb
def case_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and hyphens.")],
    rules: Rules = None,
    into: Annotated[Path, typer.Option("--into", metavar="FOLDER", help="Where to write it.")] = Path("cases"),
    as_of: AsOf = None,
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", help="us, eu or none.")] = "none",
) -> None:
    """Write a case of a typical patient that expects what the rules answer now."""
    chosen(jurisdiction, (*JURISDICTIONS, "none"), "--jurisdiction")
    from secondline.authoring.caseform import case_text
    from secondline.authoring.patients import Asked
    from secondline.authoring.wanted import RULE_ID, shaped
    from secondline.cases import CaseReader, Days
    from secondline.recommend import Adviser, recommend
    from secondline.store import ready

    shaped(name, RULE_ID)
    path = into / f"{name}.yaml"
    absent(path)
    other(name, into)
    read = rules or here() or folder(None)
    held = ready(read)
    asked = Asked(day(as_of) or held.base.knowledge_until, cast("Jurisdiction", jurisdiction))
    schema = modeline(path, read, "case")
    plain = case_text(name, asked, held.base.vocabulary, modeline=schema)
    (case,), _ = CaseReader(held.base, held.case_schema, Days()).read(plain.encode(), str(path))
    answer = recommend(case.case.profile, Adviser(held.base, held.program), case.question())
    write_new(path, case_text(name, asked, held.base.vocabulary, answer, schema))
    test = with_rules(f"secondline test {shlex.quote(str(path))}", read)
    said(f"it expects what {read} answers now; change the patient, correct `expect`, then {test}")


# --- where ------------------------------------------------------------------------------------------------


def here() -> Path | None:
    """The rule folder beside which the command runs."""
    beside = Path("rules")
    return beside if any((beside / name).is_file() for name in ("rulebase.yaml", "rulebase.yml")) else None


def own(rules: Path | None) -> Loaded:
    """The rule folder to write into: the one named, or `rules/` here; never the shipped one of itself."""
    from secondline.loading import load
    from secondline.rulefiles import rule_files

    found = rules or here()
    if found is None:
        wanted = "name it with `--rules my-rules/`, or run this where `rules/` holds a `rulebase.yaml`"
        raise UsageError(f"`new` writes into a rule folder of your own; {wanted}")
    return load(rule_files(found))


def modeline(path: Path, rules: str | Path, kind: str) -> str | None:
    """The schema that an editor is to take for a file, as seen from it, where the rule folder keeps schemas."""
    schema = Path(rules) / SCHEMAS / f"{kind}.json"
    return os.path.relpath(schema, path.parent).replace(os.sep, "/") if schema.is_file() else None


def other(name: str, cases: Path) -> None:
    """Refuse the id of a case in these files; one that cannot be read is left to `test`."""
    from secondline.cli.test import ENDINGS
    from secondline.source import Node, parse_each, read_bytes

    for path in sorted(cases.rglob("*")) if cases.is_dir() else ():
        if path.suffix not in ENDINGS or not path.is_file():
            continue
        with suppress(InputError):
            tops = [top for top in parse_each(read_bytes(path, str(path)), str(path)) if isinstance(top, Node)]
            for node in (item for top in tops for item in (top.value if isinstance(top.value, list) else [top])):
                if isinstance(node.value, dict) and "id" in node.value and node.value["id"].value == name:
                    raise UsageError(f"`{name}` is the id of a case in {node.place} already; choose another")


def write_new(path: Path, text: str) -> None:
    """Write a new file and print its name."""
    absent(path)
    save(path, text)
    write(f"{path}\n")


def said(words: str) -> None:
    print(f"secondline: {words}", file=sys.stderr)


def append_law(loaded: Loaded, name: str) -> None:
    """Add a law to the end of `laws.yaml`, and leave the rest of the file as it is."""
    from secondline.authoring.scaffold import law_after

    listed = [loaded.nodes[law.id].place for law in loaded.laws]
    path = Path(listed[0].file if listed else f"{loaded.folder}/laws.yaml")
    try:
        held = path.read_bytes().decode() if listed else ""
        added = law_after(held, max((place.line for place in listed), default=0), name)
        if added is None:
            raise UsageError(f"{path} does not hold each law behind a dash of its own; add the law by hand")
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(added)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None
    write(f"{path}\n")
    said(f"`{name}` is its last law; not in effect yet")
