"""An interview as a state: what is asked next, what not, taking answers back, when it is over, the case as a file."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import helpers
from conftest import ROOT
from secondline.cases import CaseReader
from secondline.errors import InputError
from secondline.facts import catalogue, main_of
from secondline.interview.answers import Refused
from secondline.interview.questions import Prompt, asking
from secondline.interview.readings import Reading
from secondline.interview.readings import given as known
from secondline.interview.state import (
    Assessor,
    Interview,
    answered,
    as_yaml,
    begun,
    command,
    ending,
    judged,
    listing,
    next_prompt,
    question_number,
    reopened,
    why,
)
from secondline.interview.topics import WORKED_OUT
from secondline.recommend import Adviser, recommend
from secondline.recommendation import AdvisedTest, Recommendation
from secondline.source import parse
from secondline.vocabulary import Vocabulary

DAY = "2026-11-22"
Judge = Callable[[Mapping[str, Any]], Recommendation]
TYPICAL = {
    "jurisdiction": "us",
    "therapies[0]": "metastatic, palbociclib + letrozole, 19 months, stable, progression",
    "therapies[1]": "none",
    "progression.status": "radiological",
    "progression.extent": "systemic",
    "disease.er": "positive",
    "disease.pr": "negative",
    "disease.her2": "negative",
    "disease.extent": "metastatic",
    "disease.sites": "bone, liver",
    "disease.visceral_crisis": "none",
    "patient.sex": "female",
    "patient.menopausal_status": "postmenopausal",
    "patient.ecog": "1",
    "patient.age_years": "61",
}


@pytest.fixture(scope="module")
def judge(adviser: Adviser, reader: CaseReader) -> Judge:
    kept: dict[str, Recommendation] = {}

    def held(case: Mapping[str, Any]) -> Recommendation:
        text = as_yaml(case)
        if text not in kept:
            found, problems = reader.read(text.encode(), "case.yaml")
            if problems:
                raise InputError(problems)
            kept[text] = recommend(found[0].case.profile, adviser, found[0].question())
        return kept[text]

    return held


class Talk:
    """An interview with answers by what is asked; what has none is not known."""

    def __init__(self, state: Interview, judge: Judge, vocabulary: Vocabulary) -> None:
        self.state, self.vocabulary = state, vocabulary
        self.assessor = Assessor(judge)
        self.asked: list[Prompt] = []
        self.unknown: list[str] = []
        self.settled = 0  # the question that settled the verdict

    @property
    def result(self) -> Recommendation:
        return self.assessor.result(self.state)

    def next(self) -> Prompt | None:
        return self.assessor.next(self.state, self.vocabulary)

    def ask(self) -> Prompt:
        prompt = self.next()
        assert prompt is not None
        return prompt

    def after(self, prompt: Prompt, text: str) -> Interview:
        """The state after an answer. InputError if the case would be refused with it."""
        state = answered(self.state, prompt, reading_of(prompt, text))
        self.assessor.judge(state.case)
        return state

    def give(self, prompt: Prompt, text: str) -> None:
        self.state = self.after(prompt, text)
        self.asked.append(prompt)
        self.unknown += [] if text else [prompt.key]
        if not self.settled and self.assessor.decided(self.state):
            self.settled = self.state.number

    def hold(self, answers: Mapping[str, str], *, until: Callable[[Talk], bool] = lambda _: False) -> Talk:
        while not until(self) and (prompt := self.next()):
            self.give(prompt, answers.get(prompt.key, ""))
            assert len(self.asked) < 100
        return self

    @property
    def keys(self) -> list[str]:
        return [prompt.key for prompt in self.asked]


def decided(held: Talk) -> bool:
    return held.settled > 0


@pytest.fixture
def talk(judge: Judge, adviser: Adviser) -> Callable[..., Talk]:
    def begin(case: dict[str, Any] | None = None) -> Talk:
        return Talk(begun({"as_of": DAY, **(case or {})}), judge, adviser.base.vocabulary)

    return begin


# --- what is asked ----------------------------------------------------------------------------------------


def test_the_typical_case_is_settled_within_eight_questions(talk: Callable[..., Talk]) -> None:
    held = talk().hold(TYPICAL, until=decided)
    assert held.result.verdict == "do-not-continue"
    assert held.settled == held.state.number == 6
    assert held.keys == [
        "jurisdiction",
        "therapies[0]",
        "therapies[1]",
        "progression.status",
        "disease.er",
        "disease.her2",  # not PR: ER is positive, so nothing hangs on it
        "disease.extent",
        "progression.extent",
    ]


def test_the_whole_typical_interview_asks_only_what_matters(talk: Callable[..., Talk]) -> None:
    held = talk().hold(TYPICAL)
    assert held.next() is None
    assert held.state.number == 16
    assert not {"disease.pr", "patient.pregnant", "patient.ovarian_suppression", "disease.her2.ish"} & set(held.keys)
    known = {k: v for k, v in helpers.TYPICAL.items() if k != "patient"}
    known["disease"] = {k: v for k, v in known["disease"].items() if k != "pr"} | {"symptomatic_cns": False}
    assert held.state.case["profile"] == {
        **known,
        "patient": {"sex": "female", "menopausal_status": "postmenopausal", "ecog": 1},
        "progression": {"status": "radiological", "extent": "systemic"},
    }
    assert (held.result.strength, held.result.certainty) == ("strong", "moderate")
    assert "Still open: " in ending(held.assessor.left(held.state))


def test_a_question_is_finished_before_the_next(talk: Callable[..., Talk]) -> None:
    """Only what is assumed, and what the grading alone hangs on, waits until the verdict is sure."""
    waiting = ("progression.extent", "disease.sites")
    topics = [prompt.topic for prompt in talk().hold(TYPICAL).asked if prompt.key not in waiting]
    changes = [topic for topic, before in zip(topics, ["", *topics], strict=False) if topic != before]
    assert len(changes) == len(set(changes))


# --- that each question matters, and the first matters most ------------------------------------------------

LINES = (
    *(TYPICAL["therapies[0]"] for _ in range(3)),
    "metastatic, ribociclib + letrozole, 9 months, partial, ongoing",
    "metastatic, ribociclib + fulvestrant, 4 months, progressive, progression",
    "metastatic, cdk46-inhibitor + aromatase-inhibitor, at least 6 months",
    "adjuvant, abemaciclib + letrozole, 2022-01 to 2024-01, completion",
    "adjuvant, ribociclib + anastrozole, progression",
    "metastatic, letrozole, 30 months, partial, progression",
)
VARIED = {
    "jurisdiction": ("us", "eu", "none", ""),
    "therapies[0]": LINES,
    "therapies[1]": (
        *("none" for _ in range(4)),
        "",
        "metastatic, fulvestrant, 5 months, progressive, progression",
        "metastatic, capecitabine, 6 months, stable, progression",
    ),
    "therapies[2]": ("none",),
    "progression.status": ("radiological", "radiological", "clinical", "molecular", "none", ""),
    "disease.er": ("positive", "positive", "5", "negative", ""),
    "disease.pr": ("positive", ""),
    "disease.her2": ("negative", "0", "1+", "2+", "3+", ""),
    "disease.her2.ish": ("not-amplified", "not-amplified", ""),
    "disease.extent": ("metastatic", "metastatic", "locally-advanced", "early", ""),
}


class Varied(dict[str, str]):
    """The answers of a patient like the typical one: each by chance as theirs, another one, or not known."""

    def __init__(self, seed: int) -> None:
        super().__init__(TYPICAL)
        self.chance = random.Random(seed)

    def of(self, held: Talk, prompt: Prompt) -> str:
        if prompt.key in TYPICAL and self.chance.random() < 0.6:
            return TYPICAL[prompt.key]
        text = self.chance.choice(VARIED.get(prompt.key) or (*every_answer(prompt), ""))
        try:
            held.after(prompt, text)
        except InputError:  # it contradicts another one
            return ""
        return text


def varied(talk: Callable[..., Talk], seed: int) -> Iterator[tuple[Talk, Prompt]]:
    """An interview, before each of its questions; the typical one first."""
    held, answers = talk(), Varied(seed)
    while prompt := held.next():
        yield held, prompt
        held.give(prompt, TYPICAL.get(prompt.key, "") if seed == 0 else answers.of(held, prompt))


def every_answer(prompt: Prompt) -> list[str]:
    """Answers of each kind that a prompt takes, numbers in close steps; not known is not among them."""
    texts = possible(prompt)[1:]
    for fact in (catalogue()[name] for name in prompt.covers if name in catalogue()):
        texts += fact.values
        if fact.low is not None and fact.high is not None:
            steps = (fact.low + (fact.high - fact.low) * step / 40 for step in range(41))
            texts += [f"{int(step) if fact.kind == 'integer' else round(step, 2):g}" for step in steps]
    texts += [str(number) for number in range(1, 10)]
    return [text for text in dict.fromkeys(texts) if not isinstance(prompt.read(text), Refused)]


def needed(result: Recommendation) -> set[str]:
    """The facts that only together settle the verdict or an option, or on which the grading depends."""
    sets = [
        *result.missing,
        *(reason.depends_on for reason in result.reasons),
        *(facts for option in result.options for facts in option.needs),
    ]
    return {fact for facts in sets for fact in facts}


def told(result: Recommendation) -> tuple[object, ...]:
    """The verdict with its grading and the tier of each regimen."""
    return result.verdict, result.strength, result.certainty, {o.regimen: o.tier for o in result.options}


def changes_something(held: Talk, prompt: Prompt) -> bool:
    now = told(held.result)
    for text in every_answer(prompt):
        try:
            if told(held.assessor.result(held.after(prompt, text))) != now:
                return True
        except InputError:
            continue
    return False


SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_question_is_idle(seed: int, talk: Callable[..., Talk]) -> None:
    """Some answer changes the verdict or what is offered, or the fact is needed together with others."""
    for held, prompt in varied(talk, seed):
        if prompt.topic in ("jurisdiction", "therapies") or needed(held.result) & set(prompt.covers):
            continue  # the place decides what counts as approved; a list of treatments counts once it is whole
        assert changes_something(held, prompt), (prompt.key, held.state.case)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_next_question_can_change_most(seed: int, talk: Callable[..., Talk]) -> None:
    """By `tests`: what the verdict hangs on, then the safety of the inhibitor in use, then the rest, each in order.

    Facts that follow one another there and can change the same are alike: the first in a consultation is asked first.
    """
    for held, prompt in varied(talk, seed):
        result = held.result
        going_on = prompt.topic == held.state.subject or prompt.key == "jurisdiction"
        if going_on or set(prompt.covers) & set(result.assumed):
            continue
        wanted = [test for test in result.tests if open_prompts(held, test.fact)]
        missing = {fact for facts in result.missing for fact in facts}
        in_use = {fact for check in result.checks for fact in check.facts}
        stages = (missing, in_use, {test.fact for test in wanted if not idle(result, test)})
        stage = next(facts for facts in stages if any(test.fact in facts for test in wanted))
        first, *others = (test for test in wanted if test.fact in stage)
        _, alike = next(groupby((first, *others), key=lambda test: test.would_change))
        topics = {asked.topic for test in alike for asked in open_prompts(held, test.fact)}
        assert prompt.topic in topics, (prompt.key, first.fact)


def open_prompts(held: Talk, fact: str) -> list[Prompt]:
    """What can still be asked to learn a fact."""
    asked = held.state.asked
    prompts = asking(fact, held.state.case, (fact,), held.vocabulary)
    return [p for p in prompts if p.key not in asked and not (p.topic == "therapies" and "therapies" in asked)]


def idle(result: Recommendation, test: AdvisedTest) -> bool:
    """Whether a test is there by a rule alone."""
    in_use = {fact for check in result.checks for fact in check.facts}
    return bool(test.rules) and not test.would_change and test.fact not in needed(result) | in_use


@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_end_only_what_was_not_known_is_left(seed: int, talk: Callable[..., Talk]) -> None:
    """Or what an answer left open: HER2 without a score, a negative in a sample that excludes nothing."""
    held = [held for held, _ in varied(talk, seed)][-1]
    assert held.next() is None
    for test in held.result.tests:
        prompts = open_prompts(held, test.fact)
        if prompts:  # left out because it changes nothing
            assert test.rules
            assert not any(changes_something(held, prompt) for prompt in prompts), test.fact
            continue
        asked = {asked.key for asked in held.asked if {test.fact, main_of(test.fact)} & set(asked.covers)}
        if not asked & set(held.unknown) and not test.fact.startswith(WORKED_OUT):
            value = known(held.state.case, *main_of(test.fact).split("."))
            assert isinstance(value, dict) or test.fact == "disease.her2.ihc", (test.fact, value)


def test_a_test_that_a_rule_asks_for_in_vain_is_not_asked(talk: Callable[..., Talk]) -> None:
    """With PIK3CA mutated in plasma capivasertib is open in the EU: AKT1 and PTEN add nothing."""
    held = talk().hold({**TYPICAL, "jurisdiction": "eu", "biomarkers.pik3ca": "mutated plasma"})
    assert {"biomarkers.akt1", "biomarkers.pten"} <= {test.fact for test in held.result.tests}
    assert not {"biomarkers.akt1", "biomarkers.pten"} & set(held.keys)


def test_what_is_assumed_is_asked_only_where_the_verdict_hangs_on_it(talk: Callable[..., Talk]) -> None:
    assert "progression.extent" in talk().hold(TYPICAL).keys
    adjuvant = "adjuvant, abemaciclib + letrozole, 2021-01 to 2023-01, completion"
    held = talk().hold({**TYPICAL, "therapies[0]": adjuvant, "progression.on": "2026-05"})
    assert (held.result.verdict, held.result.assumed) == ("individualise", ("progression.extent",))
    assert "progression.extent" not in held.keys
    assert "progression.extent" not in talk().hold({**TYPICAL, "disease.her2": "3+"}).keys


def test_the_verdict_is_settled_once_what_was_assumed_has_been_asked(talk: Callable[..., Talk]) -> None:
    held = talk().hold({**TYPICAL, "progression.extent": ""}, until=lambda held: held.result.settled)
    assert held.result.settled
    assert not held.assessor.decided(held.state)
    held.give(held.ask(), "")
    assert held.assessor.decided(held.state)
    assert "progression.extent" in held.assessor.left(held.state)


ODD = {
    "a man": ({"patient.sex": "male"}, "do-not-continue", 6, 16),
    "molecular progression": (
        {
            "therapies[0]": "metastatic, palbociclib + letrozole, 19 months, stable, ongoing",
            "progression.status": "molecular",
        },
        "continue",
        5,
        10,
    ),
    "an adjuvant inhibitor": (
        {
            "therapies[0]": "adjuvant, abemaciclib + letrozole, 2021-01 to 2023-01, completion",
            "progression.on": "2026-05",
        },
        "individualise",
        5,
        13,
    ),
    "HER2-positive": ({"disease.her2": "3+"}, "out-of-scope", 4, 4),
    "no inhibitor": ({"therapies[0]": "metastatic, letrozole, stable, progression"}, "out-of-scope", 2, 2),
    "no treatment": ({"therapies[0]": "none"}, "out-of-scope", 2, 2),
}


@pytest.mark.parametrize("which", ODD)
def test_odd_cases_are_settled_in_few_questions(which: str, talk: Callable[..., Talk]) -> None:
    answers, verdict, settled, whole = ODD[which]
    held = talk().hold({**TYPICAL, **answers})
    assert (held.result.verdict, held.settled, held.state.number) == (verdict, settled, whole)


def test_a_pregnancy_is_not_asked_of_those_who_cannot_be(talk: Callable[..., Talk]) -> None:
    man = {**TYPICAL, "patient.sex": "male", "patient.menopausal_status": ""}
    assert "patient.pregnant" not in talk().hold(man).keys
    held = talk().hold({**TYPICAL, "progression.status": "none", "therapies[0]": LINES[3]})
    asked = next(prompt for prompt in held.asked if prompt.key == "patient.pregnant")
    assert asked.hint == "yes or no; no for a man and after the menopause"


def test_each_case_is_judged_once(talk: Callable[..., Talk], judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a state is come back to; a list of treatments that is being made is not judged again."""
    judged_cases: list[str] = []

    def counting(case: Mapping[str, Any]) -> Recommendation:
        judged_cases.append(as_yaml(case))
        return judge(case)

    held = talk()
    held.assessor = Assessor(counting)
    assert held.ask().key == "jurisdiction"
    assert judged_cases == []
    monkeypatch.setattr(held, "after", lambda prompt, text: answered(held.state, prompt, reading_of(prompt, text)))
    while prompt := held.next():
        before = len(judged_cases)
        held.give(prompt, TYPICAL.get(prompt.key, ""))
        assert held.result
        held.next()
        supposed = prompt.key == "disease.extent"  # limited progression is tried before it is asked about
        assert len(judged_cases) - before <= 1 + supposed, prompt.key
    assert len(judged_cases) == len(set(judged_cases))
    total = len(judged_cases)
    state: Interview | None = held.state
    while state is not None:
        held.assessor.next(state, held.vocabulary)
        state = state.before
    assert len(judged_cases) == total


