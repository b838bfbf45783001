"""Where a diagram holds, as a reader has it: the values of a few facts, those that are alike together.

QTcF 450 ms or more
HER2 positive; or HER2 negative (HER2 immunohistochemistry 0)
sites of disease with brain, and symptomatic CNS disease: yes
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from secondline.condition import holds
from secondline.diagram import ALWAYS, Node
from secondline.domains import UNBOUNDED, Stretch
from secondline.facts import Fact, catalogue
from secondline.patient import follow
from secondline.refusals import contradictory
from secondline.states import State, in_words
from secondline.whatif.changes import Choice
from secondline.whatif.otherwise import CHANGE
from secondline.whatif.reaching import TooFar, Way, unnamed, ways
from secondline.worlds import Variable, Worlds

ANY = "whatever it is"  # of a number without limits
MOST_WAYS = 400  # through one diagram
_Members = frozenset[tuple[str, bool]]  # of a set: what is in it and what is not
_Atoms = frozenset[Any]  # numbers of values, or members of a set, of which one is as good as another


class Values(NamedTuple):
    """Values of one fact, in words and as JSON: of a number limits, of a set what is in it and what is not."""

    fact: str
    says: str
    plain: list[Any]


Row = tuple[Values, ...]  # values of several facts, any of each with any of the others


class Reader:
    """Reads diagrams over some variables; `chosen` are the known facts among them."""

    def __init__(self, worlds: Worlds, chosen: Mapping[str, Choice]) -> None:
        self.worlds, self.chosen = worlds, chosen
        self.diagrams, self.variables = worlds.diagrams, worlds.variables

    def rows(self, node: Node, facts: Collection[str]) -> tuple[Row, ...]:
        """Where a function of the variables of these facts alone holds.

        Raises:
            TooFar: there are too many ways to say.
        """
        found = [self._shorter(node, way) for way in islice(ways(self.diagrams, node), MOST_WAYS + 1)]
        if len(found) > MOST_WAYS:
            raise TooFar
        ordered = sorted(facts)
        rows = {tuple(self._atoms(fact, way) for fact in ordered) for way in found}
        for position in reversed(range(len(ordered))):
            together: dict[tuple[_Atoms, ...], _Atoms] = {}
            for row in rows:
                others = (*row[:position], *row[position + 1 :])
                together[others] = together.get(others, frozenset()) | row[position]
            rows = {(*others[:position], held, *others[position:]) for others, held in together.items()}
        worded = [tuple(self._values(f, atoms) for f, atoms in zip(ordered, row, strict=True)) for row in rows]
        return tuple(sorted(worded, key=lambda row: [values.says for values in row]))

    def _shorter(self, node: Node, way: Way) -> Way:
        """A way without the members of sets that do not matter, or are as they are."""
        kept = dict(way)
        for variable, value in way:
            if self._is_set(variable):
                fewer = {other: held for other, held in kept.items() if other != variable}
                as_it_is = value == 0 and self.variables[variable].fact.startswith(CHANGE)
                if as_it_is or self.diagrams.fixed(node, fewer) == ALWAYS:
                    kept = fewer
        return tuple(kept.items())

    def _is_set(self, variable: int) -> bool:
        return catalogue()[unnamed(self.variables[variable].fact)].kind == "set"

    def _atoms(self, fact: str, way: Way) -> _Atoms:
        mine = {variable: value for variable, value in way if unnamed(self.variables[variable].fact) == fact}
        if catalogue()[fact].kind == "set":
            return frozenset({frozenset(self._member(variable, value) for variable, value in mine.items())})
        if mine:
            return frozenset(mine.values())
        return frozenset(range(len(self._variable(fact).values)))

    def _member(self, variable: int, value: int) -> tuple[str, bool]:
        held = self.variables[variable]
        return held.about.removeprefix(f"{held.fact}:"), bool(held.values[value].states[held.about])

    def _variable(self, fact: str) -> Variable:
        return next(variable for variable in self.variables if unnamed(variable.fact) == fact)

    # --- in words -----------------------------------------------------------------------------------------

    def _values(self, path: str, atoms: _Atoms) -> Values:
        fact = catalogue()[path]
        if fact.kind == "set":
            return _members(fact, atoms)
        variable = self._variable(path)
        held = [variable.values[index] for index in sorted(atoms)]
        if fact.numeric:
            spans = joined([value.stretch for value in held if value.stretch], fact)
            says = named(fact, either([span_words(span, fact) for span in spans]))
            found = Values(path, says, [plain_span(span, fact) for span in spans])
        elif path in catalogue().parts:
            found = self._whole(fact, variable, atoms)
        else:
            states = [value.states[path] for value in held]
            found = Values(path, named(fact, either(list(map(_word, states)))), states)
        every = path not in self.chosen and len(held) == len(variable.values)
        return found._replace(says=f"{fact.label}, whatever it is") if every else found

    def _whole(self, fact: Fact, variable: Variable, atoms: _Atoms) -> Values:
        """A receptor, HER2 or a biomarker: by its main value where its parts do not matter."""
        present = self.chosen[fact.path].present if fact.path in self.chosen else None
        says: list[str] = []
        plain: list[Any] = []
        for main in fact.values:
            every = self._alike(fact.path, variable, main)
            here = [variable.values[i].states for i in sorted(every & atoms)]
            if here and every <= atoms and main != present:
                says.append(named(fact, main))
                plain.append(main)
            elif here and fact.path.startswith("biomarkers."):
                says.append(f"{named(fact, main)} by a valid test at this progression")
                plain.append({"result": main, "taken": "at-progression"})
            elif here:
                scores = {part: [s[part] for s in here if s[part] is not None] for part in catalogue().parts[fact.path]}
                scores = {part: list(dict.fromkeys(held)) for part, held in scores.items() if held}
                detail = ", ".join(named(catalogue()[p], either(list(map(_word, held)))) for p, held in scores.items())
                says.append(f"{named(fact, main)} ({detail})")
                plain.append({"status": main, **{part.rpartition(".")[2]: held for part, held in scores.items()}})
        return Values(fact.path, "; or ".join(says), plain)

    def _alike(self, path: str, variable: Variable, main: str) -> set[int]:
        """The values of a receptor, HER2 or a biomarker with this main value, or that no rule can tell from it."""
        found = {i for i, value in enumerate(variable.values) if value.states.get(path) == main}
        if found or path in self.chosen:
            return found
        asked, parts = self.worlds.base.tests_on, catalogue().parts[path]
        tests = [test for fact in (path, *parts) for test in asked.get(fact, ())]
        for i, value in enumerate(variable.values):
            other = {path: main, **{part: value.states[part] if asked.get(part) else None for part in parts}}
            follow(other)
            told = (holds(test, value.states[test.fact]) is holds(test, other[test.fact]) for test in tests)
            if other[path] == main and not contradictory(other) and all(told):
                found.add(i)
        return found


def _members(fact: Fact, atoms: _Atoms) -> Values:
    least = sorted((some for some in atoms if not any(other < some for other in atoms)), key=sorted)
    says: list[str] = []
    plain: list[Any] = []
    for some in least:
        inside, outside = (sorted(member for member, held in some if held is wanted) for wanted in (True, False))
        parts = [
            *([f"{_listed(inside, 'and')} among them"] if inside else []),
            *([f"{_listed(outside, 'and')} not among them"] if outside else []),
        ]
        says.append(" and ".join(parts) or "whatever they are")
        plain.append({word: held for word, held in (("with", inside), ("without", outside)) if held})
    if all([held for _, held in some] == [True] for some in least):
        says = [f"{either([member for some in least for member, _ in some])} among them"]
    return Values(fact.path, f"{fact.label}: {'; or '.join(says)}", plain)


def either(words: Sequence[str]) -> str:
    """Words as a sentence has a choice of them."""
    return _listed(words, "or")


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def named(fact: Fact, value: str) -> str:
    """A fact with its value: `ESR1 mutated`, `QTcF 450 ms or more`, `visceral crisis: yes`."""
    plain = fact.numeric or (" " not in fact.label and fact.kind == "choice")
    return f"{fact.label}{'' if plain else ':'} {value}"


def _word(state: State) -> str:
    return "another" if isinstance(state, str) and state.endswith("~") else in_words(state)


# --- numbers ----------------------------------------------------------------------------------------------


def joined(stretches: Sequence[Stretch], fact: Fact) -> list[Stretch]:
    """Stretches in rising order, those that touch made one."""
    found: list[Stretch] = []
    for stretch in stretches:
        one = _whole_numbers(stretch) if fact.kind == "integer" else stretch
        last = found[-1] if found else None
        step = 1 if fact.kind == "integer" else 0
        touching = last is not None and (
            one.low < last.high + step or (one.low == last.high + step and not (one.low_open and last.high_open))
        )
        if last is not None and touching:
            found[-1] = Stretch(last.low, one.high, last.low_open, one.high_open)
        else:
            found.append(one)
    return found


def _whole_numbers(stretch: Stretch) -> Stretch:
    return Stretch(stretch.low + stretch.low_open, stretch.high - stretch.high_open, low_open=False, high_open=False)


def plain_span(span: Stretch, fact: Fact) -> dict[str, float]:
    """The limits of a stretch as a condition has them, those that every value keeps left out."""
    found: dict[str, float] = {}
    if span.low_open or span.low > (UNBOUNDED[0] if fact.low is None else fact.low):
        found["above" if span.low_open else "at_least"] = _number(span.low)
    if span.high_open or span.high < (UNBOUNDED[1] if fact.high is None else fact.high):
        found["below" if span.high_open else "at_most"] = _number(span.high)
    return found


def span_words(span: Stretch, fact: Fact) -> str:
    """A stretch in words: `450 ms or more`."""
    unit = f" {fact.unit}" if fact.unit else ""
    if span.low == span.high:
        return f"{digits(span.low)}{unit}"
    limits = {name: digits(value) for name, value in plain_span(span, fact).items()}
    if limits.keys() == {"at_least", "at_most"}:
        return f"{limits['at_least']} to {limits['at_most']}{unit}"
    words = {"at_least": "{}{} or more", "above": "above {}{}", "at_most": "{}{} or less", "below": "below {}{}"}
    return " and ".join(words[name].format(value, unit) for name, value in limits.items()) or ANY


def digits(value: float) -> str:
    """A number as a reader has it."""
    return f"{round(value, 6):g}"


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
