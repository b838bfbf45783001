"""Made-up patients: facts by path, as case files, and as `advise` answers them.

Facts are plain values as a case gives them, sets as sorted lists. The history is given by its own facts, not by
therapies: what a rule reads is then exactly what stands in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from secondline.cases import CaseFile, CaseReader, Days
from secondline.errors import InputError, Place
from secondline.facts import catalogue
from secondline.inference.agree import agreed
from secondline.inference.rails import Program, compile_program
from secondline.patient import know
from secondline.recommend import Adviser, Outcome, outcome, recommend
from secondline.recommendation import Recommendation
from secondline.rulebase import RuleBase
from secondline.scales import Jurisdiction
from secondline.source import Node

Facts = dict[str, Any]
Plain = dict[str, Any]

# A patient to whom made-up ones stay near: progression in bone and liver on palbociclib and letrozole, nothing else.
TYPICAL: Mapping[str, Any] = {
    "patient.age_years": 61,
    "patient.sex": "female",
    "patient.menopausal_status": "postmenopausal",
    "patient.ecog": 1,
    "disease.extent": "metastatic",
    "disease.er": "positive",
    "disease.er.percent": 90,
    "disease.pr": "negative",
    "disease.pr.percent": 0,
    "disease.her2": "negative",
    "disease.her2.ihc": "1+",
    "disease.her2.ish": "not-amplified",
    "disease.sites": ["bone", "liver"],
    "biomarkers.esr1": "wild-type",
    "biomarkers.pik3ca": "wild-type",
    "biomarkers.akt1": "wild-type",
    "biomarkers.erbb2": "wild-type",
    "biomarkers.pten": "intact",
    "biomarkers.gbrca": "none",
    "biomarkers.gpalb2": "none",
    "biomarkers.sbrca": "none",
    "prior_cdk46.agents": ["palbociclib"],
    "prior_cdk46.agent": "palbociclib",
    "prior_cdk46.setting": "metastatic",
    "prior_cdk46.months": 19,
    "prior_cdk46.stopped_for": "progression",
    "prior_cdk46.best_response": "stable",
    "prior_cdk46.partner_class": "aromatase-inhibitor",
    "prior_cdk46.months_since_stop": 1,
    "prior_cdk46.months_from_stop_to_progression": 0,
    "prior_cdk46.in_last_line": True,
    "prior_cdk46.clinical_benefit": True,
    "history.line": 2,
    "history.chemotherapy_lines": 0,
    "history.endocrine_lines": 1,
    "history.endocrine_lines_without_benefit": 0,
    "history.agents": ["letrozole", "palbociclib"],
    "history.classes": ["aromatase-inhibitor", "cdk46-inhibitor", "endocrine-therapy"],
    "history.months_on_adjuvant_endocrine": 60,
    "history.months_from_adjuvant_endocrine_to_relapse": 30,
    "progression.status": "radiological",
    "progression.extent": "systemic",
    "safety.qtcf_ms": 431,
    "safety.neutrophils_10e9_per_l": 3,
    "safety.platelets_10e9_per_l": 200,
    "safety.alt_x_uln": 1,
    "safety.bilirubin_x_uln": 1,
    "safety.creatinine_clearance_ml_min": 90,
    "safety.hba1c_percent": 5.5,
    "safety.fasting_glucose_mmol_l": 5,
    "safety.potassium_mmol_l": 4,
    "safety.lvef_percent": 60,
    "safety.haemoglobin_g_per_dl": 13,
    "safety.diabetes": "none",
    "safety.child_pugh": "A",
    "safety.cdk46_intolerance": [],
}  # a yes/no that is not named here is no


def typical(fact: str) -> Any:
    """What the typical patient has of a fact; None where nothing is said of it."""
    return TYPICAL.get(fact, False if catalogue()[fact].kind == "boolean" else None)


class Asked(NamedTuple):
    """The day and the jurisdiction that a patient is asked for."""

    day: date
    jurisdiction: Jurisdiction = "none"


# --- case files -------------------------------------------------------------------------------------------


def profile_of(facts: Mapping[str, Any]) -> Plain:
    """The profile of a case that states these facts, in the order of the catalogue."""
    found: Plain = {}
    for path in catalogue():
        if path not in facts:
            continue
        group, name, *part = path.split(".")
        held = found.setdefault(group, {})
        if part:
            main = held.get(name, {})
            key = "status" if group == "disease" else "result"
            held[name] = {**(main if isinstance(main, dict) else {key: main}), part[0]: facts[path]}
        else:
            held[name] = facts[path]
    if "therapies" in facts:
        found["therapies"] = facts["therapies"]
    return found


def case_of(
    facts: Mapping[str, Any], asked: Asked, name: str, title: str = "", expect: Mapping[str, Any] | None = None
) -> Plain:
    """A whole case as a case file has it."""
    return {
        "id": name,
        **({"title": title} if title else {}),
        "as_of": asked.day.isoformat(),
        **({} if asked.jurisdiction == "none" else {"jurisdiction": asked.jurisdiction}),
        "profile": profile_of(facts),
        **({"expect": dict(expect)} if expect else {}),
    }


def as_yaml(cases: Sequence[Mapping[str, Any]]) -> str:
    """A case file in the look of the shipped ones: a list of cases, a line for each group of facts."""
    import yaml

    def flow(value: Any) -> str:
        return str(yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1_000_000)).strip()

    def scalar(value: Any) -> str:
        return flow([value])[1:-1]

    lines: list[str] = []
    for case in cases:
        for key, value in case.items():
            lead = "- " if key == next(iter(case)) else "  "
            if key in ("profile", "expect") and value:
                lines.append(f"{lead}{key}:")
                lines += [
                    f"    {name}: {flow(v) if isinstance(v, (dict, list)) else scalar(v)}" for name, v in value.items()
                ]
            else:
                lines.append(f"{lead}{key}: {value if key == 'as_of' else scalar(value)}")
    return "\n".join(lines) + "\n"


# --- answers ----------------------------------------------------------------------------------------------


class Clinic:
    """Answers made-up patients as `advise` answers cases."""

    def __init__(self, base: RuleBase, program: Program | None = None) -> None:
        from secondline.forms.cases import Case

        Case.model_rebuild()
        self.adviser = Adviser(base, program or compile_program(base, {}))
        self.reader = CaseReader(base, Case.__pydantic_core_schema__, Days())

    def case(self, facts: Mapping[str, Any], asked: Asked) -> CaseFile | None:
        """The case that states these facts; None where it is refused."""
        try:
            return self.reader.case(_node(case_of(facts, asked, "made-up")), "made-up")
        except InputError:
            return None

    def answer(self, facts: Mapping[str, Any], asked: Asked, *, explain: bool = False) -> Recommendation | None:
        """The recommendation for a patient; None where the case is refused."""
        held = self.case(facts, asked)
        return held and recommend(held.case.profile, self.adviser, held.question(explain=explain))

    def outcome(self, facts: Mapping[str, Any], asked: Asked) -> Outcome | None:
        """Verdict and tiers alone, much quicker where much is unknown; None where the case is refused."""
        held = self.case(facts, asked)
        if held is None:
            return None
        base, place = self.adviser.base, held.question()
        known = know(held.case.profile, asked.day, base.vocabulary)
        view = self.adviser.calendar.on(asked.day, None if asked.jurisdiction == "none" else asked.jurisdiction)
        return outcome(held.case.profile, view, known, agreed(base, self.adviser.engine, known.facts), place)


def _node(plain: Any) -> Node:
    """The node that a file with this content gives."""
    place = Place("made-up", 1, 1)
    if isinstance(plain, dict):
        found = Node({key: _node(value) for key, value in plain.items()}, "a mapping", place)
        found.keys = dict.fromkeys(plain, place)
        return found
    if isinstance(plain, list):
        return Node([_node(item) for item in plain], "a list", place)
    return Node(plain, str(plain), place)


def least(facts: Mapping[str, Any], still: Callable[[Facts], bool]) -> Facts:
    """The facts that are left when each that is not needed is dropped, many at once where that goes.

    What is left is least: with any one of its facts dropped `still` no longer holds.
    """
    held = dict(facts)
    while True:
        before = len(held)
        held = _without(held, sorted(held, key=lambda fact: (-fact.count("."), fact)), still)
        if len(held) == before:
            return held


def _without(held: Facts, paths: Sequence[str], still: Callable[[Facts], bool]) -> Facts:
    """What is left without those of some facts that are not needed."""
    rest = {path: value for path, value in held.items() if path not in paths}
    if not paths or still(rest):
        return rest
    if len(paths) == 1:
        return held
    middle = len(paths) // 2
    return _without(_without(held, paths[:middle], still), paths[middle:], still)
