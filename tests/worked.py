"""The worked result: one patient, what is changed about her for each regimen, and the tier that follows.

She is past menopause, ECOG 1, and progressed after 19 months of palbociclib and letrozole; every fact is known, no gate
holds.
"""

from __future__ import annotations

from typing import Any

SAFE: dict[str, Any] = {
    **{"qtcf_ms": 431, "neutrophils_10e9_per_l": 2.1, "platelets_10e9_per_l": 210, "haemoglobin_g_per_dl": 12.4},
    **{"alt_x_uln": 0.8, "bilirubin_x_uln": 0.7, "creatinine_clearance_ml_min": 82, "potassium_mmol_l": 4.1},
    **{"hba1c_percent": 5.6, "fasting_glucose_mmol_l": 5.2, "diabetes": "none", "insulin": False, "child_pugh": "A"},
    **{"lvef_percent": 61, "ild": False, "vte": False, "active_infection": False, "severe_skin_reaction": False},
    **{"strong_cyp3a_inhibitor": False, "moderate_cyp3a_inhibitor": False, "strong_cyp3a_inducer": False},
    **{"moderate_cyp3a_inducer": False, "qt_prolonging_drug": False, "tamoxifen_current": False},
    "cdk46_intolerance": [],
}
NO_ALTERATION = {
    **{"esr1": "wild-type", "pik3ca": "wild-type", "akt1": "wild-type", "pten": "intact"},
    **{"erbb2": "wild-type", "gbrca": "none", "gpalb2": "none", "sbrca": "none"},
}
FIRST_LINE = {
    **{"setting": "metastatic", "agents": ["palbociclib", "letrozole"], "months": 19},
    **{"best_response": "stable", "stopped_for": "progression"},
}
SECOND_LINE = {
    **{"setting": "metastatic", "agents": ["fulvestrant"], "months": 4},
    **{"best_response": "progressive", "stopped_for": "progression"},
}
PATIENT: dict[str, Any] = {
    "patient": {"age_years": 61, "sex": "female", "menopausal_status": "postmenopausal", "ecog": 1, "pregnant": False},
    "disease": {
        **{"extent": "metastatic", "er": "positive", "pr": "positive", "her2": {"ihc": 0}, "sites": ["bone", "liver"]},
        **{"visceral_crisis": False, "symptomatic_visceral": False, "symptomatic_cns": False},
    },
    "biomarkers": NO_ALTERATION,
    "therapies": [FIRST_LINE],
    "progression": {"status": "radiological", "extent": "systemic"},
    "safety": SAFE,
}


def altered(**biomarkers: str) -> dict[str, Any]:
    return {"biomarkers": {**NO_ALTERATION, **biomarkers}}


def disease(**facts: Any) -> dict[str, Any]:
    return {"disease": {**PATIENT["disease"], **facts}}


def given(*therapies: dict[str, Any]) -> dict[str, Any]:
    return {"therapies": list(therapies)}


ESR1, PIK3CA = altered(esr1="mutated"), altered(pik3ca="mutated")
CHEMOTHERAPY = {
    "setting": "adjuvant",
    "agents": ["doxorubicin", "paclitaxel"],
    "months": 5,
    "stopped_for": "completion",
}
RAPID = given({**FIRST_LINE, "months": 4, "best_response": "progressive"})
MOLECULAR = {
    **{"progression": {"status": "molecular"}, **ESR1},
    **given({**FIRST_LINE, "stopped_for": "ongoing"}),
}
OWN_SETTING = {
    **PIK3CA,
    **given(
        {
            **{"setting": "adjuvant", "agents": ["abemaciclib", "letrozole"], "stopped_for": "completion"},
            **{"started": "2021-01-10", "stopped": "2023-01-10"},
        },
        {
            **{"setting": "adjuvant", "agents": ["letrozole"], "stopped_for": "progression"},
            **{"started": "2023-01-11", "progressed_on": "2026-10-01"},
        },
    ),
    "progression": {"status": "radiological", "extent": "systemic", "on": "2026-10-01"},
}
DECLINED = {
    "patient": {**PATIENT["patient"], "menopausal_status": "premenopausal", "ovarian_suppression": False},
}

