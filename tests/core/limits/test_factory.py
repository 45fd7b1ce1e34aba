from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import override_settings

from apps.core.limits.factory import get_store, set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.redis import RedisLimitStore

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    set_store(None)
    yield
    set_store(None)


@override_settings(SIGNALBOX_REDIS_URL="")
def test_get_store_without_redis_is_in_memory_and_always_the_same() -> None:
    store = get_store()

    assert type(store) is MemoryLimitStore
    assert get_store() is store


@override_settings(SIGNALBOX_REDIS_URL="redis://127.0.0.1:1/0")
def test_get_store_with_redis_is_shared_and_connects_to_nothing_yet() -> None:
    store = get_store()

    assert type(store) is RedisLimitStore
    assert get_store() is store


@override_settings(SIGNALBOX_REDIS_URL="")
def test_get_store_from_many_threads_makes_one() -> None:
    with ThreadPoolExecutor(20) as pool:
        stores = set(pool.map(lambda _: get_store(), range(200)))

    assert len(stores) == 1


@override_settings(SIGNALBOX_REDIS_URL="")
def test_set_store_replaces_it_and_none_makes_a_new_one() -> None:
    first, given = get_store(), MemoryLimitStore()
    set_store(given)
    replaced = get_store()
    set_store(None)

    assert replaced is given
    assert get_store() not in (first, given)


@override_settings(SIGNALBOX_REDIS_URL="")
def test_get_store_in_a_forked_child_is_its_own() -> None:
    store = get_store()

    child = os.fork()
    if child == 0:
        os._exit(0 if get_store() is not store else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
