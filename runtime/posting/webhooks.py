"""Webhooks, signed as Standard Webhooks says: ids only, never into our own network."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit, urlunsplit

import httpx2
from standardwebhooks import Webhook as Signer

from protocol.errors import HandoffError
from runtime.posting.config import Webhook, secret
from runtime.posting.outcome import Outcome, State
from runtime.posting.trust import trusted

PATIENCE = 10.0
"""Seconds a receiver may take for everything."""

TRANSLATED = tuple(IPv6Network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""Addresses with an IPv4 address in them, which may be one of our own network."""


async def send(webhook: Webhook, body: dict[str, str], *, id_: str, at: datetime) -> Outcome:
    """Send one event.

    Args:
        webhook: where to.
        body: names and ids.
        id_: the message's id; the same when it is sent again, so that a receiver can leave out what it has.
        at: when this try is made; it is signed, so that a copy cannot be sent later.
    """
    data = json.dumps(body, sort_keys=True, separators=(",", ":"))
    moment = at.astimezone(UTC)
    try:
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Signer(secret(webhook.secret_file)).sign(id_, moment, data),
        }
        async with asyncio.timeout(PATIENCE):
            address = await _address(webhook)
            response = await _post(webhook, address, data, headers)
    except HandoffError as error:
        return Outcome(state=State.LATER, why=error.code)
    except (httpx2.HTTPError, OSError, TimeoutError, ValueError, RuntimeError) as error:
        return Outcome(state=State.LATER, why=type(error).__name__)
    if response.is_success:
        return Outcome(state=State.DELIVERED)
    if response.status_code == httpx2.codes.GONE:
        return Outcome(state=State.DEAD, why="the receiver said 410")
    return Outcome(state=State.LATER, why=f"the receiver said {response.status_code}")


async def _address(webhook: Webhook) -> str:
    """The one address that is spoken to: looked up once, so that a second look-up cannot lead elsewhere.

    Raises:
        HandoffError: WEBHOOK_INSIDE when any of the name's addresses is not of the public internet.
    """
    parts = urlsplit(webhook.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not webhook.inside and not all(_public(each) for each in addresses):
        raise HandoffError("WEBHOOK_INSIDE", f"webhook {webhook.id} leads into a private network; nothing was sent")
    return addresses[0]


def _public(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and (found.ipv4_mapped or any(found in each for each in TRANSLATED)):
        return False
    return found.is_global and not found.is_multicast


async def _post(webhook: Webhook, address: str, data: str, headers: dict[str, str]) -> httpx2.Response:
    parts = urlsplit(webhook.url)
    host = f"[{address}]" if ":" in address else address
    port = "" if parts.port is None else f":{parts.port}"
    url = urlunsplit(parts._replace(netloc=f"{host}{port}"))
    verify = trusted(webhook.ca_file)
    async with httpx2.AsyncClient(timeout=PATIENCE, follow_redirects=False, trust_env=False, verify=verify) as client:
        request = client.build_request(
            "POST",
            url,
            content=data,
            headers={**headers, "host": parts.netloc},
            extensions={"sni_hostname": parts.hostname},
        )
        # What a receiver says is of no interest, however long it is.
        response = await client.send(request, stream=True)
        await response.aclose()
        return response
