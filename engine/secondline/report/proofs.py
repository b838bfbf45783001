"""What was proved of a rule base, for a reader and for machines.

As JSON (`"schema": "secondline/proofs/1"`): `rules`, the digest of the rules; `day`, where proved of one day alone;
`claims`, each with `name`, `kind`, `about`, `says`, `days` on which it says anything, `status` and what was `found`:
the rules that a proof needs or a refutation is about, and the cases that show a refutation; `summary` counts them.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from secondline.authoring.claims import KINDS, Claims, Proof
from secondline.authoring.patients import as_yaml
from secondline.authoring.proofs import Proved
from secondline.errors import Place, Problem, counted
from secondline.report.findings import Checked
from secondline.source import Node

SCHEMA = "secondline/proofs/1"
_WORDS = {"proved": "proved", "refuted": "REFUTED", "open": "OPEN"}


def as_text(claims: Claims, proved: Sequence[Proved], written: Mapping[str, str], folder: str, *, each: bool) -> str:
    """What was proved, by kind, and everything that was not; with `each`, every claim and what its proof needs.

    `written` gives the file of each case that was written, by the case's id.
    """
    days = f"on {claims.day}" if claims.day else "on every day"
    lines = [f"{_claims(proved)} {days}, for the US, the EU and where no jurisdiction is given", ""]
    lines += _each(claims, proved) if each else [*_kinds(proved), *_without_laws(claims)]
    for one in proved:
        for proof in one.proofs:
            if proof.status != "proved":
                lines += ["", *_against(claims, one, proof, written, folder)]
    return "\n".join([*lines, "", summary(proved)]) + "\n"


def summary(proved: Sequence[Proved]) -> str:
    found = Counter(one.status for one in proved)
    return f"{_claims(proved)}: {found['proved']} proved, {found['refuted']} refuted, {found['open']} open"


def _claims(proved: Sequence[Proved]) -> str:
    return counted(len(proved), "claim")


def _kinds(proved: Sequence[Proved]) -> Iterator[str]:
    for kind, says in KINDS.items():
        found = Counter(one.status for one in proved if one.claim.kind == kind)
        if found:
            worst = next(status for status in ("refuted", "open", "proved") if found[status])
            count = f"{found['proved']} of {found.total()}" if worst != "proved" else str(found.total())
            confirmed = sum(one.claim.kind == kind and any(p.confirmed for p in one.proofs) for one in proved)
            number = "" if confirmed == found.total() else f"{confirmed} "
            again = f", {number}confirmed by decision diagrams" if confirmed else ""
            yield f"{_WORDS[worst]:8} {kind:9} {says} ({count}{again})"


def _without_laws(claims: Claims) -> Iterator[str]:
    """Where no law is written, none is claimed to hold: that is said, lest it seem proved."""
    if not claims.laws:
        yield f"{'NONE':8} {'law':9} no law is written; `laws.yaml` is where they stand"


def _each(claims: Claims, proved: Sequence[Proved]) -> Iterator[str]:
    for one in proved:
        since, until = one.claim.days
        days = f"{f' from {since}' if since else ''}{f' until {until}' if until else ''}"
        yield f"{_WORDS[one.status]:8} {one.claim.name}: {one.claim.says}{f',{days}' if days else ''}"
        for proof in one.proofs:
            if proof.status == "proved" and proof.rules:
                yield f"         by {', '.join(map(claims.title, proof.rules))}"


def _against(claims: Claims, one: Proved, proof: Proof, written: Mapping[str, str], folder: str) -> Iterator[str]:
    yield f"{one.claim.name}: {one.claim.says}"
    yield f"  {'refuted' if proof.status == 'refuted' else 'open'}: {proof.says}"
    if proof.rules:
        yield f"  rules: {', '.join(map(claims.title, proof.rules))}"
    if not proof.cases:
        if proof.status == "refuted":
            yield "  no patient shows it"
        return
    yield f"  to be seen: {proof.answer}"
    trace = " --explain" if one.claim.kind == "told" else ""
    for case in proof.cases:
        if case["id"] in written:
            yield f"  secondline advise {shlex.quote(written[case['id']])} --rules {shlex.quote(folder)}{trace}"
    if not any(case["id"] in written for case in proof.cases):
        yield from (f"    {line}" for line in as_yaml(proof.cases).splitlines())


def as_json(claims: Claims, proved: Sequence[Proved]) -> str:
    found = Counter(one.status for one in proved)
    page = {
        "schema": SCHEMA,
        "rules": claims.base.rules_hash,
        "day": claims.day.isoformat() if claims.day else None,
        "claims": [_claim(one) for one in proved],
        "summary": {"claims": len(proved), **{status: found[status] for status in _WORDS}},
    }
    return json.dumps(page, sort_keys=True, indent=2, ensure_ascii=False)


def _claim(one: Proved) -> dict[str, object]:
    claim = one.claim
    since, until = (day.isoformat() if day else None for day in claim.days)
    return {
        "name": claim.name,
        "kind": claim.kind,
        "about": claim.about or None,
        "says": claim.says,
        "days": {"from": since, "until": until},
        "status": one.status,
        "found": [proof._asdict() for proof in one.proofs],
    }


def as_checked(proved: Sequence[Proved], nodes: Mapping[str, Node], folder: str) -> list[Checked]:
    """Each claim as something checked, with a problem for each way in which it is not proved."""

    def place(one: Proved, proof: Proof) -> Place:
        named = next((name for name in (one.claim.about, *proof.rules) if name in nodes), None)
        return nodes[named].place if named else Place(f"{folder}/rulebase.yaml", 1, 1)

    return [
        Checked(
            one.claim.name,
            tuple(
                Problem(place(one, proof), f"{one.claim.says}: {proof.says}")
                for proof in one.proofs
                if proof.status != "proved"
            ),
        )
        for one in proved
    ]
