"""Reading the audit trail, the past of live topics, and webhooks with their deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from apps.core.live import Gap, History, make_event
from apps.core.permissions import require
from apps.core.tenancy import organization_scope, unscoped
from apps.events.domain.chain import Link
from apps.events.models import (
    AuditEntry,
    DeliveryAttempt,
    OutboxEvent,
    Sequencer,
    TopicHead,
    WebhookDelivery,
    WebhookEndpoint,
)
from apps.events.permissions import EventsPermission
from apps.events.topics import TOPICS

EXPORT_ROWS = 500
COLUMNS = ("sequence", "event", "data", "at")


def audit_entries(
    *,
    actor: Actor,
    action: str | None = None,
    by: str | None = None,
    about: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """The organization's trail, newest first: by action, actor, object, and time (`until` excluded)."""
    require(actor, EventsPermission.AUDIT_VIEW)
    wanted = {
        "action": action,
        "actor_id": by,
        "object_id": about,
        "at__gte": since,
        "at__lt": until,
    }
    entries = AuditEntry.objects.order_by("-id")
    return entries.filter(
        **{lookup: value for lookup, value in wanted.items() if value is not None}
    )


def audit_entry(*, actor: Actor, public_id: str) -> AuditEntry:
    entry = audit_entries(actor=actor).filter(public_id=public_id).first()
    if entry is None:
        raise NotFound
    return entry


def unsealed_entries() -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(hash__isnull=True)


def sealed_entries(*, organization_id: int) -> Iterator[list[AuditEntry]]:
    """The whole chain in order, a batch at a time; each batch enters the organization by itself.

    A scope may not span a `yield`: a streamed answer resumes the generator in another context.
    """
    last = 0
    while True:
        with organization_scope(organization_id):
            batch = list(
                AuditEntry.objects.filter(sequence__gt=last).order_by("sequence")[:EXPORT_ROWS]
            )
        if not batch:
            return
        yield batch
        last = batch[-1].sequence or 0


def hashed_content(entry: AuditEntry) -> dict[str, Any]:
    """The part of an entry that its hash vouches for."""
    return {
        "id": entry.public_id,
        "organization": entry.organization_id,
        "action": entry.action,
        "actor": entry.actor,
        "credential": entry.credential,
        "address": entry.address,
        "request_id": entry.request_id,
        "object": entry.object,
        "before": entry.before,
        "after": entry.after,
        "at": stamp(entry.at),
        "sequence": entry.sequence,
    }


def link_of(entry: AuditEntry) -> Link:
    return Link(
        id=entry.public_id,
        sequence=entry.sequence or 0,
        previous_hash=entry.previous_hash or "",
        hash=entry.hash or "",
        content=hashed_content(entry),
    )


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def history(*, actor: Actor, topic: str, after: int, limit: int) -> History:
    """The published events of a topic after a number, oldest first, and what retention has taken of them."""
    if topic not in TOPICS:
        raise NotFound("There is no such topic.", code="unknown_topic", topic=topic)
    require(actor, TOPICS[topic].permission)
    with organization_scope(actor.organization_id):
        # The head first: what it counts is committed, so what is not found below it is gone.
        last = _last_number(topic)
        rows = list(
            OutboxEvent.objects.filter(topic=topic, sequence__gt=after)
            .order_by("sequence")
            .values_list(*COLUMNS)[:limit]
        )
    events = [
        make_event(topic=topic, event=event, data=data, at=at, seq=sequence)
        for sequence, event, data, at in rows
    ]
    gap = _gap(topic, after, rows[0][0] if rows else None, last)
    return History(events, gap, last, is_whole=len(rows) < limit)


def heads(*, actor: Actor, topics: frozenset[str]) -> dict[str, int]:
    """The last number of each of these topics in the actor's organization."""
    with organization_scope(actor.organization_id):
        known = dict(TopicHead.objects.filter(topic__in=topics).values_list("topic", "sequence"))
    return {topic: known.get(topic, 0) for topic in topics}


