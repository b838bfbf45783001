"""`secondline prove`: what is claimed, what refutes it, what is kept, and that seeded faults are found."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from typer.testing import CliRunner

from conftest import COUNTS, RULES
from faults import FAULTS, Fault
from secondline.authoring.claims import KINDS, Claim, Claims, Proof
from secondline.authoring.patients import Clinic, as_yaml
from secondline.authoring.proofs import prove_all
from secondline.authoring.prove import Prover
from secondline.cli import prove as verb
from secondline.cli.app import app
from secondline.cli.test import broken_by
from secondline.errors import InputError
from secondline.loading import Loaded, load
from secondline.recommend import recommend
from secondline.rulefiles import rule_files
from secondline.scales import OFFERED

BASE = Path(__file__).parent / "files" / "base"
WHOM = "when: {not: {all: [{definition: progressed}, {disease.hr: positive}]}}"
OTHERS = f"""
id: others
title: not for these
{WHOM}
then: {{verdict: individualise}}
says: No trial.
cites: [TRIAL-A/pfs]
"""
LAWS = """
laws:
  - id: no-ribociclib-at-450
    title: no ribociclib at QTcF of 450 ms or more
    when: {safety.qtcf_ms: {at_least: 450}}
    then: {offered_agents: {has_none: [ribociclib]}}
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small rule base of which every claim holds, in the working folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(BASE, tmp_path / "rules")
    (tmp_path / "rules" / "verdicts" / "others.yaml").write_text(OTHERS)
    (tmp_path / "rules" / "laws.yaml").write_text(LAWS)
    return Path("rules")


@pytest.fixture
def run() -> Run:
    def ran(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, ["prove", *arguments], prog_name="secondline")
        assert "Traceback" not in found.output
        return found.exit_code, found.stdout

    return ran


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def proved(loaded: Loaded, *names: str, day: date | None = None) -> dict[str, list[Proof]]:
    """What became of some claims, by their names or kinds."""
    claims = Claims(loaded.base, loaded.laws, loaded.not_used, day)
    prover = Prover(claims)
    wanted = [claim for claim in claims.every() if {claim.name, claim.kind} & {*names}]
    return {claim.name: prover.prove(claim) for claim in wanted}


# --- what is claimed ------------------------------------------------------------------------------------------


def test_every_claim_of_the_small_rule_base_holds(small: Path, run: Run) -> None:
    code, out = run("rules")
    assert (code, out.splitlines()) == (
        0,
        [
            "20 claims on every day, for the US, the EU and where no jurisdiction is given",
            "",
            "proved   answered  every patient of whom all is known gets a verdict, or is told by a rule why not "
            "(1, confirmed by decision diagrams)",
            "proved   agreed    no two live verdict rules disagree (1, confirmed by decision diagrams)",
            "proved   law       every law holds, of patients known whole or in part "
            "(1, confirmed by decision diagrams)",
            "proved   closes    a gate closes what it applies to, and never opens anything "
            "(1, confirmed by decision diagrams)",
            "proved   told      what is known never makes a rule true or false that turns out otherwise (4)",
            "proved   used      every rule changes the answer to some patient (4)",
            "proved   bounded   no rule holds for everybody (4)",
            "proved   reached   every case of a definition is some patient's (4)",
            "",
            "20 claims: 20 proved, 0 refuted, 0 open",
        ],
    )


def test_claims_have_names_and_keys_of_their_own() -> None:
    loaded = load(rule_files(RULES))
    claims = Claims(loaded.base, loaded.laws, loaded.not_used)
    every = claims.every()
    assert len({claim.name for claim in every}) == len(every) == len({claims.key(claim) for claim in every})
    assert {claim.kind for claim in every} == {*KINDS}
    assert len(every) > 1000
    for claim in every:
        assert (
            claim.about in (*claims.rules, *claims.defined, *(law.id for law in loaded.laws), "")
            or claim.kind == "unused"
        )


def test_a_day_has_the_claims_of_what_counts_on_it(small: Path, run: Run) -> None:
    edit(small / "safety" / "qtcf.yaml", "title:", "effective: {from: 2024-01-01}\ntitle:")
    code, out = run("rules", "--as-of", "2023-12-31")
    assert code == 1  # the law counts, and its gate does not
    assert "closes" not in out
    assert "no-ribociclib-at-450 is 450" not in out
    assert "as_of: 2023-12-31" in out
    assert run("rules", "--as-of", "2024-01-01")[0] == 0
    assert run("rules")[0] == 1  # on every day


# --- refuted ----------------------------------------------------------------------------------------------------


