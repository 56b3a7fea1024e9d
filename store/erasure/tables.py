"""Tables of erasure in the main database: orders and how far each has come, holds, when to look next."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from store.tables import OPAQUE, SLUG, metadata

look = Table(
    "erasure_look",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("part", SLUG, nullable=False),
    Column("base", BigInteger, nullable=False),
    Column("look_at", BigInteger),
    PrimaryKeyConstraint("case_id", "part"),
    Index(None, "look_at"),
)
"""When to look again whether a part of an ended case is to be erased; NULL once it has been ordered. Each part passes
every class's time, whatever class it is in: the row tells nothing of the case's course."""

order = Table(
    "erasure_order",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("case_id", OPAQUE, nullable=False),
    Column("part", SLUG, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("ground", String(16), nullable=False),
    Column("person_id", OPAQUE),
    Column("note_ref", OPAQUE),
    Column("ordered_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Unique("case_id", "part"),
    Index(None, "agency", "ordered_at"),
    Index(None, "done_at"),
)
"""One row for each part of a case that was ordered erased: why, and by whom (NULL: its class was due)."""

stage = Table(
    "erasure_stage",
    metadata,
    Column("order_id", OPAQUE, ForeignKey("erasure_order.id"), nullable=False),
    Column("stage", String(12), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("order_id", "stage"),
)
"""A stage of an order that is done."""

hold = Table(
    "legal_hold",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("case_id", OPAQUE, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("review_at", BigInteger, nullable=False),
    Column("lifted_at", BigInteger),
    Index(None, "case_id", "agency"),
    Index(None, "agency", "review_at"),
)

hold_act = Table(
    "legal_hold_act",
    metadata,
    Column("hold_id", OPAQUE, ForeignKey("legal_hold.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("act", String(8), nullable=False),
    Column("person_id", OPAQUE, nullable=False),
    Column("note_ref", OPAQUE),
    Column("review_at", BigInteger),
    PrimaryKeyConstraint("hold_id", "number"),
)
"""What was done with a hold, never edited: set, kept (until a later review) or lifted, by whom."""

__all__ = ["hold", "hold_act", "look", "metadata", "order", "stage"]
