"""What two worlds stand on, and each of them: a whole application on a database, with people who ask it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import httpx2
from fastapi import FastAPI
from sqlalchemy import Connection, delete, insert, select, update
from temporalio.client import Client

from api.app import create_app
from api.deps import Services
from runtime.limits import Limits
from runtime.settings import Settings
from store import schema, tables, vault
from store.accounts import secrets
from store.accounts.tables import signed_in
from store.custodian.local import CustodianProcess
from store.custodian.port import Custodian
from store.edge_tables import agency, person, person_role
from store.people import TOKEN_PREFIX, hash_token
from store.plain import Plain
from store.policy import Subject
from store.releases import acts, filing, log, papers, words
from store.releases.document import DAY, Ground, Purpose, Recipient, Release
from store.releases.filing import Filed
from store.releases.glass import Glass, Reason
from store.releases.log import Line
from store.releases.papers import Kind, Paper
from store.releases.tables import paper
from store.session import Database
from store.vault import Sealing
from tests.store.conftest import SITE_KEY
from tests.store.rings import ring_in
from tests.store.streams import START, Play, advocacy, publish, store
from tests.store.worlds import observers


class Stage:
    """What both worlds stand on: a database with people, their tokens, a custodian, a Temporal without cases."""

    def __init__(self, folder: Path, custodian: Custodian, client: Client) -> None:
        self.folder = folder
        self.custodian = custodian
        self.client = client
        self.ring = ring_in(folder)
        self.protocol = advocacy()
        self.people = observers(self.protocol)
        self.template = folder / "template.db"
        url = f"sqlite:///{self.template}"
        schema.upgrade(url)
        database = Database(url)
        with database.write() as connection:
            connection.execute(update(tables.site).values(site_id="site", id_key=b"k" * 32))
            for each in self.protocol.agencies:
                connection.execute(insert(agency).values(id=each.id, name=each.id, confidential=each.confidential))
            for who in self.people:
                connection.execute(insert(person).values(_person(who)))
                for role in who.roles:
                    connection.execute(insert(person_role).values(person_id=who.person_id, role=role))
        self.hash = publish(database)
        vault.learn_cards(database, custodian, self.protocol)
        database.close()
        self.made = 0

    def world(self, play: Play, secret: str) -> World:
        """A world on a copy of the database: a case, whose protected values differ as well."""
        self.made += 1
        path = self.folder / f"world-{self.made}.db"
        shutil.copy(self.template, path)
        settings = Settings(data=self.folder, database_url=f"sqlite:///{path}")
        app = create_app(settings)
        database = Database(settings.database_url, self.ring)
        app.state.services = Services(
            settings=settings,
            database=database,
            custodian=self.custodian,
            ring=self.ring,
            client=self.client,
            case_key=b"c" * 32,
            page_key=b"p" * 32,
            site_key=SITE_KEY,
            account_key=b"a" * 32,
        )
        with database.write() as connection:
            sealing = Sealing(case_id=play.case_id, command_id=secret, now=START)
            vault.seal(connection, self.protocol, sealing, {"notes": Plain(secret)})
        browser = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1")
        return World(self, app, database, play, browser, Random(secret))


def share(connection: Connection, play: Play, chance: Random) -> None:
    """Releases to others, what they looked at, glass that was broken and words about it: other ones in each world."""
    for number in range(chance.randrange(4)):
        release = Release(
            id=f"release-{chance.randrange(1000)}-{number}",
            site="site",
            case_id=play.case_id,
            owner="advocacy",
            to=Recipient(agency="elsewhere", key=b"k" * 32),
            ground=chance.choice(tuple(Ground)),
            purpose=Purpose.HOUSING,
            fields=("notes",),
            starts=START,
            ends=START + chance.randrange(1, 90) * DAY,
            agreement="arrest-mou",
            agreed_until=START + 90 * DAY,
            drafted_by="advocate-1",
        )
        filing.keep(connection, Filed(release=release, code="-", drafted_at=START, signature=b"s" * 64))
        words.tell(connection, "advocacy", acts.told_of(release))
        line = Line(
            id=f"line-{number}",
            at=START,
            release=release.id,
            ground=release.ground,
            purpose=release.purpose,
            agency="elsewhere",
            person="somebody",
            name="Placeholder",
            roles=(),
            fields=("notes",),
        )
        log.enter(connection, "advocacy", play.case_id, line)
    if chance.randrange(2):
        glass = Glass(
            id=f"glass-{chance.randrange(1000)}",
            agency="advocacy",
            case_id=play.case_id,
            code="-",
            person="planner-1",
            name="Placeholder",
            reason=Reason.OTHER,
            minutes=60,
            asked_at=START,
        )
        said = glass.model_dump_json()
        papers.keep(connection, Paper(id=glass.id, agency="advocacy", kind=Kind.GLASS, said=said, case_id=play.case_id))


@dataclass
class World:
    """One world as outsiders meet it."""

    stage: Stage
    app: FastAPI
    database: Database
    play: Play
    browser: httpx2.AsyncClient
    chance: Random
    shared: bool = False

    def until(self, now: int) -> None:
        """Let everything that was recorded by then be projected."""
        store(self.database, self.play, self.stage.hash, [each for each in self.play.facts if each.recorded <= now])
        if not self.shared:
            self.shared = True
            with self.database.write() as connection:
                share(connection, self.play, self.chance)

    def sign_in(self, people: Sequence[Subject], now: int) -> None:
        """Give everybody a session of this moment, whose token is the same in both worlds."""
        with self.database.write() as connection:
            connection.execute(delete(signed_in))
            for who in people:
                row = {"hash": secrets.kept(session_of(who)), "person_id": who.person_id, "how": "password"}
                connection.execute(insert(signed_in).values(**row, began_at=now, seen_at=now, stepped_up_at=now))

    def let_ask(self) -> None:
        """Fill all buckets of what may be asked: no time passes while somebody looks at everything."""
        self.app.state.services = replace(self.app.state.services, limits=Limits())

    def papers(self) -> set[str]:
        """The ids of papers that exist here."""
        with self.database.read() as connection:
            return set(connection.execute(select(paper.c.id)).scalars())

    def ids(self, column: str) -> set[str]:
        """The public ids of one kind that exist here, hidden ones too: outsiders may guess them."""
        found = {"task": tables.task.c.id, "notice": tables.notice.c.id, "case": tables.case_file.c.case_id}[column]
        with self.database.read() as connection:
            return set(connection.execute(select(found)).scalars())


def _person(who: Subject) -> dict[str, object]:
    return {
        "id": who.person_id,
        "name": who.name,
        "agency": who.agency,
        "kind": who.kind.value,
        "email": None,
        "sources": "[]",
        "token_hash": hash_token(token_of(who)),
        "active": True,
    }


def token_of(who: Subject) -> str:
    """The bearer token of somebody."""
    return f"{TOKEN_PREFIX}{who.person_id}-placeholder"


def session_of(who: Subject) -> str:
    """The token of their session: the same in both worlds."""
    return f"{who.person_id}-session-placeholder"


@contextmanager
def stage(client: Client) -> Iterator[Stage]:
    """A stage in a folder of its own, short enough for a socket's path."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with CustodianProcess(folder / "keys", folder / "run") as process:
            yield Stage(folder, process.custodian, client)
