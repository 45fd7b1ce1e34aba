"""The written contracts: current, valid, complete, and true when strangers take them at their word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as searching
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.openapi import from_dict

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.management.commands.write_contracts import contracts
from tests.architecture.test_doors_rest import door_tests
from tests.client import Answer, GateClient
from tests.doors.place import Place, make_place
from tests.factories.doors import KnownTokens
from tests.factories.tenants import actor_of_login, log_in

METHODS = ("get", "post", "put", "patch", "delete")


def load() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(settings.SIGNALBOX_OPENAPI_FILE.read_bytes())
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def resolve(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = document
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolve(document, found)


@pytest.mark.parametrize("path", list(contracts()), ids=lambda path: path.name)
def test_the_committed_file_is_what_the_code_says(path: Any) -> None:
    assert path.read_text() == contracts()[path], "run: manage.py write_contracts"


def test_the_document_is_valid_openapi() -> None:
    validate_schema(load())


def test_every_operation_is_told_apart_and_introduced() -> None:
    found = dict(operations(load()))
    ids = [operation["operationId"] for operation in found.values()]

    assert sorted(set(ids)) == sorted(ids)
    assert {
        name for name, one in found.items() if not (one.get("summary") and one.get("tags"))
    } == set()
    assert {name for name, one in found.items() if "doors" in one.get("description", "")} == set()


def test_every_operation_says_what_it_answers() -> None:
    """A success has a shape, and an example of it; a refusal the shape of all refusals."""
    document = load()
    silent = set()
    for name, operation in operations(document):
        for status, given_answer in operation["responses"].items():
            content = resolve(document, given_answer).get("content", {})
            if status == "204":
                continue
            for media_type, media in content.items() or [("nothing", {})]:
                schema = resolve(document, media.get("schema", {}))
                is_shown = bool({"example", "examples"} & ({*media} | {*schema}))
                needs_example = media_type == "application/json" and status.startswith("2")
                if not schema or (needs_example and not is_shown):
                    silent.add(f"{name} {status} {media_type}")

    assert silent == set()


def test_every_operation_says_who_may_call_it() -> None:
    unclear = {name for name, operation in operations(load()) if "security" not in operation}

    assert unclear == set()


# ------------------------------------------------------------------ taken at its word

SCHEMA = from_dict(load())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
EXAMPLES = 12
READING = searching(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,  # the suite means the same at each run; `make soak` is for searching further
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def ours(db: None, tokens: KnownTokens, empty_limits: MemoryLimitStore) -> Place:
    """The operator, signed in by a login of their own, so that it can be ended."""
    place = make_place(tokens, is_operator=True)
    tokens.identities[place.key] = actor_of_login(log_in(place.admin)).identity
    return place


def ids_of(label: str, place: Place) -> list[str]:
    """Real ids for the path of an operation, when its door test can make one; the last deed may have ended it."""
    makers = {str(call): door_test for door_test in door_tests() for call in door_test.calls}
    return [makers[label]().make_in(place)] if label in makers else []


def send(client: GateClient, case: Any, place: Place, real_id: str | None) -> Answer:
    set_store(MemoryLimitStore())
    sending = case.as_transport_kwargs(base_url="http://testserver")
    path = sending["url"].removeprefix("http://testserver")
    if real_id is not None:
        path = case.operation.path.replace("{id}", real_id)
    query = {
        name: value for name, value in (sending.get("params") or {}).items() if value is not None
    }
    body: dict[str, Any] = {}
    if "json" in sending:
        body = {"raw": json.dumps(sending["json"]).encode()}
    elif sending.get("data") is not None:
        data = sending["data"]
        body = {"raw": data if isinstance(data, bytes) else str(data).encode()}
    headers = {
        name: str(value).encode("utf-8", "replace").decode("latin-1")
        for name, value in sending["headers"].items()
        if name in {"If-Match", "If-None-Match", "Idempotency-Key", "X-API-Version", "Content-Type"}
    }
    return client.call(
        case.operation.method.upper(), path, query=query, key=place.key, headers=headers, **body
    )


def complaints(label: str, answer: Answer) -> list[str]:
    """What the answer has against the document."""
    document = SCHEMA.raw_schema
    method, path = label.split(" ")
    documented = document["paths"][path][method.lower()]["responses"].get(str(answer.status))
    if answer.status >= 500 and documented is None:
        return [f"{answer.status}: {answer.body!r}"]
    if documented is None:
        return [f"{answer.status} is not documented: {answer.body!r}"]
    content = resolve(document, documented).get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if not content or not answer.body:
        return []
    if media_type not in content:
        return [f"{answer.status} answers {media_type}"]
    if media_type != "application/json":
        return []
    validator = Draft202012Validator({**document, **content[media_type]["schema"]})
    return [f"{answer.status}: {error.message}" for error in validator.iter_errors(answer.json())]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", OPERATIONS)
def test_what_is_generated_from_the_document_is_answered_by_it(
    label: str, mode: GenerationMode, ours: Place
) -> None:
    operation = OPERATIONS[label]
    client = GateClient()
    found: list[tuple[Any, list[str]]] = []

    @READING
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
    def read(case: Any, is_real: bool) -> None:
        real_ids = ids_of(label, ours) if is_real and "{id}" in label else []
        answer = send(client, case, ours, real_ids[0] if real_ids else None)
        if wrong := complaints(label, answer):
            found.append((case.body, wrong))

    try:
        read()
    except Exception as error:
        if "negative" in str(error).lower() or "Unsatisfiable" in type(error).__name__:
            return  # the document leaves nothing that would be wrong
        raise

    assert found == []
