"""REST: providers, deployments and routes."""

from __future__ import annotations

from typing import Any

from apps.core.tenancy import organization_scope
from apps.providers.models import Deployment, RouteVersion
from apps.providers.permissions import ProvidersPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.providers import make_deployment, make_provider, make_route

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
PROVIDER: dict[str, Any] = {
    "name": "main",
    "kind": "openai",
    "base_url": "https://models.example.com/v1",
    "api_key": "sk-0123456789abcdef",
    "options": {"project": "p"},
    "enabled": True,
}
WRONG_PROVIDER: dict[str, list[Any]] = {
    "name": ["", "a/b", "a\u202eb", "a" * 101],
    "kind": ["", "nobody"],
    "base_url": ["nope", "http://127.0.0.1/", "ftp://example.com/", "https://example.com/?a=1"],
    "api_key": ["two words", "a" * 8193],
    "options": [{"nobody": 1}, {"project": []}],
}
TERMS: dict[str, Any] = {
    "context_tokens": 1000,
    "max_output_tokens": 100,
    "capabilities": ["chat"],
    "limits": {"rpm": 5},
    "timeouts": {"total": 5},
    "enabled": True,
}
WRONG_DEPLOYMENT: dict[str, list[Any]] = {
    "name": ["", "a" * 101],
    "model": ["", "a" * 201],
    "context_tokens": [0, -1],
    "capabilities": [["dance"], [7]],
    "limits": [{"rpm": 0}, {"x": 1}],
    "timeouts": [{"total": 0}, {"x": 1}],
}
TARGETS = [{"deployment": "target", "weight": 3, "priority": 0}]
ROUTE: dict[str, Any] = {
    "targets": TARGETS,
    "description": "For chats",
    "fallbacks": [],
    "sticky": True,
    "retries": 1,
    "cache_seconds": 60,
    "captures": False,
    "continues": False,
    "guardrails": [{"name": "redact"}],
    "enabled": True,
}
WRONG_ROUTE: dict[str, list[Any]] = {
    "name": ["", "a/b", "a b", "a" * 51],
    "targets": [[], [{}], [{"deployment": "target", "weight": "1"}], [{"deployment": 7}]],
    "fallbacks": [["nobody"], [7]],
    "retries": [-1, 11],
    "cache_seconds": [-1],
    "guardrails": [[{}], [{"name": 7}]],
}


class TestProviders(RestDoor):
    calls = (
        Listing("GET", "/api/v1/providers", VIEW),
        Call("POST", "/api/v1/providers", MANAGE, body=PROVIDER, status=201, wrong=WRONG_PROVIDER),
        Call("GET", "/api/v1/providers/{id}", VIEW),
        Call(
            "PATCH",
            "/api/v1/providers/{id}",
            MANAGE,
            body={"name": "renamed", "options": {"seed": 1}, "enabled": False},
            has_revision=True,
            wrong={"name": WRONG_PROVIDER["name"], "options": WRONG_PROVIDER["options"]},
        ),
        Call("DELETE", "/api/v1/providers/{id}", MANAGE, status=204),
        Call("POST", "/api/v1/providers/{id}/test", MANAGE),
        Call("GET", "/api/v1/providers/{id}/models", MANAGE),
        Call(
            "POST",
            "/api/v1/providers/{id}/discover",
            MANAGE,
            body={"models": ["simulated"]},
            status=201,
            wrong={"models": [["nobody"], [7]]},
        ),
    )

    def make(self, place: Place) -> str:
        return str(make_provider(place.organization).public_id)


class TestDeployments(RestDoor):
    calls = (
        Listing("GET", "/api/v1/deployments", VIEW),
        Call(
            "POST",
            "/api/v1/deployments",
            MANAGE,
            body={"name": "one", "model": "m", "provider": "", **TERMS},
            status=201,
            wrong=WRONG_DEPLOYMENT,
        ),
        Call("GET", "/api/v1/deployments/{id}", VIEW),
        Call(
            "PATCH",
            "/api/v1/deployments/{id}",
            MANAGE,
            body={"name": "one", "model": "m", **TERMS},
            has_revision=True,
            wrong=WRONG_DEPLOYMENT,
        ),
        Call("DELETE", "/api/v1/deployments/{id}", MANAGE, status=204),
    )

    def make(self, place: Place) -> str:
        return str(make_deployment(place.organization).public_id)

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        if call.body is None or "provider" not in call.body:
            return call.body
        return {**call.body, "provider": make_provider(place.organization).public_id}


class TestRoutes(RestDoor):
    calls = (
        Listing("GET", "/api/v1/routes", VIEW),
        Call(
            "POST",
            "/api/v1/routes",
            MANAGE,
            body={"name": "chat", **ROUTE},
            status=201,
            wrong=WRONG_ROUTE,
        ),
        Call("GET", "/api/v1/routes/{id}", VIEW),
        Call(
            "PUT",
            "/api/v1/routes/{id}",
            MANAGE,
            body=ROUTE,
            has_revision=True,
            wrong=WRONG_ROUTE,
        ),
        Call(
            "PATCH",
            "/api/v1/routes/{id}",
            MANAGE,
            body=ROUTE,
            has_revision=True,
            wrong=WRONG_ROUTE,
        ),
        Call("DELETE", "/api/v1/routes/{id}", MANAGE, status=204),
        Call("GET", "/api/v1/routes/{id}/versions", VIEW),
        Call(
            "POST",
            "/api/v1/routes/{id}/restore",
            MANAGE,
            body={"revision": 1},
            has_revision=True,
        ),
    )

    def make(self, place: Place) -> str:
        deployment = self._target(place)
        route = make_route(place.organization, targets=[deployment])
        target = {"deployment": deployment.public_id, "weight": 1.0, "priority": 0}
        RouteVersion.objects.create(
            organization=place.organization,
            route=route,
            revision=1,
            definition={"name": route.name, "targets": [target]},
        )
        return str(route.public_id)

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        if call.body and "targets" in call.body:
            self._target(place)
        return call.body

    def _target(self, place: Place) -> Any:
        """The deployment that the bodies name; there is one."""
        with organization_scope(place.organization.pk):
            found = Deployment.objects.filter(name="target").first()
        return found or make_deployment(place.organization, name="target")
