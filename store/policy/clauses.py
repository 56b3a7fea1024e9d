"""The table as SQL: which rows of a table a subject may see, so that counting, ordering and paging meet only those.

Of a confidential agency's row that is marked ``outside`` everybody else sees that it exists, when it was delivered and
taken up, and nothing more: ``visible`` selects rows of which anything may be seen, ``wholly`` those seen in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    exists,
    false,
    literal,
    or_,
    select,
    true,
    union_all,
)

from protocol.names import Slug
from store.policy.subject import STATEMENTS, Subject, SubjectKind
from store.policy.table import TABLE, Action, Class, Condition, Kind
from store.policy.tables import shield
from store.tables import case_file, party, protocol_carried, protocol_version, task, voter

Hash = ColumnElement[str] | None
"""The column of the hash of the case's protocol, where a clause joins it."""
Clause = Callable[[FromClause, Subject, Hash], ColumnElement[bool]]


def _party(_rows: FromClause, subject: Subject, protocol_hash: Hash) -> ColumnElement[bool]:
    if subject.coordinates:
        return true()
    if protocol_hash is None:
        return false()
    return protocol_hash.in_(select(party.c.protocol_hash).where(party.c.agency == subject.agency))


def _voter(rows: FromClause, subject: Subject, protocol_hash: Hash) -> ColumnElement[bool]:
    if protocol_hash is None:
        return false()
    return exists().where(
        voter.c.protocol_hash == protocol_hash,
        voter.c.step == rows.c.step,
        voter.c.agency == subject.agency,
        voter.c.role.in_(subject.roles),
    )


def _unshielded(rows: FromClause, subject: Subject, _hash: Hash) -> ColumnElement[bool]:
    return rows.c.case_id.not_in(select(shield.c.case_id).where(shield.c.person_id == subject.person_id))


CLAUSES: Mapping[Condition, Clause] = {
    Condition.PERSON: lambda _rows, who, _hash: literal(who.kind is SubjectKind.PERSON),
    Condition.OWN: lambda rows, who, _hash: or_(rows.c.agency == who.agency, rows.c.owner == who.agency),
    Condition.OWNED: lambda rows, who, _hash: rows.c.owner == who.agency,
    Condition.PUBLIC: lambda rows, _who, _hash: rows.c.owner.is_(None),
    Condition.OUTSIDE: lambda rows, _who, _hash: rows.c.outside,
    Condition.PARTY: _party,
    Condition.TOLD: lambda rows, who, _hash: and_(rows.c.agency == who.agency, rows.c.role.in_(who.roles)),
    Condition.VOTER: _voter,
    Condition.UNSHIELDED: _unshielded,
}
"""The conditions that lists ask about; the others are decided on one object."""


def clause(  # noqa: PLR0913 - a row's key and what it is asked of
    action: Action,
    kind: Kind,
    of: Class,
    rows: FromClause,
    subject: Subject,
    protocol_hash: Hash = None,
    *,
    given: frozenset[Condition] = frozenset(),
) -> ColumnElement[bool]:
    """Rows of a table on which the subject may do this; ``given`` are conditions that hold of all rows asked about."""
    allowed = [frozenset(row.where) - given for row in TABLE if (row.action, row.kind, row.of) == (action, kind, of)]
    if not allowed:
        return false()
    everywhere = frozenset.intersection(*allowed)

    def all_of(conditions: frozenset[Condition]) -> ColumnElement[bool]:
        return and_(true(), *(CLAUSES[each](rows, subject, protocol_hash) for each in sorted(conditions)))

    rest = [each - everywhere for each in allowed]
    return and_(all_of(everywhere), or_(false(), *map(all_of, rest))) if all(rest) else all_of(everywhere)


