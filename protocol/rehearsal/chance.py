"""Chance that is the same for both texts: every draw is named by what it is for, and its name decides it.

Common random numbers (Law, *Simulation Modeling and Analysis*, 11.2): the same case, step, occurrence and purpose
draw the same number under either text, so that a difference between the texts is the texts' own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from statistics import NormalDist

NORMAL = NormalDist()
WHOLE = 1 << 64
NINE_OF_TEN = NORMAL.inv_cdf(0.9)
"""How many standard deviations above the middle nine of ten lie."""


class Chance:
    """A seed's table of numbers."""

    __slots__ = ("_key",)

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def draw(self, *name: object) -> float:
        """The number, above 0 and below 1, of this name."""
        said = "\x1f".join(map(str, name)).encode()
        number = int.from_bytes(blake2b(said, digest_size=8, key=self._key).digest(), "big")
        return (number + 0.5) / WHOLE

    def normal(self, *name: object) -> float:
        """The same, in standard deviations from the middle."""
        return NORMAL.inv_cdf(min(max(self.draw(*name), 1e-9), 1 - 1e-9))

    def choose(self, choices: Sequence[tuple[str, float]], *name: object) -> Iterator[str]:
        """The choices in a drawn order: the first by weight, the rest by their weights among what is left."""
        left = list(choices)
        for place in range(len(choices)):
            at = self.draw(*name, place) * sum(weight for _, weight in left)
            taken = _reached(at, (weight for _, weight in left))
            yield left.pop(taken)[0]


def _reached(at: float, weights: Iterable[float]) -> int:
    """Where in a row of weights a number falls."""
    number, last = 0, 0
    for number, weight in enumerate(weights):
        if weight > 0:
            last = number
        at -= weight
        if at < 0 and weight > 0:
            return number
    return last if number else 0
