"""Histories that hang together: what one fact of a history says of another, where no contradiction refuses a case.

Made-up patients are given by the facts of their history, not by therapies, so that anything could stand beside
anything. Where a function of patients leaves the choice, one is made whose history some therapies could give.
"""

from __future__ import annotations

from collections.abc import Iterator

from secondline.authoring.everybody import Everybody
from secondline.authoring.patients import Facts
from secondline.columns.cells import FOLLOWING, Cells
from secondline.condition import LIMITS, AnyOf, Check, Condition, Test
from secondline.diagram import ALWAYS, Node
from secondline.facts import catalogue
from secondline.history import ANY_INHIBITOR
from secondline.patient import PROGRESSED
from secondline.vocabulary import AROMATASE, CHEMOTHERAPY, ENDOCRINE, INHIBITOR, ORAL_SERD, Vocabulary

_AGENT, _AGENTS = "prior_cdk46.agent", "prior_cdk46.agents"
_SETTING, _LINE = "prior_cdk46.setting", "history.line"
_LINES = ("history.endocrine_lines", "history.chemotherapy_lines")
_WITHOUT = "history.endocrine_lines_without_benefit"
_DRUGS, _CLASSES, _PARTNER = "history.agents", "history.classes", "prior_cdk46.partner_class"
_TO_PROGRESSION, _STOPPED = "prior_cdk46.months_from_stop_to_progression", "prior_cdk46.stopped_for"
_MOST = 4  # lines up to which one count is held against another


def _is(fact: str, *values: str | bool) -> Test:
    return Test(fact, (Check("is", values),))


def _at_least(fact: str, number: int) -> Test:
    return Test(fact, (Check("at_least", (number,)),))


def _at_most(fact: str, number: int) -> Test:
    return Test(fact, (Check("at_most", (number,)),))


def _has(fact: str, *members: str) -> Test:
    return Test(fact, (Check("has_any", members),))


