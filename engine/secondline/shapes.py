"""Plain data -> checked models, with errors that say where, what was found, what was expected, what is nearest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, InstanceOf, WithJsonSchema
from pydantic_core import ValidationError, core_schema

from secondline.dates import PartialDate
from secondline.errors import InputError, Problem, did_you_mean, one_of
from secondline.records import as_day, as_partial_date
from secondline.source import Node, path_text

_MISSING = " is missing; add it"
OWN_WORDS = "in_own_words"  # the type of errors that a model words itself


Plain = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", json_schema_extra={"expected": "text in one line"})]


class Strict(BaseModel):
    """Frozen, exact about types, and refuses a key it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


_DAY_SCHEMA = {"type": "string", "format": "date", "expected": "a day as YYYY-MM-DD"}
_DATE_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"},
        {"type": "integer", "minimum": 1900, "maximum": 2199},
    ],
    "expected": "a date as YYYY-MM-DD, YYYY-MM or YYYY",
}
Day = Annotated[date, BeforeValidator(as_day), WithJsonSchema(_DAY_SCHEMA)]
AnyDate = Annotated[InstanceOf[PartialDate], BeforeValidator(as_partial_date), WithJsonSchema(_DATE_SCHEMA)]
_Item = TypeVar("_Item")


class _FromList:
    """A set is read from a list, item by item in the order written, so that a problem has its item's place."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        (item,) = get_args(source)
        listed = core_schema.tuple_variable_schema(handler.generate_schema(item))
        return core_schema.no_info_after_validator_function(frozenset, listed)


SetOf = Annotated[frozenset[_Item], _FromList()]
_Model = TypeVar("_Model", bound=BaseModel)


def read(node: Node, model: type[_Model], plain: Any = None, *, exact: bool = False) -> _Model:
    """The model that `node` holds; `plain` replaces the node's own plain value where parts are already read.

    Raises:
        InputError: with one problem for each thing wrong, at its line and column.
    """
    data = node.plain(exact=exact) if plain is None else plain
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(problems_in(node, model, error)) from None


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def problems_in(node: Node, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """What a validator found wrong with a node, in words."""
    schema = _schema(model)
    found: dict[tuple[str | int, ...], Problem] = {}
    for item in error.errors(include_url=False):
        if item["type"] == "extra_forbidden":
            holder, path = _reached(node, item["loc"][:-1])
            key = str(item["loc"][-1])
            valid = _keys(_walk(schema, path, schema))
            known = did_you_mean(key, valid) or (f"; expected {one_of(sorted(valid))}" if valid else "")
            known = "; put text that holds a comma in quotes" if " " in key and "did you mean" not in known else known
            inside = f"`{path_text(path)}` has" if path else "there is"
            found[(*path, key)] = Problem(holder.keys.get(key, holder.place), f"{inside} no `{key}`{known}")
        elif item["type"] == "missing":
            holder, path = _reached(node, item["loc"])
            key = str(next((step for step in reversed(item["loc"]) if isinstance(step, str)), ""))
            where = f"at `{path_text(path)}`: " if path else ""
            found[(*path, key)] = Problem(holder.place, f"{where}`{key}`{_MISSING}")
        elif item["type"] == OWN_WORDS:
            held, path = _reached(node, item["loc"])
            where = f"at `{path_text(path)}`: " if path else ""
            found[path] = Problem(held.place, f"{where}{item['msg']}")
        else:
            held, path = _reached(node, item["loc"])
            found.setdefault(path, _mismatch(held, path, _walk(schema, path, schema), schema))
    # Of a union, every alternative complains; what stands deeper in the file is what was meant. And a name that is
    # missing is the one that is misspelt beside it.
    return [
        problem
        for path, problem in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found)
        and not (
            problem.message.endswith(_MISSING)
            and any(o[:-1] == path[:-1] and p.message.endswith(f"did you mean `{path[-1]}`?") for o, p in found.items())
        )
    ]


def _reached(node: Node, location: tuple[str | int, ...]) -> tuple[Node, tuple[str | int, ...]]:
    """The node that a validator speaks of; the steps that only name a branch of a union are passed over."""
    path: list[str | int] = []
    for step in location:
        inner, walked = node.at((step,))
        if walked:
            node = inner
            path.append(step)
    return node, tuple(path)


def _mismatch(node: Node, path: tuple[str | int, ...], schemas: list[dict[str, Any]], root: dict[str, Any]) -> Problem:
    values = [value for schema in schemas for value in schema.get("enum", ())]
    near = did_you_mean(node.text, map(str, values)) if isinstance(node.value, str) else ""
    if not isinstance(node.value, str) and node.text in values:
        near = f"""; put it in quotes, `"{node.text}"`"""
    numeric = any(schema.get("type") in ("number", "integer") for schema in schemas)
    if numeric and re.fullmatch(r"[+-]?[0-9]+,[0-9]+", node.text):
        near = "; a decimal takes a point, as in 1.5"
    textual = any(schema.get("type") == "string" and not {"expected", "enum"} & schema.keys() for schema in schemas)
    if textual and isinstance(node.value, (int, float)):
        near = f"""; put it in quotes, `"{node.text}"`"""
    empty = "an empty " if node.value in ([], {}) else ""
    whole = empty + node.text.removeprefix("a ") if empty else node.text
    got = "nothing" if node.value is None else whole if isinstance(node.value, (list, dict)) else _quoted(node)
    where = f"at `{path_text(path)}`: " if path else ""
    message = f"{where}expected {expectation(schemas, root)}, got {got}{near}"
    return Problem(node.place, message)


def _quoted(node: Node) -> str:
    """The offending text, as text where it stands in quotes, shortened where it is long."""
    text = node.text if len(node.text) <= 60 else node.text[:57] + "..."
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    looks_otherwise = isinstance(node.value, str) and text in ("true", "false", "null")
    number_like = isinstance(node.value, str) and text.replace(".", "", 1).lstrip("+-").isdigit()
    return f'the text `"{text}"`' if looks_otherwise or number_like else f"`{text}`"


def expectation(schemas: list[dict[str, Any]], root: dict[str, Any]) -> str:
    """What any of these JSON Schemas asks for, in words."""
    words: list[str] = []
    values = list(dict.fromkeys(str(value) for schema in schemas for value in schema.get("enum", ())))
    if values:
        words.append(one_of(values))
    for schema in schemas:
        if "expected" in schema:
            words.append(schema["expected"])
        elif "const" in schema:
            words.append(f"`{schema['const']}`")
        elif "enum" not in schema and schema.get("type") != "null":
            words.append(_shape_words(schema))
    return " or ".join(dict.fromkeys(words)) or "nothing"


def _shape_words(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if kind in ("integer", "number"):
        what = "a whole number" if kind == "integer" else "a number"
        unit = f" of {schema['unit']}" if schema.get("unit") else ""
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and high is not None:
            return f"{what}{unit} from {low:g} to {high:g}"
        return f"{what}{unit}, {low:g} or more" if low is not None else f"{what}{unit}"
    if kind == "array":
        inner = schema.get("items", {})
        choices = f" of {one_of(map(str, inner['enum']))}" if "enum" in inner else ""
        least = " with at least one item" if schema.get("minItems") else ""
        return f"a list{choices}{least}"
    if kind == "object":
        keys = sorted(schema.get("properties", ()))
        return f"a mapping with {one_of(keys)}" if keys else "a mapping"
    if kind == "string" and "maxLength" in schema:
        return f"text of at most {schema['maxLength']} characters"
    return {"boolean": "`true` or `false`", "string": "text"}.get(str(kind), "another value")


def _alternatives(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema without references, each branch of a union on its own."""
    if "$ref" in schema:
        yield from _alternatives(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    elif "expected" not in schema and ("anyOf" in schema or "oneOf" in schema):
        for branch in schema.get("anyOf", schema.get("oneOf", ())):
            yield from _alternatives(branch, root)
    else:
        yield schema


def _walk(schema: dict[str, Any], path: tuple[str | int, ...], root: dict[str, Any]) -> list[dict[str, Any]]:
    """Every schema that the value at `path` may follow."""
    level = list(_alternatives(schema, root))
    for step in path:
        deeper: list[dict[str, Any]] = []
        for branch in level:
            if isinstance(step, int):
                inner = branch.get("items")
            else:
                inner = branch.get("properties", {}).get(step, branch.get("additionalProperties"))
            if isinstance(inner, dict):
                deeper.extend(_alternatives(inner, root))
        level = deeper
    return level


def _keys(schemas: list[dict[str, Any]]) -> list[str]:
    return [key for schema in schemas for key in schema.get("properties", ())]
