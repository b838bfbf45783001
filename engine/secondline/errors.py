"""Everything that can go wrong, as one tree.

    SecondlineError
    ├── UsageError        the command was called wrongly                        exit 2
    ├── InputError        an input could not be found, read or is not valid     exit 3
    ├── OutputError       the answer could not be written                       exit 3
    ├── EngineError       there is no answer: an engine failed                  exit 1
    │   ├── EngineMissing durable_rules is not installed for this Python
    │   └── Disagreement  the two engines do not say the same
    └── Interrupted       the user stopped it                                   exit 130

Each error words itself: where, what was found, what was expected, the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands: a file, and a line and column that count from 1 (0: the whole file)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(NamedTuple):
    """One thing wrong at one place, in a sentence without a final stop."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Dangling(Problem):
    """A name that is not known: the name, and how the paths of the files begin in which it would stand."""

    name: str
    among: tuple[str, ...]

    def __new__(cls, place: Place, message: str, name: str, among: tuple[str, ...]) -> Dangling:
        made = super().__new__(cls, place, message)
        made.name, made.among = name, among
        return made

    def __getnewargs__(self) -> tuple[Place, str, str, tuple[str, ...]]:
        return self.place, self.message, self.name, self.among  # as it goes from one process to another


class SecondlineError(Exception):
    """Anything this program says no to; `exit_code` is what the command ends with."""

    exit_code = 1


class UsageError(SecondlineError):
    """The command was called in a way that cannot be meant."""

    exit_code = 2


class InputError(SecondlineError):
    """Inputs that could not be read or are not valid, with every problem found; `follow` says that others follow."""

    exit_code = 3

    def __init__(self, problems: Iterable[Problem], *, follow: bool = False) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.follow = follow
        super().__init__("\n".join(map(str, self.problems)))


class OutputError(SecondlineError):
    """The answer could not be written where it was to go: a full disk, say."""

    exit_code = 3


class EngineError(SecondlineError):
    """An engine failed in a way that leaves no answer to trust."""


class EngineMissing(EngineError):
    """The extension of durable_rules cannot be imported."""


class Disagreement(EngineError):
    """Two engines judged the same rules differently: there is no answer."""

    def __init__(self, differences: Iterable[tuple[str, str, str]]) -> None:
        self.differences = tuple(differences)
        listed = "; ".join(f"`{name}`: reference {a}, durable_rules {b}" for name, a, b in self.differences)
        super().__init__(f"the two engines disagree, so there is no answer: {listed}")


class Interrupted(SecondlineError):
    """The user pressed Ctrl-C."""

    exit_code = 130


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """`; did you mean `x`?` for the valid name nearest to `name`, or nothing."""
    from difflib import get_close_matches

    folded = {name.lower(): name for name in valid}
    lasts = {whole.rpartition(".")[2]: whole for whole in reversed(folded)}  # a fact is mostly called by its last part
    near = [
        *get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6),
        *(lasts[last] for last in get_close_matches(name.lower(), list(lasts), n=1, cutoff=0.6)),
    ]
    return f"; did you mean `{folded[near[0]]}`?" if near else ""


def one_of(values: Iterable[str]) -> str:
    """The values in backticks, joined as in a sentence."""
    listed = [f"`{value}`" for value in values]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"


def counted(number: int, what: str) -> str:
    """`1 case`, `2,000 cases`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
