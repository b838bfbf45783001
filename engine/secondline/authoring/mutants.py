"""Rules changed in one thing each, as a slip of the pen would: what a case would have to notice.

Each condition negated, or taken out of `all` or `any`; `all` made `any`; each limit moved by the last digit typed, or
made to include what it excludes; each value of a list dropped or replaced; each conclusion made its neighbour; each
citation taken away or replaced; days moved by one. A change for which its own file would be refused is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from itertools import chain, repeat
from typing import Any, NamedTuple

from secondline.authoring.altered import Mutated, altered
from secondline.authoring.written import Edit, Steps, Written, changed, spots
from secondline.condition import DEFINED, LIMITS, All, AnyOf, Condition, Not, Terms, Test, parse
from secondline.errors import InputError, Place, Problem
from secondline.facts import catalogue, main_of
from secondline.forms.rules import Definition, Gate, OptionRule, Rule, TestRule, VerdictRule
from secondline.laws import terms
from secondline.loading import Loaded
from secondline.rulebase import RuleBase
from secondline.rulefiles import RuleFiles
from secondline.scales import CERTAINTIES, STRENGTHS, TIERS
from secondline.shapes import read
from secondline.source import Node, problem_at
from secondline.wording import cites_in

KINDS = ("condition", "limit", "value", "definition", "conclusion", "override", "days", "citation")
_VERDICTS = {
    "continue": "{verdict: continue, strength: conditional, certainty: low}",
    "do-not-continue": "{verdict: do-not-continue, strength: conditional, certainty: low}",
    "individualise": "{verdict: individualise}",
    "out-of-scope": "{verdict: out-of-scope}",
}
_TURNED = {"at_least": "above", "above": "at_least", "at_most": "below", "below": "at_most"}
_OTHER_SETS = {"has_any": ("has_all", "has_none"), "has_all": ("has_any", "has_none"), "has_none": ("has_any",)}


class Change(NamedTuple):
    """One change of a rule file: its kind, what it is in words, at which path, and its edits."""

    kind: str
    says: str
    path: Steps
    edits: tuple[Edit, ...]


class Mutant(NamedTuple):
    """A rule or definition with one change, beside the one it was made of."""

    change: Change
    place: Place
    before: Mutated
    after: Mutated

    @property
    def name(self) -> str:
        return self.before.id


class Mutants:
    """Makes the mutants of a rule base, one file at a time, in the order of ids."""

    def __init__(self, loaded: Loaded, files: RuleFiles) -> None:
        self.base, self.nodes = loaded.base, loaded.nodes
        self._texts = {f"{files.folder}/{name}": data for name, data in files.contents.items()}
        self._terms = terms(loaded.base)
        self._made: dict[str, list[Mutant]] = {}

    @cached_property
    def by_name(self) -> dict[str, Mutated]:
        """The rules and definitions that can be changed."""
        every: Iterable[Mutated] = (*self.base.rules(), *self.base.definitions)
        return {one.id: one for one in sorted(every, key=lambda one: one.id)}

    def written(self, name: str) -> Written:
        """The file of a rule or definition."""
        return Written(self._texts[self.nodes[name].place.file].decode("utf-8-sig"))

    def of(self, name: str) -> list[Mutant]:
        """The mutants of one rule or definition, in the order of its file; those that mean the same are one."""
        if name not in self._made:
            self._made[name] = self._of(name)
        return self._made[name]

    def _of(self, name: str) -> list[Mutant]:
        before, node = self.by_name[name], self.nodes[name]
        found: dict[Mutated, Mutant] = {}
        for change in _changes(before, _File(self.base, self._terms, node, self.written(name))):
            after = self._read(changed(node, change.edits), type(before))
            if after is not None and after != before and after not in found:
                found[after] = Mutant(change, problem_at(node, change.path, "").place, before, after)
        return sorted(found.values(), key=lambda mutant: mutant.place)

    def _read(self, node: Node, model: type[Mutated]) -> Mutated | None:
        """The rule that a node holds; None where the loader would refuse it."""
        problems: list[Problem] = []
        plain: Any = node.plain()
        if model is Definition:
            plain["cases"] = tuple(map(self._with_condition, node.value["cases"].value, repeat(problems)))
        else:
            plain = self._with_condition(node, problems)
        try:
            rule = None if problems else read(node, model, plain)
            if rule is not None:
                altered(self.base, rule)
        except (InputError, ValueError):  # of which a circle is one
            return None
        return rule

    def _with_condition(self, node: Node, problems: list[Problem]) -> dict[str, Any]:
        return {**node.plain(), "when": parse(node.value["when"], self._terms, problems)}


class _File(NamedTuple):
    """What a rule's changes are made of."""

    base: RuleBase
    terms: Terms
    node: Node
    written: Written


def _changes(rule: Mutated, file: _File) -> Iterator[Change]:
    if isinstance(rule, Definition):
        for index, case in enumerate(rule.cases):
            yield from _of_condition(case.when, ("cases", index, "when"), file)
        yield from _of_definition(rule, file)
        return
    yield from _of_condition(rule.when, ("when",), file)
    yield from _of_conclusion(rule, file)
    yield from _of_days(rule)
    yield from _of_cites(rule, file)


# --- conditions -------------------------------------------------------------------------------------------


def _of_condition(condition: Condition, path: Steps, file: _File) -> Iterator[Change]:
    for spot, part in spots(condition, path):
        text = file.written.flow(spot)
        if isinstance(part, Not):
            inner = file.written.flow((*spot, "not"))
            yield Change("condition", f"`not` left out before `{inner}`", spot, (Edit(spot, inner),))
        elif spot[-1] != "not":
            yield Change("condition", f"`{text}` negated", spot, (Edit(spot, f"{{not: {text}}}"),))
        if isinstance(part, (All, AnyOf)) and len(part.parts) > 1:
            key, other = ("all", "any") if isinstance(part, All) else ("any", "all")
            yield _renamed("condition", (*spot, key), other)
            for index in range(len(part.parts)):
                one = (*spot, key, index)
                yield Change("condition", f"`{file.written.flow(one)}` left out", one, (Edit(one, None),))
        if isinstance(part, Test) and not part.fact.startswith(DEFINED):
            yield from _of_test(part, spot, file)


def _of_test(test: Test, spot: Steps, file: _File) -> Iterator[Change]:
    held, _ = file.node.at(spot)
    ((key, operand),) = held.value.items()
    at = (*spot, key)
    if not isinstance(operand.value, dict):
        yield from _of_values(test, at, file)
        return
    for op, value in operand.value.items():
        one = (*at, op)
        if len(operand.value) > 1:
            yield Change("condition", f"`{op}: {value.text}` left out", one, (Edit(one, None),))
        if op in LIMITS:
            yield from _of_limit(test, at, op, file)
            continue
        yield from _of_values(test, one, file)
        for other in _OTHER_SETS.get(op, ()):
            if other == "has_none" or op == "has_none" or len(value.value) > 1:
                yield _renamed("value", one, other)
        if op == "has":
            none = f"{{has_none: [{file.written.flow(one)}]}}"
            yield Change("value", "`has` made `has_none`", one, (Edit(at, none),))
        if op == "not":
            yield Change("value", f"`not` left out of `{key}`", one, (Edit(at, file.written.flow(one)),))


def _renamed(kind: str, path: Steps, name: str) -> Change:
    """An operator made another one, before the same operand."""
    return Change(kind, f"`{path[-1]}` made `{name}`", path, (Edit(path, name, key=True),))


def _of_limit(test: Test, at: Steps, op: str, file: _File) -> Iterator[Change]:
    """A limit moved by the last digit typed; whether it is itself within; of whole numbers that is the same."""
    typed = file.written.flow((*at, op))
    number, fact = Decimal(typed), file.terms.fact(test.fact)
    if fact is None or fact.kind != "integer":
        yield _renamed("limit", (*at, op), _TURNED[op])
    step = Decimal(1).scaleb(int(number.as_tuple().exponent)) if "." in typed else Decimal(1)
    for moved in (number - step, number + step):
        yield Change("limit", f"`{op}: {typed}` moved to {moved}", (*at, op), (Edit((*at, op), str(moved)),))


def _of_values(test: Test, path: Steps, file: _File) -> Iterator[Change]:
    """Each value of a test dropped, where there are others, and replaced by one that the test does not name."""
    fact = file.terms.fact(test.fact)
    if fact is None:
        return
    node, _ = file.node.at(path)
    listed = isinstance(node.value, list)
    named = [item.text for item in node.value] if listed else [node.text]
    possible = file.terms.members(fact) if not fact.numeric else ()
    for index, text in enumerate(named):
        one = (*path, index) if listed else path
        if len(named) > 1:
            yield Change("value", f"`{text}` dropped", one, (Edit(one, None),))
        if fact.kind == "boolean":
            other: str | None = "false" if text == "true" else "true"
        elif fact.numeric:
            other = str(int(text) + 1) if fact.kind == "integer" else None
        else:
            other = _next(text, possible, named)
        if other is not None:
            yield Change("value", f"`{text}` replaced by `{other}`", one, (Edit(one, _quoted(other)),))


