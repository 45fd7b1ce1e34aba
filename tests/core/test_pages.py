"""Middleware of pages: the strict policy, and the actor behind the browser's session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apps.core.actor import Identity
from apps.core.asgi.browser import is_page
from apps.core.asgi.headers import PAGE_POLICY
from apps.core.pages import ActorMiddleware, PagePolicyMiddleware
from apps.core.tenancy import _current
from tests.client import GateClient
from tests.factories.doors import KnownTokens


class Session:
    def __init__(self, session_key: str | None) -> None:
        self.session_key = session_key


class Person:
    is_authenticated = True


class Nobody:
    is_authenticated = False


def visit(session_key: str | None, user: Any, **meta: str) -> Any:
    request: Any = RequestFactory().get("/console/", **meta)
    request.session, request.user = Session(session_key), user
    seen: list[int | None] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(_current.get())
        return HttpResponse()

    ActorMiddleware(view)(request)
    return request, seen[0]


@pytest.fixture(autouse=True)
def signed_in(ada: Identity, tokens: KnownTokens) -> None:
    tokens.sessions["session-of-ada"] = ada


def test_the_actor_of_a_session_acts_in_its_organization(ada: Identity) -> None:
    request, organization = visit("session-of-ada", Person(), REMOTE_ADDR="192.0.2.7")

    assert (request.actor.identity, request.actor.address) == (ada, "192.0.2.7")
    assert request.actor.request_id.startswith("req_")
    assert organization == ada.organization_id
    assert _current.get() is None


@pytest.mark.parametrize(
    ("session_key", "user"),
    [(None, Person()), ("session-of-ada", Nobody()), ("ended", Person()), ("", Person())],
)
def test_nobody_is_no_actor(session_key: str | None, user: Any) -> None:
    request, organization = visit(session_key, user)

    assert (request.actor, organization) == (None, None)


def test_the_scope_ends_with_a_failing_view(ada: Identity) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    request: Any = RequestFactory().get("/console/")
    request.session, request.user = Session("session-of-ada"), Person()

    with pytest.raises(ZeroDivisionError):
        ActorMiddleware(view)(request)

    assert _current.get() is None


def test_a_free_header_is_no_address(settings: Any) -> None:
    lie = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "10.0.0.1"}

    assert visit("session-of-ada", Person(), **lie)[0].actor.address == "192.0.2.7"
    settings.SIGNALBOX_TRUSTED_PROXIES = 1
    assert visit("session-of-ada", Person(), **lie)[0].actor.address == "10.0.0.1"


def test_a_page_gets_the_strict_policy_unless_it_has_its_own() -> None:
    request = RequestFactory().get("/console/")

    plain = PagePolicyMiddleware(lambda _: HttpResponse())(request)
    own = PagePolicyMiddleware(
        lambda _: HttpResponse(headers={"Content-Security-Policy": "default-src 'self'"})
    )(request)

    assert plain.headers["Content-Security-Policy"] == PAGE_POLICY
    assert own.headers["Content-Security-Policy"] == "default-src 'self'"
    assert "unsafe" not in PAGE_POLICY


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/console/", True),
        ("/console", True),
        ("/console/login", True),
        ("/admin", True),
        ("/static/css/base.css", True),
        ("/consolex", False),
        ("/", False),
        ("/api/v1/console/", False),
        ("", False),
    ],
)
def test_is_page(path: str, expected: bool) -> None:
    assert is_page(path) is expected


# ------------------------------------------------------------------ our own pages, through the gate


@pytest.fixture
def visitor(db: None, empty_limits: object) -> GateClient:
    return GateClient()


@pytest.mark.parametrize(
    "path", ["/console/", "/console/keys", "/console/members", "/console/audit"]
)
def test_pages_lead_a_stranger_to_the_login(visitor: GateClient, path: str) -> None:
    answer = visitor.get(path)

    assert (answer.status, answer.headers["location"]) == (
        302,
        f"/console/login?next={path.replace('/', '%2F')}",
    )


@pytest.mark.parametrize("path", ["/console/login", "/console/nowhere", "/static/nowhere.css"])
def test_every_page_carries_the_policy_and_a_request_id(visitor: GateClient, path: str) -> None:
    answer = visitor.get(path, headers={"X-Request-ID": "asked"})

    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == "asked"


def test_a_page_nobody_wrote_is_a_page_that_says_so(visitor: GateClient) -> None:
    answer = visitor.get("/static/nowhere.css")

    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_key_opens_no_page(visitor: GateClient, ada: Identity) -> None:
    """The console is for people: what a program may do, it does by the API."""
    assert visitor.get("/console/keys", key="ada").status == 302


@pytest.mark.parametrize("path", ["/console/login", "/console/keys/new"])
def test_a_form_without_its_token_is_refused(visitor: GateClient, path: str) -> None:
    answer = visitor.post(
        path,
        raw=b"email=a&password=b",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status in (403, 404)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("raw", [b"\xff" * 100, b"a=%00", b"=" * 2000, b"&" * 2000])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=rot13",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 300,
        "multipart/form-data; boundary*=bogus''x",
        "text/plain",
    ],
)
def test_an_odd_form_never_breaks_a_page(
    visitor: GateClient, raw: bytes, content_type: str
) -> None:
    answer = visitor.post("/console/login", raw=raw, headers={"Content-Type": content_type})

    assert 400 <= answer.status < 500


def test_a_form_over_its_limit_is_refused(visitor: GateClient) -> None:
    answer = visitor.post("/console/login", raw=b"", headers={"Content-Length": str(11 * 2**20)})

    assert answer.status == 413


def test_identities_are_not_shared_between_visits(ada: Identity, tokens: KnownTokens) -> None:
    tokens.sessions["other"] = replace(ada, principal="user_other")

    first, _ = visit("session-of-ada", Person())
    second, _ = visit("other", Person())

    assert (first.actor.principal, second.actor.principal) == (ada.principal, "user_other")
