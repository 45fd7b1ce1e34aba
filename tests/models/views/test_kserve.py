"""KServe's protocol: what is said of models, tensors in both forms, and its own shape of errors."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.models.enums import Stage
from apps.models.models import RegisteredModel
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.models import make_model, make_version
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
TENURE = {"name": "tenure", "shape": [2], "datatype": "INT64", "data": [12, 40]}
CONTRACT = {
    "name": "contract",
    "shape": [2, 1],
    "datatype": "BYTES",
    "data": ["Month-to-month", "Two year"],
}
QUESTION: dict[str, Any] = {"id": "42", "inputs": [TENURE, CONTRACT]}


@pytest.fixture
def model(organization: Organization) -> RegisteredModel:
    made = make_model(organization, name="churn")
    make_version(made, label="1.2.0", stage=Stage.PRODUCTION)
    return made


@pytest.fixture
def key(organization: Organization, model: RegisteredModel) -> str:
    return log_in(make_member(organization)).access


def infer(key: str, body: Any, path: str = "/v2/models/churn/infer") -> Any:
    return GateClient().post(path, body, key=key)


def test_the_server_says_what_it_is_to_everybody(db: None) -> None:
    answers = [GateClient().get(path) for path in ("/v2", "/v2/health/live", "/v2/health/ready")]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].json()["name"] == "signalbox"
    assert [answer.json() for answer in answers[1:]] == [{"live": True}, {"ready": True}]


def test_rows_of_tensors_are_predicted(key: str) -> None:
    answer = infer(key, QUESTION)

    body = answer.json()
    assert answer.status == 200
    assert (body["id"], body["model_name"], body["model_version"]) == ("42", "churn", "1.2.0")
    prediction, probability = body["outputs"]
    assert prediction == {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [1, 0]}
    assert (probability["name"], probability["datatype"]) == ("probability", "FP64")
    assert probability["data"] == pytest.approx([0.8320183851339245, 0.14185106490048777])


def test_only_the_outputs_that_are_asked_for_are_told(key: str) -> None:
    body = infer(key, {**QUESTION, "outputs": [{"name": "probability"}]}).json()

    assert [each["name"] for each in body["outputs"]] == ["probability"]


def test_all_features_may_be_one_tensor(key: str) -> None:
    tensor = {
        "name": "input",
        "shape": [2, 2],
        "datatype": "BYTES",
        "data": [[12, "Month-to-month"], [40, "Two year"]],
    }

    assert infer(key, {"inputs": [tensor]}).json()["outputs"][0]["data"] == [1, 0]


def test_a_version_may_be_named(key: str, model: RegisteredModel) -> None:
    make_version(model, label="1.3.0")

    answer = infer(key, QUESTION, "/v2/models/churn/versions/1.3.0/infer")

    assert answer.json()["model_version"] == "1.3.0"


def test_a_model_says_what_it_takes(key: str) -> None:
    body = GateClient().get("/v2/models/churn", key=key).json()

    assert body == {
        "name": "churn",
        "versions": ["1.2.0"],
        "platform": "scorecard",
        "inputs": [
            {"name": "tenure", "datatype": "INT64", "shape": [-1]},
            {"name": "contract", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "prediction", "datatype": "BYTES", "shape": [-1]},
            {"name": "probability", "datatype": "FP64", "shape": [-1]},
        ],
    }
    ready = GateClient().get("/v2/models/churn/ready", key=key)
    assert ready.json() == {"name": "churn", "ready": True}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": []}, "inputs: must be a list of tensors"),
        ({"inputs": [{**TENURE, "shape": [3]}, CONTRACT]}, "must have the 3 values of its shape"),
        ({"inputs": [{**TENURE, "shape": [-1]}, CONTRACT]}, "must be a list of whole numbers"),
        ({"inputs": [{**TENURE, "datatype": "FP8"}, CONTRACT]}, "must be among"),
        ({"inputs": [{**TENURE, "data": None}, CONTRACT]}, "tensors in binary form"),
        ({"inputs": [TENURE]}, "contract is required"),
        ({"inputs": [{**TENURE, "data": [1, -1]}, CONTRACT]}, "tenure must be positive"),
        ({"outputs": [{"name": "logits"}]}, "must be among"),
        ({"outputs": [{"name": []}]}, "must be among"),
        ({"inputs": [{**TENURE, "datatype": []}, CONTRACT]}, "must be among"),
        ({"inputs": [{**TENURE, "datatype": {}}, CONTRACT]}, "must be among"),
        ({"inputs": [TENURE, TENURE, CONTRACT]}, "has two tensors of one name"),
    ],
)
def test_what_does_not_fit_is_said_in_the_protocols_shape(key: str, change: Any, said: str) -> None:
    answer = infer(key, {**QUESTION, **change})

    assert answer.status == 422
    assert said in answer.json()["error"]


def test_viewers_look_and_do_not_infer(organization: Organization, model: RegisteredModel) -> None:
    viewer = log_in(make_member(organization, role=Role.VIEWER)).access

    assert GateClient().get("/v2/models/churn", key=viewer).status == 200
    assert infer(viewer, QUESTION).status == 403


@pytest.mark.parametrize("name", ["theirs", "nobody"])
def test_a_model_that_is_not_ours_is_404(key: str, other: Organization, name: str) -> None:
    make_version(make_model(other, name="theirs"), stage=Stage.PRODUCTION)

    answers = [
        GateClient().get(f"/v2/models/{name}", key=key),
        infer(key, QUESTION, f"/v2/models/{name}/infer"),
    ]

    assert [answer.status for answer in answers] == [404, 404]
