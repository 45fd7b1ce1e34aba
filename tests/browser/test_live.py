"""Every list that says it is live shows what happens elsewhere, in the page that stands there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.rig.servers import ServerProcess


def submit_job(server: ServerProcess) -> str:
    return str(made(server, "jobs", {"kind": "demo.sleep", "payload": {"seconds": 0}})["job_id"])


def make_webhook(server: ServerProcess) -> str:
    url = "https://example.com/heard-live"
    made(server, "webhooks", {"url": url, "topics": ["job.*"]})
    return url


def make_key(server: ServerProcess) -> str:
    return str(made(server, "keys", {"name": "heard live", "role": "viewer"})["name"])


def invite(server: ServerProcess) -> str:
    return str(
        made(server, "invitations", {"email": "live@example.com", "role": "viewer"})["email"]
    )


def make_account(server: ServerProcess) -> str:
    return str(made(server, "service-accounts", {"name": "heard live too"})["name"])


def made(server: ServerProcess, what: str, body: dict[str, Any]) -> Any:
    answer = server.post(f"/api/v1/{what}", json=body)
    assert answer.status in (201, 202), answer.json()
    return answer.json()


def make_provider(server: ServerProcess) -> str:
    return str(made(server, "providers", {"name": "heard live", "kind": "simulated"})["name"])


def make_route(server: ServerProcess) -> str:
    name = "heard-live"
    made(server, "providers", {"name": name, "kind": "simulated"})
    made(server, "deployments", {"name": name, "provider": name, "model": "simulated"})
    return str(made(server, "routes", {"name": name, "targets": [{"deployment": name}]})["name"])


DEEDS: dict[str, Callable[[ServerProcess], str]] = {
    "jobs": submit_job,
    "webhooks": make_webhook,
    "providers": make_provider,
    "routes": make_route,
    "keys": make_key,
    "members": invite,
    "service-accounts": make_account,
}


@pytest.mark.parametrize("path", DEEDS)
def test_what_happens_elsewhere_arrives_without_a_reload(
    path: str, page: Page, shared_server: ServerProcess
) -> None:
    page.goto(f"/console/{path}")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "connected")
    page.evaluate("window.sameDocument = true")

    told = DEEDS[path](shared_server)

    by_id = page.locator(f"#{path}-{told}") if path == "jobs" else page.get_by_text(told).first
    expect(by_id).to_be_visible()
    assert page.evaluate("window.sameDocument") is True