def reading_of(prompt: Prompt, text: str) -> Reading:
    reading = prompt.read(text) if text else prompt.unknown
    assert not isinstance(reading, Refused)
    return reading


# --- treatments and parts ----------------------------------------------------------------------------------


def test_nothing_known_ends_too_and_nothing_is_asked_twice(talk: Callable[..., Talk]) -> None:
    held = talk().hold({})
    assert held.state.case == {"as_of": DAY, "profile": {}}
    assert len(held.keys) == len(set(held.keys))
    assert held.result.verdict == "undetermined"
    assert held.next() is None


def test_out_of_scope_ends_at_once(talk: Callable[..., Talk]) -> None:
    held = talk().hold({"therapies[0]": "none"})
    assert held.result.verdict == "out-of-scope"
    assert held.keys == ["jurisdiction", "therapies[0]"]
    assert ending(held.assessor.left(held.state)).startswith("Nothing that is still unknown")


def test_each_treatment_is_a_question_and_its_details_one_more(talk: Callable[..., Talk]) -> None:
    answers = {
        **TYPICAL,
        "therapies[0]": "adjuvant tamoxifen 2015-01 to 2020-01",
        "therapies[1]": "metastatic cdk46-inhibitor + letrozole",
        "therapies[2]": "none",
        "therapies[1].stopped_for": "progression",
        "therapies[1].agents[0]": "palbo",
        "therapies[1].months": "19 months",
        "therapies[1].best_response": "stable",
    }
    held = talk().hold(answers)
    assert held.result.verdict == "do-not-continue"
    treatments = held.state.case["profile"]["therapies"]
    assert treatments[1]["agents"] == ["palbociclib", "letrozole"]
    assert treatments[1]["stopped_for"] == "progression"
    assert [question_number_of(held, key) for key in ("therapies[0]", "therapies[1]", "therapies[2]")] == [2, 2, 3]
    details = [key for key in held.keys if key.startswith("therapies[1].")]
    assert "therapies[1].stopped_for" in details
    assert not any(key.startswith("therapies[0].") for key in held.keys)


