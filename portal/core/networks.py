"""A request's origin as stored: the network instead of the address, and the browser's name."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network

# One subscriber has at least this much: an IPv6 address changes within its /64 as often as its owner likes.
PREFIX = {4: 24, 6: 64}
LONGEST_BROWSER = 80

# The first match counts: a browser's user agent also names those that it descends from.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def network_of(address: str) -> str:
    """The network of an address, such as 192.0.2.0/24; other text is returned as it is, cut to 64 characters."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip_network(f"{ip}/{PREFIX[ip.version]}", strict=False))


def browser_of(user_agent: str) -> str:
    """The browser and its system, such as "Firefox, Windows"; a program's own name."""
    found = [next((name for sign, name in names if sign in user_agent), "") for names in (BROWSERS, SYSTEMS)]
    words = ", ".join(word for word in found if word) if "Mozilla/" in user_agent else ""
    return words or re.sub(r"[^ -~]", "", user_agent)[:LONGEST_BROWSER]


def subscriber_of(address: str) -> str:
    """The key of rate limits: an IPv4 address, or an IPv6 network, all of which has one owner."""
    network = network_of(address)
    return network if ":" in network else address
