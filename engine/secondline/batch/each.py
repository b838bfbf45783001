"""Cases answered one by one: what a table does not hold, or what both engines of `advise` say."""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.batch.pieces import MIDDLE, SIZES, SLOW, Sizes
from secondline.cases import CaseFile
from secondline.condition import Condition, truth
from secondline.errors import EngineError
from secondline.inference.reference import infer
from secondline.laws import answered
from secondline.patient import know
from secondline.recommend import Adviser, Answer, recommend
from secondline.tiers import CLOSED

if TYPE_CHECKING:
    from secondline.recommendation import Recommendation

OF_ONE_CASE = ("data-not-exhaustive", "data-sets-shortened")  # cautions about the sets that `missing` lists
_LENGTH = 8


class Asked(NamedTuple):
    """What each case is asked beyond the columns of a table."""

    tests: bool = False
    explain: bool = False
    where: Condition | None = None
    durable: bool = False

    def __bool__(self) -> bool:
        return self.tests or self.explain or self.durable

    @property
    def sizes(self) -> Sizes:
        """How much is one piece of work."""
        return SLOW if self.one_by_one else MIDDLE if self.tests else SIZES

    @property
    def one_by_one(self) -> bool:
        """Whether no table can say it."""
        return self.explain or self.durable


class Told(NamedTuple):
    """What one case answered: the fields that were asked for, and the whole recommendation as a line of JSON."""

    fields: dict[str, Any]
    explained: str | None


class Lost(NamedTuple):
    """A case that has no answer, and why."""

    reason: str


class Each:
    """Answers cases one by one."""

    def __init__(self, adviser: Adviser, asked: Asked, regimens: Sequence[str]) -> None:
        self.adviser, self.asked, self.regimens = adviser, asked, regimens

    def tell(self, cases: Sequence[CaseFile]) -> list[Told | Lost]:
        """What each case answers; with both engines, in a process that may crash without a loss."""
        if self.asked.durable and hasattr(os, "fork"):
            return list(isolated(cases, self.one))
        return [self.one(case) for case in cases]

    def one(self, case: CaseFile) -> Told | Lost:
        try:
            return self._one(case)
        except EngineError as error:
            return Lost(str(error))

    def _one(self, case: CaseFile) -> Told:
        profile, question, base = case.case.profile, case.question(), self.adviser.base
        if self.asked.durable:
            whole = recommend(profile, self.adviser, question)
            fields = {**_of(whole, self.regimens), **(_tests_of(whole) if self.asked.tests else {})}
            wanted = self.asked.explain and self._wanted(case)
            return Told(fields, _line(whole) if wanted else None)
        fields = {}
        if self.asked.tests:
            known = know(profile, case.day, base.vocabulary)
            local = None if question.jurisdiction == "none" else question.jurisdiction
            view = self.adviser.calendar.on(case.day, local)
            fields = _tests_in(Answer(profile, view, known, infer(base, known.facts), question))
        explained = self.asked.explain and self._wanted(case)
        return Told(fields, _line(recommend(profile, self.adviser, question)) if explained else None)

    def _wanted(self, case: CaseFile) -> bool:
        """Whether the whole recommendation of a case is asked for: where a condition is true of it and its answer."""
        if self.asked.where is None:
            return True
        base, question = self.adviser.base, case.question()
        known = know(case.case.profile, case.day, base.vocabulary)
        findings = infer(base, known.facts)
        local = None if question.jurisdiction == "none" else question.jurisdiction
        view = self.adviser.calendar.on(case.day, local)
        found = Answer(case.case.profile, view, known, findings, question).outcome()
        return truth(self.asked.where, {**findings.facts, **answered(found, base.vocabulary)}) is True


def _line(answer: Recommendation) -> str:
    return json.dumps(answer.as_dict(), sort_keys=True, ensure_ascii=False)


def _of(answer: Recommendation, regimens: Sequence[str]) -> dict[str, Any]:
    """The columns of a table, as a recommendation gives them."""
    tiers = {option.regimen: option.tier for option in answer.options}
    return {
        **{name: getattr(answer, name) for name in ("verdict", "settled", "direction", "strength", "certainty")},
        "decided_by": list(answer.decided_by),
        **{f"options.{regimen}": tiers.get(regimen) for regimen in regimens},
        "cautions": sorted({caution.rule for caution in answer.cautions} - {*OF_ONE_CASE}),
        "reports": sorted({item.report for reason in answer.reasons for item in reason.evidence}),
    }


def _tests_of(answer: Recommendation) -> dict[str, Any]:
    checks = [*answer.checks, *(check for option in answer.options for check in option.checks)]
    return {
        "tests": [test.fact for test in answer.tests],
        "missing": [list(facts) for facts in answer.missing],
        "checks": sorted({fact for check in checks for fact in check.facts}),
    }


def _tests_in(answer: Answer) -> dict[str, Any]:
    """The same, without wording a recommendation."""
    shown = [judged for judged in answer.judged if judged.outcome.tier != CLOSED]
    checks = {fact for judged in shown for gate in judged.open_gates for fact in answer.check(gate).facts}
    in_use = {fact for gate in answer.open_gates for fact in answer.entailment.facts_in_use(gate)}
    return {
        "tests": [test.fact for test in answer.tests()] if answer.verdict != "out-of-scope" else [],
        "missing": [list(facts) for facts in answer.missing],
        "checks": sorted(checks | in_use),
    }


# --- a process that may crash -----------------------------------------------------------------------------


def isolated(cases: Sequence[CaseFile], one: Callable[[CaseFile], Told | Lost]) -> Iterator[Told | Lost]:
    """What each case answers, worked out in a child: where that is ended by a signal, its case alone is lost."""
    done = 0
    while done < len(cases):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _answer_all(cases[done:], one, reading, writing)
        os.close(writing)
        try:
            with os.fdopen(reading, "rb") as stream:
                while len(length := stream.read(_LENGTH)) == _LENGTH:
                    data = stream.read(int.from_bytes(length, "big"))
                    if len(data) < int.from_bytes(length, "big"):
                        break
                    yield pickle.loads(data)
                    done += 1
        except BaseException:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        _, status = os.waitpid(child, 0)
        if done < len(cases):
            ended = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
            yield Lost(f"the engine's process ended by {ended} while this case was answered")
            done += 1


def _answer_all(cases: Sequence[CaseFile], one: Callable[[CaseFile], Told | Lost], reading: int, writing: int) -> None:
    """In the child: each answer as its length and its bytes."""
    code = 1
    try:
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as stream:
            for case in cases:
                data = pickle.dumps(one(case))
                stream.write(len(data).to_bytes(_LENGTH, "big"))
                view = memoryview(data)
                while view:
                    view = view[stream.write(view) or 0 :]
        code = 0
    finally:
        os._exit(code)