TIERS = {"p": "preferred", "a": "alternative", "c": "consider", "v": "avoid"}
STRENGTH = {"str": "strong", "con": "conditional"}
WORKED: list[tuple[str, dict[str, Any], str, str]] = [
    ("elacestrant", ESR1, "p str moderate", "p str moderate"),
    ("imlunestrant", ESR1, "p str moderate", "a con moderate"),
    ("imlunestrant+abemaciclib", ESR1, "a con low", "c con low"),
    ("imlunestrant+abemaciclib", {}, "c con very-low", "c con very-low"),
    ("vepdegestrant", ESR1, "a con moderate", "c con moderate"),
    ("giredestrant+everolimus", ESR1, "c con low", "c con low"),
    ("giredestrant+everolimus", {}, "c con very-low", "c con very-low"),
    ("capivasertib+fulvestrant", PIK3CA, "p str moderate", "p str moderate"),
    ("capivasertib+fulvestrant", altered(akt1="mutated"), "p str moderate", "p str moderate"),
    ("capivasertib+fulvestrant", altered(pten="altered"), "p str moderate", "p str moderate"),
    ("alpelisib+fulvestrant", PIK3CA, "a con low", "c con low"),
    ("gedatolisib+fulvestrant", {}, "a con low", "c con low"),
    ("gedatolisib+fulvestrant", PIK3CA, "c con very-low", "c con very-low"),
    ("gedatolisib+palbociclib+fulvestrant", {}, "a con very-low", "c con very-low"),
    ("gedatolisib+palbociclib+fulvestrant", PIK3CA, "c con very-low", "c con very-low"),
    ("inavolisib+palbociclib+fulvestrant", PIK3CA, "v con very-low", "v con very-low"),
    ("inavolisib+palbociclib+fulvestrant", OWN_SETTING, "a con low", "a con low"),
    ("abemaciclib+fulvestrant", {}, "a con moderate", "a con moderate"),
    ("ribociclib+fulvestrant", {}, "a con low", "a con low"),
    ("ribociclib+exemestane", {}, "c con very-low", "c con very-low"),
    ("palbociclib+fulvestrant", {}, "v str moderate", "v str moderate"),
    ("everolimus+exemestane", {}, "a con low", "a con low"),
    ("everolimus+fulvestrant", {}, "c con very-low", "c con very-low"),
    ("fulvestrant", {}, "c con moderate", "c con moderate"),
    ("exemestane", {}, "c con very-low", "c con very-low"),
    ("tamoxifen", {}, "v con very-low", "v con very-low"),
    ("tamoxifen", DECLINED, "c con very-low", "c con very-low"),
    ("olaparib", {**altered(gbrca="pathogenic"), **given(CHEMOTHERAPY, FIRST_LINE)}, "a con low", "a con low"),
    ("olaparib", altered(gbrca="pathogenic"), "c con low", "c con low"),
    ("olaparib", altered(gpalb2="pathogenic"), "c con low", "c con low"),
    ("olaparib", altered(sbrca="pathogenic"), "c con low", "c con low"),
    ("talazoparib", {**altered(gbrca="pathogenic"), **given(CHEMOTHERAPY, FIRST_LINE)}, "a con low", "a con low"),
    ("talazoparib", altered(gbrca="pathogenic"), "a con low", "c con low"),
    ("trastuzumab-deruxtecan", disease(her2={"ihc": "1+"}), "c con low", "v con low"),
    ("trastuzumab-deruxtecan", {**disease(her2={"ihc": "ultralow"}), **RAPID}, "p con moderate", "p con moderate"),
    ("sacituzumab-govitecan", {}, "v con low", "v con low"),
    ("datopotamab-deruxtecan", {}, "v con low", "v con low"),
    ("chemotherapy", {}, "v con low", "v con low"),
    ("chemotherapy", disease(symptomatic_visceral=True), "a con low", "a con low"),
    ("chemotherapy", disease(visceral_crisis=True), "p str low", "p str low"),
    ("camizestrant+cdk46", ESR1, "v con very-low", "v con very-low"),
    ("camizestrant+cdk46", MOLECULAR, "a con moderate", "c con moderate"),
    ("palbociclib+fulvestrant", MOLECULAR, "c con low", "a con low"),
]
