"""All that is claimed of a rule base, proved in two processes, and kept until something that it rests on changes.

What is kept lies beside the snapshots, readable by this user alone. It holds rules by id and made-up patients, nothing
else, under a digest of the rules and definitions that went into a proof and of this program: so it can be missing, not
stale.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import stat
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from secondline.authoring.claims import Claim, Claims, Proof
from secondline.errors import EngineError

if TYPE_CHECKING:
    from secondline.authoring.prove import Prover

WORKERS = 2
FEW = 60  # claims that are proved faster in this process than others begin
MOST_KEPT = 20_000  # proofs
_NAME = "proofs"
Step = Callable[[Claim], None]


class Proved(NamedTuple):
    """A claim with what became of it."""

    claim: Claim
    proofs: tuple[Proof, ...]

    @property
    def status(self) -> str:
        """The worst of it."""
        found = {proof.status for proof in self.proofs}
        return "refuted" if "refuted" in found else "open" if "open" in found else "proved"


def prove_all(
    claims: Claims,
    wanted: Sequence[Claim],
    *,
    keep: bool = True,
    workers: int = WORKERS,
    step: Step | None = None,
) -> list[Proved]:
    """Prove claims, but for those that were proved before and kept; `step` is told each that is proved."""
    kept = Kept(program()) if keep else None
    keys = {claim: claims.key(claim) for claim in wanted}
    found: dict[Claim, list[Proof]] = {}
    for claim in wanted:
        known = kept.get(keys[claim]) if kept else None
        if known is not None:
            found[claim] = known
    rest = [claim for claim in wanted if claim not in found]
    anew: dict[Claim, list[Proof]] = {}
    try:
        with closing(_proved(claims, rest, workers)) as proving:
            for claim, proofs in proving:
                anew[claim] = proofs
                if step:
                    step(claim)
    finally:  # what was proved is kept though Ctrl-C or an error ends it
        if kept and anew:
            # What is shown of a refuted claim is a whole answer, which depends on more rules than the claim does.
            kept.add({keys[claim]: held for claim, held in anew.items() if all(p.status == "proved" for p in held)})
    found |= anew
    return [Proved(claim, tuple(found[claim])) for claim in wanted]


def _proved(claims: Claims, rest: Sequence[Claim], workers: int) -> Generator[tuple[Claim, list[Proof]], None, None]:
    if not rest:
        return
    if workers < 2 or len(rest) <= FEW or not hasattr(os, "fork"):
        prover = _prover(claims)
        for claim in rest:
            yield claim, prover.prove(claim)
        return
    # Each has every so manieth claim, so that what is asked of z3 before a claim is the same in every run.
    shares = [rest[at::workers] for at in range(workers)]
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in shares]
    processes = [
        context.Process(target=_work, args=(claims, share, pipes, at), daemon=True) for at, share in enumerate(shares)
    ]
    try:
        for process in processes:
            process.start()
        for _, sender in pipes:
            sender.close()
        for at in range(len(shares[0])):
            for share, (receiver, _) in zip(shares, pipes, strict=True):
                if at < len(share):
                    try:
                        proofs = receiver.recv()
                    except EOFError:
                        raise EngineError("a worker process was ended from outside; there is no proof") from None
                    yield share[at], proofs
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()


def _work(claims: Claims, share: Sequence[Claim], pipes: Sequence[tuple[Any, Any]], mine: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    for at, (receiver, other) in enumerate(pipes):
        receiver.close()
        if at != mine:
            other.close()  # so that the parent sees when that worker is no more
    _, sender = pipes[mine]
    prover = _prover(claims)
    with suppress(BrokenPipeError):  # nobody waits any more
        for claim in share:
            sender.send(prover.prove(claim))
    sender.close()


def _prover(claims: Claims) -> Prover:
    from secondline.authoring.prove import Prover  # z3 begins only where something is to be proved

    return Prover(claims)


# --- what is kept -----------------------------------------------------------------------------------------------


def program() -> str:
    """A digest of this program and of z3."""
    import importlib.metadata

    digest = hashlib.sha256(importlib.metadata.version("z3-solver").encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


class Kept:
    """Proofs kept by their keys, for one version of this program."""

    def __init__(self, version: str) -> None:
        self.version, self.path = version, _path()
        self._held: dict[str, list[Any]] = {}
        read = _read(self.path) if self.path else None
        if read and read.get("program") == version:
            self._held = read["proofs"]

    def get(self, key: str) -> list[Proof] | None:
        found = self._held.get(key)
        return None if found is None else [Proof(**{**held, **_tuples(held)}) for held in found]

    def add(self, proofs: Mapping[str, Sequence[Proof]]) -> None:
        """Keep more proofs, the newest last, and of all only so many."""
        if self.path is None:
            return
        held = {key: value for key, value in self._held.items() if key not in proofs}
        held |= {key: [proof._asdict() for proof in some] for key, some in proofs.items()}
        self._held = dict(list(held.items())[-MOST_KEPT:])
        _write(self.path, {"program": self.version, "proofs": self._held})


def _tuples(held: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(value) for name, value in held.items() if isinstance(value, list)}


def _path() -> Path | None:
    home = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("HOME") and str(Path(os.environ["HOME"]) / ".cache"))
    return Path(home) / "secondline" / f"{_NAME}.json" if home and Path(home).is_absolute() else None


def _read(path: Path) -> dict[str, Any] | None:
    """What is kept, or None if it is not whole or not written by this user alone."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            digest, _, body = file.read().partition(b"\n")
        held = json.loads(body) if hashlib.sha256(body).hexdigest().encode() == digest else None
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None


def _write(path: Path, held: Mapping[str, Any]) -> None:
    """Keep it whole or not at all; a folder that cannot be written is no error."""
    body = json.dumps(held, ensure_ascii=False, default=str).encode()
    passing = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        passing.unlink(missing_ok=True)
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        passing.replace(path)
