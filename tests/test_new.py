"""New files pass `check`, change no answer, teach every key, and never cost an author what is there already."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conftest import ROOT, RULES
from secondline.asof import AsOf
from secondline.authoring.scaffold import INDEPENDENT, KINDS, NewRule, evidence_text, law_after, rule_text
from secondline.authoring.wanted import known, with_cites
from secondline.cli.check import findings
from secondline.cli.new import app as new
from secondline.facts import catalogue
from secondline.forms.evidence import Evidence
from secondline.loading import load
from secondline.rulefiles import RuleFiles, rule_files
from secondline.schemas.names import names_in
from secondline.schemas.subjects import FILES, schema
from secondline.source import parse
from test_cli import Ran
from test_findings import call

EVIDENCE = ("trial", "label", "guideline", "meta-analysis", "cohort")
WANTED = {
    "verdict": [],
    "option": ["--regimen", "ribociclib+fulvestrant", "--jurisdiction", "us"],
    "gate": ["--agent", "ribociclib", "--class", "cdk46-inhibitor"],
    "test": ["--fact", "biomarkers.esr1"],
    "caution": [],
    "definition": [],
    "law": [],
}


def make(*args: str) -> Ran:
    return call(*args, command=new)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small sound rule folder beside which the command runs."""
    shutil.copytree(ROOT / "tests" / "files" / "base", tmp_path / "rules")
    monkeypatch.chdir(tmp_path)
    return Path("rules")


def clean(rules: Path) -> None:
    assert [str(finding) for finding in findings(rule_files(rules), None, None)[0]] == []


def counting(files: RuleFiles) -> list[str]:
    """What has a say in an answer on the last day of a rule base's knowledge."""
    base = load(files).base
    return [rule.id for rule in AsOf(base, base.knowledge_until, None).rules()]


def valid(rules: Path, path: Path, subject: str) -> None:
    """The file is valid in an editor that knows the names of the folder."""
    names = names_in(load(rule_files(rules)).base)
    (document,) = parse(path.read_bytes(), path.name)
    held = json.loads(json.dumps(document.plain()))
    assert not [error.message for error in Draft202012Validator(schema(subject, names)).iter_errors(held)]


# --- rules ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WANTED)
def test_a_new_rule_passes_check_and_is_not_in_effect(kind: str, rules: Path) -> None:
    before = counting(rule_files(rules))
    ran = make("rule", kind, "new-one", *WANTED[kind])
    assert ran.code == 0
    path = Path(ran.out.strip())
    assert "not in effect yet" in ran.err or kind == "definition"
    clean(rules)
    assert counting(rule_files(rules)) == before
    assert "1 not yet in effect" in call("check", "rules").out or kind == "definition"
    valid(rules, path, "laws" if kind == "law" else kind)
    assert path == rules / FILES["laws" if kind == "law" else kind].replace("*", "new-one")


@pytest.mark.parametrize("kind", [kind for kind in WANTED if kind != "definition"])
def test_what_is_open_is_found_once_the_rule_is_in_effect(kind: str, rules: Path) -> None:
    path = Path(make("rule", kind, "new-one", *WANTED[kind]).out.strip())
    path.write_text("".join(x for x in path.read_text().splitlines(keepends=True) if "from: 2199-12-31" not in x))
    codes = {finding.code for finding in findings(rule_files(rules), None, None)[0]}
    assert "SL105" in codes


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_taught_and_every_example_is_sound(kind: str, rules: Path) -> None:
    path = Path(make("rule", kind, "new-one", *WANTED[kind]).out.strip())
    text = path.read_text()
    for name, info in KINDS[kind].model_fields.items():
        assert re.search(rf"^(# )?{info.alias or name}:", text, re.MULTILINE), name
    examples = re.sub(r"^( *)# - ", r"\1- ", text, flags=re.MULTILINE)
    assert examples != text
    path.write_text(examples)
    load(rule_files(rules))


