"""Trying connections and finding models, against a server that listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.http_client.client import close_session
from apps.core.http_client.errors import CallFailed
from apps.core.http_client.loop import call_from_thread
from apps.events.models import AuditEntry
from apps.providers.errors import UpstreamRefused
from apps.providers.models import Deployment, Provider
from apps.providers.services import connections
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.providers import make_deployment, make_provider
from tests.fakes.llm.running import FakeLLM

SECRET = "sk-proj-0123456789abcdef0123456789"


class Refusing(BaseHTTPRequestHandler):
    """Says back the credential it was shown, as careless servers do."""

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization", "")
        body = f'{{"error": {{"message": "bad key: {shown}"}}}}'.encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def fresh_connections() -> Iterator[None]:
    yield
    call_from_thread(close_session())


@pytest.fixture
def refusing(settings: Any) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{server.server_port}"})
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider(organization: Organization, llm: FakeLLM, settings: Any) -> Provider:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({llm.address})
    return make_provider(
        organization, name="main", kind="openai_compatible", base_url=llm.url, credential=SECRET
    )


def test_check_connection_keeps_that_it_is_well(provider: Provider, actor: Actor) -> None:
    check = connections.check_connection(actor=actor, provider_id=provider.public_id)

    stored = Provider.objects.get()
    assert (check.error, check.models > 0, check.milliseconds > 0) == ("", True, True)
    assert (stored.checked_at, stored.check_error) == (check.provider.checked_at, "")
    assert stored.revision == 1
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == (
        "providers.provider.tested",
        {"is_well": True, "error": ""},
    )


def test_check_connection_of_the_simulated_provider_needs_no_socket(
    organization: Organization, actor: Actor
) -> None:
    provider = make_provider(organization)

    check = connections.check_connection(actor=actor, provider_id=provider.public_id)

    assert (check.error, check.models) == ("", 3)


def test_check_connection_masks_the_credential(
    organization: Organization, actor: Actor, refusing: str
) -> None:
    secret = "nothing-that-looks-like-a-key"
    provider = make_provider(
        organization, kind="openai_compatible", base_url=refusing, credential=secret
    )

    check = connections.check_connection(actor=actor, provider_id=provider.public_id)

    assert check.error == "401: bad key: Bearer ***"
    assert Provider.objects.get().check_error == check.error
    assert secret not in str(AuditEntry.objects.get().after)


def test_check_connection_tells_what_is_wrong(
    organization: Organization, actor: Actor, llm: FakeLLM, settings: Any
) -> None:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({"127.0.0.1:1"})
    refused = make_provider(organization, kind="vllm", base_url="http://127.0.0.1:1")
    forbidden = make_provider(organization, kind="vllm", base_url=llm.url)

    told = [
        connections.check_connection(actor=actor, provider_id=provider.public_id).error
        for provider in (refused, forbidden)
    ]

    assert told == [
        "The server took no connection.",
        "The address leads to an address that is not public; the operator may allow it by host and port.",
    ]
    assert llm.calls == []


def test_check_connection_keeps_nothing_of_what_was_changed_meanwhile(
    provider: Provider, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(*_: Any) -> list[Any]:
        Provider.objects.update(revision=2)
        return []

    monkeypatch.setattr(connections, "_models_of", change)
    connections.check_connection(actor=actor, provider_id=provider.public_id)

    assert Provider.objects.get().checked_at is None


def test_offered_models_raises_what_went_wrong(
    organization: Organization, actor: Actor, refusing: str
) -> None:
    provider = make_provider(organization, kind="openai_compatible", base_url=refusing)

    with pytest.raises(UpstreamRefused, match="401: bad key"):
        connections.offered_models(actor=actor, provider_id=provider.public_id)
    Provider.objects.update(base_url="http://127.0.0.1:1")
    with pytest.raises((CallFailed, UpstreamRefused)):
        connections.offered_models(actor=actor, provider_id=provider.public_id)


def test_discover_deployments_makes_those_that_are_chosen(
    organization: Organization, actor: Actor
) -> None:
    provider = make_provider(organization, name="sim")
    make_deployment(organization, provider=provider, name="mine", model="simulated")
    make_deployment(organization, name="simulated-fast", model="another")

    found = connections.discover_deployments(
        actor=actor, provider_id="sim", models=["simulated", "simulated-fast"]
    )
    again = connections.discover_deployments(actor=actor, provider_id="sim")

    assert [(made.name, made.model) for made in found.created] == [
        ("sim/simulated-fast", "simulated-fast")
    ]
    assert found.created[0].context_tokens == 32_768
    assert found.skipped == ["simulated"]
    assert [made.name for made in again.created] == ["simulated-embedding"]
    assert again.skipped == ["simulated", "simulated-fast"]


def test_discover_deployments_refuses_what_is_not_offered(
    organization: Organization, actor: Actor
) -> None:
    provider = make_provider(organization)

    with pytest.raises(Invalid) as caught:
        connections.discover_deployments(
            actor=actor, provider_id=provider.public_id, models=["simulated", "gpt-9"]
        )
    assert [error.field for error in caught.value.fields] == ["models.1"]
    assert Deployment.objects.count() == 0


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
def test_only_admins_call_a_provider(organization: Organization, role: Role) -> None:
    provider = make_provider(organization)
    one: dict[str, Any] = {
        "actor": make_actor(organization, role),
        "provider_id": provider.public_id,
    }

    for call in (
        lambda: connections.check_connection(**one),
        lambda: connections.offered_models(**one),
        lambda: connections.discover_deployments(**one),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_another_organizations_provider_is_not_there(actor: Actor, other: Organization) -> None:
    one: dict[str, Any] = {"actor": actor, "provider_id": make_provider(other).public_id}

    for call in (
        lambda: connections.check_connection(**one),
        lambda: connections.offered_models(**one),
        lambda: connections.discover_deployments(**one),
    ):
        with pytest.raises(NotFound):
            call()
