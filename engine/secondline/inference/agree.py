"""Both engines on one case: the findings on which they agree, or no answer."""

from __future__ import annotations

from collections.abc import Iterator

from secondline.condition import Truth
from secondline.errors import Disagreement
from secondline.inference.durable import Engine
from secondline.inference.reference import Findings, Inference, infer
from secondline.rulebase import RuleBase
from secondline.states import State


def agreed(base: RuleBase, engine: Engine, facts: dict[str, State]) -> Findings:
    """Judge a patient with both engines.

    Raises:
        Disagreement: they differ in what fires, does not fire or is undetermined, or in a definition.
        EngineError: durable_rules failed.
    """
    findings = infer(base, facts)
    other = engine.infer(facts)
    if other != findings.inference:
        raise Disagreement(differences(findings.inference, other))
    return findings


def differences(reference: Inference, durable: Inference) -> Iterator[tuple[str, str, str]]:
    """Each rule or definition on which two inferences differ, with what each says."""
    for rule, fires in reference.rules.items():
        other = durable.rules.get(rule)
        if fires is not other:
            yield rule, _word(fires), _word(other)
    for definition, cases in reference.definitions.items():
        found = durable.definitions.get(definition, frozenset())
        if cases != found:
            yield definition, f"cases {sorted(cases)}", f"cases {sorted(found)}"


def _word(fires: Truth) -> str:
    return {True: "fired", False: "not fired", None: "undetermined"}[fires]
