"""The spool of a process: handed over once, again after a failure, adopted after a death, refused when full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from apps.core.errors import NoRoom
from apps.core.spool import process
from apps.core.spool import spool as module
from apps.core.spool.home import adopt_orphans, make_home
from apps.core.spool.metrics import Counts
from apps.core.spool.segments import segment_path
from apps.core.spool.spool import Record, Spool
from tests.core.spool.conftest import Taken
from tests.rig.environment import ROOT

WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
from apps.core.spool.spool import Spool
spool = Spool(Path(sys.argv[1]), {})
number = 0
while True:
    spool.append_or_refuse("tried", number)
    print(number, flush=True)
    number += 1
"""
FILL = """
import json, resource, sys
from pathlib import Path
from apps.core.errors import NoRoom
from apps.core.spool import process, segments
from apps.core.spool.spool import Spool
segments.SEGMENT_BYTES = segments.SCARCE_BYTES = 1000
spool = Spool(Path(sys.argv[1]), {})
spool.append("tried", 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
written, refused = [0], 0
for number in range(1, 200):
    if spool.append("tried", number):
        written.append(number)
try:
    spool.append_or_refuse("tried", 1000)
except NoRoom as error:
    refused = error.code
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append_or_refuse("tried", 2000)
print(json.dumps({"written": written, "dropped": spool.counts("tried").dropped, "refused": refused}))
"""


def run(program: str, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root)],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "config.settings.test", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_records_are_handed_over_once_in_order_with_ids_of_their_own(
    spool: Spool, taken: Taken
) -> None:
    for number in range(5):
        spool.append("tried", {"number": number})
    spool.drain()
    spool.append("tried", {"number": 5})

    spool.drain()
    spool.drain()

    assert taken.values == [{"number": number} for number in range(6)]
    assert len({record.id for record in taken.records}) == 6
    assert taken.batches == [5, 1]
    assert spool.counts("tried") == Counts(records=6, bytes=72, drained=6)


def test_a_batch_whose_drain_found_no_database_comes_again_with_the_same_ids(
    spool: Spool, taken: Taken
) -> None:
    seen: list[list[str]] = []

    def is_away(records: list[Record]) -> Exception | None:
        seen.append([record.id for record in records])
        return OperationalError("away") if len(seen) < 3 else None

    taken.error = is_away
    spool.append("tried", 1)
    spool.append("tried", 2)

    for _ in range(3):
        spool.drain()

    assert taken.values == [1, 2]
    assert seen == [seen[0]] * 3


@pytest.mark.parametrize("error", [IntegrityError("twice"), ValueError("a bug")])
def test_a_record_that_nobody_can_take_is_set_aside_and_the_rest_go_on(
    spool: Spool, taken: Taken, root: Path, error: Exception
) -> None:
    taken.error = lambda records: error if any(r.value == "bad" for r in records) else None
    for value in ("one", "bad", "two"):
        spool.append("tried", value)

    spool.drain()

    assert taken.values == ["one", "two"]
    assert (root / "tried.refused.jsonl").read_text() == '"bad"\n'
    assert spool.counts("tried") == Counts(records=3, bytes=15, drained=3, refused=1)


def test_a_kind_that_fails_holds_up_no_other(root: Path, taken: Taken) -> None:
    def fail(_: list[Record]) -> None:
        raise OperationalError("away")

    spool = Spool(root, {"failing": fail, "tried": taken})
    spool.append("failing", 1)
    spool.append("tried", 2)

    spool.drain()

    assert taken.values == [2]
    spool.close()


def test_a_kind_without_a_drain_waits(root: Path, taken: Taken) -> None:
    drains: dict[str, Any] = {}
    spool = Spool(root, drains)
    spool.append("tried", 1)
    spool.drain()
    drains["tried"] = taken

    spool.drain()

    assert taken.values == [1]
    spool.close()


def test_what_a_closed_process_left_is_replayed_by_the_next(root: Path, taken: Taken) -> None:
    before = Spool(root, {})
    before.append("tried", 1)
    before.close()
    after = Spool(root, {"tried": taken})

    after.drain()

    assert taken.values == [1]
    assert list(root.iterdir()) == []


def test_what_a_living_process_writes_is_not_taken_from_it(root: Path, taken: Taken) -> None:
    living, sibling = Spool(root, {}), Spool(root, {"tried": taken})
    living.append("tried", 1)

    sibling.drain()

    assert taken.values == []
    living.close()


