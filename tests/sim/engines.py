"""Computers for one node, with modelled crypto."""

from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import is_signature_valid
from mesh.engine.settings import EngineSettings
from sim.hosts.driver_protocol import Injection
from sim.hosts.host import Host
from sim.hosts.host_factory import SIMULATED_MESH
from sim.hosts.modelled_kem import ModelledKem
from sim.kernel.entropy import Chance, SeededEntropy


def host_of(
    seed: int,
    *,
    entropy: Entropy | None = None,
    inject: Injection | None = None,
    observed: tuple[int, Chance] | None = None,
) -> Host:
    """An empty one; `observed` names the node and draws which of its lives have a double."""
    return Host(
        settings=EngineSettings(parameters=SIMULATED_MESH),
        entropy=SeededEntropy(seed, "node") if entropy is None else entropy,
        chance=Chance(seed, "minting"),
        kem=ModelledKem(),
        verify=is_signature_valid,
        inject=inject,
        observed=observed,
    )
