"""In which language a reader is answered."""

from __future__ import annotations

import pytest

from api.views import spoken
from protocol.languages import Tongue


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-US,es;q=0.9,en;q=0.8", "es"),
        ("EN-us, es; q=0.9", "en"),
        ("en;q=0.4, es;q=0.5", "es"),
        ("fr, es;q=0.2", "es"),
        ("fr, de", "en"),
        ("*", "en"),
        ("es;q=0", "en"),
        ("es;q=much, en;q=0.1", "en"),
        (";;,,=", "en"),
    ],
)
def test_a_reader_is_answered_in_the_language_asked_for_or_in_english(accept: str, language: Tongue) -> None:
    """The one with the most weight of those there are; what cannot be read counts for nothing."""
    assert language == spoken(accept)
