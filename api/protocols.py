"""Protocol texts: read by everybody signed in, published by the coordinator; running cases keep theirs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.deps import Here, Who, now
from api.views import Closed, when
from protocol.compiling.compiler import compile_text
from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.revising.diff import Difference, diff
from protocol.revising.lines import Line, line_changes
from protocol.telling.drawing import draw
from protocol.telling.forms import Form
from protocol.telling.graph import graph
from protocol.telling.outline import Outline, outline
from protocol.telling.tabular import Row, rows
from store import protocols, vault
from store.revisions import keeping

router = APIRouter(prefix="/protocols")

MOST_VERSIONS = 1_000_000
Numbered = Annotated[int | None, Query(ge=1, le=MOST_VERSIONS)]


class VersionOut(Closed):
    """One published version."""

    protocol: Slug
    title: str
    version: int
    hash: str
    published_at: datetime | None
    zone: str


class TextOut(Closed):
    """A version's text; which one is in force, since when; and every version, newest first."""

    text: str
    version: int
    hash: str
    in_force: int
    since: datetime | None
    versions: list[VersionOut]


class Draft(Closed):
    """A text that is not published."""

    text: Annotated[str, Field(max_length=300_000)]


class ChangeOut(Closed):
    """One change in meaning: its rule, how grave it is, one sentence, and the agencies that must agree to it."""

    unit: str
    code: str
    grade: str
    says: str
    consent: list[Slug]


class DiffOut(Closed):
    """What a text changes in the one with the hash ``base``; the worst change rules how a council decides.

    ``lines`` are those of the texts as they were written that differ, with a few around them.
    """

    base: str
    worst: str
    majority: str
    consent: list[Slug]
    changes: list[ChangeOut]
    lines: list[Line]


def _out(found: protocols.Version) -> VersionOut:
    return VersionOut(
        protocol=found.slug,
        title=found.protocol.title,
        version=found.version,
        hash=found.hash,
        published_at=when(found.published_at),
        zone=found.protocol.zone,
    )


@router.get("")
async def every(here: Here, who: Who) -> list[VersionOut]:
    """Every published version, newest first within each protocol."""
    _ = who
    return [_out(each) for each in await here.read(protocols.versions)]


@router.get("/{slug}")
async def one(slug: Slug, here: Here, who: Who, version: Numbered = None) -> TextOut:
    """A protocol's text as the council wrote it: the one in force, or an earlier version."""
    _ = who
    found = await here.read(lambda connection: protocols.numbered(connection, slug, version))
    current = await here.read(lambda connection: protocols.current(connection, slug))
    since = await here.read(lambda connection: protocols.in_force_since(connection, slug))
    versions = await here.read(lambda connection: protocols.versions(connection, slug))
    return TextOut(
        text=found.source,
        version=found.version,
        hash=found.hash,
        in_force=current.version,
        since=when(since),
        versions=[_out(each) for each in versions],
    )


@router.get("/{slug}/outline")
async def read(slug: Slug, here: Here, who: Who, version: Numbered = None) -> Outline:
    """A protocol as people read it, sentence by sentence, from what the engine runs."""
    _ = who
    found = await here.read(lambda connection: protocols.numbered(connection, slug, version))
    return await run_in_threadpool(outline, found.protocol)


@router.get("/{slug}/table")
async def tabled(slug: Slug, here: Here, who: Who, version: Numbered = None) -> list[Row]:
    """A protocol as a table: each step, who owes it, within what, who is told, what ends it."""
    _ = who
    found = await here.read(lambda connection: protocols.numbered(connection, slug, version))
    return list(await run_in_threadpool(rows, found.protocol))


@router.get("/{slug}/drawing.svg")
async def drawn(slug: Slug, here: Here, who: Who, version: Numbered = None) -> Response:
    """A protocol as a drawing, which brings its own colours for light and dark."""
    _ = who
    found = await here.read(lambda connection: protocols.numbered(connection, slug, version))
    svg = await run_in_threadpool(lambda: draw(graph(found.protocol), Form.SVG))
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(svg, media_type="image/svg+xml", headers=headers)


@router.get("/{slug}/since/{version}")
async def since(slug: Slug, version: Annotated[int, Path(ge=1, le=MOST_VERSIONS)], here: Here, who: Who) -> DiffOut:
    """What changed from an earlier version to the text in force, worst first."""
    _ = who
    before = await here.read(lambda connection: protocols.numbered(connection, slug, version))
    current = await here.read(lambda connection: protocols.current(connection, slug))
    found = await run_in_threadpool(diff, before.protocol, current.protocol)
    return diff_out(before.hash, found, before.source, current.source)


@router.post("/{slug}/diff")
async def compare(slug: Slug, asked: Draft, here: Here, who: Who) -> DiffOut:
    """What a draft would change in the text in force, worst first; one with findings is refused with each of them."""
    _ = who
    current = await here.read(lambda connection: protocols.current(connection, slug))
    others = {name: each.protocol for name, each in (await here.read(protocols.in_force)).items()}
    compiled = await run_in_threadpool(lambda: compile_text(asked.text, today=datetime.now(UTC).date(), others=others))
    found = await run_in_threadpool(diff, current.protocol, compiled.protocol)
    return diff_out(current.hash, found, current.source, asked.text)


def diff_out(base: str, found: Difference, old: str, new: str) -> DiffOut:
    """A difference as everybody may read it: in sentences, and in lines of both texts."""
    return DiffOut(
        base=base,
        worst=found.worst.says,
        majority=found.worst.majority,
        consent=sorted(found.consent),
        changes=[
            ChangeOut(unit=each.unit, code=each.code, grade=each.tag.says, says=each.says, consent=sorted(each.consent))
            for each in found.changes
        ],
        lines=list(line_changes(old, new)),
    )


@router.post("", status_code=201)
async def publish(request: Request, here: Here, who: Who) -> VersionOut:
    """Publish a text (the request's body). A text with findings is refused and the one before stays in force.

    What it runs, and what runs it, is held against it; a protocol that it runs may still be published after it.
    """
    if not who.coordinates:
        raise HandoffError("NOT_YOURS", "only a coordinator publishes a protocol")
    if await here.read(keeping.rules) is not None:
        raise HandoffError("COUNCIL_DECIDES", "here a council decides what comes into force: handoff revision new")
    text = await request.body()
    others = {name: each.protocol for name, each in (await here.read(protocols.in_force)).items()}
    compiled = await run_in_threadpool(lambda: compile_text(text, today=datetime.now(UTC).date(), others=others))
    found = await here.write(
        lambda connection: protocols.publish(
            connection, compiled.protocol, compiled.source, published_at=now(), published_by=who.person_id
        )
    )
    await run_in_threadpool(lambda: vault.learn_cards(here.database, here.custodian, found.protocol))
    return _out(found)