def is_party(cases: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Cases of which the subject may know."""
    return clause(Action.READ, Kind.CASE, Class.NEUTRAL, cases, subject, cases.c.protocol_hash)


def visible(
    rows: FromClause,
    subject: Subject,
    protocol_hash: ColumnElement[str],
    *,
    given: frozenset[Condition] = frozenset(),
) -> ColumnElement[bool]:
    """Rows (facts, tasks) of which the subject may see anything at all; ``given``: what holds of all of them."""
    return clause(Action.READ, _kind(rows), Class.NEUTRAL, rows, subject, protocol_hash, given=given)


def party_everywhere(connection: Connection, subject: Subject) -> bool:
    """Whether the subject's agency is a party of every text that a case runs on: nothing is to be asked of each."""
    return subject.coordinates or connection.execute(_no_party(subject.agency)).first() is None


def held_everywhere(connection: Connection, subject: Subject) -> frozenset[Condition]:
    """What holds between the subject and every case there is, so that it need not be asked of each."""
    kept_out = connection.execute(_KEPT_OUT, {"of": subject.person_id}).first() is not None
    found = set() if kept_out else {Condition.UNSHIELDED}
    return frozenset(found | {Condition.PARTY} if party_everywhere(connection, subject) else found)


_KEPT_OUT = select(shield.c.case_id).where(shield.c.person_id == bindparam("of")).limit(1)


@lru_cache(maxsize=STATEMENTS)
def _no_party(agency: Slug) -> Select[tuple[str]]:
    """A text that some case runs on, and in which an agency has no part."""
    known = union_all(select(protocol_version.c.hash), select(protocol_carried.c.hash)).subquery()
    its = select(party.c.protocol_hash).where(party.c.agency == agency)
    run_on = exists().where(case_file.c.protocol_hash == known.c.hash)
    return select(known.c.hash).where(known.c.hash.not_in(its), run_on).limit(1)


def wholly(rows: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Of the visible rows (facts, tasks), those that the subject sees in full."""
    given = frozenset((Condition.PARTY, Condition.UNSHIELDED))
    return clause(Action.READ, _kind(rows), Class.ENGAGEMENT, rows, subject, given=given)


def seen_of_ones_own(rows: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Of the subject's own agency's rows (facts, tasks), those that it may see: no case is asked for its parties."""
    return clause(Action.READ, _kind(rows), Class.ENGAGEMENT, rows, subject)


def inside(tasks: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Tasks that the subject's own agency acts on."""
    return clause(Action.ACT, Kind.TASK, Class.ENGAGEMENT, tasks, subject)


def arranged_by(tasks: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Tasks of others that the subject may hand over and pause: a coordinator those that are nobody's secret."""
    if not subject.coordinates:
        return false()
    given = frozenset((Condition.COORDINATES,))
    return clause(Action.ARRANGE, Kind.TASK, Class.NEUTRAL, tasks, subject, given=given)


def votes_on(tasks: FromClause, subject: Subject, protocol_hash: ColumnElement[str]) -> ColumnElement[bool]:
    """Tasks that are no secret of another agency's, and on which a role of the subject has a vote."""
    return clause(Action.VOTE, Kind.TASK, Class.ENGAGEMENT, tasks, subject, protocol_hash)


def notice_visible(
    notices: FromClause, subject: Subject, protocol_hash: ColumnElement[str], *, everywhere: bool = False
) -> ColumnElement[bool]:
    """Notices the subject may see: its agency's own, public ones, those to its own role; ``everywhere``: as above."""
    given = frozenset((Condition.PARTY,)) if everywhere else frozenset[Condition]()
    return clause(Action.READ, Kind.NOTICE, Class.NEUTRAL, notices, subject, protocol_hash, given=given)


def only_if(condition: ColumnElement[bool], column: Column[Any]) -> ColumnElement[Any]:
    """The column where a condition holds, else NULL; keeps the column's name."""
    return case((condition, column), else_=None).label(column.name)


def _kind(rows: FromClause) -> Kind:
    """What the rows of a table, or of an alias of it, are."""
    return Kind.TASK if getattr(rows, "element", rows) is task else Kind.FACT
