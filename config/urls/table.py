"""Every path the house answers, in its canonical spelling."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config.lean import without

with without("markdown", "pygments", "requests", "yaml"):  # for pages and clients that are not ours
    import rest_framework.compat  # noqa: F401 - so that whoever imports it next finds it like this

from apps.conversations.views.links import shared
from apps.core.asgi.door import Door, door
from apps.core.graphql.view import graphql
from apps.core.openapi import views as docs
from apps.core.system import views as system
from apps.models.rest import models
from apps.models.views import kserve, later, predicting
from config.urls.aliases import aliases

to_console = door(GET=Door(public="leads to the console, which asks who you are", limit=None))(
    RedirectView.as_view(url="/console/")
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", to_console),
    path("predict/<str:model>", predicting.predict),  # early: the resolver goes from top to bottom
    path("predict/batch/<str:model>", predicting.predict_batch),
    path("predict/async/<str:model>", later.predict_later),
    path("predict/async/<str:task_id>/result", later.result),
    path("health", system.health),
    path("health/live", system.live),
    path("health/ready", system.ready),
    *(
        path(f"api/{version.name}/", include(version.urls))
        for version in settings.SIGNALBOX_API_VERSIONS
    ),
    path("api/2.0/", include("apps.models.rest.mlflow.urls")),
    path("v1/", include("config.urls.openai")),
    path("v2", kserve.v2_server),
    path("v2/", include("config.urls.kserve")),
    path("models", models.ModelViewSet.as_view({"get": "catalog"})),  # a seed's own shape of list
    path("metrics", system.prometheus),
    path("admin/", admin.site.urls),
    path("shared/<str:token>", shared),
    path("console/", include("apps.console.urls")),
]

if settings.SIGNALBOX_ENABLE_GRAPHQL:
    urlpatterns += [path("graphql", graphql)]

if settings.SIGNALBOX_ENABLE_SWAGGER:
    urlpatterns += [
        path("openapi.json", docs.openapi),
        path("docs", docs.swagger),
        path("redoc", docs.redoc),
    ]

urlpatterns += aliases

# What Django falls back on within pages.
handler400 = "apps.console.views.broken.unreadable"
handler403 = "apps.console.views.broken.forbidden"
handler404 = "apps.console.views.broken.missing"
handler500 = "apps.console.views.broken.failed"
