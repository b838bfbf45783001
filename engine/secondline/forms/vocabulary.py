"""Vocabulary files: classes of drugs, drugs, regimens, the names of endpoints; and the file that heads a rule base."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from secondline.forms.evidence import Statement
from secondline.shapes import Day, Strict


class DrugClass(Strict):
    title: str
    within: str | None = None


class Regimen(Strict):
    title: str
    agents: Annotated[tuple[str, ...], Field(min_length=1)]
    labels: tuple[str, ...] = ()


class ClassesFile(Strict):
    classes: dict[str, DrugClass]


class DrugsFile(Strict):
    """Drugs by INN; `names` are other names for them, which a case is told to replace."""

    drugs: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]
    names: dict[str, str] = Field(default={})


class RegimensFile(Strict):
    regimens: dict[str, Regimen]


class EndpointsFile(Strict):
    endpoints: dict[str, str]


class NotUsed(Strict):
    """A fact on which no answer may depend, but through the rules and definitions named: there it is clinical."""

    fact: Statement
    clinical_in: tuple[Statement, ...] = ()
    because: Statement


class RulebaseFile(Strict):
    version: Statement
    knowledge_until: Day
    not_used: tuple[NotUsed, ...] = ()
