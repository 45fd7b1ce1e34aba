"""A prediction of the log explained: by the version that made it, as no prediction of its own."""

from __future__ import annotations

import pytest

from apps.core.actor import Role
from apps.models.domain.log import KIND
from apps.models.enums import Stage
from apps.models.models import ModelVersion, PredictionRecord
from apps.models.serving import recording
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.models import make_model, make_version
from tests.factories.predictions import FEATURES, make_prediction
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
EXPLAIN = """mutation($id: ID!) { explainPrediction(id: $id) { baseValue output shapValues } }"""


@pytest.fixture
def version(organization: Organization) -> ModelVersion:
    return make_version(make_model(organization, name="churn"), stage=Stage.PRODUCTION)


@pytest.fixture
def key(organization: Organization) -> str:
    return log_in(make_member(organization)).access


def test_it_is_explained_as_it_would_be_today(
    key: str, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = make_prediction(version)
    asked = {"features": FEATURES}
    today = GateClient().post("/predict/churn?explain=true", asked, key=key).json()
    written: list[str] = []
    monkeypatch.setattr(recording.spool, "append", lambda kind, value: written.append(kind))

    answer = GateClient().get(f"/api/v1/predictions/{logged.public_id}/explanation", key=key)

    body = answer.json()
    assert answer.status == 200
    assert (body.pop("model_version"), body.pop("prediction_id")) == ("1", logged.public_id)
    assert body == today["explanation"]
    assert KIND not in written


def test_graphql_tells_the_same(key: str, version: ModelVersion) -> None:
    logged = make_prediction(version)
    path = f"/api/v1/predictions/{logged.public_id}/explanation"
    rest = GateClient().get(path, key=key).json()

    asked = {"query": EXPLAIN, "variables": {"id": logged.public_id}}
    said = GateClient().post("/graphql", asked, key=key).json()["data"]["explainPrediction"]

    assert said == {
        "baseValue": rest["base_value"],
        "output": rest["output"],
        "shapValues": rest["shap_values"],
    }


def test_a_feature_that_was_left_out_is_left_out_again(
    key: str, organization: Organization
) -> None:
    model = make_model(organization, name="spare")
    spare = {"type": "string", "enum": ["One year"], "required": False}
    features = [["tenure", {"type": "integer"}], ["contract", spare]]
    version = make_version(model, features=features)
    logged = make_prediction(version)
    PredictionRecord.objects.filter(pk=logged.pk).update(features={"tenure": 3, "contract": None})

    path = f"/api/v1/predictions/{logged.public_id}/explanation"

    assert GateClient().get(path, key=key).json()["shap_values"] == [-0.15000000000000002, 0.0]


def test_a_version_that_is_gone_explains_nothing(key: str, version: ModelVersion) -> None:
    logged = make_prediction(version)
    version.delete()

    answer = GateClient().get(f"/api/v1/predictions/{logged.public_id}/explanation", key=key)

    assert answer.status == 404


def test_viewers_do_not_make_models_work(organization: Organization, version: ModelVersion) -> None:
    viewer = log_in(make_member(organization, role=Role.VIEWER)).access
    path = f"/api/v1/predictions/{make_prediction(version).public_id}/explanation"

    assert GateClient().get(path, key=viewer).status == 403
