"""Secrets at rest: a text column that is encrypted on its way into the database and decrypted on its way out.

Fernet (AES-128-CBC with HMAC-SHA-256) under a ring of keys: the first encrypts, every one decrypts. `rotate_keys`
writes anew what a later one of them encrypted, after which that one may go.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models, transaction
from django.db.models.functions import Cast

from apps.core.tenancy import unscoped

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField  # generic in the stubs alone

BATCH = 200


class CannotDecrypt(RuntimeError):
    """A stored secret was encrypted under a key that is not in the ring: the operator's to mend, so no `AppError`."""


def encrypt(text: str) -> str:
    return _ring(_keys()).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    try:
        return _ring(_keys()).decrypt(token.encode()).decode()
    except InvalidToken:
        raise CannotDecrypt(
            "a stored secret cannot be decrypted with any key of SIGNALBOX_MASTER_KEY"
        ) from None


def is_current(token: str) -> bool:
    """Whether the ring's first key encrypted it."""
    try:
        _ring(_keys()[:1]).decrypt(token.encode())
    except InvalidToken:
        return False
    return True


class EncryptedTextField(TextField):
    """Text that only we can read. It cannot be searched: the same text is never encrypted alike twice."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be looked up by {lookup_name}")
        return super().get_lookup(lookup_name)


@dataclass(slots=True)
class Rotation:
    """What `rotate_keys` found: values written anew, values already current, values no key opens."""

    rotated: int = 0
    current: int = 0
    unreadable: int = 0


def rotate_keys() -> Rotation:
    """Encrypt every stored secret under the first key. May be broken off and run again."""
    done = Rotation()
    with unscoped(reason="the operator's keys cover every organization's secrets"):
        for model, field in _encrypted_fields():
            _rotate_column(model, field, done)
    return done


def _encrypted_fields() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.local_fields:  # noqa: SLF001 - documented under this name
            if isinstance(field, EncryptedTextField):
                yield model, field.name


def _rotate_column(model: type[models.Model], field: str, done: Rotation) -> None:
    last = 0
    while True:
        with transaction.atomic():
            rows = list(
                model._base_manager.filter(pk__gt=last)
                .order_by("pk")
                .select_for_update()
                .annotate(stored=Cast(field, models.TextField()))
                .values_list("pk", "stored")[:BATCH]
            )
            for key, stored in rows:
                if stored:
                    _rotate_value(model, field, key, stored, done)
        if not rows:
            return
        last = rows[-1][0]


def _rotate_value(model: Any, field: str, key: int, stored: str, done: Rotation) -> None:
    if is_current(stored):
        done.current += 1
        return
    try:
        text = decrypt(stored)
    except CannotDecrypt:
        done.unreadable += 1
        return
    model._base_manager.filter(pk=key).update(**{field: text})
    done.rotated += 1


def _keys() -> tuple[str, ...]:
    return tuple(settings.SIGNALBOX_MASTER_KEYS)


@lru_cache(maxsize=8)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive(key)) for key in keys])


def derive(key: str, purpose: str) -> bytes:
    """32 bytes from whatever text the operator gave, other ones for each purpose."""
    kdf = HKDF(SHA256(), length=32, salt=None, info=f"signalbox {purpose}".encode())
    return kdf.derive(key.encode())


def _derive(key: str) -> bytes:
    return base64.urlsafe_b64encode(derive(key, "secrets at rest"))
