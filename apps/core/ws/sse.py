"""Event streams over HTTP: server-sent events with ids to resume by, for as long as their credential is worth it.

A stream stands in the sockets' registry, so news of identities and the drain of the server reach it as they reach
sockets. It ends with an event `end` that says why; a browser's EventSource then comes back with its last id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import StreamingHttpResponse

from apps.core import authentication, json
from apps.core.actor import Actor, Identity
from apps.core.asgi.gate import to_app_error
from apps.core.asgi.lifecycle import lifecycle
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.authentication import check_presence
from apps.core.errors import AppError, Invalid
from apps.core.live import Feed, FeedEnded, Gap, LiveEvent, stream
from apps.core.ws.auth import Proof
from apps.core.ws.codes import Close
from apps.core.ws.registry import registry

KEEP_ALIVE_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
MAX_ID = 2048
REASONS = {
    Close.RESTART: "restart",
    Close.UNAUTHENTICATED: "unauthenticated",
    Close.TRY_LATER: "try_later",
}


class Watch:
    """A stream's entry in the registry: renewed when rights change, ended when they are gone."""

    def __init__(self, request: GateRequest, actor: Actor, feed: Feed) -> None:
        self.loop = asyncio.get_running_loop()
        self.proof: Proof | None = proof_of(request)
        self.actor = actor
        self._feed = feed
        self._expiry: asyncio.TimerHandle | None = None
        self._be(actor.identity)
        registry.add(self)

    @property
    def organization(self) -> str | None:
        return self.actor.identity.organization

    def renew(self, identity: Identity) -> None:
        actor = Actor(identity, self.actor.request_id, self.actor.address)
        try:
            check_presence(identity, self.actor.address)
            stream().permitted_topics(actor, sorted(self._feed.topics))
        except AppError as error:
            self._feed.end(error.code)
            return
        self._be(identity)

    def finish(self, code: Close, reason: str = "") -> None:
        self._feed.end(REASONS.get(code, "error"))

    def close(self) -> None:
        registry.remove(self)
        if self._expiry is not None:
            self._expiry.cancel()

    def _be(self, identity: Identity) -> None:
        self.actor = self._feed.actor = Actor(identity, self.actor.request_id, self.actor.address)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if identity.expires_at is not None:
            left = (identity.expires_at - datetime.now(UTC)).total_seconds()
            self._expiry = self.loop.call_later(max(0.0, left), self.finish, Close.UNAUTHENTICATED)


def proof_of(request: GateRequest) -> Proof | None:
    """The credential that the gate has admitted this request by."""
    meta = request.META
    authorization, key = meta.get("HTTP_AUTHORIZATION"), meta.get(authentication.key_header())
    if authorization or key:
        return Proof(token=authentication.read_token(authorization, key) or "")
    session = request.COOKIES.get(authentication.session_cookie_name())
    return Proof(session=session) if session else None


def event_stream(
    request: GateRequest, actor: Actor, topics: frozenset[str], after: Mapping[str, int]
) -> StreamingHttpResponse:
    """The answer that carries these topics, after the numbers that `after` names, or from now on."""
    response = StreamingHttpResponse(
        _frames(request, actor, topics, after), content_type="text/event-stream"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _frames(
    request: GateRequest, actor: Actor, topics: frozenset[str], after: Mapping[str, int]
) -> AsyncIterator[bytes]:
    feed = Feed(actor, topics, after)
    watch = Watch(request, actor, feed)
    try:
        if unnamed := topics - after.keys():
            feed.begin(await in_pool(stream().heads, actor, unnamed))
        yield b"retry: %d\n" % RETRY_MILLISECONDS + _frame(
            _line({"type": "subscribed", "topics": sorted(topics)}), feed, name="subscribed"
        )
        if lifecycle.is_draining:
            feed.end(REASONS[Close.RESTART])
        while True:
            item = await feed.next(KEEP_ALIVE_SECONDS)
            if item is None:
                yield b": still here\n\n"
            else:
                yield _told(item, feed)
    except FeedEnded as end:
        yield _ended(str(end), request)
    except Exception as error:
        known = to_app_error(error)
        if known is None:
            raise
        yield _ended(known.code, request)
    finally:
        watch.close()
        feed.close()


def _told(item: LiveEvent | Gap, feed: Feed) -> bytes:
    name = "gap" if isinstance(item, Gap) else ""
    return _frame(item.frame, feed, name=name)


def _ended(reason: str, request: GateRequest) -> bytes:
    line = _line({"type": "end", "reason": reason, "request_id": request.request_id})
    return f"event: end\ndata: {line}\n\n".encode()


def _frame(line: str, feed: Feed, *, name: str = "") -> bytes:
    """One event. Its id names where each topic has come to: whoever comes back with it misses none."""
    head = f"event: {name}\n" if name else ""
    return f"{head}id: {write_id(feed.last)}\ndata: {line}\n\n".encode()


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value).decode()


def write_id(last: Mapping[str, int]) -> str:
    return ",".join(f"{topic}:{seq}" for topic, seq in sorted(last.items()))


def read_id(text: str, field: str) -> dict[str, int]:
    """`topic:seq,topic:seq` as `write_id` wrote it; `Invalid` for anything else."""
    found: dict[str, int] = {}
    for part in text.split(",") if text else ():
        topic, _, seq = part.partition(":")
        if not topic or not seq.isascii() or not seq.isdecimal() or len(seq) > 18:
            raise Invalid.field(field, "must be topic:number, comma-separated", "format")
        found[topic] = int(seq)
    if len(text) > MAX_ID:
        raise Invalid.field(field, f"may have {MAX_ID} characters", "max_length")
    return found
