"""`secondline prove`: proves a rule base complete, free of contradiction and true to its laws."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondline.cli.shared import (
    AsOf,
    Rules,
    chosen,
    day,
    folder,
    interruptible,
    save,
    verb,
    what_is,
    writable_folder,
    write,
)
from secondline.errors import UsageError, counted, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secondline.authoring.claims import Claim, Claims
    from secondline.authoring.proofs import Proved
    from secondline.loading import Loaded

FORMATS = ("text", "json", "junit", "sarif")
KEPT = "what was proved is kept, and not proved again"


@verb
def command(
    positional: Annotated[Path | None, typer.Argument(metavar="RULES", help="The rule folder.")] = None,
    rules: Rules = None,
    as_of: AsOf = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CLAIM", help="A claim by name, a kind of claims, or a rule, law or fact."),
    ] = None,
    counterexamples: Annotated[
        Path | None, typer.Option("--counterexamples", metavar="FOLDER", help="Write each counterexample as a case.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, json, junit or sarif.")] = "text",
) -> None:
    """Prove a rule base complete, free of contradiction and true to its laws, or show a patient for whom it is not."""
    chosen(form, FORMATS)
    asked = day(as_of)
    writable_folder(counterexamples)
    begun = time.monotonic()
    if find_spec("z3") is None:
        raise UsageError("`prove` needs z3-solver; install secondline[authors]")
    from secondline.authoring.claims import Claims
    from secondline.authoring.proofs import prove_all
    from secondline.loading import load
    from secondline.report import findings
    from secondline.report.proofs import as_checked, as_json, as_text
    from secondline.rulefiles import rule_files

    loaded = load(rule_files(positional or folder(rules)))
    claims = Claims(loaded.base, loaded.laws, loaded.not_used, asked)
    wanted = among(claims, only or [], loaded)
    anew: list[Claim] = []
    with interruptible(
        lambda: f"after {counted(len(anew), 'claim')} proved or refuted anew, of {len(wanted):,} asked for; {KEPT}"
    ):
        proved = prove_all(claims, wanted, step=anew.append)
    written = write_cases(proved, counterexamples) if counterexamples else {}
    print(
        f"secondline: {counted(len(proved), 'claim')}, {len(anew)} proved anew, in {time.monotonic() - begun:.1f} s",
        file=sys.stderr,
    )
    if form == "text":
        write(as_text(claims, proved, written, loaded.folder, each=bool(only)))
    elif form == "json":
        write(as_json(claims, proved) + "\n")
    else:
        checked = as_checked(proved, loaded.nodes, loaded.folder)
        write((findings.as_junit(checked, "claims") if form == "junit" else findings.as_sarif(checked)) + "\n")
    if any(one.status != "proved" for one in proved):
        raise typer.Exit(1)


def among(claims: Claims, only: Sequence[str], loaded: Loaded) -> list[Claim]:
    """The claims that are asked for; all where none is named."""
    every = claims.every()
    for name in only:
        if not any(name in (claim.name, claim.kind, claim.about) for claim in every):
            names = [*dict.fromkeys(n for claim in every for n in (claim.kind, claim.about, claim.name) if n)]
            near = did_you_mean(name, names)
            what = what_is(name, loaded)
            if what is None and near:
                raise UsageError(f"`--only`: no claim `{name}`{near}")
            kinds = ", ".join(dict.fromkeys(claim.kind for claim in every))
            expected = f"expected a kind of claims ({kinds}), or a rule, definition, law or `not_used` fact{near}"
            on = f" on {claims.day}" if claims.day else ""
            found = f"no claim `{name}`" if what is None else f"`{name}` is {what}, of which nothing is claimed{on}"
            raise UsageError(f"`--only`: {found}; {expected}")
    return [claim for claim in every if not only or {claim.name, claim.kind, claim.about} & {*only}]


def write_cases(proved: Sequence[Proved], target: Path) -> dict[str, str]:
    """Each counterexample as a case file of its own; the file by the case's id."""
    from secondline.authoring.patients import as_yaml

    written: dict[str, str] = {}
    for case in (case for one in proved for proof in one.proofs for case in proof.cases):
        path = target / f"{case['id']}.yaml"
        save(path, as_yaml([case]))
        written[case["id"]] = str(path)
    return written
