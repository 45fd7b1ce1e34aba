"""Runs `async def` tests: on asgiref's loop, so that what they hop to the ORM by `sync_to_async`
lands in the test's own thread and sees the test's own transaction. Fixtures stay synchronous.

Code under test hops by `core.asgi.in_pool()` into other threads, with connections of their own:
such a test asks for `transactional_db`.
"""

from __future__ import annotations

import inspect

import pytest
from asgiref.sync import async_to_sync


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    async_to_sync(pyfuncitem.obj)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True
