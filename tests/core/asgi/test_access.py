"""The access record: one line of JSON for each exchange, and never a reason to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.core.actor import Identity
from apps.core.asgi import access
from tests.client import GateClient


@pytest.fixture
def records(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[dict[str, Any]]]:
    path = tmp_path / "deep" / "access.jsonl"
    settings.SIGNALBOX_ACCESS_LOG = str(path)
    monkeypatch.setattr(access, "_descriptor", None)
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


def test_every_exchange_is_one_line(
    client: GateClient, ada: Identity, records: Callable[[], list[dict[str, Any]]]
) -> None:
    client.get("/api/v1/used?secret=1", key="ada", headers={"X-Request-ID": "asked"})
    client.post("/nowhere\n", {"password": "x"})
    client.get("/failing/bug")

    first, second, third = records()
    assert (first.pop("at")[-1], first.pop("ms") >= 0, first.pop("bytes") > 0) == ("Z", True, True)
    assert first == {
        "request_id": "asked",
        "method": "GET",
        "path": "/api/v1/used",
        "status": 200,
        "address": "127.0.0.1",
        "organization": ada.organization,
        "credential": ada.credential.id,
    }
    assert (second["path"], second["status"], second["organization"]) == ("/nowhere\n", 404, None)
    assert third["status"] == 500


def test_a_key_in_the_path_is_masked(
    client: GateClient, records: Callable[[], list[dict[str, Any]]]
) -> None:
    client.get(f"/api/v1/keys/ltb_{'a' * 43}")

    assert [record["path"] for record in records()] == ["/api/v1/keys/***"]


def test_a_stream_that_broke_off_is_recorded(
    client: GateClient, records: Callable[[], list[dict[str, Any]]]
) -> None:
    with pytest.raises(ZeroDivisionError):
        client.get("/stream?break")

    assert [record["path"] for record in records()] == ["/stream"]


def test_who_hung_up_is_not(
    client: GateClient, records: Callable[[], list[dict[str, Any]]]
) -> None:
    client.post("/small", chunks=[b"{"], then="gone")
    client.get("/echo")

    assert [record["path"] for record in records()] == ["/echo"]


def test_a_full_disk_does_not_fail_the_answer(
    client: GateClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALBOX_ACCESS_LOG = "/dev/full"
    monkeypatch.setattr(access, "_descriptor", None)

    assert client.get("/echo").status == 200
