"""The one table from kinds of errors to what each door says, and the shapes of the bodies.

The only code that knows status numbers. The shape follows the path: OpenAI's under `/v1/`, Anthropic's on
`/v1/messages`, MLflow's under its prefix, KServe's under `/v2`, our own everywhere else.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from apps.core.errors import AppError, Invalid, Kind

STATUS: dict[Kind, int] = {
    Kind.MALFORMED: 400,
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.CONFLICT: 409,
    Kind.STALE: 412,
    Kind.NO_ROOM: 507,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.LIMITED: 429,
    Kind.UPSTREAM: 502,
    Kind.UNAVAILABLE: 503,
    Kind.TIMEOUT: 504,
    Kind.INTERNAL: 500,
}

OPENAI_TYPE: dict[Kind, str] = {
    Kind.UNAUTHENTICATED: "authentication_error",
    Kind.DENIED: "permission_error",
    Kind.NOT_FOUND: "not_found_error",
    Kind.LIMITED: "rate_limit_error",
    Kind.UPSTREAM: "upstream_error",
    Kind.UNAVAILABLE: "service_unavailable_error",
    Kind.TIMEOUT: "timeout_error",
    Kind.INTERNAL: "api_error",
}

ANTHROPIC_TYPE: dict[Kind, str] = {
    Kind.UNAUTHENTICATED: "authentication_error",
    Kind.DENIED: "permission_error",
    Kind.NOT_FOUND: "not_found_error",
    Kind.TOO_LARGE: "request_too_large",
    Kind.LIMITED: "rate_limit_error",
    Kind.UPSTREAM: "api_error",
    Kind.UNAVAILABLE: "overloaded_error",
    Kind.TIMEOUT: "api_error",
    Kind.INTERNAL: "api_error",
}

MLFLOW_CODE: dict[Kind, str] = {
    Kind.UNAUTHENTICATED: "UNAUTHENTICATED",
    Kind.DENIED: "PERMISSION_DENIED",
    Kind.NOT_FOUND: "RESOURCE_DOES_NOT_EXIST",
    Kind.CONFLICT: "RESOURCE_ALREADY_EXISTS",
    Kind.LIMITED: "REQUEST_LIMIT_EXCEEDED",
    Kind.UNAVAILABLE: "TEMPORARILY_UNAVAILABLE",
    Kind.INTERNAL: "INTERNAL_ERROR",
}


MLFLOW_STATUS: dict[Kind, int] = {Kind.INVALID: 400, Kind.CONFLICT: 400}
"""Where MLflow's servers say another number than we do."""
_MLFLOW = "/api/2.0/mlflow"


def status_of(error: AppError, path: str = "") -> int:
    """On the path that was called, if it makes a difference."""
    if path.startswith(_MLFLOW) and error.kind in MLFLOW_STATUS:
        return MLFLOW_STATUS[error.kind]
    return STATUS[error.kind]


def graphql_code(error: AppError) -> str:
    return error.kind.name


def body_for(error: AppError, *, path: str, request_id: str) -> dict[str, Any]:
    """The JSON body of an error, in the shape the callers of this path expect."""
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        kind = ANTHROPIC_TYPE.get(error.kind, "invalid_request_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": error.message},
            "request_id": request_id,
        }
    if path.startswith("/v1/"):
        return {"error": _openai(error, request_id)}
    if path.startswith(_MLFLOW):
        told: str | None = error.data.get("error_code")
        code = told or MLFLOW_CODE.get(error.kind, "INVALID_PARAMETER_VALUE")
        return {"error_code": code, "message": error.message}
    if path == "/v2" or path.startswith("/v2/"):
        return {"error": error.message, "code": error.code, "request_id": request_id}
    return _house(error, path, request_id)


def brief(error: AppError) -> dict[str, Any]:
    """Of one row among many: what is wrong, without the words about the call."""
    return {"code": error.code, "message": error.message, "details": _details(error)}


def _house(error: AppError, path: str, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "error": error.code,
        "message": error.message,
        "details": _details(error),
    }
    if isinstance(error, Invalid):
        body["invalid_fields"] = [field.field for field in error.fields]
    return body | {"timestamp": _now(), "path": path, "request_id": request_id}


def _openai(error: AppError, request_id: str) -> dict[str, Any]:
    fields = error.fields if isinstance(error, Invalid) else []
    return {
        "message": error.message,
        "type": error.data.get("type") or OPENAI_TYPE.get(error.kind, "invalid_request_error"),
        "param": fields[0].field if fields else error.data.get("param"),
        "code": error.code,
        "details": _details(error),
        "timestamp": _now(),
        "request_id": request_id,
    }


def _details(error: AppError) -> list[dict[str, str]]:
    return [asdict(field) for field in error.fields] if isinstance(error, Invalid) else []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headers_for(error: AppError) -> list[tuple[str, str]]:
    """`Retry-After` where waiting helps, `WWW-Authenticate` where a credential would.

    Official clients of model APIs repeat what was refused with 409 or 429, unless `x-should-retry` says no.
    """
    retry_after = getattr(error, "retry_after", None)
    headers = [("Retry-After", str(retry_after))] if retry_after is not None else []
    if not error.data.get("should_retry", error.kind is not Kind.CONFLICT):
        headers.append(("x-should-retry", "false"))
    if error.kind is Kind.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", 'Bearer realm="signalbox"'))
    if error.kind is Kind.METHOD_NOT_ALLOWED and error.data.get("allow"):
        headers.append(("Allow", error.data["allow"]))
    return headers
