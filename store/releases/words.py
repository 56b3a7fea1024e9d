"""Words for an agency's people that hold nothing of a case: that something was shared, that somebody is asked.

And the sealed words of a person beside a closed choice (a purpose, a reason): sealed to the owner's card, inside the
paper they belong to, so that its custodian alone opens them and they go when the case does.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, vault
from store.custodian import suite
from store.custodian.port import Item, Place, Sealed, Wrap
from store.plain import Plain
from store.policy import Subject, unknown
from store.releases import papers
from store.releases.papers import Kind, Paper

LONGEST = 2_000
"""Characters of sealed words."""


class Closed(BaseModel):
    """Base of what papers say: closed, frozen, bytes as base64."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Says(StrEnum):
    """The fixed words. None names a case, a person or a field."""

    SHARED = "something-was-shared"
    THREAT_ASKED = "threat-asked"
    THREAT_REVIEW = "threat-to-review"
    DISCLOSURE_ASKED = "disclosure-asked"
    DISCLOSURE_REVIEW = "disclosure-to-review"
    GLASS_ASKED = "glass-asked"
    GLASS_BROKEN = "glass-broken"
    SHIELDED = "staff-shielded"


class Word(Closed):
    """One word to an agency, or to ``roles`` or a ``person`` of it, from an instant on."""

    id: OpaqueId
    to: Slug
    says: Says
    at: Instant
    roles: tuple[Slug, ...] = ()
    person: OpaqueId | None = None
    read_at: Instant | None = None
    read_by: OpaqueId | None = None


class Sealing(Closed):
    """Words of a person, as they lie there."""

    place: Place
    sealed: Sealed
    wrap: Wrap

    def item(self) -> Item:
        """As the custodian opens it."""
        return Item(place=self.place, sealed=self.sealed, wrap=self.wrap)


def seal(connection: Connection, owner: Slug, case_id: OpaqueId, words: Plain | None) -> Sealing | None:
    """Seal words of a person to their agency's card.

    Raises:
        HandoffError: ``VALUE_TOO_LONG``, ``NO_CARD``.
    """
    if words is None:
        return None
    if len(words.reveal()) > LONGEST:
        raise HandoffError("VALUE_TOO_LONG", f"these words are longer than {LONGEST} characters")
    site, _ = ids.site_of(connection)
    ref = ids.random_id()
    place = Place(site=site, case_id=case_id, owner=owner, record=ref, ref=ref, field="words", version=1)
    key = suite.new_record_key()
    sealed = suite.seal_value(suite.value_key(key, place), place, words.reveal().encode())
    return Sealing(place=place, sealed=sealed, wrap=suite.wrap_record(vault.card_of(connection, owner), key, place))


def tell(connection: Connection, agency: Slug, word: Word) -> None:
    """Leave a word; ``agency`` is who sends it, and a word with the same id is replaced. Needs a writing connection."""
    papers.keep(connection, Paper(id=word.id, agency=agency, kind=Kind.WORD, said=word.model_dump_json(), to=word.to))


def take_back(connection: Connection, id_: OpaqueId) -> None:
    """Take a word back, one that is not due yet for instance. Needs a writing connection."""
    papers.discard(connection, id_)


def told(connection: Connection, who: Subject, now: Instant) -> tuple[Word, ...]:
    """What somebody was told by now, newest first."""
    mine = [word for word, _ in _mine(connection, who, now)]
    return tuple(sorted(mine, key=lambda each: (-each.at, each.id)))


def mark_read(connection: Connection, who: Subject, id_: OpaqueId, now: Instant) -> Word:
    """Note that somebody has read a word to them; the first reader stays. Needs a writing connection.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    for word, agency in _mine(connection, who, now):
        if word.id == id_:
            if word.read_at is not None:
                return word
            read = word.model_copy(update={"read_at": now, "read_by": who.person_id})
            tell(connection, agency, read)
            return read
    raise unknown("word")


def _mine(connection: Connection, who: Subject, now: Instant) -> Sequence[tuple[Word, Slug]]:
    found = [
        (Word.model_validate_json(each.said), each.agency)
        for each in papers.meant_for(connection, who.agency, Kind.WORD)
    ]
    return [(word, agency) for word, agency in found if word.at <= now and _for(word, who)]


def _for(word: Word, who: Subject) -> bool:
    if word.person is not None:
        return word.person == who.person_id
    return not word.roles or not set(word.roles).isdisjoint(who.roles)
