"""Profile and its parts: what is known of one patient. None is not known, never no.

The fields, their units and their ranges are the contract's. A range is wide enough for every real patient and narrow
enough to catch another unit: HbA1c is in percent, glucose in mmol/L, haemoglobin in g/dL.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from secondline.records import as_score, with_groups
from secondline.shapes import AnyDate, Plain, SetOf, Strict

Unknown = Literal["not-tested", "indeterminate"]
Inhibitor = Literal["palbociclib", "ribociclib", "abemaciclib", "other"]
Setting = Literal["neoadjuvant", "adjuvant", "metastatic"]
Response = Literal["complete", "partial", "stable", "progressive", "not-evaluated"]
StopReason = Literal["progression", "toxicity", "completion", "preference", "ongoing", "other"]
Site = Literal[
    "bone", "liver", "lung", "pleura", "peritoneum", "brain", "leptomeninges",
    "lymph-node", "skin", "soft-tissue", "breast", "ovary", "other",
]  # fmt: skip
Score = Literal["0", "ultralow", "1+", "2+", "3+"]
_Typed = Literal["0", 0, "ultralow", "1+", "2+", "3+", "not-tested", "indeterminate"]


def _number(title: str, unit: str, low: float, high: float) -> Any:
    return Field(default=None, title=title, ge=low, le=high, json_schema_extra={"unit": unit} if unit else None)


def _about(title: str) -> Any:
    return Field(default=None, title=title)


class Patient(Strict):
    age_years: int | None = _number("age", "years", 0, 120)
    sex: Literal["female", "male"] | None = _about("sex")
    menopausal_status: Literal["premenopausal", "perimenopausal", "postmenopausal"] | None = _about("menopausal status")
    ovarian_suppression: bool | None = _about("ovarian suppression")
    ecog: int | None = _number("ECOG", "", 0, 4)
    pregnant: bool | None = _about("pregnancy")


class Receptor(Strict):
    status: Literal["positive", "low", "negative"] | Unknown | None = _about("status")
    percent: float | None = _number("stained cells", "percent", 0, 100)


class Her2(Strict):
    status: Literal["positive", "negative"] | Unknown | None = _about("HER2")
    ihc: Annotated[Score | Unknown, BeforeValidator(as_score, json_schema_input_type=_Typed)] | None = _about(
        "HER2 immunohistochemistry"
    )
    ish: Literal["amplified", "not-amplified"] | Unknown | None = _about("HER2 in situ hybridisation")


class _Tested(Strict):
    """How a biomarker was found."""

    sample: Literal["plasma", "tissue", "germline"] | None = _about("sample")
    taken: Literal["at-progression", "earlier"] | None = _about("time of the sample")
    tumour_fraction_percent: float | None = _number("tumour fraction", "percent", 0, 100)
    variant: Annotated[str, Field(max_length=200)] | None = _about("variant")


class Mutation(_Tested):
    result: Literal["mutated", "wild-type"] | Unknown | None = _about("result")


class Alteration(_Tested):
    result: Literal["altered", "intact"] | Unknown | None = _about("result")


class Inherited(_Tested):
    result: Literal["pathogenic", "none"] | Unknown | None = _about("result")


class Disease(Strict):
    extent: Literal["early", "locally-advanced", "metastatic"] | None = _about("extent of disease")
    er: Literal["positive", "low", "negative"] | Unknown | Receptor | None = _about("ER")
    pr: Literal["positive", "low", "negative"] | Unknown | Receptor | None = _about("PR")
    her2: Literal["positive", "negative"] | Unknown | Her2 | None = _about("HER2")
    sites: SetOf[Site] | None = _about("sites of disease")
    visceral_crisis: bool | None = _about("visceral crisis")
    symptomatic_visceral: bool | None = _about("symptomatic visceral disease")
    symptomatic_cns: bool | None = _about("symptomatic CNS disease")


class Biomarkers(Strict):
    esr1: Literal["mutated", "wild-type"] | Unknown | Mutation | None = _about("ESR1")
    pik3ca: Literal["mutated", "wild-type"] | Unknown | Mutation | None = _about("PIK3CA")
    akt1: Literal["mutated", "wild-type"] | Unknown | Mutation | None = _about("AKT1")
    erbb2: Literal["mutated", "wild-type"] | Unknown | Mutation | None = _about("ERBB2")
    pten: Literal["altered", "intact"] | Unknown | Alteration | None = _about("PTEN")
    gbrca: Literal["pathogenic", "none"] | Unknown | Inherited | None = _about("germline BRCA1/2")
    gpalb2: Literal["pathogenic", "none"] | Unknown | Inherited | None = _about("germline PALB2")
    sbrca: Literal["pathogenic", "none"] | Unknown | Inherited | None = _about("somatic BRCA1/2")


class Between(Strict):
    """A number of months of which only limits are known."""

    at_least: Annotated[float, Field(ge=0, le=900, json_schema_extra={"unit": "months"})] | None = None
    below: Annotated[float, Field(gt=0, le=900, json_schema_extra={"unit": "months"})] | None = None


Months = Annotated[float, Field(ge=0, le=900, allow_inf_nan=False, json_schema_extra={"unit": "months"})] | Between
Agent = Annotated[
    Plain, Field(min_length=1, max_length=100, json_schema_extra={"expected": "a drug or class of drugs, in one line"})
]


class Therapy(Strict):
    """One treatment: drugs given together, in one setting, from one start to one stop."""

    setting: Setting
    agents: Annotated[tuple[Agent, ...], Field(min_length=1)]
    started: AnyDate | None = None
    stopped: AnyDate | None = None
    months: Months | None = None
    best_response: Response | None = None
    stopped_for: StopReason | None = None
    progressed_on: AnyDate | None = None


class Progression(Strict):
    status: Literal["none", "molecular", "radiological", "clinical"] | None = _about("progression")
    on: AnyDate | None = _about("date of progression")
    extent: Literal["limited", "systemic"] | None = _about("extent of progression")


class Safety(Strict):
    qtcf_ms: float | None = _number("QTcF", "ms", 200, 800)
    neutrophils_10e9_per_l: float | None = _number("neutrophils", "10e9/L", 0, 200)
    platelets_10e9_per_l: float | None = _number("platelets", "10e9/L", 0, 3000)
    alt_x_uln: float | None = _number("ALT", "times the upper limit of normal", 0, 300)
    bilirubin_x_uln: float | None = _number("bilirubin", "times the upper limit of normal", 0, 100)
    creatinine_clearance_ml_min: float | None = _number("creatinine clearance", "mL/min", 0, 300)
    hba1c_percent: float | None = _number("HbA1c", "percent", 2, 25)
    fasting_glucose_mmol_l: float | None = _number("fasting glucose", "mmol/L", 0, 60)
    potassium_mmol_l: float | None = _number("potassium", "mmol/L", 0.5, 12)
    lvef_percent: float | None = _number("LVEF", "percent", 0, 100)
    haemoglobin_g_per_dl: float | None = _number("haemoglobin", "g/dL", 0, 30)
    diabetes: Literal["none", "type-1", "type-2"] | None = _about("diabetes")
    insulin: bool | None = _about("insulin treatment")
    ild: bool | None = _about("interstitial lung disease")
    vte: bool | None = _about("venous thromboembolism")
    child_pugh: Literal["A", "B", "C"] | None = _about("Child-Pugh class")
    strong_cyp3a_inhibitor: bool | None = _about("strong CYP3A inhibitor")
    moderate_cyp3a_inhibitor: bool | None = _about("moderate CYP3A inhibitor")
    strong_cyp3a_inducer: bool | None = _about("strong CYP3A inducer")
    moderate_cyp3a_inducer: bool | None = _about("moderate CYP3A inducer")
    qt_prolonging_drug: bool | None = _about("QT-prolonging drug")
    tamoxifen_current: bool | None = _about("current tamoxifen")
    active_infection: bool | None = _about("active infection")
    severe_skin_reaction: bool | None = _about("earlier severe skin reaction")
    cdk46_intolerance: SetOf[Inhibitor] | None = _about("CDK4/6 inhibitors not tolerated")


class PriorCdk46(Strict):
    """The last CDK4/6 inhibitor; worked out from `therapies` where those are given."""

    agents: SetOf[Inhibitor] | None = _about("CDK4/6 inhibitors so far")
    agent: Inhibitor | Literal["none"] | None = _about("last CDK4/6 inhibitor")
    setting: Setting | None = _about("setting of the inhibitor")
    months: Months | None = Field(default=None, title="time on the inhibitor", json_schema_extra={"unit": "months"})
    stopped_for: StopReason | None = _about("reason the inhibitor stopped")
    best_response: Response | None = _about("best response on the inhibitor")
    partner_class: Literal["aromatase-inhibitor", "fulvestrant", "tamoxifen", "oral-serd", "other"] | None = _about(
        "endocrine partner of the inhibitor"
    )
    months_since_stop: Months | None = Field(
        default=None, title="time since the inhibitor stopped", json_schema_extra={"unit": "months"}
    )
    months_from_stop_to_progression: Months | None = Field(
        default=None, title="time from the inhibitor's stop to progression", json_schema_extra={"unit": "months"}
    )
    clinical_benefit: bool | None = _about("clinical benefit from the inhibitor (response, or stable for 24 weeks)")
    in_last_line: bool | None = _about("inhibitor in the newest line")


class History(Strict):
    """Earlier treatment as a whole; worked out from `therapies` where those are given."""

    line: int | None = _number("next line for advanced disease", "", 1, 30)
    chemotherapy_lines: int | None = _number("chemotherapy lines for advanced disease", "", 0, 30)
    endocrine_lines: int | None = _number("endocrine lines for advanced disease", "", 0, 30)
    endocrine_lines_without_benefit: int | None = _number("newest endocrine lines without benefit", "", 0, 30)
    agents: SetOf[Agent] | None = _about("drugs given so far")
    classes: SetOf[Agent] | None = _about("classes of drugs given so far")
    months_on_adjuvant_endocrine: Months | None = Field(
        default=None, title="time on adjuvant endocrine therapy", json_schema_extra={"unit": "months"}
    )
    months_from_adjuvant_endocrine_to_relapse: Months | None = Field(
        default=None, title="time from adjuvant endocrine therapy to relapse", json_schema_extra={"unit": "months"}
    )


class Profile(Strict):
    """What is known of one patient. A group that is absent is one of which nothing is known."""

    patient: Patient = Patient.model_construct()
    disease: Disease = Disease.model_construct()
    biomarkers: Biomarkers = Biomarkers.model_construct()
    therapies: tuple[Therapy, ...] | None = None
    therapies_complete: bool = True
    progression: Progression = Progression.model_construct()
    safety: Safety = Safety.model_construct()
    prior_cdk46: PriorCdk46 = PriorCdk46.model_construct()
    history: History = History.model_construct()

    _groups = model_validator(mode="before")(with_groups)
