"""`[versions]`: how many nodes speak as another version of the protocol, or run another release."""

from sim.schema.fault_tables import Share, Strict


class VersionShares(Strict, frozen=True, kw_only=True):
    """Shares of all nodes; the others are of this version."""

    older: Share = 0
    later: Share = 0
    released: Share = 0
    """Of those whose engines are of the release that the run is given."""
