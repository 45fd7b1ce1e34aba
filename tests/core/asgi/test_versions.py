"""A second version is a module and a line of settings: tried on our own URL table."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import clear_url_caches

from apps.core.asgi import headers, resolve
from apps.core.versions import ApiVersion
from config.urls import table
from tests.client import GateClient


def read_anew() -> None:
    importlib.reload(table)
    clear_url_caches()
    resolve.forget_paths()
    headers.forget_versions()


@pytest.fixture
def doors(settings: Any, db: None) -> Iterator[GateClient]:
    before = settings.SIGNALBOX_API_VERSIONS
    settings.SIGNALBOX_API_VERSIONS = (
        ApiVersion(
            "v1",
            urls="config.urls.v1",
            deprecated_at=datetime(2030, 1, 1, tzinfo=UTC),
            sunset_at=datetime(2031, 1, 1, tzinfo=UTC),
        ),
        ApiVersion("v2", urls="tests.core.asgi.v2"),
    )
    read_anew()
    yield GateClient()
    settings.SIGNALBOX_API_VERSIONS = before
    read_anew()


def test_both_versions_are_served_side_by_side(doors: GateClient) -> None:
    first, second = doors.get("/api/v1/capabilities"), doors.get("/api/v2/capabilities")

    assert (first.status, first.headers["x-api-version"]) == (401, "v1")
    assert (second.status, second.json(), second.headers["x-api-version"]) == (
        200,
        {"version": 2},
        "v2",
    )


def test_the_old_one_says_when_it_ends(doors: GateClient) -> None:
    old, new = doors.get("/api/v1/keys"), doors.get("/api/v2/capabilities")

    assert (old.headers["deprecation"], old.headers["sunset"]) == (
        "@1893456000",
        "Wed, 01 Jan 2031 00:00:00 GMT",
    )
    assert {"deprecation", "sunset"} & set(new.headers) == set()


def test_what_the_new_one_lacks_is_not_there(doors: GateClient) -> None:
    assert doors.get("/api/v2/keys").status == 404


def test_a_version_nobody_serves_is_not_there(doors: GateClient) -> None:
    assert doors.get("/api/v3/keys").status == 404
    assert doors.get("/health", headers={"X-API-Version": "v3"}).error == "unknown_version"


def test_elsewhere_either_may_be_named(doors: GateClient) -> None:
    assert doors.get("/health").headers["x-api-version"] == "v2"
    assert doors.get("/health", headers={"X-API-Version": "v1"}).headers["x-api-version"] == "v1"