def test_shipped_rules_take_one_of_each_kind() -> None:
    """What is put into a folder of another size and with other definitions, all of it at once."""
    files = rule_files(RULES)
    base = load(files).base
    added = {}
    for wanted in (
        NewRule("verdict", "new-verdict"),
        NewRule("option", "new-option", regimens=("elacestrant",), jurisdiction="eu"),
        NewRule("gate", "new-gate", agents=("ribociclib",), regimens=("olaparib",)),
        NewRule("gate", "new-gate-on-a-class", classes=("parp-inhibitor",), cites=("LABEL-OLAPARIB",)),
        NewRule("test", "new-test", fact="biomarkers.esr1"),
        NewRule("caution", "new-caution"),
        NewRule("definition", "new-definition"),
        NewRule("definition", "new-fact", fact="disease.new_fact"),
    ):
        known(wanted, base)
        text = rule_text(with_cites(wanted, base), "kept-beyond-progression")
        added[FILES[wanted.kind].replace("*", wanted.id)] = text.encode()
    for kind in EVIDENCE:
        added[f"evidence/new-{kind}.yaml"] = evidence_text(f"NEW-{kind.upper()}", kind).encode()
    held = files.contents["laws.yaml"]
    last = max(i for i, line in enumerate(held.decode().splitlines(), start=1) if line.startswith("  - id:"))
    added["laws.yaml"] = held + (law_after(held.decode(), last, "new-law") or "").encode()
    every = files._replace(contents={**files.contents, **added})
    found, summary = findings(every, None, None)
    assert [str(finding) for finding in found] == []
    assert summary.endswith("clean; 7 accepted; 7 not yet in effect")
    assert counting(every) == counting(files)


def test_the_cite_of_an_option_is_its_label_and_said_to_be_an_example(rules: Path) -> None:
    path = Path(make("rule", "option", "new-one", *WANTED["option"]).out.strip())
    assert "  - LABEL-A # FILL IN" in path.read_text()
    path = Path(make("rule", "verdict", "new-two", "--cites", "TRIAL-A/pfs").out.strip())
    assert "  - TRIAL-A/pfs\n" in path.read_text()


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["rule", "verdikt", "x"], "`KIND` expects `verdict`, `option`, "),
        (["rule", "verdikt", "x"], "got `verdikt`; did you mean `verdict`?"),
        (
            ["rule", "verdict", "My_Rule"],
            "`My_Rule` is no id; expected small letters, digits and hyphens; did you mean",
        ),
        (["rule", "verdict", "stop"], "`stop` is used by rules/verdicts/stop.yaml:1:1 already; choose another"),
        (["rule", "caution", "progressed"], "is used by rules/definitions/progressed.yaml:1:1 already"),
        (["rule", "option", "x"], "a new option needs one `--regimen`, as `vocabulary/regimens.yaml` names it"),
        (["rule", "option", "x", "--regimen", "ribociclib+fulvestrnt"], "did you mean `ribociclib+fulvestrant`?"),
        (["rule", "gate", "x"], "a new gate needs a `--regimen`, an `--agent` or a `--class` that it applies to"),
        (["rule", "gate", "x", "--agent", "ribociclb"], "no drug `ribociclb`; did you mean `ribociclib`?"),
        (["rule", "gate", "x", "--class", "serd"], "no class `serd`; did you mean `oral-serd`?"),
        (
            ["rule", "gate", "x", "--agent", "ribociclib", "--jurisdiction", "uk"],
            "`--jurisdiction` expects `us` or `eu`",
        ),
        (["rule", "test", "x"], "a new test needs a `--fact`; `secondline schema case` lists the facts"),
        (["rule", "test", "x", "--fact", "esr1"], "no fact `esr1`; did you mean `biomarkers.esr1`?"),
        (
            ["rule", "verdict", "x", "--fact", "patient.ecog"],
            "`--fact` is for `test` or `definition`; a verdict has none",
        ),
        (["rule", "law", "x", "--cites", "TRIAL-A/pfs"], "`--cites` is for `verdict`, "),
        (["rule", "definition", "x", "--fact", "patient.ecog"], "is a fact of the profile; give the definition a fact"),
        (["rule", "definition", "x", "--fact", "disease.hr"], "`disease.hr` is what `receptors` gives already"),
        (["rule", "definition", "x", "--fact", "HR"], "`HR` is no name of a fact; expected `group.name`"),
        (
            ["rule", "verdict", "x", "--cites", "TRIAL-B/pfs"],
            "no evidence file holds `TRIAL-B/pfs`; did you mean `TRIAL-A`?",
        ),
        (
            ["rule", "verdict", "x", "--cites", "TRIAL-A/ps"],
            "`TRIAL-A/ps`: no result of `TRIAL-A` fits; did you mean `pfs`?",
        ),
        (["rule", "verdict", "x", "--cites", "trial a"], "`trial a` is no cite; expected `ID`, `ID/endpoint` or"),
        (
            ["evidence", "new-trial"],
            "`new-trial` is no id; expected capitals, digits and hyphens; did you mean `NEW-TRIAL`?",
        ),
        (["evidence", "TRIAL-A"], "`TRIAL-A` is used by rules/evidence/trial-a.yaml:1:1 already"),
        (["evidence", "TRIAL-A-2022"], "`TRIAL-A-2022` is used by rules/evidence/trial-a.yaml:1:1 already"),
        (["evidence", "NEW", "--kind", "lable"], "`--kind` expects `trial`, `label`, "),
        (["case", "a b"], "`a b` is no id; expected small letters, digits and hyphens; did you mean `a-b`?"),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_written(args: list[str], says: str, rules: Path) -> None:
    before = rule_files(rules)
    ran = make(*args)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert rule_files(rules) == before
    assert not Path("cases").exists()


