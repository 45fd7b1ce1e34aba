"""The whole suite, twice: on SQLite, then on a real PostgreSQL and Valkey, there with the browser.

It stops at the first run that fails, so that the last line is always the summary that counts. What fails is run once
more, one after the other: tests that start real processes may starve beside each other on a small busy machine. What
is broken fails again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOME_FAILED = 1  # pytest's status when tests failed
NOTHING_COLLECTED = 5  # and when a selection leaves no test


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="2")
    parser.add_argument("words", nargs="*", help="passed on to pytest")
    options = parser.parse_args()
    spread = ["-n", options.workers] if options.workers != "0" else []
    say("the suite on SQLite (the browser comes with the second run)")
    status = run_twice(spread, "--stack=sqlite", "-m", "not browser", *options.words)
    if status not in {0, NOTHING_COLLECTED}:
        return status
    say("the same suite on PostgreSQL and Valkey, and in Chromium")
    return run_twice(spread, "--stack=postgres", *options.words)


def run_twice(spread: list[str], *words: str) -> int:
    """Run; what failed, once more and alone."""
    status = run(*spread, *words)
    if status != SOME_FAILED:
        return status
    say("what failed, once more and alone")
    return run("--last-failed", "--last-failed-no-failures=none", *words)


def run(*words: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words], cwd=ROOT, env=os.environ, check=False
    ).returncode


def say(sentence: str) -> None:
    print(f"signalbox: {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
