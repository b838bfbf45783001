"""Which case notices that a rule was changed, as `secondline test` would.

A changed rule is put into the rule base without reading it again, and only the cases are answered again for which it
can differ: where what it says of the case's facts does, or is open. Of an answer only what the case expects is worked
out, by the code that `recommend` works it out with; the two engines are not compared again for each change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import cast

from secondline.asof import Calendar
from secondline.authoring.altered import altered
from secondline.authoring.mutants import Mutant
from secondline.authoring.told import Told, alike, told
from secondline.cases import CaseFile, compare
from secondline.condition import Condition, Truth, truth
from secondline.forms.rules import Definition, Gate, Law, OptionRule, TestRule
from secondline.inference.reference import Findings, infer, possible_cases
from secondline.laws import broken
from secondline.recommend import Answer
from secondline.recommendation import AdvisedTest, CautionShown, Closed, EvidenceItem, Reason, Recommendation
from secondline.rulebase import RuleBase, produces, values
from secondline.tiers import CLOSED, Judged, best
from secondline.wording import together
from secondline.worlds import Worlds


class Seen:
    """An answer of which each part is worked out when it is asked for, under the names of a Recommendation."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.verdict = answer.verdict
        self.settled = answer.verdict != "undetermined"
        self.decided_by = tuple(rule.id for rule in answer.deciding())
        graded = None if answer.closing else answer.decision
        self.strength = graded and graded.strength
        self.certainty = graded and graded.certainty
        self.options = [SeenOption(answer, judged) for judged in answer.judged if judged.outcome.tier != CLOSED]

    @property
    def missing(self) -> tuple[tuple[str, ...], ...]:
        return self._answer.missing

    @property
    def closed(self) -> tuple[Closed, ...]:
        return self._answer.closed()

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(map(self._answer.reason, self._answer.deciding()))

    @cached_property
    def cautions(self) -> tuple[CautionShown, ...]:
        return self._answer.cautions()

    @cached_property
    def tests(self) -> tuple[AdvisedTest, ...]:
        return self._answer.tests() if self.verdict != "out-of-scope" else ()

    def reports(self) -> set[str]:
        return Recommendation.reports(cast("Recommendation", self))


class SeenOption:
    """An option of such an answer."""

    def __init__(self, answer: Answer, judged: Judged) -> None:
        self._answer, self._judged = answer, judged
        self.regimen = judged.regimen
        self.tier, self.strength, self.certainty = judged.outcome

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in (*self._judged.rules, *self._judged.applied))

    @property
    def evidence(self) -> tuple[EvidenceItem, ...]:
        return self._answer.view.evidence([*self._judged.rules, *self._judged.applied])

    @property
    def says(self) -> str:
        return together(map(self._answer.view.text, best(self._judged.rules)))


def _named(case: CaseFile) -> Iterator[str]:
    """What a case expects something of: rules, regimens, facts of tests."""
    expect = case.case.expect
    if expect is not None:
        yield from (*(expect.decided_by or ()), *expect.options, *expect.grading, *expect.not_options, *expect.tests)
        yield from (*expect.rules, *expect.not_tests, *expect.prevalence, *expect.cautions)
        yield from (*expect.not_cautions, *expect.evidence, *expect.says)


