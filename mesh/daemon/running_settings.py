"""The settings of a daemon that runs: told, changed, and taken over at once wherever that can be.

The file is read anew whenever somebody asks, so what a person wrote into it by hand is told too. A
change writes the file, and then the node goes by all that it can take over; the rest waits for the
next start, and says so. The environment of this process wins, as at the start.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import trio

from mesh.commands.settings import ChangeSettings, SettingsAnswer
from mesh.config import Config
from mesh.inputs import SettingsChanged, Shares
from mesh.limits.cover import COVER_INTERVALS_MS
from mesh.node.config_file import change_settings, find_settings, load_config
from mesh.settings import SETTINGS, in_force


def engine_settings(config: Config) -> SettingsChanged:
    """Return what of the settings concerns the engine and may change."""
    opened_delay_ms = config.opened_delay_seconds * 1000
    return SettingsChanged(
        stored_bytes_max=config.stored_bytes_max,
        carried_days=config.carried_days,
        shares=Shares(
            own=config.own_share_percent,
            contacts=config.contacts_share_percent,
            friends=config.friends_share_percent,
            strangers=config.strangers_share_percent,
        ),
        metered_interfaces=config.metered_names,
        retire_delay_ms=(opened_delay_ms // 10, opened_delay_ms),
        relay_delay_ms_max=config.relay_delay_seconds * 1000,
        cover_interval_ms=COVER_INTERVALS_MS[config.cover],
    )


class RunningSettings:
    """Answers for one daemon; `take_over` makes it go by what changed."""

    def __init__(
        self,
        path: Path,
        config: Config,
        take_over: Callable[[Config], Awaitable[None]],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._path = path
        self._running = config
        self._take_over = take_over
        self._environment = environment
        self._turn = trio.Lock()

    async def ask(self) -> SettingsAnswer:
        """Return all settings. Raises UserError if the file is broken."""
        return self._answer(SETTINGS)

    async def change(self, asked: ChangeSettings) -> SettingsAnswer:
        """Change some and return those. Raises UserError, and then nothing has changed."""
        with trio.CancelScope(shield=True):
            async with self._turn:
                change_settings(self._path, asked.values, self._environment)
                wanted = in_force(self._running, load_config(self._path, self._environment))
                await self._take_over(wanted)
                self._running = wanted
        return self._answer(asked.values)

    def _answer(self, names: Mapping[str, object]) -> SettingsAnswer:
        found = find_settings(
            self._path, names, running=self._running, environment=self._environment
        )
        return SettingsAnswer(settings=found)
