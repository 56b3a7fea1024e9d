"""A case of advocacy with values, custodians that listen, and people of both agencies, for the tests of releases."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import time_machine

from store import people, vault
from store.custodian import remote
from store.custodian.keys import KeyFolder
from store.custodian.local import SOCKET, TOKEN, LocalCustodian
from store.custodian.router import Custodians
from store.custodian.server import Keeper, Server
from store.policy import Subject
from store.releases import acts
from store.releases.acts import Wanted
from store.releases.document import DAY, Form, Purpose, Signed, Signer
from store.releases.filing import Filed
from store.session import Database
from tests.store import rings
from tests.store.conftest import learn_site_card
from tests.store.keyholders import PASSWORD, Running, running
from tests.store.streams import START, actor, advocacy, answer, opened, publish, store
from tests.store.test_vault import accept, seal

CANARY = "612-555-0147 after nine, ask for the bakery"
NOTE = "canary of the notes"
SIGNED = Signed(by_survivor=True, explained_by="advocate-1", form=Form.PAPER, signer=Signer.SURVIVOR)


@contextmanager
def listening(folder: Path, run: Path) -> Iterator[LocalCustodian]:
    """The embedded custodian's own server on its own socket, in this process, so that its clock can be moved."""
    run.mkdir(parents=True, exist_ok=True)
    (run / TOKEN).write_text("placeholder")
    server = Server(run / SOCKET, "placeholder", Keeper(KeyFolder(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield LocalCustodian(run)
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class House:
    """What the tests of releases stand in."""

    database: Database
    custodian: Custodians
    clock: time_machine.Traveller
    held: Running | None = None

    @property
    def now(self) -> int:
        """The present instant."""
        return time.time_ns() // 1_000

    def later(self, micros: int) -> None:
        """Let time pass."""
        self.clock.shift(micros / 1_000_000)

    def who(self, name: str, agency: str, *roles: str) -> Subject:
        """A person, with the grant of advocacy's keyholder if there is one."""
        found = Subject(person_id=f"{name}-1", name=f"{name} placeholder", agency=agency, roles=roles)
        if self.held is None or agency != "advocacy":
            return found
        if name not in self.held.secrets:
            self.held.enrol(name)
        token = self.custodian.sign_in("advocacy", name, PASSWORD, self.held.totp(name))
        self.later(30_000_000)
        return replace(found, grant=token)

    def draft(self, who: Subject, fields: tuple[str, ...] = ("safe-numbers",), **changed: Any) -> Filed:
        """A draft for the prosecutor, of a month."""
        wanted = Wanted(
            agency="court", role="prosecutor", fields=fields, until=self.now + 30 * DAY, purpose=Purpose.COURT_DATE
        )
        return acts.draft(self.database, self.custodian, who, "case-1", replace(wanted, **changed), now=self.now)

    def release(self, who: Subject, fields: tuple[str, ...] = ("safe-numbers",), **changed: Any) -> Filed:
        """A release that she signed."""
        drafted = self.draft(who, fields, **changed)
        return acts.sign(self.database, self.custodian, who, drafted.release.id, SIGNED, self.now)


@contextmanager
def house(
    database: Database, tmp_path: Path, run: Path, *, keyholder: bool = False, grounds: Sequence[str] = ()
) -> Iterator[House]:
    """A case with safe numbers and notes; with ``keyholder``, advocacy's keys and its legal profile are at home."""
    known = tmp_path / "known"
    known.mkdir()
    with (
        time_machine.travel(START / 1_000_000, tick=True) as clock,
        listening(tmp_path / "keys", run) as local,
    ):
        custodian = Custodians(local, known)
        if keyholder:
            with running(tmp_path / "box", grounds=grounds) as held:
                remote.enrol(known, held.code())
                made = House(database, custodian, clock, held)
                _fill(made)
                yield made
        else:
            made = House(database, custodian, clock)
            _fill(made)
            yield made


def _fill(made: House) -> None:
    protocol = advocacy()
    play = opened(protocol)
    hash_ = publish(made.database)
    with made.database.write() as connection:
        for each in protocol.agencies:
            people.add_agency(connection, each.id, each.id, confidential=each.confidential)
    vault.learn_cards(made.database, made.custodian, protocol)
    (referral,) = play.live("referral")
    play.do(actor(protocol, "patrol"), answer(play, referral, "given", Random(1), START), START)
    store(made.database, play, hash_)
    accept(made.database, play, seal(made.database, safe_numbers=CANARY, notes=NOTE), hash_)


@contextmanager
def on_sqlite(template: Path, folder: Path) -> Iterator[Database]:
    """A database of its own, copied from the migrated template."""
    shutil.copy(template, folder / "handoff.db")
    made = Database(f"sqlite:///{folder / 'handoff.db'}", rings.ring_in(folder))
    learn_site_card(made)
    yield made
    made.close()
