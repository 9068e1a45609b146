"""Answers what a page asks of the process itself, and not of the engine."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
import trio

from mesh.api.page_requests import (
    AskDoctor,
    AskProfiles,
    DrawQr,
    EstimatePassphrase,
    FindingAnswer,
    FindingsAnswer,
    ProfileEntry,
    ProfilesAnswer,
    QrAnswer,
    StrengthAnswer,
    qr_of,
)
from mesh.api.service_requests import AskService, ServiceAnswer, SetService
from mesh.api.sharing import Sharing
from mesh.errors import UserError
from mesh.limits.passphrase import PASSPHRASE_KNOWN_WORDS_MAX, STRENGTH_TIMEOUT_MS
from mesh.node.doctor.finding import Finding, Said
from mesh.node.login_start import LoginStart
from mesh.node.profile_lock import is_held
from mesh.node.profiles import all_profiles
from mesh.program import command_of

Examine: TypeAlias = Callable[[Said], Awaitable[list[Finding]]]
"""Looks at everything, for some seconds."""

STRENGTH_PROGRAM: Final = (*command_of("mesh.node.strength"),)


class PageDesk:
    """One thing of each kind is done at a time: they cost seconds of a core."""

    def __init__(self, examine: Examine, login_start: LoginStart, sharing: Sharing) -> None:
        self.sharing = sharing
        self._examine = examine
        self._login_start = login_start
        self._examining = trio.Lock()
        self._estimating = trio.Lock()

    def draw(self, asked: DrawQr) -> QrAnswer:
        """Draw a QR code: some milliseconds."""
        return qr_of(asked.text)

    async def estimate(self, asked: EstimatePassphrase) -> StrengthAnswer:
        """Estimate a passphrase in a process of its own, which takes what it knew with it."""
        if len(asked.known) > PASSPHRASE_KNOWN_WORDS_MAX:
            raise UserError("bad-request", f"At most {PASSPHRASE_KNOWN_WORDS_MAX} known words.")
        question = msgspec.json.encode([asked.passphrase, asked.known])
        async with self._estimating:
            with trio.move_on_after(STRENGTH_TIMEOUT_MS / 1_000):
                done = await trio.run_process(
                    STRENGTH_PROGRAM, stdin=question, capture_stdout=True, check=False
                )
                if done.returncode == 0:
                    return msgspec.json.decode(done.stdout, type=StrengthAnswer)
        raise UserError("busy", "The estimate was not made; try again in a moment.")

    async def start_at_login(self, asked: AskService | SetService) -> ServiceAnswer:
        """Say whether the node starts at login, after that was changed if it is to be."""
        start = self._login_start
        if isinstance(asked, SetService):
            await trio.to_thread.run_sync(start.install if asked.is_installed else start.remove)
        return ServiceAnswer(is_installed=start.is_installed, how=start.how)

    async def profiles(self, _: AskProfiles) -> ProfilesAnswer:
        """Return the profiles of this computer."""
        return await trio.to_thread.run_sync(self._profiles)

    def _profiles(self) -> ProfilesAnswer:
        own = self._login_start.profile
        return ProfilesAnswer(
            profiles=[
                ProfileEntry(
                    name=each.name,
                    is_this=each.name == own,
                    is_running=each.name == own or is_held(each.lock_file),
                )
                for each in all_profiles(self._login_start.environment)
            ]
        )

    async def examine(self, asked: AskDoctor) -> FindingsAnswer:
        """Look at everything that a node needs."""
        if self._examining.locked():
            raise UserError("busy", "The doctor is looking already: wait until it has found all.")
        async with self._examining:
            findings = await self._examine(Said(asked.somebody_here, asked.address))
        return FindingsAnswer(
            findings=[FindingAnswer(**msgspec.structs.asdict(each)) for each in findings]
        )
