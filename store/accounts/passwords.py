"""Passwords: argon2id, and which are too easily guessed.

Memory 19 MiB, two passes, one lane (OWASP's first choice for argon2id). A name nobody has costs the same as one
somebody has: its password is compared with a hash that nothing matches.
"""

from __future__ import annotations

import re
import secrets
from functools import lru_cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from protocol.errors import HandoffError

SHORTEST = 12
LONGEST = 256
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

COMMON = (
    "password", "passwort", "passwd", "contrasena", "letmein", "welcome", "bienvenido", "iloveyou", "teamo", "monkey",
    "dragon", "sunshine", "princess", "football", "baseball", "superman", "batman", "master", "shadow", "michael",
    "jennifer", "charlie", "trustno", "starwars", "whatever", "freedom", "hello", "secret", "login", "admin",
    "administrator", "changeme", "default", "temporary", "summer", "winter", "spring", "autumn", "january", "police",
    "sheriff", "advocate", "advocacy", "shelter", "hotline", "handoff", "court", "abc", "qwertyuiop", "qwerty",
    "asdfghjkl", "asdf", "zxcvbnm", "zxcv", "qazwsx", "wsx", "edc", "america", "chicago", "family", "jesus", "blessed",
)  # fmt: skip
"""Words the most common passwords are made of; a password has to be something besides these, digits and signs."""

LETTERS = str.maketrans("@4301!$57", "aaeoiisst")
LEFT = 5
"""Letters that have to remain when the common words are taken out."""


def check(password: str, login: str) -> None:
    """Judge a new password.

    Raises:
        HandoffError: ``PASSWORD_SHORT``, ``PASSWORD_LONG`` or ``PASSWORD_COMMON``; none repeats it.
    """
    if len(password) < SHORTEST:
        raise HandoffError(
            "PASSWORD_SHORT", f"a password has {SHORTEST} characters at least; four words are a good one"
        )
    if len(password) > LONGEST:
        raise HandoffError("PASSWORD_LONG", f"a password has {LONGEST} characters at most")
    if len(set(password.casefold())) < LEFT or not _something_left(password, login):
        raise HandoffError("PASSWORD_COMMON", "this password is among the first to be tried; four words are a good one")


def _something_left(password: str, login: str) -> bool:
    given = password.casefold()
    rest = [each for each in given if not each.isalpha()]
    # A sign stands in for a letter only among letters.
    letters = given.translate(LETTERS) if len(rest) < len(given) else ""
    plain = "".join(each for each in letters if each.isalpha())
    own = [each for each in re.split(r"[^a-z]+", login.casefold()) if len(each) > 2]
    for each in sorted((*COMMON, *own), key=len, reverse=True):
        plain = plain.replace(each, "")
    # Signs and digits of a made-up password count as well, unless they only run up or down.
    return len(set(plain)) >= LEFT or (len(plain) >= 2 and len(set(rest)) >= LEFT and not _runs(rest))


def _runs(signs: list[str]) -> bool:
    return len({ord(b) - ord(a) for a, b in pairwise(signs)}) <= 2


def hashed(password: str) -> str:
    """The form in which a password is kept."""
    return HASHER.hash(password)


def fits(kept: str | None, password: str) -> bool:
    """Whether a password is the one that was kept; as slow when none was."""
    try:
        HASHER.verify(kept or nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@lru_cache(maxsize=1)
def nobodys() -> str:
    """A hash that no password fits; made before the first try, so that the first takes no longer either."""
    return HASHER.hash(secrets.token_hex(32))
