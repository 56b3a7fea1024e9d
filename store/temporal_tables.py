"""The tables of a Temporal server on PostgreSQL: made, or brought to this server's version, with Temporal's own tool.

They are not Handoff's tables: nothing here or elsewhere in the project reads or writes them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg

from protocol.errors import HandoffError
from runtime.temporal_config import POSTGRES_PLUGIN, Postgres

OLDEST = 13
"""The first version in which a database's owner may add the extension that Temporal's index of cases needs."""

EXTENSION = "btree_gin"
CONNECT_WITHIN = 10
TOOL_WITHIN = 120.0
LOCK = 7_264_312
"""The advisory lock under which one start at a time sets the tables up."""

SCHEMAS = ("postgresql/v12/temporal", "postgresql/v12/visibility")
"""The tool's names for what the two databases hold, in the order main, visibility."""

Report = Callable[[str], None]


async def set_up(found: Postgres, tool: Path, report: Report) -> None:
    """Look whether both databases will do and bring their tables up to date; done before, it changes nothing.

    Args:
        found: the two databases, which must be there.
        tool: Temporal's ``temporal-sql-tool``, of the server's version; it carries the tables.
        report: prints one line.

    Raises:
        HandoffError: TEMPORAL_DATABASE_DOWN, _PASSWORD, _MISSING, _OLD, _CLOSED or _EXTENSION (what the databases
            lack); TEMPORAL_SCHEMA when the tool does not succeed.
    """
    await asyncio.to_thread(_set_up, found, tool, report)


def _set_up(found: Postgres, tool: Path, report: Report) -> None:
    with _connect(found, found.database) as main, _connect(found, found.visibility) as visibility:
        _check(main, found.database)
        _check(visibility, found.visibility)
        _check_extension(visibility, found.visibility)
        # Held until the connection closes: the tool itself does not mind another one beside it.
        main.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        for connection, name, schema in zip(
            (main, visibility), (found.database, found.visibility), SCHEMAS, strict=True
        ):
            before = _version(connection)
            if before is None:
                _run(found, tool, name, "setup-schema", "--version", "0.0")
            _run(found, tool, name, "update-schema", "--schema-name", schema)
            after = _version(connection)
            if after != before:
                report(f"Temporal: the tables of {name} are at version {after}.")


def _connect(found: Postgres, name: str) -> psycopg.Connection:
    where = f"{found.endpoint}:{found.port}"
    try:
        return psycopg.connect(
            host=found.host,
            port=found.port,
            user=found.user,
            password=found.password or None,
            dbname=name,
            connect_timeout=CONNECT_WITHIN,
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        # The driver gives no code for what the server says before it lets one in. In another language than English
        # the sentence is the general one, with the server's own words.
        said = str(error).strip().splitlines()[0]
        if "password" in said:
            code, says = (
                "TEMPORAL_DATABASE_PASSWORD",
                f"PostgreSQL at {where} does not take the password of {found.user}. Set ",
            )
            says += "HANDOFF_TEMPORAL_DATABASE_PASSWORD_FILE to a file that holds it."
        elif f'database "{name}" does not exist' in said:
            code, says = (
                "TEMPORAL_DATABASE_MISSING",
                f"There is no database {name} in PostgreSQL at {where}. As its administrator: ",
            )
            says += f'CREATE DATABASE "{name}" OWNER "{found.user}"'
        else:
            code, says = (
                "TEMPORAL_DATABASE_DOWN",
                f"PostgreSQL at {where} does not let {found.user} into {name}: {said}",
            )
        raise HandoffError(code, says) from None


def _check(connection: psycopg.Connection, name: str) -> None:
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        says = f"PostgreSQL {version} is too old for the Temporal server: it needs {OLDEST} or later."
        raise HandoffError("TEMPORAL_DATABASE_OLD", says)
    row = connection.execute("SELECT has_schema_privilege(current_schema(), 'CREATE')").fetchone()
    if row is None or row[0] is not True:
        says = f'{connection.info.user} may not make tables in {name}. Make it the owner: ALTER DATABASE "{name}" '
        raise HandoffError("TEMPORAL_DATABASE_CLOSED", f'{says}OWNER TO "{connection.info.user}"')


def _check_extension(connection: psycopg.Connection, name: str) -> None:
    row = connection.execute(
        "SELECT (SELECT installed_version FROM pg_available_extensions WHERE name = %(name)s) IS NOT NULL, "
        "EXISTS (SELECT FROM pg_available_extensions WHERE name = %(name)s), "
        "has_database_privilege(current_database(), 'CREATE')",
        {"name": EXTENSION},
    ).fetchone()
    installed, available, allowed = row or (False, False, False)
    if installed or (available and allowed):
        return
    says = f"{name} lacks the extension {EXTENSION}. As PostgreSQL's administrator, in that database: CREATE EXTENSION "
    package = "" if available else " (install PostgreSQL's contrib package first)"
    raise HandoffError("TEMPORAL_DATABASE_EXTENSION", f"{says}{EXTENSION}{package}")


def _version(connection: psycopg.Connection) -> str | None:
    """The version of the tables that are there; None if there are none."""
    row = connection.execute("SELECT to_regclass('schema_version') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    found = connection.execute("SELECT curr_version FROM schema_version").fetchone()
    return None if found is None else str(found[0])


def _run(found: Postgres, tool: Path, name: str, *command: str) -> None:
    where = ("--plugin", POSTGRES_PLUGIN, "--endpoint", found.endpoint, "--port", str(found.port))
    try:
        done = subprocess.run(  # noqa: S603 - our own tool, without a shell
            [tool, *where, "--user", found.user, "--database", name, *command],
            # Not on the command line, which others on this machine can read.
            env={"PATH": os.defpath, "SQL_PASSWORD": found.password},
            capture_output=True,
            text=True,
            timeout=TOOL_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HandoffError("TEMPORAL_SCHEMA", f"{tool} took more than {TOOL_WITHIN:.0f} s on {name}.") from None
    except OSError as error:
        raise HandoffError("TEMPORAL_SCHEMA", f"{tool} cannot be started: {error.strerror}.") from None
    if done.returncode != 0:
        last = " ".join((done.stdout + done.stderr).strip().splitlines()[-1:])
        raise HandoffError("TEMPORAL_SCHEMA", f"The tables of {name} could not be brought up to date: {last}")