def question_number_of(held: Talk, key: str) -> int:
    """The number shown above a prompt."""
    state: Interview | None = held.state
    position = held.keys.index(key)
    for _ in range(len(held.keys) - position):
        assert state is not None
        state = state.before
    assert state is not None
    return question_number(state, held.asked[position])


def test_a_treatment_without_its_setting_waits_for_it(talk: Callable[..., Talk]) -> None:
    held = talk()
    held.give(held.ask(), "us")
    held.give(held.ask(), "19 months, progression")
    assert held.state.case["profile"] == {}
    asked = held.ask()
    assert (asked.key, asked.ask) == ("therapies[0].setting", "In which setting was it given?")
    held.give(asked, "metastatic")
    asked = held.ask()
    assert asked.key == "therapies[0].agents"
    held.give(asked, "palbociclib, letrozole")
    entry = {
        "setting": "metastatic",
        "agents": ["palbociclib", "letrozole"],
        "months": 19,
        "stopped_for": "progression",
    }
    assert held.state.case["profile"] == {"therapies": [entry], "therapies_complete": False}
    assert held.ask().key == "therapies[1]"


def test_a_treatment_of_unknown_drugs_or_setting(talk: Callable[..., Talk]) -> None:
    held = talk({"jurisdiction": "us"})
    held.give(held.ask(), "metastatic, 5 months")
    held.give(held.ask(), "")
    assert held.state.case["profile"]["therapies"] == [
        {"setting": "metastatic", "agents": ["other:unknown"], "months": 5}
    ]
    held.give(held.ask(), "letrozole")
    held.give(held.ask(), "")
    assert len(held.state.case["profile"]["therapies"]) == 1
    assert held.state.case["profile"]["therapies_complete"] is False
    held = talk({"jurisdiction": "us"})
    held.give(held.ask(), "letrozole")
    held.give(held.ask(), "")
    assert held.state.case["profile"] == {}
    held.hold({})
    assert "therapies[0]" not in held.keys[2:]


