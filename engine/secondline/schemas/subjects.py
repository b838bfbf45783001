"""The JSON Schema of each file that people write, and of the answer.

Only keywords that mean the same in drafts 7 and 2020-12 are used: editors are behind.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.fields import FieldInfo

from secondline.facts import NOT_KNOWN, catalogue
from secondline.forms.cases import Case
from secondline.forms.evidence import Evidence
from secondline.forms.rules import Definition, LawsFile
from secondline.forms.vocabulary import RulebaseFile
from secondline.keys import ABOUT
from secondline.loading import HEAD, LAWS, RULE_FOLDERS, VOCABULARY
from secondline.recommendation import Recommendation
from secondline.scales import CERTAINTIES, TIERS
from secondline.schemas.conditions import CONDITION, Holder, condition
from secondline.schemas.names import Names
from secondline.shapes import Strict

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CITE = "#/$defs/cite"

_RULES = {"verdict": "verdicts", "option": "options", "gate": "safety", "test": "tests", "caution": "cautions"}
# Every kind of file by the name of its schema, with where such files stand in a rule folder.
FILES: dict[str, str] = {
    **{name: f"{folder}/*.yaml" for name, folder in _RULES.items()},
    "definition": "definitions/*.yaml",
    "evidence": "evidence/*.yaml",
    **{name: f"vocabulary/{name}.yaml" for name in VOCABULARY},
    LAWS: f"{LAWS}.yaml",
    HEAD: f"{HEAD}.yaml",
}
SUBJECTS = ("case", "rule", "evidence", "recommendation", *(name for name in FILES if name != "evidence"))
_MODELS: dict[str, type[BaseModel]] = {
    **{name: RULE_FOLDERS[folder] for name, folder in _RULES.items()},
    "definition": Definition,
    "evidence": Evidence,
    **VOCABULARY,
    LAWS: LawsFile,
    HEAD: RulebaseFile,
}
_HOLDERS: dict[str, Holder] = {**dict.fromkeys(_RULES, "rule"), LAWS: "law", "rule": "any"}


def schema(subject: str, names: Names | None = None) -> dict[str, Any]:
    """The JSON Schema of one of `SUBJECTS`; with names it accepts no others."""
    if subject == "recommendation":
        return _finished(subject, TypeAdapter(_printed(Recommendation)).json_schema())
    if subject == "case":
        case = _of_model(Case, names)
        found = {"$defs": case.pop("$defs", {}), "anyOf": [case, {"type": "array", "items": case}]}
    elif subject == "rule":
        each = {name: _of_model(_MODELS[name], names) for name in (*_RULES, "definition", LAWS)}
        defs = {key: held for one in each.values() for key, held in one.pop("$defs", {}).items()}
        options = [{**one, "description": f"A file {FILES[name]}."} for name, one in each.items()]
        found = {"$defs": defs, "anyOf": options}
    else:
        found = _of_model(_MODELS[subject], names)
    return _finished(subject, _with_shared(found, _HOLDERS.get(subject, "definition"), names))


def _finished(subject: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, **_without_hints(found), "title": f"secondline {subject}"}


def _with_shared(found: dict[str, Any], holder: Holder, names: Names | None) -> dict[str, Any]:
    """With what several places refer to: a condition, and a cite."""
    defs = found.setdefault("$defs", {})
    referred = str(found)
    if CONDITION in referred:
        defs["condition"] = condition(holder, names)
    if _CITE in referred and names:
        defs["cite"] = {"anyOf": [{"enum": list(names.cites)}, {"type": "string", "pattern": _any_of(names.cited)}]}
    return found


def _any_of(patterns: tuple[str, ...]) -> str:
    return f"^({'|'.join(patterns)})$"


# --- one model --------------------------------------------------------------------------------------------


def _of_model(model: type[BaseModel], names: Names | None) -> dict[str, Any]:
    """The schema of a model, every key described, with the names and what binds one key to another."""
    found: dict[str, Any] = _with_conditions(TypeAdapter(model).json_schema(by_alias=True))
    known = _by_name()
    for name, held in {model.__name__: found, **found.get("$defs", {})}.items():
        if name in known:
            _complete(known[name], held, names)
    return found


def _with_conditions(value: Any) -> Any:
    """Every place that holds a condition refers to one definition of what a condition is."""
    if isinstance(value, dict):
        if value.get("expected") == "a condition":
            return {"$ref": CONDITION}
        return {key: _with_conditions(item) for key, item in value.items()}
    return [_with_conditions(item) for item in value] if isinstance(value, list) else value


@cache
def keys_of(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The keys of a model as its schema has them: what each is for, and what it takes."""
    found: dict[str, dict[str, Any]] = _without_hints(_of_model(model, None))["properties"]
    return found


@cache
def _by_name() -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [Strict]
    while waiting:
        model = waiting.pop()
        found[model.__name__] = model
        waiting += model.__subclasses__()
    return found


def _complete(model: type[BaseModel], held: dict[str, Any], names: Names | None) -> None:
    above = [one.__name__ for one in model.__mro__]
    leaves = _OWN | (_names(names) if names else {})
    infos = {info.alias or name: info for name, info in model.model_fields.items()}
    for key, given in held.get("properties", {}).items():
        prop = {name: value for name, value in given.items() if name not in ("title", "default")}
        for owner in above:
            if (owner, key) in leaves:
                prop = _with_leaf(prop, leaves[owner, key])
            if names and (owner, key) in _BY_REGIMEN:
                prop["propertyNames"] = {"enum": list(names.regimens)}
        prop = {"allOf": [prop]} if "$ref" in prop else prop  # beside a reference draft 7 reads nothing
        about = next((ABOUT[owner][key] for owner in above if key in ABOUT.get(owner, {})), _of_fact(infos[key]))
        held["properties"][key] = {**prop, **({"description": about} if about else {})}
    held |= _BINDING.get(model.__name__, {})
    del held["title"]  # the name of a class says nothing to an author


