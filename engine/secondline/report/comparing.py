"""A comparison for a guideline author: what changed for whom, why, and the proof that nobody else changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.authoring.comparison import Comparison, OnDays
from secondline.authoring.moves import VERDICT
from secondline.authoring.rulechanges import FAILS, HOLDS, Part, RuleChange, Shift
from secondline.authoring.saying import words
from secondline.errors import counted
from secondline.explain import fact_label, fact_labels
from secondline.facts import catalogue, main_of
from secondline.report.document import Entry, Section
from secondline.report.markdown import block_lines as block_markdown
from secondline.report.markdown import plain
from secondline.report.moved import ARROW, Words, kinds, listed, shut
from secondline.report.story import story
from secondline.report.text import block_lines
from secondline.scales import CERTAINTIES, STRENGTHS
from secondline.states import State, in_words

if TYPE_CHECKING:
    from secondline.authoring.cohort import Cohort

SCREEN = 118  # columns, where no terminal says how many
MOST_IDS = 5
_LONG = ("when", "cases", "otherwise", "says", "notes", "cites", "grading", "title", "prevalence")  # seen in the file


class Page(NamedTuple):
    """A title, the answer in a few sentences, sections."""

    title: str
    answer: tuple[str, ...]
    sections: tuple[Section, ...]


def page(found: Comparison, cohort: Cohort | None = None, *, full: bool = False) -> Page:
    """Arrange a comparison; `full` leaves nothing out."""
    writer = _Writer(Words(found, full=full))
    told = [] if not found.differs else story(writer.words) if found.days_apart else writer.changes()
    if cohort is not None:
        told.insert(max(len(told) - 1, 0), writer.cohort(cohort))
    if found.days_apart and told:
        told[-1] = told[-1]._replace(blocks=(*told[-1].blocks, *writer.proof()))
    else:
        told.append(Section("Proof", tuple(writer.proof())))
    return Page(writer.title(), tuple(writer.answer()), tuple(section for section in told if section.blocks))


class _Writer:
    def __init__(self, said: Words) -> None:
        self.words, self.found, self.base = said, said.found, said.base

    # --- the headline -------------------------------------------------------------------------------------

    def title(self) -> str:
        found = self.found
        places = listed(["no jurisdiction" if place == "none" else place.upper() for place in found.jurisdictions])
        days = listed([day.isoformat() for day in found.new.days])
        sides = f"{found.old.name} {ARROW} {found.new.name}"
        what = f"rule base {self.base.version}" if found.days_apart else f"asked for {days}"
        return f"{sides}, {what}, {places}"

    def answer(self) -> Iterator[str]:
        if not self.found.differs:
            yield "Nothing differs."
            return
        if not self.found.days_apart:
            yield self._class()
        yield from (" ".join(self._sentences(on)) for on in self.found.on)

    def _class(self) -> str:
        says = {
            "breaking": "Breaking: somebody's verdict changes.",
            "minor": "Minor: nobody's verdict changes, somebody's options do.",
            "none": "Neither breaking nor minor: nobody's verdict or options change.",
        }[self.found.change]
        if self.found.proof.unproved:
            says = f"Breaking cannot be excluded: {'; '.join(self.found.proof.unproved)}."
        version = self.found.version
        if version.suggested is None:
            return says
        raised = f"`rulebase.yaml` was raised from {version.old} to {version.new}"
        kept = f"`rulebase.yaml` still says {version.new}"
        return f"{says} {kept if version.old == version.new else raised}; the next version is {version.suggested}."

    def _sentences(self, on: OnDays) -> Iterator[str]:
        verdicts = [move for move in on.moves if move.what == VERDICT]
        graded = dict.fromkeys(move.about for move in on.moves if move.what == "grading")
        day = f"On {on.new}: " if len(self.found.on) > 1 else ""
        if verdicts:
            moves = dict.fromkeys(f"{move.before} {ARROW} {move.after}" for move in verdicts)
            yield f"{day}the verdict changes for some patients, {listed(list(moves))}."
        else:
            yield f"{day}nobody's verdict changes."
        for verdict in graded:
            yield f"`{verdict}` is graded {_direction(on, verdict)} for some."
        says = {
            "new": "become options",
            "higher": "rise for some",
            "for some": "change for some",
            "lower": "fall for some",
            "gone": "are options no longer",
        }
        parts = [f"{len(names)} {says[kind]}" for kind, names in kinds(on).items() if names]
        if parts:
            first, *others = parts
            number, _, what = first.partition(" ")
            every = counted(len(self._regimens()), "regimen")
            yield f"{listed([f'{number} of {every} {what}', *others])}."

    def _regimens(self) -> set[str]:
        return {rule.regimen for side in (self.found.old, self.found.new) for rule in side.ready.base.options}

    # --- two rule bases -----------------------------------------------------------------------------------

    def changes(self) -> list[Section]:
        """What changed between two rule bases, the proof apart."""
        sections: list[Section] = []
        for on in self.found.on:
            day = f" on {on.new}" if len(self.found.on) > 1 else ""
            options = tuple(self.words.options(on)) or (Entry("the same tiers for every patient"),)
            sections.append(Section(f"Verdict{day}", tuple(self.words.verdict(on))))
            sections.append(Section(f"Options{day}", options))
            sections.append(Section(f"Where something is unknown{day}", tuple(self._unknown(on))))
        superseded = self.words.superseded(self.found.living.superseded)
        sections.append(Section("Rules", tuple(map(self._rule, self.found.rules))))
        sections.append(Section("Evidence and vocabulary", (*self._files(), *superseded)))
        return sections

    def _unknown(self, on: OnDays) -> Iterator[Entry]:
        for absence in on.absences:
            region = absence.region
            whom = words(region.condition, self.base) if region.condition else fact_labels(region.facts)
            now = "now" if absence.anew else "no longer"
            changes = dict.fromkeys(f"{about}: {shut(a)} {ARROW} {shut(b)}" for about, a, b, _, _ in absence.changes)
            none = ("no verdict or tier was found to change by it",)
            yield Entry(f"{catalogue()[absence.fact].label} counts as absent {now}: {whom}", tuple(changes) or none)
        for one in on.unsettled:
            head = f"{one.about}: {shut(one.before)} {ARROW} {shut(one.after)}"
            yield Entry(head, tuple(self.words.example(one.facts)))

    def _rule(self, change: RuleChange) -> Entry:
        names = ", ".join(part.name for part in change.parts)
        says = {
            "added": "added",
            "removed": "removed",
            "renamed": f"was {change.was}, the same in all else; answers name rules, so an id is never renamed",
            "meaning": f"means something else ({names or f'through {listed(change.through)}'})",
            "rewritten": f"written otherwise, and holds for the same patients ({names})",
            "text": f"text alone ({names})",
        }[change.what]
        parts = (line for part in change.parts for line in _part(part))
        shifts = (line for shift in change.shifts for line in self._shift(shift))
        return Entry(f"{change.folder}/{change.id}: {says}", (*parts, *shifts))

    def _shift(self, shift: Shift) -> Iterator[str]:
        """For whom a rule holds no longer, or a definition has another value."""
        region = shift.region
        both = {shift.before, shift.after} == {HOLDS, FAILS}
        head = f"{shift.before} {ARROW} {shift.after}"
        if both:
            head = "holds no longer" if shift.before == HOLDS else "holds now too"
        had = {HOLDS: "where it held", FAILS: "where it did not hold"}.get(shift.before, f"where it was {shift.before}")
        has = {HOLDS: "where it holds now", FAILS: "where it does not hold now"}
        where = {"all": "", "before": had, "after": has.get(shift.after, f"where it is {shift.after} now")}[
            region.among
        ]
        if region.whole:
            yield f"{head}: {f'every{where}' if where else 'for every patient'}"
        elif region.condition is None:
            yield f"{head}: for some, by {fact_labels(region.facts)}"
        else:
            yield f"{head}: {f'{where}, ' if where else ''}{words(region.condition, self.base)}"
        yield from self.words.example(shift.example)

    def _files(self) -> Iterator[Entry]:
        by_kind: dict[tuple[str, str], list[str]] = {}
        for file in self.found.files:
            by_kind.setdefault((file.kind, file.what), []).append(file.name)
        for (kind, what), names in by_kind.items():
            yield Entry(f"{kind} {what}: {self.words.rules(names)}")

    # --- proof and cohort ---------------------------------------------------------------------------------

    def proof(self) -> Iterator[Entry]:
        """What was compared, and how far it reaches."""
        proof = self.found.proof
        moved = any(move.what in (VERDICT, "tier") for on in self.found.on for move in on.moves)
        who = "no other patient changes" if moved else "no patient changes"
        far = "proved" if not proof.unproved else "proved of whoever has the same facts on both sides"
        yield Entry(
            f"{far}: {who} verdict or option. {proof.outcomes:,} outcomes were compared as functions of "
            f"{proof.variables} variables, over {_power(proof.kinds)} kinds of patients that rules can tell apart"
        )
        found = any(on.unsettled or on.absences for on in self.found.on)
        if all(on.tied and not on.absences for on in self.found.on):
            who = "whoever cannot turn out to be one of those above" if moved else "everybody"
            unknown = f"{far} where facts are unknown too" if not proof.unproved else f"{far}, some of them unknown"
            yield Entry(f"{unknown}: {who} has the same verdict and tiers as before")
        elif not self.found.days_apart or self.words.full:
            who = f"nobody{' else' if found else ''}{' who cannot turn out to be one of those above' if moved else ''}"
            yield Entry(f"where facts are unknown, {who} was found to change; that is not proved")
        yield from (Entry(f"not covered: {reason}") for reason in proof.unproved)

    def cohort(self, cohort: Cohort) -> Section:
        apart = f", {cohort.apart:,} answered by one side alone" if cohort.apart else ""
        total = f"{counted(cohort.answered, 'patient')} answered by both sides, {cohort.rejected:,} rejected{apart}"
        counts = f"{cohort.verdict:,} change verdict, {cohort.options:,} options alone, {cohort.same:,} neither"
        entries = [Entry(f"{total}: {counts}"), *self._refused(cohort), *self._alone(cohort)]
        for switch in cohort.switches:
            about = "" if switch.about == VERDICT else f"{switch.about}: "
            why = f", by {self.words.rules(switch.why)}" if switch.why else ""
            head = f"{about}{shut(switch.before)} {ARROW} {shut(switch.after)}: {len(switch.ids):,}{why}"
            values = (
                self._known(name, switch.why, cohort.values[name]) for name in switch.ids if name in cohort.values
            )
            entries.append(Entry(head, (self._ids(switch.ids), *values)))
        return Section("The cohort", tuple(entries))

    def _refused(self, cohort: Cohort) -> Iterator[Entry]:
        """How many rows each side rejects, and why the first or each; once, where both say the same."""
        one, other = cohort.refused
        sides = [("both sides", one)] if one == other else [(self.found.old.name, one), (self.found.new.name, other)]
        for name, refused in sides:
            rows = f"{counted(refused.rows, 'row')} rejected by {name}"
            if refused.every:
                yield Entry(rows, refused.every)
            elif refused.rows:
                yield Entry(f"{rows}; the first: {refused.first}")

    def _alone(self, cohort: Cohort) -> Iterator[Entry]:
        """Who is answered by one side alone."""
        for side, ids in zip((self.found.old, self.found.new), cohort.alone, strict=True):
            if ids:
                yield Entry(f"answered by {side.name} alone: {len(ids):,}", (self._ids(ids),))

    def _ids(self, ids: Sequence[str]) -> str:
        more = 0 if self.words.full else len(ids) - MOST_IDS
        return f"{', '.join(ids[:MOST_IDS])} and {more:,} more" if more > 0 else ", ".join(ids)

    def _known(self, name: str, why: Sequence[str], states: Mapping[str, State]) -> str:
        """What is known of a patient of what the rules behind a change read."""
        bases = (self.found.old.ready.base, self.base)
        read = {fact for base in bases for rule in why for fact in base.reads.get(rule, ())}
        held = [fact for fact in states if fact in read or main_of(fact) in read]
        return f"{name}: {', '.join(f'{fact_label(fact)}: {in_words(states[fact])}' for fact in held)}"


def _direction(on: OnDays, verdict: str) -> str:
    """Whether a verdict is graded higher or lower wherever its grading moves."""
    steps = set[bool]()
    for move in on.moves:
        if move.what == "grading" and move.about == verdict:
            before, after = (grade.split(", ") for grade in (move.before, move.after))
            for scale, was, now in zip((STRENGTHS, CERTAINTIES), before, after, strict=True):
                ranks: tuple[str, ...] = scale
                steps |= {ranks.index(now) < ranks.index(was)} if was != now else set()
    return "otherwise" if len(steps) != 1 else "higher" if steps.pop() else "lower"


def _part(part: Part) -> Iterator[str]:
    """What a part was and is, where that is short; conditions are shown by what they do, texts by their file."""
    if part.name in _LONG:
        return
    if isinstance(part.before, list) and isinstance(part.after, list):
        for word, some, others in (("without", part.before, part.after), ("with", part.after, part.before)):
            listed_apart = [str(item) for item in some if item not in others]
            if listed_apart:
                yield f"{part.name}: now {word} {listed(listed_apart)}"
        return
    yield f"{part.name}: {_plain(part.before)} {ARROW} {_plain(part.after)}"


def _plain(value: Any) -> str:
    if value is None or value in ({}, []):
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _power(number: int) -> str:
    """A very large number: `1.5e36`."""
    return f"{number:,}" if number < 10**6 else f"{number:.1e}".replace("e+", "e")


# --- text and Markdown ------------------------------------------------------------------------------------


def as_text(shown: Page, *, width: int = SCREEN, colour: bool = False) -> str:
    """A page for a terminal."""

    def strong(line: str) -> str:
        return f"\x1b[1m{line}\x1b[0m" if colour else line

    lines = [*wrap(shown.title, width), ""]
    lines += [strong(line) for sentence in shown.answer for line in wrap(_capital(sentence), width)]
    for section in shown.sections:
        lines += ["", strong(section.title), *(line for block in section.blocks for line in block_lines(block, width))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def as_markdown(shown: Page) -> str:
    """The same as Markdown."""
    lines = [f"# {plain(shown.title)}", ""]
    for sentence in shown.answer:
        lines += [f"**{plain(_capital(sentence))}**", ""]
    for section in shown.sections:
        lines += [f"## {section.title}", "", *(line for block in section.blocks for line in block_markdown(block)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
