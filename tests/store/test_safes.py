"""Keys at rest: shut by a token of the PKCS #11 standard, and brought back by paper cards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import HandoffError
from runtime.settings import load
from store.custodian import escrow, safekeeping
from store.custodian.escrow import Card
from store.custodian.keys import KeyFolder
from store.custodian.local import CustodianProcess
from store.custodian.safes import SHUT, Token, TokenOptions

LIBRARIES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/local/lib/softhsm/libsofthsm2.so"))
PIN = "placeholder-pin"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenOptions]:
    """A token of SoftHSM, the standard's reference in software: a real PKCS #11 library."""
    library = next((each for each in LIBRARIES if each.exists()), None)
    assert library is not None, "these tests need SoftHSM: install the package softhsm2"
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    program = shutil.which("softhsm2-util")
    assert program is not None
    made = ["--init-token", "--free", "--label", "advocacy", "--pin", PIN, "--so-pin", "placeholder-so"]
    subprocess.run([program, *made], check=True, capture_output=True)
    (folder / "pin").write_text(PIN + "\n")
    yield TokenOptions(module=library, token="advocacy", pin_file=folder / "pin")
    del os.environ["SOFTHSM2_CONF"]


def seeds(folder: Path) -> list[bytes]:
    """What lies on the disk."""
    return [each.read_bytes() for each in sorted(folder.glob("*.seed"))]


def test_what_a_token_shuts_opens_by_that_token_alone(token: TokenOptions, tmp_path: Path) -> None:
    """The same keys after the folder is opened again; without the token, or with another key of it, none."""
    made = KeyFolder(tmp_path, Token(token))
    card = made.card("advocacy")
    made.rotate("advocacy")

    assert all(each.startswith(SHUT) for each in seeds(tmp_path))
    assert KeyFolder(tmp_path, Token(token)).key("advocacy", 1).public == card.public
    with pytest.raises(HandoffError, match="KEYS_SHUT"):
        KeyFolder(tmp_path).key("advocacy", 1)
    with pytest.raises(HandoffError, match="KEYS_SPOILED"):
        KeyFolder(tmp_path, Token(replace(token, key="another"))).key("advocacy", 1)


def test_shut_files_cannot_change_places(token: TokenOptions, tmp_path: Path) -> None:
    """A shut seed is bound to its agency and epoch."""
    made = KeyFolder(tmp_path, Token(token))
    made.card("advocacy")
    (tmp_path / "police.1.seed").write_bytes((tmp_path / "advocacy.1.seed").read_bytes())

    with pytest.raises(HandoffError, match="KEYS_SPOILED"):
        KeyFolder(tmp_path, Token(token)).key("police", 1)


def test_keys_that_lay_open_are_shut_and_open_as_before(token: TokenOptions, tmp_path: Path) -> None:
    """Once; a second time there is nothing left to shut."""
    plain = KeyFolder(tmp_path)
    card, share = plain.card("advocacy"), plain.engine_share("advocacy")
    (content,) = seeds(tmp_path)
    shut = KeyFolder(tmp_path, Token(token))

    assert (shut.protect(), shut.protect()) == (1, 0)
    again = KeyFolder(tmp_path, Token(token))
    assert (again.card("advocacy"), again.engine_share("advocacy")) == (card, share)
    assert content not in seeds(tmp_path)[0]


def test_a_custodian_works_on_shut_keys(token: TokenOptions, tmp_path: Path) -> None:
    """Its process opens the token itself; without its PIN it says what is wrong and does not start."""
    with CustodianProcess(tmp_path / "keys", tmp_path / "run", token) as process:
        card = process.custodian.describe("advocacy")
    (tmp_path / "pin").write_text("wrong-pin")

    assert all(each.startswith(SHUT) for each in seeds(tmp_path / "keys"))
    assert KeyFolder(tmp_path / "keys", Token(token)).card("advocacy") == card
    with pytest.raises(HandoffError, match="the PKCS #11 token that shuts its keys cannot be used"):
        CustodianProcess(tmp_path / "keys", tmp_path / "run", replace(token, pin_file=tmp_path / "pin"))


def test_a_token_that_is_not_there_is_named(token: TokenOptions, tmp_path: Path) -> None:
    """Library, label, PIN: each with the same code and its own sentence."""
    for wrong in (
        replace(token, module=tmp_path / "none.so"),
        replace(token, token="other"),
        replace(token, pin_file=tmp_path / "none"),
    ):
        with pytest.raises(HandoffError, match="TOKEN_DOWN"):
            Token(wrong)


def test_settings_name_a_token_whole_or_not_at_all(token: TokenOptions, tmp_path: Path) -> None:
    """Half of it is refused at the start, and keys that lie open are shut through them."""
    with pytest.raises(HandoffError, match="_TOKEN and _PIN_FILE"):
        load({"data": tmp_path, "pkcs11_token": "advocacy"})
    known = load(
        {"data": tmp_path, "pkcs11_module": token.module, "pkcs11_token": "advocacy", "pkcs11_pin_file": token.pin_file}
    )
    with pytest.raises(HandoffError, match="NO_TOKEN"):
        safekeeping.protect(load({"data": tmp_path}))
    KeyFolder(known.custodian_keys).card("police")

    assert safekeeping.protect(known) == 1


# Paper cards