class Bench:
    """Cases that expect something, ready to be asked about changed rules."""

    def __init__(self, base: RuleBase, laws: Sequence[Law], cases: Iterable[CaseFile]) -> None:
        self.base, self.laws = base, laws
        self.told = [told(base, case) for case in cases]
        self._shaken = [Worlds(base, one.findings, one.known).shaken() for one in self.told]
        self._named = [frozenset(_named(one.case)) for one in self.told]
        self._alike: dict[str, list[list[int]]] = {}

    def complaints(self, one: Told, findings: Findings, calendar: Calendar) -> list[str]:
        """What the answer of a rule base to a case has otherwise than expected, or else the laws that it breaks."""
        case, base = one.case, calendar.base
        view = calendar.on(case.day, one.jurisdiction)
        answer = Answer(case.case.profile, view, one.known, findings, case.question())
        says = [str(difference) for difference in compare(case, Seen(answer))]
        return says or [says for _, says in broken(self.laws, base, case.day, findings, answer.outcome())]

    def failing(self) -> list[tuple[CaseFile, list[str]]]:
        """The cases that are not as expected by the rules as they are."""
        calendar = Calendar(self.base)
        found = [(one.case, self.complaints(one, one.findings, calendar)) for one in self.told]
        return [(case, says) for case, says in found if says]

    def noticing(self, mutant: Mutant, *, sure: bool) -> CaseFile | None:
        """The first case found that notices a change; None where none does.

        `sure` asks the cases whose facts tell what the changed rule says, those that expect something of it first;
        otherwise the cases that leave it open are asked.
        """
        calendar = Calendar(altered(self.base, mutant.after))
        about = self._about(mutant)
        found = self._by_value(mutant) if isinstance(mutant.after, Definition) else self._by_truth(mutant)
        asked = [(index, after) for known, index, after in found if known is sure]
        for index, after in sorted(asked, key=lambda one: (about.isdisjoint(self._named[one[0]]), one[0])):
            one = self.told[index]
            if self.complaints(one, self._findings(one, calendar.base, mutant, after), calendar):
                return one.case
        return None

    def _about(self, mutant: Mutant) -> set[str]:
        """What a rule can change in an answer, by the names that expectations have for it."""
        found = {mutant.name}
        for rule in (mutant.before, mutant.after):
            if isinstance(rule, OptionRule):
                found.add(rule.regimen)
            elif isinstance(rule, TestRule):
                found.add(rule.fact)
            elif isinstance(rule, Gate):
                regimens = self.base.vocabulary.regimens
                found |= {name for name, held in regimens.items() if self.base.applies(rule, name, held.agents)}
        return found

    def _findings(self, one: Told, base: RuleBase, mutant: Mutant, after: Truth) -> Findings:
        if isinstance(mutant.after, Definition):
            return infer(base, one.known.facts)
        inference = one.findings.inference
        rules = {**inference.rules, mutant.name: after}
        return replace(one.findings, inference=inference._replace(rules=rules))

    # --- for which cases a change can matter --------------------------------------------------------------

    def _by_truth(self, mutant: Mutant) -> Iterator[tuple[bool, int, Truth]]:
        before, after = mutant.before, mutant.after
        assert not isinstance(before, Definition)
        assert not isinstance(after, Definition)
        same = before.model_copy(update={"when": after.when}) == after
        reads = self.base.reads[mutant.name]
        for indices in self._cases_alike(mutant.name, [before.when]):
            facts = self.told[indices[0]].findings.facts
            was, now = truth(before.when, facts), truth(after.when, facts)
            for index in indices:
                one = self.told[index]
                counted, counts = one.counts(self.base, before), one.counts(self.base, after)
                if not counted and not counts:
                    continue
                open_now = was is None or now is None or not self._shaken[index].isdisjoint(reads)
                if was is not now or open_now or (was and not same):
                    yield not open_now, index, now

    def _by_value(self, mutant: Mutant) -> Iterator[tuple[bool, int, Truth]]:
        before, after = mutant.before, mutant.after
        assert isinstance(before, Definition)
        assert isinstance(after, Definition)
        reads = self.base.reads[produces(before)]
        for indices in self._cases_alike(mutant.name, [case.when for case in before.cases]):
            facts = self.told[indices[0]].findings.facts
            was, now = ([values(one)[index] for index in possible_cases(one, facts)] for one in (before, after))
            for index in indices:
                open_now = len(was) > 1 or len(now) > 1 or not self._shaken[index].isdisjoint(reads)
                if was != now or open_now:
                    yield not open_now, index, None

    def _cases_alike(self, name: str, conditions: Sequence[Condition]) -> list[list[int]]:
        """The cases in groups of which each has the same of every fact that these conditions of a rule test."""
        if name not in self._alike:
            self._alike[name] = alike(self.told, conditions)
        return self._alike[name]
