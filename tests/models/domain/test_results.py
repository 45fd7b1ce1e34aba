"""Files of answers: what a spreadsheet makes of them."""

from __future__ import annotations

import pytest

from apps.models.domain.results import writer_of
from apps.models.domain.tabular import FileFormat

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("customer", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("-5", "-5"),
        ("+49151", "+49151"),
        ("C-1", "C-1"),
    ],
)
def test_no_cell_is_a_formula(customer: str, cell: str) -> None:
    written = b"".join(writer_of(FileFormat.CSV)([[{"row": 1, "customer_id": customer}]]))

    assert written.decode().splitlines()[1] == f"1,{cell},,,,"
