"""Bodies: their limits hold while the bytes arrive, however they are declared."""

from __future__ import annotations

import gc
import warnings

import pytest

from apps.core.actor import Identity
from apps.core.asgi import body
from tests.client import GateClient

LIMIT = 1000


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_within_its_limit_is_taken(client: GateClient, size: int) -> None:
    whole = client.post("/small", raw=b"x" * size)
    pieces = client.post("/small", chunks=[b"x" * (size // 2), b"", b"x" * (size - size // 2)])

    assert whole.json() == pieces.json() == {"length": size, "declared": str(size)}


@pytest.mark.parametrize(
    "sending",
    [
        {"raw": b"x" * (LIMIT + 1)},
        {"raw": b"", "headers": {"Content-Length": str(LIMIT + 1)}},
        {"raw": b"", "headers": {"Content-Length": "9" * 18}},
        {"raw": b"x" * (LIMIT + 1), "headers": {"Content-Length": None}},
        {"raw": b"x" * (LIMIT + 1), "headers": {"Content-Length": "5"}},
        {"chunks": [b"x" * LIMIT, b"x"]},
        {"chunks": [b"x" * LIMIT, b"x"], "then": "silence"},
        {"chunks": [b"x" * LIMIT, b"x"], "headers": {"Content-Length": "5"}},
    ],
    ids=["honest", "declared", "huge", "undeclared", "understated", "chunked", "unended", "lied"],
)
def test_a_body_over_its_limit_is_refused(client: GateClient, sending: dict[str, object]) -> None:
    answer = client.call("POST", "/small", **sending)  # type: ignore[arg-type]

    assert (answer.status, answer.error) == (413, "too_large")
    assert answer.json()["message"] == "The body may have 1000 bytes at most."
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["x", "-1", "1.0", "1e3", "5,5", "²", "9" * 5000, "0x10", "1 1"])
def test_a_length_that_is_no_number_is_malformed(client: GateClient, length: str) -> None:
    answer = client.post("/small", raw=b"x", headers={"Content-Length": length})

    assert (answer.status, answer.json()["message"]) == (400, "Content-Length is not a number.")


def test_a_long_body_waits_on_disk(client: GateClient) -> None:
    chunk = b"x" * 1024 * 1024

    assert client.post("/big", chunks=[chunk] * 2).json() == {
        "length": 2 * len(chunk),
        "on_disk": False,
    }
    assert client.post("/big", chunks=[chunk] * 3).json() == {
        "length": 3 * len(chunk),
        "on_disk": True,
    }


@pytest.mark.parametrize(
    ("chunks", "then"),
    [([b"x" * 1024 * 1024] * 3, ""), ([b"x" * 1024 * 1024] * 9, ""), ([b"x" * 3 * 2**20], "gone")],
    ids=["taken", "refused", "hung up"],
)
def test_what_waited_on_disk_is_closed(client: GateClient, chunks: list[bytes], then: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        client.post("/big", chunks=chunks, then=then)
        gc.collect()  # an unclosed file would warn now, and an unraisable warning fails the test


def test_nobody_is_answered_who_hung_up(client: GateClient) -> None:
    assert client.post("/small", chunks=[b"{"], then="gone").status == 0


def test_a_silent_caller_is_given_up(client: GateClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SILENCE_SECONDS", 0.05)

    answer = client.post("/small", chunks=[b"{"], then="silence")

    assert (answer.status, answer.error) == (400, "body_timeout")


def test_a_drip_is_given_up(client: GateClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, all of them together never would."""
    moments = iter(range(0, 10_000, 29))
    monkeypatch.setattr(body, "monotonic", lambda: next(moments))

    answer = client.post("/small", chunks=[b"x"] * 900)

    assert (answer.status, answer.error) == (400, "body_timeout")


def test_a_body_is_read_after_the_caller_was_admitted(client: GateClient, ada: Identity) -> None:
    """A stranger's bytes cost nothing: the refusal comes before the first is asked for."""
    answer = client.post("/api/v1/used", chunks=[b"x"], then="silence")

    assert answer.status == 401


def test_get_needs_no_body(client: GateClient) -> None:
    assert client.get("/echo", then="silence").status == 200


def test_get_may_have_one(client: GateClient) -> None:
    assert client.call("GET", "/echo", raw=b"x").json()["body"] == "x"
    assert client.call("GET", "/echo", chunks=[b"x", b"y"]).json()["body"] == "xy"


@pytest.mark.parametrize(
    "sending", [{"raw": b'{"name": "a"}'}, {"chunks": [b'{"name"', b': "a"}']}]
)
def test_drf_reads_bodies_declared_or_not(
    client: GateClient, ada: Identity, sending: dict[str, object]
) -> None:
    answer = client.call("POST", "/api/v1/things", key="ada", **sending)  # type: ignore[arg-type]

    assert (answer.status, answer.json()["name"]) == (201, "a")
