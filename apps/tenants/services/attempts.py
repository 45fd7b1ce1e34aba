"""Guarding passwords: the exact count of attempts, the growing pause, and one cost for every wrong answer.

Fails closed: when the limit store is away nobody logs in, or an attacker would only have to push it over.

A wrong password leaves no audit fact: that one more write would tell known accounts from unknown ones by time, and
strangers would fill a trail that nobody can prune. The next login that succeeds says how many failed before it.
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
    failures: int
    """Wrong passwords for this account in the last quarter of an hour, from anywhere; counted to twenty."""
    pause: float


def verify_password(*, email: str, password: str, visit: Visit) -> Verified:
    """Count the attempt, then compare. Raises `Limited` or `BadCredentials`."""
    account = normalize_email(email)
    _count(account, visit)
    failed = _failed(account)
    # Right and wrong answers wait alike, or an attacker would not wait for the slow ones.
    pause = pause_after(failed)
    user = User.objects.filter(email=account).first()
    if not _is_right(user, password) or user is None or not user.is_active:
        get_store().hit_now([_failures(account)])
        raise BadCredentials(answer_after=pause)
    return Verified(user, failed, pause)


def _count(account: str, visit: Visit) -> None:
    checks = [
        Check(f"login:{visit.place}", settings.SIGNALBOX_LOGIN_ADDRESS_RATE),
        Check(f"login:{visit.place}:{account}", settings.SIGNALBOX_LOGIN_RATE),
    ]
    refused = [verdict for verdict in get_store().hit_now(checks) if not verdict.allowed]
    if refused:
        wait = max(verdict.retry_after for verdict in refused)
        raise Limited("Too many attempts to log in.", retry_after=wait)


def _failed(account: str) -> int:
    verdict = get_store().peek_now([_failures(account)])[0]
    return verdict.limit - verdict.remaining


def _failures(account: str) -> Check:
    return Check(f"login-failures:{account}", REMEMBERED)


def _is_right(user: User | None, password: str) -> bool:
    """One computation of the hash, whether or not there is somebody to compare with."""
    if user is None:
        make_password(password)
        return False
    return user.check_password(password)
