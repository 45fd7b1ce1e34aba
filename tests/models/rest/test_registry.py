"""The registry's REST answers: the shapes that programs rely on, the seed's spellings, uploads and their refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.core.actor import Role
from apps.models.models import ModelVersion
from apps.models.services import checking
from apps.tenants.models import Organization
from tests.client import Answer, GateClient
from tests.factories.approvals import make_policy
from tests.factories.models import SCHEMA, card, make_model, make_version, schema_of
from tests.factories.parts import multipart, part
from tests.factories.tenants import actor_of, log_in, make_admin, make_member

pytestmark = pytest.mark.integration
VERSIONS = "/api/v1/models/churn/versions"


@pytest.fixture
def key(organization: Organization) -> str:
    make_model(organization, name="churn", description="Who leaves")
    return log_in(make_member(organization)).access


def upload(key: str, *parts: bytes, content: bytes | None = None, **headers: str) -> Answer:
    sent = multipart(part(card() if content is None else content, filename="a.onnx"), *parts)
    given = {**sent["headers"], **headers}
    return GateClient().post(VERSIONS, key=key, raw=sent["raw"], headers=given)


def text(name: str, value: Any) -> bytes:
    said = value if isinstance(value, str) else json.dumps(value)
    return part(said.encode(), name=name, filename=None)


def test_an_upload_answers_what_the_contract_says(key: str) -> None:
    answer = upload(
        key, text("version", "1.2.0"), text("feature_schema", SCHEMA), text("metrics", {"f1": 1})
    )

    body = answer.json()
    assert answer.status == 201
    assert answer.headers["location"] == f"{VERSIONS}/1.2.0"
    assert {name: body[name] for name in ("model", "version", "stage", "format", "status")} == {
        "model": "churn",
        "version": "1.2.0",
        "stage": "None",
        "format": "scorecard",
        "status": "ready",
    }
    assert (len(body["digest"]), schema_of(body)) == (64, ["tenure", "contract"])


def test_a_large_upload_is_answered_before_it_is_opened(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LARGE_BYTES", 10)

    answer = upload(key, text("version", "2.0"))

    body = answer.json()
    assert (answer.status, answer.headers["location"]) == (202, f"{VERSIONS}/2.0")
    assert {name: body[name] for name in ("model", "version", "stage", "status")} == {
        "model": "churn",
        "version": "2.0",
        "stage": "None",
        "status": "checking",
    }
    assert body["links"]["status"] == f"/api/v1/job/{body['job_id']}/status"
    assert GateClient().get(f"{VERSIONS}/2.0", key=key).json()["status"] == "checking"


def test_the_file_of_a_refused_version_is_gone(key: str, organization: Organization) -> None:
    make_version(make_model(organization, name="big"), content=b" ", status="refused")

    answer = GateClient().get("/api/v1/models/big/versions/1/artifact", key=key)

    assert (answer.status, answer.error) == (409, "version_not_ready")


def test_background_rows_are_counted(key: str) -> None:
    row = {"tenure": 12, "contract": "One year"}

    answer = upload(key, text("feature_schema", SCHEMA), text("background", [row, row]))
    wrong = upload(key, text("feature_schema", SCHEMA), text("background", [row, {"tenure": 1}]))

    assert (answer.status, answer.json()["background_rows"]) == (201, 2)
    assert (wrong.status, wrong.json()["invalid_fields"]) == (422, ["background.1.contract"])


def test_the_order_of_features_is_kept(key: str) -> None:
    turned = dict(reversed(SCHEMA.items()))

    upload(key, text("feature_schema", turned))

    assert schema_of(GateClient().get(f"{VERSIONS}/latest", key=key).json()) == list(turned)


def test_a_pickle_is_unsafe_whatever_its_name(key: str) -> None:
    answer = upload(key, content=b"\x80\x04\x95")

    assert (answer.status, answer.error, answer.json()["message"]) == (
        422, "unsafe_artifact", "The file is a pickle.",
    )  # fmt: skip
    assert ModelVersion.objects.count() == 0


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (text("nobody_knows_it", "1"), "nobody_knows_it"),
        (text("metrics", "{"), "metrics"),
        (text("metrics", '{"a": 1, "a": 2}'), "metrics"),
        (text("metrics", '{"a": 1e999}'), "metrics"),
        (text("metrics", [1]), "metrics"),
        (text("feature_schema", "7"), "feature_schema"),
        (text("feature_schema", '{"a": {"type": "integer", "max": 9223372036854775808}}'), "feature_schema"),
        (text("version", "../../etc"), "version"),
        (text("file", "x"), "file"),
        (part(b"x", name="other"), "other"),
    ],
)  # fmt: skip
def test_a_wrong_part_is_named(key: str, sent: bytes, field: str) -> None:
    answer = upload(key, sent)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_an_upload_is_multipart(key: str) -> None:
    answer = GateClient().post(VERSIONS, {"file": "x"}, key=key)

    assert (answer.status, answer.error) == (415, "unsupported_media_type")


def test_a_repeated_upload_runs_once(key: str) -> None:
    first = upload(key, **{"Idempotency-Key": "once"})
    second = upload(key, **{"Idempotency-Key": "once"})

    assert (second.headers["idempotency-replayed"], second.json()) == ("true", first.json())
    assert ModelVersion.objects.count() == 1


def test_the_seeds_list(key: str, organization: Organization, other: Organization) -> None:
    churn = make_model(organization, name="other-model")
    make_version(churn, label="1.2.0", stage="Production", metrics={"accuracy": 0.85})
    make_version(make_model(other, name="theirs"))

    answer = GateClient().get("/models", key=key).json()

    assert [model["name"] for model in answer["models"]] == ["churn", "other-model"]
    assert answer["models"][0]["versions"] == []
    (version,) = answer["models"][1]["versions"]
    assert {**version, "created_at": ""} == {
        "version": "1.2.0",
        "stage": "Production",
        "created_at": "",
        "metrics": {"accuracy": 0.85},
    }


def test_the_seeds_detail(key: str, organization: Organization) -> None:
    model = make_model(organization, name="served")
    make_version(model, label="1.0", stage="Production")
    make_version(model, label="1.1")

    answer = GateClient().get("/models/served", key=key)

    body = answer.json()
    assert (body["name"], body["current_version"], body["total_predictions"]) == (
        "served",
        "1.0",
        0,
    )
    assert body["feature_schema"] == SCHEMA
    assert answer.headers["x-ratelimit-limit"] == "20"


def test_a_version_in_production_is_not_deleted(key: str) -> None:
    upload(key)
    GateClient().post(f"{VERSIONS}/1/stage", {"stage": "Production"}, key=key)

    answer = GateClient().delete(f"{VERSIONS}/1", key=key)

    assert (answer.status, answer.error) == (409, "in_production")


def test_the_artifact_comes_back_as_it_was(key: str) -> None:
    digest = upload(key).json()["digest"]

    answer = GateClient().get(f"{VERSIONS}/1/artifact", key=key)

    assert (answer.body, answer.headers["etag"]) == (card(), f'"{digest}"')
    assert answer.headers["content-disposition"].startswith("attachment")


def test_viewers_read_and_do_not_write(key: str, organization: Organization) -> None:
    viewer = log_in(make_member(organization, Role.VIEWER)).access

    assert GateClient().get(VERSIONS, key=viewer).status == 200
    assert upload(viewer).status == 403


def test_an_alias_that_waits_for_people_is_202(key: str, organization: Organization) -> None:
    make_version(make_model(organization, name="waiting"), label="1.0")
    make_policy(actor_of(make_admin(organization)), kind="model.promotion", selector="waiting")

    answer = GateClient().put(
        "/api/v1/models/waiting/aliases/champion", {"version": "1.0"}, key=key
    )

    body = answer.json()
    assert (answer.status, body.pop("approval_id")[:5]) == (202, "appr_")
    assert body == {
        "status": "pending_approval",
        "model": "waiting",
        "version": "1.0",
        "stage": "None",
        "alias": "champion",
    }
    assert GateClient().get("/models/waiting", key=key).json()["aliases"] == {}
