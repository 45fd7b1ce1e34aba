"""`Idempotency-Key`: the same key and body is answered once and replayed; of parallel twins exactly one runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from apps.core import idempotency
from apps.core.actor import Actor, Identity
from apps.core.asgi.request import GateRequest
from apps.core.errors import Conflict
from apps.core.limits.memory import MemoryLimitStore
from apps.core.models import StoredAnswer
from apps.core.tenancy import organization_scope, unscoped
from tests.client import Answer, GateClient
from tests.core.asgi import table
from tests.core.asgi.table import Tried
from tests.factories.doors import KnownTokens
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization

BODY = {"name": "a"}


@pytest.fixture(autouse=True)
def on_the_table(client: GateClient, ada: Identity, empty_limits: MemoryLimitStore) -> None:
    """All of these are calls of Ada's on the throw-away table."""


def make(
    client: GateClient,
    body: Any = BODY,
    *,
    key: str = "ada",
    once: str | None = "k1",
    path: str = "/api/v1/things",
) -> Answer:
    return client.post(path, body, key=key, headers={"Idempotency-Key": once})


def stored() -> list[StoredAnswer]:
    with unscoped(reason="looking from outside"):
        return list(StoredAnswer.objects.all())


def test_the_first_answer_is_replayed(client: GateClient) -> None:
    first, second = make(client), make(client)

    assert table.runs == ["a"]
    assert (first.status, first.json()) == (201, {"name": "a", "number": None, "secret": "s3cret"})
    assert (second.status, second.json()) == (201, {"name": "a", "number": None, "secret": None})
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


def test_a_secret_is_never_stored(client: GateClient) -> None:
    make(client)

    assert [b"s3cret" in bytes(answer.body) for answer in stored()] == [False]


def test_another_body_is_a_conflict(client: GateClient) -> None:
    make(client)

    answer = make(client, {"name": "b"})

    assert (answer.status, answer.error, table.runs) == (409, "idempotency_key_reused", ["a"])


def test_a_key_belongs_to_its_principal_path_and_organization(
    client: GateClient,
    ada: Identity,
    tokens: KnownTokens,
) -> None:
    held = frozenset({Tried.USE.value})
    tokens.identities["bob"] = replace(ada, principal="user_bob")
    tokens.identities["foreign"] = make_identity(
        make_organization(), permissions=held, principal=ada.principal
    )
    make(client)

    answers = [
        make(client, {"name": "b"}, key="bob"),
        make(client, {"name": "c"}, key="foreign"),
        make(client, {"name": "d"}, path="/api/v1/things/"),
        make(client, {"name": "e"}, once="k2"),
        make(client, {"name": "f"}, once=None),
        make(client, {"name": "f"}, once=None),
    ]

    assert [answer.status for answer in answers] == [201] * 6
    assert table.runs == ["a", "b", "c", "d", "e", "f", "f"]


def test_two_keys_of_one_person_share_it(
    client: GateClient,
    ada: Identity,
    tokens: KnownTokens,
) -> None:
    """Else a rotation in the middle of a retry would run the deed twice."""
    tokens.identities["new"] = replace(ada, credential=replace(ada.credential, id="key_new"))
    make(client)

    assert make(client, key="new").headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(("name", "status"), [("absent", 404), ("taken", 409)])
def test_a_final_refusal_is_replayed(client: GateClient, name: str, status: int) -> None:
    first, second = make(client, {"name": name}), make(client, {"name": name})

    assert (first.status, second.status, table.runs) == (status, status, [name])
    assert second.json()["request_id"] == first.json()["request_id"]


@pytest.mark.parametrize(("name", "status"), [("denied", 403), ("bug", 500)])
def test_another_refusal_frees_the_key(client: GateClient, name: str, status: int) -> None:
    first, second = make(client, {"name": name}), make(client)

    assert (first.status, second.status, table.runs) == (status, 201, [name, "a"])


