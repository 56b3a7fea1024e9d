"""Facts into the read model: one batch, one transaction, safe to run twice."""

from __future__ import annotations

from temporalio import activity

from activities.contracts import PROJECT, Projected, Projection
from protocol.kernel import Protocol
from store import projector, protocols
from store.session import Connection, Database


class Projector:
    """The projection activity of a worker, on its database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._protocols: dict[str, Protocol] = {}

    @activity.defn(name=PROJECT)
    def project(self, batch: Projection) -> Projected:
        """Write a case's next facts.

        Raises:
            HandoffError: the database is busy or away, or lacks the protocol; Temporal runs the batch again.
        """
        with self._database.write() as connection:
            seq = projector.project(
                connection,
                case_id=batch.case_id,
                protocol=self._protocol(connection, batch.protocol_hash),
                protocol_hash=batch.protocol_hash,
                facts=batch.facts,
            )
        return Projected(seq=seq)

    def _protocol(self, connection: Connection, hash_: str) -> Protocol:
        """A published protocol; it never changes, so it is read once."""
        found = self._protocols.get(hash_)
        if found is None:
            found = self._protocols[hash_] = protocols.by_hash(connection, hash_).protocol
        return found
