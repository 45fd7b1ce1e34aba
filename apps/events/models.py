"""The audit trail. Rows are only ever added; triggers in the database hold what the methods here refuse.

A row's place in its organization's hash chain is given shortly after commit (`services.seal_pending`), so that
writers never queue behind each other; until then `sequence`, `previous_hash` and `hash` are null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from django.db import connection, models
from django.utils import timezone

from apps.core.crypto import EncryptedTextField
from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantManager, TenantModel, TenantQuerySet


class AppendOnly(RuntimeError):
    """Somebody tried to change or remove an audit entry: a bug of ours, so it is no `AppError`."""


class AuditQuerySet(TenantQuerySet["AuditEntry"]):
    """Reads. The one write besides inserting is `seal_entries`."""

    def update(self, **_: Any) -> NoReturn:
        raise AppendOnly("audit entries are never changed")

    def bulk_update(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnly("audit entries are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnly("audit entries are never removed")


class AuditEntry(TenantModel):
    """One deed: who did what to which object, from where, by which credential, and what it changed."""

    # An organization with a trail is closed, never erased: PROTECT says so before the trigger would.
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.PROTECT, related_name="+"
    )
    public_id = PublicIdField(prefix="audit")
    action = models.CharField(max_length=100)
    actor_id = models.CharField(max_length=80, blank=True)
    actor_name = models.CharField(max_length=255, blank=True)
    credential_kind = models.CharField(max_length=20)
    credential_id = models.CharField(max_length=80, blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=128, blank=True)
    object_id = models.CharField(max_length=80, blank=True)
    object_name = models.CharField(max_length=255, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField()
    sequence = models.PositiveBigIntegerField(null=True)
    previous_hash = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is "not sealed yet", unlike any text
    hash = models.CharField(max_length=64, null=True)  # noqa: DJ001 - as above

    objects: ClassVar[TenantManager[AuditEntry]] = TenantManager.from_queryset(AuditQuerySet)()  # type: ignore[assignment]  # a manager made on the spot

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "sequence"), name="events_auditentry_once_in_chain"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    sequence__isnull=True, previous_hash__isnull=True, hash__isnull=True
                )
                | models.Q(sequence__isnull=False, previous_hash__isnull=False, hash__isnull=False),
                name="events_auditentry_sealed_whole",
            ),
        )
        indexes = (
            models.Index(fields=("organization", "-id"), name="events_audit_newest"),
            models.Index(fields=("organization", "action", "-id"), name="events_audit_action"),
            models.Index(fields=("organization", "actor_id", "-id"), name="events_audit_actor"),
            models.Index(fields=("organization", "object_id", "-id"), name="events_audit_object"),
            models.Index(fields=("organization", "at"), name="events_audit_at"),
            models.Index(
                fields=("organization", "id"),
                name="events_audit_unsealed",
                condition=models.Q(hash__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.object_name}".strip()

    @property
    def actor(self) -> dict[str, str]:
        return {"id": self.actor_id, "name": self.actor_name}

    @property
    def object(self) -> dict[str, str]:
        return {"id": self.object_id, "name": self.object_name}

    @property
    def credential(self) -> dict[str, str]:
        return {"kind": self.credential_kind, "id": self.credential_id}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit entries are never changed")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnly("audit entries are never removed")


def seal_entries(entries: Sequence[AuditEntry]) -> None:
    """Give rows the places in the chain that are set on them; a row that has one already keeps it."""
    seals = [(each.sequence, each.previous_hash, each.hash, each.pk) for each in entries]
    # By hand: as many ORM updates take six times as long, and nobody else writes to SQLite meanwhile.
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE events_auditentry SET sequence = %s, previous_hash = %s, hash = %s "
            "WHERE id = %s AND hash IS NULL",
            seals,
        )


class AuditHead(TenantModel):
    """The end of an organization's chain. Its row lock lets one sealer in at a time."""

    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("organization",), name="events_audithead_one"),
        )

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.sequence}"


class OutboxEvent(TenantModel):
    """One event of a live topic, written in its fact's transaction.

    `sequence` counts within the organization and topic, `position` within the installation. Both are given
    at publication, shortly after commit, by whoever holds the sequencer; until then they are null.
    """

    topic = models.CharField(max_length=60)
    event = models.CharField(max_length=100)
    data = models.JSONField()
    at = models.DateTimeField()
    sequence = models.PositiveBigIntegerField(null=True)
    position = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "topic", "sequence"), name="events_outbox_once_in_topic"
            ),
            models.UniqueConstraint(fields=("position",), name="events_outbox_once_in_log"),
            models.CheckConstraint(
                condition=models.Q(sequence__isnull=True, position__isnull=True)
                | models.Q(sequence__isnull=False, position__isnull=False),
                name="events_outbox_numbered_whole",
            ),
        )
        indexes = (
            models.Index(
                fields=("id",),
                name="events_outbox_unpublished",
                condition=models.Q(sequence__isnull=True),
            ),
        )


