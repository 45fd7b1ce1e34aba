from __future__ import annotations

import pytest

from apps.tenants.domain.pace import pause_after
from apps.tenants.domain.visit import Visit

pytestmark = pytest.mark.unit


def test_pause_after_grows_and_stops_at_two_seconds() -> None:
    pauses = [pause_after(failures) for failures in range(9)]

    assert pauses == [0, 0, 0, 0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_place_is_the_address_or_the_network_of_a_home(address: str, place: str) -> None:
    assert Visit(address=address).place == place
