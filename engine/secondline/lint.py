"""What is readable and typed, and still not as a rule should be: findings of `check` beyond those of loading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from secondline.condition import tests_in
from secondline.errors import Place, Problem, did_you_mean
from secondline.forms.rules import OptionRule, Rule
from secondline.grading import grade
from secondline.history import ANY_INHIBITOR
from secondline.loading import Loaded
from secondline.rulebase import RuleBase
from secondline.source import problem_at
from secondline.wording import split

# A number in a text, unless it is part of a name (HER2, CDK4/6, ABC5) or counts a grade, phase, type or version.
_NUMBER = re.compile(r"(?<![\w/.-])\d+(?:\.\d+)?(?![\w/]|\.\d)")
_ORDINAL = re.compile(r"\b(?:grade|grades|phase|type|version|ECOG) \d+(?:-\d+)?")


def lint(loaded: Loaded) -> Iterator[Problem]:
    """Every finding in a loaded rule folder."""
    base = loaded.base
    for rule in base.rules():
        node = loaded.nodes[rule.id]
        for path, message in (*_figures(rule, base), *_days(rule, base), *_clauses(rule, base), *_titles(rule, base)):
            yield problem_at(node, path, message)
    for option in base.options:
        for path, message in (*_grading(option, base), *_wording(option, base)):
            yield problem_at(loaded.nodes[option.id], path, message)
    used = {result.endpoint for item in base.evidence.values() for report in item.reports for result in report.results}
    for endpoint in sorted(set(base.vocabulary.endpoints) - used):
        place = Place(f"{loaded.folder}/vocabulary/endpoints.yaml")
        yield Problem(place, f"no evidence has endpoint `{endpoint}`{did_you_mean(endpoint, used) or '; remove it'}")
    for gate in base.gates:
        regimens = base.vocabulary.regimens
        drugs = [(name, regimen.agents) for name, regimen in regimens.items()] + [
            ("", (drug,)) for drug in ANY_INHIBITOR
        ]
        if not any(base.applies(gate, name, agents) for name, agents in drugs):
            yield problem_at(
                loaded.nodes[gate.id], ("applies_to",), f"`{gate.id}` applies to no regimen and no inhibitor"
            )
    laws = {law.id for law in loaded.laws}  # one file holds them all
    for name, node in loaded.nodes.items():
        if name in laws:
            continue
        stem = PurePosixPath(node.place.file).stem
        if stem.lower() != name.lower():
            yield problem_at(node, ("id",), f"`{name}` stands in `{stem}.yaml`; name the file `{name.lower()}.yaml`")


Finding = tuple[tuple[str, ...], str]


def _figures(rule: Rule, base: RuleBase) -> Iterator[Finding]:
    """Figures typed in a text: they come from the evidence. A limit that the rule's condition types may be named."""
    limits = _typed_numbers(rule, base)
    for key in ("title", "says"):
        words = getattr(rule, key) or ""
        plain = " ".join("".join(piece.parts[::2]) for piece in split(words)) if key == "says" else words
        for number in _NUMBER.findall(_ORDINAL.sub("", plain)):
            if float(number) not in limits:
                yield (
                    (key,),
                    f"figure `{number}` is typed in `{key}`; cite the evidence that holds it, as in `{{ID/endpoint}}`",
                )


def _typed_numbers(rule: Rule, base: RuleBase) -> set[float]:
    found: set[float] = set()
    waiting = [rule.when]
    while waiting:
        for test in tests_in(waiting.pop()):
            found |= {float(v) for check in test.checks for v in check.values if isinstance(v, (int, float))}
            definition = base.defined.get(test.fact)
            waiting += [case.when for case in definition.cases] if definition else []
    return found


def _days(rule: Rule, base: RuleBase) -> Iterator[Finding]:
    """A rule in effect before any of its cites was public, or for no day at all."""
    window = rule.effective
    if window is None or not rule.cites:
        return
    first = min(base.sources[cite].public_from for cite in rule.cites)
    if window.since and window.since < first:
        yield (
            ("effective", "from"),
            f"in effect from {window.since}, before its first cite is public on {first}; begin it then",
        )
    if window.since and window.until and window.until < window.since:
        yield ("effective", "until"), f"in effect until {window.until}, before it begins on {window.since}"


def _clauses(rule: Rule, base: RuleBase) -> Iterator[Finding]:
    """A cite outside double brackets that is not public on every day of the rule."""
    first = min((base.sources[cite].public_from for cite in rule.cites), default=None)
    if first and rule.effective and rule.effective.since:
        first = max(first, rule.effective.since)
    for piece in split(rule.says):
        for cite in piece.cites:
            if first and not piece.clause and base.sources[cite].public_from > first:
                public = base.sources[cite].public_from
                yield (
                    ("says",),
                    f"`{cite}` is public from {public}, the rule in effect from {first}; put it in `[[...]]`",
                )


def _grading(option: OptionRule, base: RuleBase) -> Iterator[Finding]:
    """A tier, strength or certainty that does not follow from what the rule's `grading` records."""
    if option.grading is None:
        return
    until = option.effective.until if option.effective else None
    source = base.sources.get(option.grading.gain or "")
    shown = source.on(until or base.knowledge_until) if source else ()
    found = grade(option.grading, shown[0].result if shown else None)
    for name in ("tier", "strength", "certainty"):
        typed, follows = getattr(option.then, name), getattr(found, name)
        if typed != follows:
            yield ("then", name), f"`{name}` is `{typed}`; by its grading ({found.row}) it is `{follows}`"


def _wording(option: OptionRule, base: RuleBase) -> Iterator[Finding]:
    """A wording said to cover the patient that no cite shows, or that counts before its label's approval there."""
    grading = option.grading
    if grading is None or grading.wording != "covers" or grading.row or option.regimen not in base.vocabulary.regimens:
        return
    labels = base.vocabulary.regimens[option.regimen].labels
    cited = {base.sources[cite].cite.id for cite in option.cites}
    if not cited & set(labels):
        named = f"one of its labels ({', '.join(labels)})" if labels else "a label; `regimens.yaml` gives it none"
        yield (
            ("grading", "wording"),
            f"the wording is said to cover the patient, and the rule cites no label; cite {named}",
        )
    since = option.effective.since if option.effective else None
    for label in labels:
        dated = base.evidence[label].approvals
        known = dated.regimens.get(option.regimen, dated) if dated else None
        approved = getattr(known, option.jurisdiction) if known and option.jurisdiction else None
        if approved and (since is None or since < approved.over):
            yield (
                ("effective",),
                f"{label} is approved there from {approved.over}; begin the rule then, or grade `not-approved`",
            )


def _titles(rule: Rule, base: RuleBase) -> Iterator[Finding]:
    """A verdict rule or gate without the title that headlines are made of."""
    if rule.title is None and any(rule.id == other.id for other in (*base.verdicts, *base.gates)):
        yield ("id",), f"`{rule.id}` has no `title`; headlines are made of it"
