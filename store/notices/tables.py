"""The tables of notices that leave Handoff, and of how people are reached."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from store.tables import OPAQUE, SLUG, metadata

errand = Table(
    "errand",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("case_id", OPAQUE),
    Column("agency", SLUG, nullable=False),
    Column("owner", SLUG),
    Column("outside", Boolean, nullable=False),
    Column("next_at", BigInteger),
    Column("over_at", BigInteger),
    Column("role", SLUG),
    Column("person", OPAQUE),
    Column("kind", String(16), nullable=False),
    Column("instance", Integer),
    Column("notice_id", String(26)),
    Column("due", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("slot_at", BigInteger),
    Column("fails", Integer, nullable=False),
    Column("ended", String(16)),
    Column("ended_by", OPAQUE),
    Column("notes", Text, nullable=False),
    Column("sealed", LargeBinary),
    Index(None, "next_at"),
    Index(None, "agency", "over_at"),
)
"""One thing that one role (or person) is to hear of. ``next_at``: when to look at it again; NULL once it is over.

Of what is a confidential agency's alone everything below ``over_at`` is sealed (``store.keyring.sealing``).
``notes`` is JSON: to whom it went, who passed it on, and the shift that cover is asked for.
"""

reach = Table(
    "reach",
    metadata,
    Column("person_id", OPAQUE, ForeignKey("person.id"), primary_key=True),
    Column("language", String(2), nullable=False),
    Column("phone", String(16)),
    Column("channels", Text, nullable=False),
    Column("quiet_from", Integer),
    Column("quiet_to", Integer),
    Column("dead", Text, nullable=False),
    Column("tested_at", BigInteger),
    Index(None, "phone"),
)
"""How somebody is reached. ``channels`` and ``dead`` (channel: since when) are JSON; quiet hours: minutes of a day.

``tested_at``: when somebody last had their own channels tried.
"""