def test_a_wrong_field_frees_the_key(client: GateClient) -> None:
    first, second = make(client, {"nmae": "a"}), make(client)

    assert (first.status, second.status) == (422, 201)


def test_a_killed_run_frees_the_key(client: GateClient) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(client, {"name": "killed"})

    assert stored() == []


@pytest.mark.parametrize(("length", "status"), [(1, 201), (255, 201), (256, 400)])
def test_a_key_has_up_to_255_characters(client: GateClient, length: int, status: int) -> None:
    assert make(client, once="k" * length).status == status


def test_an_empty_key_is_malformed(client: GateClient) -> None:
    answer = make(client, once="")

    assert (answer.status, answer.error) == (400, "bad_idempotency_key")


def test_other_methods_and_doors_ignore_it(client: GateClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    client.put("/api/v1/things/a", {}, key="ada", headers=headers)
    client.post("/echo-in-pool", {}, key="ada", headers=headers)
    make(client, path="/api/v1/unkept")
    make(client, path="/api/v1/unkept")

    assert (stored(), table.runs) == ([], ["a", "a"])


def test_a_running_twin_is_a_conflict(client: GateClient) -> None:
    make(client)
    with unscoped(reason="as if the first still ran"):
        StoredAnswer.objects.update(status=None)

    answer = make(client)

    assert (answer.status, answer.error) == (409, "idempotency_in_flight")


@pytest.mark.parametrize(
    ("status", "age", "runs"),
    [
        (None, timedelta(minutes=1), 1),
        (None, timedelta(minutes=3), 2),
        (201, timedelta(hours=23), 1),
        (201, timedelta(hours=25), 2),
    ],
)
def test_what_was_left_behind_is_taken_over(
    client: GateClient,
    status: int | None,
    age: timedelta,
    runs: int,
) -> None:
    make(client)
    with unscoped(reason="as if time had passed"):
        StoredAnswer.objects.update(status=status, created_at=timezone.now() - age)

    make(client)

    assert len(table.runs) == runs


def test_a_deed_that_outlasts_its_claim_still_answers(ada: Identity) -> None:
    def run() -> HttpResponse:
        StoredAnswer.objects.all().delete()  # a twin took the claim over
        return HttpResponse(b"{}", status=201)

    with organization_scope(ada.organization_id):
        response = idempotency.run_once(request_of(ada), "k1", (), run)

    assert response.status_code == 201


def test_old_answers_are_forgotten_in_every_organization(client: GateClient) -> None:
    make(client, once="old")
    with unscoped(reason="as if time had passed"):
        StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    make(client, once="new")

    assert idempotency.forget_old_answers() == 1
    assert [answer.key for answer in stored()] == ["new"]


# ------------------------------------------------------------------ twins


def request_of(identity: Identity, body: bytes = b"{}") -> GateRequest:
    request = GateRequest({"type": "http", "method": "POST", "path": "/x", "headers": []})
    request.actor = Actor(identity)
    request.take_body(BytesIO(body), len(body))
    return request


@pytest.fixture
def twins(transactional_db: None) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(50) as threads:
        yield threads


def test_of_parallel_twins_exactly_one_runs(
    twins: ThreadPoolExecutor,
    ada: Identity,
) -> None:
    ran = []
    ready = Barrier(50)

    def call() -> str:
        try:
            ready.wait()
            with organization_scope(ada.organization_id):
                response = idempotency.run_once(request_of(ada), "k1", (), deed)
            return response.headers.get("Idempotency-Replayed", "ran")
        except Conflict as error:
            return error.code
        finally:
            connection.close()

    def deed() -> HttpResponse:
        ran.append(1)
        return HttpResponse(b"{}", status=201)

    outcomes = Counter(waiting.result() for waiting in [twins.submit(call) for _ in range(50)])

    assert (len(ran), outcomes["ran"]) == (1, 1)
    assert outcomes["true"] + outcomes["idempotency_in_flight"] == 49
