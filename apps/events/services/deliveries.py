"""Deliveries: written in the fact's transaction, claimed when due, settled with what came back.

The row is the schedule: an attempt that is under way is due again when its time is over, so a process that dies in the
middle of one leaves it to whoever looks next. Of one endpoint no more than `AT_ONCE` are under way, so that a slow
receiver waits for itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import random
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.utils import timezone

from apps.core import bus, crypto, json
from apps.core.masking import mask, mask_text
from apps.core.tenancy import unscoped
from apps.events import queries
from apps.events.domain.deliveries import (
    GONE,
    is_success,
    matches,
    new_secret,
    pause_before,
    read_retry_after,
)
from apps.events.models import DeliveryAttempt, WebhookDelivery, WebhookEndpoint

AT_ONCE = 2
LEASE_MARGIN = timedelta(seconds=5)
"""Beyond the time-out: settling takes a moment too."""
FAILING_FOR = timedelta(days=5)
KEPT_FOR = timedelta(days=30)
SHOWN_BODY = 4096
WEBHOOK_DISABLED = "events.webhook.disabled"
PENDING, DELIVERED, FAILED = (
    WebhookDelivery.PENDING,
    WebhookDelivery.DELIVERED,
    WebhookDelivery.FAILED,
)
REASON = "one deliverer serves every organization"

bell = Event()
"""Set when something to deliver was committed by this process."""


@dataclass(frozen=True, slots=True)
class News:
    """A fact as receivers are told it, and the names it may be asked for by."""

    organization_id: int
    event: str
    names: tuple[str, ...]
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """All that an attempt needs, so that making it touches no database."""

    delivery_id: int
    claim: int
    number: int
    message_id: str
    url: str
    body: bytes
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt's end. `status` None: nothing came back, `error` says why."""

    claimed: Claimed
    at: datetime
    status: int | None = None
    error: str = ""
    milliseconds: float = 0.0
    request_headers: Mapping[str, str] = field(default_factory=dict)
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer_body: bytes = b""


def schedule(news: Sequence[News]) -> None:
    """Write down what goes to whom, in the facts' own transaction; each organization's endpoints hear of its own."""
    concerned = WebhookEndpoint.objects.filter(
        is_enabled=True, organization_id__in={one.organization_id for one in news}
    )
    endpoints = list(concerned.only("pk", "organization_id", "topics"))
    rows = [
        WebhookDelivery(
            organization_id=one.organization_id,
            endpoint=endpoint,
            event=one.event,
            body=_body(one.event, one.at, one.data),
        )
        for one in news
        for endpoint in endpoints
        if endpoint.organization_id == one.organization_id and matches(endpoint.topics, one.names)
    ]
    if rows:
        WebhookDelivery.objects.bulk_create(rows)
        transaction.on_commit(bell.set)


def schedule_one(endpoint: WebhookEndpoint, event: str, data: Mapping[str, Any]) -> WebhookDelivery:
    delivery = WebhookDelivery.objects.create(
        organization_id=endpoint.organization_id,
        endpoint=endpoint,
        event=event,
        body=_body(event, timezone.now(), data),
    )
    transaction.on_commit(bell.set)
    return delivery


def schedule_callbacks(news: Sequence[News], urls: Mapping[tuple[int, str], str]) -> None:
    """Write down the callbacks of jobs that ended; `urls` by organization and job. Each server has its own queue."""
    rows = []
    for one in news:
        url = urls.get((one.organization_id, one.data["object"]["id"]))
        if url:
            parts = urlsplit(url)
            queue, _ = WebhookEndpoint.objects.get_or_create(
                organization_id=one.organization_id,
                url=f"{parts.scheme}://{parts.netloc}",
                is_callback=True,
            )
            rows.append(
                WebhookDelivery(
                    organization_id=one.organization_id,
                    endpoint=queue,
                    url=url,
                    job=one.data["object"]["id"],
                    event=one.event,
                    body=_body(one.event, one.at, one.data),
                )
            )
    if rows:
        WebhookDelivery.objects.bulk_create(rows)
        transaction.on_commit(bell.set)


def callback_secrets(organization_id: int) -> tuple[str, ...]:
    """What signs an organization's callbacks: derived from each master key, so that rotating those signs with both."""
    return tuple(
        new_secret(crypto.derive(key, f"callbacks of organization {organization_id}"))
        for key in settings.SIGNALBOX_MASTER_KEYS
    )