def test_perhaps_more_treatments(talk: Callable[..., Talk]) -> None:
    held = talk().hold({**TYPICAL, "therapies[1]": ""})
    assert held.state.case["profile"]["therapies_complete"] is False


def test_a_list_being_made_is_not_judged(talk: Callable[..., Talk]) -> None:
    """After a first treatment without an inhibitor the answer would be out of scope."""
    held = talk({"jurisdiction": "us"})
    held.give(held.ask(), "adjuvant tamoxifen")
    assert listing(held.state)
    assert (held.result.verdict, held.state.case["profile"]["therapies_complete"]) == ("undetermined", False)
    held.give(held.ask(), "none")
    assert (held.result.verdict, held.state.case["profile"].keys()) == ("out-of-scope", {"therapies"})


def test_a_list_left_incomplete_is_gone_on_with(talk: Callable[..., Talk]) -> None:
    profile = {"therapies": [{"setting": "adjuvant", "agents": ["palbociclib"]}], "therapies_complete": False}
    held = talk({"jurisdiction": "us", "profile": profile})
    held.hold({"therapies[1]": "metastatic letrozole", "therapies[2]": "none"})
    assert "therapies[1]" in held.keys
    assert len(held.state.case["profile"]["therapies"]) == 2
    assert "therapies_complete" not in held.state.case["profile"]


