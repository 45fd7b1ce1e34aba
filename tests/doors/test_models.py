"""REST: the registry of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.rates import parse_rate
from apps.models.permissions import ModelsPermission
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.models import card, make_model, make_version
from tests.factories.parts import multipart, part

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.MANAGE
ONE = "/api/v1/models/{id}"
VERSION = f"{ONE}/versions/{{tag}}"
ABOUT: dict[str, Any] = {"description": "Who leaves\nand when", "tags": {"team": "retention"}}
WRONG: dict[str, list[Any]] = {
    "name": ["", "a/b", "../etc", "a..b", "A", "ä", "a" * 101, ".a", "a\\b"],
    "description": ["a" * 2001, "a\u202eb", "a\u0000b"],
    "tags": [{"a": 1}, {"": "x"}, {"a/../../b\n": "x"}, {"a": "x" * 1001}],
    "metrics": [{"a": "1"}, {"a": True}, {"a": None}, {"a": [1]}],
    "stage": ["production", "", "Nowhere"],
    "version": ["9", "1.2.0"],
    "log_share": [-0.1, 1.01, -1, 2, None],
}


class ModelsDoor:
    @pytest.fixture(autouse=True)
    def _apart(self, settings: Any, tmp_path: Path) -> Iterator[None]:
        settings.SIGNALBOX_DATA_DIR = tmp_path
        settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "models": parse_rate("500/m")}
        set_store(MemoryLimitStore())
        yield
        set_store(None)

    def make(self, place: Place) -> str:
        model = make_model(place.organization)
        make_version(model)
        make_version(model, alias="champion")
        return str(model.public_id)

    def send(self, client: GateClient, call: Call, place: Place, **changes: Any) -> Answer:
        path = call.path.replace("{tag}", "1").replace("{alias}", "champion")
        path += "?from=1" if path.endswith("/compare") else ""
        return super().send(client, replace(call, path=path), place, **changes)  # type: ignore[misc]  # of RestDoor


class TestModels(ModelsDoor, RestDoor):
    calls = (
        Listing("GET", "/api/v1/models", VIEW),
        Call(
            "POST",
            "/api/v1/models",
            MANAGE,
            body={"name": "churn-predictor", **ABOUT},
            status=201,
            wrong=WRONG,
        ),
        Call("GET", ONE, VIEW),
        Call("PATCH", ONE, MANAGE, body={**ABOUT, "log_share": 1}, has_revision=True, wrong=WRONG),
        Call("DELETE", ONE, MANAGE, status=204),
        Call("GET", f"{ONE}/compare", VIEW),
        Call(
            "PUT",
            f"{ONE}/aliases/{{alias}}",
            MANAGE,
            body={"version": "1"},
            has_revision=True,
            wrong=WRONG,
        ),
        Call("DELETE", f"{ONE}/aliases/{{alias}}", MANAGE),
    )


class TestVersions(ModelsDoor, RestDoor):
    calls = (
        Call("GET", f"{ONE}/versions", VIEW),
        Call("GET", VERSION, VIEW),
        Call(
            "PATCH",
            VERSION,
            MANAGE,
            body={**ABOUT, "metrics": {"accuracy": 0.9, "f1": 1}},
            has_revision=True,
            wrong=WRONG,
        ),
        Call("DELETE", VERSION, MANAGE, status=204),
        Call(
            "POST",
            f"{VERSION}/stage",
            MANAGE,
            body={"stage": "Production"},
            has_revision=True,
            wrong=WRONG,
        ),
        Call("GET", f"{VERSION}/artifact", VIEW),
    )


_numbers = count(1)


class TestUploads(ModelsDoor, RestDoor):
    calls = (Call("POST", f"{ONE}/versions", MANAGE, status=201),)

    def send(
        self, client: GateClient, call: Call, place: Place, *, headers: Any = None, **more: Any
    ) -> Answer:
        sent = multipart(part(card(intercept=float(next(_numbers))), filename="card.json"))
        more |= {"raw": sent["raw"]}
        headers = {**sent["headers"], **(headers or {})}
        return super().send(client, call, place, headers=headers, **more)
