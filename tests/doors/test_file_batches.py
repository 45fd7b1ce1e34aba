"""REST: files of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.rates import parse_rate
from apps.models.enums import Stage
from apps.models.permissions import ModelsPermission
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.factories.models import make_model, make_version
from tests.factories.parts import multipart, part


class TestFileBatches(RestDoor):
    calls = (Call("POST", "/api/v1/models/{id}/batch", ModelsPermission.PREDICT, status=202),)

    @pytest.fixture(autouse=True)
    def _apart(self, settings: Any, tmp_path: Path) -> Iterator[None]:
        settings.SIGNALBOX_DATA_DIR = tmp_path
        settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "batch": parse_rate("500/m")}
        set_store(MemoryLimitStore())
        yield
        set_store(None)

    def make(self, place: Place) -> str:
        model = make_model(place.organization)
        make_version(model, stage=Stage.PRODUCTION)
        return str(model.public_id)

    def send(
        self, client: GateClient, call: Call, place: Place, *, headers: Any = None, **more: Any
    ) -> Answer:
        sent = multipart(part(b"tenure,contract\n1,Two year\n", filename="a.csv"))
        more.setdefault("raw", sent["raw"])
        headers = {**sent["headers"], **(headers or {})}
        return super().send(client, call, place, headers=headers, **more)
