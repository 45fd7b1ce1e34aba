"""`/api/v1/usage`, its sheet, and `/api/v1/usage/calls`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.providers.queries.usage import forget_kept
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.doors import known_tokens
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization
from tests.factories.usage import AT, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
DAY = "from=2026-03-31&to=2026-03-31"
NONE = {"p50": None, "p95": None, "p99": None}


@pytest.fixture(autouse=True)
def _anew() -> None:
    forget_kept()


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def client(organization: Organization) -> Iterator[GateClient]:
    with known_tokens() as known:
        known.identities["viewer"] = make_identity(organization, role=Role.VIEWER)
        yield GateClient()


def read(client: GateClient, query: str) -> Any:
    answer = client.get(f"/api/v1/usage?{query}", key="viewer")
    assert answer.status == 200, answer.body
    return answer.json()


def test_usage_by_model_and_key(client: GateClient, organization: Organization) -> None:
    make_usage(organization, cost_nano=1_500_000_000, first_token_ms=20.0)
    make_usage(organization, cost_nano=500_000_000, status="error", is_cached=True)
    make_usage(organization, model="slow", key="", at=AT - timedelta(hours=1))
    make_usage(make_organization(), cost_nano=99)
    make_usage(organization, at=AT - timedelta(days=1))

    answer = read(client, f"group_by=model,key&{DAY}")

    rows = [{**row, "duration_ms": None, "first_token_ms": None} for row in answer["data"]]
    assert rows == [
        {
            "model": "fast", "key": "key_a", "key_name": "", "requests": 2, "errors": 1, "cached": 1,
            "prompt_tokens": 20, "completion_tokens": 10, "cost": 2.0,
            "duration_ms": None, "first_token_ms": None,
        },
        {
            "model": "slow", "key": "", "key_name": "", "requests": 1, "errors": 0, "cached": 0,
            "prompt_tokens": 10, "completion_tokens": 5, "cost": 0.000001,
            "duration_ms": None, "first_token_ms": None,
        },
    ]  # fmt: skip
    totals = answer["meta"].pop("totals")
    assert answer["meta"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert (totals["requests"], totals["errors"], totals["cost"]) == (3, 1, 2.000001)


def test_usage_tells_quantiles(client: GateClient, organization: Organization) -> None:
    for number in range(1, 101):
        make_usage(organization, duration_ms=float(number), first_token_ms=number / 10)

    (row,) = read(client, DAY)["data"]

    assert row["duration_ms"] == pytest.approx({"p50": 50, "p95": 95, "p99": 99}, rel=0.02)
    assert row["first_token_ms"] == pytest.approx({"p50": 5.0, "p95": 9.5, "p99": 9.9}, rel=0.02)


def test_usage_without_first_tokens_has_none(
    client: GateClient, organization: Organization
) -> None:
    make_usage(organization)

    (row,) = read(client, f"group_by=hour,provider,deployment&{DAY}")["data"]

    assert row["first_token_ms"] == NONE
    assert (row["hour"], row["provider"], row["deployment"]) == (
        "2026-03-31T12:00:00Z",
        "prov",
        "dep",
    )


def test_usage_takes_the_first_hour_and_leaves_the_end_out(
    client: GateClient, organization: Organization
) -> None:
    for hours in (0, 1, 2):
        make_usage(organization, at=AT + timedelta(hours=hours))

    answer = read(client, "group_by=hour&from=2026-03-31T12:45:00Z&to=2026-03-31T14:00:00Z")

    assert [row["hour"] for row in answer["data"]] == [
        "2026-03-31T12:00:00Z",
        "2026-03-31T13:00:00Z",
    ]


def test_usage_is_filtered_ordered_and_paged(
    client: GateClient, organization: Organization
) -> None:
    for number, model in enumerate(("a", "b", "c")):
        make_usage(organization, model=model, cost_nano=number)
    make_usage(organization, model="a", provider="other")

    answer = read(client, f"group_by=model&provider=prov&ordering=-cost&limit=2&{DAY}")

    assert [row["model"] for row in answer["data"]] == ["c", "b"]
    assert (answer["meta"]["total"], answer["meta"]["totals"]["requests"]) == (3, 3)


def _reads(queries: CaptureQueriesContext) -> int:
    return sum("providers_usagerollup" in query["sql"] for query in queries)


def test_usage_costs_one_query_and_none_a_moment_later(
    client: GateClient, organization: Organization
) -> None:
    counts = []
    for _ in range(2):
        make_usage(organization)
        forget_kept()
        with CaptureQueriesContext(connection) as queries:
            read(client, DAY)
        with CaptureQueriesContext(connection) as again:
            read(client, DAY)
        counts.append((len(queries) - len(again), _reads(queries), _reads(again)))

    assert counts == [(1, 1, 0), (1, 1, 0)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("group_by=color", "group_by"),
        ("from=nope", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-02-01&to=2026-01-01", "from"),
        ("from=2020-01-01&to=2026-01-01", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("ordering=color", "ordering"),
        ("limit=0", "limit"),
        ("page=x", "page"),
    ],
)
def test_usage_names_what_is_wrong(client: GateClient, query: str, field: str) -> None:
    answer = client.get(f"/api/v1/usage?{query}", key="viewer")

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_usage_of_a_strange_name_is_nothing(client: GateClient, organization: Organization) -> None:
    make_usage(organization)

    assert read(client, f"model=%01&{DAY}")["data"] == []


def test_export_is_a_sheet_without_formulas(client: GateClient, organization: Organization) -> None:
    make_usage(organization, model="=cmd()", cost_nano=1, duration_ms=10.0)
    make_usage(organization, model="@sum", key="+1", deployment="-2")
    make_usage(make_organization(), model="theirs")

    answer = client.get(f"/api/v1/usage/export?group_by=model,key,deployment&{DAY}", key="viewer")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(row["model"], row["key"], row["deployment"]) for row in rows] == [
        ("'=cmd()", "key_a", "dep"),
        ("'@sum", "'+1", "'-2"),
    ]
    assert (rows[0]["cost"], rows[0]["requests"], rows[0]["first_token_ms_p50"]) == (
        "0.000000001",
        "1",
        "",
    )


def test_calls_are_newest_first_and_walked_by_cursor(
    client: GateClient, organization: Organization
) -> None:
    made = [make_usage(organization, model=name).request_id for name in "abc"]
    make_usage(make_organization())

    first = client.get("/api/v1/usage/calls?limit=2", key="viewer").json()
    cursor = first["meta"]["next_cursor"]
    second = client.get(f"/api/v1/usage/calls?limit=2&cursor={cursor}", key="viewer").json()

    assert [row["request_id"] for row in first["data"] + second["data"]] == made[::-1]
    assert second["meta"]["next_cursor"] is None
    assert {name: first["data"][0][name] for name in ("model", "status", "cost", "stream")} == {
        "model": "c",
        "status": "ok",
        "cost": 0.000001,
        "stream": False,
    }


def test_calls_are_filtered(client: GateClient, organization: Organization) -> None:
    make_usage(organization)
    wanted = make_usage(organization, status="error", end_user="ann", at=AT + timedelta(hours=1))

    def found(query: str) -> list[str]:
        answer = client.get(f"/api/v1/usage/calls?{query}", key="viewer")
        return [row["request_id"] for row in answer.json()["data"]]

    assert found("status=error") == [wanted.request_id]
    assert found("end_user=ann&from=2026-03-31T13:00:00Z") == [wanted.request_id]
    assert found("end_user=ann&to=2026-03-31T13:00:00Z") == []
    assert client.get("/api/v1/usage/calls?status=nope", key="viewer").status == 422
