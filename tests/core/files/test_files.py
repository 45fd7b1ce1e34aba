"""Files from their stream to their end, on a real disk."""

from __future__ import annotations

import hashlib
import io
import resource
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import NoRoom, NotFound, TooLarge, Unavailable
from apps.core.files import files, sweep
from apps.core.models import StoredFile
from apps.core.tenancy import organization_scope
from apps.tenants.models import Organization
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

BYTES = b"signal" * 100_000
DIGEST = hashlib.sha256(BYTES).hexdigest()
OnDisk = Callable[[], list[str]]


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


def keep(organization: Organization, content: bytes = BYTES, **values: Any) -> StoredFile:
    return files.store(
        io.BytesIO(content),
        organization_id=organization.pk,
        **{"purpose": "test.file", "limit": 10_000_000, **values},
    )


def read(file: StoredFile) -> bytes:
    with files.open(file) as stream:
        return stream.read()


def test_store_keeps_bytes_under_their_digest(organization: Organization, on_disk: OnDisk) -> None:
    file = keep(organization, name="a.bin", content_type="Text/CSV", subject="job_1")

    assert read(file) == BYTES
    assert (file.size, file.digest, file.name) == (600_000, DIGEST, "a.bin")
    assert (file.content_type, file.subject, file.expires_at) == ("text/csv", "job_1", None)
    assert file.public_id.startswith("file_")
    assert on_disk() == [f"{DIGEST[:2]}/{organization.pk}-{DIGEST}"]


def test_store_takes_pieces_of_any_size(organization: Organization) -> None:
    pieces = (BYTES[start : start + 7_001] for start in range(0, len(BYTES), 7_001))

    file = files.store(
        pieces, organization_id=organization.pk, purpose="test.file", limit=len(BYTES)
    )

    assert (file.digest, read(file)) == (DIGEST, BYTES)


def test_equal_bytes_are_kept_once_an_organization(
    organization: Organization, on_disk: OnDisk
) -> None:
    other = make_organization()

    keep(organization), keep(organization), keep(other)

    assert on_disk() == sorted(
        f"{DIGEST[:2]}/{number}-{DIGEST}" for number in (organization.pk, other.pk)
    )


def test_store_beyond_its_limit_leaves_nothing(organization: Organization, on_disk: OnDisk) -> None:
    with pytest.raises(TooLarge) as caught:
        keep(organization, limit=len(BYTES) - 1)

    assert caught.value.code == "file_too_large"
    assert (on_disk(), count(organization)) == ([], 0)


def test_store_of_a_stream_that_breaks_off_leaves_nothing(
    organization: Organization, on_disk: OnDisk
) -> None:
    def broken() -> Iterator[bytes]:
        yield BYTES
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        files.store(broken(), organization_id=organization.pk, purpose="test.file", limit=10**9)

    assert (on_disk(), count(organization)) == ([], 0)


