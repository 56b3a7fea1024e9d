"""Every setting of an installation, read from the environment here and nowhere else.

Each is ``HANDOFF_`` and its name in capitals. A name nobody knows is refused: a setting with a slip of the pen would
otherwise be a default in force without anyone's knowledge.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from protocol.errors import HandoffError
from runtime.temporal_config import Postgres, postgres_of
from runtime.temporal_tls import Tls

PREFIX = "HANDOFF_"
FOR_TESTS = "HANDOFF_TEST_"
"""Names the test suite may use for itself; they are no settings."""

FOR_CLIENTS = frozenset({"HANDOFF_TOKEN"})
"""Names the command line's own options take; they are no settings of an installation."""

OF_THE_SUPERVISOR = frozenset({"temporal_database_url", "temporal_database_password_file"})
"""Settings that no child process is told."""

SECRETS = {
    "HANDOFF_DATABASE_URL": "HANDOFF_DATABASE_PASSWORD_FILE",
    "HANDOFF_KEYS_DATABASE_URL": "HANDOFF_KEYS_DATABASE_PASSWORD_FILE",
    "HANDOFF_TEMPORAL_DATABASE_URL": "HANDOFF_TEMPORAL_DATABASE_PASSWORD_FILE",
}
"""Settings that could hold a secret, and where it belongs instead."""

LOOPBACK = ("127.0.0.1", "::1", "[::1]", "localhost")
PRIVATE = 0o700
OTHERS = 0o077
LOCK = "handoff.lock"
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """One setting, for the documentation and ``handoff doctor``; a password in ``value`` is masked."""

    name: str
    default: str
    value: str
    says: str


