"""Backups of the main database and of the keys apart; a restore erases again what was erased since, or stays shut."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.errors import HandoffError
from runtime.settings import Settings
from store.custodian.local import CustodianProcess, LocalCustodian
from store.custodian.port import Grant
from store.erasure import backups, opening, orders
from store.erasure.carrying import KEYS_BACKED_UP_FOR, carry_out
from store.erasure.records import Ground, Hold, HoldReason, Order
from store.erasure.register import Register
from store.figures import figures
from store.keyring import Keyring
from store.keyring.opening import open_keyring, unlock
from store.session import Database
from store.vault import items_of
from tests.store.ended import ADVOCACY_LEAD, CANARY, COORDINATOR, DAY, Clock, ended, everything, refs_of
from tests.store.streams import START

NOW = START + 410 * DAY


@pytest.fixture(scope="module")
def process() -> Iterator[CustodianProcess]:
    with tempfile.TemporaryDirectory() as folder, CustodianProcess(Path(folder) / "keys", Path(folder)) as made:
        yield made


async def none(_case: str) -> int:
    """There is no Temporal here: it had no run of the case."""
    return 0


class Place:
    """An installation's databases with one ended case, and the folders of its backups."""

    def __init__(self, url: str, folder: Path, custodian: LocalCustodian) -> None:
        self.settings = Settings(data=folder / "data", database_url=url, custodian_dir=custodian.run)
        self.settings.make_folders()
        self.custodian = custodian
        self.main_to, self.keys_to = folder / "backups", folder / "backups-of-keys"
        with self.open() as database:
            ended(database, custodian)
            with database.read() as connection:
                self.figures = figures(connection, COORDINATOR, START - DAY, NOW)
                self.items = items_of(connection, "advocacy", "case-1", refs_of(database))

    @contextmanager
    def open(self) -> Iterator[Database]:
        """The main database as it is now, with the keys that there are."""
        with (
            closing(open_keyring(self.settings, self.custodian)) as ring,
            closing(Database(self.settings.database_url, ring)) as database,
        ):
            unlock(ring, database)
            ring.shares.open(("advocacy",))
            yield database

    def back_up(self, now: int = NOW) -> tuple[Path, Path]:
        return backups.back_up(self.settings, self.main_to, self.keys_to, now)

    async def erase(self) -> Order:
        """Advocacy's part, up to the destroyed keys."""
        with self.open() as database:
            with database.write() as connection:
                (order,) = orders.requested(connection, ADVOCACY_LEAD, "case-1", Ground.REQUEST, NOW, None)
            assert isinstance(database.keys, Keyring)
            with opening.means(self.settings, database, self.custodian, database.keys, none) as means:
                await carry_out(replace(means, now=Clock(NOW)), order)
        return order

    def restore(self, main: Path, keys: Path | None = None, now: int = NOW + DAY) -> int:
        return backups.restore(self.settings, main, keys, now).removed


@pytest.fixture
def place(migrated_url: str, tmp_path: Path, process: CustodianProcess) -> Place:
    return Place(migrated_url, tmp_path, process.custodian)


async def test_a_restored_backup_of_any_earlier_day_holds_nothing_that_was_erased(place: Place) -> None:
    """S15, must-show 8: no value, no engagement, the same figures; the sealed rows themselves open for nobody."""
    old, _ = place.back_up()
    await place.erase()
    assert place.restore(old) == 1

    opening.gate(place.settings)
    with place.open() as database:
        assert refs_of(database) == []
        found = everything(database)
        assert found["vault_value"] == found["vault_record"] == []
        assert CANARY not in str(found)
        with database.read() as connection:
            assert figures(connection, COORDINATOR, START - DAY, NOW) == place.figures
    with pytest.raises(HandoffError, match="VALUE_FORGOTTEN"):
        place.custodian.open(Grant(person="advocate-1", agency="advocacy"), "task", place.items)


async def test_a_main_database_put_back_by_other_means_stays_shut(place: Place) -> None:
    """However it came back: every program refuses to start on it until the list was carried out."""
    old, _ = place.back_up()
    await place.erase()
    backups._put_back(place.settings.database_url, old)
    with pytest.raises(HandoffError, match="ERASURES_TO_REPLAY"):
        opening.gate(place.settings)
    assert backups.replay_list(place.settings, NOW) == 1
    opening.gate(place.settings)


async def test_keys_put_back_from_before_an_erasure_do_not_make_the_list_forget(place: Place) -> None:
    """The list that is there is taken into the one of the backup; holds in force stand again."""
    old, keys = place.back_up()
    order = await place.erase()
    hold = Hold(id="hold-1", case_id="case-1", agency="court", reason=HoldReason.OTHER, set_at=NOW, review_at=NOW + DAY)
    with closing(Database(place.settings.keys_database_url)) as database:
        Register(database).keep_hold(hold)
    assert place.restore(old, keys) == 1
    with closing(Database(place.settings.keys_database_url)) as database:
        register = Register(database)
        assert [each.order.id for each in register.entries()] == [order.id]
        assert register.holds() == (hold,)
    with place.open() as database, database.read() as connection:
        assert [each.part for each in orders.unfinished(connection)] == ["advocacy"]
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM legal_hold").scalar_one() == 1


async def test_with_both_databases_of_an_earlier_day_the_custodian_still_refuses(place: Place) -> None:
    """The stated residual: such a copy has rows again, for seven days; no value of them opens."""
    old, keys = place.back_up()
    await place.erase()
    backups._put_back(place.settings.database_url, old)
    backups._put_back(place.settings.keys_database_url, keys)
    opening.gate(place.settings)
    with place.open() as database:
        refs = refs_of(database)
        assert refs
        with database.read() as connection:
            items = items_of(connection, "advocacy", "case-1", refs)
    with pytest.raises(HandoffError, match="VALUE_FORGOTTEN"):
        place.custodian.open(Grant(person="advocate-1", agency="advocacy"), "task", items)


def test_a_backup_of_the_keys_is_kept_for_seven_days(place: Place) -> None:
    """The next backup deletes it; put back after that it is refused; a main database's has no age."""
    main, keys = place.back_up()
    with pytest.raises(HandoffError, match="KEYS_BACKUP_OLD"):
        place.restore(main, keys, NOW + KEYS_BACKED_UP_FOR)
    place.back_up(NOW + KEYS_BACKED_UP_FOR - 1)
    assert keys.exists()
    _, newest = place.back_up(NOW + KEYS_BACKED_UP_FOR)
    assert (keys.exists(), newest.exists(), main.exists()) == (False, True, True)
    assert place.restore(main, None, NOW + 900 * DAY) == 0


def test_a_backup_holds_no_private_key_and_only_its_owner_reads_it(place: Place) -> None:
    """Two files and their manifests in each folder, 0600, and no byte of a seed."""
    written = place.back_up()
    seeds = [each.read_bytes() for each in (place.custodian.run / "keys").glob("*.seed")]
    assert seeds
    for path in written:
        files = [path, path.with_name(f"{path.name}.json")]
        assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
        assert not any(seed in each.read_bytes() for seed in seeds for each in files)


@pytest.mark.parametrize("folders", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_keys_do_not_lie_with_what_they_open(place: Place, tmp_path: Path, folders: tuple[str, str]) -> None:
    """One folder, or one in the other, is refused."""
    main_to, keys_to = (tmp_path / each for each in folders)
    with pytest.raises(HandoffError, match="BACKUP_TOGETHER"):
        backups.back_up(place.settings, main_to, keys_to, NOW)


def test_a_backup_that_is_not_what_it_says_is_not_put_back(place: Place) -> None:
    """An altered file, another database's file, and one without a manifest change nothing."""
    main, keys = place.back_up()
    with place.open() as database:
        before = everything(database)
    with pytest.raises(HandoffError, match="BACKUP_SPOILED"):
        place.restore(keys)
    main.write_bytes(main.read_bytes()[:-1] + b"x")
    with pytest.raises(HandoffError, match="BACKUP_SPOILED"):
        place.restore(main)
    with pytest.raises(HandoffError, match="BACKUP_SPOILED"):
        place.restore(main.with_name("none"))
    with place.open() as database:
        assert everything(database) == before