def test_a_case_file_is_completed(talk: Callable[..., Talk]) -> None:
    case = {"id": "x", "jurisdiction": "eu", "profile": copy.deepcopy(helpers.TYPICAL), "expect": {"settled": True}}
    held = talk(case).hold({"biomarkers.esr1": "mutated", "biomarkers.pik3ca": "wild-type tissue"})
    assert not {"jurisdiction", "therapies[0]", "disease.er", "disease.her2"} & set(held.keys)
    assert held.state.case["profile"]["disease"] == helpers.TYPICAL["disease"]
    assert held.state.case["profile"]["biomarkers"]["esr1"] == "mutated"
    assert held.state.case["expect"] == {"settled": True}
    assert case["profile"] == helpers.TYPICAL  # the case given is left as it is


def test_a_result_that_excludes_nothing_is_asked_once_more(talk: Callable[..., Talk]) -> None:
    """An archival negative of a file; the same answer given in the interview is not asked again."""
    archival = {"result": "wild-type", "sample": "tissue", "taken": "earlier"}
    profile = {**helpers.TYPICAL, "biomarkers": {"esr1": archival}}
    held = talk({"profile": profile}).hold({"biomarkers.esr1": "wild-type, tissue, earlier"})
    assert held.keys.count("biomarkers.esr1") == 1
    assert held.state.case["profile"]["biomarkers"]["esr1"] == archival


