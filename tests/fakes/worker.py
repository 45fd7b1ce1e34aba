"""The worker's child with models that misbehave as their file says: `MODULE` of a pool in its tests.

A file holds a word: what scoring does. Everything but the models is the real child's.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from apps.models.adapters.runtimes import loading
from apps.models.adapters.runtimes.answers import told_plainly
from apps.models.adapters.workers import child
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.errors import BrokenArtifact


def allocate() -> None:
    kept = []
    while True:
        kept.append(bytearray(16 * 1024 * 1024))


def spin() -> None:
    while True:
        pass


def recurse() -> None:
    recurse()


def talk() -> None:
    os.write(int(sys.argv[1]), b"\xff" * 100)


def open_socket() -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


DEEDS: dict[str, Callable[[], Any]] = {
    "echo": lambda: None,
    "allocate": allocate,
    "spin": spin,
    "talk": talk,
    "socket": open_socket,
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "abort": os.abort,
    "recurse": recurse,
    "sleep": lambda: time.sleep(0.3),
    "write": lambda: Path("/tmp/signalbox-escaped").write_text("x"),
    "create": lambda: os.open("/tmp/signalbox-escaped", os.O_CREAT | os.O_WRONLY),
    "fork": os.fork,
    "run": lambda: subprocess.run(["true"], check=False),
}


class Fake:
    def __init__(self, word: str) -> None:
        self._word = word

    def score(self, rows: Sequence[Any]) -> list[Scored]:
        if self._word == "environment":
            return [Scored(" ".join(f"{name}={value}" for name, value in os.environ.items()))]
        if self._word == "pid":
            return [Scored(os.getpid())]
        if self._word == "types":
            return [Scored(" ".join(type(each).__name__ for each in row)) for row in rows]
        with told_plainly():
            DEEDS[self._word]()
        return [Scored(row[0], 0.25, {"a": 0.25}, 0.5) for row in rows]

    def explain(self, row: Any) -> Explanation:
        DEEDS[self._word]()
        return Explanation(1.0, tuple(row), Output.MARGIN)


def load(blueprint: Blueprint, path: str) -> Fake:
    word = Path(path).read_text()
    if word == "broken":
        raise BrokenArtifact("is broken")
    if word.startswith("at once "):
        DEEDS[word.removeprefix("at once ")]()
    return Fake(word)


if __name__ == "__main__":
    loading.load_scorer = load
    sys.exit(child.main())
