"""One decision on one object already read: the table for what no list selects, and the twin of ``clauses``.

A decision costs about a microsecond (``python -m bench.policy``): a page of fifty cases with twenty fields takes one
millisecond of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from protocol.names import OpaqueId, Slug
from store.policy.subject import Subject, SubjectKind
from store.policy.table import TABLE, Action, Class, Condition, Kind, Row

COUNCIL: Slug = "council-member"
"""The role of those who sit on the council."""

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """What something is done to, as far as the table asks about it.

    ``agency``: whose task it is, or who was told; ``owner``: the confidential agency it belongs to alone; ``parties``:
    agencies with a step in the case's protocol; ``voters``, ``told``, ``on_case``: roles of the subject's agency that
    vote, were told, have or had a task in the case or lead; ``recipients``: people and agencies a release in force
    names; ``kept_out``: people the case is closed to; ``leads``: roles that lead the keeper; ``person``: who it is
    about or who asked for it; ``broken_glass``: people who may look for some hours, by a second person's yes.
    """

    kind: Kind
    agency: Slug | None = None
    owner: Slug | None = None
    outside: bool = False
    parties: frozenset[Slug] = NOBODY
    voters: frozenset[Slug] = NOBODY
    told: frozenset[Slug] = NOBODY
    keeper: Slug | None = None
    on_case: frozenset[Slug] = NOBODY
    recipients: frozenset[str] = NOBODY
    kept_out: frozenset[OpaqueId] = NOBODY
    leads: frozenset[Slug] = NOBODY
    person: OpaqueId | None = None
    broken_glass: frozenset[OpaqueId] = NOBODY


class Decision(NamedTuple):
    """Whether it is allowed, and on what ground; ``none`` where no row allows it."""

    allowed: bool
    ground: str


Judge = Callable[[Subject, Object], bool]
DENIED = Decision(allowed=False, ground="none")

HOLDS: Mapping[Condition, Judge] = {
    Condition.PERSON: lambda who, _: who.kind is SubjectKind.PERSON,
    Condition.OWN: lambda who, it: who.agency in (it.agency, it.owner),
    Condition.OWNED: lambda who, it: who.agency == it.owner,
    Condition.PUBLIC: lambda _, it: it.owner is None,
    Condition.OUTSIDE: lambda _, it: it.outside,
    Condition.PARTY: lambda who, it: who.coordinates or who.agency in it.parties,
    Condition.TOLD: lambda who, it: who.agency == it.agency and not it.told.isdisjoint(who.roles),
    Condition.VOTER: lambda who, it: not it.voters.isdisjoint(who.roles),
    Condition.KEEPER: lambda who, it: who.agency == it.keeper,
    Condition.ON_CASE: lambda who, it: not it.on_case.isdisjoint(who.roles),
    Condition.RECIPIENT: lambda who, it: who.person_id in it.recipients or who.agency in it.recipients,
    Condition.BROKEN_GLASS: lambda who, it: who.person_id in it.broken_glass,
    Condition.LEADS: lambda who, it: not it.leads.isdisjoint(who.roles),
    Condition.SELF: lambda who, it: who.person_id == it.person,
    Condition.OTHER: lambda who, it: it.person is not None and who.person_id != it.person,
    Condition.COORDINATES: lambda who, _: who.coordinates,
    Condition.COUNCIL: lambda who, _: COUNCIL in who.roles,
    Condition.UNSHIELDED: lambda who, it: who.person_id not in it.kept_out,
}

Compiled = tuple[tuple[tuple[Judge, ...], Decision], ...]


def compiled(rows: tuple[Row, ...]) -> dict[tuple[Action, Kind, Class], Compiled]:
    """A table as it is decided from: for an action on a kind, the judges of each row and what the row gives."""
    found: dict[tuple[Action, Kind, Class], Compiled] = {}
    for row in rows:
        key = (row.action, row.kind, row.of)
        judges = tuple(HOLDS[each] for each in row.where)
        found[key] = (*found.get(key, ()), (judges, Decision(allowed=True, ground=row.ground)))
    return found


COMPILED = compiled(TABLE)


def decide(
    subject: Subject,
    action: Action,
    it: Object,
    of: Class,
    table: Mapping[tuple[Action, Kind, Class], Compiled] = COMPILED,
) -> Decision:
    """Whether a subject may do this to an object; the first row that allows it is the ground."""
    for judges, decision in table.get((action, it.kind, of), ()):
        for judge in judges:
            if not judge(subject, it):
                break
        else:
            return decision
    return DENIED
