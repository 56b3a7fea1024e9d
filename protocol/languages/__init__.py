"""The languages in which clocks are explained: a table of whole sentences each."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from protocol.languages.english import ENGLISH
from protocol.languages.language import Language
from protocol.languages.spanish import SPANISH

Tongue: TypeAlias = Literal["en", "es"]
"""A language by its ISO 639-1 code."""

TONGUES: Final[tuple[Tongue, ...]] = get_args(Tongue)
DEFAULT: Final[Tongue] = "en"
LANGUAGES: Final[dict[Tongue, Language]] = {"en": ENGLISH, "es": SPANISH}