def _next(name: str, names: Iterable[str], taken: Iterable[str]) -> str | None:
    """The name that comes after one, in a circle, and is not taken."""
    every = list(names)
    at = every.index(name) + 1 if name in every else 0
    return next((other for other in (*every[at:], *every[:at]) if other not in {*taken, name}), None)


def _quoted(text: str) -> str:
    """A word as YAML has it; in quotes where it could be read as something else."""
    plain = text.replace("-", "").replace("_", "").replace("+", "").isalnum() and not text[0].isdigit()
    return text if plain and text != "none" else json.dumps(text, ensure_ascii=False)


# --- definitions ------------------------------------------------------------------------------------------


def _of_definition(rule: Definition, file: _File) -> Iterator[Change]:
    stated = [case.value for case in rule.cases if not case.of]
    known = list(dict.fromkeys(map(_text, (*stated, rule.otherwise))))
    if rule.fact is None:
        known = ["true", "false"]
    for index, case in enumerate(rule.cases):
        path = ("cases", index, "value")
        if case.of:
            edits = (Edit(path, _text(rule.otherwise)), Edit(("cases", index, "of"), None))
            yield Change("definition", f"`unknown` made `{_text(rule.otherwise)}`", path, edits)
        elif other := _next(_text(case.value), known, ()):
            yield Change("definition", f"`{_text(case.value)}` made `{other}`", path, (Edit(path, other),))
        if len(rule.cases) > 1:
            whole = ("cases", index)
            yield Change("definition", f"the case of `{_text(case.value)}` left out", whole, (Edit(whole, None),))
    if other := _next(_text(rule.otherwise), known, ()):
        says = f"otherwise `{_text(rule.otherwise)}` made `{other}`"
        yield Change("definition", says, ("otherwise",), (Edit(("otherwise",), other),))
    for index in range(len(rule.cases) - 1):
        one, two = ("cases", index), ("cases", index + 1)
        edits = (Edit(one, file.written.flow(two)), Edit(two, file.written.flow(one)))
        yield Change("definition", "two cases in the other order", one, edits)


