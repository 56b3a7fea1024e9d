"""The Merkle tree of RFC 9162 §2.1.1 over places that keep their order; a leaf may be replaced."""

from __future__ import annotations

import hashlib
import json

EMPTY = hashlib.sha256(b"").digest()


def leaf_of(salt: bytes, chain: str, length: int, head: bytes) -> bytes:
    """A chain's leaf: salted, so that nobody who guesses a chain and its length can look whether they are right."""
    said = json.dumps([salt.hex(), chain, length, head.hex()]).encode()
    return hashlib.sha256(b"\x00" + said).digest()


def placed(salt: bytes, chain: str, length: int, leaf: bytes) -> bytes:
    """A leaf as the tree has it: bound to what stands beside it, which no row can show once its row was dropped."""
    said = json.dumps([salt.hex(), chain, length, leaf.hex()]).encode()
    return hashlib.sha256(b"\x00" + said).digest()


class Tree:
    """Leaves by place, without gaps; replacing or adding one costs a path to the root."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    def put(self, place: int, leaf: bytes) -> None:
        """Set the leaf at a place: one that is there, or the next."""
        at, node, level = place, leaf, 0
        while True:
            row = self._levels[level]
            if at == len(row):
                row.append(node)
            else:
                row[at] = node
            if len(row) == 1:
                del self._levels[level + 1 :]
                return
            if level + 1 == len(self._levels):
                # A row that has just become two: its first half has a node above it from now on.
                self._levels.append([])
            left = at & ~1
            # A node without a sibling is its own parent: the same as splitting at the largest power of two.
            node = _node(row[left], row[left + 1]) if left + 1 < len(row) else row[left]
            at //= 2
            level += 1

    def root(self) -> bytes:
        """The root; of no leaves, the hash of nothing."""
        top = self._levels[-1]
        return top[0] if top else EMPTY

    def __len__(self) -> int:
        return len(self._levels[0])


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
