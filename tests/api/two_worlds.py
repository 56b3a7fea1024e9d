"""Two worlds through the whole API and every page: for everybody outside each must answer alike to the byte.

``python -m tests.api.two_worlds --runs 200 --seed 1`` draws so many pairs of worlds that differ only in what happened
inside the confidential agency (what survivors and advocates did, chose, wrote), answers every route of the route table
in both, and prints how many answers were compared, how many differed, and the median time of each route in both.
``--share 0.25`` asks a quarter of the questions in each pair, drawn anew for each.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from random import Random
from statistics import median
from typing import Any, NamedTuple

import structlog
import time_machine
from fastapi import FastAPI
from sqlalchemy import select
from temporalio.client import Client

from api.cookies import SESSION
from store import tables
from store.policy import Subject, SubjectKind
from tests.api.staging import Stage, World, session_of, stage, token_of
from tests.store.streams import START
from tests.store.worlds import OUTSIDE_ACTS, STRIDE, Script, alike

STRIDES = 120
LOOKED_AT = (40, 80, STRIDES)
"""The strides at which outsiders look at everything."""
BY_CHANCE = {"x-request-id"}
"""Headers that are drawn for each request."""
GUESSES = 6
"""How many ids of each kind are guessed at a time, of all that exist in either world."""

VARIES = re.compile(
    rb'^handoff_request_seconds.*$|^# .*$|_created .*$|"request":"[0-9a-f]{32}"|name="key" value="[\w-]{16}',
    re.MULTILINE,
)
"""What no two requests share: the numbers drawn for them, how long each took, and what is drawn for a form's id."""

BODIES: dict[str, object] = {
    "complete": {"outcome": "given"},
    "vote": {"outcome": "given"},
    "reassign": {"role": "patrol"},
    "pass-on": {"reason": "not-now"},
    "pause": {"until": "2026-03-07T12:00:00Z", "reason": "other"},
    "holds": {"reason": "subpoena", "review_at": "2026-03-20T12:00:00Z"},
    "keep": {"review_at": "2026-03-20T12:00:00Z"},
    "lift": {},
    "erasures": {"ground": "request"},
    "events": {"event": "hearing-moved", "data": {"first-appearance": "2026-03-08T09:00:00-06:00"}},
    "releases": {"agency": "jail", "fields": ["notes"], "purpose": "housing", "until": "2026-04-01T12:00:00Z"},
    "threats": {
        "agency": "jail",
        "fields": ["notes"],
        "ground": "threat-to-life",
        "vault": {"reason": "placeholder"},
    },
    "stop": {},
    "go-on": {},
    "undo": {},
    "shields": {"person": "somebody-1"},
    "answer": {"yes": True},
    "sign": {},
}
"""What is sent to a route that changes something, by the last word of its path."""

