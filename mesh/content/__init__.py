"""The meaning of entries, by which people talk and decide: one file a kind, pure values.

An entry is decoded and judged here, and what is shown is folded from a set of them. Nothing here
stores, and no order of arrival, local clock or bound of a local table enters a result.
Specified in `docs/protocol/entries.md`.
"""
