"""What a condition can be, as a JSON Schema: each fact with its values, its limits and its operators."""

from __future__ import annotations

from typing import Any, Literal

from secondline.condition import LIMITS, SETS
from secondline.facts import Fact, catalogue
from secondline.keys import CONDITIONS, OPERATORS
from secondline.schemas.names import Names

Holder = Literal["rule", "law", "definition", "any"]  # who may read what; evidence reads as a definition does
CONDITION = "#/$defs/condition"
_NAMES_ARE_NOT_KNOWN = (
    "Facts that definitions add are allowed too, and in laws verdict, offered, offered_agents and offered_classes."
)


def condition(holder: Holder, names: Names | None) -> dict[str, Any]:
    """A condition in one kind of file. Without names it may read facts and definitions that are not listed."""
    several = {"type": "array", "minItems": 1, "items": {"$ref": CONDITION}}
    definition = {"enum": list(names.definitions)} if names and names.definitions else {"type": "string"}
    own: dict[str, dict[str, Any]] = {
        "all": several,
        "any": several,
        "not": {"allOf": [{"$ref": CONDITION}]},
        "definition": definition,
    }
    described = {key: {**held, "description": CONDITIONS[key]} for key, held in own.items()}
    tests = {fact.path: _test(fact, names) for fact in _readable(holder, names)}
    says = "One key: all, any, not, definition, or a fact with a test."
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {**described, **tests},
        **({"additionalProperties": False} if names else {}),
        "description": says if names else f"{says} {_NAMES_ARE_NOT_KNOWN}",
    }


def _readable(holder: Holder, names: Names | None) -> list[Fact]:
    """The facts that a file of one kind can read; a rule reads what can count as absent through its definition."""
    if names is None:
        return list(catalogue().values())
    through = names.voided if holder in ("rule", "law") else frozenset()
    known = [fact for fact in catalogue().values() if fact.path not in through]
    return [*known, *names.facts, *(names.answers if holder in ("law", "any") else ())]


def _test(fact: Fact, names: Names | None) -> dict[str, Any]:
    value = _value(fact, names)
    listed = {"type": "array", "minItems": 1, "items": value}
    if fact.kind == "set":
        return {**_operators({"has": value, **{op: listed for op in SETS if op != "has"}}), **_about(fact)}
    either = {"anyOf": [value, listed]}
    operators: dict[str, Any] = {**dict.fromkeys(LIMITS if fact.numeric else (), value), "not": either}
    return {"anyOf": [value, listed, _operators(operators)], **_about(fact)}


def _value(fact: Fact, names: Names | None) -> dict[str, Any]:
    """One value that a fact is compared with."""
    if fact.kind == "boolean":
        return {"type": "boolean"}
    if fact.numeric:
        limits = {"minimum": fact.low, "maximum": fact.high}
        return {"type": fact.kind, **{key: limit for key, limit in limits.items() if limit is not None}}
    members = fact.values
    if names and fact.path in ("history.agents", "history.classes"):
        members = names.drugs if fact.path == "history.agents" else names.classes
    if not members:
        return {"type": "string"}
    return {"enum": [*members, 0] if fact.path.endswith(".ihc") else list(members)}


def _about(fact: Fact) -> dict[str, str]:
    unit = f", in {fact.unit}" if fact.unit else ""
    return {"description": f"{fact.label}{unit}"}


def _operators(operators: dict[str, Any]) -> dict[str, Any]:
    described = {op: {**value, "description": OPERATORS[op]} for op, value in operators.items()}
    return {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": described}
