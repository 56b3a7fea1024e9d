"""A stopped installation goes on where it was."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from store import sweeping
from store.edge_tables import idempotency
from store.idempotency import Asked, claim
from store.session import Database
from tests.installation import Installation, installed
from tests.servers import until


def keys_of(database: Database) -> set[str]:
    """The idempotency keys that are kept."""
    with database.read() as connection:
        return set(connection.execute(select(idempotency.c.key)).scalars())


def plant(here: Installation) -> Database:
    """A key that has been kept long enough, and one that has not."""
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    now = time.time_ns() // 1_000
    with database.write() as connection:
        claim(connection, Asked(scope="p", key="old", body_hash="h"), now - sweeping.KEYS_KEPT - 1)
        claim(connection, Asked(scope="p", key="new", body_hash="h"), now)
    return database


def test_the_next_start_continues_every_case(tmp_path: Path) -> None:
    """A case opened before a stop is open after the next start, its task can be answered, no people are made anew.

    It forgets the idempotency keys that were kept for a week, and those only.
    """
    body = {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    with installed(tmp_path / "data") as here:
        case = here.ask("police-records", "POST", "/incidents", body).json()["case"]
        people = (here.data / "credentials.txt").read_text()
        database = plant(here)
        before = keys_of(database)
    with installed(tmp_path / "data") as here:
        until(lambda: keys_of(database) == before - {"old"}, "the sweep")
        database.close()
        (task,) = here.get("patrol", "/tasks")["items"]
        done = here.ask(
            "patrol",
            "POST",
            f"/tasks/{task['id']}/complete",
            {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}},
        )

        assert {"old", "new"} <= before
        assert task["case"] == case
        assert done.json()["task"]["status"] == "ended"
        assert (here.data / "credentials.txt").read_text() == people
