"""The keys by which this program knows releases: `release-keys.json` beside this file."""

from importlib import resources
from pathlib import Path

from mesh.bundles.manifest import ReleaseKeys, decode_keys
from mesh.errors import PeerError, UserError
from mesh.limits.bundles import KEYS_FILE_BYTES_MAX
from mesh.node.plain_files import opened_plainly

KEYS_FILE = "release-keys.json"


def own_keys() -> ReleaseKeys:
    """Return the keys that came with this program; it may have none yet."""
    return decode_keys(resources.files("mesh.bundles").joinpath(KEYS_FILE).read_bytes())


def keys_of_file(path: Path) -> ReleaseKeys:
    """Return the keys that a person names; UserError if the file holds none."""
    with opened_plainly(path) as (file, _):
        data = file.read(KEYS_FILE_BYTES_MAX + 1)
    try:
        if len(data) > KEYS_FILE_BYTES_MAX:
            raise PeerError("it is too large")
        return decode_keys(data)
    except PeerError as error:
        raise UserError("bad-keys", f"{path} holds no keys of releases: {error}.") from None
