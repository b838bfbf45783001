"""A parent that does nothing but watch: the extension of durable_rules can take its process down with a signal."""

from __future__ import annotations

import mmap
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

_NAME_BYTES = 400
_STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_parent = 0
_in_hand = mmap.mmap(-1, _NAME_BYTES + 1)  # shared between parent and child


def in_hand(case_id: str) -> None:
    """Note the case being answered, so that the parent can name it after a crash; end if the parent was killed."""
    if _parent and os.getppid() != _parent:
        os._exit(1)
    name = case_id.encode()[:_NAME_BYTES]
    _in_hand[: len(name) + 1] = name + b"\0"


def is_guarded() -> bool:
    """Whether a parent watches this process."""
    return _parent != 0


def guarded(run: Callable[[], None]) -> int:
    """Run in a child process and give its exit code; a child ended by a signal is an error in words."""
    if not hasattr(os, "fork"):
        return _exit_code(run)
    stops = [number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # none may arrive before the parent knows whom to pass it to
    global _parent  # noqa: PLW0603  # known before the child begins
    _parent = os.getpid()
    child = os.fork()
    if child == 0:
        if signal.SIGINT in stops:
            signal.signal(signal.SIGINT, _interrupt)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
        os._exit(_exit_code(run))

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in stops:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    ended_by = os.WTERMSIG(status)
    if ended_by in _STOPS:
        return 128 + ended_by
    case = _in_hand[:].split(b"\0")[0].decode(errors="replace")
    place = f"while case `{case}` was answered" if case else "before any case was answered"
    print(f"secondline: the engine's process ended by signal {ended_by} {place}; it has no answer", file=sys.stderr)
    return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Once: a terminal sends Ctrl-C to parent and child, and the parent passes it on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _exit_code(run: Callable[[], None]) -> int:
    """The exit code of a run, after everything printed has been written."""
    code: int | str | None = 0
    try:
        run()
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        code = 130
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 0
    except OSError as error:
        print(f"secondline: the output cannot be written: {error.strerror}", file=sys.stderr)
        code = 3  # as OutputError; what was printed stood in the buffer until now
    return code if isinstance(code, int) else 0 if code is None else 1
