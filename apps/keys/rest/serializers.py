"""The shapes of keys: what callers may send, what they get."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from apps.core.actor import Role
from apps.core.rest.fields import FlagField, ObjectField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.keys.models import ApiKey
from apps.keys.queries.keys import STATES

ROLES = [role.value for role in Role]


class TermsBody(BodySerializer):
    """The terms of a key; every one may be left out."""

    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    limits = ObjectField(
        required=False,
        help_text='Class of call to rate, such as `{"default": "100/m"}`; `all` sets every class.',
    )
    addresses = serializers.ListField(
        child=CleanCharField(), required=False, help_text="Networks calls may come from."
    )
    models = serializers.ListField(
        child=CleanCharField(), required=False, allow_null=True, help_text="Models it may call."
    )
    budget = ObjectField(
        required=False,
        allow_null=True,
        help_text='`{"amount": 25.0, "tokens": 1000000, "period": "day"|"month"|"total"}`, one of the first two at least',
    )
    cache_seconds = WholeNumberField(
        required=False,
        help_text="How long answers of models are kept for it where a route says nothing; 0: not at all.",
    )


class KeyBody(TermsBody):
    name = CleanCharField(max_length=255)
    role = serializers.ChoiceField(choices=ROLES)
    approver = FlagField(
        required=False,
        source="is_approver",
        help_text="Carry the approver grant, if its maker holds it.",
    )
    owner = CleanCharField(
        max_length=80,
        required=False,
        source="owner_id",
        help_text="A user or service account; yourself by default.",
    )
    prefix = CleanCharField(max_length=10, required=False)


class KeyChangeBody(TermsBody):
    name = CleanCharField(max_length=255, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                {"body": ["must name a field to change"]}, code="required"
            )
        return attrs


class RotateBody(BodySerializer):
    grace_seconds = WholeNumberField(
        required=False, default=0, help_text="How long the old secret still works."
    )


class OwnerSerializer(ReadSerializer):
    id = serializers.CharField()
    name = serializers.CharField()


class KeySerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    prefix = serializers.CharField()
    hint = serializers.CharField(help_text="The last four characters of the secret.")
    role = serializers.ChoiceField(choices=ROLES)
    approver = serializers.BooleanField(source="is_approver")
    owner = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=STATES)
    limits = serializers.DictField(child=serializers.CharField())
    addresses = serializers.ListField(child=serializers.CharField())
    models = serializers.ListField(
        child=serializers.CharField(), source="model_names", allow_null=True
    )
    budget = serializers.DictField(allow_null=True)
    cache_seconds = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_owner(key: ApiKey) -> OwnerSerializer:
        owner: Any = key.user or key.service_account
        return {"id": owner.public_id, "name": owner.name or owner.email}  # type: ignore[return-value]  # the annotation is the documented shape


class NewKeySerializer(KeySerializer):
    """A key with its secret, shown once."""

    key = serializers.CharField(help_text="The secret. It is shown this once.")


class KeyFilter(django_filters.FilterSet):
    """Names the filters and their values; what they mean is the query's."""

    state = django_filters.ChoiceFilter(choices=[(state, state) for state in STATES])
    role = django_filters.ChoiceFilter(choices=[(role, role) for role in ROLES])
    owner = django_filters.CharFilter(label="Id of a user or service account.")
    q = django_filters.CharFilter(label="A part of the name.")

    class Meta:
        model = ApiKey
        fields = ()

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset
