"""The REST door of the prompt registry."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import ObjectField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.domain.prompts import LATEST, ROLES, variables_of
from apps.providers.models import Prompt, PromptVersion
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import prompts as queries
from apps.providers.rest.examples import MESSAGES, PROMPT, PROMPT_VERSION
from apps.providers.rest.fields import LongTextField
from apps.providers.services import prompts

VIEW, MANAGE = ProvidersPermission.PROMPT_VIEW, ProvidersPermission.PROMPT_MANAGE
ONE = OpenApiExample("A prompt", PROMPT, response_only=True)
VERSION = OpenApiExample("A version", PROMPT_VERSION, response_only=True)
ASKED = OpenApiExample(
    "With a variable",
    {"name": "tone", "messages": MESSAGES, "labels": ["production"]},
    request_only=True,
)
ADDED = OpenApiExample(
    "The next version", {"messages": MESSAGES, "note": "shorter"}, request_only=True
)
DESCRIBED = OpenApiExample(
    "Another word for it", {"description": "How we speak to customers"}, request_only=True
)
LABELLED = OpenApiExample(
    "Go back to the first", {"label": "production", "version": 1}, request_only=True
)
FILLED = OpenApiExample(
    "What production says",
    {"tag": "production", "variables": {"language": "French"}},
    request_only=True,
)
RENDERED = OpenApiExample(
    "Filled in",
    {
        "version": 1,
        "messages": [{"role": "system", "content": "You answer in French, in a sentence."}],
        "parameters": {"temperature": 0},
    },
    response_only=True,
)
DIFFERENCE: dict[str, Any] = {
    "from": 1,
    "to": 2,
    "text": "--- v1\n+++ v2\n@@ -1,2 +1,2 @@\n [system]\n-Hello\n+Bye",
    "parameters": {"temperature": {"before": 0, "after": 1}},
    "variables_added": [],
    "variables_removed": [],
}
COMPARED = OpenApiExample("What changed", DIFFERENCE, response_only=True)
TAG = f"A version's number, a label, or `{LATEST}`."


class MessageBody(BodySerializer):
    role = serializers.ChoiceField(choices=ROLES)
    content = LongTextField(help_text=r"Text with `{{variables}}`; `\{{` is two braces.")


class VersionBody(BodySerializer):
    messages = MessageBody(many=True)
    parameters = ObjectField(
        required=False, help_text="Defaults of a call: `temperature` and such."
    )
    note = CleanCharField(max_length=500, required=False, allow_blank=True)
    labels = serializers.ListField(
        child=CleanCharField(max_length=50), required=False, help_text="Labels that move to it."
    )


class PromptBody(VersionBody):
    name = CleanCharField(max_length=100)
    description = CleanCharField(max_length=500, required=False, allow_blank=True)


class PromptChangeBody(BodySerializer):
    description = CleanCharField(max_length=500, allow_blank=True)


class LabelBody(BodySerializer):
    label = CleanCharField(max_length=50)  # type: ignore[assignment]  # a field's own word for its caption
    version = WholeNumberField()


class RenderBody(BodySerializer):
    tag = CleanCharField(max_length=50, required=False, default=LATEST, help_text=TAG)
    variables = ObjectField(required=False)


class PromptSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    description = serializers.CharField()
    newest = serializers.IntegerField(help_text="Number of its newest version.")
    labels = serializers.DictField(child=serializers.IntegerField(), help_text="Label → version.")
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_labels(prompt: Prompt) -> dict[str, int]:
        return {label.name: label.version.number for label in prompt.labels.all()}


class PromptVersionSerializer(ReadSerializer):
    prompt = serializers.CharField(source="prompt.name")
    version = serializers.IntegerField(source="number")
    messages = serializers.ListField(child=serializers.DictField())
    parameters = serializers.DictField()
    variables = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField()
    created_by = serializers.CharField(allow_null=True, help_text="Id of a user.")
    created_at = serializers.DateTimeField()

    @staticmethod
    def get_variables(version: PromptVersion) -> list[str]:
        return variables_of(version.messages)

    @staticmethod
    def get_created_by(version: PromptVersion) -> str | None:
        return None if version.created_by is None else version.created_by.public_id


class RenderedSerializer(ReadSerializer):
    version = serializers.IntegerField()
    messages = serializers.ListField(child=serializers.DictField())
    parameters = serializers.DictField()


class DifferenceSerializer(ReadSerializer):
    to = serializers.IntegerField()
    text = serializers.CharField(help_text="A unified diff of the messages.")
    parameters = serializers.DictField()
    variables_added = serializers.ListField(child=serializers.CharField())
    variables_removed = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.IntegerField(), **super().get_fields()}


class PromptViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(MANAGE),
        "retrieve": Door(VIEW),
        "partial_update": Door(MANAGE),
        "destroy": Door(MANAGE),
        "versions": Door(VIEW),
        "add_version": Door(MANAGE),
        "version": Door(VIEW),
        "diff": Door(VIEW),
        "render": Door(VIEW),
        "set_label": Door(MANAGE),
        "remove_label": Door(MANAGE),
    }
    refusals: ClassVar = {"diff": (422,)}
    serializer_class = PromptSerializer

    @extend_schema(summary="The organisation's prompts", examples=[ONE])
    def list(self, request: Any) -> Response:
        found = queries.prompts(actor=self.actor)
        return self.page(found, PromptSerializer, ordering=("name", "created_at"))

    @extend_schema(
        summary="Make a prompt with its first version",
        request=PromptBody,
        responses={201: PromptSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = prompts.create_prompt(actor=self.actor, **self.read(PromptBody))
        return self.present(made, PromptSerializer, status=201)

    @extend_schema(summary="One prompt, by name or id", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.prompt(actor=self.actor, name=id), PromptSerializer)

    @extend_schema(
        summary="Describe a prompt anew",
        request=PromptChangeBody,
        responses=PromptSerializer,
        examples=[DESCRIBED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = prompts.describe_prompt(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(PromptChangeBody),
        )
        return self.present(changed, PromptSerializer)

    @extend_schema(summary="Remove a prompt that no route uses", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        prompts.remove_prompt(actor=self.actor, name=id, expected_revision=self.expected_revision())
        return self.nothing()

    @extend_schema(
        operation_id="prompts_versions_list",
        summary="The versions of a prompt, newest first",
        responses=PromptVersionSerializer(many=True),
        examples=[VERSION],
    )
    def versions(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.page(queries.versions(actor=self.actor, name=id), PromptVersionSerializer)

    @extend_schema(
        summary="Add a version",
        description="Versions never change; the labels named move to this one.",
        request=VersionBody,
        responses={201: PromptVersionSerializer},
        examples=[ADDED, VERSION],
    )
    def add_version(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        added = prompts.add_version(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(VersionBody),
        )
        return self.present(added, PromptVersionSerializer, status=201)

    @extend_schema(
        summary="One version, by number or label",
        responses=PromptVersionSerializer,
        examples=[VERSION],
    )
    def version(self, request: Any, id: str, tag: str) -> Response:  # noqa: A002 - the URL's word
        found = queries.version(actor=self.actor, name=id, tag=tag)
        return self.present(found, PromptVersionSerializer)

    @extend_schema(
        operation_id="prompts_diff",
        summary="What changed from one version to another",
        parameters=[
            OpenApiParameter("from", str, description=TAG, required=True),
            OpenApiParameter("to", str, description=f"{TAG} The newest by default."),
        ],
        responses=DifferenceSerializer,
        examples=[COMPARED],
    )
    def diff(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        query = request.query_params
        found = queries.difference(
            actor=self.actor, name=id, before=query.get("from"), after=query.get("to", LATEST)
        )
        return Response(found)

    @extend_schema(
        summary="Fill a prompt's variables in",
        description="A variable that is missing or unknown is refused by name.",
        request=RenderBody,
        responses=RenderedSerializer,
        examples=[FILLED, RENDERED],
    )
    def render(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return Response(queries.rendered(actor=self.actor, name=id, **self.read(RenderBody)))

    @extend_schema(
        summary="Let a label name a version",
        description="Routes that go by the label follow within a second.",
        request=LabelBody,
        responses=PromptSerializer,
        examples=[LABELLED, ONE],
    )
    def set_label(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = prompts.set_label(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(LabelBody),
        )
        return self.present(changed, PromptSerializer)

    @extend_schema(summary="Take a label away", responses={200: PromptSerializer}, examples=[ONE])
    def remove_label(self, request: Any, id: str, label: str) -> Response:  # noqa: A002 - the URL's word
        changed = prompts.remove_label(
            actor=self.actor, name=id, label=label, expected_revision=self.expected_revision()
        )
        return self.present(changed, PromptSerializer)
