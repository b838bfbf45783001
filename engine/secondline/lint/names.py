"""Names that nothing uses, gates that apply to nothing, files that are not called by their id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from secondline.condition import Condition, tests_in
from secondline.errors import Place, did_you_mean
from secondline.forms.evidence import Evidence
from secondline.forms.rules import Definition, Gate
from secondline.history import ANY_INHIBITOR
from secondline.lint.kinds import ENDPOINT, FILE_NAME, NO_TARGET, NO_WORDS, UNUSED, Finding, Path, Raised
from secondline.loading import Loaded
from secondline.rulebase import RuleBase, produces
from secondline.source import Node


def endpoints(loaded: Loaded) -> Iterator[Finding]:
    """Names of endpoints that no evidence has."""
    used = _used(loaded.base)
    place = Place(f"{loaded.folder}/vocabulary/endpoints.yaml")
    for endpoint in sorted(set(loaded.base.vocabulary.endpoints) - used):
        near = did_you_mean(endpoint, used) or "; remove it"
        yield Finding(place, f"no evidence has endpoint `{endpoint}`{near}", ENDPOINT)


def _used(base: RuleBase) -> set[str]:
    """The endpoints that any evidence has."""
    return {result.endpoint for item in base.evidence.values() for report in item.reports for result in report.results}


def without_words(evidence: Evidence, base: RuleBase) -> Iterator[Raised]:
    """Endpoints without words of which a rule cites figures, each once; not where their words stand misspelt."""
    titles = base.vocabulary.endpoints
    cited = {source.cite.endpoint for source in base.sources.values() if source.evidence is evidence}
    places: dict[str, Path] = {}
    for at, report in enumerate(evidence.reports):
        for index, result in enumerate(report.results):
            if result.role != "statement" and result.endpoint in cited - titles.keys():
                places.setdefault(result.endpoint, ("reports", at, "results", index, "endpoint"))
    for endpoint, path in places.items():
        if not did_you_mean(endpoint, titles.keys() - _used(base)):
            near = did_you_mean(endpoint, titles) or "; give it some in `vocabulary/endpoints.yaml`"
            yield NO_WORDS, path, f"endpoint `{endpoint}` is cited and has no words{near}"


def read_facts(loaded: Loaded) -> frozenset[str]:
    """The facts that any condition of a rule folder tests."""
    base = loaded.base
    conditions: list[Condition] = [rule.when for rule in base.rules()]
    conditions += [case.when for definition in base.definitions for case in definition.cases]
    conditions += [condition for law in loaded.laws for condition in (law.when, law.then)]
    for item in base.evidence.values():
        conditions += [criterion.when for criterion in item.eligibility.criteria] if item.eligibility else []
    return frozenset(test.fact for condition in conditions for test in tests_in(condition))


def unused(definition: Definition, read: frozenset[str]) -> Iterator[Raised]:
    """A definition whose fact nothing reads."""
    if produces(definition) not in read:
        message = f"no rule, law, trial or definition reads `{definition.id}`; read it or remove the file"
        yield UNUSED, ("id",), message


def no_target(gate: Gate, base: RuleBase) -> Iterator[Raised]:
    """A gate that applies to no regimen and to no inhibitor in use."""
    regimens = [(name, regimen.agents) for name, regimen in base.vocabulary.regimens.items()]
    inhibitors = [("", (drug,)) for drug in ANY_INHIBITOR]
    if not any(base.applies(gate, name, agents) for name, agents in (*regimens, *inhibitors)):
        yield NO_TARGET, ("applies_to",), f"`{gate.id}` applies to no regimen and no inhibitor"


def file_name(name: str, node: Node) -> Iterator[Raised]:
    """A file that is not called by the id it holds."""
    stem = PurePosixPath(node.place.file).stem
    if stem.lower() != name.lower():
        yield FILE_NAME, ("id",), f"`{name}` stands in `{stem}.yaml`; name the file `{name.lower()}.yaml`"
