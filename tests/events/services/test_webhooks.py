"""Changing webhooks: each exit of each service, and the trail it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied, Stale
from apps.events import queries
from apps.events.models import AuditEntry, WebhookDelivery, WebhookEndpoint
from apps.events.services import webhooks
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.webhooks import make_delivery, make_webhook

URL = "https://receiver.example.com/hook"


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_create_webhook_answers_its_secret_once(organization: Organization) -> None:
    issued = webhooks.create_webhook(
        actor=make_actor(organization), url=URL, topics=["job.*", "job.*", "keys.key.created"]
    )

    stored = WebhookEndpoint.objects.get()
    assert (stored.url, stored.topics) == (URL, ["job.*", "keys.key.created"])
    assert stored.secret == issued.secret
    assert issued.secret.startswith("whsec_")
    assert issued.secret not in repr(issued)
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.after) == (
        "events.webhook.created",
        {"url": URL, "topics": stored.topics, "description": "", "enabled": True},
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"topics": []}, "topics"),
        ({"topics": ["*"] * 51}, "topics"),
        ({"topics": ["*", "Nope"]}, "topics.1"),
        ({"topics": ["nobody.*"]}, "topics.0"),
        ({"topics": ["request.logs"]}, "topics.0"),
        ({"topics": ["job.*.x"]}, "topics.0"),
    ],
)
def test_create_webhook_refuses_what_will_not_do(
    organization: Organization, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        webhooks.create_webhook(
            actor=make_actor(organization), **{"url": URL, "topics": ["*"], **values}
        )

    assert [error.field for error in caught.value.fields] == [field]


def test_create_webhook_has_a_bound(
    organization: Organization, other: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    make_webhook(other)
    actor = make_actor(organization)
    webhooks.create_webhook(actor=actor, url=URL, topics=["*"])

    with pytest.raises(Conflict, match="There may be 1 webhooks"):
        webhooks.create_webhook(actor=actor, url=URL, topics=["*"])


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
def test_only_admins_manage_webhooks(organization: Organization, role: Role) -> None:
    webhook = make_webhook(organization)
    delivery = make_delivery(webhook, state="failed")
    actor = make_actor(organization, role)
    one: dict[str, Any] = {"actor": actor, "webhook_id": webhook.public_id}

    for call in (
        lambda: webhooks.create_webhook(actor=actor, url=URL, topics=["*"]),
        lambda: webhooks.update_webhook(**one),
        lambda: webhooks.rotate_secret(**one),
        lambda: webhooks.delete_webhook(**one),
        lambda: webhooks.test_webhook(**one),
        lambda: webhooks.replay_delivery(actor=actor, delivery_id=delivery.public_id),
        lambda: queries.webhooks(actor=actor),
        lambda: queries.deliveries(actor=actor),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_another_organizations_webhook_is_not_there(
    organization: Organization, other: Organization
) -> None:
    foreign = make_webhook(other)
    delivery = make_delivery(foreign, state="failed")
    actor = make_actor(organization)
    one: dict[str, Any] = {"actor": actor, "webhook_id": foreign.public_id}

    for call in (
        lambda: webhooks.update_webhook(**one),
        lambda: webhooks.rotate_secret(**one),
        lambda: webhooks.delete_webhook(**one),
        lambda: webhooks.test_webhook(**one),
        lambda: webhooks.replay_delivery(actor=actor, delivery_id=delivery.public_id),
        lambda: queries.deliveries(**one),
    ):
        with pytest.raises(NotFound):
            call()
    assert (list(queries.webhooks(actor=actor)), list(queries.deliveries(actor=actor))) == ([], [])


def test_update_webhook_disables_and_fails_what_waits(organization: Organization) -> None:
    webhook = make_webhook(organization)
    make_delivery(webhook)

    changed = webhooks.update_webhook(
        actor=make_actor(organization),
        webhook_id=webhook.public_id,
        expected_revision=1,
        is_enabled=False,
    )

    assert (changed.is_enabled, changed.disabled_reason, changed.revision) == (False, "asked", 2)
    assert [row.state for row in WebhookDelivery.objects.all()] == ["failed"]


def test_update_webhook_refuses_a_stale_revision(organization: Organization) -> None:
    webhook = make_webhook(organization)

    with pytest.raises(Stale):
        webhooks.update_webhook(
            actor=make_actor(organization), webhook_id=webhook.public_id, expected_revision=7
        )


def test_rotate_secret_keeps_the_previous_one_for_the_grace(organization: Organization) -> None:
    webhook = make_webhook(organization)
    before = webhook.secret

    issued = webhooks.rotate_secret(
        actor=make_actor(organization), webhook_id=webhook.public_id, grace_seconds=60
    )

    webhook.refresh_from_db()
    assert (webhook.previous_secret, webhook.secret) == (before, issued.secret)
    assert actions() == ["events.webhook.rotated"]


def test_test_webhook_sends_to_it_alone(organization: Organization) -> None:
    webhook = make_webhook(organization, topics=["job.*"])
    make_webhook(organization, topics=["job.*"])

    delivery = webhooks.test_webhook(actor=make_actor(organization), webhook_id=webhook.public_id)

    (stored,) = WebhookDelivery.objects.all()
    assert (stored.public_id, stored.endpoint_id, stored.event) == (
        delivery.public_id,
        webhook.pk,
        "events.webhook.test",
    )


def test_replay_delivery_begins_anew_under_the_same_id(organization: Organization) -> None:
    webhook = make_webhook(organization)
    failed = make_delivery(webhook, state="failed", tries=10, attempts=10)

    again = webhooks.replay_delivery(actor=make_actor(organization), delivery_id=failed.public_id)

    assert (again.public_id, again.state, again.tries, again.attempts) == (
        failed.public_id,
        "pending",
        0,
        10,
    )


def test_replay_delivery_of_a_callback_begins_anew(organization: Organization) -> None:
    queue = make_webhook(organization, topics=[], is_callback=True)
    failed = make_delivery(queue, state="failed", url="https://example.com/done", job="job_1")

    again = webhooks.replay_delivery(actor=make_actor(organization), delivery_id=failed.public_id)

    assert (again.public_id, again.state, again.address) == (
        failed.public_id,
        "pending",
        "https://example.com/done",
    )


def test_replay_delivery_is_a_deed(organization: Organization) -> None:
    failed = make_delivery(make_webhook(organization, topics=["job.*"]), state="failed")

    webhooks.replay_delivery(actor=make_actor(organization), delivery_id=failed.public_id)

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == (
        "events.webhook.replayed",
        {"delivery": failed.public_id},
    )


@pytest.mark.parametrize(
    ("state", "is_enabled", "code"),
    [("pending", True, "delivery_pending"), ("failed", False, "webhook_disabled")],
)
def test_replay_delivery_refuses(
    organization: Organization, state: str, is_enabled: bool, code: str
) -> None:
    delivery = make_delivery(make_webhook(organization, is_enabled=is_enabled), state=state)

    with pytest.raises(Conflict) as caught:
        webhooks.replay_delivery(actor=make_actor(organization), delivery_id=delivery.public_id)

    assert caught.value.code == code


def test_delete_webhook_takes_its_deliveries_along(organization: Organization) -> None:
    webhook = make_webhook(organization)
    make_delivery(webhook)

    webhooks.delete_webhook(actor=make_actor(organization), webhook_id=webhook.public_id)

    assert (WebhookEndpoint.objects.count(), WebhookDelivery.objects.count()) == (0, 0)
    assert actions() == ["events.webhook.deleted"]
