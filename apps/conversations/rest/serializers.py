"""The shapes of conversations and messages: what callers may send, what they get."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from apps.conversations.domain import terms
from apps.conversations.enums import MessageRole, MessageStatus, Trimming, Verdict, Visibility
from apps.conversations.models import Conversation, Message
from apps.conversations.queries.conversations import ARCHIVED
from apps.conversations.queries.shown import ConversationView, MessageView, OwnerStats, Rollup
from apps.core.rest.fields import FlagField, ObjectField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.providers.domain.budgets import to_dollars

LONGEST_MODEL = 50
VISIBILITIES = [str(each) for each in Visibility]
TRIMMINGS = [str(each) for each in Trimming]


class TextField(serializers.CharField):
    """A text of many lines, kept as it is; what is wrong with one the domain says."""

    default_error_messages = {"type": "must be a string"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        return data


class WordField(serializers.ChoiceField):
    """One of a few words, and nothing that only looks like one."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class SettingsBody(BodySerializer):
    """Everything of a conversation but its model; each may be left out."""

    title = CleanCharField(
        max_length=terms.LONGEST_TITLE,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Without one, the first line of the first message.",
    )
    system_prompt = TextField(required=False, allow_null=True)
    parameters = ObjectField(
        required=False, help_text=f"How answers are sampled: {', '.join(terms.PARAMETERS)}."
    )
    trimming = WordField(
        choices=TRIMMINGS,
        required=False,
        help_text="What becomes of messages that the model's context has no room for.",
    )
    context_tokens = WholeNumberField(
        required=False,
        allow_null=True,
        help_text="How much of the conversation the model is given; null: what it takes.",
    )
    visibility = WordField(
        choices=VISIBILITIES,
        required=False,
        help_text="`organization`: every member may read it; its owner alone writes.",
    )
    tags = serializers.ListField(
        child=CleanCharField(max_length=terms.LONGEST_TAG),
        required=False,
        help_text=f"At most {terms.MOST_TAGS}.",
    )
    archived = FlagField(required=False)


class ConversationBody(SettingsBody):
    model = CleanCharField(max_length=LONGEST_MODEL, help_text="A route's name.")


class ConversationChangeBody(SettingsBody):
    model = CleanCharField(max_length=LONGEST_MODEL, required=False, help_text="A route's name.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                {"body": ["must name a field to change"]}, code="required"
            )
        return attrs


class FeedbackBody(BodySerializer):
    value = WordField(
        choices=[str(each) for each in Verdict],
        allow_null=True,
        help_text="null takes back what was said.",
    )
    comment = TextField(required=False)


class UsedSerializer(ReadSerializer):
    """Tokens, in the words of the stream, and dollars."""

    prompt = serializers.IntegerField()
    completion = serializers.IntegerField()
    total = serializers.IntegerField()
    cost = serializers.FloatField(help_text="Dollars.")


class ConversationOwnerSerializer(ReadSerializer):
    id = serializers.CharField()
    name = serializers.CharField()


class ConversationSerializer(ReadSerializer):
    """As lists have it: nothing anybody wrote but the title and the tags."""

    id = serializers.CharField(source="public_id")
    title = serializers.CharField(allow_null=True)
    model = serializers.CharField()
    owner = ConversationOwnerSerializer()
    visibility = serializers.ChoiceField(choices=VISIBILITIES)
    tags = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField()
    trimming = serializers.ChoiceField(choices=TRIMMINGS)
    context_tokens = serializers.IntegerField(allow_null=True)
    archived = serializers.BooleanField()
    archived_at = serializers.DateTimeField(allow_null=True)
    message_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_title(conversation: Conversation) -> str | None:
        return conversation.title or None

    @staticmethod
    def get_owner(conversation: Conversation) -> dict[str, Any]:
        return {"id": conversation.owner, "name": conversation.owner_name}

    @staticmethod
    def get_archived(conversation: Conversation) -> bool:
        return conversation.archived_at is not None


class OpenConversationSerializer(ConversationSerializer):
    """One conversation, with its system prompt, the end of its active branch, and what it used."""

    system_prompt = serializers.CharField()
    head_id = serializers.CharField(
        allow_null=True, help_text="The last message of the active branch."
    )
    usage = UsedSerializer()

    def to_representation(self, instance: ConversationView) -> dict[str, Any]:
        row = instance.conversation
        return {
            **ConversationSerializer().to_representation(row),
            "system_prompt": row.system_prompt,
            "head_id": instance.head,
            "usage": used(instance.usage),
        }


class AttachmentSerializer(ReadSerializer):
    id = serializers.CharField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    content_type = serializers.CharField()


