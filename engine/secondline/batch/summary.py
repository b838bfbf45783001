"""What a batch came to: rows, verdicts, options, and why rows were rejected."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from secondline.batch.tables import Reject
from secondline.errors import counted
from secondline.scales import OFFERED, TIERS, VERDICTS

if TYPE_CHECKING:
    from secondline.batch.answers import Answered

OPTIONS = "options."
_EXPECTED = re.compile(r"(?:at `[\w.\[\]-]+`: )?(expected [^,]*(?:, `[^`]*`)*[^,]*), got ")
_QUOTED = re.compile(r"`.*`", re.DOTALL)  # from the first to the last: what stands between may hold anything
SHOWN = 12  # facts, in text


@dataclass
class Summary:
    """Counts that add up: every row read is answered or rejected.

    `lost` are rejects that an engine is to blame for; `settling` counts, with `--tests`, the undetermined patients
    whose verdict each single fact would settle.
    """

    rows: int = 0
    answered: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    options: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    settling: Counter[str] = field(default_factory=Counter)

    @property
    def rejects(self) -> int:
        return self.rows - self.answered

    def add(self, found: Answered) -> None:
        self.rows += found.rows
        self.answered += found.batch.num_rows
        self.verdicts.update(_counted(found.batch.column("verdict")))
        for name in found.batch.schema.names:
            if name.startswith(OPTIONS):
                counts = _counted(found.batch.column(name))
                if counts:
                    self.options.setdefault(name.removeprefix(OPTIONS), Counter()).update(counts)
        self.rejected.update(reason for _, _, reason in {(r.file, r.row, reason_of(r)) for r in found.rejects})
        self.lost += found.lost
        if "missing" in found.batch.schema.names:
            sets = found.batch.column("missing").to_pylist()
            self.settling.update(fact for one in sets for fact in {facts[0] for facts in one if len(facts) == 1})

    def merge(self, other: Summary) -> None:
        """Add the counts of another part."""
        self.rows += other.rows
        self.answered += other.answered
        self.verdicts.update(other.verdicts)
        for regimen, counts in other.options.items():
            self.options.setdefault(regimen, Counter()).update(counts)
        self.rejected.update(other.rejected)
        self.lost += other.lost
        self.settling.update(other.settling)

    def as_dict(self) -> dict[str, Any]:
        tiers = (*TIERS, "undetermined")
        return {
            "rows": self.rows,
            "answered": self.answered,
            "rejected": self.rejects,
            "verdicts": {verdict: self.verdicts[verdict] for verdict in VERDICTS if self.verdicts[verdict]},
            "options": {
                regimen: {tier: counts[tier] for tier in tiers if counts[tier]}
                for regimen, counts in sorted(self.options.items())
            },
            "lost_by_an_engine": self.lost,
            "settled_by_one_fact": dict(_most(self.settling)),
            "rejects": [{"reason": reason, "rows": rows} for reason, rows in _most(self.rejected)],
        }

    @classmethod
    def of_dict(cls, held: dict[str, Any]) -> Summary:
        """A summary from what `as_dict` gave."""
        return cls(
            held["rows"],
            held["answered"],
            Counter(held["verdicts"]),
            {regimen: Counter(counts) for regimen, counts in held["options"].items()},
            Counter({item["reason"]: item["rows"] for item in held["rejects"]}),
            held["lost_by_an_engine"],
            Counter(held["settled_by_one_fact"]),
        )

    def text(self) -> str:
        """The counts for a reader."""
        lines = [f"{counted(self.rows, 'row')}: {self.answered:,} answered, {self.rejects:,} rejected"]
        if self.answered:
            lines += ["", "Verdicts"]
            lines += [f"{self.verdicts[v]:>12,}  {v}" for v in VERDICTS if self.verdicts[v]]
            offered = {r: sum(counts[t] for t in OFFERED) for r, counts in self.options.items()}
            shown = sorted((r for r in offered if offered[r]), key=lambda r: (-offered[r], r))
            lines += ["", "Options offered (preferred, alternative, consider; undetermined apart)"] if shown else []
            lines += [_option(regimen, offered[regimen], self.options[regimen]) for regimen in shown]
        if self.settling:
            lines += ["", "Open patients whose verdict one fact would settle, whatever it is"]
            lines += [f"{patients:>12,}  {fact}" for fact, patients in _most(self.settling)[:SHOWN]]
        if self.rejected:
            lines += ["", "Rejected (a row may have several reasons)"]
            lines += [f"{rows:>12,}  {reason}" for reason, rows in _most(self.rejected)]
        return "\n".join(lines) + "\n"


def _option(regimen: str, offered: int, counts: Counter[str]) -> str:
    parts = ", ".join(f"{counts[tier]:,}" for tier in OFFERED)
    return f"{offered:>12,}  {regimen} ({parts}; {counts['undetermined']:,})"


def _counted(column: pa.DictionaryArray) -> dict[str, int]:
    """How often each value stands in a column."""
    names = column.dictionary.to_pylist()
    places = column.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    counts = np.bincount(places, minlength=len(names)).tolist()
    return {name: count for name, count in zip(names, counts, strict=False) if count}


def reason_of(reject: Reject) -> str:
    """Why a row was rejected, without what it holds: the same for all rows with the same fault."""
    fact = f"{reject.fact}: " if reject.fact else ""
    expected = _EXPECTED.match(reject.reason)
    return fact + (expected[1] if expected else _QUOTED.sub("...", reject.reason))


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
