"""The shape of an audit entry, and the filters of its list."""

from __future__ import annotations

import django_filters
from rest_framework import serializers

from apps.core.rest.serializers import ReadSerializer
from apps.events.models import AuditEntry


class PartySerializer(ReadSerializer):
    """Somebody or something, by public id and by the name it had then."""

    id = serializers.CharField()
    name = serializers.CharField()


class CredentialSerializer(ReadSerializer):
    """How the actor proved who they are."""

    kind = serializers.CharField()
    id = serializers.CharField()


class AuditEntrySerializer(ReadSerializer):
    """One deed. The last three fields are null until it is sealed, moments after."""

    id = serializers.CharField(source="public_id")
    action = serializers.CharField()
    actor = serializers.SerializerMethodField()
    object = serializers.SerializerMethodField()
    at = serializers.DateTimeField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    address = serializers.CharField()
    credential = serializers.SerializerMethodField()
    request_id = serializers.CharField()
    sequence = serializers.IntegerField(allow_null=True)
    previous_hash = serializers.CharField(allow_null=True)
    hash = serializers.CharField(allow_null=True)

    @staticmethod
    def get_actor(entry: AuditEntry) -> PartySerializer:
        return entry.actor  # type: ignore[return-value]  # the annotation is the documented shape

    @staticmethod
    def get_object(entry: AuditEntry) -> PartySerializer:
        return entry.object  # type: ignore[return-value]  # as above

    @staticmethod
    def get_credential(entry: AuditEntry) -> CredentialSerializer:
        return entry.credential  # type: ignore[return-value]  # as above


class AuditFilter(django_filters.FilterSet):
    action = django_filters.CharFilter()
    actor = django_filters.CharFilter(field_name="actor_id")
    object = django_filters.CharFilter(field_name="object_id")

    class Meta:
        model = AuditEntry
        fields = ()


# `from` is a word of Python's, so these two are added by name.
AuditFilter.base_filters["from"] = django_filters.IsoDateTimeFilter(
    field_name="at", lookup_expr="gte"
)
AuditFilter.base_filters["to"] = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")
