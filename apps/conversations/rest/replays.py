"""`Idempotency-Key` on the doors of answers: the key stands for the answer's message from its beginning on.

So a caller whose connection broke asks again by the same key, and is told the same answer, whether it has ended or not.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
from django.http import HttpResponse

from apps.conversations.models import Message
from apps.conversations.queries import messages as queries
from apps.conversations.services.messages import Begun
from apps.core import idempotency, json
from apps.core.asgi.request import GateRequest
from apps.core.models import StoredAnswer

JSON = "application/json"


def once(request: GateRequest, begin: Callable[[], Begun]) -> Begun | Message:
    """Begin it, or find the message that this key has begun already. Runs in the pool."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return begin()
    claim = idempotency.claim_key(request, key)
    if isinstance(claim, HttpResponse):
        assert request.actor is not None
        name = orjson.loads(claim.content)["id"]
        return queries.find_message(actor=request.actor, message_id=name)
    try:
        begun = begin()
    except BaseException:
        claim.delete()
        raise
    idempotency.keep_answer(claim, 201, JSON, json.dumps({"id": begun.message.public_id}))
    request.claim = claim  # type: ignore[attr-defined]  # for `free`
    return begun


def free(request: GateRequest) -> None:
    """Nothing came of it: the key may be used again. Runs in the pool."""
    claim: StoredAnswer | None = getattr(request, "claim", None)
    if claim is not None:
        claim.delete()
