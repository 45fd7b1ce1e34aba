"""Public ids: one spelling each; whatever else is asked for is simply not there."""

from __future__ import annotations

import re
import uuid

import pytest

from apps.core.errors import NotFound
from apps.core.ids import PublicIdField, new_id
from apps.tenants.models import Organization

FIELD = PublicIdField(prefix="key")
DIGITS = "0123456789abcdef0123456789abcdef"

MALFORMED = {
    "empty": "",
    "bare digits": DIGITS,
    "another prefix": f"org_{DIGITS}",
    "no digits": "key_",
    "too short": f"key_{DIGITS[:-1]}",
    "too long": f"key_{DIGITS}0",
    "capitals": f"key_{DIGITS.upper()}",
    "a sign": f"key_+{DIGITS[:-1]}",
    "hexadecimal mark": f"key_0x{DIGITS[:-2]}",
    "blank in front": f"key_ {DIGITS[:-1]}",
    "blank around": f" key_{DIGITS} ",
    "underscore": f"key_{DIGITS[:15]}_{DIGITS[16:]}",
    "dashes": f"key_{uuid.UUID(DIGITS)}",
    "other digits": "key_" + "١" * 32,
    "NUL": f"key_{DIGITS[:-1]}\x00",
    "newline": f"key_{DIGITS}\n",
    "half a surrogate": f"key_{DIGITS[:-1]}\ud800",
    "very long": "key_" + "a" * 100_000,
}


def test_new_id_is_a_prefix_and_128_random_bits() -> None:
    ids = {new_id("key") for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch(r"key_[0-9a-f]{32}", value) for value in ids)


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
def test_lookup_of_a_malformed_id_is_not_found(value: str) -> None:
    with pytest.raises(NotFound):
        FIELD.get_prep_value(value)


def test_lookup_takes_the_one_spelling() -> None:
    assert FIELD.get_prep_value(f"key_{DIGITS}") == uuid.UUID(DIGITS)
    assert FIELD.get_prep_value(uuid.UUID(DIGITS)) == uuid.UUID(DIGITS)
    assert FIELD.get_prep_value(None) is None


def test_to_python_is_the_outside_spelling() -> None:
    assert FIELD.to_python(uuid.UUID(DIGITS)) == f"key_{DIGITS}"
    assert FIELD.to_python(f"key_{DIGITS}") == f"key_{DIGITS}"
    assert FIELD.to_python(None) is None


def test_deconstruct_keeps_the_prefix() -> None:
    _, path, args, kwargs = FIELD.deconstruct()

    assert (path, args) == ("apps.core.ids.PublicIdField", [])
    assert kwargs == {"prefix": "key", "unique": True, "editable": False}


@pytest.mark.django_db
def test_a_row_reads_as_it_was_made() -> None:
    made = Organization.objects.create(slug="a", name="A")
    other = Organization.objects.create(slug="b", name="B")

    assert re.fullmatch(r"org_[0-9a-f]{32}", made.public_id)
    assert Organization.objects.get(pk=made.pk).public_id == made.public_id
    assert Organization.objects.get(public_id=made.public_id) == made
    assert list(Organization.objects.filter(public_id__in=[other.public_id])) == [other]
    assert list(Organization.objects.values_list("public_id", flat=True)) == [
        made.public_id,
        other.public_id,
    ]


@pytest.mark.django_db
def test_a_malformed_id_is_not_found_in_every_lookup() -> None:
    with pytest.raises(NotFound):
        Organization.objects.filter(public_id="org_1").exists()
    with pytest.raises(NotFound):
        Organization.objects.filter(public_id__in=["org_1"]).exists()
    with pytest.raises(NotFound):
        Organization.objects.exclude(public_id="").count()