def begin_anew(delivery: WebhookDelivery) -> WebhookDelivery:
    """A further round of attempts under the same id. Raises `Conflict` while the last one goes on."""
    queries.refuse_pending(delivery)
    delivery.state, delivery.tries, delivery.is_under_way = PENDING, 0, False
    delivery.due_at, delivery.finished_at = timezone.now(), None
    delivery.claim += 1
    delivery.save()
    transaction.on_commit(bell.set)
    return delivery


def fail_pending(endpoint: WebhookEndpoint, reason: str) -> None:
    WebhookDelivery.objects.filter(endpoint=endpoint, state=PENDING).update(
        state=FAILED,
        finished_at=timezone.now(),
        is_under_way=False,
        last_error=reason,
        claim=F("claim") + 1,
    )


def claim(*, most: int, now: datetime | None = None) -> list[Claimed]:
    """Up to `most` deliveries that are due: of the endpoint that has waited longest first, `AT_ONCE` of each."""
    moment = now or timezone.now()
    with unscoped(reason=REASON):
        if not _due(moment).filter(endpoint__is_enabled=True).exists():
            return []  # looking takes no lock that others would wait for
        with transaction.atomic():
            claimed: list[Claimed] = []
            for endpoint in _waiting_endpoints(moment)[:most]:
                claimed += _claim_of(endpoint, moment)
            return claimed


def seconds_to_next(*, most: float) -> float:
    """How long until the next delivery falls due, at most that long: a schedule is kept to the moment."""
    moment = timezone.now()
    soon = moment + timedelta(seconds=most)
    with unscoped(reason=REASON):
        rows = WebhookDelivery.objects.filter(state=PENDING, due_at__gt=moment, due_at__lt=soon)
        due = rows.order_by("due_at").values_list("due_at", flat=True).first()
    return most if due is None else (due - moment).total_seconds()


def settle(results: Sequence[Result], *, now: datetime | None = None) -> None:
    """Write down what became of attempts. One that was given up for lost meanwhile writes nothing."""
    moment = now or timezone.now()
    with unscoped(reason=REASON):
        for result in results:
            with transaction.atomic():
                _settle_one(result, moment)


def forget_old(*, now: datetime | None = None) -> int:
    """Remove deliveries that ended long ago; how many."""
    cutoff = (now or timezone.now()) - KEPT_FOR
    with unscoped(reason=REASON):
        old = WebhookDelivery.objects.filter(finished_at__lt=cutoff).values_list("pk", flat=True)
        return WebhookDelivery.objects.filter(pk__in=list(old[:1000])).delete()[0]


def _body(event: str, at: datetime, data: Mapping[str, Any]) -> str:
    return json.dumps({"type": event, "timestamp": at, "data": data}).decode()


def _due(moment: datetime) -> Any:
    return WebhookDelivery.objects.filter(state=PENDING, due_at__lte=moment)


def _waiting_endpoints(moment: datetime) -> Any:
    due = _due(moment).filter(endpoint=OuterRef("pk"))
    return (
        WebhookEndpoint.objects.filter(Exists(due), is_enabled=True)
        .annotate(waits_since=Subquery(due.order_by("due_at").values("due_at")[:1]))
        .order_by("waits_since")
        .select_for_update(skip_locked=True, no_key=True, of=("self",))
    )


def _claim_of(endpoint: WebhookEndpoint, moment: datetime) -> Iterable[Claimed]:
    # The endpoint's row is locked: no other process counts and claims at the same time.
    under_way = endpoint.deliveries.filter(state=PENDING, is_under_way=True, due_at__gt=moment)
    room = AT_ONCE - under_way.aggregate(count=Count("pk"))["count"]
    if room <= 0:
        return []
    rows = list(_due(moment).filter(endpoint=endpoint).order_by("due_at", "pk")[:room])
    lease = timedelta(seconds=settings.SIGNALBOX_WEBHOOK_TIMEOUT) + LEASE_MARGIN
    for row in rows:
        row.is_under_way, row.due_at = True, moment + lease
        row.claim, row.tries, row.attempts = row.claim + 1, row.tries + 1, row.attempts + 1
        row.save(update_fields=["is_under_way", "due_at", "claim", "tries", "attempts"])
    return [
        Claimed(
            delivery_id=row.pk,
            claim=row.claim,
            number=row.attempts,
            message_id=row.public_id,
            url=row.url or endpoint.url,
            body=row.body.encode(),
            secrets=_secrets(endpoint, moment),
        )
        for row in rows
    ]


