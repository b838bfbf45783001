"""Two rule bases rule by rule: what was added, removed, named anew, changed in its text, changed in what it means.

A rule means a condition, a conclusion and the days on which it counts. Conditions are compared as diagrams, so that one
written otherwise is no change, and one that reads a changed definition is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from secondline.authoring.paired import Pair, Region, reads_answer
from secondline.authoring.patients import Facts
from secondline.authoring.saying import as_plain
from secondline.condition import All, AnyOf, Not, Test
from secondline.diagram import NEVER, Node
from secondline.evidence import plain
from secondline.rulebase import RuleBase, produces
from secondline.states import in_words

if TYPE_CHECKING:
    from secondline.forms.rules import Law

What = Literal["added", "removed", "renamed", "meaning", "rewritten", "text"]
TEXTS = ("title", "says", "cites", "notes", "authors", "review_by", "grading")
_WRITTEN = frozenset({"when", "cases", "otherwise"})  # compared by what they mean
FOLDERS = ("verdicts", "options", "safety", "definitions", "tests", "cautions", "laws")
HOLDS, FAILS = "holds", "does not hold"


class Shift(NamedTuple):
    """Where what a rule says becomes another: that it holds, or the value of a definition."""

    before: str
    after: str
    region: Region
    node: Node
    example: Facts | None = None


class Part(NamedTuple):
    """A part of a rule that differs, as plain data; None where it is not there."""

    name: str
    before: Any
    after: Any


class RuleChange(NamedTuple):
    """One rule, definition or law that is not the same in both.

    `parts` are those that differ, `shifts` where its outcome does, `through` the definitions that make it so, and `was`
    its id before.
    """

    folder: str
    id: str
    what: What
    parts: tuple[Part, ...] = ()
    shifts: tuple[Shift, ...] = ()
    through: tuple[str, ...] = ()
    was: str = ""


Key = tuple[str, str]  # folder and id
Held = dict[Key, Any]  # ... of a rule, definition or law


def held(base: RuleBase, laws: Sequence[Law]) -> Held:
    """Everything of a rule base that has an id and a condition."""
    kinds: dict[str, Sequence[Any]] = {
        "verdicts": base.verdicts,
        "options": base.options,
        "safety": base.gates,
        "definitions": base.definitions,
        "tests": base.tests,
        "cautions": base.cautions,
        "laws": laws,
    }
    return {(folder, one.id): one for folder in FOLDERS for one in sorted(kinds[folder], key=lambda one: one.id)}


class RuleChanges:
    """The changes from one rule base to another, in the order of folders and ids."""

    def __init__(self, pair: Pair, laws: tuple[Sequence[Law], Sequence[Law]]) -> None:
        self.pair = pair
        self.old, self.new = held(pair.old, laws[0]), held(pair.new, laws[1])

    def found(self) -> list[RuleChange]:
        gone = [key for key in self.old if key not in self.new]
        come = [key for key in self.new if key not in self.old]
        renamed = dict(self._renamed(gone, come))
        changes = [
            *(RuleChange(*key, "removed") for key in gone if key not in renamed),
            *(RuleChange(*key, "added") for key in come if key not in renamed.values()),
            *(RuleChange(*new, "renamed", was=old[1]) for old, new in renamed.items()),
            *(change for key in self.old if key in self.new for change in self._changed(key)),
        ]
        return sorted(changes, key=lambda change: (FOLDERS.index(change.folder), change.id))

    # --- the same, named otherwise ------------------------------------------------------------------------

    def _renamed(self, gone: Sequence[Key], come: Sequence[Key]) -> Iterator[tuple[Key, Key]]:
        """Which rule that is gone came back under another id, in all else the same."""
        left = list(come)
        for old in gone:
            same = next((new for new in left if new[0] == old[0] and self._alike(old, new)), None)
            if same:
                left.remove(same)
                yield old, same

    def _alike(self, old: Key, new: Key) -> bool:
        one, other = self.old[old], self.new[new]
        apart = {"id", "overrides", *_WRITTEN}
        parts = [part for part in self._parts(one, other) if part.name not in apart]
        return not parts and self._outcomes(0, one) == self._outcomes(1, other)

    # --- changed ------------------------------------------------------------------------------------------

    def _changed(self, key: Key) -> Iterator[RuleChange]:
        one, other = self.old[key], self.new[key]
        parts = tuple(self._parts(one, other))
        old, new = self._outcomes(0, one), self._outcomes(1, other)
        names = {part.name for part in parts}
        written = names & _WRITTEN
        unread = written if key[0] == "laws" and not old else set()  # what reads answers is compared as it is written
        if key[0] == "definitions" and self._voids(0, one) != self._voids(1, other):
            unread = written
        if names - {*TEXTS, *_WRITTEN} or old != new or unread:
            through = () if written or old == new else tuple(self._through(one))
            yield RuleChange(*key, "meaning", parts, tuple(self._shifts(old, new)), through)
        elif parts:
            yield RuleChange(*key, "rewritten" if written else "text", parts)

    def _parts(self, one: Any, other: Any) -> Iterator[Part]:
        """The parts that differ as they are written, and the days on which both count."""
        before, after = vars(one), vars(other)
        for name in before:
            was, now = as_data(before[name]), as_data(after[name])
            if name != "effective" and was != now:
                yield Part(name, was, now)
        days = self._days(self.pair.old, one), self._days(self.pair.new, other)
        if days[0] != days[1]:
            yield Part("effective", *days)

    @staticmethod
    def _days(base: RuleBase, rule: Any) -> dict[str, str] | None:
        """The first and last day on which a rule counts, by what it says and by when its cites were public."""
        if not hasattr(rule, "effective"):
            return None
        since, until = base.window(rule)
        return {name: day.isoformat() for name, day in (("from", since), ("until", until)) if day}

    def _outcomes(self, side: int, rule: Any) -> dict[str, Node]:
        """Where a rule holds, or a definition has each of its values; nothing of a law that reads an answer."""
        dd, whole = self.pair.diagrams, self.pair.whole
        if hasattr(rule, "cases"):
            return {in_words(value): node for value, node in self.pair.values(side, rule.id).items()}
        if reads_answer(rule.when):
            return {}
        node = dd.both(self.pair.cells[side].where(rule.when), whole)
        return {name: where for name, where in ((HOLDS, node), (FAILS, dd.without(whole, node))) if where != NEVER}

    def _voids(self, side: int, definition: Any) -> Node:
        """Where a result counts as absent of which a definition may say so."""
        dd, cells = self.pair.diagrams, self.pair.cells[side]
        mains = dict.fromkeys(case.of for case in definition.cases if case.of)
        return dd.both(dd.any_of(map(cells.void, mains)), self.pair.patients.stated)

    def _shifts(self, old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Shift]:
        dd = self.pair.diagrams
        for before, had in old.items():
            for after, has in new.items():
                node = dd.both(had, has) if before != after else NEVER
                if node != NEVER:
                    yield Shift(before, after, self.pair.region(node, had, has, alone=True), node)

    def _through(self, rule: Any) -> Iterator[str]:
        """The definitions that a rule reads, itself or through others, and that have other values now."""
        base, seen = self.pair.new, set[str]()
        todo = [produces(rule) if hasattr(rule, "cases") else rule.id]
        while todo:
            for fact in base.tested.get(todo.pop(), ()):
                definition = base.defined.get(fact)
                if definition and fact not in seen:
                    seen.add(fact)
                    todo.append(fact)
                    if definition.id not in self.pair.alike:
                        yield definition.id


def as_data(value: Any) -> Any:
    """A part of a rule as plain data, what is not given left out; a condition as it is written."""
    if isinstance(value, (Test, All, AnyOf, Not)):
        return as_plain(value)
    if isinstance(value, (tuple, list)):
        return [as_data(item) for item in value]
    if hasattr(value, "__dict__"):
        given = ((name, as_data(item)) for name, item in vars(value).items())
        return {name: item for name, item in given if item not in (None, [], {})}
    return plain(value)
