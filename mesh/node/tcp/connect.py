"""Opening a stream to an address, and the short words for why it did not work."""

import errno
import ipaddress
import socket

import trio

from mesh.ids import Address
from mesh.limits.peering import DIAL_TIMEOUT_MS


class DialError(Exception):
    """The stream could not be opened; `str(error)` is two or three words."""


_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no network",
    errno.EADDRNOTAVAIL: "no such network",
    errno.EINVAL: "no such network",
    errno.ENODEV: "no such network",
    errno.ETIMEDOUT: "timed out",
    errno.EACCES: "not allowed",
    errno.EPERM: "not allowed",
}


async def dial(address: Address) -> trio.SocketStream:
    """Open a stream; raises DialError. A name is looked up and all its addresses are tried."""
    try:
        with trio.fail_after(DIAL_TIMEOUT_MS / 1_000):
            if _is_literal(address.host):
                return await _dial_literal(address)
            return await trio.open_tcp_stream(address.host, address.port)
    except trio.TooSlowError:
        raise DialError("timed out") from None
    except socket.gaierror:
        raise DialError("unknown name") from None
    except OSError as error:
        raise DialError(_word(error)) from None
    except (ValueError, OverflowError):
        # The resolver's own verdicts on a name that is none, or a port beyond 65535.
        raise DialError("not an address") from None


async def _dial_literal(address: Address) -> trio.SocketStream:
    is_ipv6 = ":" in address.host
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    connecting = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        if is_ipv6:
            await connecting.connect((address.host, address.port, 0, address.scope))
        else:
            await connecting.connect((address.host, address.port))
        return trio.SocketStream(connecting)
    except BaseException:
        connecting.close()
        raise


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _word(error: OSError) -> str:
    """A name with several addresses fails with the error of each; the first one is told."""
    cause = error.__cause__
    if error.errno is None and isinstance(cause, BaseExceptionGroup):
        for each in cause.exceptions:
            if isinstance(each, OSError):
                return _word(each)
    if error.errno is None and isinstance(cause, OSError):
        return _word(cause)
    return _WORDS.get(error.errno or 0) or errno.errorcode.get(error.errno or 0, "failed").lower()