def _secrets(endpoint: WebhookEndpoint, moment: datetime) -> tuple[str, ...]:
    if endpoint.is_callback:
        return callback_secrets(endpoint.organization_id)
    is_rotating = endpoint.previous_until is not None and endpoint.previous_until > moment
    if endpoint.previous_secret and is_rotating:
        return (endpoint.secret, endpoint.previous_secret)
    return (endpoint.secret,)


def _settle_one(result: Result, moment: datetime) -> None:
    claimed = result.claimed
    ours = WebhookDelivery.objects.select_related("endpoint").filter(
        pk=claimed.delivery_id, claim=claimed.claim, state=PENDING
    )
    delivery = ours.select_for_update(of=("self",)).first()
    if delivery is None:
        return
    _log_attempt(delivery, result)
    delivery.is_under_way = False
    delivery.last_status, delivery.last_error = result.status, result.error[:255]
    if result.status is not None and is_success(result.status):
        delivery.state, delivery.finished_at = DELIVERED, moment
    else:
        _plan_next(delivery, result, moment)
    delivery.save(
        update_fields=[
            "state",
            "is_under_way",
            "due_at",
            "finished_at",
            "last_status",
            "last_error",
        ]
    )
    _judge_endpoint(delivery, result, moment)


def _plan_next(delivery: WebhookDelivery, result: Result, moment: datetime) -> None:
    pause = pause_before(
        delivery.tries,
        luck=random(),  # noqa: S311 - spreads attempts, keeps no secret
        retry_after=read_retry_after(result.answer_headers.get("retry-after"), now=moment),
        scale=settings.SIGNALBOX_WEBHOOK_TIME_SCALE,
    )
    if pause is None or result.status == GONE:
        delivery.state, delivery.finished_at = FAILED, moment
    else:
        delivery.due_at = moment + pause


def _judge_endpoint(delivery: WebhookDelivery, result: Result, moment: datetime) -> None:
    """What one more success or failure means for the endpoint as a whole."""
    endpoints = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id, is_enabled=True)
    if delivery.state == DELIVERED:
        endpoints.filter(failing_since__isnull=False).update(failing_since=None)
        return
    if delivery.endpoint.is_callback:
        return  # nobody could enable it again
    longest = FAILING_FOR * settings.SIGNALBOX_WEBHOOK_TIME_SCALE
    if result.status == GONE:
        _disable(delivery.endpoint, "gone")
    elif endpoints.filter(failing_since__lte=moment - longest).exists():
        _disable(delivery.endpoint, "failing")
    else:
        endpoints.filter(failing_since=None).update(failing_since=moment)


def _disable(endpoint: WebhookEndpoint, reason: str) -> None:
    changed = WebhookEndpoint.objects.filter(pk=endpoint.pk, is_enabled=True).update(
        is_enabled=False, disabled_reason=reason, revision=F("revision") + 1
    )
    if not changed:
        return
    fail_pending(endpoint, "The webhook was disabled.")
    bus.publish(
        bus.Fact(
            WEBHOOK_DISABLED,
            organization_id=endpoint.organization_id,
            actor=None,
            object_id=endpoint.public_id,
            object_name=endpoint.url,
            after={"reason": reason},
        )
    )


def _log_attempt(delivery: WebhookDelivery, result: Result) -> None:
    DeliveryAttempt.objects.create(
        organization_id=delivery.organization_id,
        delivery=delivery,
        number=result.claimed.number,
        at=result.at,
        milliseconds=result.milliseconds,
        status=result.status,
        error=result.error[:255],
        request_headers=mask({**result.request_headers, "webhook-signature": "***"}),
        answer_headers=mask(dict(list(result.answer_headers.items())[:50])),
        answer_body=_shown(result.answer_body),
    )


def _shown(body: bytes) -> str:
    # NUL is no text to PostgreSQL.
    return mask_text(body[:SHOWN_BODY].decode("utf-8", "replace").replace("\x00", "�"))
