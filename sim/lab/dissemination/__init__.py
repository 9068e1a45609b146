"""The spread of new mail over a fixed graph: our machine beside flooding and gossipsub.

Only the machine runs (`mesh.replication.replicator`), without stores, sessions and handshakes, so
that ten thousand nodes fit and rivals can be put in its place under the same network.
"""
