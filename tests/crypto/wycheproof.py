"""Reading of Wycheproof's files: hex in, bytes out, one type of case for each file."""

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Case = TypeVar("Case")

VECTORS = Path(__file__).parents[1] / "vectors"


class PublicKey(msgspec.Struct, frozen=True):
    """A group's public key in hex, as the Ed25519 file has it."""

    pk: str = ""


class Group(msgspec.Struct, Generic[Case], rename="camel"):
    """Cases that share a key, where the file has one for a group."""

    tests: list[Case]
    public_key: PublicKey = PublicKey()


class File(msgspec.Struct, Generic[Case], rename="camel"):
    """One file: `number_of_tests` says how many cases its groups must hold."""

    number_of_tests: int
    test_groups: list[Group[Case]]


class KemCase(msgspec.Struct):
    """A case of the ML-KEM file: `K` and `ek` may be missing where the case is invalid."""

    seed: str
    c: str
    result: str
    comment: str = ""
    ek: str = ""
    K: str = ""


def decoded_file(name: str, file_type: type[File[Case]]) -> File[Case]:
    """The file of this name; none of its cases may get lost in the reading."""
    raw = (VECTORS / "wycheproof" / name).read_bytes()
    file = msgspec.json.decode(raw, type=file_type)
    assert sum(len(group.tests) for group in file.test_groups) == file.number_of_tests
    return file


def kem_cases() -> list[KemCase]:
    """All 193 cases of ML-KEM-768."""
    file = decoded_file("mlkem_768_test.json", File[KemCase])
    return [case for group in file.test_groups for case in group.tests]
