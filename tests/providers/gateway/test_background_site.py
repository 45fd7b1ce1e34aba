"""A real server and its worker: completions as jobs, under the ledger of the server, through kill -9."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

import psutil
import pytest

from tests.fakes.llm.running import FakeLLM
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration
PREFER = {"Prefer": "respond-async"}
HELLO = [{"role": "user", "content": "Hello"}]


def set_up(server: ServerProcess, llm: FakeLLM, **models: str) -> str:
    """A route of that name to each of the fake's models, and a key that may spend a tenth of a cent."""
    provider = server.post(
        "/api/v1/providers",
        json={"name": "fake", "kind": "openai_compatible", "base_url": llm.url},
    ).json()
    for name, model in models.items():
        made = server.post(
            "/api/v1/deployments",
            json={
                "name": name, "provider": provider["id"], "model": model, "input_price": 0,
                "output_price": 1, "max_output_tokens": 100,
            },
        ).json()  # fmt: skip
        server.post("/api/v1/routes", json={"name": name, "targets": [{"deployment": made["id"]}]})
    key = server.post(
        "/api/v1/keys",
        json={"name": "k", "role": "service", "budget": {"amount": 0.0001, "period": "total"}},
    )
    return str(key.json()["key"])


def submit(client: Any, model: str) -> str:
    answer = client.post(
        "/v1/chat/completions", json={"model": model, "messages": HELLO}, headers=PREFER
    )
    assert answer.status == 202, answer.text
    return str(answer.json()["job_id"])


def ended(server: ServerProcess, job: str, seconds: float = 60) -> dict[str, Any]:
    until = monotonic() + seconds
    while True:
        found: dict[str, Any] = server.get(f"/api/v1/jobs/{job}").json()
        if found["status"] in ("completed", "failed", "cancelled"):
            return found
        assert monotonic() < until, found
        sleep(0.8)  # the key has its rate


def costs(server: ServerProcess, model: str) -> list[Decimal]:
    """Of its good calls, once there are any: a child's records are taken over when it has ended."""
    until = monotonic() + 30
    while True:
        rows = server.get(f"/api/v1/usage/calls?status=ok&model={model}").json()["data"]
        if rows or monotonic() > until:
            return [Decimal(str(row["cost"])) for row in rows]
        sleep(0.8)


def test_jobs_of_calls(site: Site, llm: FakeLLM) -> None:
    site.env |= {
        "SIGNALBOX_EMBEDDED_WORKER": "true",
        "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": llm.address,
    }
    server = site.start()
    key = set_up(
        server,
        llm,
        good="ok?text=yes&completion_tokens=100",
        slow="ok?ttft=4&text=late&completion_tokens=1",
        endless="ok?ttft=60",
    )
    client = server.as_key(key)

    good = ended(server, submit(client, "good"))
    assert good["status"] == "completed"
    assert good["result"]["choices"][0]["message"]["content"] == "yes"

    # The worker spent it all, and the server knows.
    refused = ended(server, submit(client, "good"))
    assert (refused["status"], refused["error"]["code"]) == ("failed", "budget_exceeded")
    direct = client.post("/v1/chat/completions", json={"model": "good", "messages": HELLO})
    assert direct.json()["error"]["code"] == "budget_exceeded"

    cancelled = submit(server, "endless")
    llm.wait_for(lambda calls: calls[-1].body["model"] == "ok?ttft=60", 30)
    server.post(f"/api/v1/jobs/{cancelled}/cancel", json={})
    assert ended(server, cancelled)["status"] == "cancelled"
    seen = llm.wait_for(lambda calls: calls[-1].left_after is not None, 5)
    assert seen[-1].left_after is not None

    killed = submit(server, "slow")
    llm.wait_for(lambda calls: calls[-1].body["model"].startswith("ok?ttft=4"), 30)
    (worker,) = [
        child
        for child in psutil.Process(server.pid).children(recursive=True)
        if "worker" in child.cmdline()
    ]
    os.kill(worker.pid, signal.SIGKILL)
    after = ended(server, killed, 90)
    assert after["status"] == "completed"
    assert after["result"]["choices"][0]["message"]["content"] == "late"

    assert costs(server, "good") == [Decimal("0.0001")]
    assert costs(server, "slow") == [Decimal("0.000001")]
