"""Published protocol versions: texts and their compiled form, never changed once they are there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, insert, select

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.serial import dump_protocol, load_protocol, protocol_hash
from protocol.state import Instant
from store.session import add_new
from store.tables import protocol_carried, protocol_in_force, protocol_version

MOST_KEPT = 256
"""Texts that a process keeps, as values."""


def _in_force(*columns: ColumnElement[Any] | Table) -> Select[Any]:
    last = (
        select(protocol_in_force.c.slug, func.max(protocol_in_force.c.seq).label("seq"))
        .group_by(protocol_in_force.c.slug)
        .subquery()
    )
    at = protocol_in_force.join(
        last, (protocol_in_force.c.slug == last.c.slug) & (protocol_in_force.c.seq == last.c.seq)
    )
    pinned = at.join(
        protocol_version,
        (protocol_version.c.slug == protocol_in_force.c.slug)
        & (protocol_version.c.version == protocol_in_force.c.version),
    )
    return select(*columns).select_from(pinned).order_by(protocol_version.c.slug)


# Made once: every page asks, and making one costs more than asking.
_WHOLE = _in_force(protocol_version)
_NAMED = _in_force(protocol_version.c.slug, protocol_version.c.hash)

_kept: dict[str, Protocol] = {}
"""By hash. A text never changes once it is there, so what was read of it stays true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One published version. ``source`` is the text as the council wrote it, ``compiled`` what cases run on."""

    slug: Slug
    version: int
    hash: str
    source: str
    compiled: bytes
    published_at: Instant
    published_by: OpaqueId

    @property
    def protocol(self) -> Protocol:
        """The compiled protocol as a value; one per process and content."""
        return load_protocol(self.compiled)


def publish(  # noqa: PLR0913 - the parts of one version, by name
    connection: Connection,
    protocol: Protocol,
    source: str,
    *,
    published_at: Instant,
    published_by: OpaqueId,
    version: int | None = None,
    revision: int | None = None,
) -> Version:
    """Publish a protocol text and its compiled form.

    The same text again is the version it already is, whatever compiles from it today. ``version`` is the number the
    text claims for itself, if any; otherwise it gets the next one. It is in force from then on; ``revision`` is what
    the council decided, if a council did.

    Raises:
        HandoffError: ``VERSION_TAKEN`` when that number holds another text; ``TEXT_CHANGED`` when the text differs
            but compiles to a version already published; ``VERSION_SKIPPED`` when numbers before it are missing.
    """
    same = connection.execute(
        select(protocol_version)
        .where(protocol_version.c.slug == protocol.id, protocol_version.c.source == source)
        .order_by(protocol_version.c.version.desc())
        .limit(1)
    ).first()
    if same is not None and version in (None, same.version):
        return _again(connection, _version(same), published_at, revision)
    compiled = dump_protocol(protocol)
    found = Version(
        slug=protocol.id,
        version=_free_number(connection, protocol.id, version),
        hash=protocol_hash(compiled),
        source=source,
        compiled=compiled,
        published_at=published_at,
        published_by=published_by,
    )
    twin = connection.execute(select(protocol_version).where(protocol_version.c.hash == found.hash)).first()
    if twin is not None and twin.slug == protocol.id and revision is not None:
        return _again(connection, _version(twin), published_at, revision)
    if twin is not None:
        message = f"this text differs from version {twin.version} of {twin.slug} but says the same; nothing to publish"
        raise HandoffError("TEXT_CHANGED", message)
    connection.execute(
        insert(protocol_version).values(
            slug=found.slug,
            version=found.version,
            hash=found.hash,
            source=found.source,
            compiled=found.compiled,
            published_at=found.published_at,
            published_by=found.published_by,
        )
    )
    put_in_force(connection, found, published_at, revision)
    return found


def _again(connection: Connection, found: Version, at: Instant, revision: int | None) -> Version:
    """A version that is there already; a council's decision for it puts it in force once more."""
    if revision is not None and current(connection, found.slug) != found:
        put_in_force(connection, found, at, revision)
    return found


def current(connection: Connection, slug: Slug) -> Version:
    """The version of a protocol that is in force: what new cases run on.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL``.
    """
    row = connection.execute(_WHOLE.where(protocol_version.c.slug == slug)).first()
    if row is None:
        raise HandoffError("UNKNOWN_PROTOCOL", f"no protocol called {slug} has been published")
    return _version(row)


def in_force(connection: Connection) -> dict[Slug, Version]:
    """The version in force of every protocol."""
    return {row.slug: _version(row) for row in connection.execute(_WHOLE)}


def texts(connection: Connection) -> dict[Slug, Protocol]:
    """The text in force of every protocol, as a value: for pages, which ask often and want none of its bytes."""
    hashes = {row.slug: row.hash for row in connection.execute(_NAMED)}
    known = by_hashes(connection, set(hashes.values()))
    return {slug: known[hash_] for slug, hash_ in hashes.items()}


