"""Profile + rule base + day -> Recommendation. Pure: no file, no clock, no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from secondline import __version__
from secondline.asof import AsOf, Calendar
from secondline.entail import Entailment, Facts
from secondline.explain import fact_labels, judged, why_not
from secondline.facts import main_of
from secondline.inference.agree import agreed
from secondline.inference.durable import VERSION as DURABLE_VERSION
from secondline.inference.durable import Engine
from secondline.inference.rails import Program
from secondline.inference.reference import Findings
from secondline.patient import Known, canonical, know
from secondline.recommendation import (
    SCHEMA,
    AdvisedTest,
    Applicability,
    CaseRef,
    CautionShown,
    Closed,
    Conflict,
    CriterionShown,
    Fit,
    OpenCheck,
    Option,
    Prevalence,
    Provenance,
    Reason,
    Recommendation,
    Status,
    TraceEntry,
)
from secondline.rulebase import RuleBase
from secondline.scales import OFFERED, TIERS, Jurisdiction, Verdict
from secondline.tiers import CLOSED, UNDETERMINED, Judged, best, judge
from secondline.wording import together
from secondline.worth import Answered, Appraisal, Worth

if TYPE_CHECKING:
    from secondline.forms.evidence import Evidence
    from secondline.forms.rules import Gate, OptionRule, Rule, TestRule
    from secondline.profile import Profile

MOST_NAMED = 5  # missing facts in a headline
_STATUS: dict[bool | None, Status] = {True: "fired", False: "not-fired", None: "undetermined"}
_OPTION_ORDER = (*OFFERED, UNDETERMINED, *(tier for tier in TIERS if tier not in OFFERED))


class Adviser:
    """A rule base made ready to answer: compiled for both engines, with the views of the days asked."""

    def __init__(self, base: RuleBase, program: Program) -> None:
        self.base = base
        self.engine = Engine(program)
        self.calendar = Calendar(base)


class Question(NamedTuple):
    """What is asked of one profile: the day, the jurisdiction, the case's id, and whether to explain."""

    as_of: date
    jurisdiction: Jurisdiction = "none"
    case_id: str = ""
    explain: bool = False


def recommend(profile: Profile, adviser: Adviser, question: Question) -> Recommendation:
    """Say whether to continue the CDK4/6 inhibitor, and on what evidence.

    Args:
        profile: what is known; None is not known. It holds no contradiction (`patient.refusals`).
        adviser: rules and evidence as checked by `loading.load`, ready in both engines.
        question: the day asked (only rules in effect and reports public by then count); the jurisdiction, where
            `none` takes the higher of the us and eu tiers.

    Returns:
        One recommendation; each fired rule brings at least one report.

    Raises:
        EngineError: an engine failed, or the two engines disagree; there is no partial answer.
    """
    known = know(profile, question.as_of, adviser.base.vocabulary)
    findings = agreed(adviser.base, adviser.engine, known.facts)
    local = None if question.jurisdiction == "none" else question.jurisdiction
    view = adviser.calendar.on(question.as_of, local)
    return Answer(profile, view, known, findings, question).recommendation()


class Outcome(NamedTuple):
    """An answer without its texts: the verdict, and the tier of each regimen judged."""

    verdict: Verdict
    tiers: dict[str, str]


def outcome(profile: Profile, view: AsOf, known: Known, findings: Findings, question: Question) -> Outcome:
    """What `recommend` would conclude from these findings, without wording it."""
    return Answer(profile, view, known, findings, question).outcome()


