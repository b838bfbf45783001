"""What the texts of a rule should not hold: figures, cites that are not public yet, no title where one is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from secondline.condition import tests_in
from secondline.forms.rules import Rule
from secondline.keys import FILL_IN
from secondline.lint.kinds import EARLY_CITE, FIGURE, NO_TITLE, OPEN, Path, Raised
from secondline.rulebase import RuleBase
from secondline.source import Node
from secondline.wording import split

# A number in a text, unless it is part of a name (HER2, CDK4/6, ABC5) or counts a grade, phase, type or version.
_NUMBER = re.compile(r"(?<![\w/.-])\d+(?:\.\d+)?(?![\w/]|\.\d)")
_ORDINAL = re.compile(r"\b(?:grade|grades|phase|type|version|ECOG) \d+(?:-\d+)?")


def plain_text(says: str) -> str:
    """The words of a text, without its cites."""
    return " ".join("".join(piece.parts[::2]) for piece in split(says))


def figures(rule: Rule, base: RuleBase) -> Iterator[Raised]:
    """Figures typed in a text: they come from the evidence. A limit that the rule's condition types may be named."""
    limits = _typed_numbers(rule, base)
    for key, words in (("title", rule.title or ""), ("says", plain_text(rule.says))):
        for number in _NUMBER.findall(_ORDINAL.sub("", words)):
            if float(number) not in limits:
                cite = "cite the evidence that holds it, as in `{ID/endpoint}`"
                yield FIGURE, (key,), f"figure `{number}` is typed in `{key}`; {cite}"


def _typed_numbers(rule: Rule, base: RuleBase) -> set[float]:
    found: set[float] = set()
    waiting = [rule.when]
    while waiting:
        for test in tests_in(waiting.pop()):
            found |= {float(v) for check in test.checks for v in check.values if isinstance(v, (int, float))}
            definition = base.defined.get(test.fact)
            waiting += [case.when for case in definition.cases] if definition else []
    return found


def clauses(rule: Rule, base: RuleBase) -> Iterator[Raised]:
    """A cite outside double brackets that is not public on every day of the rule."""
    first = min((base.sources[cite].public_from for cite in rule.cites), default=None)
    if first and rule.effective and rule.effective.since:
        first = max(first, rule.effective.since)
    for piece in split(rule.says):
        for cite in piece.cites:
            if first and not piece.clause and base.sources[cite].public_from > first:
                public = base.sources[cite].public_from
                message = f"`{cite}` is public from {public}, the rule in effect from {first}; put it in `[[...]]`"
                yield EARLY_CITE, ("says",), message


def titles(rule: Rule, base: RuleBase) -> Iterator[Raised]:
    """A verdict rule or gate without the title that headlines are made of."""
    if rule.title is None and any(rule.id == other.id for other in (*base.verdicts, *base.gates)):
        yield NO_TITLE, ("id",), f"`{rule.id}` has no `title`; headlines are made of it"


def open_texts(node: Node, path: Path = ()) -> Iterator[Raised]:
    """What `secondline new` left to be filled in, anywhere in a file."""
    if isinstance(node.value, dict):
        for key, inner in node.value.items():
            yield from open_texts(inner, (*path, key))
    elif isinstance(node.value, list):
        for index, inner in enumerate(node.value):
            yield from open_texts(inner, (*path, index))
    elif isinstance(node.value, str) and FILL_IN in node.value:
        yield OPEN, path, f"`{path[-1]}` is not filled in; write it"
