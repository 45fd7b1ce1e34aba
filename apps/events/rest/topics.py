"""Live topics over HTTP: the past of one by number, and several as a stream of server-sent events. Plain async views."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apps.core import json as strict_json
from apps.core import live
from apps.core.actor import Actor
from apps.core.asgi.door import Door, door
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.errors import Invalid
from apps.core.live import Gap, History, LiveEvent
from apps.core.openapi.describe import Operation, describe
from apps.core.pagination import MAX_LIMIT, read_integer
from apps.core.ws.sse import event_stream, read_id

DEFAULT_LIMIT = 100
MAX_TOPICS = 100
MAX_NUMBER = 2**63 - 1

EVENT = {
    "topic": "job.progress",
    "seq": 12,
    "event": "jobs.job.completed",
    "data": {"object": {"id": "job_1", "name": "nightly"}},
    "timestamp": "2026-01-15T10:30:00Z",
}
PAGE = {
    "type": "object",
    "properties": {
        "data": {"type": "array", "items": {"type": "object", "example": EVENT}},
        "meta": {
            "type": "object",
            "example": {"limit": 100, "next_after": 12, "last_seq": 12, "gap": None},
        },
    },
    "example": {
        "data": [EVENT],
        "meta": {"limit": 100, "next_after": 12, "last_seq": 12, "gap": None},
    },
}

STREAM = {
    "type": "string",
    "example": 'id: job.progress:12\ndata: {"type": "event", "topic": "job.progress", "seq": 12}\n\n',
}


def _parameter(name: str, kind: str, description: str, *, needed: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": needed,
        "schema": {"type": kind},
        "description": description,
    }


@describe(
    GET=Operation(
        "Events of a topic after a number",
        PAGE,
        tag="events",
        description="Oldest first. `meta.gap` names events that are no longer kept, "
        "`meta.next_after` where to go on, `meta.last_seq` the topic's last number.",
        parameters=(
            _parameter("topic", "string", "The name of one topic.", needed=True),
            _parameter("after", "integer", "The last number you know; 0 for all that is kept."),
            _parameter("limit", "integer", f"1 to {MAX_LIMIT}."),
        ),
        refusals=(404, 422),
    )
)
@door(GET=Door(signed_in="each topic has a permission of its own, which the query requires"))
async def events(request: HttpRequest) -> HttpResponse:
    actor = _actor_of(request)
    topic = request.GET.get("topic")
    if not topic:
        raise Invalid.field("topic", "is required", "required")
    after = _read_number(request.GET.get("after"))
    limit = read_integer(
        request.GET.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT
    )
    page = await in_pool(live.stream().history, actor, topic, after, limit)
    body = strict_json.dumps(
        {"data": [_shown(event) for event in page.events], "meta": _meta(page, after, limit)}
    )
    return HttpResponse(body, content_type="application/json")


@describe(
    GET=Operation(
        "Live topics as server-sent events",
        STREAM,
        tag="events",
        media="text/event-stream",
        description="Events as `/ws` sends them. Every id names where each topic has come to, so "
        "`Last-Event-ID` misses none of any. Ends with an event `end` that says why.",
        parameters=(
            _parameter(
                "topic", "string", "A name or `prefix.*`; repeat it for several.", needed=True
            ),
            _parameter("after", "string", "`topic:number`, comma-separated, as ids are written."),
        ),
        refusals=(404, 422),
    )
)
@door(GET=Door(signed_in="each topic has a permission of its own, which the stream requires"))
async def stream(request: HttpRequest) -> HttpResponseBase:
    actor = _actor_of(request)
    patterns = request.GET.getlist("topic")
    if not 1 <= len(patterns) <= MAX_TOPICS:
        raise Invalid.field("topic", f"name 1 to {MAX_TOPICS} topics", "range")
    topics = live.stream().permitted_topics(actor, patterns)
    after = {topic: seq for topic, seq in _resumed(request).items() if topic in topics}
    return event_stream(cast("GateRequest", request), actor, topics, after)


def _resumed(request: HttpRequest) -> dict[str, int]:
    last = request.headers.get("Last-Event-ID")
    if last is not None:
        return read_id(last, "Last-Event-ID")
    return read_id(request.GET.get("after", ""), "after")


def _actor_of(request: HttpRequest) -> Actor:
    actor = cast("GateRequest", request).actor
    assert actor is not None, "the door lets in nobody without a credential"
    return actor


def _read_number(text: str | None) -> int:
    if text in (None, "", "0"):
        return 0
    return read_integer(text, "after", default=0, maximum=MAX_NUMBER)


def _shown(event: LiveEvent) -> dict[str, Any]:
    return {
        "topic": event.topic,
        "seq": event.seq,
        "event": event.event,
        "data": event.data,
        "timestamp": event.at,
    }


def _meta(page: History, after: int, limit: int) -> dict[str, Any]:
    return {
        "limit": limit,
        "next_after": page.end(after),
        "last_seq": page.last,
        "gap": _span(page.gap),
    }


def _span(gap: Gap | None) -> dict[str, int] | None:
    return {"from": gap.first, "to": gap.last} if gap else None
