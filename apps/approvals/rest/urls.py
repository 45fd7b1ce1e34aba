"""Paths of approvals and policies below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.approvals.rest.policies import PolicyViewSet
from apps.approvals.rest.views import ApprovalViewSet

urlpatterns = [
    path("approvals", ApprovalViewSet.as_view({"get": "list"})),
    path("approvals/<str:id>", ApprovalViewSet.as_view({"get": "retrieve"})),
    path("approvals/<str:id>/approve", ApprovalViewSet.as_view({"post": "approve"})),
    path("approvals/<str:id>/reject", ApprovalViewSet.as_view({"post": "reject"})),
    path("approvals/<str:id>/cancel", ApprovalViewSet.as_view({"post": "cancel"})),
    path("approval-policies", PolicyViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "approval-policies/<str:id>",
        PolicyViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
]
