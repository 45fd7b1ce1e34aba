"""Each deed on models through GraphQL says what the services say, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.models import make_model, make_version
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
CREATE = "mutation ($input: ModelInput!) { createModel(input: $input) { model { name tags versionCount currentVersion revision } } }"
UPDATE = 'mutation { updateModel(name: "churn", description: "x", expectedRevision: 1) { model { description revision } } }'
VERSION = 'mutation { updateModelVersion(name: "churn", version: "1", metrics: {f1: 0.5}) { version { metrics } } }'
STAGE = 'mutation { setModelStage(name: "churn", version: "1", stage: "Production") { version { stage } approvalId } }'
NOWHERE = 'mutation { setModelStage(name: "churn", version: "1", stage: "Nowhere") { approvalId } }'
ALIAS = 'mutation { setModelAlias(name: "churn", alias: "champion", version: "1") { approvalId model { aliases { name version } } } }'
UNALIAS = (
    'mutation { removeModelAlias(name: "churn", alias: "champion") { model { aliases { name } } } }'
)
DELETE_VERSION = 'mutation { deleteModelVersion(name: "churn", version: "2") { version } }'
DELETE = 'mutation { deleteModel(name: "churn") { name } }'
READ = """{
  model(name: "churn") { currentVersion latestVersion }
  modelVersion(name: "churn", version: "production") { version featureSchema aliases }
  modelVersions(name: "churn") { totalCount nodes { number model } }
  modelComparison(name: "churn", first: "1")
}"""
LIST = "{ models { totalCount nodes { name aliases { name version } } } }"


def ask(key: str, query: str, **variables: Any) -> Any:
    return GateClient().post("/graphql", {"query": query, "variables": variables}, key=key).json()


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_every_deed_of_a_user(organization: Organization) -> None:
    key = log_in(make_member(organization)).access
    made = ask(key, CREATE, input={"name": "fresh", "tags": {"a": "b"}})
    model = make_model(organization, name="churn")
    make_version(model)
    make_version(model)

    updated = ask(key, UPDATE)
    described = ask(key, VERSION)
    staged = ask(key, STAGE)
    aliased = ask(key, ALIAS)
    read = ask(key, READ)["data"]
    refused = ask(key, DELETE)
    unaliased = ask(key, UNALIAS)
    removed = ask(key, DELETE_VERSION)

    assert made["data"]["createModel"]["model"] == {
        "name": "fresh",
        "tags": {"a": "b"},
        "versionCount": 0,
        "currentVersion": None,
        "revision": 1,
    }
    assert updated["data"]["updateModel"]["model"] == {"description": "x", "revision": 2}
    assert described["data"]["updateModelVersion"]["version"] == {"metrics": {"f1": 0.5}}
    assert staged["data"]["setModelStage"] == {
        "version": {"stage": "Production"},
        "approvalId": None,
    }
    assert aliased["data"]["setModelAlias"]["model"]["aliases"] == [
        {"name": "champion", "version": "1"}
    ]
    assert read["model"] == {"currentVersion": "1", "latestVersion": "2"}
    assert list(read["modelVersion"]["featureSchema"]) == ["tenure", "contract"]
    assert read["modelVersion"]["aliases"] == ["champion"]
    assert read["modelVersions"] == {
        "totalCount": 2,
        "nodes": [{"number": 2, "model": "churn"}, {"number": 1, "model": "churn"}],
    }
    assert read["modelComparison"]["versions"] == ["1", "2"]
    assert code_of(refused) == "CONFLICT"
    assert unaliased["data"]["removeModelAlias"]["model"]["aliases"] == []
    assert removed["data"]["deleteModelVersion"] == {"version": "2"}


def test_a_model_without_a_version_in_production_is_deleted(organization: Organization) -> None:
    key = log_in(make_member(organization)).access
    make_version(make_model(organization, name="churn"))

    assert ask(key, DELETE)["data"]["deleteModel"] == {"name": "churn"}
    assert code_of(ask(key, DELETE)) == "NOT_FOUND"


def test_a_stage_there_is_not_is_invalid(organization: Organization) -> None:
    key = log_in(make_member(organization)).access
    make_version(make_model(organization, name="churn"))

    assert code_of(ask(key, NOWHERE)) == "INVALID"


@pytest.mark.parametrize(
    "query", [CREATE, UPDATE, VERSION, STAGE, ALIAS, UNALIAS, DELETE_VERSION, DELETE]
)
def test_a_viewer_changes_nothing(organization: Organization, query: str) -> None:
    key = log_in(make_member(organization, Role.VIEWER)).access
    make_version(make_model(organization, name="churn"), alias="champion")
    variables = {"input": {"name": "fresh"}} if query == CREATE else {}

    assert code_of(ask(key, query, **variables)) == "DENIED"


def test_models_of_others_are_not_there(organization: Organization, other: Organization) -> None:
    key = log_in(make_member(organization)).access
    make_version(make_model(other, name="churn"))

    assert code_of(ask(key, UPDATE)) == "NOT_FOUND"
    assert ask(key, LIST)["data"]["models"] == {"totalCount": 0, "nodes": []}


def test_a_list_costs_the_same_however_long(organization: Organization) -> None:
    key = log_in(make_member(organization)).access
    make_version(make_model(organization), alias="champion")
    ask(key, LIST)
    with CaptureQueriesContext(connection) as short:
        ask(key, LIST)
    for _ in range(3):
        make_version(make_model(organization), alias="champion")

    with CaptureQueriesContext(connection) as long:
        listed = ask(key, LIST)

    assert listed["data"]["models"]["totalCount"] == 4
    assert len(long) == len(short)
