from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network

import pytest

from apps.core.actor import Role, SpendingBound
from apps.core.errors import Invalid
from apps.core.limits.rates import parse_rate
from apps.keys.domain import bounds, terms
from apps.keys.domain.durations import parse_duration

pytestmark = pytest.mark.unit

CLASSES = {"all", "default", "chat"}
NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def fields_of(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(each.field, each.type) for each in error.value.fields]


def test_check_name_strips():
    assert terms.check_name("  ci main ") == "ci main"


@pytest.mark.parametrize("name", ["", "  ", "a" * 256, "two\nlines", "nul\x00"])
def test_check_name_refuses(name):
    with pytest.raises(Invalid) as error:
        terms.check_name(name)

    assert fields_of(error) == [("name", "invalid")]


def test_check_limits_spells_rates_one_way():
    checked = terms.check_limits({"default": "100/60s", "all": "5/30s"}, CLASSES)

    assert checked == {"default": "100/m", "all": "5/30s"}


def test_check_limits_names_every_wrong_one():
    with pytest.raises(Invalid) as error:
        terms.check_limits(
            {"default": "often", "chat": 7, "sms": "1/m", "all": "1/m", "": "1/m"}, CLASSES
        )

    assert fields_of(error) == [
        ("limits.default", "rate"),
        ("limits.chat", "rate"),
        ("limits.sms", "choice"),
        ("limits.", "choice"),
    ]


def test_check_addresses_spells_networks_one_way_and_once():
    asked = ["10.0.0.7", "10.1.2.3/8", "2001:DB8::1/32", "::1", "10.0.0.7/32"]

    assert terms.check_addresses(asked) == [
        "10.0.0.7/32",
        "10.0.0.0/8",
        "2001:db8::/32",
        "::1/128",
    ]


def test_check_addresses_names_every_wrong_one():
    with pytest.raises(Invalid) as error:
        terms.check_addresses(["10.0.0.1", "example.com", 7, "10.0.0.0/33"])

    assert fields_of(error) == [
        ("addresses.1", "invalid"),
        ("addresses.2", "invalid"),
        ("addresses.3", "invalid"),
    ]


def test_check_addresses_refuses_too_many():
    with pytest.raises(Invalid) as error:
        terms.check_addresses(["10.0.0.1"] * 101)

    assert fields_of(error) == [("addresses", "max_length")]


def test_check_models_tells_all_from_none():
    assert terms.check_models(None) is None
    assert terms.check_models([]) == []
    assert terms.check_models(["fast", "slow", "fast"]) == ["fast", "slow"]


def test_check_models_names_every_wrong_one():
    with pytest.raises(Invalid) as error:
        terms.check_models(["fast", "", "a" * 51, None])

    assert fields_of(error) == [
        ("models.1", "invalid"),
        ("models.2", "invalid"),
        ("models.3", "invalid"),
    ]


def test_check_budget_takes_tokens_beside_or_instead_of_money():
    both = {"amount": 0.1, "tokens": 5, "period": "total"}

    assert terms.check_budget(both) == both
    assert terms.check_budget({"tokens": 5, "period": "day"}) == {"tokens": 5, "period": "day"}
    for wrong in ({"period": "day"}, {"amount": None, "period": "day"}):
        with pytest.raises(Invalid) as error:
            terms.check_budget(wrong)
        assert [one.field for one in error.value.fields] == ["budget.amount"]
    for tokens in (0, 1.5, True, "5", 10**16):
        with pytest.raises(Invalid) as error:
            terms.check_budget({"tokens": tokens, "period": "day"})
        assert [one.field for one in error.value.fields] == ["budget.tokens"]


def test_spending_bound_reads_dollars_as_they_were_written():
    assert terms.spending_bound(None) is None
    assert terms.spending_bound({"amount": 0.1, "period": "day"}) == SpendingBound(
        "day", 100_000_000
    )
    assert terms.spending_bound({"tokens": 5, "period": "total"}) == SpendingBound("total", None, 5)


def test_check_budget_answers_plain_values():
    assert terms.check_budget(None) is None
    assert terms.check_budget({"amount": 25, "period": "day"}) == {"amount": 25.0, "period": "day"}


@pytest.mark.parametrize("amount", [0, -1, True, "25", None, 2e12, float("nan"), float("inf")])
def test_check_budget_refuses_amounts(amount):
    with pytest.raises(Invalid) as error:
        terms.check_budget({"amount": amount, "period": "day"})

    assert fields_of(error) == [("budget.amount", "min_value")]


