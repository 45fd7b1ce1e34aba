"""Reading what was kept of requests and answers."""

from __future__ import annotations

from django.utils import timezone

from apps.core.actor import Actor
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers.models import Capture
from apps.providers.permissions import ProvidersPermission


def capture_of(*, actor: Actor, record: str) -> Capture | None:
    """Of the call with this place in the log; None when nothing was kept, or is kept no longer."""
    require(actor, ProvidersPermission.CAPTURE_VIEW)
    if is_misleading(record):
        return None
    return Capture.objects.filter(record=record, expires_at__gt=timezone.now()).first()
