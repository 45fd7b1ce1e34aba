"""CORS, security headers and version negotiation: the few lines every answer carries."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apps.core.asgi.request import GateRequest
from apps.core.errors import Malformed
from apps.core.versions import ApiVersion

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
)


def check_version(request: GateRequest) -> None:
    """Set `request.version`: the one in the path, else the one `X-API-Version` names, else the newest."""
    versions = _versions()
    path = request.path_info
    named = versions.get(path[5 : path.find("/", 5)]) if path.startswith("/api/v") else None
    asked = request.META.get("HTTP_X_API_VERSION")
    if named is not None:
        request.version = named.name
    if not asked or asked == request.version:
        return
    if asked not in versions:
        served = ", ".join(versions)
        raise Malformed(
            f"There is no API version {asked[:20]!r}; served: {served}.", code="unknown_version"
        )
    if named is not None:
        raise Malformed(
            f"X-API-Version asks for {asked}, the path for {named.name}.", code="two_versions"
        )
    request.version = asked


@cache
def _versions() -> dict[str, ApiVersion]:
    return {version.name: version for version in settings.SIGNALBOX_API_VERSIONS}


def forget_versions() -> None:
    """Read the versions anew; for tests that change them."""
    _versions.cache_clear()
    _fixed_headers.cache_clear()


@cache
def _fixed_headers(version: str) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"content-security-policy", API_POLICY.encode()),
        (b"cache-control", b"no-store"),
    ]
    served = _versions().get(version) or next(reversed(_versions().values()))
    headers += [(name.lower().encode(), value.encode()) for name, value in served.headers()]
    if settings.SECURE_HSTS_SECONDS:
        age = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"
        headers.append((b"strict-transport-security", age.encode()))
    return tuple(headers)


def raw_headers(request: GateRequest, response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    """Every header of an answer as bytes. What the view set itself (a page's policy, caching) wins."""
    headers = [
        (name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()
    ]
    present = {name for name, _ in headers}
    headers += [header for header in _fixed_headers(request.version) if header[0] not in present]
    request_id = request.request_id.encode("ascii")
    headers.append((b"x-request-id", request_id))
    if request.path_info.startswith("/v1/messages"):
        headers.append((b"request-id", request_id))  # where Anthropic's clients look for it
    headers += [
        (name.lower().encode("ascii"), value.encode("latin-1"))
        for name, value in request.answer_headers
    ]
    headers += [
        (b"set-cookie", morsel.output(header="").strip().encode("ascii"))
        for morsel in response.cookies.values()
    ]
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None and _is_origin_allowed(origin):
        headers += _origin_headers(origin)
    return headers


def _origin_headers(origin: str) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"Origin"),
        (
            b"access-control-expose-headers",
            (
                b"X-Request-ID, X-API-Version, X-RateLimit-Limit, X-RateLimit-Remaining, "
                b"X-RateLimit-Reset, Retry-After, ETag, X-Signalbox-Deployment, X-Signalbox-Attempts, "
                b"X-Signalbox-Cost, X-Signalbox-Overhead-Ms, X-Signalbox-Cache"
            ),
        ),
    ]
    if settings.SIGNALBOX_CORS_CREDENTIALS:
        headers.append((b"access-control-allow-credentials", b"true"))
    return headers


def _is_origin_allowed(origin: str) -> bool:
    allowed: frozenset[str] = settings.SIGNALBOX_CORS_ORIGINS
    return origin in allowed or ("*" in allowed and not settings.SIGNALBOX_CORS_CREDENTIALS)


def is_preflight(request: HttpRequest) -> bool:
    meta = request.META
    return (
        request.method == "OPTIONS"
        and "HTTP_ORIGIN" in meta
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in meta
    )


def preflight_answer(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """204 with what this path takes; `dress` adds the origin when it is allowed."""
    response = HttpResponse(status=204)
    if _is_origin_allowed(request.META["HTTP_ORIGIN"]):
        response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
        response.headers["Access-Control-Allow-Headers"] = ", ".join(
            settings.SIGNALBOX_CORS_HEADERS
        )
        response.headers["Access-Control-Max-Age"] = "600"
    return response