class Settings(BaseSettings):
    """What an installation may choose. Use ``load``, which answers a wrong value in plain words."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=True
    )

    data: Path = Field(
        default_factory=lambda: _user_data() / "handoff",
        description="The folder of everything this installation keeps. Only its owner can read it.",
        json_schema_extra={"shown": "handoff in the user's data folder"},
    )
    host: str = Field("127.0.0.1", min_length=1, description="The address the API listens on.")
    port: int = Field(8080, ge=1, le=65535, description="The port the API listens on.")
    public_url: str | None = Field(
        None,
        pattern=r"^https://[A-Za-z0-9.-]+(:\d{1,5})?$|^http://(localhost|127\.0\.0\.1)(:\d{1,5})?$",
        description="The address people open in their browser, behind the reverse proxy: https://handoff.example.org. "
        "Passkeys belong to it, and cookies are for HTTPS only once it is set.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        pattern=r"^[0-9A-Fa-f:./, ]+$",
        description="Addresses or networks, with commas, of reverse proxies that are believed about who calls.",
    )
    oidc_file: Path | None = Field(
        None, description="A file (YAML) naming the agencies' own sign-in services: see docs/sign-in.md."
    )
    notices_file: Path | None = Field(
        None,
        description="A file (YAML) naming how notices leave: mail, texts, calls, webhooks; see docs/notices.md. "
        "Without it nobody is told anything outside Handoff.",
    )
    database_password_file: Path | None = Field(
        None, description="A file holding the database's password, so that it need not stand in the address."
    )
    database_url: str = Field(
        "",
        repr=False,
        description="Where Handoff keeps its tables: sqlite:////folder/file.db or postgresql://user@host/name.",
        json_schema_extra={"shown": "handoff.db in the data folder"},
    )
    keys_database_password_file: Path | None = Field(
        None, description="A file holding that database's password, so that it need not stand in the address."
    )
    keys_database_url: str = Field(
        "",
        repr=False,
        description="Where the keys of cases are kept, wrapped: a database of its own, with backups of its own that "
        "are kept for 7 days, so that what is erased stays erased.",
        json_schema_extra={"shown": "keys.db in the data folder"},
    )
    temporal_address: str | None = Field(
        None,
        pattern=r"^[^\s/:]+:\d{1,5}$|^\[[0-9A-Fa-f:]+\]:\d{1,5}$",
        description="host:port of a Temporal server to use. If it is set, none is started here.",
    )
    temporal_tls_ca_file: Path | None = Field(
        None, description="The certificate authority of that server (PEM); set, it is spoken to over TLS only."
    )
    temporal_tls_cert_file: Path | None = Field(
        None, description="Our own certificate for that server (PEM), if it asks for one: mutual TLS."
    )
    temporal_tls_key_file: Path | None = Field(
        None, description="The private key of that certificate (PEM), readable by its owner only."
    )
    temporal_tls_name: str | None = Field(
        None, description="The name on that server's certificate, if it is not the host of its address."
    )
    temporal_database_password_file: Path | None = Field(
        None, description="A file holding that database's password, so that it need not stand in the address."
    )
    temporal_database_url: str | None = Field(
        None,
        repr=False,
        description="Where the Temporal server started here keeps its cases: postgresql://user@host/name, with "
        "name_visibility beside it. If it is not set, in the data folder.",
    )
    temporal_namespace: Slug = Field("handoff", description="The namespace of this installation on that server.")
    task_queue: Slug = Field("handoff-cases", description="The queue on which this installation's workers listen.")
    max_cached_workflows: int = Field(
        2000, ge=10, le=100_000, description="Cases a worker keeps in memory, at about 120 kB each."
    )
    key_dir: Path = Field(
        Path(),
        description="The folder of keys. Back it up apart from the data: neither is of use without the other.",
        json_schema_extra={"shown": "keys in the data folder"},
    )
    custodian_dir: Path = Field(
        Path(),
        description="The folder of the custodian's socket and its token; at most 80 bytes long.",
        json_schema_extra={"shown": "run in the data folder"},
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    audit_years: int = Field(
        6, ge=1, le=100, description="For how many years it is kept who saw what; a year is the least."
    )
    legal_grounds: str = Field(
        "",
        pattern=r"^(|(case-conference|mandated-report|court-order)(,(case-conference|mandated-report|court-order))*)$",
        description="The legal profile: on which grounds of the law something may be disclosed once without the "
        "survivor's release, with commas: case-conference, mandated-report, court-order. None unless counsel says so.",
        json_schema_extra={"shown": "none"},
    )
    operator_agency: Slug | None = Field(
        None,
        description="The agency that runs this installation: its own keys may be kept here.",
    )
    pkcs11_module: Path | None = Field(
        None, description="The library of a PKCS #11 token that shuts the agencies' keys on this machine's disk."
    )
    pkcs11_token: str | None = Field(None, description="The token's label.")
    pkcs11_pin_file: Path | None = Field(None, description="A file with the token's PIN.")
    pkcs11_key: str = Field("handoff", min_length=1, description="The label of the key in the token.")
    demonstration: bool = Field(
        default=True, description="Whether the first start makes one placeholder person for each role."
    )
    practice_week: bool = Field(
        default=True,
        description="Whether the first start on an empty folder with placeholder people makes a week of practice "
        "cases; never where browsers reach it over HTTPS.",
    )

    @field_validator(
        "data",
        "key_dir",
        "custodian_dir",
        "oidc_file",
        "notices_file",
        "database_password_file",
        "keys_database_password_file",
        "temporal_tls_ca_file",
        "temporal_tls_cert_file",
        "temporal_tls_key_file",
        "temporal_database_password_file",
        "pkcs11_module",
        "pkcs11_pin_file",
        mode="after",
    )
    @classmethod
    def _whole_path(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        inside = {"key_dir": "keys", "custodian_dir": "run"}.get(info.field_name or "")
        if value == Path() and inside is not None and "data" in info.data:
            return Path(info.data["data"]) / inside
        return value if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 - keeps symlinks

    @field_validator("database_url", mode="after")
    @classmethod
    def _with_password(cls, value: str, info: ValidationInfo) -> str:
        if not value and "data" in info.data:
            return f"sqlite:///{info.data['data'] / 'handoff.db'}"
        return _from_file(value, info.data.get("database_password_file"))

    @field_validator("keys_database_url", mode="after")
    @classmethod
    def _keys_with_password(cls, value: str, info: ValidationInfo) -> str:
        if not value and "data" in info.data:
            return f"sqlite:///{info.data['data'] / 'keys.db'}"
        if value and value == info.data.get("database_url"):
            raise ValueError("the keys of cases need a database of their own: whoever has both opens everything")
        return _from_file(value, info.data.get("keys_database_password_file"))

    @field_validator("temporal_database_url", mode="after")
    @classmethod
    def _temporal_with_password(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        whole = _from_file(value, info.data.get("temporal_database_password_file"))
        postgres_of(whole)
        return whole

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        if (self.temporal_tls_cert_file is None) is not (self.temporal_tls_key_file is None):
            raise ValueError("of HANDOFF_TEMPORAL_TLS_CERT_FILE and _KEY_FILE, set both or none")
        if self.temporal_tls_ca_file is None and (self.temporal_tls_cert_file or self.temporal_tls_name):
            raise ValueError("HANDOFF_TEMPORAL_TLS_CA_FILE says whom to believe; set it as well")
        if self.temporal_tls_ca_file is not None and self.temporal_address is None:
            raise ValueError("with HANDOFF_TEMPORAL_TLS_CA_FILE, set HANDOFF_TEMPORAL_ADDRESS as well")
        return self

    @model_validator(mode="after")
    def _whole_token(self) -> Self:
        if len({self.pkcs11_module is None, self.pkcs11_token is None, self.pkcs11_pin_file is None}) > 1:
            raise ValueError("of HANDOFF_PKCS11_MODULE, _TOKEN and _PIN_FILE, set all or none")
        return self

    @property
    def grounds(self) -> frozenset[str]:
        """The grounds of the law that the legal profile names."""
        return frozenset(each for each in self.legal_grounds.split(",") if each)

    @property
    def temporal_postgres(self) -> Postgres | None:
        """Where the embedded Temporal server keeps its cases, if not in its folder."""
        return None if self.temporal_database_url is None else postgres_of(self.temporal_database_url)

    @property
    def temporal_tls(self) -> Tls | None:
        """How to speak to a Temporal server of somebody else's; None for one started here, which is on loopback."""
        if self.temporal_tls_ca_file is None or self.temporal_address is None:
            return None
        cert, key = self.temporal_tls_cert_file, self.temporal_tls_key_file
        return Tls(ca=self.temporal_tls_ca_file, cert=cert, key=key, name=self.temporal_tls_name)

    @property
    def week_file(self) -> Path:
        """Where it stands how much of the week of practice cases has been made."""
        return self.data / "practice-week.json"

    @property
    def logs(self) -> Path:
        """The folder of log files, one for each program."""
        return self.data / "logs"

    @property
    def temporal_folder(self) -> Path:
        """Where the embedded Temporal server keeps its configuration and database."""
        return self.data / "temporal"

    @property
    def engine_keys(self) -> Path:
        """The folder of the key that seals what Temporal stores."""
        return self.key_dir / "engine"

    @property
    def custodian_keys(self) -> Path:
        """The folder of the agencies' private keys; only the custodian opens it."""
        return self.key_dir / "agencies"

    @property
    def keyholders(self) -> Path:
        """The folder of what this installation knows of agencies' keyholders, and of its own certificate for them."""
        return self.engine_keys / "keyholders"

    @property
    def credentials_file(self) -> Path:
        """Where the first start writes the demonstration people's tokens; only its owner can read it."""
        return self.data / "credentials.txt"

    @property
    def lock_file(self) -> Path:
        """Held while ``handoff up`` runs on this data folder."""
        return self.data / LOCK

    @property
    def is_public(self) -> bool:
        """Whether browsers reach it over HTTPS; otherwise it is for this machine alone."""
        if self.public_url is not None:
            return self.public_url.startswith("https:")
        return self.host not in LOOPBACK

    @property
    def origin(self) -> str:
        """Where browsers find it. On this machine that is localhost by name: passkeys belong to names."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def url(self) -> str:
        """Where the API answers."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    def make_folders(self) -> None:
        """Make the folders, for the owner alone.

        Raises:
            HandoffError: ``FOLDER_UNWRITABLE``; ``FOLDER_OPEN`` when others can look into a folder that is not
                Handoff's alone, so that closing it to them might surprise somebody.
        """
        for folder in (self.data, self.logs, self.key_dir, self.custodian_dir):
            _make_private(folder)

    def environment(self) -> dict[str, str]:
        """What a child process needs to read these same settings, on top of what it inherits.

        No password is in it: a child reads the passwords' files itself. Temporal's own database is left out: of the
        children only its server may enter it, and that reads its own configuration.
        """
        chosen = self.model_dump(mode="json", exclude=set(OF_THE_SUPERVISOR))
        for name in ("database", "keys_database"):
            if chosen[f"{name}_password_file"] is not None:
                chosen[f"{name}_url"] = _without_password(chosen[f"{name}_url"])
        told = {PREFIX + name.upper(): str(value) for name, value in chosen.items() if value is not None}
        return {**{name: os.environ[name] for name in os.environ if not name.startswith(PREFIX)}, **told}

    def as_table(self) -> tuple[SettingLine, ...]:
        """Every setting with its default and the value in force, in the order of this file."""
        return tuple(
            SettingLine(
                name=PREFIX + name.upper(),
                default=_shown_default(name),
                value=_masked(getattr(self, name)),
                says=field.description or "",
            )
            for name, field in type(self).model_fields.items()
        )