def _of_fact(info: FieldInfo) -> str | None:
    """What a fact of the profile is called, with its unit; None for any other key."""
    extra = info.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return f"{info.title}{f', in {unit}' if unit else ''}" if info.title else None


def _with_leaf(value: Any, leaf: dict[str, Any]) -> Any:
    """A schema in which every text is what `leaf` allows."""
    if isinstance(value, list):
        return [_with_leaf(item, leaf) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "string":
        return leaf
    inner = ("anyOf", "items", "additionalProperties")
    return {key: _with_leaf(item, leaf) if key in inner else item for key, item in value.items()}


def _names(names: Names) -> dict[tuple[str, str], dict[str, Any]]:
    """What texts can be, by model and key, in one rule folder."""

    def one(*groups: tuple[str, ...]) -> dict[str, Any]:
        return {"enum": list(dict.fromkeys(name for group in groups for name in group))}

    cite = {"$ref": _CITE}
    agent = {"anyOf": [one(names.drugs, names.classes), {"type": "string", "pattern": "^other:."}]}
    return {
        ("Rule", "cites"): cite,
        ("Definition", "cites"): cite,
        ("Law", "cites"): cite,
        ("Grading", "gain"): cite,
        ("ResultShare", "cite"): cite,
        ("ResultShare", "of"): cite,
        ("VerdictRule", "overrides"): one(names.overridable),
        ("OptionRule", "regimen"): one(names.regimens),
        ("AppliesTo", "regimens"): one(names.regimens),
        ("AppliesTo", "agents"): one(names.drugs),
        ("AppliesTo", "classes"): one(names.classes),
        ("DrugClass", "within"): one(names.classes),
        ("DrugsFile", "drugs"): one(names.classes),
        ("DrugsFile", "names"): one(names.drugs),
        ("Regimen", "agents"): one(names.drugs, names.classes),
        ("Regimen", "labels"): one(names.labels),
        ("Result", "endpoint"): {"anyOf": [one(names.endpoints), {"type": "string", "pattern": "^[a-z0-9_]+$"}]},
        ("Expect", "decided_by"): one(names.verdicts, names.gates),
        ("Expect", "not_options"): one(names.regimens),
        ("Expect", "cautions"): one(names.cautions),
        ("Expect", "not_cautions"): one(names.cautions),
        ("Expect", "cites"): one(names.reports),
        ("Therapy", "agents"): agent,
        ("History", "agents"): agent,
        ("History", "classes"): one(names.classes),
    }


_FACT = {"enum": list(catalogue())}
# What texts can be, by model and key, in every rule folder.
_OWN: dict[tuple[str, str], dict[str, Any]] = {
    ("TestRule", "fact"): _FACT,
    ("DefinitionCase", "of"): _FACT,
    ("Expect", "tests"): _FACT,
    ("Expect", "missing"): _FACT,
    ("GateThen", "tier"): {"enum": list(TIERS[1:])},
    ("GateThen", "certainty"): {"enum": list(CERTAINTIES[1:])},
}
_BY_REGIMEN = {("Expect", "options"), ("Expect", "grading"), ("Approvals", "regimens")}
_DIRECTED = {"enum": ["continue", "do-not-continue"]}
_UNSET = {"type": "null"}
_NO_VALUE = {"enum": ["unknown", *NOT_KNOWN]}
# What binds one key of a model to another.
_BINDING: dict[str, dict[str, Any]] = {
    "VerdictThen": {
        "if": {"properties": {"verdict": _DIRECTED}, "required": ["verdict"]},
        "then": {"required": ["strength", "certainty"]},
        "else": {"properties": {"strength": _UNSET, "certainty": _UNSET}},
    },
    "Grading": {
        "if": {
            "properties": {"start": {"enum": ["randomised"]}},
            "required": ["start"],
            "not": {"required": ["row"]},
        },
        "then": {"required": ["phase", "setting", "primary"]},
    },
    "GateThen": {"anyOf": [{"required": [key]} for key in ("tier", "lower", "certainty", "lower_certainty")]},
    "AppliesTo": {"anyOf": [{"required": [key]} for key in ("regimens", "agents", "classes")]},
    "DefinitionCase": {
        "if": {"required": ["of"]},
        "then": {"properties": {"value": {"enum": ["unknown"]}}},
        "else": {"properties": {"value": {"not": _NO_VALUE}}},
    },
    "Definition": {
        "if": {"required": ["fact"]},
        "then": {"properties": {"otherwise": {"type": "string", "not": _NO_VALUE}}},
        "else": {"properties": {"otherwise": {"type": "boolean"}}},
        "not": {"properties": {"fact": _FACT}, "required": ["fact"]},
    },
}


# --- the answer -------------------------------------------------------------------------------------------


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


def _without_hints(value: Any) -> Any:
    """The schema without this program's own hints for messages; both ends of an interval are of one kind."""
    if isinstance(value, list):
        return [_without_hints(item) for item in value]
    if not isinstance(value, dict):
        return value
    held = {key: _without_hints(item) for key, item in value.items() if key not in ("expected", "unit")}
    if held.get("format") == "date":  # which a validator may pass over
        held["pattern"] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    pair = held.pop("prefixItems", None)  # no key of draft 7
    return {**held, "items": pair[0]} if pair else held
