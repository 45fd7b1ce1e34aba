"""What a handler spools in a worker process reaches its drain, while the worker runs and when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.core.spool import process
from apps.core.spool.spool import Record, Spool
from apps.jobs.worker.records import Drainer

taken: list[int] = []


def take(records: list[Record]) -> None:
    taken.extend(record.value for record in records)


@pytest.fixture
def drainer(tmp_path: Path) -> Iterator[Drainer]:
    taken.clear()
    ours = Spool(tmp_path / "spool", {"tried": take})
    before = process.use_spool(ours)
    yield Drainer()
    ours.close()
    process.use_spool(before)


def test_records_are_handed_on_while_the_worker_runs(drainer: Drainer) -> None:
    drainer.start()
    process.append_or_refuse("tried", 1)
    until = time.monotonic() + 10
    while not taken and time.monotonic() < until:
        time.sleep(0.01)
    drainer.close()

    assert taken == [1]


def test_the_last_records_are_handed_on_when_it_ends(drainer: Drainer) -> None:
    drainer.start()
    process.append_or_refuse("tried", 1)
    drainer.close()

    assert taken == [1]
