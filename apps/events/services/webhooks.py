"""Webhooks: made, changed, given a new secret, tested, removed. The secret leaves through the return value, once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, Stale
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url
from apps.core.permissions import require
from apps.events import queries
from apps.events.domain.deliveries import SECRET_BYTES, new_secret
from apps.events.models import WebhookDelivery, WebhookEndpoint
from apps.events.permissions import EventsPermission
from apps.events.services import deliveries
from apps.events.topics import RECORDED, TOPICS

WEBHOOK_CREATED = "events.webhook.created"
WEBHOOK_UPDATED = "events.webhook.updated"
WEBHOOK_ROTATED = "events.webhook.rotated"
WEBHOOK_DELETED = "events.webhook.deleted"
WEBHOOK_TESTED = "events.webhook.tested"
WEBHOOK_REPLAYED = "events.webhook.replayed"
TEST_EVENT = "events.webhook.test"
MOST_WEBHOOKS = 100
MOST_TOPICS = 50
MAX_GRACE_SECONDS = 7 * 86_400
GRACE_SECONDS = 86_400
_PATTERN = re.compile(r"\*|[a-z][a-z_]*(\.[a-z_]+)*(\.\*)?")
_FIRST_WORDS = frozenset(
    name.partition(".")[0]
    for topic in TOPICS.values()
    for name in (topic.name, *topic.facts)
    if name
) | {"keys", "tenants", "events"}


@dataclass(frozen=True, slots=True)
class Issued:
    """A webhook and its new secret, which nobody can show again."""

    webhook: WebhookEndpoint
    secret: str = field(repr=False)


def create_webhook(
    *, actor: Actor, url: str, topics: Sequence[str], description: str = ""
) -> Issued:
    """Raises `PermissionDenied`, `Invalid` (an address or topic that will not do) and `Conflict` (too many)."""
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    secret = new_secret(secrets.token_bytes(SECRET_BYTES))
    webhook = WebhookEndpoint(
        organization_id=actor.organization_id,
        url=_checked_url(url),
        topics=_checked_topics(topics),
        description=description,
        secret=secret,
    )
    with transaction.atomic():
        if queries.webhooks(actor=actor).count() >= MOST_WEBHOOKS:
            raise Conflict(f"There may be {MOST_WEBHOOKS} webhooks.", code="too_many_webhooks")
        webhook.save()
        _publish(WEBHOOK_CREATED, webhook, actor, None, values(webhook))
    return Issued(webhook, secret)


def update_webhook(
    *, actor: Actor, webhook_id: str, expected_revision: int | None = None, **new: Any
) -> WebhookEndpoint:
    """Change address, topics, description, or whether it is enabled; enabling forgets past failures.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`.
    """
    with transaction.atomic():
        webhook = _lock(actor, webhook_id)
        if expected_revision not in (None, webhook.revision):
            raise Stale
        before = values(webhook)
        if "url" in new:
            webhook.url = _checked_url(new["url"])
        if "topics" in new:
            webhook.topics = _checked_topics(new["topics"])
        webhook.description = new.get("description", webhook.description)
        is_enabled = new.get("is_enabled", webhook.is_enabled)
        if is_enabled and not webhook.is_enabled:
            webhook.failing_since, webhook.disabled_reason = None, ""
        elif webhook.is_enabled and not is_enabled:
            webhook.disabled_reason = "asked"
            deliveries.fail_pending(webhook, "The webhook was disabled.")
        webhook.is_enabled = is_enabled
        webhook.revision += 1
        webhook.save()
        _publish(WEBHOOK_UPDATED, webhook, actor, before, values(webhook))
    return webhook


def rotate_secret(*, actor: Actor, webhook_id: str, grace_seconds: int = GRACE_SECONDS) -> Issued:
    """Give it a new secret; for the grace every delivery is signed with both. Raises `NotFound`, `Invalid`."""
    if not 0 <= grace_seconds <= MAX_GRACE_SECONDS:
        raise Invalid.field("grace_seconds", f"must be 0 to {MAX_GRACE_SECONDS}", "range")
    secret = new_secret(secrets.token_bytes(SECRET_BYTES))
    with transaction.atomic():
        webhook = _lock(actor, webhook_id)
        webhook.previous_secret, webhook.secret = webhook.secret, secret
        webhook.previous_until = timezone.now() + timedelta(seconds=grace_seconds)
        webhook.revision += 1
        webhook.save()
        _publish(WEBHOOK_ROTATED, webhook, actor, None, {"grace_seconds": grace_seconds})
    return Issued(webhook, secret)


def delete_webhook(*, actor: Actor, webhook_id: str) -> None:
    """Remove it with all its deliveries. Raises `NotFound`, `PermissionDenied`."""
    with transaction.atomic():
        webhook = _lock(actor, webhook_id)
        _publish(WEBHOOK_DELETED, webhook, actor, values(webhook), None)
        webhook.delete()


def test_webhook(*, actor: Actor, webhook_id: str) -> WebhookDelivery:
    """Send a test event, to this one alone and whatever its topics. Raises `NotFound`, `Conflict` (disabled)."""
    with transaction.atomic():
        webhook = _lock(actor, webhook_id)
        _refuse_disabled(webhook)
        _publish(WEBHOOK_TESTED, webhook, actor, None, None)
        return deliveries.schedule_one(webhook, TEST_EVENT, {"webhook": webhook.public_id})


test_webhook.__test__ = False  # type: ignore[attr-defined]  # no test, whatever its name looks like to pytest


def replay_delivery(*, actor: Actor, delivery_id: str) -> WebhookDelivery:
    """Send a delivery, a job's callback too, again, under the id it had, with every attempt anew.

    Raises `NotFound`, and `Conflict` while it is still being tried or its webhook is disabled.
    """
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    with transaction.atomic():
        # Its endpoint first, as whoever claims does; what it is waited for may change the delivery.
        endpoint_id = queries.delivery(actor=actor, delivery_id=delivery_id).endpoint_id
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        _refuse_disabled(endpoint)
        delivery = queries.delivery(actor=actor, delivery_id=delivery_id)
        again = deliveries.begin_anew(delivery)
        _publish(WEBHOOK_REPLAYED, endpoint, actor, None, {"delivery": delivery.public_id})
        return again


def callback_secret(*, actor: Actor) -> str:
    """What signs the callbacks of the organization's jobs. Raises `PermissionDenied`."""
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    return deliveries.callback_secrets(actor.organization_id)[0]


def values(webhook: WebhookEndpoint) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "topics": list(webhook.topics),
        "description": webhook.description,
        "enabled": webhook.is_enabled,
    }


def _lock(actor: Actor, webhook_id: str) -> WebhookEndpoint:
    require(actor, EventsPermission.WEBHOOK_MANAGE)
    found = queries.webhook(actor=actor, webhook_id=webhook_id)
    return WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=found.pk)


def _refuse_disabled(webhook: WebhookEndpoint) -> None:
    if not webhook.is_enabled:
        raise Conflict("The webhook is disabled; enable it first.", code="webhook_disabled")


def _checked_url(url: str) -> str:
    try:
        judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    except Forbidden as error:
        raise error.as_field("url") from None
    return url


def _checked_topics(topics: Sequence[str]) -> list[str]:
    if not 0 < len(topics) <= MOST_TOPICS:
        raise Invalid.field("topics", f"must hold 1 to {MOST_TOPICS} topics", "length")
    for index, topic in enumerate(topics):
        name = f"topics.{index}"
        if not _PATTERN.fullmatch(topic) or len(topic) > 100:
            raise Invalid.field(name, "must be `*`, a topic, or `prefix.*`", "invalid")
        if topic in RECORDED:
            raise Invalid.field(name, "is only followed live, never delivered", "choice")
        if topic != "*" and topic.partition(".")[0] not in _FIRST_WORDS:
            raise Invalid.field(name, "names nothing that happens here", "choice")
    return list(dict.fromkeys(topics))


def _publish(topic: str, webhook: WebhookEndpoint, actor: Actor, before: Any, after: Any) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=webhook.organization_id,
            actor=actor,
            object_id=webhook.public_id,
            object_name=webhook.url,
            before=before,
            after=after,
        )
    )
