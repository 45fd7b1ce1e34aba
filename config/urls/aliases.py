"""The seeds' own spellings: second names of views that stand in `table.py`, left out of the OpenAPI document."""

from __future__ import annotations

import re

from django.urls import path

from apps.conversations.rest import answers, uploads
from apps.core.openapi import views as docs
from apps.core.system import views as system
from apps.jobs.rest import status as jobs
from apps.models.rest import models
from apps.tenants.rest import views as tenants

aliases = [
    path("api/v1/health", system.health),
    path("api/v1/health/live", system.live),
    path("api/v1/health/ready", system.ready),
    path("health/detailed", system.detailed),
    path("api/v1/job/<str:id>/status", jobs.job_status),
    path("swagger-ui", docs.swagger),
    path("api-docs/openapi.json", docs.openapi),
    path("api/upload", uploads.UploadViewSet.as_view({"post": "create"})),
    path("api/chat", answers.chat),
    path(
        "models/<str:id>",
        models.one_model,
    ),
    path("api/auth/login", tenants.SessionViewSet.as_view({"post": "login"})),
]

ALIAS_PATHS = frozenset(
    re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{alias.pattern}") for alias in aliases
)
