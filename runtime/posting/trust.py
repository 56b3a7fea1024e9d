"""Whom we believe over TLS: made once for each authority, for reading all of them costs more than sending a text."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

import httpx2


@lru_cache(maxsize=64)
def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """A context that believes the authority of a file, or (None) those that this machine believes.

    A file that changes is read again at the next start.
    """
    if ca_file is None:
        return httpx2.create_ssl_context(trust_env=False)
    return ssl.create_default_context(cafile=str(ca_file))
