"""Values sealed by a records system: the agency's own keyholder alone opens them, whoever carries them meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

import cli
from store.custodian import envelope
from store.custodian.envelope import Card
from store.custodian.keys import KeyFolder
from store.custodian.remote import RemoteCustodian
from tests.store.keyholders import Running
from tests.store.test_keyholder import client, code_of, held, item, signed_in
from tests.store.test_vault import CANARY

__all__ = ["client", "held"]
FIELD = "safe-numbers"


def sealed(folder: Path, card: Card, *given: str, values: object = None) -> tuple[int, str]:
    """What ``handoff seal`` does with values on its standard input: its exit code, and what it prints."""
    (folder / "card.json").write_text(card.model_dump_json())
    asked = ["seal", "--card", str(folder / "card.json"), *given]
    found = CliRunner().invoke(cli.app, asked, input=json.dumps(values or {FIELD: CANARY}))
    return found.exit_code, found.stdout


def test_a_value_that_was_sealed_outside_opens_for_the_agencys_people(
    held: Running, client: RemoteCustodian, tmp_path: Path
) -> None:
    """The installation gets a text without the value in it, seals it as any other, and its advocate reads the value."""
    card = Card(card=client.describe("advocacy"))
    code, said = sealed(tmp_path, card, "--fingerprint", card.fingerprint)
    text = json.loads(said)[FIELD]
    assert (code, CANARY in said) == (0, False)
    found = client.open(signed_in(held, client), "task", [item(card.card, value=text.encode())])
    assert found == (CANARY.encode(),)


def test_what_is_no_envelope_of_this_agency_and_field_stays_as_it_came(
    held: Running, client: RemoteCustodian, tmp_path: Path
) -> None:
    """For another agency or field, altered, or a text that only begins so: shown as it lies, beside what opens."""
    card = client.describe("advocacy")
    text = envelope.seal(card, {FIELD: CANARY})[FIELD]
    others = (
        envelope.seal(card, {"notes": CANARY})["notes"],
        envelope.seal(KeyFolder(tmp_path / "other").card("advocacy"), {FIELD: CANARY})[FIELD],
        text[:-20] + "A" * 20,
        envelope.PREFIX.decode() + "called at nine",
    )
    items = [item(card, value=each.encode()) for each in (*others, text)]
    found = client.open(signed_in(held, client), "task", items)
    assert [each.decode() for each in found] == [*others, CANARY]


def test_nothing_is_sealed_to_another_card_than_the_one_given(
    held: Running, client: RemoteCustodian, tmp_path: Path
) -> None:
    """With a fingerprint that differs, with what is no card, with no texts, and over 24 KB: nothing is printed."""
    card = Card(card=client.describe("advocacy"))
    assert sealed(tmp_path, card, "--fingerprint", "00" * 32) == (1, "")
    assert sealed(tmp_path, card, values={FIELD: 7}) == (1, "")
    assert code_of(envelope.seal, card.card, {FIELD: "x" * (envelope.MOST + 1)}) == "VALUE_TOO_LONG"
    (tmp_path / "none.json").write_text("{}")
    assert code_of(envelope.read_card, tmp_path / "none.json") == "CARD_FILE"
