"""Addresses as people type them: HOST:PORT or [IPv6]:PORT, an interface index after `%`."""

from mesh.errors import UserError
from mesh.ids import Address

_PORT_MAX = 65_535
_HOST_CHARACTERS_MAX = 253


def parse_address(text: str) -> Address:
    """The address in `text`; UserError `bad-address` if it is none."""
    host, colon, port_text = text.strip().rpartition(":")
    is_number = port_text.isascii() and port_text.isdigit() and len(port_text) <= 5
    if not colon or not is_number or not 0 < int(port_text) <= _PORT_MAX:
        raise _bad(text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _bad(text)
    host, percent, scope_text = host.partition("%")
    if percent and not (scope_text.isascii() and scope_text.isdigit()):
        raise _bad(text)
    if not host or len(host) > _HOST_CHARACTERS_MAX or any(char.isspace() for char in host):
        raise _bad(text)
    return Address(host, int(port_text), int(scope_text) if percent else 0)


def _bad(text: str) -> UserError:
    return UserError(
        "bad-address",
        f"{text[:80]!r} is not an address; write HOST:PORT, such as 192.168.1.20:41730"
        " or [fe80::1%3]:41730.",
    )
