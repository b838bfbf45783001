"""What a new file holds: every key with what it is for, and the least that passes `check` and changes no answer.

A rule or law is not in effect until its author takes `effective` out or dates it; nothing reads a new definition, and
nothing cites new evidence. What is still open says FILL IN, and `check` finds it wherever it could be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from pydantic import BaseModel

from secondline.forms.evidence import Approvals, Citation, Design, Eligibility, Evidence, Report, Result
from secondline.forms.rules import (
    AppliesTo,
    Caution,
    Definition,
    Effective,
    Gate,
    GateThen,
    Grading,
    OptionRule,
    OptionThen,
    ResultShare,
    TestRule,
    VerdictRule,
    VerdictThen,
)
from secondline.grading import grade
from secondline.keys import FILL_IN
from secondline.schemas.subjects import keys_of

KINDS: dict[str, type[BaseModel]] = {
    "verdict": VerdictRule,
    "option": OptionRule,
    "gate": Gate,
    "test": TestRule,
    "caution": Caution,
    "definition": Definition,
}
INDEPENDENT = ("label", "guideline", "meta-analysis")  # evidence whose reports do not supersede one another
_NOT_YET = "2199-12-31"  # the last day on which a rule can begin
_WIDTH = 116
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 /_+.,-]*")  # outside brackets a comma is one


class NewRule(NamedTuple):
    """What a new rule or definition is about, as far as its author said; `open_cites`: none were named."""

    kind: str
    id: str
    regimens: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    fact: str | None = None
    jurisdiction: str | None = None
    cites: tuple[str, ...] = ()
    open_cites: bool = False


class _Key(NamedTuple):
    """A key as a new file has it: in one line or with lines below; `absent` is only an example, in a comment."""

    name: str
    text: str = ""
    below: tuple[str, ...] = ()
    inner: tuple[type[BaseModel], ...] = ()
    aside: str = ""
    absent: bool = False


# --- rules ------------------------------------------------------------------------------------------------

_SAYS = {
    "verdict": "A verdict rule: does the CDK4/6 inhibitor go on?",
    "option": "An option rule: what could be given next, and at which tier?",
    "gate": "A gate: what closes or lowers an option, or stops the inhibitor in use?",
    "test": "A test rule: which unknown fact is worth finding out?",
    "caution": "A caution: what else should be said?",
    "definition": "A definition: a fact, or a yes/no, worked out from other facts.",
}
_AFTER = "two cases, one where it fires and a near miss; `secondline check`, `secondline test` and `secondline prove`"


def rule_text(rule: NewRule, definition: str | None = None, modeline: str | None = None) -> str:
    """The file of a new rule or definition. `definition` is a yes/no definition of the folder, for an example."""
    after = "`secondline check`" if rule.kind == "definition" else _AFTER
    opening = f"{_SAYS[rule.kind]} Write what says {FILL_IN}, then {after}."
    return _file(modeline, opening, _sheet(KINDS[rule.kind], list(_keys_of(rule, definition))))


def law_after(held: str, last: int, name: str) -> str | None:
    """What to add to a `laws.yaml` for a new law; `last` is the line of its last law, 0 where there is no file.

    None where the file does not hold each law behind a dash of its own, so that nothing can be added at its end.
    """
    if last == 0:
        return "laws:\n" + _law(name, "  ")
    dash = re.match(r"( *)- ", held.splitlines()[last - 1])
    if dash is None or re.search(r"^(\.\.\.|---)\s*\Z", held, re.MULTILINE):
        return None
    added = ("" if held.endswith("\n") else "\n") + _law(name, dash[1])
    return added.replace("\n", "\r\n") if "\r\n" in held else added


def _law(name: str, indent: str) -> str:
    """A new law as an item of the list: the others in the file show how laws look."""
    opening = (
        f"Not in effect yet: take `effective` out once what says {FILL_IN} is written. Where `when` is true of patient "
        "and answer, `then` is not false; both read facts and definitions, and `verdict`, `offered`, `offered_agents` "
        "and `offered_classes`."
    )
    lines = (
        *comment(opening),
        f"- id: {name}",
        f"  title: {FILL_IN}, the law as a clause",
        f"  effective: {{from: {_NOT_YET}}}",
        f"  when: {{prior_cdk46.agent: palbociclib}} # {FILL_IN}",
        f"  then: {{verdict: {{not: continue}}}} # {FILL_IN}",
    )
    return "".join(f"{indent}{line}\n" for line in lines)


def _keys_of(rule: NewRule, definition: str | None) -> Iterator[_Key]:
    yield _Key("id", rule.id)
    yield _Key("title", f"{FILL_IN}, a short clause")
    if rule.kind == "option":
        yield _Key("regimen", rule.regimens[0])
    if rule.kind == "gate":
        yield _Key("applies_to", _applies_to(rule), inner=(AppliesTo,))
    if rule.kind in ("option", "gate"):
        yield _Key("jurisdiction", rule.jurisdiction or "us", absent=rule.jurisdiction is None)
    if rule.kind in ("test", "definition"):
        yield _Key("fact", rule.fact or "disease.name", absent=rule.fact is None)
    if rule.kind == "definition":
        yield from _defining(rule, definition)
    else:
        waiting = f"not in effect yet: take this line out once what says {FILL_IN} is written"
        yield _Key("effective", f"{{from: {_NOT_YET}}}", inner=(Effective,), aside=waiting)
        yield _Key("review_by", "YYYY-MM-DD", absent=True)
        yield _Key("when", below=_condition(definition))
        yield from _concluding(rule)
    if rule.kind != "definition":
        yield _Key("says", f"{FILL_IN}, one or two sentences.")
    yield _Key("cites", below=tuple(_cites(rule)), absent=not rule.cites)
    yield from _noting(rule)


def _applies_to(rule: NewRule) -> str:
    named = {"regimens": rule.regimens, "agents": rule.agents, "classes": rule.classes}
    return "{" + ", ".join(f"{key}: [{', '.join(held)}]" for key, held in named.items() if held) + "}"


def _defining(rule: NewRule, definition: str | None) -> Iterator[_Key]:
    yes, no = ("true", "false") if rule.fact is None else ("fill-in", "otherwise")
    lines = (
        f"  - when: # {FILL_IN}; further cases follow in the same way",
        *(f"      {line.strip() if at == 0 else line[2:]}" for at, line in enumerate(_condition(definition))),
        f"    value: {yes}",
    )
    yield _Key("cases", below=lines)
    yield _Key("otherwise", no)


def _condition(definition: str | None) -> tuple[str, ...]:
    """A condition to begin with, and how others look."""
    examples = (
        f"{{definition: {definition or 'ID'}}}",
        "{patient.ecog: [0, 1]}",
        "{safety.qtcf_ms: {at_least: 450}}",
        "{history.classes: {has_any: [cdk46-inhibitor]}}",
        "any: [{patient.sex: male}, {patient.menopausal_status: postmenopausal}]",
    )
    return (
        "  all:",
        f"    - {{prior_cdk46.agent: palbociclib}} # {FILL_IN}; `secondline schema case` lists the facts",
        *(f"    # - {example}" for example in examples),
    )


def _concluding(rule: NewRule) -> Iterator[_Key]:
    if rule.kind == "verdict":
        yield _Key("then", "{verdict: individualise}", inner=(VerdictThen,), aside=FILL_IN)
        yield _Key("overrides", "[other-rule]", absent=True)
    elif rule.kind == "option":
        start = Grading(start="none", wording="unread")
        found = grade(start, None)
        then = f"{{tier: {found.tier}, strength: {found.strength}, certainty: {found.certainty}}}"
        yield _Key("then", then, inner=(OptionThen,), aside="what follows from `grading`")
        grading = f"{{start: {start.start}, wording: {start.wording}}}"
        yield _Key("grading", grading, inner=(Grading,), aside=FILL_IN)
    elif rule.kind == "gate":
        yield _Key("then", "{lower: 1}", inner=(GateThen,), aside=FILL_IN)
    elif rule.kind == "test":
        below = ("  - {result: , cite: }",)
        yield _Key("prevalence", below=below, inner=(ResultShare,), absent=True)


def _cites(rule: NewRule) -> Iterator[str]:
    for cite in rule.cites:
        aside = f" # {FILL_IN}: this is only an example" if rule.open_cites else ""
        yield f"  - {_scalar(cite)}{aside}"
    if not rule.cites:
        yield "  - TRIAL/pfs"


def _noting(rule: NewRule) -> Iterator[_Key]:
    if rule.kind == "definition":
        aside = "a rule that reads it makes this note unneeded"
        yield _Key("notes", '["SL403: no rule reads it yet"]', aside=aside)
    else:
        yield _Key("notes", "[why it is graded so]", absent=True)
    yield _Key("authors", "[name]", absent=True)


# --- evidence ---------------------------------------------------------------------------------------------


def evidence_text(name: str, kind: str, modeline: str | None = None) -> str:
    """The file of a new evidence of some kind, with one report that holds no figure yet."""
    opening = (
        f"Evidence of kind {kind}. A figure stands here and nowhere else, with the digits as printed; what was not "
        "read stays out. Then `secondline evidence audit`, `secondline evidence show`, and a rule that cites it."
    )
    return _file(modeline, opening, _sheet(Evidence, list(_of_evidence(name, kind))))


def _of_evidence(name: str, kind: str) -> Iterator[_Key]:
    trial = kind in ("trial", "cohort")
    yield _Key("id", name)
    yield _Key("kind", kind)
    yield _Key("name", name, aside=FILL_IN)
    if trial:
        yield _Key("registry", "NCT...", absent=True)
        yield _Key("phase", '"3"', absent=True)
        yield _Key("design", '{randomized: true, masking: open-label, allocation: "1:1", n: }', (), (Design,), "", True)
    yield _Key("question", "Does it ...?", absent=True)
    yield _Key("population", "[in words]", absent=True)
    if trial:
        yield _Key("arms", "{new: the new treatment, old: what it was compared with}", absent=True)
        criteria = ("  criteria:", "    - {says: ECOG 0 or 1, when: {patient.ecog: [0, 1]}}", "  not_read: [the rest]")
        yield _Key("eligibility", below=criteria, inner=(Eligibility,), absent=True)
    yield _Key("independent", "true", absent=kind not in INDEPENDENT)
    if kind == "label":
        yield _Key("approvals", "{us: YYYY-MM-DD, eu: YYYY-MM}", inner=(Approvals,), absent=True)
    yield _Key("reports", below=tuple(_report(name, kind)))
    yield _Key("notes", "[what a reader should know]", absent=True)


def _report(name: str, kind: str) -> Iterator[str]:
    of_kind = {"label": "regulatory", "guideline": "guideline"}.get(kind, "journal-article")
    keys = [
        _Key("id", f"{name}-1", aside=FILL_IN),
        _Key("kind", of_kind),
        _Key("citation", f"{{venue: {FILL_IN}}}", inner=(Citation,)),
        _Key("first_public", "YYYY-MM-DD", absent=True),
        _Key("read_as", "news of the approval", absent=True),
        _Key("jurisdiction", "us", absent=True),
        _Key("median_follow_up_months", "", absent=True),
        _Key("results", below=_result(kind), inner=(Result,), absent=True),
    ]
    for line in _sheet(Report, keys):
        yield f"  - {line}" if line.startswith("id:") else f"    {line}".rstrip()


def _result(kind: str) -> tuple[str, ...]:
    if kind in ("label", "guideline"):
        return ("  - {endpoint: indication, role: statement, finding: in your own words}",)
    return (
        "  - endpoint: pfs",
        "    role: primary",
        "    assessor: investigator",
        "    arms: {new: {n: , median_months: , ci95: [ , ]}, old: {n: , median_months: , ci95: [ , ]}}",
        "    effect: {measure: hazard_ratio, value: , ci95: [ , ], p: }",
        "    significant: ",
    )


# --- lines ------------------------------------------------------------------------------------------------


def _file(modeline: str | None, opening: str, lines: Sequence[str]) -> str:
    head = [f"# yaml-language-server: $schema={modeline}"] if modeline else []
    return "\n".join([*head, *comment(opening), "", *lines]) + "\n"


def _sheet(model: type[BaseModel], keys: Sequence[_Key]) -> list[str]:
    """The keys of a model with what each is for; one that is absent, and what stands below it, in comments."""
    lines: list[str] = []
    for key in keys:
        lines += [""] if lines else []
        lines += comment(_about(model, key.name))
        for inner in key.inner:
            for name in keys_of(inner):
                lines += comment(f"{name}: {_about(inner, name)}", indent="  ")
        aside = f" # {key.aside}" if key.aside else ""
        text = f" {_scalar(key.text) if key.text[:1].isalpha() else key.text}" if key.text else ""
        written = [f"{key.name}:{text}{aside}", *key.below]
        lines += [f"# {line}".rstrip() for line in written] if key.absent else written
    return lines


def comment(words: str, indent: str = "") -> list[str]:
    start = f"# {indent}"
    return wrap(words, _WIDTH, initial_indent=start, subsequent_indent=f"{start}{indent}", break_on_hyphens=False)


def _scalar(text: str) -> str:
    """A text as YAML: in quotes where it would be read as something else."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _about(model: type[BaseModel], key: str) -> str:
    """What a key is for, and the values that it can have where they are words of a list."""
    held = keys_of(model)[key]
    choices = dict.fromkeys(_words(held))
    return f"{held['description']} ({' | '.join(choices)})" if choices else str(held["description"])


def _words(value: Any) -> Iterator[str]:
    """The words that a key's schema lists."""
    if isinstance(value, Mapping):
        yield from map(str, value.get("enum", ()))
        for inner in ("anyOf", "items"):
            yield from _words(value.get(inner))
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
