"""MLflow's own calls: who may make which. What they answer stands in tests/models/rest/test_mlflow.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from apps.models.permissions import ModelsPermission
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.doors.test_models import ModelsDoor
from tests.factories.models import make_model, make_version

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.MANAGE
API = "/api/2.0/mlflow"
MODELS, VERSIONS = f"{API}/registered-models", f"{API}/model-versions"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
WORDS = {
    "UNAUTHENTICATED": "unauthenticated",
    "PERMISSION_DENIED": "permission_denied",
    "RESOURCE_DOES_NOT_EXIST": "not_found",
}


@dataclass(frozen=True, slots=True)
class MlflowAnswer(Answer):
    """The same refusals in MLflow's words."""

    @property
    def error(self) -> str:
        return WORDS[self.json()["error_code"]]


class MlflowDoor(ModelsDoor):
    sent: dict[str, dict[str, Any]] = {
        "create": {"name": "another"},
        "rename": {"new_name": "renamed"},
        "set-tag": {"key": "team", "value": "lab"},
        "delete-tag": {"key": "team"},
        "alias": {"alias": "champion"},
        "transition-stage": {"stage": "Staging"},
        "update": {"description": "Who leaves"},
    }

    def make(self, place: Place) -> str:
        model = make_model(place.organization, tags={"team": "retention"})
        make_version(model)
        make_version(model, alias="champion")
        return str(model.name)

    def send(self, client: GateClient, call: Call, place: Place, **changes: Any) -> Answer:
        name = self.make_in(place)
        word = call.path.rpartition("/")[2]
        given = {"name": name, "version": "1", **self.sent.get(word, {})}
        if call.path == f"{VERSIONS}/create":
            given = {"name": name, "source": f"models:/{name}/1"}
        if call.method == "GET":
            changes["query"] = given
        else:
            changes["body"] = given
        answer = RestDoor.send(self, client, replace(call, path=call.path), place, **changes)  # type: ignore[arg-type]  # mixed into one
        return MlflowAnswer(answer.status, answer.headers, answer.cookies, answer.body)


class TestRegisteredModels(MlflowDoor, RestDoor):
    calls = (
        Call("POST", f"{MODELS}/create", MANAGE),
        Call("GET", f"{MODELS}/get", VIEW),
        Call("PATCH", f"{MODELS}/update", MANAGE),
        Call("POST", f"{MODELS}/rename", MANAGE),
        Call("DELETE", f"{MODELS}/delete", MANAGE),
        Call("GET", f"{MODELS}/search", VIEW),
        Call("GET", f"{MODELS}/get-latest-versions", VIEW),
        Call("POST", f"{MODELS}/get-latest-versions", VIEW),
        Call("POST", f"{MODELS}/set-tag", MANAGE),
        Call("DELETE", f"{MODELS}/delete-tag", MANAGE),
        Call("GET", f"{MODELS}/alias", VIEW),
        Call("POST", f"{MODELS}/alias", MANAGE),
        Call("DELETE", f"{MODELS}/alias", MANAGE),
    )


class TestModelVersions(MlflowDoor, RestDoor):
    calls = (
        Call("POST", f"{VERSIONS}/create", MANAGE),
        Call("GET", f"{VERSIONS}/get", VIEW),
        Call("PATCH", f"{VERSIONS}/update", MANAGE),
        Call("DELETE", f"{VERSIONS}/delete", MANAGE),
        Call("GET", f"{VERSIONS}/search", VIEW),
        Call("POST", f"{VERSIONS}/set-tag", MANAGE),
        Call("DELETE", f"{VERSIONS}/delete-tag", MANAGE),
        Call("POST", f"{VERSIONS}/transition-stage", MANAGE),
        Call("GET", f"{VERSIONS}/get-download-uri", VIEW),
    )


class TestArtifacts(MlflowDoor, RestDoor):
    calls = (
        Call("GET", ARTIFACTS, VIEW),
        Call("GET", f"{ARTIFACTS}/{{path}}", VIEW),
        Call("PUT", f"{ARTIFACTS}/{{path}}", MANAGE),
    )

    def send(self, client: GateClient, call: Call, place: Place, **changes: Any) -> Answer:
        is_upload = call.method == "PUT"
        path = "uploads/1/MLmodel" if is_upload else f"models/{self.make_in(place)}/1/MLmodel"
        if is_upload:
            changes["raw"] = b"flavors: {}"
        elif call.path == ARTIFACTS:
            changes["query"] = {"path": path.rpartition("/")[0]}
        asked = replace(call, path=call.path.replace("{path}", path))
        answer = RestDoor.send(self, client, asked, place, **changes)  # type: ignore[arg-type]  # mixed into one
        return MlflowAnswer(answer.status, answer.headers, answer.cookies, answer.body)
