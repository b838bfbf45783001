"""One case as it is and with facts set to other values: `safety.qtcf_ms=480`, read as a case file would have it.

As JSON (`"schema": "secondline/whatif/1"`): `set` with each fact and its value, whether it stands `over_therapies` that
give another one; `original` and `changed`, each an answer without its texts; `differences`, by name each part that is
not the same with both its forms, the tiers by regimen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from secondline.cases import CaseFile, CaseReader
from secondline.errors import InputError, Place, UsageError, did_you_mean
from secondline.facts import NOT_KNOWN, Fact, canonical, catalogue, stated
from secondline.inference.agree import agreed
from secondline.patient import know
from secondline.recommend import Adviser, Answer
from secondline.recommendation import OpenCheck, Recommendation
from secondline.scales import OFFERED
from secondline.source import Node, parse
from secondline.states import State, as_json
from secondline.tiers import CLOSED
from secondline.whatif.changes import changed
from secondline.whatif.run import SCHEMA, SHUT

OPTION = "--set"
UNKNOWN = "unknown"
_GIVEN = ("prior_cdk46.", "history.")  # facts that therapies can give
_HERE = Place(OPTION)


class Setting(NamedTuple):
    """A fact with the value it is set to; None is unknown."""

    fact: Fact
    value: Node | None


class Changed(NamedTuple):
    """The answer as it is, and with facts set to these states; `over_therapies` are those that therapies give."""

    states: dict[str, State]
    over_therapies: tuple[str, ...]
    original: Recommendation
    changed: Recommendation

    def as_dict(self) -> dict[str, Any]:
        before, after = essentials(self.original), essentials(self.changed)
        return {
            "schema": SCHEMA,
            "case": self.original.case._asdict(),
            "set": [
                {"fact": path, "value": as_json(state), "over_therapies": path in self.over_therapies}
                for path, state in self.states.items()
            ],
            "original": before,
            "changed": after,
            "differences": differences(before, after),
            "notice": self.original.provenance.notice,
        }


# --- reading ----------------------------------------------------------------------------------------------


def setting(text: str) -> Setting:
    """Read `fact=value`.

    Raises:
        UsageError: there is no such fact, or no value.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise UsageError(f"`{OPTION}` expects `fact=value`, got `{text}`")
    fact = catalogue().get(canonical(name))
    if fact is None:
        near = did_you_mean(name, [*catalogue(), *catalogue().aliases])
        raise UsageError(f"`{OPTION}`: no fact `{name}`{near or '; `secondline schema case` lists the facts'}")
    return Setting(fact, None if value == UNKNOWN else _value(fact, value))


def _value(fact: Fact, text: str) -> Node:
    """A value as YAML has it; of a set its members may stand without brackets."""
    if fact.kind == "set" and not text.startswith("["):
        members = [part.strip() for part in re.split("[,;]", text) if part.strip()]
        return _plain([] if members == ["none"] else [_plain(member) for member in members])
    try:
        (found,) = parse(text.encode(), OPTION)
    except (InputError, ValueError):
        raise UsageError(f"`{OPTION}`: the value of `{fact.path}` cannot be read: `{text}`") from None
    return _placed(found)


def _plain(value: Any) -> Node:
    listed = f"[{', '.join(node.text for node in value)}]" if isinstance(value, list) else value
    return Node(value, listed, _HERE)


def _placed(node: Node) -> Node:
    """A value whose place is the option, not a line of a file."""
    value = node.value
    if isinstance(value, dict):
        found = Node({key: _placed(inner) for key, inner in value.items()}, node.text, _HERE)
        found.keys = dict.fromkeys(value, _HERE)
        return found
    return Node([_placed(inner) for inner in value] if isinstance(value, list) else value, node.text, _HERE)


# --- setting ----------------------------------------------------------------------------------------------


def compare(case: CaseFile, settings: Sequence[Setting], reader: CaseReader, adviser: Adviser) -> Changed:
    """Answer a case as it is and with facts set.

    A fact that therapies can give is set as a fact, on top of them, with what it tells for certain; any other one in
    the case itself.

    Raises:
        UsageError: a value is not one that its fact can have.
        InputError: no patient can be so.
        EngineError: there is no answer.
    """
    for one in settings:
        _check(one, reader)
    over = [one for one in settings if one.fact.path.startswith(_GIVEN)]
    node = case.node
    for one in settings:
        if one not in over:
            node = _with(node, ("profile", *one.fact.path.split(".")), one)
    other = reader.case(node, case.id) if len(over) < len(settings) else case
    states = {one.fact.path: _state(one, case, reader) for one in over}
    original, after = _answer(case, {}, adviser), _answer(other, states, adviser)
    said = {one.fact.path: after.known.facts.get(one.fact.path) for one in settings}
    given = tuple(states) if case.case.profile.therapies is not None else ()
    return Changed(said, given, original.recommendation(), after.recommendation())


