"""The whole suite, twice: on SQLite, then on a real PostgreSQL and Valkey, there with the browser.

It stops at the first run that fails, so that the last line is always the summary that counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTHING_COLLECTED = 5  # pytest's status when a selection leaves no test


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="2")
    parser.add_argument("words", nargs="*", help="passed on to pytest")
    options = parser.parse_args()
    spread = ["-n", options.workers] if options.workers != "0" else []
    say("the suite on SQLite (the browser comes with the second run)")
    status = run(*spread, "--stack=sqlite", "-m", "not browser", *options.words)
    if status not in {0, NOTHING_COLLECTED}:
        return status
    say("the same suite on PostgreSQL and Valkey, and in Chromium")
    return run(*spread, "--stack=postgres", *options.words)


def run(*words: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words], cwd=ROOT, env=os.environ, check=False
    ).returncode


def say(sentence: str) -> None:
    print(f"signalbox: {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
