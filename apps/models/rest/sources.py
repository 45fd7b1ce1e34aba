"""The REST door of the registries that models are followed from. No answer holds a credential."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import FlagField, ObjectField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.jobs.domain.results import links_of
from apps.models.enums import SourceAuth
from apps.models.permissions import ModelsPermission
from apps.models.queries import sources as queries
from apps.models.rest.source_examples import FOLLOW, SOURCE, TICKET
from apps.models.services import sources

READING, WRITING = Door(ModelsPermission.VIEW), Door(ModelsPermission.SOURCE_MANAGE)
ONE = OpenApiExample("A source", SOURCE, response_only=True)
ASKED = OpenApiExample(
    "Follow a champion",
    {
        "name": "lab",
        "url": "https://mlflow.example.com",
        "auth": "bearer",
        "credential": "…",
        "follows": [FOLLOW],
    },
    request_only=True,
)
CHANGED = OpenApiExample("Every minute", {"every_seconds": 60}, request_only=True)
TAKEN = OpenApiExample("Taken", TICKET, response_only=True, status_codes=["202"])
FOLLOWS = (
    "`{model, alias or stage, as}` each: a model there, the alias or stage (Production, Staging) that names a version of "
    "it, and the model's name here, theirs if left out."
)
ADDRESS = (
    "An MLflow server that proxies its artefacts. Private addresses are for the operator to allow."
)


class SourceTerms(BodySerializer):
    auth = CleanCharField(
        max_length=10, required=False, help_text=f"One of {', '.join(SourceAuth)}."
    )
    username = CleanCharField(max_length=200, required=False, allow_blank=True)
    credential = CleanCharField(
        max_length=8192,
        required=False,
        allow_blank=True,
        help_text="A password or token. Kept encrypted, sent to the host of `url` alone, never shown again.",
    )
    follows = serializers.ListField(child=ObjectField(), required=False, help_text=FOLLOWS)
    every_seconds = WholeNumberField(
        min_value=sources.SECONDS[0], max_value=sources.SECONDS[1], required=False
    )
    enabled = FlagField(required=False, source="is_enabled")


class SourceBody(SourceTerms):
    name = CleanCharField(max_length=100)
    url = CleanCharField(max_length=2000, help_text=ADDRESS)


class SourceChangeBody(SourceTerms):
    name = CleanCharField(max_length=100, required=False)
    url = CleanCharField(
        max_length=2000, required=False, help_text="Another host drops the credential."
    )


class SourceSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    url = serializers.CharField()
    auth = serializers.ChoiceField(choices=list(SourceAuth))
    username = serializers.CharField()
    has_credential = serializers.BooleanField()
    credential_hint = serializers.CharField(help_text="Its last four characters, if it is long.")
    follows = serializers.ListField(child=serializers.DictField(), help_text=FOLLOWS)
    every_seconds = serializers.IntegerField()
    enabled = serializers.BooleanField(source="is_enabled")
    owner = serializers.CharField(
        allow_null=True, help_text="In whose name versions are published: who changed it last."
    )
    next_at = serializers.DateTimeField()
    synced_at = serializers.DateTimeField(allow_null=True)
    sync_error = serializers.CharField(help_text="Of the last run as a whole.")
    outcomes = serializers.ListField(
        child=serializers.DictField(),
        help_text="Of the last run, one for each that is followed; `state` is current, moved, waiting, checking or failed.",
    )
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_has_credential(source: Any) -> bool:
        return bool(source.credential)

    @staticmethod
    def get_owner(source: Any) -> str | None:
        return source.owner.public_id if source.owner else None


class SyncTicketSerializer(ReadSerializer):
    job_id = serializers.CharField(source="public_id")
    status = serializers.CharField(source="state")
    created_at = serializers.DateTimeField()
    links = serializers.DictField(child=serializers.CharField())

    @staticmethod
    def get_links(job: Any) -> dict[str, Any]:
        return links_of(job.public_id)


class SourceViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": READING,
        "create": WRITING,
        "retrieve": READING,
        "partial_update": WRITING,
        "destroy": WRITING,
        "sync": WRITING,
    }
    refusals: ClassVar = {"create": (409,), "partial_update": (409,)}
    serializer_class = SourceSerializer

    @extend_schema(
        operation_id="mlflow_sources_list",
        summary="The MLflow registries that models are followed from",
        examples=[ONE],
    )
    def list(self, request: Any) -> Response:
        found = queries.sources(actor=self.actor)
        return self.page(found, SourceSerializer, ordering=("name", "created_at", "synced_at"))

    @extend_schema(
        operation_id="mlflow_sources_create",
        summary="Follow models of an MLflow registry",
        description=(
            "What an alias or stage names there is fetched, opened in a limited process as any upload is, published as a "
            "version, and named here by the same alias or stage, at once and then every `every_seconds`."
        ),
        request=SourceBody,
        responses={201: SourceSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = sources.create_source(actor=self.actor, **self.read(SourceBody))
        response = self.present(made, SourceSerializer, status=201)
        response.headers["Location"] = f"/api/v1/mlflow-sources/{made.public_id}"
        return response

    @extend_schema(operation_id="mlflow_sources_retrieve", summary="One source", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.source(actor=self.actor, source_id=id), SourceSerializer)

    @extend_schema(
        operation_id="mlflow_sources_update",
        summary="Change a source",
        description="What is not named stays. Whoever changes it is its owner from then on.",
        request=SourceChangeBody,
        responses=SourceSerializer,
        examples=[CHANGED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = sources.change_source(
            actor=self.actor,
            source_id=id,
            expected_revision=self.expected_revision(),
            **self.read(SourceChangeBody),
        )
        return self.present(changed, SourceSerializer)

    @extend_schema(
        operation_id="mlflow_sources_destroy",
        summary="Follow it no longer",
        description="What was imported stays.",
        responses={204: None},
    )
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        sources.remove_source(
            actor=self.actor, source_id=id, expected_revision=self.expected_revision()
        )
        return self.nothing()

    @extend_schema(
        operation_id="mlflow_sources_sync",
        summary="Look now",
        description="The job that does it, or the one that is at it; its result are the outcomes.",
        request=None,
        responses={202: SyncTicketSerializer},
        examples=[TAKEN],
    )
    def sync(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        job = sources.sync_source(actor=self.actor, source_id=id)
        return Response(SyncTicketSerializer(job).data, status=202)
