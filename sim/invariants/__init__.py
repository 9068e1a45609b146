"""The invariants, and what holds a run to them without knowing how worlds are built."""
