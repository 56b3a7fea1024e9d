"""What is said twice: under an idempotency key, of a page, and of an incident whose case is long over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import select
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from runtime.settings import Settings
from runtime.temporal_config import ServerOptions
from runtime.temporal_server import ensure_server
from store.edge_tables import idempotency
from store.session import Database
from tests.installation import Installation, installed
from tests.servers import until
from tests.workflows.drivers import eventually
from tests.workflows.texts import QUICK, RELAY

PAGING = QUICK.replace("protocol: quick", "protocol: paging").replace("when due: tell", "when due: page", 1)
KEY = "Idempotency-Key"
NUMBERS = (("2026-41", "2026-42"), ("2026-43",))
Json = dict[str, Any]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with two small protocols."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        for text in (RELAY, PAGING):
            done = httpx2.post(
                f"{found.url}/api/v1/protocols",
                content=text,
                headers={"Authorization": f"Bearer {found.token('coordinator')}"},
            )
            assert done.status_code == httpx2.codes.CREATED, done.text
        yield found


def report(here: Installation, protocol: str, key: str | None = None, event: str = "booked") -> httpx2.Response:
    body = {"protocol": protocol, "event": event, "source": "police", "key": key or uuid4().hex}
    return here.ask("police-records", "POST", "/incidents", body)


def opened(here: Installation, protocol: str) -> str:
    found: str = report(here, protocol).json()["case"]
    return found


def path_of(here: Installation, role: str, case: str) -> str:
    """The one task a role has in a case."""
    (found,) = [each for each in here.get(role, "/tasks?limit=200")["items"] if each["case"] == case]
    return f"/tasks/{found['id']}"


# Idempotency keys


def test_a_key_gives_its_first_answer_to_the_byte(here: Installation) -> None:
    """A request repeated under its key is answered as at first, though the task has changed since."""
    path, key = path_of(here, "patrol", opened(here, "relay")), uuid4().hex
    first = here.ask("patrol", "POST", f"{path}/take", **{KEY: key})
    here.ask("patrol", "POST", f"{path}/complete", {"outcome": "given"})
    again = here.ask("patrol", "POST", f"{path}/take", **{KEY: key})

    assert first.status_code == httpx2.codes.OK
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]


def test_a_key_is_for_one_request(here: Installation) -> None:
    """Another body or path under a person's key is refused and changes nothing; spacing and order may differ."""
    case = opened(here, "relay")
    key, path = uuid4().hex, f"/cases/{case}/events"
    first = here.ask("police-records", "POST", path, {"event": "note", "data": {}}, **{KEY: key})
    same = here.ask("police-records", "POST", path, {"data": {}, "event": "note"}, **{KEY: key})
    before = here.get("coordinator", f"/cases/{case}/timeline")
    others = [
        here.ask("police-records", "POST", path, {"event": "second"}, **{KEY: key}),
        here.ask("police-records", "POST", f"/cases/{opened(here, 'relay')}/events", {"event": "note"}, **{KEY: key}),
    ]

    assert (first.status_code, same.content) == (201, first.content)
    assert [(each.status_code, each.json()["code"]) for each in others] == [(422, "KEY_REUSED")] * 2
    assert others[0].headers["content-type"] == "application/problem+json"
    assert here.get("coordinator", f"/cases/{case}/timeline") == before


def test_a_key_is_its_persons_own(here: Installation) -> None:
    """Two people who happen on the same key are two requests; without a token a key tells nothing."""
    case, key = opened(here, "relay"), uuid4().hex
    patrol = here.ask("patrol", "POST", f"{path_of(here, 'patrol', case)}/complete", {"outcome": "given"}, **{KEY: key})
    clerk = here.ask("clerk", "POST", f"{path_of(here, 'clerk', case)}/complete", {"outcome": "filed"}, **{KEY: key})

    assert (patrol.status_code, clerk.status_code) == (200, 200)
    assert here.ask(None, "POST", "/cases/x/events", {}, **{KEY: key}).status_code == httpx2.codes.UNAUTHORIZED


