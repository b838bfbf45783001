"""What is known to break durable_rules, each with the guard that keeps it from us. The reference says what is right."""

from __future__ import annotations

import builtins
import inspect
import json
import locale
import re
import resource
import sys
from collections.abc import Iterator
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from secondline.condition import All, AnyOf, Check, Condition, Not
from secondline.condition import Test as OneTest
from secondline.errors import Disagreement, EngineError, EngineMissing, InputError, Place
from secondline.forms.rules import Caution, Definition, DefinitionCase
from secondline.inference import durable, rails
from secondline.inference.agree import agreed
from secondline.inference.durable import Engine
from secondline.inference.rails import BLOCK, MAX_FIELDS, TESTS, check_names, compile_program, encode, fnv32
from secondline.inference.reference import infer
from secondline.rulebase import RuleBase
from secondline.states import NOT_APPLICABLE, Members, OneOf, State
from secondline.store import Ready
from strategies import RuleBases, rule_base

CRISIS = OneTest("disease.visceral_crisis", (Check("is", (True,)),))


def ecog(limit: int) -> OneTest:
    return OneTest("patient.ecog", (Check("at_least", (limit,)),))


def qtcf(limit: int) -> OneTest:
    return OneTest("safety.qtcf_ms", (Check("at_least", (limit,)),))


def caution(number: int, when: Condition) -> Caution:
    return Caution.model_construct(id=f"rule-{number}", when=when, says="x", cites=(), effective=None)


def definition(number: int, when: Condition) -> Definition:
    case = DefinitionCase.model_construct(when=when, value=True, of=None)
    return Definition.model_construct(id=f"made-{number}", fact=None, cases=(case,), otherwise=False, cites=())


def defined(number: int) -> OneTest:
    return OneTest(f"definition:made-{number}", (Check("is", (True,)),))


def same(base: RuleBase, *patients: dict[str, State]) -> None:
    """Both engines find the same for each patient."""
    engine = Engine(compile_program(base, {}))
    for facts in patients:
        agreed(base, engine, facts)
    engine.close()


def refused(base: RuleBase) -> str:
    places = {"rule-0": Place("rules/x.yaml", 3, 1)}
    with pytest.raises(InputError) as caught:
        compile_program(base, places)
    return str(caught.value)


EVERYTHING: dict[str, State] = {"disease.visceral_crisis": True, "patient.ecog": 4}
NOTHING: dict[str, State] = {}


DISTINCT = 600  # conditions that differ, so that no two are one engine rule
MANY: list[dict[str, State]] = [
    {"disease.visceral_crisis": crisis, "safety.qtcf_ms": ms}
    for crisis in (True, False)
    for ms in (300, 899, 901, 1500)
]


def test_more_than_64_conditions_true_at_once() -> None:
    same(rule_base([], [caution(n, qtcf(300 + n)) for n in range(DISTINCT)]), *MANY, NOTHING)


def test_without_its_blocks_the_engine_fails_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rails, "BLOCK", 200)
    monkeypatch.setattr(durable, "BLOCK", 200)
    with pytest.raises(EngineError, match="303"):
        same(rule_base([], [caution(n, qtcf(300 + n)) for n in range(DISTINCT)]), {"safety.qtcf_ms": 1500})


def test_more_than_256_rules_on_one_condition() -> None:
    same(rule_base([], [caution(n, CRISIS) for n in range(DISTINCT)]), *MANY, NOTHING)
    same(rule_base([], [caution(n, All((CRISIS, qtcf(300 + n)))) for n in range(DISTINCT)]), *MANY, NOTHING)


def test_more_than_256_rules_on_one_derived_name() -> None:
    rules = [caution(n, All((defined(0), qtcf(300 + n)))) for n in range(DISTINCT)]
    same(rule_base([definition(0, CRISIS)], rules), *MANY, NOTHING)


