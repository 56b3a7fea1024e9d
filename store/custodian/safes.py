"""Where the seeds of agencies' keys rest: as owner-only files, or shut by a key that never leaves a PKCS #11 token.

PKCS #11 (OASIS, version 3.1) is what hardware modules, smart cards and the operators' key services of most clouds
speak. The token's AES key is not extractable; it shuts and opens the seeds with AES-GCM, and the custodian holds a seed
in its memory only. Whoever has the disk alone opens nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.mechanisms import GCMParams

from protocol.errors import HandoffError
from runtime.settings import Settings

SHUT = b"handoff-shut/1 pkcs11\n"
NONCE_BYTES = 12
KEY_BITS = 256


class Safe(Protocol):
    """Shuts and opens what a folder of keys holds; ``about`` is bound to it, so that files cannot change places."""

    def shut(self, secret: bytes, about: str) -> bytes:
        """What may lie on the disk."""
        ...

    def open(self, kept: bytes, about: str) -> bytes:
        """What was shut.

        Raises:
            HandoffError: ``KEYS_SHUT``, ``TOKEN_DOWN``, ``KEYS_SPOILED``.
        """
        ...


class Files:
    """Seeds as they are, in files that only their owner reads."""

    def shut(self, secret: bytes, about: str) -> bytes:  # noqa: ARG002 - the port's
        """See ``Safe``."""
        return secret

    def open(self, kept: bytes, about: str) -> bytes:
        """See ``Safe``."""
        if kept.startswith(SHUT):
            raise HandoffError(
                "KEYS_SHUT", f"the {about} is shut by a PKCS #11 token; set HANDOFF_PKCS11_MODULE, _TOKEN and _PIN_FILE"
            )
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """A token: its library, its label, the file with its PIN, and the label of the key in it."""

    module: Path
    token: str
    pin_file: Path
    key: str = "handoff"

    def arguments(self) -> list[str]:
        """The same for the command line of the custodian's process."""
        found = (("module", self.module), ("token", self.token), ("pin-file", self.pin_file), ("key", self.key))
        return [part for name, value in found for part in (f"--pkcs11-{name}", str(value))]


class Token:
    """A PKCS #11 token, opened for as long as the process lives.

    Raises:
        HandoffError: ``TOKEN_DOWN`` when it cannot be used; says which part of it.
    """

    def __init__(self, options: TokenOptions) -> None:
        try:
            pin = options.pin_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise HandoffError("TOKEN_DOWN", f"the token's PIN file cannot be read: {error.strerror}") from None
        try:
            self._session = _session(pkcs11.lib(str(options.module)).get_token(token_label=options.token), pin)
            # The library's keys say what they can do at run time only.
            self._key: Any = self._known(options.key) or self._made(options.key)
        except pkcs11.NoSuchToken:
            raise HandoffError("TOKEN_DOWN", f"the library knows no token {options.token}") from None
        except pkcs11.PinIncorrect:
            raise HandoffError("TOKEN_DOWN", "the token does not take this PIN; it may lock itself") from None
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise HandoffError("TOKEN_DOWN", f"the token cannot be used: {type(error).__name__}") from None

    def _known(self, label: str) -> object | None:
        wanted = {Attribute.LABEL: label, Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES}
        found = list(self._session.get_objects(wanted))
        if len(found) > 1:
            raise HandoffError("TOKEN_DOWN", f"the token has several keys {label}")
        return found[0] if found else None

    def _made(self, label: str) -> object:
        return self._session.generate_key(
            KeyType.AES,
            KEY_BITS,
            label=label,
            store=True,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
        )

    def shut(self, secret: bytes, about: str) -> bytes:
        """See ``Safe``."""
        nonce = os.urandom(NONCE_BYTES)
        try:
            shut: bytes = self._key.encrypt(
                secret, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, about.encode(), 128)
            )
        except pkcs11.PKCS11Error as error:
            raise HandoffError("TOKEN_DOWN", f"the token does not encrypt: {type(error).__name__}") from None
        return SHUT + nonce + shut

    def open(self, kept: bytes, about: str) -> bytes:
        """See ``Safe``: what lies here unshut, because it was made before there was a token, opens as it is."""
        if not kept.startswith(SHUT):
            return kept
        sealed = kept.removeprefix(SHUT)
        nonce, sealed = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            opened: bytes = self._key.decrypt(
                sealed, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, about.encode(), 128)
            )
        except (pkcs11.EncryptedDataInvalid, pkcs11.EncryptedDataLenRange, pkcs11.GeneralError):
            raise HandoffError("KEYS_SPOILED", f"the {about} was altered, or shut by another token's key") from None
        except pkcs11.PKCS11Error as error:
            raise HandoffError("TOKEN_DOWN", f"the token does not decrypt: {type(error).__name__}") from None
        return opened


def _session(token: pkcs11.Token, pin: str) -> pkcs11.Session:
    try:
        return token.open(rw=True, user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        # A process signs in to a token once; all its sessions are signed in then.
        return token.open(rw=True)


def options_of(settings: Settings) -> TokenOptions | None:
    """The token that the settings name, if they name one."""
    module, token, pin_file = settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin_file
    if module is None or token is None or pin_file is None:
        return None
    return TokenOptions(module=module, token=token, pin_file=pin_file, key=settings.pkcs11_key)


def safe_of(options: TokenOptions | None) -> Safe:
    """The safe of an installation or a keyholder."""
    return Files() if options is None else Token(options)


Kept = Literal["file", "token"]


def kept_as(content: bytes) -> Kept:
    """How a file of a seed rests."""
    return "token" if content.startswith(SHUT) else "file"
