"""The attack: ``python -m tests.attack.attack FOLDER [--seed AGENCY=FILE]`` prints whatever it can open.

FOLDER is an operator's whole installation without the custodian's folder of seeds: databases, Temporal's files, logs,
settings, every key file. It tries every secret it finds, as it stands and through every derivation that the program's
source knows, on every ciphertext, until nothing new opens. With an agency's seed it opens everything of that agency.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import itertools
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.kernel import Protocol
from protocol.serial import load_protocol
from store import ids
from store.custodian import suite
from store.custodian.port import Place, Sealed, Wrap
from store.keyring.sealing import SHAPES
from tests.attack.loot import Loot

Seeds = dict[str, bytes]


class Attack:
    """Everything that opens, from what is in hand.

    Args:
        loot: the stolen folder.
        seeds: seeds of agencies, by agency; none of them is the operator's.
    """

    def __init__(self, loot: Loot, seeds: Seeds | None = None) -> None:
        self.loot = loot
        self.seeds = seeds or {}
        self.cases = sorted({str(row["case_id"]) for row in loot.rows("case_file")})
        self.protocols = [load_protocol(bytes(row["compiled"])) for row in loot.rows("protocol_version")]
        self.agencies = sorted(
            {each.id for protocol in self.protocols for each in protocol.agencies if each.confidential}
        )
        self.keys: dict[bytes, str] = {}
        self.case_keys: dict[bytes, str] = {}

    def run(self) -> list[tuple[str, bytes]]:
        """Open whatever opens; each with where it lay."""
        self._collect()
        self._open_case_keys()
        opened = [*self._rows(), *self._payloads(), *self._vault(), *self._answers()]
        self.loot.opened = opened
        return opened

    def _collect(self) -> None:
        """Keys in hand, and what the program's derivations make of each."""
        for secret in (*self.loot.secrets, *self.seeds.values()):
            self._add(secret, "as it lies there")
            self._add(hashlib.sha256(secret).digest(), "hashed")
            self._add(_hkdf(secret, "handoff/1|keyring|site"), "as the installation's own")
            for agency in self.agencies:
                self._add(suite.engine_share(agency, secret), f"as the seed of {agency}")
                self._add(suite.engine_share(agency, (secret * 8)[: suite.SEED_BYTES]), f"as the seed of {agency}")
        names = ["", *self.agencies, *(",".join(pair) for pair in itertools.combinations(self.agencies, 2))]
        for key in list(self.keys):
            for name in names:
                self._add(_hkdf(key, f"handoff/1|case-key|{name}"), f"wrapping cases of {name}")
            for case in self.cases:
                self._add(_hkdf(key, f"handoff/1|case|{case}"), f"derived for {case}")

    def _add(self, key: bytes, how: str) -> None:
        self.keys.setdefault((key * 2)[:32], how)

    def _open_case_keys(self) -> None:
        """Every wrapped key of ``keys.db`` with every key."""
        for row in self.loot.rows("case_key"):
            if row["wrapped"] is None:
                continue
            bound = f"handoff/1|{row['case_id']}|{row['purpose']}|{row['under']}".encode()
            for key in list(self.keys):
                plain = _gcm(key, row["wrapped"], bound)
                if plain is not None:
                    self.case_keys[plain] = f"{row['case_id']} {row['purpose']}"
        for key, what in self.case_keys.items():
            self._add(key, what)

    def _rows(self) -> Iterator[tuple[str, bytes]]:
        """Every sealed row with every key."""
        ciphers = [AESSIV(hmac.digest(key, b"handoff/1|rows", "sha512")) for key in self.keys]
        ciphers += [AESSIV(key) for key in self.keys]
        for table, shape in SHAPES.items():
            for row in self.loot.rows(table):
                if row["sealed"] is None:
                    continue
                data = bytes(row["sealed"])
                place = [f"handoff/1|{table}".encode(), *(str(row[name]).encode() for name in shape.place)]
                for each in ciphers:
                    try:
                        yield f"{table} {row['case_id']}", each.decrypt(data[1 + data[0] :], place)
                    except InvalidTag:
                        continue

    def _payloads(self) -> Iterator[tuple[str, bytes]]:
        """Every payload in Temporal with every key, as of every case."""
        for blob, case, name in itertools.product(self.loot.payloads, (*self.cases, "site"), ("handoff", "")):
            bound = f"handoff/1|{name}|{case}|{blob.key_id}".encode()
            for key in self._likely(case):
                plain = _gcm(key, blob.data, bound)
                if plain is not None:
                    size = int.from_bytes(plain[:4])
                    yield f"payload of {case}", zlib.decompress(plain[4 : 4 + size])

    def _likely(self, case: str) -> Iterable[bytes]:
        """Keys that may be a case's: what names another case cannot be."""
        return [key for key, how in self.keys.items() if case in how or not any(each in how for each in self.cases)]

    def _vault(self) -> Iterator[tuple[str, bytes]]:
        """Every protected value with every key; with a seed as its keeper would open it."""
        (site,) = [row["site_id"] for row in self.loot.rows("site")]
        records = {row["id"]: row for row in self.loot.rows("vault_record")}
        for row in self.loot.rows("vault_value"):
            record = records[row["record_id"]]
            place = Place(
                site=site, case_id=row["case_id"], owner=record["keeper"], record=row["record_id"],
                ref=row["ref"], field=row["field"], version=row["version"],
            )  # fmt: skip
            sealed = Sealed(commitment=row["commitment"], nonce=row["nonce"], ciphertext=row["ciphertext"])
            for key in self._value_keys(place, record["wrapped"], record["epoch"]):
                try:
                    yield f"value {row['field']} of {row['case_id']}", suite.open_value(key, place, sealed)
                except Exception:  # noqa: BLE001, S112 - the next key
                    continue

    def _value_keys(self, place: Place, wrapped: bytes, epoch: int) -> Iterator[bytes]:
        for key in self.keys:
            yield key + b"\0" * 32
            yield suite.value_key(key, place)
        for seed in (*self.seeds.values(), *(each for each in self.loot.secrets if len(each) == suite.SEED_BYTES)):
            try:
                wrap = Wrap(epoch=epoch, suite=suite.SUITE, wrapped=wrapped)
                yield suite.value_key(suite.PrivateKey(seed).unwrap(wrap, suite.record_info(place)), place)
            except Exception:  # noqa: BLE001, S112 - another agency's
                continue

    def _answers(self) -> Iterator[tuple[str, bytes]]:
        """Answers kept for a repeat."""
        for row in self.loot.rows("idempotency"):
            bound = f"{row['scope']}|{row['key']}".encode()
            for key in self.keys:
                for tried in (key, hmac.digest(key, b"handoff/1|agency", "sha256")):
                    plain = _gcm(tried, row["response"], bound)
                    if plain is not None:
                        yield "an answer", plain

    def guessed(self) -> list[str]:
        """What trying every word tells: ids of inner steps, names of fields, hashes of requests."""
        words = {step.id for protocol in self.protocols for step in protocol.steps}
        tried = [*self.keys, *(hmac.digest(key, b"handoff/1|ids", "sha256") for key in self.case_keys)]
        inner = {row["id"] for row in self.loot.rows("task") if row["owner"] is not None and not row["outside"]}
        inner |= {row["task_id"] for row in self.loot.rows("fact") if row["owner"] is not None and not row["outside"]}
        found = [
            f"{case}: {step} is a step of it"
            for key in tried
            for case in self.cases
            for step in words
            for number in range(3)
            if ids.task_id(key, case, step, 0, number) in inner or ids.task_id(key, case, step, number, 0) in inner
        ]
        return [*found, *self._guessed_fields(), *self._guessed_requests()]

    def _guessed_fields(self) -> Iterator[str]:
        names = {each.id for protocol in self.protocols for each in protocol.fields}
        kept = {row["field"] for row in self.loot.rows("field_value") if row["owner"] is not None}
        for key, name in itertools.product(self.keys, names):
            digest = hmac.digest(key, json.dumps(["field", name]).encode(), "sha256")
            if _word(digest) in kept or name in kept:
                yield f"{name} was answered"

    def _guessed_requests(self) -> Iterator[str]:
        """An answer's outcome, from the hash that is kept to tell a repeat from another request."""
        hashes = {row["body_hash"] for row in self.loot.rows("idempotency")}
        owned = [row for row in self.loot.rows("task") if row["owner"] is not None]
        outcomes = {each.id for protocol in self.protocols for step in protocol.steps for each in step.outcomes}
        agencies = [hmac.digest(key, b"handoff/1|agency", "sha256") for key in self.keys]
        raw = [key for key, how in self.keys.items() if how == "as it lies there"]
        for row, outcome, key in itertools.product(owned, outcomes, (*raw, *agencies)):
            path = f"/api/v1/tasks/{row['id']}/complete"
            body = json.dumps({"outcome": outcome}, sort_keys=True)
            parts = json.dumps(["request", "POST", path, "", body]).encode()
            if hmac.new(key, parts, hashlib.sha256).hexdigest() in hashes:
                yield f"{row['id']} ended as {outcome}"

    def seen(self, words: Iterable[str]) -> list[str]:
        """Where any of these texts can be read: in files as they are, in other spellings, in what was opened."""
        found = []
        for word in words:
            for spelt in _spellings(word.encode()):
                found += [f"{word} in {name}" for name, data in self.loot.files.items() if spelt in data]
                found += [f"{word} in {where}" for where, data in self.loot.opened if spelt in data]
        return found

    def outcomes_in_clear(self, words: Iterable[str]) -> list[str]:
        """Outcomes that stand anywhere but in a protocol's text, which is public."""
        public = [
            bytes(row[name]) if isinstance(row[name], bytes) else str(row[name]).encode()
            for row in self.loot.rows("protocol_version")
            for name in ("source", "compiled")
        ]
        found = []
        for word in (each.encode() for each in words):
            for name, data in self.loot.files.items():
                for at in _places(data, word):
                    around = (data[max(0, at - 8) : at + len(word)], data[at : at + len(word) + 8])
                    if not any(each in text for text in public for each in around if len(each) == len(word) + 8):
                        found.append(f"{word.decode()} in {name}")
        return found + [where for where, data in self.loot.opened for word in words if word.encode() in data]


