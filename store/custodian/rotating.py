"""An agency's next key: what is sealed from now on goes to it, and what was sealed before is wrapped to it anew."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update

from protocol.errors import HandoffError
from protocol.names import Slug
from store import ids, vault
from store.custodian.port import Custodian, Place, Wrap
from store.edge_tables import vault_record
from store.session import Database

AT_ONCE = 200
"""Records in one call and one transaction."""
ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """The epoch in force, how many records were wrapped to it now, and how many are in all."""

    epoch: int
    moved: int
    records: int


def rotate(database: Database, custodian: Custodian, agency: Slug) -> Rotated:
    """Take an agency's next key into use; safe to run again after it was cut off, and while cases go on.

    Where the agency has a keyholder, the key it made there is taken into use. Older keys stay with the custodian: the
    audit's details are sealed to them for good.

    Raises:
        HandoffError: as ``port.Custodian`` says; batches done by then stay done, and all else opens as before.
    """
    card = custodian.describe(agency)
    if not _older(database, agency, card.epoch):
        try:
            card = custodian.rotate(agency)
        except HandoffError as error:
            if error.code != "ROTATE_THERE":
                raise
    vault.learn_card(database, card)
    moved = 0
    while batch := _older(database, agency, card.epoch):
        wraps = custodian.rewrap(agency, batch)
        with database.write() as connection:
            for (place, old), new in zip(batch, wraps, strict=True):
                same = (vault_record.c.id == place.record, vault_record.c.epoch == old.epoch)
                connection.execute(
                    update(vault_record).where(*same).values(epoch=new.epoch, suite=new.suite, wrapped=new.wrapped)
                )
        moved += len(batch)
    with database.read() as connection:
        mine = select(func.count()).where(vault_record.c.keeper == agency)
        records = connection.execute(mine).scalar_one()
    return Rotated(epoch=card.epoch, moved=moved, records=records)


def _older(database: Database, agency: Slug, epoch: int) -> list[tuple[Place, Wrap]]:
    with database.read() as connection:
        site, _ = ids.site_of(connection)
        rows = connection.execute(
            select(vault_record)
            .where(vault_record.c.keeper == agency, vault_record.c.epoch < epoch)
            .order_by(vault_record.c.id)
            .limit(AT_ONCE)
        ).all()
    return [
        (
            # A record's wrap is bound to the record; it holds the values of several fields.
            Place(site=site, case_id=row.case_id, owner=agency, record=row.id, ref=row.id, field=ANY, version=1),
            Wrap(epoch=row.epoch, suite=row.suite, wrapped=bytes(row.wrapped)),
        )
        for row in rows
    ]