def test_a_gap_is_shown_with_the_nearest_rule(small: Path, run: Run) -> None:
    (small / "verdicts" / "others.yaml").unlink()
    code, out = run("rules", "--only", "answered")
    assert code == 1
    assert out.splitlines()[2:] == [
        "REFUTED  answered: every patient of whom all is known gets a verdict, or is told by a rule why not, "
        "from 2022-05-01",
        "",
        "answered: every patient of whom all is known gets a verdict, or is told by a rule why not",
        "  refuted: no verdict rule is live; the nearest is `stop` (no gain), but hormone receptors is negative",
        "  rules: `stop` (no gain)",
        "  to be seen: No rule in effect on this day answers for this patient.",
        "    - id: answered",
        "      title: 'against: every patient of whom all is known gets a verdict, or is told by a rule why not'",
        "      as_of: 2026-11-22",
        "      profile:",
        "        disease: {er: negative}",
        "",
        "1 claim: 0 proved, 1 refuted, 0 open",
    ]


def test_rules_without_a_verdict_answer_nobody(small: Path, run: Run) -> None:
    for path in (small / "verdicts").iterdir():
        path.unlink()
    code, out = run("rules", "--only", "answered")
    assert (code, "refuted: no verdict rule counts on that day" in out) == (1, True)


def test_a_broken_law_is_written_as_a_case_that_advise_answers_so(small: Path, run: Run) -> None:
    edit(small / "safety" / "qtcf.yaml", "{at_least: 450}", "{at_least: 451}")
    code, out = run("rules", "--counterexamples", "shown")
    assert code == 1
    assert "here `safety.qtcf_ms` is 450, and `offered_agents` is fulvestrant, ribociclib" in out
    assert "rules: `switch`, `qtcf` (QTcF of 450 ms or more)" in out
    assert "secondline advise shown/law-no-ribociclib-at-450.yaml --rules rules" in out
    answer = CliRunner().invoke(
        app, ["advise", "shown/law-no-ribociclib-at-450.yaml", "--rules", "rules", "--format", "json"]
    )
    found = json.loads(answer.stdout)
    assert {option["regimen"]: option["tier"] for option in found["options"]} == {
        "ribociclib+fulvestrant": "alternative"
    }


def test_a_law_is_held_of_patients_known_in_part(small: Path, run: Run) -> None:
    """Two gates close it for everybody, one or the other; where too little is known neither holds for sure."""
    gate = (small / "safety" / "qtcf.yaml").read_text()
    for name, limit in (("low", "at_most: 1"), ("high", "at_least: 2")):
        when = f"when: {{all: [{{safety.qtcf_ms: {{at_least: 450}}}}, {{patient.ecog: {{{limit}}}}}]}}"
        changed = gate.replace("when: {safety.qtcf_ms: {at_least: 450}}", when).replace("id: qtcf", f"id: qtcf-{name}")
        (small / "safety" / f"qtcf-{name}.yaml").write_text(changed)
    (small / "safety" / "qtcf.yaml").unlink()
    code, out = run("rules", "--only", "no-ribociclib-at-450")
    assert code == 1
    assert "safety: {qtcf_ms: 450}" in out
    assert "ecog" not in out.split("profile:")[1]
    (small / "laws.yaml").write_text(
        LAWS.replace("when: {", "when: {all: [{patient.ecog: [0, 1, 2, 3, 4]}, {").replace(
            "450}}\n    then", "450}}]}\n    then"
        )
    )
    assert run("rules", "--only", "no-ribociclib-at-450")[0] == 0


def test_rules_that_disagree_are_shown_in_pairs(small: Path) -> None:
    edit(small / "verdicts" / "others.yaml", WHOM, "when: {progression.status: clinical}")
    (proof,) = proved(load(rule_files(small)), "agreed")["agreed"]
    assert proof.rules == ("others", "stop")
    assert proof.says == (
        "`others` (not for these) says individualise, `stop` (no gain) do-not-continue; neither overrides the other"
    )
    assert proof.cases[0]["profile"] == {"progression": {"status": "clinical"}}