def _text(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


# --- conclusions ------------------------------------------------------------------------------------------


def _of_conclusion(rule: Rule, file: _File) -> Iterator[Change]:
    if isinstance(rule, VerdictRule):
        for verdict, text in _VERDICTS.items():
            if verdict != rule.then.verdict:
                says = f"`{rule.then.verdict}` made `{verdict}`"
                yield Change("conclusion", says, ("then", "verdict"), (Edit(("then",), text),))
        yield from _neighbours(rule.then, ("strength", "certainty"))
        yield from _dropped("override", rule.overrides, ("overrides",))
    elif isinstance(rule, OptionRule):
        yield from _neighbours(rule.then, ("tier", "strength", "certainty"))
        yield from _named_otherwise("regimen", rule.regimen, file.base.vocabulary.regimens)
        yield from _elsewhere(rule)
    elif isinstance(rule, Gate):
        yield from _neighbours(rule.then, ("tier", "lower", "certainty", "lower_certainty", "strength"))
        for key in file.node.value["then"].value:
            yield Change("conclusion", f"`{key}` left out", ("then", key), (Edit(("then", key), None),))
        yield from _of_target(rule, file)
        yield from _elsewhere(rule)
    elif isinstance(rule, TestRule):
        main = main_of(rule.fact)
        yield from _named_otherwise("fact", rule.fact, (f for f in catalogue() if f == rule.fact or main_of(f) != main))
        yield from _dropped("conclusion", [given.cite for given in rule.prevalence], ("prevalence",))
        for index, given in enumerate(rule.prevalence):
            path = ("prevalence", index, "result")
            other = _next(given.result, catalogue()[rule.fact].values, ())
            says = f"`{given.result}` made `{other}`"
            yield Change("conclusion", says, path, (Edit(path, _quoted(str(other))),))


_SCALES: Mapping[str, tuple[Any, ...]] = {
    "tier": TIERS,
    "strength": STRENGTHS,
    "certainty": CERTAINTIES,
    "lower": (1, 2, 3),
    "lower_certainty": (1, 2, 3),
}


def _neighbours(then: Any, keys: Iterable[str]) -> Iterator[Change]:
    """What is concluded moved on its scale by one, either way."""
    for key in keys:
        value, scale = getattr(then, key), _SCALES[key]
        if value is not None:
            at = scale.index(value)
            for other in (*scale[max(at - 1, 0) : at], *scale[at + 1 : at + 2]):
                path = ("then", key)
                yield Change("conclusion", f"{key} `{value}` made `{other}`", path, (Edit(path, str(other)),))


def _named_otherwise(key: str, name: str, names: Iterable[str]) -> Iterator[Change]:
    other = _next(name, names, ())
    if other is not None:
        yield Change("conclusion", f"{key} `{name}` made `{other}`", (key,), (Edit((key,), other),))


def _elsewhere(rule: OptionRule | Gate) -> Iterator[Change]:
    """A rule of one jurisdiction made one of both, or of the other."""
    if rule.jurisdiction is not None:
        path, other = ("jurisdiction",), "eu" if rule.jurisdiction == "us" else "us"
        yield Change("conclusion", f"jurisdiction `{rule.jurisdiction}` left out", path, (Edit(path, None),))
        yield Change("conclusion", f"jurisdiction `{rule.jurisdiction}` made `{other}`", path, (Edit(path, other),))


def _of_target(rule: Gate, file: _File) -> Iterator[Change]:
    """A gate that applies to one thing less, or to another one."""
    held = {key: getattr(rule.applies_to, key) for key in file.node.value["applies_to"].value}
    names: dict[str, Iterable[str]] = {
        "regimens": file.base.vocabulary.regimens,
        "agents": file.base.vocabulary.drugs,
        "classes": file.base.vocabulary.classes,
    }
    for key, targets in held.items():
        path: Steps = ("applies_to", key)
        if len(targets) > 1 or len(held) > 1:
            yield from _dropped("conclusion", targets, path)
        elif other := _next(targets[0], names[key], targets):
            one = (*path, 0)
            yield Change("conclusion", f"applies to `{other}` instead of `{targets[0]}`", one, (Edit(one, other),))


def _dropped(kind: str, listed: Iterable[str], path: Steps) -> Iterator[Change]:
    """Each item of a list dropped; the list itself where it is the only one."""
    every = list(listed)
    for index, name in enumerate(every):
        one: Steps = (*path, index) if len(every) > 1 else path
        yield Change(kind, f"`{name}` left out of `{path[-1]}`", one, (Edit(one, None),))


# --- days and citations -----------------------------------------------------------------------------------


def _of_days(rule: Rule) -> Iterator[Change]:
    window = rule.effective
    for key, day in (("from", window.since), ("until", window.until)) if window else ():
        if day is not None:
            for moved in (day - timedelta(days=1), day + timedelta(days=1)):
                path: Steps = ("effective", key)
                yield Change("days", f"{key} {day} moved to {moved}", path, (Edit(path, moved.isoformat()),))


def _of_cites(rule: Rule, file: _File) -> Iterator[Change]:
    """Each cite left out where no text and no share needs it, and replaced by another one wherever it stands."""
    shown = {cite for cite, _ in cites_in(rule.says)}
    shares = {c for given in getattr(rule, "prevalence", ()) for c in (given.cite, given.of) if c}
    grading = getattr(rule, "grading", None)
    for index, cite in enumerate(rule.cites):
        path = ("cites", index)
        needed = cite in shown or cite in shares or (grading is not None and grading.gain == cite)
        if len(rule.cites) > 1 and not needed:
            yield Change("citation", f"`{cite}` left out", path, (Edit(path, None),))
        other = _other_cite(cite, rule, file.base)
        if other is None or cite in shares:
            continue
        edits = [Edit(path, json.dumps(other, ensure_ascii=False))]
        if cite in shown:
            edits.append(Edit(("says",), f"{{{other}}}", f"{{{cite}}}"))
        if grading is not None and grading.gain == cite:
            edits.append(Edit(("grading", "gain"), json.dumps(other, ensure_ascii=False)))
        yield Change("citation", f"`{cite}` replaced by `{other}`", path, tuple(edits))


def _other_cite(cite: str, rule: Rule, base: RuleBase) -> str | None:
    """Another cite that some rule has: of the same evidence where there is one, else the next by name."""
    names = sorted(base.sources)
    same = [name for name in names if base.sources[name].cite.id == base.sources[cite].cite.id]
    return _next(cite, chain(same, (n for n in names if n not in same)) if len(same) > 1 else names, rule.cites)
