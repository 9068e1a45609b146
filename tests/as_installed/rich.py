"""Stands before Rich in the path of nodes: tools bring it, and an installed Mesh has none.

structlog loads it wherever it is, which is an eighth of a node's start.
"""

raise ImportError("an installed Mesh has no Rich")
