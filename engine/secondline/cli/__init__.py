"""The `secondline` command: one file a verb. Alone in printing and exiting."""

from __future__ import annotations

import gc
import sys

from secondline.cli.guard import guarded

GARBAGE = 200_000  # objects made before the collector looks: a start makes many that stay, and looking costs time


def main() -> None:
    """Run the command in a process of its own, so that a crash of the extension can never pass for an answer."""
    sys.exit(guarded(_run))


def _run() -> None:
    gc.set_threshold(GARBAGE)
    from secondline.cli.app import app

    app(prog_name="secondline")