def test_a_refusal_binds_its_key_and_is_judged_again(here: Installation) -> None:
    """A refused request may be repeated under its key, and another one may not take the key over."""
    path, key = path_of(here, "patrol", opened(here, "relay")), uuid4().hex
    bad = {"outcome": "no-such-outcome"}
    answers = [
        here.ask("patrol", "POST", f"{path}/complete", body, **{KEY: key}) for body in (bad, bad, {"outcome": "given"})
    ]

    assert [each.json()["code"] for each in answers] == ["UNKNOWN_OUTCOME", "UNKNOWN_OUTCOME", "KEY_REUSED"]


def test_a_key_too_long_is_refused(here: Installation) -> None:
    """A key of more than 200 characters gets a stable code."""
    refused = here.ask("police-records", "POST", "/incidents", {}, **{KEY: "k" * 201})

    assert (refused.status_code, refused.json()["code"]) == (422, "KEY_TOO_LONG")


def test_a_protected_value_leaves_no_trace_under_a_key(here: Installation) -> None:
    """Of a request only its fields' names count: with another protected value it is the same request."""
    body = {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    case = here.ask("police-records", "POST", "/incidents", body).json()["case"]
    path, key = path_of(here, "patrol", case), f"canary-{uuid4().hex}"
    given = [
        here.ask(
            "patrol", "POST", f"{path}/complete", {"outcome": "given", "vault": {"safe-numbers": each}}, **{KEY: key}
        )
        for each in ("+1-555-0100", "+1-555-0101")
    ]
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    with database.read() as connection:
        kept = connection.execute(select(idempotency.c.key, idempotency.c.body_hash, idempotency.c.response)).all()
    database.close()

    assert given[0].status_code == httpx2.codes.OK
    assert given[1].content == given[0].content
    assert here.get("advocate", f"/cases/{case}/protected/safe-numbers")["value"] == "+1-555-0100"
    assert given[0].content in [each.response for each in kept]
    assert not any("canary" in str(each) or "555-01" in str(each) for each in kept)


# Pages


def paged(here: Installation, case: str) -> Json:
    """The page of a case whose hand-over is late."""
    found: list[Json] = []

    def came() -> bool:
        found[:] = here.get("sergeant", f"/escalations?case={case}")["items"]
        return bool(found)

    until(came, "the page")
    return found[0]


def test_whom_a_page_went_to_marks_it_read(here: Installation) -> None:
    """The sergeant reads the page once, whatever is sent again; the list says when and by which role."""
    case = opened(here, "paging")
    page = paged(here, case)
    first, again = (here.ask("sergeant", "POST", f"/escalations/{page['id']}/read") for _ in range(2))
    listed = paged(here, case)
    stopped = [each for each in here.get("sergeant", f"/cases/{case}/timeline") if each["kind"] == "page-stopped"]

    assert (page["how"], page["read_at"], page["read_by"]) == ("page", None, None)
    assert (first.status_code, first.json()) == (200, listed)
    assert (listed["read_by"], listed["read_at"] is None) == ("sergeant", False)
    assert again.json() == first.json()
    assert len(stopped) == 1


def test_a_page_is_read_by_nobody_else(here: Installation) -> None:
    """Those who see a page to another role are told whose it is; an unknown one is not there; nothing changes."""
    case = opened(here, "paging")
    path = f"/escalations/{paged(here, case)['id']}/read"
    refused = [here.ask(role, "POST", path) for role in ("patrol", "clerk", "coordinator", "police-records")]
    unknown = here.ask("sergeant", "POST", "/escalations/no-such-page/read")

    assert [(each.status_code, each.json()["code"]) for each in refused] == [(403, "NOT_YOURS")] * 4
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    assert {each.headers["content-type"] for each in (*refused, unknown)} == {"application/problem+json"}
    assert paged(here, case)["read_at"] is None


def test_a_page_about_what_is_over_can_still_be_read(here: Installation) -> None:
    """Ending the task ends its pages; who was paged may say so afterwards."""
    case = opened(here, "paging")
    page = paged(here, case)
    here.ask("patrol", "POST", f"{path_of(here, 'patrol', case)}/complete", {"outcome": "given"})

    read = here.ask("sergeant", "POST", f"/escalations/{page['id']}/read")

    assert (read.status_code, read.json()["read_by"]) == (200, "sergeant")


# Cases that are long over


async def temporal_of(here: Installation) -> Client:
    """A client to an installation's own Temporal server."""
    address = (await ensure_server(ServerOptions(folder=here.data / "temporal"), print)).address
    return await Client.connect(address, namespace=Settings(data=here.data).temporal_namespace)


async def status_of(client: Client, case: str) -> WorkflowExecutionStatus | None:
    """What Temporal says of a case's run; None without one."""
    try:
        return (await client.get_workflow_handle(case).describe()).status
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return None


async def has_run(here: Installation, case: str) -> bool:
    return await status_of(await temporal_of(here), case) is not None


async def remove(here: Installation, over: tuple[str, ...], running: tuple[str, ...]) -> None:
    """Remove cases' runs from Temporal, as its retention does; the server takes about half a minute."""
    client = await temporal_of(here)

    async def has_ended(case: str) -> bool:
        return await status_of(client, case) is WorkflowExecutionStatus.COMPLETED

    async def is_gone(case: str) -> bool:
        return await status_of(client, case) is None

    for case in over:
        await eventually(partial(has_ended, case))
    for case in (*over, *running):
        execution = WorkflowExecution(workflow_id=case)
        request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        await client.workflow_service.delete_workflow_execution(request)
    for case in (*over, *running):
        await eventually(partial(is_gone, case), within=120)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Cases that Temporal has forgotten, by the number they were reported with: two ended, one open."""

    ended: dict[str, str]
    open: dict[str, str]


@pytest.fixture(scope="module")
def forgotten(here: Installation) -> Forgotten:
    """Cases whose runs are gone."""
    ended, running = ({each: report(here, "relay", each).json()["case"] for each in some} for some in NUMBERS)
    for case in ended.values():
        done = here.ask("clerk", "POST", f"/cases/{case}/events", {"event": "closed"})
        assert done.status_code == httpx2.codes.CREATED
    asyncio.run(remove(here, tuple(ended.values()), tuple(running.values())))
    return Forgotten(ended, running)


def cases_of(here: Installation) -> int:
    return len(here.get("coordinator", "/cases?protocol=relay&limit=200")["items"])


def test_a_report_joins_its_case_after_temporal_forgot_it(here: Installation, forgotten: Forgotten) -> None:
    """Repeated after its case's run was removed, a report joins that case: no run begins, no fact is added."""
    case = forgotten.ended["2026-41"]
    before = cases_of(here), here.get("coordinator", f"/cases/{case}/timeline")

    again = report(here, "relay", " 2026-41 ")

    assert again.status_code == httpx2.codes.OK
    assert (again.json()["case"], again.json()["joined"], again.json()["visible"]) == (case, True, True)
    assert (cases_of(here), here.get("coordinator", f"/cases/{case}/timeline")) == before
    assert not asyncio.run(has_run(here, case))


def test_what_was_never_recorded_is_too_late(here: Installation, forgotten: Forgotten) -> None:
    """A report of something else to a case that Temporal forgot is refused as by any ended case; a new arrest links."""
    case = forgotten.ended["2026-42"]
    path = f"/cases/{case}/events"

    other = report(here, "relay", "2026-42", event="note")
    note = here.ask("police-records", "POST", path, {"event": "note"})
    linked = [here.ask("police-records", "POST", path, {"event": "second"}, **{KEY: "arrest-2"}) for _ in range(2)]

    assert [(each.status_code, each.json()["code"]) for each in (other, note)] == [(409, "CASE_ENDED")] * 2
    assert [each.status_code for each in linked] == [201, 201]
    assert linked[0].json()["case"] == linked[1].json()["case"] != case


def test_an_open_case_without_a_run_is_never_taken_for_done(here: Installation, forgotten: Forgotten) -> None:
    """If the run of an open case is gone, a repeated report is not acknowledged and begins no other."""
    assert list(forgotten.open) == ["2026-43"]
    before = cases_of(here)

    again = report(here, "relay", "2026-43")

    assert (again.status_code, again.json()["code"]) == (409, "CASE_LOST")
    assert cases_of(here) == before
    assert not asyncio.run(has_run(here, forgotten.open["2026-43"]))


def test_one_number_in_two_protocols_is_two_cases(here: Installation) -> None:
    """The same number reported to two protocols opens a case in each."""
    answers = [report(here, protocol, "2026-44") for protocol in ("relay", "paging", "relay")]

    assert [(each.status_code, each.json()["joined"]) for each in answers] == [(201, False), (201, False), (200, True)]
