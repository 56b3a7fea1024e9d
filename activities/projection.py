"""Facts into the read model: one batch, one transaction, safe to run twice."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from temporalio import activity

from activities.contracts import PROJECT, PULSE, Projected, Projection
from protocol.kernel import Protocol
from store import projector, protocols
from store.session import Connection, Database


class Projector:
    """The projection activity of a worker, on its database.

    Args:
        database: where facts are written.
        threads: where the writing is done; one thread for SQLite, which takes one writer at a time.
    """

    def __init__(self, database: Database, threads: Executor) -> None:
        self._database = database
        self._threads = threads
        self._protocols: dict[str, Protocol] = {}

    @activity.defn(name=PROJECT)
    async def project(self, batch: Projection) -> Projected:
        """Write a case's next facts, with a sign of life while the database lets it wait.

        Raises:
            HandoffError: the database is busy or away, or lacks the protocol; Temporal runs the batch again.
        """
        writing = asyncio.get_running_loop().run_in_executor(self._threads, self._write, batch)
        while True:
            done, _ = await asyncio.wait({writing}, timeout=PULSE.total_seconds())
            if done:
                return Projected(seq=writing.result())
            activity.heartbeat()

    def _write(self, batch: Projection) -> int:
        with self._database.write() as connection:
            return projector.project(
                connection,
                case_id=batch.case_id,
                protocol=self._protocol(connection, batch.protocol_hash),
                protocol_hash=batch.protocol_hash,
                facts=batch.facts,
            )

    def _protocol(self, connection: Connection, hash_: str) -> Protocol:
        """A published protocol; it never changes, so it is read once."""
        found = self._protocols.get(hash_)
        if found is None:
            found = self._protocols[hash_] = protocols.by_hash(connection, hash_).protocol
        return found
