"""Rules as the flat conjunctions that durable_rules is given, and everything that is refused before it sees them.

Every node of a condition has two rails, true and false; neither derived means unknown. A rail is one or more
conjunctions of constant comparisons on the case's facts and of rails already derived, so the engine sees nothing but
that: no negation, disjunction, joins on values, events, arrays or batches.

What is known to break the engine is either compiled away or refused at load, naming the rule:

- fan-out: rules stand in blocks of `BLOCK` and of `MAX_FIELDS` fields; each reads its own copy of the case;
- a rail that many rules need is asserted in several copies, each needed by at most `READERS` rules;
- long conjunctions are chained, so that a rule joins at most `JOINS` facts and tests at most `TESTS` constants;
- numbers, texts, nesting, the number of rules and the 32-bit hashes of every name are checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import AnyOf, Check, Condition, Not, Test
from secondline.errors import EngineError, InputError, Place, Problem
from secondline.facts import Fact, catalogue
from secondline.rulebase import RuleBase, values

if TYPE_CHECKING:
    from secondline.forms.rules import Definition

BLOCK = 60  # 64 conditions true at once under one node is error 303
READERS = 250  # from 256 rules on one chain end an unrelated rule fires
JOINS = 12  # 17 facts joined is error 304
TESTS = 60  # constants in one conjunction
MAX_RULES = 4000  # 4,096 rules is error 106
MAX_FIELDS = 240  # 253 fields of one fact is error 302
MAX_TEXT = 1000  # texts over 65,535 bytes compare on their length modulo 65,536
MAX_NUMBER = 2**53  # integers beyond lose digits against doubles
MAX_DEPTH = 40  # nesting of a condition; the compiler here recurses
_RESERVED = ("id", "sid", "g", "d", "dg", "canary", "$s", "$forward")
_COMPARE = {"eq": "", "ne": "$neq", "ge": "$gte", "gt": "$gt", "le": "$lte", "lt": "$lt"}

Constant = tuple[str, str, str | int | float]  # field, comparison, value
Name = tuple[str, ...]  # a rail or an inner node: ("true", rule id), ("out", definition, case), ...


class Conjunction(NamedTuple):
    """Constants on the case's fields and names derived before, all of which hold."""

    constants: tuple[Constant, ...] = ()
    needs: tuple[Name, ...] = ()


Rail = tuple[Conjunction, ...]  # holds if any of these does; () never, (Conjunction(),) always


class Encoding(NamedTuple):
    """How the state of one fact becomes fields: its kind, its field's name, the values or members that rules test."""

    kind: str
    field: str
    values: tuple[str, ...] = ()


class Program(NamedTuple):
    """A rule base as the engine takes it; names that can be derived go by number.

    `text` is the ruleset; `concludes` the name each engine rule derives; `asserts` the facts to assert once a name is
    derived; `blocks` the fields each block reads; `rules` each rule's names for true and for false; `definitions` each
    definition's names for its cases being out.
    """

    text: str
    concludes: tuple[int, ...]
    asserts: tuple[tuple[str, ...], ...]
    blocks: tuple[tuple[str, ...], ...]
    encodings: tuple[tuple[str, Encoding], ...]
    rules: tuple[tuple[str, int, int], ...]
    definitions: tuple[tuple[str, tuple[int, ...]], ...]


# --- compiling --------------------------------------------------------------------------------------------


def compile_program(base: RuleBase, places: Mapping[str, Place]) -> Program:
    """Translate a rule base; `places` says where each rule stands.

    Raises:
        InputError: naming the rule that the engine could not be trusted with.
    """
    return _Compiler(base, places).program()


