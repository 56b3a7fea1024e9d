"""Nothing that happens inside a confidential agency reaches anybody outside through any route of the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from random import Random, SystemRandom

import pytest
from sqlalchemy import Table, Update, update
from temporalio.client import Client

from store import tables
from tests.api.staging import Stage, World, stage
from tests.api.two_worlds import FORMS, FORMS_NOT_SENT, NOT_VISITED, Tally, compare, drawn, is_api, rooms, visits
from tests.store.streams import opened
from tests.store.worlds import Script

WORLDS = 7
"""The seed of the pair of worlds: ``python -m tests.api.two_worlds --runs 1 --seed 7`` asks everything in it."""


@pytest.fixture
async def made() -> AsyncIterator[Stage]:
    """What worlds stand on; no route that is visited reaches Temporal."""
    with stage(await Client.connect("127.0.0.1:1", lazy=True)) as found:
        yield found


@pytest.mark.timeout(180)
async def test_every_route_answers_outsiders_alike(made: Stage) -> None:
    """With the same outside acts and first acts, every answer to every outsider is equal to the byte.

    Each outsider asks each route and page once, when and with which id is drawn anew for each run.
    """
    seed = SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201
    tally = Tally(once=seed)
    await compare(made, *drawn(Random(WORLDS)), tally)

    assert tally.differing == [], f"asked by the seed {seed}"
    assert tally.statuses[200] > 100
    assert set(tally.statuses) <= {200, 204, 303, 401, 403, 404, 409}


def forgets(table: Table, **values: object) -> Update:
    """A label lost: what makes rows of a table a confidential agency's own."""
    return update(table).values(values)


PLANTS = {
    "tasks": forgets(tables.task, owner=None),
    "facts": forgets(tables.fact, owner=None),
    "notices": forgets(tables.notice, owner=None),
    "the case's end": forgets(tables.case_file, status_owner=None),
    "what was recorded": forgets(tables.field_value, owner=None),
    "inner facts as handoffs": forgets(tables.fact, outside=True, kind="taken-up"),
}

SEEN_ON_PAGES = {"tasks"}
"""The leaks that pages are asked about as well: they show what the API does, and the others cost time alone."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("leak", sorted(PLANTS))
async def test_a_planted_leak_is_found(made: Stage, leak: str) -> None:
    """With the labels of one table lost, outsiders of the two worlds see different things."""
    script = Script(acts={3: "given", 10: "report", 20: "dismissed", 25: "released"}, first_acts=(1, 2, 4), strides=120)

    def plant(world: World) -> None:
        with world.database.write() as connection:
            connection.execute(PLANTS[leak])

    tallies = [Tally(asks=is_api, suffices=1)]
    if leak in SEEN_ON_PAGES:
        tallies.append(Tally(asks=lambda path: not is_api(path), suffices=1))
    for tally in tallies:
        await compare(made, script, (25, 5), tally, plant)

        assert tally.differing


async def test_every_route_is_visited_or_says_why_not(made: Stage) -> None:
    """The routes left out exist, and every other is in the visits."""
    app = made.world(opened(made.protocol), "placeholder").app
    paths = app.openapi()["paths"]
    routes = {(method, path) for path, known in paths.items() for method in known}
    kinds = {kind for path in paths for kind in re.findall(r"{(\w+)}", path)}
    guessed = {kind: [f"-{kind}-"] for kind in kinds}
    visited = {
        (method, re.sub(r"-(\w+)-", r"{\1}", path.partition("?")[0])) for method, _, path, _ in visits(app, guessed)
    }

    assert set(NOT_VISITED) <= routes
    assert routes - visited == set(NOT_VISITED)


async def test_every_form_of_a_page_is_sent_or_says_why_not(made: Stage) -> None:
    """Pages are all looked at; what their forms are sent to is one of those sent, or one of those left out."""
    posts = [path for method, path in rooms(made.world(opened(made.protocol), "placeholder").app) if method == "post"]

    assert sorted(posts) == sorted([*FORMS, *FORMS_NOT_SENT])
