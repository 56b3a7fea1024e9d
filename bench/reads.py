"""Inbox, board and case page with 10,000 open cases on SQLite, and what a payload costs to seal and to open."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from temporalio.api.common.v1 import Payload

from protocol.messages import Answer, EventHappened
from runtime.codec import CaseCodec, CaseKeys, DerivedCaseKeys
from store import cases, handoffs, inbox, notices, schema
from store.keyring.payloads import PayloadKeys
from store.policy import Subject
from store.projector import Batch, project
from store.session import Connection, Database
from tests.store import rings
from tests.store.streams import HOUR, MINUTE, START, Play, actor, advocacy, publish

CASES = 10_000
AT_ONCE = 250
ROUNDS = 60
STATE = b'{"status": "open", "instances": [' + b'{"n": 1, "step": "first-call"},' * 95 + b"]}"
"""About 3 kB, as a case's state is."""


def measure() -> None:
    """Print both."""
    asyncio.run(_codec())
    with tempfile.TemporaryDirectory() as folder:
        _reads(Path(folder))


async def _codec() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ring = rings.ring_in(folder)
        derived = DerivedCaseKeys(folder / "keys")
        ids = [f"case-{number}" for number in range(1000)]
        for each in ids:
            ring.begin(each, ("advocacy",))
        for says, keys in (("derived", derived), ("from the keyring", PayloadKeys(ring, derived))):
            await _seal(says, keys, ids)
        cold = rings.ring_in(folder)
        began = time.perf_counter()
        for each in ids:
            cold.key(each, "codec")
        print(f"a key read from keys.db for the first time: {(time.perf_counter() - began) * 1e6 / len(ids):.0f} us")
        ring.close()
        cold.close()


async def _seal(says: str, keys: CaseKeys, ids: list[str]) -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=STATE)
    codecs = [CaseCodec(keys, "bench", each) for each in ids]
    took: dict[str, list[float]] = {"encode": [], "decode": []}
    for _ in range(5):
        began = time.perf_counter()
        sealed = [await each.encode([payload]) for each in codecs]
        took["encode"].append((time.perf_counter() - began) * 1e6 / len(ids))
        began = time.perf_counter()
        for each, found in zip(codecs, sealed, strict=True):
            await each.decode(found)
        took["decode"].append((time.perf_counter() - began) * 1e6 / len(ids))
    print(
        f"payload of {len(STATE):,} bytes, keys {says}: encode {statistics.median(took['encode']):.1f} us,"
        f" decode {statistics.median(took['decode']):.1f} us"
    )


def _reads(folder: Path) -> None:
    url = f"sqlite:///{folder / 'handoff.db'}"
    schema.upgrade(url)
    ring = rings.ring_in(folder)
    database = Database(url, ring)
    _fill(database)
    advocate = Subject(person_id="advocate-1", name="A", agency="advocacy", roles=("advocate", "legal-advocate"))
    coordinator = Subject(person_id="c-1", name="C", agency="council", roles=("coordinator",))
    now = START + 3 * HOUR
    asked: dict[str, Callable[[Connection, int], object]] = {
        "inbox, advocate": lambda c, _: inbox.inbox(c, advocate),
        "inbox, whole agency": lambda c, _: inbox.inbox(c, advocate, whole_agency=True),
        "board, coordinator": lambda c, _: handoffs.handoffs(c, coordinator, now),
        "board, advocate": lambda c, _: handoffs.handoffs(c, advocate, now),
        "notices, advocate": lambda c, _: notices.notices(c, advocate),
        "cases, advocate": lambda c, _: cases.recent(c, advocate),
        "one case, advocate": lambda c, n: cases.one(c, advocate, f"case-{n * 97 % CASES}"),
    }
    for says, ask in asked.items():
        took = []
        for number in range(ROUNDS):
            began = time.perf_counter()
            with database.read() as connection:
                ask(connection, number)
            took.append((time.perf_counter() - began) * 1000)
        took.sort()
        print(
            f"{says}, {CASES:,} open cases: first {took[-1]:.1f} ms at most, p50 {took[ROUNDS // 2]:.1f} ms,"
            f" p95 {took[ROUNDS * 95 // 100]:.1f} ms"
        )
    database.close()
    ring.close()
    print(f"handoff.db: {(folder / 'handoff.db').stat().st_size / CASES:,.0f} bytes a case")


def _fill(database: Database) -> None:
    protocol = advocacy()
    hash_ = publish(database, protocol)
    began = time.perf_counter()
    facts = 0
    for first in range(0, CASES, AT_ONCE):
        plays = [_play(number) for number in range(first, first + AT_ONCE)]
        facts += sum(len(each.facts) for each in plays)
        with database.write() as connection:
            project(connection, [Batch(each.case_id, protocol, hash_, each.facts) for each in plays])
    took = time.perf_counter() - began
    print(f"{facts:,} facts of {CASES:,} cases decided and projected: {facts / took:,.0f}/s")


def _play(number: int) -> Play:
    """A case as far as its number says: reported, referred, its custody checked, her call not answered yet."""
    protocol = advocacy()
    play = Play(protocol, f"case-{number}")
    now = START + number % 100 * MINUTE
    play.do(actor(protocol, "patrol"), EventHappened(event="arrest-booked"), now)
    stage = number % 4
    if stage > 0:
        _answer(play, "referral", "given", now + MINUTE)
    if stage > 1:
        _answer(play, "custody-check", "held", now + 5 * MINUTE)
    play.until(now + 2 * HOUR if stage == 3 else now + 10 * MINUTE)
    return play


def _answer(play: Play, step: str, outcome: str, now: int) -> None:
    (instance,) = play.live(step)
    found = next(each for each in play.protocol.step[step].outcomes if each.id == outcome)
    refs = {each.name: f"ref-{play.case_id}-{each.name}" for each in found.asks if each.name in play.protocol.slot}
    body = Answer(instance=instance.n, outcome=outcome, refs=refs)
    refusal = play.do(actor(play.protocol, instance.owners[0]), body, now)
    assert refusal is None, refusal


if __name__ == "__main__":
    measure()
