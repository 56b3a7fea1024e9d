"""An agency's own sign-in service (OpenID Connect): code flow with PKCE, state and nonce; its word on a second factor.

What comes back says who somebody is and how they signed in. It never says what they may do: roles are Handoff's own.
JOSE is joserfc's; nothing here parses a token.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import httpx2
import yaml
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from protocol.errors import HandoffError

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
"""Signatures that are believed; none of them is none, and none is made with a shared secret."""

LEEWAY = 60
"""Seconds by which clocks may differ."""

SHOWN_WITHIN = 300
"""Seconds since the person last showed themselves to the service: one that remembers them for longer asks again."""

PATIENCE = 10.0
MOST = 256 * 1024


class SignInService(BaseModel):
    """One service: whose people it knows, where it is, and what it says when a second factor was shown.

    ``amr`` and ``acr`` are values of those claims (RFC 8176) of which one is needed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    agency: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    issuer: str
    client_id: str
    client_secret_file: Path | None = None
    amr: tuple[str, ...] = ("mfa",)
    acr: tuple[str, ...] = ()

    @field_validator("issuer")
    @classmethod
    def _over_https(cls, value: str) -> str:
        if not _fit(value):
            raise ValueError("an issuer is an https address")
        return value.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is remembered while the browser is at the service, and where it is sent."""

    state: str
    nonce: str
    verifier: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Who came back: the service's own name for them, and when they showed themselves (seconds)."""

    subject: str
    at: int


def read(path: Path | None) -> tuple[SignInService, ...]:
    """The services of a file.

    Raises:
        HandoffError: SETTING_WRONG, without what the file holds.
    """
    if path is None:
        return ()
    try:
        found = TypeAdapter(tuple[SignInService, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError, ValidationError):
        raise HandoffError("SETTING_WRONG", "HANDOFF_OIDC_FILE: it cannot be read; see docs/sign-in.md") from None
    if len({each.id for each in found}) != len(found):
        raise HandoffError("SETTING_WRONG", "HANDOFF_OIDC_FILE: two services have one id")
    return found


async def begin(service: SignInService, redirect: str) -> Asked:
    """Where to send the browser.

    Raises:
        HandoffError: SERVICE_DOWN when the service does not answer or is not the one it should be.
    """
    known = await _known(service)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": service.client_id,
        "redirect_uri": redirect,
        "scope": "openid",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "max_age": str(SHOWN_WITHIN),
        **({"acr_values": " ".join(service.acr)} if service.acr else {}),
    }
    url = f"{known['authorization_endpoint']}?{urlencode(query)}"
    return Asked(state=state, nonce=nonce, verifier=verifier, url=url)


async def finish(service: SignInService, redirect: str, code: str, asked: Asked, now: int) -> Shown:
    """Who came back with a code. ``now`` in seconds.

    Raises:
        HandoffError: SERVICE_DOWN; SERVICE_TOKEN when what it says does not hold; SERVICE_FACTOR without a second
            factor.
    """
    known = await _known(service)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "client_id": service.client_id,
        "code_verifier": asked.verifier,
    }
    secret = service.client_secret_file
    login = None if secret is None else (service.client_id, secret.read_text(encoding="utf-8").strip())
    said = await _fetch("POST", known["token_endpoint"], data=form, auth=login)
    keys = await _fetch("GET", known["jwks_uri"])
    claims = _believed(service, said.get("id_token"), keys, asked.nonce, now)
    if not _second_factor(service, claims):
        raise HandoffError("SERVICE_FACTOR", "the sign-in service does not say that a second factor was shown")
    return Shown(subject=str(claims["sub"]), at=int(claims["auth_time"]))


def _believed(service: SignInService, token: object, keys: Any, nonce: str, now: int) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The claims of a token whose signature, issuer, audience, times and nonce hold."""
    essential = ClaimsOption(essential=True)
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY,
        iss=ClaimsOption(essential=True, value=service.issuer),
        aud=ClaimsOption(essential=True, value=service.client_id),
        sub=essential,
        exp=essential,
        iat=essential,
        auth_time=essential,
        nonce=ClaimsOption(essential=True, value=nonce),
    )
    try:
        claims = jwt.decode(str(token), KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
        registry.validate(claims)
        fresh = int(claims["auth_time"]) >= now - SHOWN_WITHIN - LEEWAY
    except (JoseError, ValueError, KeyError, TypeError):
        fresh, claims = False, {}
    alone = claims.get("azp", service.client_id) == service.client_id
    if not fresh or not alone or not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise HandoffError("SERVICE_TOKEN", "what the sign-in service says does not hold; nobody is signed in")
    return claims


def _second_factor(service: SignInService, claims: dict[str, Any]) -> bool:
    shown = claims.get("amr")
    return (isinstance(shown, list) and bool(set(service.amr) & {str(each) for each in shown})) or (
        claims.get("acr") in service.acr
    )


async def _known(service: SignInService) -> dict[str, str]:
    """The service's own description (discovery)."""
    found = await _fetch("GET", f"{service.issuer}/.well-known/openid-configuration")
    wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if str(found.get("issuer", "")).rstrip("/") != service.issuer or not all(_fit(found.get(each)) for each in wanted):
        raise HandoffError("SERVICE_DOWN", "what answers there is not the sign-in service that was registered")
    return {each: str(found[each]) for each in wanted}


def _fit(address: object) -> bool:
    """Https; on this machine's own address plain HTTP will do."""
    parts = urlsplit(str(address))
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


async def _fetch(method: str, url: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on to the library
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE, follow_redirects=False, trust_env=False) as client:
            response = await client.request(method, url, **given)
            said = response.json() if response.is_success and len(response.content) <= MOST else None
    except (httpx2.HTTPError, ValueError):
        said = None
    if not isinstance(said, dict):
        raise HandoffError("SERVICE_DOWN", "the sign-in service does not answer; use a password or a passkey, or wait")
    return said
