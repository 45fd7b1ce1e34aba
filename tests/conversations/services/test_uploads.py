from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.queries import uploads as queries
from apps.conversations.services import uploads
from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound, TooLarge, Unsupported
from apps.core.files import files, sweep
from apps.core.models import StoredFile
from apps.core.tenancy import organization_scope
from apps.tenants.models import Organization
from tests.factories.branches import make_conversation_of, make_shown_conversation_of
from tests.factories.parts import PNG
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _apart(settings: Any, tmp_path: Path) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture
def actor() -> Iterator[Actor]:
    made = actor_of(make_member())
    with organization_scope(made.organization_id):
        yield made


@pytest.fixture
def colleague(actor: Actor) -> Actor:
    return actor_of(make_member(Organization.objects.get(pk=actor.organization_id)))


def keep(actor: Actor, content: bytes = b"text", name: str = "a.txt", said: str = "") -> StoredFile:
    return uploads.keep_upload(actor=actor, stream=BytesIO(content), name=name, content_type=said)


@pytest.mark.parametrize(
    ("name", "said", "content", "kept_name", "kept_type"),
    [
        ("../../etc/passwd", "", b"x", "passwd", "text/plain; charset=utf-8"),
        ("..\\..\\boot.ini", "", b"x", "boot.ini", "text/plain; charset=utf-8"),
        ("/abs/a.png", "image/png", PNG, "a.png", "image/png"),
        ("a\u202egnp.txt", "", b"x", "agnp.txt", "text/plain; charset=utf-8"),
        ("a\r\nSet-Cookie: b.md", "", b"x", "aSet-Cookie: b.md", "text/markdown; charset=utf-8"),
        ("", "", b"x", "file", "text/plain; charset=utf-8"),
        ("..", "", b"x", "file", "text/plain; charset=utf-8"),
        ("x" * 5000, "", b"x", "x" * 255, "text/plain; charset=utf-8"),
        ("a.svg", "image/svg+xml", b"<svg/>", "a.svg", "text/plain; charset=utf-8"),
        ("a.html", "text/html", b"<script>", "a.html", "text/plain; charset=utf-8"),
        ("a.json", "", b'{"a": 1}', "a.json", "application/json; charset=utf-8"),
    ],
)
def test_keep_upload_keeps_bytes_under_a_clean_name_and_their_own_type(
    actor: Actor, name: str, said: str, content: bytes, kept_name: str, kept_type: str
) -> None:
    file = keep(actor, content, name, said)

    assert (file.name, file.content_type, file.size) == (kept_name, kept_type, len(content))
    with files.open(file) as kept:
        assert kept.read() == content


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"PK\x03\x04" + bytes(30), "a.zip", "application/zip"),
        (b"text", "a.png", "image/png"),
        (PNG, "a.jpg", "image/jpeg"),
        (b"{a}", "a.json", "application/json"),
        (b"", "a.txt", ""),
    ],
)
def test_keep_upload_of_what_is_not_what_it_says_keeps_nothing(
    actor: Actor, tmp_path: Path, content: bytes, name: str, said: str
) -> None:
    with pytest.raises(Unsupported):
        keep(actor, content, name, said)

    assert StoredFile.objects.count() == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_keep_upload_holds_its_limit(actor: Actor, settings: Any) -> None:
    settings.SIGNALBOX_UPLOAD_BYTES = 10

    assert keep(actor, b"a" * 10).size == 10
    with pytest.raises(TooLarge):
        keep(actor, b"a" * 11)


def test_what_is_not_attached_expires_after_a_day_and_what_is_does_not(actor: Actor) -> None:
    left, attached = keep(actor, b"left"), keep(actor, b"attached")
    with transaction.atomic():
        uploads.attach(
            actor=actor, conversation=make_conversation_of(actor), file_ids=[attached.public_id]
        )

    early = sweep.expire(now=timezone.now() + timedelta(hours=23))
    late = sweep.expire(now=timezone.now() + timedelta(hours=25))

    assert (early, late) == (0, 1)
    assert [file.pk for file in StoredFile.objects.all()] == [attached.pk]
    assert left.pk != attached.pk


def test_attach_tells_what_a_message_keeps_in_the_order_given_each_once(actor: Actor) -> None:
    one, two = keep(actor, b"1", "1.txt"), keep(actor, b"22", "2.md")
    talk = make_conversation_of(actor)

    with transaction.atomic():
        told = uploads.attach(
            actor=actor,
            conversation=talk,
            file_ids=[two.public_id, one.public_id, two.public_id],
        )
        again = uploads.attach(actor=actor, conversation=talk, file_ids=[one.public_id])

    assert told == [
        {
            "id": two.public_id,
            "name": "2.md",
            "size": 2,
            "content_type": "text/markdown; charset=utf-8",
        },
        {
            "id": one.public_id,
            "name": "1.txt",
            "size": 1,
            "content_type": "text/plain; charset=utf-8",
        },
    ]
    assert again == [told[1]]


