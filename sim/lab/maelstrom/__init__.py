"""Our machine of spreading as a node of Maelstrom, and the broadcast workload that it is held to.

Maelstrom (Kingsbury, github.com/jepsen-io/maelstrom) is the test bed of the Gossip Glomers
challenges: nodes are processes that speak JSON, a line a message, over a network that it simulates.
"""
