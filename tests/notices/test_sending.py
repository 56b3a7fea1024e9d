"""From a fact to a message at a real receiver, and what becomes of it there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message

import pytest
import time_machine
from sqlalchemy import insert, select, update
from standardwebhooks import Webhook as Signer

from protocol.messages import Reassign, TakeUp
from runtime.posting import webhooks
from runtime.posting.config import Dead, Gateway, Mail, Posting, Webhook
from runtime.posting.outcome import State
from store import rotas
from store.notices import errands, reach, replies, tables
from store.notices.errands import LEASE, Kind
from store.notices.reach import Quiet
from store.policy.tables import shield
from store.session import Database
from store.tables import task as task_table
from tests.notices.conftest import SECRET, World, world_on
from tests.notices.receivers import Mailbox, Receiver
from tests.store.streams import HOUR, MINUTE, START, actor, answer

Make = Callable[[Posting], World]
PHONE = "+15550100123"
TAKE_BY = "Take it by Sat 12:00 AM."


def texts_of(mails: list[Message]) -> list[str]:
    return [bytes(each.get_payload(decode=True)).decode().strip() for each in mails]


def to(box: Mailbox, role: str) -> list[str]:
    return texts_of([each for each in box.taken if each["To"] == f"{role}@example.org"])


def refer(world: World) -> None:
    """Patrol gives advocacy the case, which opens the advocate's first step."""
    (referral,) = world.play.live("referral")
    found = answer(world.play, referral, "given", random.Random(1), world.clock.at)
    assert world.play.do(actor(world.protocol, "patrol"), found, world.clock.at) is None