def test_store_on_a_full_disk_says_no_room_and_leaves_nothing(
    organization: Organization, on_disk: OnDisk
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        with pytest.raises(NoRoom):
            keep(organization)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert (on_disk(), count(organization)) == ([], 0)
    assert read(keep(organization)) == BYTES


def test_find_answers_for_its_organization_purpose_and_subject_alone(
    organization: Organization,
) -> None:
    file = keep(organization, subject="job_1")
    foreign = keep(make_organization())
    wanted = {"file_id": file.public_id, "purpose": "test.file"}

    with organization_scope(organization.pk):
        assert files.find(**wanted, subject="job_1") == file
        for asked in (
            {**wanted, "file_id": foreign.public_id},
            {**wanted, "purpose": "test.other"},
            {**wanted, "subject": "job_2"},
            {**wanted, "file_id": "nonsense"},
        ):
            with pytest.raises(NotFound):
                files.find(**asked)


def test_find_of_what_has_expired_finds_nothing(organization: Organization) -> None:
    file = keep(organization, keep=timedelta(seconds=-1))

    with organization_scope(organization.pk), pytest.raises(NotFound):
        files.find(file_id=file.public_id, purpose="test.file")


def test_open_without_the_bytes_says_unavailable(organization: Organization, root: Path) -> None:
    file = keep(organization)
    (root / files.key_of(organization.pk, DIGEST)).unlink()

    with pytest.raises(Unavailable) as caught:
        files.open(file)

    assert caught.value.code == "file_unreadable"


def test_delete_removes_bytes_with_the_last_row(
    organization: Organization,
    on_disk: OnDisk,
    age: Callable[[], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    first, second = keep(organization), keep(organization)
    age()

    with django_capture_on_commit_callbacks(execute=True):
        files.delete(first)
    assert read(second) == BYTES

    with django_capture_on_commit_callbacks(execute=True):
        files.delete(second)
    assert (on_disk(), count(organization)) == ([], 0)


def test_delete_of_what_was_just_kept_leaves_the_bytes_to_the_sweep(
    organization: Organization,
    on_disk: OnDisk,
    age: Callable[[], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    file = keep(organization)

    with django_capture_on_commit_callbacks(execute=True):
        files.delete(file)
    assert len(on_disk()) == 1  # the row of somebody else's equal bytes may be on its way

    age()
    assert sweep.sweep_shard(int(DIGEST[:2], 16)) == 1
    assert on_disk() == []


def test_expire_ends_what_is_due_alone(
    organization: Organization,
    on_disk: OnDisk,
    age: Callable[[], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    keep(organization, keep=timedelta(hours=1))
    kept = keep(organization, b"later", keep=timedelta(hours=3))
    forever = keep(make_organization(), b"forever")
    age()

    with django_capture_on_commit_callbacks(execute=True):
        assert sweep.expire(now=timezone.now() + timedelta(hours=2)) == 1

    assert on_disk() == sorted(
        files.key_of(file.organization_id, file.digest) for file in (kept, forever)
    )


def test_sweep_shard_spares_what_rows_name_and_what_is_young(
    organization: Organization, on_disk: OnDisk, age: Callable[[], None], root: Path
) -> None:
    shard = int(DIGEST[:2], 16)
    keep(organization)
    age()
    stray = root / DIGEST[:2] / "README"
    stray.write_text("not ours")

    assert sweep.sweep_shard(shard) == 0

    with organization_scope(organization.pk):
        StoredFile.objects.all().delete()
    young = keep(make_organization())
    with organization_scope(young.organization_id):
        young.delete()
    assert sweep.sweep_shard(shard) == 1
    assert on_disk() == sorted(
        [files.key_of(young.organization_id, DIGEST), f"{DIGEST[:2]}/README"]
    )


def test_bytes_kept_again_while_they_are_discarded_stay(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, age: Callable[[], None]
) -> None:
    keep(organization)
    age()
    with organization_scope(organization.pk):
        StoredFile.objects.all().delete()
    discard = files.storage().discard
    kept: list[StoredFile] = []

    class Slow:
        def discard(self, key: str, **values: Any) -> bool:
            monkeypatch.setattr(files, "_storage", None)
            kept.append(keep(organization))  # between the look at the rows and the removal
            return discard(key, **values)

    monkeypatch.setattr(files, "_storage", Slow())

    assert files.discard_unused(organization.pk, DIGEST) is False
    assert read(kept[0]) == BYTES


def test_drafts_of_dead_processes_are_forgotten(root: Path, age: Any, on_disk: OnDisk) -> None:
    dead, under_way = files.storage().draft(), files.storage().draft()
    dead.write(b"half")
    age(seconds=4000)
    under_way.write(bytes(files.PIECE))  # more than its buffer holds

    assert files.storage().forget_drafts() == 1
    assert len(on_disk()) == 1
    under_way.drop(), dead.drop()
    assert on_disk() == []


def count(organization: Organization) -> int:
    with organization_scope(organization.pk):
        return StoredFile.objects.count()
