"""`mesh chat`: one conversation on the screen of a terminal, with a line to type in.

`history` holds what is loaded, `room` asks the node and does what the person types (`words` reads
it), and `screen` draws both. The room runs in a thread of its own, so that a node that is slow, or
away, never stops anybody from typing.
"""
