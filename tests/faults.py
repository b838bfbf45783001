# ruff: noqa: E501  # text of rule files, as it stands there
"""Faults seeded into copies of the shipped rules, one a time, each with the kind of claim that has to notice it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from secondline.rulefiles import RuleFiles

ALL = "when:\n  all:\n"  # begins most conditions


class Fault(NamedTuple):
    """A fault: its kind, the rule it is in, text replaced in that rule's file (None: the file goes), who notices it.

    With `copied` the changed text is a new file beside the old one, with an id of its own.
    """

    kind: str
    rule: str
    old: str = ""
    new: str | None = ""
    noticed: str = ""
    copied: bool = False

    @property
    def name(self) -> str:
        return (
            f"{self.kind}: {self.rule}: {self.old.strip()[:60]!r} -> {'gone' if self.new is None else self.new[:60]!r}"
        )

    def seeded(self, files: RuleFiles) -> RuleFiles:
        """The rules with the fault in them."""
        name = path_of(self.rule, files.contents)
        contents = dict(files.contents)
        if self.new is None:
            del contents[name]
            return files._replace(contents=contents)
        text = contents[name].decode()
        assert self.old in text, f"{name} has no {self.old!r}"
        changed = text.replace(self.old, self.new, 1)
        if self.copied:
            changed = changed.replace(f"id: {self.rule}\n", f"id: {self.rule}-copied\n", 1)
            name = name.replace(self.rule, f"{self.rule}-copied")
        return files._replace(contents={**contents, name: changed.encode()})


def path_of(rule: str, contents: Mapping[str, bytes]) -> str:
    """The file of a rule or definition."""
    (found,) = (name for name in contents if name.rpartition("/")[2] == f"{rule}.yaml")
    return found


def _not_overridden(rule: str, *others: str) -> list[Fault]:
    return [Fault("contradiction", rule, f"  - {other}\n", "", "agreed") for other in others]


def _says(rule: str, old: str, new: str) -> Fault:
    return Fault("contradiction", rule, old, new, "agreed")


_NO_DIRECTION = "then: {verdict: individualise}"
_CONDITIONAL_LOW = "then: {verdict: do-not-continue, strength: conditional, certainty: low}"

CONTRADICTIONS = [
    *_not_overridden(
        "limited-progression",
        "adjuvant-inhibitor-other-than-palbociclib",
        "adjuvant-palbociclib",
        "beyond-progression-2023",
        "early-progression",
        "ecog-2-or-more",
        "man",
        "palbociclib-beyond-palbociclib",
        "ribociclib-or-abemaciclib-beyond-itself",
        "third-line",
        "visceral-crisis",
    ),
    *_not_overridden("stopped-before-progression", "adjuvant-palbociclib", "ecog-2-or-more", "visceral-crisis"),
    *_not_overridden("late-relapse-after-an-adjuvant-inhibitor", "visceral-crisis"),
    _says("early-progression", _CONDITIONAL_LOW, _NO_DIRECTION),
    _says("man", _CONDITIONAL_LOW, _NO_DIRECTION),
    _says("third-line", _CONDITIONAL_LOW, _NO_DIRECTION),
    _says("palbociclib-beyond-palbociclib", "verdict: do-not-continue", "verdict: continue"),
    _says("no-progression", "    - {progression.status: none}\n", ""),
    _says("progression-not-established", "    - {prior_cdk46.stopped_for: progression}\n", ""),
]


def _gone(rule: str) -> Fault:
    return Fault("gap", rule, new=None, noticed="answered")


def _gap(rule: str, old: str, new: str) -> Fault:
    return Fault("gap", rule, old, new, "answered")


GAPS = [
    *map(
        _gone,
        (
            "progression-not-established",
            "stopped-before-progression",
            "inhibitor-in-an-earlier-line",
            "no-earlier-inhibitor",
        ),
    ),
    _gap("no-progression", "{progression.status: none}", "{progression.status: none}\n    - {patient.ecog: {at_most: 1}}"),
    _gap("molecular-progression", "    - {prior_cdk46.stopped_for: ongoing}", "    - {prior_cdk46.partner_class: aromatase-inhibitor}"),
    _gap("palbociclib-beyond-palbociclib", "{prior_cdk46.agent: palbociclib}", "{prior_cdk46.agent: palbociclib}\n    - {disease.sites: {has_none: [skin]}}"),
    _gap("ribociclib-or-abemaciclib-beyond-itself", "[ribociclib, abemaciclib, other]", "[ribociclib, abemaciclib]"),
    _gap("adjuvant-palbociclib", "from: 2024-03-21", "from: 2024-03-22"),
    _gap("palbociclib-beyond-palbociclib-2023", "until: 2024-03-20", "until: 2024-03-19"),
    _gap("before-the-trials", "until: 2022-12-31", "until: 2022-12-30"),
    _gap("late-relapse-after-an-adjuvant-inhibitor", "{above: 12}", "{above: 13}"),
    _gap("stopped-before-progression", "            - {prior_cdk46.stopped_for: toxicity}", "            - {prior_cdk46.stopped_for: completion}"),
    _gap("her2-positive", "when: {disease.her2: positive}", "when: {all: [{disease.her2: positive}, {disease.her2.ihc: 3+}]}"),
    _gap("er-and-pr-negative", "when: {disease.hr: negative}", "when: {all: [{disease.hr: negative}, {disease.pr: negative}, {disease.sites: {has_none: [brain]}}]}"),
]  # fmt: skip


def _narrowed(rule: str, part: str, noticed: str = "used", begins: str = ALL) -> Fault:
    return Fault("of no use", rule, begins, f"{begins}    - {part}\n", noticed)


IDLE = [
    _narrowed("third-line", "{disease.her2: positive}"),
    _narrowed("man", "{patient.menopausal_status: postmenopausal}"),
    _narrowed("symptomatic-cns-disease", "{prior_cdk46.stopped_for: toxicity}"),
    _narrowed("elacestrant-us", "{biomarkers.esr1_now: wild-type}"),
    _narrowed("olaparib-us", "{biomarkers.gbrca: none}"),
    _narrowed("ribociclib-liver-tests", "{safety.alt_x_uln: {at_most: 3}}"),
    _narrowed("early-progression", "{disease.visceral_crisis: true}"),
    _narrowed("trastuzumab-deruxtecan-us", "{disease.her2.ihc: 3+}"),
    Fault("of no use", "ecog-2-or-more", "{at_least: 2}", "{at_least: 2, at_most: 4}}\n    - {progression.extent: limited", "used"),
    Fault("of no use", "fulvestrant-2022", "from: 2022-07-01, until: 2023-05-18", "from: 2022-07-01, until: 2022-06-30", "used"),
    Fault("of no use", "elacestrant-off-label", "tier: consider, strength: conditional", "tier: preferred, strength: conditional", "used"),
    Fault("of no use", "chemotherapy-before-refractory", "when: {definition: needs-a-next-treatment}", "when: {all: [{definition: needs-a-next-treatment}, {disease.visceral_crisis: true}]}", "used"),
    Fault("of no use", "ribociclib-qtcf", "agents: [ribociclib]", "agents: [letrozole]", "used"),
    Fault("of no use", "her2-score", "  - {when: {disease.her2.ihc: ultralow}, value: ultralow}\n", "  - {when: {disease.her2.ihc: [1+, ultralow]}, value: low}\n  - {when: {disease.her2.ihc: ultralow}, value: ultralow}\n", "reached"),
    Fault("of no use", "endocrine-response", "{history.months_on_adjuvant_endocrine: {below: 24}}", "{history.months_on_adjuvant_endocrine: {below: 0}}", "reached"),
    Fault("of no use", "progressed", "[radiological, clinical]", "[none, molecular, radiological, clinical]", "reached"),
    Fault("of no use", "capivasertib-diabetes", "{above: 8.0}", "{above: 25}", "branch"),
    Fault("of no use", "symptomatic-cns", "{disease.sites: {has: brain}}, {disease.symptomatic_cns: true}", "{disease.sites: {has: leptomeninges}}, {disease.symptomatic_cns: true}", "branch"),
    Fault("of no use", "visceral-crisis-without-progression", "{all: [{disease.visceral_crisis: true}, {progression.status: [none, molecular]}]}", "{any: [{disease.visceral_crisis: true}, {disease.visceral_crisis: false}]}", "bounded"),
    Fault("of no use", "renal-impairment", "{below: 30}", "{at_least: 0}", "bounded"),
]  # fmt: skip


def _law(rule: str) -> Fault:
    return Fault("broken law", rule, new=None, noticed="law")


def _law_by(rule: str, old: str, new: str) -> Fault:
    return Fault("broken law", rule, old, new, "law")


BROKEN = [
    *map(
        _law,
        (
            "ribociclib-qtcf",
            "ribociclib-qt-prolonging-drug",
            "ribociclib-tamoxifen",
            "ribociclib-liver-tests",
            "ribociclib-strong-cyp3a-inducer",
            "ribociclib-not-tolerated",
            "palbociclib-not-tolerated",
            "palbociclib-strong-cyp3a-inhibitor",
            "abemaciclib-not-tolerated",
            "lung-disease-on-the-inhibitor",
            "elacestrant-cyp3a4-drugs",
            "elacestrant-child-pugh-c",
            "capivasertib-diabetes",
            "alpelisib-severe-skin-reaction",
            "inavolisib-diabetes",
            "everolimus-active-infection",
            "oral-serd-again",
            "parp-inhibitor-again",
            "visceral-crisis-and-endocrine-therapy",
        ),
    ),
    _law_by("limited-progression", _NO_DIRECTION, _CONDITIONAL_LOW),
    _law_by("camizestrant-beside-an-inhibitor-that-is-closed", "                - {safety.qt_prolonging_drug: true}\n", ""),
    _law_by("pregnancy", "when: {patient.pregnant: true}", "when: {all: [{patient.pregnant: true}, {patient.sex: female}, {patient.ecog: {at_most: 3}}]}"),
    _law_by("no-ovarian-suppression", "[premenopausal, perimenopausal]", "premenopausal"),
    _law_by("pregnancy", "parp-inhibitor, adc, chemotherapy", "parp-inhibitor, chemotherapy"),
    _law_by("talazoparib-us", "{biomarkers.gbrca: pathogenic}", "{biomarkers.gbrca: none}"),
]  # fmt: skip


def _limit(rule: str, old: str, new: str, noticed: str = "law") -> Fault:
    return Fault("limit", rule, old, new, noticed)


LIMITS = [
    _limit("ribociclib-qtcf", "{at_least: 450}", "{at_least: 451}"),
    _limit("ribociclib-qtcf", "{at_least: 450}", "{above: 450}"),
    _limit("ribociclib-qtcf", "{at_least: 450}", "{at_least: 449}", "closes"),
    _limit("ribociclib-liver-tests", "{above: 3}", "{above: 4}"),
    _limit("ribociclib-liver-tests", "{above: 2}", "{at_least: 3}"),
    _limit("capivasertib-diabetes", "{above: 8.0}", "{above: 8.1}"),
    _limit("talazoparib-cytopenia", "{safety.platelets_10e9_per_l: {below: 50}}", "{safety.platelets_10e9_per_l: {below: 49}}"),
    _limit("talazoparib-cytopenia", "{below: 1.0}", "{below: 0.9}"),
    _limit("inside-inavo120", "{history.line: 1}", "{history.line: 2}"),
    _limit("recent-adjuvant-inhibitor", "{at_most: 12}", "{at_most: 11}", "answered"),
]  # fmt: skip

REDUNDANT = [
    Fault("redundant", "third-line", "{at_least: 3}", "{at_least: 4}", "apart", copied=True),
    Fault("redundant", "ribociclib-qtcf", "{at_least: 450}", "{at_least: 480}", "apart", copied=True),
    Fault("redundant", "elacestrant-us", ALL, f"{ALL}    - {{disease.extent: metastatic}}\n", "apart", copied=True),
    Fault("redundant", "germline-brca", "fact:", "notes: [again]\nfact:", "apart", copied=True),
    Fault("redundant", "everolimus-fulvestrant", "when:", "jurisdiction: eu\nwhen:", "apart", copied=True),
]


def _by_age(rule: str, old: str, new: str) -> Fault:
    return Fault("depends", rule, old, new, "unused")


DEPENDENT = [
    _by_age("no-progression", ALL, f"{ALL}    - {{patient.age_years: {{below: 75}}}}\n"),
    _by_age("limited-progression", ALL, f"{ALL}    - {{patient.age_years: {{at_least: 18}}}}\n"),
    _by_age("elacestrant-us", ALL, f"{ALL}    - {{patient.age_years: {{at_most: 70}}}}\n"),
    _by_age("fulvestrant", "when: {definition: needs-a-next-treatment}", "when: {all: [{definition: needs-a-next-treatment}, {patient.age_years: {at_least: 65}}]}"),
    _by_age("ribociclib-qtcf", "when: {safety.qtcf_ms: {at_least: 450}}", "when: {any: [{safety.qtcf_ms: {at_least: 450}}, {patient.age_years: {above: 85}}]}"),
    _by_age("rapid-first-line-progression", "{history.endocrine_lines: 1}", "{history.endocrine_lines: 1}\n        - {patient.age_years: {below: 80}}"),
    _by_age("endocrine-refractory", "{disease.visceral_crisis: true}", "{disease.visceral_crisis: true}\n        - {patient.age_years: {above: 90}}"),
    _by_age("olaparib-us", ALL, f"{ALL}    - {{patient.sex: female}}\n"),
    _by_age("capivasertib-fulvestrant-us", ALL, f"{ALL}    - {{patient.sex: female}}\n"),
    _by_age("molecular-progression", ALL, f"{ALL}    - {{patient.sex: female}}\n"),
]  # fmt: skip

FAULTS = (*CONTRADICTIONS, *GAPS, *IDLE, *BROKEN, *LIMITS, *REDUNDANT, *DEPENDENT)
