"""Computers for one node, with modelled crypto."""

from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import is_signature_valid
from mesh.engine.door import EngineSettings
from sim.hosts.driver_protocol import Plant
from sim.hosts.host import Laptop
from sim.hosts.host_factory import SIMULATED_MESH
from sim.hosts.modelled_kem import ModelledKem
from sim.kernel.entropy import Chance, SeededEntropy


def laptop_of(
    seed: int,
    *,
    entropy: Entropy | None = None,
    plant: Plant | None = None,
    watched: tuple[int, Chance] | None = None,
) -> Laptop:
    """An empty one; `watched` names the node and draws which of its lives have a twin."""
    return Laptop(
        settings=EngineSettings(parameters=SIMULATED_MESH),
        entropy=SeededEntropy(seed, "node") if entropy is None else entropy,
        chance=Chance(seed, "minting"),
        kem=ModelledKem(),
        verify=is_signature_valid,
        plant=plant,
        watched=watched,
    )