class _Compiler:
    def __init__(self, base: RuleBase, places: Mapping[str, Place]) -> None:
        self.base, self.places = base, places
        self.origin = ""
        self.rules: list[tuple[Conjunction, Name, str]] = []  # what holds, what follows, whose rule it is
        self.inner: dict[tuple[Condition, bool], Name] = {}
        self.first: dict[
            Condition, str
        ] = {}  # the rule that a condition is derived for; rules of one condition share it
        self.encodings: dict[str, Encoding] = {}

    def refuse(self, message: str) -> InputError:
        place = self.places.get(self.origin, Place("rules"))
        return InputError([Problem(place, f"rule `{self.origin}` cannot run on durable_rules: {message}")])

    def program(self) -> Program:
        for definition in self.base.definitions:
            self.origin = definition.id
            self.definition(definition)
        for rule in self.base.rules():
            if self.first.setdefault(rule.when, rule.id) == rule.id:
                self.origin = rule.id
                self.derive(("true", rule.id), self.rail(rule.when, True, 0))
                self.derive(("false", rule.id), self.rail(rule.when, False, 0))
        return self.assemble()

    def definition(self, definition: Definition) -> None:
        """`("out", id, n)`: case n can no longer be the first true one; `otherwise` is the last case."""
        before: list[Rail] = []
        for index, case in enumerate(definition.cases):
            self.derive(("out", definition.id, str(index)), self.rail(case.when, False, 0), *before)
            before.append(self.rail(case.when, True, 0))
        self.derive(("out", definition.id, str(len(definition.cases))), *before)

    def derive(self, name: Name, *rails: Rail) -> None:
        """One engine rule for each conjunction of these rails."""
        for conjunction in dict.fromkeys(part for rail in rails for part in rail):
            self.rules.append((self.chained(conjunction), name, self.origin))
            if len(self.rules) > MAX_RULES:
                raise self.refuse(f"the rule base needs more than {MAX_RULES} engine rules; split it")

    def chained(self, conjunction: Conjunction) -> Conjunction:
        """A conjunction short enough for one engine rule; what is too much is derived on its own before."""
        constants, needs = list(conjunction.constants), list(conjunction.needs)
        while len(constants) > TESTS or len(needs) > JOINS - 1:
            part = Conjunction(tuple(constants[:TESTS]), tuple(needs[: JOINS - 1]))
            name: Name = ("chain", str(len(self.rules)))
            self.rules.append((part, name, self.origin))
            constants, needs = constants[TESTS:], [name, *needs[JOINS - 1 :]]
        return Conjunction(tuple(constants), tuple(needs))

    # --- rails --------------------------------------------------------------------------------------------

    def rail(self, condition: Condition, wanted: bool, depth: int) -> Rail:
        """The conjunctions under which a condition is true (or, not wanted, false)."""
        if depth > MAX_DEPTH:
            raise self.refuse(f"its condition is nested more than {MAX_DEPTH} deep; split it into definitions")
        if isinstance(condition, Not):
            return self.rail(condition.part, not wanted, depth + 1)
        if isinstance(condition, Test):
            return self.test(condition, wanted)
        rails = [self.rail(part, wanted, depth + 1) for part in condition.parts]
        if isinstance(condition, AnyOf) is wanted:
            return tuple(dict.fromkeys(part for rail in rails for part in rail))
        return self.every(list(zip(condition.parts, rails, strict=True)), wanted)

    def every(self, parts: list[tuple[Condition, Rail]], wanted: bool) -> Rail:
        """All of several rails: a rail of several conjunctions is derived under a name of its own first."""
        return self.joined([rail if len(rail) <= 1 else self.named(part, wanted, rail) for part, rail in parts])

    @staticmethod
    def joined(rails: Sequence[Rail]) -> Rail:
        if any(not rail for rail in rails):
            return ()
        constants = dict.fromkeys(constant for rail in rails for constant in rail[0].constants)
        needs = dict.fromkeys(name for rail in rails for name in rail[0].needs)
        return (Conjunction(tuple(constants), tuple(needs)),)

    def named(self, condition: Condition, wanted: bool, rail: Rail) -> Rail:
        key = (condition, wanted)
        if key not in self.inner:
            name: Name = ("inner", str(len(self.inner)))
            self.inner[key] = name
            self.derive(name, rail)
        return (Conjunction(needs=(self.inner[key],)),)

    def test(self, test: Test, wanted: bool) -> Rail:
        definition = self.base.defined.get(test.fact)
        rails: list[Rail] = []
        for check in test.checks:
            alone = Test(test.fact, (check,))
            if definition is not None:
                rails.append(self.defined(definition, check, wanted))
            else:
                rail = self.atom(catalogue()[test.fact], check, wanted)
                several = wanted and len(test.checks) > 1 and len(rail) > 1
                rails.append(self.named(alone, wanted, rail) if several else rail)
        if wanted:
            return self.joined(rails) if len(rails) > 1 else rails[0]
        return tuple(dict.fromkeys(part for rail in rails for part in rail))

    def defined(self, definition: Definition, check: Check, wanted: bool) -> Rail:
        """A test on a definition's value: every case with another value is out."""
        passing = (check.op == "is") is wanted
        excluded = [
            ("out", definition.id, str(index))
            for index, value in enumerate(values(definition))
            if value is None or (value in check.values) is not passing
        ]
        return (Conjunction(needs=tuple(excluded)),)

    # --- tests on facts -----------------------------------------------------------------------------------

    def atom(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        for value in check.values:
            self.constant(value)
        if fact.kind == "set":
            return self.member_rail(fact, check, wanted)
        if fact.numeric:
            return self.number_rail(fact, check, wanted)
        return self.choice_rail(fact, check, wanted)

    def constant(self, value: str | int | float) -> None:
        if isinstance(value, str):
            if len(value.encode()) > MAX_TEXT or "\0" in value:
                raise self.refuse(f"a text of more than {MAX_TEXT} bytes or with a NUL in it; shorten it")
        elif not isinstance(value, bool) and (not math.isfinite(value) or abs(value) > MAX_NUMBER):
            raise self.refuse(f"the number {value}; it has to lie within 2^53")

    def encoding(self, fact: Fact, kind: str, values: Iterable[str] = ()) -> Encoding:
        old = self.encodings.get(fact.path)
        field = old.field if old else f"f{len(self.encodings)}"
        known = dict.fromkeys((*(old.values if old else ()), *values))
        self.encodings[fact.path] = Encoding(kind, field, tuple(known))
        return self.encodings[fact.path]

    def choice_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A single value is one text; where only candidates are known, each value that is out has a field."""
        values = [text_of(value, fact) for value in check.values]
        domain = [text_of(value, fact) for value in (fact.values or (True, False))] if fact.kind != "text" else []
        field = self.encoding(fact, "choice", domain if fact.partly else ()).field
        among: list[Conjunction] = [Conjunction(((field, "eq", value),)) for value in values]
        outside = [Conjunction(tuple((field, "ne", value) for value in values))]
        if len(values) > 1 and domain and not fact.partly:  # one conjunction: it is none of the others
            others = [value for value in (*domain, NOT_APPLICABLE_TEXT) if value not in values]
            among = [Conjunction(tuple((field, "ne", value) for value in others))]
        if fact.partly:
            partly: Constant = (f"{field}p", "eq", "yes")
            rest = [value for value in domain if value not in values]
            among.append(Conjunction((partly, *((_part(field, v, domain), "eq", "no") for v in rest))))
            outside.append(Conjunction((partly, *((_part(field, v, domain), "eq", "no") for v in values))))
        # Every test is false where the fact does not apply, `not` as well.
        if (check.op == "is") is wanted:
            gone = [Conjunction(((field, "eq", NOT_APPLICABLE_TEXT),))] if fact.may_not_apply and not wanted else []
            return (*among, *gone)
        if wanted and fact.may_not_apply:
            outside[0] = Conjunction((*outside[0].constants, (field, "ne", NOT_APPLICABLE_TEXT)))
        return tuple(outside)

    def number_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A number has a lower and an upper limit, once for what is true of it and once for what is false."""
        field = self.encoding(fact, "number").field
        low, high = (f"{field}tl", f"{field}th") if wanted else (f"{field}fl", f"{field}fh")
        if check.op in ("is", "not"):
            return self.listed_rail(fact, check, wanted, low, high)
        (limit,) = check.values
        lower = check.op in ("at_least", "above")
        closed = check.op in ("at_least", "at_most")
        if wanted:
            comparison = ("ge" if closed else "gt") if lower else ("le" if closed else "lt")
            return (Conjunction(((low if lower else high, comparison, limit),)),)
        comparison = ("lt" if closed else "le") if lower else ("gt" if closed else "ge")
        return (Conjunction(((high if lower else low, comparison, limit),)),)

    def listed_rail(self, fact: Fact, check: Check, wanted: bool, low: str, high: str) -> Rail:
        """Listed numbers as closed stretches; whole numbers that follow one another are one stretch."""
        stretches: list[tuple[int | float, int | float]] = []
        for value in sorted(v for v in check.values if isinstance(v, (int, float))):
            if fact.kind == "integer" and stretches and value == stretches[-1][1] + 1:
                stretches[-1] = (stretches[-1][0], value)
            else:
                stretches.append((value, value))
        if (check.op == "is") is wanted:
            return tuple(Conjunction(((low, "ge", a), (high, "le", b))) for a, b in stretches)
        sides: list[Rail] = []
        for a, b in stretches:
            rail: Rail = (Conjunction(((high, "lt", a),)), Conjunction(((low, "gt", b),)))
            alone = Test(fact.path, (Check(check.op, (a, b, "stretch")),))
            sides.append(self.named(alone, wanted, rail) if len(stretches) > 1 else rail)
        return self.joined(sides) if len(sides) > 1 else sides[0]

    def member_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A set has one field for each member that rules ask for."""
        values = [str(value) for value in check.values]
        encoding = self.encoding(fact, "set", values)
        inside = {value: f"{encoding.field}m{encoding.values.index(value)}" for value in values}
        one_each = tuple(dict.fromkeys((inside[value], "eq", "yes") for value in values))
        none_each = tuple(dict.fromkeys((inside[value], "eq", "no") for value in values))
        rails = {
            ("has_all", True): (Conjunction(one_each),),
            ("has_all", False): tuple(Conjunction((c,)) for c in none_each),
            ("has_any", True): tuple(Conjunction((c,)) for c in one_each),
            ("has_any", False): (Conjunction(none_each),),
        }
        if check.op == "has_none":
            return rails[("has_any", not wanted)]
        return rails[(check.op, wanted)]

    # --- assembling ---------------------------------------------------------------------------------------

    def assemble(self) -> Program:
        copies: dict[Name, list[int]] = {}
        readers: dict[Name, int] = {}
        number = 0
        spec = ['"C":{"all":[{"p":{"$and":[{"g":-1},{"$gt":{"canary":1.25}}]}}],"pri":0}']
        blocks: list[set[str]] = []
        filled = BLOCK
        for index, (conjunction, _, origin) in enumerate(self.rules):
            self.origin = origin
            patterns: list[str] = []
            if conjunction.constants:
                fields = {field for field, _, _ in conjunction.constants}
                if filled == BLOCK or len(blocks[-1] | fields) > MAX_FIELDS:
                    blocks.append(set())
                    filled = 0
                filled += 1
                blocks[-1] |= fields
                tests = ",".join(_test_text(*constant) for constant in conjunction.constants)
                patterns.append(f'{{"p":{{"$and":[{{"g":{len(blocks) - 1}}},{tests}]}}}}')
            for position, name in enumerate(conjunction.needs):
                if readers.get(name, 0) % READERS == 0:
                    copies.setdefault(name, []).append(number)
                    number += 1
                readers[name] = readers.get(name, 0) + 1
                group, member = divmod(copies[name][-1], READERS)
                patterns.append(f'{{"d{position}":{{"$and":[{{"dg":{group}}},{{"d":{member}}}]}}}}')
            if not patterns:
                raise self.refuse("a condition that is always true; remove it")
            spec.append(f'"R{index}":{{"all":[{",".join(patterns)}],"pri":{index + 1}}}')
        check_names([*sorted(set().union(*blocks)), *_RESERVED], "field")
        check_names(["c", *(f"c{n}" for n in range(len(blocks))), *(f"d{n}" for n in range(number))], "fact")
        numbers: dict[Name, int] = {}
        for name in (name for _, name, _ in self.rules):
            numbers.setdefault(name, len(numbers))
        facts = {
            name: tuple(f'{{"id":"d{n}","dg":{n // READERS},"d":{n % READERS}}}' for n in copies.get(name, ()))
            for name in numbers
        }
        never = len(numbers)  # the number of a name that no engine rule derives
        return Program(
            text="{" + ",".join(spec) + "}",
            concludes=tuple(numbers[name] for _, name, _ in self.rules),
            asserts=tuple(facts[name] for name in numbers),
            blocks=tuple(tuple(sorted(block)) for block in blocks),
            encodings=tuple(self.encodings.items()),
            rules=tuple(
                (rule.id, numbers.get(("true", first), never), numbers.get(("false", first), never))
                for rule in self.base.rules()
                for first in (self.first[rule.when],)
            ),
            definitions=tuple(
                (d.id, tuple(numbers.get(("out", d.id, str(index)), never) for index in range(len(d.cases) + 1)))
                for d in self.base.definitions
            ),
        )


NOT_APPLICABLE_TEXT = "n/a"


def text_of(value: str | bool | int | float, fact: Fact) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"={value}" if fact.kind == "text" else str(value)


def _part(field: str, value: str, domain: list[str]) -> str:
    return f"{field}x{domain.index(value)}"


def _test_text(field: str, comparison: str, value: str | int | float) -> str:
    operator = _COMPARE[comparison]
    plain = f"{{{json.dumps(field)}:{encode(value)}}}"
    return f'{{"{operator}":{plain}}}' if operator else plain


def encode(value: str | int | float) -> str:
    """A value as the engine's own JSON reader takes it: it refuses `1e-05` and reads `1.0e-05`."""
    if isinstance(value, str):
        return encode_basestring(value)
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def fnv32(text: str) -> int:
    """The hash by which the engine tells names apart, without ever comparing them."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def check_names(names: Sequence[str], what: str) -> None:
    """Refuse names that the engine would take for one another.

    Raises:
        EngineError: naming the two.
    """
    seen: dict[int, str] = {}
    for name in names:
        other = seen.setdefault(fnv32(name), name)
        if other != name:
            raise EngineError(f"durable_rules cannot tell {what} `{name}` from `{other}` (equal 32-bit hashes)")