NOT_VISITED = {
    ("post", "/api/v1/incidents"): "opens a case, which is the same act in both worlds",
    ("post", "/api/v1/protocols"): "compiles and publishes a text, which reads no case",
    ("post", "/api/v1/erasures/run"): "deletes at the servers; tests/api/test_erasure.py does it on real ones",
    ("post", "/api/v1/cases/{case}/break-glass"): "leaves a paper of the asker's own agency, named by chance",
    ("post", "/api/v1/protocols/{slug}/diff"): "compares a text with another, and reads no case",
    ("post", "/api/v1/protocols/{slug}/effect"): "asks every open case on the servers; tests/api/test_migrations.py",
    ("post", "/api/v1/protocols/{slug}/choices"): "asks every open case on the servers; tests/api/test_migrations.py",
    ("get", "/api/v1/migrations/{run}/way-back"): "asks the run's cases on the servers; tests/pages/test_council.py",
    ("post", "/api/v1/protocols/{slug}/migrations"): "orders a run, which reads no case but that it is open",
    ("post", "/api/v1/board/foresee"): "asks the cases' own workflows; nudging a task tells the rest too",
    ("post", "/api/v1/practice"): "begins a case that is nobody's, and reads none",
    ("post", "/api/v1/practice/{case}/forward"): "asks the case's own workflow, and of a real one gets no",
    ("post", "/api/v1/reports/check"): "judges a file's rows, and reads no case",
    ("post", "/api/v1/reports/send"): "opens cases, which is the same act in both worlds",
    ("put", "/api/v1/notifications/mine"): "says how the asker is reached, and reads no case",
    ("post", "/api/v1/notifications/mine/test"): "writes to the asker, and reads no case",
    **{
        (method, f"/api/v1/{path}"): "is about texts and votes; of cases it reads what the effect of a draft does"
        for method, path in (
            ("get", "council"), ("post", "council"), ("get", "revisions"), ("post", "revisions"),
            ("get", "revisions/{number}"), ("put", "revisions/{number}"), ("get", "revisions/{number}/effect"),
            ("post", "revisions/{number}/submit"), ("post", "revisions/{number}/acts"),
            ("get", "revisions/{number}/lines"), ("get", "revisions/{number}/rehearsal"),
            ("post", "revisions/{number}/rehearsal"), ("get", "revisions/{number}/rehearsal.svg"),
            ("get", "revisions/{number}/before-after"),
        )
    },
    **{
        (method, f"/api/v1/rotas{path}"): "is about who is on duty, by a clock of its own, and reads no case"
        for method, path in (
            ("get", ""), ("get", "/gaps"), ("post", "/{role}/shifts"), ("post", "/shifts/{shift}/cover"),
            ("post", "/shifts/{shift}/keep"), ("post", "/shifts/{shift}/yes"), ("post", "/shifts/{shift}/remove"),
            ("post", "/feed"), ("post", "/feed/end"),
        )
    },
    ("get", "/readyz"): "asks the servers, and reads no case",
    **{
        ("post", f"/api/v1/{path}"): "is about people and how they sign in, and reads no case"
        for path in (
            "enrolment", "enrolment/finish", "keyholder", "passkeys", "passkeys/options", "passkeys/{passkey}/remove",
            "people", "people/{person}/end", "people/{person}/link", "people/{person}/sign-out",
            "people/{person}/unlock", "session/hat", "session/step-up", "session/step-up/passkey", "sign-in",
            "sign-in/passkey", "sign-in/passkey/options", "sign-in/service/finish", "sign-in/service/{service}",
            "sign-out",
        )
    },
}  # fmt: skip


FORMS: dict[str, dict[str, str]] = {
    "/c/{code}/show/{slot}": {},
    "/b/read/{notice}": {},
    "/i/{task}/show/{slot}": {},
    "/c/{code}/permissions/{act}": {"to": "jail", "field": "notes", "purpose": "housing", "until": "2026-04-01"},
    "/i/{task}/{act}": {"outcome": "given", "to": "patrol", "reason": "not-now"},
}
"""What is sent from the pages' forms about cases, by where it is sent."""

PAGES_NOT_VISITED = {
    "/b/{act}": "asks of what was chosen what /api/v1/board/foresee says, and without a choice reads no case",
    "/t/{slug}/moves": "asks every open case on the servers, by routes that say the same; tests/pages/test_council.py",
}

