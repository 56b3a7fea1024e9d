"""The event by which an agency ends all of its own part of a case at once: "stop all contact". Pure."""

from __future__ import annotations

from protocol.kernel import ActKind, Event, Protocol
from protocol.names import Slug


def stop_of(protocol: Protocol, agency: Slug) -> Slug | None:
    """What an agency reports to close its own lanes, which needs no word more; None where the text has no such event.

    It closes lanes and does nothing else, nobody else reports it, and in those lanes nobody else owes anything.
    """
    return next((each.id for each in protocol.events if _stops(protocol, each, agency)), None)


def _stops(protocol: Protocol, event: Event, agency: Slug) -> bool:
    if event.sources != (agency,) or event.starts or event.brings or not event.acts:
        return False
    if any(act.act is not ActKind.CLOSE for act in event.acts):
        return False
    closed = {target for act in event.acts for target in act.targets}
    return all(step.agency == agency for step in protocol.steps if step.lane in closed)


__all__ = ["stop_of"]
