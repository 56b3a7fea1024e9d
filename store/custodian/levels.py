"""Who holds each agency's keys, said in plain words, and what an installation in earnest does not put up with."""

from __future__ import annotations

from collections.abc import Callable

from protocol.errors import HandoffError
from protocol.names import Slug
from runtime.settings import Settings
from store import protocols
from store.custodian import remote
from store.session import Database

HERE = "Keys are on this machine. Whoever has this disk can read the cases."


def levels(settings: Settings) -> dict[Slug, tuple[bool, bool]]:
    """Each agency of the published protocols: whether it is confidential, and whether its keys are on this machine."""
    away = set(remote.enrolled(settings.keyholders))
    database = Database(settings.database_url)
    try:
        with database.read() as connection:
            found = [each for version in protocols.versions(connection) for each in version.protocol.agencies]
    finally:
        database.close()
    secret = {each.id for each in found if each.confidential}
    return {each: (each in secret, each not in away) for each in sorted({one.id for one in found})}


def judge(settings: Settings, report: Callable[[str], None]) -> None:
    """Say at a start where keys are.

    Raises:
        HandoffError: ``KEYS_HELD_BY_OPERATOR``, without the demonstration, for a confidential agency whose keys are on
            this machine, unless that agency runs it.
    """
    here = [each for each, (confidential, local) in levels(settings).items() if confidential and local]
    held = [each for each in here if each != settings.operator_agency]
    if held and not settings.demonstration:
        raise HandoffError(
            "KEYS_HELD_BY_OPERATOR",
            f"the keys of {', '.join(held)} are on this machine, so whoever runs it can read what survivors said. "
            "Enrol the agency's keyholder (handoff keys join), or set HANDOFF_OPERATOR_AGENCY if that agency runs it",
        )
    if here:
        report(HERE)
