"""Rules as the flat conjunctions that durable_rules is given, and everything that is refused before it sees them.

Every node of a condition has two rails, true and false; neither derived means unknown. A rail is one or more
conjunctions of constant comparisons on one flat fact: the fields of the case, and a field for each name derived before.
So the engine sees nothing but that: no negation, disjunction, joins, events, arrays or batches.

A conjunction that several rules share is one engine rule, from which all their names follow. Engine rules stand in
blocks, each a small ruleset of its own, asked one after the other: a block reads only names that the blocks before it
derive.

What is known to break the engine is either compiled away or refused at load, naming the rule:

- fan-out: a block has `BLOCK` engine rules at most, so no node, table or ruleset comes near a limit;
- a fact has `MAX_FIELDS` fields at most; a conjunction tests `TESTS` constants at most, a longer one is chained;
- numbers, texts, nesting, the number of rules and the 32-bit hashes of every name are checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, NamedTuple

from secondline.condition import AnyOf, Check, Condition, Not, Test
from secondline.errors import EngineError, InputError, Place, Problem
from secondline.facts import Fact, catalogue
from secondline.rulebase import RuleBase, values

if TYPE_CHECKING:
    from secondline.forms.rules import Definition

BLOCK = 60  # 64 conditions true at once under one node is error 303
TESTS = 60  # constants in one conjunction
MAX_RULES = 4000  # engine rules; a bound on memory, as no block is large
MAX_FIELDS = 240  # 253 fields of one fact is error 302
MAX_TEXT = 1000  # texts over 65,535 bytes compare on their length modulo 65,536
MAX_NUMBER = 2**53  # integers beyond lose digits against doubles
MAX_DEPTH = 40  # nesting of a condition; the compiler here recurses
_RESERVED = ("id", "sid", "canary", "$s", "$forward")
_COMPARE = {"eq": "", "ne": "$neq", "ge": "$gte", "gt": "$gt", "le": "$lte", "lt": "$lt"}
_CANARY = '"C":{"all":[{"p":{"$gt":{"canary":1.25}}}],"pri":0}'

Name = tuple[str, ...]  # a rail or an inner node: ("true", rule id), ("out", definition, case), ...
Constant = tuple[str, str, str | int | float]  # field, comparison, value
Conjunction = tuple[Constant, ...]
Rail = tuple[Conjunction, ...]  # holds if any of these does; () never, ((),) always


class Encoding(NamedTuple):
    """How the state of one fact becomes fields: its kind, its field's name, the values or members that rules test."""

    kind: str
    field: str
    values: tuple[str, ...] = ()


class Block(NamedTuple):
    """One small ruleset: its text, the case's fields and the names it reads, what each of its rules concludes."""

    text: str
    fields: tuple[str, ...]
    reads: tuple[int, ...]
    concludes: tuple[tuple[int, ...], ...]


