"""The first day of an organisation, told to a real server: people, keys, and what happens when they leave."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.rig.http import Answer, Client
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.no_jobs]
WITHIN = 1.5  # the promise is a second; the rest is for a loaded machine
PASSWORD = "a-lever-for-grace-77"


def log_in(server: ServerProcess, email: str, password: str) -> Any:
    answer = server.anonymous.post(
        "/api/v1/auth/login", json={"email": email, "password": password}
    )
    assert answer.status == 200, answer.text
    return answer.json()


def bearer(server: ServerProcess, token: str) -> Client:
    return server.as_key(token)  # a token goes where a key goes


def status_of(client: Client) -> int:
    return client.get("/api/v1/auth/me").status


def seconds_until(client: Client, status: int) -> float:
    started = time.monotonic()
    while status_of(client) != status:
        assert time.monotonic() - started < 10, f"still not {status}"
        time.sleep(0.05)
    return time.monotonic() - started


def invite(server: ServerProcess, email: str, role: str) -> Answer:
    """Invite somebody and accept for them; the answer to the acceptance."""
    invited = server.post("/api/v1/invitations", json={"email": email, "role": role})
    assert invited.status == 201, invited.text
    token = invited.json()["url"].rpartition("=")[2].rpartition("/")[2]
    return server.anonymous.post(
        "/api/v1/invitations/accept", json={"token": token, "name": "Grace", "password": PASSWORD}
    )


def test_a_key_is_made_used_and_revoked(shared_site: Site, shared_server: ServerProcess) -> None:
    admin = bearer(
        shared_server, log_in(shared_server, shared_site.email, shared_site.password)["access"]
    )

    made = admin.post("/api/v1/keys", json={"name": "ci", "role": "viewer"}).json()
    key = shared_server.as_key(made["key"])
    used = key.get("/api/v1/capabilities").status
    overstepping = key.post("/api/v1/keys", json={"name": "x", "role": "viewer"}).status
    revoked = admin.request("DELETE", f"/api/v1/keys/{made['id']}").status
    after = key.get("/api/v1/capabilities")

    assert (used, overstepping, revoked) == (200, 403, 204)
    assert (after.status, after.json()["error"]) == (401, "key_revoked")


def test_a_revoked_key_dies_in_every_process(site: Site) -> None:
    here, there = site.start(), site.start()
    made = here.post("/api/v1/keys", json={"name": "ci", "role": "viewer"}).json()
    key = there.as_key(made["key"])
    for _ in range(3):
        assert status_of(key) == 200  # warm: remembered by the other process

    here.request("DELETE", f"/api/v1/keys/{made['id']}")

    assert status_of(here.as_key(made["key"])) == 401
    assert seconds_until(key, 401) < WITHIN


def test_a_rotated_key_lives_for_its_grace(shared_server: ServerProcess) -> None:
    made = shared_server.post("/api/v1/keys", json={"name": "ci", "role": "viewer"}).json()
    old = shared_server.as_key(made["key"])

    new = shared_server.post(f"/api/v1/keys/{made['id']}/rotate", json={"grace_seconds": 1}).json()
    in_grace = (status_of(old), status_of(shared_server.as_key(new["key"])))

    assert in_grace == (200, 200)
    assert seconds_until(old, 401) < 1 + WITHIN
    assert status_of(shared_server.as_key(new["key"])) == 200


def test_somebody_joins_rises_and_leaves(shared_server: ServerProcess) -> None:
    joined = invite(shared_server, "grace@example.com", "viewer").json()
    grace = bearer(shared_server, log_in(shared_server, "grace@example.com", PASSWORD)["access"])
    path = f"/api/v1/members/{joined['id']}"

    as_viewer = grace.post("/api/v1/keys", json={"name": "mine", "role": "user"}).status
    shared_server.request("PATCH", path, json={"role": "admin"})
    as_admin = grace.post("/api/v1/keys", json={"name": "mine", "role": "user"})
    own_key = shared_server.as_key(as_admin.json()["key"])
    before = status_of(own_key)
    shared_server.request("DELETE", path)

    assert (as_viewer, as_admin.status, before) == (403, 201, 200)
    assert (status_of(grace), status_of(own_key)) == (401, 401)


def test_a_new_password_ends_every_login(site: Site, server: ServerProcess) -> None:
    first = log_in(server, site.email, site.password)
    second = log_in(server, site.email, site.password)
    client = bearer(server, first["access"])

    changed = client.post(
        "/api/v1/auth/password",
        json={"current_password": site.password, "new_password": f"{site.password}-anew"},
    )
    refreshed = server.anonymous.post("/api/v1/auth/refresh", json={"refresh": second["refresh"]})

    assert (changed.status, refreshed.status) == (204, 401)
    assert [status_of(bearer(server, login["access"])) for login in (first, second)] == [401, 401]
    assert (
        status_of(bearer(server, log_in(server, site.email, f"{site.password}-anew")["access"]))
        == 200
    )


def test_a_refresh_token_shown_twice_ends_the_login(site: Site, server: ServerProcess) -> None:
    def refresh(token: str) -> Answer:
        return server.anonymous.post("/api/v1/auth/refresh", json={"refresh": token})

    login = log_in(server, site.email, site.password)
    renewed = refresh(login["refresh"]).json()
    stolen = refresh(login["refresh"])

    assert stolen.status == 401
    assert status_of(bearer(server, renewed["access"])) == 401
    assert refresh(renewed["refresh"]).status == 401


def test_the_trail_tells_it_all_and_can_be_verified(site: Site, server: ServerProcess) -> None:
    made = server.post("/api/v1/keys", json={"name": "ci", "role": "viewer"}).json()
    invite(server, "grace@example.com", "user")
    server.request("DELETE", f"/api/v1/keys/{made['id']}")

    deadline = time.monotonic() + 10
    while not all(entry["hash"] for entry in trail(server)) and time.monotonic() < deadline:
        time.sleep(0.1)
    entries = trail(server)
    printed = site.manage("verify_audit")

    actions = [entry["action"] for entry in reversed(entries)]
    assert [action for action in actions if action.startswith(("keys.", "tenants.invitation"))] == [
        "keys.key.created",
        "keys.key.created",
        "tenants.invitation.created",
        "tenants.invitation.accepted",
        "keys.key.revoked",
    ]
    assert all(entry["hash"] for entry in entries)
    assert made["key"] not in str(entries)
    assert "acme" in printed


def trail(server: ServerProcess) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = server.get("/api/v1/audit?limit=100").json()["data"]
    return entries


def test_two_organizations_never_meet(shared_site: Site, shared_server: ServerProcess) -> None:
    shared_site.manage(
        "bootstrap", "--organization", "other", "--email", "bob@example.com", "--password", PASSWORD,
        "--role", "admin",
    )  # fmt: skip
    bob = bearer(shared_server, log_in(shared_server, "bob@example.com", PASSWORD)["access"])
    ours = shared_server.post("/api/v1/keys", json={"name": "ours", "role": "viewer"}).json()
    theirs = bob.post("/api/v1/keys", json={"name": "theirs", "role": "viewer"}).json()

    seen = [row["name"] for row in bob.get("/api/v1/keys").json()["data"]]
    refused = [
        bob.request(method, f"/api/v1/keys/{ours['id']}{more}", json=body).status
        for method, more, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "mine now"}),
            ("DELETE", "", None),
            ("POST", "/rotate", {}),
        )
    ]

    assert (seen, refused) == (["theirs"], [404] * 4)
    assert shared_server.get(f"/api/v1/keys/{theirs['id']}").status == 404
    assert status_of(shared_server.as_key(ours["key"])) == 200
    assert {entry["object"]["id"] for entry in trail(shared_server)} & {theirs["id"]} == set()