def test_a_batch_drained_but_not_committed_is_taken_again(root: Path, taken: Taken) -> None:
    """The position is kept after the drain: dying in between means twice, under the same id."""
    first = Spool(root, {"tried": taken})
    first.append("tried", 1)
    first.drain()
    next(root.glob("*/tried.position")).unlink()
    first.close()
    second = Spool(root, {"tried": taken})

    second.drain()

    assert taken.values == [1, 1]
    assert taken.records[0].id == taken.records[1].id


def test_only_one_sibling_adopts_an_orphan(root: Path) -> None:
    orphan = make_home(root)
    orphan.close()

    first = list(adopt_orphans(root))
    second = list(adopt_orphans(root))

    assert ([home.name for home in first], second) == ([orphan.name], [])
    first[0].remove()


def test_a_home_being_made_is_left_alone(root: Path) -> None:
    (root / ".making-1-abc").mkdir(parents=True)

    assert list(adopt_orphans(root)) == []
    assert [path.name for path in root.iterdir()] == [".making-1-abc"]


def test_damage_is_counted(root: Path, taken: Taken) -> None:
    before = Spool(root, {})
    before.append("tried", 1)
    before.close()
    with segment_path(next(root.iterdir()), "tried", 1).open("ab") as file:
        file.write(b"garbage")
    after = Spool(root, {"tried": taken})

    after.drain()

    assert taken.values == [1]
    assert after.counts("tried") == Counts(drained=1, skipped=7)


def test_kill_loses_nothing_that_was_written(root: Path, taken: Taken) -> None:
    with run(WRITE_UNTIL_KILLED, root) as writer:
        assert writer.stdout is not None
        line = ""
        for _ in range(500):
            line = writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
    acknowledged = int(rest[-2] if len(rest) > 1 else line)  # the last line may be half a number
    spool = Spool(root, {"tried": taken})

    spool.drain()

    assert taken.values == list(range(len(taken.values)))
    assert len(taken.values) > acknowledged >= 499
    assert list(root.iterdir()) == []


def test_a_full_disk_drops_what_may_be_lost_and_refuses_the_rest(root: Path, taken: Taken) -> None:
    writer = run(FILL, root)
    said = json.loads(writer.communicate()[0])
    spool = Spool(root, {"tried": taken})

    spool.drain()

    assert said["refused"] == NoRoom.code
    assert said["dropped"] == 200 - len(said["written"]) > 0
    assert taken.values == [*said["written"], 2000]
    assert spool.counts("tried").skipped == 0


def test_a_directory_that_cannot_be_made_drops_or_refuses(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file stands in its place")
    spool = Spool(tmp_path / "spool", {})

    written = spool.append("tried", 1)
    with pytest.raises(NoRoom):
        spool.append_or_refuse("tried", 1)

    assert (written, spool.counts("tried")) == (False, Counts(dropped=1))


def test_a_backlog_beyond_its_bound_drops_what_may_be_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_away(_: list[Record]) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(module, "MOST_WAITING", 20)
    spool = Spool(root, {"tried": is_away})
    for number in range(3):
        spool.append("tried", number)
    spool.drain()

    assert spool.append("tried", 3) is False
    spool.append_or_refuse("tried", 4)
    assert spool.counts("tried") == Counts(records=4, bytes=4, dropped=1)
    spool.close()


def test_threads_write_whole_records(spool: Spool, taken: Taken) -> None:
    def write(name: int) -> None:
        for number in range(300):
            spool.append("tried", [name, number])

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.drain()

    of_each = [[number for by, number in taken.values if by == name] for name in range(4)]
    assert of_each == [list(range(300))] * 4


def test_a_forked_child_writes_into_files_of_its_own(root: Path, taken: Taken) -> None:
    spool = Spool(root, {"tried": taken})
    before = process.use_spool(spool)
    process.append("tried", "parent")

    child = os.fork()
    if child == 0:
        process._spool = Spool(root, {}) if process._spool is None else None
        os._exit(0 if process.append("tried", "child") else 1)
    status = os.waitpid(child, 0)[1]
    process.use_spool(before)
    spool.drain()

    assert (status, taken.values) == (0, ["parent", "child"])


def test_drain_whole_takes_ours_and_what_dead_processes_left(root, taken):
    dead = Spool(root, {"usage": taken})
    dead.append("usage", {"n": 1})
    dead.close()
    ours = Spool(root, {"usage": taken})
    ours.append("usage", {"n": 2})

    assert ours.drain_whole() is True
    assert sorted(value["n"] for value in taken.values) == [1, 2]


def test_drain_whole_says_when_something_was_left_behind(root, taken):
    dead = Spool(root, {"usage": taken})
    dead.append("usage", {"n": 1})
    dead.close()
    taken.error = lambda _: OperationalError("away")

    assert Spool(root, {"usage": taken}).drain_whole() is False
