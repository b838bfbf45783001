"""Where the two sides of a comparison come from: a rule folder, a revision of version control, a day of one rule base.

A name is a folder if there is one of that name, else a day if it has the form of one, else a revision: `REV`, or
`REV:path` for a folder within it. Of a revision alone the rule folder is the one with a `rulebase.yaml`, of several the
one nearest to the top. Revisions are read from git's own store into memory; nothing is checked out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from secondline.dates import parse_date
from secondline.errors import InputError, Place, Problem, UsageError, one_of
from secondline.rulefiles import RuleFiles, rule_files
from secondline.source import MAX_BYTES

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
HEAD = "rulebase.yaml"
_PLAIN_FILE = "100"  # how the mode of a file begins that is neither a link nor another repository


class Side(NamedTuple):
    """One side: what it is called, and its files, or the day on which one base is looked at."""

    name: str
    files: RuleFiles | None
    day: date | None = None


def side(name: str) -> Side:
    """What a name on the command line means.

    Raises:
        InputError: it is no folder, no day and no revision, or cannot be read.
    """
    if name and Path(name).is_dir():
        return Side(name, rule_files(Path(name)))
    if _DAY.fullmatch(name):
        return Side(name, None, _day(name))
    return Side(name, of_revision(name, Path.cwd()))


def _day(text: str) -> date:
    try:
        return parse_date(text).first
    except ValueError:
        raise UsageError(f"there is no day `{text}`; a day is written as YYYY-MM-DD") from None


def of_revision(name: str, where: Path) -> RuleFiles:
    """The rule files of a revision, as `REV` or `REV:path`, of the repository that a folder lies in.

    Raises:
        InputError: git, the repository, the revision or a rule folder in it is not there, or cannot be read.
    """
    git = _Git(name, where)
    revision, _, path = name.partition(":")
    tree = git.tree(revision)
    folder = path.strip("/") if path else _rule_folder(git, tree)
    listed = git.files(tree, folder)
    if not listed:
        raise git.problem(f"revision `{revision}` holds no folder `{folder}`{_nearest(git, tree)}")
    wanted: dict[str, str] = {}
    unread: list[str] = []
    for inner, blob in listed:
        hidden = any(part.startswith(".") for part in PurePosixPath(inner).parts)
        if inner.endswith((".yaml", ".yml")) and not hidden:
            wanted[inner] = blob
        elif not hidden and PurePosixPath(inner).name != "README.md":
            unread.append(inner)
    contents = git.contents(wanted)
    label = f"{revision}:{folder}" if folder else revision
    return RuleFiles(label, dict(sorted(contents.items())), tuple(sorted(unread)))


def _rule_folder(git: _Git, tree: str) -> str:
    """The folder of a tree that holds a rule base; of several the one nearest to the top."""
    every = _rule_folders(git, tree)
    depth = {folder: len(PurePosixPath(folder).parts) for folder in every}
    found = [folder for folder in every if depth[folder] == min(depth.values())]
    if len(found) != 1:
        what = f"holds {len(found)} rule folders ({', '.join(found)})" if found else "holds no rule folder"
        raise git.problem(f"the revision {what}; name one, as in `{git.name}:rules`")
    return found[0]


def _rule_folders(git: _Git, tree: str) -> list[str]:
    heads = (PurePosixPath(path) for path, _ in git.files(tree, "") if PurePosixPath(path).name == HEAD)
    return sorted({"" if str(head.parent) == "." else str(head.parent) for head in heads})


def _nearest(git: _Git, tree: str) -> str:
    found = [folder for folder in _rule_folders(git, tree) if folder]
    return f"; expected {one_of(found)}" if found else ""


class _Git:
    """What git says of one repository; `name` is what was asked for."""

    def __init__(self, name: str, where: Path) -> None:
        self.name, self.where = name, where
        found = shutil.which("git")
        if found is None:
            raise self.problem("no such folder, and git is not installed, so that no revision can be read")
        self.git = found
        if self.run("rev-parse", "--git-dir") is None:
            raise self.problem("no such folder of rules, and this is no repository of git; expected a folder or a day")

    def problem(self, message: str) -> InputError:
        return InputError([Problem(Place(self.name), message)])

    def run(self, *words: str, data: bytes = b"") -> bytes | None:
        """What git prints; None where it says no."""
        try:
            ran = subprocess.run([self.git, *words], cwd=self.where, input=data, capture_output=True, check=False)
        except OSError as error:
            raise self.problem(f"git cannot be run: {(error.strerror or str(error)).lower()}") from None
        return ran.stdout if ran.returncode == 0 else None

    def tree(self, revision: str) -> str:
        """The tree of a revision."""
        asked = None
        if revision and not revision.startswith("-"):
            asked = self.run("rev-parse", "--verify", "--quiet", f"{revision}^{{tree}}")
        if asked is None:
            raise self.problem(f"no such folder of rules, and git knows no revision `{revision}` here")
        return asked.decode().strip()

    def files(self, tree: str, folder: str) -> list[tuple[str, str]]:
        """The plain files within a folder of a tree: their paths from there, and what git calls their content."""
        inside = f"{tree}:{folder}" if folder else tree
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", inside)
        found: list[tuple[str, str]] = []
        for entry in (listed or b"").split(b"\0"):
            about, _, path = entry.partition(b"\t")
            if path and about.decode().startswith(_PLAIN_FILE):
                found.append((path.decode("utf-8", "replace"), about.decode().split()[2]))
        return found

    def contents(self, wanted: dict[str, str]) -> dict[str, bytes]:
        """The content of files, all in one call."""
        answer = self.run("cat-file", "--batch", data="".join(f"{blob}\n" for blob in wanted.values()).encode())
        if answer is None:
            raise self.problem("git cannot read this revision")
        found: dict[str, bytes] = {}
        at = 0
        for path in wanted:
            end = answer.index(b"\n", at)
            size = int(answer[at:end].split()[2])
            found[path] = answer[end + 1 : end + 1 + min(size, MAX_BYTES + 1)]
            at = end + 1 + size + 1
        return found
