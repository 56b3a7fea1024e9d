"""Names of cases: the same for the same incident, and telling nothing."""

from __future__ import annotations

from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from protocol.state import Reply
from workflows.messages import CaseStart, CommandReply, case_id, linked_case_id, reply_of

KEY = bytes(range(32))


def test_an_incident_has_one_case_id() -> None:
    """The id depends on key, source and number, and on where one ends and the other begins."""
    ids = {case_id(*each) for each in ((KEY, "cad", "12"), (b"other", "cad", "12"), (KEY, "cad1", "2"))}

    assert case_id(KEY, "cad", "12") == case_id(KEY, "cad", "12")
    assert len(ids) == 3


def test_a_case_id_is_a_uuid_of_version_8() -> None:
    """Ids are UUIDs that hold a keyed hash, and neither a time nor a node."""
    ids = [UUID(case_id(KEY, "cad", str(number))) for number in range(100)]

    assert {(each.version, each.variant) for each in ids} == {(8, "specified in RFC 4122")}


def test_a_linked_case_has_its_own_id() -> None:
    """The fact, and after the end the command, tell one linked case from another."""
    ids = [linked_case_id(KEY, "a", 1), linked_case_id(KEY, "a", 2), linked_case_id(KEY, "a", 1, "c")]

    assert len(set(ids)) == 3


def test_the_first_command_opened_the_case() -> None:
    """Of all remembered answers the first is the one that opened the case, however often it is asked for."""
    replies = {"c1": Reply(seq=3), "c2": Reply(seq=5, instance=1)}

    assert reply_of(replies, "c1") == CommandReply(seq=3, opened=True)
    assert reply_of(replies, "c2") == CommandReply(seq=5, instance=1)
    assert reply_of(replies, "c3") is None


def test_a_message_has_no_unknown_keys() -> None:
    """A run started by newer code with more to carry is refused by older code, not cut short."""
    with pytest.raises(ValidationError):
        TypeAdapter(CaseStart).validate_json('{"protocol": "", "protocol_hash": "a", "debt": 1}')
