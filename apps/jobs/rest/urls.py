"""Paths of jobs below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.jobs.rest.events import job_events
from apps.jobs.rest.status import job_status
from apps.jobs.rest.views import JobViewSet

urlpatterns = [
    path("jobs", JobViewSet.as_view({"get": "list", "post": "create"})),
    path("jobs/bulk", JobViewSet.as_view({"post": "bulk"})),
    path("jobs/kinds", JobViewSet.as_view({"get": "kinds"})),
    path("jobs/<str:id>", JobViewSet.as_view({"get": "retrieve"})),
    path("jobs/<str:id>/cancel", JobViewSet.as_view({"post": "cancel"})),
    path("jobs/<str:id>/retry", JobViewSet.as_view({"post": "retry"})),
    path("jobs/<str:id>/result", JobViewSet.as_view({"get": "result"})),
    path("jobs/<str:id>/status", job_status),
    path("jobs/<str:id>/events", job_events),
]
