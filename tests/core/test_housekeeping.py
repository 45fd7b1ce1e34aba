from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.housekeeping import drop_in_batches
from apps.core.models import ChangeMark

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_drop_in_batches_drops_these_and_no_others(count: int) -> None:
    for number in range(count):
        ChangeMark.objects.create(scope=f"old:{number}")
    ChangeMark.objects.create(scope="new")

    dropped = drop_in_batches(ChangeMark.objects.filter(scope__startswith="old:"), batch=2)

    assert dropped == count
    assert list(ChangeMark.objects.values_list("scope", flat=True)) == ["new"]


def test_drop_in_batches_takes_no_more_at_once() -> None:
    for number in range(5):
        ChangeMark.objects.create(scope=f"old:{number}")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        drop_in_batches(ChangeMark.objects.all(), batch=2)

    deletions = [each["sql"] for each in queries if each["sql"].startswith("DELETE")]
    assert len(deletions) == 3
