"""A scenario as the TOML that it can be read from again; what has its default is left out."""

import msgspec
import tomlkit

from sim.schema.scenario import Scenario


def toml_of(scenario: Scenario) -> str:
    """The text of a scenario file."""
    written = _table_of(scenario)
    # Plain values must stand before the first table.
    ordered = {key: value for key, value in written.items() if not _is_table(value)}
    return tomlkit.dumps({**ordered, **written})


def _table_of(struct: msgspec.Struct) -> dict[str, object]:
    found: dict[str, object] = {}
    config = struct.__struct_config__
    if config.tag_field is not None:
        found[config.tag_field] = config.tag
    for field in msgspec.structs.fields(struct):
        value: object = getattr(struct, field.name)
        # How many there are is what a reader looks for first.
        if value != field.default or (field.name == "nodes" and isinstance(struct, Scenario)):
            found[field.encode_name] = _written(value)
    return found


def _written(value: object) -> object:
    """TOML has no null; where one could stand, it is the default and left out."""
    match value:
        case msgspec.Struct():
            return _table_of(value)
        case tuple():
            return [_written(one) for one in value]
        case _:
            return value


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )
