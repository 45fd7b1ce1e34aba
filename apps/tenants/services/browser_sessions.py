"""Signing in and out at a browser. The cookie is the page's business; who came and who left is the audit trail's.

Django gives a session its key while it signs somebody in, and the trail names the session by the digest of that key:
so the page hands over how to begin and how to end one, and both happen in the transaction of the fact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.core import bus
from apps.core.actor import Actor, Credential, CredentialKind
from apps.core.changes import announce_change
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.domain.visit import Visit
from apps.tenants.models import Membership, User
from apps.tenants.queries import identities
from apps.tenants.services import attempts, sessions


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody who knows the password, in the organisation they start in."""

    membership: Membership
    failures: int
    pause: float


def prove(*, email: str, password: str, visit: Visit) -> Proven:
    """Check the password and choose the place. Raises `Limited`, `BadCredentials` and `PermissionDenied`."""
    verified = attempts.verify_password(email=email, password=password, visit=visit)
    membership = sessions.choose_membership(verified.user, None)
    return Proven(membership, verified.failures, verified.pause)


def open_session(
    *, membership: Membership, begin: Callable[[], str], visit: Visit, failures: int = 0
) -> None:
    """Have `begin` store a session, whose key it answers, and announce it."""
    with transaction.atomic():
        credential = Credential(CredentialKind.SESSION, identities.browser_session_id(begin()))
        identity = identities.identity_from(membership, credential)
        seen = {
            "address": visit.address[:45],
            "user_agent": visit.user_agent[:200],
            "failures": failures,
        }
        _publish(topics.SESSION_OPENED, Actor(identity, visit.request_id, visit.address), seen)


def close_session(*, actor: Actor, end: Callable[[], None]) -> None:
    """Have `end` drop the session the actor came by, announce it, and let its sockets go."""
    with transaction.atomic():
        end()
        _publish(topics.SESSION_CLOSED, actor, None)
        announce_change(f"identity:{actor.identity.organization}")


def switch_session(*, actor: Actor, organization: str, move: Callable[[str], None]) -> Membership:
    """Have `move` take the session to another organisation of the actor's, by its id. Raises `Invalid` for others."""
    assert actor.user_id is not None  # a browser session is a person's
    membership = sessions.choose_membership(User.objects.get(pk=actor.user_id), organization)
    identity = identities.identity_from(membership, actor.credential)
    with transaction.atomic():
        move(membership.organization.public_id)
        _publish(topics.SESSION_CLOSED, actor, None)
        there = Actor(identity, actor.request_id, actor.address)
        _publish(topics.SESSION_OPENED, there, {"address": actor.address[:45]})
        announce_change(f"identity:{actor.identity.organization}")
    return membership


def forget_expired() -> None:
    """Drop browser sessions that nobody came back to in time."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _publish(topic: str, actor: Actor, seen: dict[str, Any] | None) -> None:
    with organization_scope(actor.organization_id):
        bus.publish(
            bus.Fact(
                topic,
                organization_id=actor.organization_id,
                actor=actor,
                object_id=actor.credential.id,
                object_name=actor.identity.email,
                after=seen,
            )
        )
