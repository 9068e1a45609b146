"""The cells of each table: what runs and their rows say, in the order of the columns."""

from typing import Final

import msgspec

from sim.exporting.columns import Cell
from sim.kernel.trace import NOBODY
from sim.recording.rows import AnyRow, ContactRow, MessageRow
from sim.sweeps.comparing import METRICS
from sim.sweeps.records import Record, run_name

MICROSECONDS: Final = 1_000_000

_METRICS: Final = {metric.name: metric for metric in METRICS}
"""The figures of a run are those of the page of a sweep."""


def cells_of_run(record: Record) -> list[Cell]:
    """Return the row of a run; who died has no figures."""
    report = record.report
    head: list[Cell] = [
        run_name(record),
        record.scenario,
        msgspec.json.encode(record.settings).decode(),
        record.seed,
        record.bug,
        "real" if record.is_crypto_real else "modelled",
        record.older,
        record.commit,
        record.verdict,
        " ".join(broken.id for broken in record.broken),
    ]
    if report is None:
        return [*head, *[None] * 10, record.cpu_seconds]
    p99_ms = _METRICS["latency p99, ms"].of(record) if report.latency else None
    return [
        *head,
        report.virtual_seconds,
        report.messages_written,
        report.messages_delivered,
        _METRICS["delivered share"].of(record) if report.messages_written else None,
        report.delivery_ratio,
        None if p99_ms is None else p99_ms / 1_000,
        report.copies_per_delivery,
        report.frames_sent,
        report.bytes_sent,
        report.events,
        record.cpu_seconds,
    ]


def cells_of(run: str, row: AnyRow) -> tuple[str, list[Cell]]:
    """Return the table that a row of a run stands in, and its cells there."""
    if isinstance(row, MessageRow):
        return "messages", _of_message(run, row)
    if isinstance(row, ContactRow):
        lasted_us = None if row.end_us is None else row.end_us - row.start_us
        times = [_seconds(row.start_us), _seconds(row.end_us), _seconds(lasted_us)]
        return "contacts", [run, row.one, row.other, *times]
    from_host = None if row.from_host == NOBODY else row.from_host
    return "transfers", [
        run,
        _seconds(row.at_us),
        row.envelope,
        row.size,
        from_host,
        row.to_host,
        row.is_first,
    ]


def _of_message(run: str, row: MessageRow) -> list[Cell]:
    took_us = None if row.delivered_us is None else row.delivered_us - row.created_us
    return [
        run,
        row.number,
        _seconds(row.created_us),
        row.size,
        row.from_host,
        row.to_host,
        _seconds(row.confirmed_us),
        _seconds(row.delivered_us),
        _seconds(took_us),
        _seconds(row.expired_us),
        row.phase,
        row.state,
        row.is_probe,
        row.is_withdrawn,
        row.is_read,
    ]


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / MICROSECONDS
