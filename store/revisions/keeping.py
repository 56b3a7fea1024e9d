"""Keeps revisions: a draft is written until it is submitted, acts are added, and the rest is worked out from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, func, insert, select, update

from protocol.council.acts import Act, bundle_hash
from protocol.council.allowed import must
from protocol.council.rules import Rules, read_rules
from protocol.council.standing import Standing, standing
from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.policy import Subject, unknown
from store.revisions.tables import council_rules, revision, revision_act

ACT: TypeAdapter[Act] = TypeAdapter(Act)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a revision would put in force. ``base``: the hash of the text it is held against; ``run``: its migration."""

    number: int
    slug: Slug
    base: OpaqueId
    text: str
    plan: str | None
    aims: str
    emergency: bool
    effective_at: Instant | None
    sponsor: Slug
    by: OpaqueId
    touched_at: Instant
    run: OpaqueId | None = None

    @property
    def bundle(self) -> str:
        """What votes on it are bound to."""
        return bundle_hash(base=self.base, text=self.text, plan=self.plan, aims=self.aims, emergency=self.emergency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A draft, what was done with it, and where it stands."""

    draft: Draft
    acts: tuple[Act, ...]
    standing: Standing


def found_council(connection: Connection, text: str, at: Instant, who: Subject) -> Rules:
    """Give an installation its council, once: from then on texts come into force by its decision alone.

    Raises:
        SpecError: the rules are not written as rules.
        HandoffError: ``COUNCIL_FOUNDED`` when there is one.
    """
    read = read_rules(text)
    if rules(connection) is not None:
        raise HandoffError("COUNCIL_FOUNDED", "this installation has a council; its rules were given when it began")
    connection.execute(insert(council_rules).values(number=1, text=text, at=at, by=who.person_id))
    return read


def rules(connection: Connection) -> Rules | None:
    """The council's rules; None where no council was founded and a coordinator publishes alone."""
    text = connection.execute(
        select(council_rules.c.text).order_by(council_rules.c.number.desc()).limit(1)
    ).scalar_one_or_none()
    return None if text is None else read_rules(text)


def the_rules(connection: Connection) -> Rules:
    """The council's rules.

    Raises:
        HandoffError: ``NO_COUNCIL``.
    """
    found = rules(connection)
    if found is None:
        raise HandoffError("NO_COUNCIL", "no council was founded here: handoff revision found RULES")
    return found


def begin(connection: Connection, draft: Draft, at: Instant) -> Draft:
    """Keep a new draft under the next number."""
    newest = connection.execute(select(func.coalesce(func.max(revision.c.number), 0))).scalar_one()
    made = replace(draft, number=int(newest) + 1, touched_at=at)
    connection.execute(insert(revision).values(begun_at=at, **_row(made)))
    return made


def write_anew(connection: Connection, draft: Draft, at: Instant) -> Draft:
    """Replace a draft's text, plan and aims. What was voted on the one before counts no longer once it is submitted."""
    made = replace(draft, touched_at=at)
    connection.execute(update(revision).where(revision.c.number == draft.number).values(**_row(made)))
    return made


def add(connection: Connection, number: int, act: Act, roles: tuple[Slug, ...]) -> Revision:
    """Add an act, if it may be done now; the revision as it stands then.

    Raises:
        HandoffError: as ``protocol.council.allowed.must``; ``NOT_FOUND``.
    """
    _hold(connection, number)
    before = one(connection, number, act.at)
    must(the_rules(connection), before.standing, act, roles)
    _append(connection, number, len(before.acts), act)
    return one(connection, number, act.at)


def record(connection: Connection, number: int, act: Act) -> None:
    """Add what the installation itself did: published, held, reverted."""
    _append(connection, number, len(acts_of(connection, number)), act)


def ordered(connection: Connection, number: int, run: OpaqueId) -> None:
    """Keep which migration a revision ordered."""
    connection.execute(update(revision).where(revision.c.number == number).values(run=run))


def one(connection: Connection, number: int, now: Instant) -> Revision:
    """A revision.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    row = connection.execute(select(revision).where(revision.c.number == number)).first()
    if row is None:
        raise unknown("revision")
    return _whole(connection, the_rules(connection), _draft(row), now)


def every(connection: Connection, now: Instant, slug: Slug | None = None) -> tuple[Revision, ...]:
    """All of them, or those of one protocol, newest first; none where no council was founded."""
    found = rules(connection)
    if found is None:
        return ()
    wanted = select(revision).order_by(revision.c.number.desc())
    if slug is not None:
        wanted = wanted.where(revision.c.slug == slug)
    return tuple(_whole(connection, found, _draft(row), now) for row in connection.execute(wanted).all())


def acts_of(connection: Connection, number: int) -> tuple[Act, ...]:
    """What was done with a revision, in order."""
    bodies = connection.execute(
        select(revision_act.c.body).where(revision_act.c.revision == number).order_by(revision_act.c.seq)
    ).scalars()
    return tuple(ACT.validate_json(each) for each in bodies)


def _whole(connection: Connection, found: Rules, draft: Draft, now: Instant) -> Revision:
    acts: Sequence[Act] = acts_of(connection, draft.number)
    return Revision(
        draft=draft,
        acts=tuple(acts),
        standing=standing(found, draft.sponsor, draft.bundle, acts, draft.touched_at, now),
    )


def _hold(connection: Connection, number: int) -> None:
    """Let nobody else add to this revision until the transaction ends."""
    connection.execute(update(revision).where(revision.c.number == number).values(number=number))


def _append(connection: Connection, number: int, seq: int, act: Act) -> None:
    body = ACT.dump_json(act, exclude_defaults=True).decode()
    connection.execute(insert(revision_act).values(revision=number, seq=seq, at=act.at, body=body))


def _row(draft: Draft) -> dict[str, object]:
    names = (
        "number", "slug", "base", "text", "plan", "aims", "emergency", "effective_at", "sponsor", "by", "touched_at",
        "run",
    )  # fmt: skip
    return {each: getattr(draft, each) for each in names}


def _draft(row: Row[tuple[object, ...]]) -> Draft:
    return Draft(
        number=row.number,
        slug=row.slug,
        base=row.base,
        text=row.text,
        plan=row.plan,
        aims=row.aims,
        emergency=row.emergency,
        effective_at=row.effective_at,
        sponsor=row.sponsor,
        by=row.by,
        touched_at=row.touched_at,
        run=row.run,
    )
