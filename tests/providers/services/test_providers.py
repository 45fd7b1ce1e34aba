"""Changing providers: each exit of each service, where a credential may be, and the trail."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.events.models import AuditEntry
from apps.providers.errors import InUse, NameTaken, TooMany
from apps.providers.models import Provider
from apps.providers.services import providers
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.providers import make_deployment, make_provider

SECRET = "sk-proj-0123456789abcdef0123456789"
URL = "https://models.example.com/v1"


def trail() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("id"))


def mark(organization: Organization) -> int:
    """The number of the last change that every process hears of."""
    rows = ChangeMark.objects.filter(scope=f"routes:{organization.public_id}")
    return rows.values_list("number", flat=True).first() or 0


def create(actor: Actor, **values: Any) -> Provider:
    given = {"name": "main", "kind": "openai", "api_key": SECRET}
    return providers.create_provider(actor=actor, **{**given, **values})


def test_create_provider_keeps_the_credential_to_itself(
    organization: Organization, actor: Actor
) -> None:
    provider = create(actor, options={"project": "p1"})

    stored = Provider.objects.get()
    assert stored.public_id == provider.public_id
    assert (stored.credential, stored.credential_hint) == (SECRET, "6789")
    assert stored.base_url == "https://api.openai.com/v1"
    with connection.cursor() as cursor:
        cursor.execute("SELECT credential FROM providers_provider")
        (encrypted,) = cursor.fetchone()
    assert SECRET not in encrypted
    (entry,) = trail()
    assert (entry.action, entry.after) == (
        "providers.provider.created",
        {
            "name": "main",
            "kind": "openai",
            "base_url": "https://api.openai.com/v1",
            "has_credential": True,
            "options": {"project": "p1"},
            "enabled": True,
        },
    )
    assert mark(organization) > 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "prov_" + "0" * 32}, "name"),
        ({"kind": "nobody"}, "kind"),
        ({"kind": "vllm"}, "base_url"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "line\r\nX-More: 1"}, "api_key"),
        ({"api_key": "a" * 8193}, "api_key"),
        ({"base_url": "http://127.0.0.1/v1"}, "base_url"),
        ({"base_url": "http://169.254.169.254/"}, "base_url"),
        ({"base_url": "https://user:pass@example.com/"}, "base_url"),
        ({"base_url": "https://example.com/v1?key=1"}, "base_url"),
        ({"base_url": "https://example.com/v1#a"}, "base_url"),
        ({"kind": "simulated", "api_key": "", "base_url": URL}, "base_url"),
        ({"kind": "simulated"}, "api_key"),
        ({"options": []}, "options"),
        ({"options": {"nobody": 1}}, "options.nobody"),
        ({"options": {"project": 7}}, "options.project"),
        ({"options": {"project": "a\nb"}}, "options.project"),
        (
            {"kind": "simulated", "api_key": "", "options": {"error_rate": 2}},
            "options.error_rate",
        ),
        ({"kind": "simulated", "api_key": "", "options": {"seed": True}}, "options.seed"),
        ({"kind": "simulated", "api_key": "", "options": {"seed": 1.5}}, "options.seed"),
    ],
)
def test_create_provider_refuses_what_will_not_do(
    actor: Actor, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        create(actor, **values)

    assert [error.field for error in caught.value.fields] == [field]
    assert SECRET not in str(caught.value)
    assert Provider.objects.count() == 0


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"kind": "vllm", "base_url": f" {URL}/ ", "api_key": ""}, URL),
        ({"kind": "openai", "base_url": URL, "api_key": ""}, URL),
        ({"kind": "simulated", "api_key": ""}, ""),
        ({"kind": "local", "api_key": ""}, ""),
    ],
)
def test_a_credential_is_only_needed_at_the_kinds_own_address(
    actor: Actor, values: dict[str, Any], url: str
) -> None:
    provider = create(actor, **values)

    assert (provider.base_url, provider.credential, provider.credential_hint) == (url, "", "")


def test_a_short_credential_has_no_hint(actor: Actor) -> None:
    assert create(actor, api_key="0123456789abcde").credential_hint == ""


def test_an_allowed_private_address_is_taken(actor: Actor, settings: Any) -> None:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({"127.0.0.1:8001"})

    provider = create(actor, kind="vllm", base_url="http://127.0.0.1:8001", api_key="")

    assert provider.base_url == "http://127.0.0.1:8001"


def test_names_are_taken_once_in_an_organization(actor: Actor, other: Organization) -> None:
    make_provider(other, name="main")
    create(actor)

    with pytest.raises(NameTaken):
        create(actor)
    assert [entry.action for entry in trail()] == ["providers.provider.created"]


def test_there_may_be_so_many(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "MOST_PROVIDERS", 1)
    create(actor)

    with pytest.raises(TooMany):
        create(actor, name="more")


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://models.example.com/v2", True),
        ("https://models.example.com:8443/v1", False),
        ("http://models.example.com/v1", False),
        ("https://elsewhere.example.com/v1", False),
        ("https://models.example.com.evil.example.com/v1", False),
    ],
)
def test_a_credential_stays_with_its_host(actor: Actor, url: str, is_kept: bool) -> None:
    provider = create(actor, base_url=URL)

    changed = providers.update_provider(
        actor=actor, provider_id=provider.public_id, base_url=url, name="renamed"
    )

    stored = Provider.objects.get()
    assert (stored.base_url, stored.name, stored.revision) == (url, "renamed", 2)
    assert (stored.credential, stored.credential_hint) == (
        (SECRET, "6789") if is_kept else ("", "")
    )
    assert changed.credential == stored.credential
    assert trail()[-1].after["has_credential"] is is_kept


def test_a_new_credential_may_come_with_a_new_host(actor: Actor) -> None:
    provider = create(actor, base_url=URL)
    new = "sk-another-0123456789"

    providers.update_provider(
        actor=actor,
        provider_id=provider.public_id,
        base_url="https://elsewhere.example.com",
        api_key=new,
    )

    assert Provider.objects.get().credential == new
    entry = trail()[-1]
    assert (entry.action, entry.after["credential_replaced"]) == (
        "providers.provider.changed",
        True,
    )
    assert new not in str((entry.before, entry.after))


def test_update_provider_changes_what_is_named(organization: Organization, actor: Actor) -> None:
    provider = create(actor)
    before = mark(organization)

    changed = providers.update_provider(
        actor=actor,
        provider_id=provider.public_id,
        expected_revision=1,
        options={"organization": "o"},
        is_enabled=False,
    )

    assert (changed.name, changed.options, changed.is_enabled, changed.revision) == (
        "main",
        {"organization": "o"},
        False,
        2,
    )
    assert Provider.objects.get().credential == SECRET
    assert mark(organization) > before


def test_update_provider_refuses_a_stale_revision(organization: Organization, actor: Actor) -> None:
    provider = create(actor)
    before = mark(organization)

    with pytest.raises(Stale):
        providers.update_provider(
            actor=actor, provider_id=provider.public_id, expected_revision=2, name="x"
        )
    assert (Provider.objects.get().name, mark(organization)) == ("main", before)


def test_update_provider_refuses_a_name_that_is_taken(actor: Actor) -> None:
    provider = create(actor)
    create(actor, name="second")

    with pytest.raises(NameTaken):
        providers.update_provider(actor=actor, provider_id=provider.public_id, name="second")


def test_remove_provider_waits_for_its_deployments(
    organization: Organization, actor: Actor
) -> None:
    provider = create(actor)
    deployment = make_deployment(organization, provider=provider, name="one")

    with pytest.raises(InUse) as caught:
        providers.remove_provider(actor=actor, provider_id=provider.public_id)
    deployment.delete()
    with pytest.raises(Stale):
        providers.remove_provider(actor=actor, provider_id=provider.public_id, expected_revision=7)
    providers.remove_provider(actor=actor, provider_id=provider.public_id, expected_revision=1)

    assert caught.value.data == {"deployments": ["one"]}
    assert Provider.objects.count() == 0
    entry = trail()[-1]
    assert (entry.action, entry.object_id) == ("providers.provider.removed", provider.public_id)


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
def test_only_admins_change_providers(organization: Organization, role: Role) -> None:
    provider = make_provider(organization)
    actor = make_actor(organization, role)

    for call in (
        lambda: create(actor),
        lambda: providers.update_provider(actor=actor, provider_id=provider.public_id, name="x"),
        lambda: providers.remove_provider(actor=actor, provider_id=provider.public_id),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_another_organizations_provider_is_not_there(actor: Actor, other: Organization) -> None:
    foreign = make_provider(other, name="theirs")

    for reference in (foreign.public_id, "theirs", "nobody", "prov_" + "0" * 32, "\x00"):
        with pytest.raises(NotFound):
            providers.update_provider(actor=actor, provider_id=reference, name="x")
        with pytest.raises(NotFound):
            providers.remove_provider(actor=actor, provider_id=reference)
