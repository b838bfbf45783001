"""Records that stand in for pydantic's models where importing pydantic would cost more than answering.

The models in `profile` and `forms` declare everything that people write. A rule base kept in a snapshot, and a case
read with the validator kept beside it, are made of records with the same attributes; nothing that answers a case asks
of what class they are.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from secondline.dates import PartialDate, parse_date

GROUPS = ("patient", "disease", "biomarkers", "progression", "safety", "prior_cdk46", "history")


class Record:
    """Attributes without a class of their own. The slots are those that pydantic's core fills."""

    __slots__ = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")


# --- what pydantic calls before it validates; here, so that a kept validator needs no model -----------------


def as_day(value: Any) -> Any:
    """A full date from text; anything else as it is, to be refused."""
    if isinstance(value, str):
        parsed = parse_date(value)
        if parsed.first == parsed.last:
            return parsed.first
    return value


def as_partial_date(value: Any) -> Any:
    """A full or partial date from text, or a bare year."""
    if not isinstance(value, (str, bool, date, PartialDate)) and value is not None and str(value).isdigit():
        value = str(value)
    return parse_date(value) if isinstance(value, str) else value


def as_score(value: Any) -> Any:
    """A bare `0` is the immunohistochemistry score 0; every other score is text already."""
    return "0" if value == 0 and isinstance(value, int) and not isinstance(value, bool) else value


def with_groups(value: Any) -> Any:
    """A profile with every group there: of one that is absent or left empty (`safety:`) nothing is known."""
    if not isinstance(value, dict):
        return value
    given = {key: item for key, item in value.items() if item is not None}
    return {**{group: {} for group in GROUPS}, **given}