def test_attach_refuses_what_is_not_ones_own_or_stands_elsewhere(
    actor: Actor, colleague: Actor
) -> None:
    talk, other = make_conversation_of(actor), make_conversation_of(actor)
    taken, foreign, gone = keep(actor), keep(colleague), keep(actor)
    StoredFile.objects.filter(pk=gone.pk).update(expires_at=timezone.now() - timedelta(1))
    with transaction.atomic():
        uploads.attach(actor=actor, conversation=other, file_ids=[taken.public_id])

    for wrong in (taken.public_id, foreign.public_id, "file_nope", "x" * 5000, gone.public_id):
        with pytest.raises(Invalid) as refused, transaction.atomic():
            uploads.attach(actor=actor, conversation=talk, file_ids=[wrong])
        assert [field.field for field in refused.value.fields] == ["attachments"]
    assert StoredFile.objects.filter(subject=talk.public_id).count() == 0


def test_attach_that_is_rolled_back_leaves_the_file_to_its_day(actor: Actor) -> None:
    file = keep(actor)

    with transaction.atomic():
        uploads.attach(
            actor=actor, conversation=make_conversation_of(actor), file_ids=[file.public_id]
        )
        transaction.set_rollback(True)

    file.refresh_from_db()
    assert (file.subject, file.expires_at is None) == (actor.principal, False)


def test_a_message_has_so_many_files_at_most(actor: Actor) -> None:
    names = [f"file_{number:032x}" for number in range(uploads.MOST_ATTACHED + 1)]

    with pytest.raises(Invalid, match="may have 10 entries"), transaction.atomic():
        uploads.attach(actor=actor, conversation=make_conversation_of(actor), file_ids=names)


def test_upload_of_is_its_owners_until_attached_then_its_readers(
    actor: Actor, colleague: Actor
) -> None:
    shown, private = make_shown_conversation_of(actor), make_conversation_of(actor)
    loose, open_to_all, kept_back = keep(actor, b"1"), keep(actor, b"2"), keep(actor, b"3")
    with transaction.atomic():
        uploads.attach(actor=actor, conversation=shown, file_ids=[open_to_all.public_id])
        uploads.attach(actor=actor, conversation=private, file_ids=[kept_back.public_id])

    for file in (loose, open_to_all, kept_back):
        assert queries.upload_of(actor=actor, file_id=file.public_id) == file
    assert queries.upload_of(actor=colleague, file_id=open_to_all.public_id) == open_to_all
    for file in (loose, kept_back):
        with pytest.raises(NotFound):
            queries.upload_of(actor=colleague, file_id=file.public_id)


def test_upload_of_gives_no_file_kept_for_something_else(actor: Actor) -> None:
    other = files.store(
        BytesIO(b"x"),
        organization_id=actor.organization_id,
        purpose="job.result",
        limit=10,
        subject=actor.principal,
    )

    with pytest.raises(NotFound):
        queries.upload_of(actor=actor, file_id=other.public_id)


def test_remove_upload_ends_a_loose_file_and_leaves_an_attached_one(actor: Actor) -> None:
    loose, attached = keep(actor, b"1"), keep(actor, b"2")
    with transaction.atomic():
        uploads.attach(
            actor=actor, conversation=make_conversation_of(actor), file_ids=[attached.public_id]
        )

    uploads.remove_upload(actor=actor, file_id=loose.public_id)
    with pytest.raises(Conflict):
        uploads.remove_upload(actor=actor, file_id=attached.public_id)

    assert list(StoredFile.objects.all()) == [attached]


def test_files_go_with_their_conversation(actor: Actor) -> None:
    going, staying = make_conversation_of(actor), make_conversation_of(actor)
    one, two = keep(actor, b"1"), keep(actor, b"2")
    with transaction.atomic():
        uploads.attach(actor=actor, conversation=going, file_ids=[one.public_id])
        uploads.attach(actor=actor, conversation=staying, file_ids=[two.public_id])

    with transaction.atomic():
        bus.publish(
            bus.Fact(
                topics.CONVERSATION_REMOVED,
                organization_id=actor.organization_id,
                actor=actor,
                object_id=going.public_id,
            )
        )

    assert list(StoredFile.objects.all()) == [two]
