"""A child that dies is never an answer, and the exit code is the contract's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from conftest import ROOT
from test_cli import TYPICAL


def script(body: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(body)]


def run(body: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        script(body),
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine"), **more},
    )


def test_a_segfault_in_the_extension_is_named_and_answers_nothing() -> None:
    """The first thing the extension is asked after its self-test takes the whole process down."""
    found = run(
        f"""
        import os, signal, sys
        from secondline.inference.durable import Engine
        sys.argv = ["secondline", "advise", "{TYPICAL}", "--format", "json"]
        Engine.infer = lambda self, facts: os.kill(os.getpid(), signal.SIGSEGV)
        from secondline.cli import main
        main()
        """
    )
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr == (
        "secondline: the engine's process ended by signal 11 while case `palbociclib-then-liver` was answered; "
        "it has no answer\n"
    )


def test_a_crash_before_any_case() -> None:
    found = run(
        """
        import os, signal, sys
        from secondline.cli.guard import guarded
        sys.exit(guarded(lambda: os.kill(os.getpid(), signal.SIGABRT)))
        """
    )
    assert found.returncode == 1
    assert "ended by signal 6 before any case was answered; it has no answer" in found.stderr


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("sys.exit(7)", 7),
        ("sys.exit()", 0),
        ("sys.exit('words')", 1),
        ("None", 0),
        ("(_ for _ in ()).throw(KeyboardInterrupt)", 130),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143),
    ],
)
def test_exit_codes_pass_through(ends: str, code: int) -> None:
    found = run(
        f"""
        import os, signal, sys
        from secondline.cli.guard import guarded
        sys.exit(guarded(lambda: {ends}))
        """
    )
    assert found.returncode == code


def test_without_fork_the_same_process_answers() -> None:
    found = run(
        """
        import os, sys
        del os.fork
        from secondline.cli.guard import guarded
        sys.exit(guarded(lambda: sys.exit(5)))
        """
    )
    assert found.returncode == 5


@pytest.mark.parametrize("group", [True, False], ids=["terminal", "parent"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_parent_and_child(number: signal.Signals, code: int, group: bool) -> None:
    body = """
        import os, signal, sys, time
        from secondline.cli.guard import guarded
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
        def wait():
            print(os.getpid(), flush=True)
            time.sleep(60)
        sys.exit(guarded(wait))
        """
    process = subprocess.Popen(
        script(body),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )
    assert process.stdout is not None
    with process, process.stdout:
        child = int(process.stdout.readline())
        (os.killpg if group else os.kill)(process.pid, number)
        assert process.wait(timeout=20) == code
    assert gone(child)


def gone(process: int) -> bool:
    """Whether a process ends within seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_child_whose_parent_was_killed_answers_no_more_cases() -> None:
    body = """
        import os, sys, time
        from secondline.cli.guard import guarded, in_hand
        def work():
            print(os.getpid(), flush=True)
            while True:
                in_hand("case")
                time.sleep(0.02)
        sys.exit(guarded(work))
        """
    process = subprocess.Popen(
        script(body), stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    )
    assert process.stdout is not None
    with process, process.stdout:
        child = int(process.stdout.readline())
        process.kill()
        process.wait(timeout=20)
    assert gone(child)


def test_an_error_of_the_program_shows_no_value_of_the_patient() -> None:
    found = run(
        f"""
        import sys
        from secondline import recommend
        def broken(*_):
            raise RuntimeError("ecog 1 of palbociclib-then-liver")
        recommend.know = broken
        sys.argv = ["secondline", "advise", "{TYPICAL}"]
        from secondline.cli import main
        main()
        """
    )
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("secondline: an error of this program itself (RuntimeError at <string>:")
    assert "ecog" not in found.stderr
