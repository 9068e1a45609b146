"""The local HTTP API: routes, guard, stream of events."""
