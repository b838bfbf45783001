"""Therapies for generated patients: histories drawn freely, and histories that give the facts wanted of them.

Lengths come as months or as dates, dates as days, months or years, drugs named or not: what working out a history has
to cope with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from satisfying import AGENTS, CLASSES, NAMED, pick
from secondline.dates import add_months
from secondline.vocabulary import CHEMOTHERAPY, ENDOCRINE, INHIBITOR, Vocabulary

Plain = dict[str, Any]

DATES = ("2024-11", "2025-01-10", "2025-06", "2025-12-31", "2026-01-10", "2026-03-10", "2026-03-15", 2025)
STARTS = ("2022-06-30", "2023-01", 2023, "2023-11-30")
LENGTHS = (6, 5.9, 6.1, 5.52, 5.42, 5.62, 12, 11.9, 12.1, 3, 9, 19, 26,
           {"at_least": 6, "below": 12}, {"at_least": 2}, {"below": 6})  # fmt: skip
PARTNERS: tuple[list[str], ...] = (
    ["letrozole"], ["letrozole"], ["anastrozole"], ["fulvestrant"], ["tamoxifen"], ["aromatase-inhibitor"],
    ["letrozole", "goserelin"], [], ["elacestrant"], ["other:partner"],
)  # fmt: skip
LATER = (
    ["fulvestrant"], ["letrozole"], ["tamoxifen"], ["exemestane", "everolimus"], ["paclitaxel"], ["capecitabine"],
    ["alpelisib", "fulvestrant"], ["imlunestrant"], ["denosumab"], ["goserelin"], ["other:trial-drug"],
)  # fmt: skip
RESPONSES = ("complete", "partial", "stable", "stable", "progressive", "not-evaluated")
ENDED = ("progression", "progression", "toxicity", None)


# --- drawn freely -----------------------------------------------------------------------------------------


def free(
    random: Random, inhibitors: Sequence[str], settings: Sequence[str], reasons: Sequence[str | None]
) -> list[Plain]:
    """The inhibitor with what may have come before and after it."""
    before = pick(random, (0, 0, 0, 0, 1, 2, 3))
    after = pick(random, (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2))
    found = [
        _entry(random, pick(random, LATER), pick(random, ("metastatic", "adjuvant")), pick(random, ENDED))
        for _ in range(before)
    ]
    agents = [pick(random, inhibitors), *pick(random, PARTNERS)]
    found.append(_entry(random, agents, pick(random, settings), pick(random, reasons)))
    found += [_entry(random, pick(random, LATER), "metastatic", pick(random, ENDED)) for _ in range(after)]
    return found


def _entry(random: Random, agents: Sequence[str], setting: str, reason: str | None) -> Plain:
    """One entry; its time is given as months, as dates, or not at all."""
    found: Plain = {"setting": setting, "agents": list(agents)}
    if reason is not None:
        found["stopped_for"] = reason
    how = pick(random, ("months", "months", "dates", "start", "none"))
    if how == "months":
        found["months"] = pick(random, LENGTHS)
    if how in ("dates", "start"):
        found["started"] = pick(random, STARTS)
    if how == "dates" and reason != "ongoing":
        found["stopped"] = pick(random, DATES)
    if random.random() < 0.75:
        found["best_response"] = pick(random, RESPONSES)
    return found


def adjuvant(random: Random) -> list[Plain]:
    """An adjuvant inhibitor that ended a year before relapse, or a day more or less."""
    ended = pick(random, ("completion", "preference", "other", "toxicity"))
    agents = [pick(random, NAMED), "letrozole"]
    dates = {"started": "2023-01-10", "stopped": "2025-01-10"}
    return [{"setting": "adjuvant", "agents": agents, **dates, "stopped_for": ended}]


RELAPSES = ("2026-01-09", "2026-01-10", "2026-01-11", "2026-01", "2026-06-01")


# --- made to give facts -----------------------------------------------------------------------------------


class Course:
    """Therapies that give the facts wanted of `prior_cdk46.*` and `history.*`, as far as those go together."""

    def __init__(self, random: Random, facts: Mapping[str, Any], vocabulary: Vocabulary, day: date) -> None:
        self.random, self.facts, self.vocabulary = random, facts, vocabulary
        gap = facts.get("prior_cdk46.months_from_stop_to_progression")
        goes_on = facts.get("progression.status") in ("none", "molecular")
        self.seen = day - timedelta(days=0 if goes_on else int(random.random() * 120))  # the day of progression
        since = facts.get("prior_cdk46.months_since_stop")
        self.stopped = back(self.seen, gap) if gap is not None else back(day, since) if since is not None else None
        self.exact = gap is not None or since is not None
        self.wanted = self._drugs()

    def day(self, day: date) -> str:
        """A day as a record may have it: mostly whole where a span was wanted of it."""
        short = self.random.random() < (0.2 if self.exact else 0.7)
        return day.isoformat()[:7] if short else day.isoformat()

    def prior(self, name: str) -> Any:
        return self.facts.get(f"prior_cdk46.{name}")

    def _drugs(self) -> list[str]:
        """The drugs that the history has to hold, inhibitors apart; a class through one of its drugs."""
        classes = list(self.facts.get(CLASSES, ()))
        found = [drug for drug in self.facts.get(AGENTS, ()) if drug not in NAMED]
        for name in classes:
            held = any(name in self._classes(drug) for drug in found)
            if held or name == INHIBITOR or any(name in self._classes(other) - {other} for other in classes):
                continue
            drugs = [drug for drug in self.vocabulary.drugs if name in self._classes(drug)]
            fitting = [drug for drug in drugs if self._classes(drug) <= set(classes)]
            found.append(pick(self.random, fitting or drugs or [name]))
        return found

    def _classes(self, agent: str) -> frozenset[str]:
        return self.vocabulary.classes_of(agent) or frozenset()

    def therapies(self) -> list[Plain]:
        setting = self.prior("setting") or "metastatic"
        inhibitors = self._inhibitors(setting)
        line = self.facts.get("history.line") or 1 + (setting == "metastatic")
        held = sum(entry["setting"] == "metastatic" for entry in inhibitors)
        others = self._lines(max(0, int(line) - 1 - held))
        ordered = [*inhibitors, *others] if self.prior("in_last_line") is False else [*others, *inhibitors]
        return [*self._early(), *ordered]

    def _inhibitors(self, setting: str) -> list[Plain]:
        """The last inhibitor, after any other."""
        agent = self.prior("agent")
        if agent in (None, "none"):
            return []
        agents = self.facts.get("prior_cdk46.agents", ())
        earlier = [name for name in agents if name in NAMED and name != agent]
        found: list[Plain] = [
            {"setting": setting, "agents": [name, "letrozole"], "months": 9, "stopped_for": "progression"}
            for name in earlier
        ]
        entry: Plain = {"setting": setting, "agents": [agent if agent in NAMED else "dalpiciclib", *self._partner()]}
        ended = self.prior("stopped_for")
        if ended is not None:
            entry["stopped_for"] = ended
        months = self.prior("months")
        until = self.seen if ended == "ongoing" else self.stopped or back(self.seen, 1)
        if ended != "ongoing" and (self.stopped or self.random.random() < 0.5):
            entry["stopped"] = self.day(until)
        if months is not None:
            if self.random.random() < 0.6:
                entry["started"] = self.day(back(until, months))
                if ended != "ongoing":
                    entry["stopped"] = self.day(until)
            else:
                entry["months"] = months
        response = self.prior("best_response")
        benefit = self.prior("clinical_benefit")
        if response is None and benefit is not None:
            response = "partial" if benefit else "progressive"
        if response is not None:
            entry["best_response"] = response
        return [*found, entry]

    def _partner(self) -> list[str]:
        partner = self.prior("partner_class")
        if partner in ("fulvestrant", "tamoxifen"):
            drugs = [partner]
        elif partner in self.vocabulary.classes:
            drugs = [drug for drug in self.vocabulary.drugs if partner in self._classes(drug)]
        elif partner == "other":
            drugs = ["megestrol", "toremifene"]
        else:
            drugs = ["letrozole", "anastrozole"]
        wanted = [drug for drug in drugs if drug in self.wanted]
        chosen = pick(self.random, wanted or drugs or ["letrozole"])
        self.wanted = [drug for drug in self.wanted if drug != chosen]
        return [chosen]

    def _lines(self, number: int) -> list[Plain]:
        """Other lines for advanced disease, each of a kind that is wanted."""
        chemotherapy = self.facts.get("history.chemotherapy_lines") or 0
        unhelpful = self.facts.get("history.endocrine_lines_without_benefit") or 0
        found: list[Plain] = []
        for at in range(number):
            role = CHEMOTHERAPY if at < chemotherapy else ENDOCRINE
            drugs = [drug for drug in self.wanted if role in self._classes(drug)]
            usual = "capecitabine" if role == CHEMOTHERAPY else "fulvestrant" if unhelpful else "letrozole"
            drug = pick(self.random, drugs) if drugs else usual
            self.wanted = [other for other in self.wanted if other != drug]
            entry: Plain = {"setting": "metastatic", "agents": [drug], "months": 4, "stopped_for": "progression"}
            entry["best_response"] = "progressive" if unhelpful else "partial"
            found.append(entry)
        if found:
            found[-1]["agents"] += self.wanted
            self.wanted = []
        return found

    def _early(self) -> list[Plain]:
        """Adjuvant therapy, where the history holds what no other entry does."""
        found: list[Plain] = []
        on = self.facts.get("history.months_on_adjuvant_endocrine")
        relapse = self.facts.get("history.months_from_adjuvant_endocrine_to_relapse")
        if on is not None or relapse is not None:
            drugs = [drug for drug in self.wanted if ENDOCRINE in self._classes(drug)] or ["tamoxifen"]
            entry: Plain = {"setting": "adjuvant", "agents": [pick(self.random, drugs)], "stopped_for": "completion"}
            entry["months"] = on if on is not None else 60
            if relapse is not None:
                back_then = back(self.seen, 1)
                entry |= {"stopped": back(back_then, relapse).isoformat(), "progressed_on": back_then.isoformat()}
            found.append(entry)
            self.wanted = [drug for drug in self.wanted if drug not in entry["agents"]]
        if self.wanted:
            found.append({"setting": "neoadjuvant", "agents": self.wanted, "stopped_for": "completion"})
        return found


def back(day: date, months: float) -> date:
    """The day that lies so many months before, to within a day."""
    whole = int(months)
    return add_months(day, -whole) - timedelta(days=round((months - whole) * 30))
