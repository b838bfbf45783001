"""Facts that make conditions true or false, found by search: how a generated patient is made with a rule in view.

Each fact is a variable with a few candidate values, enough to lie on, under and over every limit that the rule base
types and between any two; each member of a set is a variable of its own. A condition that is wanted true or false is
a tree of `All` and `AnyOf` over literals (a variable is one of these candidates); links hold facts together that a
patient cannot have apart. The search is depth first with unit propagation, its choices drawn from a `Random`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

from secondline import condition as conditions
from secondline.facts import Fact, catalogue
from secondline.profile import Profile
from secondline.refusals import receptor_status
from secondline.rulebase import RuleBase, values
from secondline.states import NOT_APPLICABLE, State

T = TypeVar("T")
STEP = 0.1  # how far from a limit its neighbours lie
NAMED = ("palbociclib", "ribociclib", "abemaciclib")
AGENTS, CLASSES = "history.agents", "history.classes"


def pick(random: Random, values: Sequence[T]) -> T:
    """One of these; by `random()` alone, which every Python draws alike."""
    return values[int(random.random() * len(values))]


def shuffled(random: Random, values: Sequence[T]) -> list[T]:
    left = list(values)
    return [left.pop(int(random.random() * len(left))) for _ in range(len(left))]


# --- variables --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A variable is one of the candidates in a mask."""

    variable: int
    mask: int


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Node, ...]


Node = Literal | Every | Either
Link = tuple[int, int, int]  # once the domain lies within this mask: that variable, within that mask
HOLDS, FAILS = Every(()), Either(())


class Space:
    """The variables of a rule base, with every condition as a tree over them."""

    def __init__(self, base: RuleBase, more: Iterable[conditions.Condition] = ()) -> None:
        self.base = base
        self.names: list[str] = []
        self.candidates: list[tuple[State, ...]] = []
        self.index: dict[str, int] = {}
        self.members: dict[str, tuple[int, ...]] = {}
        self._made: dict[tuple[str, int], Node] = {}
        found = [rule.when for rule in base.rules()] + [c.when for d in base.definitions for c in d.cases]
        self.limits, self._spoken_of = _numbers_and_words([*found, *more])
        for path, fact in catalogue().items():
            self._add(path, fact)
        self.unknown = [1 << len(these) for these in self.candidates]  # one more candidate: nobody knows
        self.full = [2 * unknown - 1 for unknown in self.unknown]
        self.links: list[list[Link]] = [[] for _ in self.names]
        for link in _links(self):
            self._link(*link)

    def _add(self, path: str, fact: Fact) -> None:
        if fact.kind == "set":
            known = {AGENTS: tuple(self.base.vocabulary.drugs), CLASSES: tuple(self.base.vocabulary.classes)}
            members = known.get(path, fact.values)
            self.members[path] = tuple(self._variable(f"{path}:{member}", (True, False)) for member in members)
        else:
            self._variable(path, self._values(fact))

    def _variable(self, name: str, candidates: tuple[State, ...]) -> int:
        self.index[name] = len(self.names)
        self.names.append(name)
        self.candidates.append(candidates)
        return self.index[name]

    def _values(self, fact: Fact) -> tuple[State, ...]:
        listed: tuple[State, ...] = fact.values
        if fact.kind == "boolean":
            listed = (True, False)
        elif fact.numeric:
            listed = _points(self.limits.get(fact.path, ()), fact)
        elif fact.kind == "text":
            listed = tuple(sorted({"Y537S", *self._spoken_of.get(fact.path, ())}))
        linked = fact.may_not_apply and not fact.path.startswith("history.")  # of these only therapies can say so
        return (*listed, NOT_APPLICABLE) if linked else listed

    def mask(self, name: str, wanted: Iterable[State]) -> int:
        chosen = list(wanted)
        return sum(1 << at for at, value in enumerate(self.candidates[self.index[name]]) if value in chosen)

    def literal(self, name: str, *wanted: State) -> Node:
        mask = self.mask(name, wanted)
        return Literal(self.index[name], mask) if mask else FAILS

    def _link(self, name: str, given: Iterable[State], other: str, allowed: Iterable[State]) -> None:
        """Where one fact is one of `given`, the other is one of `allowed` or not known; and the other way round.

        What does not apply follows from another fact, which is then known.
        """
        a, b, these, those = self.index[name], self.index[other], self.mask(name, given), self.mask(other, allowed)
        for one, within, two, left in (
            (a, these, b, those),
            (b, self.unknown[b] - 1 & ~those, a, self.unknown[a] - 1 & ~these),
        ):
            states = {state for at, state in enumerate(self.candidates[one]) if within >> at & 1}
            known = states == {NOT_APPLICABLE}
            self.links[one].append((within, two, left if known else left | self.unknown[two]))

    # --- conditions ---------------------------------------------------------------------------------------

    def node(self, condition: conditions.Condition, wanted: bool) -> Node:
        """The tree of a condition that is to be true, or false."""
        if isinstance(condition, conditions.Not):
            return self.node(condition.part, not wanted)
        if isinstance(condition, conditions.Test):
            return self._test(condition, wanted)
        parts = tuple(self.node(part, wanted) for part in condition.parts)
        return joined(parts, every=isinstance(condition, conditions.All) is wanted)

    def near_miss(self, condition: conditions.Condition, random: Random) -> Node:
        """One of the parts that all have to hold does not, and the others do."""
        parts = conditions.conjuncts(condition)
        missed = int(random.random() * len(parts))
        return joined(tuple(self.node(part, at != missed) for at, part in enumerate(parts)), every=True)

    def _test(self, test: conditions.Test, wanted: bool) -> Node:
        definition = self.base.defined.get(test.fact)
        if definition is not None:
            possible = enumerate(values(definition))
            alternatives = (
                self.case(definition.id, at)
                for at, value in possible
                if value is not None and conditions.holds(test, value) is wanted
            )
            return joined(tuple(alternatives), every=False)
        if test.fact in self.members:
            return joined(tuple(self._set_check(test.fact, check, wanted) for check in test.checks), every=wanted)
        if test.fact not in self.index:
            return HOLDS  # of the answer, not of the patient: a law may read `verdict`
        variable = self.index[test.fact]
        states = self.candidates[variable]
        mask = sum(1 << at for at, state in enumerate(states) if conditions.holds(test, state) is wanted)
        return Literal(variable, mask) if mask else FAILS

    def _set_check(self, path: str, check: conditions.Check, wanted: bool) -> Node:
        inside = (check.op != "has_none") is wanted
        known = [f"{path}:{value}" for value in check.values if f"{path}:{value}" in self.index]
        parts = tuple(self.literal(name, inside) for name in known)
        return joined(parts, every=(check.op != "has_any") is wanted)

    def case(self, definition: str, at: int) -> Node:
        """A definition has the value of this case: it is the first true one (the index after the last: otherwise)."""
        if (definition, at) not in self._made:
            cases = next(d for d in self.base.definitions if d.id == definition).cases
            parts = [self.node(case.when, False) for case in cases[:at]]
            parts += [self.node(cases[at].when, True)] if at < len(cases) else []
            self._made[definition, at] = joined(tuple(parts), every=True)
        return self._made[definition, at]