class Answer:
    """One case being answered; every method gives one part of the recommendation."""

    def __init__(self, profile: Profile, view: AsOf, known: Known, findings: Findings, question: Question) -> None:
        self.profile, self.view, self.base, self.question = profile, view, view.base, question
        self.known, self.findings = known, findings
        self.entailment = Entailment(view, findings, known)
        self.checks: dict[str, OpenCheck] = {}
        self.shown: dict[int, CriterionShown] = {}
        self.decision, self.closing, self.open_gates = self.entailment.with_gates(self.entailment.decide())
        self.verdict: Verdict = "individualise" if self.closing else self.decision.verdict
        self.judged = (
            [self.judge_option(name) for name in sorted(view.options)] if self.verdict != "out-of-scope" else []
        )

    def outcome(self) -> Outcome:
        """The answer without its texts."""
        return Outcome(self.verdict, {judged.regimen: judged.outcome.tier for judged in self.judged})

    # --- verdict ------------------------------------------------------------------------------------------

    def deciding(self) -> Sequence[Rule]:
        """The rules that decide: the gates that close the inhibitor in use in place of what says `continue`."""
        goes_on = self.decision.verdict == "continue" and self.closing
        return (*self.closing, *(() if goes_on else self.decision.decided_by))

    def may_not_hold(self, rule: Rule) -> bool:
        return not self.entailment.holds(rule)

    def reason(self, rule: Rule) -> Reason:
        depends = () if not self.may_not_hold(rule) else self.entailment.open_facts([rule])
        return Reason(rule.id, self.view.text(rule), depends, self.view.evidence([rule]))

    def headline(self) -> str:
        """One sentence for a clinician."""
        agent = self.findings.facts.get("prior_cdk46.agent")
        drug = agent if isinstance(agent, str) and agent not in ("other", "none") else "the CDK4/6 inhibitor"
        firing = [rule for rule in self.deciding() if not self.may_not_hold(rule)]
        titles = "; ".join(rule.title or rule.id for rule in firing or self.deciding())
        if self.closing:
            return f"{drug.capitalize()} would go on, but it is not safe for this patient: {titles}."
        if self.verdict == "undetermined":
            return f"Not answerable yet: it depends on {self.open_facts()}."
        if self.decision.conflict:
            return f"The rules disagree for this patient: {titles}."
        if not self.deciding():
            return "No rule in effect on this day answers for this patient."
        if not firing:
            unknown = fact_labels(self.entailment.open_facts(self.deciding()))
            titles = f"so say all rules that may apply, whatever is found of {unknown}"
        lead = {
            "continue": f"Continue {drug}",
            "do-not-continue": f"Do not continue {drug}",
            "individualise": f"No evidence answers whether to {self.goes_on()} {drug} in this patient",
            "out-of-scope": "The evidence is not about this patient",
        }[self.verdict]
        return f"{lead}: {titles}."

    def goes_on(self) -> str:
        """Continue what is in use or has just failed; give again what had ended before."""
        ended = self.findings.facts.get("prior_cdk46.stopped_for") not in (None, "progression", "ongoing")
        return "give back" if ended or self.findings.facts.get("prior_cdk46.in_last_line") is False else "continue"

    def open_facts(self) -> str:
        """The facts that are missing, in words: named where they are few."""
        if not self.missing:
            return "facts that disagree"
        if max(map(len, self.missing)) > MOST_NAMED:
            return f"{min(map(len, self.missing))} facts that are not recorded"
        return ", or ".join(fact_labels(facts) for facts in self.missing)

    @cached_property
    def missing(self) -> tuple[Facts, ...]:
        """The least sets of unknown facts that settle the verdict whatever their values; none once it is settled."""
        return self.entailment.missing if self.verdict == "undetermined" else ()

    # --- options ------------------------------------------------------------------------------------------

    def judge_option(self, regimen: str) -> Judged:
        """One regimen, over every completion of what is unknown."""
        rules, entailment = self.view.options[regimen], self.entailment
        choices = None
        if any(entailment.told(rule) is None for rule in rules):
            choices = entailment.choices(regimen)
        gates = [(gate, entailment.holds(gate)) for gate in self.view.gates_on[regimen]]
        holding = [gate for gate, holds in gates if holds]
        return judge(regimen, rules, holding, [g for g, holds in gates if holds is None], self.findings, choices)

    def options(self) -> tuple[Option, ...]:
        """The options, best tier first; an undetermined one stands before those not offered."""
        shown = [self.option(j) for j in self.judged if j.outcome.tier != CLOSED]
        return tuple(sorted(shown, key=lambda option: (_OPTION_ORDER.index(option.tier), option.regimen)))

    def option(self, judged: Judged) -> Option:
        rules: list[Rule] = [*judged.rules, *judged.applied]
        return Option(
            regimen=judged.regimen,
            agents=self.base.agents_of(judged.regimen),
            tier=judged.outcome.tier,
            strength=judged.outcome.strength,
            certainty=judged.outcome.certainty,
            rules=tuple(rule.id for rule in rules),
            needs=self.needs.get(judged.regimen, ()),
            checks=tuple(self.check(gate) for gate in judged.open_gates),
            availability=self.view.availability(judged.regimen),
            cautions=tuple(gate.id for gate in judged.fired_gates),
            says=together(map(self.view.text, best(judged.rules))),
            dosing=self.view.dosing(judged.regimen),
            evidence=self.view.evidence(rules),
        )

    @cached_property
    def needs(self) -> dict[str, tuple[Facts, ...]]:
        """For regimens of undetermined tier the least sets of unknown facts that settle it, whatever their values."""
        return {
            judged.regimen: self.entailment.needs(judged.regimen, self.view.gates_on[judged.regimen])
            for judged in self.judged
            if judged.outcome.tier == UNDETERMINED
        }

    def check(self, gate: Gate) -> OpenCheck:
        if gate.id not in self.checks:
            self.checks[gate.id] = OpenCheck(gate.id, self.entailment.open_facts([gate]), self.view.text(gate))
        return self.checks[gate.id]

    def closed(self) -> tuple[Closed, ...]:
        """The regimens that some rule in effect could offer, and none does."""
        shut = (j for j in self.judged if j.outcome.tier == CLOSED)
        return tuple(self.closed_regimen(judged, rules) for judged in shut if (rules := self.offering(judged.regimen)))

    def offering(self, regimen: str) -> list[OptionRule]:
        return [rule for rule in self.view.options[regimen] if rule.then.tier in OFFERED]

    def closed_regimen(self, judged: Judged, rules: Sequence[OptionRule]) -> Closed:
        """Why a regimen is closed, by the rules that came nearest to opening it."""
        why = {r.id: why_not(self.base, r.when, self.findings) for r in rules}
        fewest = min(map(len, why.values()))
        nearest = sorted(name for name, reasons in why.items() if len(reasons) == fewest)
        return Closed(judged.regimen, tuple(nearest), "; ".join(dict.fromkeys(r for n in nearest for r in why[n])))

    # --- tests --------------------------------------------------------------------------------------------

    def tests(self) -> tuple[AdvisedTest, ...]:
        """The unknown facts that a test rule asks for, and those that can change the verdict or an option; by worth."""
        asked: dict[str, list[TestRule]] = {}
        for rule in self.view.tests:
            fact = self.asked_of(rule)
            if fact and self.findings.fires(rule.id) is not False:
                asked.setdefault(fact, []).append(rule)
        if not asked and not self.entailment.open:
            return ()
        shares = {  # of patients of whom nothing is known yet; after a first result it would be another one
            fact: [p for rule in rules for p in self.view.prevalence(rule)]
            if self.findings.facts.get(fact) is None
            else []
            for fact, rules in asked.items()
        }
        appraised = self.appraised({fact: {p.result: p.share for p in held} for fact, held in shares.items()}, asked)
        return tuple(
            self.advised(worth, order, asked.get(worth.fact, ()), tuple(shares.get(worth.fact, ())))
            for order, worth in enumerate(appraised, start=1)
        )

    def asked_of(self, rule: TestRule) -> str | None:
        """The fact that a test rule asks for, by its name in outputs; None if it is known."""
        facts, fact = self.findings.facts, rule.fact
        if facts.get(main_of(fact)) is None:
            return main_of(fact)
        return fact if facts.get(fact) is None or fact in self.findings.voided else None

    def appraised(self, shares: Mapping[str, Mapping[str, float]], asked: Iterable[str]) -> list[Worth]:
        """What each fact worth finding out can do, the best first: those that matter and those that a rule asks for."""
        sets = (*self.missing, *(facts for sets in self.needs.values() for facts in sets))
        needed = {*asked, *self.grading, *(fact for facts in sets for fact in facts)}

        def exact() -> list[Worth]:
            tiers = {judged.regimen: judged.outcome.tier for judged in self.judged}
            missing = frozenset(fact for facts in self.missing for fact in facts)
            appraisal = Appraisal(self.entailment, Answered(self.verdict, missing, tiers))
            every = [
                appraisal.of(fact, shares.get(fact, {})) for fact in sorted({*appraisal.facts(), *asked, *self.grading})
            ]
            worth = (w for w in every if w.verdict or w.changes or w.moves or w.fact in needed)
            return sorted(worth, key=lambda w: w.rank)

        found = self.entailment.attempt(exact)
        return [Worth.unknown(fact) for fact in sorted(needed)] if found is None else found

    @cached_property
    def grading(self) -> frozenset[str]:
        """The unknown facts on which strength and certainty of a settled verdict depend."""
        maybe = [rule for rule in self.deciding() if self.may_not_hold(rule)] if self.decision.direction else []
        return frozenset(self.entailment.open_facts(maybe))

    def advised(
        self, worth: Worth, order: int, rules: Sequence[TestRule], prevalence: tuple[Prevalence, ...]
    ) -> AdvisedTest:
        why = together(map(self.view.text, rules)) if rules else self.why(worth)
        asking = tuple(rule.id for rule in rules)
        return AdvisedTest(worth.fact, why, worth.changes, order, worth.verdict, asking, prevalence)

    def why(self, worth: Worth) -> str:
        """What a fact that no test rule asks for can do."""
        offered = {judged.regimen for judged in self.judged if judged.outcome.tier in OFFERED}
        closes = [name for name in worth.changes if name in offered]
        opens = [name for name in worth.changes if name not in offered]
        can = "settle" if self.verdict == "undetermined" else "change"
        says = [
            *([f"can {can} the verdict"] if worth.verdict else []),
            *([f"can open or close {', '.join(opens)}"] if opens else []),
            *([f"can close {', '.join(closes)}"] if closes else []),
            *([f"can change the tier of {', '.join(worth.moves)}"] if worth.moves else []),
            *(["can change how strong and certain the verdict is"] if worth.fact in self.grading else []),
        ]
        return f"It {'; '.join(says)}." if says else "Together with other facts it decides on an option or the verdict."

    def exhaustion(self) -> Iterator[tuple[str, str]]:
        """Said where not every completion could be tried: what is open then may be settled all the same."""
        if self.entailment.exhausted:
            yield (
                "data-not-exhaustive",
                "More is unknown than could be tried out; what this answer calls open may be settled all the same.",
            )
        if self.entailment.shortened:
            yield "data-sets-shortened", "So much is unknown that other sets of facts may settle the answer as well."

    # --- the rest -----------------------------------------------------------------------------------------

    def cautions(self) -> tuple[CautionShown, ...]:
        """What has grown old first, then what is odd in the record, then caution rules and gates that hold."""
        first = (*self.freshness(), *self.exhaustion(), *self.known.oddities)
        shown = [CautionShown(name, says, (), ()) for name, says in first]
        for rule in self.view.cautions:
            if self.findings.fires(rule.id):
                shown.append(CautionShown(rule.id, self.view.text(rule), (), self.view.evidence([rule])))
        gates = {g.id: g for j in self.judged if j.outcome.tier != CLOSED for g in j.fired_gates}
        for gate in sorted(gates.values(), key=lambda gate: gate.id):
            applies = (*gate.applies_to.regimens, *gate.applies_to.agents, *gate.applies_to.classes)
            shown.append(CautionShown(gate.id, self.view.text(gate), applies, self.view.evidence([gate])))
        return tuple(shown)

    def freshness(self) -> Iterable[tuple[str, str]]:
        if self.question.as_of > self.base.knowledge_until:
            until = self.base.knowledge_until.isoformat()
            yield (
                "knowledge-until",
                f"The evidence was last read on {until}, before the day asked; look for newer reports.",
            )
        behind: list[Rule] = [*self.deciding(), *(rule for judged in self.judged for rule in judged.rules)]
        late = sorted({rule.id for rule in behind if rule.review_by and rule.review_by < self.question.as_of})
        if late:
            yield "review-by", f"These rules were due for review before the day asked: {', '.join(late)}."

    def applicability(self, behind: Iterable[Rule]) -> tuple[Applicability, ...]:
        """For each trial cited, whether this patient could have been in it."""
        trials = sorted({name for rule in behind for name in self.view.trials(rule)})
        return tuple(self.fit(self.base.evidence[name]) for name in trials)

    def fit(self, evidence: Evidence) -> Applicability:
        eligibility = evidence.eligibility
        criteria = judged(self.base.criteria.get(evidence.id, ()), self.findings, self.shown)
        answers = {criterion.met for criterion in criteria}
        listed = list(criteria)
        for prefix, says in (
            *(("not judged", text) for text in (eligibility.not_judged if eligibility else ())),
            *(("not read", text) for text in (eligibility.not_read if eligibility else ("its eligibility criteria",))),
        ):
            listed.append(CriterionShown(f"{prefix}: {says}", None, None, None))
        fit: Fit
        fit = "outside" if False in answers else "unknown" if None in answers or not criteria else "inside"
        return Applicability(evidence.id, fit, tuple(listed))

    def trace(self) -> tuple[TraceEntry, ...]:
        """Every rule in effect, with its conditions."""
        entries: list[TraceEntry] = []
        for rule in self.view.rules():
            status: Status = _STATUS[self.findings.fires(rule.id)]
            if status == "fired":
                live = self.decision.live.get(rule.id, True)
                status = "fired" if live else "undetermined" if live is None else "overridden"
            entries.append(TraceEntry(rule.id, status, judged(self.base.criteria[rule.id], self.findings, self.shown)))
        return tuple(sorted(entries, key=lambda entry: entry.rule))

    def provenance(self) -> Provenance:
        content = json.dumps(canonical(self.profile), sort_keys=True, ensure_ascii=False)
        until = self.base.knowledge_until.isoformat()
        notice = (
            "For the clinician who decides; not a medical device and no substitute for judgement. "
            f"Rests on rule base {self.base.version}, on evidence read until {until} and on what the case states; "
            "what it leaves out is taken as unknown, never as negative."
        )
        if self.question.jurisdiction == "none":
            notice += " No jurisdiction was given, so availability was not judged."
        return Provenance(
            secondline=__version__,
            rules=self.base.rules_hash,
            evidence=self.base.evidence_hash,
            profile="sha256:" + hashlib.sha256(content.encode()).hexdigest(),
            knowledge_until=until,
            engines=(f"durable_rules {DURABLE_VERSION}", "reference"),
            notice=notice,
        )

    def recommendation(self) -> Recommendation:
        decision, question = self.decision, self.question
        closed = self.closed()
        graded = not self.closing
        by_id: dict[str, Rule] = {rule.id: rule for rule in self.base.options}
        behind = [
            *self.deciding(),
            *(
                rule
                for judged in self.judged
                if judged.outcome.tier != CLOSED
                for rule in (*judged.rules, *judged.applied)
            ),
            *(by_id[name] for shut in closed for name in shut.rules),
        ]
        return Recommendation(
            schema=SCHEMA,
            case=CaseRef(question.case_id, question.as_of.isoformat(), question.jurisdiction),
            verdict=self.verdict,
            direction=decision.direction if graded else None,
            strength=decision.strength if graded else None,
            certainty=decision.certainty if graded else None,
            settled=self.verdict != "undetermined",
            headline=self.headline(),
            decided_by=tuple(rule.id for rule in self.deciding()),
            reasons=tuple(map(self.reason, sorted(self.deciding(), key=self.may_not_hold))),
            options=self.options(),
            closed=closed,
            tests=self.tests() if self.verdict != "out-of-scope" else (),
            cautions=self.cautions(),
            applicability=self.applicability(behind),
            missing=self.missing,
            assumed=self.known.assumed,
            checks=tuple(
                OpenCheck(gate.id, self.entailment.facts_in_use(gate), self.view.text(gate)) for gate in self.open_gates
            ),
            conflicts=self.conflicts(),
            provenance=self.provenance(),
            trace=self.trace() if question.explain else None,
        )

    def conflicts(self) -> tuple[Conflict, ...]:
        rules = self.decision.conflict
        if not rules:
            return ()
        return (Conflict(tuple(r.id for r in rules), tuple(sorted({r.then.verdict for r in rules}))),)