def _implied(vocabulary: Vocabulary) -> Iterator[tuple[Condition, Condition]]:
    """Where the first holds, so does the second."""
    advanced, early = _is(_SETTING, "metastatic"), _is(_SETTING, "adjuvant", "neoadjuvant")
    last, earlier = (_is("prior_cdk46.in_last_line", value) for value in (True, False))
    yield advanced, _at_least(_LINE, 2)
    yield advanced, _at_least(_LINES[0], 1)
    yield earlier, _at_least(_LINE, 2)
    yield earlier, AnyOf((early, _at_least(_LINE, 3)))
    yield early, AnyOf((earlier, _at_most(_LINE, 1)))
    for number in range(1, _MOST + 1):
        for lines in _LINES:
            yield _at_least(lines, number), _at_least(_LINE, number + 1)
        yield _at_least(_WITHOUT, number), _at_least(_LINES[0], number)
        yield _at_least(_LINE, number + 1), AnyOf(tuple(_at_least(lines, -(-number // 2)) for lines in _LINES))
    yield _at_least(_LINES[1], 1), _has(_CLASSES, CHEMOTHERAPY, "adc")
    yield _at_least(_LINES[0], 1), _has(_CLASSES, ENDOCRINE)
    without = _is("prior_cdk46.clinical_benefit", False)
    yield _at_least(_WITHOUT, 1), AnyOf((without, earlier, early))
    yield without, AnyOf((_at_least(_WITHOUT, 1), earlier, early))
    for partner in ("fulvestrant", "tamoxifen"):
        yield _is(_PARTNER, partner), _has(_DRUGS, partner)
    for partner in (AROMATASE, ORAL_SERD):
        yield _is(_PARTNER, partner), _has(_CLASSES, partner)
    some = _is(_AGENT, *sorted(ANY_INHIBITOR))
    for agent in sorted(ANY_INHIBITOR - {"other"}):
        yield _is(_AGENT, agent), _has(_AGENTS, agent)
        yield _has(_AGENTS, agent), some
        yield _has(_AGENTS, agent), _has(_DRUGS, agent)
        yield _has(_DRUGS, agent), _has(_AGENTS, agent)
        yield _has(_DRUGS, agent), some
    yield some, _has(_CLASSES, INHIBITOR)
    yield _has(_CLASSES, INHIBITOR), some
    for name, held in vocabulary.classes.items():
        if held.within is not None:
            yield _has(_CLASSES, name), _has(_CLASSES, held.within)
    goes_on, progressed = (_is("progression.status", *some) for some in (("none", "molecular"), PROGRESSED))
    none = _is(_AGENT, "none")
    yield _is(_STOPPED, "ongoing"), AnyOf((goes_on, _at_most(_TO_PROGRESSION, 0)))
    yield _is(_STOPPED, "ongoing"), last
    yield goes_on, AnyOf((none, _is(_STOPPED, "ongoing", "toxicity", "preference", "completion")))
    yield progressed, AnyOf((none, early, _is(_STOPPED, "progression", "ongoing", "toxicity", "preference", "other")))


def coherent(cells: Cells) -> Node:
    """Where a history hangs together, as far as rules read it."""
    dd, asked = cells.diagrams, cells.base.tests_on
    members = {
        (fact, str(value)) for fact, tests in asked.items() for test in tests for c in test.checks for value in c.values
    }

    def where(condition: Condition) -> Node | None:
        """Where a condition holds; None where it is on what no rule asks for."""
        if isinstance(condition, AnyOf):
            nodes = [where(part) for part in condition.parts]
            return None if None in nodes else dd.any_of(node for node in nodes if node is not None)
        assert isinstance(condition, Test)
        values = [v for c in condition.checks for v in c.values if c.op != "has_any" or (condition.fact, v) in members]
        if condition.fact not in asked or not values or not _is_cut(cells, condition):
            return None
        checks = tuple(Check(c.op, tuple(v for v in c.values if v in values)) for c in condition.checks)
        return cells.where(Test(condition.fact, checks))

    found = ALWAYS
    for variable, held in enumerate(cells.variables):
        if held.about == FOLLOWING:
            found = dd.literal(variable, (False, True))
    for one, other in _implied(cells.base.vocabulary):
        given, then = where(one), where(other)
        if given is not None and then is not None:
            found = dd.both(found, dd.either(dd.negation(given), then))
    return found


def _is_cut(cells: Cells, test: Test) -> bool:
    """Whether the numbers that rules tell apart lie on one side of a limit, each stretch of them."""
    (check,) = test.checks
    if check.op not in LIMITS:
        return True
    limit, whole = float(check.values[0]), catalogue()[test.fact].kind == "integer"
    for held in cells.variables[cells.variable_of(test.fact)].values:
        if held.stretch is not None:
            low = held.stretch.low + (whole and held.stretch.low_open)
            high = held.stretch.high - (whole and held.stretch.high_open)
            if low < limit < high or (low != high and limit == (high if check.op == "at_least" else low)):
                return False
    return True


def patient(everybody: Everybody, node: Node, together: Node) -> Facts | None:
    """A patient for whom a function holds, with a history that hangs together where there is such a patient."""
    facts = everybody.patient(everybody.diagrams.both(node, together))
    return _named(facts, everybody.view.base.vocabulary) if facts else everybody.patient(node)


def _named(facts: Facts, vocabulary: Vocabulary) -> Facts:
    """The facts with what no rule asks for: lines enough, an inhibitor of another name, a drug for each class."""
    found = dict(facts)
    if _LINE in facts:  # beyond the last limit any number is as good
        found[_LINE] = max(facts[_LINE], *(facts.get(lines, 0) + 1 for lines in _LINES))
    if _AGENTS in facts and facts.get(_AGENT) in ("other", "none"):
        found[_AGENTS] = sorted({*facts[_AGENTS], "other"}) if facts[_AGENT] == "other" else []
    if _DRUGS not in facts:
        return found
    classes, drugs = set(facts.get(_CLASSES, ())), [*facts[_DRUGS]]
    drugs += [agent for agent in found.get(_AGENTS, ()) if agent in vocabulary.drugs and agent not in drugs]

    def of(drug: str) -> frozenset[str]:
        return vocabulary.classes_of(drug) or frozenset()

    for name in sorted(classes):
        if not any(name in of(drug) for drug in drugs):
            fitting = [drug for drug in vocabulary.drugs if name in of(drug) and of(drug) <= classes]
            drugs += sorted(fitting, key=lambda drug: (len(of(drug)), drug))[:1]
    if _CLASSES in facts:
        found[_CLASSES] = sorted(classes.union(*map(of, drugs)))
    return {**found, _DRUGS: sorted(drugs)}
