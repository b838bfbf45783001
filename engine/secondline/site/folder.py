"""A site on disk: whole or not at all, and never over what is not an earlier site of this program."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from secondline.errors import OutputError

MARK = "secondline-docs.txt"
_HEAD = "Written by `secondline docs`, which replaces this folder when it is asked to; these files are of it:"


def check_free(folder: Path) -> None:
    """Say at once where a site cannot go, before it is made.

    Raises:
        OutputError: the folder holds anything but an earlier site, or more than that site wrote.
    """
    with _worded(folder):
        target = folder.resolve()
        if not target.exists():
            return
        if not target.is_dir():
            raise OutputError(f"{folder} is a file; name a folder")
        if Path.cwd().is_relative_to(target):
            raise OutputError(f"{folder} is the folder you are in, which cannot be replaced; name a folder inside it")
        inside = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir())
        if inside and MARK not in inside:
            raise OutputError(f"{folder} holds other files, `{inside[0]}` for one; name a new or an empty folder")
        own = {MARK, *((target / MARK).read_text("utf-8", "replace").splitlines()[1:] if inside else ())}
        for name in inside:
            if name not in own:
                raise OutputError(f"{folder} holds `{name}`, which no `secondline docs` wrote; move it elsewhere")


def write_site(folder: Path, files: Iterable[tuple[str, str]]) -> int:
    """Write the files of a site, and give how many pages they are.

    Raises:
        OutputError: the folder holds something else, or cannot be written; then it is as it was.
    """
    check_free(folder)
    with _worded(folder):
        target = folder.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        passing, old = (target.with_name(f".{target.name}.{os.getpid()}{end}") for end in ("", ".old"))
        try:
            names = sorted(_written(passing, files))
            mark = "\n".join([_HEAD, *names])
            (passing / MARK).write_text(f"{mark}\n", encoding="utf-8", newline="\n")
            _put(passing, target, old)
        finally:
            shutil.rmtree(passing, ignore_errors=True)
    return sum(name.endswith(".html") for name in names)


def _written(folder: Path, files: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        yield name


def _put(passing: Path, target: Path, old: Path) -> None:
    """Put a whole folder in the place of another one, which comes back if that fails."""
    if not target.exists():
        passing.rename(target)
        return
    target.rename(old)
    try:
        passing.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _worded(folder: Path) -> Iterator[None]:
    """What keeps a folder from being written, in words."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{folder} cannot be written: {reason[:1].lower()}{reason[1:]}") from None
