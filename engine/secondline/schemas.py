"""JSON Schemas for the files people write and the answers they read."""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from secondline.condition import LIMITS, SETS
from secondline.facts import Fact, catalogue
from secondline.forms.cases import Case
from secondline.forms.evidence import Evidence
from secondline.forms.rules import Definition, LawsFile
from secondline.loading import LAWS, RULE_FOLDERS
from secondline.recommendation import Recommendation

SUBJECTS = ("case", "rule", "evidence", "recommendation")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CONDITION = "#/$defs/condition"


def schema(subject: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of `SUBJECTS`: a file that people write, or the answer."""
    if subject == "case":
        case = TypeAdapter(Case).json_schema()
        return _finished(subject, {"$defs": case.pop("$defs", {}), "anyOf": [case, {"type": "array", "items": case}]})
    if subject == "recommendation":
        return _finished(subject, TypeAdapter(_printed(Recommendation)).json_schema())
    if subject == "evidence":
        return _finished(subject, _with_conditions(TypeAdapter(Evidence).json_schema(by_alias=True)))
    folders: dict[str, type[BaseModel]] = {**RULE_FOLDERS, "definitions": Definition}
    kinds = {f"A file in {folder}/.": model for folder, model in folders.items()}
    kinds[f"The file {LAWS}.yaml."] = LawsFile
    defs: dict[str, Any] = {}
    options = []
    for description, model in kinds.items():
        one = TypeAdapter(model).json_schema(by_alias=True)
        defs |= one.pop("$defs", {})
        options.append({**one, "description": description})
    return _finished(subject, _with_conditions({"$defs": defs, "anyOf": options}))


def _finished(subject: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, "title": f"secondline {subject}", **_without_hints(found)}


def _with_conditions(found: dict[str, Any]) -> dict[str, Any]:
    """Every place that holds a condition refers to one definition of what a condition is."""

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("expected") == "a condition":
                return {"$ref": _CONDITION}
            return {key: replace(item) for key, item in value.items()}
        return [replace(item) for item in value] if isinstance(value, list) else value

    replaced: dict[str, Any] = replace(found)
    replaced["$defs"] = {**replaced.get("$defs", {}), "condition": _condition()}
    return replaced


@cache
def _printed(kind: Any) -> Any:
    """A type as its JSON has it: a named tuple is printed as an object with exactly its fields."""
    if hasattr(kind, "_fields"):
        # By alias: a field of the answer is called `schema`, as is a method of every model.
        fields: dict[str, Any] = {
            f"{name}_": (_printed(hint), Field(kind._field_defaults.get(name, ...), alias=name))
            for name, hint in get_type_hints(kind).items()
        }
        return create_model(kind.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    if get_origin(kind) is tuple:
        return GenericAlias(tuple, (_printed(get_args(kind)[0]), ...))
    if get_origin(kind) is UnionType:
        return reduce(or_, map(_printed, get_args(kind)))
    return kind


def _condition() -> dict[str, Any]:
    several = {"type": "array", "minItems": 1, "items": {"$ref": _CONDITION}}
    tests = {path: _test(fact) for path, fact in catalogue().items()}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "all": several,
            "any": several,
            "not": {"$ref": _CONDITION},
            "definition": {"type": "string"},
            **tests,
        },
        "description": "One key: all, any, not, definition, or a fact. Facts that definitions add are allowed too, "
        "and in laws verdict, offered, offered_agents and offered_classes.",
    }


def _test(fact: Fact) -> dict[str, Any]:
    value: dict[str, Any] = {
        "choice": {"enum": list(fact.values)},
        "set": {"enum": list(fact.values)} if fact.values else {"type": "string"},
        "boolean": {"type": "boolean"},
        "number": {"type": "number"},
        "integer": {"type": "integer"},
        "text": {"type": "string"},
    }[fact.kind]
    if fact.path.endswith(".ihc"):
        value = {"enum": [*fact.values, 0]}
    listed = {"type": "array", "minItems": 1, "items": value}
    if fact.kind == "set":
        operators: dict[str, Any] = {"has": value, **{name: listed for name in SETS if name != "has"}}
        return _operators(operators)
    either = {"anyOf": [value, listed]}
    operators = {"not": either}
    if fact.numeric:
        operators |= {name: {"type": "number"} for name in LIMITS}
    return {"anyOf": [value, listed, _operators(operators)]}


def _operators(operators: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": operators}


def _without_hints(value: Any) -> Any:
    """The schema without this program's own hints for messages."""
    if isinstance(value, dict):
        return {key: _without_hints(item) for key, item in value.items() if key not in ("expected", "unit")}
    return [_without_hints(item) for item in value] if isinstance(value, list) else value
