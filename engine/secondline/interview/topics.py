"""What is asked about, in the order of a consultation, and in which words; what those words mean."""

from __future__ import annotations

from typing import NamedTuple

from secondline.facts import main_of

WORKED_OUT = ("prior_cdk46.", "history.")


class Topic(NamedTuple):
    """One question: the facts asked in it, in this order; with `ask`, as one list of those that are so."""

    title: str
    facts: tuple[str, ...]
    ask: str = ""


def _of(group: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{group}.{name}" for name in names)


# In the order of a consultation; among facts that matter alike the first is asked first.
TOPICS = (
    Topic("Treatment so far", ()),
    Topic("Progression", _of("progression", "status", "on", "extent")),
    Topic("Receptors of the tumour", _of("disease", "er", "pr", "her2")),
    Topic("Extent of the disease", _of("disease", "extent", "sites")),
    Topic(
        "Symptoms and organs",
        _of("disease", "visceral_crisis", "symptomatic_visceral", "symptomatic_cns"),
        "Which of these are present?",
    ),
    Topic(
        "The patient",
        _of("patient", "sex", "menopausal_status", "ovarian_suppression", "pregnant", "ecog", "age_years"),
    ),
    Topic("ESR1", _of("biomarkers", "esr1")),
    Topic("PIK3CA, AKT1 and PTEN", _of("biomarkers", "pik3ca", "akt1", "pten")),
    Topic("BRCA and PALB2", _of("biomarkers", "gbrca", "gpalb2", "sbrca")),
    Topic("ERBB2", _of("biomarkers", "erbb2")),
    Topic("CDK4/6 inhibitors not tolerated", _of("safety", "cdk46_intolerance")),
    Topic(
        "Other illness",
        _of("safety", "ild", "vte", "active_infection", "severe_skin_reaction"),
        "Which of these apply?",
    ),
    Topic(
        "Other drugs",
        _of("safety", "strong_cyp3a_inhibitor", "moderate_cyp3a_inhibitor", "strong_cyp3a_inducer")
        + _of("safety", "moderate_cyp3a_inducer", "qt_prolonging_drug", "tamoxifen_current"),
        "Which of these does the patient take now?",
    ),
    Topic("Heart and electrolytes", _of("safety", "qtcf_ms", "potassium_mmol_l", "lvef_percent")),
    Topic("Liver", _of("safety", "alt_x_uln", "bilirubin_x_uln", "child_pugh")),
    Topic(
        "Blood count and kidneys",
        _of("safety", "neutrophils_10e9_per_l", "platelets_10e9_per_l", "haemoglobin_g_per_dl")
        + _of("safety", "creatinine_clearance_ml_min"),
    ),
    Topic("Glucose", _of("safety", "diabetes", "insulin", "hba1c_percent", "fasting_glucose_mmol_l")),
)
TOPIC = {fact: topic for topic in TOPICS for fact in topic.facts}
_PLACE = {fact: place for place, fact in enumerate(TOPIC)}

# How a fact is asked; in a list, what stands there.
ASK = {
    "patient.age_years": "How old is the patient?",
    "patient.sex": "What is the patient's sex?",
    "patient.menopausal_status": "What is the menopausal status?",
    "patient.ovarian_suppression": "Is the function of the ovaries suppressed or ablated?",
    "patient.ecog": "What is the performance status of the Eastern Cooperative Oncology Group (ECOG)?",
    "patient.pregnant": "Is the patient pregnant?",
    "disease.extent": "How far has the disease spread?",
    "disease.er": "What is the status of the oestrogen receptor (ER)?",
    "disease.er.percent": "What percentage of cells stains for the oestrogen receptor (ER)?",
    "disease.pr": "What is the status of the progesterone receptor (PR)?",
    "disease.pr.percent": "What percentage of cells stains for the progesterone receptor (PR)?",
    "disease.her2": "What does immunohistochemistry of HER2 show?",
    "disease.her2.ihc": "What is the score of HER2 by immunohistochemistry?",
    "disease.her2.ish": "What does in situ hybridisation of HER2 show?",
    "disease.sites": "Where is there disease now?",
    "disease.visceral_crisis": "visceral crisis",
    "disease.symptomatic_visceral": "symptoms from disease in internal organs",
    "disease.symptomatic_cns": "symptoms from disease in the brain or its membranes",
    "biomarkers.esr1": "What does the test of ESR1 show?",
    "biomarkers.pik3ca": "What does the test of PIK3CA show?",
    "biomarkers.akt1": "What does the test of AKT1 show?",
    "biomarkers.erbb2": "What does the test of ERBB2, the gene of HER2, show?",
    "biomarkers.pten": "What does the test of PTEN show?",
    "biomarkers.gbrca": "Is there a pathogenic germline variant of BRCA1 or BRCA2?",
    "biomarkers.gpalb2": "Is there a pathogenic germline variant of PALB2?",
    "biomarkers.sbrca": "Is there a pathogenic somatic variant of BRCA1 or BRCA2?",
    "progression.status": "What shows progression now?",
    "progression.on": "When was this progression found?",
    "progression.extent": "Is the progression limited or systemic?",
    "safety.qtcf_ms": "What is the QT interval corrected after Fridericia (QTcF)?",
    "safety.neutrophils_10e9_per_l": "What is the neutrophil count?",
    "safety.platelets_10e9_per_l": "What is the platelet count?",
    "safety.alt_x_uln": "What is the alanine aminotransferase (ALT)?",
    "safety.bilirubin_x_uln": "What is the bilirubin?",
    "safety.creatinine_clearance_ml_min": "What is the creatinine clearance?",
    "safety.hba1c_percent": "What is the glycated haemoglobin (HbA1c)?",
    "safety.fasting_glucose_mmol_l": "What is the fasting glucose?",
    "safety.potassium_mmol_l": "What is the potassium?",
    "safety.lvef_percent": "What is the ejection fraction of the left ventricle (LVEF)?",
    "safety.haemoglobin_g_per_dl": "What is the haemoglobin?",
    "safety.diabetes": "Is there diabetes?",
    "safety.insulin": "Is there treatment with insulin?",
    "safety.child_pugh": "What is the Child-Pugh class of the liver?",
    "safety.cdk46_intolerance": "Which CDK4/6 inhibitors were not tolerated?",
    "safety.ild": "interstitial lung disease or pneumonitis, now or earlier",
    "safety.vte": "venous thromboembolism, now or earlier",
    "safety.active_infection": "active infection",
    "safety.severe_skin_reaction": "severe skin reaction to a drug, ever",
    "safety.strong_cyp3a_inhibitor": "strong CYP3A inhibitor",
    "safety.moderate_cyp3a_inhibitor": "moderate CYP3A inhibitor",
    "safety.strong_cyp3a_inducer": "strong CYP3A inducer",
    "safety.moderate_cyp3a_inducer": "moderate CYP3A inducer",
    "safety.qt_prolonging_drug": "drug that prolongs the QT interval",
    "safety.tamoxifen_current": "tamoxifen",
    "sample": "where was the result found?",
    "taken": "when was the sample taken?",
    "tumour_fraction_percent": "what was the tumour fraction in the sample?",
    "variant": "which variant was found?",
}
# What the words of a question mean.
_NEWEST = "Of the newest sample that was tested."
_IN_TISSUE = "A negative in plasma is confirmed in tissue."
_UPPER_LIMIT = "The value divided by the laboratory's upper limit of normal."
_CYP3A = "CYP3A is an enzyme that breaks drugs down; strong and moderate are meant as in the drugs' labels."
_NOT_FOUND = "`none`: tested, and no pathogenic variant found."
HELP = {
    "patient.menopausal_status": "Under ovarian suppression: the status without it.",
    "patient.ovarian_suppression": "By an LHRH agonist (a hormone that silences the ovaries), surgery or radiotherapy.",
    "disease.extent": "`locally-advanced`: not amenable to curative treatment; `early`: amenable to it.",
    "disease.er": _NEWEST,
    "disease.pr": _NEWEST,
    "disease.her2": f"{_NEWEST} HER2-low is a score of 1+, or of 2+ without amplification; `ultralow` is staining of "
    "less than 1+.",
    "disease.her2.ish": "A score of 2+ alone leaves HER2 open.",
    "disease.sites": "Every known site: those not named are taken as free.",
    "disease.visceral_crisis": "Visceral crisis: severe organ dysfunction with rapid progression, shown by symptoms, "
    "signs and laboratory tests; not the mere presence of metastases.",
    "biomarkers.esr1": "A negative in tissue or in an earlier sample excludes nothing.",
    "biomarkers.pik3ca": _IN_TISSUE,
    "biomarkers.akt1": _IN_TISSUE,
    "biomarkers.pten": _IN_TISSUE,
    "biomarkers.gbrca": _NOT_FOUND,
    "biomarkers.gpalb2": _NOT_FOUND,
    "biomarkers.sbrca": _NOT_FOUND,
    "progression.status": "`molecular`: a new ESR1 mutation in plasma without clinical or radiological progression.",
    "progression.extent": "`limited`: few sites, open to local treatment. Not known is taken as systemic.",
    "safety.alt_x_uln": _UPPER_LIMIT,
    "safety.bilirubin_x_uln": _UPPER_LIMIT,
    "safety.diabetes": "`none` also says that there is no treatment with insulin.",
    "safety.cdk46_intolerance": "Those that had to be ended, or cannot be given, because of what they did.",
    "safety.strong_cyp3a_inhibitor": _CYP3A,
    "safety.moderate_cyp3a_inhibitor": _CYP3A,
    "safety.strong_cyp3a_inducer": _CYP3A,
    "safety.moderate_cyp3a_inducer": _CYP3A,
}


def place(fact: str) -> int:
    """Where a fact comes in a consultation; what is worked out from treatments comes first."""
    return -1 if fact.startswith(WORKED_OUT) else _PLACE.get(main_of(fact), len(_PLACE))
