"""Keeping and reading files. Who may, the calling service says; whose they are, each row does.

The bytes are kept before the row that names them, and a row goes before its bytes, so a row never lacks them; bytes
without a row are swept up. Equal bytes of one organisation are kept once, of two twice: one must not learn by the time
it takes, or by its own deletion, what another has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core.errors import NotFound, TooLarge, Unavailable
from apps.core.files.names import clean_media_type, clean_name
from apps.core.files.s3 import Place, S3Storage
from apps.core.files.storage import Draft, LocalStorage, Storage
from apps.core.models import StoredFile
from apps.core.tenancy import organization_scope, unscoped

PIECE = 256 * 1024
GRACE_SECONDS = 600.0
"""Bytes are kept before their row is committed. So long they are nobody's without being refuse."""

_storage: Storage | None = None


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def storage() -> Storage:
    """The disk, or the S3-compatible store that the settings name."""
    root = Path(settings.SIGNALBOX_DATA_DIR) / "files"
    if settings.SIGNALBOX_S3 is None:
        return _storage or LocalStorage(root)
    return _storage or _s3(settings.SIGNALBOX_S3, root)


def probe() -> str:
    """Which store answers. Raises `Unavailable`."""
    kept = storage()
    return kept.probe() if isinstance(kept, S3Storage) else "disk"


def use_storage(other: Storage | None) -> None:
    """Put another in its place, None for what the settings say; for tests."""
    global _storage
    _storage = other


@lru_cache(maxsize=4)
def _s3(place: Place, root: Path) -> Storage:
    """Made once: its client keeps connections, and takes a fifth of a second to make."""
    return S3Storage(place, drafts=root)


def store(
    stream: Readable | Iterable[bytes],
    *,
    organization_id: int,
    purpose: str,
    limit: int,
    subject: str = "",
    name: str = "",
    content_type: str = "",
    keep: timedelta | None = None,
) -> StoredFile:
    """Keep what the stream holds, read piece by piece; `subject` is the public id of what it belongs to.

    Call it outside a transaction: it takes as long as its stream. Raises `TooLarge` beyond `limit` bytes and `NoRoom`
    when the disk is full; then nothing of it remains.
    """
    digest, size = _keep_bytes(_pieces(stream), organization_id, limit)
    now = timezone.now()
    with organization_scope(organization_id):
        return StoredFile.objects.create(
            organization_id=organization_id,
            purpose=purpose,
            subject=subject,
            name=clean_name(name),
            content_type=clean_media_type(content_type),
            size=size,
            digest=digest,
            created_at=now,
            expires_at=now + keep if keep is not None else None,
        )


def find(*, file_id: str, purpose: str, subject: str | None = None) -> StoredFile:
    """A file of the organisation in scope that has not expired; `NotFound`, also when it is kept for something else."""
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    rows = StoredFile.objects.filter(alive, public_id=file_id, purpose=purpose)
    if subject is not None:
        rows = rows.filter(subject=subject)
    found = rows.first()
    if found is None:
        raise NotFound
    return found


def open(file: StoredFile) -> BinaryIO:  # noqa: A001 - reads as `files.open(file)` where it is called
    """Its bytes, to be read and closed. `Unavailable` when they cannot be reached."""
    try:
        return storage().open(key_of(file.organization_id, file.digest))
    except OSError:
        raise Unavailable("The file cannot be read at present.", code="file_unreadable") from None


def delete(file: StoredFile) -> None:
    """End a file; its bytes go with it unless another row of its organisation names them."""
    number, digest = file.organization_id, file.digest
    with organization_scope(number):
        file.delete()
    transaction.on_commit(lambda: discard_unused(number, digest))


def discard_unused(organization_id: int, digest: str) -> bool:
    """Remove bytes that no row names. Those just kept stay: their row may be on its way (see `sweep`)."""
    with unscoped(reason="bytes are kept by number of organization"):
        rows = StoredFile.objects.filter(organization_id=organization_id, digest=digest)
        if rows.exists():
            return False
    key = key_of(organization_id, digest)
    return storage().discard(key, unless_younger=GRACE_SECONDS)


def key_of(organization_id: int, digest: str) -> str:
    return f"{digest[:2]}/{organization_id}-{digest}"


def read_key(key: str) -> tuple[int, str]:
    organization, _, digest = key.partition("/")[2].partition("-")
    return int(organization), digest


def _keep_bytes(pieces: Iterator[bytes], organization_id: int, limit: int) -> tuple[str, int]:
    draft = storage().draft()
    try:
        digest, size = _write_all(draft, pieces, limit)
        draft.keep(key_of(organization_id, digest))
    except BaseException:
        draft.drop()
        raise
    return digest, size


def _write_all(draft: Draft, pieces: Iterator[bytes], limit: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge(f"A file may have {limit} bytes at most.", code="file_too_large")
        digest.update(piece)
        draft.write(piece)
    return digest.hexdigest(), size


def _pieces(stream: Readable | Iterable[bytes]) -> Iterator[bytes]:
    if not hasattr(stream, "read"):
        yield from stream
        return
    while piece := stream.read(PIECE):
        yield piece
