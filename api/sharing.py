"""What a permission may be about: what my agency keeps of a case, and with whom it has an agreement in date."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import Here, Who, now
from api.once import Once
from api.recording import seen
from api.views import Closed
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from store import protocols
from store.policy import Action, Kind, Subject, unknown
from store.releases import acts, document, filing
from store.releases.document import OWN_PURPOSES, Purpose
from store.releases.filing import File
from store.session import Connection

router = APIRouter(route_class=Once)


class WithWhom(Closed):
    """An agency there is an agreement with, and those of its roles that do not face the suspect."""

    agency: Slug
    roles: list[Slug]


class ReleaseForm(Closed):
    """What a release of my agency may say. ``most_days``: how long it lasts at most."""

    agencies: list[WithWhom]
    fields: list[Slug]
    purposes: list[Purpose]
    most_days: int
    zone: str


@router.get("/cases/{case}/release-form")
async def form(case: str, here: Here, who: Who) -> ReleaseForm:
    """What may be asked of her, and what cannot be shared at all."""

    def find(connection: Connection) -> ReleaseForm:
        file = filing.of_case(connection, who, case)
        filing.must(who, Action.READ, filing.object_of(connection, file, Kind.RELEASE, who.agency), "case")
        kept = [each.id for each in file.protocol.vault if each.keeper == who.agency]
        if not kept:
            raise unknown("case")
        seen(who, file.case_id, ["release"])
        return ReleaseForm(
            agencies=_with_whom(connection, file, who),
            fields=kept,
            purposes=[each for each in Purpose if each not in OWN_PURPOSES],
            most_days=document.LONGEST // document.DAY,
            zone=file.protocol.zone,
        )

    return await here.read(find)


def _with_whom(connection: Connection, file: File, who: Subject) -> list[WithWhom]:
    newest: Protocol = protocols.current(connection, file.protocol.id).protocol
    found = []
    for each in newest.agencies:
        if each.id == who.agency:
            continue
        try:
            acts.agreed(connection, file, who.agency, each.id, now())
        except HandoffError as error:
            if error.code != "NO_AGREEMENT":
                raise
            continue
        roles = [role.id for role in newest.roles if role.agency == each.id and not role.faces_suspect]
        found.append(WithWhom(agency=each.id, roles=roles))
    return found