def site_zone(connection: Connection) -> str:
    """The zone of the first text in force, in which times of no one protocol are said; UTC before there is one."""
    return next((each.zone for each in texts(connection).values()), "UTC")


def put_in_force(connection: Connection, found: Version, since: Instant, revision: int | None = None) -> None:
    """Let new cases begin on a published version from now on, a later or an earlier one than before."""
    last = select(func.coalesce(func.max(protocol_in_force.c.seq), 0)).where(protocol_in_force.c.slug == found.slug)
    connection.execute(
        insert(protocol_in_force).values(
            slug=found.slug,
            seq=int(connection.execute(last).scalar_one()) + 1,
            version=found.version,
            since=since,
            revision=revision,
        )
    )


def in_force_since(connection: Connection, slug: Slug) -> Instant | None:
    """Since when the version in force has been that."""
    found = select(protocol_in_force.c.since).where(protocol_in_force.c.slug == slug)
    return connection.execute(found.order_by(protocol_in_force.c.seq.desc()).limit(1)).scalar_one_or_none()


def numbered(connection: Connection, slug: Slug, version: int | None) -> Version:
    """A published version by its number; without one, the one in force.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL``.
    """
    if version is None:
        return current(connection, slug)
    wanted = select(protocol_version).where(protocol_version.c.slug == slug, protocol_version.c.version == version)
    row = connection.execute(wanted).first()
    if row is None:
        raise HandoffError("UNKNOWN_PROTOCOL", f"no version {version} of {slug} has been published")
    return _version(row)


def decided_by(connection: Connection, slug: Slug) -> int | None:
    """The revision that put the version in force, if a council's did."""
    found = select(protocol_in_force.c.revision).where(protocol_in_force.c.slug == slug)
    return connection.execute(found.order_by(protocol_in_force.c.seq.desc()).limit(1)).scalar_one_or_none()


def by_hash(connection: Connection, hash_: str) -> Version:
    """The version that compiles to this hash: what a case is pinned to, older terms that it carries included.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL``.
    """
    row = connection.execute(select(protocol_version).where(protocol_version.c.hash == hash_)).first()
    if row is not None:
        return _version(row)
    carried = connection.execute(select(protocol_carried).where(protocol_carried.c.hash == hash_)).first()
    if carried is None:
        raise HandoffError("UNKNOWN_PROTOCOL", f"no published protocol has the hash {hash_[:12]}")
    return replace(by_hash(connection, carried.base), hash=hash_, compiled=bytes(carried.compiled))


def by_hashes(connection: Connection, hashes: Collection[str]) -> dict[str, Protocol]:
    """What cases are pinned to, by hash: each is read once by a process, however many cases there are.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL``.
    """
    if len(_kept) > MOST_KEPT:
        _kept.clear()
    found = {}
    for each in hashes:
        found[each] = _kept.get(each) or by_hash(connection, each).protocol
    _kept.update(found)
    return found


def carry(connection: Connection, data: bytes) -> str:
    """Keep a text as cases carry it, beside the published one it stands for; its hash.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL`` when what it stands for is not published.
    """
    hash_, base = protocol_hash(data), load_protocol(data).base
    if base is not None:
        by_hash(connection, base)
        add_new(connection, protocol_carried, [{"hash": hash_, "base": base, "compiled": data}])
    return hash_


def versions(connection: Connection, slug: Slug | None = None) -> tuple[Version, ...]:
    """Every published version, or those of one protocol, newest first within each."""
    wanted = select(protocol_version).order_by(protocol_version.c.slug, protocol_version.c.version.desc())
    if slug is not None:
        wanted = wanted.where(protocol_version.c.slug == slug)
    return tuple(_version(row) for row in connection.execute(wanted))


def _free_number(connection: Connection, slug: Slug, wanted: int | None) -> int:
    newest = connection.execute(
        select(func.coalesce(func.max(protocol_version.c.version), 0)).where(protocol_version.c.slug == slug)
    ).scalar_one()
    if wanted is None or wanted == newest + 1:
        return int(newest) + 1
    if wanted <= newest:
        raise HandoffError("VERSION_TAKEN", f"version {wanted} of {slug} is published; a changed text needs a new one")
    raise HandoffError("VERSION_SKIPPED", f"the next version of {slug} is {newest + 1}, not {wanted}")


def _version(row: Row[tuple[object, ...]]) -> Version:
    return Version(
        slug=row.slug,
        version=row.version,
        hash=row.hash,
        source=row.source,
        compiled=bytes(row.compiled),
        published_at=row.published_at,
        published_by=row.published_by,
    )