def test_in_situ_hybridisation_is_asked_only_after_a_score_of_two(talk: Callable[..., Talk]) -> None:
    held = talk().hold({**TYPICAL, "disease.her2": "2+", "disease.her2.ish": "not-amplified"})
    position = held.keys.index("disease.her2.ish")
    assert held.keys[position - 1] == "disease.her2"
    assert "disease.her2.ish" not in talk().hold({**TYPICAL, "disease.her2": "1+"}).keys


def test_tumour_fraction_is_asked_only_of_a_negative_in_plasma(talk: Callable[..., Talk]) -> None:
    part = "biomarkers.esr1.tumour_fraction_percent"
    held = talk().hold({**TYPICAL, "biomarkers.esr1": "wild-type, plasma", part: "12"})
    assert held.keys[held.keys.index(part) - 1] == "biomarkers.esr1"
    assert held.state.case["profile"]["biomarkers"]["esr1"]["tumour_fraction_percent"] == 12
    assert part not in talk().hold({**TYPICAL, "biomarkers.esr1": "wild-type"}).keys


def test_why_it_is_asked(talk: Callable[..., Talk]) -> None:
    held = talk()
    reasons = {}
    while prompt := held.next():
        reasons[prompt.key] = why(prompt, held.result)
        held.give(prompt, TYPICAL.get(prompt.key, ""))
    assert reasons["jurisdiction"] == ""
    assert (
        reasons["therapies[0]"]
        == reasons["progression.status"]
        == reasons["progression.extent"]
        == "The verdict hangs on it."
    )
    assert reasons["biomarkers.pik3ca"].startswith("It can open or close alpelisib+fulvestrant, capivasertib")
    assert reasons["safety.cdk46_intolerance"].startswith("It can ")


