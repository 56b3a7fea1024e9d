"""Texts and calls by a provider's HTTP gateway: which provider, and how it is asked, is configuration."""

from __future__ import annotations

import asyncio
import base64

import httpx2

from protocol.errors import HandoffError
from runtime.posting.config import Dead, Gateway, secret
from runtime.posting.outcome import Outcome, State
from runtime.posting.trust import trusted

PATIENCE = 10.0
"""Seconds the provider may take for everything."""


async def send(gateway: Gateway, to: str, said: str, *, id_: str, voicemail: str = "") -> Outcome:
    """Send one text, or have one call made.

    Args:
        gateway: the provider.
        to: the number, in E.164.
        said: the whole text.
        id_: the message's id; the same when it is sent again, so that a provider can leave out what it has.
        voicemail: what a call leaves on a machine.
    """
    try:
        key = "" if gateway.secret_file is None else secret(gateway.secret_file)
        values = {"to": to, "text": said, "id": id_, "secret": key, "voicemail": voicemail}
        body = {name: _filled(each, values) for name, each in gateway.body.items()}
        headers = {"Idempotency-Key": id_, **{name: _filled(each, values) for name, each in gateway.headers.items()}}
        if gateway.user is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(f'{gateway.user}:{key}'.encode()).decode()}"
        verify = trusted(gateway.ca_file)
        async with (
            asyncio.timeout(PATIENCE),
            httpx2.AsyncClient(timeout=PATIENCE, follow_redirects=False, trust_env=False, verify=verify) as client,
        ):
            response = await client.post(
                gateway.url,
                headers=headers,
                **({"data": body} if gateway.form else {"json": body}),  # type: ignore[arg-type]
            )
    except (httpx2.HTTPError, OSError, HandoffError) as error:
        return Outcome(state=State.LATER, why=type(error).__name__)
    if _dead(gateway.dead, response):
        return Outcome(state=State.DEAD, why="the gateway knows no such number")
    if response.is_success:
        return Outcome(state=State.SENT)
    return Outcome(state=State.LATER, why=f"the gateway said {response.status_code}")


def _filled(template: str, values: dict[str, str]) -> str:
    # One pass, so that nothing that was filled in is read as a place to fill.
    parts = template.split("{")
    return parts[0] + "".join(_place(each, values) for each in parts[1:])


def _place(part: str, values: dict[str, str]) -> str:
    name, brace, rest = part.partition("}")
    return f"{values[name]}{rest}" if brace and name in values else f"{{{part}"


def _dead(dead: Dead, response: httpx2.Response) -> bool:
    if response.status_code in dead.statuses:
        return True
    if dead.field is None:
        return False
    try:
        said = response.json()
    except ValueError:
        return False
    return isinstance(said, dict) and str(said.get(dead.field)) in dead.values
