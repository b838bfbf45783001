"""What the site calls things: kinds of rules, verdicts, the letters and rows of a grading; and what words mean."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of rule: the folder of its files, what one is called, the title of its index and what it answers."""

    folder: str
    one: str
    title: str
    answers: str


KINDS = {
    kind.folder: kind
    for kind in (
        Kind("verdicts", "verdict rule", "Verdict rules", "Does the inhibitor go on?"),
        Kind("options", "option rule", "Option rules", "What could be given next, and at which tier?"),
        Kind("safety", "gate", "Gates", "What closes or lowers an option, or stops the inhibitor in use?"),
        Kind("tests", "test rule", "Test rules", "Which unknown fact is worth finding out?"),
        Kind("cautions", "caution", "Cautions", "What else should be said?"),
        Kind("definitions", "definition", "Definitions", "What do the words that rules use mean here?"),
        Kind("laws", "law", "Laws", "What holds for every patient, whatever the rules say?"),
    )
}

EVIDENCE = {
    "trial": "Trials",
    "meta-analysis": "Meta-analyses",
    "cohort": "Cohorts",
    "label": "Labels",
    "guideline": "Guidelines and definitions",
}

VERDICTS = {
    "continue": "continue",
    "do-not-continue": "do not continue",
    "individualise": "individualise",
    "out-of-scope": "out of scope",
    "undetermined": "undetermined",
}

PLACES = {"us": "United States", "eu": "European Union", None: "US and EU"}

START = {
    "randomised": "a randomised trial: high",
    "label": "a use that a label states with its trials unread: moderate",
    "cohort": "a cohort: low",
    "consensus": "consensus: low",
    "response": "a single arm, for response: low",
    "time-to-event": "a single arm, for time to an event: very low",
    "none": "nothing: very low",
}
LETTERS = {
    "R": "open-label, read by investigators, in favour of the new treatment; or known second-hand or as an abstract",
    "N": "another randomised trial, or a pooling of such trials alone, points the other way",
    "P": "an indirect population",
    "C": "the comparator is itself unproven in this population",
    "S": "progression-free survival only; survival not better, or immature",
    "I": "an imprecise interval, none read, or few events or patients",
    "U": "the claim rests on a subgroup alone",
    "B": "a sponsor's topline without figures",
}
ROWS = {
    "T1": "a gate, where the label says do not start, or in pregnancy: contraindicated",
    "T2": "a gate, where the label says avoid or the trial excluded the state: avoid",
    "T3": "the inhibitor the cancer progressed on, with endocrine therapy alone: avoid",
    "T4": "outside the label and every positive trial by line or earlier treatment: avoid",
    "T5": "phase 3 in this setting, primary endpoint met, relevant gain, moderate certainty, wording covers: preferred",
    "T6": "as T5 but for gain, certainty, an approval known second-hand or unread, or a limit: alternative",
    "T7": "phase 3 outside this setting, positive, wording covers: alternative",
    "T8": "randomised phase 2 in this setting, primary endpoint met, relevant gain, wording covers: alternative",
    "T9": "positive randomised trial, not approved there that day, or the wording does not cover: consider",
    "T10": "off-label on a phase 2 outside this setting, a single arm, or an arm outside the formal test: consider",
    "T11": "weak baseline, single-agent endocrine therapy: consider",
    "T12": "none of the other rows: avoid",
    "consensus": "chemotherapy where guidelines give it without a comparison: alternative",
}
ADJUSTED = {
    "A1": "a gate, where the class was used before",
    "A2": "drug or partner in under a quarter of the trial, or a partner already progressed on: one tier lower",
    "A3": "disease not endocrine-refractory: at most consider",
    "A4": "a gate, in symptomatic visceral disease",
    "A5": "visceral crisis: preferred",
    "A6": "no progression yet: at most alternative",
}
WORDING = {
    "covers": "covers this patient",
    "second-hand": "known second-hand",
    "unread": "not read",
    "outside": "does not cover this patient",
    "not-approved": "not approved there",
}
LIMITS = {
    "accelerated": "accelerated approval",
    "exploratory-label": "the label rests on an exploratory analysis",
    "outside-the-trial": "outside the trial's entry",
}

ROLES = {
    "primary": "primary",
    "key-secondary": "key secondary",
    "secondary": "secondary",
    "exploratory": "exploratory",
    "safety": "safety",
}

GLOSSARY = {
    "verdict": "The answer on the CDK4/6 inhibitor: continue, do not continue, individualise, undetermined, out of "
    "scope.",
    "individualise": "The data are there, but no evidence answers for this patient; the answer says what is nearest.",
    "undetermined": "Facts are missing and the answer depends on them.",
    "out of scope": "The evidence is not about this patient. Comes before every other verdict.",
    "option, tier": "A regimen that could be given next. Preferred, alternative and consider are offered; avoid and "
    "contraindicated are not.",
    "gate": "A rule that closes or lowers options on safety grounds. One that cannot be judged stands beside the tier "
    "as an open check.",
    "fires": "A rule fires where its condition holds. Where a fact that decides is unknown it is undetermined: "
    "unknown never counts as no.",
    "overrides": "A rule that fires takes those it overrides out of the answer. There are no other priorities.",
    "definition": "A fact, or a yes or no, worked out from other facts, so that rules share one meaning.",
    "law": "What must hold for every patient and every answer; every case is held against it.",
    "strength": "Strong or conditional, as in GRADE.",
    "certainty": "High, moderate, low or very low, as in GRADE.",
    "counts from": "The first day on which a report is surely public: one known by its month or year counts once that "
    "is over.",
    "superseded": "A later report of the same endpoint, subgroup, comparison and assessor takes the place of an "
    "earlier one, which stays on record.",
}


_CAPITALS = (
    *("adc", "akt1", "aml", "brca", "cyp3a", "cyp3a4", "er", "erbb2", "esr1", "eu", "her2", "ihc", "ild", "lvef"),
    *("mds", "palb2", "parp", "pik3ca", "pten", "qt", "uk", "us", "ugt1a1", "vte"),
)
_AS_WRITTEN = {
    **{word: word.upper() for word in _CAPITALS},
    **{"cdk46": "CDK4/6", "hba1c": "HbA1c", "qtcf": "QTcF", "pgr": "PgR", "gcsf": "G-CSF", "pgp": "P-gp"},
}


def spelt(name: str) -> str:
    """A name of an evidence file as a clinician writes it: `ESR1 test` for `esr1_test`."""
    return " ".join(_AS_WRITTEN.get(word, word) for word in name.split("_"))


def plain(term: str) -> str:
    """A term of a scale as a sentence has it: `very low` for `very-low`."""
    return term.replace("-", " ")
