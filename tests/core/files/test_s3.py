"""Files in an S3-compatible store: a real server on loopback, then one that is away, full, slow or without the bucket."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from apps.core.errors import NoRoom, Unavailable
from apps.core.files import files, s3, sweep
from apps.core.files.s3 import Place, S3Storage
from apps.core.files.storage import DRAFT_SECONDS
from apps.core.models import StoredFile
from apps.core.system import health
from apps.core.tenancy import organization_scope
from apps.tenants.models import Organization
from tests.factories.tenants import make_organization
from tests.fakes.s3 import S3Server, s3_server

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

BYTES = b"signal" * 100_000
DIGEST = hashlib.sha256(BYTES).hexdigest()
LONG = 700.0


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def store(server: S3Server, settings: Any) -> S3Server:
    """An empty one, which is where files lie."""
    server.bucket.keys.clear()
    server.bucket.multiparts.clear()
    settings.SIGNALBOX_S3 = server.place
    return server


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


def keep(organization: Organization, content: bytes = BYTES) -> StoredFile:
    return files.store(
        io.BytesIO(content), organization_id=organization.pk, purpose="test.file", limit=100_000_000
    )


def drafts(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def key_of(organization: Organization, digest: str = DIGEST) -> str:
    return f"house/{digest[:2]}/{organization.pk}-{digest}"


def test_what_is_kept_lies_in_the_store_and_nowhere_else(
    store: S3Server, organization: Organization, root: Path
) -> None:
    file = keep(organization)

    assert store.keys() == [key_of(organization)]
    assert store.content(key_of(organization)) == BYTES
    assert (file.size, file.digest) == (600_000, DIGEST)
    assert drafts(root) == []


def test_what_is_opened_can_be_sought_in_and_given_to_a_child(
    store: S3Server, organization: Organization, root: Path
) -> None:
    file = keep(organization)

    with files.open(file) as stream:
        first = stream.read()
        stream.seek(6)
        again = stream.read(6)
        through_its_number = Path(f"/proc/self/fd/{stream.fileno()}").read_bytes()

    assert (first, again, through_its_number) == (BYTES, b"signal", BYTES)
    assert drafts(root) == []


def test_a_large_file_comes_in_parts_and_appears_whole(
    store: S3Server, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024 * 1024)
    content = bytes(range(256)) * 48 * 1024

    file = keep(organization, content)

    assert store.content(key_of(organization, file.digest)) == content
    assert store.uploads() == 0
    with files.open(file) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == file.digest


def test_parts_that_break_off_leave_nothing(
    store: S3Server, organization: Organization, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024 * 1024)
    storage = files.storage()
    assert isinstance(storage, S3Storage)
    upload_part, sent = storage._client.upload_part, []

    def break_off(**values: Any) -> Any:
        sent.append(values["PartNumber"])
        if values["PartNumber"] == 2:
            raise s3._away()
        return upload_part(**values)

    monkeypatch.setattr(storage._client, "upload_part", break_off)

    with pytest.raises(Unavailable):
        keep(organization, bytes(12 * 1024 * 1024))

    assert (sent, store.keys(), store.uploads(), drafts(root)) == ([1, 2], [], 0, [])
    assert count(organization) == 0


def test_what_is_gone_cannot_be_read(store: S3Server, organization: Organization) -> None:
    file = keep(organization)
    store.bucket.keys.clear()

    with pytest.raises(Unavailable) as refused:
        files.open(file)

    assert refused.value.code == "file_unreadable"


def test_bytes_that_nobody_names_are_swept_up_and_others_stay(
    store: S3Server, organization: Organization
) -> None:
    other = make_organization()
    theirs = keep(other)
    keep(organization)
    with organization_scope(organization.pk):
        StoredFile.objects.all().delete()
    shard = int(DIGEST[:2], 16)

    young = sweep.sweep_shard(shard)
    store.age(LONG)
    old = sweep.sweep_shard(shard)

    assert (young, old) == (0, 1)
    assert store.keys() == [key_of(other)]
    with files.open(theirs) as stream:
        assert stream.read() == BYTES


def test_another_prefix_is_somebody_elses(
    store: S3Server, organization: Organization, root: Path
) -> None:
    keep(organization)
    store.age(LONG)
    elsewhere = S3Storage(replace(store.place, prefix="other/"), drafts=root)

    assert elsewhere.shard(int(DIGEST[:2], 16)) == []


def test_keeping_again_makes_it_young(store: S3Server, organization: Organization) -> None:
    keep(organization)
    store.age(LONG)
    keep(organization)

    key = key_of(organization).removeprefix("house/")
    assert files.storage().discard(key, unless_younger=files.GRACE_SECONDS) is False
    assert store.keys() == [key_of(organization)]


def test_what_is_kept_between_the_look_and_the_removal_stays(
    store: S3Server, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A removal is under way, its word said and its last look taken, when the same bytes are kept."""
    keep(organization)
    store.age(LONG)
    key = key_of(organization).removeprefix("house/")
    storage = files.storage()
    assert isinstance(storage, S3Storage)
    delete, keeper = (
        storage._client.delete_object,
        threading.Thread(target=keep_bytes(storage, key)),
    )

    def delete_late(**values: Any) -> Any:
        if values["Key"] == key_of(organization) and not keeper.ident:
            keeper.start()
            sleep(0.5)  # by then the bytes are there, and their keeper has seen the word
        return delete(**values)

    monkeypatch.setattr(storage._client, "delete_object", delete_late)

    assert storage.discard(key, unless_younger=files.GRACE_SECONDS) is True
    keeper.join(10)

    assert store.keys() == [key_of(organization)]
    assert store.content(key_of(organization)) == BYTES


