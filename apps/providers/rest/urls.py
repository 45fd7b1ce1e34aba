"""Included at `/api/v1/`."""

from __future__ import annotations

from typing import Any

from django.urls import path

from apps.providers.rest.budgets import BudgetViewSet
from apps.providers.rest.captures import CaptureViewSet
from apps.providers.rest.deployments import DeploymentViewSet
from apps.providers.rest.prompts import PromptViewSet
from apps.providers.rest.providers import ProviderViewSet
from apps.providers.rest.routes import RouteViewSet
from apps.providers.rest.usage import CallViewSet, UsageViewSet

_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("providers", ProviderViewSet.as_view({"get": "list", "post": "create"})),
    path("providers/<str:id>", ProviderViewSet.as_view({**_ONE})),
    path("providers/<str:id>/test", ProviderViewSet.as_view({"post": "test"})),
    path("providers/<str:id>/models", ProviderViewSet.as_view({"get": "models"})),
    path("providers/<str:id>/discover", ProviderViewSet.as_view({"post": "discover"})),
    path("deployments", DeploymentViewSet.as_view({"get": "list", "post": "create"})),
    path("deployments/<str:id>", DeploymentViewSet.as_view({**_ONE})),
    path("routes", RouteViewSet.as_view({"get": "list", "post": "create"})),
    path("routes/<str:id>", RouteViewSet.as_view({**_ONE, "put": "update"})),
    path("routes/<str:id>/versions", RouteViewSet.as_view({"get": "versions"})),
    path("routes/<str:id>/restore", RouteViewSet.as_view({"post": "restore"})),
    path("prompts", PromptViewSet.as_view({"get": "list", "post": "create"})),
    path("prompts/<str:id>", PromptViewSet.as_view({**_ONE})),
    path(
        "prompts/<str:id>/versions",
        PromptViewSet.as_view({"get": "versions", "post": "add_version"}),
    ),
    path("prompts/<str:id>/versions/<str:tag>", PromptViewSet.as_view({"get": "version"})),
    path("prompts/<str:id>/diff", PromptViewSet.as_view({"get": "diff"})),
    path("prompts/<str:id>/render", PromptViewSet.as_view({"post": "render"})),
    path("prompts/<str:id>/labels", PromptViewSet.as_view({"put": "set_label"})),
    path("prompts/<str:id>/labels/<str:label>", PromptViewSet.as_view({"delete": "remove_label"})),
    path("budgets", BudgetViewSet.as_view({"get": "list", "post": "create"})),
    path("budgets/<str:id>", BudgetViewSet.as_view({**_ONE})),
    path("usage", UsageViewSet.as_view({"get": "list"})),
    path("usage/export", UsageViewSet.as_view({"get": "export"})),
    path("usage/calls", CallViewSet.as_view({"get": "list"})),
    path("usage/calls/<str:id>/capture", CaptureViewSet.as_view({"get": "of_call"})),
    path("captures", CaptureViewSet.as_view({"get": "list"})),
    path("captures/<str:id>", CaptureViewSet.as_view({"get": "retrieve"})),
]
