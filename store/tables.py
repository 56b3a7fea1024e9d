"""Facts, protocol versions, and the read model, for SQLite and PostgreSQL alike; the rest is in ``edge_tables``.

Instants are microseconds UTC in BIGINT columns; JSON is kept as text, so what was written is what is read.
``sealed`` holds what is a confidential agency's alone (``store.keyring.sealing``); words that say nothing stand in
the columns it replaces. ``READ_MODEL`` names the tables that are a fold over ``fact`` and may be dropped and built
again; nothing else is.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    case,
    func,
    literal_column,
    text,
)

from store.paging import NEVER

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

SLUG = String(64)
OPAQUE = String(64)
HASH = String(64)
RUNG = String(80)
REF = String(160)

# Kept for good: what the read model is folded from, and what no fact can tell.

site = Table(
    "site",
    metadata,
    Column("site_id", OPAQUE, primary_key=True),
    Column("id_key", LargeBinary, nullable=False),
)
"""One row: the name of this installation, and the key that public ids are derived with."""

protocol_version = Table(
    "protocol_version",
    metadata,
    Column("slug", SLUG, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", HASH, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("compiled", LargeBinary, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("published_by", OPAQUE, nullable=False),
    PrimaryKeyConstraint("slug", "version"),
)

protocol_in_force = Table(
    "protocol_in_force",
    metadata,
    Column("slug", SLUG, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("revision", Integer, nullable=True),
    PrimaryKeyConstraint("slug", "seq"),
)
"""What new cases run on: the row with the highest ``seq``. Going back is a further row, of the earlier version."""

protocol_carried = Table(
    "protocol_carried",
    metadata,
    Column("hash", HASH, primary_key=True),
    Column("base", HASH, nullable=False),
    Column("compiled", LargeBinary, nullable=False),
)
"""Published texts with the older terms and names that cases which moved to them carry (``Protocol.base``)."""

case_code = Table(
    "case_code",
    metadata,
    Column("case_id", OPAQUE, primary_key=True),
    Column("code", String(8), nullable=False, unique=True),
)
"""The code people say for a case. Given once and kept: it must survive a rebuild and a change of keys."""

fact = Table(
    "fact",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("protocol_hash", HASH, nullable=False),
    Column("body", Text, nullable=False),
    # Derived from body and protocol, so that what a subject may see can be told in SQL.
    Column("lane", SLUG),
    Column("agency", SLUG),
    Column("owner", SLUG),
    Column("outside", Boolean, nullable=False),
    Column("step", SLUG),
    Column("task_id", String(26)),
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("case_id", "seq"),
)
"""``owner`` is the agency whose people alone see the fact (NULL: every party); ``outside`` lets others see its bare
existence: delivered, taken up, not taken up."""

# The read model.

case_file = Table(
    "case_file",
    metadata,
    Column("case_id", OPAQUE, primary_key=True),
    Column("code", String(8), nullable=False, unique=True),
    Column("slug", SLUG, nullable=False),
    Column("protocol_hash", HASH, nullable=False),
    Column("status", String(8), nullable=False),
    Column("status_owner", SLUG),
    Column("opened_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("seq", Integer, nullable=False),
    Column("practice", Boolean, nullable=False),
    Column("ahead", BigInteger, nullable=False),
    Index(None, "opened_at", "code"),
    Index("ix_case_file_protocol_hash", "protocol_hash"),
    Index("ix_case_file_practice", "practice", "case_id"),
)
"""``seq`` is the last fact folded in. ``status_owner``: who alone may know whether the case has ended. ``practice``: a
case made for practice, whose own clock is ``ahead`` of everybody's (0 for a real one)."""

party = Table(
    "party",
    metadata,
    Column("protocol_hash", HASH, nullable=False),
    Column("agency", SLUG, nullable=False),
    PrimaryKeyConstraint("protocol_hash", "agency"),
)
"""The agencies that have a step in a protocol, or a vote in another's."""

voter = Table(
    "voter",
    metadata,
    Column("protocol_hash", HASH, nullable=False),
    Column("step", SLUG, nullable=False),
    Column("role", SLUG, nullable=False),
    Column("agency", SLUG, nullable=False),
    PrimaryKeyConstraint("protocol_hash", "step", "role"),
)
"""The roles that vote on a step of a protocol, or stand in for one that does."""

_PAIR = ("owner", "from_agency", "agency")
_BOARD = (*_PAIR, "delivered_at", "id", "case_id", "instance")


def _where(column: str, name: str, *columns: str) -> Index:
    """An index of the tasks in which a column is filled in."""
    filled = text(f"{column} IS NOT NULL")
    return Index(name, *columns, sqlite_where=filled, postgresql_where=filled)


