"""The production topology from local processes: PostgreSQL, Temporal on it, Handoff's own tables on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from protocol.errors import HandoffError
from runtime.temporal_binary import sql_tool
from runtime.temporal_config import Postgres
from store import temporal_tables
from store.temporal_tables import set_up
from tests.installation import installed, services
from tests.servers import WITH_PASSWORD, until

PASSWORD = "canary/:@%+?#placeholder"
"""With every character that an address gives a meaning to."""


@pytest.fixture
def administrator(postgres_url: str) -> Iterator[psycopg.Connection]:
    """The administrator of a PostgreSQL in which Temporal's role has a password."""
    url = f"postgresql://handoff@127.0.0.1:{make_url(postgres_url).port}/postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (WITH_PASSWORD,)).fetchone() is None:
            connection.execute(f"CREATE ROLE {WITH_PASSWORD} LOGIN PASSWORD '{PASSWORD}'".encode())
        yield connection


def named(administrator: psycopg.Connection, *, owner: str = WITH_PASSWORD, made: bool = True) -> Postgres:
    """Two new databases for Temporal."""
    name = f"temporal_{uuid4().hex}"
    found = Postgres(
        host="127.0.0.1",
        port=administrator.info.port,
        user=WITH_PASSWORD,
        password=PASSWORD,
        database=name,
        visibility=f"{name}_visibility",
    )
    for each in (found.database, found.visibility) if made else ():
        administrator.execute(f"CREATE DATABASE {each} OWNER {owner}".encode())
    return found


def tables(administrator: psycopg.Connection, name: str) -> list[tuple[str, str]]:
    """What Temporal's tool wrote down about a database, in order."""
    url = f"postgresql://handoff@127.0.0.1:{administrator.info.port}/{name}"
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT new_version, update_time::text FROM schema_update_history ORDER BY 2")
        return found.fetchall()


async def refused(found: Postgres) -> HandoffError:
    with pytest.raises(HandoffError) as caught:
        await set_up(found, await sql_tool(print), print)
    assert PASSWORD not in caught.value.message
    return caught.value


@pytest.mark.postgres
async def test_the_tables_are_made_once(administrator: psycopg.Connection) -> None:
    """The first set-up brings both databases to the tool's version; the second says nothing and changes nothing."""
    found, said = named(administrator), list[str]()
    await set_up(found, await sql_tool(print), said.append)
    made = [tables(administrator, each) for each in (found.database, found.visibility)]
    assert [f"Temporal: the tables of {found.database} are at version {made[0][-1][0]}.", True] == [
        said[0],
        len(said) == 2,
    ]

    await set_up(found, await sql_tool(print), said.append)
    assert made == [tables(administrator, each) for each in (found.database, found.visibility)]
    assert len(said) == 2


@pytest.mark.postgres
async def test_a_wrong_password_is_said_to_be_one(administrator: psycopg.Connection) -> None:
    """The sentence names the role and the setting, and no password."""
    error = await refused(replace(named(administrator), password="wrong-canary"))
    assert ("TEMPORAL_DATABASE_PASSWORD", False) == (error.code, "wrong-canary" in error.message)
    assert "HANDOFF_TEMPORAL_DATABASE_PASSWORD_FILE" in error.message


@pytest.mark.postgres
async def test_a_missing_database_comes_with_the_statement_that_makes_it(administrator: psycopg.Connection) -> None:
    """What the sentence tells the administrator to run makes the database, and the next one is asked for."""
    found = named(administrator, made=False)
    for name in (found.database, found.visibility):
        error = await refused(found)
        statement = f'CREATE DATABASE "{name}" OWNER "{WITH_PASSWORD}"'
        assert ("TEMPORAL_DATABASE_MISSING", True) == (error.code, error.message.endswith(statement))
        administrator.execute(statement.encode())
    await set_up(found, await sql_tool(print), print)


