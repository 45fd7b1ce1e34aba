"""`Idempotency-Key` on the doors of answers: the key stands for the answer's message from its beginning on.

So a caller whose connection broke asks again by the same key, and is told the same answer, whether it has ended or not.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
from django.http import HttpResponse

from apps.conversations.generations import hub
from apps.conversations.models import Message
from apps.conversations.queries import messages as queries
from apps.conversations.queries.briefs import Brief
from apps.conversations.services.messages import Begun
from apps.core import idempotency, json
from apps.core.asgi.request import GateRequest
from apps.core.models import StoredAnswer

JSON = "application/json"
Prepared = tuple[Begun, Brief]


def once(request: GateRequest, begin: Callable[[], Begun]) -> Prepared | Message:
    """Begin it, or find the message that this key has begun already. Runs in the pool."""
    assert request.actor is not None
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return hub.prepare(request.actor, begin)
    claim = idempotency.claim_key(request, key)
    if isinstance(claim, HttpResponse):
        name = orjson.loads(claim.content)["id"]
        return queries.find_message(actor=request.actor, message_id=name)
    try:
        prepared = hub.prepare(request.actor, begin)
    except BaseException:
        claim.delete()
        raise
    idempotency.keep_answer(claim, 201, JSON, json.dumps({"id": prepared[0].message.public_id}))
    request.claim = claim  # type: ignore[attr-defined]  # for `free`
    return prepared


def free(request: GateRequest) -> None:
    """Nothing came of it: the key may be used again. Runs in the pool."""
    claim: StoredAnswer | None = getattr(request, "claim", None)
    if claim is not None:
        claim.delete()
