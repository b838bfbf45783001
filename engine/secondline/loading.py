"""A rule folder -> a RuleBase: every file read, typed and cross-referenced, every problem with its line and column.

verdicts/ options/ safety/ tests/ cautions/ definitions/    one rule a file
evidence/                                                   one trial, label or guideline a file
vocabulary/                                                 classes, drugs, regimens, endpoints
rulebase.yaml                                               version and knowledge_until
laws.yaml                                                   what must hold for every patient
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from secondline import vocabulary as words
from secondline.condition import ANSWER, DEFINED, Condition, Terms, Test, of_answers, parse, tests_in
from secondline.errors import Dangling, InputError, Place, Problem, did_you_mean, one_of
from secondline.evidence import Source, lineages, parse_cite, share, shares, source
from secondline.facts import NOT_KNOWN, Fact, canonical, catalogue, main_of
from secondline.forms.evidence import Evidence, Result
from secondline.forms.rules import (
    Caution,
    Definition,
    Gate,
    Law,
    LawsFile,
    OptionRule,
    Rule,
    TestRule,
    VerdictRule,
)
from secondline.forms.vocabulary import ClassesFile, DrugsFile, EndpointsFile, NotUsed, RegimensFile, RulebaseFile
from secondline.rulebase import RuleBase, produces, values
from secondline.rulefiles import RuleFiles
from secondline.shapes import read
from secondline.source import Node, problem_at
from secondline.source import parse as parse_text
from secondline.vocabulary import Vocabulary
from secondline.wording import cites_in

RULE_FOLDERS: dict[str, type[Rule]] = {
    "verdicts": VerdictRule,
    "options": OptionRule,
    "safety": Gate,
    "tests": TestRule,
    "cautions": Caution,
}
FOLDERS = (*RULE_FOLDERS, "definitions", "evidence", "vocabulary")
HEAD, LAWS = "rulebase", "laws"  # the files that stand beside the folders
VOCABULARY: dict[str, type[BaseModel]] = {
    "classes": ClassesFile,
    "drugs": DrugsFile,
    "regimens": RegimensFile,
    "endpoints": EndpointsFile,
}
_MARKS = {"options": "regimen", "safety": "applies_to", "definitions": "cases", "evidence": "reports"}
_FOR_LAWS = ("vocabulary", "definitions", f"{LAWS}.yaml", f"{LAWS}.yml")
# How the paths of the files begin that give a name.
_OF_REGIMENS = ("vocabulary/regimens.",)
_OF_DRUGS = ("vocabulary/drugs.", "vocabulary/classes.")
_OF_IDS = (*(f"{name}/" for name in RULE_FOLDERS), "definitions/")
_UNREAD = Test("patient.sex", ())  # stands for a condition that could not be read, so that the rest is still checked
_Model = TypeVar("_Model", bound=BaseModel)


def marks(node: Node) -> dict[str, str]:
    """The keys of a file that stand in files of one folder alone, by that folder."""
    keys, then = node.value, node.value.get("then")
    found = {folder: key for folder, key in _MARKS.items() if key in keys}
    if then is not None and isinstance(then.value, dict) and "verdict" in then.value:
        found["verdicts"] = "then.verdict"
    if "fact" in keys and not {"cases", "otherwise", "then"} & keys.keys():
        found["tests"] = "fact"
    return found


class Loaded(NamedTuple):
    """A rule base with its laws, and the folder and nodes its parts were read from: for those who check or show files.

    Laws, and which facts are not to be used, stand beside the rule base, not in it: no answer needs them.
    """

    base: RuleBase
    nodes: dict[str, Node]
    folder: str
    laws: tuple[Law, ...] = ()
    not_used: tuple[NotUsed, ...] = ()


def load(files: RuleFiles) -> Loaded:
    """Read, type and cross-reference a rule folder.

    Raises:
        InputError: with every problem found in any file.
    """
    return _Loader(files).load()


def load_laws(files: RuleFiles) -> tuple[Law, ...]:
    """The laws of a rule folder that is known to be sound, without reading its rules and evidence again.

    Raises:
        InputError: with every problem found in the laws, or in the vocabulary and definitions that they are read with.
    """
    needed = {name: data for name, data in files.contents.items() if name.partition("/")[0] in _FOR_LAWS}
    return _Loader(files._replace(contents=needed)).load_laws()


class _Loader:
    def __init__(self, files: RuleFiles) -> None:
        self.files = files
        self.problems: list[Problem] = []
        self.nodes: dict[str, dict[str, Node]] = {name: {} for name in (*FOLDERS, "", LAWS)}
        self.terms = Terms(Vocabulary())
        self.ids: dict[str, Node] = {}
        self.unread: set[str] = set()  # how the paths of vocabulary files begin that are missing or not valid

    def load(self) -> Loaded:
        self.parse_files()
        head = self.head()
        vocabulary = self.vocabulary()
        self.terms = self.defined_terms(vocabulary)
        definitions = self.definitions()
        rules = {name: self.rules(name, model) for name, model in RULE_FOLDERS.items()}
        evidence = self.evidence()
        verdicts = [r for r in rules["verdicts"] if isinstance(r, VerdictRule)]
        gates = [r for r in rules["safety"] if isinstance(r, Gate)]
        options = [r for r in rules["options"] if isinstance(r, OptionRule)]
        every = [rule for group in rules.values() for rule in group]
        until = head.knowledge_until if head else date.max
        laws = self.laws(vocabulary)
        sources = self.sources([*every, *definitions, *laws], evidence, until)
        ordered = self.definition_order(definitions)
        overriders, verdict_order = self.override_order(verdicts)
        self.cross_check(options, gates, rules["tests"], vocabulary, evidence)
        for rule in rules["tests"]:
            if isinstance(rule, TestRule) and rule.prevalence:
                self.check_prevalence(rule, sources)
        self.absent_facts([*every, *laws], ordered)
        if every:  # evidence can be loaded alone
            self.check_not_used(head, [*every, *definitions])
        self.refuse_problems()
        assert head is not None
        base = RuleBase(
            version=head.version,
            knowledge_until=head.knowledge_until,
            vocabulary=vocabulary,
            evidence=evidence,
            sources=sources,
            definitions=tuple(ordered),
            verdicts=tuple(verdict_order),
            options=tuple(options),
            gates=tuple(gates),
            tests=tuple(r for r in rules["tests"] if isinstance(r, TestRule)),
            cautions=tuple(r for r in rules["cautions"] if isinstance(r, Caution)),
            overriders=overriders,
            rules_hash=self.content_hash(name for name in (*FOLDERS, "", LAWS) if name != "evidence"),
            evidence_hash=self.content_hash(("evidence",)),
        )
        return Loaded(base, self.ids, self.files.folder, laws, head.not_used)

    def load_laws(self) -> tuple[Law, ...]:
        self.parse_files()
        vocabulary = self.vocabulary()
        self.terms = self.defined_terms(vocabulary)
        laws = self.laws(vocabulary)
        self.refuse_problems()
        return laws

    # --- causes and what follows --------------------------------------------------------------------------

    def refuse_problems(self) -> None:
        """Raise what was found, without the names that are unknown only because another file has problems."""
        if self.problems:
            broken = {problem.place.file for problem in self.problems if not isinstance(problem, Dangling)}
            causes = [p for p in self.problems if not isinstance(p, Dangling) or not self.follows(p, broken)]
            raise InputError(causes, follow=len(causes) < len(self.problems))

    def follows(self, problem: Dangling, broken: set[str]) -> bool:
        """Whether the name would stand in a vocabulary that was not read, or another file with problems holds it."""
        return not self.unread.isdisjoint(problem.among) or any(
            name.startswith(problem.among) and _mentions(name, data, problem.name)
            for name, data in self.files.contents.items()
            if (shown := f"{self.files.folder}/{name}") in broken and shown != problem.place.file
        )

    # --- files --------------------------------------------------------------------------------------------

    def parse_files(self) -> None:
        for name, data in self.files.contents.items():
            shown = f"{self.files.folder}/{name}"
            folder = name.partition("/")[0] if "/" in name else ""
            stem = Path(name).stem
            if folder not in FOLDERS if folder else stem not in (HEAD, LAWS):
                where = f"expected `{HEAD}.yaml`, `{LAWS}.yaml` or a file in {one_of(f'{f}/' for f in FOLDERS)}"
                near = did_you_mean(folder or stem, FOLDERS if folder else (*FOLDERS, HEAD, LAWS))
                self.problems.append(Problem(Place(shown, 1, 1), f"no kind of rule lives here; {where}{near}"))
                continue
            try:
                documents = parse_text(data, shown)
            except InputError as error:
                self.problems += error.problems
                continue
            if len(documents) != 1 or not isinstance(documents[0].value, dict):
                place = documents[1].place if len(documents) > 1 else Place(shown, 1, 1)
                self.problems.append(Problem(place, "expected one mapping in this file; one rule stands in one file"))
                continue
            node = documents[0]
            meant = marks(node)
            if folder and meant and folder not in meant:
                belongs, mark = next(iter(meant.items()))
                message = f"`{mark}` makes this a file of `{belongs}/`, not of `{folder}/`; put it there"
                self.problems.append(Problem(node.place, message))
                folder = belongs  # read as what it is, so that this is all that is said of it
            self.nodes[folder or ("" if stem == HEAD else LAWS)][name] = node

    def read(self, node: Node, model: type[_Model], plain: Any = None, *, exact: bool = False) -> _Model | None:
        try:
            return read(node, model, plain, exact=exact)
        except InputError as error:
            self.problems += error.problems
            return None

    def refuse(self, node: Node, path: tuple[str | int, ...], message: str) -> None:
        self.problems.append(problem_at(node, path, message))

    def unknown(self, node: Node, path: tuple[str | int, ...], message: str, name: str, among: tuple[str, ...]) -> None:
        """Refuse a name that is not known, and that files whose paths begin so would give."""
        self.problems.append(Dangling(problem_at(node, path, message).place, message, name, among))

    def is_there(self, path: str) -> bool:
        """Whether there is a file of this name, without its ending, readable or not."""
        return any(name.rpartition(".")[0] == path for name in self.files.contents)

    def head(self) -> RulebaseFile | None:
        heads = list(self.nodes[""].values())
        for node in heads[1:]:
            self.refuse(node, (), f"`{heads[0].place.file}` heads the rule base already; keep one of the two")
        if heads:
            return self.read(heads[0], RulebaseFile)
        if not self.is_there(HEAD):
            message = "`rulebase.yaml` is missing; it holds `version` and `knowledge_until`"
            self.problems.append(Problem(Place(self.files.folder), message))
        return None

    def check_not_used(self, head: RulebaseFile | None, rules: Sequence[Rule | Definition]) -> None:
        """Refuse a mark on no fact or on one marked before, and one that excepts no rule or definition."""
        node = next(iter(self.nodes[""].values()), None)
        known = {rule.id for rule in rules}
        marked: set[str] = set()
        for at, mark in enumerate(head.not_used if head else ()):
            assert node is not None
            fact = catalogue().get(mark.fact)
            if fact is None or fact.main:
                near = did_you_mean(mark.fact, [path for path, held in catalogue().items() if not held.main])
                self.refuse(node, ("not_used", at, "fact"), f"no fact `{mark.fact}`{near}")
            elif mark.fact in marked:
                self.refuse(node, ("not_used", at, "fact"), f"`{mark.fact}` is marked already; keep one of the two")
            marked.add(mark.fact)
            for index, name in enumerate(mark.clinical_in):
                if name not in known:
                    near = did_you_mean(name, known)
                    message = f"no rule or definition `{name}`{near}"
                    self.unknown(node, ("not_used", at, "clinical_in", index), message, name, _OF_IDS)

    def content_hash(self, folders: Iterable[str]) -> str:
        """A digest of what the files say, whatever their names, order, comments and order of keys."""
        content = sorted(
            json.dumps([folder, node.plain(exact=True)], sort_keys=True, default=str, ensure_ascii=False)
            for folder in folders
            for node in self.nodes[folder].values()
        )
        return "sha256:" + hashlib.sha256("\n".join(content).encode()).hexdigest()

    # --- vocabulary ---------------------------------------------------------------------------------------

    def vocabulary(self) -> Vocabulary:
        found = Vocabulary()
        seen: dict[str, Node] = {}
        for name, node in self.nodes["vocabulary"].items():
            stem = Path(name).stem
            if stem not in VOCABULARY:
                near = did_you_mean(stem, VOCABULARY) or f"; expected {one_of(VOCABULARY)}"
                self.refuse(node, (), f"no vocabulary file `{stem}`{near}")
                continue
            model = self.read(node, VOCABULARY[stem])
            if model is not None:
                seen[stem] = node
                setattr(found, stem, getattr(model, stem))
            if isinstance(model, DrugsFile):
                found.other_names = model.names
        self.check_vocabulary(found, seen)
        return found

    def check_vocabulary(self, found: Vocabulary, nodes: dict[str, Node]) -> None:
        for stem in VOCABULARY:
            if stem not in nodes:
                self.unread.add(f"vocabulary/{stem}.")
            if not self.is_there(f"vocabulary/{stem}"):
                self.problems.append(Problem(Place(self.files.folder), f"`vocabulary/{stem}.yaml` is missing; add it"))
        if "classes" not in nodes:
            return
        for role in words.ROLES:
            if role not in found.classes:
                self.refuse(
                    nodes["classes"], ("classes",), f"class `{role}` is missing; histories are worked out with it"
                )
        for name, drug_class in found.classes.items():
            above = drug_class.within
            if above and above not in found.classes:
                message = f"no class `{above}`{did_you_mean(above, found.classes)}"
                self.refuse(nodes["classes"], ("classes", name, "within"), message)
            elif above and name in self.above(above, found):
                self.refuse(
                    nodes["classes"], ("classes", name, "within"), f"class `{name}` lies within itself; end the circle"
                )
        for drug, classes in found.drugs.items():
            if drug in found.classes:
                self.refuse(nodes["drugs"], ("drugs", drug), f"`{drug}` is a class already; rename the drug")
            if drug != drug.lower():
                message = f"`{drug}` has a capital letter, so that no profile can name it; write `{drug.lower()}`"
                self.refuse(nodes["drugs"], ("drugs", drug), message)
            for index, name in enumerate(classes):
                if name not in found.classes:
                    message = f"no class `{name}`{did_you_mean(name, found.classes)}"
                    self.refuse(nodes["drugs"], ("drugs", drug, index), message)
        small = {drug.lower() for drug in found.drugs}
        for name, drug in found.other_names.items():
            if drug not in small or name != name.lower() or name in found.drugs:
                message = f"no drug `{drug}`{did_you_mean(drug, found.drugs)}"
                if drug in small:
                    message = f"`{name}` has to be another name, in lower case; correct it"
                self.refuse(nodes["drugs"], ("names", name), message)
        for name, regimen in found.regimens.items():
            for index, agent in enumerate(regimen.agents):
                if agent not in found.drugs and agent not in found.classes:
                    near = did_you_mean(agent, [*found.drugs, *found.classes])
                    path = ("regimens", name, "agents", index)
                    self.unknown(nodes["regimens"], path, f"no drug or class `{agent}`{near}", agent, _OF_DRUGS)

    @staticmethod
    def above(name: str, vocabulary: Vocabulary) -> set[str]:
        seen: set[str] = set()
        current: str | None = name
        while current and current not in seen and current in vocabulary.classes:
            seen.add(current)
            current = vocabulary.classes[current].within
        return seen

    # --- definitions --------------------------------------------------------------------------------------

    def defined_terms(self, vocabulary: Vocabulary) -> Terms:
        """The facts and yes/no definitions that conditions may name, from the heads of the definition files."""
        facts: dict[str, Fact] = {}
        yes_no: set[str] = set()
        for node in self.nodes["definitions"].values():
            name = node.value.get("id")
            path = node.value.get("fact")
            if path is None:
                yes_no |= {name.value} if name and isinstance(name.value, str) else set()
                continue
            if not isinstance(path.value, str):
                continue
            if canonical(path.value) in catalogue():
                self.refuse(
                    node, ("fact",), f"`{path.value}` is a fact of the profile; give the definition a fact of its own"
                )
            elif path.value in facts:
                self.refuse(node, ("fact",), f"`{path.value}` is defined in another file too; keep one")
            else:
                label = node.value["title"].text if "title" in node.value else path.value
                facts[path.value] = Fact(path.value, "choice", label, values=tuple(self.head_values(node)))
        return Terms(vocabulary, facts, frozenset(yes_no))

    @staticmethod
    def head_values(node: Node) -> Iterator[str]:
        cases = node.value.get("cases")
        for case in cases.value if cases and isinstance(cases.value, list) else ():
            if isinstance(case.value, dict) and "value" in case.value and "of" not in case.value:
                yield case.value["value"].text
        if "otherwise" in node.value:
            yield node.value["otherwise"].text

    def condition(self, node: Node) -> Condition:
        return parse(node, self.terms, self.problems) or _UNREAD

    def definitions(self) -> list[Definition]:
        found: list[Definition] = []
        for node in self.nodes["definitions"].values():
            plain = node.plain()
            cases = node.value.get("cases")
            if cases and isinstance(cases.value, list):
                plain["cases"] = tuple(self.with_condition(case) for case in cases.value)
            definition = self.read(node, Definition, plain)
            if definition and self.unique(definition.id, node):
                self.check_values(definition, node)
                found.append(definition)
        return sorted(found, key=lambda d: d.id)

    def with_condition(self, node: Node) -> Any:
        """The plain value of a node, with the condition under `when` read."""
        plain = node.plain()
        if isinstance(node.value, dict) and "when" in node.value:
            plain["when"] = self.condition(node.value["when"])
        return plain

    def check_values(self, definition: Definition, node: Node) -> None:
        for index, case in enumerate(definition.cases):
            if case.of is not None and case.of not in catalogue():
                near = did_you_mean(case.of, catalogue())
                self.refuse(node, ("cases", index, "of"), f"no fact `{case.of}`{near}")
            if (case.value == "unknown") != (case.of is not None):
                message = "`value: unknown` and `of: FACT` stand together; give both or neither"
                self.refuse(node, ("cases", index, "value"), message)
        stated = [(("cases", index, "value"), case.value) for index, case in enumerate(definition.cases)]
        for path, value in (*stated, (("otherwise",), definition.otherwise)):
            if value in NOT_KNOWN or (value == "unknown" and path == ("otherwise",)):
                message = (
                    f"`{value}` is no value but the lack of one; to make a fact count as absent write a case with `of`"
                )
                self.refuse(node, path, message)
        given = [value for value in values(definition) if value is not None]
        wrong = bool if definition.fact is None else str
        if any(isinstance(value, bool) != (wrong is bool) for value in given):
            expected = (
                "`true` and `false`, as it has no `fact`" if definition.fact is None else "text, as it has a `fact`"
            )
            self.refuse(node, ("cases",), f"the values of `{definition.id}` have to be {expected}")

    def unique(self, name: str, node: Node) -> bool:
        if name in self.ids:
            first = self.ids[name].place
            self.refuse(
                node, ("id",), f"`{name}` is used by {first.file} already; choose another, ids are never used twice"
            )
            return False
        self.ids[name] = node
        return True

    def definition_order(self, definitions: list[Definition]) -> list[Definition]:
        """Definitions after those they read; a circle is a problem."""
        by_fact = {produces(definition): definition for definition in definitions}
        ordered: dict[str, Definition] = {}

        def visit(definition: Definition, above: tuple[str, ...]) -> None:
            if definition.id in above:
                circle = " -> ".join((*above[above.index(definition.id) :], definition.id))
                self.refuse(self.ids[definition.id], ("cases",), f"definitions in a circle: {circle}; end it")
                return
            if definition.id in ordered:
                return
            for path in sorted(facts_read(definition)):
                if path in by_fact:
                    visit(by_fact[path], (*above, definition.id))
            ordered.setdefault(definition.id, definition)

        for definition in definitions:
            visit(definition, ())
        return list(ordered.values())

    # --- rules --------------------------------------------------------------------------------------------

    def rules(self, folder: str, model: type[Rule]) -> list[Rule]:
        found: list[Rule] = []
        for node in self.nodes[folder].values():
            rule = self.read(node, model, self.with_condition(node))
            if rule and self.unique(rule.id, node):
                self.check_text(rule, node)
                found.append(rule)
        return sorted(found, key=lambda rule: rule.id)

    def check_text(self, rule: Rule, node: Node) -> None:
        try:
            cites = list(cites_in(rule.says))
        except ValueError as error:
            self.refuse(node, ("says",), f"in `says`: {error}")
            return
        listed = {cite.strip() for cite in rule.cites}
        for cite, _ in cites:
            if cite not in listed:
                message = f"`says` shows `{cite}`, which is not under `cites`{did_you_mean(cite, listed) or '; add it'}"
                self.refuse(node, ("says",), message)

    # --- laws ---------------------------------------------------------------------------------------------

    def laws(self, vocabulary: Vocabulary) -> tuple[Law, ...]:
        """The laws, whose conditions may read the answer too."""
        found: list[Law] = []
        terms = replace(self.terms, defined_facts=self.terms.defined_facts | of_answers(vocabulary))
        files = list(self.nodes[LAWS].values())
        for other in files[1:]:
            self.refuse(other, (), f"`{files[0].place.file}` holds the laws already; keep one of the two")
        for node in files[:1]:
            plain = node.plain()
            listed = node.value.get(LAWS)
            items = listed.value if listed and isinstance(listed.value, list) else []
            if items:
                plain[LAWS] = tuple(self.with_conditions(item, terms) for item in items)
            held = self.read(node, LawsFile, plain)
            for item, law in zip(items, held.laws if held else (), strict=False):
                if self.unique(law.id, item):
                    self.check_law(law, item)
                    found.append(law)
        return tuple(found)

    def with_conditions(self, node: Node, terms: Terms) -> Any:
        """The plain value of a law with its conditions read."""
        plain = node.plain()
        for key in ("when", "then"):
            if isinstance(node.value, dict) and key in node.value:
                plain[key] = parse(node.value[key], terms, self.problems) or _UNREAD
        return plain

    def check_law(self, law: Law, node: Node) -> None:
        """Refuse a law that no rule and no definition can break, since it speaks of the patient alone."""
        read = {test.fact for condition in (law.when, law.then) for test in tests_in(condition)}
        made = {path for path in read if path in ANSWER or path.startswith(DEFINED) or path in self.terms.defined_facts}
        if not made and _UNREAD not in (law.when, law.then):
            message = (
                f"`{law.id}` says nothing of the rules; expected {one_of(ANSWER)} here, or what a definition gives"
            )
            self.refuse(node, ("then",), message)

    def override_order(self, verdicts: list[VerdictRule]) -> tuple[dict[str, tuple[str, ...]], list[VerdictRule]]:
        """For each verdict rule the rules that override it, and the rules in an order that follows that."""
        by_id = {rule.id: rule for rule in verdicts}
        over: dict[str, list[str]] = {rule.id: [] for rule in verdicts}
        for rule in verdicts:
            for index, target in enumerate(rule.overrides):
                node = self.ids[rule.id]
                if target not in by_id:
                    message = f"`{rule.id}` overrides no rule `{target}`{did_you_mean(target, by_id)}"
                    self.unknown(node, ("overrides", index), message, target, ("verdicts/",))
                elif by_id[target].then.verdict == "out-of-scope":
                    self.refuse(node, ("overrides", index), f"`{target}` judges scope; nothing overrides it, remove it")
                else:
                    over[target].append(rule.id)
        scope = [rule.id for rule in verdicts if rule.then.verdict == "out-of-scope"]
        overriders = {
            rule.id: tuple(sorted({*over[rule.id], *(scope if rule.id not in scope else ())})) for rule in verdicts
        }
        ordered: dict[str, VerdictRule] = {}

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in above:
                circle = " -> ".join((*above[above.index(name) :], name))
                self.refuse(self.ids[name], ("overrides",), f"rules override one another in a circle: {circle}; end it")
            elif name not in ordered:
                for overrider in overriders[name]:
                    visit(overrider, (*above, name))
                ordered.setdefault(name, by_id[name])

        for name in sorted(by_id):
            visit(name, ())
        return overriders, list(ordered.values())

    def cross_check(
        self,
        options: list[OptionRule],
        gates: list[Gate],
        tests: list[Rule],
        vocabulary: Vocabulary,
        evidence: dict[str, Evidence],
    ) -> None:
        for option in options:
            if option.regimen not in vocabulary.regimens:
                near = did_you_mean(option.regimen, vocabulary.regimens) or "; add it to `vocabulary/regimens.yaml`"
                message = f"no regimen `{option.regimen}`{near}"
                self.unknown(self.ids[option.id], ("regimen",), message, option.regimen, _OF_REGIMENS)
            gain = option.grading.gain if option.grading else None
            if gain is not None and gain not in option.cites:
                near = did_you_mean(gain, option.cites) or "; add it"
                message = f"`gain` takes `{gain}`, which is not under `cites`{near}"
                self.refuse(self.ids[option.id], ("grading", "gain"), message)
        for gate in gates:
            kinds: dict[str, Iterable[str]] = {
                "regimens": vocabulary.regimens,
                "agents": vocabulary.drugs,
                "classes": vocabulary.classes,
            }
            for name, valid in kinds.items():
                for index, target in enumerate(getattr(gate.applies_to, name)):
                    if target not in valid:
                        path = ("applies_to", name, index)
                        kind = next((other for other, held in kinds.items() if target in held), None)
                        meant = did_you_mean(vocabulary.inn(target) or target, valid)
                        message = f"`{gate.id}` applies to no known `{target}`"
                        message += f"; put it under `{kind}`" if kind else meant
                        among = _OF_REGIMENS if name == "regimens" else _OF_DRUGS
                        self.unknown(self.ids[gate.id], path, message, target, among)
        for test in tests:
            if isinstance(test, TestRule) and test.fact not in catalogue():
                near = did_you_mean(test.fact, catalogue()) or "; `secondline schema case` lists the facts"
                self.refuse(self.ids[test.id], ("fact",), f"no fact `{test.fact}`{near}")
        for name, node in self.nodes["vocabulary"].items():
            if Path(name).stem == "regimens":
                for regimen, known in vocabulary.regimens.items():
                    for index, label in enumerate(known.labels):
                        if label not in evidence:
                            message = f"no evidence `{label}`{did_you_mean(label, evidence)}"
                            self.unknown(node, ("regimens", regimen, "labels", index), message, label, ("evidence/",))

    def check_prevalence(self, rule: TestRule, sources: dict[str, Source]) -> None:
        """Refuse a share of a result that the test cannot have, one that no cite gives, and more than all patients."""
        node, fact = self.ids[rule.id], catalogue().get(rule.fact)
        before = len(self.problems)
        for index, given in enumerate(rule.prevalence):
            path = ("prevalence", index)
            if fact and not fact.values:
                self.refuse(node, ("prevalence",), f"`{rule.fact}` has no list of results to have shares; remove it")
                return
            if fact and given.result not in fact.values:
                near = did_you_mean(given.result, fact.values) or f"; expected {one_of(fact.values)}"
                self.refuse(node, (*path, "result"), f"`{rule.fact}` cannot be `{given.result}`{near}")
            for key, cite in (("cite", given.cite), ("of", given.of)):
                if cite is not None:
                    self.check_share(rule, (*path, key), cite, sources)
            named = [sources[cite] for cite in (given.cite, given.of) if cite in sources]
            trials = [s.cite.report if s.evidence.independent else s.cite.id for s in named]
            if len(set(trials)) > 1:
                message = f"a share in `{trials[0]}` is no share of those in `{trials[1]}`; give one of `{trials[0]}`"
                self.refuse(node, (*path, "of"), message)
        used = {cite for given in rule.prevalence for cite in (given.cite, given.of) if cite is not None}
        if len(self.problems) > before or not used <= sources.keys():
            return
        for day in sorted({since for cite in used for since, _, _ in sources[cite].reports}):
            total = sum(found.share for found in shares(rule.prevalence, sources, day))
            if total > 1 + 1e-9:
                message = f"on {day} the shares add to {100 * total:.4g} %, more than all patients; correct one"
                self.refuse(node, ("prevalence",), message)
                return

    def check_share(self, rule: TestRule, path: tuple[str | int, ...], cite: str, sources: dict[str, Source]) -> None:
        """Refuse a cite that the rule does not list, or of which any report does not give just one share."""
        if cite not in rule.cites:
            near = did_you_mean(cite, rule.cites) or "; add it"
            message = f"`prevalence` takes `{cite}`, which is not under `cites`{near}"
            self.refuse(self.ids[rule.id], path, message)
            return
        for _, report, result in sources[cite].reports if cite in sources else ():
            try:
                share(result)
            except ValueError as error:
                self.refuse(self.ids[rule.id], path, f"`prevalence` takes `{cite}`, in {report.id}: {error}")
                return

    def absent_facts(self, rules: Sequence[Rule | Law], definitions: list[Definition]) -> None:
        """Refuse a rule that reads, past its definition, a fact that a definition can make count as absent."""
        voided = {case.of: d for d in definitions for case in d.cases if case.of}
        direct: dict[str, set[str]] = {}
        for definition in definitions:
            reads = facts_read(definition)
            below = {path for inner in reads & direct.keys() for path in direct[inner]}
            own = {case.of for case in definition.cases if case.of}
            direct[produces(definition)] = {p for p in reads | below if main_of(p) not in own}
        for rule in rules:
            if isinstance(rule, TestRule):
                continue
            for key, condition in (("when", rule.when), *((("then", rule.then),) if isinstance(rule, Law) else ())):
                read = {test.fact for test in tests_in(condition)}
                reached = read | {path for name in read for path in direct.get(name, ())}
                for path in sorted(path for path in reached if main_of(path) in voided):
                    name = produces(voided[main_of(path)]).removeprefix(DEFINED)
                    message = f"`{rule.id}` reads `{path}`, whose result can count as absent; read `{name}` instead"
                    self.refuse(self.ids[rule.id], (key,), message)

    # --- evidence -----------------------------------------------------------------------------------------

    def evidence(self) -> dict[str, Evidence]:
        found: dict[str, Evidence] = {}
        for node in self.nodes["evidence"].values():
            plain = node.plain(exact=True)
            eligibility = node.value.get("eligibility")
            criteria = (
                eligibility.value.get("criteria") if eligibility and isinstance(eligibility.value, dict) else None
            )
            if criteria and isinstance(criteria.value, list):
                plain["eligibility"]["criteria"] = tuple(self.with_condition(item) for item in criteria.value)
            evidence = self.read(node, Evidence, plain)
            if evidence and self.unique(evidence.id, node):
                found[evidence.id] = evidence
                self.check_evidence(evidence, node)
        return dict(sorted(found.items()))

    def check_evidence(self, evidence: Evidence, node: Node) -> None:
        reports = [report.id for report in evidence.reports]
        given = sorted({f"{report.id}/{result.endpoint}" for report in evidence.reports for result in report.results})
        for index, report in enumerate(evidence.reports):
            if reports.index(report.id) != index:
                self.refuse(node, ("reports", index, "id"), f"report `{report.id}` stands here twice; rename one")
            for position, result in enumerate(report.results):
                path = ("reports", index, "results", position)
                for arm in result.arms:
                    if evidence.arms and arm not in evidence.arms:
                        self.refuse(node, (*path, "arms", arm), f"no arm `{arm}`{did_you_mean(arm, evidence.arms)}")
                for number, replaced in enumerate(result.replaces):
                    if replaced not in given:
                        message = f"no result `{replaced}` here{did_you_mean(replaced, given)}"
                        self.refuse(node, (*path, "replaces", number), message)
                for name, low, high in _intervals(result):
                    if low > high:
                        message = f"the interval runs from {low} to {high}; expected the lower limit first"
                        self.refuse(node, (*path, *name), message)
        try:
            lineages(evidence)
        except ValueError as error:
            message = f"`{error}` could continue several earlier results; fill in its `assessor` or `comparison`"
            self.refuse(node, ("reports",), message)

    def sources(
        self, holders: Sequence[Rule | Definition | Law], evidence: dict[str, Evidence], until: date
    ) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for holder in holders:
            for index, text in enumerate(holder.cites):
                if text in found:
                    continue
                node, path = self.ids[holder.id], ("cites", index)
                cite = parse_cite(text)
                if cite is None:
                    message = f"`{text}` is no cite; expected `ID`, `ID/endpoint` or `ID/endpoint[key=value,...]`"
                    self.refuse(node, path, message)
                elif cite.id not in evidence:
                    near = did_you_mean(cite.id, evidence)
                    what = "law" if isinstance(holder, Law) else "rule"
                    message = f"{what} `{holder.id}` cites `{text}`, which no evidence file holds{near}"
                    self.unknown(node, path, message, cite.id, ("evidence/",))
                else:
                    try:
                        found[text] = source(cite, evidence[cite.id], until)
                    except ValueError as error:
                        self.refuse(node, path, f"rule `{holder.id}` cites `{text}`: {error}")
        return found


def _intervals(result: Result) -> Iterator[tuple[tuple[str, ...], Decimal, Decimal]]:
    """Every interval of a result, with its path in the result."""
    holders = [(("arms", name), arm) for name, arm in result.arms.items()]
    for path, holder in (*holders, (("effect",), result.effect)):
        for name in ("ci95", "ci90"):
            interval = getattr(holder, name, None)
            if interval is not None and None not in interval:
                yield (*path, name), *interval


def _mentions(path: str, data: bytes, name: str) -> bool:
    """Whether a file, readable or not, has a name in its text or is called by it."""
    text = data.decode(errors="replace")
    return Path(path).stem == name.lower() or bool(re.search(rf"(?<![\w.+-]){re.escape(name)}(?![\w+-])", text))


def facts_read(definition: Definition) -> set[str]:
    """The facts that the conditions of a definition test."""
    return {test.fact for case in definition.cases for test in tests_in(case.when)}
