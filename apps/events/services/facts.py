"""The bus's sink: an audit row and the outbox rows of a fact, written in the deed's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.core import json, rows
from apps.core.actor import CredentialKind
from apps.core.bus import Fact
from apps.core.masking import mask, mask_text
from apps.core.tenancy import unscoped
from apps.events import queries
from apps.events.models import AuditEntry
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
    """The same for many facts of one transaction, in a statement a table."""
    # The trail is that of the organization the fact is about, which an operator's deed is not always done from.
    with unscoped(reason="the facts of one transaction may be of several organizations"):
        _record(facts, timezone.now())


record_fact.many = record_facts  # type: ignore[attr-defined]  # the bus hands over a transaction's facts in one call


def _record(facts: Sequence[Fact], at: datetime) -> None:
    rows.insert([_entry_of(fact, at) for fact in facts if fact.is_audited])
    events: list[outbox.Event] = []
    news: list[deliveries.News] = []
    for fact in facts:
        data, text = _news(fact)
        topics = _topics_of(fact)
        events += [
            outbox.Event(
                fact.organization_id,
                topic,
                fact.topic,
                json.dumps(_deed(fact, at)) if topic == AUDIT_EVENTS else text,
                at,
            )
            for topic in topics
        ]
        names = (fact.topic, *topics)
        news.append(deliveries.News(fact.organization_id, fact.topic, names, at, data))
    outbox.append(events)
    deliveries.schedule(news)
    _call_back(news)


def _call_back(news: Sequence[deliveries.News]) -> None:
    ended = [one for one in news if one.event in ENDED]
    if ended:
        urls = jobs.callback_urls(job_ids=[one.data["object"]["id"] for one in ended])
        deliveries.schedule_callbacks(ended, urls)


def _entry_of(fact: Fact, at: datetime) -> AuditEntry:
    actor = fact.actor
    return AuditEntry(
        organization_id=fact.organization_id,
        action=fact.topic,
        actor_id=actor.principal if actor else SYSTEM,
        actor_name=_actor_name(fact),
        credential_kind=actor.credential.kind.value if actor else CredentialKind.SYSTEM.value,
        credential_id=actor.credential.id if actor else "",
        address=actor.address[:64] if actor else "",
        request_id=actor.request_id if actor else "",
        object_id=fact.object_id,
        object_name=_object_name(fact),
        before=mask(fact.before),
        after=mask(fact.after),
        at=at,
    )


def _topics_of(fact: Fact) -> list[str]:
    topics = live_topics_of(fact.topic)
    return [topic for topic in topics if fact.is_audited or topic != AUDIT_EVENTS]


def _deed(fact: Fact, at: datetime) -> dict[str, Any]:
    return {"action": fact.topic, **_who(fact), "at": queries.stamp(at)}


def _news(fact: Fact) -> tuple[dict[str, Any], bytes]:
    """What is told of a fact, and the same as JSON."""
    who = _who(fact)
    data = {**who, **mask(fact.data)}
    text = json.dumps(data)
    if len(text) <= MAX_DATA:
        return data, text
    data = {**who, "is_shortened": True}
    return data, json.dumps(data)


def _who(fact: Fact) -> dict[str, dict[str, str]]:
    actor_id = fact.actor.principal if fact.actor else SYSTEM
    return {
        "object": {"id": fact.object_id, "name": _object_name(fact)},
        "actor": {"id": actor_id, "name": _actor_name(fact)},
    }


def _actor_name(fact: Fact) -> str:
    return fact.actor.identity.name[:255] if fact.actor else SYSTEM


def _object_name(fact: Fact) -> str:
    return mask_text(fact.object_name)[:255]