@pytest.mark.parametrize(
    ("file", "old", "new", "claim", "says"),
    [
        ("verdicts/stop", "{disease.hr: positive}", "{disease.hr: positive}, {disease.er: negative}", "used stop",
         "its condition holds for nobody, because of `receptors` (hormone receptors)"),
        ("verdicts/stop", "title:", "effective: {until: 2020-01-01}\ntitle:", "used stop", "it is in effect on no day"),
        ("verdicts/others", WHOM, "when: {disease.er: [positive, low, negative]}\noverrides: [stop]", "used stop",
         "wherever it holds, it is overridden: `others` (not for these)"),
        ("safety/qtcf", "{at_least: 450}", "{at_least: 0}", "bounded qtcf", "it holds for everybody"),
        ("safety/qtcf", "agents: [ribociclib]", "agents: [letrozole]", "used qtcf",
         "wherever it holds, nothing is any lower for it: what it is about"),
        ("definitions/receptors", "value: positive}", "value: positive}\n  - {when: {disease.er: low}, value: other}",
         "reached receptors 2", "it is never reached"),
    ],
)  # fmt: skip
def test_what_is_of_no_use_is_told_with_the_rules_that_make_it_so(
    small: Path, file: str, old: str, new: str, claim: str, says: str
) -> None:
    edit(small / f"{file}.yaml", old, new)
    (proof,) = proved(load(rule_files(small)), claim)[claim]
    assert (proof.status, proof.says, proof.cases) == ("refuted", says, ())


def test_a_rule_that_follows_from_another_is_told(small: Path) -> None:
    narrower = (
        (small / "safety" / "qtcf.yaml").read_text().replace("id: qtcf", "id: qtcf-high").replace("450}}", "480}}")
    )
    (small / "safety" / "qtcf-high.yaml").write_text(narrower)
    found = proved(load(rule_files(small)), "apart")
    (proof,) = found["apart qtcf-high"]
    assert (proof.status, proof.says) == ("refuted", "wherever it holds, so does `qtcf` (QTcF of 450 ms or more)")
    assert found["apart qtcf"][0].status == "proved"


def test_a_branch_that_others_cover_is_told(small: Path) -> None:
    twice = "when: {any: [{patient.ecog: {at_least: 2}}, {patient.ecog: {at_least: 3}}]}"
    edit(small / "verdicts" / "others.yaml", WHOM, twice)
    found = proved(load(rule_files(small)), "branch")
    assert {name: proofs[0].status for name, proofs in found.items()} == {
        "branch others 1": "proved",
        "branch others 2": "refuted",
    }
    assert found["branch others 2"][0].says == "it is never the only one that holds"


def test_two_patients_show_that_a_fact_counts_that_should_not(small: Path) -> None:
    (small / "rulebase.yaml").write_text(
        (small / "rulebase.yaml").read_text() + "not_used: [{fact: patient.age_years, because: x}]\n"
    )
    assert proved(load(rule_files(small)), "unused")["unused patient.age_years"][0].status == "proved"
    edit(
        small / "safety" / "qtcf.yaml",
        "when: {safety.qtcf_ms: {at_least: 450}}",
        "when: {patient.age_years: {above: 80}}",
    )
    (proof,) = proved(load(rule_files(small)), "unused")["unused patient.age_years"]
    assert proof.status == "refuted"
    assert proof.says.endswith("ribociclib+fulvestrant is alternative or contraindicated")
    ages = [case["profile"]["patient"]["age_years"] for case in proof.cases]
    assert sorted(age > 80 for age in ages) == [False, True]
    edit(small / "rulebase.yaml", "because: x", "clinical_in: [qtcf], because: x")
    assert proved(load(rule_files(small)), "unused")["unused patient.age_years"][0].status == "proved"


def test_what_follows_from_a_fact_that_is_not_to_count_differs_with_it(small: Path) -> None:
    """A rule that reads the benefit alone counts the response, which tells it."""
    (small / "rulebase.yaml").write_text(
        (small / "rulebase.yaml").read_text() + "not_used: [{fact: prior_cdk46.best_response, because: x}]\n"
    )
    qtcf = small / "safety" / "qtcf.yaml"
    edit(qtcf, "when: {safety.qtcf_ms: {at_least: 450}}", "when: {prior_cdk46.months: {at_least: 12}}")
    assert proved(load(rule_files(small)), "unused")["unused prior_cdk46.best_response"][0].status == "proved"
    edit(qtcf, "when: {prior_cdk46.months: {at_least: 12}}", "when: {prior_cdk46.clinical_benefit: true}")
    (proof,) = proved(load(rule_files(small)), "unused")["unused prior_cdk46.best_response"]
    assert proof.status == "refuted"
    responses = {case["profile"]["prior_cdk46"].get("best_response") for case in proof.cases}
    assert len(responses) == 2


