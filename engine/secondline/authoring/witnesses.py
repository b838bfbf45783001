"""An example for a claim: a patient with few facts, made from a diagram and held against both engines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from secondline.authoring.everybody import Everybody
from secondline.authoring.paired import Pair
from secondline.authoring.patients import Facts, least
from secondline.diagram import ALWAYS, NEVER, Node
from secondline.domains import Value
from secondline.facts import bare_parts, catalogue, main_of
from secondline.patient import cannot_be
from secondline.states import NOT_APPLICABLE
from secondline.whatif.changes import within

Claim = Callable[[Facts], bool]  # what the engines say of a patient with these facts


class Witnesses:
    """Finds patients for functions of patients of whom everything is known."""

    def __init__(self, pair: Pair, everybody: Everybody) -> None:
        self.pair, self.everybody = pair, everybody
        self.diagrams, self.variables = pair.diagrams, pair.cells[0].variables

    def example(self, node: Node, claim: Claim) -> Facts | None:
        """A patient for whom a function holds and a claim is true, with few facts; None where none was found."""
        whole = self.everybody.patient(self.pair.patients.freed(self.diagrams.both(node, self.pair.whole)))
        if whole is None:
            return None
        few = self._few(whole, node)
        if claim(few):
            return least(few, claim)
        return least(whole, claim) if claim(whole) else None

    def _few(self, facts: Facts, node: Node) -> Facts:
        """Facts without those that are not needed for a function to hold, whatever they turn out to be."""
        dd, bad = self.diagrams, self.diagrams.without(self.pair.whole, node)
        held = dict(facts)
        said = {main: self._said(main, facts) for main in dict.fromkeys(map(main_of, facts))}
        told = {rule.fact for rule in cannot_be()}
        said["absent"] = dd.all_of(dd.literal(variable, values) for variable, values in self._absent(facts, told))
        for main, paths in self._units(facts):
            rest = {path: value for path, value in held.items() if path not in paths}
            others = {**said, main: self._said(main, rest) if main in rest else ALWAYS}
            if dd.both(dd.all_of(others.values()), bad) == NEVER:
                held, said = rest, others
        return held

    def without_one(self, facts: Facts) -> Iterator[tuple[Facts, Node]]:
        """A patient with one fact and its parts unknown, each in turn, and whom of all he can turn out to be."""
        dd = self.diagrams
        said = {main: self._said(main, facts) for main in dict.fromkeys(map(main_of, facts))}
        for unknown in said:
            fewer = {path: value for path, value in facts.items() if main_of(path) != unknown}
            apart = {r.fact for r in cannot_be() if r.fact not in facts and fewer.get(r.other) in r.values}
            absent = (dd.literal(variable, values) for variable, values in self._absent(facts, apart))
            others = (node for main, node in said.items() if main != unknown)
            yield fewer, dd.all_of((*absent, *others, self.pair.whole))

    @staticmethod
    def _units(facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What can be left out: facts with their parts, then the scores of receptors and HER2 alone."""
        telling = {rule.other for rule in cannot_be()}  # what does not apply depends on them
        for main in dict.fromkeys(map(main_of, facts)):
            if main not in telling:
                yield main, tuple(path for path in facts if main_of(path) == main)
        for path in facts:
            if main_of(path) != path and path.startswith("disease."):
                yield main_of(path), (path,)

    def _absent(self, facts: Facts, told: Collection[str]) -> Iterator[tuple[int, list[bool]]]:
        """Of some facts those that nothing states, as not applying."""
        for variable, held in enumerate(self.variables):
            if held.about in told and held.about not in facts:
                yield variable, [value.states[held.about] is NOT_APPLICABLE for value in held.values]

    def _said(self, main: str, facts: Mapping[str, Any]) -> Node:
        """Where a fact and its parts are as these facts say; a part that is not said can be any."""
        dd, found = self.diagrams, ALWAYS
        for variable, held in enumerate(self.variables):
            if not held.fact or main_of(held.fact) != main or variable in self.pair.cells[0].turning_out():
                continue
            found = dd.both(found, dd.literal(variable, [self._fits(held.about, v, facts) for v in held.values]))
        return found

    @staticmethod
    def _fits(about: str, value: Value, facts: Mapping[str, Any]) -> bool:
        """Whether a value of a variable is what these facts say, or they do not say."""
        bare = not any(path.startswith(f"{main_of(about)}.") for path in facts)
        for path, state in value.states.items():
            if path not in catalogue():  # a member of a set
                fact, _, member = path.partition(":")
                fits = (member in facts[fact]) is state
            elif path in facts:
                held = facts[path]
                numeric = value.stretch is not None and catalogue()[path].numeric
                fits = within(held, value.stretch) if numeric and value.stretch else held == state
            else:
                fits = not (bare and path.startswith("biomarkers.")) or bare_parts(main_of(path)).get(path) == state
            if not fits:
                return False
        return True
