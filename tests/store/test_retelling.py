"""Who may tell a finished case again, and when too few others went the same way."""

from __future__ import annotations

from random import Random

import pytest

from protocol.engine.clocks import MINUTE
from protocol.errors import HandoffError
from protocol.messages import EventHappened
from protocol.scenarios.retelling import path, retold
from store import retelling
from store.custodian.local import LocalCustodian
from store.policy import Subject
from store.session import Database
from tests.store.ended import ADVOCACY_LEAD, ADVOCATE, CLERK, COORDINATOR, PATROL, ended
from tests.store.streams import START, Play, actor, advocacy, publish, store
from tests.store.test_erasure import custodian, process

__all__ = ["custodian", "process"]
OFTEN = 37 * MINUTE
"""Between two answers: none comes at the very instant something is due, where a minute's order decides."""


def told(database: Database, who: Subject, case: str = "case-1") -> str:
    with database.read() as connection:
        protocol, facts = retelling.whole(connection, who, case)
        retelling.enough(connection, who, protocol, path(facts))
    return retold(protocol, facts, "A case told again", Random(1))


def code_of(database: Database, who: Subject, case: str = "case-1") -> str:
    with pytest.raises(HandoffError) as caught:
        told(database, who, case)
    return caught.value.code


def test_a_path_of_fewer_than_five_cases_is_not_told(database: Database, custodian: LocalCustodian) -> None:
    """Four that went the same way are too few; with the fifth any may be told, and a sixth of another way not."""
    for number in range(1, 5):
        ended(database, custodian, f"case-{number}", seed=3, every=OFTEN)
    assert code_of(database, ADVOCACY_LEAD) == "RARE_PATH"
    ended(database, custodian, "case-5", seed=3, every=OFTEN)
    assert "first-call ended as talked" in told(database, ADVOCACY_LEAD)
    ended(database, custodian, "case-6", call="unsafe", seed=3, every=OFTEN)
    assert code_of(database, ADVOCACY_LEAD, "case-6") == "RARE_PATH"


def test_only_a_lead_of_the_confidential_agency_tells_it(database: Database, custodian: LocalCustodian) -> None:
    """Nobody else learns from the answer whether the case has ended, or whether anything was done inside."""
    ended(database, custodian)
    protocol = advocacy()
    play = Play(protocol, "open")
    play.do(actor(protocol, "patrol"), EventHappened(event="arrest-booked"), START)
    store(database, play, publish(database, protocol))
    for who in (ADVOCATE, CLERK, COORDINATOR, PATROL):
        assert {code_of(database, who, each) for each in ("case-1", "open")} == {"NOT_YOURS"}
    assert code_of(database, ADVOCACY_LEAD, "open") == "CASE_OPEN"
    assert code_of(database, ADVOCACY_LEAD, "none") == "NOT_FOUND"
