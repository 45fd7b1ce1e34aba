"""The life of a request: what every answer carries, whatever was asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.core.actor import Identity
from apps.core.asgi import headers
from apps.core.versions import ApiVersion
from tests.client import Answer, GateClient
from tests.core.asgi import table

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
OWN_ID = re.compile(r"req_[0-9a-f]{24}").fullmatch


def error_of(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    del body["timestamp"]
    return body


# ------------------------------------------------------------------ what every answer carries


@pytest.mark.parametrize("path", ["/echo", "/echo-in-pool", "/nowhere", "/failing/bug"])
def test_every_answer_has_the_security_headers(client: GateClient, path: str) -> None:
    answer = client.get(path)

    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert "strict-transport-security" not in answer.headers


def test_hsts_is_sent_where_it_is_set(client: GateClient, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    headers.forget_versions()

    answer = client.get("/echo")

    assert answer.headers["strict-transport-security"] == "max-age=60; includeSubDomains"


def test_a_views_own_headers_win(client: GateClient) -> None:
    answer = client.get("/own-headers")

    assert (answer.headers["cache-control"], answer.headers["x-frame-options"]) == (
        "public",
        "SAMEORIGIN",
    )
    assert answer.cookies == ("seen=yes; Path=/", "twice=yes; Path=/")


@pytest.mark.parametrize("given", ["abc", "0:1.2_3-4", "a" * 128])
def test_a_good_request_id_is_kept(client: GateClient, given: str) -> None:
    answer = client.get("/echo", headers={"X-Request-ID": given})

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == given


@pytest.mark.parametrize(
    "given", ["", " ", "a b", "a\nb", "a" * 129, "é", "<script>", "a,b", "a\x00", None]
)
def test_a_bad_request_id_is_replaced(client: GateClient, given: str | None) -> None:
    answer = client.get("/echo", headers={"X-Request-ID": given})

    assert OWN_ID(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_request_ids_differ(client: GateClient) -> None:
    ids = {client.get("/echo").headers["x-request-id"] for _ in range(10)}

    assert len(ids) == 10


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/api", "/unmarked"])
def test_a_path_nobody_serves_is_not_found(client: GateClient, method: str, path: str) -> None:
    answer = client.call(method, path)

    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert error_of(answer) == {
        "error": "not_found",
        "message": "There is nothing here by that name.",
        "details": [],
        "path": path,
        "request_id": answer.headers["x-request-id"],
    }


def test_a_view_without_doors_stays_shut_whatever_is_sent(
    client: GateClient, ada: Identity
) -> None:
    assert client.get("/unmarked", key="ada").status == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "TRACE", "CONNECT", "BREW", "get\x00"])
def test_another_method_is_not_allowed(client: GateClient, method: str) -> None:
    answer = client.call(method, "/echo")

    assert (answer.status, answer.error) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST, PUT, OPTIONS"


def test_options_names_the_methods(client: GateClient) -> None:
    answer = client.call("OPTIONS", "/api/v1/used")

    assert (answer.status, answer.headers["allow"], answer.body) == (
        204,
        "GET, POST, OPTIONS",
        b"",
    )


@pytest.mark.parametrize("path", ["/echo", "/echo-in-pool", "/stream"])
def test_head_is_get_without_a_body(client: GateClient, path: str) -> None:
    got, asked = client.get(path), client.call("HEAD", path)

    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]


def test_head_tells_the_length(client: GateClient, ada: Identity) -> None:
    got = client.get("/api/v1/things/a", key="ada")
    asked = client.call("HEAD", "/api/v1/things/a", key="ada")

    assert (asked.status, asked.body, asked.headers["content-length"]) == (
        200,
        b"",
        str(len(got.body)),
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/echo", 200),
        ("/echo/", 200),
        ("/echo//", 404),
        ("//echo", 404),
        ("/ECHO", 404),
        ("/echo ", 404),
        ("/echo%20", 404),
        ("/echo;a=b", 404),
        ("/%65cho", 200),
        ("/echo%2F", 200),
        ("/nested/here", 200),
        ("/nested/7", 200),
        ("/nested/7/", 200),
        ("/nested/7%0A", 404),
        ("/nested/", 404),
        ("/nested", 404),
        ("/nested/../echo", 404),
        ("/nested/%2e%2e/echo", 404),
        ("", 404),
        ("*", 404),
        ("/" + "a" * 100_000, 404),
    ],
)
def test_paths_are_taken_to_the_letter(client: GateClient, path: str, status: int) -> None:
    assert client.get(path).status == status


@pytest.mark.parametrize(
    "path",
    ["/echo%00", "/failing/%00", "/echo?a=%00", "/echo?%00=1", "/echo?a=b%00c", "/nowhere%00"],
)
def test_nul_in_the_address_is_malformed(client: GateClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status, answer.error) == (400, "malformed_request")


def test_a_query_that_is_not_utf8_is_malformed(client: GateClient) -> None:
    answer = client.get("/echo?a=\xff")

    assert (answer.status, answer.json()["message"]) == (400, "The query string is not UTF-8.")


def test_odd_queries_are_read_as_far_as_they_go(client: GateClient) -> None:
    answer = client.get("/echo?a=%ff&b=%ED%A0%80&&=&c=1&c=2&d")

    assert answer.json()["query"] == {
        "a": ["�"],
        "b": ["���"],
        "": [""],
        "c": ["1", "2"],
        "d": [""],
    }


def test_too_many_parameters_are_malformed(client: GateClient) -> None:
    assert client.get("/echo?" + "a=1&" * 1001).status == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; a*=bogus''%41",
        "application/json; charset=\x00",
        "application/json; charset=rot13",
        "application/json; charset=undefined",
        "; charset=utf-16",
        "\xff",
        ";;;;",
        "a" * 10_000,
        'multipart/form-data; boundary="\xff"',
    ],
)
def test_an_odd_content_type_is_answered(client: GateClient, content_type: str) -> None:
    answer = client.post("/echo?a=%C3%A9", raw=b"{}", headers={"Content-Type": content_type})

    assert answer.status in (200, 400)
    if answer.status == 200:
        assert (answer.json()["query"], answer.json()["body"]) == ({"a": ["é"]}, "{}")
    else:
        assert answer.json()["message"] == "The Content-Type cannot be read."


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "", "a b", "[::1", "\xff"]
)
def test_an_unknown_host_is_malformed(client: GateClient, host: str) -> None:
    answer = GateClient(host="other").get("/echo", headers={"Host": host})

    assert (answer.status, answer.error) == (400, "unknown_host")


@pytest.mark.parametrize("host", ["testserver", "testserver:8000", "localhost", "127.0.0.1:1"])
def test_a_known_host_is_served(client: GateClient, host: str) -> None:
    assert client.get("/echo", headers={"Host": host}).status == 200


def test_a_forwarded_host_is_not_believed(client: GateClient) -> None:
    assert client.get("/echo", headers={"X-Forwarded-Host": "evil.example"}).status == 200


# ------------------------------------------------------------------ versions


def test_the_version_is_answered(client: GateClient) -> None:
    for answer in (
        client.get("/echo"),
        client.get("/nowhere"),
        client.get("/echo", headers={"Host": "x"}),
    ):
        assert answer.headers["x-api-version"] == "v1"


def test_the_version_may_be_named(client: GateClient) -> None:
    answer = client.get("/echo", headers={"X-API-Version": "v1"})

    assert (answer.status, answer.headers["x-api-version"]) == (200, "v1")


@pytest.mark.parametrize("asked", ["v2", "1", "V1", "v1 ", "v1,v1", "é" * 100])
def test_an_unknown_version_is_malformed(client: GateClient, asked: str) -> None:
    answer = client.get("/echo", headers={"X-API-Version": asked})

    assert (answer.status, answer.error, answer.headers["x-api-version"]) == (
        400,
        "unknown_version",
        "v1",
    )


@pytest.fixture
def two_versions(client: GateClient, settings: Any) -> None:
    settings.SIGNALBOX_API_VERSIONS = (
        ApiVersion(
            "v1",
            urls="",
            deprecated_at=datetime(2030, 1, 1, tzinfo=UTC),
            sunset_at=datetime(2030, 7, 1, 12, tzinfo=UTC),
        ),
        ApiVersion("v2", urls=""),
    )
    headers.forget_versions()


def test_a_path_names_its_version(client: GateClient, ada: Identity, two_versions: None) -> None:
    answer = client.get("/api/v1/used", key="ada")

    assert {name: answer.headers[name] for name in ("x-api-version", "deprecation", "sunset")} == {
        "x-api-version": "v1",
        "deprecation": "@1893456000",
        "sunset": "Mon, 01 Jul 2030 12:00:00 GMT",
    }


@pytest.mark.parametrize(("asked", "served"), [(None, "v2"), ("v1", "v1"), ("v2", "v2")])
def test_elsewhere_the_header_chooses_or_the_newest_answers(
    client: GateClient, two_versions: None, asked: str | None, served: str
) -> None:
    answer = client.get("/echo", headers={"X-API-Version": asked})

    assert (answer.status, answer.headers["x-api-version"]) == (200, served)
    assert ("deprecation" in answer.headers) == (served == "v1")


def test_path_and_header_may_not_disagree(
    client: GateClient, ada: Identity, two_versions: None
) -> None:
    answer = client.get("/api/v1/used", key="ada", headers={"X-API-Version": "v2"})

    assert (answer.status, answer.error) == (400, "two_versions")


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("way", ["failing", "failing-in-pool"])
@pytest.mark.parametrize("how", ["bug", "database-bug"])
def test_a_bug_shows_its_request_id_alone(client: GateClient, way: str, how: str) -> None:
    answer = client.get(f"/{way}/{how}")

    assert answer.status == 500
    assert error_of(answer) == {
        "error": "internal_error",
        "message": "Something went wrong on our side.",
        "details": [],
        "path": f"/{way}/{how}",
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize("way", ["failing", "failing-in-pool"])
@pytest.mark.parametrize(
    ("how", "status", "code", "retry_after"),
    [
        ("not-found", 404, "not_found", None),
        ("out-of-range", 422, "value_out_of_range", None),
        ("limited", 429, "rate_limited", "7"),
        ("upstream", 502, "upstream_error", None),
        ("unavailable", 503, "unavailable", "9"),
        ("database-away", 503, "database_unavailable", "2"),
        ("timeout", 504, "timeout", None),
        ("no-room", 507, "no_room", None),
    ],
)
def test_errors_have_one_shape_from_both_kinds_of_views(
    client: GateClient, way: str, how: str, status: int, code: str, retry_after: str | None
) -> None:
    answer = client.get(f"/{way}/{how}")

    assert (answer.status, answer.error, answer.headers.get("retry-after")) == (
        status,
        code,
        retry_after,
    )
    assert b"10.0.0.7" not in answer.body
    assert b"secret" not in answer.body


def test_openai_callers_get_their_shape(client: GateClient) -> None:
    answer = client.get("/v1/failing/bug")

    assert answer.status == 500
    assert {
        name: answer.json()["error"][name] for name in ("type", "code", "param", "request_id")
    } == {
        "type": "api_error",
        "code": "internal_error",
        "param": None,
        "request_id": answer.headers["x-request-id"],
    }


def test_an_answer_may_be_held_back(client: GateClient) -> None:
    from time import perf_counter  # noqa: PLC0415 - beside the one use

    started = perf_counter()

    answer = client.get("/failing/late")

    assert answer.status == 401
    assert perf_counter() - started >= 0.2


# ------------------------------------------------------------------ streams


def test_a_stream_is_sent_to_its_end(client: GateClient) -> None:
    answer = client.get("/stream")

    assert (answer.status, answer.body) == (200, b"one two")
    assert "content-length" not in answer.headers
    assert table.ended == ["async"]


def test_a_stream_ends_when_its_reader_leaves(client: GateClient) -> None:
    answer = client.get("/stream?forever", then="gone")

    assert answer.body == b"one two"
    assert table.ended == ["async"]


def test_a_stream_that_breaks_is_not_closed_politely(client: GateClient) -> None:
    """The server must cut the connection: a proper end would say that this was all."""
    with pytest.raises(ZeroDivisionError):
        client.get("/stream?break")

    assert table.ended == ["async"]


def test_a_stream_of_the_pool_keeps_its_organization(client: GateClient, ada: Identity) -> None:
    answer = client.get("/stream-in-pool", key="ada")

    assert answer.body.decode().split() == [str(ada.organization_id)] * 2
