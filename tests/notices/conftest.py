"""What the tests of notices share: a database with people and a case, real receivers, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from activities.notices.notifier import Notifier
from activities.notices.planning import Site
from protocol.kernel import Protocol
from protocol.state import Instant
from runtime.posting.config import Answers, Gateway, Mail, Posting, Webhook
from store import people, projector
from store.notices import errands, reach
from store.notices.errands import Errand
from store.people import Person
from store.projector import Batch
from store.session import Database
from tests.certificates import Authority
from tests.notices.receivers import Mailbox, Receiver, http_server, mail_server
from tests.store.conftest import database, fresh, learn_site_card, template
from tests.store.streams import START, Play, advocacy, opened, publish

__all__ = ["database", "fresh", "learn_site_card", "template"]

SECRET = "whsec_" + "c2VjcmV0" * 4


@dataclass
class Clock:
    """An instant that tests set."""

    at: Instant = START

    def __call__(self) -> Instant:
        return self.at


@dataclass
class World:
    """One case and everybody who may hear of it."""

    database: Database
    protocol: Protocol
    hash: str
    play: Play
    clock: Clock
    posting: Posting
    origin: str | None = None

    def person(self, role: str, number: int = 1, *, phone: str | None = None, **chosen: object) -> Person:
        """Somebody in a role, with an e-mail address and, if given, a telephone."""
        with self.database.write() as connection:
            made = people.add_person(
                connection,
                name=f"{role} {number}",
                agency_id=self.protocol.role[role].agency,
                roles=(role,),
                email=f"{role}-{number}@example.org",
            )
            if phone is not None or chosen:
                given: dict[str, object] = {
                    "language": "en",
                    "email": made.email,
                    "channels": ("text", "email"),
                    "quiet": None,
                    **chosen,
                }
                reach.choose(connection, made.id, phone=phone, **given)  # type: ignore[arg-type]
        return made

    def notifier(self) -> Notifier:
        return Notifier(self.database, Site(self.posting, self.origin), self.clock)

    def project(self) -> None:
        """Write the case's facts, as the worker does."""
        with self.database.write() as connection:
            batch = Batch(self.play.case_id, self.protocol, self.hash, self.play.facts)
            projector.project(connection, [batch], notify=True)

    async def at(self, now: Instant, notifier: Notifier | None = None) -> None:
        """Let the case and the notices come to an instant."""
        self.clock.at = now
        self.play.until(now)
        self.project()
        await (notifier or self.notifier()).turn()

    def errands(self, agency: str) -> tuple[Errand, ...]:
        with self.database.read() as connection:
            return errands.of_case(connection, self.play.case_id, agency)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "mail-authority")


@pytest.fixture
async def box(authority: Authority) -> AsyncIterator[Mailbox]:
    async with mail_server(authority) as found:
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_server() as found:
        yield found


@pytest.fixture
def mail(box: Mailbox, authority: Authority) -> Mail:
    return Mail(host="localhost", port=box.port, sender="rota@example.org", ca_file=authority.file)


@pytest.fixture
def texts(receiver: Receiver, tmp_path: Path) -> Gateway:
    secret = tmp_path / "gateway.secret"
    secret.write_text("gateway-key\n")
    return Gateway(
        url=receiver.url,
        headers={"Authorization": "Bearer {secret}"},
        body={"to": "{to}", "text": "{text}", "id": "{id}"},
        secret_file=secret,
    )


@pytest.fixture
def hook(receiver: Receiver, tmp_path: Path) -> Webhook:
    secret = tmp_path / "webhook.secret"
    secret.write_text(SECRET)
    return Webhook(id="police-cad", agency="police", url=receiver.url, secret_file=secret, inside=True)


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    secret = tmp_path / "answers.secret"
    secret.write_text("answers-key\n")
    return Answers(secret_file=secret)


@pytest.fixture
def make_world(fresh: Callable[[], Database]) -> Callable[[Posting], World]:
    """A case that has just opened, in a database with its protocol and agencies, and nobody yet."""

    def make(posting: Posting) -> World:
        return world_on(fresh(), posting)

    return make


def world_on(database: Database, posting: Posting) -> World:
    """As ``make_world``, on a given database."""
    protocol = advocacy()
    hash_ = publish(database)
    with database.write() as connection:
        for each in protocol.agencies:
            people.add_agency(connection, each.id, each.id.title(), confidential=each.confidential)
    return World(database, protocol, hash_, opened(protocol), Clock(), posting)