@pytest.mark.parametrize(("need", "of"), [(2, 3), (3, 5), (2, 2)])
def test_any_k_of_the_cards_bring_every_key_back_and_fewer_none(tmp_path: Path, need: int, of: int) -> None:
    """Every set of that size, also for keys made after the cards were."""
    keys = KeyFolder(tmp_path / "keys")
    keys.card("advocacy")
    _, cards = keys.make_cards("advocacy", need=need, of=of)
    keys.rotate("advocacy")
    file = escrow.read(keys.escrow_file("advocacy"))

    for some in combinations(cards, need):
        assert escrow.open_(file, [Card.read(each.text()) for each in some]) == keys.seeds("advocacy")
    for few in combinations(cards, need - 1):
        with pytest.raises(HandoffError, match="CARDS_TOO_FEW"):
            escrow.open_(file, [*few, few[0]])


def test_lost_keys_are_put_back_and_open_what_they_opened(tmp_path: Path) -> None:
    """On a new machine, with the file and two cards, through the commands' own functions."""
    old, new = load({"data": tmp_path / "old"}), load({"data": tmp_path / "new"})
    card = KeyFolder(old.custodian_keys).card("advocacy")
    path, _, cards = safekeeping.cards(old, "advocacy", need=2, of=3)
    typed = [cards[2].text().lower(), cards[0].text().replace(" ", "")]

    assert safekeeping.drill(old, path, typed) == ("advocacy", 1)
    assert safekeeping.recover(new, path, typed, here=True) == ("advocacy", 1)
    assert safekeeping.recover(new, path, typed, here=True) == ("advocacy", 0)
    assert KeyFolder(new.custodian_keys).card("advocacy") == card


def test_a_drill_finds_a_file_that_is_older_than_the_keys(tmp_path: Path) -> None:
    """A copy from before a rotation does not bring the newest key back, and says so while there is time."""
    known = load({"data": tmp_path})
    keys = KeyFolder(known.custodian_keys)
    keys.card("advocacy")
    path, _, cards = safekeeping.cards(known, "advocacy", need=2, of=3)
    copy = tmp_path / "copy.json"
    shutil.copy(path, copy)
    keys.rotate("advocacy")
    typed = [each.text() for each in cards[:2]]

    with pytest.raises(HandoffError, match="ESCROW_OLD"):
        safekeeping.drill(known, copy, typed)
    assert safekeeping.drill(known, path, typed) == ("advocacy", 2)


def test_other_keys_are_not_overwritten(tmp_path: Path) -> None:
    """An agency that made new keys meanwhile keeps them: nothing is put back over them."""
    old, new = load({"data": tmp_path / "old"}), load({"data": tmp_path / "new"})
    for each in (old, new):
        each.make_folders()
        KeyFolder(each.custodian_keys).card("advocacy")
    path, _, cards = safekeeping.cards(old, "advocacy", need=2, of=2)
    before = seeds(new.custodian_keys)

    with pytest.raises(HandoffError, match="OTHER_KEYS"):
        safekeeping.recover(new, path, [each.text() for each in cards], here=True)
    assert seeds(new.custodian_keys) == before


def test_cards_of_another_escrow_a_slip_and_an_altered_file_are_told_apart(tmp_path: Path) -> None:
    """Each has its code: who stands there at night must know which of the three it is."""
    keys = KeyFolder(tmp_path)
    keys.card("advocacy")
    _, before = keys.make_cards("advocacy", need=2, of=2)
    made, cards = keys.make_cards("advocacy", need=2, of=2)
    altered = made.model_copy(update={"sets": (made.sets[0].model_copy(update={"nonce": "AAAAAAAAAAAAAAAA"}),)})

    with pytest.raises(HandoffError, match="CARD_OTHER"):
        escrow.open_(made, before)
    with pytest.raises(HandoffError, match="CARDS_WRONG"):
        escrow.open_(altered, cards)
    with pytest.raises(HandoffError, match="ESCROW_FILE"):
        escrow.read(tmp_path / "none.json")


@pytest.mark.parametrize(("need", "of"), [(1, 3), (4, 3), (2, 13), (6, 12)])
def test_a_number_of_cards_that_protects_nothing_is_refused(tmp_path: Path, need: int, of: int) -> None:
    """One card alone must never be enough, and nobody keeps hundreds of wraps."""
    keys = KeyFolder(tmp_path)
    keys.card("advocacy")

    with pytest.raises(HandoffError, match="CARDS_HOW_MANY"):
        keys.make_cards("advocacy", need=need, of=of)
    assert not keys.escrow_file("advocacy").exists()


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=20, max_size=20), st.integers(1, 12), st.integers(0, 43), st.sampled_from("ABCDEFGHZ234567"))
def test_a_card_with_one_wrong_letter_is_not_taken(secret: bytes, number: int, place: int, letter: str) -> None:
    """As printed it reads back; with a letter changed it is a slip, or (rarely, 1 in 1,024) another card's mark."""
    card = Card(number=number, mark="ABCD", secret=secret)
    text = card.text().replace(" ", "")
    assert Card.read(text) == card
    place = min(place, len(text) - 1)
    if text[place] != letter:
        assert _read(text[:place] + letter + text[place + 1 :]) != card


def _read(text: str) -> Card | str:
    try:
        return Card.read(text)
    except HandoffError as error:
        return error.code


def test_the_escrow_file_holds_no_seed_and_no_card(tmp_path: Path) -> None:
    """It may lie beside each card: nothing in it opens anything."""
    keys = KeyFolder(tmp_path)
    keys.card("advocacy")
    made, cards = keys.make_cards("advocacy", need=2, of=3)
    content = keys.escrow_file("advocacy").read_text()

    assert json.loads(content)["need"] == 2
    assert not [each for each in cards if each.text().split("-")[-1][:9] in content]
    assert keys.seeds("advocacy")[0][1].hex() not in content
    assert len(made.sets) == 3
