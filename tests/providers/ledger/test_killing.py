"""A real server under a budget, killed and started again: what was answered stays spent, to the last billionth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

import pytest

from tests.rig.http import Client
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration
BUDGET = Decimal("0.5")
BODY = {"model": "m", "messages": [{"role": "user", "content": "Say something short."}]}


def set_up(server: ServerProcess) -> str:
    """A route to the simulated provider at a price, and a key that may spend half a dollar."""
    provider = server.post("/api/v1/providers", json={"name": "sim", "kind": "simulated"}).json()
    deployment = server.post(
        "/api/v1/deployments",
        json={
            "name": "sim", "provider": provider["id"], "model": "simulated", "input_price": 100,
            "output_price": 1000, "max_output_tokens": 64,
        },
    ).json()  # fmt: skip
    made = server.post(
        "/api/v1/routes", json={"name": "m", "targets": [{"deployment": deployment["id"]}]}
    )
    assert made.status == 201, made.text
    key = server.post(
        "/api/v1/keys",
        json={
            "name": "k", "role": "service", "limits": {"all": "10000/m"},
            "budget": {"amount": float(BUDGET), "period": "total"},
        },
    )  # fmt: skip
    return str(key.json()["key"])


def call(client: Client) -> Any:
    return client.post("/v1/chat/completions", json={**BODY, "max_tokens": 64})


def spend(client: Client, calls: int) -> list[Decimal]:
    """What each answered call says it cost."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: call(client), range(calls)))
    return [Decimal(a.headers["x-signalbox-cost"]) for a in answers if a.status == 200]


def spend_all(client: Client) -> tuple[list[Decimal], Any]:
    costs: list[Decimal] = []
    while True:
        answer = call(client)
        if answer.status == 503 and answer.json()["error"]["code"] == "ledger_rebuilding":
            sleep(0.2)
        elif answer.status == 200:
            costs.append(Decimal(answer.headers["x-signalbox-cost"]))
        else:
            return costs, answer


def booked(server: ServerProcess, count: int) -> Decimal:
    """What the rows say, once so many calls are in them."""
    until = monotonic() + 15
    while True:
        sleep(0.3)
        found = server.get("/api/v1/usage/calls?limit=200&status=ok").json()["data"]
        if len(found) >= count or monotonic() > until:
            assert len(found) == count
            return sum((Decimal(str(row["cost"])) for row in found), Decimal(0))


def test_budget_survives_kill_9(site: Site) -> None:
    server = site.start()
    key = set_up(server)
    costs = spend(server.as_key(key), 12)

    for _ in range(2):
        server.kill()
        server = site.start()
        costs += spend(server.as_key(key), 6)
    rest, refusal = spend_all(server.as_key(key))
    costs += rest

    assert (refusal.status, refusal.json()["error"]["code"]) == (429, "budget_exceeded")
    assert refusal.headers["x-should-retry"] == "false"
    spent = sum(costs, Decimal(0))
    assert BUDGET - max(costs) * 2 < spent <= BUDGET
    assert booked(server, len(costs)) == spent


def test_two_processes_share_a_budget_and_survive_an_emptied_redis(make_site: Any) -> None:
    site = make_site(redis=True)
    server = site.start(workers=2)
    key = set_up(server)
    client = server.as_key(key)
    costs: list[Decimal] = []
    until = monotonic() + 20
    while len(costs) < 8 and monotonic() < until:  # closed for three seconds at first
        costs += spend(client, 4)

    site._valkey.kill()
    site._valkey.start()
    rest, refusal = spend_all(client)
    costs += rest

    assert refusal.json()["error"]["code"] == "budget_exceeded", refusal.text
    spent = sum(costs, Decimal(0))
    assert BUDGET - max(costs) * 2 < spent <= BUDGET
    assert booked(server, len(costs)) == spent