def joined(parts: tuple[Node, ...], *, every: bool) -> Node:
    """These parts as one node, as flat as may be."""
    kind: type[Every] | type[Either] = Every if every else Either
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else [part]
    decisive = FAILS if every else HOLDS
    if decisive in flat:
        return decisive
    return flat[0] if len(flat) == 1 else kind(tuple(dict.fromkeys(flat)))


def literals(node: Node) -> Iterator[Literal]:
    if isinstance(node, Literal):
        yield node
    else:
        for part in node.parts:
            yield from literals(part)


def _numbers_and_words(found: Iterable[conditions.Condition]) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """The numbers and the words that conditions compare each fact with, in order."""
    numbers: dict[str, list[float]] = {}
    words: dict[str, list[str]] = {}
    for condition in found:
        for test in conditions.tests_in(condition):
            for value in (value for check in test.checks for value in check.values):
                if isinstance(value, str):
                    words.setdefault(test.fact, []).append(value)
                elif not isinstance(value, bool):
                    numbers.setdefault(test.fact, []).append(value)
    return {fact: sorted(set(these)) for fact, these in numbers.items()}, words


def _points(limits: Sequence[float], fact: Fact) -> tuple[float | int, ...]:
    """Numbers on each limit, beside it, and between any two; of counts the first few; else two ordinary ones."""
    low, high = bounds()[fact.path]
    step = 1 if fact.kind == "integer" else STEP
    found = [point for limit in limits for point in (limit - step, limit, limit + step)]
    found += [(one + other) / 2 for one, other in pairwise(limits)] if fact.kind == "number" else []
    if fact.kind == "integer" and high - low < 50:
        found += [low, low + 1, low + 2, low + 3]
    if fact.main in ("disease.er", "disease.pr"):
        found += [0, 1, 10, 90]  # each status
    found = found or [low + (high - low) / 4, low + (high - low) / 3]
    rounded = {int(point) if fact.kind == "integer" else round(point, 6) for point in found}
    return tuple(sorted(point for point in rounded if low <= point <= high))


