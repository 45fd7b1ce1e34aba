"""Webhooks that need no door, and a deliverer driven by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.core.http_client.client import close_session
from apps.core.http_client.loop import call_from_thread
from apps.core.tenancy import organization_scope
from apps.events.domain.deliveries import new_secret
from apps.events.models import DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from apps.events.worker.deliverer import Deliverer
from apps.tenants.models import Organization

SECRET = new_secret(b"0123456789abcdef0123456789abcdef")


def make_webhook(organization: Organization, **values: Any) -> WebhookEndpoint:
    given = {"url": "https://receiver.example.com/hook", "topics": ["*"], "secret": SECRET}
    with organization_scope(organization.pk):
        return WebhookEndpoint.objects.create(organization=organization, **{**given, **values})


def make_delivery(webhook: WebhookEndpoint, **values: Any) -> WebhookDelivery:
    given = {"event": "keys.key.created", "body": '{"type":"keys.key.created"}'}
    with organization_scope(webhook.organization_id):
        return WebhookDelivery.objects.create(
            organization_id=webhook.organization_id, endpoint=webhook, **{**given, **values}
        )


def make_attempt(delivery: WebhookDelivery, number: int, **values: Any) -> DeliveryAttempt:
    with organization_scope(delivery.organization_id):
        return DeliveryAttempt.objects.create(
            organization_id=delivery.organization_id,
            delivery=delivery,
            number=number,
            **{"at": timezone.now(), **values},
        )


def deliver(rounds: int = 1, *, seconds: float = 20.0) -> None:
    """Attempt what is due, that many times over, each to its end."""
    deliverer = Deliverer()
    for _ in range(rounds):
        deliverer.turn()
        deliverer.finish(seconds)
    call_from_thread(close_session())


def make_due(delivery: WebhookDelivery) -> None:
    """The pause before its next attempt is over."""
    with organization_scope(delivery.organization_id):
        past = timezone.now() - timedelta(seconds=1)
        WebhookDelivery.objects.filter(pk=delivery.pk).update(due_at=past)
