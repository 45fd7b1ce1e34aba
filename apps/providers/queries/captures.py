"""Reading what was kept of requests and answers."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers.models import Capture, UsageRecord
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import usage


def captures(*, actor: Actor, **wanted: str | None) -> QuerySet[Capture]:
    """Those that have not expired and whose columns say what is wanted; by cursor it is newest first."""
    require(actor, ProvidersPermission.CAPTURE_VIEW)
    given = {name: value for name, value in wanted.items() if value is not None}
    found = Capture.objects.filter(expires_at__gt=timezone.now())
    return found.none() if any(map(is_misleading, given.values())) else found.filter(**given)


def capture(*, actor: Actor, capture_id: str) -> Capture:
    """Raises `NotFound`."""
    return _found(captures(actor=actor, record=capture_id).first())


def capture_of_call(*, actor: Actor, call_id: str) -> Capture:
    """By the call's place in the log. Raises `NotFound`."""
    require(actor, ProvidersPermission.CAPTURE_VIEW)
    return _found(capture_of(actor=actor, call=usage.call(actor=actor, call_id=call_id)))


def capture_of(*, actor: Actor, call: UsageRecord) -> Capture | None:
    """Of one call in the log; None when nothing was kept, or is kept no longer.

    A caller may name the same request twice: of its calls the one that ended like this one is meant.
    """
    same = captures(
        actor=actor, request_id=call.request_id, model=call.model, key=call.key, status=call.status
    )
    near = sorted(same[:20], key=lambda one: abs(one.at - call.at))
    return near[0] if near else None


def _found(capture: Capture | None) -> Capture:
    if capture is None:
        raise NotFound
    return capture
