"""Budgets and usage through GraphQL say what the services say, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.providers.queries.usage import forget_kept
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.tenants import log_in, make_admin, make_member, make_organization
from tests.factories.usage import make_budget, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
BUDGET = "id scope subject period amount tokens spent { amount tokens } begins ends revision"
CREATE = f"mutation ($input: BudgetCreateInput!) {{ createBudget(input: $input) {{ budget {{ {BUDGET} }} }} }}"
UPDATE = f"mutation ($id: ID!, $input: BudgetBoundsInput!, $r: Int) {{ updateBudget(id: $id, input: $input, expectedRevision: $r) {{ budget {{ {BUDGET} }} }} }}"
DELETE = "mutation ($id: ID!) { deleteBudget(id: $id) { id } }"
LIST = "{ budgets { totalCount nodes { subject spent { tokens } } } }"
ONE = "query ($id: ID!) { budget(id: $id) { id } }"
USAGE = 'query ($by: [String!]) { usage(groupBy: $by, from: "2026-03-31", to: "2026-03-31", ordering: "-cost") { total rows { day model keyName requests cost durationMs { p50 } } totals { requests promptTokens } } }'
CALLS = "query ($status: String) { modelCalls(status: $status) { totalCount nodes { requestId model cost stream } } }"


@pytest.fixture
def key(organization: Organization) -> str:
    return log_in(make_admin(organization)).access


def ask(key: str, query: str, **variables: Any) -> Any:
    return GateClient().post("/graphql", {"query": query, "variables": variables}, key=key).json()


def done(key: str, query: str, **variables: Any) -> Any:
    body = ask(key, query, **variables)
    assert "errors" not in body, body
    (payload,) = body["data"].values()
    return payload


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_deeds_on_budgets(key: str) -> None:
    made = done(
        key,
        CREATE,
        input={"scope": "end_user", "subject": "ann", "period": "total", "tokens": 3_000_000_000},
    )["budget"]
    assert made == {
        "id": made["id"],
        "scope": "end_user",
        "subject": "ann",
        "period": "total",
        "amount": None,
        "tokens": 3_000_000_000,
        "spent": {"amount": 0.0, "tokens": 0},
        "begins": "1970-01-01",
        "ends": None,
        "revision": 1,
    }

    changed = done(key, UPDATE, id=made["id"], input={"amount": 2.5, "tokens": None}, r=1)["budget"]
    stale = ask(key, UPDATE, id=made["id"], input={"amount": 1}, r=1)
    assert (changed["amount"], changed["tokens"], changed["revision"]) == (2.5, None, 2)
    assert code_of(stale) == "STALE"
    assert done(key, DELETE, id=made["id"]) == {"id": made["id"]}
    assert code_of(ask(key, ONE, id=made["id"])) == "NOT_FOUND"


def test_a_viewer_sets_no_budget(organization: Organization) -> None:
    viewer = log_in(make_member(organization, Role.VIEWER)).access

    body = ask(viewer, CREATE, input={"scope": "organization", "period": "day", "amount": 1})

    assert code_of(body) == "DENIED"


def test_budgets_of_others_are_not_listed(organization: Organization, key: str) -> None:
    make_budget(organization, scope="end_user", subject="ours")
    theirs = make_budget(make_organization(), scope="end_user", subject="theirs")

    assert done(key, LIST) == {
        "totalCount": 1,
        "nodes": [{"subject": "ours", "spent": {"tokens": 0}}],
    }
    assert code_of(ask(key, ONE, id=theirs.public_id)) == "NOT_FOUND"


def test_usage_is_what_rest_says(organization: Organization, key: str) -> None:
    forget_kept()
    make_usage(organization, cost_nano=2_000_000_000)
    make_usage(organization, model="slow")
    make_usage(make_organization())

    report = done(key, USAGE, by=["model", "key"])

    assert [(row["model"], row["cost"], row["day"], row["keyName"]) for row in report["rows"]] == [
        ("fast", 2.0, None, ""),
        ("slow", 0.000001, None, ""),
    ]
    assert (report["total"], report["totals"]) == (2, {"requests": 2, "promptTokens": 20})
    assert report["rows"][0]["durationMs"]["p50"] == pytest.approx(100, rel=0.02)
    assert code_of(ask(key, USAGE, by=["color"])) == "INVALID"


def test_calls_are_listed_newest_first(organization: Organization, key: str) -> None:
    made = [make_usage(organization, status=status) for status in ("ok", "error", "ok")]
    make_usage(make_organization())

    found = done(key, CALLS, status="ok")

    assert found["totalCount"] == 2
    assert [row["requestId"] for row in found["nodes"]] == [
        made[2].request_id,
        made[0].request_id,
    ]


def test_lists_cost_the_same_however_long(organization: Organization, key: str) -> None:
    def cost(query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            done(key, query)
        return len(queries)

    make_budget(organization, scope="end_user", subject="a")
    make_usage(organization)
    before = cost(LIST), cost(CALLS)
    for name in "bc":
        make_budget(organization, scope="end_user", subject=name)
        make_usage(organization)

    assert (cost(LIST), cost(CALLS)) == before
