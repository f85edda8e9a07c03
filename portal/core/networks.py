"""Where a request comes from, as far as it is kept: the network instead of the address, the browser in words."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network

# One subscriber has at least this much: an IPv6 address changes within its /64 as often as its owner likes.
PREFIX = {4: 24, 6: 64}
LONGEST_BROWSER = 80

# The first that is found counts: each browser also names those that it descends from.
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
    """The network of an address, such as 192.0.2.0/24; what is no address stays what it is, cut to 64 characters."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip_network(f"{ip}/{PREFIX[ip.version]}", strict=False))


def browser_of(user_agent: str) -> str:
    """The browser and its system, such as "Firefox, Windows"; a program by the name that it gives itself."""
    found = [next((name for sign, name in names if sign in user_agent), "") for names in (BROWSERS, SYSTEMS)]
    words = ", ".join(word for word in found if word) if "Mozilla/" in user_agent else ""
    return words or re.sub(r"[^ -~]", "", user_agent)[:LONGEST_BROWSER]


def subscriber_of(address: str) -> str:
    """Whose requests are counted together: one IPv4 address, or an IPv6 network, whose owner has all of it."""
    network = network_of(address)
    return network if ":" in network else address