@cache
def bounds() -> dict[str, tuple[float, float]]:
    """The lowest and the highest value that the profile takes of each number."""
    found: dict[str, tuple[float, float]] = {}
    for path, fact in catalogue().items():
        if fact.numeric:
            group, name = path.split(".")[:2]
            model: Any = Profile.model_fields[group].annotation
            metadata = model.model_fields[name].metadata
            low = next((part.ge for part in metadata if hasattr(part, "ge")), 0)
            high = next((part.le for part in metadata if hasattr(part, "le")), None)
            found[path] = (low, high if high is not None else 100 if fact.unit == "percent" else 900)
    return found


# --- what cannot be apart ---------------------------------------------------------------------------------


def _links(space: Space) -> Iterator[tuple[str, Sequence[State], str, Sequence[State]]]:
    """Facts that go together: by the contract's refusals, by what cannot be, and by what therapies could give."""
    yield "patient.sex", ["male"], "patient.menopausal_status", [NOT_APPLICABLE]
    yield "patient.sex", ["female"], "patient.menopausal_status", catalogue()["patient.menopausal_status"].values
    for name in ("patient.ovarian_suppression", "patient.pregnant"):
        yield "patient.sex", ["male"], name, [NOT_APPLICABLE]
        yield "patient.sex", ["female"], name, [True, False]
    yield "progression.status", ["none", "molecular"], "progression.extent", [NOT_APPLICABLE]
    yield "progression.status", ["radiological", "clinical"], "progression.extent", ["limited", "systemic"]
    yield "progression.status", ["molecular"], "biomarkers.esr1", ["mutated"]
    yield "disease.her2.ihc", ["3+"], "disease.her2", ["positive"]
    yield "disease.her2.ihc", ["0", "ultralow", "1+"], "disease.her2", ["negative"]
    yield "disease.her2.ish", ["amplified"], "disease.her2", ["positive"]
    yield "disease.her2.ish", ["not-amplified"], "disease.her2", ["negative"]
    for name in ("disease.er", "disease.pr"):
        for percent in space.candidates[space.index[f"{name}.percent"]]:
            assert isinstance(percent, (int, float))
            yield f"{name}.percent", [percent], name, [receptor_status(percent)]
    for path, parts in catalogue().parts.items():
        if path.startswith("biomarkers."):
            sample = f"{path}.sample"
            yield sample, [NOT_APPLICABLE], path, catalogue()[path].values
            for part in parts:
                whole = ["at-progression"] if part.endswith(".taken") else [NOT_APPLICABLE]
                yield sample, [NOT_APPLICABLE], part, whole
            for name in ("tumour_fraction_percent", "variant"):
                yield f"{path}.{name}", [NOT_APPLICABLE], sample, [NOT_APPLICABLE]
    yield from _inhibitor_links(space)
    yield from _history_links(space)


def _inhibitor_links(space: Space) -> Iterator[tuple[str, Sequence[State], str, Sequence[State]]]:
    agent = "prior_cdk46.agent"
    some = [name for name in space.candidates[space.index[agent]] if name != "none"]
    for name in some:
        yield agent, [name], f"prior_cdk46.agents:{name}", [True]
        yield agent, ["none"], f"prior_cdk46.agents:{name}", [False]
        yield f"prior_cdk46.agents:{name}", [True], f"{CLASSES}:cdk46-inhibitor", [True]
        if name in NAMED:
            yield f"prior_cdk46.agents:{name}", [True], f"{AGENTS}:{name}", [True]
            yield f"{AGENTS}:{name}", [True], f"prior_cdk46.agents:{name}", [True]
    for path, fact in catalogue().items():
        if path.startswith("prior_cdk46.") and fact.may_not_apply:
            yield agent, ["none"], path, [NOT_APPLICABLE]
            yield path, [NOT_APPLICABLE], agent, ["none"]
    yield agent, ["none"], f"{CLASSES}:cdk46-inhibitor", [False]
    for partner in ("fulvestrant", "tamoxifen"):
        yield "prior_cdk46.partner_class", [partner], f"{AGENTS}:{partner}", [True]
    for partner in ("aromatase-inhibitor", "oral-serd"):
        yield "prior_cdk46.partner_class", [partner], f"{CLASSES}:{partner}", [True]
    yield "prior_cdk46.best_response", ["complete", "partial"], "prior_cdk46.clinical_benefit", [True]
    yield "prior_cdk46.best_response", ["progressive"], "prior_cdk46.clinical_benefit", [False]


