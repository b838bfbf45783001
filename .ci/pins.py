"""Writes constraints.txt anew from pyproject.toml: every version with its hashes, in parts. Needs uv."""

import re
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
NEWER = "python-dateutil"  # rule-engine asks for an older one, and runs on the one that the tests need
UV = [
    *("uv", "pip", "compile", "--quiet", "--no-config", "--upgrade", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate"),
]


def pinned(wanted: list[str], before: list[str], work: Path) -> str:
    """The pins of `wanted` and all it needs, agreeing with those made before."""
    (work / "wanted.in").write_text("\n".join(wanted))
    (work / "before.txt").write_text("\n".join(before))
    (work / "newer.txt").write_text("\n".join(pin for pin in before if pin.startswith(f"{NEWER}==")))
    command = [*UV, "-c", str(work / "before.txt"), "--override", str(work / "newer.txt"), str(work / "wanted.in")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = {
        "build": [*project["build-system"]["requires"], "setuptools", "wheel"],  # the last two build durable-rules
        "program": project["project"]["dependencies"],
        "authors": project["project"]["optional-dependencies"]["authors"],
        "tests": project["project"]["optional-dependencies"]["dev"],
        "peers": project["project"]["optional-dependencies"]["peers"],
    }
    pins: dict[str, str] = {}
    lines = []
    with TemporaryDirectory() as work:
        for part, wanted in parts.items():
            lines += ["# end"] * (part == "peers")  # of what the tests need
            lines.append(f"# {part}")
            for pin in re.split(r"\n(?=\S)", pinned(wanted, list(pins.values()), Path(work)).strip()):
                name = pin.partition("\\")[0]  # with its marker: a version may be for some Pythons only
                if name not in pins:
                    pins[name] = pin
                    lines.append(pin)
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
