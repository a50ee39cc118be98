"""Decides which IP addresses are public, so that a URL from outside can't reach an internal host.

An IPv6 address that contains an IPv4 address is judged by the latter, regardless of the prefix.
https://www.iana.org/assignments/iana-ipv4-special-registry/
https://www.iana.org/assignments/iana-ipv6-special-registry/
"""

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CLOSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "100.64.0.0/10",  # behind a provider's NAT; 100.100.100.200 is the metadata service of Alibaba Cloud
            "192.0.0.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "168.63.129.16/32",  # https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
            "100::/64",
            "2001:2::/48",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "64:ff9b:1::/48",
        ),
    )
)
_GLOBAL = ipaddress.ip_network("2000::/3")
# IPv6 addresses that lead to the IPv4 address in them, and the number of bits after that one.
_CARRIERS = (
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64, https://www.rfc-editor.org/rfc/rfc6052
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4, https://www.rfc-editor.org/rfc/rfc3056
    (ipaddress.ip_network("::ffff:0:0/96"), 0),
    (ipaddress.ip_network("::/96"), 0),
)
_TEREDO = ipaddress.ip_network("2001::/32")


def is_public(address: Address) -> bool:
    """Returns whether an address is public: not private, loopback, link-local, shared, reserved or multicast."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = list(_carried(address))
        if carried:
            return all(map(is_public, carried))
        if address not in _GLOBAL or address in _TEREDO:
            return False
    return address.is_global and not address.is_multicast and not any(address in closed for closed in _CLOSED)


def _carried(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    for network, behind in _CARRIERS:
        if address in network:
            yield ipaddress.IPv4Address((int(address) >> behind) & 0xFFFF_FFFF)
