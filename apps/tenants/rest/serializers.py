"""What we answer, and the filters of lists."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils import timezone
from rest_framework import serializers

from apps.core.rest.serializers import ReadSerializer
from apps.tenants.models import ROLE_CHOICES, Invitation, Membership, ServiceAccount
from apps.tenants.queries.people import INVITATION_STATUSES


class UserSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    email = serializers.EmailField()
    name = serializers.CharField()


class OrganizationSummarySerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    slug = serializers.SlugField()
    name = serializers.CharField()


class OrganizationSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    slug = serializers.SlugField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class LoginSerializer(ReadSerializer):
    access = serializers.CharField()
    refresh = serializers.CharField()
    token_type = serializers.SerializerMethodField()
    expires_in = serializers.IntegerField()
    user = UserSerializer()
    organization = OrganizationSummarySerializer()
    role = serializers.CharField()

    @staticmethod
    def get_token_type(_: object) -> str:
        return "Bearer"


class MemberSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    user = UserSerializer()
    role = serializers.CharField()
    approver = serializers.BooleanField(source="is_approver")
    created_at = serializers.DateTimeField()


class JoinedSerializer(MemberSerializer):
    organization = OrganizationSummarySerializer()


class InvitationSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    email = serializers.EmailField()
    role = serializers.CharField()
    approver = serializers.BooleanField(source="is_approver")
    status = serializers.SerializerMethodField()
    invited_by = UserSerializer(source="created_by", allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    @staticmethod
    def get_status(invitation: Invitation) -> str:
        return invitation.status(timezone.now())


class InvitedSerializer(InvitationSerializer):
    url = serializers.URLField(help_text="The link, shown this once.")


class ServiceAccountSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    is_active = serializers.BooleanField()
    created_by = UserSerializer(allow_null=True)
    created_at = serializers.DateTimeField()


class MemberFilter(django_filters.FilterSet):
    role = django_filters.ChoiceFilter(choices=ROLE_CHOICES)
    approver = django_filters.BooleanFilter(field_name="is_approver")

    class Meta:
        model = Membership
        fields = ()


class InvitationFilter(django_filters.FilterSet):
    """Names the filter and its values; what they mean is the query's."""

    status = django_filters.ChoiceFilter(choices=[(name, name) for name in INVITATION_STATUSES])

    class Meta:
        model = Invitation
        fields = ()

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset


class ServiceAccountFilter(django_filters.FilterSet):
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = ServiceAccount
        fields = ()