class TopicHead(TenantModel):
    """A topic of an organization: its last number, what retention has taken, until when it is wanted.

    Events up to `floor` are gone. `followed_until` is kept up by processes with listeners, for topics whose
    events are only made while somebody follows.
    """

    topic = models.CharField(max_length=60)
    sequence = models.PositiveBigIntegerField(default=0)
    floor = models.PositiveBigIntegerField(default=0)
    followed_until = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "topic"), name="events_topichead_one_a_topic"
            ),
            models.CheckConstraint(
                condition=models.Q(floor__lte=models.F("sequence")),
                name="events_topichead_floor_below_head",
            ),
        )


class Sequencer(models.Model):
    """One row: who numbers events at present. `token` grows with each holder and fences off the one before.

    Its row lock lasts from a batch's first statement to its commit, so even two who both believe to hold the
    lease number one after the other, and the second is refused by the token.
    """

    holder = models.CharField(max_length=80, blank=True)
    token = models.PositiveBigIntegerField(default=0)
    until = models.DateTimeField(null=True)
    position = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(pk=1), name="events_sequencer_one_row"),
        )

    def __str__(self) -> str:
        return f"sequencer held by {self.holder}"


class WebhookEndpoint(TenantModel):
    """Somebody's server that hears of facts. During a rotation the previous secret signs too.

    `failing_since` is the first failure after the last success; after days of it the endpoint is disabled.
    """

    public_id = PublicIdField(prefix="webhook")
    url = models.CharField(max_length=2000)
    topics = models.JSONField(default=list)
    description = models.CharField(max_length=255, blank=True)
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(blank=True, default="")
    previous_until = models.DateTimeField(null=True)
    is_callback = models.BooleanField(default=False)
    """Made by a job's `callback_url`: a place where its deliveries queue up, one for each server, shown to nobody."""
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=20, blank=True)
    failing_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "url"),
                condition=models.Q(is_callback=True),
                name="events_webhook_one_callback_queue",
            ),
        )
        indexes = (models.Index(fields=("organization", "-id"), name="events_webhook_newest"),)

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(TenantModel):
    """One fact on its way to one endpoint, under one id however often it is tried.

    `due_at` is when to try next; while an attempt is under way it is when that attempt is given up for lost, so a
    process that dies leaves nothing to be cleaned up. `claim` fences off an attempt that was.
    """

    PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

    public_id = PublicIdField(prefix="msg")
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries"
    )
    url = models.CharField(max_length=2000, blank=True)
    """Its own address, where that is not the endpoint's."""
    job = models.CharField(max_length=40, blank=True)
    """The job of whose end it tells, where it is a callback."""
    event = models.CharField(max_length=100)
    body = models.TextField()
    state = models.CharField(
        max_length=10,
        default=PENDING,
        choices=[(word, word) for word in (PENDING, DELIVERED, FAILED)],
    )
    is_under_way = models.BooleanField(default=False)
    claim = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    """Attempts of the present round; a replay begins another."""
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        indexes = (
            models.Index(
                fields=("endpoint", "due_at"),
                condition=models.Q(state="pending"),
                name="events_delivery_due",
            ),
            models.Index(fields=("endpoint", "-id"), name="events_delivery_newest"),
            models.Index(
                fields=("finished_at",),
                condition=models.Q(finished_at__isnull=False),
                name="events_delivery_finished",
            ),
            models.Index(
                fields=("organization", "job"),
                condition=~models.Q(job=""),
                name="events_delivery_of_job",
            ),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.public_id}"

    @property
    def address(self) -> str:
        """Where it goes."""
        return self.url or self.endpoint.url

    @property
    def webhook_id(self) -> str | None:
        """The webhook it belongs to; a callback belongs to none."""
        return None if self.endpoint.is_callback else self.endpoint.public_id


class DeliveryAttempt(TenantModel):
    """What one attempt sent and what came back: masked, and of the answer's body only the beginning."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="log")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    milliseconds = models.FloatField(default=0.0)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=255, blank=True)
    request_headers = models.JSONField(default=dict)
    answer_headers = models.JSONField(default=dict)
    answer_body = models.TextField(blank=True)

    class Meta:
        indexes = (models.Index(fields=("delivery", "number"), name="events_attempt_of_delivery"),)
