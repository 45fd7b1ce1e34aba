"""The registries that models are followed from: made, changed, removed, asked to look now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydantic import BaseModel, ConfigDict

from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url
from apps.core.permissions import require
from apps.core.tenancy import organization_scope
from apps.core.text import clean_line
from apps.jobs.domain.kinds import Kind, declare
from apps.jobs.services import queue
from apps.models import topics
from apps.models.domain.mlflow.follows import read_follows
from apps.models.enums import SourceAuth
from apps.models.models import MlflowSource
from apps.models.permissions import ModelsPermission
from apps.models.queries import sources as queries
from apps.models.services.announcing import deed, hold, refuse_more

if TYPE_CHECKING:
    from apps.jobs.models import Job

MOST_SOURCES = 200
SECONDS = (60, 604_800)
"""Between two looks: a minute to a week."""
LONGEST_CREDENTIAL = 8192
SHORTEST_HINTED = 16
MOST_DUE = 500


class SyncPayload(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    source: str


SYNC = declare(
    Kind(
        "models.mlflow_sync",
        SyncPayload,
        time_limit=3600.0,
        max_attempts=1,
        dedupe=lambda payload: f"mlflow_sync:{payload.source}",
    )
)
"""Enqueued by `sync_source` and by the schedule alone."""


def create_source(*, actor: Actor, name: str, url: str, **more: Any) -> MlflowSource:
    """`more`: auth, username, credential, follows, every_seconds, is_enabled.

    Raises `PermissionDenied`, `Invalid`, `NameTaken`, `TooMany`.
    """
    _refuse_beyond(actor, more)
    source = MlflowSource(organization_id=actor.organization_id, owner_id=actor.user_id)
    _apply(source, {"name": name, "url": url, **more})
    with deed():
        refuse_more(MlflowSource.objects.count(), MOST_SOURCES, "sources")
        source.save()
        publish(actor, topics.SOURCE_CREATED, source, after=values(source))
    return queries.source_at(source.public_id)


def change_source(
    *, actor: Actor, source_id: str, expected_revision: int | None = None, **new: Any
) -> MlflowSource:
    """What is not named stays; whoever changes it is its owner from then on.

    Another address drops the credential, unless a new one comes in the same change: it was given for the one before.
    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, `NameTaken`.
    """
    require(actor, ModelsPermission.SOURCE_MANAGE)
    with deed():
        source = hold(queries.source_at(source_id), expected_revision)
        _refuse_beyond(actor, {"follows": source.follows, **new})
        before = values(source)
        _apply(source, new)
        source.owner_id = actor.user_id
        source.revision += 1
        source.next_at = timezone.now()
        source.save()
        after = values(source) | ({"credential_replaced": True} if new.get("credential") else {})
        publish(actor, topics.SOURCE_CHANGED, source, before=before, after=after)
    return queries.source_at(source_id)


def remove_source(*, actor: Actor, source_id: str, expected_revision: int | None = None) -> None:
    """What was imported stays. Raises `NotFound`, `PermissionDenied`, `Stale`."""
    require(actor, ModelsPermission.SOURCE_MANAGE)
    with deed():
        source = hold(queries.source_at(source_id), expected_revision)
        publish(actor, topics.SOURCE_REMOVED, source, before=values(source))
        source.delete()


def sync_source(*, actor: Actor, source_id: str) -> Job:
    """Look now, whether it is due or not; the job that does it, or that is at it. Raises `NotFound`, `PermissionDenied`."""
    require(actor, ModelsPermission.SOURCE_MANAGE)
    source = queries.source_at(source_id)
    with transaction.atomic():
        _put_off(source, timezone.now())
        payload = SyncPayload(source=source.public_id)
        return queue.enqueue(SYNC, payload, organization_id=actor.organization_id, actor=actor)


def enqueue_due(now: datetime) -> int:
    """A job for each source that is due, in any organization; for the schedule, which has no scope."""
    due = MlflowSource.objects.filter(is_enabled=True, next_at__lte=now)
    found = list(due.order_by("next_at")[:MOST_DUE])
    for source in found:
        with organization_scope(source.organization_id), transaction.atomic():
            _put_off(source, now)
            payload = SyncPayload(source=source.public_id)
            queue.enqueue(SYNC, payload, organization_id=source.organization_id)
    return len(found)


def _put_off(source: MlflowSource, now: datetime) -> None:
    """The next look by the schedule; nobody's change, so its revision stays."""
    later = now + timedelta(seconds=source.every_seconds)
    MlflowSource.objects.filter(pk=source.pk).update(next_at=later)