def log_position() -> int:
    """How many events the installation has published."""
    return Sequencer.objects.filter(pk=1).values_list("position", flat=True).first() or 0


def log_after(*, position: int, limit: int) -> list[tuple[Any, ...]]:
    """What was published after a position, in any organization: for a process that follows."""
    with unscoped(reason="a process carries the events of every organization"):
        return list(
            OutboxEvent.objects.filter(position__gt=position)
            .order_by("position")
            .values_list("position", "organization_id", "topic", *COLUMNS)[:limit]
        )


def _last_number(topic: str) -> int:
    return TopicHead.objects.filter(topic=topic).values_list("sequence", flat=True).first() or 0


def _gap(topic: str, after: int, first: int | None, last: int) -> Gap | None:
    if first is not None:
        return Gap(topic, after + 1, first - 1) if first > after + 1 else None
    if after > last:
        return Gap(
            topic, 1, last
        )  # numbers of another life: a backup was restored under the reader
    return Gap(topic, after + 1, last) if last > after else None


def webhooks(*, actor: Actor) -> QuerySet[WebhookEndpoint]:
    require(actor, EventsPermission.WEBHOOK_VIEW)
    return WebhookEndpoint.objects.filter(is_callback=False).order_by("-id")


def webhooks_with_last(*, actor: Actor) -> QuerySet[WebhookEndpoint]:
    """Each with `last_state` and `last_at` of its newest delivery, None before the first."""
    newest = WebhookDelivery.objects.filter(endpoint=OuterRef("pk")).order_by("-id")
    return webhooks(actor=actor).annotate(
        last_state=Subquery(newest.values("state")[:1]),
        last_at=Subquery(newest.values("created_at")[:1]),
    )


def webhook(*, actor: Actor, webhook_id: str) -> WebhookEndpoint:
    found = webhooks(actor=actor).filter(public_id=webhook_id).first()
    if found is None:
        raise NotFound
    return found


def deliveries(
    *,
    actor: Actor,
    webhook_id: str | None = None,
    state: str | None = None,
    job_id: str | None = None,
) -> QuerySet[WebhookDelivery]:
    """Newest first: of one webhook, of one job's callbacks, or all; in one state or any."""
    require(actor, EventsPermission.WEBHOOK_VIEW)
    found = WebhookDelivery.objects.select_related("endpoint").order_by("-id")
    if webhook_id is not None:
        found = found.filter(endpoint=webhook(actor=actor, webhook_id=webhook_id))
    if job_id:
        found = found.filter(job=job_id).exclude(job="")
    return found.filter(state=state) if state else found


def callbacks(
    *, actor: Actor, job_id: str | None = None, state: str | None = None
) -> QuerySet[WebhookDelivery]:
    """What was told to the `callback_url` of jobs, newest first."""
    found = deliveries(actor=actor, state=state, job_id=job_id)
    return found.filter(endpoint__is_callback=True)


def deliveries_with_attempts(
    *, actor: Actor, webhook_id: str, state: str | None = None
) -> QuerySet[WebhookDelivery]:
    """Those of one webhook, each with the outcome of its attempts in `log`; what was sent and answered is left out."""
    outcomes = DeliveryAttempt.objects.order_by("number").only(
        "delivery_id", "number", "at", "milliseconds", "status", "error"
    )
    found = deliveries(actor=actor, webhook_id=webhook_id, state=state).defer("body")
    return found.prefetch_related(Prefetch("log", queryset=outcomes))


def delivery(*, actor: Actor, delivery_id: str) -> WebhookDelivery:
    found = deliveries(actor=actor).filter(public_id=delivery_id).first()
    if found is None:
        raise NotFound
    return found


def attempts_of(*, actor: Actor, delivery_id: str) -> list[DeliveryAttempt]:
    """What was sent and answered, attempt by attempt."""
    return list(delivery(actor=actor, delivery_id=delivery_id).log.order_by("number"))


def refuse_pending(delivery: WebhookDelivery) -> None:
    if delivery.state == WebhookDelivery.PENDING:
        raise Conflict("It is still being tried.", code="delivery_pending")
