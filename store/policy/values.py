"""Who has to do with what an agency keeps of a case: the objects the table decides on, read from the database."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.origins import standing_in
from store.policy.deciding import Decision, Object, decide
from store.policy.subject import Subject
from store.policy.table import Action, Class, Kind
from store.policy.tables import shield
from store.tables import task, task_owner


def may_open(
    connection: Connection,
    subject: Subject,
    protocol: Protocol,
    case_id: OpaqueId,
    slot: Slug,
    broken_glass: frozenset[OpaqueId] = frozenset(),
) -> Decision:
    """Whether a subject may open a value of a case: people of its keeper who have or had a part in it, or lead.

    ``broken_glass``: who may for some hours (``store.releases.glass``).
    """
    known = protocol.slot.get(slot)
    it = kept_by(connection, protocol, case_id, Kind.VALUE, None if known is None else known.keeper)
    return decide(subject, Action.OPEN, replace(it, broken_glass=broken_glass), Class.VALUES)


def kept_by(connection: Connection, protocol: Protocol, case_id: OpaqueId, kind: Kind, keeper: Slug | None) -> Object:
    """What an agency keeps of a case, as far as the case says who has to do with it."""
    agency = protocol.agency.get(keeper or "")
    leads = () if agency is None else agency.leads
    owners = tuple(
        connection.execute(
            select(task_owner.c.role)
            .join(task, (task.c.case_id == task_owner.c.case_id) & (task.c.instance == task_owner.c.instance))
            .where(task_owner.c.case_id == case_id, task.c.agency == keeper)
            .distinct()
        ).scalars()
    )
    return Object(
        kind=kind,
        keeper=keeper,
        on_case=frozenset((*standing_in(protocol, owners), *leads)),
        leads=frozenset(leads),
        kept_out=kept_out(connection, case_id),
    )


def kept_out(connection: Connection, case_id: OpaqueId) -> frozenset[OpaqueId]:
    """The people a case is closed to."""
    return frozenset(connection.execute(select(shield.c.person_id).where(shield.c.case_id == case_id)).scalars())