def keep_bytes(storage: S3Storage, key: str) -> Any:
    def run() -> None:
        draft = storage.draft()
        draft.write(BYTES)
        draft.keep(key)

    return run


def test_a_word_of_somebody_dead_holds_nobody_up(
    store: S3Server, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = files.storage()
    assert isinstance(storage, S3Storage)
    word = f"discarding/{key_of(organization).removeprefix('house/')}/0123"
    storage._client.put_object(Bucket="files", Key=f"house/{word}", Body=b"")
    store.age(s3.WORD_SECONDS + 1)
    began = monotonic()

    keep(organization)
    store.age(DRAFT_SECONDS)
    storage.forget_drafts()

    assert monotonic() - began < 5
    assert store.keys() == [key_of(organization)]


def test_parts_of_dead_processes_are_forgotten(
    store: S3Server, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = files.storage()
    assert isinstance(storage, S3Storage)
    storage._client.create_multipart_upload(Bucket="files", Key="house/ab/1-x")

    # This server says of every upload that it began in 2010.
    monkeypatch.setattr(s3, "DRAFT_SECONDS", 40 * 365 * 86_400)
    young = storage.forget_drafts()
    monkeypatch.setattr(s3, "DRAFT_SECONDS", DRAFT_SECONDS)
    old = storage.forget_drafts()

    assert (young, old, store.uploads()) == (0, 1, 0)


def test_health_asks_the_store(store: S3Server) -> None:
    assert health._probes()["files"]() == "s3"


def test_a_missing_bucket_is_said(
    store: S3Server, organization: Organization, settings: Any
) -> None:
    settings.SIGNALBOX_S3 = replace(store.place, bucket="nowhere")

    with pytest.raises(Unavailable, match="bucket for files does not exist") as kept:
        keep(organization)
    with pytest.raises(Unavailable, match="bucket for files does not exist"):
        files.probe()

    assert kept.value.code == "storage_unavailable"
    assert count(organization) == 0


def test_a_store_that_is_away_keeps_nothing(
    organization: Organization, settings: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    settings.SIGNALBOX_S3 = Place("files", "http://127.0.0.1:9", access_key="a", secret_key="b")

    with pytest.raises(Unavailable, match="store of files cannot be reached"):
        keep(organization)

    assert (count(organization), drafts(root)) == (0, [])


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (507, "InsufficientStorage", NoRoom),
        (403, "XMinioStorageFull", NoRoom),
        (400, "QuotaExceeded", NoRoom),
        (403, "AccessDenied", Unavailable),
        (500, "InternalError", Unavailable),
    ],
)
def test_what_a_store_refuses_is_said_in_our_words(
    organization: Organization,
    settings: Any,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    error: type[Exception],
) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    with refusing(status, code) as place:
        settings.SIGNALBOX_S3 = place
        with pytest.raises(error):
            keep(organization)

    assert (count(organization), drafts(root)) == (0, [])


def test_a_slow_store_is_given_up(organization: Organization, root: Path) -> None:
    with refusing(200, "", seconds=5) as place:
        storage = S3Storage(place, drafts=root, seconds=0.3)
        began = monotonic()
        with pytest.raises(Unavailable):
            storage.open("ab/1-x")

    assert monotonic() - began < 4


@contextmanager
def refusing(status: int, code: str, seconds: float = 0) -> Iterator[Place]:
    """A store that answers everything so."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            done.wait(seconds)
            said = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_PUT = do_GET  # noqa: N815 - as the server looks for it

        def log_message(self, *words: Any) -> None: ...

        def handle(self) -> None:
            with suppress(OSError):  # whoever asked has gone
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield Place("files", address, access_key="a", secret_key="b")
    finally:
        done.set()
        server.shutdown()
        server.server_close()


def count(organization: Organization) -> int:
    with organization_scope(organization.pk):
        return StoredFile.objects.count()