def test_the_inhibitor_in_use_is_checked(talk: Callable[..., Talk]) -> None:
    """Without progression it goes on; what could speak against it is asked."""
    answers = {
        **TYPICAL,
        "therapies[0]": "metastatic, ribociclib + letrozole, 9 months, partial, ongoing",
        "progression.status": "none",
    }
    held = talk().hold(answers, until=decided)
    assert held.result.verdict == "continue"
    reasons = []
    while prompt := held.next():
        reasons.append(why(prompt, held.result))
        held.give(prompt, answers.get(prompt.key, ""))
    assert "It says whether the inhibitor in use is safe." in reasons


# --- answers taken back, asked again ----------------------------------------------------------------------


def test_an_answer_taken_back_is_asked_again_as_it_was(talk: Callable[..., Talk]) -> None:
    held = talk().hold(TYPICAL, until=decided)
    last = held.asked[-1]
    before = held.state.before
    assert before is not None
    held.state = before
    again = held.next()
    assert again is not None
    assert (again.key, again.hint, question_number(before, again)) == (last.key, last.hint, 6)


def test_all_the_way_back_is_the_beginning(talk: Callable[..., Talk]) -> None:
    held = talk()
    start = held.state
    state: Interview | None = held.hold(TYPICAL).state
    for _ in held.asked:
        assert state is not None
        state = state.before
    assert state == start
    assert start.case == {"as_of": DAY, "profile": {}}


def test_what_was_not_known_can_be_asked_again(talk: Callable[..., Talk]) -> None:
    held = talk().hold(TYPICAL)
    first = len(held.asked)
    unknown = [key for key in held.keys if key not in TYPICAL]
    held.state = reopened(held.state)
    assert held.next() is not None
    held.hold(TYPICAL)
    assert set(held.keys[first:]) == {*unknown, "disease.her2.ihc"}  # of HER2 only that it is negative was known
    assert held.state.case["profile"]["therapies"]


def test_a_contradiction_is_refused_and_changes_nothing(talk: Callable[..., Talk]) -> None:
    profile = {"biomarkers": {"esr1": "wild-type"}, "therapies": helpers.TYPICAL["therapies"]}
    held = talk({"jurisdiction": "us", "profile": profile})
    asked = held.ask()
    assert asked.key == "progression.status"
    before = held.state
    with pytest.raises(InputError, match="`molecular` means an emergent ESR1 mutation"):
        held.give(asked, "molecular")
    assert held.state is before


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", "unknown"), (" Unknown ", "unknown"), ("not  known", "unknown"), ("not-tested", "unknown"),
        ("?", "help"), ("HELP", "help"), ("s", "so far"), ("So Far", "so far"), ("back", "back"),
        ("again", "again"), ("stop", "stop"), ("st", None), ("none", None), ("2", None), ("b", None),
    ],
)  # fmt: skip
def test_commands(line: str, meant: str | None) -> None:
    assert command(line) == meant


