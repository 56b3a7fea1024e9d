"""``handoff seal``: values sealed before they reach whoever runs Handoff."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from protocol.errors import HandoffError
from runtime import terminal


def seal(
    card: Annotated[Path, typer.Option("--card", metavar="FILE", help="The card of the agency that keeps the values.")],
    *,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", metavar="HEX", help="The card's, as the agency gave it to you in person."),
    ] = None,
) -> None:
    """Seal protected values to the agency that keeps them: field names and values as JSON from standard input.

    What is printed goes under ``vault`` of a report, as it is. Only the agency's own keyholder opens it.
    """
    from store.custodian import envelope  # noqa: PLC0415 - cryptography takes a while to import

    found = envelope.read_card(card)
    if fingerprint is not None and fingerprint.strip().lower() != found.fingerprint:
        raise HandoffError("CARD_DIFFERS", "this is not the card whose fingerprint you were given: seal nothing to it")
    try:
        values = json.load(sys.stdin)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
        raise HandoffError("SEAL_INPUT", 'give one JSON object of texts: {"safe-numbers": "..."}')
    terminal.print_json(envelope.seal(found.card, values))
