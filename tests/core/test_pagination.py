"""Lists by page and by cursor: every row once, whatever arrives meanwhile, and nothing strange taken for a number."""

from __future__ import annotations

import pytest

from apps.core.errors import Invalid
from apps.core.pagination import _after, _encode, after_cursor, page_of, read_integer
from apps.tenants.models import Organization


@pytest.fixture
def five(db: None) -> list[str]:
    Organization.objects.all().delete()
    return [Organization.objects.create(slug=f"o{n}", name=f"O{n}").slug for n in range(5)]


def slugs(rows: list[Organization]) -> list[str]:
    return [row.slug for row in rows]


@pytest.mark.parametrize(
    ("page", "limit", "rows", "pages"),
    [
        (1, 2, ["o0", "o1"], 3),
        (3, 2, ["o4"], 3),
        (4, 2, [], 3),
        (1, 5, ["o0", "o1", "o2", "o3", "o4"], 1),
        (10**9, 200, [], 1),
    ],
)
def test_page_of(five: list[str], page: int, limit: int, rows: list[str], pages: int) -> None:
    found = page_of(Organization.objects.order_by("pk"), page=page, limit=limit)

    assert slugs(found.rows) == rows
    assert found.meta == {"page": page, "limit": limit, "total": 5, "total_pages": pages}


def test_page_of_nothing(db: None) -> None:
    found = page_of(Organization.objects.none(), page=1, limit=20)

    assert (found.rows, found.meta["total"], found.meta["total_pages"]) == ([], 0, 0)


def test_after_cursor_walks_every_row_once_while_others_arrive(five: list[str]) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        found = after_cursor(Organization.objects.all(), cursor=cursor, limit=2)
        seen += slugs(found.rows)
        Organization.objects.create(slug=f"late{len(seen)}", name="Late")
        cursor = found.meta["next_cursor"]
        if cursor is None:
            break

    assert seen == ["o4", "o3", "o2", "o1", "o0"]


def test_after_cursor_does_not_promise_an_empty_page(five: list[str]) -> None:
    assert after_cursor(Organization.objects.all(), cursor=None, limit=5).meta == {
        "limit": 5,
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "=",
        "a" * 5000,
        "é",
        "\ud800",
        _encode("after:7")[:-1] + "!",
        "YWZ0ZXI6LTE",
        "YWZ0ZXI6",
        "YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
        _encode("at:7:7"),
        _encode("after:7:7"),
    ],
)
def test_another_cursor_is_invalid(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        _after(cursor)

    assert [wrong.field for wrong in caught.value.fields] == ["cursor"]


def test_a_cursor_is_read_back() -> None:
    found = [_after(_encode(f"after:{pk}")).children for pk in (1, 10**16)]

    assert found == [[("pk__lt", 1)], [("pk__lt", 10**16)]]


@pytest.mark.parametrize(
    ("value", "number"), [(None, 20), ("", 20), ("1", 1), ("200", 200), ("007", 7)]
)
def test_read_integer(value: str | None, number: int) -> None:
    assert read_integer(value, "limit", default=20, maximum=200) == number


@pytest.mark.parametrize(
    "value", ["0", "201", "-1", "1.0", "1e1", " 1", "x", "٣", "²", "9" * 5000, "0x1"]
)
def test_read_integer_refuses(value: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_integer(value, "limit", default=20, maximum=200)

    assert caught.value.message == "limit: must be a whole number from 1 to 200"
