"""What a start does to the database: its shape, the bundled protocols, their keepers' cards, placeholder people."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from runtime import texts
from runtime.settings import Settings
from store import demonstration, protocols, schema, vault
from store.audit import site_key
from store.custodian import levels
from store.custodian.port import Custodian
from store.keyring.opening import open_keyring
from store.keyring.resealing import seal_what_is_there
from store.session import Database

INSTALLER = "installation"
Report = Callable[[str], None]


def prepare(settings: Settings, report: Report) -> None:
    """Bring the database up to date and publish the bundled protocols that are not published yet.

    Raises:
        HandoffError: the database cannot be used, or a bundled text changed under its number.
        SpecError: a bundled text is refused (an agreement has run out); what is published stays in force.
    """
    schema.upgrade(settings.database_url)
    database = Database(settings.database_url)
    with database.write() as connection:
        site_key.learn(connection, site_key.of_folder(settings.engine_keys))
    for slug, versions in sorted(texts.bundled().items()):
        for number, path in sorted(versions.items()):
            _publish(database, slug, number, path, report)
    database.close()


def _publish(database: Database, slug: str, number: int, path: Path, report: Report) -> None:
    now = datetime.now(UTC)
    with database.read() as connection:
        if any(each.version >= number for each in protocols.versions(connection, slug)):
            return
    compiled = compile_text(path.read_bytes(), today=now.date())
    with database.write() as connection:
        protocols.publish(
            connection,
            compiled.protocol,
            compiled.source,
            published_at=clocks.instant(now),
            published_by=INSTALLER,
            version=number,
        )
    report(f"Published {slug}, version {number}.")


def meet(settings: Settings, custodian: Custodian, report: Report) -> None:
    """Learn the keepers' cards, seal what is in clear and, on the first start, make placeholder people.

    Their tokens are written to a file only its owner can read; they are kept nowhere else.
    """
    levels.judge(settings, report)
    ring = open_keyring(settings, custodian)
    database = Database(settings.database_url, ring)
    with database.read() as connection:
        found = [each.protocol for each in protocols.versions(connection)]
    made: list[demonstration.Credential] = []
    for protocol in found:
        vault.learn_cards(database, custodian, protocol)
        if settings.demonstration:
            with database.write() as connection:
                made.extend(demonstration.seed(connection, protocol))
    seal_what_is_there(database, ring, report)
    database.close()
    ring.close()
    if made:
        _write(settings.credentials_file, made)
        report(
            f"Made {len(made)} placeholder people and records systems; their tokens are in {settings.credentials_file}."
        )


def _write(path: Path, made: list[demonstration.Credential]) -> None:
    lines = [f"{each.token}  {each.agency}  {','.join(each.roles) or 'records-system'}  {each.name}\n" for each in made]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as out:
        out.writelines(lines)
