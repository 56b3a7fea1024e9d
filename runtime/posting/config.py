"""Where notices go out: one file (YAML), whose secrets are files of their own. See docs/notices.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from protocol.errors import HandoffError
from protocol.languages.notices import denied

LOOPBACK = ("127.0.0.1", "::1", "localhost")
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Closed(BaseModel):
    """Base of the file's parts: a key that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Mail(Closed):
    """A server that takes mail: with TLS from the start (``tls``) or begun on the way (``starttls``)."""

    host: str = Field(min_length=1)
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("mail leaves this machine over TLS only")
        if (self.user is None) is not (self.password_file is None):
            raise ValueError("a user has a password_file, and only a user has")
        return self


class Dead(Closed):
    """What a gateway answers of a number that reaches nobody: a status, or a value of a field of its JSON answer."""

    statuses: tuple[int, ...] = (410,)
    field: str | None = None
    values: tuple[str, ...] = ()


class Gateway(Closed):
    """A provider of texts or calls, as one HTTP request.

    In ``headers`` and ``body``, ``{to}`` is the number, ``{text}`` what is said, ``{voicemail}`` what a machine hears,
    ``{id}`` the message's id (the same when it is sent again), ``{secret}`` what ``secret_file`` holds.
    """

    url: str
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, str]
    form: bool = False
    user: str | None = None
    secret_file: Path | None = None
    ca_file: Path | None = None
    dead: Dead = Dead()

    @field_validator("url")
    @classmethod
    def _over_https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme == "https" and parts.hostname:
            return value
        if parts.scheme == "http" and parts.hostname in LOOPBACK:
            return value
        raise ValueError("a gateway is an https address")


class Answers(Closed):
    """How a gateway hands on what people answer: the secret it shows, and what it calls number, text and message."""

    secret_file: Path
    sender: str = "from"
    text: str = "text"
    about: str = "id"
    status: str = "status"
    delivered: tuple[str, ...] = ("delivered",)
    dead: tuple[str, ...] = ("undelivered",)


class Webhook(Closed):
    """Where an agency's own system hears of its notices, by id only; signed as Standard Webhooks says.

    ``secret_file`` holds ``whsec_`` and base64. ``inside``: the receiver is on our own network, which is
    refused otherwise.
    """

    id: Slug
    agency: Slug
    url: str
    secret_file: Path
    inside: bool = False
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        parts = urlsplit(self.url)
        if not parts.hostname or parts.username or parts.scheme not in {"https", "http"}:
            raise ValueError("a webhook is an https address, without a user in it")
        if parts.scheme == "http" and not (self.inside and parts.hostname in LOOPBACK):
            raise ValueError("a webhook is an https address")
        return self


class Posting(Closed):
    """Everything by which notices leave. ``sender`` is the word each of them begins with."""

    sender: str = Field("Rota", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ]{0,10}[A-Za-z0-9]$")
    email: Mail | None = None
    text: Gateway | None = None
    call: Gateway | None = None
    answers: Answers | None = None
    webhooks: tuple[Webhook, ...] = ()

    @field_validator("sender")
    @classmethod
    def _neutral(cls, value: str) -> str:
        if denied(value):
            raise ValueError("the sender is a word that tells nobody anything, as Rota")
        return value

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if len({each.id for each in self.webhooks}) != len(self.webhooks):
            raise ValueError("two webhooks have one id")
        return self

    @property
    def able(self) -> frozenset[str]:
        """The channels that reach people."""
        return frozenset(each for each in ("text", "call", "email") if getattr(self, each) is not None)

    @property
    def sends(self) -> bool:
        """Whether anything is sent at all."""
        return bool(self.able or self.webhooks)


def read(path: Path | None) -> Posting:
    """What a file says; nothing is sent without one. Its secrets are read when they are needed.

    Raises:
        HandoffError: SETTING_WRONG, naming the place and never what stands there.
    """
    if path is None:
        return Posting()
    try:
        found = Posting.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(each) for each in wrong["loc"]) or "the file"
        raise HandoffError("SETTING_WRONG", f"HANDOFF_NOTICES_FILE: {place}: {wrong['msg']}") from None
    except (OSError, ValueError, yaml.YAMLError):
        raise HandoffError("SETTING_WRONG", "HANDOFF_NOTICES_FILE: it cannot be read; see docs/notices.md") from None
    secrets = [each.secret_file for each in (found.text, found.call) if each is not None]
    secrets += [found.email.password_file] if found.email is not None else []
    secrets += [found.answers.secret_file] if found.answers is not None else []
    for each in (*secrets, *(hook.secret_file for hook in found.webhooks)):
        if each is not None:
            secret(each)
    return found


def secret(path: Path) -> str:
    """What a secret's file holds; its newline at the end is not part of it.

    Raises:
        HandoffError: SETTING_WRONG when it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise HandoffError("SETTING_WRONG", f"HANDOFF_NOTICES_FILE: {path.name} cannot be read") from None
