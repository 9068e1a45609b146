"""Nodes that do not keep the protocol: they pass the handshake, and then do as they like."""
