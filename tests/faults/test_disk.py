"""No room left, for the spool and for SQLite: refused cleanly, nothing half-written, all well once there is room."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from apps.core.errors import NoRoom
from apps.core.spool.spool import Record, Spool
from tests.faults.room import SmallDisk, bound_files, small_disk
from tests.rig.servers import ServerProcess
from tests.rig.site import Site, copy_site

pytestmark = pytest.mark.integration

REFUSALS = {503, 507}
TRIES = 12

MORE_THAN_ROOM = 1_500
"""Records that are longer together than what a segment has reserved."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=16) as made:
        yield made


@pytest.fixture(autouse=True)
def on_sqlite(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("stack") != "sqlite":
        pytest.skip("the disk of a PostgreSQL is its own; see --stack=sqlite")


def test_spool_on_a_full_disk_refuses_and_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    taken: list[int] = []

    def take(records: list[Record]) -> None:
        taken.extend(record.value["number"] for record in records)

    spool = Spool(disk.folder / "spool", {"tried": take})
    spool.append_or_refuse("tried", record(0))
    disk.fill()
    written = [n for n in range(1, MORE_THAN_ROOM) if spool.append("tried", record(n))]
    with pytest.raises(NoRoom):
        spool.append_or_refuse("tried", record(900))
    spool.drain()
    disk.free()
    spool.append_or_refuse("tried", record(901))
    spool.drain()
    spool.close()

    counts = spool.counts("tried")
    assert len(written) < MORE_THAN_ROOM - 1
    assert taken == [0, *written, 901]
    assert (counts.dropped, counts.skipped) == (MORE_THAN_ROOM - 1 - len(written), 0)


def record(number: int) -> dict[str, object]:
    return {"number": number, "padding": "x" * 1500}


def test_full_disk_refuses_writes_cleanly(
    disk: SmallDisk, first_site: Site, site_numbers: Callable[[], str]
) -> None:
    place = copy_site(first_site, disk.folder / "site", site_numbers())
    place.env |= {"RATE_LIMIT_REQUESTS": "100000"}
    try:
        server = place.start()
        before = make_keys(server, "before", 3)
        disk.fill()
        refused = make_keys(server, "full", TRIES)
        read, live = server.get("/api/v1/keys?limit=5").status, server.get("/health/live").status
        disk.free()
        after = make_keys_until_well(server)
        judge(place, server, before + refused + after)
    finally:
        place.close()

    assert set(statuses(before)) == {201}
    assert set(statuses(refused)) - {201} <= REFUSALS
    assert statuses(refused)[-1] == 507
    assert (read, live) == (200, 200)


def test_a_bound_on_files_refuses_writes_cleanly(site: Site) -> None:
    """The same where nothing can be mounted: the process may not let any file grow."""
    site.env |= {"RATE_LIMIT_REQUESTS": "100000", "SIGNALBOX_EMBEDDED_WORKER": "false"}
    server = site.start()
    before = make_keys(server, "before", 3)
    bound_files(server.pid, 4096)
    refused = make_keys(server, "full", TRIES)
    read, live = server.get("/api/v1/keys?limit=5").status, server.get("/health/live").status
    bound_files(server.pid, -1)
    after = make_keys_until_well(server)
    judge(site, server, before + refused + after)

    assert set(statuses(before)) == {201}
    assert set(statuses(refused)) <= REFUSALS
    assert (read, live) == (200, 200)


Made = tuple[str, int]


def make_keys(server: ServerProcess, name: str, count: int) -> list[Made]:
    made = []
    for number in range(count):
        body = {"name": f"{name} {number}", "role": "viewer"}
        answer = server.post("/api/v1/keys", json=body)
        made.append((body["name"], answer.status))
        if answer.status in REFUSALS:
            assert answer.json()["error"] in {"no_room", "database_unavailable"}
    return made


def make_keys_until_well(server: ServerProcess) -> list[Made]:
    """By itself, within seconds."""
    made: list[Made] = []
    until = time.monotonic() + 10
    while not made or made[-1][1] != 201:
        assert time.monotonic() < until, made
        made += make_keys(server, f"after {len(made)}", 1)
    return made


def statuses(made: list[Made]) -> list[int]:
    return [status for _, status in made]


def judge(site: Site, server: ServerProcess, made: list[Made]) -> None:
    """What was answered with 201 is there with its audit entry; what was refused is not there at all."""
    wanted = sorted(name for name, status in made if status == 201)
    assert server.is_running()
    server.terminate()
    with closing(sqlite3.connect(urlsplit(site.database_url).path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        names = "SELECT name FROM keys_apikey WHERE name != 'rig' ORDER BY name"
        assert [name for (name,) in database.execute(names)] == wanted
        told = "SELECT object_name FROM events_auditentry WHERE action = 'keys.key.created' AND object_name != 'rig' ORDER BY object_name"
        assert [name for (name,) in database.execute(told)] == wanted
