"""The tokens of placeholder people, as the first start wrote them: ``TOKEN  AGENCY  ROLES  NAME``, a line each."""

from __future__ import annotations

from pathlib import Path

from protocol.errors import HandoffError

SYSTEM = "records-system"


def token_of(file: Path, name: str) -> str:
    """The token of whoever holds a role (``patrol``, ``police/patrol``), or of a records system (``police-records``).

    Raises:
        HandoffError: ``NO_CREDENTIALS`` when the file is not there; ``UNKNOWN_NAME`` when nobody in it is called so.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        says = f"There are no credentials in {file}. Give --token, or start this installation with: handoff up"
        raise HandoffError("NO_CREDENTIALS", says) from None
    known: dict[str, str] = {}
    for line in lines:
        token, agency, roles, *_ = (*line.split(), "", "", "")
        names = [f"{agency}-records"] if roles == SYSTEM else roles.split(",")
        for each in names:
            # Agencies may call a role the same: the bare name is the first one's.
            known.setdefault(each, token)
            known[f"{agency}/{each}"] = token
    if not known.get(name):
        plain = ", ".join(sorted(each for each in known if "/" not in each))
        raise HandoffError("UNKNOWN_NAME", f"Nobody is called {name} in {file}. There is {plain}.")
    return known[name]
