"""What `check` finds beyond what loading refuses: each finding where it stands, with its code and its fix."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import ROOT, RULES
from secondline.cases import CaseFile
from secondline.cli.app import app
from secondline.cli.check import findings, kind_of, read_cases
from secondline.condition import All, AnyOf, Condition, Not
from secondline.errors import Dangling, Place, UsageError
from secondline.facts import catalogue
from secondline.inference import rails
from secondline.inference.reference import infer
from secondline.lint.branches import unreachable
from secondline.lint.kinds import KINDS, NEVER_FIRES, NEVER_TRUE, NO_NEAR_MISS, UNREACHABLE, UNTESTED, WITH_CASES
from secondline.lint.run import Linted, lint
from secondline.loading import load
from secondline.patient import follow
from secondline.refusals import contradictory
from secondline.report.findings import explained, kinds_listed
from secondline.rulebase import RuleBase
from secondline.rulefiles import rule_files
from secondline.states import NOT_APPLICABLE, State, limits
from strategies import RuleBases

STOP = "verdicts/stop.yaml"
SWITCH = "options/switch.yaml"
QTCF = "safety/qtcf.yaml"
PROGRESSED = "definitions/progressed.yaml"
RECEPTORS = "definitions/receptors.yaml"
TRIAL = "evidence/trial-a.yaml"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "tests" / "files" / "base", folder)
    return folder


def linted(rules: Path, day: date | None = None, cases: list[CaseFile] | None = None) -> Linted:
    return lint(load(rule_files(rules)), day, cases)


def found(rules: Path) -> list[str]:
    """What `check` prints of a folder, loading included."""
    return [str(finding).removeprefix(f"{rules}/") for finding in findings(rule_files(rules), None, None)[0]]


def change(rules: Path, name: str, old: str, new: str) -> None:
    path = rules / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_small_folder_is_clean(rules: Path) -> None:
    assert found(rules) == []


NEWER = """
  - id: TRIAL-A-2024
    kind: journal-article
    citation: {venue: A Journal, year: 2024}
    first_public: 2024-05-01
    results:
      - endpoint: ENDPOINT
        role: primary
        replaces: [TRIAL-A-2022/pfs]
        arms: {new: {n: 50, median_months: 4.5}, old: {n: 50, median_months: 3.1}}
        effect: {measure: hazard_ratio, value: 0.85, ci95: [0.60, 1.20]}