class SiblingsSerializer(ReadSerializer):
    count = serializers.IntegerField()
    position = serializers.IntegerField(help_text="From 1.")
    ids = serializers.ListField(
        child=serializers.CharField(), help_text="Itself and those around it, oldest first."
    )


class FeedbackSerializer(ReadSerializer):
    value = serializers.ChoiceField(choices=[str(each) for each in Verdict])
    comment = serializers.CharField()


class FailureSerializer(ReadSerializer):
    code = serializers.CharField()
    message = serializers.CharField()


class MessageSerializer(ReadSerializer):
    """One message, with its place in the tree; what a model did not say is null or empty."""

    id = serializers.CharField(source="message.public_id")
    role = serializers.ChoiceField(
        choices=[str(each) for each in MessageRole], source="message.role"
    )
    content = serializers.CharField(source="message.content")
    parent_id = serializers.CharField(source="parent", allow_null=True)
    status = serializers.ChoiceField(choices=[str(each) for each in MessageStatus])
    created_at = serializers.DateTimeField(source="message.created_at")
    finished_at = serializers.DateTimeField(source="message.finished_at", allow_null=True)
    usage = UsedSerializer(allow_null=True)
    model = serializers.CharField(allow_null=True)
    reasoning = serializers.CharField(source="message.reasoning")
    tool_calls = serializers.ListField(child=serializers.DictField(), source="message.tool_calls")
    attachments = AttachmentSerializer(many=True, source="message.files")
    context = serializers.DictField(  # type: ignore[assignment]  # a field takes the name, as DRF allows
        source="message.context",
        help_text="What the model was given: `messages`, `tokens`, `left_out`, `summary`.",
    )
    finish_reason = serializers.CharField(source="message.finish_reason")
    error = FailureSerializer(allow_null=True)
    request_id = serializers.CharField(source="message.request_id")
    siblings = SiblingsSerializer()
    feedback = FeedbackSerializer(allow_null=True)

    @staticmethod
    def get_attachments(view: MessageView) -> list[dict[str, Any]]:
        return list(view.message.files)

    @staticmethod
    def get_usage(view: MessageView) -> dict[str, Any] | None:
        return used_by(view.message)

    @staticmethod
    def get_model(view: MessageView) -> str | None:
        return view.message.model or None

    @staticmethod
    def get_error(view: MessageView) -> dict[str, Any] | None:
        row = view.message
        if not row.error_code:
            return None
        return {"code": row.error_code, "message": row.error_message}

    @staticmethod
    def get_feedback(view: MessageView) -> dict[str, Any] | None:
        if view.verdict is None:
            return None
        return {"value": view.verdict, "comment": view.comment}


class OwnerStatsSerializer(ReadSerializer):
    owner = ConversationOwnerSerializer()
    conversations = serializers.IntegerField(source="held")
    archived = serializers.IntegerField()
    messages = serializers.IntegerField(source="said")
    usage = UsedSerializer()
    last_at = serializers.DateTimeField()

    @staticmethod
    def get_owner(stats: OwnerStats) -> dict[str, Any]:
        return {"id": stats.owner, "name": stats.name}

    @staticmethod
    def get_usage(stats: OwnerStats) -> dict[str, Any]:
        return used(stats.usage)


class ConversationFilter(django_filters.FilterSet):
    """Names the filters and their values; what they mean is the query's."""

    archived = django_filters.ChoiceFilter(
        choices=[(word, word) for word in ARCHIVED],
        label="Archived ones stay away unless asked for; `all`: both.",
    )
    tag = django_filters.CharFilter(label="Those that carry it.")
    model = django_filters.CharFilter(label="A route's name.")
    visibility = django_filters.ChoiceFilter(choices=[(word, word) for word in VISIBILITIES])
    mine = django_filters.ChoiceFilter(
        choices=[("true", "true"), ("false", "false")], label="One's own, or those of others."
    )

    class Meta:
        model = Conversation
        fields = ()

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset


def used(rollup: Rollup) -> dict[str, Any]:
    return {
        "prompt": rollup.prompt_tokens,
        "completion": rollup.completion_tokens,
        "total": rollup.prompt_tokens + rollup.completion_tokens,
        "cost": float(to_dollars(rollup.cost_nano)),
    }


def used_by(message: Message) -> dict[str, Any] | None:
    """None where no model was asked, or none has said yet."""
    if message.prompt_tokens is None and message.completion_tokens is None:
        return None
    prompt, completion = message.prompt_tokens or 0, message.completion_tokens or 0
    return used(Rollup(prompt, completion, message.cost_nano or 0))