def test_more_than_513_different_conditions() -> None:
    limits = [OneTest("safety.qtcf_ms", (Check("at_least", (n,)),)) for n in range(700)]
    same(rule_base([], [caution(n, test) for n, test in enumerate(limits)]), {"safety.qtcf_ms": 350}, NOTHING)


def test_more_derived_names_than_one_conjunction_or_fact_holds() -> None:
    many = [definition(n, qtcf(300 + n)) for n in range(DISTINCT)]
    every = All(tuple(defined(n) for n in range(DISTINCT)))
    some = AnyOf(tuple(defined(n) for n in range(DISTINCT)))
    same(rule_base(many, [caution(0, every), caution(1, Not(some))]), *MANY, NOTHING, {"safety.qtcf_ms": 299})


def test_definitions_on_definitions_are_asked_in_their_order() -> None:
    chain = [definition(0, CRISIS), *(definition(n, Not(defined(n - 1))) for n in range(1, 9))]
    same(rule_base(chain, [caution(0, defined(8)), caution(1, Not(defined(7)))]), EVERYTHING, NOTHING, *MANY)


def test_long_conjunctions_and_many_fields() -> None:
    drugs = tuple(f"drug-{n}" for n in range(400))
    everything = OneTest("history.agents", (Check("has_all", drugs),))
    patients: list[dict[str, State]] = [
        {"history.agents": Members(frozenset(drugs))},
        {"history.agents": Members(frozenset(drugs[1:]))},
        {"history.agents": Members(frozenset(drugs[1:]), None)},
    ]
    same(rule_base([], [caution(0, everything), caution(1, Not(everything))]), *patients)


def test_a_rule_base_of_too_many_engine_rules_is_refused() -> None:
    message = refused(rule_base([], [caution(n, All((qtcf(n), CRISIS))) for n in range(2000)]))
    assert re.search(r"rule `rule-\d+` cannot run on durable_rules: .* more than 4000 engine rules; split it", message)


def test_a_condition_nested_too_deep_is_refused() -> None:
    condition: Condition = CRISIS
    for _ in range(50):
        condition = Not(condition)
    message = refused(rule_base([], [caution(0, condition)]))
    assert message.startswith("rules/x.yaml:3:1: rule `rule-0` cannot run")
    assert "nested more than 40 deep; split it into definitions" in message


@pytest.mark.parametrize("text", ["x" * 1001, "a\0b"])
def test_a_text_too_long_or_with_a_nul_is_refused(text: str) -> None:
    test = OneTest("biomarkers.esr1.variant", (Check("is", (text,)),))
    assert "rule `rule-0` cannot run on durable_rules: a text" in refused(rule_base([], [caution(0, test)]))


@pytest.mark.parametrize("number", [2**53 + 1, 1e300, float("inf"), float("nan")])
def test_a_number_beyond_exactness_is_refused(number: float) -> None:
    test = OneTest("safety.qtcf_ms", (Check("at_least", (number,)),))
    assert "has to lie within 2^53" in refused(rule_base([], [caution(0, test)]))


def test_a_condition_that_is_always_true_is_refused() -> None:
    both = OneTest("disease.made", (Check("is", ("high", "low")),))
    case = DefinitionCase.model_construct(when=CRISIS, value="high", of=None)
    made = Definition.model_construct(id="made", fact="disease.made", cases=(case,), otherwise="low", cites=())
    assert "always true; remove it" in refused(rule_base([made], [caution(0, both)]))


def test_names_with_equal_hashes_are_refused() -> None:
    assert fnv32("liquid") == fnv32("costarring")
    with pytest.raises(EngineError, match="cannot tell field `costarring` from `liquid`"):
        check_names(["liquid", "other", "costarring"], "field")


def test_numbers_are_written_as_the_engine_reads_them() -> None:
    assert encode(1e-05) == "1.0e-05"
    assert encode(1e300) == "1.0e+300"
    assert encode(0.1) == "0.1"
    assert encode(5e-324) == "5.0e-324"
    tiny = OneTest("biomarkers.esr1.tumour_fraction_percent", (Check("below", (0.00001,)),))
    patients: list[dict[str, State]] = [
        {"biomarkers.esr1.tumour_fraction_percent": value} for value in (0.000009, 0.00001, 1e-7)
    ]
    same(rule_base([], [caution(0, tiny)]), *patients)


