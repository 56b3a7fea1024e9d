"""Reply codes: one notice, one registered number, two answers. A reply can take a duty or pass it on, nothing else.

So a reply that somebody forged from a number they do not hold does no more than a colleague could, and the clock of the
duty runs on: taking is not doing (law 3).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, select

from protocol.names import OpaqueId
from protocol.state import Instant
from store.edge_tables import person
from store.notices import errands, reach, resolving
from store.notices.errands import DUTY, Errand, Kind
from store.notices.tables import reach as reach_table

FIRST, LAST = 100, 998
"""Codes are pairs: an even number takes, the next passes on."""


class Wish(StrEnum):
    """What a reply asks for."""

    TAKE = "take"
    PASS = "pass"  # noqa: S105 - a word of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to an errand: whose, what they wish, and the task it is about while it can still be had.

    ``taken_by``: who has it already.
    """

    errand: Errand
    person: OpaqueId
    wish: Wish
    task_id: str | None
    taken_by: OpaqueId | None = None


def free_code(connection: Connection, phone: str, found: Errand, now: Instant) -> int:
    """An even number that no other notice to this telephone has; the telephone is locked until the transaction ends."""
    holders = connection.execute(
        select(reach_table.c.person_id).where(reach_table.c.phone == phone).with_for_update()
    ).scalars()
    sharing = set(holders.all())
    used = {
        contact.code
        for each in _live(connection, sharing, now)
        if each.id != found.id
        for contact in each.contacts
        if contact.person in sharing
    }
    pairs = (LAST - FIRST) // 2 + 1
    start = int.from_bytes(hashlib.sha256(found.id.encode()).digest()[:4]) % pairs
    turns = (FIRST + 2 * ((start + each) % pairs) for each in range(pairs))
    return next((code for code in turns if code not in used), FIRST + 2 * start)


def read(connection: Connection, phone: str, said: str, now: Instant, *, about: str | None = None) -> Reply | None:
    """What somebody answered, by text or (with the id of the call's message) by a key; None if it is no known code.

    Args:
        connection: one that may read.
        phone: the number it came from.
        said: the text, or the key that was pressed.
        now: the present instant.
        about: the id of the message that is answered, as a call's gateway knows it.
    """
    holders = set(reach.with_phone(connection, phone))
    number = "".join(each for each in said.strip()[:20] if each.isascii() and each.isdigit())
    if not holders or not number or len(number) > 3:
        return None
    value = int(number)
    found: list[tuple[Errand, OpaqueId, Wish]] = []
    for each in _live(connection, holders, now):
        for contact in each.contacts:
            if contact.person not in holders or contact.code is None:
                continue
            pressed = about is not None and about.startswith(f"{each.id}-") and value in {1, 2}
            if pressed or value - contact.code in {0, 1}:
                wish = Wish.TAKE if value == (1 if pressed else contact.code) else Wish.PASS
                found.append((each, contact.person, wish))
    if not found:
        return None
    # What still waits before what is over, the newest first.
    chosen, whose, wish = max(found, key=lambda each: (each[0].over_at is None, each[0].since))
    standing = resolving.standing(connection, chosen)
    open_ = standing is not None and standing.over is None and chosen.over_at is None
    taken = standing is not None and standing.over == "taken"
    return Reply(
        errand=chosen,
        person=whose,
        wish=wish,
        task_id=standing.task_id if open_ and standing is not None else None,
        taken_by=standing.by if taken and standing is not None else None,
    )


def answer(connection: Connection, found: Reply, kind: Kind, now: Instant) -> None:
    """Have whoever answered told what came of it."""
    about = found.errand
    made = errands.new(about.agency, kind, now, case_id=about.case_id, person=found.person)
    said = replace(made, owner=about.owner, outside=about.outside, instance=about.instance)
    errands.add(connection, [(said, errands.protocol_of(connection, about.case_id))])


def passed(connection: Connection, errand_id: OpaqueId, person_id: OpaqueId, now: Instant) -> None:
    """Somebody passed a duty on: the next person is told at once. Its clock and its owner stay as they are."""
    found = errands.one(connection, errand_id)
    if found is None or found.over_at is not None or found.kind not in DUTY:
        return
    told = tuple(dict.fromkeys((*found.passed, person_id)))
    errands.put_back(connection, replace(found, passed=told, next_at=now))


def reported(connection: Connection, message: str, phone: str | None, *, delivered: bool, now: Instant) -> bool:
    """What a gateway says became of a message: it arrived, or its number reaches nobody. Receipt is another matter.

    Gives whether the message is known.
    """
    found = errands.one(connection, message.partition("-")[0])
    if found is None:
        return False
    for each in found.contacts:
        known = reach.of(connection, [each.person]).get(each.person)
        if known is None or known.phone is None or (phone is not None and known.phone != phone):
            continue
        if each.channel not in {"text", "call"} or each.state == "dead":
            continue
        if not delivered:
            reach.mark_dead(connection, each.person, each.channel, now)
        state = "delivered" if delivered else "dead"
        changed = found.with_contact(replace(each, state=state))
        again = changed.next_at if delivered or changed.over_at is not None else now
        errands.put_back(connection, replace(changed, next_at=again))
        return True
    return False


def _live(connection: Connection, people: set[OpaqueId], now: Instant) -> list[Errand]:
    """Errands of these people's agencies."""
    agencies = connection.execute(select(person.c.agency).where(person.c.id.in_(people)).distinct()).scalars()
    return [each for agency in sorted(agencies) for each in errands.live(connection, agency, now)]
