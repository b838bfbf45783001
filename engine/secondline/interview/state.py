"""An interview as a state: the case so far, what was asked, what to ask next, whether it is finished and why.

Pure: the answers and what judges a case come in. The case is plain data, as in a case file. Every state knows the one
before it, so taking an answer back is going back to that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, Literal, NamedTuple

from secondline.explain import fact_labels
from secondline.facts import catalogue
from secondline.interview.entries import FIELDS, NEEDED
from secondline.interview.questions import (
    JURISDICTION,
    THERAPIES,
    Prompt,
    about_entry,
    about_place,
    about_rest,
    asking,
)
from secondline.interview.readings import Path, Reading, given
from secondline.interview.topics import WORKED_OUT, place
from secondline.recommendation import AdvisedTest, Recommendation
from secondline.records import GROUPS
from secondline.scales import OFFERED
from secondline.tiers import UNDETERMINED
from secondline.vocabulary import Vocabulary

Command = Literal["help", "so far", "back", "again", "stop", "unknown"]
_COMMANDS: dict[str, Command] = {
    **dict.fromkeys(("", "unknown", "not known", "don't know", "not tested", "not-tested"), "unknown"),
    **dict.fromkeys(("?", "help"), "help"),
    **dict.fromkeys(("s", "so far"), "so far"),
    "back": "back",
    "again": "again",
    "stop": "stop",
}
_TOP = ("id", "title", "as_of", JURISDICTION, "profile", "expect")
_HEAD = "# From an interview of `secondline advise`; what is not here is not known.\n"
_WIDEST = 116
_OTHERWISE = {"progression.extent": "limited"}  # what an assumed fact could be instead
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*")
_NOT_TEXT = re.compile(r"true|false|null|Null|NULL|[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")


class Interview(NamedTuple):
    """One state. `asked` are the facts and details already asked; `subject` the question they belong to last.

    `number` counts the questions; `entry` is a treatment that still lacks what it cannot be recorded without.
    """

    case: dict[str, Any]
    asked: frozenset[str] = frozenset()
    subject: str = ""
    number: int = 0
    entry: Mapping[str, Any] | None = None
    before: Interview | None = None


def begun(case: Mapping[str, Any]) -> Interview:
    """The first state: of a new case, or of one that is to be completed."""
    held = _thawed(case)
    profile = held.setdefault("profile", {})
    held["profile"] = {key: value for key, value in profile.items() if value is not None}
    return Interview(held, _complete(held))


def _complete(case: Mapping[str, Any]) -> frozenset[str]:
    """The list of treatments as asked, where the case holds all of it."""
    whole = given(case, THERAPIES) is not None and given(case, "therapies_complete") is not False
    return frozenset({THERAPIES}) if whole else frozenset()


def listing(state: Interview) -> bool:
    """Whether the list of treatments is being made."""
    return state.subject == THERAPIES and THERAPIES not in state.asked


def judged(state: Interview) -> dict[str, Any]:
    """The case as far as it can be judged: without a list of treatments that is being made."""
    if not listing(state):
        return state.case
    profile = {key: value for key, value in state.case["profile"].items() if not key.startswith(THERAPIES)}
    return {**state.case, "profile": profile}


def command(line: str) -> Command | None:
    """What a line asks of the interview itself; None for an answer."""
    return _COMMANDS.get(" ".join(line.casefold().split()))


# --- what is asked next -----------------------------------------------------------------------------------


def worth_asking(result: Recommendation) -> tuple[str, ...]:
    """The unknown facts that still matter, those that can change most first.

    First what the verdict hangs on, then what says whether the inhibitor in use is safe. A test that a rule asks for
    without an effect on this patient's answer is left out.
    """
    missing = {fact for facts in result.missing for fact in facts}
    in_use = {fact for check in result.checks for fact in check.facts}
    needed = missing | in_use | {fact for option in result.options for facts in option.needs for fact in facts}
    ordered = _alike_by_place(t for t in result.tests if t.would_change or not t.rules or t.fact in needed)
    deciding = [fact for fact in ordered if fact in missing]
    safety = [fact for fact in ordered if fact in in_use]
    return tuple(dict.fromkeys([*deciding, *sorted(missing.difference(deciding)), *safety, *ordered]))


def _alike_by_place(tests: Iterable[AdvisedTest]) -> list[str]:
    """Facts in order of worth; those that follow one another and can change the same, as in a consultation."""
    runs = groupby(tests, key=lambda test: test.would_change)
    return [fact for _, run in runs for fact in sorted((test.fact for test in run), key=place)]


def unfinished(state: Interview, vocabulary: Vocabulary) -> Prompt | None:
    """What is asked whatever else is known: the place, the rest of a treatment or of the list of treatments."""
    entries = given(state.case, THERAPIES) or []
    if state.entry is not None:
        return about_rest(len(entries), state.entry, vocabulary)
    if JURISDICTION not in state.case and JURISDICTION not in state.asked:
        return about_place()
    return about_entry(len(entries), vocabulary) if listing(state) else None


def next_prompt(
    state: Interview, wanted: Sequence[str], vocabulary: Vocabulary, beside: Sequence[str] = ()
) -> Prompt | None:
    """What to ask, if any: the rest of the question begun, else the first part of the one that can change most.

    `wanted` are the facts to ask for, those that can change most first; a list asks for those `beside` them too.
    """
    at_once = unfinished(state, vocabulary)
    if at_once:
        return at_once
    open_still = [fact for fact in dict.fromkeys((*wanted, *beside)) if fact not in state.asked]
    prompts = [
        prompt
        for fact in wanted
        for prompt in asking(fact, state.case, open_still, vocabulary)
        if prompt.key not in state.asked and not (prompt.topic == THERAPIES and THERAPIES in state.asked)
    ]
    if not prompts:
        return None
    going_on = any(prompt.topic == state.subject for prompt in prompts)
    topic = state.subject if going_on else prompts[0].topic
    return min((prompt for prompt in prompts if prompt.topic == topic), key=lambda prompt: place(prompt.key))


class Assessor:
    """What each state's case amounts to. A case is judged once, however often a state is come back to.

    Args:
        judge: the recommendation for a case; it refuses one that is not valid.
    """

    def __init__(self, judge: Callable[[Mapping[str, Any]], Recommendation]) -> None:
        self.judge = judge
        self.kept: dict[str, Recommendation] = {}

    def result(self, state: Interview) -> Recommendation:
        return self._of(judged(state))

    def _of(self, case: Mapping[str, Any]) -> Recommendation:
        key = as_yaml(case)
        if key not in self.kept:
            self.kept[key] = self.judge(case)
        return self.kept[key]

    def known(self, state: Interview) -> Recommendation | None:
        """The recommendation, if the case has been judged."""
        return self.kept.get(as_yaml(judged(state)))

    def next(self, state: Interview, vocabulary: Vocabulary) -> Prompt | None:
        """What to ask, if any: what the verdict hangs on, then what was assumed and could change it, then the rest."""
        at_once = unfinished(state, vocabulary)
        if at_once:
            return at_once
        result = self.result(state)
        missing = {fact for facts in result.missing for fact in facts}
        wanted = worth_asking(result)
        return (
            next_prompt(state, [fact for fact in wanted if fact in missing], vocabulary, wanted)
            or next_prompt(state, self.doubtful(state), vocabulary)
            or next_prompt(state, [fact for fact in wanted if fact not in missing], vocabulary)
        )

    def left(self, state: Interview) -> list[str]:
        """The facts that still matter, asked or not."""
        result = self.result(state)
        return [*worth_asking(result), *(fact for fact in result.assumed if fact in state.asked)]

    def doubtful(self, state: Interview) -> list[str]:
        """What is assumed and was not asked, where another value would change the answer."""
        result = self.result(state)
        return [fact for fact in result.assumed if fact not in state.asked and self._turns_on(state, fact)]

    def _turns_on(self, state: Interview, fact: str) -> bool:
        otherwise = _with(judged(state), fact, _OTHERWISE[fact])
        return standing(self._of(otherwise)) != standing(self.result(state))

    def decided(self, state: Interview) -> bool:
        """Whether the verdict is settled, and stays whatever is still asked of what was assumed."""
        return self.result(state).settled and not self.doubtful(state)


def standing(result: Recommendation) -> tuple[str, dict[str, str]]:
    """The verdict, and which regimens are offered or not known to be."""
    tiers = {option.regimen: "offered" if option.tier in OFFERED else option.tier for option in result.options}
    return result.verdict, {name: tier for name, tier in tiers.items() if tier in ("offered", UNDETERMINED)}


def _with(case: Mapping[str, Any], fact: str, value: Any) -> dict[str, Any]:
    """The same case with one fact more."""
    changed: dict[str, Any] = _thawed(case)
    _put(changed, ("profile", *fact.split(".")), value)
    return changed


def question_number(state: Interview, prompt: Prompt) -> int:
    """The number of the question that a prompt belongs to."""
    return state.number + (prompt.topic != state.subject)


def why(prompt: Prompt, result: Recommendation) -> str:
    """What hangs on an answer, in a sentence; empty where it is not about facts."""
    facts = set(prompt.covers)
    if prompt.topic == THERAPIES:
        facts |= {fact for fact in catalogue() if fact.startswith(WORKED_OUT)}
    if facts & {fact for group in result.missing for fact in group} or facts & set(result.assumed):
        return "The verdict hangs on it."
    opens = {name for test in result.tests if test.fact in facts for name in test.would_change}
    opens |= {option.regimen for option in result.options for group in option.needs if facts & set(group)}
    if opens:
        return f"It can open or close {', '.join(sorted(opens))}."
    if any(facts & set(check.facts) for check in result.checks):
        return "It says whether the inhibitor in use is safe."
    if facts & {fact for reason in result.reasons for fact in reason.depends_on}:
        return "How strong and certain the verdict is depends on it."
    offered = (option for option in result.options if option.tier in OFFERED)
    checked = [option.regimen for option in offered if any(facts & set(check.facts) for check in option.checks)]
    return f"It can speak against {', '.join(sorted(checked))}." if checked else ""


def ending(left: Sequence[str]) -> str:
    """Why there is nothing more to ask."""
    left = [fact for fact in left if fact in catalogue()]
    if not left:
        return "Nothing that is still unknown can change the verdict or an option."
    return f"All that matters has been asked. Still open: {fact_labels(left)}."


# --- answers ----------------------------------------------------------------------------------------------


def answered(state: Interview, prompt: Prompt, reading: Reading) -> Interview:
    """The state after an answer, `prompt.unknown` among them."""
    case = _thawed(state.case)
    number = question_number(state, prompt)
    treatments = [value for path, value in reading.values if path[:2] == ("profile", THERAPIES) and len(path) == 3]
    # One that lacks what it cannot be recorded without waits until that is known.
    entry = next((value for value in treatments if any(name not in value for name in NEEDED)), None)
    for path, value in reading.values if entry is None else ():
        _put(case, path, value)
    if prompt.topic == THERAPIES == state.subject and prompt.key.endswith("]") and (entry or not reading.closes):
        number += 1  # each treatment is a question of its own
    asked = state.asked | {prompt.key, *prompt.covers, *reading.closes}
    return Interview(case, asked, prompt.topic, number, entry, state)


def reopened(state: Interview) -> Interview:
    """The same case, with everything asked once more that was not answered."""
    return state._replace(asked=_complete(state.case), subject="", before=state)


def _put(case: dict[str, Any], path: Path, value: Any) -> None:
    holder: Any = case
    for step, following in pairwise(path):
        fresh: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            holder = holder[step]
        else:
            if holder.get(step) is None:
                holder[step] = fresh
            holder = holder[step]
    last = path[-1]
    if value is None:
        holder.pop(last, None)
    elif isinstance(last, int) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value


def _thawed(value: Any) -> Any:
    """A copy whose parts can be changed."""
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, (list, tuple)) else value


# --- the case file ----------------------------------------------------------------------------------------


def as_yaml(case: Mapping[str, Any]) -> str:
    """A case as the text of a case file, which reads as the same case."""
    return _HEAD + "".join(f"{line}\n" for line in _block(_sorted(case, _TOP), 0))


def _sorted(mapping: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """A mapping in the order in which case files are read by people."""
    names = [*(name for name in order if name in mapping), *(name for name in mapping if name not in order)]
    found = {name: mapping[name] for name in names}
    if isinstance(found.get("profile"), Mapping):
        groups = (*GROUPS[:3], THERAPIES, "therapies_complete", *GROUPS[3:])
        profile = _sorted(found["profile"], groups)
        for group, item in profile.items():
            if group in GROUPS and isinstance(item, Mapping):
                facts = [path.partition(".")[2] for path in catalogue() if path.startswith(f"{group}.")]
                profile[group] = _sorted(item, facts)
        if isinstance(profile.get(THERAPIES), list):
            profile[THERAPIES] = [_sorted(entry, FIELDS) for entry in profile[THERAPIES]]
        found["profile"] = profile
    return found


def _block(mapping: Mapping[str, Any], depth: int) -> Iterator[str]:
    """A mapping, a name a line; what is short stands in the line of its name."""
    pad = "  " * depth
    for name, value in mapping.items():
        line = f"{pad}{_scalar(name)}: {_flow(value)}"
        entries = isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
        if entries:
            yield f"{pad}{_scalar(name)}:"
            yield from (f"{pad}  - {_flow(item)}" for item in value)
        elif isinstance(value, Mapping) and value and (name == "profile" or len(line) > _WIDEST):
            yield f"{pad}{_scalar(name)}:"
            yield from _block(value, depth + 1)
        else:
            yield line


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(name)}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A scalar; text in quotes wherever it could be read as anything else."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _BARE.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
        return value
    escaped = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in escaped)
