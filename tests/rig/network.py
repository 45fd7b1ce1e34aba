"""Closes the network: a test that reaches for anything but loopback fails, even if it looks away.

An audit hook sees every connect and every name lookup made from Python, whatever library asks. It
sees nothing of the server processes the suite starts, nor of C libraries that connect themselves.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

NAMES = {"", "localhost", "localhost.", "ip6-localhost", "testserver"}


class NetworkClosedError(RuntimeError):
    """Not an OSError, so that no code under test mistakes it for a network that is merely down."""


class ClosedNetwork:
    """The attempts of the running test. A test that means to try clears them."""

    def __init__(self) -> None:
        self.is_closed = False
        self.attempts: list[str] = []
        self.allowed: set[str] = set()

    def watch(self, event: str, args: tuple[object, ...]) -> None:
        if not self.is_closed:
            return
        if event in {"socket.connect", "socket.sendto"}:
            address = args[1]
            if isinstance(address, tuple):  # anything else is a socket in the file system
                self._judge(event, str(address[0]))
        elif (
            event == "socket.getaddrinfo" and isinstance(args[0], str) and not _is_address(args[0])
        ):
            self._judge(event, args[0])

    def _judge(self, event: str, host: str) -> None:
        if host in self.allowed or is_loopback(host):
            return
        self.attempts.append(f"{event} {host}")
        raise NetworkClosedError(f"{event} {host}: tests speak to loopback only")


def is_loopback(host: str) -> bool:
    if host.lower() in NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return True  # nothing is looked up; connecting is judged on its own


_network = ClosedNetwork()


def pytest_configure(config: pytest.Config) -> None:
    for variable in ("TEST_DATABASE_URL", "TEST_REDIS_URL"):
        if host := urlsplit(os.environ.get(variable, "")).hostname:
            _network.allowed.add(host)
    sys.addaudithook(_network.watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _network.attempts.clear()
    _network.is_closed = True
    try:
        return (yield)
    finally:
        _network.is_closed = False


@pytest.fixture(autouse=True)
def closed_network() -> Generator[ClosedNetwork]:
    """Fails the test for every attempt it left in `closed_network.attempts`."""
    yield _network
    assert _network.attempts == [], "the code under test reached for the network"
