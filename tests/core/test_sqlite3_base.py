"""Turns as transactions take them, on a database of their own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from apps.core.sqlite3.base import DatabaseWrapper
from config.databases import database

DEFAULTS = {
    "ATOMIC_REQUESTS": False,
    "AUTOCOMMIT": True,
    "CONN_HEALTH_CHECKS": False,
    "TIME_ZONE": None,
}


def connect(path: Path, timeout: float) -> DatabaseWrapper:
    given = database(f"sqlite:///{path}", path.parent)
    given["OPTIONS"] = {**given["OPTIONS"], "timeout": timeout}
    return DatabaseWrapper({**DEFAULTS, **given}, alias="tried")


def begin(connection: DatabaseWrapper) -> None:
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def end(connection: DatabaseWrapper) -> None:
    connection.commit()
    connection.set_autocommit(True)


def run(connection: DatabaseWrapper, statement: str) -> Any:
    with connection.cursor() as cursor:
        return cursor.execute(statement).fetchall()


@pytest.fixture(autouse=True)
def open_databases(django_db_blocker: Any) -> Iterator[None]:
    """These are none of Django's own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[DatabaseWrapper, DatabaseWrapper]]:
    made = connect(tmp_path / "db.sqlite3", 0.05), connect(tmp_path / "db.sqlite3", 0.05)
    yield made
    for each in made:
        each.close()


def test_a_transaction_holds_the_turn_until_it_ends(
    pair: tuple[DatabaseWrapper, DatabaseWrapper],
) -> None:
    first, second = pair
    begin(first)

    with pytest.raises(OperationalError, match="database is locked"):
        begin(second)

    end(first)
    begin(second)
    end(second)


def test_a_connection_closed_on_the_way_gives_its_turn_back(
    pair: tuple[DatabaseWrapper, DatabaseWrapper],
) -> None:
    first, second = pair
    begin(first)

    first.close()

    begin(second)
    end(second)


def test_a_transaction_that_cannot_begin_gives_its_turn_back(
    pair: tuple[DatabaseWrapper, DatabaseWrapper], tmp_path: Path
) -> None:
    first, second = pair
    run(first, "PRAGMA busy_timeout=20")
    with closing(sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")  # by somebody who knows of no turns
        with pytest.raises(OperationalError, match="database is locked"):
            begin(first)
        stranger.execute("ROLLBACK")

    begin(second)
    end(second)


def test_no_turn_is_taken_in_memory(tmp_path: Path) -> None:
    made = connect(tmp_path / "db.sqlite3", 0.05)
    made.settings_dict["NAME"] = ":memory:"
    begin(made)

    assert list(tmp_path.iterdir()) == []


def test_many_writers_all_get_through(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    first = connect(path, 10.0)
    run(first, "CREATE TABLE counter (number INTEGER)")
    run(first, "INSERT INTO counter VALUES (0)")
    failures: list[BaseException] = []

    def count() -> None:
        connection = connect(path, 10.0)
        try:
            for _ in range(25):
                begin(connection)
                ((number,),) = run(connection, "SELECT number FROM counter")
                run(connection, f"UPDATE counter SET number = {number + 1}")
                end(connection)
        except BaseException as error:
            failures.append(error)
        connection.close()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)

    assert (failures, run(first, "SELECT number FROM counter")) == ([], [(200,)])
    first.close()
