"""The shapes of jobs: what callers may send, what they get."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.rest.fields import ObjectField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.jobs.domain.priorities import WORDS, Priority
from apps.jobs.domain.results import links_of
from apps.jobs.models import Job
from apps.jobs.queries import jobs, lists
from apps.jobs.services.submissions import MAX_TOGETHER, MAX_URL

NAMES = {"from": "since", "to": "until"}
RESULT = (
    "What its work gave, null until then; above 1 MB the description of a file: see `links.result`."
)
CALLBACK = "Told by a signed webhook when the job has ended."


class JobBody(BodySerializer):
    kind = CleanCharField(max_length=80, help_text="A name that `GET /api/v1/jobs/kinds` lists.")
    payload = ObjectField(required=False, help_text="What the kind asks for.")
    priority = serializers.ChoiceField(choices=WORDS, required=False)
    callback_url = CleanCharField(
        max_length=MAX_URL, required=False, allow_blank=True, help_text=CALLBACK
    )
    run_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Not before this moment."
    )


class NewJobBody(JobBody):
    parent = CleanCharField(  # type: ignore[assignment]  # DRF takes declared fields off the class
        max_length=80, required=False, help_text="A job of yours whose progress counts this one."
    )


class BulkBody(BodySerializer):
    jobs = JobBody(many=True, allow_empty=False, help_text=f"1 to {MAX_TOGETHER}; all or none.")
    name = CleanCharField(max_length=200, required=False, allow_blank=True)
    callback_url = CleanCharField(
        max_length=MAX_URL, required=False, allow_blank=True, help_text=CALLBACK
    )


class LinksSerializer(ReadSerializer):
    status = serializers.CharField()
    stream = serializers.CharField()
    events = serializers.CharField()
    cancel = serializers.CharField()
    result = serializers.CharField()


class CreatorSerializer(ReadSerializer):
    id = serializers.CharField()
    name = serializers.CharField()


class TicketSerializer(ReadSerializer):
    """What a submission is answered with: where to look from now on."""

    job_id = serializers.CharField(source="public_id")
    status = serializers.ChoiceField(choices=lists.STATES, source="state")
    created_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    @staticmethod
    def get_links(job: Job) -> LinksSerializer:
        return links_of(job.public_id)  # type: ignore[return-value]  # the annotation is the documented shape


class GroupTicketSerializer(TicketSerializer):
    """The group that holds the jobs together, and their ids in the order they were sent."""

    jobs = serializers.ListField(child=serializers.CharField())

    @staticmethod
    def get_jobs(job: Job) -> list[str]:
        return lists.child_ids(job)


class JobSerializer(ReadSerializer):
    """A job without what may be large, as lists show it."""

    id = serializers.CharField(source="public_id")
    job_id = serializers.CharField(source="public_id")
    kind = serializers.CharField()
    status = serializers.ChoiceField(choices=lists.STATES, source="state")
    priority = serializers.ChoiceField(choices=WORDS)
    progress = serializers.FloatField()
    message = serializers.CharField()
    steps = serializers.ListField(child=serializers.DictField())
    estimated_completion = serializers.SerializerMethodField()
    attempts = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    error = serializers.DictField(child=serializers.CharField(), allow_null=True)
    created_by = serializers.SerializerMethodField()
    parent = serializers.SerializerMethodField()  # type: ignore[assignment]  # as above
    run_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    cancel_requested_at = serializers.DateTimeField(allow_null=True)

    @staticmethod
    def get_priority(job: Job) -> str:
        return Priority(job.priority).word

    @staticmethod
    def get_estimated_completion(job: Job) -> datetime | None:
        return jobs.estimated_end(job)

    @staticmethod
    @extend_schema_field(CreatorSerializer(allow_null=True))
    def get_created_by(job: Job) -> dict[str, str] | None:
        return {"id": job.creator, "name": job.creator_name} if job.creator else None

    @staticmethod
    def get_parent(job: Job) -> str | None:
        return job.parent.public_id if job.parent else None


class WholeJobSerializer(JobSerializer):
    payload = serializers.DictField(child=serializers.JSONField())
    result = serializers.JSONField(help_text=RESULT)
    callback_url = serializers.CharField()
    children = serializers.SerializerMethodField(help_text="How many there are in each state.")
    links = serializers.SerializerMethodField()

    @staticmethod
    def get_children(job: Job) -> dict[str, int] | None:
        return jobs.count_children(job=job) or None

    @staticmethod
    def get_links(job: Job) -> LinksSerializer:
        return links_of(job.public_id)  # type: ignore[return-value]  # as above


class JobFilter(django_filters.FilterSet):
    """Names the filters and reads their values; what they mean is the query's."""

    state = django_filters.CharFilter(label="One of the states, or several with commas.")
    kind = django_filters.CharFilter(label="A kind of work.")
    priority = django_filters.CharFilter(label="critical, high, normal or low.")
    parent = django_filters.CharFilter(label="Id of the job these are children of.")

    class Meta:
        model = Job
        fields = ()

    def filter_queryset(self, queryset: Any) -> Any:
        asked = {NAMES.get(name, name): value for name, value in self.form.cleaned_data.items()}
        return lists.narrow(queryset, **{name: value or None for name, value in asked.items()})


# `from` is a word of Python's, so these two are added by name.
JobFilter.base_filters["from"] = django_filters.IsoDateTimeFilter(label="Created then or later.")
JobFilter.base_filters["to"] = django_filters.IsoDateTimeFilter(label="Created before then.")
