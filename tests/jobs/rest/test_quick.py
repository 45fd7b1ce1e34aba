"""Submitting in the quick way and through the view: the same jobs, the same answers, the same refusals."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.tenancy import unscoped
from apps.jobs.models import Job
from apps.jobs.rest import quick
from apps.jobs.services import intake
from apps.tenants.models import Membership
from tests.client import Answer, GateClient
from tests.factories.doors import KnownTokens
from tests.factories.tenants import actor_of, make_admin, make_member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PLAIN: dict[str, Any] = {"kind": "demo.sleep", "payload": {"seconds": 0}}
OWN = {"id", "public_id", "created_at", "run_at", "request_id"}


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each submission took."""
    taken: list[str] = []
    go = quick.answer

    def note(job: Job) -> Any:
        taken.append("quick")
        return go(job)

    monkeypatch.setattr(quick, "answer", note)
    return taken


def submit(
    tokens: KnownTokens, member: Membership, body: Any = None, *, raw: bytes | None = None,
    **headers: str,
) -> Answer:  # fmt: skip
    tokens.identities["token"] = actor_of(member).identity
    return GateClient().post("/api/v1/jobs", body, raw=raw, key="token", headers=headers)


def jobs() -> list[Job]:
    with unscoped(reason="a test looks"):
        return list(Job.objects.order_by("id"))


def columns(job: Job) -> dict[str, Any]:
    names = {field.attname for field in Job._meta.concrete_fields} - OWN
    return {name: getattr(job, name) for name in names}


@pytest.mark.parametrize("body", [PLAIN, {"kind": "demo.sleep"}, {**PLAIN, "priority": "critical"}])
def test_both_ways_make_the_same_job_and_answer(
    tokens: KnownTokens, ways: list[str], body: dict[str, Any]
) -> None:
    member = make_admin()

    quickly = submit(tokens, member, body)
    slowly = submit(tokens, member, body, **{"Idempotency-Key": "k1"})

    assert ways == ["quick"]
    assert (quickly.status, slowly.status) == (202, 202)
    first, second = jobs()
    assert columns(first) == columns(second)
    for answer, job in ((quickly, first), (slowly, second)):
        assert answer.json()["job_id"] == job.public_id
        assert answer.headers["location"] == f"/api/v1/jobs/{job.public_id}"
    assert quickly.json().keys() == slowly.json().keys()
    # DRF says to each answer what else the path takes.
    assert quickly.headers.keys() == slowly.headers.keys() - {"allow"}


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({**PLAIN, "priority": "urgent"}, 422, ["priority"]),
        ({**PLAIN, "kind": "no.such"}, 422, ["kind"]),
        ({**PLAIN, "kind": "jobs.group"}, 422, ["kind"]),
        ({**PLAIN, "kind": 7}, 422, ["kind"]),
        ({"payload": {}}, 422, ["kind"]),
        ({**PLAIN, "payload": [1]}, 422, ["payload"]),
        ({**PLAIN, "payload": None}, 422, ["payload"]),
        ({**PLAIN, "priority": []}, 422, ["priority"]),
        ({**PLAIN, "more": 1}, 422, ["more"]),
        ([PLAIN], 422, ["body"]),
        ({**PLAIN, "payload": {"seconds": -1}}, 422, ["payload.seconds"]),
        ({**PLAIN, "payload": {"seconds": "1", "more": 1}}, 422, ["payload.seconds", "payload.more"]),
    ],
)  # fmt: skip
def test_both_ways_refuse_alike(
    tokens: KnownTokens, body: Any, status: int, fields: list[str]
) -> None:
    member = make_admin()

    quickly = submit(tokens, member, body)
    slowly = submit(tokens, member, body, **{"Idempotency-Key": "k1"})

    assert (quickly.status, [each["field"] for each in quickly.json()["details"]]) == (
        status,
        fields,
    )
    assert (slowly.status, slowly.json()["details"]) == (status, quickly.json()["details"])
    assert jobs() == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"", 422), (b"{", 400), (b'{"kind": "a", "kind": "b"}', 400), (b"\xff", 400)],
)
def test_both_ways_refuse_what_is_no_json_alike(
    tokens: KnownTokens, raw: bytes, status: int
) -> None:
    member = make_admin()
    plain = {"Content-Type": "application/json"}

    quickly = submit(tokens, member, raw=raw, **plain)
    slowly = submit(tokens, member, raw=raw, **plain, **{"Idempotency-Key": "k1"})

    assert (quickly.status, quickly.error) == (status, slowly.error)


@pytest.mark.parametrize(
    "body",
    [
        {**PLAIN, "callback_url": "https://example.com/done"},
        {**PLAIN, "run_at": "2126-01-01T00:00:00Z"},
        {"kind": "demo.sleep", "payload": {"seconds": 0}, "parent": None},
    ],
)
def test_what_is_not_plain_goes_to_the_view(
    tokens: KnownTokens, ways: list[str], body: dict[str, Any]
) -> None:
    submit(tokens, make_admin(), body)

    assert ways == []


def test_a_long_body_goes_to_the_view(
    tokens: KnownTokens, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "LONGEST", 20)

    answer = submit(tokens, make_admin(), PLAIN)

    assert (answer.status, ways) == (202, [])


def test_who_may_not_submit_is_refused_at_the_door(
    tokens: KnownTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "intake", None)

    answer = submit(tokens, make_member(role=Role.VIEWER), PLAIN)

    assert (answer.status, jobs()) == (403, [])
