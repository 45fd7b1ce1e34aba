"""What callers may send."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.core.rest.fields import FlagField
from apps.core.rest.serializers import BodySerializer
from apps.core.rest.text import CleanCharField
from apps.tenants.domain.roles import PEOPLE_ROLES


class SecretField(serializers.CharField):
    """A password or token: taken as it is, and bounded, since hashing costs by length."""

    default_error_messages = {"type": "must be a string"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, max_length=kwargs.pop("max_length", 1024), **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        text: str = super().to_internal_value(data)
        return text


class LoginBody(BodySerializer):
    email = CleanCharField(max_length=254)
    password = SecretField()
    organization = CleanCharField(
        max_length=100, required=False, help_text="Slug or id; the first one otherwise."
    )


class RefreshBody(BodySerializer):
    refresh = SecretField(max_length=4096)


class LogoutBody(BodySerializer):
    refresh = SecretField(
        max_length=4096,
        required=False,
        help_text="Not needed: the access token names the login. When sent, it must be of the same.",
    )


class SwitchBody(BodySerializer):
    organization = CleanCharField(max_length=100, help_text="Slug or id.")


class PasswordBody(BodySerializer):
    current_password = SecretField()
    new_password = SecretField()


class OrganizationBody(BodySerializer):
    name = CleanCharField(max_length=255)
    slug = CleanCharField(max_length=50)


class OrganizationChangeBody(BodySerializer):
    name = CleanCharField(max_length=255)


class MemberChangeBody(BodySerializer):
    role = serializers.ChoiceField(PEOPLE_ROLES, required=False)
    approver = FlagField(required=False)


class InvitationBody(BodySerializer):
    email = serializers.EmailField()
    role = serializers.ChoiceField(PEOPLE_ROLES)
    approver = FlagField(default=False)


class AcceptBody(BodySerializer):
    token = SecretField(max_length=100)
    name = CleanCharField(max_length=255, required=False, help_text="For a new account.")
    password = SecretField(
        required=False, help_text="Of the account, or for the new one; not needed when signed in."
    )


class ServiceAccountBody(BodySerializer):
    name = CleanCharField(max_length=100)


class ServiceAccountChangeBody(BodySerializer):
    name = CleanCharField(max_length=100, required=False)
    is_active = FlagField(required=False)
