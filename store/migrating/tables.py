"""The runs and their cases. A case's result is a code and a place in the text: nothing that was said in the case."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, PrimaryKeyConstraint, Table, Text

from store.tables import HASH, OPAQUE, REF, SLUG, metadata

migration_run = Table(
    "migration_run",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("slug", SLUG, nullable=False),
    Column("target", HASH, nullable=False),
    Column("plan", Text, nullable=False),
    Column("stage", SLUG, nullable=False),
    Column("waits_until", BigInteger, nullable=True),
    Column("ordered_at", BigInteger, nullable=False),
    Column("ordered_by", OPAQUE, nullable=False),
    Column("because", SLUG, nullable=True),
    Column("since", BigInteger, nullable=False),
    Column("usual", Float, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
)
"""``because``: why it stopped by itself. ``since``: from when what may stop it counts; ``usual``: escalations an hour
before it; ``answers``: people's since then, of which ``refused``."""

migration_item = Table(
    "migration_item",
    metadata,
    Column("run", OPAQUE, nullable=False),
    Column("case_id", OPAQUE, nullable=False),
    Column("was", HASH, nullable=False),
    Column("first", Boolean, nullable=False),
    Column("result", SLUG, nullable=False),
    Column("code", SLUG, nullable=True),
    Column("place", REF, nullable=True),
    Column("tries", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=True),
    Column("kind", SLUG, nullable=True),
    PrimaryKeyConstraint("run", "case_id"),
    Index(None, "run", "result"),
)
"""``was`` is the text that the case ran on when the run was ordered: where it goes back to. ``kind``: its class
(``protocol.migrating.effect``) as it moved, of the first share where the plan waits for classes."""