def test_check_budget_names_every_wrong_field():
    with pytest.raises(Invalid) as error:
        terms.check_budget({"period": "week", "currency": "EUR"})

    assert fields_of(error) == [
        ("budget.amount", "min_value"),
        ("budget.period", "choice"),
        ("budget.currency", "unknown_field"),
    ]


@pytest.mark.parametrize(
    ("rate", "bound", "is_within"),
    [
        ("100/m", "100/m", True),
        ("101/m", "100/m", False),
        ("100/h", "100/m", True),
        ("1/s", "100/m", True),
        ("2/s", "100/m", False),
        ("1000/h", "100/m", False),  # fewer in an hour, but all of them in one minute
        ("1/40s", "2/m", True),
        ("2/40s", "2/m", False),
    ],
)
def test_is_rate_within(rate, bound, is_within):
    assert bounds.is_rate_within(parse_rate(rate), parse_rate(bound)) is is_within


@pytest.mark.parametrize(
    ("networks", "outer", "is_within"),
    [
        ([], ["10.0.0.0/8"], True),
        (["10.1.0.0/16"], ["10.0.0.0/8"], True),
        (["10.0.0.0/7"], ["10.0.0.0/8"], False),
        (["2001:db8::/48"], ["10.0.0.0/8", "2001:db8::/32"], True),
        (["10.1.0.0/16", "::/0"], ["0.0.0.0/0"], False),
    ],
)
def test_are_networks_within(networks, outer, is_within):
    found = bounds.are_networks_within(map(ip_network, networks), map(ip_network, outer))

    assert found is is_within


@pytest.mark.parametrize(
    ("text", "days"), [("90d", 90), ("2w", 14), ("24h", 1), ("1440m", 1), ("86400s", 1)]
)
def test_parse_duration(text, days):
    assert parse_duration(text) == timedelta(days=days)


@pytest.mark.parametrize(
    "text", ["", "90", "d", "0d", "-1d", "1.5d", "9 d", "٣d", "3651d", "99999999d"]
)
def test_parse_duration_refuses(text):
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@pytest.mark.parametrize("limits", [["100/m"], "100/m", 5, None])
def test_check_limits_takes_an_object_alone(limits):
    with pytest.raises(Invalid) as error:
        terms.check_limits(limits, CLASSES)

    assert fields_of(error) == [("limits", "type")]


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("2001:db8::1", "2001:db8::1/128"),
    ],
)
def test_check_addresses_means_ipv4_by_its_spelling_as_ipv6(text, network):
    assert terms.check_addresses([text]) == [network]


@pytest.mark.parametrize("budget", [["day"], "day", 5])
def test_check_budget_takes_an_object_alone(budget):
    with pytest.raises(Invalid) as error:
        terms.check_budget(budget)

    assert fields_of(error) == [("budget", "type")]


@pytest.mark.parametrize("amount", [10**400, float("inf"), float("nan"), -(10**400)])
def test_check_budget_refuses_what_is_no_amount(amount):
    with pytest.raises(Invalid) as error:
        terms.check_budget({"amount": amount, "period": "day"})

    assert fields_of(error) == [("budget.amount", "min_value")]


def test_check_role_reads_a_role_or_names_them():
    assert terms.check_role("service") is Role.SERVICE
    with pytest.raises(Invalid) as error:
        terms.check_role("root")

    assert error.value.message == "role: must be one of admin, user, viewer, service"


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        (datetime(2030, 1, 1, 12, tzinfo=UTC), datetime(2030, 1, 1, 12, tzinfo=UTC)),
        (datetime(2030, 1, 1, 12), datetime(2030, 1, 1, 12, tzinfo=UTC)),  # noqa: DTZ001 - the case
        (
            datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
            datetime(2030, 1, 1, 10, tzinfo=UTC),
        ),
        (None, None),
    ],
)
def test_check_expiry_is_kept_in_utc(moment, kept):
    checked = terms.check_expiry(moment, NOW)

    assert (checked, getattr(checked, "tzinfo", None)) == (kept, getattr(kept, "tzinfo", None))


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        (NOW, "past"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "overflow"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "overflow"),
    ],
)
def test_check_expiry_refuses(moment, why):
    with pytest.raises(Invalid) as error:
        terms.check_expiry(moment, NOW)

    assert fields_of(error) == [("expires_at", why)]