def test_nothing_is_overwritten(rules: Path) -> None:
    path = rules / "verdicts" / "new-one.yaml"
    path.write_text((rules / "verdicts" / "stop.yaml").read_text().replace("id: stop", "id: other"))
    before = path.read_text()
    ran = make("rule", "verdict", "new-one")
    assert (ran.code, path.read_text()) == (2, before)
    assert f"{path} is there already; nothing is overwritten" in ran.err


def test_the_shipped_rules_are_not_written_into_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    for args in (["rule", "caution", "x"], ["evidence", "X"]):
        ran = make(*args)
        assert ran.code == 2
        assert "writes into a rule folder of your own; name it with `--rules my-rules/`" in ran.err
    assert not (RULES / "cautions" / "x.yaml").exists()


def test_a_folder_that_is_not_sound_is_mended_first(rules: Path) -> None:
    path = rules / "verdicts" / "stop.yaml"
    path.write_text(path.read_text().replace("when:", "whem:"))
    ran = make("rule", "caution", "x")
    assert (ran.code, ran.out) == (3, "")
    assert "did you mean `when`?" in ran.err


def test_a_folder_without_evidence_has_nothing_to_cite(rules: Path) -> None:
    for path in (*(rules / "evidence").iterdir(), *(rules / "verdicts").iterdir(), *(rules / "options").iterdir()):
        path.unlink()
    (rules / "safety" / "qtcf.yaml").unlink()
    path = rules / "vocabulary" / "regimens.yaml"
    path.write_text(path.read_text().replace(", labels: [LABEL-A]", ""))
    ran = make("rule", "verdict", "x")
    assert ran.code == 2
    assert "there is no evidence to cite; make a file with `secondline new evidence ID` first" in ran.err
    assert make("evidence", "NEW", "--kind", "label").code == make("rule", "verdict", "x").code == 0


def test_what_cannot_be_written_is_said(rules: Path) -> None:
    (rules / "cautions").write_text("")
    ran = make("rule", "caution", "x", "--rules", "rules")
    assert ran.code == 3
    assert "rules/cautions/x.yaml cannot be written: " in ran.err


# --- laws -------------------------------------------------------------------------------------------------

LAW = "{id: ID, title: a, when: {disease.hr: negative}, then: {verdict: {not: continue}}}"


@pytest.mark.parametrize(
    "text",
    [
        f"# all of them\nlaws:\n  - {LAW.replace('ID', 'a')}\n  - {LAW.replace('ID', 'b')}\n  # the end\n",
        f"laws:\n- {LAW.replace('ID', 'a')}",  # neither indented nor ended
        f"laws:\r\n    - {LAW.replace('ID', 'a')}\r\n",
        "laws:\n  - id: a\n    when: {disease.hr: negative}\n    then:\n      verdict: {not: continue}\n",
    ],
)
def test_a_law_joins_the_others_and_leaves_them_as_they_are(text: str, rules: Path) -> None:
    path = rules / "laws.yaml"
    path.write_bytes(text.encode())
    before = load(rule_files(rules)).laws
    assert make("rule", "law", "new-law").code == 0
    after = path.read_bytes().decode()
    assert after.startswith(text)
    assert after.count("\r\n") == (after.count("\n") if "\r" in text else 0)
    *others, last = load(rule_files(rules)).laws
    assert (tuple(others), last.id) == (before, "new-law")
    assert make("rule", "law", "new-law").code == 2
    assert make("rule", "law", "third-law").code == 0
    assert [law.id for law in load(rule_files(rules)).laws[-2:]] == ["new-law", "third-law"]


