"""Paths of API keys below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.keys.rest.views import KeyViewSet

urlpatterns = [
    path("keys", KeyViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "keys/<str:id>",
        KeyViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("keys/<str:id>/rotate", KeyViewSet.as_view({"post": "rotate"})),
]
