"""Conditions that no patient can meet, cases and branches that none can reach, by diagrams over every patient.

What can be together in one patient counts (`columns.cells`). Whom an answer reaches does not: that is for `prove`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from secondline.columns.cells import Cells
from secondline.condition import ANSWER, DEFINED, All, AnyOf, Condition, Not, conjuncts, sentence, tests_in
from secondline.diagram import ALWAYS, Node, TooManyNodes
from secondline.forms.rules import Caution, Definition, Law, Rule
from secondline.lint.kinds import NEVER_TRUE, UNREACHABLE, Path, Raised
from secondline.rulebase import RuleBase
from secondline.worlds import Undecidable


def unreachable(base: RuleBase, laws: Sequence[Law] = ()) -> list[tuple[str, Raised]]:
    """What no patient can reach, with the id of the rule, definition or law; nothing where diagrams are too large."""
    try:
        branches = _Branches(base, laws)
        found = [(rule.id, raised) for rule in base.rules() for raised in branches.of_rule(rule)]
        found += [(d.id, raised) for d in base.definitions for raised in branches.of_definition(d)]
        found += [(law.id, raised) for law in laws for raised in branches.of_law(law)]
        return found
    except (TooManyNodes, Undecidable):
        return []


def _of_patient(law: Law) -> Condition:
    """What a law asks of the patient before it asks anything of the answer."""
    return All(tuple(p for p in conjuncts(law.when) if not any(test.fact in ANSWER for test in tests_in(p))))


class _Branches:
    def __init__(self, base: RuleBase, laws: Sequence[Law]) -> None:
        """What a law asks of patients counts as a rule, so that numbers are cut at its limits too."""
        asked = [Caution(id=law.id, when=_of_patient(law), says=law.id) for law in laws]
        self.base = replace(base, cautions=(*base.cautions, *asked))
        self.cells = Cells(self.base)
        self.cells.prepare()
        self.diagrams = self.cells.diagrams

    def of_rule(self, rule: Rule) -> Iterator[Raised]:
        if self._possible(self.cells.where(rule.when)):
            yield from self._within(rule.when, ("when",), ALWAYS)
        else:
            yield NEVER_TRUE, ("when",), f"`{rule.id}` can never fire: {self._contradiction(rule.when)}"

    def of_law(self, law: Law) -> Iterator[Raised]:
        when = _of_patient(law)
        if not self._possible(self.cells.where(when)):
            yield NEVER_TRUE, ("when",), f"`{law.id}` can never apply: {self._contradiction(when)}"

    def of_definition(self, definition: Definition) -> Iterator[Raised]:
        """A case that makes a fact count as absent is judged on the fact as stated, which diagrams no longer hold."""
        left = ALWAYS
        for index, case in enumerate(definition.cases):
            path: Path = ("cases", index, "when")
            node = self.cells.where(case.when)
            here = self.diagrams.both(left, node)
            if case.of is None:
                if not self._possible(node):
                    yield UNREACHABLE, path, f"no patient is in this case: {self._contradiction(case.when)}"
                elif not self._possible(here):
                    message = "no patient is left for this case; those before it take all that it describes"
                    yield UNREACHABLE, path, message
                else:
                    yield from self._within(case.when, path, left)
            left = self.diagrams.without(left, node)

    def _possible(self, node: Node) -> bool:
        return self.diagrams.overlap(node, self.cells.valid(node))

    def _within(self, condition: Condition, path: Path, context: Node) -> Iterator[Raised]:
        """What cannot be reached within a condition, where `context` holds."""
        dd = self.diagrams
        if isinstance(condition, Not):
            yield from self._within(condition.part, (*path, "not"), context)
        elif isinstance(condition, All):
            nodes = [self.cells.where(part) for part in condition.parts]
            for index, part in enumerate(condition.parts):
                beside = dd.all_of((context, *nodes[:index], *nodes[index + 1 :]))
                yield from self._within(part, (*path, "all", index), beside)
        elif isinstance(condition, AnyOf):
            kept = [self.cells.where(part) for part in condition.parts]
            for index, part in reversed([*enumerate(condition.parts)]):
                node = kept.pop(index)
                here, place = dd.both(node, context), (*path, "any", index)
                others = dd.any_of(kept)
                if not self._possible(here):
                    message = f"`{self._words(part)}` can never hold here; what stands beside it excludes it"
                    yield UNREACHABLE, place, message
                elif not self._possible(dd.without(here, others)):
                    message = f"`{self._words(part)}` adds nothing; where it holds another branch does"
                    yield UNREACHABLE, place, message
                else:
                    kept.insert(index, node)
                    yield from self._within(part, place, dd.without(context, others))

    def _contradiction(self, condition: Condition) -> str:
        """The fewest parts of a condition that cannot hold together, in words."""
        parts: Sequence[Condition] = conjuncts(condition)
        for part in parts:
            fewer = [other for other in parts if other is not part]
            if not self._possible(self.diagrams.all_of(map(self.cells.where, fewer))):
                parts = fewer
        if len(parts) == 1 and isinstance(parts[0], All):
            return self._contradiction(parts[0])
        words = " and ".join(f"`{self._words(part)}`" for part in parts)
        return f"{words} cannot hold together" if len(parts) > 1 else f"{words} cannot hold"

    def _words(self, condition: Condition) -> str:
        def name(fact: str) -> str:
            return f"{fact.removeprefix(DEFINED)} holds" if fact.startswith(DEFINED) else fact

        return sentence(condition, name)
