"""Which people stand behind a credential: those who have seen a secret of it, or made the program that owns it."""

from __future__ import annotations

from apps.core.actor import Actor, CredentialKind
from apps.keys.models import ApiKey


def people_behind(actor: Actor) -> set[str]:
    """Public ids of users. A key speaks for its owner, and may be used by whoever made it; a service account is no person,
    so whoever made it or any of its keys counts.
    """
    people = {actor.principal} if actor.user_id is not None else set()
    if actor.credential.kind is CredentialKind.KEY:
        people |= _makers(public_id=actor.credential.id)
    if actor.service_account_id is not None:
        people |= people_of_account(actor.principal)
    return people


def people_of_account(account_id: str) -> set[str]:
    """Who made this service account of the current organisation, or a key of it, even one that ended since."""
    return _makers(service_account__public_id=account_id)


def _makers(**whose: str) -> set[str]:
    rows = ApiKey.objects.filter(**whose).values_list(
        "created_by__public_id", "service_account__created_by__public_id"
    )
    return {each for row in rows for each in row if each is not None}
