"""Access records: spooled, then in the operator's file and on the callers' topics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core import live as live_stream
from apps.core.actor import Identity
from apps.core.asgi import access
from apps.core.spool import process
from apps.core.spool.spool import Spool
from tests.client import GateClient
from tests.fakes.recorder import FakeRecorder


@pytest.fixture
def log(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Where the lines go, and a spool of our own on their way."""
    settings.SIGNALBOX_ACCESS_LOG = str(tmp_path / "log" / "access.jsonl")
    spool = Spool(tmp_path / "spool", {access.KIND: access.drain_access})
    before = process.use_spool(spool)
    yield tmp_path / "log" / "access.jsonl"
    process.use_spool(before)
    spool.close()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> FakeRecorder:
    """Somebody follows in the organizations 1 and 2."""
    recorder = FakeRecorder(1, 2)
    monkeypatch.setattr(live_stream, "_recorder", recorder)
    return recorder


def test_a_caller_who_left_before_the_answer_is_recorded(
    client: GateClient, ada: Identity, log: Path
) -> None:
    answer = client.post("/small", chunks=[b"{"], then="gone", key="ada")

    process.drain_all()

    (line,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert answer.status == 0
    assert (line["status"], line["bytes"], line["path"]) == (499, 0, "/small")
    assert line["organization"] == ada.organization


def test_record_access_ends_in_the_file_one_line_a_request(
    client: GateClient, ada: Identity, log: Path
) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "first"})
    client.get("/nowhere", key="ada", headers={"X-Request-ID": "second"})

    process.drain_all()

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["request_id"], line["status"]) for line in lines] == [
        ("first", 404),
        ("second", 404),
    ]
    assert set(lines[0]) == {
        "at",
        "request_id",
        "method",
        "path",
        "status",
        "bytes",
        "ms",
        "address",
        "organization",
        "organization_id",
        "credential",
    }


def test_drain_access_gives_each_organization_its_own_rows(log: Path, live: FakeRecorder) -> None:
    for number, organization in enumerate([1, 2, 1, 3, None]):
        row = {"request_id": str(number), "organization_id": organization}
        process.append(access.KIND, row)

    process.drain_all()

    assert live.told == [
        ("request.logs", 1, [{"request_id": "0"}, {"request_id": "2"}]),
        ("request.logs", 2, [{"request_id": "1"}]),
    ]


def test_drain_access_reads_nothing_where_nobody_follows(log: Path, live: FakeRecorder) -> None:
    live.organizations = ()
    process.append(access.KIND, {"request_id": "1", "organization_id": 1})

    process.drain_all()

    assert live.told == []
    assert log.read_text() == '{"request_id":"1","organization_id":1}\n'


def test_a_log_file_that_cannot_be_written_loses_no_record(log: Path, live: FakeRecorder) -> None:
    log.parent.write_text("a file stands in its place")
    process.append(access.KIND, {"request_id": "1", "organization_id": 1})
    process.drain_all()
    log.parent.unlink()

    process.drain_all()

    assert log.read_text() == '{"request_id":"1","organization_id":1}\n'
    assert live.told == [("request.logs", 1, [{"request_id": "1"}])]


def test_a_rotated_file_is_begun_anew(log: Path) -> None:
    process.append(access.KIND, {"request_id": "1", "organization_id": None})
    process.drain_all()
    log.rename(log.with_suffix(".1"))
    process.append(access.KIND, {"request_id": "2", "organization_id": None})

    process.drain_all()

    assert log.read_text() == '{"request_id":"2","organization_id":null}\n'


def test_a_key_in_the_path_is_masked(client: GateClient, log: Path) -> None:
    client.get(f"/api/v1/keys/ltb_{'a' * 43}")

    process.drain_all()

    assert [json.loads(line)["path"] for line in log.read_text().splitlines()] == [
        "/api/v1/keys/***"
    ]
