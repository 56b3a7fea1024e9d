"""Paper cards: an agency's keys come back with k of n of them, and with fewer nothing does.

No secret-sharing code of our own: each set of k cards wraps the same escrow key by itself (privacy.md section 3; 3 of 5
are ten wraps). The escrow key is a key pair: seeds made later are sealed to its public half, with no card on the table.
The file of wraps is no secret; a copy lies with each card. Cards are for the agency's director, its board's chair, its
counsel; never for whoever runs this machine, nor for the council.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.errors import HandoffError
from protocol.names import Slug
from store.custodian.port import KeyCard, Wrap
from store.custodian.suite import SEED_BYTES, SUITE, PrivateKey, seal_seed, seed_info

SECRET_BYTES = 20
MARK, CHECK = 4, 2
MOST_SETS = 500
"""Wraps in one file: 5 of 9 are 126."""

CARD = re.compile(rf"HK1-(\d{{1,2}})-([A-Z2-7]{{{MARK}}})-([A-Z2-7]{{32}})([A-Z2-7]{{{CHECK}}})")


class Closed(BaseModel):
    """Base of the file's models."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, Field(max_length=20_000)]


class Set(Closed):
    """The escrow key, wrapped under one set of cards."""

    cards: tuple[int, ...]
    nonce: Text
    wrapped: Text


class Seed(Closed):
    """A seed of the agency, sealed to the escrow key."""

    epoch: int
    sealed: Text