FORMS_NOT_SENT = {
    **dict.fromkeys(
        ("/in", "/in/practice", "/hide", "/hat", "/language", "/draft"), "is about who is here, and reads no case"
    ),
    **{
        f"/s/{{protocol}}/{{event}}{each}": "opens cases or judges a file, as the routes do that it asks"
        for each in ("", "/file", "/rows")
    },
    **dict.fromkeys(("/r/put", "/r/feed", "/r/{shift}/{act}"), "is about who is on call, and reads no case"),
    "/b/{act}": "asks, for each task that was chosen, a route of the API that is asked here",
    **dict.fromkeys(
        (
            *("/me/reach", "/me/hide", "/me/test", "/me/out", "/me/passkeys", "/me/passkeys/{passkey}/remove"),
            *("/p", "/p/{person}/{act}", "/enrol", "/enrol/finish", "/in/service"),
        ),
        "is about people and how they sign in and are reached, and reads no case",
    ),
    "/notifications/answers": "is for the gateway of texts, with its secret",
    "/practice": "begins a case that is nobody's, and reads none",
    "/c/{code}/forward": "asks the case's own workflow, and of a real one gets no",
    "/have-it/{token}": "takes a task up for whom a link was made, which is sent to nobody else",
    **{
        f"/t/{{slug}}/{each}": "is about texts, votes and runs: what it does is a route of the API, which says why"
        for each in (
            "change",
            "publish",
            "move",
            "moves",
            "runs/{run}/{act}",
            "changes",
            "changes/{number}/{act}",
            "changes/{number}/rehearse",
        )
    },
}


@dataclass(frozen=True)
class Answer:
    """What an outsider gets: status, headers, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Visit(NamedTuple):
    """A question: of which route, and with what filled in."""

    method: str
    route: str
    path: str
    body: object


@dataclass
class Tally:
    """What a run asked and compared, and how long each route took in each of the worlds, in seconds.

    ``asks``: which paths it asks at all. ``once``: a seed, by which everybody asks each route once in all, with an id
    that exists at a look drawn for it. ``suffices``: how many differing answers end a run.
    """

    share: float = 1.0
    asks: Callable[[str], bool] = lambda _: True
    once: int | None = None
    suffices: int | None = None
    chance: Random = field(default_factory=lambda: Random(0))
    answers: int = 0
    statuses: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    differing: list[str] = field(default_factory=list)
    took: dict[str, tuple[list[float], list[float]]] = field(default_factory=lambda: defaultdict(lambda: ([], [])))


def rooms(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path that no schema tells of: the pages, and what their forms are sent to."""
    found: list[tuple[str, str]] = []
    for each in app.routes:
        for route in getattr(getattr(each, "original_router", None), "routes", ()):
            if not route.include_in_schema:
                found.extend((method.lower(), route.path) for method in route.methods)
    return sorted(found)


def page_visits(app: FastAPI, guessed: dict[str, list[str]]) -> Iterator[Visit]:
    """Every page with every id that exists in either world, and every form about cases."""
    for method, path in rooms(app):
        if (method == "get" and path not in PAGES_NOT_VISITED) or path in FORMS:
            for filled in _filled(path, guessed):
                yield Visit(method, path, filled, FORMS.get(path))


def visits(app: FastAPI, guessed: dict[str, list[str]]) -> Iterator[Visit]:
    """Every route with every id that exists in either world."""
    for path, operations in sorted(app.openapi()["paths"].items()):
        for method in sorted(set(operations) & {"get", "post", "put", "patch", "delete"}):
            if (method, path) in NOT_VISITED:
                continue
            body = BODIES.get(path.rpartition("/")[2]) if method != "get" else None
            for filled in _filled(path, guessed):
                yield Visit(method, path, filled, body)
            if any(each["name"] == "limit" for each in operations[method].get("parameters", ())):
                yield Visit(method, f"{path}?limit=1", f"{path}?limit=1", None)


def _filled(path: str, guessed: dict[str, list[str]]) -> Iterator[str]:
    """A path with its parameters filled in."""
    found = re.search(r"{(\w+)}", path)
    if found is None:
        yield path
        return
    for value in guessed.get(found[1], ["unknown"]):
        yield from _filled(path.replace(found[0], value, 1), guessed)


