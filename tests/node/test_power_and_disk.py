"""The machine can spare what the system tells."""

from collections import namedtuple
from pathlib import Path

import psutil
import pytest
import trio

from mesh.inputs import DiskMeasured, PowerChanged
from mesh.limits.node import DISK_CHANGE_BYTES_MIN
from mesh.node.input_queue import InputQueue
from mesh.node.power_and_disk import PowerAndDisk, find_free_bytes, is_battery_low

Battery = namedtuple("Battery", ["percent", "secsleft", "power_plugged"])


@pytest.mark.parametrize(
    "battery, is_low",
    [
        (None, False),
        (Battery(5, 600, power_plugged=False), True),
        (Battery(5, 600, power_plugged=True), False),
        (Battery(5, 600, power_plugged=None), False),
        (Battery(20, 600, power_plugged=False), False),
    ],
)
def test_a_battery_is_low_that_is_nearly_empty_and_not_charging(
    monkeypatch: pytest.MonkeyPatch, battery: Battery | None, is_low: bool
) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert is_battery_low(20) is is_low
    assert not is_battery_low(0)


def test_a_system_that_tells_nothing_of_a_battery_has_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise FileNotFoundError

    monkeypatch.setattr(psutil, "sensors_battery", refuse, raising=False)
    assert not is_battery_low(100)
    monkeypatch.delattr(psutil, "sensors_battery")
    assert not is_battery_low(100)


def test_the_free_disk_is_that_of_the_folder(tmp_path: Path) -> None:
    free_bytes = find_free_bytes(tmp_path)
    assert free_bytes is not None
    assert free_bytes > 0
    assert find_free_bytes(tmp_path / "nothing here") is None


async def test_the_engine_is_told_at_first_and_of_changes_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    input_queue = InputQueue()
    power_and_disk = PowerAndDisk(input_queue, disk=tmp_path, battery_low_percent=20)
    monkeypatch.setattr(
        psutil, "sensors_battery", lambda: Battery(9, 600, power_plugged=False), raising=False
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(power_and_disk.run)
        # `wait` returns at once while anything is there, and would let nothing else run.
        while len(input_queue) < 2:  # noqa: ASYNC110 (the queue has no event for a second item)
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    told = input_queue.take()
    assert PowerChanged(is_low=True) in told
    [free_bytes] = [one.free_bytes for one in told if isinstance(one, DiskMeasured)]
    power_and_disk._tell_power(is_low=True)
    power_and_disk._tell_disk(free_bytes + DISK_CHANGE_BYTES_MIN - 1)
    assert input_queue.take() == []
    power_and_disk._tell_power(is_low=False)
    power_and_disk._tell_disk(free_bytes - DISK_CHANGE_BYTES_MIN)
    assert input_queue.take() == [
        PowerChanged(is_low=False),
        DiskMeasured(free_bytes - DISK_CHANGE_BYTES_MIN),
    ]


@pytest.mark.parametrize(
    "before, after, is_told",
    [(8 << 20, 7 << 20, False), (8 << 20, 6 << 20, True), (0, 4096, True), (4096, 4096, False)],
)
def test_of_a_disk_that_is_nearly_full_a_quarter_is_told(
    before: int, after: int, *, is_told: bool
) -> None:
    input_queue = InputQueue()
    power_and_disk = PowerAndDisk(input_queue, disk=Path(), battery_low_percent=20)
    power_and_disk._tell_disk(before)
    power_and_disk._tell_disk(after)
    told = [DiskMeasured(before), DiskMeasured(after)] if is_told else [DiskMeasured(before)]
    assert input_queue.take() == told
