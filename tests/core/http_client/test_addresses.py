"""What we call on somebody else's word, and what we do not, however it is spelled."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.http_client.addresses import is_public, read_allowed, read_target
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", True),
        ("93.184.216.34", True),
        ("2606:4700:4700::1111", True),
        ("0.0.0.0", False),  # noqa: S104 - judged, not bound
        ("0.1.2.3", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),  # a cloud's metadata
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("172.31.255.255", False),
        ("172.32.0.1", True),
        ("192.0.0.192", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("239.255.255.255", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::808:808", False),
        ("2002:7f00:1::", False),
        ("2002:a9fe:a9fe::1", False),
        ("2002:808:808::1", True),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo
        ("2001:db8::1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),  # a cloud's metadata
        ("fe80::1", False),
        ("fe80::1%1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2606:4700:4700::1111%1", False),
        ("100::1", False),
        ("4000::1", False),
    ],
)
def test_is_public(text: str, expected: bool) -> None:
    assert is_public(ip_address(text)) is expected


@given(st.ip_addresses(v=4))
def test_whatever_python_calls_private_is_not_public(address: object) -> None:
    judged = is_public(address)  # type: ignore[arg-type]  # hypothesis says object

    assert not (judged and not address.is_global)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://00000177.0.0.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[0:0:0:0:0:ffff:7f00:1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.x]/",
        "http://localhost/",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://evil.localhost/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://169.254.169.254/latest/meta-data",
        "http://a@127.0.0.1/",
        "http://example.com@127.0.0.1/",
        "http://user:pass@example.com/",
        "http://@example.com/",
        "http://example.com:@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com\\.evil/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://ⓔxample.com/",
        "http://exämple.com/",
        "http://example.com%2e/",
        "http://exam%70le.com/",
        "http://exa mple.com/",
        "http://example.com\t/",
        "http://example.com\n/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:٨٠/",
        "http:///path",
        "http://",
        "http:example.com",
        "//example.com/",
        "example.com",
        "",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:11211/",
        "javascript:alert(1)",
        "unix:///run/docker.sock",
        "http://-example.com/",
        "http://example..com/",
        f"http://{'a' * 64}.com/",
        f"http://example.com/{'a' * 2000}",
    ],
)
def test_judge_url_refuses(url: str) -> None:
    with pytest.raises(Forbidden):
        judge_url(url, NOBODY)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com/hook", "example.com", 443),
        ("http://Example.COM:8080/hook?a=b%20c#d", "example.com", 8080),
        ("https://xn--exmple-cua.com/", "xn--exmple-cua.com", 443),
        ("http://8.8.8.8/", "8.8.8.8", 80),
        ("https://[2606:4700:4700::1111]:8443/", "2606:4700:4700::1111", 8443),
        ("https://my_host.example.com", "my_host.example.com", 443),
    ],
)
def test_judge_url_takes(url: str, host: str, port: int) -> None:
    target = judge_url(url, NOBODY)

    assert (target.host, target.port) == (host, port)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9000/", True),
        ("http://127.0.0.1:9001/", False),
        ("http://127.0.0.1/", False),
        ("http://localhost:9000/", False),
        ("http://receiver.internal:8443/", True),
        ("http://receiver.internal:8444/", False),
        ("http://other.receiver.internal:8443/", False),
        ("http://[::1]:9000/", True),
        ("http://[::ffff:127.0.0.1]:9000/", False),
        ("http://2130706433:9000/", False),
    ],
)
def test_the_operator_allows_exactly_a_host_and_port(url: str, expected: bool) -> None:
    allowed = read_allowed(["127.0.0.1:9000", "Receiver.internal:8443", "[::1]:9000"])

    try:
        judge_url(url, allowed)
    except Forbidden:
        assert not expected
    else:
        assert expected


@given(st.text(max_size=60))
def test_read_target_answers_or_forbids(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/", f"http://[{text}]/"):
        try:
            target = read_target(url)
        except Forbidden:
            continue
        assert 0 < target.port < 65536
