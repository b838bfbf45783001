"""What a new file is to be about, against the names that its rule folder has and the ids that it uses."""

from __future__ import annotations

import re

from secondline.authoring.scaffold import NewRule
from secondline.citable import citable
from secondline.errors import UsageError, did_you_mean, one_of
from secondline.evidence import parse_cite, source
from secondline.facts import canonical, catalogue
from secondline.loading import Loaded
from secondline.rulebase import RuleBase

RULE_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
EVIDENCE_ID = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")
_FACT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_FORMS = {RULE_ID: "small letters, digits and hyphens", EVIDENCE_ID: "capitals, digits and hyphens"}


def shaped(name: str, form: re.Pattern[str]) -> None:
    """Refuse an id of another form."""
    if not form.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        near = near.upper() if form is EVIDENCE_ID else near
        raise UsageError(f"`{name}` is no id; expected {_FORMS[form]}{f'; did you mean `{near}`?' if near else ''}")


def unused(name: str, form: re.Pattern[str], loaded: Loaded) -> None:
    """Refuse an id of another form, or one that stands anywhere already."""
    shaped(name, form)
    reports = {report.id: item.id for item in loaded.base.evidence.values() for report in item.reports}
    node = loaded.nodes.get(name) or loaded.nodes.get(reports.get(name, ""))
    if node is not None:
        raise UsageError(f"`{name}` is used by {node.place} already; choose another, ids are never used twice")


_FOR = {
    "regimens": ("--regimen", ("option", "gate")),
    "agents": ("--agent", ("gate",)),
    "classes": ("--class", ("gate",)),
    "fact": ("--fact", ("test", "definition")),
    "jurisdiction": ("--jurisdiction", ("option", "gate")),
    "cites": ("--cites", ("verdict", "option", "gate", "test", "caution", "definition")),
}


def fitting(wanted: NewRule) -> None:
    """Refuse an option that a kind of rule has no use for, and the lack of one that it needs."""
    for key, (option, kinds) in _FOR.items():
        if getattr(wanted, key) and wanted.kind not in kinds:
            raise UsageError(f"`{option}` is for {one_of(kinds)}; a {wanted.kind} has none")
    if wanted.kind == "option" and len(wanted.regimens) != 1:
        raise UsageError("a new option needs one `--regimen`, as `vocabulary/regimens.yaml` names it")
    if wanted.kind == "gate" and not (wanted.regimens or wanted.agents or wanted.classes):
        raise UsageError("a new gate needs a `--regimen`, an `--agent` or a `--class` that it applies to")
    if wanted.kind == "test" and wanted.fact is None:
        raise UsageError("a new test needs a `--fact`; `secondline schema case` lists the facts")


def known(wanted: NewRule, base: RuleBase) -> None:
    """Refuse names that the rule folder does not have."""
    vocabulary = base.vocabulary
    for what, names, valid in (
        ("regimen", wanted.regimens, vocabulary.regimens),
        ("drug", wanted.agents, vocabulary.drugs),
        ("class", wanted.classes, vocabulary.classes),
    ):
        for name in names:
            if name not in valid:
                raise UsageError(f"no {what} `{name}`{did_you_mean(name, valid) or f'; expected {one_of(valid)}'}")
    if wanted.fact is not None:
        (_tested if wanted.kind == "test" else _defined)(wanted.fact, base)
    for text in wanted.cites:
        _citing(text, base)


def _tested(fact: str, base: RuleBase) -> None:
    if fact not in catalogue():
        near = did_you_mean(fact, catalogue()) or "; `secondline schema case` lists the facts"
        raise UsageError(f"no fact `{fact}`{near}")


def _defined(fact: str, base: RuleBase) -> None:
    """Refuse a fact that is there already as what a new definition is to give."""
    if not _FACT.fullmatch(fact):
        raise UsageError(f"`{fact}` is no name of a fact; expected `group.name` in small letters")
    if canonical(fact) in catalogue():
        raise UsageError(f"`{fact}` is a fact of the profile; give the definition a fact of its own")
    if fact in base.defined:
        raise UsageError(f"`{fact}` is what `{base.defined[fact].id}` gives already; give the definition another")


def _citing(text: str, base: RuleBase) -> None:
    cite = parse_cite(text)
    if cite is None:
        raise UsageError(f"`{text}` is no cite; expected `ID`, `ID/endpoint` or `ID/endpoint[key=value,...]`")
    if cite.id not in base.evidence:
        near = did_you_mean(cite.id, base.evidence) or "; `secondline new evidence` makes a file"
        raise UsageError(f"no evidence file holds `{text}`{near}")
    try:
        source(cite, base.evidence[cite.id], base.knowledge_until)
    except ValueError as error:
        raise UsageError(f"`{text}`: {error}") from None


def with_cites(wanted: NewRule, base: RuleBase) -> NewRule:
    """With a cite as an example, where the kind needs one and none was named."""
    if wanted.cites or wanted.kind not in ("verdict", "option", "gate"):
        return wanted
    regimens = base.vocabulary.regimens.items()
    labels = [
        label
        for name, regimen in regimens
        for label in regimen.labels
        if name in wanted.regimens or set(regimen.agents) & {*wanted.agents}
    ]
    trials = [item.id for item in base.evidence.values() if item.kind == "trial"]
    for name in (*labels, *trials, *base.evidence):
        for cite in citable(base.evidence[name], base.knowledge_until):
            return wanted._replace(cites=(cite,), open_cites=True)
    raise UsageError("there is no evidence to cite; make a file with `secondline new evidence ID` first")
