"""The lab: it repeats the literature and models a million nodes.

The simulator proper does not import it.
"""
