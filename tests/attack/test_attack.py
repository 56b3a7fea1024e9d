"""Whoever has everything of the operator, and no agency's key, gets no value and no outcome; with the key, both."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx2
import pytest

from tests.attack.attack import Attack, confidential_outcomes
from tests.attack.loot import Loot, steal
from tests.installation import Installation, installed

VALUE = "+1-555-0100 canary-attack-5f2e"
OUTCOMES = ("declined", "not-reached")
pytestmark = pytest.mark.server


class Crime(NamedTuple):
    """A stolen folder, and beside it the seed that was not stolen."""

    folder: Path
    seed: bytes


def complete(here: Installation, role: str, case: str, step: str, body: dict[str, object]) -> None:
    """Complete a step of a case as somebody, with an idempotency key as clients send one."""
    (found,) = [
        each for each in here.get(role, f"/cases/{case}")["tasks"] if each["step"] == step and each["status"] == "open"
    ]
    done = here.ask(role, "POST", f"/tasks/{found['id']}/complete", body, **{"Idempotency-Key": uuid4().hex})
    assert done.status_code == httpx2.codes.OK, done.text


@pytest.fixture(scope="module")
def crime(tmp_path_factory: pytest.TempPathFactory) -> Crime:
    """An installation that ran: a report, a referral with a number, a call that was declined; then it was stolen."""
    folder = tmp_path_factory.mktemp("crime")
    with installed(folder / "data") as here:
        for _ in range(1):
            body = {
                "protocol": "post-arrest-advocacy",
                "event": "arrest-booked",
                "source": "police",
                "key": uuid4().hex,
            }
            case = here.ask("police-records", "POST", "/incidents", body).json()["case"]
            complete(here, "patrol", case, "referral", {"outcome": "given", "vault": {"safe-numbers": VALUE}})
            complete(here, "advocate", case, "custody-check", {"outcome": "held"})
            complete(here, "advocate", case, "first-call", {"outcome": "declined"})
            assert here.get("advocate", f"/cases/{case}/protected/safe-numbers")["value"] == VALUE
    seed = (folder / "data" / "keys" / "agencies" / "advocacy.1.seed").read_bytes()
    return Crime(steal(folder / "data", folder / "loot"), seed)


@pytest.fixture(scope="module")
def attack(crime: Crime) -> Attack:
    """The attack with all that the operator has, done."""
    made = Attack(Loot(crime.folder))
    made.run()
    return made


def test_without_an_agencys_key_nothing_opens(attack: Attack) -> None:
    """No row, payload, value or kept answer of a confidential agency opens with any secret of the operator."""
    assert len(attack.loot.payloads) > 10
    assert len(attack.keys) > 500
    assert [where for where, _ in attack.loot.opened] == []
    assert attack.case_keys == {}


def test_no_value_stands_anywhere_in_any_spelling(attack: Attack) -> None:
    """Neither the number nor part of it is in any file: databases, Temporal's, logs, settings, keys."""
    assert attack.seen([VALUE, "canary-attack", "555-0100"]) == []


def test_no_outcome_of_a_confidential_agency_can_be_told(attack: Attack) -> None:
    """Outcomes stand in protocol texts and nowhere else, and trying every word on ids and hashes tells none."""
    words = confidential_outcomes(attack.protocols)

    assert set(OUTCOMES) <= words
    assert attack.outcomes_in_clear(OUTCOMES) == []
    assert attack.guessed() == []


def test_with_the_agencys_seed_everything_opens(crime: Crime) -> None:
    """The same attack with the agency's seed prints the number and the outcome: it would have found them."""
    attack = Attack(Loot(crime.folder), {"advocacy": crime.seed})
    opened = attack.run()
    kinds = {where.split(" ")[0] for where, _ in opened}

    assert kinds >= {"fact", "task", "slot_ref", "payload", "value", "an"}
    assert VALUE.encode() in [data for where, data in opened if where.startswith("value safe-numbers")]
    assert any(b"declined" in data for where, data in opened if where.startswith("fact"))
    assert any(b"declined" in data for where, data in opened if where.startswith("payload"))
    assert attack.guessed() != []


def test_what_is_planted_in_clear_is_found(crime: Crime, tmp_path: Path) -> None:
    """A value and an outcome written into a log are found there."""
    folder = steal(crime.folder, tmp_path / "planted")
    (folder / "logs" / "planted.log").write_text(f"number {VALUE}, the call was declined tonight")
    attack = Attack(Loot(folder))

    assert any(each.endswith("logs/planted.log") for each in attack.seen([VALUE]))
    assert attack.outcomes_in_clear(["declined"]) == ["declined in logs/planted.log"]
