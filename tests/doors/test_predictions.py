"""REST: the log of predictions, outcomes and accuracy, behind every door's refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.core.tenancy import organization_scope
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.services import outcomes
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.models import make_model, make_version
from tests.factories.predictions import make_prediction

VIEW, PREDICT = ModelsPermission.VIEW, ModelsPermission.PREDICT
CHURN = "churn-predictor"


def churn_of(place: Place) -> ModelVersion:
    """One model a place, so that lists have more than one row."""
    with organization_scope(place.organization.pk):
        model = RegisteredModel.objects.filter(name=CHURN).first()
        if model is None:
            return make_version(make_model(place.organization, name=CHURN))
        return model.versions.get()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 0.0)
    settings.SIGNALBOX_DATA_DIR = tmp_path


class TestPredictions(RestDoor):
    calls = (
        Call("GET", "/api/v1/predictions/{id}", VIEW),
        Call("GET", "/api/v1/predictions/{id}/explanation", PREDICT),
        Call(
            "POST",
            "/api/v1/predictions/{id}/outcome",
            PREDICT,
            body={"actual": 1},
            wrong={"actual": [2, -1, None]},
        ),
    )

    def make(self, place: Place) -> str:
        return str(make_prediction(churn_of(place)).public_id)


class TestModelsPredictions(RestDoor):
    calls = (
        Call("GET", "/api/v1/models/{id}/predictions", VIEW),
        Call("GET", "/api/v1/models/{id}/accuracy", VIEW),
    )

    def make(self, place: Place) -> str:
        version = make_version(make_model(place.organization))
        make_prediction(version)
        return str(version.model.public_id)


class TestOutcomes(RestDoor):
    calls = (
        Call(
            "POST",
            "/api/v1/predictions/outcomes",
            PREDICT,
            body={"outcomes": [{"prediction_id": "pred_0", "actual": 1}]},
            wrong={"outcomes": [[], [1], ["a"], [None], [{}] * 1001]},
        ),
    )


class Within(RestDoor):
    """Of calls whose path names an object of its own, so that they stand for no endpoint of the table."""


class TestTheLog(Within):
    calls = (Listing("GET", f"/api/v1/models/{CHURN}/predictions", VIEW),)

    @pytest.fixture(autouse=True)
    def _there(self, ours: Place) -> None:
        churn_of(ours)

    def make(self, place: Place) -> str:
        return str(make_prediction(churn_of(place)).public_id)
