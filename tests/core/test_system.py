"""The house about itself: health for probes, details for administrators, nothing secret for anybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as house

from apps.core.actor import Identity, Role
from apps.core.asgi.lifecycle import lifecycle
from apps.core.permissions import permissions_of
from apps.core.system import health
from apps.core.system.health import HealthMonitor
from tests.client import GateClient
from tests.factories.doors import KnownTokens
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization


@pytest.fixture(autouse=True)
def fresh_readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[HealthMonitor]:
    monitor = HealthMonitor()
    monkeypatch.setattr("apps.core.system.views.monitor", monitor)
    monkeypatch.setattr(health, "_is_migrated", False)
    yield monitor
    monitor._threads.shutdown()


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made: dict[str, Any] = {"database": lambda: "sqlite", "redis": lambda: "redis"}
    monkeypatch.setattr(health, "_probes", lambda: made)
    return made


@pytest.fixture
def doors(db: None, empty_limits: object, tokens: KnownTokens) -> GateClient:
    for role in Role:
        tokens.identities[role.value] = make_identity(
            make_organization(), role, permissions=permissions_of(role)
        )
    return GateClient()


def away() -> str:
    raise ConnectionError("could not reach 10.0.0.7 as postgres:secret")


def hang() -> str:
    time.sleep(0.3)
    return "late"


def test_health_is_public_and_short(doors: GateClient, probes: dict[str, Any]) -> None:
    answer = doors.get("/health")
    body = answer.json()

    assert (answer.status, body.pop("timestamp")[-1], body.pop("uptime_seconds") >= 0) == (
        200,
        "Z",
        True,
    )
    assert body == {
        "status": "healthy",
        "version": house.SIGNALBOX_VERSION,
        "dependencies": {"database": "connected", "redis": "connected"},
    }


@pytest.mark.parametrize("probe", [away, hang], ids=["away", "hanging"])
def test_a_dependency_that_is_away_degrades(
    doors: GateClient, probes: dict[str, Any], probe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.1)
    probes["redis"] = probe

    answer = doors.get("/health")
    ready = doors.get("/health/ready")

    assert (answer.status, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["dependencies"] == {"database": "connected", "redis": "disconnected"}
    assert (ready.status, ready.json()) == (
        503,
        {"status": "not_ready", "problems": ["redis is away"]},
    )
    assert b"secret" not in answer.body + ready.body


def test_a_probe_with_a_credential_costs_no_look_up(
    doors: GateClient, probes: dict[str, Any], tokens: KnownTokens
) -> None:
    """Else strangers could order as many as they like: probes are not counted."""
    answers = [
        doors.get(path, key="guess")
        for path in ("/health", "/health/live", "/health/ready", "/docs", "/openapi.json")
    ]

    assert ([answer.status for answer in answers], tokens.asked) == ([200] * 5, 0)


def test_ready_when_the_schema_is_current(doors: GateClient, probes: dict[str, Any]) -> None:
    answer = doors.get("/health/ready")

    assert (answer.status, answer.json()) == (200, {"status": "ready", "problems": []})


def test_not_ready_while_migrations_are_pending(
    doors: GateClient, probes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)
    monkeypatch.setattr(health, "has_pending_migrations", lambda: True)

    assert doors.get("/health/ready").json()["problems"] == ["migrations are pending"]


def test_migrations_are_read_from_disk_until_none_is_pending(
    doors: GateClient, probes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    doors.get("/health/ready")
    monkeypatch.setattr(health, "MigrationExecutor", None)  # would fail, were it asked again

    assert doors.get("/health/ready").status == 200


def test_not_ready_but_alive_while_stopping(
    doors: GateClient, probes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "is_draining", True)

    ready, live = doors.get("/health/ready"), doors.get("/health/live")

    assert (ready.status, ready.json()["problems"]) == (503, ["the server is stopping"])
    assert (live.status, live.json()) == (200, {"status": "alive"})


def test_probes_run_once_for_callers_at_once(
    probes: dict[str, Any], fresh_readings: HealthMonitor
) -> None:
    asked: list[int] = []
    probes["database"] = lambda: asked.append(1) or "sqlite"

    async def go() -> None:
        await asyncio.gather(*(fresh_readings.readings() for _ in range(20)))
        await fresh_readings.readings()

    asyncio.run(go())

    assert len(asked) == 1


def test_a_caller_who_hangs_up_does_not_end_the_probes_of_others(
    probes: dict[str, Any], fresh_readings: HealthMonitor
) -> None:
    async def go() -> bool:
        first = asyncio.create_task(fresh_readings.readings())
        second = asyncio.create_task(fresh_readings.readings())
        await asyncio.sleep(0)
        first.cancel()
        return all(reading.is_connected for reading in (await second).values())

    assert asyncio.run(go()) is True


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/health/detailed", {"admin"}),
        ("/api/v1/config", {"admin"}),
        ("/api/v1/capabilities", {"admin", "user", "viewer", "service"}),
        ("/metrics", {"admin", "service"}),
    ],
)
def test_who_may_look(
    doors: GateClient, probes: dict[str, Any], path: str, allowed: set[str]
) -> None:
    statuses = {role.value: doors.get(path, key=role.value).status for role in Role}

    assert statuses == {role.value: 200 if role.value in allowed else 403 for role in Role}


def test_the_details_tell_everything_but_secrets(doors: GateClient, probes: dict[str, Any]) -> None:
    probes["redis"] = away

    body = doors.get("/api/v1/health/detailed", key="admin").json()

    assert set(body) == {
        "status",
        "timestamp",
        "version",
        "uptime_seconds",
        "dependencies",
        "process",
        "pool",
    }
    assert {name: (one["status"], one["detail"]) for name, one in body["dependencies"].items()} == {
        "database": ("connected", "sqlite"),
        "redis": ("disconnected", "ConnectionError"),
    }


def test_the_configuration_holds_no_secret(doors: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_REDIS_URL = "redis://user:hunter2@redis:6379/0"
    secrets = (
        settings.SECRET_KEY,
        settings.SIGNALBOX_JWT_SECRET,
        settings.SIGNALBOX_KEY_PEPPER,
        "hunter2",
    )

    answer = doors.get("/api/v1/config", key="admin")

    assert answer.json() == {
        "agent_name": "signalbox",
        "agent_type": "gateway",
        "port": settings.SIGNALBOX_PORT,
        "log_level": "info",
        "environment": "test",
        "version": settings.SIGNALBOX_VERSION,
        "database": settings.DATABASES["default"]["ENGINE"].rpartition(".")[2],
        "redis": True,
        "workers": 1,
        "doors": {"rest": True, "graphql": True, "websocket": True, "swagger": True},
        "limits": {
            "default": "100/m",
            "chat": "100/m",
            "upload": "10/h",
            "batch": "10/m",
            "models": "20/m",
        },
    }
    assert [secret for secret in secrets if secret in answer.body.decode()] == []


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/swagger-ui", "/openapi.json", "/api-docs/openapi.json"]
)
def test_the_documentation_is_for_everybody_and_from_here_alone(
    doors: GateClient, path: str
) -> None:
    answer = doors.get(path)

    assert answer.status == 200
    assert b"//cdn" not in answer.body
    assert "script-src 'self'" in answer.headers["content-security-policy"] or path.endswith("json")


@pytest.mark.parametrize(
    ("alias", "path"),
    [
        ("/api/v1/health", "/health"),
        ("/api/v1/health/ready", "/health/ready"),
        ("/api/v1/health/live", "/health/live"),
    ],
)
def test_the_seeds_spellings_answer_alike(
    doors: GateClient, probes: dict[str, Any], alias: str, path: str
) -> None:
    one, other = doors.get(alias), doors.get(path)

    assert (one.status, set(one.json())) == (other.status, set(other.json()))


def test_a_front_door_leads_to_the_console(doors: GateClient, ada: Identity) -> None:
    answer = doors.get("/")

    assert (answer.status, answer.headers["location"]) == (302, "/console/")
