"""A new case: a typical patient, every fact that could be stated, and the answer that the rules give now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from secondline.authoring.patients import Asked, profile_of, typical
from secondline.authoring.scaffold import comment
from secondline.facts import NOT_KNOWN, Fact, catalogue
from secondline.keys import ABOUT
from secondline.recommendation import Recommendation
from secondline.scales import OFFERED
from secondline.vocabulary import AROMATASE, INHIBITOR, Vocabulary

_STATED = (
    *("patient.age_years", "patient.sex", "patient.menopausal_status", "patient.ecog"),
    *("disease.extent", "disease.er", "disease.pr", "disease.her2", "disease.sites", "disease.visceral_crisis"),
    "progression.status",
)
_GROUPS = ("patient", "disease", "biomarkers", "progression", "safety")
_DERIVED = ("prior_cdk46", "history")


def case_text(
    name: str, asked: Asked, vocabulary: Vocabulary, answer: Recommendation | None = None, modeline: str | None = None
) -> str:
    """A case file with one case; `answer` is what it is to expect."""
    opening = (
        "A case: one patient, the day asked, the answer expected. What is left out is unknown, never no. `expect` says "
        "what the rules answered when this was written: correct it to what is right, then `secondline test`."
    )
    lines = [f"# yaml-language-server: $schema={modeline}"] if modeline else []
    lines += [*comment(opening), "", *_head(name, asked), "  profile:", *_profile(vocabulary)]
    return "\n".join([*lines, *(_expected(answer) if answer else ())]) + "\n"


def _head(name: str, asked: Asked) -> Iterator[str]:
    about = ABOUT["Case"]
    values = {
        "id": name,
        "title": name.replace("-", " "),
        "as_of": asked.day.isoformat(),
        "jurisdiction": asked.jurisdiction,
    }
    for key, value in values.items():
        yield from _noted(about[key])
        yield f"{'- ' if key == 'id' else '  '}{key}: {value}"


def _profile(vocabulary: Vocabulary) -> Iterator[str]:
    about = ABOUT["Profile"]
    stated = profile_of({path: typical(path) for path in _STATED})
    for group in _GROUPS:
        if group == "progression":
            yield from _therapies(vocabulary)
        yield from _noted(about[group], 2)
        facts = [fact for fact in catalogue().values() if fact.path.startswith(f"{group}.")]
        yield from (f"    #   {_offered(fact)}" for fact in facts if fact.main is None)
        if group == "biomarkers":
            parts = {fact.path.rpartition(".")[2]: _values(fact) for fact in facts if fact.main == facts[0].path}
            listed = ", ".join(f"{name}: {values}" for name, values in {"result": "as above", **parts}.items())
            yield from _noted(f"any of them: {' | '.join(NOT_KNOWN)}, or a mapping, {{{listed}}}", 2, "  ")
        yield f"    {group}: {_flow(stated.get(group, {}))}"
    for group in _DERIVED:
        yield from _noted(f"{group}: {about[group]}", 2)


def _therapies(vocabulary: Vocabulary) -> Iterator[str]:
    yield from _noted(ABOUT["Profile"]["therapies"], 2)
    for key, about in ABOUT["Therapy"].items():
        yield from _noted(f"{key}: {about}", 2, "  ")
    inhibitor, partner = (
        drug if drug in vocabulary.drugs else role
        for drug, role in (("palbociclib", INHIBITOR), ("letrozole", AROMATASE))
    )
    yield "    therapies:"
    ended = "best_response: stable, stopped_for: progression"
    yield f"      - {{setting: metastatic, agents: [{inhibitor}, {partner}], months: 19, {ended}}}"


def _offered(fact: Fact) -> str:
    """A fact with what it can be; of a receptor or HER2 its parts too."""
    values = _values(fact)
    parts = catalogue().parts.get(fact.path, ())
    if parts and fact.path.startswith("disease."):
        names = ", ".join(("status", *(part.rpartition(".")[2] for part in parts)))
        values += f" | {' | '.join(NOT_KNOWN)}, or {{{names}}}"
    return f"{fact.path.partition('.')[2]}: {values}"


def _values(fact: Fact) -> str:
    if fact.numeric:
        return f"{fact.low:g} to {fact.high:g}{f' {fact.unit}' if fact.unit else ''}"
    if fact.kind == "set":
        return f"[{', '.join(fact.values)}]"
    return " | ".join(("true", "false") if fact.kind == "boolean" else fact.values or ("text",))


def _expected(answer: Recommendation) -> Iterator[str]:
    about = ABOUT["Expect"]
    values: dict[str, Any] = {
        "verdict": answer.verdict,
        "settled": answer.settled,
        "decided_by": list(answer.decided_by),
        "missing": [list(group) for group in answer.missing],
    }
    offered = {option.regimen: option.tier for option in answer.options if option.tier in OFFERED}
    more = {"options": dict([*offered.items()][:3]), "tests": [test.fact for test in answer.tests][:3]}
    yield "  expect:"
    for key, value in values.items():
        yield from _noted(about[key], 2)
        yield f"    {key}: {_flow(value)}"
    for key, value in more.items():
        yield from _noted(about[key], 2)
        yield f"    # {key}: {_flow(value)}"


def _noted(words: str, depth: int = 1, indent: str = "") -> Iterator[str]:
    yield from (f"{'  ' * depth}{line}" for line in comment(words, indent))


def _flow(value: Any) -> str:
    return str(yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=1_000_000)).strip()[1:-1]