def test_what_makes_a_proof_is_named(small: Path, run: Run) -> None:
    _, out = run("rules", "--only", "no-ribociclib-at-450")
    assert out.splitlines()[2:4] == [
        "proved   law no-ribociclib-at-450: no ribociclib at QTcF of 450 ms or more",
        "         by `qtcf` (QTcF of 450 ms or more)",
    ]


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ("[{fact: patient.age_year, because: x}]", "no fact `patient.age_year`; did you mean `patient.age_years`?"),
        ("[{fact: disease.her2.ihc, because: x}]", "no fact `disease.her2.ihc`; did you mean `disease.her2`?"),
        ("[{fact: patient.sex, clinical_in: [stopp], because: x}]",
         "no rule or definition `stopp`; did you mean `stop`?"),
        ("[{fact: patient.sex, because: x}, {fact: patient.sex, because: y}]",
         "`patient.sex` is marked already; keep one of the two"),
    ],
)  # fmt: skip
def test_marks_are_checked(small: Path, marks: str, message: str) -> None:
    head = small / "rulebase.yaml"
    head.write_text(head.read_text() + f"not_used: {marks}\n")
    with pytest.raises(InputError) as caught:
        load(rule_files(small))
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.message) == (3, message)


# --- the command --------------------------------------------------------------------------------------------------


