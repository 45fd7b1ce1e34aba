"""Counters: what is counted under which labels, and who sees whose."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from apps.core import metrics
from apps.core.actor import Identity
from apps.core.limits.rates import parse_rate
from apps.core.system.permissions import SystemPermission
from tests.client import Answer, GateClient
from tests.core.asgi.table import Tried
from tests.factories.doors import KnownTokens
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization


def samples(text: bytes, name: str = "signalbox_requests_total") -> dict[tuple[str, ...], float]:
    return {
        tuple(
            sample.labels.get(label, "") for label in ("organization", "method", "route", "status")
        ): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    }


def count_of(organization: str, *labels: str) -> float:
    return samples(metrics.exposition(None)).get((organization, *labels), 0.0)


def test_requests_are_counted_by_route_and_organization(
    client: GateClient, ada: Identity, empty_limits: object
) -> None:
    before = count_of("", "GET", "nested/<int:number>", "200")

    for number in range(3):
        client.get(f"/nested/{number}")
    client.get("/api/v1/used", key="ada")

    assert count_of("", "GET", "nested/<int:number>", "200") == before + 3
    assert count_of(ada.organization, "GET", "api/v1/used", "200") == 1


def test_what_strangers_make_up_makes_no_series(
    client: GateClient, ada: Identity, empty_limits: object
) -> None:
    client.get("/nowhere")
    series = len(samples(metrics.exposition(None)))

    for number in range(5):
        client.get(f"/nowhere/{number}")
        client.call(f"BREW{number}", "/nowhere")
        client.call(f"BREW{number}", "/console/login")

    assert len(samples(metrics.exposition(None))) <= series + 1


def test_latency_is_observed(client: GateClient) -> None:
    def observed() -> float:
        found = samples(metrics.exposition(None), "signalbox_request_seconds_count")
        return found.get(("", "GET", "echo", ""), 0.0)

    before = observed()
    client.get("/echo")

    assert observed() == before + 1


def test_refusals_for_the_rate_are_counted(
    client: GateClient, ada: Identity, tokens: KnownTokens, empty_limits: object
) -> None:
    tokens.identities["slow"] = replace(ada, limits={"default": parse_rate("1/m")})
    for _ in range(3):
        client.get("/api/v1/used", key="slow")

    found = samples(metrics.exposition(None), "signalbox_limited_total")
    assert found[(ada.organization, "", "", "")] == 2


# ------------------------------------------------------------------ /metrics


@pytest.fixture
def doors(db: None, tokens: KnownTokens, empty_limits: object) -> GateClient:
    """Our own table, with two organisations that have called it."""
    held = frozenset({SystemPermission.VIEW_METRICS.value, Tried.USE.value})
    for name in ("ours", "theirs"):
        tokens.identities[name] = make_identity(make_organization(), permissions=held)
    tokens.identities["viewer"] = make_identity(make_organization(), permissions=frozenset())
    made = GateClient()
    for name in ("ours", "theirs"):
        made.get("/metrics", key=name)
    return made


def organizations_in(answer: Answer) -> set[str]:
    return {labels[0] for labels in samples(answer.body)}


def test_a_key_sees_its_organizations_series_alone(doors: GateClient, tokens: KnownTokens) -> None:
    answer = doors.get("/metrics", key="ours")

    assert (answer.status, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert organizations_in(answer) == {tokens.identities["ours"].organization}
    assert b"signalbox_pool_waiting" not in answer.body
    assert b"signalbox_request_seconds" not in answer.body


def test_the_operators_token_sees_every_series(
    doors: GateClient, tokens: KnownTokens, settings: Any
) -> None:
    settings.SIGNALBOX_METRICS_TOKEN = "the-operators-token"

    answer = doors.get("/metrics", key="the-operators-token")

    assert answer.status == 200
    assert organizations_in(answer) >= {
        tokens.identities["ours"].organization,
        tokens.identities["theirs"].organization,
        "",
    }
    assert b"signalbox_pool_waiting 0.0" in answer.body


@pytest.mark.parametrize(
    ("key", "status"),
    [(None, 401), ("guess", 401), ("", 401), ("viewer", 403), ("the-operators-toke", 401)],
)
def test_others_see_nothing(doors: GateClient, settings: Any, key: str | None, status: int) -> None:
    settings.SIGNALBOX_METRICS_TOKEN = "the-operators-token"

    assert doors.get("/metrics", key=key).status == status


def test_without_a_token_set_an_empty_one_opens_nothing(doors: GateClient) -> None:
    assert doors.get("/metrics", headers={"Authorization": "Bearer "}).status == 401
    assert doors.get("/metrics", headers={"Authorization": ""}).status == 401


def test_guessing_at_the_token_is_counted(doors: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_METRICS_TOKEN = "the-operators-token"

    statuses = [doors.get("/metrics", key=f"guess-{n}").status for n in range(101)]

    assert statuses == [401] * 100 + [429]


def test_metrics_may_be_switched_off(doors: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_METRICS_ENABLED = False

    assert doors.get("/metrics", key="ours").status == 404


PROGRAM = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
import django
django.setup()
from apps.core import metrics
metrics.REQUESTS.labels("org_1", "GET", "x", "200").inc(int(sys.argv[1]))
if sys.argv[1] == "0":
    print(metrics.exposition("org_1").decode())
"""


def test_processes_add_up(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for number in ("2", "3", "0"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, number],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

    assert samples(done.stdout.encode()) == {("org_1", "GET", "x", "200"): 5.0}