def _answer(case: CaseFile, changes: Mapping[str, State], adviser: Adviser) -> Answer:
    question, profile, base = case.question(), case.case.profile, adviser.base
    known = know(profile, question.as_of, base.vocabulary)
    if changes:
        known = changed(known, frozenset(stated(profile)), changes, base.vocabulary)
    view = adviser.calendar.on(question.as_of, None if question.jurisdiction == "none" else question.jurisdiction)
    return Answer(profile, view, known, agreed(base, adviser.engine, known.facts), question)


def _alone(one: Setting) -> Node:
    """A case of which only this fact is known."""
    return _with(Node({}, "a mapping", _HERE), ("profile", *one.fact.path.split(".")), one)


def _check(one: Setting, reader: CaseReader) -> None:
    try:
        reader.shaped(_alone(one))
    except InputError as error:
        raise UsageError(f"`{OPTION}`: {error.problems[0].message}") from None


def _state(one: Setting, case: CaseFile, reader: CaseReader) -> State:
    """The state of a fact that is set, as the case reader has it."""
    node = _alone(one)
    node.value["as_of"] = Node(case.day.isoformat(), case.day.isoformat(), _HERE)
    return stated(reader.case(node, case.id).case.profile).get(one.fact.path)


def _with(node: Node | None, path: tuple[str, ...], one: Setting) -> Node:
    """A node with a value put in; a main fact that stands as one word becomes a mapping where a part is set."""
    if not path:
        return one.value or Node(None, "null", _HERE)
    held: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    if node is not None and isinstance(node.value, dict):
        held, keys = node.value, node.keys
    elif node is not None and one.fact.main and node.value is not None and node.value not in NOT_KNOWN:
        held = {"status" if one.fact.main.startswith("disease.") else "result": node}
        if one.fact.main.startswith("biomarkers."):
            held["taken"] = Node("at-progression", "at-progression", node.place)  # as a bare result is meant
        keys = dict.fromkeys(held, node.place)
    found = Node({**held, path[0]: _with(held.get(path[0]), path[1:], one)}, "a mapping", node.place if node else _HERE)
    found.keys = {**keys, path[0]: keys.get(path[0], _HERE) if len(path) > 1 else _HERE}
    return found


# --- comparing --------------------------------------------------------------------------------------------


def essentials(answer: Recommendation) -> dict[str, Any]:
    """An answer without its texts and evidence."""
    regimens = {
        option.regimen: {
            "tier": option.tier,
            "strength": option.strength,
            "certainty": option.certainty,
            "needs": [list(facts) for facts in option.needs],
            "checks": _facts(option.checks),
        }
        for option in answer.options
    }
    return {
        "verdict": answer.verdict,
        "direction": answer.direction,
        "strength": answer.strength,
        "certainty": answer.certainty,
        "settled": answer.settled,
        "headline": answer.headline,
        "decided_by": list(answer.decided_by),
        "missing": [list(facts) for facts in answer.missing],
        "assumed": list(answer.assumed),
        "checks": _facts(answer.checks),
        "tests": [test.fact for test in answer.tests],
        "cautions": [caution.rule for caution in answer.cautions],
        "regimens": regimens | {shut.regimen: {"tier": CLOSED} for shut in answer.closed},
    }


def _facts(checks: Sequence[OpenCheck]) -> list[str]:
    return list(dict.fromkeys(fact for check in checks for fact in check.facts))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is not the same, by name; of regimens each that is not, with what opened and what closed."""
    found: dict[str, Any] = {}
    for name in before:
        if before[name] != after[name]:
            found[name] = _both(before[name], after[name])
    if "regimens" in found:
        old, new = before["regimens"], after["regimens"]
        differing = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        found["regimens"] = {name: _both(old.get(name), new.get(name)) for name in differing}
        found["opened"] = [name for name in differing if _offered(new, name) and not _offered(old, name)]
        found["closed"] = [name for name in differing if _shut(new, name) and not _shut(old, name)]
    return found


def _both(before: Any, after: Any) -> dict[str, Any]:
    return {"original": before, "changed": after}


def _offered(regimens: Mapping[str, Any], name: str) -> bool:
    return name in regimens and regimens[name]["tier"] in OFFERED


def _shut(regimens: Mapping[str, Any], name: str) -> bool:
    return name not in regimens or regimens[name]["tier"] in SHUT
