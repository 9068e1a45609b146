"""The identity of this profile, its keys, and checks of others' keys."""

from dataclasses import dataclass, field

from mesh.commands.identity import IdentityAnswer
from mesh.crypto.agreement import x25519
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.errors import UserError
from mesh.ids import UnixSeconds
from mesh.messenger.names import checked_name
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys
from mesh.storage.vault.vault import NAME_CHOSEN_MARK, Vault
from mesh.wire.bundle import Bundle


@dataclass(slots=True)
class Identity:
    """Our name, which may change, and our keys, which do not."""

    name: str
    keys: IdentityKeys = field(repr=False)
    is_name_chosen: bool = False
    """Our person chose the name since groups are told it."""


def find_identity(vault: Vault) -> Identity | None:
    """The identity of the vault; None before the first run."""
    row = vault.find_identity()
    if row is None:
        return None
    is_chosen = bool(vault.mark(NAME_CHOSEN_MARK))
    return Identity(row.name, IdentityKeys.from_seed(row.seed), is_name_chosen=is_chosen)


def create_identity(vault: Vault, name: str, entropy: Entropy, made: UnixSeconds) -> Identity:
    """Make the one identity of a vault."""
    if vault.find_identity() is not None:
        raise UserError("exists", "This profile has an identity already; see: mesh id")
    checked = checked_name(name, "The name")
    seed = entropy.draw(SEED_BYTES)
    vault.add_identity(seed=seed, name=checked, created=made)
    return Identity(checked, IdentityKeys.from_seed(seed))


def identity_answer(identity: Identity) -> IdentityAnswer:
    """Return what is told of us."""
    return IdentityAnswer(name=identity.name, key=identity.keys.verify_key.hex())


def check_bundle(bundle: Bundle, identity: Identity, *, entropy: Entropy, kem: Kem) -> None:
    """Try the keys of a bundle before it is kept; PeerError if nothing can be sealed to them."""
    x25519(identity.keys.identity_private, bundle.identity_key)
    x25519(identity.keys.identity_private, bundle.prekey)
    kem.encapsulate(bundle.kem_key, entropy)
