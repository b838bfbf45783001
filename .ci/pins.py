"""Writes constraints.txt anew from pyproject.toml: every version with its hashes, in parts. Needs uv."""

import re
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PEERS = "peers"  # of which one asks for an older version of what the tests need, and runs on the newer
UV = [
    *("uv", "pip", "compile", "--quiet", "--no-config", "--upgrade", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate"),
]


def pinned(wanted: list[str], before: str, work: Path, *, against: bool) -> str:
    """The pins of `wanted` and all it needs, agreeing with those made before, if need be `against` what it asks for."""
    (work / "wanted.in").write_text("\n".join(wanted))
    (work / "before.txt").write_text(before)
    command = [*UV, "--override" if against else "-c", str(work / "before.txt"), str(work / "wanted.in")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = {
        "build": [*project["build-system"]["requires"], "setuptools", "wheel"],  # the last two build durable-rules
        "program": project["project"]["dependencies"],
        "tests": project["project"]["optional-dependencies"]["dev"],
        "end": [],  # of what the tests need
        PEERS: project["project"]["optional-dependencies"][PEERS],
    }
    pins: dict[str, str] = {}
    lines = []
    with TemporaryDirectory() as work:
        for part, wanted in parts.items():
            lines.append(f"# {part}")
            if not wanted:
                continue
            made = pinned(wanted, "\n".join(pins.values()), Path(work), against=part == PEERS)
            for pin in re.split(r"\n(?=\S)", made.strip()):
                name = pin.partition("\\")[0]  # with its marker: a version may be for some Pythons only
                if name not in pins:
                    pins[name] = pin
                    lines.append(pin)
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
