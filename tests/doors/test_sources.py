"""REST: the MLflow registries that models are followed from."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.models.permissions import ModelsPermission
from apps.models.services import sources
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.SOURCE_MANAGE
ONE = "/api/v1/mlflow-sources/{id}"
FOLLOW = {"model": "Churn", "alias": "champion", "as": "churn"}
BODY: dict[str, Any] = {
    "name": "lab",
    "url": "https://mlflow.example.com",
    "auth": "basic",
    "username": "someone",
    "credential": "0123456789abcdef",
    "follows": [FOLLOW],
    "every_seconds": 600,
    "enabled": True,
}
WRONG: dict[str, list[Any]] = {
    "name": ["", "a\u202eb", "a" * 101],
    "url": ["", "x", "http://127.0.0.1:8000", "http://localhost", "file:///etc/passwd"],
    "auth": ["", "digest"],
    "username": ["a:b", "ä"],
    "credential": ["a b", "ä", "a" * 8193],
    "follows": [[{}], [{**FOLLOW, "as": "A b"}], [FOLLOW, FOLLOW], ["a"], [FOLLOW] * 101],
    "every_seconds": [0, 59, 10**9],
}
_numbers = count(1)


class TestSources(RestDoor):
    calls = (
        Listing("GET", "/api/v1/mlflow-sources", VIEW),
        Call("POST", "/api/v1/mlflow-sources", MANAGE, body=BODY, status=201, wrong=WRONG),
        Call("GET", ONE, VIEW),
        Call("PATCH", ONE, MANAGE, body=BODY, has_revision=True, wrong=WRONG),
        Call("DELETE", ONE, MANAGE, status=204),
        Call("POST", f"{ONE}/sync", MANAGE, status=202),
    )

    def make(self, place: Place) -> str:
        given = {name: value for name, value in BODY.items() if name not in ("name", "enabled")}
        made = sources.create_source(actor=place.actor, name=f"lab {next(_numbers)}", **given)
        return str(made.public_id)
