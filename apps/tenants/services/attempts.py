"""Guarding passwords: the exact count of attempts, the growing pause, and one cost for every wrong answer.

Fails closed: when the limit store is away nobody logs in, or an attacker would only have to push it over.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password

from apps.core.errors import Limited
from apps.core.limits.factory import get_store
from apps.core.limits.store import Check
from apps.tenants.domain.pace import REMEMBERED, pause_after
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import BadCredentials
from apps.tenants.models import User, normalize_email


@dataclass(frozen=True, slots=True)
class Verified:
    """Someone who knows the password. The answer waits `pause` seconds, as a wrong one would have."""

    user: User
    pause: float


def verify_password(*, email: str, password: str, visit: Visit) -> Verified:
    """Count the attempt, then compare. Raises `Limited` or `BadCredentials`."""
    account = normalize_email(email)
    _count(account, visit)
    pause = _pause(account)
    user = User.objects.filter(email=account).first()
    if not _is_right(user, password) or user is None or not user.is_active:
        get_store().hit_now([_failures(account)])
        raise BadCredentials(answer_after=pause)
    return Verified(user, pause)


def _count(account: str, visit: Visit) -> None:
    checks = [
        Check(f"login:{visit.place}", settings.SIGNALBOX_LOGIN_ADDRESS_RATE),
        Check(f"login:{visit.place}:{account}", settings.SIGNALBOX_LOGIN_RATE),
    ]
    refused = [verdict for verdict in get_store().hit_now(checks) if not verdict.allowed]
    if refused:
        wait = max(verdict.retry_after for verdict in refused)
        raise Limited("Too many attempts to log in.", retry_after=wait)


def _pause(account: str) -> float:
    # Right and wrong answers wait alike, or an attacker would not wait for the slow ones.
    verdict = get_store().peek_now([_failures(account)])[0]
    return pause_after(verdict.limit - verdict.remaining)


def _failures(account: str) -> Check:
    return Check(f"login-failures:{account}", REMEMBERED)


def _is_right(user: User | None, password: str) -> bool:
    """One computation of the hash, whether or not there is somebody to compare with."""
    if user is None:
        make_password(password)
        return False
    return user.check_password(password)