class Program(NamedTuple):
    """A rule base as the engine takes it; names that can be derived go by number.

    `blocks` come in the order to be asked; `rules` are each rule's names for true and for false; `definitions` each
    definition's names for its cases being out.
    """

    blocks: tuple[Block, ...]
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
        self.follows: dict[Conjunction, list[Name]] = {}  # what holds, and what follows from it
        self.origins: dict[Conjunction, str] = {}  # the rule it was first compiled for
        self.numbers: dict[Name, int] = {}
        self.inner: dict[tuple[Condition, bool], Name] = {}
        self.encodings: dict[str, Encoding] = {}

    def refuse(self, message: str) -> InputError:
        place = self.places.get(self.origin, Place("rules"))
        return InputError([Problem(place, f"rule `{self.origin}` cannot run on durable_rules: {message}")])

    def program(self) -> Program:
        for definition in self.base.definitions:
            self.origin = definition.id
            self.definition(definition)
        for rule in self.base.rules():
            self.origin = rule.id
            self.derive(("true", rule.id), self.rail(rule.when, True, 0))
            self.derive(("false", rule.id), self.rail(rule.when, False, 0))
        return Program(
            blocks=tuple(map(self.block, self.blocks())),
            encodings=tuple(self.encodings.items()),
            rules=tuple(
                (rule.id, self.number(("true", rule.id)), self.number(("false", rule.id))) for rule in self.base.rules()
            ),
            definitions=tuple(
                (d.id, tuple(self.number(("out", d.id, str(index))) for index in range(len(d.cases) + 1)))
                for d in self.base.definitions
            ),
        )

    def definition(self, definition: Definition) -> None:
        """`("out", id, n)`: case n can no longer be the first true one; `otherwise` is the last case."""
        before: list[Rail] = []
        for index, case in enumerate(definition.cases):
            self.derive(("out", definition.id, str(index)), self.rail(case.when, False, 0), *before)
            before.append(self.rail(case.when, True, 0))
        self.derive(("out", definition.id, str(len(definition.cases))), *before)

    def number(self, name: Name) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def derived(self, name: Name) -> Constant:
        """The test that a name was derived."""
        return f"d{self.number(name)}", "eq", "yes"

    def derive(self, name: Name, *rails: Rail) -> None:
        """A name follows from each conjunction of these rails."""
        for conjunction in dict.fromkeys(part for rail in rails for part in rail):
            self.conclude(self.chained(conjunction), name)

    def conclude(self, conjunction: Conjunction, name: Name) -> None:
        if not conjunction:
            raise self.refuse("a condition that is always true; remove it")
        self.origins.setdefault(conjunction, self.origin)
        self.follows.setdefault(conjunction, []).append(name)
        if len(self.follows) > MAX_RULES:
            raise self.refuse(f"the rule base needs more than {MAX_RULES} engine rules; split it")

    def chained(self, conjunction: Conjunction) -> Conjunction:
        """A conjunction short enough for one engine rule; what is too much is derived on its own before."""
        while len(conjunction) > TESTS:
            name: Name = ("chain", str(len(self.numbers)))
            self.conclude(conjunction[:TESTS], name)
            conjunction = (*conjunction[TESTS:], self.derived(name))
        return conjunction

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
        return (tuple(dict.fromkeys(constant for rail in rails for constant in rail[0])),)

    def named(self, condition: Condition, wanted: bool, rail: Rail) -> Rail:
        key = (condition, wanted)
        if key not in self.inner:
            self.inner[key] = ("inner", str(len(self.inner)))
            self.derive(self.inner[key], rail)
        return ((self.derived(self.inner[key]),),)

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
            self.derived(("out", definition.id, str(index)))
            for index, value in enumerate(values(definition))
            if value is None or (value in check.values) is not passing
        ]
        return (tuple(excluded),)

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
        among: list[Conjunction] = [((field, "eq", value),) for value in values]
        outside: list[Conjunction] = [tuple((field, "ne", value) for value in values)]
        if len(values) > 1 and domain and not fact.partly:  # one conjunction: it is none of the others
            others = [value for value in (*domain, NOT_APPLICABLE_TEXT) if value not in values]
            among = [tuple((field, "ne", value) for value in others)]
        if fact.partly:
            partly: Constant = (f"{field}p", "eq", "yes")
            rest = [value for value in domain if value not in values]
            among.append((partly, *((_part(field, v, domain), "eq", "no") for v in rest)))
            outside.append((partly, *((_part(field, v, domain), "eq", "no") for v in values)))
        # Every test is false where the fact does not apply, `not` as well.
        if (check.op == "is") is wanted:
            gone: Rail = (((field, "eq", NOT_APPLICABLE_TEXT),),) if fact.may_not_apply and not wanted else ()
            return (*among, *gone)
        if wanted and fact.may_not_apply:
            outside[0] = (*outside[0], (field, "ne", NOT_APPLICABLE_TEXT))
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
            return (((low if lower else high, comparison, limit),),)
        comparison = ("lt" if closed else "le") if lower else ("gt" if closed else "ge")
        return (((high if lower else low, comparison, limit),),)

    def listed_rail(self, fact: Fact, check: Check, wanted: bool, low: str, high: str) -> Rail:
        """Listed numbers as closed stretches; whole numbers that follow one another are one stretch."""
        stretches: list[tuple[int | float, int | float]] = []
        for value in sorted(v for v in check.values if isinstance(v, (int, float))):
            if fact.kind == "integer" and stretches and value == stretches[-1][1] + 1:
                stretches[-1] = (stretches[-1][0], value)
            else:
                stretches.append((value, value))
        if (check.op == "is") is wanted:
            return tuple(((low, "ge", a), (high, "le", b)) for a, b in stretches)
        sides: list[Rail] = []
        for a, b in stretches:
            rail: Rail = (((high, "lt", a),), ((low, "gt", b),))
            alone = Test(fact.path, (Check(check.op, (a, b, "stretch")),))
            sides.append(self.named(alone, wanted, rail) if len(stretches) > 1 else rail)
        return self.joined(sides) if len(sides) > 1 else sides[0]

    def member_rail(self, fact: Fact, check: Check, wanted: bool) -> Rail:
        """A set has one field for each member that rules ask for."""
        values = [str(value) for value in check.values]
        encoding = self.encoding(fact, "set", values)
        inside = {value: f"{encoding.field}m{encoding.values.index(value)}" for value in values}
        one_each: Conjunction = tuple(dict.fromkeys((inside[value], "eq", "yes") for value in values))
        none_each: Conjunction = tuple(dict.fromkeys((inside[value], "eq", "no") for value in values))
        rails: dict[tuple[str, bool], Rail] = {
            ("has_all", True): (one_each,),
            ("has_all", False): tuple((constant,) for constant in none_each),
            ("has_any", True): tuple((constant,) for constant in one_each),
            ("has_any", False): (none_each,),
        }
        if check.op == "has_none":
            return rails[("has_any", not wanted)]
        return rails[(check.op, wanted)]

    # --- assembling ---------------------------------------------------------------------------------------

    def blocks(self) -> Iterator[list[Conjunction]]:
        """Every conjunction, in blocks: one that reads a name stands after all from which that name follows."""
        waiting = list(self.follows)
        while waiting:
            open_names = {self.derived(name)[0] for conjunction in waiting for name in self.follows[conjunction]}
            block: dict[Conjunction, None] = {}
            fields: set[str] = set()
            for conjunction in waiting:
                read = {field for field, _, _ in conjunction}
                if len(block) < BLOCK and len(fields | read) <= MAX_FIELDS and open_names.isdisjoint(read):
                    block[conjunction] = None
                    fields |= read
            yield list(block)
            waiting = [conjunction for conjunction in waiting if conjunction not in block]

    def block(self, conjunctions: list[Conjunction]) -> Block:
        self.origin = self.origins[conjunctions[0]]
        spec: list[str] = [_CANARY]
        for index, conjunction in enumerate(conjunctions):
            tests = ",".join(_test_text(*constant) for constant in conjunction)
            spec.append(f'"R{index}":{{"all":[{{"p":{{"$and":[{tests}]}}}}],"pri":{index + 1}}}')
        numbers = {self.derived(name)[0]: number for name, number in self.numbers.items()}
        fields = sorted({field for conjunction in conjunctions for field, _, _ in conjunction})
        check_names([*fields, *_RESERVED], "field")
        return Block(
            text="{" + ",".join(spec) + "}",
            fields=tuple(field for field in fields if field not in numbers),
            reads=tuple(sorted(numbers[field] for field in fields if field in numbers)),
            concludes=tuple(
                tuple(self.numbers[name] for name in dict.fromkeys(self.follows[conjunction]))
                for conjunction in conjunctions
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
