"""The application: routes, the edge around them, problems, headers, health."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import (
    audit,
    board,
    calendars,
    cases,
    choosing,
    deciding,
    disclosures,
    erasures,
    errors,
    figures,
    glass,
    going_back,
    have_it,
    hints,
    identity,
    incidents,
    keyholders,
    learning,
    migrations,
    moving,
    notifications,
    oidc_sign_in,
    once,
    passing,
    passkeys,
    practice,
    protocols,
    rehearsing,
    releases,
    reporting,
    retelling,
    revisions,
    rotas,
    sharing,
    signin,
    staff,
    tasks,
    week,
)
from api.deps import Here, Services, Who, now
from api.edge import Edge
from api.guard import Guard
from api.pages import agreed, council, desk, doors, entrance, items, permissions, planning, restoring, sending
from api.pages import board as board_pages
from api.pages import cases as case_pages
from api.pages import figures as figure_pages
from api.pages import people as people_pages
from api.pages import practice as practice_pages
from api.pages import revisions as revision_pages
from api.pages import rotas as rota_pages
from api.pages import settings as settings_pages
from api.views import Closed
from protocol.names import Slug
from runtime import oidc
from runtime.codec import CASE_KEY, site_secret, site_token
from runtime.posting import config as posting
from runtime.settings import Settings
from runtime.temporal import connect
from store import schema
from store.accounts.secrets import KEY as ACCOUNTS_KEY
from store.audit import asking, site_key
from store.custodian.router import custodians
from store.erasure import opening
from store.keyring.opening import open_keyring, payload_keys, unlock
from store.session import Database

log = structlog.get_logger("api")
VERSION = "0.1.0"
METRICS = "metrics.token"


class Me(Closed):
    """Who a token belongs to; ``leads``: in a role that leads their agency in a text in force.

    ``reports``: their agency has events to report.
    ``other_hat``: the one this session has not on, for who watches between agencies and also works in one.
    """

    person: str
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    leads: bool
    reports: bool
    other_hat: Slug | None = None


async def open_services(settings: Settings) -> Services:
    """Connect to everything the application needs; the database is migrated by then."""
    opening.gate(settings)
    address = settings.temporal_address or "127.0.0.1:7233"
    custodian = custodians(settings)
    ring = open_keyring(settings, custodian)
    database = Database(settings.database_url, ring)
    await asyncio.to_thread(unlock, ring, database)
    keys = payload_keys(settings, ring)
    client = await connect(address, settings.temporal_namespace, keys, tls=settings.temporal_tls)
    return Services(
        settings=settings,
        database=database,
        ring=ring,
        custodian=custodian,
        client=client,
        case_key=site_secret(settings.engine_keys, CASE_KEY),
        page_key=site_secret(settings.engine_keys, "pages.key"),
        site_key=site_key.of_folder(settings.engine_keys),
        metrics_token=site_token(settings.engine_keys, METRICS),
        account_key=site_secret(settings.engine_keys, ACCOUNTS_KEY),
        services=oidc.read(settings.oidc_file),
        posting=posting.read(settings.notices_file),
    )


def create_app(settings: Settings) -> FastAPI:
    """The application of an installation."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await open_services(settings)
        loops = [
            asyncio.create_task(loop(app.state.services))
            for loop in (
                *(moving.move_now_and_then, deciding.publish_now_and_then),
                *(once.forget_keys, figures.freeze_now_and_then, audit.sign_heads, audit.look_after),
                *(erasures.sweep_now_and_then, releases.tell_custodians, week.make_a_week),
            )
        ]
        yield
        for each in loops:
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
        app.state.services.database.close()
        app.state.services.ring.close()

    app = FastAPI(
        title="Handoff",
        version=VERSION,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    routers = (
        *(tasks, board, rotas, incidents, cases, protocols, figures, audit, keyholders, signin, passkeys, oidc_sign_in),
        *(staff, passing, erasures, releases, disclosures, glass, retelling, notifications),
        *(migrations, choosing, going_back, revisions, rehearsing, learning),
        *(practice, week, hints),
        *(sharing, reporting),
    )
    # A request is matched against one route after another: what is asked for most comes first.
    _health(app)
    for often in (desk, board_pages):
        app.include_router(often.router)
    for module in routers:
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(releases.viewing, prefix="/api/v1")
    app.include_router(staff.agreed, prefix="/api/v1")
    app.include_router(notifications.gateway, prefix="/api/v1")
    app.include_router(have_it.router)
    app.include_router(calendars.router)
    rooms = (
        doors,
        entrance,
        items,
        permissions,
        sending,
        restoring,
        agreed,
        council,
        planning,
        revision_pages,
        figure_pages,
        case_pages,
        rota_pages,
        settings_pages,
        people_pages,
    )
    for room in (*rooms, practice_pages):
        app.include_router(room.router)
    errors.install(app)
    _measure(app)
    app.add_middleware(Edge)
    # Outermost: what is answered without asking the application has the headers as well.
    app.add_middleware(Guard, settings=settings)
    return app


def _health(app: FastAPI) -> None:
    @app.get("/api/v1/me")
    async def me(here: Here, who: Who) -> Me:
        """Who I am here."""
        leading, events = await here.read(
            lambda connection: (staff.leads(connection, who.agency), reporting.mine(connection, who))
        )
        return Me(
            person=who.person_id,
            name=who.name,
            agency=who.agency,
            roles=who.roles,
            other_hat=who.other_hat,
            leads=not leading.isdisjoint(who.roles),
            reports=bool(events),
        )

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Whether this process answers."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def ready(request: Request) -> JSONResponse:
        """Whether everything a report needs is there."""
        here: Services = request.app.state.services
        found = await readiness(here)
        status = 200 if all(found.values()) else 503
        # A keyholder that is down keeps nothing from going on but the opening of its agency's values.
        keyholders = await run_in_threadpool(custodians(here.settings).keyholders)
        return JSONResponse({**found, "keyholders": keyholders} if keyholders else found, status_code=status)


async def readiness(here: Services) -> dict[str, bool]:
    """What is there: the database and its shape, the custodian, Temporal, a worker on the task queue."""
    try:
        database = await here.read(schema.is_current)
    except Exception:  # noqa: BLE001 - whatever keeps it from answering, it is not ready
        database = False
    temporal, worker = await here.workers()
    return {
        "database": database,
        "custodian": await run_in_threadpool(custodians(here.settings).answers),
        "temporal": temporal,
        "worker": worker,
    }


def _measure(app: FastAPI) -> None:
    registry = CollectorRegistry()
    requests = Counter(
        "handoff_requests", "Requests by route, method and status", ["route", "method", "status"], registry=registry
    )
    seconds = Histogram("handoff_request_seconds", "Seconds to answer, by route", ["route"], registry=registry)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Figures for Prometheus, for who has the operator's token: nothing by case, person or agency."""
        here: Services = request.app.state.services
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not here.metrics_token or not hmac.compare_digest(given.encode(), here.metrics_token.encode()):
            says = f"figures are for who brings the token in {METRICS} of the engine's keys"
            raise identity.stranger(request, here, now(), says)
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    app.add_middleware(Measured, requests=requests, seconds=seconds)


class Measured:
    """ASGI middleware that counts and times what is asked, gives it a name, and writes one line of it."""

    def __init__(self, app: ASGIApp, requests: Counter, seconds: Histogram) -> None:
        self._app = app
        self._requests = requests
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and name it in the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        with asking() as id_:

            async def named(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    MutableHeaders(scope=message)["X-Request-Id"] = id_
                await send(message)

            await self._app(scope, receive, named)
        took = time.perf_counter() - began
        # The route's pattern, never the path: a path holds a case's id.
        route, method = getattr(scope.get("route"), "path", "unknown"), scope["method"]
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(took)
        log.info("request", request=id_, route=route, method=method, status=status, duration_ms=round(took * 1000, 1))