def test_its_formats(small: Path, run: Run) -> None:
    edit(small / "safety" / "qtcf.yaml", "{at_least: 450}", "{at_least: 451}")
    code, out = run("rules", "--format", "json")
    page = json.loads(out)
    assert (code, page["schema"]) == (1, "secondline/proofs/1")
    assert page["summary"]["refuted"] == 1
    (law,) = (claim for claim in page["claims"] if claim["kind"] == "law")
    assert (law["name"], law["status"]) == ("law no-ribociclib-at-450", "refuted")
    assert law["found"][0]["cases"][0]["profile"]["safety"] == {"qtcf_ms": 450}
    assert all(claim["found"][0]["confirmed"] for claim in page["claims"] if claim["kind"] == "closes")
    suite = Xml.fromstring(run("rules", "--format", "junit")[1])
    assert (suite.get("name"), suite.get("failures")) == ("claims", "1")
    sarif = json.loads(run("rules", "--format", "sarif")[1])
    (result,) = sarif["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("rules/laws.yaml")


def test_the_same_bytes_each_time(small: Path, run: Run) -> None:
    edit(small / "safety" / "qtcf.yaml", "{at_least: 450}", "{at_least: 451}")
    first = run("rules", "--format", "json")
    shutil.rmtree("cache")
    assert run("rules", "--format", "json") == first


def test_usage(small: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = CliRunner().invoke(app, ["prove", "rules", "--only", "qtcff"], prog_name="secondline")
    assert (found.exit_code, found.stderr) == (2, "secondline: `--only`: no claim `qtcff`; did you mean `qtcf`?\n")
    monkeypatch.setattr(verb, "find_spec", lambda name: None)
    found = CliRunner().invoke(app, ["prove", "rules"], prog_name="secondline")
    assert (found.exit_code, found.stderr) == (2, "secondline: `prove` needs z3-solver; install secondline[authors]\n")


# --- what is kept -------------------------------------------------------------------------------------------------


def anew(folder: Path, workers: int = 1) -> list[str]:
    """The claims that are proved anew."""
    loaded = load(rule_files(folder))
    claims = Claims(loaded.base, loaded.laws, loaded.not_used)
    found: list[Claim] = []
    prove_all(claims, claims.every(), workers=workers, step=found.append)
    return [claim.name for claim in found]


def test_a_proof_is_kept_until_something_it_rests_on_changes(small: Path) -> None:
    first = anew(small)
    assert len(first) > 15
    assert anew(small) == []
    edit(small / "safety" / "qtcf.yaml", "says: QTcF", "says: A QTcF")
    assert anew(small) == []  # no proof rests on words
    edit(small / "safety" / "qtcf.yaml", "{at_least: 450}", "{at_least: 440}")
    changed = anew(small)
    assert {"law no-ribociclib-at-450", "closes qtcf", "used qtcf", "bounded qtcf", "told qtcf"} <= {*changed}
    assert {"reached progressed 1", "told stop", "used stop"}.isdisjoint(changed)
    edit(small / "definitions" / "progressed.yaml", "[radiological, clinical]", "[clinical]")
    assert {"answered", "used switch", "reached progressed 1"} <= {*anew(small)}


def test_what_is_kept_is_private_and_can_be_spoiled(small: Path) -> None:
    anew(small)
    (kept,) = Path("cache/secondline").glob("proofs.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    whole = kept.read_bytes()
    kept.write_bytes(whole.replace(b"proved", b"REFUTE"))
    assert len(anew(small)) > 15
    kept.chmod(0o666)
    assert len(anew(small)) > 15


def test_two_processes_prove_the_same(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(small / "safety" / "qtcf.yaml", "{at_least: 450}", "{at_least: 451}")
    monkeypatch.setattr("secondline.authoring.proofs.FEW", 0)
    loaded = load(rule_files(small))
    claims = Claims(loaded.base, loaded.laws, loaded.not_used)
    one, two = (prove_all(claims, claims.every(), keep=False, workers=workers) for workers in (1, 2))
    assert one == two
    assert [item.claim.name for item in one if item.status == "refuted"] == ["law no-ribociclib-at-450"]


# --- the shipped rules, and faults in them ------------------------------------------------------------------------


@pytest.mark.long
def test_every_claim_of_the_shipped_rules_is_proved() -> None:
    loaded = load(rule_files(RULES))
    claims = Claims(loaded.base, loaded.laws, loaded.not_used)
    found = prove_all(claims, claims.every(), keep=False)
    assert [(one.claim.name, one.proofs) for one in found if one.status != "proved"] == []
    both = Counter(one.claim.kind for one in found if one.proofs[0].confirmed)
    every = Counter(one.claim.kind for one in found)
    for kind in ("answered", "agreed", "law", "closes"):
        assert both[kind] == every[kind], f"{kind}: confirmed by decision diagrams"
    COUNTS["claims of the shipped rules, proved"] = every


def noticed(fault: Fault) -> Sequence[tuple[Claim, Proof]]:
    """What is refuted of the claims that have to notice a fault: of their kind, and dependent on its rule."""
    files = rule_files(RULES)
    before, after = (load(held) for held in (files, fault.seeded(files)))
    concerned = {
        c.name for c in Claims(before.base, before.laws).every() if fault.rule in c.rules or fault.kind == "depends"
    }
    claims = Claims(after.base, after.laws, after.not_used)
    prover = Prover(claims)
    found: list[tuple[Claim, Proof]] = []
    for claim in claims.every():
        new = claim.about == f"{fault.rule}-copied" or fault.rule in claim.rules
        if claim.kind == fault.noticed and (new or claim.name in concerned):
            found += [(claim, proof) for proof in prover.prove(claim)]
    assert not [proof for _, proof in found if proof.status == "open"], fault.name
    refuted = [(claim, proof) for claim, proof in found if proof.status == "refuted"]
    for claim, proof in refuted:
        assert proof.cases or claim.kind in ("used", "bounded", "reached", "branch", "apart")
        assert shown_by(after, claim, proof), (fault.name, proof)
    return refuted


def shown_by(loaded: Loaded, claim: Claim, proof: Proof) -> bool:
    """Whether the cases of a refutation, read as a file and answered by both engines, show it."""
    clinic = Clinic(loaded.base)
    read, problems = clinic.reader.read(as_yaml(proof.cases).encode(), "shown.yaml") if proof.cases else ([], [])
    assert not problems
    answers = [recommend(case.case.profile, clinic.adviser, case.question(explain=True)) for case in read]
    if claim.kind == "answered":
        return not answers[0].decided_by and answers[0].verdict == "individualise"
    if claim.kind == "agreed":
        return {*proof.rules} <= {*answers[0].conflicts[0].rules}
    if claim.kind == "law":
        law = next(law for law in loaded.laws if law.id == claim.about)
        return bool(list(broken_by(read[0], answers[0], (law,), loaded.base)))
    if claim.kind == "closes":
        offered = {option.regimen for option in answers[0].options if option.tier in OFFERED}
        fired = {entry.rule for entry in answers[0].trace or () if entry.status == "fired"}
        return claim.about in fired and (bool(offered) or answers[0].verdict == "continue")
    if claim.kind == "unused":
        one, other = ((a.verdict, {o.regimen: o.tier for o in a.options}) for a in answers)
        return one != other
    return not answers


@pytest.mark.long
def test_seeded_faults_are_found(request: pytest.FixtureRequest) -> None:
    """Each by the kind of claims that is about it, with patients whom the engine answers as is said."""
    count = request.config.getoption("--faults", 6)
    counts = COUNTS.setdefault("faults seeded into the shipped rules, and found", Counter())
    step = max(1, len(FAULTS) // count)
    for fault in FAULTS[::step][:count]:
        found = noticed(fault)
        assert found, fault.name
        counts[f"{fault.kind}"] += 1
        counts["patients who show one"] += sum(len(proof.cases) for _, proof in found)
    assert len(FAULTS) >= 100
