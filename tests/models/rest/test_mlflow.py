"""MLflow's calls: what they answer, in its shapes and its errors. The real client stands in tests/clients."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.approvals.models import ApprovalRequest
from apps.approvals.services import policies
from apps.core.files import files
from apps.core.limits.rates import parse_rate
from apps.core.tenancy import organization_scope
from apps.models.enums import Format, Stage, VersionStatus
from apps.models.models import ModelVersion, RegisteredModel
from tests.client import Answer, GateClient
from tests.doors.place import Place, make_place
from tests.factories.artifacts import onnx
from tests.factories.doors import KnownTokens, known_tokens
from tests.factories.models import SCHEMA, card, make_model, make_version
from tests.fakes.mlflow import mlmodel

API = "/api/2.0/mlflow"
MODELS, VERSIONS = f"{API}/registered-models", f"{API}/model-versions"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
LABELLED = {"key": "signalbox.version", "value": "1.2.0"}


@pytest.fixture
def tokens(db: None) -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture
def place(db: None, tokens: KnownTokens, settings: Any) -> Iterator[Place]:
    settings.SIGNALBOX_RATES = dict.fromkeys(settings.SIGNALBOX_RATES, parse_rate("500/m"))
    made = make_place(tokens)
    with organization_scope(made.organization.pk):
        yield made


@pytest.fixture
def churn(place: Place) -> RegisteredModel:
    model = make_model(place.organization, name="churn", description="Who leaves", tags={"b": "2"})
    make_version(model, stage=Stage.ARCHIVED)
    make_version(
        model,
        label="1.2.0",
        stage=Stage.PRODUCTION,
        alias="champion",
        lineage={"run_id": "r1"},
        description="Better",
        tags={"team": "lab"},
    )
    return model


class Caller:
    """Makes MLflow's calls with the place's key."""

    def __init__(self, place: Place) -> None:
        self.client, self.key = GateClient(), place.key

    def get(self, path: str, /, **query: Any) -> Answer:
        return self.client.get(path, key=self.key, query=query)

    def post(self, path: str, /, **body: Any) -> Answer:
        return self.client.post(path, body, key=self.key)

    def patch(self, path: str, /, **body: Any) -> Answer:
        return self.client.patch(path, body, key=self.key)

    def delete(self, path: str, /, **body: Any) -> Answer:
        return self.client.delete(path, body=body, key=self.key)


@pytest.fixture
def call(place: Place) -> Caller:
    return Caller(place)


def refusal(answer: Answer) -> tuple[int, str]:
    told = answer.json()
    assert set(told) == {"error_code", "message"}
    return answer.status, told["error_code"]


def shape_of(version: ModelVersion) -> dict[str, Any]:
    return {
        "name": "churn",
        "version": "2",
        "creation_timestamp": round(version.created_at.timestamp() * 1000),
        "last_updated_timestamp": round(version.updated_at.timestamp() * 1000),
        "current_stage": "Production",
        "description": "Better",
        "source": "mlflow-artifacts:/models/churn/2",
        "run_id": "r1",
        "status": "READY",
        "tags": [LABELLED, {"key": "team", "value": "lab"}],
        "aliases": ["champion"],
    }


# ------------------------------------------------------------------ models


def test_a_model_in_mlflow_s_shape(call: Caller, churn: RegisteredModel) -> None:
    told = call.get(f"{MODELS}/get", name="churn").json()["registered_model"]

    latest = told.pop("latest_versions")
    assert told == {
        "name": "churn",
        "creation_timestamp": round(churn.created_at.timestamp() * 1000),
        "last_updated_timestamp": round(churn.updated_at.timestamp() * 1000),
        "description": "Who leaves",
        "tags": [{"key": "b", "value": "2"}],
        "aliases": [{"alias": "champion", "version": "2"}],
    }
    assert latest[0] == shape_of(ModelVersion.objects.get(number=2))
    assert [(each["version"], each["current_stage"]) for each in latest] == [
        ("2", "Production"),
        ("1", "Archived"),
    ]


def test_a_model_is_made_changed_renamed_tagged_and_deleted(call: Caller) -> None:
    tags = [{"key": "k", "value": "v"}]
    made = call.post(f"{MODELS}/create", name="a", description="x", tags=tags, deployment_job_id="")
    assert made.json()["registered_model"]["tags"] == tags
    assert refusal(call.post(f"{MODELS}/create", name="a")) == (400, "RESOURCE_ALREADY_EXISTS")
    changed = call.patch(f"{MODELS}/update", name="a", description="y").json()
    assert changed["registered_model"]["description"] == "y"
    call.post(f"{MODELS}/set-tag", name="a", key="l", value="w")
    assert call.delete(f"{MODELS}/delete-tag", name="a", key="k").json() == {}
    assert RegisteredModel.objects.get().tags == {"l": "w"}
    renamed = call.post(f"{MODELS}/rename", name="a", new_name="b").json()["registered_model"]
    assert (renamed["name"], RegisteredModel.objects.get().name) == ("b", "b")
    assert refusal(call.get(f"{MODELS}/get", name="a")) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert call.delete(f"{MODELS}/delete", name="b").json() == {}
    assert RegisteredModel.objects.count() == 0


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("create", {}),
        ("create", {"name": "A b"}),
        ("create", {"name": "../etc"}),
        ("create", {"name": ["a"]}),
        ("create", {"name": "a", "tags": {"a": "b"}}),
        ("create", {"name": "a", "tags": [{"value": "b"}]}),
        ("rename", {"name": "churn"}),
        ("alias", {"name": "churn", "alias": "latest", "version": "1"}),
        ("alias", {"name": "churn", "alias": "a", "version": "99"}),
        ("alias", {"name": "churn", "alias": "a", "version": True}),
        ("get-latest-versions", {"name": "churn", "stages": ["Nowhere"]}),
    ],
)
def test_a_wrong_parameter_is_said_in_mlflow_s_words(
    path: str, given: dict[str, Any], call: Caller, churn: RegisteredModel
) -> None:
    assert refusal(call.post(f"{MODELS}/{path}", **given)) == (400, "INVALID_PARAMETER_VALUE")


def test_what_serves_is_not_deleted(call: Caller, churn: RegisteredModel) -> None:
    assert refusal(call.delete(f"{MODELS}/delete", name="churn")) == (400, "INVALID_STATE")
    assert refusal(call.delete(f"{VERSIONS}/delete", name="churn", version="2")) == (
        400,
        "INVALID_STATE",
    )


def test_a_body_that_is_no_json_is_refused(call: Caller, place: Place) -> None:
    answer = call.client.call("POST", f"{MODELS}/create", raw=b"{", key=place.key)

    assert refusal(answer) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["alpha", "beta_x", "betaxx"]),
        ("name = 'alpha'", ["alpha"]),
        ("name='nobody'", []),
        ("name != \"alpha\"", ["beta_x", "betaxx"]),
        ("name LIKE 'beta%'", ["beta_x", "betaxx"]),
        ("name LIKE 'Beta%'", []),
        ("name ilike 'BETA%'", ["beta_x", "betaxx"]),
        ("name LIKE '%a'", ["alpha"]),
        ("name LIKE '\\'", []),
        ("tags.team = 'lab'", ["alpha"]),
        ("tags.`team` = 'lab' AND name LIKE 'b%'", []),
        ("tag.\"o'clock\" = 'x'", ["betaxx"]),
    ],
)  # fmt: skip
def test_models_are_searched(text: str, found: list[str], call: Caller, place: Place) -> None:
    make_model(place.organization, name="alpha", tags={"team": "lab"})
    make_model(place.organization, name="beta_x")
    make_model(place.organization, name="betaxx", tags={"o'clock": "x"})

    told = call.get(f"{MODELS}/search", filter=text).json()

    assert [each["name"] for each in told.get("registered_models", [])] == found


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "name"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"filter": "name > 'a'"},
        {"filter": "owner = 'a'"},
        {"filter": "name = 'a'; DROP TABLE models"},
        {"filter": "name IN 'a'"},
        {"filter": "a" * 2001},
        {"order_by": "password"},
        {"order_by": "name SIDEWAYS"},
        {"max_results": "0"},
        {"max_results": "x"},
        {"max_results": "200001"},
        {"page_token": "nonsense"},
        {"page_token": "ä"},
    ],
)
def test_a_search_that_cannot_be_is_refused(query: dict[str, str], call: Caller) -> None:
    for path in (MODELS, VERSIONS):
        asked = call.get(f"{path}/search", **query)
        assert refusal(asked) == (400, "INVALID_PARAMETER_VALUE")


def test_pages_of_a_search_come_to_an_end(call: Caller, place: Place) -> None:
    for name in "abcde":
        make_model(place.organization, name=name)
    told, token = [], ""
    for _ in range(3):
        page = call.get(f"{MODELS}/search", max_results=2, page_token=token, order_by="name DESC")
        told += [each["name"] for each in page.json()["registered_models"]]
        token = page.json().get("next_page_token", "")

    assert ("".join(told), token) == ("edcba", "")


def test_a_search_costs_the_same_however_long(
    call: Caller, churn: RegisteredModel, place: Place
) -> None:
    def cost(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert call.get(path).status == 200
        return len(queries)

    paths = (f"{MODELS}/search", f"{VERSIONS}/search")
    short = [cost(path) for path in paths]
    for name in ("a", "b"):
        model = make_model(place.organization, name=name)
        make_version(model, alias="champion", stage=Stage.PRODUCTION)
        make_version(model, alias="challenger", stage=Stage.STAGING)

    assert [cost(path) for path in paths] == short


# ------------------------------------------------------------------ versions


def test_a_version_by_alias_number_and_stage(call: Caller, churn: RegisteredModel) -> None:
    expected = {"model_version": shape_of(ModelVersion.objects.get(number=2))}

    assert call.get(f"{MODELS}/alias", name="churn", alias="champion").json() == expected
    assert call.get(f"{VERSIONS}/get", name="churn", version="2").json() == expected
    latest = call.get(f"{MODELS}/get-latest-versions", name="churn", stages="Production").json()
    assert latest == {"model_versions": [expected["model_version"]]}
    assert call.post(f"{MODELS}/get-latest-versions", name="churn", stages=["Production"]).json() == latest  # fmt: skip
    assert call.get(f"{MODELS}/get-latest-versions", name="churn", stages="Staging").json() == {}
    missing = call.get(f"{MODELS}/alias", name="churn", alias="nobody")
    assert refusal(missing) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_versions_are_searched(call: Caller, churn: RegisteredModel, place: Place) -> None:
    make_version(make_model(place.organization, name="other"))
    for text, found in {
        "": ["churn 2", "churn 1", "other 1"],
        "name='churn'": ["churn 2", "churn 1"],
        "run_id = 'r1'": ["churn 2"],
        "run_id IN ('r1', 'r2')": ["churn 2"],
        "name = 'churn' AND version_number < 2": ["churn 1"],
        "tags.team != 'lab'": ["churn 1", "other 1"],
    }.items():
        told = call.get(f"{VERSIONS}/search", filter=text).json().get("model_versions", [])
        assert [f"{each['name']} {each['version']}" for each in told] == found, text


def test_a_version_is_described_tagged_moved_and_deleted(
    call: Caller, churn: RegisteredModel
) -> None:
    at = {"name": "churn", "version": "1"}
    told = call.patch(f"{VERSIONS}/update", **at, description="Worse").json()
    assert told["model_version"]["description"] == "Worse"
    assert call.post(f"{VERSIONS}/set-tag", **at, key="k", value="v").json() == {}
    assert call.delete(f"{VERSIONS}/delete-tag", **at, key="nobody").json() == {}
    moved = call.post(f"{VERSIONS}/transition-stage", **at, stage="production").json()
    assert moved["model_version"]["current_stage"] == "Production"
    assert dict(ModelVersion.objects.values_list("number", "stage")) == {1: "Production", 2: "Archived"}  # fmt: skip
    call.post(f"{MODELS}/alias", name="churn", alias="champion", version="1")
    assert call.delete(f"{VERSIONS}/delete", name="churn", version="2").json() == {}
    assert call.delete(f"{MODELS}/alias", name="churn", alias="champion").json() == {}


def test_staging_may_be_emptied_first(call: Caller, churn: RegisteredModel) -> None:
    for number in ("1", "2"):
        call.post(
            f"{VERSIONS}/transition-stage",
            name="churn",
            version=number,
            stage="Staging",
            archive_existing_versions=True,
        )
    assert dict(ModelVersion.objects.values_list("number", "stage")) == {1: "Archived", 2: "Staging"}  # fmt: skip
    wrong = {"stage": "None", "archive_existing_versions": True}
    answer = call.post(f"{VERSIONS}/transition-stage", name="churn", version="1", **wrong)
    assert refusal(answer) == (400, "INVALID_PARAMETER_VALUE")


def test_a_policy_is_heard(call: Caller, churn: RegisteredModel, place: Place) -> None:
    policies.create_policy(actor=place.actor, name="p", kind="model.promotion")

    moved = call.post(f"{VERSIONS}/transition-stage", name="churn", version="1", stage="Production")

    approval = ApprovalRequest.objects.get()
    assert refusal(moved) == (400, "INVALID_STATE")
    assert approval.public_id in moved.json()["message"]
    assert ModelVersion.objects.get(number=2).stage == "Production"
    again = call.post(f"{MODELS}/alias", name="churn", alias="next", version="1")
    assert refusal(again) == (400, "INVALID_STATE")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (VersionStatus.CHECKING, ("PENDING_REGISTRATION", None)),
        (VersionStatus.REFUSED, ("FAILED_REGISTRATION", "It is a pickle.")),
    ],
)
def test_a_version_that_is_not_ready(
    status: VersionStatus, told: Any, call: Caller, place: Place
) -> None:
    refused = {"code": "unsafe_artifact", "message": "It is a pickle."}
    model = make_model(place.organization, name="large")
    make_version(model, status=status, refusal=refused if told[1] else None)

    shown = call.get(f"{VERSIONS}/get", name="large", version="1").json()["model_version"]
    uri = call.get(f"{VERSIONS}/get-download-uri", name="large", version="1")

    assert (shown["status"], shown.get("status_message")) == told
    assert refusal(uri) == (404, "RESOURCE_DOES_NOT_EXIST")


# ------------------------------------------------------------------ artefacts


def test_a_version_is_a_directory(call: Caller, churn: RegisteredModel) -> None:
    uri = call.get(f"{VERSIONS}/get-download-uri", name="churn", version="2").json()
    assert uri == {"artifact_uri": f"http://testserver{ARTIFACTS}/models/churn/2"}

    listed = call.get(ARTIFACTS, path="models/churn/2").json()["files"]
    assert [(each["path"], each["is_dir"]) for each in listed] == [
        ("MLmodel", False),
        ("artifacts", True),
        ("conda.yaml", False),
        ("python_env.yaml", False),
        ("requirements.txt", False),
        ("scorecard.py", False),
    ]
    inner = call.get(ARTIFACTS, path="models/churn/2/artifacts").json()["files"]
    assert [each["path"] for each in inner] == ["card.json", "schema.json"]
    for each in [*listed, *({**one, "path": f"artifacts/{one['path']}"} for one in inner)]:
        if not each["is_dir"]:
            answer = call.get(f"{ARTIFACTS}/models/churn/2/{each['path']}")
            assert (answer.status, len(answer.body)) == (200, each["file_size"])
    assert call.get(ARTIFACTS, path="models/churn/2/MLmodel").json() == {}
    assert [each["path"] for each in call.get(ARTIFACTS, path="models").json()["files"]] == [
        "churn"
    ]
    assert call.get(ARTIFACTS).json() == {}


def test_the_artefact_is_the_version_s_own(call: Caller, churn: RegisteredModel) -> None:
    answer = call.get(f"{ARTIFACTS}/models/churn/2/artifacts/card.json")
    document = yaml.safe_load(call.get(f"{ARTIFACTS}/models/churn/2/MLmodel").body)

    assert answer.body == card(intercept=2.0)
    assert answer.headers["content-disposition"] == "attachment"
    assert json.loads(call.get(f"{ARTIFACTS}/models/churn/2/artifacts/schema.json").body) == [
        [name, spec] for name, spec in SCHEMA.items()
    ]
    function = document["flavors"]["python_function"]
    assert (function["loader_module"], function["model_code_path"]) == (
        "mlflow.pyfunc.model",
        "scorecard.py",
    )
    assert json.loads(document["signature"]["inputs"]) == [
        {"type": "long", "name": "tenure", "required": True},
        {"type": "string", "name": "contract", "required": True},
    ]
    assert document["run_id"] == "r1"


@pytest.mark.parametrize(
    ("form", "content", "details", "file", "flavor"),
    [
        (Format.ONNX, onnx(), {"inputs": [{"name": "x"}]}, "model.onnx", "onnx"),
        (Format.XGBOOST, b'{"learner": {}}', {}, "model.json", "xgboost"),
        (Format.XGBOOST, b"{L\x00\x00", {}, "model.ubj", "xgboost"),
        (Format.LIGHTGBM, b"tree\n", {}, "model.lgb", "lightgbm"),
        (Format.SKOPS, b"PK", {"trusted": ["a.B"]}, "model.skops", "sklearn"),
    ],
)
def test_each_format_has_its_flavor(
    form: Format, content: bytes, details: Any, file: str, flavor: str, call: Caller, place: Place
) -> None:
    described = {"details": details}
    model = make_model(place.organization, name="m")
    make_version(model, content=content, format=form, described=described)

    document = yaml.safe_load(call.get(f"{ARTIFACTS}/models/m/1/MLmodel").body)

    told = document["flavors"][flavor]
    assert file in (told.get("data"), told.get("pickled_model"))
    assert call.get(f"{ARTIFACTS}/models/m/1/{file}").body == content


def test_a_remote_model_has_no_artefact(call: Caller, place: Place) -> None:
    make_version(make_model(place.organization, name="far"), format=Format.REMOTE)

    answer = call.get(f"{VERSIONS}/get-download-uri", name="far", version="1")

    assert refusal(answer) == (400, "INVALID_PARAMETER_VALUE")
    assert "remote model" in answer.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "models/churn/2/../../other/1/MLmodel",
        "models/churn/2/%2e%2e/%2e%2e/x",
        "models/churn/2/%252e%252e/x",
        "models/churn/2/..%5cMLmodel",
        "/etc/passwd",
        "models//churn/2/MLmodel",
        "models/churn/2/./MLmodel",
    ],
)
def test_paths_that_lead_elsewhere(path: str, call: Caller, churn: RegisteredModel) -> None:
    for answer in (call.get(f"{ARTIFACTS}/{path}"), call.client.put(f"{ARTIFACTS}/{path}", raw=b"x", key=call.key)):  # fmt: skip
        assert refusal(answer) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("path", ["models/churn/2/x", "models/churn/9/MLmodel", "models/no/1/MLmodel", "models/churn", "elsewhere/x"])  # fmt: skip
def test_files_that_are_not_there(path: str, call: Caller, churn: RegisteredModel) -> None:
    assert refusal(call.get(f"{ARTIFACTS}/{path}")) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_others_models_are_not_there(
    call: Caller, churn: RegisteredModel, tokens: KnownTokens
) -> None:
    theirs = Caller(make_place(tokens))

    assert refusal(theirs.get(f"{MODELS}/get", name="churn"))[0] == 404
    assert refusal(theirs.get(f"{MODELS}/alias", name="churn", alias="champion"))[0] == 404
    assert refusal(theirs.get(f"{ARTIFACTS}/models/churn/2/MLmodel"))[0] == 404
    assert refusal(theirs.get(ARTIFACTS, path="models/churn/2"))[0] == 404
    assert theirs.get(f"{MODELS}/search").json() == theirs.get(f"{VERSIONS}/search").json() == {}


@pytest.mark.parametrize(("bound", "status"), [({"churn"}, 200), ({"other"}, 404), (set(), 404)])
def test_a_key_bound_to_models_loads_these_alone(
    bound: set[str], status: int, call: Caller, churn: RegisteredModel, place: Place
) -> None:
    place.tokens.identities["bound"] = replace(place.actor.identity, models=frozenset(bound))
    call.key = "bound"

    uri = call.get(f"{VERSIONS}/get-download-uri", name="churn", version="2")
    file = call.get(f"{ARTIFACTS}/models/churn/2/MLmodel")

    assert (uri.status, file.status) == (status, status)


def test_a_key_bound_to_models_sees_and_moves_these_alone(
    call: Caller, churn: RegisteredModel, place: Place
) -> None:
    make_version(make_model(place.organization, name="prices"))
    place.tokens.identities["bound"] = replace(place.actor.identity, models=frozenset({"prices"}))
    call.key = "bound"

    models = call.get(f"{MODELS}/search").json()["registered_models"]
    versions = call.get(f"{VERSIONS}/search").json()["model_versions"]
    folders = call.get(ARTIFACTS, path="models").json()["files"]
    assert [each["name"] for each in (*models, *versions)] == ["prices", "prices"]
    assert folders == [{"path": "prices", "is_dir": True}]
    named = {"name": "churn", "version": "1"}
    for answer in (
        call.get(f"{MODELS}/get", name="churn"),
        call.get(f"{MODELS}/get-latest-versions", name="churn"),
        call.get(f"{VERSIONS}/get", **named),
        call.post(f"{VERSIONS}/transition-stage", stage="Production", **named),
        call.post(f"{MODELS}/alias", alias="champion", **named),
        call.post(f"{VERSIONS}/set-tag", key="a", value="b", **named),
        call.patch(f"{VERSIONS}/update", description="Mine", **named),
        call.post(f"{MODELS}/rename", name="churn", new_name="mine"),
        call.delete(f"{VERSIONS}/delete", **named),
        call.delete(f"{MODELS}/delete", name="churn"),
    ):
        assert refusal(answer) == (404, "RESOURCE_DOES_NOT_EXIST")
    copied = call.post(f"{VERSIONS}/create", name="prices", source="models:/churn/1")
    assert refusal(copied) == (400, "INVALID_PARAMETER_VALUE")


def test_a_flipped_bit_is_not_given_out(call: Caller, churn: RegisteredModel) -> None:
    ModelVersion.objects.filter(number=2).update(digest="0" * 64)

    answer = call.get(f"{ARTIFACTS}/models/churn/2/artifacts/card.json")

    assert refusal(answer) == (503, "TEMPORARILY_UNAVAILABLE")


def test_a_key_may_come_as_a_password(place: Place, churn: RegisteredModel) -> None:
    pair = b64encode(f"anybody:{place.key}".encode()).decode()

    answer = GateClient().get(
        f"{MODELS}/get", query={"name": "churn"}, headers={"Authorization": f"Basic {pair}"}
    )

    assert answer.status == 200


# ------------------------------------------------------------------ versions of what is here


def upload(call: Caller, name: str, content: bytes, folder: str = "uploads/1") -> None:
    answer = call.client.put(f"{ARTIFACTS}/{folder}/{name}", raw=content, key=call.key)
    assert (answer.status, answer.json()) == (200, {})


def test_an_uploaded_directory_becomes_a_version(call: Caller, place: Place) -> None:
    make_model(place.organization, name="m")
    upload(call, "MLmodel", mlmodel("onnx", data="model.onnx"))
    upload(call, "model.onnx", b"first try")
    upload(call, "model.onnx", onnx())
    listed = call.get(ARTIFACTS, path="uploads/1").json()["files"]
    assert [each["path"] for each in listed] == ["MLmodel", "model.onnx"]

    made = call.post(f"{VERSIONS}/create", name="m", source="mlflow-artifacts:/uploads/1")

    version = ModelVersion.objects.get()
    assert made.json()["model_version"]["version"] == "1"
    assert (version.format, list(version.feature_schema)) == ("onnx", ["tenure", "charges"])
    assert version.lineage == {"run_id": "cff5c1b4f65848d59735238dac285524"}
    with files.open(version.file) as file:
        assert file.read() == onnx()
    assert call.get(ARTIFACTS, path="uploads/1").json() == {}


def test_a_version_is_copied(call: Caller, churn: RegisteredModel, place: Place) -> None:
    make_model(place.organization, name="copy")
    told_against = [[5, "Two year"]]
    ModelVersion.objects.filter(model=churn, number=2).update(background=told_against)

    made = call.post(
        f"{VERSIONS}/create", name="copy", source="models:/churn/2", tags=[LABELLED, {"key": "a"}]
    )

    version = ModelVersion.objects.get(model__name="copy")
    assert made.json()["model_version"]["version"] == "1"
    assert (version.digest, version.label, version.tags) == (
        ModelVersion.objects.get(model=churn, number=2).digest, "1", {"a": ""},
    )  # fmt: skip
    assert version.background == told_against


@pytest.mark.parametrize(
    "source",
    [
        "models:/m-1234",
        "runs:/abc/model",
        "s3://bucket/model",
        "mlflow-artifacts:/uploads/none",
        "models:/nobody/1",
        "/etc/passwd",
        "mlflow-artifacts:/uploads/../x",
    ],
)
def test_a_source_that_is_not_here_is_told(
    source: str, call: Caller, churn: RegisteredModel
) -> None:
    answer = call.post(f"{VERSIONS}/create", name="churn", source=source)

    assert refusal(answer) == (400, "INVALID_PARAMETER_VALUE")
    assert ModelVersion.objects.count() == 2
