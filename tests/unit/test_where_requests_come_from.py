"""Networks instead of addresses, and browsers in words."""

from __future__ import annotations

import pytest

from portal.core.networks import browser_of, network_of, subscriber_of

CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
        ("x" * 500, "x" * 64),
    ],
)
def test_an_address_is_kept_as_its_network(address, network):
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (CHROME.format("X11; Linux x86_64"), "Chrome, Linux"),
        (CHROME.format("Windows NT 10.0; Win64; x64") + " Edg/140.0", "Edge, Windows"),
        (CHROME.format("Linux; Android 10; K"), "Chrome, Android"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:143.0) Gecko/20100101 Firefox/143.0",
            "Firefox, macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Mobile Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0", "Mozilla/5.0"),
        ("curl/8.14.1", "curl/8.14.1"),
        ("python-requests/2.32 on Linux", "python-requests/2.32 on Linux"),
        ("", ""),
        ("a\0b\u202e\n" + "x" * 500, "ab" + "x" * 78),
    ],
)
def test_a_browser_is_named_in_words(user_agent, words):
    assert browser_of(user_agent) == words


@pytest.mark.parametrize(
    ("address", "subscriber"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_requests_of_one_subscriber_are_counted_together(address, subscriber):
    assert subscriber_of(address) == subscriber
