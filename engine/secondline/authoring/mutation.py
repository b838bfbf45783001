"""Which changed rules the cases would notice; of the others, which change nothing, and a case for each that does.

A mutant that no case notices is looked at for every patient, on every day, in every jurisdiction (`everywhere`). Where
nobody is answered otherwise it is proved to mean the same; else a patient who is becomes a case that notices it.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Literal, NamedTuple

from secondline.asof import AsOf
from secondline.authoring.altered import altered
from secondline.authoring.everywhere import Everywhere, Otherwise, ready_for
from secondline.authoring.expecting import Expected, as_expect, telling
from secondline.authoring.mutants import Mutant, Mutants
from secondline.authoring.noticing import Bench, Seen
from secondline.authoring.patients import Asked, Clinic, Facts, least
from secondline.authoring.told import told
from secondline.cases import CaseFile
from secondline.condition import tests_in
from secondline.errors import EngineError
from secondline.facts import catalogue, main_of
from secondline.forms.rules import Definition, TestRule
from secondline.loading import Loaded, load
from secondline.recommend import Answer
from secondline.rulebase import RuleBase
from secondline.rulefiles import RuleFiles

Status = Literal["noticed", "equivalent", "survived", "open"]
MOST_NODES = 1_000_000  # of the diagrams that are kept from one mutant to the next
MOST_TRIED = 12  # patients of a mutant tried for one whom both rule bases answer otherwise


class Example(NamedTuple):
    """A patient who is answered otherwise, asked on a day in a jurisdiction, and what the rules as they are say."""

    facts: Facts
    asked: Asked
    expect: dict[str, Any]


class Judgement(NamedTuple):
    """What became of one mutant: `by` is the case that notices it, `example` a patient for a case that would.

    `open` says that some patient is answered otherwise, and none was found that a case can state.
    """

    name: str
    number: int
    status: Status
    by: str = ""
    example: Example | None = None


class Settings(NamedTuple):
    """What a run is given: the files of a rule folder, and cases; `least` leaves out of examples what can be."""

    rules: RuleFiles
    cases: tuple[CaseFile, ...]
    least: bool = True


class Run:
    """The mutants of a rule folder before cases.

    Raises:
        InputError: the rules are not valid.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.loaded: Loaded = load(settings.rules)
        self.base: RuleBase = self.loaded.base
        self.mutants = Mutants(self.loaded, settings.rules)
        self.bench = Bench(self.base, self.loaded.laws, settings.cases)
        self._clinic: Clinic | None = None
        self._everywhere: Everywhere | None = None

    def judge(self, number: int, mutant: Mutant) -> Judgement:
        """What becomes of one mutant."""
        by = self.bench.noticing(mutant, sure=True)
        if by is not None:
            return Judgement(mutant.name, number, "noticed", by.name)
        everywhere = self.everywhere()
        first = next(everywhere.otherwise(mutant.before, mutant.after), None)
        if first is None:
            return Judgement(mutant.name, number, "equivalent")
        by = self.bench.noticing(mutant, sure=False)
        if by is not None:
            return Judgement(mutant.name, number, "noticed", by.name)
        example = self.example(mutant)
        return Judgement(mutant.name, number, "survived" if example else "open", "", example)

    def everywhere(self) -> Everywhere:
        """All patients; made anew where too much was kept of those before."""
        if self._everywhere is None:
            every = (mutant.after for name in self.mutants.by_name for mutant in self.mutants.of(name))
            whens = (c.when for r in every for c in (r.cases if isinstance(r, Definition) else (r,)))
            self._tests = list(dict.fromkeys(test for when in whens for test in tests_in(when)))
        if self._everywhere is None or len(self._everywhere.diagrams.variable) > MOST_NODES:
            self._everywhere = Everywhere(self.base, ready_for(self.base, self._tests))
        return self._everywhere

    @property
    def clinic(self) -> Clinic:
        self._clinic = self._clinic or Clinic(self.base)
        return self._clinic

    # --- an example ---------------------------------------------------------------------------------------

    def example(self, mutant: Mutant) -> Example | None:
        """A patient whose answer tells a mutant from the rule; None where none was found."""
        everywhere = self.everywhere()
        for one in islice(everywhere.otherwise(mutant.before, mutant.after), MOST_TRIED):
            facts = self._asked_for(everywhere, one, mutant)
            found = self.told(facts, one.asked, mutant) if facts else []
            if facts and found:
                return self._made(facts, one.asked, mutant, found)
        return None

    @staticmethod
    def _asked_for(everywhere: Everywhere, one: Otherwise, mutant: Mutant) -> Facts | None:
        """A patient of a function; of a test the fact that it asks for is unknown."""
        facts = everywhere.patient(one.node)
        if facts is None or not isinstance(mutant.before, TestRule):
            return facts
        main = main_of(mutant.before.fact)
        parts = catalogue().parts.get(main, ())
        return {fact: value for fact, value in facts.items() if fact != main and fact not in parts}

    def _made(self, facts: Facts, asked: Asked, mutant: Mutant, found: list[Expected]) -> Example:
        wanted = {(expected.key, expected.about) for expected in found[:1]}

        def still(fewer: Facts) -> bool:
            return any((one.key, one.about) in wanted for one in self.told(fewer, asked, mutant))

        few = least(facts, still) if self.settings.least else facts
        return Example(few, asked, as_expect(_plainest(self.told(few, asked, mutant), mutant)))

    def told(self, facts: Facts, asked: Asked, mutant: Mutant) -> list[Expected]:
        """What the rules as they are say of a patient and a mutant does not; nothing of one who is refused."""
        case = self.clinic.case(facts, asked)
        return self.telling(case, mutant) if case else []

    def telling(self, case: CaseFile, mutant: Mutant) -> list[Expected]:
        """What the rules as they are say of a case and a mutant does not."""
        one, other = (_answer(case, base) for base in (self.base, altered(self.base, mutant.after)))
        return list(telling(one, other, self.base))


