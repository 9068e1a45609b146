"""The lock of the small node: a passphrase, and nothing behind it."""

from pathlib import Path

import trio

from mesh.config import Config
from mesh.daemon.running_settings import RunningSettings
from mesh.errors import UserError
from mesh.node.doctor.finding import Finding, Said
from mesh.node.login_start import LoginStart
from mesh.node.wiped_keys import copy_stays

PASSPHRASE = b"correct horse"


class SmallVault:
    """Locks and unlocks, and counts who says that a person is there."""

    def __init__(self, *, is_locked: bool) -> None:
        self.is_locked = is_locked
        self.passphrase = PASSPHRASE
        self.persons_count = 0
        self.is_wiped = False
        self.stays: list[str] = []
        """The files that a wipe cannot overwrite."""

    def person_came(self) -> None:
        self.persons_count += 1

    async def begin(self, passphrase: bytes | None) -> None:
        await trio.lowlevel.checkpoint()
        if passphrase is not None:
            self.passphrase = passphrase
            self.is_locked = False

    async def wipe(self, profile: str) -> None:
        await trio.lowlevel.checkpoint()
        if profile != "default":
            raise UserError("other-profile", "This is the profile default.", profile="default")
        self.is_wiped = True
        if self.stays:
            raise copy_stays(profile, self.stays)

    async def unlock(self, passphrase: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if passphrase != self.passphrase:
            raise UserError("wrong-passphrase", "This is not the passphrase of this profile.")
        self.is_locked = False

    async def lock(self) -> None:
        await trio.lowlevel.checkpoint()
        if not self.passphrase:
            raise UserError("no-passphrase", "This profile has no passphrase.")
        self.is_locked = True

    async def change_passphrase(self, former: bytes, new: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if former != self.passphrase:
            raise UserError("wrong-passphrase", "This is not the passphrase of this profile.")
        self.passphrase = new


def login_start_in(folder: Path) -> LoginStart:
    """Return the start at login of a home in a folder, on a system with systemd."""
    return LoginStart("default", {"HOME": str(folder)}, systemd=folder)


async def small_findings(said: Said) -> list[Finding]:
    """Look at nothing, and repeat what was said."""
    await trio.lowlevel.checkpoint()
    who = f"Somebody is at {said.address or 'the table'}." if said.is_somebody_here else ""
    return [Finding(check="clock", level="ok", found="It goes.", meaning=who)]


def small_settings(path: Path) -> RunningSettings:
    """The settings of a node whose file this is, and that takes over nothing."""

    async def take_over(config: Config) -> None:
        pass

    return RunningSettings(path, Config(), take_over, {})