async def compare(
    stage: Stage, script: Script, seeds: tuple[int, int], tally: Tally, plant: Callable[[World], None] | None = None
) -> None:
    """Play two worlds of one script, and let every outsider look at everything in both, one after the other.

    ``plant`` does something to each world that leaks, to see it found: then one look of the coordinator's suffices.
    """
    plays = alike(stage.protocol, script, seeds)
    worlds = [stage.world(play, f"canary {seed} placeholder") for play, seed in zip(plays, seeds, strict=True)]
    for stride in LOOKED_AT if plant is None else LOOKED_AT[1:2]:
        now = START + stride * STRIDE
        for each in worlds:
            each.until(now)
            each.sign_in(stage.people, now)
            if plant is not None:
                plant(each)
        people = stage.people if plant is None else [each for each in stage.people if each.coordinates]
        await _look(stage, people, worlds, now, tally)
    for each in worlds:
        each.database.close()


async def _look(stage: Stage, people: Sequence[Subject], worlds: Sequence[World], now: int, tally: Tally) -> None:
    chance = Random(now)
    guessed: dict[str, list[str]] = {}
    for kind in ("task", "notice", "case"):
        found = sorted(worlds[0].ids(kind) | worlds[1].ids(kind))
        guessed[kind] = [*chance.sample(found, min(GUESSES, len(found))), "unknown"]
    guessed |= {"hold_id": ["unknown"], "note": ["unknown"]}
    found = sorted(worlds[0].papers() | worlds[1].papers())
    for kind, begins in (("release", "release"), ("glass", "glass"), ("word", "w")):
        guessed[kind] = [*[each for each in found if each.startswith(begins)][:1], "unknown"]
    guessed |= {"person": ["unknown"], "run": ["unknown"]}
    guessed |= {"slot": ["notes", "safe-numbers", "unknown"], "slug": [stage.protocol.id, "unknown"]}
    guessed |= {
        "code": guessed["case"],
        "act": ["take", "record"],
        "outcome": ["given"],
        "number": ["1"],
        "version": ["1"],
    }
    moment = datetime.fromtimestamp(now / 1_000_000, UTC)
    asked = [*visits(worlds[0].app, guessed), *page_visits(worlds[0].app, guessed)]
    asked = [each for each in asked if tally.asks(each.path)]
    for who in people:
        for method, _, path, body in _drawn_for(who, asked, now, tally):
            if method == "post" and _reaches_the_engine(stage, worlds, who, path):
                continue
            if not is_api(path) and who.kind is SubjectKind.SYSTEM:
                continue
            answers = []
            for number, world in enumerate(worlds):
                with time_machine.travel(moment, tick=False):
                    began = time.perf_counter()
                    answers.append(await _ask(world, who, method, path, body))
                tally.took[f"{method} {_pattern(path, guessed)}"][number].append(time.perf_counter() - began)
            tally.answers += 1
            tally.statuses[answers[0].status] += 1
            if answers[0] != answers[1]:
                tally.differing.append(f"{who.name}: {method} {path}: {answers[0]} and {answers[1]}")
            if len(tally.differing) == tally.suffices:
                return


def _drawn_for(who: Subject, asked: Sequence[Visit], now: int, tally: Tally) -> Iterator[Visit]:
    """What somebody asks at this look."""
    if tally.once is None:
        yield from (each for each in asked if tally.chance.random() < tally.share)
        return
    for (method, route), same in groupby(asked, key=lambda each: (each.method, each.route)):
        chance = Random(f"{tally.once} {who.name} {method} {route}")
        if START + chance.choice(LOOKED_AT) * STRIDE == now:
            found = list(same)
            yield chance.choice([each for each in found if "unknown" not in each.path.split("/")] or found)