def together(run: Run, survivors: Sequence[tuple[Mutant, Example]]) -> list[tuple[list[Mutant], Example]]:
    """Examples for survivors, as few as come of asking each patient about the survivors that follow too."""
    found: list[tuple[list[Mutant], Example]] = []
    for mutant, example in survivors:
        for place, (mutants, earlier) in enumerate(found):
            plainest = _plainest(run.told(earlier.facts, earlier.asked, mutant), mutant)
            if plainest:
                expect = merged(earlier.expect, as_expect(plainest))
                found[place] = ([*mutants, mutant], earlier._replace(expect=expect))
                break
        else:
            found.append(([mutant], example))
    return found


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two expectations of one answer as one."""
    found = dict(one)
    for key, value in other.items():
        held = found.get(key)
        if isinstance(held, dict):
            found[key] = merged(held, value)
        elif isinstance(held, list):
            found[key] = held + [item for item in value if item not in held]
        else:
            found[key] = value
    return found


def _plainest(found: list[Expected], mutant: Mutant) -> list[Expected]:
    """What says the most plainly that a mutant differs: of the first kind, and of the rule itself where it can be."""
    same = [expected for expected in found if expected.key == found[0].key]
    return [expected for expected in same if expected.about == mutant.name] or same


def _answer(case: CaseFile, base: RuleBase) -> Seen:
    """The answer to a case, by the reference alone."""
    one = told(base, case)
    view = AsOf(base, case.day, one.jurisdiction)
    return Seen(Answer(case.case.profile, view, one.known, one.findings, case.question()))


# --- several processes ------------------------------------------------------------------------------------


def judged(run: Run, names: Sequence[str], jobs: int) -> Iterator[Judgement]:
    """What becomes of each mutant of these rules, in their order."""
    wanted = [(name, number) for name in names for number in range(len(run.mutants.of(name)))]
    if jobs == 1:
        yield from (run.judge(number, run.mutants.of(name)[number]) for name, number in wanted)
        return
    with _pool(run, jobs) as pool:
        try:
            yield from pool.map(_judged, wanted)
        except BrokenProcessPool:
            raise EngineError("a worker process was ended from outside; there is no answer") from None


_run: list[Run] = []  # one a process


def _pool(run: Run, jobs: int) -> ProcessPoolExecutor:
    """Worker processes; forked where that is safe, so that they begin with rules, cases and mutants ready."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        run.everywhere()
        _run[:] = [run]
    pool = ProcessPoolExecutor(jobs, context, _begin, (run.settings,))
    pool.submit(int).result()  # now, while this process has but one thread
    return pool


def _begin(settings: Settings) -> None:
    from secondline.batch.run import end_with_parent  # in the worker: a thread before a fork may deadlock

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to judge
    end_with_parent()
    _run[:] = _run or [Run(settings)]


def _judged(wanted: tuple[str, int]) -> Judgement:
    name, number = wanted
    return _run[0].judge(number, _run[0].mutants.of(name)[number])
