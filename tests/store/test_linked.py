"""Linked cases, items and votes as the store keeps and shows them."""

from __future__ import annotations

from protocol.compiling.compiler import compile_text
from protocol.kernel import Protocol
from protocol.messages import Answer, CastVote, EventHappened, LinkNotice
from protocol.state import Item, Value
from store import cases, inbox, linked, timeline
from store.policy import Subject
from store.rebuild import rebuild
from store.session import Database
from tests.protocol.texts import TODAY, compiled
from tests.store.streams import HOUR, MINUTE, START, Play, actor, publish, store
from tests.store.worlds import subject
from tests.workflows.texts import ERRAND, errand

PLAN: tuple[Item, ...] = (
    {"task": "first", "owner": "idva", "deadline": START + 90 * HOUR},
    {"owner": "police-rep", "deadline": START + 95 * HOUR, "task": "second"},
)


def who(protocol: Protocol, role: str) -> Subject:
    return subject(protocol, role)


def began(protocol: Protocol, event: str, agency: str, **fields: bool) -> Play:
    """A case of another protocol than P1."""
    play = Play(protocol)
    brought = {name.replace("_", "-"): value for name, value in fields.items()}
    who = actor(protocol, protocol.agency[agency].leads[0])
    assert play.do(who, EventHappened(event=event, fields=dict(brought)), START) is None
    return play


def met() -> Play:
    """P3 up to its meeting, a vote cast."""
    marac = compiled("marac").protocol
    play = began(marac, "concern-raised", "partners", self_referred=True)
    forms: dict[str, dict[str, Value]] = {
        "screening/scored": {"dash-score": 20, "judged-high": True, "incidents": 0},
        "listing/listed": {"meeting-date": START + 2 * HOUR, "next-meeting": START + 100 * HOUR},
    }
    for name, fields in forms.items():
        step, _, outcome = name.partition("/")
        (found,) = play.live(step)
        body = Answer(instance=found.n, outcome=outcome, fields=fields)
        assert play.do(actor(marac, found.owners[0]), body, START + MINUTE) is None
    play.until(START + 3 * HOUR)
    assert play.do(actor(marac, "police-rep"), CastVote(instance=play.live("meeting")[0].n), START + 3 * HOUR) is None
    return play


def planned() -> Play:
    """P3 after its meeting, with two actions."""
    play = met()
    (found,) = play.live("meeting")
    assert play.do(actor(play.protocol, "idva"), CastVote(instance=found.n), START + 3 * HOUR) is None
    body = Answer(instance=found.n, outcome="planned", fields={"plan": PLAN})
    assert play.do(actor(play.protocol, "chair"), body, START + 4 * HOUR) is None
    return play


def test_a_voter_sees_what_it_votes_on(database: Database) -> None:
    """A task of another agency is in the list of who has a vote on it, with the votes so far, and of nobody else."""
    play = met()
    store(database, play, publish(database, play.protocol))
    with database.read() as connection:
        lists = {
            role: inbox.inbox(connection, who(play.protocol, role)).rows
            for role in ("chair", "police-rep", "idva", "health-rep")
        }
    seen = {role: [each.votes for each in rows if each.step == "meeting"] for role, rows in lists.items()}
    votes = {"police-rep": None}

    assert seen == {"chair": [votes], "police-rep": [votes], "idva": [votes], "health-rep": []}


def test_each_item_is_a_task_of_its_own(database: Database) -> None:
    """An item stays with its task, whoever owns it, and a rebuild writes the same bytes."""
    play = planned()
    store(database, play, publish(database, play.protocol))
    with database.read() as connection:
        tasks = cases.one(connection, who(play.protocol, "chair"), play.case_id).tasks
    found = {each.owners: each.item for each in tasks if each.step == "action"}
    report = rebuild(database)

    assert found == {("idva",): PLAN[0], ("police-rep",): PLAN[1]}
    assert report.before == report.after


def test_linked_cases_are_on_the_page(database: Database) -> None:
    """A case's page has its linked cases with when they opened and ended, where the text waits for that."""
    play = began(errand(), "begun", "police")
    hash_ = publish(database, errand())
    store(database, play, hash_)
    with database.read() as connection:
        waiting = linked.unopened(connection)
    for number, ended in enumerate((False, True), 1):
        notice = LinkNotice(link="papers", seq=3, ended=ended)
        play.do(actor(errand(), "patrol"), notice, START + number * HOUR)
    store(database, play, hash_)
    with database.read() as connection:
        (found,) = cases.one(connection, who(errand(), "clerk"), play.case_id).links
        opened = linked.unopened(connection)

    assert (waiting, opened) == ({("errand", "papers"): 1}, {})
    assert (found.seq, found.link, found.event) == (3, "papers", "booked")
    assert (found.opened_at, found.ended_at) == (START + HOUR, START + 2 * HOUR)


def test_an_end_that_nothing_waits_for_is_not_shown(database: Database) -> None:
    """Whether a linked case has ended may be private there: it, and what would tell it, is shown to nobody here."""
    text = ERRAND.replace("when: papers ends", "when: more")
    protocol = compile_text(text, today=TODAY).protocol
    play = began(protocol, "begun", "police")
    for each in (LinkNotice(link="papers", seq=3), EventHappened(event="more"), EventHappened(event="begun")):
        play.do(actor(protocol, "patrol"), each, START + HOUR)
    play.do(actor(protocol, "patrol"), LinkNotice(link="papers", seq=3, ended=True), START + HOUR)
    store(database, play, publish(database, protocol))
    with database.read() as connection:
        kinds = [each.kind for each in timeline.timeline(connection, who(protocol, "clerk"), play.case_id)]
        (found,) = cases.one(connection, who(protocol, "clerk"), play.case_id).links
    recorded = [each.body.kind for each in play.facts]

    assert {"passed-on", "link-not-started"} <= set(recorded) - set(kinds)
    assert (recorded.count("link-noticed"), kinds.count("link-noticed")) == (2, 1)
    assert (found.opened_at, found.ended_at) == (START + HOUR, None)


def test_a_count_is_shown(database: Database) -> None:
    """What a record counts is among its fields, as it stands."""
    text = ERRAND.replace("events:\n", "record:\n mores: count of more\nevents:\n")
    protocol = compile_text(text, today=TODAY).protocol
    play = began(protocol, "begun", "police")
    for _ in range(3):
        play.do(actor(protocol, "patrol"), EventHappened(event="more"), START + HOUR)
    store(database, play, publish(database, protocol))
    with database.read() as connection:
        (found,) = cases.one(connection, who(protocol, "clerk"), play.case_id).fields

    assert (found.field, found.value) == ("mores", 3)


def test_a_paused_lane_is_shown(database: Database) -> None:
    """The page shows which lane's clocks stand still, and since when."""
    protocol = compiled("full-case-flow").protocol
    play = began(protocol, "call-received", "dispatch")
    hash_ = publish(database, protocol)
    play.do(actor(protocol, "patrol"), EventHappened(event="new-arrest"), START + MINUTE)
    store(database, play, hash_)
    with database.read() as connection:
        found = cases.one(connection, who(protocol, "patrol"), play.case_id)

    assert [(each.lane, each.since) for each in found.pauses] == [("monitoring", START + MINUTE)]
    assert [(each.link, each.event) for each in found.links] == [(None, "arrest-reported")]
