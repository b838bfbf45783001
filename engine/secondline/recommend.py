"""Profile + rule base + day -> Recommendation. Pure: no file, no clock, no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from secondline import __version__
from secondline.asof import AsOf, Calendar
from secondline.entail import Facts, completions, each_world, fired_in_each, least_sets, open_for
from secondline.explain import fact_labels, judged, why_not
from secondline.history import ANY_INHIBITOR
from secondline.inference.agree import agreed
from secondline.inference.durable import VERSION as DURABLE_VERSION
from secondline.inference.durable import Engine
from secondline.inference.rails import Program
from secondline.inference.reference import Findings, Memo, Retrial
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
    Provenance,
    Reason,
    Recommendation,
    Status,
    TraceEntry,
)
from secondline.rulebase import RuleBase
from secondline.scales import OFFERED, TIERS, Jurisdiction, Verdict
from secondline.states import OneOf
from secondline.tiers import CLOSED, UNDETERMINED, Judged, best, judge, tier_of
from secondline.verdict import Decision, decide
from secondline.verdict import agreed as agreed_on
from secondline.vocabulary import INHIBITOR
from secondline.wording import together

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
    return _Answer(profile, view, known, findings, question).recommendation()


class Outcome(NamedTuple):
    """An answer without its texts: the verdict, and the tier of each regimen judged."""

    verdict: Verdict
    tiers: dict[str, str]


def outcome(profile: Profile, view: AsOf, known: Known, findings: Findings, question: Question) -> Outcome:
    """What `recommend` would conclude from these findings, without wording it."""
    answer = _Answer(profile, view, known, findings, question)
    return Outcome(answer.verdict, {judged.regimen: judged.outcome.tier for judged in answer.judged})


class _Answer:
    """One case being answered; every method gives one part of the recommendation."""

    def __init__(self, profile: Profile, view: AsOf, known: Known, findings: Findings, question: Question) -> None:
        self.profile, self.view, self.base, self.question = profile, view, view.base, question
        self.known, self.findings = known, findings
        self.memo = Memo({}, {})
        self.checks: dict[str, OpenCheck] = {}
        self.shown: dict[int, CriterionShown] = {}
        self.decision = self.decide()
        self.closing, self.open_gates = self.gates_in_use()
        self.verdict: Verdict = "individualise" if self.closing else self.decision.verdict
        self.judged = (
            [self.judge_option(name) for name in sorted(view.options)] if self.verdict != "out-of-scope" else []
        )

    # --- verdict ------------------------------------------------------------------------------------------

    def decide(self) -> Decision:
        """The verdict by three-valued logic; where that leaves it open, over every completion where those are few."""
        return self.decide_on(self.findings)

    def decide_on(self, findings: Findings) -> Decision:
        rules, overriders = self.view.verdicts, self.base.overriders
        found = decide(rules, findings.inference.rules, overriders)
        worlds = None if found.settled else fired_in_each(self.base, findings, rules, self.memo)
        if worlds is None:
            return found
        return agreed_on(
            [decide(rules, {rule.id: rule.id in world for rule in rules}, overriders) for world in worlds], found
        )

    def gates_in_use(self) -> tuple[tuple[Gate, ...], tuple[Gate, ...]]:
        """With `continue`: the gates that close the inhibitor in use, and those that may."""
        if self.decision.verdict != "continue":
            return (), ()
        agent = self.findings.facts.get("prior_cdk46.agent")
        possible = agent.values if isinstance(agent, OneOf) else {agent} if agent else ANY_INHIBITOR
        # Of an inhibitor that is none of the three only the class is known.
        sets = [self.view.gates_closing(INHIBITOR if name == "other" else str(name)) for name in possible]
        every = dict(sorted({gate.id: gate for gates in sets for gate in gates}.items()))
        closing = [g for g in every.values() if self.findings.fires(g.id) and all(g in gates for gates in sets)]
        maybe = [g for g in every.values() if self.findings.fires(g.id) is not False and g not in closing]
        return tuple(closing), tuple(maybe)

    def deciding(self) -> Sequence[Rule]:
        return self.closing or self.decision.decided_by

    def may_not_hold(self, rule: Rule) -> bool:
        return not self.findings.fires(rule.id)

    def reason(self, rule: Rule) -> Reason:
        depends = () if not self.may_not_hold(rule) else open_for(self.base, [rule], self.findings)
        return Reason(rule.id, self.view.text(rule), depends, self.view.evidence([rule]))

    def headline(self) -> str:
        """One sentence for a clinician."""
        agent = self.findings.facts.get("prior_cdk46.agent")
        drug = agent if isinstance(agent, str) and agent not in ("other", "none") else "the CDK4/6 inhibitor"
        firing = [rule for rule in self.deciding() if self.findings.fires(rule.id)]
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
            unknown = fact_labels(open_for(self.base, self.deciding(), self.findings))
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
        if self.verdict != "undetermined":
            return ()

        def settles(findings: Findings) -> bool:
            return self.decide_on(findings).settled

        return least_sets(self.base, self.findings, self.view.verdicts, settles, self.memo)

    # --- options ------------------------------------------------------------------------------------------

    def judge_option(self, regimen: str) -> Judged:
        """One regimen, over every completion of what is unknown where those are few."""
        rules = self.view.options[regimen]
        worlds = None
        if any(self.findings.fires(rule.id) is None for rule in rules):
            worlds = fired_in_each(self.base, self.findings, rules, self.memo)
        return judge(regimen, rules, self.view.gates_on[regimen], self.findings, worlds)

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
            needs=self.needs(judged),
            checks=tuple(self.check(gate) for gate in judged.open_gates),
            availability=self.view.availability(judged.regimen),
            cautions=tuple(gate.id for gate in judged.fired_gates),
            says=together(map(self.view.text, best(judged.rules))),
            dosing=self.view.dosing(judged.regimen),
            evidence=self.view.evidence(rules),
        )

    def needs(self, judged: Judged) -> tuple[Facts, ...]:
        """The least sets of unknown facts that settle an undetermined tier whatever their values."""
        if judged.outcome.tier != UNDETERMINED:
            return ()
        rules = self.view.options[judged.regimen]

        def settles(findings: Findings) -> bool:
            # The gates stay as they are: an open one is a check, and it changes no tier.
            return self.tier_on(findings, rules, judged.fired_gates) != UNDETERMINED

        return least_sets(self.base, self.findings, rules, settles, self.memo)

    def tier_on(self, findings: Findings, rules: Sequence[OptionRule], holding: Sequence[Gate]) -> str:
        """The tier once more is known, over every completion of what is not where those are few."""
        tier = tier_of(rules, holding, findings)
        if tier != UNDETERMINED:
            return tier
        tiers: set[str] = set()
        for world in each_world(self.base, findings, rules, self.memo):
            tiers.add(UNDETERMINED if world is None else tier_of(rules, holding, findings, [world]))
            if len(tiers) > 1 or world is None:
                return UNDETERMINED
        return tiers.pop() if tiers else UNDETERMINED

    def check(self, gate: Gate) -> OpenCheck:
        if gate.id not in self.checks:
            facts = open_for(self.base, [gate], self.findings) or ("prior_cdk46.agent",)
            self.checks[gate.id] = OpenCheck(gate.id, facts, self.view.text(gate))
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
        """Unknown facts that a test rule asks for; first those that settle most options whatever the result."""
        found: list[tuple[tuple[int, int, int, str], TestRule, tuple[str, ...]]] = []
        for rule in self.view.tests:
            unknown = self.findings.facts.get(rule.fact) is None or rule.fact in self.findings.voided
            if unknown and self.findings.fires(rule.id) is not False:
                results = list(self.tiers_by_result(rule.fact))
                now = {judged.regimen: judged.outcome.tier for judged in self.judged}
                changed = {name for tiers in results for name in tiers if tiers[name] != now[name]}
                settled = sum(all(tiers[name] != UNDETERMINED for tiers in results) for name in changed)
                opened = [
                    TIERS.index(t) for tiers in results for name, t in tiers.items() if name in changed and t in TIERS
                ]
                rank = (-settled, min(opened, default=len(TIERS)), -len(changed), rule.fact)
                found.append((rank, rule, tuple(sorted(changed))))
        return tuple(
            AdvisedTest(rule.fact, self.view.text(rule), changed, order)
            for order, (_, rule, changed) in enumerate(sorted(found, key=lambda item: item[0]), start=1)
        )

    def tiers_by_result(self, fact: str) -> Iterator[dict[str, str]]:
        """For each result of a test the tier of every regimen that depends on it."""
        options, gates = self.view.options, self.view.gates_on
        concerned = sorted(self.view.regimens_reading(fact) & {judged.regimen for judged in self.judged})
        rules = {rule.id: rule for name in concerned for rule in (*options[name], *gates[name])}
        retrial = Retrial(self.base, self.findings, tuple(rules.values()), self.memo)
        for changes in completions((fact,), self.findings.facts):
            findings = retrial.judge(changes)
            holding = {name: [gate for gate in gates[name] if findings.fires(gate.id)] for name in concerned}
            yield {name: self.tier_on(findings, options[name], holding[name]) for name in concerned}

    # --- the rest -----------------------------------------------------------------------------------------

    def cautions(self) -> tuple[CautionShown, ...]:
        """What has grown old first, then what is odd in the record, then caution rules and gates that hold."""
        shown = [CautionShown(name, says, (), ()) for name, says in (*self.freshness(), *self.known.oddities)]
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
            checks=tuple(self.check(gate) for gate in self.open_gates),
            conflicts=self.conflicts(),
            provenance=self.provenance(),
            trace=self.trace() if question.explain else None,
        )

    def conflicts(self) -> tuple[Conflict, ...]:
        rules = self.decision.conflict
        if not rules:
            return ()
        return (Conflict(tuple(r.id for r in rules), tuple(sorted({r.then.verdict for r in rules}))),)
