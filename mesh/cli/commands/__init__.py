"""The commands of `mesh`, one module a group."""