@pytest.mark.parametrize(
    "text",
    [
        f"laws: [{LAW.replace('ID', 'a')}]\n",
        f"laws:\n  -\n    {LAW.replace('ID', 'a')}\n",
        f"laws:\n  - {LAW.replace('ID', 'a')}\n...\n",
    ],
)
def test_a_file_of_laws_that_is_written_otherwise_is_left_alone(text: str, rules: Path) -> None:
    path = rules / "laws.yaml"
    path.write_text(text)
    ran = make("rule", "law", "new-law")
    assert (ran.code, path.read_text()) == (2, text)
    assert "does not hold each law behind a dash of its own; add the law by hand" in ran.err


# --- evidence ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVIDENCE)
def test_new_evidence_passes_check_and_audit_and_can_be_shown(kind: str, rules: Path) -> None:
    ran = make("evidence", "NEW-ONE", "--kind", kind)
    assert (ran.code, ran.out) == (0, "rules/evidence/new-one.yaml\n")
    clean(rules)
    text = Path(ran.out.strip()).read_text()
    held = load(rule_files(rules)).base.evidence["NEW-ONE"]
    assert (held.kind, held.independent) == (kind, kind in INDEPENDENT)
    assert not any(report.results for report in held.reports), "no figure that nobody read"
    valid(rules, Path(ran.out.strip()), "evidence")
    assert call("evidence", "audit", "NEW-ONE", "--rules", "rules").code == 0
    assert call("evidence", "show", "NEW-ONE", "--rules", "rules").code == 0
    if kind == "trial":
        for name in Evidence.model_fields.keys() - {"approvals", "accepted"}:
            assert re.search(rf"^(# )?{name}:", text, re.MULTILINE), name


def test_evidence_that_is_cited_before_it_is_filled_in_is_found(rules: Path) -> None:
    make("evidence", "NEW-ONE", "--kind", "label")
    path = rules / "verdicts" / "stop.yaml"
    path.write_text(path.read_text().replace("cites: [TRIAL-A/pfs]", "cites: [TRIAL-A/pfs, NEW-ONE]"))
    (finding,) = findings(rule_files(rules), None, None)[0]
    assert (finding.code, Path(finding.place.file).name) == ("SL105", "new-one.yaml")


# --- cases ------------------------------------------------------------------------------------------------


def test_a_new_case_expects_what_the_rules_answer_and_shows_every_fact(rules: Path) -> None:
    ran = make("case", "new-case")
    assert (ran.code, ran.out) == (0, "cases/new-case.yaml\n")
    text = Path("cases/new-case.yaml").read_text()
    assert "verdict: do-not-continue" in text
    for path, fact in catalogue().items():
        if fact.main is None and not path.startswith(("history.", "prior_cdk46.")):
            assert re.search(rf"^ *#   {path.partition('.')[2]}: ", text, re.MULTILINE), path
    assert call("test", "cases", "--rules", "rules").out == "1 case, 1 as expected, 0 not\n"
    names = names_in(load(rule_files(rules)).base)
    (document,) = parse(text.encode(), "x.yaml")
    held = json.loads(json.dumps(document.plain()))
    assert not [*Draft202012Validator(schema("case", names)).iter_errors(held)]
    ran = make("case", "new-case")
    assert (ran.code, Path("cases/new-case.yaml").read_text()) == (2, text)
    assert "cases/new-case.yaml is there already; nothing is overwritten" in ran.err


def test_a_case_of_another_day_and_place(rules: Path) -> None:
    ran = make("case", "earlier", "--as-of", "2021-01-01", "--jurisdiction", "eu", "--into", "elsewhere")
    assert ran.out == "elsewhere/earlier.yaml\n"
    assert call("test", "elsewhere", "--rules", "rules").code == 0
    text = Path("elsewhere/earlier.yaml").read_text()
    assert "as_of: 2021-01-01" in text
    assert "jurisdiction: eu" in text


