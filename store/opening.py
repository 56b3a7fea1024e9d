"""Opening for business: the bundled protocols published, and placeholder people for trying them out.

Safe to run at every start: what is there stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from protocol.compiling import Compiled, compile_text
from protocol.errors import HandoffError
from protocol.kernel import Protocol, Slug
from protocol.state import Instant
from runtime import texts
from store import demonstration, protocols, vault
from store.custodian.port import Custodian
from store.demonstration import Credential
from store.policy import SubjectKind
from store.session import Database

INSTALLER = "installation"
"""Who published the protocols that come with Handoff."""

RECORDS = "records"
HEADING = """\
# Tokens of the placeholder people of this installation. Whoever holds one acts as that person: keep this file private.
# Use one with: handoff tasks --as NAME
"""
Report = Callable[[str], None]


def publish_bundled(
    database: Database, custodian: Custodian, now: Instant, today: date, report: Report
) -> tuple[Protocol, ...]:
    """Publish the bundled texts that are not published yet, oldest first; gives the newest version of each.

    A bundled text that cannot be published is reported and left out; it never replaces one that is in force.
    """
    newest: list[Protocol] = []
    for slug, versions in texts.bundled().items():
        for number, path in sorted(versions.items()):
            try:
                _publish(database, slug, number, texts.read_bytes(path), now, today)
            except HandoffError as error:
                report(f"{path.name} of {slug} was not published. {error.message}")
        with database.read() as connection:
            found = protocols.versions(connection, slug)
        if found:
            newest.append(found[0].protocol)
    for protocol in newest:
        vault.learn_cards(database, custodian, protocol)
    return tuple(newest)


def _publish(database: Database, slug: Slug, number: int, data: bytes, now: Instant, today: date) -> None:
    with database.read() as connection:
        known = {each.version: each.source for each in protocols.versions(connection, slug)}
    if known.get(number) == data.decode(errors="replace"):
        return
    compiled: Compiled = compile_text(data, today=today)
    if compiled.protocol.id != slug:
        raise HandoffError("SLUG", f"It stands in the folder {slug} and calls itself {compiled.protocol.id}.")
    with database.write() as connection:
        protocols.publish(
            connection, compiled.protocol, compiled.source, published_at=now, published_by=INSTALLER, version=number
        )


def add_people(database: Database, shown: Sequence[Protocol], file: Path) -> int:
    """Make one placeholder person for each role that nobody has; their tokens go to the file. How many were made."""
    made: list[Credential] = []
    with database.write() as connection:
        for protocol in shown:
            made.extend(demonstration.seed(connection, protocol))
        if made:
            # Inside the transaction: people whose tokens nobody could read would be of no use.
            _append(file, made)
    return len(made)


def _append(file: Path, made: Sequence[Credential]) -> None:
    before = file.read_text(encoding="utf-8") if file.exists() else HEADING
    lines = "".join(f"{name_of(each):<24} {each.token} {each.name}, {each.agency}\n" for each in made)
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(before + lines)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(file)


def name_of(credential: Credential) -> str:
    """What the command line calls somebody: their role, or ``AGENCY-records`` for a records system."""
    if credential.kind is SubjectKind.SYSTEM or not credential.roles:
        return f"{credential.agency}-{RECORDS}"
    return credential.roles[0]


def token_of(file: Path, name: str) -> str:
    """The token under a name in the credentials file.

    Raises:
        HandoffError: ``NO_CREDENTIALS`` when the file or the name is not there.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        says = f"There are no credentials in {file}. Give --token, or start this installation with: handoff up"
        raise HandoffError("NO_CREDENTIALS", says) from None
    known = {found[0]: found[1] for each in lines if not each.startswith("#") and len(found := each.split()) > 1}
    if name not in known:
        raise HandoffError("NO_CREDENTIALS", f"Nobody is called {name} in {file}. There is {', '.join(known)}.")
    return known[name]