async def test_a_late_handoff_is_one_mail_to_whoever_answers_for_it(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """The sergeant gets one mail over TLS when the patrol's window has run out: a fixed text and nothing else."""
    world = make_world(Posting(email=mail))
    world.person("patrol")
    world.person("sergeant")
    await world.at(START + 2 * HOUR)
    await world.at(START + 2 * HOUR + 1)
    assert ["Rota: 1 item in your team is past its time. Please look."] == to(box, "sergeant-1")
    assert {True} == set(box.over_tls)
    assert {("Rota <rota@example.org>", "Rota")} == {(each["From"], each["Subject"]) for each in box.taken}


async def test_a_duty_is_repeated_by_both_ways_until_it_is_taken_up(
    make_world: Make, mail: Mail, box: Mailbox, texts: Gateway, receiver: Receiver
) -> None:
    """Text at 0, the second way at 2 minutes, both again every 5; sent stops nothing, taking up stops all."""
    world = make_world(Posting(email=mail, text=texts))
    patrol = world.person("patrol", phone=PHONE)
    for minute in range(8):
        await world.at(START + minute * MINUTE)
    codes = "Reply {} to take it, {} to pass it on."
    with world.database.read() as connection:
        (duty,) = [each for each in errands.of_case(connection, "case-1", "police") if each.kind is Kind.NEW]
    code = next(each.code for each in duty.contacts if each.code)
    said = codes.format(code, code + 1)
    assert [f"Rota: 1 item needs you. {TAKE_BY} {said}", f"Rota: still waiting for you. {TAKE_BY} {said}"] == [
        each["text"] for each in receiver.json()
    ]
    assert [f"Rota: 1 item needs you. {TAKE_BY} Open your list.", f"Rota: still waiting for you. {TAKE_BY} Open your list."] == to(box, "patrol-1")  # fmt: skip # noqa: E501
    (task,) = world.play.live("referral")
    assert world.play.do(actor(world.protocol, "patrol"), TakeUp(instance=task.n), world.clock.at) is None
    for minute in range(8, 30):
        await world.at(START + minute * MINUTE)
    assert (2, 2) == (len(receiver.bodies), len(box.taken))
    (over,) = [each for each in world.errands("police") if each.kind is Kind.NEW]
    assert ("taken", None) == (over.ended, over.next_at)
    assert {"Bearer gateway-key"} == {each["authorization"] for each in receiver.heads}
    assert {(patrol.id, "text"), (patrol.id, "email")} == {(each.person, each.channel) for each in over.contacts}


async def test_a_duty_that_the_ladder_moves_is_the_next_role_s(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """After 15 minutes the backup is told that it moved; the advocate hears no more; their rows are sealed."""
    world = make_world(Posting(email=mail))
    for role in ("advocate", "backup", "supervisor"):
        world.person(role)
    refer(world)
    await world.at(START)
    await world.at(START + 15 * MINUTE)
    before = len(to(box, "advocate-1"))
    await world.at(START + 21 * MINUTE)
    assert "Rota: 1 item needs you. Take it by 10:15 PM. Open your list." == to(box, "advocate-1")[0]
    assert ["Rota: 1 item moved to you at 10:15 PM. Take it by 10:25 PM. Open your list."] == to(box, "backup-1")[:1]
    assert before == len(to(box, "advocate-1"))
    with world.database.read() as connection:
        kept = connection.execute(select(tables.errand).where(tables.errand.c.owner == "advocacy")).all()
    assert {("-", None, None, 0, "")} == {(row.kind, row.role, row.instance, row.since, row.notes) for row in kept}
    assert all(row.sealed is not None for row in kept)


async def test_the_rota_is_asked_when_it_is_sent(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """Whoever comes on duty meanwhile gets the next text, as new; who went off duty gets none."""
    world = make_world(Posting(email=mail))
    first, second = world.person("advocate"), world.person("advocate", 2)
    with world.database.write() as connection:
        rotas.add_duty(connection, "advocate", first.id, START - HOUR, START + 3 * MINUTE)
        rotas.add_duty(connection, "advocate", second.id, START + 3 * MINUTE, START + HOUR)
    refer(world)
    await world.at(START)
    await world.at(START + 5 * MINUTE)
    assert (1, 1) == (len(to(box, "advocate-1")), len(to(box, "advocate-2")))
    assert to(box, "advocate-2")[0].startswith("Rota: 1 item needs you.")


async def test_who_is_kept_out_of_a_case_hears_nothing_of_it(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """A person shielded from the case is passed over, on duty or not."""
    world = make_world(Posting(email=mail))
    first = world.person("patrol")
    world.person("patrol", 2)
    row = {"case_id": "case-1", "person_id": first.id, "reason": "knows", "by_person": first.id, "by_agency": "police"}
    with world.database.write() as connection:
        connection.execute(insert(shield).values(at=START, **row))
    await world.at(START)
    assert (0, 1) == (len(to(box, "patrol-1")), len(to(box, "patrol-2")))


async def test_a_dead_address_is_left_and_the_next_person_told(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """No such mailbox: it is used no more, it shows as a gap, and the lead is told at once."""
    world = make_world(Posting(email=mail))
    patrol = world.person("patrol")
    world.person("sergeant")
    box.says["patrol-1@example.org"] = "550 no such user"
    notifier = world.notifier()
    await world.at(START, notifier)
    await notifier.turn()
    assert ([], 1) == (to(box, "patrol-1"), len(to(box, "sergeant-1")))
    with world.database.read() as connection:
        assert (("email", START),) == reach.of(connection, [patrol.id])[patrol.id].dead


async def test_a_server_that_cannot_now_is_asked_again(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """A mailbox that is busy is no dead address: it is tried after 5, 10, 20 seconds, in the same words and id."""
    world = make_world(Posting(email=mail))
    world.person("patrol")
    box.says["patrol-1@example.org"] = "451 later"
    await world.at(START)
    del box.says["patrol-1@example.org"]
    await world.at(START + 4_000_000)
    assert [] == box.taken
    await world.at(START + 5_000_000)
    assert 1 == len(box.taken)


async def test_a_webhook_is_signed_and_sent_again_until_it_is_taken(
    make_world: Make, hook: Webhook, receiver: Receiver
) -> None:
    """A receiver that answers 500 gets the same message, under the same id, until it answers 200; ids and no more."""
    world = make_world(Posting(webhooks=(hook,)))
    receiver.status = 500
    await world.at(START)
    await world.at(START + 6_000_000)
    receiver.status = 200
    await world.at(START + 30_000_000)
    await world.at(START + 60_000_000)
    assert (3, 1, 1) == (
        len(receiver.bodies),
        len(set(receiver.bodies)),
        len({h["webhook-id"] for h in receiver.heads}),
    )
    when = datetime.fromtimestamp(int(receiver.heads[-1]["webhook-timestamp"]), UTC)
    with time_machine.travel(when, tick=False):
        said = Signer(SECRET).verify(receiver.bodies[-1], receiver.heads[-1])
    assert ({"type", "timestamp", "task", "id"}, "notice.duty") == (set(said), said["type"])
    assert "case-1" not in receiver.bodies[-1].decode()


async def test_a_slow_receiver_keeps_nobody_waiting(
    make_world: Make, mail: Mail, box: Mailbox, hook: Webhook, receiver: Receiver
) -> None:
    """While a webhook's receiver does not answer, the mail about the same item has arrived."""
    world = make_world(Posting(email=mail, webhooks=(hook,)))
    world.person("patrol")
    receiver.slow = asyncio.Event()
    turn = asyncio.create_task(world.at(START))
    await receiver.came.wait()
    async with asyncio.timeout(10):
        await box.came.wait()
    assert not turn.done()
    receiver.slow.set()
    await turn


async def test_what_was_cut_off_goes_out_again_under_the_same_id(
    make_world: Make, texts: Gateway, receiver: Receiver
) -> None:
    """Killed between sending and writing that down: the next worker sends it again, same id, same words, same codes."""
    world = make_world(Posting(text=texts))
    world.person("patrol", phone=PHONE)
    receiver.slow = asyncio.Event()
    world.project()
    killed = asyncio.create_task(world.notifier().run())
    await receiver.came.wait()
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    receiver.slow.set()
    await world.at(START + LEASE)
    first, second = receiver.json()
    assert first == second


async def test_quiet_hours_hold_reminders_and_never_a_duty(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """At 22:00 in a night's quiet hours a duty goes out at once and one's own reminder at 7:00."""
    world = make_world(Posting(email=mail))
    patrol = world.person("patrol", phone=PHONE, channels=("email",), quiet=Quiet(start=21 * 60, end=7 * 60))
    await world.at(START)
    (duty,) = world.errands("police")
    own = replace(errands.new("police", Kind.REMIND, START, case_id="case-1"), role="patrol", instance=duty.instance)
    with world.database.write() as connection:
        errands.add(connection, [(own, None)])
    (task,) = world.play.live("referral")
    assert world.play.do(actor(world.protocol, "patrol"), TakeUp(instance=task.n), START) is None
    assert 1 == len(box.taken)
    await world.at(START + 1)
    assert 1 == len(box.taken)
    await world.at(START + 9 * HOUR)
    assert "Rota: still waiting for you." in to(box, "patrol-1")
    assert patrol.active


async def test_a_paused_clock_wakes_nobody(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """While the protocol itself has stopped a clock, as for a closed lane, its duty is not repeated; then it is."""
    world = make_world(Posting(email=mail))
    world.person("patrol")
    await world.at(START)
    with world.database.write() as connection:
        stopped = update(task_table).where(task_table.c.step == "referral")
        connection.execute(stopped.values(paused_until=START + 30 * MINUTE))
    for minute in range(5, 30, 5):
        await world.at(START + minute * MINUTE)
    assert 1 == len(box.taken)
    await world.at(START + 31 * MINUTE)
    assert 2 == len(box.taken)


async def test_who_is_handed_a_task_by_name_is_told_until_they_say_so(
    make_world: Make, mail: Mail, box: Mailbox
) -> None:
    """The named colleague, nobody else, hears that it moved; that they have it stops it, though no fact says so."""
    world = make_world(Posting(email=mail))
    first, second = world.person("patrol"), world.person("patrol", 2)
    await world.at(START)
    (task,) = world.play.live("referral")
    named = Reassign(instance=task.n, role="patrol", person=second.id)
    assert world.play.do(actor(world.protocol, "patrol"), named, START + MINUTE) is None
    await world.at(START + MINUTE)
    await world.at(START + 6 * MINUTE)
    assert 1 == len(to(box, "patrol-1"))
    assert [f"Rota: 1 item moved to you at 10:01 PM. {TAKE_BY} Open your list.", f"Rota: still waiting for you. {TAKE_BY} Open your list."] == to(box, "patrol-2")[1:]  # fmt: skip # noqa: E501
    with world.database.write() as connection:
        errands.confirmed(connection, "case-1", task.n, second.id, world.clock.at)
    await world.at(START + 12 * MINUTE)
    assert 3 == len(to(box, "patrol-2"))
    assert first.active


async def test_a_notice_that_waited_says_that_it_is_late(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """After an outage it comes late, and says so, with the time at which it should have come (law 2)."""
    world = make_world(Posting(email=mail))
    world.person("patrol")
    world.project()
    world.clock.at = START + 30 * MINUTE
    await world.notifier().turn()
    assert [f"Rota: late message, due 10:00 PM. System was down. {TAKE_BY} Open your list."] == to(box, "patrol-1")


async def test_an_outage_s_pages_are_one_text(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """A page that was repeated while nothing could be sent is said once, not once for each repeat."""
    world = make_world(Posting(email=mail))
    world.person("supervisor")
    refer(world)
    world.play.until(START + 4 * HOUR)
    world.project()
    world.clock.at = START + 4 * HOUR
    await world.notifier().turn()
    ended = [each.ended for each in world.errands("advocacy") if each.kind in {Kind.PAGED, Kind.TOLD}]
    assert ended.count("repeated") > 5
    assert ended.count("told") == len([said for said in to(box, "supervisor-1") if "past its time" in said]) <= 4


async def test_two_workers_send_each_thing_once(
    database: Database, mail: Mail, box: Mailbox, texts: Gateway, receiver: Receiver
) -> None:
    """On SQLite and PostgreSQL two loops over one outbox share it; nothing goes out twice."""
    world = world_on(database, Posting(email=mail, text=texts))
    world.person("patrol")
    world.person("clerk")
    world.person("patrol", 2, phone=PHONE, channels=("text",))
    world.project()
    one, two = world.notifier(), world.notifier()
    await asyncio.gather(one.turn(), two.turn())
    assert ["clerk-1@example.org", "patrol-1@example.org"] == sorted(each["To"] for each in box.taken)
    assert 1 == len(receiver.bodies)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "[::1]",
        "[fd00::1]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::a00:1]",
        "0.0.0.0",  # noqa: S104
    ],
)
async def test_a_webhook_never_leads_into_our_own_network(hook: Webhook, receiver: Receiver, host: str) -> None:
    """Private, loopback and link-local addresses are refused before anything is sent, whatever the name."""
    aimed = Webhook(id=hook.id, agency="police", url=f"https://{host}:{receiver.port}/in", secret_file=hook.secret_file)
    became = await webhooks.send(aimed, {"type": "notice.duty"}, id_="1", at=datetime.now(UTC))
    assert (State.LATER, "WEBHOOK_INSIDE", []) == (became.state, became.why, receiver.bodies)


async def test_a_receiver_that_points_elsewhere_is_not_followed(hook: Webhook, receiver: Receiver) -> None:
    """A redirect leads to no second request: messages go to the addresses of the file and nowhere else."""
    receiver.status, receiver.location = 307, f"{receiver.url}/elsewhere"
    became = await webhooks.send(hook, {"type": "notice.duty"}, id_="1", at=datetime.now(UTC))
    assert (State.LATER, "the receiver said 307", 1) == (became.state, became.why, len(receiver.bodies))


async def test_a_number_that_the_gateway_does_not_know_is_a_gap(
    make_world: Make, texts: Gateway, mail: Mail, box: Mailbox, receiver: Receiver
) -> None:
    """What a gateway answers of a dead number is configuration; the person's mail is used at once."""
    dead = Dead(field="code", values=("21211",))
    world = make_world(Posting(text=texts.model_copy(update={"dead": dead}), email=mail))
    patrol = world.person("patrol", phone=PHONE)
    receiver.status, receiver.body = 400, {"code": 21211}
    notifier = world.notifier()
    await world.at(START, notifier)
    await notifier.turn()
    assert (1, 1) == (len(receiver.bodies), len(to(box, "patrol-1")))
    with world.database.read() as connection:
        assert (("text", START),) == reach.of(connection, [patrol.id])[patrol.id].dead


async def test_delivered_is_not_received(make_world: Make, texts: Gateway, receiver: Receiver) -> None:
    """That a text arrived is kept and stops nothing; that it did not makes a gap, and the lead is told."""
    world = make_world(Posting(text=texts))
    patrol = world.person("patrol", phone=PHONE)
    world.person("sergeant", phone="+15550100124")
    notifier = world.notifier()
    await world.at(START, notifier)
    (first,) = receiver.json()
    with world.database.write() as connection:
        assert replies.reported(connection, first["id"], PHONE, delivered=True, now=START)
        assert not replies.reported(connection, "unknown-1", PHONE, delivered=True, now=START)
    (duty,) = world.errands("police")
    assert (["delivered"], None) == ([each.state for each in duty.contacts], duty.over_at)
    await world.at(START + 5 * MINUTE, notifier)
    assert [PHONE, PHONE] == [each["to"] for each in receiver.json()]
    with world.database.write() as connection:
        replies.reported(connection, receiver.json()[1]["id"], PHONE, delivered=False, now=START + 5 * MINUTE)
    await notifier.turn()
    assert "+15550100124" == receiver.json()[-1]["to"]
    assert patrol.active


async def test_a_duty_passed_on_is_the_next_person_s_at_once(
    make_world: Make, texts: Gateway, receiver: Receiver
) -> None:
    """A code is of one notice and one number; who passed hears no more of it while there is anybody else."""
    world = make_world(Posting(text=texts))
    first = world.person("patrol", phone=PHONE)
    world.person("sergeant", phone="+15550100124")
    notifier = world.notifier()
    await world.at(START, notifier)
    code = receiver.json()[0]["text"].partition(", ")[2][:3]
    with world.database.write() as connection:
        assert replies.read(connection, "+15550100124", code, START) is None
        found = replies.read(connection, PHONE, code, START)
        assert found is not None
        assert (first.id, replies.Wish.PASS) == (found.person, found.wish)
        replies.passed(connection, found.errand.id, first.id, START)
    await notifier.turn()
    await world.at(START + 5 * MINUTE, notifier)
    assert [PHONE, "+15550100124", "+15550100124"] == [each["to"] for each in receiver.json()]


async def test_a_page_of_a_case_that_is_erased_leaves_nothing(make_world: Make, mail: Mail) -> None:
    """With an agency's part of a case goes whom of it was told what."""
    world = make_world(Posting(email=mail))
    world.project()
    with world.database.write() as connection:
        errands.drop(connection, "case-1", "police")
    assert () == world.errands("police")
    assert world.errands("court")


async def test_nothing_is_written_for_nobody(make_world: Make) -> None:
    """Where nothing is sent no errand is kept, and one that is not over a week is forgotten only then."""
    world = make_world(Posting())
    world.project()
    with world.database.write() as connection:
        found = errands.claim(connection, START, 100)
        for each in found:
            errands.put_back(connection, each.over("told", START))
        assert 0 == errands.forget(connection, START + errands.KEPT)
        assert len(found) == errands.forget(connection, START + errands.KEPT + 1)
    assert found