def test_texts_are_never_taken_for_numbers_or_for_one_another() -> None:
    rules = [
        caution(n, OneTest("biomarkers.esr1.variant", (Check("is", (text,)),)))
        for n, text in enumerate(("", "5", "n/a", "a b", 'q"\\'))
    ]
    patients: list[dict[str, State]] = [
        {"biomarkers.esr1.variant": text}
        for text in ("", "5", "n/a", "a", "a b", 'q"\\', "é", "e\u0301", NOT_APPLICABLE)
    ]
    same(rule_base([], rules), *patients)


def test_no_patient_meets_another() -> None:
    base = rule_base([definition(0, CRISIS)], [caution(0, All((defined(0), ecog(2))))])
    engine = Engine(compile_program(base, {}))
    one: dict[str, State] = {"disease.visceral_crisis": True}
    other: dict[str, State] = {"patient.ecog": 3}
    for facts in (one, other, one, {**one, **other}, other, NOTHING):
        assert engine.infer(facts) == infer(base, facts).inference
    engine.close()


def test_only_the_sound_calls_are_used() -> None:
    used = set(re.findall(r"(?:self\._engine|engine)\.(\w+)\(", inspect.getsource(durable)))
    assert used == {
        "create_ruleset",
        "assert_fact",
        "start_action_for_state",
        "complete_and_start_action",
        "delete_state",
        "delete_ruleset",
    }
    assert "from durable" not in inspect.getsource(durable)


def test_every_node_is_a_conjunction_of_constants(ready: Ready) -> None:
    for block in ready.program.blocks:
        assert set(re.findall(r'"(\$\w+)"', block.text)) <= {"$and", "$neq", "$lt", "$lte", "$gt", "$gte"}
        for name, rule in json.loads(block.text).items():
            (pattern,) = rule["all"]
            assert name == "C" or len(pattern["p"]["$and"]) <= TESTS


def test_a_block_is_small_and_reads_only_what_was_derived_before_it(ready: Ready) -> None:
    before: set[int] = set()
    for position, block in enumerate(ready.program.blocks):
        assert len(block.concludes) <= BLOCK
        assert len(block.fields) + len(block.reads) <= MAX_FIELDS
        later = {n for other in ready.program.blocks[position:] for names in other.concludes for n in names}
        assert before >= set(block.reads)
        assert later.isdisjoint(block.reads)
        before |= {name for names in block.concludes for name in names}


def test_the_version_named_is_the_version_installed() -> None:
    assert metadata.version("durable_rules") == durable.VERSION


# --- errors -----------------------------------------------------------------------------------------------


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(
        compile_program(rule_base([definition(0, CRISIS)], [caution(0, defined(0)), caution(1, Not(defined(0)))]), {})
    )
    yield made
    made.close()


class Faulty:
    """The extension with one call replaced."""

    def __init__(self, real: Any, **replaced: Any) -> None:
        self.__dict__.update({name: getattr(real, name) for name in dir(real) if not name.startswith("_")} | replaced)


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("assert_fact", lambda *_: (3, 1), "did not take a fact"),
        ("start_action_for_state", lambda *_: None, "self-test"),
        ("start_action_for_state", lambda *_: ({}, '{"X9":{}}'), "not in the rule base"),
        ("complete_and_start_action", lambda *_: '{"R0":{}}', "fired a rule twice"),
        ("complete_and_start_action", lambda *_: '{"C":{}}', "fired a rule twice"),
    ],
)
def test_whatever_the_engine_does_wrong_is_an_error(engine: Engine, name: str, fault: Any, words: str) -> None:
    engine._engine = Faulty(engine._engine, **{name: fault})
    engine._open = lambda: None  # type: ignore[method-assign]
    with pytest.raises(EngineError, match=words):
        engine.infer({"disease.visceral_crisis": True})


