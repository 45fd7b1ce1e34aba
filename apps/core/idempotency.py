"""`Idempotency-Key`: the same key and body gets the first answer again, another body a conflict.

Claiming the key is an INSERT under a unique constraint, so of parallel twins exactly one runs. What failed before it
did anything (422, 4xx before the deed, our own 5xx) frees the key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.asgi.request import GateRequest
from apps.core.errors import Conflict, Malformed
from apps.core.models import StoredAnswer

MAX_LENGTH = 255
KEPT = timedelta(hours=24)
CLAIM_LASTS = timedelta(minutes=2)


def run_once(
    request: GateRequest, key: str, secret_fields: tuple[str, ...], run: Callable[[], HttpResponse]
) -> HttpResponse:
    """Run the view unless this actor already got an answer to this key here; then replay that answer."""
    claim = claim_key(request, key)
    if isinstance(claim, HttpResponse):
        return claim
    try:
        response = run()
    except BaseException:
        claim.delete()
        raise
    if not is_final(response.status_code):
        claim.delete()
        return response
    content_type = response.headers.get("Content-Type", "application/json")
    body = _without_secrets(response.content, secret_fields)
    keep_answer(claim, response.status_code, content_type, body)
    return response


def claim_key(
    request: GateRequest, key: str, lasts: timedelta = CLAIM_LASTS
) -> StoredAnswer | HttpResponse:
    """A claim to be kept or freed by whoever runs the deed, or the answer to replay.

    `lasts` is how long a claim without an answer is believed in: longer than the deed may take.
    """
    if not 0 < len(key) <= MAX_LENGTH:
        raise Malformed(
            f"Idempotency-Key has 1 to {MAX_LENGTH} characters.", code="bad_idempotency_key"
        )
    return _claim(request, key, request.body_digest(), lasts)


def keep_answer(claim: StoredAnswer, status: int, content_type: str, body: bytes) -> None:
    """Let the key stand for this answer from now on."""
    # Not save(): a deed that outlasted its claim must not fail because a twin has taken the claim over.
    StoredAnswer.objects.filter(pk=claim.pk).update(
        status=status, content_type=content_type, body=body
    )


def free_key(claim: StoredAnswer) -> None:
    """The deed came to nothing: the key may be used again."""
    StoredAnswer.objects.filter(pk=claim.pk, status=None).delete()


def recall_deed(actor: Actor, place: str, key: str) -> bytes | None:
    """What a deed came to that was done under this key already; for work that may be begun twice."""
    found = StoredAnswer.objects.filter(**_where(actor, place, key)).first()
    return None if found is None else bytes(found.body)


def keep_deed(actor: Actor, place: str, key: str, body: bytes) -> None:
    """Let a deed's result be found by `recall_deed` for a day."""
    more = {"status": 200, "body": body, "created_at": timezone.now()}
    StoredAnswer.objects.get_or_create(**_where(actor, place, key), defaults=more)


def _where(actor: Actor, place: str, key: str) -> dict[str, Any]:
    return {
        "organization_id": actor.organization_id,
        "principal": actor.principal,
        "method_path": place[:300],
        "key": key,
    }


def forget_old_answers() -> int:
    """Drop answers past their day, in every organisation."""
    deleted, _ = StoredAnswer._base_manager.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted


def _claim(
    request: GateRequest, key: str, fingerprint: str, lasts: timedelta
) -> StoredAnswer | HttpResponse:
    assert request.actor is not None
    where = _where(request.actor, f"{request.method} {request.path}", key)
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(
                **where, fingerprint=fingerprint, created_at=timezone.now()
            )
    except IntegrityError:
        pass
    stored = StoredAnswer.objects.filter(**where).first()
    if stored is None or _is_abandoned(stored, lasts):
        if stored is not None:
            stored.delete()
        return _claim(request, key, fingerprint, lasts)
    return _replay(stored, fingerprint)


def _replay(stored: StoredAnswer, fingerprint: str) -> HttpResponse:
    if stored.fingerprint != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used with another body.", code="idempotency_key_reused"
        )
    if stored.status is None:
        raise Conflict(
            "The first call with this Idempotency-Key is still running.",
            code="idempotency_in_flight",
            should_retry=True,
        )
    response = HttpResponse(
        bytes(stored.body), status=stored.status, content_type=stored.content_type
    )
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _is_abandoned(stored: StoredAnswer, lasts: timedelta) -> bool:
    age = timezone.now() - stored.created_at
    return age > KEPT or (stored.status is None and age > lasts)


def is_final(status: int) -> bool:
    """Whether an answer is what the key is to stand for."""
    return status < 400 or status in (404, 409)


def _without_secrets(body: bytes, secret_fields: tuple[str, ...]) -> bytes:
    if not secret_fields or not body:
        return body
    value = orjson.loads(body)
    for name in secret_fields:
        if isinstance(value, dict) and name in value:
            value[name] = None
    return orjson.dumps(value)