class Escrow(Closed):
    """The file: of whom, how many cards are needed, the public half, the wraps, the seeds."""

    handoff_escrow: Literal[1] = 1
    agency: Slug
    mark: str
    need: int
    of: int
    public: Text
    sets: tuple[Set, ...]
    seeds: tuple[Seed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card: its number, the mark of its escrow, its secret."""

    number: int
    mark: str
    secret: bytes

    def text(self) -> str:
        """As it is printed, in groups of four; with a check so that a slip of the pen is seen."""
        body = base64.b32encode(self.secret).decode()
        whole = f"HK1-{self.number}-{self.mark}-{body}{_check(self.number, self.mark, body)}"
        head, tail = whole[: -(len(body) + CHECK)], whole[-(len(body) + CHECK) :]
        return head + " ".join(tail[at : at + 4] for at in range(0, len(tail), 4))

    @classmethod
    def read(cls, text: str) -> Card:
        """A card as somebody typed it: letter case and blanks do not count.

        Raises:
            HandoffError: ``CARD_TYPO``.
        """
        found = CARD.fullmatch("".join(text.split()).upper())
        if found is None or _check(int(found[1]), found[2], found[3]) != found[4]:
            raise HandoffError("CARD_TYPO", "a card was not typed as it is printed; look at each letter once more")
        return cls(number=int(found[1]), mark=found[2], secret=base64.b32decode(found[3]))


def make(agency: Slug, seeds: Sequence[tuple[int, bytes]], *, need: int, of: int) -> tuple[Escrow, tuple[Card, ...]]:
    """New cards for an agency's keys, and the file that goes with them. Cards made before open nothing new.

    Raises:
        HandoffError: ``CARDS_HOW_MANY``; ``NO_KEYS`` when the agency has none here.
    """
    if not (2 <= need <= of <= 12) or comb(of, need) > MOST_SETS:
        raise HandoffError("CARDS_HOW_MANY", "from 2 to 12 cards, of which at least 2 are needed")
    if not seeds:
        raise HandoffError("NO_KEYS", f"there are no keys of {agency} here")
    secret = os.urandom(SEED_BYTES)
    public = PrivateKey(secret).public
    mark = base64.b32encode(hashlib.sha256(public).digest()).decode()[:MARK]
    cards = tuple(Card(number=each, mark=mark, secret=os.urandom(SECRET_BYTES)) for each in range(1, of + 1))
    sets = tuple(_wrapped(agency, mark, some, secret) for some in combinations(cards, need))
    escrow = Escrow(agency=agency, mark=mark, need=need, of=of, public=_text(public), sets=sets, seeds=())
    for epoch, seed in seeds:
        escrow = with_seed(escrow, epoch, seed)
    return escrow, cards


def with_seed(escrow: Escrow, epoch: int, seed: bytes) -> Escrow:
    """The file with one more seed, for which no card is needed."""
    card = KeyCard(agency=escrow.agency, epoch=epoch, suite=SUITE, public=_bytes(escrow.public))
    sealed = Seed(epoch=epoch, sealed=_text(seal_seed(card, seed).wrapped))
    others = tuple(each for each in escrow.seeds if each.epoch != epoch)
    return escrow.model_copy(update={"seeds": (*others, sealed)})


def open_(escrow: Escrow, cards: Sequence[Card]) -> tuple[tuple[int, bytes], ...]:
    """The agency's seeds.

    Raises:
        HandoffError: ``CARD_OTHER`` for a card of another escrow; ``CARDS_TOO_FEW``; ``CARDS_WRONG`` when they do not
            open it, or the file was altered.
    """
    if any(each.mark != escrow.mark for each in cards):
        raise HandoffError("CARD_OTHER", f"a card belongs to another escrow than this file's, which is {escrow.mark}")
    known = {each.number: each for each in cards}
    if len(known) < escrow.need:
        raise HandoffError("CARDS_TOO_FEW", f"{escrow.need} different cards are needed, and there are {len(known)}")
    some = tuple(known[number] for number in sorted(known))[: escrow.need]
    numbers = tuple(each.number for each in some)
    wrapped = next((each for each in escrow.sets if each.cards == numbers), None)
    try:
        key = None if wrapped is None else _escrow_key(escrow, wrapped, some)
        found = () if key is None else tuple(_seed(escrow, key, each) for each in escrow.seeds)
    except (InvalidTag, ValueError, HandoffError):
        found = ()
    if not found:
        raise HandoffError("CARDS_WRONG", "these cards do not open this file, or the file was altered")
    return tuple(sorted(found))


def _escrow_key(escrow: Escrow, wrapped: Set, cards: Sequence[Card]) -> PrivateKey:
    kek = _kek(escrow.agency, escrow.mark, cards)
    return PrivateKey(AESGCM(kek).decrypt(_bytes(wrapped.nonce), _bytes(wrapped.wrapped), None))


def _seed(escrow: Escrow, key: PrivateKey, seed: Seed) -> tuple[int, bytes]:
    wrap = Wrap(epoch=seed.epoch, suite=SUITE, wrapped=_bytes(seed.sealed))
    return seed.epoch, key.unwrap(wrap, seed_info(escrow.agency, seed.epoch))


def read(path: Path) -> Escrow:
    """An escrow file.

    Raises:
        HandoffError: ``ESCROW_FILE``.
    """
    try:
        return Escrow.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HandoffError("ESCROW_FILE", f"{path} cannot be read: {error.strerror}") from None
    except (ValidationError, UnicodeDecodeError):
        raise HandoffError("ESCROW_FILE", f"{path} is no escrow file") from None


def dumped(escrow: Escrow) -> bytes:
    """The file's content."""
    return (json.dumps(escrow.model_dump(mode="json"), indent=1) + "\n").encode()


def sheet(escrow: Escrow, card: Card) -> Iterator[str]:
    """What is printed for one card's keeper, line by line."""
    yield f"Card {card.number} of {escrow.of} for the keys of {escrow.agency}, escrow {escrow.mark}"
    yield f"  {card.text()}"
    yield f"  {escrow.need} such cards and the file {escrow.agency}.escrow.json bring the keys back. Keep it apart from"
    yield "  the other cards and from the machine. Whoever finds one card alone has nothing."


def _wrapped(agency: Slug, mark: str, cards: Sequence[Card], secret: bytes) -> Set:
    nonce = os.urandom(12)
    wrapped = AESGCM(_kek(agency, mark, cards)).encrypt(nonce, secret, None)
    return Set(cards=tuple(each.number for each in cards), nonce=_text(nonce), wrapped=_text(wrapped))


def _kek(agency: Slug, mark: str, cards: Sequence[Card]) -> bytes:
    info = json.dumps(["handoff/1", "escrow", agency, mark, [each.number for each in cards]]).encode()
    secret = b"".join(each.secret for each in cards)
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(secret)


def _check(number: int, mark: str, body: str) -> str:
    return base64.b32encode(hashlib.sha256(f"{number}-{mark}-{body}".encode()).digest()).decode()[:CHECK]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