def test_after_an_error_the_session_is_not_used_again(engine: Engine) -> None:
    real = engine._engine
    failing = iter([True])

    def once(handle: int, fact: str) -> Any:
        if next(failing, False):
            raise RuntimeError("303")
        return real.assert_fact(handle, fact)

    engine._engine = Faulty(real, assert_fact=once)
    before = engine._handles
    with pytest.raises(EngineError, match="durable_rules failed: 303"):
        engine.infer({"disease.visceral_crisis": True})
    assert not set(before) & set(engine._handles)
    assert engine.infer({"disease.visceral_crisis": True}).rules == {"rule-0": True, "rule-1": False}


def test_a_foreign_decimal_point_is_found(engine: Engine) -> None:
    """The canary's 1.5 read as 1 does not fire; with such a locale at hand, for real."""
    real = engine._engine
    engine._engine = Faulty(real, assert_fact=lambda handle, fact: real.assert_fact(handle, fact.replace("1.5", "1")))
    engine._open = lambda: None  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="LC_NUMERIC"):
        engine.infer({})
    engine._engine = real
    del engine._open
    engine._open()
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8"):
        try:
            locale.setlocale(locale.LC_NUMERIC, name)
        except locale.Error:
            continue
        try:
            with pytest.raises(EngineError, match="LC_NUMERIC"):
                engine.infer({})
        finally:
            locale.setlocale(locale.LC_NUMERIC, "C")
            engine._open()


def test_states_that_cannot_be_are_errors(engine: Engine, ready: Ready) -> None:
    shipped = Engine(ready.program)
    for path, state in (
        ("disease.visceral_crisis", OneOf(frozenset({True, False}))),
        ("disease.visceral_crisis", 3.0),
        ("safety.qtcf_ms", "x"),
        ("safety.qtcf_ms", 1e300),
        ("disease.sites", "bone"),
    ):
        with pytest.raises(EngineError, match="holds what is no"):
            shipped.infer({path: state})
    shipped.close()


def test_both_true_and_false_is_an_error(engine: Engine) -> None:
    with pytest.raises(EngineError, match="both true and false"):
        engine._read(set(range(100)))


def test_an_extension_that_is_not_there_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch, ready: Ready) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "durable_rules_engine":
            raise ImportError("libx.so: undefined symbol: PyEval_CallObject")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "durable_rules_engine", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EngineMissing) as caught:
        Engine(ready.program)
    message = str(caught.value)
    assert "undefined symbol" in message or "PyEval_CallObject" in message
    assert "CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject pip install" in message
    assert "C compiler" in message
    assert "\n" not in message


def test_engines_that_differ_give_no_answer(ready: Ready) -> None:
    base = rule_base([definition(0, CRISIS)], [caution(0, defined(0))])
    found = infer(base, {"disease.visceral_crisis": True}).inference
    lying = SimpleNamespace(
        infer=lambda _: found._replace(rules={"rule-0": None}, definitions={"made-0": frozenset({0, 1})})
    )
    with pytest.raises(Disagreement) as caught:
        agreed(base, lying, {"disease.visceral_crisis": True})  # type: ignore[arg-type]
    assert "`rule-0`: reference fired, durable_rules undetermined" in str(caught.value)
    assert "`made-0`: reference cases [0], durable_rules cases [0, 1]" in str(caught.value)
    assert caught.value.exit_code == 1


@pytest.mark.long
def test_memory_stays_flat(ready: Ready) -> None:
    """The growth over the second half of some thousand patients is a rounding error."""
    made, engine = RuleBases(7), Engine(ready.program)
    patients = [{k: v for k, v in made.states().items() if k != "history.agents"} for _ in range(50)]
    peaks = []
    for _ in range(2):
        for facts in patients * 20:
            engine.infer(facts)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    engine.close()
    assert peaks[1] - peaks[0] < 2_000  # KiB
