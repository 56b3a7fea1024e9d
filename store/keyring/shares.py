"""The engine shares of confidential agencies, opened by their custodians and kept in this process's memory only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.errors import HandoffError
from protocol.names import Slug
from store.custodian.port import Custodian

log = structlog.get_logger("keyring")

ASK_AGAIN = 10.0
"""Seconds between two tries at a custodian that did not answer."""


class Shares:
    """What keys are wrapped with: the site's own key, and agencies' shares as far as their custodians opened them.

    Args:
        custodian: who opens the shares.
        site: 32 bytes of the installation, for cases that no confidential agency has a part in.
    """

    def __init__(self, custodian: Custodian, site: bytes) -> None:
        self._custodian = custodian
        self._site = site
        self._open: dict[Slug, bytes] = {}
        self._tried: dict[Slug, float] = {}
        self._made: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def open(self, agencies: Iterable[Slug]) -> tuple[Slug, ...]:
        """Ask for the shares of agencies, when a process starts; gives those whose custodian does not answer."""
        locked = []
        for each in sorted(set(agencies)):
            try:
                self._share(each)
            except HandoffError as error:
                locked.append(each)
                log.warning("engine locked", agency=each, code=error.code)
        return tuple(locked)

    def locked(self) -> tuple[Slug, ...]:
        """Agencies whose share was asked for and is not open."""
        return tuple(sorted(set(self._tried) - set(self._open)))

    def wrapping(self, agencies: Sequence[Slug]) -> tuple[str, bytes]:
        """The name and the key that cases of these confidential agencies are wrapped under.

        Raises:
            HandoffError: ``ENGINE_LOCKED`` while the custodian of one of them does not answer.
        """
        ordered = sorted(set(agencies))
        name = ",".join(ordered)
        known = self._made.get(name)
        if known is None:
            secret = b"".join(self._share(each) for each in ordered) or self._site
            info = f"handoff/1|case-key|{name}".encode()
            known = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)
            self._made[name] = known
        return name, known

    def _share(self, agency: Slug) -> bytes:
        known = self._open.get(agency)
        if known is not None:
            return known
        with self._lock:
            now = time.monotonic()
            if agency in self._open:
                return self._open[agency]
            if now - self._tried.get(agency, -ASK_AGAIN) < ASK_AGAIN:
                raise _locked(agency)
            self._tried[agency] = now
            try:
                self._open[agency] = self._custodian.engine_share(agency)
            except HandoffError as error:
                raise _locked(agency) from error
            log.info("engine open", agency=agency)
            return self._open[agency]


def _locked(agency: Slug) -> HandoffError:
    return HandoffError(
        "ENGINE_LOCKED",
        f"the keys of {agency}'s cases are locked: its keyholder has not answered since this process started",
    )
