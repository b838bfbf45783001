"""`secondline evidence`: the evidence that the rules stand on, and its history."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated

import typer

from secondline.cli.shared import AsOf, Rules, chosen, day, folder, verb, write
from secondline.errors import UsageError, did_you_mean

FORMATS = ("text", "json")
AUDIT_FORMATS = ("text", "json", "junit", "sarif")
_FOR_EVIDENCE = ("evidence/", "vocabulary/", "definitions/", "rulebase.yaml")
Form = Annotated[str, typer.Option("--format", help="text or json.")]

app = typer.Typer(help="The evidence that the rules stand on.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@verb
def list_command(rules: Rules = None, as_of: AsOf = None, form: Form = "text") -> None:
    """List every trial, label and guideline with its newest report."""
    chosen(form, FORMATS)
    asked = day(as_of) or date.today()
    from secondline.report.evidence import list_text, listed
    from secondline.store import ready

    base = ready(folder(rules)).base
    rows = listed(list(base.evidence.values()), asked, base.knowledge_until)
    write(
        (list_text(rows) if form == "text" else json.dumps(rows, sort_keys=True, indent=2, ensure_ascii=False)) + "\n"
    )


@app.command("show")
@verb
def show_command(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `secondline evidence list` names it.")],
    rules: Rules = None,
    as_of: AsOf = None,
    form: Form = "text",
) -> None:
    """Show one evidence: its reports, their figures, and what supersedes what."""
    chosen(form, FORMATS)
    asked = day(as_of) or date.today()
    from secondline.report.evidence import show_text, shown
    from secondline.store import ready

    base = ready(folder(rules)).base
    if name not in base.evidence:
        near = did_you_mean(name, base.evidence) or "; `secondline evidence list` names them"
        raise UsageError(f"no evidence `{name}`{near}")
    item = shown(base.evidence[name], asked, base.knowledge_until)
    write(
        (show_text(item) if form == "text" else json.dumps(item, sort_keys=True, indent=2, ensure_ascii=False)) + "\n"
    )


@app.command("audit")
@verb
def audit_command(
    name: Annotated[str | None, typer.Argument(metavar="ID", help="One evidence; all of them by default.")] = None,
    rules: Rules = None,
    form: Annotated[str, typer.Option("--format", help="text, json, junit or sarif.")] = "text",
    unchecked: Annotated[bool, typer.Option("--unchecked", help="List the figures that no check reads.")] = False,
) -> None:
    """Recompute what can be recomputed: whether the figures agree with one another."""
    chosen(form, AUDIT_FORMATS)
    from secondline.audit.run import audit
    from secondline.loading import load
    from secondline.report.audit import as_checked, audit_json, audit_text
    from secondline.report.findings import as_junit, as_sarif
    from secondline.rulefiles import rule_files

    files = rule_files(folder(rules))
    needed = {file: data for file, data in files.contents.items() if file.startswith(_FOR_EVIDENCE)}
    loaded = load(files._replace(contents=needed))
    evidence, nodes = loaded.base.evidence, loaded.nodes
    if name is not None and name not in evidence:
        near = did_you_mean(name, evidence) or "; `secondline evidence list` names them"
        raise UsageError(f"no evidence `{name}`{near}")
    audited = audit(list(evidence.values()), loaded.base.knowledge_until, only=name)
    if form == "text":
        write(audit_text(audited, nodes, unchecked=unchecked))
    elif form == "json":
        write(json.dumps(audit_json(audited, nodes), sort_keys=True, indent=2, ensure_ascii=False) + "\n")
    else:
        checked = as_checked(audited, nodes)
        write((as_junit(checked, "evidence") if form == "junit" else as_sarif(checked)) + "\n")
    if audited.findings:
        raise typer.Exit(1)