def _history_links(space: Space) -> Iterator[tuple[str, Sequence[State], str, Sequence[State]]]:
    def numbers(path: str) -> list[float]:
        return [value for value in space.candidates[space.index[path]] if isinstance(value, (int, float))]

    vocabulary = space.base.vocabulary
    for drug in vocabulary.drugs:
        for name in vocabulary.classes:
            if name in (vocabulary.classes_of(drug) or ()):
                yield f"{AGENTS}:{drug}", [True], f"{CLASSES}:{name}", [True]
    lines = numbers("history.line")
    several = [line for line in lines if line > 1]
    if several:
        yield "prior_cdk46.setting", ["metastatic"], "history.line", several
        yield "prior_cdk46.in_last_line", [False], "history.line", several
    for path, name in (
        ("history.chemotherapy_lines", "chemotherapy"),
        ("history.endocrine_lines", "endocrine-therapy"),
    ):
        yield f"{CLASSES}:{name}", [False], path, [0]
        for given in numbers(path):
            yield path, [given], "history.line", [line for line in lines if line > given]
    for given in numbers("history.endocrine_lines_without_benefit"):
        allowed = [number for number in numbers("history.endocrine_lines") if number >= given]
        yield "history.endocrine_lines_without_benefit", [given], "history.endocrine_lines", allowed


# --- the search -------------------------------------------------------------------------------------------


class Search:
    """What has been settled so far of one patient. What is required is met whole, or nothing changes."""

    def __init__(self, space: Space, random: Random, *, effort: int = 60) -> None:
        self.space, self.random, self.effort = space, random, effort
        self.domains = list(space.full)
        self._trail: list[tuple[int, int]] = []
        self._left = 0

    def require(self, *nodes: Node) -> bool:
        """Settle facts such that all of these hold; False if no way was found within the effort."""
        mark, self._left = len(self._trail), self.effort
        if self._solve(list(nodes), []):
            return True
        self._undo(mark)
        return False

    def narrow(self, variable: int, mask: int) -> bool:
        """Keep these candidates, with all that is linked; False, and no change, if none is left."""
        mark = len(self._trail)
        if self._narrow(variable, mask):
            return True
        self._undo(mark)
        return False

    def settle(self, variable: int, preferred: int) -> None:
        """Choose one of the candidates left, of the preferred ones where there are any."""
        domain = self.domains[variable] & ~self.space.unknown[variable]
        domain = domain & preferred or domain
        for at in shuffled(self.random, [at for at in range(domain.bit_length()) if domain >> at & 1]):
            if self.narrow(variable, 1 << at):
                return

    def settled(self, variable: int) -> bool:
        domain = self.domains[variable]
        return domain & (domain - 1) == 0 and self.touched(variable)

    def touched(self, variable: int) -> bool:
        """Whether it has to be known."""
        return not self.domains[variable] & self.space.unknown[variable]

    def sure(self, variable: int, mask: int) -> bool:
        """Whether it is among these, if it is known at all."""
        return not self.domains[variable] & ~self.space.unknown[variable] & ~mask

    def value(self, variable: int) -> State:
        return self.space.candidates[variable][self.domains[variable].bit_length() - 1]

    def _narrow(self, variable: int, mask: int) -> bool:
        before = self.domains[variable]
        after = before & mask
        if after == before:
            return True
        if not after & ~self.space.unknown[variable]:
            return False
        self._trail.append((variable, before))
        self.domains[variable] = after
        for within, other, allowed in self.space.links[variable]:
            if not after & ~within and not self._narrow(other, allowed):
                return False
        return True

    def _undo(self, mark: int) -> None:
        while len(self._trail) > mark:
            variable, before = self._trail.pop()
            self.domains[variable] = before

    def _status(self, node: Node) -> bool | None:
        """Whether a tree holds whatever the open facts are, or cannot hold any more."""
        if type(node) is Literal:
            held = self.domains[node.variable] & node.mask
            return False if not held else True if held == self.domains[node.variable] else None
        assert not isinstance(node, Literal)
        decisive = type(node) is Either
        answer: bool | None = not decisive
        for part in node.parts:
            found = self._status(part)
            if found is decisive:
                return decisive
            if found is None:
                answer = None
        return answer

    def _solve(self, wanted: list[Node], choices: list[Either]) -> bool:
        while True:
            while wanted:
                node = wanted.pop()
                if isinstance(node, Literal):
                    if not self._narrow(node.variable, node.mask):
                        return False
                elif isinstance(node, Every):
                    wanted += node.parts
                else:
                    choices.append(node)
            left: list[Either] = []
            for choice in choices:
                alternatives = self._open(choice)
                if alternatives is None:
                    continue
                if not alternatives:
                    return False
                if len(alternatives) == 1:
                    wanted.append(alternatives[0])
                else:
                    left.append(Either(tuple(alternatives)))
            choices = left
            if wanted:
                continue
            if not choices:
                return True
            for part in shuffled(self.random, choices.pop().parts):
                mark = len(self._trail)
                if self._solve([part], list(choices)):
                    return True
                self._undo(mark)
                self._left -= 1
                if self._left <= 0:
                    break
            return False

    def _open(self, choice: Either) -> list[Node] | None:
        """The alternatives that can still hold; None where one holds already."""
        found: list[Node] = []
        for part in choice.parts:
            status = self._status(part)
            if status:
                return None
            if status is None:
                found.append(part)
        return found
