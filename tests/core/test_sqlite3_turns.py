from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from apps.core.sqlite3.turns import Turns

HOLD = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "db-turn")


def test_turns_go_in_the_order_they_were_asked_for(path: str) -> None:
    turns = Turns(path)
    served: list[int] = []

    def serve(number: int) -> None:
        assert turns.take(number, 10.0)
        served.append(number)
        turns.give(number)

    turns.take("first", 1.0)
    threads = []
    for number in range(20):
        threads.append(threading.Thread(target=serve, args=(number,)))
        threads[-1].start()
        while len(turns._queue) <= number:
            time.sleep(0.001)
    turns.give("first")
    for thread in threads:
        thread.join(10.0)

    assert served == list(range(20))


def test_who_waits_too_long_is_told_and_holds_up_nobody_behind(path: str) -> None:
    turns = Turns(path)
    turns.take("first", 1.0)

    assert turns.take("second", 0.02) is False

    turns.give("second")  # never had it
    assert turns.take("third", 0.02) is False
    turns.give("first")
    assert turns.take("fourth", 1.0) is True


def test_another_process_is_waited_for(path: str) -> None:
    turns = Turns(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"

        while_held = turns.take("ours", 0.02)
        os.kill(other.pid, signal.SIGKILL)
        after_its_death = turns.take("ours", 5.0)

    assert (while_held, after_its_death) == (False, True)


def test_a_file_that_cannot_be_opened_lets_the_next_one_try(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    turns = Turns(str(folder / "db-turn"))

    with pytest.raises(FileNotFoundError):
        turns.take("first", 1.0)

    folder.mkdir()
    assert turns.take("second", 1.0) is True
