"""The read model of the case written by hand: a log, a row for each step and a row for the case."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, func, select
from temporalio import activity

from bench.hand_messages import RECORD, HandRow, HandRows
from store.session import Database, add_new, put

METADATA = MetaData()
LOG = Table(
    "hand_log",
    METADATA,
    Column("case_id", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", BigInteger),
    Column("kind", String),
    Column("step", Integer),
    Column("role", String),
    Column("person", String),
    Column("due", BigInteger),
)
TASK = Table(
    "hand_task",
    METADATA,
    Column("case_id", String, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("status", String),
    Column("role", String),
    Column("due", BigInteger),
    Column("at", BigInteger),
)
CASE = Table(
    "hand_case",
    METADATA,
    Column("case_id", String, primary_key=True),
    Column("status", String),
    Column("seq", Integer),
)


class HandStore:
    """The recording activity: one transaction for each transition, repeatable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "by-hand")
        with database.write() as connection:
            METADATA.create_all(connection)

    @activity.defn(name=RECORD)
    async def record(self, rows: HandRows) -> None:
        """Write a transition's rows."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, rows)

    def _write(self, rows: HandRows) -> None:
        with self._database.write() as connection:
            known = connection.execute(select(func.max(CASE.c.seq)).where(CASE.c.case_id == rows.case_id)).scalar()
            fresh = [each for each in rows.rows if each.seq > (known or 0)]
            if not fresh:
                return
            add_new(connection, LOG, [{"case_id": rows.case_id, **asdict(each)} for each in fresh])
            put(connection, TASK, [_task(rows.case_id, each) for each in fresh if each.step >= 0])
            status = "ended" if fresh[-1].kind == "closed" else "open"
            put(connection, CASE, [{"case_id": rows.case_id, "status": status, "seq": fresh[-1].seq}])


def _task(case_id: str, row: HandRow) -> dict[str, str | int]:
    return {
        "case_id": case_id,
        "step": row.step,
        "status": row.kind,
        "role": row.role,
        "due": row.due,
        "at": row.at,
    }
