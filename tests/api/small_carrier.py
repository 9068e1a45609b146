"""A relay in memory: a whole engine that nobody dials, for the tests of carry files."""

import trio

from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.effects import Reply
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.errors import UserError
from mesh.ids import Instant, Monotonic, RequestId
from mesh.inputs import CarryAsked
from mesh.storage.connection import connect
from mesh.storage.migrations import migrate_store
from mesh.wire.parameters import MeshParameters
from tests.entropy import SeededEntropy

NOW_S = 1_800_000_000
"""Later than the release: a clock before it is no witness."""
SMALL_MESH = MeshParameters(name="small", stamp_bits=0, key_quota=1_000_000)


class SmallCarrier:
    """Answers what the streams of files ask."""

    def __init__(self) -> None:
        store = connect(None, None)
        migrate_store(store)
        self.now = Instant(Monotonic(0), NOW_S * 1_000_000)
        self._requests_count = 0
        self._engine = Engine(
            settings=EngineSettings(parameters=SMALL_MESH, is_relay=True),
            store=store,
            entropy=SeededEntropy(1),
            kem=PycaKem(),
            verify=is_signature_valid,
            now=self.now,
        )

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Answer at once, as an engine does where no stamp has to be checked."""
        await trio.lowlevel.checkpoint()
        self._requests_count += 1
        asked = CarryAsked(RequestId(self._requests_count), command)
        replies = [
            effect.answer
            for effect in self._engine.handle([asked], self.now)
            if isinstance(effect, Reply)
        ]
        (answer,) = replies
        if isinstance(answer, UserError):
            raise answer
        return answer
