"""The base of every REST view, on a viewset without tables: bodies, media types, ETags, revisions."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Identity
from tests.client import Answer, GateClient

THINGS = "/api/v1/things"
READ = '"r3-cc76b3413585"'
"""What a read of the thing called `a` is known by."""


@pytest.fixture(autouse=True)
def signed_in(ada: Identity) -> None:
    """All of these are Ada's calls."""


def create(client: GateClient, **sending: Any) -> Answer:
    return client.call("POST", THINGS, key="ada", **sending)


def test_a_good_body_makes_it(client: GateClient) -> None:
    answer = create(client, body={"name": "a", "number": 7})

    assert (answer.status, answer.json(), answer.headers["etag"]) == (
        201,
        {"name": "a", "number": 7, "secret": "s3cret"},
        '"r3"',
    )


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b"7", 422),
        (b'"name"', 422),
        (b'{"name": NaN}', 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b'{"name": "\\u0000"}', 422),
        (b'{"name": "a", "number": 9223372036854775808}', 400),
        (b"[" * 100_000, 400),
        (b'{"name": "\xff"}', 400),
    ],
)
def test_a_bad_body_is_refused(client: GateClient, raw: bytes, status: int) -> None:
    answer = create(client, raw=raw)

    assert (answer.status, answer.json()["request_id"]) == (status, answer.headers["x-request-id"])


def test_no_body_is_an_empty_one(client: GateClient) -> None:
    answer = create(client)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["name"])


def test_every_wrong_field_is_named(client: GateClient) -> None:
    answer = create(client, body={"name": "a" * 21, "number": "x"})

    assert answer.status == 422
    assert answer.json()["details"] == [
        {
            "field": "name",
            "message": "Ensure this field has no more than 20 characters.",
            "type": "max_length",
        },
        {"field": "number", "message": "A valid integer is required.", "type": "invalid"},
    ]


def test_an_unknown_field_is_named(client: GateClient) -> None:
    answer = create(client, body={"name": "a", "nmae": "b"})

    assert answer.json()["details"] == [
        {"field": "nmae", "message": "is not a field here", "type": "unknown_field"}
    ]


def test_complaints_are_bounded(client: GateClient) -> None:
    """The answer to ten megabytes of nonsense is not ten megabytes of complaints."""
    answer = create(client, body={f"{n}" + "k" * 1000: n for n in range(1000)})

    assert (answer.status, len(answer.json()["details"])) == (422, 20)
    assert len(answer.body) < 10_000


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json", None],
)
def test_another_media_type_is_unsupported(client: GateClient, content_type: str | None) -> None:
    answer = create(client, raw=b'{"name": "a"}', headers={"Content-Type": content_type})

    assert (answer.status, answer.error) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "APPLICATION/JSON", "application/json; charset=utf-16"]
)
def test_json_is_json_however_it_is_spelt(client: GateClient, content_type: str) -> None:
    answer = create(client, raw=b'{"name": "a"}', headers={"Content-Type": content_type})

    assert answer.status == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "", "\xff"])
def test_whatever_is_accepted_json_is_answered(client: GateClient, accept: str) -> None:
    answer = client.get(f"{THINGS}/a", key="ada", headers={"Accept": accept})

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("name", ["format", "_method", "method"])
def test_no_parameter_changes_the_way(client: GateClient, name: str) -> None:
    answer = client.get(f"{THINGS}/a?{name}=DELETE", key="ada")

    assert (answer.status, answer.json()["name"]) == (200, "a")


def test_a_read_has_an_etag_and_is_not_sent_twice(client: GateClient) -> None:
    first = client.get(f"{THINGS}/a", key="ada")
    again = client.get(f"{THINGS}/a", key="ada", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["etag"] == READ
    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", READ)
    assert "content-length" not in again.headers


@pytest.mark.parametrize(
    ("known", "status"),
    [
        (READ, 304),
        (f"W/{READ}", 304),
        (f'"x", {READ}', 304),
        ('"r3"', 200),
        (READ.replace("r3", "r2"), 200),
        (READ.strip('"'), 200),
        ("", 200),
    ],
)
def test_known_etags_are_compared_weakly(client: GateClient, known: str, status: int) -> None:
    assert client.get(f"{THINGS}/a", key="ada", headers={"If-None-Match": known}).status == status


def test_another_object_of_the_same_revision_is_not_the_one_that_is_known(
    client: GateClient,
) -> None:
    answer = client.get(f"{THINGS}/b", key="ada", headers={"If-None-Match": READ})

    assert (answer.status, answer.json()["name"]) == (200, "b")
    assert answer.headers["etag"].startswith('"r3-')


def test_a_list_has_an_etag_of_its_bytes(client: GateClient) -> None:
    first = client.get(THINGS, key="ada")

    assert first.headers["etag"].startswith('W/"')
    assert (
        client.get(THINGS, key="ada", headers={"If-None-Match": first.headers["etag"]}).status
        == 304
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("*", None),
        ('"r3"', 3),
        ('W/"r3"', 3),
        (' "r0" ', 0),
        (READ, 3),
        (f"W/{READ}", 3),
        ('"r12-000000000000"', 12),
    ],
)
def test_if_match_names_a_revision(
    client: GateClient, header: str | None, expected: int | None
) -> None:
    answer = client.put(f"{THINGS}/a", {}, key="ada", headers={"If-Match": header})

    assert answer.json() == {"expected": expected}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "r3",
        '"3"',
        '"r-1"',
        '"r3", "r4"',
        '"r99999999999"',
        '"r٣"',
        '"r3-"',
        '"r3-0"',
        '"r3-00000000000G"',
    ],
)
def test_another_if_match_is_malformed(client: GateClient, header: str) -> None:
    answer = client.put(
        f"{THINGS}/a", {}, key="ada", headers={"If-Match": header.encode().decode("latin-1")}
    )

    assert (answer.status, answer.error) == (400, "bad_if_match")


def test_nothing_is_answered_with_nothing(client: GateClient) -> None:
    answer = client.delete(f"{THINGS}/a", key="ada")

    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers
