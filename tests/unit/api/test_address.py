"""Whose requests count together: addresses with and without proxies."""

import pytest
from pytest_django.fixtures import Settings

from tasks.api.transport.address import UNKNOWN, address

PROXY = ("10.0.0.1", 4711)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        pytest.param(("192.0.2.1", 4711), "192.0.2.1", id="IPv4"),
        pytest.param(["192.0.2.1", 4711], "192.0.2.1", id="a list, as daphne has it"),
        pytest.param(("::ffff:192.0.2.1", 4711), "192.0.2.1", id="IPv4 on an IPv6 socket"),
        pytest.param(("2001:db8:1:2:3:4:5:6", 4711), "2001:db8:1:2::/64", id="IPv6: the network"),
        pytest.param(("fe80::1%eth0", 4711), "fe80::/64", id="IPv6 with a zone"),
        pytest.param(("", 0), UNKNOWN, id="a Unix socket"),
        pytest.param(None, UNKNOWN, id="none"),
    ],
)
def test_without_proxies_the_peer_is_the_client(client: object, expected: str, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 0

    assert address({"client": client, "headers": [(b"x-forwarded-for", b"203.0.113.9")]}) == expected


@pytest.mark.parametrize(
    ("proxies", "headers", "expected"),
    [
        pytest.param(1, [b"198.51.100.7"], "198.51.100.7", id="one proxy"),
        pytest.param(1, [b"203.0.113.9, 198.51.100.7"], "198.51.100.7", id="what the client wrote is not believed"),
        pytest.param(2, [b"203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7", id="two proxies"),
        pytest.param(2, [b"203.0.113.9", b"198.51.100.7,10.0.0.2"], "198.51.100.7", id="in several headers"),
        pytest.param(3, [b"198.51.100.7"], "198.51.100.7", id="fewer entries than proxies"),
        pytest.param(1, [b"198.51.100.7:4711"], "198.51.100.7", id="with a port"),
        pytest.param(1, [b"[2001:db8:1:2:3::6]:4711"], "2001:db8:1:2::/64", id="IPv6 with a port"),
        pytest.param(1, [b"2001:db8:1:2:3::6"], "2001:db8:1:2::/64", id="IPv6"),
        pytest.param(1, [b"203.0.113.9, \xff<script>"], UNKNOWN, id="no address at all"),
        pytest.param(1, [], "10.0.0.1", id="no header: the peer came straight"),
    ],
)
def test_trusted_proxies_tell_the_client(proxies: int, headers: list[bytes], expected: str, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = proxies

    assert address({"client": PROXY, "headers": [(b"x-forwarded-for", value) for value in headers]}) == expected
