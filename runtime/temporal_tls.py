"""Speaking to a Temporal server over TLS, and showing it a certificate of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from protocol.errors import HandoffError

if TYPE_CHECKING:
    from temporalio.client import TLSConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The files of a connection (PEM): the server's authority, and our certificate with its key if it asks for one."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None
    name: str | None = None

    def config(self) -> TLSConfig:
        """What the client takes.

        Raises:
            HandoffError: ``TEMPORAL_TLS`` when a file cannot be read; ``KEY_FILE_OPEN`` when others may read the key.
        """
        from temporalio.client import TLSConfig  # noqa: PLC0415 - the settings of every command name this module

        if self.key is not None and self.key.exists() and self.key.stat().st_mode & 0o077:
            raise HandoffError("KEY_FILE_OPEN", f"{self.key} can be read by others. Run: chmod 600 {self.key}")
        try:
            return TLSConfig(
                server_root_ca_cert=self.ca.read_bytes(),
                domain=self.name,
                client_cert=None if self.cert is None else self.cert.read_bytes(),
                client_private_key=None if self.key is None else self.key.read_bytes(),
            )
        except OSError as error:
            says = f"{error.filename} cannot be read: {error.strerror}. The settings HANDOFF_TEMPORAL_TLS_ name it."
            raise HandoffError("TEMPORAL_TLS", says) from None
