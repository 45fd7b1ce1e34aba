"""The table from kinds of errors to statuses and bodies: each kind on each family of paths, exactly."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.core import envelopes, errors
from apps.core.errors import AppError, FieldError, Invalid, Kind

FIELDS = [
    FieldError("a.b", "must be positive", "min_value"),
    FieldError("c", "is not a field here"),
]

# An error of each kind: status, OpenAI's type, Anthropic's type, MLflow's code.
TABLE: list[tuple[AppError, int, str, str, str]] = [
    (
        errors.Malformed(),
        400,
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_PARAMETER_VALUE",
    ),
    (
        Invalid(fields=FIELDS),
        422,
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_PARAMETER_VALUE",
    ),
    (
        errors.Unauthenticated(),
        401,
        "authentication_error",
        "authentication_error",
        "UNAUTHENTICATED",
    ),
    (errors.PermissionDenied(), 403, "permission_error", "permission_error", "PERMISSION_DENIED"),
    (errors.NotFound(), 404, "not_found_error", "not_found_error", "RESOURCE_DOES_NOT_EXIST"),
    (
        errors.MethodNotAllowed(),
        405,
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_PARAMETER_VALUE",
    ),
    (
        errors.Conflict(),
        409,
        "invalid_request_error",
        "invalid_request_error",
        "RESOURCE_ALREADY_EXISTS",
    ),
    (
        errors.Stale(),
        412,
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_PARAMETER_VALUE",
    ),
    (
        errors.TooLarge(),
        413,
        "invalid_request_error",
        "request_too_large",
        "INVALID_PARAMETER_VALUE",
    ),
    (
        errors.Unsupported(),
        415,
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_PARAMETER_VALUE",
    ),
    (
        errors.Limited(retry_after=7),
        429,
        "rate_limit_error",
        "rate_limit_error",
        "REQUEST_LIMIT_EXCEEDED",
    ),
    (AppError(), 500, "api_error", "api_error", "INTERNAL_ERROR"),
    (errors.Upstream(), 502, "upstream_error", "api_error", "INVALID_PARAMETER_VALUE"),
    (
        errors.Unavailable(),
        503,
        "service_unavailable_error",
        "overloaded_error",
        "TEMPORARILY_UNAVAILABLE",
    ),
    (errors.TimedOut(), 504, "timeout_error", "api_error", "INVALID_PARAMETER_VALUE"),
    (
        errors.NoRoom(),
        507,
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_PARAMETER_VALUE",
    ),
]
each_kind = pytest.mark.parametrize(
    ("error", "status", "openai", "anthropic", "mlflow"), TABLE, ids=[row[0].kind for row in TABLE]
)
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def body_on(path: str, error: AppError) -> dict[str, Any]:
    return envelopes.body_for(error, path=path, request_id="req_1")


def details_of(error: AppError) -> list[dict[str, str]]:
    if not isinstance(error, Invalid):
        return []
    return [
        {"field": "a.b", "message": "must be positive", "type": "min_value"},
        {"field": "c", "message": "is not a field here", "type": "invalid"},
    ]


def test_the_table_has_every_kind() -> None:
    assert {row[0].kind for row in TABLE} == set(Kind) == set(envelopes.STATUS)


@each_kind
def test_status_of(error: AppError, status: int, openai: str, anthropic: str, mlflow: str) -> None:
    assert envelopes.status_of(error) == status


@each_kind
@pytest.mark.parametrize("path", ["/api/v1/keys", "/health", "/v1", "/v1x/", "/api/2.0/other"])
def test_house_body(
    error: AppError, status: int, openai: str, anthropic: str, mlflow: str, path: str
) -> None:
    body = body_on(path, error)

    assert AT.fullmatch(body.pop("timestamp"))
    assert body == {
        "error": error.code,
        "message": error.message,
        "details": details_of(error),
        **({"invalid_fields": ["a.b", "c"]} if isinstance(error, Invalid) else {}),
        "path": path,
        "request_id": "req_1",
    }


@each_kind
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/messagesx"])
def test_openai_body(
    error: AppError, status: int, openai: str, anthropic: str, mlflow: str, path: str
) -> None:
    body = body_on(path, error)

    assert AT.fullmatch(body["error"].pop("timestamp"))
    assert body == {
        "error": {
            "message": error.message,
            "type": openai,
            "param": "a.b" if isinstance(error, Invalid) else None,
            "code": error.code,
            "details": details_of(error),
            "request_id": "req_1",
        }
    }


@each_kind
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_anthropic_body(
    error: AppError, status: int, openai: str, anthropic: str, mlflow: str, path: str
) -> None:
    assert body_on(path, error) == {
        "type": "error",
        "error": {"type": anthropic, "message": error.message},
        "request_id": "req_1",
    }


@each_kind
@pytest.mark.parametrize(
    "path", ["/api/2.0/mlflow/runs/get", "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"]
)
def test_mlflow_body(
    error: AppError, status: int, openai: str, anthropic: str, mlflow: str, path: str
) -> None:
    assert body_on(path, error) == {"error_code": mlflow, "message": error.message}
    expected = 400 if error.kind in {Kind.INVALID, Kind.CONFLICT} else status
    assert envelopes.status_of(error, path) == expected


def test_mlflow_body_with_a_word_of_its_own() -> None:
    error = errors.Conflict("It waits.", error_code="INVALID_STATE")

    assert body_on("/api/2.0/mlflow/x", error) == {
        "error_code": "INVALID_STATE",
        "message": "It waits.",
    }
    assert envelopes.status_of(error, "/api/v1/models") == 409


@pytest.mark.parametrize("kind", Kind)
def test_graphql_code_is_the_kinds_name(kind: Kind) -> None:
    class Refusal(AppError):
        pass

    Refusal.kind = kind

    assert envelopes.graphql_code(Refusal()) == kind.name


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (errors.Limited(retry_after=7), [("Retry-After", "7")]),
        (errors.Unavailable(), [("Retry-After", "2")]),
        (errors.Unauthenticated(), [("WWW-Authenticate", 'Bearer realm="signalbox"')]),
        (errors.MethodNotAllowed(allow="GET, OPTIONS"), [("Allow", "GET, OPTIONS")]),
        (errors.MethodNotAllowed(), []),
        (errors.NotFound(), []),
        (errors.Conflict(), [("x-should-retry", "false")]),
        (errors.Conflict(should_retry=True), []),
        (
            errors.Limited(retry_after=60, should_retry=False),
            [("Retry-After", "60"), ("x-should-retry", "false")],
        ),
        (AppError(), []),
    ],
)
def test_headers_for(error: AppError, headers: list[tuple[str, str]]) -> None:
    assert envelopes.headers_for(error) == headers


def test_openai_s_shape_takes_param_and_type_from_the_error() -> None:
    error = errors.NotFound("No such model.", param="model", type="model_error")

    body = envelopes.body_for(error, path="/v1/chat/completions", request_id="req_1")["error"]

    assert (body["param"], body["type"], body["code"]) == ("model", "model_error", "not_found")


def test_an_error_keeps_its_own_code_message_and_data() -> None:
    error = errors.Conflict("Taken.", code="slug_taken", slug="acme")

    assert (error.code, error.message, error.data, str(error)) == (
        "slug_taken",
        "Taken.",
        {"slug": "acme"},
        "Taken.",
    )
    assert (errors.Conflict().code, errors.Conflict().message) == (
        "conflict",
        "The present state does not allow this.",
    )


def test_invalid_says_its_first_field() -> None:
    assert Invalid(fields=FIELDS).message == "a.b: must be positive"
    assert Invalid("Wrong.", fields=FIELDS).message == "Wrong."
    assert Invalid.field("name", "is needed", "required").fields == [
        FieldError("name", "is needed", "required")
    ]


@each_kind
@pytest.mark.parametrize("path", ["/v2", "/v2/models/churn/infer"])
def test_kserve_body(
    error: AppError, status: int, openai: str, anthropic: str, mlflow: str, path: str
) -> None:
    assert body_on(path, error) == {
        "error": error.message,
        "code": error.code,
        "request_id": body_on(path, error)["request_id"],
    }
    assert envelopes.status_of(error, path) == status
