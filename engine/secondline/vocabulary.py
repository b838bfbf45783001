"""The words that rules and cases share: classes of drugs, drugs, regimens and the names of endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secondline.forms.vocabulary import DrugClass, Regimen

# The roles that working out a history depends on; every vocabulary has to hold them.
INHIBITOR = "cdk46-inhibitor"
ENDOCRINE = "endocrine-therapy"
CHEMOTHERAPY = "chemotherapy"
AROMATASE = "aromatase-inhibitor"
ORAL_SERD = "oral-serd"
NO_LINE = ("lhrh-agonist", "bone-agent")
ROLES = (INHIBITOR, ENDOCRINE, CHEMOTHERAPY, AROMATASE, ORAL_SERD, *NO_LINE)
OTHER = "other:"


@dataclass
class Vocabulary:
    """Classes with what they lie within, drugs with their classes, regimens with their drugs, endpoint titles."""

    classes: dict[str, DrugClass] = field(default_factory=dict)
    drugs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    regimens: dict[str, Regimen] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    other_names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _classes_of(self) -> dict[str, frozenset[str]]:
        found = {name: frozenset(self._upwards(own)) for name, own in self.drugs.items()}
        return found | {name: frozenset(self._upwards((name,))) for name in self.classes}

    def _upwards(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield name
            above = self.classes[name].within if name in self.classes else None
            if above:
                yield from self._upwards((above,))

    def knows(self, agent: str) -> bool:
        """Whether a case may name this agent: a drug, a class, or `other:NAME`."""
        return agent in self._classes_of or (agent.startswith(OTHER) and len(agent) > len(OTHER))

    def classes_of(self, agent: str) -> frozenset[str] | None:
        """The classes of a drug (or an unnamed drug of a class), with all that they lie within; None if unknown."""
        return self._classes_of.get(agent)

    def members(self, name: str) -> frozenset[str]:
        """The drugs of a class."""
        return frozenset(drug for drug in self.drugs if name in self._classes_of[drug])

    def inn(self, agent: str) -> str | None:
        """The name to write for an agent given by another one, alone or behind `other:`; None if there is none."""
        name = agent.removeprefix(OTHER).strip().lower()
        known = self.other_names.get(name, name)
        return known if known != agent and known in self._classes_of else None

    def names(self) -> list[str]:
        return sorted(self._classes_of)
