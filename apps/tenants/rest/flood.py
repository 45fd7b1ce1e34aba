"""The outer guard of the doors that take a password: django-ratelimit, by the caller's trusted address.

Coarse on purpose. It keeps floods away from the database; the exact count is `services.attempts`'.
"""

from __future__ import annotations

from typing import Any

from django_ratelimit.core import get_usage

from apps.core.errors import Limited
from apps.core.limits.errors import LimitStoreUnavailable
from apps.tenants.domain.visit import Visit

RATE = "120/m"


def refuse_flood(visit: Visit, request: Any) -> None:
    """Raise `Limited`; and, like the exact count, let nobody in when the store is away."""
    try:
        usage = get_usage(
            request, group="login", key=lambda *_: visit.place, rate=RATE, increment=True
        )
    except Exception as error:  # whatever the cache's client raises, it is away
        raise LimitStoreUnavailable(repr(error)) from error
    if usage is not None and usage["should_limit"]:
        raise Limited("Too many attempts to log in.", retry_after=max(1, usage["time_left"]))