def load(given: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force: what a command line gave, then the environment, then the defaults.

    Raises:
        HandoffError: ``SETTING_UNKNOWN`` or ``SETTING_WRONG``, naming the variable and never repeating its value.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    _no_secret_in_the_environment()
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or name.startswith(FOR_TESTS) or name in FOR_CLIENTS:
            continue
        if name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See handoff doctor for all of them."
            raise HandoffError("SETTING_UNKNOWN", f"{name} is not a setting.{hint}")
    try:
        return Settings(**{name: value for name, value in (given or {}).items() if value is not None})
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" if each["loc"] else each["msg"]
            for each in error.errors()
        ]
        raise HandoffError("SETTING_WRONG", "; ".join(wrong)) from None


def _no_secret_in_the_environment() -> None:
    """An environment is read by every child, and shown by many tools: passwords come from files.

    Raises:
        HandoffError: ``SETTING_SECRET``, naming the file's setting.
    """
    for name, file in SECRETS.items():
        try:
            secret = urlsplit(os.environ.get(name, "")).password
        except ValueError:
            continue
        if secret:
            raise HandoffError("SETTING_SECRET", f"{name} holds a password. Put it into a file and set {file}.")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))


def _user_data() -> Path:
    if chosen := os.environ.get("XDG_DATA_HOME"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "share"


def _from_file(url: str, file: Path | None) -> str:
    """The address with the password that a file holds, if there is a file."""
    if file is None:
        return url
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ValueError("the file that should hold the database's password cannot be read") from None
    return _fill_password(url, password)


def _fill_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or ":" in user:
        raise ValueError("with a password file, the database's address names a user and no password")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        if folder.stat().st_mode & OTHERS:
            inside = {each.name for each in folder.iterdir()}
            if inside and LOCK not in inside:
                raise HandoffError(
                    "FOLDER_OPEN",
                    f"Others can look into {folder}, and it is not empty. Run chmod 700 on it, or choose another.",
                )
            folder.chmod(PRIVATE)
    except OSError as error:
        raise HandoffError("FOLDER_UNWRITABLE", f"{folder} cannot be written: {error.strerror}.") from None


def _shown_default(name: str) -> str:
    field = Settings.model_fields[name]
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "shown" in extra:
        return str(extra["shown"])
    return _masked(field.default)


def _masked(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    parts = urlsplit(text)
    if parts.password is None:
        return text
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))
