"""The schedule, the signature and what names are meant: against the promise and against somebody else's library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from apps.events.domain.deliveries import (
    matches,
    new_secret,
    pause_before,
    read_retry_after,
    signature_headers,
)

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
PROMISED = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


def test_the_schedule_is_the_one_that_is_promised() -> None:
    pauses = [pause_before(attempt, luck=0.5) for attempt in range(11)]

    assert pauses == [*(timedelta(seconds=seconds) for seconds in PROMISED), None]


@given(st.integers(0, 9), st.floats(0, 1))
def test_jitter_keeps_within_a_twentieth(attempt: int, luck: float) -> None:
    pause = pause_before(attempt, luck=luck)

    assert pause is not None
    assert PROMISED[attempt] * 0.949 <= pause.total_seconds() <= PROMISED[attempt] * 1.051


@pytest.mark.parametrize(
    ("asked", "expected"), [(timedelta(seconds=2), 5), (timedelta(hours=1), 3600)]
)
def test_a_receiver_may_ask_for_more_time_never_for_less(asked: timedelta, expected: float) -> None:
    assert pause_before(1, luck=0.5, retry_after=asked) == timedelta(seconds=expected)


def test_a_scale_compresses_time() -> None:
    assert pause_before(2, luck=0.5, scale=0.01) == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Thu, 15 Jan 2026 10:31:00 GMT", 60),
        ("Thu, 15 Jan 2026 10:00:00 GMT", 0),
        ("99999999999999", 86_400),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("１２", None),
        ("", None),
        (None, None),
    ],
)
def test_read_retry_after(text: str | None, expected: float | None) -> None:
    found = read_retry_after(text, now=NOW)

    assert found == (None if expected is None else timedelta(seconds=expected))


@given(st.text(max_size=200), st.binary(min_size=24, max_size=64))
def test_an_independent_library_verifies_the_signature(text: str, random: bytes) -> None:
    secret = new_secret(random)
    body = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    headers = signature_headers(
        message_id="msg_1", at=datetime.now(UTC), body=body, secrets=[secret]
    )

    Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b"x", headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, {**headers, "webhook-id": "msg_2"}, json_parse=False)


def test_during_a_rotation_either_secret_verifies() -> None:
    secrets = [new_secret(bytes([n]) * 32) for n in range(3)]
    headers = signature_headers(
        message_id="msg_1", at=datetime.now(UTC), body=b"{}", secrets=secrets[:2]
    )

    assert [Webhook(secret).verify(b"{}", headers) for secret in secrets[:2]] == [{}, {}]
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[2]).verify(b"{}", headers)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", True),
        ("jobs.job.completed", True),
        ("jobs.*", True),
        ("jobs.job.*", True),
        ("job.progress", True),
        ("job.*", True),
        ("jobs.job", False),
        ("jobs.job.failed", False),
        ("jo.*", False),
        ("keys.*", False),
    ],
)
def test_matches(pattern: str, expected: bool) -> None:
    assert matches([pattern], ["jobs.job.completed", "job.progress"]) is expected
