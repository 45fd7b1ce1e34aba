"""Files in an S3-compatible store, where `SIGNALBOX_S3_BUCKET` is set (ADR 0011).

An object there appears whole or not at all, also when it comes in parts. A draft lies on the local disk until it is kept,
so a store that is away costs nothing but an error; what is opened is fetched to the disk first, so that it can be read
twice, sought in, and given to a child process.

A store cannot remove "unless renewed meanwhile", so whoever discards says so first, by an empty object beside it, and
whoever keeps looks for such words once its bytes are there. One of the two sees the other: nothing that was kept is lost.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any, BinaryIO, Final

from apps.core.errors import NoRoom, Unavailable
from apps.core.files.storage import (
    DRAFT_SECONDS,
    DRAFTS,
    Kept,
    LocalDraft,
    LocalStorage,
    no_room_said,
)

PART_BYTES = 16 * 1024 * 1024
"""An object larger than one part comes in parts of this size; 10,000 of them are the store's bound."""
CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 20.0
ATTEMPTS: Final = 3
WORD_SECONDS = 150.0
"""How long a word of discarding counts. Its sayer is dead then: a removal begins within the next and is tried for 70 s."""
REMOVE_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.1
PIECE: Final = 1024 * 1024
FULL: Final = frozenset(
    {"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "InsufficientStorage", "507"}
)
WORDS: Final = "discarding/"
ABSENT: Final = frozenset({"NoSuchKey", "NotFound", "404"})


@dataclass(frozen=True, slots=True)
class Place:
    """Which bucket, where, and as whom; without keys as whoever the machine is."""

    bucket: str
    url: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    prefix: str = ""


class S3Storage:
    """Implements `storage.Storage`. Its client serves all threads."""

    def __init__(self, place: Place, *, drafts: Path, seconds: float = READ_SECONDS) -> None:
        self._place = place
        self._drafts = drafts
        self._client = _client(place, seconds)

    def draft(self) -> S3Draft:
        with no_room_said():
            return S3Draft(LocalDraft(self._drafts), self)

    def open(self, key: str) -> BinaryIO:
        """Fetched to a file that has no name and ends with its closing."""
        with no_room_said():
            file = tempfile.TemporaryFile(dir=self._ready_drafts())  # noqa: SIM115 - the caller closes it
            try:
                self._fetch(key, file)
                file.seek(0)
            except BaseException:
                file.close()
                raise
        return file

    def discard(self, key: str, *, unless_younger: float) -> bool:
        if self._seconds_old(key) < unless_younger:
            return False
        word = f"{self._words(key)}{secrets.token_hex(8)}"
        said_at = monotonic()
        with _told():
            self._client.put_object(**self._at(word), Body=b"")
            try:
                # Again, now that whoever keeps it is told: what was kept before the word is seen here.
                is_old = self._seconds_old(key) >= unless_younger
                if is_old and monotonic() - said_at < REMOVE_SECONDS:
                    self._client.delete_object(**self._at(key))
                    return True
                return False
            finally:
                self._client.delete_object(**self._at(word))

    def shard(self, number: int) -> list[Kept]:
        return [
            Kept(key, age) for key, age in self._list(f"{number:02x}/") if not key.endswith("/")
        ]

    def forget_drafts(self) -> int:
        """Local drafts, uploads in parts that nobody goes on with, and words of discarding that outlived their sayer."""
        count = LocalStorage(self._drafts).forget_drafts()
        for upload in self._uploads():
            with suppress(FileNotFoundError), _told():
                self._client.abort_multipart_upload(
                    Bucket=self._place.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
                count += 1
        for key, age in self._list(WORDS):
            if age > DRAFT_SECONDS:
                with _told():
                    self._client.delete_object(**self._at(key))
        return count

    def probe(self) -> str:
        """Raises what `files.open` raises when the store or the bucket is away."""
        try:
            with _told():
                self._client.head_bucket(Bucket=self._place.bucket)
        except FileNotFoundError:
            raise _without_bucket() from None
        return "s3"

    def keep(self, path: Path, key: str) -> None:
        """The file's bytes as the object of this name. Sent anew also where it stands already: that renews it."""
        while True:
            self._send(path, key)
            self._await_discards(key)
            if self._seconds_old(key) != float("inf"):
                return

    def _send(self, path: Path, key: str) -> None:
        with _told(), path.open("rb") as file:
            if path.stat().st_size <= PART_BYTES:
                self._client.put_object(**self._at(key), Body=file)
                return
            begun = self._client.create_multipart_upload(**self._at(key))
            upload = {**self._at(key), "UploadId": begun["UploadId"]}
            try:
                parts = list(self._send_parts(upload, file))
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
            except BaseException:
                with suppress(Exception):  # what cannot be aborted now is forgotten later
                    self._client.abort_multipart_upload(**upload)
                raise

    def _send_parts(self, upload: dict[str, Any], file: BinaryIO) -> Iterator[dict[str, Any]]:
        number = 1
        while piece := file.read(PART_BYTES):
            sent = self._client.upload_part(**upload, PartNumber=number, Body=piece)
            yield {"PartNumber": number, "ETag": sent["ETag"]}
            number += 1

    def _await_discards(self, key: str) -> None:
        """Until nobody who may not have seen our bytes is about to remove them."""
        while any(age < WORD_SECONDS for _, age in self._list(self._words(key))):
            sleep(LOOK_SECONDS)

    def _fetch(self, key: str, file: Any) -> None:
        with _told():
            body = self._client.get_object(**self._at(key))["Body"]
            try:
                for piece in body.iter_chunks(PIECE):
                    file.write(piece)
            finally:
                body.close()

    def _seconds_old(self, key: str) -> float:
        """By the store's own clock, to a second; one that is gone is as old as can be."""
        try:
            with _told():
                found = self._client.head_object(**self._at(key))
        except FileNotFoundError:
            return float("inf")
        return _age(found["LastModified"], found)

    def _list(self, start: str) -> Iterator[tuple[str, float]]:
        ahead = len(self._place.prefix)
        where = {"Bucket": self._place.bucket, "Prefix": self._place.prefix + start}
        with _told():
            for page in self._client.get_paginator("list_objects_v2").paginate(**where):
                for one in page.get("Contents", ()):
                    yield one["Key"][ahead:], _age(one["LastModified"], page)

    def _uploads(self) -> list[dict[str, Any]]:
        where = {"Bucket": self._place.bucket, "Prefix": self._place.prefix}
        with _told():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(**where)
            return [
                one
                for page in pages
                for one in page.get("Uploads", ())
                if _age(one["Initiated"], page) > DRAFT_SECONDS
            ]

    def _words(self, key: str) -> str:
        return f"{WORDS}{key}/"

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._place.bucket, "Key": self._place.prefix + key}

    def _ready_drafts(self) -> Path:
        folder = self._drafts / DRAFTS
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return folder


class S3Draft:
    """On the local disk until it is kept."""

    def __init__(self, local: LocalDraft, storage: S3Storage) -> None:
        self._local = local
        self._storage = storage
        self.write = local.write
        self.drop = local.drop

    def keep(self, key: str) -> None:
        with no_room_said():
            path = self._local.finish()
        self._storage.keep(path, key)
        self.drop()


def _client(place: Place, seconds: float) -> Any:
    try:
        import boto3  # noqa: PLC0415 - 30 MB of memory that only who keeps files in a store has to pay
        from botocore.config import Config  # noqa: PLC0415 - as above
    except ImportError:
        raise RuntimeError("SIGNALBOX_S3_BUCKET needs boto3: make install S3=1") from None
    session = boto3.session.Session()
    return session.client(
        "s3",
        endpoint_url=place.url or None,
        region_name=place.region or "us-east-1",
        aws_access_key_id=place.access_key or None,
        aws_secret_access_key=place.secret_key or None,
        config=Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=seconds,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=32,
            # The body's own digest is signed and so compared at the other end; the newer checksums not every store knows.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={
                "payload_signing_enabled": True,
                "addressing_style": "path" if place.url else "auto",
            },
        ),
    )


def _age(since: datetime, answer: dict[str, Any]) -> float:
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(said) if said else datetime.now(UTC)
    return max((now - since).total_seconds(), 0.0)


@contextmanager
def _told() -> Iterator[None]:
    """What the client raises, in the words that the doors know."""
    from botocore.exceptions import (  # noqa: PLC0415 - loaded with the client
        BotoCoreError,
        ClientError,
    )

    try:
        yield
    except ClientError as error:
        raise _translate(error.response) from None
    except BotoCoreError:
        raise _away() from None


def _translate(response: dict[str, Any]) -> Exception:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return _without_bucket()
    if code in FULL or status == 507:
        return NoRoom()
    if code in ABSENT:
        return FileNotFoundError(code)
    if status in (401, 403):
        return Unavailable("The store of files does not let us in.", code="storage_unavailable")
    return _away()


def _without_bucket() -> Unavailable:
    return Unavailable("The bucket for files does not exist.", code="storage_unavailable")


def _away() -> Unavailable:
    return Unavailable("The store of files cannot be reached.", code="storage_unavailable")
