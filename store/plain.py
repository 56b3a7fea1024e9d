"""A protected value in clear: it can be revealed on purpose and in no other way."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class Plain:
    """Holds a text that must not reach a log, a message, a template or a file by accident.

    ``str``, ``format``, pickling and copying are refused; ``repr`` says only what it is. Two are equal only if they
    are the same object: comparing values is for whoever may reveal them.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The value; only the API's edge and the vault call this."""
        return self.__text

    def __repr__(self) -> str:
        return "<protected>"

    def __str__(self) -> NoReturn:
        raise TypeError("a protected value has no text form")

    def __format__(self, _spec: str) -> NoReturn:
        raise TypeError("a protected value cannot be formatted")

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a protected value cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a protected value has no state to show")
