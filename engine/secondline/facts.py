"""The catalogue of facts: path, kind, values, unit and label, made from the profile's models.

A fact's path is how conditions, outputs and tables name it. A receptor, HER2 or a biomarker is one fact with parts:
`disease.her2` is the status, `disease.her2.ihc` a part; the main name stands for all of them while it is unknown.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from secondline.states import NOT_APPLICABLE, Members, State, below, number

if TYPE_CHECKING:
    from pydantic import BaseModel

    from secondline.profile import Profile

Kind = Literal["choice", "boolean", "number", "integer", "text", "set"]
NOT_KNOWN = ("not-tested", "indeterminate")

# Facts that cannot be in some patients, beyond those of a CDK4/6 inhibitor in someone who had none.
_MAY_NOT_APPLY = (
    "patient.menopausal_status",
    "patient.ovarian_suppression",
    "patient.pregnant",
    "progression.extent",
    "history.months_on_adjuvant_endocrine",
    "history.months_from_adjuvant_endocrine_to_relapse",
)


class Fact(NamedTuple):
    """One field of a profile.

    `values` are those it can take (empty: not listed here); `main` is the fact it is a part of; `may_not_apply` says
    that it cannot be in some patients; `partly` that a choice can be known as one of several candidates; a number lies
    between `low` and `high`, both included.
    """

    path: str
    kind: Kind
    label: str
    unit: str = ""
    values: tuple[str, ...] = ()
    main: str | None = None
    may_not_apply: bool = False
    partly: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def numeric(self) -> bool:
        return self.kind in ("number", "integer")


class Catalogue(dict[str, Fact]):
    """Every fact by its path, with the parts of each main fact and the other spellings of main facts."""

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        super().__init__(facts)
        self.parts: dict[str, tuple[str, ...]] = {}
        self.aliases: dict[str, str] = {}
        for fact in facts.values():
            if fact.main:
                self.parts[fact.main] = (*self.parts.get(fact.main, ()), fact.path)
                self.aliases[f"{fact.main}.{'status' if fact.main.startswith('disease.') else 'result'}"] = fact.main


_held: list[Catalogue] = []


def catalogue() -> Catalogue:
    """The catalogue; made from the profile's models unless a kept one was put in."""
    if not _held:
        _held.append(Catalogue({fact.path: fact for fact in _build()}))
    return _held[0]


def keep(facts: Mapping[str, Fact]) -> None:
    """Put in a catalogue that was made from the same models before."""
    if not _held:
        _held.append(Catalogue(facts))


def canonical(path: str) -> str:
    """The one name of a fact: `disease.er.status` is `disease.er`."""
    return catalogue().aliases.get(path, path)


def main_of(path: str) -> str:
    """The fact that a part belongs to; any other fact itself."""
    fact = catalogue().get(path)
    return fact.main if fact and fact.main else path


def bare_parts(path: str) -> dict[str, State]:
    """The parts of a bare biomarker result: a valid test at this progression; its other parts cannot be."""
    if not path.startswith("biomarkers."):
        return {}
    return {
        part: "at-progression" if part.endswith(".taken") else NOT_APPLICABLE
        for part in catalogue().parts.get(path, ())
    }


# --- what a profile states --------------------------------------------------------------------------------


def stated(profile: Profile) -> dict[str, State]:
    """The state of each fact that the profile itself gives, without anything worked out from it."""
    known: dict[str, State] = {}
    for path, fact in catalogue().items():
        if fact.main is None:
            group, _, name = path.partition(".")
            value = getattr(getattr(profile, group), name)
            if value is not None and not isinstance(value, str) and path in catalogue().parts:
                _put_parts(known, path, value)
            else:
                _put(known, path, value)
    return known


def _put_parts(known: dict[str, State], path: str, mapping: Any) -> None:
    _put(known, path, mapping.status if path.startswith("disease.") else mapping.result)
    for part in catalogue().parts[path]:
        _put(known, part, getattr(mapping, part.rpartition(".")[2]))


def _put(known: dict[str, State], path: str, value: Any) -> None:
    if value is None or (isinstance(value, str) and value in NOT_KNOWN):
        return
    if isinstance(value, frozenset):
        known[path] = Members(value)
    elif isinstance(value, (str, bool, int, float)):
        known[path] = value
    else:
        known[path] = between(value)


def between(limits: Any) -> State:
    """The state of a number of months of which only limits are given."""
    return number(limits.at_least, None if limits.below is None else below(limits.below))


# --- making the catalogue ---------------------------------------------------------------------------------


def _build() -> Iterator[Fact]:
    from secondline.profile import Profile

    for group, info in Profile.model_fields.items():
        for model in _leaves(info.annotation):
            if hasattr(model, "model_fields") and group != "therapies":
                yield from _group(group, model)


def _leaves(annotation: Any) -> Iterator[Any]:
    """The members of a union, without annotations, optional markers and aliases."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _leaves(part)
    elif origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif annotation is not type(None):
        yield annotation


def _group(group: str, model: type[BaseModel]) -> Iterator[Fact]:
    for name, info in model.model_fields.items():
        leaves = list(_leaves(info.annotation))
        fact = _fact(f"{group}.{name}", info, leaves)
        if fact:
            yield fact
            for part in leaves:
                if {"status", "result"} & set(getattr(part, "model_fields", ())):
                    yield from _parts(fact, part)


def _parts(main: Fact, model: type[BaseModel]) -> Iterator[Fact]:
    for name, info in model.model_fields.items():
        if name not in ("status", "result"):
            found = _fact(f"{main.path}.{name}", info, list(_leaves(info.annotation)), main)
            if found:
                yield found


def _fact(path: str, info: Any, leaves: list[Any], main: Fact | None = None) -> Fact | None:
    group = path.partition(".")[0]
    label = info.title or path
    if main is not None and not label.startswith(main.label):
        label = f"{main.label}, {label}"
    may_not_apply = (
        path in _MAY_NOT_APPLY
        or (group == "prior_cdk46" and path not in ("prior_cdk46.agents", "prior_cdk46.agent"))
        or (main is not None and group == "biomarkers")
    )
    kind, values = _kind(leaves)
    if kind is None:
        return None  # a date: rules test the spans worked out from it
    unit = (info.json_schema_extra or {}).get("unit", "")
    partly = group == "prior_cdk46" and kind == "choice"
    low, high = _bounds(info) if kind in ("number", "integer") else (None, None)
    return Fact(path, kind, label, unit, values, main.path if main else None, may_not_apply, partly, low, high)


def _bounds(info: Any) -> tuple[float | None, float | None]:
    """The least and the greatest that a number can be."""
    marks = [*info.metadata, *_marks(info.annotation)]
    low = next((mark.ge for mark in marks if getattr(mark, "ge", None) is not None), None)
    high = next((mark.le for mark in marks if getattr(mark, "le", None) is not None), None)
    return low, high


def _marks(annotation: Any) -> Iterator[Any]:
    """What the annotations within a type say of it."""
    for part in get_args(annotation):
        yield from getattr(part, "metadata", ())
        yield from _marks(part)


def _kind(leaves: list[Any]) -> tuple[Kind | None, tuple[str, ...]]:
    for leaf in leaves:
        if get_origin(leaf) is frozenset:
            return "set", tuple(v for part in _leaves(get_args(leaf)[0]) for v in get_args(part))
    values = tuple(v for leaf in leaves if get_origin(leaf) is Literal for v in get_args(leaf) if v not in NOT_KNOWN)
    if values:
        return "choice", values
    plain: tuple[tuple[type, Kind], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text"))
    return next((kind for held, kind in plain if held in leaves), None), ()
