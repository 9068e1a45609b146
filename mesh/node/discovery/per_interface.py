"""Multicast DNS that says on each interface only the addresses that we have there.

Implements `docs/protocol/discovery.md`, section "Multicast DNS". The library answers on all
interfaces with all addresses. A VPN gives out one address for months, which would tell on every
network whose laptop this is; so our own address records are taken out of what leaves by another
interface.
"""

from ipaddress import ip_address, ip_network

from zeroconf import Zeroconf

# What is sent, and by what: the library lets one replace how, and exports no types for it.
from zeroconf._dns import DNSAddress, DNSRecord
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf._transport import _WrappedTransport

from mesh.node.interfaces import Interfaces

_PORT = 5353


class PerInterface(Zeroconf):
    """The library's responder. It is in the event loop's thread, as all of it is."""

    def __init__(self, interfaces: Interfaces) -> None:
        """Raises OSError, RuntimeError or the library's errors if an interface has gone away."""
        self._own = interfaces
        self.own_servers: dict[str, None] = {}
        """The names, in lower case, of which we tell addresses."""
        # IPv4 is bound by address, IPv6 by interface.
        bindings = dict.fromkeys(each.index if each.is_ipv6 else each.host for each in interfaces)
        super().__init__(interfaces=list(bindings))

    def async_send(
        self,
        out: DNSOutgoing,
        addr: str | None = None,
        port: int = _PORT,
        v6_flow_scope: tuple[()] | tuple[int, int] = (),
        transport: _WrappedTransport | None = None,
    ) -> None:
        """Send it by each interface as it is to be told there, or by the one that was asked."""
        if self.done:
            return
        for sender in self.engine.senders if transport is None else [transport]:
            index = self._index(sender, addr, v6_flow_scope)
            there = self._told_there(out, index)
            if there.questions or there.answers or there.authorities:
                super().async_send(there, addr, port, v6_flow_scope, sender)

    def _told_there(self, out: DNSOutgoing, index: int | None) -> DNSOutgoing:
        hosts = {ip_address(each.host).packed for each in self._own if each.index == index}

        def is_told(record: DNSRecord) -> bool:
            if not isinstance(record, DNSAddress) or record.key not in self.own_servers:
                return True
            return record.address in hosts

        there = DNSOutgoing(out.flags, out.multicast, out.id)
        there.questions = out.questions
        there.authorities = out.authorities
        there.answers = [each for each in out.answers if is_told(each[0])]
        there.additionals = [each for each in out.additionals if is_told(each)]
        return there

    def _index(
        self,
        sender: _WrappedTransport,
        asker: str | None,
        flow_scope: tuple[()] | tuple[int, int],
    ) -> int | None:
        """Return by which interface it goes; None if nobody can say."""
        if sender.multicast_index:
            return sender.multicast_index
        for each in self._own:
            if each.host == sender.sock_name[0] and not each.is_ipv6:
                return each.index
        if flow_scope and flow_scope[1]:
            return flow_scope[1]
        # A socket for all of them heard who asks: they are answered as on the network they are on.
        return None if asker is None else self._index_near(asker)

    def _index_near(self, host: str) -> int | None:
        address = ip_address(host.partition("%")[0])
        near = address.ipv4_mapped if address.version == 6 and address.ipv4_mapped else address
        for each in self._own:
            if near in ip_network((each.host, each.prefix_bits), strict=False):
                return each.index
        return None
