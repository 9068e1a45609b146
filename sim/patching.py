"""Another function in the place of one while a world runs: for observers, and for planted bugs."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patch:
    """Another function in the place of one of a module, a class or an object."""

    owner: object
    name: str
    other: object

    def of_one(self) -> None:
        """Put it in the place of a method of this object alone, for as long as that lives."""
        vars(self.owner)[self.name] = self.other


@contextlib.contextmanager
def patched(*patches: Patch) -> Iterator[None]:
    """While inside, these functions stand in the places of others."""
    former = [getattr(patch.owner, patch.name) for patch in patches]
    for patch in patches:
        setattr(patch.owner, patch.name, patch.other)
    try:
        yield
    finally:
        for patch, one in zip(patches, former, strict=True):
            setattr(patch.owner, patch.name, one)
