"""Who a worker acts as: whoever asked for the job, as they may act by now."""

from __future__ import annotations

from dataclasses import replace

from apps.core.actor import Actor, CredentialKind
from apps.jobs.domain.kinds import Context, Refused
from apps.keys.queries.identities import identity_of_key_id


def actor_of(context: Context) -> Actor:
    """By a key, with that key's terms. Raises `Refused` where neither they nor it may do this any more."""
    actor = context.actor
    if actor is None:
        raise Refused("creator_not_allowed", "Its creator may not do this any more.")
    if actor.credential.kind is not CredentialKind.KEY:
        return actor
    identity = identity_of_key_id(organization_id=actor.organization_id, key_id=actor.credential.id)
    if identity is None:
        raise Refused("key_ended", "The key that asked for it was revoked or has expired.")
    permissions = identity.permissions & actor.permissions
    return replace(actor, identity=replace(identity, permissions=permissions))
