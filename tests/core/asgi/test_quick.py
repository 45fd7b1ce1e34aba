"""A door's quick way: it answers what it can on the loop and leaves the rest to the view."""

from __future__ import annotations

import pytest

from apps.core.actor import Identity
from apps.core.limits.memory import MemoryLimitStore
from tests.client import Answer, GateClient
from tests.core.asgi import table

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def on_the_table(client: GateClient, ada: Identity, empty_limits: MemoryLimitStore) -> None:
    """All of these are calls of Ada's on the throw-away table."""


def post(client: GateClient, raw: bytes, *, key: str | None = "ada", **headers: str) -> Answer:
    return client.post("/api/v1/hasty", raw=raw, key=key, headers=headers)


def test_the_quick_way_answers_without_the_view(client: GateClient) -> None:
    assert (post(client, b"plain").body, table.runs) == (b"quick", ["quick"])


def test_what_it_leaves_the_view_answers_with_the_body_whole(client: GateClient) -> None:
    assert (post(client, b"odd").body, table.runs) == (b"view of odd", ["quick", "view"])


def test_what_it_raises_is_answered_as_ever(client: GateClient) -> None:
    answer = post(client, b"refuse")

    assert (answer.status, answer.error, table.runs) == (409, "conflict", ["quick"])


def test_other_methods_know_of_none(client: GateClient) -> None:
    answer = client.get("/api/v1/hasty", key="ada")

    assert (answer.body, table.runs) == (b"view of ", ["view"])


def test_nobody_comes_in_that_way_whom_the_door_refuses(client: GateClient) -> None:
    assert (post(client, b"plain", key=None).status, table.runs) == (401, [])


def test_a_call_under_an_idempotency_key_goes_to_the_view(client: GateClient) -> None:
    bodies = [post(client, b"plain", **{"Idempotency-Key": "k1"}).body for _ in range(2)]

    assert (bodies, table.runs) == ([b"view of plain"] * 2, ["view"])
