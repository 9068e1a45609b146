"""Makes a profile a relay, or refuses to: a person's profile stays theirs.

A relay's profile has a store and no vault. Its config says so from its first start on, so that it
comes back as a relay whoever starts it.
"""

from mesh.daemon.start_order import StartOrder
from mesh.errors import UserError, relay_refusal
from mesh.node.config_file import load_config, set_in_config, write_default_config
from mesh.node.folders import ProfileFolders


def require_nobody(folders: ProfileFolders) -> None:
    """Raise UserError `exists` if the profile is somebody's."""
    if folders.vault_key_file.exists() or folders.vault_file.exists():
        raise UserError(
            "exists",
            f"The profile {folders.name} belongs to a person, and a relay has none: take another "
            "one with `mesh up --relay --profile NAME`. If its config.toml says relay = true, "
            "remove that line to be a person's again.",
        )


def require_relay(folders: ProfileFolders, order: StartOrder) -> None:
    """Raise UserError if the profile is somebody's, or somebody wants to be a person in it."""
    require_nobody(folders)
    if order.name or order.passphrase is not None:
        raise relay_refusal()


def become_relay(folders: ProfileFolders) -> None:
    """Write into the config that this profile is a relay; nobody is a person in it."""
    write_default_config(folders.config_file)
    if not load_config(folders.config_file, {}).relay:
        set_in_config(folders.config_file, "relay", "true")
