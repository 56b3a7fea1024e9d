"""Backups: the main database, and the keys' database in another place; neither holds an agency's private key.

A backup of the keys is kept for seven days, so that keys which were destroyed are gone after that; one of the main
database may be kept for as long as anybody likes. Each file has a manifest beside it: of which installation, when, and
its hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.state import Instant
from runtime.settings import Settings
from store import ids, schema
from store.custodian.local import CustodianProcess, LocalCustodian
from store.custodian.safes import options_of
from store.erasure.carrying import KEYS_BACKED_UP_FOR
from store.erasure.register import Register
from store.erasure.replaying import replay, to_replay
from store.keyring.opening import open_keyring, unlock
from store.session import Database

MAIN, KEYS = "handoff", "keys"
DUMP_WITHIN = 3600.0
"""Seconds for PostgreSQL's own tools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup is: ``of`` which database and ``site``, from when, its ``form`` (sqlite, postgres), its SHA-256."""

    of: str
    site: str
    at: Instant
    form: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore put back: from when, and how many erased parts of cases were removed from it again."""

    at: Instant
    removed: int


def back_up(settings: Settings, main_to: Path, keys_to: Path, now: Instant) -> tuple[Path, Path]:
    """Write a backup of each database, and delete backups of the keys that have been kept for seven days.

    Raises:
        HandoffError: ``BACKUP_TOGETHER`` when both would lie in one folder; ``BACKUP_TOOL`` when PostgreSQL's tool is
            missing or does not do it; ``BACKUP_FOLDER``.
    """
    main_to, keys_to = main_to.resolve(), keys_to.resolve()
    if main_to == keys_to or main_to in keys_to.parents or keys_to in main_to.parents:
        raise HandoffError(
            "BACKUP_TOGETHER", "keys lie apart from what they open: give two folders, neither in the other"
        )
    with closing(Database(settings.database_url)) as database, database.read() as connection:
        site, _ = ids.site_of(connection)
    Register(Database(settings.keys_database_url))
    written = tuple(
        _write(url, folder, of, site, now)
        for of, url, folder in ((MAIN, settings.database_url, main_to), (KEYS, settings.keys_database_url, keys_to))
    )
    for path, manifest in backups(keys_to, KEYS):
        if manifest.at <= now - KEYS_BACKED_UP_FOR:
            path.unlink(missing_ok=True)
            _manifest_of(path).unlink(missing_ok=True)
    return written[0], written[1]


def backups(folder: Path, of: str) -> Iterator[tuple[Path, Manifest]]:
    """The backups of a database in a folder, oldest first."""
    for each in sorted(folder.glob(f"{of}-*.json")):
        try:
            yield each.with_suffix(""), Manifest(**json.loads(each.read_text()))
        except (ValueError, TypeError):
            raise HandoffError("BACKUP_SPOILED", f"{each} is not a backup's manifest") from None


def restore(settings: Settings, main_from: Path, keys_from: Path | None, now: Instant) -> Restored:
    """Put a main database back, with the keys of a backup or those that are there, and carry the erasure list out.

    The database opens to nobody before that: cut off in between, every program refuses to start (``opening.gate``).

    Args:
        settings: the installation, which must be stopped.
        main_from: a backup of the main database, of any age.
        keys_from: a backup of the keys' database, at most seven days old; None: the keys that are there.
        now: the present instant.

    Raises:
        HandoffError: ``BACKUP_SPOILED``, ``BACKUP_FORM``, ``BACKUP_OTHER_SITE``, ``KEYS_BACKUP_OLD``, ``BACKUP_TOOL``.
    """
    found = _checked(main_from, MAIN, settings.database_url)
    if keys_from is not None:
        of_keys = _checked(keys_from, KEYS, settings.keys_database_url)
        if of_keys.site != found.site:
            raise HandoffError("BACKUP_OTHER_SITE", "these two backups are of different installations")
        if of_keys.at <= now - KEYS_BACKED_UP_FOR:
            raise HandoffError("KEYS_BACKUP_OLD", "a backup of keys is kept for seven days, and this one is older")
        _put_keys_back(settings, keys_from)
    _put_back(settings.database_url, main_from)
    return Restored(at=found.at, removed=replay_list(settings, now))


def replay_list(settings: Settings, now: Instant) -> int:
    """Carry the erasure list out on the main database as it is; how many parts were removed.

    The custodian that runs here is asked for the engine's shares, or started for as long as this takes: what other
    agencies have in a case is written anew with it.

    Raises:
        HandoffError: ``ERASURES_TO_REPLAY`` when some could not be; ``ENGINE_LOCKED`` when a keyholder elsewhere that
            has a part in such a case does not answer.
    """
    schema.upgrade(settings.database_url)
    with ExitStack() as open_here:
        custodian = LocalCustodian(settings.custodian_dir)
        if not custodian.answers():
            custodian = open_here.enter_context(
                CustodianProcess(settings.custodian_keys, settings.custodian_dir, options_of(settings))
            ).custodian
        ring = open_here.enter_context(closing(open_keyring(settings, custodian)))
        database = open_here.enter_context(closing(Database(settings.database_url, ring)))
        register = open_here.enter_context(closing(Register(Database(settings.keys_database_url))))
        unlock(ring, database)
        removed = replay(database, register, ring, now)
        left = to_replay(database, register)
        database.empty_log()
    if left:
        raise HandoffError("ERASURES_TO_REPLAY", f"{len(left)} erased parts of cases could not be removed again")
    return removed


def _put_keys_back(settings: Settings, backup: Path) -> None:
    """Put the keys' database back; what the list that was there knows of is not forgotten."""
    with closing(Database(settings.keys_database_url)) as before:
        try:
            register = Register(before)
            entries, holds = register.entries(), register.holds()
        except HandoffError:
            # It is lost: that is why a backup is put back.
            entries, holds = (), ()
    _put_back(settings.keys_database_url, backup)
    with closing(Database(settings.keys_database_url)) as after:
        Register(after).merge(entries, holds)


