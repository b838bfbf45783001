"""The files of a rule folder: found, read and digested, not yet understood."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from secondline.errors import InputError, Place, Problem
from secondline.source import read_bytes


class RuleFiles(NamedTuple):
    """The files of a rule folder: the folder as named, each YAML file's name with its bytes, the names left unread."""

    folder: str
    contents: dict[str, bytes]
    unread: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Changes with any byte of any file, and with any file's name."""
        found = hashlib.sha256()
        for name, data in sorted(self.contents.items()):
            found.update(f"{len(name)}:{name}:{len(data)}:".encode() + data)
        return found.hexdigest()


def rule_files(folder: Path) -> RuleFiles:
    """Every YAML file of a rule folder; hidden files and folders are left alone.

    Raises:
        InputError: the folder is not there, or a file of it cannot be read.
    """
    if not folder.is_dir():
        message = "is a file; give the whole folder of rules" if folder.exists() else "no such folder of rules"
        raise InputError([Problem(Place(str(folder)), message)])
    contents: dict[str, bytes] = {}
    problems: list[Problem] = []
    unread: list[str] = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = "" if top == str(folder) else os.path.relpath(top, folder).replace(os.sep, "/") + "/"
        for name in names:
            path = os.path.join(top, name)
            relative = inside + name
            if not name.endswith((".yaml", ".yml")):
                unread += [] if name.startswith(".") or name == "README.md" else [relative]
            elif not name.startswith("."):
                try:
                    contents[relative] = read_bytes(Path(path), f"{folder}/{relative}")
                except InputError as error:
                    problems += error.problems
    if problems:
        raise InputError(problems)
    return RuleFiles(str(folder), dict(sorted(contents.items())), tuple(sorted(unread)))
