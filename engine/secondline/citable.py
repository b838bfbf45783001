"""Every cite that an evidence offers, each as short as it can be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING

from secondline.evidence import CITE_KEYS, Sourced, lineages, parse_cite, source

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence

BARE = ("label", "guideline")  # kinds that are cited by their id alone too


def citable(evidence: Evidence, knowledge_until: date) -> Iterator[str]:
    """The cites of an evidence in the order of its reports: one for each result that can be told from the others."""
    if evidence.kind in BARE:
        yield evidence.id
    for group in lineages(evidence):
        found = _shortest(group[-1], evidence, knowledge_until)
        if found:
            yield found


def _shortest(sourced: Sourced, evidence: Evidence, knowledge_until: date) -> str | None:
    """The cite with the fewest keys that means a result and no other; None where no keys tell it apart."""
    result = sourced.result
    values = {**{key: getattr(result, key) for key in CITE_KEYS[:3]}, "report": sourced.report.id}
    needed = ("report",) if evidence.independent else ()
    spare = [key for key in CITE_KEYS[:3] if values[key] is not None]
    for keys in (some for size in range(len(spare) + 1) for some in combinations(spare, size)):
        listed = ",".join(f"{key}={values[key]}" for key in (*keys, *needed))
        text = f"{evidence.id}/{result.endpoint}" + (f"[{listed}]" if listed else "")
        cite = parse_cite(text)
        try:
            meant = source(cite, evidence, knowledge_until) if cite else None
        except ValueError:
            continue
        if meant and any(held is result for _, _, held in meant.reports):
            return text
    return None
