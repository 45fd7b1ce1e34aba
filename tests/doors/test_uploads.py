"""REST: files that are attached to messages."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.services import uploads
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.factories.parts import multipart, part

VIEW, UPLOAD = ConversationsPermission.VIEW, ConversationsPermission.UPLOAD


class TestUploads(RestDoor):
    calls = (
        Call("POST", "/api/v1/uploads", UPLOAD, status=201),
        Call("GET", "/api/v1/uploads/{id}", VIEW),
        Call("DELETE", "/api/v1/uploads/{id}", UPLOAD, status=204),
        Call("GET", "/api/v1/uploads/{id}/content", VIEW),
    )

    @pytest.fixture(autouse=True)
    def _apart(self, settings: Any, tmp_path: Path) -> None:
        settings.SIGNALBOX_DATA_DIR = tmp_path

    def send(
        self, client: GateClient, call: Call, place: Place, *, headers: Any = None, **more: Any
    ) -> Answer:
        if call.method == "POST":
            sent = multipart(part(b"a,b", filename="a.csv"))
            more |= {"raw": sent["raw"]}
            headers = {**sent["headers"], **(headers or {})}
        return super().send(client, call, place, headers=headers, **more)

    def make(self, place: Place) -> str:
        kept = uploads.keep_upload(
            actor=place.actor, stream=BytesIO(b"kept"), name="a.txt", content_type=""
        )
        return str(kept.public_id)