def test_an_id_of_another_case_is_refused_with_its_place(rules: Path) -> None:
    Path("cases").mkdir()
    Path("cases/broken.yaml").write_text("- {")
    Path("cases/mine.yaml").write_text("- {id: first, profile: {}}\n- {id: taken, profile: {}}\n")
    ran = make("case", "taken")
    assert ran.code == 2
    assert "`taken` is the id of a case in cases/mine.yaml:2:3 already; choose another" in ran.err


def test_a_case_needs_no_rule_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert make("case", "new-case").code == 0
    assert call("test", "cases").code == 0


# --- editors ----------------------------------------------------------------------------------------------


def test_a_schema_is_named_where_the_folder_keeps_them(rules: Path) -> None:
    without = Path(make("rule", "caution", "without").out.strip()).read_text()
    assert "yaml-language-server" not in without
    ran = call("schema", "all", "--rules", "rules", "-o", "rules/.schemas")
    assert ran.code == 0
    matched = json.loads(ran.out)["yaml.schemas"]
    clean(rules)
    made = [
        *(Path(make("rule", kind, f"new-{kind}", *WANTED[kind]).out.strip()) for kind in KINDS),
        Path(make("evidence", "NEW").out.strip()),
        Path(make("case", "new-case").out.strip()),
    ]
    for path in made:
        first = path.read_text().splitlines()[0]
        named = (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()
        assert named.is_file()
        (setting,) = [name for name, files in matched.items() if path.match(files.replace("**/", ""))]
        assert Path(setting).resolve() == named, "the setting and the line in the file say the same"
    clean(rules)
    again = call("schema", "all", "--rules", "rules", "-o", "rules/.schemas")
    assert "new-verdict" in Path("rules/.schemas/verdict.json").read_text()
    assert again.out == ran.out


def test_one_schema_goes_to_a_file_and_all_need_a_folder(rules: Path) -> None:
    assert call("schema", "gate", "--rules", "rules", "-o", "out/gate.json").out == ""
    assert Path("out/gate.json").read_text() == call("schema", "gate", "--rules", "rules").out
    ran = call("schema", "all")
    assert ran.code == 2
    assert "`schema all` writes files; name a folder, as in `-o my-rules/.schemas`" in ran.err
    Path("file").write_text("")
    ran = call("schema", "all", "--rules", "rules", "-o", "file")
    assert (ran.code, ran.out, ran.err) == (2, "", "secondline: file is a file; name a folder\n")


def test_a_schema_is_written_over_schemas_alone(rules: Path) -> None:
    Path("mine.json").write_text("by hand")
    ran = call("schema", "gate", "--rules", "rules", "-o", "mine.json")
    says = "secondline: mine.json is there already; nothing is overwritten, choose another name\n"
    assert (ran.code, ran.out, ran.err) == (2, "", says)
    assert Path("mine.json").read_text() == "by hand"
    assert call("schema", "all", "--rules", "rules", "-o", "kept").code == 0
    for text in ("by hand", "[]", "{}"):
        Path("kept/rulebase.json").write_text(text)
        Path("kept/gate.json").write_text('{"title": "secondline gate"}')
        ran = call("schema", "all", "--rules", "rules", "-o", "kept")
        says = "secondline: kept/rulebase.json is there already and no schema of a rulebase; nothing is overwritten\n"
        assert (ran.code, ran.out, ran.err) == (2, "", says)
        assert Path("kept/rulebase.json").read_text() == text
        assert Path("kept/gate.json").read_text() == '{"title": "secondline gate"}', "nothing is written at all"


def test_the_next_step_is_of_the_same_rules(rules: Path) -> None:
    rules.rename("my rules")
    ran = make("evidence", "NEW-TRIAL", "--rules", "my rules")
    assert "then `secondline evidence audit NEW-TRIAL --rules 'my rules'`" in ran.err
    ran = make("case", "new-one", "--rules", "my rules", "--into", "my cases")
    assert "then `secondline test 'my cases/new-one.yaml' --rules 'my rules'`" in ran.err
    assert call("test", "my cases/new-one.yaml", "--rules", "my rules").code == 0
    assert make("case", "another", "--rules", str(RULES)).err.endswith("then `secondline test cases/another.yaml`\n")


def test_the_command_has_its_verbs() -> None:
    assert {command.name for command in new.registered_commands} == {"rule", "evidence", "case"}
    assert make("--help").code == 0
