"""Incidents on their way in: a bounded number at once, each sent again until it is answered or refused.

A report is safe to repeat: its key names its case. So whatever breaks off, the row is sent again, and the whole file
may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import FieldType, Protocol
from protocol.state import Instant
from runtime.incidents import Incident, RefusedRow, Tally
from runtime.mapping import Mapping
from runtime.remote import BASE, PATIENCE, answer, unreachable

IN_FLIGHT = 16
"""Reports under way at once: more only wait for one another on one machine's database."""

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
GIVE_UP = 120.0
"""Seconds for which one report is sent again before the run stops; what went in stays in."""

BUSY = {429, 500, 502, 503, 504}
FOR_ALL = {"BAD_TOKEN", "NOT_YOUR_EVENT", "NOT_YOURS", "UNKNOWN_PROTOCOL", "UNKNOWN_EVENT", "NOT_HANDOFF"}
"""Codes that would meet every row alike: the run stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where reports go, as whom, and what they are reports of."""

    url: str
    headers: dict[str, str]
    protocol: Protocol
    mapping: Mapping


class Sender:
    """Sends what a reader yields and counts what became of it.

    Args:
        target: where to.
        tally: the reader's own counts, completed here.
        refused: called with every row that does not go in.
        moved: called after each row, for a progress bar.
    """

    def __init__(
        self, target: Target, tally: Tally, refused: Callable[[RefusedRow], None], moved: Callable[[], None]
    ) -> None:
        self._target = target
        self._tally = tally
        self._refused = refused
        self._moved = moved

    async def send(self, rows: Iterator[Incident | RefusedRow]) -> None:
        """Send every incident.

        Raises:
            HandoffError: the installation is gone (``UNREACHABLE``), too busy for too long (``UNANSWERED``), or
                refuses this sender as such. Rows not answered by then are not counted.
        """
        limits = httpx2.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
        async with httpx2.AsyncClient(
            base_url=self._target.url, headers=self._target.headers, timeout=PATIENCE, limits=limits, trust_env=False
        ) as client:
            lanes = [asyncio.create_task(self._lane(client, rows)) for _ in range(IN_FLIGHT)]
            try:
                await asyncio.gather(*lanes)
            finally:
                for each in lanes:
                    each.cancel()
                await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, client: httpx2.AsyncClient, rows: Iterator[Incident | RefusedRow]) -> None:
        # All lanes take from one iterator: nothing is read from the file before somebody can send it.
        for row in rows:
            if isinstance(row, RefusedRow):
                self._refused(row)
            else:
                await self._report(client, row)
            self._moved()

    async def _report(self, client: httpx2.AsyncClient, incident: Incident) -> None:
        body = _body(self._target, incident)
        try:
            said = answer(await self._persist(client, body))
        except HandoffError as error:
            if error.code in FOR_ALL:
                raise
            self._tally.refused += 1
            self._refused(RefusedRow(line=incident.line, code=error.code, reason=error.message))
            return
        if said.get("joined"):
            self._tally.joined += 1
        else:
            self._tally.opened += 1
            self._tally.held += incident.hold_until is not None

    async def _persist(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> httpx2.Response:
        """Send one report until it is answered; a bad answer that stays is given back as it is."""
        pause, waited = FIRST_PAUSE, 0.0
        while True:
            gone: Exception | None = None
            response: httpx2.Response | None = None
            try:
                response = await client.post(f"{BASE}/incidents", json=body)
                if response.status_code not in BUSY:
                    return response
            except httpx2.TransportError as error:
                gone = error
            if waited >= GIVE_UP:
                if response is not None and response.status_code == 500:
                    return response
                raise _gave_up(self._target.url, gone)
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, LONGEST_PAUSE)


def _gave_up(url: str, gone: Exception | None) -> HandoffError:
    if gone is not None and not isinstance(gone, httpx2.TimeoutException):
        return unreachable(url, gone)
    return HandoffError("UNANSWERED", "The installation is too busy to take reports. What went in stays in: run again.")


def _body(target: Target, incident: Incident) -> dict[str, Any]:
    data = {
        name: _time(value)
        if target.protocol.field[name].type is FieldType.INSTANT and isinstance(value, int)
        else value
        for name, value in incident.data.items()
    }
    return {
        "protocol": target.protocol.id,
        "event": target.mapping.event,
        "source": target.mapping.source,
        "key": incident.key,
        "occurred_at": _time(incident.occurred_at),
        "data": data,
        "vault": incident.vault,
        "hold_until": None if incident.hold_until is None else _time(incident.hold_until),
    }


def _time(at: Instant) -> str:
    moment: datetime = clocks.moment(at)
    return moment.astimezone(UTC).isoformat()