def values(source: MlflowSource) -> dict[str, Any]:
    """What the trail keeps of it."""
    return {
        "name": source.name,
        "url": source.url,
        "auth": str(source.auth),
        "username": source.username,
        "has_credential": bool(source.credential),
        "follows": source.follows,
        "every_seconds": source.every_seconds,
        "enabled": source.is_enabled,
    }


def publish(
    actor: Actor | None,
    topic: str,
    source: MlflowSource,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=source.organization_id,
            actor=actor,
            object_id=source.public_id,
            object_name=source.name,
            before=before,
            after=after,
        )
    )


def _refuse_beyond(actor: Actor, new: Mapping[str, Any]) -> None:
    """What is followed is published by its owner's own rights, later: a key must not reach beyond its own by that."""
    require(actor, ModelsPermission.SOURCE_MANAGE)
    require(actor, ModelsPermission.MANAGE)
    bound = actor.identity.models
    for at, follow in enumerate(read_follows(new.get("follows", []))):
        if bound is not None and follow.name not in bound:
            raise Invalid.field(f"follows.{at}.as", "is no model of the key you use", "bound")


def _apply(source: MlflowSource, new: Mapping[str, Any]) -> None:
    if "name" in new:
        source.name = clean_line(new["name"], field="name")[:100]
    if "url" in new:
        _set_url(source, new["url"])
    if "auth" in new:
        source.auth = _auth(new["auth"])
    if "username" in new:
        source.username = _plain("username", new["username"], 200, ":")
    if "credential" in new:
        _set_credential(source, new["credential"])
    if "follows" in new:
        source.follows = [follow.document() for follow in read_follows(new["follows"])]
    if "every_seconds" in new:
        source.every_seconds = _interval(new["every_seconds"])
    source.is_enabled = new.get("is_enabled", source.is_enabled)
    if source.auth == SourceAuth.NONE:
        source.username, source.credential, source.credential_hint = "", "", ""
    elif not source.credential:
        raise Invalid.field("credential", f"is needed for {source.auth}", "required")


def _set_url(source: MlflowSource, url: str) -> None:
    url = url.strip().rstrip("/")
    try:
        judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    except Forbidden as error:
        raise error.as_field("url") from None
    if "?" in url or "#" in url:
        raise Invalid.field("url", "must not hold ? or #", "invalid")
    if source.url and _origin(url) != _origin(source.url):
        source.credential, source.credential_hint = "", ""
        source.outcomes, source.synced_at, source.sync_error = [], None, ""
    source.url = url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _set_credential(source: MlflowSource, credential: str) -> None:
    source.credential = _plain("credential", credential.strip(), LONGEST_CREDENTIAL)
    is_long = len(source.credential) >= SHORTEST_HINTED
    source.credential_hint = source.credential[-4:] if is_long else ""


def _plain(field: str, text: str, most: int, forbidden: str = "") -> str:
    is_plain = text.isascii() and text.isprintable() and not set(text) & {" ", *forbidden}
    if len(text) > most or not is_plain:
        message = f"must be printable ASCII without spaces, {most} characters at most"
        raise Invalid.field(field, message, "invalid")
    return text


def _auth(word: str) -> SourceAuth:
    if word not in set(SourceAuth):
        raise Invalid.field("auth", f"must be among: {', '.join(SourceAuth)}", "choice")
    return SourceAuth(word)


def _interval(seconds: int) -> int:
    least, most = SECONDS
    if not least <= seconds <= most:
        raise Invalid.field("every_seconds", f"must be {least} to {most}", "range")
    return seconds