task = Table(
    "task",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("instance", Integer, nullable=False),
    Column("id", String(26), nullable=False, unique=True),
    Column("step", SLUG, nullable=False),
    Column("lane", SLUG, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("owner", SLUG),
    Column("outside", Boolean, nullable=False),
    Column("from_agency", SLUG),
    Column("person", OPAQUE),
    Column("status", String(12), nullable=False),
    Column("cause", REF, nullable=False),
    Column("round", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("receipt", Boolean, nullable=False),
    Column("starts_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("due_at", BigInteger),
    Column("was_due_at", BigInteger),
    Column("due_cause", REF),
    Column("short_notice", Boolean, nullable=False),
    Column("taken_at", BigInteger),
    Column("missed_at", BigInteger),
    Column("untaken_at", BigInteger),
    Column("tries", Integer, nullable=False),
    Column("last_try_at", BigInteger),
    Column("paused_until", BigInteger),
    Column("pause_reason", String(32)),
    Column("outcome", SLUG),
    Column("ending", String(16)),
    Column("on_time", Boolean),
    Column("ended_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("last_progress_at", BigInteger),
    Column("item", Text),
    Column("votes", Text),
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("case_id", "instance"),
    Index(None, "agency", "status", "due_at"),
    Index(None, "outside", "delivered_at"),
    Index("ix_task_step_status", "step", "status"),
    Index("ix_task_board", "status", *_PAIR, "case_id", "outside"),
    Index("ix_task_board_outside", "outside", "taken_at", "withdrawn_at", *_BOARD, "untaken_at"),
    _where("missed_at", "ix_task_missed", "status", *_PAIR, "missed_at", "id", "paused_until", "outside", "case_id"),
    _where(
        *("missed_at", "ix_task_missed_since", "status", "owner", "missed_at", "id"),
        *("from_agency", "agency", "paused_until", "outside", "case_id"),
    ),
    _where(
        *("untaken_at", "ix_task_untaken", "taken_at", "untaken_at", "id", *_PAIR),
        *("missed_at", "paused_until", "withdrawn_at", "status", "outside", "case_id"),
    ),
    _where(
        *("untaken_at", "ix_task_untaken_pair", "taken_at", *_PAIR),
        *("untaken_at", "missed_at", "paused_until", "status", "outside", "case_id"),
    ),
    _where("taken_at", "ix_task_taken_pair", "outside", "withdrawn_at", *_PAIR, "taken_at", "case_id"),
)
"""One row per instance. The last indexes hold all that the choice of a page asks, and the counts of every pair (read
pair by pair, so that it stands before what is asked of each); the rest is read for that page.
``untaken_at``: when somebody was first told that nobody had taken it up, as far as others may know that.

 ``owner`` is the confidential agency it belongs to, if any; ``withdrawn_at`` says that an
outsider's own act withdrew it before it was taken up, so that outsiders may be told. ``item`` and ``votes`` (by voting
role: an outcome, or null for a plain vote) are canonical JSON."""

_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
URGENCY = (
    case((task.c.missed_at.is_not(None), _ZERO), else_=_ONE),
    case((task.c.taken_at.is_(None), _ZERO), else_=_ONE),
    func.coalesce(task.c.due_at, literal_column(str(NEVER))),
    task.c.id,
)
"""Late first, then not taken up, then by due time: written out, for an index knows no parameters."""

WAITING_SINCE: ColumnElement[int] = func.coalesce(task.c.delivered_at, literal_column(str(NEVER)))
Index(
    "ix_task_waiting",
    *(task.c.status, task.c.owner, WAITING_SINCE, task.c.id, task.c.from_agency, task.c.agency, task.c.case_id),
    *(task.c.outside, task.c.missed_at, task.c.taken_at, task.c.untaken_at, task.c.paused_until, task.c.delivered_at),
)
"""In the order of what a board shows after what is stuck."""

Index(
    "ix_task_inbox",
    *(task.c.agency, task.c.status, *URGENCY),
    *(task.c.case_id, task.c.instance, task.c.owner, task.c.missed_at, task.c.taken_at, task.c.due_at),
)
"""In the order of an inbox: its first page is read without the rest being put in order."""

task_owner = Table(
    "task_owner",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("instance", Integer, nullable=False),
    Column("role", SLUG, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("case_id", "instance", "role"),
)

_LATE = "recorded - at > 300000000 and at > 0"
WENT_LATE = "notice.recorded - notice.at > 300000000 and notice.at > 0"
"""A notice went more than five minutes after its time; the time of a sealed one is not known here (0)."""

notice = Table(
    "notice",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("role", SLUG, nullable=False),
    Column("id", String(26), nullable=False, unique=True),
    Column("ordinal", Integer, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("how", String(12), nullable=False),
    Column("why", String(24), nullable=False),
    Column("rung", RUNG),
    Column("step", SLUG, nullable=False),
    Column("lane", SLUG, nullable=False),
    Column("instance", Integer, nullable=False),
    Column("task_id", String(26)),
    Column("owner", SLUG),
    Column("outside", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("page", Integer),
    Column("repeat", Integer, nullable=False),
    Column("stopped_at", BigInteger),
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("case_id", "seq", "role"),
    Index(None, "agency", "role", "recorded"),
    Index(None, "recorded", "id"),
    Index("ix_notice_late", "recorded", sqlite_where=text(_LATE), postgresql_where=text(_LATE)),
)
"""One row per role told. ``outside`` marks the one telling that may leave a confidential agency: not taken up."""

field_value = Table(
    "field_value",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("field", SLUG, nullable=False),
    Column("value", Text, nullable=False),
    Column("owner", SLUG),
    Column("seq", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("case_id", "field"),
)

slot_ref = Table(
    "slot_ref",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("slot", SLUG, nullable=False),
    Column("ref", OPAQUE, nullable=False),
    Column("keeper", SLUG, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("case_id", "seq"),
)

READ_MODEL = (case_file, party, voter, task, task_owner, notice, field_value, slot_ref)