@pytest.mark.postgres
async def test_a_database_of_somebody_else_is_refused_before_anything_is_made(
    administrator: psycopg.Connection,
) -> None:
    """Without the right to make tables nothing is begun, and the sentence says how to give it."""
    error = await refused(named(administrator, owner="handoff"))
    assert ("TEMPORAL_DATABASE_CLOSED", True) == (error.code, "ALTER DATABASE" in error.message)


@pytest.mark.postgres
async def test_a_missing_extension_comes_with_the_statement_that_makes_it(administrator: psycopg.Connection) -> None:
    """Who may make tables but add no extension is told what to ask for, and it is enough."""
    found = named(administrator, owner="handoff")
    there = f"postgresql://handoff@127.0.0.1:{found.port}"
    for each in (found.database, found.visibility):
        with psycopg.connect(f"{there}/{each}", autocommit=True) as connection:
            connection.execute(f"GRANT CREATE ON SCHEMA public TO {WITH_PASSWORD}".encode())
    error = await refused(found)
    assert ("TEMPORAL_DATABASE_EXTENSION", True) == (error.code, error.message.endswith("CREATE EXTENSION btree_gin"))

    with psycopg.connect(f"{there}/{found.visibility}", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION btree_gin")
    await set_up(found, await sql_tool(print), print)


@pytest.mark.postgres
async def test_a_server_that_is_too_old_is_refused(
    administrator: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is asked of the server that is there."""
    monkeypatch.setattr(temporal_tables, "OLDEST", 99)
    error = await refused(named(administrator))
    assert ("TEMPORAL_DATABASE_OLD", True) == (error.code, "99 or later" in error.message)


@pytest.mark.postgres
async def test_a_server_that_is_not_there_is_named(administrator: psycopg.Connection) -> None:
    """Where nobody listens, the sentence says where that is."""
    error = await refused(replace(named(administrator, made=False), port=1))
    assert ("TEMPORAL_DATABASE_DOWN", True) == (error.code, "127.0.0.1:1 " in error.message)


@pytest.mark.postgres
@pytest.mark.server
@pytest.mark.slow
def test_a_case_on_postgresql_goes_on_after_temporal_is_killed(
    tmp_path: Path, administrator: psycopg.Connection, postgres_database_url: str
) -> None:
    """An arrest reported before the kill is a task after it; its answer opens the next duty; no SQLite is made."""
    temporal = named(administrator)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    keys = f"keys_{uuid4().hex}"
    administrator.execute(f"CREATE DATABASE {keys}".encode())
    main = postgres_database_url.replace("+psycopg", "")
    settings = {
        "HANDOFF_DATABASE_URL": main,
        "HANDOFF_KEYS_DATABASE_URL": f"{main.rpartition('/')[0]}/{keys}",
        "HANDOFF_TEMPORAL_DATABASE_URL": f"postgresql://{temporal.user}@127.0.0.1:{temporal.port}/{temporal.database}",
        "HANDOFF_TEMPORAL_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    body = {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    with installed(tmp_path / "data", more=settings) as here:
        case = here.ask("police-records", "POST", "/incidents", body).json()["case"]
        (task,) = here.get("patrol", "/tasks")["items"]
        assert task["case"] == case

        before = services(here.process)["temporal"]
        os.kill(before, signal.SIGKILL)
        until(lambda: services(here.process).get("temporal", before) != before, "another Temporal server")
        until(here.ready, "ready again")

        done = here.ask(
            "patrol",
            "POST",
            f"/tasks/{task['id']}/complete",
            {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}},
        )
        assert done.json()["task"]["status"] == "ended", done.text
        until(lambda: case in {each["case"] for each in here.get("advocate", "/tasks")["items"]}, "the next duty")
    assert [] == [each.name for each in tmp_path.rglob("*.db*")]
    url = f"postgresql://handoff@127.0.0.1:{temporal.port}/{temporal.database}"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM executions").fetchone() != (0,)
    url = f"postgresql://handoff@127.0.0.1:{temporal.port}/{temporal.visibility}"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM executions_visibility").fetchone() != (0,)
