"""Puts an adopted revision in force, and takes one back: one transaction each, the same whenever it is asked again.

Proven anew in it: that this bundle was adopted, that its time has come, that the text it was held against is still in
force. Version, what is in force, the migration run and the act are written together or not at all (council.md
section 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from protocol.council.acts import Act, Kind
from protocol.council.standing import State
from protocol.kernel import Protocol
from protocol.names import OpaqueId
from protocol.state import Instant
from store import protocols
from store.migrating import runs
from store.migrating.runs import Run
from store.protocols import Version
from store.revisions import keeping
from store.revisions.keeping import Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What is published: the compiled text; the run that its plan orders and its cases, where it has a plan."""

    protocol: Protocol
    run: Run | None = None
    chance: Sequence[OpaqueId] = ()


def due(connection: Connection, now: Instant) -> tuple[Revision, ...]:
    """The revisions that are to be published or taken back now."""
    return tuple(each for each in keeping.every(connection, now) if _due(each, now))


def _due(found: Revision, now: Instant) -> bool:
    standing = found.standing
    return standing.state is State.REVERTING or (standing.state is State.ADOPTED and now >= (standing.until or 0))


def publish(connection: Connection, number: int, bundle: str, ready: Ready, now: Instant) -> Version | None:
    """Put a revision in force; None when there was nothing to do, or when it is held because its base has gone."""
    found = keeping.one(connection, number, now)
    if not _due(found, now) or found.standing.state is not State.ADOPTED or found.draft.bundle != bundle:
        return None
    draft = found.draft
    if protocols.current(connection, draft.slug).hash != draft.base:
        hold(connection, found, "not-on-base", now)
        return None
    version = protocols.publish(
        connection, ready.protocol, draft.text, published_at=now, published_by=draft.by, revision=number
    )
    if ready.run is not None:
        runs.order(connection, ready.run, ready.chance)
        keeping.ordered(connection, number, ready.run.id)
    keeping.record(connection, number, _act(Kind.PUBLISHED, found, now))
    return version


def hold(connection: Connection, found: Revision, why: str, now: Instant) -> None:
    """Keep an adopted revision from being published, and say why: its sponsor writes it anew."""
    keeping.record(connection, found.draft.number, _act(Kind.HELD, found, now, why))


def take_back(connection: Connection, number: int, now: Instant) -> Version | None:
    """Put the text before a revision in force again, and let the cases that followed it go back.

    None when there is nothing to do, or when a later text is in force: that one is the council's word.
    """
    found = keeping.one(connection, number, now)
    if found.standing.state is not State.REVERTING:
        return None
    draft = found.draft
    version = protocols.by_hash(connection, draft.base)
    if protocols.decided_by(connection, draft.slug) == number:
        protocols.put_in_force(connection, version, now, number)
    if draft.run is not None and runs.one(connection, draft.run).stage not in {runs.Stage.BACK, runs.Stage.TAKEN_BACK}:
        runs.take_back(connection, draft.run)
    keeping.record(connection, number, _act(Kind.REVERTED, found, now))
    return version


def _act(kind: Kind, found: Revision, now: Instant, says: str = "") -> Act:
    draft = found.draft
    return Act(kind=kind, at=now, by=draft.by, agency=draft.sponsor, bundle=draft.bundle, says=says)
