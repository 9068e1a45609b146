"""A scenario as the TOML that it can be read from again; what has its default is left out."""

from typing import Final

import msgspec
import tomlkit

from sim.tables.scenario import Scenario

_KEPT: Final = ("schema", "name", "summary", "nodes", "kind")


def toml_of(scenario: Scenario) -> str:
    """The text of a scenario file."""
    tree = msgspec.to_builtins(scenario)
    assert isinstance(tree, dict)
    written = _without_nothing(tree)
    # Plain values must stand before the first table.
    ordered = {key: value for key, value in written.items() if not _is_table(value)}
    return tomlkit.dumps({**ordered, **written})


def _without_nothing(tree: dict[str, object]) -> dict[str, object]:
    """TOML has no null, and an empty table or list says nothing."""
    found: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            value = _without_nothing(value)
        elif isinstance(value, list):
            value = [_without_nothing(one) if isinstance(one, dict) else one for one in value]
        # An empty list of what is left means that nothing is left.
        if value is not None and value != {} and not (value == [] and key == "faults"):
            found[key] = value
    return found


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )
