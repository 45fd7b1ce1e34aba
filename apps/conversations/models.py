"""Conversations and their messages. Columns and constraints only.

What is long (texts) stands in messages; lists of conversations never read them.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.conversations.enums import MessageRole, MessageStatus, Trimming, Verdict, Visibility
from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel

VISIBILITIES = [(each.value, each.value) for each in Visibility]
ROLES = [(each.value, each.value) for each in MessageRole]
STATUSES = [(each.value, each.value) for each in MessageStatus]
TRIMMINGS = [(each.value, each.value) for each in Trimming]
VERDICTS = [(each.value, each.value) for each in Verdict]


class Conversation(TenantModel):
    """`owner` is the principal who began it: a person or a service account, by public id."""

    public_id = PublicIdField(prefix="conv")
    owner = models.CharField(max_length=80)
    owner_name = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=255, blank=True)
    is_title_given = models.BooleanField(default=False)
    """By a person; what was made up from the first message may be made anew."""
    model = models.CharField(max_length=100)
    system_prompt = models.TextField(blank=True)
    parameters = models.JSONField(default=dict)
    """`temperature` and the like, as they go into the call."""
    trimming = models.CharField(max_length=8, choices=TRIMMINGS, default=Trimming.OLDEST)
    context_tokens = models.PositiveIntegerField(null=True)
    """How much of the conversation the model is given; null: what the route's context holds."""
    visibility = models.CharField(max_length=16, choices=VISIBILITIES, default=Visibility.PRIVATE)
    tags = models.JSONField(default=list)
    head = models.ForeignKey(
        "conversations.Message", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """The last message of the active branch."""
    message_count = models.PositiveIntegerField(default=0)
    archived_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    """When something was last said or changed; what lists go by."""

    class Meta:
        ordering = ("-updated_at", "-pk")
        indexes = (
            models.Index(
                fields=("organization", "owner", "-updated_at", "-id"),
                name="conversations_newest_of_owner",
            ),
            models.Index(
                fields=("organization", "-updated_at", "-id"),
                condition=Q(visibility=Visibility.ORGANIZATION),
                name="conversations_newest_shown",
            ),
        )

    def __str__(self) -> str:
        return self.public_id  # the operator's pages show this, and a title is a text


class Message(TenantModel):
    """One message. Several with one parent are branches; a first message has none."""

    public_id = PublicIdField(prefix="msg")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    role = models.CharField(max_length=10, choices=ROLES)
    status = models.CharField(max_length=12, choices=STATUSES, default=MessageStatus.COMPLETE)
    content = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    """What the model thought aloud before it answered."""
    tool_calls = models.JSONField(default=list)
    files = models.JSONField(default=list)
    """Attached uploads as they were: `{id, name, size, content_type}`; their bytes stand in `core.files`."""
    model = models.CharField(max_length=100, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    cost_nano = models.BigIntegerField(null=True)
    """Billionths of a dollar."""
    context = models.JSONField(default=dict)
    """What the model was given: `{messages, tokens, left_out, summary}`; empty where nobody asked a model."""
    finish_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=80, blank=True)
    """Of the model call that made it: how usage and the request log name it."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("pk",)
        indexes = (models.Index(fields=("conversation", "id"), name="conversations_message_order"),)

    def __str__(self) -> str:
        return f"{self.role} {self.public_id}"


class Generation(TenantModel):
    """An answer being written: which process writes it, until when that is believed, and whether to stop.

    Gone when the message has ended. Its process writes the text down every moment and moves the lease on with it;
    a lease that has run out means that the process died.
    """

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="generation")
    process = models.CharField(max_length=80)
    lease_until = models.DateTimeField(db_index=True)
    stop_requested_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.message_id} by {self.process}"


class Summary(TenantModel):
    """What the messages of a branch up to one of them come to in short."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    until = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="summary")
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"until {self.until_id}"


class Feedback(TenantModel):
    """What one person thinks of an answer."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="feedback")
    principal = models.CharField(max_length=80)
    value = models.CharField(max_length=4, choices=VERDICTS)
    comment = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("message", "principal"), name="conversations_feedback_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_id} {self.value}"


class Share(TenantModel):
    """A link that shows a branch, as it was, to whoever has it. `digest` is of the link's secret."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="shares")
    until = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    until_length = models.PositiveIntegerField(default=0)
    """Characters of that message then: one that broke off may be gone on with."""
    title = models.CharField(max_length=255, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.conversation_id} until {self.until_id}"


class Comparison(TenantModel):
    """One prompt to several routes; each answer is a conversation's, the better one is chosen."""

    public_id = PublicIdField(prefix="cmp")
    owner = models.CharField(max_length=80)
    prompt = models.TextField()
    chosen = models.CharField(max_length=100, blank=True)
    """The route whose answer was the better one; `tie` when none was."""
    chosen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.public_id


class Contender(TenantModel):
    """One side of a comparison."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="contenders")
    model = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField()
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    answer = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=("comparison", "model"), name="conversations_contender_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.comparison_id} {self.model}"