def _word(digest: bytes) -> str:
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def _places(data: bytes, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


def _spellings(word: bytes) -> set[bytes]:
    return {
        word, word[::-1], word.hex().encode(), word.decode().encode("utf-16-le"), hashlib.sha256(word).digest(),
        hashlib.sha256(word).hexdigest().encode(), zlib.compress(word, 6)[2:-6],
        *(base64.b64encode(b"x" * shift + word)[4 if shift else 0 : -4] for shift in range(3)),
    }  # fmt: skip


def _hkdf(key: bytes, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(key)


def _gcm(key: bytes, data: bytes, bound: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(data[:12], data[12:], bound)
    except (InvalidTag, ValueError):
        return None


def confidential_outcomes(protocols: Iterable[Protocol]) -> set[str]:
    """The outcomes of confidential agencies' steps that are words of their own."""
    return {
        outcome.id
        for protocol in protocols
        for step in protocol.steps
        if protocol.agency[step.agency].confidential
        for outcome in step.outcomes
    }


def main() -> int:
    """Attack a folder and print what opens; 1 when anything does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", action="append", default=[], help="AGENCY=FILE: a seed from a custodian's folder")
    chosen = parser.parse_args()
    seeds = {name: Path(file).read_bytes() for name, _, file in (each.partition("=") for each in chosen.seed)}
    attack = Attack(Loot(chosen.folder), seeds)
    opened = attack.run()
    tried = f"{len(attack.keys):,} keys tried on {len(attack.loot.payloads)} payloads and every row"
    print(tried)  # noqa: T201 - its only output
    said = [*(f"{where}: {data[:300]!r}" for where, data in opened), *attack.guessed()]
    print("\n".join(said))  # noqa: T201 - as above
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
