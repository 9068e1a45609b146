"""`[versions]`: how many nodes speak as an older or a later version of the protocol."""

from sim.schema.fault_tables import Share, Strict


class VersionShares(Strict, frozen=True, kw_only=True):
    """Shares of all nodes; the others are of this version."""

    older: Share = 0
    later: Share = 0
