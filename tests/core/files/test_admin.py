"""The operator's page of stored files."""

from __future__ import annotations

import io
import re

import pytest
from django.test import Client

from apps.core.files import files
from tests.factories.tenants import make_organization, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_operator_sees_every_organizations_files_and_changes_none() -> None:
    client = Client()
    client.force_login(make_user(is_staff=True))
    kept = [
        files.store(
            io.BytesIO(b"bytes"), organization_id=make_organization().pk, purpose="a", limit=9
        )
        for _ in range(2)
    ]

    html = client.get("/admin/core/storedfile/").content.decode()

    assert re.findall(r">(file_[0-9a-f]{32})<", html) == [each.public_id for each in kept[::-1]]
    path = f"/admin/core/storedfile/{kept[0].pk}"
    assert client.get(f"{path}/change/").status_code == 200
    assert client.post(f"{path}/delete/").status_code == 403