# --- the case as a file -----------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def documents() -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / "cases").glob("*.yaml")):
        for document in parse(path.read_bytes(), path.name):
            held = document.plain()
            yield from held if isinstance(held, tuple) else [held]


def test_every_shipped_case_survives() -> None:
    for case in documents():
        text = as_yaml(plain(case))
        (document,) = parse(text.encode(), "case.yaml")
        assert plain(document.plain()) == plain(case)


def test_the_file_is_in_the_order_of_reading() -> None:
    text = as_yaml({
        "profile": {
            "safety": {"qtcf_ms": 431},
            "disease": {"her2": {"ihc": "1+"}, "er": "positive"},
            "patient": {"sex": "female"},
        },
        "as_of": DAY,
        "title": "near miss: none",
    })  # fmt: skip
    assert text.splitlines()[1:] == [
        'title: "near miss: none"',
        "as_of: 2026-11-22",
        "profile:",
        "  patient: {sex: female}",
        "  disease: {er: positive, her2: {ihc: 1+}}",
        "  safety: {qtcf_ms: 431}",
    ]


_TEXT = st.one_of(
    st.sampled_from(["true", "null", "~", "1e3", "0", "1+", "2024", "yes", "a: b", "- x", "#", "1.", ".5"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
_NAME = st.text("abcz_+-. :#", min_size=1, max_size=8)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-999, 10**6), st.floats(0.001, 0.999), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAME, inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=500)
@given(st.dictionaries(_NAME, _VALUES, min_size=1, max_size=5))
def test_any_plain_data_survives(case: dict[str, Any]) -> None:
    (document,) = parse(as_yaml(case).encode(), "case.yaml")
    assert plain(document.plain()) == case


@pytest.mark.long
@pytest.mark.parametrize("seed", range(15))
def test_any_interview_ends_in_a_case_that_reads(seed: int, reader: CaseReader, adviser: Adviser) -> None:
    """Every fact is wanted; answers by chance, some not known, some taken back; what is refused is left unknown."""
    chance = random.Random(seed)
    state = begun({"as_of": DAY})
    if chance.random() < 0.5:
        state = begun({"as_of": DAY, "profile": helpers.TYPICAL})
    wanted = list(catalogue())
    chance.shuffle(wanted)
    for _ in range(400):
        prompt = next_prompt(state, wanted, adviser.base.vocabulary)
        if prompt is None:
            break
        if state.before and chance.random() < 0.1:
            state = state.before
            continue
        reading = prompt.read(chance.choice(possible(prompt)))
        after = answered(state, prompt, prompt.unknown if isinstance(reading, Refused) else reading)
        for case in (after.case, judged(after)):
            _, problems = reader.read(as_yaml(case).encode(), "case.yaml")
            if problems:
                after = answered(state, prompt, prompt.unknown)
        state = after
    assert next_prompt(state, wanted, adviser.base.vocabulary) is None
    assert reader.read(as_yaml(state.case).encode(), "case.yaml")[1] == []
    assert ending(()) != ending(wanted)


def possible(prompt: Prompt) -> list[str]:
    """Answers that a prompt takes, not known among them."""
    drugs = (
        "palbociclib + letrozole",
        "cdk46-inhibitor + fulvestrant",
        "capecitabine",
        "ribociclib, exemestane",
        "other:x",
    )
    rest = ("19 months, stable, progression", "toxicity", "2023-01 to 2024-01", "since 2026, ongoing", "")
    lines = [f"{setting} {drug}, {more}" for setting in ("adjuvant", "metastatic") for drug in drugs for more in rest]
    plain = (
        "none yes no positive negative 1 2 3 5 50 400 2024 2025-03 A us 2+ mutated wild-type amplified not-amplified "
        "type-1 pathogenic palbociclib letrozole"
    )
    tried = [*plain.split(), "9 months", "wild-type, plasma", *lines]
    return ["", *(text for text in tried if not isinstance(prompt.read(text), Refused))]
