"""Secrets at rest: encrypted in the column, plain in Python, rotated by the operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import isolate_apps

from apps.core import crypto
from apps.core.crypto import CannotDecrypt, EncryptedTextField, Rotation, decrypt, encrypt

OLD = "the-old-key-of-forty-characters-or-rather-more"
NEW = "the-new-key-of-forty-characters-or-rather-more"


@pytest.fixture
def safe(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A table with an encrypted column, the old key in the ring."""
    settings.SIGNALBOX_MASTER_KEYS = [OLD]
    with isolate_apps("apps.core"):

        class Safe(models.Model):  # noqa: DJ008 - a test's own
            secret = EncryptedTextField(null=True)  # type: ignore[misc]  # only here is it null

            class Meta:
                app_label = "core"

        monkeypatch.setattr(crypto, "_encrypted_fields", lambda: iter([(Safe, "secret")]))
        with connection.schema_editor() as editor:
            editor.create_model(Safe)
        yield Safe
        with connection.schema_editor() as editor:
            editor.delete_model(Safe)


def stored(model: Any) -> list[str | None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT secret FROM {model._meta.db_table} ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def test_a_secret_is_plain_in_python_and_encrypted_in_the_column(safe: Any) -> None:
    for secret in ("whsec_tell-nobody", "", None):
        safe.objects.create(secret=secret)

    assert [row.secret for row in safe.objects.order_by("id")] == ["whsec_tell-nobody", "", None]
    token, empty, nothing = stored(safe)
    assert (decrypt(token or ""), empty, nothing) == ("whsec_tell-nobody", "", None)
    assert "tell-nobody" not in (token or "")


def test_the_same_secret_is_never_encrypted_alike() -> None:
    assert encrypt("one") != encrypt("one")


def test_an_encrypted_column_cannot_be_searched(safe: Any) -> None:
    with pytest.raises(FieldError):
        list(safe.objects.filter(secret="x"))

    assert list(safe.objects.filter(secret__isnull=True)) == []


def test_a_foreign_key_opens_nothing(settings: Any) -> None:
    settings.SIGNALBOX_MASTER_KEYS = [OLD]
    token = encrypt("one")
    settings.SIGNALBOX_MASTER_KEYS = [NEW]

    with pytest.raises(CannotDecrypt):
        decrypt(token)


def test_a_later_key_of_the_ring_still_decrypts(settings: Any) -> None:
    settings.SIGNALBOX_MASTER_KEYS = [OLD]
    token = encrypt("one")
    settings.SIGNALBOX_MASTER_KEYS = [NEW, OLD]

    assert (decrypt(token), crypto.is_current(token)) == ("one", False)


def test_rotate_keys_encrypts_everything_under_the_first(
    safe: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crypto, "BATCH", 2)
    for number in range(5):
        safe.objects.create(secret=f"secret {number}")
    safe.objects.create(secret=None)
    settings.SIGNALBOX_MASTER_KEYS = [NEW, OLD]
    safe.objects.create(secret="secret 5")

    call_command("rotate_keys")
    monkeypatch.setattr(crypto, "_encrypted_fields", lambda: iter([(safe, "secret")]))
    again = crypto.rotate_keys()
    settings.SIGNALBOX_MASTER_KEYS = [NEW]

    assert capsys.readouterr().out == "5 encrypted anew, 1 current already\n"
    assert again == Rotation(current=6)
    assert [row.secret for row in safe.objects.order_by("id")] == [
        *(f"secret {number}" for number in range(5)),
        None,
        "secret 5",
    ]


def test_rotate_keys_keeps_what_it_cannot_read_and_says_so(safe: Any, settings: Any) -> None:
    safe.objects.create(secret="lost")
    before = stored(safe)
    settings.SIGNALBOX_MASTER_KEYS = [NEW]

    with pytest.raises(CommandError, match="1 cannot be decrypted"):
        call_command("rotate_keys")

    assert stored(safe) == before
