"""Changing a password, which ends every login of its person."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from apps.core import bus
from apps.core.actor import Actor, CredentialKind
from apps.core.errors import FieldError, Invalid, PermissionDenied
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import BadCredentials
from apps.tenants.models import User
from apps.tenants.services import attempts, endings


def change_password(
    *, actor: Actor, current_password: str, new_password: str, visit: Visit
) -> None:
    """Replace the actor's own password. Every token and browser session of theirs ends, this one included."""
    if actor.user_id is None or actor.credential.kind not in (
        CredentialKind.JWT,
        CredentialKind.SESSION,
    ):
        raise PermissionDenied("A password is changed by its person, signed in, not by a key.")
    user = User.objects.get(pk=actor.user_id)
    _verify(user, current_password, visit)
    check_strength(new_password, user)
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        user.set_password(new_password)
        user.save(update_fields=["password"])
        endings.end_tokens(user.pk)
        organizations = endings.organizations_of(user.pk)
        for organization in organizations:
            with organization_scope(organization.pk):
                bus.publish(
                    bus.Fact(
                        topics.PASSWORD_CHANGED,
                        organization_id=organization.pk,
                        actor=actor,
                        object_id=user.public_id,
                        object_name=user.email,
                    )
                )
        endings.announce_identities(organizations)


def check_strength(password: str, user: User, field: str = "new_password") -> None:
    """Raise `Invalid` naming everything the password rules mind."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        found = [FieldError(field, message, "weak_password") for message in error.messages]
        raise Invalid(fields=found) from None


def _verify(user: User, password: str, visit: Visit) -> None:
    # Counted like a login: a stolen token must not become a place to guess the password at.
    try:
        attempts.verify_password(email=user.email, password=password, visit=visit)
    except BadCredentials as error:
        raise Invalid(
            fields=[FieldError("current_password", "is wrong", "wrong_password")],
            answer_after=error.data["answer_after"],
        ) from None