def _write(url: str, folder: Path, of: str, site: str, now: Instant) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HandoffError("BACKUP_FOLDER", f"{folder} cannot be written: {error.strerror}") from None
    made = make_url(url)
    form = "sqlite" if made.get_backend_name() == "sqlite" else "postgres"
    stamp = clocks.moment(now).strftime("%Y%m%dT%H%M%S.%fZ")
    path = folder / f"{of}-{stamp}.{form}"
    part = path.with_name(f"{path.name}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    if form == "sqlite":
        with closing(sqlite3.connect(str(made.database))) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
    else:
        _tool("pg_dump", url, "--format=custom", "--no-owner", "--file", str(part))
    part.rename(path)
    manifest = Manifest(of=of, site=site, at=now, form=form, sha256=_hash(path))
    handle = os.open(_manifest_of(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(json.dumps(asdict(manifest), sort_keys=True) + "\n")
    return path


def _checked(path: Path, of: str, url: str) -> Manifest:
    try:
        found = Manifest(**json.loads(_manifest_of(path).read_text()))
        same = found.of == of and found.sha256 == _hash(path)
    except (OSError, ValueError, TypeError):
        raise HandoffError("BACKUP_SPOILED", f"{path} is no backup with its manifest beside it") from None
    if not same:
        raise HandoffError("BACKUP_SPOILED", f"{path} is not what its manifest says; nothing was put back")
    form = "sqlite" if make_url(url).get_backend_name() == "sqlite" else "postgres"
    if found.form != form:
        raise HandoffError("BACKUP_FORM", f"this backup is of {found.form}, and the database here is {form}")
    return found


def _put_back(url: str, backup: Path) -> None:
    made = make_url(url)
    if made.get_backend_name() != "sqlite":
        _tool("pg_restore", url, "--clean", "--if-exists", "--no-owner", "--single-transaction", str(backup))
        return
    path = Path(str(made.database))
    part = path.with_name(f"{path.name}.part")
    shutil.copyfile(backup, part)
    part.chmod(0o600)
    for ending in ("-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    part.replace(path)


def _tool(name: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs; the password goes by the environment, which other users cannot read."""
    program = shutil.which(name)
    if program is None:
        raise HandoffError("BACKUP_TOOL", f"{name} of PostgreSQL is not on the path")
    made = make_url(url)
    plain = made.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    words = {} if made.password is None else {"PGPASSWORD": str(made.password)}
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, without a shell
        [program, *arguments, "--dbname", plain],
        env={"PATH": os.defpath, **words},
        capture_output=True,
        text=True,
        timeout=DUMP_WITHIN,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        raise HandoffError("BACKUP_TOOL", f"{name} did not do it: {said}")


def _manifest_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
