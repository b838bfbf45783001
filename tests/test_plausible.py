"""Histories of made-up patients hang together, wherever the function that they are made of leaves it open."""

from __future__ import annotations

from typing import Any

import pytest

from secondline.asof import AsOf
from secondline.authoring.everybody import Everybody, prepared
from secondline.authoring.patients import Asked, Clinic
from secondline.authoring.plausible import coherent, patient
from secondline.store import Ready

# Records that contradict themselves: stopped for progression, and no progression.
ODD = {"progression-not-established", "progression-on-record-only"}


@pytest.fixture(scope="module")
def made(ready: Ready) -> dict[tuple[str, bool], dict[str, Any]]:
    """A patient for whom each shipped rule holds, and one for whom it does not."""
    everybody = Everybody(AsOf(ready.base, ready.base.knowledge_until, None), prepared(ready.base))
    together, found = coherent(everybody.cells), {}
    for rule in ready.base.rules():
        here = everybody.where(rule.when)
        for holds, node in ((True, here), (False, everybody.diagrams.negation(here))):
            facts = patient(everybody, node, together)
            if facts is not None and not (holds and rule.id in ODD):
                found[rule.id, holds] = facts
    return found


def test_there_is_one_for_each_rule(made: dict[tuple[str, bool], dict[str, Any]], ready: Ready) -> None:
    assert {name for name, holds in made if holds} == {rule.id for rule in ready.base.rules()} - ODD
    assert sum(not holds for _, holds in made) == len(list(ready.base.rules()))


def test_drugs_and_classes_go_together(made: dict[tuple[str, bool], dict[str, Any]], ready: Ready) -> None:
    of = ready.base.vocabulary.classes_of
    for key, facts in made.items():
        drugs, classes = set(facts["history.agents"]), set(facts["history.classes"])
        assert all((of(drug) or frozenset()) <= classes for drug in drugs), (key, drugs, classes)
        assert all(any(name in (of(drug) or ()) for drug in drugs) for name in classes), (key, drugs, classes)


def test_lines_and_the_inhibitor_go_together(made: dict[tuple[str, bool], dict[str, Any]]) -> None:
    for key, facts in made.items():
        line, agent = facts["history.line"], facts["prior_cdk46.agent"]
        lines = [facts["history.endocrine_lines"], facts["history.chemotherapy_lines"]]
        assert agent == "none" or agent in facts["prior_cdk46.agents"], key
        assert all(count < line for count in lines), (key, line, lines)
        if facts.get("prior_cdk46.setting") == "metastatic":
            assert line >= 2, key
            assert lines[0] >= 1, key
        if facts.get("prior_cdk46.stopped_for") == "ongoing":
            assert facts.get("prior_cdk46.in_last_line") is True, key
        if facts["progression.status"] in ("none", "molecular"):
            assert facts.get("prior_cdk46.stopped_for") not in ("progression", "other"), key


def test_none_is_refused(made: dict[tuple[str, bool], dict[str, Any]], ready: Ready) -> None:
    clinic = Clinic(ready.base, ready.program)
    assert all(clinic.case(facts, Asked(ready.base.knowledge_until)) for facts in made.values())
