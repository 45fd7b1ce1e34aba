"""The end of files: rows that have expired, bytes that no row names, drafts of dead processes. A little at a time."""

from __future__ import annotations

from datetime import datetime
from itertools import count

from django.utils import timezone

from apps.core.files import files
from apps.core.models import StoredFile
from apps.core.tenancy import unscoped

SWEEP_SECONDS = 10.0
"""Between two turns. 256 of them see every folder, in three quarters of an hour."""
MOST_EXPIRED = 200
SHARDS = 256
REASON = "the sweep serves every organization"
_turns = count()


def sweep() -> int:
    """One turn; how many files went."""
    number = next(_turns)
    if number % SHARDS == 0:
        files.storage().forget_drafts()
    return expire(now=timezone.now()) + sweep_shard(number % SHARDS)


def expire(*, now: datetime) -> int:
    """End the files whose time has come."""
    with unscoped(reason=REASON):
        ended = list(StoredFile.objects.filter(expires_at__lte=now)[:MOST_EXPIRED])
    for file in ended:
        files.delete(file)
    return len(ended)


def sweep_shard(number: int) -> int:
    """Remove the bytes in one of the folders that no row names: what a process died over, or a deletion left."""
    kept = files.storage().shard(number)
    old = [files.read_key(one.key) for one in kept if one.seconds_old > files.GRACE_SECONDS]
    named = _named(old)
    return sum(files.discard_unused(*one) for one in old if one not in named)


def _named(kept: list[tuple[int, str]]) -> set[tuple[int, str]]:
    digests = [digest for _, digest in kept]
    with unscoped(reason=REASON):
        rows = StoredFile.objects.filter(digest__in=digests)
        return set(rows.values_list("organization_id", "digest"))