def _reaches_the_engine(stage: Stage, worlds: Sequence[World], who: Subject, path: str) -> bool:
    """Whether a command would be sent on to a case: there is none here. ``test_main_job`` does it on a real one."""
    if "/cases/" in path and not path.endswith(("/releases", "/threats", "/shields", "/lift")):
        return not path.startswith("/api/v1/cases/unknown/")
    words = path.split("/")
    theirs = {who.agency}
    if who.coordinates and path.startswith("/api/v1/tasks/"):
        theirs |= {each.id for each in stage.protocol.agencies if not each.confidential}
    for world in worlds:
        with world.database.read() as connection:
            task, notice = tables.task, tables.notice
            own = select(task.c.id).where(task.c.id.in_(words), task.c.agency.in_(theirs))
            told = select(notice.c.id).where(notice.c.id.in_(words), notice.c.agency == who.agency)
            if connection.execute(own.union(told)).first() is not None:
                return True
    return False


def is_api(path: str) -> bool:
    """Whether a path is asked by programs; every other is a page, for whoever has a session."""
    return path.startswith(("/api/", "/healthz", "/metrics"))


async def _ask(world: World, who: Subject, method: str, path: str, body: Any) -> Answer:
    if is_api(path):
        headers = {"Authorization": f"Bearer {token_of(who)}"}
        found = await world.browser.request(method.upper(), path, json=body, headers=headers)
    else:
        world.let_ask()
        headers = {"Cookie": f"{SESSION}={session_of(who)}", "Sec-Fetch-Site": "same-origin"}
        found = await world.browser.request(method.upper(), path, data=body, headers=headers)
    by_chance = BY_CHANCE | ({"content-length"} if path == "/metrics" else set())
    kept = tuple(sorted((name, value) for name, value in found.headers.items() if name not in by_chance))
    return Answer(found.status_code, kept, VARIES.sub(b"", found.content))


def _pattern(path: str, guessed: dict[str, list[str]]) -> str:
    for kind, found in guessed.items():
        names = [each for each in found if each != "unknown"]
        path = "/".join(f"{{{kind}}}" if each in names else each for each in path.split("/"))
    return path


def drawn(chance: Random) -> tuple[Script, tuple[int, int]]:
    """A script and two seeds."""
    acts = {3: "given"} | {
        chance.randrange(4, STRIDES): chance.choice(sorted(OUTSIDE_ACTS)) for _ in range(chance.randrange(8))
    }
    first = tuple(chance.choice((1, 2, 4, 11, None)) for _ in range(3))
    return Script(acts=acts, first_acts=first, strides=STRIDES), (chance.randrange(10_000), chance.randrange(10_000))


async def run(client: Client, runs: int, seed: int, share: float) -> Tally:
    """So many pairs of worlds, and such a part of the questions in each."""
    tally, chance = Tally(share=share, chance=Random(seed)), Random(seed)
    with stage(client) as made:
        for number in range(1, runs + 1):
            await compare(made, *drawn(chance), tally)
            for each in made.folder.glob("world-*"):
                each.unlink()
            if number % 10 == 0:
                print(f"{number} pairs, {tally.answers:,} answers, {len(tally.differing)} differ", flush=True)  # noqa: T201
    return tally


async def _main(runs: int, seed: int, share: float) -> int:
    # A client that connects when it is first used: no route that is visited reaches Temporal.
    client = await Client.connect("127.0.0.1:1", lazy=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    tally = await run(client, runs, seed, share)
    for route, (one, other) in sorted(tally.took.items()):
        first, second = median(one) * 1e3, median(other) * 1e3
        print(f"{route:60} {len(one):7,} times, median {first:6.2f} and {second:6.2f} ms")  # noqa: T201
    print(f"statuses: {dict(sorted(tally.statuses.items()))}")  # noqa: T201
    print(f"{runs} pairs of worlds, {tally.answers:,} answers compared, {len(tally.differing)} differ")  # noqa: T201
    for each in tally.differing[:5]:
        print(each)  # noqa: T201
    return 1 if tally.differing else 0


def main() -> int:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0)
    chosen = parser.parse_args()
    return asyncio.run(_main(chosen.runs, chosen.seed, chosen.share))


if __name__ == "__main__":
    sys.exit(main())
