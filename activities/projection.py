"""Facts into the read model: safe to run twice, and written together with whatever else waits to be written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from temporalio import activity

from activities.contracts import PROJECT, PULSE, Projected, Projection
from protocol.kernel import Protocol
from store import projector, protocols
from store.session import Connection, Database

WRITERS = 4
"""Transactions at once on PostgreSQL. SQLite takes one writer; others would only wait for its lock."""

TOGETHER = 32
"""Batches in one transaction at most: half the cost of a small batch is its commit."""


class Projector:
    """The projection activity of a worker, on its database.

    ``told`` is called when facts were written that somebody may have to hear of; None: nobody is told anything.
    """

    def __init__(self, database: Database, told: Callable[[], None] | None = None) -> None:
        self._database = database
        self._told = told
        self._free = 1 if database.sqlite else WRITERS
        self._threads = ThreadPoolExecutor(self._free, "projector")
        self._waiting: list[tuple[Projection, asyncio.Future[int]]] = []
        self._writers: set[asyncio.Task[None]] = set()
        self._protocols: dict[str, Protocol] = {}

    @activity.defn(name=PROJECT)
    async def project(self, batch: Projection) -> Projected:
        """Write a case's next facts, with a sign of life while the database lets it wait.

        Raises:
            HandoffError: the database is busy or away, or lacks the protocol; Temporal runs the batch again.
        """
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, written))
        if len(self._writers) < self._free:
            writer = asyncio.create_task(self._write_waiting())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        while True:
            done, _ = await asyncio.wait({written}, timeout=PULSE.total_seconds())
            if done:
                return Projected(seq=written.result())
            activity.heartbeat()

    async def _write_waiting(self) -> None:
        """Write until nothing waits; what comes while a transaction is under way goes into the next one."""
        while self._waiting:
            group, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            batches = [batch for batch, _ in group]
            results = await asyncio.get_running_loop().run_in_executor(self._threads, self._write_group, batches)
            if self._told is not None:
                self._told()
            for (_, written), result in zip(group, results, strict=True):
                if written.done():
                    continue
                if isinstance(result, Exception):
                    written.set_exception(result)
                else:
                    written.set_result(result)

    def _write_group(self, batches: list[Projection]) -> list[int | Exception]:
        """One transaction for all; if it fails, one for each, so that a batch answers for itself alone."""
        try:
            with self._database.write() as connection:
                found = [self._batch(connection, each) for each in batches]
                return [*projector.project(connection, found, notify=self._told is not None)]
        except Exception as error:  # noqa: BLE001 - handed on, to the one whose fault it is
            if len(batches) == 1:
                return [error]
        return [result for each in batches for result in self._write_group([each])]

    def _batch(self, connection: Connection, batch: Projection) -> projector.Batch:
        hash_ = batch.protocol_hash
        if hash_ not in self._protocols:
            self._protocols[hash_] = protocols.by_hash(connection, hash_).protocol
        return projector.Batch(batch.case_id, self._protocols[hash_], hash_, batch.facts)
