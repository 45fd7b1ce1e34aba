"""The same addresses as ours."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path

from bench.peers.stock import views


async def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "healthy"})


urlpatterns = [
    path("health", health),
    path("api/v1/auth/me", views.MeView.as_view()),
    path("api/v1/auth/login", views.LoginView.as_view()),
    path("api/v1/keys", views.ApiKeyViewSet.as_view({"get": "list"})),
]
