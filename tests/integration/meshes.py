"""The meshes in which the tests' nodes live."""

import secrets
from pathlib import Path

from mesh.wire.parameters import MeshParameters
from tests.integration.nodes import Node

SECRET = bytes(range(32, 64))
CLOSED = MeshParameters(name="tests", stamp_bits=0, key_quota=1_000_000, psk=SECRET)


def closed_config(folder: Path) -> str:
    """The settings of a closed mesh without stamps, its secret in a file of this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "secret"
    secret.write_text(SECRET.hex())
    return (
        f'mesh_name = "{CLOSED.name}"\n'
        f"stamp_bits = {CLOSED.stamp_bits}\n"
        f"key_quota = {CLOSED.key_quota}\n"
        f'mesh_secret_file = "{secret}"\n'
        'log_level = "debug"\n'
    )


def node_of(namespace: str, folder: Path, first_name: str, *, config: str) -> Node:
    """A node with these settings; its person's name occurs nowhere else."""
    # The home's name says nothing of the person, since commands hold it.
    home = folder / f"n{len(list(folder.glob('n*')))}"
    return Node(namespace, home, config=config, name=f"{first_name} {secrets.token_hex(6)}")