"""
GRADING = "grading: {start: randomised, down: [S, I], phase: '3', setting: within, primary: met, wording: WORDING}\n"

# Code, file, what stands there, what is put in its place, what is said.
CHANGES = [
    ("SL001", STOP, "cites: [TRIAL-A/pfs]", "cites: [TRIAL-A/pfs", "expected"),
    ("SL002", STOP, "disease.hr", "disease.hrr", "no fact `disease.hrr`; did you mean `disease.hr`?"),
    ("SL101", STOP, "says: ", "says: A gain of 4.9 months. ", "figure `4.9` is typed in `says`; cite the evidence"),
    ("SL101", STOP, "title: ", "title: after 12 weeks, ", "figure `12` is typed in `title`; cite the evidence"),
    ("SL103", STOP, "title: no gain\n", "", "`stop` has no `title`; headlines are made of it"),
    ("SL104", SWITCH, "A switch", "Palbociclib first", "`says` names palbociclib, of which neither the rule nor"),
    ("SL104", QTCF, "title: QTcF", "title: letrozole, QTcF", "`title` names letrozole"),
    ("SL105", STOP, "title: ", "title: FILL IN, ", "`title` is not filled in; write it"),
    ("SL201", SWITCH, "regimen: ", "effective: {from: 2001-01-01}\nregimen: ", "before its first cite is public on"),
    (
        "SL202",
        STOP,
        "when: ",
        "effective: {from: 2023-01-01, until: 2022-06-01}\nwhen: ",
        "in effect until 2022-06-01, before it begins on 2023-01-01",
    ),
    ("SL203", STOP, "when: ", "review_by: 2026-11-21\nwhen: ", "to be reviewed by 2026-11-21, which is past on"),
    ("SL301", SWITCH, "says: ", f"{GRADING.replace('WORDING', 'outside')}says: ", "`tier` is `alternative`; by its"),
    ("SL302", SWITCH, ", LABEL-A]", f"]\n{GRADING.replace('WORDING', 'covers')}", "cites no label; cite one of its"),
    ("SL402", "vocabulary/endpoints.yaml", "pfs:", "pfss:", "no evidence has endpoint `pfss`; did you mean `pfs`?"),
    ("SL404", QTCF, "{agents: [ribociclib]}", "{classes: [lhrh-agonist]}", "`qtcf` applies to no regimen and no"),
    (
        "SL501",
        STOP,
        "{disease.hr: positive}",
        "{disease.hr: positive}, {progression.status: none}",
        "`stop` can never fire: `progressed holds` and `progression.status is none` cannot hold together",
    ),
    (
        "SL501",
        QTCF,
        "{safety.qtcf_ms: {at_least: 450}}",
        "{all: [{patient.sex: male}, {safety.qtcf_ms: {at_least: 450}}, {patient.pregnant: true}]}",
        "`qtcf` can never fire: `patient.sex is male` and `patient.pregnant is true` cannot hold together",
    ),
    (
        "SL502",
        RECEPTORS,
        "otherwise: negative",
        "  - {when: {disease.er: low}, value: negative}\notherwise: negative",
        "no patient is left for this case; those before it take all that it describes",
    ),
    (
        "SL502",
        PROGRESSED,
        "{progression.status: [radiological, clinical]}",
        "{any: [{progression.status: radiological}, {progression.status: [radiological, clinical]}]}",
        "`progression.status is radiological` adds nothing; where it holds another branch does",
    ),
    (
        "SL502",
        STOP,
        "{disease.hr: positive}",
        "any: [{disease.hr: positive}, {progression.status: none}]",
        "`progression.status is none` can never hold here; what stands beside it excludes it",
    ),
]


@pytest.mark.parametrize(("code", "name", "old", "new", "says"), CHANGES)
def test_a_finding(rules: Path, code: str, name: str, old: str, new: str, says: str) -> None:
    change(rules, name, old, new)
    (message,) = found(rules)
    assert message.startswith(f"{name}:" if code != "SL402" else name)
    assert says in message
    assert message.endswith(f" [{code}]")


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [("quality_of_life", "; give it some in `vocabulary/endpoints.yaml`"), ("pfs_", "; did you mean `pfs`?")],
)
def test_words_for_an_endpoint_are_asked_for_where_figures_are_cited(rules: Path, endpoint: str, says: str) -> None:
    (rules / TRIAL).write_text((rules / TRIAL).read_text().rstrip() + NEWER.replace("ENDPOINT", endpoint))
    change(rules, TRIAL, "        replaces: [TRIAL-A-2022/pfs]\n", "")
    assert found(rules) == [], "nobody reads what no rule cites"
    change(rules, STOP, "cites: [TRIAL-A/pfs]", f"cites: [TRIAL-A/pfs, TRIAL-A/{endpoint}]")
    (message,) = found(rules)
    assert message == f"{TRIAL}:21:9: endpoint `{endpoint}` is cited and has no words{says} [SL405]"
    change(rules, TRIAL, f"{endpoint}\n        role: primary", f"{endpoint}\n        role: statement")
    assert not any("SL405" in message for message in found(rules)), "a statement is shown by its own words"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "files" / "rules").glob("*.yaml")), ids=lambda path: path.stem
)
def test_what_cannot_be_loaded_has_a_code_too(path: Path, rules: Path) -> None:
    target = rules / path.read_text().splitlines()[0].removeprefix("# as ")
    target.parent.mkdir(exist_ok=True)
    shutil.copy(path, target)
    (message,) = found(rules)
    assert message.endswith((" [SL001]", " [SL002]"))


# What is broken, by file, text and what is put in its place; how many names follow from it is not said.
CAUSES = [
    ("vocabulary/regimens.yaml", "agents: [ribociclib, fulvestrant]", "agents: ribociclib"),
    ("vocabulary/regimens.yaml", "  ribo", " - ribo"),
    ("vocabulary/drugs.yaml", "[aromatase-inhibitor]", "aromatase-inhibitor"),
    ("vocabulary/classes.yaml", "title: chemotherapy", "titel: chemotherapy"),
    (PROGRESSED, "id: progressed", "id: 'progressed"),
    (RECEPTORS, "cases:", "case:"),
    (RECEPTORS, "fact:", "fcat:"),
    (TRIAL, "kind: trial", " kind: trial"),
    (TRIAL, "reports:", "report:"),
    (STOP, "when:", "wenn:"),
]


@pytest.mark.parametrize(("name", "old", "new"), CAUSES)
def test_the_cause_alone_is_found_and_that_more_follows_is_said(rules: Path, name: str, old: str, new: str) -> None:
    needing = (rules / STOP).read_text().replace("id: stop", "id: halt\noverrides: [stop]")
    (rules / "verdicts" / "halt.yaml").write_text(needing)
    change(rules, QTCF, "{agents: [ribociclib]}", "{agents: [ribociclib], classes: [cdk46-inhibitor]}")
    assert found(rules) == []
    change(rules, name, old, new)
    ((finding,), summary) = findings(rule_files(rules), None, None)
    assert finding.place.file == f"{rules}/{name}"
    assert summary.endswith(", 1 finding; what follows from it is not shown until it is mended")


def test_a_name_that_no_broken_file_would_give_is_found_beside_it(rules: Path) -> None:
    change(rules, TRIAL, "kind: trial", "kind: study")
    change(rules, PROGRESSED, "otherwise:", "otherwize:")
    change(rules, STOP, "cites: [TRIAL-A/pfs]", "cites: [TRIAL-A/pfs, TRIAL-C/pfs]")
    change(rules, SWITCH, "{definition: progressed}", "{definition: progresssed}")
    names = [message.partition(":")[0] for message in found(rules)]
    assert names == [PROGRESSED, TRIAL, SWITCH, STOP]
    summary = findings(rule_files(rules), None, None)[1]
    assert summary.endswith("4 findings; what follows from these is not shown until they are mended")


def test_a_name_that_is_not_known_goes_whole_from_one_process_to_another() -> None:
    name = Dangling(Place("x.yaml", 1, 1), "no regimen `x`", "x", ("vocabulary/regimens.",))
    again = pickle.loads(pickle.dumps(name))
    assert (again, again.name, again.among) == (name, name.name, name.among)


def test_nothing_is_said_to_follow_where_nothing_does(rules: Path) -> None:
    change(rules, "vocabulary/endpoints.yaml", "endpoints:", "endpoint:")
    assert findings(rule_files(rules), None, None)[1].endswith(", 1 finding")


def test_a_vocabulary_file_that_is_missing_is_all_that_is_found(rules: Path) -> None:
    (rules / "vocabulary" / "regimens.yaml").unlink()
    ((finding,), summary) = findings(rule_files(rules), None, None)
    assert finding.message == "`vocabulary/regimens.yaml` is missing; add it"
    assert "what follows from it is not shown" in summary


def test_a_folder_without_laws_is_said_to_have_none(rules: Path) -> None:
    assert "2 definitions, no laws (`laws.yaml` is not there), 2 evidence files" in summary_of(rules)
    law = "{id: x, when: {definition: progressed}, then: {verdict: {not: continue}}}"
    (rules / "laws.yaml").write_text(f"laws: [{law}]\n")
    assert "2 definitions, 1 law, 2 evidence files" in summary_of(rules)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (QTCF, "{agents: [ribociclib]}", "{agents: [kisqali]}", "no known `kisqali`; did you mean `ribociclib`?"),
        (STOP, "{disease.hr: positive}", "{prior_cdk46.agent: Kisqali}", "be `Kisqali`; did you mean `ribociclib`?"),
        (
            STOP,
            "{disease.hr: positive}",
            "{history.agents: {has: kisqali}}",
            "be `kisqali`; did you mean `ribociclib`?",
        ),
    ],
)
def test_another_name_of_a_drug_is_told_by_its_inn(rules: Path, name: str, old: str, new: str, says: str) -> None:
    with (rules / "vocabulary" / "drugs.yaml").open("a") as file:
        file.write("names: {kisqali: ribociclib}\n")
    change(rules, name, old, new)
    (message,) = found(rules)
    assert says in message


def test_the_folder_is_named_once_and_is_a_folder(rules: Path) -> None:
    def said(*arguments: str) -> tuple[int, str]:
        ran = CliRunner().invoke(app, ["check", *arguments])
        return ran.exit_code, ran.stderr

    assert said(str(rules)) == said("--rules", str(rules)) == (0, "")
    twice = f"the rule folder is given twice, `{rules}` and `--rules {rules}`; leave one out"
    assert said(str(rules), "--rules", str(rules)) == (2, f"secondline: {twice}\n")
    assert said(str(rules / STOP)) == (3, f"{rules / STOP}: is a file; give the whole folder of rules\n")
    assert said(str(rules / "none")) == (3, f"{rules / 'none'}: no such folder of rules\n")


def summary_of(rules: Path) -> str:
    return findings(rule_files(rules), None, None)[1]


def test_a_file_has_the_name_of_its_id(rules: Path) -> None:
    (rules / STOP).rename(rules / "verdicts" / "halt.yaml")
    assert found(rules) == ["verdicts/halt.yaml:1:1: `stop` stands in `halt.yaml`; name the file `stop.yaml` [SL401]"]


def test_an_evidence_file_too_and_its_note_can_accept_that(rules: Path) -> None:
    (rules / TRIAL).rename(rules / "evidence" / "study-a.yaml")
    (message,) = found(rules)
    assert message.endswith("name the file `trial-a.yaml` [SL401]")
    with (rules / "evidence" / "study-a.yaml").open("a") as file:
        file.write('notes: ["SL401: as the registry names it"]\n')
    assert found(rules) == []


def test_a_file_that_is_not_read(rules: Path) -> None:
    (rules / QTCF).rename(rules / "safety" / "qtcf.ymal")
    (message,) = found(rules)
    assert message == "safety/qtcf.ymal: is not read; the files of a rule folder end in `.yaml` [SL004]"


def test_what_durable_rules_cannot_be_trusted_with(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rails, "MAX_DEPTH", 0)
    assert {message.rpartition(" ")[2] for message in found(rules)} == {"[SL003]"}


def test_a_definition_that_nothing_reads(rules: Path) -> None:
    text = "id: spare\ncases: [{when: {patient.ecog: 0}, value: true}]\notherwise: false\n"
    (rules / "definitions" / "spare.yaml").write_text(text)
    (message,) = found(rules)
    said = "no rule, law, trial or definition reads `spare`; read it or remove the file"
    assert message == f"definitions/spare.yaml:1:1: {said} [SL403]"
    for name, reading in {
        "laws.yaml": "laws: [{id: x, when: {definition: spare}, then: {verdict: {not: continue}}}]",
        "definitions/reader.yaml": "id: reader\ncases: [{when: {definition: spare}, value: true}]\notherwise: false\n",
    }.items():
        (rules / name).write_text(reading)
        assert not any("`spare`" in message for message in found(rules))
        (rules / name).unlink()


def test_a_note_gives_the_reason_for_a_finding_and_is_found_once_there_is_none(rules: Path) -> None:
    text = 'id: spare\ncases: [{when: {patient.ecog: 0}, value: true}]\notherwise: false\nnotes: ["SL403: for later"]\n'
    (rules / "definitions" / "spare.yaml").write_text(text)
    held = linted(rules)
    ((accepted, note),) = held.accepted
    assert (held.findings, accepted.code, note) == ((), "SL403", "SL403: for later")
    change(rules, STOP, "{definition: progressed}", "{definition: progressed}, {definition: spare}")
    (message,) = found(rules)
    assert message.startswith("definitions/spare.yaml:4:9: the note accepts `SL403`, which is not found here; remove")
    assert message.endswith(" [SL005]")
    change(rules, "definitions/spare.yaml", "SL403:", "SL410:")
    (message,) = found(rules)
    assert "the note accepts `SL410`, which is not found here; did you mean `SL4" in message
    change(rules, "definitions/spare.yaml", "SL410:", "SL601:")
    assert found(rules) == [], "what is found with cases alone is not judged without them"


def test_a_cite_that_is_not_public_yet(rules: Path) -> None:
    change(rules, SWITCH, "A switch[[ ({TRIAL-A/pfs})]]", "A switch ({TRIAL-A/pfs})")
    (message,) = found(rules)
    assert "`TRIAL-A/pfs` is public from 2022-05-01, the rule in effect from 2018-01-01; put it in" in message
    assert message.endswith("[SL102]")


def test_a_label_before_its_approval(rules: Path) -> None:
    change(rules, SWITCH, "says: ", f"jurisdiction: us\n{GRADING.replace('WORDING', 'covers')}says: ")
    change(rules, SWITCH, "then: ", "effective: {from: 2020-01-01}\nthen: ")
    change(rules, "evidence/label-a.yaml", "kind: label\n", "kind: label\napprovals: {us: 2021-02}\n")
    said = "LABEL-A is approved there from 2021-03-01; begin the rule then, or grade `not-approved` [SL303]"
    assert any(message.endswith(said) for message in found(rules))


@pytest.mark.parametrize(
    ("cite", "endpoint", "says"),
    [
        ("TRIAL-A/pfs", "pfs", None),
        ("TRIAL-A/pfs[report=TRIAL-A-2022]", "pfs", "by `TRIAL-A-2024/pfs`; leave `report=` out, or end the rule the"),
        ("TRIAL-A/pfs", "pfs_final", "by `TRIAL-A-2024/pfs_final`; cite `TRIAL-A/pfs_final`"),
        ("TRIAL-A/pfs_final", "pfs_final", None),
    ],
)
def test_a_newer_report_supersedes_a_cite(rules: Path, cite: str, endpoint: str, says: str | None) -> None:
    (rules / TRIAL).write_text((rules / TRIAL).read_text().rstrip() + NEWER.replace("ENDPOINT", endpoint))
    if endpoint != "pfs":
        change(rules, "vocabulary/endpoints.yaml", "{pfs: PFS}", f"{{pfs: PFS, {endpoint}: final PFS}}")
    change(rules, STOP, "[[ ({TRIAL-A/pfs})]]", "")
    change(rules, STOP, "[TRIAL-A/pfs]", f'["{cite}"]')
    change(rules, SWITCH, "[TRIAL-A/pfs, LABEL-A]", "[LABEL-A]")
    change(rules, SWITCH, "[[ ({TRIAL-A/pfs})]]", "")
    held = linted(rules).findings
    assert [finding.code for finding in held] == ["SL204"] * (says is not None)
    assert says is None or says in held[0].message
    assert not linted(rules, date(2024, 4, 30)).findings, "the day before it was public"
    change(rules, STOP, "when: ", "effective: {until: 2024-04-30}\nwhen: ")
    assert not linted(rules).findings, "a rule that ended before it shows the figures of its days"


def test_a_review_is_overdue_as_of_a_day_and_only_of_a_rule_that_counts(rules: Path) -> None:
    change(rules, STOP, "when: ", "review_by: 2026-11-22\nwhen: ")
    assert not linted(rules).findings
    (finding,) = linted(rules, date(2026, 11, 23)).findings
    assert (finding.code, KINDS[finding.code].level) == ("SL203", "warning")
    change(rules, STOP, "when: ", "effective: {until: 2026-01-01}\nwhen: ")
    assert not linted(rules, date(2026, 11, 23)).findings


def test_what_is_open_may_stand_where_nobody_reads_it(rules: Path) -> None:
    change(rules, STOP, "says: ", "says: FILL IN. ")
    assert [finding.code for finding in linted(rules).findings] == ["SL105"]
    change(rules, STOP, "when: ", "effective: {from: 2199-12-31}\nwhen: ")
    assert not linted(rules).findings
    change(rules, TRIAL, "name: Trial A", "name: FILL IN")
    assert [finding.code for finding in linted(rules).findings] == ["SL105"], "cited by a rule in effect"


def test_a_limit_of_the_condition_may_be_named(rules: Path) -> None:
    change(rules, QTCF, "title: ", "title: from 450 on, grade 3, ")
    assert found(rules) == []


# --- drugs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (SWITCH, "A switch", "Ribociclib with fulvestrant"),  # its regimen
        (QTCF, "says: ", "says: Ribociclib. "),  # what it applies to
        (STOP, "says: ", "says: After palbociclib. "),  # a rule without a drug of its own
        (SWITCH, "A switch", "The new drug"),
    ],
)
def test_drugs_that_a_text_may_name(rules: Path, name: str, old: str, new: str) -> None:
    change(rules, name, old, new)
    assert found(rules) == []


def test_what_a_condition_or_a_cite_names_is_known(rules: Path) -> None:
    change(rules, SWITCH, "A switch", "After palbociclib, not letrozole")
    assert [message.partition(": ")[2].split(",")[0] for message in found(rules)] == [
        "`says` names letrozole",
        "`says` names palbociclib",
    ]
    change(rules, SWITCH, "when: {definition: progressed}", "when: {prior_cdk46.agent: palbociclib}")
    change(rules, TRIAL, "the old}", "an Aromatase Inhibitor}")
    assert found(rules) == []


SUBJECTS = [
    ("title: letrozole for the new\nregimen: ", "`title` begins with letrozole, and the rule is about ribociclib+ful"),
    ("title: ribociclib, unlike letrozole\nregimen: ", None),
    ("title: fulvestrant with ribociclib\nregimen: ", None),
]


@pytest.mark.parametrize(("title", "says"), SUBJECTS)
def test_an_option_begins_with_no_drug_but_its_own(rules: Path, title: str, says: str | None) -> None:
    """Though the evidence that it cites names the other one, and though its condition excludes it."""
    change(rules, TRIAL, "the old}", "letrozole}")
    change(rules, SWITCH, "when: {definition: progressed}", "when: {history.agents: {has_none: [letrozole]}}")
    change(rules, SWITCH, "regimen: ", title)
    messages = found(rules)
    assert len(messages) == (says is not None)
    assert says is None or says in messages[0]


def test_the_example_that_is_given_of_another_drug_is_found(tmp_path: Path) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    change(tmp_path / "rules", "options/imlunestrant-us.yaml", "  Imlunestrant held", "  Elacestrant lengthened")
    assert KINDS["SL104"].example == "regimen: imlunestrant, and says: Elacestrant lengthened ..."
    (message,) = found(tmp_path / "rules")
    assert "`says` begins with elacestrant, and the rule is about imlunestrant; correct it" in message
    assert message.endswith("[SL104]")


# --- what no patient can reach ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base() -> RuleBase:
    return load(rule_files(RULES)).base


def test_each_rule_that_contradicts_itself_is_found(base: RuleBase) -> None:
    broken = [rule.model_copy(update={"when": All((rule.when, Not(rule.when)))}) for rule in base.verdicts]
    raised = unreachable(replace(base, verdicts=tuple(broken)))
    assert sorted(name for name, (code, _, _) in raised if code == NEVER_TRUE) == sorted(r.id for r in broken)
    for _, (_, _, message) in raised:
        assert "cannot hold" in message


def test_each_case_and_branch_that_comes_twice_is_found(base: RuleBase) -> None:
    def twice(condition: Condition) -> Condition:
        return AnyOf((condition, condition))

    plain = [d for d in base.definitions if not any(case.of for case in d.cases)]
    cases = {d.id: d.model_copy(update={"cases": (*d.cases, d.cases[-1])}) for d in plain}
    held = replace(base, definitions=tuple(cases.get(d.id, d) for d in base.definitions))
    raised = unreachable(held)
    assert {(name, code) for name, (code, _, _) in raised} == {(d.id, UNREACHABLE) for d in plain}
    gates = [gate.model_copy(update={"when": twice(gate.when)}) for gate in base.gates]
    raised = unreachable(replace(base, gates=tuple(gates)))
    assert sorted(name for name, (code, path, _) in raised if path[-2:] == ("any", 1)) == sorted(g.id for g in gates)


NEVER = "{patient.sex: male}, {patient.pregnant: true}"
LAWS = [
    (f"{{all: [{NEVER}]}}", "`x` can never apply: `patient.sex is male` and `patient.pregnant is true` cannot hold"),
    (f"{{all: [{{offered: {{has: ribociclib+fulvestrant}}}}, {NEVER}]}}", "`x` can never apply"),
    ("{all: [{patient.ecog: {above: 1}}, {patient.ecog: {below: 2}}]}", "`x` can never apply"),
    ("{all: [{safety.qtcf_ms: {above: 449}}, {safety.qtcf_ms: {below: 450}}]}", None),  # between limits of no rule
    ("{verdict: continue}", None),
]


@pytest.mark.parametrize(("when", "says"), LAWS)
def test_a_law_that_never_applies_is_found(rules: Path, when: str, says: str | None) -> None:
    law = f"laws:\n  - id: x\n    when: {when}\n    then: {{verdict: do-not-continue}}\n"
    (rules / "laws.yaml").write_text(law)
    messages = found(rules)
    assert len(messages) == (says is not None)
    for message in messages:
        assert message.startswith(f"laws.yaml:3:5: {says}")
        assert message.endswith("[SL501]")


def test_no_rule_that_is_said_never_to_fire_fires() -> None:
    """On generated rule bases, for states that a profile can have."""

    def possible(path: str, state: State) -> bool:
        fact = catalogue()[path]
        if not fact.numeric or fact.low is None or fact.high is None or state is NOT_APPLICABLE:
            return True
        return all(end is None or fact.low <= end <= fact.high for end in limits(state))

    said = fired = 0
    for seed in range(60):
        made = RuleBases(seed)
        base = made.base()
        never = {name for name, (code, _, _) in unreachable(base) if code == NEVER_TRUE}
        said += len(never)
        for _ in range(20):
            states = made.states()
            follow(states)
            if not contradictory(states):
                found = infer(base, {path: state for path, state in states.items() if possible(path, state)})
                fires = {name for name, truth in found.inference.rules.items() if truth}
                fired += len(fires)
                assert not never & fires
    assert said > 50
    assert fired > 1000


# --- what cases test --------------------------------------------------------------------------------------

PATIENT = "{disease: {er: EE}, progression: {status: PP}, safety: {qtcf_ms: QQ}}"


def cases(rules: Path, *patients: tuple[str, str, str]) -> list[str]:
    """What is found with a case for each of these: ER, progression and QTcF."""
    lines = []
    for er, status, qtcf in patients:
        profile = PATIENT.replace("EE", er).replace("PP", status).replace("QQ", qtcf)
        lines.append(f"- {{as_of: 2026-11-22, profile: {profile}, expect: {{}}}}")
    path = rules.parent / "cases.yaml"
    path.write_text("\n".join(lines))
    loaded = load(rule_files(rules))
    held = read_cases([path], loaded.base)
    return [str(f).removeprefix(f"{rules}/") for f in lint(loaded, cases=held).findings if f.code in WITH_CASES]


ALL_TESTED = (
    ("positive", "radiological", "450"),
    ("positive", "none", "449"),
    ("negative", "radiological", "449"),
)


def test_cases_that_test_everything(rules: Path) -> None:
    assert cases(rules, *ALL_TESTED) == []


@pytest.mark.parametrize(
    ("patients", "finds"),
    [
        (ALL_TESTED[1:], {NEVER_FIRES: ["stop", "qtcf"], UNTESTED: ["qtcf_ms"]}),
        (ALL_TESTED[:1], {NO_NEAR_MISS: ["stop", "switch", "qtcf"], UNTESTED: ["qtcf_ms"]}),
        ((ALL_TESTED[0], ("negative", "none", "449")), {NO_NEAR_MISS: ["stop"]}),  # two conditions away
        ((("positive", "radiological", "470"), *ALL_TESTED[1:]), {UNTESTED: ["no case has `safety.qtcf_ms` at 450"]}),
    ],
)
def test_what_cases_do_not_test(
    rules: Path, patients: tuple[tuple[str, str, str], ...], finds: dict[str, list[str]]
) -> None:
    messages = cases(rules, *patients)
    for code, about in finds.items():
        of_code = [message for message in messages if message.endswith(f"[{code}]")]
        assert len(of_code) == len(about)
        assert all(any(words in message for message in of_code) for words in about)
    assert len(messages) == sum(map(len, finds.values()))


def test_a_rule_that_is_not_in_effect_needs_no_case_yet(rules: Path) -> None:
    change(rules, STOP, "when: ", "effective: {from: 2027-01-01}\nwhen: ")
    assert cases(rules, ("positive", "radiological", "450"), ("positive", "none", "449")) == []


# --- kinds ------------------------------------------------------------------------------------------------


def test_every_kind_has_a_test() -> None:
    tests = Path(__file__).read_text().partition("def test_every_kind")[0]
    named = {NEVER_FIRES: "NEVER_FIRES", NO_NEAR_MISS: "NO_NEAR_MISS", UNTESTED: "UNTESTED"}
    assert [code for code in KINDS if named.get(code, code) not in tests] == []


def test_kinds_are_worded() -> None:
    assert list(KINDS) == sorted(KINDS)
    assert len({kind.name for kind in KINDS.values()}) == len(KINDS)
    for code, kind in KINDS.items():
        assert kind.code == code
        page = explained(kind)
        assert page.startswith(f"{code} {kind.name} (")
        assert not kind.says.endswith(".")
        assert kind.why.endswith(".")
        assert kind.mend.endswith(".")
        assert kind_of(code.lower()) == kind_of(kind.name.upper()) == kind
        assert code in kinds_listed(KINDS.values())
    assert max(map(len, kinds_listed(KINDS.values()).splitlines())) <= 80
    with pytest.raises(UsageError, match="no finding has the code `typed-figur`; did you mean `typed-figure`"):
        kind_of("typed-figur")


def test_the_shipped_cases_make_every_rule_fire_and_nearly_fire(shipped: list[CaseFile]) -> None:
    held = lint(load(rule_files(RULES)), cases=shipped)
    assert {finding.code for finding in held.findings} <= {UNTESTED}
