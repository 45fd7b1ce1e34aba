from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.models import StoredFile
from apps.core.tenancy import unscoped
from tests.client import Answer, GateClient
from tests.doors.place import Place, make_place
from tests.factories.doors import known_tokens
from tests.factories.parts import PNG, multipart, part

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _apart(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def place() -> Iterator[Place]:
    with known_tokens() as tokens:
        yield make_place(tokens)


@pytest.fixture
def client() -> GateClient:
    return GateClient()


def send(client: GateClient, place: Place, *parts: bytes, path: str = "/api/v1/uploads") -> Answer:
    return client.call("POST", path, key=place.key, **multipart(*parts))


def kept() -> int:
    with unscoped(reason="a test counts"):
        return StoredFile.objects.count()


@pytest.mark.parametrize("path", ["/api/v1/uploads", "/api/upload"])
def test_an_upload_answers_what_was_kept(client: GateClient, place: Place, path: str) -> None:
    answer = send(
        client, place, part(b"a,b\n", filename="C:\\x\\a.csv", said="text/csv"), path=path
    )

    body = answer.json()
    shown = {name: body[name] for name in ("name", "size", "content_type", "conversation_id")}
    assert answer.status == 201
    assert shown == {
        "name": "a.csv",
        "size": 4,
        "content_type": "text/csv; charset=utf-8",
        "conversation_id": None,
    }
    assert answer.headers["location"] == f"/api/v1/uploads/{body['id']}"


def test_a_large_file_comes_back_byte_by_byte(client: GateClient, place: Place) -> None:
    content = ("line of text\n" * 400_000).encode()

    made = send(client, place, part(content)).json()
    answer = client.get(f"/api/v1/uploads/{made['id']}/content", key=place.key)

    assert answer.body == content
    assert answer.headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    ("content", "name", "disposition", "media"),
    [
        (PNG, "a.png", 'inline; filename="a.png"', "image/png"),
        (b"<svg onload=x>", "a.svg", 'attachment; filename="a.svg"', "text/plain; charset=utf-8"),
        (b"<script>", "a.html", 'attachment; filename="a.html"', "text/plain; charset=utf-8"),
        (b"%PDF-1\n%%EOF", "a.pdf", 'attachment; filename="a.pdf"', "application/pdf"),
        (b"x", 'a"b.txt', 'attachment; filename="a\\"b.txt"', "text/plain; charset=utf-8"),
    ],
)
def test_content_is_nothing_a_browser_would_run(
    client: GateClient, place: Place, content: bytes, name: str, disposition: str, media: str
) -> None:
    made = send(client, place, part(content, filename=name.replace('"', '\\"'))).json()

    answer = client.get(f"/api/v1/uploads/{made['id']}/content", key=place.key)

    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["content-type"] == media
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("parts", "status", "field"),
    [
        ([], 422, "file"),
        ([part(b"x", name="other")], 422, "other"),
        ([part(b"x"), part(b"y")], 422, "file"),
        ([part(b"x", filename=None)], 422, "file"),
        ([part(b"x"), part(b"y", name="more", filename=None)], 422, "more"),
    ],
)
def test_other_parts_are_refused_by_name(
    client: GateClient, place: Place, parts: list[bytes], status: int, field: str
) -> None:
    answer = send(client, place, *parts)

    assert (answer.status, answer.json()["invalid_fields"]) == (status, [field])
    assert kept() == 0


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"x", {"Content-Type": "text/plain"}, 415),
        (b"x", {"Content-Type": "multipart/form-data"}, 400),
        (b"no boundary here", {"Content-Type": "multipart/form-data; boundary=a"}, 422),
        (b"x", {"Content-Type": "multipart/form-data; boundary=" + "a" * 300}, 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    client: GateClient, place: Place, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.call("POST", "/api/v1/uploads", key=place.key, raw=body, headers=headers)

    assert answer.status == status


def test_thousands_of_parts_are_refused(client: GateClient, place: Place) -> None:
    parts = [part(b"x", name=f"f{number}", filename=None) for number in range(10_000)]

    assert send(client, place, *parts).status == 400


def test_what_is_not_taken_is_unsupported(client: GateClient, place: Place) -> None:
    answer = send(client, place, part(b"PK\x03\x04" + bytes(40), filename="a.zip"))

    assert (answer.status, answer.error) == (415, "unsupported_file")
    assert kept() == 0


def test_a_body_beyond_the_limit_is_too_large_before_it_is_whole(
    client: GateClient, place: Place
) -> None:
    answer = client.call(
        "POST",
        "/api/v1/uploads",
        key=place.key,
        headers={"Content-Type": "multipart/form-data; boundary=a"},
        chunks=[b"x" * 2**20] * 25,
    )

    assert (answer.status, answer.error) == (413, "too_large")


def test_ten_an_hour_are_taken(client: GateClient, place: Place) -> None:
    statuses = [send(client, place, part(b"x")).status for _ in range(11)]

    assert statuses == [201] * 10 + [429]


def test_a_colleague_finds_nothing(client: GateClient, place: Place) -> None:
    other = make_place(place.tokens)
    made = send(client, place, part(b"x")).json()

    answers = [
        client.get(f"/api/v1/uploads/{made['id']}", key=other.key),
        client.get(f"/api/v1/uploads/{made['id']}/content", key=other.key),
        client.delete(f"/api/v1/uploads/{made['id']}", key=other.key),
    ]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert kept() == 1
