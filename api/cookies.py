"""The cookies: one for the session, one for each person a device is known to, one while a sign-in service is asked.

Over HTTPS their names begin with ``__Host-``, which browsers give to no other host, path or plain connection. On this
machine alone there is no HTTPS, and they have plain names.
"""

from __future__ import annotations

from fastapi import Request, Response

from runtime.settings import Settings
from store.accounts import secrets
from store.accounts.sessions import LONGEST
from store.accounts.signing import Welcome, plain_login

YEAR = 365 * 24 * 60 * 60
SESSION, DEVICE, SERVICE = "handoff", "handoff-device-", "handoff-service"
SERVICE_SECONDS = 600


def name_of(settings: Settings, name: str) -> str:
    """A cookie's whole name."""
    return f"__Host-{name}" if settings.is_public else name


def session_token(request: Request, settings: Settings) -> str | None:
    """The session's token, if the request has one."""
    return request.cookies.get(name_of(settings, SESSION))


def device_token(request: Request, settings: Settings, key: bytes, login: str) -> str | None:
    """The token by which this device is known to whoever has a name."""
    return request.cookies.get(name_of(settings, DEVICE + _mark(key, login)))


def welcome(response: Response, settings: Settings, key: bytes, login: str, given: Welcome) -> None:
    """Give the browser a new session, and let the device be known again."""
    give(response, settings, SESSION, given.session, LONGEST // 1_000_000)
    give(response, settings, DEVICE + _mark(key, login), given.device, YEAR)


def give(response: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads."""
    response.set_cookie(
        name_of(settings, name),
        value,
        max_age=seconds,
        path="/",
        secure=settings.is_public,
        httponly=True,
        samesite="lax",
    )


def take(response: Response, settings: Settings, name: str) -> None:
    """Take a cookie back."""
    give(response, settings, name, "", 0)


def _mark(key: bytes, login: str) -> str:
    """What tells the cookies of one device's people apart, without their names."""
    return secrets.keyed(key, "device", plain_login(login))[:12]
