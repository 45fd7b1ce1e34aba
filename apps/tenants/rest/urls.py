"""Included at `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.tenants.rest.resources import (
    InvitationViewSet,
    MemberViewSet,
    OrganizationViewSet,
    ServiceAccountViewSet,
)
from apps.tenants.rest.views import PasswordViewSet, SessionViewSet, me

urlpatterns = [
    path("auth/login", SessionViewSet.as_view({"post": "login"})),
    path("auth/refresh", SessionViewSet.as_view({"post": "refresh"})),
    path("auth/logout", SessionViewSet.as_view({"post": "logout"})),
    path("auth/switch", SessionViewSet.as_view({"post": "switch"})),
    path("auth/password", PasswordViewSet.as_view({"post": "change"})),
    path("auth/me", me),
    path("organizations", OrganizationViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "organizations/current", OrganizationViewSet.as_view({"get": "current", "patch": "change"})
    ),
    path("members", MemberViewSet.as_view({"get": "list"})),
    path(
        "members/<str:id>",
        MemberViewSet.as_view({"get": "retrieve", "patch": "change", "delete": "remove"}),
    ),
    path("invitations", InvitationViewSet.as_view({"get": "list", "post": "create"})),
    path("invitations/accept", InvitationViewSet.as_view({"post": "accept"})),
    path(
        "invitations/<str:id>", InvitationViewSet.as_view({"get": "retrieve", "delete": "revoke"})
    ),
    path("service-accounts", ServiceAccountViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "service-accounts/<str:id>",
        ServiceAccountViewSet.as_view({"get": "retrieve", "patch": "change"}),
    ),
]
