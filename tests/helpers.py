"""Small things that several tests need."""

from __future__ import annotations

from datetime import date
from typing import Any

from secondline.cases import CaseFile, CaseReader
from secondline.errors import InputError, Place, Problem
from secondline.recommend import Adviser, Question, recommend
from secondline.recommendation import Recommendation
from secondline.scales import Jurisdiction
from secondline.source import Node

TYPICAL: dict[str, Any] = {
    "patient": {"age_years": 61, "sex": "female", "menopausal_status": "postmenopausal", "ecog": 1},
    "disease": {
        "extent": "metastatic",
        "er": "positive",
        "pr": "negative",
        "her2": "negative",
        "sites": ["bone", "liver"],
        "visceral_crisis": False,
        "symptomatic_visceral": False,
    },
    "therapies": [
        {
            "setting": "metastatic",
            "agents": ["palbociclib", "letrozole"],
            "months": 19,
            "best_response": "stable",
            "stopped_for": "progression",
        }
    ],
    "progression": {"status": "radiological"},
}


def node(plain: Any) -> Node:
    """The node that a file with this content would give."""
    place = Place("case", 1, 1)
    if isinstance(plain, dict):
        found = Node({key: node(value) for key, value in plain.items()}, "a mapping", place)
        found.keys = dict.fromkeys(plain, place)
        return found
    if isinstance(plain, list | tuple):
        return Node([node(item) for item in plain], "a list", place)
    return Node(plain, str(plain), place)


def case(reader: CaseReader, profile: Any, **more: Any) -> CaseFile:
    """A case with this profile; InputError if it is refused."""
    return reader.case(node({"profile": profile, **more}), "case")


def refusal(reader: CaseReader, profile: Any, **more: Any) -> list[Problem]:
    """What a case is refused for; nothing if it is accepted."""
    try:
        case(reader, profile, **more)
    except InputError as error:
        return list(error.problems)
    return []


def answer(
    adviser: Adviser,
    reader: CaseReader,
    profile: Any,
    day: date = date(2026, 11, 22),
    jurisdiction: Jurisdiction = "us",
    *,
    explain: bool = False,
) -> Recommendation:
    """The recommendation for a profile."""
    held = case(reader, profile, as_of=day.isoformat())
    return recommend(held.case.profile, adviser, Question(day, jurisdiction, "case", explain))
