"""Version 1 of the API: what stands below `/api/v1/`."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from apps.core.system import views as system
from apps.models.views.explaining import prediction_explanation

urlpatterns: list[URLPattern | URLResolver] = [path("health/detailed", system.detailed)]

if settings.SIGNALBOX_ENABLE_REST:
    urlpatterns += [
        path("config", system.config),
        path("capabilities", system.capabilities),
        path("", include("apps.tenants.rest.urls")),
        path("", include("apps.keys.rest.urls")),
        path("", include("apps.approvals.rest.urls")),
        path("", include("apps.events.rest.urls")),
        path("", include("apps.jobs.rest.urls")),
        path("", include("apps.providers.rest.urls")),
        path("", include("apps.models.rest.urls")),
        path("predictions/<str:id>/explanation", prediction_explanation),
        path("", include("apps.models.rest.urls_sources")),
        path("", include("apps.conversations.rest.urls_around")),
        path("", include("apps.conversations.rest.urls")),
    ]
