"""The bus's sink: an audit row and the outbox rows of a fact, written in the deed's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from django.utils import timezone

from apps.core import json
from apps.core.actor import CredentialKind
from apps.core.bus import Fact
from apps.core.masking import mask, mask_text
from apps.core.tenancy import organization_scope
from apps.events import queries
from apps.events.models import AuditEntry, OutboxEvent
from apps.events.services import deliveries, outbox
from apps.events.topics import AUDIT_EVENTS, live_topics_of
from apps.jobs.queries import jobs
from apps.jobs.topics import JOB_CANCELLED, JOB_COMPLETED, JOB_FAILED

SYSTEM = "system"
ENDED = frozenset({JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED})
MAX_DATA = 64 * 1024
"""Bytes of one event's data; more is left out, and said so. The object itself has them all."""


def record_fact(fact: Fact) -> None:
    """Write one fact down. It stands or falls with its deed, and is numbered and sent after the commit."""
    record_facts([fact])


def record_facts(facts: Sequence[Fact]) -> None:
    """The same for many facts of one transaction, in a statement a table and organization."""
    # The trail is that of the organization the fact is about, which an operator's deed is not always done from.
    for organization_id, group in groupby(facts, key=lambda fact: fact.organization_id):
        with organization_scope(organization_id):
            _record(list(group))


record_fact.many = record_facts  # type: ignore[attr-defined]  # the bus hands over a transaction's facts in one call


def _record(facts: Sequence[Fact]) -> None:
    entries: list[AuditEntry] = []
    events: list[OutboxEvent] = []
    news: list[deliveries.News] = []
    for fact in facts:
        entry = _entry_of(fact)
        if fact.is_audited:
            entries.append(entry)
        told = len(events)
        events += _events_of(fact, entry)
        names = (fact.topic, *(event.topic for event in events[told:]))
        news.append(deliveries.News(fact.topic, names, entry.at, _news(fact, entry)))
    if len(entries) == 1:
        entries[0].save()
    elif entries:
        AuditEntry.objects.bulk_create(entries)
    outbox.append(events)
    deliveries.schedule(facts[0].organization_id, news)
    _call_back(facts[0].organization_id, news)


def _call_back(organization_id: int, news: Sequence[deliveries.News]) -> None:
    ended = [one for one in news if one.event in ENDED]
    if ended:
        urls = jobs.callback_urls(job_ids=[one.data["object"]["id"] for one in ended])
        deliveries.schedule_callbacks(organization_id, ended, urls)


def _entry_of(fact: Fact) -> AuditEntry:
    actor = fact.actor
    return AuditEntry(
        organization_id=fact.organization_id,
        action=fact.topic,
        actor_id=actor.principal if actor else SYSTEM,
        actor_name=actor.identity.name[:255] if actor else SYSTEM,
        credential_kind=actor.credential.kind.value if actor else CredentialKind.SYSTEM.value,
        credential_id=actor.credential.id if actor else "",
        address=actor.address[:64] if actor else "",
        request_id=actor.request_id if actor else "",
        object_id=fact.object_id,
        object_name=mask_text(fact.object_name)[:255],
        before=mask(fact.before),
        after=mask(fact.after),
        at=timezone.now(),
    )


def _events_of(fact: Fact, entry: AuditEntry) -> list[OutboxEvent]:
    return [
        OutboxEvent(
            organization_id=fact.organization_id,
            topic=topic,
            event=fact.topic,
            data=_deed(entry) if topic == AUDIT_EVENTS else _news(fact, entry),
            at=entry.at,
        )
        for topic in live_topics_of(fact.topic)
        if fact.is_audited or topic != AUDIT_EVENTS
    ]


def _deed(entry: AuditEntry) -> dict[str, Any]:
    return {
        "action": entry.action,
        "actor": entry.actor,
        "object": entry.object,
        "at": queries.stamp(entry.at),
    }


def _news(fact: Fact, entry: AuditEntry) -> dict[str, Any]:
    who = {"object": entry.object, "actor": entry.actor}
    data = {**who, **mask(fact.data)}
    return data if _size(data) <= MAX_DATA else {**who, "is_shortened": True}


def _size(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data))
