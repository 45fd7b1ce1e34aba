"""Builds `.venv` and installs the locked requirements into it, unless that is done already.

A stamp holds a hash of all that decides the result, so a second run only reads a few files. Plain
Python 3.11 and nothing installed: this is what installs.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
GROUPS = {
    "base": ["base"],
    "dev": ["base", "dev"],
    "local": ["local"],
    "ml": ["ml"],
    "s3": ["s3"],
}  # dev holds base and more
# Taken as they are: one of the packages is a plugin of another program, of which only its file is wanted.
ALONE = {"local"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=sorted(GROUPS))
    group = parser.parse_args().group
    lock = os.open(ROOT / "requirements", os.O_RDONLY)  # two terminals, one environment
    fcntl.flock(lock, fcntl.LOCK_EX)
    return 0 if is_done(group) else build(group)


def is_done(group: str) -> bool:
    return any(
        stamp(name).exists() and stamp(name).read_text() == fingerprint(name)
        for name, parts in GROUPS.items()
        if set(GROUPS[group]) <= set(parts)
    )


def stamp(group: str) -> Path:
    return VENV / f".installed-{group}"


def fingerprint(group: str) -> str:
    """Changes with the locks and with the environment's own Python and place."""
    digest = hashlib.sha256(f"{VENV} {built_with()}".encode())
    for path in locks(group):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def built_with() -> str:
    config = VENV / "pyvenv.cfg"
    return config.read_text() if config.exists() else ""


def locks(group: str) -> list[Path]:
    return [ROOT / "requirements" / f"{name}.txt" for name in GROUPS[group]]


def build(group: str) -> int:
    if not is_usable():
        say("building .venv")
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False)
        if made.returncode != 0:
            say("python3 could not make .venv; its own words stand above")
            return made.returncode
    say(f"installing requirements/{group}.txt (once)")
    arguments = [part for path in locks(group) for part in ("-r", str(path))]
    alone = ["--no-deps"] if group in ALONE else []
    status = subprocess.run(
        [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
         "--root-user-action=ignore", "--require-hashes", *alone, *arguments],
        check=False,
    ).returncode  # fmt: skip
    if status != 0:
        say("pip could not install the locked requirements; its own words stand above")
        return status
    stamp(group).write_text(fingerprint(group))
    return 0


def is_usable() -> bool:
    """A moved folder or a removed system Python leaves an environment that does not start."""
    if not PYTHON.exists() or was_moved():
        return False
    check = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0


def was_moved() -> bool:
    """Its programs name their Python by full path, and pyvenv.cfg says where it was made."""
    made = [line for line in built_with().splitlines() if line.startswith("command = ")]
    return bool(made) and not made[0].endswith(f" {VENV}")


def say(sentence: str) -> None:
    print(f"signalbox: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
