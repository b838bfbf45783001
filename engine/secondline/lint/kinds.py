"""The kinds of findings: a code that never changes, what it means, an example, how it is mended."""

from __future__ import annotations

from typing import Literal, NamedTuple

from secondline.errors import Place

Level = Literal["error", "warning"]


class Kind(NamedTuple):
    """One kind of finding. An error makes an answer or a text wrong; a warning is what has to be looked at again."""

    code: str
    name: str
    level: Level
    says: str
    why: str
    example: str
    mend: str


Path = tuple[str | int, ...]
Raised = tuple[str, Path, str]  # a code, where in the file, and a message


class Finding(NamedTuple):
    """One thing found at one place, in a sentence without a final stop, with the code of its kind."""

    place: Place
    message: str
    code: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} [{self.code}]"


UNREADABLE, INVALID, REFUSED, UNREAD, UNNEEDED = "SL001", "SL002", "SL003", "SL004", "SL005"
FIGURE, EARLY_CITE, NO_TITLE, OTHER_DRUG, OPEN = "SL101", "SL102", "SL103", "SL104", "SL105"
TOO_EARLY, REVERSED, OVERDUE, SUPERSEDED = "SL201", "SL202", "SL203", "SL204"
GRADING, LABEL, APPROVAL = "SL301", "SL302", "SL303"
FILE_NAME, ENDPOINT, UNUSED, NO_TARGET, NO_WORDS = "SL401", "SL402", "SL403", "SL404", "SL405"
NEVER_TRUE, UNREACHABLE = "SL501", "SL502"
NEVER_FIRES, NO_NEAR_MISS, UNTESTED = "SL601", "SL602", "SL603"

_KINDS = (
    Kind(
        UNREADABLE,
        "unreadable",
        "error",
        "a file cannot be read as YAML",
        "Nothing of the rule folder is used while one of its files cannot be read.",
        "when: {patient.ecog: 1",
        "Correct the line that the message names: most often a bracket, a quote or the indentation.",
    ),
    Kind(
        INVALID,
        "invalid",
        "error",
        "a key, value, name or cite is not valid",
        "A name that is misspelt would otherwise be a condition that never holds, or a cite of nothing.",
        "when: {disease.her: negative}",
        "The message says what was expected and the nearest valid name. Editors complete names by `secondline schema`.",
    ),
    Kind(
        REFUSED,
        "engine-limit",
        "error",
        "durable_rules cannot be trusted with the conditions as they stand",
        "Beyond known limits durable_rules breaks silently, so what could cross one is refused before any patient.",
        "several hundred alternatives in one condition",
        "Split the condition with a definition, as the message says.",
    ),
    Kind(
        UNREAD,
        "unread-file",
        "error",
        "a file of the rule folder is not read",
        "A rule whose file ends otherwise than in `.yaml` is silently missing from every answer.",
        "safety/ribociclib-qtcf.ymal",
        "Rename the file, or move it out of the rule folder.",
    ),
    Kind(
        UNNEEDED,
        "unneeded-reason",
        "warning",
        "a note gives the reason for a finding that is not there",
        "A note that begins with a code, as `SL403: ...`, accepts that finding in its file. Left behind, it would hide "
        "the next one.",
        'notes: ["SL403: no rule reads it yet"], in a definition that a rule reads',
        "Remove the note.",
    ),
    Kind(
        FIGURE,
        "typed-figure",
        "error",
        "a figure is typed in a text",
        "Figures have one home, the evidence file: a typed one stays as it is when a later report corrects it.",
        "says: A gain of 4.9 months.",
        "Cite the result in braces, as in `{PALMIRA/pfs}`. A limit that the condition itself tests may be named.",
    ),
    Kind(
        EARLY_CITE,
        "early-cite",
        "error",
        "a text shows a cite on days on which it is not yet public",
        "A rule counts once one of its cites is public; on such a day the others have no figures to show.",
        "says: No gain ({PALMIRA/pfs}; {PACE/os}).",
        "Put the clause in `[[...]]`, so that it is shown only once its cites are public.",
    ),
    Kind(
        NO_TITLE,
        "no-title",
        "error",
        "a verdict rule or gate has no title",
        "Headlines and lists are made of the titles of these rules.",
        "id: no-gain, without `title`",
        "Add a `title`: a short clause, without a final stop.",
    ),
    Kind(
        OTHER_DRUG,
        "other-drug",
        "error",
        "a text names a drug that neither the rule nor what it cites is about, or an option begins with another drug",
        "Mostly a text that was copied from the rule of another drug.",
        "regimen: imlunestrant, and says: Elacestrant lengthened ...",
        "Name the drug of the condition, of `regimen` or of `applies_to`, or cite the evidence on the other one. "
        "The title and the text of an option begin with no drug but its own.",
    ),
    Kind(
        OPEN,
        "not-filled-in",
        "error",
        "a text that `secondline new` left to be filled in, in a rule in effect or in evidence that is cited",
        "Otherwise it would be read to a clinician.",
        "says: FILL IN, one or two sentences.",
        "Write the text, or keep the rule out of effect with `effective.from` until it is written.",
    ),
    Kind(
        TOO_EARLY,
        "too-early",
        "error",
        "a rule is said to be in effect before any of its cites was public",
        "Nothing is answered on evidence that did not exist on the day asked.",
        "effective: {from: 2020-01-01}, all cites from 2023 on",
        "Begin the rule on the day the message names, or cite what was public before.",
    ),
    Kind(
        REVERSED,
        "days-reversed",
        "error",
        "a rule ends before it begins",
        "It counts on no day at all.",
        "effective: {from: 2024-01-01, until: 2023-12-31}",
        "Correct one of the two days.",
    ),
    Kind(
        OVERDUE,
        "review-overdue",
        "warning",
        "the day by which a rule was to be reviewed is past",
        "From that day on every answer that it decides says so first.",
        "review_by: 2025-06-30, as of 2026-11-22",
        "Read the evidence again and set the next day, or end the rule with `effective.until`. "
        "`check --as-of DAY` asks for another day than `knowledge_until`.",
    ),
    Kind(
        SUPERSEDED,
        "superseded-cite",
        "warning",
        "a cite names a report or an endpoint that a newer report supersedes",
        "The rule shows the older figures for ever, or the newer ones under the older name.",
        '"PALMIRA/pfs[report=PALMIRA-ASCO-2023]", while PALMIRA-JCO-2025 is public',
        "Take `report=` out, cite the newer name, or end the rule with `effective.until` the day before.",
    ),
    Kind(
        GRADING,
        "grading-differs",
        "error",
        "a tier, strength or certainty does not follow from the rule's grading",
        "They follow from what is recorded of the evidence, by one table for all options.",
        "then: {tier: preferred, ...}, with grading: {..., down: [S, I]}",
        "Correct `grading` to what the evidence says, or `then` to what follows from it.",
    ),
    Kind(
        LABEL,
        "label-not-cited",
        "error",
        "a wording is said to cover the patient, and no label is cited",
        "What a label covers has to be shown.",
        "grading: {..., wording: covers}, with cites of a trial alone",
        "Cite the label, or grade the wording as `unread` or `second-hand`.",
    ),
    Kind(
        APPROVAL,
        "before-approval",
        "error",
        "a rule counts on a label before that label's approval in its jurisdiction",
        "Before the approval the wording covered nobody.",
        "jurisdiction: us, effective from 2023-11-15, approved on 2023-11-16",
        "Begin the rule with the approval; before it the wording is `not-approved`.",
    ),
    Kind(
        FILE_NAME,
        "file-name",
        "error",
        "a file is not named by its id",
        "A rule is found by its name.",
        "verdicts/halt.yaml with id: stop",
        "Rename the file. The id itself is never renamed.",
    ),
    Kind(
        ENDPOINT,
        "unused-endpoint",
        "warning",
        "a name of an endpoint that no evidence has",
        "Mostly a misspelling: the endpoint meant is then shown without its name.",
        "endpoints: {pfss: PFS}",
        "Correct the name, or remove it.",
    ),
    Kind(
        UNUSED,
        "unused-definition",
        "warning",
        "a definition that no rule, law, trial or other definition reads",
        "Mostly what is left of a rule that was changed.",
        "definitions/second-line.yaml, read by nothing",
        "Remove the file, or read it. Should it stay, say why in a note that begins with `SL403:`.",
    ),
    Kind(
        NO_TARGET,
        "no-target",
        "error",
        "a gate applies to no regimen and to no CDK4/6 inhibitor",
        "It can close nothing.",
        "applies_to: {classes: [lhrh-agonist]}",
        "Name a regimen, or a drug or class that a regimen holds.",
    ),
    Kind(
        NO_WORDS,
        "endpoint-without-words",
        "warning",
        "an endpoint whose figures are cited and that the vocabulary has no words for",
        "A clinician would read the name as it is typed in the evidence file, and mostly it is misspelt.",
        "endpoint: grade3_plus_ae, where vocabulary/endpoints.yaml has grade3plus_ae",
        "Correct the name, or give it words in `vocabulary/endpoints.yaml`. A statement needs none.",
    ),
    Kind(
        NEVER_TRUE,
        "never-true",
        "error",
        "a rule or law whose condition no patient can meet",
        "Its parts contradict one another, or what can be together in a patient.",
        "when: {all: [{patient.sex: male}, {patient.menopausal_status: premenopausal}]}",
        "Correct one of the parts that the message names.",
    ),
    Kind(
        UNREACHABLE,
        "unreachable",
        "error",
        "a case or a branch that no patient can reach, or that adds nothing",
        "An earlier case takes its patients, another branch holds wherever it does, or what is beside it excludes it.",
        "any: [{patient.ecog: [0, 1]}, {patient.ecog: 0}]",
        "Remove it, put it first, or correct what excludes it.",
    ),
    Kind(
        NEVER_FIRES,
        "never-fires",
        "error",
        "no case makes a rule fire",
        "A rule that no case exercises can say anything without a test that notices.",
        "a new rule without a case",
        "Add a case in which it fires, on a day and in a jurisdiction in which it counts.",
    ),
    Kind(
        NO_NEAR_MISS,
        "no-near-miss",
        "error",
        "no case misses a rule by one of its conditions alone",
        "Only a case in which all conditions but one hold shows that this one is needed.",
        "a rule with a case where it fires, and none beside it",
        "Copy the case in which it fires and change one fact.",
    ),
    Kind(
        UNTESTED,
        "untested-limit",
        "error",
        "a limit that no case tests",
        "Without a case at the limit, and one beyond it, nobody notices `above` for `at_least` or another number.",
        "safety.qtcf_ms: {at_least: 450}, and cases with 420 and 500",
        "Add a case with just this number, and one on the other side.",
    ),
)
KINDS: dict[str, Kind] = {kind.code: kind for kind in _KINDS}
WITH_CASES = (NEVER_FIRES, NO_NEAR_MISS, UNTESTED)  # found only where cases are given
