"""Two texts rehearsed on an export's incidents, each text in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import SpecError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.rehearsal import DAYS
from protocol.rehearsal.comparing import Comparison, compare
from protocol.rehearsal.habits import Habits
from protocol.rehearsal.playing import Arrival, play
from protocol.rehearsal.tally import Tally
from protocol.rehearsal.variants import turned, variants
from protocol.state import Instant
from runtime import incidents
from runtime.incidents import Incident, Reader, header_of
from runtime.mapping import Sheet, judge
from runtime.records import opened, records


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is rehearsed: both texts (old, new), the people, which chance, how long each case is followed."""

    protocols: tuple[Protocol, Protocol]
    habits: Habits
    seed: int = 1
    days: int = DAYS

    @property
    def was(self) -> dict[Slug, Slug]:
        """The new text's renamed steps by their older names."""
        known = self.protocols[1].renamed.items()
        return {name.removeprefix("step:"): old for name, old in known if name.startswith("step:")}


def arrivals(
    file: Path, sheet: Sheet, protocols: Sequence[Protocol], now: Instant
) -> tuple[tuple[Arrival, ...], incidents.Tally]:
    """The cases that an export's rows would have opened, each at its own instant; only mapped columns are read.

    Raises:
        SpecError: the mapping does not fit the export or one of the texts.
        HandoffError: the export cannot be read.
    """
    mapping = sheet.mapping.model_copy(update={"backlog": None})
    with opened(file) as (stream, _):
        rows = records(stream, mapping.delimiter)
        header = header_of(rows)
        findings = [finding for each in protocols for finding in judge(sheet, each, header)]
        if findings:
            raise SpecError(tuple(findings))
        reader = Reader(mapping=mapping, protocol=protocols[0], header=header, now=now)
        found = tuple(_arrival(sheet, each) for each in reader.read(rows) if isinstance(each, Incident))
    reader.tally.opened = len(found)
    return found, reader.tally


def _arrival(sheet: Sheet, each: Incident) -> Arrival:
    mapping = sheet.mapping
    return Arrival(
        at=each.occurred_at,
        event=mapping.event,
        source=mapping.source,
        fields=dict(each.data),
        refs=tuple(each.vault),
    )


def rehearse(order: Order, found: Sequence[Arrival], pool: ProcessPoolExecutor | None = None) -> Comparison:
    """Play both texts at once and put them side by side, in processes that may have been begun before."""
    if pool is not None:
        return _compared(pool, order, found)
    with processes() as own:
        return _compared(own, order, found)


def unsettled(
    order: Order, found: Sequence[Arrival], pool: ProcessPoolExecutor
) -> tuple[tuple[str, tuple[Slug, ...]], ...]:
    """For each way the assumptions may be wrong: the steps that would then move the other way."""
    results = []
    for each in variants(order.habits, found, order.seed):
        varied = Order(protocols=order.protocols, habits=each.habits, seed=order.seed, days=order.days)
        results.append((each.says, _compared(pool, varied, each.arrivals)))
    (_, as_assumed), *others = results
    return tuple((says, turned(as_assumed, other)) for says, other in others)


def processes() -> ProcessPoolExecutor:
    """A process for each text. They begin at once, and load what they need while the arrivals are read."""
    # Spawned, for a fork of a process with threads may hang.
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=gc.disable)
    for _ in range(2):
        pool.submit(_begun)
    return pool


def _begun() -> None:
    """Nothing: what comes with this module is loaded by then."""


def _compared(pool: ProcessPoolExecutor, order: Order, found: Sequence[Arrival]) -> Comparison:
    # Frozen values are freed by counting references alone, so the collector would only cost time.
    names: tuple[dict[Slug, Slug], dict[Slug, Slug]] = ({}, order.was)
    playing = [
        pool.submit(_play, protocol, order.habits, tuple(found), order.seed, order.days, was)
        for protocol, was in zip(order.protocols, names, strict=True)
    ]
    old, new = (each.result() for each in playing)
    return compare(old, new, order.protocols, order.habits, seed=order.seed, days=order.days)


def _play(
    protocol: Protocol, habits: Habits, found: tuple[Arrival, ...], seed: int, days: int, was: dict[Slug, Slug]
) -> Tally:
    return play(protocol, habits, found, seed, days=days, was=was)
